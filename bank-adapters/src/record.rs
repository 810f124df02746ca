//! What files hold, typed: instructions, answers, movements; and their content hashes.

use std::collections::{HashMap, HashSet};

use ledger::calendar::Date;
use ledger::money::Fen;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::finding::{Fault, Finding, Findings};

/// One line of a batch: pay this amount to this account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// 顺序号, from 1, unique in its batch. Of a file without one: its place.
    pub sequence: u64,
    /// Our key, payment and attempt (`P123-1`), echoed by the bank where the layout has a place.
    /// Empty when read from a layout that has none.
    pub key: String,
    /// 收款账号.
    pub account_no: String,
    /// 收款户名 as the bank has it.
    pub payee_name: String,
    /// 开户行, may be empty.
    pub bank_name: String,
    /// 联行号 of twelve digits, may be empty. A layout without such a column does not carry it.
    pub bank_no: String,
    /// What to pay, above zero.
    pub amount: Fen,
    /// 用途.
    pub purpose: String,
}

/// What all lines of a batch share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchHead {
    /// Our number of the batch: letters, digits, `-`, `_`.
    pub batch_no: String,
    /// The business date of the batch.
    pub date: Date,
    /// 付款账号.
    pub payer_account_no: String,
    /// 付款户名.
    pub payer_name: String,
    /// 付款账号开户行.
    pub payer_bank_name: String,
    /// What only treasury vouchers and ISO messages ask for.
    pub context: BatchContext,
}

/// What the book knows of a batch beside its payer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchContext {
    /// 联行号 of the paying bank, may be empty.
    pub payer_bank_no: String,
    /// 行政区划代码 of the book (GB/T 2260).
    pub region: String,
    /// 功能科目 of the program.
    pub function_code: String,
    /// What the batch draws on, with a sum equal to the batch's.
    pub draws: Vec<Draw>,
}

/// A part of a batch that one appropriation (指标) pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    /// 指标文号.
    pub document: String,
    /// 功能科目 of the appropriation; that of the program when empty.
    pub function_code: String,
    /// How much.
    pub amount: Fen,
}

/// A written batch file: a pure function of head, lines and profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchFile {
    /// File name, unique per batch number and date.
    pub name: String,
    /// The bytes to hand over.
    pub bytes: Vec<u8>,
    /// Number of lines.
    pub count: u64,
    /// Sum of the amounts.
    pub total: Fen,
}

/// What the bank says about a line. Unknown is not failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// 成功.
    Paid,
    /// 失败: the bank says so in words that the profile lists.
    Failed,
    /// 处理中, and everything not understood.
    Pending,
    /// 退票: it was reported paid, and the money came back.
    Refunded,
}

/// One line of a return file (回盘).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerLine {
    /// Line or row in the file, from 1.
    pub line: u64,
    /// Our key, where the bank echoed it.
    pub key: Option<String>,
    /// 收款账号 as the bank wrote it.
    pub account_no: String,
    /// 收款户名 as the bank wrote it.
    pub payee_name: String,
    /// The amount, above zero; zero where a message names our key alone, until
    /// [`ReturnFile::complete`] has looked it up.
    pub amount: Fen,
    /// Paid, failed, pending or refunded.
    pub outcome: Outcome,
    /// The reason, or the status words when a line is not paid and has no reason.
    pub reason_text: String,
    /// 银行流水号, may be empty.
    pub bank_reference: String,
    /// 顺序号 of the instruction, where the bank names it so.
    pub sequence: Option<u64>,
}

/// What an answer says of the lines that it does not list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlisted {
    /// Their outcome.
    pub outcome: Outcome,
    /// Why, when they are not paid.
    pub reason_text: String,
}

/// A return file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnFile {
    /// 批次号 stated in the file (the bank's own number in some layouts).
    pub batch_no: Option<String>,
    /// The lines that could be read, in the order of the file; duplicates are kept.
    pub lines: Vec<AnswerLine>,
    /// Number of lines that the file states.
    pub stated_count: Option<u64>,
    /// Total that the file states.
    pub stated_total: Option<Fen>,
    /// What holds for lines of the batch that the file does not list: banks that name failures
    /// only, and answers to a whole message. See [`ReturnFile::complete`].
    pub unlisted: Option<Unlisted>,
    /// SHA-256 over the sorted canonical lines: the same for a renamed, re-saved or re-ordered
    /// file, different when a line is there once more. Meaningful without blocking findings.
    pub content_hash: [u8; 32],
}

