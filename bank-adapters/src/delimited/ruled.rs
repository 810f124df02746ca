//! Reports that were made for a printer: columns between vertical bars, rows between ruled lines.
//!
//! Small banks answer with such reports. Bars may be box-drawing signs or `|`; what stands in no
//! column (titles, page numbers) is no data and left out, so a report must have its totals row.

use crate::encoding::trim;
use crate::finding::Findings;
use crate::table::{Limits, Table};

/// Splits decoded text.
pub(crate) fn read<'a>(text: &'a str, limits: &Limits, findings: &mut Findings) -> Table<'a> {
    let mut table = Table::of(text);
    let start_of = |part: &str| part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    for (number, line) in (1..).zip(text.split('\n')) {
        let line = trim(line);
        if !line.contains(is_bar) || line.chars().all(is_drawn) {
            continue;
        }
        let inside = line.strip_prefix(is_bar).unwrap_or(line);
        let inside = inside.strip_suffix(is_bar).unwrap_or(inside);
        for field in inside.split(is_bar) {
            table.cell(start_of(field), field);
        }
        if !table.end_row(number, limits, findings) {
            break;
        }
    }
    table
}

/// A vertical bar of any weight.
fn is_bar(sign: char) -> bool {
    matches!(
        sign,
        '|' | '│' | '┃' | '║' | '┆' | '┇' | '┊' | '┋' | '\u{ff5c}'
    )
}

/// Part of a ruled line, or a space.
fn is_drawn(sign: char) -> bool {
    matches!(
        sign,
        '\u{2500}'..='\u{257f}' | '-' | '=' | '+' | '_' | '|' | '\u{ff5c}'
    ) || sign.is_whitespace()
}
