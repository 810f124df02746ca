//! Statements: what the bank says moved, and what the books expect to see there.

use crate::boxed;
use ledger::audit::merkle::Hash;
use ledger::calendar::Date;
use ledger::id::{
    AppropriationId, BankAccountId, BatchId, BookId, FileId, PaymentId, ProgramId, ReturnId,
    StatementId, UserId, VoucherId,
};
use ledger::id::{ExceptionId, ProposalId};
use ledger::money::Fen;

use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{Row, RowBuffer, Tx, Value};
use crate::error::StoreError;
use crate::table;
use crate::write::{self, Write};

sql! {
    ALL_OF_BOOK = "select statement_id, file_id, bank_account_id, from_date, to_date, opening_fen,
        closing_fen, moved_fen, lines, content_hash, entry,
        (select cast(count(*) as bigint) from statement_withdrawal w
            where w.book_id = s.book_id and w.statement_id = s.statement_id)
        from statement s where s.book_id = $1 order by s.statement_id";
    UNSEEN_BATCHES = "select b.batch_id, b.batch_no, b.total_fen, b.sent_on from batch b
        join bank_account a on a.book_id = b.book_id and a.bank_account_id = b.bank_account_id
        where b.book_id = $1 and b.bank_account_id = $2 and a.debit_style = 'whole'
        and not exists (select 1 from statement_match l where l.book_id = b.book_id
            and l.match_kind = 'batch' and l.match_id = b.batch_id)
        order by b.batch_id";
    UNSEEN_RETURNS = "select r.return_id, b.batch_no, r.paid_fen, b.sent_on from return_file r
        join batch b on b.book_id = r.book_id and b.batch_id = r.batch_id
        join bank_account a on a.book_id = b.book_id and a.bank_account_id = b.bank_account_id
        where r.book_id = $1 and b.bank_account_id = $2 and a.debit_style = 'succeeded'
        and r.paid_fen > 0
        and not exists (select 1 from statement_match l where l.book_id = r.book_id
            and l.match_kind = 'return' and l.match_id = r.return_id)
        and not exists (select 1 from return_withdrawal w where w.book_id = r.book_id
            and w.return_id = r.return_id)
        order by r.return_id";
    AWAITED_REFUNDS = "select o.payment_id, o.attempt_no, p.amount_fen, v.account_no,
        v.holder_name, t.appropriation_id, r.program_id, b.sent_on from outcome_now o
        cross join attempt t
        join batch b on b.book_id = t.book_id and b.batch_id = t.batch_id
        join bank_account a on a.book_id = b.book_id and a.bank_account_id = b.bank_account_id
        join payment p on p.book_id = o.book_id and p.payment_id = o.payment_id
        join run r on r.book_id = p.book_id and r.run_id = p.run_id
        join payee_account v on v.book_id = p.book_id and v.payee_id = p.payee_id
            and v.version = t.account_version
        where o.book_id = $1 and o.kind <> 'paid' and o.kind in ('failed', 'refunded')
        and b.bank_account_id = $2
        and t.book_id = o.book_id and t.payment_id = o.payment_id
        and t.attempt_no = o.attempt_no
        and (o.kind = 'refunded' or a.debit_style = 'whole')
        and not exists (select 1 from refund_receipt_now h where h.book_id = o.book_id
            and h.payment_id = o.payment_id and h.attempt_no = o.attempt_no)";
    UNSEEN_APPROPRIATIONS = "select appropriation_id, document, amount_fen from appropriation a
        where book_id = $1 and bank_account_id = $2
        and not exists (select 1 from statement_match l where l.book_id = a.book_id
            and l.match_kind = 'appropriation' and l.match_id = a.appropriation_id)
        order by appropriation_id";
    PAID_ATTEMPT = "select p.amount_fen, t.appropriation_id, r.program_id, b.bank_account_id,
        b.sent_on, (select max(x.step) / 2 * 2 + 2 from outcome x where x.book_id = t.book_id
            and x.payment_id = t.payment_id and x.attempt_no = t.attempt_no)
        from attempt t
        join batch b on b.book_id = t.book_id and b.batch_id = t.batch_id
        join payment p on p.book_id = t.book_id and p.payment_id = t.payment_id
        join run r on r.book_id = p.book_id and r.run_id = p.run_id
        join outcome_now o on o.book_id = t.book_id and o.payment_id = t.payment_id
            and o.attempt_no = t.attempt_no and o.kind = 'paid'
        where t.book_id = $1 and t.payment_id = $2 and t.attempt_no = $3
        and not exists (select 1 from outcome_now x where x.book_id = t.book_id
            and x.payment_id = t.payment_id and x.attempt_no = t.attempt_no
            and x.kind = 'refunded')";
    // What goes out by vouchers of their own: to the treasury, or because it was paid twice.
    UNSEEN_TRANSFERS = "select v.voucher_id, v.month, v.number, v.on_date, v.summary,
        coalesce((select r.document from reduction r where r.book_id = v.book_id
            and v.source = 'reduction' and r.reduction_id = v.source_id),
            (select a.document from appropriation a where a.book_id = v.book_id
            and v.source = 'treasury' and a.appropriation_id = v.source_id), ''),
        coalesce((select c.payment_id from exception_settlement c where c.book_id = v.book_id
            and v.source = 'exception' and c.exception_id = v.source_id
            and c.effect = 'claim'), 0),
        coalesce((select c.attempt_no from exception_settlement c where c.book_id = v.book_id
            and v.source = 'exception' and c.exception_id = v.source_id
            and c.effect = 'claim'), 0),
        cast(coalesce((select sum(t.amount_fen) from transfer t
            join account d on d.book_id = t.book_id and d.account_id = t.debit_id
            join account c on c.book_id = t.book_id and c.account_id = t.credit_id
            where t.book_id = v.book_id and t.transfer_id >= v.transfer_first
            and t.transfer_id < v.transfer_first + v.transfers
            and c.code = '1002' and c.bank_account_id = $2
            and d.code in ('4001', '2103', '3001', '1218.03')), 0) as bigint) from voucher v
        where v.book_id = $1 and v.source in ('reduction', 'treasury', 'hand-over', 'exception')
        and not exists (select 1 from statement_match m where m.book_id = v.book_id
            and m.match_kind = 'voucher' and m.match_id = v.voucher_id)
        and not exists (select 1 from exception_settlement c where c.book_id = v.book_id
            and c.voucher_id = v.voucher_id and c.effect = 'charged')";
    BATCHES_OF_ACCOUNT = "select batch_id, batch_no, sent_on, total_fen from batch
        where book_id = $1 and bank_account_id = $2 order by batch_id";
    LINES = "select line_no, on_date, amount_fen, summary, remark, match_kind, match_id, attempt_no
        from statement_line where book_id = $1 and statement_id = $2 and line_no > $3
        order by line_no limit $4";
    MATCHES = "select p.line_no, p.part, p.match_kind, p.match_id, 0, p.amount_fen
        from statement_part p where p.book_id = $1 and p.statement_id = $2
        and p.line_no >= $3 and p.line_no <= $4
        union all select k.line_no, k.part, k.match_kind, k.match_id, k.attempt_no, k.amount_fen
        from statement_link k where k.book_id = $1 and k.statement_id = $2
        and k.line_no >= $3 and k.line_no <= $4 order by 1, 2";
    DIFFERENCES = "select x.line_no, x.exception_id, x.kind, e.state from exception x
        join exception_event e on e.book_id = x.book_id and e.exception_id = x.exception_id
        where x.book_id = $1 and x.source = 'statement' and x.source_id = $2
        and x.line_no >= $3 and x.line_no <= $4
        and e.n = (select max(n) from exception_event m
            where m.book_id = x.book_id and m.exception_id = x.exception_id)
        order by x.line_no, x.exception_id";
    VOUCHER_NUMBER = "select month, number from voucher where book_id = $1 and voucher_id = $2";
    BATCH_NUMBER = "select batch_no from batch where book_id = $1 and batch_id = $2";
    BUILT_ON = "select
        (select cast(count(*) as bigint) from statement s
            join statement_now l on l.book_id = s.book_id
                and l.bank_account_id = s.bank_account_id and l.from_date > s.from_date
            where s.book_id = $1 and s.statement_id = $2),
        (select cast(count(*) as bigint) from exception x
            join exception_settlement c on c.book_id = x.book_id
                and c.exception_id = x.exception_id
            where x.book_id = $1 and x.source = 'statement' and x.source_id = $2),
        (select cast(count(*) as bigint) from exception x
            join recovery_event e on e.book_id = x.book_id and e.exception_id = x.exception_id
            where x.book_id = $1 and x.source = 'statement' and x.source_id = $2),
        (select cast(count(*) as bigint) from refund_receipt h
            join attempt t on t.book_id = h.book_id and t.payment_id = h.payment_id
                and t.attempt_no > h.attempt_no
            where h.book_id = $1 and h.statement_id = $2)";
    LATE_REFUNDS = "select o.payment_id, o.attempt_no, o.step from refund_receipt h
        join outcome_now o on o.book_id = h.book_id and o.payment_id = h.payment_id
            and o.attempt_no = h.attempt_no and o.kind = 'refunded' and o.source_id = $2
        where h.book_id = $1 and h.statement_id = $2
        order by o.payment_id, o.attempt_no";
    OPEN_OF_STATEMENT = "select x.exception_id from exception x
        where x.book_id = $1 and x.source = 'statement' and x.source_id = $2
        and not exists (select 1 from exception_event e where e.book_id = x.book_id
            and e.exception_id = x.exception_id and e.state = 'settled')
        order by x.exception_id";
    UNEXPLAINED = "select cast(coalesce(sum(amount_fen), 0) as bigint) from statement_line l
        join statement_now s on s.book_id = l.book_id and s.statement_id = l.statement_id
        where l.book_id = $1 and s.bank_account_id = $2 and l.match_kind = 'none'
        and not exists (select 1 from statement_link k where k.book_id = l.book_id
            and k.statement_id = l.statement_id and k.line_no = l.line_no)";
    TAKEN_BY_BANK = "select x.source_id, x.kind, cast(sum(x.amount_fen) as bigint)
        from exception x where x.book_id = $1 and x.source = 'statement' and x.kind in ($2, $3)
        group by x.source_id, x.kind order by x.source_id, x.kind";
    SEEN_WITHOUT_BOOKS = "select l.statement_id, l.line_no, l.on_date, l.amount_fen, l.summary,
        l.remark from statement_line l
        join statement_now s on s.book_id = l.book_id and s.statement_id = l.statement_id
        where l.book_id = $1 and s.bank_account_id = $2 and l.match_kind = 'none'
        and not exists (select 1 from statement_link k where k.book_id = l.book_id
            and k.statement_id = l.statement_id and k.line_no = l.line_no)
        order by l.statement_id, l.line_no";
}

