//! What a run needs, what is there for it, and what others have claimed before it.
//!
//! Runs that were approved and not yet released will draw on the same appropriations: they are
//! counted first, so that what is missing is told before anybody approves.

use ledger::calendar::{Date, Month};
use ledger::disbursement::role::Action;
use ledger::disbursement::workflow::RunState;
use ledger::fund::{Draw, Funding, Lot, Outlook, outlook, plan};
use ledger::id::{BookId, RunId};
use ledger::money::Fen;
use ledger_store::boxed;
use ledger_store::db::Tx;
use ledger_store::run::{self as store, Run};
use ledger_store::write::Write;
use ledger_store::{fund, year};
use serde_json::{Value, json};

use super::report::Names;
use super::view::{Report, Table, words};
use super::{App, Caller, Error, not_found};

/// How a run is funded, and what its appropriations hold.
struct Purse {
    funding: Funding,
    lots: Vec<Lot>,
}

impl Purse {
    /// The appropriations that may be drawn on at a day.
    async fn open(tx: &mut Tx, book: BookId, run: &Run, on: Date) -> Result<Purse, Error> {
        let funding = fund::funding_rules(tx, book).await?;
        let rule = funding.into_iter().find(|rule| rule.program == run.program);
        let rule = rule.ok_or_else(|| not_found("资金安排 funding rule", run.program))?;
        let year = i64::from(Month::of(on).year());
        let of = (run.program, rule.bank_account);
        let lots = year::lots(tx, book, of, (year, on)).await?;
        Ok(Purse {
            funding: rule.funding,
            lots,
        })
    }
}

/// The other runs of the program that are approved and not yet released.
async fn claims(tx: &mut Tx, book: BookId, run: &Run) -> Result<Vec<Run>, Error> {
    let mut runs = store::runs(tx, book).await?;
    runs.retain(|other| {
        other.program == run.program && other.id != run.id && other.state == RunState::Approved
    });
    Ok(runs)
}

/// What a release on this day draws on.
///
/// # Errors
/// [`ledger::problem::Kind::FundsMissing`] with the levels that lack money.
pub(super) async fn draw(write: &mut Write, run: &Run, on: Date) -> Result<Draw, Error> {
    let book = write.book();
    let purse = Purse::open(write.tx(), book, run, on).await?;
    Ok(plan(&purse.funding, &purse.lots, run.total)?)
}

/// Refuses a run that the appropriations cannot carry beside the runs approved before it.
///
/// # Errors
/// As [`draw`].
pub(super) async fn suffices(write: &mut Write, run: &Run, on: Date) -> Result<(), Error> {
    let book = write.book();
    let purse = Purse::open(write.tx(), book, run, on).await?;
    let claims = claims(write.tx(), book, run).await?;
    let claims: Vec<Fen> = claims.iter().map(|run| run.total).collect();
    let outlook = outlook(&purse.funding, &purse.lots, &claims, run.total)?;
    Ok(outlook.suffices()?)
}

/// What a run wants, by level and appropriation, what is there, what was claimed before it, and
/// what is missing; something missing is exit status 3. A run that was released wants nothing more.
///
/// # Errors
/// When there is no such run, or its program has no funding rule.
#[boxed]
pub async fn show(app: &App, caller: &Caller, id: RunId) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let run = store::run(&mut tx, book, id).await?;
    let run = run.ok_or_else(|| not_found("批次 run", id))?;
    let purse = Purse::open(&mut tx, book, &run, app.clock.today()).await?;
    let claims = claims(&mut tx, book, &run).await?;
    let names = Names::load(&mut tx, book).await?;
    tx.rollback().await?;
    let wanted = match run.state {
        RunState::Released | RunState::Settled | RunState::Closed | RunState::Discarded => {
            Fen::ZERO
        }
        _ => run.total,
    };
    let totals: Vec<Fen> = claims.iter().map(|run| run.total).collect();
    let found = outlook(&purse.funding, &purse.lots, &totals, wanted)?;
    let mut json = json!({
        "run": id.get(),
        "program": names.program_code(run.program),
        "state": run.state.code(),
        "wanted_fen": wanted.get(),
        "missing_fen": found.missing.get(),
        "claims": claims.iter().map(|run| {
            json!({ "run": run.id.get(), "month": run.month.to_string(),
                "total_fen": run.total.get() })
        }).collect::<Value>(),
    });
    let mut tables = vec![levels(id, &found, &mut json)];
    tables.push(letters(&names, &found, &mut json)?);
    if !claims.is_empty() {
        tables.push(claimed(&claims));
    }
    Ok(Report {
        json,
        tables,
        found: found.missing > Fen::ZERO,
    })
}

/// What each level is to bear.
fn levels(id: RunId, found: &Outlook, json: &mut Value) -> Table {
    let mut table = Table::new(
        words(format!("批次 {id} 资金"), format!("Funding of run {id}")),
        &[
            ("级次", "level", false),
            ("需用(元)", "wanted (yuan)", true),
            ("可用(元)", "available (yuan)", true),
            ("已占用(元)", "claimed (yuan)", true),
            ("缺口(元)", "missing (yuan)", true),
        ],
    );
    let mut list = Vec::new();
    for row in &found.levels {
        let amounts = [row.wanted, row.available, row.claimed, row.missing];
        let name = row.level.map_or("不分级次", |level| level.name());
        table.row(std::iter::once(name.to_owned()).chain(amounts.map(Fen::grouped)));
        list.push(json!({
            "level": row.level.map(|level| level.code()),
            "wanted_fen": row.wanted.get(),
            "available_fen": row.available.get(),
            "claimed_fen": row.claimed.get(),
            "missing_fen": row.missing.get(),
        }));
    }
    json["levels"] = list.into();
    table
}

/// What would be drawn from each appropriation.
fn letters(names: &Names, found: &Outlook, json: &mut Value) -> Result<Table, Error> {
    let mut table = Table::new(
        words("指标", "Appropriations"),
        &[
            ("文号", "document", false),
            ("级次", "level", false),
            ("可用(元)", "available (yuan)", true),
            ("已占用(元)", "claimed (yuan)", true),
            ("需用(元)", "wanted (yuan)", true),
            ("用后结余(元)", "left after it (yuan)", true),
        ],
    );
    let mut list = Vec::new();
    for row in &found.lots {
        let left = row.lot.available.minus(row.claimed)?.minus(row.wanted)?;
        let document = names.appropriation(row.lot.appropriation);
        let amounts = [row.lot.available, row.claimed, row.wanted, left];
        let cells = [document.clone(), row.lot.level.name().to_owned()];
        table.row(cells.into_iter().chain(amounts.map(Fen::grouped)));
        list.push(json!({
            "document": document,
            "level": row.lot.level.code(),
            "available_fen": row.lot.available.get(),
            "claimed_fen": row.claimed.get(),
            "wanted_fen": row.wanted.get(),
            "left_fen": left.get(),
        }));
    }
    json["appropriations"] = list.into();
    Ok(table)
}

/// The runs that draw before.
fn claimed(claims: &[Run]) -> Table {
    let mut table = Table::new(
        words("已审批未签发的批次", "Approved runs that are not released"),
        &[
            ("批次", "run", true),
            ("月份", "month", false),
            ("金额(元)", "amount (yuan)", true),
        ],
    );
    for run in claims {
        table.row([
            run.id.to_string(),
            run.month.to_string(),
            run.total.grouped(),
        ]);
    }
    table
}
