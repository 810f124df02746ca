//! Texts of requests that become values: each refusal names its field and what is wanted.

use ledger::calendar::{Date, Month, parse_date};
use ledger::disbursement::approval::ApprovalLevel;
use ledger::disbursement::role::Role;
use ledger::fund::Level;
use ledger::money::Fen;
use ledger::problem::{Kind, Place, Problem};
use ledger_store::run::RunKind;

use crate::app::Error;

fn read<T>(field: &str, text: &str, wanted: &str, value: Option<T>) -> Result<T, Error> {
    let refused = || {
        let place = Place {
            field: Some(field.to_owned()),
            ..Place::default()
        };
        Problem::new(Kind::FieldInvalid)
            .with("field", field)
            .with("value", text)
            .with("wanted", wanted)
            .at(place)
    };
    value.ok_or_else(|| refused().into())
}

/// A month.
pub(super) fn month(field: &str, text: &str) -> Result<Month, Error> {
    read(field, text, "YYYY-MM", text.parse().ok())
}

/// A month, if one is given.
pub(super) fn month_or_none(field: &str, text: Option<&String>) -> Result<Option<Month>, Error> {
    text.map(|text| month(field, text)).transpose()
}

/// A day.
pub(super) fn date(field: &str, text: &str) -> Result<Date, Error> {
    read(field, text, "YYYY-MM-DD", parse_date(text).ok())
}

/// A day, if one is given.
pub(super) fn date_or_none(field: &str, text: Option<&String>) -> Result<Option<Date>, Error> {
    text.map(|text| date(field, text)).transpose()
}

/// An amount above zero.
pub(super) fn amount(field: &str, fen: i64) -> Result<Fen, Error> {
    let value = (fen > 0).then(|| Fen::new(fen));
    read(field, &fen.to_string(), "> 0", value)
}

/// The first and the last month. Refused when the last is before the first.
pub(super) fn months(from: &str, to: Option<&String>) -> Result<(Month, Month), Error> {
    let first = month("from", from)?;
    let last = month_or_none("to", to)?.unwrap_or(first);
    let value = (first <= last).then_some((first, last));
    read("to", &last.to_string(), "from ≤ to", value)
}

/// Roles by code.
pub(super) fn roles(field: &str, codes: &[String]) -> Result<Vec<Role>, Error> {
    let known: Vec<&str> = Role::ALL.iter().map(|role| role.code()).collect();
    let wanted = known.join(", ");
    let role = |code: &String| read(field, code, &wanted, Role::from_code(code));
    codes.iter().map(role).collect()
}

/// The level of a quota letter.
pub(super) fn level(text: &str) -> Result<Level, Error> {
    let known: Vec<&str> = Level::ALL.iter().map(|level| level.code()).collect();
    read("level", text, &known.join(", "), Level::from_code(text))
}

/// The level of an approver.
pub(super) fn approval_level(text: &str) -> Result<ApprovalLevel, Error> {
    let known: Vec<&str> = ApprovalLevel::ALL
        .iter()
        .map(|level| level.code())
        .collect();
    read(
        "level",
        text,
        &known.join(", "),
        ApprovalLevel::from_code(text),
    )
}

/// The kind of a run.
pub(super) fn run_kind(text: &str) -> Result<RunKind, Error> {
    let wanted = "regular, back-pay, re-pay";
    read("kind", text, wanted, RunKind::from_code(text))
}

/// The number of something, above zero.
pub(super) fn number(field: &str, number: i64) -> Result<i64, Error> {
    let value = (number > 0).then_some(number);
    read(field, &number.to_string(), "> 0", value)
}
