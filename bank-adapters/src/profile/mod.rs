//! Bank layouts as data: what a profile can say, and the profiles that are shipped.

mod about;
mod doubt;
mod file_name;
mod message;
mod own;
mod parse;

use std::borrow::Cow;
use std::collections::BTreeMap;

use ledger::money::Fen;
use serde::Deserialize;

pub use crate::amount::{AmountStyle, Unit};
use crate::codec::Codec;
pub use crate::encoding::Encoding;
use crate::encoding::plain;
use crate::record::{Nature, Outcome};
pub use about::ColumnAbout;
pub use doubt::Doubt;
pub use file_name::check_file_name;

/// One layout of one bank, in one direction. Read from TOML by [`Profile::parse`].
#[derive(Clone, Debug)]
pub struct Profile {
    /// Stable name, used in commands and stored with each file.
    pub id: String,
    /// Name shown to the user, in Chinese.
    pub name: String,
    /// The same in English; empty where a profile of somebody's own gives none.
    pub name_en: String,
    /// Where the layout is known from and how far it can be relied on, shown to the user.
    pub source: String,
    /// `S` read from working code or a standard, `S-` old or from one user, `I` inferred.
    pub confidence: String,
    /// Why it may not fit today's bank; to be told to the user whenever the layout is used.
    pub doubts: Vec<Doubt>,
    /// What such a file is for.
    pub usage: Use,
    /// Outer form of the file.
    pub kind: Kind,
    /// Encoding in which it is written. Reading always detects UTF-8 or GB18030.
    pub encoding: Encoding,
    /// File name with `{batch_no}`, and `{date}` (yyyymmdd), `{count}`, `{total}` where the bank
    /// wants them; only for batches.
    pub file_name: String,
    /// Most lines in one file.
    pub lines_max: usize,
    /// The profile of the bank's answer to a batch of this one.
    pub answered_by: Option<String>,
    /// Within how many working days the bank answers a batch.
    pub answer_days: u32,
    /// What the caller matches by when no key is echoed.
    pub fallback: Fallback,
    /// The outcome of what an answer does not list: [`Outcome::Paid`] where the bank lists failures
    /// only. [`crate::paid_by_absence`] completes such an answer.
    pub absent: Option<Outcome>,
    /// How amounts are written.
    pub amount: AmountStyle,
    pub(crate) text: TextStyle,
    /// The forms that the rows can have; at least one.
    pub(crate) shapes: Vec<Shape>,
    pub(crate) own_bank: OwnBank,
    /// Names of values that the bank gives to each customer, in the order of the file.
    pub(crate) values: Vec<String>,
    pub(crate) totals: Option<Totals>,
    pub(crate) preamble: Vec<Preamble>,
    pub(crate) status: StatusWords,
    /// How fees and interest are told from other movements of a statement.
    pub(crate) nature: NatureWords,
    pub(crate) key: KeyEcho,
    /// The message, of the kinds that are one.
    pub(crate) codec: Option<Codec>,
    /// Constants of a message, by the name of their element.
    pub(crate) codes: BTreeMap<String, String>,
    /// ISO 20022 purpose codes by the function code (功能科目) of a program.
    pub(crate) purpose_codes: BTreeMap<String, String>,
}

/// Within how many working days a bank answers where its layout does not say. No rule was found
/// that sets it; a layout of somebody's own says what the agreement with the bank says.
pub const ANSWER_DAYS_DEFAULT: u32 = 3;

/// The most working days that a layout can say.
pub(crate) const ANSWER_DAYS_MAX: u32 = 60;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// 代发文件: our instructions to the bank.
    Batch,
    /// 回盘: the bank's answer.
    Return,
    /// 对账单.
    Statement,
}

/// The outer form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Lines of fields between a delimiter, without quoting.
    Delimited,
    /// Lines of fields of so many bytes.
    Fixed,
    /// Comma separated values (RFC 4180).
    Csv,
    /// A workbook: written as Office Open XML, read also in the form of Excel 97 to 2003.
    Xlsx,
    /// A message in XML, read and written by its codec.
    Xml,
    /// A message in tags between colons, read by its codec.
    Tagged,
}

impl Kind {
    /// The name in profiles and answers.
    pub fn code(self) -> &'static str {
        match self {
            Kind::Delimited => "delimited",
            Kind::Fixed => "fixed",
            Kind::Csv => "csv",
            Kind::Xlsx => "xlsx",
            Kind::Xml => "xml",
            Kind::Tagged => "tagged",
        }
    }
}

