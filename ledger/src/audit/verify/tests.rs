//! What people do to a log and its tables, and what the verifier answers.

use std::collections::BTreeMap;

use super::*;
use crate::audit::Actor;
use crate::calendar::Moment;

type Stored = (i64, Vec<u8>, Vec<u8>);

static PAYMENT: RowSpec = RowSpec {
    table: "payment",
    columns: &["id", "amount", "payee"],
    key: &[0],
    private: &[],
    salt: None,
};

static TRANSFER: RowSpec = RowSpec {
    table: "transfer",
    columns: &["voucher", "line", "amount"],
    key: &[0, 1],
    private: &[],
    salt: None,
};

fn entry(sequence: u64, previous: Hash, rows: Vec<RowsRef>) -> Entry {
    Entry {
        book: "610881".to_owned(),
        sequence,
        previous,
        time: Moment(1_641_000_000_000_000),
        kind: format!("test.{sequence}"),
        actor: Actor::default(),
        key: None,
        objects: Vec::new(),
        reason: None,
        data: BTreeMap::new(),
        files: Vec::new(),
        commitments: Vec::new(),
        rows,
    }
}

/// A chain of entries, each sealing the rows given for it.
fn chain(rows: Vec<Vec<RowsRef>>) -> Vec<Stored> {
    let mut previous = NO_HASH;
    let mut log = Vec::new();
    for (sequence, rows) in (1..).zip(rows) {
        let bytes = entry(sequence, previous, rows).to_bytes().unwrap();
        previous = leaf(&bytes);
        log.push((sequence.cast_signed(), bytes, previous.to_vec()));
    }
    log
}

fn log(length: usize) -> Vec<Stored> {
    chain(vec![Vec::new(); length])
}

/// The same log with another kind in one entry, and everything after it hashed again.
fn rehashed(length: usize, changed: u64) -> Vec<Stored> {
    let mut previous = NO_HASH;
    (1..=length as u64)
        .map(|sequence| {
            let mut entry = entry(sequence, previous, Vec::new());
            if sequence == changed {
                entry.kind = "test.other".to_owned();
            }
            let bytes = entry.to_bytes().unwrap();
            previous = leaf(&bytes);
            (sequence.cast_signed(), bytes, previous.to_vec())
        })
        .collect()
}

fn head_of(log: &[Stored]) -> Head {
    let mut frontier = Frontier::new();
    log.iter()
        .for_each(|(_, bytes, _)| frontier.push(leaf(bytes)));
    Head {
        size: frontier.size(),
        root: frontier.root(),
    }
}

/// All faults of a log as `kind entry field`, with an earlier head and the stored head.
fn faults(log: &[Stored], earlier: Option<Head>, stored: Option<Head>) -> Vec<String> {
    let mut check = ChainCheck::new("610881");
    earlier.into_iter().for_each(|head| check.expect(head));
    let mut all: Vec<Fault> = log
        .iter()
        .filter_map(|(sequence, bytes, leaf)| {
            check.push(*sequence, bytes, leaf).err().map(|fault| *fault)
        })
        .collect();
    let report = check.finish(stored);
    assert_eq!(report.head, head_of(log));
    all.extend(report.faults);
    all.iter().map(show).collect()
}

fn show(fault: &Fault) -> String {
    assert!(!fault.zh.is_empty() && !fault.en.is_empty());
    let entry = fault.entry.map(|entry| entry.to_string());
    let parts = [
        entry.as_ref(),
        fault.table.as_ref(),
        fault.row.as_ref(),
        fault.field.as_ref(),
    ];
    let shown = parts.map(|part| part.map_or("-", String::as_str)).join(" ");
    format!("{} {shown}", fault.kind.name())
}

