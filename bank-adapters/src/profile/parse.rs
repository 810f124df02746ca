//! TOML text to [`Profile`], with every fault and its line.

use std::collections::{BTreeMap, BTreeSet};

use ledger::problem::Place;
use serde::Deserialize;
use toml::Spanned;

use super::{
    AmountStyle, Column, ColumnsBy, Doubt, Encoding, Fallback, Field, KeyEcho, Kind, NatureWords,
    OwnBank, PayeeBank, Preamble, Profile, Shape, StatusWords, TextStyle, Totals, Use, heading,
};
use crate::finding::{Fault, Finding};
use crate::record::Outcome;
use crate::table::COLUMNS_MAX;

/// Lines of a message at most: each has dozens of elements.
pub(super) const MESSAGE_LINES_MAX: usize = 50_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    id: Spanned<String>,
    name: String,
    #[serde(default)]
    name_en: String,
    source: String,
    confidence: Spanned<String>,
    #[serde(default)]
    doubts: Vec<Doubt>,
    #[serde(rename = "use")]
    usage: Use,
    kind: Kind,
    #[serde(default)]
    encoding: Encoding,
    file_name: Option<Spanned<String>>,
    lines_max: Option<Spanned<usize>>,
    answered_by: Option<String>,
    answer_days: Option<Spanned<u32>>,
    #[serde(default)]
    fallback: Fallback,
    absent: Option<Spanned<Outcome>>,
    amount: AmountStyle,
    columns_by: Spanned<ColumnsBy>,
    #[serde(default)]
    text: RawText,
    totals: Option<RawTotals>,
    #[serde(default)]
    column: Vec<Spanned<Column>>,
    #[serde(default)]
    shape: Vec<Spanned<RawShape>>,
    #[serde(default)]
    preamble: Vec<Preamble>,
    #[serde(default)]
    status: StatusWords,
    #[serde(default)]
    nature: NatureWords,
    #[serde(default)]
    key: KeyEcho,
    #[serde(default)]
    own_bank: OwnBank,
    #[serde(default)]
    values: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawShape {
    name: String,
    payee_bank: Option<PayeeBank>,
    outcome: Option<Outcome>,
    columns_by: Option<ColumnsBy>,
    skip_lines: Option<u64>,
    #[serde(default)]
    more: bool,
    #[serde(default)]
    headings: bool,
    column: Vec<Spanned<Column>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawText {
    delimiter: Option<Spanned<char>>,
    closing_delimiter: bool,
    comment: String,
    start_line: String,
    end_line: String,
    line_end: LineEnd,
    date_format: String,
    head_lines: Vec<String>,
    detail_lines: Vec<String>,
    ruled: bool,
    sheet: String,
    skip_lines: u64,
    header_within: usize,
}

impl Default for RawText {
    fn default() -> RawText {
        RawText {
            delimiter: None,
            closing_delimiter: false,
            comment: String::new(),
            start_line: String::new(),
            end_line: String::new(),
            line_end: LineEnd::Crlf,
            date_format: "%Y%m%d".to_owned(),
            head_lines: Vec::new(),
            detail_lines: Vec::new(),
            ruled: false,
            sheet: String::new(),
            skip_lines: 0,
            header_within: 20,
        }
    }
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum LineEnd {
    Crlf,
    Lf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTotals {
    place: TotalsPlace,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    anywhere: bool,
    column: Vec<Spanned<Column>>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum TotalsPlace {
    Head,
    Tail,
}

/// A profile that is another one but for what the bank gives to one customer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Extension {
    id: Spanned<String>,
    extends: Spanned<String>,
    name: Option<String>,
    name_en: Option<String>,
    source: Option<String>,
    file_name: Option<Spanned<String>>,
    lines_max: Option<Spanned<usize>>,
    answered_by: Option<String>,
    answer_days: Option<Spanned<u32>>,
    /// Words that this bank has besides those of the layout.
    status: Option<Spanned<MoreWords>>,
    #[serde(default)]
    values: BTreeMap<String, Spanned<String>>,
}

/// Words by which a bank tells an outcome, added to those of a layout.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct MoreWords {
    paid: Vec<String>,
    failed: Vec<String>,
    pending: Vec<String>,
}

/// What tells the two kinds of profiles apart.
#[derive(Deserialize)]
struct Glance {
    extends: Option<String>,
}

impl Profile {
    /// Reads a profile. `origin` is the file name for messages. All faults are given, each with
    /// its line.
    pub fn parse(toml_text: &str, origin: &str) -> Result<Profile, Vec<Finding>> {
        let mut faults = Faults {
            text: toml_text,
            origin,
            list: Vec::new(),
        };
        let is_extension =
            toml::from_str::<Glance>(toml_text).is_ok_and(|glance| glance.extends.is_some());
        if is_extension {
            let extension: Option<Extension> = faults.read();
            let profile = extension.and_then(|extension| extension.apply(&mut faults));
            return profile
                .filter(|_| faults.list.is_empty())
                .ok_or(faults.list);
        }
        if let Some(message) = super::message::parse(toml_text, &mut faults) {
            return message.ok_or(faults.list);
        }
        let Some(raw) = faults.read::<Raw>() else {
            return Err(faults.list);
        };
        raw.check(&mut faults);
        if faults.list.is_empty() {
            Ok(raw.finish())
        } else {
            Err(faults.list)
        }
    }
}

/// Faults of one text, as they are found.
pub(super) struct Faults<'a> {
    text: &'a str,
    origin: &'a str,
    list: Vec<Finding>,
}

impl Faults<'_> {
    /// One fault of a text that can be read, at the place that `start` gives.
    pub(super) fn one<T: serde::de::DeserializeOwned>(
        text: &str,
        origin: &str,
        detail: &str,
        start: impl Fn(&T) -> usize,
    ) -> Vec<Finding> {
        let mut faults = Faults {
            text,
            origin,
            list: Vec::new(),
        };
        let start = toml::from_str(text).map_or(0, |read| start(&read));
        faults.add(start, detail);
        faults.list
    }

    /// The text as the reader of TOML sees it; its fault becomes ours.
    pub(super) fn read<T: serde::de::DeserializeOwned>(&mut self) -> Option<T> {
        match toml::from_str(self.text) {
            Ok(raw) => Some(raw),
            Err(error) => {
                let start = error.span().map_or(0, |span| span.start);
                self.add(start, error.message());
                None
            }
        }
    }

    pub(super) fn add(&mut self, start: usize, detail: &str) {
        let before = self.text.as_bytes().get(..start).unwrap_or_default();
        let line = before
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            .saturating_add(1);
        let place = Place {
            file: Some(self.origin.to_owned()),
            row: u64::try_from(line).ok(),
            ..Place::default()
        };
        self.list.push(Finding::new(
            Fault::ProfileFaulty,
            place,
            &[("detail", detail)],
        ));
    }

    /// How many were found.
    pub(super) fn count(&self) -> usize {
        self.list.len()
    }

    /// A fault when the condition does not hold.
    pub(super) fn need(&mut self, holds: bool, start: usize, detail: &str) {
        if !holds {
            self.add(start, detail);
        }
    }

    pub(super) fn id(&mut self, id: &Spanned<String>) {
        let text = id.get_ref();
        let is_word = !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        self.need(
            is_word,
            id.span().start,
            "id: use lower-case letters, digits and -",
        );
    }

    pub(super) fn file_name(&mut self, name: &Spanned<String>) {
        self.need(
            is_file_name(name.get_ref()),
            name.span().start,
            "file_name: needs {batch_no}, may have {date}, {count} and {total}, and no path or \
             control characters",
        );
    }

    pub(super) fn lines_max(&mut self, lines_max: &Spanned<usize>) {
        let holds = (1..=crate::table::ROWS_MAX).contains(lines_max.get_ref());
        self.need(holds, lines_max.span().start, "lines_max: 1 to 200000");
    }

    pub(super) fn answer_days(&mut self, days: Option<&Spanned<u32>>) {
        if let Some(days) = days {
            let holds = (1..=super::ANSWER_DAYS_MAX).contains(days.get_ref());
            self.need(holds, days.span().start, "answer_days: 1 to 60");
        }
    }
}

