//! The bank's answer to treasury vouchers, and the refund notice 2252.
//!
//! DA/T 95—2022, table B.1: where a detail was not paid, `XPayAmt` is 0.00 and `XAddWord` says why.
//! The answer repeats the voucher; whatever was sent must come back unchanged.

use std::collections::HashMap;

use ledger::money::Fen;

use super::mof::{check_sum, details, ids, money, vouchers};
use super::reading::{Reading, answers, ordinal, reason_of};
use crate::finding::{Fault, Finding, Findings};
use crate::profile::Profile;
use crate::record::{AnswerLine, Outcome, ReturnFile};
use crate::table::shown;
use crate::xml::Element;

/// Reads the answer. An answer is final: each detail is paid or failed.
pub(super) fn read(reading: &mut Reading<'_, '_>, bytes: &[u8]) -> ReturnFile {
    let mut lines = Vec::new();
    let mut number = String::new();
    let mut paid: Vec<(String, Option<Fen>)> = Vec::new();
    vouchers(reading, bytes, |reading, envelope, voucher| {
        if envelope.flag != "1" {
            let found = format!("VoucherFlag {}", shown(&envelope.flag, false));
            let values = [("expected", "VoucherFlag 1"), ("found", &*found)];
            reading.fault(Fault::MessageStrange, voucher, &values);
        }
        match &*envelope.kind {
            "5201" => {
                paid.push((envelope.number.clone(), money(reading, voucher, "XPayAmt")));
                for name in ["XPayDate", "XAgentBusinessNo"] {
                    reading.filled(voucher, name);
                }
            }
            "8207" => {
                let hanging = reading.filled(voucher, "OriginalVoucherNo").unwrap_or("");
                hanging.clone_into(&mut number);
                let sum = read_details(reading, voucher, &mut lines);
                let main = paid.iter().find(|(main, _)| main == hanging);
                if let (Some((_, Some(main))), Some(sum)) = (main, sum)
                    && *main != sum
                {
                    let (stated, found) = (main.to_string(), sum.to_string());
                    reading.differ(voucher, "XSumAmt", &stated, &found);
                }
            }
            other => {
                let found = shown(other, false);
                let values = [("expected", "5201 / 8207"), ("found", &*found)];
                reading.fault(Fault::MessageStrange, voucher, &values);
            }
        }
    });
    reading.need_lines(&lines);
    answers(&number, lines)
}

fn read_details(
    reading: &mut Reading<'_, '_>,
    voucher: Element<'_>,
    lines: &mut Vec<AnswerLine>,
) -> Option<Fen> {
    let rows = details(voucher);
    ids(reading, &rows);
    let (mut amounts, mut paid) = (Vec::new(), Vec::new());
    for row in rows {
        let amount = money(reading, row, "PayAmt");
        amounts.push(amount);
        let answered = money(reading, row, "XPayAmt");
        paid.push(answered);
        let key = reading.key(row, "Id");
        let account = reading.account(row, &["PayeeAcctNo"]);
        let outcome = answered
            .zip(amount)
            .and_then(|(answered, amount)| judge(reading, row, answered, amount));
        let line = (key, account, amount, outcome);
        let (Some(key), Some(account), Some(amount), Some(outcome)) = line else {
            continue;
        };
        let reason = reason_of(
            reading.text(row, "XAddWordCode"),
            reading.text(row, "XAddWord"),
        );
        lines.push(AnswerLine {
            line: ordinal(lines.len()),
            key: Some(key),
            account_no: account.to_owned(),
            payee_name: reading.text(row, "PayeeAcctName").to_owned(),
            amount,
            outcome,
            reason_text: reason,
            bank_reference: reading.text(row, "XAgentBusinessNo").to_owned(),
            sequence: None,
        });
    }
    check_sum(reading, voucher, ("SumAmt", "Detail/PayAmt"), &amounts);
    reading.filled(voucher, "XPayDate");
    check_sum(reading, voucher, ("XSumAmt", "Detail/XPayAmt"), &paid)
}

