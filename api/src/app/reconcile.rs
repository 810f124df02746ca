//! The four agreements (四相符): vouchers, books, bank and reports agree, or the rows that differ
//! are named.
//!
//! What is compared as of the end of the asked month: vouchers with transfers and balances,
//! financial with budget books, books with bank. What is compared as of now, because sub-ledgers
//! are kept as they stand: control accounts with payments, attempts, refunds and exceptions, and
//! the reports with the books.

use std::collections::{BTreeMap, BTreeSet};

use ledger::account::{Chart, Side};
use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::id::{BankAccountId, BookId, ComponentId, ProgramId};
use ledger::money::{Fen, MoneyError};
use ledger::problem::Language;
use ledger_store::db::Tx;
use ledger_store::exception::{self, ExceptionState};
use ledger_store::journal::{self, AccountMovement, side_totals, total_of};
use ledger_store::report as figures;
use ledger_store::statement;
use reconciliation::agreement::{Agreement, AgreementId, DETAILS_MAX, Difference};
use reconciliation::answer::ExceptionKind;
use serde_json::{Value, json};

use super::report::{Names, sheet, voucher_number};
use super::view::{Report, Table, Words, words};
use super::{App, Caller, Error};

/// The first and last month of the calendar: everything.
const ALWAYS: (&str, &str) = ("1900-01", "2999-12");

/// The four agreements as of the end of a month, or as of now.
///
/// # Errors
/// When the caller may not read reports; when a sum is out of range; accidents of the store.
pub async fn agreements(
    app: &App,
    caller: &Caller,
    month: Option<Month>,
) -> Result<Vec<Agreement>, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let names = Names::load(&mut tx, caller.book.id).await?;
    let mut desk = Desk { tx, book: caller.book.id, names, until: month.unwrap_or(always().1) };
    let agreed = vec![
        desk.vouchers_books().await?,
        desk.books_books().await?,
        desk.books_bank().await?,
        desk.books_reports().await?,
    ];
    desk.tx.rollback().await?;
    Ok(agreed)
}

/// The four agreements as a report; something found is exit status 3.
///
/// # Errors
/// As [`agreements`].
pub async fn reconcile(
    app: &App,
    caller: &Caller,
    month: Option<Month>,
) -> Result<Report, Error> {
    let agreed = agreements(app, caller, month).await?;
    let json = json!({
        "month": month.map(|month| month.to_string()),
        "agreements": agreed.iter().map(agreement_json).collect::<Value>(),
    });
    let found = agreed.iter().any(|agreement| !agreement.ok());
    Ok(Report { json, tables: tables(month, &agreed), found })
}

/// An agreement as JSON: both figures, how many rows differ, and which.
pub fn agreement_json(agreement: &Agreement) -> Value {
    let detail = |row: &Difference| {
        json!({
            "what_zh": row.what_zh,
            "what_en": row.what_en,
            "row": row.row,
            "left_fen": row.left.get(),
            "right_fen": row.right.get(),
        })
    };
    let compared = compared(agreement.id);
    json!({
        "id": agreement.id.code(),
        "name": agreement.id.name(Language::Zh),
        "ok": agreement.ok(),
        "left_fen": agreement.left.get(),
        "right_fen": agreement.right.get(),
        "differing_rows": agreement.differing_rows,
        "compared": { "zh": compared.zh, "en": compared.en },
        "details": agreement.details.iter().map(detail).collect::<Value>(),
    })
}

/// What an agreement compares, and as of when.
fn compared(id: AgreementId) -> Words {
    match id {
        AgreementId::VouchersBooks => words(
            "截至所问月末:凭证合计=分录合计,凭证号连续,余额=分录之和",
            "to the end of the month: vouchers = transfers, numbers without gaps, balances = sums",
        ),
        AgreementId::BooksBooks => words(
            "总账与明细(应付、在途、待退回、待查)为当前数;财务与预算、借与贷截至所问月末",
            "control accounts and sub-ledgers as of now; financial and budget, debit and credit to \
             the end of the month",
        ),
        AgreementId::BooksBank => words(
            "月末账面余额与不晚于月末的最近对账单,经余额调节表",
            "balance at the end of the month and the newest statement by then, both adjusted",
        ),
        AgreementId::BooksReports => words(
            "当前数:年度报表各发放项目=5001 各明细;发放成功率的基数=已签发;成功金额=已付",
            "as of now: components of the annual report = 5001; base of the success rate = \
             released; its paid amount = expense less payable",
        ),
    }
}

