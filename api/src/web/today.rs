//! Today: what waits for me, what is late, and where the month stands.

use axum::Router;
use ledger::disbursement::role::Action;
use serde_json::Value;

use super::badge::{Badge, Mood};
use super::page::{Block, Figure, Page, Task};
use super::reply::{self, Reply};
use super::seat::Seat;
use super::{fen, grouped, months, percent, proposals};
use crate::app::exception::Page as Rows;
use crate::app::waiting::{self, Turn};
use crate::app::{Error, clock, exception, proposal, recovery, report};
use crate::http::Server;

/// Recoveries that are named one by one.
const NAMED: usize = 10;

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
    let mut waiting = Vec::new();
    for (own, task) in agreed(&seat).await? {
        if own { &mut waiting } else { &mut tasks }.push(task);
    }
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
    if !waiting.is_empty() {
        page = page
            .with(Block::Heading(seat.say("today.waiting").to_owned()))
            .with(Block::Tasks(waiting));
    }
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
    let bank = match turn.unanswered == run.payments {
        true => "today.to-bank",
        false => "today.bank",
    };
    let what = match turn.step {
        Some(step) => super::word(step.event.name(), seat.language),
        None => seat.say(bank).to_owned(),
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
            ("payments", &grouped(run.payments)),
            ("total", &run.total.grouped()),
            ("since", &clock::china_time(turn.since)),
        ],
    );
    let (word, mood) = match (turn.late, turn.step) {
        (true, _) => (late.to_owned(), Mood::Bad),
        (false, None) => (seat.say(bank).to_owned(), Mood::Go),
        (false, Some(_)) => (role.unwrap_or_default(), Mood::Wait),
    };
    Task {
        text: format!("{what}:{} · {} {} {kind}", run.id, turn.program, run.month),
        note,
        to: format!("/runs/{}", run.id),
        badge: Badge { word, mood },
    }
}

/// What takes two people: whether the caller has done the first part of it already, and the task.
async fn agreed(seat: &Seat) -> Result<Vec<(bool, Task)>, Error> {
    let mut tasks = exceptions(seat).await?;
    for one in proposal::pending(seat.app(), seat.caller()).await? {
        if one.own || one.may {
            let text = proposals::text_of(seat, &one);
            let task = waits(seat, text, one.by, format!("/proposals/{}", one.id));
            tasks.push((one.own, task));
        }
    }
    let mut recoveries = recovery::pending(seat.app(), seat.caller()).await?;
    let confirms = seat.may(Action::ConfirmRecovery);
    recoveries.retain(|one| one.own || confirms);
    for own in [false, true] {
        let of = recoveries.iter().filter(|one| one.own == own);
        for one in of.clone().take(NAMED) {
            let state = super::word(one.state.name(), seat.language);
            let text = [
                ("recovery", one.id.to_string()),
                ("program", one.program.clone()),
                ("left", one.left.grouped()),
                ("state", state),
            ];
            let text = filled(seat, "today.recovery", &text);
            let to = format!("/recoveries/{}", one.id);
            tasks.push((own, waits(seat, text, String::new(), to)));
        }
        let more = of.count().saturating_sub(NAMED);
        if more > 0 {
            let text = filled(seat, "today.recoveries", &[("count", more.to_string())]);
            let task = waits(seat, text, String::new(), "/recoveries".to_owned());
            tasks.push((own, task));
        }
    }
    Ok(tasks)
}

fn filled(seat: &Seat, key: &'static str, values: &[(&str, String)]) -> String {
    let values: Vec<_> = values.iter().map(|(name, v)| (*name, v.as_str())).collect();
    seat.fill(key, &values)
}

/// What waits for a second person.
fn waits(seat: &Seat, text: String, note: String, to: String) -> Task {
    let proposed = super::badge::of("proposed", seat.language);
    let word = proposed.map_or_else(String::new, |badge| badge.word);
    Task {
        text,
        note,
        to,
        badge: Badge {
            word,
            mood: Mood::Wait,
        },
    }
}

/// Exceptions that the caller may settle; those that the caller proposed wait for somebody else.
async fn exceptions(seat: &Seat) -> Result<Vec<(bool, Task)>, Error> {
    if !seat.may(Action::ResolveException) {
        return Ok(Vec::new());
    }
    let [open, proposed, own] = exception::counts(seat.app(), seat.caller()).await?;
    let mut tasks = Vec::new();
    for (key, state, count, is_own) in [
        ("today.exceptions-open", "open", open, false),
        ("today.exceptions-proposed", "proposed", proposed, false),
        ("today.exceptions-proposed", "proposed", own, true),
    ] {
        let task = Task {
            text: filled(seat, key, &[("count", grouped(count))]),
            note: String::new(),
            to: format!("/exceptions?q={state}"),
            badge: Badge {
                word: super::badge::of(state, seat.language)
                    .map_or_else(String::new, |one| one.word),
                mood: Mood::Wait,
            },
        };
        tasks.extend((count > 0).then_some((is_own, task)));
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
                    ("count", &grouped(ready)),
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
            let of = |name: &str| grouped(count[name].as_i64().unwrap_or(0));
            Figure {
                name: seat.fill(name, &[("month", &text)]),
                value: percent(count),
                note: filled(
                    seat,
                    "today.rate-note",
                    &[("paid", of("paid")), ("attempted", of("attempted"))],
                ),
                to: to.clone(),
            }
        };
        figures.push(rate("today.rate-first", "first"));
        figures.push(rate("today.rate-final", "final"));
    }
    Ok(figures)
}
