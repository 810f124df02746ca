//! What the events behind the vouchers of a month moved, from their own rows: payments, attempts,
//! answers, refunds that came home and credits that nobody can explain.

use std::collections::{BTreeMap, BTreeSet};

use ledger::id::{BookId, ComponentId, ProgramId, RunId, StatementId};
use ledger::money::{Fen, MoneyError};
use ledger_store::agreement as figures;
use ledger_store::answer;
use ledger_store::batch;
use ledger_store::db::Tx;
use ledger_store::journal::Voucher;
use ledger_store::notice;
use ledger_store::policy::DebitStyle;
use ledger_store::run;
use ledger_store::statement;

use super::desk::unexplained;
use super::settled::Settled;
use crate::app::Error;
use crate::app::report::Names;

/// By program, or by bank account.
type Sums = BTreeMap<i64, Fen>;

/// What the events of a month moved on the control accounts, each on its normal side.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// 2303 by program: approved, less taken back and less paid, and again what came back after it
    /// was paid.
    pub(super) payable: Sums,
    /// 1218.01 by bank account: sent, less answered.
    pub(super) transit: Sums,
    /// 1218.02 by bank account: what failed or came back, less what is home.
    pub(super) awaited: Sums,
    /// 2307 by bank account: put in.
    pub(super) suspense: Sums,
    /// Paid, less what came back after it.
    pub(super) paid: Fen,
}

impl Events {
    /// Adds up the rows of the events that these vouchers come from.
    pub(super) async fn of(
        tx: &mut Tx,
        book: BookId,
        vouchers: &[Voucher],
        names: &Names,
    ) -> Result<Events, Error> {
        let mut events = Events::default();
        let programs = programs(tx, book).await?;
        for approval in approvals(vouchers) {
            let of = (approval.run, approval.entry);
            let amount = figures::run_payments(tx, book, of).await?;
            let program = programs.get(&approval.run).map_or(0, |id| id.get());
            match approval.taken_back {
                true => take(&mut events.payable, program, amount)?,
                false => add(&mut events.payable, program, amount)?,
            }
        }
        events.batches(tx, book, vouchers, &programs, names).await?;
        events.statements(tx, book, vouchers).await?;
        for id in sources(vouchers, "notice") {
            for (program, bank, amount) in notice::returned(tx, book, StatementId(id)).await? {
                add(&mut events.payable, program.get(), amount)?;
                add(&mut events.awaited, bank.get(), amount)?;
                events.paid = events.paid.minus(amount)?;
            }
        }
        Ok(events)
    }

    /// Refunds that statements brought home and credits that nobody can explain; the opposite of
    /// those of statements that were withdrawn.
    async fn statements(
        &mut self,
        tx: &mut Tx,
        book: BookId,
        vouchers: &[Voucher],
    ) -> Result<(), Error> {
        let signs = [("statement", 1), ("unstate", -1)];
        let signs = signs.map(|(source, sign)| (sources(vouchers, source), sign));
        for statement in statement::statements(tx, book).await? {
            for (of, sign) in &signs {
                if !of.contains(&statement.id.get()) {
                    continue;
                }
                let bank = statement.bank_account.get();
                for home in figures::came_home(tx, book, statement.id).await? {
                    let owed_again = home.refunded.times(*sign)?;
                    let received = home.received.times(*sign)?;
                    add(&mut self.payable, home.program.get(), owed_again)?;
                    add(&mut self.awaited, bank, owed_again.minus(received)?)?;
                    self.paid = self.paid.minus(owed_again)?;
                }
            }
        }
        for one in unexplained(tx, book).await? {
            for (of, sign) in &signs {
                if of.contains(&one.statement.get()) {
                    let amount = one.amount.times(*sign)?;
                    add(&mut self.suspense, one.bank_account.get(), amount)?;
                }
            }
        }
        Ok(())
    }

    /// Takes what settlements, withdrawn answers and cancellations moved.
    pub(super) fn take_settled(&mut self, settled: &Settled) -> Result<(), MoneyError> {
        for (sums, moved) in [
            (&mut self.payable, settled.payable()?),
            (&mut self.transit, settled.transit()?),
            (&mut self.awaited, settled.awaited()?),
        ] {
            for (key, amount) in moved {
                add(sums, key, amount)?;
            }
        }
        for (key, amount) in settled.explained()? {
            take(&mut self.suspense, key, amount)?;
        }
        self.paid = self.paid.plus(settled.paid()?)?;
        Ok(())
    }

