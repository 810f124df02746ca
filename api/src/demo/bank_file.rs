//! The simulated bank's side of the files: reads batch files, writes returns and statements.
//!
//! Layouts: ICBC batch text A1 and its return text in both column orders; ABC's lines of fixed
//! width and its result file; a generic table as CSV or workbook; messages are in
//! [`super::bank_message`]. Kept apart from the product's adapters on purpose, so that one checks
//! the other.

use std::io::Cursor;

use calamine::{Reader, Xlsx};
use encoding_rs::{Encoding, GB18030, GBK, UTF_8};
use ledger::calendar::Date;
use ledger::money::Fen;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Workbook, XlsxError};

use super::bank::{BankRefusal, Layout, Setup};
use super::bank_message;

/// One line of a batch, as the bank read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Order in the batch as the file states it.
    pub order: String,
    /// The payee's account.
    pub account: String,
    /// The payee's name.
    pub name: String,
    /// The payee's branch.
    pub branch: String,
    /// The branch's number; empty where the layout has none.
    pub branch_no: String,
    /// What is paid.
    pub amount: Fen,
    /// What for.
    pub usage: String,
    /// The agency's own key, from the remark.
    pub key: String,
}

/// What an answer says of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Paid.
    Paid,
    /// Refused, with the bank's words.
    Failed(String),
    /// Still in process.
    Pending,
}

/// How the batch's text was encoded: a generic answer comes back the same way.
#[derive(Clone, Debug)]
pub struct Text {
    encoding: &'static Encoding,
    mark: bool,
    /// The message itself, where the answer is the message filled in.
    message: String,
}

impl Text {
    fn of(encoding: &'static Encoding) -> Text {
        Text {
            encoding,
            mark: false,
            message: String::new(),
        }
    }
}

/// Why a line cannot be read.
pub(super) fn unreadable(line: usize, why: &str) -> BankRefusal {
    BankRefusal::Unreadable {
        line,
        why: why.to_owned(),
    }
}

/// Reads a batch in the bank's layout and checks its control totals.
///
/// # Errors
/// [`BankRefusal`] with the line at fault.
pub fn read_batch(setup: &Setup, bytes: &[u8]) -> Result<(Vec<Instruction>, Text), BankRefusal> {
    match setup.layout {
        Layout::IcbcA1 => {
            let (text, _, damaged) = GBK.decode(bytes);
            if damaged {
                return Err(unreadable(0, "not GBK"));
            }
            Ok((read_icbc(setup, &text)?, Text::of(GBK)))
        }
        Layout::AbcFixed => Ok((read_fixed(bytes)?, Text::of(GBK))),
        Layout::Treasury => {
            let (lines, message) = bank_message::read_vouchers(setup, bytes)?;
            let text = Text::of(GBK);
            Ok((lines, Text { message, ..text }))
        }
        Layout::Iso => {
            let lines = bank_message::read_transfers(setup, bytes)?;
            Ok((lines, Text::of(UTF_8)))
        }
        Layout::GenericCsv => {
            let (content, text) = decode(bytes)?;
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .from_reader(content.as_bytes());
            let mut rows: Vec<Vec<String>> = Vec::new();
            for record in reader.records() {
                let record =
                    record.map_err(|error| unreadable(rows.len() + 1, &error.to_string()))?;
                rows.push(record.iter().map(|cell| cell.trim().to_owned()).collect());
            }
            Ok((read_table(&rows)?, text))
        }
        Layout::GenericXlsx => Ok((read_table(&sheet(bytes)?)?, Text::of(UTF_8))),
    }
}

fn decode(bytes: &[u8]) -> Result<(String, Text), BankRefusal> {
    let mark = bytes.starts_with(&[0xEF, 0xBB, 0xBF]);
    let encoding = if std::str::from_utf8(bytes).is_ok() {
        UTF_8
    } else {
        GB18030
    };
    let (content, _, damaged) = encoding.decode(bytes);
    if damaged {
        return Err(unreadable(0, "neither UTF-8 nor GB 18030"));
    }
    let text = Text::of(encoding);
    Ok((content.into_owned(), Text { mark, ..text }))
}

fn sheet(bytes: &[u8]) -> Result<Vec<Vec<String>>, BankRefusal> {
    let wrong = |error: calamine::XlsxError| unreadable(0, &error.to_string());
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(wrong)?;
    let range = book
        .worksheet_range_at(0)
        .ok_or_else(|| unreadable(0, "no sheet"))?
        .map_err(wrong)?;
    let cell = |cell: &calamine::Data| cell.to_string().trim().to_owned();
    Ok(range
        .rows()
        .map(|row| row.iter().map(cell).collect())
        .collect())
}

