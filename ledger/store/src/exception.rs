//! Exceptions: whatever does not match, until two people have settled it.

use crate::boxed;
use ledger::calendar::{Date, parse_date};
use ledger::id::{BookId, ExceptionId, UserId};
use ledger::money::Fen;

use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{Row, RowBuffer, Tx, Value};
use crate::error::StoreError;
use crate::table;
use crate::write::Write;

sql! {
    EXCEPTIONS = "select x.exception_id, x.kind, x.source, x.source_id, x.line_no, x.payment_id,
        x.attempt_no, x.amount_fen, x.detail, e.n, e.state, e.user_id, e.resolution, e.note
        from exception x
        join exception_event e on e.book_id = x.book_id and e.exception_id = x.exception_id
        where x.book_id = $1 and x.exception_id > $2
        and e.n = (select max(n) from exception_event m
            where m.book_id = x.book_id and m.exception_id = x.exception_id)
        order by x.exception_id limit $3";
    OPEN_EXCEPTIONS = "select x.exception_id, x.kind, x.source, x.source_id, x.line_no,
        x.payment_id, x.attempt_no, x.amount_fen, x.detail, e.n, e.state, e.user_id,
        e.resolution, e.note
        from (select exception_id, max(n) as n from exception_event
            where book_id = $1 and exception_id > $2
            group by exception_id having max(case when state = 'settled' then 1 else 0 end) = 0
            order by exception_id limit $3) o
        cross join exception x
        cross join exception_event e
        where x.book_id = $1 and x.exception_id = o.exception_id
        and e.book_id = $1 and e.exception_id = o.exception_id and e.n = o.n
        order by x.exception_id";
    FOUND_EXCEPTIONS = "select x.exception_id, x.kind, x.source, x.source_id, x.line_no,
        x.payment_id, x.attempt_no, x.amount_fen, x.detail, e.n, e.state, e.user_id,
        e.resolution, e.note
        from exception x
        join exception_event e on e.book_id = x.book_id and e.exception_id = x.exception_id
        where x.book_id = $1 and x.exception_id > $2
        and e.n = (select max(n) from exception_event m
            where m.book_id = x.book_id and m.exception_id = x.exception_id)
        and $3 like '%,' || e.state || ',%'
        and ($4 = '%%' or $5 like '%,' || x.kind || ',%' or $6 like '%,' || e.state || ',%'
            or lower(x.exception_id || ' ' || x.source || ' ' || x.source_id || ' '
                || x.payment_id || ' ' || x.detail || ' ' || e.resolution) like $4 escape '!'
            or $7 like '%,' || (select o.owner_id from exception_note o
                where o.book_id = x.book_id and o.exception_id = x.exception_id
                and o.kind = 'owner' order by o.n desc limit 1) || ',%')
        order by x.exception_id limit $8";
    COUNT_FOUND = "select count(*), sum(case when x.exception_id <= $2 then 1 else 0 end)
        from exception x
        join exception_event e on e.book_id = x.book_id and e.exception_id = x.exception_id
        where x.book_id = $1
        and e.n = (select max(n) from exception_event m
            where m.book_id = x.book_id and m.exception_id = x.exception_id)
        and $3 like '%,' || e.state || ',%'
        and ($4 = '%%' or $5 like '%,' || x.kind || ',%' or $6 like '%,' || e.state || ',%'
            or lower(x.exception_id || ' ' || x.source || ' ' || x.source_id || ' '
                || x.payment_id || ' ' || x.detail || ' ' || e.resolution) like $4 escape '!'
            or $7 like '%,' || (select o.owner_id from exception_note o
                where o.book_id = x.book_id and o.exception_id = x.exception_id
                and o.kind = 'owner' order by o.n desc limit 1) || ',%')";
    COUNTS = "select sum(case when e.state = 'open' then 1 else 0 end),
        sum(case when e.state = 'proposed' and e.user_id <> $2 then 1 else 0 end),
        sum(case when e.state = 'proposed' and e.user_id = $2 then 1 else 0 end)
        from exception_event e where e.book_id = $1
        and e.n = (select max(n) from exception_event m
            where m.book_id = e.book_id and m.exception_id = e.exception_id)";
    NOTES = "select exception_id, n, kind, on_date, user_id, owner_id, text, file_name, sha256
        from exception_note where book_id = $1 and exception_id >= $2 and exception_id <= $3
        order by exception_id, n";
    LAST_NOTE = "select max(n) from exception_note where book_id = $1 and exception_id = $2";
    EXCEPTION = "select x.exception_id, x.kind, x.source, x.source_id, x.line_no, x.payment_id,
        x.attempt_no, x.amount_fen, x.detail, e.n, e.state, e.user_id, e.resolution, e.note
        from exception x
        join exception_event e on e.book_id = x.book_id and e.exception_id = x.exception_id
        where x.book_id = $1 and x.exception_id = $2
        order by e.n desc limit 1";
}

