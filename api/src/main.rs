//! `huimin`, the command line of Huimin Ledger.

use std::process::ExitCode;

/// Rows are filled on one thread, hashed on another and written on a third. This allocator gives
/// what one thread frees back to the others; the system's keeps it for each, and memory grew to
/// twice as much.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc 3 (its header `mimalloc.h`).
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

fn main() -> ExitCode {
    give_freed_pages_back();
    api::cli::main()
}

/// Freed pages go back to the system at once: a month's work needs half as much memory and no
/// more time. `MIMALLOC_PURGE_DELAY` still wins.
#[expect(
    unsafe_code,
    reason = "the allocator's options are set by a C function"
)]
fn give_freed_pages_back() {
    // SAFETY: sets one number of the allocator; no other thread has been started yet, which is
    // all that its documentation asks.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, 0) };
}
