//! Where a file keeps what: the columns of its rows and the values above its header row.

use std::collections::HashMap;
use std::ops::Range;

use ledger::calendar::Date;
use ledger::money::Fen;

use crate::encoding::trim;
use crate::finding::{Fault, Findings};
use crate::profile::{AmountStyle, Column, ColumnsBy, Field, Kind, Profile, Shape, Unit, heading};
use crate::table::{Limits, RowView, Table, shown};

/// Where the fields of a file stand.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Which form of rows of the profile this is.
    shape: usize,
    /// Index of the cell by [`Field::index`]; the first one where a field stands twice.
    at: Vec<Option<usize>>,
    /// Cells that must not be empty, with their heading.
    filled: Vec<(usize, String)>,
    /// Cells that must not be numbers, with their heading.
    identifiers: Vec<(usize, String)>,
    /// What stands behind the text of a cell and is none of it.
    suffixes: Vec<(usize, String)>,
    /// Headings by cell, for messages.
    labels: Vec<String>,
    /// Columns up to the last one that the profile knows.
    width_min: usize,
    /// All columns.
    width: usize,
    /// First row after the header.
    first: usize,
    /// Headings that no column of the profile has.
    pub(crate) strangers: usize,
    preamble: Vec<(Field, String, u64)>,
}

/// A form without columns.
static NO_SHAPE: Shape = Shape {
    name: String::new(),
    payee_bank: None,
    outcome: None,
    columns_by: ColumnsBy::Order,
    skip_lines: 0,
    more: false,
    headings: false,
    columns: Vec::new(),
};

/// How well rows fit a layout.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fit {
    /// Columns that were recognised.
    pub(crate) known: usize,
    /// Headings that were not.
    pub(crate) strange: usize,
    /// Rows that were looked at.
    pub(crate) rows: usize,
    /// Rows whose cells hold what the layout says.
    pub(crate) agreeing: usize,
}

impl Fit {
    /// More is better.
    pub(crate) fn value(self) -> i64 {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        number(self.known) * 2 - number(self.strange)
    }
}

/// What a row is by the rules of its profile.
pub(crate) enum RowKind {
    Totals,
    Detail,
    /// The headings again, on the next page of a printed report.
    Head,
    Strange,
}

/// Rows of one form, with the place of their fields.
pub(crate) struct Section {
    pub(crate) layout: Layout,
    /// Its rows in the table.
    pub(crate) rows: Range<usize>,
}

/// Control totals as a file states them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stated {
    pub(crate) count: Option<u64>,
    pub(crate) total: Option<Fen>,
    row: Option<u64>,
}

impl Layout {
    /// Finds the columns. `None`, with a finding, when the header row is not there. Of several
    /// forms of rows the one that fits best is taken.
    pub(crate) fn find(
        profile: &Profile,
        table: &Table<'_>,
        findings: &mut Findings,
    ) -> Option<Layout> {
        let quiet = |shape| Layout::of_shape(profile, shape, table, 0, &mut Findings::default());
        let fit = |shape: &usize| {
            let layout = quiet(*shape)?;
            let fit = layout.fit(profile, table);
            (fit.agreeing > 0 || layout.shape(profile).columns_by == ColumnsBy::Header)
                .then_some((fit.value(), std::cmp::Reverse(*shape)))
        };
        let best = match profile.shapes.len() {
            1 => Some(0),
            count => (0..count)
                .filter(|shape| fit(shape).is_some())
                .max_by_key(fit),
        };
        Layout::of_shape(profile, best.unwrap_or_default(), table, 0, findings)
    }

    /// The tables of a printed report, each from its headings to the next; any other file is one.
    pub(crate) fn sections(
        profile: &Profile,
        table: &Table<'_>,
        findings: &mut Findings,
    ) -> Vec<Section> {
        if !profile.text.ruled {
            let layout = Layout::find(profile, table, findings);
            return layout
                .map(|layout| Section {
                    rows: layout.first..table.len(),
                    layout,
                })
                .into_iter()
                .collect();
        }
        let mut sections: Vec<Section> = Vec::new();
        for index in 0..table.len() {
            let Some(shape) = Layout::headed(profile, table, index) else {
                continue;
            };
            if sections
                .last()
                .is_some_and(|last| last.layout.shape == shape)
            {
                continue;
            }
            if let Some(last) = sections.last_mut() {
                last.rows.end = index;
            }
            let layout = Layout::of_shape(profile, shape, table, index, findings);
            let rows = index + 1..table.len();
            sections.extend(layout.map(|layout| Section { layout, rows }));
        }
        if sections.is_empty() {
            let _ = Layout::of_shape(profile, 0, table, 0, findings);
        }
        sections
    }

