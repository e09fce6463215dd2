//! What a guest exports, looked up and type-checked once per VM.

use crate::engine::words;
use crate::error::LoadError;
use wasmtime::{AsContextMut, Instance, Memory, TypedFunc, WasmParams, WasmResults};

type Export<P, R> = Option<TypedFunc<P, R>>;

/// The callbacks of proxy-wasm ABI 0.2; the absent ones are not called.
pub(crate) struct Exports {
    pub(crate) memory: Memory,
    pub(crate) allocate: TypedFunc<u32, u32>,
    pub(crate) initialize: Option<(&'static str, TypedFunc<(), ()>)>,
    pub(crate) context_create: TypedFunc<(u32, u32), ()>,
    pub(crate) vm_start: Export<(u32, u32), u32>,
    pub(crate) configure: Export<(u32, u32), u32>,
    pub(crate) tick: Export<u32, ()>,
    pub(crate) queue_ready: Export<(u32, u32), ()>,
    pub(crate) call_response: Export<(u32, u32, u32, u32, u32), ()>,
    pub(crate) request_headers: Export<(u32, u32, u32), u32>,
    pub(crate) request_body: Export<(u32, u32, u32), u32>,
    pub(crate) request_trailers: Export<(u32, u32), u32>,
    pub(crate) response_headers: Export<(u32, u32, u32), u32>,
    pub(crate) response_body: Export<(u32, u32, u32), u32>,
    pub(crate) response_trailers: Export<(u32, u32), u32>,
    pub(crate) log: Export<u32, ()>,
    pub(crate) done: Export<u32, u32>,
    pub(crate) delete: Export<u32, ()>,
}

impl Exports {
    pub(crate) fn find<T: 'static>(
        mut store: impl AsContextMut<Data = T>,
        instance: &Instance,
    ) -> Result<Self, LoadError> {
        let mut find = Find { store: &mut store, instance };
        let memory = instance
            .get_memory(find.store.as_context_mut(), "memory")
            .ok_or_else(|| missing("memory"))?;
        let allocate = match find.get("proxy_on_memory_allocate")? {
            Some(allocate) => Some(allocate),
            None => find.get("malloc")?,
        };
        let initialize = match find.get("_initialize")? {
            Some(f) => Some(("_initialize", f)),
            None => find.get("_start")?.map(|f| ("_start", f)),
        };
        Ok(Self {
            memory,
            allocate: allocate.ok_or_else(|| missing("proxy_on_memory_allocate"))?,
            initialize,
            context_create: find
                .get("proxy_on_context_create")?
                .ok_or_else(|| missing("proxy_on_context_create"))?,
            vm_start: find.get("proxy_on_vm_start")?,
            configure: find.get("proxy_on_configure")?,
            tick: find.get("proxy_on_tick")?,
            queue_ready: find.get("proxy_on_queue_ready")?,
            call_response: find.get("proxy_on_http_call_response")?,
            request_headers: find.get("proxy_on_request_headers")?,
            request_body: find.get("proxy_on_request_body")?,
            request_trailers: find.get("proxy_on_request_trailers")?,
            response_headers: find.get("proxy_on_response_headers")?,
            response_body: find.get("proxy_on_response_body")?,
            response_trailers: find.get("proxy_on_response_trailers")?,
            log: find.get("proxy_on_log")?,
            done: find.get("proxy_on_done")?,
            delete: find.get("proxy_on_delete")?,
        })
    }
}

fn missing(name: &str) -> LoadError {
    LoadError::Abi(format!("it does not export `{name}`"))
}

struct Find<'a, S> {
    store: &'a mut S,
    instance: &'a Instance,
}

impl<S: AsContextMut> Find<'_, S> {
    /// `None` when there is no such function; an error when it has another type.
    fn get<P: WasmParams, R: WasmResults>(
        &mut self,
        name: &str,
    ) -> Result<Export<P, R>, LoadError> {
        let Some(function) = self.instance.get_func(self.store.as_context_mut(), name) else {
            return Ok(None);
        };
        let typed = function.typed(self.store.as_context_mut());
        typed.map(Some).map_err(|e| LoadError::Abi(format!("export `{name}`: {}", words(&e))))
    }
}
