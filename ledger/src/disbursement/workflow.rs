//! The states of runs and payments, as data: one table for each.
//!
//! The same tables are obeyed by the store, offered by the interface, drawn as buttons and printed
//! in the documents. A pair of state and event that has no row is refused.

use super::role::{Action, Role};
use crate::account::coded;
use crate::id::UserId;
use crate::problem::{Kind, Problem};

coded! {
    /// The state of a run (发放批次).
    pub enum RunState {
        /// Being made; its lines may change.
        Draft "draft" "草稿",
        /// Computed and checked, without open errors.
        Checked "checked" "已校验",
        /// Handed to the reviewer; its content is frozen.
        Submitted "submitted" "已提交",
        /// Passed by the reviewer.
        Reviewed "reviewed" "已复核",
        /// Passed by the approver; the expense is booked.
        Approved "approved" "已审批",
        /// The batch files are written.
        Released "released" "已签发",
        /// Every payment is paid, home again or cancelled.
        Settled "settled" "已结清",
        /// Nothing changes any more.
        Closed "closed" "已关闭",
        /// Given up before it was submitted.
        Discarded "discarded" "已作废",
    }
}

coded! {
    /// What happens to a run.
    pub enum RunEvent {
        /// 建立.
        Create "create" "建立",
        /// Compute the lines, also again.
        Calculate "calculate" "计算",
        /// 校验.
        Check "check" "校验",
        /// 提交.
        Submit "submit" "提交",
        /// 复核.
        Review "review" "复核",
        /// 审批.
        Approve "approve" "审批",
        /// Back to draft, with a reason.
        Reject "reject" "退回",
        /// 签发.
        Release "release" "签发",
        /// 结清.
        Settle "settle" "结清",
        /// 关闭.
        Close "close" "关闭",
        /// 作废.
        Discard "discard" "作废",
        /// 撤销审批: back to draft before anything is released, with a reason.
        Revoke "revoke" "撤销审批",
    }
}

coded! {
    /// As what a person acts on one run. Kept with the run, so that it holds after the person's
    /// roles change.
    pub enum Duty {
        /// Makes, checks and submits.
        Maker "maker" "经办",
        /// Reviews, or rejects at review.
        Reviewer "reviewer" "复核",
        /// Approves, rejects at approval, or takes the approval back.
        Approver "approver" "审批",
        /// Releases.
        Cashier "cashier" "出纳",
        /// Settles and closes.
        Bookkeeper "bookkeeper" "记账",
    }
}

/// One row of the table of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The state before; none for a run that does not exist yet.
    pub from: Option<RunState>,
    /// What happens.
    pub event: RunEvent,
    /// The state after.
    pub next: RunState,
    /// As what the person acts.
    pub duty: Duty,
    /// The role that the person needs.
    pub role: Role,
    /// Whether a reason must be given.
    pub reason_required: bool,
    /// The kind of the event in the audit trail.
    pub audit_kind: &'static str,
}

/// Every step a run can take.
#[rustfmt::skip] // One row, one line.
pub const RUN_STEPS: &[Step] = {
    use Duty::{Approver, Bookkeeper, Cashier, Maker, Reviewer};
    use RunEvent as E;
    use RunState as S;
    &[
        run(None, E::Create, S::Draft, Maker, "run.create"),
        run(Some(S::Draft), E::Calculate, S::Draft, Maker, "run.calculate"),
        run(Some(S::Checked), E::Calculate, S::Draft, Maker, "run.calculate"),
        run(Some(S::Draft), E::Check, S::Checked, Maker, "run.check"),
        run(Some(S::Checked), E::Check, S::Checked, Maker, "run.check"),
        run(Some(S::Checked), E::Submit, S::Submitted, Maker, "run.submit"),
        run(Some(S::Submitted), E::Review, S::Reviewed, Reviewer, "run.review"),
        with_reason(run(Some(S::Submitted), E::Reject, S::Draft, Reviewer, "run.reject")),
        run(Some(S::Reviewed), E::Approve, S::Approved, Approver, "run.approve"),
        with_reason(run(Some(S::Reviewed), E::Reject, S::Draft, Approver, "run.reject")),
        run(Some(S::Approved), E::Release, S::Released, Cashier, "run.release"),
        with_reason(run(Some(S::Approved), E::Revoke, S::Draft, Approver, "run.revoke")),
        run(Some(S::Released), E::Settle, S::Settled, Bookkeeper, "run.settle"),
        run(Some(S::Settled), E::Close, S::Closed, Bookkeeper, "run.close"),
        with_reason(run(Some(S::Draft), E::Discard, S::Discarded, Maker, "run.discard")),
        with_reason(run(Some(S::Checked), E::Discard, S::Discarded, Maker, "run.discard")),
    ]
};

