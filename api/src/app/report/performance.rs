//! The report on the success of payments (发放成功率报告): rates, reasons, whether money went out
//! in time, where it lies, and how the budget is drawn. The managers' dashboard shows the same.

use std::collections::BTreeMap;

use ledger::calendar::{Date, Month, parse_date};
use ledger::disbursement::role::Action;
use ledger::disbursement::workflow::RunState;
use ledger::id::{BookId, ProgramId};
use ledger::money::Fen;
use ledger::program::payment_day::pay_by;
use ledger_store::boxed;
use ledger_store::db::Tx;
use ledger_store::run::{self, Run, RunKind};
use ledger_store::success::{self, Success, Sum};
use ledger_store::{batch, fate, policy, returned as store};
use reconciliation::rate::Rate;
use serde_json::{Value, json};

use super::execution::execution_in;
use super::success::success_in;
use super::{NOTHING, Names};
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error};

/// 发放成功率报告 over the runs of some months; money and budget are those of the last month's year,
/// as they stand now. The JSON document holds success rates under `success` and the budget under
/// `execution`, as their own reports give them.
///
/// # Errors
/// When the caller may not read reports; when a sum is out of range; accidents of the store.
#[boxed]
pub async fn performance(
    app: &App,
    caller: &Caller,
    first: Month,
    last: Month,
) -> Result<Report, Error> {
    let (book, today) = (caller.book.id, app.clock.today());
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let names = Names::load(&mut tx, book).await?;
    let stored = success::rates(&mut tx, book, first, last).await?;
    let times = times(&mut tx, book, (first, last), today).await?;
    let execution = execution_in(&mut tx, book, &names, last.year()).await?;
    let returned = returned(&mut tx, book, &names, today).await?;
    tx.rollback().await?;
    let transit = in_transit(&names, &stored, &times, today)?;
    let success = success_in(&names, stored, first, last)?;
    let (idle, idle_table) = idle(&names, &execution.json, today);
    let (in_time, times_table) = timeliness(&names, &times);
    let json = json!({
        "first_month": first.to_string(),
        "last_month": last.to_string(),
        "date": today.to_string(),
        "success": success.json,
        "timeliness": in_time,
        "in_transit": transit.0,
        "idle": idle,
        "returned": returned.0,
        "execution": execution.json,
    });
    let mut tables = vec![headline(&json)];
    tables.extend(success.tables);
    tables.extend([times_table, transit.1, returned.1, idle_table]);
    // By program; the letters have a report of their own.
    tables.extend(execution.tables.into_iter().skip(1).take(1));
    Ok(Report::new(json, tables))
}

/// When the money of a run went out, and when the bank answered.
struct Time {
    run: Run,
    due: Date,
    /// The day of its last file; none before it is released.
    sent: Option<Date>,
    /// The day of the bank's last answer.
    answered: Option<Date>,
    /// Days after the due day, of those that have passed.
    late: i64,
}

/// The regular runs of some months. What is paid again or for earlier months has no due day.
async fn times(
    tx: &mut Tx,
    book: BookId,
    (first, last): (Month, Month),
    today: Date,
) -> Result<Vec<Time>, Error> {
    let days = policy::payment_days(tx, book).await?;
    let answered = fate::answered(tx, book).await?;
    let batches = batch::batches(tx, book).await?;
    let mut runs = run::runs(tx, book).await?;
    runs.retain(|run| {
        let counts = run.kind == RunKind::Regular && run.state != RunState::Discarded;
        counts && run.month >= first && run.month <= last
    });
    let of_run = |run: Run| {
        let own = || batches.iter().filter(|batch| batch.run == run.id);
        let due = pay_by(&days, run.program, run.month);
        let sent = own()
            .filter_map(|batch| parse_date(&batch.sent_on).ok())
            .max();
        let answer = |batch: &batch::Batch| parse_date(&answered.get(&batch.id.get())?.1).ok();
        let late = (sent.unwrap_or(today) - due).num_days().max(0);
        Time {
            due,
            sent,
            answered: own().filter_map(answer).max(),
            late,
            run,
        }
    };
    Ok(runs.into_iter().map(of_run).collect())
}

fn day(date: Option<Date>) -> String {
    date.map_or_else(|| NOTHING.to_owned(), |date| date.to_string())
}

