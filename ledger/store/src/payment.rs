//! What is due becomes payments with their lines; what failed becomes due again.

use crate::boxed;
use ledger::audit::merkle::{self, Hash};
use ledger::audit::row::Field;
use ledger::calendar::Month;
use ledger::disbursement::due::{Accrued, Line};
use ledger::disbursement::recovery::Withheld;
use ledger::id::{
    AwardId, BankAccountId, BookId, ComponentId, PartyId, PaymentId, ProgramId, RunId,
};
use ledger::money::{Fen, MoneyError};
use ledger::problem::Problem;
use ledger::roster::Award;
use std::collections::HashMap;

use crate::catalogue::{held, sql};
use crate::constraint::Failure;
use crate::db::{Row, RowBuffer, Tx, Value};
use crate::dialect::{Engine, Pair};
use crate::error::StoreError;
use crate::roster::{LOOKUP, PartyKind, award_of, json_list, until};
use crate::run::{Run, RunKind};
use crate::seal::Loader;
use crate::table;
use crate::write::Write;

sql! {
    COMPONENTS = "select component_id from component where book_id = $1 and program_id = $2
        order by component_id";
    AWARDS_IN_FORCE = concat!("select a.award_id, a.subject_id, a.household_id, a.payee_id,
        a.component_id, a.tag, a.income_fen, a.amount_fen, a.from_month, e.to_month, ",
        held!("y", "area_id", "$4"), "
        from award i
        cross join award a
        join party y on y.book_id = a.book_id and y.party_id = a.household_id
        left join award_end e on e.book_id = a.book_id and e.award_id = a.award_id
        where i.book_id = $1 and i.component_id = $2
        and a.book_id = i.book_id and a.award_id = i.award_id and a.from_month <= $4
        and (e.to_month is null or e.to_month >= $3)");
    ACCRUED = "select l.award_id, l.subject_id, cast(sum(l.amount_fen) as bigint),
        cast(count(*) as bigint) from payment_line i
        cross join payment_line l
        where i.book_id = $1 and i.month = $2 and i.component_id = $3 and i.subject_id > 0
        and l.book_id = i.book_id and l.payment_id = i.payment_id and l.line_no = i.line_no
        group by l.award_id, l.subject_id";
    ACCRUED_BY_COMPONENT = "select l.payment_id, l.component_id,
        cast(sum(l.amount_fen) as bigint) from payment_line l
        where l.book_id = $1 and l.payment_id >= $2 and l.payment_id <= $3
        group by l.payment_id, l.component_id order by l.payment_id, l.component_id";
    LINES_OF = "select payment_id, line_no, subject_id, award_id, component_id, month, n,
        amount_fen, reason from payment_line
        where book_id = $1 and payment_id >= $2 and payment_id <= $3
        order by payment_id, line_no";
    LINES_TO_VOID = "select l.payment_id, l.subject_id, l.award_id, l.component_id, l.month,
        cast(sum(l.amount_fen) as bigint),
        (select max(x.n) from payment_line x where x.book_id = $1 and x.month = l.month
            and x.component_id = l.component_id and x.subject_id = l.subject_id)
        from payment_line l
        where l.book_id = $1 and l.payment_id >= $2 and l.payment_id <= $3
        group by l.payment_id, l.subject_id, l.award_id, l.component_id, l.month
        having sum(l.amount_fen) <> 0
        order by l.payment_id, l.subject_id, l.component_id, l.month, l.award_id";
    LAST_LINE = "select payment_id, max(line_no) from payment_line
        where book_id = $1 and payment_id >= $2 and payment_id <= $3
        group by payment_id order by payment_id";
    TO_SEND = "select p.payment_id, p.amount_fen, cast(1 as bigint), p.payee_id,
        v.version, v.holder_name, v.account_no, h.name, h.bank_no, p.run_id, p.area_id,
        cast(null as bigint) from payment p
        left join payee_account v on v.book_id = p.book_id and v.payee_id = p.payee_id
            and v.version = (select max(w.version) from payee_account w
                where w.book_id = p.book_id and w.payee_id = p.payee_id and w.entry <= $4)
        left join branch h on h.book_id = v.book_id and h.branch_id = v.branch_id
        where p.book_id = $1 and p.payment_id > $2 and p.payment_id <= $3
        order by p.payment_id";
    TO_CHECK = concat!("select p.payment_id, p.amount_fen, cast(1 as bigint), p.payee_id,
        v.version, v.holder_name, v.account_no, h.name, h.bank_no, p.run_id, p.area_id,
        cast(null as bigint), y.kind, ", held!("y", "name"), " from payment p
        cross join party y
        left join payee_account v on v.book_id = p.book_id and v.payee_id = p.payee_id
            and v.version = (select max(w.version) from payee_account w
                where w.book_id = p.book_id and w.payee_id = p.payee_id)
        left join branch h on h.book_id = v.book_id and h.branch_id = v.branch_id
        where p.book_id = $1 and p.payment_id > $2 and p.payment_id <= $3
        and y.book_id = p.book_id and y.party_id = p.payee_id
        order by p.payment_id");
    TO_SEND_AGAIN = "select r.payment_id, r.amount_fen, r.attempt_no, p.payee_id,
        v.version, v.holder_name, v.account_no, h.name, h.bank_no, p.run_id, p.area_id,
        b.bank_account_id
        from re_pay r join payment p on p.book_id = r.book_id and p.payment_id = r.payment_id
        join attempt f on f.book_id = r.book_id and f.payment_id = r.payment_id
            and f.attempt_no = 1
        join batch b on b.book_id = f.book_id and b.batch_id = f.batch_id
        left join payee_account v on v.book_id = p.book_id and v.payee_id = p.payee_id
            and v.version = (select max(w.version) from payee_account w
                where w.book_id = p.book_id and w.payee_id = p.payee_id and w.entry <= $6)
        left join branch h on h.book_id = v.book_id and h.branch_id = v.branch_id
        where r.book_id = $1 and r.run_id = $2 and r.revision = $3 and r.payment_id > $4
        order by r.payment_id limit $5";
    FAILED_AND_HOME = "select p.payment_id, p.amount_fen, t.attempt_no, o.kind, w.reason,
        t.account_version,
        (select max(v.version) from payee_account v
            where v.book_id = p.book_id and v.payee_id = p.payee_id),
        cast(case when b.debit_style = 'succeeded' and o.kind = 'failed' then 1
            when h.payment_id is not null then 1 else 0 end as bigint),
        cast(case when k.payment_id is not null then 1 else 0 end as bigint)
        from outcome_now o
        cross join outcome_now w
        cross join payment p
        join attempt t on t.book_id = o.book_id and t.payment_id = o.payment_id
            and t.attempt_no = o.attempt_no
        join batch c on c.book_id = t.book_id and c.batch_id = t.batch_id
        join bank_account b on b.book_id = c.book_id and b.bank_account_id = c.bank_account_id
        left join refund_receipt_now h on h.book_id = t.book_id and h.payment_id = t.payment_id
            and h.attempt_no = t.attempt_no
        left join re_pay_clearance k on k.book_id = o.book_id and k.payment_id = o.payment_id
            and k.attempt_no = o.attempt_no and k.step = o.step
        where o.book_id = $1 and o.kind <> 'paid' and o.kind in ('failed', 'refunded')
        and o.payment_id >= $2 and o.payment_id <= $3
        and w.book_id = o.book_id and w.payment_id = o.payment_id
        and w.attempt_no = o.attempt_no and w.step = o.step
        and p.book_id = o.book_id and p.payment_id = o.payment_id
        and (o.payment_id, o.attempt_no) not in (select y.payment_id, y.attempt_no from exception y
            where y.book_id = $1 and y.kind in ('contradiction', 'matched-twice',
                'amount-differs', 'account-differs', 'late-success', 'success-taken-back')
            and not exists (select 1 from exception_event e where e.book_id = y.book_id
                and e.exception_id = y.exception_id and e.state = 'settled'))
        and not exists (select 1 from attempt x where x.book_id = t.book_id
            and x.payment_id = t.payment_id and x.attempt_no = t.attempt_no + 1)";
    DISPUTED = "select min(x.payment_id) from re_pay r
        join exception x on x.book_id = r.book_id and x.payment_id = r.payment_id
            and x.attempt_no = r.attempt_no - 1
        where r.book_id = $1 and r.run_id = $2 and r.revision = $3
        and x.kind in ('contradiction', 'matched-twice', 'amount-differs', 'account-differs',
            'late-success', 'success-taken-back')
        and not exists (select 1 from exception_event e where e.book_id = x.book_id
            and e.exception_id = x.exception_id and e.state = 'settled')";
    RUN_LINES = concat!("select p.payment_id, p.amount_fen, p.lines, p.payee_id, z.township,
        z.village,
        ", held!("y", "name", "u.month and pv.entry <= p.entry"), ",
        y.reference_no, v.account_no, v.holder_name, h.name from payment p
        join run u on u.book_id = p.book_id and u.run_id = p.run_id
        join party y on y.book_id = p.book_id and y.party_id = p.payee_id
        join area z on z.book_id = p.book_id and z.area_id = p.area_id
        left join payee_account v on v.book_id = p.book_id and v.payee_id = p.payee_id
            and v.version = (select max(version) from payee_account w
                where w.book_id = p.book_id and w.payee_id = p.payee_id)
        left join branch h on h.book_id = v.book_id and h.branch_id = v.branch_id
        where p.book_id = $1 and p.payment_id >= $2 and p.payment_id <= $3
        order by p.payment_id limit $4");
    RE_PAY_LINES = concat!("select p.payment_id, p.amount_fen, p.lines, p.payee_id, z.township,
        z.village,
        ", held!("y", "name", "u.month and pv.entry <= p.entry"), ",
        y.reference_no, v.account_no, v.holder_name, h.name from re_pay r
        join payment p on p.book_id = r.book_id and p.payment_id = r.payment_id
        join run u on u.book_id = p.book_id and u.run_id = p.run_id
        join party y on y.book_id = p.book_id and y.party_id = p.payee_id
        join area z on z.book_id = p.book_id and z.area_id = p.area_id
        left join payee_account v on v.book_id = p.book_id and v.payee_id = p.payee_id
            and v.version = (select max(version) from payee_account w
                where w.book_id = p.book_id and w.payee_id = p.payee_id)
        left join branch h on h.book_id = v.book_id and h.branch_id = v.branch_id
        where r.book_id = $1 and r.run_id = $2 and r.revision = $3 and r.payment_id > $4
        order by r.payment_id limit $5");
}

/// Awards by their numbers, which come as a JSON list, with the area of a month; unpacking one
/// differs.
const AWARDS_OF: Pair = Pair {
    sqlite: concat!(
        "select a.award_id, a.subject_id, a.household_id, a.payee_id,
        a.component_id, a.tag, a.income_fen, a.amount_fen, a.from_month, e.to_month, ",
        held!("y", "area_id", "$3"),
        " from json_each($2) j cross join award a
        join party y on y.book_id = a.book_id and y.party_id = a.household_id
        left join award_end e on e.book_id = a.book_id and e.award_id = a.award_id
        where a.book_id = $1 and a.award_id = j.value"
    ),
    postgres: concat!(
        "select a.award_id, a.subject_id, a.household_id, a.payee_id,
        a.component_id, a.tag, a.income_fen, a.amount_fen, a.from_month, e.to_month, ",
        held!("y", "area_id", "$3"),
        " from jsonb_array_elements_text(cast($2 as jsonb)) j(award_id)
        join award a on a.book_id = $1 and a.award_id = cast(j.award_id as integer)
        join party y on y.book_id = a.book_id and y.party_id = a.household_id
        left join award_end e on e.book_id = a.book_id and e.award_id = a.award_id"
    ),
};

/// Whose payments these are, which come as a JSON list; unpacking one differs.
const WHOSE: Pair = Pair {
    sqlite: concat!(
        "select p.payment_id, r.month, p.payee_id, ",
        held!("y", "name"),
        ", z.township,
        z.village, coalesce(v.account_no, '')
        from json_each($2) j cross join payment p
        join run r on r.book_id = p.book_id and r.run_id = p.run_id
        join party y on y.book_id = p.book_id and y.party_id = p.payee_id
        join area z on z.book_id = p.book_id and z.area_id = p.area_id
        left join payee_account v on v.book_id = p.book_id and v.payee_id = p.payee_id
            and v.version = (select max(version) from payee_account w
                where w.book_id = p.book_id and w.payee_id = p.payee_id)
        where p.book_id = $1 and p.payment_id = j.value"
    ),
    postgres: concat!(
        "select p.payment_id, r.month, p.payee_id, ",
        held!("y", "name"),
        ", z.township,
        z.village, coalesce(v.account_no, '')
        from jsonb_array_elements_text(cast($2 as jsonb)) j(payment_id)
        join payment p on p.book_id = $1 and p.payment_id = cast(j.payment_id as integer)
        join run r on r.book_id = p.book_id and r.run_id = p.run_id
        join party y on y.book_id = p.book_id and y.party_id = p.payee_id
        join area z on z.book_id = p.book_id and z.area_id = p.area_id
        left join payee_account v on v.book_id = p.book_id and v.payee_id = p.payee_id
            and v.version = (select max(version) from payee_account w
                where w.book_id = p.book_id and w.payee_id = p.payee_id)"
    ),
};

/// Payments handled with one statement when their lines are read.
pub const CHUNK_PAYMENTS: i64 = 20_000;

/// The numbers after `after` up to `last` in pages: what each page comes after, and its last
/// number. Each row of a page is joined with others by their keys. On PostgreSQL a page is small
/// enough for those to be looked up, also in a table of which it would otherwise read all, and
/// also when it knows nothing yet of the newest rows; SQLite always looks them up.
pub(crate) fn pages(engine: Engine, after: i64, last: i64) -> impl Iterator<Item = (i64, i64)> {
    let rows = match engine {
        Engine::Sqlite => 50_000,
        Engine::Postgres => 8_000,
    };
    std::iter::successors(Some(after), move |after| Some(after + rows))
        .take_while(move |after| *after < last)
        .map(move |after| (after, last.min(after + rows)))
}

/// Awards and accruals that bear on a run.
#[derive(Debug)]
pub struct Entitlements {
    /// The awards with the area of their household in the last month, by household, subject,
    /// component and number.
    pub awards: Vec<(Award, i64)>,
    /// What was accrued with the household of its award, by household, subject, component and
    /// month.
    pub accrued: Vec<(PartyId, Accrued)>,
}

/// Everything that bears on what a program owes for the months `first` to `last`: the awards in
/// force then, what was accrued for those months, and the awards that it was accrued by.
///
/// It asks by component and month, and a table joined with itself: without statistics SQLite takes
/// the covering index only so, and a book with many programs is not read again for each of them.
#[boxed]
pub async fn entitlements(
    tx: &mut Tx,
    book: BookId,
    program: ProgramId,
    first: Month,
    last: Month,
) -> Result<Entitlements, StoreError> {
    let components = components(tx, book, program).await?;
    let mut awards = Vec::new();
    for component in &components {
        let (first, last) = (first.to_string().into(), last.to_string().into());
        let args = [book.get().into(), component.get().into(), first, last];
        tx.stream(AWARDS_IN_FORCE, &args, |row| {
            awards.push((award_of(row)?, row.int(10)?));
            Ok::<(), StoreError>(())
        })
        .await?;
    }
    let mut lines = Vec::new();
    for month in first.through(last) {
        for component in &components {
            let (at, of) = (month.to_string().into(), component.get().into());
            tx.stream(ACCRUED, &[book.get().into(), at, of], |row| {
                let accrued = accrued_of(row, month, *component)?;
                lines.push((AwardId(row.int(0)?), accrued));
                Ok::<(), StoreError>(())
            })
            .await?;
        }
    }
    awards.sort_unstable_by_key(|(award, _)| award.id);
    let mut ended: Vec<AwardId> = (lines.iter().map(|(award, _)| *award))
        .filter(|award| find(&awards, *award).is_none())
        .collect();
    ended.sort_unstable();
    ended.dedup();
    add_awards(tx, book, (&ended, Some(last)), &mut awards).await?;
    awards.sort_unstable_by_key(|(award, _)| award.id);
    let accrued = by_household(&awards, lines)?;
    awards.sort_unstable_by_key(|(award, _)| {
        (award.household, award.subject, award.component, award.id)
    });
    Ok(Entitlements { awards, accrued })
}

/// Adds awards by their numbers, with the area of their household in a month or by now.
pub(crate) async fn add_awards(
    tx: &mut Tx,
    book: BookId,
    (ids, at): (&[AwardId], Option<Month>),
    awards: &mut Vec<(Award, i64)>,
) -> Result<(), StoreError> {
    let sql = AWARDS_OF.of(tx.engine());
    for chunk in ids.chunks(LOOKUP) {
        let list = json_list(chunk.iter().map(ToString::to_string));
        let args = [book.get().into(), list.into(), until(at)];
        tx.stream(sql, &args, |row| {
            awards.push((award_of(row)?, row.int(10)?));
            Ok::<(), StoreError>(())
        })
        .await?;
    }
    Ok(())
}

/// The components of a program.
pub(crate) async fn components(
    tx: &mut Tx,
    book: BookId,
    program: ProgramId,
) -> Result<Vec<ComponentId>, StoreError> {
    let args = [book.get().into(), program.get().into()];
    let rows = tx.query(COMPONENTS, &args).await?;
    rows.iter().map(|row| row.int(0).map(ComponentId)).collect()
}

/// One of awards that are in the order of their numbers.
fn find(awards: &[(Award, i64)], id: AwardId) -> Option<&Award> {
    let at = awards.binary_search_by_key(&id, |(award, _)| award.id);
    at.ok().map(|at| &awards[at].0)
}

fn by_household(
    awards: &[(Award, i64)],
    lines: Vec<(AwardId, Accrued)>,
) -> Result<Vec<(PartyId, Accrued)>, StoreError> {
    let mut accrued = Vec::with_capacity(lines.len());
    for (id, line) in lines {
        let award = find(awards, id);
        let award = award.ok_or_else(|| StoreError::inconsistent("payment_line", "award_id"))?;
        accrued.push((award.household, line));
    }
    accrued.sort_unstable_by_key(|(household, line)| {
        (*household, line.subject, line.component, line.month)
    });
    Ok(accrued)
}

/// Writes payments and lines and computes the fingerprint of the calculation.
#[derive(Debug)]
pub struct PaymentWriter {
    run: RunId,
    revision: i64,
    payments: Loader,
    lines: Loader,
    set_offs: Loader,
    withheld: i64,
    first: i64,
    count: i64,
    total: i64,
}

/// What a calculation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calculated {
    /// First payment number; 1 when there is none.
    pub first: i64,
    /// Last payment number.
    pub last: i64,
    /// How many.
    pub payments: i64,
    /// Their sum.
    pub total: Fen,
    /// The node over the Merkle roots of the payments and of the lines, and over that and the root
    /// of what the payments withhold when they withhold anything; of a re-pay run the root of what
    /// it tries again.
    pub fingerprint: Hash,
}

impl PaymentWriter {
    /// For one calculation of a run.
    #[boxed]
    pub async fn begin(
        write: &mut Write,
        run: RunId,
        revision: i64,
    ) -> Result<PaymentWriter, Failure> {
        Ok(PaymentWriter {
            run,
            revision,
            payments: Loader::new(&table::PAYMENT),
            lines: Loader::new(&table::PAYMENT_LINE),
            set_offs: Loader::new(&table::SET_OFF),
            withheld: 0,
            first: write.allot("payment", 0).await?,
            count: 0,
            total: 0,
        })
    }

    /// Adds one payment to a household that lives in an area; nothing for no lines. What it
    /// withholds, in the order of the recoveries, is not paid.
    pub async fn push(
        &mut self,
        write: &mut Write,
        area: i64,
        settled: &[Line],
        withheld: &[Withheld],
    ) -> Result<(), Failure> {
        let Some(head) = settled.first() else {
            return Ok(());
        };
        let due = Fen::sum(settled.iter().map(|line| line.amount)).map_err(Problem::from)?;
        let kept = Fen::sum(withheld.iter().map(|part| part.amount)).map_err(Problem::from)?;
        let amount = due.minus(kept).map_err(Problem::from)?;
        let total = self.total.checked_add(amount.get());
        self.total = total.ok_or_else(|| Problem::from(MoneyError::OutOfRange))?;
        let (book, id) = (write.book().get(), self.first + self.count);
        self.count += 1;
        let row = self.payments.rows();
        row.int(book).int(id).int(self.run.get()).int(self.revision);
        row.int(head.payee.get())
            .int(head.household.get())
            .int(area);
        row.int(i64::try_from(settled.len()).unwrap_or(i64::MAX));
        row.int(amount.get()).end();
        self.payments.step(write).await?;
        for (line_no, line) in (1_i64..).zip(settled) {
            let row = self.lines.rows();
            row.int(book).int(id).int(line_no).int(line.subject.get());
            row.int(line.award.get()).int(line.component.get());
            row.text(&line.month.to_string()).int(line.n);
            row.int(line.amount.get()).text(line.reason.code()).end();
            self.lines.step(write).await?;
        }
        for part in withheld {
            self.withheld += 1;
            let row = self.set_offs.rows();
            row.int(book).int(id).int(part.recovery.get());
            row.int(part.plan).int(part.amount.get()).end();
            self.set_offs.step(write).await?;
        }
        Ok(())
    }

    /// Writes what waits and says what it all came to.
    #[boxed]
    pub async fn finish(self, write: &mut Write) -> Result<Calculated, Failure> {
        write
            .allot("payment", usize::try_from(self.count).unwrap_or(usize::MAX))
            .await?;
        let payments = self.payments.finish(write).await?;
        let lines = self.lines.finish(write).await?;
        let mut fingerprint = merkle::node(&payments, &lines);
        if self.withheld > 0 {
            fingerprint = merkle::node(&fingerprint, &self.set_offs.finish(write).await?);
        }
        Ok(Calculated {
            first: if self.count == 0 { 1 } else { self.first },
            last: if self.count == 0 {
                0
            } else {
                self.first + self.count - 1
            },
            payments: self.count,
            total: Fen::new(self.total),
            fingerprint,
        })
    }
}

/// Takes the lines of a calculation back by appending their opposites, so that what it accrued is
/// free again.
#[boxed]
pub async fn void_lines(write: &mut Write, run: &Run) -> Result<(), Failure> {
    let book = write.book();
    let args = [
        Value::Int(book.get()),
        run.payment_first.into(),
        run.payment_last.into(),
    ];
    let voided = write.tx().query(LINES_TO_VOID, &args).await?;
    let mut next_line = std::collections::HashMap::new();
    for row in write.tx().query(LAST_LINE, &args).await? {
        next_line.insert(row.int(0)?, row.int(1)? + 1);
    }
    let mut lines = RowBuffer::of(&table::PAYMENT_LINE);
    for row in voided {
        let payment = row.int(0)?;
        let line_no = next_line.entry(payment).or_insert(1);
        lines.push([
            Value::Int(book.get()),
            payment.into(),
            (*line_no).into(),
            row.int(1)?.into(),
            row.int(2)?.into(),
            row.int(3)?.into(),
            row.text(4)?.into(),
            (row.int(6)? + 1).into(),
            (-row.int(5)?).into(),
            "void".into(),
        ]);
        *line_no += 1;
    }
    Ok(write.insert(&table::PAYMENT_LINE, lines).await?)
}

/// Amounts by payment and component for a range of payment numbers, both ends included.
#[boxed]
pub async fn by_component(
    tx: &mut Tx,
    book: BookId,
    first: i64,
    last: i64,
) -> Result<Vec<(PaymentId, ComponentId, Fen)>, StoreError> {
    let args = [book.get().into(), first.into(), last.into()];
    let rows = tx.query(ACCRUED_BY_COMPONENT, &args).await?;
    rows.iter()
        .map(|row| {
            Ok((
                PaymentId(row.int(0)?),
                ComponentId(row.int(1)?),
                Fen::new(row.int(2)?),
            ))
        })
        .collect()
}

/// One line as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLine {
    /// Of which payment.
    pub payment: PaymentId,
    /// Its place in the payment.
    pub line_no: i64,
    /// For whom.
    pub subject: PartyId,
    /// By which award.
    pub award: i64,
    /// Which component.
    pub component: ComponentId,
    /// For which month.
    pub month: String,
    /// The how-manieth line of subject, component and month.
    pub n: i64,
    /// The amount; negative when it is set against.
    pub amount: Fen,
    /// Why.
    pub reason: String,
}

/// The lines of a range of payments, both ends included.
#[boxed]
pub async fn lines(
    tx: &mut Tx,
    book: BookId,
    first: i64,
    last: i64,
) -> Result<Vec<StoredLine>, StoreError> {
    let rows = tx
        .query(LINES_OF, &[book.get().into(), first.into(), last.into()])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(StoredLine {
                payment: PaymentId(row.int(0)?),
                line_no: row.int(1)?,
                subject: PartyId(row.int(2)?),
                award: row.int(3)?,
                component: ComponentId(row.int(4)?),
                month: row.text(5)?,
                n: row.int(6)?,
                amount: Fen::new(row.int(7)?),
                reason: row.text(8)?,
            })
        })
        .collect()
}

