//! Bank journal (银行存款日记账) and bank reconciliation statement (银行存款余额调节表).

use ledger::account::Chart;
use ledger::calendar::{Date, Month, parse_date};
use ledger::disbursement::role::Action;
use ledger::id::{BankAccountId, BookId};
use ledger::money::Fen;
use ledger::problem::Language;
use ledger_store::boxed;
use ledger_store::db::Tx;
use ledger_store::journal;
use ledger_store::report::{self, Standing};
use ledger_store::statement::{self, Statement};
use reconciliation::agreement::{BankReconciliation, OpenItem};
use reconciliation::answer::ExceptionKind;
use serde_json::{Value, json};

use super::books::running;
use super::{NOTHING, Names};
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error};

/// 银行存款日记账: the vouchers of a month that moved an account, with the running balance.
///
/// # Errors
/// An unknown account; when the caller may not read reports; accidents of the store.
#[boxed]
pub async fn bank_journal(
    app: &App,
    caller: &Caller,
    account: &str,
    month: Month,
) -> Result<Report, Error> {
    let book = caller.book.id;
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let names = Names::load(&mut tx, book).await?;
    let bank = names.bank_by_code(account)?;
    let opening = balance(&mut tx, book, bank.id, month.previous()).await?;
    let moved =
        report::chart_vouchers(&mut tx, book, (month, month), Chart::Bank, Some(bank.id)).await?;
    tx.rollback().await?;
    let title = words(
        format!("银行存款日记账 {} {month}", bank.bank_name),
        format!("bank journal of {} {month}", bank.code),
    );
    let (rows, table) = running(title, Chart::Bank.normal(), opening, &moved)?;
    let json = json!({
        "account": bank.code,
        "month": month.to_string(),
        "opening_fen": opening.get(),
        "rows": rows,
    });
    Ok(Report::new(json, vec![table]))
}

/// The balance of an account in the books at the end of a month.
async fn balance(
    tx: &mut Tx,
    book: BookId,
    bank: BankAccountId,
    month: Month,
) -> Result<Fen, Error> {
    let accounts = journal::movements(tx, book, month, month).await?;
    let of_bank = accounts.iter().filter(|account| {
        account.key.chart == Chart::Bank && account.key.bank_account == Some(bank)
    });
    Ok(Fen::sum(of_bank.map(|account| account.closing()))?)
}

/// The bank reconciliation of an account: the books at the end of a month against the newest
/// statement that ends by then. Without a statement the bank is taken to hold nothing.
///
/// # Errors
/// When a sum is out of range; accidents of the store.
#[boxed]
pub async fn sheet(
    tx: &mut Tx,
    book: BookId,
    bank: BankAccountId,
    month: Month,
) -> Result<(BankReconciliation, Option<Statement>), Error> {
    let cutoff = month.last_day().to_string();
    let statements = statement::statements(tx, book).await?;
    let newest = statements
        .into_iter()
        .filter(|one| one.bank_account == bank && one.to <= cutoff && !one.withdrawn)
        .max_by(|one, other| one.to.cmp(&other.to));
    let seen = newest
        .as_ref()
        .map_or("", |statement| statement.to.as_str());
    let open = report::one_sided(tx, book, bank, &cutoff, seen).await?;
    let mut sheet = BankReconciliation {
        book_balance: balance(tx, book, bank, month).await?,
        statement_balance: newest
            .as_ref()
            .map_or(Fen::ZERO, |statement| statement.closing),
        ..BankReconciliation::default()
    };
    for item in &open.booked {
        match item.amount >= Fen::ZERO {
            true => sheet.booked_received_not_at_bank.push(open_item(item)?),
            false => sheet.booked_paid_not_at_bank.push(open_item(item)?),
        }
    }
    for item in &open.at_bank {
        match item.amount >= Fen::ZERO {
            true => sheet.bank_received_not_booked.push(open_item(item)?),
            false => sheet.bank_paid_not_booked.push(open_item(item)?),
        }
    }
    Ok((sheet, newest))
}

fn open_item(standing: &Standing) -> Result<OpenItem, Error> {
    Ok(OpenItem {
        date: parse_date(&standing.on).unwrap_or(Date::MIN),
        row: standing.row.clone(),
        summary: match ExceptionKind::from_code(&standing.kind) {
            Some(kind @ (ExceptionKind::BankFee | ExceptionKind::Interest)) => {
                format!("{} {}", kind.name(Language::Zh), standing.summary)
            }
            _ => standing.summary.clone(),
        },
        kind: standing.kind.clone(),
        amount: if standing.amount < Fen::ZERO {
            Fen::ZERO.minus(standing.amount)?
        } else {
            standing.amount
        },
    })
}

