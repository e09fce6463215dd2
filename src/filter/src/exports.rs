//! The module's exports: the callbacks of proxy-wasm ABI 0.2.1 that this filter acts on, and no others.
//!
//! A host enters for every response, also for those that nothing is masked in: those are left at once, before anything of
//! them is fetched.
//!
//! A context that is not known is refused: nothing passes unjudged. No context is borrowed while one is at work, so that a
//! host may enter from within a host call, to end a stream that has just been answered for instance.
#![expect(
    unsafe_code,
    reason = "exports have fixed names, the C runtime has to be started, and allocated memory goes to the host"
)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::host::{self, Action, Level};
use crate::root::Root;
use crate::stream::{StreamContext, refuse_unjudged};

/// Contexts of one kind, by the ids that the host gave them.
type Contexts<T> = RefCell<BTreeMap<u32, Rc<T>>>;

thread_local! {
    static ROOTS: Contexts<Root> = const { RefCell::new(BTreeMap::new()) };
    static STREAMS: Contexts<StreamContext> = const { RefCell::new(BTreeMap::new()) };
}

fn root(id: u32) -> Option<Rc<Root>> {
    ROOTS.with_borrow(|roots| roots.get(&id).cloned())
}

fn stream(id: u32) -> Option<Rc<StreamContext>> {
    STREAMS.with_borrow(|streams| streams.get(&id).cloned())
}

unsafe extern "C" {
    fn __wasm_call_ctors();
}

#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    // SAFETY: the host calls this once, before everything else.
    unsafe { __wasm_call_ctors() };
    std::panic::set_hook(Box::new(|info| host::log(Level::Critical, &info.to_string())));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// Memory for what a host call returns; [`host`] takes it over.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    Box::into_raw(Box::<[u8]>::new_uninit_slice(size)).cast()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(id: u32, root_id: u32) {
    if root_id == 0 {
        ROOTS.with_borrow_mut(|roots| roots.insert(id, Rc::new(Root::new(id))));
    } else if let Some(root) = root(root_id) {
        let stream = Rc::new(root.stream(id));
        STREAMS.with_borrow_mut(|streams| streams.insert(id, stream));
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(id: u32) {
    // Each is dropped after its map is free again.
    let stream = STREAMS.with_borrow_mut(|streams| streams.remove(&id));
    if stream.is_none() {
        let _root = ROOTS.with_borrow_mut(|roots| roots.remove(&id));
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(id: u32, size: usize) -> u32 {
    root(id).is_some_and(|root| root.on_configure(size)).into()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(id: u32) {
    if let Some(root) = root(id) {
        root.on_tick();
    }
}

/// Goes to the root that remembers the token, which is one of the VM's: hosts differ in whether they name the context that
/// made the call, or its root. What nobody remembers was asked for a caller that is gone.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(
    _id: u32,
    token: u32,
    headers: usize,
    body_size: usize,
    _trailers: usize,
) {
    let root = ROOTS.with_borrow(|roots| roots.values().find(|root| root.called(token)).cloned());
    if let Some(root) = root {
        root.on_call_response(token, headers, body_size);
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(id: u32, _fields: usize, end_of_stream: u32) -> Action {
    stream(id).map_or_else(refuse_unjudged, |stream| stream.on_request_headers(end_of_stream != 0))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(id: u32, size: usize, end_of_stream: u32) -> Action {
    stream(id)
        .map_or_else(refuse_unjudged, |stream| stream.on_request_body(size, end_of_stream != 0))
}

/// A request that has trailers ends here and not in its body: without this export its body would pass unread.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(id: u32, _fields: usize) -> Action {
    stream(id).map_or_else(refuse_unjudged, |stream| stream.on_request_trailers())
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(id: u32, _fields: usize, end_of_stream: u32) -> Action {
    stream(id).map_or(Action::Continue, |stream| stream.on_response_headers(end_of_stream != 0))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_body(id: u32, size: usize, end_of_stream: u32) -> Action {
    stream(id).map_or(Action::Continue, |stream| stream.on_response_body(size, end_of_stream != 0))
}

/// A response that has trailers ends here and not in its body.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_trailers(id: u32, _fields: usize) -> Action {
    stream(id).map_or(Action::Continue, |stream| stream.on_response_trailers())
}

/// A root that still has records to send asks for time.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_done(id: u32) -> u32 {
    root(id).is_none_or(|root| root.on_done()).into()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_log(id: u32) {
    if let Some(stream) = stream(id) {
        stream.on_log();
    }
}