/// A payment that a run is about to send, with the account that it goes to. Name and number
/// identify a person.
#[derive(Clone)]
pub struct ToSend {
    /// Which.
    pub payment: PaymentId,
    /// How much.
    pub amount: Fen,
    /// The number of the attempt.
    pub attempt: i64,
    /// To whom.
    pub payee: PartyId,
    /// The account; none when the payee has none.
    pub account: Option<SendTo>,
    /// The run that owes it: not the one that sends it when that is a re-pay run.
    pub run: RunId,
    /// Where the household lives.
    pub area: i64,
    /// The paying account of its first attempt; none when this is the first.
    pub first_account: Option<BankAccountId>,
}

/// The version of a payee's account that a payment goes to.
#[derive(Clone)]
pub struct SendTo {
    /// The version.
    pub version: i64,
    /// The name that the bank has registered.
    pub holder_name: String,
    /// The account number.
    pub account_no: String,
    /// 开户行.
    pub bank_name: String,
    /// 联行号; may be empty.
    pub bank_no: String,
}

/// What a run sends when it is released, in payment order: at most `limit` payments after `after`,
/// with the accounts as they were when the audit trail had `entry` entries.
#[boxed]
pub async fn to_send(
    tx: &mut Tx,
    book: BookId,
    run: &Run,
    (after, limit): (i64, i64),
    entry: i64,
) -> Result<Vec<ToSend>, StoreError> {
    let mut items = Vec::new();
    let mut take = |row: &[Field<'_>]| {
        items.push(to_send_of(row)?);
        Ok::<(), StoreError>(())
    };
    match run.kind {
        RunKind::RePay => {
            let (id, revision) = (run.id.get(), run.revision);
            let args = [book.get(), id, revision, after, limit, entry];
            tx.scan(TO_SEND_AGAIN, &args, &mut take).await?;
        }
        _ => {
            let after = after.max(run.payment_first - 1);
            // A run's payments stand together, so that so many rows are so many numbers.
            let last = run.payment_last.min(after.saturating_add(limit));
            for (after, last) in pages(tx.engine(), after, last) {
                let args = [book.get(), after, last, entry];
                tx.scan(TO_SEND, &args, &mut take).await?;
            }
        }
    }
    Ok(items)
}

