//! The bank of the measurement: it answers a batch file of any length by copying its lines.
//!
//! It shares no code with the product's adapters, and holds no line but those that it sends back.
//! Of every hundred payments 97 are paid at once, two fail at the first attempt for a reason that
//! passes by itself, and one is still in process at the first answer.

use encoding_rs::GB18030;
use ledger::calendar::Date;
use ledger::money::{Fen, MoneyError};

use super::city::{ACCOUNT_NO, HOLDER};
use crate::demo::bank::{DebitStyle, Layout, Setup};
use crate::demo::bank_file::write_statement;
use crate::demo::random::mix;

/// The most lines of one return file.
pub const RETURN_LINES: usize = 50_000;

/// The header of the product's batch table, and what a return adds.
const HEADER: &str = "序号,收款账号,户名,开户行,联行号,金额(元),用途,备注";
const RESULTS: &str = ",结果,失败原因,银行流水号";
/// The first cell of the total row.
const TOTAL: &str = "合计";
/// Why lines fail: the bank's own trouble, so that the same line may be sent again.
const REASON: &str = "银行系统忙请稍后重发";

/// What the bank does with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Paid,
    Failed,
    Late,
}

/// Why the bank cannot read a batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// The file is not the table that was agreed on.
    #[error("line {0} of the batch is not in the agreed layout")]
    Line(usize),
    /// Count or sum of the total row differ from the lines.
    #[error("the total row does not agree with the lines")]
    Total,
    /// An amount is out of range.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// A batch as the bank counted it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// Its lines.
    pub(super) lines: i64,
    /// Their sum.
    pub(super) total: Fen,
    /// Lines that fail.
    pub(super) failed: i64,
    /// Their sum.
    pub(super) failed_total: Fen,
    /// Lines that are paid later.
    pub(super) late: i64,
}

/// One return file and what it says.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its content.
    pub(super) bytes: Vec<u8>,
    /// Its lines.
    pub(super) lines: usize,
}

/// The agency's account at the bank.
#[derive(Debug)]
pub(super) struct Bank {
    setup: Setup,
    balance: Fen,
    opening: Fen,
    movements: Vec<[String; 9]>,
}

/// A line of a batch, as bytes.
struct Line<'a> {
    text: &'a [u8],
    cells: [&'a [u8]; 8],
}

impl Bank {
    /// An empty account.
    pub(super) fn new() -> Bank {
        let setup = Setup {
            name: "演示测算银行".to_owned(),
            holder: HOLDER.to_owned(),
            account_no: ACCOUNT_NO.to_owned(),
            layout: Layout::GenericCsv,
            debit: DebitStyle::WholeBatch,
        };
        Bank {
            setup,
            balance: Fen::ZERO,
            opening: Fen::ZERO,
            movements: Vec::new(),
        }
    }

    /// Money of an appropriation arrives.
    ///
    /// # Errors
    /// When the balance is out of range.
    pub(super) fn credit(
        &mut self,
        on: Date,
        amount: Fen,
        document: &str,
    ) -> Result<(), MoneyError> {
        let party = ["财政拨款", "演示财政国库", "9999000000000000001", document];
        self.movement(on, amount, party.map(str::to_owned))
    }

    /// Takes a batch in: debits the whole, and sends failures home on the same day.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub(super) fn take(&mut self, on: Date, batch: &str, file: &[u8]) -> Result<Taken, Unreadable> {
        let mut taken = Taken::default();
        let mut refunds = Vec::new();
        let total = each_line(file, |line| {
            let amount = line.amount()?;
            taken.lines += 1;
            taken.total = taken.total.plus(amount)?;
            match line.verdict()? {
                Verdict::Paid => {}
                Verdict::Late => taken.late += 1,
                Verdict::Failed => {
                    taken.failed += 1;
                    taken.failed_total = taken.failed_total.plus(amount)?;
                    refunds.push((amount, line.party()));
                }
            }
            Ok(())
        })?;
        if total != (taken.lines, taken.total) {
            return Err(Unreadable::Total);
        }
        let debit = ["批量代发", "批量代发", "", batch].map(str::to_owned);
        self.movement(on, Fen::ZERO.minus(taken.total)?, debit)?;
        for (amount, party) in refunds {
            self.movement(on, amount, party)?;
        }
        Ok(taken)
    }

    /// The statement since the last one.
    pub(super) fn statement(&mut self, from: Date, to: Date) -> Vec<u8> {
        let movements = std::mem::take(&mut self.movements);
        let balances = (self.opening, self.balance);
        self.opening = self.balance;
        write_statement(&self.setup, (from, to), balances, &movements)
    }

    fn movement(
        &mut self,
        on: Date,
        amount: Fen,
        [summary, party, account, remark]: [String; 4],
    ) -> Result<(), MoneyError> {
        self.balance = self.balance.plus(amount)?;
        let size = match amount < Fen::ZERO {
            true => [Fen::ZERO.minus(amount)?.to_string(), String::new()],
            false => [String::new(), amount.to_string()],
        };
        let [debit, credit] = size;
        let serial = format!("{}{:010}", on.format("%Y%m%d"), self.movements.len() + 1);
        let balance = self.balance.to_string();
        self.movements.push([
            on.to_string(),
            summary,
            debit,
            credit,
            balance,
            party,
            account,
            remark,
            serial,
        ]);
        Ok(())
    }
}

