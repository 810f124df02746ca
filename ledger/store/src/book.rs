//! Books and their users.

use crate::boxed;
use ledger::audit::merkle::Frontier;
use ledger::calendar::Moment;
use ledger::disbursement::role::Role;
use ledger::id::{BookId, UserId};

use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{Db, Row, Tx, Value};
use crate::error::StoreError;
use crate::table;
use crate::write::Write;

sql! {
    LIST_BOOKS = "select book_id, code, name, region from book order by book_id";
    NEXT_BOOK = "select coalesce((select min(book_id) from book_head where size = 0),
        (select coalesce(max(book_id), 0) + 1 from book_head))";
    ADD_HEAD = "insert into book_head (book_id, size, root, frontier, previous)
        values ($1, 0, $2, $3, $4) on conflict (book_id) do nothing";
    LIST_USERS = "select user_id, version, login, name, roles, status from app_user u
        where book_id = $1 and version = (select max(version) from app_user n
            where n.book_id = u.book_id and n.user_id = u.user_id)
        order by user_id";
    CREDENTIAL = "select hash from credential where book_id = $1 and user_id = $2
        order by version desc limit 1";
    LAST_CREDENTIAL = "select coalesce(max(version), 0) from credential
        where book_id = $1 and user_id = $2";
}

/// 账套.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    /// Its number.
    pub id: BookId,
    /// The short code that commands use.
    pub code: String,
    /// The agency's name.
    pub name: String,
    /// GB/T 2260 code of the region.
    pub region: String,
}

/// A user as of the newest version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Number in the book.
    pub id: UserId,
    /// Version of these facts.
    pub version: i64,
    /// The name to sign in with.
    pub login: String,
    /// The person's name.
    pub name: String,
    /// What the person may do.
    pub roles: Vec<Role>,
    /// False when disabled.
    pub active: bool,
}

/// All books.
#[boxed]
pub async fn books(tx: &mut Tx) -> Result<Vec<Book>, StoreError> {
    tx.query(LIST_BOOKS, &[])
        .await?
        .iter()
        .map(book_of)
        .collect()
}

/// Makes the head row of a new book, before its first command. A head without entries is left
/// over from an attempt that never came to an end, and is used again.
#[boxed]
pub async fn open_head(db: &Db) -> Result<BookId, StoreError> {
    let mut tx = db.begin_write().await?;
    let id = tx.query_one(NEXT_BOOK, &[]).await?.int(0)?;
    let empty = Frontier::new();
    let args = [
        id.into(),
        empty.root().to_vec().into(),
        empty.to_bytes().into(),
        vec![0_u8; 32].into(),
    ];
    tx.execute(ADD_HEAD, &args).await?;
    tx.commit().await?;
    Ok(BookId(id))
}

/// Stores a new book; its head exists already.
#[boxed]
pub async fn add_book(write: &mut Write, book: &Book, created: Moment) -> Result<(), Failure> {
    let row: [Value; 5] = [
        book.id.get().into(),
        book.code.as_str().into(),
        book.name.as_str().into(),
        book.region.as_str().into(),
        created.0.into(),
    ];
    Ok(write.insert_one(&table::BOOK, row).await?)
}

/// All users of a book, newest versions.
#[boxed]
pub async fn users(tx: &mut Tx, book: BookId) -> Result<Vec<User>, StoreError> {
    tx.query(LIST_USERS, &[book.get().into()])
        .await?
        .iter()
        .map(user_of)
        .collect()
}

/// The newest password hash of a user.
#[boxed]
pub async fn credential(
    tx: &mut Tx,
    book: BookId,
    user: UserId,
) -> Result<Option<String>, StoreError> {
    let row = tx
        .query_opt(CREDENTIAL, &[book.get().into(), user.get().into()])
        .await?;
    row.map(|row| row.text(0)).transpose()
}

/// Stores a version of a user.
#[boxed]
pub async fn put_user(write: &mut Write, user: &User) -> Result<(), Failure> {
    let roles: Vec<&str> = user.roles.iter().map(|role| role.code()).collect();
    let row: [Value; 7] = [
        write.book().get().into(),
        user.id.get().into(),
        user.version.into(),
        user.login.as_str().into(),
        user.name.as_str().into(),
        roles.join(",").into(),
        if user.active { "active" } else { "disabled" }.into(),
    ];
    Ok(write.insert_one(&table::APP_USER, row).await?)
}

/// Stores a new password hash.
#[boxed]
pub async fn put_credential(write: &mut Write, user: UserId, hash: &str) -> Result<(), Failure> {
    let book = Value::Int(write.book().get());
    let args = [book.clone(), user.get().into()];
    let last = write.tx().query_one(LAST_CREDENTIAL, &args).await?.int(0)?;
    let row = [book, user.get().into(), (last + 1).into(), hash.into()];
    Ok(write.insert_one(&table::CREDENTIAL, row).await?)
}

fn book_of(row: &Row) -> Result<Book, StoreError> {
    Ok(Book {
        id: BookId(row.int(0)?),
        code: row.text(1)?,
        name: row.text(2)?,
        region: row.text(3)?,
    })
}

fn user_of(row: &Row) -> Result<User, StoreError> {
    let roles = row
        .text(4)?
        .split(',')
        .filter(|code| !code.is_empty())
        .map(|code| Role::from_code(code).ok_or(StoreError::inconsistent("app_user", "roles")))
        .collect::<Result<_, _>>()?;
    Ok(User {
        id: UserId(row.int(0)?),
        version: row.int(1)?,
        login: row.text(2)?,
        name: row.text(3)?,
        roles,
        active: row.text(5)? == "active",
    })
}
