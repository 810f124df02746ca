//! Statements: golden file, running balances in both orders, planted faults.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use bank_adapters::{Profile, read_statement};
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

/// As a bank exports it: one table, the account in a column, times, sums at the end.
const EXPORTED: &str = "所属银行,本方姓名,本方账号,交易金额,交易时间,借贷标志,交易摘要,对方姓名,对方账号,交易余额\r\n\
    示例银行,示例局,2600000000000000001,1000.00,2022-01-05 09:30:00,贷,拨款,示例财政局,1001,1000.00\r\n\
    示例银行,示例局,2600000000000000001,400.00,2022-01-10 10:00:00,借,代发,,,600.00\r\n\
    合计,,,1400.00,,,,,,\r\n";

#[test]
fn an_export_without_a_head_is_read() {
    let read = |text: &str| read_statement(&profile("generic-statement-csv"), text.as_bytes());
    let (file, findings) = read(EXPORTED);
    assert_eq!(brief(&findings), ["BNK-0188", "BNK-0185", "BNK-0185"]);
    assert_eq!(file.account_no, "2600000000000000001");
    let days = (file.from.to_string(), file.to.to_string());
    assert_eq!(days, ("2022-01-05".into(), "2022-01-10".into()));
    assert_eq!((file.opening.get(), file.closing.get()), (0, 60_000));
    assert_eq!(file.lines.len(), 2);
    assert_eq!(file.lines[0].counterparty_name, "示例财政局");
    let bare = EXPORTED.replace("本方账号", "本方卡号");
    let (file, findings) = read(&bare);
    assert_eq!(file.account_no, "", "the one that the import names");
    assert!(brief(&findings).contains(&"BNK-0187".to_owned()));
    for (from, to, expected) in [
        ("0001,400", "0002,400", "BNK-0186 3 本方账号"),
        ("0001,400", "00?1,400", "BNK-0145 3 本方账号"),
    ] {
        let (_, findings) = read(&EXPORTED.replace(from, to));
        assert!(brief(&findings).contains(&expected.to_owned()), "{to}");
    }
    let head = EXPORTED.lines().next().unwrap();
    let (_, findings) = read(&format!("{head}\r\n"));
    assert!(
        brief(&findings).contains(&"BNK-0132".to_owned()),
        "nothing says when it is"
    );
}

#[test]
fn what_the_row_of_totals_says_must_be_so() {
    let sums = |row: &str| {
        let text = format!("{}\r\n{row}\r\n", sound().trim_end());
        let (_, findings) = read_statement(&profile("generic-statement-csv"), &gbk(&text));
        brief(&findings)
    };
    assert_eq!(sums("合计,,,,,,,,"), Vec::<String>::new());
    assert_eq!(sums("总计,,1.00,,,,,,"), ["BNK-0006 8"]);
}

/// A layout that could never be read is refused when it is written, not with every file.
#[test]
fn a_profile_of_statements_without_balances_is_refused_with_its_line() {
    let text = include_str!("../profiles/generic-statement-csv.toml");
    let own = text.replace("generic-statement-csv", "own-statement");
    assert!(Profile::parse(&own, "own.toml").is_ok());
    let own = own.replace("\"balance\"", "\"unused\"");
    assert!(
        Profile::parse(&own, "own.toml").is_ok(),
        "the head has them"
    );
    let own = own.replace("\"opening-balance\"", "\"unused\"");
    let faults = Profile::parse(&own, "own.toml").unwrap_err();
    assert!(faults[0].en.contains("balances"), "{faults:?}");
    assert!(faults[0].place.row.is_some());
}
