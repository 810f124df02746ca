//! `huimin`, the command line of Huimin Ledger.

use std::process::ExitCode;

/// Rows are filled on one thread, hashed on another and written on a third. This allocator gives
/// what one thread frees back to the others; the system's keeps it for each, and memory grew to
/// twice as much.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    api::cli::main()
}
