//! Statements: golden file, running balances in both orders, planted faults.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use bank_adapters::read_statement;
use common::{brief, data, gbk, profile};
use ledger::money::Fen;

fn sound() -> String {
    encoding_rs::GB18030
        .decode(&data("generic-statement-csv.csv"))
        .0
        .into_owned()
}

#[test]
fn the_golden_statement_is_read() {
    let (read, findings) = read_statement(
        &profile("generic-statement-csv"),
        &data("generic-statement-csv.csv"),
    );
    assert_eq!(brief(&findings), Vec::<String>::new());
    assert_eq!(read.account_no, "2600000000000000001");
    assert_eq!(
        (read.from.to_string(), read.to.to_string()),
        ("2022-01-01".into(), "2022-01-31".into())
    );
    assert_eq!(
        (read.opening, read.closing),
        (Fen::new(10_000_000), Fen::new(176_600))
    );
    let rows: Vec<_> = read
        .lines
        .iter()
        .map(|l| {
            (
                l.line,
                l.date.to_string(),
                l.amount.get(),
                l.balance.map(Fen::get),
                l.remark.as_str(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (
                5,
                "2022-01-10".to_owned(),
                -9_923_450,
                Some(76_550),
                "DIBAO-2022-01"
            ),
            (6, "2022-01-12".to_owned(), 50, Some(76_600), "P102-1"),
            (
                7,
                "2022-01-31".to_owned(),
                100_000,
                Some(176_600),
                "指标下达"
            ),
        ]
    );
    assert_eq!(read.lines[1].counterparty_name, "示例億乙");
    let moved = Fen::sum(read.lines.iter().map(|line| line.amount)).unwrap();
    assert_eq!(read.opening.plus(moved), Ok(read.closing));
}

#[test]
fn the_newest_line_may_come_first() {
    let text = sound();
    let lines: Vec<&str> = text.lines().collect();
    let turned = [&lines[..4], &[lines[6], lines[5], lines[4]][..]]
        .concat()
        .join("\r\n");
    let (read, findings) = read_statement(&profile("generic-statement-csv"), &gbk(&turned));
    assert_eq!(brief(&findings), Vec::<String>::new());
    let (straight, _) = read_statement(&profile("generic-statement-csv"), &gbk(&text));
    assert_eq!(read.content_hash, straight.content_hash);
}

#[test]
fn faults_of_statements_are_found_with_their_place() {
    let sound = sound();
    for (from, to, expected) in [
        (
            ",766.00,示例",
            ",767.00,示例",
            vec!["BNK-0182 6 余额", "BNK-0182 7 余额"],
        ),
        ("2022-01-12", "2022-02-12", vec!["BNK-0183 6 日期"]),
        ("2022-01-12", "12/01/2022", vec!["BNK-0148 6 日期"]),
        ("0.00,1000元", "5.00,1000元", vec!["BNK-0181 7"]),
        ("0.00,1000元", ",", vec!["BNK-0181 7"]),
        ("0.00,1000元", ",1千元", vec!["BNK-0142 7 贷方发生额"]),
        ("期初余额", "余额", vec!["BNK-0185"]),
        ("\"100,000.00\"", "十万", vec!["BNK-0142 2 期初余额"]),
        (
            "2022-01-01 至 2022-01-31",
            "2022-01-31 至 2022-01-01",
            vec![
                "BNK-0184 3 起止日期",
                "BNK-0183 5 日期",
                "BNK-0183 6 日期",
                "BNK-0183 7 日期",
            ],
        ),
        ("2022-01-01 至 2022-01-31", "20220101-20220131", vec![]),
        (
            "起止日期,2022-01-01 至 2022-01-31",
            "起始日期,2022-01-01,截止日期,2022/1/31",
            vec![],
        ),
        ("账号,2600", "账号,2.6E", vec!["BNK-0145 1 账号"]),
        (
            "借方发生额",
            "借金额",
            vec!["BNK-0123 4 借金额", "BNK-0121"],
        ),
    ] {
        assert!(sound.contains(from), "{from}");
        let (_, findings) = read_statement(
            &profile("generic-statement-csv"),
            &gbk(&sound.replacen(from, to, 1)),
        );
        assert_eq!(brief(&findings), expected, "{from} -> {to}");
    }
}

const DIRECTED: &str = "账号,2600000000000000001\r\n起止日期,2022-01-01 至 2022-01-31\r\n\
    交易日期,借贷标志,交易金额,余额,摘要,备注\r\n\
    2022-01-10,借,99234.50,765.50,代发,DIBAO-2022-01\r\n\
    2022-01-12,贷,0.50,766.00,退汇,P102-1\r\n\
    2022-01-31,C,1000.00,1766.00,拨款,指标下达\r\n";

/// One column of amounts with a mark of its side; opening and closing from the balances.
#[test]
fn a_statement_with_sides_and_without_a_head_is_read() {
    assert_eq!(data("statement-direction.csv"), DIRECTED.as_bytes());
    let (read, findings) = read_statement(&profile("generic-statement-csv"), DIRECTED.as_bytes());
    assert_eq!(brief(&findings), ["BNK-0185", "BNK-0185"]);
    assert_eq!(
        (read.opening.get(), read.closing.get()),
        (10_000_000, 176_600)
    );
    let amounts: Vec<i64> = read.lines.iter().map(|line| line.amount.get()).collect();
    assert_eq!(amounts, [-9_923_450, 50, 100_000]);
    let rows: Vec<&str> = DIRECTED.lines().collect();
    let turned = [&rows[..3], &[rows[5], rows[4], rows[3]]]
        .concat()
        .join("\r\n");
    let (turned, _) = read_statement(&profile("generic-statement-csv"), turned.as_bytes());
    assert_eq!(
        (turned.opening, turned.closing),
        (read.opening, read.closing)
    );
    for (from, to, expected) in [
        (",借,", ",?,", "BNK-0181 4"),
        ("借贷标志", "标志", "BNK-0121"),
    ] {
        let text = DIRECTED.replace(from, to);
        let (_, findings) = read_statement(&profile("generic-statement-csv"), text.as_bytes());
        let found = brief(&findings);
        assert!(found.contains(&expected.to_owned()), "{found:?}");
    }
}

/// The same statement as a workbook.
#[test]
fn a_workbook_is_read_like_the_text() {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (row, line) in (0_u32..).zip(DIRECTED.lines()) {
        for (column, cell) in (0_u16..).zip(line.split(',')) {
            sheet.write_string(row, column, cell).unwrap();
        }
    }
    let bytes = book.save_to_buffer().unwrap();
    let (text, _) = read_statement(&profile("generic-statement-csv"), DIRECTED.as_bytes());
    let (read, findings) = read_statement(&profile("generic-statement-xlsx"), &bytes);
    assert_eq!(brief(&findings), ["BNK-0185", "BNK-0185"]);
    assert_eq!(read.content_hash, text.content_hash);
}
