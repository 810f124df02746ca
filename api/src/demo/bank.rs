//! A simulated bank with the agency's account: takes batch files, answers them, writes statements.
//!
//! It shares no code with the product's adapters: it reads what the product wrote and writes what
//! the product must read (see [`super::bank_file`]). What happens to a line depends on its
//! account's plan, the date and the attempt alone, so that feeding the same files again, in a new
//! process too, gives the same answers and movements.

use std::collections::BTreeMap;

use ledger::calendar::Date;
use ledger::money::{Fen, MoneyError};

use super::bank_file::{self, Answer, Instruction, Text};
use super::plans::{Outcome, Plan};
use super::random::hash;

/// Days from receipt to the first answer.
const FIRST_ANSWER: u64 = 1;
/// Days from receipt to the second answer, for the lines still in process at the first.
const SECOND_ANSWER: u64 = 3;

/// The layout of a bank's batch files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// ICBC batch text A1, amounts in fen, GBK; answered by ICBC's return text.
    IcbcA1,
    /// CSV with a header row and a total row; answered by CSV.
    GenericCsv,
    /// The same columns in a workbook; answered by a workbook.
    GenericXlsx,
    /// ABC's lines of fixed width; answered by its result file.
    AbcFixed,
    /// The treasury's vouchers 5201 with 8207; they come back filled in.
    Treasury,
    /// ISO 20022 pain.001; answered by pain.002.
    Iso,
}

/// What leaves the agency's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebitStyle {
    /// The whole batch at receipt; failures come back one by one.
    WholeBatch,
    /// What succeeded, at each answer.
    SuccessOnly,
}

/// A bank and the agency's account there.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The bank's name.
    pub name: String,
    /// The account's holder.
    pub holder: String,
    /// The agency's account.
    pub account_no: String,
    /// The layout of its batch files.
    pub layout: Layout,
    /// What leaves the account.
    pub debit: DebitStyle,
}

/// A batch taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The batch number in the file's name.
    pub batch: String,
    /// Lines taken in.
    pub lines: usize,
    /// Their sum.
    pub total: Fen,
    /// What left the account at receipt.
    pub debited: Fen,
}

/// A return file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnFile {
    /// Its name.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// When the bank hands it out.
    pub date: Date,
}

/// Why the bank does not take a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BankRefusal {
    /// Another file with this name was taken in before.
    #[error("another file {0} was taken in before")]
    NameTaken(String),
    /// The file is not in the declared layout.
    #[error("line {line}: {why}")]
    Unreadable {
        /// Line or row of the file, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// The control totals do not agree with the lines.
    #[error("control totals say {stated}, the lines {counted}")]
    Totals {
        /// As the file states.
        stated: String,
        /// As counted.
        counted: String,
    },
    /// The account does not hold the money.
    #[error("{needed} needed, {available} available")]
    Balance {
        /// The batch's total.
        needed: Fen,
        /// What the account holds.
        available: Fen,
    },
    /// There is no such batch.
    #[error("no batch {0}")]
    NoSuchBatch(String),
    /// An amount is out of range.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Debit,
    Credit,
}

struct Movement {
    date: Date,
    side: Side,
    amount: Fen,
    summary: String,
    party: String,
    party_account: String,
    remark: String,
}

struct Line {
    instruction: Instruction,
    outcome: Outcome,
    late: bool,
}

struct Batch {
    name: String,
    bytes: Vec<u8>,
    date: Date,
    receipt: Receipt,
    lines: Vec<Line>,
    text: Text,
}

/// One simulated bank.
pub struct Bank {
    setup: Setup,
    plans: BTreeMap<String, Plan>,
    batches: BTreeMap<String, Batch>,
    movements: Vec<Movement>,
}

impl Bank {
    /// A bank whose recipients' accounts behave as planned; accounts without a plan are good.
    pub fn new(setup: Setup, plans: BTreeMap<String, Plan>) -> Bank {
        Bank {
            setup,
            plans,
            batches: BTreeMap::new(),
            movements: Vec::new(),
        }
    }

    /// The bank and the agency's account there.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Money of an appropriation arrives; `document` is its number.
    pub fn credit(&mut self, date: Date, amount: Fen, document: &str) {
        self.movements.push(Movement {
            date,
            side: Side::Credit,
            amount,
            summary: "财政拨款".to_owned(),
            party: "演示财政国库".to_owned(),
            party_account: "9999000000000000001".to_owned(),
            remark: document.to_owned(),
        });
    }

