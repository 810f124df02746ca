//! ISO 20022 customer credit transfer initiation (pain.001.001.03, .09 and .11).
//!
//! Agents are named by their CNAPS member number (联行号), accounts by `Othr/Id`, and the purpose by
//! the code that the profile gives for the program's function code.

use super::Codec;
use super::reading::{Reading, sum_of};
use super::writing::{Room, Writing};
use crate::finding::Fault;
use crate::record::Instruction;
use crate::xml::{Element, Writer};

/// `Max34Text` of an account.
const ACCOUNT: Room = Room::Letters(34);
/// `Max35Text` of references.
const REFERENCE: Room = Room::Letters(35);
/// `Max140Text` of names and remittance information.
const TEXT: Room = Room::Letters(140);

fn version(codec: Codec) -> &'static str {
    match codec {
        Codec::Pain00103 => "pain.001.001.03",
        Codec::Pain00111 => "pain.001.001.11",
        _ => "pain.001.001.09",
    }
}

/// Writes a batch as one payment information block.
pub(super) fn write(writing: &mut Writing<'_>, codec: Codec) -> String {
    let head = writing.head;
    let namespace = format!("urn:iso:std:iso:20022:tech:xsd:{}", version(codec));
    let (count, total) = (writing.lines.len().to_string(), writing.total.to_string());
    let name = writing.filled(0, "Dbtr/Nm", &head.payer_name, TEXT);
    let number = writing.filled(0, "MsgId", &head.batch_no, REFERENCE);
    let date = head.date.to_string();
    let mut out = Writer::new(writing.encoding());
    out.open_with("Document", &[("xmlns", &namespace)]);
    out.open("CstmrCdtTrfInitn");
    out.open("GrpHdr");
    out.leaf("MsgId", number);
    out.leaf("CreDtTm", &format!("{date}T00:00:00"));
    out.leaf("NbOfTxs", &count);
    out.leaf("CtrlSum", &total);
    out.nested("InitgPty/Nm", name);
    out.close();
    out.open("PmtInf");
    out.leaf("PmtInfId", number);
    out.leaf("PmtMtd", "TRF");
    out.leaf("BtchBookg", "true");
    out.leaf("NbOfTxs", &count);
    out.leaf("CtrlSum", &total);
    let category = writing.code("CtgyPurp");
    if !category.is_empty() {
        out.nested("PmtTpInf/CtgyPurp/Cd", category);
    }
    match codec {
        Codec::Pain00103 => out.leaf("ReqdExctnDt", &date),
        _ => out.nested("ReqdExctnDt/Dt", &date),
    }
    out.nested("Dbtr/Nm", name);
    out.open("DbtrAcct");
    let account = writing.filled(0, "DbtrAcct", &head.payer_account_no, ACCOUNT);
    out.nested("Id/Othr/Id", account);
    out.leaf("Ccy", "CNY");
    out.close();
    agent(
        writing,
        &mut out,
        "DbtrAgt",
        0,
        (&head.context.payer_bank_no, &head.payer_bank_name),
    );
    let purpose = purpose(writing);
    let lines = writing.lines;
    let numbers: Vec<String> = lines.iter().map(|line| line.sequence.to_string()).collect();
    for ((row, line), number) in (1_u64..).zip(lines).zip(&numbers) {
        transfer(writing, &mut out, (row, number), line, purpose);
    }
    out.finish()
}

/// The purpose code of the program, by its function code.
fn purpose<'a>(writing: &mut Writing<'a>) -> &'a str {
    let profile = writing.profile;
    let function = &writing.head.context.function_code;
    let of_program = profile.purpose_codes.get(function).map(String::as_str);
    let code = of_program.unwrap_or_else(|| writing.code("Purp"));
    let sound = (1..=4).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_uppercase());
    if !sound && !code.is_empty() {
        let values = [("value", code)];
        writing.findings.cell(Fault::CodeUnread, 0, "Purp", &values);
    }
    code
}

/// An agent by its number and name. One of the two is always given.
fn agent<'a>(
    writing: &mut Writing<'a>,
    out: &mut Writer,
    element: &'static str,
    row: u64,
    (number, name): (&'a str, &'a str),
) {
    if element == "CdtrAgt" && number.is_empty() && name.is_empty() {
        return;
    }
    out.open(element);
    out.open("FinInstnId");
    if !number.is_empty() {
        let number = writing.text(row, "MmbId", number, REFERENCE);
        out.open("ClrSysMmbId");
        out.nested("ClrSysId/Cd", "CNAPS");
        out.leaf("MmbId", number);
        out.close();
    }
    let name = writing.text(row, element, name, TEXT);
    out.some("Nm", name);
    out.close();
    out.close();
}

