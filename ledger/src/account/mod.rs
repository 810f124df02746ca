//! The chart of accounts (会计科目) and the dimensions (辅助核算) that make an account of it.
//!
//! Source: 政府会计制度—行政事业单位会计科目和报表 (财会〔2017〕25号). Financial and budget
//! accounting run in parallel (平行记账), so the chart has two sides that never meet in one
//! posting. An account is a chart line plus the dimensions that its rows are asked by: bank
//! account, appropriation, program, component.

mod coded;

use std::fmt;

pub(crate) use coded::coded;

use crate::id::{AppropriationId, BankAccountId, ComponentId, ProgramId};

coded! {
    /// The lines of the chart that the loop of disbursement uses, coded as the standard numbers
    /// them.
    pub enum Chart {
        /// 1002: money at a bank, by appropriation.
        Bank "1002" "银行存款",
        /// 1218.01: sent to the paying bank, no answer yet.
        InTransit "1218.01" "其他应收款—代发在途",
        /// 1218.02: failed or bounced, not yet back on the account.
        RefundAwaited "1218.02" "其他应收款—待退回",
        /// 1218.03: overpaid, owed back by the payee.
        Recoverable "1218.03" "其他应收款—应追缴",
        /// 2103: to be handed to the treasury.
        DueToTreasury "2103" "应缴财政款",
        /// 2303: approved for beneficiaries, not yet paid.
        Payable "2303" "应付政府补贴款",
        /// 2307: bank money that nobody can explain yet.
        Suspense "2307" "其他应付款—待查",
        /// 3001: surplus carried over the years.
        Surplus "3001" "累计盈余",
        /// 3301: surplus of the year, empty but while the year is closed.
        YearSurplus "3301" "本期盈余",
        /// 3501: corrections of earlier years.
        PriorYearAdjustment "3501" "以前年度盈余调整",
        /// 4001: appropriations received.
        AppropriationIncome "4001" "财政拨款收入",
        /// 5001: assistance granted, by program and component.
        Expense "5001" "业务活动费用",
        /// 6001, budget side: appropriations received.
        BudgetIncome "6001" "财政拨款预算收入",
        /// 7201, budget side: assistance sent out, by program and appropriation.
        BudgetExpense "7201" "事业支出",
        /// 8001, budget side: money available, by appropriation.
        FundsBalance "8001" "资金结存",
        /// 8101, budget side: what closed years left over, by appropriation.
        CarriedOver "8101" "财政拨款结转",
        /// 8101.01, budget side: came home for what an earlier year sent, by appropriation.
        OpeningAdjustment "8101.01" "财政拨款结转—年初余额调整",
    }
}

/// The two sides of parallel accounting (平行记账).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// 财务会计: accrual basis.
    Financial,
    /// 预算会计: cash basis.
    Budget,
}

/// Where the balance of an account usually stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Normal {
    /// 借.
    Debit,
    /// 贷.
    Credit,
}

/// What the database refuses for the balance of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Floor {
    /// Any balance may stand.
    None,
    /// Debits minus credits may not fall below zero.
    DebitNotNegative,
    /// Credits minus debits may not fall below zero.
    CreditNotNegative,
}

impl Chart {
    /// Financial or budget accounting.
    pub fn side(self) -> Side {
        match self {
            Chart::BudgetIncome
            | Chart::BudgetExpense
            | Chart::FundsBalance
            | Chart::CarriedOver
            | Chart::OpeningAdjustment => Side::Budget,
            _ => Side::Financial,
        }
    }

    /// The side on which the balance usually stands.
    pub fn normal(self) -> Normal {
        use Chart::{
            Bank, BudgetExpense, Expense, FundsBalance, InTransit, Recoverable, RefundAwaited,
        };
        match self {
            Bank | InTransit | RefundAwaited | Recoverable | Expense | BudgetExpense
            | FundsBalance => Normal::Debit,
            _ => Normal::Credit,
        }
    }

