//! Exceptions (差异): listed until two people have settled each of them.

use ledger::disbursement::role::Action;
use ledger::id::ExceptionId;
use ledger::money::Fen;
use ledger::problem::{Kind, Problem};
use ledger_store::boxed;
pub use ledger_store::exception::Page;
use ledger_store::exception::{self as store, Exception, ExceptionState};
use ledger_store::write::Write;
use serde_json::{Value, json};

use super::view::{Report, Table, words};
use super::{App, Caller, Done, Error, Order, not_found};

/// Says how an exception is to be settled; a second person confirms it.
#[boxed]
pub async fn propose(
    app: &App,
    caller: &Caller,
    id: ExceptionId,
    resolution: &str,
    note: &str,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("exception.propose", Action::ResolveException)
        .key(key)
        .field("exception", id.get())
        .field("resolution", resolution)
        .field("note", note);
    app.command(caller, order, async |write| {
        if resolution.trim().is_empty() {
            return Err(super::policy::invalid(
                "resolution",
                "",
                "处理办法 how to settle it",
            ));
        }
        let mut exception = load(write, id).await?;
        if exception.state == ExceptionState::Settled {
            return Err(wrong_state(&exception, "propose"));
        }
        exception.resolution = resolution.to_owned();
        exception.note = note.to_owned();
        advance(
            write,
            caller,
            exception,
            ExceptionState::Proposed,
            "propose",
        )
        .await
    })
    .await
}

/// Confirms what another person has proposed.
///
/// # Errors
/// [`Kind::TwoPeople`] for the one who proposed it.
#[boxed]
pub async fn confirm(
    app: &App,
    caller: &Caller,
    id: ExceptionId,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("exception.confirm", Action::ResolveException)
        .key(key)
        .field("exception", id.get());
    app.command(caller, order, async |write| {
        let exception = load(write, id).await?;
        if exception.state != ExceptionState::Proposed {
            return Err(wrong_state(&exception, "confirm"));
        }
        if let Some(recovery) = super::recovery::proposed_for(&exception) {
            // Money is to move with it: see `recovery receive`.
            return Err(Problem::new(Kind::RecoveryDiffers)
                .with("id", exception.id)
                .with("proposed", recovery)
                .into());
        }
        if exception.user == caller.user.id {
            return Err(Problem::new(Kind::TwoPeople)
                .with("user", &caller.user.login)
                .into());
        }
        advance(write, caller, exception, ExceptionState::Settled, "confirm").await
    })
    .await
}

async fn load(write: &mut Write, id: ExceptionId) -> Result<Exception, Error> {
    let book = write.book();
    let found = store::exception(write.tx(), book, id).await?;
    found.ok_or_else(|| not_found("差异", id))
}

async fn advance(
    write: &mut Write,
    caller: &Caller,
    mut exception: Exception,
    state: ExceptionState,
    event: &'static str,
) -> Result<serde_json::Value, Error> {
    exception.state = state;
    exception.events += 1;
    exception.user = caller.user.id;
    store::add_event(write, &exception, event).await?;
    Ok(json!({
        "exception": exception.id.get(),
        "state": state.code(),
        "resolution": exception.resolution,
    }))
}

fn wrong_state(exception: &Exception, event: &str) -> Error {
    Problem::new(Kind::ExceptionState)
        .with("id", exception.id)
        .with("state", exception.state.name())
        .with("event", event)
        .into()
}

/// The exceptions, all or those still open, in the order of their numbers. The document names in
/// `next` the number after which to ask for more; it is null at the end.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
#[boxed]
pub async fn list(
    app: &App,
    caller: &Caller,
    open_only: bool,
    page: Page,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let one_more = Page {
        limit: page.limit.saturating_add(1),
        ..page
    };
    let mut found = store::page(&mut tx, caller.book.id, open_only, one_more).await?;
    let taken = ledger_store::recovery::taken(&mut tx, caller.book.id, None).await?;
    tx.rollback().await?;
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.id.get());
    let left = |x: &Exception| {
        let taken = taken.get(&x.id).copied().unwrap_or_default();
        x.amount.minus(taken).unwrap_or(x.amount)
    };
    let mut tables = vec![table(&found, left)];
    tables.extend(next.map(more_after));
    let list: Vec<Value> = (found.iter().map(|x| exception_json(x, left(x)))).collect();
    Ok(Report::new(
        json!({ "exceptions": list, "next": next }),
        tables,
    ))
}

fn table(exceptions: &[Exception], left: impl Fn(&Exception) -> Fen) -> Table {
    let mut table = Table::new(
        words("差异", "Exceptions"),
        &[
            ("编号", "number", true),
            ("种类", "kind", false),
            ("来源", "source", false),
            ("行", "line", true),
            ("明细", "payment", true),
            ("金额(元)", "amount (yuan)", true),
            ("未明(元)", "unexplained (yuan)", true),
            ("情况", "detail", false),
            ("状态", "state", false),
            ("处理", "resolution", false),
        ],
    );
    for x in exceptions {
        let payment = match x.payment {
            0 => "—".to_owned(),
            payment => payment.to_string(),
        };
        table.row([
            x.id.to_string(),
            x.kind.clone(),
            format!("{} {}", x.source, x.source_id),
            x.line_no.to_string(),
            payment,
            x.amount.grouped(),
            left(x).grouped(),
            x.detail.clone(),
            x.state.name().to_owned(),
            x.resolution.clone(),
        ]);
    }
    table
}

/// Says that the list goes on, so that nobody takes a page for the whole.
fn more_after(last: i64) -> Table {
    let mut table = Table::new(
        words("还有更多差异", "there are more exceptions"),
        &[("续查", "go on with", false)],
    );
    table.row([format!("--after {last}")]);
    table
}

fn exception_json(x: &Exception, left: Fen) -> Value {
    json!({
        "exception": x.id.get(),
        "kind": x.kind,
        "source": x.source,
        "source_id": x.source_id,
        "line": x.line_no,
        "payment": x.payment,
        "amount_fen": x.amount.get(),
        "left_fen": left.get(),
        "detail": x.detail,
        "state": x.state.code(),
        "resolution": x.resolution,
        "note": x.note,
    })
}