/// Where an exception stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExceptionState {
    /// 未处理.
    Open,
    /// One person has said how to settle it.
    Proposed,
    /// A second person has agreed.
    Settled,
}

impl ExceptionState {
    /// All of them.
    pub const ALL: [ExceptionState; 3] = [
        ExceptionState::Open,
        ExceptionState::Proposed,
        ExceptionState::Settled,
    ];

    /// As stored.
    pub fn code(self) -> &'static str {
        match self {
            ExceptionState::Open => "open",
            ExceptionState::Proposed => "proposed",
            ExceptionState::Settled => "settled",
        }
    }

    /// 中文.
    pub fn name(self) -> &'static str {
        match self {
            ExceptionState::Open => "未处理",
            ExceptionState::Proposed => "待确认",
            ExceptionState::Settled => "已处理",
        }
    }

    /// From its code.
    pub fn from_code(code: &str) -> Option<ExceptionState> {
        let mut all = ExceptionState::ALL.into_iter();
        all.find(|state| state.code() == code)
    }
}

/// 差异.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Its number.
    pub id: ExceptionId,
    /// What does not match.
    pub kind: String,
    /// `return`, `statement`, `notice` or `exception`.
    pub source: String,
    /// The number of that.
    pub source_id: i64,
    /// The line of its file.
    pub line_no: i64,
    /// The payment concerned; 0 for none.
    pub payment: i64,
    /// The attempt concerned; 0 for none.
    pub attempt: i64,
    /// How much.
    pub amount: Fen,
    /// What was found, without names.
    pub detail: String,
    /// How many events it has had.
    pub events: i64,
    /// Where it stands.
    pub state: ExceptionState,
    /// Who acted last.
    pub user: UserId,
    /// How it is to be settled.
    pub resolution: String,
    /// Why.
    pub note: String,
}

/// Which exceptions to read: in the order of their numbers, a page at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Those after this number; 0 for the first.
    pub after: i64,
    /// So many at most.
    pub limit: i64,
}

impl Page {
    /// What a list shows unless more is asked for.
    pub const FIRST: Page = Page {
        after: 0,
        limit: 1_000,
    };

    /// All of them.
    pub const ALL: Page = Page {
        after: 0,
        limit: i64::MAX,
    };
}

/// All exceptions with their present states.
#[boxed]
pub async fn exceptions(tx: &mut Tx, book: BookId) -> Result<Vec<Exception>, StoreError> {
    page(tx, book, false, Page::ALL).await
}

/// A page of exceptions with their present states: all, or those that are not settled. The settled
/// ones are passed over in one run through the events.
#[boxed]
pub async fn page(
    tx: &mut Tx,
    book: BookId,
    open_only: bool,
    page: Page,
) -> Result<Vec<Exception>, StoreError> {
    let sql = if open_only {
        OPEN_EXCEPTIONS
    } else {
        EXCEPTIONS
    };
    let args = [book.get().into(), page.after.into(), page.limit.into()];
    tx.query(sql, &args)
        .await?
        .iter()
        .map(exception_of)
        .collect()
}

/// What is looked for among exceptions. A text is found in number, source, payment, detail and
/// resolution; whose names hold it is said by the caller: kinds, states and owners.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those that are not settled only.
    pub open_only: bool,
    /// The text; empty for all.
    pub text: String,
    /// Kinds that match too.
    pub kinds: Vec<&'static str>,
    /// States that match too.
    pub states: Vec<ExceptionState>,
    /// Those that these people look after match too.
    pub owners: Vec<UserId>,
}

