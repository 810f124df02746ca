//! From the name of a violated constraint to the refusal that it means.

use ledger::problem::{Kind, Problem};

use crate::error::StoreError;

/// Why a change was not made: a refusal for the user, or an accident.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A refusal: recorded, and shown to the one who asked.
    #[error(transparent)]
    Problem(Box<Problem>),
    /// An accident of the store.
    #[error(transparent)]
    Store(StoreError),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Failure {
        Failure::Problem(Box::new(problem))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        match &error {
            StoreError::Constraint { name } => match problem_of(name) {
                Some(problem) => problem.into(),
                None => Failure::Store(error),
            },
            _ => Failure::Store(error),
        }
    }
}

impl StoreError {
    /// A row that cannot become a model.
    pub(crate) fn inconsistent(table: &'static str, column: &'static str) -> StoreError {
        StoreError::Inconsistency {
            column: 0,
            sql: table,
            detail: column.to_owned(),
        }
    }
}

/// The one table of constraints that users can run into. Others are broken invariants and stay
/// accidents.
fn problem_of(constraint: &str) -> Option<Problem> {
    let exists = |what: &str| {
        Problem::new(Kind::AlreadyExists)
            .with("what", what)
            .with("name", "")
    };
    Some(match constraint {
        "tr_voucher_period" => Problem::new(Kind::PeriodClosed).with("month", ""),
        "ck_account_total_floor" => Problem::new(Kind::Overdrawn).with("account", ""),
        "pk_attempt" | "tr_attempt_prior" => Problem::new(Kind::PaymentLive).with("payment", ""),
        "pk_run_duty" | "fk_run_event_duty" => Problem::new(Kind::SamePerson)
            .with("user", "")
            .with("run", "")
            .with("duty", "")
            .with("wanted", ""),
        "pk_run_event" => Problem::new(Kind::RunState)
            .with("run", "")
            .with("state", "")
            .with("event", ""),
        "uq_payment_line_accrual" => Problem::new(Kind::RunChanged)
            .with("run", "—")
            .with("program", "")
            .with("month", ""),
        "pk_exception_event" | "pk_exception_settlement" => Problem::new(Kind::ExceptionState)
            .with("id", "")
            .with("state", "已处理")
            .with("event", ""),
        "tr_outcome_void_last" => Problem::new(Kind::AnswerBuiltOn).with("detail", ""),
        "pk_return_withdrawal" => Problem::new(Kind::AnswerBuiltOn).with("detail", "已撤回"),
        "ck_exception_settlement_people" => Problem::new(Kind::TwoPeople).with("user", ""),
        "pk_recovery_event" | "tr_recovery_event_left" => Problem::new(Kind::RecoveryState)
            .with("recovery", "")
            .with("state", "")
            .with("event", ""),
        "tr_recovery_event_people" => Problem::new(Kind::TwoPeople).with("user", ""),
        "uq_book_code" => exists("账套 book"),
        "uq_app_user_login" => exists("用户 user"),
        "uq_program_code" => exists("项目 program"),
        "uq_component_code" => exists("发放项目 component"),
        "uq_standard_date" => exists("标准 standard"),
        "uq_appropriation_document" => exists("指标文 appropriation"),
        "uq_reduction_document" => exists("追减文 reduction"),
        "uq_bank_account_code" => exists("账户 bank account"),
        "uq_return_file_content" => Problem::new(Kind::FileSeen).with("time", "").with("id", ""),
        "pk_period_close" => Problem::new(Kind::PeriodClosed).with("month", ""),
        "pk_year_close" => Problem::new(Kind::PeriodClosed).with("month", ""),
        "uq_voucher_reverses" => Problem::new(Kind::AlreadyReversed).with("voucher", ""),
        "tr_run_event_publication" => Problem::new(Kind::PublicationMissing).with("run", ""),
        "tr_run_event_limit" => above_limit(),
        "tr_run_event_after_approval" => Problem::new(Kind::RunState)
            .with("run", "")
            .with("state", "")
            .with("event", ""),
        "pk_publication" => exists("公示 publication"),
        "pk_approval_limit" => exists("审批限额 approval limit"),
        "pk_objection_event" => Problem::new(Kind::ObjectionState)
            .with("id", "")
            .with("state", ""),
        "tr_rule_decision_people" => Problem::new(Kind::TwoPeople).with("user", ""),
        "pk_rule_decision" => Problem::new(Kind::ProposalDecided)
            .with("proposal", "")
            .with("decision", "办理"),
        "tr_objection_event_people" => Problem::new(Kind::TwoPeople).with("user", ""),
        name if name.contains("_statement_link_") => explained_otherwise(),
        name => return of_proposal(name).or_else(|| statement_problem(name)),
    })
}

/// The same of whole statements.
fn statement_problem(constraint: &str) -> Option<Problem> {
    Some(match constraint {
        "pk_statement_withdrawal" | "tr_statement_withdrawal_newest" => {
            Problem::new(Kind::StatementBuiltOn)
                .with("id", "")
                .with("detail", "")
        }
        "tr_statement_days" => Problem::new(Kind::StatementOverlap)
            .with("from", "")
            .with("to", ""),
        _ => return None,
    })
}

/// What the database says of things that two people agreed on.
fn of_proposal(constraint: &str) -> Option<Problem> {
    let exists = |what: &str| {
        let problem = Problem::new(Kind::AlreadyExists);
        Some(problem.with("what", what).with("name", ""))
    };
    match constraint {
        "tr_re_pay_clearance_failed" => Some(Problem::new(Kind::PaymentLive).with("payment", "")),
        "pk_re_pay_clearance" => exists("准予补发 clearance"),
        "pk_account_layout" => exists("账户格式 layouts of an account"),
        _ => None,
    }
}

/// What the database says of a movement that two people explained by too much or a second time.
fn explained_otherwise() -> Problem {
    Problem::new(Kind::ExceptionResolution)
        .with("id", "")
        .with("kind", "")
        .with(
            "detail",
            "各部分与该笔款项不符,或已对应 parts do not add up, or taken",
        )
        .with("offered", "")
}

/// What the database says of an approval above the limit: it knows no names.
fn above_limit() -> Problem {
    let blank = [
        "user",
        "level",
        "month",
        "limit",
        "run_limit",
        "run",
        "payment",
        "largest",
        "total",
        "may",
    ];
    let problem = Problem::new(Kind::LimitExceeded);
    (blank.into_iter()).fold(problem, |problem, name| problem.with(name, ""))
}
