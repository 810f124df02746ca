//! 三联单: one run on one sheet for three offices, the civil affairs bureau (民政), the finance bureau
//! (财政) and the paying bank (银行), with one serial number.
//!
//! No official template was found; the fields are those that reports and audits name: who was paid
//! for last month, who came and left, what is due, what became of it, the amount in capital
//! figures, who signed, and the room for seals.

use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::disbursement::workflow::{RunEvent, RunState};
use ledger::id::{BookId, RunId};
use ledger::money::Fen;
use ledger::problem::{Kind, Problem};
use ledger_store::boxed;
use ledger_store::db::Tx;
use ledger_store::movement::{self as store, Fate, OfRun};
use ledger_store::run::{self, Run, RunKind, RunStep};
use ledger_store::verify::short_root;
use serde_json::{Value, json};

use super::movement::{self, Moved};
use super::{NOTHING, Names};
use crate::app::clock::date_of;
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error, not_found};

/// The three copies, in the order in which they lie.
pub(crate) const COPIES: [(&str, &str); 3] = [
    ("第一联 民政留存", "copy 1: civil affairs"),
    ("第二联 财政核拨", "copy 2: finance"),
    ("第三联 银行代发", "copy 3: bank"),
];

/// 经济科目 of assistance to persons: of the government's budget and of the department's (daan.gov.cn,
/// 2022: 政府 50901 社会福利和救助, 部门 30306 救济费).
const ECONOMIC: &str = "50901 社会福利和救助 / 30306 救济费";

/// 经济科目 of the components of a run: what policy says of each, the common one where it says
/// nothing; each once.
pub(super) fn economic<'a>(said: impl Iterator<Item = Option<&'a str>>) -> String {
    let mut codes: Vec<&str> = Vec::new();
    for code in said {
        let code = code.filter(|code| !code.is_empty()).unwrap_or(ECONOMIC);
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    match codes.as_slice() {
        [] => ECONOMIC.to_owned(),
        codes => codes.join(";"),
    }
}

/// 功能科目 by code (浙财社〔2025〕12号; 2081107: hzsc.gov.cn, 2018).
const FUNCTIONS: &[(&str, &str)] = &[
    ("2081001", "儿童福利"),
    ("2081107", "残疾人生活和护理补贴"),
    ("2081901", "城市最低生活保障金支出"),
    ("2081902", "农村最低生活保障金支出"),
    ("2082001", "临时救助支出"),
    ("2082002", "流浪乞讨人员救助支出"),
    ("2082101", "城市特困人员救助供养支出"),
    ("2082102", "农村特困人员救助供养支出"),
    ("2082501", "其他城市生活救助"),
    ("2082502", "其他农村生活救助"),
];

/// Payments and their amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many payments.
    pub payments: i64,
    /// How much.
    pub amount: Fen,
}

/// One component of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Households.
    pub households: i64,
    /// Persons, or households where it is paid by household.
    pub subjects: i64,
    /// How much.
    pub amount: Fen,
    /// What of that is for other months than the run's.
    pub back: Fen,
}

