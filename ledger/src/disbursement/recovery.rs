//! Recovery (追缴) of what was overpaid: its states as data, in whose books the money belongs, what
//! a payment withholds, and which instalment is next.
//!
//! A recovery is of one payee of a household and of expense that was booked in one year, so that
//! all of its money belongs in the same books ([`standing`]).

use std::collections::{BTreeMap, HashMap};

use super::role::Action;
use crate::account::coded;
use crate::calendar::Month;
use crate::id::{ComponentId, PartyId, RecoveryId};
use crate::money::{Fen, MoneyError};

coded! {
    /// The state of a recovery.
    pub enum RecoveryState {
        /// One person says that it is owed; nothing is booked.
        Proposed "proposed" "待确认",
        /// Turned down before it was booked.
        Rejected "rejected" "已驳回",
        /// Booked and owed.
        Open "open" "追缴中",
        /// One person says that it cannot be got back.
        WriteOffProposed "write-off-proposed" "待核销",
        /// Given up by two people.
        WrittenOff "written-off" "已核销",
        /// Nothing is left of it.
        Settled "settled" "已结清",
    }
}

coded! {
    /// What happens to a recovery.
    pub enum RecoveryEvent {
        /// 提出.
        Propose "propose" "提出",
        /// 确认: booked, and the lines taken back.
        Confirm "confirm" "确认",
        /// 驳回, with a reason.
        Reject "reject" "驳回",
        /// 还款计划.
        Plan "plan" "订立计划",
        /// 收回: money came in.
        Receive "receive" "收回",
        /// 抵扣: withheld from payments of a run that is approved.
        SetOff "set-off" "抵扣",
        /// 恢复: the run whose payments withheld it is taken back.
        Restore "restore" "恢复",
        /// 提请核销.
        ProposeWriteOff "write-off" "提请核销",
        /// 核销.
        ConfirmWriteOff "confirm-write-off" "核销",
        /// 不予核销, with a reason.
        KeepOwed "keep-owed" "不予核销",
    }
}

coded! {
    /// In whose books the money of a recovery belongs when it moves.
    pub enum Standing {
        /// Overpaid in this year: the expense is less, and what comes in is its appropriation's.
        Same "same" "当年",
        /// Booked against the expense of a year that has passed since: due to the treasury.
        Closed "closed" "跨年",
        /// Of an earlier year when it was booked: due to the treasury from the start.
        Earlier "earlier" "以前年度",
    }
}

coded! {
    /// How an instalment is paid.
    pub enum Way {
        /// Paid in.
        Cash "cash" "现金",
        /// Withheld from later payments.
        SetOff "set-off" "抵扣",
    }
}

/// One row of the table of recoveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveryStep {
    /// The state before; none for a recovery that does not exist yet.
    pub from: Option<RecoveryState>,
    /// What happens.
    pub event: RecoveryEvent,
    /// The state after; an open recovery of which nothing is left is settled ([`after`]).
    pub next: RecoveryState,
    /// What the person must be allowed to do.
    pub action: Action,
    /// Whether it confirms what another person has done before it.
    pub another: bool,
    /// Whether a reason must be given.
    pub reason_required: bool,
}

/// Every step that a recovery can take.
#[rustfmt::skip] // One row, one line.
pub const RECOVERY_STEPS: &[RecoveryStep] = {
    use RecoveryEvent as E;
    use RecoveryState as S;
    use Action::{ApproveRun, ConfirmRecovery, MakeRecovery, ResolveException};
    const WAITS: Option<S> = Some(S::WriteOffProposed);
    &[
        with_reason(step(None, E::Propose, S::Proposed, MakeRecovery)),
        by_another(step(Some(S::Proposed), E::Confirm, S::Open, ConfirmRecovery)),
        with_reason(step(Some(S::Proposed), E::Reject, S::Rejected, ConfirmRecovery)),
        step(Some(S::Open), E::Plan, S::Open, MakeRecovery),
        step(Some(S::Open), E::Receive, S::Open, ResolveException),
        step(Some(S::Open), E::SetOff, S::Open, ApproveRun),
        step(Some(S::Open), E::Restore, S::Open, ApproveRun),
        step(Some(S::Settled), E::Restore, S::Open, ApproveRun),
        step(WAITS, E::Restore, S::Open, ApproveRun),
        step(Some(S::WrittenOff), E::Restore, S::Open, ApproveRun),
        with_reason(step(Some(S::Open), E::ProposeWriteOff, S::WriteOffProposed, MakeRecovery)),
        by_another(step(WAITS, E::ConfirmWriteOff, S::WrittenOff, ConfirmRecovery)),
        with_reason(step(WAITS, E::KeepOwed, S::Open, ConfirmRecovery)),
    ]
};

