//! Templates: YAML with `{{NAMES}}` in it.

/// Puts values in the places of `template`. A value of several lines takes over the indentation of
/// its place when that is alone on its line.
pub(super) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for line in template.split_inclusive('\n') {
        let mark = line.trim();
        match values.iter().find(|(name, _)| mark == format!("{{{{{name}}}}}")) {
            Some((_, value)) => {
                let indent = line.len().saturating_sub(line.trim_start().len());
                for part in value.trim_end().lines() {
                    out.push_str(&" ".repeat(indent));
                    out.push_str(part);
                    out.push('\n');
                }
            }
            None => out.push_str(&values.iter().fold(line.to_owned(), |line, (name, value)| {
                line.replace(&format!("{{{{{name}}}}}"), value)
            })),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_indented_and_words_replaced() {
        let filled = fill("a: {{X}}\nb:\n  {{Y}}\n", &[("X", "1"), ("Y", "c: 2\nd:\n  - 3\n")]);
        assert_eq!(filled, "a: 1\nb:\n  c: 2\n  d:\n    - 3\n");
    }
}
