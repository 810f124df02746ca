//! Runs, their way through approval, and their payments.

use axum::response::Response;
use ledger::id::RunId;
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::{Call, InBody, InPath, InQuery};
use super::fields;
use crate::app::exception::Page;
use crate::app::job::Wanted;
use crate::app::run::{self, NewRun};
use crate::app::{approval, clash, funding, publication, release};
use crate::http::Server;

pub(super) fn router() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(show))
        .routes(routes!(lines))
        .routes(routes!(findings))
        .routes(routes!(funded))
        .routes(routes!(published))
        .routes(routes!(calculate))
        .routes(routes!(check))
        .routes(routes!(explain))
        .routes(routes!(submit))
        .routes(routes!(review))
        .routes(routes!(approve))
        .routes(routes!(reject))
        .routes(routes!(revoke))
        .routes(routes!(publish))
        .routes(routes!(discard))
        .routes(routes!(give_out))
        .routes(routes!(close))
}

/// The number of a run, in the address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Run {
    /// 批次编号 Number of the run
    run: i64,
}

impl Run {
    fn id(&self) -> RunId {
        RunId(self.run)
    }
}

/// A run to be made.
#[derive(Debug, Deserialize, ToSchema)]
struct CreateRun {
    /// 项目 Program
    program: String,
    /// 月份 Month, YYYY-MM
    month: String,
    /// 种类 Kind: regular, back-pay or re-pay
    #[serde(default = "regular")]
    kind: String,
    /// 补发的起始月份 First month of a back-pay run
    first: Option<String>,
}

fn regular() -> String {
    "regular".to_owned()
}

/// 建立批次 Create a run
#[utoipa::path(post, path = "/runs", operation_id = "run.create", request_body = CreateRun,
    extensions(("x-may" = json!("make-run"))))]
async fn create(call: Call, InBody(body): InBody<CreateRun>) -> Response {
    call.change(async move |app, caller, key| {
        let wanted = NewRun {
            program: body.program.clone(),
            kind: fields::run_kind(&body.kind)?,
            month: fields::month("month", &body.month)?,
            first: fields::month_or_none("first", body.first.as_ref())?,
        };
        run::create(app, caller, &wanted, key).await
    })
    .await
}

/// 列出批次 List runs
#[utoipa::path(get, path = "/runs", operation_id = "run.list",
    extensions(("x-may" = json!("read-reports"))))]
async fn list(call: Call) -> Response {
    call.read(async |app, caller| run::list(app, caller).await)
        .await
}

/// 查看批次 A run and whose turn it is
#[utoipa::path(get, path = "/runs/{run}", operation_id = "run.show", params(Run),
    extensions(("x-may" = json!("read-reports"))))]
async fn show(call: Call, InPath(at): InPath<Run>) -> Response {
    call.read(async move |app, caller| run::show(app, caller, at.id()).await)
        .await
}

/// Which part of a long list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Part {
    /// 从此编号之后列起 Only those after this number
    #[serde(default)]
    after: i64,
    /// 至多条数 At most so many, 1 to 10000
    #[serde(default = "page_size")]
    #[param(minimum = 1, maximum = 10_000)]
    limit: i64,
}

fn page_size() -> i64 {
    200
}

impl Part {
    /// As the use cases take it.
    pub(super) fn page(&self) -> Page {
        Page {
            after: self.after.max(0),
            limit: self.limit.clamp(1, 10_000),
        }
    }
}

/// 查看明细 The payments of a run, masked
#[utoipa::path(get, path = "/runs/{run}/lines", operation_id = "run.lines", params(Run, Part),
    extensions(("x-may" = json!("read-reports")), ("x-pages" = json!(true))))]
async fn lines(call: Call, InPath(at): InPath<Run>, InQuery(part): InQuery<Part>) -> Response {
    call.pages(part.page(), async move |app, caller, page| {
        run::lines_page(app, caller, at.id(), page).await
    })
    .await
}

/// 查看校验发现 What the check has found
#[utoipa::path(get, path = "/runs/{run}/findings", operation_id = "run.findings",
    params(Run, Part), extensions(("x-may" = json!("read-reports")), ("x-pages" = json!(true))))]
async fn findings(call: Call, InPath(at): InPath<Run>, InQuery(part): InQuery<Part>) -> Response {
    call.pages(part.page(), async move |app, caller, page| {
        clash::findings_page(app, caller, at.id(), page).await
    })
    .await
}

/// 资金 Funding: wanted, available, claimed, missing
#[utoipa::path(get, path = "/runs/{run}/funding", operation_id = "run.funding", params(Run),
    extensions(("x-may" = json!("read-reports"))))]
async fn funded(call: Call, InPath(at): InPath<Run>) -> Response {
    call.read(async move |app, caller| funding::show(app, caller, at.id()).await)
        .await
}

/// 查看公示 Its publication: days left and objections
#[utoipa::path(get, path = "/runs/{run}/publication", operation_id = "run.publication",
    params(Run), extensions(("x-may" = json!("read-reports"))))]
async fn published(call: Call, InPath(at): InPath<Run>) -> Response {
    call.read(async move |app, caller| publication::show(app, caller, at.id()).await)
        .await
}

/// 计算应发 Calculate what is due
#[utoipa::path(post, path = "/runs/{run}/calculate", operation_id = "run.calculate",
    params(Run), extensions(("x-may" = json!("make-run")), ("x-job" = json!(true))))]
async fn calculate(call: Call, InPath(at): InPath<Run>) -> Response {
    if call.prefers_job {
        return call
            .job(Wanted::new("run.calculate", json!({ "run": at.run })))
            .await;
    }
    call.change(async move |app, caller, key| run::calculate(app, caller, at.id(), key).await)
        .await
}