    /// The form of rows whose headings stand in this row.
    fn headed(profile: &Profile, table: &Table<'_>, index: usize) -> Option<usize> {
        let row = table.row(index)?;
        let shapes = profile.shapes.iter().enumerate();
        let mut fitting = shapes.filter(|(_, shape)| missing(shape, &row).is_empty());
        fitting.next().map(|(index, _)| index)
    }

    fn of_shape(
        profile: &Profile,
        index: usize,
        table: &Table<'_>,
        from: usize,
        findings: &mut Findings,
    ) -> Option<Layout> {
        let mut layout = Layout {
            shape: index,
            at: vec![None; Field::ALL.len()],
            filled: Vec::new(),
            identifiers: Vec::new(),
            suffixes: Vec::new(),
            labels: Vec::new(),
            width_min: 0,
            width: 0,
            first: 0,
            strangers: 0,
            preamble: Vec::new(),
        };
        let shape = profile.shapes.get(index)?;
        match shape.columns_by {
            ColumnsBy::Order => {
                let is_head = |row: &RowView<'_>| row.line <= shape.skip_lines;
                layout.first = table.rows_from(0).take_while(is_head).count();
                for (position, column) in shape.columns.iter().enumerate() {
                    layout.place(position, column, column.label(position));
                }
                let optional = |column: &&Column| column.optional;
                layout.width_min -= shape.columns.iter().rev().take_while(optional).count();
            }
            ColumnsBy::Header => layout.by_header(profile, table, from, findings)?,
        }
        Some(layout)
    }

