//! Differences (差异): listed until two people have settled each of them, and what they decide is
//! booked.

mod link;
mod list;
mod note;
mod settle;
mod sheet;

use ledger::calendar::Date;
use ledger::disbursement::role::Action;
use ledger::id::{ExceptionId, UserId};
use ledger::problem::{Kind, Problem};
use ledger_store::boxed;
pub use ledger_store::exception::Page;
use ledger_store::exception::{self as store, Exception, ExceptionState};
use ledger_store::settlement::{self, Settlement};
use ledger_store::statement::{self, Link};
use ledger_store::write::Write;
use reconciliation::resolution::Plan;
use serde_json::{Value, json};

pub(crate) use list::source_text;
pub use list::{counts, found, list, show};
pub use note::{Evidence, assign, comment, evidence};
pub use sheet::{export, import, marked};

use super::{App, Caller, Done, Error, Order, not_found};
use settle::{Settling, kind_of, ways};

/// Says how a difference is to be settled; a second person confirms it. It is tried at once, so
/// that what cannot be done is refused now and not at the confirmation.
///
/// The resolution is a code, and what it is settled against: see
/// [`reconciliation::resolution::Plan`].
///
/// # Errors
/// [`Kind::ExceptionState`] when it is settled, [`Kind::ExceptionResolution`] when it cannot be
/// settled so, and refusals of the books.
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
        let on = super::period::open_date(write, app.clock.today(), app.clock.today()).await?;
        let exception = load(write, id).await?;
        let mut kept = Kept::default();
        let said = (resolution, note);
        let answer = put_forward(write, caller, exception, (said, on), &mut kept).await?;
        kept.store(write, caller, on).await?;
        Ok(answer)
    })
    .await
}

/// Tries a resolution and keeps it as proposed.
async fn put_forward(
    write: &mut Write,
    caller: &Caller,
    mut exception: Exception,
    ((resolution, note), on): ((&str, &str), Date),
    kept: &mut Kept,
) -> Result<Value, Error> {
    if exception.state == ExceptionState::Settled {
        return Err(wrong_state(&exception, "propose"));
    }
    let plan = read_plan(&exception, resolution)?;
    exception.resolution = plan.to_string();
    note.clone_into(&mut exception.note);
    let before = write.mark().await?;
    let settling = Settling {
        caller,
        proposer: caller.user.id,
        exception: &exception,
        plan: &plan,
        on,
    };
    let tried = settle::settle(write, &settling).await?;
    write.rollback_to(before).await?;
    exception.state = ExceptionState::Proposed;
    exception.events += 1;
    exception.user = caller.user.id;
    let answer = told(&exception, &tried.settlement, None);
    kept.events.push((exception, "propose", None));
    Ok(answer)
}

/// The resolution that a text names.
fn read_plan(exception: &Exception, text: &str) -> Result<Plan, Error> {
    text.parse().map_err(|wrong: String| {
        let wanted = kind_of(exception).map(ways).unwrap_or_default();
        super::policy::invalid("resolution", &wrong, &wanted)
    })
}

/// Confirms what another person has proposed, and books it.
///
/// # Errors
/// [`Kind::TwoPeople`] for the one who proposed it, and what [`propose`] would be refused for by
/// now.
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
        let on = super::period::open_date(write, app.clock.today(), app.clock.today()).await?;
        let exception = load(write, id).await?;
        let mut kept = Kept::default();
        let mut answer = settle_proposed(write, caller, exception, on, &mut kept).await?;
        if let Some(opened) = kept.store(write, caller, on).await? {
            answer["other"] = opened.get().into();
        }
        Ok(answer)
    })
    .await
}

/// Books what another person has proposed.
async fn settle_proposed(
    write: &mut Write,
    caller: &Caller,
    mut exception: Exception,
    on: Date,
    kept: &mut Kept,
) -> Result<Value, Error> {
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
    let plan = read_plan(&exception, &exception.resolution)?;
    let settling = Settling {
        caller,
        proposer: exception.user,
        exception: &exception,
        plan: &plan,
        on,
    };
    let settled = settle::settle(write, &settling).await?;
    let proposer = exception.user;
    exception.state = ExceptionState::Settled;
    exception.events += 1;
    exception.user = caller.user.id;
    let other = settled.settlement.other;
    let answer = told(&exception, &settled.settlement, other);
    let all = [Some((exception, settled.settlement)), settled.other];
    for (exception, settlement) in all.into_iter().flatten() {
        kept.events
            .push((exception, "confirm", Some((proposer, settlement))));
    }
    kept.opened.extend(settled.opened);
    kept.links.extend(settled.links);
    Ok(answer)
}

/// Who proposed how a difference is settled, and what settling it did.
type Agreed = (UserId, Settlement);

/// What is to be kept of differences: their events with what settling them did, and those that
/// come up with it.
#[derive(Default)]
struct Kept {
    events: Vec<(Exception, &'static str, Option<Agreed>)>,
    opened: Vec<Exception>,
    links: Vec<Link>,
}

impl Kept {
    /// Stores it in the order of their numbers; gives the number of the first that came up.
    async fn store(
        mut self,
        write: &mut Write,
        caller: &Caller,
        on: Date,
    ) -> Result<Option<ExceptionId>, Error> {
        self.events.sort_by_key(|(exception, ..)| exception.id);
        for pair in self.events.windows(2) {
            if pair[0].0.id == pair[1].0.id {
                return Err(wrong_state(&pair[0].0, "confirm"));
            }
        }
        self.links.sort();
        statement::add_links(write, &self.links).await?;
        for (exception, event, settled) in &self.events {
            if let Some((proposer, settlement)) = settled {
                let people = (*proposer, caller.user.id);
                settlement::add_settlement(write, exception.id, people, settlement).await?;
            }
            store::add_event(write, exception, event).await?;
        }
        store::open(write, &mut self.opened, caller.user.id, on).await?;
        Ok(self.opened.first().map(|opened| opened.id))
    }
}

async fn load(write: &mut Write, id: ExceptionId) -> Result<Exception, Error> {
    let book = write.book();
    let found = store::exception(write.tx(), book, id).await?;
    found.ok_or_else(|| not_found("差异", id))
}

/// What is said of a step; of a proposal nothing is booked yet, so that it has no voucher.
fn told(exception: &Exception, settlement: &Settlement, other: Option<ExceptionId>) -> Value {
    let settled = exception.state == ExceptionState::Settled;
    let voucher = settlement.voucher.filter(|_| settled);
    json!({
        "exception": exception.id.get(),
        "state": exception.state.code(),
        "resolution": exception.resolution,
        "effect": settlement.effect,
        "amount_fen": settlement.amount.get(),
        "payment": settlement.payment.map(|payment| payment.get()),
        "other": other.map(ExceptionId::get),
        "voucher": voucher.map(|voucher| voucher.get()),
    })
}

fn wrong_state(exception: &Exception, event: &str) -> Error {
    Problem::new(Kind::ExceptionState)
        .with("id", exception.id)
        .with("state", exception.state.name())
        .with("event", event)
        .into()
}
