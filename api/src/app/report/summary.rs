//! The monthly summary (发放汇总表) and the annual report in the shape of the published ones.

use ledger_store::boxed;
use std::collections::BTreeMap;

use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::id::{ComponentId, ProgramId};
use ledger::money::{Fen, MoneyError};
use ledger_store::movement as figures;
use ledger_store::policy::{self, ComponentDetail};
use ledger_store::report::{self, Turnover};
use reconciliation::foot::{LedgerLink, SHENMU_2022, parse};
use reconciliation::rate::SuccessRate;
use serde_json::{Value, json};

use super::foot::{Comparison, comparisons_table, totals_by_code};
use super::movement;
use super::success::Tally;
use super::{NOTHING, Names, amount_or_nothing, compare, months_of, success_json};
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error};

/// One program in one month.
struct MonthRow {
    program: ProgramId,
    households: Turnover,
    persons: Turnover,
    payments: i64,
    due: Fen,
    rate: SuccessRate,
}

impl MonthRow {
    fn paid(&self) -> Fen {
        Fen::new(self.rate.final_amount.paid)
    }

    fn failed(&self) -> Fen {
        Fen::new(self.rate.final_amount.attempted - self.rate.final_amount.paid)
    }

    /// Approved and not yet sent.
    fn waiting(&self) -> Fen {
        let sent = self.rate.final_amount.attempted + self.rate.pending_amount.get();
        Fen::new(self.due.get() - sent)
    }

    fn json(&self, names: &Names) -> Value {
        let turnover = |t: &Turnover| {
            json!({ "last_month": t.earlier, "this_month": t.present,
                "new": t.entered, "gone": t.left })
        };
        json!({
            "program": names.program_code(self.program),
            "name": names.program(self.program),
            "households": turnover(&self.households),
            "persons": turnover(&self.persons),
            "payments": self.payments,
            "function_account": names.function_code(self.program),
            "paid_count": self.rate.final_count.paid,
            "failed_count": self.rate.final_count.attempted - self.rate.final_count.paid,
            "pending_count": self.rate.pending_count,
            "due_fen": self.due.get(),
            "paid_fen": self.paid().get(),
            "failed_fen": self.failed().get(),
            "pending_fen": self.rate.pending_amount.get(),
            "not_sent_fen": self.waiting().get(),
            "success_rate": success_json(&self.rate),
        })
    }
}

/// 发放汇总表: each program's households and persons against last month, and what was due, paid,
/// failed and is pending; then by component who and how much came, left for which reason, was
/// raised or lowered. Last month + new − gone + raised − lowered + back pay is what is due.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
#[boxed]
pub async fn monthly(app: &App, caller: &Caller, month: Month) -> Result<Report, Error> {
    let book = caller.book.id;
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let names = Names::load(&mut tx, book).await?;
    let [households, persons] = report::turnover(&mut tx, book, month.previous(), month).await?;
    let due = report::monthly(&mut tx, book, month).await?;
    let tally = Tally::of(&mut tx, book, month, month).await?;
    let (january, _) = months_of(month.year())?;
    let year = Tally::of(&mut tx, book, january, month).await?;
    let details = policy::details(&mut tx, book).await?;
    let parts = movement::load(&mut tx, book, month, None).await?;
    let withheld = figures::withheld(&mut tx, book, month, None).await?;
    tx.rollback().await?;
    let rows = month_rows(&households, &persons, &due, &tally);
    let total = |figure: fn(&MonthRow) -> Fen| Fen::sum(rows.iter().map(figure));
    let json = json!({
        "month": month.to_string(),
        "programs": rows.iter().map(|row| row.json(&names)).collect::<Value>(),
        "payments": rows.iter().map(|row| row.payments).sum::<i64>(),
        "due_fen": total(|row| row.due)?.get(),
        "paid_fen": total(MonthRow::paid)?.get(),
        "failed_fen": total(MonthRow::failed)?.get(),
        "pending_fen": total(|row| row.rate.pending_amount)?.get(),
        "not_sent_fen": total(MonthRow::waiting)?.get(),
        "components": movement::json(&names, &parts)?,
        "components_total": movement::total(parts.values())?.json()?,
        "withheld_fen": withheld.get(),
        "paid_of_year_fen": year.whole.final_amount.paid,
        "townships": townships_json(&tally),
    });
    let mut tables = vec![monthly_table(&names, month, &rows)?];
    tables.push(results_table(&names, &details, &rows, &year)?);
    tables.push(townships_table(&tally));
    tables.push(capital_table(total(|row| row.due)?, total(MonthRow::paid)?));
    tables.extend(movement::tables(&names, month, &parts)?);
    if withheld > Fen::ZERO {
        tables.push(withheld_table(withheld));
    }
    Ok(Report::new(json, tables))
}