impl Filter {
    /// The parameters from `$3` to `$7`.
    fn values(&self) -> [Value; 5] {
        let list = |parts: Vec<String>| Value::from(format!(",{},", parts.join(",")).as_str());
        let code = |state: &ExceptionState| state.code().to_owned();
        let there: &[ExceptionState] = match self.open_only {
            true => &[ExceptionState::Open, ExceptionState::Proposed],
            false => &ExceptionState::ALL,
        };
        let text = self.text.to_lowercase();
        let text = text
            .replace('!', "!!")
            .replace('%', "!%")
            .replace('_', "!_");
        [
            list(there.iter().map(code).collect()),
            format!("%{text}%").as_str().into(),
            list(self.kinds.iter().map(|kind| (*kind).to_owned()).collect()),
            list(self.states.iter().map(code).collect()),
            list(self.owners.iter().map(ToString::to_string).collect()),
        ]
    }
}

/// A page of the exceptions that match, how many match, and how many of those stand before it.
#[boxed]
pub async fn found(
    tx: &mut Tx,
    book: BookId,
    filter: &Filter,
    page: Page,
) -> Result<(Vec<Exception>, i64, i64), StoreError> {
    let mut args = vec![book.get().into(), page.after.into()];
    args.extend(filter.values());
    let counts = tx.query_one(COUNT_FOUND, &args).await?;
    let (matching, before) = (counts.int(0)?, counts.opt_int(1)?.unwrap_or(0));
    args.push(page.limit.into());
    let rows = tx.query(FOUND_EXCEPTIONS, &args).await?;
    let found = rows.iter().map(exception_of).collect::<Result<_, _>>()?;
    Ok((found, matching, before))
}

/// How many exceptions are open, proposed by others, and proposed by this person.
#[boxed]
pub async fn counts(tx: &mut Tx, book: BookId, user: UserId) -> Result<[i64; 3], StoreError> {
    let args = [book.get().into(), user.get().into()];
    let row = tx.query_one(COUNTS, &args).await?;
    let count = |column| Ok::<i64, StoreError>(row.opt_int(column)?.unwrap_or(0));
    Ok([count(0)?, count(1)?, count(2)?])
}

/// One exception with its present state.
#[boxed]
pub async fn exception(
    tx: &mut Tx,
    book: BookId,
    id: ExceptionId,
) -> Result<Option<Exception>, StoreError> {
    let args = [book.get().into(), id.get().into()];
    let row = tx.query_opt(EXCEPTION, &args).await?;
    row.as_ref().map(exception_of).transpose()
}

/// Stores new exceptions and their opening events; their numbers are given here.
#[boxed]
pub async fn open(
    write: &mut Write,
    exceptions: &mut [Exception],
    user: UserId,
    on: Date,
) -> Result<(), Failure> {
    if exceptions.is_empty() {
        return Ok(());
    }
    let first = write.allot("exception", exceptions.len()).await?;
    let mut rows = RowBuffer::of(&table::EXCEPTION);
    let mut events = RowBuffer::of(&table::EXCEPTION_EVENT);
    let mut notes = RowBuffer::of(&table::EXCEPTION_NOTE);
    for (id, exception) in (first..).zip(exceptions) {
        exception.id = ExceptionId(id);
        exception.user = user;
        rows.push([
            Value::Int(write.book().get()),
            id.into(),
            exception.kind.as_str().into(),
            exception.source.as_str().into(),
            exception.source_id.into(),
            exception.line_no.into(),
            exception.payment.into(),
            exception.attempt.into(),
            exception.amount.get().into(),
            exception.detail.as_str().into(),
        ]);
        events.push(event_row(write, exception, "open"));
        let note = Note::new(NoteKind::Opened, on, user);
        notes.push(note_row(write, exception.id, &note));
    }
    write.insert(&table::EXCEPTION, rows).await?;
    write.insert(&table::EXCEPTION_EVENT, events).await?;
    Ok(write.insert(&table::EXCEPTION_NOTE, notes).await?)
}

/// What is noted of an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// It came up.
    Opened,
    /// Who looks after it.
    Owner,
    /// Words.
    Comment,
    /// A document, by its name and hash.
    Evidence,
}

impl NoteKind {
    const ALL: [(NoteKind, &'static str); 4] = [
        (NoteKind::Opened, "opened"),
        (NoteKind::Owner, "owner"),
        (NoteKind::Comment, "comment"),
        (NoteKind::Evidence, "evidence"),
    ];

    /// As stored.
    pub fn code(self) -> &'static str {
        let found = NoteKind::ALL.iter().find(|(kind, _)| *kind == self);
        found.map_or("", |(_, code)| code)
    }
}

