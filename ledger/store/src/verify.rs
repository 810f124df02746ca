//! Recomputes everything from the rows: entries, chain, Merkle root, every sealed row, the roots
//! of vouchers, file contents, and what is stored although it could be derived.

use std::collections::{BTreeMap, HashMap};

use ledger::audit::hex;
use ledger::audit::merkle::{Frontier, Hash};
use ledger::audit::row::Field;
use ledger::audit::verify::{ChainCheck, Fault, FaultKind, Head, RowCheck, TableCheck};
use ledger::id::BookId;
use sha2::{Digest, Sha256};

use crate::book::Book;
use crate::catalogue::sql;
use crate::db::{Row, Tx, Value};
use crate::error::StoreError;
use crate::report;
use crate::table::{self, Table};
use crate::write;

sql! {
    ENTRIES = "select sequence, bytes, leaf from audit_entry where book_id = $1
        order by sequence";
    HEAD = "select size, root, frontier, previous from book_head where book_id = $1";
    CONTENTS = "select file_id, sha256, size, content from stored_file where book_id = $1
        order by file_id";
    COUNTERS = "select name, next from counter where book_id = $1 order by name";
    NUMBERS = "select 'voucher', coalesce(max(voucher_id), 0) from voucher where book_id = $1
        union all select 'transfer', coalesce(max(transfer_id), 0) from transfer
            where book_id = $1
        union all select 'account', coalesce(max(account_id), 0) from account where book_id = $1
        union all select 'payment', coalesce(max(payment_id), 0) from payment where book_id = $1
        union all select 'file', coalesce(max(file_id), 0) from stored_file where book_id = $1
        union all select 'batch', coalesce(max(batch_id), 0) from batch where book_id = $1
        union all select 'party', coalesce(max(party_id), 0) from party where book_id = $1
        union all select 'award', coalesce(max(award_id), 0) from award where book_id = $1
        union all select 'run', coalesce(max(run_id), 0) from run where book_id = $1
        union all select 'exception', coalesce(max(exception_id), 0) from exception
            where book_id = $1
        union all select 'voucher:' || month, max(number) from voucher where book_id = $1
            group by month";
}

/// What a verification checked and found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// Audit entries read and recomputed.
    pub entries: u64,
    /// Rows read and recomputed.
    pub rows: u64,
    /// The head recomputed from the entries.
    pub head: Head,
    /// What is wrong, the first first.
    pub faults: Vec<Fault>,
}

/// Verifies a whole book in one consistent reading. `kept` are heads of earlier days that were
/// kept elsewhere: a history that does not contain them was rewritten, cut or restored.
pub async fn verify(tx: &mut Tx, book: &Book, kept: &[Head]) -> Result<Verification, StoreError> {
    let mut faults = Vec::new();
    let mut check = RowCheck::new();
    let mut vouchers = VoucherRoots::default();
    for table in table::ALL {
        let gathered = gather(tx, book.id, table, &mut vouchers, &mut faults).await?;
        check.table(gathered);
    }
    let mut chain = ChainCheck::new(&book.code);
    for head in kept {
        chain.expect(*head);
    }
    tx.stream(ENTRIES, &[book.id.get().into()], |row| {
        let sequence = row.int(0)?;
        match chain.push(sequence, row.bytes_ref(1)?, row.bytes_ref(2)?) {
            Ok(entry) => check.entry(&entry),
            Err(fault) => {
                faults.push(*fault);
                check.skip(sequence.cast_unsigned());
            }
        }
        Ok::<(), StoreError>(())
    })
    .await?;
    let stored = stored_head(tx, book.id, &mut faults).await?;
    let chain = chain.finish(stored);
    let rows = check.finish();
    faults.extend(chain.faults);
    faults.extend(rows.faults);
    // An empty trail comes before everything that follows from it.
    faults.sort_by_key(|fault| match fault.kind {
        FaultKind::Nothing => 0,
        _ => fault.entry.unwrap_or(u64::MAX),
    });
    vouchers.judge(&mut faults);
    contents(tx, book.id, &mut faults).await?;
    balances(tx, book.id, &mut faults).await?;
    counters(tx, book.id, &mut faults).await?;
    Ok(Verification {
        entries: chain.head.size,
        rows: rows.rows,
        head: chain.head,
        faults,
    })
}

