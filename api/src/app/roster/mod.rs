//! Rosters (花名册): the full roster of a program for a month comes in, and what changed against
//! the books becomes new awards, ended awards and new account versions.
//!
//! Every row is checked before anything is stored, and every fault is named by row and column; a
//! faulty roster changes nothing.

mod change;
mod deceased;
pub mod fault;
pub mod headings;
mod known;
mod list;
mod marked;
mod row;
mod sheet;
mod stage;

use std::collections::BTreeMap;

use bank_adapters::Finding;
use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::id::BookId;
use ledger::id::PartyId;
use ledger::problem::{Kind, Problem};
use ledger::roster::PersonName;
use ledger_store::boxed;
use ledger_store::db::Tx;
use ledger_store::policy::{self, Program};
use ledger_store::roster::{self as store, AccountChange};
use ledger_store::write::Write;
use serde_json::{Value, json};

pub use self::deceased::{Died, deaths, deceased};
pub use self::list::{diff, list, list_page};
use self::sheet::Terms;
pub use self::sheet::{HEADINGS, ROWS_MAX, decode, template};
use super::view::Report;
use super::{App, Caller, Done, Error, Order, not_found};

/// Imports the full roster of a program as it stands in a month. With `dry_run` it only says what
/// would change.
///
/// # Errors
/// [`Kind::RosterFaulty`] with every fault of the file.
#[expect(
    clippy::too_many_arguments,
    reason = "a command with its caller and key"
)]
#[boxed]
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
    let file = RosterFile {
        program,
        month,
        file_name,
        bytes,
        expect_ended: None,
    };
    import_file(app, caller, &file, dry_run, key).await
}

/// A roster as it comes.
#[derive(Clone, Copy, Debug)]
pub struct RosterFile<'a> {
    /// Code of the program.
    pub program: &'a str,
    /// The month as of which it stands.
    pub month: Month,
    /// Its name.
    pub file_name: &'a str,
    /// Its bytes: xlsx, xls, ods or csv.
    pub bytes: &'a [u8],
    /// How many awards the caller expects to leave the roster.
    pub expect_ended: Option<usize>,
}

/// Imports a roster, as [`import`] does. One that ends most awards of its program must be expected.
///
/// # Errors
/// As [`import`]; [`Kind::RosterEndsMost`] when more than half of more than ten awards would leave
/// the roster and the caller did not name their number, or named another.
#[boxed]
pub async fn import_file(
    app: &App,
    caller: &Caller,
    file: &RosterFile<'_>,
    dry_run: bool,
    key: Option<String>,
) -> Result<Done, Error> {
    let RosterFile {
        program,
        month,
        file_name,
        bytes,
        expect_ended,
    } = *file;
    let mut order = Order::new("roster.import", Action::ImportRoster)
        .key(key)
        .field("program", program)
        .field("month", month.to_string())
        .file(file_name, bytes);
    if let Some(count) = expect_ended {
        order = order.field("expect_ended", count);
    }
    if dry_run {
        app.read(caller, Action::ImportRoster)
            .await?
            .rollback()
            .await?;
        let mut write = Write::begin(&app.db, caller.book.id).await?;
        let change = change::prepare(&mut write, file, &caller.progress).await;
        write.rollback().await?;
        return Ok(Done {
            answer: would(&change?.0, file),
            replay: false,
            receipt: None,
        });
    }
    app.command(caller, order, async |write| {
        let (change, parties) = change::prepare(write, file, &caller.progress).await?;
        // A template that was never filled in would end every award.
        if change.names_nobody() {
            return Err(Problem::new(Kind::RosterEmpty).into());
        }
        expected(&change, expect_ended)?;
        ledger_store::batch::store_file(write, "roster", file_name, bytes).await?;
        let summary = change.summary(program, month);
        change.store(app, write, &caller.progress, &parties).await?;
        Ok(summary)
    })
    .await
}

