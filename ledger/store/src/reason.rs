//! What banks' words mean: rules that two people taught, words that nobody has taught yet, and
//! failures that are classified again.

use crate::boxed;
use ledger::id::{BookId, PaymentId, ProposalId, RunId};
use ledger::money::Fen;

use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{Tx, Value};
use crate::error::StoreError;
use crate::seal::Loader;
use crate::success::Origin;
use crate::table;
use crate::write::Write;

sql! {
    RULES = "select rule_id, proposal_id, words, reason, entry from reason_rule
        where book_id = $1 order by rule_id";
    UNKNOWN = "select o.reason_text, b.profile, cast(count(*) as bigint),
        cast(sum(p.amount_fen) as bigint), max(o.payment_id) from outcome_now o
        cross join payment p
        join attempt t on t.book_id = o.book_id and t.payment_id = o.payment_id
            and t.attempt_no = o.attempt_no
        join batch b on b.book_id = t.book_id and b.batch_id = t.batch_id
        where o.book_id = $1 and o.kind <> 'paid' and o.kind = 'failed' and o.reason = 'unknown'
        and p.book_id = o.book_id and p.payment_id = o.payment_id
        group by o.reason_text, b.profile order by 3 desc, o.reason_text, b.profile";
    FAILURES = "select o.payment_id, o.attempt_no, o.step, o.reason, o.reason_text, p.amount_fen,
        p.run_id, p.area_id, w.bank_account_id,
        coalesce((select max(r.n) from outcome_reason r where r.book_id = o.book_id
            and r.payment_id = o.payment_id and r.attempt_no = o.attempt_no
            and r.step = o.step), 0)
        from outcome_now o
        cross join payment p
        join attempt f on f.book_id = o.book_id and f.payment_id = o.payment_id
            and f.attempt_no = 1
        join batch w on w.book_id = f.book_id and w.batch_id = f.batch_id
        where o.book_id = $1 and o.kind <> 'paid' and o.kind = 'failed'
        and p.book_id = o.book_id and p.payment_id = o.payment_id";
}

/// What some words mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its number.
    pub id: i64,
    /// The proposal that was confirmed.
    pub proposal: ProposalId,
    /// The words.
    pub words: String,
    /// The code of the reason.
    pub reason: String,
    /// Its audit entry; 0 before it is stored.
    pub entry: i64,
}

/// All rules, the oldest first.
#[boxed]
pub async fn rules(tx: &mut Tx, book: BookId) -> Result<Vec<Rule>, StoreError> {
    let rows = tx.query(RULES, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(Rule {
                id: row.int(0)?,
                proposal: ProposalId(row.int(1)?),
                words: row.text(2)?,
                reason: row.text(3)?,
                entry: row.int(4)?,
            })
        })
        .collect()
}

/// Stores a rule and gives its number.
#[boxed]
pub async fn add_rule(
    write: &mut Write,
    proposal: ProposalId,
    words: &str,
    reason: &str,
) -> Result<i64, Failure> {
    let id = write.allot("reason_rule", 1).await?;
    let row: [Value; 5] = [
        write.book().get().into(),
        id.into(),
        proposal.get().into(),
        words.into(),
        reason.into(),
    ];
    write.insert_one(&table::REASON_RULE, row).await?;
    Ok(id)
}

/// Words that nobody has taught.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The bank's words, without names.
    pub words: String,
    /// The layout of the batch that they answer.
    pub profile: String,
    /// How many failures.
    pub failures: i64,
    /// How much money.
    pub amount: Fen,
    /// The newest payment that failed so.
    pub payment: PaymentId,
}

/// The words that nobody has taught, the most frequent first.
#[boxed]
pub async fn unknown(tx: &mut Tx, book: BookId) -> Result<Vec<Unknown>, StoreError> {
    let rows = tx.query(UNKNOWN, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(Unknown {
                words: row.text(0)?,
                profile: row.text(1)?,
                failures: row.int(2)?,
                amount: Fen::new(row.int(3)?),
                payment: PaymentId(row.int(4)?),
            })
        })
        .collect()
}

/// A failure that counts, with how it is classified now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Of which payment.
    pub payment: PaymentId,
    /// Of which attempt.
    pub attempt: i64,
    /// Its step.
    pub step: i64,
    /// The code of its reason.
    pub reason: String,
    /// How much.
    pub amount: Fen,
    /// Where it counts in the success rates.
    pub origin: Origin,
    /// How often it was classified again.
    pub times: i64,
}

/// The failures that another reading of their words classifies otherwise, in payment order, each
/// with the new reason. All failures stream by; only those are kept.
pub async fn classified_otherwise(
    tx: &mut Tx,
    book: BookId,
    mut read: impl FnMut(&str) -> &'static str,
) -> Result<Vec<(Failed, &'static str)>, StoreError> {
    let mut found = Vec::new();
    tx.stream(FAILURES, &[book.get().into()], |row| {
        let (reason, now) = (row.text_ref(3)?, read(row.text_ref(4)?));
        if reason != now {
            let failed = Failed {
                payment: PaymentId(row.int(0)?),
                attempt: row.int(1)?,
                step: row.int(2)?,
                reason: reason.to_owned(),
                amount: Fen::new(row.int(5)?),
                origin: Origin {
                    run: RunId(row.int(6)?),
                    bank_account: ledger::id::BankAccountId(row.int(8)?),
                    area: row.int(7)?,
                },
                times: row.int(9)?,
            };
            found.push((failed, now));
        }
        Ok::<(), StoreError>(())
    })
    .await?;
    found.sort_unstable_by_key(|(failed, _)| (failed.payment, failed.attempt, failed.step));
    Ok(found)
}

/// Stores the new reasons of failures, in payment order.
#[boxed]
pub async fn classify(
    write: &mut Write,
    rule: i64,
    failures: &[(Failed, &'static str)],
) -> Result<(), Failure> {
    let mut loader = Loader::new(&table::OUTCOME_REASON);
    for (failed, reason) in failures {
        let row = loader.rows();
        row.int(write.book().get()).int(failed.payment.get());
        row.int(failed.attempt)
            .int(failed.step)
            .int(failed.times + 1);
        row.int(rule).text(reason).end();
        loader.step(write).await?;
    }
    loader.finish(write).await?;
    Ok(())
}
