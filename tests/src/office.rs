//! A county's office in a test: an empty database with a book, a user for every duty, a small
//! policy, and what people do there in one call each.
//!
//! A test says what happens and what must hold; [`Office::assert_invariants`] says what must hold
//! whatever happens, and is asked after every step.

pub mod paper;

use std::collections::BTreeMap;
use std::sync::Mutex;

use api::app::appropriation::{self, NewAppropriation};
use api::app::clock::{Clock, Entropy, moment_at};
use api::app::proposal::{self, Change};
use api::app::release::{self, batch_file};
use api::app::returns::{self, ReturnInput, Said};
use api::app::run::{self, NewRun};
use api::app::statement::{self, StatementInput};
use api::app::{
    App, Caller, Done, Error, Order, approval, audit, clash, policy, reconcile, roster, users,
};
use ledger::account::Chart;
use ledger::calendar::{Date, Month, parse_date};
use ledger::disbursement::role::{Action, Role};
use ledger::disbursement::workflow::RunEvent;
use ledger::fund::Level;
use ledger::id::{ProposalId, RunId, UserId};
use ledger::money::Fen;
use ledger::problem::Problem;
use ledger_store::book::{Book, User, put_user};
use ledger_store::db::Db;
use ledger_store::error::StoreError;
use ledger_store::journal;
use ledger_store::run::RunKind;
use ledger_store::success;
use serde_json::{Value, json};

use paper::{BatchFile, Line, Movement, Outcome, Person};

/// Who works in the office.
pub const STAFF: [(&str, Role); 13] = [
    ("admin", Role::Admin),
    ("maker", Role::Maker),
    ("maker2", Role::Maker),
    ("reviewer", Role::Reviewer),
    ("reviewer2", Role::Reviewer),
    ("approver", Role::Approver),
    ("approver2", Role::Approver),
    ("cashier", Role::Cashier),
    ("cashier2", Role::Cashier),
    ("accountant", Role::Accountant),
    ("accountant2", Role::Accountant),
    ("auditor", Role::Auditor),
    ("manager", Role::Manager),
];

/// The straight way of a run from draft to released: who does what.
pub const WAY: [(&str, RunEvent); 5] = [
    ("maker", RunEvent::Check),
    ("maker", RunEvent::Submit),
    ("reviewer", RunEvent::Review),
    ("approver", RunEvent::Approve),
    ("cashier", RunEvent::Release),
];

/// An office at work.
#[derive(Debug)]
pub struct Office {
    /// The program.
    pub app: App,
    /// Its only book.
    pub book: Book,
    url: String,
    callers: BTreeMap<String, Caller>,
    /// What the bank says is on each account, in fen.
    bank: Mutex<BTreeMap<String, i64>>,
}

/// A month `2022-01`.
///
/// # Panics
/// When it is none.
pub fn month(text: &str) -> Month {
    text.parse().unwrap()
}

/// A date `2022-01-10`.
///
/// # Panics
/// When it is none.
pub fn day(text: &str) -> Date {
    parse_date(text).unwrap()
}

/// The answer of a command that must succeed.
///
/// # Panics
/// When it was refused.
pub fn done(result: Result<Done, Error>) -> Value {
    match result {
        Ok(done) => done.answer,
        Err(Error::Refused { problem, findings }) => panic!("refused: {problem} {findings:?}"),
        Err(Error::Internal(error)) => panic!("failed: {error:?}"),
    }
}

/// The refusal of a command that must be refused.
///
/// # Panics
/// When it was not.
pub fn refused(result: Result<Done, Error>) -> Problem {
    match result {
        Ok(done) => panic!("not refused: {}", done.answer),
        Err(Error::Refused { problem, .. }) => *problem,
        Err(Error::Internal(error)) => panic!("failed: {error:?}"),
    }
}

/// In one word: `done`, `replay`, or the code of the refusal.
///
/// # Panics
/// On an accident, which is never an answer.
pub fn told(result: &Result<Done, Error>) -> String {
    match result {
        Ok(done) if done.replay => "replay".to_owned(),
        Ok(_) => "done".to_owned(),
        Err(Error::Refused { problem, .. }) => problem.code().to_owned(),
        Err(Error::Internal(error)) => panic!("failed: {error:?}"),
    }
}

