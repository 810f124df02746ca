//! Budget execution (预算执行) by appropriation: where the money of a year came from, and where it
//! went.

use ledger_store::boxed;
use std::collections::BTreeMap;

use ledger::account::Chart;
use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::fund::Level;
use ledger::id::{AppropriationId, BookId, ProgramId};
use ledger::money::{Fen, MoneyError};
use ledger_store::db::Tx;
use ledger_store::fund::Appropriation;
use ledger_store::journal::{self, AccountMovement};
use ledger_store::recovery;
use ledger_store::year::{self, CarryOver, YearClose};
use reconciliation::rate::Rate;
use serde_json::{Value, json};

use super::{Names, months_of};
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error};

/// The figures of one appropriation in one year, or of several together.
///
/// Granted + adjusted + carried in + home = drawn + returned + carried out + left, and away before
/// + drawn − home = paid + in transit + awaiting refund.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Figures {
    /// 下达: what the letter brought in the year.
    granted: Fen,
    /// 追减, negative.
    adjusted: Fen,
    /// 上年结转: what was at the bank when the year began.
    carried_in: Fen,
    /// 上年退回: came home for what an earlier year sent.
    home: Fen,
    /// 支用: sent in the year, less what came home of it in the year (7201).
    drawn: Fen,
    /// 交回财政.
    returned: Fen,
    /// 结转下年.
    carried_out: Fen,
    /// 结余: at the bank when the year ends, and not carried over.
    left: Fen,
    /// In transit or awaiting refund when the year began.
    away: Fen,
    /// In transit when the year ends.
    in_transit: Fen,
    /// Awaiting refund when the year ends.
    awaited: Fen,
}

impl Figures {
    fn plus(self, other: Figures) -> Result<Figures, MoneyError> {
        Ok(Figures {
            granted: self.granted.plus(other.granted)?,
            adjusted: self.adjusted.plus(other.adjusted)?,
            carried_in: self.carried_in.plus(other.carried_in)?,
            home: self.home.plus(other.home)?,
            drawn: self.drawn.plus(other.drawn)?,
            returned: self.returned.plus(other.returned)?,
            carried_out: self.carried_out.plus(other.carried_out)?,
            left: self.left.plus(other.left)?,
            away: self.away.plus(other.away)?,
            in_transit: self.in_transit.plus(other.in_transit)?,
            awaited: self.awaited.plus(other.awaited)?,
        })
    }

    /// Whether nothing ever moved.
    fn is_empty(self) -> bool {
        self == Figures::default()
    }

    /// 可用指标: what the year could spend.
    fn budget(self) -> Result<Fen, MoneyError> {
        self.granted.plus(self.adjusted)?.plus(self.carried_in)
    }

    /// Reached the people: paid in the year, less what came back after it.
    fn paid(self) -> Result<Fen, MoneyError> {
        let away = self.in_transit.plus(self.awaited)?;
        let out = self.drawn.minus(self.home)?.plus(self.away)?;
        out.minus(away)
    }

    /// 执行率: drawn of what the year could spend.
    fn rate(self) -> Result<Rate, MoneyError> {
        Ok(Rate::new(self.drawn.get(), self.budget()?.get()))
    }

    /// Whether what came in is what went out and what is left.
    fn adds_up(self) -> Result<bool, MoneyError> {
        let into = self.budget()?.plus(self.home)?;
        let out = self.drawn.plus(self.returned)?.plus(self.carried_out)?;
        Ok(into == out.plus(self.left)?)
    }

    fn json(self) -> Result<Value, MoneyError> {
        let rate = self.rate()?;
        Ok(json!({
            "granted_fen": self.granted.get(),
            "adjusted_fen": self.adjusted.get(),
            "carried_in_fen": self.carried_in.get(),
            "home_fen": self.home.get(),
            "drawn_fen": self.drawn.get(),
            "away_before_fen": self.away.get(),
            "paid_fen": self.paid()?.get(),
            "in_transit_fen": self.in_transit.get(),
            "awaited_fen": self.awaited.get(),
            "returned_fen": self.returned.get(),
            "carried_out_fen": self.carried_out.get(),
            "left_fen": self.left.get(),
            "rate": { "drawn": rate.paid, "of": rate.attempted, "percent": rate.percent() },
        }))
    }

    fn cells(self) -> Result<Vec<String>, MoneyError> {
        let paid = self.paid()?;
        let amounts = [
            self.granted,
            self.adjusted,
            self.carried_in,
            self.home,
            self.drawn,
            paid,
            self.in_transit,
            self.awaited,
            self.returned,
            self.carried_out,
            self.left,
        ];
        let mut cells: Vec<String> = amounts.map(Fen::grouped).to_vec();
        cells.push(self.rate()?.percent());
        Ok(cells)
    }
}

