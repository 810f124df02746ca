//! Release (签发): the run's payments become attempts in bank files, drawn on appropriations.

use ledger_store::boxed;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bank_adapters::{
    BatchContext, BatchFile, BatchHead, Doubt, Finding, Instruction, Profile, write_batch,
};
use ledger::calendar::Date;
use ledger::disbursement::role::Action;
use ledger::disbursement::workflow::RunEvent;
use ledger::fund::Draw;
use ledger::id::{AppropriationId, BatchId, RunId};
use ledger::journal::rules;
use ledger::money::Fen;
use ledger::problem::{Kind, Problem};
use ledger_store::batch::{self as store, Attempt, Batch, StoredFile};
use ledger_store::exception::Page;
use ledger_store::fund;
use ledger_store::journal::{Poster, VoucherDraft};
use ledger_store::payment::{self, ToSend};
use ledger_store::policy::{self, BankAccount, Program};
use ledger_store::run::Run;
use ledger_store::success::{Change, Event, Origin};
use ledger_store::write::Write;
use serde_json::json;
use tokio::task::JoinHandle;

use super::clock::date_of;
use super::view::{Report, Table, words};
use super::{App, Caller, Done, Error, Order, funding, not_found, publication, run, side};

/// Writes the bank files of an approved run and books that the money is on its way.
///
/// All of it or nothing: files, attempts, draws and vouchers commit together, and the files can be
/// fetched again, byte for byte, as often as they are needed.
///
/// # Errors
/// [`Kind::PaymentLive`] when one of the payments has a live or paid attempt,
/// [`Kind::FundsMissing`] and [`Kind::Overdrawn`], [`Kind::FileRejected`], [`Kind::FieldInvalid`]
/// for a day before the approval or after today, and what stands against a published run: days
/// that are left, objections.
#[boxed]
pub async fn release(
    app: &App,
    caller: &Caller,
    id: RunId,
    on: Option<Date>,
    key: Option<String>,
) -> Result<Done, Error> {
    let today = app.clock.today();
    let on = on.unwrap_or(today);
    let said = [("on", on.to_string())];
    let event = RunEvent::Release;
    let missing = missing(app, caller).await?;
    let done = run::step_with(app, caller, id, event, &said, key, async |write, run| {
        undisputed(write, run).await?;
        after_approval(write, run, (on, today)).await?;
        let draw = funding::draw(write, run, on).await?;
        publication::passable(write, run, today).await?;
        let checked = checked_at(write, run).await?;
        let sending = Sending::load(app, write, run, checked).await?;
        sending.send(write, caller, run, draw, on).await?;
        side::allow_release(app, write.tx(), &caller.book, &missing, run.id).await
    });
    let mut done = done.await?;
    if !caller.rehearsal {
        side::catch_up(app, &app.db, &caller.book).await?;
    }
    let doubts = doubts(app, caller, id).await?;
    if !doubts.is_empty() {
        let codes: Vec<&str> = doubts.iter().map(|doubt| doubt.code()).collect();
        done.answer["layout_doubts"] = codes.into();
    }
    Ok(done)
}

/// Why the layout of a run's files may not be the bank's of today.
async fn doubts(app: &App, caller: &Caller, id: RunId) -> Result<Vec<Doubt>, Error> {
    let mut write = Write::begin(&app.db, caller.book.id).await?;
    let book = write.book();
    let doubts = match ledger_store::run::run(write.tx(), book, id).await? {
        Some(run) => Sending::load(app, &mut write, &run, 0)
            .await?
            .profile
            .doubts
            .clone(),
        None => Vec::new(),
    };
    write.rollback().await?;
    Ok(doubts)
}

/// The batches that the side file knows and the database has forgotten; the side file can be
/// written.
async fn missing(app: &App, caller: &Caller) -> Result<Vec<side::Released>, Error> {
    if let Some(side) = &app.side {
        side.open()?;
    }
    let mut tx = app.db.begin_read().await?;
    let missing = side::missing(app, &mut tx, &caller.book).await?;
    tx.rollback().await?;
    Ok(missing)
}

