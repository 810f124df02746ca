//! 国库集中支付电子化: the voucher 5201 (财政直接支付凭证) with the payees of its 8207
//! (批量业务支付明细), in the MOF envelope.
//!
//! One 5201 stands for one batch; its details are the appropriations (指标) that the batch draws
//! on, each with its part, and the 8207 has one detail per payment. Field names follow DA/T 95—2022
//! and the front end of a treasury; the national message standard itself has not been seen.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::money::Fen;

use super::reading::{Reading, ordinal};
use super::writing::{Room, Writing};
use crate::finding::{Fault, Spot};
use crate::record::{Draw, Instruction};
use crate::table::shown;
use crate::xml::{Element, Text, Writer};

/// Elements that do not tell one payment from another.
pub(super) const KNOWN: &str = "Id AdmDivCode StYear VtCode VouDate VoucherNo VoucherBillId \
    VoucherBillNo OriVoucherNo OriginalVtCode OriBillNo FundTypeCode FundTypeName BgtTypeCode \
    BgtTypeName PayTypeCode PayTypeName PayKindCode PayKindName ProCatCode ProCatName MOFDepCode \
    MOFDepName FileNoCode FileNoName SupDepCode SupDepName AgencyCode AgencyName ExpFuncCode \
    ExpFuncName ExpFuncCode1 ExpFuncName1 ExpFuncCode2 ExpFuncName2 ExpFuncCode3 ExpFuncName3 \
    ExpEcoCode ExpEcoName ExpEcoCode1 ExpEcoName1 ExpEcoCode2 ExpEcoName2 DepProCode DepProName \
    SetModeCode SetModeName PayBankCode PayBankName ClearBankCode ClearBankName PayAcctNo \
    PayAcctName PayAcctBankName PayeeAcctNo PayeeAcctName PayeeAcctBankName PayeeAcctBankNo \
    PaySummaryCode PaySummaryName BusinessTypeCode BusinessTypeName CheckNo PayAmt Remark \
    XPayDate XAgentBusinessNo XCheckNo XPayeeAcctBankName XPayeeAcctNo XPayeeAcctName \
    PayDictateNo PayMsgNo PayEntrustDate PaySndBnkNo PayDate Hold1 Hold2 Hold3 Hold4";

/// 户名 in a detail.
const NAME_BYTES: usize = 120;
/// 开户行名.
const BANK_BYTES: usize = 60;
/// 用途.
const REMARK_BYTES: usize = 200;
/// 收款账号.
const ACCOUNT_BYTES: usize = 42;
/// 凭证编号.
const VOUCHER_NO_BYTES: usize = 19;

/// Columns that stand in the main part of a 5201 and in each of its details, as a code and a name.
const BUDGET: [(&str, &str); 7] = [
    ("FundTypeCode", "FundTypeName"),
    ("BgtTypeCode", "BgtTypeName"),
    ("ProCatCode", "ProCatName"),
    ("MOFDepCode", "MOFDepName"),
    ("SupDepCode", "SupDepName"),
    ("AgencyCode", "AgencyName"),
    ("DepProCode", "DepProName"),
];

/// What the envelope says of a voucher.
pub(super) struct Envelope {
    pub(super) kind: String,
    pub(super) number: String,
    /// 0 sent, 1 answered.
    pub(super) flag: String,
}

/// Whether a text has a voucher of this kind, with this flag where one is given.
pub(super) fn is_of(text: &str, kind: &str, flag: &str) -> bool {
    let has =
        |sign: char, name: &str, value: &str| text.contains(&format!("{name}={sign}{value}{sign}"));
    let flagged = flag.is_empty() || text.contains(&format!("<VoucherFlag>{flag}<"));
    flagged && (has('"', "VtCode", kind) || has('\'', "VtCode", kind))
}