    /// The form of rows in the profile.
    pub(crate) fn shape<'p>(&self, profile: &'p Profile) -> &'p Shape {
        let first = || profile.shapes.first();
        // A layout is only made from a form that is there.
        profile
            .shapes
            .get(self.shape)
            .or_else(first)
            .unwrap_or(&NO_SHAPE)
    }

    fn place(&mut self, position: usize, column: &Column, label: String) {
        if column.filled {
            self.filled.push((position, label.clone()));
        }
        if !column.suffix.is_empty() {
            self.suffixes.push((position, column.suffix.clone()));
        }
        if column.field.is_some_and(Field::is_identifier) {
            self.identifiers.push((position, label.clone()));
        }
        if let Some(slot) = column
            .field
            .and_then(|field| self.at.get_mut(field.index()))
        {
            slot.get_or_insert(position);
        }
        self.labels.resize(position, String::new());
        self.labels.push(label);
        self.width_min = position + 1;
        self.width = position + 1;
    }

    fn by_header(
        &mut self,
        profile: &Profile,
        table: &Table<'_>,
        from: usize,
        findings: &mut Findings,
    ) -> Option<()> {
        let shape = profile.shapes.get(self.shape)?;
        let known: HashMap<String, &Column> = shape
            .columns
            .iter()
            .flat_map(|column| {
                column
                    .heads
                    .iter()
                    .map(move |head| (heading(head).into_owned(), column))
            })
            .collect();
        let rows = table.rows_from(from).take(profile.text.header_within);
        let best = (from..)
            .zip(rows)
            .map(|(index, row)| (missing(shape, &row), index));
        let Some((lacking, index)) = best.min_by_key(|(lacking, index)| (lacking.len(), *index))
        else {
            findings.nothing_inside();
            return None;
        };
        let row = table.row(index)?;
        if !lacking.is_empty() {
            let columns = lacking.join("、");
            findings.row(Fault::HeaderMissing, row.line, &[("columns", &columns)]);
            return None;
        }
        self.first = index + 1;
        for (position, text) in row.texts().enumerate() {
            self.head_cell(position, text, row.line, &known, findings);
        }
        self.width = row.width();
        self.read_preamble(profile, table, index, findings);
        Some(())
    }

    fn head_cell(
        &mut self,
        position: usize,
        text: &str,
        line: u64,
        known: &HashMap<String, &Column>,
        findings: &mut Findings,
    ) {
        if text.is_empty() {
            return;
        }
        let column = known.get(&*heading(text));
        let is_taken = |column: &Column| {
            column
                .field
                .is_some_and(|field| field != Field::Unused && self.has(field))
        };
        match column {
            Some(column) if !is_taken(column) => {
                self.place(position, column, text.to_owned());
            }
            Some(column) if column.required => {
                findings.cell(Fault::HeaderTwice, line, text, &[]);
            }
            _ => {
                self.strangers += 1;
                findings.cell(Fault::HeaderUnknown, line, text, &[]);
            }
        }
    }

    fn read_preamble(
        &mut self,
        profile: &Profile,
        table: &Table<'_>,
        header: usize,
        findings: &mut Findings,
    ) {
        let known: HashMap<String, Field> = profile
            .preamble
            .iter()
            .flat_map(|line| {
                line.labels
                    .iter()
                    .map(move |label| (heading(label).into_owned(), line.field))
            })
            .collect();
        let is_label = |text: &str| {
            let bare = heading(text);
            known.get(bare.trim_end_matches(':')).copied()
        };
        for row in (0..header).filter_map(|index| table.row(index)) {
            for (position, text) in row.texts().enumerate() {
                let inside = text
                    .split_once([':', '\u{ff1a}'])
                    .map(|(label, value)| (label, value.trim()));
                if let Some((label, value)) = inside.filter(|(_, value)| !value.is_empty()) {
                    if let Some(field) = is_label(label) {
                        self.preamble.push((field, value.to_owned(), row.line));
                    }
                } else if let Some(field) = is_label(text) {
                    if row.is_number(position + 1) && field.is_identifier() {
                        findings.cell(Fault::NumberSpoiled, row.line, text, &[]);
                    }
                    let values = row.texts().skip(position + 1);
                    let values = values.take_while(|text| is_label(text).is_none());
                    let values: Vec<&str> = values.filter(|text| !text.is_empty()).collect();
                    // A period may stand in two cells.
                    let value = match field {
                        Field::Period => values.join("至"),
                        _ => values.first().copied().unwrap_or_default().to_owned(),
                    };
                    self.preamble.push((field, value, row.line));
                }
            }
        }
    }

    /// How well the first rows of a table fit.
    pub(crate) fn fit(&self, profile: &Profile, table: &Table<'_>) -> Fit {
        let shape = self.shape(profile);
        let (known, strange) = match shape.columns_by {
            ColumnsBy::Header => (self.fields(), self.strangers),
            ColumnsBy::Order => (shape.columns.len(), 0),
        };
        let mut fit = Fit {
            known,
            strange,
            ..Fit::default()
        };
        for row in table.rows_from(self.first).take(Limits::GLANCE.rows) {
            if matches!(
                self.classify(profile, &row),
                RowKind::Totals | RowKind::Head
            ) {
                continue;
            }
            fit.rows += 1;
            fit.agreeing += usize::from(self.agrees(profile, &row));
        }
        fit
    }

    /// Whether the cells of a row hold what the layout says.
    fn agrees(&self, profile: &Profile, row: &RowView<'_>) -> bool {
        let text = |field| self.text(row, field);
        let is_detail = matches!(self.classify(profile, row), RowKind::Detail);
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let status = text(Field::Status);
        let says_itself = self.shape(profile).outcome.is_some();
        is_detail
            && self.fits(profile, row, &mut Findings::default())
            && (!self.has(Field::Amount) || profile.amount.read(text(Field::Amount)).is_some())
            && (!self.has(Field::AccountNo) || is_account(text(Field::AccountNo)))
            && !is_account(text(Field::PayeeName))
            && is_number(text(Field::BankNo))
            && (status.is_empty() || says_itself || profile.status.knows(status))
    }

    /// Rows after the header.
    pub(crate) fn first(&self) -> usize {
        self.first
    }

    /// How many fields have a column.
    pub(crate) fn fields(&self) -> usize {
        self.at.iter().flatten().count()
    }

    pub(crate) fn has(&self, field: Field) -> bool {
        self.position(field).is_some()
    }

    fn position(&self, field: Field) -> Option<usize> {
        self.at.get(field.index()).copied().flatten()
    }

    /// The heading of a field's column.
    pub(crate) fn label(&self, field: Field) -> &str {
        let label = self
            .position(field)
            .and_then(|position| self.labels.get(position));
        label.map_or("", String::as_str)
    }

    /// The value above the header row, and its line.
    pub(crate) fn above(&self, field: Field) -> Option<(&str, u64)> {
        let found = self
            .preamble
            .iter()
            .find(|(known, value, _)| *known == field && !value.is_empty());
        found.map(|(_, value, line)| (value.as_str(), *line))
    }

    /// The text of a field; empty when the file has no such column.
    pub(crate) fn text<'t>(&self, row: &RowView<'t>, field: Field) -> &'t str {
        let Some(position) = self.position(field) else {
            return "";
        };
        let text = row.text(position);
        let suffix = self.suffixes.iter().find(|(at, _)| *at == position);
        let bare = suffix.and_then(|(_, suffix)| text.strip_suffix(suffix.as_str()));
        bare.map_or(text, trim)
    }

    /// What a row is. Only declared rules make a row something else than a detail.
    pub(crate) fn classify(&self, profile: &Profile, row: &RowView<'_>) -> RowKind {
        let totals = profile.totals.as_ref();
        let shape = self.shape(profile);
        let first = || {
            row.texts()
                .find(|text| !text.is_empty())
                .unwrap_or_default()
        };
        let is_marked = |label: &str| {
            let marks = totals.into_iter().flat_map(|totals| &totals.columns);
            let mut marks = marks.filter(|column| column.value.is_some());
            marks.any(|column| column.agrees(label))
        };
        let agree = |columns: &[Column]| {
            columns.iter().enumerate().all(|(position, column)| {
                position >= row.len() || column.agrees(row.text(position))
            })
        };
        match shape.columns_by {
            ColumnsBy::Header if totals.is_some() && is_marked(&heading(first())) => {
                RowKind::Totals
            }
            ColumnsBy::Header if profile.text.ruled && missing(shape, row).is_empty() => {
                RowKind::Head
            }
            ColumnsBy::Header => RowKind::Detail,
            ColumnsBy::Order => {
                let is_totals = totals.is_some_and(|totals| match totals.anywhere {
                    true => is_marked(&heading(first())),
                    false => totals.columns.len() == row.len() && agree(&totals.columns),
                });
                let is_head = || shape.headings && self.text(row, Field::Amount).contains("金额");
                match is_totals {
                    true => RowKind::Totals,
                    false if is_head() => RowKind::Head,
                    false if agree(&shape.columns) => RowKind::Detail,
                    false => RowKind::Strange,
                }
            }
        }
    }

    /// True when the row has the columns of the layout; otherwise its cells may have moved and
    /// none of them is read.
    pub(crate) fn fits(
        &self,
        profile: &Profile,
        row: &RowView<'_>,
        findings: &mut Findings,
    ) -> bool {
        let shape = self.shape(profile);
        let by_order = shape.columns_by == ColumnsBy::Order;
        let is_closed = profile.kind == Kind::Delimited && profile.text.closing_delimiter;
        let found = if by_order || is_closed {
            row.len()
        } else {
            row.width()
        };
        let add = |fault, found: usize, findings: &mut Findings| {
            let (found, expected) = (found.to_string(), self.width.to_string());
            findings.row(
                fault,
                row.line,
                &[("found", &found), ("expected", &expected)],
            );
            false
        };
        if found > self.width && !shape.more {
            return add(Fault::RowLong, found, findings);
        }
        // A workbook does not store empty cells, so a short row of it is no cut row.
        if profile.kind != Kind::Xlsx && row.len() < self.width_min {
            return add(Fault::RowCut, row.len(), findings);
        }
        true
    }

    /// Checks what every detail row must satisfy: filled cells, identifiers as text.
    pub(crate) fn check(&self, row: &RowView<'_>, findings: &mut Findings) -> bool {
        let before = findings.len();
        for (position, label) in &self.filled {
            if row.text(*position).is_empty() {
                findings.cell(Fault::CellEmpty, row.line, label, &[]);
            }
        }
        for (position, label) in &self.identifiers {
            if row.is_number(*position) {
                findings.cell(Fault::NumberSpoiled, row.line, label, &[]);
            }
        }
        findings.len() == before
    }

    /// An amount of a row, with a finding when it is none. An empty cell gives `None` silently.
    pub(crate) fn amount(
        &self,
        profile: &Profile,
        row: &RowView<'_>,
        field: Field,
        findings: &mut Findings,
    ) -> Option<Fen> {
        let text = self.text(row, field);
        if text.is_empty() {
            return None;
        }
        let amount = profile.amount.read(text);
        if amount.is_none() {
            unread_amount(&profile.amount, text, row.line, self.label(field), findings);
        }
        amount
    }

    /// An amount above zero.
    pub(crate) fn positive(
        &self,
        profile: &Profile,
        row: &RowView<'_>,
        findings: &mut Findings,
    ) -> Option<Fen> {
        let amount = self.amount(profile, row, Field::Amount, findings)?;
        if let Some(max) = profile.amount.max.filter(|max| amount > *max) {
            let (value, max) = (amount.to_string(), max.to_string());
            let values = [("value", value.as_str()), ("max", max.as_str())];
            findings.cell(
                Fault::AmountLarge,
                row.line,
                self.label(Field::Amount),
                &values,
            );
            return None;
        }
        if amount > Fen::ZERO {
            return Some(amount);
        }
        let value = shown(self.text(row, Field::Amount), false);
        let label = self.label(Field::Amount);
        findings.cell(
            Fault::AmountNotPositive,
            row.line,
            label,
            &[("value", &value)],
        );
        None
    }

    /// An account number: digits, letters, `-`, and `*` where the bank masks it.
    pub(crate) fn account<'t>(
        &self,
        row: &RowView<'t>,
        field: Field,
        findings: &mut Findings,
    ) -> Option<&'t str> {
        let text = self.text(row, field);
        if is_account(text) {
            return Some(text);
        }
        findings.cell(Fault::AccountInvalid, row.line, self.label(field), &[]);
        None
    }

    /// Reads the control totals of a row.
    pub(crate) fn totals(
        &self,
        profile: &Profile,
        row: &RowView<'_>,
        stated: &mut Stated,
        findings: &mut Findings,
    ) {
        if stated.row.is_some() {
            findings.row(Fault::TotalsTwice, row.line, &[]);
            return;
        }
        stated.row = Some(row.line);
        if profile
            .totals
            .as_ref()
            .is_some_and(|totals| totals.anywhere)
        {
            return totals_anywhere(profile, row, stated, findings);
        }
        let columns = profile
            .totals
            .iter()
            .flat_map(|totals| &totals.columns)
            .enumerate();
        for (position, column) in columns {
            let position = match column.under {
                Some(under) => self.position(under),
                None => Some(position),
            };
            let text = position.map_or("", |position| row.text(position));
            let label = column.under.map_or("合计", |under| self.label(under));
            match column.field {
                _ if text.is_empty() => {}
                Some(Field::Count) => {
                    stated.count = read_count(text);
                    if stated.count.is_none() {
                        let value = shown(text, false);
                        findings.cell(Fault::NumberUnread, row.line, label, &[("value", &value)]);
                    }
                }
                Some(Field::Total) => {
                    stated.total = profile.amount.read(text);
                    if stated.total.is_none() {
                        unread_amount(&profile.amount, text, row.line, label, findings);
                    }
                }
                _ => {}
            }
        }
    }
}

