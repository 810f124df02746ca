//! The simulated bank's side of XML: the treasury's vouchers 5201 with their list of payees (8207),
//! which come back filled in, and ISO 20022 transfers (pain.001), which a status report (pain.002)
//! answers. Read and written as text, apart from the product's codecs on purpose.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::GBK;
use ledger::calendar::Date;
use ledger::money::{Fen, MoneyError};

use super::bank::{BankRefusal, Setup};
use super::bank_file::{Answer, Instruction, checked, unreadable};

/// An instruction with what the bank says of it and its serial number.
type Answered<'a> = (&'a Instruction, Answer, String);

/// The payees of a treasury voucher, and the envelope that is to come back filled in.
///
/// # Errors
/// [`BankRefusal`] when a voucher is missing or the sums differ.
pub fn read_vouchers(
    setup: &Setup,
    bytes: &[u8],
) -> Result<(Vec<Instruction>, String), BankRefusal> {
    let envelope = GBK.decode(bytes).0.into_owned();
    let vouchers = vouchers(&envelope)?;
    let [payment, payees] = vouchers.as_slice() else {
        return Err(unreadable(1, "neither voucher nor list of payees"));
    };
    if text_of(payees, "PayAcctNo") != setup.account_no {
        return Err(unreadable(1, "not the account of this agency"));
    }
    let mut lines = Vec::new();
    for (number, detail) in (1..).zip(inside(payees, "Detail")) {
        let instruction = Instruction {
            order: number.to_string(),
            account: text_of(detail, "PayeeAcctNo").to_owned(),
            name: text_of(detail, "PayeeAcctName").to_owned(),
            branch: text_of(detail, "PayeeAcctBankName").to_owned(),
            branch_no: String::new(),
            amount: Fen::parse_yuan(text_of(detail, "PayAmt"))?,
            usage: text_of(detail, "Remark").to_owned(),
            key: text_of(detail, "Id").to_owned(),
        };
        lines.push(checked(number, instruction)?);
    }
    let stated = [text_of(payment, "PayAmt"), text_of(payees, "SumAmt")];
    totals(&lines, &stated)?;
    Ok((lines, envelope))
}

/// The envelope with what was paid of each payee, and why nothing was of the others.
///
/// # Errors
/// [`BankRefusal`] when a sum is out of range.
pub fn fill_in(
    envelope: &str,
    date: Date,
    answers: &[Answered<'_>],
) -> Result<Vec<u8>, BankRefusal> {
    let day = date.format("%Y%m%d").to_string();
    let paid = answers
        .iter()
        .filter(|(_, answer, _)| *answer == Answer::Paid);
    let paid = Fen::sum(paid.map(|(line, ..)| line.amount))?.to_string();
    let mut text = envelope.replace("<VoucherFlag>0<", "<VoucherFlag>1<");
    for packed in inside(envelope, "Voucher") {
        let voucher = unpacked(packed)?;
        let (head, list) = voucher
            .split_once("<DetailList>")
            .ok_or_else(|| unreadable(1, "no list"))?;
        let mut filled = filled(
            head,
            &[("XPayDate", &day), ("XPayAmt", &paid), ("XSumAmt", &paid)],
        );
        filled = self::filled(&filled, &[("XAgentBusinessNo", &day)]);
        filled.push_str("<DetailList>");
        if head.contains("<SumAmt>") {
            fill_payees(&mut filled, list, &day, answers);
        } else {
            filled.push_str(list);
        }
        text = text.replace(packed, &STANDARD.encode(GBK.encode(&filled).0));
    }
    Ok(GBK.encode(&text).0.into_owned())
}

fn fill_payees(out: &mut String, list: &str, day: &str, answers: &[Answered<'_>]) {
    let mut details = list.split("<Detail>");
    out.push_str(details.next().unwrap_or_default());
    for (detail, (line, answer, serial)) in details.zip(answers) {
        let (amount, why) = match answer {
            Answer::Failed(reason) => ("0.00".to_owned(), reason.as_str()),
            Answer::Paid | Answer::Pending => (line.amount.to_string(), ""),
        };
        let said = [
            ("XPayDate", day),
            ("XAgentBusinessNo", serial),
            ("XPayAmt", &amount),
            ("XAddWord", why),
        ];
        out.push_str("<Detail>");
        out.push_str(&filled(detail, &said));
    }
}

/// The first empty element of each name gets its text; an empty text leaves it.
fn filled(text: &str, values: &[(&str, &str)]) -> String {
    let told = values.iter().filter(|(_, value)| !value.is_empty());
    told.fold(text.to_owned(), |text, (name, value)| {
        text.replacen(
            &format!("<{name}/>"),
            &format!("<{name}>{value}</{name}>"),
            1,
        )
    })
}

/// The transfers of a pain.001.
///
/// # Errors
/// [`BankRefusal`] when count or sum differ.
pub fn read_transfers(setup: &Setup, bytes: &[u8]) -> Result<Vec<Instruction>, BankRefusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| unreadable(1, "not UTF-8"))?;
    if text_of(text_of(text, "DbtrAcct"), "Id") != format!("<Othr><Id>{}", setup.account_no) {
        return Err(unreadable(1, "not the account of this agency"));
    }
    let mut lines = Vec::new();
    for (number, one) in (1..).zip(inside(text, "CdtTrfTxInf")) {
        let amount = one.split_once("<InstdAmt Ccy=\"CNY\">");
        let amount = amount.and_then(|(_, rest)| rest.split_once("</InstdAmt>"));
        let (amount, _) = amount.ok_or_else(|| unreadable(number, "no amount in yuan"))?;
        let agent = text_of(one, "CdtrAgt");
        let instruction = Instruction {
            order: text_of(one, "InstrId").to_owned(),
            account: text_of(text_of(one, "CdtrAcct"), "Othr")
                .trim_start_matches("<Id>")
                .trim_end_matches("</Id>")
                .to_owned(),
            name: text_of(text_of(one, "Cdtr"), "Nm").to_owned(),
            branch: text_of(agent, "Nm").to_owned(),
            branch_no: text_of(agent, "MmbId").to_owned(),
            amount: Fen::parse_yuan(amount)?,
            usage: text_of(one, "Ustrd").to_owned(),
            key: text_of(one, "EndToEndId").to_owned(),
        };
        lines.push(checked(number, instruction)?);
    }
    totals(&lines, &inside(text, "CtrlSum"))?;
    Ok(lines)
}

