//! 第二代支付系统 messages as a bank may pass them on: beps.382 (批量代付), its receipt beps.383, and
//! the confirmations ccms.900 and ccms.990. Read only: a bureau does not send them.
//!
//! In front of the XML stands a header `{H:…}` of fixed width.

use super::Codec;
use super::reading::{Reading, answers, ordinal, outcome_by, reason_of, sum_of, sum_of_answers};
use crate::finding::{Fault, Spot};
use crate::record::{AnswerLine, Instruction, Outcome, ReturnFile, Unlisted};
use crate::table::shown;
use crate::xml::{Element, Text};

/// Elements that do not tell one payment from another.
pub(super) const KNOWN: &str = "InstgDrctPty InstgPty InstdDrctPty InstdPty Rmk BtchNb \
    RtrLtd RcvTp EndToEndId ChckFlg TrnsmtSndrDt TrnsmtRcvrDt OrgnlSndrId OrgnlMsgTp \
    OrigSndr OrigSndDt MsgTp MsgRefId BrnchId ProcDt PtyId PrcPty";

/// 已付款, 已清算, 已成功.
const PAID: [&str; 3] = ["PR02", "PR04", "PR05"];
/// 已撤销, 已拒绝, 已止付, 已冲正.
const FAILED: [&str; 4] = ["PR08", "PR09", "PR21", "PR22"];
/// Everything on its way; also 已处理, 已确认 and 已超期, which do not say whether it was paid.
const PENDING: [&str; 9] = [
    "PR00", "PR01", "PR03", "PR06", "PR07", "PR10", "PR11", "PR12", "PR32",
];

/// Bytes of the header between its braces, and where the message type stands in it, for senders of
/// 12 and of 14 digits.
const HEADERS: [(usize, usize); 2] = [(122, 51), (126, 55)];