impl Stated {
    /// Compares with what the lines give. `total` is `None` when a line could not be read.
    pub(crate) fn check(
        &self,
        profile: &Profile,
        rows: u64,
        total: Option<Fen>,
        findings: &mut Findings,
    ) {
        let required = profile
            .totals
            .as_ref()
            .is_some_and(|totals| totals.required);
        if required && (self.count.is_none() || self.total.is_none()) {
            findings.file(Fault::TotalsMissing, &[]);
        }
        let line = self.row.unwrap_or_default();
        if let Some(count) = self.count.filter(|count| *count != rows) {
            let (stated, found) = (count.to_string(), rows.to_string());
            let values = [
                ("what", "笔数 / count"),
                ("stated", &*stated),
                ("found", &*found),
            ];
            findings.row(Fault::TotalsDiffer, line, &values);
        }
        if let (Some(stated), Some(found)) = (self.total, total)
            && stated != found
        {
            let is_hundred = |a: Fen, b: Fen| a != Fen::ZERO && a.times(100) == Ok(b);
            if is_hundred(stated, found) || is_hundred(found, stated) {
                findings.row(Fault::FactorHundred, line, &[]);
            }
            let (stated, found) = (stated.to_string(), found.to_string());
            let values = [
                ("what", "金额 / total"),
                ("stated", &*stated),
                ("found", &*found),
            ];
            findings.row(Fault::TotalsDiffer, line, &values);
        }
    }
}

