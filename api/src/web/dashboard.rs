//! The managers' dashboard: how well payments arrive, why they fail, whether they were in time,
//! where money lies, how the budget is drawn. Every figure opens its rows.

use axum::Router;
use ledger::calendar::Month;
use ledger::problem::Language;
use reconciliation::rate::Rate;
use serde_json::Value;

use super::chart::{self, Bar, Caption, Series};
use super::grid::Grid;
use super::page::{Block, Figure, Form, Page, fact, link};
use super::reply::{self, Reply};
use super::reports::period_of;
use super::runs::month_field;
use super::seat::{Seat, encoded};
use super::{fen, percent, tables};
use crate::app::exception::Page as Rows;
use crate::app::report::{self, Filter};
use crate::app::view::{Table, words};
use crate::app::{Error, view};
use crate::http::Server;

/// Payments on a page.
const ROWS: i64 = 100;
/// Stands for nothing in an address, where an empty field is one that was not filled.
const NONE: &str = "—";

pub(super) fn router() -> Router<Server> {
    Router::new()
        .route("/dashboard", reply::get(show))
        .route("/payments", reply::get(payments))
}

/// Addresses of the rows behind figures: the months of the page, and what narrows them down.
struct Ways {
    first: String,
    last: String,
}

impl Ways {
    fn rows(&self, more: &[(&str, &str)]) -> String {
        let months = [("from", self.first.as_str()), ("to", self.last.as_str())];
        let known = |name: &str| more.iter().any(|(more, _)| *more == name);
        let pairs = months.iter().filter(|(name, _)| !known(name)).chain(more);
        let pairs: Vec<(String, String)> = pairs
            .map(|(name, value)| {
                let value = if value.is_empty() { NONE } else { value };
                ((*name).to_owned(), value.to_owned())
            })
            .collect();
        format!("/payments?{}", encoded(&pairs))
    }
}

async fn show(seat: Seat) -> Result<Reply, Error> {
    let (first, last) = period_of(&seat).await?;
    let report = report::dashboard(seat.app(), seat.caller(), first, last).await?;
    let json = &report.json;
    let ways = Ways {
        first: first.to_string(),
        last: last.to_string(),
    };
    let form = Form::ask(&seat, "/dashboard", seat.say("reports.show"))
        .field(
            &seat,
            month_field(&seat, "from", "field.from").value(&ways.first),
        )
        .field(
            &seat,
            month_field(&seat, "to", "field.to").value(&ways.last),
        );
    let period = super::months(&[("from", &ways.first), ("to", &ways.last)]);
    let mut page = Page::new(seat.say("nav.dashboard"), seat.say("dashboard.lead"))
        .form(Some(form.plain()))
        .with(Block::Figures(figures(&seat, json, &ways)))
        .with(Block::Links(vec![link(
            seat.say("reports.success"),
            format!("/reports/success?{period}"),
        )]));
    page.blocks
        .extend(over_months(&seat, &json["success"]["months"], &ways));
    let parts = [
        ("programs", "program", "dashboard.programs"),
        ("bank_accounts", "account", "dashboard.banks"),
        ("townships", "township", "dashboard.townships"),
    ];
    for (part, dimension, title) in parts {
        let cells = &json["success"][part];
        page.blocks
            .extend(rates(&seat, cells, dimension, title, &ways));
    }
    page.blocks
        .extend(reasons(&seat, &json["success"]["reasons"], &ways));
    page.blocks
        .extend(trend(&seat, &json["success"]["reason_months"], &ways));
    page.blocks.extend(in_time(&seat, &json["timeliness"]));
    page.blocks.extend(money(&seat, json, &ways));
    page.blocks.extend(budget(&seat, &json["execution"]));
    Ok(page.into())
}

fn rate_of(rate: &Value, paid: &str, all: &str) -> Rate {
    let of = |name: &str| rate[name].as_i64().unwrap_or(0);
    Rate::new(of(paid), of(all))
}

