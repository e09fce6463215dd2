use proptest::prelude::*;

use super::super::canonicalize;
use super::*;

fn template(text: &str) -> Template {
    Template::parse(text).unwrap()
}

/// A matcher whose values are the templates' own text.
fn matcher(routes: &[(Method, &str)]) -> Matcher<String> {
    routes.iter().map(|&(method, text)| (method, template(text), text.to_owned())).collect()
}

fn find(
    matcher: &Matcher<String>,
    method: Method,
    path: &str,
) -> Option<(String, Vec<(String, String)>)> {
    let path = canonicalize(path.as_bytes()).unwrap();
    matcher.find(method, &path).map(|(value, params)| {
        let own = |&(n, v): &(&str, &str)| (n.to_owned(), v.to_owned());
        (value.clone(), params.pairs().iter().map(own).collect())
    })
}

#[track_caller]
fn finds(matcher: &Matcher<String>, path: &str, expected: &str, params: &[(&str, &str)]) {
    let (value, found) = find(matcher, Method::Get, path).unwrap();
    let found: Vec<_> = found.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!((value.as_str(), &found[..]), (expected, params), "{path}");
}

fn shapes() -> Matcher<String> {
    matcher(&[
        (Method::Get, "/"),
        (Method::Get, "/runs/purge-all"),
        (Method::Get, "/runs/{id}:cancel"),
        (Method::Get, "/runs/{number:int}"),
        (Method::Get, "/runs/{id}"),
        (Method::Get, "/runs/{rest...}"),
        (Method::Get, "/runs/{run}/steps/{step}"),
    ])
}

#[test]
fn the_most_specific_template_wins() {
    let m = shapes();
    finds(&m, "/", "/", &[]);
    finds(&m, "/runs/purge-all", "/runs/purge-all", &[]);
    finds(&m, "/runs/a:b:cancel", "/runs/{id}:cancel", &[("id", "a:b")]);
    finds(&m, "/runs/7:cancel", "/runs/{id}:cancel", &[("id", "7")]);
    finds(&m, "/runs/7", "/runs/{number:int}", &[("number", "7")]);
    finds(&m, "/runs/:cancel", "/runs/{id}", &[("id", ":cancel")]);
    finds(&m, "/runs/a:stop", "/runs/{id}", &[("id", "a:stop")]);
    finds(&m, "/runs/a/b", "/runs/{rest...}", &[("rest", "a/b")]);
    finds(&m, "/runs/a/steps/b", "/runs/{run}/steps/{step}", &[("run", "a"), ("step", "b")]);
    // A choice that leads nowhere is taken back.
    finds(
        &m,
        "/runs/purge-all/steps/b",
        "/runs/{run}/steps/{step}",
        &[("run", "purge-all"), ("step", "b")],
    );
    finds(&m, "/runs/7/steps", "/runs/{rest...}", &[("rest", "7/steps")]);
}

#[test]
fn another_spelling_of_a_number_finds_nothing_where_a_number_is_known() {
    let m = shapes();
    for path in ["/runs/07", "/runs/0", "/runs/+7", "/runs/-7", "/runs/%d9%a7", "/runs/07/"] {
        assert_eq!(find(&m, Method::Get, path), None, "{path}");
    }
    // The number leads nowhere from here, whatever its spelling.
    finds(&m, "/runs/07/steps/b", "/runs/{run}/steps/{step}", &[("run", "07"), ("step", "b")]);
    finds(&m, "/runs/7.0", "/runs/{id}", &[("id", "7.0")]);
}

