//! Long work as jobs: asked for by an audited command, done by one worker, seen by everybody who
//! may.
//!
//! A job does a command of its own under the key `job/ID`. So it has one effect however often it
//! is begun: a worker that died leaves either nothing or an answer that its successor finds. What
//! only reads can be called off at any time; what changes the books only while it waits.
//!
//! To add a kind: a row in [`KINDS`] and a branch in `perform`.

use ledger_store::boxed;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bank_adapters::Finding;
use ledger::audit::Head;
use ledger::calendar::{Moment, parse_date};
use ledger::disbursement::role::{Action, may};
use ledger::id::{BookId, JobId, RunId};
use ledger::money::Fen;
use ledger::problem::{Kind, Language, Problem};
use ledger_store::book::{self, Book};
use ledger_store::job::{self as store, End, Job, JobState, Worker};
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};

use super::exception::Page;
use super::progress::Progress;
use super::returns::{ReturnInput, Said};
use super::roster::RosterFile;
use super::statement::StatementInput;
use super::view::{Report, Table, words};
use super::{
    App, Caller, Done, Error, Order, audit, not_found, release, returns, roster, run, statement,
};

/// A worker that has not been heard of for so long counts as dead.
const LEASE: i64 = 30_000_000;
/// A worker says this often that it lives.
const BEAT: Duration = Duration::from_secs(3);
/// A worker looks this often for jobs that nobody told it of.
const LOOK: Duration = Duration::from_secs(2);

/// What can be a job, what it takes, and whether it only reads.
const KINDS: [(&str, Action, bool); 8] = [
    ("roster.import", Action::ImportRoster, false),
    ("run.calculate", Action::MakeRun, false),
    ("run.check", Action::MakeRun, false),
    ("run.release", Action::ReleaseRun, false),
    ("return.import", Action::ImportReturn, false),
    ("statement.import", Action::ImportStatement, false),
    ("audit.verify", Action::VerifyAudit, true),
    ("audit.export", Action::ReadAudit, true),
];

/// The jobs that this program is at, and how far they are.
#[derive(Debug, Default)]
pub struct AtWork {
    running: Mutex<BTreeMap<(BookId, JobId), Progress>>,
    asked: Notify,
}

impl AtWork {
    fn set(&self, at: (BookId, JobId), progress: Option<Progress>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match progress {
            Some(progress) => running.insert(at, progress),
            None => running.remove(&at),
        };
    }

    fn rows(&self, at: (BookId, JobId)) -> Option<(i64, i64)> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.get(&at).map(rows)
    }
}

/// Rows as they are stored.
fn rows(progress: &Progress) -> (i64, i64) {
    let (done, of) = progress.get();
    let stored = |rows| i64::try_from(rows).unwrap_or(i64::MAX);
    (stored(done), stored(of))
}

/// A job that is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    kind: &'static str,
    request: Value,
    input: Option<Vec<u8>>,
}

impl Wanted {
    /// A job of one of the [`KINDS`], with its input.
    pub fn new(kind: &'static str, request: Value) -> Wanted {
        Wanted {
            kind,
            request,
            input: None,
        }
    }

    /// With a file.
    #[must_use]
    pub fn with(mut self, file: Vec<u8>) -> Wanted {
        self.input = Some(file);
        self
    }
}

fn about(kind: &str) -> Result<(Action, bool), Error> {
    let found = KINDS.iter().find(|(known, ..)| *known == kind);
    found
        .map(|(_, action, reads)| (*action, *reads))
        .ok_or_else(|| not_found("任务种类 kind of job", kind))
}

/// Whether somebody may look at a job of this kind: who could have asked for it.
pub fn may_see(caller: &Caller, kind: &str) -> bool {
    about(kind).is_ok_and(|(action, _)| may(&caller.user.roles, action))
}

/// Asks for a job.
///
/// # Errors
/// `RoleMissing`, and those of [`App::command`]. What the job itself is refused for stands in its
/// answer.
#[boxed]
pub async fn add(
    app: &App,
    caller: &Caller,
    wanted: Wanted,
    key: Option<String>,
) -> Result<Done, Error> {
    let (action, _) = about(wanted.kind)?;
    let request = wanted.request.to_string();
    let mut order = Order::new("job.add", action)
        .key(key)
        .field("kind", wanted.kind)
        .field("request", request.as_str());
    if let Some(file) = &wanted.input {
        order = order.file("input", file);
    }
    let asked = app.clock.now();
    let done = app
        .command(caller, order, async move |write| {
            let job = Job {
                id: JobId(write.allot("job", 1).await?),
                kind: wanted.kind.to_owned(),
                request,
                user: caller.user.id,
                roles: caller.user.roles.clone(),
                state: JobState::Queued,
                begun: 0,
                rows_done: 0,
                rows_of: 0,
                answer: None,
                asked,
                ended: None,
            };
            store::add(write, &job, wanted.input).await?;
            Ok(json!({ "job": job.id.get(), "kind": job.kind, "state": job.state.code() }))
        })
        .await?;
    app.jobs.asked.notify_one();
    Ok(done)
}

