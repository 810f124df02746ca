//! Signing in and out: lock-out, second factor and the sessions of the pages.
//!
//! Each sign-in, refusal, lock-out and ending is an entry of the audit trail. The rows behind them
//! change and are not sealed (`0008_sessions.sql` says why).

use argon2::password_hash::PasswordVerifier;
use argon2::{Argon2, password_hash::phc::PasswordHash};
use ledger::audit::hex::{document_hash, encode};
use ledger::calendar::Moment;
use ledger::disbursement::role::{Action, Role};
use ledger::id::BookId;
use ledger::problem::{Kind, Language, Problem};
use ledger_store::book::{self, Book, User};
use ledger_store::boxed;
use ledger_store::session::{self as store, FactorState, Guard, Session};
use ledger_store::write::Write;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use super::view::{Report, Table, words};
use super::{App, Caller, Done, Error, Order, not_found};

/// Failures in a row that lock a user out.
pub const FAILURES_MAX: i64 = 5;
/// How long a lock-out lasts.
pub const LOCK_MINUTES: i64 = 15;
/// A session that is not used for so long has ended.
pub const IDLE_MINUTES: i64 = 30;
/// A session ends after so long, however much it is used: a working day.
pub const SESSION_MINUTES: i64 = 12 * 60;
/// The longest description of a browser that is kept.
const AGENT_CHARACTERS_MAX: usize = 120;
const MINUTE: i64 = 60_000_000;
/// Bytes of a second factor's secret (RFC 4226, section 4: 160 bits are recommended).
const SECRET_BYTES: usize = 20;

/// What a person gives to come in.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The user's name.
    pub login: &'a str,
    /// The password.
    pub password: &'a str,
    /// The code of the second factor, where there is one.
    pub code: Option<&'a str>,
}

impl std::fmt::Debug for Credentials<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// A session in use.
#[derive(Clone, Debug)]
pub struct Live {
    /// Who, in which book.
    pub caller: Caller,
    /// The session.
    pub session: Session,
    /// Whether the password is to be changed before anything else.
    pub must_change: bool,
}

/// Makes sure who somebody is.
///
/// # Errors
/// [`Kind::WrongPassword`], which does not say whether the name exists, [`Kind::UserDisabled`],
/// [`Kind::SignInLocked`], [`Kind::FactorMissing`] and [`Kind::FactorWrong`]; all are recorded.
#[boxed]
pub async fn identify<'a>(
    app: &'a App,
    book: &'a Book,
    given: Credentials<'a>,
    session: &'a str,
) -> Result<(User, Guard), Error> {
    let mut tx = app.db.begin_read().await?;
    let users = book::users(&mut tx, book.id).await?;
    let found = users.into_iter().find(|user| user.login == given.login);
    let (hash, guard) = match &found {
        Some(user) => (
            book::credential(&mut tx, book.id, user.id).await?,
            store::guard(&mut tx, book.id, user.id).await?,
        ),
        None => (None, Guard::default()),
    };
    tx.rollback().await?;
    let judged = judge(app, &found, hash.as_deref(), &guard, given);
    let refused = match (judged, found) {
        (Ok(step), Some(user)) => {
            let guard = succeed(app, book.id, &user, guard, step).await?;
            return Ok((user, guard));
        }
        (Ok(_), None) => (Problem::new(Kind::WrongPassword), None),
        (Err(problem), found) => (problem, found),
    };
    refuse(app, book, refused, session).await
}

