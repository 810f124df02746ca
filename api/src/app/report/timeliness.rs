//! Timeliness (发放及时性): whether money was with the people by the payment day, whether each bank
//! answered within its days, and what is still on its way.
//!
//! Money is with somebody on the day on which the bank's answer that it was paid was taken in: the
//! files of the banks do not say when they credited each payee. A run counts once it was released
//! or its payment day has passed; until that day has passed, only what arrived counts.

use std::collections::BTreeMap;

use ledger::calendar::{Date, Month, WorkingDays, parse_date};
use ledger::disbursement::role::Action;
use ledger::disbursement::workflow::RunState;
use ledger::id::{BatchId, BookId, RunId};
use ledger::program::payment_day::pay_by;
use ledger_store::arrival::{self, Arrival, Open};
use ledger_store::batch::{self, Batch};
use ledger_store::boxed;
use ledger_store::db::Tx;
use ledger_store::run::{self, Run, RunKind};
use ledger_store::success::Sum;
use ledger_store::{calendar, policy};
use reconciliation::rate::Rate;
use serde_json::{Value, json};

use super::age::Ages;
use super::{NOTHING, Names};
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error};

/// 发放及时性 of the regular runs of some months, and all money in transit today, by batch and age.
///
/// # Errors
/// When the caller may not read reports; when a sum is out of range; accidents of the store.
#[boxed]
pub async fn timeliness(
    app: &App,
    caller: &Caller,
    first: Month,
    last: Month,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let names = Names::load(&mut tx, caller.book.id).await?;
    let report = timeliness_in(app, &mut tx, (caller.book.id, &names), (first, last)).await?;
    tx.rollback().await?;
    Ok(report)
}

/// The same within a reading.
pub(super) async fn timeliness_in(
    app: &App,
    tx: &mut Tx,
    (book, names): (BookId, &Names),
    (first, last): (Month, Month),
) -> Result<Report, Error> {
    let facts = Facts::load(app, tx, book).await?;
    let mut runs = run::runs(tx, book).await?;
    let batches = facts.in_transit(names, &runs)?;
    runs.retain(|run| {
        let counts = run.kind == RunKind::Regular && run.state != RunState::Discarded;
        counts && run.month >= first && run.month <= last
    });
    let times: Vec<Time> = runs.into_iter().filter_map(|run| facts.time(run)).collect();
    let (mut json, runs) = of_runs(names, &times);
    json["first_month"] = first.to_string().into();
    json["last_month"] = last.to_string().into();
    json["date"] = facts.today.to_string().into();
    let Report {
        json: open, tables, ..
    } = batches;
    json["in_transit"] = open["batches"].clone();
    json["in_transit_ages"] = open["ages"].clone();
    let mut all = vec![summary(&json), runs];
    all.extend(tables);
    Ok(Report::new(json, all))
}

/// What the book knows of runs and batches today.
struct Facts {
    today: Date,
    days: Vec<ledger::program::payment_day::PaymentDay>,
    calendar: WorkingDays,
    batches: Vec<Batch>,
    answered: BTreeMap<BatchId, Date>,
    open: BTreeMap<BatchId, Open>,
    arrived: BTreeMap<RunId, Vec<Arrival>>,
    /// Working days of each bank, by the layout of its batches.
    limits: BTreeMap<String, i64>,
}

/// When the money of a run went out and arrived.
struct Time {
    run: Run,
    due: Date,
    /// The day of its last file; none before it is released.
    sent: Option<Date>,
    /// Days from the due day to the release, or to today.
    late: i64,
    /// Payments with the people, and those that were by the due day.
    arrived: (i64, i64),
    /// Payments that count: all once the due day has passed, before it those that arrived.
    counted: i64,
    /// The bank that took longest beyond its days.
    bank: Option<Waited>,
}

/// How long a bank took for a batch.
#[derive(Clone, Copy)]
struct Waited {
    /// The day of its last answer; none while a payment is open.
    answered: Option<Date>,
    /// Working days until then, or until today.
    days: i64,
    /// Working days that it has.
    limit: i64,
}

