//! The golden vectors that `docs/audit-format.md` defines, held against this implementation.
//!
//! The file is canonical JSON broken into lines, so it is read with our own parser. The Python
//! script `tests/audit_recompute.py` checks the same file.

use super::commitment::{column_salt, commit};
use super::row::{row_bytes, row_leaf, row_seal};
use super::*;

const VECTORS: &str = include_str!("../../../tests/data/audit-vectors.json");

#[test]
fn canonical_bytes() {
    for case in vectors("canonical") {
        let bytes = raw(&case["bytes"]);
        assert_eq!(canonical::canonical(&case["value"]).unwrap(), bytes);
        assert_eq!(canonical::parse(&bytes).unwrap(), case["value"]);
    }
    for bytes in section("refused") {
        assert!(canonical::parse(&raw(&bytes)).is_err(), "{bytes:?}");
    }
}

#[test]
fn merkle_roots_and_frontiers() {
    for case in vectors("merkle") {
        let mut frontier = Frontier::new();
        list(&case["leaves"])
            .iter()
            .for_each(|bytes| frontier.push(merkle::leaf(&raw(bytes))));
        assert_eq!(frontier.root().to_vec(), raw(&case["root"]));
        assert_eq!(frontier.to_bytes(), raw(&case["frontier"]));
    }
}

#[test]
fn commitments() {
    for case in vectors("commitments") {
        let salt = raw(&case["salt"]).try_into().unwrap();
        let Json::Int(column) = case["column"] else {
            panic!("no column")
        };
        let column = u16::try_from(column).unwrap();
        assert_eq!(
            commit(&salt, text(&case["value"])).to_vec(),
            raw(&case["commitment"])
        );
        assert_eq!(
            column_salt(&salt, column).to_vec(),
            raw(&case["column_salt"])
        );
    }
}

#[test]
fn row_sets() {
    for case in vectors("row_sets") {
        let spec = object(&case["spec"]);
        let kinds = list(&spec["kinds"]);
        let spec = leaked_spec(&spec);
        let mut set = RowSet::new(spec);
        for row in list(&case["rows"]).iter().map(object) {
            let values: Vec<Value> = list(&row["values"])
                .iter()
                .zip(&kinds)
                .map(|(value, kind)| read(value, text(kind)))
                .collect();
            let fields: Vec<Field<'_>> = values.iter().map(Value::field).collect();
            assert_eq!(
                hex::encode(&row_bytes(spec, &fields).unwrap()),
                text(&row["bytes"])
            );
            let leaf = row_leaf(spec, &fields).unwrap();
            assert_eq!(leaf.to_vec(), raw(&row["leaf"]));
            assert_eq!(set.push_row(&fields).unwrap(), row_seal(&leaf));
            assert_eq!(row_seal(&leaf).to_string(), text(&row["seal"]));
        }
        // An entry with only these rows, so that the reference is compared as it is written.
        let entries = vectors("entries");
        let mut entry = Entry::from_bytes(&raw(&entries[0]["bytes"])).unwrap();
        entry.rows = vec![set.reference()];
        let written = canonical::parse(&entry.to_bytes().unwrap()).unwrap();
        assert_eq!(list(&object(&written)["rows"])[0], case["reference"]);
    }
}

#[test]
fn entries() {
    let mut check = ChainCheck::new("610881");
    let mut frontier = Frontier::new();
    for (sequence, case) in (1..).zip(vectors("entries")) {
        let bytes = raw(&case["bytes"]);
        let entry = check.push(sequence, &bytes, &raw(&case["leaf"])).unwrap();
        assert_eq!(entry.to_bytes().unwrap(), bytes);
        assert_eq!(canonical::parse(&bytes).unwrap(), case["entry"]);
        frontier.push(merkle::leaf(&bytes));
        assert_eq!(frontier.root().to_vec(), raw(&case["root"]));
    }
    let head = Head {
        size: frontier.size(),
        root: frontier.root(),
    };
    assert_eq!(check.finish(Some(head)).faults, []);
}

type Members = std::collections::BTreeMap<String, Json>;

fn section(name: &str) -> Vec<Json> {
    let joined: String = VECTORS
        .lines()
        .map(|line| line.trim_start_matches(' '))
        .collect();
    let section = list(&object(&canonical::parse(joined.as_bytes()).unwrap())[name]);
    assert!(!section.is_empty());
    section
}

fn vectors(name: &str) -> Vec<Members> {
    section(name).iter().map(object).collect()
}

fn object(value: &Json) -> Members {
    let Json::Object(members) = value else {
        panic!("no object: {value:?}")
    };
    members.clone()
}

fn list(value: &Json) -> Vec<Json> {
    let Json::List(items) = value else {
        panic!("no list: {value:?}")
    };
    items.clone()
}

fn text(value: &Json) -> &str {
    let Json::Text(text) = value else {
        panic!("no text: {value:?}")
    };
    text
}

fn raw(value: &Json) -> Vec<u8> {
    hex::decode(text(value)).unwrap()
}

/// A value of a vector, owned.
enum Value {
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    Commitment(Hash),
    Null,
}

impl Value {
    fn field(&self) -> Field<'_> {
        match self {
            Value::Int(number) => Field::Int(*number),
            Value::Text(text) => Field::Text(text),
            Value::Bytes(bytes) => Field::Bytes(bytes),
            Value::Commitment(hash) => Field::Commitment(hash),
            Value::Null => Field::NullText,
        }
    }
}

fn read(value: &Json, kind: &str) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Text(digits) if kind == "int" => Value::Int(digits.parse().unwrap()),
        Json::Text(text) => Value::Text(text.clone()),
        Json::Object(members) if members.contains_key("hex") => Value::Bytes(raw(&members["hex"])),
        Json::Object(members) => Value::Commitment(raw(&members["commitment"]).try_into().unwrap()),
        _ => panic!("no value: {value:?}"),
    }
}

/// Specifications are static in the program; a test may leak one.
fn leaked_spec(spec: &Members) -> &'static RowSpec {
    fn name(value: &Json) -> &'static str {
        Box::leak(text(value).to_owned().into_boxed_str())
    }
    let index = |value: &Json| match value {
        Json::Int(index) => Some(usize::try_from(*index).unwrap()),
        _ => None,
    };
    let indexes = |value: &Json| -> &'static [usize] {
        list(value)
            .iter()
            .map(|value| index(value).unwrap())
            .collect::<Vec<_>>()
            .leak()
    };
    Box::leak(Box::new(RowSpec {
        table: name(&spec["table"]),
        columns: list(&spec["columns"])
            .iter()
            .map(name)
            .collect::<Vec<_>>()
            .leak(),
        key: indexes(&spec["key_columns"]),
        private: indexes(&spec["private"]),
        salt: index(&spec["salt"]),
    }))
}
