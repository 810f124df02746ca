//! Figures for reports and agreements, each one set-based statement.

use crate::boxed;
use std::collections::{BTreeMap, BTreeSet};

use ledger::account::Chart;
use ledger::calendar::Month;
use ledger::id::{AccountId, BankAccountId, BookId, ComponentId, ProgramId};
use ledger::money::Fen;

use crate::catalogue::sql;
use crate::db::{Tx, Value};
use crate::dialect::{Engine, Pair};
use crate::error::StoreError;

sql! {
    // From the runs of the months to their payments: what was paid in other months is not read.
    ACCRUED_BY_COMPONENT = "select r.program_id, l.component_id,
        cast(sum(l.amount_fen) as bigint), cast(count(distinct p.household_id) as bigint),
        cast(count(distinct l.subject_id) as bigint)
        from run r
        cross join run_event e
        cross join payment p
        cross join payment_line l
        where r.book_id = $1 and r.month >= $2 and r.month <= $3
        and e.book_id = r.book_id and e.run_id = r.run_id and e.event = 'approve'
        and not exists (select 1 from run_event v where v.book_id = e.book_id
            and v.run_id = e.run_id and v.event = 'revoke' and v.n > e.n)
        and p.book_id = e.book_id and p.payment_id >= e.payment_first
        and p.payment_id <= e.payment_last and p.run_id = e.run_id
        and p.revision = e.revision
        and l.book_id = p.book_id and l.payment_id = p.payment_id
        group by r.program_id, l.component_id order by 1, 2";
    MONTHLY = "select r.program_id, cast(count(distinct p.payment_id) as bigint),
        cast(count(distinct p.household_id) as bigint), cast(sum(p.amount_fen) as bigint)
        from run r
        cross join run_event e
        cross join payment p
        where r.book_id = $1 and r.month = $2 and r.kind <> 're-pay'
        and e.book_id = r.book_id and e.run_id = r.run_id and e.event = 'approve'
        and not exists (select 1 from run_event v where v.book_id = e.book_id
            and v.run_id = e.run_id and v.event = 'revoke' and v.n > e.n)
        and p.book_id = e.book_id and p.payment_id >= e.payment_first
        and p.payment_id <= e.payment_last and p.run_id = e.run_id
        and p.revision = e.revision
        group by r.program_id order by r.program_id";
    HOUSEHOLD_TURNOVER = "select s.program_id, cast(sum(s.earlier) as bigint),
        cast(sum(s.present) as bigint), cast(sum(s.present * (1 - s.earlier)) as bigint),
        cast(sum(s.earlier * (1 - s.present)) as bigint) from (
            select r.program_id, p.household_id,
                max(case when r.month = $2 then 1 else 0 end) as earlier,
                max(case when r.month = $3 then 1 else 0 end) as present
            from run r
            cross join run_event e
            cross join payment p
            where r.book_id = $1 and r.month in ($2, $3)
            and e.book_id = r.book_id and e.run_id = r.run_id and e.event = 'approve'
            and not exists (select 1 from run_event v where v.book_id = e.book_id
                and v.run_id = e.run_id and v.event = 'revoke' and v.n > e.n)
            and p.book_id = e.book_id and p.payment_id >= e.payment_first
            and p.payment_id <= e.payment_last and p.run_id = e.run_id
            and p.revision = e.revision
            group by r.program_id, p.household_id) s
        group by s.program_id order by s.program_id";
    PERSON_TURNOVER = "select s.program_id, cast(sum(s.earlier) as bigint),
        cast(sum(s.present) as bigint), cast(sum(s.present * (1 - s.earlier)) as bigint),
        cast(sum(s.earlier * (1 - s.present)) as bigint) from (
            select r.program_id, l.subject_id,
                max(case when r.month = $2 then 1 else 0 end) as earlier,
                max(case when r.month = $3 then 1 else 0 end) as present
            from run r
            cross join run_event e
            cross join payment p
            cross join payment_line l
            join party y on y.book_id = l.book_id and y.party_id = l.subject_id
            where r.book_id = $1 and r.month in ($2, $3) and y.kind = 'person'
            and e.book_id = r.book_id and e.run_id = r.run_id and e.event = 'approve'
            and not exists (select 1 from run_event v where v.book_id = e.book_id
                and v.run_id = e.run_id and v.event = 'revoke' and v.n > e.n)
            and p.book_id = e.book_id and p.payment_id >= e.payment_first
            and p.payment_id <= e.payment_last and p.run_id = e.run_id
            and p.revision = e.revision
            and l.book_id = p.book_id and l.payment_id = p.payment_id
            group by r.program_id, l.subject_id) s
        group by s.program_id order by s.program_id";
    ROSTER_SIZE = "select c.program_id, cast(count(distinct a.household_id) as bigint),
        cast(count(distinct case when y.kind = 'person' then a.subject_id end) as bigint)
        from award a
        join component c on c.book_id = a.book_id and c.component_id = a.component_id
        join party y on y.book_id = a.book_id and y.party_id = a.subject_id
        left join award_end e on e.book_id = a.book_id and e.award_id = a.award_id
        where a.book_id = $1 and c.cadence <> 'once' and a.from_month <= $2
        and (e.to_month is null or e.to_month >= $2)
        group by c.program_id order by c.program_id";
    CHART_VOUCHERS = "select v.month, v.number, v.on_date, v.summary,
        cast(sum(case when d.code = $4 and (d.bank_account_id = $5 or $5 = 0)
            then t.amount_fen else 0 end) as bigint),
        cast(sum(case when c.code = $4 and (c.bank_account_id = $5 or $5 = 0)
            then t.amount_fen else 0 end) as bigint)
        from voucher v
        join transfer t on t.book_id = v.book_id and t.transfer_id >= v.transfer_first
            and t.transfer_id < v.transfer_first + v.transfers
        join account d on d.book_id = t.book_id and d.account_id = t.debit_id
        join account c on c.book_id = t.book_id and c.account_id = t.credit_id
        where v.book_id = $1 and v.month >= $2 and v.month <= $3
        and ((d.code = $4 and (d.bank_account_id = $5 or $5 = 0))
            or (c.code = $4 and (c.bank_account_id = $5 or $5 = 0)))
        group by v.month, v.number, v.on_date, v.summary order by v.month, v.number";
    VOUCHER_PAIRS = "select debit_id, credit_id, cast(sum(amount_fen) as bigint),
        cast(count(*) as bigint) from transfer
        where book_id = $1 and transfer_id >= $2 and transfer_id < $3
        group by debit_id, credit_id order by min(transfer_id)";
    BATCHES_AT_BANK = "select b.batch_id, b.batch_no, b.sent_on, b.total_fen,
        cast(coalesce((select -sum(l.amount_fen) from statement_match l
            join statement_now s on s.book_id = l.book_id and s.statement_id = l.statement_id
            where l.book_id = b.book_id and l.match_kind = 'batch' and l.match_id = b.batch_id
            and s.to_date <= $4), 0) + coalesce((select -sum(l.amount_fen) from return_file f
            join statement_match l on l.book_id = f.book_id and l.match_kind = 'return'
                and l.match_id = f.return_id
            join statement_now s on s.book_id = l.book_id and s.statement_id = l.statement_id
            where f.book_id = b.book_id and f.batch_id = b.batch_id
            and s.to_date <= $4), 0) as bigint), a.debit_style
        from batch b
        join bank_account a on a.book_id = b.book_id and a.bank_account_id = b.bank_account_id
        where b.book_id = $1 and b.bank_account_id = $2 and b.sent_on <= $3
        order by b.batch_id";
    FAILED_BY_BATCH = "select t.batch_id, cast(sum(p.amount_fen) as bigint) from outcome o
        cross join attempt t
        join batch b on b.book_id = t.book_id and b.batch_id = t.batch_id
        join payment p on p.book_id = o.book_id and p.payment_id = o.payment_id
        join return_file r on r.book_id = o.book_id and r.return_id = o.source_id
        where o.book_id = $1 and o.kind <> 'paid' and o.kind = 'failed' and o.payment_id > 0
        and r.imported_on <= $3
        and not exists (select 1 from outcome_void d
            join voucher v on v.book_id = d.book_id and v.voucher_id = d.voucher_id
            where d.book_id = o.book_id and d.payment_id = o.payment_id
            and d.attempt_no = o.attempt_no and d.step = o.step and v.on_date <= $3)
        and t.book_id = o.book_id and t.payment_id = o.payment_id
        and t.attempt_no = o.attempt_no and b.bank_account_id = $2
        group by t.batch_id";
    APPROPRIATIONS_AT_BANK = "select a.document, a.received_on, a.amount_fen from appropriation a
        where a.book_id = $1 and a.bank_account_id = $2 and a.received_on <= $3
        and not exists (select 1 from statement_line l
            join statement_now s on s.book_id = l.book_id and s.statement_id = l.statement_id
            where l.book_id = a.book_id and l.match_kind = 'appropriation'
            and l.match_id = a.appropriation_id and s.to_date <= $4)
        and not exists (select 1 from statement_link k
            join statement_now s on s.book_id = k.book_id and s.statement_id = k.statement_id
            join exception_settlement c on c.book_id = k.book_id
                and c.exception_id = k.exception_id
            join voucher v on v.book_id = c.book_id and v.voucher_id = c.voucher_id
            where k.book_id = a.book_id and k.match_kind = 'appropriation'
            and k.match_id = a.appropriation_id and s.to_date <= $4 and v.on_date <= $3)
        order by a.appropriation_id";
    UNEXPLAINED_DEBITS = "select l.statement_id, l.line_no, l.on_date, l.amount_fen, l.summary,
        coalesce((select min(y.kind) from exception y where y.book_id = l.book_id
            and y.source = 'statement' and y.source_id = l.statement_id
            and y.line_no = l.line_no), '')
        from statement_line l
        join statement_now s on s.book_id = l.book_id and s.statement_id = l.statement_id
        where l.book_id = $1 and s.bank_account_id = $2 and s.to_date <= $4
        and l.amount_fen < 0
        and (l.match_kind = 'none' and not exists (select 1 from statement_link k
                where k.book_id = l.book_id and k.statement_id = l.statement_id
                and k.line_no = l.line_no)
            or exists (select 1 from statement_match m
                join voucher w on w.book_id = m.book_id and w.voucher_id = m.match_id
                where m.book_id = l.book_id and m.statement_id = l.statement_id
                and m.line_no = l.line_no and m.match_kind = 'voucher' and w.on_date > $3))
        and not exists (select 1 from exception x
            join exception_settlement c on c.book_id = x.book_id
                and c.exception_id = x.exception_id
            join voucher v on v.book_id = c.book_id and v.voucher_id = c.voucher_id
            where x.book_id = l.book_id and x.source = 'statement'
            and x.source_id = l.statement_id and x.line_no = l.line_no
            and c.effect in ('offset', 'charged') and v.on_date <= $3)
        order by l.statement_id, l.line_no";
    CREDITS_NOT_BOOKED = "select l.statement_id, l.line_no, l.on_date, l.amount_fen, l.summary,
        coalesce((select min(y.kind) from exception y where y.book_id = l.book_id
            and y.source = 'statement' and y.source_id = l.statement_id
            and y.line_no = l.line_no), '')
        from statement_now s
        join statement_line l on l.book_id = s.book_id and l.statement_id = s.statement_id
        where s.book_id = $1 and s.bank_account_id = $2 and s.to_date <= $4
        and not exists (select 1 from voucher v where v.book_id = s.book_id
            and v.source = 'statement' and v.source_id = s.statement_id and v.on_date <= $3)
        and l.match_kind in ('refund', 'none') and l.amount_fen >= 0
        order by l.statement_id, l.line_no";
    HANDED_BACK = "select v.month, v.number, v.on_date, v.summary,
        cast(coalesce((select sum(t.amount_fen) from transfer t
            join account d on d.book_id = t.book_id and d.account_id = t.debit_id
            join account c on c.book_id = t.book_id and c.account_id = t.credit_id
            where t.book_id = v.book_id and t.transfer_id >= v.transfer_first
            and t.transfer_id < v.transfer_first + v.transfers
            and c.code = '1002' and c.bank_account_id = $2
            and d.code in ('4001', '2103', '3001', '1218.03')), 0) as bigint) from voucher v
        where v.book_id = $1 and v.source not in ('run', 'batch', 'return', 'statement', 'withdraw',
            'unstate')
        and v.on_date <= $3
        and not exists (select 1 from exception_settlement c where c.book_id = v.book_id
            and c.voucher_id = v.voucher_id and c.effect = 'charged')
        and not exists (select 1 from statement_match m
            join statement_now s on s.book_id = m.book_id and s.statement_id = m.statement_id
            where m.book_id = v.book_id and m.match_kind = 'voucher'
            and m.match_id = v.voucher_id and s.to_date <= $4)
        order by v.month, v.number";
    COUNTS = "select (select cast(count(*) as bigint) from payment where book_id = $1),
        (select cast(count(*) as bigint) from attempt where book_id = $1),
        (select cast(count(*) as bigint) from transfer where book_id = $1),
        (select cast(count(*) as bigint) from batch where book_id = $1),
        (select cast(count(*) as bigint) from return_file where book_id = $1),
        (select size from book_head where book_id = $1)";
    HEAD = "select size, root from book_head where book_id = $1";
    TRY_TO_ALTER = "update audit_entry set leaf = leaf where book_id = $1";
}

