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
        /// Taken back by a recovery: what was overpaid is owed by the payee.
        Recovery "recovery" "追缴冲减",
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
    for accrual in accrued
        .iter()
        .filter(|accrual| first <= accrual.month && accrual.month <= last)
    {
        let key = (accrual.month, accrual.subject, accrual.component);
        let cell = match cells.entry(key) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let award = last_award(awards, accrual)?;
                entry.insert(Cell {
                    award,
                    due: Fen::ZERO,
                    accrued: Fen::ZERO,
                    lines: 0,
                })
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
            .or_insert(Cell {
                award,
                due: Fen::ZERO,
                accrued: Fen::ZERO,
                lines: 0,
            });
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
            (
                award.covers(accrual.month),
                award.from <= accrual.month,
                award.from,
                award.id,
            )
        })
        .ok_or_else(|| {
            let name = format!(
                "{}/{}/{}",
                accrual.subject, accrual.component, accrual.month
            );
            Problem::new(Kind::NotFound)
                .with("what", "核定")
                .with("name", name)
        })
}

fn line(cell: &Cell<'_>, month: Month, amount: Fen, current: Month) -> Line {
    let reason = if amount < Fen::ZERO {
        if cell.due == Fen::ZERO {
            LineReason::Stop
        } else {
            LineReason::Correction
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::{ProgramId, StandardId};
    use crate::program::{Cadence, Component, Formula, Scope, Standard};

    fn month(text: &str) -> Month {
        text.parse().unwrap()
    }

    /// Component 1 pays the amounts from the months given; component 2 pays 1200 in November.
    fn policy(standards: &[(&str, i64)]) -> Policy {
        let component = |id, cadence| Component {
            id: ComponentId(id),
            program: ProgramId(1),
            code: format!("c{id}"),
            name: format!("项目{id}"),
            scope: Scope::Person,
            cadence,
            unit: String::new(),
        };
        let standard = |component, from: &str, yuan: i64| Standard {
            id: StandardId(yuan),
            component: ComponentId(component),
            tag: String::new(),
            from: month(from),
            formula: Formula::Amount(Fen::new(yuan * 100)),
            document: "示例〔2022〕1号".to_owned(),
        };
        let mut rows: Vec<_> = standards
            .iter()
            .map(|(from, yuan)| standard(1, from, *yuan))
            .collect();
        rows.push(standard(2, "2020-01", 1200));
        let components = vec![
            component(1, Cadence::MONTHLY),
            component(2, Cadence::Months(1 << 10)),
        ];
        Policy::new(components, rows, vec![])
    }

    fn award(id: i64, component: i64, from: &str, to: Option<&str>) -> Award {
        Award {
            id: AwardId(id),
            subject: PartyId(11),
            household: PartyId(12),
            payee: PartyId(13),
            component: ComponentId(component),
            tag: String::new(),
            income: Fen::ZERO,
            amount: None,
            from: month(from),
            to: to.map(month),
        }
    }

    fn accrued(at: &str, yuan: i64, lines: i64) -> Accrued {
        Accrued {
            subject: PartyId(11),
            component: ComponentId(1),
            month: month(at),
            amount: Fen::new(yuan * 100),
            lines,
        }
    }

    /// `difference` for 2022-01 to 2022-03 in March, as text.
    fn check(standards: &[(&str, i64)], awards: &[Award], paid: &[Accrued], expected: &[&str]) {
        let (first, last) = (month("2022-01"), month("2022-03"));
        let lines = difference(&policy(standards), awards, paid, first, last, last).unwrap();
        let text: Vec<_> = lines
            .iter()
            .map(|line| {
                let (amount, reason) = (line.amount.get() / 100, line.reason.code());
                format!(
                    "{} {amount} {reason} n{} a{}",
                    line.month, line.n, line.award
                )
            })
            .collect();
        assert_eq!(text, expected);
    }

    #[test]
    fn every_kind_of_change_is_a_difference() {
        let standards = [("2020-01", 700)];
        let running = [award(1, 1, "2021-06", None)];
        let paid = [accrued("2022-01", 700, 1), accrued("2022-02", 700, 1)];
        let regular = "2022-03 700 regular n1 a1";
        // An ordinary month.
        check(&standards, &running, &paid, &[regular]);
        // A month left out earlier.
        check(
            &standards,
            &running,
            &paid[..1],
            &["2022-02 700 back-pay n1 a1", regular],
        );
        // A raise from January, announced in March.
        check(
            &[("2020-01", 700), ("2022-01", 750)],
            &running,
            &paid,
            &[
                "2022-01 50 raise n2 a1",
                "2022-02 50 raise n2 a1",
                "2022-03 750 regular n1 a1",
            ],
        );
        // A late enrolment.
        let late = [award(1, 1, "2022-02", None)];
        check(
            &standards,
            &late,
            &[],
            &["2022-02 700 back-pay n1 a1", regular],
        );
        // A death in January, reported in March.
        let ended = [award(1, 1, "2021-06", Some("2022-01"))];
        check(&standards, &ended, &paid, &["2022-02 -700 stop n2 a1"]);
        // Too much was paid.
        let over = [accrued("2022-01", 900, 1), accrued("2022-02", 700, 2)];
        check(
            &standards,
            &running,
            &over,
            &["2022-01 -200 correction n2 a1", regular],
        );
        // Everything was paid.
        let all = [paid[0], paid[1], accrued("2022-03", 700, 1)];
        check(&standards, &running, &all, &[]);
        // A month taken back and due again.
        let undone = [accrued("2022-01", 0, 2), paid[1]];
        check(
            &standards,
            &running,
            &undone,
            &["2022-01 700 back-pay n3 a1", regular],
        );
        // One award follows another.
        let two = [
            award(1, 1, "2021-06", Some("2022-02")),
            award(2, 1, "2022-03", None),
        ];
        check(&standards, &two, &paid, &["2022-03 700 regular n1 a2"]);
        // A gap between two awards that was paid: the award that ran last before it answers.
        let gap = [
            award(1, 1, "2021-06", Some("2022-01")),
            award(2, 1, "2022-03", None),
        ];
        check(
            &standards,
            &gap,
            &paid,
            &["2022-02 -700 stop n2 a1", "2022-03 700 regular n1 a2"],
        );
        // A component that does not fall due.
        check(&standards, &[award(1, 2, "2021-06", None)], &[], &[]);
    }

    #[test]
    fn refusals() {
        let (first, last) = (month("2022-01"), month("2022-03"));
        let of = |standards: &[(&str, i64)], awards: &[Award], paid: &[Accrued]| {
            difference(&policy(standards), awards, paid, first, last, last)
                .unwrap_err()
                .kind
        };
        let running = [award(1, 1, "2021-06", None)];
        assert_eq!(
            of(&[("2022-02", 700)], &running, &[]),
            Kind::StandardMissing
        );
        assert_eq!(
            of(&[("2020-01", 1)], &[], &[accrued("2022-01", 1, 1)]),
            Kind::NotFound
        );
        let far = [accrued("2021-12", 1, 1)];
        assert!(difference(&policy(&[]), &[], &far, first, last, last).is_ok());
    }

    #[test]
    fn settling() {
        let line = |yuan: i64| Line {
            household: PartyId(1),
            subject: PartyId(1),
            payee: PartyId(1),
            award: AwardId(1),
            component: ComponentId(1),
            month: month("2022-01"),
            amount: Fen::new(yuan * 100),
            n: 1,
            reason: LineReason::Regular,
        };
        for (amounts, taken, carried) in [
            (vec![], 0, 0),
            (vec![700], 1, 0),
            (vec![-100, 700], 2, 0),
            (vec![-700, 700], 0, 0),
            (vec![-900, 700], 0, 200),
            (vec![-900], 0, 900),
            (vec![-300, -300, 700], 3, 0),
        ] {
            let (payment, left) = settle(amounts.iter().copied().map(line).collect()).unwrap();
            assert_eq!(payment.map_or(0, |lines| lines.len()), taken, "{amounts:?}");
            assert_eq!(left, Fen::new(carried * 100), "{amounts:?}");
        }
    }

    proptest! {
        /// Run after run, with standards and awards changing in between: accrued minus due is what
        /// was carried, no payment is zero or less, and a second run finds nothing more to pay.
        #[test]
        fn after_settling_accrued_equals_policy(
            rounds in prop::collection::vec(
                (prop::collection::vec(1..900_i64, 1..4), 1..13_u32, 1..13_u32, 0..900_i64), 1..6),
        ) {
            let (first, last) = (month("2022-01"), month("2022-12"));
            let mut books: BTreeMap<Month, (i64, i64)> = BTreeMap::new();
            for (amounts, start, end, own) in rounds {
                let froms = ["2020-01", "2022-04", "2022-08"];
                let standards: Vec<_> = froms.into_iter().zip(amounts).collect();
                let policy = policy(&standards);
                let mut award = award(1, 1, "2022-01", None);
                award.from = Month::new(2022, start).unwrap();
                award.to = Some(Month::new(2022, end).unwrap());
                award.amount = (own > 450).then_some(Fen::new(own));
                let awards = [award];
                let run = |books: &BTreeMap<Month, (i64, i64)>| {
                    let accrued: Vec<_> = books
                        .iter()
                        .map(|(month, (amount, lines))| Accrued {
                            subject: PartyId(11),
                            component: ComponentId(1),
                            month: *month,
                            amount: Fen::new(*amount),
                            lines: *lines,
                        })
                        .collect();
                    settle(difference(&policy, &awards, &accrued, first, last, last).unwrap())
                };
                let (payment, carried) = run(&books).unwrap();
                let mut total = 0;
                let paid_something = payment.is_some();
                for line in payment.unwrap_or_default() {
                    total += line.amount.get();
                    let entry = books.entry(line.month).or_default();
                    prop_assert_eq!(entry.1 + 1, line.n);
                    *entry = (entry.0 + line.amount.get(), line.n);
                }
                prop_assert_eq!(paid_something, total > 0);
                let due: i64 = first
                    .through(last)
                    .map(|month| policy.due(&awards[0], month).unwrap().get())
                    .sum();
                let sum: i64 = books.values().map(|(amount, _)| amount).sum();
                prop_assert_eq!(sum - due, carried.get());
                prop_assert_eq!(run(&books).unwrap(), (None, carried));
            }
        }
    }
}
