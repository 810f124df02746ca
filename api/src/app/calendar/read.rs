//! Calendar files: TOML with holidays as spans, or a table (CSV, workbook) with a row for each day.

use std::collections::BTreeMap;

use bank_adapters::{GridRow, GridSheet, heading, is_blocked, read_grid};
use chrono::{Datelike, Days, Weekday};
use ledger::calendar::{Date, DayKind, parse_date};
use ledger::problem::{Kind, Place, Problem};
use ledger_store::calendar::CalendarDay;
use serde::Deserialize;
use toml::Spanned;

use super::refused;
use crate::app::Error;

/// A holiday is at most so long: a longer span is a slip of the pen.
const SPAN_DAYS_MAX: u64 = 31;
/// Rows above the headings of a table at most: a title and who made it.
const TITLE_ROWS: usize = 10;
/// Headings of a table: year of the notice, day, free or worked, holiday, number of the notice.
const HEADINGS: [&[&str]; 5] = [
    &["年度", "year"],
    &["日期", "date"],
    &["安排", "类别", "kind"],
    &["节日", "名称", "name"],
    &["文号", "document"],
];

/// The notice of a year as a file gives it, its days by date.
#[derive(Debug)]
pub(super) struct Notice {
    pub(super) year: i32,
    pub(super) document: String,
    pub(super) days: Vec<CalendarDay>,
}

/// Reads a calendar file.
///
/// # Errors
/// [`Kind::FieldInvalid`] for one fault, [`Kind::CalendarFaulty`] for several, with their places.
pub(super) fn notices(file_name: &str, bytes: &[u8]) -> Result<Vec<Notice>, Error> {
    let mut reader = Reader {
        file: file_name,
        years: BTreeMap::new(),
        faults: Vec::new(),
    };
    if file_name.to_ascii_lowercase().ends_with(".toml") {
        reader.toml(bytes);
    } else {
        reader.table(bytes)?;
    }
    if reader.faults.is_empty() && reader.years.values().all(|year| year.days.is_empty()) {
        let wanted = "至少一个节日 at least one holiday";
        reader.fault(0, "holiday", "", wanted);
    }
    if !reader.faults.is_empty() {
        return Err(refused(reader.faults));
    }
    let notice = |(year, read): (i32, YearRead)| Notice {
        year,
        document: read.document,
        days: (read.days.into_iter())
            .map(|(date, (kind, name))| CalendarDay { date, kind, name })
            .collect(),
    };
    Ok(reader.years.into_iter().map(notice).collect())
}

#[derive(Debug, Default)]
struct YearRead {
    document: String,
    days: BTreeMap<Date, (DayKind, String)>,
}

/// A file being read: years and faults so far.
struct Reader<'a> {
    file: &'a str,
    years: BTreeMap<i32, YearRead>,
    faults: Vec<Problem>,
}

type Text = Spanned<String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    year: Spanned<i32>,
    document: Text,
    /// Where the notice was read: kept with the file, for people.
    #[serde(default, rename = "source")]
    _source: Option<String>,
    #[serde(default)]
    holiday: Vec<HolidayText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HolidayText {
    name: Text,
    from: Text,
    to: Text,
    #[serde(default)]
    work: Vec<Text>,
}

