//! Does a published report add up, and does it agree with the ledger?

use ledger_store::boxed;
use std::collections::BTreeMap;

use ledger::disbursement::role::Action;
use ledger::money::Fen;
use ledger_store::report::{self, ComponentTotal};
use reconciliation::foot::{FaultKind, FootFault, LedgerLink, PublishedReport, parse};
use serde_json::{Value, json};

use super::{NOTHING, Names, months_of};
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error};

/// One published figure beside that of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// What was published.
    pub link: LedgerLink,
    /// What the ledger has; `None` when it has no such program.
    pub ledger: Option<Fen>,
}

impl Comparison {
    /// Ledger minus published; `None` without a figure of the ledger.
    pub fn difference(&self) -> Option<i64> {
        self.ledger
            .map(|ledger| ledger.get() - self.link.published.get())
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "item": self.link.item,
            "name": self.link.name,
            "program": self.link.program,
            "component": self.link.component,
            "published_fen": self.link.published.get(),
            "ledger_fen": self.ledger.map(Fen::get),
            "difference_fen": self.difference(),
            "derived": self.link.derived,
            "beside": self.link.beside,
        })
    }
}

/// Amounts by program code and component code.
pub(super) type Totals = BTreeMap<String, BTreeMap<String, Fen>>;

/// Component totals of the ledger by the codes that published figures name.
pub(super) fn totals_by_code(names: &Names, totals: &[ComponentTotal]) -> Totals {
    let mut by_code = Totals::new();
    for total in totals {
        let program = by_code
            .entry(names.program_code(total.program))
            .or_default();
        program.insert(names.component_code(total.component), total.amount);
    }
    by_code
}

/// Puts the ledger's figure beside each published one. The total of a program counts what the
/// report counts in it: components that the report prints beside the total are left out.
///
/// # Errors
/// When a sum is out of range.
pub fn compare(
    links: &[LedgerLink],
    totals: &BTreeMap<String, BTreeMap<String, Fen>>,
) -> Result<Vec<Comparison>, Error> {
    let mut compared = Vec::with_capacity(links.len());
    for link in links {
        let ledger = match (totals.get(&link.program), &link.component) {
            (None, _) => None,
            (Some(program), Some(component)) => {
                Some(program.get(component).copied().unwrap_or(Fen::ZERO))
            }
            (Some(program), None) => {
                let beside = |code: &str| {
                    links.iter().any(|other| {
                        other.beside
                            && other.program == link.program
                            && other.component.as_deref() == Some(code)
                    })
                };
                let inside = program.iter().filter(|(code, _)| !beside(code.as_str()));
                Some(Fen::sum(inside.map(|(_, amount)| *amount))?)
            }
        };
        compared.push(Comparison {
            link: link.clone(),
            ledger,
        });
    }
    Ok(compared)
}

/// Checks a published report by itself: every total against its parts, every percentage against
/// its figures. `origin` names the file in problems. Something found is exit status 3.
///
/// # Errors
/// [`ledger::problem::Kind::ReportInvalid`] when the text is no such report.
pub fn foot(toml_text: &str, origin: &str) -> Result<Report, Error> {
    let published = parse(toml_text, origin)?;
    let faults = reconciliation::foot::foot(&published);
    let json = json!({
        "agency": published.agency,
        "year": published.year,
        "faults": faults.iter().map(fault_json).collect::<Value>(),
    });
    let found = !faults.is_empty();
    Ok(Report {
        json,
        tables: vec![faults_table(&published, &faults)],
        found,
    })
}

/// [`foot`], and every published amount of a program beside the figure of the ledger.
///
/// # Errors
/// As [`foot`]; when the caller may not read reports; accidents of the store.
#[boxed]
pub async fn foot_with_ledger(
    app: &App,
    caller: &Caller,
    toml_text: &str,
    origin: &str,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let mut report = foot(toml_text, origin)?;
    let published = parse(toml_text, origin)?;
    let (first, last) = months_of(published.year)?;
    let names = Names::load(&mut tx, caller.book.id).await?;
    let totals = report::component_totals(&mut tx, caller.book.id, first, last).await?;
    tx.rollback().await?;
    let compared = compare(&published.ledger_links(), &totals_by_code(&names, &totals))?;
    report.found |= compared.iter().any(|row| row.difference() != Some(0));
    if let Value::Object(fields) = &mut report.json {
        let rows = compared.iter().map(Comparison::json).collect();
        fields.insert("ledger".to_owned(), rows);
    }
    report.tables.push(comparisons_table(&compared));
    Ok(report)
}

