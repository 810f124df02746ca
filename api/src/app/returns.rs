//! Returns (回盘): the bank's answers are matched, posted, and what does not match becomes an
//! exception.

use ledger_store::boxed;
use std::collections::{HashMap, HashSet};

use bank_adapters::{
    AnswerLine, Instruction, Profile, ReturnFile, compare_answer, detect, is_blocked,
    paid_by_absence, read_return, reason,
};
use ledger::audit::merkle::Hash;
use ledger::calendar::{Month, parse_date};
use ledger::disbursement::role::Action;
use ledger::id::{
    AppropriationId, BankAccountId, BatchId, ExceptionId, PaymentId, ProgramId, ReturnId, UserId,
};
use ledger::journal::{Posting, rules};
use ledger::money::Fen;
use ledger::problem::{Kind, Language, Problem};
use ledger_store::answer::{self as store, Outcome, PendingAnswer, Return};
use ledger_store::batch::{self, Batch, BatchItem};
use ledger_store::exception::{self, Exception, ExceptionState};
use ledger_store::journal::{Poster, VoucherDraft};
use ledger_store::notice::Notice;
use ledger_store::policy::{self, BankAccount, DebitStyle};
use ledger_store::run;
use ledger_store::success::{self, Change, Event, Origin};
use ledger_store::write::Write;
use reconciliation::answer::{self, Answer, Matching, Sent, match_return};
use reconciliation::rate::Rate;
use serde_json::{Value, json};

use super::release::{attempt_key, profile, read_key, rejected};
use super::roster::{mask_account, mask_name};
use super::view::{Report, Table, words};
use super::{App, Caller, Done, Error, Order, not_found, notice};

/// A return as it came.
#[derive(Clone, Debug)]
pub struct ReturnInput {
    /// Its name.
    pub file_name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The batch that it answers, when the file does not say.
    pub batch: Option<String>,
    /// Its layout, when it is not that of the paying account.
    pub profile: Option<String>,
    /// What the officer read on the bank's page or paper.
    pub said: Said,
}

/// What an officer says of a return whose file does not say it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said {
    /// How many lines the file has.
    pub count: Option<u64>,
    /// What they come to.
    pub total: Option<Fen>,
    /// The bank has finished the batch: where a file lists failures only, all others were paid.
    pub is_finished: bool,
}

impl Said {
    fn has_totals(&self) -> bool {
        self.count.is_some() && self.total.is_some()
    }

    /// Count and total are those of the file.
    fn holds(&self, file: &ReturnFile) -> Result<(), Error> {
        let file = ReturnFile {
            stated_count: self.count,
            stated_total: self.total,
            ..file.clone()
        };
        control_totals(&file)
    }
}

/// Imports a return, or a notice of payments that came back (see [`super::notice`]): what is
/// confirmed is posted, what does not match becomes an exception, and
/// what is pending stays pending.
///
/// # Errors
/// [`Kind::FileSeen`] for a return that was imported before, also renamed, saved again or in
/// another order; [`Kind::ReturnOfOther`] for one that is word for word the answer to another batch
/// and names none; [`Kind::FileRejected`], [`Kind::BatchForeign`], [`Kind::TotalsDiffer`];
/// [`Kind::TotalsMissing`] for a list of failures without the count and the total that the bank
/// shows: cut off, it would say of those who failed that they were paid.
#[boxed]
pub async fn import(
    app: &App,
    caller: &Caller,
    input: &ReturnInput,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("return.import", Action::ImportReturn)
        .key(key)
        .file(&input.file_name, &input.bytes)
        .field("batch", input.batch.as_deref())
        .field("profile", input.profile.as_deref())
        .field("count", input.said.count.map(|count| count.to_string()))
        .field(
            "total_fen",
            input.said.total.map(|total| total.get().to_string()),
        )
        .field(
            "finished",
            input.said.is_finished.then(|| "true".to_owned()),
        );
    app.command(caller, order, async |write| {
        let on = super::period::open_date(write, app.clock.today(), app.clock.today()).await?;
        if let Some(layout) = notice_layout(app, write, input).await? {
            let read = notice::read(app, write, &layout, input).await?;
            return read.store(write, caller, input, on).await;
        }
        let read = read(app, write, input).await?;
        let lines = read.items.len();
        caller.progress.expect(lines);
        let answer = read.store(write, caller, input, &on.to_string()).await?;
        caller.progress.add(lines);
        Ok(answer)
    })
    .await
}

