//! Appropriations: quota letters and what becomes of their money.

use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::{Call, InBody, InQuery, Upload};
use super::fields;
use crate::app::appropriation::{self, NewAppropriation, NewCarryOver, NewReduction};
use crate::http::{Server, UPLOAD_BYTES_MAX};

pub(super) fn router() -> OpenApiRouter<Server> {
    let files = OpenApiRouter::new()
        .routes(routes!(import))
        .layer(DefaultBodyLimit::max(UPLOAD_BYTES_MAX));
    OpenApiRouter::new()
        .routes(routes!(add, list))
        .routes(routes!(reduce))
        .routes(routes!(carry_over))
        .routes(routes!(give_back))
        .merge(files)
}

/// A quota letter.
#[derive(Debug, Deserialize, ToSchema)]
struct Letter {
    /// 文号 Document number
    document: String,
    /// 级次 Level: central, province, city, county or donation
    level: String,
    /// 预算年度 Budget year
    year: i64,
    /// 项目 Program
    program: String,
    /// 银行账户 Bank account that holds it
    account: String,
    /// 金额,分 Amount, fen
    amount_fen: i64,
    /// 到账日期 Date on which it was received
    received_on: String,
    /// 支用顺序,小者先用 Order of use, the smallest first
    #[serde(default = "first")]
    priority: i64,
}

fn first() -> i64 {
    1
}

/// 录入指标 Enter an appropriation
#[utoipa::path(post, path = "/appropriations", operation_id = "appropriation.add",
    request_body = Letter, extensions(("x-may" = json!("enter-appropriation"))))]
async fn add(call: Call, InBody(body): InBody<Letter>) -> Response {
    call.change(async move |app, caller, key| {
        let letter = NewAppropriation {
            document: body.document.clone(),
            level: fields::level(&body.level)?,
            budget_year: body.year,
            program: body.program.clone(),
            bank_account: body.account.clone(),
            amount: fields::amount("amount_fen", body.amount_fen)?,
            received_on: fields::date("received_on", &body.received_on)?,
            priority: body.priority,
        };
        appropriation::add(app, caller, &letter, key).await
    })
    .await
}

/// 列出指标 List appropriations
#[utoipa::path(get, path = "/appropriations", operation_id = "appropriation.list",
    extensions(("x-may" = json!("read-reports"))))]
async fn list(call: Call) -> Response {
    call.read(async |app, caller| appropriation::list(app, caller).await)
        .await
}

/// The name of a file.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Named {
    /// 文件名 Name of the file
    name: String,
}

/// 导入指标表 Import a CSV of appropriations
#[utoipa::path(post, path = "/appropriations/import", operation_id = "appropriation.import",
    params(Named), request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    extensions(("x-may" = json!("enter-appropriation"))))]
async fn import(call: Call, InQuery(file): InQuery<Named>, Upload(bytes): Upload) -> Response {
    call.change(async move |app, caller, key| {
        appropriation::import(app, caller, &file.name, &bytes, key).await
    })
    .await
}

/// A letter that takes money back.
#[derive(Debug, Deserialize, ToSchema)]
struct Reduction {
    /// 文号 Document number
    document: String,
    /// 追减文号 Document number of the letter that takes it back
    by: String,
    /// 项目 Program, when the letter grants several
    program: Option<String>,
    /// 金额,分 Amount, fen
    amount_fen: i64,
    /// 日期 Date; today when not given
    on: Option<String>,
}

/// 追减 A letter takes unspent money back
#[utoipa::path(post, path = "/appropriations/reduce", operation_id = "appropriation.reduce",
    request_body = Reduction, extensions(("x-may" = json!("post-voucher"))))]
async fn reduce(call: Call, InBody(body): InBody<Reduction>) -> Response {
    call.change(async move |app, caller, key| {
        let letter = NewReduction {
            document: body.document.clone(),
            program: body.program.clone(),
            by: body.by.clone(),
            amount: fields::amount("amount_fen", body.amount_fen)?,
            on: fields::date_or_none("on", body.on.as_ref())?,
        };
        appropriation::reduce(app, caller, &letter, key).await
    })
    .await
}

/// Money that serves the next year too.
#[derive(Debug, Deserialize, ToSchema)]
struct Carrying {
    /// 文号 Document number
    document: String,
    /// 结转到的年度 Budget year that it serves too
    to: i64,
    /// 结转文号 Document that allows it
    by: String,
    /// 项目 Program, when the letter grants several
    program: Option<String>,
    /// 金额,分 Amount, fen; all that is left when not given
    amount_fen: Option<i64>,
}

/// 结转下年 Carry money over to the next budget year
#[utoipa::path(post, path = "/appropriations/carry-over",
    operation_id = "appropriation.carry-over", request_body = Carrying,
    extensions(("x-may" = json!("enter-appropriation"))))]
async fn carry_over(call: Call, InBody(body): InBody<Carrying>) -> Response {
    call.change(async move |app, caller, key| {
        let amount = body.amount_fen.map(|fen| fields::amount("amount_fen", fen));
        let carrying = NewCarryOver {
            document: body.document.clone(),
            program: body.program.clone(),
            to: body.to,
            amount: amount.transpose()?,
            by: body.by.clone(),
        };
        appropriation::carry_over(app, caller, &carrying, key).await
    })
    .await
}

/// Money that goes back.
#[derive(Debug, Deserialize, ToSchema)]
struct GivenBack {
    /// 文号 Document number
    document: String,
    /// 项目 Program
    program: String,
    /// 金额,分 Amount, fen
    amount_fen: i64,
    /// 日期 Date; today when not given
    on: Option<String>,
}

/// 交回财政 Return money to the treasury
#[utoipa::path(post, path = "/appropriations/return", operation_id = "appropriation.return",
    request_body = GivenBack, extensions(("x-may" = json!("post-voucher"))))]
async fn give_back(call: Call, InBody(body): InBody<GivenBack>) -> Response {
    call.change(async move |app, caller, key| {
        let amount = fields::amount("amount_fen", body.amount_fen)?;
        let on = fields::date_or_none("on", body.on.as_ref())?;
        let (document, program) = (&body.document, &body.program);
        appropriation::return_to_treasury(app, caller, document, program, amount, on, key).await
    })
    .await
}
