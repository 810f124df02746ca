//! The verifier: fed with entries and rows by a caller that streams them, it says what was
//! altered, removed, inserted, reordered, rewritten or cut, and where.
//!
//! [`ChainCheck`] judges the entries by themselves and against heads kept elsewhere.
//! [`TableCheck`] gathers the rows of one table, and [`RowCheck`] holds them against the entries.
//! Nothing to check is a fault: a verifier that verified nothing must never say that all is well.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use super::entry::{Entry, RowsRef};
use super::hex;
use super::merkle::{Frontier, Hash, NO_HASH, leaf};
use super::row::{Field, RowSet, RowSpec, Scratch, key_text, locate, row_seal};

/// How many altered rows of one table are named; the others are only counted.
pub const ROWS_NAMED_MAX: u64 = 1000;

/// The state of a log: its number of entries and its Merkle root. Written `SIZE:ROOT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of entries.
    pub size: u64,
    /// The Merkle root over their leaf hashes.
    pub root: Hash,
}

impl fmt::Display for Head {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.size, hex::encode(&self.root))
    }
}

/// The text is no `SIZE:ROOT` with a root of 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a head SIZE:ROOT: {0:?}")]
pub struct HeadError(pub String);

impl FromStr for Head {
    type Err = HeadError;

    fn from_str(text: &str) -> Result<Head, HeadError> {
        let head = text.split_once(':').and_then(|(size, root)| {
            Some(Head {
                size: size.parse().ok()?,
                root: hex::decode_hash(root)?,
            })
        });
        head.filter(|head| head.to_string() == text)
            .ok_or_else(|| HeadError(text.to_owned()))
    }
}

/// What was done to the trail or to its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// Something has other content than was sealed.
    Altered,
    /// Something sealed is gone.
    Removed,
    /// Something is there that was never sealed.
    Inserted,
    /// The same things stand in another order.
    Reordered,
    /// The history is consistent in itself, but not the one that a head vouches for.
    Rewritten,
    /// The log is shorter than a head says.
    Cut,
    /// There was nothing to check.
    Nothing,
    /// Something cannot be read as what it should be.
    Malformed,
}

impl FaultKind {
    /// The word for JSON output, lower case.
    pub fn name(self) -> &'static str {
        match self {
            FaultKind::Altered => "altered",
            FaultKind::Removed => "removed",
            FaultKind::Inserted => "inserted",
            FaultKind::Reordered => "reordered",
            FaultKind::Rewritten => "rewritten",
            FaultKind::Cut => "cut",
            FaultKind::Nothing => "nothing",
            FaultKind::Malformed => "malformed",
        }
    }
}

/// One finding of the verifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The sequence of the entry concerned, when it can be told.
    pub entry: Option<u64>,
    /// The table concerned, when it is about rows.
    pub table: Option<String>,
    /// The primary key of the row, its parts joined by `/`, when it can be told.
    pub row: Option<String>,
    /// The field or fields, joined by `, `, when they can be told.
    pub field: Option<String>,
    /// What was done.
    pub kind: FaultKind,
    /// The finding for people, in Chinese.
    pub zh: String,
    /// The finding for people, in English.
    pub en: String,
}

impl Fault {
    fn new(kind: FaultKind, entry: Option<u64>, zh: String, en: String) -> Fault {
        Fault {
            entry,
            table: None,
            row: None,
            field: None,
            kind,
            zh,
            en,
        }
    }

    fn field(mut self, field: &str) -> Fault {
        self.field = Some(field.to_owned());
        self
    }
}

/// Checks the entries of one book's log, one after the other.
#[derive(Clone, Debug)]
pub struct ChainCheck {
    book: String,
    next: u64,
    /// The leaf hash of the entry before, as computed from its bytes.
    previous: Hash,
    /// The stored leaf hash of the entry before, when a fault about it was already reported.
    reported: Option<Hash>,
    frontier: Frontier,
    expected: Vec<Head>,
    faults: Vec<Fault>,
}