/// What a layout says, or else what holds.
pub(super) fn days(said: Option<Spanned<u32>>, else_days: u32) -> u32 {
    said.map_or(else_days, Spanned::into_inner)
}

impl Extension {
    fn apply(self, faults: &mut Faults<'_>) -> Option<Profile> {
        faults.id(&self.id);
        let base = Profile::by_id(self.extends.get_ref());
        let at = self.extends.span().start;
        faults.need(
            base.is_some(),
            at,
            "extends: no such layout comes with the program",
        );
        let mut profile = base?;
        if let Some(name) = &self.file_name {
            faults.file_name(name);
            name.get_ref().clone_into(&mut profile.file_name);
        }
        if let Some(lines_max) = &self.lines_max {
            faults.lines_max(lines_max);
            profile.lines_max = *lines_max.get_ref();
        }
        let own = |given: Option<String>, place: &mut String| {
            if let Some(given) = given {
                *place = given;
            }
        };
        own(self.name, &mut profile.name);
        own(self.name_en, &mut profile.name_en);
        own(self.source, &mut profile.source);
        profile.answered_by = self.answered_by.or(profile.answered_by);
        faults.answer_days(self.answer_days.as_ref());
        profile.answer_days = days(self.answer_days, profile.answer_days);
        if let Some(more) = self.status {
            more_words(more, &mut profile, faults);
        }
        for (name, value) in &self.values {
            let start = value.span().start;
            let known = profile.values.contains(name);
            let detail = format!(
                "values.{name}: the layout knows: {}",
                profile.values.join(", ")
            );
            faults.need(known, start, &detail);
            faults.need(
                is_value(value.get_ref()),
                start,
                "values: letters and digits, - and _",
            );
            profile.set(name, value.get_ref());
        }
        if profile.values_missing().is_empty() {
            profile.doubts.retain(|doubt| *doubt != Doubt::Settings);
        }
        profile.id = self.id.into_inner();
        Some(profile)
    }
}

