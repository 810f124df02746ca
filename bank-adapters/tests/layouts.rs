//! Every shipped layout: golden bytes, what is read of them, planted faults, and
//! read(write(x)) = x as far as a layout carries x.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeSet;

use bank_adapters::{
    Finding, Instruction, Outcome, Profile, ReturnFile, Use, candidates, detect, is_blocked,
    paid_by_absence, read_batch, read_grid, read_return, write_batch,
};
use common::{brief, data, gbk, head, people};
use ledger::money::Fen;
use proptest::prelude::*;

/// What banks give to their customers, as an agency would fill it in.
const VALUES: [(&str, &str); 4] = [
    ("ccb-transfer", "branch-no = \"460000000\""),
    (
        "boc-payoff",
        "province-bank-no = \"40522\"\narea-code = \"021\"",
    ),
    (
        "boc-obss",
        "payer-bank-no = \"40522\"\npayer-branch-no = \"00123\"",
    ),
    ("nxs-dhcc", "unit-no = \"1046\""),
];

/// A shipped layout, with the values that it needs.
fn profile(id: &str) -> Profile {
    let Some((_, values)) = VALUES.iter().find(|(known, _)| *known == id) else {
        return Profile::by_id(id).unwrap();
    };
    let text = format!("id = \"own-{id}\"\nextends = \"{id}\"\n[values]\n{values}\n");
    Profile::parse(&text, "own.toml").unwrap()
}

fn batches() -> Vec<&'static str> {
    let shipped = Profile::shipped();
    let batches = shipped.iter().filter(|profile| profile.usage == Use::Batch);
    let known: Vec<_> = GOLDEN.iter().map(|(id, ..)| *id).collect();
    for profile in batches {
        // The layouts of XML have tests of their own.
        let columns = !profile.columns_about().is_empty();
        assert!(
            !columns || known.contains(&profile.id.as_str()),
            "{}",
            profile.id
        );
    }
    known
}

/// Layout, golden file (none for a workbook, whose cells are compared), bank number of the payees,
/// name of the file.
#[rustfmt::skip]
const GOLDEN: [(&str, &str, &str, &str); 20] = [
    ("icbc-batch-a1", "icbc-batch-a1.bpt", "", "icbc_20220110_DIBAO-2022-01_ds.bpt"),
    ("icbc-batch-a2", "icbc-batch-a2.bxt", "", "20220110_DIBAO-2022-01_ICBC.bxt"),
    ("icbc-batch-a3", "icbc-batch-a3.gbpt", "", "icbc_20220110_DIBAO-2022-01.gbpt"),
    ("icbc-xls", "", "102100099996", "icbc_20220110_DIBAO-2022-01.xlsx"),
    ("icbc-xls", "", "403100000004", "icbc_20220110_DIBAO-2022-01.xlsx"),
    ("ccb-text", "ccb-text.txt", "", "ccb_20220110_DIBAO-2022-01_ds.txt"),
    ("ccb-transfer", "ccb-transfer.txt", "102100099996", "ccb_20220110_DIBAO-2022-01_zz.txt"),
    ("abc-cfrt03", "abc-cfrt03.txt", "", "DIBAO-2022-01.20220110"),
    ("abc-xls", "", "", "abc_20220110_DIBAO-2022-01.xlsx"),
    ("boc-payoff", "boc-payoff.txt", "104100000001", "boc_20220110_DIBAO-2022-01_5.txt"),
    ("boc-obss", "boc-obss.txt", "104100000001", "boc_20220110_DIBAO-2022-01_obss.txt"),
    ("psbc", "psbc-own.txt", "403100000004", "psbc_20220110_DIBAO-2022-01.txt"),
    ("psbc", "psbc-other.txt", "102100099996", "psbc_20220110_DIBAO-2022-01.txt"),
    ("nxs-dhcc", "nxs-dhcc.txt", "", "DIBAO-2022-01"),
    ("dalian", "dalian.txt", "", "dl_20220110_DIBAO-2022-01.txt"),
    ("cmb-xlsx", "", "", "cmb_20220110_DIBAO-2022-01.xlsx"),
    ("bcm-text", "bcm-text.txt", "", "bcm_20220110_DIBAO-2022-01.txt"),
    ("cib-text", "cib-text.txt", "102100099996", "cib_20220110_DIBAO-2022-01.txt"),
    ("generic-csv", "generic-csv.csv", "102100099996", "batch_20220110_DIBAO-2022-01.csv"),
    ("generic-xlsx", "generic-xlsx.xlsx", "102100099996", "batch_20220110_DIBAO-2022-01.xlsx"),
];

