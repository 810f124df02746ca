//! The way of one payment.

use ledger_store::boxed;
use std::collections::BTreeMap;

use ledger::account::Chart;
use ledger::audit::hex::encode;
use ledger::disbursement::role::Action;
use ledger::disbursement::workflow::PaymentState;
use ledger::id::{AppropriationId, BookId, PaymentId, RunId};
use ledger::money::Fen;
use ledger_store::db::Tx;
use ledger_store::fund::Appropriation;
use ledger_store::payment::{self, StoredLine};
use ledger_store::recovery::{self, SetOff};
use ledger_store::roster::Party;
use ledger_store::run::{self, Run, RunKind, RunStep};
use ledger_store::trace::{self as way, PaymentTrace};
use ledger_store::{batch, report as figures};
use serde_json::{Value, json};

use super::party::party_json;
use super::{masked_name, masked_number};
use crate::app::exception::source_text;
use crate::app::report::{NOTHING, Names, reason_name};
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error, not_found};

/// Everything that is known about one payment, read at one moment.
struct Way {
    names: Names,
    trace: PaymentTrace,
    run: Run,
    steps: Vec<RunStep>,
    lines: Vec<StoredLine>,
    /// What it withholds for recoveries.
    withheld: Vec<SetOff>,
    /// Payee and household.
    parties: [(Party, i64); 2],
    /// By attempt: appropriation and amount.
    draws: BTreeMap<i64, Vec<(AppropriationId, Fen)>>,
    head: (i64, String),
}

/// The way of a payment: quota letters, run and its steps, batch and file, answers, refund, re-pay,
/// vouchers and transfers, each with its audit entry, and the head that covers them.
///
/// # Errors
/// When there is no such payment; when the caller may not read reports; accidents of the store.
#[boxed]
pub async fn payment(app: &App, caller: &Caller, id: PaymentId) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let way = Way::load(&mut tx, caller.book.id, id).await?;
    tx.rollback().await?;
    let mut tables = vec![way.summary(), way.lines_table(), way.steps_table()];
    tables.extend([
        way.funding_table(),
        way.attempts_table(),
        way.transfers_table(),
    ]);
    Ok(Report::new(way.json(), tables))
}

impl Way {
    async fn load(tx: &mut Tx, book: BookId, id: PaymentId) -> Result<Way, Error> {
        let missing = || not_found("明细 payment", id);
        let trace = way::payment(tx, book, id).await?.ok_or_else(missing)?;
        let run_id = RunId(trace.payment.run);
        let run = run::run(tx, book, run_id).await?.ok_or_else(missing)?;
        let payee = way::party(tx, book, trace.payment.payee)
            .await?
            .ok_or_else(missing)?;
        let household = way::party(tx, book, trace.payment.household).await?;
        let household = household.unwrap_or_else(|| payee.clone());
        let mut draws = BTreeMap::new();
        for attempt in &trace.attempts {
            let drawn = match attempt.appropriation {
                Some(appropriation) => vec![(appropriation, trace.payment.amount)],
                None => batch::parts_of(tx, book, id, attempt.attempt).await?,
            };
            draws.insert(attempt.attempt, drawn);
        }
        let (size, root) = figures::head(tx, book).await?;
        Ok(Way {
            names: Names::load(tx, book).await?,
            steps: run::steps(tx, book, run_id).await?,
            lines: payment::lines(tx, book, id.get(), id.get()).await?,
            withheld: recovery::set_offs(tx, book, id.get(), id.get()).await?,
            parties: [payee, household],
            trace,
            run,
            draws,
            head: (size, encode(&root)),
        })
    }

    /// Where the payment stands.
    fn state(&self) -> PaymentState {
        let Some(last) = self.trace.attempts.last() else {
            return PaymentState::Due;
        };
        let mut answers = self.trace.outcomes.iter().rev();
        let answer = answers.find(|outcome| outcome.attempt == last.attempt);
        answer
            .and_then(|outcome| PaymentState::from_code(&outcome.kind))
            .unwrap_or(PaymentState::Sent)
    }

