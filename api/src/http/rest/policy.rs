//! Programs, standards, packs, and what is laid down about publication and approval.

use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use ledger::disbursement::publication::DayUnit;
use ledger::id::ProposalId;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::{Call, InBody, InPath, InQuery, Upload};
use super::fields;
use crate::app::approval::NewLimit;
use crate::app::calendar::{self, Source as CalendarSource};
use crate::app::layouts::NewLayouts;
use crate::app::policy::{self, Source};
use crate::app::proposal::{self, Change};
use crate::app::publication::NewRule;
use crate::app::{Error, clash};
use crate::http::{Server, UPLOAD_BYTES_MAX};

pub(super) fn router() -> OpenApiRouter<Server> {
    let files = OpenApiRouter::new()
        .routes(routes!(import))
        .routes(routes!(preview))
        .routes(routes!(import_calendar))
        .layer(DefaultBodyLimit::max(UPLOAD_BYTES_MAX));
    OpenApiRouter::new()
        .routes(routes!(programs))
        .routes(routes!(standards))
        .routes(routes!(packs))
        .routes(routes!(template))
        .routes(routes!(publish))
        .routes(routes!(limit))
        .routes(routes!(layouts))
        .routes(routes!(proposals))
        .routes(routes!(confirm))
        .routes(routes!(reject))
        .routes(routes!(exclude))
        .routes(routes!(calendar_of))
        .merge(files)
}

/// 列出救助项目 List programs and their components
#[utoipa::path(get, path = "/programs", operation_id = "program.list",
    extensions(("x-may" = json!("read-reports"))))]
async fn programs(call: Call) -> Response {
    call.read(async |app, caller| policy::list_programs(app, caller).await)
        .await
}

/// 列出保障标准 List standards
#[utoipa::path(get, path = "/standards", operation_id = "standard.list",
    extensions(("x-may" = json!("read-reports"))))]
async fn standards(call: Call) -> Response {
    call.read(async |app, caller| policy::list_standards(app, caller).await)
        .await
}

/// 列出随附的政策包 List the packs that are shipped
#[utoipa::path(get, path = "/policy/packs", operation_id = "policy.packs",
    extensions(("x-may" = json!("signed-in"))))]
async fn packs(call: Call) -> Response {
    call.read(async |_app, _caller| policy::list_packs()).await
}

/// Which pack.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct WithPack {
    /// 政策包 Pack that fills it
    pack: Option<String>,
}

/// 政策模板 A workbook to fill in
#[utoipa::path(get, path = "/policy/template", operation_id = "policy.template",
    params(WithPack), extensions(("x-may" = json!("signed-in")), ("x-file" = json!(true))))]
async fn template(call: Call, InQuery(query): InQuery<WithPack>) -> Response {
    call.file(async move |_app, _caller| {
        let pack = query.pack.as_deref().map(policy::pack).transpose()?;
        Ok(("政策.xlsx".to_owned(), policy::template(pack)?))
    })
    .await
}

/// Where policy comes from: the body, or a pack.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Origin {
    /// 文件名 Name of the file in the body: TOML or .xlsx
    name: Option<String>,
    /// 政策包 Pack, instead of a body
    pack: Option<String>,
    /// 未写账户的项目由此账户支付 Account that pays the programs that name none
    bank_account: Option<String>,
    /// 月份 Month of a preview, YYYY-MM; this month when not given
    month: Option<String>,
}

impl Origin {
    fn source(&self, bytes: Vec<u8>) -> Result<Source, Error> {
        let source = match &self.pack {
            Some(pack) => Source::pack(policy::pack(pack)?),
            None => Source::file(self.name.as_deref().unwrap_or("policy.toml"), bytes),
        };
        Ok(source.paid_from(self.bank_account.as_deref()))
    }
}

/// 导入政策 Import programs, components and standards
#[utoipa::path(post, path = "/policy/import", operation_id = "policy.import", params(Origin),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    extensions(("x-may" = json!("manage-policy"))))]
async fn import(call: Call, InQuery(query): InQuery<Origin>, Upload(bytes): Upload) -> Response {
    call.change(async move |app, caller, key| {
        policy::import_from(app, caller, &query.source(bytes)?, key).await
    })
    .await
}

