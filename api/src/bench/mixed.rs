//! Mixed load: two runs at a time are made, approved and released while returns come in and
//! reports are read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ledger::calendar::{Date, Month};
use ledger::id::{PaymentId, RunId};
use ledger::money::Fen;
use ledger_store::run::RunKind;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::bank;
use super::city::{City, Program};
use super::memory;
use super::month::batches_of;
use super::office::{Office, at, day, int};
use crate::app::exception::Page;
use crate::app::returns::{ReturnInput, Said};
use crate::app::run::NewRun;
use crate::app::{Error, exception, release, report, returns, run, trace};

/// Batches that wait for their answers before the makers wait.
const WAITING: usize = 2;
/// How often the memory is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// What a mixed load came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mixed {
    /// How long it went on.
    pub time: Duration,
    /// Commands that were done: steps of runs.
    pub run_commands: u64,
    /// Return files that came in.
    pub returns: u64,
    /// Reports that were read.
    pub readings: u64,
    /// What went wrong; nothing may.
    pub errors: Vec<String>,
    /// Resident bytes after a tenth of the time, in its middle and at its end.
    pub memory: [u64; 3],
}

#[derive(Debug, Default)]
struct Counts {
    run_commands: AtomicU64,
    returns: AtomicU64,
    readings: AtomicU64,
}

/// What the tasks share.
#[derive(Clone, Debug)]
struct Load {
    office: Arc<Office>,
    counts: Arc<Counts>,
    until: Instant,
    on: Date,
    month: Month,
}

/// Puts a book under mixed load from this month on, for so long.
pub(super) async fn run(
    office: &Arc<Office>,
    city: &City,
    month: Month,
    time: Duration,
) -> Result<Mixed, Error> {
    let on = day(month, 9)?;
    at(std::slice::from_ref(office), on, 9);
    let programs = city.programs();
    let money = |program: &Program| (program.code.clone(), Fen::new(100_000_000_000_000));
    let amounts: Vec<(String, Fen)> = programs.iter().map(money).collect();
    office.grant(on, &amounts).await?;
    let started = Instant::now();
    let load = Load {
        office: Arc::clone(office),
        counts: Arc::new(Counts::default()),
        until: started + time,
        on,
        month,
    };
    let (hand_over, batches) = mpsc::channel(WAITING);
    let mut tasks: JoinSet<Result<(), Error>> = JoinSet::new();
    for maker in 0..2 {
        let mine: Vec<Program> = programs.iter().skip(maker).step_by(2).cloned().collect();
        tasks.spawn(load.clone().make_runs(mine, hand_over.clone()));
    }
    drop(hand_over);
    tasks.spawn(load.clone().take_returns(batches));
    tasks.spawn(load.clone().read_reports());
    let memory = tokio::spawn(watch(started, time));
    let mut mixed = Mixed::default();
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => mixed.errors.push(error.to_string()),
            Err(error) => mixed.errors.push(error.to_string()),
        }
    }
    mixed.time = started.elapsed();
    mixed.memory = memory.await.map_err(anyhow::Error::from)?;
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    mixed.run_commands = count(&load.counts.run_commands);
    mixed.returns = count(&load.counts.returns);
    mixed.readings = count(&load.counts.readings);
    Ok(mixed)
}

async fn watch(started: Instant, time: Duration) -> [u64; 3] {
    let mut seen = [0; 3];
    for (slot, part) in seen.iter_mut().zip([time / 10, time / 2, time]) {
        while started.elapsed() < part {
            tokio::time::sleep(LOOK.min(part.saturating_sub(started.elapsed()))).await;
        }
        *slot = memory::resident_bytes();
    }
    seen
}

impl Load {
    fn goes_on(&self) -> bool {
        Instant::now() < self.until
    }

    /// Month after month for some programs, each run up to the bank.
    async fn make_runs(
        self,
        programs: Vec<Program>,
        hand_over: mpsc::Sender<String>,
    ) -> Result<(), Error> {
        let mut month = self.month;
        while self.goes_on() {
            for program in &programs {
                let run = self.one_run(program, month).await?;
                for batch in batches_of(&self.office, run).await? {
                    if hand_over.send(batch).await.is_err() {
                        // Who takes returns has failed, and says why.
                        return Ok(());
                    }
                }
                if !self.goes_on() {
                    break;
                }
            }
            month = month.next();
        }
        Ok(())
    }

    async fn one_run(&self, program: &Program, month: Month) -> Result<RunId, Error> {
        let (office, app) = (&self.office, &self.office.app);
        let new = NewRun {
            program: program.code.clone(),
            kind: RunKind::Regular,
            month,
            first: None,
        };
        let made = run::create(app, office.who("maker")?, &new, None)
            .await?
            .answer;
        let id = RunId(int(&made, "run"));
        run::check(app, office.who("maker")?, id, None).await?;
        run::submit(app, office.who("maker")?, id, None).await?;
        run::review(app, office.who("reviewer")?, id, None).await?;
        run::approve(app, office.who("approver")?, id, None).await?;
        release::release(app, office.who("cashier")?, id, Some(self.on), None).await?;
        self.counts.run_commands.fetch_add(6, Ordering::Relaxed);
        Ok(id)
    }

    /// Answers what was released, until nobody releases any more.
    async fn take_returns(self, mut batches: mpsc::Receiver<String>) -> Result<(), Error> {
        let (app, cashier) = (&self.office.app, self.office.who("cashier")?);
        while let Some(number) = batches.recv().await {
            let file = release::sent_file(app, cashier, &number).await?;
            for second in [false, true] {
                let answers = bank::answers(&file.content, second).map_err(anyhow::Error::from)?;
                for (part, answer) in (1..).zip(answers) {
                    let input = ReturnInput {
                        file_name: format!("{number}-return-{}-{part}.csv", 1 + u8::from(second)),
                        bytes: answer.bytes,
                        batch: Some(number.clone()),
                        profile: None,
                        said: Said::default(),
                    };
                    returns::import(app, cashier, &input, None).await?;
                    self.counts.returns.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        Ok(())
    }

    async fn read_reports(self) -> Result<(), Error> {
        let (app, by) = (&self.office.app, self.office.who("manager")?);
        let (month, before) = (self.month, self.month.previous());
        let mut payment = 1;
        while self.goes_on() {
            report::success_rate(app, by, before, month).await?;
            report::trial_balance(app, by, before, month).await?;
            exception::list(app, by, true, Page::FIRST).await?;
            trace::payment(app, by, PaymentId(payment)).await?;
            run::list(app, by).await?;
            payment += 1;
            self.counts.readings.fetch_add(5, Ordering::Relaxed);
        }
        Ok(())
    }
}
