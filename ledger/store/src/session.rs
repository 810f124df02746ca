//! Sessions of people at a browser, and what guards the way in.
//!
//! These rows change and are not sealed: who comes and goes is recorded by audit entries.

use crate::boxed;
use ledger::calendar::Moment;
use ledger::id::{BookId, UserId};

use crate::catalogue::sql;
use crate::db::{Row, Tx, Value};
use crate::error::StoreError;

sql! {
    OPEN = "insert into web_session (book_id, session_no, user_id, token_hash, language, agent,
            begun_at, seen_at, ends_at)
        values ($1, $2, $3, $4, $5, $6, $7, $7, $8)";
    FIND = "select session_no, user_id, language, agent, begun_at, seen_at, ends_at
        from web_session where book_id = $1 and token_hash = $2";
    ALL = "select session_no, user_id, language, agent, begun_at, seen_at, ends_at
        from web_session where book_id = $1 order by session_no";
    SEEN = "update web_session set seen_at = $3
        where book_id = $1 and session_no = $2 and seen_at < $3";
    SPEAK = "update web_session set language = $3 where book_id = $1 and session_no = $2";
    END_ONE = "delete from web_session where book_id = $1 and session_no = $2";
    END_OTHERS = "delete from web_session
        where book_id = $1 and user_id = $2 and session_no <> $3";
    SWEEP = "delete from web_session where book_id = $1 and (ends_at <= $2 or seen_at <= $3)";
    GUARD = "select failures, locked_until, must_change, factor_state, factor_secret, factor_step
        from sign_in_guard where book_id = $1 and user_id = $2";
    KEEP_GUARD = "insert into sign_in_guard (book_id, user_id, failures, locked_until, must_change,
            factor_state, factor_secret, factor_step)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict (book_id, user_id) do update set failures = excluded.failures,
            locked_until = excluded.locked_until, must_change = excluded.must_change,
            factor_state = excluded.factor_state, factor_secret = excluded.factor_secret,
            factor_step = excluded.factor_step";
}

/// A session as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its number in the book; the audit trail names it `web-7`.
    pub number: i64,
    /// Whose it is.
    pub user: UserId,
    /// Code of the language that the pages speak: `zh` or `en`.
    pub language: String,
    /// What the browser says it is, shortened.
    pub agent: String,
    /// When it began.
    pub begun: Moment,
    /// When it was last used, to the minute.
    pub seen: Moment,
    /// When it ends, however much it is used.
    pub ends: Moment,
}

/// Whether a second factor is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FactorState {
    /// No.
    #[default]
    Off,
    /// A secret was shown and not confirmed yet: not asked for.
    Shown,
    /// Yes.
    On,
}

/// What stands between a user's password and a session.
#[derive(Clone, PartialEq, Eq)]
pub struct Guard {
    /// Failures since the last success.
    pub failures: i64,
    /// Nobody comes in before this moment.
    pub locked_until: Moment,
    /// Whether the password was given by another person and is to be changed first.
    pub must_change: bool,
    /// Whether a second factor is asked for.
    pub factor: FactorState,
    /// Its secret, of 20 bytes when there is one.
    pub secret: Vec<u8>,
    /// The last time step whose code was used: a code works once.
    pub step: i64,
}

impl Default for Guard {
    /// An open way.
    fn default() -> Guard {
        Guard {
            failures: 0,
            locked_until: Moment(0),
            must_change: false,
            factor: FactorState::Off,
            secret: Vec::new(),
            step: 0,
        }
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Guard")
            .field("failures", &self.failures)
            .field("locked_until", &self.locked_until)
            .field("must_change", &self.must_change)
            .field("factor", &self.factor)
            .finish_non_exhaustive()
    }
}

/// Stores a new session under the hash of its token.
#[boxed]
pub async fn open(
    tx: &mut Tx,
    book: BookId,
    session: &Session,
    token_hash: &[u8],
) -> Result<(), StoreError> {
    let args: [Value; 8] = [
        book.get().into(),
        session.number.into(),
        session.user.get().into(),
        token_hash.into(),
        session.language.as_str().into(),
        session.agent.as_str().into(),
        session.begun.0.into(),
        session.ends.0.into(),
    ];
    tx.execute_exactly(OPEN, &args, 1).await
}

