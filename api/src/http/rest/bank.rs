//! Files to the bank, and what the bank sends: batches, returns, statements.

use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use ledger::disbursement::role::Action;
use ledger::id::StatementId;
use ledger::money::Fen;
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::{Call, InBody, InPath, InQuery, Upload};
use super::difference::Because;
use crate::app::exception::Page;
use crate::app::job::Wanted;
use crate::app::proposal::Change;
use crate::app::returns::{self, ReturnInput, Said};
use crate::app::statement::{self, StatementInput};
use crate::app::{proposal, release};
use crate::cli::bank_file;
use crate::http::{Server, UPLOAD_BYTES_MAX};

pub(super) fn router() -> OpenApiRouter<Server> {
    let files = OpenApiRouter::new()
        .routes(routes!(import_return, list_returns))
        .routes(routes!(inspect))
        .routes(routes!(preview_return))
        .routes(routes!(import_statement, list_statements))
        .routes(routes!(preview_statement))
        .layer(DefaultBodyLimit::max(UPLOAD_BYTES_MAX));
    OpenApiRouter::new()
        .routes(routes!(list_batches))
        .routes(routes!(show_batch))
        .routes(routes!(batch_file))
        .routes(routes!(show_statement))
        .routes(routes!(withdraw_statement))
        .merge(files)
}

/// The number of a batch, in the address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Batch {
    /// 批号 Number of the batch
    batch: String,
}

/// 列出代发批 List batches
#[utoipa::path(get, path = "/batches", operation_id = "batch.list",
    extensions(("x-may" = json!("read-reports"))))]
async fn list_batches(call: Call) -> Response {
    call.read(async |app, caller| release::list_batches(app, caller).await)
        .await
}

/// 查看代发批 A batch
#[utoipa::path(get, path = "/batches/{batch}", operation_id = "batch.show", params(Batch),
    extensions(("x-may" = json!("read-reports"))))]
async fn show_batch(call: Call, InPath(at): InPath<Batch>) -> Response {
    call.read(async move |app, caller| release::show_batch(app, caller, &at.batch).await)
        .await
}

/// 取出代发文件 The file again, byte for byte
#[utoipa::path(get, path = "/batches/{batch}/file", operation_id = "batch.file", params(Batch),
    extensions(("x-may" = json!("release-run")), ("x-file" = json!(true))))]
async fn batch_file(call: Call, InPath(at): InPath<Batch>) -> Response {
    call.file(async move |app, caller| {
        let stored = release::batch_file(app, caller, &at.batch).await?;
        Ok((stored.name, stored.content))
    })
    .await
}

/// What is known of a bank file.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfFile {
    /// 文件名 Name of the file
    name: String,
    /// 银行格式 Layout; detected when not given
    profile: Option<String>,
    /// 至多显示行数 Show at most this many lines, 1 to 10000
    #[serde(default = "lines_shown")]
    #[param(minimum = 1, maximum = 10_000)]
    limit: usize,
}

fn lines_shown() -> usize {
    50
}

/// 查看银行文件 Which layout a bank file has, its lines masked, its totals, its findings
#[utoipa::path(post, path = "/bank-files/inspect", operation_id = "bank-file.inspect",
    params(OfFile), request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    extensions(("x-may" = json!("read-reports")), ("x-reads" = json!(true))))]
async fn inspect(call: Call, InQuery(query): InQuery<OfFile>, Upload(bytes): Upload) -> Response {
    let language = call.language();
    call.read(async move |app, caller| {
        app.read(caller, Action::ReadReports)
            .await?
            .rollback()
            .await?;
        let wanted = query.profile.as_deref();
        let wanted = wanted
            .map(|id| release::profile(app, id).cloned())
            .transpose()?;
        let file = (query.name.as_str(), bytes.as_slice());
        let limit = query.limit.clamp(1, 10_000);
        bank_file::inspect_bytes(file, &app.profiles, wanted, limit, language)
    })
    .await
}

/// What is known of a return.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfReturn {
    /// 文件名 Name of the file
    name: String,
    /// 所属批号 Batch that it answers; found by its content when not given
    batch: Option<String>,
    /// 银行格式 Layout; detected when not given
    profile: Option<String>,
    /// 文件中的笔数,银行页面所示 Lines of the file, as the bank's page shows them
    count: Option<u64>,
    /// 文件中的金额(分),银行页面所示 Their sum in fen, as the bank's page shows it
    total_fen: Option<i64>,
    /// 银行已处理完毕,未列出的即成功 The bank has finished: whoever is not listed was paid
    finished: Option<bool>,
}

impl OfReturn {
    fn input(self, bytes: Vec<u8>) -> ReturnInput {
        ReturnInput {
            file_name: self.name,
            bytes,
            batch: self.batch,
            profile: self.profile,
            said: Said {
                count: self.count,
                total: self.total_fen.map(Fen::new),
                is_finished: self.finished.unwrap_or(false),
            },
        }
    }
}

