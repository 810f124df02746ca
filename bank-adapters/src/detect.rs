//! Which layouts a file may have.

use crate::finding::Findings;
use crate::layout::{Layout, RowKind};
use crate::profile::{ColumnsBy, Kind, Profile};
use crate::table::{Limits, Source};

/// The profiles whose layout the file has, best first: the more columns are recognised and the
/// fewer are strange, the better. Equal ones stay in the order given.
pub fn detect<'a>(profiles: &'a [Profile], bytes: &[u8]) -> Vec<&'a Profile> {
    let mut findings = Findings::default();
    let text = Source::open(Kind::Csv, bytes, &mut findings);
    let workbook = Source::open(Kind::Xlsx, bytes, &mut findings);
    let mut scores: Vec<(i64, &Profile)> = profiles
        .iter()
        .filter_map(|profile| {
            let source = if profile.kind == Kind::Xlsx {
                &workbook
            } else {
                &text
            };
            score(profile, source).map(|score| (score, profile))
        })
        .collect();
    scores.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    scores.into_iter().map(|(_, profile)| profile).collect()
}

fn score(profile: &Profile, source: &Source<'_>) -> Option<i64> {
    let mut findings = Findings::default();
    let table = source.table(profile, &Limits::GLANCE, &mut findings);
    let layout = Layout::find(profile, &table, &mut findings)?;
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
