//! What recoveries moved on the control accounts, from their own events.

use std::collections::BTreeMap;

use ledger::calendar::Month;
use ledger::disbursement::recovery::{RecoveryEvent, Standing};
use ledger::id::BookId;
use ledger::money::{Fen, MoneyError};
use ledger_store::agreement::{self as figures, RecoveryMoved};
use ledger_store::db::Tx;

use crate::app::Error;

/// What recoveries moved by the vouchers of some months.
pub(super) struct Recovered(Vec<RecoveryMoved>);

impl Recovered {
    /// Of the months `first` to `last`, both included.
    pub(super) async fn load(
        tx: &mut Tx,
        book: BookId,
        first: Month,
        last: Month,
    ) -> Result<Recovered, Error> {
        let moved = figures::recovery_moved(tx, book, first, last).await?;
        Ok(Recovered(moved))
    }

    /// 1218.03 by program: found, less what came in, was withheld or written off.
    pub(super) fn owed(&self) -> Result<BTreeMap<i64, Fen>, MoneyError> {
        self.sums(|moved| match moved.event {
            RecoveryEvent::Confirm | RecoveryEvent::Restore => Some((moved.program.get(), true)),
            _ => Some((moved.program.get(), false)),
        })
    }

    /// 2307 by bank account: credits that proved to be a recovery's money.
    pub(super) fn explained(&self) -> Result<BTreeMap<i64, Fen>, MoneyError> {
        self.sums(|moved| match moved.event {
            RecoveryEvent::Receive => Some((moved.bank_account.get(), true)),
            _ => None,
        })
    }

    /// What came home to appropriations, and so is budget expense no longer.
    pub(super) fn came_home(&self) -> Result<Fen, MoneyError> {
        let home = self.sums(|moved| match (moved.event, moved.standing) {
            (RecoveryEvent::Receive, Standing::Same) => Some((0, true)),
            _ => None,
        })?;
        Ok(home.get(&0).copied().unwrap_or_default())
    }

    /// By program, by how much expense less payable falls short of what was paid: expense is less
    /// by what was found, and what was withheld settled a payable without being paid.
    pub(super) fn paid_beside_expense(&self) -> Result<BTreeMap<i64, Fen>, MoneyError> {
        self.sums(|moved| {
            let program = moved.program.get();
            match (moved.event, moved.standing) {
                // Counted with the cancelled payment, whose expense is of an earlier year.
                (RecoveryEvent::SetOff, Standing::Closed | Standing::Earlier) if !moved.of_run => {
                    None
                }
                (RecoveryEvent::Confirm, Standing::Same) | (RecoveryEvent::Restore, _) => {
                    Some((program, true))
                }
                (RecoveryEvent::ConfirmWriteOff, Standing::Same) | (RecoveryEvent::SetOff, _) => {
                    Some((program, false))
                }
                _ => None,
            }
        })
    }

    /// Sums by a key, added or taken away; what has none is left out.
    fn sums(
        &self,
        of: impl Fn(&RecoveryMoved) -> Option<(i64, bool)>,
    ) -> Result<BTreeMap<i64, Fen>, MoneyError> {
        let mut sums = BTreeMap::<i64, Fen>::new();
        for moved in &self.0 {
            if let Some((key, more)) = of(moved) {
                let sum = sums.entry(key).or_default();
                *sum = match more {
                    true => sum.plus(moved.amount)?,
                    false => sum.minus(moved.amount)?,
                };
            }
        }
        Ok(sums)
    }
}