/// 对账单 as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its number.
    pub id: StatementId,
    /// The file.
    pub file: FileId,
    /// Of which account.
    pub bank_account: BankAccountId,
    /// First day.
    pub from: String,
    /// Last day.
    pub to: String,
    /// Balance before.
    pub opening: Fen,
    /// Balance after.
    pub closing: Fen,
    /// Sum of the movements.
    pub moved: Fen,
    /// How many movements.
    pub lines: i64,
    /// SHA-256 over its sorted canonical lines.
    pub content_hash: Hash,
    /// Its audit entry; 0 before it is stored.
    pub entry: i64,
    /// Whether two people withdrew it.
    pub withdrawn: bool,
}

/// A movement with what it was matched to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementLine {
    /// The line of the file.
    pub line_no: i64,
    /// When.
    pub on: Date,
    /// Positive to us.
    pub amount: Fen,
    /// 摘要.
    pub summary: String,
    /// 附言.
    pub remark: String,
    /// `batch`, `return`, `refund`, `appropriation`, `voucher`, `several` or `none`.
    pub match_kind: &'static str,
    /// The number of that; of `several` how many parts; 0 for none.
    pub match_id: i64,
    /// The attempt of a refund; 0 otherwise.
    pub attempt: i64,
    /// The debits that it is the sum of, when it is `several`: what, and how much of it.
    pub parts: Vec<(DebitOf, Fen)>,
}

