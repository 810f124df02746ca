//! Letting a payment be tried again with the same account (准予补发): the card is unfrozen, the name
//! is corrected at the bank, the agreement is signed. What the roster says of the account has not
//! changed, so two people say it.

use ledger::id::{ExceptionId, PaymentId, ProposalId, UserId};
use ledger::problem::{Kind, Problem};
use ledger_store::settlement::{self as store, Clearance};
use ledger_store::write::Write;

use super::Error;
use super::cancel::failed_attempt;
use super::policy::invalid;

/// Judges whether the last failure of each payment may be cleared and, when a confirmed proposal is
/// given, clears them.
///
/// # Errors
/// [`Kind::PaymentLive`] unless the last attempt of each failed or came back, and
/// [`Kind::ExceptionState`] while a difference about it is open; [`Kind::AlreadyExists`] for one
/// that is cleared; [`Kind::FieldInvalid`] without payments or a reason.
pub(super) async fn clear(
    write: &mut Write,
    payments: &[PaymentId],
    reason: &str,
    (proposal, user): (Option<ProposalId>, UserId),
) -> Result<(), Error> {
    if reason.trim().is_empty() {
        return Err(invalid("reason", "", "原因 a reason"));
    }
    if payments.is_empty() {
        return Err(invalid("payments", "", "明细编号 numbers of payments"));
    }
    let event = "准予补发 clear the payment";
    let mut cleared = Vec::with_capacity(payments.len());
    for payment in payments {
        let (attempt, failed) = failed_attempt(write, *payment, ExceptionId(0), event).await?;
        let row = Clearance {
            attempt: (*payment, attempt.number),
            step: failed.step,
            proposal,
            exception: None,
            user,
            reason: reason.to_owned(),
        };
        if store::is_cleared(write, &row).await? || cleared.contains(&row) {
            return Err(Problem::new(Kind::AlreadyExists)
                .with("what", "准予补发 clearance")
                .with("name", payment)
                .into());
        }
        cleared.push(row);
    }
    match proposal {
        Some(_) => Ok(store::add_clearances(write, &cleared).await?),
        None => Ok(()),
    }
}
