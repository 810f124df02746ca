//! A month's work, phase by phase, through the use cases alone.
//!
//! Inputs (rosters, the bank's answers, statements) are made between the steps; what is timed is
//! the use case. Every answer is held against what the city and the bank know.

use std::sync::Arc;

use ledger::calendar::{Date, Month};
use ledger::id::RunId;
use ledger::money::Fen;
use ledger_store::run::RunKind;
use serde_json::Value;

use super::bank::{self, Bank, Taken};
use super::city::{ACCOUNT, City, Due, Program};
use super::meter::Meter;
use super::office::{Office, at, day, int};
use super::phase::Phase;
use super::progress::Progress;
use super::ties::Ties;
use crate::app::returns::{ReturnInput, Said};
use crate::app::run::NewRun;
use crate::app::statement::StatementInput;
use crate::app::{
    Done, Error, clash, period, release, report, returns, roster, run, statement, year,
};

/// The work on all books.
#[derive(Debug)]
pub(super) struct Work {
    /// The books.
    pub(super) offices: Vec<Arc<Office>>,
    /// The bank of each.
    pub(super) banks: Vec<Bank>,
    /// The people.
    pub(super) city: City,
    /// What was measured.
    pub(super) meter: Meter,
    /// What was compared.
    pub(super) ties: Ties,
    /// Where progress is shown.
    pub(super) progress: Progress,
}

/// A program with what it comes to.
type Owed = (Program, Due);

/// The runs of one program, one of each book.
type Runs = Vec<RunId>;

/// A batch of each book, with what the bank counted.
type Batches = Vec<(String, Taken)>;

/// What went out and what the bank will say.
#[derive(Debug, Default)]
struct Sent {
    batches: Vec<Batches>,
    failed: i64,
    failed_total: Fen,
    late: i64,
}

impl Work {
    /// One month; the first also takes the rosters in.
    pub(super) async fn month(&mut self, month: Month, rosters: bool) -> Result<(), Error> {
        let mut owed: Vec<Owed> = Vec::new();
        for program in self.city.programs() {
            let due = program.due()?;
            owed.push((program, due));
        }
        self.appropriations(month, &owed).await?;
        if rosters {
            self.rosters(month, &owed).await?;
        }
        let runs = self.calculate(month, &owed).await?;
        self.check(month, &runs).await?;
        self.approve(month, &runs).await?;
        let mut sent = Sent::default();
        for ((_, due), runs) in owed.iter().zip(&runs) {
            let batches = self.send(Phase::BatchFiles, day(month, 10)?, runs).await?;
            self.batches_tie(*due, &batches, &mut sent)?;
        }
        let all = owed.iter().map(|(_, due)| due.payments).sum::<i64>();
        self.answers(Phase::Returns, day(month, 11)?, &sent.batches, false)
            .await?;
        self.statement(day(month, 1)?, day(month, 12)?, Some(sent.failed))
            .await?;
        let again = self.re_pay(month, &owed, &sent).await?;
        self.answers(Phase::Returns, day(month, 15)?, &sent.batches, true)
            .await?;
        self.statement(day(month, 13)?, month.last_day(), None)
            .await?;
        self.close(month, runs.into_iter().chain(again)).await?;
        self.success_rate(month, all, &owed, &sent).await
    }

    /// One letter for each program, five of a hundred more than is due.
    async fn appropriations(&mut self, month: Month, owed: &[Owed]) -> Result<(), Error> {
        let on = day(month, 4)?;
        at(&self.offices, on, 9);
        let mut amounts = Vec::with_capacity(owed.len());
        for (program, due) in owed {
            let amount = Fen::new(due.total.get() / 100 * 105).plus(Fen::new(100))?;
            amounts.push((program.code.clone(), amount));
        }
        for (office, bank) in self.offices.iter().zip(&mut self.banks) {
            for (document, amount) in office.grant(on, &amounts).await? {
                bank.credit(on, amount, &document)?;
            }
        }
        Ok(())
    }

    async fn rosters(&mut self, month: Month, owed: &[Owed]) -> Result<(), Error> {
        at(&self.offices, day(month, 5)?, 9);
        for (program, due) in owed {
            self.progress.phase(Phase::Roster, &program.code);
            let bytes = Arc::new(program.roster().map_err(anyhow::Error::from)?);
            let inputs = vec![(program.code.clone(), month, bytes); self.offices.len()];
            let done = self
                .meter
                .step(Phase::Roster, &self.offices, inputs, imported)
                .await?;
            for done in done {
                let expected = [("rows", due.lines), ("started", due.lines)];
                self.ties
                    .answer(&format!("roster {}", program.code), &done.answer, &expected);
            }
        }
        Ok(())
    }

