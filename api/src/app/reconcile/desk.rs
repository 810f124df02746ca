//! The comparisons behind the four agreements.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ledger::account::{Chart, Side};
use ledger::calendar::Month;
use ledger::id::{AppropriationId, BankAccountId, BookId, ComponentId, ProgramId};
use ledger::money::{Fen, MoneyError};
use ledger_store::agreement as figures;
use ledger_store::db::Tx;
use ledger_store::journal::{self, AccountMovement, Voucher, side_totals, total_of};
use ledger_store::report;
use ledger_store::year::{self, ClosingEntry};
use reconciliation::agreement::{Agreement, AgreementId, DETAILS_MAX, Difference};
use reconciliation::answer::ExceptionKind;

use super::events::Events;
use super::recovered::Recovered;
use super::settled::Settled;
use crate::app::Error;
use crate::app::report::{Names, always, months_of, sheet, success_by_program, voucher_number};

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
    /// The vouchers being compared.
    vouchers: Vec<Voucher>,
    /// What closed years moved into their surplus: set aside where all years are compared.
    closing: Vec<ClosingEntry>,
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
        let (first, last) = month.map_or_else(always, |month| (month, month));
        let vouchers = journal::vouchers(&mut tx, book, first, last).await?;
        let closing = year::closing_entries(&mut tx, book).await?;
        Ok(Desk {
            tx,
            book,
            names,
            month,
            until: last,
            vouchers,
            closing,
        })
    }

    /// All accounts as they stand now, the closing entries of all years set aside.
    async fn now(&mut self) -> Result<Vec<AccountMovement>, Error> {
        let mut now = journal::balances(&mut self.tx, self.book).await?;
        year::before_closing(&mut now, &self.closing, None);
        Ok(now)
    }

    /// The same of the month that is compared, or of the whole time.
    fn set_aside(&self, then: &[AccountMovement]) -> Vec<AccountMovement> {
        let mut then = then.to_vec();
        let until = self.until;
        let closing = self.closing.iter().copied();
        let closing: Vec<_> = closing.filter(|entry| entry.month <= until).collect();
        year::before_closing(&mut then, &closing, Some(until));
        then
    }

    /// Ends the reading.
    pub(super) async fn close(self) -> Result<(), Error> {
        Ok(self.tx.rollback().await?)
    }

    /// 账证相符.
    pub(super) async fn vouchers_books(&mut self) -> Result<Agreement, Error> {
        let mut agreement = Agreement::new(AgreementId::VouchersBooks);
        let (first, last) = self.month.map_or_else(always, |month| (month, month));
        let moved = self.moved().await?;
        for voucher in &self.vouchers {
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
        let gaps = figures::number_gaps(&mut self.tx, self.book, first, last).await?;
        for (month, vouchers, highest) in gaps {
            let (counted, number) = (Fen::new(vouchers), Fen::new(highest));
            let name = format!("{month} 至 {}", voucher_number(highest));
            further(
                &mut agreement,
                row("凭证断号", "gap in numbers", name, counted, number),
            );
        }
        self.balances(&mut agreement, &moved.accounts).await?;
        self.reversals(&mut agreement, (first, last)).await?;
        Ok(agreement)
    }

    /// A reversing voucher moves back what its original moved, account by account.
    async fn reversals(
        &mut self,
        agreement: &mut Agreement,
        (first, last): (Month, Month),
    ) -> Result<(), Error> {
        let found = figures::reversals(&mut self.tx, self.book, first, last).await?;
        for reversal in found {
            let own = self.pairs(reversal.own, false).await?;
            let reversed = self.pairs(reversal.reversed, true).await?;
            let name = format!("{} {}", reversal.month, voucher_number(reversal.number));
            for ((debit, credit), left, right) in both(&own, &reversed) {
                let (zh, en) = ("冲销与原凭证", "reversal and its original");
                let name = format!("{name} 科目 {debit}/{credit}");
                further(
                    agreement,
                    row(zh, en, name, Fen::new(left), Fen::new(right)),
                );
            }
        }
        Ok(())
    }

    /// What the transfers of a range move between two accounts; turned round when asked.
    async fn pairs(
        &mut self,
        range: (i64, i64),
        turned: bool,
    ) -> Result<BTreeMap<(i64, i64), i64>, Error> {
        let mut pairs = BTreeMap::<(i64, i64), i64>::new();
        figures::each_movement(&mut self.tx, self.book, &[range], |movement| {
            let pair = match turned {
                true => (movement.credit, movement.debit),
                false => (movement.debit, movement.credit),
            };
            *pairs.entry(pair).or_default() += movement.amount;
        })
        .await?;
        Ok(pairs)
    }

    /// Adds up the transfers of the vouchers being compared; of everything also those that no
    /// voucher counts as its own.
    async fn moved(&mut self) -> Result<Moved, Error> {
        let vouchers = self.vouchers.iter();
        let months: HashMap<i64, Month> = vouchers
            .map(|voucher| (voucher.posted.id.get(), voucher.posted.month))
            .collect();
        let ranges = match self.month {
            Some(_) => ranges(&self.vouchers),
            None => vec![(i64::MIN, i64::MAX)],
        };
        let mut moved = Moved::default();
        figures::each_movement(&mut self.tx, self.book, &ranges, |movement| {
            let (voucher, fen) = (movement.voucher.get(), movement.amount);
            let Some(month) = months.get(&voucher) else {
                moved.stray += fen;
                return;
            };
            let (count, sum) = moved.vouchers.entry(voucher).or_default();
            (*count, *sum) = (*count + movement.transfers, *sum + fen);
            moved
                .accounts
                .entry((movement.debit, *month))
                .or_default()
                .0 += fen;
            moved
                .accounts
                .entry((movement.credit, *month))
                .or_default()
                .1 += fen;
        })
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
        let then = journal::movements(&mut self.tx, self.book, self.until, self.until).await?;
        match self.month {
            Some(_) => {
                let then = self.set_aside(&then);
                self.events_of_month(&mut agreement, &then).await?;
            }
            None => {
                let now = self.now().await?;
                self.sub_ledgers(&mut agreement, &now).await?;
                self.spent(&mut agreement, &now).await?;
            }
        }
        self.unposted(&mut agreement).await?;
        self.budget(&mut agreement, &then)?;
        self.letters(&mut agreement).await?;
        self.years(&mut agreement).await?;
        both_sides(&mut agreement, &then);
        Ok(agreement)
    }

    /// Whatever moves money has a voucher.
    async fn unposted(&mut self, agreement: &mut Agreement) -> Result<(), Error> {
        for (event, id) in figures::not_posted(&mut self.tx, self.book).await? {
            let (zh, en) = ("没有凭证的业务", "event without a voucher");
            let found = row(zh, en, format!("{event} {id}"), Fen::new(1), Fen::ZERO);
            further(agreement, found);
        }
        Ok(())
    }

    /// What moved on the control accounts in the month, with the rows of the events that its
    /// vouchers come from.
    async fn events_of_month(
        &mut self,
        agreement: &mut Agreement,
        then: &[AccountMovement],
    ) -> Result<(), Error> {
        let mut events = Events::of(&mut self.tx, self.book, &self.vouchers, &self.names).await?;
        let moved = |chart, dimension: fn(&AccountMovement) -> i64| {
            moved_by(then, chart, dimension).map_err(Error::from)
        };
        let transit = moved(Chart::InTransit, bank_of)?;
        let awaited = moved(Chart::RefundAwaited, bank_of)?;
        let suspense = moved(Chart::Suspense, bank_of)?;
        let recovered = self.recovered().await?;
        let settled = self.settled().await?;
        events.take_settled(&settled)?;
        let unexplained = less(&events.suspense, &recovered.explained()?)?;
        let owed_back = plus(&recovered.owed()?, &settled.owed()?)?;
        let away = Fen::sum(transit.values().chain(awaited.values()).copied())?
            .plus(settled.paid_twice()?)?;
        let compared = [
            (PAYABLE, moved(Chart::Payable, program_of)?, &events.payable),
            (TRANSIT, transit, &events.transit),
            (AWAITED, awaited, &events.awaited),
            (SUSPENSE, suspense, &unexplained),
            (
                RECOVERABLE,
                moved(Chart::Recoverable, program_of)?,
                &owed_back,
            ),
        ];
        for (what, control, details) in compared {
            self.compare(agreement, what, &control, details)?;
        }
        let total = |chart| -> Result<Fen, Error> {
            Ok(moved(chart, |_| 0)?.get(&0).copied().unwrap_or_default())
        };
        let home = total(Chart::OpeningAdjustment)?;
        let spent = total(Chart::BudgetExpense)?.minus(home)?;
        let (zh, en) = SPENT;
        let left = events.paid.plus(away)?.minus(recovered.came_home()?)?;
        Ok(agreement.compare(row(zh, en, "7201", spent, left))?)
    }

    /// A control account by bank account or program, with its details.
    fn compare(
        &self,
        agreement: &mut Agreement,
        what: (&'static str, &'static str),
        control: &BTreeMap<i64, Fen>,
        details: &BTreeMap<i64, Fen>,
    ) -> Result<(), MoneyError> {
        for (id, left, right) in both(control, details) {
            let name = match what == PAYABLE || what == RECOVERABLE {
                true => self.names.program(ProgramId(id)),
                false => self.names.bank(BankAccountId(id)),
            };
            agreement.compare(row(what.0, what.1, name, left, right))?;
        }
        Ok(())
    }

    /// Control accounts with what payments, attempts, refunds and exceptions say.
    async fn sub_ledgers(
        &mut self,
        agreement: &mut Agreement,
        now: &[AccountMovement],
    ) -> Result<(), Error> {
        let owed = amounts(&figures::owed(&mut self.tx, self.book).await?);
        let transit = amounts(&figures::in_transit(&mut self.tx, self.book).await?);
        let awaited = amounts(&figures::awaited(&mut self.tx, self.book).await?);
        let owed_back = amounts(&figures::recovery_left(&mut self.tx, self.book).await?);
        let settled = self.settled().await?;
        let owed_back = plus(&owed_back, &settled.owed()?)?;
        let explained = plus(&self.recovered().await?.explained()?, &settled.explained()?)?;
        let mut suspense = BTreeMap::<i64, Fen>::new();
        let credits = unexplained(&mut self.tx, self.book).await?;
        for one in credits.iter().filter(|one| !one.withdrawn) {
            let sum = suspense.entry(one.bank_account.get()).or_default();
            *sum = sum.plus(one.amount)?;
        }
        let compared = [
            (
                PAYABLE,
                by_dimension(now, Chart::Payable, program_of)?,
                owed,
            ),
            (
                TRANSIT,
                by_dimension(now, Chart::InTransit, bank_of)?,
                transit,
            ),
            (
                AWAITED,
                by_dimension(now, Chart::RefundAwaited, bank_of)?,
                awaited,
            ),
            (
                SUSPENSE,
                by_dimension(now, Chart::Suspense, bank_of)?,
                less(&suspense, &explained)?,
            ),
            (
                RECOVERABLE,
                by_dimension(now, Chart::Recoverable, program_of)?,
                owed_back,
            ),
        ];
        for (what, control, details) in compared {
            self.compare(agreement, what, &control, &details)?;
        }
        Ok(())
    }

    /// What recoveries moved: in the month that was asked for, or ever.
    async fn recovered(&mut self) -> Result<Recovered, Error> {
        let (first, last) = self.month.map_or_else(always, |month| (month, month));
        Recovered::load(&mut self.tx, self.book, first, last).await
    }

    /// What settlements moved: in the month that was asked for, or ever.
    async fn settled(&mut self) -> Result<Settled, Error> {
        let (first, last) = self.month.map_or_else(always, |month| (month, month));
        Settled::load(&mut self.tx, self.book, first, last).await
    }

    /// Budget expense with the money that left: paid, in transit or on its way back.
    async fn spent(
        &mut self,
        agreement: &mut Agreement,
        now: &[AccountMovement],
    ) -> Result<(), Error> {
        let paid = figures::paid_out(&mut self.tx, self.book).await?;
        let recovered = self.recovered().await?;
        let away = Fen::sum(paid.iter().map(|row| row.1))?
            .plus(total_of(now, Chart::InTransit))?
            .plus(total_of(now, Chart::RefundAwaited))?
            .plus(self.settled().await?.paid_twice()?)?
            .minus(recovered.came_home()?)?;
        let home = total_of(now, Chart::OpeningAdjustment);
        let spent = total_of(now, Chart::BudgetExpense).minus(home)?;
        let (zh, en) = SPENT;
        Ok(agreement.compare(row(zh, en, "7201", spent, away))?)
    }

    /// Financial with budget accounting, as of the end: the money of each appropriation.
    fn budget(
        &self,
        agreement: &mut Agreement,
        then: &[AccountMovement],
    ) -> Result<(), MoneyError> {
        let lot = |account: &AccountMovement| account.key.appropriation.map_or(0, |id| id.get());
        let funds = by_dimension(then, Chart::FundsBalance, lot)?;
        let mut bank = by_dimension(then, Chart::Bank, lot)?;
        // Money of no appropriation does not enter budget accounting.
        bank.remove(&0);
        for (id, left, right) in both(&funds, &bank) {
            let name = self.names.appropriation(AppropriationId(id));
            let (zh, en) = ("资金结存与银行存款", "funds and bank");
            agreement.compare(row(zh, en, name, left, right))?;
        }
        let mut unspent = by_dimension(then, Chart::CarriedOver, lot)?;
        for chart in [Chart::OpeningAdjustment, Chart::BudgetIncome] {
            for (id, amount) in by_dimension(then, chart, lot)? {
                let sum = unspent.entry(id).or_default();
                *sum = sum.plus(amount)?;
            }
        }
        for (id, amount) in by_dimension(then, Chart::BudgetExpense, lot)? {
            let sum = unspent.entry(id).or_default();
            *sum = sum.minus(amount)?;
        }
        for (id, left, right) in both(&funds, &unspent) {
            let name = self.names.appropriation(AppropriationId(id));
            let (zh, en) = (
                "资金结存与结转加收入减支出",
                "funds and carried over + income − expense",
            );
            further(agreement, row(zh, en, name, left, right));
        }
        Ok(())
    }

    /// Letters and reductions with what their vouchers moved.
    async fn letters(&mut self, agreement: &mut Agreement) -> Result<(), Error> {
        let (first, last) = self.month.map_or_else(always, |month| (month, month));
        let reductions = year::reductions(&mut self.tx, self.book).await?;
        for funded in year::funded(&mut self.tx, self.book, first, last).await? {
            let id = funded.source_id;
            let (name, stated) = match funded.source.as_str() {
                "appropriation" => {
                    let letter = self.names.appropriations.get(&AppropriationId(id));
                    let amount = letter.map_or(Fen::ZERO, |letter| letter.amount);
                    (self.names.appropriation(AppropriationId(id)), amount)
                }
                "reduction" => {
                    let letter = reductions.iter().find(|letter| letter.id == id);
                    let amount = letter.map_or(Fen::ZERO, |letter| letter.amount);
                    let name = letter.map_or_else(|| id.to_string(), |one| one.document.clone());
                    (name, Fen::ZERO.minus(amount)?)
                }
                _ => continue,
            };
            let (zh, en) = ("指标文与资金结存", "letters and funds");
            further(agreement, row(zh, en, name, stated, funded.amount));
        }
        Ok(())
    }

    /// A closed year has nothing left on the accounts that count one year, and what was left of its
    /// appropriations is what was carried over.
    async fn years(&mut self, agreement: &mut Agreement) -> Result<(), Error> {
        let carried = year::carry_overs(&mut self.tx, self.book).await?;
        let years = year::years(&mut self.tx, self.book).await?;
        for voucher in self
            .vouchers
            .iter()
            .filter(|one| one.source == "year-close")
        {
            if !years.iter().any(|closed| closed.year == voucher.source_id) {
                let (zh, en) = (
                    "没有年结的年结凭证",
                    "closing voucher of a year that is open",
                );
                let name = voucher_number(voucher.posted.number);
                further(agreement, row(zh, en, name, Fen::new(1), Fen::ZERO));
            }
        }
        for closed in years {
            let Ok(number) = i32::try_from(closed.year) else {
                continue;
            };
            let (_, december) = months_of(number)?;
            if self.month.is_some_and(|month| month != december) {
                continue;
            }
            let then = journal::movements(&mut self.tx, self.book, december, december).await?;
            for account in then.iter().filter(|a| a.key.chart.is_of_the_year()) {
                let name = format!("{number} {}", self.names.account(&account.key));
                let (zh, en) = ("年结后无余额", "nothing left after the year close");
                further(agreement, row(zh, en, name, account.closing(), Fen::ZERO));
            }
            let lot =
                |account: &AccountMovement| account.key.appropriation.map_or(0, |id| id.get());
            let left = by_dimension(&then, Chart::Bank, lot)?;
            for letter in self.names.appropriations.values() {
                if letter.budget_year > closed.year {
                    continue;
                }
                let next = closed.year + 1;
                let over = year::in_force(&carried, letter.id, next, closed.entry);
                let over = over.map_or(Fen::ZERO, |row| row.amount);
                let left = left.get(&letter.id.get()).copied().unwrap_or_default();
                let name = format!("{number} {}", letter.document);
                let (zh, en) = ("年末结余与结转", "left at the year's end and carried over");
                further(agreement, row(zh, en, name, left, over));
            }
        }
        Ok(())
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
        let now = self.now().await?;
        let (booked, mut reported) = match self.month {
            Some(month) => {
                let then = journal::movements(&mut self.tx, self.book, month, month).await?;
                let then = self.set_aside(&then);
                let moved = |account: &AccountMovement| account.movement();
                let runs = Events::lines(&mut self.tx, self.book, &self.vouchers).await?;
                (by_component(&then, moved), runs)
            }
            None => {
                let (first, last) = always();
                let totals = report::component_totals(&mut self.tx, self.book, first, last);
                let totals = totals.await?.into_iter();
                let reported = totals.map(|t| ((t.program, t.component), t.amount));
                let closing = |account: &AccountMovement| account.closing();
                let reported: BTreeMap<_, _> = reported.collect();
                (by_component(&now, closing), reported)
            }
        };
        let (first, last) = self.month.map_or_else(always, |month| (month, month));
        let changes = figures::recovery_expense(&mut self.tx, self.book, first, last).await?;
        for (program, component, amount) in changes {
            let sum: &mut Fen = reported.entry((program, component)).or_default();
            *sum = sum.plus(amount)?;
        }
        for ((program, component), left, right) in both(&booked, &reported) {
            let (program, component) =
                (self.names.program(program), self.names.component(component));
            let name = format!("{program}/{component}");
            let (zh, en) = ("5001 与发放项目报表", "5001 and report by component");
            agreement.compare(row(zh, en, name, left, right))?;
        }
        self.rates(&mut agreement, &now).await?;
        self.published(&mut agreement).await?;
        Ok(agreement)
    }

    /// Published lists with the runs that were approved.
    async fn published(&mut self, agreement: &mut Agreement) -> Result<(), Error> {
        for found in figures::published_otherwise(&mut self.tx, self.book).await? {
            let name = format!("批次 {}", found.run);
            let (zh, en) = ("公示名单与已审批金额", "published and approved amount");
            let (left, right) = (found.published.0, found.approved.0);
            further(agreement, row(zh, en, &name, left, right));
            let (zh, en) = ("公示名单与已审批笔数", "published and approved count");
            let (left, right) = (Fen::new(found.published.1), Fen::new(found.approved.1));
            further(agreement, row(zh, en, name, left, right));
        }
        Ok(())
    }

    /// The success rate with what was released, and with what the books say was paid.
    async fn rates(
        &mut self,
        agreement: &mut Agreement,
        now: &[AccountMovement],
    ) -> Result<(), Error> {
        let (first, last) = always();
        let rates = success_by_program(&mut self.tx, self.book, first, last).await?;
        let released = match self.month {
            Some(_) => figures::sent_by_program(&mut self.tx, self.book).await?,
            None => figures::released(&mut self.tx, self.book).await?,
        };
        let released = amounts(&released);
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
        let mut settled = by_dimension(now, Chart::Expense, program_of)?;
        for (id, owed) in by_dimension(now, Chart::Payable, program_of)? {
            let expense = settled.entry(id).or_default();
            *expense = expense.minus(owed)?;
        }
        let recovered = Recovered::load(&mut self.tx, self.book, first, last).await?;
        for (id, beside) in recovered.paid_beside_expense()? {
            let expense = settled.entry(id).or_default();
            *expense = expense.plus(beside)?;
        }
        let losses = Settled::load(&mut self.tx, self.book, first, last).await?;
        let settled = less(&settled, &losses.expense_beside_paid()?)?;
        for (id, left, right) in both(&settled, &paid) {
            let name = self.names.program(ProgramId(id));
            let (zh, en) = ("账面已付与成功金额", "paid in the books and in the rate");
            further(agreement, row(zh, en, name, left, right));
        }
        Ok(())
    }
}

