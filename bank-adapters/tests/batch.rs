//! Batch files: golden bytes, what is refused with row and column, and read(write(x)) == x.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use bank_adapters::{Instruction, read_batch, write_batch};
use common::{brief, data, gbk, head, people, profile};
use ledger::money::Fen;
use proptest::prelude::*;

/// The golden text files were made from the layouts by another program.
#[test]
fn files_are_the_golden_ones_to_the_byte() {
    for (id, golden, bank_no, name) in [
        (
            "icbc-batch-a1",
            "icbc-batch-a1.bpt",
            "",
            "icbc_20220110_DIBAO-2022-01_ds.bpt",
        ),
        (
            "generic-csv",
            "generic-csv.csv",
            "102100099996",
            "batch_20220110_DIBAO-2022-01.csv",
        ),
        (
            "generic-xlsx",
            "generic-xlsx.xlsx",
            "102100099996",
            "batch_20220110_DIBAO-2022-01.xlsx",
        ),
    ] {
        let lines = people(bank_no);
        let file = write_batch(&profile(id), &head(), &lines).unwrap();
        assert!(file.bytes == data(golden), "{id} differs from {golden}");
        assert_eq!((file.name.as_str(), file.count), (name, 3));
        assert_eq!(file.total, Fen::new(10_023_500));
        assert_eq!(read_batch(&profile(id), &file.bytes), (lines, vec![]));
    }
}

#[test]
fn what_does_not_fit_is_refused_with_row_and_column() {
    type Change = fn(&mut Vec<Instruction>);
    let cases: [(&str, Change, &[&str]); 17] = [
        (
            "icbc-batch-a1",
            |l| l[1].payee_name = "示例𬭎".into(),
            &["BNK-0007 2 收款帐号名称"],
        ),
        (
            "icbc-batch-a1",
            |l| l[0].purpose = "甲|乙".into(),
            &["BNK-0161 1 汇款用途"],
        ),
        (
            "icbc-batch-a1",
            |l| l[2].payee_name = "测\n试".into(),
            &["BNK-0146 3 收款帐号名称"],
        ),
        (
            "icbc-batch-a1",
            |l| l[2].payee_name = "测试　".into(),
            &["BNK-0162 3 收款帐号名称"],
        ),
        (
            "icbc-batch-a1",
            |l| l[0].payee_name = String::new(),
            &["BNK-0141 1 收款帐号名称"],
        ),
        (
            "icbc-batch-a1",
            |l| l[0].payee_name = "测".repeat(31),
            &["BNK-0149 1 收款帐号名称"],
        ),
        (
            "icbc-batch-a1",
            |l| l[0].amount = Fen::ZERO,
            &["BNK-0143 1 金额"],
        ),
        (
            "icbc-batch-a1",
            |l| l[0].amount = Fen::new(-1),
            &["BNK-0143 1 金额"],
        ),
        (
            "icbc-batch-a1",
            |l| l[0].account_no = "62 00".into(),
            &["BNK-0145 1 收款帐号"],
        ),
        (
            "icbc-batch-a1",
            |l| l[0].key = "X1".into(),
            &["BNK-0150 1 备注信息"],
        ),
        (
            "icbc-batch-a1",
            |l| l[1].key = "P101-1".into(),
            &["BNK-0165 2 备注信息"],
        ),
        (
            "icbc-batch-a1",
            |l| l[2].sequence = 1,
            &["BNK-0166 3 顺序号"],
        ),
        ("icbc-batch-a1", Vec::clear, &["BNK-0112"]),
        (
            "generic-csv",
            |l| l[0].purpose = "=1+1".into(),
            &["BNK-0163 1 用途"],
        ),
        (
            "generic-xlsx",
            |l| l[0].payee_name = "＠甲".into(),
            &["BNK-0163 1 户名"],
        ),
        (
            "generic-xlsx",
            |l| l[0].purpose = "测".repeat(61),
            &["BNK-0149 1 用途"],
        ),
        (
            "icbc-batch-a1",
            |l| {
                l[0].payee_name = "𬭎㛃".into();
                l[2].amount = Fen::ZERO;
            },
            &[
                "BNK-0143 3 金额",
                "BNK-0007 1 收款帐号名称",
                "BNK-0007 1 收款帐号名称",
            ],
        ),
    ];
    for (id, change, expected) in cases {
        let mut lines = people("");
        change(&mut lines);
        let findings = write_batch(&profile(id), &head(), &lines).unwrap_err();
        assert_eq!(brief(&findings), expected, "{id}");
    }
}