fn tables(month: Option<Month>, agreed: &[Agreement]) -> Vec<Table> {
    let at = month.map_or_else(|| "当前 now".to_owned(), |month| month.to_string());
    let mut summary = Table::new(
        words(format!("四相符 {at}"), format!("four agreements {at}")),
        &[
            ("核对", "agreement", false),
            ("结果", "result", false),
            ("左方(元)", "left, yuan", true),
            ("右方(元)", "right, yuan", true),
            ("不符行数", "differing rows", true),
            ("比较内容", "compared", false),
        ],
    );
    let mut details = Table::new(
        words("不符的行", "rows that differ"),
        &[
            ("核对", "agreement", false),
            ("内容", "what", false),
            ("行", "row", false),
            ("左方(元)", "left, yuan", true),
            ("右方(元)", "right, yuan", true),
        ],
    );
    for agreement in agreed {
        let name = agreement.id.name(Language::Zh);
        summary.row([
            format!("{name} {}", agreement.id.name(Language::En)),
            if agreement.ok() { "相符 ok" } else { "不符 differs" }.to_owned(),
            agreement.left.grouped(),
            agreement.right.grouped(),
            agreement.differing_rows.to_string(),
            compared(agreement.id).zh,
        ]);
        for row in &agreement.details {
            let what = format!("{} {}", row.what_zh, row.what_en);
            let amounts = [row.left.grouped(), row.right.grouped()];
            details.row([name.to_owned(), what, row.row.clone()].into_iter().chain(amounts));
        }
    }
    if details.rows.is_empty() { vec![summary] } else { vec![summary, details] }
}

fn always() -> (Month, Month) {
    let fallback = Month::from_index(0);
    (ALWAYS.0.parse().unwrap_or(fallback), ALWAYS.1.parse().unwrap_or(fallback))
}

fn row(zh: &str, en: &str, name: impl Into<String>, left: Fen, right: Fen) -> Difference {
    let (what_zh, what_en) = (zh.to_owned(), en.to_owned());
    Difference { what_zh, what_en, row: name.into(), left, right }
}

/// A further comparison that counts when it differs and is not part of the totals.
fn further(agreement: &mut Agreement, row: Difference) {
    if row.differs() {
        agreement.differing_rows += 1;
        if agreement.details.len() < DETAILS_MAX {
            agreement.details.push(row);
        }
    }
}

/// One consistent reading of one book.
struct Desk {
    tx: Tx,
    book: BookId,
    names: Names,
    until: Month,
}

