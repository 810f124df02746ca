//! Approval limits (审批限额): up to which payment, and which total of a run, a level may approve.

use crate::account::coded;
use crate::calendar::Month;
use crate::id::ProgramId;
use crate::money::Fen;

coded! {
    /// Of which level of the administration an approver is, the lowest first.
    pub enum ApprovalLevel {
        /// 乡镇(街道).
        Township "township" "乡镇",
        /// 县(市、区); also of users of whom nothing is said.
        County "county" "县级",
        /// 设区的市.
        City "city" "市级",
    }
}

/// What a level may approve of a program, from a month on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalLimit {
    /// The program.
    pub program: ProgramId,
    /// Whom it binds.
    pub level: ApprovalLevel,
    /// The first month of the runs that it holds for.
    pub from: Month,
    /// The largest payment.
    pub payment: Fen,
    /// The largest total of a run; none when only payments are limited.
    pub run: Option<Fen>,
    /// The number of its document.
    pub document: String,
}

impl ApprovalLimit {
    /// Whether a run with this largest payment and total is within the limit.
    pub fn allows(&self, largest: Fen, total: Fen) -> bool {
        largest <= self.payment && self.run.is_none_or(|limit| total <= limit)
    }
}

/// The limit of a level for a program's runs of a month: the newest that has begun, or the first
/// when none has, so that no month is without. A level for which nothing is said has the limit of
/// the next higher one that is limited; none when there is none.
pub fn in_force(
    limits: &[ApprovalLimit],
    program: ProgramId,
    level: ApprovalLevel,
    month: Month,
) -> Option<&ApprovalLimit> {
    let of = |level| move |limit: &&ApprovalLimit| limit.program == program && limit.level == level;
    let mut levels = ApprovalLevel::ALL.iter().filter(|higher| **higher >= level);
    let level = *levels.find(|level| limits.iter().any(|limit| of(**level)(&limit)))?;
    let begun = limits
        .iter()
        .filter(of(level))
        .filter(|limit| limit.from <= month);
    let newest = begun.max_by_key(|limit| limit.from);
    newest.or_else(|| {
        limits
            .iter()
            .filter(of(level))
            .min_by_key(|limit| limit.from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Level, month, largest payment, total in yuan, and whether it may be approved.
    type Case = (ApprovalLevel, &'static str, i64, i64, bool);

    #[test]
    fn who_may_approve_what() {
        use ApprovalLevel::{City, County, Township};
        let limit = |from: &str, payment: i64, run: Option<i64>| ApprovalLimit {
            program: ProgramId(1),
            level: Township,
            from: from.parse().unwrap(),
            payment: Fen::new(payment * 100),
            run: run.map(|run| Fen::new(run * 100)),
            document: "示例〔2015〕1号".to_owned(),
        };
        let limits = [
            limit("2020-01", 4_000, Some(10_000)),
            limit("2015-12", 2_000, None),
        ];
        let cases: [Case; 9] = [
            (Township, "2015-11", 2_001, 2_001, false),
            (Township, "2015-12", 2_000, 99_999, true),
            (Township, "2019-12", 2_001, 2_001, false),
            (Township, "2020-01", 4_000, 10_000, true),
            (Township, "2020-01", 4_001, 4_001, false),
            (Township, "2022-05", 1, 10_001, false),
            (County, "2022-05", 99_999, 99_999, true),
            (City, "2022-05", 99_999, 99_999, true),
            (Township, "2022-05", 0, 0, true),
        ];
        for (level, month, largest, total, expected) in cases {
            let found = in_force(&limits, ProgramId(1), level, month.parse().unwrap());
            let (largest, total) = (Fen::new(largest * 100), Fen::new(total * 100));
            let allowed = found.is_none_or(|limit| limit.allows(largest, total));
            assert_eq!(allowed, expected, "{level:?} {month} {largest} {total}");
        }
        let other = in_force(&limits, ProgramId(2), Township, "2022-05".parse().unwrap());
        assert_eq!(other, None);
    }
}
