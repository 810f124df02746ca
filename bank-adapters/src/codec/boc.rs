//! 中国银行 b2e0078 (代发). Amounts are in yuan.

use super::reading::{Reading, ordinal, sum_of};
use super::writing::{Room, Writing};
use crate::record::Instruction;
use crate::xml::{Element, Writer};

/// Elements that do not tell one payment from another.
pub(super) const KNOWN: &str = "termid trnid custid cusopr trncod token insid fribkn actacn actnam \
    pybcur crdtyp furinfo useinf trfdate pydcur toidtp toidet purpose reserve3 reserve4";

/// Writes a batch.
pub(super) fn write(writing: &mut Writing<'_>) -> String {
    let head = writing.head;
    let mut out = Writer::new(writing.encoding());
    out.open("bocb2e");
    out.open("head");
    for name in ["termid", "trnid", "custid", "cusopr"] {
        out.leaf(name, writing.code(name));
    }
    out.leaf("trncod", "b2e0078");
    out.leaf("token", "");
    out.close();
    out.open("trans");
    out.open("trn-b2e0078-rq");
    out.open("b2e0078-rq");
    out.leaf(
        "insid",
        writing.filled(0, "insid", &head.batch_no, Room::Bytes(32)),
    );
    out.open("fractn");
    out.leaf(
        "fribkn",
        writing.text(0, "fribkn", &head.context.payer_bank_no, Room::Bytes(12)),
    );
    out.leaf(
        "actacn",
        writing.filled(0, "actacn", &head.payer_account_no, Room::Bytes(34)),
    );
    out.leaf(
        "actnam",
        writing.filled(0, "actnam", &head.payer_name, Room::Bytes(120)),
    );
    out.close();
    out.leaf("pybcur", "CNY");
    out.leaf("pybamt", &writing.amount(writing.total));
    out.leaf("pybnum", &writing.lines.len().to_string());
    out.leaf("crdtyp", writing.code_or("crdtyp", ""));
    let purpose = writing.lines.first().map_or("", |line| &line.purpose);
    out.leaf("furinfo", writing.code("furinfo"));
    out.leaf("useinf", purpose);
    out.leaf("trfdate", &head.date.format("%Y%m%d").to_string());
    for (row, line) in (1_u64..).zip(writing.lines) {
        detail(writing, &mut out, row, line);
    }
    out.finish()
}

fn detail<'a>(writing: &mut Writing<'a>, out: &mut Writer, row: u64, line: &'a Instruction) {
    out.open("detail");
    out.leaf(
        "toibkn",
        writing.text(row, "toibkn", &line.bank_no, Room::Bytes(12)),
    );
    out.leaf(
        "tobank",
        writing.text(row, "tobank", &line.bank_name, Room::Bytes(120)),
    );
    out.leaf(
        "toactn",
        writing.filled(row, "toactn", &line.account_no, Room::Bytes(34)),
    );
    out.leaf("pydcur", "CNY");
    out.leaf("pydamt", &writing.amount(line.amount));
    out.leaf(
        "toname",
        writing.filled(row, "toname", &line.payee_name, Room::Bytes(120)),
    );
    out.leaf("toidtp", "");
    out.leaf("toidet", "");
    out.leaf(
        "furinfo",
        writing.text(row, "furinfo", &line.purpose, Room::Bytes(80)),
    );
    out.leaf("purpose", "");
    out.leaf(
        "reserve1",
        writing.filled(row, "reserve1", &line.key, Room::Bytes(40)),
    );
    out.leaf("reserve2", &line.sequence.to_string());
    out.leaf("reserve3", "");
    out.leaf("reserve4", "");
    out.close();
}

/// Reads a batch.
pub(super) fn read(reading: &mut Reading<'_, '_>, bytes: &[u8]) -> Vec<Instruction> {
    let lines = reading.document(bytes, |reading, root| {
        if !reading.expect(root, &["bocb2e"]) {
            return Vec::new();
        }
        let Some(body) = root.at("trans/trn-b2e0078-rq/b2e0078-rq") else {
            reading.filled(root, "trans/trn-b2e0078-rq/b2e0078-rq");
            return Vec::new();
        };
        let rows: Vec<Element<'_>> = body.all("detail").collect();
        let count = rows.len();
        let mut read = Vec::with_capacity(count);
        for row in rows {
            read.extend(read_detail(reading, row, ordinal(read.len())));
        }
        let sum = sum_of(&read).filter(|_| read.len() == count);
        reading.totals(body, ("pybnum", count), ("pybamt", sum));
        read
    });
    let lines = lines.unwrap_or_default();
    reading.need_lines(&lines);
    lines
}

fn read_detail(reading: &mut Reading<'_, '_>, row: Element<'_>, line: u64) -> Option<Instruction> {
    let key = reading.key(row, "reserve1");
    let sequence = match row.first(&["reserve2"]) {
        "" => Some(line),
        _ => reading.number(row, "reserve2"),
    };
    let amount = reading.positive(row, "pydamt");
    let account = reading.account(row, &["toactn"]);
    let name = reading.filled(row, "toname");
    Some(Instruction {
        sequence: sequence?,
        key: key?,
        account_no: account?.to_owned(),
        payee_name: name?.to_owned(),
        bank_name: reading.text(row, "tobank").to_owned(),
        bank_no: reading.text(row, "toibkn").to_owned(),
        amount: amount?,
        purpose: reading.text(row, "furinfo").to_owned(),
    })
}
