//! Reports of the books as they stand, kept until the books change.
//!
//! A report over a hundred thousand payments reads all of them. Who turns to its second page,
//! prints it or takes it away asks the same again, and so does the colleague at the next desk: as
//! long as the head of the audit trail is the same, so is everything that commands have written,
//! and the answer. Whoever asks must be allowed to: that is looked at each time.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use ledger::audit::hex::encode;
use ledger::calendar::Date;
use ledger::disbursement::role::Action;
use ledger::id::BookId;
use ledger_store::report as figures;

use super::seat::Seat;
use crate::app::Error;
use crate::app::view::Report;

/// So many are kept; the oldest goes first.
const KEPT_MAX: usize = 64;
/// One with more rows than this is made anew each time.
const ROWS_MAX: usize = 5_000;

/// What a report is an answer to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Question {
    book: BookId,
    /// Size and root of the audit trail.
    head: String,
    today: Date,
    /// Address of the page, without what only arranges it.
    asked: String,
}

/// The reports that are kept.
#[derive(Debug, Default)]
pub struct Kept(Mutex<VecDeque<(Question, Report)>>);

impl Kept {
    fn find(&self, question: &Question) -> Option<Report> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|(known, _)| known == question);
        found.map(|(_, report)| report.clone())
    }

    fn keep(&self, question: Question, report: &Report) {
        if report
            .tables
            .iter()
            .map(|table| table.rows.len())
            .sum::<usize>()
            > ROWS_MAX
        {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(known, _)| known.book != question.book || known.head == question.head);
        if kept.len() >= KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back((question, report.clone()));
    }
}

/// The report of a page that is asked for with these fields of the address: as it was made before
/// at this head, or made now.
///
/// # Errors
/// When the caller may not read reports; those of the making.
pub(super) async fn report(
    seat: &Seat,
    fields: &[&str],
    make: impl Future<Output = Result<Report, Error>> + Send,
) -> Result<Report, Error> {
    let book = seat.caller().book.id;
    let mut tx = seat.app().read(seat.caller(), Action::ReadReports).await?;
    let (size, root) = figures::head(&mut tx, book).await?;
    tx.rollback().await?;
    let given = fields
        .iter()
        .map(|name| format!("{name}={}", seat.get(name).unwrap_or_default()));
    let question = Question {
        book,
        head: format!("{size}:{}", encode(&root)),
        today: seat.app().clock.today(),
        asked: format!("{}?{}", seat.path, given.collect::<Vec<_>>().join("&")),
    };
    if let Some(known) = seat.server.kept.find(&question) {
        return Ok(known);
    }
    // When a command comes in between, the report is of the newer books, and this head is over.
    let report = make.await?;
    seat.server.kept.keep(question, &report);
    Ok(report)
}
