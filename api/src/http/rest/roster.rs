//! Rosters, and the lists of other offices that runs are compared with.

use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use ledger::disbursement::clash::ListKind;
use ledger::id::PartyId;
use ledger::problem::{Kind, Problem};
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::{Call, InBody, InQuery, Upload};
use super::fields;
use super::run::Part;
use crate::app::clash::{self, ListInput};
use crate::app::job::Wanted;
use crate::app::roster::{self, Died, RosterFile};
use crate::app::{Error, not_found};
use crate::http::{Server, UPLOAD_BYTES_MAX};

pub(super) fn router() -> OpenApiRouter<Server> {
    let files = OpenApiRouter::new()
        .routes(routes!(import))
        .routes(routes!(marked))
        .routes(routes!(import_list, lists))
        .layer(DefaultBodyLimit::max(UPLOAD_BYTES_MAX));
    OpenApiRouter::new()
        .routes(routes!(template))
        .routes(routes!(list))
        .routes(routes!(diff))
        .routes(routes!(deceased, deaths))
        .routes(routes!(deceased_list))
        .merge(files)
}

/// Of which program.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfProgram {
    /// 项目 Program: an xlsx with its choices
    program: String,
}

/// 空白花名册 An empty roster to fill in
#[utoipa::path(get, path = "/rosters/template", operation_id = "roster.template",
    params(OfProgram),
    extensions(("x-may" = json!("read-reports")), ("x-file" = json!(true))))]
async fn template(call: Call, InQuery(query): InQuery<OfProgram>) -> Response {
    call.file(async move |app, caller| {
        let bytes = roster::template_of(app, caller, &query.program).await?;
        Ok(("花名册.xlsx".to_owned(), bytes))
    })
    .await
}

/// What a roster is.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct About {
    /// 项目 Program
    program: String,
    /// 月份 Month, YYYY-MM
    month: String,
    /// 文件名 Name of the file: xlsx, ods or csv
    name: String,
    /// 预计止发的核定数 Awards expected to end; needed when most would
    expect_ended: Option<usize>,
}

/// 导入名册 Import the full roster of a program
#[utoipa::path(post, path = "/rosters/import", operation_id = "roster.import", params(About),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    extensions(("x-may" = json!("import-roster")), ("x-job" = json!(true))))]
async fn import(call: Call, InQuery(about): InQuery<About>, Upload(bytes): Upload) -> Response {
    if call.prefers_job {
        let request = json!({
            "program": about.program, "month": about.month, "name": about.name,
            "expect_ended": about.expect_ended,
        });
        return call
            .job(Wanted::new("roster.import", request).with(bytes))
            .await;
    }
    call.change(async move |app, caller, key| {
        let file = RosterFile {
            program: &about.program,
            month: fields::month("month", &about.month)?,
            file_name: &about.name,
            bytes: &bytes,
            expect_ended: about.expect_ended,
        };
        roster::import_file(app, caller, &file, false, key).await
    })
    .await
}

/// 标注错误的名册 The roster with its faults marked, to be corrected
#[utoipa::path(post, path = "/rosters/marked", operation_id = "roster.marked", params(About),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    extensions(("x-may" = json!("import-roster")), ("x-reads" = json!(true)),
        ("x-file" = json!(true))))]
async fn marked(call: Call, InQuery(about): InQuery<About>, Upload(bytes): Upload) -> Response {
    call.file(async move |app, caller| {
        let month = fields::month("month", &about.month)?;
        let (program, name) = (&about.program, &about.name);
        let marked = roster::marked(app, caller, program, month, name, &bytes).await?;
        let marked = marked.ok_or_else(|| not_found("可标注的行 rows to mark", name))?;
        Ok((format!("标注-{name}.xlsx"), marked))
    })
    .await
}

/// Of which program and month.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfMonth {
    /// 项目 Program
    program: String,
    /// 月份 Month, YYYY-MM
    month: String,
}

/// 查看名册 The roster of a month, masked
#[utoipa::path(get, path = "/rosters", operation_id = "roster.list",
    params(OfMonth, Part),
    extensions(("x-may" = json!("read-reports")), ("x-pages" = json!(true))))]
async fn list(
    call: Call,
    InQuery(query): InQuery<OfMonth>,
    InQuery(part): InQuery<Part>,
) -> Response {
    call.pages(part.page(), async move |app, caller, page| {
        let month = fields::month("month", &query.month)?;
        roster::list_page(app, caller, &query.program, month, page).await
    })
    .await
}

