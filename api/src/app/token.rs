//! Tokens of programs that use the REST interface.
//!
//! A token is its user's: it acts as that user, with some of the user's roles and never more, so
//! one person remains one person whichever way they come in. Its secret is shown once and stored
//! as a hash.

use ledger::audit::hex;
use ledger::calendar::Moment;
use ledger::disbursement::role::{Action, Role, may};
use ledger::id::TokenId;
use ledger::problem::{Kind, Problem};
use ledger_store::book::{self, Book, User};
use ledger_store::boxed;
use ledger_store::token::{self as store, Token};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::view::{Report, Table, words};
use super::{App, Caller, Done, Error, Order, not_found};

/// A token begins with this, so that a leaked one is found by those who scan for secrets.
const PREFIX: &str = "hm";
/// So long a token may live.
pub const HOURS_MAX: i64 = 366 * 24;
/// An hour in microseconds.
const HOUR: i64 = 3600 * 1_000_000;
/// Characters of a name.
const NAME_MAX: usize = 80;

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What it is for.
    pub name: String,
    /// At most these; all of the user's when none are named.
    pub roles: Vec<Role>,
    /// For so many hours.
    pub hours: i64,
}

/// Makes a token for the caller. The answer of the first time has the secret in `token`; it is
/// not kept and a replay does not give it.
///
/// # Errors
/// `FieldInvalid` for a name or time that is no use, `RoleMissing` for a role that the user lacks.
#[boxed]
pub async fn add(
    app: &App,
    caller: &Caller,
    new: &NewToken,
    key: Option<String>,
) -> Result<Done, Error> {
    check(caller, new)?;
    let roles = match new.roles.is_empty() {
        true => caller.user.roles.clone(),
        false => new.roles.clone(),
    };
    let codes: Vec<&str> = roles.iter().map(|role| role.code()).collect();
    let order = Order::new("token.add", own_action(caller))
        .key(key)
        .field("name", new.name.as_str())
        .field("roles", codes.join(","))
        .field("hours", new.hours);
    let now = app.clock.now();
    let secret = secret(app, caller, &new.name, now)?;
    let hash: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
    let expires = Moment(now.0.saturating_add(new.hours.saturating_mul(HOUR)));
    let mut done = app
        .command(caller, order, async |write| {
            let token = Token {
                id: TokenId(write.allot("api_token", 1).await?),
                user: caller.user.id,
                name: new.name.clone(),
                roles: roles.clone(),
                hash,
                created: now,
                expires,
                ended: None,
            };
            store::add(write, &token).await?;
            Ok(json!({
                "id": token.id.get(), "user": caller.user.login, "name": token.name,
                "roles": codes, "expires": expires.to_string(),
            }))
        })
        .await?;
    if let (false, Some(id)) = (done.replay, done.answer["id"].as_i64()) {
        let text = format!("{PREFIX}_{}_{id}_{secret}", caller.book.code);
        done.answer["token"] = Value::String(text);
    }
    Ok(done)
}

fn check(caller: &Caller, new: &NewToken) -> Result<(), Error> {
    let invalid = |field: &str, value: String, wanted: &str| {
        Error::from(
            Problem::new(Kind::FieldInvalid)
                .with("field", field)
                .with("value", value)
                .with("wanted", wanted),
        )
    };
    let letters = new.name.chars().count();
    if letters == 0 || letters > NAME_MAX || new.name.chars().any(char::is_control) {
        return Err(invalid("name", new.name.clone(), "1-80 字 characters"));
    }
    if !(1..=HOURS_MAX).contains(&new.hours) {
        return Err(invalid("hours", new.hours.to_string(), "1-8784"));
    }
    match new
        .roles
        .iter()
        .find(|role| !caller.user.roles.contains(role))
    {
        Some(missing) => Err(Problem::new(Kind::RoleMissing)
            .with("user", &caller.user.login)
            .with("needed", missing.name())
            .into()),
        None => Ok(()),
    }
}

/// 256 random bits as hexadecimal digits.
fn secret(app: &App, caller: &Caller, name: &str, now: Moment) -> Result<String, Error> {
    let purpose = |half: u8| {
        let (book, login) = (&caller.book.code, &caller.user.login);
        format!("token/{book}/{login}/{name}/{}/{half}", now.0)
    };
    let first = app.entropy.salt(&purpose(1))?;
    let second = app.entropy.salt(&purpose(2))?;
    Ok(hex::encode(&first) + &hex::encode(&second))
}

/// Everybody may keep tokens of their own: readers of reports, and administrators.
fn own_action(caller: &Caller) -> Action {
    match may(&caller.user.roles, Action::ReadReports) {
        true => Action::ReadReports,
        false => Action::ManageUsers,
    }
}