/// What is compared with its details: Chinese and English.
const PAYABLE: (&str, &str) = ("应付与未付明细", "payable and payments owed");
const TRANSIT: (&str, &str) = ("在途与未回盘", "in transit and attempts");
const AWAITED: (&str, &str) = ("待退回与失败明细", "refunds awaited");
const SUSPENSE: (&str, &str) = (
    "待查余额与不明到账",
    "suspense and credits that nobody could explain",
);
const RECOVERABLE: (&str, &str) = ("应追缴与追缴明细", "recoverable and recoveries");
const SPENT: (&str, &str) = ("事业支出与已离账资金", "budget expense and money that left");

fn program_of(account: &AccountMovement) -> i64 {
    account.key.program.map_or(0, ProgramId::get)
}

fn bank_of(account: &AccountMovement) -> i64 {
    account.key.bank_account.map_or(0, BankAccountId::get)
}

/// Credits that nobody could explain, by statement and bank account.
pub(super) async fn unexplained(
    tx: &mut Tx,
    book: BookId,
) -> Result<Vec<figures::Unexplained>, Error> {
    let kinds = [
        ExceptionKind::UnexplainedCredit.code(),
        ExceptionKind::RefundWithoutOriginal.code(),
        ExceptionKind::Interest.code(),
    ];
    Ok(figures::unexplained(tx, book, kinds).await?)
}