    /// Whether the account counts one year only: the year close empties it.
    pub fn is_of_the_year(self) -> bool {
        use Chart::{
            AppropriationIncome, BudgetExpense, BudgetIncome, Expense, OpeningAdjustment,
            PriorYearAdjustment, YearSurplus,
        };
        matches!(
            self,
            AppropriationIncome
                | BudgetExpense
                | BudgetIncome
                | Expense
                | OpeningAdjustment
                | PriorYearAdjustment
                | YearSurplus
        )
    }

    /// What may never be overdrawn: money that is somewhere cannot be less than nothing, and
    /// nobody can be paid more than was approved.
    pub fn floor(self) -> Floor {
        match self {
            Chart::Bank | Chart::InTransit | Chart::RefundAwaited | Chart::FundsBalance => {
                Floor::DebitNotNegative
            }
            Chart::Payable | Chart::Suspense => Floor::CreditNotNegative,
            _ => Floor::None,
        }
    }
}

/// An account: a chart line and its dimensions. Made by the constructors, which know what
/// dimensions each line has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountKey {
    /// The line of the chart.
    pub chart: Chart,
    /// The agency's bank account, where money is at or on its way to or from a bank.
    pub bank_account: Option<BankAccountId>,
    /// The quota letter that the money came from.
    pub appropriation: Option<AppropriationId>,
    /// The assistance program.
    pub program: Option<ProgramId>,
    /// The fund category.
    pub component: Option<ComponentId>,
}

impl AccountKey {
    /// A chart line without dimensions.
    pub const fn plain(chart: Chart) -> AccountKey {
        AccountKey {
            chart,
            bank_account: None,
            appropriation: None,
            program: None,
            component: None,
        }
    }

    /// 1002 by bank account and appropriation.
    pub const fn bank(at: BankAccountId, from: AppropriationId) -> AccountKey {
        AccountKey::of_bank(Chart::Bank, at, Some(from))
    }

    /// 1002 for money that belongs to no appropriation: suspense and what is due to the treasury.
    pub const fn bank_unassigned(at: BankAccountId) -> AccountKey {
        AccountKey::of_bank(Chart::Bank, at, None)
    }

    /// 1218.01 by paying bank account and appropriation.
    pub const fn in_transit(at: BankAccountId, from: AppropriationId) -> AccountKey {
        AccountKey::of_bank(Chart::InTransit, at, Some(from))
    }

    /// 1218.02 by paying bank account and appropriation.
    pub const fn refund_awaited(at: BankAccountId, from: AppropriationId) -> AccountKey {
        AccountKey::of_bank(Chart::RefundAwaited, at, Some(from))
    }

    /// 1218.03 by program.
    pub const fn recoverable(program: ProgramId) -> AccountKey {
        AccountKey::of_program(Chart::Recoverable, program)
    }

    /// 2103 by program.
    pub const fn due_to_treasury(program: ProgramId) -> AccountKey {
        AccountKey::of_program(Chart::DueToTreasury, program)
    }

    /// 2303 by program.
    pub const fn payable(program: ProgramId) -> AccountKey {
        AccountKey::of_program(Chart::Payable, program)
    }

    /// 2307 by bank account.
    pub const fn suspense(at: BankAccountId) -> AccountKey {
        AccountKey::of_bank(Chart::Suspense, at, None)
    }

    /// 3001.
    pub const fn surplus() -> AccountKey {
        AccountKey::plain(Chart::Surplus)
    }

    /// 3301.
    pub const fn year_surplus() -> AccountKey {
        AccountKey::plain(Chart::YearSurplus)
    }

    /// 3501 by program.
    pub const fn prior_year_adjustment(program: ProgramId) -> AccountKey {
        AccountKey::of_program(Chart::PriorYearAdjustment, program)
    }

    /// 4001 by appropriation.
    pub const fn appropriation_income(from: AppropriationId) -> AccountKey {
        AccountKey::of_appropriation(Chart::AppropriationIncome, from)
    }

    /// 5001 by program and component.
    pub const fn expense(program: ProgramId, component: ComponentId) -> AccountKey {
        AccountKey {
            component: Some(component),
            ..AccountKey::of_program(Chart::Expense, program)
        }
    }

