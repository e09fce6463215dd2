//! The functions that a guest imports.

/// Defines the named functions of this file as imports of one namespace. `$answer` turns what
/// they return into the guest's result.
macro_rules! provide {
    ($space:literal, $answer:path: $($name:ident($($arg:ident: $type:ty),*);)+) => {
        pub(super) const NAMES: &[&str] = &[$(stringify!($name)),+];

        pub(super) fn define<H: crate::host::Host>(
            linker: &mut wasmtime::Linker<crate::state::State<H>>,
        ) -> wasmtime::Result<()> {
            $(linker.func_wrap(
                $space,
                stringify!($name),
                |caller: wasmtime::Caller<'_, crate::state::State<H>>, $($arg: $type),*| {
                    $answer($name(&mut crate::guest::Guest::new(caller), $($arg),*))
                },
            )?;)+
            Ok(())
        }
    };
}

mod stream;
pub(crate) mod wasi;
mod world;

use crate::engine::{Engine, words};
use crate::error::LoadError;
use crate::host::Host;
use crate::state::State;
use wasmtime::{InstancePre, Linker};

/// Connects a module's imports.
pub(crate) fn link<H: Host>(
    engine: &Engine,
    module: &wasmtime::Module,
) -> Result<InstancePre<State<H>>, LoadError> {
    let missing: Vec<String> = module
        .imports()
        .filter(|import| !provides(import.module(), import.name()))
        .map(|import| format!("{}.{}", import.module(), import.name()))
        .collect();
    if !missing.is_empty() {
        return Err(LoadError::MissingImports(missing));
    }
    let mut linker = Linker::new(engine.inner());
    stream::define(&mut linker)
        .and_then(|()| world::define(&mut linker))
        .and_then(|()| wasi::define(&mut linker))
        .and_then(|()| wasi::define_exit(&mut linker))
        .map_err(|e| LoadError::Engine(words(&e)))?;
    linker.instantiate_pre(module).map_err(|e| LoadError::Abi(words(&e)))
}

fn provides(space: &str, name: &str) -> bool {
    match space {
        "env" => stream::NAMES.contains(&name) || world::NAMES.contains(&name),
        "wasi_snapshot_preview1" => name == wasi::EXIT || wasi::NAMES.contains(&name),
        _ => false,
    }
}