/// Lesson 9: a verifier must not call healthy what it has not verified.
#[test]
fn attacks_on_a_log_of_ten_with_its_head_kept() {
    let good = log(10);
    let head = head_of(&good);
    assert_eq!(faults(&good, Some(head), Some(head)), Vec::<String>::new());
    let with = |change: &dyn Fn(&mut Vec<Stored>)| {
        let mut log = good.clone();
        change(&mut log);
        faults(&log, None, Some(head))
    };
    let other = entry(5, [9; 32], Vec::new()).to_bytes().unwrap();
    let cases: [(&str, Vec<String>, &[&str]); 12] = [
        (
            "empty",
            with(&|log| log.clear()),
            &["nothing - - - -", "cut 1 - - -"],
        ),
        ("tail cut", with(&|log| log.truncate(7)), &["cut 8 - - -"]),
        (
            "bytes edited",
            with(&|log| log[4].1[9] ^= 1),
            &["altered 5 - - bytes", "rewritten - - - -"],
        ),
        (
            "bytes and leaf edited",
            with(&|log| {
                (log[4].1, log[4].2) = (rehashed(10, 5)[4].1.clone(), rehashed(10, 5)[4].2.clone())
            }),
            &["altered 5 - - bytes", "rewritten - - - -"],
        ),
        (
            "leaf edited",
            with(&|log| log[4].2[0] ^= 1),
            &["altered 5 - - bytes"],
        ),
        (
            "leaf shortened",
            with(&|log| log[4].2.truncate(31)),
            &["altered 5 - - bytes"],
        ),
        (
            "removed",
            with(&|log| _ = log.remove(4)),
            &["removed 5 - - sequence", "cut 10 - - -"],
        ),
        (
            "rows swapped",
            with(&|log| log.swap(3, 5)),
            &[
                "removed 4 - - sequence",
                "reordered 5 - - sequence",
                "reordered 4 - - sequence",
                "removed 5 - - sequence",
                "rewritten - - - -",
            ],
        ),
        (
            "contents swapped",
            with(&|log| {
                let (left, right) = (log[3].clone(), log[4].clone());
                (log[3], log[4]) = ((4, right.1, right.2), (5, left.1, left.2));
            }),
            &[
                "reordered 4 - - sequence",
                "reordered 5 - - sequence",
                "altered 5 - - bytes",
                "rewritten - - - -",
            ],
        ),
        (
            "chained to nothing",
            with(&|log| (log[4].1, log[4].2) = (other.clone(), leaf(&other).to_vec())),
            &["altered 4 - - bytes", "rewritten - - - -"],
        ),
        (
            "appended without the head",
            faults(&log(11), None, Some(head)),
            &["inserted 11 - - -"],
        ),
        (
            "re-hashed",
            faults(&rehashed(10, 5), None, Some(head)),
            &["rewritten - - - -"],
        ),
    ];
    for (name, found, wanted) in cases {
        // What follows the first fault may be its echo; the first must be right.
        assert_eq!(
            found.first().map(String::as_str),
            Some(wanted[0]),
            "{name}: {found:?}"
        );
        assert!(found.len() >= wanted.len().min(2), "{name}: {found:?}");
    }
}

/// The attacker owns the database, so the stored head agrees with whatever the log has become.
#[test]
fn a_head_of_an_earlier_day_finds_what_the_log_itself_cannot_show() {
    let good = log(10);
    let earlier = head_of(&good[..6]);
    let grown = log(12);
    let own = |log: &[Stored]| Some(head_of(log));
    for (name, log, wanted) in [
        ("grown since", grown.clone(), None),
        ("changed after that day", rehashed(10, 8), None),
        (
            "edited and re-hashed",
            rehashed(10, 3),
            Some("rewritten - - - -"),
        ),
        (
            "cut and continued",
            rehashed(12, 6),
            Some("rewritten - - - -"),
        ),
        ("an old copy", good[..4].to_vec(), Some("cut 5 - - -")),
    ] {
        assert_eq!(
            faults(&log, None, own(&log)),
            Vec::<String>::new(),
            "{name}"
        );
        let found = faults(&log, Some(earlier), own(&log));
        assert_eq!(found.first().map(String::as_str), wanted, "{name}");
    }
    let mut late = ChainCheck::new("610881");
    late.push(1, &good[0].1, &good[0].2).unwrap();
    late.expect(Head {
        size: 0,
        root: crate::audit::merkle::empty_root(),
    });
    assert_eq!(late.finish(None).faults[0].kind, FaultKind::Malformed);
}

#[test]
fn an_entry_of_another_book_or_no_entry_is_refused() {
    let stored = &log(1)[0];
    let mut check = ChainCheck::new("610802");
    assert_eq!(
        show(&check.push(1, &stored.1, &stored.2).unwrap_err()),
        "inserted 1 - - book"
    );
    let mut check = ChainCheck::new("610881");
    let junk = b"{}";
    assert_eq!(
        show(&check.push(1, junk, &leaf(junk)).unwrap_err()),
        "malformed 1 - - bytes"
    );
    assert_eq!(
        show(&check.push(-2, junk, &leaf(junk)).unwrap_err()),
        "malformed 2 - - sequence"
    );
}