#[test]
fn p9_a_slash_at_the_end_that_leads_strict_servers_elsewhere_finds_nothing() {
    let m = matcher(&[
        (Method::Get, "/files"),
        (Method::Get, "/files/index"),
        (Method::Get, "/files/{path...}"),
        (Method::Get, "/a/{x}"),
        (Method::Get, "/{y}/b/"),
        (Method::Get, "/teams/"),
        (Method::Get, "/files/tmp/{path...}"),
        (Method::Get, "/{z}/"),
        (Method::Get, "/c/{path...}"),
    ]);
    for path in ["/files/", "/files/index/", "/a/b/", "/files/tmp/", "/c/"] {
        assert_eq!(find(&m, Method::Get, path), None, "{path}");
    }
    finds(&m, "/files", "/files", &[]);
    finds(&m, "/a/b", "/a/{x}", &[("x", "b")]);
    finds(&m, "/a/c/", "/a/{x}", &[("x", "c")]);
    finds(&m, "/teams", "/teams/", &[]);
    finds(&m, "/teams/", "/teams/", &[]);
    finds(&m, "/d/b", "/{y}/b/", &[("y", "d")]);
}

#[test]
fn p9_no_slash_at_the_end_that_leads_strict_servers_elsewhere_finds_nothing() {
    // `/{page}` is the one that ends without a slash.
    let m = matcher(&[(Method::Get, "/runs/"), (Method::Get, "/{page}"), (Method::Get, "/a/b")]);
    assert_eq!(find(&m, Method::Get, "/runs"), None);
    finds(&m, "/runs/", "/runs/", &[]);
    finds(&m, "/jobs", "/{page}", &[("page", "jobs")]);
    finds(&m, "/a/b", "/a/b", &[]);
}

#[test]
fn a_tail_keeps_its_slash() {
    let m = matcher(&[(Method::Get, "/hub/{model...}")]);
    finds(&m, "/hub/org/m%C3%BC/", "/hub/{model...}", &[("model", "org/m\u{fc}/")]);
    finds(&m, "/hub/org/", "/hub/{model...}", &[("model", "org/")]);
    finds(&m, "/hub/org", "/hub/{model...}", &[("model", "org")]);
    assert_eq!(find(&m, Method::Get, "/hub/"), None);
}

#[test]
fn p3_p8_p9_p10_what_names_the_same_operation() {
    let m = shapes();
    finds(&m, "/runs/purge%2dall", "/runs/purge-all", &[]);
    let plain = matcher(&[(Method::Get, "/runs/purge-all"), (Method::Get, "/runs/{id}")]);
    finds(&plain, "/%72uns/purge-all/", "/runs/purge-all", &[]);
    assert_eq!(find(&m, Method::Get, "/Runs/purge-all"), None);
    assert_eq!(find(&m, Method::Get, "/runs"), None);
    assert_eq!(find(&m, Method::Get, "/other/7"), None);
}

#[test]
fn m2_a_method_is_never_an_alias() {
    let m = shapes();
    for method in Method::ALL.into_iter().filter(|m| *m != Method::Get) {
        assert_eq!(find(&m, method, "/runs/7"), None, "{method}");
    }
}

#[test]
fn a_literal_without_the_method_leaves_it_to_the_variable() {
    let m = matcher(&[
        (Method::Get, "/a/b"),
        (Method::Delete, "/a/{x}"),
        (Method::Post, "/{y}/b"),
        (Method::WebSocket, "/{rest...}"),
    ]);
    let name = |method| find(&m, method, "/a/b").map(|(value, _)| value);
    assert_eq!(name(Method::Get).as_deref(), Some("/a/b"));
    assert_eq!(name(Method::Delete).as_deref(), Some("/a/{x}"));
    assert_eq!(name(Method::Post).as_deref(), Some("/{y}/b"));
    assert_eq!(name(Method::WebSocket).as_deref(), Some("/{rest...}"));
    assert_eq!(name(Method::Put), None);
}

fn overlaps(routes: &[(Method, &str)]) -> Vec<(String, String, bool)> {
    let matcher = matcher(routes);
    let mut found: Vec<_> = matcher
        .overlaps()
        .into_iter()
        .map(|o| (o.winner.value.clone(), o.loser.value.clone(), o.duplicate))
        .collect();
    found.sort();
    found
}