/// Reads and hashes every row of a table.
async fn gather(
    tx: &mut Tx,
    book: BookId,
    table: &'static Table,
    vouchers: &mut VoucherRoots,
    faults: &mut Vec<Fault>,
) -> Result<TableCheck, StoreError> {
    let mut check = TableCheck::new(&table.spec);
    let width = table.spec.columns.len();
    let mut malformed = 0_u64;
    tx.stream(table.select, &[book.get().into()], |row| {
        let mut fields = [Field::NullInt; 24];
        for (column, field) in fields.iter_mut().enumerate().take(width) {
            match row.field(column) {
                Ok(value) => *field = value,
                Err(_) => malformed += 1,
            }
        }
        let leaf = check.push(row.int(width)?, row.int(width + 1)?, &fields[..width]);
        vouchers.take(table, row, leaf)
    })
    .await?;
    if malformed > 0 {
        let (zh, en) = (
            format!("有 {malformed} 个值的类型不对"),
            format!("{malformed} values have a wrong type"),
        );
        faults.push(fault(
            table.spec.table,
            None,
            None,
            FaultKind::Malformed,
            zh,
            en,
        ));
    }
    Ok(check)
}

async fn stored_head(
    tx: &mut Tx,
    book: BookId,
    faults: &mut Vec<Fault>,
) -> Result<Option<Head>, StoreError> {
    let Some(row) = tx.query_opt(HEAD, &[book.get().into()]).await? else {
        let (zh, en) = ("链头不见了".to_owned(), "the head row is gone".to_owned());
        faults.push(fault("book_head", None, None, FaultKind::Removed, zh, en));
        return Ok(None);
    };
    let size = row.int(0)?.cast_unsigned();
    let root = write::hash(row.bytes_ref(1)?)?;
    let frontier = Frontier::from_bytes(size, row.bytes_ref(2)?).map(|frontier| frontier.root());
    if frontier != Ok(root) {
        let zh = "链头的前沿与根不符".to_owned();
        let en = "the frontier of the head does not give its root".to_owned();
        faults.push(fault(
            "book_head",
            None,
            Some("frontier"),
            FaultKind::Altered,
            zh,
            en,
        ));
    }
    Ok(Some(Head { size, root }))
}

/// A voucher's root is that of its transfers.
#[derive(Default)]
struct VoucherRoots {
    stored: Vec<StoredRoot>,
    found: HashMap<i64, Frontier>,
}

struct StoredRoot {
    voucher: i64,
    transfers: i64,
    root: Vec<u8>,
    entry: i64,
}

impl VoucherRoots {
    fn take(
        &mut self,
        table: &'static Table,
        row: &Row,
        leaf: Option<Hash>,
    ) -> Result<(), StoreError> {
        let column = |name| {
            table
                .columns
                .iter()
                .position(|column| *column == name)
                .unwrap_or(0)
        };
        match table.spec.table {
            "transfer" => {
                if let Some(leaf) = leaf {
                    self.found.entry(row.int(2)?).or_default().push(leaf);
                }
            }
            "voucher" => self.stored.push(StoredRoot {
                voucher: row.int(1)?,
                transfers: row.int(column("transfers"))?,
                root: row.bytes(column("root"))?,
                entry: row.int(column("entry"))?,
            }),
            _ => {}
        }
        Ok(())
    }

    fn judge(mut self, faults: &mut Vec<Fault>) {
        for stored in self.stored {
            let voucher = stored.voucher;
            let same = self.found.remove(&voucher).is_some_and(|frontier| {
                frontier.root().as_slice() == stored.root
                    && frontier.size().cast_signed() == stored.transfers
            });
            if !same {
                let zh = format!("凭证 {voucher} 的分录与其根不符");
                let en = format!("the transfers of voucher {voucher} do not give its root");
                let field = Some("root");
                let mut found = fault("voucher", Some(voucher), field, FaultKind::Altered, zh, en);
                found.entry = u64::try_from(stored.entry).ok();
                faults.push(found);
            }
        }
        if let Some(voucher) = self.found.keys().min() {
            let zh = format!("有分录属于不存在的凭证 {voucher}");
            let en = format!("there are transfers of voucher {voucher}, which does not exist");
            let field = Some("voucher_id");
            faults.push(fault("transfer", None, field, FaultKind::Inserted, zh, en));
        }
    }
}

/// A file's content has the SHA-256 that its row seals.
async fn contents(tx: &mut Tx, book: BookId, faults: &mut Vec<Fault>) -> Result<(), StoreError> {
    tx.stream(CONTENTS, &[book.get().into()], |row| {
        let content = crate::batch::unpack(row.bytes_ref(3)?, row.int(2)?);
        let same = content.is_ok_and(|content| {
            Sha256::digest(content).as_slice() == row.bytes_ref(1).unwrap_or_default()
        });
        if !same {
            let id = row.int(0)?;
            let zh = format!("文件 {id} 的内容被改动");
            let en = format!("the content of file {id} was altered");
            let field = Some("content");
            faults.push(fault(
                "stored_file",
                Some(id),
                field,
                FaultKind::Altered,
                zh,
                en,
            ));
        }
        Ok::<(), StoreError>(())
    })
    .await
}