/// Adds a bank's own words of outcomes. A word is of one outcome, and none of them denies another.
fn more_words(more: Spanned<MoreWords>, profile: &mut Profile, faults: &mut Faults<'_>) {
    let start = more.span().start;
    let more = more.into_inner();
    let of = "status: only a return of lines with words of outcomes";
    faults.need(
        profile.usage == Use::Return && profile.codec.is_none(),
        start,
        of,
    );
    let shipped = profile.status.clone();
    let words = &mut profile.status;
    for (added, known, others) in [
        (
            &more.paid,
            &mut words.paid,
            [&shipped.failed, &shipped.pending],
        ),
        (
            &more.failed,
            &mut words.failed,
            [&shipped.paid, &shipped.pending],
        ),
        (
            &more.pending,
            &mut words.pending,
            [&shipped.paid, &shipped.failed],
        ),
    ] {
        for word in added {
            let holds = |other: &String| word.contains(other.as_str());
            let is_sound = !word.trim().is_empty() && !others.into_iter().flatten().any(holds);
            let detail = format!("status: “{word}” holds a word of another outcome");
            faults.need(is_sound, start, &detail);
            known.push(word.clone());
        }
    }
}

/// What a bank may give to a customer: a number or a word.
fn is_value(text: &str) -> bool {
    let is_sign = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    !text.is_empty() && text.len() <= 120 && text.chars().all(is_sign)
}

impl Profile {
    /// Makes a constant of each column that holds this value of the bank's.
    fn set(&mut self, name: &str, value: &str) {
        let totals = self
            .totals
            .iter_mut()
            .flat_map(|totals| &mut totals.columns);
        if self.codec.is_some() && !value.is_empty() {
            self.codes.insert(name.to_owned(), value.to_owned());
        }
        let columns = self.shapes.iter_mut().flat_map(|shape| &mut shape.columns);
        for column in columns.chain(totals) {
            if column.set.as_deref() == Some(name) && !value.is_empty() {
                column.value = Some(value.to_owned());
            }
        }
    }
}

