//! Programs, components, standards, reference amounts and the agency's bank accounts.

use ledger::calendar::Month;
use ledger::id::{BankAccountId, BookId, ComponentId, ProgramId, StandardId};
use ledger::money::{Fen, Rounding};
use ledger::program::{Cadence, Component, Formula, Policy, Reference, Scope, Standard};

use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{Row, Tx, Value};
use crate::error::StoreError;
use crate::table;
use crate::write::Write;

sql! {
    PROGRAMS = "select program_id, code, name, function_code from program
        where book_id = $1 order by program_id";
    COMPONENTS = "select component_id, program_id, code, name, scope, cadence from component
        where book_id = $1 order by component_id";
    STANDARDS = "select standard_id, component_id, tag, from_month, formula, amount_fen, rate,
        reference, rounding, document from standard where book_id = $1 order by standard_id";
    REFERENCES = "select code, from_month, amount_fen, document from reference_amount
        where book_id = $1 order by code, from_month";
    BANK_ACCOUNTS = "select bank_account_id, code, bank_name, bank_no, account_no, account_name,
        debit_style, batch_profile, return_profile, statement_profile from bank_account
        where book_id = $1 order by bank_account_id";
}

/// 救助项目.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its number.
    pub id: ProgramId,
    /// `urban-dibao`.
    pub code: String,
    /// 城市最低生活保障.
    pub name: String,
    /// 功能科目.
    pub function_code: String,
}

/// What leaves the agency's account when a batch is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebitStyle {
    /// The whole batch; failures come back as refunds.
    Whole,
    /// Only what succeeded.
    Succeeded,
}

/// The agency's account at a bank, with the layouts that the bank speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BankAccount {
    /// Its number.
    pub id: BankAccountId,
    /// Short code.
    pub code: String,
    /// 开户行.
    pub bank_name: String,
    /// 联行号.
    pub bank_no: String,
    /// The account number.
    pub account_no: String,
    /// The account's name.
    pub account_name: String,
    /// What leaves it when a batch is sent.
    pub debit_style: DebitStyle,
    /// Layout of batch files.
    pub batch_profile: String,
    /// Layout of returns.
    pub return_profile: String,
    /// Layout of statements.
    pub statement_profile: String,
}

impl DebitStyle {
    /// As stored.
    pub fn code(self) -> &'static str {
        match self {
            DebitStyle::Whole => "whole",
            DebitStyle::Succeeded => "succeeded",
        }
    }

    /// From its code.
    pub fn from_code(code: &str) -> Option<DebitStyle> {
        [DebitStyle::Whole, DebitStyle::Succeeded]
            .into_iter()
            .find(|style| style.code() == code)
    }
}

/// All programs of a book.
pub async fn programs(tx: &mut Tx, book: BookId) -> Result<Vec<Program>, StoreError> {
    let rows = tx.query(PROGRAMS, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(Program {
                id: ProgramId(row.int(0)?),
                code: row.text(1)?,
                name: row.text(2)?,
                function_code: row.text(3)?,
            })
        })
        .collect()
}

/// All components of a book.
pub async fn components(tx: &mut Tx, book: BookId) -> Result<Vec<Component>, StoreError> {
    tx.query(COMPONENTS, &[book.get().into()])
        .await?
        .iter()
        .map(component_of)
        .collect()
}

/// All standards of a book.
pub async fn standards(tx: &mut Tx, book: BookId) -> Result<Vec<Standard>, StoreError> {
    tx.query(STANDARDS, &[book.get().into()])
        .await?
        .iter()
        .map(standard_of)
        .collect()
}

/// All reference amounts with their documents.
pub async fn references(tx: &mut Tx, book: BookId) -> Result<Vec<(Reference, String)>, StoreError> {
    let rows = tx.query(REFERENCES, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| {
            let reference = Reference {
                code: row.text(0)?,
                from: month(row, 1)?,
                amount: Fen::new(row.int(2)?),
            };
            Ok((reference, row.text(3)?))
        })
        .collect()
}

/// What the book's rules say is due.
pub async fn policy(tx: &mut Tx, book: BookId) -> Result<Policy, StoreError> {
    let references = references(tx, book)
        .await?
        .into_iter()
        .map(|(reference, _)| reference);
    let references = references.collect();
    Ok(Policy::new(
        components(tx, book).await?,
        standards(tx, book).await?,
        references,
    ))
}

/// The agency's accounts.
pub async fn bank_accounts(tx: &mut Tx, book: BookId) -> Result<Vec<BankAccount>, StoreError> {
    tx.query(BANK_ACCOUNTS, &[book.get().into()])
        .await?
        .iter()
        .map(bank_account_of)
        .collect()
}

/// Stores a program.
pub async fn add_program(write: &mut Write, program: &Program) -> Result<(), Failure> {
    let row: [Value; 5] = [
        write.book().get().into(),
        program.id.get().into(),
        program.code.as_str().into(),
        program.name.as_str().into(),
        program.function_code.as_str().into(),
    ];
    Ok(write.insert_one(&table::PROGRAM, row).await?)
}

