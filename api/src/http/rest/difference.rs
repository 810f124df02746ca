//! Exceptions, and objections to published lists: both take two people.

use axum::response::Response;
use ledger::id::{ExceptionId, ObjectionId, PaymentId, ReturnId, RunId};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::{Call, InBody, InPath, InQuery, Upload};
use super::run::Part;
use crate::app::exception::Evidence;
use crate::app::proposal::{self, Change};
use crate::app::{exception, publication, reason, waiting};
use crate::http::Server;

pub(super) fn router() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(propose))
        .routes(routes!(confirm))
        .routes(routes!(show))
        .routes(routes!(assign))
        .routes(routes!(comment))
        .routes(routes!(evidence))
        .routes(routes!(export))
        .routes(routes!(import))
        .routes(routes!(reasons))
        .routes(routes!(unknown))
        .routes(routes!(teach))
        .routes(routes!(failed))
        .routes(routes!(clear))
        .routes(routes!(cancel))
        .routes(routes!(withdraw))
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
    /// 处理方式及对应 Resolution and what it is settled against, as `force-match:paid:P12-1`,
    /// `force-match:B000001:B000002`, `force-match:A3`, `treasury:urban`, `charge:urban`
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

/// 查看一项差异 One with its notes and the ways to settle it
#[utoipa::path(get, path = "/exceptions/{exception}", operation_id = "exception.show",
    params(Exception), extensions(("x-may" = json!("read-reports"))))]
async fn show(call: Call, InPath(at): InPath<Exception>) -> Response {
    call.read(async move |app, caller| {
        exception::show(app, caller, ExceptionId(at.exception)).await
    })
    .await
}

/// Who looks after it.
#[derive(Debug, Deserialize, ToSchema)]
struct Assignment {
    /// 用户名 User
    owner: String,
}

/// 指定负责人 Give it to somebody to look after
#[utoipa::path(post, path = "/exceptions/{exception}/assign", operation_id = "exception.assign",
    params(Exception), request_body = Assignment,
    extensions(("x-may" = json!("resolve-exception"))))]
async fn assign(
    call: Call,
    InPath(at): InPath<Exception>,
    InBody(body): InBody<Assignment>,
) -> Response {
    call.change(async move |app, caller, key| {
        exception::assign(app, caller, ExceptionId(at.exception), &body.owner, key).await
    })
    .await
}

/// Words on a difference.
#[derive(Debug, Deserialize, ToSchema)]
struct Comment {
    /// 内容 Words
    text: String,
}

/// 添加说明 Add a comment
#[utoipa::path(post, path = "/exceptions/{exception}/comment",
    operation_id = "exception.comment", params(Exception), request_body = Comment,
    extensions(("x-may" = json!("resolve-exception"))))]
async fn comment(
    call: Call,
    InPath(at): InPath<Exception>,
    InBody(body): InBody<Comment>,
) -> Response {
    call.change(async move |app, caller, key| {
        exception::comment(app, caller, ExceptionId(at.exception), &body.text, key).await
    })
    .await
}

/// What a document is called, and what it proves.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Document {
    /// 文件名 Name of the file
    name: String,
    /// 说明 What it proves
    #[serde(default)]
    text: String,
}

/// 登记证据 Add evidence: its name and hash are kept
#[utoipa::path(post, path = "/exceptions/{exception}/evidence",
    operation_id = "exception.evidence", params(Exception, Document),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    extensions(("x-may" = json!("resolve-exception"))))]
async fn evidence(
    call: Call,
    InPath(at): InPath<Exception>,
    InQuery(query): InQuery<Document>,
    Upload(bytes): Upload,
) -> Response {
    call.change(async move |app, caller, key| {
        let document = Evidence {
            file_name: query.name,
            bytes,
            text: query.text,
        };
        exception::evidence(app, caller, ExceptionId(at.exception), &document, key).await
    })
    .await
}

/// 导出未处理的差异 The open ones as a workbook, to be filled in
#[utoipa::path(get, path = "/exceptions/workbook", operation_id = "exception.export",
    extensions(("x-may" = json!("read-reports")), ("x-file" = json!(true))))]
async fn export(call: Call) -> Response {
    call.file(async move |app, caller| {
        let bytes = exception::export(app, caller).await?;
        Ok(("exceptions.xlsx".to_owned(), bytes))
    })
    .await
}

/// What a file is called.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Named {
    /// 文件名 Name of the file
    name: String,
}

/// 导入填好的工作簿 Take the decisions of a workbook; stale rows are refused
#[utoipa::path(post, path = "/exceptions/workbook", operation_id = "exception.import",
    params(Named), request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    extensions(("x-may" = json!("resolve-exception"))))]
