//! A year's work: eight people, six banks, nine programs, twelve months.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use ledger::calendar::{Date, Moment, Month};
use ledger::disbursement::role::Role;
use ledger::id::RunId;
use ledger::money::Fen;
use ledger::problem::Language;
use ledger_store::book::Book;
use ledger_store::run::RunKind;
use serde_json::Value;

use super::DemoOptions;
use super::bank::{Bank, DebitStyle, Layout, ReturnFile, Setup};
use super::county::{County, POLICY, YEAR, shenmu};
use super::roster_file::{encoding_of, roster_csv};
use crate::app::clock::moment_at;
use crate::app::returns::{ReturnInput, Said};
use crate::app::run::NewRun;
use crate::app::statement::StatementInput;
use crate::app::users::{self, NewUser};
use crate::app::{
    App, Caller, Done, Error, appropriation, clash, period, policy, release, returns, roster, run,
    statement, year,
};

/// The months in which letters arrive.
const LETTERS: [u32; 2] = [1, 7];

const SETUP: &str = include_str!("setup.toml");

/// The people of the demo: login, name, role.
pub const PEOPLE: [(&str, &str, Role); 8] = [
    ("admin", "演示管理员", Role::Admin),
    ("maker", "演示经办", Role::Maker),
    ("reviewer", "演示复核", Role::Reviewer),
    ("approver", "演示审批", Role::Approver),
    ("cashier", "演示出纳", Role::Cashier),
    ("accountant", "演示会计", Role::Accountant),
    ("auditor", "演示审计", Role::Auditor),
    ("manager", "演示主管", Role::Manager),
];

/// The year's appropriations of a program in 万元, about 5 % above what is paid.
const BUDGET: [(&str, &str, i64); 9] = [
    ("urban-dibao", "icbc", 4_860),
    ("rural-dibao", "rcb", 7_920),
    ("rural-tekun", "abc", 1_540),
    ("urban-tekun", "icbc", 60),
    ("orphan", "city", 350),
    ("policy-laid-off", "treasury", 410),
    ("sixties-streamlined", "icbc", 20),
    ("laid-off-and-streamlined-extras", "icbc", 52),
    ("dibao-margin", "psbc", 18),
];

/// The agency's accounts, in the order of their statements.
const BANKS: [&str; 6] = ["icbc", "rcb", "psbc", "abc", "treasury", "city"];

/// The levels of government with their parts of a hundred.
const LEVELS: [(&str, i64); 4] = [("中央", 60), ("省级", 20), ("市级", 10), ("县级", 10)];

/// The password of a demo user: the demo's people are nobody's secret.
pub fn password_of(login: &str) -> String {
    format!("demo-{login}-{YEAR}")
}

/// The moment at which the demo's story begins.
pub fn start() -> Moment {
    Date::from_ymd_opt(YEAR, 1, 1).map_or(Moment(0), |day| moment_at(day, 8, 0))
}

/// The demo under way.
pub struct Year<'a> {
    app: &'a App,
    options: &'a DemoOptions,
    county: County,
    book: Book,
    callers: BTreeMap<&'static str, Caller>,
    banks: BTreeMap<&'static str, Bank>,
}

/// A batch that a bank has taken in.
struct Sent {
    bank: &'static str,
    batch: String,
}

/// What a month came to.
#[derive(Default)]
struct MonthFigures {
    rosters: usize,
    payments: i64,
    total: i64,
    batches: usize,
    paid: i64,
    failed: i64,
    pending: i64,
    re_paid: i64,
}

