//! Does a published report add up? (账表相符, the part that needs no ledger.)
//!
//! The figures of a report are a TOML file. Every figure is text, exactly as it was printed, and
//! nothing else is in the file: totals, differences and faults are worked out here.
//!
//! ```toml
//! agency = "…"            # who published it
//! region = "610881"       # optional: GB/T 2260
//! year = 2022
//! unit = "万元"            # of every item that names no other
//! source = "…"            # optional: where it was published
//!
//! [[item]]                # one printed figure
//! id = "rural-tekun"
//! name = "…"
//! printed = "1407.2497"   # optional: some reports print parts and no total
//! unit = "人"              # optional
//! program = "rural-tekun" # optional: the program whose payments this figure counts
//! component = "living"    # optional: the whole figure is this one component
//! success_rate = "98%"    # optional: 发放成功率 as printed
//! parts = [ { name = "…", printed = "…", component = "…" } ]      # must add up to `printed`
//! of_which = [ { name = "…", printed = "…", component = "…" } ]   # 其中: at most `printed`
//! rest = { name = "…", component = "base" }                       # names what `of_which` leaves
//! times = { item = "…", rate = "1.3" }   # the report says it is so many times an earlier item
//! beside = [ { name = "…", printed = "…", component = "…" } ]     # printed beside the total
//!
//! [[rate]]                # one printed percentage; the terms are items, `-` subtracts
//! id = "acceptance-rate"
//! name = "…"
//! printed = "83.66%"
//! numerator = ["received", "-rejected"]
//! denominator = ["received"]
//! ```

use std::collections::HashMap;
use std::ops::Range;

use ledger::money::Fen;
use ledger::problem::{Kind, Place, Problem};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Deserialize;
use toml::Spanned;

/// The published figures of the Shenmu Minimum Living Security Centre (神木市最低生活保障中心) for
/// 2022, as printed in its annual report of 30 March 2023.
pub const SHENMU_2022: &str = include_str!("../reports/shenmu-2022.toml");

/// The largest file that is read. The longest report seen has 5 kB.
const FILE_BYTES_MAX: usize = 1 << 20;
/// Digits before and after the point: sums of as many figures as the file holds fit a `Decimal`.
const DIGITS_MAX: (usize, usize) = (12, 6);

/// A published report: the figures as printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedReport {
    /// Who published it.
    pub agency: String,
    /// GB/T 2260 code of the region.
    pub region: Option<String>,
    /// The year that it is about.
    pub year: i32,
    /// The unit of items that name no other.
    pub unit: String,
    /// Where it was published.
    pub source: Option<String>,
    /// The printed figures.
    pub items: Vec<Item>,
    /// The printed percentages.
    pub rates: Vec<PublishedRate>,
}

/// One printed figure with what is printed under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its id in the file.
    pub id: String,
    /// Its name as printed.
    pub name: String,
    /// The unit of all its figures.
    pub unit: String,
    /// The figure; `None` when the report prints parts and no total.
    pub printed: Option<Decimal>,
    /// The program whose payments this figure counts.
    pub program: Option<String>,
    /// The one component that the whole figure is.
    pub component: Option<String>,
    /// 发放成功率 in per cent, as printed.
    pub success_rate: Option<Decimal>,
    /// Parts that are printed as the whole.
    pub parts: Vec<Part>,
    /// Parts that are printed as some of it (其中).
    pub of_which: Vec<Part>,
    /// What `of_which` leaves: name and component.
    pub rest: Option<(String, Option<String>)>,
    /// Figures printed beside the total and not in it.
    pub beside: Vec<Part>,
    /// The multiple of another figure that the report says it is.
    pub times: Option<Times>,
}

/// 按…的若干倍: what a figure is said to be of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Times {
    /// The id of the other item.
    pub item: String,
    /// Its printed figure.
    pub base: Decimal,
    /// The rate, for instance 1.3.
    pub rate: Decimal,
}

