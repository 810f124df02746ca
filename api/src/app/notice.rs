//! Notices of payments that came back (退款通知): the treasury's 2252, a bank's list of returned
//! payments, camt.054.
//!
//! A notice comes in as a return does. It books that a payment which was reported paid is due
//! again; its money is awaited until a statement shows it. A line that leads to no such payment
//! becomes a difference; when its money comes, it stands in suspense like any other credit that
//! nobody can explain.

use std::collections::HashSet;

use bank_adapters::{AnswerLine, ReturnFile, is_blocked, read_return, reason};
use ledger::calendar::Date;
use ledger::id::{BatchId, ExceptionId, PaymentId, StatementId, UserId};
use ledger::journal::{Posting, rules};
use ledger::money::Fen;
use ledger::problem::{Kind, Language, Problem};
use ledger_store::answer::{self, Outcome};
use ledger_store::batch;
use ledger_store::exception::{self, Exception, ExceptionState};
use ledger_store::journal::{Poster, VoucherDraft};
use ledger_store::notice::{self as store, Notice};
use ledger_store::settlement::{self, AttemptFact};
use ledger_store::success::{Change, Event};
use ledger_store::write::Write;
use reconciliation::answer::ExceptionKind;
use serde_json::{Value, json};

use super::release::{profile, read_key, rejected};
use super::returns::{ReturnInput, control_totals, without_names};
use super::{App, Caller, Error, not_found};

/// A notice that was read and matched.
pub(super) struct Read {
    profile: String,
    file: ReturnFile,
    found: Vec<Returned>,
    repeated: i64,
    /// Lines that lead to no payment, and why.
    strange: Vec<(usize, &'static str)>,
    taught: reason::Taught,
}

/// A payment that comes back.
struct Returned {
    line: usize,
    attempt: AttemptFact,
    /// The step that the refund takes.
    step: i64,
}

/// What a line says of an attempt.
enum Said {
    Returned(Box<(AttemptFact, i64)>),
    Known,
    Strange(&'static str),
}

/// Reads a notice in this layout.
///
/// # Errors
/// [`Kind::FileSeen`] for a notice that was imported before, [`Kind::FileRejected`],
/// [`Kind::TotalsDiffer`].
pub(super) async fn read(
    app: &App,
    write: &mut Write,
    layout: &str,
    input: &ReturnInput,
) -> Result<Read, Error> {
    let (file, findings) = read_return(profile(app, layout)?, &input.bytes);
    if is_blocked(&findings) {
        return Err(rejected(findings));
    }
    control_totals(&file)?;
    let book = write.book();
    if let Some((id, on)) = store::same_content(write.tx(), book, &file.content_hash).await? {
        return Err(Problem::new(Kind::FileSeen)
            .with("time", on)
            .with("id", id)
            .into());
    }
    let batch = batch_of(write, input, &file).await?;
    let mut read = Read {
        profile: layout.to_owned(),
        found: Vec::new(),
        repeated: 0,
        strange: Vec::new(),
        taught: super::reason::taught(write.tx(), book).await?,
        file,
    };
    let mut seen = HashSet::new();
    for (place, line) in read.file.lines.iter().enumerate() {
        match said(write, batch, line).await? {
            Said::Returned(both) if seen.insert((both.0.payment, both.0.number)) => {
                let (attempt, step) = *both;
                read.found.push(Returned {
                    line: place,
                    attempt,
                    step,
                });
            }
            Said::Returned(_) | Said::Known => read.repeated += 1,
            Said::Strange(why) => read.strange.push((place, why)),
        }
    }
    read.found
        .sort_by_key(|one| (one.attempt.payment, one.attempt.number));
    Ok(read)
}

/// The batch that the caller or the file names; none where neither does, or the file names another
/// voucher than ours.
async fn batch_of(
    write: &mut Write,
    input: &ReturnInput,
    file: &ReturnFile,
) -> Result<Option<BatchId>, Error> {
    let book = write.book();
    let batches = batch::batches(write.tx(), book).await?;
    let named = |number: &String| batches.iter().find(|batch| &batch.number == number);
    match &input.batch {
        Some(number) => named(number)
            .map(|batch| Some(batch.id))
            .ok_or_else(|| not_found("批 batch", number)),
        None => Ok(file.batch_no.as_ref().and_then(named).map(|batch| batch.id)),
    }
}

/// What a line says: by our key, without one by account and amount when only one payment fits.
async fn said(write: &mut Write, batch: Option<BatchId>, line: &AnswerLine) -> Result<Said, Error> {
    let book = write.book();
    let named = match line.key.as_deref() {
        Some(key) => read_key(key).map(|(payment, attempt)| (PaymentId(payment), attempt)),
        None => {
            let account = line.account_no.as_str();
            let fits = store::paid_to_account(write.tx(), book, account, line.amount).await?;
            match fits.as_slice() {
                [one] => Some(*one),
                [] => None,
                _ => return Ok(Said::Strange("不止一笔相符 several payments fit")),
            }
        }
    };
    let fact = match named {
        Some(named) => settlement::attempt(write.tx(), book, named).await?,
        None => None,
    };
    let Some(fact) = fact else {
        return Ok(Said::Strange("账上没有这笔付款 no such payment"));
    };
    if batch.is_some_and(|batch| batch != fact.batch) {
        return Ok(Said::Strange("属于其他批次 belongs to another batch"));
    }
    if fact.amount != line.amount {
        return Ok(Said::Strange(
            "退款须等于原金额 not the amount of the payment",
        ));
    }
    let of = (fact.payment, fact.number);
    Ok(match settlement::answer(write.tx(), book, of).await? {
        Some(known) if known.kind == "paid" => Said::Returned(Box::new((fact, known.refund_step))),
        Some(_) => Said::Known,
        None => Said::Strange("银行尚未报成功 not reported paid yet"),
    })
}

impl Read {
    /// What the notice does, or did.
    pub(super) fn summary(&self, id: Option<StatementId>) -> Result<Value, Error> {
        Ok(json!({
            "notice": id.map(StatementId::get),
            "profile": self.profile,
            "lines": self.file.lines.len(),
            "returned": self.found.len(),
            "returned_fen": self.total()?.get(),
            "repeated": self.repeated,
            "exceptions": self.strange.len(),
        }))
    }

