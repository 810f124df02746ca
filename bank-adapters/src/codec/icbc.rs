//! 工商银行 银企互联: PAYPER (企业财务室 payments to persons) and the answer to its query QPAYPER.
//! Amounts are in fen.

use super::reading::{Reading, answers, ordinal, outcome_by, reason_of, sum_of};
use super::writing::{Room, Writing};
use crate::finding::Fault;
use crate::record::{AnswerLine, Instruction, Outcome, ReturnFile};
use crate::table::shown;
use crate::xml::{Element, Writer};

/// Elements that do not tell one payment from another.
pub(super) const KNOWN: &str = "TransCode CIS BankCode ID TranDate TranTime fSeqno OnlBatF \
    SettleMode SignTime THBaseAccFlag RegSerialNO PackageName TotalSummary BatchSumFlag \
    ReimburseNo ReimburseNum StartDate StartTime PayType PayAccNo PayAccNameCN PayAccNameEN \
    RecAccNameEN SysIOFlg IsSameCity RecICBCCode RecCityName RecBankNo RecBankName CurrType \
    UseCode UseCN EnSummary PostScript Summary Ref Oref BusCode ERPcheckno CrvouhType \
    CrvouhName CrvouhNo MCardNo MCardName QrySerialNo RetMsg";

const PAID: [&str; 1] = ["7"];
/// 被银行拒绝, 指令被拒绝授权, 预约取消.
const FAILED: [&str; 3] = ["6", "8", "11"];
const PENDING: [&str; 8] = ["0", "1", "2", "3", "4", "5", "9", "10"];
/// What the states mean, for those that are no success.
const WORDS: [(&str, &str); 11] = [
    ("0", "提交成功,等待银行处理"),
    ("1", "授权成功,等待银行处理"),
    ("2", "等待授权"),
    ("3", "等待二次授权"),
    ("4", "等待银行答复"),
    ("5", "主机返回待处理"),
    ("6", "被银行拒绝"),
    ("8", "指令被拒绝授权"),
    ("9", "银行正在处理"),
    ("10", "预约指令"),
    ("11", "预约取消"),
];

/// Writes a batch.
pub(super) fn write(writing: &mut Writing<'_>) -> String {
    let head = writing.head;
    let mut out = Writer::new(writing.encoding());
    let day = head.date.format("%Y%m%d").to_string();
    out.open("CMS");
    out.open("eb");
    out.open("pub");
    out.leaf("TransCode", "PAYPER");
    out.leaf("CIS", writing.code_or("CIS", ""));
    out.leaf("BankCode", "102");
    out.leaf("ID", writing.code_or("ID", ""));
    out.leaf("TranDate", &day);
    out.leaf("TranTime", "000000000");
    out.leaf(
        "fSeqno",
        writing.text(0, "fSeqno", &head.batch_no, Room::Bytes(35)),
    );
    out.close();
    out.open("in");
    out.leaf("OnlBatF", "1");
    out.leaf("SettleMode", writing.code("SettleMode"));
    out.leaf("TotalNum", &writing.lines.len().to_string());
    out.leaf("TotalAmt", &writing.amount(writing.total));
    for name in ["SignTime", "THBaseAccFlag", "RegSerialNO", "PackageName"] {
        out.leaf(name, writing.code(name));
    }
    let purpose = writing.lines.first().map_or("", |line| &line.purpose);
    out.leaf("TotalSummary", purpose);
    out.leaf("BatchSumFlag", writing.code("BatchSumFlag"));
    for (row, line) in (1_u64..).zip(writing.lines) {
        record(writing, &mut out, row, line, &day);
    }
    out.finish()
}

fn record<'a>(
    writing: &mut Writing<'a>,
    out: &mut Writer,
    row: u64,
    line: &'a Instruction,
    day: &str,
) {
    let head = writing.head;
    out.open("rd");
    out.leaf("iSeqno", &line.sequence.to_string());
    out.leaf("ReimburseNo", "");
    out.leaf("ReimburseNum", "0");
    out.leaf("StartDate", day);
    out.leaf("StartTime", "");
    out.leaf("PayType", writing.code("PayType"));
    let (account, name) = (&head.payer_account_no, &head.payer_name);
    out.leaf(
        "PayAccNo",
        writing.filled(row, "PayAccNo", account, Room::Bytes(34)),
    );
    out.leaf(
        "PayAccNameCN",
        writing.filled(row, "PayAccNameCN", name, Room::Bytes(60)),
    );
    out.leaf("PayAccNameEN", "");
    out.leaf(
        "RecAccNo",
        writing.filled(row, "RecAccNo", &line.account_no, Room::Bytes(34)),
    );
    let payee = writing.filled(row, "RecAccNameCN", &line.payee_name, Room::Bytes(60));
    out.leaf("RecAccNameCN", payee);
    out.leaf("RecAccNameEN", "");
    let is_own = line.bank_no.starts_with("102") || line.bank_name.contains("工商银行");
    out.leaf("SysIOFlg", if is_own { "1" } else { "2" });
    out.leaf("IsSameCity", writing.code("IsSameCity"));
    out.leaf("RecICBCCode", "");
    out.leaf("RecCityName", writing.code("RecCityName"));
    out.leaf(
        "RecBankNo",
        writing.text(row, "RecBankNo", &line.bank_no, Room::Bytes(12)),
    );
    out.leaf(
        "RecBankName",
        writing.text(row, "RecBankName", &line.bank_name, Room::Bytes(60)),
    );
    out.leaf("CurrType", "001");
    out.leaf("PayAmt", &writing.amount(line.amount));
    out.leaf("UseCode", "");
    out.leaf(
        "UseCN",
        writing.text(row, "UseCN", &line.purpose, Room::Bytes(60)),
    );
    for name in ["EnSummary", "PostScript", "Summary", "Ref", "Oref"] {
        out.leaf(name, "");
    }
    out.leaf(
        "ERPSqn",
        writing.filled(row, "ERPSqn", &line.key, Room::Bytes(40)),
    );
    for name in UNUSED {
        out.leaf(name, "");
    }
    out.close();
}

