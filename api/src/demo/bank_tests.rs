//! The simulated bank's files and money, on small batches written by hand.

use encoding_rs::{GB18030, GBK};
use ledger::calendar::{Month, parse_date};

use super::*;

fn date(text: &str) -> Date {
    parse_date(text).unwrap()
}

fn plans() -> BTreeMap<String, Plan> {
    let from: Month = "2022-01".parse().unwrap();
    let reason = |text: &str| text.to_owned();
    [
        (
            "A2",
            Plan::FailUntilCorrected {
                from,
                reason: reason("户名不符,原户名为[某某]"),
            },
        ),
        ("A3", Plan::PendingOnce { month: from }),
        (
            "A4",
            Plan::RefundLater {
                from,
                days: 5,
                reason: reason("退票:户名与账号不符"),
            },
        ),
        (
            "A5",
            Plan::TransientFail {
                month: from,
                reason: reason("系统忙,请稍后再试"),
            },
        ),
    ]
    .map(|(account, plan)| (account.to_owned(), plan))
    .into()
}

fn bank(layout: Layout, debit: DebitStyle) -> Bank {
    let setup = Setup {
        name: "演示银行".into(),
        holder: "演示低保中心".into(),
        account_no: "9001".into(),
        layout,
        debit,
    };
    let mut bank = Bank::new(setup, plans());
    bank.credit(
        date("2022-01-05"),
        Fen::new(1_000_000),
        "演示财社〔2022〕1号",
    );
    bank
}

/// Five payments of 1,000.00 each, attempt 1.
fn icbc() -> Vec<u8> {
    let mut text = String::from("#注意：本文件中的金额均以分为单位！\nRMB|20220110|1|500000|5|\n");
    for n in 1..=5 {
        text.push_str(&format!(
            "RMB|20220110|2|{n}|演示支行|9001|演示低保中心|开户行|||| A{n}|测甲{n}|100000|低保金|P{n}-1|1||P{n}-1|\n"
        ));
    }
    text.push_str("*\n");
    GBK.encode(&text).0.into_owned()
}

fn generic() -> String {
    let mut text = String::from("序号,收款账号,户名,开户行,联行号,金额(元),用途,备注\r\n");
    for n in 1..=5 {
        text.push_str(&format!(
            "{n},A{n},测甲{n},开户行,402,\"1,000.00\",低保金,P{n}-1\r\n"
        ));
    }
    text + "合计,,,,,5000.00,,\r\n"
}

#[test]
fn the_batch_number_is_read_from_the_file_name() {
    for (name, batch) in [
        ("ICBC-20220110-B000012.bpt", "B000012"),
        ("icbc_20220110_B000012_ds.bpt", "B000012"),
        ("batch_20220110_DIBAO-2022-01.csv", "DIBAO-2022-01"),
        ("mof5201_20220110_B000012.xml", "B000012"),
        ("B000012.20220110", "B000012"),
        ("B7", "B7"),
    ] {
        assert_eq!(batch_of(name), batch);
    }
}

#[test]
fn an_icbc_batch_is_answered_in_both_column_orders() {
    for (batch, payee_first) in [("B000011", false), ("B000012", true)] {
        let mut bank = bank(Layout::IcbcA1, DebitStyle::WholeBatch);
        let name = format!("ICBC-20220110-{batch}.bpt");
        let receipt = bank.receive(date("2022-01-10"), &name, &icbc()).unwrap();
        assert_eq!((receipt.batch.as_str(), receipt.lines), (batch, 5));
        assert_eq!(receipt.debited, Fen::new(500_000));
        let files = bank.answers(batch).unwrap();
        let texts: Vec<String> = files
            .iter()
            .map(|file| GBK.decode(&file.bytes).0.into_owned())
            .collect();
        let lines: Vec<&str> = texts[0].split("\r\n").collect();
        assert_eq!(lines[2], format!("批次号: {batch}"));
        assert_eq!(
            lines[3].split('|').count(),
            if payee_first { 12 } else { 10 }
        );
        let (first, failed, pending) = if payee_first {
            (
                "人民币|A1|测甲1|9001|演示低保中心|1,000.00元|低保金|处理成功|P1-1|1|0",
                "处理失败:户名不符,原户名为[某某]|P2-1|1|0",
                "处理中|P3-1|1|0",
            )
        } else {
            (
                "人民币|9001|演示低保中心|A1|测甲1|1,000.00元|低保金 P1-1|处理成功|全部成功",
                "处理失败|户名不符,原户名为[某某]",
                "处理中|等待银行答复",
            )
        };
        assert_eq!(lines[4], format!("{batch}-1|{first}"));
        assert!(lines[5].ends_with(failed), "{}", lines[5]);
        assert!(lines[6].ends_with(pending), "{}", lines[6]);
        assert!(texts[1].contains("处理成功") && texts[1].contains("A3"));
        assert_eq!(files[1].date, date("2022-01-13"));
    }
}

#[test]
fn a_generic_batch_is_answered_in_its_own_encoding() {
    for gb in [false, true] {
        let mut bank = bank(Layout::GenericCsv, DebitStyle::SuccessOnly);
        let text = generic();
        let bytes = if gb {
            GB18030.encode(&text).0.into_owned()
        } else {
            text.into_bytes()
        };
        let receipt = bank
            .receive(date("2022-01-10"), "RCB-20220110-B7.csv", &bytes)
            .unwrap();
        assert_eq!(
            (receipt.total, receipt.debited),
            (Fen::new(500_000), Fen::ZERO)
        );
        let file = bank.answers("B7").unwrap().remove(0);
        let text = if gb {
            GB18030.decode(&file.bytes).0.into_owned()
        } else {
            String::from_utf8(file.bytes).unwrap()
        };
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert!(lines[0].ends_with("备注,结果,失败原因,银行流水号"));
        assert!(lines[1].starts_with("1,A1,测甲1,开户行,402,1000.00,低保金,P1-1,成功,,"));
        assert!(lines[2].contains("P2-1,失败,\"户名不符,原户名为[某某]\","));
        assert!(lines[3].ends_with("P3-1,处理中,,"));
    }
}