/// Takes a token back: one's own, or anybody's as an administrator.
///
/// # Errors
/// `NotFound`, and `TokenInvalid` when it has been taken back already.
#[boxed]
pub async fn revoke(
    app: &App,
    caller: &Caller,
    id: TokenId,
    key: Option<String>,
) -> Result<Done, Error> {
    let mut tx = app.db.begin_read().await?;
    let found = store::token(&mut tx, caller.book.id, id).await?;
    tx.rollback().await?;
    let own = found.is_some_and(|token| token.user == caller.user.id);
    let action = match own {
        true => own_action(caller),
        false => Action::ManageUsers,
    };
    let order = Order::new("token.revoke", action)
        .key(key)
        .field("token", id.get());
    let now = app.clock.now();
    app.command(caller, order, async |write| {
        let book = write.book();
        let token = store::token(write.tx(), book, id).await?;
        let token = token.ok_or_else(|| not_found("令牌 token", id))?;
        if token.ended.is_some() {
            return Err(Problem::new(Kind::TokenInvalid).into());
        }
        store::end(write, id, caller.user.id, now).await?;
        Ok(json!({ "id": id.get(), "state": "revoked" }))
    })
    .await
}

/// The tokens: one's own, or everybody's for an administrator. Secrets are not among what is kept.
#[boxed]
pub async fn list(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.read(caller, own_action(caller)).await?;
    let tokens = store::tokens(&mut tx, caller.book.id).await?;
    let users = book::users(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let all = may(&caller.user.roles, Action::ManageUsers);
    let now = app.clock.now();
    let mut table = Table::new(
        words("令牌", "Tokens"),
        &[
            ("编号", "number", true),
            ("用户名", "login", false),
            ("名称", "name", false),
            ("角色", "roles", false),
            ("到期", "expires", false),
            ("状态", "state", false),
        ],
    );
    let mut list = Vec::new();
    for token in tokens
        .iter()
        .filter(|token| all || token.user == caller.user.id)
    {
        let user = users.iter().find(|user| user.id == token.user);
        let login = user.map_or("", |user| user.login.as_str());
        let codes: Vec<&str> = token.roles.iter().map(|role| role.code()).collect();
        let names: Vec<&str> = token.roles.iter().map(|role| role.name()).collect();
        let state = state(token, now);
        table.row([
            token.id.to_string(),
            login.to_owned(),
            token.name.clone(),
            names.join("、"),
            token.expires.to_string(),
            state.to_owned(),
        ]);
        list.push(json!({
            "id": token.id.get(), "user": login, "name": token.name, "roles": codes,
            "created": token.created.to_string(), "expires": token.expires.to_string(),
            "state": state,
        }));
    }
    Ok(Report::new(json!({ "tokens": list }), vec![table]))
}

fn state(token: &Token, now: Moment) -> &'static str {
    match token.ended {
        Some(_) => "revoked",
        None if token.expires <= now => "expired",
        None => "valid",
    }
}

/// Who shows this token.
///
/// # Errors
/// `TokenInvalid` for one that is unknown, expired or taken back, which is not told apart;
/// `UserDisabled`. Both are recorded when the token names a book.
#[boxed]
pub async fn sign_in(app: &App, text: &str) -> Result<Caller, Error> {
    let invalid = || Error::from(Problem::new(Kind::TokenInvalid));
    let (code, id, secret) = parts(text).ok_or_else(invalid)?;
    let book = match app.book(Some(code)).await {
        Ok(book) => book,
        Err(Error::Refused { .. }) => return Err(invalid()),
        Err(error) => return Err(error),
    };
    let mut tx = app.db.begin_read().await?;
    let token = store::token(&mut tx, book.id, id).await?;
    let users = book::users(&mut tx, book.id).await?;
    tx.rollback().await?;
    let shown: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
    let right = token.filter(|token| {
        let same: bool = subtle::ConstantTimeEq::ct_eq(&token.hash[..], &shown[..]).into();
        same && state(token, app.clock.now()) == "valid"
    });
    let owner = |token: &Token| users.iter().find(|user| user.id == token.user);
    let problem = match right
        .as_ref()
        .and_then(|token| owner(token).zip(Some(token)))
    {
        Some((user, token)) if user.active => return Ok(caller(book, user, token)),
        Some((user, _)) => Problem::new(Kind::UserDisabled).with("user", &user.login),
        None => Problem::new(Kind::TokenInvalid),
    };
    let mut nobody = app.bootstrap(book);
    "unknown".clone_into(&mut nobody.user.login);
    nobody.user.roles.clear();
    nobody.session = format!("token {id}");
    let order = Order::new("sign-in", Action::ReadReports).field("token", id.get());
    app.record_refusal(&nobody, &order, &problem).await?;
    Err(problem.into())
}

/// The user of a token with the roles that both have.
fn caller(book: Book, user: &User, token: &Token) -> Caller {
    let mut user = user.clone();
    user.roles.retain(|role| token.roles.contains(role));
    Caller::new(book, user, &format!("token {}", token.id))
}

/// Book, number and secret of a token.
fn parts(text: &str) -> Option<(&str, TokenId, &str)> {
    let rest = text.strip_prefix(PREFIX)?.strip_prefix('_')?;
    let (code, rest) = rest.split_once('_')?;
    let (id, secret) = rest.split_once('_')?;
    let id = id.parse().ok().filter(|id| *id > 0)?;
    Some((code, TokenId(id), secret))
}