/// What became of the payments of each program by count and amount, its accounts, and what it paid
/// since January.
fn results_table(
    names: &Names,
    details: &BTreeMap<ComponentId, ComponentDetail>,
    rows: &[MonthRow],
    year: &Tally,
) -> Result<Table, MoneyError> {
    let mut table = Table::new(
        words(
            "各项目实发与累计",
            "results by program, and the year so far",
        ),
        &[
            ("项目", "program", false),
            ("功能科目", "function account", false),
            ("经济科目", "economic account", false),
            ("成功(笔)", "paid, payments", true),
            ("成功(元)", "paid", true),
            ("失败(笔)", "failed, payments", true),
            ("失败(元)", "failed", true),
            ("处理中(笔)", "pending, payments", true),
            ("本年累计支出(元)", "paid since January, yuan", true),
        ],
    );
    let cells = |rate: &SuccessRate, year: &SuccessRate| {
        let count = rate.final_count;
        [
            count.paid.to_string(),
            Fen::new(rate.final_amount.paid).grouped(),
            (count.attempted - count.paid).to_string(),
            Fen::new(rate.final_amount.attempted - rate.final_amount.paid).grouped(),
            rate.pending_count.to_string(),
            Fen::new(year.final_amount.paid).grouped(),
        ]
    };
    for row in rows {
        let of_year = year.programs.get(&row.program).copied().unwrap_or_default();
        let heads = [
            names.program(row.program),
            names.function_code(row.program),
            economic(names, details, row.program),
        ];
        table.row(heads.into_iter().chain(cells(&row.rate, &of_year)));
    }
    let whole = SuccessRate::total(rows.iter().map(|row| row.rate))?;
    let heads = [
        "合计 total".to_owned(),
        NOTHING.to_owned(),
        NOTHING.to_owned(),
    ];
    table.row(heads.into_iter().chain(cells(&whole, &year.whole)));
    Ok(table)
}

/// The codes of the economic accounts of a program, as its components say.
fn economic(
    names: &Names,
    details: &BTreeMap<ComponentId, ComponentDetail>,
    program: ProgramId,
) -> String {
    let own = names.components.values();
    let own = own.filter(|part| part.program == program);
    let said = own.map(|part| details.get(&part.id).map(|one| one.economic_code.as_str()));
    let said = super::triplicate::economic(said);
    let codes = said.split([';', '/']);
    let codes: Vec<&str> = codes
        .filter_map(|part| part.split_whitespace().next())
        .collect();
    codes.join(" / ")
}

/// What became of the payments of each township.
fn townships_table(tally: &Tally) -> Table {
    let mut table = Table::new(
        words("分乡镇发放结果", "results by township"),
        &[
            ("乡镇", "township", false),
            ("成功(笔)", "paid, payments", true),
            ("成功(元)", "paid", true),
            ("失败(笔)", "failed, payments", true),
            ("失败(元)", "failed", true),
            ("处理中(笔)", "pending, payments", true),
            ("处理中(元)", "pending", true),
        ],
    );
    let row = |name: String, rate: &SuccessRate| {
        let (count, amount) = (rate.final_count, rate.final_amount);
        [
            name,
            count.paid.to_string(),
            Fen::new(amount.paid).grouped(),
            (count.attempted - count.paid).to_string(),
            Fen::new(amount.attempted - amount.paid).grouped(),
            rate.pending_count.to_string(),
            rate.pending_amount.grouped(),
        ]
    };
    for (name, rate) in &tally.townships {
        let name = if name.is_empty() { NOTHING } else { name };
        table.row(row(name.to_owned(), rate));
    }
    table.row(row("合计 total".to_owned(), &tally.whole));
    table
}

fn townships_json(tally: &Tally) -> Value {
    let townships = tally.townships.iter();
    let named = townships.map(|(name, rate)| (name, success_json(rate)));
    named
        .map(|(name, rate)| json!({ "township": name, "success_rate": rate }))
        .collect()
}

/// What was due and what was paid, in capital figures.
fn capital_table(due: Fen, paid: Fen) -> Table {
    let mut table = Table::new(
        words("大写金额", "amounts in words"),
        &[
            ("栏目", "field", false),
            ("金额(元)", "amount (yuan)", true),
            ("大写", "in words", false),
        ],
    );
    for (name, amount) in [("应发合计 due in all", due), ("成功合计 paid in all", paid)] {
        table.row([name.to_owned(), amount.grouped(), amount.capital()]);
    }
    table
}