#[test]
fn the_character_that_gbk_lacks_is_named_and_gb18030_has_it() {
    let mut lines = people("");
    lines[1].payee_name = "示例𬭎".to_owned();
    let findings = write_batch(&profile("icbc-batch-a1"), &head(), &lines).unwrap_err();
    assert_eq!(
        findings[0].zh,
        "GBK 写不出“𬭎”。按银行登记的写法改正,或改用 GB18030"
    );
    assert!(write_batch(&profile("generic-csv"), &head(), &lines).is_ok());
    assert!(write_batch(&profile("generic-xlsx"), &head(), &lines).is_ok());
}

#[test]
fn heads_and_limits_are_checked() {
    for batch_no in [
        "",
        "a/b",
        "a b",
        "../x",
        "a|b",
        "\u{202e}a",
        &"x".repeat(65),
    ] {
        let head = bank_adapters::BatchHead {
            batch_no: batch_no.to_owned(),
            ..head()
        };
        let findings = write_batch(&profile("icbc-batch-a1"), &head, &people("")).unwrap_err();
        assert_eq!(brief(&findings), ["BNK-0167"], "{batch_no}");
    }
    let head_of = |name: &str| bank_adapters::BatchHead {
        payer_name: name.to_owned(),
        ..head()
    };
    let findings =
        write_batch(&profile("icbc-batch-a1"), &head_of("甲|"), &people("")).unwrap_err();
    assert_eq!(brief(&findings), ["BNK-0161 1 付款帐号名称"]);
    let findings = write_batch(&profile("icbc-batch-a1"), &head(), &many(2001)).unwrap_err();
    assert_eq!(brief(&findings), ["BNK-0164"]);
    let findings = write_batch(&profile("icbc-return"), &head(), &people("")).unwrap_err();
    assert_eq!(brief(&findings), ["BNK-0102"]);
}

/// Planted faults in a sound file: text to replace, its replacement, findings.
#[test]
fn faults_of_batch_files_are_found_with_their_place() {
    let sound = encoding_rs::GBK
        .decode(&data("icbc-batch-a1.bpt"))
        .0
        .into_owned();
    for (from, to, expected) in [
        (
            "RMB|20220110|1|10023500|3|",
            "RMB|20220110|1|10023501|3|",
            vec!["BNK-0006 4"],
        ),
        (
            "RMB|20220110|1|10023500|3|",
            "RMB|20220110|1|10023500|4|",
            vec!["BNK-0006 4"],
        ),
        ("|10023500|", "|100235|", vec!["BNK-0131 4", "BNK-0006 4"]),
        (
            "|10023500|",
            "|1002350000|",
            vec!["BNK-0131 4", "BNK-0006 4"],
        ),
        ("RMB|20220110|1|10023500|3|\r\n", "", vec!["BNK-0129"]),
        ("|123450|", "|1234.50|", vec!["BNK-0155 7 金额"]),
        ("*\r\n", "", vec!["BNK-0127"]),
        ("*\r\n", "*\r\n补充\r\n", vec!["BNK-0128 11"]),
        (
            "|P103-2|\r\n*\r\n",
            "|P103-",
            vec!["BNK-0124 9", "BNK-0006 4", "BNK-0006 4", "BNK-0127"],
        ),
        ("|1||P101-1|", "|1|P101-1|", vec!["BNK-0124 7"]),
        ("|1||P101-1|", "|1||P109-1|", vec!["BNK-0151 7 自定义序号"]),
        (
            "|2|1|示例",
            "|3|1|示例",
            vec!["BNK-0126 7", "BNK-0006 4", "BNK-0006 4"],
        ),
        ("测试丙", "", vec!["BNK-0141 9 收款帐号名称"]),
        ("测试丙", "测\u{1}丙", vec!["BNK-0146 9 13"]),
    ] {
        assert!(sound.contains(from), "{from}");
        let bytes = gbk(&sound.replacen(from, to, 1));
        let (_, findings) = read_batch(&profile("icbc-batch-a1"), &bytes);
        let mut found = brief(&findings);
        let mut expected: Vec<_> = expected.into_iter().map(str::to_owned).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{from} -> {to}");
    }
}

