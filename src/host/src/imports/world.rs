//! Host calls about everything around an exchange: log, time, calls, metrics, shared state.

use crate::abi::{LogLevel, MetricType, Status};
use crate::guest::{Guest, Stop, answer, slice};
use crate::headers::HeaderMap;
use crate::host::{Host, HttpCall};
use std::time::Duration;

provide! { "env", answer:
    proxy_log(level: u32, message: u32, size: u32);
    proxy_get_log_level(level: u32);
    proxy_get_current_time_nanoseconds(time: u32);
    proxy_set_tick_period_milliseconds(period: u32);
    proxy_http_call(
        upstream: u32, upstream_size: u32, headers: u32, headers_size: u32, body: u32,
        body_size: u32, trailers: u32, trailers_size: u32, timeout: u32, token: u32
    );
    proxy_get_status(code: u32, data: u32, size: u32);
    proxy_grpc_call(
        upstream: u32, upstream_size: u32, service: u32, service_size: u32, method: u32,
        method_size: u32, metadata: u32, metadata_size: u32, message: u32, message_size: u32,
        timeout: u32, token: u32
    );
    proxy_grpc_stream(
        upstream: u32, upstream_size: u32, service: u32, service_size: u32, method: u32,
        method_size: u32, metadata: u32, metadata_size: u32, token: u32
    );
    proxy_grpc_send(token: u32, message: u32, size: u32, end: u32);
    proxy_grpc_cancel(token: u32);
    proxy_grpc_close(token: u32);
    proxy_call_foreign_function(
        name: u32, name_size: u32, argument: u32, argument_size: u32, data: u32, size: u32
    );
    proxy_define_metric(kind: u32, name: u32, name_size: u32, id: u32);
    proxy_increment_metric(id: u32, by: i64);
    proxy_record_metric(id: u32, value: u64);
    proxy_get_metric(id: u32, value: u32);
    proxy_get_shared_data(key: u32, key_size: u32, data: u32, size: u32, cas: u32);
    proxy_set_shared_data(key: u32, key_size: u32, data: u32, size: u32, cas: u32);
    proxy_register_shared_queue(name: u32, name_size: u32, id: u32);
    proxy_resolve_shared_queue(vm: u32, vm_size: u32, name: u32, name_size: u32, id: u32);
    proxy_enqueue_shared_queue(id: u32, data: u32, size: u32);
    proxy_dequeue_shared_queue(id: u32, data: u32, size: u32);
}

fn proxy_log<H: Host>(
    guest: &mut Guest<'_, H>,
    level: u32,
    message: u32,
    size: u32,
) -> Result<(), Stop> {
    let level = LogLevel::from_code(level).ok_or(Status::BadArgument)?;
    let (memory, state) = guest.split()?;
    let message = slice(memory, message, size)?;
    if level >= state.host.log_level() {
        state.host.log(state.effective, level, message);
    }
    Ok(())
}

fn proxy_get_log_level<H: Host>(guest: &mut Guest<'_, H>, level: u32) -> Result<(), Stop> {
    let now = guest.state().host.log_level();
    guest.put_u32(level, now as u32)?;
    Ok(())
}

fn proxy_get_current_time_nanoseconds<H: Host>(
    guest: &mut Guest<'_, H>,
    time: u32,
) -> Result<(), Stop> {
    let now = guest.state().host.wall_clock();
    guest.put_u64(time, nanoseconds(now))?;
    Ok(())
}

