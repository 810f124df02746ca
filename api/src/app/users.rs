//! Setting up: the schema, books, users and their passwords.

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use ledger::disbursement::approval::ApprovalLevel;
use ledger::disbursement::role::{Action, Role, conflicts, may};
use ledger::id::UserId;
use ledger::problem::{Kind, Problem};
use ledger::program::packs::Pack;
use ledger_store::book::{self, Book, User};
use ledger_store::boxed;
use ledger_store::migrate;
use ledger_store::write::Write;
use serde_json::{Map, Value, json};

use super::session::{self, Credentials};
use super::view::{Report, Table, words};
use super::{App, Caller, Done, Error, Order, not_found, policy};

/// Characters that a password needs at least.
pub const PASSWORD_MIN: usize = 10;
/// Beginnings of passwords that are tried first (NIST SP 800-63B, 3.1.1.2: a list of common ones).
const COMMON: [&str; 8] = [
    "1234567890",
    "0123456789",
    "9876543210",
    "password",
    "qwertyuiop",
    "1qaz2wsx",
    "abcdefghij",
    "huiminzhang",
];

/// A user to be added.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The name to sign in with.
    pub login: String,
    /// The person's name.
    pub name: String,
    /// What the person may do.
    pub roles: Vec<Role>,
    /// The first password.
    pub password: String,
}

/// Makes or upgrades the tables. Says at which version they are.
#[boxed]
pub async fn init(app: &App) -> Result<Value, Error> {
    let version = migrate::migrate(&app.db, app.clock.now()).await?;
    Ok(json!({ "schema_version": version, "engine": format!("{:?}", app.db.engine()) }))
}

/// Adds a book (账套). Its first entry begins the audit trail.
#[boxed]
pub async fn add_book(
    app: &App,
    code: &str,
    name: &str,
    region: &str,
    key: Option<String>,
) -> Result<Done, Error> {
    add_book_with(app, [code, name, region], None, key).await
}