fn figures(seat: &Seat, json: &Value, ways: &Ways) -> Vec<Figure> {
    let total = &json["success"]["total"];
    let execution = &json["execution"]["total"];
    let rate = |name: &'static str, rate: &Value, to: String| {
        let (paid, all) = (
            super::count(&rate["paid"]),
            super::count(&rate["attempted"]),
        );
        Figure {
            name: seat.say(name).to_owned(),
            value: percent(rate),
            note: seat.fill("today.rate-note", &[("paid", &paid), ("attempted", &all)]),
            to: Some(to),
        }
    };
    let year = format!("/reports/execution?year={}", json["execution"]["year"]);
    let sum = |name: &'static str, value: String, note: String, to: String| Figure {
        name: seat.say(name).to_owned(),
        value,
        note,
        to: Some(to),
    };
    let drawn = rate_of(&execution["rate"], "drawn", "of");
    let pending = super::count(&total["pending"]["count"]);
    let late = format!(
        "/reports/timeliness?{}",
        super::months(&[("from", &ways.first), ("to", &ways.last)])
    );
    vec![
        rate(
            "dashboard.first",
            &total["first"]["count"],
            ways.rows(&[("state", "paid"), ("attempt", "first")]),
        ),
        rate(
            "dashboard.final",
            &total["final"]["count"],
            ways.rows(&[("state", "paid")]),
        ),
        rate("dashboard.in-time", &json["timeliness"]["rate"], late),
        sum(
            "dashboard.pending",
            fen(&total["pending"]["amount_fen"]),
            seat.fill("loop.count", &[("count", &pending)]),
            ways.rows(&[("state", "pending")]),
        ),
        sum(
            "dashboard.idle",
            fen(&execution["left_fen"]),
            String::new(),
            "/funds".to_owned(),
        ),
        sum(
            "dashboard.drawn",
            drawn.percent(),
            fen(&execution["drawn_fen"]),
            year,
        ),
    ]
}

/// A cell of the success rates as a row: rates, and the counts that open their rows.
fn row_of(cell: &Value) -> [String; 8] {
    let rate = &cell["success_rate"];
    let (first, last) = (&rate["first"]["count"], &rate["final"]["count"]);
    let decided = rate_of(last, "paid", "attempted");
    let failed = decided.attempted - decided.paid;
    let name = cell["name"].as_str().unwrap_or_default();
    [
        name.to_owned(),
        percent(first),
        percent(last),
        last["paid"].to_string(),
        failed.to_string(),
        super::count(&rate["pending"]["count"]),
        fen(&rate["final"]["amount_fen"]["paid"]),
        percent(&rate["final"]["amount_fen"]),
    ]
}

fn rates_table(title: view::Words) -> Table {
    Table::new(
        title,
        &[
            ("名称", "name", false),
            ("首次成功率(笔)", "first, payments", true),
            ("最终成功率(笔)", "final, payments", true),
            ("成功(笔)", "paid", true),
            ("失败(笔)", "failed", true),
            ("在途(笔)", "pending", true),
            ("成功金额(元)", "paid, yuan", true),
            ("最终成功率(金额)", "final, amount", true),
        ],
    )
}

/// A table without tools, whose counts lead to their rows.
fn opened(seat: &Seat, table: &Table, links: &[Vec<(usize, String)>]) -> Block {
    let mut grid = Grid::of(seat, table, 0, &[]).plain();
    for (row, links) in grid.rows.iter_mut().zip(links) {
        for (column, to) in links {
            if let Some(cell) = row.get_mut(*column) {
                cell.link = Some(to.clone()).filter(|_| cell.text != "0");
            }
        }
    }
    Block::Grid(Box::new(grid))
}

/// Where the figures of a row of rates lead: a rate to what it counts as paid.
fn counts(ways: &Ways, narrowed: &[(&str, &str)]) -> Vec<(usize, String)> {
    let first = leads(
        ways,
        narrowed,
        &[1],
        &[("state", "paid"), ("attempt", "first")],
    );
    let paid = leads(ways, narrowed, &[2, 3, 6, 7], &[("state", "paid")]);
    let failed = leads(ways, narrowed, &[4], &[("state", "failed")]);
    let pending = leads(ways, narrowed, &[5], &[("state", "pending")]);
    [first, paid, failed, pending].concat()
}

/// Columns that lead to the same rows.
fn leads(
    ways: &Ways,
    narrowed: &[(&str, &str)],
    columns: &[usize],
    what: &[(&str, &str)],
) -> Vec<(usize, String)> {
    let to = ways.rows(&[narrowed, what].concat());
    columns.iter().map(|column| (*column, to.clone())).collect()
}

