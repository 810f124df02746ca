//! The four agreements (四相符) and the bank reconciliation statement (银行存款余额调节表).

use ledger::calendar::Date;
use ledger::money::{Fen, MoneyError};
use ledger::problem::Language;

/// How many differing rows an agreement lists. The rest are counted: a person works through a list
/// like this one from the top, and an agreement that fails everywhere must still fit in memory.
pub const DETAILS_MAX: usize = 1_000;

/// Which of the four agreements that Chinese bookkeeping asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgreementId {
    /// 账证相符: vouchers = their transfers = the balances.
    VouchersBooks,
    /// 账账相符: control accounts = their sub-ledgers; financial books = budget books.
    BooksBooks,
    /// 账实相符: ledger bank balance with items in transit = statement balance.
    BooksBank,
    /// 账表相符: every figure of a report = the ledger.
    BooksReports,
}

impl AgreementId {
    /// All four, in the order in which they are shown.
    pub const ALL: [AgreementId; 4] = [
        AgreementId::VouchersBooks,
        AgreementId::BooksBooks,
        AgreementId::BooksBank,
        AgreementId::BooksReports,
    ];

    /// The stable code in JSON.
    pub fn code(self) -> &'static str {
        match self {
            AgreementId::VouchersBooks => "vouchers-books",
            AgreementId::BooksBooks => "books-books",
            AgreementId::BooksBank => "books-bank",
            AgreementId::BooksReports => "books-reports",
        }
    }

    /// The name shown to people.
    pub fn name(self, language: Language) -> &'static str {
        match (self, language) {
            (AgreementId::VouchersBooks, Language::Zh) => "账证相符",
            (AgreementId::VouchersBooks, Language::En) => "vouchers with books",
            (AgreementId::BooksBooks, Language::Zh) => "账账相符",
            (AgreementId::BooksBooks, Language::En) => "books with books",
            (AgreementId::BooksBank, Language::Zh) => "账实相符",
            (AgreementId::BooksBank, Language::En) => "books with bank",
            (AgreementId::BooksReports, Language::Zh) => "账表相符",
            (AgreementId::BooksReports, Language::En) => "books with reports",
        }
    }

    /// The agreement with this code.
    pub fn from_code(code: &str) -> Option<AgreementId> {
        AgreementId::ALL.into_iter().find(|id| id.code() == code)
    }
}

/// One row compared: two figures that ought to be equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What is compared, in Chinese.
    pub what_zh: String,
    /// The same in English.
    pub what_en: String,
    /// Which row: a voucher number, an account, a batch, a component.
    pub row: String,
    /// The figure on the left side.
    pub left: Fen,
    /// The figure on the right side.
    pub right: Fen,
}

impl Difference {
    /// Whether the two figures are unequal.
    pub fn differs(&self) -> bool {
        self.left != self.right
    }
}

/// One agreement with its result: both totals, and the rows that differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Which of the four.
    pub id: AgreementId,
    /// The total of the left side.
    pub left: Fen,
    /// The total of the right side.
    pub right: Fen,
    /// How many rows differ, also beyond those in `details`.
    pub differing_rows: i64,
    /// The rows that differ, at most [`DETAILS_MAX`].
    pub details: Vec<Difference>,
}

impl Agreement {
    /// An agreement that has compared nothing yet.
    pub fn new(id: AgreementId) -> Agreement {
        Agreement {
            id,
            left: Fen::ZERO,
            right: Fen::ZERO,
            differing_rows: 0,
            details: Vec::new(),
        }
    }

    /// Compares rows: sums both sides, counts and keeps the rows that differ.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] when a total is beyond [`Fen::MAX`].
    pub fn of(
        id: AgreementId,
        rows: impl IntoIterator<Item = Difference>,
    ) -> Result<Agreement, MoneyError> {
        let mut agreement = Agreement::new(id);
        for row in rows {
            agreement.compare(row)?;
        }
        Ok(agreement)
    }

    /// Compares one more row.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] when a total is beyond [`Fen::MAX`].
    pub fn compare(&mut self, row: Difference) -> Result<(), MoneyError> {
        self.left = self.left.plus(row.left)?;
        self.right = self.right.plus(row.right)?;
        if row.differs() {
            self.differing_rows += 1;
            if self.details.len() < DETAILS_MAX {
                self.details.push(row);
            }
        }
        Ok(())
    }

    /// Whether both totals are equal and no row differs: differences that cancel do not agree.
    pub fn ok(&self) -> bool {
        self.left == self.right && self.differing_rows == 0
    }
}

/// One item that stands on one side only, with a positive amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenItem {
    /// Its date on the side where it stands.
    pub date: Date,
    /// Voucher number or line of the statement.
    pub row: String,
    /// What it is.
    pub summary: String,
    /// The kind of its difference; empty without one.
    pub kind: String,
    /// How much, positive.
    pub amount: Fen,
}

/// 银行存款余额调节表: both balances, and what each side does not have yet.
///
/// Book balance + received by the bank − paid by the bank = statement balance + received in the
/// books − paid in the books.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BankReconciliation {
    /// 企业(单位)银行存款日记账余额: balance of the bank account in the books.
    pub book_balance: Fen,
    /// 银行已收、单位未收: on the statement, not in the books.
    pub bank_received_not_booked: Vec<OpenItem>,
    /// 银行已付、单位未付: on the statement, not in the books.
    pub bank_paid_not_booked: Vec<OpenItem>,
    /// 银行对账单余额: closing balance of the statement.
    pub statement_balance: Fen,
    /// 单位已收、银行未收: in the books, not on the statement.
    pub booked_received_not_at_bank: Vec<OpenItem>,
    /// 单位已付、银行未付: in the books, not on the statement.
    pub booked_paid_not_at_bank: Vec<OpenItem>,
}