/// What an import would do, without doing it.
#[boxed]
pub async fn preview(app: &App, caller: &Caller, input: &ReturnInput) -> Result<Report, Error> {
    app.read(caller, Action::ImportReturn)
        .await?
        .rollback()
        .await?;
    let mut write = Write::begin(&app.db, caller.book.id).await?;
    let read = match notice_layout(app, &mut write, input).await {
        Ok(Some(layout)) => {
            let read = notice::read(app, &mut write, &layout, input).await;
            write.rollback().await?;
            return notice_preview(&read?.summary(None)?);
        }
        Ok(None) => read(app, &mut write, input).await,
        Err(error) => Err(error),
    };
    write.rollback().await?;
    let read = read?;
    let mut table = Table::new(
        words(
            format!("批 {} 回盘预览", read.batch.number),
            "Preview of a return",
        ),
        &[
            ("项", "what", false),
            ("笔数", "lines", true),
            ("金额(元)", "amount (yuan)", true),
        ],
    );
    let summary = read.summary(None)?;
    for (zh, count, amount) in [
        ("成功", "paid", "paid_fen"),
        ("失败", "failed", "failed_fen"),
        ("处理中", "pending", "pending_fen"),
        ("重复", "repeated", ""),
        ("差异", "exceptions", ""),
        ("尚无结果", "unanswered", ""),
    ] {
        let fen = summary[amount].as_i64().map(|fen| Fen::new(fen).grouped());
        table.row([
            zh.to_owned(),
            summary[count].to_string(),
            fen.unwrap_or_default(),
        ]);
    }
    let tables = vec![table, read.rates(), read.differing()];
    Ok(Report::new(summary, tables))
}

/// Lines that differ or were not answered are shown so many before a return is taken in.
const DIFFERING_SHOWN: usize = 50;

/// What a notice would do.
fn notice_preview(summary: &Value) -> Result<Report, Error> {
    let mut table = Table::new(
        words("退款通知预览", "Preview of a refund notice"),
        &[
            ("项", "what", false),
            ("笔数", "lines", true),
            ("金额(元)", "amount (yuan)", true),
        ],
    );
    for (zh, count) in [
        ("退回", "returned"),
        ("重复", "repeated"),
        ("差异", "exceptions"),
    ] {
        let fen = summary[format!("{count}_fen")].as_i64();
        table.row([
            zh.to_owned(),
            summary[count].to_string(),
            fen.map(|fen| Fen::new(fen).grouped()).unwrap_or_default(),
        ]);
    }
    Ok(Report::new(summary.clone(), vec![table]))
}

/// The layout of a notice, when the file is one and was not imported before.
async fn notice_layout(
    app: &App,
    write: &mut Write,
    input: &ReturnInput,
) -> Result<Option<String>, Error> {
    let found = match &input.profile {
        Some(id) => Some(profile(app, id)?),
        // A notice answers no batch; looking for a layout reads the file once for each.
        None if input.batch.is_some() => None,
        None => detect(&app.profiles, &input.bytes).into_iter().next(),
    };
    let Some(found) = found.filter(|found| found.is_notice()) else {
        return Ok(None);
    };
    let book = write.book();
    if let Some(file) = batch::file_by_hash(write.tx(), book, "return", &input.bytes).await? {
        let notices = ledger_store::notice::notices(write.tx(), book).await?;
        if let Some(earlier) = notices.iter().find(|earlier| earlier.file == file) {
            return Err(Problem::new(Kind::FileSeen)
                .with("time", &earlier.imported_on)
                .with("id", earlier.id)
                .into());
        }
    }
    Ok(Some(found.id.clone()))
}

/// A return that was read and matched.
struct Read {
    batch: Batch,
    bank: BankAccount,
    program: ProgramId,
    profile: String,
    file: ReturnFile,
    items: Vec<BatchItem>,
    matching: Matching,
    taught: reason::Taught,
}

