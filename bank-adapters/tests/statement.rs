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
        ("期初余额", "余额", vec!["BNK-0132"]),
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
        ("借方发生额", "借", vec!["BNK-0121 4"]),
    ] {
        assert!(sound.contains(from), "{from}");
        let (_, findings) = read_statement(
            &profile("generic-statement-csv"),
            &gbk(&sound.replacen(from, to, 1)),
        );
        assert_eq!(brief(&findings), expected, "{from} -> {to}");
    }
}