impl BankReconciliation {
    /// The adjusted balance of the books (调节后余额).
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] beyond [`Fen::MAX`].
    pub fn adjusted_book(&self) -> Result<Fen, MoneyError> {
        self.book_balance
            .plus(sum(&self.bank_received_not_booked)?)?
            .minus(sum(&self.bank_paid_not_booked)?)
    }

    /// The adjusted balance of the statement (调节后余额).
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] beyond [`Fen::MAX`].
    pub fn adjusted_statement(&self) -> Result<Fen, MoneyError> {
        self.statement_balance
            .plus(sum(&self.booked_received_not_at_bank)?)?
            .minus(sum(&self.booked_paid_not_at_bank)?)
    }

    /// The third agreement for one bank account; `row` names the account.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] beyond [`Fen::MAX`].
    pub fn check(&self, row: &str) -> Result<Agreement, MoneyError> {
        let compared = Difference {
            what_zh: "调节后余额".to_owned(),
            what_en: "adjusted balance".to_owned(),
            row: row.to_owned(),
            left: self.adjusted_book()?,
            right: self.adjusted_statement()?,
        };
        Agreement::of(AgreementId::BooksBank, [compared])
    }

    /// Whether nothing is open on either side and the two balances are equal.
    pub fn is_empty(&self) -> bool {
        self.book_balance == self.statement_balance
            && self.bank_received_not_booked.is_empty()
            && self.bank_paid_not_booked.is_empty()
            && self.booked_received_not_at_bank.is_empty()
            && self.booked_paid_not_at_bank.is_empty()
    }
}

fn sum(items: &[OpenItem]) -> Result<Fen, MoneyError> {
    Fen::sum(items.iter().map(|item| item.amount))
}

#[cfg(test)]
mod tests {
    use ledger::calendar::parse_date;

    use super::*;

    fn row(name: &str, left: i64, right: i64) -> Difference {
        Difference {
            what_zh: "余额".to_owned(),
            what_en: "balance".to_owned(),
            row: name.to_owned(),
            left: Fen::new(left),
            right: Fen::new(right),
        }
    }

    #[test]
    fn an_agreement_needs_equal_totals_and_equal_rows() {
        for (rows, left, right, differing, ok) in [
            (vec![], 0, 0, 0, true),
            (vec![("a", 5, 5), ("b", 7, 7)], 12, 12, 0, true),
            (vec![("a", 5, 6)], 5, 6, 1, false),
            // Two errors that cancel in the total are still two errors.
            (vec![("a", 5, 6), ("b", 6, 5)], 11, 11, 2, false),
        ] {
            let rows = rows
                .into_iter()
                .map(|(name, left, right)| row(name, left, right));
            let agreement = Agreement::of(AgreementId::BooksBooks, rows).unwrap();
            assert_eq!((agreement.left.get(), agreement.right.get()), (left, right));
            assert_eq!((agreement.differing_rows, agreement.ok()), (differing, ok));
        }
    }

    #[test]
    fn an_agreement_counts_more_rows_than_it_lists() {
        let rows = (0..2_500).map(|number| row(&number.to_string(), 1, 2));
        let agreement = Agreement::of(AgreementId::VouchersBooks, rows).unwrap();
        assert_eq!(
            (agreement.differing_rows, agreement.details.len()),
            (2_500, DETAILS_MAX)
        );
    }

    #[test]
    fn codes_are_those_of_the_contract() {
        let codes: Vec<_> = AgreementId::ALL.iter().map(|id| id.code()).collect();
        assert_eq!(
            codes,
            [
                "vouchers-books",
                "books-books",
                "books-bank",
                "books-reports"
            ]
        );
        for id in AgreementId::ALL {
            assert_eq!(AgreementId::from_code(id.code()), Some(id));
        }
        assert_eq!(AgreementId::from_code("other"), None);
    }

    #[test]
    fn both_sides_of_the_bank_reconciliation_are_adjusted() {
        let item = |fen: i64| {
            vec![OpenItem {
                kind: String::new(),
                date: parse_date("2022-09-30").unwrap(),
                row: "记-0001".to_owned(),
                summary: "测试".to_owned(),
                amount: Fen::new(fen),
            }]
        };
        let mut sheet = BankReconciliation {
            book_balance: Fen::new(1_000),
            bank_received_not_booked: item(300),
            bank_paid_not_booked: item(50),
            statement_balance: Fen::new(1_150),
            booked_received_not_at_bank: item(200),
            booked_paid_not_at_bank: item(100),
        };
        assert_eq!(sheet.adjusted_book(), Ok(Fen::new(1_250)));
        let agreement = sheet.check("测试专户").unwrap();
        assert!(agreement.ok() && !sheet.is_empty());

        sheet.statement_balance = Fen::new(1_151);
        let agreement = sheet.check("测试专户").unwrap();
        assert!(!agreement.ok());
        assert_eq!(agreement.details[0].row, "测试专户");
        assert_eq!(
            (agreement.left.get(), agreement.right.get()),
            (1_250, 1_251)
        );
        assert!(BankReconciliation::default().is_empty());
    }
}