/// The result of a [`ChainCheck`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainReport {
    /// The head recomputed from the entries' bytes; its size is the number of entries checked.
    pub head: Head,
    /// Faults against heads, and an empty log. Faults of entries came from [`ChainCheck::push`].
    pub faults: Vec<Fault>,
}

impl ChainCheck {
    /// A check of the log of the book with this code.
    pub fn new(book: &str) -> ChainCheck {
        ChainCheck {
            book: book.to_owned(),
            next: 1,
            previous: NO_HASH,
            reported: None,
            frontier: Frontier::new(),
            expected: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Demands that the log had this head when it had this size. To be called before the first
    /// entry beyond that size is pushed.
    pub fn expect(&mut self, head: Head) {
        if head.size < self.frontier.size() {
            let zh = format!("链头 {head} 给得太晚，未能核对");
            let en = format!("head {head} was given too late to be checked");
            self.faults
                .push(Fault::new(FaultKind::Malformed, None, zh, en));
        } else if head.size == self.frontier.size() {
            self.faults.extend(self.compare(head));
        } else {
            self.expected.push(head);
        }
    }

    /// Checks the next stored entry: the sequence it is stored under, its bytes and the leaf hash
    /// stored beside them.
    ///
    /// After a fault the check may go on; what follows is judged by what was really there.
    pub fn push(
        &mut self,
        sequence: i64,
        bytes: &[u8],
        stored_leaf: &[u8],
    ) -> Result<Entry, Box<Fault>> {
        let computed = leaf(bytes);
        self.frontier.push(computed);
        let size = self.frontier.size();
        let (reached, later) = self.expected.drain(..).partition(|head| head.size == size);
        self.expected = later;
        let reached: Vec<Head> = reached;
        for head in reached {
            self.faults.extend(self.compare(head));
        }
        let result = self.judge(sequence, bytes, stored_leaf, &computed);
        self.next = u64::try_from(sequence).map_or(self.next + 1, |sequence| sequence + 1);
        self.previous = computed;
        self.reported = result
            .is_err()
            .then(|| stored_leaf.try_into().ok())
            .flatten();
        result
    }

    /// Ends the check. `head` is the size and root that the log itself has stored.
    pub fn finish(mut self, head: Option<Head>) -> ChainReport {
        let size = self.frontier.size();
        if size == 0 {
            let zh = "审计日志是空的：没有可核对的记录".to_owned();
            let en = "the audit log is empty: there was nothing to check".to_owned();
            self.faults
                .push(Fault::new(FaultKind::Nothing, None, zh, en));
        }
        for expected in self
            .expected
            .iter()
            .chain(&head)
            .filter(|head| head.size > size)
        {
            let zh = format!(
                "审计日志只有 {size} 条，链头记的是 {} 条：尾部被截掉",
                expected.size
            );
            let en = format!(
                "the log has {size} entries, but the head says {}: its tail was cut",
                expected.size
            );
            self.faults
                .push(Fault::new(FaultKind::Cut, Some(size + 1), zh, en));
        }
        match head {
            Some(head) if head.size == size => self.faults.extend(self.compare(head)),
            Some(head) if head.size < size => {
                let zh = format!("审计日志有 {size} 条，库存链头只记了 {} 条", head.size);
                let en = format!(
                    "the log has {size} entries, but its head says {}",
                    head.size
                );
                self.faults
                    .push(Fault::new(FaultKind::Inserted, Some(head.size + 1), zh, en));
            }
            _ => {}
        }
        sort(&mut self.faults);
        ChainReport {
            head: Head {
                size,
                root: self.frontier.root(),
            },
            faults: self.faults,
        }
    }

    fn compare(&self, head: Head) -> Option<Fault> {
        let root = self.frontier.root();
        (root != head.root).then(|| {
            let (size, found) = (head.size, hex::encode(&root));
            let zh = format!("前 {size} 条的历史不是链头所证的历史：重算根为 {found}");
            let en = format!(
                "the history of the first {size} entries is not the one the head vouches for: \
                 its root is {found}"
            );
            Fault::new(FaultKind::Rewritten, None, zh, en)
        })
    }

    fn judge(
        &self,
        sequence: i64,
        bytes: &[u8],
        stored_leaf: &[u8],
        computed: &Hash,
    ) -> Result<Entry, Box<Fault>> {
        let number = self.number(sequence)?;
        let entry = Entry::from_bytes(bytes);
        if let Ok(entry) = &entry
            && entry.sequence != number
        {
            let zh = format!("第 {number} 条的位置上是第 {} 条的内容", entry.sequence);
            let en = format!(
                "entry {number} holds the content of entry {}",
                entry.sequence
            );
            let fault = Fault::new(FaultKind::Reordered, Some(number), zh, en);
            return Err(Box::new(fault.field("sequence")));
        }
        if stored_leaf != computed {
            let zh = format!("第 {number} 条的内容与其叶哈希不符");
            let en = format!("the bytes of entry {number} do not give its leaf hash");
            return Err(Box::new(
                Fault::new(FaultKind::Altered, Some(number), zh, en).field("bytes"),
            ));
        }
        let entry = entry.map_err(|error| {
            let zh = format!("第 {number} 条不是合格的审计记录：{error}");
            let en = format!("entry {number} is not a well-formed entry: {error}");
            Box::new(Fault::new(FaultKind::Malformed, Some(number), zh, en).field("bytes"))
        })?;
        if entry.book != self.book {
            let zh = format!("第 {number} 条属于账套 {}，不是 {}", entry.book, self.book);
            let en = format!(
                "entry {number} is of book {}, not {}",
                entry.book, self.book
            );
            return Err(Box::new(
                Fault::new(FaultKind::Inserted, Some(number), zh, en).field("book"),
            ));
        }
        if entry.previous == self.previous || Some(entry.previous) == self.reported {
            return Ok(entry);
        }
        if number == 1 {
            let zh = "第 1 条之前不应有记录：开头被改过".to_owned();
            let en = "entry 1 names an entry before it: the beginning was rewritten".to_owned();
            return Err(Box::new(
                Fault::new(FaultKind::Rewritten, Some(1), zh, en).field("previous"),
            ));
        }
        let altered = number - 1;
        let zh = format!("第 {altered} 条不是第 {number} 条所接续的那一条");
        let en = format!("entry {altered} is not the entry that entry {number} was chained to");
        Err(Box::new(
            Fault::new(FaultKind::Altered, Some(altered), zh, en).field("bytes"),
        ))
    }

    /// The sequence as a number, when it is the one that must come now.
    fn number(&self, sequence: i64) -> Result<u64, Box<Fault>> {
        let next = self.next;
        let (kind, entry, zh, en) = match u64::try_from(sequence) {
            Ok(number) if number == next => return Ok(number),
            Ok(number) if number > next => (
                FaultKind::Removed,
                next,
                format!("第 {next} 条至第 {} 条缺失", number - 1),
                format!("entries {next} to {} are missing", number - 1),
            ),
            Ok(number) => (
                FaultKind::Reordered,
                number,
                format!("第 {number} 条出现在第 {next} 条的位置上"),
                format!("entry {number} stands where entry {next} must be"),
            ),
            Err(_) => (
                FaultKind::Malformed,
                next,
                format!("第 {next} 条的序号是 {sequence}"),
                format!("entry {next} has the sequence {sequence}"),
            ),
        };
        Err(Box::new(
            Fault::new(kind, Some(entry), zh, en).field("sequence"),
        ))
    }
}

/// Gathers the rows of one table in the order of their primary key. Its memory grows with the
/// number of entries that the rows belong to, not with the rows.
#[derive(Debug)]
pub struct TableCheck {
    spec: &'static RowSpec,
    /// Where the group of each entry stands.
    places: BTreeMap<i64, usize>,
    groups: Vec<Group>,
    /// The entry of the row before, and its place: rows of one entry mostly stand together.
    current: Option<(i64, usize)>,
    rows: u64,
    wrong_total: u64,
    scratch: Scratch,
}

/// The rows of one table that say they belong to one entry.
#[derive(Debug)]
struct Group {
    set: RowSet,
    first_key: String,
    /// Rows that could not be encoded and so are not in the set.
    unreadable: u64,
    wrong: Vec<WrongRow>,
}

/// A row that does not fit the seal stored beside it.
#[derive(Debug)]
struct WrongRow {
    key: String,
    why: Option<String>,
}

impl TableCheck {
    /// A check of the table with this specification.
    pub fn new(spec: &'static RowSpec) -> TableCheck {
        TableCheck {
            spec,
            places: BTreeMap::new(),
            groups: Vec::new(),
            current: None,
            rows: 0,
            wrong_total: 0,
            scratch: Scratch::default(),
        }
    }

    /// Adds the next row: the sequence of the entry it says it belongs to, the seal stored beside
    /// it, and its fields. Returns its leaf hash, unless it cannot be encoded.
    pub fn push(&mut self, entry: i64, stored_seal: i64, fields: &[Field<'_>]) -> Option<Hash> {
        self.rows += 1;
        let place = match self.current {
            Some((same, place)) if same == entry => place,
            _ => self.enter(entry, fields),
        };
        let group = &mut self.groups[place];
        std::mem::swap(&mut group.set.scratch, &mut self.scratch);
        let leaf = group.set.push_leaf(fields);
        std::mem::swap(&mut group.set.scratch, &mut self.scratch);
        let hash = leaf.as_ref().ok().copied();
        let sealed = leaf.map(|leaf| row_seal(&leaf));
        if sealed != Ok(stored_seal) {
            self.wrong_total += 1;
            group.unreadable += u64::from(sealed.is_err());
            if self.wrong_total <= ROWS_NAMED_MAX {
                let why = sealed.err().map(|error| error.to_string());
                group.wrong.push(WrongRow {
                    key: key_text(self.spec, fields),
                    why,
                });
            }
        }
        hash
    }

    /// The number of rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The place of the group of an entry, which begins with this row when there is none yet.
    fn enter(&mut self, entry: i64, fields: &[Field<'_>]) -> usize {
        let (spec, groups) = (self.spec, &mut self.groups);
        let place = *self.places.entry(entry).or_insert_with(|| {
            groups.push(Group {
                set: RowSet::new(spec),
                first_key: key_text(spec, fields),
                unreadable: 0,
                wrong: Vec::new(),
            });
            groups.len() - 1
        });
        self.current = Some((entry, place));
        place
    }

    /// Takes the group of an entry out of what is left to be judged.
    fn take(&mut self, entry: i64) -> Option<&Group> {
        let place = self.places.remove(&entry)?;
        self.groups.get(place)
    }

    /// The groups that nobody took, by entry.
    fn left(&self) -> impl Iterator<Item = (i64, &Group)> {
        let places = self.places.iter();
        places.filter_map(|(entry, place)| Some((*entry, self.groups.get(*place)?)))
    }
}

/// Holds the gathered rows of all tables against what the entries seal.
///
/// First [`RowCheck::table`] for each table, then [`RowCheck::entry`] for each good entry or
/// [`RowCheck::skip`] for each bad one, then [`RowCheck::finish`].
#[derive(Debug, Default)]
pub struct RowCheck {
    tables: BTreeMap<&'static str, TableCheck>,
    judged: BTreeSet<u64>,
    sets: u64,
    faults: Vec<Fault>,
}

/// The result of a [`RowCheck`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowReport {
    /// The number of rows that were read and hashed.
    pub rows: u64,
    /// The number of row sets that entries seal.
    pub sets: u64,
    /// What is wrong, ordered by entry; without an entry last.
    pub faults: Vec<Fault>,
}

impl RowCheck {
    /// No tables yet.
    pub fn new() -> RowCheck {
        RowCheck::default()
    }

    /// Adds a table whose rows have all been read.
    pub fn table(&mut self, table: TableCheck) {
        self.tables.insert(table.spec.table, table);
    }

    /// Compares the rows of an entry with what it seals.
    pub fn entry(&mut self, entry: &Entry) {
        self.judged.insert(entry.sequence);
        for reference in &entry.rows {
            self.sets += 1;
            let taken = self
                .tables
                .get_mut(reference.table.as_str())
                .and_then(|table| table.take(i64::try_from(entry.sequence).ok()?));
            let at = At {
                entry: Some(entry.sequence),
                table: &reference.table,
            };
            match taken {
                Some(group) => compare(&at, reference, group, &mut self.faults),
                None if reference.count == 0 => {}
                None => {
                    let count = reference.count;
                    self.faults.push(at.fault(
                        FaultKind::Removed,
                        None,
                        &format!("应有的 {count} 行全部缺失"),
                        &format!("all of its {count} rows are missing"),
                    ));
                }
            }
        }
    }

    /// Leaves the rows of an entry unjudged, because the entry itself is at fault.
    pub fn skip(&mut self, sequence: u64) {
        let Ok(key) = i64::try_from(sequence) else {
            return;
        };
        for table in self.tables.values_mut() {
            table.take(key);
        }
    }

    /// Ends the check: rows that no entry seals are inserted rows.
    pub fn finish(mut self) -> RowReport {
        let mut rows = 0;
        for (name, table) in &self.tables {
            rows += table.rows;
            for (sequence, group) in table.left() {
                let entry = u64::try_from(sequence).ok();
                let at = At { entry, table: name };
                let count = group.set.count() + group.unreadable;
                let known = entry.is_some_and(|entry| self.judged.contains(&entry));
                let (zh, en) = if known {
                    ("该条审计记录没有封存它们", "their entry does not seal them")
                } else {
                    ("没有这条审计记录", "there is no such entry")
                };
                self.faults.push(at.fault(
                    FaultKind::Inserted,
                    Some(&group.first_key),
                    &format!("多出 {count} 行，首行 {}：{zh}", group.first_key),
                    &format!(
                        "{count} rows too many, the first is {}: {en}",
                        group.first_key
                    ),
                ));
            }
        }
        sort(&mut self.faults);
        RowReport {
            rows,
            sets: self.sets,
            faults: self.faults,
        }
    }
}

/// The place that row faults speak of.
struct At<'a> {
    entry: Option<u64>,
    table: &'a str,
}

impl At<'_> {
    fn fault(&self, kind: FaultKind, row: Option<&str>, zh: &str, en: &str) -> Fault {
        let table = self.table;
        let (zh_entry, en_entry) = match self.entry {
            Some(entry) => (format!("第 {entry} 条"), format!("entry {entry}")),
            None => ("无效条号".to_owned(), "no valid entry".to_owned()),
        };
        let (zh, en) = (
            format!("{zh_entry}，表 {table}：{zh}"),
            format!("{en_entry}, table {table}: {en}"),
        );
        let mut fault = Fault::new(kind, self.entry, zh, en);
        fault.table = Some(table.to_owned());
        fault.row = row.map(str::to_owned);
        fault
    }

    /// A row whose content changed in these columns.
    fn altered(&self, row: Option<&str>, columns: &[&str], why: Option<&str>) -> Fault {
        let fields = columns.join(", ");
        let named = row.unwrap_or("?");
        let (zh_why, en_why) = match why {
            Some(why) => (format!("（{why}）"), format!(" ({why})")),
            None => (String::new(), String::new()),
        };
        let zh = format!("行 {named} 被改动，列：{fields}{zh_why}");
        let en = format!("row {named} was altered, columns: {fields}{en_why}");
        let mut fault = self.fault(FaultKind::Altered, row, &zh, &en);
        fault.field = (!columns.is_empty()).then_some(fields);
        fault
    }
}

/// Compares one set of rows with what its entry seals.
fn compare(at: &At<'_>, sealed: &RowsRef, group: &Group, faults: &mut Vec<Fault>) {
    let found = group.set.reference();
    let same_names = sealed
        .columns
        .iter()
        .map(|(name, _)| name)
        .eq(found.columns.iter().map(|(name, _)| name));
    if !same_names || sealed.locator.len() != found.locator.len() {
        let (zh, en) = (
            "封存的列与表结构不符",
            "the sealed columns are not those of the table",
        );
        faults.push(at.fault(FaultKind::Malformed, None, zh, en));
        return;
    }
    let same_sums = sealed.columns == found.columns && sealed.locator == found.locator;
    if sealed.root == found.root && sealed.count == found.count && group.unreadable == 0 {
        if !same_sums {
            let (zh, en) = (
                "校验字与行根不符",
                "the check words do not belong to the root",
            );
            faults.push(at.fault(FaultKind::Malformed, None, zh, en));
        }
        for row in &group.wrong {
            faults.push(at.altered(Some(&row.key), &["seal"], row.why.as_deref()));
        }
        return;
    }
    let located = locate(&sealed.locator, &found.locator)
        .map(|key| key.iter().map(u64::to_string).collect::<Vec<_>>().join("/"))
        .filter(|key| !key.is_empty());
    let count = found.count + group.unreadable;
    if count == sealed.count {
        changed(at, sealed, &found, group, located.as_deref(), faults);
        return;
    }
    let row = located.as_deref();
    let named = row
        .map(|row| (format!("，即行 {row}"), format!(": row {row}")))
        .unwrap_or_default();
    let sealed_count = sealed.count;
    let (kind, zh, en) = if count < sealed_count {
        (FaultKind::Removed, "行被删除", "rows were removed")
    } else {
        (FaultKind::Inserted, "行被插入", "rows were inserted")
    };
    faults.push(at.fault(
        kind,
        row,
        &format!("{zh}：应有 {sealed_count} 行，实有 {count} 行{}", named.0),
        &format!("{en}: {sealed_count} sealed, {count} found{}", named.1),
    ));
    for wrong in group
        .wrong
        .iter()
        .filter(|wrong| Some(wrong.key.as_str()) != row)
    {
        faults.push(at.altered(Some(&wrong.key), &[], wrong.why.as_deref()));
    }
}

/// As many rows as sealed, but other ones: names the rows and columns.
fn changed(
    at: &At<'_>,
    sealed: &RowsRef,
    found: &RowsRef,
    group: &Group,
    located: Option<&str>,
    faults: &mut Vec<Fault>,
) {
    let pairs = sealed.columns.iter().zip(&found.columns);
    let columns: Vec<&str> = pairs
        .filter(|(was, is)| was != is)
        .map(|(was, _)| was.0.as_str())
        .collect();
    for row in &group.wrong {
        faults.push(at.altered(Some(&row.key), &columns, row.why.as_deref()));
    }
    if !group.wrong.is_empty() {
        return;
    }
    if columns.is_empty() && sealed.locator == found.locator {
        let (zh, en) = ("各行顺序被改动", "the rows stand in another order");
        faults.push(at.fault(FaultKind::Reordered, None, zh, en));
        return;
    }
    // Whoever altered the row also recomputed its seal.
    let only = (sealed.count == 1).then_some(group.first_key.as_str());
    faults.push(at.altered(located.or(only), &columns, None));
}

/// Orders faults by entry, those without one last, an empty log before all; otherwise as found.
fn sort(faults: &mut [Fault]) {
    let first = |fault: &Fault| {
        if fault.kind == FaultKind::Nothing {
            0
        } else {
            u64::MAX
        }
    };
    faults.sort_by_key(|fault| fault.entry.unwrap_or(first(fault)));
}

#[cfg(test)]
mod tests;