impl Reader<'_> {
    fn fault(&mut self, row: u64, field: &str, value: &str, wanted: &str) {
        let problem = Problem::new(Kind::FieldInvalid)
            .with("field", field)
            .with("value", value)
            .with("wanted", wanted);
        self.faults.push(problem.at(Place {
            file: Some(self.file.to_owned()),
            row: (row > 0).then_some(row),
            field: Some(field.to_owned()),
            value: (!value.is_empty()).then(|| value.to_owned()),
            ..Place::default()
        }));
    }

    fn toml(&mut self, bytes: &[u8]) {
        let Ok(text) = std::str::from_utf8(bytes) else {
            self.fault(0, "TOML", self.file, "UTF-8");
            return;
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let row = |at: usize| {
            let before = text.get(..at).unwrap_or("").matches('\n').count();
            u64::try_from(before).unwrap_or(0) + 1
        };
        let file: FileText = match toml::from_str(text) {
            Ok(file) => file,
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                self.fault(
                    row(at),
                    "TOML",
                    error.message(),
                    "year, document, [[holiday]]",
                );
                return;
            }
        };
        let year = *file.year.get_ref();
        let at = |text: &Text| row(text.span().start);
        self.year(
            row(file.year.span().start),
            year,
            (at(&file.document), file.document.get_ref()),
        );
        for holiday in &file.holiday {
            let name = holiday.name.get_ref();
            let from = self.date(at(&holiday.from), "from", holiday.from.get_ref());
            let to = self.date(at(&holiday.to), "to", holiday.to.get_ref());
            if let (Some(from), Some(to)) = (from, to) {
                let latest = from.checked_add_days(Days::new(SPAN_DAYS_MAX - 1));
                if to < from || latest.is_none_or(|latest| to > latest) {
                    let wanted = format!("{from} 起至多 {SPAN_DAYS_MAX} 天 at most so many days");
                    self.fault(at(&holiday.to), "to", holiday.to.get_ref(), &wanted);
                } else {
                    for date in from.iter_days().take_while(|date| *date <= to) {
                        self.day(at(&holiday.from), year, date, DayKind::Holiday, name);
                    }
                }
            }
            for work in &holiday.work {
                if let Some(date) = self.date(at(work), "work", work.get_ref()) {
                    self.day(at(work), year, date, DayKind::Work, name);
                }
            }
        }
    }

    /// # Errors
    /// [`Kind::FileRejected`] for what is no table at all.
    fn table(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let (grid, findings) = read_grid(bytes);
        if is_blocked(&findings) {
            return Err(Error::Refused {
                problem: Box::new(Problem::new(Kind::FileRejected).with("count", findings.len())),
                findings,
            });
        }
        for sheet in grid.sheets.iter().filter(|sheet| !sheet.is_empty()) {
            match columns(sheet) {
                Some((head, places)) => {
                    for row in sheet.rows().filter(|row| row.line() > head) {
                        self.row(&row, places);
                    }
                }
                None => {
                    let wanted = "年度 日期 安排 节日 文号";
                    self.fault(1, "表头 headings", &sheet.name, wanted);
                }
            }
        }
        Ok(())
    }

    fn row(&mut self, row: &GridRow<'_>, places: [usize; 5]) {
        let [year, date, kind, name, document] = places.map(|place| row.text(place).trim());
        let line = row.line();
        let known = year.parse().ok();
        let Some(year) = known.filter(|year| (1900..=2999).contains(year)) else {
            self.fault(line, HEADINGS[0][0], year, "YYYY");
            return;
        };
        self.year(line, year, (line, document));
        let what = match kind {
            "放假" | "休" | "holiday" => Some(DayKind::Holiday),
            "上班" | "班" | "调休上班" | "work" => Some(DayKind::Work),
            _ => None,
        };
        if what.is_none() {
            self.fault(line, HEADINGS[2][0], kind, "放假 holiday、上班 work");
        }
        let date = self.date(line, HEADINGS[1][0], date);
        if let (Some(date), Some(what)) = (date, what) {
            self.day(line, year, date, what, name);
        }
    }

    fn year(&mut self, row: u64, year: i32, (at, document): (u64, &str)) {
        if !(1900..=2999).contains(&year) {
            self.fault(row, "year", &year.to_string(), "1900-2999");
        }
        let document = document.trim();
        let read = self.years.entry(year).or_default();
        if read.document.is_empty() && !document.is_empty() {
            document.clone_into(&mut read.document);
        } else if document != read.document || document.is_empty() {
            let wanted = format!("{year} 年通知的文号 the number of one notice");
            self.fault(at, HEADINGS[4][0], document, &wanted);
        }
    }

    fn date(&mut self, row: u64, field: &str, text: &str) -> Option<Date> {
        let date = parse_date(text.trim()).ok();
        if date.is_none() {
            self.fault(row, field, text, "YYYY-MM-DD");
        }
        date
    }

    fn day(&mut self, row: u64, year: i32, date: Date, kind: DayKind, name: &str) {
        let text = date.to_string();
        let weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
        let december = (date.year(), date.month()) == (year - 1, 12);
        if date.year() != year && !december {
            let wanted =
                format!("{year} 年(或上年 12 月)的日期 a day of it, or of December before");
            self.fault(row, HEADINGS[1][0], &text, &wanted);
        } else if kind == DayKind::Work && !weekend {
            self.fault(row, HEADINGS[1][0], &text, "上班日须是周末 a weekend day");
        } else if name.trim().is_empty() {
            self.fault(
                row,
                HEADINGS[3][0],
                name,
                "节日名称 the name of the holiday",
            );
        } else if self.years.entry(year).or_default().days.contains_key(&date) {
            self.fault(row, HEADINGS[1][0], &text, "每日只列一次 each day once");
        } else {
            let days = &mut self.years.entry(year).or_default().days;
            days.insert(date, (kind, name.trim().to_owned()));
        }
    }
}

