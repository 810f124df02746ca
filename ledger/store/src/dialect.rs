//! What differs between the two engines: the few statements that need two texts, side by side, and
//! the small lexer with which SQL texts are cut into statements and searched for names.
//!
//! Everything else is one text with `$1` parameters for both. A new pair needs a reason in its
//! docstring.

/// Which database a store runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// The embedded default: one file.
    Sqlite,
    /// A server, for several programs at once.
    Postgres,
}

/// A statement that needs a text for each engine.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// The text for SQLite.
    pub sqlite: &'static str,
    /// The text for PostgreSQL.
    pub postgres: &'static str,
}

impl Pair {
    /// The text for the engine.
    pub fn of(self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        }
    }
}

/// Opens a transaction that writes. SQLite takes its one write lock at once, since a read lock
/// that is raised later fails without waiting.
pub const BEGIN_WRITE: Pair = Pair {
    sqlite: "begin immediate",
    postgres: "begin isolation level read committed",
};

/// Opens a transaction that reads one consistent state.
pub const BEGIN_READ: Pair = Pair {
    sqlite: "begin deferred",
    postgres: "begin isolation level repeatable read, read only",
};

/// The table of applied migrations. Bytes are `blob` on one engine and `bytea` on the other.
pub const CREATE_SCHEMA_MIGRATION: Pair = Pair {
    sqlite: "create table if not exists schema_migration (
        version integer not null constraint pk_schema_migration primary key,
        name text not null,
        sha256 blob not null,
        applied_at integer not null
    ) strict",
    postgres: "create table if not exists schema_migration (
        version bigint not null constraint pk_schema_migration primary key,
        name text not null,
        sha256 bytea not null,
        applied_at bigint not null
    )",
};

/// Whether the table of applied migrations exists: 0 or 1. The catalogues differ.
pub const SCHEMA_MIGRATION_EXISTS: Pair = Pair {
    sqlite: "select count(*) from sqlite_master where type = 'table' and name = 'schema_migration'",
    postgres: "select count(to_regclass('schema_migration'))",
};

/// Makes programs that migrate at the same moment take turns. On SQLite the write lock does.
pub const LOCK_MIGRATION: Pair = Pair {
    sqlite: "select 1",
    postgres: "select count(pg_advisory_xact_lock(7209155))",
};

/// A piece of SQL: where it stands in the text, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: TokenKind<'a>,
}

/// The kinds of piece that matter here; comments and white space are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind<'a> {
    /// A keyword, a bare name or a number.
    Word(&'a str),
    /// A name in double quotes, without them.
    Name(&'a str),
    /// A string, in single quotes or between dollar marks.
    Text,
    /// Any other single byte.
    Symbol(u8),
}

impl<'a> Token<'a> {
    /// Whether this is the keyword, in any case.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        matches!(self.kind, TokenKind::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// Whether this is the symbol.
    pub(crate) fn is_symbol(&self, symbol: u8) -> bool {
        self.kind == TokenKind::Symbol(symbol)
    }

    /// The name that this piece spells, bare or quoted.
    pub(crate) fn name(&self) -> Option<&'a str> {
        match self.kind {
            TokenKind::Word(name) | TokenKind::Name(name) => Some(name),
            TokenKind::Text | TokenKind::Symbol(_) => None,
        }
    }
}

/// Reads SQL into pieces. An unfinished string or comment ends with the text: the engine will say
/// so when it is run. Strings with backslash escapes (`E'…'`) are not known.
pub(crate) fn tokens(sql: &str) -> Vec<Token<'_>> {
    let bytes = sql.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = &sql[at..];
        if byte.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        if rest.starts_with("--") {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        if let Some(comment) = rest.strip_prefix("/*") {
            at += comment.find("*/").map_or(rest.len(), |length| length + 4);
            continue;
        }
        let (length, kind) = piece(rest, byte);
        found.push(Token {
            start: at,
            end: at + length,
            kind,
        });
        at += length;
    }
    found
}

