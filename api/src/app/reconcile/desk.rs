//! The comparisons behind the four agreements.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ledger::account::{Chart, Side};
use ledger::calendar::Month;
use ledger::id::{AppropriationId, BankAccountId, BookId, ComponentId, ProgramId};
use ledger::money::{Fen, MoneyError};
use ledger_store::db::Tx;
use ledger_store::exception;
use ledger_store::journal::{self, AccountMovement, Voucher, side_totals, total_of};
use ledger_store::report as figures;
use ledger_store::statement;
use reconciliation::agreement::{Agreement, AgreementId, DETAILS_MAX, Difference};
use reconciliation::answer::ExceptionKind;

use crate::app::Error;
use crate::app::report::{Names, sheet, success_by_program, voucher_number};

/// The first and last month of the calendar: everything.
const ALWAYS: (&str, &str) = ("1900-01", "2999-12");

fn always() -> (Month, Month) {
    let fallback = Month::from_index(0);
    (
        ALWAYS.0.parse().unwrap_or(fallback),
        ALWAYS.1.parse().unwrap_or(fallback),
    )
}

fn row(zh: &str, en: &str, name: impl Into<String>, left: Fen, right: Fen) -> Difference {
    let (what_zh, what_en) = (zh.to_owned(), en.to_owned());
    Difference {
        what_zh,
        what_en,
        row: name.into(),
        left,
        right,
    }
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
pub(super) struct Desk {
    tx: Tx,
    book: BookId,
    names: Names,
    /// The month that was asked for.
    month: Option<Month>,
    /// The end of what is compared.
    until: Month,
}

/// Transfers added up.
#[derive(Default)]
struct Moved {
    /// Count and sum by voucher.
    vouchers: HashMap<i64, (i64, i64)>,
    /// Debits and credits by account and month.
    accounts: HashMap<(i64, Month), (i64, i64)>,
    /// The sum of transfers that belong to no voucher.
    stray: i64,
}

impl Desk {
    /// A reading of a book, of a month or of everything.
    pub(super) async fn open(
        mut tx: Tx,
        book: BookId,
        month: Option<Month>,
    ) -> Result<Desk, Error> {
        let names = Names::load(&mut tx, book).await?;
        Ok(Desk {
            tx,
            book,
            names,
            month,
            until: month.unwrap_or(always().1),
        })
    }

    /// Ends the reading.
    pub(super) async fn close(self) -> Result<(), Error> {
        Ok(self.tx.rollback().await?)
    }

    /// 账证相符.
    pub(super) async fn vouchers_books(&mut self) -> Result<Agreement, Error> {
        let mut agreement = Agreement::new(AgreementId::VouchersBooks);
        let (first, last) = self.month.map_or_else(always, |month| (month, month));
        let vouchers = journal::vouchers(&mut self.tx, self.book, first, last).await?;
        let moved = self.moved(&vouchers).await?;
        for voucher in &vouchers {
            let posted = &voucher.posted;
            let (count, sum) = moved
                .vouchers
                .get(&posted.id.get())
                .copied()
                .unwrap_or_default();
            let name = format!("{} {}", posted.month, voucher_number(posted.number));
            let (stated, counted) = (Fen::new(posted.transfers), Fen::new(count));
            let (zh, en) = ("凭证与分录笔数", "voucher and number of transfers");
            further(&mut agreement, row(zh, en, &name, stated, counted));
            let (zh, en) = ("凭证与分录", "voucher and transfers");
            agreement.compare(row(zh, en, name, posted.total, Fen::new(sum)))?;
        }
        if moved.stray != 0 {
            let (zh, en) = ("没有凭证的分录", "transfers without a voucher");
            further(
                &mut agreement,
                row(zh, en, "", Fen::ZERO, Fen::new(moved.stray)),
            );
        }
        for (month, vouchers, highest) in figures::number_gaps(&mut self.tx, self.book).await? {
            let (counted, number) = (Fen::new(vouchers), Fen::new(highest));
            let name = format!("{month} 至 {}", voucher_number(highest));
            further(
                &mut agreement,
                row("凭证断号", "gap in numbers", name, counted, number),
            );
        }
        self.balances(&mut agreement, &moved.accounts).await?;
        Ok(agreement)
    }

    /// Adds up the transfers of the vouchers being compared.
    async fn moved(&mut self, vouchers: &[Voucher]) -> Result<Moved, Error> {
        let months: HashMap<i64, Month> = vouchers
            .iter()
            .map(|voucher| (voucher.posted.id.get(), voucher.posted.month))
            .collect();
        let mut moved = Moved::default();
        figures::each_transfer(
            &mut self.tx,
            self.book,
            self.month,
            |voucher, debit, credit, fen| {
                let Some(month) = months.get(&voucher) else {
                    moved.stray += fen;
                    return;
                };
                let (count, sum) = moved.vouchers.entry(voucher).or_default();
                (*count, *sum) = (*count + 1, *sum + fen);
                moved.accounts.entry((debit, *month)).or_default().0 += fen;
                moved.accounts.entry((credit, *month)).or_default().1 += fen;
            },
        )
        .await?;
        Ok(moved)
    }

    /// Stored balances with the transfers, by month; totals with the months.
    async fn balances(
        &mut self,
        agreement: &mut Agreement,
        moved: &HashMap<(i64, Month), (i64, i64)>,
    ) -> Result<(), Error> {
        let (totals, months) = figures::stored_sums(&mut self.tx, self.book).await?;
        let mut by_account = BTreeMap::<i64, (i64, i64)>::new();
        let mut stored = BTreeMap::new();
        for (id, month, debit, credit) in months {
            let sums = by_account.entry(id).or_default();
            *sums = (sums.0 + debit, sums.1 + credit);
            if self.month.is_none_or(|asked| asked.to_string() == month) {
                stored.insert((id, month), (debit, credit));
            }
        }
        let moved: BTreeMap<_, _> = moved
            .iter()
            .map(|((id, month), sums)| ((*id, month.to_string()), *sums))
            .collect();
        for ((id, month), left, right) in both(&stored, &moved) {
            balances_agree(agreement, &format!("科目 {id} {month}"), left, right);
        }
        let totals: BTreeMap<_, _> = totals
            .into_iter()
            .map(|(id, debit, credit)| (id, (debit, credit)))
            .collect();
        for (id, left, right) in both(&totals, &by_account) {
            balances_agree(agreement, &format!("科目 {id}"), left, right);
        }
        Ok(())
    }

    /// 账账相符.
    pub(super) async fn books_books(&mut self) -> Result<Agreement, Error> {
        let mut agreement = Agreement::new(AgreementId::BooksBooks);
        let now = journal::balances(&mut self.tx, self.book).await?;
        self.sub_ledgers(&mut agreement, &now).await?;
        let then = journal::movements(&mut self.tx, self.book, self.until, self.until).await?;
        self.budget(&mut agreement, &now, &then).await?;
        for (side, zh, en) in [
            (
                Side::Financial,
                "财务会计借贷",
                "financial debits and credits",
            ),
            (Side::Budget, "预算会计借贷", "budget debits and credits"),
        ] {
            let (debit, credit) = side_totals(&then, side);
            let opening = then
                .iter()
                .filter(|account| account.key.chart.side() == side);
            let (debit, credit) = opening.fold((debit, credit), |(debit, credit), account| {
                (
                    debit + account.opening_debit,
                    credit + account.opening_credit,
                )
            });
            further(
                &mut agreement,
                row(zh, en, "", Fen::new(debit), Fen::new(credit)),
            );
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
        let bank =
            |account: &AccountMovement| account.key.bank_account.map_or(0, BankAccountId::get);
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
            agreement.compare(row(
                "应付与未付明细",
                "payable and payments owed",
                name,
                left,
                right,
            ))?;
        }
        let control = by_dimension(now, Chart::InTransit, bank)?;
        for (id, left, right) in both(&control, &amounts(&transit)) {
            let name = bank_name(id);
            agreement.compare(row(
                "在途与未回盘",
                "in transit and attempts",
                name,
                left,
                right,
            ))?;
        }
        let control = by_dimension(now, Chart::RefundAwaited, bank)?;
        for (id, left, right) in both(&control, &amounts(&awaited)) {
            let name = bank_name(id);
            agreement.compare(row(
                "待退回与失败明细",
                "refunds awaited",
                name,
                left,
                right,
            ))?;
        }
        let mut control = BTreeMap::<i64, Fen>::new();
        for account in now
            .iter()
            .filter(|account| account.key.chart == Chart::Suspense)
        {
            let sum = control.entry(bank(account)).or_default();
            *sum = sum.plus(Fen::new(account.credit))?;
        }
        for (id, left, right) in both(&control, &suspense) {
            let name = bank_name(id);
            let (zh, en) = (
                "转入待查与不明到账",
                "put into suspense and unexplained credits",
            );
            agreement.compare(row(zh, en, name, left, right))?;
        }
        Ok(())
    }

    /// Exceptions about credits that nobody could explain, by bank account. Settling one moves no
    /// money, so all of them are compared with everything that was ever put into suspense.
    async fn unexplained(&mut self) -> Result<BTreeMap<i64, Fen>, Error> {
        let statements = statement::statements(&mut self.tx, self.book).await?;
        let kinds = [
            ExceptionKind::UnexplainedCredit,
            ExceptionKind::RefundWithoutOriginal,
        ];
        let mut found = BTreeMap::<i64, Fen>::new();
        for exception in exception::exceptions(&mut self.tx, self.book).await? {
            let credit = kinds.iter().any(|kind| kind.code() == exception.kind);
            let from = statements.iter().find(|statement| {
                credit
                    && exception.source == "statement"
                    && statement.id.get() == exception.source_id
            });
            if let Some(statement) = from {
                let sum = found.entry(statement.bank_account.get()).or_default();
                *sum = sum.plus(exception.amount)?;
            }
        }
        Ok(found)
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
            let name = self.names.appropriation(AppropriationId(id));
            agreement.compare(row(
                "资金结存与银行存款",
                "funds and bank",
                name,
                left,
                right,
            ))?;
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
    pub(super) async fn books_bank(&mut self) -> Result<Agreement, Error> {
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
    pub(super) async fn books_reports(&mut self) -> Result<Agreement, Error> {
        let mut agreement = Agreement::new(AgreementId::BooksReports);
        let (first, last) = always();
        let now = journal::balances(&mut self.tx, self.book).await?;
        let totals = figures::component_totals(&mut self.tx, self.book, first, last).await?;
        let mut booked = BTreeMap::<(ProgramId, ComponentId), Fen>::new();
        for account in now
            .iter()
            .filter(|account| account.key.chart == Chart::Expense)
        {
            if let (Some(program), Some(component)) = (account.key.program, account.key.component) {
                booked.insert((program, component), account.closing());
            }
        }
        let key = |total: &figures::ComponentTotal| (total.program, total.component);
        let reported: BTreeMap<_, _> = totals.iter().map(|t| (key(t), t.amount)).collect();
        for ((program, component), left, right) in both(&booked, &reported) {
            let name = format!(
                "{}/{}",
                self.names.program(program),
                self.names.component(component)
            );
            agreement.compare(row(
                "5001 与年度报表",
                "5001 and annual report",
                name,
                left,
                right,
            ))?;
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
        let rates = success_by_program(&mut self.tx, self.book, first, last).await?;
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
    keys.into_iter()
        .map(|key| (key.clone(), of(left, key), of(right, key)))
        .collect()
}

/// Stored debits and credits with those summed from transfers.
fn balances_agree(agreement: &mut Agreement, name: &str, left: (i64, i64), right: (i64, i64)) {
    let (zh, en) = ("余额与分录:借方", "balance and transfers: debit");
    further(
        agreement,
        row(zh, en, name, Fen::new(left.0), Fen::new(right.0)),
    );
    let (zh, en) = ("余额与分录:贷方", "balance and transfers: credit");
    further(
        agreement,
        row(zh, en, name, Fen::new(left.1), Fen::new(right.1)),
    );
}