/// Gives each voucher of an envelope to `take`, with what its envelope says.
pub(super) fn vouchers(
    reading: &mut Reading<'_, '_>,
    bytes: &[u8],
    mut take: impl FnMut(&mut Reading<'_, '_>, &Envelope, Element<'_>),
) {
    reading.document(bytes, |reading, root| {
        if !reading.expect(root, &["MOF"]) {
            return;
        }
        let bodies: Vec<Element<'_>> = root.all("VoucherBody").collect();
        if let Some(stated) = reading.number(root, "VoucherCount") {
            let found = ordinal(bodies.len()) - 1;
            if stated != found {
                let (stated, found) = (stated.to_string(), found.to_string());
                reading.differ(root, "VoucherCount", &stated, &found);
            }
        }
        for body in bodies {
            voucher(reading, body, &mut take);
        }
    });
}

fn voucher(
    reading: &mut Reading<'_, '_>,
    body: Element<'_>,
    take: &mut impl FnMut(&mut Reading<'_, '_>, &Envelope, Element<'_>),
) {
    let envelope = Envelope {
        kind: body.attribute("VtCode").to_owned(),
        number: body.attribute("VoucherNo").to_owned(),
        flag: reading.text(body, "VoucherFlag").to_owned(),
    };
    let refused = reading.text(body, "Return_Reason");
    if !refused.is_empty() {
        let detail = shown(refused, false);
        reading.fault(Fault::BankRefused, body, &[("detail", &detail)]);
    }
    body.first(&["Attach"]);
    let Some(at) = body.at("Voucher") else {
        reading.filled(body, "Voucher");
        return;
    };
    let plain: String = at.text().split_ascii_whitespace().collect();
    let Ok(inner) = STANDARD.decode(plain.as_bytes()) else {
        reading.fault(Fault::XmlBroken, at, &[("detail", "base64")]);
        return;
    };
    let Some(text) = Text::decode(&inner, reading.findings) else {
        return;
    };
    let part = format!(
        "{} {}",
        shown(&envelope.kind, false),
        shown(&envelope.number, false)
    );
    reading.part(text.as_str(), Some(part), |reading, root| {
        take(reading, &envelope, root)
    });
}

/// An amount of a voucher: a sign, at most 15 digits, a point, exactly two decimals.
pub(super) fn money(reading: &mut Reading<'_, '_>, of: Element<'_>, path: &str) -> Option<Fen> {
    let text = reading.filled(of, path)?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let exact = digits.split_once('.').is_some_and(|(yuan, cents)| {
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        (1..=15).contains(&yuan.len()) && cents.len() == 2 && plain(yuan) && plain(cents)
    });
    let amount = Fen::parse_yuan(text).ok().filter(|_| exact);
    if amount.is_none()
        && let Some(at) = of.at(path)
    {
        let value = shown(text, false);
        let values = [("value", value.as_str()), ("unit", "元(yuan), 0.00")];
        reading.fault(Fault::AmountUnread, at, &values);
    }
    amount
}

/// The details of a voucher.
pub(super) fn details(voucher: Element<'_>) -> Vec<Element<'_>> {
    voucher
        .all("DetailList")
        .flat_map(|list| list.all("Detail"))
        .collect()
}

/// The main part and the details must come to the same; no detail without a number, none twice.
pub(super) fn check_sum(
    reading: &mut Reading<'_, '_>,
    voucher: Element<'_>,
    (path, amount_path): (&str, &str),
    amounts: &[Option<Fen>],
) -> Option<Fen> {
    let stated = money(reading, voucher, path)?;
    let whole: Option<Vec<Fen>> = amounts.iter().copied().collect();
    let found = Fen::sum(whole?).ok()?;
    if found != stated {
        let label = format!("{path} / {amount_path}");
        let spot = Spot {
            name: label.clone(),
            ..voucher.at(path).unwrap_or(voucher).spot()
        };
        let (stated, found) = (stated.to_string(), found.to_string());
        let values = [
            ("what", label.as_str()),
            ("stated", &stated),
            ("found", &found),
        ];
        reading.findings.spot(Fault::TotalsDiffer, &spot, &values);
    }
    Some(stated)
}

/// The numbers of details: none empty, none twice.
pub(super) fn ids<'d>(
    reading: &mut Reading<'_, '_>,
    details: &[Element<'d>],
) -> Vec<Option<&'d str>> {
    let mut seen = std::collections::HashSet::with_capacity(details.len());
    let mut list = Vec::with_capacity(details.len());
    for detail in details {
        let id = reading.filled(*detail, "Id");
        if let Some(id) = id
            && !seen.insert(id)
            && let Some(at) = detail.at("Id")
        {
            let value = shown(id, false);
            reading.fault(Fault::IdTwice, at, &[("value", &value)]);
        }
        list.push(id);
    }
    list
}

/// Reads the payments of a sent batch.
pub(super) fn read(reading: &mut Reading<'_, '_>, bytes: &[u8]) -> Vec<Instruction> {
    let mut lines = Vec::new();
    let mut mains: Vec<(String, Option<Fen>)> = Vec::new();
    let mut hangs: Vec<(String, Option<Fen>, Spot)> = Vec::new();
    vouchers(
        reading,
        bytes,
        |reading, envelope, voucher| match &*envelope.kind {
            "5201" => {
                let amounts: Vec<Option<Fen>> = details(voucher)
                    .into_iter()
                    .map(|detail| money(reading, detail, "PayAmt"))
                    .collect();
                let sum = check_sum(reading, voucher, ("PayAmt", "Detail/PayAmt"), &amounts);
                mains.push((envelope.number.clone(), sum));
            }
            "8207" => {
                let hanging = reading.filled(voucher, "OriginalVoucherNo").unwrap_or("");
                let sum = read_details(reading, voucher, &mut lines);
                hangs.push((hanging.to_owned(), sum, voucher.spot()));
            }
            other => {
                let found = shown(other, false);
                let values = [("expected", "5201 / 8207"), ("found", &*found)];
                reading.fault(Fault::MessageStrange, voucher, &values);
            }
        },
    );
    tie(reading, &mains, &hangs);
    reading.need_lines(&lines);
    lines
}

/// Each 8207 hangs off a 5201 of the same amount.
fn tie(
    reading: &mut Reading<'_, '_>,
    mains: &[(String, Option<Fen>)],
    hangs: &[(String, Option<Fen>, Spot)],
) {
    for (number, sum, spot) in hangs {
        let main = mains.iter().find(|(main, _)| main == number);
        match (main, sum) {
            (None, _) => {
                let value = shown(number, false);
                reading
                    .findings
                    .spot(Fault::IdForeign, spot, &[("value", &value)]);
            }
            (Some((_, Some(amount))), Some(sum)) if amount != sum => {
                let (stated, found) = (amount.to_string(), sum.to_string());
                let values = [
                    ("what", "5201 PayAmt / 8207 SumAmt"),
                    ("stated", &*stated),
                    ("found", &*found),
                ];
                reading.findings.spot(Fault::TotalsDiffer, spot, &values);
            }
            _ => {}
        }
    }
}

fn read_details(
    reading: &mut Reading<'_, '_>,
    voucher: Element<'_>,
    lines: &mut Vec<Instruction>,
) -> Option<Fen> {
    let rows = details(voucher);
    ids(reading, &rows);
    let mut amounts = Vec::with_capacity(rows.len());
    for row in rows {
        let amount = money(reading, row, "PayAmt");
        amounts.push(amount);
        let key = reading.key(row, "Id");
        let account = reading.account(row, &["PayeeAcctNo"]);
        let name = reading.filled(row, "PayeeAcctName");
        let line = (key, account, name, amount);
        let (Some(key), Some(account), Some(name), Some(amount)) = line else {
            continue;
        };
        lines.push(Instruction {
            sequence: ordinal(lines.len()),
            key,
            account_no: account.to_owned(),
            payee_name: name.to_owned(),
            bank_name: reading.text(row, "PayeeAcctBankName").to_owned(),
            bank_no: String::new(),
            amount,
            purpose: reading.text(row, "Remark").to_owned(),
        });
    }
    check_sum(reading, voucher, ("SumAmt", "Detail/PayAmt"), &amounts)
}

/// Writes the vouchers of a batch.
pub(super) fn write(writing: &mut Writing<'_>) -> Option<Vec<u8>> {
    let year = writing.head.date.format("%Y").to_string();
    let head = writing.head;
    let region = writing.code_or("AdmDivCode", &head.context.region);
    if !region.is_empty() && !region.bytes().all(|byte| byte.is_ascii_digit()) {
        let values = [("value", region)];
        writing
            .findings
            .cell(Fault::CodeUnread, 0, "AdmDivCode", &values);
    }
    writing.filled(
        0,
        "VoucherNo",
        &head.batch_no,
        Room::Bytes(VOUCHER_NO_BYTES),
    );
    let sum = Fen::sum(head.context.draws.iter().map(|draw| draw.amount)).ok();
    if sum != Some(writing.total) {
        let (stated, found) = (
            sum.unwrap_or(Fen::ZERO).to_string(),
            writing.total.to_string(),
        );
        let values = [
            ("what", "5201 Detail / 指标 appropriations"),
            ("stated", &*stated),
            ("found", &*found),
        ];
        writing.findings.file(Fault::TotalsDiffer, &values);
    }
    let mut out = Writer::new(writing.encoding());
    out.open("MOF");
    out.leaf("VoucherCount", "2");
    let bodies = [
        ("5201", payment_voucher(writing, region, &year)),
        ("8207", batch_details(writing)),
    ];
    for (kind, text) in bodies {
        let bytes = writing.encode(&text)?;
        out.open_with(
            "VoucherBody",
            &[
                ("AdmDivCode", region),
                ("StYear", &year),
                ("VtCode", kind),
                ("VoucherNo", &head.batch_no),
            ],
        );
        out.leaf("VoucherFlag", "0");
        out.leaf("Return_Reason", "");
        out.leaf("Attach", "");
        out.leaf("Voucher", &STANDARD.encode(bytes));
        out.close();
    }
    writing.encode(&out.finish())
}

/// Code and name of the budget columns, from the profile; the agency is named as the payer.
fn budget(writing: &mut Writing<'_>, out: &mut Writer) {
    for (code, name) in BUDGET {
        out.leaf(code, writing.code(code));
        let known = match (name, writing.code(name)) {
            ("AgencyName", "") => &writing.head.payer_name,
            (_, text) => text,
        };
        out.leaf(name, known);
    }
}

/// The 5201: the payer, the sum, and one detail per appropriation.
fn payment_voucher(writing: &mut Writing<'_>, region: &str, year: &str) -> String {
    let head = writing.head;
    let mut out = Writer::new(writing.encoding());
    out.open("Voucher");
    out.leaf("Id", &head.batch_no);
    out.leaf("AdmDivCode", region);
    out.leaf("StYear", year);
    out.leaf("VtCode", "5201");
    out.leaf("VouDate", &head.date.format("%Y%m%d").to_string());
    out.leaf("VoucherNo", &head.batch_no);
    budget(writing, &mut out);
    let function = writing.text(
        0,
        "ExpFuncCode",
        &head.context.function_code,
        Room::Bytes(60),
    );
    out.leaf("ExpFuncCode", function);
    for (code, name) in [
        ("ExpEcoCode", "ExpEcoName"),
        ("PayTypeCode", "PayTypeName"),
        ("SetModeCode", "SetModeName"),
        ("PayBankCode", "PayBankName"),
        ("ClearBankCode", "ClearBankName"),
    ] {
        out.leaf(code, writing.code(code));
        out.leaf(name, writing.code(name));
    }
    // A batch has many payees: they stand in the 8207.
    for name in [
        "PayeeAcctNo",
        "PayeeAcctName",
        "PayeeAcctBankName",
        "PayeeAcctBankNo",
    ] {
        out.leaf(name, writing.code(name));
    }
    payer(writing, &mut out);
    let purpose = writing.lines.first().map_or("", |line| &line.purpose);
    out.leaf("PaySummaryCode", writing.code("PaySummaryCode"));
    out.leaf("PaySummaryName", purpose);
    out.leaf("PayAmt", &writing.total.to_string());
    out.leaf("BusinessTypeCode", "4");
    out.leaf("BusinessTypeName", "批量业务");
    for name in [
        "CheckNo",
        "XPayDate",
        "XAgentBusinessNo",
        "XCheckNo",
        "XPayAmt",
        "XPayeeAcctBankName",
        "XPayeeAcctNo",
        "XPayeeAcctName",
        "Hold1",
        "Hold2",
    ] {
        out.leaf(name, "");
    }
    out.open("DetailList");
    for (place, draw) in (1_u64..).zip(&head.context.draws) {
        draw_detail(writing, &mut out, place, draw);
    }
    out.finish()
}

fn payer(writing: &mut Writing<'_>, out: &mut Writer) {
    let head = writing.head;
    let account = &head.payer_account_no;
    out.leaf(
        "PayAcctNo",
        writing.filled(0, "PayAcctNo", account, Room::Bytes(ACCOUNT_BYTES)),
    );
    let name = &head.payer_name;
    out.leaf(
        "PayAcctName",
        writing.filled(0, "PayAcctName", name, Room::Bytes(BANK_BYTES)),
    );
    let bank = &head.payer_bank_name;
    out.leaf(
        "PayAcctBankName",
        writing.text(0, "PayAcctBankName", bank, Room::Bytes(BANK_BYTES)),
    );
}

fn draw_detail<'a>(writing: &mut Writing<'a>, out: &mut Writer, place: u64, draw: &'a Draw) {
    let head = writing.head;
    let id = format!("{}-{place}", head.batch_no);
    out.open("Detail");
    out.leaf("Id", &id);
    out.leaf("VoucherBillId", &head.batch_no);
    out.leaf("VoucherBillNo", &head.batch_no);
    out.leaf("VoucherNo", &id);
    budget(writing, out);
    let document = writing.text(place, "FileNoName", &draw.document, Room::Bytes(120));
    out.leaf("FileNoCode", writing.code("FileNoCode"));
    out.leaf("FileNoName", document);
    let function = match &*draw.function_code {
        "" => &head.context.function_code,
        code => code,
    };
    out.leaf("ExpFuncCode", function);
    out.leaf("PayAmt", &draw.amount.to_string());
    for name in [
        "Remark",
        "XPayDate",
        "XAgentBusinessNo",
        "XCheckNo",
        "XPayAmt",
        "XPayeeAcctBankName",
        "XPayeeAcctNo",
        "XPayeeAcctName",
        "XAddWord",
        "Hold1",
        "Hold2",
        "Hold3",
        "Hold4",
    ] {
        out.leaf(name, "");
    }
    out.close();
}

/// The 8207: one detail per payment, its number being our key.
fn batch_details(writing: &mut Writing<'_>) -> String {
    let head = writing.head;
    let mut out = Writer::new(writing.encoding());
    out.open("Voucher");
    out.leaf("VouDate", &head.date.format("%Y%m%d").to_string());
    out.leaf("OriginalVtCode", "5201");
    out.leaf("OriginalVoucherNo", &head.batch_no);
    out.leaf("FundTypeCode", writing.code("FundTypeCode"));
    out.leaf("FundTypeName", writing.code("FundTypeName"));
    for name in ["PayDictateNo", "PayMsgNo", "PayEntrustDate", "PaySndBnkNo"] {
        out.leaf(name, "");
    }
    out.leaf("SumAmt", &writing.total.to_string());
    out.leaf("AgencyCode", writing.code("AgencyCode"));
    out.leaf("AgencyName", &head.payer_name);
    payer(writing, &mut out);
    out.leaf("PayBankCode", writing.code("PayBankCode"));
    out.leaf("PayBankName", writing.code("PayBankName"));
    out.leaf("BusinessTypeCode", "4");
    out.leaf("BusinessTypeName", "批量业务");
    out.leaf("PayTypeCode", writing.code("PayTypeCode"));
    out.leaf("PayTypeName", writing.code("PayTypeName"));
    for name in [
        "XPayDate",
        "XSumAmt",
        "ExpFuncName",
        "Remark",
        "Hold1",
        "Hold2",
    ] {
        out.leaf(name, "");
    }
    out.open("DetailList");
    let lines = writing.lines;
    for (row, line) in (1_u64..).zip(lines) {
        out.open("Detail");
        out.leaf("Id", &line.key);
        out.leaf("OriVoucherNo", &head.batch_no);
        let account = &line.account_no;
        out.leaf(
            "PayeeAcctNo",
            writing.filled(row, "PayeeAcctNo", account, Room::Bytes(ACCOUNT_BYTES)),
        );
        let name = &line.payee_name;
        out.leaf(
            "PayeeAcctName",
            writing.filled(row, "PayeeAcctName", name, Room::Bytes(NAME_BYTES)),
        );
        let bank = &line.bank_name;
        out.leaf(
            "PayeeAcctBankName",
            writing.text(row, "PayeeAcctBankName", bank, Room::Bytes(BANK_BYTES)),
        );
        out.leaf("PayAmt", &line.amount.to_string());
        let remark = &line.purpose;
        out.leaf(
            "Remark",
            writing.text(row, "Remark", remark, Room::Bytes(REMARK_BYTES)),
        );
        for name in ANSWERED {
            out.leaf(name, "");
        }
        out.close();
    }
    out.finish()
}

/// What the bank fills in a detail of the 8207, and what is kept free.
const ANSWERED: [&str; 13] = [
    "XPayDate",
    "XAgentBusinessNo",
    "XPayAmt",
    "XPayeeAcctBankName",
    "XPayeeAcctNo",
    "XAddWordCode",
    "XAddWord",
    "Hold1",
    "Hold2",
    "Hold3",
    "Hold4",
    "ExpFuncCode",
    "ExpFuncName",
];