/// Calls a job off: one's own, or anybody's that one could have asked for.
///
/// # Errors
/// `JobState` when it is over, or when it is changing the books.
#[boxed]
pub async fn cancel(
    app: &App,
    caller: &Caller,
    id: JobId,
    key: Option<String>,
) -> Result<Done, Error> {
    let job = find(app, caller, id).await?;
    let (action, reads) = about(&job.kind)?;
    let order = Order::new("job.cancel", action)
        .key(key)
        .field("job", id.get());
    let now = app.clock.now();
    app.command(caller, order, async |write| {
        match store::stop(write, id, now, reads).await? {
            Some(state) => Ok(json!({ "job": id.get(), "state": state.code() })),
            None => {
                let book = write.book();
                let job = store::job(write.tx(), book, id).await?;
                let state = job.map_or("", |job| job.state.code());
                Err(Problem::new(Kind::JobState)
                    .with("job", id)
                    .with("state", state)
                    .with("event", "取消 cancel")
                    .into())
            }
        }
    })
    .await
}

async fn find(app: &App, caller: &Caller, id: JobId) -> Result<Job, Error> {
    let mut tx = app.db.begin_read().await?;
    let job = store::job(&mut tx, caller.book.id, id).await?;
    tx.rollback().await?;
    job.ok_or_else(|| not_found("任务 job", id))
}

/// One job: how it stands, how far it is, what it came to.
///
/// # Errors
/// `NotFound`, and `RoleMissing` for who could not have asked for it.
#[boxed]
pub async fn show(app: &App, caller: &Caller, id: JobId) -> Result<Report, Error> {
    let job = find(app, caller, id).await?;
    let (action, _) = about(&job.kind)?;
    app.read(caller, action).await?.rollback().await?;
    let mut table = table();
    table.row(row(app, caller, &job));
    Ok(Report::new(json_of(app, caller, &job), vec![table]))
}

/// The file that a job made.
///
/// # Errors
/// As [`show`]; `NotFound` when it made none.
#[boxed]
pub async fn file(app: &App, caller: &Caller, id: JobId) -> Result<(String, Vec<u8>), Error> {
    let job = find(app, caller, id).await?;
    let (action, _) = about(&job.kind)?;
    let mut tx = app.read(caller, action).await?;
    let output = store::output(&mut tx, caller.book.id, id).await?;
    tx.rollback().await?;
    let output = output.ok_or_else(|| not_found("任务的文件 file of the job", id))?;
    Ok((format!("{}-{id}.ndjson", job.kind), output))
}

/// Jobs, newest first. The document names in `next` the job after which to ask for more.
///
/// # Errors
/// `RoleMissing`.
#[boxed]
pub async fn list(app: &App, caller: &Caller, page: Page) -> Result<Report, Error> {
    let action = match may(&caller.user.roles, Action::ReadReports) {
        true => Action::ReadReports,
        false => Action::VerifyAudit,
    };
    let mut tx = app.read(caller, action).await?;
    let before = if page.after == 0 {
        i64::MAX
    } else {
        page.after
    };
    let jobs = store::jobs(&mut tx, caller.book.id, before, page.limit).await?;
    tx.rollback().await?;
    let full = i64::try_from(jobs.len()).is_ok_and(|count| count == page.limit);
    let next = jobs
        .last()
        .map(|job| job.id.get())
        .filter(|id| full && *id > 1);
    let mut table = table();
    for job in &jobs {
        table.row(row(app, caller, job));
    }
    let list: Vec<Value> = jobs.iter().map(|job| line_json(app, caller, job)).collect();
    Ok(Report::new(
        json!({ "jobs": list, "next": next }),
        vec![table],
    ))
}

fn table() -> Table {
    Table::new(
        words("任务", "Jobs"),
        &[
            ("编号", "number", true),
            ("事项", "kind", false),
            ("状态", "state", false),
            ("已办", "done", true),
            ("共", "of", true),
            ("提出", "asked", false),
            ("结束", "ended", false),
        ],
    )
}

/// How far it is: as its worker in this program says, else as it was last stored.
fn progress(app: &App, caller: &Caller, job: &Job) -> (i64, i64) {
    let now = app.jobs.rows((caller.book.id, job.id));
    now.filter(|_| !job.state.is_over())
        .unwrap_or((job.rows_done, job.rows_of))
}