    fn json(&self) -> Value {
        let payment = &self.trace.payment;
        let [payee, household] = &self.parties;
        json!({
            "payment": payment.id.get(),
            "amount_fen": payment.amount.get(),
            "state": self.state().code(),
            "entry": payment.entry,
            "program": self.names.program_code(self.run.program),
            "month": self.run.month.to_string(),
            "payee": party_json(payee),
            "household": party_json(household),
            "lines": self.lines.iter().map(|line| self.line_json(line)).collect::<Value>(),
            "withheld": self.withheld.iter().map(withheld_json).collect::<Value>(),
            "run": {
                "id": self.run.id.get(),
                "kind": self.run.kind.code(),
                "steps": self.steps.iter().map(step_json).collect::<Value>(),
            },
            "attempts": self.attempts_json(),
            "transfers": self.transfers_json(),
            "head": { "size": self.head.0, "root": self.head.1 },
        })
    }

    fn line_json(&self, line: &StoredLine) -> Value {
        json!({
            "component": self.names.component_code(line.component),
            "month": line.month,
            "subject": line.subject.get(),
            "award": line.award,
            "amount_fen": line.amount.get(),
            "reason": line.reason,
        })
    }

    fn attempts_json(&self) -> Value {
        let attempt = |attempt: &way::AttemptStep| {
            let outcomes = self
                .trace
                .outcomes
                .iter()
                .filter(|o| o.attempt == attempt.attempt);
            let receipts = self
                .trace
                .receipts
                .iter()
                .filter(|r| r.attempt == attempt.attempt);
            let draws = self.draws.get(&attempt.attempt).into_iter().flatten();
            json!({
                "attempt": attempt.attempt,
                "batch": attempt.batch_no,
                "file": attempt.file_name,
                "line": attempt.line_no,
                "sent_on": attempt.sent_on,
                "account": masked_number(&attempt.account_no),
                "holder": masked_name(&attempt.holder_name),
                "entry": attempt.entry,
                "appropriations": draws.map(|draw| self.draw_json(draw)).collect::<Value>(),
                "outcomes": outcomes.map(outcome_json).collect::<Value>(),
                "receipts": receipts.map(receipt_json).collect::<Value>(),
            })
        };
        self.trace.attempts.iter().map(attempt).collect()
    }

    fn draw_json(&self, (id, amount): &(AppropriationId, Fen)) -> Value {
        let lot = self.names.appropriations.get(id);
        json!({
            "document": self.names.appropriation(*id),
            "level": lot.map(|lot| lot.level.code()),
            "amount_fen": amount.get(),
            "entry": lot.map(|lot| lot.entry),
        })
    }

    fn transfers_json(&self) -> Value {
        let transfer = |transfer: &way::TransferStep| {
            let lot = AppropriationId(transfer.appropriation);
            json!({
                "voucher": transfer.voucher,
                "date": transfer.on,
                "summary": transfer.summary,
                "transfer": transfer.transfer,
                "debit": transfer.debit,
                "credit": transfer.credit,
                "amount_fen": transfer.amount.get(),
                "attempt": transfer.attempt,
                "appropriation": (lot.get() != 0).then(|| self.names.appropriation(lot)),
            })
        };
        self.trace.transfers.iter().map(transfer).collect()
    }