async fn read(app: &App, write: &mut Write, input: &ReturnInput) -> Result<Read, Error> {
    let book = write.book();
    let batches = batch::batches(write.tx(), book).await?;
    let banks = policy::bank_accounts(write.tx(), book).await?;
    let layout = layout(app, &batches, &banks, input)?;
    let (mut file, findings) = read_return(profile(app, &layout)?, &input.bytes);
    if is_blocked(&findings) {
        return Err(rejected(findings));
    }
    let batch = batch_of(write, &batches, input, &file).await?;
    of_no_other(write, &batch, input, &file).await?;
    input.said.holds(&file)?;
    if profile(app, &layout)?.absent.is_some() && !input.said.has_totals() {
        return Err(Problem::new(Kind::TotalsMissing)
            .with("batch", &batch.number)
            .into());
    }
    let bank = banks.into_iter().find(|bank| bank.id == batch.bank_account);
    let bank = bank.ok_or_else(|| not_found("账户 bank account", batch.bank_account))?;
    repeats(app, write, &batch, &layout, input).await?;
    let items = batch::items(write.tx(), book, &batch).await?;
    let sent: Vec<Instruction> = items.iter().map(instruction_of).collect();
    file.complete(&sent).map_err(rejected)?;
    if input.said.is_finished {
        file = finished(profile(app, &layout)?, &sent, &file)?;
    }
    file.content_hash = new_content(write, batch.id, file.content_hash).await?;
    control_totals(&file)?;
    let matching = matched(write, &batch, &items, &file).await?;
    let run = run::run(write.tx(), book, batch.run).await?;
    let run = run.ok_or_else(|| not_found("批次 run", batch.run))?;
    Ok(Read {
        batch,
        bank,
        program: run.program,
        profile: layout,
        file,
        items,
        matching,
        taught: super::reason::taught(write.tx(), book).await?,
    })
}

/// Where a bank repeats what it was sent, nothing of it may be changed.
async fn repeats(
    app: &App,
    write: &mut Write,
    batch: &Batch,
    layout: &str,
    input: &ReturnInput,
) -> Result<(), Error> {
    let answered_by = profile(app, layout)?;
    if !answered_by.repeats_batch() {
        return Ok(());
    }
    let sent_by = profile(app, &batch.profile)?;
    let book = write.book();
    let sent = batch::file(write.tx(), book, batch.file).await?;
    let sent = sent.ok_or_else(|| not_found("文件 file", batch.file))?;
    let findings = compare_answer(
        (sent_by, &sent.content),
        (answered_by, input.bytes.as_slice()),
    );
    match is_blocked(&findings) {
        true => Err(rejected(findings)),
        false => Ok(()),
    }
}

/// A line of the batch, as far as an answer needs it to be completed.
fn instruction_of(item: &BatchItem) -> Instruction {
    Instruction {
        sequence: item.line_no.unsigned_abs(),
        key: attempt_key(item.payment.get(), item.attempt),
        account_no: item.account_no.clone(),
        payee_name: item.holder_name.clone(),
        bank_name: String::new(),
        bank_no: String::new(),
        amount: item.amount,
        purpose: String::new(),
    }
}

/// A return of these bytes or of this content that counts. Where neither batch nor keys are in the
/// file, another batch may honestly have the same answer, when its totals were read at the bank:
/// the same few people fail again. The same batch may too, once it is finished.
async fn of_no_other(
    write: &mut Write,
    batch: &Batch,
    input: &ReturnInput,
    file: &ReturnFile,
) -> Result<(), Error> {
    let book = write.book();
    let stored = batch::file_by_hash(write.tx(), book, "return", &input.bytes).await?;
    let withdrawn = store::withdrawn(write.tx(), book).await?;
    let returns = store::returns(write.tx(), book).await?;
    let is_nameless = file.batch_no.is_none() && file.lines.iter().all(|line| line.key.is_none());
    for earlier in returns.iter().filter(|one| !withdrawn.contains(&one.id)) {
        let is_same_file = stored == Some(earlier.file);
        let is_same = is_same_file || earlier.content_hash == file.content_hash;
        if earlier.batch == batch.id {
            if is_same_file && !input.said.is_finished {
                return Err(seen(earlier.id, &earlier.imported_on));
            }
        } else if is_same_file && !is_nameless {
            return Err(seen(earlier.id, &earlier.imported_on));
        } else if is_same && is_nameless && !input.said.has_totals() {
            return Err(Problem::new(Kind::ReturnOfOther)
                .with("id", earlier.id)
                .with("batch", format!("B{:06}", earlier.batch.get()))
                .with("time", &earlier.imported_on)
                .into());
        }
    }
    Ok(())
}

/// A list of failures of a batch that the bank has finished: whoever is not on it was paid.
fn finished(
    layout: &Profile,
    sent: &[Instruction],
    file: &ReturnFile,
) -> Result<ReturnFile, Error> {
    if layout.absent.is_none() {
        let wanted = "只列失败的格式 a layout that lists failures only";
        return Err(super::policy::invalid("finished", &layout.id, wanted));
    }
    let (whole, findings) = paid_by_absence(sent, file);
    if is_blocked(&findings) {
        return Err(rejected(findings));
    }
    Ok(whole)
}