/// Makes the figures of the success rates on a page of reports lead to their rows, whatever the
/// order and choice of rows is. `tables` are those of the page, in its order.
pub(super) fn open_rates(
    page: &mut Page,
    (tables, json): (&[Table], &Value),
    (first, last): (Month, Month),
) {
    let (first, last) = (first.to_string(), last.to_string());
    let ways = Ways { first, last };
    let grids = page.blocks.iter_mut().filter_map(|block| match block {
        Block::Grid(grid) => Some(grid),
        _ => None,
    });
    for (grid, table) in grids.zip(tables) {
        let title = table.title.zh.as_str();
        let parts = [
            ("分项目发放成功率", "programs", "program"),
            ("分账户发放成功率", "bank_accounts", "account"),
            ("分乡镇发放成功率", "townships", "township"),
            ("分月发放成功率", "months", "from"),
            ("失败原因", "reasons", "reason"),
        ];
        let part = parts.iter().find(|(begin, ..)| title.starts_with(begin));
        let Some((_, list, field)) = part.filter(|_| title != "失败原因各月次数") else {
            continue;
        };
        let key = if *list == "reasons" { "reason" } else { "id" };
        for row in &mut grid.rows {
            let name = row
                .first()
                .map(|cell| cell.text.clone())
                .unwrap_or_default();
            let own = array(&json[*list]).iter();
            let mut own = own.filter(|one| {
                let known = text(one, "name");
                known == name || BOTH.iter().any(|of| super::word(known, *of) == name)
            });
            let (Some(one), None) = (own.next(), own.next()) else {
                continue;
            };
            let mut narrowed = vec![(*field, text(one, key))];
            if *field == "from" {
                narrowed.push(("to", text(one, key)));
            }
            for (column, to) in of_report(&ways, &narrowed) {
                if let Some(cell) = row.get_mut(column).filter(|cell| cell.text != "0") {
                    cell.link = Some(to);
                }
            }
        }
    }
}

/// A row of a report may say its name in either language.
const BOTH: [Language; 2] = [Language::Zh, Language::En];