/// A refund that the books wait for. Name and number identify a person.
#[derive(Clone)]
pub struct AwaitedRefund {
    /// Of which payment.
    pub payment: PaymentId,
    /// Of which attempt.
    pub attempt: i64,
    /// How much.
    pub amount: Fen,
    /// From which account it comes.
    pub account_no: String,
    /// In whose name.
    pub holder_name: String,
    /// Its one appropriation; `None` when it straddled several.
    pub appropriation: Option<AppropriationId>,
    /// The program that paid.
    pub program: ProgramId,
    /// The day on which it was sent.
    pub sent_on: Date,
}

/// A debit of the bank that the books wait to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnseenDebit {
    /// The batch, or the return for banks that take only what succeeded.
    pub id: DebitOf,
    /// The batch number that the bank shows.
    pub batch_no: String,
    /// The day on which the batch was sent.
    pub sent_on: Date,
    /// How much.
    pub amount: Fen,
}

/// Money that a voucher of its own takes out of an account, and that no statement has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnseenTransfer {
    /// The voucher.
    pub voucher: VoucherId,
    /// Its number, as people know it.
    pub number: String,
    /// Its day.
    pub on: Date,
    /// What it says.
    pub summary: String,
    /// The document number that the bank may show; empty for none.
    pub document: String,
    /// The attempt that was paid twice: payment and number.
    pub attempt: Option<(PaymentId, i64)>,
    /// How much.
    pub amount: Fen,
}