/// The content's hash, or one that follows from it when returns with the same content were
/// withdrawn; refused when one of them counts.
async fn new_content(write: &mut Write, batch: BatchId, content: Hash) -> Result<Hash, Error> {
    let book = write.book();
    let withdrawn = store::withdrawn(write.tx(), book).await?;
    let mut hash = content;
    while let Some((id, on)) = store::same_content(write.tx(), book, batch, &hash).await? {
        if !withdrawn.contains(&id) {
            return Err(seen(id, &on));
        }
        hash = ledger::audit::hex::document_hash(&hash);
    }
    Ok(hash)
}

fn seen(id: ReturnId, on: &str) -> Error {
    Problem::new(Kind::FileSeen)
        .with("time", on)
        .with("id", id)
        .into()
}

/// The layout that is named, that of the named batch's account, or the one that fits.
fn layout(
    app: &App,
    batches: &[Batch],
    banks: &[BankAccount],
    input: &ReturnInput,
) -> Result<String, Error> {
    if let Some(profile) = &input.profile {
        return Ok(profile.clone());
    }
    let batch = input
        .batch
        .as_ref()
        .and_then(|number| batches.iter().find(|batch| &batch.number == number));
    if let Some(batch) = batch {
        let bank = banks.iter().find(|bank| bank.id == batch.bank_account);
        return bank
            .map(|bank| bank.return_profile.clone())
            .ok_or_else(|| not_found("账户 bank account", batch.bank_account));
    }
    let fitting = detect(&app.profiles, &input.bytes);
    let used = |id: &str| banks.iter().any(|bank| bank.return_profile == id);
    fitting
        .iter()
        .find(|profile| used(&profile.id))
        .map(|profile| profile.id.clone())
        .ok_or_else(|| Problem::new(Kind::FileUndetected).into())
}

/// The batch that is named, that the file names, or that its first key leads to.
async fn batch_of(
    write: &mut Write,
    batches: &[Batch],
    input: &ReturnInput,
    file: &ReturnFile,
) -> Result<Batch, Error> {
    let named = |number: &String| batches.iter().find(|batch| &batch.number == number);
    let said = file.batch_no.as_ref().and_then(named);
    match (&input.batch, said) {
        (Some(expected), Some(found)) if *expected != found.number => {
            return Err(Problem::new(Kind::BatchForeign)
                .with("found", &found.number)
                .with("expected", expected)
                .into());
        }
        (Some(expected), _) => {
            return named(expected)
                .cloned()
                .ok_or_else(|| not_found("批 batch", expected));
        }
        (None, Some(found)) => return Ok(found.clone()),
        (None, None) => {}
    }
    let book = write.book();
    for key in file
        .lines
        .iter()
        .filter_map(|line| line.key.as_deref())
        .take(100)
    {
        let Some((payment, attempt)) = read_key(key) else {
            continue;
        };
        let found = store::batch_of_attempt(write.tx(), book, PaymentId(payment), attempt).await?;
        if let Some(batch) = batches.iter().find(|batch| Some(batch.id) == found) {
            return Ok(batch.clone());
        }
    }
    Err(super::policy::invalid("batch", "", "--batch"))
}

/// What the file says of itself is true.
pub(super) fn control_totals(file: &ReturnFile) -> Result<(), Error> {
    let count = u64::try_from(file.lines.len()).unwrap_or(u64::MAX);
    let total = Fen::sum(file.lines.iter().map(|line| line.amount))?;
    let wrong = |stated: String, found: String| {
        let detail = format!("{stated} ≠ {found}");
        Err(Problem::new(Kind::TotalsDiffer)
            .with("detail", detail)
            .into())
    };
    match (file.stated_count, file.stated_total) {
        (Some(stated), _) if stated != count => wrong(stated.to_string(), count.to_string()),
        (_, Some(stated)) if stated != total => wrong(stated.grouped(), total.grouped()),
        _ => Ok(()),
    }
}

