//! The examples of the document on profiles are sound, and write what it says they write.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use bank_adapters::{Instruction, Profile, read_batch, write_batch};
use common::{gbk, head, people};

const DOCUMENT: &str = include_str!("../docs/profiles.md");

/// The blocks of the document that begin with this line.
fn blocks(begin: &str) -> Vec<&'static str> {
    let parts = DOCUMENT.split(begin).skip(1);
    parts
        .map(|part| part.split("```").next().unwrap().trim_start_matches('\n'))
        .collect()
}

#[test]
fn the_worked_example_writes_the_file_of_the_document() {
    let profiles: Vec<Profile> = blocks("```toml example\n")
        .into_iter()
        .map(|text| Profile::parse(text, "profiles.md").unwrap())
        .collect();
    let ids: Vec<_> = profiles.iter().map(|profile| profile.id.as_str()).collect();
    assert_eq!(ids, ["nxs-yushe", "example-bank"]);
    let line: Vec<Instruction> = people("").into_iter().take(1).collect();
    let file = write_batch(&profiles[1], &head(), &line).unwrap();
    let written = blocks("```text example\n")[0].replace('\n', "\r\n");
    assert_eq!(encoding_rs::GBK.decode(&file.bytes).0, written);
    let (read, findings) = read_batch(&profiles[1], &gbk(&written));
    assert_eq!((read[0].key.as_str(), findings), ("P101-1", vec![]));
    // The note of the bank: names of at most 40 bytes.
    let mut long = line;
    long[0].payee_name = "测".repeat(21);
    assert!(write_batch(&profiles[1], &head(), &long).is_err());
}

/// Each key and field that the document names is one that profiles have.
#[test]
fn the_document_names_what_there_is() {
    let shipped: String = Profile::shipped()
        .iter()
        .flat_map(Profile::columns_about)
        .map(|column| format!("`{}`", column.field))
        .collect();
    for field in shipped.split('`').filter(|field| !field.is_empty()) {
        assert!(DOCUMENT.contains(&format!("`{field}`")), "{field}");
    }
    for doubt in bank_adapters::Doubt::ALL {
        assert!(
            DOCUMENT.contains(&format!("`{}`", doubt.code())),
            "{}",
            doubt.code()
        );
    }
}