/// Where the figures of a row of the success report lead.
fn of_report(ways: &Ways, narrowed: &[(&str, &str)]) -> Vec<(usize, String)> {
    if narrowed
        .first()
        .is_some_and(|(field, _)| *field == "reason")
    {
        return leads(ways, narrowed, &[1, 2], &[("attempt", "every")]);
    }
    let first = leads(
        ways,
        narrowed,
        &[1, 2],
        &[("state", "paid"), ("attempt", "first")],
    );
    let paid = leads(ways, narrowed, &[3, 5, 6, 8], &[("state", "paid")]);
    let pending = leads(ways, narrowed, &[9, 10], &[("state", "pending")]);
    [first, paid, pending].concat()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// A title in both languages that the page already speaks.
fn titled(title: &str) -> view::Words {
    words(title, title)
}

/// Hundredths of a percent; none of nothing.
fn hundredths(rate: &Value) -> Option<i64> {
    let rate = rate_of(rate, "paid", "attempted");
    let scaled = i128::from(rate.paid) * 10_000;
    let value = scaled.checked_div(i128::from(rate.attempted))?;
    i64::try_from(value).ok()
}

/// First and final success rate over the months.
fn over_months(seat: &Seat, months: &Value, ways: &Ways) -> Vec<Block> {
    let title = seat.say("dashboard.months");
    let cells = array(months);
    let values = |which: &str| -> Vec<Option<i64>> {
        let rate = |cell: &Value| hundredths(&cell["success_rate"][which]["count"]);
        cells.iter().map(rate).collect()
    };
    let series = [("first", "dashboard.first"), ("final", "dashboard.final")];
    let series = series.map(|(which, name)| Series {
        name: seat.say(name).to_owned(),
        values: values(which),
    });
    // The axis begins at a whole ten percent below the least, so that differences are seen.
    let least = series.iter().flat_map(|one| one.values.iter().flatten());
    let floor = least
        .min()
        .map_or(0, |least| least / 1_000 * 1_000)
        .min(9_000);
    let names: Vec<String> = cells
        .iter()
        .map(|cell| text(cell, "id").to_owned())
        .collect();
    let caption = Caption {
        id: "months",
        title,
        about: seat.say("dashboard.months-about"),
    };
    let mut table = rates_table(titled(title));
    let mut links = Vec::new();
    for cell in cells {
        table.row(row_of(cell));
        let month = text(cell, "id");
        links.push(counts(ways, &[("from", month), ("to", month)]));
    }
    vec![
        Block::Heading(title.to_owned()),
        Block::Picture(chart::lines(caption, &names, &series, floor)),
        opened(seat, &table, &links),
    ]
}

/// The final success rate of each part, the worst first.
fn rates(
    seat: &Seat,
    cells: &Value,
    dimension: &'static str,
    title: &'static str,
    ways: &Ways,
) -> Vec<Block> {
    let mut cells: Vec<&Value> = array(cells).iter().collect();
    let rate = |cell: &Value| hundredths(&cell["success_rate"]["final"]["count"]);
    cells.sort_by_key(|cell| rate(cell).unwrap_or(i64::MAX));
    let bars: Vec<Bar> = cells
        .iter()
        .map(|cell| Bar {
            name: text(cell, "name").to_owned(),
            size: rate(cell).unwrap_or(0),
            text: percent(&cell["success_rate"]["final"]["count"]),
            to: ways.rows(&[(dimension, text(cell, "id"))]),
        })
        .collect();
    let mut table = rates_table(titled(seat.say(title)));
    let mut links = Vec::new();
    for cell in &cells {
        table.row(row_of(cell));
        links.push(counts(ways, &[(dimension, text(cell, "id"))]));
    }
    let caption = Caption {
        id: dimension,
        title: seat.say(title),
        about: seat.say("dashboard.rates-about"),
    };
    vec![
        Block::Heading(seat.say(title).to_owned()),
        Block::Picture(chart::bars(caption, &bars, 10_000)),
        opened(seat, &table, &links),
    ]
}

/// Why attempts failed, the most frequent reason first.
fn reasons(seat: &Seat, reasons: &Value, ways: &Ways) -> Vec<Block> {
    let title = seat.say("dashboard.reasons");
    let count = |one: &Value| one["attempts"].as_i64().unwrap_or(0);
    let mut reasons: Vec<&Value> = array(reasons).iter().collect();
    reasons.sort_by_key(|one| std::cmp::Reverse(count(one)));
    let to = |one: &Value| ways.rows(&[("reason", text(one, "reason")), ("attempt", "every")]);
    let mut table = Table::new(
        titled(title),
        &[
            ("原因", "reason", false),
            ("失败次数", "failed attempts", true),
            ("金额(元)", "amount (yuan)", true),
        ],
    );
    let (mut bars, mut links) = (Vec::new(), Vec::new());
    for one in &reasons {
        let name = super::word(text(one, "name"), seat.language);
        table.row([
            name.clone(),
            count(one).to_string(),
            fen(&one["amount_fen"]),
        ]);
        links.push(vec![(1, to(one))]);
        bars.push(Bar {
            name,
            size: count(one),
            text: count(one).to_string(),
            to: to(one),
        });
    }
    let caption = Caption {
        id: "reasons",
        title,
        about: seat.say("dashboard.reasons-about"),
    };
    let most = bars.iter().map(|bar| bar.size).max().unwrap_or(0);
    vec![
        Block::Heading(title.to_owned()),
        Block::Picture(chart::bars(caption, &bars, most)),
        opened(seat, &table, &links),
    ]
}

/// Reasons that have a fill of their own in the chart; the others stand together.
const REASONS_SHOWN: usize = 3;

/// How the reasons went over the months, the most frequent first.
fn trend(seat: &Seat, reasons: &Value, ways: &Ways) -> Vec<Block> {
    let title = seat.say("dashboard.trend");
    let counts = |one: &Value| -> Vec<i64> {
        let months = array(&one["months"]).iter();
        months
            .map(|month| month["attempts"].as_i64().unwrap_or(0))
            .collect()
    };
    let mut reasons: Vec<(&Value, Vec<i64>)> = array(reasons)
        .iter()
        .map(|one| (one, counts(one)))
        .collect();
    reasons.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.iter().sum::<i64>()));
    let Some((first, _)) = reasons.first() else {
        return Vec::new();
    };
    let months = array(&first["months"]).iter();
    let months: Vec<String> = months.map(|one| text(one, "month").to_owned()).collect();
    let mut columns = vec![("原因", "reason", false)];
    columns.extend(
        months
            .iter()
            .map(|month| (month.as_str(), month.as_str(), true)),
    );
    let mut table = Table::new(titled(title), &columns);
    let (mut parts, mut links) = (Vec::<(String, Vec<i64>)>::new(), Vec::new());
    for (place, (one, counts)) in reasons.iter().enumerate() {
        let name = super::word(text(one, "name"), seat.language);
        let cells = counts.iter().map(ToString::to_string);
        table.row([name.clone()].into_iter().chain(cells));
        let to = |month: &String| {
            let reason = ("reason", text(one, "reason"));
            ways.rows(&[("from", month), ("to", month), reason, ("attempt", "every")])
        };
        links.push((1..).zip(months.iter().map(to)).collect());
        match parts.get_mut(REASONS_SHOWN) {
            Some((_, all)) => {
                for (sum, count) in all.iter_mut().zip(counts) {
                    *sum = sum.saturating_add(*count);
                }
            }
            None if place < REASONS_SHOWN => parts.push((name, counts.clone())),
            None => parts.push((
                seat.say("dashboard.other-reasons").to_owned(),
                counts.clone(),
            )),
        }
    }
    let caption = Caption {
        id: "trend",
        title,
        about: seat.say("dashboard.trend-about"),
    };
    vec![
        Block::Heading(title.to_owned()),
        Block::Picture(chart::columns(caption, &months, &parts)),
        opened(seat, &table, &links),
    ]
}