/// Stored balances are the sums of the transfers, in total and by month.
async fn balances(tx: &mut Tx, book: BookId, faults: &mut Vec<Fault>) -> Result<(), StoreError> {
    let [by_transfers, stored, _] = report::account_sums(tx, book).await?;
    let entries = |sums: Vec<report::AccountSums>| -> BTreeMap<String, (i64, i64)> {
        sums.into_iter()
            .map(|(id, debit, credit)| (id.to_string(), (debit, credit)))
            .collect()
    };
    differing(
        "account_total",
        &entries(by_transfers),
        &entries(stored),
        faults,
    );
    let [by_transfers, stored] = report::month_sums(tx, book).await?;
    let entries = |sums: Vec<report::MonthSums>| -> BTreeMap<String, (i64, i64)> {
        sums.into_iter()
            .map(|(id, month, debit, credit)| (format!("{id}/{month}"), (debit, credit)))
            .collect()
    };
    differing(
        "account_month",
        &entries(by_transfers),
        &entries(stored),
        faults,
    );
    Ok(())
}

fn differing(
    table: &str,
    computed: &BTreeMap<String, (i64, i64)>,
    stored: &BTreeMap<String, (i64, i64)>,
    faults: &mut Vec<Fault>,
) {
    let keys: std::collections::BTreeSet<&String> = computed.keys().chain(stored.keys()).collect();
    for key in keys {
        let (computed, stored) = (computed.get(key), stored.get(key));
        if computed == stored {
            continue;
        }
        let (kind, field) = match (computed, stored) {
            (_, None) => (FaultKind::Removed, None),
            (None, _) => (FaultKind::Inserted, None),
            (Some(a), Some(b)) if a.0 == b.0 => (FaultKind::Altered, Some("credit_fen")),
            _ => (FaultKind::Altered, Some("debit_fen")),
        };
        let zh = format!("{table} {key} 的余额与分录合计不符");
        let en = format!("the balance {table} {key} is not the sum of its transfers");
        let mut found = fault(table, None, field, kind, zh, en);
        found.row = Some(key.clone());
        faults.push(found);
    }
}

/// The next number of each kind follows the highest one given.
async fn counters(tx: &mut Tx, book: BookId, faults: &mut Vec<Fault>) -> Result<(), StoreError> {
    let mut next = HashMap::new();
    for row in tx.query(COUNTERS, &[book.get().into()]).await? {
        next.insert(row.text(0)?, row.int(1)?);
    }
    for row in tx.query(NUMBERS, &[book.get().into()]).await? {
        let (name, highest) = (row.text(0)?, row.int(1)?);
        let stored = next.get(&name).copied().unwrap_or(1);
        if stored != highest + 1 {
            let zh = format!("编号 {name} 的下一个是 {stored},最大的已用编号是 {highest}");
            let en = format!("the next {name} number is {stored}, the highest given is {highest}");
            let mut found = fault("counter", None, Some("next"), FaultKind::Altered, zh, en);
            found.row = Some(name);
            faults.push(found);
        }
    }
    Ok(())
}

fn fault(
    table: &str,
    row: Option<i64>,
    field: Option<&str>,
    kind: FaultKind,
    zh: String,
    en: String,
) -> Fault {
    Fault {
        entry: None,
        table: Some(table.to_owned()),
        row: row.map(|row| row.to_string()),
        field: field.map(str::to_owned),
        kind,
        zh,
        en,
    }
}

/// What an export for independent recomputation hands out, in its order.
pub enum Exported<'a> {
    /// A row of a sealed table.
    Row(&'static Table, &'a Row),
    /// An entry: sequence, bytes, leaf.
    Entry(i64, &'a [u8], &'a [u8]),
}

/// Hands out every row of every sealed table, then every entry.
pub async fn export<E: From<StoreError>>(
    tx: &mut Tx,
    book: BookId,
    mut receive: impl FnMut(Exported<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let args = [Value::Int(book.get())];
    for table in table::ALL {
        tx.stream(table.select, &args, |row| {
            receive(Exported::Row(table, row))
        })
        .await?;
    }
    tx.stream(ENTRIES, &args, |row| {
        receive(Exported::Entry(
            row.int(0)?,
            row.bytes_ref(1)?,
            row.bytes_ref(2)?,
        ))
    })
    .await
}

/// The hash of a head in short, as it is printed on paper: first and last 8 digits.
pub fn short_root(root: &Hash) -> String {
    let text = hex::encode(root);
    format!("{}…{}", &text[..8], &text[56..])
}
