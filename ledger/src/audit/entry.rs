//! One entry of the audit trail, to and from its canonical bytes.
//!
//! Every field is always written, an absent one as `null`; a reader refuses unknown and missing
//! fields.

use std::collections::BTreeMap;

use chrono::DateTime;

use super::canonical::{CanonicalError, INT_MAX, Json, canonical, parse};
use super::hex;
use super::merkle::Hash;
use crate::calendar::Moment;

/// The version of the entry format, its field `version`.
pub const VERSION: i64 = 1;
/// The hash algorithm of the trail, its field `algorithm`.
pub const ALGORITHM: &str = "sha256";

/// What happened, once: a change, a refusal, a file in or out, a sign-in, a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The code of the book.
    pub book: String,
    /// The place in the book's log: 1, 2, 3 … without a gap.
    pub sequence: u64,
    /// The leaf hash of the entry before; [`super::merkle::NO_HASH`] in the first.
    pub previous: Hash,
    /// When, by the clock of the program.
    pub time: Moment,
    /// What, as `noun.verb`, with `.refused` appended when it was refused: `run.approve`.
    pub kind: String,
    /// Who.
    pub actor: Actor,
    /// The idempotency key of the command.
    pub key: Option<String>,
    /// What it was done to, with versions and content hashes.
    pub objects: Vec<ObjectRef>,
    /// Why, in the user's words.
    pub reason: Option<String>,
    /// Further facts of this kind of entry; money and ids as text.
    pub data: BTreeMap<String, Json>,
    /// Files that came in or went out.
    pub files: Vec<FileRef>,
    /// Commitments to personal values, by name.
    pub commitments: Vec<(String, Hash)>,
    /// The database rows written with this entry.
    pub rows: Vec<RowsRef>,
}

/// Who acted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// The user's name in the program.
    pub user: String,
    /// The roles that the user had at that moment.
    pub roles: Vec<String>,
    /// The session or terminal.
    pub session: String,
}

/// An object that an entry speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectRef {
    /// The kind: `run`, `voucher`, `batch` …
    pub kind: String,
    /// The id as text.
    pub id: String,
    /// The version of the object after the change.
    pub version: Option<i64>,
    /// The hash of its content; for a voucher the root over its transfers.
    pub hash: Option<Hash>,
    /// The number of its parts; for a voucher of its transfers.
    pub count: Option<i64>,
}

/// A file that came in or went out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRef {
    /// The id as text.
    pub id: String,
    /// The name under which it came or went.
    pub name: String,
    /// The plain SHA-256 of its bytes.
    pub sha256: Hash,
    /// Its length in bytes.
    pub bytes_count: u64,
}

/// The rows of one table that were written with an entry; made by [`super::row::RowSet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowsRef {
    /// The table.
    pub table: String,
    /// The number of rows.
    pub count: u64,
    /// The Merkle root over the rows in the order of their primary key.
    pub root: Hash,
    /// The columns in the order of encoding, each with its check word.
    pub columns: Vec<(String, u64)>,
    /// The sums that find a single changed row.
    pub locator: Vec<u64>,
}

