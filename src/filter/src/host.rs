//! The proxy-wasm ABI 0.2.1, as far as this filter needs it: bytes in, bytes out, `Result` for every status.
//!
//! Nothing here panics on a status that is not expected or on bytes that are not UTF-8: that would kill the worker's VM at a
//! caller's will.
#![expect(
    unsafe_code,
    reason = "the ABI is a C interface; every pointer handed over lives through the call"
)]

use std::ptr::{null, null_mut};

use scopewarden_core::http::Headers;

/// A status other than 0, as the host gave it.
pub(crate) type Status = u32;

/// Header maps, by their ABI numbers.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Map {
    RequestHeaders = 0,
    RequestTrailers = 1,
    ResponseHeaders = 2,
    ResponseTrailers = 3,
    CallResponseHeaders = 6,
}

/// Buffers, by their ABI numbers.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Buffer {
    RequestBody = 0,
    ResponseBody = 1,
    CallResponseBody = 4,
    PluginConfiguration = 7,
}

/// Log levels, by their ABI numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub(crate) enum Level {
    Debug = 1,
    Info = 2,
    Warn = 3,
    Error = 4,
    Critical = 5,
}

/// What the host is to do with a stream, by its ABI number.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Action {
    Continue = 0,
    /// A body that is kept is shown as a whole again when more of it comes.
    Pause = 1,
    /// What comes later is shown by itself, and the sender is slowed down instead of being refused for too much.
    PauseAndWatermark = 2,
}

/// Metric types, by their ABI numbers.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum MetricKind {
    Counter = 0,
    Histogram = 2,
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, size: usize) -> Status;
    fn proxy_get_log_level(level: *mut u32) -> Status;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> Status;
    fn proxy_set_tick_period_milliseconds(period: u32) -> Status;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> Status;
    fn proxy_set_buffer_bytes(
        buffer: u32,
        start: usize,
        size: usize,
        data: *const u8,
        data_size: usize,
    ) -> Status;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> Status;
    fn proxy_set_header_map_pairs(map: u32, data: *const u8, size: usize) -> Status;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, size: usize) -> Status;
    fn proxy_add_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> Status;
    fn proxy_get_property(
        path: *const u8,
        path_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> Status;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        cas: *mut u32,
    ) -> Status;
    fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        value: *const u8,
        size: usize,
        cas: u32,
    ) -> Status;
    fn proxy_continue_stream(stream: u32) -> Status;
    fn proxy_close_stream(stream: u32) -> Status;
    fn proxy_set_effective_context(context: u32) -> Status;
    fn proxy_done() -> Status;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> Status;
    fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        argument: *const u8,
        argument_size: usize,
        result: *mut *mut u8,
        result_size: *mut usize,
    ) -> Status;
    fn proxy_http_call(
        upstream: *const u8,
        upstream_size: usize,
        headers: *const u8,
        headers_size: usize,
        body: *const u8,
        body_size: usize,
        trailers: *const u8,
        trailers_size: usize,
        timeout_ms: u32,
        token: *mut u32,
    ) -> Status;
    fn proxy_define_metric(kind: u32, name: *const u8, size: usize, id: *mut u32) -> Status;
    fn proxy_increment_metric(id: u32, offset: i64) -> Status;
    fn proxy_record_metric(id: u32, value: u64) -> Status;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn random_get(buffer: *mut u8, size: usize) -> u32;
}

fn done(status: Status) -> Result<(), Status> {
    if status == 0 { Ok(()) } else { Err(status) }
}

/// Takes over memory that the host allocated through the module's own allocator export.
fn take(data: *mut u8, size: usize) -> Vec<u8> {
    if data.is_null() {
        return Vec::new();
    }
    // SAFETY: the host obtained `data` from `proxy_on_memory_allocate`, a boxed slice of `size` bytes, filled it,
    // and does not keep it.
    unsafe { Vec::from_raw_parts(data, size, size) }
}

fn fetch(call: impl FnOnce(*mut *mut u8, *mut usize) -> Status) -> Result<Vec<u8>, Status> {
    let mut data: *mut u8 = null_mut();
    let mut size: usize = 0;
    let status = call(&raw mut data, &raw mut size);
    let bytes = take(data, size);
    done(status).map(|()| bytes)
}

/// Writes one line to the proxy's log. A host that cannot log leaves nothing to be done.
pub(crate) fn log(level: Level, message: &str) {
    // SAFETY: the slice outlives the call.
    let _ = unsafe { proxy_log(level as u32, message.as_ptr(), message.len()) };
}

