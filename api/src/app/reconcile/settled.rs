//! What settlements of differences, withdrawn answers and cancellations moved on the control
//! accounts, from their own rows.

use std::collections::BTreeMap;

use ledger::calendar::Month;
use ledger::id::{BookId, ProgramId};
use ledger::money::{Fen, MoneyError};
use ledger_store::agreement::{self as figures, Voided};
use ledger_store::db::Tx;
use reconciliation::resolution::Effect;

use crate::app::Error;

/// By program, or by bank account.
type Sums = BTreeMap<i64, Fen>;

/// What was moved by the vouchers of some months.
pub(super) struct Settled {
    settled: Vec<(Effect, i64, i64, Fen)>,
    voided: Vec<Voided>,
    cancelled: Vec<(ProgramId, bool, Fen)>,
}

impl Settled {
    /// Of the months `first` to `last`, both included.
    pub(super) async fn load(
        tx: &mut Tx,
        book: BookId,
        first: Month,
        last: Month,
    ) -> Result<Settled, Error> {
        let settled = figures::settled(tx, book, first, last).await?.into_iter();
        let known = |(code, bank, program, amount): figures::Settled| {
            let effect = Effect::from_code(&code)?;
            Some((effect, bank.get(), program.get(), amount))
        };
        Ok(Settled {
            settled: settled.filter_map(known).collect(),
            voided: figures::voided(tx, book, first, last).await?,
            cancelled: figures::cancelled(tx, book, first, last).await?,
        })
    }

    /// 2303 by program: owed again what was wrongly said to be paid or came back after it, less
    /// what was cancelled.
    pub(super) fn payable(&self) -> Result<Sums, MoneyError> {
        let mut sums = self.of(|effect, _, program| match effect {
            Effect::RefundLate | Effect::Returned => Some((program, true)),
            _ => None,
        })?;
        for voided in self.voided.iter().filter(|voided| voided.paid) {
            change(&mut sums, voided.program.get(), true, voided.amount)?;
        }
        for (program, _, amount) in &self.cancelled {
            change(&mut sums, program.get(), false, *amount)?;
        }
        Ok(sums)
    }

    /// 1218.01 by bank account: without an answer again.
    pub(super) fn transit(&self) -> Result<Sums, MoneyError> {
        let mut sums = Sums::new();
        for voided in &self.voided {
            change(&mut sums, voided.bank_account.get(), true, voided.amount)?;
        }
        Ok(sums)
    }

    /// 1218.02 by bank account: less what is home, will not come, or did not fail.
    pub(super) fn awaited(&self) -> Result<Sums, MoneyError> {
        let mut sums = self.of(|effect, bank, _| match effect {
            Effect::Refund => Some((bank, false)),
            Effect::Returned => Some((bank, true)),
            _ => None,
        })?;
        for voided in self.voided.iter().filter(|one| one.whole && !one.paid) {
            change(&mut sums, voided.bank_account.get(), false, voided.amount)?;
        }
        Ok(sums)
    }

    /// 2307 by bank account: credits that were explained.
    pub(super) fn explained(&self) -> Result<Sums, MoneyError> {
        self.of(|effect, bank, _| effect.clears_suspense().then_some((bank, true)))
    }

    /// 1218.03 by program: paid twice, less what came back or was given up.
    pub(super) fn owed(&self) -> Result<Sums, MoneyError> {
        self.of(|effect, _, program| match effect {
            Effect::Claim => Some((program, true)),
            Effect::ClaimHome | Effect::WrittenOff => Some((program, false)),
            _ => None,
        })
    }

    /// What is paid beside the payments: paid twice, and not home again.
    pub(super) fn paid_twice(&self) -> Result<Fen, MoneyError> {
        self.total(|effect| match effect {
            Effect::Claim => Some(true),
            Effect::ClaimHome => Some(false),
            _ => None,
        })
    }

    /// Paid, by answers that were voided or came back: less.
    pub(super) fn paid(&self) -> Result<Fen, MoneyError> {
        let mut paid = self.total(|effect| match effect {
            Effect::RefundLate | Effect::Returned => Some(false),
            _ => None,
        })?;
        for voided in self.voided.iter().filter(|voided| voided.paid) {
            paid = paid.minus(voided.amount)?;
        }
        Ok(paid)
    }

    /// By program, by how much expense less payable is more than what was paid: losses, and what
    /// was cancelled of an earlier year's expense.
    pub(super) fn expense_beside_paid(&self) -> Result<Sums, MoneyError> {
        let mut sums = self.of(|effect, _, program| match effect {
            Effect::WrittenOff => Some((program, true)),
            _ => None,
        })?;
        for (program, same, amount) in &self.cancelled {
            if !same {
                change(&mut sums, program.get(), true, *amount)?;
            }
        }
        Ok(sums)
    }

    /// Sums by a key, added or taken away; what has none is left out.
    fn of(
        &self,
        key: impl Fn(Effect, i64, i64) -> Option<(i64, bool)>,
    ) -> Result<Sums, MoneyError> {
        let mut sums = Sums::new();
        for (effect, bank, program, amount) in &self.settled {
            if let Some((key, more)) = key(*effect, *bank, *program) {
                change(&mut sums, key, more, *amount)?;
            }
        }
        Ok(sums)
    }

    fn total(&self, more: impl Fn(Effect) -> Option<bool>) -> Result<Fen, MoneyError> {
        let sums = self.of(|effect, _, _| Some((0, more(effect)?)))?;
        Ok(sums.get(&0).copied().unwrap_or_default())
    }
}

fn change(sums: &mut Sums, key: i64, more: bool, amount: Fen) -> Result<(), MoneyError> {
    let sum = sums.entry(key).or_default();
    *sum = match more {
        true => sum.plus(amount)?,
        false => sum.minus(amount)?,
    };
    Ok(())
}