impl Raw {
    fn check(&self, faults: &mut Faults<'_>) {
        faults.id(&self.id);
        let id = self.id.span().start;
        faults.need(
            ["S", "S-", "I"].contains(&self.confidence.get_ref().as_str()),
            self.confidence.span().start,
            "confidence: S, S- or I",
        );
        self.check_batch(faults);
        self.check_text(faults);
        self.check_shapes(faults);
        self.check_totals(faults);
        self.check_fields(faults);
        if let Some(lines_max) = &self.lines_max {
            faults.lines_max(lines_max);
        }
        faults.answer_days(self.answer_days.as_ref());
        let key = &self.key.pattern;
        let sound = key.contains('#') && !key.contains("##") && key.is_ascii();
        faults.need(
            sound,
            id,
            "key.pattern: ASCII with # for digits, never two # together",
        );
        if let Some(absent) = &self.absent {
            let sound = self.usage == Use::Return && *absent.get_ref() == Outcome::Paid;
            let start = absent.span().start;
            faults.need(sound, start, "absent: only \"paid\", and only in a return");
        }
        for (name, value) in &self.values {
            let sound = value.is_empty() || is_value(value);
            faults.need(
                sound,
                id,
                &format!("values.{name}: letters and digits, - and _"),
            );
        }
    }

    fn check_batch(&self, faults: &mut Faults<'_>) {
        let id = self.id.span().start;
        if self.usage != Use::Batch {
            return;
        }
        match &self.file_name {
            None => faults.add(id, "file_name is missing"),
            Some(name) => faults.file_name(name),
        }
        faults.need(self.lines_max.is_some(), id, "lines_max is missing");
    }

    fn check_text(&self, faults: &mut Faults<'_>) {
        let id = self.id.span().start;
        let delimiter = self.text.delimiter.as_ref();
        match (self.kind, delimiter) {
            (Kind::Delimited, None) => faults.add(id, "text.delimiter is missing"),
            (Kind::Delimited, Some(given)) => {
                let sign = *given.get_ref();
                let sound = sign == '\t'
                    || (!sign.is_control() && !sign.is_alphanumeric() && !"#.-*\"".contains(sign));
                faults.need(
                    sound,
                    given.span().start,
                    "text.delimiter: a sign such as | , ^ or tab",
                );
            }
            (_, Some(given)) => {
                faults.add(
                    given.span().start,
                    "text.delimiter: only for kind delimited",
                );
            }
            (_, None) => {}
        }
        let bare = self.text.comment.is_empty()
            && self.text.head_lines.is_empty()
            && self.text.detail_lines.is_empty()
            && self.text.start_line.is_empty()
            && self.text.end_line.is_empty()
            && !self.text.ruled;
        faults.need(
            self.kind == Kind::Delimited || bare,
            id,
            "comment, head_lines, detail_lines, start_line, end_line and ruled: only for kind \
             delimited",
        );
        let sheet = &self.text.sheet;
        let sound = sheet.chars().count() <= 31 && !sheet.contains(['/', '\\', '?', '*', '[', ':']);
        faults.need(
            sound,
            id,
            "text.sheet: at most 31 characters, none of / \\ ? * [ :",
        );
        self.check_literals(faults);
        let known = ["%Y%m%d", "%Y-%m-%d", "%Y/%m/%d"].contains(&self.text.date_format.as_str());
        faults.need(known, id, "text.date_format: %Y%m%d, %Y-%m-%d or %Y/%m/%d");
    }

    fn check_literals(&self, faults: &mut Faults<'_>) {
        let id = self.id.span().start;
        let comments = self.text.head_lines.iter().chain(&self.text.detail_lines);
        let commented = !self.text.comment.is_empty();
        for line in comments {
            let sound = commented
                && line.starts_with(&self.text.comment)
                && crate::encoding::control(line).is_none();
            faults.need(
                sound,
                id,
                "head_lines and detail_lines must begin with the comment sign",
            );
        }
    }

    /// The forms of rows: each with its name, its columns and how they are found.
    fn shapes(&self) -> impl Iterator<Item = (ColumnsBy, usize, &[Spanned<Column>])> {
        let by = *self.columns_by.get_ref();
        let start = self.columns_by.span().start;
        let bare = (by, start, self.column.as_slice());
        let bare = self.shape.is_empty().then_some(bare);
        let named = self.shape.iter().map(move |shape| {
            let raw = shape.get_ref();
            let start = shape.span().start;
            (raw.columns_by.unwrap_or(by), start, raw.column.as_slice())
        });
        bare.into_iter().chain(named)
    }