/// `RMB|date|1|total|count|`, then `RMB|date|2|…` of 19 columns each, then `*`; amounts in fen.
fn read_icbc(setup: &Setup, text: &str) -> Result<Vec<Instruction>, BankRefusal> {
    let mut stated: Option<(String, String)> = None;
    let mut lines: Vec<Instruction> = Vec::new();
    let mut ended = false;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if ended {
            return Err(unreadable(number, "text after the end mark"));
        }
        if line == "*" {
            ended = true;
            continue;
        }
        let cells: Vec<&str> = line
            .strip_suffix('|')
            .ok_or_else(|| unreadable(number, "no | at the end"))?
            .split('|')
            .collect();
        match (cells.get(2).copied(), cells.len()) {
            (Some("1"), 5) => {
                let cell = |place: usize| cells.get(place).copied().unwrap_or("").to_owned();
                stated = Some((cell(3), cell(4)));
            }
            (Some("2"), 19) => lines.push(icbc_line(setup, number, &cells)?),
            _ => return Err(unreadable(number, "neither total nor detail of 19 columns")),
        }
    }
    if !ended {
        return Err(unreadable(text.lines().count(), "no * at the end"));
    }
    let total = Fen::sum(lines.iter().map(|line| line.amount))?;
    let counted = (total.get().to_string(), lines.len().to_string());
    let (amount, count) = stated.ok_or_else(|| unreadable(1, "no total line"))?;
    if (&amount, &count) != (&counted.0, &counted.1) {
        let told = |pair: (String, String)| format!("{} / {}", pair.0, pair.1);
        return Err(BankRefusal::Totals {
            stated: told((amount, count)),
            counted: told(counted),
        });
    }
    Ok(lines)
}

fn icbc_line(setup: &Setup, number: usize, cells: &[&str]) -> Result<Instruction, BankRefusal> {
    let cell = |place: usize| cells.get(place).map(|cell| cell.trim()).unwrap_or_default();
    if cell(5) != setup.account_no {
        return Err(unreadable(number, "not the account of this agency"));
    }
    let fen: i64 = cell(13)
        .parse()
        .map_err(|_| unreadable(number, "no amount in fen"))?;
    let custom = cell(18);
    let key = if custom.is_empty() { cell(15) } else { custom };
    checked(
        number,
        Instruction {
            order: cell(3).to_owned(),
            account: cell(11).to_owned(),
            name: cell(12).to_owned(),
            branch: cell(7).to_owned(),
            branch_no: String::new(),
            amount: Fen::new(fen),
            usage: cell(14).to_owned(),
            key: key.to_owned(),
        },
    )
}

/// An instruction that has what every one must have.
pub(super) fn checked(number: usize, line: Instruction) -> Result<Instruction, BankRefusal> {
    if line.account.is_empty() || line.name.is_empty() || line.key.is_empty() {
        return Err(unreadable(number, "account, name or remark missing"));
    }
    if line.amount <= Fen::ZERO {
        return Err(unreadable(number, "the amount is not positive"));
    }
    Ok(line)
}

/// The widths of name, account, amount with three decimals, and remark, in bytes of GBK.
const FIXED: [usize; 4] = [60, 30, 18, 30];

/// Lines of fixed width that end in LF; there is no total.
fn read_fixed(bytes: &[u8]) -> Result<Vec<Instruction>, BankRefusal> {
    let mut lines = Vec::new();
    let text = bytes.strip_suffix(b"\n");
    let text = text.ok_or_else(|| unreadable(1, "no LF at the end"))?;
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        if line.len() != FIXED.iter().sum::<usize>() {
            return Err(unreadable(number, "another length"));
        }
        let mut from = 0;
        let [name, account, amount, key] = FIXED.map(|width| {
            let cell = &line[from..from + width];
            from += width;
            GBK.decode(cell).0.trim().to_owned()
        });
        let yuan = amount.strip_suffix('0').unwrap_or(&amount);
        let instruction = Instruction {
            order: number.to_string(),
            account,
            name,
            branch: String::new(),
            branch_no: String::new(),
            amount: Fen::parse_yuan(yuan)?,
            usage: String::new(),
            key,
        };
        lines.push(checked(number, instruction)?);
    }
    Ok(lines)
}