/// True for digits, letters, `-` and `*`.
pub(crate) fn is_account(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'*')
}

/// Reads `2022-01-31`, `20220131`, `2022/1/31`, `2022.1.31`, `2022年1月31日`, with a time behind it
/// that is not kept.
pub(crate) fn read_date(text: &str) -> Option<Date> {
    let day = text.split([' ', 'T']).next().unwrap_or_default();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (year, month, day) = if day.len() == 8 && is_number(day) {
        (day.get(..4)?, day.get(4..6)?, day.get(6..)?)
    } else {
        let sign = day.chars().find(|c| !c.is_ascii_digit())?;
        let second = match sign {
            '-' | '/' | '.' => sign,
            '年' => '月',
            _ => return None,
        };
        let (year, rest) = day.split_once(sign)?;
        let (month, day) = rest.split_once(second)?;
        (
            year,
            month,
            if sign == '年' {
                day.strip_suffix('日')?
            } else {
                day
            },
        )
    };
    let sound = year.len() == 4 && month.len() <= 2 && day.len() <= 2;
    if !sound || ![year, month, day].into_iter().all(is_number) {
        return None;
    }
    let date = Date::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)?;
    (1900..=2999)
        .contains(&chrono::Datelike::year(&date))
        .then_some(date)
}

/// Count and total of a row where they stand anywhere behind its label, in this order.
fn totals_anywhere(
    profile: &Profile,
    row: &RowView<'_>,
    stated: &mut Stated,
    findings: &mut Findings,
) {
    let cells = row.texts().filter(|text| !text.is_empty()).skip(1);
    let cells: Vec<&str> = cells.collect();
    if let [count, .., total] = cells.as_slice() {
        stated.count = read_count(count);
        stated.total = profile.amount.read(total);
    }
    if stated.count.is_none() || stated.total.is_none() {
        let value = shown(&cells.join(" "), false);
        findings.cell(Fault::NumberUnread, row.line, "合计", &[("value", &value)]);
    }
}