/// One form of the rows of a layout. A file has one, but for the sections of a printed report.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// What the bank calls it (本行, 他行, 成功清单); empty when there is only one.
    pub(crate) name: String,
    /// In a batch: which payees it is for.
    pub(crate) payee_bank: Option<PayeeBank>,
    /// In a return: what all its rows say, where no column does.
    pub(crate) outcome: Option<Outcome>,
    pub(crate) columns_by: ColumnsBy,
    /// First lines that are no rows, where columns are found by their place.
    pub(crate) skip_lines: u64,
    /// More columns may follow, which nobody has described.
    pub(crate) more: bool,
    /// Rows of headings may stand anywhere among the lines.
    pub(crate) headings: bool,
    pub(crate) columns: Vec<Column>,
}

impl Shape {
    /// Whether rows of this form have a field.
    pub(crate) fn has(&self, field: Field) -> bool {
        self.columns
            .iter()
            .any(|column| column.field == Some(field))
    }
}

/// Whether a payee has the account at the bank that gets the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PayeeBank {
    /// 本行.
    Own,
    /// 他行.
    Other,
}

/// By what an account of the bank itself is known.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OwnBank {
    /// How its 联行号 begin.
    pub(crate) bank_no: Vec<String>,
    /// Words in the name of its branches.
    pub(crate) names: Vec<String>,
}

impl OwnBank {
    /// Whose a payee is; `None` when neither number nor name says so.
    pub(crate) fn of(&self, bank_no: &str, bank_name: &str) -> Option<PayeeBank> {
        let is_own = match (bank_no, bank_name) {
            ("", "") => return None,
            ("", name) => self.names.iter().any(|word| name.contains(word.as_str())),
            (number, _) => self
                .bank_no
                .iter()
                .any(|start| number.starts_with(start.as_str())),
        };
        Some(if is_own {
            PayeeBank::Own
        } else {
            PayeeBank::Other
        })
    }
}

/// How an answer without our key finds its instruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fallback {
    /// By account, name and amount inside the batch.
    #[default]
    AccountNameAmount,
    /// Not at all.
    None,
}

/// How columns are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ColumnsBy {
    /// By their place: each line has exactly the declared columns.
    Order,
    /// By the headings of a header row, in any order.
    Header,
}

/// Marks around the lines of text files.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextStyle {
    pub(crate) delimiter: char,
    pub(crate) closing_delimiter: bool,
    pub(crate) comment: String,
    pub(crate) end_line: String,
    pub(crate) crlf: bool,
    pub(crate) date_format: String,
    pub(crate) head_lines: Vec<String>,
    pub(crate) detail_lines: Vec<String>,
    /// The first line, where the bank wants one.
    pub(crate) start_line: String,
    /// A printed report: columns between bars, ruled lines, several tables with headings.
    pub(crate) ruled: bool,
    /// The name of the sheet in workbooks that are written.
    pub(crate) sheet: String,
    /// The header row is among this many first rows.
    pub(crate) header_within: usize,
}

/// One column of the lines.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Column {
    /// What it holds; empty when nothing.
    pub(crate) field: Option<Field>,
    /// A constant instead, written and expected.
    pub(crate) value: Option<String>,
    /// Other constants that are accepted.
    pub(crate) also: Vec<String>,
    /// The name of a value that the bank gives to each customer. A profile that extends this one
    /// says it, and from then on it is a constant.
    pub(crate) set: Option<String>,
    /// The words for the bank itself and for others, of the field `other-bank`.
    pub(crate) words: Vec<String>,
    /// Headings; the first one is written.
    pub(crate) heads: Vec<String>,
    /// In a totals row found by headings: below which column.
    pub(crate) under: Option<Field>,
    /// The heading must be there.
    pub(crate) required: bool,
    /// The cell must not be empty.
    pub(crate) filled: bool,
    /// Most bytes in the encoding of the file; 0 is no limit.
    pub(crate) bytes_max: usize,
    /// Bytes in a file of fixed width.
    pub(crate) width: usize,
    /// On which side the text stands in its width.
    pub(crate) align: Align,
    /// What fills the rest of the width.
    pub(crate) pad: Option<char>,
    /// A number has at least so many digits, with zeros in front.
    pub(crate) digits: usize,
    /// Stands behind the text in the file and is none of it.
    pub(crate) suffix: String,
    /// A number to the spreadsheet program, and no text.
    pub(crate) number: bool,
    /// A last column that may be missing.
    pub(crate) optional: bool,
}

