//! What a fuzzer drives: `cargo run -p bank-adapters --example fuzz -- ENTRY < FILE`, and all
//! entries when none is named. A fuzzer that feeds programs by their standard input (AFL++,
//! honggfuzz) takes it as it is. What breaks a reader goes into `tests/data/crashers`, where every
//! test run reads it.

use std::io::{Read, stdin};
use std::process::ExitCode;

#[path = "../tests/common/fuzz.rs"]
#[allow(dead_code, reason = "the tests look at what is kept")]
mod fuzz;

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1);
    let is_wanted = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
    let entries: Vec<_> = (fuzz::ENTRIES.iter())
        .filter(|(name, _)| is_wanted(name))
        .collect();
    let mut bytes = Vec::new();
    if entries.is_empty() || stdin().read_to_end(&mut bytes).is_err() {
        let names: Vec<_> = fuzz::ENTRIES.iter().map(|(name, _)| *name).collect();
        eprintln!("fuzz [{}] < FILE", names.join("|"));
        return ExitCode::from(2);
    }
    for (_, entry) in entries {
        entry(&bytes);
    }
    ExitCode::SUCCESS
}