/// Reads a message of this type behind its header.
fn message<T>(
    reading: &mut Reading<'_, '_>,
    bytes: &[u8],
    (kind, name): (&str, &str),
    take: impl FnOnce(&mut Reading<'_, '_>, Element<'_>) -> T,
) -> Option<T> {
    let text = Text::decode(bytes, reading.findings)?;
    let text = text.as_str();
    let body = match text.strip_prefix("{H:") {
        None => text.to_owned(),
        Some(rest) => {
            let (header, _) = rest.split_once('}').unwrap_or((rest, ""));
            if !is_header(header, kind) {
                let spot = Spot {
                    line: 1,
                    column: 1,
                    name: "{H:}".to_owned(),
                    ..Spot::default()
                };
                let found = shown(header.get(55..75).unwrap_or(header), false);
                let values = [("expected", kind), ("found", &*found)];
                reading.findings.spot(Fault::MessageStrange, &spot, &values);
                return None;
            }
            // Blank, so that lines and columns stay what they are.
            let end = text.len() - rest.len() + header.len() + 1;
            let (head, body) = text.split_at_checked(end)?;
            " ".repeat(head.chars().count()) + body
        }
    };
    let taken = reading.part(&body, None, |reading, root| {
        let Some(message) = root.at(name) else {
            let found = shown(root.attribute("xmlns"), false);
            let values = [("expected", kind), ("found", &*found)];
            reading.fault(Fault::MessageStrange, root, &values);
            return None;
        };
        for path in ["GrpHdr/MsgId", "GrpHdr/CreDtTm", "GrpHdr/SysCd"] {
            message.first(&[path]);
        }
        Some(take(reading, message))
    });
    taken.flatten()
}

fn is_header(header: &str, kind: &str) -> bool {
    HEADERS.iter().any(|(length, at)| {
        header.len() == *length && header.get(*at..).is_some_and(|rest| rest.starts_with(kind))
    })
}

/// Reads a batch.
pub(super) fn read(reading: &mut Reading<'_, '_>, bytes: &[u8]) -> Vec<Instruction> {
    let kind = ("beps.382.001.01", "BtchPmtByAgcy");
    let lines = message(reading, bytes, kind, |reading, message| {
        let Some(body) = message.at("BtchPmtByAgcyInf") else {
            reading.filled(message, "BtchPmtByAgcyInf");
            return Vec::new();
        };
        let rows: Vec<Element<'_>> = body.all("CdtrDtls").collect();
        let count = rows.len();
        let mut lines = Vec::with_capacity(count);
        for row in rows {
            lines.extend(read_detail(reading, row, ordinal(lines.len())));
        }
        let sum = sum_of(&lines).filter(|_| lines.len() == count);
        reading.totals(body, ("CdtrNb", count), ("TtlAmt", sum));
        lines
    });
    let lines = lines.unwrap_or_default();
    reading.need_lines(&lines);
    lines
}

fn read_detail(
    reading: &mut Reading<'_, '_>,
    row: Element<'_>,
    sequence: u64,
) -> Option<Instruction> {
    let amount = reading.cny(row, "Amt");
    let account = reading.account(row, &["CdtrAcct/Id/Othr/Id"]);
    let name = reading.filled(row, "Cdtr/Nm");
    let key = match reading.echoed(row, &["AddtlInf"]) {
        Some(key) => Some(key),
        None => reading.key(row, "TxId"),
    };
    for path in ["TxId", "Purp/Prtry", "AddtlInf"] {
        row.first(&[path]);
    }
    Some(Instruction {
        sequence,
        key: key?,
        account_no: account?.to_owned(),
        payee_name: name?.to_owned(),
        bank_name: String::new(),
        bank_no: reading.any(row, &["BrnchId", "BrnchId/Id"]).to_owned(),
        amount: amount?,
        purpose: String::new(),
    })
}

/// Reads the receipt of a batch.
pub(super) fn read_answer(reading: &mut Reading<'_, '_>, bytes: &[u8]) -> ReturnFile {
    let kind = ("beps.383.001.01", "BtchPmtByAgcyRspn");
    let file = message(reading, bytes, kind, |reading, message| {
        let number = reading.text(message, "OrgnlMsgInf/OrgnlBtchNb").to_owned();
        let Some(body) = message.at("BtchPmtByAgcyRspnInf") else {
            reading.filled(message, "BtchPmtByAgcyRspnInf");
            return ReturnFile::empty();
        };
        let rows: Vec<Element<'_>> = body.all("SndgDtls").collect();
        let mut file = answers(&number, Vec::new());
        let count = rows.len();
        for row in rows {
            let line = ordinal(file.lines.len());
            file.lines.extend(read_state(reading, row, line));
        }
        // `SndgTtl` is what was paid, and is among the lines given.
        let paid: Vec<AnswerLine> = file
            .lines
            .iter()
            .filter(|line| line.outcome == Outcome::Paid)
            .cloned()
            .collect();
        let sum = sum_of_answers(&paid).filter(|_| file.lines.len() == count);
        reading.totals(body, ("SndgTtlNb", paid.len()), ("SndgTtlAmt", sum));
        if let Some(original) = message.at("OrgnlMsgInf") {
            original.first(&["OrgnlMsgId"]);
            if original.at("OrgnlTtlNb").is_some() {
                file.stated_count = reading.number(original, "OrgnlTtlNb");
            }
            if original.at("OrgnlTtlAmt").is_some() {
                file.stated_total = reading.cny(original, "OrgnlTtlAmt");
            }
        }
        file
    });
    let file = file.unwrap_or_else(ReturnFile::empty);
    reading.need_lines(&file.lines);
    file
}

fn read_state(reading: &mut Reading<'_, '_>, row: Element<'_>, line: u64) -> Option<AnswerLine> {
    let amount = reading.cny(row, "Amt");
    let account = reading.account(row, &["CdtrAcct/Id/Othr/Id"]);
    let key = reading.echoed(row, &["AddtlInf", "TxId"]);
    let state = reading.filled(row, "RspnInf/Sts")?;
    let outcome = outcome_by(state, &PAID, &FAILED, &PENDING);
    if outcome.is_none() {
        reading.unknown_status(row, "RspnInf/Sts");
    }
    let outcome = outcome.unwrap_or(Outcome::Pending);
    let said = reason_of(
        reading.text(row, "RspnInf/RjctCd"),
        reading.text(row, "RspnInf/RjctInf"),
    );
    Some(AnswerLine {
        line,
        key,
        account_no: account?.to_owned(),
        payee_name: reading.text(row, "Cdtr/Nm").to_owned(),
        amount: amount?,
        outcome,
        reason_text: match outcome {
            Outcome::Paid => String::new(),
            _ if said.is_empty() => state.to_owned(),
            _ => said,
        },
        bank_reference: reading.text(row, "TxId").to_owned(),
        sequence: None,
    })
}

/// Reads a confirmation, which holds for a whole message. It never says that anybody was paid, and
/// only a refusal by the system (PR09 of ccms.900) says that nobody was.
pub(super) fn read_confirmation(
    reading: &mut Reading<'_, '_>,
    codec: Codec,
    bytes: &[u8],
) -> ReturnFile {
    let file = if codec == Codec::Ccms900 {
        let kind = ("ccms.900.001.02", "CmonConf");
        message(reading, bytes, kind, |reading, message| {
            let number = reading.text(message, "OrgnlGrpInf/OrgnlMsgId").to_owned();
            let state = reading.filled(message, "RspsnInf/ProcSts").unwrap_or("");
            let code = reading.any(message, &["RspsnInf/ProcCd", "RspsnInf/PtyProcCd"]);
            let words = reason_of(code, reading.text(message, "RspsnInf/RjctInf"));
            let outcome = match state {
                "PR09" => Outcome::Failed,
                _ => Outcome::Pending,
            };
            confirmation(&number, outcome, &reason_of(state, &words))
        })
    } else {
        let kind = ("ccms.990.001.02", "ComuCnfm");
        message(reading, bytes, kind, |reading, message| {
            let body = message.at("ComuCnfmInf").unwrap_or(message);
            let number = reading.any(body, &["MsgId", "OrigMsgId"]).to_owned();
            let code = reading.filled(body, "MsgProCd").unwrap_or("");
            confirmation(&number, Outcome::Pending, code)
        })
    };
    file.unwrap_or_else(ReturnFile::empty)
}

fn confirmation(number: &str, outcome: Outcome, why: &str) -> ReturnFile {
    let mut file = answers(number, Vec::new());
    file.unlisted = Some(Unlisted {
        outcome,
        reason_text: why.to_owned(),
    });
    file
}
