//! ISO 20022 customer payment status report (pain.002.001.03 to .15).

use ledger::money::Fen;

use super::reading::{Reading, answers, ordinal, outcome_by, reason_of};
use crate::finding::Fault;
use crate::record::{AnswerLine, Outcome, ReturnFile, Unlisted};
use crate::table::shown;
use crate::xml::Element;

/// Settled on the side of the debtor or of the creditor.
const PAID: [&str; 2] = ["ACCC", "ACSC"];
/// Refused for good.
const FAILED: [&str; 2] = ["RJCT", "CANC"];
/// Taken, in process, held or in part: not an outcome.
const PENDING: [&str; 10] = [
    "ACCP", "ACSP", "ACTC", "ACWC", "ACFC", "PDNG", "RCVD", "PATC", "BLCK", "PART",
];

/// Reads a report. What it does not list has the state of its group.
pub(super) fn read(reading: &mut Reading<'_, '_>, bytes: &[u8]) -> ReturnFile {
    let file = reading.document(bytes, |reading, root| {
        let namespace = root.attribute("xmlns");
        let message = root.at("CstmrPmtStsRpt");
        let Some(message) = message.filter(|_| namespace.contains("pain.002.001.")) else {
            let found = shown(namespace, false);
            let values = [("expected", "pain.002.001.*"), ("found", &*found)];
            reading.fault(Fault::MessageStrange, root, &values);
            return ReturnFile::empty();
        };
        read_message(reading, message)
    });
    let file = file.unwrap_or_else(ReturnFile::empty);
    if file.lines.is_empty() && file.unlisted.is_none() {
        reading.findings.nothing_inside();
    }
    file
}

fn read_message(reading: &mut Reading<'_, '_>, message: Element<'_>) -> ReturnFile {
    message.first(&["GrpHdr/MsgId"]);
    message.first(&["GrpHdr/CreDtTm"]);
    let mut lines = Vec::new();
    let mut number = String::new();
    let mut unlisted = None;
    let mut blocks = 0_usize;
    if let Some(group) = message.at("OrgnlGrpInfAndSts") {
        reading.text(group, "OrgnlMsgId").clone_into(&mut number);
        group.first(&["OrgnlMsgNmId"]);
        unlisted = state(reading, group, "GrpSts");
    }
    for block in message.all("OrgnlPmtInfAndSts") {
        blocks += 1;
        let own = reading.text(block, "OrgnlPmtInfId");
        if !own.is_empty() {
            own.clone_into(&mut number);
        }
        let of_block = state(reading, block, "PmtInfSts");
        unlisted = of_block.or(unlisted);
        for transaction in block.all("TxInfAndSts") {
            lines.extend(read_line(reading, transaction, ordinal(lines.len())));
        }
    }
    if blocks > 1 {
        let found = format!("{blocks} OrgnlPmtInfAndSts");
        let values = [("expected", "1 OrgnlPmtInfAndSts"), ("found", &*found)];
        reading.fault(Fault::MessageStrange, message, &values);
    }
    let mut file = answers(&number, lines);
    if let (Some(group), Some(_)) = (message.at("OrgnlGrpInfAndSts"), &unlisted) {
        if group.at("OrgnlNbOfTxs").is_some() {
            file.stated_count = reading.number(group, "OrgnlNbOfTxs");
        }
        file.stated_total = reading.amount_if(group, "OrgnlCtrlSum");
    }
    file.unlisted = unlisted;
    file
}

/// The state of a group or block, which holds for what it does not list. In part (`PART`) says
/// nothing of them.
fn state(reading: &mut Reading<'_, '_>, of: Element<'_>, path: &str) -> Option<Unlisted> {
    let code = reading.text(of, path);
    if code.is_empty() || code == "PART" {
        return None;
    }
    let outcome = outcome_by(code, &PAID, &FAILED, &PENDING);
    if outcome.is_none() {
        reading.unknown_status(of, path);
    }
    Some(Unlisted {
        outcome: outcome.unwrap_or(Outcome::Pending),
        reason_text: reason(reading, of),
    })
}

/// All reasons with their words.
fn reason(reading: &mut Reading<'_, '_>, of: Element<'_>) -> String {
    let mut said: Vec<String> = Vec::new();
    for info in of.all("StsRsnInf") {
        let code = reading.any(info, &["Rsn/Cd", "Rsn/Prtry"]);
        let words: Vec<&str> = info.all("AddtlInf").map(Element::text).collect();
        said.push(reason_of(code, &words.join(" ")));
    }
    said.retain(|text| !text.is_empty());
    said.join("; ")
}

fn read_line(
    reading: &mut Reading<'_, '_>,
    transaction: Element<'_>,
    line: u64,
) -> Option<AnswerLine> {
    let key = reading.echoed(transaction, &["OrgnlEndToEndId", "OrgnlInstrId"]);
    transaction.first(&["StsId"]);
    let code = reading.filled(transaction, "TxSts")?;
    let outcome = outcome_by(code, &PAID, &FAILED, &PENDING);
    if outcome.is_none() {
        reading.unknown_status(transaction, "TxSts");
    }
    let outcome = outcome.unwrap_or(Outcome::Pending);
    let said = reason(reading, transaction);
    let reference = reading.text(transaction, "AcctSvcrRef").to_owned();
    let original = transaction.at("OrgnlTxRef");
    let amount_path = "Amt/InstdAmt";
    let amount = match original.filter(|original| original.at(amount_path).is_some()) {
        Some(original) => reading.cny(original, amount_path)?,
        // Not stated: the caller completes it from the batch.
        None => Fen::ZERO,
    };
    let text = |reading: &mut Reading<'_, '_>, paths: &[&str]| {
        original.map_or_else(String::new, |original| {
            reading.any(original, paths).to_owned()
        })
    };
    let sequence = transaction.first(&["OrgnlInstrId"]).parse().ok();
    if key.is_none() && (amount == Fen::ZERO || original.is_none()) {
        reading.filled(transaction, "OrgnlEndToEndId");
        let at = transaction.at("OrgnlEndToEndId").unwrap_or(transaction);
        let pattern = reading.profile.key.pattern.clone();
        let value = shown(at.text(), false);
        reading.fault(
            Fault::KeyUnread,
            at,
            &[("pattern", &pattern), ("value", &value)],
        );
        return None;
    }
    Some(AnswerLine {
        line,
        key,
        account_no: text(reading, &["CdtrAcct/Id/Othr/Id", "CdtrAcct/Id/IBAN"]),
        payee_name: text(reading, &["Cdtr/Nm", "Cdtr/Pty/Nm"]),
        amount,
        outcome,
        reason_text: match (outcome, said.as_str()) {
            (Outcome::Paid, _) => said,
            (_, "") => code.to_owned(),
            _ => said,
        },
        bank_reference: reference,
        sequence,
    })
}