/// A side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Align {
    #[default]
    Left,
    Right,
}

impl Column {
    /// The name for messages: heading, or place counted from 1.
    pub(crate) fn label(&self, position: usize) -> String {
        match self.heads.first() {
            Some(head) => head.clone(),
            None => position.saturating_add(1).to_string(),
        }
    }

    /// True when the cell can stand in a column with this constant.
    pub(crate) fn agrees(&self, cell: &str) -> bool {
        match &self.value {
            Some(value) => cell == value || self.also.iter().any(|other| other == cell),
            None => true,
        }
    }
}

/// The control totals of a file.
#[derive(Clone, Debug)]
pub(crate) struct Totals {
    pub(crate) at_head: bool,
    pub(crate) required: bool,
    /// Count and total stand somewhere in their row, in this order.
    pub(crate) anywhere: bool,
    pub(crate) columns: Vec<Column>,
}

/// A labelled value above the header row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Preamble {
    pub(crate) field: Field,
    pub(crate) labels: Vec<String>,
    #[serde(default)]
    pub(crate) required: bool,
}

/// Words by which an outcome is known.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StatusWords {
    pub(crate) paid: Vec<String>,
    pub(crate) failed: Vec<String>,
    /// Words that deny the success they contain: pending, with a warning.
    pub(crate) doubtful: Vec<String>,
    /// Known words of pending; others are pending too, with a warning.
    pub(crate) pending: Vec<String>,
    /// The whole text must be the word.
    pub(crate) exact: bool,
    /// Only of the words of paid the whole text must be one.
    pub(crate) paid_exact: bool,
}

impl Default for StatusWords {
    /// The rule that the sourced return layouts share: 成功 is paid; 失败, 拒绝, 退票, 退回, 错误
    /// are failed; everything else is pending.
    fn default() -> StatusWords {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
        StatusWords {
            paid: words(&["成功"]),
            failed: words(&["失败", "拒绝", "退票", "退回", "错误"]),
            doubtful: words(&["不成功", "未成功", "部分成功", "非成功"]),
            pending: words(&["处理中", "正在", "等待", "待", "已受理", "已提交", "预约"]),
            exact: false,
            paid_exact: false,
        }
    }
}

/// How a statement names what the bank took or paid for itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NatureWords {
    /// Words in the summary or remark of a debit that is a fee.
    pub(crate) fee: Vec<String>,
    /// Words of a credit that is interest.
    pub(crate) interest: Vec<String>,
    /// The same as codes of the transaction.
    pub(crate) fee_codes: Vec<String>,
    pub(crate) interest_codes: Vec<String>,
}

impl Default for NatureWords {
    /// Common Chinese words; the codes are those of ISO 20022 (`BkTxCd`, sub-family: CHRG, FEES,
    /// COMM, INTR) and of MT940 (type of `:61:` without its first letter: CHG, COM, INT).
    fn default() -> NatureWords {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
        NatureWords {
            fee: words(&["手续费", "工本费", "汇划费", "账户管理费"]),
            interest: words(&["结息", "利息"]),
            fee_codes: words(&["CHRG", "FEES", "COMM", "CHG", "COM"]),
            interest_codes: words(&["INTR", "INT"]),
        }
    }
}

impl NatureWords {
    /// What a movement is, by its code or, without one that says so, by its words. A fee is a
    /// debit and interest a credit: the opposite is somebody's correction.
    pub(crate) fn of(&self, amount: Fen, codes: &[&str], texts: &[&str]) -> Nature {
        let (nature, words, known) = match amount < Fen::ZERO {
            true => (Nature::Fee, &self.fee, &self.fee_codes),
            false => (Nature::Interest, &self.interest, &self.interest_codes),
        };
        let coded = codes.iter().any(|code| known.iter().any(|one| one == code));
        let worded = |text: &&str| words.iter().any(|word| text.contains(word.as_str()));
        match coded || texts.iter().any(worded) {
            true => nature,
            false => Nature::Plain,
        }
    }
}

/// Where and how our key comes back.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct KeyEcho {
    /// `#` stands for one or more digits, the rest for itself.
    pub(crate) pattern: String,
    /// Fields that are searched, in this order.
    pub(crate) fields: Vec<Field>,
}

impl Default for KeyEcho {
    fn default() -> KeyEcho {
        KeyEcho {
            pattern: "P#-#".to_owned(),
            fields: vec![Field::Key],
        }
    }
}