/// Writes files without keeping them, so that whatever the bank's layout cannot carry is found
/// before anybody reviews the run.
pub(super) struct Rehearsal {
    sending: Sending,
    on: Date,
    missing: usize,
    writing: Vec<Writing>,
}

impl Rehearsal {
    /// Of a run that would be sent now.
    pub(super) async fn of(app: &App, write: &mut Write, run: &Run) -> Result<Rehearsal, Error> {
        let sending = Sending::load(app, write, run, write.sequence()).await?;
        Ok(Rehearsal {
            sending,
            on: app.clock.today(),
            missing: 0,
            writing: Vec::new(),
        })
    }

    /// Writes these payments, as many to a file as the layout takes, while the caller goes on. What
    /// is wrong with them is told by the next call or by [`Rehearsal::finish`].
    pub(super) async fn write(&mut self, run: &Run, items: &[ToSend]) -> Result<(), Error> {
        self.written().await?;
        self.missing += items.iter().filter(|item| item.account.is_none()).count();
        if self.missing > 0 {
            return Ok(());
        }
        let most = usize::try_from(self.sending.limit).unwrap_or(usize::MAX);
        for items in items.chunks(most) {
            for items in self.sending.apart(items) {
                let draws = vec![bank_adapters::Draw {
                    document: String::new(),
                    function_code: String::new(),
                    amount: Fen::sum(items.iter().map(|item| item.amount))?,
                }];
                let file = self.sending.file("B000001", self.on, run, &items, draws);
                self.writing.push(file);
            }
        }
        Ok(())
    }

    async fn written(&mut self) -> Result<(), Error> {
        for writing in self.writing.drain(..) {
            writing.done().await?;
        }
        Ok(())
    }

    /// Refuses what no file carries, and payees without an account.
    pub(super) async fn finish(mut self) -> Result<(), Error> {
        self.written().await?;
        no_account(self.missing)
    }
}

/// Writes the files of a re-pay run without keeping them.
pub(super) async fn rehearse(app: &App, write: &mut Write, run: &Run) -> Result<(), Error> {
    let mut rehearsal = Rehearsal::of(app, write, run).await?;
    let mut after = 0;
    loop {
        let items = rehearsal.sending.part(write, run, after).await?;
        let Some(last) = items.last() else { break };
        after = last.payment.get();
        rehearsal.write(run, &items).await?;
    }
    rehearsal.finish().await
}

/// Refuses payees without an account.
fn no_account(missing: usize) -> Result<(), Error> {
    match missing {
        0 => Ok(()),
        missing => Err(Problem::new(Kind::AccountMissing)
            .with("count", missing)
            .into()),
    }
}

/// The audit entry of the run's newest check.
async fn checked_at(write: &mut Write, run: &Run) -> Result<i64, Error> {
    let book = write.book();
    let steps = ledger_store::run::steps(write.tx(), book, run.id).await?;
    let check = steps
        .iter()
        .rev()
        .find(|step| step.event == RunEvent::Check);
    check
        .map(|step| step.entry)
        .ok_or_else(|| Problem::new(Kind::RunChanged).with("run", run.id).into())
}

/// Refuses a day before the run was approved, or one that has not come.
async fn after_approval(
    write: &mut Write,
    run: &Run,
    (on, today): (Date, Date),
) -> Result<(), Error> {
    let book = write.book();
    let steps = ledger_store::run::steps(write.tx(), book, run.id).await?;
    let mut steps = steps.iter().rev();
    let approved = steps.find(|step| step.event == RunEvent::Approve);
    let approved = approved.map_or(today, |step| date_of(step.at));
    match approved <= on && on <= today {
        true => Ok(()),
        false => {
            let wanted =
                format!("{approved}(审批日)至 {today} 的一天 a day from approval to today");
            Err(super::policy::invalid("on", &on.to_string(), &wanted))
        }
    }
}