impl Desk {
    /// 账证相符.
    async fn vouchers_books(&mut self) -> Result<Agreement, Error> {
        let until = self.until.to_string();
        let mut agreement = Agreement::new(AgreementId::VouchersBooks);
        let [moved, stored] = figures::month_sums(&mut self.tx, self.book).await?;
        let mut debits = BTreeMap::<String, i64>::new();
        for (_, month, debit, _) in &moved {
            *debits.entry(month.clone()).or_default() += debit;
        }
        let vouchers = figures::voucher_months(&mut self.tx, self.book).await?;
        for (month, total, _) in vouchers.into_iter().filter(|(month, ..)| *month <= until) {
            let transfers = Fen::new(debits.remove(&month).unwrap_or(0));
            agreement.compare(row("凭证与分录", "vouchers and transfers", month, total, transfers))?;
        }
        for [voucher, _, total, _, summed] in
            figures::differing_vouchers(&mut self.tx, self.book).await?
        {
            let (total, summed) = (Fen::new(total), Fen::new(summed));
            let name = format!("凭证 {voucher}");
            if total == summed {
                // The sums agree and the counts do not.
                agreement.differing_rows += 1;
            }
            further(&mut agreement, row("凭证与分录", "voucher and transfers", name, total, summed));
        }
        for (month, vouchers, highest) in figures::number_gaps(&mut self.tx, self.book).await? {
            let (counted, number) = (Fen::new(vouchers), Fen::new(highest));
            let name = format!("{month} 至 {}", voucher_number(highest));
            further(&mut agreement, row("凭证断号", "gap in numbers", name, counted, number));
        }
        let key = |(id, month, ..): &figures::MonthSums| (*id, month.clone());
        let pair = |sums: &figures::MonthSums| (sums.2, sums.3);
        let moved: BTreeMap<_, _> = moved.iter().map(|sums| (key(sums), pair(sums))).collect();
        let stored: BTreeMap<_, _> = stored.iter().map(|sums| (key(sums), pair(sums))).collect();
        for ((id, month), left, right) in both(&stored, &moved) {
            if month <= until {
                balances_agree(&mut agreement, &format!("科目 {id} {month}"), left, right);
            }
        }
        let [moved, stored, _] = figures::account_sums(&mut self.tx, self.book).await?;
        let of = |sums: Vec<figures::AccountSums>| -> BTreeMap<i64, (i64, i64)> {
            sums.into_iter().map(|(id, debit, credit)| (id, (debit, credit))).collect()
        };
        for (id, left, right) in both(&of(stored), &of(moved)) {
            balances_agree(&mut agreement, &format!("科目 {id}"), left, right);
        }
        Ok(agreement)
    }

    /// 账账相符.
    async fn books_books(&mut self) -> Result<Agreement, Error> {
        let mut agreement = Agreement::new(AgreementId::BooksBooks);
        let now = journal::balances(&mut self.tx, self.book).await?;
        self.sub_ledgers(&mut agreement, &now).await?;
        let then = journal::movements(&mut self.tx, self.book, self.until, self.until).await?;
        self.budget(&mut agreement, &now, &then).await?;
        for (side, zh, en) in [
            (Side::Financial, "财务会计借贷", "financial debits and credits"),
            (Side::Budget, "预算会计借贷", "budget debits and credits"),
        ] {
            let (debit, credit) = side_totals(&then, side);
            let opening = then.iter().filter(|account| account.key.chart.side() == side);
            let (debit, credit) = opening.fold((debit, credit), |(debit, credit), account| {
                (debit + account.opening_debit, credit + account.opening_credit)
            });
            further(&mut agreement, row(zh, en, "", Fen::new(debit), Fen::new(credit)));
        }
        Ok(agreement)
    }

    /// Control accounts with what payments, attempts, refunds and exceptions say.
    async fn sub_ledgers(
        &mut self,
        agreement: &mut Agreement,
        now: &[AccountMovement],
    ) -> Result<(), Error> {
        let program = |account: &AccountMovement| account.key.program.map_or(0, ProgramId::get);
        let bank = |account: &AccountMovement| account.key.bank_account.map_or(0, BankAccountId::get);
        let owed = figures::owed(&mut self.tx, self.book).await?;
        let transit = figures::in_transit(&mut self.tx, self.book).await?;
        let awaited = figures::awaited(&mut self.tx, self.book).await?;
        let suspense = self.unexplained().await?;
        let names = &self.names;
        let program_name = |id| names.program(ProgramId(id));
        let bank_name = |id| names.bank(BankAccountId(id));
        let control = by_dimension(now, Chart::Payable, program)?;
        for (id, left, right) in both(&control, &amounts(&owed)) {
            let name = program_name(id);
            agreement.compare(row("应付与未付明细", "payable and payments owed", name, left, right))?;
        }
        let control = by_dimension(now, Chart::InTransit, bank)?;
        for (id, left, right) in both(&control, &amounts(&transit)) {
            let name = bank_name(id);
            agreement.compare(row("在途与未回盘", "in transit and attempts", name, left, right))?;
        }
        let control = by_dimension(now, Chart::RefundAwaited, bank)?;
        for (id, left, right) in both(&control, &amounts(&awaited)) {
            let name = bank_name(id);
            agreement.compare(row("待退回与失败明细", "refunds awaited", name, left, right))?;
        }
        let control = by_dimension(now, Chart::Suspense, bank)?;
        for (id, left, right) in both(&control, &suspense) {
            let name = bank_name(id);
            agreement.compare(row("待查与未处理差异", "suspense and exceptions", name, left, right))?;
        }
        Ok(())
    }