/// 校验 Check
#[utoipa::path(post, path = "/runs/{run}/check", operation_id = "run.check", params(Run),
    extensions(("x-may" = json!("make-run")), ("x-job" = json!(true))))]
async fn check(call: Call, InPath(at): InPath<Run>) -> Response {
    if call.prefers_job {
        return call
            .job(Wanted::new("run.check", json!({ "run": at.run })))
            .await;
    }
    call.change(async move |app, caller, key| run::check(app, caller, at.id(), key).await)
        .await
}

/// Why a warning does not stop the run.
#[derive(Debug, Deserialize, ToSchema)]
struct Explanation {
    /// 校验编号 Code of the check, as A07
    check: String,
    /// 原因 Reason
    reason: String,
}

/// 说明校验提醒 Explain the warnings of a check
#[utoipa::path(post, path = "/runs/{run}/explain", operation_id = "run.explain", params(Run),
    request_body = Explanation, extensions(("x-may" = json!("make-run"))))]
async fn explain(
    call: Call,
    InPath(at): InPath<Run>,
    InBody(body): InBody<Explanation>,
) -> Response {
    call.change(async move |app, caller, key| {
        clash::explain(app, caller, at.id(), &body.check, &body.reason, key).await
    })
    .await
}

/// 提交复核 Submit for review
#[utoipa::path(post, path = "/runs/{run}/submit", operation_id = "run.submit", params(Run),
    extensions(("x-may" = json!("make-run"))))]
async fn submit(call: Call, InPath(at): InPath<Run>) -> Response {
    call.change(async move |app, caller, key| run::submit(app, caller, at.id(), key).await)
        .await
}

/// 复核 Review
#[utoipa::path(post, path = "/runs/{run}/review", operation_id = "run.review", params(Run),
    extensions(("x-may" = json!("review-run"))))]
async fn review(call: Call, InPath(at): InPath<Run>) -> Response {
    call.change(async move |app, caller, key| run::review(app, caller, at.id(), key).await)
        .await
}

/// 审批 Approve
#[utoipa::path(post, path = "/runs/{run}/approve", operation_id = "run.approve", params(Run),
    extensions(("x-may" = json!("approve-run"))))]
async fn approve(call: Call, InPath(at): InPath<Run>) -> Response {
    call.change(async move |app, caller, key| run::approve(app, caller, at.id(), key).await)
        .await
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Why {
    /// 原因 Reason
    pub(super) reason: String,
}

/// 退回 Reject, back to draft
#[utoipa::path(post, path = "/runs/{run}/reject", operation_id = "run.reject", params(Run),
    request_body = Why, extensions(("x-may" = json!("review-run approve-run"))))]
async fn reject(call: Call, InPath(at): InPath<Run>, InBody(why): InBody<Why>) -> Response {
    call.change(async move |app, caller, key| {
        run::reject(app, caller, at.id(), &why.reason, key).await
    })
    .await
}

/// 撤销审批 Take an approval back before release
#[utoipa::path(post, path = "/runs/{run}/revoke", operation_id = "run.revoke", params(Run),
    request_body = Why, extensions(("x-may" = json!("approve-run"))))]
async fn revoke(call: Call, InPath(at): InPath<Run>, InBody(why): InBody<Why>) -> Response {
    call.change(async move |app, caller, key| {
        approval::revoke(app, caller, at.id(), &why.reason, key).await
    })
    .await
}

/// From when a list is published.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct Publishing {
    /// 公示首日 First day; today when not given
    from: Option<String>,
}

/// 公示 Publish a submitted or reviewed run
#[utoipa::path(post, path = "/runs/{run}/publish", operation_id = "run.publish", params(Run),
    request_body = Publishing, extensions(("x-may" = json!("make-run"))))]
async fn publish(
    call: Call,
    InPath(at): InPath<Run>,
    InBody(body): InBody<Publishing>,
) -> Response {
    call.change(async move |app, caller, key| {
        let from = fields::date_or_none("from", body.from.as_ref())?;
        publication::publish(app, caller, at.id(), from, key).await
    })
    .await
}

/// 作废 Discard
#[utoipa::path(post, path = "/runs/{run}/discard", operation_id = "run.discard", params(Run),
    request_body = Why, extensions(("x-may" = json!("make-run"))))]
async fn discard(call: Call, InPath(at): InPath<Run>, InBody(why): InBody<Why>) -> Response {
    call.change(async move |app, caller, key| {
        run::discard(app, caller, at.id(), &why.reason, key).await
    })
    .await
}

/// On which day.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct OnDay {
    /// 业务日期 Business date; today when not given
    on: Option<String>,
}

/// 签发代发文件 Release: write the batch files
#[utoipa::path(post, path = "/runs/{run}/release", operation_id = "run.release", params(Run),
    request_body = OnDay, extensions(("x-may" = json!("release-run")), ("x-job" = json!(true))))]
async fn give_out(call: Call, InPath(at): InPath<Run>, InBody(body): InBody<OnDay>) -> Response {
    if call.prefers_job {
        let request = json!({ "run": at.run, "on": body.on });
        return call.job(Wanted::new("run.release", request)).await;
    }
    call.change(async move |app, caller, key| {
        let on = fields::date_or_none("on", body.on.as_ref())?;
        release::release(app, caller, at.id(), on, key).await
    })
    .await
}

/// 结清关闭 Close a settled run
#[utoipa::path(post, path = "/runs/{run}/close", operation_id = "run.close", params(Run),
    extensions(("x-may" = json!("close-run"))))]
async fn close(call: Call, InPath(at): InPath<Run>) -> Response {
    call.change(async move |app, caller, key| run::close(app, caller, at.id(), key).await)
        .await
}
