//! The payments behind the figures of [`crate::success`]: which ones, and what became of each.
//!
//! They count as there: a payment in the month of its own run, at the paying account of its first
//! attempt and in its township; refunded is failed. Failures are few and have an index of their
//! own, from which their statement starts; the others are read in the order of the payments.

use std::collections::BTreeMap;

use crate::boxed;
use ledger::calendar::Month;
use ledger::id::{BankAccountId, BookId, ComponentId, PaymentId, ProgramId, RunId};
use ledger::money::Fen;

use crate::catalogue::sql;
use crate::db::{Row, Tx, Value};
use crate::error::StoreError;
use crate::exception::Page;
use crate::success::{Counted, Sum};

sql! {
    FATES = "select p.payment_id, p.run_id, r.program_id, r.month, b.bank_account_id, a.township,
        p.amount_fen, t.attempt_no, coalesce(o2.kind, o1.kind, 'pending'),
        coalesce(o2.reason, o1.reason, '')
        from payment p
        join run r on r.book_id = p.book_id and r.run_id = p.run_id
        join area a on a.book_id = p.book_id and a.area_id = p.area_id
        join attempt f on f.book_id = p.book_id and f.payment_id = p.payment_id
            and f.attempt_no = 1 and f.kind = 'pay'
        join batch b on b.book_id = f.book_id and b.batch_id = f.batch_id
        join attempt t on t.book_id = p.book_id and t.payment_id = p.payment_id
        left join outcome_now o1 on o1.book_id = t.book_id and o1.payment_id = t.payment_id
            and o1.attempt_no = t.attempt_no and o1.kind <> 'refunded'
        left join outcome_now o2 on o2.book_id = t.book_id and o2.payment_id = t.payment_id
            and o2.attempt_no = t.attempt_no and o2.kind = 'refunded'
        where p.book_id = $1 and p.payment_id > $2 and r.month >= $3 and r.month <= $4
        and (r.program_id = $5 or $5 = 0) and (b.bank_account_id = $6 or $6 = 0)
        and (a.township = $7 or $8 = 0)
        and t.attempt_no = case when $9 = 1 then 1 else (select max(n.attempt_no) from attempt n
            where n.book_id = p.book_id and n.payment_id = p.payment_id and n.kind = 'pay') end
        and (coalesce(o2.kind, o1.kind, 'pending') = $10 or $10 = '')
        and p.payment_id <= $12
        order by p.payment_id limit $11";
    FAILURES = "select p.payment_id, p.run_id, r.program_id, r.month, b.bank_account_id,
        a.township, p.amount_fen, o.attempt_no, o.kind, o.reason
        from outcome_now o
        cross join payment p
        cross join run r
        cross join area a
        cross join attempt f
        cross join batch b
        where o.book_id = $1 and o.kind <> 'paid'
        and (o.payment_id > $2 or o.payment_id = $2 and o.attempt_no > $13)
        and o.payment_id <= $12
        and p.book_id = o.book_id and p.payment_id = o.payment_id
        and r.book_id = p.book_id and r.run_id = p.run_id and r.month >= $3 and r.month <= $4
        and (r.program_id = $5 or $5 = 0)
        and a.book_id = p.book_id and a.area_id = p.area_id and (a.township = $7 or $8 = 0)
        and f.book_id = p.book_id and f.payment_id = p.payment_id and f.attempt_no = 1
        and b.book_id = f.book_id and b.batch_id = f.batch_id
        and (b.bank_account_id = $6 or $6 = 0)
        and (o.reason = $10 or $10 = '*')
        and ($9 = 2 or o.attempt_no = case when $9 = 1 then 1 else (select max(n.attempt_no)
            from attempt n where n.book_id = p.book_id and n.payment_id = p.payment_id
            and n.kind = 'pay') end)
        order by o.payment_id, o.attempt_no limit $11";
    // `failed` < `paid` < `refunded`: the greatest is what counts of an attempt.
    BY_COMPONENT = "select s.component_id, coalesce(s.first_kind, ''), coalesce(s.last_kind, ''),
        cast(count(*) as bigint), cast(sum(s.fen) as bigint)
        from (select g.component_id, g.fen,
            (select max(n.kind) from outcome_now n where n.book_id = g.book_id
                and n.payment_id = g.payment_id and n.attempt_no = 1) as first_kind,
            (select max(n.kind) from outcome_now n where n.book_id = g.book_id
                and n.payment_id = g.payment_id and n.attempt_no = g.last_no) as last_kind
            from (select l.book_id, l.payment_id, l.component_id, sum(l.amount_fen) as fen,
                (select max(t.attempt_no) from attempt t where t.book_id = l.book_id
                    and t.payment_id = l.payment_id and t.kind = 'pay') as last_no
                from run r
                cross join run_event e
                cross join payment_line l
                where r.book_id = $1 and r.month >= $2 and r.month <= $3 and r.kind <> 're-pay'
                and e.book_id = r.book_id and e.run_id = r.run_id
                and e.n = (select max(m.n) from run_event m
                    where m.book_id = r.book_id and m.run_id = r.run_id)
                and l.book_id = e.book_id
                and l.payment_id between e.payment_first and e.payment_last
                group by l.book_id, l.payment_id, l.component_id) g
            where g.last_no is not null) s
        group by s.component_id, s.first_kind, s.last_kind
        order by s.component_id, s.first_kind, s.last_kind";
}