    fn summary(&self) -> Table {
        let payment = &self.trace.payment;
        let title = words(
            format!("明细 {}", payment.id),
            format!("payment {}", payment.id),
        );
        let mut table = Table::new(title, &[("栏目", "field", false), ("内容", "value", false)]);
        let [payee, household] = &self.parties;
        let party = |(party, entry): &(Party, i64)| {
            let (name, number) = (masked_name(&party.name), masked_number(&party.reference_no));
            let place = format!("{} {}", party.township, party.village);
            format!("{name} {number} {place} (#{entry})")
        };
        for (field, value) in [
            ("项目 program", self.names.program(self.run.program)),
            ("月份 month", self.run.month.to_string()),
            (
                "金额 amount",
                format!("{} {}", payment.amount.grouped(), payment.amount.capital()),
            ),
            ("状态 state", self.state().name().to_owned()),
            ("收款人 payee", party(payee)),
            ("户 household", party(household)),
            (
                "批次 run",
                format!("{} {}", self.run.id, kind_name(self.run.kind)),
            ),
            ("审计记录 audit entry", payment.entry.to_string()),
            ("链头 head", format!("{}:{}", self.head.0, self.head.1)),
        ] {
            table.row([field.to_owned(), value]);
        }
        table
    }

    fn lines_table(&self) -> Table {
        let mut table = Table::new(
            words("构成", "lines"),
            &[
                ("发放项目", "component", false),
                ("所属月份", "month", false),
                ("对象", "subject", true),
                ("核定", "award", true),
                ("金额(元)", "yuan", true),
                ("缘由", "reason", false),
            ],
        );
        for line in &self.lines {
            table.row([
                self.names.component(line.component),
                line.month.clone(),
                line.subject.to_string(),
                line.award.to_string(),
                line.amount.grouped(),
                line.reason.clone(),
            ]);
        }
        for set_off in &self.withheld {
            let part = &set_off.withheld;
            table.row([
                format!("抵扣追缴 {} withheld", part.recovery),
                NOTHING.to_owned(),
                NOTHING.to_owned(),
                NOTHING.to_owned(),
                format!("-{}", part.amount.grouped()),
                "set-off".to_owned(),
            ]);
        }
        table
    }

    fn steps_table(&self) -> Table {
        let mut table = Table::new(
            words("批次经过", "steps of the run"),
            &[
                ("步骤", "step", false),
                ("之后", "state", false),
                ("人", "by", false),
                ("身份", "as", false),
                ("时间(UTC)", "time", false),
                ("理由", "reason", false),
                ("审计记录", "entry", true),
            ],
        );
        for step in &self.steps {
            table.row([
                step.event.name().to_owned(),
                step.state.name().to_owned(),
                step.user_name.clone(),
                step.duty.name().to_owned(),
                step.at.to_string(),
                step.reason.clone(),
                step.entry.to_string(),
            ]);
        }
        table
    }

    fn funding_table(&self) -> Table {
        let mut table = Table::new(
            words("资金来源", "where the money comes from"),
            &[
                ("尝试", "attempt", true),
                ("文号", "document", false),
                ("级次", "level", false),
                ("到账", "received", false),
                ("金额(元)", "yuan", true),
                ("审计记录", "entry", true),
            ],
        );
        for (attempt, draws) in &self.draws {
            for (id, amount) in draws {
                let lot = self.names.appropriations.get(id);
                let of = |text: fn(&Appropriation) -> String| {
                    lot.map_or_else(|| NOTHING.to_owned(), text)
                };
                table.row([
                    attempt.to_string(),
                    self.names.appropriation(*id),
                    of(|lot| lot.level.name().to_owned()),
                    of(|lot| lot.received_on.to_string()),
                    amount.grouped(),
                    of(|lot| lot.entry.to_string()),
                ]);
            }
        }
        table
    }

