//! Who came, who left and whose amount changed, by component: the columns that the monthly summary
//! (发放汇总表) and the triplicate (三联单) share.

use std::collections::BTreeMap;

use ledger::calendar::Month;
use ledger::id::{BookId, ComponentId, ProgramId, RunId};
use ledger::money::{Fen, MoneyError};
use ledger_store::db::Tx;
use ledger_store::movement::{self as store, Fate, Heads, Leavers, OfRun};
use serde_json::{Value, json};

use super::{NOTHING, Names};
use crate::app::Error;
use crate::app::view::{Table, words};

/// Why somebody of the earlier month has nothing in this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    /// 死亡: recorded, on a list of the deceased, or the award ended for that reason.
    Death,
    /// 退出: left the roster.
    Exit,
    /// 停发: the award goes on, and nothing fell due; or it ended for that reason.
    Stop,
}

impl Gone {
    fn of(leavers: &Leavers) -> Gone {
        let says = |words: &[&str]| words.iter().any(|word| leavers.reason.contains(word));
        if leavers.listed_deceased || says(&["死亡", "身故", "去世", "death", "deceased"]) {
            Gone::Death
        } else if !leavers.ended || says(&["停发", "暂停", "suspended"]) {
            Gone::Stop
        } else {
            Gone::Exit
        }
    }
}

/// What moved in a component, or in several together: then counts are sums of those of the
/// components, so that somebody who has two of them counts twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moved {
    /// Households of the earlier month.
    pub(super) earlier_households: i64,
    /// The earlier month.
    pub(super) earlier: Heads,
    /// 新增.
    pub(super) entered: Heads,
    /// 减少: 死亡.
    pub(super) death: Heads,
    /// 减少: 退出.
    pub(super) exit: Heads,
    /// 减少: 停发.
    pub(super) stop: Heads,
    /// 提高.
    pub(super) raised: Heads,
    /// 降低.
    pub(super) lowered: Heads,
    /// 补发以前月份, below zero when more was set against.
    pub(super) back: Heads,
    /// Households of this month.
    pub(super) households: i64,
    /// This month's own amounts.
    pub(super) present: Heads,
    /// What became of what was due.
    pub(super) paid: Fen,
    pub(super) failed: Fen,
    pub(super) pending: Fen,
    pub(super) waiting: Fen,
}

fn both(left: Heads, right: Heads) -> Result<Heads, MoneyError> {
    let count = left.count.checked_add(right.count);
    Ok(Heads {
        count: count.ok_or(MoneyError::OutOfRange)?,
        amount: left.amount.plus(right.amount)?,
    })
}

impl Moved {
    /// 应发: this month's own amounts and what is paid for others.
    pub(super) fn due(&self) -> Result<Fen, MoneyError> {
        self.present.amount.plus(self.back.amount)
    }

    /// 减少, for whatever reason.
    pub(super) fn gone(&self) -> Result<Heads, MoneyError> {
        both(both(self.death, self.exit)?, self.stop)
    }

    /// 人均: this month's own amount by subject, to the fen; nothing without subjects.
    fn average(&self) -> Option<Fen> {
        let count = self.present.count;
        (count > 0).then(|| {
            // Half up, for amounts that are not negative.
            let twice = i128::from(self.present.amount.get()) * 2 + i128::from(count);
            Fen::new(i64::try_from(twice / (2 * i128::from(count))).unwrap_or_default())
        })
    }

    fn plus(&self, other: &Moved) -> Result<Moved, MoneyError> {
        Ok(Moved {
            earlier_households: self.earlier_households + other.earlier_households,
            earlier: both(self.earlier, other.earlier)?,
            entered: both(self.entered, other.entered)?,
            death: both(self.death, other.death)?,
            exit: both(self.exit, other.exit)?,
            stop: both(self.stop, other.stop)?,
            raised: both(self.raised, other.raised)?,
            lowered: both(self.lowered, other.lowered)?,
            back: both(self.back, other.back)?,
            households: self.households + other.households,
            present: both(self.present, other.present)?,
            paid: self.paid.plus(other.paid)?,
            failed: self.failed.plus(other.failed)?,
            pending: self.pending.plus(other.pending)?,
            waiting: self.waiting.plus(other.waiting)?,
        })
    }