const fn step(
    from: Option<RecoveryState>,
    event: RecoveryEvent,
    next: RecoveryState,
    action: Action,
) -> RecoveryStep {
    RecoveryStep {
        from,
        event,
        next,
        action,
        another: false,
        reason_required: false,
    }
}

const fn by_another(step: RecoveryStep) -> RecoveryStep {
    RecoveryStep {
        another: true,
        ..step
    }
}

const fn with_reason(step: RecoveryStep) -> RecoveryStep {
    RecoveryStep {
        reason_required: true,
        ..step
    }
}

/// The step that this event is in this state; `None` when it is forbidden.
pub fn recovery_step(
    state: Option<RecoveryState>,
    event: RecoveryEvent,
) -> Option<&'static RecoveryStep> {
    RECOVERY_STEPS
        .iter()
        .find(|step| step.from == state && step.event == event)
}

/// The state after a step when so much is left.
pub fn after(step: &RecoveryStep, left: Fen) -> RecoveryState {
    match step.next {
        RecoveryState::Open if left == Fen::ZERO => RecoveryState::Settled,
        next => next,
    }
}

/// What is left after an event that moves this amount.
///
/// # Errors
/// When the sum is out of range. Less than nothing is the caller's to refuse.
pub fn left_after(event: RecoveryEvent, left: Fen, amount: Fen) -> Result<Fen, MoneyError> {
    match event {
        RecoveryEvent::Confirm | RecoveryEvent::Restore => left.plus(amount),
        RecoveryEvent::Receive | RecoveryEvent::SetOff | RecoveryEvent::ConfirmWriteOff => {
            left.minus(amount)
        }
        _ => Ok(left),
    }
}

/// In whose books money of a recovery belongs that moves in year `now`: `expense` is the year whose
/// expense it was, `confirmed` the year in which the recovery was booked (`now` when it is being
/// booked).
pub fn standing(expense: i32, confirmed: i32, now: i32) -> Standing {
    if expense < confirmed {
        Standing::Earlier
    } else if confirmed < now {
        Standing::Closed
    } else {
        Standing::Same
    }
}

/// The years whose expense was too much, newest first, with how much of `over` each: what was
/// booked for a person, component and month last is what was too much. `booked` is what each year
/// booked less what it took back, and comes to at least `over`.
///
/// # Errors
/// When an amount is out of range.
pub fn by_year(booked: &BTreeMap<i32, Fen>, over: Fen) -> Result<Vec<(i32, Fen)>, MoneyError> {
    let mut rest = over;
    let mut parts = Vec::new();
    for (year, amount) in booked.iter().rev() {
        let part = rest.min(*amount);
        if part > Fen::ZERO {
            parts.push((*year, part));
            rest = rest.minus(part)?;
        }
    }
    Ok(parts)
}

/// What to withhold for one recovery from a payment of `amount`: no more than is planned for the
/// run and still left, and so that `leave` of the payment is paid. Zero when nothing can be.
///
/// # Errors
/// When an amount is out of range.
pub fn withheld(planned: Fen, left: Fen, amount: Fen, leave: Fen) -> Result<Fen, MoneyError> {
    let free = amount.minus(leave)?;
    Ok(planned.min(left).min(free).max(Fen::ZERO))
}

/// What a set-off leaves of a payment unless the plan says otherwise: a bank cannot pay nothing.
pub const LEAVE: Fen = Fen::new(100);

/// A subject, component and month.
pub type Cell = (PartyId, ComponentId, Month);

/// An open recovery of a household, and what its plan withholds from payments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withholding {
    /// The recovery.
    pub recovery: RecoveryId,
    /// The event that made the plan, or the newest one where nothing is planned.
    pub plan: i64,
    /// At most so much in each run by the plan. What grants a recovered month again is withheld
    /// in any case: that money is with the household already.
    pub per_run: Fen,
    /// So much of a payment is paid in any case.
    pub leave: Fen,
    /// What is still owed.
    pub left: Fen,
    /// The first month of a run that withholds by the plan.
    pub from: Month,
    /// What was recovered, by subject, component and month.
    pub cells: HashMap<Cell, Fen>,
}

