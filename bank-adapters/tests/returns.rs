//! Return files: both column orders of ICBC, the generic forms, planted faults, content hash.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use bank_adapters::{AnswerLine, Outcome, Profile, detect, is_blocked, read_return};
use common::{brief, data, gbk, profile};
use ledger::money::Fen;

fn answers(first_line: u64, is_payer_first: bool, reference: bool) -> Vec<AnswerLine> {
    let reason = |long: &str, short: &str| if is_payer_first { long } else { short }.to_owned();
    [
        (
            "P101-1",
            "6200000000000000011",
            "测试甲",
            123_450,
            Outcome::Paid,
            reason("全部成功", ""),
        ),
        (
            "P102-1",
            "6200000000000000029",
            "示例億乙",
            50,
            Outcome::Failed,
            reason("户名不符,原户名为[测试丁]", "交易失败"),
        ),
        (
            "P103-2",
            "6200000000000000037",
            "测试丙",
            9_900_000,
            Outcome::Pending,
            "等待授权".to_owned(),
        ),
    ]
    .into_iter()
    .zip(0..)
    .map(
        |((key, account, name, fen, outcome, reason_text), number)| AnswerLine {
            line: first_line + number,
            key: Some(key.to_owned()),
            account_no: account.to_owned(),
            payee_name: name.to_owned(),
            amount: Fen::new(fen),
            outcome,
            reason_text,
            sequence: None,
            bank_reference: if reference {
                format!("LS{:04}", number + 1)
            } else {
                String::new()
            },
        },
    )
    .collect()
}

/// A known parser of this layout reads the payer as the payee in the second order.
#[test]
fn icbc_returns_are_read_in_both_orders() {
    for (file, payer_first) in [
        ("icbc-return-payer-first.txt", true),
        ("icbc-return-payee-first.txt", false),
    ] {
        let (read, findings) = read_return(&profile("icbc-return"), &data(file));
        assert_eq!(brief(&findings), Vec::<String>::new());
        assert_eq!(read.batch_no.as_deref(), Some("HQF000000001"));
        assert_eq!(read.lines, answers(5, payer_first, false));
        assert_eq!((read.stated_count, read.stated_total), (None, None));
    }
}

#[test]
fn generic_returns_are_read_from_csv_and_xlsx() {
    let (read, findings) = read_return(
        &profile("generic-csv-return"),
        &data("generic-csv-return.csv"),
    );
    assert_eq!(brief(&findings), Vec::<String>::new());
    assert_eq!(read.batch_no.as_deref(), Some("DIBAO-2022-01"));
    assert_eq!(read.lines, answers(3, true, true));
    assert_eq!(
        (read.stated_count, read.stated_total),
        (Some(3), Some(Fen::new(10_023_500)))
    );

    let text = String::from_utf8(data("generic-csv-return.csv")).unwrap();
    let (sheet, findings) = read_return(&profile("generic-xlsx-return"), &workbook(&text, &[]));
    assert_eq!(brief(&findings), Vec::<String>::new());
    assert_eq!(sheet, read);
}

/// The csv text as a workbook of text cells; the cells named are numbers.
fn workbook(text: &str, numbers: &[(u32, u16, f64)]) -> Vec<u8> {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    for (row, record) in (0..).zip(reader.records()) {
        for (column, cell) in (0..).zip(record.unwrap().iter()) {
            sheet.write_string(row, column, cell).unwrap();
        }
    }
    for (row, column, number) in numbers {
        sheet.write_number(*row, *column, *number).unwrap();
    }
    book.save_to_buffer().unwrap()
}

#[test]
fn numeric_cells_give_exact_amounts_and_spoil_identifiers() {
    let text = String::from_utf8(data("generic-csv-return.csv")).unwrap();
    let read = |numbers: &[(u32, u16, f64)]| {
        read_return(&profile("generic-xlsx-return"), &workbook(&text, numbers))
    };
    for (number, fen) in [
        (1234.5, 123_450),
        (0.07, 7),
        (90_071_992_547_409.0, 9_007_199_254_740_900),
    ] {
        let (file, findings) = read(&[(2, 5, number)]);
        assert_eq!(file.lines[0].amount, Fen::new(fen));
        assert!(
            findings.iter().all(|finding| finding.code == "BNK-0006"),
            "{findings:?}"
        );
    }
    for (number, code) in [
        (0.300_000_000_000_000_04, "BNK-0142"),
        (12.345, "BNK-0142"),
        (0.0, "BNK-0143"),
        (-5.0, "BNK-0143"),
    ] {
        let (file, findings) = read(&[(2, 5, number)]);
        assert_eq!(brief(&findings), [format!("{code} 3 金额(元)")]);
        assert_eq!(file.lines.len(), 2);
        assert_eq!(findings[0].place.sheet.as_deref(), Some("Sheet1"));
    }
    let (_, findings) = read(&[(3, 1, 6_200_000_000_000_000_000.0)]);
    assert_eq!(brief(&findings), ["BNK-0144 4 收款账号"]);
}