/// Lines of a batch at most, whatever its layout allows: a file is held in memory while it is
/// written.
const BATCH_LINES_MAX: i64 = 50_000;

/// Refuses to pay again what the bank has answered in two ways since the run was made.
async fn undisputed(write: &mut Write, run: &Run) -> Result<(), Error> {
    let book = write.book();
    match payment::disputed(write.tx(), book, run).await? {
        None => Ok(()),
        Some(payment) => Err(Problem::new(Kind::PaymentLive)
            .with("payment", payment)
            .into()),
    }
}

/// What the files of a run are made with.
struct Sending {
    /// Accounts changed after this audit entry were seen by nobody else and wait for another run.
    checked: i64,
    bank: BankAccount,
    program: Program,
    profile: Arc<Profile>,
    limit: i64,
    /// 行政区划代码 of the book.
    region: String,
    /// 文号 and 功能科目 of the appropriations.
    documents: HashMap<AppropriationId, (String, String)>,
}

impl Sending {
    /// `checked` is the audit entry of the run's check.
    async fn load(app: &App, write: &mut Write, run: &Run, checked: i64) -> Result<Sending, Error> {
        let book = write.book();
        let funding = fund::funding_rules(write.tx(), book).await?;
        let rule = funding.iter().find(|rule| rule.program == run.program);
        let rule = rule.ok_or_else(|| not_found("资金安排 funding rule", run.program))?;
        let banks = policy::bank_accounts(write.tx(), book).await?;
        let bank = banks.into_iter().find(|bank| bank.id == rule.bank_account);
        let bank = bank.ok_or_else(|| not_found("账户 bank account", rule.bank_account))?;
        let programs = policy::programs(write.tx(), book).await?;
        let program = programs
            .into_iter()
            .find(|program| program.id == run.program);
        let program = program.ok_or_else(|| not_found("项目 program", run.program))?;
        let profile = Arc::new(profile(app, &bank.batch_profile)?.clone());
        let limit = i64::try_from(profile.lines_max.max(1)).unwrap_or(i64::MAX);
        let books = ledger_store::book::books(write.tx()).await?;
        let own = books.into_iter().find(|known| known.id == book);
        let appropriations = fund::appropriations(write.tx(), book).await?;
        let documents = appropriations
            .into_iter()
            .map(|lot| (lot.id, (lot.document, lot.function_code)));
        Ok(Sending {
            region: own.map(|own| own.region).unwrap_or_default(),
            documents: documents.collect(),
            checked,
            bank,
            program,
            profile,
            limit: limit.min(BATCH_LINES_MAX),
        })
    }

    /// What the next batch carries: payments after this one.
    async fn part(&self, write: &mut Write, run: &Run, after: i64) -> Result<Vec<ToSend>, Error> {
        let (book, page) = (write.book(), (after, self.limit));
        Ok(payment::to_send(write.tx(), book, run, page, self.checked).await?)
    }

    async fn send(
        &self,
        write: &mut Write,
        caller: &Caller,
        run: &Run,
        mut draw: Draw,
        on: Date,
    ) -> Result<(), Error> {
        let (mut after, mut counted) = (0, Change::new());
        caller
            .progress
            .expect(usize::try_from(run.payments).unwrap_or(0));
        loop {
            let items = self.part(write, run, after).await?;
            let Some(last) = items.last() else {
                return Ok(counted.store(write).await?);
            };
            after = last.payment.get();
            no_account(items.iter().filter(|item| item.account.is_none()).count())?;
            for items in self.apart(&items) {
                let draws = drawn(&items, &mut draw)?;
                let batch = BatchId(write.allot("batch", 1).await?);
                let number = format!("B{:06}", batch.get());
                let file = self.file(&number, on, run, &items, self.by_document(&draws)?);
                let attempts = self.attempts(&items, batch, draws);
                self.count(&items, &mut counted)?;
                caller.progress.add(items.len());
                drop(items);
                store::add_attempts(write, &attempts).await?;
                let file = file.done().await?;
                let batch = self.store(write, run, (batch, number), file, &attempts, on);
                let batch = batch.await?;
                self.post(write, caller, run, &batch, &attempts, on).await?;
            }
        }
    }

