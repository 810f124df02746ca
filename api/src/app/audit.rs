//! Reading, verifying and exporting the audit trail.

use ledger_store::boxed;
use std::io;

use ledger::audit::canonical::Json;
use ledger::audit::commitment::{Salt, column_salt, commit};
use ledger::audit::entry::{Entry, ObjectRef};
use ledger::audit::hex::encode;
use ledger::audit::row::{Field, RowSpec};
use ledger::audit::verify::{Fault, Head};
use ledger::disbursement::role::Action;
use ledger::id::BookId;
use ledger_store::book::Book;
use ledger_store::db::{Row, Tx};
use ledger_store::error::StoreError;
use ledger_store::table::Table as SealedTable;
use ledger_store::verify::{self, Exported, Verification, short_root};
use ledger_store::{report as figures, trace as way};
use serde_json::{Map, Value, json};

use super::exception::Page;
use super::progress::Progress;
use super::view::{Report, Table, words};
use super::{App, Caller, Error, clock, not_found};

/// The entries after one. The document names in `next` the entry after which to ask for more; it
/// is null at the end.
#[boxed]
pub async fn log_page(app: &App, caller: &Caller, page: Page) -> Result<Report, Error> {
    let from = page.after.saturating_add(1);
    let mut report = log(app, caller, from, page.limit).await?;
    let end = page.after.saturating_add(page.limit);
    let size = report.json["head"]["size"].as_i64().unwrap_or(0);
    report.json["next"] = (end < size).then_some(end).into();
    Ok(report)
}

/// The entries from a sequence on, at most `limit`: when, who, what, of which objects.
///
/// # Errors
/// When the caller may not read the trail; an entry that cannot be read; accidents of the store.
#[boxed]
pub async fn log(app: &App, caller: &Caller, from: i64, limit: i64) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadAudit).await?;
    let stored = way::entries(&mut tx, caller.book.id, from, limit).await?;
    let (size, root) = figures::head(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let mut table = Table::new(
        words(
            format!("审计轨迹(共 {size} 条)"),
            format!("audit trail ({size} entries)"),
        ),
        &[
            ("序号", "sequence", true),
            ("时间", "time", false),
            ("用户", "user", false),
            ("事项", "kind", false),
            ("对象", "objects", false),
            ("拒绝代码", "code", false),
            ("行数", "rows", true),
            ("理由", "reason", false),
        ],
    );
    let mut rows = Vec::with_capacity(stored.len());
    for (sequence, bytes) in stored {
        let entry = read_entry(sequence, &bytes)?;
        let shown = entry_json(&entry);
        let sealed = shown["rows"].to_string();
        table.row([
            sequence.to_string(),
            clock::china_second(entry.time),
            entry.actor.user.clone(),
            entry.kind.clone(),
            entry
                .objects
                .iter()
                .map(object_text)
                .collect::<Vec<_>>()
                .join(" "),
            shown["code"].as_str().unwrap_or_default().to_owned(),
            sealed,
            entry.reason.clone().unwrap_or_default(),
        ]);
        rows.push(shown);
    }
    let head = json!({ "size": size, "root": encode(&root) });
    Ok(Report::new(
        json!({ "entries": rows, "head": head }),
        vec![table],
    ))
}

/// The entries that are wanted, by pages in their order. The document says in `matching` how many
/// are, and in `before` how many of those stand before the page.
///
/// # Errors
/// As [`log`].
#[boxed]
pub async fn search(
    app: &App,
    caller: &Caller,
    wanted: &(dyn Fn(&Value) -> bool + Sync),
    page: Page,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadAudit).await?;
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let (mut found, mut matching, mut before) = (Vec::new(), 0_i64, 0_i64);
    way::each_entry(&mut tx, caller.book.id, |sequence, bytes, _| {
        let shown = entry_json(&read_entry(sequence, bytes)?);
        if wanted(&shown) {
            matching += 1;
            if sequence <= page.after {
                before += 1;
            } else if found.len() < limit {
                found.push(shown);
            }
        }
        Ok::<(), Error>(())
    })
    .await?;
    tx.rollback().await?;
    let shown = i64::try_from(found.len()).unwrap_or(i64::MAX);
    let more = before.saturating_add(shown) < matching;
    let next = found
        .last()
        .filter(|_| more)
        .map(|last| last["seq"].clone());
    let document = json!({
        "entries": found, "next": next, "matching": matching, "before": before,
    });
    Ok(Report::new(document, Vec::new()))
}