/// Stores a component.
pub async fn add_component(write: &mut Write, component: &Component) -> Result<(), Failure> {
    let row: [Value; 7] = [
        write.book().get().into(),
        component.id.get().into(),
        component.program.get().into(),
        component.code.as_str().into(),
        component.name.as_str().into(),
        component.scope.code().into(),
        component.cadence.to_string().into(),
    ];
    Ok(write.insert_one(&table::COMPONENT, row).await?)
}

/// Stores a standard.
pub async fn add_standard(write: &mut Write, standard: &Standard) -> Result<(), Failure> {
    let (formula, amount, rate, reference, rounding) = match &standard.formula {
        Formula::Amount(amount) => ("amount", Some(*amount), None, None, None),
        Formula::AmountMinusIncome(amount) => {
            ("amount-minus-income", Some(*amount), None, None, None)
        }
        Formula::Rate { of, rate, rounding } => (
            "rate",
            None,
            Some(rate.to_string()),
            Some(of.clone()),
            Some(rounding.name()),
        ),
        Formula::Individual => ("individual", None, None, None, None),
    };
    let row: [Value; 11] = [
        write.book().get().into(),
        standard.id.get().into(),
        standard.component.get().into(),
        standard.tag.as_str().into(),
        standard.from.to_string().into(),
        formula.into(),
        amount.map(Fen::get).into(),
        rate.into(),
        reference.into(),
        rounding.map(str::to_owned).into(),
        standard.document.as_str().into(),
    ];
    Ok(write.insert_one(&table::STANDARD, row).await?)
}

/// Stores reference amounts, in order of code and month.
pub async fn add_reference(
    write: &mut Write,
    reference: &Reference,
    document: &str,
) -> Result<(), Failure> {
    let row: [Value; 5] = [
        write.book().get().into(),
        reference.code.as_str().into(),
        reference.from.to_string().into(),
        reference.amount.get().into(),
        document.into(),
    ];
    Ok(write.insert_one(&table::REFERENCE_AMOUNT, row).await?)
}

/// Stores a bank account.
pub async fn add_bank_account(write: &mut Write, account: &BankAccount) -> Result<(), Failure> {
    let row: [Value; 11] = [
        write.book().get().into(),
        account.id.get().into(),
        account.code.as_str().into(),
        account.bank_name.as_str().into(),
        account.bank_no.as_str().into(),
        account.account_no.as_str().into(),
        account.account_name.as_str().into(),
        account.debit_style.code().into(),
        account.batch_profile.as_str().into(),
        account.return_profile.as_str().into(),
        account.statement_profile.as_str().into(),
    ];
    Ok(write.insert_one(&table::BANK_ACCOUNT, row).await?)
}

/// Reads a column that holds a month.
pub(crate) fn month(row: &Row, column: usize) -> Result<Month, StoreError> {
    row.text(column)?
        .parse()
        .map_err(|_| StoreError::inconsistent("month", "value"))
}

fn component_of(row: &Row) -> Result<Component, StoreError> {
    let bad = |column| StoreError::inconsistent("component", column);
    Ok(Component {
        id: ComponentId(row.int(0)?),
        program: ProgramId(row.int(1)?),
        code: row.text(2)?,
        name: row.text(3)?,
        scope: Scope::from_code(&row.text(4)?).ok_or_else(|| bad("scope"))?,
        cadence: Cadence::parse(&row.text(5)?).map_err(|_| bad("cadence"))?,
    })
}

fn standard_of(row: &Row) -> Result<Standard, StoreError> {
    let bad = |column| StoreError::inconsistent("standard", column);
    let amount = || -> Result<Fen, StoreError> {
        Ok(Fen::new(row.opt_int(5)?.ok_or_else(|| bad("amount_fen"))?))
    };
    let formula = match row.text(4)?.as_str() {
        "amount" => Formula::Amount(amount()?),
        "amount-minus-income" => Formula::AmountMinusIncome(amount()?),
        "rate" => Formula::Rate {
            of: row.opt_text(7)?.ok_or_else(|| bad("reference"))?,
            rate: row
                .opt_text(6)?
                .and_then(|rate| rate.parse().ok())
                .ok_or_else(|| bad("rate"))?,
            rounding: row
                .opt_text(8)?
                .and_then(|name| Rounding::from_name(&name))
                .ok_or_else(|| bad("rounding"))?,
        },
        "individual" => Formula::Individual,
        _ => return Err(bad("formula")),
    };
    Ok(Standard {
        id: StandardId(row.int(0)?),
        component: ComponentId(row.int(1)?),
        tag: row.text(2)?,
        from: month(row, 3)?,
        formula,
        document: row.text(9)?,
    })
}

fn bank_account_of(row: &Row) -> Result<BankAccount, StoreError> {
    Ok(BankAccount {
        id: BankAccountId(row.int(0)?),
        code: row.text(1)?,
        bank_name: row.text(2)?,
        bank_no: row.text(3)?,
        account_no: row.text(4)?,
        account_name: row.text(5)?,
        debit_style: DebitStyle::from_code(&row.text(6)?)
            .ok_or_else(|| StoreError::inconsistent("bank_account", "debit_style"))?,
        batch_profile: row.text(7)?,
        return_profile: row.text(8)?,
        statement_profile: row.text(9)?,
    })
}
