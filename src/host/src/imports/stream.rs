//! Host calls about an exchange: header maps, buffers, properties, flow, local answers.

use crate::abi::{BufferType, ContextId, MapType, Status, StreamType};
use crate::guest::{Guest, Stop, answer, slice};
use crate::headers::{HeaderMap, MAX_FIELDS};
use crate::host::{Host, LocalResponse};

provide! { "env", answer:
    proxy_get_header_map_pairs(map: u32, data: u32, size: u32);
    proxy_get_header_map_size(map: u32, size: u32);
    proxy_set_header_map_pairs(map: u32, data: u32, size: u32);
    proxy_get_header_map_value(map: u32, key: u32, key_size: u32, data: u32, size: u32);
    proxy_add_header_map_value(map: u32, key: u32, key_size: u32, data: u32, size: u32);
    proxy_replace_header_map_value(map: u32, key: u32, key_size: u32, data: u32, size: u32);
    proxy_remove_header_map_value(map: u32, key: u32, key_size: u32);
    proxy_get_buffer_bytes(buffer: u32, start: u32, length: u32, data: u32, size: u32);
    proxy_get_buffer_status(buffer: u32, length: u32, flags: u32);
    proxy_set_buffer_bytes(buffer: u32, start: u32, length: u32, data: u32, size: u32);
    proxy_get_property(path: u32, path_size: u32, data: u32, size: u32);
    proxy_set_property(path: u32, path_size: u32, data: u32, size: u32);
    proxy_continue_stream(stream: u32);
    proxy_close_stream(stream: u32);
    proxy_send_local_response(
        code: u32, details: u32, details_size: u32, body: u32, body_size: u32,
        headers: u32, headers_size: u32, grpc: i32
    );
    proxy_set_effective_context(context: u32);
    proxy_done();
}

/// An argument that names one of a closed set.
fn known<T>(value: Option<T>) -> Result<T, Status> {
    value.ok_or(Status::BadArgument)
}

fn proxy_get_header_map_pairs<H: Host>(
    guest: &mut Guest<'_, H>,
    map: u32,
    data: u32,
    size: u32,
) -> Result<(), Stop> {
    let pairs = guest.state().headers(known(MapType::from_code(map))?)?.encode()?;
    guest.give(&pairs, data, size)
}

fn proxy_get_header_map_size<H: Host>(
    guest: &mut Guest<'_, H>,
    map: u32,
    size: u32,
) -> Result<(), Stop> {
    let bytes = guest.state().headers(known(MapType::from_code(map))?)?.encode()?.len();
    guest.put_u32(size, u32::try_from(bytes).or(Err(Status::SerializationFailure))?)?;
    Ok(())
}

fn proxy_set_header_map_pairs<H: Host>(
    guest: &mut Guest<'_, H>,
    map: u32,
    data: u32,
    size: u32,
) -> Result<(), Stop> {
    let map = known(MapType::from_code(map))?;
    let (memory, state) = guest.split()?;
    let pairs = HeaderMap::decode(slice(memory, data, size)?)?;
    *state.headers_mut(map)? = pairs;
    Ok(())
}

fn proxy_get_header_map_value<H: Host>(
    guest: &mut Guest<'_, H>,
    map: u32,
    key: u32,
    key_size: u32,
    data: u32,
    size: u32,
) -> Result<(), Stop> {
    let map = known(MapType::from_code(map))?;
    let (memory, state) = guest.split()?;
    let key = slice(memory, key, key_size)?;
    let value = state.headers(map)?.get(key).ok_or(Status::NotFound)?.to_vec();
    guest.give(&value, data, size)
}

/// Adds or replaces one field.
fn write_field<H: Host>(
    guest: &mut Guest<'_, H>,
    map: u32,
    key: (u32, u32),
    value: (u32, u32),
    write: impl FnOnce(&mut HeaderMap, &[u8], &[u8]),
) -> Result<(), Stop> {
    let map = known(MapType::from_code(map))?;
    let (memory, state) = guest.split()?;
    let key = slice(memory, key.0, key.1)?;
    let value = slice(memory, value.0, value.1)?;
    let most = state.limits.host_bytes;
    let fields = state.headers_mut(map)?;
    let grown = fields.byte_size().saturating_add(key.len()).saturating_add(value.len());
    if key.is_empty() || grown > most || fields.len() >= MAX_FIELDS {
        return Err(Status::BadArgument.into());
    }
    write(fields, key, value);
    Ok(())
}

fn proxy_add_header_map_value<H: Host>(
    guest: &mut Guest<'_, H>,
    map: u32,
    key: u32,
    key_size: u32,
    data: u32,
    size: u32,
) -> Result<(), Stop> {
    write_field(guest, map, (key, key_size), (data, size), |map, key, value| map.add(key, value))
}

fn proxy_replace_header_map_value<H: Host>(
    guest: &mut Guest<'_, H>,
    map: u32,
    key: u32,
    key_size: u32,
    data: u32,
    size: u32,
) -> Result<(), Stop> {
    write_field(guest, map, (key, key_size), (data, size), |map, key, value| map.set(key, value))
}

fn proxy_remove_header_map_value<H: Host>(
    guest: &mut Guest<'_, H>,
    map: u32,
    key: u32,
    key_size: u32,
) -> Result<(), Stop> {
    let map = known(MapType::from_code(map))?;
    let (memory, state) = guest.split()?;
    let key = slice(memory, key, key_size)?;
    state.headers_mut(map)?.remove(key);
    Ok(())
}