/// Why the programs come to less than their components.
fn withheld_table(withheld: Fen) -> Table {
    let title = words(
        "抵扣追缴:各发放项目的金额未减去",
        "withheld for recoveries: not taken off the components",
    );
    let mut table = Table::new(title, &[("抵扣(元)", "withheld (yuan)", true)]);
    table.row([withheld.grouped()]);
    table
}

/// A row for each program that anything is known of.
fn month_rows(
    households: &BTreeMap<ProgramId, Turnover>,
    persons: &BTreeMap<ProgramId, Turnover>,
    due: &[(ProgramId, i64, i64, Fen)],
    tally: &Tally,
) -> Vec<MonthRow> {
    let mut rows = BTreeMap::new();
    let programs = households
        .keys()
        .chain(persons.keys())
        .chain(tally.programs.keys());
    let programs = programs.copied().chain(due.iter().map(|row| row.0));
    for program in programs {
        let due = due.iter().find(|row| row.0 == program);
        rows.entry(program).or_insert_with(|| MonthRow {
            program,
            households: households.get(&program).copied().unwrap_or_default(),
            persons: persons.get(&program).copied().unwrap_or_default(),
            payments: due.map_or(0, |row| row.1),
            due: due.map_or(Fen::ZERO, |row| row.3),
            rate: tally.programs.get(&program).copied().unwrap_or_default(),
        });
    }
    rows.into_values().collect()
}

fn monthly_table(names: &Names, month: Month, rows: &[MonthRow]) -> Result<Table, Error> {
    let title = words(
        format!("{month} 发放汇总表"),
        format!("disbursements of {month}"),
    );
    let mut table = Table::new(
        title,
        &[
            ("项目", "program", false),
            ("上月户数", "households before", true),
            ("户数", "households", true),
            ("新增户", "new", true),
            ("退出户", "gone", true),
            ("上月人数", "persons before", true),
            ("人数", "persons", true),
            ("新增人", "new", true),
            ("退出人", "gone", true),
            ("笔数", "payments", true),
            ("应发(元)", "due, yuan", true),
            ("成功(元)", "paid", true),
            ("失败(元)", "failed", true),
            ("处理中(元)", "pending", true),
            ("待发(元)", "not sent", true),
            ("成功率", "success rate", true),
        ],
    );
    for row in rows {
        let amounts = [
            row.due,
            row.paid(),
            row.failed(),
            row.rate.pending_amount,
            row.waiting(),
        ];
        let counts = turnover_cells(&row.households)
            .into_iter()
            .chain(turnover_cells(&row.persons));
        let cells = [names.program(row.program)].into_iter().chain(counts);
        let cells = cells
            .chain([row.payments.to_string()])
            .chain(amounts.map(Fen::grouped));
        table.row(cells.chain([row.rate.final_amount.percent()]));
    }
    let total = |figure: fn(&MonthRow) -> Fen| Fen::sum(rows.iter().map(figure));
    let rate = SuccessRate::total(rows.iter().map(|row| row.rate))?;
    let blank = std::iter::repeat_n(NOTHING.to_owned(), 8);
    let amounts = [
        total(|row| row.due)?,
        total(MonthRow::paid)?,
        total(MonthRow::failed)?,
        total(|row| row.rate.pending_amount)?,
        total(MonthRow::waiting)?,
    ];
    let payments = rows.iter().map(|row| row.payments).sum::<i64>().to_string();
    let cells = ["合计 total".to_owned()]
        .into_iter()
        .chain(blank)
        .chain([payments]);
    table.row(
        cells
            .chain(amounts.map(Fen::grouped))
            .chain([rate.final_amount.percent()]),
    );
    Ok(table)
}

fn turnover_cells(turnover: &Turnover) -> [String; 4] {
    [
        turnover.earlier,
        turnover.present,
        turnover.entered,
        turnover.left,
    ]
    .map(|n| n.to_string())
}

/// One program in one year.
struct YearRow {
    program: ProgramId,
    components: Vec<(ComponentId, Fen, i64, i64)>,
    total: Fen,
    households: i64,
    persons: i64,
    rate: SuccessRate,
}