/// Payments that a run would send now, with what is known of their payees beside them.
#[derive(Default)]
pub struct ToCheck {
    /// The payments.
    pub items: Vec<ToSend>,
    /// Of each, whether the payee is a person, and its name: that identifies a person.
    pub payees: Vec<(bool, String)>,
}

/// The payments of a run after one number and up to another, with the newest accounts.
#[boxed]
pub async fn to_check(
    tx: &mut Tx,
    book: BookId,
    (after, last): (i64, i64),
) -> Result<ToCheck, StoreError> {
    let mut check = ToCheck::default();
    let args = [book.get(), after, last];
    tx.scan(TO_CHECK, &args, |row| {
        check.items.push(to_send_of(row)?);
        let [.., Field::Text(kind), Field::Text(name)] = *row else {
            return Err(StoreError::inconsistent("party", "name"));
        };
        let person = kind == PartyKind::Person.code();
        check.payees.push((person, name.to_owned()));
        Ok(())
    })
    .await?;
    Ok(check)
}

fn to_send_of(row: &[Field<'_>]) -> Result<ToSend, StoreError> {
    let [
        Field::Int(payment),
        Field::Int(amount),
        Field::Int(attempt),
        Field::Int(payee),
        ref account @ ..,
    ] = *row
    else {
        return Err(StoreError::inconsistent("payment", "number"));
    };
    let [
        version,
        holder,
        number,
        bank,
        bank_no,
        Field::Int(run),
        Field::Int(area),
        first,
        ..,
    ] = *account
    else {
        return Err(StoreError::inconsistent("payment", "run_id"));
    };
    let account = match [version, holder, number, bank, bank_no] {
        [
            Field::Int(version),
            Field::Text(holder_name),
            Field::Text(account_no),
            Field::Text(bank_name),
            Field::Text(bank_no),
        ] => Some(SendTo {
            version,
            holder_name: holder_name.to_owned(),
            account_no: account_no.to_owned(),
            bank_name: bank_name.to_owned(),
            bank_no: bank_no.to_owned(),
        }),
        [Field::NullInt, ..] => None,
        _ => return Err(StoreError::inconsistent("payee_account", "version")),
    };
    let first_account = match first {
        Field::Int(account) => Some(BankAccountId(account)),
        _ => None,
    };
    Ok(ToSend {
        payment: PaymentId(payment),
        amount: Fen::new(amount),
        attempt,
        payee: PartyId(payee),
        account,
        run: RunId(run),
        area,
        first_account,
    })
}

/// A payment whose last attempt failed or came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Which.
    pub payment: PaymentId,
    /// How much.
    pub amount: Fen,
    /// The attempt that failed.
    pub attempt: i64,
    /// `failed` or `refunded`.
    pub kind: String,
    /// The normalised reason.
    pub reason: String,
    /// The account version that was tried.
    pub tried_version: i64,
    /// The newest account version.
    pub newest_version: i64,
    /// Whether the money is back in the agency's account.
    pub home: bool,
    /// Whether two people said that what made it fail is gone (准予补发).
    pub is_cleared: bool,
}