impl KeyEcho {
    /// The first text inside `text` that follows the pattern and stands by itself.
    pub(crate) fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        let first = self.pattern.chars().next()?;
        // Nearly always the whole text is the key, or there is none in it.
        if self.is_key(text) {
            return Some(text);
        }
        if first != '#' && !text.contains(first) {
            return None;
        }
        let apart = |c: Option<char>| !c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-');
        let begins = |letter: char| letter == first || first == '#';
        text.match_indices(begins).find_map(|(start, _)| {
            let rest = text.get(start..)?;
            let length = self.length(rest)?;
            let before = text.get(..start)?.chars().next_back();
            let after = rest.get(length..)?.chars().next();
            (apart(before) && apart(after))
                .then(|| rest.get(..length))
                .flatten()
        })
    }

    /// True when the whole text is a key.
    pub(crate) fn is_key(&self, text: &str) -> bool {
        self.length(text) == Some(text.len())
    }

    /// Bytes of the key at the start of `text`. Digits are taken greedily.
    fn length(&self, text: &str) -> Option<usize> {
        // Bytes of other characters than the pattern's are never equal to its bytes.
        let mut rest = text.as_bytes();
        for sign in self.pattern.bytes() {
            if sign == b'#' {
                let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                rest = rest.get(digits..).filter(|_| digits > 0)?;
            } else {
                rest = rest.strip_prefix(&[sign])?;
            }
        }
        Some(text.len() - rest.len())
    }
}

