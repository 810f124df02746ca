//! The postings of each event of the loop, one function per row of the table.
//!
//! | event | financial | budget |
//! |---|---|---|
//! | appropriation received | Dr 1002 Cr 4001 | Dr 8001 Cr 6001 |
//! | run approved | Dr 5001 Cr 2303 | – |
//! | batch sent | Dr 1218.01 Cr 1002 | Dr 7201 Cr 8001 |
//! | line paid | Dr 2303 Cr 1218.01 | – |
//! | line failed, bank debits the whole batch | Dr 1218.02 Cr 1218.01 | – |
//! | line failed, bank debits what succeeds | Dr 1002 Cr 1218.01 | Dr 8001 Cr 7201 |
//! | refund seen on the statement | Dr 1002 Cr 1218.02 | Dr 8001 Cr 7201 |
//! | refund after success (退票) | Dr 1218.02 Cr 2303 | – |
//! | cancelled for good | Dr 2303 Cr 5001, 2103 or 3501 | – |
//! | overpayment found | Dr 1218.03 Cr 5001 or 2103 | – |
//! | overpayment received | Dr 1002 Cr 1218.03 | Dr 8001 Cr 7201 when of the same year |
//! | returned to treasury | Dr 4001 or 2103 Cr 1002 | Dr 6001 Cr 8001 |
//! | bank money nobody can explain | Dr 1002 Cr 2307 | – |
//!
//! Three equations hold after any sequence of these, and the tests assert them: the balance of
//! 8001 is the bank money that belongs to appropriations; 7201 is what left the bank and did not
//! come home; 2303 is what was approved and is neither paid nor cancelled.
//!
//! Every function pushes to `out` and decides nothing: amounts are checked by
//! [`Posting::check`](super::Posting::check) when the voucher is posted.

use super::Posting;
use crate::account::AccountKey;
use crate::id::{AppropriationId, BankAccountId, ComponentId, PaymentId, ProgramId};
use crate::money::Fen;

/// The year in which the expense was booked, seen from the year of the posting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpenseYear {
    /// The books of the expense are open: it is taken back.
    Same,
    /// They are closed: the money is due to the treasury.
    Earlier,
}

/// Where an obligation of an earlier year goes when it is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlierYear {
    /// 2103: the money goes back to the treasury.
    Treasury,
    /// 3501: the agency keeps it.
    Adjustment,
}

/// Row "appropriation received": Dr 1002 Cr 4001; Dr 8001 Cr 6001.
pub fn appropriation_received(
    at: BankAccountId,
    from: AppropriationId,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let (debit, credit) = (AccountKey::bank(at, from), AccountKey::appropriation_income(from));
    out.push(plain(debit, credit, amount));
    out.push(plain(AccountKey::funds_balance(from), AccountKey::budget_income(from), amount));
}

/// Row "run approved": Dr 5001 Cr 2303, for each payment and component.
pub fn run_approved(
    program: ProgramId,
    component: ComponentId,
    payment: PaymentId,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let debit = AccountKey::expense(program, component);
    out.push(of_payment(debit, AccountKey::payable(program), payment, 0, amount));
}

/// Row "run approved" for a line that sets an overpayment against the payment: Dr 2303 Cr 5001.
/// `amount` is the positive size of the negative line.
pub fn run_approved_set_against(
    program: ProgramId,
    component: ComponentId,
    payment: PaymentId,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let credit = AccountKey::expense(program, component);
    out.push(of_payment(AccountKey::payable(program), credit, payment, 0, amount));
}

/// Row "batch sent", financial: Dr 1218.01 Cr 1002, for each attempt and appropriation.
pub fn attempt_sent_financial(
    at: BankAccountId,
    from: AppropriationId,
    payment: PaymentId,
    attempt: i64,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let (debit, credit) = (AccountKey::in_transit(at, from), AccountKey::bank(at, from));
    out.push(of_payment(debit, credit, payment, attempt, amount));
}

/// Row "batch sent", budget: Dr 7201 Cr 8001, once for each appropriation of the batch.
pub fn batch_sent_budget(
    program: ProgramId,
    from: AppropriationId,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let debit = AccountKey::budget_expense(program, from);
    out.push(plain(debit, AccountKey::funds_balance(from), amount));
}

/// Row "line paid": Dr 2303 Cr 1218.01.
pub fn attempt_paid(
    program: ProgramId,
    at: BankAccountId,
    from: AppropriationId,
    payment: PaymentId,
    attempt: i64,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let (debit, credit) = (AccountKey::payable(program), AccountKey::in_transit(at, from));
    out.push(of_payment(debit, credit, payment, attempt, amount));
}

/// Row "line failed" of a bank that debits the whole batch: Dr 1218.02 Cr 1218.01. The money is
/// out until the statement shows it back: [`refund_home`].
pub fn attempt_failed_whole(
    at: BankAccountId,
    from: AppropriationId,
    payment: PaymentId,
    attempt: i64,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let (debit, credit) = (AccountKey::refund_awaited(at, from), AccountKey::in_transit(at, from));
    out.push(of_payment(debit, credit, payment, attempt, amount));
}

/// Row "line failed" of a bank that debits only what succeeds: Dr 1002 Cr 1218.01; Dr 8001
/// Cr 7201. The money never left.
pub fn attempt_failed_success_only(
    program: ProgramId,
    at: BankAccountId,
    from: AppropriationId,
    payment: PaymentId,
    attempt: i64,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let (debit, credit) = (AccountKey::bank(at, from), AccountKey::in_transit(at, from));
    out.push(of_payment(debit, credit, payment, attempt, amount));
    out.push(budget_home(program, from, payment, attempt, amount));
}

