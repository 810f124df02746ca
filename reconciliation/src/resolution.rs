//! How a difference (差异) can be settled, and what each settlement does to the books: one table.
//!
//! | effect | financial | budget |
//! |---|---|---|
//! | answer, failed, cancelled, corrected | as the line of a return | as the line of a return |
//! | refund of a failure | Dr 2307 Cr 1002; Dr 1002 Cr 1218.02 | Dr 8001 Cr 7201 |
//! | refund after success | and Dr 1218.02 Cr 2303 | – |
//! | paid twice | Dr 1218.03 Cr 1002 | Dr 7201 Cr 8001 |
//! | paid twice, repaid | Dr 2307 Cr 1002; Dr 1002 Cr 1218.03 | Dr 8001 Cr 7201 |
//! | paid twice, given up | Dr 5001 Cr 1218.03 | – |
//! | credit against debit | Dr 2307 Cr 1002 | – |
//! | credit to the treasury | Dr 2307 Cr 2103 | – |
//! | debit of batches or vouchers, by hand | – (booked before) | – |
//! | credit of appropriations, by hand | Dr 2307 Cr 1002 (booked when it was recorded) | – |
//! | fee out of interest | Dr 2103 Cr 1002 | – |
//! | returned payment, by its notice | Dr 1218.02 Cr 2303 | – |
//!
//! To add a resolution: a line of [`Resolution`], rows of [`TABLE`], and its effect where effects
//! are posted.

use std::fmt;
use std::str::FromStr;

use ledger::problem::Language;

use crate::answer::ExceptionKind;

macro_rules! coded {
    ($(#[$doc:meta])* $name:ident { $($(#[$line:meta])* $variant:ident $code:literal
        $zh:literal $en:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$line])* $variant,)* }

        impl $name {
            /// Every one.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The stable code in columns and JSON.
            pub fn code(self) -> &'static str {
                match self { $($name::$variant => $code,)* }
            }

            /// The name shown to people.
            pub fn name(self, language: Language) -> &'static str {
                match (self, language) { $(
                    ($name::$variant, Language::Zh) => $zh,
                    ($name::$variant, Language::En) => $en,
                )* }
            }

            /// The one with this code.
            pub fn from_code(code: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|one| one.code() == code)
            }
        }
    };
}

coded! {
    /// What two people decide about a difference.
    Resolution {
        /// The line is the answer to a payment, the credit its refund, the debit what a credit
        /// gives back.
        ForceMatch "force-match" "强制对应" "force-match";
        /// What the bank said first was wrong: the later answer counts.
        Correct "correct" "更正结果" "take the later answer";
        /// It was not paid: the payment is due again.
        RePay "re-pay" "未付,补发" "not paid, pay again";
        /// It was not paid because of the account, which was corrected meanwhile.
        Account "account" "账号已更正,补发" "account corrected, pay again";
        /// It was not paid and is owed no more.
        Cancel "cancel" "未付,取消发放" "not paid, cancel for good";
        /// The money stays in suspense, known to both.
        Suspense "suspense" "留在待查" "leave in suspense";
        /// Interest is the treasury's.
        Treasury "treasury" "缴入国库" "due to the treasury";
        /// A fee is taken from the interest that is due to the treasury.
        Charge "charge" "从应缴利息中列支" "charge to the interest";
        /// Nobody will explain it or give it back.
        WriteOff "write-off" "核销" "write off";
        /// It says nothing: what the books have is right.
        Ignore "ignore" "不予采用" "ignore";
    }
}