fn payees(id: &str, bank_no: &str) -> Vec<Instruction> {
    let mut lines = people(bank_no);
    if id == "icbc-batch-a3" {
        // GB 2312 has no traditional characters.
        lines[1].payee_name = lines[1].payee_name.replace('億', "亿");
    }
    lines
}

/// What a layout carries of a line: the rest is blank when it is read again.
fn carried(profile: &Profile, part: usize, line: &Instruction, place: u64) -> Instruction {
    let columns = profile.columns_about();
    let shapes: Vec<_> = columns.iter().map(|column| column.shape.clone()).collect();
    let mut names = shapes.clone();
    names.dedup();
    let has = |field: &str| {
        let columns = columns.iter().filter(|column| column.shape == names[part]);
        columns.into_iter().any(|column| column.field == field)
    };
    let text = |field: &str, text: &str| {
        if has(field) {
            text.to_owned()
        } else {
            String::new()
        }
    };
    Instruction {
        sequence: if has("sequence") {
            line.sequence
        } else {
            place
        },
        key: text("key", &line.key),
        account_no: line.account_no.clone(),
        payee_name: line.payee_name.clone(),
        bank_name: text("bank-name", &line.bank_name),
        bank_no: text("bank-no", &line.bank_no),
        amount: line.amount,
        purpose: text("purpose", &line.purpose),
    }
}

/// The golden text files were made from the layouts by another program.
#[test]
fn files_are_the_golden_ones_and_read_as_they_were_written() {
    for (id, golden, bank_no, name) in GOLDEN {
        let (profile, lines) = (profile(id), payees(id, bank_no));
        let file = write_batch(&profile, &head(), &lines)
            .unwrap_or_else(|findings| panic!("{id}: {findings:#?}"));
        if !golden.is_empty() {
            let shown = encoding_rs::GBK.decode(&file.bytes).0;
            assert!(
                file.bytes == data(golden),
                "{id} differs from {golden}:\n{shown}"
            );
        }
        assert_eq!((file.name.as_str(), file.count), (name, 3));
        let part = profile.part(bank_no, "");
        let expected: Vec<_> = (1..)
            .zip(&lines)
            .map(|(place, line)| carried(&profile, part, line, place))
            .collect();
        assert_eq!(
            read_batch(&profile, &file.bytes),
            (expected, vec![]),
            "{id}"
        );
    }
}

/// Sheet, row and cells of the workbooks that banks ask for.
#[test]
fn workbooks_have_the_cells_of_the_bank() {
    for (id, bank_no, sheet, rows) in [
        (
            "icbc-xls",
            "102100099996",
            "工行",
            [
                "姓名(不超过60个字节)|卡号|应处理金额(必须小于1亿)|备注(不超过12个字节)|实处理金额|处理标志",
                "测试甲|6200000000000000011|#1234.5|P101-1",
            ],
        ),
        (
            "icbc-xls",
            "403100000004",
            "工行",
            [
                "姓名|卡号|行别|跨行行号|业务种类|协议书号|账号地址|应处理金额(必须小于1亿)|备注|实处理金额|处理标志",
                "测试甲|6200000000000000011|测试县示例银行一支行|403100000004||||#1234.5|P101-1",
            ],
        ),
        (
            "abc-xls",
            "",
            "Sheet1",
            [
                "serial-no|pay-type|transaction-type|account-no|account-name|payee-account-no|payee-name|payee-bank|usage|fen-code|curr-flag|amount",
                "1|7|2|2600000000000000001|测试县民政局|6200000000000000011|测试甲|测试县示例银行一支行|P101-1|01|0|1234.50",
            ],
        ),
        (
            "cmb-xlsx",
            "",
            "Sheet1",
            ["账号|户名|金额", "6200000000000000011|测试甲|1234.50"],
        ),
    ] {
        let file = write_batch(&profile(id), &head(), &people(bank_no)).unwrap();
        let (grid, findings) = read_grid(&file.bytes);
        assert_eq!(findings, vec![]);
        assert_eq!(grid.sheets[0].name, sheet);
        for (row, expected) in grid.sheets[0].rows().zip(rows) {
            let cells: Vec<String> = (0..row.width())
                .map(|column| {
                    let sign = if row.is_number(column) { "#" } else { "" };
                    format!("{sign}{}", row.text(column))
                })
                .collect();
            assert_eq!(cells.join("|"), expected, "{id}");
        }
    }
}