/// A run as the three offices sign it.
#[derive(Clone, Debug)]
pub struct Triplicate {
    /// The number that all three copies carry.
    pub serial: String,
    /// 单位.
    pub agency: String,
    /// The run.
    pub run: Run,
    /// Code and name of the program.
    pub program: (String, String),
    /// 功能科目, code and name.
    pub function: String,
    /// 经济科目.
    pub economic: String,
    /// The components.
    pub parts: Vec<Part>,
    /// Households and persons, each counted once.
    pub heads: (i64, i64),
    /// 成功, 失败, 处理中, 待发.
    pub paid: Count,
    /// Failed, or came back.
    pub failed: Count,
    /// Sent, not answered.
    pub pending: Count,
    /// Not sent.
    pub waiting: Count,
    /// 制表, 审核, 批准, 财务: label, name, date; the latter empty while nobody has signed.
    pub signers: Vec<(&'static str, String, String)>,
    /// What moved against last month; `None` for a re-pay run, which pays nobody anew.
    moved: Option<Moved>,
    /// What the payments withhold for recoveries; the components' amounts are those before it.
    pub withheld: Fen,
}

/// The triplicate of a run that was submitted.
///
/// # Errors
/// No such run; `RunState` before it is submitted and after it is discarded; when the caller may
/// not read reports; accidents of the store.
#[boxed]
pub async fn triplicate(app: &App, caller: &Caller, id: RunId) -> Result<Triplicate, Error> {
    let book = caller.book.id;
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let run = run::run(&mut tx, book, id).await?;
    let run = run.ok_or_else(|| not_found("批次 run", id))?;
    if matches!(
        run.state,
        RunState::Draft | RunState::Checked | RunState::Discarded
    ) {
        return Err(Problem::new(Kind::RunState)
            .with("run", id)
            .with("state", run.state.name())
            .with("event", "打印三联单 print the triplicate")
            .into());
    }
    let names = Names::load(&mut tx, book).await?;
    let steps = run::steps(&mut tx, book, id).await?;
    let mut form = Triplicate {
        serial: serial(&caller.book.code, run.month, id),
        agency: caller.book.name.clone(),
        program: (names.program_code(run.program), names.program(run.program)),
        function: function_name(&names.function_code(run.program)),
        economic: String::new(),
        parts: Vec::new(),
        heads: (0, 0),
        paid: Count::default(),
        failed: Count::default(),
        pending: Count::default(),
        waiting: Count::default(),
        signers: signers(&steps),
        moved: None,
        withheld: Fen::ZERO,
        run,
    };
    form.load(&mut tx, book, &names).await?;
    tx.rollback().await?;
    Ok(form)
}

/// `SHENMU-202201-00003`: book, month and run, so that no two runs have the same.
fn serial(book: &str, month: Month, run: RunId) -> String {
    let month = month.to_string().replace('-', "");
    format!("{}-{month}-{:05}", book.to_uppercase(), run.get())
}

fn function_name(code: &str) -> String {
    let known = FUNCTIONS.iter().find(|(known, _)| *known == code);
    match known {
        Some((code, name)) => format!("{code} {name}"),
        None if code.is_empty() => NOTHING.to_owned(),
        None => code.to_owned(),
    }
}

/// Who signed for what counts now: going back to draft takes the later signatures away.
fn signers(steps: &[RunStep]) -> Vec<(&'static str, String, String)> {
    const PLACES: [(&str, RunEvent); 4] = [
        ("制表", RunEvent::Submit),
        ("审核", RunEvent::Review),
        ("批准", RunEvent::Approve),
        ("财务", RunEvent::Release),
    ];
    let from = steps.iter().rposition(|step| step.state == RunState::Draft);
    let valid = steps.get(from.unwrap_or(0)..).unwrap_or_default();
    let signed = |(label, event)| {
        let step = valid.iter().rev().find(|step| step.event == event);
        step.map_or((label, String::new(), String::new()), |step| {
            (label, step.user_name.clone(), date_of(step.at).to_string())
        })
    };
    PLACES.into_iter().map(signed).collect()
}

impl Triplicate {
    async fn load(&mut self, tx: &mut Tx, book: BookId, names: &Names) -> Result<(), Error> {
        let run = &self.run;
        if run.kind == RunKind::RePay {
            self.heads = store::re_paid_heads(tx, book, run.id, run.revision).await?;
            for (fate, heads) in store::re_paid(tx, book, run.id, run.revision).await? {
                self.add(fate, heads.count, heads.amount)?;
            }
            return Ok(());
        }
        let payments = (run.payment_first, run.payment_last);
        self.heads = store::run_heads(tx, book, payments.0, payments.1).await?;
        let parts = store::run_parts(tx, book, run.month, payments).await?;
        let details = ledger_store::policy::details(tx, book).await?;
        let said = parts.iter().map(|part| details.get(&part.component));
        self.economic = economic(said.map(|detail| detail.map(|one| one.economic_code.as_str())));
        self.parts = parts
            .into_iter()
            .map(|part| Part {
                code: names.component_code(part.component),
                name: names.component(part.component),
                households: part.households,
                subjects: part.heads.count,
                amount: part.heads.amount,
                back: part.back,
            })
            .collect();
        let of = OfRun {
            program: run.program,
            run: run.id,
        };
        let moved = movement::load(tx, book, run.month, Some(of)).await?;
        self.moved = Some(movement::total(moved.values())?);
        self.withheld = store::withheld(tx, book, run.month, Some(run.id)).await?;
        for (fate, heads) in store::payment_fates(tx, book, payments.0, payments.1).await? {
            self.add(fate, heads.count, heads.amount)?;
        }
        Ok(())
    }