    /// For programs.
    pub(super) fn json(&self) -> Result<Value, MoneyError> {
        let heads =
            |heads: Heads| json!({ "count": heads.count, "amount_fen": heads.amount.get() });
        Ok(json!({
            "last_month": { "households": self.earlier_households, "count": self.earlier.count,
                "amount_fen": self.earlier.amount.get() },
            "new": heads(self.entered),
            "gone": { "death": heads(self.death), "exit": heads(self.exit),
                "stop": heads(self.stop) },
            "raised": heads(self.raised),
            "lowered": heads(self.lowered),
            "this_month": { "households": self.households, "count": self.present.count,
                "amount_fen": self.present.amount.get() },
            "back_pay": heads(self.back),
            "due_fen": self.due()?.get(),
            "paid_fen": self.paid.get(),
            "failed_fen": self.failed.get(),
            "pending_fen": self.pending.get(),
            "not_sent_fen": self.waiting.get(),
            "average_fen": self.average().map(Fen::get),
        }))
    }
}

/// What moved, by program and component.
pub(super) type ByComponent = BTreeMap<(ProgramId, ComponentId), Moved>;

/// What moved between the month before and this one, in the approved runs of a book, or of the
/// program of a run until that run.
pub(super) async fn load(
    tx: &mut Tx,
    book: BookId,
    month: Month,
    of: Option<OfRun>,
) -> Result<ByComponent, Error> {
    let months = (month.previous(), month);
    let mut rows = ByComponent::new();
    for moved in store::movement(tx, book, months, of).await? {
        let row = rows.entry((moved.program, moved.component)).or_default();
        row.earlier_households = moved.earlier_households;
        row.earlier = moved.earlier;
        row.entered = moved.entered;
        row.raised = moved.raised;
        row.lowered = moved.lowered;
        row.back = moved.back;
        row.households = moved.households;
        row.present = moved.present;
    }
    for leavers in store::leavers(tx, book, months, of).await? {
        let row = rows
            .entry((leavers.program, leavers.component))
            .or_default();
        let place = match Gone::of(&leavers) {
            Gone::Death => &mut row.death,
            Gone::Exit => &mut row.exit,
            Gone::Stop => &mut row.stop,
        };
        *place = both(*place, leavers.heads)?;
    }
    add_fates(tx, book, month, of.map(|of| of.run), &mut rows).await?;
    Ok(rows)
}

async fn add_fates(
    tx: &mut Tx,
    book: BookId,
    month: Month,
    run: Option<RunId>,
    rows: &mut ByComponent,
) -> Result<(), Error> {
    for total in store::fates(tx, book, month, run).await? {
        let row = rows.entry((total.program, total.component)).or_default();
        let place = match total.fate {
            Fate::Paid => &mut row.paid,
            Fate::Failed => &mut row.failed,
            Fate::Pending => &mut row.pending,
            Fate::Waiting => &mut row.waiting,
        };
        *place = place.plus(total.heads.amount)?;
    }
    Ok(())
}

/// All of them together.
pub(super) fn total<'a>(rows: impl IntoIterator<Item = &'a Moved>) -> Result<Moved, MoneyError> {
    let mut rows = rows.into_iter();
    rows.try_fold(Moved::default(), |sum, row| sum.plus(row))
}

/// The rows for programs, with program and component.
pub(super) fn json(names: &Names, rows: &ByComponent) -> Result<Value, Error> {
    let mut list = Vec::with_capacity(rows.len());
    for ((program, component), moved) in rows {
        let mut row = moved.json()?;
        row["program"] = names.program_code(*program).into();
        row["component"] = names.component_code(*component).into();
        row["name"] = names.component(*component).into();
        list.push(row);
    }
    Ok(Value::Array(list))
}

/// The rows for people: how many, and how much.
pub(super) fn tables(names: &Names, month: Month, rows: &ByComponent) -> Result<Vec<Table>, Error> {
    let total = total(rows.values())?;
    let mut counts = counts_table(month);
    let mut amounts = amounts_table(month);
    for ((program, component), moved) in rows {
        let name = [names.program(*program), names.component(*component)];
        counts.row(name.clone().into_iter().chain(count_cells(moved)?));
        amounts.row(name.into_iter().chain(amount_cells(moved)?));
    }
    let name = ["合计 total".to_owned(), NOTHING.to_owned()];
    counts.row(name.clone().into_iter().chain(count_cells(&total)?));
    amounts.row(name.into_iter().chain(amount_cells(&total)?));
    Ok(vec![counts, amounts])
}