    /// Open exceptions about credits that nobody can explain, by bank account.
    async fn unexplained(&mut self) -> Result<BTreeMap<i64, Fen>, Error> {
        let statements = statement::statements(&mut self.tx, self.book).await?;
        let kinds = [ExceptionKind::UnexplainedCredit, ExceptionKind::RefundWithoutOriginal];
        let mut open = BTreeMap::<i64, Fen>::new();
        for exception in exception::exceptions(&mut self.tx, self.book).await? {
            let credit = kinds.iter().any(|kind| kind.code() == exception.kind);
            if exception.state == ExceptionState::Settled || !credit {
                continue;
            }
            let from = statements.iter().find(|statement| {
                exception.source == "statement" && statement.id.get() == exception.source_id
            });
            if let Some(statement) = from {
                let sum = open.entry(statement.bank_account.get()).or_default();
                *sum = sum.plus(exception.amount)?;
            }
        }
        Ok(open)
    }

    /// Financial with budget accounting: the three equations of `ledger::journal::rules`.
    async fn budget(
        &mut self,
        agreement: &mut Agreement,
        now: &[AccountMovement],
        then: &[AccountMovement],
    ) -> Result<(), Error> {
        let lot = |account: &AccountMovement| account.key.appropriation.map_or(0, |id| id.get());
        let funds = by_dimension(then, Chart::FundsBalance, lot)?;
        let mut bank = by_dimension(then, Chart::Bank, lot)?;
        // Money of no appropriation does not enter budget accounting.
        bank.remove(&0);
        for (id, left, right) in both(&funds, &bank) {
            let name = self.names.appropriation(ledger::id::AppropriationId(id));
            agreement.compare(row("资金结存与银行存款", "funds and bank", name, left, right))?;
        }
        let paid = figures::paid_out(&mut self.tx, self.book).await?;
        let away = Fen::sum(paid.iter().map(|row| row.1))?
            .plus(total_of(now, Chart::InTransit))?
            .plus(total_of(now, Chart::RefundAwaited))?;
        let spent = total_of(now, Chart::BudgetExpense);
        let (zh, en) = ("事业支出与已离账资金", "budget expense and money that left");
        Ok(agreement.compare(row(zh, en, "7201", spent, away))?)
    }

    /// 账实相符.
    async fn books_bank(&mut self) -> Result<Agreement, Error> {
        let mut agreement = Agreement::new(AgreementId::BooksBank);
        let banks: Vec<BankAccountId> = self.names.banks.keys().copied().collect();
        for bank in banks {
            let (sheet, newest) = sheet(&mut self.tx, self.book, bank, self.until).await?;
            let until = newest.map_or_else(|| "无对账单".to_owned(), |statement| statement.to);
            let name = format!("{} ({until})", self.names.bank(bank));
            let (left, right) = (sheet.adjusted_book()?, sheet.adjusted_statement()?);
            agreement.compare(row("调节后余额", "adjusted balance", name, left, right))?;
        }
        Ok(agreement)
    }