fn timeliness(names: &Names, times: &[Time]) -> (Value, Table) {
    let mut table = Table::new(
        words("发放及时性", "timeliness"),
        &[
            ("批次", "run", true),
            ("项目", "program", false),
            ("月份", "month", false),
            ("应发放日", "due", false),
            ("签发日", "released", false),
            ("迟(天)", "days late", true),
            ("笔数", "payments", true),
            ("金额(元)", "amount (yuan)", true),
            ("银行答复日", "bank answered", false),
            ("答复用时(天)", "days until the answer", true),
        ],
    );
    let (mut all, mut in_time, mut rows) = (0, 0, Vec::new());
    for time in times {
        let run = &time.run;
        let waited = time.sent.zip(time.answered);
        let waited = waited.map(|(sent, answered)| (answered - sent).num_days());
        all += run.payments;
        in_time += if time.late == 0 { run.payments } else { 0 };
        table.row([
            run.id.to_string(),
            names.program(run.program),
            run.month.to_string(),
            time.due.to_string(),
            day(time.sent),
            time.late.to_string(),
            run.payments.to_string(),
            run.total.grouped(),
            day(time.answered),
            waited.map_or_else(|| NOTHING.to_owned(), |days| days.to_string()),
        ]);
        rows.push(json!({
            "run": run.id.get(),
            "program": names.program_code(run.program),
            "name": names.program(run.program),
            "month": run.month.to_string(),
            "due": time.due.to_string(),
            "sent_on": time.sent.map(|day| day.to_string()),
            "days_late": time.late,
            "payments": run.payments,
            "amount_fen": run.total.get(),
            "answered_on": time.answered.map(|day| day.to_string()),
            "bank_days": waited,
        }));
    }
    let json = json!({
        "rate": { "paid": in_time, "attempted": all },
        "runs": rows,
    });
    (json, table)
}

/// What the bank has not answered, by program and month, the oldest first.
fn in_transit(
    names: &Names,
    stored: &Success,
    times: &[Time],
    today: Date,
) -> Result<(Value, Table), Error> {
    let mut open = BTreeMap::<(String, ProgramId), Sum>::new();
    for (key, cell) in &stored.cells {
        let sum = open.entry((key.month.clone(), key.program)).or_default();
        *sum = sum.plus(cell.pending)?;
    }
    open.retain(|_, sum| sum.count != 0);
    let mut table = Table::new(
        words("在途资金", "money in transit"),
        &[
            ("项目", "program", false),
            ("月份", "month", false),
            ("笔数", "payments", true),
            ("金额(元)", "amount (yuan)", true),
            ("签发日", "released", false),
            ("已过(天)", "days", true),
        ],
    );
    let mut rows = Vec::new();
    for ((month, program), sum) in open {
        let own = times
            .iter()
            .filter(|time| time.run.program == program && time.run.month.to_string() == month);
        let sent = own.filter_map(|time| time.sent).min();
        let days = sent.map(|sent| (today - sent).num_days());
        table.row([
            names.program(program),
            month.clone(),
            sum.count.to_string(),
            Fen::new(sum.fen).grouped(),
            day(sent),
            days.map_or_else(|| NOTHING.to_owned(), |days| days.to_string()),
        ]);
        rows.push(json!({
            "program": names.program_code(program),
            "name": names.program(program),
            "month": month,
            "payments": sum.count,
            "amount_fen": sum.fen,
            "sent_on": sent.map(|day| day.to_string()),
            "days": days,
        }));
    }
    Ok((rows.into(), table))
}

/// Money that came back and is not sorted yet, and since when: home and to be sent again or
/// cancelled, by program; in suspense, by account.
async fn returned(
    tx: &mut Tx,
    book: BookId,
    names: &Names,
    today: Date,
) -> Result<(Value, Table), Error> {
    let mut table = Table::new(
        words(
            "退回待梳理资金(审计检查 A14)",
            "money returned and not sorted (A14)",
        ),
        &[
            ("情况", "state", false),
            ("项目或账户", "program or account", false),
            ("笔数", "items", true),
            ("金额(元)", "amount (yuan)", true),
            ("最早到账日", "since", false),
            ("已过(天)", "days", true),
        ],
    );
    let mut rows = Vec::new();
    let mut add = |state: (&str, &str), code: String, name: String, of: (i64, Fen, String)| {
        let (count, amount, since) = of;
        let days = parse_date(&since)
            .ok()
            .map(|since| (today - since).num_days());
        table.row([
            state.1.to_owned(),
            name.clone(),
            count.to_string(),
            amount.grouped(),
            since.clone(),
            days.map_or_else(|| NOTHING.to_owned(), |days| days.to_string()),
        ]);
        rows.push(json!({
            "state": state.0,
            "of": code,
            "name": name,
            "items": count,
            "amount_fen": amount.get(),
            "since": since,
            "days": days,
        }));
    };
    for one in store::home(tx, book).await? {
        let (code, name) = (names.program_code(one.of), names.program(one.of));
        let of = (one.count, one.amount, one.since);
        add(("home", "已退回、待补发或取消"), code, name, of);
    }
    for one in store::suspense(tx, book).await? {
        let name = names.bank(one.of);
        let of = (one.count, one.amount, one.since);
        add(("suspense", "来款待查"), name.clone(), name, of);
    }
    Ok((rows.into(), table))
}

