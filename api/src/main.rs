//! `huimin`, the command line of Huimin Ledger.

use std::process::ExitCode;

fn main() -> ExitCode {
    api::cli::main()
}