/// Plants each fault in a sound file: text to replace, its replacement, findings.
fn plant(id: &str, sound: &str, faults: &[(&str, &str, &str)]) {
    for (from, to, expected) in faults {
        assert!(sound.contains(from), "{from}");
        let bytes = sound.replacen(from, to, 1).into_bytes();
        let (_, findings) = read_return(&profile(id), &bytes);
        assert_eq!(brief(&findings).join(", "), *expected, "{from} -> {to}");
    }
}

#[test]
fn faults_of_icbc_returns_are_found_with_their_place() {
    let sound = encoding_rs::GBK
        .decode(&data("icbc-return-payer-first.txt"))
        .0
        .into_owned();
    let status = "处理成功|全部成功";
    let faults = [
        ("1,234.50元", "1.234,50元", "BNK-0142 5 金额"),
        ("1,234.50元", "１２元", "BNK-0142 5 金额"),
        ("|.50元", "|0.00元", "BNK-0143 6 金额"),
        ("|收款账号|", "|收款|", "BNK-0121 4"),
        ("|银行反馈信息", "|银行反馈信息|新列", "BNK-0123 4 新列"),
        ("|付款账号|付", "|收款账号|付", "BNK-0122 4 收款账号"),
        ("|等待授权|", "|等待", "BNK-0124 7"),
        ("|处理成功|", "|处理成功|多|", "BNK-0125 5"),
        (status, "处理成功|账号不存在", "BNK-0152 5 网上银行状态"),
        (status, "处理未成功|", "BNK-0152 5 网上银行状态"),
        (status, "？？|", "BNK-0153 5 网上银行状态"),
        ("6200000000000000011", "6.2E+18", "BNK-0145 5 收款账号"),
        ("测试甲", "", "BNK-0141 5 收款单位名称"),
        ("测试甲", "\u{fffd}甲", "BNK-0109 5"),
    ];
    plant("icbc-return", &sound, &faults);
}

#[test]
fn faults_of_generic_returns_are_found_with_their_place() {
    let sound = String::from_utf8(data("generic-csv-return.csv")).unwrap();
    let faults = [
        ("合计,,3,", "合计,,2,", "BNK-0006 6"),
        ("100235.00", "100235.01", "BNK-0006 6"),
        ("100235.00", "10023500.00", "BNK-0131 6, BNK-0006 6"),
        ("合计,", "合计,,1,\n合计,", "BNK-0130 7, BNK-0006 6"),
        (",P101-1,", ",,", ""),
        ("低保金,P101-1", "P5-1,P101-1", "BNK-0151 3 用途"),
        ("户名不符,", "户名不符\n", "BNK-0146 4 10"),
    ];
    plant("generic-csv-return", &sound, &faults);
}

#[test]
fn a_cut_character_refuses_its_line_and_the_others_are_read() {
    let mut bytes = data("icbc-return-payer-first.txt");
    let at = bytes.windows(4).position(|w| w == gbk("示例")).unwrap();
    bytes.splice(at..at + 2, [0xff]);
    let (read, findings) = read_return(&profile("icbc-return"), &bytes);
    assert_eq!(brief(&findings), ["BNK-0108 6"]);
    assert_eq!(read.lines.len(), 2);

    let utf8 = data("generic-csv-return.csv");
    let cut = utf8.windows(3).rposition(|w| w == "合".as_bytes()).unwrap() + 1;
    let (_, findings) = read_return(&profile("generic-csv-return"), &utf8[..cut]);
    assert_eq!(brief(&findings), ["BNK-0108 6"]);
}

#[test]
fn other_kinds_of_file_are_refused_with_advice() {
    for (id, bytes, code) in [
        ("icbc-return", &b"PK\x03\x04rest"[..], "BNK-0103"),
        ("icbc-return", b"\xff\xfe\x01\x02", "BNK-0103"),
        ("icbc-return", b"\xd0\xcf\x11\xe0", "BNK-0103"),
        ("generic-xlsx-return", b"\xd0\xcf\x11\xe0", "BNK-0106"),
        ("generic-xlsx-return", b"<html>", "BNK-0104"),
        ("icbc-return", b"", "BNK-0112"),
        ("icbc-batch-a1", b"x", "BNK-0102"),
    ] {
        let (_, findings) = read_return(&profile(id), bytes);
        assert_eq!(findings[0].code, code, "{id}");
        assert!(is_blocked(&findings));
    }
}

/// A fen file read as yuan would be a hundred times too much.
#[test]
fn the_two_units_are_never_mixed() {
    let (read, _) = read_return(
        &profile("icbc-return"),
        &data("icbc-return-payer-first.txt"),
    );
    let (batch, _) =
        bank_adapters::read_batch(&profile("icbc-batch-a1"), &data("icbc-batch-a1.bpt"));
    let sent: Vec<Fen> = batch.iter().map(|line| line.amount).collect();
    assert_eq!(
        read.lines
            .iter()
            .map(|line| line.amount)
            .collect::<Vec<_>>(),
        sent
    );
}