/// The columns of [`Figures::cells`].
const COLUMNS: [(&str, &str, bool); 12] = [
    ("下达(元)", "granted (yuan)", true),
    ("调整(元)", "adjusted (yuan)", true),
    ("上年结转(元)", "carried in (yuan)", true),
    ("上年退回(元)", "home of earlier years (yuan)", true),
    ("支用(元)", "drawn (yuan)", true),
    ("已付(元)", "paid (yuan)", true),
    ("在途(元)", "in transit (yuan)", true),
    ("待退回(元)", "awaiting refund (yuan)", true),
    ("交回财政(元)", "returned (yuan)", true),
    ("结转下年(元)", "carried out (yuan)", true),
    ("结余(元)", "left (yuan)", true),
    ("执行率", "execution rate", true),
];

/// What the rows of a year are worked out from.
struct Sources {
    months: (Month, Month),
    accounts: Vec<AccountMovement>,
    adjusted: BTreeMap<AppropriationId, Fen>,
    returned: BTreeMap<AppropriationId, Fen>,
    carried: Vec<CarryOver>,
    closed: Option<YearClose>,
}

impl Sources {
    async fn load(tx: &mut Tx, book: BookId, year: i32) -> Result<Sources, Error> {
        let months = months_of(year)?;
        let mut accounts = journal::movements(tx, book, months.0, months.1).await?;
        let mut closing = year::closing_entries(tx, book).await?;
        closing.retain(|entry| entry.month <= months.1);
        year::before_closing(&mut accounts, &closing, Some(months.0));
        let mut adjusted = BTreeMap::<AppropriationId, Fen>::new();
        for row in year::reductions(tx, book).await? {
            if Month::of(row.on).year() == year {
                let sum = adjusted.entry(row.appropriation).or_default();
                *sum = sum.minus(row.amount)?;
            }
        }
        let mut returned = BTreeMap::<AppropriationId, Fen>::new();
        for row in year::funded(tx, book, months.0, months.1).await? {
            if row.source == "treasury" {
                let sum = returned.entry(AppropriationId(row.source_id)).or_default();
                *sum = sum.minus(row.amount)?;
            }
        }
        let handed = recovery::handed_over_by_appropriation(tx, book, months.0, months.1);
        for (id, amount) in handed.await? {
            let sum = returned.entry(id).or_default();
            *sum = sum.plus(amount)?;
        }
        let closed = year::years(tx, book).await?;
        Ok(Sources {
            months,
            accounts,
            adjusted,
            returned,
            carried: year::carry_overs(tx, book).await?,
            closed: closed
                .into_iter()
                .find(|closed| closed.year == i64::from(year)),
        })
    }

    fn figures(&self, letter: &Appropriation) -> Result<Figures, Error> {
        let year = self.months.0.year();
        let sum = |chart: Chart, figure: fn(&AccountMovement) -> Fen| {
            let own = self.accounts.iter().filter(|account| {
                account.key.chart == chart && account.key.appropriation == Some(letter.id)
            });
            Fen::sum(own.map(figure))
        };
        let at_end = sum(Chart::Bank, AccountMovement::closing)?;
        let until = self.closed.as_ref().map_or(i64::MAX, |closed| closed.entry);
        let next = i64::from(year) + 1;
        let over = year::in_force(&self.carried, letter.id, next, until);
        // Before the year is closed it is a plan, which the money may fall short of.
        let carried_out = over.map_or(Fen::ZERO, |row| row.amount).min(at_end);
        let granted = match Month::of(letter.received_on).year() == year {
            true => letter.amount,
            false => Fen::ZERO,
        };
        let of = |sums: &BTreeMap<AppropriationId, Fen>| {
            sums.get(&letter.id).copied().unwrap_or_default()
        };
        Ok(Figures {
            granted,
            adjusted: of(&self.adjusted),
            carried_in: sum(Chart::Bank, AccountMovement::opening)?,
            home: sum(Chart::OpeningAdjustment, AccountMovement::movement)?,
            drawn: sum(Chart::BudgetExpense, AccountMovement::movement)?,
            returned: of(&self.returned),
            carried_out,
            left: at_end.minus(carried_out)?,
            away: sum(Chart::InTransit, AccountMovement::opening)?
                .plus(sum(Chart::RefundAwaited, AccountMovement::opening)?)?,
            in_transit: sum(Chart::InTransit, AccountMovement::closing)?,
            awaited: sum(Chart::RefundAwaited, AccountMovement::closing)?,
        })
    }

    /// 7201 of a program in the year, as the ledger has it.
    fn spent(&self, program: ProgramId) -> Result<Fen, MoneyError> {
        let own = self.accounts.iter().filter(|account| {
            account.key.chart == Chart::BudgetExpense && account.key.program == Some(program)
        });
        Fen::sum(own.map(AccountMovement::movement))
    }
}

/// 预算执行表: every appropriation that the year granted or used, with sums by program and level.
/// A row that does not add up, or a program that differs from 7201, is exit status 3.
///
/// # Errors
/// A year outside of 1900 to 2999; when a sum is out of range; accidents of the store.
#[boxed]
pub async fn execution(app: &App, caller: &Caller, year: i32) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let names = Names::load(&mut tx, book).await?;
    let report = execution_in(&mut tx, book, &names, year).await?;
    tx.rollback().await?;
    Ok(report)
}