/// 预览政策变动 Preview a change: who, how much, which fund, back to when
#[utoipa::path(post, path = "/policy/preview", operation_id = "policy.preview", params(Origin),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    extensions(("x-may" = json!("read-reports")), ("x-reads" = json!(true))))]
async fn preview(call: Call, InQuery(query): InQuery<Origin>, Upload(bytes): Upload) -> Response {
    call.read(async move |app, caller| {
        let month = fields::month_or_none("month", query.month.as_ref())?;
        policy::preview(app, caller, &query.source(bytes)?, month).await
    })
    .await
}

/// For how long a program's runs are published.
#[derive(Debug, Deserialize, ToSchema)]
struct PublicationRule {
    /// 项目 Program
    program: String,
    /// 天数,0 为不公示 Days, 0 for not at all
    days: u16,
    /// 按工作日 Whether working days are counted instead of calendar days
    #[serde(default)]
    working: bool,
    /// 文号 Document number
    document: String,
}

/// 提出公示天数 Propose for how many days the runs of a program are published
#[utoipa::path(put, path = "/policy/publication", operation_id = "policy.publish",
    request_body = PublicationRule, extensions(("x-may" = json!("manage-policy"))))]
async fn publish(call: Call, InBody(rule): InBody<PublicationRule>) -> Response {
    call.change(async move |app, caller, key| {
        let unit = match rule.working {
            true => DayUnit::Working,
            false => DayUnit::Calendar,
        };
        let change = Change::Publication(NewRule {
            program: rule.program.clone(),
            days: i64::from(rule.days),
            unit,
            document: rule.document.clone(),
        });
        proposal::propose(app, caller, &change, key).await
    })
    .await
}

/// What a level may approve of a program from a month on.
#[derive(Debug, Deserialize, ToSchema)]
struct Limit {
    /// 项目 Program
    program: String,
    /// 级别 Level
    level: String,
    /// 起始月份 First month, YYYY-MM
    from: String,
    /// 单笔限额,分 Largest payment, fen
    payment_fen: i64,
    /// 批次限额,分 Largest total of a run, fen
    run_fen: Option<i64>,
    /// 文号 Document number
    document: String,
}

/// 提出审批限额 Propose what a level may approve
#[utoipa::path(put, path = "/policy/limits", operation_id = "policy.limit", request_body = Limit,
    extensions(("x-may" = json!("manage-policy"))))]
async fn limit(call: Call, InBody(body): InBody<Limit>) -> Response {
    call.change(async move |app, caller, key| {
        let limit = NewLimit {
            program: body.program.clone(),
            level: fields::approval_level(&body.level)?,
            from: fields::month("from", &body.from)?,
            payment: fields::amount("payment_fen", body.payment_fen)?,
            run: body
                .run_fen
                .map(|fen| fields::amount("run_fen", fen))
                .transpose()?,
            document: body.document.clone(),
        };
        proposal::propose(app, caller, &Change::Limit(limit), key).await
    })
    .await
}

/// The layouts that an account is to have; those not given stay.
#[derive(Debug, Deserialize, ToSchema)]
struct Layouts {
    /// 账户 Bank account
    account: String,
    /// 代发文件格式 Layout of batch files
    batch: Option<String>,
    /// 回盘格式 Layout of returns
    #[serde(rename = "return")]
    returned: Option<String>,
    /// 对账单格式 Layout of statements
    statement: Option<String>,
}

/// 提出更换账户的银行格式 Propose other bank layouts of an account; another person confirms
#[utoipa::path(put, path = "/policy/layouts", operation_id = "policy.layouts",
    request_body = Layouts, extensions(("x-may" = json!("manage-policy"))))]
async fn layouts(call: Call, InBody(body): InBody<Layouts>) -> Response {
    call.change(async move |app, caller, key| {
        let change = Change::Layouts(NewLayouts {
            account: body.account,
            batch: body.batch.unwrap_or_default(),
            returned: body.returned.unwrap_or_default(),
            statement: body.statement.unwrap_or_default(),
        });
        proposal::propose(app, caller, &change, key).await
    })
    .await
}