    fn check_shapes(&self, faults: &mut Faults<'_>) {
        let start = self.columns_by.span().start;
        let both = !self.column.is_empty() && !self.shape.is_empty();
        faults.need(!both, start, "[[column]] and [[shape]] exclude each other");
        for (by, start, columns) in self.shapes() {
            faults.need(!columns.is_empty(), start, "no [[column]]");
            let most = columns.len() <= COLUMNS_MAX;
            faults.need(most, start, "more than 64 columns");
            faults.need(
                by == ColumnsBy::Header || self.kind != Kind::Csv,
                start,
                "csv finds its columns by header",
            );
            faults.need(
                by == ColumnsBy::Order || self.kind != Kind::Fixed,
                start,
                "fixed width has its columns by order",
            );
            let is_ruled = self.text.ruled && by == ColumnsBy::Order;
            faults.need(
                !is_ruled,
                start,
                "a ruled report finds its columns by header",
            );
            self.check_columns(by == ColumnsBy::Header, columns, faults);
        }
        let banks: BTreeSet<_> = self
            .shape
            .iter()
            .map(|shape| {
                shape
                    .get_ref()
                    .payee_bank
                    .map(|bank| bank == PayeeBank::Own)
            })
            .collect();
        let sound = self.usage != Use::Batch
            || self.shape.is_empty()
            || (banks.len() == self.shape.len() && !banks.contains(&None));
        faults.need(
            sound,
            start,
            "shapes of a batch: one with payee_bank = \"own\", one \"other\"",
        );
        let fixed = self.kind != Kind::Fixed || self.shape.is_empty();
        faults.need(fixed, start, "fixed width has one form of rows");
        let (own, used) = (
            &self.own_bank,
            banks.contains(&Some(true)) || self.has_bank_flag(),
        );
        let known = !own.bank_no.is_empty() && !own.names.is_empty();
        faults.need(
            !used || known,
            start,
            "own_bank: bank_no and names are needed",
        );
    }

    fn has_bank_flag(&self) -> bool {
        self.shapes()
            .flat_map(|(_, _, columns)| columns)
            .any(|column| column.get_ref().field == Some(Field::OtherBank))
    }

    fn check_columns(&self, by_header: bool, list: &[Spanned<Column>], faults: &mut Faults<'_>) {
        let mut heads = BTreeSet::new();
        let mut optional = false;
        for column in list {
            let at = column.span().start;
            let column = column.get_ref();
            faults.need(column.under.is_none(), at, "under: only in totals");
            if by_header {
                faults.need(!column.heads.is_empty(), at, "heads are missing");
                let holds =
                    column.field.is_some() || column.value.is_some() || column.set.is_some();
                faults.need(holds, at, "field is missing");
            }
            for head in column.heads.iter().map(|head| heading(head)) {
                let new = !head.is_empty() && heads.insert(head);
                faults.need(new || !by_header, at, "a heading is empty or stands twice");
            }
            faults.need(
                !optional || column.optional,
                at,
                "only last columns may be optional",
            );
            optional |= column.optional;
            self.check_column(column, at, faults);
        }
    }

    fn check_column(&self, column: &Column, at: usize, faults: &mut Faults<'_>) {
        let holds = [
            column.field.is_some(),
            column.value.is_some(),
            column.set.is_some(),
        ];
        let most = holds.into_iter().filter(|holds| *holds).count() <= 1;
        faults.need(most, at, "field, value and set exclude each other");
        if let Some(name) = &column.set {
            let known = self.values.contains_key(name);
            faults.need(known, at, &format!("set: {name} is not in [values]"));
        }
        let width = (self.kind == Kind::Fixed) == (column.width > 0);
        faults.need(width, at, "width: above 0 in kind fixed, nowhere else");
        let pad = column.padding();
        let sound = column.pad.is_none() || (self.kind == Kind::Fixed && " 0".contains(pad));
        faults.need(sound, at, "pad: a space or 0, in kind fixed");
        faults.need(column.digits <= 18, at, "digits: at most 18");
        let flag = column.field == Some(Field::OtherBank);
        let two = column.words.len() == 2 && column.words.first() != column.words.last();
        faults.need(flag == two, at, "words: two, with the field other-bank");
        let number = !column.number || self.kind == Kind::Xlsx;
        faults.need(number, at, "number: only in kind xlsx");
    }

