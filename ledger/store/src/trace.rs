//! The whole way of the money: from the quota letter to the person and back.

use crate::boxed;
use ledger::disbursement::workflow::PaymentState;
use ledger::id::{AppropriationId, BookId, PartyId, PaymentId, ProgramId};
use ledger::money::Fen;

use crate::catalogue::{held, sql};
use crate::db::Tx;
use crate::error::StoreError;
use crate::roster::{Party, PartyKind};

sql! {
    PAYMENT = "select p.payment_id, p.run_id, p.revision, p.payee_id, p.household_id, p.amount_fen,
        p.entry from payment p where p.book_id = $1 and p.payment_id = $2";
    ATTEMPTS = "select t.attempt_no, b.batch_no, b.file_name, b.sent_on, t.line_no,
        t.account_version, t.appropriation_id, t.entry, b.batch_id, v.account_no, v.holder_name
        from attempt t
        join batch b on b.book_id = t.book_id and b.batch_id = t.batch_id
        join payment p on p.book_id = t.book_id and p.payment_id = t.payment_id
        join payee_account v on v.book_id = p.book_id and v.payee_id = p.payee_id
            and v.version = t.account_version
        where t.book_id = $1 and t.payment_id = $2 order by t.attempt_no";
    OUTCOMES = "select o.attempt_no, o.kind, o.step, o.source_id, o.line_no, o.reason,
        o.reason_text, o.bank_reference,
        coalesce(r.imported_on, s.to_date, n.imported_on, ''), o.entry, n.notice_id
        from outcome_now o
        left join return_file r on r.book_id = o.book_id and r.return_id = o.source_id
            and o.kind <> 'refunded'
        left join statement s on s.book_id = o.book_id and s.statement_id = o.source_id
            and o.kind = 'refunded'
        left join refund_notice n on n.book_id = o.book_id and n.notice_id = o.source_id
            and o.kind = 'refunded'
        where o.book_id = $1 and o.payment_id = $2 order by o.attempt_no, o.step";
    RECEIPTS = "select attempt_no, statement_id, line_no, amount_fen, entry from refund_receipt_now
        where book_id = $1 and payment_id = $2 order by attempt_no";
    TRANSFERS = "with recursive
        source (name, id) as (
            select 'run', cast($3 as bigint)
            union select 'revoke', cast($3 as bigint)
            union select 'batch', batch_id from attempt where book_id = $1 and payment_id = $2
            union select case kind when 'refunded' then 'statement' else 'return' end, source_id
                from outcome where book_id = $1 and payment_id = $2
            union select 'notice', source_id from outcome
                where book_id = $1 and payment_id = $2 and kind = 'refunded'
            union select 'withdraw', return_id from outcome_void
                where book_id = $1 and payment_id = $2
            union select 'exception', exception_id from exception_settlement
                where book_id = $1 and payment_id = $2
            union select 'cancel', payment_id from cancellation
                where book_id = $1 and payment_id = $2
            union select 'statement', statement_id from refund_receipt
                where book_id = $1 and payment_id = $2
            union select 'unstate', statement_id from refund_receipt
                where book_id = $1 and payment_id = $2),
        concerned (voucher_id) as (
            select v.voucher_id from source s
            cross join voucher v
            where v.book_id = $1 and v.source = s.name and v.source_id = s.id),
        bounds (voucher_id, key, low, high) as (
            select v.voucher_id, cast($2 as bigint), cast(v.transfer_first as bigint),
                cast(v.transfer_first + v.transfers as bigint)
            from concerned c
            cross join voucher v
            where v.book_id = $1 and v.voucher_id = c.voucher_id
            union all
            select v.voucher_id, cast($2 + 1 as bigint), cast(v.transfer_first as bigint),
                cast(v.transfer_first + v.transfers as bigint)
            from concerned c
            cross join voucher v
            where v.book_id = $1 and v.voucher_id = c.voucher_id),
        half (voucher_id, key, low, high) as (
            select voucher_id, key, low, high from bounds
            union all
            select h.voucher_id, h.key,
                case when t.payment_id < h.key then (h.low + h.high) / 2 + 1 else h.low end,
                case when t.payment_id < h.key then h.high else (h.low + h.high) / 2 end
            from half h
            cross join transfer t
            where h.low < h.high and t.book_id = $1 and t.transfer_id = (h.low + h.high) / 2),
        place (voucher_id, first, beyond) as (
            select voucher_id, min(low), max(low) from half where low = high
            group by voucher_id)
        select v.voucher_id, v.month, v.number, v.on_date, v.summary, t.transfer_id,
        d.code, c.code, t.amount_fen, coalesce(t.attempt_no, 0), d.appropriation_id,
        c.appropriation_id from place x
        cross join voucher v
        cross join transfer t
        cross join account d
        cross join account c
        where v.book_id = $1 and v.voucher_id = x.voucher_id
        and t.book_id = $1 and t.transfer_id >= x.first and t.transfer_id < x.beyond
        and d.book_id = $1 and d.account_id = t.debit_id
        and c.book_id = $1 and c.account_id = t.credit_id
        order by t.transfer_id";
    PAYMENTS_OF_PARTY = "with recursive
        months (month) as (
            select min(month) from payment_line where book_id = $1 and month > ''
            union all
            select (select min(l.month) from payment_line l
                where l.book_id = $1 and l.month > m.month)
            from months m where m.month is not null),
        own (payment_id, fen) as (
            select l.payment_id, cast(sum(l.amount_fen) as bigint) from award a
            cross join months m
            cross join payment_line l
            where a.book_id = $1
            and (a.payee_id = $2 or a.household_id = $2 or a.subject_id = $2)
            and l.book_id = $1 and l.month = m.month and l.component_id = a.component_id
            and l.subject_id = a.subject_id and l.n > 0 and l.award_id = a.award_id
            group by l.payment_id)
        select p.payment_id, r.month, r.program_id, p.amount_fen,
        coalesce((select max(t.attempt_no) from attempt t where t.book_id = p.book_id
            and t.payment_id = p.payment_id), 0),
        coalesce((select max(t.attempt_no) from outcome_now t where t.book_id = p.book_id
            and t.payment_id = p.payment_id), 0),
        coalesce((select o.kind from outcome_now o where o.book_id = p.book_id
            and o.payment_id = p.payment_id order by o.attempt_no desc, o.step desc limit 1), ''),
        (select cast(count(*) as bigint) from run_event e where e.book_id = p.book_id
            and e.run_id = p.run_id and e.event = 'approve' and e.revision = p.revision
            and not exists (select 1 from run_event v where v.book_id = e.book_id
            and v.run_id = e.run_id and v.event = 'revoke' and v.n > e.n)),
        x.fen
        from own x
        cross join payment p
        join run r on r.book_id = p.book_id and r.run_id = p.run_id
        where p.book_id = $1 and p.payment_id = x.payment_id
        and (p.payee_id = $2 or p.household_id = $2
            or exists (select 1 from payment_line l where l.book_id = p.book_id
                and l.payment_id = p.payment_id and l.subject_id = $2))
        order by p.payment_id";
    PARTY = concat!("select p.kind, a.township, a.village, ", held!("p", "name"),
        ", p.reference_no, p.entry from party p
        join area a on a.book_id = p.book_id and a.area_id = ", held!("p", "area_id"), "
        where p.book_id = $1 and p.party_id = $2");
    ENTRIES = "select sequence, bytes from audit_entry
        where book_id = $1 and sequence >= $2 order by sequence limit $3";
    ENTRIES_WITH_LEAVES = "select sequence, bytes, leaf from audit_entry
        where book_id = $1 order by sequence";
    DRAWN = "select r.month, r.run_id, cast(count(*) as bigint), cast(sum(d.amount_fen) as bigint),
        cast(coalesce(sum(case when o.kind = 'paid' then d.amount_fen else 0 end), 0) as bigint),
        cast(coalesce(sum(case when o.kind = 'failed' then d.amount_fen else 0 end), 0) as bigint),
        cast(coalesce(sum(case when f.kind = 'refunded' then d.amount_fen else 0 end), 0)
            as bigint),
        cast(coalesce(sum(case when h.payment_id is not null or (o.kind = 'failed'
            and k.debit_style = 'succeeded') then d.amount_fen else 0 end), 0) as bigint)
        from (
            select t.payment_id, t.attempt_no, t.batch_id, p.amount_fen from attempt t
            join payment p on p.book_id = t.book_id and p.payment_id = t.payment_id
            where t.book_id = $1 and t.appropriation_id = $2
            union all
            select t.payment_id, t.attempt_no, t.batch_id, x.amount_fen from draw_part x
            join attempt t on t.book_id = x.book_id and t.payment_id = x.payment_id
                and t.attempt_no = x.attempt_no
            where x.book_id = $1 and x.appropriation_id = $2) d
        join batch b on b.book_id = $1 and b.batch_id = d.batch_id
        join run r on r.book_id = b.book_id and r.run_id = b.run_id
        join bank_account k on k.book_id = $1 and k.bank_account_id = b.bank_account_id
        left join outcome_now o on o.book_id = $1 and o.payment_id = d.payment_id
            and o.attempt_no = d.attempt_no and o.kind in ('paid', 'failed')
        left join outcome_now f on f.book_id = $1 and f.payment_id = d.payment_id
            and f.attempt_no = d.attempt_no and f.kind = 'refunded'
        left join refund_receipt_now h on h.book_id = $1 and h.payment_id = d.payment_id
            and h.attempt_no = d.attempt_no
        group by r.month, r.run_id order by r.month, r.run_id";
}

/// A payment as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentFact {
    /// Which.
    pub id: PaymentId,
    /// Of which run.
    pub run: i64,
    /// To whom.
    pub payee: PartyId,
    /// For which household.
    pub household: PartyId,
    /// How much.
    pub amount: Fen,
    /// Its audit entry.
    pub entry: i64,
}