async fn matched(
    write: &mut Write,
    batch: &Batch,
    items: &[BatchItem],
    file: &ReturnFile,
) -> Result<Matching, Error> {
    let sent: Vec<Sent> = items.iter().map(sent_of).collect();
    let answers: Vec<Answer> = file.lines.iter().map(answer_of).collect();
    let own: HashSet<&str> = sent.iter().map(|sent| sent.key.as_str()).collect();
    let foreign: HashSet<&str> = answers
        .iter()
        .filter_map(|answer| answer.key.as_deref())
        .filter(|key| !own.contains(key))
        .collect();
    let keyed = answers.iter().filter(|answer| answer.key.is_some()).count();
    let book = write.book();
    let mut elsewhere = HashSet::new();
    for key in foreign.iter().take(100) {
        let Some((payment, attempt)) = read_key(key) else {
            continue;
        };
        let found = store::batch_of_attempt(write.tx(), book, PaymentId(payment), attempt).await?;
        if let Some(found) = found {
            if keyed > 1 && foreign.len() == keyed {
                return Err(Problem::new(Kind::BatchForeign)
                    .with("found", format!("B{:06}", found.get()))
                    .with("expected", &batch.number)
                    .into());
            }
            elsewhere.insert((*key).to_owned());
        }
    }
    Ok(match_return(&sent, &answers, &|key| {
        elsewhere.contains(key)
    }))
}

fn sent_of(item: &BatchItem) -> Sent {
    Sent {
        payment: item.payment,
        attempt: item.attempt,
        key: attempt_key(item.payment.get(), item.attempt),
        account_no: item.account_no.clone(),
        payee_name: item.holder_name.clone(),
        amount: item.amount,
        answered: match item.answered.as_deref() {
            Some("paid") => Some(answer::Outcome::Paid),
            Some(_) => Some(answer::Outcome::Failed),
            None => None,
        },
    }
}

fn answer_of(line: &AnswerLine) -> Answer {
    Answer {
        line: line.line,
        key: line.key.clone(),
        account_no: line.account_no.clone(),
        payee_name: line.payee_name.clone(),
        amount: line.amount,
        outcome: match line.outcome {
            bank_adapters::Outcome::Paid => answer::Outcome::Paid,
            // A refund in the layout of an answer contradicts what was answered.
            bank_adapters::Outcome::Failed | bank_adapters::Outcome::Refunded => {
                answer::Outcome::Failed
            }
            bank_adapters::Outcome::Pending => answer::Outcome::Pending,
        },
    }
}

impl Read {
    /// The success rate of the batch before and after the return.
    fn rates(&self) -> Table {
        let mut table = Table::new(
            words("本批成功率", "Success rate of the batch"),
            &[
                ("时点", "when", false),
                ("成功", "paid", true),
                ("笔数", "payments", true),
                ("成功率", "rate", true),
            ],
        );
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let paid = |item: &&BatchItem| item.answered.as_deref() == Some("paid");
        let before = self.items.iter().filter(paid).count();
        let settled = self.matching.settled.iter();
        let more = settled.filter(|matched| matched.outcome == answer::Outcome::Paid);
        let after = before + more.count();
        for (when, paid) in [("导入前 before", before), ("导入后 after", after)] {
            let rate = Rate::new(count(paid), count(self.items.len()));
            table.row([
                when.to_owned(),
                paid.to_string(),
                self.items.len().to_string(),
                rate.to_string(),
            ]);
        }
        table
    }

    /// The first lines that become exceptions, and payments that the return does not answer.
    fn differing(&self) -> Table {
        let all = self.matching.exceptions.len() + self.matching.unanswered.len();
        let mut table = Table::new(
            words(
                format!("差异和没有答复的 {all} 行(至多列 {DIFFERING_SHOWN} 行)"),
                format!("{all} lines that differ or have no answer (at most {DIFFERING_SHOWN})"),
            ),
            &[
                ("行", "line", true),
                ("明细", "payment", true),
                ("户名", "holder", false),
                ("账号", "account", false),
                ("金额(元)", "amount (yuan)", true),
                ("种类", "kind", false),
                ("情况", "detail", false),
            ],
        );
        let row =
            |line: String, item: Option<&BatchItem>, amount: Fen, kind: &str, detail: &str| {
                let of = |text: fn(&BatchItem) -> String| item.map_or_else(String::new, text);
                [
                    line,
                    of(|item| item.payment.to_string()),
                    of(|item| mask_name(&item.holder_name)),
                    of(|item| mask_account(&item.account_no)),
                    amount.grouped(),
                    kind.to_owned(),
                    detail.to_owned(),
                ]
            };
        for found in self.matching.exceptions.iter().take(DIFFERING_SHOWN) {
            let item = found.sent.map(|sent| &self.items[sent]);
            let kind = found.kind.name(Language::Zh);
            let line = found.line.to_string();
            table.row(row(line, item, found.amount, kind, &found.detail_zh));
        }
        let left = DIFFERING_SHOWN.saturating_sub(self.matching.exceptions.len());
        for sent in self.matching.unanswered.iter().take(left) {
            let item = &self.items[*sent];
            let nothing = "尚无结果";
            table.row(row(String::new(), Some(item), item.amount, nothing, ""));
        }
        table
    }