/// Rows as a workbook; a cell that begins with `#` is a number.
fn workbook(rows: &[&str]) -> Vec<u8> {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (row_at, row) in (0..).zip(rows) {
        for (column, text) in (0..).zip(row.split('|')) {
            match text.strip_prefix('#') {
                Some(number) => {
                    sheet
                        .write_number(row_at, column, number.parse::<f64>().unwrap())
                        .unwrap();
                }
                None if text.is_empty() => {}
                None => {
                    sheet.write_string(row_at, column, text).unwrap();
                }
            }
        }
    }
    book.save_to_buffer().unwrap()
}

fn row(cells: &[(usize, &str)]) -> String {
    let width = cells.iter().map(|(at, _)| at + 1).max().unwrap();
    let mut row = vec![""; width];
    for (at, text) in cells {
        row[*at] = text;
    }
    row.join("|")
}

const NAMES: [(&str, &str, i64); 3] = [
    ("6200000000000000011", "测试甲", 123_450),
    ("6200000000000000029", "示例億乙", 50),
    ("6200000000000000037", "测试丙", 9_900_000),
];

/// The answers of workbooks: first paid, second failed, third pending.
fn answer_book(id: &str) -> Vec<u8> {
    let says = match id {
        "abc-xls-return" => [("6", ""), ("7", "户名不符"), ("3", "")],
        "psbc-return" => [("交易成功", ""), ("交易失败", "户名不符"), ("处理中", "")],
        "icbc-xls-return" => [("全部成功", ""), ("户名不符", ""), ("", "")],
        _ => [("成功", ""), ("失败", "户名不符"), ("处理中", "")],
    };
    let keys = ["P101-1", "P102-1", "P103-2"];
    let mut rows: Vec<String> = match id {
        "abc-xls-return" => vec!["serial-no|pay-type".to_owned()],
        "boc-payoff-return" => (1..=10).map(|number| format!("说明 {number}")).collect(),
        "psbc-return" => vec![
            "批量转账查询结果".to_owned(),
            "收款人账号|户名|金额|手续费|汇划费|用途|附言|交易时间|处理结果|失败原因".to_owned(),
        ],
        _ => vec!["姓名|卡号|行别|跨行行号|业务种类|协议书号|账号地址|应处理金额|备注|实处理金额|处理标志".to_owned()],
    };
    for (((account, name, fen), (status, reason)), key) in NAMES.iter().zip(says).zip(keys) {
        let (amount, paid) = (Fen::new(*fen).to_string(), status == "全部成功");
        let remark = format!("{key},");
        let paid = if paid { amount.as_str() } else { "" };
        rows.push(match id {
            "abc-xls-return" => row(&[
                (5, account),
                (6, name),
                (8, key),
                (11, &amount),
                (13, reason),
                (14, status),
            ]),
            "boc-payoff-return" => row(&[
                (4, &amount),
                (5, account),
                (6, name),
                (9, status),
                (10, reason),
                (11, "尾"),
            ]),
            "psbc-return" => row(&[
                (0, account),
                (1, name),
                (2, &amount),
                (6, &remark),
                (8, status),
                (9, reason),
            ]),
            _ => row(&[
                (0, name),
                (1, account),
                (3, "403100000004"),
                (7, &amount),
                (8, key),
                (9, paid),
                (10, status),
            ]),
        });
    }
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    workbook(&rows)
}