/// One figure printed under another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name as printed.
    pub name: String,
    /// The figure.
    pub printed: Decimal,
    /// The component of the program that it counts.
    pub component: Option<String>,
}

/// One printed percentage and the items that it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedRate {
    /// Its id in the file.
    pub id: String,
    /// Its name as printed.
    pub name: String,
    /// In per cent, with the decimals that were printed.
    pub printed: Decimal,
    /// The sum of the numerator's items.
    pub numerator: Decimal,
    /// The sum of the denominator's items, above zero.
    pub denominator: Decimal,
}

/// What a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// A total is not the sum of its parts, or less than a part of it.
    Total,
    /// A percentage is not what its figures give.
    Rate,
    /// A figure is not the multiple of another that the report says it is.
    Times,
}

impl FaultKind {
    /// The stable code in JSON.
    pub fn code(self) -> &'static str {
        match self {
            FaultKind::Total => "total",
            FaultKind::Rate => "rate",
            FaultKind::Times => "times",
        }
    }
}

/// One place where a report does not add up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FootFault {
    /// The id of the item or rate.
    pub item: String,
    /// Its name as printed.
    pub name: String,
    /// The figure as printed.
    pub printed: Decimal,
    /// What its parts add up to, or what its figures or its rule give.
    pub sum_of_parts: Decimal,
    /// How far apart the two are, without sign: which is larger is seen from them.
    pub gap: Decimal,
    /// The unit of the three figures; `%` for a rate.
    pub unit: String,
    /// What it is about.
    pub kind: FaultKind,
}

/// One published figure that the ledger has too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerLink {
    /// The id of the item.
    pub item: String,
    /// The name of the figure as printed.
    pub name: String,
    /// The program.
    pub program: String,
    /// The component; `None` for the total of the program.
    pub component: Option<String>,
    /// The published amount.
    pub published: Fen,
    /// Whether the figure is not printed but follows from printed ones: a rest, or a total of
    /// which only the parts are printed.
    pub derived: bool,
    /// Whether the figure is printed beside the total and not in it.
    pub beside: bool,
}

/// Reads the published figures of a report; `origin` names the file in problems.
///
/// # Errors
/// [`Kind::ReportInvalid`] with the line: text that is no TOML, an unknown or missing field, a
/// figure that is no plain decimal text, an id given twice, a term that is no item (a multiple: no
/// earlier item with a figure), a denominator of zero, an amount in money that is no whole number
/// of fen.
pub fn parse(toml_text: &str, origin: &str) -> Result<PublishedReport, Problem> {
    let reader = Reader {
        text: toml_text,
        origin,
    };
    if toml_text.len() > FILE_BYTES_MAX {
        return Err(reader.problem(0..0, "", &format!("more than {FILE_BYTES_MAX} bytes")));
    }
    let file: FileToml = toml::from_str(toml_text)
        .map_err(|error| reader.problem(error.span().unwrap_or(0..0), "", error.message()))?;
    let mut ids = Figures::new();
    let mut items = Vec::with_capacity(file.item.len());
    for row in file.item {
        let span = row.id.span();
        let item = reader.item(row, &file.unit, &ids)?;
        if ids.insert(item.id.clone(), item.printed).is_some() {
            return Err(reader.problem(span, "id", &format!("{} stands twice", item.id)));
        }
        items.push(item);
    }
    let mut rates = Vec::with_capacity(file.rate.len());
    for row in file.rate {
        let span = row.id.span();
        let rate = reader.rate(row, &ids)?;
        if ids.insert(rate.id.clone(), None).is_some() {
            return Err(reader.problem(span, "id", &format!("{} stands twice", rate.id)));
        }
        rates.push(rate);
    }
    Ok(PublishedReport {
        agency: file.agency,
        region: file.region,
        year: file.year,
        unit: file.unit,
        source: file.source,
        items,
        rates,
    })
}

