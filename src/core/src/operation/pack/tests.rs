use super::*;

#[test]
fn every_builtin_pack_parses_under_its_name() {
    for name in BUILTIN_NAMES {
        let pack = Pack::parse(builtin::text(name).unwrap())
            .unwrap_or_else(|errors| panic!("{name}: {errors:#?}"));
        assert_eq!(pack.name, *name);
        assert!(!pack.entries.is_empty(), "{name}");
    }
    assert_eq!(Pack::builtin("nothing"), None);
}