/// The session with this token.
#[boxed]
pub async fn find(
    tx: &mut Tx,
    book: BookId,
    token_hash: &[u8],
) -> Result<Option<Session>, StoreError> {
    let args = [book.get().into(), token_hash.into()];
    let row = tx.query_opt(FIND, &args).await?;
    row.as_ref().map(session_of).transpose()
}

/// The sessions of a book by number.
#[boxed]
pub async fn all(tx: &mut Tx, book: BookId) -> Result<Vec<Session>, StoreError> {
    let rows = tx.query(ALL, &[book.get().into()]).await?;
    rows.iter().map(session_of).collect()
}

/// Notes that a session is in use.
#[boxed]
pub async fn seen(tx: &mut Tx, book: BookId, number: i64, at: Moment) -> Result<(), StoreError> {
    let args = [book.get().into(), number.into(), at.0.into()];
    tx.execute(SEEN, &args).await.map(drop)
}

/// Sets the language of a session.
#[boxed]
pub async fn speak(
    tx: &mut Tx,
    book: BookId,
    number: i64,
    language: &str,
) -> Result<(), StoreError> {
    let args = [book.get().into(), number.into(), language.into()];
    tx.execute(SPEAK, &args).await.map(drop)
}

/// Ends a session; says whether it was there.
#[boxed]
pub async fn end(tx: &mut Tx, book: BookId, number: i64) -> Result<bool, StoreError> {
    let args = [book.get().into(), number.into()];
    Ok(tx.execute(END_ONE, &args).await? > 0)
}

/// Ends the sessions of a user but the one with this number; says how many.
#[boxed]
pub async fn end_others(
    tx: &mut Tx,
    book: BookId,
    user: UserId,
    but: i64,
) -> Result<u64, StoreError> {
    let args = [book.get().into(), user.get().into(), but.into()];
    tx.execute(END_OTHERS, &args).await
}

/// Takes away what has run out by now, or was not used since.
#[boxed]
pub async fn sweep(
    tx: &mut Tx,
    book: BookId,
    now: Moment,
    since: Moment,
) -> Result<(), StoreError> {
    let args = [book.get().into(), now.0.into(), since.0.into()];
    tx.execute(SWEEP, &args).await.map(drop)
}

/// What guards a user's way in; open when nothing is kept.
#[boxed]
pub async fn guard(tx: &mut Tx, book: BookId, user: UserId) -> Result<Guard, StoreError> {
    let row = tx
        .query_opt(GUARD, &[book.get().into(), user.get().into()])
        .await?;
    let Some(row) = row else {
        return Ok(Guard::default());
    };
    Ok(Guard {
        failures: row.int(0)?,
        locked_until: Moment(row.int(1)?),
        must_change: row.int(2)? != 0,
        factor: match row.int(3)? {
            0 => FactorState::Off,
            1 => FactorState::Shown,
            2 => FactorState::On,
            _ => return Err(StoreError::inconsistent("sign_in_guard", "factor_state")),
        },
        secret: row.bytes(4)?,
        step: row.int(5)?,
    })
}

/// Keeps what guards a user's way in.
#[boxed]
pub async fn keep_guard(
    tx: &mut Tx,
    book: BookId,
    user: UserId,
    guard: &Guard,
) -> Result<(), StoreError> {
    let factor = match guard.factor {
        FactorState::Off => 0_i64,
        FactorState::Shown => 1,
        FactorState::On => 2,
    };
    let args: [Value; 8] = [
        book.get().into(),
        user.get().into(),
        guard.failures.into(),
        guard.locked_until.0.into(),
        i64::from(guard.must_change).into(),
        factor.into(),
        guard.secret.as_slice().into(),
        guard.step.into(),
    ];
    tx.execute(KEEP_GUARD, &args).await.map(drop)
}

fn session_of(row: &Row) -> Result<Session, StoreError> {
    Ok(Session {
        number: row.int(0)?,
        user: UserId(row.int(1)?),
        language: row.text(2)?,
        agent: row.text(3)?,
        begun: Moment(row.int(4)?),
        seen: Moment(row.int(5)?),
        ends: Moment(row.int(6)?),
    })
}