/// The annual report in the shape of the published ones: each program's total and components in
/// 万元, exact to the fen, households and persons on the roster of December, and the success rate;
/// beside what was published, where this program knows it.
///
/// # Errors
/// A year outside the calendar; when the caller may not read reports; accidents of the store.
#[boxed]
pub async fn annual(app: &App, caller: &Caller, year: i32) -> Result<Report, Error> {
    let book = caller.book.id;
    let (first, last) = months_of(year)?;
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let names = Names::load(&mut tx, book).await?;
    let totals = report::component_totals(&mut tx, book, first, last).await?;
    let rosters = report::roster_size(&mut tx, book, last).await?;
    let tally = Tally::of(&mut tx, book, first, last).await?;
    tx.rollback().await?;
    let mut rows = BTreeMap::<ProgramId, YearRow>::new();
    for total in &totals {
        let (households, persons) = rosters.get(&total.program).copied().unwrap_or_default();
        let row = rows.entry(total.program).or_insert_with(|| YearRow {
            program: total.program,
            components: Vec::new(),
            total: Fen::ZERO,
            households,
            persons,
            rate: tally
                .programs
                .get(&total.program)
                .copied()
                .unwrap_or_default(),
        });
        row.components.push((
            total.component,
            total.amount,
            total.households,
            total.subjects,
        ));
        row.total = row.total.plus(total.amount)?;
    }
    let by_code = totals_by_code(&names, &totals);
    let published = compare(&published_links(&caller.book.region, year), &by_code)?;
    let rows: Vec<YearRow> = rows.into_values().collect();
    let total = Fen::sum(rows.iter().map(|row| row.total))?;
    let json = json!({
        "year": year,
        "programs": rows.iter().map(|row| year_json(&names, row)).collect::<Value>(),
        "total_fen": total.get(),
        "success_rate": success_json(&tally.whole),
        "published": published.iter().map(Comparison::json).collect::<Value>(),
    });
    let mut tables = vec![annual_table(&names, year, &rows, total, &tally.whole)];
    tables.push(components_table(&names, &rows));
    if !published.is_empty() {
        tables.push(comparisons_table(&published));
    }
    Ok(Report::new(json, tables))
}

/// The figures published for this region and year, when they are known.
fn published_links(region: &str, year: i32) -> Vec<LedgerLink> {
    let known = parse(SHENMU_2022, "shenmu-2022.toml").ok();
    let known = known
        .filter(|published| published.year == year && published.region.as_deref() == Some(region));
    known.map_or_else(Vec::new, |published| published.ledger_links())
}

fn year_json(names: &Names, row: &YearRow) -> Value {
    let component = |(id, amount, households, subjects): &(ComponentId, Fen, i64, i64)| {
        json!({
            "id": names.component_code(*id),
            "name": names.component(*id),
            "amount_fen": amount.get(),
            "households": households,
            "subjects": subjects,
        })
    };
    json!({
        "id": names.program_code(row.program),
        "name": names.program(row.program),
        "total_fen": row.total.get(),
        "households": row.households,
        "persons": row.persons,
        "components": row.components.iter().map(component).collect::<Value>(),
        "success_rate": success_json(&row.rate),
    })
}

fn annual_table(
    names: &Names,
    year: i32,
    rows: &[YearRow],
    total: Fen,
    whole: &SuccessRate,
) -> Table {
    let title = words(
        format!("{year} 年度发放情况"),
        format!("disbursements of {year}"),
    );
    let mut table = Table::new(
        title,
        &[
            ("项目", "program", false),
            ("年末户数", "households, December", true),
            ("年末人数", "persons, December", true),
            ("全年发放(万元)", "year, 10,000 yuan", true),
            ("首次成功率", "first attempt", true),
            ("最终成功率", "final", true),
            ("处理中(元)", "pending, yuan", true),
        ],
    );
    let rates = |rate: &SuccessRate| {
        [
            rate.first_amount.percent(),
            rate.final_amount.percent(),
            amount_or_nothing(rate.pending_amount),
        ]
    };
    for row in rows {
        let heads = [
            names.program(row.program),
            row.households.to_string(),
            row.persons.to_string(),
            row.total.wan(),
        ];
        table.row(heads.into_iter().chain(rates(&row.rate)));
    }
    let nothing = || NOTHING.to_owned();
    let heads = ["合计 total".to_owned(), nothing(), nothing(), total.wan()];
    table.row(heads.into_iter().chain(rates(whole)));
    table
}

fn components_table(names: &Names, rows: &[YearRow]) -> Table {
    let mut table = Table::new(
        words("分发放项目", "by component"),
        &[
            ("项目", "program", false),
            ("发放项目", "component", false),
            ("金额(万元)", "10,000 yuan", true),
            ("金额(元)", "yuan", true),
            ("户数", "households", true),
            ("享受对象", "persons or households", true),
        ],
    );
    for row in rows {
        for (component, amount, households, subjects) in &row.components {
            table.row([
                names.program(row.program),
                names.component(*component),
                amount.wan(),
                amount.grouped(),
                households.to_string(),
                subjects.to_string(),
            ]);
        }
    }
    table
}