/// What the bank says a movement is, where it is neither a payment of ours nor one to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nature {
    /// Anything else.
    #[default]
    Plain,
    /// 手续费: the bank took it for its services.
    Fee,
    /// 利息: the bank paid it on the balance.
    Interest,
}

/// One movement of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementLine {
    /// Line or row in the file, from 1.
    pub line: u64,
    /// 日期 of the movement.
    pub date: Date,
    /// Above zero: credited to us; below: debited.
    pub amount: Fen,
    /// 余额 after the movement.
    pub balance: Option<Fen>,
    /// 摘要.
    pub summary: String,
    /// 对方户名.
    pub counterparty_name: String,
    /// 对方账号.
    pub counterparty_account: String,
    /// 附言 or 备注.
    pub remark: String,
    /// 流水号.
    pub bank_reference: String,
    /// Fee or interest, by the bank's code or its words.
    pub nature: Nature,
}

/// A bank statement (对账单).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementFile {
    /// 账号 of the account.
    pub account_no: String,
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
    /// 期初余额.
    pub opening: Fen,
    /// 期末余额. That opening and movements give it is checked by the caller.
    pub closing: Fen,
    /// The movements in the order of the file.
    pub lines: Vec<StatementLine>,
    /// SHA-256 over head and sorted canonical lines, as for [`ReturnFile::content_hash`].
    pub content_hash: [u8; 32],
}

impl ReturnFile {
    pub(crate) fn empty() -> ReturnFile {
        ReturnFile {
            batch_no: None,
            lines: Vec::new(),
            stated_count: None,
            stated_total: None,
            unlisted: None,
            content_hash: [0; 32],
        }
    }

    /// Completes the answer from the batch that it answers: a line that names its instruction by
    /// number must be that instruction and gets its key; what a line does not state is taken from
    /// the instruction with its key; and instructions that are not listed get the outcome that
    /// the file gives them. The content hash stays that of the file.
    ///
    /// # Errors
    /// A blocking finding for each line that names another instruction than it describes.
    pub fn complete(&mut self, batch: &[Instruction]) -> Result<(), Vec<Finding>> {
        let by_key: HashMap<&str, &Instruction> =
            batch.iter().map(|sent| (sent.key.as_str(), sent)).collect();
        let by_number: HashMap<u64, &Instruction> =
            batch.iter().map(|sent| (sent.sequence, sent)).collect();
        let mut findings = Findings::default();
        let mut listed: HashSet<&str> = HashSet::new();
        for line in &mut self.lines {
            if let (None, Some(number)) = (&line.key, line.sequence) {
                match by_number.get(&number).filter(|sent| line.is_of(sent)) {
                    Some(sent) => line.key = Some(sent.key.clone()),
                    None => {
                        let value = number.to_string();
                        let values = [("value", value.as_str())];
                        findings.row(Fault::LineDiffers, line.line, &values);
                    }
                }
            }
            let sent = line.key.as_deref().and_then(|key| by_key.get(key));
            if let Some(sent) = sent {
                listed.insert(&sent.key);
                line.fill(sent);
            }
        }
        if let Some(unlisted) = &self.unlisted {
            let missing = batch.iter().filter(|sent| !listed.contains(&*sent.key));
            let last = self.lines.iter().map(|line| line.line).max().unwrap_or(0);
            let lines = (last + 1..).zip(missing).map(|(line, sent)| AnswerLine {
                line,
                key: Some(sent.key.clone()),
                account_no: sent.account_no.clone(),
                payee_name: sent.payee_name.clone(),
                amount: sent.amount,
                outcome: unlisted.outcome,
                reason_text: unlisted.reason_text.clone(),
                bank_reference: String::new(),
                sequence: Some(sent.sequence),
            });
            let lines: Vec<AnswerLine> = lines.collect();
            self.lines.extend(lines);
            // Two answers may list the same lines and say other things of all others.
            self.content_hash = ReturnFile::hash(self.batch_no.as_deref(), &self.lines);
        }
        match findings.is_empty() {
            true => Ok(()),
            false => Err(findings.into_vec()),
        }
    }