#[test]
fn overlaps_tell_duplicates_from_shadowing() {
    use Method::{Delete, Get};
    let shadow = |a: &str, b: &str| vec![(a.to_owned(), b.to_owned(), false)];
    assert_eq!(
        overlaps(&[(Get, "/a/{x}"), (Get, "/a/{y}/")]),
        [("/a/{x}".to_owned(), "/a/{y}/".to_owned(), true)]
    );
    assert_eq!(overlaps(&[(Get, "/a/{x}"), (Get, "/a/b")]), shadow("/a/b", "/a/{x}"));
    assert_eq!(overlaps(&[(Get, "/a/{x}"), (Get, "/{y}/b")]), shadow("/a/{x}", "/{y}/b"));
    assert_eq!(overlaps(&[(Get, "/a/7"), (Get, "/a/{n:int}")]), shadow("/a/7", "/a/{n:int}"));
    assert_eq!(overlaps(&[(Get, "/{x}:go"), (Get, "/{y}")]), shadow("/{x}:go", "/{y}"));
    assert_eq!(overlaps(&[(Get, "/a:go"), (Get, "/{y}:go")]), shadow("/a:go", "/{y}:go"));
    assert_eq!(overlaps(&[(Get, "/a/b/c"), (Get, "/a/{t...}")]), shadow("/a/b/c", "/a/{t...}"));
    assert_eq!(overlaps(&[(Get, "/a/{t...}"), (Get, "/{x}/b")]), shadow("/a/{t...}", "/{x}/b"));
    for apart in [
        [(Get, "/a/{x}"), (Delete, "/a/b")],
        [(Get, "/a/07"), (Get, "/a/{n:int}")],
        [(Get, "/{x}:go"), (Get, "/{y}:stop")],
        [(Get, "/{x}:go"), (Get, "/{y:int}")],
        [(Get, "/a"), (Get, "/a/{t...}")],
        [(Get, "/a/{x}"), (Get, "/b/{x}")],
        [(Get, "/a/{x}/c"), (Get, "/a/{x}/d")],
    ] {
        assert_eq!(overlaps(&apart), [], "{apart:?}");
    }
}

/// Five operations of the usual kinds on each of `resources` resources.
fn catalogue(resources: usize) -> Matcher<String> {
    let kinds = ["", "/{id}", "/{id:int}/runs", "/{id}:cancel", "/{id}/files/{file...}"];
    (0..resources)
        .flat_map(|r| kinds.map(|kind| format!("/v1/r{r}{kind}")))
        .map(|text| (Method::Get, template(&text), text))
        .collect()
}

fn visited<T>(matcher: &Matcher<T>, path: &str) -> usize {
    let path = canonicalize(path.as_bytes()).unwrap();
    let mut search = Search::new(&matcher.nodes, Method::Get, &path);
    let _ = search.walk(0, path.rest());
    search.visited
}

#[test]
fn the_work_does_not_grow_with_the_catalogue() {
    let (small, large) = (catalogue(2), catalogue(2_000));
    for path in [
        "/v1/r1",
        "/v1/r1/x",
        "/v1/r1/7/runs",
        "/v1/r1/a:cancel",
        "/v1/r1/x/files/a/b",
        "/v1/zzz",
        "/v1/r1/7/none",
    ] {
        assert_eq!(visited(&small, path), visited(&large, path), "{path}");
        assert!(visited(&large, path) <= 8, "{path}");
    }
}

#[test]
fn hostile_paths_meet_bounded_work() {
    // Two ways at every level: the trie is a complete binary tree of depth 8.
    let mut routes = Vec::new();
    for bits in 0..256_u32 {
        let text: String = (0..8)
            .map(|n| if bits >> n & 1 == 0 { "/a".to_owned() } else { format!("/{{p{n}}}") })
            .collect();
        routes.push((Method::Get, template(&text), bits));
    }
    let matcher: Matcher<u32> = routes.into_iter().collect();
    assert!(visited(&matcher, &"/a".repeat(8)) <= 9, "found at once");
    assert!(visited(&matcher, &"/a".repeat(64)) <= matcher.nodes.len(), "each node at most once");
    assert!(visited(&matcher, &"/7:cancel".repeat(64)) <= matcher.nodes.len());
}