fn read_entry(sequence: i64, bytes: &[u8]) -> Result<Entry, Error> {
    let entry = Entry::from_bytes(bytes);
    Ok(entry.map_err(|error| anyhow::anyhow!("audit entry {sequence}: {error}"))?)
}

/// One entry with all that it holds: what was asked, files, and the rows that it seals by table.
/// Personal values are in no entry; numbers in free text are masked.
///
/// # Errors
/// [`ledger::problem::Kind::NotFound`]; as [`log`].
#[boxed]
pub async fn entry(app: &App, caller: &Caller, sequence: i64) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadAudit).await?;
    let stored = way::entries(&mut tx, caller.book.id, sequence, 1).await?;
    let (size, _) = figures::head(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let found = stored.into_iter().find(|(found, _)| *found == sequence);
    let (_, bytes) = found.ok_or_else(|| not_found("审计条目 audit entry", sequence))?;
    let entry = read_entry(sequence, &bytes)?;
    let mut document = entry_json(&entry);
    document["data"] = Value::Object(
        entry
            .data
            .iter()
            .map(|(name, value)| (name.clone(), value_of(value)))
            .collect(),
    );
    document["previous"] = encode(&entry.previous).into();
    document["size"] = size.into();
    Ok(Report::new(document, parts_of(&entry)))
}

/// The objects, files and rows of an entry.
fn parts_of(entry: &Entry) -> Vec<Table> {
    let mut tables = vec![
        Table::new(
            words("对象", "Objects"),
            &[
                ("种类", "kind", false),
                ("编号", "number", false),
                ("版本", "version", true),
                ("内容哈希", "hash", false),
            ],
        ),
        Table::new(
            words("文件", "Files"),
            &[
                ("编号", "number", false),
                ("文件", "file", false),
                ("字节", "bytes", true),
                ("SHA-256", "sha256", false),
            ],
        ),
        Table::new(
            words("写入的行", "Rows"),
            &[
                ("表", "table", false),
                ("行数", "rows", true),
                ("根", "root", false),
            ],
        ),
    ];
    for object in &entry.objects {
        let version = object.version.map(|version| version.to_string());
        let hash = object.hash.map(|hash| encode(&hash));
        let (kind, id) = (object.kind.clone(), object.id.clone());
        tables[0].row([
            kind,
            id,
            version.unwrap_or_default(),
            hash.unwrap_or_default(),
        ]);
    }
    for file in &entry.files {
        let (name, bytes) = (super::roster::mask_numbers(&file.name), file.bytes_count);
        tables[1].row([
            file.id.clone(),
            name,
            bytes.to_string(),
            encode(&file.sha256),
        ]);
    }
    for rows in &entry.rows {
        tables[2].row([
            rows.table.clone(),
            rows.count.to_string(),
            encode(&rows.root),
        ]);
    }
    tables
}

/// A value of an entry as JSON, with long numbers masked.
fn value_of(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(flag) => (*flag).into(),
        Json::Int(number) => (*number).into(),
        Json::Text(text) => super::roster::mask_numbers(text).into(),
        Json::List(items) => items.iter().map(value_of).collect(),
        Json::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| (name.clone(), value_of(value)))
                .collect(),
        ),
    }
}

fn object_text(object: &ObjectRef) -> String {
    format!("{}:{}", object.kind, object.id)
}

fn entry_json(entry: &Entry) -> Value {
    let sealed = entry.rows.iter().map(|rows| rows.count).sum::<u64>();
    let of = |name: &str| entry.data.get(name).map(value_of);
    json!({
        "seq": entry.sequence,
        "time": entry.time.to_string(),
        "user": entry.actor.user,
        "roles": entry.actor.roles,
        "session": entry.actor.session,
        "kind": entry.kind,
        "key": entry.key,
        "reason": entry.reason,
        "objects": entry.objects.iter().map(object_text).collect::<Vec<_>>(),
        "rows": sealed,
        "request": of("request"),
        "code": of("code"),
    })
}

/// Recomputes a whole book and holds it against heads that were kept elsewhere.
///
/// # Errors
/// Accidents of the store.
#[boxed]
pub async fn verification(app: &App, book: &Book, heads: &[Head]) -> Result<Verification, Error> {
    verification_told(app, book, heads, &Progress::default()).await
}

async fn verification_told(
    app: &App,
    book: &Book,
    heads: &[Head],
    progress: &Progress,
) -> Result<Verification, Error> {
    Ok(verify::verify(&app.db, book, heads, progress).await?)
}

