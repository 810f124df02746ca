//! Ages (账龄): how much of what is open has waited how long, in calendar days.

use ledger::calendar::Date;
use ledger::money::{Fen, MoneyError};
use ledger_store::success::Sum;
use serde_json::{Value, json};

use crate::app::view::{Table, words};

/// The last day of each band, and its name in both languages; the last band has no end.
pub(crate) const BANDS: [(i64, (&str, &str)); 6] = [
    (7, ("7 天以内", "up to 7 days")),
    (30, ("8–30 天", "8 to 30 days")),
    (90, ("31–90 天", "31 to 90 days")),
    (180, ("91–180 天", "91 to 180 days")),
    (365, ("181–365 天", "181 to 365 days")),
    (i64::MAX, ("一年以上", "more than a year")),
];

/// What is open, by band.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ages([Sum; BANDS.len()]);

impl Ages {
    /// Adds what has waited since a day.
    pub(super) fn add(&mut self, (since, today): (Date, Date), sum: Sum) -> Result<(), MoneyError> {
        let days = (today - since).num_days();
        let band = BANDS.iter().position(|(until, ..)| days <= *until);
        if let Some(place) = band.and_then(|band| self.0.get_mut(band)) {
            *place = place.plus(sum)?;
        }
        Ok(())
    }

    /// Each band with its last day; null is without end.
    pub(super) fn json(&self) -> Value {
        let band = |((until, (zh, _)), sum): (&(i64, (&str, &str)), &Sum)| {
            json!({
                "days_max": Some(*until).filter(|until| *until < i64::MAX),
                "name": zh,
                "items": sum.count,
                "amount_fen": sum.fen,
            })
        };
        BANDS.iter().zip(&self.0).map(band).collect()
    }

    /// The bands as a table with their sum.
    pub(super) fn table(&self, zh: &str, en: &str) -> Result<Table, MoneyError> {
        let mut table = Table::new(
            words(zh, en),
            &[
                ("账龄", "age", false),
                ("笔数", "items", true),
                ("金额(元)", "amount (yuan)", true),
            ],
        );
        let mut whole = Sum::default();
        let mut row = |name: String, sum: Sum| {
            let amount = Fen::new(sum.fen).grouped();
            table.row([name, sum.count.to_string(), amount]);
        };
        for ((_, (zh, _)), sum) in BANDS.iter().zip(&self.0) {
            whole = whole.plus(*sum)?;
            row((*zh).to_owned(), *sum);
        }
        row("合计 total".to_owned(), whole);
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use ledger::calendar::parse_date;

    use super::*;

    #[test]
    fn each_age_is_in_one_band() {
        let today = parse_date("2023-03-01").unwrap();
        for (since, place) in [
            ("2023-03-02", 0),
            ("2023-02-22", 0),
            ("2023-02-21", 1),
            ("2023-01-30", 1),
            ("2023-01-29", 2),
            ("2022-12-01", 2),
            ("2022-11-30", 3),
            ("2022-09-02", 3),
            ("2022-09-01", 4),
            ("2022-03-01", 4),
            ("2022-02-28", 5),
        ] {
            let mut ages = Ages::default();
            let since = parse_date(since).unwrap();
            ages.add((since, today), Sum { count: 1, fen: 7 }).unwrap();
            let json = ages.json();
            assert_eq!(json[place]["amount_fen"], 7, "{since}: {json}");
            assert_eq!(ages.table("账龄", "ages").unwrap().rows[6][2], "0.07");
        }
    }
}