/// The time step of the code when everything is right.
fn judge(
    app: &App,
    found: &Option<User>,
    hash: Option<&str>,
    guard: &Guard,
    given: Credentials<'_>,
) -> Result<i64, Problem> {
    let now = app.clock.now();
    if let Some(user) = found.as_ref().filter(|_| guard.locked_until > now) {
        let left = (guard.locked_until.0 - now.0 + MINUTE - 1) / MINUTE;
        return Err(Problem::new(Kind::SignInLocked)
            .with("user", &user.login)
            .with("minutes", left));
    }
    let Some((user, hash)) = found.as_ref().zip(hash) else {
        // As much work as for a user who is there: the time taken does not tell.
        let _ = super::users::hash(given.password, &[0; 16]);
        return Err(Problem::new(Kind::WrongPassword));
    };
    if !matches(hash, given.password) {
        return Err(Problem::new(Kind::WrongPassword));
    }
    if !user.active {
        return Err(Problem::new(Kind::UserDisabled).with("user", &user.login));
    }
    if guard.factor != FactorState::On {
        return Ok(guard.step);
    }
    let code = given.code.map(str::trim).filter(|code| !code.is_empty());
    let code = code.ok_or_else(|| Problem::new(Kind::FactorMissing))?;
    accepted(app, guard, code).ok_or_else(|| Problem::new(Kind::FactorWrong))
}

/// Whether this is the password of the hash.
pub(super) fn matches(hash: &str, password: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|parsed| {
        Argon2::default()
            .verify_password(password.as_bytes(), &parsed)
            .is_ok()
    })
}

/// The time step of a code that is right and newer than the last one used.
fn accepted(app: &App, guard: &Guard, code: &str) -> Option<i64> {
    let totp = Builder::new()
        .with_secret(Secret::from(guard.secret.as_slice()))
        .build()
        .ok()?;
    let seconds = u64::try_from(app.clock.now().0 / 1_000_000).ok()?;
    let step = totp.check(code, seconds)?;
    i64::try_from(step).ok().filter(|step| *step > guard.step)
}

async fn succeed(
    app: &App,
    book: BookId,
    user: &User,
    mut guard: Guard,
    step: i64,
) -> Result<Guard, Error> {
    if guard.failures == 0 && guard.step == step {
        return Ok(guard);
    }
    (guard.failures, guard.locked_until, guard.step) = (0, Moment(0), step);
    let mut tx = app.db.begin_write().await?;
    store::keep_guard(&mut tx, book, user.id, &guard).await?;
    tx.commit().await?;
    Ok(guard)
}

/// Counts and records a refusal.
async fn refuse(
    app: &App,
    book: &Book,
    (problem, user): (Problem, Option<User>),
    session: &str,
) -> Result<(User, Guard), Error> {
    let mut nobody = app.bootstrap(book.clone());
    // What was typed for a name that nobody has may be a password: it is not kept.
    nobody.user.login = user
        .as_ref()
        .map_or_else(|| "unknown".to_owned(), |user| user.login.clone());
    nobody.user.roles.clear();
    nobody.session = session.to_owned();
    let order = Order::new("sign-in", Action::ReadReports);
    app.record_refusal(&nobody, &order, &problem).await?;
    let counts = matches!(problem.kind, Kind::WrongPassword | Kind::FactorWrong);
    let Some(user) = user.filter(|_| counts) else {
        return Err(problem.into());
    };
    let mut write = Write::begin(&app.db, book.id).await?;
    let mut guard = store::guard(write.tx(), book.id, user.id).await?;
    guard.failures += 1;
    if guard.failures < FAILURES_MAX {
        store::keep_guard(write.tx(), book.id, user.id, &guard).await?;
        write.commit_tally().await?;
        return Err(problem.into());
    }
    guard.locked_until = Moment(app.clock.now().0 + LOCK_MINUTES * MINUTE);
    store::keep_guard(write.tx(), book.id, user.id, &guard).await?;
    let order = Order::new("sign-in.lock", Action::ReadReports)
        .field("failures", guard.failures)
        .field("minutes", LOCK_MINUTES);
    let record = app.record(&nobody, &order, order.kind.to_owned(), None);
    write.commit(record).await?;
    Err(problem.into())
}