/// The step that this event is in this state; `None` when it is forbidden.
pub fn run_step(state: Option<RunState>, event: RunEvent) -> Option<&'static Step> {
    RUN_STEPS
        .iter()
        .find(|step| step.from == state && step.event == event)
}

const fn run(
    from: Option<RunState>,
    event: RunEvent,
    next: RunState,
    duty: Duty,
    audit_kind: &'static str,
) -> Step {
    Step {
        from,
        event,
        next,
        duty,
        role: duty.role(),
        reason_required: false,
        audit_kind,
    }
}

const fn with_reason(step: Step) -> Step {
    Step {
        reason_required: true,
        ..step
    }
}

impl Duty {
    /// The role that a person needs for it.
    pub const fn role(self) -> Role {
        match self {
            Duty::Maker => Role::Maker,
            Duty::Reviewer => Role::Reviewer,
            Duty::Approver => Role::Approver,
            Duty::Cashier => Role::Cashier,
            Duty::Bookkeeper => Role::Accountant,
        }
    }

    /// Whether one person may not have both on one run. Maker, reviewer, approver and cashier are
    /// four people; the bookkeeper may be any of them but the cashier.
    fn excludes(self, other: Duty) -> bool {
        match (self, other) {
            (Duty::Bookkeeper, Duty::Cashier) | (Duty::Cashier, Duty::Bookkeeper) => true,
            (Duty::Bookkeeper, _) | (_, Duty::Bookkeeper) => false,
            _ => self != other,
        }
    }
}

/// Whether `user` may act as `wanted` on a run, given everything that was done on it so far.
/// Refused with `SamePerson`; the caller adds the value `run`.
pub fn may_act(
    duties_so_far: &[(UserId, Duty)],
    user: UserId,
    wanted: Duty,
) -> Result<(), Problem> {
    match duties_so_far
        .iter()
        .find(|(who, duty)| *who == user && duty.excludes(wanted))
    {
        None => Ok(()),
        Some((_, duty)) => Err(Problem::new(Kind::SamePerson)
            .with("user", user)
            .with("duty", duty.name())
            .with("wanted", wanted.name())),
    }
}

coded! {
    /// The state of a payment (发放明细).
    pub enum PaymentState {
        /// To be sent.
        Due "due" "待发",
        /// In a batch, no answer yet.
        Sent "sent" "在途",
        /// The bank says paid.
        Paid "paid" "成功",
        /// The bank says failed.
        Failed "failed" "失败",
        /// The bank does not know yet. Neither paid nor failed.
        Pending "pending" "待定",
        /// Paid, then sent back (退票).
        Refunded "refunded" "退票",
        /// Given up for good.
        Cancelled "cancelled" "已取消",
    }
}

coded! {
    /// What happens to a payment.
    pub enum PaymentEvent {
        /// Its run is approved.
        Create "create" "核定",
        /// It is put into a batch.
        Send "send" "发出",
        /// The bank says paid.
        Pay "pay" "成功",
        /// The bank says failed.
        Fail "fail" "失败",
        /// The bank says that it does not know yet.
        Pend "pend" "待定",
        /// Money that was paid comes back.
        Refund "refund" "退票",
        /// It is made due again, for a new attempt.
        Repay "repay" "补发",
        /// It is given up.
        Cancel "cancel" "取消",
    }
}

/// One row of the table of payments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentStep {
    /// The state before; none for a payment that does not exist yet.
    pub from: Option<PaymentState>,
    /// What happens.
    pub event: PaymentEvent,
    /// The state after.
    pub next: PaymentState,
    /// What the person must be allowed to do.
    pub action: Action,
    /// Whether a reason must be given.
    pub reason_required: bool,
    /// Whether a second person must confirm.
    pub two_people: bool,
    /// The kind of the event in the audit trail.
    pub audit_kind: &'static str,
}