/// Why bytes are not an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The bytes are not canonical.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// A field of the format is missing.
    #[error("field {0} is missing")]
    Missing(&'static str),
    /// A field that the format does not have.
    #[error("unknown field {0:?}")]
    Unknown(String),
    /// A field has another type or an impossible value.
    #[error("field {0} has a wrong value")]
    Wrong(&'static str),
}

impl Entry {
    /// The canonical bytes, as they are stored and hashed.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        let time = self.time.to_string();
        if moment(&time) != Some(self.time) {
            return Err(CanonicalError::Field("time"));
        }
        if self.sequence == 0 {
            return Err(CanonicalError::Field("sequence"));
        }
        canonical(&Json::object([
            ("version", Json::Int(VERSION)),
            ("algorithm", Json::text(ALGORITHM)),
            ("book", Json::text(&self.book)),
            ("sequence", natural(self.sequence)?),
            ("previous", hash(&self.previous)),
            ("time", Json::Text(time)),
            ("kind", Json::text(&self.kind)),
            ("actor", self.actor.json()),
            ("key", optional(self.key.as_ref(), Json::text)),
            (
                "objects",
                Json::List(self.objects.iter().map(ObjectRef::json).collect()),
            ),
            ("reason", optional(self.reason.as_ref(), Json::text)),
            ("data", Json::Object(self.data.clone())),
            ("files", list(&self.files, FileRef::json)?),
            (
                "commitments",
                list(&self.commitments, |(name, value)| {
                    Ok(pair(name, hash(value)))
                })?,
            ),
            ("rows", list(&self.rows, RowsRef::json)?),
        ]))
    }

    /// Reads an entry from its canonical bytes; any other bytes are refused.
    pub fn from_bytes(bytes: &[u8]) -> Result<Entry, EntryError> {
        let mut fields = Fields::of(parse(bytes)?, "entry")?;
        if fields.take("version")? != Json::Int(VERSION) {
            return Err(EntryError::Wrong("version"));
        }
        if fields.take("algorithm")? != Json::text(ALGORITHM) {
            return Err(EntryError::Wrong("algorithm"));
        }
        let entry = Entry {
            book: fields.text("book")?,
            sequence: fields.natural("sequence")?,
            previous: fields.hash("previous")?,
            time: moment(&fields.text("time")?).ok_or(EntryError::Wrong("time"))?,
            kind: fields.text("kind")?,
            actor: Actor::read(fields.take("actor")?)?,
            key: fields.optional("key", Fields::text)?,
            objects: fields.list("objects", ObjectRef::read)?,
            reason: fields.optional("reason", Fields::text)?,
            data: match fields.take("data")? {
                Json::Object(data) => data,
                _ => return Err(EntryError::Wrong("data")),
            },
            files: fields.list("files", FileRef::read)?,
            commitments: fields.list("commitments", |value| {
                let (name, value) = read_pair(value, "commitments")?;
                let value = hex::decode_hash(&value).ok_or(EntryError::Wrong("commitments"))?;
                Ok((name, value))
            })?,
            rows: fields.list("rows", RowsRef::read)?,
        };
        fields.end()?;
        if entry.sequence == 0 {
            Err(EntryError::Wrong("sequence"))
        } else {
            Ok(entry)
        }
    }
}

impl Actor {
    fn json(&self) -> Json {
        Json::object([
            ("user", Json::text(&self.user)),
            (
                "roles",
                Json::List(self.roles.iter().map(Json::text).collect()),
            ),
            ("session", Json::text(&self.session)),
        ])
    }

    fn read(value: Json) -> Result<Actor, EntryError> {
        let mut fields = Fields::of(value, "actor")?;
        let actor = Actor {
            user: fields.text("user")?,
            roles: fields.list("roles", |role| text(role, "roles"))?,
            session: fields.text("session")?,
        };
        fields.end()?;
        Ok(actor)
    }
}

impl ObjectRef {
    fn json(&self) -> Json {
        Json::object([
            ("kind", Json::text(&self.kind)),
            ("id", Json::text(&self.id)),
            ("version", optional(self.version, Json::Int)),
            ("hash", optional(self.hash.as_ref(), hash)),
            ("count", optional(self.count, Json::Int)),
        ])
    }

    fn read(value: Json) -> Result<ObjectRef, EntryError> {
        let mut fields = Fields::of(value, "objects")?;
        let object = ObjectRef {
            kind: fields.text("kind")?,
            id: fields.text("id")?,
            version: fields.optional("version", Fields::int)?,
            hash: fields.optional("hash", Fields::hash)?,
            count: fields.optional("count", Fields::int)?,
        };
        fields.end()?;
        Ok(object)
    }
}

impl FileRef {
    fn json(&self) -> Result<Json, CanonicalError> {
        Ok(Json::object([
            ("id", Json::text(&self.id)),
            ("name", Json::text(&self.name)),
            ("sha256", hash(&self.sha256)),
            ("bytes_count", natural(self.bytes_count)?),
        ]))
    }

    fn read(value: Json) -> Result<FileRef, EntryError> {
        let mut fields = Fields::of(value, "files")?;
        let file = FileRef {
            id: fields.text("id")?,
            name: fields.text("name")?,
            sha256: fields.hash("sha256")?,
            bytes_count: fields.natural("bytes_count")?,
        };
        fields.end()?;
        Ok(file)
    }
}