/// What lies at the bank of each appropriation, and since when.
fn idle(names: &Names, execution: &Value, today: Date) -> (Value, Table) {
    let mut table = Table::new(
        words("未支用资金", "money not drawn"),
        &[
            ("项目", "program", false),
            ("级次", "level", false),
            ("文号", "document", false),
            ("到账日期", "received", false),
            ("结余(元)", "left (yuan)", true),
            ("已到账(天)", "days", true),
        ],
    );
    let all = execution["appropriations"].as_array();
    let mut rows = Vec::new();
    for letter in all.into_iter().flatten() {
        let left = letter["left_fen"].as_i64().unwrap_or(0);
        let text = |name: &str| letter[name].as_str().unwrap_or_default().to_owned();
        let received = parse_date(&text("received_on")).ok();
        if left <= 0 {
            continue;
        }
        let days = received.map(|received| (today - received).num_days());
        let code = text("program");
        let program = names.programs.values().find(|one| one.code == code);
        let name = program.map_or_else(|| code.clone(), |one| one.name.clone());
        table.row([
            name.clone(),
            text("level"),
            text("document"),
            day(received),
            Fen::new(left).grouped(),
            days.map_or_else(|| NOTHING.to_owned(), |days| days.to_string()),
        ]);
        rows.push(json!({
            "program": code,
            "name": name,
            "level": letter["level"],
            "document": letter["document"],
            "received_on": letter["received_on"],
            "amount_fen": left,
            "days": days,
        }));
    }
    (rows.into(), table)
}

/// The figures that a reader looks for first.
fn headline(json: &Value) -> Table {
    let mut table = Table::new(
        words("发放成功率报告", "report on the success of payments"),
        &[
            ("指标", "figure", false),
            ("数值", "value", true),
            ("成功或已支用", "paid or drawn", true),
            ("全部", "of all", true),
        ],
    );
    let total = &json["success"]["total"];
    let rate_of = |rate: &Value, paid: &str, all: &str| {
        let of = |name: &str| rate[name].as_i64().unwrap_or(0);
        Rate::new(of(paid), of(all))
    };
    let counts = [
        ("首次成功率(笔) first, payments", &total["first"]["count"]),
        ("最终成功率(笔) final, payments", &total["final"]["count"]),
        (
            "按时发放率(笔) in time, payments",
            &json["timeliness"]["rate"],
        ),
    ];
    for (name, rate) in counts {
        let rate = rate_of(rate, "paid", "attempted");
        let cells = [rate.paid.to_string(), rate.attempted.to_string()];
        table.row([name.to_owned(), rate.percent()].into_iter().chain(cells));
    }
    let execution = &json["execution"]["total"];
    let amounts = [
        (
            "首次成功率(金额) first, yuan",
            rate_of(&total["first"]["amount_fen"], "paid", "attempted"),
        ),
        (
            "最终成功率(金额) final, yuan",
            rate_of(&total["final"]["amount_fen"], "paid", "attempted"),
        ),
        (
            "预算执行率(金额) drawn, yuan",
            rate_of(&execution["rate"], "drawn", "of"),
        ),
    ];
    for (name, rate) in amounts {
        let cells = [rate.paid, rate.attempted].map(|fen| Fen::new(fen).grouped());
        table.row([name.to_owned(), rate.percent()].into_iter().chain(cells));
    }
    let money = [
        ("在途(元) in transit, yuan", &execution["in_transit_fen"]),
        (
            "待退回(元) awaiting refund, yuan",
            &execution["awaited_fen"],
        ),
        ("未支用(元) not drawn, yuan", &execution["left_fen"]),
    ];
    for (name, fen) in money {
        let amount = Fen::new(fen.as_i64().unwrap_or(0)).grouped();
        table.row([name.to_owned(), amount, String::new(), String::new()]);
    }
    table
}
