//! What the payments of a run withhold: planned when the run is calculated, booked when it is
//! approved.

use ledger_store::boxed;
use std::collections::{BTreeMap, HashMap};

use ledger::calendar::{Date, Month};
use ledger::disbursement::due::Line;
use ledger::disbursement::recovery::{RecoveryEvent, Standing, Withheld, Withholdings};
use ledger::id::{PaymentId, ProgramId, RecoveryId, RunId, VoucherId};
use ledger::journal::{Posting, rules};
use ledger::money::Fen;
use ledger::problem::{Kind, Problem};
use ledger_store::journal::Posted;
use ledger_store::recovery::{self as store, Moved, SetOff};
use ledger_store::run::Run;
use ledger_store::write::Write;

use super::{advance, load, standings, take_step};
use crate::app::{Caller, Error, not_found};

/// What a payment of these lines withholds in a run of this month.
pub(crate) fn withhold(
    plans: &mut Withholdings,
    month: Month,
    lines: &[Line],
) -> Result<Vec<Withheld>, Error> {
    let Some(head) = lines.first().filter(|_| !plans.is_empty()) else {
        return Ok(Vec::new());
    };
    let amount = Fen::sum(lines.iter().map(|line| line.amount))?;
    let granted = lines.iter().filter(|line| line.amount > Fen::ZERO);
    let granted: Vec<_> = granted
        .map(|line| ((line.subject, line.component, line.month), line.amount))
        .collect();
    Ok(plans.withhold(head.household, month, amount, &granted)?)
}

/// What a payment of an approved run withholds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Applied {
    /// The payment.
    pub(crate) payment: PaymentId,
    /// How much.
    pub(crate) amount: Fen,
    recovery: RecoveryId,
    standing: Standing,
}

impl Applied {
    /// Its postings.
    pub(crate) fn post(&self, program: ProgramId, out: &mut Vec<Posting>) {
        rules::overpayment_set_off(program, self.payment, self.amount, out);
        if self.standing == Standing::Closed {
            rules::recovered_of_closed_year(program, self.payment, self.amount, out);
        }
    }
}

/// What the payments of a run withhold, in their order, when it is what the plans say now.
///
/// # Errors
/// [`Kind::RunChanged`] when plans, or what is left of recoveries, changed since the run was
/// calculated.
pub(crate) async fn unchanged(
    write: &mut Write,
    run: &Run,
    on: Date,
) -> Result<Vec<Applied>, Error> {
    let book = write.book();
    let stored = store::set_offs(write.tx(), book, run.payment_first, run.payment_last).await?;
    let mut plans = store::withholding(write.tx(), book, run.program).await?;
    if stored.is_empty() && plans.is_empty() {
        return Ok(Vec::new());
    }
    let mut kept = HashMap::<PaymentId, Fen>::new();
    for set_off in &stored {
        let sum = kept.entry(set_off.payment).or_default();
        *sum = sum.plus(set_off.withheld.amount)?;
    }
    let mut concerned = Vec::new();
    store::each_payment(write.tx(), book, run, |payment, household, paid| {
        if plans.concern(household) {
            concerned.push((payment, household, paid));
        }
    })
    .await?;
    let again = store::granted_again(write.tx(), book, run).await?;
    let mut planned = Vec::new();
    for (payment, household, paid) in concerned {
        let due = paid.plus(kept.get(&payment).copied().unwrap_or_default())?;
        let granted = again.get(&payment).map_or(&[][..], Vec::as_slice);
        let withheld = plans.withhold(household, run.month, due, granted)?;
        planned.extend(
            withheld
                .into_iter()
                .map(|withheld| SetOff { payment, withheld }),
        );
    }
    if planned != stored {
        return Err(Problem::new(Kind::RunChanged).with("run", run.id).into());
    }
    let ids: Vec<RecoveryId> = stored.iter().map(|part| part.withheld.recovery).collect();
    let owed = store::recoveries_of(write.tx(), book, &ids).await?;
    let standings = standings(write, &owed, on).await?;
    let applied = stored.into_iter().map(|SetOff { payment, withheld }| {
        let recovery = withheld.recovery;
        let standing = standings.get(&recovery).copied();
        Ok(Applied {
            payment,
            amount: withheld.amount,
            recovery,
            standing: standing.ok_or_else(|| not_found("追缴 recovery", recovery))?,
        })
    });
    applied.collect()
}

/// Keeps with each recovery what an approved run withheld.
pub(crate) async fn set_off(
    write: &mut Write,
    caller: &Caller,
    run: &Run,
    on: Date,
    posted: Option<&Posted>,
    applied: &[Applied],
) -> Result<(), Error> {
    let mut sums = BTreeMap::<RecoveryId, (Fen, Standing)>::new();
    for part in applied {
        let sum = sums
            .entry(part.recovery)
            .or_insert((Fen::ZERO, part.standing));
        sum.0 = sum.0.plus(part.amount)?;
    }
    let book = write.book();
    let ids: Vec<RecoveryId> = sums.keys().copied().collect();
    let mut owed = store::recoveries_of(write.tx(), book, &ids).await?;
    let mut events = Vec::with_capacity(owed.len());
    for (recovery, (amount, standing)) in owed.iter_mut().zip(sums.into_values()) {
        take_step(caller, recovery, RecoveryEvent::SetOff, amount)?;
        let moved = Moved {
            amount,
            standing: Some(standing),
            run: Some(run.id),
            voucher: posted.map(|posted| posted.id),
            ..Moved::default()
        };
        events.push((&*recovery, moved));
    }
    Ok(store::add_events(write, &events, RecoveryEvent::SetOff, on, "").await?)
}

/// Owes again what an approved run withheld, when its approval is reversed by this voucher. The
/// reversal of the run's postings books it.
///
/// # Errors
/// [`Kind::RecoveryState`] for a recovery that is being written off; accidents of the store.
#[boxed]
pub async fn give_back(
    write: &mut Write,
    caller: &Caller,
    run: RunId,
    voucher: VoucherId,
    on: Date,
) -> Result<(), Error> {
    let book = write.book();
    let steps = store::steps(write.tx(), book, None).await?;
    let mut owed = BTreeMap::new();
    for step in steps.iter().filter(|step| step.moved.run == Some(run)) {
        match step.event {
            RecoveryEvent::SetOff => owed.insert(step.recovery, step.moved),
            RecoveryEvent::Restore => owed.remove(&step.recovery),
            _ => None,
        };
    }
    for (id, withheld) in owed {
        let mut recovery = load(write, id).await?;
        let moved = Moved {
            voucher: Some(voucher),
            ..withheld
        };
        let event = RecoveryEvent::Restore;
        advance(write, caller, &mut recovery, event, on, &moved, "").await?;
    }
    Ok(())
}