/// How many days after its due day each run went out, the latest first.
fn in_time(seat: &Seat, timeliness: &Value) -> Vec<Block> {
    let title = seat.say("dashboard.timeliness");
    let days = |one: &Value| one["days_late"].as_i64().unwrap_or(0);
    let mut runs: Vec<&Value> = array(&timeliness["runs"]).iter().collect();
    runs.sort_by_key(|one| std::cmp::Reverse(days(one)));
    let late: Vec<Bar> = runs
        .iter()
        .filter(|one| days(one) > 0)
        .take(12)
        .map(|one| Bar {
            name: format!("{} {}", text(one, "month"), text(one, "name")),
            size: days(one),
            text: seat.fill("dashboard.days", &[("days", &days(one).to_string())]),
            to: format!("/runs/{}", one["run"]),
        })
        .collect();
    let mut table = Table::new(
        titled(title),
        &[
            ("批次", "run", true),
            ("项目", "program", false),
            ("月份", "month", false),
            ("应发放日", "due", false),
            ("签发日", "released", false),
            ("迟签(天)", "released late (days)", true),
            ("笔数", "payments", true),
            ("按时到账(笔)", "arrived in time", true),
            ("银行用时(工作日)", "bank (working days)", true),
            ("限时(工作日)", "limit (working days)", true),
        ],
    );
    for one in &runs {
        let number = |name: &str| {
            one[name]
                .as_i64()
                .map_or_else(String::new, |n| n.to_string())
        };
        table.row([
            number("run"),
            text(one, "name").to_owned(),
            text(one, "month").to_owned(),
            text(one, "due").to_owned(),
            text(one, "sent_on").to_owned(),
            number("days_late"),
            number("payments"),
            number("arrived_in_time"),
            number("bank_days"),
            number("bank_days_limit"),
        ]);
    }
    let caption = Caption {
        id: "timeliness",
        title,
        about: seat.say("dashboard.timeliness-about"),
    };
    let most = late.iter().map(|bar| bar.size).max().unwrap_or(0);
    let mut blocks = vec![Block::Heading(title.to_owned())];
    if !late.is_empty() {
        blocks.push(Block::Picture(chart::bars(caption, &late, most)));
    }
    blocks.push(opened(seat, &table, &[]));
    blocks
}

