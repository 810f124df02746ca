//! Whatever happens to a program (raises and cuts, entries, exits, deaths, moves between
//! households, corrected amounts and incomes, rosters of earlier months, runs that are rejected,
//! calculated again, given up, or whose payments fail, deaths that are recorded late, recoveries on
//! the way): when the runs are done and what was overpaid is owed back, what was accrued for each
//! person, component and month is exactly what policy says for it; a second run pays nothing; and
//! nobody is paid twice.
//!
//! What is due is worked out here by a second, plain way: a table of what the rosters granted for
//! each month. Nothing of the calculation of runs is asked for it.
//!
//! It was seen to fail on products that were broken on purpose: accruals of earlier months are
//! forgotten; a recorded death is ignored; a late raise is rounded to ten yuan; who moved is judged
//! in the household that they left; a recovery does not take back what it recovers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};

use acceptance::TestDb;
use acceptance::office::paper::{Outcome, person};
use acceptance::office::{Office, WAY, done, month, told};
use api::app::appropriation::{self, NewAppropriation};
use api::app::clash::{self, ListInput};
use api::app::recovery::{self, NewRecovery, Whose};
use api::app::roster::{self, Died, HEADINGS};
use api::app::run::{self, NewRun};
use api::app::{Done, Error, policy};
use ledger::calendar::Month;
use ledger::disbursement::clash::ListKind;
use ledger::disbursement::workflow::RunEvent;
use ledger::fund::Level;
use ledger::id::{RecoveryId, RunId};
use ledger::money::Fen;
use ledger_store::run::RunKind;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::Value;

/// Months of a history, January to August 2022; runs may reach as far back as the first.
const MONTHS: usize = 8;
/// People who may be on the roster, in households 1 to [`HOUSEHOLDS`].
const PEOPLE: usize = 5;
const HOUSEHOLDS: usize = 3;
/// Yuan of the minimum wage before anything changes.
const WAGE: i64 = 1_950;

/// Every kind of formula and cadence: 补差 each month, a rate of the minimum wage by tag, an amount
/// approved once, and an amount for each household in two months of the year.
const RULES: &str = r#"
[[reference]]
code = "wage"
from = "2021-01"
amount = "1950"
document = "示例〔2021〕1号"

[[program]]
code = "history"
name = "示例低保"
funding = { bank_account = "csv" }
[[program.component]]
code = "base"
name = "低保金"
scope = "person"
months = "1-12"
standard = [{ from = "2021-01", formula = "amount-minus-income", amount = "500", document = "一" }]
[[program.component]]
code = "care"
name = "照料护理费"
scope = "person"
months = "1-12"
standard = [
  { tag = "semi", from = "2021-01", formula = "rate", of = "wage", rate = "0.15", rounding = "half-up-yuan", document = "一" },
  { tag = "full", from = "2021-01", formula = "rate", of = "wage", rate = "0.25", rounding = "half-up-yuan", document = "一" },
]
[[program.component]]
code = "once"
name = "一次性补贴"
scope = "person"
months = "once"
standard = [{ from = "2021-01", formula = "individual", document = "一" }]
[[program.component]]
code = "heating"
name = "取暖补贴"
scope = "household"
months = "2,5-6"
standard = [{ from = "2021-01", formula = "amount", amount = "300", document = "一" }]
"#;

/// What the office does next.
#[derive(Clone, Debug)]
enum Step {
    /// A month begins.
    Month,
    /// The paper changes; nobody imports it yet.
    Paper(usize, Change),
    /// The paper is imported for this month or an earlier one.
    Roster { back: usize },
    /// A new standard or minimum wage from a month on; refused where one begins already.
    Rule { what: Rule, from: usize, yuan: i64 },
    /// A run, and what becomes of it.
    Run { kind: Kind, back: usize, fate: Fate },
    /// What failed is tried again.
    RePay,
    /// The death list of the day names somebody, who leaves the paper; it is recorded in the book,
    /// or only compared with.
    Death {
        who: usize,
        back: usize,
        recorded: bool,
    },
    /// What is overpaid is owed back: one proposes it, another confirms it.
    Recover,
}

