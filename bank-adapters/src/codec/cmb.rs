//! 招商银行 银企直联: NTAGCAPY (大批量代发), its details NTAGDINF and its returned payments
//! NTAGDRFD. Amounts are in yuan.

use super::reading::{Reading, answers, ordinal, outcome_by, reason_of, sum_of};
use super::writing::{Room, Writing};
use crate::finding::Fault;
use crate::record::{AnswerLine, Instruction, Outcome, ReturnFile};
use crate::table::shown;
use crate::xml::{Element, Writer};

/// Elements that do not tell one payment from another.
pub(super) const KNOWN: &str = "FUNNAM DATTYP LGNNAM BUSMOD BEGTAG ENDTAG REQNBR TTLNUM CNVNBR \
    CCYNBR NTFINF BBKNBR ACCNBR CCYMKT TRSTYP NUSAGE EPTDAT EPTTIM YURREF DMANBR GRTFLG BNKFLG \
    EACCTY FSTFLG RCVBNK CPRACT ERRMSG";

const PAID: [&str; 1] = ["S"];
/// 取消, 失败.
const FAILED: [&str; 2] = ["C", "E"];
/// 待处理, 待复核.
const PENDING: [&str; 2] = ["A", "I"];

/// Writes a batch in one upload.
pub(super) fn write(writing: &mut Writing<'_>) -> String {
    let head = writing.head;
    let mut out = Writer::new(writing.encoding());
    out.open("CMBSDKPGK");
    out.open("INFO");
    out.leaf("FUNNAM", "NTAGCAPY");
    out.leaf("DATTYP", "2");
    out.leaf("LGNNAM", writing.code_or("LGNNAM", ""));
    out.close();
    out.open("NTBUSMODY");
    out.leaf("BUSMOD", writing.code_or("BUSMOD", ""));
    out.close();
    let (count, total) = (
        writing.lines.len().to_string(),
        writing.amount(writing.total),
    );
    out.open("NTAGCAGCX1");
    out.leaf("BEGTAG", "Y");
    out.leaf("ENDTAG", "Y");
    out.leaf("REQNBR", "");
    out.leaf("TTLAMT", &total);
    out.leaf("TTLCNT", &count);
    out.leaf("TTLNUM", "1");
    out.leaf("CURAMT", &total);
    out.leaf("CURCNT", &count);
    out.leaf("CNVNBR", writing.code("CNVNBR"));
    out.leaf("CCYNBR", "10");
    out.leaf("NTFINF", "");
    out.leaf("BBKNBR", writing.code_or("BBKNBR", ""));
    let account = &head.payer_account_no;
    out.leaf(
        "ACCNBR",
        writing.filled(0, "ACCNBR", account, Room::Bytes(35)),
    );
    out.leaf("CCYMKT", "0");
    out.leaf("TRSTYP", writing.code_or("TRSTYP", ""));
    let purpose = writing.lines.first().map_or("", |line| &line.purpose);
    out.leaf("NUSAGE", purpose);
    out.leaf("EPTDAT", &head.date.format("%Y%m%d").to_string());
    out.leaf("EPTTIM", "");
    out.leaf(
        "YURREF",
        writing.filled(0, "YURREF", &head.batch_no, Room::Bytes(30)),
    );
    out.leaf("DMANBR", "");
    out.leaf("GRTFLG", "");
    out.close();
    for (row, line) in (1_u64..).zip(writing.lines) {
        detail(writing, &mut out, row, line);
    }
    out.finish()
}

fn detail<'a>(writing: &mut Writing<'a>, out: &mut Writer, row: u64, line: &'a Instruction) {
    out.open("NTAGCDTLY1");
    if line.sequence > 99_999_999 {
        let (found, max) = (line.sequence.to_string(), "8");
        let values = [("found", found.as_str()), ("max", max)];
        writing
            .findings
            .cell(Fault::CellLong, row, "TRXSEQ", &values);
    }
    out.leaf("TRXSEQ", &format!("{:08}", line.sequence));
    out.leaf(
        "ACCNBR",
        writing.filled(row, "ACCNBR", &line.account_no, Room::Bytes(35)),
    );
    out.leaf(
        "ACCNAM",
        writing.filled(row, "ACCNAM", &line.payee_name, Room::Bytes(62)),
    );
    out.leaf("TRSAMT", &writing.amount(line.amount));
    out.leaf(
        "TRSDSP",
        writing.text(row, "TRSDSP", &line.purpose, Room::Bytes(62)),
    );
    let own = line.bank_no.starts_with("308") || line.bank_name.contains("招商银行");
    let is_own = own || (line.bank_no.is_empty() && line.bank_name.is_empty());
    out.leaf("BNKFLG", if is_own { "Y" } else { "N" });
    out.leaf(
        "EACBNK",
        writing.text(row, "EACBNK", &line.bank_name, Room::Bytes(62)),
    );
    for name in ["EACCTY", "FSTFLG", "RCVBNK", "CPRACT"] {
        out.leaf(name, "");
    }
    out.leaf(
        "CPRREF",
        writing.filled(row, "CPRREF", &line.key, Room::Bytes(30)),
    );
    out.close();
}