impl Office {
    /// An office in an empty database, on 4 January 2022, without money and people.
    ///
    /// # Panics
    /// When it cannot be set up.
    pub async fn open(url: &str) -> Office {
        Office::open_on(url, "2022-01-04").await
    }

    /// The same office in an empty database on another day.
    ///
    /// # Panics
    /// When it cannot be set up.
    pub async fn open_on(url: &str, date: &str) -> Office {
        let app = app(url, Entropy::seeded("office")).await;
        app.clock.set(moment_at(day(date), 9, 0));
        users::init(&app).await.unwrap();
        done(users::add_book(&app, "test", "测试县民政局", "610881", None).await);
        hire(&app).await;
        let office = Office::of(app, url).await;
        let text = include_str!("office/policy.toml");
        done(policy::import(&office.app, office.who("maker"), "policy.toml", text, None).await);
        office
    }

    /// An office with money for both programs: urban 1,500 yuan of the province before 3,000 of
    /// the county, rural 2,000,000 yuan.
    ///
    /// # Panics
    /// When it cannot be set up.
    pub async fn funded(url: &str) -> Office {
        let office = Office::open(url).await;
        office
            .grant("省示例1", Level::Province, "urban", 150_000)
            .await;
        office
            .grant("县示例1", Level::County, "urban", 300_000)
            .await;
        office
            .grant("县示例2", Level::County, "rural", 200_000_000)
            .await;
        office
    }

    /// The same office from another process: own connections, own clock at the same time.
    ///
    /// # Panics
    /// When the database cannot be opened.
    pub async fn attach(url: &str, now: Date) -> Office {
        let app = app(url, Entropy::system()).await;
        app.clock.set(moment_at(now, 9, 0));
        Office::of(app, url).await
    }

    async fn of(app: App, url: &str) -> Office {
        let book = app.book(None).await.unwrap();
        let mut callers = BTreeMap::new();
        for (login, _) in STAFF {
            let caller = users::act_as(&app, &book, login, "test").await.unwrap();
            callers.insert(login.to_owned(), caller);
        }
        Office {
            app,
            book,
            url: url.to_owned(),
            callers,
            bank: Mutex::default(),
        }
    }

    /// The address of its database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A member of the staff.
    ///
    /// # Panics
    /// When nobody has this name.
    pub fn who(&self, login: &str) -> &Caller {
        self.callers
            .get(login)
            .unwrap_or_else(|| panic!("nobody is called {login}"))
    }

    /// The day begins.
    pub fn on(&self, date: &str) {
        self.app.clock.set(moment_at(day(date), 9, 0));
    }

    /// Gives a person other roles, as a new version of the user.
    ///
    /// # Panics
    /// When it cannot be stored.
    pub async fn give(&mut self, login: &str, roles: &[Role]) {
        let caller = self.who(login);
        let version = caller.user.version + 1;
        let user = User {
            version,
            roles: roles.to_vec(),
            ..caller.user.clone()
        };
        store_users(&self.app, &self.book, &[user]).await;
        let caller = users::act_as(&self.app, &self.book, login, "test")
            .await
            .unwrap();
        self.callers.insert(login.to_owned(), caller);
    }

    /// One person proposes a change of a rule and another confirms it.
    pub async fn agree(
        &self,
        proposer: &str,
        confirmer: &str,
        change: &Change,
    ) -> Result<Done, Error> {
        let proposed = proposal::propose(&self.app, self.who(proposer), change, None).await?;
        let id = ProposalId(proposed.answer["proposal"].as_i64().unwrap_or_default());
        proposal::confirm(&self.app, self.who(confirmer), id, None).await
    }