/// What became of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// The money arrived and stayed.
    Paid,
    /// It failed or came back.
    Failed,
    /// The bank has not answered.
    Pending,
}

/// Which attempt is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempts {
    /// The newest of each payment.
    Last,
    /// The first of each payment.
    First,
    /// Every one: a payment that failed twice is there twice. For failures only.
    Every,
}

/// Which payments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Of runs from this month on.
    pub first: Month,
    /// Of runs until this month.
    pub last: Month,
    /// Of this program.
    pub program: Option<ProgramId>,
    /// First sent from this account.
    pub bank_account: Option<BankAccountId>,
    /// Of this township.
    pub township: Option<String>,
    /// Of which this became.
    pub became: Option<Became>,
    /// By which attempt.
    pub attempts: Attempts,
    /// Failed for this normalised reason.
    pub reason: Option<String>,
}

/// Payments that are looked through at once.
const WINDOW: i64 = 2_000;

/// The numbers that the payments of these runs have: no others need to be looked at.
async fn numbers(tx: &mut Tx, book: BookId, wanted: &Wanted) -> Result<(i64, i64), StoreError> {
    let mut runs = crate::run::runs(tx, book).await?;
    runs.retain(|run| {
        let of_program = wanted.program.is_none_or(|program| program == run.program);
        of_program && run.payments > 0 && run.month >= wanted.first && run.month <= wanted.last
    });
    let first = runs.iter().map(|run| run.payment_first).min();
    let last = runs.iter().map(|run| run.payment_last).max();
    Ok((first.unwrap_or(1), last.unwrap_or(0)))
}

/// A payment, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// The payment.
    pub payment: PaymentId,
    /// The run that owes it.
    pub run: RunId,
    /// Its program.
    pub program: ProgramId,
    /// Its month, `2022-01`.
    pub month: String,
    /// The paying account of its first attempt.
    pub bank_account: BankAccountId,
    /// 乡镇.
    pub township: String,
    /// How much.
    pub amount: Fen,
    /// The attempt that was looked at.
    pub attempt: i64,
    /// `paid`, `failed`, `refunded` or `pending`.
    pub kind: String,
    /// The normalised reason; empty when it did not fail.
    pub reason: String,
}

