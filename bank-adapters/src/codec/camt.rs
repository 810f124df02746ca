//! ISO 20022 account reports: camt.053 and camt.052 as statements, camt.054 for payments that came
//! back. All versions from .01; their differences are in a few names, which are tried in turn.

use ledger::calendar::Date;
use ledger::money::Fen;

use super::reading::{Reading, answers, ordinal, reason_of};
use crate::finding::Fault;
use crate::record::{AnswerLine, Outcome, ReturnFile, StatementFile, StatementLine};
use crate::table::shown;
use crate::xml::Element;

/// The message inside `Document`, whose element has a version in its name in version 01.
fn message<'d>(
    reading: &mut Reading<'_, '_>,
    root: Element<'d>,
    names: &[&str],
) -> Option<Element<'d>> {
    let named = |child: &Element<'_>| names.iter().any(|name| child.name().starts_with(name));
    let found = root.children().find(named);
    if found.is_none() {
        let namespace = shown(root.attribute("xmlns"), false);
        let values = [("expected", names.join(" / ")), ("found", namespace)];
        let values: Vec<_> = values.iter().map(|(n, v)| (*n, v.as_str())).collect();
        reading.fault(Fault::MessageStrange, root, &values);
    }
    found
}

/// The account's number.
fn account<'d>(reading: &mut Reading<'_, '_>, of: Element<'d>) -> Option<&'d str> {
    of.first(&["Acct/Ccy"]);
    reading.account(
        of,
        &[
            "Acct/Id/Othr/Id",
            "Acct/Id/IBAN",
            "Acct/Id/PrtryAcct/Id",
            "Acct/Id/BBAN",
        ],
    )
}

/// An amount with its sign: debits are below zero. A reversal is already said by the indicator.
fn signed(reading: &mut Reading<'_, '_>, of: Element<'_>) -> Option<Fen> {
    let amount = reading.cny(of, "Amt")?;
    match reading.filled(of, "CdtDbtInd")? {
        "CRDT" => Some(amount),
        "DBIT" => Fen::ZERO.minus(amount).ok(),
        other => {
            let value = shown(other, false);
            if let Some(at) = of.at("CdtDbtInd") {
                reading.fault(Fault::StatusUnknown, at, &[("value", &value)]);
            }
            None
        }
    }
}

/// Reads a statement or account report. Entries that are not booked are left out, and said.
pub(super) fn read_statement(reading: &mut Reading<'_, '_>, bytes: &[u8]) -> StatementFile {
    let file = reading.document(bytes, |reading, root| {
        let names = ["BkToCstmrStmt", "BkToCstmrAcctRpt"];
        let message = message(reading, root, &names)?;
        message.first(&["GrpHdr/MsgId"]);
        message.first(&["GrpHdr/CreDtTm"]);
        let parts: Vec<_> = message.all("Stmt").chain(message.all("Rpt")).collect();
        let mut whole: Option<StatementFile> = None;
        for part in parts {
            let Some(next) = read_part(reading, part) else {
                continue;
            };
            whole = Some(match whole {
                None => next,
                Some(before) => joined(reading, part, before, next),
            });
        }
        whole
    });
    let file = file.flatten();
    if file.is_none() {
        reading.findings.nothing_inside();
    }
    file.unwrap_or_else(StatementFile::empty)
}

/// Two statements of one account, the second of which goes on where the first ends.
fn joined(
    reading: &mut Reading<'_, '_>,
    at: Element<'_>,
    mut before: StatementFile,
    next: StatementFile,
) -> StatementFile {
    if next.account_no != before.account_no || next.opening != before.closing {
        reading.fault(Fault::StatementsMany, at, &[]);
        return before;
    }
    before.to = before.to.max(next.to);
    before.closing = next.closing;
    for mut line in next.lines {
        line.line = ordinal(before.lines.len());
        before.lines.push(line);
    }
    before
}

