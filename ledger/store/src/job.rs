//! Long work that a worker does: its rows are mutable and sealed by nothing. What a job changes is
//! a command of its own, under the key that [`Job::key`] gives.

use crate::boxed;
use ledger::calendar::Moment;
use ledger::disbursement::role::Role;
use ledger::id::{BookId, JobId, UserId};

use crate::catalogue::sql;
use crate::db::{Db, Row, Tx, Value};
use crate::error::StoreError;
use crate::token::roles_of;
use crate::write::Write;

sql! {
    ADD = "insert into job (book_id, job_id, kind, request, input, user_id, roles, state, begun,
            rows_done, rows_of, asked_at)
        values ($1, $2, $3, $4, $5, $6, $7, 'queued', 0, 0, 0, $8)";
    CLAIM = "update job set state = 'running', worker = $3, lease_until = $4, begun = begun + 1
        where book_id = $1 and job_id = (select min(job_id) from job where book_id = $1
                and (state = 'queued' or state = 'running' and lease_until < $2))
            and (state = 'queued' or state = 'running' and lease_until < $2)
        returning job_id, kind, request, user_id, roles, state, begun, rows_done, rows_of, answer,
            asked_at, ended_at";
    INPUT = "select input from job where book_id = $1 and job_id = $2";
    OUTPUT = "select output from job where book_id = $1 and job_id = $2";
    BEAT = "update job set lease_until = $4, rows_done = $5, rows_of = $6
        where book_id = $1 and job_id = $2 and worker = $3 and state in ('running', 'stopping')
        returning state";
    END = "update job set state = $4, answer = $5, output = $6, rows_done = $7, rows_of = $8,
            ended_at = $9, input = null, lease_until = null
        where book_id = $1 and job_id = $2 and worker = $3 and state in ('running', 'stopping')";
    STOP = "update job set
            ended_at = case when state = 'queued' then $3 else ended_at end,
            input = case when state = 'queued' then null else input end,
            state = case when state = 'queued' then 'cancelled' else 'stopping' end
        where book_id = $1 and job_id = $2
            and (state = 'queued' or state = 'running' and $4 = 1) returning state";
    BURY = "update job set state = 'cancelled', ended_at = $2, input = null
        where book_id = $1 and state = 'stopping' and lease_until < $2";
    JOB = "select job_id, kind, request, user_id, roles, state, begun, rows_done, rows_of, answer,
            asked_at, ended_at
        from job where book_id = $1 and job_id = $2";
    JOBS = "select job_id, kind, request, user_id, roles, state, begun, rows_done, rows_of, answer,
            asked_at, ended_at
        from job where book_id = $1 and job_id < $2 order by job_id desc limit $3";
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It waits for a worker.
    Queued,
    /// A worker is at it.
    Running,
    /// It is to stop; its worker has not heard of it yet.
    Stopping,
    /// It came to its end.
    Done,
    /// What it was to do was refused.
    Refused,
    /// An accident.
    Failed,
    /// It was called off.
    Cancelled,
}

impl JobState {
    const ALL: [(JobState, &str); 7] = [
        (JobState::Queued, "queued"),
        (JobState::Running, "running"),
        (JobState::Stopping, "stopping"),
        (JobState::Done, "done"),
        (JobState::Refused, "refused"),
        (JobState::Failed, "failed"),
        (JobState::Cancelled, "cancelled"),
    ];

    /// As it is stored.
    pub fn code(self) -> &'static str {
        let mut all = JobState::ALL.iter();
        all.find(|(state, _)| *state == self)
            .map_or("", |(_, code)| code)
    }

    /// Whether nothing will change any more.
    pub fn is_over(self) -> bool {
        use JobState::{Cancelled, Done, Failed, Refused};
        matches!(self, Done | Refused | Failed | Cancelled)
    }

    fn read(code: &str) -> Result<JobState, StoreError> {
        let found = JobState::ALL.iter().find(|(_, known)| *known == code);
        found
            .map(|(state, _)| *state)
            .ok_or_else(|| StoreError::inconsistent("job", "state"))
    }
}

/// A job without what goes in and comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Number in the book.
    pub id: JobId,
    /// What is done: `run.calculate`.
    pub kind: String,
    /// Its input, a JSON document.
    pub request: String,
    /// Who asked.
    pub user: UserId,
    /// With these roles at most.
    pub roles: Vec<Role>,
    /// How it stands.
    pub state: JobState,
    /// How often a worker began it.
    pub begun: i64,
    /// Rows done.
    pub rows_done: i64,
    /// Of how many; 0 when nobody knows.
    pub rows_of: i64,
    /// What it came to: a JSON document, the answer or the problem.
    pub answer: Option<String>,
    /// When it was asked for.
    pub asked: Moment,
    /// When it came to its end.
    pub ended: Option<Moment>,
}

impl Job {
    /// The key of the command that the job does: the same however often it is begun.
    pub fn key(&self) -> String {
        format!("job/{}", self.id)
    }
}

/// What a job came to.
#[derive(Clone, Debug)]
pub struct End {
    /// Done, refused, failed or cancelled.
    pub state: JobState,
    /// The answer or the problem, a JSON document.
    pub answer: String,
    /// A file, when it makes one.
    pub output: Option<Vec<u8>>,
    /// Rows done, of how many.
    pub rows: (i64, i64),
}

/// A worker that is at work in a book: who, now, and until when it counts as alive.
#[derive(Clone, Copy, Debug)]
pub struct Worker<'a> {
    /// The book.
    pub book: BookId,
    /// Its name, its own among all workers.
    pub name: &'a str,
    /// Now.
    pub now: Moment,
    /// Counts as dead from then on.
    pub until: Moment,
}