/// A note on an exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its place, from 1.
    pub n: i64,
    /// What it is.
    pub kind: NoteKind,
    /// When.
    pub on: Date,
    /// By whom.
    pub user: UserId,
    /// Who looks after the exception from now on; 0 for other notes.
    pub owner: UserId,
    /// The words.
    pub text: String,
    /// The name of the document.
    pub file_name: String,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

impl Note {
    /// A note without words, the first of its exception.
    pub fn new(kind: NoteKind, on: Date, user: UserId) -> Note {
        Note {
            n: 1,
            kind,
            on,
            user,
            owner: UserId(0),
            text: String::new(),
            file_name: String::new(),
            sha256: String::new(),
        }
    }
}

/// Stores a note; its place is given here.
#[boxed]
pub async fn add_note(write: &mut Write, id: ExceptionId, note: &mut Note) -> Result<(), Failure> {
    let args = [write.book().get().into(), id.get().into()];
    let last = write.tx().query_one(LAST_NOTE, &args).await?.opt_int(0)?;
    note.n = last.unwrap_or(0) + 1;
    let row = note_row(write, id, note);
    Ok(write.insert_one(&table::EXCEPTION_NOTE, row).await?)
}

fn note_row(write: &Write, id: ExceptionId, note: &Note) -> [Value; 10] {
    [
        write.book().get().into(),
        id.get().into(),
        note.n.into(),
        note.kind.code().into(),
        note.on.to_string().into(),
        note.user.get().into(),
        note.owner.get().into(),
        note.text.as_str().into(),
        note.file_name.as_str().into(),
        note.sha256.as_str().into(),
    ]
}

/// The notes on the exceptions between two numbers, in order.
#[boxed]
pub async fn notes(
    tx: &mut Tx,
    book: BookId,
    (first, last): (i64, i64),
) -> Result<Vec<(ExceptionId, Note)>, StoreError> {
    let args = [book.get().into(), first.into(), last.into()];
    let rows = tx.query(NOTES, &args).await?;
    rows.iter()
        .map(|row| {
            let code = row.text(2)?;
            let known = NoteKind::ALL.iter().find(|(_, known)| *known == code);
            let bad = |column| StoreError::inconsistent("exception_note", column);
            let note = Note {
                n: row.int(1)?,
                kind: known.ok_or_else(|| bad("kind"))?.0,
                on: parse_date(row.text_ref(3)?).map_err(|_| bad("on_date"))?,
                user: UserId(row.int(4)?),
                owner: UserId(row.int(5)?),
                text: row.text(6)?,
                file_name: row.text(7)?,
                sha256: row.text(8)?,
            };
            Ok((ExceptionId(row.int(0)?), note))
        })
        .collect()
}

/// Appends the event that brought the exception into the state which it now carries.
#[boxed]
pub async fn add_event(
    write: &mut Write,
    exception: &Exception,
    event: &'static str,
) -> Result<(), Failure> {
    let row = event_row(write, exception, event);
    Ok(write.insert_one(&table::EXCEPTION_EVENT, row).await?)
}

fn event_row(write: &Write, exception: &Exception, event: &'static str) -> [Value; 8] {
    [
        write.book().get().into(),
        exception.id.get().into(),
        exception.events.into(),
        event.into(),
        exception.state.code().into(),
        exception.user.get().into(),
        exception.resolution.as_str().into(),
        exception.note.as_str().into(),
    ]
}

fn exception_of(row: &Row) -> Result<Exception, StoreError> {
    Ok(Exception {
        id: ExceptionId(row.int(0)?),
        kind: row.text(1)?,
        source: row.text(2)?,
        source_id: row.int(3)?,
        line_no: row.int(4)?,
        payment: row.int(5)?,
        attempt: row.int(6)?,
        amount: Fen::new(row.int(7)?),
        detail: row.text(8)?,
        events: row.int(9)?,
        state: ExceptionState::from_code(&row.text(10)?)
            .ok_or_else(|| StoreError::inconsistent("exception_event", "state"))?,
        user: UserId(row.int(11)?),
        resolution: row.text(12)?,
        note: row.text(13)?,
    })
}
