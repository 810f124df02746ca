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
//! | refund of an earlier year seen | Dr 1002 Cr 1218.02 | Dr 8001 Cr 8101.01 |
//! | overpayment found | Dr 1218.03 Cr 5001 or 2103 | – |
//! | overpayment received | Dr 1002 Cr 1218.03 | Dr 8001 Cr 7201 when of the same year |
//! | overpayment withheld from a payment | Dr 2303 Cr 1218.03 | – |
//! | … booked against the expense of a closed year | and Dr 3501 Cr 2103 | – |
//! | overpayment written off | Dr 5001, 3501 or 2103 Cr 1218.03 | – |
//! | returned to treasury, taken back (追减) | Dr 4001 or 2103 Cr 1002 | Dr 6001 Cr 8001 |
//! | the same of money received in an earlier year | Dr 3001 Cr 1002 | Dr 8101 Cr 8001 |
//! | bank money nobody can explain | Dr 1002 Cr 2307 | – |
//! | … nobody claims it, or it is interest | Dr 2307 Cr 2103 | – |
//! | fee of the bank, out of interest | Dr 2103 Cr 1002 | – |
//! | paid twice | Dr 1218.03 Cr 1002 | Dr 7201 Cr 8001 |
//! | … came back | Dr 1002 Cr 1218.03 | Dr 8001 Cr 7201 or 8101.01 |
//! | year closed (年结) | 4001 and 5001 into 3301, that into 3001 | 6001 and 7201 into 8101 |
//!
//! "Line failed, bank debits what succeeds" has 8101.01 for 7201 too when an earlier year sent the
//! line. The year close also empties 3501 into 3001 and 8101.01 into 8101.
//!
//! Three equations hold after any sequence of these, and the tests assert them. The balance of 8001
//! is the bank money that belongs to appropriations, and for each appropriation it is 8101 +
//! 8101.01 + 6001 − 7201. 7201 less 8101.01, the closing entries of all years set aside, is what
//! left the bank and did not come home. 2303 is what was approved and is neither paid nor
//! cancelled: 5001, the closing entries set aside, less what was paid; no year close touches it.
//!
//! Every function pushes to `out` and decides nothing: amounts are checked by
//! [`Posting::check`](super::Posting::check) when the voucher is posted.

use super::Posting;
use crate::account::{AccountKey, Chart, Side};
use crate::disbursement::recovery::Standing;
use crate::id::{AppropriationId, BankAccountId, ComponentId, PaymentId, ProgramId};
use crate::money::Fen;
use crate::problem::Problem;

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
    let (debit, credit) = (
        AccountKey::bank(at, from),
        AccountKey::appropriation_income(from),
    );
    out.push(plain(debit, credit, amount));
    out.push(plain(
        AccountKey::funds_balance(from),
        AccountKey::budget_income(from),
        amount,
    ));
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
    out.push(of_payment(
        debit,
        AccountKey::payable(program),
        payment,
        0,
        amount,
    ));
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
    out.push(of_payment(
        AccountKey::payable(program),
        credit,
        payment,
        0,
        amount,
    ));
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
    let (debit, credit) = (
        AccountKey::payable(program),
        AccountKey::in_transit(at, from),
    );
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
    let (debit, credit) = (
        AccountKey::refund_awaited(at, from),
        AccountKey::in_transit(at, from),
    );
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
    let (debit, credit) = (
        AccountKey::bank(at, from),
        AccountKey::refund_awaited(at, from),
    );
    out.push(of_payment(debit, credit, payment, attempt, amount));
    out.push(budget_home(program, from, payment, attempt, amount));
}

/// [`attempt_failed_success_only`] of a line that an earlier year sent: Dr 1002 Cr 1218.01; Dr 8001
/// Cr 8101.01. The year's own budget expense is not lowered by what another year spent.
pub fn attempt_failed_success_only_earlier_year(
    at: BankAccountId,
    from: AppropriationId,
    payment: PaymentId,
    attempt: i64,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let (debit, credit) = (AccountKey::bank(at, from), AccountKey::in_transit(at, from));
    out.push(of_payment(debit, credit, payment, attempt, amount));
    out.push(budget_home_earlier_year(from, payment, attempt, amount));
}