    fn add(&mut self, fate: Fate, payments: i64, amount: Fen) -> Result<(), Error> {
        let place = match fate {
            Fate::Paid => &mut self.paid,
            Fate::Failed => &mut self.failed,
            Fate::Pending => &mut self.pending,
            Fate::Waiting => &mut self.waiting,
        };
        place.payments += payments;
        place.amount = place.amount.plus(amount)?;
        Ok(())
    }

    /// 所属期: the month of the run, and the months whose differences it pays when there are more.
    pub fn period(&self) -> String {
        let Run {
            month, first, last, ..
        } = self.run;
        match self.run.kind {
            RunKind::BackPay => format!("{month} 补发 {first} 至 {last}"),
            RunKind::RePay => format!("{month} 失败重发"),
            RunKind::Regular => month.to_string(),
        }
    }

    /// The rows against last month: what, subjects, amount; texts, since a run that pays nobody
    /// anew has none.
    pub fn movement(&self) -> Result<Vec<(&'static str, String, String)>, Error> {
        let Some(moved) = &self.moved else {
            let none = |label| (label, NOTHING.to_owned(), NOTHING.to_owned());
            return Ok(MOVEMENT.into_iter().map(none).collect());
        };
        let heads = [
            moved.earlier,
            moved.entered,
            moved.gone()?,
            moved.death,
            moved.exit,
            moved.stop,
            moved.raised,
            moved.lowered,
            moved.back,
            moved.present,
        ];
        let texts = MOVEMENT
            .into_iter()
            .zip(heads)
            .map(|(label, heads)| (label, heads.count.to_string(), heads.amount.grouped()));
        Ok(texts.collect())
    }

    /// The short form of what was approved, to be held against the books.
    pub fn fingerprint(&self) -> String {
        short_root(&self.run.fingerprint)
    }

    /// As a report: JSON and tables.
    ///
    /// # Errors
    /// When a sum is out of range.
    pub fn report(&self) -> Result<Report, Error> {
        let tables = vec![
            self.head(),
            self.parts_table(),
            self.movement_table()?,
            self.fate_table(),
        ];
        Ok(Report::new(self.json()?, tables))
    }

    fn json(&self) -> Result<Value, Error> {
        let count = |count: Count| {
            json!({ "payments": count.payments,
            "amount_fen": count.amount.get() })
        };
        let parts = self.parts.iter().map(|part| {
            json!({ "component": part.code, "name": part.name, "households": part.households,
                "count": part.subjects, "amount_fen": part.amount.get(),
                "back_pay_fen": part.back.get() })
        });
        let signers = self
            .signers
            .iter()
            .map(|(label, name, date)| json!({ "as": label, "name": name, "date": date }));
        Ok(json!({
            "serial": self.serial,
            "agency": self.agency,
            "run": self.run.id.get(),
            "kind": self.run.kind.code(),
            "state": self.run.state.code(),
            "month": self.run.month.to_string(),
            "first": self.run.first.to_string(),
            "last": self.run.last.to_string(),
            "program": self.program.0,
            "program_name": self.program.1,
            "function": self.function,
            "economic": self.economic,
            "households": self.heads.0,
            "persons": self.heads.1,
            "payments": self.run.payments,
            "due_fen": self.run.total.get(),
            "withheld_fen": self.withheld.get(),
            "capital": self.run.total.capital(),
            "paid": count(self.paid),
            "failed": count(self.failed),
            "pending": count(self.pending),
            "not_sent": count(self.waiting),
            "parts": parts.collect::<Value>(),
            "movement": self.moved.map(|moved| moved.json()).transpose()?,
            "signers": signers.collect::<Value>(),
            "fingerprint": ledger::audit::hex::encode(&self.run.fingerprint),
        }))
    }