/// The length and kind of the piece at the beginning of `rest`, whose first byte is `byte`.
fn piece(rest: &str, byte: u8) -> (usize, TokenKind<'_>) {
    match byte {
        b'\'' => (quoted(rest, b'\''), TokenKind::Text),
        b'"' => {
            let length = quoted(rest, b'"');
            let name = rest.get(1..length.saturating_sub(1)).unwrap_or_default();
            (length, TokenKind::Name(name))
        }
        b'$' => match dollar_quoted(rest) {
            Some(length) => (length, TokenKind::Text),
            None => (1, TokenKind::Symbol(b'$')),
        },
        _ if is_word(byte) => {
            let length = rest.bytes().take_while(|&byte| is_word(byte)).count();
            (length, TokenKind::Word(&rest[..length]))
        }
        _ => (1, TokenKind::Symbol(byte)),
    }
}

/// Letters, digits, the underscore and everything outside ASCII belong to words.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

/// Length of a quoted piece with its quotes; a doubled quote stands for itself.
fn quoted(rest: &str, quote: u8) -> usize {
    let bytes = rest.as_bytes();
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if byte != quote {
            continue;
        }
        if bytes.get(at) != Some(&quote) {
            return at;
        }
        at += 1;
    }
    rest.len()
}

/// Length of a PostgreSQL string between dollar marks (`$$…$$`, `$tag$…$tag$`); none when the
/// dollar begins a parameter.
fn dollar_quoted(rest: &str) -> Option<usize> {
    let tag_end = rest[1..].find('$')? + 2;
    let tag = &rest[..tag_end];
    let inner = &tag[1..tag_end - 1];
    if inner.starts_with(|first: char| first.is_ascii_digit()) || !inner.bytes().all(is_word) {
        return None;
    }
    Some(
        rest[tag_end..]
            .find(tag)
            .map_or(rest.len(), |length| tag_end + length + tag_end),
    )
}

/// Cuts a migration into its statements, without the semicolons between them. A semicolon inside
/// a string, a function body between dollar marks or the `begin … end` of a trigger cuts nothing.
pub(crate) fn statements(sql: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = None;
    let (mut end, mut words, mut depth, mut in_trigger) = (0, 0, 0_u32, false);
    for token in tokens(sql) {
        if token.is_symbol(b';') && depth == 0 {
            if let Some(start) = start.take() {
                found.push(&sql[start..end]);
            }
            (words, in_trigger) = (0, false);
            continue;
        }
        if start.is_none() {
            start = Some(token.start);
        }
        // `create trigger`, `create temp trigger`, `create or replace constraint trigger`
        in_trigger |= (1..=4).contains(&words) && token.is("trigger");
        if in_trigger && (token.is("begin") || token.is("case")) {
            depth += 1;
        } else if in_trigger && token.is("end") {
            depth = depth.saturating_sub(1);
        }
        words += 1;
        end = token.end;
    }
    if let Some(start) = start {
        found.push(&sql[start..end]);
    }
    found
}

/// How many parameters a text takes: the greatest `$n`.
pub(crate) fn parameters(sql: &str) -> usize {
    let bytes = sql.as_bytes();
    let mut most = 0;
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'$') {
        let digits = bytes[at + 1..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit());
        let number = digits.fold(0_usize, |number, digit| {
            number
                .saturating_mul(10)
                .saturating_add(usize::from(digit - b'0'))
        });
        most = most.max(number);
    }
    most
}

/// A primary key, unique constraint or unique index: its name and columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
}

/// The named primary key and unique constraints in the text of a `create table`.
pub(crate) fn table_keys(sql: &str) -> Vec<Key> {
    let tokens = tokens(sql);
    let mut found = Vec::new();
    let (mut depth, mut item) = (0_u32, None);
    for (at, token) in tokens.iter().enumerate() {
        if token.is_symbol(b'(') {
            depth += 1;
        } else if token.is_symbol(b')') {
            depth = depth.saturating_sub(1);
        }
        // The first word after `(` or `,` is the column that a constraint without a list is on.
        let before = at.checked_sub(1).and_then(|before| tokens.get(before));
        if depth == 1 && before.is_some_and(|token| token.is_symbol(b'(') || token.is_symbol(b','))
        {
            item = token.name();
        }
        if !token.is("constraint") {
            continue;
        }
        let Some(name) = tokens.get(at + 1).and_then(Token::name) else {
            continue;
        };
        let list = match tokens.get(at + 2) {
            Some(token) if token.is("unique") => at + 3,
            Some(token) if token.is("primary") => at + 4,
            _ => continue,
        };
        let columns = match column_list(&tokens, list) {
            columns if !columns.is_empty() => columns,
            _ => item.map(str::to_owned).into_iter().collect(),
        };
        found.push(Key {
            name: name.to_owned(),
            columns,
        });
    }
    found
}

