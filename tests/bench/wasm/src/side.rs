//! The same work in two places.

use std::error::Error;
use std::path::Path;

use bench_redact::{ALL, Bench, Work};
use wasmtime::{Engine, Instance, Linker, Module, Store, TypedFunc};

/// Where work is done.
pub trait Side {
    /// See [`Bench::work`].
    fn work(&mut self, work: Work, piece: usize, length: usize) -> Result<usize, Box<dyn Error>>;
    /// See [`Bench::event`].
    fn event(&mut self, nth: u32) -> Result<(), Box<dyn Error>>;
    /// How long the text is that is worked on.
    fn length(&self, work: Work) -> f64;
}

/// Here.
#[derive(Debug, Default)]
pub struct Native(Bench);

/// In wasmtime.
pub struct Wasm {
    store: Store<()>,
    work: TypedFunc<(u32, u32, u32), u32>,
    event: TypedFunc<u32, u32>,
    /// Makes the same texts.
    same: Bench,
}

impl Side for Native {
    fn work(&mut self, work: Work, piece: usize, length: usize) -> Result<usize, Box<dyn Error>> {
        Ok(self.0.work(work, piece, length))
    }

    fn event(&mut self, nth: u32) -> Result<(), Box<dyn Error>> {
        let out = self.0.event(usize::try_from(nth)?);
        if out == 0 { Err("an event was not let go".into()) } else { Ok(()) }
    }

    fn length(&self, work: Work) -> f64 {
        let length = self.0.text(work).len();
        u32::try_from(length).map_or(0.0, f64::from)
    }
}

impl Wasm {
    /// Starts the module. It gets nothing from its host: what it would ask for is not there.
    pub fn new(module: &Path) -> Result<Self, Box<dyn Error>> {
        let engine = Engine::default();
        let module = Module::from_file(&engine, module)?;
        let mut linker = Linker::new(&engine);
        linker.define_unknown_imports_as_traps(&module)?;
        let mut store = Store::new(&engine, ());
        let instance: Instance = linker.instantiate(&mut store, &module)?;
        if let Ok(initialize) = instance.get_typed_func::<(), ()>(&mut store, "_initialize") {
            initialize.call(&mut store, ())?;
        }
        let work = instance.get_typed_func(&mut store, "work")?;
        let event = instance.get_typed_func(&mut store, "event")?;
        Ok(Self { store, work, event, same: Bench::default() })
    }
}

impl Side for Wasm {
    fn work(&mut self, work: Work, piece: usize, length: usize) -> Result<usize, Box<dyn Error>> {
        let nth = ALL.iter().position(|w| *w == work).unwrap_or_default();
        let arguments = (u32::try_from(nth)?, u32::try_from(piece)?, u32::try_from(length)?);
        Ok(usize::try_from(self.work.call(&mut self.store, arguments)?)?)
    }

    fn event(&mut self, nth: u32) -> Result<(), Box<dyn Error>> {
        let out = self.event.call(&mut self.store, nth)?;
        if out == 0 { Err("an event was not let go".into()) } else { Ok(()) }
    }

    fn length(&self, work: Work) -> f64 {
        let length = self.same.text(work).len();
        u32::try_from(length).map_or(0.0, f64::from)
    }
}