    async fn calculate(&mut self, month: Month, owed: &[Owed]) -> Result<Vec<Runs>, Error> {
        at(&self.offices, day(month, 9)?, 9);
        let mut all = Vec::with_capacity(owed.len());
        for (program, due) in owed {
            let (code, kind) = (&program.code, RunKind::Regular);
            let made = self.make(Phase::Calculate, code, kind, month).await?;
            let mut runs = Runs::new();
            for run in made {
                let expected = [("payments", due.payments), ("total_fen", due.total.get())];
                self.ties
                    .answer(&format!("run {month} {code}"), &run, &expected);
                runs.push(RunId(int(&run, "run")));
            }
            all.push(runs);
        }
        Ok(all)
    }

    /// Makes a run in each book.
    async fn make(
        &mut self,
        phase: Phase,
        program: &str,
        kind: RunKind,
        month: Month,
    ) -> Result<Vec<Value>, Error> {
        self.progress.phase(phase, program);
        let new = NewRun {
            program: program.to_owned(),
            kind,
            month,
            first: None,
        };
        let inputs = vec![new; self.offices.len()];
        let create = async |office: Arc<Office>, new: NewRun| {
            run::create(&office.app, office.who("maker")?, &new, None).await
        };
        let made = self
            .meter
            .step(phase, &self.offices, inputs, create)
            .await?;
        Ok(made.into_iter().map(|done| done.answer).collect())
    }

    async fn check(&mut self, month: Month, runs: &[Runs]) -> Result<(), Error> {
        at(&self.offices, day(month, 9)?, 10);
        for runs in runs {
            self.progress.phase(Phase::Check, "");
            self.meter
                .step(Phase::Check, &self.offices, runs.clone(), checked)
                .await?;
        }
        Ok(())
    }

    async fn approve(&mut self, month: Month, runs: &[Runs]) -> Result<(), Error> {
        at(&self.offices, day(month, 9)?, 14);
        for runs in runs {
            self.progress.phase(Phase::PostApproval, "");
            self.meter
                .step(Phase::PostApproval, &self.offices, runs.clone(), approved)
                .await?;
        }
        Ok(())
    }

    /// Releases a run in each book and hands its files to the bank.
    async fn send(&mut self, phase: Phase, on: Date, runs: &Runs) -> Result<Vec<Batches>, Error> {
        self.progress.phase(phase, "");
        at(&self.offices, on, 9);
        let inputs: Vec<(RunId, Date)> = runs.iter().map(|run| (*run, on)).collect();
        let release = async |office: Arc<Office>, (run, on): (RunId, Date)| {
            release::release(&office.app, office.who("cashier")?, run, Some(on), None).await
        };
        self.meter
            .step(phase, &self.offices, inputs, release)
            .await?;
        let mut numbers = Vec::with_capacity(runs.len());
        for (office, run) in self.offices.iter().zip(runs) {
            numbers.push(batches_of(office, *run).await?);
        }
        let most = numbers.iter().map(Vec::len).max().unwrap_or(0);
        let mut all = Vec::with_capacity(most);
        for place in 0..most {
            let these: Vec<String> = numbers
                .iter()
                .filter_map(|numbers| numbers.get(place).cloned())
                .collect();
            let files = self
                .meter
                .step(phase, &self.offices, these.clone(), fetched)
                .await?;
            let mut batches = Batches::new();
            for ((number, file), bank) in these.into_iter().zip(files).zip(&mut self.banks) {
                let taken = bank.take(on, &number, &file).map_err(anyhow::Error::from)?;
                batches.push((number, taken));
            }
            all.push(batches);
        }
        Ok(all)
    }

    /// The batches of a program are what is due, as the bank counts them.
    fn batches_tie(&mut self, due: Due, all: &[Batches], sent: &mut Sent) -> Result<(), Error> {
        for book in 0..self.offices.len() {
            let of_book = all.iter().filter_map(|batches| batches.get(book));
            let (mut lines, mut total) = (0, Fen::ZERO);
            for (_, taken) in of_book {
                lines += taken.lines;
                total = total.plus(taken.total)?;
                if book == 0 {
                    sent.failed += taken.failed;
                    sent.late += taken.late;
                    sent.failed_total = sent.failed_total.plus(taken.failed_total)?;
                }
            }
            self.ties.tie("lines of the batches", lines, due.payments);
            self.ties
                .tie("total of the batches", total.get(), due.total.get());
        }
        sent.batches.extend(all.iter().cloned());
        Ok(())
    }