/// [`verification`] as a report: how much was checked, and the first thing that is wrong. A trail
/// with a fault, or with nothing in it, is exit status 3.
///
/// # Errors
/// When the caller may not verify; accidents of the store.
#[boxed]
pub async fn verify(app: &App, caller: &Caller, heads: &[Head]) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::VerifyAudit).await?;
    caller
        .progress
        .expect(sealed_rows(&mut tx, caller.book.id).await?);
    tx.rollback().await?;
    let checked = verification_told(app, &caller.book, heads, &caller.progress).await?;
    // Nothing to check proves nothing, whatever the list of faults says.
    let ok = checked.faults.is_empty() && checked.entries > 0 && checked.rows > 0;
    let json = json!({
        "ok": ok,
        "entries": checked.entries,
        "rows": checked.rows,
        "size": checked.head.size,
        "root": encode(&checked.head.root),
        "first_fault": checked.faults.first().map(fault_json),
        "faults": checked.faults.len(),
        "heads_checked": heads.len(),
    });
    let mut tables = vec![verdict(&checked, heads, ok)];
    if !checked.faults.is_empty() {
        tables.push(faults_table(&checked.faults));
    }
    Ok(Report {
        json,
        tables,
        found: !ok,
    })
}

fn fault_json(fault: &Fault) -> Value {
    json!({
        "entry": fault.entry,
        "table": fault.table,
        "row": fault.row,
        "field": fault.field,
        "kind": fault.kind.name(),
        "zh": fault.zh,
        "en": fault.en,
    })
}

fn verdict(checked: &Verification, heads: &[Head], ok: bool) -> Table {
    let title = match ok {
        true => words("审计轨迹完好", "the audit trail is intact"),
        false => words("审计轨迹不完好", "the audit trail is not intact"),
    };
    let heads_given = match heads.len() {
        0 => "无 none".to_owned(),
        count => count.to_string(),
    };
    let mut table = Table::new(
        title,
        &[("核对", "checked", false), ("结果", "result", true)],
    );
    for (what, result) in [
        ("记录 entries", checked.entries.to_string()),
        ("行 rows", checked.rows.to_string()),
        (
            "链头 head",
            format!("{}:{}", checked.head.size, short_root(&checked.head.root)),
        ),
        ("外存链头 heads kept elsewhere", heads_given),
        ("问题 faults", checked.faults.len().to_string()),
    ] {
        table.row([what.to_owned(), result]);
    }
    table
}

fn faults_table(faults: &[Fault]) -> Table {
    const SHOWN: usize = 100;
    let mut table = Table::new(
        words("问题", "faults"),
        &[
            ("记录", "entry", true),
            ("表", "table", false),
            ("行", "row", false),
            ("字段", "field", false),
            ("性质", "kind", false),
            ("说明", "finding", false),
        ],
    );
    let text = |part: &Option<String>| part.clone().unwrap_or_else(|| "—".to_owned());
    for fault in faults.iter().take(SHOWN) {
        table.row([
            fault
                .entry
                .map_or_else(|| "—".to_owned(), |entry| entry.to_string()),
            text(&fault.table),
            text(&fault.row),
            text(&fault.field),
            fault.kind.name().to_owned(),
            format!("{} / {}", fault.zh, fault.en),
        ]);
    }
    table
}

/// Writes the recomputation export (`ledger/docs/audit-format.md` §9): every entry, every sealed
/// row, the stored head, one JSON object a line. Personal values leave as their commitments.
///
/// # Errors
/// When the caller may not read the trail; when the output cannot be written; accidents of the
/// store.
#[boxed]
pub async fn export(
    app: &App,
    caller: &Caller,
    out: &mut (dyn io::Write + Send),
) -> Result<(), Error> {
    let book = caller.book.id;
    let mut tx = app.read(caller, Action::ReadAudit).await?;
    caller.progress.expect(sealed_rows(&mut tx, book).await?);
    let mut steps = caller.progress.steps();
    way::each_entry(&mut tx, book, |sequence, bytes, leaf| {
        let entry = json!({ "seq": sequence, "bytes": encode(bytes), "leaf": encode(leaf) });
        line(out, "entry", entry)
    })
    .await?;
    verify::export(&mut tx, book, |item| match item {
        Exported::Row(table, row) => {
            steps.one();
            line(out, "row", row_json(table, row)?)
        }
        Exported::Entry(..) => Ok(()),
    })
    .await?;
    let (size, root) = figures::head(&mut tx, book).await?;
    line(out, "head", json!({ "size": size, "root": encode(&root) }))?;
    tx.rollback().await?;
    out.flush().map_err(|error| Error::Internal(error.into()))
}