/// Paid in full with the bank's date and number, or 0.00 with the reason.
fn judge(
    reading: &mut Reading<'_, '_>,
    row: Element<'_>,
    answered: Fen,
    amount: Fen,
) -> Option<Outcome> {
    if answered == Fen::ZERO {
        reading.filled(row, "XAddWord")?;
        return Some(Outcome::Failed);
    }
    if answered != amount {
        let expected = format!("{amount} / 0.00");
        echo(reading, row, "XPayAmt", &expected, &answered.to_string());
        return None;
    }
    for name in ["XPayDate", "XAgentBusinessNo"] {
        reading.filled(row, name)?;
    }
    for (given, sent) in [
        ("XPayeeAcctNo", "PayeeAcctNo"),
        ("XPayeeAcctBankName", "PayeeAcctBankName"),
    ] {
        let (found, expected) = (reading.text(row, given), row.first(&[sent]));
        if !found.is_empty() && !expected.is_empty() && found != expected {
            let is_account = given == "XPayeeAcctNo";
            let (expected, found) = (shown(expected, is_account), shown(found, is_account));
            echo(reading, row, given, &expected, &found);
            return None;
        }
    }
    Some(Outcome::Paid)
}

fn echo(reading: &mut Reading<'_, '_>, of: Element<'_>, path: &str, expected: &str, found: &str) {
    let at = of.at(path).unwrap_or(of);
    let mut spot = at.spot();
    path.clone_into(&mut spot.name);
    let values = [("expected", expected), ("found", found)];
    reading.findings.spot(Fault::EchoDiffers, &spot, &values);
}

/// Reads a refund notice: money that was reported paid and came back. Amounts are negative in the
/// notice, and above zero in the lines given.
pub(super) fn read_refund(reading: &mut Reading<'_, '_>, bytes: &[u8]) -> ReturnFile {
    let mut lines = Vec::new();
    let mut number = String::new();
    vouchers(reading, bytes, |reading, envelope, voucher| {
        if envelope.kind != "2252" {
            let found = shown(&envelope.kind, false);
            let values = [("expected", "2252"), ("found", &*found)];
            reading.fault(Fault::MessageStrange, voucher, &values);
            return;
        }
        let original = reading.filled(voucher, "OriginalVoucherNo").unwrap_or("");
        if !number.is_empty() && number != original {
            let found = shown(original, false);
            echo(
                reading,
                voucher,
                "OriginalVoucherNo",
                &number.clone(),
                &found,
            );
        }
        original.clone_into(&mut number);
        let rows = details(voucher);
        ids(reading, &rows);
        let mut amounts = Vec::new();
        for row in rows {
            let amount = negative(reading, row);
            amounts.push(amount);
            lines.extend(refund(reading, voucher, row, amount, ordinal(lines.len())));
        }
        negative(reading, voucher);
        check_sum(reading, voucher, ("PayAmt", "Detail/PayAmt"), &amounts);
    });
    once(reading, &lines);
    reading.need_lines(&lines);
    answers(&number, lines)
}

/// No detail is refunded twice, also not by two notices of one file.
fn once(reading: &mut Reading<'_, '_>, lines: &[AnswerLine]) {
    let mut seen = std::collections::HashSet::new();
    for line in lines {
        if let Some(key) = line.key.as_deref()
            && !seen.insert(key)
            && !reading.findings.is_blocked()
        {
            reading
                .findings
                .cell(Fault::IdTwice, line.line, "Id", &[("value", key)]);
        }
    }
}

fn negative(reading: &mut Reading<'_, '_>, of: Element<'_>) -> Option<Fen> {
    let amount = money(reading, of, "PayAmt")?;
    if amount < Fen::ZERO {
        return Some(amount);
    }
    if let Some(at) = of.at("PayAmt") {
        let value = amount.to_string();
        reading.fault(Fault::RefundSign, at, &[("value", &value)]);
    }
    None
}