/// How safely each engine is told to write; the names of the settings differ.
const DURABILITY: Pair = Pair {
    sqlite: "select 'foreign_keys', cast(foreign_keys as text) from pragma_foreign_keys
        union all select 'journal_mode', journal_mode from pragma_journal_mode
        union all select 'synchronous', cast(synchronous as text) from pragma_synchronous
        union all select 'version', sqlite_version()",
    postgres: "select cast(name as text), cast(setting as text) from pg_settings
        where name in ('fsync', 'full_page_writes', 'server_version', 'synchronous_commit')
        order by 1",
};

/// The triggers by name; the catalogues differ.
const TRIGGERS: Pair = Pair {
    sqlite: "select name from sqlite_master where type = 'trigger' order by name",
    postgres: "select cast(tgname as text) from pg_trigger
        where not tgisinternal and tgenabled <> 'D' order by 1",
};

/// What a component came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentTotal {
    /// The program.
    pub program: ProgramId,
    /// The component.
    pub component: ComponentId,
    /// What was accrued in approved runs.
    pub amount: Fen,
    /// Households that had some of it.
    pub households: i64,
    /// Persons (or households) that it was for.
    pub subjects: i64,
}

/// What was accrued by component in the approved runs of some months.
#[boxed]
pub async fn component_totals(
    tx: &mut Tx,
    book: BookId,
    first: Month,
    last: Month,
) -> Result<Vec<ComponentTotal>, StoreError> {
    let args = [
        book.get().into(),
        first.to_string().into(),
        last.to_string().into(),
    ];
    let rows = tx.query(ACCRUED_BY_COMPONENT, &args).await?;
    rows.iter()
        .map(|row| {
            Ok(ComponentTotal {
                program: ProgramId(row.int(0)?),
                component: ComponentId(row.int(1)?),
                amount: Fen::new(row.int(2)?),
                households: row.int(3)?,
                subjects: row.int(4)?,
            })
        })
        .collect()
}

