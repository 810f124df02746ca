//! Which layouts a file may have.

use std::cell::OnceCell;

use crate::finding::Findings;
use crate::layout::{Layout, RowKind};
use crate::profile::{ColumnsBy, Kind, Profile};
use crate::table::{Limits, Source, Table};

/// The profiles whose layout the file has, best first: the more columns are recognised and the
/// fewer are strange, the better. Equal ones stay in the order given.
pub fn detect<'a>(profiles: &'a [Profile], bytes: &[u8]) -> Vec<&'a Profile> {
    let mut findings = Findings::default();
    let text = Source::open(Kind::Csv, bytes, &mut findings);
    let workbook = Source::open(Kind::Xlsx, bytes, &mut findings);
    // A workbook has the same rows for every profile, and opening it takes most of the time.
    let sheet = OnceCell::new();
    let mut scores: Vec<(i64, &Profile)> = profiles
        .iter()
        .filter_map(|profile| {
            let score = if profile.kind == Kind::Xlsx {
                score(profile, sheet.get_or_init(|| glance(&workbook, profile)))
            } else {
                score(profile, &glance(&text, profile))
            };
            score.map(|score| (score, profile))
        })
        .collect();
    scores.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    scores.into_iter().map(|(_, profile)| profile).collect()
}

fn glance<'s>(source: &'s Source<'_>, profile: &Profile) -> Table<'s> {
    source.table(profile, &Limits::GLANCE, &mut Findings::default())
}

fn score(profile: &Profile, table: &Table<'_>) -> Option<i64> {
    let layout = Layout::find(profile, table, &mut Findings::default())?;
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    match profile.columns_by {
        ColumnsBy::Header => Some(count(layout.fields()) * 2 - count(layout.strangers)),
        ColumnsBy::Order => {
            let width = profile.columns.len();
            let rows = table.rows_from(0).filter(|row| {
                row.len() == width && matches!(layout.classify(profile, row), RowKind::Detail)
            });
            (rows.count() > 0).then_some(count(width) * 2)
        }
    }
}