impl<'a> Year<'a> {
    /// Sets the book, its people, policy and banks up; finds them set up when they are.
    pub async fn open(app: &'a App, options: &'a DemoOptions) -> Result<Year<'a>, Error> {
        let county = shenmu().map_err(anyhow::Error::from)?;
        users::init(app).await?;
        let key = Some("demo/book".to_owned());
        users::add_book(app, "shenmu", "神木市民政局(演示)", "610881", key).await?;
        let book = app.book(Some("shenmu")).await?;
        let mut year = Year {
            app,
            options,
            county,
            book,
            callers: BTreeMap::new(),
            banks: BTreeMap::new(),
        };
        year.say(
            "惠民账演示:神木市 2022 年,人员全部为合成数据",
            "Huimin Ledger demo: Shenmu in 2022, all people are synthetic",
        );
        year.people().await?;
        year.banks();
        let maker = year.caller("maker")?.clone();
        for (name, text) in [("policy.toml", POLICY), ("setup.toml", SETUP)] {
            year.write_file("policy", name, text.as_bytes())?;
            let key = Some(format!("demo/{name}"));
            policy::import(app, &maker, name, text, key).await?;
        }
        Ok(year)
    }

    async fn people(&mut self) -> Result<(), Error> {
        for (login, name, role) in PEOPLE {
            let caller = match self.callers.get("admin") {
                Some(admin) => admin.clone(),
                None => self.app.bootstrap(self.book.clone()),
            };
            let new = NewUser {
                login: login.to_owned(),
                name: name.to_owned(),
                roles: vec![role],
                password: password_of(login),
            };
            users::add_user(self.app, &caller, &new, Some(format!("demo/user/{login}"))).await?;
            let caller = users::act_as(self.app, &self.book, login, "demo").await?;
            self.callers.insert(login, caller);
        }
        Ok(())
    }

    fn banks(&mut self) {
        for (code, name, account, layout, debit) in [
            (
                "icbc",
                "演示工商银行",
                "6212261234567890128",
                Layout::IcbcA1,
                DebitStyle::WholeBatch,
            ),
            (
                "rcb",
                "演示农商银行",
                "6217001234567890122",
                Layout::GenericCsv,
                DebitStyle::SuccessOnly,
            ),
            (
                "psbc",
                "演示邮储银行",
                "6217981234567890126",
                Layout::GenericXlsx,
                DebitStyle::WholeBatch,
            ),
            (
                "abc",
                "演示农业银行",
                "6228481234567890128",
                Layout::AbcFixed,
                DebitStyle::SuccessOnly,
            ),
            (
                "treasury",
                "演示国库代理银行",
                "6217001234567890130",
                Layout::Treasury,
                DebitStyle::SuccessOnly,
            ),
            (
                "city",
                "演示城市商业银行",
                "6217001234567890148",
                Layout::Iso,
                DebitStyle::SuccessOnly,
            ),
        ] {
            let setup = Setup {
                name: name.to_owned(),
                holder: "演示神木市民政局".to_owned(),
                account_no: account.to_owned(),
                layout,
                debit,
            };
            self.banks
                .insert(code, Bank::new(setup, self.county.plans().clone()));
        }
    }

    /// Works month after month; gives the book that came of it.
    pub async fn work(&mut self) -> Result<Book, Error> {
        let first = Month::from_index(YEAR * 12);
        for month in first.through(self.last()) {
            self.month(month).await?;
        }
        Ok(self.book.clone())
    }

    fn last(&self) -> Month {
        let december = Month::from_index(YEAR * 12 + 11);
        self.options.through.unwrap_or(december)
    }

    /// Lets the letters arrive that the month after the last one needs, so that it can be paid.
    pub async fn go_on(&mut self) -> Result<(), Error> {
        let next = self.last().next();
        if LETTERS.contains(&next.number()) {
            self.appropriations(next).await?;
        }
        Ok(())
    }

    async fn month(&mut self, month: Month) -> Result<(), Error> {
        let mut figures = MonthFigures::default();
        if LETTERS.contains(&month.number()) {
            self.appropriations(month).await?;
        }
        figures.rosters = self.rosters(month, 5, false).await?;
        let mut sent = self
            .runs(month, 9, 10, RunKind::Regular, &mut figures)
            .await?;
        sent.extend(
            self.runs(month, 9, 10, RunKind::RePay, &mut figures)
                .await?,
        );
        self.answers(sent, &mut figures).await?;
        if month.number() == 12 {
            self.statements(month, 1, 20).await?;
            figures.rosters += self.rosters(month, 21, true).await?;
            let sent = self
                .runs(month, 21, 22, RunKind::RePay, &mut figures)
                .await?;
            self.answers(sent, &mut figures).await?;
            self.statements(month, 21, 31).await?;
        } else {
            self.statements(
                month,
                1,
                month
                    .last_day()
                    .format("%d")
                    .to_string()
                    .parse()
                    .unwrap_or(28),
            )
            .await?;
        }
        self.close(month, &figures).await
    }

    /// Letters of each level arrive, half of the year's money at a time.
    async fn appropriations(&mut self, month: Month) -> Result<(), Error> {
        let on = day(month, 4)?;
        let mut text = "文号,级次,年度,项目,账户,金额,到账日期,顺序\n".to_owned();
        let mut number = 0;
        for (program, bank, wan) in BUDGET {
            for (level, parts) in LEVELS {
                number += 1;
                let (year, half) = (month.year(), month.number());
                let document = format!("演示财社〔{year}〕{half}{number:02}号");
                let amount = Fen::new(wan * 1_000_000 / 200 * parts);
                text.push_str(&format!(
                    "{document},{level},{year},{program},{bank},{amount},{on},{half}\n"
                ));
                if let Some(bank) = self.banks.get_mut(bank) {
                    bank.credit(on, amount, &document);
                }
            }
        }
        let name = format!("{month}-指标.csv");
        self.write_file("appropriations", &name, text.as_bytes())?;
        self.app.clock.set(moment_at(on, 9, 0));
        let caller = self.caller("accountant")?.clone();
        let key = Some(format!("demo/{month}/appropriations"));
        appropriation::import(self.app, &caller, &name, text.as_bytes(), key).await?;
        Ok(())
    }

    async fn rosters(&mut self, month: Month, on: u32, supplement: bool) -> Result<usize, Error> {
        let maker = self.caller("maker")?.clone();
        let mut imported = 0;
        for (minute, program) in (0..).zip(self.county.programs()) {
            let rows = match supplement {
                true => self.county.roster_supplement(program, month),
                false => self.county.roster(program, month),
            };
            let Some(rows) = rows else { continue };
            let bytes = roster_csv(&rows, encoding_of(program)).map_err(anyhow::Error::from)?;
            let extra = if supplement { "-补充" } else { "" };
            let name = format!("{month}-{program}{extra}.csv");
            self.write_file("rosters", &name, &bytes)?;
            self.app.clock.set(moment_at(day(month, on)?, 9, minute));
            let key = Some(format!("demo/{month}/roster/{program}{extra}"));
            roster::import(self.app, &maker, program, month, &name, &bytes, false, key).await?;
            imported += 1;
        }
        Ok(imported)
    }

    /// Makes the runs of all programs, takes them through approval and hands the files to the
    /// banks.
    async fn runs(
        &mut self,
        month: Month,
        made: u32,
        sent: u32,
        kind: RunKind,
        figures: &mut MonthFigures,
    ) -> Result<Vec<Sent>, Error> {
        let mut batches = Vec::new();
        for (minute, program) in (0..).zip(self.county.programs()) {
            let story = format!("demo/{month}/{made}/{}/{program}", kind.code());
            let hour = if kind == RunKind::RePay { 14 } else { 9 };
            self.app
                .clock
                .set(moment_at(day(month, made)?, hour, minute));
            let new = NewRun {
                program: (*program).to_owned(),
                kind,
                month,
                first: None,
            };
            let maker = self.caller("maker")?.clone();
            let key = Some(format!("{story}/create"));
            let run = run::create(self.app, &maker, &new, key).await?.answer;
            if run["run"].is_null() {
                continue;
            }
            if kind == RunKind::RePay {
                figures.re_paid += int(&run, "payments");
            } else {
                figures.payments += int(&run, "payments");
                figures.total += int(&run, "total_fen");
            }
            let id = RunId(int(&run, "run"));
            self.approve(id, month, made, hour, minute, &story).await?;
            batches.extend(
                self.release(id, month, sent, minute, &story, program)
                    .await?,
            );
        }
        figures.batches += batches.len();
        Ok(batches)
    }

    async fn approve(
        &self,
        id: RunId,
        month: Month,
        on: u32,
        hour: u32,
        minute: u32,
        story: &str,
    ) -> Result<(), Error> {
        let on = day(month, on)?;
        let key = |step: &str| Some(format!("{story}/{step}"));
        let maker = self.caller("maker")?;
        self.app.clock.set(moment_at(on, hour, minute + 10));
        let checked = run::check(self.app, maker, id, key("check")).await?;
        // Accounts that failed were put right: the next payment asks who said so.
        if checked.answer["warnings"].as_i64() > Some(0) {
            let (check, why) = ("A10N", "上次发放失败后本人更正,已电话核实");
            clash::explain(self.app, maker, id, check, why, key("explain")).await?;
        }
        run::submit(self.app, maker, id, key("submit")).await?;
        self.app.clock.set(moment_at(on, hour + 1, minute));
        run::review(self.app, self.caller("reviewer")?, id, key("review")).await?;
        self.app.clock.set(moment_at(on, hour + 2, minute));
        run::approve(self.app, self.caller("approver")?, id, key("approve")).await?;
        Ok(())
    }

    async fn release(
        &mut self,
        id: RunId,
        month: Month,
        on: u32,
        minute: u32,
        story: &str,
        program: &str,
    ) -> Result<Vec<Sent>, Error> {
        let on = day(month, on)?;
        self.app.clock.set(moment_at(on, 9, minute));
        let cashier = self.caller("cashier")?.clone();
        let key = Some(format!("{story}/release"));
        release::release(self.app, &cashier, id, Some(on), key).await?;
        let bank = BUDGET
            .iter()
            .find(|(code, ..)| *code == program)
            .map_or("icbc", |b| b.1);
        let all = release::list_batches(self.app, &cashier).await?.json;
        let of_run = all["batches"].as_array().into_iter().flatten();
        let of_run = of_run.filter(|batch| int(batch, "run") == id.get());
        let mut sent = Vec::new();
        for batch in of_run {
            let number = batch["batch"].as_str().unwrap_or_default().to_owned();
            let file = release::sent_file(self.app, &cashier, &number).await?;
            self.write_file("batches", &file.name, &file.content)?;
            // The bank reads what lies in the folder, not what the program holds in memory.
            let bytes = self.read_file("batches", &file.name)?;
            if let Some(bank) = self.banks.get_mut(bank) {
                bank.receive(on, &file.name, &bytes)
                    .map_err(anyhow::Error::from)?;
            }
            sent.push(Sent {
                bank,
                batch: number,
            });
        }
        Ok(sent)
    }

    /// The banks' answers come back in the order of their days, then the runs are closed.
    async fn answers(&mut self, sent: Vec<Sent>, figures: &mut MonthFigures) -> Result<(), Error> {
        let mut files: Vec<(Date, String, ReturnFile)> = Vec::new();
        for Sent { bank, batch } in &sent {
            let Some(bank) = self.banks.get(bank) else {
                continue;
            };
            for file in bank.answers(batch).map_err(anyhow::Error::from)? {
                files.push((file.date, batch.clone(), file));
            }
        }
        files.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        let cashier = self.caller("cashier")?.clone();
        for (minute, (on, batch, file)) in (0..).zip(files) {
            self.write_file("returns", &file.name, &file.bytes)?;
            let bytes = self.read_file("returns", &file.name)?;
            self.app.clock.set(moment_at(on, 15, minute % 60));
            let key = Some(format!("demo/return/{}", file.name));
            let input = ReturnInput {
                file_name: file.name,
                bytes,
                batch: Some(batch),
                profile: None,
                said: Said::default(),
            };
            let done = returns::import(self.app, &cashier, &input, key).await?;
            figures.paid += int(&done.answer, "paid");
            figures.failed += int(&done.answer, "failed");
            figures.pending += int(&done.answer, "pending");
        }
        self.close_runs(&sent).await
    }

    async fn close_runs(&self, sent: &[Sent]) -> Result<(), Error> {
        let accountant = self.caller("accountant")?;
        let all = release::list_batches(self.app, accountant).await?.json;
        let mut runs: Vec<i64> = all["batches"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|batch| {
                sent.iter()
                    .any(|sent| batch["batch"] == sent.batch.as_str())
            })
            .map(|batch| int(batch, "run"))
            .collect();
        runs.dedup();
        for id in runs {
            let key = Some(format!("demo/run/{id}/close"));
            run::close(self.app, accountant, RunId(id), key).await?;
        }
        Ok(())
    }

    async fn statements(&mut self, month: Month, from: u32, to: u32) -> Result<(), Error> {
        let (from, to) = (day(month, from)?, day(month, to)?);
        let accountant = self.caller("accountant")?.clone();
        for (minute, code) in (0..).zip(BANKS) {
            let Some(bank) = self.banks.get(code) else {
                continue;
            };
            let (name, bytes) = bank.statement(from, to).map_err(anyhow::Error::from)?;
            let name = format!("{code}-{name}");
            self.write_file("statements", &name, &bytes)?;
            let bytes = self.read_file("statements", &name)?;
            self.app.clock.set(moment_at(to, 17, minute));
            let key = Some(format!("demo/statement/{code}/{to}"));
            let input = StatementInput {
                account: code.to_owned(),
                file_name: name,
                bytes,
                ..StatementInput::default()
            };
            statement::import(self.app, &accountant, &input, key).await?;
        }
        Ok(())
    }

    async fn close(&mut self, month: Month, figures: &MonthFigures) -> Result<(), Error> {
        self.app.clock.set(moment_at(month.last_day(), 18, 0));
        let accountant = self.caller("accountant")?.clone();
        let key = Some(format!("demo/{month}/close"));
        let Done { answer, .. } = match month.number() {
            12 => {
                let over = format!("演示财社〔{}〕结转1号", YEAR + 1);
                year::close(self.app, &accountant, YEAR, Some(&over), key).await?
            }
            _ => period::close(self.app, &accountant, month, key).await?,
        };
        let MonthFigures {
            rosters,
            payments,
            total,
            batches,
            paid,
            failed,
            pending,
            re_paid,
        } = figures;
        let total = Fen::new(*total).grouped();
        let vouchers = int(&answer, "vouchers");
        self.say(
            &format!(
                "{month}  名册 {rosters} 份  发放 {payments} 笔 {total} 元  补发 {re_paid} 笔  \
                 文件 {batches} 个  成功 {paid} 失败 {failed} 处理中 {pending}  \
                 凭证 {vouchers} 张  已结账"
            ),
            &format!(
                "{month}  {rosters} rosters  {payments} payments {total} yuan  \
                 {re_paid} re-paid  {batches} files  {paid} paid {failed} failed \
                 {pending} pending  {vouchers} vouchers  closed"
            ),
        );
        Ok(())
    }

    fn caller(&self, login: &str) -> Result<&Caller, Error> {
        self.callers
            .get(login)
            .ok_or_else(|| crate::app::not_found("用户 user", login))
    }

    fn write_file(&self, folder: &str, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let folder = self.options.out.join(folder);
        write_durably(&folder, name, bytes).map_err(|error| anyhow::Error::from(error).into())
    }

    fn read_file(&self, folder: &str, name: &str) -> Result<Vec<u8>, Error> {
        let path = self.options.out.join(folder).join(name);
        std::fs::read(path).map_err(|error| anyhow::Error::from(error).into())
    }

    fn say(&self, zh: &str, en: &str) {
        if self.options.progress {
            let line = match self.options.language {
                Language::Zh => zh,
                Language::En => en,
            };
            // Nobody listens any more: the work goes on.
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    }
}

/// Writes a file so that it is there whole or not at all.
fn write_durably(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(name);
    if std::fs::read(&path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let temporary = folder.join(format!(".{name}.part"));
    std::fs::write(&temporary, bytes)?;
    std::fs::File::open(&temporary)?.sync_all()?;
    std::fs::rename(&temporary, &path)
}

fn day(month: Month, number: u32) -> Result<Date, Error> {
    month
        .day(number)
        .ok_or_else(|| anyhow::anyhow!("{month} has no day {number}").into())
}

fn int(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap_or(0)
}
