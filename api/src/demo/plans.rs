//! Which accounts fail, when and why.
//!
//! About one payment in a hundred fails at first in every program. Rural dibao besides has
//! accounts that are not put right before the year's end, so that 98.00 % of its payments are
//! paid in the end; all other programs end at 100 %.

use std::collections::{BTreeMap, BTreeSet};

use ledger::calendar::{Date, Month};

use super::builder::{Award, Builder};
use super::calibrate::{Misfit, choose_exactly};
use super::county::YEAR;
use super::random::Sequence;

/// What a bank will find wrong with an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing.
    Good,
    /// In this month a first attempt is still being processed at the bank's first answer.
    PendingOnce {
        /// The month.
        month: Month,
    },
    /// Fails from this month on; the next month's roster has another account.
    FailUntilCorrected {
        /// The first month that fails.
        from: Month,
        /// In the bank's words.
        reason: String,
    },
    /// A first attempt in this month fails, a second one is paid.
    TransientFail {
        /// The month.
        month: Month,
        /// In the bank's words.
        reason: String,
    },
    /// Paid, and sent back some days later; the next month's roster has another account.
    RefundLater {
        /// The first month in which this happens.
        from: Month,
        /// Days after the payment.
        days: u32,
        /// In the bank's words.
        reason: String,
    },
    /// Fails from this month on, and is not put right in the year.
    NeverWorks {
        /// The first month that fails.
        from: Month,
        /// In the bank's words.
        reason: String,
    },
}

/// What happens to one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Paid at once.
    Paid,
    /// Unknown at the first answer, paid at the second.
    PaidLater,
    /// Refused.
    Failed(String),
    /// Paid, and refunded after so many days.
    Refunded(u32, String),
}

impl Plan {
    /// What happens to an attempt (counted from 1) sent to the bank on this date.
    pub fn outcome(&self, date: Date, attempt: u32) -> Outcome {
        let now = Month::of(date);
        match self {
            Plan::PendingOnce { month } if *month == now && attempt == 1 => Outcome::PaidLater,
            Plan::FailUntilCorrected { from, reason } | Plan::NeverWorks { from, reason }
                if *from <= now =>
            {
                Outcome::Failed(reason.clone())
            }
            Plan::TransientFail { month, reason } if *month == now && attempt == 1 => {
                Outcome::Failed(reason.clone())
            }
            Plan::RefundLater { from, days, reason } if *from <= now => {
                Outcome::Refunded(*days, reason.clone())
            }
            _ => Outcome::Paid,
        }
    }
}

/// Failures that another account cures; `{}` is another name or account.
const LASTING: [&str; 16] = [
    "已销户",
    "户名不符,原户名为[{}]",
    "账号不存在",
    "卡号不存在",
    "完全冻结",
    "介质状态异常！",
    "账号状态异常！",
    "该户为非结算户,不能转帐",
    "卡号已注销",
    "已清户",
    "查找账号[{}]信息错",
    "销户,完全冻结和挂失",
    "账户类型非法",
    "NN1IA102 户名与账号不符",
    "证件号不符",
    "单位编号错误或者卡号不存在",
];
/// Failures that a second attempt cures.
const PASSING: [&str; 5] = [
    "系统忙,请稍后再试",
    "参与机构非营业",
    "卡已达限额",
    "系统忙",
    "累计超限",
];
/// Reasons of a refund after success.
const REFUNDS: [&str; 5] = [
    "退汇:收款账户已销户",
    "退票:户名与账号不符",
    "日终自动退回",
    "退汇:账户冻结",
    "退汇:长期不动户",
];

/// A payment of the year: which payees are paid, month by month, and how much.
type Year = BTreeMap<usize, [i64; 12]>;

struct Planner<'a> {
    builder: &'a mut Builder,
    plans: BTreeMap<String, Plan>,
    planned: BTreeSet<usize>,
}

/// Plans the failures of all programs and gives new accounts to those who get one.
pub(super) fn plan(
    builder: &mut Builder,
    programs: &[&str],
) -> Result<BTreeMap<String, Plan>, Misfit> {
    let mut planner = Planner {
        builder,
        plans: BTreeMap::new(),
        planned: BTreeSet::new(),
    };
    for program in programs {
        let (year, present) = planner.year(program);
        if *program == "rural-dibao" {
            planner.never_paid(&year)?;
        }
        let refunds = match *program {
            "urban-dibao" => 8,
            "rural-dibao" => 12,
            _ => 0,
        };
        // The extras go to accounts of the two programs before, and fail with them.
        if *program != "laid-off-and-streamlined-extras" {
            planner.failures(&year, &present, refunds)?;
        }
    }
    Ok(planner.plans)
}