    /// 账表相符.
    async fn books_reports(&mut self) -> Result<Agreement, Error> {
        let mut agreement = Agreement::new(AgreementId::BooksReports);
        let (first, last) = always();
        let now = journal::balances(&mut self.tx, self.book).await?;
        let totals = figures::component_totals(&mut self.tx, self.book, first, last).await?;
        let mut booked = BTreeMap::<(ProgramId, ComponentId), Fen>::new();
        for account in now.iter().filter(|account| account.key.chart == Chart::Expense) {
            if let (Some(program), Some(component)) = (account.key.program, account.key.component) {
                booked.insert((program, component), account.closing());
            }
        }
        let key = |total: &figures::ComponentTotal| (total.program, total.component);
        let reported: BTreeMap<_, _> = totals.iter().map(|t| (key(t), t.amount)).collect();
        for ((program, component), left, right) in both(&booked, &reported) {
            let name =
                format!("{}/{}", self.names.program(program), self.names.component(component));
            agreement.compare(row("5001 与年度报表", "5001 and annual report", name, left, right))?;
        }
        self.rates(&mut agreement, &now).await?;
        Ok(agreement)
    }

    /// The success rate with what was released, and with what the books say was paid.
    async fn rates(
        &mut self,
        agreement: &mut Agreement,
        now: &[AccountMovement],
    ) -> Result<(), Error> {
        let (first, last) = always();
        let rates =
            super::report::success_by_program(&mut self.tx, self.book, first, last).await?;
        let released = amounts(&figures::released(&mut self.tx, self.book).await?);
        let mut attempted = BTreeMap::new();
        let mut paid = BTreeMap::new();
        for (program, rate) in &rates {
            let base = Fen::new(rate.final_amount.attempted).plus(rate.pending_amount)?;
            attempted.insert(program.get(), base);
            paid.insert(program.get(), Fen::new(rate.final_amount.paid));
        }
        for (id, left, right) in both(&released, &attempted) {
            let name = self.names.program(ProgramId(id));
            let (zh, en) = ("已签发与成功率基数", "released and base of the rate");
            further(agreement, row(zh, en, name, left, right));
        }
        let program = |account: &AccountMovement| account.key.program.map_or(0, ProgramId::get);
        let mut settled = by_dimension(now, Chart::Expense, program)?;
        for (id, owed) in by_dimension(now, Chart::Payable, program)? {
            let expense = settled.entry(id).or_default();
            *expense = expense.minus(owed)?;
        }
        for (id, left, right) in both(&settled, &paid) {
            let name = self.names.program(ProgramId(id));
            let (zh, en) = ("账面已付与成功金额", "paid in the books and in the rate");
            further(agreement, row(zh, en, name, left, right));
        }
        Ok(())
    }
}

fn amounts(rows: &[figures::SubLedger]) -> BTreeMap<i64, Fen> {
    rows.iter().map(|row| (row.0, row.1)).collect()
}

/// The balances of a chart line summed by one dimension.
fn by_dimension(
    accounts: &[AccountMovement],
    chart: Chart,
    dimension: impl Fn(&AccountMovement) -> i64,
) -> Result<BTreeMap<i64, Fen>, MoneyError> {
    let mut sums = BTreeMap::<i64, Fen>::new();
    for account in accounts.iter().filter(|account| account.key.chart == chart) {
        let sum = sums.entry(dimension(account)).or_default();
        *sum = sum.plus(account.closing())?;
    }
    Ok(sums)
}

/// Every key of either map with the values of both.
fn both<K: Ord + Clone, V: Copy + Default>(
    left: &BTreeMap<K, V>,
    right: &BTreeMap<K, V>,
) -> Vec<(K, V, V)> {
    let keys: BTreeSet<&K> = left.keys().chain(right.keys()).collect();
    let of = |map: &BTreeMap<K, V>, key: &K| map.get(key).copied().unwrap_or_default();
    keys.into_iter().map(|key| (key.clone(), of(left, key), of(right, key))).collect()
}

/// Stored debits and credits with those summed from transfers.
fn balances_agree(agreement: &mut Agreement, name: &str, left: (i64, i64), right: (i64, i64)) {
    let (zh, en) = ("余额与分录:借方", "balance and transfers: debit");
    further(agreement, row(zh, en, name, Fen::new(left.0), Fen::new(right.0)));
    let (zh, en) = ("余额与分录:贷方", "balance and transfers: credit");
    further(agreement, row(zh, en, name, Fen::new(left.1), Fen::new(right.1)));
}
