//! Years (年结): closed with their December once every appropriation's money is carried over or
//! returned.

use ledger::calendar::{Date, Month};
use ledger::disbursement::role::Action;
use ledger::disbursement::workflow::RunState;
use ledger::journal::{Posting, rules};
use ledger::money::Fen;
use ledger::problem::{Kind, Problem};
use ledger_store::boxed;
use ledger_store::fund::{self, Appropriation};
use ledger_store::journal::{self, AccountMovement, Poster, VoucherDraft};
use ledger_store::write::Write;
use ledger_store::{run as runs, year as store};
use serde_json::{Value, json};

use super::report::months_of;
use super::view::{Report, Table, words};
use super::{App, Caller, Done, Error, Order, appropriation, period};

/// How many appropriations a refusal names; the rest are counted.
const NAMED_MAX: usize = 10;

/// Closes a year: posts the closing vouchers on 31 December and closes December with them.
///
/// With `carry_over`, the document that allows it, everything that is left of each appropriation is
/// carried over to the next year. Runs of the year that are not settled are listed in the answer.
///
/// # Errors
/// As [`period::close`] of December; [`Kind::YearNotReady`] when money is left that is neither
/// carried over nor returned.
#[boxed]
pub async fn close(
    app: &App,
    caller: &Caller,
    year: i32,
    carry_over: Option<&str>,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("year.close", Action::CloseMonth)
        .key(key)
        .field("year", year)
        .field("carry_over", carry_over);
    let (_, december) = months_of(year)?;
    let (today, now) = (app.clock.today(), app.clock.now());
    app.command(caller, order, async |write| {
        period::ready(app, caller, write, december, today).await?;
        let carried = settle_letters(write, year, december, carry_over).await?;
        let vouchers = post(write, caller, december).await?;
        let closed = journal::close_month(write, december, caller.user.id, now).await?;
        let done = store::close_year(write, year, caller.user.id, now).await?;
        let open = open_runs(write, year).await?;
        Ok(json!({
            "year": year,
            "state": "closed",
            "vouchers": closed.vouchers,
            "closing_vouchers": vouchers,
            "digest": ledger::audit::hex::encode(&done.digest),
            "carried_over": carried,
            "open_runs": open,
        }))
    })
    .await
}

/// What is left of each appropriation of the year is what is carried over.
async fn settle_letters(
    write: &mut Write,
    year: i32,
    december: Month,
    carry_over: Option<&str>,
) -> Result<Vec<Value>, Error> {
    let book = write.book();
    let accounts = journal::movements(write.tx(), book, december, december).await?;
    let known = store::carry_overs(write.tx(), book).await?;
    // They come in the order of use; rows are sealed in the order of their keys.
    let mut letters = fund::appropriations(write.tx(), book).await?;
    letters.sort_by_key(|letter| letter.id);
    let next = i64::from(year) + 1;
    let (mut carried, mut wrong) = (Vec::new(), Vec::new());
    for letter in letters.iter().filter(|letter| letter.budget_year < next) {
        let left = left_of(&accounts, letter)?;
        let before = store::in_force(&known, letter.id, next, i64::MAX);
        let mut amount = before.map_or(Fen::ZERO, |row| row.amount);
        let mut document = before.map_or("", |row| row.document.as_str());
        if let Some(by) = carry_over.map(str::trim).filter(|by| !by.is_empty())
            && amount != left
        {
            let row = appropriation::carried(&known, letter.id, next, left, by);
            store::add_carry_over(write, &row).await?;
            (amount, document) = (left, by);
        }
        if amount != left {
            wrong.push((letter, left, amount));
        } else if left > Fen::ZERO {
            carried.push(json!({
                "document": letter.document,
                "amount_fen": left.get(),
                "by": document,
            }));
        }
    }
    match wrong.is_empty() {
        true => Ok(carried),
        false => Err(not_ready(year, &wrong)),
    }
}