/// ABC's result file: order, state, name, account, amount, remark, reason.
fn fixed_answer(answers: &[(&Instruction, Answer, String)]) -> Vec<u8> {
    let mut text = String::new();
    for (line, answer, _) in answers {
        let (state, why) = match answer {
            Answer::Paid => ('S', ""),
            Answer::Failed(reason) => ('E', reason.as_str()),
            Answer::Pending => ('P', ""),
        };
        let Instruction {
            order,
            name,
            account,
            amount,
            key,
            ..
        } = line;
        text.push_str(&format!(
            "{order}|{state}|{name}|{account}|{amount}0|{key}|{why}\n"
        ));
    }
    GBK.encode(&text).0.into_owned()
}

/// Finds the header row by its names, reads the lines, checks the total row.
fn read_table(rows: &[Vec<String>]) -> Result<Vec<Instruction>, BankRefusal> {
    let is_header = |row: &Vec<String>| row.iter().any(|cell| cell.ends_with("账号"));
    let head = rows
        .iter()
        .position(is_header)
        .ok_or_else(|| unreadable(1, "no header row"))?;
    let header = rows.get(head).map(Vec::as_slice).unwrap_or_default();
    let column = |names: &[&str]| {
        let named = |cell: &String| names.iter().any(|name| cell.starts_with(name));
        header
            .iter()
            .position(named)
            .ok_or_else(|| unreadable(head + 1, &names.join("/")))
    };
    let (account, name) = (column(&["收款账号", "账号"])?, column(&["户名"])?);
    let (amount, usage) = (column(&["金额"])?, column(&["用途"])?);
    let (branch, branch_no) = (column(&["开户行"])?, column(&["联行号"])?);
    let remark = column(&["备注"])?;
    let mut lines: Vec<Instruction> = Vec::new();
    let mut total = None;
    for (index, row) in rows.iter().enumerate().skip(head + 1) {
        let cell = |place: usize| row.get(place).map(String::as_str).unwrap_or_default();
        if row.iter().all(String::is_empty) {
            continue;
        }
        let money = Fen::parse_yuan(cell(amount).trim_end_matches('元'));
        if row.iter().any(|cell| cell.starts_with("合计")) {
            total = Some(money?);
            continue;
        }
        lines.push(checked(
            index + 1,
            Instruction {
                order: cell(0).to_owned(),
                account: cell(account).to_owned(),
                name: cell(name).to_owned(),
                branch: cell(branch).to_owned(),
                branch_no: cell(branch_no).to_owned(),
                amount: money?,
                usage: cell(usage).to_owned(),
                key: cell(remark).to_owned(),
            },
        )?);
    }
    let counted = Fen::sum(lines.iter().map(|line| line.amount))?;
    match total {
        Some(total) if total == counted => Ok(lines),
        Some(total) => Err(BankRefusal::Totals {
            stated: total.to_string(),
            counted: counted.to_string(),
        }),
        None => Err(unreadable(rows.len(), "no total row")),
    }
}

/// An answer in the bank's layout: file extension and bytes.
///
/// # Errors
/// [`BankRefusal::Unreadable`] when a workbook cannot be written.
pub fn write_answer(
    setup: &Setup,
    batch: &str,
    date: Date,
    answers: &[(&Instruction, Answer, String)],
    text: &Text,
) -> Result<(&'static str, Vec<u8>), BankRefusal> {
    match setup.layout {
        Layout::IcbcA1 => Ok(("txt", icbc_answer(setup, batch, date, answers))),
        Layout::AbcFixed => Ok(("txt", fixed_answer(answers))),
        Layout::Treasury => {
            let filled = bank_message::fill_in(&text.message, date, answers)?;
            Ok(("xml", filled))
        }
        Layout::Iso => {
            let report = bank_message::status_report(batch, date, answers);
            Ok(("xml", report))
        }
        Layout::GenericCsv => {
            let content: String = table(answers).iter().map(|row| csv_line(row)).collect();
            let (bytes, ..) = text.encoding.encode(&content);
            let mark: &[u8] = if text.mark { &[0xEF, 0xBB, 0xBF] } else { &[] };
            Ok(("csv", [mark, &*bytes].concat()))
        }
        Layout::GenericXlsx => workbook(&table(answers), date)
            .map(|bytes| ("xlsx", bytes))
            .map_err(|error| unreadable(0, &error.to_string())),
    }
}