/// A payment of a re-pay run of which the bank has said two different things: unknown is not
/// failed.
#[boxed]
pub async fn disputed(
    tx: &mut Tx,
    book: BookId,
    run: &Run,
) -> Result<Option<PaymentId>, StoreError> {
    let args = [book.get().into(), run.id.get().into(), run.revision.into()];
    Ok(tx
        .query_one(DISPUTED, &args)
        .await?
        .opt_int(0)?
        .map(PaymentId))
}

/// The failed and refunded payments of a program that nobody has tried again, in payment order;
/// those of which the bank has said two different things are left out. It asks run by run, whose
/// payments stand together, so that other programs' are not looked at.
#[boxed]
pub async fn failed(
    tx: &mut Tx,
    book: BookId,
    program: ProgramId,
) -> Result<Vec<Failed>, StoreError> {
    let runs = crate::run::runs(tx, book).await?;
    let mut failed = Vec::new();
    for run in runs
        .iter()
        .filter(|run| run.program == program && run.kind != RunKind::RePay)
    {
        let (first, last) = (run.payment_first.into(), run.payment_last.into());
        tx.stream(FAILED_AND_HOME, &[book.get().into(), first, last], |row| {
            failed.push(failed_of(row)?);
            Ok::<(), StoreError>(())
        })
        .await?;
    }
    // Here and not in the statement, where it would lead SQLite past the index.
    failed.sort_unstable_by_key(|failed| failed.payment);
    Ok(failed)
}