/// What a debit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebitOf {
    /// A whole batch.
    Batch(BatchId),
    /// What one return reported paid.
    Return(ReturnId),
}

impl DebitOf {
    /// As stored: kind and number.
    pub fn stored(self) -> (&'static str, i64) {
        match self {
            DebitOf::Batch(batch) => ("batch", batch.get()),
            DebitOf::Return(id) => ("return", id.get()),
        }
    }
}

/// A paid attempt that may still come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidAttempt {
    /// How much.
    pub amount: Fen,
    /// Its one appropriation; `None` when it straddled several.
    pub appropriation: Option<AppropriationId>,
    /// The program that paid.
    pub program: ProgramId,
    /// From which account.
    pub bank_account: BankAccountId,
    /// The day on which it was sent.
    pub sent_on: Date,
    /// The step that its refund takes.
    pub refund_step: i64,
}

fn sent_on(row: &Row, column: usize) -> Result<Date, StoreError> {
    ledger::calendar::parse_date(&row.text(column)?)
        .map_err(|_| StoreError::inconsistent("batch", "sent_on"))
}

/// All statements.
#[boxed]
pub async fn statements(tx: &mut Tx, book: BookId) -> Result<Vec<Statement>, StoreError> {
    let rows = tx.query(ALL_OF_BOOK, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(Statement {
                id: StatementId(row.int(0)?),
                file: FileId(row.int(1)?),
                bank_account: BankAccountId(row.int(2)?),
                from: row.text(3)?,
                to: row.text(4)?,
                opening: Fen::new(row.int(5)?),
                closing: Fen::new(row.int(6)?),
                moved: Fen::new(row.int(7)?),
                lines: row.int(8)?,
                content_hash: write::hash(row.bytes_ref(9)?)?,
                entry: row.int(10)?,
                withdrawn: row.int(11)? > 0,
            })
        })
        .collect()
}

/// The debits of an account that no statement has shown.
#[boxed]
pub async fn unseen_debits(
    tx: &mut Tx,
    book: BookId,
    account: BankAccountId,
) -> Result<Vec<UnseenDebit>, StoreError> {
    let args = [book.get().into(), account.get().into()];
    let mut unseen = Vec::new();
    for row in tx.query(UNSEEN_BATCHES, &args).await? {
        unseen.push(UnseenDebit {
            id: DebitOf::Batch(BatchId(row.int(0)?)),
            batch_no: row.text(1)?,
            amount: Fen::new(row.int(2)?),
            sent_on: sent_on(&row, 3)?,
        });
    }
    for row in tx.query(UNSEEN_RETURNS, &args).await? {
        unseen.push(UnseenDebit {
            id: DebitOf::Return(ReturnId(row.int(0)?)),
            batch_no: row.text(1)?,
            amount: Fen::new(row.int(2)?),
            sent_on: sent_on(&row, 3)?,
        });
    }
    Ok(unseen)
}