    /// A quota letter arrives today.
    pub async fn grant(&self, document: &str, level: Level, program: &str, fen: i64) -> Value {
        let account = if program == "urban" { "icbc" } else { "csv" };
        let new = NewAppropriation {
            document: document.to_owned(),
            level,
            budget_year: 2022,
            program: program.to_owned(),
            bank_account: account.to_owned(),
            amount: Fen::new(fen),
            received_on: self.app.clock.today(),
            priority: if level == Level::Province { 1 } else { 2 },
        };
        done(appropriation::add(&self.app, self.who("accountant"), &new, None).await)
    }

    /// Imports the roster of a program.
    pub async fn roster(&self, program: &str, from: &str, people: &[Person]) -> Value {
        let name = format!("{program}-{from}.csv");
        let (bytes, maker) = (paper::roster(people), self.who("maker"));
        let month = month(from);
        done(roster::import(&self.app, maker, program, month, &name, &bytes, false, None).await)
    }

    /// Makes a run; none when nothing is due.
    pub async fn create(&self, program: &str, kind: RunKind, at: &str) -> Option<RunId> {
        let new = NewRun {
            program: program.to_owned(),
            kind,
            month: month(at),
            first: None,
        };
        let answer = done(run::create(&self.app, self.who("maker"), &new, None).await);
        answer["run"].as_i64().map(RunId)
    }

    /// One step of a run by somebody, with a key or without.
    pub async fn act(
        &self,
        login: &str,
        event: RunEvent,
        id: RunId,
        key: Option<&str>,
    ) -> Result<Done, Error> {
        let (app, caller, key) = (&self.app, self.who(login), key.map(str::to_owned));
        match event {
            RunEvent::Create => unreachable!("a run is made by Office::create"),
            RunEvent::Calculate => run::calculate(app, caller, id, key).await,
            RunEvent::Check => run::check(app, caller, id, key).await,
            RunEvent::Submit => run::submit(app, caller, id, key).await,
            RunEvent::Review => run::review(app, caller, id, key).await,
            RunEvent::Approve => run::approve(app, caller, id, key).await,
            RunEvent::Reject => run::reject(app, caller, id, "金额待核", key).await,
            RunEvent::Release => release::release(app, caller, id, None, key).await,
            RunEvent::Settle | RunEvent::Close => run::close(app, caller, id, key).await,
            RunEvent::Discard => run::discard(app, caller, id, "重做", key).await,
            RunEvent::Revoke => approval::revoke(app, caller, id, "名单有误", key).await,
        }
    }

    /// Takes a draft so many steps of the [`WAY`].
    pub async fn walk(&self, id: RunId, steps: usize) {
        for (login, event) in &WAY[..steps] {
            let answer = done(self.act(login, *event, id, None).await);
            // Accounts that a test has put right; other warnings are the test's to explain.
            if *event == RunEvent::Check && answer["warnings"].as_i64() > Some(0) {
                let maker = self.who("maker");
                let _ = clash::explain(&self.app, maker, id, "A10N", "已核实", None).await;
            }
        }
    }

    /// Makes a run and takes it until it is released; gives its files.
    ///
    /// # Panics
    /// When nothing is due.
    pub async fn pay(&self, program: &str, kind: RunKind, at: &str) -> (RunId, Vec<BatchFile>) {
        let id = self
            .create(program, kind, at)
            .await
            .expect("something is due");
        self.walk(id, WAY.len()).await;
        (id, self.files(id).await)
    }

    /// A regular month in one file.
    ///
    /// # Panics
    /// When it is not one file.
    pub async fn pay_month(&self, program: &str, at: &str) -> BatchFile {
        let (_, mut files) = self.pay(program, RunKind::Regular, at).await;
        assert_eq!(files.len(), 1);
        files.remove(0)
    }

    /// Tries again what failed, in one file.
    ///
    /// # Panics
    /// When it is not one file.
    pub async fn pay_again(&self, program: &str, at: &str) -> BatchFile {
        let (_, mut files) = self.pay(program, RunKind::RePay, at).await;
        assert_eq!(files.len(), 1);
        files.remove(0)
    }