/// `3`, `3笔` or `3 笔`.
fn read_count(text: &str) -> Option<u64> {
    text.strip_suffix('笔').unwrap_or(text).trim().parse().ok()
}

/// The headings that a form of rows needs and a row does not have.
fn missing<'p>(shape: &'p Shape, row: &RowView<'_>) -> Vec<&'p str> {
    let here: Vec<_> = row.texts().map(heading).collect();
    let there = |column: &&Column| !column.heads.iter().any(|h| here.contains(&heading(h)));
    let required = shape.columns.iter().filter(|column| column.required);
    required
        .filter(there)
        .filter_map(|column| column.heads.first())
        .map(|head| &**head)
        .collect()
}

/// Not an amount; most telling where it is one in the other unit.
fn unread_amount(style: &AmountStyle, text: &str, line: u64, label: &str, findings: &mut Findings) {
    let value = shown(text, false);
    let (unit, other) = (style.unit, style.in_other_unit());
    let is_other = match unit {
        Unit::Fen => other.read(text).is_some() && (text.contains('.') || text.contains('元')),
        Unit::Yuan => text.ends_with('分') && other.read(text).is_some(),
    };
    let unit = format!("{}({})", unit.zh(), unit.en());
    let fault = if is_other {
        Fault::UnitMixed
    } else {
        Fault::AmountUnread
    };
    findings.cell(fault, line, label, &[("value", &value), ("unit", &unit)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_the_listed_forms_and_no_other() {
        for text in [
            "2022-01-31",
            "20220131",
            "2022/1/31",
            "2022.1.31",
            "2022年1月31日",
            "2022-01-31 09:30:00",
            "20220131 093000",
            "2022-01-31T09:30",
        ] {
            assert_eq!(
                read_date(text).map(|d| d.to_string()).as_deref(),
                Some("2022-01-31"),
                "{text}"
            );
        }
        for text in [
            "",
            "2022-02-30",
            "31/01/2022",
            "2022-1/31",
            "2022年1月31",
            "44592",
            "二〇二二",
        ] {
            assert_eq!(read_date(text), None, "{text}");
        }
    }
}