/// The number of a proposal, in the address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Proposal {
    /// 提议编号 Number of the proposal
    proposal: i64,
}

/// 列出提议 List what was proposed and what became of it
#[utoipa::path(get, path = "/policy/proposals", operation_id = "policy.proposals",
    extensions(("x-may" = json!("read-reports"))))]
async fn proposals(call: Call) -> Response {
    call.read(async |app, caller| proposal::list(app, caller).await)
        .await
}

/// 确认提议 Confirm a proposal of another person
#[utoipa::path(post, path = "/policy/proposals/{proposal}/confirm", operation_id = "policy.confirm",
    params(Proposal), extensions(("x-may" = json!("manage-policy"))))]
async fn confirm(call: Call, InPath(at): InPath<Proposal>) -> Response {
    call.change(async move |app, caller, key| {
        proposal::confirm(app, caller, ProposalId(at.proposal), key).await
    })
    .await
}

/// Why a proposal is turned down.
#[derive(Debug, Deserialize, ToSchema)]
struct Rejection {
    /// 原因 Why
    reason: String,
}

/// 驳回提议 Turn a proposal down
#[utoipa::path(post, path = "/policy/proposals/{proposal}/reject", operation_id = "policy.reject",
    params(Proposal), request_body = Rejection,
    extensions(("x-may" = json!("manage-policy"))))]
async fn reject(
    call: Call,
    InPath(at): InPath<Proposal>,
    InBody(body): InBody<Rejection>,
) -> Response {
    call.change(async move |app, caller, key| {
        proposal::reject(app, caller, ProposalId(at.proposal), &body.reason, key).await
    })
    .await
}

/// Two programs that nobody may draw for the same month.
#[derive(Debug, Deserialize, ToSchema)]
struct Exclusion {
    /// 项目 Program
    program: String,
    /// 另一项目 The other program
    other: String,
    /// 文号 Document number
    document: String,
}

/// 登记互斥项目 Two programs that nobody may draw for the same month
#[utoipa::path(post, path = "/policy/exclusions", operation_id = "policy.exclude",
    request_body = Exclusion, extensions(("x-may" = json!("manage-policy"))))]
async fn exclude(call: Call, InBody(body): InBody<Exclusion>) -> Response {
    call.change(async move |app, caller, key| {
        let programs = [body.program.as_str(), body.other.as_str()];
        clash::exclude(app, caller, programs, &body.document, key).await
    })
    .await
}

/// Which year of the calendar.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CalendarYear {
    /// 年度 Year
    year: i32,
}

/// 列出一年的放假调休与各月工作日 Holidays, make-up days and working days of a year
#[utoipa::path(get, path = "/calendar", operation_id = "calendar.list", params(CalendarYear),
    extensions(("x-may" = json!("read-reports"))))]
async fn calendar_of(call: Call, InQuery(query): InQuery<CalendarYear>) -> Response {
    call.read(async move |app, caller| calendar::list(app, caller, query.year).await)
        .await
}

/// Where a calendar comes from: the body, or a year that is shipped.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CalendarOrigin {
    /// 文件名 Name of the file in the body: .toml, .csv or .xlsx
    name: Option<String>,
    /// 随附的年度 A year that is shipped, instead of a body
    shipped: Option<i32>,
}

/// 导入放假调休安排 Import the holidays and make-up days of a year
#[utoipa::path(post, path = "/calendar/import", operation_id = "calendar.import",
    params(CalendarOrigin),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    extensions(("x-may" = json!("manage-policy"))))]
async fn import_calendar(
    call: Call,
    InQuery(query): InQuery<CalendarOrigin>,
    Upload(bytes): Upload,
) -> Response {
    call.change(async move |app, caller, key| {
        let source = match query.shipped {
            Some(year) => CalendarSource::shipped(year)?,
            None => CalendarSource {
                file_name: query.name.unwrap_or_else(|| "calendar.toml".to_owned()),
                bytes,
            },
        };
        calendar::import(app, caller, &source, key).await
    })
    .await
}