    /// Batches and returns. A batch is read once, whether it was sent in the month or answered.
    async fn batches(
        &mut self,
        tx: &mut Tx,
        book: BookId,
        vouchers: &[Voucher],
        programs: &BTreeMap<RunId, ProgramId>,
        names: &Names,
    ) -> Result<(), Error> {
        let sent = sources(vouchers, "batch");
        let returned = sources(vouchers, "return");
        let mut wanted = sent.clone();
        for answer in answer::returns(tx, book).await? {
            if returned.contains(&answer.id.get()) {
                wanted.insert(answer.batch.get());
            }
        }
        for batch in batch::batches(tx, book).await? {
            if !wanted.contains(&batch.id.get()) {
                continue;
            }
            let bank = batch.bank_account;
            let whole = names.banks.get(&bank);
            let whole = whole.is_some_and(|bank| bank.debit_style == DebitStyle::Whole);
            let program = programs.get(&batch.run).map_or(0, |program| program.get());
            if sent.contains(&batch.id.get()) {
                add(&mut self.transit, bank.get(), batch.total)?;
            }
            for answer in figures::batch_answers(tx, book, batch.id).await? {
                let amount = answer.amount;
                if !returned.contains(&answer.source.get()) {
                    continue;
                }
                take(&mut self.transit, bank.get(), amount)?;
                if answer.kind == "paid" {
                    take(&mut self.payable, program, amount)?;
                    self.paid = self.paid.plus(amount)?;
                } else if whole {
                    add(&mut self.awaited, bank.get(), amount)?;
                }
            }
        }
        Ok(())
    }

    /// The lines of the runs that these vouchers approve, less those of runs that they take back,
    /// by program and component.
    pub(super) async fn lines(
        tx: &mut Tx,
        book: BookId,
        vouchers: &[Voucher],
    ) -> Result<BTreeMap<(ProgramId, ComponentId), Fen>, Error> {
        let programs = programs(tx, book).await?;
        let mut lines = BTreeMap::<(ProgramId, ComponentId), Fen>::new();
        for approval in approvals(vouchers) {
            let of = (approval.run, approval.entry);
            let program = programs.get(&of.0).copied().unwrap_or(ProgramId(0));
            for (component, amount) in figures::run_lines(tx, book, of).await? {
                let sum = lines.entry((program, component)).or_default();
                *sum = match approval.taken_back {
                    true => sum.minus(amount)?,
                    false => sum.plus(amount)?,
                };
            }
        }
        Ok(lines)
    }
}

/// A run that a voucher approves or takes back.
struct Approval {
    run: RunId,
    /// The audit entry of that step: a run can be approved, taken back and approved again.
    entry: i64,
    taken_back: bool,
}

fn approvals(vouchers: &[Voucher]) -> impl Iterator<Item = Approval> {
    vouchers.iter().filter_map(|voucher| {
        let taken_back = match voucher.source.as_str() {
            "run" => false,
            "revoke" => true,
            _ => return None,
        };
        Some(Approval {
            run: RunId(voucher.source_id),
            entry: voucher.entry,
            taken_back,
        })
    })
}

async fn programs(tx: &mut Tx, book: BookId) -> Result<BTreeMap<RunId, ProgramId>, Error> {
    let runs = run::runs(tx, book).await?;
    Ok(runs.into_iter().map(|run| (run.id, run.program)).collect())
}

/// The numbers of the events of one kind.
fn sources(vouchers: &[Voucher], source: &str) -> BTreeSet<i64> {
    let own = vouchers.iter().filter(|voucher| voucher.source == source);
    own.map(|voucher| voucher.source_id).collect()
}

fn add(sums: &mut Sums, key: i64, amount: Fen) -> Result<(), MoneyError> {
    let sum = sums.entry(key).or_default();
    *sum = sum.plus(amount)?;
    Ok(())
}

fn take(sums: &mut Sums, key: i64, amount: Fen) -> Result<(), MoneyError> {
    let sum = sums.entry(key).or_default();
    *sum = sum.minus(amount)?;
    Ok(())
}
