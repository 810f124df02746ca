//! The recovery ledger (追缴台账): what was found, what came of it, what is late, and what is held
//! for the treasury.

use ledger_store::boxed;
use std::collections::BTreeMap;

use ledger::calendar::{Date, Month};
use ledger::disbursement::recovery::{Instalment, RecoveryEvent, Standing, Way, next_instalment};
use ledger::disbursement::role::Action;
use ledger::id::{ProgramId, RecoveryId};
use ledger::money::{Fen, MoneyError};
use ledger_store::recovery::{self as store, Recovery, Step};
use ledger_store::roster::Party;
use ledger_store::trace;
use serde_json::{Value, json};

use super::{NOTHING, Names, amount_or_nothing};
use crate::app::roster::{mask_account, mask_name};
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error};

/// What came of a recovery, or of all of a program.
#[derive(Clone, Copy, Default)]
struct Sums {
    found: Fen,
    received: Fen,
    set_off: Fen,
    written_off: Fen,
    left: Fen,
    /// Received or withheld, and the treasury's.
    due_to_treasury: Fen,
}

impl Sums {
    fn of(steps: &[Step]) -> Result<Sums, MoneyError> {
        let mut sums = Sums::default();
        for step in steps {
            let amount = step.moved.amount;
            let treasury = step
                .moved
                .standing
                .is_some_and(|standing| standing != Standing::Same);
            match step.event {
                RecoveryEvent::Confirm => sums.found = sums.found.plus(amount)?,
                RecoveryEvent::Receive => sums.received = sums.received.plus(amount)?,
                RecoveryEvent::SetOff => sums.set_off = sums.set_off.plus(amount)?,
                RecoveryEvent::Restore => sums.set_off = sums.set_off.minus(amount)?,
                RecoveryEvent::ConfirmWriteOff => {
                    sums.written_off = sums.written_off.plus(amount)?;
                }
                _ => {}
            }
            let held = &mut sums.due_to_treasury;
            match step.event {
                RecoveryEvent::Receive | RecoveryEvent::SetOff if treasury => {
                    *held = held.plus(amount)?;
                }
                RecoveryEvent::Restore if treasury => *held = held.minus(amount)?,
                _ => {}
            }
            sums.left = step.left;
        }
        Ok(sums)
    }

    fn plus(self, other: Sums) -> Result<Sums, MoneyError> {
        Ok(Sums {
            found: self.found.plus(other.found)?,
            received: self.received.plus(other.received)?,
            set_off: self.set_off.plus(other.set_off)?,
            written_off: self.written_off.plus(other.written_off)?,
            left: self.left.plus(other.left)?,
            due_to_treasury: self.due_to_treasury.plus(other.due_to_treasury)?,
        })
    }
}

/// One recovery in the ledger.
struct Row {
    recovery: Recovery,
    household: Option<Party>,
    sums: Sums,
    /// Days since it was booked.
    age: i64,
    /// The next instalment and what is missing of it.
    next: Option<(Instalment, Fen)>,
    /// The month in which the report is made.
    now: Month,
}

impl Row {
    fn late(&self) -> bool {
        self.next.is_some_and(|(line, _)| line.due < self.now)
    }

    fn of(text: fn(&Party) -> String, household: Option<&Party>) -> String {
        household.map_or_else(|| NOTHING.to_owned(), text)
    }

    fn cells(&self, names: &Names) -> [String; 15] {
        let household = self.household.as_ref();
        let (sums, next) = (&self.sums, self.next.as_ref());
        [
            self.recovery.id.to_string(),
            names.program(self.recovery.program),
            Row::of(|party| party.township.clone(), household),
            Row::of(|party| mask_name(&party.name), household),
            Row::of(|party| mask_account(&party.reference_no), household),
            format!("{} – {}", self.recovery.first, self.recovery.last),
            sums.found.grouped(),
            amount_or_nothing(sums.received),
            amount_or_nothing(sums.set_off),
            amount_or_nothing(sums.written_off),
            amount_or_nothing(sums.left),
            self.recovery.state.name().to_owned(),
            self.age.to_string(),
            next.map_or_else(
                || NOTHING.to_owned(),
                |(line, missing)| format!("{} {}", line.due, missing.grouped()),
            ),
            if self.late() { "逾期 late" } else { "" }.to_owned(),
        ]
    }

    fn json(&self, names: &Names) -> Value {
        let household = self.household.as_ref();
        let next = |(line, missing): &(Instalment, Fen)| json!({ "due": line.due.to_string(), "missing_fen": missing.get() });
        json!({
            "recovery": self.recovery.id.get(),
            "program": names.program_code(self.recovery.program),
            "township": Row::of(|party| party.township.clone(), household),
            "name": Row::of(|party| mask_name(&party.name), household),
            "file_no": Row::of(|party| mask_account(&party.reference_no), household),
            "first": self.recovery.first.to_string(),
            "last": self.recovery.last.to_string(),
            "found_fen": self.sums.found.get(),
            "received_fen": self.sums.received.get(),
            "set_off_fen": self.sums.set_off.get(),
            "written_off_fen": self.sums.written_off.get(),
            "left_fen": self.sums.left.get(),
            "state": self.recovery.state.code(),
            "age_days": self.age,
            "next": self.next.as_ref().map(next),
            "late": self.late(),
        })
    }
}