/// Payments that are looked through at once for failed ones.
const WINDOW: i64 = 5_000;

/// Goes through the payments that [`failed`] gives, of one program or of all, in payment order from
/// the one after `after`, until it is told that it is enough.
pub async fn each_failed<E: From<StoreError>>(
    tx: &mut Tx,
    book: BookId,
    program: Option<ProgramId>,
    after: i64,
    mut each: impl FnMut(ProgramId, Failed) -> Result<bool, E> + Send,
) -> Result<(), E> {
    let mut runs = crate::run::runs(tx, book).await?;
    runs.retain(|run| {
        let is_wanted = program.is_none_or(|program| program == run.program);
        is_wanted && run.kind != RunKind::RePay && run.payment_last > after
    });
    runs.sort_by_key(|run| run.payment_first);
    for run in runs {
        let mut first = run.payment_first.max(after + 1);
        while first <= run.payment_last {
            let last = (first + WINDOW - 1).min(run.payment_last);
            let args = [book.get().into(), first.into(), last.into()];
            let rows = tx.query(FAILED_AND_HOME, &args).await?;
            let mut window: Vec<Failed> = rows
                .iter()
                .map(failed_of)
                .collect::<Result<_, StoreError>>()?;
            window.sort_unstable_by_key(|failed| failed.payment);
            for failed in window {
                if !each(run.program, failed)? {
                    return Ok(());
                }
            }
            first = last + 1;
        }
    }
    Ok(())
}

