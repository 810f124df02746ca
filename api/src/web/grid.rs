//! Tables on pages: dense, sorted and filtered by the address, paged, and exported as they stand.
//!
//! A [`Grid`] is made from a table of a report. What the address asks of it is in the fields
//! `q` (rows with this text), `sort` (number of a column, negative for falling) and `after` (rows
//! passed over); the second table of a page has `q2`, `sort2`, `after2`, and so on. A column is
//! linked by its English head, and a column of states shows badges.

use std::cmp::Ordering;

use ledger::problem::Language;

use super::badge::{self, Badge};
use super::seat::Seat;
use crate::app::view::{self, Table};

/// Rows on a page.
pub const ROWS: usize = 100;
/// With more columns than these a table is printed across.
const UPRIGHT: usize = 8;
/// Characters that are not broken into lines: as many as `2022-01-31 23:59:59` has.
const SHORT: usize = 19;

/// A table as it is drawn.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    /// Its place among the tables of the page, for the address.
    pub suffix: String,
    /// What it shows.
    pub title: String,
    /// Its columns.
    pub heads: Vec<Head>,
    /// The rows of this page.
    pub rows: Vec<Vec<Cell>>,
    /// Rows that match.
    pub matching: usize,
    /// Rows there are.
    pub all: usize,
    /// What is looked for.
    pub query: String,
    /// Other fields of the address, kept by the filter.
    pub kept: Vec<(String, String)>,
    /// Address of the rows after these.
    pub next: Option<String>,
    /// Address of the first rows.
    pub first: Option<String>,
    /// Exports: name and address.
    pub exports: Vec<(&'static str, String)>,
    /// A choice before each row: the name of the field and of the form that it belongs to; the
    /// value is the first cell.
    pub choice: Option<String>,
    /// What to do when there is no row.
    pub empty: String,
    /// Whether the tools above it are drawn.
    pub tools: bool,
    /// Sentences about the rows in the language of the page.
    pub words: Words,
}

/// The sentences that a table needs.
#[derive(Clone, Debug, Default)]
pub struct Words {
    /// How many rows.
    pub count: String,
    /// The filter's label.
    pub filter: &'static str,
    /// Its button.
    pub apply: &'static str,
    /// The link to the next rows.
    pub next: &'static str,
    /// The link to the first rows.
    pub first: &'static str,
    /// The label of exports.
    pub export: &'static str,
    /// The label of the box that chooses all.
    pub choose: &'static str,
}

/// The head of a column.
#[derive(Clone, Debug)]
pub struct Head {
    /// Its text.
    pub text: String,
    /// Figures.
    pub right: bool,
    /// Address that sorts by it; empty where rows have an order of their own.
    pub sort: String,
    /// `ascending`, `descending` or nothing.
    pub sorted: &'static str,
}

/// A cell.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// Its text.
    pub text: String,
    /// Where it leads.
    pub link: Option<String>,
    /// The state that it is.
    pub badge: Option<Badge>,
    /// Figures.
    pub right: bool,
    /// Below zero.
    pub negative: bool,
}

impl Cell {
    /// Whether it is no longer than a moment or the name of a program: then it stays on one line.
    pub fn short(&self) -> bool {
        self.text.chars().count() <= SHORT
    }
}

/// Where a column leads: its English head, and the address before the value.
pub type Links<'a> = &'a [(&'a str, &'a str)];

/// Columns that lead to the same place wherever they stand.
const LINKS: Links<'static> = &[
    ("run", "/runs/"),
    ("payment", "/trace/payment/"),
    ("batch", "/batches/"),
    ("recovery", "/recoveries/"),
    ("proposal", "/proposals/"),
    ("sequence", "/audit/"),
    ("person", "/persons/"),
];
/// Columns of what people, files and places are called: no word of the product, whatever it says.
const NAMES: [&str; 17] = [
    "login", "user", "name", "by", "browser", "file", "holder", "payee", "subject", "township",
    "village", "detail", "account", "bank", "code", "document", "batch",
];
/// Columns of counts, which have separators as amounts have.
const COUNTS: [&str; 15] = [
    "payments",
    "lines",
    "rows",
    "count",
    "paid",
    "failed",
    "pending",
    "attempted",
    "transfers",
    "persons",
    "households",
    "exceptions",
    "repeated",
    "not answered",
    "findings",
];
/// Columns of states.
const STATES: [&str; 4] = ["state", "status", "weight", "result"];

/// The table as the address asks for it, all pages of it: what an export holds.
pub fn asked(seat: &Seat, table: &Table, place: usize) -> Table {
    let suffix = suffix(place);
    let wanted = seat
        .get(&format!("q{suffix}"))
        .unwrap_or_default()
        .to_lowercase();
    let mut found = table.clone();
    if !wanted.is_empty() {
        let columns = table.columns.as_slice();
        found.rows.retain(|row| {
            let mut cells = columns.iter().zip(row);
            cells.any(|(column, cell)| holds(column, cell, &wanted))
        });
    }
    let sort: i64 = seat
        .get(&format!("sort{suffix}"))
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    if let Some(column) = usize::try_from(sort.abs() - 1).ok()
        && column < table.columns.len()
    {
        found.rows.sort_by(|a, b| {
            let order = compared(cell(a, column), cell(b, column));
            if sort < 0 { order.reverse() } else { order }
        });
    }
    found
}

