//! Reports: what was paid, what failed, what stands in the books, and whether a published report
//! agrees with them.
//!
//! Every figure comes from one set-based statement of the store, and every report reads one
//! consistent state. To add a report: a function in the module of its subject here, its statement
//! in the store's `report`, and a line in each skin.

mod age;
mod bank;
mod books;
mod derived;
mod execution;
mod fates;
mod foot;
mod idle;
mod missed;
mod movement;
mod performance;
mod recovery;
mod shapes;
mod success;
mod summary;
mod tie_out;
mod timeliness;
mod triplicate;

pub(crate) use age::BANDS;
pub use bank::{bank_journal, bank_reconciliation, sheet};
pub(crate) use books::SIDES;
pub use books::{VoucherForm, VoucherLine, ledger, trial_balance, voucher, voucher_form, vouchers};
pub use execution::execution;
pub use fates::{Filter, payments};
pub use foot::{Comparison, compare, foot, foot_with_ledger};
pub use idle::idle;
pub use missed::missed;
pub use performance::{dashboard, performance};
pub use recovery::recovery;
pub use shapes::{SHAPES, annual_shaped, shape_names};
pub use success::{program_success, success_cells, success_json, success_rate};
pub(crate) use success::{reason_name, success_by_program};
pub use summary::{annual, monthly};
pub use tie_out::tie_out;
pub use timeliness::timeliness;
pub(crate) use triplicate::COPIES;
pub use triplicate::{Count, Part, Triplicate, triplicate};

use std::collections::BTreeMap;

use ledger::account::AccountKey;
use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::id::{AppropriationId, BankAccountId, BookId, ComponentId, ProgramId};
use ledger::money::Fen;
use ledger::problem::{Kind, Problem};
use ledger::program::Component;
use ledger_store::boxed;
use ledger_store::db::Tx;
use ledger_store::fund::{self, Appropriation};
use ledger_store::policy::{self, BankAccount, Program};

use super::{App, Caller, Error, not_found};

/// The month that reports are about when nobody names one: the last that has a run, this month
/// before the first.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
#[boxed]
pub async fn newest_month(app: &App, caller: &Caller) -> Result<Month, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let newest = ledger_store::run::newest_month(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    Ok(newest.unwrap_or_else(|| Month::of(app.clock.today())))
}

/// What a cell shows when there is nothing.
pub(crate) const NOTHING: &str = "—";

/// The names of what ids stand for.
pub(crate) struct Names {
    pub(crate) programs: BTreeMap<ProgramId, Program>,
    pub(crate) components: BTreeMap<ComponentId, Component>,
    pub(crate) banks: BTreeMap<BankAccountId, BankAccount>,
    pub(crate) appropriations: BTreeMap<AppropriationId, Appropriation>,
}

impl Names {
    /// Loads the names of a book.
    pub(crate) async fn load(tx: &mut Tx, book: BookId) -> Result<Names, Error> {
        let programs = policy::programs(tx, book).await?;
        let components = policy::components(tx, book).await?;
        let banks = policy::bank_accounts(tx, book).await?;
        let appropriations = fund::appropriations(tx, book).await?;
        Ok(Names {
            programs: programs
                .into_iter()
                .map(|program| (program.id, program))
                .collect(),
            components: components.into_iter().map(|part| (part.id, part)).collect(),
            banks: banks.into_iter().map(|bank| (bank.id, bank)).collect(),
            appropriations: appropriations
                .into_iter()
                .map(|lot| (lot.id, lot))
                .collect(),
        })
    }

    /// The name of a program; its number when it has none.
    pub(crate) fn program(&self, id: ProgramId) -> String {
        self.programs
            .get(&id)
            .map_or_else(|| id.to_string(), |program| program.name.clone())
    }

    /// The code of a program; its number when it has none.
    pub(crate) fn program_code(&self, id: ProgramId) -> String {
        self.programs
            .get(&id)
            .map_or_else(|| id.to_string(), |program| program.code.clone())
    }

    /// The functional account (功能科目) of a program; empty when it has none.
    pub(crate) fn function_code(&self, id: ProgramId) -> String {
        let program = self.programs.get(&id);
        program.map_or_else(String::new, |program| program.function_code.clone())
    }

    /// The name of a component.
    pub(crate) fn component(&self, id: ComponentId) -> String {
        self.components
            .get(&id)
            .map_or_else(|| id.to_string(), |part| part.name.clone())
    }

    /// The code of a component.
    pub(crate) fn component_code(&self, id: ComponentId) -> String {
        self.components
            .get(&id)
            .map_or_else(|| id.to_string(), |part| part.code.clone())
    }

    /// The code of a bank account.
    pub(crate) fn bank(&self, id: BankAccountId) -> String {
        self.banks
            .get(&id)
            .map_or_else(|| id.to_string(), |bank| bank.code.clone())
    }

    /// The bank of a bank account; the code of the account when it has none.
    pub(crate) fn bank_name(&self, id: BankAccountId) -> String {
        self.banks
            .get(&id)
            .map_or_else(|| self.bank(id), |bank| bank.bank_name.clone())
    }

    /// Document number and program of an appropriation.
    pub(crate) fn appropriation(&self, id: AppropriationId) -> String {
        self.appropriations
            .get(&id)
            .map_or_else(|| id.to_string(), |lot| lot.document.clone())
    }

    /// The dimensions of an account in words; `—` when it has none.
    pub(crate) fn dimensions(&self, key: &AccountKey) -> String {
        let parts = [
            key.bank_account.map(|id| self.bank_name(id)),
            key.appropriation.map(|id| self.appropriation(id)),
            key.program.map(|id| self.program(id)),
            key.component.map(|id| self.component(id)),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() {
            NOTHING.to_owned()
        } else {
            parts.join(" / ")
        }
    }

    /// An account in words: chart code, chart name and dimensions.
    pub(crate) fn account(&self, key: &AccountKey) -> String {
        let chart = key.chart;
        match self.dimensions(key).as_str() {
            NOTHING => format!("{} {}", chart.code(), chart.name()),
            dimensions => format!("{} {} [{dimensions}]", chart.code(), chart.name()),
        }
    }

    /// The bank account with this code.
    pub(crate) fn bank_by_code(&self, code: &str) -> Result<&BankAccount, Error> {
        let found = self.banks.values().find(|bank| bank.code == code);
        found.ok_or_else(|| not_found("账户 account", code))
    }
}

/// The first and last month of the calendar: everything.
pub(crate) fn always() -> (Month, Month) {
    (
        Month::from_index(1900 * 12),
        Month::from_index(3000 * 12 - 1),
    )
}

/// The months of a year, January and December.
pub(crate) fn months_of(year: i32) -> Result<(Month, Month), Error> {
    let month = |number| Month::new(year, number).map_err(|_| invalid("year", year));
    Ok((month(1)?, month(12)?))
}

/// A refusal of a value that a report was asked with.
pub(crate) fn invalid(field: &'static str, value: impl std::fmt::Display) -> Error {
    Problem::new(Kind::FieldInvalid)
        .with("field", field)
        .with("value", value)
        .with("wanted", "YYYY, YYYY-MM")
        .into()
}

/// An amount for a cell where nothing is `—`.
pub(crate) fn amount_or_nothing(amount: Fen) -> String {
    if amount == Fen::ZERO {
        NOTHING.to_owned()
    } else {
        amount.grouped()
    }
}

/// The number of a voucher as it is printed.
pub(crate) fn voucher_number(number: i64) -> String {
    format!("记-{number:04}")
}
