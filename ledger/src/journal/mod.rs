//! Postings: what moves from one account to another, and the rules that make them of events.
//!
//! A [`Posting`] is one row with a debited and a credited account, so it balances by construction.
//! Nothing is ever edited or deleted: a correction is [`reversal`] followed by the right postings.

pub mod rules;

use crate::account::AccountKey;
use crate::id::PaymentId;
use crate::money::Fen;
use crate::problem::{Kind, Problem};

/// One movement from the credited account to the debited one (分录).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Posting {
    /// 借.
    pub debit: AccountKey,
    /// 贷.
    pub credit: AccountKey,
    /// More than zero.
    pub amount: Fen,
    /// The payment that caused it, when one did.
    pub payment: Option<PaymentId>,
    /// The attempt of the payment, from 1; 0 for none.
    pub attempt: i64,
}

impl Posting {
    /// Refuses an amount that is not positive (`AmountInvalid`), and a movement from one side of
    /// parallel accounting to the other or from an account to itself (`Unbalanced`).
    pub fn check(&self) -> Result<(), Problem> {
        if self.amount <= Fen::ZERO {
            return Err(Problem::new(Kind::AmountInvalid).with("value", self.amount));
        }
        if self.debit.chart.side() != self.credit.chart.side() || self.debit == self.credit {
            let detail = format!("{} / {}", self.debit, self.credit);
            return Err(Problem::new(Kind::Unbalanced).with("detail", detail));
        }
        Ok(())
    }

    /// The same movement back: debit and credit swapped.
    #[must_use]
    pub fn reversed(self) -> Posting {
        Posting {
            debit: self.credit,
            credit: self.debit,
            ..self
        }
    }
}

/// The postings of a reversing voucher (红字冲销).
///
/// On paper the reversal repeats the entry in red, with the same accounts and a negative amount.
/// Here amounts are positive always, so the same movement is written with debit and credit
/// swapped. Every balance is the same either way; the printed voucher turns the pair back and
/// shows the amount in red, because the voucher knows that it is a reversal. The order is kept
/// reversed, so that no account is overdrawn on the way that was not on the way out. A store that
/// adds up a whole voucher before it looks at balances may keep the order of the original and
/// turn each posting by [`Posting::reversed`].
pub fn reversal(postings: &[Posting]) -> Vec<Posting> {
    postings
        .iter()
        .rev()
        .map(|posting| posting.reversed())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Chart;
    use crate::id::{AppropriationId, BankAccountId};

    fn posting(debit: Chart, credit: Chart, amount: i64) -> Posting {
        Posting {
            debit: AccountKey::plain(debit),
            credit: AccountKey::plain(credit),
            amount: Fen::new(amount),
            payment: None,
            attempt: 0,
        }
    }

    #[test]
    fn what_a_posting_may_be() {
        for (debit, credit, amount, expected) in [
            (Chart::Bank, Chart::AppropriationIncome, 1, None),
            (Chart::FundsBalance, Chart::BudgetIncome, 1, None),
            (
                Chart::Bank,
                Chart::AppropriationIncome,
                0,
                Some(Kind::AmountInvalid),
            ),
            (
                Chart::Bank,
                Chart::AppropriationIncome,
                -1,
                Some(Kind::AmountInvalid),
            ),
            (Chart::Bank, Chart::BudgetIncome, 1, Some(Kind::Unbalanced)),
            (Chart::BudgetExpense, Chart::Bank, 1, Some(Kind::Unbalanced)),
            (Chart::Bank, Chart::Bank, 1, Some(Kind::Unbalanced)),
        ] {
            let outcome = posting(debit, credit, amount)
                .check()
                .err()
                .map(|problem| problem.kind);
            assert_eq!(outcome, expected, "{debit:?} {credit:?} {amount}");
        }
    }

    #[test]
    fn a_reversal_takes_everything_back() {
        let mut postings = Vec::new();
        rules::appropriation_received(
            BankAccountId(1),
            AppropriationId(2),
            Fen::new(5),
            &mut postings,
        );
        let back = reversal(&postings);
        assert_eq!(back.len(), 2);
        assert_eq!(
            (back[1].debit, back[1].credit),
            (postings[0].credit, postings[0].debit)
        );
        assert_eq!(back[1].amount, postings[0].amount);
        assert_eq!(reversal(&back), postings);
        assert!(back.iter().all(|posting| posting.check().is_ok()));
    }
}