/// What the matcher must answer, from the definition: of all templates that match, the one whose
/// first differing segment is the most specific; none where servers differ.
fn oracle(routes: &[(Method, Template)], method: Method, path: &CanonicalPath) -> Option<usize> {
    let segments: Vec<&str> = path.segments().collect();
    let all = || routes.iter().enumerate().filter(|(_, (m, _))| *m == method);
    let first = |fits: &dyn Fn(&Template) -> bool| {
        let key = |t: &Template| t.segments().iter().map(rank).collect::<Vec<_>>();
        all().filter(|(_, (_, t))| fits(t)).min_by_key(|(n, (_, t))| (key(t), *n))
    };
    let loose = |t: &Template| matches_with(t, &segments, like_int);
    let empty_tail = |t: &Template| {
        has_tail(t)
            && path.trailing_slash()
            && t.segments().len() == segments.len().saturating_add(1)
            && t.segments().iter().zip(&segments).all(|(s, text)| takes(s, text, like_int))
    };
    let strict = |t: &Template| {
        empty_tail(t) || loose(t) && (has_tail(t) || t.trailing_slash() == path.trailing_slash())
    };
    let (n, (_, found)) = first(&loose)?;
    let elsewhere = first(&strict).is_some_and(|(other, _)| other != n);
    (matches(found, &segments) && !elsewhere).then_some(n)
}

fn has_tail(template: &Template) -> bool {
    matches!(template.segments().last(), Some(Segment::Tail(_)))
}

fn rank(segment: &Segment) -> u8 {
    match segment {
        Segment::Literal(_) => 0,
        Segment::Verb { .. } => 1,
        Segment::Int(_) => 2,
        Segment::Param(_) => 3,
        Segment::Tail(_) => 4,
    }
}

fn matches(template: &Template, segments: &[&str]) -> bool {
    matches_with(template, segments, is_int)
}

fn matches_with(template: &Template, segments: &[&str], int: fn(&str) -> bool) -> bool {
    let fits = if has_tail(template) {
        segments.len() >= template.segments().len()
    } else {
        segments.len() == template.segments().len()
    };
    fits && template.segments().iter().zip(segments).all(|(t, s)| takes(t, s, int))
}

fn takes(segment: &Segment, text: &str, int: fn(&str) -> bool) -> bool {
    match segment {
        Segment::Literal(literal) => literal == text,
        Segment::Verb { verb, .. } => {
            text.strip_suffix(&format!(":{verb}")).is_some_and(|value| !value.is_empty())
        }
        Segment::Int(_) => int(text),
        Segment::Param(_) | Segment::Tail(_) => true,
    }
}

fn a_template() -> impl Strategy<Value = String> {
    let kind =
        proptest::sample::select(vec!["a", "b", "7", "a:go", "{}", "{:int}", "{}:go", "{}:stop"]);
    let end = proptest::sample::select(vec!["", "/", "/{rest...}"]);
    (proptest::collection::vec(kind, 0..4), end).prop_map(|(kinds, end)| {
        let mut text: String = kinds
            .iter()
            .enumerate()
            .map(|(n, kind)| format!("/{}", kind.replace('{', &format!("{{p{n}"))))
            .collect();
        text.push_str(end);
        if text.is_empty() { "/".to_owned() } else { text }
    })
}

fn a_path() -> impl Strategy<Value = String> {
    let segment =
        proptest::sample::select(vec!["a", "b", "c", "7", "07", "a:go", "7:stop", ":go", "x:y"]);
    (proptest::collection::vec(segment, 0..5), any::<bool>()).prop_map(|(segments, slash)| {
        let end = if slash && !segments.is_empty() { "/" } else { "" };
        format!("/{}{end}", segments.join("/"))
    })
}

