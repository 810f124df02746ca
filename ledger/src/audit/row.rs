//! How database rows are sealed: the bytes of a row, the seal beside it, and the summary of a set
//! of rows that an entry carries.
//!
//! The Merkle root proves that the rows are unchanged. The check words and the locator prove
//! nothing; they say *where* a change is once the root has shown that there is one.

use super::commitment::{Salt, column_salt, commit};
use super::entry::RowsRef;
use super::merkle::{Frontier, Hash, Span, sha256_of_buffer};

/// The first bytes of every encoded row: the name and version of the encoding.
pub const ROW_MAGIC: &[u8; 4] = b"HMR1";

/// A table as it is sealed. A table that gains a column is sealed under a new name from then on.
#[derive(Debug, PartialEq, Eq)]
pub struct RowSpec {
    /// The table's name, part of each row's bytes.
    pub table: &'static str,
    /// The columns in the order of encoding; at most 65,535.
    pub columns: &'static [&'static str],
    /// The columns of the primary key, as indexes into `columns`; never private.
    pub key: &'static [usize],
    /// The columns that enter only as a commitment.
    pub private: &'static [usize],
    /// The column with the 16 bytes of salt, encoded as null so that it can be destroyed.
    pub salt: Option<usize>,
}

/// One value of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field<'a> {
    /// An integer, a truth value as 0 or 1, money in fen.
    Int(i64),
    /// No integer.
    NullInt,
    /// Text, encoded as the bytes that are stored.
    Text(&'a str),
    /// No text.
    NullText,
    /// Raw bytes.
    Bytes(&'a [u8]),
    /// No bytes.
    NullBytes,
    /// A private value that has been destroyed, or is not disclosed: its commitment.
    Commitment(&'a Hash),
}

/// Why a row could not be sealed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The number of fields is not the number of columns: table, fields.
    #[error("{1} fields for table {0}")]
    Columns(&'static str, usize),
    /// A private column needs a salt of 16 bytes: table, column.
    #[error("private column {0}.{1} has no salt of 16 bytes")]
    NoSalt(&'static str, &'static str),
    /// A private column is neither text, null nor a commitment: table, column.
    #[error("private column {0}.{1} is not text")]
    PrivateNotText(&'static str, &'static str),
    /// A private column is part of the key, which would put it into a check word: table.
    #[error("the key of table {0} is private")]
    PrivateKey(&'static str),
    /// A commitment stands in a column that is not private: table, column.
    #[error("column {0}.{1} is not private")]
    NotPrivate(&'static str, &'static str),
    /// A name, list of columns or value is too long for its length field: table.
    #[error("a row of table {0} is too long to encode")]
    TooLong(&'static str),
    /// A part does not follow the rows before it: its table, the rows it was made to follow, the
    /// table and the number of rows of the set.
    #[error("rows of table {0} after {1} others do not follow {3} rows of table {2}")]
    Misplaced(&'static str, u64, &'static str, u64),
}

/// The encoded bytes of one row, starting with [`ROW_MAGIC`].
pub fn row_bytes(spec: &RowSpec, fields: &[Field<'_>]) -> Result<Vec<u8>, RowError> {
    Ok(encoded(spec, fields)?.bytes.split_off(LEAF_SIGN.len()))
}

/// The leaf hash of one row, `SHA-256(0x00 ‖ encoded row)`.
pub fn row_leaf(spec: &RowSpec, fields: &[Field<'_>]) -> Result<Hash, RowError> {
    Ok(encoded(spec, fields)?.leaf())
}

fn encoded(spec: &RowSpec, fields: &[Field<'_>]) -> Result<Scratch, RowError> {
    let mut scratch = Scratch::default();
    if fields.len() != spec.columns.len() {
        return Err(RowError::Columns(spec.table, fields.len()));
    }
    scratch.prepare(spec)?;
    scratch.encode(spec, fields)?;
    Ok(scratch)
}

/// The number stored beside a row to find an altered one: the first 8 bytes of its leaf hash,
/// big-endian, two's complement.
pub fn row_seal(leaf: &Hash) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = *leaf;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// The key of a row as people read it: its parts joined by `/`.
pub fn key_text(spec: &RowSpec, fields: &[Field<'_>]) -> String {
    let part = |index: &usize| match fields.get(*index) {
        Some(Field::Int(number)) => number.to_string(),
        Some(Field::Text(text)) => (*text).to_owned(),
        Some(Field::Bytes(bytes)) => super::hex::encode(bytes),
        _ => "-".to_owned(),
    };
    spec.key.iter().map(part).collect::<Vec<_>>().join("/")
}

/// The rows of one table that one entry seals, pushed in the order of their primary key.
///
/// Rows can also be hashed in parts on several threads: see [`RowPart`].
#[derive(Clone, Debug)]
pub struct RowSet {
    spec: &'static RowSpec,
    frontier: Frontier,
    sums: Sums,
    pub(super) scratch: Scratch,
}

impl RowSet {
    /// No rows yet.
    pub fn new(spec: &'static RowSpec) -> RowSet {
        RowSet {
            spec,
            frontier: Frontier::new(),
            sums: Sums::new(spec),
            scratch: Scratch::default(),
        }
    }

    /// Adds the next row, one field per column of the table; returns the seal to store beside it.
    /// A refused row leaves the set as it was.
    pub fn push_row(&mut self, fields: &[Field<'_>]) -> Result<i64, RowError> {
        self.push_leaf(fields).map(|leaf| row_seal(&leaf))
    }

    /// Like [`RowSet::push_row`]; returns the whole leaf hash.
    pub fn push_leaf(&mut self, fields: &[Field<'_>]) -> Result<Hash, RowError> {
        let leaf = self.sums.add(self.spec, fields, &mut self.scratch)?;
        self.frontier.push(leaf);
        Ok(leaf)
    }

    /// Adds the rows of a part after those of the set. The set is then as if each row had been
    /// pushed. It costs a few hashes, however many rows the part has.
    ///
    /// # Errors
    /// [`RowError::Misplaced`] for a part of another table, or one made to follow another number
    /// of rows than the set has; the set is left as it was.
    pub fn absorb(&mut self, part: RowPart) -> Result<(), RowError> {
        if part.spec != self.spec || part.first() != self.count() {
            let (found, rows) = (part.spec.table, part.first());
            return Err(RowError::Misplaced(
                found,
                rows,
                self.spec.table,
                self.count(),
            ));
        }
        for (height, root) in part.span.peaks() {
            self.frontier.push_perfect(*height, *root);
        }
        self.sums.join(&part.sums);
        Ok(())
    }

    /// The table that the rows belong to.
    pub fn spec(&self) -> &'static RowSpec {
        self.spec
    }

    /// The number of rows.
    pub fn count(&self) -> u64 {
        self.frontier.size()
    }

    /// The Merkle root over the rows' leaf hashes.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Per column, the sum of the check words of all rows modulo 2^64.
    pub fn column_checks(&self) -> Vec<(&'static str, u64)> {
        self.spec
            .columns
            .iter()
            .copied()
            .zip(self.sums.checks.iter().copied())
            .collect()
    }

    /// The sum of the seals, then per key column the sum of key × seal, modulo 2^64.
    pub fn locator(&self) -> &[u64] {
        &self.sums.locator
    }

    /// What an entry records of these rows.
    pub fn reference(&self) -> RowsRef {
        RowsRef {
            table: self.spec.table.to_owned(),
            count: self.count(),
            root: self.root(),
            columns: self
                .column_checks()
                .into_iter()
                .map(|(name, check)| (name.to_owned(), check))
                .collect(),
            locator: self.sums.locator.clone(),
        }
    }
}

/// Rows of a [`RowSet`] that stand behind a known number of others, hashed without them.
///
/// To seal many rows on several threads, cut them into runs, make a part of each run on any
/// thread, and absorb the parts in order:
///
/// ```
/// use ledger::audit::row::{Field, RowPart, RowSet, RowSpec};
///
/// static SPEC: RowSpec = RowSpec {
///     table: "t", columns: &["id", "fen"], key: &[0], private: &[], salt: None,
/// };
/// let rows: Vec<[Field<'_>; 2]> =
///     (0..1_000).map(|id| [Field::Int(id), Field::Int(id * 100)]).collect();
/// let mut set = RowSet::new(&SPEC);
/// let parts = std::thread::scope(|scope| {
///     let threads: Vec<_> = (0_u64..).step_by(300).zip(rows.chunks(300))
///         .map(|(first, run)| scope.spawn(move || {
///             let mut part = RowPart::new(&SPEC, first);
///             let seals: Result<Vec<i64>, _> = run.iter().map(|row| part.push_row(row)).collect();
///             (part, seals)
///         }))
///         .collect();
///     threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
/// });
/// for (part, seals) in parts {
///     assert!(seals.is_ok());
///     set.absorb(part).unwrap();
/// }
/// assert_eq!(set.count(), 1_000);
/// ```
#[derive(Clone, Debug)]
pub struct RowPart {
    spec: &'static RowSpec,
    span: Span,
    sums: Sums,
    scratch: Scratch,
}

impl RowPart {
    /// No rows yet, with `first` rows of the set before them.
    pub fn new(spec: &'static RowSpec, first: u64) -> RowPart {
        RowPart {
            spec,
            span: Span::new(first),
            sums: Sums::new(spec),
            scratch: Scratch::default(),
        }
    }

    /// As [`RowSet::push_row`].
    pub fn push_row(&mut self, fields: &[Field<'_>]) -> Result<i64, RowError> {
        self.push_leaf(fields).map(|leaf| row_seal(&leaf))
    }

    /// As [`RowSet::push_leaf`].
    pub fn push_leaf(&mut self, fields: &[Field<'_>]) -> Result<Hash, RowError> {
        let leaf = self.sums.add(self.spec, fields, &mut self.scratch)?;
        self.span.push(leaf);
        Ok(leaf)
    }

    /// The number of rows of the set that stand before this part.
    pub fn first(&self) -> u64 {
        self.span.first()
    }

    /// The number of rows in this part.
    pub fn count(&self) -> u64 {
        self.span.size()
    }
}

/// The check words and the locator of some rows. They are sums, so those of parts add up.
#[derive(Clone, Debug)]
struct Sums {
    checks: Vec<u64>,
    locator: Vec<u64>,
}

impl Sums {
    fn new(spec: &RowSpec) -> Sums {
        Sums {
            checks: vec![0; spec.columns.len()],
            locator: vec![0; spec.key.len() + 1],
        }
    }

    /// Encodes a row and adds it; returns its leaf hash. A refused row changes nothing.
    fn add(
        &mut self,
        spec: &'static RowSpec,
        fields: &[Field<'_>],
        scratch: &mut Scratch,
    ) -> Result<Hash, RowError> {
        if fields.len() != spec.columns.len() {
            return Err(RowError::Columns(spec.table, fields.len()));
        }
        if !scratch.spec.is_some_and(|known| std::ptr::eq(known, spec)) {
            scratch.prepare(spec)?;
            scratch.spec = Some(spec);
        }
        scratch.encode(spec, fields)?;
        let leaf = scratch.leaf();
        let seal = row_seal(&leaf).cast_unsigned();
        for (sum, word) in self.checks.iter_mut().zip(&scratch.words) {
            *sum = sum.wrapping_add(*word);
        }
        let (seals, weighted) = self.locator.split_at_mut(1);
        seals[0] = seals[0].wrapping_add(seal);
        for (position, (sum, column)) in weighted.iter_mut().zip(spec.key).enumerate() {
            let weight = match fields[*column] {
                Field::Int(number) => number.cast_unsigned(),
                // A name cannot be solved for, but it still keeps the sum specific to the row.
                field => mix(0, position, field),
            };
            *sum = sum.wrapping_add(weight.wrapping_mul(seal));
        }
        Ok(leaf)
    }

    fn join(&mut self, other: &Sums) {
        let add = |sums: &mut [u64], others: &[u64]| {
            for (sum, word) in sums.iter_mut().zip(others) {
                *sum = sum.wrapping_add(*word);
            }
        };
        add(&mut self.checks, &other.checks);
        add(&mut self.locator, &other.locator);
    }
}

/// Largest key that [`locate`] names; a wrong solution is this small once in 16 million times.
const LOCATED_KEY_MAX: u64 = (1 << 40) - 1;

/// The integer key of the only row that makes one locator differ from another, whether that row
/// was altered, removed or inserted. `None` when it cannot be told, as with several such rows.
pub(super) fn locate(sealed: &[u64], found: &[u64]) -> Option<Vec<u64>> {
    let mut differences = sealed.iter().zip(found).map(|(a, b)| b.wrapping_sub(*a));
    let seal = differences.next().filter(|difference| *difference != 0)?;
    let twos = seal.trailing_zeros();
    if twos > 24 || sealed.len() != found.len() {
        return None;
    }
    let inverse = inverse_of_odd(seal >> twos);
    differences
        .map(|weighted| {
            let key = (weighted >> twos).wrapping_mul(inverse) & (u64::MAX >> twos);
            let exact = key.wrapping_mul(seal) == weighted;
            (exact && key <= LOCATED_KEY_MAX).then_some(key)
        })
        .collect()
}

/// The number that gives 1 when multiplied by this odd number modulo 2^64.
fn inverse_of_odd(odd: u64) -> u64 {
    // Right to 3 bits at first; each step doubles them.
    (0..5).fold(odd, |inverse, _| {
        inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)))
    })
}

/// What stands before the bytes of a leaf when it is hashed.
const LEAF_SIGN: [u8; 1] = [0x00];

/// How a column enters the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Plain,
    Private,
    Salt,
}

/// The work space of encoding, kept between rows: nothing is allocated for a row.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    /// [`LEAF_SIGN`] and the encoded row: what is hashed.
    bytes: Vec<u8>,
    words: Vec<u64>,
    /// The table that is prepared for.
    spec: Option<&'static RowSpec>,
    /// Bytes that are the same in all rows of the table.
    header: usize,
    roles: Vec<Role>,
}

impl Scratch {
    /// Writes what is the same in all rows of a table.
    fn prepare(&mut self, spec: &RowSpec) -> Result<(), RowError> {
        let too_long = |_| RowError::TooLong(spec.table);
        if spec.key.iter().any(|column| spec.private.contains(column)) {
            return Err(RowError::PrivateKey(spec.table));
        }
        let name_length = u16::try_from(spec.table.len()).map_err(too_long)?;
        let columns = u16::try_from(spec.columns.len()).map_err(too_long)?;
        self.spec = None;
        self.bytes.clear();
        self.bytes.extend_from_slice(&LEAF_SIGN);
        self.bytes.extend_from_slice(ROW_MAGIC);
        self.bytes.extend_from_slice(&name_length.to_be_bytes());
        self.bytes.extend_from_slice(spec.table.as_bytes());
        self.bytes.extend_from_slice(&columns.to_be_bytes());
        self.header = self.bytes.len();
        let role = |index| match index {
            _ if spec.salt == Some(index) => Role::Salt,
            _ if spec.private.contains(&index) => Role::Private,
            _ => Role::Plain,
        };
        self.roles.clear();
        self.roles.extend((0..spec.columns.len()).map(role));
        self.words.clear();
        self.words.resize(spec.columns.len(), 0);
        Ok(())
    }

    /// Encodes a row of as many fields as the prepared table has, and mixes the check word of each
    /// column.
    fn encode(&mut self, spec: &RowSpec, fields: &[Field<'_>]) -> Result<(), RowError> {
        self.bytes.truncate(self.header);
        let mut key = 0;
        for (position, column) in spec.key.iter().enumerate() {
            key = mix(key, position, fields[*column]);
        }
        let Scratch {
            bytes,
            words,
            roles,
            ..
        } = self;
        for (index, ((field, role), word)) in fields.iter().zip(roles).zip(words).enumerate() {
            let field = match (*role, *field) {
                (Role::Plain, Field::Int(number)) => {
                    let mut cell = [0x01; 9];
                    cell[1..].copy_from_slice(&number.to_be_bytes());
                    bytes.extend_from_slice(&cell);
                    *word = mix(key, index, *field);
                    continue;
                }
                (Role::Plain, Field::Commitment(_)) => {
                    return Err(RowError::NotPrivate(spec.table, spec.columns[index]));
                }
                (Role::Plain, field) => field,
                (Role::Salt, _) => Field::NullBytes,
                (Role::Private, _) => match committed(spec, fields, index)? {
                    Some(hash) => {
                        let field = Field::Commitment(&hash);
                        bytes.push(0x04);
                        bytes.extend_from_slice(&hash);
                        *word = mix(key, index, field);
                        continue;
                    }
                    None => Field::NullText,
                },
            };
            write_field(field, bytes).map_err(|_| RowError::TooLong(spec.table))?;
            *word = mix(key, index, field);
        }
        Ok(())
    }

    /// The leaf hash of the encoded row.
    fn leaf(&mut self) -> Hash {
        sha256_of_buffer(&mut self.bytes)
    }
}

fn write_field(field: Field<'_>, out: &mut Vec<u8>) -> Result<(), std::num::TryFromIntError> {
    let mut counted = |tag: u8, value: &[u8]| {
        let [a, b, c, d] = u32::try_from(value.len())?.to_be_bytes();
        out.extend_from_slice(&[tag, a, b, c, d]);
        out.extend_from_slice(value);
        Ok(())
    };
    match field {
        Field::Text(text) => return counted(0x02, text.as_bytes()),
        Field::Bytes(bytes) => return counted(0x03, bytes),
        Field::NullInt | Field::NullText | Field::NullBytes => out.push(0x00),
        Field::Int(number) => {
            out.push(0x01);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Field::Commitment(hash) => {
            out.push(0x04);
            out.extend_from_slice(hash);
        }
    }
    Ok(())
}

/// The commitment that stands for a private value; `None` for null.
fn committed(spec: &RowSpec, fields: &[Field<'_>], index: usize) -> Result<Option<Hash>, RowError> {
    let value = match fields[index] {
        Field::Text(value) => value,
        Field::Commitment(hash) => return Ok(Some(*hash)),
        Field::NullInt | Field::NullText | Field::NullBytes => return Ok(None),
        Field::Int(_) | Field::Bytes(_) => {
            return Err(RowError::PrivateNotText(spec.table, spec.columns[index]));
        }
    };
    let no_salt = || RowError::NoSalt(spec.table, spec.columns[index]);
    let salt: &Salt = match spec.salt.and_then(|salt| fields.get(salt)) {
        Some(Field::Bytes(salt)) => (*salt).try_into().map_err(|_| no_salt())?,
        _ => return Err(no_salt()),
    };
    let column = u16::try_from(index).map_err(|_| RowError::TooLong(spec.table))?;
    Ok(Some(commit(&column_salt(salt, column), value)))
}

/// The check word of a field: its words folded into a start value made of the row's key word, the
/// column, the kind and the length.
#[inline]
fn mix(key: u64, column: usize, field: Field<'_>) -> u64 {
    match field {
        Field::NullInt | Field::NullText | Field::NullBytes => finalise(start(key, column, 0, 0)),
        Field::Int(number) => finalise(start(key, column, 0, 1) ^ number.cast_unsigned()),
        Field::Text(text) => fold(start(key, column, text.len(), 2), text.as_bytes()),
        Field::Bytes(bytes) => fold(start(key, column, bytes.len(), 3), bytes),
        Field::Commitment(hash) => fold(start(key, column, hash.len(), 4), hash),
    }
}

#[inline]
fn start(key: u64, column: usize, length: usize, tag: u64) -> u64 {
    let header = (column as u64) << 48 | (length as u64) << 8 | tag;
    key.wrapping_add(header.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Folds the bytes in words of 8, big-endian, the last one filled with zeros; no bytes are one
/// word of zero.
fn fold(start: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut state = start;
    for word in words {
        state = finalise(state ^ u64::from_be_bytes(*word));
    }
    if !rest.is_empty() || words.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        state = finalise(state ^ u64::from_be_bytes(last));
    }
    state
}

/// The output function of SplitMix64 (Steele, Lea and Flood 2014, with Stafford's constants).
#[inline]
fn finalise(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    static PLAIN: RowSpec = RowSpec {
        table: "t",
        columns: &["id", "a", "b"],
        key: &[0],
        private: &[],
        salt: None,
    };
    static PERSON: RowSpec = RowSpec {
        table: "person",
        columns: &["id", "name", "identity", "salt"],
        key: &[0],
        private: &[1, 2],
        salt: Some(3),
    };

    /// Lesson 10: records whose fields join to the same text must not hash alike.
    #[test]
    fn fields_that_join_to_the_same_text_have_different_hashes() {
        use Field::{Bytes, Int, NullInt, NullText, Text};
        let rows: [[Field<'_>; 3]; 13] = [
            [Int(1), Text("ab"), Text("c")],
            [Int(1), Text("a"), Text("bc")],
            [Int(1), Text(""), Text("abc")],
            [Int(1), Text("abc"), Text("")],
            [Int(1), Text("abc"), NullText],
            [Int(1), NullText, Text("abc")],
            [Int(1), Bytes(b"ab"), Text("c")],
            [Int(1), Text("a|b"), Text("c")],
            [Int(1), Text("a"), Text("b|c")],
            [Int(1), Int(12), Int(3)],
            [Int(1), Int(1), Int(23)],
            [Int(1), Text("12"), Text("3")],
            [Int(1), Int(0), NullInt],
        ];
        let mut seen = HashMap::new();
        let mut words = HashMap::new();
        for row in &rows {
            let clash = seen.insert(row_leaf(&PLAIN, row).unwrap(), row);
            assert_eq!(clash, None, "{row:?}");
            let mut set = RowSet::new(&PLAIN);
            set.push_row(row).unwrap();
            let clash = words.insert((set.sums.checks[1], set.sums.checks[2]), row);
            assert_eq!(clash, None, "{row:?}");
        }
        // The same fields in another table, or as more columns.
        static OTHER: RowSpec = RowSpec {
            table: "tt",
            columns: &["id", "a", "b"],
            key: &[0],
            private: &[],
            salt: None,
        };
        assert!(!seen.contains_key(&row_leaf(&OTHER, &rows[0]).unwrap()));
    }

    #[test]
    fn private_values_enter_only_by_commitment() {
        let row = |name, identity, salt| [Field::Int(1), name, identity, salt];
        let salt: &[u8] = &[9; 16];
        let (name, identity) = (Field::Text("示例甲"), Field::Text("110101190001010015"));
        let whole = row(name, identity, Field::Bytes(salt));
        let bytes = row_bytes(&PERSON, &whole).unwrap();
        let shows = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(!shows("示例甲".as_bytes()) && !shows(b"110101190001010015") && !shows(salt));

        // Salt and values destroyed, commitments kept: the leaf stays.
        let keep = |column: u16, value| commit(&column_salt(&[9; 16], column), value);
        let (kept_name, kept_identity) = (keep(1, "示例甲"), keep(2, "110101190001010015"));
        let shredded = row(
            Field::Commitment(&kept_name),
            Field::Commitment(&kept_identity),
            Field::NullBytes,
        );
        assert_eq!(row_bytes(&PERSON, &shredded).unwrap(), bytes);

        // The same value in two columns does not look the same.
        assert_ne!(keep(1, "示例甲"), keep(2, "示例甲"));
        let no_salt = row(name, identity, Field::NullBytes);
        assert_eq!(
            row_leaf(&PERSON, &no_salt),
            Err(RowError::NoSalt("person", "name"))
        );
        let short = row(name, identity, Field::Bytes(&salt[1..]));
        assert_eq!(
            row_leaf(&PERSON, &short),
            Err(RowError::NoSalt("person", "name"))
        );
        let number = row(name, Field::Int(1), Field::Bytes(salt));
        assert_eq!(
            row_leaf(&PERSON, &number),
            Err(RowError::PrivateNotText("person", "identity"))
        );
        let null = row(Field::NullText, Field::NullText, Field::NullBytes);
        assert!(row_leaf(&PERSON, &null).is_ok());
    }

    #[test]
    fn wrong_specifications_are_refused_and_change_nothing() {
        static LEAKY: RowSpec = RowSpec {
            table: "l",
            columns: &["id"],
            key: &[0],
            private: &[0],
            salt: None,
        };
        let mut set = RowSet::new(&LEAKY);
        assert_eq!(
            set.push_row(&[Field::Text("x")]),
            Err(RowError::PrivateKey("l"))
        );
        assert_eq!((set.count(), set.locator()), (0, &[0, 0][..]));
        assert_eq!(
            row_leaf(&PLAIN, &[Field::Int(1)]),
            Err(RowError::Columns("t", 1))
        );
        let disclosed = [Field::Int(1), Field::Commitment(&[0; 32]), Field::NullInt];
        assert_eq!(
            row_leaf(&PLAIN, &disclosed),
            Err(RowError::NotPrivate("t", "a"))
        );
    }

    #[test]
    fn parts_that_do_not_follow_are_refused_and_change_nothing() {
        let row = |id| [Field::Int(id), Field::NullText, Field::NullInt];
        let mut set = RowSet::new(&PLAIN);
        set.push_row(&row(1)).unwrap();
        let before = set.reference();
        for (spec, first) in [(&PLAIN, 0), (&PLAIN, 2), (&PERSON, 1)] {
            let part = RowPart::new(spec, first);
            let error = RowError::Misplaced(spec.table, first, "t", 1);
            assert_eq!(set.absorb(part), Err(error));
        }
        let mut part = RowPart::new(&PLAIN, 1);
        assert!(part.push_row(&[Field::Int(2)]).is_err());
        assert_eq!((part.first(), part.count()), (1, 0));
        set.absorb(part).unwrap();
        assert_eq!(set.reference(), before);
    }

    #[test]
    fn sets_and_parts_move_between_threads() {
        fn moves<T: Send + 'static>() {}
        moves::<RowSet>();
        moves::<RowPart>();
    }

    fn set(rows: &[(i64, i64, i64)]) -> RowSet {
        let mut set = RowSet::new(&PLAIN);
        for (id, a, b) in rows {
            set.push_row(&[Field::Int(*id), Field::Int(*a), Field::Int(*b)])
                .unwrap();
        }
        set
    }

    proptest! {
        #[test]
        fn equal_bytes_mean_equal_rows(
            left: (i64, String, Vec<u8>), right: (i64, String, Vec<u8>),
        ) {
            let bytes = |row: &(i64, String, Vec<u8>)| {
                row_bytes(&PLAIN, &[Field::Int(row.0), Field::Text(&row.1), Field::Bytes(&row.2)])
            };
            prop_assert_eq!(bytes(&left) == bytes(&right), left == right);
        }

        #[test]
        fn any_split_into_parts_seals_the_same(
            rows in prop::collection::vec((any::<i64>(), ".{0,9}", any::<[u8; 16]>()), 0..200),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let fields: Vec<[Field<'_>; 4]> = rows.iter()
                .map(|(id, name, salt)| {
                    [Field::Int(*id), Field::Text(name), Field::NullText, Field::Bytes(salt)]
                })
                .collect();
            let mut whole = RowSet::new(&PERSON);
            let seals: Vec<i64> =
                fields.iter().map(|row| whole.push_row(row).unwrap()).collect();
            let mut cuts: Vec<usize> =
                cuts.iter().map(|cut| cut.index(fields.len() + 1)).collect();
            cuts.sort_unstable();
            let starts = std::iter::once(0).chain(cuts.iter().copied());
            let ends = cuts.iter().copied().chain([fields.len()]);
            let mut joined = RowSet::new(&PERSON);
            let mut found = Vec::new();
            for (start, end) in starts.zip(ends) {
                let mut part = RowPart::new(&PERSON, start as u64);
                for row in &fields[start..end] {
                    found.push(part.push_row(row).unwrap());
                }
                prop_assert_eq!(part.count(), (end - start) as u64);
                joined.absorb(part).unwrap();
            }
            prop_assert_eq!(found, seals);
            prop_assert_eq!(joined.reference(), whole.reference());
            // The set goes on as if it had never been cut.
            let next = [Field::Int(7), Field::NullText, Field::NullText, Field::NullBytes];
            prop_assert_eq!(joined.push_row(&next), whole.push_row(&next));
            prop_assert_eq!(joined.reference(), whole.reference());
        }

        #[test]
        fn one_changed_row_is_located(
            ids in prop::collection::btree_set(1i64..1 << 40, 1..40),
            at: prop::sample::Index, value: i64, other: i64,
        ) {
            prop_assume!(value != other);
            let rows: Vec<_> = ids.iter().map(|id| (*id, *id % 7, value)).collect();
            let at = at.index(rows.len());
            let key = Some(vec![rows[at].0.cast_unsigned()]);
            let sealed = set(&rows);

            let mut altered = rows.clone();
            altered[at].2 = other;
            let altered = set(&altered);
            prop_assert_eq!(locate(sealed.locator(), altered.locator()), key.clone());
            let differ: Vec<_> = sealed.column_checks().into_iter().zip(altered.column_checks())
                .filter(|(was, is)| was != is).map(|(was, _)| was.0).collect();
            prop_assert_eq!(differ, vec!["b"]);

            let mut removed = rows.clone();
            removed.remove(at);
            let removed = set(&removed);
            prop_assert_eq!(locate(sealed.locator(), removed.locator()), key.clone());
            prop_assert_eq!(locate(removed.locator(), sealed.locator()), key);
            prop_assert_eq!(locate(sealed.locator(), sealed.locator()), None);
        }
    }
}