    pub(crate) fn hash(batch_no: Option<&str>, lines: &[AnswerLine]) -> [u8; 32] {
        let mut canon = Canon::new("huimin return 1");
        canon.head(|out| out.text(batch_no.unwrap_or_default()));
        for line in lines {
            canon.line(|out| {
                out.text(line.key.as_deref().unwrap_or_default());
                out.text(&line.account_no);
                out.text(&line.payee_name);
                out.number(line.amount.get());
                out.number(match line.outcome {
                    Outcome::Paid => 1,
                    Outcome::Failed => 2,
                    Outcome::Pending => 3,
                    Outcome::Refunded => 4,
                });
                out.text(&line.reason_text);
                out.text(&line.bank_reference);
            });
        }
        canon.finish()
    }
}

impl AnswerLine {
    fn is_of(&self, sent: &Instruction) -> bool {
        self.account_no == sent.account_no
            && self.amount == sent.amount
            && (self.payee_name.is_empty() || self.payee_name == sent.payee_name)
    }

    /// Takes from the instruction what the bank did not repeat.
    fn fill(&mut self, sent: &Instruction) {
        if self.amount == Fen::ZERO {
            self.amount = sent.amount;
        }
        if self.account_no.is_empty() {
            self.account_no.clone_from(&sent.account_no);
        }
        if self.payee_name.is_empty() {
            self.payee_name.clone_from(&sent.payee_name);
        }
    }
}

impl StatementFile {
    pub(crate) fn empty() -> StatementFile {
        StatementFile {
            account_no: String::new(),
            from: Date::default(),
            to: Date::default(),
            opening: Fen::ZERO,
            closing: Fen::ZERO,
            lines: Vec::new(),
            content_hash: [0; 32],
        }
    }

    pub(crate) fn hash(&self) -> [u8; 32] {
        let mut canon = Canon::new("huimin statement 1");
        canon.head(|out| {
            out.text(&self.account_no);
            out.text(&self.from.to_string());
            out.text(&self.to.to_string());
            out.number(self.opening.get());
            out.number(self.closing.get());
        });
        for line in &self.lines {
            canon.line(|out| {
                out.text(&line.date.to_string());
                out.number(line.amount.get());
                out.number(i64::from(line.balance.is_some()));
                out.number(line.balance.unwrap_or(Fen::ZERO).get());
                out.text(&line.summary);
                out.text(&line.counterparty_name);
                out.text(&line.counterparty_account);
                out.text(&line.remark);
                out.text(&line.bank_reference);
            });
        }
        canon.finish()
    }
}

/// The bytes of lines in one buffer, each field with its length in front, so that no two
/// different lines have the same bytes.
struct Canon {
    name: &'static str,
    head: Fields,
    body: Fields,
    ends: Vec<usize>,
}

struct Fields(Vec<u8>);

impl Fields {
    fn text(&mut self, text: &str) {
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }
}

impl Canon {
    fn new(name: &'static str) -> Canon {
        Canon {
            name,
            head: Fields(Vec::new()),
            body: Fields(Vec::new()),
            ends: Vec::new(),
        }
    }

    fn head(&mut self, write: impl FnOnce(&mut Fields)) {
        write(&mut self.head);
    }

    fn line(&mut self, write: impl FnOnce(&mut Fields)) {
        write(&mut self.body);
        self.ends.push(self.body.0.len());
    }

    fn finish(mut self) -> [u8; 32] {
        self.head.text(self.name);
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let mut lines: Vec<&[u8]> = starts
            .zip(&self.ends)
            .map(|(start, end)| self.body.0.get(start..*end).unwrap_or_default())
            .collect();
        lines.sort_unstable();
        let mut hash = Sha256::new();
        hash.update(&self.head.0);
        for line in lines {
            hash.update(u64::try_from(line.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(line);
        }
        hash.finalize().into()
    }
}