/// Layout, file, whether our key comes back, first row of data, findings.
#[test]
fn answers_are_read_with_their_outcomes() {
    use Outcome::{Failed, Paid, Pending};
    let usual = [Paid, Failed, Pending];
    let printed = [Paid, Paid, Failed];
    for (id, bytes, keyed, lines, outcomes, findings) in [
        (
            "ccb-return",
            data("ccb-return-headed.txt"),
            true,
            [2, 3, 4],
            usual,
            "",
        ),
        (
            "ccb-return",
            data("ccb-return-bare.txt"),
            true,
            [1, 2, 3],
            usual,
            "",
        ),
        (
            "ccb-transfer-return",
            data("ccb-transfer-return.txt"),
            false,
            [2, 3, 4],
            usual,
            "",
        ),
        (
            "abc-cfrt03-return",
            data("abc-cfrt03-return.txt"),
            true,
            [1, 2, 3],
            usual,
            "",
        ),
        (
            "boc-obss-return",
            data("boc-obss-return.txt"),
            true,
            [2, 3, 4],
            [Pending; 3],
            "BNK-0158",
        ),
        (
            "icbc-xls-return",
            data("icbc-xls-return.xls"),
            true,
            [2, 3, 4],
            usual,
            "BNK-0153 4 处理标志",
        ),
        (
            "icbc-xls-return",
            answer_book("icbc-xls-return"),
            true,
            [2, 3, 4],
            usual,
            "BNK-0153 4 处理标志",
        ),
        (
            "abc-xls-return",
            answer_book("abc-xls-return"),
            true,
            [2, 3, 4],
            usual,
            "",
        ),
        (
            "boc-payoff-return",
            answer_book("boc-payoff-return"),
            false,
            [11, 12, 13],
            usual,
            "",
        ),
        (
            "psbc-return",
            answer_book("psbc-return"),
            true,
            [3, 4, 5],
            usual,
            "",
        ),
        (
            "nxs-dhcc-return",
            data("nxs-dhcc-return.txt"),
            false,
            [6, 10, 18],
            printed,
            "",
        ),
    ] {
        let (file, found) = read_return(&profile(id), &bytes);
        assert_eq!(brief(&found).join(", "), findings, "{id}");
        let told: Vec<_> = file.lines.iter().map(|line| line.outcome).collect();
        assert_eq!(told, outcomes, "{id}");
        assert_eq!(
            file.lines.iter().map(|line| line.line).collect::<Vec<_>>(),
            lines,
            "{id}"
        );
        assert_eq!(
            file.lines.iter().all(|line| line.key.is_some()),
            keyed,
            "{id}"
        );
        let mut read: Vec<_> = file
            .lines
            .iter()
            .map(|line| {
                (
                    line.account_no.as_str(),
                    line.payee_name.as_str(),
                    line.amount.get(),
                )
            })
            .collect();
        read.sort_unstable();
        assert_eq!(read, NAMES, "{id}");
        let failed = file.lines.iter().find(|line| line.outcome == Failed);
        let why = failed.map(|line| line.reason_text.starts_with("户名不符"));
        assert!(why.unwrap_or(id == "boc-obss-return"), "{id}");
        if id == "nxs-dhcc-return" {
            assert_eq!(
                (file.stated_count, file.stated_total),
                (Some(3), Some(Fen::new(10_023_500)))
            );
        }
    }
}

#[test]
fn a_list_of_failures_pays_the_others() {
    let profile = profile("dalian-failures");
    assert_eq!(profile.absent, Some(Outcome::Paid));
    let (file, findings) = read_return(&profile, &data("dalian-failures.txt"));
    assert_eq!(brief(&findings), Vec::<String>::new());
    let (whole, findings) = paid_by_absence(&people(""), &file);
    assert_eq!(findings, vec![]);
    let told: Vec<_> = whole
        .lines
        .iter()
        .map(|line| (line.key.as_deref(), line.outcome))
        .collect();
    assert_eq!(
        told,
        [
            (None, Outcome::Failed),
            (Some("P101-1"), Outcome::Paid),
            (Some("P103-2"), Outcome::Paid)
        ]
    );
    // A failure of another amount, account or batch makes all the others doubtful, and so does one
    // that fits two lines or comes twice.
    type Change = fn(&mut ReturnFile);
    let changes: [Change; 4] = [
        |file| file.lines[0].amount = Fen::new(51),
        |file| file.lines[0].account_no = "62".to_owned(),
        |file| file.lines[0].payee_name = "他人".to_owned(),
        |file| file.lines.push(file.lines[0].clone()),
    ];
    for change in changes {
        let mut changed = file.clone();
        change(&mut changed);
        assert!(is_blocked(&paid_by_absence(&people(""), &changed).1));
    }
    let twins = [people(""), people("")].concat();
    assert!(is_blocked(&paid_by_absence(&twins, &file).1));
}