fn failed_of(row: &Row) -> Result<Failed, StoreError> {
    Ok(Failed {
        payment: PaymentId(row.int(0)?),
        amount: Fen::new(row.int(1)?),
        attempt: row.int(2)?,
        kind: row.text(3)?,
        reason: row.text(4)?,
        tried_version: row.int(5)?,
        newest_version: row.opt_int(6)?.unwrap_or(0),
        home: row.int(7)? == 1,
        is_cleared: row.int(8)? == 1,
    })
}

/// Stores what a re-pay run tries again, in payment order, and says what it came to.
#[boxed]
pub async fn add_re_pay(
    write: &mut Write,
    run: RunId,
    revision: i64,
    items: &[Failed],
) -> Result<Calculated, Failure> {
    let mut loader = Loader::new(&table::RE_PAY);
    for item in items {
        let row = loader.rows();
        row.int(write.book().get()).int(run.get()).int(revision);
        row.int(item.payment.get())
            .int(item.attempt + 1)
            .text(&item.kind);
        row.int(item.amount.get()).end();
        loader.step(write).await?;
    }
    let fingerprint = loader.finish(write).await?;
    let total = Fen::sum(items.iter().map(|item| item.amount)).map_err(Problem::from)?;
    Ok(Calculated {
        first: 1,
        last: 0,
        payments: i64::try_from(items.len()).unwrap_or(i64::MAX),
        total,
        fingerprint,
    })
}