/// Checks every total against its parts and every percentage against its figures, in the order of
/// the report. A report that adds up has no faults.
pub fn foot(report: &PublishedReport) -> Vec<FootFault> {
    let totals = report.items.iter().flat_map(foot_item);
    totals
        .chain(report.rates.iter().filter_map(foot_rate))
        .collect()
}

impl PublishedReport {
    /// The item with this id.
    pub fn item(&self, id: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }

    /// Every published figure that names a program, as money, in the order of the report: for each
    /// item its total first (component `None`), then its components.
    pub fn ledger_links(&self) -> Vec<LedgerLink> {
        self.items.iter().flat_map(item_links).collect()
    }
}

impl Times {
    /// What the figure should be; [`parse`] bounds the digits of both, so it cannot saturate.
    fn product(&self) -> Decimal {
        self.base.saturating_mul(self.rate).normalize()
    }
}

impl Item {
    /// What the parts add up to; `None` without parts.
    pub fn sum_of_parts(&self) -> Option<Decimal> {
        (!self.parts.is_empty()).then(|| sum(&self.parts))
    }

    /// What `of_which` leaves of the printed figure; `None` without one of the two, or when there
    /// is no rest but an excess.
    pub fn remainder(&self) -> Option<Decimal> {
        let printed = self.printed.filter(|_| !self.of_which.is_empty())?;
        let rest = printed.saturating_sub(sum(&self.of_which));
        (!rest.is_sign_negative()).then_some(rest)
    }
}

fn foot_item(item: &Item) -> Vec<FootFault> {
    let Some(printed) = item.printed else {
        return Vec::new();
    };
    let fault = |sum_of_parts: Decimal| FootFault {
        item: item.id.clone(),
        name: item.name.clone(),
        printed,
        sum_of_parts,
        gap: printed.saturating_sub(sum_of_parts).abs(),
        unit: item.unit.clone(),
        kind: FaultKind::Total,
    };
    let whole = item.sum_of_parts().filter(|sum| *sum != printed).map(fault);
    let some = Some(sum(&item.of_which))
        .filter(|sum| *sum > printed)
        .map(fault);
    let ruled = item.times.as_ref().map(Times::product);
    let ruled = ruled.filter(|ruled| *ruled != printed);
    let ruled = ruled.map(|ruled| FootFault {
        kind: FaultKind::Times,
        ..fault(ruled)
    });
    whole.into_iter().chain(some).chain(ruled).collect()
}

fn foot_rate(rate: &PublishedRate) -> Option<FootFault> {
    let computed = rate
        .numerator
        .saturating_mul(Decimal::ONE_HUNDRED)
        .checked_div(rate.denominator)?
        // Half up to the decimals that were printed, as a report rounds.
        .round_dp_with_strategy(rate.printed.scale(), RoundingStrategy::MidpointAwayFromZero);
    (computed != rate.printed).then(|| FootFault {
        item: rate.id.clone(),
        name: rate.name.clone(),
        printed: rate.printed,
        sum_of_parts: computed,
        gap: rate.printed.saturating_sub(computed).abs(),
        unit: "%".to_owned(),
        kind: FaultKind::Rate,
    })
}

fn item_links(item: &Item) -> Vec<LedgerLink> {
    let Some(program) = &item.program else {
        return Vec::new();
    };
    let mut links = Vec::new();
    let mut push = |name: &str, component: Option<&String>, amount, derived, beside| {
        // `parse` has refused what is no money; a report built by hand has no link there.
        let Some(published) = money(amount, &item.unit) else {
            return;
        };
        links.push(LedgerLink {
            item: item.id.clone(),
            name: name.to_owned(),
            program: program.clone(),
            component: component.cloned(),
            published,
            derived,
            beside,
        });
    };
    if let Some(total) = item.printed.or(item.sum_of_parts()) {
        push(&item.name, None, total, item.printed.is_none(), false);
        if item.component.is_some() {
            push(
                &item.name,
                item.component.as_ref(),
                total,
                item.printed.is_none(),
                false,
            );
        }
    }
    if let (Some((name, component @ Some(_))), Some(rest)) = (&item.rest, item.remainder()) {
        push(name, component.as_ref(), rest, true, false);
    }
    for part in item
        .parts
        .iter()
        .chain(&item.of_which)
        .filter(|part| part.component.is_some())
    {
        push(
            &part.name,
            part.component.as_ref(),
            part.printed,
            false,
            false,
        );
    }
    for part in item.beside.iter().filter(|part| part.component.is_some()) {
        push(
            &part.name,
            part.component.as_ref(),
            part.printed,
            false,
            true,
        );
    }
    links
}

