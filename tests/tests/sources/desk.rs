//! What the scenarios of the five sources share: an office that works with a pack, rosters written
//! as files, quota letters, and a month from roster to close.

use std::collections::BTreeMap;

use acceptance::office::paper::{BatchFile, Movement, Outcome, movement, person};
use acceptance::office::{Office, WAY, done, month};
use api::app::appropriation::{self, NewAppropriation};
use api::app::policy::{self, Source};
use api::app::roster::{self, HEADINGS};
use api::app::{clash, period, publication, report, trace, year};
use ledger::calendar::{Month, parse_date};
use ledger::disbursement::workflow::RunEvent;
use ledger::fund::Level;
use ledger::id::RunId;
use ledger::money::Fen;
use ledger_store::run::RunKind;
use rust_xlsxwriter::Workbook;
use serde_json::Value;

/// The account that pays every program of the pack, and whose bank takes each batch as a whole.
pub const ACCOUNT: &str = "icbc";

/// An office with the rules of a pack.
pub struct Desk {
    pub office: Office,
}

/// A row of a roster: one person or household, one component.
#[derive(Clone)]
pub struct Row(BTreeMap<&'static str, String>);

/// The n-th person in a household of their own.
pub fn row(n: usize, component: &str) -> Row {
    let p = person(n);
    let cells = [
        ("档案号", p.file_no),
        ("乡镇", p.township),
        ("村(社区)", "示例村".to_owned()),
        ("姓名", p.name),
        ("身份证号", p.identity),
        ("与户主关系", "户主".to_owned()),
        ("发放项目", component.to_owned()),
        ("收款人类型", "个人".to_owned()),
        ("开户行", "示例银行测试支行".to_owned()),
        ("账号", p.account),
    ];
    Row(cells.into_iter().collect())
}

impl Row {
    fn with(mut self, heading: &'static str, text: impl Into<String>) -> Row {
        self.0.insert(heading, text.into());
        self
    }

    /// As a member of the household of the n-th person, who is paid.
    pub fn of(self, head: usize) -> Row {
        let head = person(head);
        self.with("档案号", head.file_no)
            .with("乡镇", head.township)
            .with("与户主关系", "家庭成员")
            .with("收款人", head.name)
            .with("收款人证件号", head.identity)
            .with("账号", head.account)
    }

    pub fn tag(self, tag: &str) -> Row {
        self.with("类别", tag)
    }

    pub fn income(self, yuan: &str) -> Row {
        self.with("月人均收入", yuan)
    }

    /// Approved for this person alone.
    pub fn amount(self, yuan: &str) -> Row {
        self.with("核定金额", yuan).with("核定依据", "示例核定")
    }

    /// Approved by another document than the example's.
    pub fn by(self, document: &str) -> Row {
        self.with("核定依据", document)
    }

    /// Paid to an institution: name, credit code, account.
    pub fn paid_to(self, (name, code, account): (&str, &str, &str)) -> Row {
        self.with("收款人", name)
            .with("收款人证件号", code)
            .with("收款人类型", "机构")
            .with("账号", account)
    }

    /// Whether it is a row of the household of the n-th person.
    pub fn is_of(&self, n: usize) -> bool {
        self.cell("档案号") == person(n).file_no
    }

    fn cell(&self, heading: &str) -> &str {
        self.0.get(heading).map_or("", String::as_str)
    }
}

/// A csv file with the headings of the template.
pub fn csv(rows: &[Row]) -> Vec<u8> {
    let mut text = HEADINGS.join(",") + "\r\n";
    for row in rows {
        let cells = HEADINGS.map(|heading| row.cell(heading));
        text += &cells.join(",");
        text += "\r\n";
    }
    text.into_bytes()
}

/// A workbook with a title above the headings, as officers keep it.
pub fn xlsx(title: &str, rows: &[Row]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let page = workbook.add_worksheet();
    page.write_string(0, 0, title).unwrap();
    for (column, heading) in (0..).zip(HEADINGS) {
        page.write_string(1, column, heading).unwrap();
        for (line, row) in (2..).zip(rows) {
            let text = row.cell(heading);
            if !text.is_empty() {
                page.write_string(line, column, text).unwrap();
            }
        }
    }
    workbook.save_to_buffer().unwrap()
}

/// A pack as it stood before a change: without the standards and references that begin in a month.
pub fn before(pack: &str, month: &str) -> String {
    let begins = format!("from = \"{month}\"");
    let mut blocks = vec![String::new()];
    for line in policy::pack(pack).unwrap().text.lines() {
        if line.starts_with("[[") {
            blocks.push(String::new());
        }
        if !(line.starts_with("  { ") && line.contains(&begins)) {
            let block = blocks.last_mut().unwrap();
            *block += line;
            *block += "\n";
        }
    }
    let goes = |block: &String| block.starts_with("[[reference]]") && block.contains(&begins);
    blocks.retain(|block| !goes(block));
    blocks.concat()
}

/// What a released run is.
pub struct Paid {
    pub files: Vec<BatchFile>,
}

impl Paid {
    pub fn fen(&self) -> i64 {
        self.files.iter().map(|file| file.total.get()).sum()
    }

    pub fn payments(&self) -> usize {
        self.files.iter().map(|file| file.lines.len()).sum()
    }
}

impl Desk {
    /// The office on a day, with a pack paid from its account.
    pub async fn open(url: &str, pack: &str, date: &str) -> Desk {
        let desk = Desk::bare(url, date).await;
        desk.pack(pack).await;
        desk
    }

    /// The office without a pack.
    pub async fn bare(url: &str, date: &str) -> Desk {
        let office = Office::open_on(url, date).await;
        Desk { office }
    }

    /// Takes a pack.
    pub async fn pack(&self, name: &str) {
        let source = Source::pack(policy::pack(name).unwrap());
        self.policy(source).await;
    }

    /// Takes rules of the office's own, or what a pack said before a change.
    pub async fn rules(&self, text: &str) {
        self.policy(Source::file("rules.toml", text.as_bytes().to_vec()))
            .await;
    }

    async fn policy(&self, source: Source) {
        let (app, maker) = (&self.office.app, self.office.who("maker"));
        let source = source.paid_from(Some(ACCOUNT));
        let answer = done(policy::import_from(app, maker, &source, None).await);
        assert_eq!(answer["funding_open"], 0, "{answer}");
    }

    /// A quota letter of today.
    pub async fn letter(&self, document: &str, level: Level, program: &str, yuan: &str) {
        let today = self.office.app.clock.today();
        let new = NewAppropriation {
            document: document.to_owned(),
            level,
            budget_year: i64::from(Month::of(today).year()),
            program: program.to_owned(),
            bank_account: ACCOUNT.to_owned(),
            amount: Fen::parse_yuan(yuan).unwrap(),
            received_on: today,
            priority: 1,
        };
        let (app, who) = (&self.office.app, self.office.who("accountant"));
        done(appropriation::add(app, who, &new, None).await);
    }

    /// Imports a file as the roster of a month.
    pub async fn roster(&self, program: &str, at: &str, name: &str, bytes: &[u8]) -> Value {
        let (app, maker) = (&self.office.app, self.office.who("maker"));
        let import = roster::import(app, maker, program, month(at), name, bytes, false, None);
        done(import.await)
    }

    /// A run until it is released; every warning of its check is explained.
    pub async fn release(&self, program: &str, kind: RunKind, at: &str) -> Paid {
        let office = &self.office;
        let run = office
            .create(program, kind, at)
            .await
            .expect("something is due");
        office.walk(run, 1).await;
        let (app, maker) = (&office.app, office.who("maker"));
        let found = clash::findings(app, maker, run, 1).await.unwrap().json;
        for check in found["checks"].as_array().unwrap() {
            let code = check["code"].as_str().unwrap();
            done(clash::explain(app, maker, run, code, "已核实", None).await);
        }
        for (login, event) in &WAY[1..] {
            done(office.act(login, *event, run, None).await);
            if *event == RunEvent::Submit {
                self.publish(run).await;
            }
        }
        let files = office.files(run).await;
        Paid { files }
    }

    /// Hangs the list of a run out so that its days, if its program has any, end yesterday.
    async fn publish(&self, run: RunId) {
        let (app, maker) = (&self.office.app, self.office.who("maker"));
        let stands = publication::show(app, maker, run).await.unwrap().json;
        let Some(days) = stands["days"].as_i64() else {
            return;
        };
        let today = app.clock.today();
        let first = (0..days).fold(today, |day, _| day.pred_opt().unwrap());
        self.office.on(&first.to_string());
        done(publication::publish(app, maker, run, None, None).await);
        self.office.on(&today.to_string());
    }

    /// A run that the bank pays in full.
    pub async fn pay(&self, program: &str, kind: RunKind, at: &str) -> Paid {
        let paid = self.release(program, kind, at).await;
        for file in &paid.files {
            self.office.answer(file, |_| Outcome::Paid).await;
        }
        paid
    }

    /// The bank's statement, and the month is closed on its last day.
    pub async fn close(&self, days: (&str, &str), movements: &[Movement]) {
        self.office.on(days.1);
        let answer = self.office.statement(ACCOUNT, days, movements).await;
        assert_eq!(answer["exceptions"], 0, "{answer}");
        let at = Month::of(parse_date(days.1).unwrap());
        let (app, who) = (&self.office.app, self.office.who("accountant"));
        match at.number() {
            12 => done(year::close(app, who, at.year(), Some("示例结转"), None).await),
            _ => done(period::close(app, who, at, None).await),
        };
        self.office.assert_invariants().await;
    }

    /// A program's line of the monthly summary.
    pub async fn summary(&self, program: &str, at: &str) -> Value {
        let (app, who) = (&self.office.app, self.office.who("manager"));
        let report = report::monthly(app, who, month(at)).await.unwrap().json;
        found(&report["programs"], "program", program)
    }

    /// A component of the annual report: fen, households, persons or households that had it.
    pub async fn component(&self, program: &str, component: &str, year: i32) -> [i64; 3] {
        let (app, who) = (&self.office.app, self.office.who("manager"));
        let report = report::annual(app, who, year).await.unwrap().json;
        let program = found(&report["programs"], "id", program);
        let component = found(&program["components"], "id", component);
        ["amount_fen", "households", "subjects"].map(|name| component[name].as_i64().unwrap())
    }

    /// Everything that the books say of a person, household or institution.
    pub async fn record(&self, reference: &str) -> Value {
        let (app, who) = (&self.office.app, self.office.who("manager"));
        trace::person(app, who, reference).await.unwrap().json
    }

    /// The published figures beside the books: what does not add up, and what differs.
    pub async fn foot(&self, toml: &str) -> Value {
        let (app, who) = (&self.office.app, self.office.who("manager"));
        let report = report::foot_with_ledger(app, who, toml, "source.toml").await;
        report.unwrap().json
    }
}

fn found(list: &Value, field: &str, wanted: &str) -> Value {
    let list = list.as_array().unwrap();
    let found = list.iter().find(|one| one[field] == wanted);
    found
        .unwrap_or_else(|| panic!("no {wanted} in {list:#?}"))
        .clone()
}

/// What the bank books for these batches on a day.
pub fn sent(date: &'static str, paid: &Paid) -> Vec<Movement> {
    let files = paid.files.iter();
    let of = |file: &BatchFile| movement(date, -file.total.get(), format!("代发 {}", file.number));
    files.map(of).collect()
}

/// The faults of published figures: item, printed, what it should be.
pub fn faults(report: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let faults = report["faults"].as_array().unwrap().iter();
    faults
        .map(|f| {
            (
                text(&f["item"]),
                text(&f["printed"]),
                text(&f["sum_of_parts"]),
            )
        })
        .collect()
}