/// One attempt on its way. Name and number identify a person: mask them on the way out.
#[derive(Clone, PartialEq, Eq)]
pub struct AttemptStep {
    /// Its number.
    pub attempt: i64,
    /// The batch.
    pub batch_no: String,
    /// The file.
    pub file_name: String,
    /// When it went out.
    pub sent_on: String,
    /// On which line.
    pub line_no: i64,
    /// Its one appropriation; `None` when it straddled several.
    pub appropriation: Option<AppropriationId>,
    /// Its audit entry.
    pub entry: i64,
    /// The account that it went to.
    pub account_no: String,
    /// In whose name.
    pub holder_name: String,
}

impl std::fmt::Debug for AttemptStep {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "AttemptStep({}, {}, ***)", self.attempt, self.batch_no)
    }
}

/// One outcome on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeStep {
    /// Of which attempt.
    pub attempt: i64,
    /// `paid`, `failed` or `refunded`.
    pub kind: String,
    /// `return`, `statement` or `notice`.
    pub source: &'static str,
    /// The number of that.
    pub source_id: i64,
    /// The line of its file.
    pub line_no: i64,
    /// Normalised reason.
    pub reason: String,
    /// The bank's words, without names.
    pub reason_text: String,
    /// When.
    pub on: String,
    /// Its audit entry.
    pub entry: i64,
}