/// Approved in a month: program, payments, households, amount.
#[boxed]
pub async fn monthly(
    tx: &mut Tx,
    book: BookId,
    month: Month,
) -> Result<Vec<(ProgramId, i64, i64, Fen)>, StoreError> {
    let rows = tx
        .query(MONTHLY, &[book.get().into(), month.to_string().into()])
        .await?;
    rows.iter()
        .map(|row| {
            Ok((
                ProgramId(row.int(0)?),
                row.int(1)?,
                row.int(2)?,
                Fen::new(row.int(3)?),
            ))
        })
        .collect()
}

/// Who was paid for in a month and in the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turnover {
    /// In the earlier month.
    pub earlier: i64,
    /// In this month.
    pub present: i64,
    /// In this month and not in the earlier one.
    pub entered: i64,
    /// In the earlier month and not in this one.
    pub left: i64,
}

/// Households and persons that approved runs pay for in a month, against an earlier month.
#[boxed]
pub async fn turnover(
    tx: &mut Tx,
    book: BookId,
    earlier: Month,
    present: Month,
) -> Result<[BTreeMap<ProgramId, Turnover>; 2], StoreError> {
    let args = [
        book.get().into(),
        earlier.to_string().into(),
        present.to_string().into(),
    ];
    let mut counted = [const { BTreeMap::new() }; 2];
    for (sql, counted) in [HOUSEHOLD_TURNOVER, PERSON_TURNOVER]
        .into_iter()
        .zip(&mut counted)
    {
        for row in tx.query(sql, &args).await? {
            let turnover = Turnover {
                earlier: row.int(1)?,
                present: row.int(2)?,
                entered: row.int(3)?,
                left: row.int(4)?,
            };
            counted.insert(ProgramId(row.int(0)?), turnover);
        }
    }
    Ok(counted)
}