/// 64 bits of nanoseconds reach the year 2554.
pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn proxy_set_tick_period_milliseconds<H: Host>(
    guest: &mut Guest<'_, H>,
    period: u32,
) -> Result<(), Stop> {
    let state = guest.state();
    let root = state.root()?;
    state.host.set_tick_period(root, Duration::from_millis(period.into()))?;
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the ABI's own signature")]
fn proxy_http_call<H: Host>(
    guest: &mut Guest<'_, H>,
    upstream: u32,
    upstream_size: u32,
    headers: u32,
    headers_size: u32,
    body: u32,
    body_size: u32,
    trailers: u32,
    trailers_size: u32,
    timeout: u32,
    token: u32,
) -> Result<(), Stop> {
    let (memory, state) = guest.split()?;
    slice(memory, token, 4)?;
    let call = HttpCall {
        upstream: slice(memory, upstream, upstream_size)?.to_vec(),
        headers: HeaderMap::decode(slice(memory, headers, headers_size)?)?,
        body: slice(memory, body, body_size)?.to_vec(),
        trailers: HeaderMap::decode(slice(memory, trailers, trailers_size)?)?,
        timeout: Duration::from_millis(timeout.into()),
    };
    let root = state.root()?;
    let needed = [":method", ":path", ":authority"];
    if needed.iter().any(|name| call.headers.get(name).is_none()) {
        return Err(Status::BadArgument.into());
    }
    if state.calls.len() >= state.limits.pending_calls {
        return Err(Status::InternalFailure.into());
    }
    let id = state.ids.call(|id| state.calls.contains_key(&id));
    state.host.http_call(root, id, call)?;
    state.calls.insert(id, root);
    guest.put_u32(token, id)?;
    Ok(())
}

/// The status of a gRPC call; without gRPC calls it is always "ok" and no message.
fn proxy_get_status<H: Host>(
    guest: &mut Guest<'_, H>,
    code: u32,
    data: u32,
    size: u32,
) -> Result<(), Stop> {
    guest.put_u32(code, 0)?;
    guest.give(&[], data, size)
}

/// gRPC calls are not offered. The status is one that every SDK knows.
#[expect(clippy::too_many_arguments, reason = "the ABI's own signature")]
fn proxy_grpc_call<H: Host>(
    _guest: &mut Guest<'_, H>,
    _upstream: u32,
    _upstream_size: u32,
    _service: u32,
    _service_size: u32,
    _method: u32,
    _method_size: u32,
    _metadata: u32,
    _metadata_size: u32,
    _message: u32,
    _message_size: u32,
    _timeout: u32,
    _token: u32,
) -> Result<(), Stop> {
    Err(Status::InternalFailure.into())
}

#[expect(clippy::too_many_arguments, reason = "the ABI's own signature")]
fn proxy_grpc_stream<H: Host>(
    _guest: &mut Guest<'_, H>,
    _upstream: u32,
    _upstream_size: u32,
    _service: u32,
    _service_size: u32,
    _method: u32,
    _method_size: u32,
    _metadata: u32,
    _metadata_size: u32,
    _token: u32,
) -> Result<(), Stop> {
    Err(Status::InternalFailure.into())
}

fn proxy_grpc_send<H: Host>(
    _guest: &mut Guest<'_, H>,
    _token: u32,
    _message: u32,
    _size: u32,
    _end: u32,
) -> Result<(), Stop> {
    Err(Status::NotFound.into())
}

fn proxy_grpc_cancel<H: Host>(_guest: &mut Guest<'_, H>, _token: u32) -> Result<(), Stop> {
    Err(Status::NotFound.into())
}

fn proxy_grpc_close<H: Host>(_guest: &mut Guest<'_, H>, _token: u32) -> Result<(), Stop> {
    Err(Status::NotFound.into())
}

fn proxy_call_foreign_function<H: Host>(
    guest: &mut Guest<'_, H>,
    name: u32,
    name_size: u32,
    argument: u32,
    argument_size: u32,
    data: u32,
    size: u32,
) -> Result<(), Stop> {
    let (memory, state) = guest.split()?;
    let name = slice(memory, name, name_size)?;
    let argument = slice(memory, argument, argument_size)?;
    let result = state.host.foreign_function(state.effective, name, argument)?;
    guest.give(&result, data, size)
}

fn proxy_define_metric<H: Host>(
    guest: &mut Guest<'_, H>,
    kind: u32,
    name: u32,
    name_size: u32,
    id: u32,
) -> Result<(), Stop> {
    let kind = MetricType::from_code(kind).ok_or(Status::BadArgument)?;
    let (memory, state) = guest.split()?;
    let made = state.host.define_metric(kind, slice(memory, name, name_size)?)?;
    guest.put_u32(id, made)?;
    Ok(())
}

fn proxy_increment_metric<H: Host>(guest: &mut Guest<'_, H>, id: u32, by: i64) -> Result<(), Stop> {
    guest.state().host.increment_metric(id, by)?;
    Ok(())
}

fn proxy_record_metric<H: Host>(guest: &mut Guest<'_, H>, id: u32, value: u64) -> Result<(), Stop> {
    guest.state().host.record_metric(id, value)?;
    Ok(())
}

fn proxy_get_metric<H: Host>(guest: &mut Guest<'_, H>, id: u32, value: u32) -> Result<(), Stop> {
    let now = guest.state().host.metric(id)?;
    guest.put_u64(value, now)?;
    Ok(())
}

fn proxy_get_shared_data<H: Host>(
    guest: &mut Guest<'_, H>,
    key: u32,
    key_size: u32,
    data: u32,
    size: u32,
    cas: u32,
) -> Result<(), Stop> {
    let (memory, state) = guest.split()?;
    let shared = state.host.shared_data(slice(memory, key, key_size)?)?;
    guest.give(&shared.value, data, size)?;
    guest.put_u32(cas, shared.cas)?;
    Ok(())
}

fn proxy_set_shared_data<H: Host>(
    guest: &mut Guest<'_, H>,
    key: u32,
    key_size: u32,
    data: u32,
    size: u32,
    cas: u32,
) -> Result<(), Stop> {
    let (memory, state) = guest.split()?;
    let key = slice(memory, key, key_size)?;
    state.host.set_shared_data(key, slice(memory, data, size)?, cas)?;
    Ok(())
}

fn proxy_register_shared_queue<H: Host>(
    guest: &mut Guest<'_, H>,
    name: u32,
    name_size: u32,
    id: u32,
) -> Result<(), Stop> {
    let (memory, state) = guest.split()?;
    let root = state.root()?;
    let queue = state.host.register_queue(root, slice(memory, name, name_size)?)?;
    guest.put_u32(id, queue)?;
    Ok(())
}

fn proxy_resolve_shared_queue<H: Host>(
    guest: &mut Guest<'_, H>,
    vm: u32,
    vm_size: u32,
    name: u32,
    name_size: u32,
    id: u32,
) -> Result<(), Stop> {
    let (memory, state) = guest.split()?;
    let vm = slice(memory, vm, vm_size)?;
    let queue = state.host.resolve_queue(vm, slice(memory, name, name_size)?)?;
    guest.put_u32(id, queue)?;
    Ok(())
}

fn proxy_enqueue_shared_queue<H: Host>(
    guest: &mut Guest<'_, H>,
    id: u32,
    data: u32,
    size: u32,
) -> Result<(), Stop> {
    let (memory, state) = guest.split()?;
    state.host.enqueue(id, slice(memory, data, size)?)?;
    Ok(())
}

fn proxy_dequeue_shared_queue<H: Host>(
    guest: &mut Guest<'_, H>,
    id: u32,
    data: u32,
    size: u32,
) -> Result<(), Stop> {
    let item = guest.state().host.dequeue(id)?;
    guest.give(&item, data, size)
}