#[test]
fn planted_faults_are_found_with_line_and_column() {
    let (mut layouts, mut wrong) = (BTreeSet::new(), Vec::new());
    for (id, golden, from, to, expected) in FAULTS {
        let sound = encoding_rs::GBK.decode(&data(golden)).0.into_owned();
        assert!(sound.contains(from), "{golden}: {from}");
        let text = sound.replacen(from, to, 1);
        let (bytes, _, lost) = encoding_rs::GBK.encode(&text);
        let bytes = if lost {
            text.clone().into_bytes()
        } else {
            bytes.into_owned()
        };
        let profile = profile(id);
        let findings: Vec<Finding> = match profile.usage {
            Use::Batch => read_batch(&profile, &bytes).1,
            _ => read_return(&profile, &bytes).1,
        };
        let found = brief(&findings).join(", ");
        if found != expected {
            wrong.push(format!(
                "{golden}: {from:?} -> {to:?}: {found}, not {expected}"
            ));
        }
        layouts.insert(golden);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(layouts.len() >= 18);
}

/// Layout, golden file, text to replace, its replacement, findings.
#[rustfmt::skip]
const FAULTS: [(&str, &str, &str, &str, &str); 38] = [
    // Yuan in a file of fen, by its point; fen in a file of yuan, by its totals.
    ("icbc-batch-a1", "icbc-batch-a1.bpt", "|123450|", "|1234.50|", "BNK-0155 7 金额"),
    ("icbc-batch-a2", "icbc-batch-a2.bxt", "|123450|", "|1,234.50元|", "BNK-0155 7 金额"),
    ("icbc-batch-a2", "icbc-batch-a2.bxt", "|10023500|", "|100235|", "BNK-0131 4, BNK-0006 4"),
    ("icbc-batch-a2", "icbc-batch-a2.bxt", "|低保金|P101-1|", "|低保金P101-1|", "BNK-0124 7"),
    ("icbc-batch-a3", "icbc-batch-a3.gbpt", "|50|", "|0|", "BNK-0143 8 金额"),
    ("icbc-batch-a3", "icbc-batch-a3.gbpt", "*\r\n", "", "BNK-0127"),
    ("ccb-text", "ccb-text.txt", "|1234.50|", "|1.234,50|", "BNK-0142 1 金额"),
    ("ccb-text", "ccb-text.txt", "0000002", "000000x", "BNK-0147 2 序号"),
    ("ccb-text", "ccb-text.txt", "|P102-1|", "|订单|", "BNK-0150 2 备注/订单号"),
    ("ccb-text", "ccb-text.txt", "|P103-2|\r\n", "|P103", "BNK-0124 3"),
    ("ccb-transfer", "ccb-transfer.txt", "|460000000|", "|460000001|", "BNK-0126 1"),
    ("ccb-transfer", "ccb-transfer.txt", "测试甲", "测\u{202e}甲", "BNK-0146 1 6"),
    ("abc-cfrt03", "abc-cfrt03.txt", "1234.500 ", "1234.505 ", "BNK-0142 1 金额"),
    ("abc-cfrt03", "abc-cfrt03.txt", "测试甲  ", "测试甲 ", "BNK-0124 1"),
    ("abc-cfrt03", "abc-cfrt03.txt", "测试甲    ", "测试甲测", "BNK-0124 1"),
    ("abc-cfrt03", "abc-cfrt03.txt", "示例億乙", "示例億乙 ", "BNK-0125 2"),
    ("boc-payoff", "boc-payoff.txt", "PAYOFFSTART\r\n", "", "BNK-0133 1"),
    ("boc-payoff", "boc-payoff.txt", "PAYOFFEND\r\n", "", "BNK-0127"),
    ("boc-payoff", "boc-payoff.txt", "|100235.00|3|", "|100235.00|2|", "BNK-0006 2"),
    ("boc-payoff", "boc-payoff.txt", "|CNY|", "|USD|", "BNK-0126 2, BNK-0129"),
    ("boc-obss", "boc-obss.txt", "OBSS|2|3|100235.00|", "OBSS|2|3|10023500.00|", "BNK-0131 1, BNK-0006 1"),
    ("boc-obss", "boc-obss.txt", "|CNY|0.50|", "|CNY|0.5O|", "BNK-0142 3 付款金额"),
    ("psbc", "psbc-own.txt", "|0.50|", "|-0.50|", "BNK-0143 2 金额"),
    ("psbc", "psbc-own.txt", "||测试丙|", "|测试丙|", "BNK-0126 3"),
    ("psbc", "psbc-other.txt", "测试丙", "", "BNK-0141 3 户名"),
    ("nxs-dhcc", "nxs-dhcc.txt", "|1||01|", "|1||02|", "BNK-0157 2 代理次数"),
    ("nxs-dhcc", "nxs-dhcc.txt", "|5|3|100235.00|", "|5|3|1002.35|", "BNK-0131 1, BNK-0006 1"),
    ("nxs-dhcc", "nxs-dhcc.txt", "6200000000000000011", "6.2E18", "BNK-0145 2 账号"),
    ("dalian", "dalian.txt", "1|6200000000000000011", "1|62 00", "BNK-0145 1 账号"),
    ("bcm-text", "bcm-text.txt", "|P101-1|0", "|P101-1|9", "BNK-0126 1"),
    ("cib-text", "cib-text.txt", "测试甲", "测试\u{fffd}", "BNK-0109 1"),
    ("ccb-return", "ccb-return-headed.txt", "|成功|", "|成功|多|", "BNK-0125 2"),
    ("ccb-return", "ccb-return-bare.txt", "|成功||", "|成功|账号不存在|", "BNK-0152 1 交易结果"),
    ("ccb-return", "ccb-return-bare.txt", "1,234.50元", "123450分", "BNK-0155 1 金额"),
    ("abc-cfrt03-return", "abc-cfrt03-return.txt", "|S|", "|X|", "BNK-0153 1 状态"),
    ("nxs-dhcc-return", "nxs-dhcc-return.txt", "│合计    │2 ", "│合计    │3 ", "BNK-0006 11"),
    ("nxs-dhcc-return", "nxs-dhcc-return.txt", "│成功    │", "│已销户  │", "BNK-0152 6 处理结果"),
    ("dalian-failures", "dalian-failures.txt", "户名不符", "处理成功", "BNK-0152 1 处理结果"),
];

/// A file whose last page is missing has no totals row, and none of its sections is whole.
#[test]
fn a_printed_report_without_its_last_page_is_refused() {
    let sound = encoding_rs::GBK
        .decode(&data("nxs-dhcc-return.txt"))
        .0
        .into_owned();
    for (cut, findings) in [
        ("│合计    │1笔", "BNK-0129"),
        ("│合计    │2 ", "BNK-0129"),
        ("│代理编号", "BNK-0121 1"),
    ] {
        let lines = sound.lines().take_while(|line| !line.starts_with(cut));
        let text: Vec<&str> = lines.collect();
        let (_, found) = read_return(&profile("nxs-dhcc-return"), &gbk(&text.join("\r\n")));
        assert!(is_blocked(&found), "{cut}");
        let codes = brief(&found).join(", ");
        assert!(
            codes.contains(findings) || codes.contains("BNK-0112"),
            "{cut}: {codes}"
        );
    }
    // Drawn with other signs, it says the same.
    let plain = sound.replace('│', "|").replace(['┝', '┿', '━', '┥'], "-");
    let whole = read_return(&profile("nxs-dhcc-return"), &data("nxs-dhcc-return.txt"));
    assert_eq!(
        read_return(&profile("nxs-dhcc-return"), &gbk(&plain)),
        whole
    );
}

/// What is refused when it is to be written: layout, change, findings.
#[test]
fn what_does_not_fit_a_layout_is_refused() {
    type Change = fn(&mut Vec<Instruction>);
    let cases: [(&str, Change, &str); 12] = [
        (
            "abc-cfrt03",
            |l| l[0].payee_name = "测".repeat(31),
            "BNK-0149 1 姓名",
        ),
        (
            "abc-cfrt03",
            |l| l[0].payee_name = format!("{}a", "测".repeat(29)),
            "",
        ),
        (
            "abc-cfrt03",
            |l| l[1].account_no = "6".repeat(31),
            "BNK-0149 2 账号",
        ),
        (
            "ccb-text",
            |l| l[2].sequence = 12_345_678,
            "BNK-0149 3 序号",
        ),
        (
            "icbc-xls",
            |l| l[0].amount = Fen::new(10_000_000_000),
            "BNK-0156 1 应处理金额(必须小于1亿)",
        ),
        ("icbc-xls", |l| l[0].amount = Fen::new(9_999_999_999), ""),
        ("icbc-xls", |l| l[0].key = "P12345678-12".into(), ""),
        (
            "icbc-xls",
            |l| l[0].key = "P12345678-123".into(),
            "BNK-0149 1 备注(不超过12个字节)",
        ),
        (
            "icbc-xls",
            |l| l[0].bank_no = "105100000017".into(),
            "BNK-0171",
        ),
        ("psbc", |l| l[2].bank_no.clear(), "BNK-0172 3, BNK-0171"),
        (
            "icbc-batch-a3",
            |l| l[0].payee_name = "示例億".into(),
            "BNK-0007 1 收款帐号名称, BNK-0007 2 收款帐号名称",
        ),
        (
            "nxs-dhcc",
            |l| l[1].payee_name = "测试𬭎".into(),
            "BNK-0007 2 客户姓名",
        ),
    ];
    for (id, change, expected) in cases {
        let bank_no = if id == "psbc" {
            "403100000004"
        } else {
            "102100099996"
        };
        let mut lines = people(bank_no);
        if id == "psbc" {
            lines[0].bank_no = "102100099996".to_owned();
        }
        change(&mut lines);
        let found = write_batch(&profile(id), &head(), &lines)
            .err()
            .unwrap_or_default();
        assert_eq!(brief(&found).join(", "), expected, "{id}");
    }
}

/// A layout that needs numbers of the bank's is not written without them.
#[test]
fn values_of_the_bank_must_be_filled_in() {
    for (id, expected) in [
        ("nxs-dhcc", vec!["BNK-0170 单位编号"]),
        ("ccb-transfer", vec!["BNK-0170 机构号"]),
        ("boc-payoff", vec!["BNK-0170 省行联行号", "BNK-0170 区域码"]),
    ] {
        let shipped = Profile::by_id(id).unwrap();
        let findings = write_batch(&shipped, &head(), &people("102100099996")).unwrap_err();
        let found: Vec<_> = findings
            .iter()
            .map(|finding| {
                format!(
                    "{} {}",
                    finding.code,
                    finding.place.column.clone().unwrap_or_default()
                )
            })
            .collect();
        assert_eq!(found, expected);
        assert!(!shipped.values_missing().is_empty() && profile(id).values_missing().is_empty());
        assert!(findings[0].zh.contains(id));
    }
}

/// The account that comes for the second time has the second number (代理次数).
#[test]
fn occurrences_are_counted() {
    let mut lines = people("");
    lines[2].account_no = lines[0].account_no.clone();
    let file = write_batch(&profile("nxs-dhcc"), &head(), &lines).unwrap();
    let text = encoding_rs::GBK.decode(&file.bytes).0.into_owned();
    let ends: Vec<_> = text
        .lines()
        .skip(1)
        .map(|line| &line[line.len() - 3..])
        .collect();
    assert_eq!(ends, ["01|", "01|", "02|"]);
}

/// Every golden file is known as what it is, and says why.
#[test]
fn golden_files_are_detected() {
    let profiles = Profile::shipped();
    let files = GOLDEN.iter().filter(|(_, golden, ..)| !golden.is_empty());
    let sent = files.map(|(id, golden, ..)| (*id, data(golden)));
    let answers = [
        ("icbc-return", data("icbc-return-payer-first.txt")),
        ("ccb-return", data("ccb-return-headed.txt")),
        ("ccb-return", data("ccb-return-bare.txt")),
        ("ccb-transfer-return", data("ccb-transfer-return.txt")),
        ("abc-cfrt03-return", data("abc-cfrt03-return.txt")),
        ("nxs-dhcc-return", data("nxs-dhcc-return.txt")),
        ("dalian-failures", data("dalian-failures.txt")),
        ("icbc-xls-return", data("icbc-xls-return.xls")),
        ("icbc-xls-return", answer_book("icbc-xls-return")),
        ("psbc-return", answer_book("psbc-return")),
        ("abc-xls-return", answer_book("abc-xls-return")),
        ("boc-payoff-return", answer_book("boc-payoff-return")),
    ];
    for (id, bytes) in sent.chain(answers) {
        let found: Vec<_> = detect(&profiles, &bytes)
            .iter()
            .map(|p| p.id.clone())
            .collect();
        assert_eq!(found.first().map(String::as_str), Some(id), "{found:?}");
        let (zh, en) = candidates(&profiles, &bytes)[0].why();
        assert!(zh.contains('列') && en.contains("agree"));
    }
    // The receipt has the form of what was sent, and both are named.
    let found: Vec<_> = detect(&profiles, &data("boc-obss-return.txt"))
        .iter()
        .map(|profile| profile.id.clone())
        .collect();
    assert!(found.contains(&"boc-obss-return".to_owned()), "{found:?}");
}

/// Text that was UTF-8, read as GBK somewhere and saved, has no fault in its bytes.
#[test]
fn misread_text_is_refused() {
    let sound = String::from_utf8(data("generic-csv-return.csv")).unwrap();
    let sound = sound.trim_start_matches('\u{feff}');
    let misread = encoding_rs::GBK.decode(sound.as_bytes()).0.into_owned();
    for bytes in [
        misread.as_bytes().to_vec(),
        encoding_rs::GB18030.encode(&misread).0.into_owned(),
    ] {
        let (_, findings) = read_return(&profile("generic-csv-return"), &bytes);
        assert!(
            brief(&findings).contains(&"BNK-0113".to_owned()),
            "{:?}",
            brief(&findings)
        );
    }
}

/// A numeric cell where an account number belongs has lost digits, in old workbooks too.
#[test]
fn numbers_in_identifier_columns_are_refused() {
    let heads = "姓名|卡号|应处理金额|备注|实处理金额|处理标志";
    let bytes = workbook(&[
        heads,
        "测试甲|#6200000000000000011|#1234.5|P101-1|#1234.5|全部成功",
    ]);
    let (_, findings) = read_return(&profile("icbc-xls-return"), &bytes);
    assert_eq!(brief(&findings), ["BNK-0144 2 卡号"]);
    // Paid, but not all of it.
    let bytes = workbook(&[
        heads,
        "测试甲|6200000000000000011|#1234.5|P101-1|#1234|全部成功",
    ]);
    let (file, findings) = read_return(&profile("icbc-xls-return"), &bytes);
    assert_eq!(brief(&findings), ["BNK-0152 2 实处理金额"]);
    assert_eq!(file.lines[0].outcome, Outcome::Pending);
}

/// Names with rare characters, dots of minorities, digits and full-width signs.
fn word() -> impl Strategy<Value = String> {
    "([ -~一-龥億·•．\u{4dae}\u{9fff}𬭎㛃]{0,10}|[测试示例甲乙丙·]{1,31}|[测a]{28,32})"
}

prop_compose! {
    fn instruction()(
        account in "[0-9]{8,31}", name in word(), bank in word(),
        bank_no in "((102|103|104|105|403|309)[0-9]{9})?",
        fen in 1_i64..20_000_000_000, purpose in word(), payment in 1_u64..9_999_999,
    ) -> Instruction {
        Instruction {
            sequence: 0, key: format!("P{payment}-"), account_no: account, payee_name: name,
            bank_name: bank, bank_no, amount: Fen::new(fen), purpose,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48, failure_persistence: None, ..Default::default()
    })]

    /// What a layout takes, it gives back; and no byte of a field is ever cut.
    #[test]
    fn what_is_written_reads_back(lines in prop::collection::vec(instruction(), 1..10)) {
        for id in batches() {
            let profile = profile(id);
            for part in 0..2 {
                let fits = |line: &Instruction| {
                    profile.part(&line.bank_no, &line.bank_name) == part
                        && write_batch(&profile, &head(), &[Instruction {
                            key: "P1-1".to_owned(), sequence: 1, ..line.clone()
                        }]).is_ok()
                };
                let mut fit: Vec<_> = lines.iter().filter(|line| fits(line)).cloned().collect();
                for (number, line) in (1..).zip(&mut fit) {
                    line.sequence = number;
                    line.key = format!("P{number}-1");
                }
                if fit.is_empty() {
                    continue;
                }
                let file = write_batch(&profile, &head(), &fit).unwrap();
                let expected: Vec<_> = (1..).zip(&fit)
                    .map(|(place, line)| carried(&profile, part, line, place)).collect();
                prop_assert_eq!(read_batch(&profile, &file.bytes), (expected, vec![]), "{}", id);
            }
        }
    }
}

