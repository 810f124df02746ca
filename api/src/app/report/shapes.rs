//! The annual report in the shape of each source document: which rows, in which order, with which
//! figures. A shape is a TOML file beside this one; figures come from the ledger alone, and a row
//! whose category the ledger does not have shows "—".
//!
//! To add a shape: a file in `shapes/`, and its name in [`SHAPES`].

use ledger_store::boxed;
use std::collections::BTreeMap;

use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::id::ProgramId;
use ledger::money::{Fen, MoneyError};
use ledger_store::movement::{RollPart, Share, Times};
use ledger_store::report;
use reconciliation::rate::SuccessRate;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::derived::ByTag;
use super::success::Tally;
use super::{NOTHING, Names, invalid};
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error, not_found};

/// The shapes by name, and their files.
pub const SHAPES: [(&str, &str); 6] = [
    ("plain", include_str!("shapes/plain.toml")),
    ("shenmu", include_str!("shapes/shenmu.toml")),
    ("chaoyang", include_str!("shapes/chaoyang.toml")),
    ("baotou", include_str!("shapes/baotou.toml")),
    ("hezhou", include_str!("shapes/hezhou.toml")),
    ("lueyang", include_str!("shapes/lueyang.toml")),
];

/// A shape as its file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    title: String,
    /// Whose report it follows.
    like: String,
    /// How many months of the last year it covers, from January.
    months: u32,
    /// How many years it covers, up to the one that is asked for.
    #[serde(default = "one")]
    years: i32,
    /// The figures of its columns, in order.
    shows: Vec<Figure>,
    /// Whether it has a row for each program and component of the book.
    #[serde(default)]
    every_program: bool,
    #[serde(default)]
    row: Vec<Row>,
}

fn one() -> i32 {
    1
}

/// One row: which of what was paid it counts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    /// How far it is set in.
    #[serde(default)]
    level: usize,
    /// Program codes.
    #[serde(default)]
    programs: Vec<String>,
    /// Component codes; all when there are none.
    #[serde(default)]
    components: Vec<String>,
    /// Component codes that are left out.
    #[serde(default)]
    without: Vec<String>,
    /// Tags of awards; all when there are none.
    #[serde(default)]
    tags: Vec<String>,
    /// Reasons of lines; all when there are none.
    #[serde(default)]
    reasons: Vec<String>,
    /// Whether it counts all programs.
    #[serde(default)]
    all: bool,
    /// Whether it stands beside the total of its program.
    #[serde(default)]
    beside: bool,
    shows: Vec<Figure>,
}

/// A figure of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Figure {
    /// 金额, in 万元 exact to the fen.
    Amount,
    /// 期末户数: on the roll in the last month.
    Households,
    /// 期末人数: on the roll in the last month.
    Persons,
    /// 人次: persons, each once for each month that was paid.
    PersonTimes,
    /// 户次: households paid as such, each once for each month.
    HouseholdTimes,
    /// 人均: amount by 人次, to the fen.
    Average,
    /// 发放成功率, final, by amount; of whole programs.
    Rate,
}

impl Figure {
    fn head(self) -> (&'static str, &'static str, bool) {
        match self {
            Figure::Amount => ("金额(万元)", "10,000 yuan", true),
            Figure::Households => ("期末户数", "households at the end", true),
            Figure::Persons => ("期末人数", "persons at the end", true),
            Figure::PersonTimes => ("人次", "person-times", true),
            Figure::HouseholdTimes => ("户次", "household-times", true),
            Figure::Average => ("人均(元/月)", "average a month, yuan", true),
            Figure::Rate => ("发放成功率", "success rate", true),
        }
    }

    fn code(self) -> &'static str {
        match self {
            Figure::Amount => "amount_fen",
            Figure::Households => "households",
            Figure::Persons => "persons",
            Figure::PersonTimes => "person_times",
            Figure::HouseholdTimes => "household_times",
            Figure::Average => "average_fen",
            Figure::Rate => "success_rate",
        }
    }
}

/// What the ledger says of the period of a shape.
struct Facts {
    names: Names,
    shares: Vec<Share>,
    times: Vec<Times>,
    roll: Vec<RollPart>,
    programs: BTreeMap<ProgramId, (i64, i64)>,
    rates: BTreeMap<ProgramId, SuccessRate>,
}

/// The figures of one row; `None` where the ledger has nothing of the kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Figures {
    amount: Option<Fen>,
    households: Option<i64>,
    persons: Option<i64>,
    person_times: Option<i64>,
    household_times: Option<i64>,
    rate: Option<SuccessRate>,
}