/// ICBC's return text: four head lines, then yuan with `元` and separators. Batches with an even
/// last digit come in the 12-column order (payee first), the others in that of 10 columns,
/// which has no remark: there our key stands behind the usage.
fn icbc_answer(
    setup: &Setup,
    batch: &str,
    date: Date,
    answers: &[(&Instruction, Answer, String)],
) -> Vec<u8> {
    let payee_first = batch
        .chars()
        .last()
        .and_then(|c| c.to_digit(10))
        .is_some_and(|d| d % 2 == 0);
    let head = if payee_first {
        "序号|币种|收款账号|收款单位名称|付款账号|付款单位名称|金额|用途|网上银行状态|用户备注|\
         汇款方式|是否发送短信"
    } else {
        "序号|币种|付款账号|付款单位名称|收款账号|收款单位名称|金额|用途|网上银行状态|银行反馈信息"
    };
    let mut text = format!(
        "[BatchPayDetail]\r\n查询时间: {} 10:00:00\r\n批次号: {batch}\r\n{head}\r\n",
        date.format("%Y%m%d")
    );
    for (line, answer, _) in answers {
        let payer = format!("{}|{}", setup.account_no, setup.holder);
        let payee = format!("{}|{}", line.account, line.name);
        let tail = if payee_first {
            let status = match answer {
                Answer::Paid => "处理成功".to_owned(),
                Answer::Failed(reason) => format!("处理失败:{reason}"),
                Answer::Pending => "处理中".to_owned(),
            };
            format!(
                "{payee}|{payer}|{}元|{}|{status}|{}|1|0",
                line.amount.grouped(),
                line.usage,
                line.key
            )
        } else {
            let (status, message) = match answer {
                Answer::Paid => ("处理成功", "全部成功"),
                Answer::Failed(reason) => ("处理失败", reason.as_str()),
                Answer::Pending => ("处理中", "等待银行答复"),
            };
            format!(
                "{payer}|{payee}|{}元|{} {}|{status}|{message}",
                line.amount.grouped(),
                line.usage,
                line.key
            )
        };
        text.push_str(&format!("{batch}-{}|人民币|{tail}\r\n", line.order));
    }
    GBK.encode(&text).0.into_owned()
}

/// The batch's columns with result, reason and the bank's serial number.
fn table(answers: &[(&Instruction, Answer, String)]) -> Vec<[String; 11]> {
    let header = [
        "序号",
        "收款账号",
        "户名",
        "开户行",
        "联行号",
        "金额(元)",
        "用途",
        "备注",
        "结果",
        "失败原因",
        "银行流水号",
    ];
    let mut rows = vec![header.map(str::to_owned)];
    for (line, answer, serial) in answers {
        let (result, reason, serial) = match answer {
            Answer::Paid => ("成功", "", serial.as_str()),
            Answer::Failed(reason) => ("失败", reason.as_str(), serial.as_str()),
            Answer::Pending => ("处理中", "", ""),
        };
        rows.push([
            line.order.clone(),
            line.account.clone(),
            line.name.clone(),
            line.branch.clone(),
            line.branch_no.clone(),
            line.amount.to_string(),
            line.usage.clone(),
            line.key.clone(),
            result.to_owned(),
            reason.to_owned(),
            serial.to_owned(),
        ]);
    }
    rows
}

/// A workbook of text cells whose creation date is the answer's, so that its bytes are the same
/// each time.
fn workbook(rows: &[[String; 11]], date: Date) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let created = ExcelDateTime::parse_from_str(&date.to_string())?;
    book.set_properties(&DocProperties::new().set_creation_datetime(&created));
    let sheet = book.add_worksheet();
    for (row, cells) in (0_u32..).zip(rows) {
        for (column, cell) in (0_u16..).zip(cells) {
            sheet.write_string(row, column, cell)?;
        }
    }
    book.save_to_buffer()
}

/// A statement as CSV: account, opening and closing balance and period, then the movements. In
/// GBK from the bank of the text layout, in UTF-8 from the others.
pub fn write_statement(
    setup: &Setup,
    (from, to): (Date, Date),
    (opening, closing): (Fen, Fen),
    movements: &[[String; 9]],
) -> Vec<u8> {
    let mut text = String::new();
    for (name, value) in [
        ("账号", setup.account_no.clone()),
        ("期初余额", opening.to_string()),
        ("期末余额", closing.to_string()),
        ("起止日期", format!("{from}至{to}")),
    ] {
        text.push_str(&csv_line(&[name.to_owned(), value]));
    }
    text.push_str("日期,摘要,借方发生额,贷方发生额,余额,对方户名,对方账号,备注,流水号\r\n");
    text.extend(movements.iter().map(|row| csv_line(row)));
    match setup.layout {
        Layout::IcbcA1 => GBK.encode(&text).0.into_owned(),
        _ => text.into_bytes(),
    }
}

/// One CSV line (RFC 4180) with CRLF.
fn csv_line(cells: &[String]) -> String {
    let quoted = |cell: &String| {
        if cell.contains([',', '"', '\r', '\n']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.clone()
        }
    };
    let mut line = cells.iter().map(quoted).collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}