/// Whether the proxy writes lines of this level. Yes, when the host cannot say.
pub(crate) fn logs(level: Level) -> bool {
    let mut current = 0;
    // SAFETY: the pointer outlives the call.
    match unsafe { proxy_get_log_level(&raw mut current) } {
        0 => current <= level as u32,
        _ => true,
    }
}

/// Microseconds since the Unix epoch.
pub(crate) fn now_micros() -> u64 {
    let mut nanos = 0;
    // SAFETY: the pointer outlives the call.
    let _ = unsafe { proxy_get_current_time_nanoseconds(&raw mut nanos) };
    nanos / 1000
}

/// Asks for a tick every so often.
pub(crate) fn set_tick_period(millis: u32) -> Result<(), Status> {
    // SAFETY: no pointers.
    done(unsafe { proxy_set_tick_period_milliseconds(millis) })
}

/// At most `max` bytes of a buffer, from its start.
pub(crate) fn buffer(buffer: Buffer, max: usize) -> Result<Vec<u8>, Status> {
    // SAFETY: the pointers outlive the call.
    fetch(|data, size| unsafe { proxy_get_buffer_bytes(buffer as u32, 0, max, data, size) })
}

/// Puts `bytes` in the place of the first `size` bytes of a buffer.
pub(crate) fn set_buffer(buffer: Buffer, size: usize, bytes: &[u8]) -> Result<(), Status> {
    // SAFETY: the slice outlives the call.
    done(unsafe { proxy_set_buffer_bytes(buffer as u32, 0, size, bytes.as_ptr(), bytes.len()) })
}

/// All fields of a header map, in wire order, bytes as they are.
pub(crate) fn headers(map: Map) -> Result<Vec<u8>, Status> {
    // SAFETY: the pointers outlive the call.
    fetch(|data, size| unsafe { proxy_get_header_map_pairs(map as u32, data, size) })
}

/// The fields of a serialised header map: a count, two sizes a field, then name NUL value NUL a field, little-endian.
pub(crate) fn fields(serialised: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    if serialised.is_empty() {
        return Some(Vec::new());
    }
    let number = |at: usize| -> Option<usize> {
        let bytes = serialised.get(at..at.checked_add(4)?)?;
        usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
    };
    let count = number(0)?;
    let mut at = count.checked_mul(8)?.checked_add(4)?;
    if at > serialised.len() {
        return None;
    }
    let mut fields = Vec::with_capacity(count);
    for index in 0..count {
        let sizes = index.checked_mul(8)?.checked_add(4)?;
        let name_end = at.checked_add(number(sizes)?)?;
        let value_start = name_end.checked_add(1)?;
        let value_end = value_start.checked_add(number(sizes.checked_add(4)?)?)?;
        fields.push((serialised.get(at..name_end)?, serialised.get(value_start..value_end)?));
        at = value_end.checked_add(1)?;
    }
    Some(fields)
}

/// A header map as core's type.
pub(crate) fn header_list(map: Map) -> Result<Headers, Status> {
    const PARSE_FAILURE: Status = 4;
    let serialised = headers(map)?;
    Ok(fields(&serialised).ok_or(PARSE_FAILURE)?.into_iter().collect())
}

/// Takes a header off a map.
pub(crate) fn remove_header(map: Map, name: &str) -> Result<(), Status> {
    // SAFETY: the slice outlives the call.
    done(unsafe { proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) })
}

/// Gives a header of a map these values, in place of all it has.
pub(crate) fn set_values(map: Map, name: &str, values: &[Vec<u8>]) -> Result<(), Status> {
    remove_header(map, name)?;
    values.iter().try_for_each(|value| {
        // SAFETY: both slices outlive the call.
        done(unsafe {
            proxy_add_header_map_value(
                map as u32,
                name.as_ptr(),
                name.len(),
                value.as_ptr(),
                value.len(),
            )
        })
    })
}

/// Takes every header off a map.
pub(crate) fn clear_headers(map: Map) -> Result<(), Status> {
    let none = 0_u32.to_le_bytes();
    // SAFETY: the array outlives the call.
    done(unsafe { proxy_set_header_map_pairs(map as u32, none.as_ptr(), none.len()) })
}

/// A property of the stream, such as `["response", "code"]`.
pub(crate) fn property(path: &[&str]) -> Result<Vec<u8>, Status> {
    let path = path.join("\0");
    // SAFETY: slice and pointers outlive the call.
    fetch(|data, size| unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) })
}

/// What all workers of this filter share under a name, and its version.
pub(crate) fn shared_data(key: &str) -> Result<(Vec<u8>, u32), Status> {
    let mut cas = 0;
    // SAFETY: slice and pointers outlive the call.
    fetch(|data, size| unsafe {
        proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &raw mut cas)
    })
    .map(|value| (value, cas))
}