/// What changes on the paper for a person.
#[derive(Clone, Debug)]
enum Change {
    Enters,
    Leaves,
    Moves(usize),
    Earns(i64),
    Approved(Option<i64>),
    Care(Option<&'static str>),
    /// Granted once: yuan, and by which document.
    Once(Option<(i64, i64)>),
    /// Who is paid: the person, or the head of the household.
    PaidToHead(bool),
    /// Whether the household of the person has heating.
    Heating(bool),
}

#[derive(Clone, Copy, Debug)]
enum Rule {
    Base,
    Heating,
    Wage,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Regular,
    BackPay,
}

/// What becomes of a run.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Paid,
    /// The first payment fails.
    Fails,
    /// The reviewer sends it back, and it is calculated again and paid.
    Rejected,
    /// The approver sends it back, and it is given up.
    GivenUp,
    /// It stays a draft until the end.
    Left,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => Just(Change::Enters),
        2 => Just(Change::Leaves),
        2 => (1..=HOUSEHOLDS).prop_map(Change::Moves),
        2 => (0..6_i64).prop_map(|n| Change::Earns(n * 110)),
        2 => prop::option::of(1..8_i64).prop_map(|n| Change::Approved(n.map(|n| n * 101))),
        2 => prop::option::of(prop_oneof![Just("semi"), Just("full")]).prop_map(Change::Care),
        2 => prop::option::of((1..9_i64, 1..3_i64))
            .prop_map(|grant| Change::Once(grant.map(|(n, document)| (n * 77, document)))),
        1 => any::<bool>().prop_map(Change::PaidToHead),
        2 => any::<bool>().prop_map(Change::Heating),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let rule = prop_oneof![Just(Rule::Base), Just(Rule::Heating), Just(Rule::Wage)];
    let kind = prop_oneof![3 => Just(Kind::Regular), 2 => Just(Kind::BackPay)];
    let fate = prop_oneof![
        5 => Just(Fate::Paid),
        2 => Just(Fate::Fails),
        1 => Just(Fate::Rejected),
        1 => Just(Fate::GivenUp),
        1 => Just(Fate::Left),
    ];
    prop_oneof![
        4 => Just(Step::Month),
        6 => (1..=PEOPLE, change()).prop_map(|(who, change)| Step::Paper(who, change)),
        5 => (0..3_usize).prop_map(|n| Step::Roster { back: n.saturating_sub(1) }),
        2 => (rule, 0..MONTHS, 1..10_i64)
            .prop_map(|(what, from, n)| Step::Rule { what, from, yuan: n * 90 }),
        6 => (kind, 0..2_usize, fate).prop_map(|(kind, back, fate)| Step::Run { kind, back, fate }),
        1 => Just(Step::RePay),
        1 => (1..=PEOPLE, 0..4_usize, any::<bool>())
            .prop_map(|(who, back, recorded)| Step::Death { who, back, recorded }),
        1 => Just(Step::Recover),
    ]
}

/// The n-th month, from 0.
fn at(n: usize) -> Month {
    month("2022-01").plus(n)
}

trait Later {
    fn plus(self, months: usize) -> Month;
}

impl Later for Month {
    fn plus(self, months: usize) -> Month {
        (0..months).fold(self, |month, _| month.next())
    }
}

/// A person as the paper has them.
#[derive(Clone, Debug)]
struct Sheet {
    listed: bool,
    household: usize,
    income: i64,
    approved: Option<i64>,
    care: Option<&'static str>,
    once: Option<(i64, i64)>,
    to_head: bool,
}

/// Whom an award is for: a person, or a household as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Person(usize),
    Household(usize),
}

/// What a roster grants: what bears on the amount.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Grant {
    tag: &'static str,
    income: i64,
    amount: Option<i64>,
    /// By which document, where there is an amount.
    document: i64,
}