/// Adds a book with its code, name and region, and the rules of a policy pack in the same command.
///
/// # Errors
/// As [`add_book`], and what [`policy::import_from`] refuses. `AlreadyExists` too for a book that
/// is there without the rules of the pack.
#[boxed]
pub async fn add_book_with(
    app: &App,
    [code, name, region]: [&str; 3],
    pack: Option<&'static Pack>,
    key: Option<String>,
) -> Result<Done, Error> {
    if migrate::schema_version(&app.db).await?.is_none() {
        return Err(Problem::new(Kind::DatabaseEmpty).into());
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if code.is_empty() || code.len() > 32 || !code.chars().all(plain) {
        return Err(Problem::new(Kind::FieldInvalid)
            .with("field", "code")
            .with("value", code)
            .with("wanted", "1-32 × a-z 0-9 -")
            .into());
    }
    if let Ok(existing) = app.book(Some(code)).await {
        let answer = json!({ "book": existing.code, "name": existing.name });
        let told = match pack.map(policy::Source::pack) {
            Some(source) => policy::is_known(app, &existing, &source).await?,
            None => true,
        };
        if existing.name == name && existing.region == region && told {
            return Ok(Done {
                answer,
                replay: true,
                receipt: None,
            });
        }
        return Err(Problem::new(Kind::AlreadyExists)
            .with("what", "账套 book")
            .with("name", code)
            .into());
    }
    let id = book::open_head(&app.db).await?;
    let new = Book {
        id,
        code: code.to_owned(),
        name: name.to_owned(),
        region: region.to_owned(),
    };
    let caller = app.bootstrap(new.clone());
    let mut order = Order::new("book.add", Action::ManageUsers)
        .key(key.or_else(|| Some(format!("book.add {code}"))))
        .field("code", code)
        .field("name", name)
        .field("region", region);
    if let Some(pack) = pack {
        order = order.field("pack", pack.name);
    }
    let now = app.clock.now();
    app.command(&caller, order, async |write| {
        book::add_book(write, &new, now).await?;
        let mut answer = Map::new();
        answer.insert("book".to_owned(), new.code.as_str().into());
        answer.insert("name".to_owned(), new.name.as_str().into());
        if let Some(pack) = pack {
            let added = policy::add(app, write, &policy::Source::pack(pack)).await?;
            answer.insert("pack".to_owned(), pack.name.into());
            answer.insert("policy".to_owned(), added);
        }
        Ok(Value::Object(answer))
    })
    .await
}

/// The books of the database.
#[boxed]
pub async fn list_books(app: &App) -> Result<Report, Error> {
    if migrate::schema_version(&app.db).await?.is_none() {
        return Err(Problem::new(Kind::DatabaseEmpty).into());
    }
    let mut tx = app.db.begin_read().await?;
    let books = book::books(&mut tx).await?;
    tx.rollback().await?;
    let mut table = Table::new(
        words("账套", "Books"),
        &[
            ("代码", "code", false),
            ("名称", "name", false),
            ("行政区划", "region", false),
        ],
    );
    for book in &books {
        table.row([book.code.clone(), book.name.clone(), book.region.clone()]);
    }
    let list: Vec<Value> = books
        .iter()
        .map(|book| json!({ "code": book.code, "name": book.name, "region": book.region }))
        .collect();
    Ok(Report::new(json!({ "books": list }), vec![table]))
}

/// Whether anybody can sign in to the book yet.
#[boxed]
pub async fn has_users(app: &App, book: &Book) -> Result<bool, Error> {
    let mut tx = app.db.begin_read().await?;
    let users = book::users(&mut tx, book.id).await?;
    tx.rollback().await?;
    Ok(!users.is_empty())
}

/// Signs a user in by a password alone; one who has a second factor needs [`session::identify`].
///
/// # Errors
/// As [`session::identify`].
#[boxed]
pub async fn sign_in(
    app: &App,
    book: Book,
    login: &str,
    password: &str,
    session: &str,
) -> Result<Caller, Error> {
    let given = Credentials {
        login,
        password,
        code: None,
    };
    let (user, _) = session::identify(app, &book, given, session).await?;
    Ok(Caller::new(book, user, session))
}

/// A caller for a user whose identity the surrounding program has already made sure of: the demo
/// and tests act as many people without asking for passwords again and again.
#[boxed]
pub async fn act_as(app: &App, book: &Book, login: &str, session: &str) -> Result<Caller, Error> {
    let mut tx = app.db.begin_read().await?;
    let users = book::users(&mut tx, book.id).await?;
    tx.rollback().await?;
    let user = users
        .into_iter()
        .find(|user| user.login == login && user.active);
    let user = user.ok_or_else(|| not_found("用户 user", login))?;
    Ok(Caller::new(book.clone(), user, session))
}

/// Adds a user with a first password.
#[boxed]
pub async fn add_user(
    app: &App,
    caller: &Caller,
    new: &NewUser,
    key: Option<String>,
) -> Result<Done, Error> {
    conflicts(&new.roles)?;
    strong(&new.login, &new.password)?;
    let roles: Vec<&str> = new.roles.iter().map(|role| role.code()).collect();
    let order = Order::new("user.add", Action::ManageUsers)
        .key(key)
        .field("login", new.login.as_str())
        .field("name", new.name.as_str())
        .field("roles", roles.join(","));
    let salt = app
        .entropy
        .salt(&format!("password/{}/{}", caller.book.code, new.login))?;
    app.command(caller, order, async |write| {
        let book_id = write.book();
        let users = book::users(write.tx(), book_id).await?;
        if users.iter().any(|user| user.login == new.login) {
            return Err(Problem::new(Kind::AlreadyExists)
                .with("what", "用户 user")
                .with("name", &new.login)
                .into());
        }
        let user = User {
            id: UserId(write.allot("user", 1).await?),
            version: 1,
            login: new.login.clone(),
            name: new.name.clone(),
            roles: new.roles.clone(),
            active: true,
        };
        book::put_user(write, &user).await?;
        book::put_credential(write, user.id, &hash(&new.password, &salt)?).await?;
        session::password_set(write, caller, &user).await?;
        Ok(json!({ "user": user.login, "name": user.name, "roles": roles }))
    })
    .await
}

/// Disables a user for good measure: nobody signs in as them any more.
#[boxed]
pub async fn disable_user(
    app: &App,
    caller: &Caller,
    login: &str,
    key: Option<String>,
) -> Result<Done, Error> {
    set_active(app, caller, ("user.disable", login, false), key).await
}

/// Lets a user in again who was disabled, with the password that they had.
#[boxed]
pub async fn enable_user(
    app: &App,
    caller: &Caller,
    login: &str,
    key: Option<String>,
) -> Result<Done, Error> {
    set_active(app, caller, ("user.enable", login, true), key).await
}

async fn set_active(
    app: &App,
    caller: &Caller,
    (kind, login, active): (&'static str, &str, bool),
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new(kind, Action::ManageUsers)
        .key(key)
        .field("login", login);
    app.command(caller, order, async |write| {
        let user = user_of(write, login).await?;
        let changed = User {
            version: user.version + 1,
            active,
            ..user
        };
        book::put_user(write, &changed).await?;
        let state = if active { "active" } else { "disabled" };
        Ok(json!({ "user": login, "state": state }))
    })
    .await
}

/// Gives a user other roles, at once. One's own are changed by another administrator, so that a
/// book does not lose its last one by a slip.
///
/// # Errors
/// [`Kind::RoleConflict`], [`Kind::NotFound`], [`Kind::TwoPeople`] for one's own roles,
/// [`Kind::FieldInvalid`] without a role.
#[boxed]
pub async fn set_roles(
    app: &App,
    caller: &Caller,
    login: &str,
    roles: &[Role],
    key: Option<String>,
) -> Result<Done, Error> {
    let codes: Vec<&str> = roles.iter().map(|role| role.code()).collect();
    let order = Order::new("user.roles", Action::ManageUsers)
        .key(key)
        .field("login", login)
        .field("roles", codes.join(","));
    app.command(caller, order, async |write| {
        if roles.is_empty() {
            return Err(super::policy::invalid("roles", "", "角色 a role"));
        }
        conflicts(roles)?;
        if login == caller.user.login {
            return Err(Problem::new(Kind::TwoPeople).with("user", login).into());
        }
        let user = user_of(write, login).await?;
        let changed = User {
            version: user.version + 1,
            roles: roles.to_vec(),
            ..user
        };
        book::put_user(write, &changed).await?;
        Ok(json!({ "user": login, "roles": codes }))
    })
    .await
}

async fn user_of(write: &mut Write, login: &str) -> Result<User, Error> {
    let book = write.book();
    let users = book::users(write.tx(), book).await?;
    let user = users.into_iter().find(|user| user.login == login);
    user.ok_or_else(|| not_found("用户 user", login))
}

/// Sets a password: one's own, or anybody's as an administrator.
#[boxed]
pub async fn set_password(
    app: &App,
    caller: &Caller,
    login: &str,
    password: &str,
    key: Option<String>,
) -> Result<Done, Error> {
    strong(login, password)?;
    let own = caller.user.login == login && may(&caller.user.roles, Action::ReadReports);
    let action = if own {
        Action::ReadReports
    } else {
        Action::ManageUsers
    };
    let order = Order::new("user.password", action)
        .key(key)
        .field("login", login);
    let purpose = format!("password/{}/{login}/{}", caller.book.code, app.clock.now());
    let salt = app.entropy.salt(&purpose)?;
    app.command(caller, order, async |write| {
        let book_id = write.book();
        let users = book::users(write.tx(), book_id).await?;
        let user = users.into_iter().find(|user| user.login == login);
        let user = user.ok_or_else(|| not_found("用户 user", login))?;
        book::put_credential(write, user.id, &hash(password, &salt)?).await?;
        session::password_set(write, caller, &user).await?;
        Ok(json!({ "user": login }))
    })
    .await
}

/// The users of a book.
#[boxed]
pub async fn list_users(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ManageUsers).await?;
    let users = book::users(&mut tx, caller.book.id).await?;
    let levels = ledger_store::approval::levels(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let mut table = Table::new(
        words("用户", "Users"),
        &[
            ("用户名", "login", false),
            ("姓名", "name", false),
            ("角色", "roles", false),
            ("审批级别", "level", false),
            ("状态", "state", false),
        ],
    );
    let mut list = Vec::new();
    for user in &users {
        let names: Vec<&str> = user.roles.iter().map(|role| role.name()).collect();
        let codes: Vec<&str> = user.roles.iter().map(|role| role.code()).collect();
        let state = if user.active { "active" } else { "disabled" };
        let approves = user.roles.contains(&Role::Approver);
        let level = levels.get(&user.id).copied();
        let level = approves.then(|| level.unwrap_or(ApprovalLevel::County));
        table.row([
            user.login.clone(),
            user.name.clone(),
            names.join("、"),
            level.map_or("—", ApprovalLevel::name).to_owned(),
            state.to_owned(),
        ]);
        list.push(json!({
            "login": user.login, "name": user.name, "roles": codes, "state": state,
            "level": level.map(ApprovalLevel::code),
        }));
    }
    Ok(Report::new(json!({ "users": list }), vec![table]))
}

/// Whether a password is long enough and not among the first that anybody would try.
fn strong(login: &str, password: &str) -> Result<(), Error> {
    let length = password.chars().count();
    if length < PASSWORD_MIN {
        return Err(Problem::new(Kind::PasswordWeak)
            .with("min", PASSWORD_MIN)
            .into());
    }
    let plain = password.to_lowercase();
    let first = plain.chars().next();
    let reason = if plain
        == login
            .to_lowercase()
            .repeat(length / login.chars().count().max(1))
    {
        "用户名 the user name"
    } else if plain.chars().all(|c| Some(c) == first) {
        "同一字符 one character"
    } else if COMMON.iter().any(|common| plain.starts_with(common)) {
        "常见密码 a common password"
    } else {
        return Ok(());
    };
    Err(Problem::new(Kind::PasswordGuessable)
        .with("reason", reason)
        .into())
}

pub(super) fn hash(password: &str, salt: &[u8; 16]) -> Result<String, Error> {
    let hash = Argon2::default()
        .hash_password_with_salt(password.as_bytes(), salt)
        .map_err(|error| anyhow::anyhow!("argon2: {error}"))?;
    Ok(hash.to_string())
}