/// Row "refund of an earlier year seen": Dr 1002 Cr 1218.02; Dr 8001 Cr 8101.01.
pub fn refund_home_earlier_year(
    at: BankAccountId,
    from: AppropriationId,
    payment: PaymentId,
    attempt: i64,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let (debit, credit) = (
        AccountKey::bank(at, from),
        AccountKey::refund_awaited(at, from),
    );
    out.push(of_payment(debit, credit, payment, attempt, amount));
    out.push(budget_home_earlier_year(from, payment, attempt, amount));
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
    let (debit, credit) = (
        AccountKey::refund_awaited(at, from),
        AccountKey::payable(program),
    );
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
    out.push(of_payment(
        AccountKey::payable(program),
        credit,
        payment,
        0,
        amount,
    ));
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
    out.push(of_payment(
        AccountKey::payable(program),
        credit,
        payment,
        0,
        amount,
    ));
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
    out.push(of_payment(
        AccountKey::recoverable(program),
        credit,
        payment,
        0,
        amount,
    ));
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
            out.push(of_payment(
                AccountKey::bank(at, from),
                credit,
                payment,
                0,
                amount,
            ));
            out.push(budget_home(program, from, payment, 0, amount));
        }
        ExpenseYear::Earlier => {
            out.push(of_payment(
                AccountKey::bank_unassigned(at),
                credit,
                payment,
                0,
                amount,
            ));
        }
    }
}

/// Row "overpayment withheld from a payment" (抵扣): Dr 2303 Cr 1218.03. The payment is paid net of
/// it, and the money stays with its appropriation.
pub fn overpayment_set_off(
    program: ProgramId,
    payment: PaymentId,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let credit = AccountKey::recoverable(program);
    out.push(of_payment(
        AccountKey::payable(program),
        credit,
        payment,
        0,
        amount,
    ));
}

/// An overpayment that was booked against the expense of a year which is closed now comes in or is
/// withheld: Dr 3501 Cr 2103. The year's expense can not be less any more, so it is the treasury's.
pub fn recovered_of_closed_year(
    program: ProgramId,
    payment: PaymentId,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let credit = AccountKey::due_to_treasury(program);
    out.push(of_payment(
        AccountKey::prior_year_adjustment(program),
        credit,
        payment,
        0,
        amount,
    ));
}

/// Row "overpayment written off" (核销): Cr 1218.03, Dr 5001 of its components when it was taken
/// from this year's expense, 3501 when from that of a closed year, 2103 when it was the treasury's.
pub fn overpayment_written_off(
    program: ProgramId,
    standing: Standing,
    parts: &[(ComponentId, Fen)],
    payment: PaymentId,
    out: &mut Vec<Posting>,
) {
    for (component, amount) in parts {
        let debit = match standing {
            Standing::Same => AccountKey::expense(program, *component),
            Standing::Closed => AccountKey::prior_year_adjustment(program),
            Standing::Earlier => AccountKey::due_to_treasury(program),
        };
        let credit = AccountKey::recoverable(program);
        out.push(of_payment(debit, credit, payment, 0, *amount));
    }
}

/// Row "returned to treasury", unspent money of this year: Dr 4001 Cr 1002; Dr 6001 Cr 8001.
pub fn returned_to_treasury(
    at: BankAccountId,
    from: AppropriationId,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let (debit, credit) = (
        AccountKey::appropriation_income(from),
        AccountKey::bank(at, from),
    );
    out.push(plain(debit, credit, amount));
    out.push(plain(
        AccountKey::budget_income(from),
        AccountKey::funds_balance(from),
        amount,
    ));
}

/// Row "returned to treasury", unspent money that an earlier year received: Dr 3001 Cr 1002; Dr 8101
/// Cr 8001. Its income stands in the surplus of that year.
pub fn returned_to_treasury_earlier_year(
    at: BankAccountId,
    from: AppropriationId,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    out.push(plain(
        AccountKey::surplus(),
        AccountKey::bank(at, from),
        amount,
    ));
    out.push(plain(
        AccountKey::carried_over(from),
        AccountKey::funds_balance(from),
        amount,
    ));
}

