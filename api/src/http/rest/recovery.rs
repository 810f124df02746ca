//! Recovery of what was overpaid.

use axum::response::Response;
use ledger::calendar::Month;
use ledger::id::{ExceptionId, RecoveryId};
use ledger::money::Fen;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::{Call, InBody, InPath, InQuery};
use super::fields;
use super::run::Why;
use crate::app::Error;
use crate::app::recovery::{self, HandOver, NewPlan, NewRecovery, Receipt, Whose};
use crate::http::Server;

pub(super) fn router() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(open, list))
        .routes(routes!(find))
        .routes(routes!(receive))
        .routes(routes!(confirm_many))
        .routes(routes!(hand_over))
        .routes(routes!(show))
        .routes(routes!(confirm))
        .routes(routes!(reject))
        .routes(routes!(plan))
        .routes(routes!(write_off))
        .routes(routes!(confirm_write_off))
}

/// Of which program and months.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Range {
    /// 项目 Program
    program: String,
    /// 起始月份 First month; the first accrued when not given
    first: Option<String>,
    /// 截止月份 Last month; the last accrued when not given
    last: Option<String>,
}

/// 查找多发 Who was overpaid
#[utoipa::path(get, path = "/recoveries/find", operation_id = "recovery.find", params(Range),
    extensions(("x-may" = json!("read-reports"))))]
async fn find(call: Call, InQuery(range): InQuery<Range>) -> Response {
    call.read(async move |app, caller| {
        let first = fields::month_or_none("first", range.first.as_ref())?;
        let last = fields::month_or_none("last", range.last.as_ref())?;
        recovery::find(app, caller, &range.program, first, last).await
    })
    .await
}

/// What is to be recovered: of one household, by its file number or number, or of everybody.
#[derive(Debug, Deserialize, ToSchema)]
struct OpenRecovery {
    /// 项目 Program
    program: String,
    /// 档案号 File number of the household
    file_no: Option<String>,
    /// 户的内部编号 Number of the household
    household: Option<i64>,
    /// 全部 Everybody's
    #[serde(default)]
    all: bool,
    /// 起始月份 First month
    first: Option<String>,
    /// 截止月份 Last month
    last: Option<String>,
    /// 原因 Reason
    reason: String,
}

impl OpenRecovery {
    fn wanted(&self) -> Result<NewRecovery, Error> {
        let whose = match (&self.file_no, self.household, self.all) {
            (Some(number), None, false) => Whose::FileNo(number.clone()),
            (None, Some(number), false) => Whose::Household(fields::number("household", number)?),
            (None, None, true) => Whose::All,
            _ => return Err(super::call::invalid("file_no, household, all", "1 of 3")),
        };
        Ok(NewRecovery {
            program: self.program.clone(),
            whose,
            first: fields::month_or_none("first", self.first.as_ref())?,
            last: fields::month_or_none("last", self.last.as_ref())?,
            reason: self.reason.clone(),
        })
    }
}

/// 提出追缴 Propose recoveries; another person confirms each
#[utoipa::path(post, path = "/recoveries", operation_id = "recovery.open",
    request_body = OpenRecovery, extensions(("x-may" = json!("make-recovery"))))]
async fn open(call: Call, InBody(body): InBody<OpenRecovery>) -> Response {
    call.change(async move |app, caller, key| {
        recovery::open(app, caller, &body.wanted()?, key).await
    })
    .await
}

/// 列出追缴 List recoveries
#[utoipa::path(get, path = "/recoveries", operation_id = "recovery.list",
    extensions(("x-may" = json!("read-reports"))))]
async fn list(call: Call) -> Response {
    call.read(async |app, caller| recovery::list(app, caller).await)
        .await
}

/// The number of a recovery, in the address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Recovery {
    /// 追缴编号 Number of the recovery
    recovery: i64,
}

impl Recovery {
    fn id(&self) -> RecoveryId {
        RecoveryId(self.recovery)
    }
}