/// The answers to a batch, one file of at most [`RETURN_LINES`] lines after the other: the first
/// answers say of late lines that they are in process, the second speak of those alone.
///
/// # Errors
/// [`Unreadable`], and what `receive` gives.
pub(super) fn answers(file: &[u8], second: bool) -> Result<Vec<Answer>, Unreadable> {
    let [paid, pending] = [",成功,,", ",处理中,,"].map(gb);
    let failed = gb(&format!(",失败,{REASON},"));
    let head = gb(&format!("{HEADER}{RESULTS}\r\n"));
    let mut answers: Vec<Answer> = Vec::new();
    each_line(file, |line| {
        let verdict = line.verdict()?;
        if second && verdict != Verdict::Late {
            return Ok(());
        }
        if answers
            .last()
            .is_none_or(|answer| answer.lines == RETURN_LINES)
        {
            let room = if second {
                0
            } else {
                file.len().min(RETURN_LINES * 170)
            };
            let mut bytes = Vec::with_capacity(room + head.len());
            bytes.extend_from_slice(&head);
            answers.push(Answer { bytes, lines: 0 });
        }
        let Some(answer) = answers.last_mut() else {
            return Ok(());
        };
        answer.lines += 1;
        answer.bytes.extend_from_slice(line.text);
        answer.bytes.extend_from_slice(match verdict {
            Verdict::Failed => &failed,
            Verdict::Late if !second => &pending,
            Verdict::Paid | Verdict::Late => &paid,
        });
        if verdict != Verdict::Late || second {
            line.serial(&mut answer.bytes)?;
        }
        answer.bytes.extend_from_slice(b"\r\n");
        Ok(())
    })?;
    Ok(answers)
}

/// Reads a batch line by line; gives count and sum of its total row.
fn each_line<'a>(
    file: &'a [u8],
    mut receive: impl FnMut(&Line<'a>) -> Result<(), Unreadable>,
) -> Result<(i64, Fen), Unreadable> {
    let (header, total_mark) = (gb(HEADER), gb(TOTAL));
    let plain = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let mut total = None;
    for (number, text) in (1..).zip(plain.split(|byte| *byte == b'\n')) {
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.is_empty() {
            continue;
        }
        if number == 1 {
            if text != header {
                return Err(Unreadable::Line(number));
            }
            continue;
        }
        let line = Line::read(text).ok_or(Unreadable::Line(number))?;
        if line.cells[0] == total_mark.as_slice() {
            let counted = number_of(line.cells[2]).ok_or(Unreadable::Total)?;
            total = Some((counted, line.amount()?));
            continue;
        }
        if total.is_some() {
            return Err(Unreadable::Line(number));
        }
        receive(&line)?;
    }
    total.ok_or(Unreadable::Total)
}