/// Row "year closed": the balances of the accounts that count one year, as debits less credits,
/// are emptied; one voucher for each side of parallel accounting.
///
/// Accounts of other lines and empty ones are passed over. Refused (`AmountInvalid`) when a sum is
/// out of range.
pub fn year_closed(
    balances: &[(AccountKey, Fen)],
    financial: &mut Vec<Posting>,
    budget: &mut Vec<Posting>,
) -> Result<(), Problem> {
    let mut surplus = Fen::ZERO;
    let mut corrections = Vec::new();
    for (account, balance) in balances {
        let into = match (account.chart, account.appropriation) {
            (Chart::AppropriationIncome | Chart::Expense | Chart::YearSurplus, _) => {
                surplus = surplus.plus(*balance)?;
                AccountKey::year_surplus()
            }
            (Chart::PriorYearAdjustment, _) => AccountKey::surplus(),
            (Chart::BudgetIncome | Chart::BudgetExpense | Chart::OpeningAdjustment, Some(from)) => {
                AccountKey::carried_over(from)
            }
            _ => continue,
        };
        let out = match account.chart {
            Chart::YearSurplus => continue,
            Chart::PriorYearAdjustment => &mut corrections,
            chart if chart.side() == Side::Budget => &mut *budget,
            _ => &mut *financial,
        };
        emptied(*account, *balance, into, out)?;
    }
    let (from, into) = (AccountKey::year_surplus(), AccountKey::surplus());
    emptied(from, surplus, into, financial)?;
    financial.append(&mut corrections);
    Ok(())
}

/// Moves a balance, as debits less credits, from one account to another.
fn emptied(
    from: AccountKey,
    balance: Fen,
    into: AccountKey,
    out: &mut Vec<Posting>,
) -> Result<(), Problem> {
    if balance > Fen::ZERO {
        out.push(plain(into, from, balance));
    } else if balance < Fen::ZERO {
        let size = Fen::ZERO.minus(balance)?;
        out.push(plain(from, into, size));
    }
    Ok(())
}

/// Row "returned to treasury", what is due to it from earlier years: Dr 2103 Cr 1002.
///
/// A cancelled obligation is still the money of an appropriation (`from`), so Dr 6001 Cr 8001
/// follows. Recovered money belongs to none and never entered budget accounting.
pub fn handed_to_treasury(
    program: ProgramId,
    at: BankAccountId,
    from: Option<AppropriationId>,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let debit = AccountKey::due_to_treasury(program);
    let Some(from) = from else {
        return out.push(plain(debit, AccountKey::bank_unassigned(at), amount));
    };
    out.push(plain(debit, AccountKey::bank(at, from), amount));
    out.push(plain(
        AccountKey::budget_income(from),
        AccountKey::funds_balance(from),
        amount,
    ));
}

/// Row "bank money nobody can explain": Dr 1002 Cr 2307. It belongs to no appropriation, so the
/// budget side does not know it.
pub fn suspense_received(at: BankAccountId, amount: Fen, out: &mut Vec<Posting>) {
    out.push(plain(
        AccountKey::bank_unassigned(at),
        AccountKey::suspense(at),
        amount,
    ));
}

/// The end of "bank money nobody can explain": Dr 2307 Cr 1002. The row of what the money proved
/// to be is posted in the same voucher and brings it in again.
pub fn suspense_cleared(at: BankAccountId, amount: Fen, out: &mut Vec<Posting>) {
    out.push(plain(
        AccountKey::suspense(at),
        AccountKey::bank_unassigned(at),
        amount,
    ));
}

/// Row "bank money nobody claims": Dr 2307 Cr 2103. It is handed over as recovered money is.
pub fn suspense_to_treasury(
    program: ProgramId,
    at: BankAccountId,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    out.push(plain(
        AccountKey::suspense(at),
        AccountKey::due_to_treasury(program),
        amount,
    ));
}

/// Row "fee of the bank": Dr 2103 Cr 1002. Out of money that belongs to no appropriation, which is
/// the interest that is due to the treasury: assistance money may not bear it.
pub fn fee_charged(program: ProgramId, at: BankAccountId, amount: Fen, out: &mut Vec<Posting>) {
    let debit = AccountKey::due_to_treasury(program);
    out.push(plain(debit, AccountKey::bank_unassigned(at), amount));
}