/// One payment with its payee, for lists. Name and numbers identify a person.
#[derive(Clone)]
pub struct PayeeLine {
    /// Which.
    pub payment: PaymentId,
    /// How much.
    pub amount: Fen,
    /// How many lines it has.
    pub lines: i64,
    /// To whom.
    pub payee: PartyId,
    /// 乡镇.
    pub township: String,
    /// 村.
    pub village: String,
    /// The payee's name.
    pub name: String,
    /// The payee's identity number or credit code.
    pub reference_no: String,
    /// The newest account; empty when there is none.
    pub account_no: String,
    /// The name that the bank has.
    pub holder_name: String,
    /// 开户行.
    pub bank_name: String,
}

/// The payments of a range with their payees, at most `limit`.
#[boxed]
pub async fn payee_lines(
    tx: &mut Tx,
    book: BookId,
    first: i64,
    last: i64,
    limit: i64,
) -> Result<Vec<PayeeLine>, StoreError> {
    let args = [book.get().into(), first.into(), last.into(), limit.into()];
    let rows = tx.query(RUN_LINES, &args).await?;
    rows.iter().map(payee_line).collect()
}

/// Whose a payment is, unmasked.
#[derive(Clone, Default)]
pub struct Whose {
    /// The month of its run.
    pub month: String,
    /// Who is paid; 0 for nobody.
    pub payee: i64,
    /// Their name.
    pub name: String,
    /// 乡镇 of the household.
    pub township: String,
    /// 村(社区) of the household.
    pub village: String,
    /// The newest account of the payee; empty for none.
    pub account_no: String,
}