impl RowsRef {
    fn json(&self) -> Result<Json, CanonicalError> {
        let columns = self
            .columns
            .iter()
            .map(|(name, check)| pair(name, word(*check)))
            .collect();
        Ok(Json::object([
            ("table", Json::text(&self.table)),
            ("count", natural(self.count)?),
            ("root", hash(&self.root)),
            ("columns", Json::List(columns)),
            (
                "locator",
                Json::List(self.locator.iter().map(|sum| word(*sum)).collect()),
            ),
        ]))
    }

    fn read(value: Json) -> Result<RowsRef, EntryError> {
        let mut fields = Fields::of(value, "rows")?;
        let read_word =
            |digits: &str, field| hex::decode_word(digits).ok_or(EntryError::Wrong(field));
        let rows = RowsRef {
            table: fields.text("table")?,
            count: fields.natural("count")?,
            root: fields.hash("root")?,
            columns: fields.list("columns", |value| {
                let (name, check) = read_pair(value, "columns")?;
                Ok((name, read_word(&check, "columns")?))
            })?,
            locator: fields.list("locator", |value| {
                read_word(&text(value, "locator")?, "locator")
            })?,
        };
        fields.end()?;
        Ok(rows)
    }
}

fn hash(value: &Hash) -> Json {
    Json::Text(hex::encode(value))
}

fn word(value: u64) -> Json {
    Json::Text(hex::encode(&value.to_be_bytes()))
}

fn natural(value: u64) -> Result<Json, CanonicalError> {
    match i64::try_from(value) {
        Ok(number) if number <= INT_MAX => Ok(Json::Int(number)),
        _ => Err(CanonicalError::OutOfRange(i64::MAX)),
    }
}

fn optional<T>(value: Option<T>, json: impl Fn(T) -> Json) -> Json {
    value.map_or(Json::Null, json)
}

fn list<T>(
    items: &[T],
    json: impl Fn(&T) -> Result<Json, CanonicalError>,
) -> Result<Json, CanonicalError> {
    Ok(Json::List(
        items.iter().map(json).collect::<Result<_, _>>()?,
    ))
}

fn pair(name: &str, value: Json) -> Json {
    Json::List(vec![Json::text(name), value])
}

fn read_pair(value: Json, field: &'static str) -> Result<(String, String), EntryError> {
    let Json::List(items) = value else {
        return Err(EntryError::Wrong(field));
    };
    match <[Json; 2]>::try_from(items) {
        Ok([Json::Text(name), Json::Text(value)]) => Ok((name, value)),
        _ => Err(EntryError::Wrong(field)),
    }
}

fn text(value: Json, field: &'static str) -> Result<String, EntryError> {
    match value {
        Json::Text(text) => Ok(text),
        _ => Err(EntryError::Wrong(field)),
    }
}

/// Reads a moment in its one spelling, `2022-01-01T01:20:00.000001Z`.
fn moment(text: &str) -> Option<Moment> {
    let moment = Moment(DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros());
    (moment.to_string() == text).then_some(moment)
}

/// The members of an object that are not read yet.
struct Fields(BTreeMap<String, Json>);

impl Fields {
    fn of(value: Json, name: &'static str) -> Result<Fields, EntryError> {
        match value {
            Json::Object(members) => Ok(Fields(members)),
            _ => Err(EntryError::Wrong(name)),
        }
    }

    fn take(&mut self, name: &'static str) -> Result<Json, EntryError> {
        self.0.remove(name).ok_or(EntryError::Missing(name))
    }

    fn text(&mut self, name: &'static str) -> Result<String, EntryError> {
        text(self.take(name)?, name)
    }

    fn int(&mut self, name: &'static str) -> Result<i64, EntryError> {
        match self.take(name)? {
            Json::Int(number) => Ok(number),
            _ => Err(EntryError::Wrong(name)),
        }
    }

    fn natural(&mut self, name: &'static str) -> Result<u64, EntryError> {
        u64::try_from(self.int(name)?).map_err(|_| EntryError::Wrong(name))
    }

    fn hash(&mut self, name: &'static str) -> Result<Hash, EntryError> {
        hex::decode_hash(&self.text(name)?).ok_or(EntryError::Wrong(name))
    }