/// Rows that the entries of a book seal, as the entries say themselves; one that cannot be read
/// counts as none.
async fn sealed_rows(tx: &mut Tx, book: BookId) -> Result<usize, Error> {
    let mut rows = 0_u64;
    way::each_entry(tx, book, |_, bytes, _| {
        if let Ok(entry) = Entry::from_bytes(bytes) {
            rows += entry.rows.iter().map(|rows| rows.count).sum::<u64>();
        }
        Ok::<(), Error>(())
    })
    .await?;
    Ok(usize::try_from(rows).unwrap_or(usize::MAX))
}

fn line(out: &mut dyn io::Write, name: &str, content: Value) -> Result<(), Error> {
    let mut object = Map::new();
    object.insert(name.to_owned(), content);
    writeln!(out, "{}", Value::Object(object)).map_err(|error| Error::Internal(error.into()))
}

fn row_json(table: &SealedTable, row: &Row) -> Result<Value, StoreError> {
    let spec = &table.spec;
    let mut fields = Vec::with_capacity(spec.columns.len());
    for column in 0..spec.columns.len() {
        fields.push(row.field(column)?);
    }
    let salt = spec.salt.and_then(|column| match fields.get(column) {
        Some(Field::Bytes(bytes)) => Salt::try_from(*bytes).ok(),
        _ => None,
    });
    let values: Vec<Value> = fields
        .iter()
        .enumerate()
        .map(|(column, field)| value_json(spec, column, field, salt.as_ref()))
        .collect();
    let kinds: Vec<&str> = spec
        .columns
        .iter()
        .zip(&fields)
        .enumerate()
        .map(|(column, (name, field))| kind(spec, column, name, field))
        .collect();
    let key: Vec<Value> = spec
        .key
        .iter()
        .filter_map(|column| values.get(*column).cloned())
        .collect();
    Ok(json!({
        "table": spec.table,
        "entry": row.int(spec.columns.len())?,
        "key": key,
        "columns": spec.columns,
        "key_columns": spec.key,
        "private": spec.private,
        "salt": spec.salt,
        "kinds": kinds,
        "values": values,
        "seal": row.int(spec.columns.len() + 1)?,
    }))
}

/// A value as the export writes it. The salt stays behind, and with it what it protects.
fn value_json(spec: &RowSpec, column: usize, field: &Field<'_>, salt: Option<&Salt>) -> Value {
    if spec.salt == Some(column) {
        return Value::Null;
    }
    match field {
        Field::Int(number) => json!(number),
        Field::Text(text) if spec.private.contains(&column) => {
            match (salt, u16::try_from(column)) {
                (Some(salt), Ok(index)) => {
                    json!({ "commitment": encode(&commit(&column_salt(salt, index), text)) })
                }
                // Without its salt the row cannot be verified; the value is not shown for that.
                _ => Value::Null,
            }
        }
        Field::Text(text) => json!(text),
        Field::Bytes(bytes) => json!({ "hex": encode(bytes) }),
        Field::Commitment(hash) => json!({ "commitment": encode(*hash) }),
        Field::NullInt | Field::NullText | Field::NullBytes => Value::Null,
    }
}

/// The type of a column. The driver does not tell the type of a null, and the name does.
fn kind(spec: &RowSpec, column: usize, name: &str, field: &Field<'_>) -> &'static str {
    match field {
        _ if spec.salt == Some(column) => "bytes",
        Field::Int(_) => "int",
        Field::Text(_) | Field::NullText | Field::Commitment(_) => "text",
        Field::Bytes(_) | Field::NullBytes => "bytes",
        Field::NullInt => {
            let number = ["_id", "_no", "_fen"]
                .iter()
                .any(|ending| name.ends_with(ending));
            if number { "int" } else { "text" }
        }
    }
}

#[cfg(test)]
mod tests {
    use ledger_store::table;

    use super::*;

    #[test]
    fn personal_values_leave_as_commitments() {
        let spec = &table::PARTY.spec;
        let salt = [7; 16];
        for column in spec.private {
            let value = value_json(spec, *column, &Field::Text("测试甲"), Some(&salt));
            assert!(value["commitment"].is_string(), "{column}");
        }
        let column = spec.salt.unwrap();
        assert_eq!(
            value_json(spec, column, &Field::Bytes(&salt), Some(&salt)),
            Value::Null
        );
    }
}