/// Every step a payment can take. There is none from sent or pending to due: unknown is not
/// failed, and only a confirmed failure can be paid again.
#[rustfmt::skip] // One row, one line.
pub const PAYMENT_STEPS: &[PaymentStep] = {
    use PaymentEvent as E;
    use PaymentState as S;
    &[
        payment(None, E::Create, S::Due, Action::ApproveRun, "run.approve"),
        payment(Some(S::Due), E::Send, S::Sent, Action::ReleaseRun, "run.release"),
        payment(Some(S::Sent), E::Pay, S::Paid, Action::ImportReturn, "payment.paid"),
        payment(Some(S::Sent), E::Fail, S::Failed, Action::ImportReturn, "payment.failed"),
        payment(Some(S::Sent), E::Pend, S::Pending, Action::ImportReturn, "payment.pending"),
        payment(Some(S::Pending), E::Pay, S::Paid, Action::ImportReturn, "payment.paid"),
        payment(Some(S::Pending), E::Fail, S::Failed, Action::ImportReturn, "payment.failed"),
        payment(Some(S::Pending), E::Pend, S::Pending, Action::ImportReturn, "payment.pending"),
        payment(Some(S::Paid), E::Refund, S::Refunded, Action::ImportReturn, "payment.refunded"),
        by_two(Some(S::Failed), E::Repay, S::Due, Action::RepayPayment, "payment.repay"),
        by_two(Some(S::Refunded), E::Repay, S::Due, Action::RepayPayment, "payment.repay"),
        by_two(Some(S::Due), E::Cancel, S::Cancelled, Action::CancelPayment, "payment.cancel"),
    ]
};

/// The step that this event is in this state; `None` when it is forbidden.
pub fn payment_step(
    state: Option<PaymentState>,
    event: PaymentEvent,
) -> Option<&'static PaymentStep> {
    PAYMENT_STEPS
        .iter()
        .find(|step| step.from == state && step.event == event)
}

impl PaymentState {
    /// Whether an attempt of it may be on its way or have arrived: at most one such attempt exists
    /// for each payment.
    pub fn is_live_or_paid(self) -> bool {
        matches!(
            self,
            PaymentState::Sent | PaymentState::Pending | PaymentState::Paid
        )
    }
}

const fn payment(
    from: Option<PaymentState>,
    event: PaymentEvent,
    next: PaymentState,
    action: Action,
    audit_kind: &'static str,
) -> PaymentStep {
    PaymentStep {
        from,
        event,
        next,
        action,
        reason_required: false,
        two_people: false,
        audit_kind,
    }
}