    /// What happened after each attempt, in its order.
    fn attempts_table(&self) -> Table {
        let mut table = Table::new(
            words("发放经过", "attempts and answers"),
            &[
                ("尝试", "attempt", true),
                ("日期", "date", false),
                ("事项", "what", false),
                ("依据", "source", false),
                ("内容", "detail", false),
                ("原因", "reason", false),
                ("审计记录", "entry", true),
            ],
        );
        for attempt in &self.trace.attempts {
            let number = attempt.attempt;
            let target = format!(
                "{} {}",
                masked_number(&attempt.account_no),
                masked_name(&attempt.holder_name)
            );
            let source = format!(
                "{} {}:{}",
                attempt.batch_no, attempt.file_name, attempt.line_no
            );
            let is_first = number == 1;
            let what = ["补发 re-paid", "发出 sent"][usize::from(is_first)].to_owned();
            let entry = attempt.entry.to_string();
            table.row([
                number.to_string(),
                attempt.sent_on.clone(),
                what,
                source,
                target,
                String::new(),
                entry,
            ]);
            for outcome in self.trace.outcomes.iter().filter(|o| o.attempt == number) {
                let state = PaymentState::from_code(&outcome.kind);
                table.row([
                    number.to_string(),
                    outcome.on.clone(),
                    state.map_or_else(|| outcome.kind.clone(), |state| state.name().to_owned()),
                    source_text(
                        outcome.source,
                        format!("{}:{}", outcome.source_id, outcome.line_no),
                    ),
                    outcome.reason_text.clone(),
                    named(&outcome.reason),
                    outcome.entry.to_string(),
                ]);
            }
            for receipt in self.trace.receipts.iter().filter(|r| r.attempt == number) {
                table.row([
                    number.to_string(),
                    NOTHING.to_owned(),
                    "退款到账 refund home".to_owned(),
                    source_text(
                        "statement",
                        format!("{}:{}", receipt.statement, receipt.line_no),
                    ),
                    receipt.amount.grouped(),
                    String::new(),
                    receipt.entry.to_string(),
                ]);
            }
        }
        table
    }

    fn transfers_table(&self) -> Table {
        let mut table = Table::new(
            words("凭证与分录", "vouchers and transfers"),
            &[
                ("凭证", "voucher", false),
                ("日期", "date", false),
                ("摘要", "summary", false),
                ("分录", "transfer", true),
                ("借", "debit", false),
                ("贷", "credit", false),
                ("金额(元)", "yuan", true),
                ("指标", "appropriation", false),
            ],
        );
        let chart = |code: &str| {
            Chart::from_code(code).map_or_else(String::new, |c| format!("{code} {}", c.name()))
        };
        for transfer in &self.trace.transfers {
            let lot = match transfer.appropriation {
                0 => NOTHING.to_owned(),
                id => self.names.appropriation(AppropriationId(id)),
            };
            table.row([
                transfer.voucher.clone(),
                transfer.on.clone(),
                transfer.summary.clone(),
                transfer.transfer.to_string(),
                chart(&transfer.debit),
                chart(&transfer.credit),
                transfer.amount.grouped(),
                lot,
            ]);
        }
        table
    }
}

fn withheld_json(set_off: &SetOff) -> Value {
    json!({
        "recovery": set_off.withheld.recovery.get(),
        "amount_fen": set_off.withheld.amount.get(),
    })
}

fn step_json(step: &RunStep) -> Value {
    json!({
        "event": step.event.code(),
        "state": step.state.code(),
        "user": step.user_name,
        "duty": step.duty.code(),
        "time": step.at.to_string(),
        "reason": step.reason,
        "entry": step.entry,
    })
}

fn outcome_json(outcome: &way::OutcomeStep) -> Value {
    json!({
        "kind": outcome.kind,
        "source": outcome.source,
        "source_id": outcome.source_id,
        "line": outcome.line_no,
        "reason": outcome.reason,
        "reason_text": outcome.reason_text,
        "date": outcome.on,
        "entry": outcome.entry,
    })
}

fn receipt_json(receipt: &way::ReceiptStep) -> Value {
    json!({
        "statement": receipt.statement,
        "line": receipt.line_no,
        "amount_fen": receipt.amount.get(),
        "entry": receipt.entry,
    })
}

/// The name of a reason; nothing where nothing failed.
fn named(reason: &str) -> String {
    match reason {
        "" => String::new(),
        reason => reason_name(reason),
    }
}

/// The name of a kind of run.
fn kind_name(kind: RunKind) -> &'static str {
    match kind {
        RunKind::Regular => "正常发放",
        RunKind::BackPay => "补发以前月份",
        RunKind::RePay => "失败重发",
    }
}