#[test]
fn comments_are_skipped_whatever_they_say() {
    let sound = encoding_rs::GBK
        .decode(&data("icbc-batch-a1.bpt"))
        .0
        .into_owned();
    let changed = sound
        .replace("#总计信息", "#ICBC")
        .replace("RMB|20220110|1", "人民币|20220110|1");
    let changed = changed.replace("\r\n", "\n").replace("*\n", "\n*\n\n");
    let expected = (people(""), vec![]);
    assert_eq!(
        read_batch(&profile("icbc-batch-a1"), &gbk(&changed)),
        expected
    );
    assert_eq!(
        read_batch(&profile("icbc-batch-a1"), changed.as_bytes()),
        expected
    );
}

fn many(count: u64) -> Vec<Instruction> {
    let line = |number: u64| Instruction {
        sequence: number,
        key: format!("P{number}-1"),
        account_no: format!("62{number:017}"),
        payee_name: format!("测试{number}"),
        bank_name: "测试县示例银行一支行".to_owned(),
        bank_no: String::new(),
        amount: Fen::new(i64::try_from(number).unwrap()),
        purpose: "低保金".to_owned(),
    };
    (1..=count).map(line).collect()
}

#[test]
fn large_batches_are_read_back_whole() {
    for id in ["generic-csv", "generic-xlsx"] {
        let lines = many(20_000);
        let file = write_batch(&profile(id), &head(), &lines).unwrap();
        assert_eq!(read_batch(&profile(id), &file.bytes), (lines, vec![]));
    }
}

/// Any text that a field may hold: what [`write_batch`] itself refuses is filtered by its answer.
fn word() -> impl Strategy<Value = String> {
    "([ -~一-龥億·\u{4dae}\u{9fff}]{0,12}|[测试示例甲乙丙]{1,6})"
}

prop_compose! {
    fn instruction()(
        account in "[0-9]{8,19}", name in word(), bank in word(), bank_no in "([0-9]{12})?",
        fen in 1_i64..10_000_000_000, purpose in word(), payment in 1_u64..9_999_999,
    ) -> Instruction {
        Instruction {
            sequence: 0,
            key: format!("P{payment}-1"),
            account_no: account,
            payee_name: name,
            bank_name: bank,
            bank_no,
            amount: Fen::new(fen),
            purpose,
        }
    }
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn what_is_written_reads_back(mut lines in prop::collection::vec(instruction(), 1..12)) {
        for (number, line) in (1..).zip(&mut lines) {
            line.sequence = number;
            line.key.push_str(&number.to_string());
        }
        for id in ["icbc-batch-a1", "generic-csv", "generic-xlsx"] {
            let profile = profile(id);
            // Lines that the layout cannot carry are taken out one by one.
            let mut fit: Vec<Instruction> = lines
                .iter()
                .filter(|line| write_batch(&profile, &head(), std::slice::from_ref(line)).is_ok())
                .cloned()
                .collect();
            if id == "icbc-batch-a1" {
                fit.iter_mut().for_each(|line| line.bank_no.clear());
            }
            if fit.is_empty() {
                continue;
            }
            match write_batch(&profile, &head(), &fit) {
                Ok(file) => {
                    prop_assert_eq!(write_batch(&profile, &head(), &fit).unwrap(), file.clone());
                    prop_assert_eq!(read_batch(&profile, &file.bytes), (fit, vec![]));
                }
                // Keys drawn twice.
                Err(findings) => prop_assert!(findings.iter().all(|f| f.code == "BNK-0165")),
            }
        }
    }
}