/// Begins a session. Gives what the browser is to keep.
///
/// # Errors
/// As [`identify`].
#[boxed]
pub async fn begin<'a>(
    app: &'a App,
    book: &'a Book,
    given: Credentials<'a>,
    (language, agent): (Language, &'a str),
) -> Result<String, Error> {
    let (user, _) = identify(app, book, given, "web").await?;
    let now = app.clock.now();
    let mut write = Write::begin(&app.db, book.id).await?;
    store::sweep(write.tx(), book.id, now, idle_since(now)).await?;
    let number = write.allot("web_session", 1).await?;
    let token = token(app, number)?;
    let session = Session {
        number,
        user: user.id,
        language: code_of(language).to_owned(),
        agent: agent.chars().take(AGENT_CHARACTERS_MAX).collect(),
        begun: now,
        seen: now,
        ends: Moment(now.0 + SESSION_MINUTES * MINUTE),
    };
    let hash = document_hash(token.as_bytes());
    store::open(write.tx(), book.id, &session, &hash).await?;
    let caller = Caller::new(book.clone(), user, &format!("web-{number}"));
    let order = Order::new("session.begin", Action::ReadReports).field("session", number);
    let record = app.record(&caller, &order, order.kind.to_owned(), None);
    write.commit(record).await?;
    Ok(format!("{}.{token}", book.id.get()))
}

/// 32 random bytes.
fn token(app: &App, number: i64) -> Result<String, Error> {
    let first = app.entropy.salt(&format!("session/{number}/1"))?;
    let second = app.entropy.salt(&format!("session/{number}/2"))?;
    Ok(encode(&first) + &encode(&second))
}

fn idle_since(now: Moment) -> Moment {
    Moment(now.0 - IDLE_MINUTES * MINUTE)
}

/// The session of what a browser kept; none when there is no such session any more.
///
/// # Errors
/// Accidents of the store.
#[boxed]
pub async fn resume(app: &App, kept: &str) -> Result<Option<Live>, Error> {
    let Some((book, token)) = kept.split_once('.') else {
        return Ok(None);
    };
    let Ok(number) = book.parse() else {
        return Ok(None);
    };
    let id = BookId(number);
    let mut tx = app.db.begin_read().await?;
    let session = store::find(&mut tx, id, &document_hash(token.as_bytes())).await?;
    let Some(session) = session else {
        return Ok(None);
    };
    let books = book::books(&mut tx).await?;
    let users = book::users(&mut tx, id).await?;
    let guard = store::guard(&mut tx, id, session.user).await?;
    tx.rollback().await?;
    let now = app.clock.now();
    let is_over = session.ends <= now || session.seen <= idle_since(now);
    let mut users = users.into_iter();
    let user = users.find(|user| user.id == session.user && user.active);
    let book = books.into_iter().find(|book| book.id == id);
    let (Some(user), Some(book), false) = (user, book, is_over) else {
        return Ok(None);
    };
    Ok(Some(Live {
        caller: Caller::new(book, user, &format!("web-{}", session.number)),
        must_change: guard.must_change,
        session,
    }))
}

/// Notes that a session is in use, once a minute.
///
/// # Errors
/// Accidents of the store.
#[boxed]
pub async fn touch(app: &App, live: &Live) -> Result<(), Error> {
    let now = app.clock.now();
    if now.0 - live.session.seen.0 < MINUTE {
        return Ok(());
    }
    let mut tx = app.db.begin_write().await?;
    store::seen(&mut tx, live.caller.book.id, live.session.number, now).await?;
    Ok(tx.commit().await?)
}

/// Lets the pages of a session speak another language.
///
/// # Errors
/// Accidents of the store.
#[boxed]
pub async fn speak(app: &App, live: &Live, language: Language) -> Result<(), Error> {
    let mut tx = app.db.begin_write().await?;
    let (book, number) = (live.caller.book.id, live.session.number);
    store::speak(&mut tx, book, number, code_of(language)).await?;
    Ok(tx.commit().await?)
}

/// The code by which a language is kept.
pub fn code_of(language: Language) -> &'static str {
    match language {
        Language::Zh => "zh",
        Language::En => "en",
    }
}