/// The annual report in a shape: amounts in 万元 exact to the fen, who is on the roll at the end of
/// the period, person-times, averages and success rates.
///
/// # Errors
/// An unknown shape, a year outside the calendar; when the caller may not read reports; accidents
/// of the store.
#[boxed]
pub async fn annual_shaped(
    app: &App,
    caller: &Caller,
    year: i32,
    name: &str,
) -> Result<Report, Error> {
    let shape = shape_of(name)?;
    let (first, last) = period(&shape, year)?;
    let book = caller.book.id;
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let by_tag = ByTag::load(&mut tx, book, (first, last)).await?;
    let facts = Facts {
        names: Names::load(&mut tx, book).await?,
        shares: by_tag.shares,
        times: by_tag.times,
        roll: by_tag.roll,
        programs: report::roster_size(&mut tx, book, last).await?,
        rates: Tally::of(&mut tx, book, first, last).await?.programs,
    };
    tx.rollback().await?;
    let rows = if shape.every_program {
        every_program(&facts, &shape.shows)
    } else {
        shape.row.clone()
    };
    let mut list = Vec::with_capacity(rows.len());
    for row in rows {
        let figures = facts.of(&row)?;
        list.push((row, figures));
    }
    let json = json!({
        "year": year,
        "shape": name,
        "like": shape.like,
        "first_month": first.to_string(),
        "last_month": last.to_string(),
        "rows": list.iter().map(|(row, figures)| row_json(row, figures)).collect::<Value>(),
    });
    Ok(Report::new(json, vec![table(&shape, (first, last), &list)]))
}

/// The shapes by name, each with the report that it follows.
///
/// # Errors
/// When a shape that is shipped cannot be read.
pub fn shape_names() -> Result<Vec<(&'static str, String)>, Error> {
    let named = SHAPES
        .iter()
        .map(|(name, _)| Ok((*name, shape_of(name)?.like)));
    named.collect()
}

fn shape_of(name: &str) -> Result<Shape, Error> {
    let found = SHAPES.iter().find(|(known, _)| *known == name);
    let (_, text) = found.ok_or_else(|| not_found("报表样式 shape", name))?;
    let shape = toml::from_str(text);
    shape.map_err(|error| anyhow::anyhow!("shape {name}: {error}").into())
}

/// The first and the last month of a shape in a year.
fn period(shape: &Shape, year: i32) -> Result<(Month, Month), Error> {
    let month = |year, number| Month::new(year, number).map_err(|_| invalid("year", year));
    let first = year.checked_sub(shape.years - 1);
    let first = first.ok_or_else(|| invalid("year", year))?;
    Ok((month(first, 1)?, month(year, shape.months)?))
}

/// A row for each program that anything was paid for, and one for each of its components.
fn every_program(facts: &Facts, shows: &[Figure]) -> Vec<Row> {
    let mut known: BTreeMap<ProgramId, Vec<_>> = BTreeMap::new();
    for share in &facts.shares {
        let components = known.entry(share.program).or_default();
        if !components.contains(&share.component) {
            components.push(share.component);
        }
    }
    let mut rows = Vec::new();
    for (program, components) in known {
        let whole = Row {
            name: facts.names.program(program),
            programs: vec![facts.names.program_code(program)],
            shows: shows.to_vec(),
            ..Row::default()
        };
        let part = |component| Row {
            name: facts.names.component(component),
            level: 1,
            components: vec![facts.names.component_code(component)],
            shows: shows
                .iter()
                .copied()
                .filter(|figure| *figure != Figure::Rate)
                .collect(),
            ..whole.clone()
        };
        let parts: Vec<Row> = components.into_iter().map(part).collect();
        rows.push(whole);
        rows.extend(parts);
    }
    rows.push(Row {
        name: "合计 total".to_owned(),
        all: true,
        shows: vec![Figure::Amount, Figure::Rate],
        ..Row::default()
    });
    rows
}

fn holds(list: &[String], code: &str) -> bool {
    list.is_empty() || list.iter().any(|known| known == code)
}

impl Row {
    fn has_program(&self, code: &str) -> bool {
        self.all || self.programs.iter().any(|known| known == code)
    }

    fn has_component(&self, code: &str) -> bool {
        holds(&self.components, code) && !self.without.iter().any(|known| known == code)
    }