/// Row "paid twice": Dr 1218.03 Cr 1002; Dr 7201 Cr 8001. The attempt that a bank which debits what
/// succeeds had said to have failed was paid after all, and a later one as well: the money left the
/// very appropriation, and has to come home from the payee.
pub fn paid_twice(
    program: ProgramId,
    at: BankAccountId,
    from: AppropriationId,
    payment: PaymentId,
    attempt: i64,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let (debit, credit) = (AccountKey::recoverable(program), AccountKey::bank(at, from));
    out.push(of_payment(debit, credit, payment, attempt, amount));
    let left = budget_home(program, from, payment, attempt, amount);
    out.push(left.reversed());
}

/// What was paid twice came back: Dr 1002 Cr 1218.03; Dr 8001 Cr 7201, of an earlier year
/// Cr 8101.01. To the very appropriation that it came from.
pub fn paid_twice_home(
    program: ProgramId,
    at: BankAccountId,
    from: (AppropriationId, ExpenseYear),
    payment: PaymentId,
    attempt: i64,
    amount: Fen,
    out: &mut Vec<Posting>,
) {
    let (lot, year) = from;
    let (debit, credit) = (AccountKey::bank(at, lot), AccountKey::recoverable(program));
    out.push(of_payment(debit, credit, payment, attempt, amount));
    out.push(match year {
        ExpenseYear::Same => budget_home(program, lot, payment, attempt, amount),
        ExpenseYear::Earlier => budget_home_earlier_year(lot, payment, attempt, amount),
    });
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
    of_payment(
        AccountKey::funds_balance(from),
        credit,
        payment,
        attempt,
        amount,
    )
}

/// Dr 8001 Cr 8101.01: money that an earlier year booked as spent is available again.
fn budget_home_earlier_year(
    from: AppropriationId,
    payment: PaymentId,
    attempt: i64,
    amount: Fen,
) -> Posting {
    let credit = AccountKey::opening_adjustment(from);
    of_payment(
        AccountKey::funds_balance(from),
        credit,
        payment,
        attempt,
        amount,
    )
}

fn plain(debit: AccountKey, credit: AccountKey, amount: Fen) -> Posting {
    Posting {
        debit,
        credit,
        amount,
        payment: None,
        attempt: 0,
    }
}

