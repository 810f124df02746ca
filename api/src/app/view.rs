//! What a reading use case gives: one JSON document for programs, tables for people.
//!
//! The skins lay it out as text, CSV, a workbook or a page; the figures are the same in each.

use ledger::problem::Language;
use serde_json::Value;

/// A text in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// 中文.
    pub zh: String,
    /// English.
    pub en: String,
}

/// Both languages at once.
pub fn words(zh: impl Into<String>, en: impl Into<String>) -> Words {
    Words {
        zh: zh.into(),
        en: en.into(),
    }
}

impl Words {
    /// In one language.
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::Zh => &self.zh,
            Language::En => &self.en,
        }
    }
}

/// The head of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// What it is called.
    pub head: Words,
    /// Figures stand on the right.
    pub right: bool,
}

/// A table of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What it shows.
    pub title: Words,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, one text per column, the same in both languages or already in the asked one.
    pub rows: Vec<Vec<String>>,
}

/// The answer of a reading use case.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// For programs.
    pub json: Value,
    /// For people.
    pub tables: Vec<Table>,
    /// Whether a check found something (exit status 3).
    pub found: bool,
}

impl Table {
    /// A table with its columns: Chinese head, English head, whether figures.
    pub fn new(title: Words, columns: &[(&str, &str, bool)]) -> Table {
        let columns = columns
            .iter()
            .map(|(zh, en, right)| Column {
                head: words(*zh, *en),
                right: *right,
            })
            .collect();
        Table {
            title,
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl Report {
    /// A report that is no check.
    pub fn new(json: Value, tables: Vec<Table>) -> Report {
        Report {
            json,
            tables,
            found: false,
        }
    }
}