/// Households and persons on the rosters in force in a month, by program; awards that fall due
/// only once do not put anybody on a roster.
#[boxed]
pub async fn roster_size(
    tx: &mut Tx,
    book: BookId,
    month: Month,
) -> Result<BTreeMap<ProgramId, (i64, i64)>, StoreError> {
    let rows = tx
        .query(ROSTER_SIZE, &[book.get().into(), month.to_string().into()])
        .await?;
    rows.iter()
        .map(|row| Ok((ProgramId(row.int(0)?), (row.int(1)?, row.int(2)?))))
        .collect()
}

/// What a voucher moved on a line of the chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartVoucher {
    /// Its month.
    pub month: String,
    /// Its number in the month.
    pub number: i64,
    /// Business date.
    pub on: String,
    /// 摘要.
    pub summary: String,
    /// Debited.
    pub debit: Fen,
    /// Credited.
    pub credit: Fen,
}

/// The vouchers that touch a line of the chart, at one bank account or at all.
#[boxed]
pub async fn chart_vouchers(
    tx: &mut Tx,
    book: BookId,
    (first, last): (Month, Month),
    chart: Chart,
    at: Option<BankAccountId>,
) -> Result<Vec<ChartVoucher>, StoreError> {
    let args = [
        book.get().into(),
        first.to_string().into(),
        last.to_string().into(),
        chart.code().into(),
        at.map_or(0, BankAccountId::get).into(),
    ];
    let rows = tx.query(CHART_VOUCHERS, &args).await?;
    rows.iter()
        .map(|row| {
            Ok(ChartVoucher {
                month: row.text(0)?,
                number: row.int(1)?,
                on: row.text(2)?,
                summary: row.text(3)?,
                debit: Fen::new(row.int(4)?),
                credit: Fen::new(row.int(5)?),
            })
        })
        .collect()
}