fn a_method() -> impl Strategy<Value = Method> {
    proptest::sample::select(vec![Method::Get, Method::Post])
}

proptest! {
    #[test]
    fn agrees_with_the_definition(
        routes in proptest::collection::vec((a_method(), a_template()), 0..14),
        path in a_path(),
        method in a_method(),
    ) {
        let routes: Vec<(Method, Template)> =
            routes.into_iter().map(|(m, t)| (m, template(&t))).collect();
        let matcher: Matcher<usize> =
            routes.iter().cloned().enumerate().map(|(n, (m, t))| (m, t, n)).collect();
        let path = canonicalize(path.as_bytes()).unwrap();
        let found = matcher.find(method, &path);
        prop_assert_eq!(found.as_ref().map(|(n, _)| **n), oracle(&routes, method, &path));
        if let Some((n, params)) = found {
            let names: Vec<&str> = params.pairs().iter().map(|(name, _)| *name).collect();
            prop_assert_eq!(names, routes[*n].1.params().collect::<Vec<_>>());
        }
    }

    /// Whatever two routes both match is told, with the winner the matcher finds.
    #[test]
    fn overlaps_miss_nothing(
        routes in proptest::collection::vec((a_method(), a_template()), 0..8),
        paths in proptest::collection::vec(a_path(), 12),
    ) {
        let routes: Vec<(Method, Template)> =
            routes.into_iter().map(|(m, t)| (m, template(&t))).collect();
        let matcher: Matcher<usize> =
            routes.iter().cloned().enumerate().map(|(n, (m, t))| (m, t, n)).collect();
        let told: Vec<(usize, usize)> =
            matcher.overlaps().iter().map(|o| (o.winner.value, o.loser.value)).collect();
        for path in paths {
            let path = canonicalize(path.as_bytes()).unwrap();
            let segments: Vec<&str> = path.segments().collect();
            for method in [Method::Get, Method::Post] {
                let Some((winner, _)) = matcher.find(method, &path) else { continue };
                for (n, (m, t)) in routes.iter().enumerate() {
                    if n != *winner && *m == method && matches(t, &segments) {
                        prop_assert!(told.contains(&(*winner, n)), "{} over {}", winner, n);
                    }
                }
            }
        }
    }

    /// Whatever is told really meets somewhere: a path made of both templates matches both.
    #[test]
    fn overlaps_invent_nothing(
        routes in proptest::collection::vec((a_method(), a_template()), 0..8),
    ) {
        let matcher: Matcher<()> =
            routes.into_iter().map(|(m, t)| (m, template(&t), ())).collect();
        for overlap in matcher.overlaps() {
            let (winner, loser) = (&overlap.winner.template, &overlap.loser.template);
            prop_assert_eq!(overlap.winner.method, overlap.loser.method);
            prop_assert_eq!(overlap.duplicate, winner.same_shape(loser));
            let path = meeting(winner.segments(), loser.segments());
            let segments: Vec<&str> = path.iter().map(String::as_str).collect();
            prop_assert!(matches(winner, &segments), "{} at {:?}", winner, segments);
            prop_assert!(matches(loser, &segments), "{} at {:?}", loser, segments);
        }
    }
}

/// A path that two overlapping templates share: at each place what the narrower one asks for.
fn meeting(a: &[Segment], b: &[Segment]) -> Vec<String> {
    let places = a.len().max(b.len());
    let at = |template: &[Segment], n: usize| template.get(n).or(template.last()).cloned();
    (0..places)
        .map(|n| {
            let narrower = [at(a, n), at(b, n)].into_iter().flatten().min_by_key(rank);
            match narrower.unwrap() {
                Segment::Literal(text) => text,
                Segment::Verb { verb, .. } => format!("x:{verb}"),
                Segment::Int(_) => "7".to_owned(),
                Segment::Param(_) | Segment::Tail(_) => "x".to_owned(),
            }
        })
        .collect()
}
