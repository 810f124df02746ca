//! TOML text to [`Profile`], with every fault and its line.

use ledger::problem::Place;
use serde::Deserialize;
use toml::Spanned;

use super::{
    AmountStyle, Column, ColumnsBy, Encoding, Fallback, Field, KeyEcho, Kind, Preamble, Profile,
    StatusWords, TextStyle, Totals, Use, heading,
};
use crate::finding::{Fault, Finding};

use crate::table::COLUMNS_MAX;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    id: Spanned<String>,
    name: String,
    source: String,
    confidence: Spanned<String>,
    #[serde(rename = "use")]
    usage: Use,
    kind: Kind,
    #[serde(default)]
    encoding: Encoding,
    file_name: Option<Spanned<String>>,
    lines_max: Option<Spanned<usize>>,
    answered_by: Option<String>,
    #[serde(default)]
    fallback: Fallback,
    amount: AmountStyle,
    columns_by: Spanned<ColumnsBy>,
    #[serde(default)]
    text: RawText,
    totals: Option<RawTotals>,
    #[serde(default)]
    column: Vec<Spanned<Column>>,
    #[serde(default)]
    preamble: Vec<Preamble>,
    #[serde(default)]
    status: StatusWords,
    #[serde(default)]
    key: KeyEcho,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawText {
    delimiter: Option<Spanned<char>>,
    closing_delimiter: bool,
    comment: String,
    end_line: String,
    line_end: LineEnd,
    date_format: String,
    head_lines: Vec<String>,
    detail_lines: Vec<String>,
    skip_lines: u64,
    header_within: usize,
}

impl Default for RawText {
    fn default() -> RawText {
        RawText {
            delimiter: None,
            closing_delimiter: false,
            comment: String::new(),
            end_line: String::new(),
            line_end: LineEnd::Crlf,
            date_format: "%Y%m%d".to_owned(),
            head_lines: Vec::new(),
            detail_lines: Vec::new(),
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
    column: Vec<Spanned<Column>>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum TotalsPlace {
    Head,
    Tail,
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
        let raw: Raw = match toml::from_str(toml_text) {
            Ok(raw) => raw,
            Err(error) => {
                let start = error.span().map_or(0, |span| span.start);
                faults.add(start, error.message());
                return Err(faults.list);
            }
        };
        raw.check(&mut faults);
        if faults.list.is_empty() {
            Ok(raw.finish())
        } else {
            Err(faults.list)
        }
    }
}

struct Faults<'a> {
    text: &'a str,
    origin: &'a str,
    list: Vec<Finding>,
}

impl Faults<'_> {
    fn add(&mut self, start: usize, detail: &str) {
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

    /// A fault when the condition does not hold.
    fn need(&mut self, holds: bool, start: usize, detail: &str) {
        if !holds {
            self.add(start, detail);
        }
    }
}

impl Raw {
    fn check(&self, faults: &mut Faults<'_>) {
        let word = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        let id = self.id.span().start;
        faults.need(
            word(self.id.get_ref()),
            id,
            "id: use lower-case letters, digits and -",
        );
        faults.need(
            ["S", "S-", "I"].contains(&self.confidence.get_ref().as_str()),
            self.confidence.span().start,
            "confidence: S, S- or I",
        );
        self.check_text(faults);
        self.check_columns(faults);
        self.check_fields(faults);
        if let Some(lines_max) = &self.lines_max {
            let holds = (1..=crate::table::ROWS_MAX).contains(lines_max.get_ref());
            faults.need(holds, lines_max.span().start, "lines_max: 1 to 200000");
        }
        let key = &self.key.pattern;
        let sound = key.contains('#') && !key.contains("##") && key.is_ascii();
        faults.need(
            sound,
            id,
            "key.pattern: ASCII with # for digits, never two # together",
        );
    }

    fn check_text(&self, faults: &mut Faults<'_>) {
        let id = self.id.span().start;
        if self.usage == Use::Batch {
            match &self.file_name {
                None => faults.add(id, "file_name is missing"),
                Some(name) => faults.need(
                    is_file_name(name.get_ref()),
                    name.span().start,
                    "file_name: needs {batch_no} and {date}, and no path or control characters",
                ),
            }
            faults.need(self.lines_max.is_some(), id, "lines_max is missing");
        }
        let delimiter = self.text.delimiter.as_ref();
        match (self.kind, delimiter) {
            (Kind::Delimited, None) => faults.add(id, "text.delimiter is missing"),
            (Kind::Csv | Kind::Xlsx, Some(given)) => {
                faults.add(
                    given.span().start,
                    "text.delimiter: only for kind delimited",
                );
            }
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
            (Kind::Csv | Kind::Xlsx, None) => {}
        }
        let bare = self.text.comment.is_empty()
            && self.text.head_lines.is_empty()
            && self.text.detail_lines.is_empty()
            && self.text.end_line.is_empty();
        faults.need(
            self.kind == Kind::Delimited || bare,
            id,
            "comment, head_lines, detail_lines and end_line: only for kind delimited",
        );
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
        let known = ["%Y%m%d", "%Y-%m-%d", "%Y/%m/%d"].contains(&self.text.date_format.as_str());
        faults.need(known, id, "text.date_format: %Y%m%d, %Y-%m-%d or %Y/%m/%d");
    }