fn of_payment(
    debit: AccountKey,
    credit: AccountKey,
    payment: PaymentId,
    attempt: i64,
    amount: Fen,
) -> Posting {
    Posting {
        debit,
        credit,
        amount,
        payment: Some(payment),
        attempt,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::account::Floor;

    const AT: BankAccountId = BankAccountId(1);
    const PROGRAM: ProgramId = ProgramId(3);
    const COMPONENT: ComponentId = ComponentId(4);
    const PAYMENT: PaymentId = PaymentId(5);
    const FROM: AppropriationId = AppropriationId(2);
    const AMOUNT: Fen = Fen::new(100);
    const PART: [(ComponentId, Fen); 1] = [(COMPONENT, AMOUNT)];

    type Event = (&'static str, fn(&mut Vec<Posting>));

    /// Each row of the table in the module's description.
    const ROWS: &[Event] = &[
        ("1002<4001 8001<6001", |out| {
            appropriation_received(AT, FROM, AMOUNT, out)
        }),
        ("5001<2303", |out| {
            run_approved(PROGRAM, COMPONENT, PAYMENT, AMOUNT, out)
        }),
        ("2303<5001", |out| {
            run_approved_set_against(PROGRAM, COMPONENT, PAYMENT, AMOUNT, out)
        }),
        ("1218.01<1002", |out| {
            attempt_sent_financial(AT, FROM, PAYMENT, 1, AMOUNT, out)
        }),
        ("7201<8001", |out| {
            batch_sent_budget(PROGRAM, FROM, AMOUNT, out)
        }),
        ("2303<1218.01", |out| {
            attempt_paid(PROGRAM, AT, FROM, PAYMENT, 1, AMOUNT, out)
        }),
        ("1218.02<1218.01", |out| {
            attempt_failed_whole(AT, FROM, PAYMENT, 1, AMOUNT, out)
        }),
        ("1002<1218.01 8001<7201", |out| {
            attempt_failed_success_only(PROGRAM, AT, FROM, PAYMENT, 1, AMOUNT, out);
        }),
        ("1002<1218.02 8001<7201", |out| {
            refund_home(PROGRAM, AT, FROM, PAYMENT, 1, AMOUNT, out)
        }),
        ("1218.02<2303", |out| {
            refunded_after_success(PROGRAM, AT, FROM, PAYMENT, 1, AMOUNT, out)
        }),
        ("2307<2103", |out| {
            suspense_to_treasury(PROGRAM, AT, AMOUNT, out)
        }),
        ("1218.03<1002 7201<8001", |out| {
            paid_twice(PROGRAM, AT, FROM, PAYMENT, 1, AMOUNT, out)
        }),
        ("1002<1218.03 8001<7201", |out| {
            let from = (FROM, ExpenseYear::Same);
            paid_twice_home(PROGRAM, AT, from, PAYMENT, 1, AMOUNT, out)
        }),
        ("1002<1218.03 8001<8101.01", |out| {
            let from = (FROM, ExpenseYear::Earlier);
            paid_twice_home(PROGRAM, AT, from, PAYMENT, 1, AMOUNT, out)
        }),
        ("2303<5001", |out| {
            cancelled_same_year(PROGRAM, COMPONENT, PAYMENT, AMOUNT, out)
        }),
        ("2303<2103", |out| {
            cancelled_earlier_year(PROGRAM, EarlierYear::Treasury, PAYMENT, AMOUNT, out);
        }),
        ("2303<3501", |out| {
            cancelled_earlier_year(PROGRAM, EarlierYear::Adjustment, PAYMENT, AMOUNT, out);
        }),
        ("1218.03<5001", |out| {
            overpayment_found(PROGRAM, COMPONENT, ExpenseYear::Same, PAYMENT, AMOUNT, out);
        }),
        ("1218.03<2103", |out| {
            overpayment_found(
                PROGRAM,
                COMPONENT,
                ExpenseYear::Earlier,
                PAYMENT,
                AMOUNT,
                out,
            );
        }),
        ("1002<1218.03 8001<7201", |out| {
            overpayment_received(PROGRAM, AT, FROM, ExpenseYear::Same, PAYMENT, AMOUNT, out);
        }),
        ("1002<1218.03", |out| {
            overpayment_received(
                PROGRAM,
                AT,
                FROM,
                ExpenseYear::Earlier,
                PAYMENT,
                AMOUNT,
                out,
            );
        }),
        ("2303<1218.03", |out| {
            overpayment_set_off(PROGRAM, PAYMENT, AMOUNT, out)
        }),
        ("3501<2103", |out| {
            recovered_of_closed_year(PROGRAM, PAYMENT, AMOUNT, out)
        }),
        ("5001<1218.03", |out| {
            overpayment_written_off(PROGRAM, Standing::Same, &PART, PAYMENT, out)
        }),
        ("3501<1218.03", |out| {
            overpayment_written_off(PROGRAM, Standing::Closed, &PART, PAYMENT, out)
        }),
        ("2103<1218.03", |out| {
            overpayment_written_off(PROGRAM, Standing::Earlier, &PART, PAYMENT, out)
        }),
        ("4001<1002 6001<8001", |out| {
            returned_to_treasury(AT, FROM, AMOUNT, out)
        }),
        ("3001<1002 8101<8001", |out| {
            returned_to_treasury_earlier_year(AT, FROM, AMOUNT, out)
        }),
        ("1002<1218.02 8001<8101.01", |out| {
            refund_home_earlier_year(AT, FROM, PAYMENT, 1, AMOUNT, out)
        }),
        ("1002<1218.01 8001<8101.01", |out| {
            attempt_failed_success_only_earlier_year(AT, FROM, PAYMENT, 1, AMOUNT, out);
        }),
        ("2103<1002", |out| {
            handed_to_treasury(PROGRAM, AT, None, AMOUNT, out)
        }),
        ("2103<1002 6001<8001", |out| {
            handed_to_treasury(PROGRAM, AT, Some(FROM), AMOUNT, out)
        }),
        ("1002<2307", |out| suspense_received(AT, AMOUNT, out)),
        ("2307<1002", |out| suspense_cleared(AT, AMOUNT, out)),
    ];

    #[test]
    fn rows() {
        for (expected, event) in ROWS {
            let mut out = Vec::new();
            event(&mut out);
            let text: Vec<String> = out
                .iter()
                .map(|row| format!("{}<{}", row.debit.chart.code(), row.credit.chart.code()))
                .collect();
            assert_eq!(text.join(" "), *expected);
            for posting in &out {
                assert!(posting.check().is_ok(), "{posting:?}");
                assert_eq!(posting.amount, AMOUNT);
            }
        }
    }

    /// Debits minus credits of each account; panics when a floor is broken on the way.
    fn balances(postings: &[Posting]) -> HashMap<AccountKey, i64> {
        let mut balances = HashMap::new();
        for posting in postings {
            posting.check().unwrap();
            *balances.entry(posting.debit).or_insert(0) += posting.amount.get();
            *balances.entry(posting.credit).or_insert(0) -= posting.amount.get();
            for account in [posting.debit, posting.credit] {
                let balance = balances[&account];
                match account.chart.floor() {
                    Floor::DebitNotNegative => assert!(balance >= 0, "{account} {balance}"),
                    Floor::CreditNotNegative => assert!(balance <= 0, "{account} {balance}"),
                    Floor::None => {}
                }
            }
        }
        balances
    }

    /// Balances before the close, as debits less credits; the rows of both vouchers.
    type Close = (&'static [(AccountKey, i64)], &'static str, &'static str);

    #[test]
    fn a_year_is_closed() {
        const INCOME: AccountKey = AccountKey::appropriation_income(FROM);
        const EXPENSE: AccountKey = AccountKey::expense(PROGRAM, COMPONENT);
        const CORRECTED: AccountKey = AccountKey::prior_year_adjustment(PROGRAM);
        const RECEIVED: AccountKey = AccountKey::budget_income(FROM);
        const SPENT: AccountKey = AccountKey::budget_expense(PROGRAM, FROM);
        const HOME: AccountKey = AccountKey::opening_adjustment(FROM);
        const BANK: AccountKey = AccountKey::bank(AT, FROM);
        let cases: &[Close] = &[
            (&[], "", ""),
            (&[(BANK, 5), (EXPENSE, 0)], "", ""),
            (
                &[(INCOME, -9), (EXPENSE, 4), (BANK, 5)],
                "4001<3301 9 3301<5001 4 3301<3001 5",
                "",
            ),
            // More was granted to people than came in; a corrected year before.
            (
                &[(INCOME, -4), (EXPENSE, 9), (CORRECTED, -2)],
                "4001<3301 4 3301<5001 9 3001<3301 5 3501<3001 2",
                "",
            ),
            (
                &[(RECEIVED, -9), (SPENT, 4), (HOME, -1)],
                "",
                "6001<8101 9 8101<7201 4 8101.01<8101 1",
            ),
            // More came back than was sent in the year.
            (&[(RECEIVED, 3), (SPENT, -2)], "", "8101<6001 3 7201<8101 2"),
        ];
        for (balances, financial, budget) in cases {
            let balances = balances.iter().map(|(key, fen)| (*key, Fen::new(*fen)));
            let (mut one, mut other) = (Vec::new(), Vec::new());
            year_closed(&balances.collect::<Vec<_>>(), &mut one, &mut other).unwrap();
            let text = |rows: &[Posting]| {
                let row = |row: &Posting| {
                    let (debit, credit) = (row.debit.chart.code(), row.credit.chart.code());
                    format!("{debit}<{credit} {}", row.amount.get())
                };
                rows.iter().map(row).collect::<Vec<_>>().join(" ")
            };
            assert_eq!((&*text(&one), &*text(&other)), (*financial, *budget));
            assert!(one.iter().chain(&other).all(|row| row.check().is_ok()));
        }
    }

    /// One attempt after another, until the payment rests.
    fn walk(payment: PaymentId, amount: Fen, outcomes: &[u8], out: &mut Vec<Posting>) {
        run_approved(PROGRAM, COMPONENT, payment, amount, out);
        for (attempt, outcome) in (1..).zip(outcomes) {
            attempt_sent_financial(AT, FROM, payment, attempt, amount, out);
            batch_sent_budget(PROGRAM, FROM, amount, out);
            match outcome {
                0 => return,
                1 => return attempt_paid(PROGRAM, AT, FROM, payment, attempt, amount, out),
                2 => {
                    attempt_failed_whole(AT, FROM, payment, attempt, amount, out);
                    refund_home(PROGRAM, AT, FROM, payment, attempt, amount, out);
                }
                3 => attempt_failed_success_only(PROGRAM, AT, FROM, payment, attempt, amount, out),
                4 => return attempt_failed_whole(AT, FROM, payment, attempt, amount, out),
                _ => {
                    attempt_paid(PROGRAM, AT, FROM, payment, attempt, amount, out);
                    refunded_after_success(PROGRAM, AT, FROM, payment, attempt, amount, out);
                    refund_home(PROGRAM, AT, FROM, payment, attempt, amount, out);
                }
            }
        }
        cancelled_same_year(PROGRAM, COMPONENT, payment, amount, out);
    }

    proptest! {
        /// Appropriated = paid + in transit + refund awaited + unspent; the budget side agrees with
        /// the bank; what is payable is what is neither paid nor cancelled.
        #[test]
        fn the_loop_loses_no_fen(
            payments in prop::collection::vec(
                (1..1_000_000_i64, prop::collection::vec(0_u8..6, 0..4)), 1..20),
        ) {
            let mut out = Vec::new();
            let total = payments.iter().map(|(amount, _)| amount).sum::<i64>() + 7;
            appropriation_received(AT, FROM, Fen::new(total), &mut out);
            for (number, (amount, outcomes)) in (1..).zip(&payments) {
                walk(PaymentId(number), Fen::new(*amount), outcomes, &mut out);
            }
            let balances = balances(&out);
            let of = |chart: Chart| -> i64 {
                balances.iter().filter(|(key, _)| key.chart == chart).map(|(_, sum)| sum).sum()
            };
            let last = |outcomes: &[u8]| outcomes.iter().find(|o| matches!(o, 0 | 1 | 4)).copied();
            let paid = payments
                .iter()
                .filter(|(_, outcomes)| last(outcomes) == Some(1))
                .map(|(amount, _)| amount)
                .sum::<i64>();
            let out_of_bank = paid + of(Chart::InTransit) + of(Chart::RefundAwaited);
            prop_assert_eq!(out_of_bank + of(Chart::Bank), -of(Chart::AppropriationIncome));
            prop_assert_eq!(of(Chart::FundsBalance), of(Chart::Bank));
            prop_assert_eq!(of(Chart::BudgetExpense), out_of_bank);
            prop_assert_eq!(-of(Chart::Payable), of(Chart::Expense) - paid);
            let (mut financial, mut budget) = (Vec::new(), Vec::new());
            let signed = balances.iter().map(|(key, sum)| (*key, Fen::new(*sum)));
            year_closed(&signed.collect::<Vec<_>>(), &mut financial, &mut budget).unwrap();
            let mut after = out.clone();
            after.extend(financial.into_iter().chain(budget));
            let after = self::balances(&after);
            for (key, sum) in &after {
                prop_assert!(!key.chart.is_of_the_year() || *sum == 0, "{} {}", key, sum);
                prop_assert!(key.chart.is_of_the_year() || key.chart == Chart::Surplus
                    || key.chart == Chart::CarriedOver || balances[key] == *sum);
            }
            let unspent = of(Chart::Bank);
            prop_assert_eq!(after.get(&AccountKey::carried_over(FROM)), Some(&-unspent));
            let back = crate::journal::reversal(&out);
            out.extend(back);
            let undone = self::balances(&out);
            prop_assert!(undone.values().all(|balance| *balance == 0));
        }
    }
}