/// The return of money on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptStep {
    /// Of which attempt.
    pub attempt: i64,
    /// On which statement.
    pub statement: i64,
    /// On which line.
    pub line_no: i64,
    /// How much.
    pub amount: Fen,
    /// Its audit entry.
    pub entry: i64,
}

/// One transfer that concerns a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferStep {
    /// `2022-01 记-0007`.
    pub voucher: String,
    /// Business date.
    pub on: String,
    /// 摘要.
    pub summary: String,
    /// Its number.
    pub transfer: i64,
    /// Debited chart account.
    pub debit: String,
    /// Credited chart account.
    pub credit: String,
    /// How much.
    pub amount: Fen,
    /// Of which attempt; 0 for none.
    pub attempt: i64,
    /// The appropriation concerned; 0 for none.
    pub appropriation: i64,
}

/// Everything that happened to a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentTrace {
    /// The payment.
    pub payment: PaymentFact,
    /// Its attempts.
    pub attempts: Vec<AttemptStep>,
    /// What became of them.
    pub outcomes: Vec<OutcomeStep>,
    /// Money that came home.
    pub receipts: Vec<ReceiptStep>,
    /// Its transfers.
    pub transfers: Vec<TransferStep>,
}

/// The way of a payment; `None` when there is no such payment.
#[boxed]
pub async fn payment(
    tx: &mut Tx,
    book: BookId,
    id: PaymentId,
) -> Result<Option<PaymentTrace>, StoreError> {
    let args = [book.get().into(), id.get().into()];
    let Some(row) = tx.query_opt(PAYMENT, &args).await? else {
        return Ok(None);
    };
    let payment = PaymentFact {
        id,
        run: row.int(1)?,
        payee: PartyId(row.int(3)?),
        household: PartyId(row.int(4)?),
        amount: Fen::new(row.int(5)?),
        entry: row.int(6)?,
    };
    let mut attempts = Vec::new();
    for row in tx.query(ATTEMPTS, &args).await? {
        attempts.push(AttemptStep {
            attempt: row.int(0)?,
            batch_no: row.text(1)?,
            file_name: row.text(2)?,
            sent_on: row.text(3)?,
            line_no: row.int(4)?,
            appropriation: row.opt_int(6)?.map(AppropriationId),
            entry: row.int(7)?,
            account_no: row.text(9)?,
            holder_name: row.text(10)?,
        });
    }
    let mut outcomes = Vec::new();
    for row in tx.query(OUTCOMES, &args).await? {
        outcomes.push(OutcomeStep {
            attempt: row.int(0)?,
            kind: row.text(1)?,
            source: match (row.int(2)? % 2, row.opt_int(10)?) {
                (1, _) => "return",
                (_, Some(_)) => "notice",
                (_, None) => "statement",
            },
            source_id: row.int(3)?,
            line_no: row.int(4)?,
            reason: row.text(5)?,
            reason_text: row.text(6)?,
            on: row.text(8)?,
            entry: row.int(9)?,
        });
    }
    let mut receipts = Vec::new();
    for row in tx.query(RECEIPTS, &args).await? {
        receipts.push(ReceiptStep {
            attempt: row.int(0)?,
            statement: row.int(1)?,
            line_no: row.int(2)?,
            amount: Fen::new(row.int(3)?),
            entry: row.int(4)?,
        });
    }
    let transfers = transfers(tx, book, &payment).await?;
    Ok(Some(PaymentTrace {
        payment,
        attempts,
        outcomes,
        receipts,
        transfers,
    }))
}