fn counts_table(month: Month) -> Table {
    let title = words(
        format!("{month} 增减变动:对象(项次)"),
        format!("{month}: who came and left, by component"),
    );
    Table::new(
        title,
        &[
            ("项目", "program", false),
            ("发放项目", "component", false),
            ("上月户数", "households before", true),
            ("上月对象", "before", true),
            ("新增", "new", true),
            ("减少", "gone", true),
            ("其中死亡", "death", true),
            ("其中退出", "exit", true),
            ("其中停发", "stop", true),
            ("提高", "raised", true),
            ("降低", "lowered", true),
            ("补发", "back pay", true),
            ("本月户数", "households", true),
            ("本月对象", "this month", true),
        ],
    )
}

fn count_cells(moved: &Moved) -> Result<[String; 12], MoneyError> {
    Ok([
        moved.earlier_households,
        moved.earlier.count,
        moved.entered.count,
        moved.gone()?.count,
        moved.death.count,
        moved.exit.count,
        moved.stop.count,
        moved.raised.count,
        moved.lowered.count,
        moved.back.count,
        moved.households,
        moved.present.count,
    ]
    .map(|count| count.to_string()))
}

fn amounts_table(month: Month) -> Table {
    let title = words(
        format!("{month} 增减变动:金额(元)"),
        format!("{month}: amounts by component, yuan"),
    );
    Table::new(
        title,
        &[
            ("项目", "program", false),
            ("发放项目", "component", false),
            ("上月", "last month", true),
            ("新增", "new", true),
            ("死亡减少", "gone: death", true),
            ("退出减少", "gone: exit", true),
            ("停发减少", "gone: stop", true),
            ("提高", "raised", true),
            ("降低", "lowered", true),
            ("补发", "back pay", true),
            ("应发", "due", true),
            ("成功", "paid", true),
            ("失败", "failed", true),
            ("处理中", "pending", true),
            ("待发", "not sent", true),
            ("人均", "average", true),
        ],
    )
}

fn amount_cells(moved: &Moved) -> Result<[String; 14], MoneyError> {
    let average = moved.average();
    let amounts = [
        moved.earlier.amount,
        moved.entered.amount,
        moved.death.amount,
        moved.exit.amount,
        moved.stop.amount,
        moved.raised.amount,
        moved.lowered.amount,
        moved.back.amount,
        moved.due()?,
        moved.paid,
        moved.failed,
        moved.pending,
        moved.waiting,
    ];
    let mut cells = amounts.iter().map(|amount| amount.grouped());
    let average = average.map_or_else(|| NOTHING.to_owned(), Fen::grouped);
    Ok(std::array::from_fn(|_| {
        cells.next().unwrap_or_else(|| average.clone())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_left_and_why() {
        for (listed, ended, reason, expected) in [
            (true, false, "", Gone::Death),
            (true, true, "left the roster", Gone::Death),
            (false, true, "户主死亡", Gone::Death),
            (false, true, "left the roster", Gone::Exit),
            (false, true, "changed", Gone::Exit),
            (false, true, "停发待核", Gone::Stop),
            (false, false, "", Gone::Stop),
        ] {
            let leavers = Leavers {
                program: ProgramId(1),
                component: ComponentId(1),
                listed_deceased: listed,
                ended,
                reason: reason.to_owned(),
                heads: Heads::default(),
            };
            assert_eq!(Gone::of(&leavers), expected, "{listed} {ended} {reason}");
        }
    }

    #[test]
    fn averages_are_rounded_half_up() {
        for (fen, count, expected) in [
            (0, 0, None),
            (0, 2, Some(0)),
            (100, 3, Some(33)),
            (200, 3, Some(67)),
            (101, 2, Some(51)),
        ] {
            let amount = Fen::new(fen);
            let moved = Moved {
                present: Heads { count, amount },
                ..Moved::default()
            };
            assert_eq!(moved.average().map(Fen::get), expected, "{fen} {count}");
        }
    }
}