fn read_part(reading: &mut Reading<'_, '_>, part: Element<'_>) -> Option<StatementFile> {
    for path in ["Id", "ElctrncSeqNb", "LglSeqNb", "CreDtTm"] {
        part.first(&[path]);
    }
    let account_no = account(reading, part)?.to_owned();
    let opening = balance(reading, part, &["OPBD", "PRCD", "ITBD"], false);
    let closing = balance(reading, part, &["CLBD", "ITBD"], true);
    let (Some((opened, opening)), Some((closed, closing))) = (opening, closing) else {
        for (found, code) in [(opening, "OPBD"), (closing, "CLBD")] {
            if found.is_none() {
                let label = format!("Bal {code}");
                let mut spot = part.spot();
                spot.name.clone_from(&label);
                reading
                    .findings
                    .spot(Fault::PreambleMissing, &spot, &[("label", &label)]);
            }
        }
        return None;
    };
    let mut period = (opened, closed);
    if part.at("FrToDt").is_some() {
        let from = reading.date(part, &["FrToDt/FrDtTm", "FrToDt/FrDt"])?;
        let to = reading.date(part, &["FrToDt/ToDtTm", "FrToDt/ToDt"])?;
        period = (from, to);
    }
    let mut lines = Vec::new();
    for entry in part.all("Ntry") {
        read_entry(reading, entry, &mut lines);
    }
    Some(StatementFile {
        account_no,
        from: period.0.min(period.1),
        to: period.1,
        opening,
        closing,
        lines,
        content_hash: [0; 32],
    })
}

/// The balance of the first of these types that is there; of several of one type the first or the
/// last one.
fn balance(
    reading: &mut Reading<'_, '_>,
    part: Element<'_>,
    codes: &[&str],
    last: bool,
) -> Option<(Date, Fen)> {
    let code = |balance: Element<'_>| balance.first(&["Tp/CdOrPrtry/Cd", "Tp/Cd"]).to_owned();
    let balances: Vec<Element<'_>> = part.all("Bal").collect();
    let found = codes.iter().find_map(|wanted| {
        let mut of_type = balances.iter().filter(|balance| code(**balance) == *wanted);
        if last {
            of_type.next_back()
        } else {
            of_type.next()
        }
    })?;
    let amount = signed(reading, *found)?;
    let date = reading.date(*found, &["Dt/Dt", "Dt/DtTm"])?;
    Some((date, amount))
}

/// One line for an entry, or one for each of its transactions where their amounts make up the
/// entry's.
fn read_entry(reading: &mut Reading<'_, '_>, entry: Element<'_>, lines: &mut Vec<StatementLine>) {
    let status = reading.any(entry, &["Sts/Cd", "Sts"]);
    if !matches!(status, "BOOK" | "") {
        let value = shown(status, false);
        reading.fault(Fault::NotBooked, entry, &[("value", &value)]);
        return;
    }
    let Some(amount) = signed(reading, entry) else {
        return;
    };
    let dates = ["BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm"];
    let Some(date) = reading.date(entry, &dates) else {
        return;
    };
    for path in ["RvslInd", "ValDt/Dt", "ValDt/DtTm"] {
        entry.first(&[path]);
    }
    let transactions: Vec<Element<'_>> = entry.deep("TxDtls").collect();
    let parts = parts(reading, amount, &transactions);
    let whole = [(entry, amount)];
    let rows = parts.as_deref().unwrap_or(&whole);
    for (at, amount) in rows {
        let single = transactions.first().copied().filter(|_| rows.len() == 1);
        let line = ordinal(lines.len());
        let of = if parts.is_some() { Some(*at) } else { single };
        lines.push(line_of(reading, entry, of, (line, date, *amount)));
    }
}

/// The signed amounts of several transactions, when all are given and make up the entry.
fn parts<'d>(
    reading: &mut Reading<'_, '_>,
    amount: Fen,
    transactions: &[Element<'d>],
) -> Option<Vec<(Element<'d>, Fen)>> {
    if transactions.len() < 2 {
        return None;
    }
    let mut parts = Vec::with_capacity(transactions.len());
    for transaction in transactions {
        let paths = ["Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt"];
        let path = paths
            .into_iter()
            .find(|path| transaction.at(path).is_some())?;
        let part = reading.cny(*transaction, path)?;
        let debit = match transaction.first(&["CdtDbtInd"]) {
            "" => amount < Fen::ZERO,
            indicator => indicator == "DBIT",
        };
        let part = if debit {
            Fen::ZERO.minus(part).ok()?
        } else {
            part
        };
        parts.push((*transaction, part));
    }
    let sum = Fen::sum(parts.iter().map(|(_, part)| *part)).ok();
    (sum == Some(amount)).then_some(parts)
}

