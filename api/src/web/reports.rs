//! The reports and the books: each asked for by a form, shown as tables, taken away as PDF,
//! workbook or CSV.

use axum::Router;
use ledger::account::Chart;
use ledger::calendar::Month;

use super::banks::account_field;
use super::dashboard::open_rates;
use super::kept;
use super::page::{Block, Form, Kind, Page, field, link};
use super::posted::invalid;
use super::reply::{self, Reply};
use super::rosters::month_of;
use super::runs::month_field;
use super::seat::Seat;
use super::tables;
use crate::app::view::Report;
use crate::app::{Error, not_found, report};
use crate::http::Server;

/// What a report is asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    /// First and last month.
    Months,
    /// A month.
    Month,
    /// A year.
    Year,
    /// A year and the shape of a published report.
    Shape,
    /// An account of the chart, first and last month.
    Chart,
    /// A bank account and a month.
    Bank,
    /// A month and the number of a voucher.
    Voucher,
    /// Nothing.
    Nothing,
}

/// Address, sentence, what it is asked with.
const REPORTS: [(&str, &str, Ask); 16] = [
    ("success", "reports.success", Ask::Months),
    ("success-rate", "reports.success-rate", Ask::Months),
    ("timeliness", "reports.timeliness", Ask::Months),
    ("idle", "reports.idle", Ask::Nothing),
    ("monthly", "reports.monthly", Ask::Month),
    ("annual", "reports.annual", Ask::Shape),
    ("execution", "reports.execution", Ask::Year),
    ("recovery", "reports.recovery", Ask::Nothing),
    ("missed", "reports.missed", Ask::Month),
    ("tie-out", "reports.tie-out", Ask::Month),
    ("trial-balance", "reports.trial-balance", Ask::Months),
    ("ledger", "reports.ledger", Ask::Chart),
    ("vouchers", "reports.vouchers", Ask::Month),
    ("voucher", "reports.voucher", Ask::Voucher),
    ("bank-journal", "reports.bank-journal", Ask::Bank),
    (
        "bank-reconciliation",
        "reports.bank-reconciliation",
        Ask::Bank,
    ),
];

/// The fields of an address that a report depends on.
const ASKED_WITH: [&str; 8] = [
    "from", "to", "month", "year", "shape", "code", "account", "number",
];

/// The reports from here on are books.
const IN_BOOKS: usize = 10;

pub(super) fn router() -> Router<Server> {
    Router::new()
        .route("/reports", reply::get(list))
        .route("/ledger", reply::get(books))
        .route("/reports/{report}", reply::get(show))
}

/// Whether a report of this name is one of the books.
pub(super) fn is_book(name: &str) -> bool {
    let mut books = REPORTS.iter().skip(IN_BOOKS);
    books.any(|(known, ..)| *known == name)
}

async fn list(seat: Seat) -> Result<Reply, Error> {
    let page = Page::new(seat.say("nav.reports"), seat.say("reports.lead"));
    let ways = REPORTS.iter().take(IN_BOOKS);
    let mut ways: Vec<_> = ways
        .map(|(name, key, _)| link(seat.say(key), format!("/reports/{name}")))
        .collect();
    ways.push(link(seat.say("statements.agreements"), "/agreements"));
    Ok(page.with(Block::Links(ways)).into())
}

async fn books(seat: Seat) -> Result<Reply, Error> {
    let page = Page::new(seat.say("nav.ledger"), seat.say("ledger.lead"));
    let ways = REPORTS.iter().skip(IN_BOOKS);
    let ways = ways.map(|(name, key, _)| link(seat.say(key), format!("/reports/{name}")));
    let month = newest(&seat).await?;
    let report = report::trial_balance(seat.app(), seat.caller(), month, month).await?;
    let page = page.with(Block::Links(ways.collect()));
    let ledger = chart_ledger(month, month);
    tables::page(&seat, page, &report, &[("account", &ledger)])
}

/// The address of the ledger of a line of the chart, before its code.
fn chart_ledger(first: Month, last: Month) -> String {
    format!("/reports/ledger?from={first}&to={last}&code=")
}

