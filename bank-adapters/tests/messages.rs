//! Layouts that are messages: golden bytes, validity against the official schemas, write and read
//! back, planted faults with line and column, and the three or four outcomes of answers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::process::Command;

use bank_adapters::{
    BatchHead, Finding, Instruction, Outcome, Profile, ReturnFile, compare_answer, detect,
    is_blocked, read_batch, read_return, read_statement, write_batch,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{brief, data, gbk, head, people, profile};
use ledger::money::Fen;
use proptest::prelude::*;

/// Layouts that are written, with what a bank gives to its customer.
const WRITTEN: [(&str, &str); 7] = [
    ("mof-5201", ""),
    ("pain-001-03", ""),
    ("pain-001-09", ""),
    ("pain-001-11", ""),
    ("icbc-payper", "CIS = \"400090001234567\"\nID = \"demo\""),
    (
        "cmb-ntagcapy",
        "LGNNAM = \"测试登录\"\nBUSMOD = \"00001\"\nBBKNBR = \"75\"\nTRSTYP = \"BYTF\"",
    ),
    ("boc-b2e0078", ""),
];

/// A bureau's own layout, with the codes that its bank gave it.
fn own(id: &str, values: &str) -> Profile {
    if values.is_empty() {
        return profile(id);
    }
    let text = format!("id = \"own\"\nextends = \"{id}\"\n[values]\n{values}\n");
    Profile::parse(&text, "own.toml").unwrap()
}

fn message(name: &str) -> Vec<u8> {
    data(&format!("messages/{name}"))
}

/// Lines as the layout carries them.
fn lines(id: &str) -> Vec<Instruction> {
    let mut lines = people("102100099996");
    if matches!(id, "mof-5201" | "cmb-ntagcapy") {
        lines
            .iter_mut()
            .for_each(|line| line.bank_no = String::new());
    }
    lines
}

/// The ISO files among them are held against the official schemas below.
#[test]
fn batches_are_the_golden_ones_and_read_back() {
    for (id, codes) in WRITTEN {
        let profile = own(id, codes);
        let lines = lines(id);
        let file = write_batch(&profile, &head(), &lines)
            .unwrap_or_else(|findings| panic!("{id} {:?}", brief(&findings)));
        assert!(file.bytes == message(&format!("{id}.xml")), "{id}");
        assert_eq!((file.count, file.total), (3, Fen::new(10_023_500)));
        let (back, findings) = read_batch(&profile, &file.bytes);
        assert_eq!(back, lines, "{id}");
        assert!(!is_blocked(&findings), "{id} {:?}", brief(&findings));
        let shipped = Profile::shipped();
        let found: Vec<&str> = detect(&shipped, &file.bytes)
            .iter()
            .map(|p| &*p.id)
            .collect();
        assert_eq!(found, [id]);
    }
}

/// What is written, and what we made up for banks, is valid by the official schemas.
#[test]
fn iso_messages_are_valid_against_the_official_schemas() {
    let data = format!("{}/tests/data", env!("CARGO_MANIFEST_DIR"));
    for (file, schema) in [
        ("pain-001-03", "pain.001.001.03"),
        ("pain-001-09", "pain.001.001.09"),
        ("pain-001-11", "pain.001.001.11"),
        ("pain-002-03", "pain.002.001.03"),
        ("pain-002-12", "pain.002.001.12"),
        ("camt-052-01", "camt.052.001.01"),
        ("camt-053-02", "camt.053.001.02"),
        ("camt-053-08", "camt.053.001.08"),
        ("camt-054-08", "camt.054.001.08"),
    ] {
        let done = Command::new("xmllint")
            .args(["--nonet", "--noout", "--schema"])
            .arg(format!("{data}/schemas/{schema}.xsd"))
            .arg(format!("{data}/messages/{file}.xml"))
            .output()
            .expect("xmllint is needed: apt-get install libxml2-utils");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{file}: {said}");
    }
}

/// Bare lines of a batch need nothing from a bank; one without its name or number is valid too.
#[test]
fn a_payee_without_a_bank_is_valid_too() {
    let profile = profile("pain-001-09");
    let mut lines = people("");
    lines[1].bank_name = String::new();
    lines[0].purpose = "甲<&>\"'乙".to_owned();
    let file = write_batch(&profile, &head(), &lines).unwrap();
    assert_eq!(read_batch(&profile, &file.bytes).0, lines);
    let folder = std::env::temp_dir().join(format!("huimin-pain-{}", std::process::id()));
    std::fs::write(&folder, &file.bytes).unwrap();
    let schema = format!(
        "{}/tests/data/schemas/pain.001.001.09.xsd",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut xmllint = Command::new("xmllint");
    xmllint
        .args(["--nonet", "--noout", "--schema", &schema])
        .arg(&folder);
    let done = xmllint.output().unwrap();
    std::fs::remove_file(&folder).unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn the_purpose_follows_the_program() {
    for (function, code) in [
        ("2081001", "BECH"),
        ("2081901", "SSBE"),
        ("9999999", "SSBE"),
    ] {
        let mut head = head();
        head.context.function_code = function.to_owned();
        let file = write_batch(&profile("pain-001-09"), &head, &people("")).unwrap();
        let text = String::from_utf8(file.bytes).unwrap();
        assert_eq!(
            text.matches(&format!("<Purp><Cd>{code}</Cd></Purp>"))
                .count(),
            3
        );
    }
}

#[test]
fn what_a_message_cannot_carry_is_refused_with_row_and_element() {
    type Change = fn(&mut BatchHead, &mut Vec<Instruction>);
    let cases: [(&str, Change, &[&str]); 12] = [
        (
            "mof-5201",
            |_, l| l[1].payee_name = "示例𬭎".into(),
            &["BNK-0007 2 PayeeAcctName"],
        ),
        (
            "mof-5201",
            |_, l| l[0].payee_name = "测".repeat(61),
            &["BNK-0149 1 PayeeAcctName"],
        ),
        (
            "mof-5201",
            |_, l| l[2].purpose = "测".repeat(101),
            &["BNK-0149 3 Remark"],
        ),
        (
            "mof-5201",
            |_, l| l[0].account_no = "6".repeat(43),
            &["BNK-0149 1 PayeeAcctNo"],
        ),
        (
            "mof-5201",
            |h, _| h.batch_no = "B".repeat(20),
            &["BNK-0149 VoucherNo"],
        ),
        (
            "mof-5201",
            |h, _| h.context.region = String::new(),
            &["BNK-0218 AdmDivCode"],
        ),
        (
            "mof-5201",
            |h, _| h.context.draws.truncate(1),
            &["BNK-0006"],
        ),
        (
            "pain-001-09",
            |_, l| l[0].payee_name = "测".repeat(141),
            &["BNK-0149 1 Cdtr/Nm"],
        ),
        (
            "pain-001-09",
            |_, l| l[1].payee_name = " 甲".into(),
            &["BNK-0162 2 Cdtr/Nm"],
        ),
        ("icbc-payper", |_, _| {}, &["BNK-0218 CIS", "BNK-0218 ID"]),
        (
            "cmb-ntagcapy",
            |_, _| {},
            &[
                "BNK-0218 LGNNAM",
                "BNK-0218 BUSMOD",
                "BNK-0218 BBKNBR",
                "BNK-0218 TRSTYP",
            ],
        ),
        ("beps-382", |_, _| {}, &["BNK-0102"]),
    ];
    for (id, change, expected) in cases {
        let (mut head, mut lines) = (head(), lines(id));
        change(&mut head, &mut lines);
        let findings = write_batch(&profile(id), &head, &lines).unwrap_err();
        assert_eq!(brief(&findings), expected, "{id}");
    }
}

/// Answers as `key account fen outcome reason`.
fn told(file: &ReturnFile) -> Vec<String> {
    let line = |line: &bank_adapters::AnswerLine| {
        let key = line.key.as_deref().unwrap_or("-");
        let outcome = match line.outcome {
            Outcome::Paid => "paid",
            Outcome::Failed => "failed",
            Outcome::Pending => "pending",
            Outcome::Refunded => "refunded",
        };
        let end = line.account_no.len().saturating_sub(2);
        let account = line.account_no.get(end..).unwrap_or_default();
        format!(
            "{} {key} {account} {} {outcome} {}",
            line.line, line.amount, line.reason_text
        )
    };
    file.lines
        .iter()
        .map(line)
        .map(|text| text.trim_end().to_owned())
        .collect()
}

fn completed(id: &str, name: &str) -> (ReturnFile, Vec<Finding>) {
    let (mut file, findings) = read_return(&profile(id), &message(name));
    file.complete(&lines("mof-5201")).unwrap();
    (file, findings)
}

#[test]
fn answers_have_their_outcomes() {
    for (id, name, number, expected) in [
        (
            "mof-5201-answer",
            "mof-5201-answer.xml",
            Some("DIBAO-2022-01"),
            vec![
                "1 P101-1 11 1234.50 paid",
                "2 P102-1 29 0.50 paid",
                "3 P103-2 37 99000.00 failed 户名不符",
            ],
        ),
        (
            "mof-2252",
            "mof-2252.xml",
            Some("DIBAO-2022-01"),
            vec!["1 P101-1 11 1234.50 refunded 账户已销户"],
        ),
        (
            "pain-002",
            "pain-002-03.xml",
            Some("DIBAO-2022-01"),
            vec![
                "1 P101-1 11 1234.50 paid",
                "2 P102-1 29 0.50 pending ACSP",
                "3 P103-2 37 99000.00 failed AC04 账户已销户",
            ],
        ),
        (
            "pain-002",
            "pain-002-12.xml",
            Some("DIBAO-2022-01"),
            vec![
                "1 P103-2 37 99000.00 failed AC04 账户已销户",
                "2 P101-1 11 1234.50 paid",
                "3 P102-1 29 0.50 paid",
            ],
        ),
        (
            "camt-054",
            "camt-054-08.xml",
            Some("DIBAO-2022-01"),
            vec!["1 P101-1 11 1234.50 refunded AC04 账户已销户"],
        ),
        (
            "icbc-qpayper",
            "icbc-qpayper.xml",
            Some("DIBAO-2022-01"),
            vec![
                "1 P101-1 11 1234.50 paid",
                "2 P102-1 29 0.50 pending 银行正在处理",
                "3 P103-2 37 99000.00 failed 账号户名不符",
            ],
        ),
        (
            "ccb-6w2104",
            "ccb-6w2104.xml",
            None,
            vec![
                "1 P102-1 29 0.50 failed 账户状态异常",
                "2 P101-1 11 1234.50 paid",
                "3 P103-2 37 99000.00 paid",
            ],
        ),
        (
            "cmb-ntagdinf",
            "cmb-ntagdinf.xml",
            None,
            vec![
                "1 P101-1 11 1234.50 paid",
                "2 P102-1 29 0.50 failed CDB1234 账户已冻结",
                "3 P103-2 37 99000.00 pending A",
            ],
        ),
        (
            "cmb-ntagdrfd",
            "cmb-ntagdrfd.xml",
            None,
            vec!["1 - 11 1234.50 refunded T01 退票:账户已销户"],
        ),
        (
            "beps-383",
            "beps-383.xml",
            Some("00000001"),
            vec![
                "1 P101-1 11 1234.50 paid",
                "2 P102-1 29 0.50 failed RJ02 账号户名不符",
                "3 P103-2 37 99000.00 pending PR03",
            ],
        ),
        (
            "ccms-900",
            "ccms-900.xml",
            Some("2022011000000001"),
            vec![
                "1 P101-1 11 1234.50 failed PR09 O1025 总分不一致",
                "2 P102-1 29 0.50 failed PR09 O1025 总分不一致",
                "3 P103-2 37 99000.00 failed PR09 O1025 总分不一致",
            ],
        ),
        (
            "ccms-990",
            "ccms-990.xml",
            Some("2022011000000001"),
            vec![
                "1 P101-1 11 1234.50 pending NEZI0000",
                "2 P102-1 29 0.50 pending NEZI0000",
                "3 P103-2 37 99000.00 pending NEZI0000",
            ],
        ),
    ] {
        let (file, findings) = completed(id, name);
        assert!(!is_blocked(&findings), "{name} {:?}", brief(&findings));
        assert_eq!(told(&file), expected, "{name}");
        assert_eq!(file.batch_no.as_deref(), number, "{name}");
        let shipped = Profile::shipped();
        let found: Vec<&str> = detect(&shipped, &message(name))
            .iter()
            .map(|p| &*p.id)
            .collect();
        assert_eq!(found, [id], "{name}");
    }
}

/// The beps.382 that a bank may pass on is read; we do not send such a message.
#[test]
fn a_beps_batch_is_read() {
    let (lines, findings) = read_batch(&profile("beps-382"), &message("beps-382.xml"));
    assert!(!is_blocked(&findings), "{:?}", brief(&findings));
    let read: Vec<_> = lines.iter().map(|l| (&*l.key, l.amount.get())).collect();
    assert_eq!(
        read,
        [("P101-1", 123_450), ("P102-1", 50), ("P103-2", 9_900_000)]
    );
}

#[test]
fn statements_are_read_in_all_versions() {
    let v08 = String::from_utf8(message("camt-053-08.xml")).unwrap();
    let mut files = vec![
        ("camt-053", message("camt-053-02.xml")),
        ("camt-053", message("camt-053-08.xml")),
    ];
    for version in ["03", "05", "09", "10", "11", "12", "13", "14"] {
        let text = v08.replace("053.001.08", &format!("053.001.{version}"));
        files.push(("camt-053", text.into_bytes()));
    }
    for (id, bytes) in files {
        let (file, findings) = read_statement(&profile(id), &bytes);
        assert!(!is_blocked(&findings), "{:?}", brief(&findings));
        assert!(
            brief(&findings).contains(&"BNK-0215 26 1 Ntry".to_owned())
                || brief(&findings).iter().any(|f| f.starts_with("BNK-0215"))
        );
        assert_eq!(file.account_no, "2600000000000000001");
        let period = (file.from.to_string(), file.to.to_string());
        assert_eq!(period, ("2022-01-01".into(), "2022-01-31".into()));
        let rows: Vec<_> = file
            .lines
            .iter()
            .map(|l| {
                format!(
                    "{} {} {} [{}] [{}]",
                    l.line, l.date, l.amount, l.summary, l.remark
                )
            })
            .collect();
        assert_eq!(
            rows,
            [
                "1 2022-01-10 -100235.00 [批量代发] [DIBAO-2022-01]",
                "2 2022-01-12 1234.50 [退汇 AC04 账户已销户] [P101-1 DIBAO-2022-01]",
                "3 2022-01-12 0.50 [退汇 AC04 账户已销户] [P102-1 DIBAO-2022-01]",
                "4 2022-01-31 1001.00 [TRF] [指标下达]",
            ]
        );
        let moved = Fen::sum(file.lines.iter().map(|line| line.amount)).unwrap();
        assert_eq!(file.opening.plus(moved), Ok(file.closing));
    }
    let (file, findings) = read_statement(&profile("camt-053"), &message("camt-052-01.xml"));
    assert!(!is_blocked(&findings), "{:?}", brief(&findings));
    assert_eq!(
        (file.opening, file.closing),
        (Fen::new(1000), Fen::new(550))
    );
    assert_eq!(
        (file.lines.len(), file.lines[0].amount),
        (1, Fen::new(-450))
    );
}

#[test]
fn a_tagged_statement_is_read() {
    let (file, findings) = read_statement(&profile("mt940"), &message("mt940.txt"));
    assert_eq!(brief(&findings), Vec::<String>::new());
    let rows: Vec<_> = file
        .lines
        .iter()
        .map(|l| {
            format!(
                "{} {} {} [{}] [{}] {} {}",
                l.line,
                l.date,
                l.amount,
                l.summary,
                l.remark,
                l.counterparty_name,
                l.bank_reference
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            "1 2022-01-10 -100235.00 [代发] [DIBAO-2022-01 DIBAO-2022-01]  B1",
            "2 2022-01-12 1234.50 [退汇] [P101-1 P101-1 账户已销户] 测试甲 B2",
            "3 2022-01-31 1000.00 [] [指标下达]  B3",
        ]
    );
    let moved = Fen::sum(file.lines.iter().map(|line| line.amount)).unwrap();
    assert_eq!(file.opening.plus(moved), Ok(file.closing));
    let shipped = Profile::shipped();
    let found: Vec<&str> = detect(&shipped, &message("mt940.txt"))
        .iter()
        .map(|p| &*p.id)
        .collect();
    assert_eq!(found, ["mt940"]);
}

fn decoded(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::GBK.decode(bytes).0.into_owned(),
    }
}

fn encoded(text: &str) -> Vec<u8> {
    match text.contains("GBK") || text.contains("GB18030") {
        true => gbk(text),
        false => text.as_bytes().to_vec(),
    }
}

fn findings_of(id: &str, bytes: &[u8]) -> Vec<String> {
    let profile = profile(id);
    let findings = match profile.usage {
        bank_adapters::Use::Batch => read_batch(&profile, bytes).1,
        bank_adapters::Use::Return => read_return(&profile, bytes).1,
        bank_adapters::Use::Statement => read_statement(&profile, bytes).1,
    };
    let blocking: Vec<Finding> = findings
        .into_iter()
        .filter(|f| f.severity > bank_adapters::Severity::Note)
        .collect();
    brief(&blocking)
}

/// Planted faults: message, text to replace, its replacement, findings with line and column.
#[test]
fn faults_are_found_at_their_line_and_column() {
    let mut wrong = Vec::new();
    for (id, name, from, to, expected) in [
        (
            "pain-001-09",
            "pain-001-09.xml",
            "<NbOfTxs>3<",
            "<NbOfTxs>4<",
            vec!["BNK-0006 15 4 NbOfTxs", "BNK-0006 7 4 NbOfTxs"],
        ),
        (
            "pain-001-09",
            "pain-001-09.xml",
            ">1234.50<",
            ">1234.505<",
            vec!["BNK-0142 39 6 InstdAmt"],
        ),
        (
            "pain-001-09",
            "pain-001-09.xml",
            ">1234.50<",
            ">1234.51<",
            vec!["BNK-0006 16 4 CtrlSum", "BNK-0006 8 4 CtrlSum"],
        ),
        (
            "pain-001-09",
            "pain-001-09.xml",
            "Ccy=\"CNY\">0.50",
            "Ccy=\"USD\">0.50",
            vec!["BNK-0209 65 6 InstdAmt"],
        ),
        (
            "pain-001-09",
            "pain-001-09.xml",
            ">P101-1<",
            ">X<",
            vec!["BNK-0150 36 6 EndToEndId"],
        ),
        (
            "pain-001-09",
            "pain-001-09.xml",
            "pain.001.001.09",
            "pain.001.001.13",
            vec!["BNK-0207 2 1 Document"],
        ),
        (
            "pain-001-09",
            "pain-001-09.xml",
            "</GrpHdr>",
            "",
            vec!["BNK-0201 111 2"],
        ),
        (
            "mof-5201",
            "mof-5201.xml",
            "VoucherCount>2",
            "VoucherCount>3",
            vec!["BNK-0006 3 2 VoucherCount"],
        ),
        (
            "mof-5201",
            "mof-5201.xml",
            "VtCode=\"5201\"",
            "VtCode=\"5207\"",
            vec!["BNK-0207 2 1 Voucher", "BNK-0212 2 1 Voucher"],
        ),
        (
            "icbc-qpayper",
            "icbc-qpayper.xml",
            "<Result>9<",
            "<Result>99<",
            vec!["BNK-0153 7 138 Result"],
        ),
        (
            "icbc-qpayper",
            "icbc-qpayper.xml",
            "<RetCode>0<",
            "<RetCode>B1<",
            vec!["BNK-0208 3 1 pub"],
        ),
        (
            "icbc-qpayper",
            "icbc-qpayper.xml",
            ">123450<",
            ">1234.50<",
            vec!["BNK-0142 6 95 PayAmt"],
        ),
        (
            "ccb-6w2104",
            "ccb-6w2104.xml",
            "<FAIL_NUM>1",
            "<FAIL_NUM>2",
            vec!["BNK-0006 6 102 FAIL_NUM"],
        ),
        (
            "cmb-ntagdinf",
            "cmb-ntagdinf.xml",
            "NTAGDINF",
            "NTAGDRFD",
            vec!["BNK-0207 3 1 INFO"],
        ),
        (
            "cmb-ntagdinf",
            "cmb-ntagdinf.xml",
            "<ACCNBR>6200000000000000011",
            "<ACCNBR>6.2E18",
            vec!["BNK-0145 4 38 ACCNBR"],
        ),
        (
            "beps-383",
            "beps-383.xml",
            "beps.383.001.01 ",
            "beps.382.001.01 ",
            vec!["BNK-0207 1 1 {H:}"],
        ),
        (
            "beps-383",
            "beps-383.xml",
            "<Sts>PR03",
            "<Sts>PR02",
            vec!["BNK-0006 6 65 SndgTtlNb", "BNK-0006 6 23 SndgTtlAmt"],
        ),
        (
            "camt-053",
            "camt-053-08.xml",
            "Cd>CLBD",
            "Cd>XPCD",
            vec!["BNK-0132 5 1 Bal CLBD"],
        ),
        (
            "camt-053",
            "camt-053-08.xml",
            "<Dt>2022-01-10",
            "<Dt>2022-13-10",
            vec!["BNK-0148 11 91 Dt"],
        ),
        (
            "camt-053",
            "camt-053-08.xml",
            "BkToCstmrStmt",
            "BkToCstmr",
            vec!["BNK-0207 2 1 Document"],
        ),
        (
            "pain-002",
            "pain-002-03.xml",
            "<TxSts>ACSP",
            "<TxSts>ABCD",
            vec!["BNK-0153 17 1 TxSts"],
        ),
        (
            "mt940",
            "mt940.txt",
            "D100235,00",
            "D100235.00",
            vec!["BNK-0142 6 16 :61:"],
        ),
        (
            "mt940",
            "mt940.txt",
            ":60F:C220101CNY",
            ":60F:C220101USD",
            vec!["BNK-0209 5 13 :60F:", "BNK-0132"],
        ),
        ("mt940", "mt940.txt", ":62F:", ":63F:", vec!["BNK-0132"]),
    ] {
        let sound = decoded(&message(name));
        assert!(sound.contains(from), "{from}");
        let found = findings_of(id, &encoded(&sound.replace(from, to)));
        if found != expected {
            wrong.push(format!("{name}: {from} -> {to}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A change inside a voucher of an envelope.
fn in_voucher(name: &str, from: &str, to: &str) -> Vec<u8> {
    let outer = decoded(&message(name));
    let mut changed = String::new();
    let mut times = 0;
    for (number, part) in outer.split("<Voucher>").enumerate() {
        if number == 0 {
            changed.push_str(part);
            continue;
        }
        let (inner, rest) = part.split_once("</Voucher>").unwrap();
        let text = decoded(&STANDARD.decode(inner).unwrap());
        times += text.matches(from).count();
        let text = STANDARD.encode(gbk(&text.replace(from, to)));
        changed.push_str(&format!("<Voucher>{text}</Voucher>{rest}"));
    }
    assert!(times > 0, "{from}");
    gbk(&changed)
}

#[test]
fn faults_inside_vouchers_are_found_in_their_voucher() {
    let mut wrong = Vec::new();
    for (id, name, from, to, expected) in [
        (
            "mof-5201-answer",
            "mof-5201-answer.xml",
            "<Id>P102-1<",
            "<Id>P101-1<",
            vec!["BNK-0211 12 1 Id"],
        ),
        (
            "mof-5201-answer",
            "mof-5201-answer.xml",
            "<XPayAmt>0.50<",
            "<XPayAmt>0.40<",
            vec![
                "BNK-0210 13 77 XPayAmt",
                "BNK-0006 5 30 XSumAmt / Detail/XPayAmt",
            ],
        ),
        (
            "mof-5201-answer",
            "mof-5201-answer.xml",
            "<XPayAmt>0.50<",
            "<XPayAmt><",
            vec!["BNK-0141 13 77 XPayAmt"],
        ),
        (
            "mof-5201-answer",
            "mof-5201-answer.xml",
            "<XPayAmt>0.50<",
            "<XPayAmt>0.5<",
            vec!["BNK-0142 13 77 XPayAmt"],
        ),
        (
            "mof-5201-answer",
            "mof-5201-answer.xml",
            "户名不符",
            "",
            vec!["BNK-0141 17 148 XAddWord"],
        ),
        (
            "mof-5201-answer",
            "mof-5201-answer.xml",
            "<XSumAmt>1235.00",
            "<XSumAmt>1236.00",
            vec![
                "BNK-0006 5 30 XSumAmt / Detail/XPayAmt",
                "BNK-0006 5 30 XSumAmt",
            ],
        ),
        (
            "mof-5201-answer",
            "mof-5201-answer.xml",
            "<SumAmt>100235.00",
            "<SumAmt>100,235.00",
            vec!["BNK-0142 4 1 SumAmt"],
        ),
        (
            "mof-2252",
            "mof-2252.xml",
            "-1234.50",
            "1234.50",
            vec!["BNK-0213 6 96 PayAmt", "BNK-0213 3 99 PayAmt"],
        ),
        (
            "mof-2252",
            "mof-2252.xml",
            "</Id><VouDate>20220115</VouDate><OriginalVoucherNo>DIBAO",
            "</Id><VouDate>20220115</VouDate><OriginalVoucherN>DIBAO",
            vec!["BNK-0201 3 78"],
        ),
        (
            "mof-2252",
            "mof-2252.xml",
            "<PayAmt>-1234.50</PayAmt><Remark>退",
            "<PayAmt>-1234.60</PayAmt><Remark>退",
            vec!["BNK-0006 3 99 PayAmt / Detail/PayAmt"],
        ),
    ] {
        let found = findings_of(id, &in_voucher(name, from, to));
        if found != expected {
            wrong.push(format!("{name}: {from} -> {to}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let twice = in_voucher(
        "mof-2252.xml",
        "</Detail>\n",
        "</Detail>\n<Detail>\n<Id>P101-1</Id>\
        <PayeeAcctNo>62</PayeeAcctNo><PayAmt>-1.00</PayAmt></Detail>\n",
    );
    assert!(findings_of("mof-2252", &twice).contains(&"BNK-0211 9 1 Id".to_owned()));
    let inside = read_return(
        &profile("mof-5201-answer"),
        &in_voucher("mof-5201-answer.xml", "<XPayAmt>0.50<", "<XPayAmt>0.40<"),
    );
    let part = inside.1[0].place.sheet.as_deref();
    assert_eq!(part, Some("8207 DIBAO-2022-01"));
}

/// An answer must repeat what was sent.
#[test]
fn a_changed_voucher_is_found() {
    let sent = own("mof-5201", "");
    let mut people = lines("mof-5201");
    people[2].bank_name = String::new();
    let file = write_batch(&sent, &head(), &people).unwrap();
    let answered = profile("mof-5201-answer");
    let compare = |answer: &[u8]| brief(&compare_answer((&sent, &file.bytes), (&answered, answer)));
    assert_eq!(
        compare(&message("mof-5201-answer.xml")),
        Vec::<String>::new()
    );
    for (from, to, expected) in [
        (
            "<PayeeAcctName>测试甲",
            "<PayeeAcctName>测试丁",
            vec!["BNK-0210 8 62 PayeeAcctName"],
        ),
        (
            "<Id>P102-1<",
            "<Id>P999-1<",
            vec!["BNK-0212 12 1 Id", "BNK-0006 6 1 DetailList"],
        ),
        (
            "<PayAcctNo>26",
            "<PayAcctNo>27",
            vec!["BNK-0210 5 1 PayAcctNo", "BNK-0210 4 27 PayAcctNo"],
        ),
    ] {
        let found = compare(&in_voucher("mof-5201-answer.xml", from, to));
        assert_eq!(found, expected, "{from} -> {to}");
    }
}

#[test]
fn a_failure_that_names_another_line_is_refused() {
    for (from, to) in [
        ("<OID>2<", "<OID>3<"),
        ("<OID>2<", "<OID>9<"),
        ("<AMOUNT>0.50", "<AMOUNT>0.60"),
        (
            "RECV_ACCNO>6200000000000000029",
            "RECV_ACCNO>6200000000000000030",
        ),
        ("示例億乙", "示例亿乙"),
    ] {
        let text = decoded(&message("ccb-6w2104.xml")).replace(from, to);
        let text = text.replace("FAIL_AMOUNT>0.50", "FAIL_AMOUNT>0.60");
        let (mut file, _) = read_return(&profile("ccb-6w2104"), &gbk(&text));
        let findings = file.complete(&lines("")).unwrap_err();
        assert_eq!(brief(&findings), ["BNK-0217 1"], "{from} -> {to}");
    }
}

/// While the bank works, nobody is paid or failed.
#[test]
fn a_batch_in_process_stays_pending() {
    for status in ["2", "3", "7"] {
        let text = decoded(&message("ccb-6w2104.xml"));
        let text = text.replace("<F_STATUS>1", &format!("<F_STATUS>{status}"));
        let (mut file, _) = read_return(&profile("ccb-6w2104"), &gbk(&text));
        file.complete(&lines("")).unwrap();
        let pending = file.lines.iter().filter(|l| l.outcome == Outcome::Pending);
        assert_eq!(pending.count(), 3, "{status}");
    }
    let text = decoded(&message("ccb-6w2104.xml")).replace("<F_STATUS>1", "<F_STATUS>0");
    let (mut file, _) = read_return(&profile("ccb-6w2104"), &gbk(&text));
    file.complete(&lines("")).unwrap();
    assert!(file.lines.iter().all(|l| l.outcome == Outcome::Failed));
}

/// What no reader knows is said, not lost.
#[test]
fn unknown_elements_are_reported_once_each() {
    let text = decoded(&message("cmb-ntagdinf.xml"));
    let text = text.replace("<STSCOD>", "<NEWTAG>x</NEWTAG><STSCOD>");
    let (_, findings) = read_return(&profile("cmb-ntagdinf"), &gbk(&text));
    assert!(!is_blocked(&findings));
    let unknown: Vec<_> = brief(&findings);
    assert!(
        unknown.contains(&"BNK-0206 4 141 NTAGCDTLZ1/NEWTAG".to_owned()),
        "{unknown:?}"
    );
    let said = findings.iter().find(|f| f.en.contains("NEWTAG")).unwrap();
    assert_eq!(said.en, "“NTAGCDTLZ1/NEWTAG” is not used (3 times)");
}

fn letters() -> impl Strategy<Value = String> {
    "[一-龥a-zA-Z0-9<>&\"'·]{1,20}"
}

fn cases() -> ProptestConfig {
    ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases())]

    /// Whatever a layout can write, it reads back the same.
    #[test]
    fn what_is_written_is_read_back(
        which in 0..WRITTEN.len(),
        rows in prop::collection::vec(
            ("[0-9A-Z]{1,30}", letters(), letters(), "[0-9]{12}", 1..10_000_000_000_i64, letters()),
            1..12,
        ),
    ) {
        let (id, codes) = WRITTEN[which];
        let profile = own(id, codes);
        let carries = !matches!(id, "mof-5201" | "cmb-ntagcapy");
        let lines: Vec<Instruction> = (1_u64..)
            .zip(rows)
            .map(|(sequence, row)| {
                let (account_no, payee_name, bank_name, bank_no, fen, purpose) = row;
                Instruction {
                sequence,
                key: format!("P{}-{}", 100 + sequence, 1 + sequence % 3),
                account_no,
                payee_name,
                bank_name,
                bank_no: if carries { bank_no } else { String::new() },
                amount: Fen::new(fen),
                purpose,
            }})
            .collect();
        let mut head = head();
        let total = Fen::sum(lines.iter().map(|line| line.amount)).unwrap();
        head.context.draws.truncate(1);
        head.context.draws[0].amount = total;
        let file = write_batch(&profile, &head, &lines).unwrap();
        let (back, findings) = read_batch(&profile, &file.bytes);
        prop_assert!(!is_blocked(&findings));
        prop_assert_eq!(back, lines);
        prop_assert_eq!(file.total, total);
    }
}

/// Every version that the layouts name has a sample of its own, valid by its official schema
/// (`data/messages/versions/README.md`), and all say the same.
#[test]
fn every_version_of_a_message_says_the_same() {
    let sample = |message_id: &str, version: u32| {
        let name = format!("versions/{message_id}-{version:02}.xml");
        (name.clone(), message(&name))
    };
    let shipped = Profile::shipped();
    let detected = |bytes: &[u8]| -> Vec<String> {
        detect(&shipped, bytes)
            .iter()
            .map(|p| p.id.clone())
            .collect()
    };
    for (kind, version) in ["camt-052", "camt-053"]
        .into_iter()
        .flat_map(|kind| (2..=14).map(move |version| (kind, version)))
    {
        let (name, bytes) = sample(kind, version);
        assert_eq!(detected(&bytes), ["camt-053"], "{name}");
        let (file, findings) = read_statement(&profile("camt-053"), &bytes);
        assert!(!is_blocked(&findings), "{name} {:?}", brief(&findings));
        let rows: Vec<_> = file
            .lines
            .iter()
            .map(|l| format!("{} {} {} {:?}", l.date, l.amount, l.remark, l.nature))
            .collect();
        assert_eq!(
            rows,
            [
                "2022-01-10 -100235.00 DIBAO-2022-01 Plain",
                "2022-01-12 1234.50 P101-1 DIBAO-2022-01 Plain",
                "2022-01-12 0.50 P102-1 DIBAO-2022-01 Plain",
                "2022-01-21 1000.00  Interest",
                "2022-01-31 -8.00  Fee",
            ],
            "{name}"
        );
        let moved = Fen::sum(file.lines.iter().map(|line| line.amount)).unwrap();
        assert_eq!(file.opening.plus(moved), Ok(file.closing), "{name}");
        // The entry that is not booked is said at its line.
        assert!(
            brief(&findings).iter().any(|f| f.starts_with("BNK-0215")),
            "{name}"
        );
    }
    for version in 2..=14 {
        let (name, bytes) = sample("camt-054", version);
        assert_eq!(detected(&bytes), ["camt-054"], "{name}");
        let (file, findings) = read_return(&profile("camt-054"), &bytes);
        assert!(!is_blocked(&findings), "{name} {:?}", brief(&findings));
        let expected = [
            "1 P101-1 11 1234.50 refunded AC04 账户已销户",
            "2 P102-1 29 0.50 refunded AC04 账户已销户",
        ];
        assert_eq!(told(&file), expected, "{name}");
    }
    for version in 3..=15 {
        let (name, bytes) = sample("pain-002", version);
        assert_eq!(detected(&bytes), ["pain-002"], "{name}");
        let (file, findings) = read_return(&profile("pain-002"), &bytes);
        assert!(!is_blocked(&findings), "{name} {:?}", brief(&findings));
        let expected = [
            "1 P101-1 11 1234.50 paid",
            "2 P102-1 29 0.50 pending PDNG",
            "3 P103-2 37 99000.00 failed AC04 账户已销户",
        ];
        assert_eq!(told(&file), expected, "{name}");
    }
}

/// Fees and interest of MT940 by the type of `:61:`, and by words where the type says nothing.
#[test]
fn a_tagged_statement_tells_fees_and_interest() {
    let text = ":20:S1\r\n:25:2600000000000000001\r\n:28C:1/1\r\n:60F:C220101CNY1000,00\r\n\
        :61:2201100110D8,00NCHGNONREF//B1\r\n:86:JAN\r\n\
        :61:2201210121C10,00NINTNONREF//B2\r\n:86:Q4\r\n\
        :61:2201220122D5,00NTRFNONREF//B3\r\n:86:转账手续费\r\n\
        :61:2201230123C2,00NTRFNONREF//B4\r\n:86:结息\r\n\
        :61:2201240124C8,00NCHGNONREF//B5\r\n:86:REVERSED\r\n\
        :61:2201250125C5,00NMSCNONREF//B6\r\n:86:退手续费\r\n\
        :62F:C220131CNY1012,00\r\n";
    let (file, findings) = read_statement(&profile("mt940"), text.as_bytes());
    assert_eq!(brief(&findings), Vec::<String>::new());
    let natures: Vec<String> = file
        .lines
        .iter()
        .map(|l| format!("{:?}", l.nature))
        .collect();
    assert_eq!(
        natures,
        ["Fee", "Interest", "Fee", "Interest", "Plain", "Plain"]
    );
}

/// Messages whose amounts stand in the open: one that is none is named with its line and element;
/// half of a message is nothing.
#[test]
fn a_broken_amount_and_a_cut_are_found_in_every_message() {
    for (id, name, amount) in [
        ("pain-001-03", "pain-001-03.xml", "1234.50"),
        ("pain-001-09", "pain-001-09.xml", "1234.50"),
        ("pain-001-11", "pain-001-11.xml", "1234.50"),
        ("icbc-payper", "icbc-payper.xml", "123450"),
        ("cmb-ntagcapy", "cmb-ntagcapy.xml", "1234.50"),
        ("boc-b2e0078", "boc-b2e0078.xml", "1234.50"),
        ("beps-382", "beps-382.xml", "1234.50"),
        ("pain-002", "pain-002-03.xml", "1234.50"),
        ("camt-053", "camt-053-08.xml", "100235.00"),
        ("camt-054", "camt-054-08.xml", "1234.50"),
        ("icbc-qpayper", "icbc-qpayper.xml", "123450"),
        ("ccb-6w2104", "ccb-6w2104.xml", "0.50"),
        ("cmb-ntagdinf", "cmb-ntagdinf.xml", "1234.50"),
        ("cmb-ntagdrfd", "cmb-ntagdrfd.xml", "1234.50"),
        ("beps-383", "beps-383.xml", "1234.50"),
    ] {
        let sound = decoded(&message(name));
        let at = sound
            .find(&format!(">{amount}<"))
            .unwrap_or_else(|| panic!("{name}: {amount}"));
        let line = u64::try_from(sound[..at].matches('\n').count()).unwrap() + 1;
        let text = sound.replacen(&format!(">{amount}<"), ">12x4<", 1);
        let found = findings_of(id, &encoded(&text));
        let named = found
            .iter()
            .any(|finding| finding.contains(&format!(" {line} ")));
        assert!(named, "{name} line {line}: {found:?}");
    }
    for (id, name) in [
        ("mof-5201", "mof-5201.xml"),
        ("mof-5201-answer", "mof-5201-answer.xml"),
        ("mof-2252", "mof-2252.xml"),
        ("ccms-900", "ccms-900.xml"),
        ("ccms-990", "ccms-990.xml"),
        ("beps-383", "beps-383.xml"),
        ("camt-054", "camt-054-08.xml"),
        ("cmb-ntagdrfd", "cmb-ntagdrfd.xml"),
        ("mt940", "mt940.txt"),
    ] {
        let bytes = message(name);
        let found = findings_of(id, &bytes[..bytes.len() / 2]);
        assert!(!found.is_empty(), "{name}");
    }
}