fn line_of(
    reading: &mut Reading<'_, '_>,
    entry: Element<'_>,
    transaction: Option<Element<'_>>,
    (line, date, amount): (u64, Date, Fen),
) -> StatementLine {
    let of = |reading: &mut Reading<'_, '_>, paths: &[&str]| {
        let found = transaction.map_or("", |transaction| reading.any(transaction, paths));
        found.to_owned()
    };
    // The counterparty of a credit is the debtor, and the other way round.
    let (names, accounts): ([&str; 2], [&str; 2]) = if amount > Fen::ZERO {
        (
            ["RltdPties/Dbtr/Nm", "RltdPties/Dbtr/Pty/Nm"],
            [
                "RltdPties/DbtrAcct/Id/Othr/Id",
                "RltdPties/DbtrAcct/Id/IBAN",
            ],
        )
    } else {
        (
            ["RltdPties/Cdtr/Nm", "RltdPties/Cdtr/Pty/Nm"],
            [
                "RltdPties/CdtrAcct/Id/Othr/Id",
                "RltdPties/CdtrAcct/Id/IBAN",
            ],
        )
    };
    let remark = remark_of(reading, entry, transaction);
    let why = transaction.map_or_else(String::new, |at| returned(reading, at));
    let said = match why.is_empty() {
        false => format!("退汇 {why}"),
        true => of(reading, &["AddtlTxInf"]),
    };
    let summary = match said.is_empty() {
        true => reading
            .any(entry, &["AddtlNtryInf", "BkTxCd/Prtry/Cd"])
            .to_owned(),
        false => said,
    };
    let reference = of(reading, &["Refs/AcctSvcrRef"]);
    let own = reading.any(entry, &["AcctSvcrRef", "NtryRef"]).to_owned();
    let codes = codes_of(entry, transaction);
    let codes: Vec<&str> = codes.iter().flat_map(|code| bare(code)).collect();
    let nature = &reading.profile.nature;
    StatementLine {
        nature: nature.of(amount, &codes, &[&summary, &remark]),
        line,
        date,
        amount,
        balance: None,
        summary,
        counterparty_name: of(reading, &names),
        counterparty_account: of(reading, &accounts),
        remark,
        bank_reference: if reference.is_empty() { own } else { reference },
    }
}

/// The codes of the transaction (`BkTxCd`): the sub-family of ISO 20022 and the bank's own, of the
/// payment and of its entry.
fn codes_of(entry: Element<'_>, transaction: Option<Element<'_>>) -> Vec<String> {
    let of = |at: Element<'_>| {
        ["BkTxCd/Domn/Fmly/SubFmlyCd", "BkTxCd/Prtry/Cd"].map(|path| at.first(&[path]).to_owned())
    };
    let own = transaction.into_iter().flat_map(of);
    own.chain(of(entry))
        .filter(|code| !code.is_empty())
        .collect()
}

/// A bank's own code is often the type of MT940 with more behind it: `NCHG+808`.
fn bare(code: &str) -> [&str; 2] {
    let first = code.split('+').next().unwrap_or(code);
    [first, first.strip_prefix(['N', 'F', 'S']).unwrap_or(first)]
}

/// Our references, the batch and the words that came with a payment.
fn remark_of(
    reading: &mut Reading<'_, '_>,
    entry: Element<'_>,
    transaction: Option<Element<'_>>,
) -> String {
    let mut remark: Vec<String> = ["Refs/EndToEndId", "Refs/PmtInfId"]
        .into_iter()
        .map(|path| {
            transaction
                .map_or("", |at| reading.any(at, &[path]))
                .to_owned()
        })
        .filter(|text| text != "NOTPROVIDED")
        .collect();
    if remark.iter().all(String::is_empty) {
        let batch = [
            "NtryDtls/Btch/PmtInfId",
            "NtryDtls/Btch/MsgId",
            "Btch/PmtInfId",
        ];
        remark.push(reading.any(entry, &batch).to_owned());
    }
    let words: Vec<&str> = transaction
        .into_iter()
        .flat_map(|transaction| transaction.all("RmtInf"))
        .flat_map(|info| info.all("Ustrd"))
        .map(Element::text)
        .collect();
    remark.extend(words.into_iter().map(str::to_owned));
    remark.retain(|text| !text.is_empty());
    remark.join(" ")
}