impl Planner<'_> {
    /// Yuan by payee and month, and the months in which payees are on the roster.
    fn year(&self, program: &str) -> (Year, BTreeSet<(usize, u32)>) {
        let mut year = Year::new();
        let mut present = BTreeSet::new();
        let of_program = |award: &&Award| {
            self.builder
                .cases
                .get(award.case)
                .is_some_and(|case| case.program == program)
        };
        for award in self.builder.awards.iter().filter(of_program) {
            for month in award.from..=award.to {
                present.insert((award.payee, month));
                let due = (award.due.0..=award.due.1).contains(&month);
                let slot = year.entry(award.payee).or_default().get_mut(place(month));
                if let (Some(slot), true) = (slot, due) {
                    *slot += award.worth;
                }
            }
        }
        let institution = |payee: &usize| {
            self.builder
                .payees
                .get(*payee)
                .is_none_or(|payee| payee.institution)
        };
        year.retain(|payee, _| !institution(payee));
        (year, present)
    }

    /// Accounts that are never put right: exactly one payment in fifty, and of sixty choices the
    /// one whose amounts are nearest to one fiftieth.
    fn never_paid(&mut self, year: &Year) -> Result<(), Misfit> {
        let payments = year
            .values()
            .flatten()
            .filter(|amount| **amount > 0)
            .count();
        let amounts: i64 = year.values().flatten().sum();
        let target = (payments + 25) / 50;
        let mut best: Option<(i64, Vec<(usize, u32)>)> = None;
        for _ in 0..60 {
            let draw = &mut self.builder.draw;
            let from: Vec<(usize, u32)> = year
                .keys()
                .map(|payee| (*payee, u32::try_from(draw.between(3, 12)).unwrap_or(12)))
                .collect();
            let after = |(payee, from): &(usize, u32)| {
                let months = year.get(payee).into_iter().flatten().skip(place(*from));
                months.filter(|amount| **amount > 0)
            };
            let weights: Vec<usize> = from.iter().map(|start| after(start).count()).collect();
            let chosen = choose_exactly(draw, &weights, target, "accounts never put right")?;
            let chosen: Vec<(usize, u32)> = chosen
                .into_iter()
                .filter_map(|index| from.get(index).copied())
                .collect();
            let unpaid: i64 = chosen.iter().flat_map(after).sum();
            let distance = (unpaid * 50 - amounts).abs();
            if best.as_ref().is_none_or(|(nearest, _)| distance < *nearest) {
                best = Some((distance, chosen));
            }
        }
        for (payee, from) in best.map(|(_, chosen)| chosen).unwrap_or_default() {
            let reason = self.reason(&LASTING);
            self.set(
                payee,
                Plan::NeverWorks {
                    from: month(from)?,
                    reason,
                },
            );
        }
        Ok(())
    }

    /// Of a thousand payments, seven fail until corrected, two fail once and three are late; and
    /// so many are refunded in the year.
    fn failures(
        &mut self,
        year: &Year,
        present: &BTreeSet<(usize, u32)>,
        refunds: usize,
    ) -> Result<(), Misfit> {
        let mut owed = [0_usize; 3];
        for number in 1..=12 {
            let mut paid: Vec<usize> = year
                .iter()
                .filter(|(_, amounts)| amounts.get(place(number)).is_some_and(|due| *due > 0))
                .map(|(payee, _)| *payee)
                .collect();
            for (owed, rate) in owed.iter_mut().zip([7, 2, 3]) {
                *owed += paid.len() * rate;
            }
            let returning = if number < 12 {
                (refunds * place(number + 1)) / 11
            } else {
                refunds
            };
            let before = (refunds * place(number)) / 11;
            self.builder.draw.shuffle(&mut paid);
            let again = |payee: &usize| number == 12 || present.contains(&(*payee, number + 1));
            paid.retain(|payee| again(payee) && !self.planned.contains(payee));
            let mut candidates = paid.into_iter();
            for (owed, kind) in owed.iter_mut().zip(0..) {
                for payee in candidates.by_ref().take(*owed / 1_000) {
                    self.fail(payee, number, kind)?;
                }
                *owed %= 1_000;
            }
            for payee in candidates.take(returning.saturating_sub(before)) {
                self.fail(payee, number, 3)?;
            }
        }
        Ok(())
    }

    fn fail(&mut self, payee: usize, number: u32, kind: u32) -> Result<(), Misfit> {
        let month = month(number)?;
        let plan = match kind {
            0 => Plan::FailUntilCorrected {
                from: month,
                reason: self.reason(&LASTING),
            },
            1 => Plan::TransientFail {
                month,
                reason: self.reason(&PASSING),
            },
            2 => Plan::PendingOnce { month },
            _ => {
                let days = u32::try_from(self.builder.draw.between(2, 10)).unwrap_or(2);
                Plan::RefundLater {
                    from: month,
                    days,
                    reason: self.reason(&REFUNDS),
                }
            }
        };
        self.set(payee, plan);
        if kind == 0 || kind == 3 {
            self.correct(payee, number + 1)?;
        }
        Ok(())
    }

    fn set(&mut self, payee: usize, plan: Plan) {
        self.planned.insert(payee);
        if let Some(payee) = self.builder.payees.get(payee) {
            self.plans.insert(payee.account(1).to_owned(), plan);
        }
    }

    /// A new account from a month's roster on.
    fn correct(&mut self, payee: usize, from: u32) -> Result<(), Misfit> {
        let Builder {
            registry,
            branches,
            payees,
            ..
        } = &mut *self.builder;
        let missing = || Misfit::new("corrections", "no payee or branch");
        let payee = payees.get_mut(payee).ok_or_else(missing)?;
        let branch = branches.get(payee.branch).ok_or_else(missing)?;
        payee.accounts.push((from, registry.account(branch)));
        Ok(())
    }

    fn reason(&mut self, texts: &[&str]) -> String {
        let draw: &mut Sequence = &mut self.builder.draw;
        let text = texts
            .get(draw.below(texts.len()))
            .copied()
            .unwrap_or("其他");
        let filler = if text.starts_with("查找") {
            "6299****"
        } else {
            "某某"
        };
        text.replace("{}", filler)
    }
}

fn place(month: u32) -> usize {
    usize::try_from(month).unwrap_or(1).saturating_sub(1)
}

fn month(number: u32) -> Result<Month, Misfit> {
    Month::new(YEAR, number).map_err(|error| Misfit::new("months", &error.to_string()))
}