fn proxy_get_buffer_bytes<H: Host>(
    guest: &mut Guest<'_, H>,
    buffer: u32,
    start: u32,
    length: u32,
    data: u32,
    size: u32,
) -> Result<(), Stop> {
    let buffer = known(BufferType::from_code(buffer))?;
    let end = start.checked_add(length).ok_or(Status::BadArgument)?;
    let bytes = guest.state().buffer(buffer)?;
    let most = bytes.len();
    let clamp = |n: u32| usize::try_from(n).unwrap_or(usize::MAX).min(most);
    // Reading past the end gives what there is, as in Envoy.
    let part = bytes.get(clamp(start)..clamp(end)).unwrap_or_default().to_vec();
    guest.give(&part, data, size)
}

fn proxy_get_buffer_status<H: Host>(
    guest: &mut Guest<'_, H>,
    buffer: u32,
    length: u32,
    flags: u32,
) -> Result<(), Stop> {
    let buffer = known(BufferType::from_code(buffer))?;
    let len = guest.state().buffer(buffer)?.len();
    guest.put_u32(length, u32::try_from(len).or(Err(Status::SerializationFailure))?)?;
    guest.put_u32(flags, 0)?;
    Ok(())
}

/// Envoy's three forms: from the start replaces `length` bytes (zero: inserts in front), at or
/// behind the end appends, anything else is refused.
fn proxy_set_buffer_bytes<H: Host>(
    guest: &mut Guest<'_, H>,
    buffer: u32,
    start: u32,
    length: u32,
    data: u32,
    size: u32,
) -> Result<(), Stop> {
    let buffer = known(BufferType::from_code(buffer))?;
    let (memory, state) = guest.split()?;
    let new = slice(memory, data, size)?;
    let most = state.limits.host_bytes;
    let bytes = match buffer {
        BufferType::HttpRequestBody
        | BufferType::HttpResponseBody
        | BufferType::DownstreamData
        | BufferType::UpstreamData => state.host.buffer_mut(state.effective, buffer)?,
        _ => return Err(Status::BadArgument.into()),
    };
    let start = usize::try_from(start).or(Err(Status::BadArgument))?;
    let length = usize::try_from(length).or(Err(Status::BadArgument))?;
    let replaced = match start {
        0 => length.min(bytes.len()),
        _ if start >= bytes.len() => 0,
        _ => return Err(Status::BadArgument.into()),
    };
    if bytes.len().saturating_sub(replaced).saturating_add(new.len()) > most {
        return Err(Status::BadArgument.into());
    }
    if start == 0 {
        bytes.splice(..replaced, new.iter().copied());
    } else {
        bytes.extend_from_slice(new);
    }
    Ok(())
}

fn proxy_get_property<H: Host>(
    guest: &mut Guest<'_, H>,
    path: u32,
    path_size: u32,
    data: u32,
    size: u32,
) -> Result<(), Stop> {
    let (memory, state) = guest.split()?;
    let value = state.host.property(state.effective, slice(memory, path, path_size)?)?;
    guest.give(&value, data, size)
}

fn proxy_set_property<H: Host>(
    guest: &mut Guest<'_, H>,
    path: u32,
    path_size: u32,
    data: u32,
    size: u32,
) -> Result<(), Stop> {
    let (memory, state) = guest.split()?;
    let path = slice(memory, path, path_size)?;
    state.host.set_property(state.effective, path, slice(memory, data, size)?)?;
    Ok(())
}

fn proxy_continue_stream<H: Host>(guest: &mut Guest<'_, H>, stream: u32) -> Result<(), Stop> {
    let stream = known(StreamType::from_code(stream))?;
    let state = guest.state();
    state.host.resume(state.effective, stream)?;
    Ok(())
}

fn proxy_close_stream<H: Host>(guest: &mut Guest<'_, H>, stream: u32) -> Result<(), Stop> {
    let stream = known(StreamType::from_code(stream))?;
    let state = guest.state();
    state.host.close(state.effective, stream)?;
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the ABI's own signature")]
fn proxy_send_local_response<H: Host>(
    guest: &mut Guest<'_, H>,
    code: u32,
    details: u32,
    details_size: u32,
    body: u32,
    body_size: u32,
    headers: u32,
    headers_size: u32,
    grpc: i32,
) -> Result<(), Stop> {
    let (memory, state) = guest.split()?;
    let response = LocalResponse {
        status: code,
        details: slice(memory, details, details_size)?.to_vec(),
        body: slice(memory, body, body_size)?.to_vec(),
        headers: HeaderMap::decode(slice(memory, headers, headers_size)?)?,
        // The ABI's "not given" is any negative number.
        grpc_status: u32::try_from(grpc).ok(),
    };
    state.host.local_response(state.effective, response)?;
    Ok(())
}

fn proxy_set_effective_context<H: Host>(
    guest: &mut Guest<'_, H>,
    context: u32,
) -> Result<(), Stop> {
    let state = guest.state();
    let id = ContextId::from(context);
    if !state.contexts.contains_key(&id) {
        return Err(Status::BadArgument.into());
    }
    state.effective = id;
    Ok(())
}

fn proxy_done<H: Host>(guest: &mut Guest<'_, H>) -> Result<(), Stop> {
    let state = guest.state();
    if !state.leaving.remove(&state.effective) {
        return Err(Status::NotFound.into());
    }
    state.host.done(state.effective);
    Ok(())
}