/// The transfers of a payment. There is no index on the payment: it would cost as much as the
/// transfers themselves. Instead each voucher that can concern the payment is halved until the
/// first transfer of the payment and the first one after it are found, some 20 rows each: the
/// transfers of a voucher stand in the order of their payments, those of no payment last
/// ([`crate::journal::Poster`] makes it so).
async fn transfers(
    tx: &mut Tx,
    book: BookId,
    payment: &PaymentFact,
) -> Result<Vec<TransferStep>, StoreError> {
    let args = [
        book.get().into(),
        payment.id.get().into(),
        payment.run.into(),
    ];
    let rows = tx.query(TRANSFERS, &args).await?;
    rows.iter()
        .map(|row| {
            Ok(TransferStep {
                voucher: format!("{} 记-{:04}", row.text(1)?, row.int(2)?),
                on: row.text(3)?,
                summary: row.text(4)?,
                transfer: row.int(5)?,
                debit: row.text(6)?,
                credit: row.text(7)?,
                amount: Fen::new(row.int(8)?),
                attempt: row.int(9)?,
                appropriation: row.int(10)?.max(row.int(11)?),
            })
        })
        .collect()
}

/// One payment of a party with what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartyPayment {
    /// Which.
    pub payment: PaymentId,
    /// The month of its run.
    pub month: String,
    /// The program.
    pub program: ProgramId,
    /// How much.
    pub amount: Fen,
    /// What of it is the party's: all of it for the payee, else what its awards grant. A supplier
    /// is paid for many households at once.
    pub own: Fen,
    /// Where it stands; none when its calculation was not approved.
    pub state: Option<PaymentState>,
}