/// 导入回盘或退款通知 Import a return file, or a notice of payments that came back
#[utoipa::path(post, path = "/returns", operation_id = "return.import", params(OfReturn),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    extensions(("x-may" = json!("import-return")), ("x-job" = json!(true))))]
async fn import_return(
    call: Call,
    InQuery(query): InQuery<OfReturn>,
    Upload(bytes): Upload,
) -> Response {
    if call.prefers_job {
        let request = json!({
            "name": query.name, "batch": query.batch, "profile": query.profile,
            "count": query.count, "total_fen": query.total_fen, "finished": query.finished,
        });
        let wanted = Wanted::new("return.import", request).with(bytes);
        return call.job(wanted).await;
    }
    call.change(async move |app, caller, key| {
        returns::import(app, caller, &query.input(bytes), key).await
    })
    .await
}

/// 预览回盘 What a return file would do
#[utoipa::path(post, path = "/returns/preview", operation_id = "return.preview",
    params(OfReturn), request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    extensions(("x-may" = json!("import-return")), ("x-reads" = json!(true))))]
async fn preview_return(
    call: Call,
    InQuery(query): InQuery<OfReturn>,
    Upload(bytes): Upload,
) -> Response {
    call.read(async move |app, caller| returns::preview(app, caller, &query.input(bytes)).await)
        .await
}

/// 列出回盘 List returns
#[utoipa::path(get, path = "/returns", operation_id = "return.list",
    extensions(("x-may" = json!("read-reports"))))]
async fn list_returns(call: Call) -> Response {
    call.read(async |app, caller| returns::list(app, caller).await)
        .await
}

/// What is known of a statement.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfStatement {
    /// 文件名 Name of the file
    name: String,
    /// 银行账户 Bank account
    account: String,
    /// 银行格式 Layout; that of the account when not given
    profile: Option<String>,
}

impl OfStatement {
    fn input(self, bytes: Vec<u8>) -> StatementInput {
        StatementInput {
            account: self.account,
            file_name: self.name,
            bytes,
            profile: self.profile,
        }
    }
}

/// 导入对账单 Import a bank statement
#[utoipa::path(post, path = "/statements", operation_id = "statement.import",
    params(OfStatement), request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    extensions(("x-may" = json!("import-statement")), ("x-job" = json!(true))))]
async fn import_statement(
    call: Call,
    InQuery(query): InQuery<OfStatement>,
    Upload(bytes): Upload,
) -> Response {
    if call.prefers_job {
        let request = json!({
            "name": query.name, "account": query.account, "profile": query.profile,
        });
        let wanted = Wanted::new("statement.import", request).with(bytes);
        return call.job(wanted).await;
    }
    call.change(async move |app, caller, key| {
        statement::import(app, caller, &query.input(bytes), key).await
    })
    .await
}

/// 预览对账单 What a statement would match and leave open
#[utoipa::path(post, path = "/statements/preview", operation_id = "statement.preview",
    params(OfStatement), request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    extensions(("x-may" = json!("import-statement")), ("x-reads" = json!(true))))]
async fn preview_statement(
    call: Call,
    InQuery(query): InQuery<OfStatement>,
    Upload(bytes): Upload,
) -> Response {
    call.read(async move |app, caller| statement::preview(app, caller, &query.input(bytes)).await)
        .await
}

/// The number of a statement, in the address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Stated {
    /// 对账单编号 Number of the statement
    number: i64,
}

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct LinesOf {
    /// 行号之后 Those after this line
    #[serde(default)]
    after: i64,
    /// 至多行数 At most this many
    #[serde(default = "lines_listed")]
    #[param(minimum = 1, maximum = 10_000)]
    limit: i64,
}

fn lines_listed() -> i64 {
    1_000
}

/// 查看对账单逐笔对应 The movements of a statement and what each was matched to
#[utoipa::path(get, path = "/statements/{number}", operation_id = "statement.show",
    params(Stated, LinesOf), extensions(("x-may" = json!("read-reports"))))]
async fn show_statement(
    call: Call,
    InPath(at): InPath<Stated>,
    InQuery(lines): InQuery<LinesOf>,
) -> Response {
    call.read(async move |app, caller| {
        let page = Page {
            after: lines.after,
            limit: lines.limit.clamp(1, 10_000),
        };
        statement::show(app, caller, StatementId(at.number), page).await
    })
    .await
}

/// 提出撤回对账单 Propose to withdraw the newest statement of an account; another person confirms
#[utoipa::path(post, path = "/statements/{number}/withdraw", operation_id = "statement.withdraw",
    params(Stated), request_body = Because,
    extensions(("x-may" = json!("import-statement"))))]
async fn withdraw_statement(
    call: Call,
    InPath(at): InPath<Stated>,
    InBody(body): InBody<Because>,
) -> Response {
    call.change(async move |app, caller, key| {
        let change = Change::Unstate(StatementId(at.number), body.reason);
        proposal::propose(app, caller, &change, key).await
    })
    .await
}

/// 列出对账单 List statements
#[utoipa::path(get, path = "/statements", operation_id = "statement.list",
    extensions(("x-may" = json!("read-reports"))))]
async fn list_statements(call: Call) -> Response {
    call.read(async |app, caller| statement::list(app, caller).await)
        .await
}