/// 查看追缴经过 The whole way of a recovery
#[utoipa::path(get, path = "/recoveries/{recovery}", operation_id = "recovery.show",
    params(Recovery), extensions(("x-may" = json!("read-reports"))))]
async fn show(call: Call, InPath(at): InPath<Recovery>) -> Response {
    call.read(async move |app, caller| recovery::show(app, caller, at.id()).await)
        .await
}

/// 确认追缴 Confirm what another person proposed
#[utoipa::path(post, path = "/recoveries/{recovery}/confirm", operation_id = "recovery.confirm",
    params(Recovery), extensions(("x-may" = json!("confirm-recovery"))))]
async fn confirm(call: Call, InPath(at): InPath<Recovery>) -> Response {
    call.change(async move |app, caller, key| recovery::confirm(app, caller, at.id(), key).await)
        .await
}

/// Several recoveries.
#[derive(Debug, Deserialize, ToSchema)]
struct Several {
    /// 追缴编号 Numbers of the recoveries
    recoveries: Vec<i64>,
}

/// 一并确认追缴 Confirm several recoveries at once, all or none
#[utoipa::path(post, path = "/recoveries/confirm", operation_id = "recovery.confirm-many",
    request_body = Several, extensions(("x-may" = json!("confirm-recovery"))))]
async fn confirm_many(call: Call, InBody(body): InBody<Several>) -> Response {
    call.change(async move |app, caller, key| {
        let ids: Vec<RecoveryId> = body.recoveries.iter().copied().map(RecoveryId).collect();
        recovery::confirm_many(app, caller, &ids, key).await
    })
    .await
}

/// 驳回追缴或核销 Turn down a recovery, or its writing off
#[utoipa::path(post, path = "/recoveries/{recovery}/reject", operation_id = "recovery.reject",
    params(Recovery), request_body = Why, extensions(("x-may" = json!("confirm-recovery"))))]
async fn reject(call: Call, InPath(at): InPath<Recovery>, InBody(why): InBody<Why>) -> Response {
    call.change(async move |app, caller, key| {
        recovery::reject(app, caller, at.id(), &why.reason, key).await
    })
    .await
}

/// Money that is to come in a month.
#[derive(Debug, Deserialize, ToSchema)]
struct Instalment {
    /// 月份 Month, YYYY-MM
    month: String,
    /// 金额,分 Amount, fen
    amount_fen: i64,
}

/// How a recovery is paid back.
#[derive(Debug, Deserialize, ToSchema)]
struct Plan {
    /// 分期 Instalments in cash
    #[serde(default)]
    instalments: Vec<Instalment>,
    /// 每批次至多抵扣,分 Each run withholds at most so much
    set_off_fen: Option<i64>,
    /// 每笔至少发放,分 So much of a payment is paid in any case; 100 when not given
    leave_fen: Option<i64>,
    /// 从该月批次起抵扣 First month of a run that withholds; this month when not given
    from: Option<String>,
}

impl Plan {
    fn wanted(&self) -> Result<NewPlan, Error> {
        let amount = |field: &str, fen: Option<i64>| -> Result<Option<Fen>, Error> {
            fen.map(|fen| fields::amount(field, fen)).transpose()
        };
        let instalment = |one: &Instalment| -> Result<(Month, Fen), Error> {
            let month = fields::month("month", &one.month)?;
            Ok((month, fields::amount("amount_fen", one.amount_fen)?))
        };
        Ok(NewPlan {
            instalments: self
                .instalments
                .iter()
                .map(instalment)
                .collect::<Result<_, _>>()?,
            set_off: amount("set_off_fen", self.set_off_fen)?,
            leave: amount("leave_fen", self.leave_fen)?,
            from: fields::month_or_none("from", self.from.as_ref())?,
        })
    }
}

/// 订立还款计划 Plan how it is paid back
#[utoipa::path(post, path = "/recoveries/{recovery}/plan", operation_id = "recovery.plan",
    params(Recovery), request_body = Plan, extensions(("x-may" = json!("make-recovery"))))]