fn transfer<'a>(
    writing: &mut Writing<'a>,
    out: &mut Writer,
    (row, number): (u64, &str),
    line: &'a Instruction,
    purpose: &str,
) {
    out.open("CdtTrfTxInf");
    out.open("PmtId");
    out.leaf("InstrId", number);
    out.leaf(
        "EndToEndId",
        writing.filled(row, "EndToEndId", &line.key, REFERENCE),
    );
    out.close();
    out.open("Amt");
    out.leaf_with("InstdAmt", &[("Ccy", "CNY")], &line.amount.to_string());
    out.close();
    agent(
        writing,
        out,
        "CdtrAgt",
        row,
        (&line.bank_no, &line.bank_name),
    );
    out.open("Cdtr");
    out.leaf("Nm", writing.filled(row, "Cdtr/Nm", &line.payee_name, TEXT));
    out.close();
    out.open("CdtrAcct");
    let account = writing.filled(row, "CdtrAcct", &line.account_no, ACCOUNT);
    out.nested("Id/Othr/Id", account);
    out.close();
    if !purpose.is_empty() {
        out.nested("Purp/Cd", purpose);
    }
    let words = writing.text(row, "RmtInf/Ustrd", &line.purpose, TEXT);
    if !words.is_empty() {
        out.nested("RmtInf/Ustrd", words);
    }
    out.close();
}

/// Reads a batch that was written in any of the versions.
pub(super) fn read(reading: &mut Reading<'_, '_>, codec: Codec, bytes: &[u8]) -> Vec<Instruction> {
    let lines = reading.document(bytes, |reading, root| {
        let namespace = root.attribute("xmlns");
        if !namespace.ends_with(version(codec)) {
            let found = crate::table::shown(namespace, false);
            let values = [("expected", version(codec)), ("found", &*found)];
            reading.fault(Fault::MessageStrange, root, &values);
            return Vec::new();
        }
        let Some(message) = root.at("CstmrCdtTrfInitn") else {
            reading.filled(root, "CstmrCdtTrfInitn");
            return Vec::new();
        };
        let mut lines = Vec::new();
        for block in message.all("PmtInf") {
            let first = lines.len();
            let transfers: Vec<_> = block.all("CdtTrfTxInf").collect();
            let count = transfers.len();
            for transfer in transfers {
                lines.extend(read_transfer(reading, transfer));
            }
            let own = lines.get(first..).unwrap_or_default();
            let whole = own.len() == count;
            let sum = whole.then(|| sum_of(own)).flatten();
            reading.totals(block, ("NbOfTxs", count), ("CtrlSum", sum));
            skip(block);
        }
        let sum = sum_of(&lines);
        if let Some(header) = message.at("GrpHdr") {
            let all = message.all("PmtInf").flat_map(|b| b.all("CdtTrfTxInf"));
            let count = all.count();
            let sum = sum.filter(|_| count == lines.len());
            reading.totals(header, ("NbOfTxs", count), ("CtrlSum", sum));
            header.first(&["MsgId"]);
            header.first(&["CreDtTm"]);
            header.first(&["InitgPty/Nm"]);
        } else {
            reading.filled(message, "GrpHdr");
        }
        lines
    });
    let lines = lines.unwrap_or_default();
    reading.need_lines(&lines);
    lines
}

/// What is the same in all lines and not given.
fn skip(block: Element<'_>) {
    for path in [
        "PmtInfId",
        "PmtMtd",
        "BtchBookg",
        "PmtTpInf/CtgyPurp/Cd",
        "ReqdExctnDt",
        "ReqdExctnDt/Dt",
        "Dbtr/Nm",
        "DbtrAcct/Id/Othr/Id",
        "DbtrAcct/Ccy",
        "DbtrAgt/FinInstnId/ClrSysMmbId/ClrSysId/Cd",
        "DbtrAgt/FinInstnId/ClrSysMmbId/MmbId",
        "DbtrAgt/FinInstnId/Nm",
    ] {
        block.at(path).map(Element::text);
    }
}

fn read_transfer(reading: &mut Reading<'_, '_>, transfer: Element<'_>) -> Option<Instruction> {
    let key = reading.key(transfer, "PmtId/EndToEndId");
    let sequence = reading.number(transfer, "PmtId/InstrId");
    let amount = reading.cny(transfer, "Amt/InstdAmt");
    let account = reading.account(transfer, &["CdtrAcct/Id/Othr/Id", "CdtrAcct/Id/IBAN"]);
    let name = reading.filled(transfer, "Cdtr/Nm");
    for path in ["CdtrAgt/FinInstnId/ClrSysMmbId/ClrSysId/Cd", "Purp/Cd"] {
        transfer.at(path).map(Element::text);
    }
    let amount = amount.filter(|amount| *amount > ledger::money::Fen::ZERO);
    if amount.is_none() && !reading.findings.is_blocked() {
        let at = transfer.at("Amt/InstdAmt").unwrap_or(transfer);
        reading.fault(Fault::AmountNotPositive, at, &[("value", at.text())]);
    }
    let bank = |reading: &mut Reading<'_, '_>, path| reading.text(transfer, path).to_owned();
    Some(Instruction {
        sequence: sequence?,
        key: key?,
        account_no: account?.to_owned(),
        payee_name: name?.to_owned(),
        bank_name: bank(reading, "CdtrAgt/FinInstnId/Nm"),
        bank_no: bank(reading, "CdtrAgt/FinInstnId/ClrSysMmbId/MmbId"),
        amount: amount?,
        purpose: bank(reading, "RmtInf/Ustrd"),
    })
}