fn row(app: &App, caller: &Caller, job: &Job) -> [String; 7] {
    let (done, of) = progress(app, caller, job);
    [
        job.id.to_string(),
        job.kind.clone(),
        job.state.code().to_owned(),
        done.to_string(),
        of.to_string(),
        job.asked.to_string(),
        job.ended
            .map_or_else(String::new, |ended| ended.to_string()),
    ]
}

fn line_json(app: &App, caller: &Caller, job: &Job) -> Value {
    let (done, of) = progress(app, caller, job);
    json!({
        "job": job.id.get(), "kind": job.kind, "state": job.state.code(),
        "rows": { "done": done, "of": of },
        "asked": job.asked.to_string(), "ended": job.ended.map(|ended| ended.to_string()),
    })
}

fn json_of(app: &App, caller: &Caller, job: &Job) -> Value {
    let mut document = line_json(app, caller, job);
    let answer = job.answer.as_deref();
    let answer = answer.and_then(|answer| serde_json::from_str::<Value>(answer).ok());
    document["begun"] = job.begun.into();
    document["over"] = job.state.is_over().into();
    document["answer"] = answer.unwrap_or(Value::Null);
    document
}

/// Works until told to stop: one job after the other, of all books.
#[boxed]
pub async fn work(app: &App, name: &str, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        match work_once(app, name, &mut stop).await {
            Ok(true) => {}
            Ok(false) => wait(app, &mut stop).await,
            Err(error) => {
                tracing::error!(cause = %error, "the worker could not look for jobs");
                wait(app, &mut stop).await;
            }
        }
    }
}

async fn wait(app: &App, stop: &mut watch::Receiver<bool>) {
    tokio::select! {
        () = app.jobs.asked.notified() => {}
        () = tokio::time::sleep(LOOK) => {}
        _ = stop.changed() => {}
    }
}

/// Does one job that waits or whose worker died. False when there is none.
///
/// # Errors
/// Accidents of the store, outside the job itself.
#[boxed]
pub async fn work_once(
    app: &App,
    name: &str,
    stop: &mut watch::Receiver<bool>,
) -> Result<bool, Error> {
    let mut tx = app.db.begin_read().await?;
    let books = book::books(&mut tx).await?;
    tx.rollback().await?;
    for book in books {
        if let Some(job) = store::claim(&app.db, worker(app, name, book.id)).await? {
            let at = (book.id, job.id);
            let progress = Progress::default();
            app.jobs.set(at, Some(progress.clone()));
            let worked = attend(app, name, &book, &job, progress, stop).await;
            app.jobs.set(at, None);
            worked?;
            return Ok(true);
        }
    }
    Ok(false)
}

fn worker<'a>(app: &App, name: &'a str, book: BookId) -> Worker<'a> {
    let now = app.clock.now();
    Worker {
        book,
        name,
        now,
        until: Moment(now.0.saturating_add(LEASE)),
    }
}

/// Does a job, says meanwhile that its worker lives, and stores what it came to.
async fn attend(
    app: &App,
    name: &str,
    book: &Book,
    job: &Job,
    progress: Progress,
    stop: &mut watch::Receiver<bool>,
) -> Result<(), Error> {
    let mut work = Box::pin(perform(app, book, job, progress.clone()));
    let end = loop {
        let beat = async {
            tokio::time::sleep(BEAT).await;
            store::beat(&app.db, worker(app, name, book.id), job.id, rows(&progress)).await
        };
        tokio::select! {
            result = &mut work => break ended(result, &progress),
            beaten = beat => match beaten {
                Ok(Some(JobState::Stopping)) => break called_off(&progress),
                // Somebody else has it now; what it does is done once, by its key.
                Ok(None) => return Ok(()),
                // The work itself may hold what the beat needs; the next one will do.
                Ok(Some(_)) | Err(_) => {}
            },
            _ = stop.changed() => return Ok(()),
        }
    };
    drop(work);
    store::end(&app.db, worker(app, name, book.id), job.id, &end).await?;
    Ok(())
}

fn called_off(progress: &Progress) -> End {
    End {
        state: JobState::Cancelled,
        answer: Value::Null.to_string(),
        output: None,
        rows: rows(progress),
    }
}

/// What a job gives: its answer, and a file when it makes one.
type Made = (Value, Option<Vec<u8>>);

fn ended(result: Result<Made, Error>, progress: &Progress) -> End {
    let (state, answer, output) = match result {
        Ok((answer, output)) => (JobState::Done, answer, output),
        Err(Error::Refused { problem, findings }) => {
            (JobState::Refused, refusal(&problem, &findings), None)
        }
        Err(Error::Internal(error)) => {
            let cause = roster::mask_numbers(&format!("{error:#}"));
            tracing::error!(cause, "a job failed");
            (JobState::Failed, json!({ "code": "INTERNAL" }), None)
        }
    };
    End {
        state,
        answer: answer.to_string(),
        output,
        rows: rows(progress),
    }
}