#[test]
fn a_workbook_goes_out_and_comes_back_with_the_same_bytes() {
    let sheet = |text: &str| {
        let mut book = rust_xlsxwriter::Workbook::new();
        let page = book.add_worksheet();
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        for (row, record) in (0_u32..).zip(reader.records()) {
            for (column, cell) in (0_u16..).zip(record.unwrap().iter()) {
                page.write_string(row, column, cell).unwrap();
            }
        }
        book.save_to_buffer().unwrap()
    };
    let answer = || {
        let mut bank = bank(Layout::GenericXlsx, DebitStyle::WholeBatch);
        bank.receive(date("2022-01-10"), "X-20220110-B9.xlsx", &sheet(&generic()))
            .unwrap();
        bank.answers("B9").unwrap().remove(0)
    };
    assert_eq!(answer(), answer());
    assert!(answer().name.ends_with("B9-return-1.xlsx"));
}

#[test]
fn money_leaves_and_comes_home_as_the_bank_declares() {
    // (style, balance after the batch day, after the first answer, after the second, at the end)
    for (debit, balances) in [
        (DebitStyle::WholeBatch, [5_000, 7_000, 7_000, 8_000]),
        (DebitStyle::SuccessOnly, [10_000, 8_000, 7_000, 8_000]),
    ] {
        let mut bank = bank(Layout::GenericCsv, debit);
        let text = generic();
        bank.receive(date("2022-01-10"), "R-B1.csv", text.as_bytes())
            .unwrap();
        for (day, yuan) in ["2022-01-10", "2022-01-11", "2022-01-13", "2022-01-31"]
            .into_iter()
            .zip(balances)
        {
            assert_eq!(
                bank.balance(date(day)).unwrap(),
                Fen::new(yuan * 100),
                "{debit:?} {day}"
            );
        }
        let (name, bytes) = bank
            .statement(date("2022-01-11"), date("2022-01-31"))
            .unwrap();
        assert_eq!(name, "statement-9001-2022-01-11-2022-01-31.csv");
        let text = String::from_utf8(bytes).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], format!("期初余额,{}.00", balances[0]));
        assert_eq!(lines[2], "期末余额,8000.00");
        assert_eq!(lines[3], "起止日期,2022-01-11至2022-01-31");
        let late = lines
            .iter()
            .find(|line| line.starts_with("2022-01-15"))
            .unwrap();
        assert!(
            late.starts_with("2022-01-15,退汇:退票:户名与账号不符,,1000.00,8000.00,测甲4,A4,P4-1,"),
            "{late}"
        );
        let (_, again) = bank
            .statement(date("2022-01-14"), date("2022-01-31"))
            .unwrap();
        assert!(
            String::from_utf8(again).unwrap().contains(late),
            "one serial for one movement"
        );
        // A second attempt in the month is paid where the fault was passing.
        let again = "序号,收款账号,户名,开户行,联行号,金额(元),用途,备注\n\
                     1,A5,测甲5,开户行,402,1000,低保金,P5-2\n合计,,,,,1000,,\n";
        bank.receive(date("2022-01-20"), "R-B2.csv", again.as_bytes())
            .unwrap();
        let file = bank.answers("B2").unwrap().remove(0);
        assert!(String::from_utf8(file.bytes).unwrap().contains("P5-2,成功"));
    }
}

#[test]
fn faulty_and_repeated_files_move_nothing() {
    let mut bank = bank(Layout::GenericCsv, DebitStyle::WholeBatch);
    let day = date("2022-01-10");
    let good = generic();
    let many = good
        .replace("\"1,000.00\"", "3000")
        .replace("5000.00", "15000.00");
    for (name, text) in [
        ("R-B1.csv", good.replace("5000.00", "5000.01")),
        ("R-B1.csv", good.replace("合计,,,,,5000.00,,\r\n", "")),
        ("R-B1.csv", good.replace("P3-1", "")),
        ("R-B1.csv", good.replace("收款账号", "卡")),
        ("R-B1.csv", many),
    ] {
        assert!(bank.receive(day, name, text.as_bytes()).is_err());
    }
    let first = bank.receive(day, "R-B1.csv", good.as_bytes()).unwrap();
    assert_eq!(
        bank.receive(day, "R-B1.csv", good.as_bytes()).unwrap(),
        first
    );
    let other = good.replace("测甲1", "测甲9");
    assert_eq!(
        bank.receive(day, "R-B1.csv", other.as_bytes()),
        Err(BankRefusal::NameTaken("R-B1.csv".into()))
    );
    assert_eq!(bank.balance(day).unwrap(), Fen::new(500_000));
    assert!(bank.answers("B2").is_err());
    let mut icbc_bank = super::tests::bank(Layout::IcbcA1, DebitStyle::WholeBatch);
    let cut = icbc();
    let text = GBK.decode(&cut).0.into_owned();
    for broken in [
        text.replace("*\n", ""),
        text.replace("|500000|", "|500001|"),
    ] {
        let bytes = GBK.encode(&broken).0.into_owned();
        assert!(icbc_bank.receive(day, "I-B1.bpt", &bytes).is_err());
    }
}