/// The sum of printed figures. Sums cannot saturate: `parse` bounds the digits and the file.
fn sum(parts: &[Part]) -> Decimal {
    parts.iter().fold(Decimal::ZERO, |total, part| {
        total.saturating_add(part.printed)
    })
}

/// A figure in a unit of money as an amount; `None` for other units and for parts of a fen.
fn money(figure: Decimal, unit: &str) -> Option<Fen> {
    let yuan = match unit {
        "元" => 1,
        "万元" => 10_000,
        "亿元" => 100_000_000,
        _ => return None,
    };
    Fen::from_yuan(figure.checked_mul(Decimal::from(yuan))?).ok()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileToml {
    agency: String,
    region: Option<String>,
    year: i32,
    unit: String,
    source: Option<String>,
    #[serde(default)]
    item: Vec<ItemToml>,
    #[serde(default)]
    rate: Vec<RateToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemToml {
    id: Spanned<String>,
    name: String,
    unit: Option<String>,
    printed: Option<Spanned<String>>,
    program: Option<String>,
    component: Option<String>,
    success_rate: Option<Spanned<String>>,
    #[serde(default)]
    parts: Vec<PartToml>,
    #[serde(default)]
    of_which: Vec<PartToml>,
    rest: Option<RestToml>,
    #[serde(default)]
    beside: Vec<PartToml>,
    times: Option<TimesToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimesToml {
    item: Spanned<String>,
    rate: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartToml {
    name: String,
    printed: Spanned<String>,
    component: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RestToml {
    name: String,
    component: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateToml {
    id: Spanned<String>,
    name: String,
    printed: Spanned<String>,
    numerator: Vec<Spanned<String>>,
    denominator: Vec<Spanned<String>>,
}

/// The printed figures of the items so far, by their ids.
type Figures = HashMap<String, Option<Decimal>>;

/// The text being read, to say where a fault stands.
struct Reader<'a> {
    text: &'a str,
    origin: &'a str,
}

impl Reader<'_> {
    fn item(&self, row: ItemToml, unit_of_report: &str, items: &Figures) -> Result<Item, Problem> {
        let unit = row.unit.unwrap_or_else(|| unit_of_report.to_owned());
        let figure_unit = if row.program.is_some() {
            Some(unit.as_str())
        } else {
            None
        };
        let printed = match &row.printed {
            Some(text) => Some(self.figure(text, figure_unit)?),
            None => None,
        };
        let success_rate = match &row.success_rate {
            Some(text) => Some(self.percentage(text)?),
            None => None,
        };
        let parts = |rows: Vec<PartToml>| -> Result<Vec<Part>, Problem> {
            rows.into_iter()
                .map(|row| self.part(row, figure_unit))
                .collect()
        };
        let item = Item {
            id: row.id.get_ref().clone(),
            name: row.name,
            printed,
            program: row.program.clone(),
            component: row.component,
            success_rate,
            parts: parts(row.parts)?,
            of_which: parts(row.of_which)?,
            rest: row.rest.map(|rest| (rest.name, rest.component)),
            beside: parts(row.beside)?,
            times: row.times.map(|row| self.times(row, items)).transpose()?,
            unit: unit.clone(),
        };
        let at = || row.id.span();
        if item.printed.is_none() && item.parts.is_empty() {
            return Err(self.problem(at(), "printed", "neither a printed figure nor parts"));
        }
        if item.printed.is_none() && !item.of_which.is_empty() {
            return Err(self.problem(at(), "of_which", "of_which needs a printed figure"));
        }
        if item.printed.is_none() && item.times.is_some() {
            return Err(self.problem(at(), "times", "times needs a printed figure"));
        }
        Ok(item)
    }

    fn times(&self, row: TimesToml, items: &Figures) -> Result<Times, Problem> {
        let base = self.terms(std::slice::from_ref(&row.item), items)?;
        let rate = self.figure(&row.rate, None)?;
        Ok(Times {
            item: row.item.into_inner(),
            base,
            rate,
        })
    }

    fn part(&self, row: PartToml, unit: Option<&str>) -> Result<Part, Problem> {
        let printed = self.figure(&row.printed, unit)?;
        Ok(Part {
            name: row.name,
            printed,
            component: row.component,
        })
    }

    fn rate(&self, row: RateToml, items: &Figures) -> Result<PublishedRate, Problem> {
        let printed = self.percentage(&row.printed)?;
        let numerator = self.terms(&row.numerator, items)?;
        let denominator = self.terms(&row.denominator, items)?;
        if denominator <= Decimal::ZERO {
            return Err(self.problem(row.id.span(), "denominator", "not above zero"));
        }
        Ok(PublishedRate {
            id: row.id.into_inner(),
            name: row.name,
            printed,
            numerator,
            denominator,
        })
    }

    fn terms(&self, terms: &[Spanned<String>], items: &Figures) -> Result<Decimal, Problem> {
        terms.iter().try_fold(Decimal::ZERO, |total, term| {
            let text = term.get_ref().as_str();
            let (id, minus) = text
                .strip_prefix('-')
                .map_or((text, false), |id| (id, true));
            let Some(Some(figure)) = items.get(id) else {
                let detail = format!("no item {id} with a printed figure");
                return Err(self.problem(term.span(), "term", &detail));
            };
            let signed = if minus { -*figure } else { *figure };
            Ok(total.saturating_add(signed))
        })
    }

    /// A figure as printed: digits with at most one point, not negative. With a unit it counts
    /// payments, and must be a whole number of fen.
    fn figure(&self, text: &Spanned<String>, unit: Option<&str>) -> Result<Decimal, Problem> {
        let figure = plain_decimal(text.get_ref())
            .ok_or_else(|| self.bad(text, "not a plain decimal figure"))?;
        if unit.is_some_and(|unit| money(figure, unit).is_none()) {
            return Err(self.bad(text, "not an amount of money in whole fen"));
        }
        Ok(figure)
    }

    fn percentage(&self, text: &Spanned<String>) -> Result<Decimal, Problem> {
        text.get_ref()
            .strip_suffix('%')
            .and_then(plain_decimal)
            .ok_or_else(|| self.bad(text, "not a percentage such as 98.00%"))
    }

    fn bad(&self, text: &Spanned<String>, detail: &str) -> Problem {
        let mut problem = self.problem(text.span(), "printed", detail);
        problem.place.value = Some(text.get_ref().clone());
        problem
    }

    fn problem(&self, span: Range<usize>, field: &str, detail: &str) -> Problem {
        let before = self
            .text
            .as_bytes()
            .get(..span.start)
            .unwrap_or(self.text.as_bytes());
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Problem::new(Kind::ReportInvalid)
            .with("detail", detail)
            .at(Place {
                file: Some(self.origin.to_owned()),
                row: u64::try_from(line).ok(),
                field: (!field.is_empty()).then(|| field.to_owned()),
                ..Place::default()
            })
    }
}

/// Digits with at most one point inside, within [`DIGITS_MAX`].
fn plain_decimal(text: &str) -> Option<Decimal> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str, max: usize| {
        (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole, DIGITS_MAX.0) || !digits(part, DIGITS_MAX.1) {
        return None;
    }
    Decimal::from_str_exact(text).ok()
}