/// The columns in the text of a `create index`.
pub(crate) fn index_columns(sql: &str) -> Vec<String> {
    let tokens = tokens(sql);
    let open = tokens.iter().position(|token| token.is_symbol(b'('));
    open.map(|open| column_list(&tokens, open))
        .unwrap_or_default()
}

/// The names in `(a, b desc, …)` at the place; empty when no list stands there.
fn column_list(tokens: &[Token<'_>], open: usize) -> Vec<String> {
    if !tokens.get(open).is_some_and(|token| token.is_symbol(b'(')) {
        return Vec::new();
    }
    let mut columns = Vec::new();
    let mut expect = true;
    for token in &tokens[open + 1..] {
        if token.is_symbol(b')') {
            break;
        }
        if let (true, Some(name)) = (expect, token.name()) {
            columns.push(name.to_owned());
        }
        expect = token.is_symbol(b',');
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_cut_at_the_right_semicolons() {
        for (text, expected) in [
            ("", vec![]),
            (" ; ;\n", vec![]),
            ("select 1", vec!["select 1"]),
            (
                "-- a; b\nselect 1; /* ; */ select ';''; ' ;",
                vec!["select 1", "select ';''; '"],
            ),
            (
                "select \"a;b\"; select 2",
                vec!["select \"a;b\"", "select 2"],
            ),
            (
                "create table t (a integer); create trigger x before update on t when case a when 1
                 then 1 end begin select case when 1 then 2 end; select 2; end; select 3;",
                vec![
                    "create table t (a integer)",
                    "create trigger x before update on t when case a when 1
                 then 1 end begin select case when 1 then 2 end; select 2; end",
                    "select 3",
                ],
            ),
            (
                "create function f() returns trigger language plpgsql as $$ begin a; end $$;
                 create trigger t before update on x for each row execute function f();
                 do $body$ begin $$;$$; end $body$; select $1",
                vec![
                    "create function f() returns trigger language plpgsql as $$ begin a; end $$",
                    "create trigger t before update on x for each row execute function f()",
                    "do $body$ begin $$;$$; end $body$",
                    "select $1",
                ],
            ),
            (
                "insert into 表 values ('中;文');",
                vec!["insert into 表 values ('中;文')"],
            ),
        ] {
            assert_eq!(statements(text), expected, "{text}");
        }
    }

    #[test]
    fn parameters_are_counted_by_the_greatest_number() {
        for (text, expected) in [
            ("select 1", 0),
            ("a = $1 and b = $2 or c = $1", 2),
            ("$10, $2", 10),
            ("$", 0),
        ] {
            assert_eq!(parameters(text), expected, "{text}");
        }
    }

    #[test]
    fn key_names_are_read_from_create_table() {
        let text = "create table t (
            id integer constraint pk_t primary key, -- the (id)
            code text not null constraint uq_t_code unique,
            price integer constraint ck_t_price check (price in (1, 2)),
            \"a\" integer, b integer default (1), c integer,
            constraint uq_t_ab unique (\"a\", b collate nocase desc),
            constraint fk_t foreign key (c) references u (c)) strict";
        let keys: Vec<_> = table_keys(text)
            .into_iter()
            .map(|key| (key.name, key.columns.join(",")))
            .collect();
        let expected = [("pk_t", "id"), ("uq_t_code", "code"), ("uq_t_ab", "a,b")]
            .map(|(name, columns)| (name.to_owned(), columns.to_owned()));
        assert_eq!(keys, expected);
        let index = "create unique index ix on t (a, b desc) where c = 1";
        assert_eq!(index_columns(index), ["a", "b"]);
    }
}