/// 银行存款余额调节表 of an account at the end of a month: both balances, what each side does not
/// have yet, and the adjusted balances, which must be equal.
///
/// # Errors
/// An unknown account; when the caller may not read reports; accidents of the store.
#[boxed]
pub async fn bank_reconciliation(
    app: &App,
    caller: &Caller,
    account: &str,
    month: Month,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let names = Names::load(&mut tx, caller.book.id).await?;
    let bank = names.bank_by_code(account)?;
    let (sheet, newest) = sheet(&mut tx, caller.book.id, bank.id, month).await?;
    tx.rollback().await?;
    let (book, statement) = (sheet.adjusted_book()?, sheet.adjusted_statement()?);
    let title = words(
        format!("银行存款余额调节表 {} {}", bank.bank_name, month.last_day()),
        format!(
            "bank reconciliation of {} at {}",
            bank.code,
            month.last_day()
        ),
    );
    let json = json!({
        "account": bank.code,
        "month": month.to_string(),
        "statement_to": newest.as_ref().map(|statement| statement.to.clone()),
        "book_balance_fen": sheet.book_balance.get(),
        "bank_received_not_booked": items_json(&sheet.bank_received_not_booked),
        "bank_paid_not_booked": items_json(&sheet.bank_paid_not_booked),
        "adjusted_book_fen": book.get(),
        "statement_balance_fen": sheet.statement_balance.get(),
        "booked_received_not_at_bank": items_json(&sheet.booked_received_not_at_bank),
        "booked_paid_not_at_bank": items_json(&sheet.booked_paid_not_at_bank),
        "adjusted_statement_fen": statement.get(),
        "difference_fen": book.minus(statement)?.get(),
    });
    let until = newest.map_or_else(|| NOTHING.to_owned(), |statement| statement.to);
    let mut table = Table::new(
        title,
        &[
            ("单位账", "books", false),
            ("金额(元)", "yuan", true),
            ("银行对账单", "bank statement", false),
            ("金额(元)", "yuan", true),
        ],
    );
    let opening = ("单位日记账余额".to_owned(), sheet.book_balance.grouped());
    let closing = (
        format!("对账单余额({until})"),
        sheet.statement_balance.grouped(),
    );
    table.row([opening.0, opening.1, closing.0, closing.1]);
    two_sided(&mut table, &sheet);
    let adjusted = || "调节后余额".to_owned();
    table.row([adjusted(), book.grouped(), adjusted(), statement.grouped()]);
    Ok(Report {
        json,
        tables: vec![table],
        found: book != statement,
    })
}

fn two_sided(table: &mut Table, sheet: &BankReconciliation) {
    let left = [
        ("加:银行已收、单位未收", &sheet.bank_received_not_booked),
        ("减:银行已付、单位未付", &sheet.bank_paid_not_booked),
    ];
    let right = [
        ("加:单位已收、银行未收", &sheet.booked_received_not_at_bank),
        ("减:单位已付、银行未付", &sheet.booked_paid_not_at_bank),
    ];
    for ((left_head, left), (right_head, right)) in left.into_iter().zip(right) {
        let blank = String::new;
        table.row([
            left_head.to_owned(),
            blank(),
            right_head.to_owned(),
            blank(),
        ]);
        for position in 0..left.len().max(right.len()) {
            let (left, right) = (
                item_cells(left.get(position)),
                item_cells(right.get(position)),
            );
            table.row(left.into_iter().chain(right));
        }
    }
}

fn item_cells(item: Option<&OpenItem>) -> [String; 2] {
    match item {
        None => [String::new(), String::new()],
        Some(item) => [
            format!("  {} {} {}", item.date, item.row, item.summary),
            item.amount.grouped(),
        ],
    }
}

fn items_json(items: &[OpenItem]) -> Value {
    let item = |item: &OpenItem| {
        json!({
            "date": item.date.to_string(),
            "row": item.row,
            "summary": item.summary,
            "kind": Some(&item.kind).filter(|kind| !kind.is_empty()),
            "amount_fen": item.amount.get(),
        })
    };
    items.iter().map(item).collect()
}