coded! {
    /// What a settlement does.
    Effect {
        /// Nothing is booked.
        Nothing "none" "不记账" "nothing booked";
        /// The answer to an attempt, as two people read it.
        Answer "answer" "作为银行答复" "taken as the bank's answer";
        /// The attempt failed, and is owed no more.
        Cancelled "cancelled" "未付并取消" "failed and cancelled";
        /// The earlier answer is voided, the opposite counts.
        Corrected "corrected" "更正银行答复" "answer corrected";
        /// A credit is the refund of a failure.
        Refund "refund" "退款到账" "refund came home";
        /// A credit is the refund of what had been reported paid (退票).
        RefundLate "refund-late" "成功后退票" "refund after success";
        /// Success was reported after it was paid again.
        Claim "claim" "重复发放待追回" "paid twice, owed back";
        /// A credit gives back what was paid twice.
        ClaimHome "claim-home" "重复发放已追回" "what was paid twice came back";
        /// A credit and a debit undo each other.
        Offset "offset" "收付相抵" "credit and debit undo each other";
        /// A credit that nobody claims goes to the treasury.
        Treasury "treasury" "转应缴财政款" "due to the treasury";
        /// A debit is that of batches or vouchers that the bank did not name.
        Linked "linked" "人工对应付款" "debit of batches or vouchers";
        /// A credit is the money of appropriations that are recorded.
        Funded "funded" "人工对应指标" "money of appropriations";
        /// A fee is less for the treasury.
        Charged "charged" "手续费从应缴财政款列支" "fee charged to what is due to the treasury";
        /// The notice tells of this payment: it is due again, and its money is awaited.
        Returned "returned" "已付退回" "returned payment";
        /// What was paid twice is given up.
        WrittenOff "written-off" "核销损失" "written off";
    }
}

impl Effect {
    /// Whether it takes a credit out of suspense (2307).
    pub fn clears_suspense(self) -> bool {
        matches!(
            self,
            Effect::Refund
                | Effect::RefundLate
                | Effect::ClaimHome
                | Effect::Offset
                | Effect::Treasury
                | Effect::Funded
        )
    }
}

/// Lines of a return that were not posted.
const LINES: &[ExceptionKind] = &[
    ExceptionKind::UnknownPayment,
    ExceptionKind::AmountDiffers,
    ExceptionKind::AccountDiffers,
    ExceptionKind::MatchedTwice,
    ExceptionKind::ForeignBatch,
    ExceptionKind::Ambiguous,
];

const CREDITS: &[ExceptionKind] = &[
    ExceptionKind::UnexplainedCredit,
    ExceptionKind::RefundWithoutOriginal,
];

const INTEREST: &[ExceptionKind] = &[ExceptionKind::Interest];

/// Money that left the account: it stays open until something settles it.
const DEBITS: &[ExceptionKind] = &[
    ExceptionKind::UnexplainedDebit,
    ExceptionKind::BatchDebitDiffers,
    ExceptionKind::BatchDebitedAgain,
    ExceptionKind::BankFee,
];

/// Two answers of the bank to one attempt.
const ANSWERS: &[ExceptionKind] = &[
    ExceptionKind::Contradiction,
    ExceptionKind::LateSuccess,
    ExceptionKind::SuccessTakenBack,
];

/// Whether a difference of this kind is money that left the account.
pub fn is_debit(kind: ExceptionKind) -> bool {
    DEBITS.contains(&kind)
}

/// Which kinds can be settled how, with the effects that it may have: which of them follows from
/// what it is settled against.
pub const TABLE: &[(&[ExceptionKind], Resolution, &[Effect])] = &[
    (LINES, Resolution::ForceMatch, &[Effect::Answer]),
    (LINES, Resolution::RePay, &[Effect::Answer]),
    (LINES, Resolution::Account, &[Effect::Answer]),
    (LINES, Resolution::Cancel, &[Effect::Cancelled]),
    (LINES, Resolution::Ignore, &[Effect::Nothing]),
    (
        ANSWERS,
        Resolution::Correct,
        &[Effect::Corrected, Effect::Claim],
    ),
    (ANSWERS, Resolution::Ignore, &[Effect::Nothing]),
    (
        CREDITS,
        Resolution::ForceMatch,
        &[
            Effect::Refund,
            Effect::RefundLate,
            Effect::ClaimHome,
            Effect::Offset,
            Effect::Funded,
        ],
    ),
    (
        INTEREST,
        Resolution::ForceMatch,
        &[
            Effect::Refund,
            Effect::RefundLate,
            Effect::ClaimHome,
            Effect::Offset,
            Effect::Funded,
        ],
    ),
    (INTEREST, Resolution::Suspense, &[Effect::Nothing]),
    (INTEREST, Resolution::Treasury, &[Effect::Treasury]),
    (CREDITS, Resolution::Suspense, &[Effect::Nothing]),
    (CREDITS, Resolution::WriteOff, &[Effect::Treasury]),
    (
        DEBITS,
        Resolution::ForceMatch,
        &[Effect::Offset, Effect::Linked],
    ),
    (
        &[ExceptionKind::BankFee],
        Resolution::Charge,
        &[Effect::Charged],
    ),
    (
        &[ExceptionKind::RefundNotice],
        Resolution::ForceMatch,
        &[Effect::Returned],
    ),
    (
        &[ExceptionKind::RefundNotice],
        Resolution::Ignore,
        &[Effect::Nothing],
    ),
    (
        &[ExceptionKind::PaidTwice],
        Resolution::ForceMatch,
        &[Effect::ClaimHome],
    ),
    (
        &[ExceptionKind::PaidTwice],
        Resolution::WriteOff,
        &[Effect::WrittenOff],
    ),
];