impl std::fmt::Debug for Whose {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Whose({}, ***)", self.payee)
    }
}

/// Whose these payments are.
#[boxed]
pub async fn whose(
    tx: &mut Tx,
    book: BookId,
    payments: &[PaymentId],
) -> Result<HashMap<PaymentId, Whose>, StoreError> {
    let sql = WHOSE.of(tx.engine());
    let mut found = HashMap::with_capacity(payments.len());
    for chunk in payments.chunks(LOOKUP) {
        let list = json_list(chunk.iter().map(ToString::to_string));
        tx.stream(sql, &[book.get().into(), list.into()], |row| {
            let whose = Whose {
                month: row.text(1)?,
                payee: row.int(2)?,
                name: row.text(3)?,
                township: row.text(4)?,
                village: row.text(5)?,
                account_no: row.text(6)?,
            };
            found.insert(PaymentId(row.int(0)?), whose);
            Ok::<(), StoreError>(())
        })
        .await?;
    }
    Ok(found)
}

/// The payments that a re-pay run tries again, after one, with their payees, at most `limit`.
#[boxed]
pub async fn re_pay_lines(
    tx: &mut Tx,
    book: BookId,
    run: &Run,
    after: i64,
    limit: i64,
) -> Result<Vec<PayeeLine>, StoreError> {
    let args = [
        book.get().into(),
        run.id.get().into(),
        run.revision.into(),
        after.into(),
        limit.into(),
    ];
    let rows = tx.query(RE_PAY_LINES, &args).await?;
    rows.iter().map(payee_line).collect()
}

fn payee_line(row: &Row) -> Result<PayeeLine, StoreError> {
    Ok(PayeeLine {
        payment: PaymentId(row.int(0)?),
        amount: Fen::new(row.int(1)?),
        lines: row.int(2)?,
        payee: PartyId(row.int(3)?),
        township: row.text(4)?,
        village: row.text(5)?,
        name: row.text(6)?,
        reference_no: row.text(7)?,
        account_no: row.opt_text(8)?.unwrap_or_default(),
        holder_name: row.opt_text(9)?.unwrap_or_default(),
        bank_name: row.opt_text(10)?.unwrap_or_default(),
    })
}

fn accrued_of(row: &Row, month: Month, component: ComponentId) -> Result<Accrued, StoreError> {
    Ok(Accrued {
        subject: PartyId(row.int(1)?),
        component,
        month,
        amount: Fen::new(row.int(2)?),
        lines: row.int(3)?,
    })
}
