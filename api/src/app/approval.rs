//! Approval limits (审批限额): who may approve how much, and the way back of an approved run.

use ledger::calendar::{Date, Month};
use ledger::disbursement::approval::{ApprovalLevel, ApprovalLimit, in_force};
use ledger::disbursement::role::Role;
use ledger::disbursement::workflow::{Duty, RunEvent};
use ledger::id::{RunId, UserId};
use ledger::money::Fen;
use ledger::problem::{Kind, Problem};
use ledger_store::approval as store;
use ledger_store::book;
use ledger_store::boxed;
use ledger_store::error::StoreError;
use ledger_store::journal::{self, VoucherDraft};
use ledger_store::run::{Run, RunKind, duties};
use ledger_store::write::Write;
use ledger_store::{approval, policy};

use super::{App, Caller, Done, Error, not_found, recovery, run};

/// A limit to be set.
#[derive(Clone, Debug)]
pub struct NewLimit {
    /// Code of the program.
    pub program: String,
    /// Whom it binds.
    pub level: ApprovalLevel,
    /// The first month of the runs that it holds for.
    pub from: Month,
    /// The largest payment.
    pub payment: Fen,
    /// The largest total of a run; none when only payments are limited.
    pub run: Option<Fen>,
    /// The number of its document.
    pub document: String,
}

/// Judges what a level may approve of a program from a month on and, when `store` is set, stores
/// it. A change is a limit from a later month.
///
/// # Errors
/// [`Kind::NotFound`], [`Kind::FieldInvalid`], [`Kind::AmountInvalid`], [`Kind::AlreadyExists`] for
/// a second limit of the same program, level and month.
pub(super) async fn set_limit(write: &mut Write, new: &NewLimit, store: bool) -> Result<(), Error> {
    let book = write.book();
    let programs = policy::programs(write.tx(), book).await?;
    let program = programs.iter().find(|program| program.code == new.program);
    let program = program.ok_or_else(|| not_found("项目 program", &new.program))?;
    for amount in [Some(new.payment), new.run].into_iter().flatten() {
        if amount < Fen::ZERO {
            return Err(Problem::new(Kind::AmountInvalid)
                .with("value", amount)
                .into());
        }
    }
    if new.document.trim().is_empty() {
        return Err(super::policy::invalid("document", "", "文号 a document"));
    }
    let limits = store::limits(write.tx(), book).await?;
    let same = |limit: &&ApprovalLimit| {
        (limit.program, limit.level, limit.from) == (program.id, new.level, new.from)
    };
    if limits.iter().any(|limit| same(&limit)) {
        let name = format!("{} {} {}", new.program, new.level.code(), new.from);
        return Err(Problem::new(Kind::AlreadyExists)
            .with("what", "审批限额 approval limit")
            .with("name", name)
            .into());
    }
    if !store {
        return Ok(());
    }
    let limit = ApprovalLimit {
        program: program.id,
        level: new.level,
        from: new.from,
        payment: new.payment,
        run: new.run,
        document: new.document.clone(),
    };
    Ok(store::add_limit(write, &limit).await?)
}

/// Judges of which level a user is to approve and, when `store` is set, stores it.
///
/// # Errors
/// [`Kind::NotFound`].
pub(super) async fn set_level(
    write: &mut Write,
    login: &str,
    level: ApprovalLevel,
    store: bool,
) -> Result<(), Error> {
    let book = write.book();
    let users = book::users(write.tx(), book).await?;
    let user = users.iter().find(|user| user.login == login);
    let user = user.ok_or_else(|| not_found("用户 user", login))?;
    match store {
        true => Ok(store::put_level(write, user.id, level).await?),
        false => Ok(()),
    }
}