macro_rules! fields {
    ($($name:ident $text:literal)*) => {
        /// What a column, preamble line or total can hold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
        pub(crate) enum Field { $( #[serde(rename = $text)] $name, )* }

        impl Field {
            pub(crate) const ALL: &'static [Field] = &[$(Field::$name),*];

            /// The name in profiles.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Field::$name => $text,)* }
            }
        }
    };
}

fields! {
    Sequence "sequence"
    Key "key"
    AccountNo "account-no"
    PayeeName "payee-name"
    BankName "bank-name"
    BankNo "bank-no"
    Amount "amount"
    Purpose "purpose"
    Remark "remark"
    Status "status"
    Reason "reason"
    BankReference "bank-reference"
    BatchNo "batch-no"
    Date "date"
    Count "count"
    Total "total"
    PayerAccountNo "payer-account-no"
    PayerName "payer-name"
    PayerBankName "payer-bank-name"
    Summary "summary"
    Direction "direction"
    Debit "debit"
    Credit "credit"
    Balance "balance"
    CounterpartyName "counterparty-name"
    CounterpartyAccount "counterparty-account"
    OpeningBalance "opening-balance"
    ClosingBalance "closing-balance"
    Period "period"
    PeriodFrom "period-from"
    PeriodTo "period-to"
    OtherBank "other-bank"
    PaidAmount "paid-amount"
    Occurrence "occurrence"
    Unused "unused"
}

impl Field {
    /// The number of the field in [`Field::ALL`].
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// Numbers of which no digit may be lost: never a numeric cell.
    pub(crate) fn is_identifier(self) -> bool {
        use Field::{
            AccountNo, BankNo, BankReference, BatchNo, CounterpartyAccount, Key, PayerAccountNo,
        };
        matches!(
            self,
            AccountNo
                | BankNo
                | BankReference
                | BatchNo
                | CounterpartyAccount
                | Key
                | PayerAccountNo
        )
    }
}

macro_rules! shipped {
    ($($file:literal)*) => {
        const SHIPPED: &[(&str, &str)] =
            &[$(($file, include_str!(concat!("../../profiles/", $file)))),*];
    };
}

shipped! {
    "icbc-batch-a1.toml"
    "icbc-batch-a2.toml"
    "icbc-batch-a3.toml"
    "icbc-return.toml"
    "icbc-xls.toml"
    "icbc-xls-return.toml"
    "ccb-text.toml"
    "ccb-return.toml"
    "ccb-transfer.toml"
    "ccb-transfer-return.toml"
    "abc-cfrt03.toml"
    "abc-cfrt03-return.toml"
    "abc-xls.toml"
    "abc-xls-return.toml"
    "boc-payoff.toml"
    "boc-payoff-return.toml"
    "boc-obss.toml"
    "boc-obss-return.toml"
    "psbc.toml"
    "psbc-return.toml"
    "nxs-dhcc.toml"
    "nxs-dhcc-return.toml"
    "dalian.toml"
    "dalian-failures.toml"
    "cmb-xlsx.toml"
    "bcm-text.toml"
    "cib-text.toml"
    "generic-csv.toml"
    "generic-csv-return.toml"
    "generic-xlsx.toml"
    "generic-xlsx-return.toml"
    "generic-statement-csv.toml"
    "generic-statement-xlsx.toml"
    "mof-5201.toml"
    "mof-5201-answer.toml"
    "mof-2252.toml"
    "pain-001-03.toml"
    "pain-001-09.toml"
    "pain-001-11.toml"
    "pain-002.toml"
    "camt-053.toml"
    "camt-054.toml"
    "mt940.toml"
    "icbc-payper.toml"
    "icbc-qpayper.toml"
    "ccb-6w2104.toml"
    "cmb-ntagcapy.toml"
    "cmb-ntagdinf.toml"
    "cmb-ntagdrfd.toml"
    "boc-b2e0078.toml"
    "beps-382.toml"
    "beps-383.toml"
    "ccms-900.toml"
    "ccms-990.toml"
}

impl Profile {
    /// The profiles that come with the program, in the order in which they are shown. A test
    /// holds that each of them parses.
    pub fn shipped() -> Vec<Profile> {
        SHIPPED
            .iter()
            .filter_map(|(file, text)| Profile::parse(text, file).ok())
            .collect()
    }

    /// The shipped profile with this id.
    pub fn by_id(id: &str) -> Option<Profile> {
        Profile::shipped()
            .into_iter()
            .find(|profile| profile.id == id)
    }

    /// In which of its bank's files a payee goes: those with different numbers cannot stand in one
    /// file. 0 where the bank makes no difference, or where nothing says whose the account is.
    pub fn part(&self, bank_no: &str, bank_name: &str) -> usize {
        let bank = self.own_bank.of(bank_no, bank_name);
        let is_for = |shape: &Shape| shape.payee_bank.is_some() && shape.payee_bank == bank;
        self.shapes.iter().position(is_for).unwrap_or_default()
    }

    /// True when its files tell of payments that came back after they had been reported paid.
    pub fn is_notice(&self) -> bool {
        let of = [Codec::MofRefund, Codec::Camt054, Codec::CmbNtagdrfd];
        self.codec.is_some_and(|codec| of.contains(&codec))
    }

    /// True when the bank repeats the whole batch in its answer, to be compared with what was sent.
    pub fn repeats_batch(&self) -> bool {
        self.codec == Some(Codec::MofAnswer)
    }

    /// The columns of the first form of rows.
    pub(crate) fn columns(&self) -> &[Column] {
        self.shapes.first().map_or(&[], |shape| &shape.columns)
    }

    /// The column that holds a field, by its first heading or its place.
    pub(crate) fn label(&self, field: Field) -> String {
        let columns = self
            .shapes
            .iter()
            .flat_map(|shape| shape.columns.iter().enumerate());
        match columns
            .clone()
            .find(|(_, column)| column.field == Some(field))
        {
            Some((position, column)) => column.label(position),
            None => {
                let preamble = self.preamble.iter().find(|p| p.field == field);
                let label = preamble.and_then(|p| p.labels.first());
                label.map_or_else(|| field.name().to_owned(), Clone::clone)
            }
        }
    }
}

/// How headings and labels are compared: without spaces, full-width signs as ASCII.
pub(crate) fn heading(text: &str) -> Cow<'_, str> {
    plain(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_profile_parses_and_has_its_own_id() {
        for (file, text) in SHIPPED {
            let profile = Profile::parse(text, file).unwrap_or_else(|faults| panic!("{faults:#?}"));
            assert_eq!(format!("{}.toml", profile.id), *file);
            assert!(!profile.source.is_empty() && !profile.name.is_empty());
            if let Some(answer) = &profile.answered_by {
                assert_eq!(Profile::by_id(answer).map(|p| p.usage), Some(Use::Return));
            }
        }
        assert_eq!(Profile::shipped().len(), SHIPPED.len());
        for (index, field) in Field::ALL.iter().enumerate() {
            assert_eq!(field.index(), index);
        }
    }

    #[test]
    fn keys_are_found_where_they_stand_alone() {
        let echo = KeyEcho::default();
        for (text, key) in [
            ("P123-1", Some("P123-1")),
            ("低保金 P123-1,", Some("P123-1")),
            ("低保金P7-12元", Some("P7-12")),
            ("XP123-1", None),
            ("P123-1x P5-2", Some("P5-2")),
            ("P123-", None),
            ("P-1", None),
            ("P1-2-3", None),
            ("", None),
        ] {
            assert_eq!(echo.find(text), key, "{text}");
        }
    }
}
