//! The guest's memory as host calls see it. Every pointer is checked; none is trusted.

use crate::abi::Status;
use crate::host::Host;
use crate::state::State;
use wasmtime::{Caller, Memory};

/// A host call in progress.
pub(crate) struct Guest<'a, H: 'static> {
    caller: Caller<'a, State<H>>,
}

/// Why a host call does not end with `OK`.
pub(crate) enum Stop {
    /// The guest is told.
    Refused(Status),
    /// The guest ends.
    Ended(wasmtime::Error),
}

impl From<Status> for Stop {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

/// What a host call returns to the guest.
pub(crate) fn answer(result: Result<(), Stop>) -> wasmtime::Result<u32> {
    match result {
        Ok(()) => Ok(0),
        Err(Stop::Refused(status)) => Ok(status.code()),
        Err(Stop::Ended(error)) => Err(error),
    }
}

impl<'a, H: Host> Guest<'a, H> {
    pub(crate) const fn new(caller: Caller<'a, State<H>>) -> Self {
        Self { caller }
    }

    pub(crate) fn state(&mut self) -> &mut State<H> {
        self.caller.data_mut()
    }

    /// The guest's memory and the state, at the same time. A `start` function runs before the
    /// memory is known; nothing can be passed then.
    pub(crate) fn split(&mut self) -> Result<(&mut [u8], &mut State<H>), Status> {
        let memory: Memory = self.caller.data().memory.ok_or(Status::InvalidMemoryAccess)?;
        Ok(memory.data_and_store_mut(&mut self.caller))
    }

    /// Writes a number.
    pub(crate) fn put_u32(&mut self, at: u32, value: u32) -> Result<(), Status> {
        put(self.split()?.0, at, &value.to_le_bytes())
    }

    /// Writes a number.
    pub(crate) fn put_u64(&mut self, at: u32, value: u64) -> Result<(), Status> {
        put(self.split()?.0, at, &value.to_le_bytes())
    }

    /// Hands bytes over: into memory that the guest's own allocator provides, with pointer and
    /// size written to the two addresses. No bytes are a null pointer.
    pub(crate) fn give(&mut self, bytes: &[u8], data: u32, size: u32) -> Result<(), Stop> {
        let len = u32::try_from(bytes.len()).or(Err(Status::SerializationFailure))?;
        let memory = self.split()?.0;
        slice(memory, data, 4)?;
        slice(memory, size, 4)?;
        let mut at = 0;
        if len > 0 {
            let allocate = self.caller.data().allocate.clone().ok_or(Status::InternalFailure)?;
            at = allocate.call(&mut self.caller, len).map_err(Stop::Ended)?;
            if at == 0 {
                return Err(Status::InvalidMemoryAccess.into());
            }
        }
        let memory = self.split()?.0;
        put(memory, at, bytes)?;
        put(memory, data, &at.to_le_bytes())?;
        put(memory, size, &len.to_le_bytes())?;
        Ok(())
    }
}

/// `len` bytes of `memory` at `at`.
pub(crate) fn slice(memory: &[u8], at: u32, len: u32) -> Result<&[u8], Status> {
    let range = range(at, len)?;
    memory.get(range).ok_or(Status::InvalidMemoryAccess)
}

/// `len` bytes of `memory` at `at`, to write.
pub(crate) fn slice_mut(memory: &mut [u8], at: u32, len: u32) -> Result<&mut [u8], Status> {
    let range = range(at, len)?;
    memory.get_mut(range).ok_or(Status::InvalidMemoryAccess)
}

/// Writes `bytes` to `memory` at `at`.
pub(crate) fn put(memory: &mut [u8], at: u32, bytes: &[u8]) -> Result<(), Status> {
    let len = u32::try_from(bytes.len()).or(Err(Status::InvalidMemoryAccess))?;
    slice_mut(memory, at, len)?.copy_from_slice(bytes);
    Ok(())
}

fn range(at: u32, len: u32) -> Result<std::ops::Range<usize>, Status> {
    let at = usize::try_from(at).or(Err(Status::InvalidMemoryAccess))?;
    let len = usize::try_from(len).or(Err(Status::InvalidMemoryAccess))?;
    let end = at.checked_add(len).ok_or(Status::InvalidMemoryAccess)?;
    Ok(at..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_checked_at_both_ends() {
        let mut memory = [7; 8];
        assert_eq!(slice(&memory, 0, 8), Ok(&[7; 8][..]));
        assert_eq!(slice(&memory, 8, 0), Ok(&[][..]));
        for (at, len) in [(0, 9), (8, 1), (9, 0), (u32::MAX, 1), (1, u32::MAX)] {
            assert_eq!(slice(&memory, at, len), Err(Status::InvalidMemoryAccess), "{at} {len}");
        }
        assert_eq!(put(&mut memory, 7, &[1]), Ok(()));
        assert_eq!(put(&mut memory, 7, &[1, 2]), Err(Status::InvalidMemoryAccess));
        assert_eq!(memory, [7, 7, 7, 7, 7, 7, 7, 1]);
    }
}