async fn show(seat: Seat) -> Result<Reply, Error> {
    let name = seat.place("report").to_owned();
    let known = REPORTS.iter().find(|(known, ..)| *known == name);
    let (_, key, ask) = known.ok_or_else(|| not_found("报表 report", &name))?;
    let (up, to) = match is_book(&name) {
        true => ("nav.ledger", "/ledger"),
        false => ("nav.reports", "/reports"),
    };
    let form = form(&seat, &name, *ask).await?;
    let page = Page::new(seat.say(key), "")
        .under(seat.say(up), to)
        .form(Some(form));
    let asked = match ask {
        Ask::Nothing => true,
        Ask::Months if name == "success" => true,
        Ask::Months | Ask::Chart => seat.get("from").is_some(),
        Ask::Month | Ask::Bank | Ask::Voucher => seat.get("month").is_some(),
        Ask::Year | Ask::Shape => seat.get("year").is_some(),
    };
    if !asked {
        return Ok(page.into());
    }
    if name == "voucher" && seat.get("as") == Some("pdf") {
        let form = report::voucher_form(
            seat.app(),
            seat.caller(),
            month_of(&seat, "month")?,
            number(&seat)?,
        )
        .await?;
        return tables::paper(&voucher_name(&seat), &crate::print::voucher(&form)?);
    }
    let report = kept::report(&seat, &ASKED_WITH, made(&seat, &name)).await?;
    if name == "success" && seat.get("as") == Some("pdf") {
        let agency = &seat.caller().book.name;
        return tables::paper(seat.say(key), &crate::print::performance(&report, agency));
    }
    match period_of(&seat).await {
        Ok((first, last)) if name == "trial-balance" => {
            let ledger = chart_ledger(first, last);
            tables::page(&seat, page, &report, &[("account", &ledger)])
        }
        Ok((first, last)) if *ask == Ask::Months => {
            let mut reply = tables::page(&seat, page, &report, &[])?;
            let rates = match name.as_str() {
                "success" => Some(&report.json["success"]),
                "success-rate" => Some(&report.json),
                _ => None,
            };
            if let (Reply::Page(page), Some(json)) = (&mut reply, rates) {
                open_rates(page, (&report.tables, json), (first, last));
            }
            Ok(reply)
        }
        _ => tables::page(&seat, page, &report, &[]),
    }
}

fn voucher_name(seat: &Seat) -> String {
    format!("记账凭证-{}", seat.get("number").unwrap_or_default())
}

/// The month that is meant when nobody names one.
async fn newest(seat: &Seat) -> Result<Month, Error> {
    report::newest_month(seat.app(), seat.caller()).await
}

/// The months of the address; when it names none, those until the last that has a run, of its year.
///
/// # Errors
/// As [`months_of`].
pub(super) async fn period_of(seat: &Seat) -> Result<(Month, Month), Error> {
    if seat.get("from").is_some() {
        return months_of(seat);
    }
    let last = newest(seat).await?;
    Ok((Month::new(last.year(), 1).unwrap_or(last), last))
}