/// The numbers of the vouchers' transfers: ranges that follow each other are one.
fn ranges(vouchers: &[Voucher]) -> Vec<(i64, i64)> {
    let own = vouchers.iter().map(|voucher| {
        let first = voucher.posted.transfer_first;
        (first, first.saturating_add(voucher.posted.transfers))
    });
    let mut own: Vec<(i64, i64)> = own.collect();
    own.sort_unstable();
    let mut joined: Vec<(i64, i64)> = Vec::new();
    for (first, end) in own {
        match joined.last_mut() {
            // One that begins inside another is read once: the sums then show what is wrong.
            Some(last) if first <= last.1 => last.1 = last.1.max(end),
            _ => joined.push((first, end)),
        }
    }
    joined
}

/// Debits and credits of everything that was ever posted, on each side of parallel accounting.
fn both_sides(agreement: &mut Agreement, then: &[AccountMovement]) {
    for (side, zh, en) in [
        (
            Side::Financial,
            "财务会计借贷",
            "financial debits and credits",
        ),
        (Side::Budget, "预算会计借贷", "budget debits and credits"),
    ] {
        let (debit, credit) = side_totals(then, side);
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
            agreement,
            row(zh, en, "", Fen::new(debit), Fen::new(credit)),
        );
    }
}

/// 5001 by program and component.
fn by_component(
    accounts: &[AccountMovement],
    amount: impl Fn(&AccountMovement) -> Fen,
) -> BTreeMap<(ProgramId, ComponentId), Fen> {
    let expense = accounts.iter().filter(|a| a.key.chart == Chart::Expense);
    expense
        .filter_map(|a| Some(((a.key.program?, a.key.component?), amount(a))))
        .collect()
}