    /// The bank's answers to these batches come in.
    async fn answers(
        &mut self,
        phase: Phase,
        on: Date,
        all: &[Batches],
        second: bool,
    ) -> Result<(), Error> {
        at(&self.offices, on, 15);
        for batches in all {
            let mut inputs: Vec<Vec<ReturnInput>> = Vec::new();
            for (office, (number, _)) in self.offices.iter().zip(batches) {
                let file = fetched(Arc::clone(office), number.clone()).await?;
                let answers = bank::answers(&file, second).map_err(anyhow::Error::from)?;
                let named = (1..).zip(answers).map(|(part, answer)| ReturnInput {
                    file_name: format!("{number}-return-{}-{part}.csv", 1 + u8::from(second)),
                    bytes: answer.bytes,
                    batch: Some(number.clone()),
                    profile: None,
                    said: Said::default(),
                });
                inputs.push(named.collect());
            }
            self.progress
                .phase(phase, batches.first().map_or("", |(number, _)| number));
            self.take_answers(phase, inputs, batches, second).await?;
        }
        Ok(())
    }

    /// The return files of one batch in each book: the first of each at once, then the second.
    async fn take_answers(
        &mut self,
        phase: Phase,
        inputs: Vec<Vec<ReturnInput>>,
        batches: &Batches,
        second: bool,
    ) -> Result<(), Error> {
        let mut said = vec![[0_i64; 5]; self.offices.len()];
        let mut files: Vec<_> = inputs.into_iter().map(Vec::into_iter).collect();
        loop {
            let these: Vec<ReturnInput> = files.iter_mut().filter_map(Iterator::next).collect();
            if these.is_empty() {
                break;
            }
            let import = async |office: Arc<Office>, input: ReturnInput| {
                returns::import(&office.app, office.who("cashier")?, &input, None).await
            };
            let done = self.meter.step(phase, &self.offices, these, import).await?;
            for (said, done) in said.iter_mut().zip(done) {
                let fields = ["paid", "failed", "pending", "exceptions", "repeated"];
                for (sum, field) in said.iter_mut().zip(fields) {
                    *sum += int(&done.answer, field);
                }
            }
        }
        for ([paid, failed, pending, exceptions, repeated], (number, taken)) in
            said.into_iter().zip(batches)
        {
            let expected = match second {
                true => [taken.late, 0, 0],
                false => [
                    taken.lines - taken.failed - taken.late,
                    taken.failed,
                    taken.late,
                ],
            };
            let found = [("paid", paid), ("failed", failed), ("pending", pending)];
            for ((what, found), expected) in found.into_iter().zip(expected) {
                self.ties
                    .tie(format!("return of {number}: {what}"), found, expected);
            }
            self.ties.tie(
                format!("return of {number}: differences"),
                exceptions + repeated,
                0,
            );
        }
        Ok(())
    }

    /// The account's statement comes in; with so many refunds.
    async fn statement(&mut self, from: Date, to: Date, refunds: Option<i64>) -> Result<(), Error> {
        at(&self.offices, to, 17);
        self.progress.phase(Phase::Statement, "");
        let name = format!("statement-{from}-{to}.csv");
        let inputs: Vec<(String, Vec<u8>)> = self
            .banks
            .iter_mut()
            .map(|bank| (name.clone(), bank.statement(from, to)))
            .collect();
        let import = async |office: Arc<Office>, (name, bytes): (String, Vec<u8>)| {
            let by = office.who("accountant")?;
            let input = StatementInput {
                account: ACCOUNT.to_owned(),
                file_name: name,
                bytes,
                ..StatementInput::default()
            };
            statement::import(&office.app, by, &input, None).await
        };
        let done = self
            .meter
            .step(Phase::Statement, &self.offices, inputs, import)
            .await?;
        for done in done {
            let expected = [("refunds", refunds.unwrap_or(0)), ("exceptions", 0)];
            self.ties
                .answer(&format!("statement to {to}"), &done.answer, &expected);
        }
        Ok(())
    }

    /// What failed and is home is made, approved, sent and answered again.
    async fn re_pay(
        &mut self,
        month: Month,
        owed: &[Owed],
        sent: &Sent,
    ) -> Result<Vec<Runs>, Error> {
        let phase = Phase::RePay;
        let mut all = Vec::with_capacity(owed.len());
        let (mut payments, mut total) = (0, 0);
        for (program, _) in owed {
            at(&self.offices, day(month, 13)?, 9);
            let made = self
                .make(phase, &program.code, RunKind::RePay, month)
                .await?;
            if made.iter().any(|run| run["run"].is_null()) {
                continue;
            }
            payments += made.first().map_or(0, |run| int(run, "payments"));
            total += made.first().map_or(0, |run| int(run, "total_fen"));
            let runs: Runs = made.iter().map(|run| RunId(int(run, "run"))).collect();
            self.meter
                .step(phase, &self.offices, runs.clone(), checked)
                .await?;
            self.meter
                .step(phase, &self.offices, runs.clone(), approved)
                .await?;
            let batches = self.send(phase, day(month, 13)?, &runs).await?;
            self.answers(phase, day(month, 14)?, &batches, false)
                .await?;
            all.push(runs);
        }
        self.ties.tie("payments made again", payments, sent.failed);
        self.ties
            .tie("total made again", total, sent.failed_total.get());
        Ok(all)
    }