/// A page of the payments behind a figure, in their order. A page of failures goes on after the
/// attempt that `after_attempt` names, of the payment that the page names.
#[boxed]
pub async fn fates(
    tx: &mut Tx,
    book: BookId,
    wanted: &Wanted,
    page: Page,
    after_attempt: i64,
) -> Result<Vec<Fate>, StoreError> {
    let (from, to) = numbers(tx, book, wanted).await?;
    let fails = wanted.became == Some(Became::Failed) || wanted.reason.is_some();
    let attempts = match wanted.attempts {
        Attempts::Last => 0,
        Attempts::First => 1,
        Attempts::Every => 2,
    };
    let what = match (wanted.became, &wanted.reason) {
        (_, Some(reason)) => reason.as_str(),
        (Some(Became::Failed), None) => "*",
        (Some(Became::Paid), None) => "paid",
        (Some(Became::Pending), None) => "pending",
        (None, None) => "",
    };
    let args = |after: i64, limit: i64, to: i64| -> Vec<Value> {
        vec![
            book.get().into(),
            after.into(),
            wanted.first.to_string().into(),
            wanted.last.to_string().into(),
            wanted.program.map_or(0, ProgramId::get).into(),
            wanted.bank_account.map_or(0, BankAccountId::get).into(),
            wanted.township.clone().unwrap_or_default().into(),
            i64::from(wanted.township.is_some()).into(),
            attempts.into(),
            what.to_owned().into(),
            limit.into(),
            to.into(),
        ]
    };
    let mut after = page.after.max(from - 1);
    if fails {
        let mut args = args(after, page.limit, to);
        args.push(after_attempt.into());
        return tx.query(FAILURES, &args).await?.iter().map(read).collect();
    }
    // A window at a time: PostgreSQL would join all payments first, and then give the first rows.
    let mut found = Vec::new();
    while after < to {
        let left = page
            .limit
            .saturating_sub(i64::try_from(found.len()).unwrap_or(i64::MAX));
        if left <= 0 {
            break;
        }
        let until = after.saturating_add(WINDOW).min(to);
        let rows = tx.query(FATES, &args(after, left, until)).await?;
        for row in &rows {
            found.push(read(row)?);
        }
        after = until;
    }
    Ok(found)
}

fn read(row: &Row) -> Result<Fate, StoreError> {
    Ok(Fate {
        payment: PaymentId(row.int(0)?),
        run: RunId(row.int(1)?),
        program: ProgramId(row.int(2)?),
        month: row.text(3)?,
        bank_account: BankAccountId(row.int(4)?),
        township: row.text(5)?,
        amount: Fen::new(row.int(6)?),
        attempt: row.int(7)?,
        kind: row.text(8)?,
        reason: row.text(9)?,
    })
}

/// The success rates of the runs of some months by component, from the lines of each payment: what
/// became of a payment became of its lines. A payment of two components counts in both; amounts
/// add up to those of the payments but for what was withheld. Reads every line of those runs.
#[boxed]
pub async fn by_component(
    tx: &mut Tx,
    book: BookId,
    first: Month,
    last: Month,
) -> Result<BTreeMap<ComponentId, Counted>, StoreError> {
    let args = [
        book.get().into(),
        first.to_string().into(),
        last.to_string().into(),
    ];
    let mut found = BTreeMap::<ComponentId, Counted>::new();
    for row in tx.query(BY_COMPONENT, &args).await? {
        let sum = Sum {
            count: row.int(3)?,
            fen: row.int(4)?,
        };
        let counted = found.entry(ComponentId(row.int(0)?)).or_default();
        let range = |_| StoreError::inconsistent("payment_line", "amount_fen");
        let add = |place: &mut Sum| place.plus(sum).map(|all| *place = all).map_err(range);
        match row.text(1)?.as_str() {
            "" => {}
            "paid" => {
                add(&mut counted.first_attempted)?;
                add(&mut counted.first_paid)?;
            }
            _ => add(&mut counted.first_attempted)?,
        }
        match row.text(2)?.as_str() {
            "" => add(&mut counted.pending)?,
            "paid" => {
                add(&mut counted.final_attempted)?;
                add(&mut counted.final_paid)?;
            }
            _ => add(&mut counted.final_attempted)?,
        }
    }
    Ok(found)
}