fn refund(
    reading: &mut Reading<'_, '_>,
    voucher: Element<'_>,
    row: Element<'_>,
    amount: Option<Fen>,
    line: u64,
) -> Option<AnswerLine> {
    let key = reading.key(row, "Id")?;
    let account = reading.account(row, &["PayeeAcctNo"])?;
    let why = match reading.text(row, "Remark") {
        "" => reading.text(voucher, "Remark"),
        why => why,
    };
    Some(AnswerLine {
        line,
        key: Some(key),
        account_no: account.to_owned(),
        payee_name: reading.text(row, "PayeeAcctName").to_owned(),
        amount: Fen::ZERO.minus(amount?).ok()?,
        outcome: Outcome::Refunded,
        reason_text: why.to_owned(),
        bank_reference: reading.text(voucher, "Id").to_owned(),
        sequence: None,
    })
}

/// Elements that a bank repeats unchanged.
const MAIN_ECHO: [&str; 9] = [
    "StYear",
    "VoucherNo",
    "PayAmt",
    "SumAmt",
    "PayAcctNo",
    "PayAcctName",
    "PayAcctBankName",
    "PayBankCode",
    "PayTypeCode",
];
const DETAIL_ECHO: [&str; 4] = [
    "PayeeAcctNo",
    "PayeeAcctName",
    "PayeeAcctBankName",
    "PayAmt",
];

/// A voucher as it was sent: its own elements, and those of its details by their number.
type Sent = (
    HashMap<&'static str, String>,
    HashMap<String, HashMap<&'static str, String>>,
);

/// Compares an answer with the vouchers that were sent.
pub(crate) fn compare(
    sent_by: &Profile,
    sent: &[u8],
    answered_by: &Profile,
    answer: &[u8],
) -> Vec<Finding> {
    let mut known: HashMap<String, Sent> = HashMap::new();
    let mut ignored = Findings::default();
    let mut reading = Reading::new(sent_by, &mut ignored);
    vouchers(&mut reading, sent, |_, envelope, voucher| {
        let rows = details(voucher).into_iter();
        let rows = rows.map(|row| (row.first(&["Id"]).to_owned(), fields(row, &DETAIL_ECHO)));
        let voucher = (fields(voucher, &MAIN_ECHO), rows.collect());
        known.insert(envelope.kind.clone(), voucher);
    });
    let mut findings = Findings::default();
    let mut reading = Reading::new(answered_by, &mut findings);
    vouchers(&mut reading, answer, |reading, envelope, voucher| {
        let Some((main, rows)) = known.get(&envelope.kind) else {
            return;
        };
        same(reading, voucher, main);
        let mut found = 0;
        let answered = details(voucher);
        // A bank may leave the appropriations out; the payees never.
        let is_whole = envelope.kind == "8207" || !answered.is_empty();
        for row in answered {
            let id = row.first(&["Id"]);
            match rows.get(id) {
                Some(fields) => {
                    found += 1;
                    same(reading, row, fields);
                }
                None => {
                    let value = shown(id, false);
                    let at = row.at("Id").unwrap_or(row);
                    reading.fault(Fault::IdForeign, at, &[("value", &value)]);
                }
            }
        }
        if is_whole && found != rows.len() {
            let (sent, found) = (rows.len().to_string(), found.to_string());
            reading.differ(voucher, "DetailList", &sent, &found);
        }
    });
    let differs = |finding: &Finding| {
        [Fault::EchoDiffers, Fault::IdForeign, Fault::TotalsDiffer]
            .iter()
            .any(|fault| fault.code() == finding.code)
    };
    findings.into_vec().into_iter().filter(differs).collect()
}

fn fields(of: Element<'_>, names: &[&'static str]) -> HashMap<&'static str, String> {
    let value = |name: &&'static str| of.at(name).map(|at| (*name, at.text().to_owned()));
    names.iter().filter_map(value).collect()
}

fn same(reading: &mut Reading<'_, '_>, of: Element<'_>, expected: &HashMap<&'static str, String>) {
    let mut names: Vec<_> = expected.iter().collect();
    names.sort_unstable();
    for (name, expected) in names {
        let found = of.first(&[name]);
        if found != expected {
            let masks = name.ends_with("AcctNo");
            let (expected, found) = (shown(expected, masks), shown(found, masks));
            echo(reading, of, name, &expected, &found);
        }
    }
}