    /// The payments by the file that they go into: some banks want their own accounts (本行) and
    /// those of others (他行) in two.
    fn apart<'i>(&self, items: &'i [ToSend]) -> Vec<Cow<'i, [ToSend]>> {
        let part = |item: &ToSend| {
            let account = item.account.as_ref();
            account.map_or(0, |account| {
                self.profile.part(&account.bank_no, &account.bank_name)
            })
        };
        let mut parts: BTreeMap<usize, Vec<&ToSend>> = BTreeMap::new();
        for item in items {
            parts.entry(part(item)).or_default().push(item);
        }
        if parts.len() == 1 {
            return vec![Cow::Borrowed(items)];
        }
        let owned = |part: Vec<&ToSend>| part.into_iter().cloned().collect();
        parts
            .into_values()
            .map(|part| Cow::Owned(owned(part)))
            .collect()
    }

    /// Counts what is sent as pending in the success rates.
    fn count(&self, items: &[ToSend], counted: &mut Change) -> Result<(), Error> {
        for item in items {
            let origin = Origin {
                run: item.run,
                bank_account: item.first_account.unwrap_or(self.bank.id),
                area: item.area,
            };
            counted.add(origin, item.attempt, item.amount, Event::Sent)?;
        }
        Ok(())
    }

    /// Keeps one file: it says what was sent.
    async fn store(
        &self,
        write: &mut Write,
        run: &Run,
        (batch, number): (BatchId, String),
        file: BatchFile,
        attempts: &[Attempt],
        on: Date,
    ) -> Result<Batch, Error> {
        let stored = store::store_file(write, "batch", &file.name, &file.bytes).await?;
        let amounts = attempts.iter().flat_map(|attempt| &attempt.draws);
        let total = Fen::sum(amounts.map(|(_, amount)| *amount))?;
        let counted = i64::try_from(attempts.len()).unwrap_or(i64::MAX);
        if file.total != total || i64::try_from(file.count) != Ok(counted) {
            let detail = format!("{} / {total}", file.total);
            return Err(Problem::new(Kind::TotalsDiffer)
                .with("detail", detail)
                .into());
        }
        let batch = Batch {
            id: batch,
            number,
            run: run.id,
            bank_account: self.bank.id,
            profile: self.profile.id.clone(),
            file: stored.id,
            file_name: file.name,
            sent_on: on.to_string(),
            payments: counted,
            total,
            entry: 0,
            sha256: stored.sha256,
        };
        store::add_batch(write, &batch).await?;
        Ok(batch)
    }

    fn attempts(&self, items: &[ToSend], batch: BatchId, draws: Vec<Parts>) -> Vec<Attempt> {
        let items = (1_i64..).zip(items).zip(draws);
        let attempt = |((line_no, item), draws): ((i64, &ToSend), Parts)| Attempt {
            payment: item.payment,
            number: item.attempt,
            batch,
            line_no,
            account_version: item.account.as_ref().map_or(0, |account| account.version),
            draws,
        };
        items.map(attempt).collect()
    }

    /// What a batch draws on, by appropriation.
    fn by_document(&self, draws: &[Parts]) -> Result<Vec<bank_adapters::Draw>, Error> {
        let mut sums: BTreeMap<AppropriationId, Fen> = BTreeMap::new();
        for (lot, amount) in draws.iter().flatten() {
            let sum = sums.entry(*lot).or_default();
            *sum = sum.plus(*amount)?;
        }
        let draw = |(lot, amount)| {
            let (document, function_code) = self.documents.get(&lot).cloned().unwrap_or_default();
            bank_adapters::Draw {
                document,
                function_code,
                amount,
            }
        };
        Ok(sums.into_iter().map(draw).collect())
    }

    async fn post(
        &self,
        write: &mut Write,
        caller: &Caller,
        run: &Run,
        batch: &Batch,
        attempts: &[Attempt],
        on: Date,
    ) -> Result<(), Error> {
        let draft = VoucherDraft {
            on_date: on,
            summary: format!(
                "代发 {} {} 批{}",
                run.month, self.program.name, batch.number
            ),
            maker: caller.user.id,
            checker: None,
            source: "batch",
            source_id: batch.id.get(),
            reverses: None,
        };
        let mut poster = Poster::begin(write, draft).await?;
        let mut by_lot: BTreeMap<AppropriationId, Fen> = BTreeMap::new();
        let mut postings = Vec::new();
        for attempt in attempts {
            for (lot, amount) in &attempt.draws {
                let (payment, number) = (attempt.payment, attempt.number);
                let bank = self.bank.id;
                rules::attempt_sent_financial(bank, *lot, payment, number, *amount, &mut postings);
                let sum = by_lot.entry(*lot).or_default();
                *sum = sum.plus(*amount)?;
            }
            poster.push_all(write, &postings).await?;
            postings.clear();
        }
        for (lot, amount) in by_lot {
            rules::batch_sent_budget(run.program, lot, amount, &mut postings);
        }
        poster.push_all(write, &postings).await?;
        poster.finish(write).await?;
        Ok(())
    }

    /// Begins to write one file on another core.
    fn file(
        &self,
        number: &str,
        on: Date,
        run: &Run,
        items: &[ToSend],
        draws: Vec<bank_adapters::Draw>,
    ) -> Writing {
        let head = BatchHead {
            batch_no: number.to_owned(),
            date: on,
            payer_account_no: self.bank.account_no.clone(),
            payer_name: self.bank.account_name.clone(),
            payer_bank_name: self.bank.bank_name.clone(),
            context: BatchContext {
                payer_bank_no: self.bank.bank_no.clone(),
                region: self.region.clone(),
                function_code: self.program.function_code.clone(),
                draws,
            },
        };
        let purpose = format!("{}{}", self.program.name, run.month);
        let lines: Vec<Instruction> = (1_u64..)
            .zip(items)
            .filter_map(|(sequence, item)| {
                let account = item.account.as_ref()?;
                Some(Instruction {
                    sequence,
                    key: attempt_key(item.payment.get(), item.attempt),
                    account_no: account.account_no.clone(),
                    payee_name: account.holder_name.clone(),
                    bank_name: account.bank_name.clone(),
                    bank_no: account.bank_no.clone(),
                    amount: item.amount,
                    purpose: purpose.clone(),
                })
            })
            .collect();
        let profile = Arc::clone(&self.profile);
        let write = move || write_batch(&profile, &head, &lines);
        Writing(tokio::task::spawn_blocking(write))
    }
}

