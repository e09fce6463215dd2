//! Small guests in WebAssembly text, and an embedder that writes down what they do.

use scopewarden_host::{
    BufferType, CallResponse, ContextId, Deadline, Engine, HeaderMap, Host, HttpCall, Limits,
    Linked, LoadError, LocalResponse, LogLevel, MapType, Status, StreamType, Vm,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// Enough for any guest here that is meant to end.
pub const FUEL: Deadline = Deadline::Fuel { start: 1_000_000, callback: 1_000_000 };

pub fn engine() -> Engine {
    Engine::new(Limits { deadline: FUEL, memory_bytes: 1 << 20, ..Limits::default() }).unwrap()
}

/// A guest with what the ABI wants at least: memory, allocator (from 32768 up), context callback.
/// `imports` and `body` are spliced in. `(global $status)` is for results that a test reads by log.
pub fn guest(imports: &str, body: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            {imports}
            (memory (export "memory") 1)
            (global $next (mut i32) (i32.const 32768))
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
                global.get $next
                (global.set $next (i32.add (global.get $next) (local.get $size))))
            (func (export "proxy_on_context_create") (param i32 i32))
            {body})"#
    );
    wat::parse_str(text).unwrap()
}

pub fn link(wasm: &[u8]) -> Result<Linked<Notes>, LoadError> {
    engine().compile(wasm)?.link()
}

/// A VM with one root and one stream.
pub fn start(wasm: &[u8]) -> (Vm<Notes>, ContextId, ContextId) {
    let mut vm = Vm::new(&link(wasm).unwrap(), Notes::default()).unwrap();
    let root = vm.create_root().unwrap();
    let stream = vm.create_stream(root).unwrap();
    (vm, root, stream)
}

/// An embedder that has everything, and notes every call.
#[derive(Default)]
pub struct Notes {
    pub seen: Vec<String>,
    pub maps: BTreeMap<MapType, HeaderMap>,
    pub buffers: BTreeMap<BufferType, Vec<u8>>,
    pub properties: BTreeMap<Vec<u8>, Vec<u8>>,
    pub environment: Vec<(String, String)>,
    pub responses: Vec<LocalResponse>,
    pub calls: Vec<(u32, HttpCall)>,
    pub metrics: scopewarden_host::metrics::Registry,
    pub shared: scopewarden_host::shared::Store,
}

impl Notes {
    pub fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.seen)
    }
}