    /// Takes in a batch file: checks it, takes the money, decides each line. The same file again
    /// gives the same receipt and moves nothing.
    ///
    /// # Errors
    /// [`BankRefusal`]; nothing moves then.
    pub fn receive(
        &mut self,
        date: Date,
        file_name: &str,
        bytes: &[u8],
    ) -> Result<Receipt, BankRefusal> {
        let batch = batch_of(file_name);
        if let Some(known) = self.batches.get(&batch) {
            return if known.name == file_name && known.bytes == bytes {
                Ok(known.receipt.clone())
            } else {
                Err(BankRefusal::NameTaken(file_name.to_owned()))
            };
        }
        let (instructions, text) = bank_file::read_batch(&self.setup, bytes)?;
        let total = Fen::sum(instructions.iter().map(|instruction| instruction.amount))?;
        let available = self.available(date)?;
        if total > available {
            return Err(BankRefusal::Balance {
                needed: total,
                available,
            });
        }
        let lines: Vec<Line> = instructions
            .into_iter()
            .map(|instruction| self.decide(date, instruction))
            .collect();
        let debited = match self.setup.debit {
            DebitStyle::WholeBatch => total,
            DebitStyle::SuccessOnly => Fen::ZERO,
        };
        let receipt = Receipt {
            batch: batch.clone(),
            lines: lines.len(),
            total,
            debited,
        };
        let (name, bytes) = (file_name.to_owned(), bytes.to_vec());
        let taken = Batch {
            name,
            bytes,
            date,
            receipt: receipt.clone(),
            lines,
            text,
        };
        self.book(&taken)?;
        self.batches.insert(batch, taken);
        Ok(receipt)
    }

    /// The answers to a batch: the first for all lines, and a second, days later, for those that
    /// were still in process.
    ///
    /// # Errors
    /// [`BankRefusal::NoSuchBatch`].
    pub fn answers(&self, batch: &str) -> Result<Vec<ReturnFile>, BankRefusal> {
        let taken = self
            .batches
            .get(batch)
            .ok_or_else(|| BankRefusal::NoSuchBatch(batch.to_owned()))?;
        let mut files = Vec::new();
        for (number, days) in [(1, FIRST_ANSWER), (2, SECOND_ANSWER)] {
            let answers: Vec<(&Instruction, Answer, String)> = taken
                .lines
                .iter()
                .filter(|line| number == 1 || line.late)
                .map(|line| (&line.instruction, line.answer(number), serial(batch, line)))
                .collect();
            if answers.is_empty() {
                continue;
            }
            let date = later(taken.date, days);
            let (suffix, bytes) =
                bank_file::write_answer(&self.setup, batch, date, &answers, &taken.text)?;
            files.push(ReturnFile {
                name: format!("{batch}-return-{number}.{suffix}"),
                bytes,
                date,
            });
        }
        Ok(files)
    }

    /// The account's statement from one day to another, both included: name and CSV.
    ///
    /// # Errors
    /// [`BankRefusal::Money`] when a balance is out of range.
    pub fn statement(&self, from: Date, to: Date) -> Result<(String, Vec<u8>), BankRefusal> {
        let mut movements: Vec<&Movement> = self.movements.iter().collect();
        movements.sort_by_key(|movement| movement.date);
        let opening = balance(movements.iter().copied().filter(|m| m.date < from))?;
        let mut running = opening;
        let mut rows = Vec::new();
        let mut alike: BTreeMap<String, usize> = BTreeMap::new();
        for movement in movements {
            let text = movement.text(&self.setup.account_no);
            let order = alike.entry(text.clone()).or_default();
            *order += 1;
            if !(from..=to).contains(&movement.date) {
                continue;
            }
            let serial = hash(&format!("{text}{order}")) % 10_000_000_000;
            let (debit, credit) = match movement.side {
                Side::Debit => (movement.amount.to_string(), String::new()),
                Side::Credit => (String::new(), movement.amount.to_string()),
            };
            running = match movement.side {
                Side::Debit => running.minus(movement.amount)?,
                Side::Credit => running.plus(movement.amount)?,
            };
            rows.push([
                movement.date.to_string(),
                movement.summary.clone(),
                debit,
                credit,
                running.to_string(),
                movement.party.clone(),
                movement.party_account.clone(),
                movement.remark.clone(),
                format!("{}{serial:010}", movement.date.format("%Y%m%d")),
            ]);
        }
        let name = format!("statement-{}-{from}-{to}.csv", self.setup.account_no);
        Ok((
            name,
            bank_file::write_statement(&self.setup, (from, to), (opening, running), &rows),
        ))
    }

    /// The balance at the end of a day, as a statement of that day would close.
    ///
    /// # Errors
    /// [`BankRefusal::Money`] when it is out of range.
    pub fn balance(&self, date: Date) -> Result<Fen, BankRefusal> {
        balance(
            self.movements
                .iter()
                .filter(|movement| movement.date <= date),
        )
    }

    /// What may still be taken on a day: money there, less what is already promised.
    fn available(&self, date: Date) -> Result<Fen, BankRefusal> {
        let counts = |m: &&Movement| m.side == Side::Debit || m.date <= date;
        balance(self.movements.iter().filter(counts))
    }