const fn by_two(
    from: Option<PaymentState>,
    event: PaymentEvent,
    next: PaymentState,
    action: Action,
    audit_kind: &'static str,
) -> PaymentStep {
    PaymentStep {
        from,
        event,
        next,
        action,
        reason_required: true,
        two_people: true,
        audit_kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_run_state_and_event_is_a_listed_step_or_forbidden() {
        let mut text = String::new();
        let states = std::iter::once(None).chain(RunState::ALL.iter().copied().map(Some));
        for state in states {
            text += state.map_or("-", RunState::code);
            for event in RunEvent::ALL {
                if let Some(step) = run_step(state, *event) {
                    let reason = if step.reason_required { "!" } else { "" };
                    let (event, next, duty) = (event.code(), step.next.code(), step.duty.code());
                    text += &format!(" {event}{reason}>{next}({duty})");
                }
            }
            text.push('\n');
        }
        assert_eq!(
            text,
            "- create>draft(maker)\n\
             draft calculate>draft(maker) check>checked(maker) discard!>discarded(maker)\n\
             checked calculate>draft(maker) check>checked(maker) submit>submitted(maker) \
             discard!>discarded(maker)\n\
             submitted review>reviewed(reviewer) reject!>draft(reviewer)\n\
             reviewed approve>approved(approver) reject!>draft(approver)\n\
             approved release>released(cashier) revoke!>draft(approver)\n\
             released settle>settled(bookkeeper)\n\
             settled close>closed(bookkeeper)\n\
             closed\n\
             discarded\n"
        );
    }

    #[test]
    fn every_pair_of_payment_state_and_event_is_a_listed_step_or_forbidden() {
        let mut text = String::new();
        let states = std::iter::once(None).chain(PaymentState::ALL.iter().copied().map(Some));
        for state in states {
            text += state.map_or("-", PaymentState::code);
            for event in PaymentEvent::ALL {
                if let Some(step) = payment_step(state, *event) {
                    let two = if step.two_people { "2" } else { "" };
                    text += &format!(" {}{two}>{}", event.code(), step.next.code());
                }
            }
            text.push('\n');
        }
        assert_eq!(
            text,
            "- create>due\n\
             due send>sent cancel2>cancelled\n\
             sent pay>paid fail>failed pend>pending\n\
             paid refund>refunded\n\
             failed repay2>due\n\
             pending pay>paid fail>failed pend>pending\n\
             refunded repay2>due\n\
             cancelled\n"
        );
    }

    #[test]
    fn each_step_stands_once() {
        for (position, step) in RUN_STEPS.iter().enumerate() {
            let again = |other: &Step| other.from == step.from && other.event == step.event;
            assert!(!RUN_STEPS[position + 1..].iter().any(again), "{step:?}");
        }
        for (position, step) in PAYMENT_STEPS.iter().enumerate() {
            let again = |other: &PaymentStep| other.from == step.from && other.event == step.event;
            assert!(!PAYMENT_STEPS[position + 1..].iter().any(again), "{step:?}");
        }
    }

    #[test]
    fn every_state_is_reached_and_every_event_used() {
        for state in RunState::ALL {
            assert!(
                RUN_STEPS.iter().any(|step| step.next == *state),
                "{state:?}"
            );
        }
        for event in RunEvent::ALL {
            assert!(
                RUN_STEPS.iter().any(|step| step.event == *event),
                "{event:?}"
            );
        }
        for state in PaymentState::ALL {
            assert!(
                PAYMENT_STEPS.iter().any(|step| step.next == *state),
                "{state:?}"
            );
        }
        for event in PaymentEvent::ALL {
            assert!(
                PAYMENT_STEPS.iter().any(|step| step.event == *event),
                "{event:?}"
            );
        }
    }

    #[test]
    fn unknown_is_never_paid_again() {
        for state in PaymentState::ALL
            .iter()
            .filter(|state| state.is_live_or_paid())
        {
            for event in [
                PaymentEvent::Repay,
                PaymentEvent::Send,
                PaymentEvent::Cancel,
            ] {
                assert_eq!(
                    payment_step(Some(*state), event),
                    None,
                    "{state:?} {event:?}"
                );
            }
        }
    }

    #[test]
    fn who_may_still_act_after_each_duty() {
        let mut text = String::new();
        for done in Duty::ALL {
            let may: Vec<_> = Duty::ALL
                .iter()
                .filter(|wanted| may_act(&[(UserId(1), *done)], UserId(1), **wanted).is_ok())
                .map(|duty| duty.code())
                .collect();
            text += &format!("{}: {}\n", done.code(), may.join(" "));
        }
        assert_eq!(
            text,
            "maker: maker bookkeeper\n\
             reviewer: reviewer bookkeeper\n\
             approver: approver bookkeeper\n\
             cashier: cashier\n\
             bookkeeper: maker reviewer approver bookkeeper\n"
        );
    }

    /// Four people, each step of the straight way: only one assignment of people to steps passes
    /// for a given order, and nobody can stand in for another.
    #[test]
    fn four_people_by_four_steps() {
        let duties = [Duty::Maker, Duty::Reviewer, Duty::Approver, Duty::Cashier];
        let mut passed = 0;
        for code in 0..256 {
            let people = [code % 4, code / 4 % 4, code / 16 % 4, code / 64].map(UserId);
            let mut done = Vec::new();
            let ok = people.into_iter().zip(duties).all(|(user, duty)| {
                let allowed = may_act(&done, user, duty).is_ok();
                done.push((user, duty));
                allowed
            });
            let mut distinct = people.to_vec();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(ok, distinct.len() == 4, "{people:?}");
            passed += i32::from(ok);
        }
        assert_eq!(passed, 24);
    }

    #[test]
    fn the_refusal_names_both_duties() {
        let problem = may_act(&[(UserId(7), Duty::Maker)], UserId(7), Duty::Approver)
            .unwrap_err()
            .with("run", 3);
        assert_eq!(problem.kind, Kind::SamePerson);
        assert_eq!(
            problem.title(crate::problem::Language::Zh),
            "7 在批次 3 上已是经办,不能再做审批"
        );
    }
}