impl Facts {
    async fn load(app: &App, tx: &mut Tx, book: BookId) -> Result<Facts, Error> {
        let mut arrived = BTreeMap::<RunId, Vec<Arrival>>::new();
        for one in arrival::arrived(tx, book).await? {
            arrived.entry(one.run).or_default().push(one);
        }
        let open = arrival::open(tx, book).await?;
        let limits = app.profiles.iter();
        let limits = limits.map(|profile| (profile.id.clone(), i64::from(profile.answer_days)));
        Ok(Facts {
            today: app.clock.today(),
            days: policy::payment_days(tx, book).await?,
            calendar: calendar::working_days(tx, book).await?,
            batches: batch::batches(tx, book).await?,
            answered: arrival::answered(tx, book).await?.into_iter().collect(),
            open: open.into_iter().map(|open| (open.batch, open)).collect(),
            arrived,
            limits: limits.collect(),
        })
    }

    /// None of a run that is neither released nor due.
    fn time(&self, run: Run) -> Option<Time> {
        let own = || self.batches.iter().filter(|batch| batch.run == run.id);
        let due = pay_by(&self.days, run.program, run.month);
        let sent = own().filter_map(sent_on).max();
        let passed = due < self.today;
        if sent.is_none() && !passed {
            return None;
        }
        let days = self.arrived.get(&run.id);
        let days = || days.into_iter().flatten();
        let arrived = (
            days().map(|day| day.payments).sum(),
            days()
                .filter(|day| day.on <= due)
                .map(|day| day.payments)
                .sum(),
        );
        let bank = own().filter_map(|batch| self.waited(batch));
        Some(Time {
            due,
            sent,
            late: (sent.unwrap_or(self.today) - due).num_days().max(0),
            arrived,
            counted: if passed { run.payments } else { arrived.0 },
            bank: bank.max_by_key(|bank| bank.days - bank.limit),
            run,
        })
    }

    fn waited(&self, batch: &Batch) -> Option<Waited> {
        let sent = sent_on(batch)?;
        let answered = self.answered.get(&batch.id).copied();
        let answered = answered.filter(|_| !self.open.contains_key(&batch.id));
        let until = answered.unwrap_or(self.today);
        Some(Waited {
            answered,
            days: self.calendar.working_days_between(sent, until),
            limit: self.limit(batch),
        })
    }

    fn limit(&self, batch: &Batch) -> i64 {
        let said = self.limits.get(&batch.profile).copied();
        said.unwrap_or_else(|| i64::from(bank_adapters::ANSWER_DAYS_DEFAULT))
    }

    /// What the banks have not answered, of all months, by batch, the oldest first; and by age.
    fn in_transit(&self, names: &Names, runs: &[Run]) -> Result<Report, Error> {
        let mut table = Table::new(
            words("在途资金", "money in transit"),
            &[
                ("代发批", "batch", false),
                ("项目", "program", false),
                ("月份", "month", false),
                ("银行", "bank", false),
                ("签发日", "released", false),
                ("笔数", "payments", true),
                ("金额(元)", "amount (yuan)", true),
                ("已过(天)", "days", true),
                ("已过(工作日)", "working days", true),
                ("限时(工作日)", "limit (working days)", true),
            ],
        );
        let (mut rows, mut ages) = (Vec::new(), Ages::default());
        let own = self.batches.iter();
        let own = own.filter_map(|batch| Some((sent_on(batch)?, batch, self.open.get(&batch.id)?)));
        let mut own: Vec<_> = own.collect();
        own.sort_by_key(|(sent, batch, _)| (*sent, batch.id));
        for (sent, batch, open) in own {
            let run = runs.iter().find(|run| run.id == batch.run);
            let (code, name) = run.map_or_else(Default::default, |run| {
                (names.program_code(run.program), names.program(run.program))
            });
            let month = run.map_or_else(String::new, |run| run.month.to_string());
            let days = (self.today - sent).num_days();
            let worked = self.calendar.working_days_between(sent, self.today);
            let (fen, limit) = (open.amount.get(), self.limit(batch));
            let count = open.count;
            ages.add((sent, self.today), Sum { count, fen })?;
            table.row([
                batch.number.clone(),
                name.clone(),
                month.clone(),
                names.bank_name(batch.bank_account),
                sent.to_string(),
                count.to_string(),
                open.amount.grouped(),
                days.to_string(),
                worked.to_string(),
                limit.to_string(),
            ]);
            rows.push(json!({
                "batch": batch.number, "run": batch.run.get(),
                "program": code, "name": name, "month": month,
                "account": names.bank(batch.bank_account),
                "bank": names.bank_name(batch.bank_account),
                "sent_on": sent.to_string(), "payments": count, "amount_fen": fen,
                "days": days, "working_days": worked, "limit_days": limit,
            }));
        }
        let json = json!({ "batches": rows, "ages": ages.json() });
        let ages = ages.table("在途资金账龄", "age of money in transit")?;
        Ok(Report::new(json, vec![table, ages]))
    }
}

