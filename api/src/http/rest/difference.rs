//! Exceptions, and objections to published lists: both take two people.

use axum::response::Response;
use ledger::id::{ExceptionId, ObjectionId, PaymentId, RunId};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::{Call, InBody, InPath, InQuery};
use super::run::Part;
use crate::app::{exception, publication};
use crate::http::Server;

pub(super) fn router() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(propose))
        .routes(routes!(confirm))
        .routes(routes!(object, objections))
        .routes(routes!(settle))
}

/// Which exceptions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// 包括已处理的 Also those that are settled
    #[serde(default)]
    all: bool,
}

/// 列出差异 List exceptions
#[utoipa::path(get, path = "/exceptions", operation_id = "exception.list", params(Which, Part),
    extensions(("x-may" = json!("read-reports")), ("x-pages" = json!(true))))]
async fn list(
    call: Call,
    InQuery(which): InQuery<Which>,
    InQuery(part): InQuery<Part>,
) -> Response {
    call.pages(part.page(), async move |app, caller, page| {
        exception::list(app, caller, !which.all, page).await
    })
    .await
}

/// The number of an exception, in the address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Exception {
    /// 差异编号 Number of the exception
    exception: i64,
}

/// How it is to be settled.
#[derive(Debug, Deserialize, ToSchema)]
struct Proposal {
    /// 处理方式 Resolution
    resolution: String,
    /// 说明 Note
    note: String,
}

/// 提出处理意见 Propose a resolution; another person confirms it
#[utoipa::path(post, path = "/exceptions/{exception}/propose", operation_id = "exception.propose",
    params(Exception), request_body = Proposal,
    extensions(("x-may" = json!("resolve-exception"))))]
async fn propose(
    call: Call,
    InPath(at): InPath<Exception>,
    InBody(body): InBody<Proposal>,
) -> Response {
    call.change(async move |app, caller, key| {
        let id = ExceptionId(at.exception);
        exception::propose(app, caller, id, &body.resolution, &body.note, key).await
    })
    .await
}

/// 确认处理意见 Confirm a proposed resolution
#[utoipa::path(post, path = "/exceptions/{exception}/confirm", operation_id = "exception.confirm",
    params(Exception), extensions(("x-may" = json!("resolve-exception"))))]
async fn confirm(call: Call, InPath(at): InPath<Exception>) -> Response {
    call.change(async move |app, caller, key| {
        exception::confirm(app, caller, ExceptionId(at.exception), key).await
    })
    .await
}

/// An objection.
#[derive(Debug, Deserialize, ToSchema)]
struct AddObjection {
    /// 批次编号 Number of the run
    run: i64,
    /// 明细编号 Number of the payment that it is about
    payment: Option<i64>,
    /// 内容 What it says
    detail: String,
}

/// 受理异议 Receive an objection to a published run
#[utoipa::path(post, path = "/objections", operation_id = "objection.add",
    request_body = AddObjection, extensions(("x-may" = json!("handle-objection"))))]
async fn object(call: Call, InBody(body): InBody<AddObjection>) -> Response {
    call.change(async move |app, caller, key| {
        let (run, payment) = (RunId(body.run), body.payment.map(PaymentId));
        publication::add(app, caller, run, payment, &body.detail, key).await
    })
    .await
}

/// Of which run.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfRun {
    /// 只列此批次的 Of this run only
    run: Option<i64>,
}

/// 列出异议 List objections
#[utoipa::path(get, path = "/objections", operation_id = "objection.list", params(OfRun),
    extensions(("x-may" = json!("read-reports"))))]
async fn objections(call: Call, InQuery(query): InQuery<OfRun>) -> Response {
    call.read(async move |app, caller| publication::list(app, caller, query.run.map(RunId)).await)
        .await
}

/// The number of an objection, in the address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Objection {
    /// 异议编号 Number of the objection
    objection: i64,
}

/// How an objection is settled.
#[derive(Debug, Deserialize, ToSchema)]
struct Settlement {
    /// 是否成立 Whether it is right: the run must then be corrected and published again
    upheld: bool,
    /// 说明 Why
    note: String,
}

/// 处理异议 Settle an objection: another person than the receiver
#[utoipa::path(post, path = "/objections/{objection}/settle", operation_id = "objection.settle",
    params(Objection), request_body = Settlement,
    extensions(("x-may" = json!("handle-objection"))))]
async fn settle(
    call: Call,
    InPath(at): InPath<Objection>,
    InBody(body): InBody<Settlement>,
) -> Response {
    call.change(async move |app, caller, key| {
        let id = ObjectionId(at.objection);
        publication::settle(app, caller, id, body.upheld, &body.note, key).await
    })
    .await
}