impl<'a> Line<'a> {
    /// Cuts a line at its commas. A comma is no part of any other character of GB 18030, and a
    /// field in quotation marks is not in the agreed layout.
    fn read(text: &'a [u8]) -> Option<Line<'a>> {
        let mut cells: [&[u8]; 8] = [&[]; 8];
        let mut found = text.split(|byte| *byte == b',');
        for cell in &mut cells {
            *cell = found.next()?;
        }
        let plain = found.next().is_none() && !text.contains(&b'"');
        plain.then_some(Line { text, cells })
    }

    fn amount(&self) -> Result<Fen, Unreadable> {
        let text = std::str::from_utf8(self.cells[5]).unwrap_or_default();
        Ok(Fen::parse_yuan(text)?)
    }

    /// Payment and attempt of the agency's key, `P123-1`.
    fn key(&self) -> Result<(u64, u64), Unreadable> {
        let key = std::str::from_utf8(self.cells[7]).unwrap_or_default();
        let parts = key.strip_prefix('P').and_then(|rest| rest.split_once('-'));
        let numbers = parts.and_then(|(p, a)| Some((p.parse().ok()?, a.parse().ok()?)));
        numbers.ok_or(Unreadable::Total)
    }

    /// Two of a hundred first attempts fail and one is late; which, changes from hundred to
    /// hundred.
    fn verdict(&self) -> Result<Verdict, Unreadable> {
        let (payment, attempt) = self.key()?;
        let place = (payment % 100 + mix(payment / 100) % 100) % 100;
        Ok(match (attempt, place) {
            (1, 17 | 67) => Verdict::Failed,
            (1, 42) => Verdict::Late,
            _ => Verdict::Paid,
        })
    }

    /// The bank's number of the line: twelve digits.
    fn serial(&self, out: &mut Vec<u8>) -> Result<(), Unreadable> {
        let (payment, attempt) = self.key()?;
        let mut rest = mix(payment * 16 + attempt) % 1_000_000_000_000;
        let mut digits = [b'0'; 12];
        for digit in digits.iter_mut().rev() {
            *digit += u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        out.extend_from_slice(&digits);
        Ok(())
    }

    /// What a refund says: summary, party, account, remark.
    fn party(&self) -> [String; 4] {
        let text = |cell: &[u8]| GB18030.decode_without_bom_handling(cell).0.into_owned();
        let summary = format!("退汇:{REASON}");
        [
            summary,
            text(self.cells[2]),
            text(self.cells[1]),
            text(self.cells[7]),
        ]
    }
}

fn number_of(cell: &[u8]) -> Option<i64> {
    std::str::from_utf8(cell).ok()?.parse().ok()
}

fn gb(text: &str) -> Vec<u8> {
    GB18030.encode(text).0.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(lines: usize) -> Vec<u8> {
        let mut text = format!("{HEADER}\r\n");
        for n in 1..=lines {
            text.push_str(&format!(
                "{n},629901000000000001{},测甲乙,演示农商银行第一支行,402999900017,10.50,\
                 测算2026-01,P{n}-1\r\n",
                n % 10
            ));
        }
        let total = Fen::new(1_050 * i64::try_from(lines).unwrap());
        text.push_str(&format!("合计,,{lines},,,{total},,\r\n"));
        gb(&text)
    }

    fn day(number: u32) -> Date {
        Date::from_ymd_opt(2026, 1, number).unwrap()
    }

    #[test]
    fn of_a_hundred_two_fail_and_one_is_late() {
        for (lines, failed, late) in [(100, 2, 1), (1_000, 20, 10)] {
            let mut bank = Bank::new();
            bank.credit(day(4), Fen::new(10_000_000), "演示〔2026〕1号")
                .unwrap();
            // Payments count from 1, so the last of them begins the next hundred.
            let taken = bank.take(day(10), "B000001", &batch(lines)).unwrap();
            assert!((taken.failed - failed).abs() <= 1, "{taken:?}");
            assert!((taken.late - late).abs() <= 1, "{taken:?}");
            let text = String::from_utf8(bank.statement(day(1), day(20))).unwrap();
            let refunds = text.lines().filter(|line| line.contains("退汇")).count();
            assert_eq!(i64::try_from(refunds).unwrap(), taken.failed);
            assert_eq!(text.matches("B000001").count(), 1);
        }
    }

    #[test]
    fn answers_are_cut_and_speak_of_every_line_once() {
        let file = batch(RETURN_LINES + 10);
        let first = answers(&file, false).unwrap();
        let lines: Vec<usize> = first.iter().map(|answer| answer.lines).collect();
        assert_eq!(lines, [RETURN_LINES, 10]);
        let text = GB18030.decode(&first[0].bytes).0.into_owned();
        let count = |word: &str| text.lines().filter(|line| line.contains(word)).count();
        let said = (count(",成功,,"), count(",失败,"), count(",处理中,,"));
        assert_eq!(said.0 + said.1 + said.2, RETURN_LINES);
        assert!(
            (990..=1_010).contains(&said.1) && (490..=510).contains(&said.2),
            "{said:?}"
        );
        let second = answers(&file, true).unwrap();
        assert_eq!(second.len(), 1);
        assert!(!second[0].bytes.is_empty() && second[0].lines >= said.2);
    }

    #[test]
    fn a_file_that_does_not_add_up_is_not_taken() {
        let good = batch(5);
        let wrong = String::from_utf8_lossy(&good)
            .replace("10.50,", "10.51,")
            .into_bytes();
        let unknown = Unreadable::Line(1);
        assert_eq!(Bank::new().take(day(1), "B1", &wrong), Err(unknown));
        let text = GB18030.decode(&good).0.replacen("10.50", "10.51", 1);
        assert_eq!(
            Bank::new().take(day(1), "B1", &gb(&text)),
            Err(Unreadable::Total)
        );
        let text = GB18030.decode(&good).0.replacen("测甲乙", "\"测甲乙\"", 1);
        assert_eq!(
            Bank::new().take(day(1), "B1", &gb(&text)),
            Err(Unreadable::Line(2))
        );
    }
}