/// A file that is being written.
struct Writing(JoinHandle<Result<BatchFile, Vec<Finding>>>);

impl Writing {
    /// Waits for it.
    async fn done(self) -> Result<BatchFile, Error> {
        let written = self.0.await.map_err(anyhow::Error::from)?;
        written.map_err(rejected)
    }
}

/// The appropriations of one payment, each with its part.
type Parts = Vec<(AppropriationId, Fen)>;

/// Lays the draw over payments, in their order.
fn drawn(items: &[ToSend], draw: &mut Draw) -> Result<Vec<Parts>, Error> {
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        let mut parts = Vec::with_capacity(1);
        draw.take(item.amount, &mut parts)?;
        all.push(parts);
    }
    Ok(all)
}

/// The key of an attempt, as the bank carries it: payment and attempt.
pub fn attempt_key(payment: i64, attempt: i64) -> String {
    format!("P{payment}-{attempt}")
}

/// Payment and attempt of a key.
pub fn read_key(key: &str) -> Option<(i64, i64)> {
    let (payment, attempt) = key.strip_prefix('P')?.split_once('-')?;
    Some((payment.parse().ok()?, attempt.parse().ok()?))
}

/// The layout with this name.
pub fn profile<'a>(app: &'a App, id: &str) -> Result<&'a Profile, Error> {
    app.profiles
        .iter()
        .find(|profile| profile.id == id)
        .ok_or_else(|| Problem::new(Kind::ProfileUnknown).with("name", id).into())
}