    /// Whether it counts its programs whole, as far as people go.
    fn is_whole(&self) -> bool {
        self.components.is_empty() && self.tags.is_empty() && self.reasons.is_empty()
    }
}

impl Facts {
    /// The figures of a row.
    fn of(&self, row: &Row) -> Result<Figures, MoneyError> {
        let mut figures = Figures::default();
        for share in &self.shares {
            let counts = row.has_program(&self.names.program_code(share.program))
                && row.has_component(&self.names.component_code(share.component))
                && holds(&row.tags, &share.tag)
                && holds(&row.reasons, &share.reason);
            if counts {
                let amount = figures.amount.unwrap_or(Fen::ZERO);
                figures.amount = Some(amount.plus(share.amount)?);
                if !row.reasons.is_empty() {
                    add(&mut figures.person_times, share.person_times);
                    add(&mut figures.household_times, share.household_times);
                }
            }
        }
        self.add_times(row, &mut figures);
        self.add_roll(row, &mut figures);
        if row.is_whole() {
            for (program, rate) in &self.rates {
                if row.has_program(&self.names.program_code(*program)) {
                    let sum = figures.rate.unwrap_or_default();
                    figures.rate = Some(sum.merge(*rate)?);
                }
            }
        }
        Ok(figures)
    }

    /// Who was granted something: of whole programs everybody once for each month, of components
    /// and tags once for each month and component. Rows of some reasons count what was granted for
    /// them.
    fn add_times(&self, row: &Row, figures: &mut Figures) {
        for times in &self.times {
            let part = match &times.part {
                None => row.is_whole() && row.without.is_empty(),
                Some((component, tag)) => {
                    (!row.is_whole() || !row.without.is_empty())
                        && row.has_component(&self.names.component_code(*component))
                        && holds(&row.tags, tag)
                }
            };
            let program = row.has_program(&self.names.program_code(times.program));
            if row.reasons.is_empty() && part && program {
                add(&mut figures.person_times, times.person_times);
                add(&mut figures.household_times, times.household_times);
            }
        }
    }

    /// Who is on the roll: of whole programs everybody once, of components and tags as the roll has
    /// them.
    fn add_roll(&self, row: &Row, figures: &mut Figures) {
        if row.is_whole() {
            for (program, (households, persons)) in &self.programs {
                if row.has_program(&self.names.program_code(*program)) {
                    add(&mut figures.households, *households);
                    add(&mut figures.persons, *persons);
                }
            }
            return;
        }
        for part in &self.roll {
            let tag = match &part.tag {
                None => row.tags.is_empty(),
                Some(tag) => !row.tags.is_empty() && holds(&row.tags, tag),
            };
            let counts = tag
                && row.has_program(&self.names.program_code(part.program))
                && row.has_component(&self.names.component_code(part.component));
            if counts {
                add(&mut figures.households, part.households);
                add(&mut figures.persons, part.persons);
            }
        }
    }
}

fn add(sum: &mut Option<i64>, count: i64) {
    *sum = Some(sum.unwrap_or(0) + count);
}

impl Figures {
    /// 人均, half up to the fen; nothing without person-times.
    fn average(&self) -> Option<Fen> {
        let times = i128::from(self.person_times.filter(|times| *times > 0)?);
        let amount = i128::from(self.amount?.get());
        let rounded = (2 * amount + times).div_euclid(2 * times);
        i64::try_from(rounded).ok().map(Fen::new)
    }

    fn text(&self, figure: Figure) -> String {
        let count = |count: Option<i64>| count.map(|count| count.to_string());
        let text = match figure {
            Figure::Amount => self.amount.map(Fen::wan),
            Figure::Households => count(self.households),
            Figure::Persons => count(self.persons),
            Figure::PersonTimes => count(self.person_times),
            Figure::HouseholdTimes => count(self.household_times),
            Figure::Average => self.average().map(Fen::grouped),
            Figure::Rate => self.rate.map(|rate| rate.final_amount.percent()),
        };
        text.unwrap_or_else(|| NOTHING.to_owned())
    }

    fn value(&self, figure: Figure) -> Value {
        match figure {
            Figure::Amount => self.amount.map(Fen::get).into(),
            Figure::Households => self.households.into(),
            Figure::Persons => self.persons.into(),
            Figure::PersonTimes => self.person_times.into(),
            Figure::HouseholdTimes => self.household_times.into(),
            Figure::Average => self.average().map(Fen::get).into(),
            Figure::Rate => self.rate.map_or(Value::Null, |rate| {
                let rate = rate.final_amount;
                json!({ "paid": rate.paid, "attempted": rate.attempted })
            }),
        }
    }
}

