//! What came of the demo: ledger figures beside the published ones, success rates, faults of the
//! published report, the four agreements, and the head of the audit trail.

use ledger::audit::hex::encode;
use ledger::audit::verify::Head;
use ledger::calendar::Month;
use ledger::id::ProgramId;
use ledger::money::Fen;
use ledger::problem::Language;
use ledger_store::book::Book;
use ledger_store::boxed;
use ledger_store::policy::{self, Program};
use ledger_store::report::{self as figures, ComponentTotal, Counts};
use reconciliation::agreement::Agreement;
use reconciliation::foot::{self, FootFault, LedgerLink};
use reconciliation::rate::{Rate, SuccessRate};
use serde_json::{Value, json};

use super::county::YEAR;
use crate::app::view::{Report, Table, words};
use crate::app::{App, Error, audit, reconcile, report, users};

/// One component beside its published figure.
#[derive(Clone, Debug)]
struct ComponentFigure {
    code: String,
    name: String,
    published: Option<Fen>,
    ledger: Fen,
}

/// One program beside its published figures.
#[derive(Clone, Debug)]
struct ProgramFigure {
    code: String,
    name: String,
    published: Option<Fen>,
    ledger: Fen,
    components: Vec<ComponentFigure>,
    rate: SuccessRate,
}

/// What came of the demo.
#[derive(Clone, Debug)]
pub struct Summary {
    book: String,
    programs: Vec<ProgramFigure>,
    faults: Vec<FootFault>,
    agreements: Vec<Agreement>,
    counts: Counts,
    head: Head,
    verified: bool,
    entries: u64,
    rows: u64,
}

/// Asks the books what came of the year.
#[boxed]
pub async fn of(app: &App, book: &Book) -> Result<Summary, Error> {
    let manager = users::act_as(app, book, "manager", "demo").await?;
    let (first, last) = (
        Month::from_index(YEAR * 12),
        Month::from_index(YEAR * 12 + 11),
    );
    let rates = report::program_success(app, &manager, first, last).await?;
    let agreements = reconcile::agreements(app, &manager, None).await?;
    let verification = audit::verification(app, book, &[]).await?;
    let mut tx = app.db.begin_read().await?;
    let programs = policy::programs(&mut tx, book.id).await?;
    let components = policy::components(&mut tx, book.id).await?;
    let totals = figures::component_totals(&mut tx, book.id, first, last).await?;
    let counts = figures::counts(&mut tx, book.id).await?;
    tx.rollback().await?;
    let published = foot::parse(foot::SHENMU_2022, "shenmu-2022.toml")?;
    let links = published.ledger_links();
    let name_of = |total: &ComponentTotal| {
        let component = components
            .iter()
            .find(|component| component.id == total.component);
        component.map_or((String::new(), String::new()), |c| {
            (c.code.clone(), c.name.clone())
        })
    };
    let programs = programs
        .iter()
        .map(|program| {
            let rate = rates.get(&program.id).copied().unwrap_or_default();
            program_figure(program, &totals, &links, &name_of, rate)
        })
        .collect::<Result<_, Error>>()?;
    Ok(Summary {
        book: book.code.clone(),
        programs,
        faults: foot::foot(&published),
        agreements,
        counts,
        head: verification.head,
        verified: verification.faults.is_empty(),
        entries: verification.entries,
        rows: verification.rows,
    })
}

fn program_figure(
    program: &Program,
    totals: &[ComponentTotal],
    links: &[LedgerLink],
    name_of: &dyn Fn(&ComponentTotal) -> (String, String),
    rate: SuccessRate,
) -> Result<ProgramFigure, Error> {
    let of_program = |id: ProgramId| totals.iter().filter(move |total| total.program == id);
    let published = |component: Option<&str>| {
        links
            .iter()
            .find(|link| link.program == program.code && link.component.as_deref() == component)
            .map(|link| link.published)
    };
    let components = of_program(program.id)
        .map(|total| {
            let (code, name) = name_of(total);
            let published = published(Some(&code));
            ComponentFigure {
                code,
                name,
                published,
                ledger: total.amount,
            }
        })
        .collect();
    Ok(ProgramFigure {
        code: program.code.clone(),
        name: program.name.clone(),
        published: published(None),
        ledger: Fen::sum(of_program(program.id).map(|total| total.amount))?,
        components,
        rate,
    })
}

impl Summary {
    /// Whether the agreements hold and the trail verifies.
    pub fn good(&self) -> bool {
        self.verified && self.agreements.iter().all(Agreement::ok)
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let programs: Vec<Value> = self.programs.iter().map(ProgramFigure::json).collect();
        let faults: Vec<Value> = self.faults.iter().map(fault_json).collect();
        let agreements: Vec<Value> = self
            .agreements
            .iter()
            .map(|agreement| {
                json!({
                    "id": agreement.id.code(),
                    "ok": agreement.ok(),
                    "left_fen": agreement.left.get(),
                    "right_fen": agreement.right.get(),
                    "differing_rows": agreement.differing_rows,
                })
            })
            .collect();
        json!({
            "book": self.book,
            "year": YEAR,
            "programs": programs,
            "report_faults": faults,
            "agreements": agreements,
            "payments": self.counts.payments,
            "attempts": self.counts.attempts,
            "transfers": self.counts.transfers,
            "batches": self.counts.batches,
            "returns": self.counts.returns,
            "audit": {
                "entries": self.entries,
                "rows": self.rows,
                "head": encode(&self.head.root),
                "verified": self.verified,
            },
        })
    }