async fn plan(call: Call, InPath(at): InPath<Recovery>, InBody(body): InBody<Plan>) -> Response {
    call.change(async move |app, caller, key| {
        recovery::plan(app, caller, at.id(), &body.wanted()?, key).await
    })
    .await
}

/// Money that came in.
#[derive(Debug, Deserialize, ToSchema)]
struct Received {
    /// 追缴编号 Numbers of the recoveries that the money is for
    recoveries: Vec<i64>,
    /// 差异编号 The exception that the credit is
    exception: i64,
    /// 认作追缴的金额,分 So much of the credit, fen; all that is unexplained when not given
    amount_fen: Option<i64>,
    /// 退回的指标文号 Appropriation that it goes home to; the one drawn on when not given
    appropriation: Option<String>,
}

/// 收回 A credit that nobody could explain is a recovery's money; two people
#[utoipa::path(post, path = "/recoveries/receive", operation_id = "recovery.receive",
    request_body = Received, extensions(("x-may" = json!("resolve-exception"))))]
async fn receive(call: Call, InBody(body): InBody<Received>) -> Response {
    call.change(async move |app, caller, key| {
        let receipt = Receipt {
            recoveries: body.recoveries.iter().copied().map(RecoveryId).collect(),
            exception: ExceptionId(body.exception),
            amount: match body.amount_fen {
                Some(fen) => Some(fields::amount("amount_fen", fen)?),
                None => None,
            },
            appropriation: body.appropriation.clone(),
        };
        recovery::receive(app, caller, &receipt, key).await
    })
    .await
}

/// 提请核销 Propose to give up what is left; another person confirms it
#[utoipa::path(post, path = "/recoveries/{recovery}/write-off",
    operation_id = "recovery.write-off", params(Recovery), request_body = Why,
    extensions(("x-may" = json!("make-recovery"))))]
async fn write_off(call: Call, InPath(at): InPath<Recovery>, InBody(why): InBody<Why>) -> Response {
    call.change(async move |app, caller, key| {
        recovery::write_off(app, caller, at.id(), &why.reason, key).await
    })
    .await
}

/// 确认核销 Confirm that it is given up
#[utoipa::path(post, path = "/recoveries/{recovery}/confirm-write-off",
    operation_id = "recovery.confirm-write-off", params(Recovery),
    extensions(("x-may" = json!("confirm-recovery"))))]
async fn confirm_write_off(call: Call, InPath(at): InPath<Recovery>) -> Response {
    call.change(async move |app, caller, key| {
        recovery::confirm_write_off(app, caller, at.id(), key).await
    })
    .await
}

/// Money for the treasury.
#[derive(Debug, Deserialize, ToSchema)]
struct HandingOver {
    /// 项目 Program
    program: String,
    /// 金额,分 Amount, fen
    amount_fen: i64,
    /// 收款账户 Account that it came in at; the program's when not given
    account: Option<String>,
    /// 抵扣款所在指标文号 Appropriation that kept what payments withheld
    appropriation: Option<String>,
    /// 业务日期 Business date; today when not given
    on: Option<String>,
}

/// 上缴以前年度追缴款 Hand recovered money of earlier years to the treasury
#[utoipa::path(post, path = "/recoveries/hand-over", operation_id = "recovery.hand-over",
    request_body = HandingOver, extensions(("x-may" = json!("post-voucher"))))]
async fn hand_over(call: Call, InBody(body): InBody<HandingOver>) -> Response {
    call.change(async move |app, caller, key| {
        let wanted = HandOver {
            program: body.program.clone(),
            amount: fields::amount("amount_fen", body.amount_fen)?,
            account: body.account.clone(),
            appropriation: body.appropriation.clone(),
            on: fields::date_or_none("on", body.on.as_ref())?,
        };
        recovery::hand_over(app, caller, &wanted, key).await
    })
    .await
}
