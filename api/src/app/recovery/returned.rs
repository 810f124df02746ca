//! A payment that a recovery took back comes home from the bank and is cancelled: its payee never
//! had the money, so what is owed of it is owed no more.

use std::collections::BTreeMap;

use ledger::calendar::Date;
use ledger::disbursement::recovery::{
    RecoveryEvent, RecoveryState, Standing, after, left_after, recovery_step,
};
use ledger::id::{ComponentId, PaymentId, ProgramId, UserId, VoucherId};
use ledger::journal::{Posting, rules};
use ledger::money::Fen;
use ledger::problem::{Kind, Problem};
use ledger_store::recovery::{self as store, Moved, Recovery};
use ledger_store::write::Write;

use super::standings;
use crate::app::Error;

/// What of a payment is owed by its payee, and is not when the payment is cancelled.
pub(crate) struct Returned {
    recovery: Recovery,
    standing: Standing,
    amount: Fen,
    /// The same by component.
    parts: Vec<(ComponentId, Fen)>,
}

/// What open recoveries of expense of a year took back of a payment, at most `amount`.
///
/// # Errors
/// [`Kind::RecoveryPaid`] when its payee has paid some of it back by now.
pub(crate) async fn of_payment(
    write: &mut Write,
    (payment, amount): (PaymentId, Fen),
    year: i32,
    on: Date,
) -> Result<Vec<Returned>, Error> {
    let book = write.book();
    let recovered = store::recovered_of(write.tx(), book, payment).await?;
    let ids: Vec<_> = recovered.keys().copied().collect();
    let mut owed = store::recoveries_of(write.tx(), book, &ids).await?;
    owed.retain(|one| one.year == year);
    for recovery in &owed {
        let taken = recovered.get(&recovery.id).into_iter().flatten();
        let taken = Fen::sum(taken.map(|(_, part)| *part))?;
        let is_owed = matches!(recovery.state, RecoveryState::Open | RecoveryState::Settled);
        if is_owed && recovery.left < taken {
            return Err(Problem::new(Kind::RecoveryPaid)
                .with("payment", payment)
                .with("recovery", recovery.id)
                .with("amount", taken.minus(recovery.left)?.grouped())
                .into());
        }
    }
    owed.retain(|one| one.state == RecoveryState::Open);
    let standings = standings(write, &owed, on).await?;
    let mut rest = amount;
    let mut found = Vec::new();
    for recovery in owed {
        let Some(standing) = standings.get(&recovery.id).copied() else {
            continue;
        };
        let mut free = rest.min(recovery.left);
        let mut parts = Vec::new();
        for (component, taken) in recovered.get(&recovery.id).into_iter().flatten() {
            let part = free.min(*taken);
            if part > Fen::ZERO {
                free = free.minus(part)?;
                parts.push((*component, part));
            }
        }
        let amount = Fen::sum(parts.iter().map(|(_, part)| *part))?;
        if amount > Fen::ZERO {
            rest = rest.minus(amount)?;
            found.push(Returned {
                recovery,
                standing,
                amount,
                parts,
            });
        }
    }
    Ok(found)
}

impl Returned {
    /// How much it is.
    pub(crate) fn amount(&self) -> Fen {
        self.amount
    }

    /// Takes it from what the components of the payment come to.
    ///
    /// # Errors
    /// When an amount is out of range.
    pub(crate) fn less(&self, lines: &mut [(ComponentId, Fen)]) -> Result<(), Error> {
        let mut parts: BTreeMap<ComponentId, Fen> = BTreeMap::new();
        for (component, part) in &self.parts {
            let sum = parts.entry(*component).or_default();
            *sum = sum.plus(*part)?;
        }
        for (component, amount) in lines {
            *amount = amount.minus(parts.get(component).copied().unwrap_or_default())?;
        }
        Ok(())
    }

    /// Its postings, as of what a payment withholds.
    pub(crate) fn post(&self, program: ProgramId, payment: PaymentId, out: &mut Vec<Posting>) {
        rules::overpayment_set_off(program, payment, self.amount, out);
        if self.standing == Standing::Closed {
            rules::recovered_of_closed_year(program, payment, self.amount, out);
        }
    }

    /// Keeps it with the recovery. It is of no run.
    pub(crate) async fn store(
        mut self,
        write: &mut Write,
        payment: PaymentId,
        (voucher, user, on): (VoucherId, UserId, Date),
    ) -> Result<(), Error> {
        let event = RecoveryEvent::SetOff;
        let left = left_after(event, self.recovery.left, self.amount)?;
        if let Some(step) = recovery_step(Some(self.recovery.state), event) {
            self.recovery.state = after(step, left);
        }
        self.recovery.left = left;
        self.recovery.events += 1;
        self.recovery.user = user;
        let moved = Moved {
            amount: self.amount,
            standing: Some(self.standing),
            voucher: Some(voucher),
            ..Moved::default()
        };
        let note = format!("退回后取消发放 明细{payment}");
        let events = [(&self.recovery, moved)];
        Ok(store::add_events(write, &events, event, on, &note).await?)
    }
}