    async fn store(
        &self,
        write: &mut Write,
        caller: &Caller,
        input: &ReturnInput,
        on: &str,
    ) -> Result<Value, Error> {
        let file = batch::store_file(write, "return", &input.file_name, &input.bytes).await?;
        let id = ReturnId(write.allot("return", 1).await?);
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let outcomes = self.outcomes();
        let paid = outcomes
            .iter()
            .filter(|outcome| outcome.kind == "paid")
            .count();
        let stored = Return {
            id,
            file: file.id,
            batch: self.batch.id,
            profile: self.profile.clone(),
            content_hash: self.file.content_hash,
            lines: count(self.file.lines.len()),
            paid: count(paid),
            failed: count(outcomes.len() - paid),
            pending: count(self.matching.pending.len()),
            repeated: count(self.matching.repeated.len()),
            exceptions: count(self.matching.exceptions.len()),
            paid_total: self.paid_total()?,
            imported_on: on.to_owned(),
            file_name: input.file_name.clone(),
            entry: 0,
        };
        store::add_return(write, &stored).await?;
        store::add_outcomes(write, id.get(), &outcomes).await?;
        self.count(write, &outcomes).await?;
        store::add_pending(write, id, &self.pending()).await?;
        let mut exceptions = self.exceptions(id);
        let on_date = parse_date(on).map_err(anyhow::Error::from)?;
        exception::open(write, &mut exceptions, caller.user.id, on_date).await?;
        self.post(write, caller, id, on).await?;
        self.summary(Some(id))
    }

    /// Counts the outcomes, which are in the order of their payments, in the success rates.
    async fn count(&self, write: &mut Write, outcomes: &[Outcome]) -> Result<(), Error> {
        let mut items: Vec<&BatchItem> = self
            .matching
            .settled
            .iter()
            .map(|matched| &self.items[matched.sent])
            .collect();
        items.sort_by_key(|item| (item.payment, item.attempt));
        let book = write.book();
        let firsts = match items.iter().any(|item| item.attempt > 1) {
            true => success::first_accounts(write.tx(), book, self.batch.id).await?,
            false => HashMap::new(),
        };
        let mut change = Change::new();
        for (item, outcome) in items.into_iter().zip(outcomes) {
            let first = firsts.get(&item.payment).copied();
            let origin = Origin {
                run: item.run,
                bank_account: first.unwrap_or(self.bank.id),
                area: item.area,
            };
            let event = match outcome.kind {
                "paid" => Event::Paid,
                _ => Event::Failed(&outcome.reason),
            };
            change.add(origin, item.attempt, item.amount, event)?;
        }
        Ok(change.store(write).await?)
    }

    fn paid_total(&self) -> Result<Fen, Error> {
        let settled = self.matching.settled.iter();
        let paid = settled.filter(|matched| matched.outcome == answer::Outcome::Paid);
        Ok(Fen::sum(
            paid.map(|matched| self.items[matched.sent].amount),
        )?)
    }