    fn check_totals(&self, faults: &mut Faults<'_>) {
        let by_header = *self.columns_by.get_ref() == ColumnsBy::Header;
        let Some(totals) = &self.totals else { return };
        for column in &totals.column {
            let at = column.span().start;
            let column = column.get_ref();
            let under = by_header == column.under.is_some() || totals.anywhere;
            faults.need(under, at, "under: with columns by header");
            let sound = column.value.is_some()
                || !by_header
                || matches!(column.field, Some(Field::Count | Field::Total));
            faults.need(sound, at, "totals hold a value, count or total");
            self.check_column(column, at, faults);
        }
        let marked = totals
            .column
            .iter()
            .any(|column| column.get_ref().value.is_some());
        faults.need(
            marked,
            self.columns_by.span().start,
            "totals need a value by which their row is known",
        );
        let place = totals.anywhere && self.usage == Use::Batch;
        let start = self.columns_by.span().start;
        faults.need(!place, start, "totals.anywhere: not in a batch");
    }

    fn check_fields(&self, faults: &mut Faults<'_>) {
        let mut needed = match self.usage {
            Use::Batch => vec![Field::AccountNo, Field::PayeeName, Field::Amount],
            Use::Return => vec![Field::AccountNo, Field::PayeeName, Field::Amount],
            Use::Statement => vec![Field::Date],
        };
        // Without our key in the file, its absence must be said: `[key] fields = []`.
        if self.usage == Use::Batch && !self.key.fields.is_empty() {
            needed.push(Field::Key);
        }
        let outcomes: Vec<_> = self
            .shape
            .iter()
            .map(|shape| shape.get_ref().outcome)
            .collect();
        for (index, (_, start, columns)) in self.shapes().enumerate() {
            let has = |field: Field| columns.iter().any(|c| c.get_ref().field == Some(field));
            for field in &needed {
                faults.need(
                    has(*field),
                    start,
                    &format!("no column for {}", field.name()),
                );
            }
            let told = has(Field::Status) || outcomes.get(index).is_some_and(Option::is_some);
            let fits = self.usage != Use::Return || told;
            faults.need(
                fits,
                start,
                "a return needs a column for status, or an outcome",
            );
            if self.usage == Use::Statement {
                let moves = has(Field::Amount) || (has(Field::Debit) && has(Field::Credit));
                faults.need(
                    moves,
                    start,
                    "a statement needs debit and credit, or amount",
                );
                let above = |field| self.preamble.iter().any(|line| line.field == field);
                let stated = above(Field::OpeningBalance) && above(Field::ClosingBalance);
                faults.need(
                    has(Field::Balance) || stated,
                    start,
                    "a statement needs a column of balances, or opening and closing balance \
                     above its header",
                );
            }
        }
    }

    fn finish(self) -> Profile {
        let columns = |list: Vec<Spanned<Column>>| -> Vec<Column> {
            list.into_iter().map(Spanned::into_inner).collect()
        };
        let (by, skip) = (*self.columns_by.get_ref(), self.text.skip_lines);
        let bare = (self.shape.is_empty()).then(|| Shape {
            name: String::new(),
            payee_bank: None,
            outcome: None,
            columns_by: by,
            skip_lines: skip,
            more: false,
            headings: false,
            columns: columns(self.column),
        });
        let named = self.shape.into_iter().map(Spanned::into_inner);
        let shapes = bare
            .into_iter()
            .chain(named.map(|raw| raw.finish(by, skip)))
            .collect();
        let mut profile = Profile {
            id: self.id.into_inner(),
            name: self.name,
            name_en: self.name_en,
            source: self.source,
            confidence: self.confidence.into_inner(),
            doubts: self.doubts,
            usage: self.usage,
            kind: self.kind,
            encoding: self.encoding,
            file_name: self.file_name.map(Spanned::into_inner).unwrap_or_default(),
            lines_max: self
                .lines_max
                .map_or(crate::table::ROWS_MAX, Spanned::into_inner),
            answered_by: self.answered_by,
            answer_days: days(self.answer_days, super::ANSWER_DAYS_DEFAULT),
            fallback: self.fallback,
            absent: self.absent.map(Spanned::into_inner),
            amount: self.amount,
            text: self.text.finish(),
            shapes,
            own_bank: self.own_bank,
            values: self.values.keys().cloned().collect(),
            totals: self.totals.map(|totals| Totals {
                at_head: totals.place == TotalsPlace::Head,
                required: totals.required,
                anywhere: totals.anywhere,
                columns: columns(totals.column),
            }),
            preamble: self.preamble,
            status: self.status,
            nature: self.nature,
            key: self.key,
            codec: None,
            codes: BTreeMap::new(),
            purpose_codes: BTreeMap::new(),
        };
        for (name, value) in &self.values {
            profile.set(name, value);
        }
        profile
    }
}