/// Where the money of the year is, what waits for the bank, and what lies undrawn.
fn money(seat: &Seat, json: &Value, ways: &Ways) -> Vec<Block> {
    let title = seat.say("dashboard.money");
    let total = &json["execution"]["total"];
    let year = format!("/reports/execution?year={}", json["execution"]["year"]);
    let parts = [
        ("dashboard.paid", "paid_fen", year),
        (
            "dashboard.transit",
            "in_transit_fen",
            ways.rows(&[("state", "pending")]),
        ),
        ("dashboard.awaited", "awaited_fen", "/repay".to_owned()),
        ("dashboard.idle", "left_fen", "/funds".to_owned()),
    ];
    let parts = parts.map(|(name, field, to)| Bar {
        name: seat.say(name).to_owned(),
        size: total[field].as_i64().unwrap_or(0),
        text: fen(&total[field]),
        to,
    });
    let caption = Caption {
        id: "money",
        title,
        about: seat.say("dashboard.money-about"),
    };
    let mut states = Table::new(
        titled(title),
        &[
            ("去处", "where", false),
            ("金额(元)", "amount (yuan)", true),
        ],
    );
    let mut links = Vec::new();
    for part in &parts {
        states.row([part.name.clone(), part.text.clone()]);
        links.push(vec![(1, part.to.clone())]);
    }
    vec![
        Block::Heading(title.to_owned()),
        Block::Picture(chart::stack(caption, &parts)),
        opened(seat, &states, &links),
        waiting(seat, &json["in_transit"]),
        ages(seat, "dashboard.waiting-ages", &json["in_transit_ages"]),
        unsorted(seat, &json["returned"]),
        ages(seat, "dashboard.unsorted-ages", &json["returned_ages"]),
        undrawn(seat, &json["idle"]),
        ages(seat, "dashboard.undrawn-ages", &json["idle_ages"]),
    ]
}

/// How long money has waited, as bars with their amounts; nothing of nothing.
fn ages(seat: &Seat, title: &'static str, ages: &Value) -> Block {
    let bars: Vec<Bar> = array(ages)
        .iter()
        .map(|one| Bar {
            name: super::word(text(one, "name"), seat.language),
            size: one["amount_fen"].as_i64().unwrap_or(0),
            text: seat.fill(
                "dashboard.age",
                &[
                    ("items", &one["items"].to_string()),
                    ("amount", &fen(&one["amount_fen"])),
                ],
            ),
            to: String::new(),
        })
        .collect();
    let caption = Caption {
        id: title.rsplit('.').next().unwrap_or(title),
        title: seat.say(title),
        about: seat.say("dashboard.ages-about"),
    };
    let most = bars.iter().map(|bar| bar.size).max().unwrap_or(0);
    Block::Picture(chart::bars(caption, &bars, most))
}

fn waiting(seat: &Seat, rows: &Value) -> Block {
    let mut table = Table::new(
        titled(seat.say("dashboard.waiting")),
        &[
            ("代发批", "batch", false),
            ("项目", "program", false),
            ("月份", "month", false),
            ("签发日", "released", false),
            ("笔数", "payments", true),
            ("金额(元)", "amount (yuan)", true),
            ("已过(天)", "days", true),
        ],
    );
    let mut links = Vec::new();
    for one in array(rows) {
        table.row([
            text(one, "batch").to_owned(),
            text(one, "name").to_owned(),
            text(one, "month").to_owned(),
            text(one, "sent_on").to_owned(),
            super::count(&one["payments"]),
            fen(&one["amount_fen"]),
            one["days"].to_string(),
        ]);
        links.push(vec![(4, format!("/batches/{}", text(one, "batch")))]);
    }
    opened(seat, &table, &links)
}

/// Money that came back and that nobody has sorted.
fn unsorted(seat: &Seat, rows: &Value) -> Block {
    let mut table = Table::new(
        titled(seat.say("dashboard.unsorted")),
        &[
            ("情况", "state", false),
            ("项目或账户", "program or account", false),
            ("笔数", "items", true),
            ("金额(元)", "amount (yuan)", true),
            ("已过(天)", "days", true),
        ],
    );
    let mut links = Vec::new();
    for one in array(rows) {
        let (key, to) = match text(one, "state") {
            "home" => ("dashboard.home", "/repay"),
            _ => ("dashboard.suspense", "/exceptions"),
        };
        table.row([
            seat.say(key).to_owned(),
            text(one, "name").to_owned(),
            super::count(&one["items"]),
            fen(&one["amount_fen"]),
            one["days"]
                .as_i64()
                .map_or_else(String::new, |days| days.to_string()),
        ]);
        links.push(vec![(2, to.to_owned())]);
    }
    opened(seat, &table, &links)
}