/// What vouchers of their own take out of an account and no statement has shown: returns to the
/// treasury, hand-overs, and what was paid twice.
#[boxed]
pub async fn unseen_transfers(
    tx: &mut Tx,
    book: BookId,
    account: BankAccountId,
) -> Result<Vec<UnseenTransfer>, StoreError> {
    let args = [book.get().into(), account.get().into()];
    let rows = tx.query(UNSEEN_TRANSFERS, &args).await?;
    let mut unseen = Vec::new();
    for row in rows.iter() {
        let amount = Fen::new(row.int(8)?);
        if amount == Fen::ZERO {
            continue;
        }
        let (payment, attempt) = (row.int(6)?, row.int(7)?);
        unseen.push(UnseenTransfer {
            voucher: VoucherId(row.int(0)?),
            number: format!("{} 记-{:04}", row.text(1)?, row.int(2)?),
            on: ledger::calendar::parse_date(row.text_ref(3)?)
                .map_err(|_| StoreError::inconsistent("voucher", "on_date"))?,
            summary: row.text(4)?,
            document: row.text(5)?,
            attempt: (payment > 0).then_some((PaymentId(payment), attempt)),
            amount,
        });
    }
    // Here and not in the statement, where it would lead SQLite past the index.
    unseen.sort_unstable_by_key(|transfer| transfer.voucher);
    Ok(unseen)
}

/// All batches of an account, whatever became of them.
#[boxed]
pub async fn batches_of(
    tx: &mut Tx,
    book: BookId,
    account: BankAccountId,
) -> Result<Vec<UnseenDebit>, StoreError> {
    let args = [book.get().into(), account.get().into()];
    let rows = tx.query(BATCHES_OF_ACCOUNT, &args).await?;
    rows.iter()
        .map(|row| {
            Ok(UnseenDebit {
                id: DebitOf::Batch(BatchId(row.int(0)?)),
                batch_no: row.text(1)?,
                sent_on: sent_on(row, 2)?,
                amount: Fen::new(row.int(3)?),
            })
        })
        .collect()
}

/// A stored movement with what it was matched to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLine {
    /// The line of the file.
    pub line_no: i64,
    /// When, `YYYY-MM-DD`.
    pub on: String,
    /// Positive to us.
    pub amount: Fen,
    /// 摘要.
    pub summary: String,
    /// 附言.
    pub remark: String,
    /// What it was matched to, by the file or by two people; empty when nothing explains it.
    pub matches: Vec<StoredMatch>,
    /// The difference that it became: number, kind, state.
    pub difference: Option<(ExceptionId, String, String)>,
}

/// A thing that a movement was matched to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMatch {
    /// `batch`, `return`, `refund`, `appropriation` or `voucher`.
    pub kind: String,
    /// The number of that.
    pub id: i64,
    /// The attempt of a refund; 0 otherwise.
    pub attempt: i64,
    /// How much of the movement it is.
    pub amount: Fen,
    /// How people know it.
    pub name: String,
}

/// The movements of a statement after a line, at most so many.
#[boxed]
pub async fn lines(
    tx: &mut Tx,
    book: BookId,
    id: StatementId,
    (after, limit): (i64, i64),
) -> Result<Vec<StoredLine>, StoreError> {
    let args = [
        book.get().into(),
        id.get().into(),
        after.into(),
        limit.into(),
    ];
    let mut lines = Vec::new();
    for row in tx.query(LINES, &args).await? {
        let amount = Fen::new(row.int(2)?);
        let kind = row.text(5)?;
        let alone = !matches!(kind.as_str(), "none" | "several");
        let matched = StoredMatch {
            kind,
            id: row.int(6)?,
            attempt: row.int(7)?,
            amount,
            name: String::new(),
        };
        lines.push(StoredLine {
            line_no: row.int(0)?,
            on: row.text(1)?,
            amount,
            summary: row.text(3)?,
            remark: row.text(4)?,
            matches: Some(matched).filter(|_| alone).into_iter().collect(),
            difference: None,
        });
    }
    let Some((first, last)) = lines.first().zip(lines.last()) else {
        return Ok(lines);
    };
    let between = (first.line_no.into(), last.line_no.into());
    let args = [book.get().into(), id.get().into(), between.0, between.1];
    for row in tx.query(MATCHES, &args).await? {
        if let Some(line) = at_line(&mut lines, row.int(0)?) {
            line.matches.push(StoredMatch {
                kind: row.text(2)?,
                id: row.int(3)?,
                attempt: row.int(4)?,
                amount: Fen::new(row.int(5)?),
                name: String::new(),
            });
        }
    }
    for row in tx.query(DIFFERENCES, &args).await? {
        if let Some(line) = at_line(&mut lines, row.int(0)?) {
            line.difference = Some((ExceptionId(row.int(1)?), row.text(2)?, row.text(3)?));
        }
    }
    for one in lines.iter_mut().flat_map(|line| &mut line.matches) {
        one.name = name_of(tx, book, one).await?;
    }
    Ok(lines)
}