    fn outcomes(&self) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = self
            .matching
            .settled
            .iter()
            .map(|matched| {
                let (item, line) = (&self.items[matched.sent], &self.file.lines[matched.answer]);
                let paid = matched.outcome == answer::Outcome::Paid;
                let reason = self.taught.read(&line.reason_text);
                let code = reason.map_or("unknown", reason::Reason::code);
                Outcome {
                    payment: item.payment,
                    attempt: item.attempt,
                    step: item.step,
                    kind: if paid { "paid" } else { "failed" },
                    reason: if paid { String::new() } else { code.to_owned() },
                    reason_text: if paid {
                        String::new()
                    } else {
                        without_names(line)
                    },
                    bank_reference: line.bank_reference.clone(),
                    line_no: line.line.cast_signed(),
                }
            })
            .collect();
        outcomes.sort_by_key(|outcome| (outcome.payment, outcome.attempt));
        outcomes
    }

    fn pending(&self) -> Vec<PendingAnswer> {
        let mut pending: Vec<PendingAnswer> = self
            .matching
            .pending
            .iter()
            .map(|matched| {
                let (item, line) = (&self.items[matched.sent], &self.file.lines[matched.answer]);
                PendingAnswer {
                    line_no: line.line.cast_signed(),
                    payment: item.payment,
                    attempt: item.attempt,
                    reason_text: without_names(line),
                }
            })
            .collect();
        pending.sort_by_key(|answer| answer.line_no);
        pending
    }

    fn exceptions(&self, id: ReturnId) -> Vec<Exception> {
        self.matching
            .exceptions
            .iter()
            .map(|found| {
                let item = found.sent.map(|sent| &self.items[sent]);
                Exception {
                    id: ExceptionId(0),
                    kind: found.kind.code().to_owned(),
                    source: "return".to_owned(),
                    source_id: id.get(),
                    line_no: found.line.cast_signed(),
                    payment: item.map_or(0, |item| item.payment.get()),
                    attempt: item.map_or(0, |item| item.attempt),
                    amount: found.amount,
                    detail: found.detail_zh.clone(),
                    events: 1,
                    state: ExceptionState::Open,
                    user: UserId(0),
                    resolution: String::new(),
                    note: String::new(),
                }
            })
            .collect()
    }

    async fn post(
        &self,
        write: &mut Write,
        caller: &Caller,
        id: ReturnId,
        on: &str,
    ) -> Result<(), Error> {
        let on_date = parse_date(on).map_err(anyhow::Error::from)?;
        let draft = VoucherDraft {
            on_date,
            summary: format!("回盘 批{}", self.batch.number),
            maker: caller.user.id,
            checker: None,
            source: "return",
            source_id: id.get(),
            reverses: None,
        };
        let sent_on = parse_date(&self.batch.sent_on).map_err(anyhow::Error::from)?;
        let earlier = Month::of(sent_on).year() < Month::of(on_date).year();
        let mut settled: Vec<_> = self.matching.settled.iter().collect();
        settled.sort_by_key(|matched| self.items[matched.sent].payment);
        let mut poster = Poster::begin(write, draft).await?;
        let mut postings = Vec::new();
        for matched in settled {
            let item = &self.items[matched.sent];
            let line = AnswerLinePosting {
                bank: (self.bank.id, self.bank.debit_style),
                program: self.program,
                of: (item.payment, item.attempt),
                paid: matched.outcome == answer::Outcome::Paid,
                earlier_year: earlier,
            };
            line.push(&item.draws, &mut postings);
            poster.push_all(write, &postings).await?;
            postings.clear();
        }
        poster.finish(write).await?;
        Ok(())
    }

    fn summary(&self, id: Option<ReturnId>) -> Result<Value, Error> {
        let of = |outcome: answer::Outcome| {
            let matched = self.matching.settled.iter().chain(&self.matching.pending);
            let amounts = matched
                .filter(move |matched| matched.outcome == outcome)
                .map(|matched| self.items[matched.sent].amount);
            let amounts: Vec<Fen> = amounts.collect();
            Fen::sum(amounts.iter().copied()).map(|sum| (amounts.len(), sum.get()))
        };
        let (paid, paid_fen) = of(answer::Outcome::Paid)?;
        let (failed, failed_fen) = of(answer::Outcome::Failed)?;
        let (pending, pending_fen) = of(answer::Outcome::Pending)?;
        Ok(json!({
            "return": id.map(ReturnId::get),
            "batch": self.batch.number,
            "profile": self.profile,
            "lines": self.file.lines.len(),
            "paid": paid,
            "paid_fen": paid_fen,
            "failed": failed,
            "failed_fen": failed_fen,
            "pending": pending,
            "pending_fen": pending_fen,
            "repeated": self.matching.repeated.len(),
            "exceptions": self.matching.exceptions.len(),
            "unanswered": self.matching.unanswered.len(),
        }))
    }
}

/// What the answer to one attempt books.
pub(super) struct AnswerLinePosting {
    /// The paying account, and how its bank debits.
    pub(super) bank: (BankAccountId, DebitStyle),
    /// The program of the payment.
    pub(super) program: ProgramId,
    /// Payment and attempt.
    pub(super) of: (PaymentId, i64),
    /// Whether it was paid.
    pub(super) paid: bool,
    /// Whether an earlier year sent it.
    pub(super) earlier_year: bool,
}