/// The version that stands for any: a value is set whatever was there.
pub(crate) const ANY_VERSION: u32 = 0;

/// Shares a value with all workers of this filter, when nobody has changed it since this version was read.
pub(crate) fn set_shared_data(key: &str, value: &[u8], version: u32) -> Result<(), Status> {
    // SAFETY: both slices outlive the call.
    done(unsafe {
        proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), version)
    })
}

/// Lets a held request go on. Only from a callback that is not the request's own.
pub(crate) fn resume_request() -> Result<(), Status> {
    const REQUEST: u32 = 0;
    // SAFETY: no pointers.
    done(unsafe { proxy_continue_stream(REQUEST) })
}

/// Cuts the response off.
pub(crate) fn reset_response() -> Result<(), Status> {
    const RESPONSE: u32 = 1;
    // SAFETY: no pointers.
    done(unsafe { proxy_close_stream(RESPONSE) })
}

/// Makes the calls that follow speak of another context.
pub(crate) fn set_effective_context(context: u32) -> Result<(), Status> {
    // SAFETY: no pointers.
    done(unsafe { proxy_set_effective_context(context) })
}

/// The context that asked for time before it ends needs no more of it.
pub(crate) fn end_context() -> Result<(), Status> {
    // SAFETY: no pointers.
    done(unsafe { proxy_done() })
}

/// Answers the caller in place of the upstream.
pub(crate) fn send_local_response(
    status: u16,
    details: &str,
    headers: &[(&str, String)],
    body: &[u8],
    grpc_status: Option<u32>,
) -> Result<(), Status> {
    let headers = serialise(headers);
    let grpc_status = grpc_status.and_then(|s| i32::try_from(s).ok()).unwrap_or(-1);
    // SAFETY: all slices outlive the call.
    done(unsafe {
        proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            if body.is_empty() { null() } else { body.as_ptr() },
            body.len(),
            headers.as_ptr(),
            headers.len(),
            grpc_status,
        )
    })
}

fn serialise<V: AsRef<str>>(fields: &[(&str, V)]) -> Vec<u8> {
    let number = |n: usize| u32::try_from(n).unwrap_or(0).to_le_bytes();
    let mut bytes = number(fields.len()).to_vec();
    for (name, value) in fields {
        bytes.extend(number(name.len()));
        bytes.extend(number(value.as_ref().len()));
    }
    for (name, value) in fields {
        for part in [name.as_bytes(), value.as_ref().as_bytes()] {
            bytes.extend_from_slice(part);
            bytes.push(0);
        }
    }
    bytes
}

/// Sends a request to one of the proxy's clusters; returns the token that its response will come with.
pub(crate) fn http_call(
    cluster: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    timeout_ms: u64,
) -> Result<u32, Status> {
    let headers = serialise(headers);
    let trailers = serialise::<&str>(&[]);
    let timeout_ms = u32::try_from(timeout_ms).unwrap_or(u32::MAX);
    let mut token = 0;
    // SAFETY: slices and pointer outlive the call.
    done(unsafe {
        proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            if body.is_empty() { null() } else { body.as_ptr() },
            body.len(),
            trailers.as_ptr(),
            trailers.len(),
            timeout_ms,
            &raw mut token,
        )
    })
    .map(|()| token)
}

/// Calls a function that only some hosts have.
pub(crate) fn call_foreign(name: &str, argument: &[u8]) -> Result<Vec<u8>, Status> {
    // SAFETY: slices and pointers outlive the call.
    fetch(|data, size| unsafe {
        proxy_call_foreign_function(
            name.as_ptr(),
            name.len(),
            argument.as_ptr(),
            argument.len(),
            data,
            size,
        )
    })
}

/// Defines a metric, or finds the one of that name.
pub(crate) fn define_metric(kind: MetricKind, name: &str) -> Result<u32, Status> {
    let mut id = 0;
    // SAFETY: slice and pointer outlive the call.
    done(unsafe { proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &raw mut id) })
        .map(|()| id)
}

/// Adds to a counter.
pub(crate) fn increment(id: u32, by: u64) -> Result<(), Status> {
    // SAFETY: no pointers.
    done(unsafe { proxy_increment_metric(id, i64::try_from(by).unwrap_or(i64::MAX)) })
}

/// Records a value in a histogram.
pub(crate) fn record(id: u32, value: u64) -> Result<(), Status> {
    // SAFETY: no pointers.
    done(unsafe { proxy_record_metric(id, value) })
}

/// Random bytes; `None` when the host has none to give.
pub(crate) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0_u8; N];
    // SAFETY: the array outlives the call.
    (unsafe { random_get(bytes.as_mut_ptr(), bytes.len()) } == 0).then_some(bytes)
}