/// Why a payment came back; empty when it did not.
fn returned(reading: &mut Reading<'_, '_>, transaction: Element<'_>) -> String {
    let Some(info) = transaction.at("RtrInf") else {
        return String::new();
    };
    let code = reading.any(info, &["Rsn/Cd", "Rsn/Prtry"]);
    let words: Vec<&str> = info.all("AddtlInf").map(Element::text).collect();
    match reason_of(code, &words.join(" ")) {
        why if why.is_empty() => "RtrInf".to_owned(),
        why => why,
    }
}

/// Reads a notification: the credits that are payments of ours which came back.
pub(super) fn read_notice(reading: &mut Reading<'_, '_>, bytes: &[u8]) -> ReturnFile {
    let mut lines = Vec::new();
    let mut number = String::new();
    reading.document(bytes, |reading, root| {
        let Some(message) = message(reading, root, &["BkToCstmrDbtCdtNtfctn"]) else {
            return;
        };
        message.first(&["GrpHdr/MsgId"]);
        message.first(&["GrpHdr/CreDtTm"]);
        for notice in message.all("Ntfctn") {
            notice.first(&["Id"]);
            notice.first(&["CreDtTm"]);
            account(reading, notice);
            for entry in notice.all("Ntry") {
                read_returned(reading, entry, &mut lines, &mut number);
            }
        }
    });
    reading.need_lines(&lines);
    answers(&number, lines)
}

fn read_returned(
    reading: &mut Reading<'_, '_>,
    entry: Element<'_>,
    lines: &mut Vec<AnswerLine>,
    number: &mut String,
) {
    let status = reading.any(entry, &["Sts/Cd", "Sts"]);
    if !matches!(status, "BOOK" | "") {
        let value = shown(status, false);
        reading.fault(Fault::NotBooked, entry, &[("value", &value)]);
        return;
    }
    let transactions: Vec<Element<'_>> = entry.deep("TxDtls").collect();
    let single = transactions.len() == 1;
    let mut found = false;
    for transaction in transactions {
        let why = returned(reading, transaction);
        if why.is_empty() {
            continue;
        }
        found = true;
        let batch = reading.any(transaction, &["Refs/PmtInfId", "Refs/MsgId"]);
        if number.is_empty() {
            batch.clone_into(number);
        }
        let place = (ordinal(lines.len()), single);
        lines.extend(refund_of(reading, entry, transaction, why, place));
    }
    if found {
        reading.cny(entry, "Amt");
    } else {
        reading.fault(Fault::NotRefund, entry, &[]);
    }
}

/// One payment that came back. The entry's amount is that of its only transaction.
fn refund_of(
    reading: &mut Reading<'_, '_>,
    entry: Element<'_>,
    transaction: Element<'_>,
    why: String,
    (line, single): (u64, bool),
) -> Option<AnswerLine> {
    let paths = ["Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt"];
    let path = paths
        .into_iter()
        .find(|path| transaction.at(path).is_some());
    let amount = match path {
        Some(path) => reading.cny(transaction, path),
        None if single => reading.cny(entry, "Amt"),
        None => {
            reading.filled(transaction, "Amt");
            None
        }
    };
    let indicator = match transaction.first(&["CdtDbtInd"]) {
        "" => entry.first(&["CdtDbtInd"]),
        indicator => indicator,
    };
    if indicator != "CRDT" {
        reading.fault(Fault::NotRefund, transaction, &[]);
        return None;
    }
    let key = reading.echoed(transaction, &["Refs/EndToEndId", "RmtInf/Ustrd"]);
    if key.is_none() {
        reading.filled(transaction, "Refs/EndToEndId");
    }
    let reference = reading.any(transaction, &["Refs/AcctSvcrRef"]);
    let own = reading.any(entry, &["AcctSvcrRef", "NtryRef"]);
    let party = [
        "RltdPties/Dbtr/Nm",
        "RltdPties/Dbtr/Pty/Nm",
        "RltdPties/Cdtr/Nm",
    ];
    let from = [
        "RltdPties/DbtrAcct/Id/Othr/Id",
        "RltdPties/CdtrAcct/Id/Othr/Id",
    ];
    Some(AnswerLine {
        line,
        key,
        account_no: reading.any(transaction, &from).to_owned(),
        payee_name: reading.any(transaction, &party).to_owned(),
        amount: amount?,
        outcome: Outcome::Refunded,
        reason_text: why,
        bank_reference: if reference.is_empty() { own } else { reference }.to_owned(),
        sequence: None,
    })
}