impl RawShape {
    fn finish(self, by: ColumnsBy, skip: u64) -> Shape {
        Shape {
            name: self.name,
            payee_bank: self.payee_bank,
            outcome: self.outcome,
            columns_by: self.columns_by.unwrap_or(by),
            skip_lines: self.skip_lines.unwrap_or(skip),
            more: self.more,
            headings: self.headings,
            columns: self.column.into_iter().map(Spanned::into_inner).collect(),
        }
    }
}

impl RawText {
    fn finish(self) -> TextStyle {
        TextStyle {
            delimiter: self.delimiter.map_or(',', Spanned::into_inner),
            closing_delimiter: self.closing_delimiter,
            comment: self.comment,
            start_line: self.start_line,
            end_line: self.end_line,
            crlf: self.line_end == LineEnd::Crlf,
            date_format: self.date_format,
            head_lines: self.head_lines,
            detail_lines: self.detail_lines,
            ruled: self.ruled,
            sheet: self.sheet,
            header_within: self.header_within,
        }
    }
}

fn is_file_name(template: &str) -> bool {
    let bare = ["{batch_no}", "{date}", "{count}", "{total}"]
        .iter()
        .fold(template.to_owned(), |text, name| text.replace(name, ""));
    template.contains("{batch_no}")
        && !template.starts_with('.')
        && template.len() <= 100
        && bare
            .chars()
            .all(|c| c.is_alphanumeric() || "-_.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = include_str!("../../profiles/icbc-batch-a1.toml");

    fn faults(text: &str) -> Vec<(Option<u64>, String)> {
        match Profile::parse(text, "own.toml") {
            Ok(_) => Vec::new(),
            Err(list) => list.into_iter().map(|f| (f.place.row, f.en)).collect(),
        }
    }

    /// Each change of a sound profile is refused at the line that was changed.
    #[test]
    fn faults_are_refused_with_their_line() {
        for (from, to, words) in [
            ("kind = \"delimited\"", "kind = \"docx\"", "unknown variant"),
            ("unit = \"fen\"", "unit = \"jiao\"", "unknown variant"),
            (
                "lines_max = ",
                "lines_limit = 1\nlines_max = ",
                "unknown field",
            ),
            ("delimiter = \"|\"", "delimiter = \"7\"", "text.delimiter"),
            ("file_name = \"icbc", "file_name = \"../icbc", "file_name"),
            (
                "field = \"account-no\"",
                "field = \"acount\"",
                "unknown variant",
            ),
            ("id = \"icbc", "id = \"ICBC", "id:"),
        ] {
            assert!(SOUND.contains(from), "{from}");
            let changed = SOUND.replacen(from, to, 1);
            let line = 1 + SOUND[..SOUND.find(from).unwrap()].matches('\n').count();
            let found = faults(&changed);
            assert_eq!(found[0].0, u64::try_from(line).ok(), "{found:?}");
            assert!(found[0].1.contains(words), "{found:?}");
        }
        assert_eq!(faults(SOUND), []);
        assert_eq!(faults("id = ").len(), 1);
    }

    #[test]
    fn several_faults_are_given_together() {
        let text = SOUND
            .replace("id = \"icbc-", "id = \"I-")
            .replace("= \"S\"", "= \"X\"");
        assert_eq!(faults(&text).len(), 2);
    }
}