/// 追缴台账: every recovery that was booked, with what was found, came in, was withheld or written
/// off, what is left, how old it is, and its next instalment; and by program what is held for the
/// treasury.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
#[boxed]
pub async fn recovery(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let (book, today) = (caller.book.id, app.clock.today());
    let names = Names::load(&mut tx, book).await?;
    let plans = store::plans(&mut tx, book).await?;
    let handed_over = store::handed_over(&mut tx, book).await?;
    let mut steps = BTreeMap::<RecoveryId, Vec<Step>>::new();
    for step in store::steps(&mut tx, book, None).await? {
        steps.entry(step.recovery).or_default().push(step);
    }
    let mut rows = Vec::new();
    for recovery in store::recoveries(&mut tx, book).await? {
        let way = steps.remove(&recovery.id).unwrap_or_default();
        let Some(booked) = way.iter().find(|step| step.event == RecoveryEvent::Confirm) else {
            continue;
        };
        let party = trace::party(&mut tx, book, recovery.household).await?;
        rows.push(Row {
            household: party.map(|(party, _)| party),
            sums: Sums::of(&way)?,
            age: today.signed_duration_since(booked.on).num_days(),
            next: next(&recovery, plans.get(&recovery.id), &way)?,
            now: Month::of(today),
            recovery,
        });
    }
    tx.rollback().await?;
    lay_out(&names, &rows, &handed_over, today)
}

/// The next cash instalment of what is still owed.
fn next(
    recovery: &Recovery,
    plan: Option<&Vec<Instalment>>,
    way: &[Step],
) -> Result<Option<(Instalment, Fen)>, MoneyError> {
    let Some(plan) = plan.filter(|_| recovery.left > Fen::ZERO) else {
        return Ok(None);
    };
    // What payments withhold pays the rest, not the instalments, when the plan says both.
    let both = plan.iter().any(|line| line.way == Way::SetOff);
    let counts = |step: &&Step| {
        let made = plan.first().is_some_and(|line| step.n > line.plan);
        let cash = step.event == RecoveryEvent::Receive;
        made && (cash || !both && step.event == RecoveryEvent::SetOff)
    };
    let came_in = Fen::sum(way.iter().filter(counts).map(|step| step.moved.amount))?;
    let next = next_instalment(plan, came_in)?;
    Ok(next.map(|(line, missing)| (line, missing.min(recovery.left))))
}

fn lay_out(
    names: &Names,
    rows: &[Row],
    handed_over: &BTreeMap<ProgramId, Fen>,
    today: Date,
) -> Result<Report, Error> {
    let mut programs = BTreeMap::<ProgramId, Sums>::new();
    let mut table = Table::new(
        words(
            format!("追缴台账 {today}"),
            format!("recovery ledger {today}"),
        ),
        &[
            ("追缴", "recovery", true),
            ("项目", "program", false),
            ("乡镇", "township", false),
            ("户主", "household", false),
            ("档案号", "file number", false),
            ("月份", "months", false),
            ("应追缴(元)", "found (yuan)", true),
            ("已收回(元)", "received (yuan)", true),
            ("已抵扣(元)", "set off (yuan)", true),
            ("已核销(元)", "written off (yuan)", true),
            ("余额(元)", "left (yuan)", true),
            ("状态", "state", false),
            ("账龄(天)", "age (days)", true),
            ("下一期(元)", "next instalment (yuan)", false),
            ("逾期", "late", false),
        ],
    );
    for row in rows {
        table.row(row.cells(names));
        let sums = programs.entry(row.recovery.program).or_default();
        *sums = sums.plus(row.sums)?;
    }
    let (summary, list) = by_program(names, &programs, handed_over)?;
    let json = json!({
        "date": today.to_string(),
        "recoveries": rows.iter().map(|row| row.json(names)).collect::<Value>(),
        "programs": list,
    });
    Ok(Report::new(json, vec![table, summary]))
}

/// What came of the recoveries of each program, and what of it is held for the treasury.
fn by_program(
    names: &Names,
    programs: &BTreeMap<ProgramId, Sums>,
    handed_over: &BTreeMap<ProgramId, Fen>,
) -> Result<(Table, Vec<Value>), Error> {
    let mut summary = Table::new(
        words("分项目合计", "by program"),
        &[
            ("项目", "program", false),
            ("应追缴(元)", "found (yuan)", true),
            ("已收回(元)", "received (yuan)", true),
            ("已抵扣(元)", "set off (yuan)", true),
            ("已核销(元)", "written off (yuan)", true),
            ("余额(元)", "left (yuan)", true),
            ("已上缴(元)", "handed over (yuan)", true),
            ("待上缴(元)", "held for the treasury (yuan)", true),
        ],
    );
    let mut list = Vec::new();
    for (program, sums) in programs {
        let over = handed_over.get(program).copied().unwrap_or_default();
        let held = sums.due_to_treasury.minus(over)?;
        let figures = [
            sums.found,
            sums.received,
            sums.set_off,
            sums.written_off,
            sums.left,
            over,
            held,
        ];
        let name = [names.program(*program)].into_iter();
        summary.row(name.chain(figures.iter().map(|amount| amount.grouped())));
        list.push(json!({
            "program": names.program_code(*program),
            "found_fen": sums.found.get(),
            "received_fen": sums.received.get(),
            "set_off_fen": sums.set_off.get(),
            "written_off_fen": sums.written_off.get(),
            "left_fen": sums.left.get(),
            "handed_over_fen": over.get(),
            "held_fen": held.get(),
        }));
    }
    Ok((summary, list))
}
