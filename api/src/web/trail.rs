//! The audit trail: its entries by pages, looked through as a whole, and one page for each.

use axum::Router;
use ledger::calendar::Moment;
use ledger::problem::{Kind as ProblemKind, Language, Problem};
use serde_json::Value;

use super::grid::Grid;
use super::page::{Block, Fact, Form, Kind, Page, fact, field, link};
use super::reply::{self, Reply};
use super::seat::Seat;
use super::tables;
use crate::app::view::{Report, Table, words};
use crate::app::{Error, audit, clock, not_found};
use crate::cli::labels;
use crate::http::Server;

/// Entries on a page of the trail.
const ENTRIES: i64 = 100;
/// Characters of what was asked that a row shows; the page of the entry shows all.
const ASKED_MAX: usize = 60;

pub(super) fn router() -> Router<Server> {
    Router::new()
        .route("/audit", reply::get(list))
        .route("/audit/{entry}", reply::get(show))
}

/// The trail by pages; a text is looked for in all of it.
async fn list(seat: Seat) -> Result<Reply, Error> {
    let mut rows = tables::rows(&seat, ENTRIES);
    let from = seat.get("from").and_then(|text| text.parse::<i64>().ok());
    if let Some(from) = from.filter(|_| rows.after == 0) {
        rows.after = from.saturating_sub(1).max(0);
    }
    let (app, caller, language) = (seat.app(), seat.caller(), seat.language);
    let mut report = match seat.get("q").map(str::to_lowercase) {
        None => {
            let mut page = audit::log_page(app, caller, rows).await?;
            page.json["matching"] = page.json["head"]["size"].clone();
            page.json["before"] = rows.after.into();
            page
        }
        Some(wanted) => {
            let has = |entry: &Value| {
                let cells = cells(entry, language, usize::MAX);
                let kind = entry["kind"].as_str().unwrap_or_default().to_owned();
                cells
                    .iter()
                    .chain([&kind])
                    .any(|cell| cell.to_lowercase().contains(&wanted))
            };
            audit::search(app, caller, &has, rows).await?
        }
    };
    report.tables = vec![table(&report, language)];
    let form = Form::ask(&seat, "/audit", seat.say("audit.go")).field(
        &seat,
        field("from", seat.say("audit.from"))
            .kind(Kind::Line("number"))
            .value("1"),
    );
    let page = Page::new(seat.say("nav.audit"), seat.say("audit.lead")).form(Some(form.plain()));
    if let Some(reply) = tables::export(&seat, &report, &page.title)? {
        return Ok(reply);
    }
    let grid = tables::found(&seat, &report, &[]);
    let grid = grid.map(|grid| Block::Grid(Box::new(grid)));
    Ok(grid.into_iter().fold(page, Page::with).into())
}

fn table(report: &Report, language: Language) -> Table {
    let mut table = Table::new(
        words("审计轨迹", "Audit trail"),
        &[
            ("序号", "sequence", true),
            ("时间", "time", false),
            ("用户", "user", false),
            ("事项", "action", false),
            ("内容", "detail", false),
            ("拒绝原因", "refused for", false),
            ("对象", "objects", false),
            ("行数", "rows", true),
            ("理由", "reason", false),
        ],
    );
    for entry in report.json["entries"].as_array().into_iter().flatten() {
        table.row(cells(entry, language, ASKED_MAX));
    }
    table
}

/// A row: when, who, what, what was asked, why it was refused, of what, how many rows, why.
fn cells(entry: &Value, language: Language, asked_max: usize) -> [String; 9] {
    let text = |name: &str| entry[name].as_str().unwrap_or_default();
    let objects = entry["objects"].as_array().into_iter().flatten();
    let objects: Vec<&str> = objects.filter_map(Value::as_str).collect();
    let asked: Vec<String> = asked(&entry["request"], language)
        .into_iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    let mut asked = asked.join("; ");
    if asked.chars().count() > asked_max {
        asked = asked.chars().take(asked_max).chain(['…']).collect();
    }
    [
        entry["seq"].to_string(),
        china(text("time")),
        text("user").to_owned(),
        super::word(text("kind"), language),
        asked,
        refusal(text("code"), language),
        objects.join(" "),
        entry["rows"].to_string(),
        text("reason").to_owned(),
    ]
}