/// Every workbook of ours and of banks: an amount that is none is named with its row and column.
#[test]
fn a_broken_amount_is_found_in_every_workbook() {
    let written = GOLDEN.iter().filter(|(_, golden, ..)| {
        let path = std::path::Path::new(golden);
        golden.is_empty() || path.extension().is_some_and(|ending| ending == "xlsx")
    });
    let mut files: Vec<(&str, Vec<u8>)> = Vec::new();
    for (id, _, bank_no, _) in written {
        let lines = payees(id, bank_no);
        files.push((
            id,
            write_batch(&profile(id), &head(), &lines).unwrap().bytes,
        ));
    }
    for id in [
        "abc-xls-return",
        "boc-payoff-return",
        "psbc-return",
        "icbc-xls-return",
    ] {
        files.push((id, answer_book(id)));
    }
    for (id, bytes) in files {
        let (grid, findings) = read_grid(&bytes);
        assert_eq!(findings, vec![], "{id}");
        let mut book = rust_xlsxwriter::Workbook::new();
        let sheet = book.add_worksheet();
        sheet.set_name(&grid.sheets[0].name).unwrap();
        let mut planted = None;
        for row in grid.sheets[0].rows() {
            let at = u32::try_from(row.line() - 1).unwrap();
            for column in 0..row.width() {
                let text = row.text(column);
                let amount = matches!(text.trim_start_matches('0'), "1234.5" | "1234.50");
                let fault = amount && planted.is_none();
                if fault {
                    planted = Some(u64::from(at) + 1);
                }
                let text = if fault { "12x4" } else { text };
                let place = u16::try_from(column).unwrap();
                match row.is_number(column) && !fault {
                    true => sheet.write_number(at, place, text.parse::<f64>().unwrap()),
                    false => sheet.write_string(at, place, text),
                }
                .unwrap();
            }
        }
        let bytes = book.save_to_buffer().unwrap();
        let profile = profile(id);
        let findings = match profile.usage {
            Use::Batch => read_batch(&profile, &bytes).1,
            _ => read_return(&profile, &bytes).1,
        };
        let named = findings.iter().any(|finding| {
            let place = &finding.place;
            finding.code == "BNK-0142" && place.row == planted && place.column.is_some()
        });
        assert!(
            named && planted.is_some(),
            "{id} {planted:?} {:?}",
            brief(&findings)
        );
    }
}