fn sent_on(batch: &Batch) -> Option<Date> {
    parse_date(&batch.sent_on).ok()
}

fn day(date: Option<Date>) -> String {
    date.map_or_else(|| NOTHING.to_owned(), |date| date.to_string())
}

fn number(number: Option<i64>) -> String {
    number.map_or_else(|| NOTHING.to_owned(), |number| number.to_string())
}

fn of_runs(names: &Names, times: &[Time]) -> (Value, Table) {
    let mut table = Table::new(
        words("发放及时性", "timeliness"),
        &[
            ("批次", "run", true),
            ("项目", "program", false),
            ("月份", "month", false),
            ("应发放日", "due", false),
            ("签发日", "released", false),
            ("迟签(天)", "released late (days)", true),
            ("笔数", "payments", true),
            ("金额(元)", "amount (yuan)", true),
            ("已到账(笔)", "arrived", true),
            ("按时到账(笔)", "arrived in time", true),
            ("回盘日", "answer taken in", false),
            ("银行用时(工作日)", "bank (working days)", true),
            ("限时(工作日)", "limit (working days)", true),
        ],
    );
    let (mut arrived, mut released) = (Rate::default(), Rate::default());
    let (mut bank, mut rows) = (Rate::default(), Vec::new());
    for time in times {
        let (run, waited) = (&time.run, time.bank);
        arrived = add(arrived, time.arrived.1, time.counted);
        released = add(
            released,
            if time.late == 0 { run.payments } else { 0 },
            run.payments,
        );
        if let Some(waited) = waited {
            bank = add(bank, i64::from(waited.days <= waited.limit), 1);
        }
        let (days, limit) = (waited.map(|one| one.days), waited.map(|one| one.limit));
        let answered = waited.and_then(|one| one.answered);
        table.row([
            run.id.to_string(),
            names.program(run.program),
            run.month.to_string(),
            time.due.to_string(),
            day(time.sent),
            time.late.to_string(),
            run.payments.to_string(),
            run.total.grouped(),
            time.arrived.0.to_string(),
            time.arrived.1.to_string(),
            day(answered),
            number(days),
            number(limit),
        ]);
        rows.push(run_json(names, time));
    }
    let rate = |rate: Rate| json!({ "paid": rate.paid, "attempted": rate.attempted });
    let json = json!({
        "rate": rate(arrived),
        "released": rate(released),
        "bank": rate(bank),
        "runs": rows,
    });
    (json, table)
}

/// A run of the document.
fn run_json(names: &Names, time: &Time) -> Value {
    let (run, waited) = (&time.run, time.bank);
    let answered = waited.and_then(|one| one.answered);
    json!({
        "run": run.id.get(),
        "program": names.program_code(run.program),
        "name": names.program(run.program),
        "month": run.month.to_string(),
        "due": time.due.to_string(),
        "sent_on": time.sent.map(|day| day.to_string()),
        "days_late": time.late,
        "payments": run.payments,
        "amount_fen": run.total.get(),
        "arrived": time.arrived.0,
        "arrived_in_time": time.arrived.1,
        "answered_on": answered.map(|day| day.to_string()),
        "bank_days": waited.map(|one| one.days),
        "bank_days_limit": waited.map(|one| one.limit),
    })
}

fn add(rate: Rate, paid: i64, attempted: i64) -> Rate {
    Rate::new(
        rate.paid.saturating_add(paid),
        rate.attempted.saturating_add(attempted),
    )
}

/// The three rates.
fn summary(json: &Value) -> Table {
    let mut table = Table::new(
        words("及时率", "in time"),
        &[
            ("指标", "figure", false),
            ("数值", "value", true),
            ("按时", "in time", true),
            ("全部", "of all", true),
        ],
    );
    for (name, field) in [
        (
            "按时到账率(笔) arrived by the payment day, payments",
            "rate",
        ),
        (
            "按时签发率(笔) released by the payment day, payments",
            "released",
        ),
        (
            "银行按时答复率(批次) answered by the bank in time, runs",
            "bank",
        ),
    ] {
        let of = |part: &str| json[field][part].as_i64().unwrap_or(0);
        let rate = Rate::new(of("paid"), of("attempted"));
        let counts = [rate.paid.to_string(), rate.attempted.to_string()];
        table.row([name.to_owned(), rate.percent()].into_iter().chain(counts));
    }
    table
}