/// Stores a job that waits. Its input is part of the command that asks for it.
#[boxed]
pub async fn add(write: &mut Write, job: &Job, input: Option<Vec<u8>>) -> Result<(), StoreError> {
    let roles: Vec<&str> = job.roles.iter().map(|role| role.code()).collect();
    let args: [Value; 8] = [
        write.book().get().into(),
        job.id.get().into(),
        job.kind.as_str().into(),
        job.request.as_str().into(),
        input.map_or(Value::NullBytes, Value::Bytes),
        job.user.get().into(),
        roles.join(",").into(),
        job.asked.0.into(),
    ];
    write.tx().execute_exactly(ADD, &args, 1).await
}

/// Takes the first job that waits or whose worker is dead.
#[boxed]
pub async fn claim<'a>(db: &'a Db, worker: Worker<'a>) -> Result<Option<Job>, StoreError> {
    let mut tx = db.begin_write().await?;
    let book = Value::Int(worker.book.get());
    tx.execute(BURY, &[book.clone(), worker.now.0.into()])
        .await?;
    let args = [
        book,
        worker.now.0.into(),
        worker.name.into(),
        worker.until.0.into(),
    ];
    let claimed = tx.query_opt(CLAIM, &args).await?;
    tx.commit().await?;
    claimed.as_ref().map(job_of).transpose()
}

/// What goes into a job.
#[boxed]
pub async fn input(tx: &mut Tx, book: BookId, id: JobId) -> Result<Option<Vec<u8>>, StoreError> {
    blob(tx, INPUT, book, id).await
}

/// The file that a job made.
#[boxed]
pub async fn output(tx: &mut Tx, book: BookId, id: JobId) -> Result<Option<Vec<u8>>, StoreError> {
    blob(tx, OUTPUT, book, id).await
}

async fn blob(
    tx: &mut Tx,
    sql: &'static str,
    book: BookId,
    id: JobId,
) -> Result<Option<Vec<u8>>, StoreError> {
    let args = [book.get().into(), id.get().into()];
    match tx.query_opt(sql, &args).await? {
        Some(row) => row.opt_bytes(0),
        None => Ok(None),
    }
}

/// Says that the worker lives and how far it is. None when the job is no longer the worker's.
#[boxed]
pub async fn beat<'a>(
    db: &'a Db,
    worker: Worker<'a>,
    id: JobId,
    (done, of): (i64, i64),
) -> Result<Option<JobState>, StoreError> {
    let mut tx = db.begin_write().await?;
    let args = [
        worker.book.get().into(),
        id.get().into(),
        worker.name.into(),
        worker.until.0.into(),
        done.into(),
        of.into(),
    ];
    let row = tx.query_opt(BEAT, &args).await?;
    tx.commit().await?;
    row.map(|row| JobState::read(row.text_ref(0)?)).transpose()
}

/// Stores what a job came to. False when the job is no longer the worker's.
#[boxed]
pub async fn end<'a>(
    db: &'a Db,
    worker: Worker<'a>,
    id: JobId,
    end: &'a End,
) -> Result<bool, StoreError> {
    let mut tx = db.begin_write().await?;
    let args = [
        worker.book.get().into(),
        id.get().into(),
        worker.name.into(),
        end.state.code().into(),
        end.answer.as_str().into(),
        end.output.clone().map_or(Value::NullBytes, Value::Bytes),
        end.rows.0.into(),
        end.rows.1.into(),
        worker.now.0.into(),
    ];
    let ended = tx.execute(END, &args).await?;
    tx.commit().await?;
    Ok(ended == 1)
}

/// Calls a job off: at once when it waits, and when it runs only if that is safe. None when it
/// cannot be called off.
#[boxed]
pub async fn stop(
    write: &mut Write,
    id: JobId,
    at: Moment,
    also_running: bool,
) -> Result<Option<JobState>, StoreError> {
    let args = [
        write.book().get().into(),
        id.get().into(),
        at.0.into(),
        i64::from(also_running).into(),
    ];
    let row = write.tx().query_opt(STOP, &args).await?;
    row.map(|row| JobState::read(row.text_ref(0)?)).transpose()
}

/// One job.
#[boxed]
pub async fn job(tx: &mut Tx, book: BookId, id: JobId) -> Result<Option<Job>, StoreError> {
    let row = tx
        .query_opt(JOB, &[book.get().into(), id.get().into()])
        .await?;
    row.as_ref().map(job_of).transpose()
}

/// Jobs with numbers below `before`, newest first.
#[boxed]
pub async fn jobs(
    tx: &mut Tx,
    book: BookId,
    before: i64,
    limit: i64,
) -> Result<Vec<Job>, StoreError> {
    let args = [book.get().into(), before.into(), limit.into()];
    let rows = tx.query(JOBS, &args).await?;
    rows.iter().map(job_of).collect()
}

fn job_of(row: &Row) -> Result<Job, StoreError> {
    Ok(Job {
        id: JobId(row.int(0)?),
        kind: row.text(1)?,
        request: row.text(2)?,
        user: UserId(row.int(3)?),
        roles: roles_of(row.text_ref(4)?, "job")?,
        state: JobState::read(row.text_ref(5)?)?,
        begun: row.int(6)?,
        rows_done: row.int(7)?,
        rows_of: row.int(8)?,
        answer: row.opt_text(9)?,
        asked: Moment(row.int(10)?),
        ended: row.opt_int(11)?.map(Moment),
    })
}