/// A refusal in both languages, with everything that was found in a file.
fn refusal(problem: &Problem, findings: &[Finding]) -> Value {
    let said =
        |language| json!({ "title": problem.title(language), "next": problem.next(language) });
    let found = |finding: &Finding| {
        let place = &finding.place;
        json!({
            "code": finding.code, "zh": finding.zh, "en": finding.en,
            "where": { "sheet": place.sheet, "row": place.row, "column": place.column,
                "field": place.field, "value": place.value },
        })
    };
    json!({
        "code": problem.code(), "zh": said(Language::Zh), "en": said(Language::En),
        "findings": findings.iter().map(found).collect::<Vec<_>>(),
    })
}

/// Does what a job is for, as the one who asked: with the roles that the user has now and had then.
async fn perform(app: &App, book: &Book, job: &Job, progress: Progress) -> Result<Made, Error> {
    let mut tx = app.db.begin_read().await?;
    let users = book::users(&mut tx, book.id).await?;
    let input = store::input(&mut tx, book.id, job.id).await?;
    tx.rollback().await?;
    let user = users.into_iter().find(|user| user.id == job.user);
    let mut user = user.ok_or_else(|| not_found("用户 user", job.user))?;
    if !user.active {
        return Err(Problem::new(Kind::UserDisabled)
            .with("user", &user.login)
            .into());
    }
    user.roles.retain(|role| job.roles.contains(role));
    let mut caller = Caller::new(book.clone(), user, &format!("job {}", job.id));
    caller.progress = progress;
    let request: Value = serde_json::from_str(&job.request).map_err(anyhow::Error::from)?;
    let (caller, key) = (&caller, Some(job.key()));
    let run = || RunId(request["run"].as_i64().unwrap_or(0));
    let done = match job.kind.as_str() {
        "roster.import" => {
            let bytes = input.unwrap_or_default();
            import(app, caller, &request, &bytes, key).await?
        }
        "return.import" => {
            let file = ReturnInput {
                file_name: request["name"].as_str().unwrap_or_default().to_owned(),
                bytes: input.unwrap_or_default(),
                batch: request["batch"].as_str().map(str::to_owned),
                profile: request["profile"].as_str().map(str::to_owned),
                said: Said {
                    count: request["count"].as_u64(),
                    total: request["total_fen"].as_i64().map(Fen::new),
                    is_finished: request["finished"].as_bool().unwrap_or(false),
                },
            };
            returns::import(app, caller, &file, key).await?
        }
        "statement.import" => {
            let text = |name: &str| request[name].as_str().map(str::to_owned);
            let file = StatementInput {
                account: text("account").unwrap_or_default(),
                file_name: text("name").unwrap_or_default(),
                bytes: input.unwrap_or_default(),
                profile: text("profile"),
            };
            statement::import(app, caller, &file, key).await?
        }
        "run.calculate" => run::calculate(app, caller, run(), key).await?,
        "run.check" => run::check(app, caller, run(), key).await?,
        "run.release" => {
            let on = request["on"].as_str().map(parse_date).transpose();
            let on = on.map_err(|_| invalid("on", &request["on"]))?;
            release::release(app, caller, run(), on, key).await?
        }
        "audit.verify" => return verify(app, caller, &request).await,
        "audit.export" => {
            let mut out = Vec::new();
            audit::export(app, caller, &mut out).await?;
            return Ok((json!({ "bytes": out.len() }), Some(out)));
        }
        other => return Err(not_found("任务种类 kind of job", other)),
    };
    Ok((done.answer, None))
}

async fn import(
    app: &App,
    caller: &Caller,
    request: &Value,
    bytes: &[u8],
    key: Option<String>,
) -> Result<Done, Error> {
    let text = |name: &str| request[name].as_str().unwrap_or_default();
    let month = text("month").parse();
    let file = RosterFile {
        program: text("program"),
        month: month.map_err(|_| invalid("month", &request["month"]))?,
        file_name: text("name"),
        bytes,
        expect_ended: request["expect_ended"]
            .as_u64()
            .and_then(|count| usize::try_from(count).ok()),
    };
    roster::import_file(app, caller, &file, false, key).await
}

async fn verify(app: &App, caller: &Caller, request: &Value) -> Result<Made, Error> {
    let heads = request["heads"].as_array().into_iter().flatten();
    let heads = heads.map(|head| head.as_str().unwrap_or_default().parse());
    let heads: Result<Vec<Head>, _> = heads.collect();
    let heads = heads.map_err(|_| invalid("heads", &request["heads"]))?;
    Ok((audit::verify(app, caller, &heads).await?.json, None))
}

fn invalid(field: &str, value: &Value) -> Error {
    Problem::new(Kind::FieldInvalid)
        .with("field", field)
        .with("value", value)
        .with("wanted", "/api/docs")
        .into()
}