/// A pain.002 that lists what is known of each transfer; of all others it says nothing.
pub fn status_report(batch: &str, date: Date, answers: &[Answered<'_>]) -> Vec<u8> {
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.002.001.03\"><CstmrPmtStsRpt>\n\
         <GrpHdr><MsgId>{batch}-{date}</MsgId><CreDtTm>{date}T10:00:00</CreDtTm></GrpHdr>\n\
         <OrgnlGrpInfAndSts><OrgnlMsgId>{batch}</OrgnlMsgId>\
         <OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId><GrpSts>PART</GrpSts></OrgnlGrpInfAndSts>\n\
         <OrgnlPmtInfAndSts><OrgnlPmtInfId>{batch}</OrgnlPmtInfId>\n"
    );
    for (line, answer, serial) in answers {
        let Instruction {
            key,
            amount,
            name,
            account,
            ..
        } = line;
        let (status, why) = match answer {
            Answer::Paid => ("ACSC", String::new()),
            Answer::Pending => ("PDNG", String::new()),
            Answer::Failed(reason) => (
                "RJCT",
                format!("<StsRsnInf><AddtlInf>{reason}</AddtlInf></StsRsnInf>"),
            ),
        };
        text.push_str(&format!(
            "<TxInfAndSts><StsId>{serial}</StsId><OrgnlEndToEndId>{key}</OrgnlEndToEndId>\
             <TxSts>{status}</TxSts>{why}<OrgnlTxRef>\
             <Amt><InstdAmt Ccy=\"CNY\">{amount}</InstdAmt></Amt><Cdtr><Nm>{name}</Nm></Cdtr>\
             <CdtrAcct><Id><Othr><Id>{account}</Id></Othr></Id></CdtrAcct></OrgnlTxRef>\
             </TxInfAndSts>\n"
        ));
    }
    text.push_str("</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>\n");
    text.into_bytes()
}

/// Every sum that the message states is that of its lines.
fn totals(lines: &[Instruction], stated: &[&str]) -> Result<(), BankRefusal> {
    let counted = Fen::sum(lines.iter().map(|line| line.amount))?;
    let sums: Result<Vec<Fen>, MoneyError> =
        stated.iter().map(|text| Fen::parse_yuan(text)).collect();
    match sums?.iter().all(|sum| *sum == counted) && !stated.is_empty() {
        true => Ok(()),
        false => Err(BankRefusal::Totals {
            stated: stated.join(" / "),
            counted: counted.to_string(),
        }),
    }
}

/// The vouchers in an envelope.
fn vouchers(envelope: &str) -> Result<Vec<String>, BankRefusal> {
    inside(envelope, "Voucher")
        .into_iter()
        .map(unpacked)
        .collect()
}

fn unpacked(packed: &str) -> Result<String, BankRefusal> {
    let bytes = STANDARD.decode(packed.trim());
    let bytes = bytes.map_err(|_| unreadable(1, "a voucher is not base64"))?;
    Ok(GBK.decode(&bytes).0.into_owned())
}

/// What stands between the tags of all elements of a name that have no attributes.
fn inside<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = text.split(&*open).skip(1);
    parts
        .filter_map(|part| part.split_once(&*close).map(|(inner, _)| inner))
        .collect()
}

/// The first of them; empty when there is none.
fn text_of<'t>(text: &'t str, name: &str) -> &'t str {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let found = text.split_once(&*open);
    let found = found.and_then(|(_, rest)| rest.split_once(&*close));
    found.map_or("", |(inner, _)| inner)
}