/// Refuses an approval above the limit of the approver's level.
///
/// # Errors
/// [`Kind::LimitExceeded`] with the largest payment, the limit and who may approve that much.
pub(super) async fn within_limit(
    write: &mut Write,
    caller: &Caller,
    run: &Run,
) -> Result<(), Error> {
    let book = write.book();
    let limits = store::limits(write.tx(), book).await?;
    if !limits.iter().any(|limit| limit.program == run.program) {
        return Ok(());
    }
    let levels = store::levels(write.tx(), book).await?;
    let level_of = |user: UserId| levels.get(&user).copied().unwrap_or(ApprovalLevel::County);
    let level = level_of(caller.user.id);
    let Some(limit) = in_force(&limits, run.program, level, run.month) else {
        return Ok(());
    };
    let Some(found) = approval::largest(write.tx(), book, run).await? else {
        return Ok(());
    };
    let (payment, largest, total) = (found.payment, found.amount, found.total);
    if limit.allows(largest, total) {
        return Ok(());
    }
    let allows = |level: ApprovalLevel| {
        let limit = in_force(&limits, run.program, level, run.month);
        limit.is_none_or(|limit| limit.allows(largest, total))
    };
    let users = book::users(write.tx(), book).await?;
    let mut may: Vec<String> = Vec::new();
    for user in users.iter().filter(|user| user.active) {
        let level = level_of(user.id);
        if user.roles.contains(&Role::Approver) && allows(level) {
            may.push(format!("{}({})", user.login, level.name()));
        }
    }
    if may.is_empty() {
        let levels = ApprovalLevel::ALL.iter().filter(|level| allows(**level));
        may.extend(levels.map(|level| level.name().to_owned()));
    }
    let or_none = |amount: Option<Fen>| amount.map_or_else(|| "—".to_owned(), Fen::grouped);
    Err(Problem::new(Kind::LimitExceeded)
        .with("user", &caller.user.login)
        .with("level", level.name())
        .with("month", limit.from)
        .with("limit", limit.payment.grouped())
        .with("run_limit", or_none(limit.run))
        .with("run", run.id)
        .with("payment", payment)
        .with("largest", largest.grouped())
        .with("total", total.grouped())
        .with("may", may.join("、"))
        .into())
}

/// Takes an approval back before anything is released, with a reason: the run is a draft again,
/// and what its approval booked is reversed by a voucher of its own (红字冲销).
///
/// # Errors
/// [`Kind::RunState`] when the run is not approved or is released, [`Kind::PeriodClosed`] when
/// today's month is closed, [`Kind::YearClosed`] when the year of the approval is: its expense is
/// in the surplus by then.
#[boxed]
pub async fn revoke(
    app: &App,
    caller: &Caller,
    id: RunId,
    reason: &str,
    key: Option<String>,
) -> Result<Done, Error> {
    let on = app.clock.today();
    run::step(
        app,
        caller,
        id,
        RunEvent::Revoke,
        reason,
        key,
        async |write, run| match run.kind {
            // Its payments were booked by the runs that owe them.
            RunKind::RePay => Ok(()),
            _ => reverse(write, caller, run, on).await,
        },
    )
    .await
}

async fn reverse(write: &mut Write, caller: &Caller, run: &Run, on: Date) -> Result<(), Error> {
    let book = write.book();
    let voucher = journal::to_reverse(write.tx(), book, "run", run.id.get()).await?;
    let voucher = voucher.ok_or_else(|| StoreError::Inconsistency {
        column: 0,
        sql: "voucher",
        detail: format!("run {} has no voucher to reverse", run.id),
    })?;
    let (year, today) = (voucher.posted.month.year(), Month::of(on).year());
    let closed = ledger_store::year::years(write.tx(), book).await?;
    if year < today && closed.iter().any(|closed| closed.year == i64::from(year)) {
        return Err(Problem::new(Kind::YearClosed)
            .with("year", year)
            .with("run", run.id)
            .into());
    }
    let held = duties(write.tx(), book, run.id).await?;
    let maker = held.iter().find(|(_, duty)| *duty == Duty::Maker);
    let (month, number) = (voucher.posted.month, voucher.posted.number);
    let draft = VoucherDraft {
        on_date: on,
        summary: format!("冲销 {month} 记-{number:04} {}", voucher.summary),
        maker: maker.map_or(caller.user.id, |(user, _)| *user),
        checker: Some(caller.user.id),
        source: "revoke",
        source_id: run.id.get(),
        reverses: Some(voucher.posted.id),
    };
    match journal::reverse(write, &voucher.posted, draft).await? {
        Some(posted) => recovery::give_back(write, caller, run.id, posted.id, on).await,
        None => Ok(()),
    }
}