/// What an import would answer.
fn would(change: &change::Change, file: &RosterFile<'_>) -> Value {
    let mut answer = change.summary(file.program, file.month);
    if let Some((ended, _)) = change.ends_most() {
        answer["expect_ended"] = ended.into();
    }
    answer["findings"] = change.notes.iter().take(NOTES_TOLD).map(told).collect();
    answer
}

/// What an import would answer, and the first page of what it would change of the month: who comes,
/// who goes, whose amount or account changes. Nothing is stored.
///
/// # Errors
/// As [`import`].
#[boxed]
pub async fn trial(
    app: &App,
    caller: &Caller,
    file: &RosterFile<'_>,
) -> Result<(Value, Report), Error> {
    app.read(caller, Action::ImportRoster)
        .await?
        .rollback()
        .await?;
    let mut write = Write::begin(&app.db, caller.book.id).await?;
    let tried = tried(app, caller, &mut write, file).await;
    write.rollback().await?;
    tried
}

/// The import as far as it can be taken back.
async fn tried(
    app: &App,
    caller: &Caller,
    write: &mut Write,
    file: &RosterFile<'_>,
) -> Result<(Value, Report), Error> {
    let book = write.book();
    let programs = ledger_store::policy::programs(write.tx(), book).await?;
    let (change, parties) = change::prepare(write, file, &caller.progress).await?;
    let program = programs.into_iter().find(|one| one.code == file.program);
    let program = program.ok_or_else(|| super::not_found("项目 program", file.program))?;
    let answer = would(&change, file);
    let (payees, parties_moved) = (change.accounts_moved(), change.parties_moved());
    let before = list::side(write.tx(), book, program.id, file.month).await?;
    let had = accounts_of(write, &payees).await?;
    change.store(app, write, &caller.progress, &parties).await?;
    let after = list::side(write.tx(), book, program.id, file.month).await?;
    let mut besides = list::Besides {
        parties: parties_moved,
        ..list::Besides::default()
    };
    for (payee, has) in accounts_of(write, &payees).await? {
        if let Some(had) = had.get(&payee) {
            let change = AccountChange {
                number: had.0 != has.0,
                holder: had.1 != has.1,
            };
            besides.accounts.insert(payee, change);
        }
    }
    let of = (&besides, file.month);
    let changes = list::would_change(write.tx(), book, (before, after), of).await?;
    Ok((answer, changes))
}

/// The newest accounts of these payees: number and holder.
async fn accounts_of(
    write: &mut Write,
    payees: &[PartyId],
) -> Result<BTreeMap<PartyId, (String, String)>, Error> {
    let mut accounts = BTreeMap::new();
    let book = write.book();
    store::each_account_of(write.tx(), book, payees, |account| {
        accounts.insert(account.payee, (account.account_no, account.holder_name));
    })
    .await?;
    Ok(accounts)
}

/// Refuses what ends most awards, unless exactly that was expected.
fn expected(change: &change::Change, expect_ended: Option<usize>) -> Result<(), Error> {
    let (leaving, before) = change.counts();
    let as_expected = match expect_ended {
        Some(count) => count == leaving,
        None => change.ends_most().is_none(),
    };
    if as_expected {
        return Ok(());
    }
    Err(Problem::new(Kind::RosterEndsMost)
        .with("ended", leaving)
        .with("before", before)
        .into())
}

/// Notes that a trial import lists.
const NOTES_TOLD: usize = 100;

fn told(note: &Finding) -> Value {
    json!({
        "code": note.code,
        "sheet": note.place.sheet,
        "row": note.place.row,
        "column": note.place.column,
        "value": note.place.value,
        "title": note.zh,
    })
}