/// Reads a batch.
pub(super) fn read(reading: &mut Reading<'_, '_>, bytes: &[u8]) -> Vec<Instruction> {
    let lines = reading.document(bytes, |reading, root| {
        if !reading.expect(root, &["CMBSDKPGK"]) {
            return Vec::new();
        }
        let Some(head) = root.at("NTAGCAGCX1") else {
            reading.filled(root, "NTAGCAGCX1");
            return Vec::new();
        };
        let rows: Vec<Element<'_>> = root.all("NTAGCDTLY1").collect();
        let count = rows.len();
        let read: Vec<Instruction> = rows
            .into_iter()
            .filter_map(|row| read_detail(reading, row))
            .collect();
        let sum = sum_of(&read).filter(|_| read.len() == count);
        reading.totals(head, ("TTLCNT", count), ("TTLAMT", sum));
        reading.totals(head, ("CURCNT", count), ("CURAMT", sum));
        read
    });
    let lines = lines.unwrap_or_default();
    reading.need_lines(&lines);
    lines
}

fn read_detail(reading: &mut Reading<'_, '_>, row: Element<'_>) -> Option<Instruction> {
    let key = reading.key(row, "CPRREF");
    let sequence = reading.number(row, "TRXSEQ");
    let amount = reading.positive(row, "TRSAMT");
    let account = reading.account(row, &["ACCNBR"]);
    let name = reading.filled(row, "ACCNAM");
    Some(Instruction {
        sequence: sequence?,
        key: key?,
        account_no: account?.to_owned(),
        payee_name: name?.to_owned(),
        bank_name: reading.text(row, "EACBNK").to_owned(),
        bank_no: String::new(),
        amount: amount?,
        purpose: reading.text(row, "TRSDSP").to_owned(),
    })
}

/// The records of an answer: whatever stands beside `INFO` and has a state. Their element's name
/// has not been seen in any document.
fn records<'d>(
    reading: &mut Reading<'_, '_>,
    root: Element<'d>,
    function: &str,
) -> Vec<Element<'d>> {
    if !reading.expect(root, &["CMBSDKPGK"]) {
        return Vec::new();
    }
    if let Some(info) = root.at("INFO") {
        let named = reading.text(info, "FUNNAM");
        if named != function {
            let found = shown(named, false);
            let values = [("expected", function), ("found", &*found)];
            reading.fault(Fault::MessageStrange, info, &values);
        }
        let code = reading.text(info, "RETCOD");
        if !code.trim_matches('0').is_empty() {
            let detail = shown(&reason_of(code, reading.text(info, "ERRMSG")), false);
            reading.fault(Fault::BankRefused, info, &[("detail", &detail)]);
        }
    }
    root.children()
        .filter(|child| child.at("STSCOD").is_some())
        .collect()
}

/// Reads the details of a batch.
pub(super) fn read_answer(reading: &mut Reading<'_, '_>, bytes: &[u8]) -> ReturnFile {
    let mut lines = Vec::new();
    reading.document(bytes, |reading, root| {
        for row in records(reading, root, "NTAGDINF") {
            lines.extend(read_state(reading, row, ordinal(lines.len())));
        }
    });
    reading.need_lines(&lines);
    answers("", lines)
}

fn read_state(reading: &mut Reading<'_, '_>, row: Element<'_>, line: u64) -> Option<AnswerLine> {
    let key = reading.echoed(row, &["CPRREF", "TRSDSP"]);
    let amount = reading.positive(row, "TRSAMT");
    let account = reading.account(row, &["ACCNBR", "EACNBR"]);
    let state = reading.filled(row, "STSCOD")?;
    let outcome = outcome_by(state, &PAID, &FAILED, &PENDING);
    if outcome.is_none() {
        reading.unknown_status(row, "STSCOD");
    }
    let outcome = outcome.unwrap_or(Outcome::Pending);
    let said = reason_of(reading.text(row, "ERRCOD"), reading.text(row, "ERRDSP"));
    let reason = match outcome {
        Outcome::Paid => String::new(),
        _ if said.is_empty() => state.to_owned(),
        _ => said,
    };
    Some(AnswerLine {
        line,
        key,
        account_no: account?.to_owned(),
        payee_name: reading.any(row, &["ACCNAM", "EACNAM"]).to_owned(),
        amount: amount?,
        outcome,
        reason_text: reason,
        bank_reference: reading.text(row, "BTHDTL").to_owned(),
        sequence: row.first(&["TRXSEQ"]).parse().ok(),
    })
}

/// Reads returned payments (退票).
pub(super) fn read_refunds(reading: &mut Reading<'_, '_>, bytes: &[u8]) -> ReturnFile {
    let mut lines = Vec::new();
    reading.document(bytes, |reading, root| {
        for row in records(reading, root, "NTAGDRFD") {
            lines.extend(read_refund(reading, row, ordinal(lines.len())));
        }
    });
    reading.need_lines(&lines);
    answers("", lines)
}

fn read_refund(reading: &mut Reading<'_, '_>, row: Element<'_>, line: u64) -> Option<AnswerLine> {
    let key = reading.echoed(row, &["CPRREF", "TRSDSP"]);
    let amount = reading.positive(row, "TRSAMT");
    let account = reading.account(row, &["EACNBR"]);
    reading.date(row, &["TRSDAT"]);
    row.first(&["STSCOD"]);
    let code = reading.text(row, "ERRCOD");
    let why = reason_of(code, reading.text(row, "RTNTXT"));
    Some(AnswerLine {
        line,
        key,
        account_no: account?.to_owned(),
        payee_name: reading.text(row, "EACNAM").to_owned(),
        amount: amount?,
        outcome: Outcome::Refunded,
        reason_text: why,
        bank_reference: reading.text(row, "BTHDTL").to_owned(),
        sequence: row.first(&["TRXSEQ"]).parse().ok(),
    })
}