/// The fields of what was asked, as people call them.
fn asked(request: &Value, language: Language) -> Vec<(String, String)> {
    let fields = request.as_object().into_iter().flatten();
    let fields = fields.filter(|(_, value)| !value.is_null() && *value != "");
    fields
        .map(|(name, value)| {
            let value = match value {
                Value::String(text) => super::word(labels::value(name, text, language), language),
                other => other.to_string(),
            };
            (labels::label(name, language), value)
        })
        .collect()
}

/// The code of a refusal with its sentence; what the sentence names stands in what was asked.
fn refusal(code: &str, language: Language) -> String {
    let known = ProblemKind::ALL.iter().find(|kind| kind.code() == code);
    let Some(kind) = known else {
        return code.to_owned();
    };
    let sentence = Problem::new(*kind).title(language);
    let mut parts = sentence.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| part.split_once('}').map_or("", |(_, rest)| rest));
    let sentence = rest.fold(first, |sentence, rest| format!("{sentence}…{rest}"));
    format!("{code} {sentence}")
}

/// A moment in China to the second.
fn china(text: &str) -> String {
    let moment = chrono::DateTime::parse_from_rfc3339(text).ok();
    let moment = moment.map(|time| Moment(time.timestamp_micros()));
    moment.map_or_else(String::new, clock::china_second)
}

/// One entry with all that it holds.
async fn show(seat: Seat) -> Result<Reply, Error> {
    let text = seat.place("entry").to_owned();
    let number = text.parse().ok().filter(|number| *number > 0);
    let number: i64 = number.ok_or_else(|| not_found("审计条目 audit entry", &text))?;
    let report = audit::entry(seat.app(), seat.caller(), number).await?;
    let json = &report.json;
    let title = seat.fill("audit.one", &[("entry", &text)]);
    let mut page = Page::new(title, seat.say("audit.one-lead"))
        .under(seat.say("nav.audit"), "/audit")
        .with(Block::Facts(facts(&seat, json)));
    let asked = asked(&json["request"], seat.language);
    if !asked.is_empty() {
        let asked = asked.into_iter().map(|(name, value)| fact(name, value));
        page = page
            .with(Block::Heading(seat.say("audit.asked").to_owned()))
            .with(Block::Facts(asked.collect()));
    }
    for (place, table) in report.tables.iter().enumerate() {
        if !table.rows.is_empty() {
            let grid = Grid::of(&seat, table, place, &[]).plain();
            page = page.with(Block::Grid(Box::new(grid)));
        }
    }
    let mut ways = Vec::new();
    if number > 1 {
        ways.push(link(
            seat.say("audit.before"),
            format!("/audit/{}", number - 1),
        ));
    }
    if number < json["size"].as_i64().unwrap_or(0) {
        ways.push(link(
            seat.say("audit.after"),
            format!("/audit/{}", number + 1),
        ));
    }
    Ok(page.with(Block::Links(ways)).into())
}

fn facts(seat: &Seat, json: &Value) -> Vec<Fact> {
    let text = |name: &str| match json[name].as_str() {
        None | Some("") => "—".to_owned(),
        Some(text) => text.to_owned(),
    };
    let roles = json["roles"].as_array().into_iter().flatten();
    let roles = roles.filter_map(Value::as_str);
    let roles: Vec<String> = roles.map(|role| super::word(role, seat.language)).collect();
    let kind = text("kind");
    let mut facts = vec![
        fact(seat.say("audit.time"), china(&text("time"))),
        fact(
            seat.say("audit.user"),
            format!("{}({})", text("user"), roles.join("、")),
        ),
        fact(seat.say("audit.session"), text("session")),
        fact(
            seat.say("audit.kind"),
            format!("{} {kind}", super::word(&kind, seat.language)),
        ),
        fact(seat.say("field.reason"), text("reason")),
        fact(seat.say("audit.key"), text("key")),
        fact(seat.say("audit.previous"), text("previous")),
    ];
    let code = text("code");
    if code != "—" {
        facts.insert(
            4,
            fact(seat.say("audit.refused"), refusal(&code, seat.language)),
        );
    }
    facts
}