/// How a difference of this kind can be settled.
pub fn offered(kind: ExceptionKind) -> impl Iterator<Item = Resolution> {
    TABLE
        .iter()
        .filter(move |(kinds, ..)| kinds.contains(&kind))
        .map(|(_, resolution, _)| *resolution)
}

/// The effects that settling a difference of this kind so may have; none when it cannot be.
pub fn effects(kind: ExceptionKind, resolution: Resolution) -> &'static [Effect] {
    TABLE
        .iter()
        .find(|(kinds, known, _)| kinds.contains(&kind) && *known == resolution)
        .map_or(&[], |(.., effects)| effects)
}

/// A resolution with what it is settled against, as one text: `force-match:paid:P12-1`,
/// `force-match:X7`, `write-off:urban`, `force-match:B000001:B000002`, `force-match:A3`,
/// `force-match:V12`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What is decided.
    pub resolution: Resolution,
    /// What the bank is taken to have said of the line.
    pub paid: Option<bool>,
    /// The payment; its newest attempt when the attempt is not given.
    pub payment: Option<(i64, Option<i64>)>,
    /// Further payments whose refunds came in the same credit.
    pub payments: Vec<(i64, Option<i64>)>,
    /// The numbers of the batches that a debit is of.
    pub batches: Vec<i64>,
    /// The vouchers whose money a debit is: returned to the treasury, or paid twice.
    pub vouchers: Vec<i64>,
    /// The appropriations whose money a credit is.
    pub appropriations: Vec<i64>,
    /// The difference that it is settled against.
    pub other: Option<i64>,
    /// The program whose treasury money it becomes.
    pub program: Option<String>,
}