/// Sums and those of the same keys together.
fn plus(
    sums: &BTreeMap<i64, Fen>,
    more: &BTreeMap<i64, Fen>,
) -> Result<BTreeMap<i64, Fen>, MoneyError> {
    let mut sums = sums.clone();
    for (key, amount) in more {
        let sum = sums.entry(*key).or_default();
        *sum = sum.plus(*amount)?;
    }
    Ok(sums)
}

/// Sums less those of the same keys.
fn less(
    sums: &BTreeMap<i64, Fen>,
    taken: &BTreeMap<i64, Fen>,
) -> Result<BTreeMap<i64, Fen>, MoneyError> {
    let mut sums = sums.clone();
    for (key, amount) in taken {
        let sum = sums.entry(*key).or_default();
        *sum = sum.minus(*amount)?;
    }
    Ok(sums)
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

/// The movements of a chart line in the month, on its normal side, summed by one dimension.
fn moved_by(
    accounts: &[AccountMovement],
    chart: Chart,
    dimension: impl Fn(&AccountMovement) -> i64,
) -> Result<BTreeMap<i64, Fen>, MoneyError> {
    let mut sums = BTreeMap::<i64, Fen>::new();
    for account in accounts.iter().filter(|account| account.key.chart == chart) {
        let sum = sums.entry(dimension(account)).or_default();
        *sum = sum.plus(account.movement())?;
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