    /// 6001 by appropriation.
    pub const fn budget_income(from: AppropriationId) -> AccountKey {
        AccountKey::of_appropriation(Chart::BudgetIncome, from)
    }

    /// 7201 by program and appropriation.
    pub const fn budget_expense(program: ProgramId, from: AppropriationId) -> AccountKey {
        AccountKey {
            appropriation: Some(from),
            ..AccountKey::of_program(Chart::BudgetExpense, program)
        }
    }

    /// 8001 by appropriation.
    pub const fn funds_balance(from: AppropriationId) -> AccountKey {
        AccountKey::of_appropriation(Chart::FundsBalance, from)
    }

    /// 8101 by appropriation.
    pub const fn carried_over(from: AppropriationId) -> AccountKey {
        AccountKey::of_appropriation(Chart::CarriedOver, from)
    }

    /// 8101.01 by appropriation.
    pub const fn opening_adjustment(from: AppropriationId) -> AccountKey {
        AccountKey::of_appropriation(Chart::OpeningAdjustment, from)
    }

    const fn of_bank(
        chart: Chart,
        at: BankAccountId,
        appropriation: Option<AppropriationId>,
    ) -> AccountKey {
        AccountKey {
            bank_account: Some(at),
            appropriation,
            ..AccountKey::plain(chart)
        }
    }

    const fn of_appropriation(chart: Chart, from: AppropriationId) -> AccountKey {
        AccountKey {
            appropriation: Some(from),
            ..AccountKey::plain(chart)
        }
    }

    const fn of_program(chart: Chart, program: ProgramId) -> AccountKey {
        AccountKey {
            program: Some(program),
            ..AccountKey::plain(chart)
        }
    }
}

impl fmt::Display for AccountKey {
    /// Code, name and the numbers of the dimensions: `1002 银行存款 bank=1 appropriation=2`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.chart.code(), self.chart.name())?;
        let dimensions = [
            ("bank", self.bank_account.map(BankAccountId::get)),
            (
                "appropriation",
                self.appropriation.map(AppropriationId::get),
            ),
            ("program", self.program.map(ProgramId::get)),
            ("component", self.component.map(ComponentId::get)),
        ];
        for (label, id) in dimensions {
            if let Some(id) = id {
                write!(out, " {label}={id}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chart_table() {
        let mut text = String::new();
        for chart in Chart::ALL {
            assert_eq!(Chart::from_code(chart.code()), Some(*chart));
            text += &format!(
                "{} {:?} {:?} {:?}\n",
                chart.code(),
                chart.side(),
                chart.normal(),
                chart.floor()
            );
        }
        assert_eq!(
            text,
            "1002 Financial Debit DebitNotNegative\n\
             1218.01 Financial Debit DebitNotNegative\n\
             1218.02 Financial Debit DebitNotNegative\n\
             1218.03 Financial Debit None\n\
             2103 Financial Credit None\n\
             2303 Financial Credit CreditNotNegative\n\
             2307 Financial Credit CreditNotNegative\n\
             3001 Financial Credit None\n\
             3301 Financial Credit None\n\
             3501 Financial Credit None\n\
             4001 Financial Credit None\n\
             5001 Financial Debit None\n\
             6001 Budget Credit None\n\
             7201 Budget Debit None\n\
             8001 Budget Debit DebitNotNegative\n\
             8101 Budget Credit None\n\
             8101.01 Budget Credit None\n"
        );
        assert_eq!(Chart::from_code("9999"), None);
    }

    #[test]
    fn codes_are_unique() {
        let mut codes: Vec<_> = Chart::ALL.iter().map(|chart| chart.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Chart::ALL.len());
    }

    #[test]
    fn accounts_print_their_dimensions() {
        let account = AccountKey::budget_expense(ProgramId(3), AppropriationId(2));
        assert_eq!(
            account.to_string(),
            "7201 事业支出 appropriation=2 program=3"
        );
        assert_eq!(
            AccountKey::bank(BankAccountId(1), AppropriationId(2)).to_string(),
            "1002 银行存款 bank=1 appropriation=2"
        );
        assert_eq!(AccountKey::surplus().to_string(), "3001 累计盈余");
    }
}
