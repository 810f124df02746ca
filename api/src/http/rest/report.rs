//! The four agreements and the reports.

use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use ledger::id::RunId;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::{Call, InPath, InQuery, Upload, invalid};
use super::fields;
use super::run::Part;
use crate::app::{publication, reconcile as agreements, report};
use crate::http::{Server, UPLOAD_BYTES_MAX};
use crate::print;

pub(super) fn router() -> OpenApiRouter<Server> {
    let files = OpenApiRouter::new()
        .routes(routes!(foot))
        .layer(DefaultBodyLimit::max(UPLOAD_BYTES_MAX));
    OpenApiRouter::new()
        .routes(routes!(reconcile))
        .routes(routes!(success))
        .routes(routes!(success_rate))
        .routes(routes!(timeliness))
        .routes(routes!(idle))
        .routes(routes!(payments))
        .routes(routes!(monthly))
        .routes(routes!(annual))
        .routes(routes!(execution))
        .routes(routes!(trial_balance))
        .routes(routes!(ledger))
        .routes(routes!(vouchers))
        .routes(routes!(voucher))
        .routes(routes!(triplicate))
        .routes(routes!(bank_journal))
        .routes(routes!(bank_reconciliation))
        .routes(routes!(tie_out))
        .routes(routes!(missed))
        .routes(routes!(recovery))
        .routes(routes!(published))
        .merge(files)
}

/// A month, or everything.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct MonthOrAll {
    /// 月份 Month, YYYY-MM; everything when not given
    month: Option<String>,
}

/// 四相符对账 The four agreements
#[utoipa::path(get, path = "/reconcile", operation_id = "reconcile", params(MonthOrAll),
    extensions(("x-may" = json!("read-reports"))))]
async fn reconcile(call: Call, InQuery(query): InQuery<MonthOrAll>) -> Response {
    call.read(async move |app, caller| {
        let month = fields::month_or_none("month", query.month.as_ref())?;
        agreements::reconcile(app, caller, month).await
    })
    .await
}

/// Months from the first to the last.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Months {
    /// 起始月份 First month, YYYY-MM
    from: String,
    /// 截止月份 Last month; the first when not given
    to: Option<String>,
}

/// 发放成功率报告 Report on the success of payments: rates, timeliness, money, budget
#[utoipa::path(get, path = "/reports/success", operation_id = "report.success",
    params(Months), extensions(("x-may" = json!("read-reports"))))]
async fn success(call: Call, InQuery(query): InQuery<Months>) -> Response {
    call.paper(async move |app, caller| {
        let (first, last) = fields::months(&query.from, query.to.as_ref())?;
        let report = report::performance(app, caller, first, last).await?;
        let document = print::performance(&report, &caller.book.name);
        Ok((report, document))
    })
    .await
}

/// What narrows a list of payments down.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Narrowed {
    /// 救助项目 Program
    program: Option<String>,
    /// 首次付款的账户 Account of the first attempt
    account: Option<String>,
    /// 乡镇 Township; empty for none
    township: Option<String>,
    /// 状态 State: paid, failed, pending
    state: Option<String>,
    /// 看哪一次 Which attempt: last (default), first, every
    attempt: Option<String>,
    /// 失败原因代码 Code of the reason
    reason: Option<String>,
}

/// 发放明细 The payments behind a figure of the success rates
#[utoipa::path(get, path = "/reports/payments", operation_id = "report.payments",
    params(Months, Narrowed, Part),
    extensions(("x-may" = json!("read-reports")), ("x-pages" = json!(true))))]
async fn payments(
    call: Call,
    InQuery(query): InQuery<Months>,
    InQuery(narrowed): InQuery<Narrowed>,
    InQuery(part): InQuery<Part>,
) -> Response {
    let months = fields::months(&query.from, query.to.as_ref());
    let (first, last) = match months {
        Ok(months) => months,
        Err(error) => return call.refuse(&error),
    };
    let filter = report::Filter {
        first,
        last,
        program: narrowed.program,
        account: narrowed.account,
        township: narrowed.township,
        state: narrowed.state,
        attempt: narrowed.attempt,
        reason: narrowed.reason,
    };
    call.pages(part.page(), async move |app, caller, page| {
        report::payments(app, caller, &filter, page).await
    })
    .await
}

/// 发放成功率 Success rate: first attempt and final, by count and amount
#[utoipa::path(get, path = "/reports/success-rate", operation_id = "report.success-rate",
    params(Months), extensions(("x-may" = json!("read-reports"))))]
async fn success_rate(call: Call, InQuery(query): InQuery<Months>) -> Response {
    call.read(async move |app, caller| {
        let (first, last) = fields::months(&query.from, query.to.as_ref())?;
        report::success_rate(app, caller, first, last).await
    })
    .await
}