/// Whether a cell has a text, as it is stored or, for a state, as either language calls it.
fn holds(column: &view::Column, cell: &str, wanted: &str) -> bool {
    let is_state = STATES.contains(&column.head.en.as_str());
    let named = |language| {
        let badge = badge::of(cell, language).filter(|_| is_state);
        badge.is_some_and(|badge| badge.word.to_lowercase().contains(wanted))
    };
    cell.to_lowercase().contains(wanted) || named(Language::Zh) || named(Language::En)
}

fn suffix(place: usize) -> String {
    match place {
        0 => String::new(),
        place => (place + 1).to_string(),
    }
}

fn cell(row: &[String], column: usize) -> &str {
    row.get(column).map_or("", String::as_str)
}

/// Figures by size, before texts by their letters.
fn compared(a: &str, b: &str) -> Ordering {
    match (figure(a), figure(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

/// A figure in millionths: `-1,234.50`, `99.46 %`.
fn figure(text: &str) -> Option<i128> {
    let plain: String = text.trim_end_matches(['%', ' ']).replace(',', "");
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, plain.as_str()),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let is_figure = !whole.is_empty() && whole.len() < 20 && part.len() <= 6;
    if !is_figure
        || !whole
            .bytes()
            .chain(part.bytes())
            .all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let millionths: i128 = format!("{part:0<6}").parse().ok()?;
    Some(sign * (whole.parse::<i128>().ok()? * 1_000_000 + millionths))
}

impl Grid {
    /// A table of a report as the address asks for it. `place` counts the tables of the page.
    pub fn of(seat: &Seat, table: &Table, place: usize, links: Links<'_>) -> Grid {
        let suffix = suffix(place);
        let found = asked(seat, table, place);
        let after = seat.get(&format!("after{suffix}"));
        let after: usize = after.and_then(|text| text.parse().ok()).unwrap_or(0);
        let after = after.min(found.rows.len());
        let shown = found.rows.iter().skip(after).take(ROWS);
        let rows: Vec<Vec<Cell>> = shown
            .map(|row| drawn_row(table, row, links, seat.language))
            .collect();
        let end = after + rows.len();
        let field = format!("after{suffix}");
        let to =
            |place: Option<usize>| seat.address(&[(&field, place.map(|place| place.to_string()))]);
        let export = |kind: &'static str| {
            let text = Some(kind.to_owned());
            let whole = [
                ("as", text),
                (field.as_str(), None),
                (super::tables::PLACE, None),
            ];
            (kind, seat.address(&whole))
        };
        let own = [format!("q{suffix}"), field.clone()];
        let kept = seat.query.iter().filter(|(name, _)| !own.contains(name));
        Grid {
            title: table.title.get(seat.language).to_owned(),
            heads: heads(seat, table, &suffix),
            matching: found.rows.len(),
            all: table.rows.len(),
            query: seat.get(&own[0]).unwrap_or_default().to_owned(),
            kept: kept.cloned().collect(),
            next: (end < found.rows.len()).then(|| to(Some(end))),
            first: (after > 0).then(|| to(None)),
            exports: vec![export("xlsx"), export("csv"), export("pdf")],
            choice: None,
            empty: match seat.get(&own[0]) {
                Some(query) => seat.fill("table.none-found", &[("query", query)]),
                None => seat.say("table.none").to_owned(),
            },
            tools: true,
            words: words(seat, after, &rows, found.rows.len()),
            rows,
            suffix,
        }
    }

    /// Whether it needs a page that lies across.
    pub fn wide(&self) -> bool {
        self.heads.len() > UPRIGHT
    }

    /// Without filter and export: a short table that belongs to something else.
    #[must_use]
    pub fn plain(mut self) -> Grid {
        self.tools = false;
        self.exports.clear();
        self
    }

    /// A page of a longer list: it is neither counted nor sorted here, but exported whole.
    #[must_use]
    pub fn by_pages(mut self) -> Grid {
        self.tools = false;
        self
    }

    /// A page of a list in which the store has looked for what the address asks: so many rows
    /// match, and so many of those stand before these. They have the order of the store.
    pub fn found(seat: &Seat, table: &Table, links: Links<'_>, counts: (usize, usize)) -> Grid {
        let (before, matching) = counts;
        let head = Table {
            rows: Vec::new(),
            ..table.clone()
        };
        let mut grid = Grid::of(seat, &head, 0, links);
        let rows = table.rows.iter();
        let rows = rows.map(|row| drawn_row(table, row, links, seat.language));
        grid.rows = rows.collect();
        grid.words = words(seat, before, &grid.rows, matching);
        grid.kept.retain(|(name, _)| name != super::tables::PLACE);
        for head in &mut grid.heads {
            head.sort.clear();
        }
        (grid.matching, grid.all) = (matching, matching);
        grid
    }

    /// Says what to do when there is no row.
    #[must_use]
    pub fn or_else(mut self, empty: &str) -> Grid {
        empty.clone_into(&mut self.empty);
        self
    }

    /// Puts a box before each row; the form under the table sends the first cells of those that are
    /// ticked.
    #[must_use]
    pub fn choosing(mut self, field: &str) -> Grid {
        self.choice = Some(field.to_owned());
        self
    }
}

fn words(seat: &Seat, after: usize, rows: &[Vec<Cell>], matching: usize) -> Words {
    let (from, to) = (after + usize::from(!rows.is_empty()), after + rows.len());
    let count = |count: usize| super::grouped(i64::try_from(count).unwrap_or(i64::MAX));
    let values = [
        ("from", count(from)),
        ("to", count(to)),
        ("count", count(matching)),
    ];
    let values: Vec<(&str, &str)> = values.iter().map(|(name, v)| (*name, v.as_str())).collect();
    Words {
        count: seat.fill("table.count", &values),
        filter: seat.say("table.filter"),
        apply: seat.say("table.apply"),
        next: seat.say("table.next"),
        first: seat.say("table.first"),
        export: seat.say("table.export"),
        choose: seat.say("table.choose"),
    }
}

fn heads(seat: &Seat, table: &Table, suffix: &str) -> Vec<Head> {
    let sort = format!("sort{suffix}");
    let now = seat.get(&sort).unwrap_or_default();
    let after = format!("after{suffix}");
    let head = |(place, column): (usize, &view::Column)| {
        let (rising, falling) = ((place + 1).to_string(), format!("-{}", place + 1));
        let (sorted, next) = match now {
            now if now == rising => ("ascending", &falling),
            now if now == falling => ("descending", &rising),
            _ => ("", &rising),
        };
        Head {
            text: column.head.get(seat.language).to_owned(),
            right: column.right,
            sort: seat.address(&[(&sort, Some(next.clone())), (&after, None)]),
            sorted,
        }
    };
    table.columns.iter().enumerate().map(head).collect()
}

fn drawn_row(table: &Table, row: &[String], links: Links<'_>, language: Language) -> Vec<Cell> {
    let cells = table.columns.iter().zip(row);
    cells
        .map(|(column, text)| drawn(column, text, links, language))
        .collect()
}

fn drawn(column: &view::Column, text: &str, links: Links<'_>, language: Language) -> Cell {
    let head = column.head.en.as_str();
    let is_value = !matches!(text, "" | "—" | "0");
    let link = links
        .iter()
        .chain(LINKS)
        .find(|(name, _)| *name == head)
        .filter(|(_, before)| is_value && !before.is_empty())
        .map(|(_, before)| format!("{before}{}", escaped(text)))
        .or_else(|| voucher(text).filter(|_| head == "voucher"));
    let mut text = shown(column, text, language);
    if COUNTS.contains(&head) {
        text = text.parse().map_or(text, super::grouped);
    }
    Cell {
        badge: STATES
            .contains(&head)
            .then(|| badge::of(&text, language))
            .flatten(),
        link,
        right: column.right,
        negative: column.right && text.starts_with('-') && text.len() > 1,
        text,
    }
}

/// The address of a voucher that is written with its month: `2022-01 记-0001`.
fn voucher(text: &str) -> Option<String> {
    let (month, number) = text.split_once(" 记-")?;
    let number: i64 = number.parse().ok()?;
    Some(format!(
        "/reports/voucher?month={}&number={number}",
        escaped(month)
    ))
}

/// A value as people read it in the language of the page: names of states, roles and kinds are
/// words, moments are Chinese time unless the head says otherwise. What people are called stays.
pub fn shown(column: &view::Column, text: &str, language: Language) -> String {
    let is_name = NAMES.contains(&column.head.en.as_str());
    let is_moment = text.len() == 27 && text.ends_with('Z') && text.get(10..11) == Some("T");
    match text {
        "" => "—".to_owned(),
        text if column.head.en == "tag" => super::vocabulary::category(text, language),
        text if is_name => super::said_once(text, language),
        text if is_moment && column.head.zh.contains("UTC") => {
            text.get(..19).unwrap_or_default().replace('T', " ")
        }
        text if is_moment => super::runs::china(text),
        text => super::word(text, language),
    }
}

fn escaped(text: &str) -> String {
    let pair = [(String::new(), text.to_owned())];
    super::seat::encoded(&pair).split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_sort_by_size() {
        let mut texts = ["—", "1,234.50", "-3", "20", "99.46 %", "示例"];
        texts.sort_by(|a, b| compared(a, b));
        assert_eq!(texts, ["-3", "20", "99.46 %", "1,234.50", "—", "示例"]);
    }
}