/// Which months are compared.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TwoMonths {
    /// 项目 Program
    program: String,
    /// 前月 Earlier month
    from: String,
    /// 后月 Later month
    to: String,
}

/// 比较两月 Compare two months: new, gone, changed; a page of the changes, and totals of all
#[utoipa::path(get, path = "/rosters/diff", operation_id = "roster.diff",
    params(TwoMonths, Part), extensions(("x-may" = json!("read-reports"))))]
async fn diff(
    call: Call,
    InQuery(query): InQuery<TwoMonths>,
    InQuery(part): InQuery<Part>,
) -> Response {
    call.read(async move |app, caller| {
        let from = fields::month("from", &query.from)?;
        let to = fields::month("to", &query.to)?;
        roster::diff(app, caller, &query.program, (from, to), part.page()).await
    })
    .await
}

/// A death.
#[derive(Debug, Deserialize, ToSchema)]
struct Deceased {
    /// 人员编号 Number of the person in the books
    person: i64,
    /// 死亡日期 Day of the death; an earlier record is taken back when it is not given
    on: Option<String>,
    /// 依据 What says so
    document: String,
}

/// 登记死亡 Record a death that was heard of late: nothing is due for the months after
#[utoipa::path(post, path = "/deaths", operation_id = "roster.deceased",
    request_body = Deceased, extensions(("x-may" = json!("import-roster"))))]
async fn deceased(call: Call, InBody(body): InBody<Deceased>) -> Response {
    call.change(async move |app, caller, key| {
        let on = fields::date_or_none("on", body.on.as_ref())?;
        let died = Died::Person(PartyId(fields::number("person", body.person)?), on);
        roster::deceased(app, caller, &died, &body.document, key).await
    })
    .await
}

/// The deaths of a list.
#[derive(Debug, Deserialize, ToSchema)]
struct DeceasedList {
    /// 死亡名单的名称 Name of an imported list of the deceased
    list: String,
    /// 依据 What says so
    document: String,
}

/// 按名单登记死亡 Record the deaths of everybody on a list whom the book knows
#[utoipa::path(post, path = "/deaths/list", operation_id = "roster.deceased-list",
    request_body = DeceasedList, extensions(("x-may" = json!("import-roster"))))]
async fn deceased_list(call: Call, InBody(body): InBody<DeceasedList>) -> Response {
    call.change(async move |app, caller, key| {
        let died = Died::Listed(body.list.clone());
        roster::deceased(app, caller, &died, &body.document, key).await
    })
    .await
}

/// 死亡登记 The deaths that the book knows, masked
#[utoipa::path(get, path = "/deaths", operation_id = "roster.deaths",
    extensions(("x-may" = json!("read-reports"))))]
async fn deaths(call: Call) -> Response {
    call.read(async |app, caller| roster::deaths(app, caller).await)
        .await
}

/// Whose list it is.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfOffice {
    /// 种类 Kind: deceased, employed or excluded
    kind: String,
    /// 名称 Whose list it is
    list: String,
    /// 文件名 Name of the file, .xlsx or .csv
    name: String,
}

/// 导入比对名单 Import a list of another office; it replaces the one of the same kind and name
#[utoipa::path(post, path = "/check-lists", operation_id = "check-list.import", params(OfOffice),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    extensions(("x-may" = json!("import-roster"))))]
async fn import_list(
    call: Call,
    InQuery(query): InQuery<OfOffice>,
    Upload(bytes): Upload,
) -> Response {
    call.change(async move |app, caller, key| {
        let input = ListInput {
            kind: list_kind(&query.kind)?,
            name: query.list.clone(),
            file_name: query.name.clone(),
            bytes,
        };
        clash::import_list(app, caller, &input, key).await
    })
    .await
}

fn list_kind(text: &str) -> Result<ListKind, Error> {
    let known: Vec<&str> = ListKind::ALL.iter().map(|kind| kind.code()).collect();
    let refused = || {
        Problem::new(Kind::FieldInvalid)
            .with("field", "kind")
            .with("value", text)
            .with("wanted", known.join(", "))
    };
    Ok(ListKind::from_code(text).ok_or_else(refused)?)
}

/// 列出比对名单 List the lists
#[utoipa::path(get, path = "/check-lists", operation_id = "check-list.list",
    extensions(("x-may" = json!("read-reports"))))]
async fn lists(call: Call) -> Response {
    call.read(async |app, caller| clash::lists(app, caller).await)
        .await
}