/// Ends a session: one's own, or anybody's as an administrator.
///
/// # Errors
/// [`Kind::NotFound`] for a session that is not there or not the caller's.
#[boxed]
pub async fn end(app: &App, caller: &Caller, number: i64) -> Result<Done, Error> {
    let mut write = Write::begin(&app.db, caller.book.id).await?;
    let sessions = store::all(write.tx(), caller.book.id).await?;
    let may_all = caller.user.roles.contains(&Role::Admin);
    let session = sessions
        .into_iter()
        .find(|one| one.number == number && (may_all || one.user == caller.user.id));
    let Some(session) = session else {
        write.rollback().await?;
        return Err(not_found("会话 session", number));
    };
    store::end(write.tx(), caller.book.id, session.number).await?;
    let order = Order::new("session.end", Action::ReadReports).field("session", number);
    recorded(app, caller, write, &order, json!({ "session": number })).await
}

async fn recorded(
    app: &App,
    caller: &Caller,
    write: Write,
    order: &Order,
    answer: Value,
) -> Result<Done, Error> {
    let record = app.record(caller, order, order.kind.to_owned(), None);
    let receipt = write.commit(record).await?;
    Ok(Done {
        answer,
        replay: false,
        receipt: Some(receipt),
    })
}

/// The sessions of the caller, or of everybody for an administrator.
///
/// # Errors
/// Accidents of the store.
#[boxed]
pub async fn list(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.db.begin_read().await?;
    let sessions = store::all(&mut tx, caller.book.id).await?;
    let users = book::users(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let may_all = caller.user.roles.contains(&Role::Admin);
    let now = app.clock.now();
    let mut table = Table::new(
        words("登录会话", "Sessions"),
        &[
            ("会话", "session", true),
            ("用户", "user", false),
            ("开始", "begun", false),
            ("最近使用", "last used", false),
            ("浏览器", "browser", false),
            ("当前", "this one", false),
        ],
    );
    let mut list = Vec::new();
    for one in &sessions {
        let is_over = one.ends <= now || one.seen <= idle_since(now);
        let login = users.iter().find(|user| user.id == one.user);
        let login = login.map_or("", |user| user.login.as_str());
        if is_over || !may_all && one.user != caller.user.id {
            continue;
        }
        let own = caller.session == format!("web-{}", one.number);
        table.row([
            one.number.to_string(),
            login.to_owned(),
            one.begun.to_string(),
            one.seen.to_string(),
            one.agent.clone(),
            if own { "当前会话 this session" } else { "" }.to_owned(),
        ]);
        list.push(json!({
            "session": one.number, "user": login, "begun": one.begun.to_string(),
            "seen": one.seen.to_string(), "own": own,
        }));
    }
    Ok(Report::new(json!({ "sessions": list }), vec![table]))
}

/// Whether the caller's second factor is asked for.
///
/// # Errors
/// Accidents of the store.
#[boxed]
pub async fn factor(app: &App, caller: &Caller) -> Result<FactorState, Error> {
    let mut tx = app.db.begin_read().await?;
    let guard = store::guard(&mut tx, caller.book.id, caller.user.id).await?;
    tx.rollback().await?;
    Ok(guard.factor)
}

/// Makes a secret for the caller's second factor and gives it in base 32, this once. It is asked
/// for when the caller has shown a code of it: see [`confirm_factor`].
///
/// # Errors
/// [`Kind::AlreadyExists`] when a second factor is asked for already.
#[boxed]
pub async fn offer_factor(app: &App, caller: &Caller) -> Result<String, Error> {
    let mut write = Write::begin(&app.db, caller.book.id).await?;
    let (book, user) = (caller.book.id, caller.user.id);
    let mut guard = store::guard(write.tx(), book, user).await?;
    if guard.factor == FactorState::On {
        write.rollback().await?;
        let problem = Problem::new(Kind::AlreadyExists).with("what", "动态口令 second factor");
        return Err(problem.with("name", &caller.user.login).into());
    }
    let purpose = |part| format!("factor/{}/{}/{part}", caller.user.login, app.clock.now());
    let mut secret = app.entropy.salt(&purpose(1))?.to_vec();
    secret.extend(app.entropy.salt(&purpose(2))?);
    secret.truncate(SECRET_BYTES);
    guard.secret.clone_from(&secret);
    guard.factor = FactorState::Shown;
    store::keep_guard(write.tx(), book, user, &guard).await?;
    let order = Order::new("factor.offer", Action::ReadReports);
    recorded(app, caller, write, &order, Value::Null).await?;
    Ok(Secret::from(secret.as_slice()).to_base32())
}

/// Asks for the caller's second factor from now on.
///
/// # Errors
/// [`Kind::FactorWrong`].
#[boxed]
pub async fn confirm_factor(app: &App, caller: &Caller, code: &str) -> Result<Done, Error> {
    let mut write = Write::begin(&app.db, caller.book.id).await?;
    let (book, user) = (caller.book.id, caller.user.id);
    let mut guard = store::guard(write.tx(), book, user).await?;
    let step = accepted(app, &guard, code.trim()).filter(|_| guard.factor == FactorState::Shown);
    let order = Order::new("factor.confirm", Action::ReadReports);
    let Some(step) = step else {
        write.rollback().await?;
        let problem = Problem::new(Kind::FactorWrong);
        app.record_refusal(caller, &order, &problem).await?;
        return Err(problem.into());
    };
    (guard.factor, guard.step) = (FactorState::On, step);
    store::keep_guard(write.tx(), book, user, &guard).await?;
    let answer = json!({ "user": caller.user.login });
    recorded(app, caller, write, &order, answer).await
}

/// Takes a user's second factor away, as an administrator: a telephone was lost.
///
/// # Errors
/// [`Kind::RoleMissing`], [`Kind::NotFound`].
#[boxed]
pub async fn drop_factor(
    app: &App,
    caller: &Caller,
    login: &str,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("factor.drop", Action::ManageUsers)
        .key(key)
        .field("login", login);
    app.command(caller, order, async |write| {
        let book = write.book();
        let users = book::users(write.tx(), book).await?;
        let user = users.into_iter().find(|user| user.login == login);
        let user = user.ok_or_else(|| not_found("用户 user", login))?;
        let guard = store::guard(write.tx(), book, user.id).await?;
        let guard = Guard {
            factor: FactorState::Off,
            secret: Vec::new(),
            ..guard
        };
        store::keep_guard(write.tx(), book, user.id, &guard).await?;
        Ok(json!({ "user": login }))
    })
    .await
}

/// A password was set: the lock is open, other sessions of the user end, and one that another
/// person gave is to be changed.
pub(super) async fn password_set(
    write: &mut Write,
    caller: &Caller,
    user: &User,
) -> Result<(), Error> {
    let (book, own) = (write.book(), caller.user.id == user.id);
    let guard = Guard {
        failures: 0,
        locked_until: Moment(0),
        must_change: !own,
        ..store::guard(write.tx(), book, user.id).await?
    };
    store::keep_guard(write.tx(), book, user.id, &guard).await?;
    let kept = caller.session.strip_prefix("web-").filter(|_| own);
    let kept = kept.and_then(|number| number.parse().ok()).unwrap_or(0);
    store::end_others(write.tx(), book, user.id, kept).await?;
    Ok(())
}

/// Makes sure that a session is still in the hands of its user: before a password is changed.
/// Failures count like those of a sign-in.
///
/// # Errors
/// [`Kind::WrongPassword`], [`Kind::SignInLocked`].
#[boxed]
pub async fn confirm_password(app: &App, caller: &Caller, password: &str) -> Result<(), Error> {
    let (book, user) = (caller.book.id, &caller.user);
    let mut tx = app.db.begin_read().await?;
    let hash = book::credential(&mut tx, book, user.id).await?;
    // The session has shown its second factor when it began.
    let guard = Guard {
        factor: FactorState::Off,
        ..store::guard(&mut tx, book, user.id).await?
    };
    tx.rollback().await?;
    let given = Credentials {
        login: &user.login,
        password,
        code: None,
    };
    let found = Some(user.clone());
    match judge(app, &found, hash.as_deref(), &guard, given) {
        Ok(_) => Ok(()),
        Err(problem) => refuse(app, &caller.book, (problem, found), &caller.session)
            .await
            .map(drop),
    }
}
