//! The pages: server-rendered, in Chinese and English, without a script that any task needs.
//!
//! A handler takes a [`seat::Seat`] (who asks, in which language, with which address), calls use
//! cases and gives a [`reply::Reply`]: mostly a [`page::Page`] of blocks. Forms that act carry a
//! token and the key of their command; [`reply::post`] takes care of refusals and of the way on.
//! Nothing here decides what anybody may do: the use cases do, and record what they refuse. What a
//! person may not do is merely not offered.
//!
//! To add a page: `api/docs/pages.md`.

pub mod assets;
pub mod badge;
pub mod chart;
pub mod grid;
pub mod kept;
pub mod locale;
pub mod page;
pub mod picture;
pub mod posted;
pub mod reply;
pub mod seat;
pub mod shelf;

mod banks;
mod basis;
mod calendar;
mod dashboard;
mod exceptions;
mod failed;
mod inspect;
mod login;
mod me;
mod proof;
mod proposals;
mod reports;
mod rosters;
mod runs;
mod settings;
mod tables;
mod today;
mod trail;
mod vocabulary;
mod work;

pub(crate) use vocabulary::act;

use axum::Router;
use axum::http::{HeaderName, HeaderValue};
use bank_adapters::Finding;
use ledger::money::Fen;
use ledger::problem::{Kind, Language, Problem, half};
use serde_json::Value;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::app::Error;
use crate::app::view::{Table, words};
use crate::cli::failure;
use crate::http::Server;

/// What a page may load: only from here, and nothing written into the page itself.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Their addresses.
pub fn router(server: &Server) -> Router {
    let header = |name: &'static str, value: &'static str| {
        SetResponseHeaderLayer::overriding(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    Router::new()
        .merge(login::router())
        .merge(me::router())
        .merge(today::router())
        .merge(dashboard::router())
        .merge(runs::router())
        .merge(exceptions::router())
        .merge(failed::router())
        .merge(proposals::router())
        .merge(rosters::router())
        .merge(banks::router())
        .merge(inspect::router())
        .merge(basis::router())
        .merge(settings::router())
        .merge(reports::router())
        .merge(proof::router())
        .merge(trail::router())
        .merge(work::router())
        .merge(calendar::router())
        .method_not_allowed_fallback(back)
        .fallback(reply::get(missing).with_state(server.clone()))
        // Forms of ours must say where they come from; other sites learn nothing.
        .layer(header("referrer-policy", "same-origin"))
        .layer(header("content-security-policy", POLICY))
        .layer(header("cross-origin-resource-policy", "same-origin"))
        .merge(assets::router())
        .with_state(server.clone())
}

/// Where only forms are sent to, somebody comes who reloads the answer or changes its language: the
/// page of the form is the one above.
async fn back(uri: axum::http::Uri) -> axum::response::Redirect {
    let above = uri.path().rsplit_once('/').map_or("", |(above, _)| above);
    axum::response::Redirect::to(if above.is_empty() { "/" } else { above })
}

async fn missing(seat: seat::Seat) -> Result<reply::Reply, Error> {
    Err(Problem::new(Kind::NotFound)
        .with("what", seat.say("problem.page"))
        .with("name", &seat.path)
        .into())
}

/// A value of a table in the language of the page: names of states, roles and kinds are words of
/// the product, and stand in tables in either language.
pub fn word(text: &str, language: Language) -> String {
    // What was refused is recorded under the name of what was asked for.
    if let (Some(asked), Language::Zh) = (text.strip_suffix(".refused"), language) {
        return format!("{}(被拒)", word(asked, language));
    }
    let pair = vocabulary::words().find(|(zh, en)| *zh == text || *en == text);
    match (pair, language) {
        (Some((zh, _)), Language::Zh) => zh.to_owned(),
        (Some((_, en)), Language::En) => en.to_owned(),
        (None, _) => said_once(text, language),
    }
}

/// A text that is no word of the product in the language of the page, where it says which.
pub fn said_once(text: &str, language: Language) -> String {
    vocabulary::filled(text, language).unwrap_or_else(|| half(text, language).to_owned())
}

/// Fen of a document as yuan.
pub fn fen(value: &Value) -> String {
    value
        .as_i64()
        .map_or_else(|| "—".to_owned(), |fen| Fen::new(fen).grouped())
}

/// A rate of a document, `{ "paid": n, "attempted": m }`, in hundredths of a percent; nothing
/// attempted is no rate.
pub fn percent(rate: &Value) -> String {
    let (paid, attempted) = (rate["paid"].as_i64(), rate["attempted"].as_i64());
    match (paid, attempted.filter(|attempted| *attempted > 0)) {
        (Some(paid), Some(attempted)) => reconciliation::rate::Rate { paid, attempted }.to_string(),
        _ => "—".to_owned(),
    }
}

/// A count with separators: `138,181`.
pub fn grouped(count: i64) -> String {
    let digits = count.unsigned_abs().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if count < 0 { format!("-{text}") } else { text }
}

/// The same of a document.
pub fn count(count: &Value) -> String {
    grouped(count.as_i64().unwrap_or(0))
}

/// A query of an address.
pub fn months(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    seat::encoded(&pairs.collect::<Vec<_>>())
}

/// What was found in a file, by place.
pub fn finding_table(findings: &[Finding], language: Language) -> Table {
    let mut table = Table::new(
        words("发现", "Findings"),
        &[
            ("编号", "code", false),
            ("工作表", "sheet", false),
            ("行", "row", true),
            ("列", "column", false),
            ("读到的值", "value as read", false),
            ("问题", "what is wrong", false),
        ],
    );
    for finding in findings {
        let place = &finding.place;
        let row = place.row.map(|row| row.to_string()).unwrap_or_default();
        let column = place.column.clone().or_else(|| place.field.clone());
        table.row([
            finding.code.to_string(),
            place.sheet.clone().unwrap_or_default(),
            row,
            column.unwrap_or_default(),
            place.value.clone().unwrap_or_default(),
            failure::sentence(finding, language).to_owned(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_is_said_twice_one_half_is_shown() {
        for (text, zh, en) in [
            ("合计 total", "合计", "total"),
            (
                "首次成功率(金额) first, yuan",
                "首次成功率(金额)",
                "first, yuan",
            ),
            ("相符 ok", "相符", "ok"),
            ("draft", "草稿", "draft"),
            ("账号不存在", "账号不存在", "account-not-found"),
            ("run.review.refused", "复核批次(被拒)", "run.review.refused"),
            ("小计 2 笔", "小计 2 笔", "subtotal, 2"),
            ("等银行 / wait for the bank", "等银行", "wait for the bank"),
            // These are not said twice.
            ("icbc / 省示例1", "icbc / 省示例1", "icbc / 省示例1"),
            (
                "2022-01-04 县示例1 到账",
                "2022-01-04 县示例1 到账",
                "2022-01-04 县示例1 到账",
            ),
            ("示例镇 B000012", "示例镇 B000012", "示例镇 B000012"),
            (
                "代发 2022-03 批 12",
                "代发 2022-03 批 12",
                "代发 2022-03 批 12",
            ),
        ] {
            assert_eq!(word(text, Language::Zh), zh, "{text}");
            assert_eq!(word(text, Language::En), en, "{text}");
        }
    }
}
