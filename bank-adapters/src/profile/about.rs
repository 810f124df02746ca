//! A profile as a person reads it: its columns, words and limits.

use super::{Align, Column, ColumnsBy, Profile, Shape};

/// One column of a layout, for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnAbout {
    /// The form of rows that it belongs to (本行, 他行); empty when there is only one.
    pub shape: String,
    /// Its place, from 1; none where columns are found by their headings.
    pub place: Option<usize>,
    /// Its headings, the one that is written first.
    pub headings: Vec<String>,
    /// What it holds: the name of a field, empty when it is left empty.
    pub field: &'static str,
    /// The constant that it holds.
    pub value: Option<String>,
    /// The value of the bank's for each customer that it holds.
    pub set: Option<String>,
    /// The heading must be there, or the cell must not be empty.
    pub is_required: bool,
    /// Most bytes in the encoding of the file.
    pub bytes_max: Option<usize>,
    /// What else is to be known: width and padding, digits, suffix.
    pub form: String,
}

impl Profile {
    /// The columns of all forms of rows.
    pub fn columns_about(&self) -> Vec<ColumnAbout> {
        let shapes = self.shapes.iter();
        shapes
            .flat_map(|shape| {
                shape
                    .columns
                    .iter()
                    .enumerate()
                    .map(move |column| (shape, column))
            })
            .map(|(shape, (position, column))| column.about(shape, position))
            .collect()
    }

    /// The names of the values that the bank gives to each customer and that this profile still
    /// lacks.
    pub fn values_missing(&self) -> Vec<&str> {
        let totals = self.totals.iter().flat_map(|totals| &totals.columns);
        let columns = self.shapes.iter().flat_map(|shape| &shape.columns);
        let open: Vec<&Column> = columns
            .chain(totals)
            .filter(|c| c.value.is_none())
            .collect();
        let is_open = |name: &&str| match self.codec {
            Some(_) => !self.codes.contains_key(*name),
            None => open.iter().any(|c| c.set.as_deref() == Some(name)),
        };
        self.values
            .iter()
            .map(String::as_str)
            .filter(is_open)
            .collect()
    }

    /// The words of paid, failed and pending, as one status cell says them.
    pub fn status_words(&self) -> [&[String]; 3] {
        let status = &self.status;
        [&status.paid, &status.failed, &status.pending]
    }

    /// Where control totals stand: `head`, `tail`, or nothing.
    pub fn totals_at(&self) -> Option<&'static str> {
        let totals = self.totals.as_ref()?;
        Some(if totals.at_head { "head" } else { "tail" })
    }
}

impl Column {
    fn about(&self, shape: &Shape, position: usize) -> ColumnAbout {
        let by_place = shape.columns_by == ColumnsBy::Order;
        ColumnAbout {
            shape: shape.name.clone(),
            place: by_place.then_some(position + 1),
            headings: self.heads.clone(),
            field: self.field.map_or("", super::Field::name),
            value: self.value.clone(),
            set: self.set.clone(),
            is_required: self.required || self.filled,
            bytes_max: Some(self.limit()).filter(|limit| *limit > 0),
            form: self.form(),
        }
    }

    /// Most bytes; 0 is no limit.
    pub(crate) fn limit(&self) -> usize {
        match (self.bytes_max, self.width) {
            (0, width) => width,
            (limit, 0) => limit,
            (limit, width) => limit.min(width),
        }
    }

    fn form(&self) -> String {
        let mut parts = Vec::new();
        if self.width > 0 {
            let side = match self.align {
                Align::Left => "left",
                Align::Right => "right",
            };
            let pad = self.padding();
            parts.push(format!("width {}, {side}, pad {pad:?}", self.width));
        }
        if self.digits > 0 {
            parts.push(format!("digits {}", self.digits));
        }
        if !self.suffix.is_empty() {
            parts.push(format!("suffix {:?}", self.suffix));
        }
        if !self.words.is_empty() {
            parts.push(self.words.join(" / "));
        }
        parts.join("; ")
    }

    /// What fills the rest of a width.
    pub(crate) fn padding(&self) -> char {
        self.pad.unwrap_or(' ')
    }
}
