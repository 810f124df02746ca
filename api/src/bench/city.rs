//! A synthetic city of any size: its programs, its people and their rosters.
//!
//! A program pays at most [`PROGRAM_PAYMENTS`] households, each with one payee who is its head.
//! Every fourth household has a second line. The city knows what is due to each, so that the
//! totals of the books can be held against it. The same size gives the same bytes each time.

use std::fmt::Write as _;

use ledger::money::{Fen, MoneyError};

use crate::demo::calibrate::Misfit;
use crate::demo::people::{self, Branch};
use crate::demo::random::mix;
use crate::demo::roster_file::COLUMNS;

/// The most payments of one program: a roster of about 125,000 lines.
pub const PROGRAM_PAYMENTS: usize = 100_000;

/// The code of the account from which everything is paid.
pub(super) const ACCOUNT: &str = "bench";
/// Its number.
pub(super) const ACCOUNT_NO: &str = "6217001234567890122";
/// Its holder.
pub(super) const HOLDER: &str = "演示测算市民政局";

/// Yuan a month: the standard, and the component of every fourth household.
const STANDARD: i64 = 740;
const TOP_UP: i64 = 222;

/// The city.
#[derive(Clone, Copy, Debug)]
pub(super) struct City {
    payments: usize,
    largest: usize,
}

/// One program of the city.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// Its number, from 1.
    pub(super) number: usize,
    /// Its code.
    pub(super) code: String,
    /// The number of its first household in the city, from 0.
    first: usize,
    /// Its households, which are its payments each month.
    pub(super) payments: usize,
}

/// What a program comes to each month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// Payments.
    pub(super) payments: i64,
    /// Lines of the roster, one award each.
    pub(super) lines: i64,
    /// What is due.
    pub(super) total: Fen,
}

impl City {
    /// A city of so many payments a month, whose programs have at most `largest` each.
    pub(super) fn new(payments: usize, largest: usize) -> City {
        let largest = largest.clamp(1, PROGRAM_PAYMENTS);
        City { payments, largest }
    }

    /// Its programs.
    pub(super) fn programs(&self) -> Vec<Program> {
        (0..self.payments)
            .step_by(self.largest)
            .zip(1..)
            .map(|(first, number)| Program {
                number,
                code: format!("bench-{number:03}"),
                first,
                payments: self.largest.min(self.payments - first),
            })
            .collect()
    }

    /// Paying account, programs, components and standards as a policy file.
    pub(super) fn policy(&self) -> String {
        let mut text = format!(
            "[[bank_account]]\ncode = \"{ACCOUNT}\"\nbank_name = \"演示测算市农村商业银行\"\n\
             bank_no = \"314000000027\"\naccount_no = \"{ACCOUNT_NO}\"\n\
             account_name = \"{HOLDER}\"\ndebit = \"whole\"\nbatch_profile = \"generic-csv\"\n\
             return_profile = \"generic-csv-return\"\n\
             statement_profile = \"generic-statement-csv\"\n"
        );
        for program in self.programs() {
            let (code, number) = (&program.code, program.number);
            let _ = write!(
                text,
                "\n[[program]]\ncode = \"{code}\"\nname = \"测算生活保障{number}\"\n\
                 function_code = \"2082001\"\nfunding = {{ bank_account = \"{ACCOUNT}\" }}\n"
            );
            for (code, name, formula, amount) in [
                ("base", "保障金", "amount-minus-income", STANDARD),
                ("top-up", "分类施保金", "amount", TOP_UP),
            ] {
                let _ = write!(
                    text,
                    "[[program.component]]\ncode = \"{code}\"\nname = \"{name}\"\n\
                     scope = \"person\"\nmonths = \"1-12\"\n[[program.component.standard]]\n\
                     tag = \"\"\nfrom = \"2022-01\"\nformula = \"{formula}\"\n\
                     amount = \"{amount}\"\ndocument = \"演示测〔2022〕1号\"\n"
                );
            }
        }
        text
    }
}

