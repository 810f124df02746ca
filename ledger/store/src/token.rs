//! Tokens of programs that use the REST interface.

use crate::boxed;
use ledger::calendar::Moment;
use ledger::disbursement::role::Role;
use ledger::id::{BookId, TokenId, UserId};

use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{Row, Tx, Value};
use crate::error::StoreError;
use crate::table;
use crate::write::{Write, hash};

sql! {
    TOKENS = "select t.token_id, t.user_id, t.name, t.roles, t.hash, t.created_at, t.expires_at,
            e.ended_at
        from api_token t left join api_token_end e
            on e.book_id = t.book_id and e.token_id = t.token_id
        where t.book_id = $1 order by t.token_id";
    TOKEN = "select t.token_id, t.user_id, t.name, t.roles, t.hash, t.created_at, t.expires_at,
            e.ended_at
        from api_token t left join api_token_end e
            on e.book_id = t.book_id and e.token_id = t.token_id
        where t.book_id = $1 and t.token_id = $2";
}

/// A token: it acts as its user, with these roles at most, until it expires or is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Number in the book.
    pub id: TokenId,
    /// Whose it is.
    pub user: UserId,
    /// What its user calls it.
    pub name: String,
    /// At most these.
    pub roles: Vec<Role>,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// When it was made.
    pub created: Moment,
    /// When it expires.
    pub expires: Moment,
    /// When it was taken back.
    pub ended: Option<Moment>,
}

/// All tokens of a book, also those of the past.
#[boxed]
pub async fn tokens(tx: &mut Tx, book: BookId) -> Result<Vec<Token>, StoreError> {
    let rows = tx.query(TOKENS, &[book.get().into()]).await?;
    rows.iter().map(token_of).collect()
}

/// One token.
#[boxed]
pub async fn token(tx: &mut Tx, book: BookId, id: TokenId) -> Result<Option<Token>, StoreError> {
    let args = [book.get().into(), id.get().into()];
    let row = tx.query_opt(TOKEN, &args).await?;
    row.as_ref().map(token_of).transpose()
}

/// Stores a token.
#[boxed]
pub async fn add(write: &mut Write, token: &Token) -> Result<(), Failure> {
    let roles: Vec<&str> = token.roles.iter().map(|role| role.code()).collect();
    let row: [Value; 8] = [
        write.book().get().into(),
        token.id.get().into(),
        token.user.get().into(),
        token.name.as_str().into(),
        roles.join(",").into(),
        token.hash.to_vec().into(),
        token.created.0.into(),
        token.expires.0.into(),
    ];
    Ok(write.insert_one(&table::API_TOKEN, row).await?)
}

/// Takes a token back: `by` did it.
#[boxed]
pub async fn end(write: &mut Write, token: TokenId, by: UserId, at: Moment) -> Result<(), Failure> {
    let row: [Value; 4] = [
        write.book().get().into(),
        token.get().into(),
        by.get().into(),
        at.0.into(),
    ];
    Ok(write.insert_one(&table::API_TOKEN_END, row).await?)
}

fn token_of(row: &Row) -> Result<Token, StoreError> {
    Ok(Token {
        id: TokenId(row.int(0)?),
        user: UserId(row.int(1)?),
        name: row.text(2)?,
        roles: roles_of(row.text_ref(3)?, "api_token")?,
        hash: hash(row.bytes_ref(4)?)?,
        created: Moment(row.int(5)?),
        expires: Moment(row.int(6)?),
        ended: row.opt_int(7)?.map(Moment),
    })
}

/// Roles as they are stored: codes separated by commas.
pub(crate) fn roles_of(text: &str, table: &'static str) -> Result<Vec<Role>, StoreError> {
    let codes = text.split(',').filter(|code| !code.is_empty());
    codes
        .map(|code| Role::from_code(code).ok_or(StoreError::inconsistent(table, "roles")))
        .collect()
}