    /// A field that may be `null`, but must be there.
    fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&mut Fields, &'static str) -> Result<T, EntryError>,
    ) -> Result<Option<T>, EntryError> {
        if self.0.get(name) == Some(&Json::Null) {
            self.0.remove(name);
            return Ok(None);
        }
        read(self, name).map(Some)
    }

    fn list<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(Json) -> Result<T, EntryError>,
    ) -> Result<Vec<T>, EntryError> {
        match self.take(name)? {
            Json::List(items) => items.into_iter().map(read).collect(),
            _ => Err(EntryError::Wrong(name)),
        }
    }

    fn end(self) -> Result<(), EntryError> {
        match self.0.into_keys().next() {
            Some(name) => Err(EntryError::Unknown(name)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Entry {
        Entry {
            book: "610881".to_owned(),
            sequence: 2,
            previous: [1; 32],
            time: Moment(1_641_000_000_000_001),
            kind: "run.approve".to_owned(),
            actor: Actor {
                user: "fuhe".to_owned(),
                roles: vec!["approver".to_owned(), "clerk".to_owned()],
                session: "tty".to_owned(),
            },
            key: Some("k-1".to_owned()),
            objects: vec![ObjectRef {
                kind: "voucher".to_owned(),
                id: "7".to_owned(),
                version: None,
                hash: Some([2; 32]),
                count: Some(4),
            }],
            reason: None,
            data: BTreeMap::from([("amount".to_owned(), Json::text("1234.50"))]),
            files: vec![FileRef {
                id: "3".to_owned(),
                name: "回盘.txt".to_owned(),
                sha256: [3; 32],
                bytes_count: 17,
            }],
            commitments: vec![("payee".to_owned(), [4; 32])],
            rows: vec![RowsRef {
                table: "payment".to_owned(),
                count: 1,
                root: [5; 32],
                columns: vec![("id".to_owned(), 1), ("amount".to_owned(), u64::MAX)],
                locator: vec![9, 8],
            }],
        }
    }

    #[test]
    fn entries_survive_their_bytes() {
        let entry = sample();
        let bytes = entry.to_bytes().unwrap();
        assert_eq!(Entry::from_bytes(&bytes).unwrap(), entry);
        assert_eq!(
            Entry::from_bytes(&bytes).unwrap().to_bytes().unwrap(),
            bytes
        );
    }

    #[test]
    fn every_field_is_demanded_and_no_other_allowed() {
        let Json::Object(whole) = parse(&sample().to_bytes().unwrap()).unwrap() else {
            panic!()
        };
        let read = |members: &BTreeMap<String, Json>| {
            Entry::from_bytes(&canonical(&Json::Object(members.clone())).unwrap())
        };
        assert_eq!(whole.len(), 15);
        for name in whole.keys() {
            let mut fewer = whole.clone();
            fewer.remove(name);
            assert!(
                matches!(read(&fewer), Err(EntryError::Missing(_))),
                "{name}"
            );
            let mut wrong = whole.clone();
            wrong.insert(name.clone(), Json::Bool(true));
            assert!(matches!(read(&wrong), Err(EntryError::Wrong(_))), "{name}");
        }
        let mut more = whole.clone();
        more.insert("note".to_owned(), Json::Null);
        assert_eq!(read(&more), Err(EntryError::Unknown("note".to_owned())));
        for (name, value) in [
            ("version", Json::Int(2)),
            ("algorithm", Json::text("sm3")),
            ("sequence", Json::Int(0)),
            ("sequence", Json::Int(-1)),
            ("sequence", Json::text("2")),
            ("time", Json::text("2022-01-01T01:20:00Z")),
            ("time", Json::text("2022-01-01T09:20:00.000001+08:00")),
            ("previous", Json::text("AA".repeat(32))),
            ("previous", Json::text("00".repeat(31))),
        ] {
            let mut wrong = whole.clone();
            wrong.insert(name.to_owned(), value.clone());
            assert!(
                matches!(read(&wrong), Err(EntryError::Wrong(_))),
                "{name} {value:?}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_written() {
        let mut entry = sample();
        entry.time = Moment(i64::MAX);
        assert_eq!(entry.to_bytes(), Err(CanonicalError::Field("time")));
        let mut entry = sample();
        entry.sequence = 0;
        assert_eq!(entry.to_bytes(), Err(CanonicalError::Field("sequence")));
        let mut entry = sample();
        entry.reason = Some("e\u{301}".to_owned());
        assert!(matches!(entry.to_bytes(), Err(CanonicalError::NotNfc(_))));
        let mut entry = sample();
        entry.reason = Some("x".repeat(70_000));
        assert!(matches!(entry.to_bytes(), Err(CanonicalError::TooLong(_))));
    }
}
