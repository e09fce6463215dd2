//! The little of WASI preview 1 that a `wasm32-wasip1` module's standard library touches: time,
//! randomness, environment, printing, exiting. There are no files.

use crate::abi::Status;
use crate::guest::{Guest, put, slice, slice_mut};
use crate::host::Host;
use crate::state::State;
use std::fmt;
use wasmtime::Linker;

provide! { "wasi_snapshot_preview1", answer:
    args_get(argv: u32, buffer: u32);
    args_sizes_get(count: u32, size: u32);
    clock_time_get(clock: u32, precision: u64, time: u32);
    environ_get(pointers: u32, buffer: u32);
    environ_sizes_get(count: u32, size: u32);
    fd_close(fd: u32);
    fd_fdstat_get(fd: u32, stat: u32);
    fd_prestat_dir_name(fd: u32, path: u32, size: u32);
    fd_prestat_get(fd: u32, prestat: u32);
    fd_read(fd: u32, buffers: u32, count: u32, read: u32);
    fd_seek(fd: u32, offset: i64, whence: u32, position: u32);
    fd_write(fd: u32, buffers: u32, count: u32, written: u32);
    random_get(buffer: u32, size: u32);
    sched_yield();
}

/// `proc_exit` has no result, so it is defined apart from the others.
pub(super) const EXIT: &str = "proc_exit";

pub(super) fn define_exit<H: Host>(linker: &mut Linker<State<H>>) -> wasmtime::Result<()> {
    linker.func_wrap("wasi_snapshot_preview1", EXIT, |code: u32| -> wasmtime::Result<()> {
        Err(wasmtime::Error::new(Exit(code)))
    })?;
    Ok(())
}

/// The most buffers in one `fd_write`, as Linux' `IOV_MAX`.
const MAX_BUFFERS: u32 = 1024;

/// WASI's error numbers.
enum Errno {
    Badf = 8,
    Fault = 21,
    Inval = 28,
    Io = 29,
    Overflow = 61,
    Spipe = 70,
}

impl From<Status> for Errno {
    fn from(status: Status) -> Self {
        match status {
            Status::InvalidMemoryAccess => Self::Fault,
            _ => Self::Io,
        }
    }
}

fn answer(result: Result<(), Errno>) -> u32 {
    match result {
        Ok(()) => 0,
        Err(errno) => errno as u32,
    }
}

/// The guest ended itself.
#[derive(Debug)]
pub(crate) struct Exit(pub(crate) u32);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit with code {}", self.0)
    }
}

impl std::error::Error for Exit {}

fn args_get<H: Host>(_guest: &mut Guest<'_, H>, _argv: u32, _buffer: u32) -> Result<(), Errno> {
    Ok(())
}

fn args_sizes_get<H: Host>(guest: &mut Guest<'_, H>, count: u32, size: u32) -> Result<(), Errno> {
    guest.put_u32(count, 0)?;
    guest.put_u32(size, 0)?;
    Ok(())
}

fn clock_time_get<H: Host>(
    guest: &mut Guest<'_, H>,
    clock: u32,
    _precision: u64,
    time: u32,
) -> Result<(), Errno> {
    let host = &mut guest.state().host;
    let now = match clock {
        0 => host.wall_clock(),
        1 => host.monotonic_clock(),
        _ => return Err(Errno::Inval),
    };
    guest.put_u64(time, super::world::nanoseconds(now))?;
    Ok(())
}

/// The environment as `NAME=value` with a NUL each.
fn environment<H: Host>(guest: &mut Guest<'_, H>) -> Vec<Vec<u8>> {
    let variables = guest.state().host.environment();
    variables.iter().map(|(name, value)| format!("{name}={value}\0").into_bytes()).collect()
}

fn environ_get<H: Host>(
    guest: &mut Guest<'_, H>,
    mut pointers: u32,
    mut buffer: u32,
) -> Result<(), Errno> {
    let variables = environment(guest);
    let memory = guest.split()?.0;
    for variable in variables {
        put(memory, pointers, &buffer.to_le_bytes())?;
        put(memory, buffer, &variable)?;
        let len = u32::try_from(variable.len()).or(Err(Errno::Overflow))?;
        pointers = pointers.checked_add(4).ok_or(Errno::Fault)?;
        buffer = buffer.checked_add(len).ok_or(Errno::Fault)?;
    }
    Ok(())
}

