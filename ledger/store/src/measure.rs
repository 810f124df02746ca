//! Measures of a database, for `huimin bench`: how many bytes it takes, and its rows as they are
//! stored, to be loaded again elsewhere.
//!
//! The statements follow from [`table::ALL`]; what differs between the engines stands here and not
//! in the catalogue of portable texts.

use crate::boxed;
use std::sync::LazyLock;

use ledger::audit::row::Field;
use ledger::id::BookId;

use crate::db::{Db, Row, RowBuffer, Tx, Value};
use crate::dialect::{Engine, Pair};
use crate::error::StoreError;
use crate::table::{self, Table};

/// The size of the whole in bytes. SQLite counts pages, those that are committed but still in the
/// write-ahead log too; PostgreSQL adds the tables of the schema, their indexes and long values.
const BYTES: Pair = Pair {
    sqlite: "select c.page_count * s.page_size from pragma_page_count c, pragma_page_size s",
    postgres: "select cast(coalesce(sum(pg_total_relation_size(c.oid)), 0) as bigint)
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = current_schema() and c.relkind in ('r', 'm')",
};

/// The columns of a table with their types. Only PostgreSQL is asked: SQLite has untyped nulls.
const COLUMN_TYPES: &str = "select cast(a.attname as text),
    cast(format_type(a.atttypid, null) as text) from pg_attribute a
    where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped";

/// Rows read with one statement, where rows are small.
const PAGE_ROWS: i64 = 20_000;

/// The bytes that the database takes on disk: pages that are in use or free on SQLite, tables with
/// indexes on PostgreSQL. Logs are not counted.
///
/// # Errors
/// Only those of the database itself.
#[boxed]
pub async fn bytes_stored(db: &Db) -> Result<u64, StoreError> {
    let mut tx = db.begin_read().await?;
    let row = tx.query_one(BYTES.of(tx.engine()), &[]).await?;
    let bytes = row.int(0)?;
    tx.rollback().await?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}

/// Makes an empty schema on PostgreSQL, in place of one with this name; names are closed.
///
/// # Errors
/// Only those of the database itself.
#[boxed]
pub async fn make_schema(db: &Db, schema: Schema) -> Result<(), StoreError> {
    drop_schema(db, schema).await?;
    let mut tx = db.begin_write().await?;
    tx.execute(schema.create(), &[]).await?;
    tx.commit().await
}

/// Removes a schema that [`make_schema`] made, with everything in it.
///
/// # Errors
/// Only those of the database itself.
#[boxed]
pub async fn drop_schema(db: &Db, schema: Schema) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    tx.execute(schema.drop(), &[]).await?;
    tx.commit().await
}

/// The schemas of a measurement beside the one that holds the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// Where the same rows are loaded as they are.
    Raw,
    /// Where postings are measured alone.
    Posting,
}

impl Schema {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Schema::Raw => "huimin_raw",
            Schema::Posting => "huimin_posting",
        }
    }

    fn create(self) -> &'static str {
        match self {
            Schema::Raw => "create schema huimin_raw",
            Schema::Posting => "create schema huimin_posting",
        }
    }

    fn drop(self) -> &'static str {
        match self {
            Schema::Raw => "drop schema if exists huimin_raw cascade",
            Schema::Posting => "drop schema if exists huimin_posting cascade",
        }
    }
}

/// A table whose rows can be read as they are stored: a sealed one, or the audit trail.
#[derive(Debug)]
pub struct Stored {
    /// Its name.
    pub table: &'static str,
    /// Its columns, as they are loaded.
    pub columns: &'static [&'static str],
    /// Where the parts of the key behind the book stand among the columns.
    key: Vec<usize>,
    page_rows: i64,
    first: String,
    next: String,
}

/// Every such table, in an order in which rows written together satisfy the foreign keys.
pub fn stored() -> &'static [Stored] {
    static STORED: LazyLock<Vec<Stored>> = LazyLock::new(|| {
        // An outcome refers to its attempt; an attempt only to outcomes of earlier commands.
        let early = |table: &&&Table| table.spec.table == "attempt";
        let sealed = table::ALL.iter().filter(early);
        let sealed = sealed.chain(table::ALL.iter().filter(|table| !early(table)));
        let entries = Stored::new("audit_entry", &AUDIT_COLUMNS, &[1], "sequence", false);
        sealed
            .map(|table| Stored::of(table))
            .chain([entries])
            .collect()
    });
    &STORED
}

/// The columns of the audit trail.
const AUDIT_COLUMNS: [&str; 4] = ["book_id", "sequence", "bytes", "leaf"];

