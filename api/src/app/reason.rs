//! The dictionary of reasons: what a bank's words mean, who must do what, and whether it may be
//! paid again. Unknown words queue up; two people teach one, and the past is classified again.

use bank_adapters::reason::{Reason, Taught, comparable};
use ledger::disbursement::role::Action;
use ledger::id::{BookId, ProposalId};
use ledger_store::boxed;
use ledger_store::db::Tx;
use ledger_store::reason as store;
use ledger_store::success::Change;
use ledger_store::write::Write;
use serde_json::{Value, json};

use super::view::{Report, Table, words};
use super::{App, Caller, Error, not_found};

/// Characters of words that can be taught, at least: fewer would be found in any text.
const WORDS_MIN: usize = 2;

/// What the office taught.
pub(super) async fn taught(tx: &mut Tx, book: BookId) -> Result<Taught, Error> {
    let rules = store::rules(tx, book).await?;
    let known = |rule: &store::Rule| Reason::from_code(&rule.reason);
    Ok(Taught::of(rules.iter().filter_map(|rule| {
        Some((rule.words.as_str(), known(rule)?))
    })))
}

/// Judges what some words are to mean and, when a confirmed proposal is given, makes it hold: the
/// rule is kept and every failure whose reason it changes is classified again. Answers how many.
///
/// # Errors
/// [`ledger::problem::Kind::FieldInvalid`] for too few words, `NotFound` for no such reason.
pub(super) async fn teach(
    write: &mut Write,
    said: &str,
    code: &str,
    proposal: Option<ProposalId>,
) -> Result<i64, Error> {
    let reason = Reason::from_code(code).ok_or_else(|| not_found("原因 reason", code))?;
    let words = comparable(said);
    if words.chars().count() < WORDS_MIN {
        let wanted = "银行原话,至少两个字 the bank's words, at least two characters";
        return Err(super::policy::invalid("words", said, wanted));
    }
    let Some(proposal) = proposal else {
        return Ok(0);
    };
    let rule = store::add_rule(write, proposal, &words, reason.code()).await?;
    let book = write.book();
    let taught = taught(write.tx(), book).await?;
    let again = store::classified_otherwise(write.tx(), book, |text| {
        taught.read(text).map_or("unknown", Reason::code)
    });
    let mut again = again.await?;
    // What two people read from a line of a return is theirs to say.
    again.retain(|(failed, now)| *now != "unknown" || failed.reason == "unknown");
    let mut change = Change::new();
    for (failed, now) in &again {
        let reasons = (failed.reason.as_str(), *now);
        change.reclassify(failed.origin, reasons, failed.amount)?;
    }
    store::classify(write, rule, &again).await?;
    change.store(write).await?;
    Ok(i64::try_from(again.len()).unwrap_or(i64::MAX))
}

/// The dictionary, and what the office taught.
#[boxed]
pub async fn list(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let rules = store::rules(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let mut table = Table::new(
        words("失败原因", "Reasons of failures"),
        &[
            ("代码", "code", false),
            ("原因", "reason", false),
            ("大额支付", "CNAPS", false),
            ("ISO 20022", "ISO 20022", false),
            ("可原样补发", "pay again unchanged", false),
            ("由谁办理", "who does what", false),
        ],
    );
    let mut reasons = Vec::new();
    for reason in Reason::ALL {
        let again = reason.may_retry_unchanged();
        table.row([
            reason.code().to_owned(),
            reason.zh().to_owned(),
            reason.cnaps().to_owned(),
            reason.iso().to_owned(),
            if again { "是" } else { "否" }.to_owned(),
            reason.action_zh().to_owned(),
        ]);
        reasons.push(json!({
            "reason": reason.code(),
            "name": reason.zh(),
            "cnaps": reason.cnaps(),
            "iso": reason.iso(),
            "pay_again_unchanged": again,
            "action": { "zh": reason.action_zh(), "en": reason.action_en() },
        }));
    }
    let mut taught = Table::new(
        words("本单位教的词", "Words taught by this office"),
        &[
            ("编号", "number", true),
            ("银行原话", "words", false),
            ("代码", "code", false),
            ("提议", "proposal", true),
        ],
    );
    let mut list: Vec<Value> = Vec::new();
    for rule in &rules {
        taught.row([
            rule.id.to_string(),
            rule.words.clone(),
            rule.reason.clone(),
            rule.proposal.to_string(),
        ]);
        list.push(json!({
            "rule": rule.id,
            "words": rule.words,
            "reason": rule.reason,
            "proposal": rule.proposal.get(),
            "entry": rule.entry,
        }));
    }
    Ok(Report::new(
        json!({ "reasons": reasons, "taught": list }),
        vec![table, taught],
    ))
}

/// The words of failures that nobody has taught, the most frequent first.
#[boxed]
pub async fn queue(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let unknown = store::unknown(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let mut table = Table::new(
        words("待教的词", "Words nobody has taught"),
        &[
            ("银行原话", "words", false),
            ("格式", "layout", false),
            ("笔数", "failures", true),
            ("金额(元)", "amount (yuan)", true),
            ("明细", "payment", true),
        ],
    );
    let mut list = Vec::new();
    for one in &unknown {
        table.row([
            one.words.clone(),
            one.profile.clone(),
            one.failures.to_string(),
            one.amount.grouped(),
            one.payment.to_string(),
        ]);
        list.push(json!({
            "words": one.words,
            "profile": one.profile,
            "failures": one.failures,
            "amount_fen": one.amount.get(),
            "payment": one.payment.get(),
        }));
    }
    Ok(Report::new(json!({ "unknown": list }), vec![table]))
}