impl Plan {
    /// A resolution by itself.
    pub fn of(resolution: Resolution) -> Plan {
        Plan {
            resolution,
            paid: None,
            payment: None,
            payments: Vec::new(),
            batches: Vec::new(),
            vouchers: Vec::new(),
            appropriations: Vec::new(),
            other: None,
            program: None,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.resolution.code())?;
        match self.paid {
            Some(true) => out.write_str(":paid")?,
            Some(false) => out.write_str(":failed")?,
            None => {}
        }
        for one in self.payment.iter().chain(&self.payments) {
            match one {
                (payment, Some(attempt)) => write!(out, ":P{payment}-{attempt}")?,
                (payment, None) => write!(out, ":P{payment}")?,
            }
        }
        for batch in &self.batches {
            write!(out, ":B{batch:06}")?;
        }
        for voucher in &self.vouchers {
            write!(out, ":V{voucher}")?;
        }
        for appropriation in &self.appropriations {
            write!(out, ":A{appropriation}")?;
        }
        if let Some(other) = self.other {
            write!(out, ":X{other}")?;
        }
        match &self.program {
            Some(program) => write!(out, ":{program}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Plan {
    type Err = String;

    /// Reads it; the error is the part that it is not made of.
    fn from_str(text: &str) -> Result<Plan, String> {
        let mut parts = text.trim().split(':').map(str::trim);
        let code = parts.next().unwrap_or_default();
        let by_name = |one: &&Resolution| one.name(Language::Zh) == code;
        let resolution = Resolution::from_code(code)
            .or_else(|| Resolution::ALL.iter().find(by_name).copied())
            .ok_or_else(|| code.to_owned())?;
        let mut plan = Plan::of(resolution);
        for part in parts {
            if !plan.take(part) {
                return Err(part.to_owned());
            }
        }
        Ok(plan)
    }
}

impl Plan {
    /// Takes one part; whether it could, because it is there for the first time.
    fn take(&mut self, part: &str) -> bool {
        let alone = |letter| numbered(part, letter).filter(|(_, second)| second.is_none());
        if let Some(named) = numbered(part, 'P') {
            let twice = self.payment == Some(named) || self.payments.contains(&named);
            match self.payment {
                None => self.payment = Some(named),
                Some(_) => self.payments.push(named),
            }
            return !twice;
        }
        let (list, number) = match (alone('B'), alone('A'), alone('V')) {
            (Some((batch, _)), ..) => (&mut self.batches, batch),
            (_, Some((letter, _)), _) => (&mut self.appropriations, letter),
            (.., Some((voucher, _))) => (&mut self.vouchers, voucher),
            _ => {
                return match (part, alone('X')) {
                    ("paid", _) => self.paid.replace(true).is_none(),
                    ("failed", _) => self.paid.replace(false).is_none(),
                    (_, Some((other, _))) => self.other.replace(other).is_none(),
                    ("", _) => false,
                    _ => self.program.replace(part.to_owned()).is_none(),
                };
            }
        };
        let new = !list.contains(&number);
        list.push(number);
        new
    }
}

/// `P12-1`: a number after this letter, and perhaps a second one; both at least 1.
fn numbered(part: &str, letter: char) -> Option<(i64, Option<i64>)> {
    let rest = part.strip_prefix(letter)?;
    let number = |text: &str| text.parse().ok().filter(|number| *number >= 1_i64);
    match rest.split_once('-') {
        Some((first, second)) => Some((number(first)?, Some(number(second)?))),
        None => Some((number(rest)?, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_can_be_settled_in_two_ways_but_for_debits_and_no_row_is_there_twice() {
        for kind in ExceptionKind::ALL {
            let ways: Vec<_> = offered(*kind).collect();
            // Money that left the account is never explained by words alone.
            let least = if is_debit(*kind) { 1 } else { 2 };
            assert!(ways.len() >= least, "{kind:?}");
            let booked = |way: &Resolution| !effects(*kind, *way).contains(&Effect::Nothing);
            assert!(!is_debit(*kind) || ways.iter().all(booked), "{kind:?}");
            let once: std::collections::BTreeSet<_> = ways.iter().collect();
            assert_eq!(once.len(), ways.len(), "{kind:?}");
            for resolution in Resolution::ALL {
                let some = !effects(*kind, *resolution).is_empty();
                assert_eq!(some, ways.contains(resolution), "{kind:?} {resolution:?}");
            }
        }
    }

    #[test]
    fn a_plan_is_read_as_it_is_written() {
        for text in [
            "ignore",
            "force-match:paid:P12-1",
            "force-match:failed:P12",
            "force-match:X7",
            "write-off:urban",
            "correct",
            "force-match:P12-1:P13",
            "force-match:B000001:B000012",
            "force-match:B000001:X7",
            "force-match:A3:A4",
            "force-match:V12:V13",
            "charge:urban",
        ] {
            let plan: Plan = text.parse().unwrap();
            assert_eq!(plan.to_string(), text);
        }
        let by_name: Plan = "强制对应 : P3".parse().unwrap();
        assert_eq!(by_name.to_string(), "force-match:P3");
        for (text, wrong) in [
            ("银行误列", "银行误列"),
            ("", ""),
            ("ignore:paid:failed", "failed"),
            ("force-match:P1:P1", "P1"),
            ("force-match:B1:B000001", "B000001"),
            ("write-off:urban:rural", "rural"),
            ("ignore:", ""),
        ] {
            assert_eq!(text.parse::<Plan>().unwrap_err(), wrong);
        }
        // Zero and less are no numbers: they are read as the code of a program.
        let none: Plan = "force-match:P0".parse().unwrap();
        assert_eq!((none.payment, none.program.as_deref()), (None, Some("P0")));
    }
}