impl Stored {
    fn of(table: &'static Table) -> Stored {
        let spec = &table.spec;
        // What lies beside the seal are the contents of files.
        let long = table.columns.len() > spec.columns.len() + 2;
        let key = spec.key.strip_prefix(&[0]).unwrap_or(spec.key);
        Stored::new(spec.table, table.columns, key, "entry", long)
    }

    fn new(
        table: &'static str,
        columns: &'static [&'static str],
        key: &[usize],
        entry: &str,
        long: bool,
    ) -> Stored {
        let names: Vec<&str> = key
            .iter()
            .filter_map(|column| columns.get(*column).copied())
            .collect();
        let order: String = names.iter().map(|name| format!(", {name}")).collect();
        let select = format!(
            "select {} from {table} where book_id = $1 and {entry} >= $2 and {entry} <= $3",
            columns.join(", ")
        );
        let marks: Vec<String> = (5..).take(names.len()).map(|n| format!("${n}")).collect();
        let after = match names.is_empty() {
            // One row for each book: nothing follows it.
            true => " and 1 = 0".to_owned(),
            false => format!(" and ({}) > ({})", names.join(", "), marks.join(", ")),
        };
        let tail = format!(" order by book_id{order} limit $4");
        Stored {
            table,
            columns,
            key: key.to_vec(),
            page_rows: if long { 1 } else { PAGE_ROWS },
            first: format!("{select}{tail}"),
            next: format!("{select}{after}{tail}"),
        }
    }

    /// Reads the rows that follow the last one of `page` among those of these audit entries, and
    /// puts them in its place: at most 20,000, one where a row holds a file. The first rows when
    /// the page is empty; an empty page when nothing follows.
    ///
    /// # Errors
    /// Only those of the database itself.
    #[boxed]
    pub async fn turn(
        &'static self,
        tx: &mut Tx,
        book: BookId,
        (first, last): (i64, i64),
        page: &mut RowBuffer,
    ) -> Result<(), StoreError> {
        let mut args = vec![
            book.get().into(),
            first.into(),
            last.into(),
            self.page_rows.into(),
        ];
        let mut sql = self.first.as_str();
        if let Some(end) = page.rows().next_back() {
            sql = self.next.as_str();
            args.extend(self.key.iter().filter_map(|column| end.value(*column)));
        }
        page.clear();
        let types = self.null_types(tx).await?;
        tx.stream(sql, &args, |row| {
            let values: Result<Vec<Value>, StoreError> = (0..self.columns.len())
                .map(|column| value_of(row, column, &types))
                .collect();
            page.push(values?);
            Ok::<(), StoreError>(())
        })
        .await
    }

    /// What a NULL is in each column.
    async fn null_types(&self, tx: &mut Tx) -> Result<Vec<Value>, StoreError> {
        let mut types = vec![Value::NullInt; self.columns.len()];
        if tx.engine() == Engine::Sqlite {
            return Ok(types);
        }
        for row in tx.query(COLUMN_TYPES, &[self.table.into()]).await? {
            let place = self
                .columns
                .iter()
                .position(|name| row.text_ref(0).ok() == Some(*name));
            if let Some(slot) = place.and_then(|place| types.get_mut(place)) {
                *slot = match row.text_ref(1)? {
                    "text" => Value::NullText,
                    "bytea" => Value::NullBytes,
                    _ => Value::NullInt,
                };
            }
        }
        Ok(types)
    }
}

fn value_of(row: &Row, column: usize, nulls: &[Value]) -> Result<Value, StoreError> {
    Ok(match row.field(column)? {
        Field::Int(number) => Value::Int(number),
        Field::Text(text) => Value::from(text),
        Field::Bytes(bytes) => Value::from(bytes),
        Field::NullInt | Field::NullText | Field::NullBytes | Field::Commitment(_) => {
            nulls.get(column).cloned().unwrap_or(Value::NullInt)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sealed_table_and_the_trail_can_be_read_in_pages() {
        let stored = stored();
        assert_eq!(stored.len(), table::ALL.len() + 1);
        let place = |name| stored.iter().position(|stored| stored.table == name);
        assert!(place("attempt") < place("outcome"));
        let entries = &stored[place("audit_entry").unwrap()];
        assert_eq!(
            entries.next,
            "select book_id, sequence, bytes, leaf from audit_entry where book_id = $1 \
             and sequence >= $2 and sequence <= $3 and (sequence) > ($5) \
             order by book_id, sequence limit $4"
        );
    }
}
