//! From what a handler gives to what the browser gets: pages, files, ways on, and refusals.
//!
//! [`get`] and [`post`] wrap a handler: a refusal of a page that was asked for becomes a problem
//! page, a refusal of a form shows the page of the form again with all that was typed and the fault
//! beside its field, and a command that was done leads on to a page that says what changed and
//! where it is recorded (post, redirect, get).

use std::future::Future;

use askama::Template;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{self, MethodRouter};
use ledger::disbursement::role::Action;
use ledger::problem::{Language, Problem};
use serde_json::Value;

use super::grid::Grid;
use super::page::{Block, Fact, Fault, Frame, Link, Notice, Page, Whole, fact, link};
use super::posted::Posted;
use super::seat::{Refused, Seat, encoded};
use crate::app::{Done, Error, Order};
use crate::cli::{failure, render};
use crate::http::{self, Server, UPLOAD_BYTES_MAX};

/// What a handler gives.
#[derive(Debug)]
pub enum Reply {
    /// A page.
    Page(Box<Page>),
    /// A file to be kept: its name, its media type, its bytes.
    File(String, &'static str, Vec<u8>),
    /// A command was done: where to go on.
    Done(Done, String),
    /// Somewhere else, with nothing done.
    Go(String),
    /// Something that sets headers of its own.
    Raw(Response),
}

impl From<Page> for Reply {
    fn from(page: Page) -> Reply {
        Reply::Page(Box::new(page))
    }
}

/// Answers a request to see something.
pub fn get<F>(handler: fn(Seat) -> F) -> MethodRouter<Server>
where
    F: Future<Output = Result<Reply, Error>> + Send + 'static,
{
    routing::get(move |seat: Seat| async move {
        let kept = seat.clone();
        let result = handler(seat).await;
        answer(&kept, None, result).await
    })
}

/// Answers a form; `page` shows it again when it is refused.
pub fn post<F, P>(handler: fn(Seat, Posted) -> F, page: fn(Seat) -> P) -> MethodRouter<Server>
where
    F: Future<Output = Result<Reply, Error>> + Send + 'static,
    P: Future<Output = Result<Reply, Error>> + Send + 'static,
{
    let route = routing::post(move |seat: Seat, posted: Posted| async move {
        let kept = seat.clone();
        let typed = posted.clone();
        // What was begun comes to its end, also when the browser goes away meanwhile.
        let work = kept.server.work(async move |_| handler(seat, posted).await);
        match work.await {
            Err(Error::Refused { problem, findings }) if findings.is_empty() => {
                again(kept, typed, *problem, page).await
            }
            result => answer(&kept, typed.key(), result).await,
        }
    });
    route.layer(DefaultBodyLimit::max(UPLOAD_BYTES_MAX))
}

/// The page of a form that was refused, with all that was typed.
async fn again<P>(mut seat: Seat, posted: Posted, problem: Problem, page: fn(Seat) -> P) -> Response
where
    P: Future<Output = Result<Reply, Error>> + Send + 'static,
{
    let status = http::problem::status(problem.kind);
    let refused = Refused {
        action: seat.path.clone(),
        posted,
        problem,
    };
    seat.refused = Some(refused.clone());
    let problem = refused.problem.clone();
    match page(seat.clone()).await {
        Ok(Reply::Page(shown)) => {
            let fault = Fault::of(&seat, &named(&shown, refused));
            let mut response = drawn(&Frame::of(&seat), &shown, Some(&fault));
            *response.status_mut() = status;
            response
        }
        _ => answer(&seat, None, Err(problem.into())).await,
    }
}

/// The refusal with its field as the form calls it.
fn named(page: &Page, mut refused: Refused) -> Refused {
    let forms = page.blocks.iter().flat_map(|block| match block {
        Block::Form(form) => std::slice::from_ref(form.as_ref()),
        Block::Choice(choice) => std::slice::from_ref(&choice.0),
        Block::More(_, forms) => forms,
        _ => &[],
    });
    let fields: Vec<_> = forms.flat_map(|form| &form.fields).collect();
    for (name, value) in &mut refused.problem.values {
        let label = fields
            .iter()
            .find(|field| *name == "field" && field.name == value);
        if let Some(field) = label {
            field.label.clone_into(value);
        }
    }
    refused
}

async fn answer(seat: &Seat, key: Option<String>, result: Result<Reply, Error>) -> Response {
    match result {
        Ok(Reply::Page(mut page)) => {
            if let Some(key) = seat.get("done")
                && let Some(notice) = done_notice(seat, key).await
            {
                page.blocks.insert(0, notice);
            }
            if let Some(entry) = seat
                .get("entry")
                .filter(|entry| entry.parse::<i64>().is_ok())
            {
                let line = link(seat.fill("done.recorded", &[("entry", entry)]), "");
                page.blocks.insert(0, done_block(seat, vec![line]));
            }
            let mut response = drawn(&Frame::of(seat), &page, None);
            *response.status_mut() = page.status.unwrap_or(StatusCode::OK);
            response
        }
        Ok(Reply::File(name, kind, bytes)) => match taken(seat, &name, &bytes).await {
            Ok(()) => file(&name, kind, bytes),
            Err(error) => problem_page(&Frame::of(seat), seat.language, &error, Page::default()),
        },
        Ok(Reply::Done(done, to)) => Redirect::to(&onward(&done, key, &to)).into_response(),
        Ok(Reply::Go(to)) => Redirect::to(&to).into_response(),
        Ok(Reply::Raw(response)) => response,
        Err(Error::Refused { problem, findings }) if !findings.is_empty() => {
            let table = super::finding_table(&findings, seat.language);
            let grid = Grid::of(seat, &table, 0, &[]).plain();
            let page = Page::default().with(Block::Grid(Box::new(grid)));
            let error = Error::from(*problem);
            problem_page(&Frame::of(seat), seat.language, &error, page)
        }
        Err(error) => problem_page(&Frame::of(seat), seat.language, &error, Page::default()),
    }
}

/// Records that a file was taken away: from which page, how that was filtered, and which bytes.
async fn taken(seat: &Seat, name: &str, bytes: &[u8]) -> Result<(), Error> {
    // The file of a batch is recorded by the use case, for every way to it.
    if seat.path.starts_with("/batches/") && seat.path.ends_with("/file") {
        return Ok(());
    }
    let asked = seat.query.iter().filter(|(_, value)| !value.is_empty());
    let asked: Vec<String> = asked
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let asked = crate::app::roster::mask_numbers(&asked.join(" "));
    let order = Order::new("file.export", Action::ReadReports)
        .field("page", seat.path.as_str())
        .field("query", asked)
        .file(name, bytes);
    seat.app().witness(seat.caller(), &order).await
}

/// The address to go on to; it names the key of the command, so that the page can say what changed.
fn onward(done: &Done, key: Option<String>, to: &str) -> String {
    let (path, query) = to.split_once('?').unwrap_or((to, ""));
    let mut query = super::seat::decoded(query);
    match (key, &done.receipt) {
        (Some(key), _) => query.push(("done".to_owned(), key)),
        (None, Some(receipt)) => query.push(("entry".to_owned(), receipt.sequence.to_string())),
        (None, None) => {}
    }
    format!("{path}?{}", encoded(&query))
}

/// What a command has changed, and where it is recorded.
async fn done_notice(seat: &Seat, key: &str) -> Option<Block> {
    let told = seat.app().told(seat.caller(), key).await.ok()??;
    let mut lines: Vec<_> = facts(&told.answer, seat.language)
        .into_iter()
        .map(|fact| link(format!("{}: {}", fact.name, fact.value), ""))
        .collect();
    let entry = seat.fill("done.recorded", &[("entry", &told.entry.to_string())]);
    let may_read = seat.may(Action::ReadAudit);
    let to = format!("/audit/{}", told.entry);
    lines.push(link(entry, if may_read { to } else { String::new() }));
    Some(done_block(seat, lines))
}

fn done_block(seat: &Seat, lines: Vec<Link>) -> Block {
    Block::Notice(Notice {
        mood: "done",
        title: seat.say("done.title").to_owned(),
        lines,
    })
}

/// The fields of an answer with their names.
pub fn facts(answer: &Value, language: Language) -> Vec<Fact> {
    let table = render::answer_table(answer, language);
    let rows = table.rows.into_iter();
    rows.filter_map(|row| match row.as_slice() {
        [name, value] => Some(fact(name.as_str(), value.as_str())),
        _ => None,
    })
    .collect()
}

/// A page as HTML.
pub fn drawn(frame: &Frame, page: &Page, fault: Option<&Fault>) -> Response {
    let whole = Whole {
        f: frame,
        page,
        fault,
    };
    match whole.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            tracing::error!(cause = %error, "a page was not drawn");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A refusal or accident as a page: what is wrong, where, what to do next, the code to read out.
fn problem_page(frame: &Frame, language: Language, error: &Error, mut page: Page) -> Response {
    let (status, fault) = match error {
        Error::Refused { problem, .. } => {
            let fault = Fault {
                title: problem.title(language),
                code: problem.code().to_owned(),
                place: failure::place_text(&problem.place, language).unwrap_or_default(),
                next: problem.next_on_pages(language),
                field: None,
            };
            (http::problem::status(problem.kind), fault)
        }
        Error::Internal(accident) => {
            let cause = crate::app::roster::mask_numbers(&format!("{accident:#}"));
            tracing::error!(cause, "accident");
            let fault = Fault {
                title: super::locale::say(language, "problem.accident").to_owned(),
                code: "INTERNAL".to_owned(),
                place: String::new(),
                next: super::locale::say(language, "problem.accident-next").to_owned(),
                field: None,
            };
            (StatusCode::INTERNAL_SERVER_ERROR, fault)
        }
    };
    page.title = super::locale::say(language, "problem.title").to_owned();
    let mut response = drawn(frame, &page, Some(&fault));
    *response.status_mut() = status;
    response
}

/// The same for somebody who is not signed in.
pub fn bare_problem(error: &Error, language: Language) -> Response {
    problem_page(&Frame::alone(language), language, error, Page::default())
}

/// A file to be kept by the browser.
fn file(name: &str, kind: &'static str, bytes: Vec<u8>) -> Response {
    let encoded = encoded(&[(String::new(), name.to_owned())]).split_off(1);
    let ending = name.rsplit('.').next().unwrap_or("bin");
    let ending: String = ending.chars().filter(char::is_ascii_alphanumeric).collect();
    // RFC 6266: a plain name for old browsers, the real one in RFC 8187's form.
    let value = format!("attachment; filename=\"huimin.{ending}\"; filename*=UTF-8''{encoded}");
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(value) = HeaderValue::from_str(&value) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}