    /// Closes the runs, and the month with its agreements.
    async fn close(&mut self, month: Month, runs: impl Iterator<Item = Runs>) -> Result<(), Error> {
        at(&self.offices, month.last_day(), 18);
        self.progress.phase(Phase::Close, "");
        let close = async |office: Arc<Office>, run: RunId| {
            run::close(&office.app, office.who("accountant")?, run, None).await
        };
        for runs in runs {
            self.meter
                .step(Phase::Close, &self.offices, runs, close)
                .await?;
        }
        let inputs = vec![month; self.offices.len()];
        let close = async |office: Arc<Office>, month: Month| {
            let (app, accountant) = (&office.app, office.who("accountant")?);
            match month.number() {
                12 => year::close(app, accountant, month.year(), Some("测算结转"), None).await,
                _ => period::close(app, accountant, month, None).await,
            }
        };
        let done = self
            .meter
            .step(Phase::Close, &self.offices, inputs, close)
            .await?;
        for done in done {
            let closed = done.answer["state"] == "closed";
            self.ties
                .tie(format!("{month} is closed"), i64::from(closed), 1);
        }
        Ok(())
    }

    async fn success_rate(
        &mut self,
        month: Month,
        all: i64,
        owed: &[Owed],
        sent: &Sent,
    ) -> Result<(), Error> {
        self.progress.phase(Phase::SuccessRate, "");
        let total = Fen::sum(owed.iter().map(|(_, due)| due.total))?.get();
        let inputs = vec![month; self.offices.len()];
        let read = async |office: Arc<Office>, month: Month| {
            let by = office.who("manager")?;
            report::success_rate(&office.app, by, month, month).await
        };
        let found = self
            .meter
            .step(Phase::SuccessRate, &self.offices, inputs, read)
            .await?;
        let failed = sent.failed_total.get();
        for found in found {
            let what = format!("success rate of {month}");
            let expected = [
                ("total.first.count.attempted", all),
                ("total.first.count.paid", all - sent.failed),
                ("total.first.amount_fen.attempted", total),
                ("total.first.amount_fen.paid", total - failed),
                ("total.final.count.attempted", all),
                ("total.final.count.paid", all),
                ("total.final.amount_fen.attempted", total),
                ("total.final.amount_fen.paid", total),
                ("total.pending.count", 0),
            ];
            self.ties.answer(&what, &found.json, &expected);
        }
        Ok(())
    }
}

async fn imported(
    office: Arc<Office>,
    (program, month, bytes): (String, Month, Arc<Vec<u8>>),
) -> Result<Done, Error> {
    let (app, maker) = (&office.app, office.who("maker")?);
    let name = format!("{month}-{program}.csv");
    roster::import(app, maker, &program, month, &name, &bytes, false, None).await
}

async fn checked(office: Arc<Office>, run: RunId) -> Result<(), Error> {
    let (app, maker) = (&office.app, office.who("maker")?);
    let checked = run::check(app, maker, run, None).await?;
    // Accounts that failed were put right.
    if checked.answer["warnings"].as_i64() > Some(0) {
        clash::explain(app, maker, run, "A10N", "失败后更正", None).await?;
    }
    Ok(())
}

async fn approved(office: Arc<Office>, run: RunId) -> Result<(), Error> {
    let app = &office.app;
    run::submit(app, office.who("maker")?, run, None).await?;
    run::review(app, office.who("reviewer")?, run, None).await?;
    run::approve(app, office.who("approver")?, run, None).await?;
    Ok(())
}

async fn fetched(office: Arc<Office>, number: String) -> Result<Vec<u8>, Error> {
    let file = release::batch_file(&office.app, office.who("cashier")?, &number).await?;
    Ok(file.content)
}

/// The numbers of a run's batches.
pub(super) async fn batches_of(office: &Office, run: RunId) -> Result<Vec<String>, Error> {
    let all = release::list_batches(&office.app, office.who("cashier")?)
        .await?
        .json;
    let all = all["batches"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let of_run = all.iter().filter(|batch| int(batch, "run") == run.get());
    let numbers = of_run.filter_map(|batch| batch["batch"].as_str().map(str::to_owned));
    Ok(numbers.collect())
}