fn row_json(row: &Row, figures: &Figures) -> Value {
    let mut fields = Map::new();
    fields.insert("name".to_owned(), row.name.clone().into());
    fields.insert("level".to_owned(), row.level.into());
    fields.insert("beside_total".to_owned(), row.beside.into());
    for figure in &row.shows {
        fields.insert(figure.code().to_owned(), figures.value(*figure));
    }
    Value::Object(fields)
}

fn table(shape: &Shape, (first, last): (Month, Month), rows: &[(Row, Figures)]) -> Table {
    let title = words(
        format!("{} {first} 至 {last}", shape.title),
        format!("{} {first} to {last}", shape.title),
    );
    let heads = shape.shows.iter().map(|figure| figure.head());
    let columns: Vec<_> = [("项目", "category", false)]
        .into_iter()
        .chain(heads)
        .collect();
    let mut table = Table::new(title, &columns);
    for (row, figures) in rows {
        // A figure that the source does not print of this row leaves its cell empty.
        let cell = |figure: &Figure| {
            if row.shows.contains(figure) {
                figures.text(*figure)
            } else {
                String::new()
            }
        };
        let name = "\u{3000}".repeat(row.level) + &row.name;
        table.row([name].into_iter().chain(shape.shows.iter().map(cell)));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_sound() {
        for (name, _) in SHAPES {
            let shape = shape_of(name).unwrap();
            assert!(shape.every_program == shape.row.is_empty(), "{name}");
            assert!(
                (1..=12).contains(&shape.months) && shape.years >= 1,
                "{name}"
            );
            for row in &shape.row {
                assert!(row.all == row.programs.is_empty(), "{name}: {}", row.name);
                assert!(!row.shows.is_empty(), "{name}: {}", row.name);
                for figure in &row.shows {
                    assert!(
                        shape.shows.contains(figure),
                        "{name}: {} {figure:?}",
                        row.name
                    );
                }
            }
            assert!(period(&shape, 2022).is_ok());
        }
        assert!(shape_of("nowhere").is_err());
    }

    #[test]
    fn periods_of_shapes() {
        for (name, first, last) in [
            ("plain", "2022-01", "2022-12"),
            ("hezhou", "2018-01", "2022-12"),
            ("lueyang", "2022-01", "2022-06"),
        ] {
            let found = period(&shape_of(name).unwrap(), 2022).unwrap();
            let found = (found.0.to_string(), found.1.to_string());
            assert_eq!(found, (first.to_owned(), last.to_owned()));
        }
    }

    /// The programs and components that shapes name are those of the shipped packs.
    #[test]
    fn shapes_name_what_their_packs_have() {
        for (shape, pack) in [
            (
                "shenmu",
                include_str!("../../../../ledger/packs/shenmu-2022.toml"),
            ),
            (
                "chaoyang",
                include_str!("../../../../ledger/packs/chaoyang.toml"),
            ),
            (
                "baotou",
                include_str!("../../../../ledger/packs/baotou.toml"),
            ),
            (
                "hezhou",
                include_str!("../../../../ledger/packs/hezhou.toml"),
            ),
            (
                "lueyang",
                include_str!("../../../../ledger/packs/lueyang.toml"),
            ),
        ] {
            let pack: toml::Table = toml::from_str(pack).unwrap();
            let codes = |list: &toml::Value| -> Vec<String> {
                let list = list.as_array().unwrap();
                list.iter()
                    .map(|one| one["code"].as_str().unwrap().to_owned())
                    .collect()
            };
            let mut programs = BTreeMap::new();
            for program in pack["program"].as_array().unwrap() {
                let code = program["code"].as_str().unwrap().to_owned();
                programs.insert(code, codes(&program["component"]));
            }
            for row in shape_of(shape).unwrap().row {
                for program in &row.programs {
                    let Some(known) = programs.get(program) else {
                        // What the source reports and its pack does not pay.
                        let beside = [
                            "festival-relief",
                            "charity-education",
                            "charity-medical",
                            "dibao-margin",
                        ];
                        assert!(beside.contains(&program.as_str()), "{shape}: {program}");
                        continue;
                    };
                    for component in row.components.iter().chain(&row.without) {
                        assert!(known.contains(component), "{shape}: {program} {component}");
                    }
                }
            }
        }
    }
}