/// One month.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OneMonth {
    /// 月份 Month, YYYY-MM
    month: String,
}

/// 发放及时性 Timeliness: payment days, the banks' days, money in transit by age
#[utoipa::path(get, path = "/reports/timeliness", operation_id = "report.timeliness",
    params(Months), extensions(("x-may" = json!("read-reports"))))]
async fn timeliness(call: Call, InQuery(query): InQuery<Months>) -> Response {
    call.read(async move |app, caller| {
        let (first, last) = fields::months(&query.from, query.to.as_ref())?;
        report::timeliness(app, caller, first, last).await
    })
    .await
}

/// 资金沉淀 Idle and returned money, by age
#[utoipa::path(get, path = "/reports/idle", operation_id = "report.idle",
    extensions(("x-may" = json!("read-reports"))))]
async fn idle(call: Call) -> Response {
    call.read(async |app, caller| report::idle(app, caller).await)
        .await
}

/// 月报 Monthly report
#[utoipa::path(get, path = "/reports/monthly", operation_id = "report.monthly",
    params(OneMonth), extensions(("x-may" = json!("read-reports"))))]
async fn monthly(call: Call, InQuery(query): InQuery<OneMonth>) -> Response {
    call.read(async move |app, caller| {
        report::monthly(app, caller, fields::month("month", &query.month)?).await
    })
    .await
}

/// A year, perhaps in the shape of a published report.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OneYear {
    /// 年度 Year
    year: i32,
    /// 样式 Shape of a published report
    shape: Option<String>,
}

/// 年报 Annual report
#[utoipa::path(get, path = "/reports/annual", operation_id = "report.annual", params(OneYear),
    extensions(("x-may" = json!("read-reports"))))]
async fn annual(call: Call, InQuery(query): InQuery<OneYear>) -> Response {
    call.read(async move |app, caller| match &query.shape {
        None => report::annual(app, caller, query.year).await,
        Some(shape) if report::SHAPES.iter().any(|(name, _)| name == shape) => {
            report::annual_shaped(app, caller, query.year, shape).await
        }
        Some(other) => Err(invalid("shape", other)),
    })
    .await
}

/// A year.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct BudgetYear {
    /// 年度 Year
    year: i32,
}

/// 预算执行表 Budget execution by appropriation
#[utoipa::path(get, path = "/reports/execution", operation_id = "report.execution",
    params(BudgetYear), extensions(("x-may" = json!("read-reports"))))]
async fn execution(call: Call, InQuery(query): InQuery<BudgetYear>) -> Response {
    call.read(async move |app, caller| report::execution(app, caller, query.year).await)
        .await
}

/// 科目余额表 Trial balance
#[utoipa::path(get, path = "/reports/trial-balance", operation_id = "report.trial-balance",
    params(Months), extensions(("x-may" = json!("read-reports"))))]
async fn trial_balance(call: Call, InQuery(query): InQuery<Months>) -> Response {
    call.read(async move |app, caller| {
        let (first, last) = fields::months(&query.from, query.to.as_ref())?;
        report::trial_balance(app, caller, first, last).await
    })
    .await
}

/// An account of the ledger.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfAccount {
    /// 科目 Account
    account: String,
}

/// 明细账 Ledger of an account
#[utoipa::path(get, path = "/reports/ledger", operation_id = "report.ledger",
    params(OfAccount, Months), extensions(("x-may" = json!("read-reports"))))]
async fn ledger(
    call: Call,
    InQuery(of): InQuery<OfAccount>,
    InQuery(query): InQuery<Months>,
) -> Response {
    call.read(async move |app, caller| {
        let (first, last) = fields::months(&query.from, query.to.as_ref())?;
        report::ledger(app, caller, &of.account, first, last).await
    })
    .await
}

/// 凭证清单 Vouchers of a month
#[utoipa::path(get, path = "/reports/vouchers", operation_id = "report.vouchers",
    params(OneMonth), extensions(("x-may" = json!("read-reports"))))]
async fn vouchers(call: Call, InQuery(query): InQuery<OneMonth>) -> Response {
    call.read(async move |app, caller| {
        report::vouchers(app, caller, fields::month("month", &query.month)?).await
    })
    .await
}

/// Month and number of a voucher.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfVoucher {
    /// 月份 Month, YYYY-MM
    month: String,
    /// 凭证号 Number
    number: i64,
}

/// 记账凭证 Voucher
#[utoipa::path(get, path = "/reports/voucher", operation_id = "report.voucher",
    params(OfVoucher), extensions(("x-may" = json!("read-reports"))))]
async fn voucher(call: Call, InQuery(query): InQuery<OfVoucher>) -> Response {
    call.paper(async move |app, caller| {
        let month = fields::month("month", &query.month)?;
        let form = report::voucher_form(app, caller, month, query.number).await?;
        Ok((form.report()?, print::voucher(&form)?))
    })
    .await
}