impl AnswerLinePosting {
    /// For each appropriation that the attempt drew on.
    pub(super) fn push(&self, draws: &[(AppropriationId, Fen)], out: &mut Vec<Posting>) {
        let ((bank, style), program) = (self.bank, self.program);
        let (payment, attempt) = self.of;
        for (lot, amount) in draws {
            let (lot, amount) = (*lot, *amount);
            match (self.paid, style) {
                (true, _) => rules::attempt_paid(program, bank, lot, payment, attempt, amount, out),
                (false, DebitStyle::Whole) => {
                    rules::attempt_failed_whole(bank, lot, payment, attempt, amount, out);
                }
                (false, DebitStyle::Succeeded) if self.earlier_year => {
                    let failed = rules::attempt_failed_success_only_earlier_year;
                    failed(bank, lot, payment, attempt, amount, out);
                }
                (false, DebitStyle::Succeeded) => {
                    let failed = rules::attempt_failed_success_only;
                    failed(program, bank, lot, payment, attempt, amount, out);
                }
            }
        }
    }
}

/// The bank's words without what stands in brackets, where banks put names.
pub(super) fn without_names(line: &AnswerLine) -> String {
    let mut text = String::with_capacity(line.reason_text.len());
    let mut depth = 0_u32;
    for c in line.reason_text.chars() {
        match c {
            '[' | '【' | '(' | '\u{FF08}' => {
                depth += 1;
                if depth == 1 {
                    text.push_str("[…]");
                }
            }
            ']' | '】' | ')' | '\u{FF09}' => depth = depth.saturating_sub(1),
            c if depth == 0 => text.push(c),
            _ => {}
        }
    }
    ledger::audit::canonical::nfc(&without(&text, &line.payee_name)).into_owned()
}

/// The text without a name or number that identifies a person.
pub fn without(text: &str, personal: &str) -> String {
    match personal.trim() {
        "" => text.to_owned(),
        personal => text.replace(personal, "…"),
    }
}

/// All returns.
#[boxed]
pub async fn list(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let returns = store::returns(&mut tx, caller.book.id).await?;
    let withdrawn = store::withdrawn(&mut tx, caller.book.id).await?;
    let notices = ledger_store::notice::notices(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let mut table = Table::new(
        words("回盘", "Returns"),
        &[
            ("编号", "number", true),
            ("批号", "batch", false),
            ("文件", "file", false),
            ("日期", "imported", false),
            ("成功", "paid", true),
            ("失败", "failed", true),
            ("处理中", "pending", true),
            ("差异", "exceptions", true),
            ("状态", "state", false),
        ],
    );
    let mut list = Vec::new();
    for r in &returns {
        let batch = format!("B{:06}", r.batch.get());
        table.row([
            r.id.to_string(),
            batch.clone(),
            r.file_name.clone(),
            r.imported_on.clone(),
            r.paid.to_string(),
            r.failed.to_string(),
            r.pending.to_string(),
            r.exceptions.to_string(),
            match withdrawn.contains(&r.id) {
                true => "已撤回".to_owned(),
                false => String::new(),
            },
        ]);
        list.push(json!({
            "return": r.id.get(),
            "batch": batch,
            "file": r.file_name,
            "imported_on": r.imported_on,
            "lines": r.lines,
            "paid": r.paid,
            "failed": r.failed,
            "pending": r.pending,
            "repeated": r.repeated,
            "exceptions": r.exceptions,
            "withdrawn": withdrawn.contains(&r.id),
            "entry": r.entry,
        }));
    }
    let (told, of_notices) = notices_of(&notices);
    let json = json!({ "returns": list, "notices": told });
    let tables = match notices.is_empty() {
        true => vec![table],
        false => vec![table, of_notices],
    };
    Ok(Report::new(json, tables))
}

/// The notices of payments that came back.
fn notices_of(notices: &[Notice]) -> (Vec<Value>, Table) {
    let mut table = Table::new(
        words("退款通知", "Refund notices"),
        &[
            ("编号", "number", true),
            ("格式", "layout", false),
            ("文件", "file", false),
            ("日期", "imported", false),
            ("退回", "returned", true),
            ("金额(元)", "amount (yuan)", true),
            ("重复", "repeated", true),
            ("差异", "exceptions", true),
        ],
    );
    let mut list = Vec::new();
    for n in notices {
        table.row([
            n.id.to_string(),
            n.profile.clone(),
            n.file_name.clone(),
            n.imported_on.clone(),
            n.returned.to_string(),
            n.total.grouped(),
            n.repeated.to_string(),
            n.exceptions.to_string(),
        ]);
        list.push(json!({
            "notice": n.id.get(),
            "profile": n.profile,
            "file": n.file_name,
            "imported_on": n.imported_on,
            "lines": n.lines,
            "returned": n.returned,
            "returned_fen": n.total.get(),
            "repeated": n.repeated,
            "exceptions": n.exceptions,
            "entry": n.entry,
        }));
    }
    (list, table)
}
