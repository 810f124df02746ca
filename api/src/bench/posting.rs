//! Posting alone: vouchers through the unit of work, with hash chain and account balances, against
//! raw load of the same transfers into the same table, voucher by voucher.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ledger::audit::entry::Actor;
use ledger::calendar::Date;
use ledger::id::{
    AppropriationId, BankAccountId, BookId, ComponentId, PaymentId, ProgramId, UserId,
};
use ledger::journal::{Posting, rules};
use ledger::money::Fen;
use ledger_store::book::Book;
use ledger_store::db::RowBuffer;
use ledger_store::journal::{Poster, VoucherDraft};
use ledger_store::measure;
use ledger_store::write::{Record, Write};

use super::office::{day, first_month};
use super::ties::Ties;
use crate::app::{App, Error, audit, not_found, users};

/// The most transfers that are posted.
const TRANSFERS_MAX: usize = 1_500_000;
/// Transfers of a voucher, about.
const VOUCHER: usize = 125_000;

const BANK: BankAccountId = BankAccountId(1);
const LOT: AppropriationId = AppropriationId(1);
const PROGRAM: ProgramId = ProgramId(1);

/// What posting came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PostingFigures {
    /// Transfers posted.
    pub transfers: u64,
    /// From begin to commit, with hash chain and balances.
    pub time: Duration,
    /// Raw load of the same transfers.
    pub raw_load: Duration,
}

/// The three vouchers that a payment is part of: owed, sent, paid.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Owed,
    Sent,
    Paid,
}

/// Posts one and a half transfers for each payment into an empty database, at most 1.5 million.
pub(super) async fn measure(
    app: &App,
    payments: usize,
    ties: &mut Ties,
) -> Result<PostingFigures, Error> {
    let posted = book(app, "posting").await?;
    let raw = book(app, "raw").await?;
    let on = day(first_month(), 9)?;
    let transfers = (payments + payments / 2).clamp(3, TRANSFERS_MAX);
    let rounds = transfers.div_ceil(3 * VOUCHER);
    let size = transfers / (3 * rounds);
    fund(app, &posted, on).await?;
    let mut figures = PostingFigures::default();
    for round in 0..rounds {
        for kind in [Kind::Owed, Kind::Sent, Kind::Paid] {
            let postings = postings(kind, round * size, size)?;
            let (sequence, time) = post(app, &posted, on, &postings).await?;
            let (loaded, raw_load) = load_again(app, posted.id, raw.id, sequence).await?;
            let expected = i64::try_from(postings.len()).map_err(anyhow::Error::from)?;
            ties.tie("transfers posted", loaded, expected);
            figures.transfers += u64::try_from(loaded).map_err(anyhow::Error::from)?;
            figures.time += time;
            figures.raw_load += raw_load;
        }
    }
    let verified = audit::verification(app, &posted, &[]).await?;
    let faults = i64::try_from(verified.faults.len()).unwrap_or(i64::MAX);
    ties.tie("faults of the postings", faults, 0);
    Ok(figures)
}

async fn book(app: &App, code: &str) -> Result<Book, Error> {
    users::add_book(app, code, "测算记账", "610881", None).await?;
    app.book(Some(code)).await
}

/// The money that is sent.
async fn fund(app: &App, book: &Book, on: Date) -> Result<(), Error> {
    let mut postings = Vec::new();
    rules::appropriation_received(BANK, LOT, Fen::new(1_000_000_000_000), &mut postings);
    post(app, book, on, &postings).await?;
    Ok(())
}

fn postings(kind: Kind, first: usize, count: usize) -> Result<Vec<Posting>, Error> {
    let mut postings = Vec::with_capacity(count);
    for number in first..first + count {
        let number = i64::try_from(number).map_err(anyhow::Error::from)?;
        let (payment, amount) = (PaymentId(number + 1), Fen::new(45_000 + number % 300 * 100));
        let component = ComponentId(1 + number % 2);
        let out = &mut postings;
        match kind {
            Kind::Owed => rules::run_approved(PROGRAM, component, payment, amount, out),
            Kind::Sent => rules::attempt_sent_financial(BANK, LOT, payment, 1, amount, out),
            Kind::Paid => rules::attempt_paid(PROGRAM, BANK, LOT, payment, 1, amount, out),
        }
    }
    Ok(postings)
}

/// Posts one voucher; gives its audit entry and the time from begin to commit.
async fn post(
    app: &App,
    book: &Book,
    on: Date,
    postings: &[Posting],
) -> Result<(i64, Duration), Error> {
    let draft = VoucherDraft {
        on_date: on,
        summary: "测算".to_owned(),
        maker: UserId(1),
        checker: None,
        source: "run",
        source_id: 1,
        reverses: None,
    };
    let record = Record {
        book_code: book.code.clone(),
        time: app.clock.now(),
        kind: "bench.post".to_owned(),
        actor: Actor::default(),
        key: None,
        reason: None,
        data: BTreeMap::new(),
    };
    let started = Instant::now();
    let mut write = Write::begin(&app.db, book.id).await?;
    let mut poster = Poster::begin(&mut write, draft).await?;
    poster.push_all(&mut write, postings).await?;
    poster.finish(&mut write).await?;
    let receipt = write.commit(record).await?;
    Ok((receipt.sequence, started.elapsed()))
}

/// Loads the transfers of an audit entry into another book as they are; gives how many, and the
/// time of loading and commit.
async fn load_again(
    app: &App,
    from: BookId,
    to: BookId,
    entry: i64,
) -> Result<(i64, Duration), Error> {
    let all = measure::stored().iter();
    let transfer = all.into_iter().find(|stored| stored.table == "transfer");
    let transfer = transfer.ok_or_else(|| not_found("表 table", "transfer"))?;
    let book = transfer.columns.iter().position(|name| *name == "book_id");
    let mut source = app.db.begin_read().await?;
    let mut tx = app.db.begin_write().await?;
    let mut page = RowBuffer::new(transfer.columns.len());
    let (mut loaded, mut time) = (0_i64, Duration::ZERO);
    loop {
        transfer
            .turn(&mut source, from, (entry, entry), &mut page)
            .await?;
        if page.is_empty() {
            break;
        }
        for row in 0..page.len() {
            if let Some(book) = book {
                page.set_int(row, book, to.get());
            }
        }
        let started = Instant::now();
        let rows = tx.bulk(transfer.table, transfer.columns, &page).await?;
        time += started.elapsed();
        loaded += i64::try_from(rows).map_err(anyhow::Error::from)?;
    }
    let started = Instant::now();
    tx.commit().await?;
    time += started.elapsed();
    source.rollback().await?;
    Ok((loaded, time))
}
