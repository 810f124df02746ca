//! Whether a statement can be taken: of this account, new, within its days, and following the one
//! before it.

use bank_adapters::StatementFile;
use ledger::calendar::Date;
use ledger::money::Fen;
use ledger::problem::{Kind, Problem};
use ledger_store::policy::BankAccount;
use ledger_store::statement::{self as store, Statement};
use ledger_store::write::Write;

use crate::app::Error;

/// The file adds up, is of this account, is new, does not reach beyond today, and follows the
/// statement before it: the day on which it begins, and what moved.
pub(super) async fn judge(
    write: &mut Write,
    bank: &BankAccount,
    file: &StatementFile,
    today: Date,
) -> Result<(Date, Fen), Error> {
    // Without a number in the file, the account that the command names is its.
    if !file.account_no.is_empty() && file.account_no != bank.account_no {
        let found = crate::app::roster::mask_account(&file.account_no);
        return Err(crate::app::policy::invalid(
            "账号 account",
            &found,
            &bank.code,
        ));
    }
    within_period(file, today)?;
    let moved = Fen::sum(file.lines.iter().map(|line| line.amount))?;
    if file.opening.plus(moved)? != file.closing {
        return Err(Problem::new(Kind::StatementBroken)
            .with("opening", file.opening.grouped())
            .with("moved", moved.grouped())
            .with("closing", file.closing.grouped())
            .into());
    }
    let book = write.book();
    let all = store::statements(write.tx(), book).await?;
    let stands = |earlier: &&Statement| earlier.bank_account == bank.id && !earlier.withdrawn;
    let of_account = all.iter().filter(stands);
    let mut last: Option<&Statement> = None;
    for earlier in of_account {
        if earlier.content_hash == file.content_hash {
            return Err(Problem::new(Kind::FileSeen)
                .with("time", &earlier.to)
                .with("id", earlier.id)
                .into());
        }
        if last.is_none_or(|last| earlier.to > last.to) {
            last = Some(earlier);
        }
    }
    let Some(last) = last else {
        return Ok((file.from, moved));
    };
    let from = begins(file, last);
    if last.to >= from.to_string() {
        return Err(Problem::new(Kind::StatementOverlap)
            .with("from", file.from)
            .with("to", &last.to)
            .into());
    }
    if last.closing != file.opening {
        return Err(Problem::new(Kind::StatementGap)
            .with("opening", file.opening.grouped())
            .with("previous", last.closing.grouped())
            .into());
    }
    Ok((from, moved))
}

/// Nothing of a statement lies in the future, and every movement within its days. A period that is
/// wrong would stand in the way of every later statement.
fn within_period(file: &StatementFile, today: Date) -> Result<(), Error> {
    if file.to > today {
        return Err(Problem::new(Kind::StatementFuture)
            .with("to", file.to)
            .with("today", today)
            .into());
    }
    let outside =
        |line: &&bank_adapters::StatementLine| !(file.from..=file.to).contains(&line.date);
    match file.lines.iter().find(outside) {
        Some(line) => Err(Problem::new(Kind::StatementOutside)
            .with("line", line.line)
            .with("date", line.date)
            .with("from", file.from)
            .with("to", file.to)
            .into()),
        None => Ok(()),
    }
}

/// MT940 and camt.053 date the opening balance by the day on which the statement before closed.
/// Such a statement begins the day after, when the balances agree and nothing in it is older.
fn begins(file: &StatementFile, last: &Statement) -> Date {
    let next = file.from.succ_opt().filter(|next| {
        let follows = last.to == file.from.to_string() && last.closing == file.opening;
        follows && *next <= file.to && file.lines.iter().all(|line| line.date >= *next)
    });
    next.unwrap_or(file.from)
}