fn at_line(lines: &mut [StoredLine], line_no: i64) -> Option<&mut StoredLine> {
    let place = lines.binary_search_by_key(&line_no, |line| line.line_no);
    place.ok().map(|place| &mut lines[place])
}

/// How people know what a movement was matched to; empty for what its own number names.
async fn name_of(tx: &mut Tx, book: BookId, one: &StoredMatch) -> Result<String, StoreError> {
    let args = [book.get().into(), one.id.into()];
    Ok(match one.kind.as_str() {
        "batch" => {
            let row = tx.query_opt(BATCH_NUMBER, &args).await?;
            row.map(|row| row.text(0)).transpose()?.unwrap_or_default()
        }
        "voucher" => match tx.query_opt(VOUCHER_NUMBER, &args).await? {
            Some(row) => format!("{} 记-{:04}", row.text(0)?, row.int(1)?),
            None => String::new(),
        },
        _ => String::new(),
    })
}

/// What stands on a statement: newer ones of its account, settled differences, recoveries that its
/// money was received for, payments that were sent again or cancelled after their refund.
#[boxed]
pub async fn built_on(tx: &mut Tx, book: BookId, id: StatementId) -> Result<[i64; 4], StoreError> {
    let row = tx
        .query_one(BUILT_ON, &[book.get().into(), id.get().into()])
        .await?;
    let mut counts = [0; 4];
    for (column, count) in counts.iter_mut().enumerate() {
        *count = row.int(column)?;
    }
    Ok(counts)
}

/// The refunds after success that a statement showed: payment, attempt, step; in payment order.
#[boxed]
pub async fn late_refunds(
    tx: &mut Tx,
    book: BookId,
    id: StatementId,
) -> Result<Vec<(PaymentId, i64, i64)>, StoreError> {
    let args = [book.get().into(), id.get().into()];
    let rows = tx.query(LATE_REFUNDS, &args).await?;
    rows.iter()
        .map(|row| Ok((PaymentId(row.int(0)?), row.int(1)?, row.int(2)?)))
        .collect()
}

/// The differences of a statement that nobody has settled.
#[boxed]
pub async fn open_of(
    tx: &mut Tx,
    book: BookId,
    id: StatementId,
) -> Result<Vec<ExceptionId>, StoreError> {
    let args = [book.get().into(), id.get().into()];
    let rows = tx.query(OPEN_OF_STATEMENT, &args).await?;
    rows.iter()
        .map(|row| Ok(ExceptionId(row.int(0)?)))
        .collect()
}

/// A withdrawn statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// Which statement.
    pub id: StatementId,
    /// The proposal that was confirmed.
    pub proposal: ProposalId,
    /// How many lines it had.
    pub lines: i64,
    /// What turned back its voucher; none when it had booked nothing.
    pub voucher: Option<VoucherId>,
    /// Who confirmed it.
    pub user: UserId,
    /// Why.
    pub reason: String,
}

/// Keeps that a statement was withdrawn: its matches and receipts count no more.
///
/// # Errors
/// [`ledger::problem::Kind::StatementBuiltOn`] when a newer one stands or two people have explained
/// one of its lines.
#[boxed]
pub async fn add_withdrawal(write: &mut Write, row: &Withdrawal) -> Result<(), Failure> {
    let values: [Value; 7] = [
        write.book().get().into(),
        row.id.get().into(),
        row.proposal.get().into(),
        row.lines.into(),
        row.voucher.map_or(0, VoucherId::get).into(),
        row.user.get().into(),
        row.reason.as_str().into(),
    ];
    Ok(write
        .insert_one(&table::STATEMENT_WITHDRAWAL, values)
        .await?)
}