#[test]
fn heads_have_one_spelling() {
    let head = head_of(&log(3));
    assert_eq!(head.to_string().parse::<Head>().unwrap(), head);
    let root = hex::encode(&head.root);
    for bad in [
        format!("+3:{root}"),
        format!("03:{root}"),
        format!("3:{}", root.to_uppercase()),
        format!("3 :{root}"),
        root.clone(),
        format!("3:{}", &root[1..]),
    ] {
        assert!(bad.parse::<Head>().is_err(), "{bad}");
    }
}

type Payment = (i64, i64, i64, &'static str, i64);

fn fields(row: &Payment) -> [Field<'static>; 3] {
    [Field::Int(row.1), Field::Int(row.2), Field::Text(row.3)]
}

/// Rows as stored: entry, id, amount, payee, seal. Entry 2 has three rows, entry 3 has one.
fn payments() -> (Vec<Payment>, Vec<Entry>) {
    let mut rows: Vec<Payment> = vec![
        (2, 1, 100, "示例甲", 0),
        (2, 2, 200, "示例乙", 0),
        (3, 3, 300, "示例丙", 0),
        (2, 4, 400, "示例丁", 0),
    ];
    let mut sets = [RowSet::new(&PAYMENT), RowSet::new(&PAYMENT)];
    for row in &mut rows {
        let set = &mut sets[usize::from(row.0 == 3)];
        row.4 = set.push_row(&fields(row)).unwrap();
    }
    let [second, third] = sets;
    let entries = vec![
        entry(1, NO_HASH, Vec::new()),
        entry(2, NO_HASH, vec![second.reference()]),
        entry(3, NO_HASH, vec![third.reference()]),
    ];
    (rows, entries)
}

fn row_faults(rows: &[Payment], entries: &[Entry]) -> Vec<String> {
    let mut table = TableCheck::new(&PAYMENT);
    for row in rows {
        table.push(row.0, row.4, &fields(row));
    }
    let mut check = RowCheck::new();
    check.table(table);
    entries.iter().for_each(|entry| check.entry(entry));
    let report = check.finish();
    assert_eq!(report.rows, rows.len() as u64);
    report.faults.iter().map(show).collect()
}

fn resealed(row: Payment) -> Payment {
    let seal = RowSet::new(&PAYMENT).push_row(&fields(&row)).unwrap();
    (row.0, row.1, row.2, row.3, seal)
}

#[test]
fn attacks_on_rows() {
    let (good, entries) = payments();
    let with = |change: &dyn Fn(&mut Vec<Payment>)| {
        let mut rows = good.clone();
        change(&mut rows);
        row_faults(&rows, &entries)
    };
    let cases: [(&str, Vec<String>, &[&str]); 15] = [
        ("untouched", with(&|_| ()), &[]),
        (
            "amount",
            with(&|rows| rows[1].2 = 999),
            &["altered 2 payment 2 amount"],
        ),
        (
            "payee",
            with(&|rows| rows[2].3 = "示例戊"),
            &["altered 3 payment 3 payee"],
        ),
        (
            "two columns",
            with(&|rows| (rows[3].2, rows[3].3) = (1, "")),
            &["altered 2 payment 4 amount, payee"],
        ),
        (
            "amount, seal recomputed",
            with(&|rows| rows[1] = resealed((2, 2, 999, "示例乙", 0))),
            &["altered 2 payment 2 amount"],
        ),
        (
            "two amounts exchanged",
            with(&|rows| (rows[0].2, rows[1].2) = (rows[1].2, rows[0].2)),
            &["altered 2 payment 1 amount", "altered 2 payment 2 amount"],
        ),
        (
            "two rows, seals recomputed",
            with(&|rows| {
                rows[0] = resealed((2, 1, 200, "示例甲", 0));
                rows[1] = resealed((2, 2, 100, "示例乙", 0));
            }),
            &["altered 2 payment - amount"],
        ),
        (
            "seal only",
            with(&|rows| rows[0].4 ^= 1),
            &["altered 2 payment 1 seal"],
        ),
        (
            "removed",
            with(&|rows| _ = rows.remove(1)),
            &["removed 2 payment 2 -"],
        ),
        (
            "all of an entry removed",
            with(&|rows| _ = rows.remove(2)),
            &["removed 3 payment - -"],
        ),
        (
            "inserted with its seal",
            with(&|rows| rows.push(resealed((2, 5, 1, "示例己", 0)))),
            &["inserted 2 payment 5 -"],
        ),
        (
            "inserted with a made-up seal",
            with(&|rows| rows.push((2, 5, 1, "示例己", 7))),
            &["inserted 2 payment 5 -"],
        ),
        (
            "of an unknown entry",
            with(&|rows| rows.push(resealed((9, 5, 1, "示例己", 0)))),
            &["inserted 9 payment 5 -"],
        ),
        (
            "moved to another entry",
            with(&|rows| rows[1].0 = 3),
            &["removed 2 payment 2 -", "inserted 3 payment 2 -"],
        ),
        (
            "order",
            with(&|rows| rows.swap(0, 1)),
            &["reordered 2 payment - -"],
        ),
    ];
    for (name, found, wanted) in cases {
        assert_eq!(found, wanted, "{name}");
    }
}

#[test]
fn rows_of_a_skipped_entry_are_not_judged_and_missing_tables_are() {
    let (rows, entries) = payments();
    let mut table = TableCheck::new(&PAYMENT);
    for row in &rows {
        let leaf = crate::audit::row::row_leaf(&PAYMENT, &fields(row)).ok();
        assert_eq!(table.push(row.0, row.4, &fields(row)), leaf);
    }
    let mut check = RowCheck::new();
    check.table(table);
    check.entry(&entries[0]);
    check.skip(2);
    check.entry(&entries[2]);
    let report = check.finish();
    assert_eq!((report.rows, report.sets, report.faults.len()), (4, 1, 0));

    let mut check = RowCheck::new();
    entries.iter().for_each(|entry| check.entry(entry));
    let found: Vec<String> = check.finish().faults.iter().map(show).collect();
    assert_eq!(found, ["removed 2 payment - -", "removed 3 payment - -"]);
}

#[test]
fn keys_of_several_columns_are_named() {
    let row = |line, amount| [Field::Int(7), Field::Int(line), Field::Int(amount)];
    let mut set = RowSet::new(&TRANSFER);
    let seals: Vec<i64> = (1..=9)
        .map(|line| set.push_row(&row(line, line)).unwrap())
        .collect();
    let mut entry = entry(1, NO_HASH, vec![set.reference()]);
    let check = |entry: &Entry, changed: i64, seal: Option<i64>| {
        let mut table = TableCheck::new(&TRANSFER);
        for (line, stored) in (1..=9).zip(&seals) {
            let altered = line == changed;
            let seal = seal.filter(|_| altered).unwrap_or(*stored);
            table.push(1, seal, &row(line, if altered { -1 } else { line }));
        }
        let mut check = RowCheck::new();
        check.table(table);
        check.entry(entry);
        check.finish().faults.iter().map(show).collect::<Vec<_>>()
    };
    let new_seal = RowSet::new(&TRANSFER).push_row(&row(4, -1)).unwrap();
    assert_eq!(check(&entry, 0, None), Vec::<String>::new());
    assert_eq!(check(&entry, 4, None), ["altered 1 transfer 7/4 amount"]);
    assert_eq!(
        check(&entry, 4, Some(new_seal)),
        ["altered 1 transfer 7/4 amount"]
    );
    entry.rows[0].columns[2].1 ^= 1;
    assert_eq!(check(&entry, 0, None), ["malformed 1 transfer - -"]);
    entry.rows[0].columns.pop();
    assert_eq!(check(&entry, 0, None), ["malformed 1 transfer - -"]);
}

/// A private value whose salt was taken away cannot be hashed: the row is named, not lost.
#[test]
fn a_row_that_cannot_be_encoded_is_an_altered_row() {
    static PERSON: RowSpec = RowSpec {
        table: "person",
        columns: &["id", "identity", "salt"],
        key: &[0],
        private: &[1],
        salt: Some(2),
    };
    let row = |salt| [Field::Int(1), Field::Text("110101190001010015"), salt];
    let mut set = RowSet::new(&PERSON);
    let seal = set.push_row(&row(Field::Bytes(&[1; 16]))).unwrap();
    let mut table = TableCheck::new(&PERSON);
    table.push(1, seal, &row(Field::NullBytes));
    let mut check = RowCheck::new();
    check.table(table);
    check.entry(&entry(1, NO_HASH, vec![set.reference()]));
    let report = check.finish();
    assert_eq!(report.faults.len(), 1);
    assert_eq!(report.faults[0].row.as_deref(), Some("1"));
    assert!(report.faults[0].en.contains("has no salt"));
}