fn environ_sizes_get<H: Host>(
    guest: &mut Guest<'_, H>,
    count: u32,
    size: u32,
) -> Result<(), Errno> {
    let variables = environment(guest);
    let bytes = variables.iter().fold(0usize, |sum, v| sum.saturating_add(v.len()));
    guest.put_u32(count, u32::try_from(variables.len()).or(Err(Errno::Overflow))?)?;
    guest.put_u32(size, u32::try_from(bytes).or(Err(Errno::Overflow))?)?;
    Ok(())
}

/// The three standard streams, as character devices.
fn standard(fd: u32) -> Result<(), Errno> {
    if fd <= 2 { Ok(()) } else { Err(Errno::Badf) }
}

fn fd_close<H: Host>(_guest: &mut Guest<'_, H>, fd: u32) -> Result<(), Errno> {
    standard(fd)
}

fn fd_fdstat_get<H: Host>(guest: &mut Guest<'_, H>, fd: u32, stat: u32) -> Result<(), Errno> {
    standard(fd)?;
    let memory = guest.split()?.0;
    let stat = slice_mut(memory, stat, 24)?;
    stat.fill(0);
    if let Some(kind) = stat.first_mut() {
        *kind = 2;
    }
    Ok(())
}

/// No directory is open; this is where a module looks for one.
fn fd_prestat_get<H: Host>(
    _guest: &mut Guest<'_, H>,
    _fd: u32,
    _prestat: u32,
) -> Result<(), Errno> {
    Err(Errno::Badf)
}

fn fd_prestat_dir_name<H: Host>(
    _guest: &mut Guest<'_, H>,
    _fd: u32,
    _path: u32,
    _size: u32,
) -> Result<(), Errno> {
    Err(Errno::Badf)
}

/// Standard input is empty.
fn fd_read<H: Host>(
    guest: &mut Guest<'_, H>,
    fd: u32,
    _buffers: u32,
    _count: u32,
    read: u32,
) -> Result<(), Errno> {
    if fd != 0 {
        return Err(Errno::Badf);
    }
    guest.put_u32(read, 0)?;
    Ok(())
}

fn fd_seek<H: Host>(
    _guest: &mut Guest<'_, H>,
    fd: u32,
    _offset: i64,
    _whence: u32,
    _position: u32,
) -> Result<(), Errno> {
    standard(fd)?;
    Err(Errno::Spipe)
}

/// Standard output and standard error go to the log, line by line.
fn fd_write<H: Host>(
    guest: &mut Guest<'_, H>,
    fd: u32,
    buffers: u32,
    count: u32,
    written: u32,
) -> Result<(), Errno> {
    let error = match fd {
        1 => false,
        2 => true,
        _ => return Err(Errno::Badf),
    };
    if count > MAX_BUFFERS {
        return Err(Errno::Inval);
    }
    let (memory, state) = guest.split()?;
    let vectors = slice(memory, buffers, count.saturating_mul(8))?;
    let mut total = 0u32;
    for vector in vectors.chunks_exact(8) {
        let (at, len) = vector.split_at(4);
        let word = |b: &[u8]| b.try_into().map(u32::from_le_bytes).or(Err(Errno::Fault));
        let (at, len) = (word(at)?, word(len)?);
        state.print(error, slice(memory, at, len)?);
        total = total.checked_add(len).ok_or(Errno::Overflow)?;
    }
    guest.put_u32(written, total)?;
    Ok(())
}

fn random_get<H: Host>(guest: &mut Guest<'_, H>, buffer: u32, size: u32) -> Result<(), Errno> {
    let (memory, state) = guest.split()?;
    state.host.random(slice_mut(memory, buffer, size)?)?;
    Ok(())
}

fn sched_yield<H: Host>(_guest: &mut Guest<'_, H>) -> Result<(), Errno> {
    Ok(())
}