async fn import(call: Call, InQuery(query): InQuery<Named>, Upload(bytes): Upload) -> Response {
    call.change(async move |app, caller, key| {
        exception::import(app, caller, &query.name, &bytes, key).await
    })
    .await
}

/// 失败原因词典 The reasons of failures, and the words that the office taught
#[utoipa::path(get, path = "/reasons", operation_id = "reason.list",
    extensions(("x-may" = json!("read-reports"))))]
async fn reasons(call: Call) -> Response {
    call.read(async |app, caller| reason::list(app, caller).await)
        .await
}

/// 待教的词 The words that nobody has taught
#[utoipa::path(get, path = "/reasons/queue", operation_id = "reason.queue",
    extensions(("x-may" = json!("read-reports"))))]
async fn unknown(call: Call) -> Response {
    call.read(async |app, caller| reason::queue(app, caller).await)
        .await
}

/// What words mean.
#[derive(Debug, Deserialize, ToSchema)]
struct Lesson {
    /// 银行原话 The bank's words
    words: String,
    /// 原因代码 Code of the reason
    reason: String,
}

/// 提出一个词的含义 Propose what words mean; another person confirms
#[utoipa::path(post, path = "/reasons", operation_id = "reason.teach", request_body = Lesson,
    extensions(("x-may" = json!("manage-policy"))))]
async fn teach(call: Call, InBody(body): InBody<Lesson>) -> Response {
    call.change(async move |app, caller, key| {
        let change = Change::Reason(body.words, body.reason);
        proposal::propose(app, caller, &change, key).await
    })
    .await
}

/// Of which program.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfProgram {
    /// 项目 Program; all when it is not given
    program: Option<String>,
}

/// 未补发的失败和退票 What failed and was not tried again: a page of it, and counts of all
#[utoipa::path(get, path = "/payments/failed", operation_id = "payment.failed",
    params(OfProgram, Part),
    extensions(("x-may" = json!("read-reports")), ("x-pages" = json!(true))))]
async fn failed(
    call: Call,
    InQuery(query): InQuery<OfProgram>,
    InQuery(part): InQuery<Part>,
) -> Response {
    call.pages(part.page(), async move |app, caller, page| {
        waiting::failed(app, caller, query.program.as_deref(), page).await
    })
    .await
}

/// The number of a payment, in the address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Payment {
    /// 明细编号 Number of the payment
    payment: i64,
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Because {
    /// 原因 Why
    pub(super) reason: String,
}

/// Payments that may be tried again, and why.
#[derive(Debug, Deserialize, ToSchema)]
struct Cleared {
    /// 明细编号 Numbers of the payments
    payments: Vec<i64>,
    /// 原因 Why
    reason: String,
}

/// 提出准予补发 Propose that payments may be tried again with the same account; another confirms
#[utoipa::path(post, path = "/payments/clear", operation_id = "payment.clear",
    request_body = Cleared, extensions(("x-may" = json!("clear-payment"))))]
async fn clear(call: Call, InBody(body): InBody<Cleared>) -> Response {
    call.change(async move |app, caller, key| {
        let payments = body.payments.into_iter().map(PaymentId).collect();
        let change = Change::Clear(payments, body.reason);
        proposal::propose(app, caller, &change, key).await
    })
    .await
}

/// 提出取消发放 Propose to cancel a payment for good; another person confirms
#[utoipa::path(post, path = "/payments/{payment}/cancel", operation_id = "payment.cancel",
    params(Payment), request_body = Because,
    extensions(("x-may" = json!("cancel-payment"))))]
async fn cancel(
    call: Call,
    InPath(at): InPath<Payment>,
    InBody(body): InBody<Because>,
) -> Response {
    call.change(async move |app, caller, key| {
        let change = Change::Cancel(PaymentId(at.payment), body.reason);
        proposal::propose(app, caller, &change, key).await
    })
    .await
}

/// The number of a return, in the address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Returned {
    /// 回盘编号 Number of the return
    number: i64,
}

/// 提出撤回回盘 Propose to withdraw a return; another person confirms
#[utoipa::path(post, path = "/returns/{number}/withdraw", operation_id = "return.withdraw",
    params(Returned), request_body = Because,
    extensions(("x-may" = json!("import-return"))))]
async fn withdraw(
    call: Call,
    InPath(at): InPath<Returned>,
    InBody(body): InBody<Because>,
) -> Response {
    call.change(async move |app, caller, key| {
        let change = Change::Withdraw(ReturnId(at.number), body.reason);
        proposal::propose(app, caller, &change, key).await
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
