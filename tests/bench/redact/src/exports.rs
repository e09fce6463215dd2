//! What a host calls.
#![expect(unsafe_code, reason = "exports have names")]

use std::cell::RefCell;

use super::{ALL, Bench};

thread_local! {
    static BENCH: RefCell<Bench> = RefCell::default();
}

/// Does work by its number; see [`Bench::work`]. A length of 0 only makes the texts.
#[unsafe(no_mangle)]
pub extern "C" fn work(nth: u32, piece: u32, length: u32) -> u32 {
    let size = |n: u32| usize::try_from(n).unwrap_or_default();
    let Some(work) = ALL.get(size(nth)) else { return 0 };
    let out = BENCH.with_borrow_mut(|bench| bench.work(*work, size(piece), size(length)));
    u32::try_from(out).unwrap_or(u32::MAX)
}

/// Masks one event; see [`Bench::event`].
#[unsafe(no_mangle)]
pub extern "C" fn event(nth: u32) -> u32 {
    let nth = usize::try_from(nth).unwrap_or_default();
    u32::try_from(BENCH.with_borrow_mut(|bench| bench.event(nth))).unwrap_or(u32::MAX)
}
