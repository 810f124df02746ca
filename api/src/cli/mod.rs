//! The command line: a thin skin over the use cases.
//!
//! [`args`] says what can be typed; the module of a subject (`run`, `roster`, …) holds the
//! arguments of its commands and calls the use case; `render`, `sheet` and `failure` lay out what
//! comes back.
//! Exit status: 0 done, 1 refused, 2 wrong usage, 3 a check found something, 70 an accident.
//!
//! To add a command: a variant with its help text in the module of its subject, and a line in that
//! module's `run`. What it prints follows from the use case's answer.

mod appropriation;
pub mod args;
mod audit;
mod backup;
mod bank_answer;
pub(crate) mod bank_file;
mod batch;
mod bench;
mod calendar;
mod clash;
mod demo;
mod desk;
mod exception;
mod failed;
pub(crate) mod failure;
pub(crate) mod labels;
mod mask;
mod objection;
pub(crate) mod outcome;
mod password;
mod period;
mod policy;
mod recovery;
pub(crate) mod render;
mod report;
mod roster;
mod run;
mod serve;
mod setup;
pub(crate) mod sheet;
mod token;
mod trace;
mod year;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;

use crate::app::Error;
use args::{Arguments, Command};
use desk::Desk;
use outcome::Outcome;

/// Reads the command line and the environment, does what is asked, prints the answer and gives the
/// exit status. Wrong usage ends the process with status 2 and clap's message.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let desk = Desk::new(arguments.global);
    let result =
        catch_unwind(AssertUnwindSafe(|| work(&arguments.command, &desk))).unwrap_or_else(|_| {
            Err(anyhow::anyhow!("the program broke off; its message stands above").into())
        });
    desk.rest();
    ExitCode::from(outcome::print(&result, &desk))
}

fn work(command: &Command, desk: &Desk) -> Result<Outcome, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Internal(error.into()))?;
    runtime.block_on(Box::pin(dispatch(command, desk)))
}

async fn dispatch(command: &Command, desk: &Desk) -> Result<Outcome, Error> {
    match command {
        Command::Demo(command) => demo::run(command, desk).await,
        Command::Bench(command) => bench::run(command, desk).await,
        Command::Serve(command) => serve::run(command, desk).await,
        Command::Init => setup::init(desk).await,
        Command::Book { command } => command.run(desk).await,
        Command::User { command } => command.run(desk).await,
        Command::Doctor => setup::doctor(desk).await,
        Command::Backup(command) => backup::back_up(command, desk).await,
        Command::Restore(command) => backup::restore(command, desk).await,
        Command::Token { command } => command.run(desk).await,
        Command::Appropriation { command } => command.run(desk).await,
        Command::Program { command } => command.run(desk, policy::Subject::Programs).await,
        Command::Standard { command } => command.run(desk, policy::Subject::Standards).await,
        Command::Policy { command } => command.run(desk).await,
        Command::Calendar { command } => command.run(desk).await,
        Command::Roster { command } => command.run(desk).await,
        Command::Clash { command } => command.run(desk).await,
        Command::Run { command } => command.run(desk).await,
        Command::Batch { command } => command.run(desk).await,
        Command::Return { command } => command.run(desk).await,
        Command::Statement { command } => command.run(desk).await,
        Command::Objection { command } => command.run(desk).await,
        Command::Exception { command } => command.run(desk).await,
        Command::Payment { command } => command.run(desk).await,
        Command::Reason { command } => command.run(desk).await,
        Command::Recovery { command } => command.run(desk).await,
        Command::Period { command } => command.run(desk).await,
        Command::Year { command } => command.run(desk).await,
        Command::Reconcile(command) => report::reconcile(command, desk).await,
        Command::Report(command) => command.run(desk).await,
        Command::Trace(command) => command.run(desk).await,
        Command::Audit { command } => command.run(desk).await,
        Command::BankFile { command } => command.run(desk),
    }
}
