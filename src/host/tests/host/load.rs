//! Which modules are taken, and how the others are refused.

use crate::common::{LOG, Notes, engine, guest, link};
use scopewarden_host::{Engine, Limits, LoadError, Vm};

#[test]
fn a_module_that_does_not_fit_is_named() {
    let load = |wasm: &[u8]| match link(wasm).and_then(|l| Vm::new(&l, Notes::default())) {
        Ok(_) => panic!("it loaded"),
        Err(error) => error,
    };
    let missing = r#"(import "env" "proxy_teleport" (func))
      (import "wasi_snapshot_preview1" "path_open" (func))"#;
    let error = load(&guest(missing, ""));
    let LoadError::MissingImports(names) = &error else { panic!("{error}") };
    assert_eq!(names[..], ["env.proxy_teleport", "wasi_snapshot_preview1.path_open"]);
    assert!(error.to_string().contains("`env.proxy_teleport`, `wasi_snapshot_preview1.path_open`"));

    let wrong_import = r#"(import "env" "proxy_log" (func (param i64)))"#;
    let wrong_export = r#"(func (export "proxy_on_tick") (param i64))"#;
    let no_version = r#"(module (memory (export "memory") 1))"#;
    let no_allocator = r#"(module (memory (export "memory") 1)
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "proxy_on_context_create") (param i32 i32)))"#;
    for (wasm, words) in [
        (guest(wrong_import, ""), "proxy_log"),
        (guest("", wrong_export), "proxy_on_tick"),
        (wat::parse_str(no_version).unwrap(), "proxy_abi_version_0_2_1"),
        (wat::parse_str(no_allocator).unwrap(), "proxy_on_memory_allocate"),
    ] {
        let error = load(&wasm);
        assert!(matches!(&error, LoadError::Abi(why) if why.contains(words)), "{error}");
    }
    assert!(matches!(load(b"not wasm"), LoadError::Compile(_)));
}

#[test]
fn compiled_code_is_loaded_by_the_same_kind_of_engine_only() {
    let wasm = guest(LOG, "");
    let code = engine().precompile(&wasm).unwrap();
    assert!(code.byte_size() > 0);
    let module = engine().load(&code).unwrap();
    assert_eq!(module.imports().collect::<Vec<_>>(), ["env.proxy_log"]);
    assert!(module.exports().any(|name| name == "proxy_on_context_create"));
    let mut vm = Vm::new(&module.link().unwrap(), Notes::default()).unwrap();
    assert!(vm.create_root().is_ok());
    let other = Engine::new(Limits::default()).unwrap();
    assert!(matches!(other.load(&code), Err(LoadError::Incompatible(_))));
}