/// The transfers of a voucher added up by debited and credited account, with their number.
#[boxed]
pub async fn voucher_pairs(
    tx: &mut Tx,
    book: BookId,
    first: i64,
    transfers: i64,
) -> Result<Vec<(AccountId, AccountId, Fen, i64)>, StoreError> {
    let args = [book.get().into(), first.into(), (first + transfers).into()];
    let rows = tx.query(VOUCHER_PAIRS, &args).await?;
    rows.iter()
        .map(|row| {
            let pair = (AccountId(row.int(0)?), AccountId(row.int(1)?));
            Ok((pair.0, pair.1, Fen::new(row.int(2)?), row.int(3)?))
        })
        .collect()
}

/// Something that stands in the books or on a statement: date, number, words, amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its date.
    pub on: String,
    /// Batch, document, voucher or line.
    pub row: String,
    /// What it is.
    pub summary: String,
    /// The kind of the difference that a line of a statement became; empty without one.
    pub kind: String,
    /// How much, signed as the bank account sees it.
    pub amount: Fen,
}

/// What stands on one side only, of one account: in the books until a day, at the bank until
/// the end of a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OneSided {
    /// In the books and not at the bank.
    pub booked: Vec<Standing>,
    /// At the bank and not in the books.
    pub at_bank: Vec<Standing>,
}

