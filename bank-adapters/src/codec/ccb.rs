//! 建设银行 外联平台 6W2104: a batch's state and its failures. Whatever is not listed went well.

use ledger::money::Fen;

use super::reading::{Reading, answers, ordinal, reason_of, sum_of_answers};
use crate::finding::Fault;
use crate::record::{AnswerLine, Outcome, ReturnFile, Unlisted};
use crate::table::shown;
use crate::xml::Element;

/// Elements that say nothing about a payment.
pub(super) const KNOWN: &str = "REQUEST_SN CUST_ID LANGUAGE RETURN_MSG";

/// Reads the answer. `F_STATUS`: 0 all failed, 1 finished, 2 and 3 in process.
pub(super) fn read_answer(reading: &mut Reading<'_, '_>, bytes: &[u8]) -> ReturnFile {
    let file = reading.document(bytes, |reading, root| {
        if !reading.expect(root, &["TX"]) {
            return ReturnFile::empty();
        }
        let code = reading.text(root, "RETURN_CODE");
        if !code.is_empty() && code != "000000" {
            let detail = shown(&reason_of(code, reading.text(root, "RETURN_MSG")), false);
            reading.fault(Fault::BankRefused, root, &[("detail", &detail)]);
        }
        root.first(&["TX_CODE"]);
        match root.at("TX_INFO") {
            Some(info) => read_info(reading, info),
            None => {
                reading.filled(root, "TX_INFO");
                ReturnFile::empty()
            }
        }
    });
    file.unwrap_or_else(ReturnFile::empty)
}

fn read_info(reading: &mut Reading<'_, '_>, info: Element<'_>) -> ReturnFile {
    let message = reading.text(info, "F_MSG").to_owned();
    let status = reading.filled(info, "F_STATUS").unwrap_or("");
    let outcome = match status {
        "0" => Outcome::Failed,
        "1" => Outcome::Paid,
        "2" | "3" | "" => Outcome::Pending,
        _ => {
            reading.unknown_status(info, "F_STATUS");
            Outcome::Pending
        }
    };
    let mut lines = Vec::new();
    // Failures that are listed before the batch is finished may still change.
    let is_final = matches!(status, "0" | "1");
    for row in rows(info) {
        lines.extend(read_failure(reading, row, ordinal(lines.len()), is_final));
    }
    let listed = rows(info).count();
    let mut file = answers("", lines);
    if status == "1" {
        let whole = file.lines.len() == listed;
        let sum = sum_of_answers(&file.lines).filter(|_| whole);
        reading.totals(info, ("FAIL_NUM", listed), ("FAIL_AMOUNT", sum));
        let count = |reading: &mut Reading<'_, '_>, path| reading.number(info, path);
        let (paid, failed) = (count(reading, "SUCCESS_NUM"), count(reading, "FAIL_NUM"));
        file.stated_count = paid.zip(failed).and_then(|(p, f)| p.checked_add(f));
        let amount = |reading: &mut Reading<'_, '_>, path| reading.amount(info, path);
        let paid = amount(reading, "SUCCESS_AMOUNT");
        let failed = amount(reading, "FAIL_AMOUNT");
        file.stated_total = paid
            .zip(failed)
            .and_then(|(p, f): (Fen, Fen)| p.plus(f).ok());
    }
    for path in ["SUCCESS_NUM", "SUCCESS_AMOUNT", "FAIL_NUM", "FAIL_AMOUNT"] {
        info.first(&[path]);
    }
    file.unlisted = Some(Unlisted {
        outcome,
        reason_text: if outcome == Outcome::Paid {
            String::new()
        } else {
            message
        },
    });
    file
}

/// A list has its failures inside, or is one itself.
fn rows<'d>(info: Element<'d>) -> impl Iterator<Item = Element<'d>> {
    info.all("FAIL_LIST").flat_map(|list| {
        let is_row = list.at("OID").is_some();
        let inside: Vec<_> = list
            .children()
            .filter(|row| row.at("OID").is_some())
            .collect();
        if is_row { vec![list] } else { inside }
    })
}

fn read_failure(
    reading: &mut Reading<'_, '_>,
    row: Element<'_>,
    line: u64,
    is_final: bool,
) -> Option<AnswerLine> {
    let sequence = reading.number(row, "OID");
    let account = reading.account(row, &["RECV_ACCNO"]);
    let name = reading.filled(row, "RECV_ACCNAME");
    let amount = reading.positive(row, "AMOUNT");
    let reason = reading.text(row, "REMARK");
    Some(AnswerLine {
        line,
        key: None,
        account_no: account?.to_owned(),
        payee_name: name?.to_owned(),
        amount: amount?,
        outcome: if is_final {
            Outcome::Failed
        } else {
            Outcome::Pending
        },
        reason_text: reason.to_owned(),
        bank_reference: String::new(),
        sequence: Some(sequence?),
    })
}