    fn total(&self) -> Result<Fen, Error> {
        Ok(Fen::sum(self.found.iter().map(|one| one.attempt.amount))?)
    }

    /// Keeps and books it.
    pub(super) async fn store(
        &self,
        write: &mut Write,
        caller: &Caller,
        input: &ReturnInput,
        on: Date,
    ) -> Result<Value, Error> {
        let file = batch::store_file(write, "return", &input.file_name, &input.bytes).await?;
        let id = StatementId(write.allot("statement", 1).await?);
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let notice = Notice {
            id,
            file: file.id,
            profile: self.profile.clone(),
            content_hash: self.file.content_hash,
            lines: count(self.file.lines.len()),
            returned: count(self.found.len()),
            repeated: self.repeated,
            exceptions: count(self.strange.len()),
            total: self.total()?,
            imported_on: on.to_string(),
            file_name: input.file_name.clone(),
            entry: 0,
        };
        store::add_notice(write, &notice).await?;
        let outcomes: Vec<Outcome> = self.found.iter().map(|one| self.outcome(one)).collect();
        answer::add_outcomes(write, id.get(), &outcomes).await?;
        let mut change = Change::new();
        for (one, outcome) in self.found.iter().zip(&outcomes) {
            let (of, event) = (&one.attempt, Event::Refunded(&outcome.reason));
            change.add(of.origin, of.number, of.amount, event)?;
        }
        if !outcomes.is_empty() {
            change.store(write).await?;
        }
        let mut exceptions = self.exceptions(id);
        exception::open(write, &mut exceptions, caller.user.id, on).await?;
        self.post(write, caller, id, on).await?;
        self.summary(Some(id))
    }

    fn outcome(&self, one: &Returned) -> Outcome {
        let line = &self.file.lines[one.line];
        let reason = self.taught.read(&line.reason_text);
        Outcome {
            payment: one.attempt.payment,
            attempt: one.attempt.number,
            step: one.step,
            kind: "refunded",
            reason: reason.map_or("returned", reason::Reason::code).to_owned(),
            reason_text: without_names(line),
            bank_reference: line.bank_reference.clone(),
            line_no: line.line.cast_signed(),
        }
    }

    fn exceptions(&self, id: StatementId) -> Vec<Exception> {
        let kind = ExceptionKind::RefundNotice;
        let open = |(place, why): &(usize, &str)| Exception {
            id: ExceptionId(0),
            kind: kind.code().to_owned(),
            source: "notice".to_owned(),
            source_id: id.get(),
            line_no: self.file.lines[*place].line.cast_signed(),
            payment: 0,
            attempt: 0,
            amount: self.file.lines[*place].amount,
            detail: format!("{}:{why}", kind.name(Language::Zh)),
            events: 1,
            state: ExceptionState::Open,
            user: UserId(0),
            resolution: String::new(),
            note: String::new(),
        };
        self.strange.iter().map(open).collect()
    }

    async fn post(
        &self,
        write: &mut Write,
        caller: &Caller,
        id: StatementId,
        on: Date,
    ) -> Result<(), Error> {
        let draft = VoucherDraft {
            on_date: on,
            summary: format!("退款通知 {id}"),
            maker: caller.user.id,
            checker: None,
            source: "notice",
            source_id: id.get(),
            reverses: None,
        };
        let mut postings: Vec<Posting> = Vec::new();
        for Returned { attempt: of, .. } in &self.found {
            for (lot, amount) in &of.draws {
                let (program, bank, out) = (of.program, of.bank_account, &mut postings);
                let back = rules::refunded_after_success;
                back(program, bank, *lot, of.payment, of.number, *amount, out);
            }
        }
        let mut poster = Poster::begin(write, draft).await?;
        poster.push_all(write, &postings).await?;
        poster.finish(write).await?;
        Ok(())
    }
}
