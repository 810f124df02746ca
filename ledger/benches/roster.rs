//! How long the checks of one value take that a roster import does for each person.
//!
//! `cargo bench -p ledger --bench roster`

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

use divan::{Bencher, black_box};
use ledger::roster::{AccountNumber, BankNo, CreditCode, IdentityNumber, PersonName};

fn main() {
    divan::main();
}

#[divan::bench(args = ["610881190001019914", "61088119000101905X", "610881000101991"])]
fn identity_number(bencher: Bencher<'_, '_>, text: &str) {
    bencher.bench(|| IdentityNumber::parse(black_box(text)).unwrap());
}

#[divan::bench]
fn identity_number_refused(bencher: Bencher<'_, '_>) {
    bencher.bench(|| IdentityNumber::parse(black_box("610881190001019915")).unwrap_err());
}

#[divan::bench]
fn identity_number_notes(bencher: Bencher<'_, '_>) {
    let number = IdentityNumber::parse("610881190001019914").unwrap();
    bencher.bench(|| black_box(&number).notes());
}

#[divan::bench]
fn account_number(bencher: Bencher<'_, '_>) {
    bencher.bench(|| AccountNumber::parse(black_box("6228481234567890128")).unwrap());
}

#[divan::bench(args = ["6228481234567890128", "6200000000000000011", "2710000123456789"])]
fn account_number_note(bencher: Bencher<'_, '_>, text: &str) {
    let number = AccountNumber::parse(text).unwrap();
    bencher.bench(|| black_box(&number).luhn_note());
}

#[divan::bench(args = ["测试甲", "示例·甲", "测 试"])]
fn name(bencher: Bencher<'_, '_>, text: &str) {
    bencher.bench(|| PersonName::parse(black_box(text)).unwrap());
}

#[divan::bench(args = ["测试甲", "示例·甲", "Ｔｅｓｔ甲"])]
fn name_match_key(bencher: Bencher<'_, '_>, text: &str) {
    let name = PersonName::parse(text).unwrap();
    bencher.bench(|| black_box(&name).match_key());
}

#[divan::bench]
fn bank_number_and_note(bencher: Bencher<'_, '_>) {
    bencher.bench(|| BankNo::parse(black_box("102100099996")).unwrap().note());
}

#[divan::bench]
fn credit_code_and_note(bencher: Bencher<'_, '_>) {
    bencher.bench(|| {
        let code = CreditCode::parse(black_box("91110000600037341L"));
        code.unwrap().note()
    });
}