impl Withholding {
    /// How much of these amounts grants again what was recovered here, at most what was; it is
    /// taken from them.
    fn granted_again(&self, granted: &mut [(Cell, Fen)]) -> Result<Fen, MoneyError> {
        let mut again = Fen::ZERO;
        for (cell, amount) in granted {
            if let Some(recovered) = self.cells.get(cell) {
                let part = (*recovered).min(*amount).max(Fen::ZERO);
                again = again.plus(part)?;
                *amount = amount.minus(part)?;
            }
        }
        Ok(again)
    }
}

/// What a payment withholds for a recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// The recovery.
    pub recovery: RecoveryId,
    /// The event that made the plan.
    pub plan: i64,
    /// How much; more than zero.
    pub amount: Fen,
}

/// What one run is to withhold: what the households that owe something are to pay back, used up
/// payment by payment.
#[derive(Clone, Debug, Default)]
pub struct Withholdings(HashMap<PartyId, Vec<Withholding>>);

impl Withholdings {
    /// Adds the plan of a household; those of one household come in the order of their recoveries.
    pub fn add(&mut self, household: PartyId, plan: Withholding) {
        self.0.entry(household).or_default().push(plan);
    }

    /// Whether nobody's payments withhold anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether payments of this household may withhold something.
    pub fn concern(&self, household: PartyId) -> bool {
        self.0.contains_key(&household)
    }

    /// What the next payment of a household withholds in a run of `month`, when it comes to
    /// `amount` and `granted` is what it pays by subject, component and month; in the order of the
    /// recoveries.
    ///
    /// # Errors
    /// When an amount is out of range.
    pub fn withhold(
        &mut self,
        household: PartyId,
        month: Month,
        amount: Fen,
        granted: &[(Cell, Fen)],
    ) -> Result<Vec<Withheld>, MoneyError> {
        let Some(plans) = self.0.get_mut(&household) else {
            return Ok(Vec::new());
        };
        let (mut rest, mut taken) = (amount, Vec::new());
        let mut granted = granted.to_vec();
        for plan in plans.iter_mut() {
            let again = plan.granted_again(&mut granted)?;
            let planned = match plan.from <= month {
                true => plan.per_run.max(again),
                false => again,
            };
            let amount = withheld(planned, plan.left, rest, plan.leave)?;
            if amount > Fen::ZERO {
                rest = rest.minus(amount)?;
                plan.per_run = plan.per_run.minus(amount)?.max(Fen::ZERO);
                plan.left = plan.left.minus(amount)?;
                let (recovery, plan) = (plan.recovery, plan.plan);
                taken.push(Withheld {
                    recovery,
                    plan,
                    amount,
                });
            }
        }
        Ok(taken)
    }
}

/// Divides what is written off among the components of the recovery: what came in counts for the
/// first of them, so the last ones are charged again. Components with nothing are left out.
///
/// # Errors
/// When an amount is out of range.
pub fn charged_again(
    amount: Fen,
    found: &[(ComponentId, Fen)],
) -> Result<Vec<(ComponentId, Fen)>, MoneyError> {
    let mut rest = amount;
    let mut parts = Vec::new();
    for (component, found) in found.iter().rev() {
        let part = rest.min(*found);
        if part > Fen::ZERO {
            parts.push((*component, part));
            rest = rest.minus(part)?;
        }
    }
    parts.reverse();
    Ok(parts)
}

/// One line of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instalment {
    /// Of which recovery.
    pub recovery: RecoveryId,
    /// The event that made the plan.
    pub plan: i64,
    /// Its place, from 1.
    pub number: i64,
    /// How it is paid.
    pub way: Way,
    /// When it is due; of a set-off, the month from which runs withhold.
    pub due: Month,
    /// How much; of a set-off, at most so much in each run.
    pub amount: Fen,
    /// What a set-off leaves of each payment; zero for cash.
    pub leave: Fen,
}