/// The number of a run, in the address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct OfRun {
    /// 批次编号 Number of the run
    run: i64,
}

/// 三联单 Triplicate of a run: civil affairs, finance, bank
#[utoipa::path(get, path = "/reports/triplicate/{run}", operation_id = "report.triplicate",
    params(OfRun), extensions(("x-may" = json!("read-reports"))))]
async fn triplicate(call: Call, InPath(at): InPath<OfRun>) -> Response {
    call.paper(async move |app, caller| {
        let form = report::triplicate(app, caller, RunId(at.run)).await?;
        Ok((form.report()?, print::triplicate(&form)?))
    })
    .await
}

/// A bank account.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfBankAccount {
    /// 银行账户 Bank account
    account: String,
}

/// 银行存款日记账 Bank journal
#[utoipa::path(get, path = "/reports/bank-journal", operation_id = "report.bank-journal",
    params(OfBankAccount, OneMonth), extensions(("x-may" = json!("read-reports"))))]
async fn bank_journal(
    call: Call,
    InQuery(of): InQuery<OfBankAccount>,
    InQuery(query): InQuery<OneMonth>,
) -> Response {
    call.read(async move |app, caller| {
        let month = fields::month("month", &query.month)?;
        report::bank_journal(app, caller, &of.account, month).await
    })
    .await
}

/// 银行存款余额调节表 Bank reconciliation
#[utoipa::path(get, path = "/reports/bank-reconciliation",
    operation_id = "report.bank-reconciliation", params(OfBankAccount, OneMonth),
    extensions(("x-may" = json!("read-reports"))))]
async fn bank_reconciliation(
    call: Call,
    InQuery(of): InQuery<OfBankAccount>,
    InQuery(query): InQuery<OneMonth>,
) -> Response {
    call.read(async move |app, caller| {
        let month = fields::month("month", &query.month)?;
        report::bank_reconciliation(app, caller, &of.account, month).await
    })
    .await
}

/// 三方核对 Tie-out: approved list = ledger = bank, by batch
#[utoipa::path(get, path = "/reports/tie-out", operation_id = "report.tie-out",
    params(OneMonth), extensions(("x-may" = json!("read-reports"))))]
async fn tie_out(call: Call, InQuery(query): InQuery<OneMonth>) -> Response {
    call.read(async move |app, caller| {
        report::tie_out(app, caller, fields::month("month", &query.month)?).await
    })
    .await
}

/// 应助未助 Who qualifies by a list of another office and draws nothing
#[utoipa::path(get, path = "/reports/missed", operation_id = "report.missed",
    params(OneMonth), extensions(("x-may" = json!("read-reports"))))]
async fn missed(call: Call, InQuery(query): InQuery<OneMonth>) -> Response {
    call.read(async move |app, caller| {
        report::missed(app, caller, fields::month("month", &query.month)?).await
    })
    .await
}

/// 追缴台账 Recovery ledger
#[utoipa::path(get, path = "/reports/recovery", operation_id = "report.recovery",
    extensions(("x-may" = json!("read-reports"))))]
async fn recovery(call: Call) -> Response {
    call.read(async |app, caller| report::recovery(app, caller).await)
        .await
}

/// Where a list hangs out.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfPlace {
    /// 乡镇 Township; all when not given
    township: Option<String>,
    /// 村(社区) Village; all when not given
    village: Option<String>,
}

/// 公示名单 Published list of a run, names masked
#[utoipa::path(get, path = "/reports/publication/{run}", operation_id = "report.publication",
    params(OfRun, OfPlace), extensions(("x-may" = json!("read-reports"))))]
async fn published(
    call: Call,
    InPath(at): InPath<OfRun>,
    InQuery(of): InQuery<OfPlace>,
) -> Response {
    let place = publication::Place {
        township: of.township,
        village: of.village,
    };
    call.read(async move |app, caller| {
        publication::report(app, caller, RunId(at.run), &place).await
    })
    .await
}

/// Of a published report.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Footing {
    /// 文件名 Name of the file, TOML
    name: String,
}

/// 核对公布的报表 Does a published report add up, and does it agree with the ledger
#[utoipa::path(post, path = "/reports/foot", operation_id = "report.foot", params(Footing),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    extensions(("x-may" = json!("read-reports")), ("x-reads" = json!(true))))]
async fn foot(call: Call, InQuery(query): InQuery<Footing>, Upload(bytes): Upload) -> Response {
    call.read(async move |app, caller| {
        let text = String::from_utf8(bytes).map_err(|_| invalid("body", "UTF-8"))?;
        report::foot_with_ledger(app, caller, &text, &query.name).await
    })
    .await
}