type Key = (Subject, &'static str);

/// What was granted once.
struct Once {
    month: usize,
    yuan: i64,
    document: i64,
    /// It is on the roster still.
    stands: bool,
}

/// What the office has granted and ruled, by month: the second way to what is due.
#[derive(Default)]
struct Truth {
    /// Monthly components: what each month is granted by.
    months: BTreeMap<Key, Vec<Option<Grant>>>,
    once: BTreeMap<Key, Vec<Once>>,
    /// From which month on, in the order of entry: yuan.
    base: BTreeMap<usize, i64>,
    heating: BTreeMap<usize, i64>,
    wage: BTreeMap<usize, i64>,
    /// In which month somebody died, as the book knows it.
    deaths: BTreeMap<usize, usize>,
}

/// The value that holds in a month.
fn holds(values: &BTreeMap<usize, i64>, n: usize, before: i64) -> i64 {
    values
        .range(..=n)
        .next_back()
        .map_or(before, |(_, yuan)| *yuan)
}

impl Truth {
    /// A roster that was accepted: from its month on it is what is granted.
    fn roster(&mut self, n: usize, granted: &BTreeMap<Key, Grant>) {
        let known: BTreeSet<Key> = self
            .months
            .keys()
            .chain(self.once.keys())
            .copied()
            .collect();
        for key in known.into_iter().chain(granted.keys().copied()) {
            let grant = granted.get(&key);
            if key.1 == "once" {
                let grant = grant.and_then(|grant| Some((grant.amount?, grant.document)));
                self.grant_once(key, n, grant);
            } else {
                let months = self.months.entry(key).or_insert_with(|| vec![None; MONTHS]);
                months[n..].fill(grant.cloned());
            }
        }
    }

    fn grant_once(&mut self, key: Key, n: usize, grant: Option<(i64, i64)>) {
        let list = self.once.entry(key).or_default();
        let last = list.last_mut().filter(|last| last.stands);
        match (last, grant) {
            // A correction keeps the month in which it fell due.
            (Some(last), Some((yuan, document)))
                if last.month == n || last.document == document =>
            {
                (last.yuan, last.document) = (yuan, document);
            }
            (Some(last), None) if last.month == n => {
                list.pop();
            }
            (last, grant) => {
                if let Some(last) = last {
                    last.stands = false;
                }
                // By another document it is another grant.
                list.extend(grant.map(|(yuan, document)| Once {
                    month: n,
                    yuan,
                    document,
                    stands: true,
                }));
            }
        }
    }

    /// What is due, in fen, where it is not nothing.
    fn due(&self) -> BTreeMap<(Key, usize), i64> {
        let mut due = BTreeMap::new();
        for (key, list) in &self.once {
            for once in list {
                *due.entry((*key, once.month)).or_default() += once.yuan * 100;
            }
        }
        for (key, months) in &self.months {
            for (n, grant) in months.iter().enumerate() {
                let dead = match key.0 {
                    Subject::Person(who) => self.deaths.get(&who).is_some_and(|died| *died < n),
                    Subject::Household(_) => false,
                };
                if let Some(grant) = grant.as_ref().filter(|_| !dead) {
                    due.insert((*key, n), self.amount(key.1, grant, n));
                }
            }
        }
        due.retain(|_, fen| *fen != 0);
        due
    }

    fn amount(&self, component: &str, grant: &Grant, n: usize) -> i64 {
        if component == "heating" && ![1, 4, 5].contains(&n) {
            return 0;
        }
        if let Some(yuan) = grant.amount {
            return yuan * 100;
        }
        match component {
            "base" => 100 * (holds(&self.base, n, 500) - grant.income).max(0),
            "heating" => 100 * holds(&self.heating, n, 300),
            _ => {
                let percent = if grant.tag == "semi" { 15 } else { 25 };
                // Half up to the yuan.
                (holds(&self.wage, n, WAGE) * percent + 50) / 100 * 100
            }
        }
    }
}

/// An office with its history so far.
struct World {
    office: Office,
    now: usize,
    paper: Vec<Sheet>,
    heated: BTreeSet<usize>,
    truth: Truth,
    drafts: Vec<RunId>,
    rules: usize,
    /// Payments that the bank has paid.
    paid: BTreeSet<String>,
}

impl World {
    async fn begin(url: &str) -> World {
        let office = Office::open(url).await;
        let (app, maker) = (&office.app, office.who("maker"));
        done(policy::import(app, maker, "rules.toml", RULES, None).await);
        let new = NewAppropriation {
            document: "县示例9".to_owned(),
            level: Level::County,
            budget_year: 2022,
            program: "history".to_owned(),
            bank_account: "csv".to_owned(),
            amount: Fen::new(1_000_000_000),
            received_on: app.clock.today(),
            priority: 1,
        };
        done(appropriation::add(app, office.who("accountant"), &new, None).await);
        let sheet = |n| Sheet {
            listed: n <= 2,
            household: 1 + n % HOUSEHOLDS,
            income: 0,
            approved: None,
            care: None,
            once: None,
            to_head: false,
        };
        let mut world = World {
            office,
            now: 0,
            paper: (1..=PEOPLE).map(sheet).collect(),
            heated: BTreeSet::new(),
            truth: Truth::default(),
            drafts: Vec::new(),
            rules: 0,
            paid: BTreeSet::new(),
        };
        world.roster(0).await;
        world
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Month if self.now + 1 < MONTHS => {
                self.now += 1;
                self.office.on(&format!("{}-05", at(self.now)));
            }
            Step::Month => {}
            Step::Paper(who, change) => self.change(*who, change),
            Step::Roster { back } => self.roster(self.now.saturating_sub(*back)).await,
            Step::Rule { what, from, yuan } => self.rule(*what, *from, *yuan).await,
            Step::Run { kind, back, fate } => self.run(*kind, *back, *fate).await,
            Step::RePay => self.re_pay().await,
            Step::Death {
                who,
                back,
                recorded,
            } => {
                let died = self.now.saturating_sub(*back);
                let date = format!("{}-01", at(died));
                self.death_list(&[(*who, date)]).await;
                self.paper[who - 1].listed = false;
                if *recorded {
                    self.record(*who, died).await;
                }
            }
            Step::Recover => self.recover().await,
        }
    }

    fn change(&mut self, who: usize, change: &Change) {
        let sheet = &mut self.paper[who - 1];
        match change {
            Change::Enters => sheet.listed = true,
            Change::Leaves => sheet.listed = false,
            Change::Moves(household) => sheet.household = *household,
            Change::Earns(yuan) => sheet.income = *yuan,
            Change::Approved(yuan) => sheet.approved = *yuan,
            Change::Care(tag) => sheet.care = *tag,
            Change::Once(grant) => sheet.once = *grant,
            Change::PaidToHead(to_head) => sheet.to_head = *to_head,
            Change::Heating(true) => {
                self.heated.insert(sheet.household);
            }
            Change::Heating(false) => {
                self.heated.remove(&sheet.household);
            }
        }
    }

    /// The listed people of a household; the first is its head.
    fn members(&self, household: usize) -> Vec<usize> {
        let of = |n: &usize| self.paper[n - 1].listed && self.paper[n - 1].household == household;
        (1..=PEOPLE).filter(of).collect()
    }

    /// The paper as a csv file, and what it grants.
    fn written(&self) -> (Vec<u8>, BTreeMap<Key, Grant>) {
        let mut text = HEADINGS.join(",") + "\r\n";
        let mut granted = BTreeMap::new();
        for household in 1..=HOUSEHOLDS {
            let members = self.members(household);
            let Some(head) = members.first().copied() else {
                continue;
            };
            let mut add = |who: usize, paid: usize, component, grant: Grant| {
                text += &line(household, who, paid, component, &grant);
                let subject = match component {
                    "heating" => Subject::Household(household),
                    _ => Subject::Person(who),
                };
                granted.insert((subject, component), grant);
            };
            for who in members {
                let sheet = &self.paper[who - 1];
                let paid = if sheet.to_head { head } else { who };
                let grant = |tag, amount| Grant {
                    tag,
                    income: 0,
                    amount,
                    document: 0,
                };
                let base = Grant {
                    income: sheet.income,
                    ..grant("", sheet.approved)
                };
                add(who, paid, "base", base);
                if let Some(tag) = sheet.care {
                    add(who, paid, "care", grant(tag, None));
                }
                if let Some((yuan, document)) = sheet.once {
                    let once = Grant {
                        document,
                        ..grant("", Some(yuan))
                    };
                    add(who, paid, "once", once);
                }
            }
            if self.heated.contains(&household) {
                let grant = Grant {
                    tag: "",
                    income: 0,
                    amount: None,
                    document: 0,
                };
                add(head, head, "heating", grant);
            }
        }
        (text.into_bytes(), granted)
    }

    async fn roster(&mut self, n: usize) {
        let (bytes, granted) = self.written();
        let (app, maker) = (&self.office.app, self.office.who("maker"));
        let import = roster::import(app, maker, "history", at(n), "r.csv", &bytes, false, None);
        let answer = import.await;
        match told(&answer).as_str() {
            "done" => {
                self.truth.roster(n, &granted);
            }
            // Another roster has decided about later months; or nobody, or few, are left.
            "ROS-0003" | "ROS-0004" | "ROS-0005" => {}
            _ => panic!("{answer:?}"),
        }
    }

    async fn rule(&mut self, what: Rule, from: usize, yuan: i64) {
        let yuan = if matches!(what, Rule::Wage) {
            yuan * 10
        } else {
            yuan
        };
        let rules = match what {
            Rule::Base => &mut self.truth.base,
            Rule::Heating => &mut self.truth.heating,
            Rule::Wage => &mut self.truth.wage,
        };
        if rules.contains_key(&from) {
            return;
        }
        rules.insert(from, yuan);
        let (from, amount) = (at(from), format!("{yuan}.00"));
        let standard = |code, name, scope, months, formula| {
            format!(
                "[[program]]\ncode = \"history\"\nname = \"示例低保\"\n[[program.component]]\n\
                 code = \"{code}\"\nname = \"{name}\"\nscope = \"{scope}\"\nmonths = \"{months}\"\n\
                 standard = [{{ from = \"{from}\", formula = \"{formula}\", amount = \"{amount}\", \
                 document = \"二\" }}]\n"
            )
        };
        let text = match what {
            Rule::Base => standard("base", "低保金", "person", "1-12", "amount-minus-income"),
            Rule::Heating => standard("heating", "取暖补贴", "household", "2,5-6", "amount"),
            Rule::Wage => format!(
                "[[reference]]\ncode = \"wage\"\nfrom = \"{from}\"\namount = \"{amount}\"\n\
                 document = \"二\"\n"
            ),
        };
        self.rules += 1;
        let name = format!("rules-{}.toml", self.rules);
        let (app, maker) = (&self.office.app, self.office.who("maker"));
        done(policy::import(app, maker, &name, &text, None).await);
    }

    async fn death_list(&self, dead: &[(usize, String)]) {
        let mut text = "身份证号,姓名,日期\r\n".to_owned();
        for (who, date) in dead {
            let who = person(*who);
            text += &format!("{},{},{date}\r\n", who.identity, who.name);
        }
        let list = ListInput {
            kind: ListKind::Deceased,
            name: "殡仪馆".to_owned(),
            file_name: "死亡.csv".to_owned(),
            bytes: text.into_bytes(),
        };
        let (app, maker) = (&self.office.app, self.office.who("maker"));
        done(clash::import_list(app, maker, &list, None).await);
    }

    /// The book takes the death over from the list, when it knows the person.
    async fn record(&mut self, who: usize, died: usize) {
        let (app, maker) = (&self.office.app, self.office.who("maker"));
        let listed = Died::Listed("殡仪馆".to_owned());
        let answer = done(roster::deceased(app, maker, &listed, "示例", None).await);
        if answer["unknown"] == 0 {
            self.truth.deaths.insert(who, died);
        }
    }

    /// Everything that is overpaid and was received is owed back.
    async fn recover(&self) {
        let new = NewRecovery {
            program: "history".to_owned(),
            whose: Whose::All,
            first: None,
            last: None,
            reason: "示例".to_owned(),
        };
        let (app, maker) = (&self.office.app, self.office.who("maker"));
        let answer = done(recovery::open(app, maker, &new, None).await);
        let made = answer["recoveries"].as_array().unwrap().iter();
        let ids: Vec<RecoveryId> = made
            .map(|one| RecoveryId(one["recovery"].as_i64().unwrap()))
            .collect();
        if !ids.is_empty() {
            let reviewer = self.office.who("reviewer");
            done(recovery::confirm_many(app, reviewer, &ids, None).await);
        }
    }

    async fn create(&self, kind: RunKind, n: usize, first: Option<usize>) -> Value {
        let new = NewRun {
            program: "history".to_owned(),
            kind,
            month: at(n),
            first: first.map(at),
        };
        done(run::create(&self.office.app, self.office.who("maker"), &new, None).await)
    }

    async fn run(&mut self, kind: Kind, back: usize, fate: Fate) {
        let n = self.now.saturating_sub(back);
        let answer = match kind {
            Kind::Regular => self.create(RunKind::Regular, n, None).await,
            Kind::BackPay => self.create(RunKind::BackPay, n, Some(0)).await,
        };
        if let Some(id) = answer["run"].as_i64().map(RunId) {
            self.drafts.push(id);
            if !matches!(fate, Fate::Left) {
                self.finish(id, fate).await;
            }
        }
    }

    async fn act(&self, who: &str, event: RunEvent, id: RunId) -> Result<Done, Error> {
        self.office.act(who, event, id, None).await
    }

    /// Takes a draft to its end.
    async fn finish(&mut self, id: RunId, fate: Fate) {
        self.drafts.retain(|draft| *draft != id);
        if !self.submit(id).await {
            return;
        }
        match fate {
            Fate::Rejected => {
                done(self.act("reviewer", RunEvent::Reject, id).await);
                let again = self.act("maker", RunEvent::Calculate, id).await;
                if told(&again) == "RUN-0002" || !self.submit(id).await {
                    return self.give_up(id, &again).await;
                }
                done(self.act("reviewer", RunEvent::Review, id).await);
            }
            Fate::GivenUp => {
                done(self.act("reviewer", RunEvent::Review, id).await);
                done(self.act("approver", RunEvent::Reject, id).await);
                done(self.act("maker", RunEvent::Discard, id).await);
                return;
            }
            _ => {
                done(self.act("reviewer", RunEvent::Review, id).await);
            }
        }
        for (who, event) in &WAY[3..] {
            done(self.act(who, *event, id).await);
        }
        self.answer(id, matches!(fate, Fate::Fails)).await;
    }

    /// A draft of which nothing is left is given up; one that was given up already stays so.
    async fn give_up(&self, id: RunId, again: &Result<Done, Error>) {
        if told(again) == "RUN-0002" {
            done(self.act("maker", RunEvent::Discard, id).await);
        }
    }

    /// Checks and submits a draft: one that is out of date is calculated again, warnings are
    /// explained, and one that stays blocked (by the death list) is given up. Whether it went on.
    async fn submit(&self, id: RunId) -> bool {
        let (app, maker) = (&self.office.app, self.office.who("maker"));
        for round in 0..2 {
            let checked = done(self.act("maker", RunEvent::Check, id).await);
            if checked["errors"] == 0 {
                let found = clash::findings(app, maker, id, 1).await.unwrap().json;
                for check in found["checks"].as_array().unwrap() {
                    let code = check["code"].as_str().unwrap();
                    done(clash::explain(app, maker, id, code, "已核实", None).await);
                }
                done(self.act("maker", RunEvent::Submit, id).await);
                return true;
            }
            let again = self.act("maker", RunEvent::Calculate, id).await;
            match told(&again).as_str() {
                "done" if round == 0 => {}
                "done" | "RUN-0002" => break,
                _ => panic!("{again:?}"),
            }
        }
        done(self.act("maker", RunEvent::Discard, id).await);
        false
    }

    /// The bank answers; no payment is paid a second time.
    async fn answer(&mut self, id: RunId, first_fails: bool) {
        for file in self.office.files(id).await {
            let of = |place| match place {
                0 if first_fails => Outcome::Failed("系统忙"),
                _ => Outcome::Paid,
            };
            self.office.answer(&file, of).await;
            for line in file.lines.iter().skip(usize::from(first_fails)) {
                let payment = line.key.split('-').next().unwrap().to_owned();
                assert!(self.paid.insert(payment), "{} is paid twice", line.key);
            }
        }
    }

    /// What failed is paid again: the bank takes only what succeeds, so it never left.
    async fn re_pay(&mut self) {
        let answer = self.create(RunKind::RePay, self.now, None).await;
        if let Some(id) = answer["run"].as_i64().map(RunId) {
            self.finish(id, Fate::Paid).await;
        }
    }

    /// All that is due is paid, until a run pays nothing; what is still carried, in fen.
    async fn pay_all(&mut self) -> i64 {
        for _ in 0..2 {
            let answer = self.create(RunKind::BackPay, self.now, Some(0)).await;
            let Some(id) = answer["run"].as_i64().map(RunId) else {
                return answer["carried_fen"].as_i64().unwrap();
            };
            self.finish(id, Fate::Paid).await;
        }
        let answer = self.create(RunKind::BackPay, self.now, Some(0)).await;
        assert_eq!(
            answer["run"],
            Value::Null,
            "a second run pays nothing: {answer}"
        );
        answer["carried_fen"].as_i64().unwrap()
    }

    /// Everything that was left lying is done, all that is due is paid, what is overpaid is owed
    /// back, and what it was set against is paid. Nothing is carried any more.
    async fn settle(&mut self) {
        // Whoever was reported dead is an error for as long as a roster of then is not corrected.
        self.death_list(&[(50, String::new())]).await;
        for id in self.drafts.clone() {
            self.finish(id, Fate::Paid).await;
        }
        self.re_pay().await;
        self.pay_all().await;
        self.recover().await;
        assert_eq!(self.pay_all().await, 0, "what is carried is owed back");
    }

    /// What the books accrued, in fen, where it is not nothing.
    async fn accrued(&self) -> BTreeMap<(Key, usize), i64> {
        let sql = "select y.kind, y.reference_no, c.code, l.month,
            cast(sum(l.amount_fen) as bigint) from payment_line l
            join party y on y.book_id = l.book_id and y.party_id = l.subject_id
            join component c on c.book_id = l.book_id and c.component_id = l.component_id
            group by y.kind, y.reference_no, c.code, l.month";
        let mut tx = self.office.app.db.begin_read().await.unwrap();
        let rows = tx.query(sql, &[]).await.unwrap();
        tx.rollback().await.unwrap();
        let components = ["base", "care", "once", "heating"];
        let mut accrued = BTreeMap::new();
        for row in &rows {
            let (kind, number) = (row.text(0).unwrap(), row.text(1).unwrap());
            let subject = match kind.as_str() {
                "household" => (1..=HOUSEHOLDS)
                    .find(|n| file_no(*n) == number)
                    .map(Subject::Household),
                _ => (1..=PEOPLE)
                    .find(|n| person(*n).identity == number)
                    .map(Subject::Person),
            };
            let code = row.text(2).unwrap();
            let code = components.into_iter().find(|known| *known == code).unwrap();
            let at_month = month(&row.text(3).unwrap());
            let n = (0..MONTHS).find(|n| at(*n) == at_month).unwrap();
            accrued.insert(((subject.unwrap(), code), n), row.int(4).unwrap());
        }
        accrued.retain(|_, fen| *fen != 0);
        accrued
    }

    /// What must hold at the end: of each person, component and month exactly what is due is
    /// accrued, and nothing else.
    async fn judge(&mut self) {
        self.settle().await;
        let (mut due, accrued) = (self.truth.due(), self.accrued().await);
        due.retain(|(_, n), _| *n <= self.now);
        assert_eq!(accrued, due, "accrued, and due");
        self.office.assert_invariants().await;
    }
}