impl Program {
    /// What it comes to each month.
    ///
    /// # Errors
    /// When the sum is out of range, which no city's is.
    pub(super) fn due(&self) -> Result<Due, MoneyError> {
        let mut due = Due::default();
        let mut yuan = 0;
        for household in self.households() {
            due.payments += 1;
            due.lines += 1 + i64::from(has_top_up(household));
            yuan += STANDARD - income(household);
            yuan += if has_top_up(household) { TOP_UP } else { 0 };
        }
        due.total = Fen::parse_yuan(&yuan.to_string())?;
        Ok(due)
    }

    fn households(&self) -> std::ops::Range<usize> {
        self.first..self.first + self.payments
    }

    /// Its roster as CSV in UTF-8, households and people numbered in the order of the file.
    ///
    /// # Errors
    /// [`Misfit`] when there are more people than identity numbers.
    pub(super) fn roster(&self) -> Result<Vec<u8>, Misfit> {
        let branches = people::branches();
        let mut text = String::with_capacity(self.payments * 245 + 512);
        text.push_str(&COLUMNS.join(","));
        text.push_str("\r\n");
        for household in self.households() {
            let branch = &branches[household % branches.len()];
            self.household(household, branch, &mut text)?;
        }
        Ok(text.into_bytes())
    }

    /// The lines of one household. No field needs quotation marks.
    fn household(&self, order: usize, branch: &Branch, out: &mut String) -> Result<(), Misfit> {
        let (name, number) = (people::name(order), people::identity(order)?);
        let account = people::account(branch, order + 1);
        let draw = usize::try_from(mix(order as u64) % 10_000).unwrap_or(0);
        let (town, village) = match draw.is_multiple_of(3) {
            true => people::urban_place(draw),
            false => people::rural_place(draw),
        };
        let components: &[&str] = match has_top_up(order) {
            true => &["base", "top-up"],
            false => &["base"],
        };
        for component in components {
            let _ = write!(
                out,
                "SL{program:03}-{order:07},示例{town},示例{village},{name},{number},户主,\
                 {component},,{income}.00,,,{name},{number},个人,{bank},{bank_no},{account}\r\n",
                program = self.number,
                income = income(order),
                bank = branch.name,
                bank_no = branch.number,
            );
        }
        Ok(())
    }
}

fn has_top_up(household: usize) -> bool {
    household % 4 == 3
}

/// The household's income a month in whole yuan.
fn income(household: usize) -> i64 {
    i64::try_from(household % 30).unwrap_or(0) * 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_full_but_for_the_last() {
        for (payments, largest, expected) in [
            (1, 100_000, vec![1]),
            (400, 100_000, vec![400]),
            (400, 150, vec![150, 150, 100]),
            (250_000, 200_000, vec![100_000, 100_000, 50_000]),
        ] {
            let programs = City::new(payments, largest).programs();
            let sizes: Vec<usize> = programs.iter().map(|program| program.payments).collect();
            assert_eq!(sizes, expected);
        }
    }

    #[test]
    fn a_roster_has_its_lines_and_different_people() {
        let programs = City::new(40, 20).programs();
        let text = String::from_utf8(programs[1].roster().unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let due = programs[1].due().unwrap();
        assert_eq!((due.payments, due.lines), (20, 25));
        assert_eq!(lines.len(), 26);
        assert_eq!(lines[0], COLUMNS.join(","));
        for (line, expected) in [
            (
                1,
                "SL002-0000020,示例甲镇,示例二村,样丙甲,610881190001210014,户主,base,,200.00,,,\
                 样丙甲,610881190001210014,个人,演示农商银行第一支行,402999900017,\
                 6299010000000000216",
            ),
            (
                5,
                lines[4]
                    .replace(",base,,230.00,", ",top-up,,230.00,")
                    .as_str(),
            ),
        ] {
            assert_eq!(lines[line], expected);
        }
        // 20 × 740 less incomes of 200 to 290 and 0 to 90, and 5 × 222.
        let yuan = 20 * 740 - (2_450 + 450) + 5 * 222;
        assert_eq!(due.total, Fen::new(yuan * 100));
    }
}
