//! Due minus accrued: one computation for regular payment, back pay, raises, corrections and stops.
//!
//! For every subject, component and month, the line is what policy says is due now, minus what
//! earlier runs have accrued. Nothing is remembered besides the accruals, so a change of any kind,
//! announced at any time, needs no rule of its own.

use std::collections::BTreeMap;

use crate::account::coded;
use crate::calendar::Month;
use crate::id::{AwardId, ComponentId, PartyId};
use crate::money::Fen;
use crate::problem::{Kind, Problem};
use crate::program::Policy;
use crate::roster::Award;

/// What earlier runs accrued for a subject, component and month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accrued {
    /// The person or household.
    pub subject: PartyId,
    /// For what.
    pub component: ComponentId,
    /// For which month.
    pub month: Month,
    /// The sum of the lines so far.
    pub amount: Fen,
    /// How many lines that were.
    pub lines: i64,
}

/// One line of a payment: a difference of one subject, component and month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The household of the subject.
    pub household: PartyId,
    /// The person or household.
    pub subject: PartyId,
    /// Who receives the money.
    pub payee: PartyId,
    /// The award that grants it, or granted it last.
    pub award: AwardId,
    /// For what.
    pub component: ComponentId,
    /// For which month.
    pub month: Month,
    /// Not zero. Negative when it is set against other lines.
    pub amount: Fen,
    /// The number of this line among those of its subject, component and month, from 1. Two runs
    /// that compute the same difference at once collide on it.
    pub n: i64,
    /// Why.
    pub reason: LineReason,
}

coded! {
    /// Why a line is in a payment.
    pub enum LineReason {
        /// The amount of the current month.
        Regular "regular" "正常发放",
        /// A month that was not paid at the time.
        BackPay "back-pay" "补发",
        /// More for a month that was paid: a raise announced late.
        Raise "raise" "提标补发",
        /// Less for a month that was paid.
        Correction "correction" "冲减",
        /// Nothing for a month that was paid: a stop or a death announced late.
        Stop "stop" "停发冲减",
    }
}

/// What is known of one subject, component and month.
struct Cell<'a> {
    award: &'a Award,
    due: Fen,
    accrued: Fen,
    lines: i64,
}

/// Due minus accrued for the awards and accruals of one payee, months `first` to `last`, both
/// included; lines without a difference are left out. Ordered by month, subject and component.
///
/// `current` is the month of the run: it tells regular pay from back pay. Refused as
/// [`Policy::due`] refuses, and with `NotFound` for an accrual whose award is not among `awards`,
/// because money that was paid may not drop out of sight.
pub fn difference(
    policy: &Policy,
    awards: &[Award],
    accrued: &[Accrued],
    first: Month,
    last: Month,
    current: Month,
) -> Result<Vec<Line>, Problem> {
    let mut cells = BTreeMap::new();
    for award in awards {
        add_due(policy, award, first, last, &mut cells)?;
    }
    for accrual in accrued.iter().filter(|accrual| first <= accrual.month && accrual.month <= last)
    {
        let key = (accrual.month, accrual.subject, accrual.component);
        let cell = match cells.entry(key) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let award = last_award(awards, accrual)?;
                entry.insert(Cell { award, due: Fen::ZERO, accrued: Fen::ZERO, lines: 0 })
            }
        };
        cell.accrued = cell.accrued.plus(accrual.amount)?;
        cell.lines += accrual.lines;
    }
    let mut lines = Vec::new();
    for ((month, ..), cell) in cells {
        let amount = cell.due.minus(cell.accrued)?;
        if amount != Fen::ZERO {
            lines.push(line(&cell, month, amount, current));
        }
    }
    Ok(lines)
}

type Cells<'a> = BTreeMap<(Month, PartyId, ComponentId), Cell<'a>>;

/// Adds what one award is due in each month of the range.
fn add_due<'a>(
    policy: &Policy,
    award: &'a Award,
    first: Month,
    last: Month,
    cells: &mut Cells<'a>,
) -> Result<(), Problem> {
    let last = award.to.map_or(last, |to| to.min(last));
    for month in award.from.max(first).through(last) {
        let due = policy.due(award, month)?;
        if due == Fen::ZERO {
            continue;
        }
        let cell = cells
            .entry((month, award.subject, award.component))
            .or_insert(Cell { award, due: Fen::ZERO, accrued: Fen::ZERO, lines: 0 });
        cell.due = cell.due.plus(due)?;
    }
    Ok(())
}

/// The award of an accrued month in which nothing is due any more: the one that covers the month,
/// else the one that began last before it, else any.
fn last_award<'a>(awards: &'a [Award], accrual: &Accrued) -> Result<&'a Award, Problem> {
    awards
        .iter()
        .filter(|award| award.subject == accrual.subject && award.component == accrual.component)
        .max_by_key(|award| {
            (award.covers(accrual.month), award.from <= accrual.month, award.from, award.id)
        })
        .ok_or_else(|| {
            let name =
                format!("{}/{}/{}", accrual.subject, accrual.component, accrual.month);
            Problem::new(Kind::NotFound).with("what", "核定").with("name", name)
        })
}

fn line(cell: &Cell<'_>, month: Month, amount: Fen, current: Month) -> Line {
    let reason = if amount < Fen::ZERO {
        if cell.due == Fen::ZERO { LineReason::Stop } else { LineReason::Correction }
    } else if cell.accrued != Fen::ZERO {
        LineReason::Raise
    } else if month < current {
        LineReason::BackPay
    } else {
        LineReason::Regular
    };
    Line {
        household: cell.award.household,
        subject: cell.award.subject,
        payee: cell.award.payee,
        award: cell.award.id,
        component: cell.award.component,
        month,
        amount,
        n: cell.lines + 1,
        reason,
    }
}

/// The payment of one payee's lines, and the overpayment that stays open.
///
/// When the sum is positive, one payment takes all lines and nothing is carried: negative lines
/// are set against the positive ones. Otherwise no payment is made, because a bank cannot pay
/// nothing or less, and the net amount owed back is returned (zero or more). None of the lines is
/// accrued then, so the next run over the same months finds them again and goes on setting them
/// against what falls due; after either outcome, accrued minus due is what was carried.
pub fn settle(lines: Vec<Line>) -> Result<(Option<Vec<Line>>, Fen), Problem> {
    let total = Fen::sum(lines.iter().map(|line| line.amount))?;
    if total > Fen::ZERO {
        Ok((Some(lines), Fen::ZERO))
    } else {
        Ok((None, Fen::ZERO.minus(total)?))
    }
}