/// The refunds that an account waits for.
#[boxed]
pub async fn awaited_refunds(
    tx: &mut Tx,
    book: BookId,
    account: BankAccountId,
) -> Result<Vec<AwaitedRefund>, StoreError> {
    let rows = tx
        .query(AWAITED_REFUNDS, &[book.get().into(), account.get().into()])
        .await?;
    let awaited = rows.iter().map(awaited_of);
    let mut awaited = awaited.collect::<Result<Vec<AwaitedRefund>, StoreError>>()?;
    // Here and not in the statement, where it would lead SQLite past the index.
    awaited.sort_unstable_by_key(|refund| (refund.payment, refund.attempt));
    Ok(awaited)
}

fn awaited_of(row: &Row) -> Result<AwaitedRefund, StoreError> {
    Ok(AwaitedRefund {
        payment: PaymentId(row.int(0)?),
        attempt: row.int(1)?,
        amount: Fen::new(row.int(2)?),
        account_no: row.text(3)?,
        holder_name: row.text(4)?,
        appropriation: row.opt_int(5)?.map(AppropriationId),
        program: ProgramId(row.int(6)?),
        sent_on: sent_on(row, 7)?,
    })
}

/// The appropriations of an account that no statement has shown: number, document, amount.
#[boxed]
pub async fn unseen_appropriations(
    tx: &mut Tx,
    book: BookId,
    account: BankAccountId,
) -> Result<Vec<(AppropriationId, String, Fen)>, StoreError> {
    let rows = tx
        .query(
            UNSEEN_APPROPRIATIONS,
            &[book.get().into(), account.get().into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok((
                AppropriationId(row.int(0)?),
                row.text(1)?,
                Fen::new(row.int(2)?),
            ))
        })
        .collect()
}

/// An attempt that was reported paid and has not come back.
#[boxed]
pub async fn paid_attempt(
    tx: &mut Tx,
    book: BookId,
    payment: PaymentId,
    attempt: i64,
) -> Result<Option<PaidAttempt>, StoreError> {
    let args = [book.get().into(), payment.get().into(), attempt.into()];
    let row = tx.query_opt(PAID_ATTEMPT, &args).await?;
    row.map(|row| {
        Ok(PaidAttempt {
            amount: Fen::new(row.int(0)?),
            appropriation: row.opt_int(1)?.map(AppropriationId),
            program: ProgramId(row.int(2)?),
            bank_account: BankAccountId(row.int(3)?),
            sent_on: sent_on(&row, 4)?,
            refund_step: row.int(5)?,
        })
    })
    .transpose()
}

/// The sum of the movements of an account that nobody has explained.
#[boxed]
pub async fn unexplained(
    tx: &mut Tx,
    book: BookId,
    account: BankAccountId,
) -> Result<Fen, StoreError> {
    let args = [book.get().into(), account.get().into()];
    Ok(Fen::new(tx.query_one(UNEXPLAINED, &args).await?.int(0)?))
}

/// A movement that nobody has explained: statement, line, date, amount, words.
pub type UnexplainedLine = (StatementId, i64, String, Fen, String);

/// The movements of an account that nobody has explained.
#[boxed]
pub async fn unexplained_lines(
    tx: &mut Tx,
    book: BookId,
    account: BankAccountId,
) -> Result<Vec<UnexplainedLine>, StoreError> {
    let rows = tx
        .query(
            SEEN_WITHOUT_BOOKS,
            &[book.get().into(), account.get().into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let words = format!("{} {}", row.text(4)?, row.text(5)?);
            let amount = Fen::new(row.int(3)?);
            Ok((
                StatementId(row.int(0)?),
                row.int(1)?,
                row.text(2)?,
                amount,
                words,
            ))
        })
        .collect()
}