/// The same within a reading.
pub(super) async fn execution_in(
    tx: &mut Tx,
    book: BookId,
    names: &Names,
    year: i32,
) -> Result<Report, Error> {
    let sources = Sources::load(tx, book, year).await?;
    let mut rows: Vec<(&Appropriation, Figures)> = Vec::new();
    for letter in names.appropriations.values() {
        let figures = sources.figures(letter)?;
        if !figures.is_empty() || letter.budget_year == i64::from(year) {
            rows.push((letter, figures));
        }
    }
    rows.sort_by_key(|(letter, _)| (letter.program, letter.level, letter.id));
    let total = total(rows.iter().map(|(_, figures)| *figures))?;
    let mut found = false;
    let mut json = json!({
        "year": year,
        "closed": sources.closed.is_some(),
        "total": total.json()?,
    });
    let mut tables = vec![letters(year, names, &rows, total, &mut json)?];
    for (_, figures) in &rows {
        found |= !figures.adds_up()?;
    }
    let (table, differs) = programs(names, &sources, &rows, &mut json)?;
    tables.push(table);
    tables.push(levels(&rows, &mut json)?);
    Ok(Report {
        json,
        tables,
        found: found || differs,
    })
}

fn total(rows: impl Iterator<Item = Figures>) -> Result<Figures, MoneyError> {
    let mut rows = rows;
    rows.try_fold(Figures::default(), Figures::plus)
}

fn letters(
    year: i32,
    names: &Names,
    rows: &[(&Appropriation, Figures)],
    total: Figures,
    json: &mut Value,
) -> Result<Table, Error> {
    let head = [
        ("项目", "program", false),
        ("级次", "level", false),
        ("文号", "document", false),
        ("年度", "budget year", false),
    ];
    let columns: Vec<_> = head.into_iter().chain(COLUMNS).collect();
    let title = words(
        format!("{year} 年预算执行表"),
        format!("Budget execution {year}"),
    );
    let mut table = Table::new(title, &columns);
    let mut list = Vec::new();
    for (letter, figures) in rows {
        let head = [
            names.program(letter.program),
            letter.level.name().to_owned(),
            letter.document.clone(),
            letter.budget_year.to_string(),
        ];
        table.row(head.into_iter().chain(figures.cells()?));
        let mut row = figures.json()?;
        row["program"] = names.program_code(letter.program).into();
        row["level"] = letter.level.code().into();
        row["document"] = letter.document.as_str().into();
        row["budget_year"] = letter.budget_year.into();
        row["received_on"] = letter.received_on.to_string().into();
        list.push(row);
    }
    let head = ["合计 total", "", "", ""].map(str::to_owned);
    table.row(head.into_iter().chain(total.cells()?));
    json["appropriations"] = list.into();
    Ok(table)
}

/// By program, each with what the ledger says; and whether one differs.
fn programs(
    names: &Names,
    sources: &Sources,
    rows: &[(&Appropriation, Figures)],
    json: &mut Value,
) -> Result<(Table, bool), Error> {
    let columns: Vec<_> = [("项目", "program", false)]
        .into_iter()
        .chain(COLUMNS)
        .chain([("账面支出(元)", "expense in the ledger (yuan)", true)])
        .collect();
    let mut table = Table::new(words("按项目", "By program"), &columns);
    let (mut list, mut differs) = (Vec::new(), false);
    for id in names.programs.keys() {
        let own = rows.iter().filter(|(letter, _)| letter.program == *id);
        let figures = total(own.map(|(_, figures)| *figures))?;
        let spent = sources.spent(*id)?;
        if figures.is_empty() && spent == Fen::ZERO {
            continue;
        }
        differs |= spent != figures.drawn;
        let mut cells = vec![names.program(*id)];
        cells.extend(figures.cells()?);
        cells.push(spent.grouped());
        table.row(cells);
        let mut row = figures.json()?;
        row["program"] = names.program_code(*id).into();
        row["name"] = names.program(*id).into();
        row["ledger_fen"] = spent.get().into();
        list.push(row);
    }
    json["programs"] = list.into();
    Ok((table, differs))
}

fn levels(rows: &[(&Appropriation, Figures)], json: &mut Value) -> Result<Table, Error> {
    let columns: Vec<_> = [("级次", "level", false)]
        .into_iter()
        .chain(COLUMNS)
        .collect();
    let mut table = Table::new(words("按级次", "By level"), &columns);
    let mut list = Vec::new();
    for level in Level::ALL {
        let own = rows.iter().filter(|(letter, _)| letter.level == *level);
        let figures = total(own.map(|(_, figures)| *figures))?;
        if figures.is_empty() {
            continue;
        }
        table.row(std::iter::once(level.name().to_owned()).chain(figures.cells()?));
        let mut row = figures.json()?;
        row["level"] = level.code().into();
        list.push(row);
    }
    json["levels"] = list.into();
    Ok(table)
}