fn fault_json(fault: &FootFault) -> Value {
    json!({
        "item": fault.item,
        "name": fault.name,
        "kind": fault.kind.code(),
        "printed": fault.printed.to_string(),
        "sum_of_parts": fault.sum_of_parts.to_string(),
        "gap": fault.gap.to_string(),
        "unit": fault.unit,
    })
}

fn faults_table(published: &PublishedReport, faults: &[FootFault]) -> Table {
    let title = match faults.len() {
        0 => words(
            format!("{} {}:各项加得起来", published.agency, published.year),
            format!("{} {}: it adds up", published.agency, published.year),
        ),
        count => words(
            format!("{} {}:{count} 处加不起来", published.agency, published.year),
            format!(
                "{} {}: {count} figures do not add up",
                published.agency, published.year
            ),
        ),
    };
    let mut table = Table::new(
        title,
        &[
            ("项目", "item", false),
            ("名称", "name", false),
            ("公布数", "printed", true),
            ("各部分之和或应为", "sum of parts", true),
            ("相差", "gap", true),
            ("单位", "unit", false),
            ("问题", "what", false),
        ],
    );
    for fault in faults {
        let what = match fault.kind {
            FaultKind::Total => "合计与部分不符 total",
            FaultKind::Rate => "百分比与数字不符 rate",
            FaultKind::Times => "与所称倍数不符 times",
        };
        table.row([
            fault.item.clone(),
            fault.name.clone(),
            fault.printed.to_string(),
            fault.sum_of_parts.to_string(),
            fault.gap.to_string(),
            fault.unit.clone(),
            what.to_owned(),
        ]);
    }
    table
}

/// Published amounts beside those of the ledger.
pub(super) fn comparisons_table(compared: &[Comparison]) -> Table {
    let mut table = Table::new(
        words("公布数与账面数", "published and ledger"),
        &[
            ("项目", "program", false),
            ("名称", "figure", false),
            ("公布(万元)", "published, 10,000 yuan", true),
            ("账面(万元)", "ledger, 10,000 yuan", true),
            ("差额(元)", "difference, yuan", true),
            ("说明", "remark", false),
        ],
    );
    for row in compared {
        let remark = match (row.link.derived, row.link.beside) {
            (true, _) => "由公布数推出 derived",
            (_, true) => "不在合计内 beside the total",
            _ => "",
        };
        table.row([
            row.link.program.clone(),
            row.link.name.clone(),
            row.link.published.wan(),
            row.ledger.map_or_else(|| NOTHING.to_owned(), Fen::wan),
            row.difference()
                .map_or_else(|| NOTHING.to_owned(), |fen| Fen::new(fen).grouped()),
            remark.to_owned(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use reconciliation::foot::SHENMU_2022;

    use super::*;

    #[test]
    fn the_shipped_report_is_found_out() {
        let report = foot(SHENMU_2022, "shenmu-2022.toml").unwrap();
        assert!(report.found);
        let faults = report.json["faults"].as_array().unwrap();
        let tekun = faults
            .iter()
            .find(|fault| fault["item"] == "rural-tekun")
            .unwrap();
        assert_eq!(tekun["printed"], "1407.2497");
        assert_eq!(tekun["sum_of_parts"], "1449.91605");
        assert_eq!(tekun["gap"], "42.66635");
    }

    #[test]
    fn a_total_leaves_out_what_stands_beside_it() {
        let published = parse(SHENMU_2022, "shenmu-2022.toml").unwrap();
        let links = published.ledger_links();
        let part = |component: &str, fen| (component.to_owned(), Fen::new(fen));
        let program = [part("living", 5), part("price", 7), part("one-off", 11)];
        let totals = [("rural-tekun".to_owned(), program.into_iter().collect())];
        let compared = compare(&links, &totals.into_iter().collect()).unwrap();
        let of = |component: Option<&str>| {
            let mut rows = compared
                .iter()
                .filter(|row| row.link.program == "rural-tekun");
            rows.find(|row| row.link.component.as_deref() == component)
                .unwrap()
                .ledger
        };
        assert_eq!(of(None), Some(Fen::new(5)));
        assert_eq!(of(Some("price")), Some(Fen::new(7)));
        assert!(
            compared
                .iter()
                .any(|row| row.link.program == "orphan" && row.ledger.is_none())
        );
    }
}