/// The first cash instalment that is not covered by what came in since the plan was made, and how
/// much of it is missing. Instalments come by number.
///
/// # Errors
/// When a sum is out of range.
pub fn next_instalment(
    plan: &[Instalment],
    came_in: Fen,
) -> Result<Option<(Instalment, Fen)>, MoneyError> {
    let mut planned = Fen::ZERO;
    for instalment in plan.iter().filter(|line| line.way == Way::Cash) {
        planned = planned.plus(instalment.amount)?;
        if planned > came_in {
            let missing = planned.minus(came_in)?.min(instalment.amount);
            return Ok(Some((*instalment, missing)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_state_and_event_is_a_listed_step_or_forbidden() {
        let mut text = String::new();
        let states = std::iter::once(None).chain(RecoveryState::ALL.iter().copied().map(Some));
        for state in states {
            text += state.map_or("-", RecoveryState::code);
            for event in RecoveryEvent::ALL {
                if let Some(step) = recovery_step(state, *event) {
                    let two = if step.another { "2" } else { "" };
                    let reason = if step.reason_required { "!" } else { "" };
                    text += &format!(" {}{two}{reason}>{}", event.code(), step.next.code());
                }
            }
            text.push('\n');
        }
        assert_eq!(
            text,
            "- propose!>proposed\n\
             proposed confirm2>open reject!>rejected\n\
             rejected\n\
             open plan>open receive>open set-off>open restore>open write-off!>write-off-proposed\n\
             write-off-proposed restore>open confirm-write-off2>written-off keep-owed!>open\n\
             written-off restore>open\n\
             settled restore>open\n"
        );
        for (place, step) in RECOVERY_STEPS.iter().enumerate() {
            let again = |other: &RecoveryStep| other.from == step.from && other.event == step.event;
            assert!(!RECOVERY_STEPS[place + 1..].iter().any(again), "{step:?}");
        }
    }

    #[test]
    fn an_open_recovery_with_nothing_left_is_settled() {
        for (from, event, left, amount, expected) in [
            (None, RecoveryEvent::Propose, 0, 0, (0, "proposed")),
            (Some("proposed"), RecoveryEvent::Confirm, 0, 7, (7, "open")),
            (Some("open"), RecoveryEvent::Plan, 7, 0, (7, "open")),
            (Some("open"), RecoveryEvent::Receive, 7, 6, (1, "open")),
            (Some("open"), RecoveryEvent::SetOff, 1, 1, (0, "settled")),
            (Some("settled"), RecoveryEvent::Restore, 0, 1, (1, "open")),
            (
                Some("write-off-proposed"),
                RecoveryEvent::ConfirmWriteOff,
                1,
                1,
                (0, "written-off"),
            ),
        ] {
            let step = recovery_step(from.and_then(RecoveryState::from_code), event).unwrap();
            let left = left_after(event, Fen::new(left), Fen::new(amount)).unwrap();
            assert_eq!(
                (left.get(), after(step, left).code()),
                expected,
                "{event:?}"
            );
        }
    }

    #[test]
    fn what_was_booked_last_was_too_much() {
        type Years<'a> = &'a [(i32, i64)];
        let cases: [(Years<'_>, i64, Years<'_>); 5] = [
            (&[(2022, 700)], 700, &[(2022, 700)]),
            (&[(2022, 700), (2023, 50)], 50, &[(2023, 50)]),
            (&[(2022, 700), (2023, 50)], 80, &[(2023, 50), (2022, 30)]),
            // What the newer year took back was of the older one.
            (&[(2022, 700), (2023, -200)], 500, &[(2022, 500)]),
            (&[(2022, -200), (2023, 700)], 500, &[(2023, 500)]),
        ];
        for (booked, over, expected) in cases {
            let booked = booked.iter().map(|(year, fen)| (*year, Fen::new(*fen)));
            let parts = by_year(&booked.collect(), Fen::new(over)).unwrap();
            let parts: Vec<_> = (parts.iter().map(|(year, fen)| (*year, fen.get()))).collect();
            assert_eq!(parts, expected);
        }
    }

    #[test]
    fn whose_money_it_is() {
        for (expense, confirmed, now, expected) in [
            (2022, 2022, 2022, Standing::Same),
            (2023, 2022, 2022, Standing::Same),
            (2022, 2022, 2023, Standing::Closed),
            (2021, 2022, 2022, Standing::Earlier),
            (2021, 2022, 2023, Standing::Earlier),
        ] {
            assert_eq!(
                standing(expense, confirmed, now),
                expected,
                "{expense} {confirmed} {now}"
            );
        }
    }

    #[test]
    fn what_a_payment_withholds() {
        for (planned, left, amount, leave, expected) in [
            (100, 500, 700, 1, 100),
            (100, 40, 700, 1, 40),
            (1000, 500, 400, 1, 399),
            (1000, 500, 1, 1, 0),
            (1000, 500, 1, 2, 0),
            (100, 0, 700, 1, 0),
        ] {
            let [planned, left, amount, leave] = [planned, left, amount, leave].map(Fen::new);
            assert_eq!(
                withheld(planned, left, amount, leave).unwrap(),
                Fen::new(expected)
            );
        }
    }

    /// A household with two plans and three payments of one run.
    #[test]
    fn plans_are_used_up_payment_by_payment() {
        let mut plans = Withholdings::default();
        let cell = |person| (PartyId(person), ComponentId(1), "2022-01".parse().unwrap());
        let month: Month = "2022-05".parse().unwrap();
        for (recovery, per_run, left, from) in [
            (1, 150, 1_000, month),
            (2, 500, 60, month),
            (3, 500, 500, month.next()),
        ] {
            let plan = Withholding {
                recovery: RecoveryId(recovery),
                plan: 2,
                per_run: Fen::new(per_run),
                leave: Fen::new(10),
                left: Fen::new(left),
                from,
                cells: HashMap::from([(cell(recovery), Fen::new(300))]),
            };
            plans.add(PartyId(7), plan);
        }
        assert_eq!(
            plans
                .withhold(PartyId(8), month, Fen::new(100), &[])
                .unwrap(),
            []
        );
        for (amount, again, expected) in [
            (100, None, vec![(1, 90)]),
            (100, None, vec![(1, 60), (2, 30)]),
            (100, None, vec![(2, 30)]),
            (100, None, vec![]),
            // What is granted of a recovered month again is withheld before its plan begins, and
            // beyond what the plan has for the run, up to what was recovered.
            (400, Some((3, 200)), vec![(3, 200)]),
            (400, Some((3, 390)), vec![(3, 300)]),
            (400, Some((1, 390)), vec![(1, 300)]),
            (400, Some((9, 390)), vec![]),
        ] {
            let granted: Vec<_> = again
                .into_iter()
                .map(|(person, fen)| (cell(person), Fen::new(fen)))
                .collect();
            let taken = plans.withhold(PartyId(7), month, Fen::new(amount), &granted);
            let taken = taken.unwrap();
            let taken: Vec<_> = taken
                .iter()
                .map(|part| (part.recovery.get(), part.amount.get()))
                .collect();
            assert_eq!(taken, expected);
        }
    }

    #[test]
    fn what_is_charged_again() {
        let found = [
            (ComponentId(1), Fen::new(70)),
            (ComponentId(2), Fen::new(30)),
        ];
        for (amount, expected) in [
            (100, vec![(1, 70), (2, 30)]),
            (40, vec![(1, 10), (2, 30)]),
            (30, vec![(2, 30)]),
            (5, vec![(2, 5)]),
        ] {
            let parts = charged_again(Fen::new(amount), &found).unwrap();
            let parts: Vec<_> = parts.iter().map(|(c, fen)| (c.get(), fen.get())).collect();
            assert_eq!(parts, expected, "{amount}");
        }
    }

    #[test]
    fn the_next_instalment() {
        let line = |number, way, amount| Instalment {
            recovery: RecoveryId(1),
            plan: 3,
            number,
            way,
            due: "2022-05".parse().unwrap(),
            amount: Fen::new(amount),
            leave: Fen::ZERO,
        };
        let plan = [
            line(1, Way::Cash, 100),
            line(2, Way::Cash, 50),
            line(3, Way::SetOff, 10),
        ];
        for (came_in, expected) in [
            (0, Some((1, 100))),
            (30, Some((1, 70))),
            (100, Some((2, 50))),
            (149, Some((2, 1))),
            (150, None),
        ] {
            let next = next_instalment(&plan, Fen::new(came_in)).unwrap();
            let next = next.map(|(line, missing)| (line.number, missing.get()));
            assert_eq!(next, expected, "{came_in}");
        }
    }
}