/// Stores a statement and its lines.
#[boxed]
pub async fn add_statement(
    write: &mut Write,
    s: &Statement,
    lines: &[StatementLine],
) -> Result<(), Failure> {
    let book = Value::Int(write.book().get());
    let row: [Value; 11] = [
        book.clone(),
        s.id.get().into(),
        s.file.get().into(),
        s.bank_account.get().into(),
        s.from.as_str().into(),
        s.to.as_str().into(),
        s.opening.get().into(),
        s.closing.get().into(),
        s.moved.get().into(),
        s.lines.into(),
        s.content_hash.to_vec().into(),
    ];
    write.insert_one(&table::STATEMENT, row).await?;
    let mut rows = RowBuffer::of(&table::STATEMENT_LINE);
    for line in lines {
        rows.push([
            book.clone(),
            s.id.get().into(),
            line.line_no.into(),
            line.on.to_string().into(),
            line.amount.get().into(),
            line.summary.as_str().into(),
            line.remark.as_str().into(),
            line.match_kind.into(),
            line.match_id.into(),
            line.attempt.into(),
        ]);
    }
    write.insert(&table::STATEMENT_LINE, rows).await?;
    let mut rows = RowBuffer::of(&table::STATEMENT_PART);
    for line in lines {
        for (part, (debit, amount)) in (1_i64..).zip(&line.parts) {
            let (kind, id) = debit.stored();
            rows.int(write.book().get()).int(s.id.get());
            rows.int(line.line_no).int(part);
            rows.text(kind).int(id).int(amount.get()).end();
        }
    }
    Ok(write.insert(&table::STATEMENT_PART, rows).await?)
}

/// A part of what two people found a movement to be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The statement.
    pub statement: StatementId,
    /// Its line.
    pub line_no: i64,
    /// Which part of it, from 1.
    pub part: i64,
    /// How many parts there are.
    pub parts: i64,
    /// `batch`, `return`, `refund`, `appropriation` or `voucher`.
    pub kind: &'static str,
    /// The number of that.
    pub id: i64,
    /// The attempt of a refund; 0 otherwise.
    pub attempt: i64,
    /// How much of the movement it is, with the movement's sign.
    pub amount: Fen,
    /// The difference that was settled so.
    pub exception: ledger::id::ExceptionId,
}

/// Stores what two people found movements to be, in the order of lines and parts.
///
/// # Errors
/// [`ledger::problem::Kind::LinkRefused`] when the parts do not add up to the movement or would
/// explain something a second time.
#[boxed]
pub async fn add_links(write: &mut Write, links: &[Link]) -> Result<(), Failure> {
    let mut rows = RowBuffer::of(&table::STATEMENT_LINK);
    for link in links {
        rows.int(write.book().get()).int(link.statement.get());
        rows.int(link.line_no).int(link.part).int(link.parts);
        rows.text(link.kind).int(link.id).int(link.attempt);
        rows.int(link.amount.get()).int(link.exception.get()).end();
    }
    Ok(write.insert(&table::STATEMENT_LINK, rows).await?)
}

/// What the differences of two kinds come to, by statement: statement, kind, sum.
#[boxed]
pub async fn sums_of_kinds(
    tx: &mut Tx,
    book: BookId,
    kinds: [&str; 2],
) -> Result<Vec<(StatementId, String, Fen)>, StoreError> {
    let [one, other] = kinds.map(Value::from);
    let rows = tx
        .query(TAKEN_BY_BANK, &[book.get().into(), one, other])
        .await?;
    rows.iter()
        .map(|row| {
            Ok((
                StatementId(row.int(0)?),
                row.text(1)?,
                Fen::new(row.int(2)?),
            ))
        })
        .collect()
}

/// Stores that refunds are home: payment, attempt, line of the statement, amount; in payment
/// order.
#[boxed]
pub async fn add_receipts(
    write: &mut Write,
    statement: StatementId,
    receipts: &[(PaymentId, i64, i64, Fen)],
) -> Result<(), Failure> {
    let mut rows = RowBuffer::of(&table::REFUND_RECEIPT);
    for (payment, attempt, line_no, amount) in receipts {
        rows.push([
            Value::Int(write.book().get()),
            payment.get().into(),
            (*attempt).into(),
            statement.get().into(),
            (*line_no).into(),
            amount.get().into(),
        ]);
    }
    Ok(write.insert(&table::REFUND_RECEIPT, rows).await?)
}
