//! Which layouts a file may have, and how one knows.

use std::cell::OnceCell;

use crate::codec;
use crate::finding::{Fault, Findings};
use crate::layout::Layout;
use crate::profile::{ColumnsBy, Kind, Profile};
use crate::table::{Limits, Source, Table};

/// A layout that a file may have.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The layout.
    pub profile: &'a Profile,
    /// More is better: the columns that were recognised, less the strange ones.
    pub score: i64,
    /// Columns that were recognised, by their headings or their place.
    pub columns: usize,
    /// Headings that the layout does not know.
    pub strange: usize,
    /// Rows that were looked at: the first ones.
    pub rows: usize,
    /// Those of them whose cells hold what the layout says.
    pub agreeing: usize,
    /// The columns were known by their headings, and not only by their number and contents.
    pub by_header: bool,
}

impl<'a> Candidate<'a> {
    /// A message that its codec knows by its first element.
    fn message(profile: &'a Profile) -> Candidate<'a> {
        Candidate {
            profile,
            score: 0,
            columns: 0,
            strange: 0,
            rows: 0,
            agreeing: 0,
            by_header: false,
        }
    }

    /// Why it was taken for possible, in Chinese and English.
    pub fn why(&self) -> (String, String) {
        let Candidate {
            columns,
            strange,
            rows,
            agreeing,
            ..
        } = self;
        if self.profile.codec.is_some() {
            return (
                "报文类型相符".to_owned(),
                "it is a message of this type".to_owned(),
            );
        }
        if self.by_header {
            return (
                format!(
                    "表头认出 {columns} 列,{strange} 列不认识;前 {rows} 行中 {agreeing} 行相符"
                ),
                format!(
                    "{columns} headings are known, {strange} are not; {agreeing} of the first \
                     {rows} rows agree"
                ),
            );
        }
        (
            format!("没有表头,列数与内容相符:{columns} 列,前 {rows} 行中 {agreeing} 行相符"),
            format!(
                "no headings; number and contents of columns agree: {columns} columns, \
                 {agreeing} of the first {rows} rows"
            ),
        )
    }
}

/// The profiles whose layout the file has, best first: the more columns are recognised and the
/// fewer are strange, the better. Equal ones stay in the order given.
pub fn detect<'a>(profiles: &'a [Profile], bytes: &[u8]) -> Vec<&'a Profile> {
    let found = candidates(profiles, bytes).into_iter();
    found.map(|candidate| candidate.profile).collect()
}

/// The same, each with what speaks for it.
pub fn candidates<'a>(profiles: &'a [Profile], bytes: &[u8]) -> Vec<Candidate<'a>> {
    let messages = codec::knowing(profiles, bytes);
    if !messages.is_empty() {
        return messages.into_iter().map(Candidate::message).collect();
    }
    let mut findings = Findings::default();
    let text = Source::open(Kind::Csv, bytes, &mut findings);
    let workbook = Source::open(Kind::Xlsx, bytes, &mut findings);
    // A workbook has the same rows for every profile, and opening it takes most of the time.
    let sheet = OnceCell::new();
    let mut found: Vec<Candidate<'a>> = profiles
        .iter()
        .filter(|profile| profile.codec.is_none())
        .filter_map(|profile| {
            if profile.kind == Kind::Xlsx {
                let glance = || workbook.table(profile, &Limits::GLANCE, &mut Findings::default());
                return candidate(profile, sheet.get_or_init(glance));
            }
            let mut findings = Findings::default();
            let table = text.table(profile, &Limits::GLANCE, &mut findings);
            let is_started = !findings.has(Fault::StartMissing);
            candidate(profile, &table).filter(|_| is_started)
        })
        .collect();
    found.sort_by_key(|candidate| std::cmp::Reverse(candidate.score));
    found
}

fn candidate<'a>(profile: &'a Profile, table: &Table<'_>) -> Option<Candidate<'a>> {
    let sections = Layout::sections(profile, table, &mut Findings::default());
    let layout = &sections.first()?.layout;
    let fit = layout.fit(profile, table);
    let by_header = layout.shape(profile).columns_by == ColumnsBy::Header;
    // Without headings there is only what the cells hold.
    let possible = by_header || fit.agreeing * 2 > fit.rows;
    possible.then_some(Candidate {
        profile,
        score: fit.value(),
        columns: fit.known,
        strange: fit.strange,
        rows: fit.rows,
        agreeing: fit.agreeing,
        by_header,
    })
}