fn file_no(household: usize) -> String {
    format!("H{household}")
}

/// A row of the csv file: somebody of a household, paid to somebody of it.
fn line(household: usize, who: usize, paid: usize, component: &str, grant: &Grant) -> String {
    let (who, paid) = (person(who), person(paid));
    let yuan = |yuan: Option<i64>| yuan.map_or_else(String::new, |yuan| format!("{yuan}.00"));
    let basis = match grant.amount {
        Some(_) => format!("示例核定{}", grant.document),
        None => String::new(),
    };
    let cells = [
        file_no(household),
        "东示例镇".to_owned(),
        "示例村".to_owned(),
        who.name,
        who.identity,
        "家庭成员".to_owned(),
        component.to_owned(),
        grant.tag.to_owned(),
        yuan(Some(grant.income)),
        yuan(grant.amount),
        basis,
        paid.name,
        paid.identity,
        "个人".to_owned(),
        "示例银行测试支行".to_owned(),
        String::new(),
        paid.account,
    ];
    cells.join(",") + "\r\n"
}

/// Plays histories until one breaks a rule; says which, made as short as it can be.
fn play(cases: u32, steps: std::ops::Range<usize>, database: impl Fn() -> TestDb) {
    let config = Config {
        cases,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..Config::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(config);
    let result = runner.run(&prop::collection::vec(step(), steps), |history| {
        let database = database();
        let played = runtime.block_on(async {
            let url = database.url().to_owned();
            let steps = history.clone();
            let played = tokio::spawn(async move {
                let mut world = World::begin(&url).await;
                for step in &steps {
                    world.step(step).await;
                }
                world.judge().await;
            });
            played.await
        });
        played.map_err(|error| TestCaseError::fail(error.to_string()))
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn after_any_history_everybody_has_what_policy_says() {
    play(24, 10..40, TestDb::sqlite);
}

#[test]
fn after_any_history_everybody_has_what_policy_says_on_postgresql() {
    play(4, 10..30, TestDb::postgres);
}