    /// For people.
    pub fn report(&self) -> Report {
        let tables = vec![self.program_table(), self.fault_table(), self.proof_table()];
        Report {
            json: self.json(),
            tables,
            found: !self.good(),
        }
    }

    fn program_table(&self) -> Table {
        let mut table = Table::new(
            words("2022 年发放(万元)", "Paid in 2022 (10,000 yuan)"),
            &[
                ("项目", "program", false),
                ("发放项目", "component", false),
                ("公布", "published", true),
                ("账上", "ledger", true),
                ("差额", "difference", true),
                ("首次成功率", "first attempt", true),
                ("最终成功率", "final", true),
            ],
        );
        for program in &self.programs {
            let rate = &program.rate;
            table.row(row(
                &program.name,
                "合计",
                program.published,
                program.ledger,
                Some(rate),
            ));
            for component in &program.components {
                table.row(row(
                    "",
                    &component.name,
                    component.published,
                    component.ledger,
                    None,
                ));
            }
        }
        table
    }

    fn fault_table(&self) -> Table {
        let mut table = Table::new(
            words(
                "公布数字中加不起来的",
                "Published figures that do not add up",
            ),
            &[
                ("项目", "item", false),
                ("公布", "printed", true),
                ("应为", "sum of parts", true),
                ("相差", "gap", true),
                ("单位", "unit", false),
            ],
        );
        for fault in &self.faults {
            table.row([
                fault.name.clone(),
                fault.printed.to_string(),
                fault.sum_of_parts.to_string(),
                fault.gap.to_string(),
                fault.unit.clone(),
            ]);
        }
        table
    }

    fn proof_table(&self) -> Table {
        let mut table = Table::new(
            words("四相符与审计链", "Agreements and audit trail"),
            &[
                ("检查", "check", false),
                ("结果", "result", false),
                ("左", "left", true),
                ("右", "right", true),
            ],
        );
        for agreement in &self.agreements {
            let name = agreement.id.name(Language::Zh);
            table.row([
                format!("{name} {}", agreement.id.code()),
                if agreement.ok() {
                    "相符 ok"
                } else {
                    "不符 FAILED"
                }
                .to_owned(),
                agreement.left.grouped(),
                agreement.right.grouped(),
            ]);
        }
        table.row([
            "审计链 audit trail".to_owned(),
            if self.verified {
                "通过 verified"
            } else {
                "不通过 FAILED"
            }
            .to_owned(),
            format!("{} 条 entries", self.entries),
            format!("{} 行 rows", self.rows),
        ]);
        table.row([
            "链头 head".to_owned(),
            self.head.to_string(),
            String::new(),
            String::new(),
        ]);
        table
    }
}

impl ProgramFigure {
    fn json(&self) -> Value {
        let components: Vec<Value> = self
            .components
            .iter()
            .map(|component| {
                json!({
                    "id": component.code,
                    "published_fen": component.published.map(Fen::get),
                    "ledger_fen": component.ledger.get(),
                })
            })
            .collect();
        let difference = self
            .published
            .map(|published| self.ledger.get() - published.get());
        json!({
            "id": self.code,
            "published_fen": self.published.map(Fen::get),
            "ledger_fen": self.ledger.get(),
            "difference_fen": difference,
            "components": components,
            "success_rate": {
                "first": rates_json(&self.rate.first_count, &self.rate.first_amount),
                "final": rates_json(&self.rate.final_count, &self.rate.final_amount),
            },
        })
    }
}

fn rates_json(count: &Rate, amount: &Rate) -> Value {
    json!({
        "count": { "paid": count.paid, "attempted": count.attempted },
        "amount_fen": { "paid": amount.paid, "attempted": amount.attempted },
    })
}

fn fault_json(fault: &FootFault) -> Value {
    let fen = |value: rust_decimal::Decimal| Fen::parse_wan(&value.to_string()).map(Fen::get).ok();
    let money = fault.unit == "万元";
    json!({
        "program": fault.item,
        "printed_total_fen": money.then(|| fen(fault.printed)).flatten(),
        "sum_of_parts_fen": money.then(|| fen(fault.sum_of_parts)).flatten(),
        "gap_fen": money.then(|| fen(fault.gap)).flatten(),
        "unit": fault.unit,
        "printed": fault.printed.to_string(),
        "sum_of_parts": fault.sum_of_parts.to_string(),
        "gap": fault.gap.to_string(),
    })
}

fn row(
    program: &str,
    component: &str,
    published: Option<Fen>,
    ledger: Fen,
    rate: Option<&SuccessRate>,
) -> [String; 7] {
    let dash = || "—".to_owned();
    let difference = published.and_then(|published| ledger.minus(published).ok());
    [
        program.to_owned(),
        component.to_owned(),
        published.map_or_else(dash, Fen::wan),
        ledger.wan(),
        difference.map_or_else(dash, Fen::wan),
        rate.map_or_else(String::new, |rate| rate.first_count.percent()),
        rate.map_or_else(String::new, |rate| rate.final_count.percent()),
    ]
}