#[test]
fn the_content_hash_sees_through_renaming_resaving_and_order() {
    let hash = |bytes: &[u8]| {
        read_return(&profile("generic-csv-return"), bytes)
            .0
            .content_hash
    };
    let text = String::from_utf8(data("generic-csv-return.csv")).unwrap();
    let sound = hash(text.as_bytes());
    let lines: Vec<&str> = text.lines().collect();
    let reordered = [lines[0], lines[1], lines[4], lines[2], lines[3], lines[5]].join("\r\n");
    let twice = [&lines[..4], &lines[3..]].concat().join("\n");
    for (bytes, is_same) in [
        (gbk(text.trim_start_matches('\u{feff}')), true),
        (reordered.into_bytes(), true),
        (text.replace("1,234.50元", "1234.5").into_bytes(), true),
        (text.replace("处理成功", "已处理成功").into_bytes(), true),
        (twice.into_bytes(), false),
        (text.replace("LS0001", "LS0009").into_bytes(), false),
        (text.replace("P101-1", "P101-2").into_bytes(), false),
    ] {
        assert_eq!(hash(&bytes) == sound, is_same);
    }
    let book = workbook(&text, &[]);
    let (sheet, _) = read_return(&profile("generic-xlsx-return"), &book);
    assert_eq!(sheet.content_hash, sound);
}

#[test]
fn equal_rows_stay_two() {
    let text = String::from_utf8(data("generic-csv-return.csv")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let twice = [&lines[..3], &lines[2..5]].concat().join("\n");
    let (read, findings) = read_return(&profile("generic-csv-return"), twice.as_bytes());
    assert_eq!(brief(&findings), Vec::<String>::new());
    assert_eq!(read.lines.len(), 4);
}

#[test]
fn layouts_are_detected_best_first() {
    let profiles = Profile::shipped();
    let text = String::from_utf8(data("generic-csv-return.csv")).unwrap();
    for (bytes, first) in [
        (data("icbc-batch-a1.bpt"), Some("icbc-batch-a1")),
        (data("icbc-return-payer-first.txt"), Some("icbc-return")),
        (data("icbc-return-payee-first.txt"), Some("icbc-return")),
        (data("generic-csv.csv"), Some("generic-csv")),
        (data("generic-csv-return.csv"), Some("generic-csv-return")),
        (data("generic-xlsx.xlsx"), Some("generic-xlsx")),
        (workbook(&text, &[]), Some("generic-xlsx-return")),
        (
            data("generic-statement-csv.csv"),
            Some("generic-statement-csv"),
        ),
        (b"nothing of this kind".to_vec(), None),
        (Vec::new(), None),
    ] {
        let found = detect(&profiles, &bytes);
        assert_eq!(found.first().map(|profile| profile.id.as_str()), first);
    }
}

#[test]
fn one_bad_row_in_ten_thousand_leaves_the_others() {
    let mut text = "账号,户名,金额,备注,结果\n".to_owned();
    for number in 1..=10_000 {
        let amount = if number == 7_000 { "x" } else { "1.00" };
        text.push_str(&format!(
            "62{number:017},测试{number},{amount},P{number}-1,成功\n"
        ));
    }
    let (read, findings) = read_return(&profile("generic-csv-return"), text.as_bytes());
    assert_eq!(brief(&findings), ["BNK-0142 7001 金额"]);
    assert_eq!(read.lines.len(), 9_999);
}

/// A bank's own words are added to those of a layout, and no other word changes its meaning.
#[test]
fn words_of_an_extension_are_added() {
    let text = "id = \"own\"\nextends = \"generic-csv-return\"\n[status]\npaid = [\"已入账\"]\n\
                failed = [\"打回\"]\npending = [\"排队\"]\n";
    let own = Profile::parse(text, "own.toml").unwrap();
    for (word, outcome, without) in [
        ("已入账", Outcome::Paid, Outcome::Pending),
        ("已打回", Outcome::Failed, Outcome::Pending),
        ("排队中", Outcome::Pending, Outcome::Pending),
        ("成功", Outcome::Paid, Outcome::Paid),
        ("不成功", Outcome::Pending, Outcome::Pending),
        ("失败", Outcome::Failed, Outcome::Failed),
    ] {
        let file = format!("收款账号,户名,金额,结果\r\n6200000000000000011,测试甲,1.00,{word}\r\n");
        let read = |profile: &Profile| read_return(profile, file.as_bytes()).0.lines[0].outcome;
        assert_eq!(read(&own), outcome, "{word}");
        assert_eq!(read(&profile("generic-csv-return")), without, "{word}");
    }
}

/// What is known from one place or inferred is never used without a word about it. The generic
/// layouts are ours.
#[test]
fn every_doubtful_layout_says_so() {
    for profile in Profile::shipped() {
        let is_ours = profile.id.starts_with("generic-");
        let is_sure = profile.confidence == "S" || is_ours;
        assert!(is_sure || !profile.doubts.is_empty(), "{}", profile.id);
    }
}