    fn decide(&self, date: Date, instruction: Instruction) -> Line {
        let plan = self.plans.get(&instruction.account).unwrap_or(&Plan::Good);
        let outcome = plan.outcome(date, attempt_of(&instruction.key));
        let drawn = hash(&format!("{}{date}", instruction.account));
        let late = match &outcome {
            // A voucher comes back once, when all of it is decided.
            _ if self.setup.layout == Layout::Treasury => false,
            Outcome::PaidLater => true,
            Outcome::Failed(_) => drawn.is_multiple_of(10),
            _ => false,
        };
        Line {
            instruction,
            outcome,
            late,
        }
    }

    /// Everything that a batch will move, on its days: debits, failures sent back, late refunds.
    fn book(&mut self, batch: &Batch) -> Result<(), BankRefusal> {
        let number = &batch.receipt.batch;
        let debit = |date, amount| Movement {
            date,
            side: Side::Debit,
            amount,
            summary: "批量代发".to_owned(),
            party: "批量代发".to_owned(),
            party_account: String::new(),
            remark: number.clone(),
        };
        let whole = self.setup.debit == DebitStyle::WholeBatch;
        let mut made = Vec::new();
        if whole {
            made.push(debit(batch.date, batch.receipt.total));
        }
        for (late, days) in [(false, FIRST_ANSWER), (true, SECOND_ANSWER)] {
            let date = later(batch.date, days);
            let lines = || batch.lines.iter().filter(|line| line.late == late);
            let paid = lines().filter(|line| !matches!(line.outcome, Outcome::Failed(_)));
            let sum = Fen::sum(paid.map(|line| line.instruction.amount))?;
            if !whole && sum > Fen::ZERO {
                made.push(debit(date, sum));
            }
            for line in lines() {
                match &line.outcome {
                    Outcome::Failed(reason) if whole => made.push(line.refund(date, reason)),
                    Outcome::Refunded(days, reason) => {
                        made.push(line.refund(later(batch.date, u64::from(*days)), reason));
                    }
                    _ => {}
                }
            }
        }
        self.movements.extend(made);
        Ok(())
    }
}

impl Line {
    fn answer(&self, number: u32) -> Answer {
        match &self.outcome {
            _ if self.late && number == 1 => Answer::Pending,
            Outcome::Failed(reason) => Answer::Failed(reason.clone()),
            _ => Answer::Paid,
        }
    }

    /// Money sent back to the agency's account, with our payment key as remark.
    fn refund(&self, date: Date, reason: &str) -> Movement {
        let summary = if reason.starts_with("退汇") {
            reason.to_owned()
        } else {
            format!("退汇:{reason}")
        };
        Movement {
            date,
            side: Side::Credit,
            amount: self.instruction.amount,
            summary,
            party: self.instruction.name.clone(),
            party_account: self.instruction.account.clone(),
            remark: self.instruction.key.clone(),
        }
    }
}

impl Movement {
    /// What makes the serial number, the same in every statement that shows the movement.
    fn text(&self, account: &str) -> String {
        let side = if self.side == Side::Debit { 'D' } else { 'C' };
        let Movement {
            date,
            amount,
            summary,
            party_account,
            remark,
            ..
        } = self;
        format!("{account}|{date}|{side}|{amount}|{summary}|{party_account}|{remark}")
    }
}

fn balance<'a>(movements: impl Iterator<Item = &'a Movement>) -> Result<Fen, BankRefusal> {
    let mut sum = Fen::ZERO;
    for movement in movements {
        sum = match movement.side {
            Side::Debit => sum.minus(movement.amount)?,
            Side::Credit => sum.plus(movement.amount)?,
        };
    }
    Ok(sum)
}

/// The bank's serial number of a line.
fn serial(batch: &str, line: &Line) -> String {
    format!(
        "{:012}",
        hash(&format!("{batch}{}", line.instruction.key)) % 1_000_000_000_000
    )
}

fn later(date: Date, days: u64) -> Date {
    (0..days).fold(date, |date, _| date.succ_opt().unwrap_or(date))
}

/// The batch number in a file name: what follows the date in `icbc_20220110_B000012_ds.bpt` and
/// `batch_20220110_B000012.csv`, the last part of `ICBC-20220110-B000012.bpt`, or all before the
/// dot of `B000012.20220110`.
fn batch_of(file_name: &str) -> String {
    let stem = file_name
        .rsplit_once('.')
        .map_or(file_name, |(stem, _)| stem);
    let stem = stem.strip_suffix("_ds").unwrap_or(stem);
    let mut parts = stem.splitn(3, '_');
    let dated = |date: &str| date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit());
    match (parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(date), Some(batch)) if dated(date) => batch.to_owned(),
        _ => stem
            .rsplit_once('-')
            .map_or(stem, |(_, batch)| batch)
            .to_owned(),
    }
}

/// The attempt in our payment key: `P123-2` is the second; the first where there is none.
fn attempt_of(key: &str) -> u32 {
    key.rsplit_once('-')
        .and_then(|(_, attempt)| attempt.parse().ok())
        .unwrap_or(1)
}

#[cfg(test)]
#[path = "bank_tests.rs"]
mod tests;