/// What an account has on one side only. `seen` is the last day of the newest statement that
/// counts; empty when there is none.
#[boxed]
pub async fn one_sided(
    tx: &mut Tx,
    book: BookId,
    account: BankAccountId,
    booked: &str,
    seen: &str,
) -> Result<OneSided, StoreError> {
    let args = [
        book.get().into(),
        account.get().into(),
        booked.into(),
        seen.into(),
    ];
    let mut open = OneSided::default();
    let batches = tx.query(BATCHES_AT_BANK, &args).await?;
    let mut failed = BTreeMap::new();
    // A bank that debits what succeeded never shows what failed.
    if let Some(row) = batches.first()
        && row.text_ref(5)? == "succeeded"
    {
        for row in tx.query(FAILED_BY_BATCH, &args[..3]).await? {
            failed.insert(row.int(0)?, row.int(1)?);
        }
    }
    for row in &batches {
        let back = failed.get(&row.int(0)?).copied().unwrap_or_default();
        let left = row.int(3)? - back - row.int(4)?;
        if left != 0 {
            let line = standing(row.text(2)?, row.text(1)?, "代发", -left);
            open.booked.push(line);
        }
    }
    for row in tx.query(APPROPRIATIONS_AT_BANK, &args).await? {
        open.booked.push(standing(
            row.text(1)?,
            row.text(0)?,
            "指标到账",
            row.int(2)?,
        ));
    }
    for row in tx.query(HANDED_BACK, &args).await? {
        let amount = row.int(4)?;
        if amount != 0 {
            let number = format!("{} 记-{:04}", row.text(0)?, row.int(1)?);
            let line = standing(row.text(2)?, number, &row.text(3)?, -amount);
            open.booked.push(line);
        }
    }
    let mut lines = tx.query(UNEXPLAINED_DEBITS, &args).await?;
    lines.extend(tx.query(CREDITS_NOT_BOOKED, &args).await?);
    for row in &lines {
        let number = format!("{}/{}", row.int(0)?, row.int(1)?);
        let line = standing(row.text(2)?, number, &row.text(4)?, row.int(3)?);
        open.at_bank.push(Standing {
            kind: row.text(5)?,
            ..line
        });
    }
    Ok(open)
}

fn standing(on: String, row: String, summary: &str, fen: i64) -> Standing {
    Standing {
        on,
        row,
        summary: summary.to_owned(),
        kind: String::new(),
        amount: Fen::new(fen),
    }
}

/// How safely the engine is told to write: setting and value.
#[boxed]
pub async fn durability(tx: &mut Tx) -> Result<Vec<(String, String)>, StoreError> {
    let rows = tx.query(DURABILITY.of(tx.engine()), &[]).await?;
    rows.iter()
        .map(|row| Ok((row.text(0)?, row.text(1)?)))
        .collect()
}

/// The sealed tables that lack a trigger which refuses changes.
#[boxed]
pub async fn unguarded_tables(tx: &mut Tx) -> Result<Vec<String>, StoreError> {
    let mut found = BTreeSet::new();
    for row in tx.query(TRIGGERS.of(tx.engine()), &[]).await? {
        found.insert(row.text(0)?);
    }
    let endings: &[&str] = match tx.engine() {
        Engine::Sqlite => &["update", "delete"],
        Engine::Postgres => &["append_only"],
    };
    let tables = crate::table::ALL
        .iter()
        .map(|table| table.spec.table)
        .chain(["audit_entry"]);
    let guarded = |table: &str| {
        endings
            .iter()
            .all(|ending| found.contains(&format!("tr_{table}_{ending}")))
    };
    Ok(tables
        .filter(|table| !guarded(table))
        .map(str::to_owned)
        .collect())
}

/// Whether the database refuses to alter the audit entries of a book. The caller rolls back.
#[boxed]
pub async fn refuses_to_alter(tx: &mut Tx, book: BookId) -> Result<bool, StoreError> {
    match tx.execute(TRY_TO_ALTER, &[book.get().into()]).await {
        Err(StoreError::Constraint { name }) => Ok(name == "tr_append_only"),
        Err(error) => Err(error),
        Ok(touched) => Ok(touched == 0),
    }
}

/// How much a book holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Payments.
    pub payments: i64,
    /// Attempts.
    pub attempts: i64,
    /// Transfers.
    pub transfers: i64,
    /// Batches.
    pub batches: i64,
    /// Returns.
    pub returns: i64,
    /// Audit entries.
    pub entries: i64,
}

/// How much a book holds.
#[boxed]
pub async fn counts(tx: &mut Tx, book: BookId) -> Result<Counts, StoreError> {
    let row = tx.query_one(COUNTS, &[Value::Int(book.get())]).await?;
    Ok(Counts {
        payments: row.int(0)?,
        attempts: row.int(1)?,
        transfers: row.int(2)?,
        batches: row.int(3)?,
        returns: row.int(4)?,
        entries: row.int(5)?,
    })
}

/// Size and root of the audit trail.
#[boxed]
pub async fn head(
    tx: &mut Tx,
    book: BookId,
) -> Result<(i64, ledger::audit::merkle::Hash), StoreError> {
    let row = tx.query_one(HEAD, &[Value::Int(book.get())]).await?;
    Ok((row.int(0)?, crate::write::hash(row.bytes_ref(1)?)?))
}