    fn check_columns(&self, faults: &mut Faults<'_>) {
        let by_header = *self.columns_by.get_ref() == ColumnsBy::Header;
        let start = self.columns_by.span().start;
        faults.need(!self.column.is_empty(), start, "no [[column]]");
        faults.need(
            self.column.len() <= COLUMNS_MAX,
            start,
            "more than 64 columns",
        );
        faults.need(
            by_header || self.kind == Kind::Delimited,
            start,
            "csv and xlsx find their columns by header",
        );
        let mut heads = std::collections::BTreeSet::new();
        for column in &self.column {
            let at = column.span().start;
            let column = column.get_ref();
            faults.need(column.under.is_none(), at, "under: only in totals");
            faults.need(
                column.field.is_none() || column.value.is_none(),
                at,
                "field and value exclude each other",
            );
            if by_header {
                faults.need(!column.heads.is_empty(), at, "heads are missing");
                faults.need(column.field.is_some(), at, "field is missing");
            }
            for head in column.heads.iter().map(|head| heading(head)) {
                let new = !head.is_empty() && heads.insert(head);
                faults.need(new || !by_header, at, "a heading is empty or stands twice");
            }
        }
        for column in self.totals.iter().flat_map(|totals| &totals.column) {
            let at = column.span().start;
            let column = column.get_ref();
            faults.need(
                by_header == column.under.is_some(),
                at,
                "under: with columns by header",
            );
            let sound = column.value.is_some()
                || !by_header
                || matches!(column.field, Some(Field::Count | Field::Total));
            faults.need(sound, at, "totals hold a value, count or total");
        }
        let marked = self.totals.as_ref().is_none_or(|totals| {
            totals
                .column
                .iter()
                .any(|column| column.get_ref().value.is_some())
        });
        faults.need(
            marked,
            start,
            "totals need a value by which their row is known",
        );
    }

    fn check_fields(&self, faults: &mut Faults<'_>) {
        let start = self.columns_by.span().start;
        let needed: &[Field] = match self.usage {
            Use::Batch => &[
                Field::Sequence,
                Field::Key,
                Field::AccountNo,
                Field::PayeeName,
                Field::Amount,
            ],
            Use::Return => &[
                Field::AccountNo,
                Field::PayeeName,
                Field::Amount,
                Field::Status,
            ],
            Use::Statement => &[Field::Date],
        };
        let has = |field: Field| self.column.iter().any(|c| c.get_ref().field == Some(field));
        for field in needed {
            faults.need(has(*field), start, &format!("no column for {field:?}"));
        }
        if self.usage == Use::Statement {
            let moves = has(Field::Amount) || (has(Field::Debit) && has(Field::Credit));
            faults.need(
                moves,
                start,
                "a statement needs debit and credit, or amount",
            );
        }
    }

    fn finish(self) -> Profile {
        let columns = |list: Vec<Spanned<Column>>| list.into_iter().map(Spanned::into_inner);
        let delimiter = self.text.delimiter.map_or(',', Spanned::into_inner);
        Profile {
            id: self.id.into_inner(),
            name: self.name,
            source: self.source,
            confidence: self.confidence.into_inner(),
            usage: self.usage,
            kind: self.kind,
            encoding: self.encoding,
            file_name: self.file_name.map(Spanned::into_inner).unwrap_or_default(),
            lines_max: self
                .lines_max
                .map_or(crate::table::ROWS_MAX, Spanned::into_inner),
            answered_by: self.answered_by,
            fallback: self.fallback,
            amount: self.amount,
            text: TextStyle {
                delimiter,
                closing_delimiter: self.text.closing_delimiter,
                comment: self.text.comment,
                end_line: self.text.end_line,
                crlf: self.text.line_end == LineEnd::Crlf,
                date_format: self.text.date_format,
                head_lines: self.text.head_lines,
                detail_lines: self.text.detail_lines,
                skip_lines: self.text.skip_lines,
                header_within: self.text.header_within,
            },
            columns_by: self.columns_by.into_inner(),
            columns: columns(self.column).collect(),
            totals: self.totals.map(|totals| Totals {
                at_head: totals.place == TotalsPlace::Head,
                required: totals.required,
                columns: columns(totals.column).collect(),
            }),
            preamble: self.preamble,
            status: self.status,
            key: self.key,
        }
    }
}

fn is_file_name(template: &str) -> bool {
    template.contains("{batch_no}")
        && template.contains("{date}")
        && !template.starts_with('.')
        && template.len() <= 100
        && template
            .replace("{batch_no}", "")
            .replace("{date}", "")
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