/// The roster as a workbook with every fault and note marked; none when there is nothing to mark.
///
/// # Errors
/// [`Kind::FileRejected`](ledger::problem::Kind::FileRejected) when it cannot be read as a whole.
#[boxed]
pub async fn marked(
    app: &App,
    caller: &Caller,
    program: &str,
    month: Month,
    file_name: &str,
    bytes: &[u8],
) -> Result<Option<Vec<u8>>, Error> {
    app.read(caller, Action::ImportRoster)
        .await?
        .rollback()
        .await?;
    let file = RosterFile {
        program,
        month,
        file_name,
        bytes,
        expect_ended: None,
    };
    let mut write = Write::begin(&app.db, caller.book.id).await?;
    let examined = change::examine(&mut write, &file, &caller.progress).await;
    write.rollback().await?;
    let marks = examined?.marked;
    if marks.is_empty() {
        return Ok(None);
    }
    marked::marked(&sheet::open(file_name, bytes)?, &marks).map(Some)
}

/// An empty roster of a program as a workbook: headings with notes, choices and an example row.
///
/// # Errors
/// [`Kind::NotFound`](ledger::problem::Kind::NotFound) for an unknown program.
#[boxed]
pub async fn template_of(app: &App, caller: &Caller, program: &str) -> Result<Vec<u8>, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let today = Month::of(app.clock.today());
    let (program, terms) = terms(&mut tx, caller.book.id, program, today).await?;
    tx.rollback().await?;
    marked::template(&program.name, &terms)
}

async fn terms(
    tx: &mut Tx,
    book: BookId,
    program: &str,
    month: Month,
) -> Result<(Program, Terms), Error> {
    let programs = policy::programs(tx, book).await?;
    let found = programs.into_iter().find(|known| known.code == program);
    let found = found.ok_or_else(|| not_found("项目 program", program))?;
    let mut components = policy::components(tx, book).await?;
    components.retain(|component| component.program == found.id);
    let standards = policy::standards(tx, book).await?;
    let rules = policy::eligibility(tx, book).await?;
    Ok((found, Terms::new(month, components, &standards, &rules)))
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

/// Runs of digits from this length on may be an account or identity number.
const RUN_MIN: usize = 9;
/// The digits of such a run that stay.
const RUN_SHOWN: usize = 4;

/// What people put between the groups of a long number, one at a time.
const BETWEEN: [char; 7] = [' ', '-', '\u{3000}', '\u{ff0d}', '·', '—', '–'];

/// Free text: long runs of digits are hidden but for their end, also when they stand in groups.
pub fn mask_numbers(text: &str) -> String {
    let is_digit = |c: char| c.is_numeric() || matches!(c, 'x' | 'X' | '*');
    let mut letters: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < letters.len() {
        let mut digits = Vec::new();
        let mut end = at;
        while let Some(c) = letters.get(end) {
            let next = letters.get(end + 1).copied().is_some_and(is_digit);
            match *c {
                c if is_digit(c) => digits.push(end),
                c if !digits.is_empty() && next && BETWEEN.contains(&c) => {}
                _ => break,
            }
            end += 1;
        }
        if digits.len() >= RUN_MIN {
            for place in digits.iter().take(digits.len() - RUN_SHOWN) {
                if let Some(letter) = letters.get_mut(*place) {
                    *letter = '*';
                }
            }
        }
        at = end.max(at + 1);
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::mask_numbers;

    #[test]
    fn long_numbers_are_hidden_also_in_groups() {
        for (text, expected) in [
            ("共 12345678 户", "共 12345678 户"),
            ("号 110101190001010016。", "号 **************0016。"),
            ("110101-19900101-001X", "******-********-001X"),
            ("卡 6222 0213 0000 1234,有误", "卡 **** **** **** 1234,有误"),
            ("6222·0213·0000·1234", "****·****·****·1234"),
            ("2022-01-15 至 2022-02-15", "2022-01-15 至 2022-02-15"),
            ("1234 5678  9012", "1234 5678  9012"),
            ("12 - 34", "12 - 34"),
            ("", ""),
        ] {
            assert_eq!(mask_numbers(text), expected);
        }
    }
}