async fn form(seat: &Seat, name: &str, ask: Ask) -> Result<Form, Error> {
    let newest = newest(seat).await?;
    let form = Form::ask(seat, format!("/reports/{name}"), seat.say("reports.show")).plain();
    let month = |name, label| month_field(seat, name, label).value(newest.to_string());
    let begin = Month::new(newest.year(), 1).unwrap_or(newest).to_string();
    let year = || {
        field("year", seat.say("field.year"))
            .kind(Kind::Line("number"))
            .value(newest.year().to_string())
    };
    Ok(match ask {
        Ask::Nothing => form,
        Ask::Months => form
            .field(seat, month("from", "field.from").value(begin))
            .field(seat, month("to", "field.to")),
        Ask::Month => form.field(seat, month("month", "field.month")),
        Ask::Year => form.field(seat, year()),
        Ask::Shape => {
            let mut shapes = vec![(String::new(), seat.say("reports.no-shape").to_owned())];
            let named = report::shape_names()?.into_iter();
            shapes.extend(named.map(|(name, like)| (name.to_owned(), like)));
            let shape = field("shape", seat.say("reports.shape")).kind(Kind::Select(shapes));
            form.field(seat, year()).field(seat, shape)
        }
        Ask::Chart => {
            let charts = Chart::ALL.iter().map(|chart| {
                (
                    chart.code().to_owned(),
                    format!("{} {}", chart.code(), chart.name()),
                )
            });
            let chart = field("code", seat.say("field.chart")).kind(Kind::Select(charts.collect()));
            form.field(seat, chart)
                .field(seat, month("from", "field.from"))
                .field(seat, month("to", "field.to"))
        }
        Ask::Bank => form
            .field(seat, account_field(seat).await?)
            .field(seat, month("month", "field.month")),
        Ask::Voucher => {
            let number = field("number", seat.say("field.number")).kind(Kind::Line("number"));
            form.field(seat, month("month", "field.month"))
                .field(seat, number.value("1"))
        }
    })
}

/// First and last month of the address.
///
/// # Errors
/// When they are none, or the last is before the first.
pub(super) fn months_of(seat: &Seat) -> Result<(Month, Month), Error> {
    let first = month_of(seat, "from")?;
    let last = match seat.get("to") {
        Some(_) => month_of(seat, "to")?,
        None => first,
    };
    match first <= last {
        true => Ok((first, last)),
        false => Err(invalid("to", &last.to_string(), "≥ from")),
    }
}

fn number(seat: &Seat) -> Result<i64, Error> {
    let text = seat.get("number").unwrap_or_default();
    text.parse()
        .map_err(|_| invalid("number", text, "凭证号 a number"))
}

/// The year of the address.
///
/// # Errors
/// When there is none.
pub(super) fn year_of(seat: &Seat) -> Result<i32, Error> {
    let text = seat.get("year").unwrap_or_default();
    let year = text
        .parse()
        .ok()
        .filter(|year| (1900..=2999).contains(year));
    year.ok_or_else(|| invalid("year", text, "2022"))
}

async fn made(seat: &Seat, name: &str) -> Result<Report, Error> {
    let (app, caller) = (seat.app(), seat.caller());
    match name {
        "success" => {
            let (first, last) = period_of(seat).await?;
            report::performance(app, caller, first, last).await
        }
        "missed" => report::missed(app, caller, month_of(seat, "month")?).await,
        "tie-out" => report::tie_out(app, caller, month_of(seat, "month")?).await,
        "success-rate" => {
            let (first, last) = months_of(seat)?;
            report::success_rate(app, caller, first, last).await
        }
        "timeliness" => {
            let (first, last) = months_of(seat)?;
            report::timeliness(app, caller, first, last).await
        }
        "idle" => report::idle(app, caller).await,
        "monthly" => report::monthly(app, caller, month_of(seat, "month")?).await,
        "annual" => match seat.get("shape") {
            Some(shape) => report::annual_shaped(app, caller, year_of(seat)?, shape).await,
            None => report::annual(app, caller, year_of(seat)?).await,
        },
        "execution" => report::execution(app, caller, year_of(seat)?).await,
        "recovery" => report::recovery(app, caller).await,
        "trial-balance" => {
            let (first, last) = months_of(seat)?;
            report::trial_balance(app, caller, first, last).await
        }
        "ledger" => {
            let (first, last) = months_of(seat)?;
            let code = seat.get("code").unwrap_or_default();
            report::ledger(app, caller, code, first, last).await
        }
        "vouchers" => report::vouchers(app, caller, month_of(seat, "month")?).await,
        "voucher" => report::voucher(app, caller, month_of(seat, "month")?, number(seat)?).await,
        "bank-journal" => {
            let account = seat.get("account").unwrap_or_default();
            report::bank_journal(app, caller, account, month_of(seat, "month")?).await
        }
        _ => {
            let account = seat.get("account").unwrap_or_default();
            report::bank_reconciliation(app, caller, account, month_of(seat, "month")?).await
        }
    }
}