impl Host for Notes {
    fn log(&mut self, cx: ContextId, level: LogLevel, message: &[u8]) {
        let _ = cx;
        self.seen.push(format!("{level:?} {}", message.escape_ascii()));
    }
    fn wall_clock(&mut self) -> Duration {
        Duration::new(1_795_507_200, 123)
    }
    fn monotonic_clock(&mut self) -> Duration {
        Duration::from_nanos(77)
    }
    fn random(&mut self, bytes: &mut [u8]) -> Result<(), Status> {
        bytes.fill(4);
        Ok(())
    }
    fn environment(&self) -> &[(String, String)] {
        &self.environment
    }
    fn headers(&mut self, _: ContextId, map: MapType) -> Result<&HeaderMap, Status> {
        self.maps.get(&map).ok_or(Status::BadArgument)
    }
    fn headers_mut(&mut self, _: ContextId, map: MapType) -> Result<&mut HeaderMap, Status> {
        self.maps.get_mut(&map).ok_or(Status::BadArgument)
    }
    fn buffer(&mut self, _: ContextId, buffer: BufferType) -> Result<&[u8], Status> {
        self.buffers.get(&buffer).map(Vec::as_slice).ok_or(Status::NotFound)
    }
    fn buffer_mut(&mut self, _: ContextId, buffer: BufferType) -> Result<&mut Vec<u8>, Status> {
        self.buffers.get_mut(&buffer).ok_or(Status::BadArgument)
    }
    fn property(&mut self, _: ContextId, path: &[u8]) -> Result<Vec<u8>, Status> {
        self.properties.get(path).cloned().ok_or(Status::NotFound)
    }
    fn set_property(&mut self, _: ContextId, path: &[u8], value: &[u8]) -> Result<(), Status> {
        self.properties.insert(path.to_vec(), value.to_vec());
        Ok(())
    }
    fn resume(&mut self, _: ContextId, stream: StreamType) -> Result<(), Status> {
        self.seen.push(format!("resume {stream:?}"));
        Ok(())
    }
    fn close(&mut self, _: ContextId, stream: StreamType) -> Result<(), Status> {
        self.seen.push(format!("close {stream:?}"));
        Ok(())
    }
    fn local_response(&mut self, _: ContextId, response: LocalResponse) -> Result<(), Status> {
        self.responses.push(response);
        Ok(())
    }
    fn http_call(&mut self, _: ContextId, token: u32, call: HttpCall) -> Result<(), Status> {
        if call.upstream != b"known" {
            return Err(Status::BadArgument);
        }
        self.calls.push((token, call));
        Ok(())
    }
    fn foreign_function(
        &mut self,
        _: ContextId,
        name: &[u8],
        argument: &[u8],
    ) -> Result<Vec<u8>, Status> {
        if name != b"reverse" {
            return Err(Status::NotFound);
        }
        Ok(argument.iter().rev().copied().collect())
    }
    fn set_tick_period(&mut self, _: ContextId, period: Duration) -> Result<(), Status> {
        self.seen.push(format!("tick every {period:?}"));
        Ok(())
    }
    fn define_metric(
        &mut self,
        kind: scopewarden_host::MetricType,
        name: &[u8],
    ) -> Result<u32, Status> {
        self.metrics.define(kind, name)
    }
    fn increment_metric(&mut self, id: u32, by: i64) -> Result<(), Status> {
        self.metrics.increment(id, by)
    }
    fn record_metric(&mut self, id: u32, value: u64) -> Result<(), Status> {
        self.metrics.record(id, value)
    }
    fn metric(&mut self, id: u32) -> Result<u64, Status> {
        self.metrics.get(id)
    }
    fn shared_data(&mut self, key: &[u8]) -> Result<scopewarden_host::Shared, Status> {
        self.shared.get(b"vm", key)
    }
    fn set_shared_data(&mut self, key: &[u8], value: &[u8], cas: u32) -> Result<(), Status> {
        self.shared.set(b"vm", key, value, cas)
    }
    fn register_queue(&mut self, root: ContextId, name: &[u8]) -> Result<u32, Status> {
        self.shared.register_queue(b"vm", name, root)
    }
    fn resolve_queue(&mut self, vm_id: &[u8], name: &[u8]) -> Result<u32, Status> {
        self.shared.resolve_queue(vm_id, name)
    }
    fn enqueue(&mut self, queue: u32, item: &[u8]) -> Result<(), Status> {
        self.shared.enqueue(queue, item).map(drop)
    }
    fn dequeue(&mut self, queue: u32) -> Result<Vec<u8>, Status> {
        self.shared.dequeue(queue)
    }
    fn done(&mut self, cx: ContextId) {
        let _ = cx;
        self.seen.push("done".to_owned());
    }
}

/// An answer to a call, with a status and a body.
pub fn response(status: &str, body: &str) -> CallResponse {
    CallResponse {
        headers: HeaderMap::from([(":status", status)]),
        body: body.as_bytes().to_vec(),
        trailers: HeaderMap::new(),
    }
}

/// The import that [`REPORT`] needs.
pub const LOG: &str = r#"
    (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))"#;

/// `$report` logs the status of a call as `=<status>` and, when it is zero, the bytes whose
/// address and size are at 16 and 20.
pub const REPORT: &str = r#"
    (data (i32.const 8) "=")
    (func $report (param $status i32)
      (i32.store8 (i32.const 9) (i32.add (i32.const 48) (local.get $status)))
      (drop (call $log (i32.const 2) (i32.const 8) (i32.const 2)))
      (if (i32.eqz (local.get $status)) (then
        (drop (call $log (i32.const 2) (i32.load (i32.const 16)) (i32.load (i32.const 20)))))))"#;

/// Runs `code` in `proxy_on_request_headers` of a guest that imports `import`, with `data` at 64.
pub fn run(import: &str, data: &str, code: &str, prepare: impl FnOnce(&mut Notes)) -> Vm<Notes> {
    let wasm = guest(
        &format!("{LOG} {import}"),
        &format!(
            r#"{REPORT} (data (i32.const 64) "{data}")
            (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
              {code} (i32.const 0))"#
        ),
    );
    let (mut vm, _, cx) = start(&wasm);
    prepare(vm.host_mut());
    vm.request_headers(cx, 1, true).unwrap();
    vm
}

/// What [`run`] notes.
pub fn seen(import: &str, data: &str, code: &str, prepare: impl FnOnce(&mut Notes)) -> Vec<String> {
    run(import, data, code, prepare).host_mut().take()
}