/// Row "refund seen on the statement": Dr 1002 Cr 1218.02; Dr 8001 Cr 7201. To the very
/// appropriation that it came from.
pub fn refund_home(
    program: ProgramId,
    at: BankAccountId,
    from: AppropriationId,
    payment: PaymentId,
    attempt: i64,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let (debit, credit) = (AccountKey::bank(at, from), AccountKey::refund_awaited(at, from));
    out.push(of_payment(debit, credit, payment, attempt, amount));
    out.push(budget_home(program, from, payment, attempt, amount));
}

/// Row "refund after success" (退票): Dr 1218.02 Cr 2303. The payment is due again.
pub fn refunded_after_success(
    program: ProgramId,
    at: BankAccountId,
    from: AppropriationId,
    payment: PaymentId,
    attempt: i64,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let (debit, credit) = (AccountKey::refund_awaited(at, from), AccountKey::payable(program));
    out.push(of_payment(debit, credit, payment, attempt, amount));
}

/// Row "cancelled for good", same year: Dr 2303 Cr 5001, for each component of the payment. The
/// budget side was turned back when the money came home.
pub fn cancelled_same_year(
    program: ProgramId,
    component: ComponentId,
    payment: PaymentId,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let credit = AccountKey::expense(program, component);
    out.push(of_payment(AccountKey::payable(program), credit, payment, 0, amount));
}

/// Row "cancelled for good", earlier year: Dr 2303 Cr 2103 or 3501.
pub fn cancelled_earlier_year(
    program: ProgramId,
    to: EarlierYear,
    payment: PaymentId,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let credit = match to {
        EarlierYear::Treasury => AccountKey::due_to_treasury(program),
        EarlierYear::Adjustment => AccountKey::prior_year_adjustment(program),
    };
    out.push(of_payment(AccountKey::payable(program), credit, payment, 0, amount));
}

/// Row "overpayment found": Dr 1218.03 Cr 5001 (same year) or 2103 (earlier year).
pub fn overpayment_found(
    program: ProgramId,
    component: ComponentId,
    year: ExpenseYear,
    payment: PaymentId,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let credit = match year {
        ExpenseYear::Same => AccountKey::expense(program, component),
        ExpenseYear::Earlier => AccountKey::due_to_treasury(program),
    };
    out.push(of_payment(AccountKey::recoverable(program), credit, payment, 0, amount));
}

/// Row "overpayment received": Dr 1002 Cr 1218.03.
///
/// Of the same year the money is available again to its appropriation, so Dr 8001 Cr 7201 follows.
/// Of an earlier year it is held for the treasury, belongs to no appropriation and does not enter
/// budget accounting.
pub fn overpayment_received(
    program: ProgramId,
    at: BankAccountId,
    from: AppropriationId,
    year: ExpenseYear,
    payment: PaymentId,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let credit = AccountKey::recoverable(program);
    match year {
        ExpenseYear::Same => {
            out.push(of_payment(AccountKey::bank(at, from), credit, payment, 0, amount));
            out.push(budget_home(program, from, payment, 0, amount));
        }
        ExpenseYear::Earlier => {
            out.push(of_payment(AccountKey::bank_unassigned(at), credit, payment, 0, amount));
        }
    }
}

/// Row "returned to treasury", unspent money of this year: Dr 4001 Cr 1002; Dr 6001 Cr 8001.
pub fn returned_to_treasury(
    at: BankAccountId,
    from: AppropriationId,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let (debit, credit) = (AccountKey::appropriation_income(from), AccountKey::bank(at, from));
    out.push(plain(debit, credit, amount));
    out.push(plain(AccountKey::budget_income(from), AccountKey::funds_balance(from), amount));
}

/// Row "returned to treasury", money of earlier years that was recovered: Dr 2103 Cr 1002.
pub fn handed_to_treasury(
    program: ProgramId,
    at: BankAccountId,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let credit = AccountKey::bank_unassigned(at);
    out.push(plain(AccountKey::due_to_treasury(program), credit, amount));
}

/// Row "bank money nobody can explain": Dr 1002 Cr 2307. It belongs to no appropriation, so the
/// budget side does not know it.
pub fn suspense_received(at: BankAccountId, amount: Fen, out: &mut Vec<Posting>) {
    out.push(plain(AccountKey::bank_unassigned(at), AccountKey::suspense(at), amount));
}

/// The end of "bank money nobody can explain": Dr 2307 Cr 1002. The row of what the money proved
/// to be is posted in the same voucher and brings it in again.
pub fn suspense_cleared(at: BankAccountId, amount: Fen, out: &mut Vec<Posting>) {
    out.push(plain(AccountKey::suspense(at), AccountKey::bank_unassigned(at), amount));
}

/// Dr 8001 Cr 7201: money that was booked as spent is available again.
fn budget_home(
    program: ProgramId,
    from: AppropriationId,
    payment: PaymentId,
    attempt: i64,
    amount: Fen,
) -> Posting {
    let credit = AccountKey::budget_expense(program, from);
    of_payment(AccountKey::funds_balance(from), credit, payment, attempt, amount)
}

fn plain(debit: AccountKey, credit: AccountKey, amount: Fen) -> Posting {
    Posting { debit, credit, amount, payment: None, attempt: 0 }
}

fn of_payment(
    debit: AccountKey,
    credit: AccountKey,
    payment: PaymentId,
    attempt: i64,
    amount: Fen,
) -> Posting {
    Posting { debit, credit, amount, payment: Some(payment), attempt }
}