    /// The files of a run as the bank reads them.
    ///
    /// # Panics
    /// When one is missing.
    pub async fn files(&self, id: RunId) -> Vec<BatchFile> {
        let cashier = self.who("cashier");
        let all = release::list_batches(&self.app, cashier).await.unwrap();
        let mut files = Vec::new();
        for batch in all.json["batches"].as_array().unwrap() {
            if batch["run"] == id.get() {
                let number = batch["batch"].as_str().unwrap();
                let file = batch_file(&self.app, cashier, number).await.unwrap();
                files.push(paper::read_batch(number, &file.content));
            }
        }
        files
    }

    /// Imports a return.
    pub async fn import(
        &self,
        name: &str,
        bytes: &[u8],
        batch: Option<&str>,
    ) -> Result<Done, Error> {
        let input = ReturnInput {
            file_name: name.to_owned(),
            bytes: bytes.to_vec(),
            batch: batch.map(str::to_owned),
            profile: None,
            said: Said::default(),
        };
        returns::import(&self.app, self.who("cashier"), &input, None).await
    }

    /// The bank answers these lines, and the return is imported.
    pub async fn answer_lines(&self, batch: &BatchFile, rows: &[(Line, Outcome)]) -> Value {
        let bytes = paper::write_return(batch, rows);
        done(
            self.import(&format!("return-{}.txt", batch.number), &bytes, None)
                .await,
        )
    }

    /// The bank answers every line of a batch; `of` is asked by place in the file, from 0.
    pub async fn answer(&self, batch: &BatchFile, of: impl Fn(usize) -> Outcome) -> Value {
        self.answer_lines(batch, &paper::outcomes(batch, of)).await
    }