/// A file that its layout cannot carry or be read from, with every finding.
pub fn rejected(findings: Vec<Finding>) -> Error {
    let place = findings
        .first()
        .map(|finding| finding.place.clone())
        .unwrap_or_default();
    let problem = Problem::new(Kind::FileRejected)
        .with("count", findings.len())
        .at(place);
    Error::Refused {
        problem: Box::new(problem),
        findings,
    }
}

/// All batches.
#[boxed]
pub async fn list_batches(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let batches = store::batches(&mut tx, caller.book.id).await?;
    let sources = store::sources(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let mut table = Table::new(
        words("代发批", "Batches"),
        &[
            ("批号", "batch", false),
            ("名称", "name", false),
            ("批次", "run", true),
            ("格式", "layout", false),
            ("文件", "file", false),
            ("日期", "sent", false),
            ("笔数", "payments", true),
            ("金额(元)", "amount (yuan)", true),
        ],
    );
    let mut list = Vec::new();
    for batch in &batches {
        table.row([
            batch.number.clone(),
            name_of(batch, &sources),
            batch.run.to_string(),
            batch.profile.clone(),
            batch.file_name.clone(),
            batch.sent_on.clone(),
            batch.payments.to_string(),
            batch.total.grouped(),
        ]);
        list.push(batch_json(batch, &sources));
    }
    Ok(Report::new(json!({ "batches": list }), vec![table]))
}

/// The batches of a run, each with whether its file is still to go to the bank: before the bank
/// answers, nothing says that it went there.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
#[boxed]
pub async fn batches_of(app: &App, caller: &Caller, run: RunId) -> Result<Report, Error> {
    let book = caller.book.id;
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let mut batches = store::batches(&mut tx, book).await?;
    batches.retain(|batch| batch.run == run);
    let open = store::open_of_batches(&mut tx, book, run).await?;
    tx.rollback().await?;
    let mut table = Table::new(
        words("代发文件", "Files for the bank"),
        &[
            ("批号", "batch", false),
            ("文件", "file", false),
            ("日期", "date", false),
            ("笔数", "payments", true),
            ("金额(元)", "amount (yuan)", true),
            ("未回盘", "not answered", true),
            ("状态", "state", false),
        ],
    );
    let mut list = Vec::new();
    for batch in &batches {
        let waits = open.get(&batch.id).copied().unwrap_or(0);
        let state = match waits {
            0 => "answered",
            waits if waits == batch.payments => "to-send",
            _ => "partly-answered",
        };
        table.row([
            batch.number.clone(),
            batch.file_name.clone(),
            batch.sent_on.clone(),
            batch.payments.to_string(),
            batch.total.grouped(),
            waits.to_string(),
            state.to_owned(),
        ]);
        list.push(json!({ "batch": batch.number, "file": batch.file_name, "state": state }));
    }
    Ok(Report::new(json!({ "batches": list }), vec![table]))
}

/// One batch with its lines and what became of them, masked.
///
/// # Errors
/// `NotFound`; when the caller may not read reports.
#[boxed]
pub async fn show_batch(app: &App, caller: &Caller, number: &str) -> Result<Report, Error> {
    show_batch_page(app, caller, number, Page::ALL).await
}

/// The same with a page of its lines; `next` of the document asks for the page after it.
///
/// # Errors
/// As [`show_batch`].
#[boxed]
pub async fn show_batch_page(
    app: &App,
    caller: &Caller,
    number: &str,
    page: Page,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let batches = store::batches(&mut tx, caller.book.id).await?;
    let batch = batches.iter().find(|batch| batch.number == number);
    let batch = batch.ok_or_else(|| not_found("批 batch", number))?;
    let last = page.after.saturating_add(page.limit).min(batch.payments);
    let lines = (page.after, last);
    let items = store::items_between(&mut tx, caller.book.id, batch, lines).await?;
    let sources = store::sources(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let mut table = Table::new(
        words(format!("批 {number}"), format!("Batch {number}")),
        &[
            ("行", "line", true),
            ("明细", "payment", true),
            ("次", "attempt", true),
            ("户名", "holder", false),
            ("账号", "account", false),
            ("金额(元)", "amount (yuan)", true),
            ("结果", "outcome", false),
        ],
    );
    let mut list = Vec::new();
    for item in &items {
        let outcome = item.answered.as_deref().unwrap_or("pending");
        let account = super::roster::mask_account(&item.account_no);
        table.row([
            item.line_no.to_string(),
            item.payment.to_string(),
            item.attempt.to_string(),
            super::roster::mask_name(&item.holder_name),
            account.clone(),
            item.amount.grouped(),
            outcome.to_owned(),
        ]);
        list.push(json!({
            "line": item.line_no,
            "payment": item.payment.get(),
            "attempt": item.attempt,
            "account": account,
            "amount_fen": item.amount.get(),
            "outcome": outcome,
        }));
    }
    let mut document = batch_json(batch, &sources);
    document["lines"] = serde_json::Value::Array(list);
    document["next"] = (last < batch.payments).then_some(last).into();
    Ok(Report::new(document, vec![table]))
}

/// The file of a batch, byte for byte, with the account numbers in full. The audit trail keeps who
/// took it.
///
/// # Errors
/// `NotFound`; when the caller may not release.
#[boxed]
pub async fn batch_file(app: &App, caller: &Caller, number: &str) -> Result<StoredFile, Error> {
    let file = sent_file(app, caller, number).await?;
    let order = Order::new("batch.file", Action::ReleaseRun)
        .field("batch", number)
        .file(&file.name, &file.content);
    app.witness(caller, &order).await?;
    Ok(file)
}

/// The same for those who hand it on themselves: the demo's couriers and the measured load.
#[boxed]
pub(crate) async fn sent_file(
    app: &App,
    caller: &Caller,
    number: &str,
) -> Result<StoredFile, Error> {
    let mut tx = app.read(caller, Action::ReleaseRun).await?;
    let batches = store::batches(&mut tx, caller.book.id).await?;
    let batch = batches.iter().find(|batch| batch.number == number);
    let batch = batch.ok_or_else(|| not_found("批 batch", number))?;
    let file = store::file(&mut tx, caller.book.id, batch.file).await?;
    tx.rollback().await?;
    file.ok_or_else(|| not_found("文件 file", batch.file))
}

/// The batches that sent first what a batch sends again.
type Sources = BTreeMap<BatchId, Vec<(BatchId, i64)>>;

/// The name of a batch: its number, or for one that sends again the numbers of the batches that
/// sent it first, each with its round: `B000001R2`. The bank sees the number alone.
fn name_of(batch: &Batch, sources: &Sources) -> String {
    let Some(sources) = sources.get(&batch.id) else {
        return batch.number.clone();
    };
    let names = sources
        .iter()
        .map(|(first, round)| format!("B{:06}R{round}", first.get()));
    names.collect::<Vec<_>>().join("+")
}

fn batch_json(batch: &Batch, sources: &Sources) -> serde_json::Value {
    json!({
        "batch": batch.number,
        "name": name_of(batch, sources),
        "run": batch.run.get(),
        "profile": batch.profile,
        "file": batch.file_name,
        "sent_on": batch.sent_on,
        "payments": batch.payments,
        "total_fen": batch.total.get(),
        "sha256": ledger::audit::hex::encode(&batch.sha256),
        "entry": batch.entry,
    })
}