/// The payments of a party, as payee, household or beneficiary. They are found through the party's
/// awards and the accrual key of their lines: payee and household of a payment are those of the
/// award of its first line.
#[boxed]
pub async fn payments_of_party(
    tx: &mut Tx,
    book: BookId,
    party: PartyId,
) -> Result<Vec<PartyPayment>, StoreError> {
    let rows = tx
        .query(PAYMENTS_OF_PARTY, &[book.get().into(), party.get().into()])
        .await?;
    rows.iter()
        .map(|row| {
            let (attempts, answered) = (row.int(4)?, row.int(5)?);
            let state = match row.text_ref(6)? {
                _ if row.int(7)? == 0 => None,
                _ if attempts == 0 => Some(PaymentState::Due),
                _ if answered < attempts => Some(PaymentState::Sent),
                kind => PaymentState::from_code(kind),
            };
            Ok(PartyPayment {
                payment: PaymentId(row.int(0)?),
                month: row.text(1)?,
                program: ProgramId(row.int(2)?),
                amount: Fen::new(row.int(3)?),
                own: Fen::new(row.int(8)?),
                state,
            })
        })
        .collect()
}

/// A party with its audit entry.
#[boxed]
pub async fn party(
    tx: &mut Tx,
    book: BookId,
    id: PartyId,
) -> Result<Option<(Party, i64)>, StoreError> {
    let row = tx
        .query_opt(PARTY, &[book.get().into(), id.get().into()])
        .await?;
    row.map(|row| {
        let kind = PartyKind::from_code(row.text_ref(0)?)
            .ok_or_else(|| StoreError::inconsistent("party", "kind"))?;
        let party = Party {
            id,
            kind,
            township: row.text(1)?,
            village: row.text(2)?,
            name: row.text(3)?,
            reference_no: row.text(4)?,
        };
        Ok((party, row.int(5)?))
    })
    .transpose()
}

/// The bytes of audit entries from a sequence on, at most `limit`.
#[boxed]
pub async fn entries(
    tx: &mut Tx,
    book: BookId,
    from: i64,
    limit: i64,
) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    let rows = tx
        .query(ENTRIES, &[book.get().into(), from.into(), limit.into()])
        .await?;
    rows.iter()
        .map(|row| Ok((row.int(0)?, row.bytes(1)?)))
        .collect()
}

/// Hands out every audit entry: sequence, bytes, leaf hash.
pub async fn each_entry<E: From<StoreError>>(
    tx: &mut Tx,
    book: BookId,
    mut receive: impl FnMut(i64, &[u8], &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    tx.stream(ENTRIES_WITH_LEAVES, &[book.get().into()], |row| {
        receive(row.int(0)?, row.bytes_ref(1)?, row.bytes_ref(2)?)
    })
    .await
}

/// What a run drew on an appropriation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawnByRun {
    /// The month of the run.
    pub month: String,
    /// The run.
    pub run: i64,
    /// Attempts.
    pub attempts: i64,
    /// What they drew.
    pub drawn: Fen,
    /// What of it was paid.
    pub paid: Fen,
    /// What of it failed.
    pub failed: Fen,
    /// What of it came back after it was paid.
    pub refunded: Fen,
    /// What of it is back in the agency's account.
    pub home: Fen,
}

/// The runs that drew on an appropriation.
#[boxed]
pub async fn drawn(
    tx: &mut Tx,
    book: BookId,
    appropriation: AppropriationId,
) -> Result<Vec<DrawnByRun>, StoreError> {
    let rows = tx
        .query(DRAWN, &[book.get().into(), appropriation.get().into()])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(DrawnByRun {
                month: row.text(0)?,
                run: row.int(1)?,
                attempts: row.int(2)?,
                drawn: Fen::new(row.int(3)?),
                paid: Fen::new(row.int(4)?),
                failed: Fen::new(row.int(5)?),
                refunded: Fen::new(row.int(6)?),
                home: Fen::new(row.int(7)?),
            })
        })
        .collect()
}
