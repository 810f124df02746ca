//! The fields of one line to be written, in one text.

/// One line of fields. Its memory serves for all lines of a file.
#[derive(Debug, Default)]
pub(crate) struct Line {
    text: String,
    ends: Vec<usize>,
}

impl Line {
    /// A line of these fields.
    pub(crate) fn of(fields: impl IntoIterator<Item = impl AsRef<str>>) -> Line {
        let mut line = Line::default();
        for field in fields {
            line.field(|text| text.push_str(field.as_ref()));
        }
        line
    }

    /// Without fields again.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// Appends a field, whose text `write` appends.
    pub(crate) fn field(&mut self, write: impl FnOnce(&mut String)) {
        write(&mut self.text);
        self.ends.push(self.text.len());
    }

    /// The texts of all fields, one after the other with nothing between.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The fields.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| self.text.get(start..*end).unwrap_or_default())
    }
}
