//! What failed: the dictionary of reasons with the words that nobody has taught, and what takes two
//! people about it.

use axum::Router;
use bank_adapters::reason::Reason;
use ledger::disbursement::role::Action;
use ledger::id::{PaymentId, ReturnId, StatementId};
use ledger::problem::Language;

use super::page::{Form, Kind, Page, field};
use super::posted::{Posted, invalid};
use super::reply::{self, Reply};
use super::seat::Seat;
use super::{proposals, tables};
use crate::app::proposal::{self, Change, Pending};
use crate::app::{Error, reason};
use crate::http::Server;

pub(super) fn router() -> Router<Server> {
    Router::new()
        .route(
            "/reasons",
            reply::get(reasons).merge(reply::post(teach, reasons)),
        )
        .route(
            "/returns/withdraw",
            reply::post(withdraw, super::banks::list),
        )
        .route("/repay/clear", reply::post(clear, super::banks::repay))
        .route(
            "/statements/withdraw",
            reply::post(unstate, super::banks::statements),
        )
        .route("/repay/cancel", reply::post(cancel, super::banks::repay))
}

/// The dictionary and the words that wait to be taught.
async fn reasons(seat: Seat) -> Result<Reply, Error> {
    let mut report = reason::queue(seat.app(), seat.caller()).await?;
    report
        .tables
        .extend(reason::list(seat.app(), seat.caller()).await?.tables);
    let mut page = Page::new(seat.say("nav.reasons"), seat.say("reasons.lead"));
    let words = |one: &Pending, _| one.kind == "reason";
    page.blocks
        .extend(proposals::waiting(&seat, words, 0).await?);
    if seat.may(Action::ManagePolicy) {
        let name = |reason: &Reason| match seat.language {
            Language::Zh => reason.zh().to_owned(),
            Language::En => reason.code().to_owned(),
        };
        let all = Reason::ALL.iter();
        let choices = all.map(|one| (one.code().to_owned(), name(one))).collect();
        let words = field("words", seat.say("reasons.words")).hint(seat.say("reasons.words-hint"));
        let form = Form::act(&seat, "/reasons", seat.say("reasons.teach"))
            .saying(seat.say("reasons.teach"), seat.say("reasons.teach-lead"))
            .field(&seat, words)
            .field(
                &seat,
                field("reason", seat.say("field.reason")).kind(Kind::Select(choices)),
            );
        page = page.form(Some(form));
    }
    tables::page(&seat, page, &report, &[])
}

/// A form that proposes something about one number, with a reason.
pub(super) fn because_form(seat: &Seat, action: &str, keys: [&'static str; 3]) -> Form {
    let [title, lead, number] = keys;
    let number = field("number", seat.say(number)).kind(Kind::Line("number"));
    Form::act(seat, action, seat.say(title))
        .saying(seat.say(title), seat.say(lead))
        .field(seat, number)
        .field(seat, field("reason", seat.say("field.reason")))
        .plain()
}

async fn propose(seat: Seat, posted: Posted, change: Change, to: &str) -> Result<Reply, Error> {
    let done = proposal::propose(seat.app(), seat.caller(), &change, posted.key()).await?;
    Ok(Reply::Done(done, to.to_owned()))
}

async fn teach(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let (words, code) = (
        posted.text("words").to_owned(),
        posted.text("reason").to_owned(),
    );
    propose(seat, posted, Change::Reason(words, code), "/reasons").await
}

async fn withdraw(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let id = ReturnId(posted.parse("number", "编号 a number")?);
    let reason = posted.text("reason").to_owned();
    propose(seat, posted, Change::Withdraw(id, reason), "/returns").await
}

async fn unstate(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let id = StatementId(posted.parse("number", "编号 a number")?);
    let reason = posted.text("reason").to_owned();
    propose(seat, posted, Change::Unstate(id, reason), "/statements").await
}

async fn cancel(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let id = PaymentId(posted.parse("number", "编号 a number")?);
    let reason = posted.text("reason").to_owned();
    propose(seat, posted, Change::Cancel(id, reason), "/repay").await
}

async fn clear(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let named = posted.text("payments").to_owned();
    let numbers = named.split(|c: char| c.is_whitespace() || ",,、;;".contains(c));
    let numbers = numbers.filter(|number| !number.is_empty());
    let parsed: Result<Vec<i64>, _> = numbers.map(str::parse).collect();
    let wanted = "明细编号,以空格或逗号分开 numbers of payments";
    let parsed = parsed.map_err(|_| invalid("payments", &named, wanted))?;
    let payments = parsed.into_iter().map(PaymentId).collect();
    let reason = posted.text("reason").to_owned();
    propose(seat, posted, Change::Clear(payments, reason), "/repay").await
}

/// Payments to be tried again with the same accounts, and why.
pub(super) fn clear_form(seat: &Seat) -> Form {
    Form::act(seat, "/repay/clear", seat.say("repay.clear"))
        .saying(seat.say("repay.clear"), seat.say("repay.clear-lead"))
        .field(seat, field("payments", seat.say("field.payments")))
        .field(seat, field("reason", seat.say("field.reason")))
        .plain()
}
