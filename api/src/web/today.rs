//! Today: what waits for me, what is late, and where the month stands.

use axum::Router;
use ledger::disbursement::role::Action;
use serde_json::Value;

use super::badge::{Badge, Mood};
use super::page::{Block, Figure, Page, Task};
use super::reply::{self, Reply};
use super::seat::Seat;
use super::{fen, months, percent};
use crate::app::exception::{self, Page as Rows};
use crate::app::waiting::{self, Turn};
use crate::app::{Error, clock, report};
use crate::http::Server;

/// Exceptions that are counted one by one.
const COUNTED: i64 = 1000;

pub(super) fn router() -> Router<Server> {
    Router::new().route("/", reply::get(show))
}

async fn show(seat: Seat) -> Result<Reply, Error> {
    if !seat.may(Action::ReadReports) {
        return Ok(Reply::Go("/people".to_owned()));
    }
    let (app, caller) = (seat.app(), seat.caller());
    let turns = waiting::turns(app, caller).await?;
    let (mine, others): (Vec<&Turn>, Vec<&Turn>) = turns.iter().partition(|turn| turn.mine);
    let mut tasks: Vec<Task> = mine.iter().map(|turn| task(&seat, turn)).collect();
    tasks.extend(exceptions(&seat).await?);
    tasks.extend(repay(&seat).await?);
    let today = app.clock.today();
    let lead = seat.fill("today.lead", &[("date", &today.to_string())]);
    let mut page = Page::new(seat.say("nav.today"), lead);
    page = page.with(Block::Heading(seat.say("today.mine").to_owned()));
    page = page.with(match tasks.is_empty() {
        true => Block::Text(seat.say("today.nothing").to_owned()),
        false => Block::Tasks(tasks),
    });
    page = page.with(Block::Figures(figures(&seat).await?));
    if !others.is_empty() {
        let tasks = others.iter().map(|turn| task(&seat, turn)).collect();
        page = page
            .with(Block::Heading(seat.say("today.others").to_owned()))
            .with(Block::Tasks(tasks));
    }
    Ok(page.into())
}

/// A run that waits for somebody.
fn task(seat: &Seat, turn: &Turn) -> Task {
    let run = &turn.run;
    let what = match turn.step {
        Some(step) => super::word(step.event.name(), seat.language),
        None => seat.say("today.bank").to_owned(),
    };
    let role = turn
        .step
        .map(|step| super::word(step.role.name(), seat.language));
    let kind = super::word(run.kind.code(), seat.language);
    let late = if turn.late {
        seat.say("today.late")
    } else {
        ""
    };
    let note = seat.fill(
        "today.run",
        &[
            ("payments", &run.payments.to_string()),
            ("total", &run.total.grouped()),
            ("since", &clock::china_time(turn.since)),
        ],
    );
    let (word, mood) = match (turn.late, turn.step) {
        (true, _) => (late.to_owned(), Mood::Bad),
        (false, None) => (seat.say("today.bank").to_owned(), Mood::Go),
        (false, Some(_)) => (role.unwrap_or_default(), Mood::Wait),
    };
    Task {
        text: format!("{what}:{} · {} {} {kind}", run.id, turn.program, run.month),
        note,
        to: format!("/runs/{}", run.id),
        badge: Badge { word, mood },
    }
}

/// Exceptions that the caller may settle.
async fn exceptions(seat: &Seat) -> Result<Vec<Task>, Error> {
    if !seat.may(Action::ResolveException) {
        return Ok(Vec::new());
    }
    let rows = Rows {
        after: 0,
        limit: COUNTED,
    };
    let found = exception::list(seat.app(), seat.caller(), true, rows).await?;
    let all = found.json["exceptions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let count = |state: &str| all.iter().filter(|one| one["state"] == state).count();
    let task = |key, state: &str, count: usize| Task {
        text: seat.fill(key, &[("count", &count.to_string())]),
        note: String::new(),
        to: format!("/exceptions?q={state}"),
        badge: Badge {
            word: super::badge::of(state, seat.language).map_or_else(String::new, |one| one.word),
            mood: Mood::Wait,
        },
    };
    let (open, proposed) = (count("open"), count("proposed"));
    let mut tasks = Vec::new();
    if open > 0 {
        tasks.push(task("today.exceptions-open", "open", open));
    }
    if proposed > 0 {
        tasks.push(task("today.exceptions-proposed", "proposed", proposed));
    }
    Ok(tasks)
}

/// Failed payments that a run can pay again.
async fn repay(seat: &Seat) -> Result<Vec<Task>, Error> {
    if !seat.may(Action::RepayPayment) {
        return Ok(Vec::new());
    }
    let counted = Rows { after: 0, limit: 0 };
    let failed = waiting::failed(seat.app(), seat.caller(), None, counted).await?;
    let programs = failed.json["programs"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let tasks = programs.iter().filter_map(|one| {
        let ready = one["ready"].as_i64().filter(|ready| *ready > 0)?;
        Some(Task {
            text: seat.fill(
                "today.repay",
                &[
                    ("program", one["name"].as_str().unwrap_or_default()),
                    ("count", &ready.to_string()),
                    ("total", &fen(&one["ready_fen"])),
                ],
            ),
            note: String::new(),
            to: format!(
                "/repay?{}",
                months(&[("program", one["program"].as_str()?)])
            ),
            badge: Badge {
                word: seat.say("nav.repay").to_owned(),
                mood: Mood::Wait,
            },
        })
    });
    Ok(tasks.collect())
}

/// Where the last month that has a run and the one before stand.
async fn figures(seat: &Seat) -> Result<Vec<Figure>, Error> {
    let month = report::newest_month(seat.app(), seat.caller()).await?;
    let mut figures = Vec::new();
    for month in [month, month.previous()] {
        let rates = report::success_cells(seat.app(), seat.caller(), month, month).await?;
        let total: &Value = &rates.json["total"];
        let text = month.to_string();
        let query = months(&[("from", &text), ("to", &text)]);
        let to = Some(format!("/reports/success-rate?{query}"));
        let rate = |name, key: &str| {
            let count = &total[key]["count"];
            let counts = (count["paid"].as_i64(), count["attempted"].as_i64());
            Figure {
                name: seat.fill(name, &[("month", &text)]),
                value: percent(&total[key]["amount_fen"]),
                note: seat.fill(
                    "today.rate-note",
                    &[
                        ("paid", &counts.0.unwrap_or(0).to_string()),
                        ("attempted", &counts.1.unwrap_or(0).to_string()),
                    ],
                ),
                to: to.clone(),
            }
        };
        figures.push(rate("today.rate-first", "first"));
        figures.push(rate("today.rate-final", "final"));
    }
    Ok(figures)
}