/// What stood at the bank of an appropriation at the end of the months.
pub(super) fn left_of(accounts: &[AccountMovement], letter: &Appropriation) -> Result<Fen, Error> {
    let own = accounts.iter().filter(|account| {
        account.key.chart == ledger::account::Chart::Bank
            && account.key.appropriation == Some(letter.id)
    });
    Ok(Fen::sum(own.map(AccountMovement::closing))?)
}

fn not_ready(year: i32, wrong: &[(&Appropriation, Fen, Fen)]) -> Error {
    let named = wrong.iter().take(NAMED_MAX).map(|(letter, left, carried)| {
        let (left, carried) = (left.grouped(), carried.grouped());
        let document = &letter.document;
        format!("{document} 结余 left {left} 结转 carried over {carried}")
    });
    let mut list: Vec<String> = named.collect();
    if wrong.len() > NAMED_MAX {
        list.push("…".to_owned());
    }
    Problem::new(Kind::YearNotReady)
        .with("year", year)
        .with("count", wrong.len())
        .with("list", list.join("; "))
        .into()
}

/// The closing vouchers, one for each side of parallel accounting; none where nothing is to close.
async fn post(write: &mut Write, caller: &Caller, december: Month) -> Result<Vec<String>, Error> {
    let book = write.book();
    let mut balances = Vec::new();
    for account in journal::movements(write.tx(), book, december, december).await? {
        let debit = Fen::new(account.opening_debit).plus(Fen::new(account.debit))?;
        let credit = Fen::new(account.opening_credit).plus(Fen::new(account.credit))?;
        balances.push((account.key, debit.minus(credit)?));
    }
    let (mut financial, mut budget) = (Vec::new(), Vec::new());
    rules::year_closed(&balances, &mut financial, &mut budget)?;
    let on = december.last_day();
    let mut numbers = Vec::new();
    for (side, postings) in [("财务会计", financial), ("预算会计", budget)] {
        let number = voucher(write, caller, on, side, &postings).await?;
        numbers.extend(number);
    }
    Ok(numbers)
}

async fn voucher(
    write: &mut Write,
    caller: &Caller,
    on: Date,
    side: &str,
    postings: &[Posting],
) -> Result<Option<String>, Error> {
    let year = Month::of(on).year();
    let draft = VoucherDraft {
        on_date: on,
        summary: format!("年末结转 {year} {side}"),
        maker: caller.user.id,
        checker: None,
        source: "year-close",
        source_id: i64::from(year),
        reverses: None,
    };
    let mut poster = Poster::begin(write, draft).await?;
    poster.push_all(write, postings).await?;
    let posted = poster.finish(write).await?;
    Ok(posted.map(|posted| format!("{} 记-{:04}", posted.month, posted.number)))
}

/// The runs of the year that go on: nothing of them is lost, and the next year pays.
async fn open_runs(write: &mut Write, year: i32) -> Result<Vec<Value>, Error> {
    let book = write.book();
    let all = runs::runs(write.tx(), book).await?;
    let done = [RunState::Settled, RunState::Closed, RunState::Discarded];
    let open = all
        .iter()
        .filter(|run| run.month.year() == year && !done.contains(&run.state));
    let json = open.map(|run| {
        json!({
            "run": run.id.get(),
            "month": run.month.to_string(),
            "state": run.state.code(),
            "total_fen": run.total.get(),
        })
    });
    Ok(json.collect())
}

/// The closed years.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
#[boxed]
pub async fn list(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let closed = store::years(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let mut table = Table::new(
        words("已年结年度", "Closed years"),
        &[
            ("年度", "year", false),
            ("年结时间", "closed", false),
            ("凭证根", "digest", false),
            ("审计条目", "audit entry", true),
        ],
    );
    let mut list = Vec::new();
    for year in &closed {
        table.row([
            year.year.to_string(),
            year.closed_at.to_string(),
            ledger_store::verify::short_root(&year.digest),
            year.entry.to_string(),
        ]);
        list.push(json!({
            "year": year.year,
            "closed_at": year.closed_at.to_string(),
            "digest": ledger::audit::hex::encode(&year.digest),
            "entry": year.entry,
        }));
    }
    Ok(Report::new(json!({ "years": list }), vec![table]))
}