    fn head(&self) -> Table {
        let title = words(
            format!("三联单 {}", self.serial),
            format!("triplicate {}", self.serial),
        );
        let heads = [("栏目", "field", false), ("内容", "value", false)];
        let mut table = Table::new(title, &heads);
        let (households, persons) = self.heads;
        for (field, value) in [
            ("编号 serial", self.serial.clone()),
            ("单位 agency", self.agency.clone()),
            ("所属期 period", self.period()),
            ("补贴项目 program", self.program.1.clone()),
            ("功能科目 function", self.function.clone()),
            ("经济科目 economic", self.economic.clone()),
            (
                "批次 run",
                format!("{} {}", self.run.id, self.run.state.name()),
            ),
            ("应发户数 households", households.to_string()),
            ("应发人数 persons", persons.to_string()),
            ("应发笔数 payments", self.run.payments.to_string()),
            ("抵扣追缴(元) withheld", self.withheld.grouped()),
            ("应发金额(元) due", self.run.total.grouped()),
            ("大写金额 capital", self.run.total.capital()),
        ] {
            table.row([field.to_owned(), value]);
        }
        for (label, name, date) in &self.signers {
            let signed = format!("{name} {date}");
            table.row([(*label).to_owned(), signed.trim().to_owned()]);
        }
        table
    }

    fn parts_table(&self) -> Table {
        let mut table = Table::new(
            words("发放项目", "components"),
            &[
                ("发放项目", "component", false),
                ("户数", "households", true),
                ("对象", "persons or households", true),
                ("金额(元)", "yuan", true),
                ("其中补发(元)", "back pay", true),
            ],
        );
        for part in &self.parts {
            table.row([
                part.name.clone(),
                part.households.to_string(),
                part.subjects.to_string(),
                part.amount.grouped(),
                part.back.grouped(),
            ]);
        }
        table
    }

    fn movement_table(&self) -> Result<Table, Error> {
        let mut table = Table::new(
            words("与上月比较", "against last month"),
            &[
                ("栏目", "field", false),
                ("对象(项次)", "count", true),
                ("金额(元)", "yuan", true),
            ],
        );
        for (label, count, amount) in self.movement()? {
            table.row([label.to_owned(), count, amount]);
        }
        Ok(table)
    }

    fn fate_table(&self) -> Table {
        let mut table = Table::new(
            words("发放结果", "what became of it"),
            &[
                ("结果", "result", false),
                ("笔数", "payments", true),
                ("金额(元)", "yuan", true),
            ],
        );
        for (label, count) in self.fates() {
            let cells = [count.payments.to_string(), count.amount.grouped()];
            table.row([label.to_owned()].into_iter().chain(cells));
        }
        table
    }

    /// 实发, 失败, 处理中, 待发.
    pub fn fates(&self) -> [(&'static str, Count); 4] {
        [
            ("实发", self.paid),
            ("失败", self.failed),
            ("处理中", self.pending),
            ("待发", self.waiting),
        ]
    }
}

/// What the movement names, in the order in which it stands.
const MOVEMENT: [&str; 10] = [
    "上月",
    "本月新增",
    "本月减少",
    "其中:死亡",
    "其中:退出",
    "其中:停发",
    "提高",
    "降低",
    "补发以前月份",
    "本月",
];

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::calendar::Moment;
    use ledger::disbursement::workflow::Duty;
    use ledger::id::UserId;

    #[test]
    fn serials_and_functions() {
        let month: Month = "2022-01".parse().unwrap();
        assert_eq!(serial("shenmu", month, RunId(3)), "SHENMU-202201-00003");
        for (code, expected) in [
            ("2081901", "2081901 城市最低生活保障金支出"),
            ("2089999", "2089999"),
            ("", "—"),
        ] {
            assert_eq!(function_name(code), expected);
        }
    }

    #[test]
    fn a_rejection_takes_the_signatures_away() {
        let step = |(n, (event, state, name)): (i64, (RunEvent, RunState, &str))| RunStep {
            n,
            event,
            state,
            user: UserId(n),
            user_name: name.to_owned(),
            duty: Duty::Maker,
            at: Moment(0),
            reason: String::new(),
            payments: 0,
            total: Fen::ZERO,
            entry: n,
        };
        let way = [
            (RunEvent::Create, RunState::Draft, "甲"),
            (RunEvent::Submit, RunState::Submitted, "甲"),
            (RunEvent::Review, RunState::Reviewed, "乙"),
            (RunEvent::Reject, RunState::Draft, "丙"),
            (RunEvent::Submit, RunState::Submitted, "丁"),
        ];
        let steps: Vec<_> = (1..).zip(way).map(step).collect();
        let signed = |count: usize| {
            let names = signers(&steps[..count]);
            let names: Vec<_> = names.into_iter().map(|(_, name, _)| name).collect();
            names.join(",")
        };
        assert_eq!(signed(3), "甲,乙,,");
        assert_eq!(signed(4), ",,,");
        assert_eq!(signed(5), "丁,,,");
    }
}
