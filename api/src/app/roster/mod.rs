//! Rosters (花名册): the full roster of a program for a month comes in, and what changed against
//! the books becomes new awards, ended awards and new account versions.
//!
//! Every row is checked before anything is stored, and every fault is named by row and column; a
//! faulty roster changes nothing.

mod change;
pub mod fault;
pub mod headings;
mod list;
mod row;
mod sheet;

use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::roster::PersonName;
use ledger_store::write::Write;

pub use self::list::{diff, list};
pub use self::sheet::{HEADINGS, ROWS_MAX, decode, template};
use super::{App, Caller, Done, Error, Order};

/// Imports the full roster of a program as it stands in a month. With `dry_run` it only says what
/// would change.
///
/// # Errors
/// [`Kind::RosterFaulty`] with every fault of the file.
#[expect(
    clippy::too_many_arguments,
    reason = "a command with its caller and key"
)]
pub async fn import(
    app: &App,
    caller: &Caller,
    program: &str,
    month: Month,
    file_name: &str,
    bytes: &[u8],
    dry_run: bool,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("roster.import", Action::ImportRoster)
        .key(key)
        .field("program", program)
        .field("month", month.to_string())
        .file(file_name, bytes);
    if dry_run {
        super::authorise(caller, Action::ImportRoster)?;
        let mut write = Write::begin(&app.db, caller.book.id).await?;
        let change = change::prepare(&mut write, program, month, file_name, bytes).await;
        write.rollback().await?;
        return Ok(Done {
            answer: change?.summary(program, month),
            replay: false,
            receipt: None,
        });
    }
    app.command(caller, order, async |write| {
        let change = change::prepare(write, program, month, file_name, bytes).await?;
        ledger_store::batch::store_file(write, "roster", file_name, bytes).await?;
        let summary = change.summary(program, month);
        change.store(app, write).await?;
        Ok(summary)
    })
    .await
}

/// A number with all but its last four characters hidden.
pub fn mask_account(text: &str) -> String {
    let length = text.chars().count();
    let hidden = length.saturating_sub(4);
    text.chars()
        .enumerate()
        .map(|(place, c)| if place < hidden { '*' } else { c })
        .collect()
}

/// A name with its middle hidden.
pub fn mask_name(name: &str) -> String {
    PersonName::parse(name).map_or_else(|_| "*".to_owned(), |name| name.masked())
}