/// Elements at the end of a record that stay empty.
const UNUSED: [&str; 7] = [
    "BusCode",
    "ERPcheckno",
    "CrvouhType",
    "CrvouhName",
    "CrvouhNo",
    "MCardNo",
    "MCardName",
];

/// Reads a batch.
pub(super) fn read(reading: &mut Reading<'_, '_>, bytes: &[u8]) -> Vec<Instruction> {
    let lines = reading.document(bytes, |reading, root| {
        if !reading.expect(root, &["CMS"]) {
            return Vec::new();
        }
        let Some(body) = root.at("eb/in") else {
            reading.filled(root, "eb/in");
            return Vec::new();
        };
        let rows: Vec<Element<'_>> = body.all("rd").collect();
        let count = rows.len();
        let read: Vec<Instruction> = rows
            .into_iter()
            .filter_map(|row| read_record(reading, row))
            .collect();
        let sum = sum_of(&read).filter(|_| read.len() == count);
        reading.totals(body, ("TotalNum", count), ("TotalAmt", sum));
        read
    });
    let lines = lines.unwrap_or_default();
    reading.need_lines(&lines);
    lines
}

fn read_record(reading: &mut Reading<'_, '_>, row: Element<'_>) -> Option<Instruction> {
    let key = reading.key(row, "ERPSqn");
    let sequence = reading.number(row, "iSeqno");
    let amount = reading.positive(row, "PayAmt");
    let account = reading.account(row, &["RecAccNo"]);
    let name = reading.filled(row, "RecAccNameCN");
    Some(Instruction {
        sequence: sequence?,
        key: key?,
        account_no: account?.to_owned(),
        payee_name: name?.to_owned(),
        bank_name: reading.text(row, "RecBankName").to_owned(),
        bank_no: reading.text(row, "RecBankNo").to_owned(),
        amount: amount?,
        purpose: reading.text(row, "UseCN").to_owned(),
    })
}

/// Reads the answer to QPAYPER.
pub(super) fn read_answer(reading: &mut Reading<'_, '_>, bytes: &[u8]) -> ReturnFile {
    let file = reading.document(bytes, |reading, root| {
        if !reading.expect(root, &["CMS"]) {
            return ReturnFile::empty();
        }
        let (head, body) = (root.at("eb/pub"), root.at("eb/out"));
        let (Some(head), Some(body)) = (head, body) else {
            reading.filled(root, "eb/out");
            return ReturnFile::empty();
        };
        let code = reading.text(head, "RetCode");
        if !code.trim_matches('0').is_empty() {
            let detail = shown(&reason_of(code, reading.text(head, "RetMsg")), false);
            reading.fault(Fault::BankRefused, head, &[("detail", &detail)]);
        }
        let number = reading.any(body, &["QryfSeqno", "fSeqno"]).to_owned();
        let mut lines = Vec::new();
        for row in body.all("rd") {
            lines.extend(read_state(reading, row, ordinal(lines.len())));
        }
        answers(&number, lines)
    });
    let file = file.unwrap_or_else(ReturnFile::empty);
    reading.need_lines(&file.lines);
    file
}

fn read_state(reading: &mut Reading<'_, '_>, row: Element<'_>, line: u64) -> Option<AnswerLine> {
    let key = reading.echoed(row, &["ERPSqn", "Ref", "PostScript", "Summary", "UseCN"]);
    let amount = reading.positive(row, "PayAmt");
    let account = reading.account(row, &["RecAccNo"]);
    let state = reading.filled(row, "Result")?;
    let outcome = outcome_by(state, &PAID, &FAILED, &PENDING);
    if outcome.is_none() {
        reading.unknown_status(row, "Result");
    }
    let outcome = outcome.unwrap_or(Outcome::Pending);
    let words = WORDS.iter().find(|(code, _)| *code == state);
    let said = reading.text(row, "iRetMsg");
    row.first(&["iRetCode"]);
    let reason = match (outcome, said) {
        (Outcome::Paid, _) => "",
        (_, "") => words.map_or(state, |(_, words)| *words),
        (_, said) => said,
    };
    Some(AnswerLine {
        line,
        key,
        account_no: account?.to_owned(),
        payee_name: reading.text(row, "RecAccNameCN").to_owned(),
        amount: amount?,
        outcome,
        reason_text: reason.to_owned(),
        bank_reference: reading.text(row, "OrderNo").to_owned(),
        sequence: row.first(&["iSeqno"]).parse().ok(),
    })
}