    /// The bank's statement of a period with these movements is imported, not before it ends; its
    /// opening balance is the closing balance of the one before.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn statement(
        &self,
        account: &str,
        days: (&str, &str),
        movements: &[Movement],
    ) -> Value {
        let opening = self.bank.lock().unwrap().get(account).copied().unwrap_or(0);
        let number = if account == "icbc" {
            "2600000000000000001"
        } else {
            "2600000000000000002"
        };
        let bytes = paper::write_statement(number, days, opening, movements);
        let name = format!("{account}-{}.csv", days.1);
        let (app, who) = (&self.app, self.who("accountant"));
        let today = app.clock.today();
        app.clock.set(moment_at(today.max(day(days.1)), 9, 0));
        let input = StatementInput {
            account: account.to_owned(),
            file_name: name,
            bytes,
            ..StatementInput::default()
        };
        let answer = done(statement::import(app, who, &input, None).await);
        app.clock.set(moment_at(today, 9, 0));
        let closing = opening + movements.iter().map(|movement| movement.fen).sum::<i64>();
        self.bank
            .lock()
            .unwrap()
            .insert(account.to_owned(), closing);
        answer
    }

    /// A statement of an account as it came, today, in a layout or in that of the account.
    pub async fn take_statement(
        &self,
        account: &str,
        bytes: &[u8],
        profile: Option<&str>,
    ) -> Result<Done, Error> {
        let input = StatementInput {
            account: account.to_owned(),
            file_name: "statement".to_owned(),
            bytes: bytes.to_vec(),
            profile: profile.map(str::to_owned),
        };
        statement::import(&self.app, self.who("accountant"), &input, None).await
    }

    /// What is left of an appropriation, in fen.
    ///
    /// # Panics
    /// When there is none.
    pub async fn left(&self, document: &str) -> i64 {
        let list = appropriation::list(&self.app, self.who("accountant"))
            .await
            .unwrap();
        let all = list.json["appropriations"].as_array().unwrap().clone();
        let found = all.iter().find(|a| a["document"] == document).unwrap();
        found["left_fen"].as_i64().unwrap()
    }

    /// The balances of these lines of the chart, in fen.
    ///
    /// # Panics
    /// When they cannot be read.
    pub async fn balances<const N: usize>(&self, charts: [Chart; N]) -> [i64; N] {
        let mut tx = self.app.db.begin_read().await.unwrap();
        let all = journal::balances(&mut tx, self.book.id).await.unwrap();
        tx.rollback().await.unwrap();
        charts.map(|chart| journal::total_of(&all, chart).get())
    }

    /// The sum of a statement's first column, for one integer.
    ///
    /// # Panics
    /// When the statement fails.
    pub async fn count(&self, sql: &'static str) -> i64 {
        let mut tx = self.app.db.begin_read().await.unwrap();
        let row = tx.query_one(sql, &[]).await.unwrap();
        tx.rollback().await.unwrap();
        row.int(0).unwrap()
    }

    /// The name of the constraint that refuses a statement.
    ///
    /// # Panics
    /// When none does.
    pub async fn violates(&self, sql: &'static str) -> String {
        let mut tx = self.app.db.begin_write().await.unwrap();
        let result = match tx.execute(sql, &[]).await {
            // A deferred constraint speaks at the end.
            Ok(_) => tx.commit().await,
            Err(error) => {
                tx.rollback().await.unwrap();
                Err(error)
            }
        };
        match result {
            Err(StoreError::Constraint { name }) => name,
            other => panic!("no constraint refused it: {other:?}"),
        }
    }

    /// The kinds of all audit entries, in order.
    ///
    /// # Panics
    /// When they cannot be read.
    pub async fn trail(&self) -> Vec<String> {
        let log = audit::log(&self.app, self.who("auditor"), 1, 1_000_000)
            .await
            .unwrap();
        let entries = log.json["entries"].as_array().unwrap().clone();
        entries
            .iter()
            .map(|entry| entry["kind"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The four agreements hold of each of these months by itself.
    ///
    /// # Panics
    /// When one does not.
    pub async fn assert_months(&self, months: &[&str]) {
        for at in months {
            let at = Some(month(at));
            let agreements = reconcile::agreements(&self.app, self.who("accountant"), at).await;
            for agreement in agreements.unwrap() {
                assert!(agreement.ok(), "{at:?} {agreement:#?}");
            }
        }
    }

    /// What must hold after every step, whatever happened.
    ///
    /// # Panics
    /// When it does not.
    pub async fn assert_invariants(&self) {
        for (what, sql) in NEVER {
            assert_eq!(self.count(sql).await, 0, "{what}");
        }
        let agreements = reconcile::agreements(&self.app, self.who("accountant"), None).await;
        for agreement in agreements.unwrap() {
            assert!(agreement.ok(), "{agreement:#?}");
        }
        let mut tx = self.app.db.begin_read().await.unwrap();
        let stored = success::stored(&mut tx, self.book.id).await.unwrap();
        let counted = success::recompute(&mut tx, self.book.id).await.unwrap();
        tx.rollback().await.unwrap();
        assert_eq!(
            stored, counted,
            "success rates are not those of the payments"
        );
        let checked = audit::verification(&self.app, &self.book, &[])
            .await
            .unwrap();
        assert!(checked.entries > 0 && checked.rows > 0);
        assert!(checked.faults.is_empty(), "{:#?}", checked.faults);
    }
}

/// What is never so, and a statement that counts the cases.
const NEVER: [(&str, &str); 9] = [
    (
        "a stored balance is not the sum of the transfers",
        "select count(*) from account_total t where t.debit_fen <> (select coalesce(sum(amount_fen),
            0) from transfer d where d.book_id = t.book_id and d.debit_id = t.account_id)
            or t.credit_fen <> (select coalesce(sum(amount_fen), 0) from transfer c
            where c.book_id = t.book_id and c.credit_id = t.account_id)",
    ),
    (
        "a balance of a month is not the sum of its transfers",
        "select count(*) from account_month m where m.debit_fen <> (select
            coalesce(sum(d.amount_fen), 0) from transfer d join voucher v on v.book_id = d.book_id
            and v.voucher_id = d.voucher_id where d.book_id = m.book_id
            and d.debit_id = m.account_id and v.month = m.month)
            or m.credit_fen <> (select coalesce(sum(c.amount_fen), 0) from transfer c
            join voucher v on v.book_id = c.book_id and v.voucher_id = c.voucher_id
            where c.book_id = m.book_id and c.credit_id = m.account_id and v.month = m.month)",
    ),
    (
        "an account has transfers and no balance",
        "select count(*) from transfer x where not exists (select 1 from account_total t
            where t.book_id = x.book_id and t.account_id = x.debit_id) or not exists
            (select 1 from account_total t where t.book_id = x.book_id
            and t.account_id = x.credit_id)",
    ),
    (
        "a payment has more than one live or paid attempt",
        "select count(*) from (select t.book_id, t.payment_id from attempt t where t.kind = 'pay'
            and not exists (select 1 from outcome_now o where o.book_id = t.book_id
            and o.payment_id = t.payment_id and o.attempt_no = t.attempt_no
            and o.kind in ('failed', 'refunded'))
            group by t.book_id, t.payment_id having count(*) > 1) x",
    ),
    (
        "a payment is not the sum of its lines less what it withholds",
        "select count(*) from payment p where p.amount_fen <> (select sum(l.amount_fen)
            from payment_line l where l.book_id = p.book_id and l.payment_id = p.payment_id
            and l.line_no <= p.lines) - (select coalesce(sum(s.amount_fen), 0) from set_off s
            where s.book_id = p.book_id and s.payment_id = p.payment_id)",
    ),
    (
        "a recovery was booked and did not take back what it is of",
        "select count(*) from recovery r where r.amount_fen <> (select sum(l.amount_fen)
            from recovery_line l where l.book_id = r.book_id and l.recovery_id = r.recovery_id)
            or (case when exists (select 1 from recovery_event e where e.book_id = r.book_id
            and e.recovery_id = r.recovery_id and e.event = 'confirm') then r.amount_fen
            else 0 end) <> (select coalesce(-sum(l.amount_fen), 0) from payment_line l
            where l.book_id = r.book_id and l.payment_id = r.recovery_id)",
    ),
    (
        "voucher numbers have gaps",
        "select count(*) from (select book_id, month from voucher group by book_id, month
            having count(*) <> max(number) or min(number) <> 1) x",
    ),
    (
        "a batch is not the sum of its attempts",
        "select count(*) from batch b where b.total_fen <> (select sum(p.amount_fen) from attempt t
            join payment p on p.book_id = t.book_id and p.payment_id = t.payment_id
            where t.book_id = b.book_id and t.batch_id = b.batch_id)",
    ),
    (
        "one line of one return settled two attempts",
        "select count(*) from (select step, source_id, line_no from outcome o
            where not exists (select 1 from statement_link k where k.book_id = o.book_id
            and k.statement_id = o.source_id and k.line_no = o.line_no
            and k.match_kind = 'refund' and o.kind = 'refunded')
            group by book_id, step, source_id, line_no having count(*) > 1) x",
    ),
];

async fn app(url: &str, entropy: Entropy) -> App {
    let clock = Clock::fixed(moment_at(day("2022-01-04"), 9, 0));
    App::new(Db::open(url).await.unwrap(), clock, entropy)
}

/// Everybody starts work. Without passwords, whose hashes would take most of a test's time.
async fn hire(app: &App) {
    let book = app.book(None).await.unwrap();
    let user = |(id, (login, role)): (i64, (&str, Role))| User {
        id: UserId(id),
        version: 1,
        login: login.to_owned(),
        name: format!("示例{}", role.name()),
        roles: vec![role],
        active: true,
    };
    let staff: Vec<User> = (1..).zip(STAFF).map(user).collect();
    store_users(app, &book, &staff).await;
}

async fn store_users(app: &App, book: &Book, users: &[User]) {
    let order = Order::new("user.add", Action::ManageUsers).field("users", users.len());
    let caller = app.bootstrap(book.clone());
    let added = app.command(&caller, order, async |write| {
        let new = users.iter().filter(|user| user.version == 1).count();
        write.allot("user", new).await?;
        for user in users {
            put_user(write, user).await?;
        }
        Ok(json!({}))
    });
    done(added.await);
}