/// The line of the headings and the column of each.
fn columns(sheet: &GridSheet<'_>) -> Option<(u64, [usize; 5])> {
    sheet.rows().take(TITLE_ROWS).find_map(|row| {
        let place = |names: &[&str]| {
            (0..row.width()).find(|column| names.contains(&heading(row.text(*column)).as_ref()))
        };
        let [year, date, kind, name, document] = HEADINGS.map(place);
        Some((row.line(), [year?, date?, kind?, name?, document?]))
    })
}

#[cfg(test)]
mod tests {
    use ledger::calendar::SHIPPED;

    use super::*;

    #[test]
    fn every_shipped_year_is_read_and_names_its_notice() {
        for (shipped, free, worked) in [(0, 31, 7), (1, 27, 7), (2, 28, 8), (3, 28, 5), (4, 33, 6)]
            .map(|(place, free, worked)| (SHIPPED[place], free, worked))
        {
            let name = format!("{}.toml", shipped.year);
            let read = notices(&name, shipped.text.as_bytes()).unwrap();
            let [notice] = read.as_slice() else {
                panic!("one year in {name}");
            };
            assert_eq!(notice.year, shipped.year);
            assert!(notice.document.starts_with("国办发明电〔"), "{name}");
            let of = |kind| notice.days.iter().filter(|day| day.kind == kind).count();
            assert_eq!(
                (of(DayKind::Holiday), of(DayKind::Work)),
                (free, worked),
                "{name}"
            );
        }
    }

    #[test]
    fn faults_are_named_with_their_lines() {
        let refused = |name: &str, text: &str| match notices(name, text.as_bytes()) {
            Err(Error::Refused { problem, findings }) => {
                let rows: Vec<_> = findings
                    .iter()
                    .filter_map(|found| found.place.row)
                    .collect();
                (problem.code(), problem.place.row, rows)
            }
            other => panic!("{other:?}"),
        };
        let head = "year = 2022\ndocument = \"示例〔2021〕1号\"\n";
        let holiday = |from: &str, to: &str, work: &str| {
            format!(
                "[[holiday]]\nname = \"元旦\"\nfrom = \"{from}\"\nto = \"{to}\"\nwork = [{work}]\n"
            )
        };
        for (body, code, row, rows) in [
            (String::new(), "CMD-0003", None, vec![]),
            (
                holiday("2022-01-01", "2022-02-30", ""),
                "CMD-0003",
                Some(6),
                vec![],
            ),
            (
                holiday("2022-01-03", "2022-01-01", ""),
                "CMD-0003",
                Some(6),
                vec![],
            ),
            (
                holiday("2022-01-01", "2022-01-01", "\"2022-01-04\""),
                "CMD-0003",
                Some(7),
                vec![],
            ),
            (
                holiday("2021-11-30", "2022-01-40", ""),
                "CMD-0003",
                Some(6),
                vec![],
            ),
            (
                holiday("2023-01-01", "2023-01-02", "\"2022-01-04\""),
                "CAL-0001",
                Some(5),
                vec![5, 5, 7],
            ),
            ("odd = 1\n".to_owned(), "CMD-0003", Some(3), vec![]),
        ] {
            let found = refused("c.toml", &format!("{head}{body}"));
            assert_eq!(found, (code, row, rows), "{body}");
        }
        let table = "年度,日期,安排,节日,文号\n2022,2022-01-01,休,元旦,示例1号\n\
             2022,2022-01-01,班,元旦,示例1号\n2022,2022-01-02,玩,元旦,示例2号\n";
        assert_eq!(
            refused("c.csv", table),
            ("CAL-0001", Some(3), vec![3, 4, 4])
        );
        let sound = "年度,日期,安排,节日,文号\n2022,2022-01-01,休,元旦,示例1号\n";
        assert_eq!(notices("c.csv", sound.as_bytes()).unwrap()[0].days.len(), 1);
    }
}