fn undrawn(seat: &Seat, rows: &Value) -> Block {
    let mut table = Table::new(
        titled(seat.say("dashboard.undrawn")),
        &[
            ("项目", "program", false),
            ("级次", "level", false),
            ("文号", "document", false),
            ("结余(元)", "left (yuan)", true),
            ("已到账(天)", "days", true),
        ],
    );
    let mut links = Vec::new();
    for one in array(rows) {
        let document = text(one, "document");
        table.row([
            text(one, "name").to_owned(),
            super::word(text(one, "level"), seat.language),
            document.to_owned(),
            fen(&one["amount_fen"]),
            one["days"]
                .as_i64()
                .map_or_else(String::new, |days| days.to_string()),
        ]);
        let query = super::months(&[("document", document)]);
        links.push(vec![(2, format!("/trace/appropriation?{query}"))]);
    }
    opened(seat, &table, &links)
}

/// How much of what each program may spend it has drawn.
fn budget(seat: &Seat, execution: &Value) -> Vec<Block> {
    let title = seat.say("dashboard.budget");
    let year = format!("/reports/execution?year={}", execution["year"]);
    let mut table = Table::new(
        titled(title),
        &[
            ("项目", "program", false),
            ("可用指标(元)", "budget (yuan)", true),
            ("支用(元)", "drawn (yuan)", true),
            ("结余(元)", "left (yuan)", true),
            ("执行率", "execution rate", true),
        ],
    );
    let (mut bars, mut links) = (Vec::new(), Vec::new());
    for one in array(&execution["programs"]) {
        let rate = rate_of(&one["rate"], "drawn", "of");
        let name = text(one, "name").to_owned();
        table.row([
            name.clone(),
            fen(&one["rate"]["of"]),
            fen(&one["drawn_fen"]),
            fen(&one["left_fen"]),
            rate.percent(),
        ]);
        links.push(vec![(2, year.clone())]);
        let scaled = i128::from(rate.paid) * 10_000;
        let share = scaled.checked_div(i128::from(rate.attempted)).unwrap_or(0);
        bars.push(Bar {
            name,
            size: i64::try_from(share).unwrap_or(0),
            text: rate.percent(),
            to: year.clone(),
        });
    }
    let caption = Caption {
        id: "budget",
        title,
        about: seat.say("dashboard.budget-about"),
    };
    vec![
        Block::Heading(title.to_owned()),
        Block::Picture(chart::bars(caption, &bars, 10_000)),
        opened(seat, &table, &links),
    ]
}

/// The payments behind a figure.
async fn payments(seat: Seat) -> Result<Reply, Error> {
    let (first, last) = period_of(&seat).await?;
    let given = |name: &str| seat.get(name).map(str::to_owned);
    let named =
        |name: &str| given(name).map(|text| if text == NONE { String::new() } else { text });
    let filter = Filter {
        first,
        last,
        program: given("program"),
        account: given("account"),
        township: named("township"),
        state: given("state"),
        attempt: given("attempt"),
        reason: named("reason"),
    };
    let after = given("place")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let rows = match seat.get("as") {
        Some(_) => Rows::ALL,
        None => Rows { after, limit: ROWS },
    };
    let report = report::payments(seat.app(), seat.caller(), &filter, rows).await?;
    let page = Page::new(seat.say("payments.title"), seat.say("payments.lead"))
        .under(seat.say("nav.dashboard"), "/dashboard");
    let period = format!("{first} – {last}");
    let mut facts = vec![fact(seat.say("payments.months"), period)];
    let asked = [
        ("program", "field.program"),
        ("account", "field.account"),
        ("township", "payments.township"),
        ("state", "payments.state"),
        ("attempt", "payments.attempt"),
        ("reason", "field.reason"),
    ];
    for (name, key) in asked {
        if let Some(value) = given(name) {
            let shown = match name {
                "state" | "attempt" => super::word(&value, seat.language),
                "reason" => super::word(&report::reason_name(&value), seat.language),
                _ => value,
            };
            facts.push(fact(seat.say(key), shown));
        }
    }
    tables::paged(&seat, page.with(Block::Facts(facts)), &report)
}
