//! Months: closed for ever once the four agreements hold.

use ledger::calendar::{Date, Month};
use ledger::disbursement::role::Action;
use ledger::problem::{Kind, Language, Problem};
use ledger_store::boxed;
use ledger_store::journal;
use ledger_store::write::Write;
use serde_json::json;

use super::view::{Report, Table, words};
use super::{App, Caller, Done, Error, Order, reconcile};

/// Closes a month: it takes no postings any more, and its vouchers are hashed into the close. The
/// work grows with the month and not with the months before it ([`reconcile`] says why that is
/// enough).
///
/// # Errors
/// [`Kind::PeriodNotReady`] when the month has not ended, an earlier month with vouchers is open,
/// or one of the four agreements of the month does not hold; [`Kind::PeriodClosed`] when it is
/// closed already; [`Kind::DecemberWithYear`] for a December, which [`super::year`] closes.
#[boxed]
pub async fn close(
    app: &App,
    caller: &Caller,
    month: Month,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("period.close", Action::CloseMonth)
        .key(key)
        .field("month", month.to_string());
    let today = app.clock.today();
    let now = app.clock.now();
    app.command(caller, order, async |write| {
        if month.number() == 12 {
            open(write, month).await?;
            return Err(Problem::new(Kind::DecemberWithYear)
                .with("month", month)
                .with("year", month.year())
                .into());
        }
        ready(app, caller, write, month, today).await?;
        let closed = journal::close_month(write, month, caller.user.id, now).await?;
        Ok(json!({
            "month": month.to_string(),
            "state": "closed",
            "vouchers": closed.vouchers,
            "digest": ledger::audit::hex::encode(&closed.digest),
        }))
    })
    .await
}

/// Refuses a closed month; gives the last closed one.
async fn open(write: &mut Write, month: Month) -> Result<Option<Month>, Error> {
    let book = write.book();
    let closed = journal::closed_months(write.tx(), book).await?;
    let last = closed.last().map(|closed| closed.month);
    match last.is_some_and(|last| last >= month) {
        true => Err(Problem::new(Kind::PeriodClosed).with("month", month).into()),
        false => Ok(last),
    }
}

/// Refuses a month that is not to be closed yet, as [`close`] says.
pub(super) async fn ready(
    app: &App,
    caller: &Caller,
    write: &mut Write,
    month: Month,
    today: Date,
) -> Result<(), Error> {
    let last = open(write, month).await?;
    if today < month.last_day() {
        return Err(not_ready(month, "当月未结束 / the month has not ended"));
    }
    let from = last.map_or_else(|| Month::from_index(1900 * 12), Month::next);
    let book = write.book();
    let open = journal::vouchers(write.tx(), book, from, month.previous()).await?;
    if let Some(voucher) = open.first() {
        let reason = format!(
            "{} 未结账 / {} is open",
            voucher.posted.month, voucher.posted.month
        );
        return Err(not_ready(month, &reason));
    }
    // Nobody else can write to the book meanwhile: this command holds its head.
    match failed_agreement(app, caller, month).await? {
        Some(reason) => Err(not_ready(month, &reason)),
        None => Ok(()),
    }
}

async fn failed_agreement(
    app: &App,
    caller: &Caller,
    month: Month,
) -> Result<Option<String>, Error> {
    let agreements = reconcile::agreements(app, caller, Some(month)).await?;
    Ok(agreements
        .iter()
        .find(|agreement| !agreement.ok())
        .map(|agreement| {
            format!(
                "{} / {} ({} ≠ {})",
                agreement.id.name(Language::Zh),
                agreement.id.name(Language::En),
                agreement.left.grouped(),
                agreement.right.grouped()
            )
        }))
}

fn not_ready(month: Month, reason: &str) -> Error {
    Problem::new(Kind::PeriodNotReady)
        .with("month", month)
        .with("reason", reason)
        .into()
}

/// The business date of a posting: the event's own date, or today when its month is closed.
pub(super) async fn open_date(write: &mut Write, date: Date, today: Date) -> Result<Date, Error> {
    let book = write.book();
    let closed = journal::closed_months(write.tx(), book).await?;
    let last = closed.last().map(|closed| closed.month);
    Ok(if last.is_some_and(|last| Month::of(date) <= last) {
        today
    } else {
        date
    })
}

/// The closed months.
#[boxed]
pub async fn list(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let closed = journal::closed_months(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let mut table = Table::new(
        words("已结账月份", "Closed months"),
        &[
            ("月份", "month", false),
            ("凭证", "vouchers", true),
            ("凭证根", "digest", false),
            ("审计条目", "audit entry", true),
        ],
    );
    let mut list = Vec::new();
    for month in &closed {
        table.row([
            month.month.to_string(),
            month.vouchers.to_string(),
            ledger_store::verify::short_root(&month.digest),
            month.entry.to_string(),
        ]);
        list.push(json!({
            "month": month.month.to_string(),
            "vouchers": month.vouchers,
            "digest": ledger::audit::hex::encode(&month.digest),
            "entry": month.entry,
        }));
    }
    Ok(Report::new(json!({ "periods": list }), vec![table]))
}
