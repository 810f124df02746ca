//! How fast bank files are written and read, layout by layout, 100,000 lines each, messages of XML
//! 20,000.
//!
//! `cargo bench -p bank-adapters`

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

use std::fmt::Write as _;

use bank_adapters::{
    BatchHead, Instruction, Profile, detect, is_blocked, read_batch, read_return, read_statement,
    reason, write_batch,
};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use ledger::calendar::Date;
use ledger::money::Fen;

const LINES: u32 = 100_000;
const FIGURES: [&str; 10] = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"];

fn main() {
    divan::main();
}

fn profile(id: &str) -> Profile {
    let values = match id {
        "nxs-dhcc" => "unit-no = \"1046\"",
        "ccb-transfer" => "branch-no = \"460000000\"",
        _ => "",
    };
    let own = format!("id = \"own\"\nextends = \"{id}\"\n[values]\n{values}\n");
    let mut profile = match values {
        "" => Profile::by_id(id).unwrap(),
        _ => Profile::parse(&own, "own.toml").unwrap(),
    };
    profile.lines_max = 100_000;
    profile
}

fn head() -> BatchHead {
    BatchHead {
        batch_no: "B000001".to_owned(),
        date: Date::from_ymd_opt(2022, 1, 10).unwrap(),
        payer_account_no: "2600000000000000001".to_owned(),
        payer_name: "测试县民政局".to_owned(),
        payer_bank_name: "示例银行测试支行".to_owned(),
        context: bank_adapters::BatchContext::default(),
    }
}

/// Messages of XML have a limit of elements, so they carry fewer.
fn lines_of(id: &str) -> u32 {
    match id.starts_with("mof") || id.starts_with("pain") {
        true => 20_000,
        false => LINES,
    }
}

/// The name of a synthetic person: 测试 and a figure or two.
fn name(number: u32) -> String {
    let figure = |place: u32| FIGURES[usize::try_from(number / place % 10).unwrap()];
    format!("测{}{}", figure(10), figure(1))
}

fn account(number: u32) -> String {
    format!("62000000{number:011}")
}

fn fen(number: u32) -> Fen {
    Fen::new(29_000 + i64::from(number % 97) * 150)
}

fn instructions(count: u32) -> Vec<Instruction> {
    (1..=count)
        .map(|number| Instruction {
            sequence: u64::from(number),
            key: format!("P{}-1", 1_000_000 + number),
            account_no: account(number),
            payee_name: name(number),
            bank_name: "测试县示例银行一支行".to_owned(),
            bank_no: "403100000004".to_owned(),
            amount: fen(number),
            purpose: "低保金".to_owned(),
        })
        .collect()
}

fn status(number: u32) -> (&'static str, &'static str) {
    match number % 100 {
        0 | 1 => ("交易失败", "账号不存在"),
        2 => ("处理中", ""),
        _ => ("处理成功", ""),
    }
}

/// The rows of a return in the order and with the headings of a layout.
fn rows(id: &str) -> Vec<Vec<String>> {
    let heads = match id {
        "icbc-return" => {
            "序号|币种|收款账号|收款单位名称|付款账号|付款单位名称|金额|用途|网上银行状态|用户备注|汇款方式|是否发送短信"
        }
        "nxs-dhcc-return" => "代理编号|客户姓名|交易金额|证件号码|账号|处理结果",
        _ => "序号|收款账号|户名|金额(元)|用途|备注|结果|失败原因",
    };
    let mut rows = vec![heads.split('|').map(str::to_owned).collect()];
    for number in 1..=LINES {
        let (status, reason) = status(number);
        let key = format!("P{}-1", 1_000_000 + number);
        let (account, name) = (account(number), name(number));
        let amount = fen(number);
        rows.push(match id {
            "icbc-return" => [
                &format!("HQF000000001-{number}"),
                "人民币",
                &account,
                &name,
                "2600000000000000001",
                "测试县民政局",
                &format!("{}元", amount.grouped()),
                "低保金",
                status,
                &key,
                "1",
                "否",
            ]
            .map(str::to_owned)
            .to_vec(),
            "nxs-dhcc-return" => [
                &number.to_string(),
                &name,
                &amount.grouped(),
                "",
                &account,
                "成功",
            ]
            .map(str::to_owned)
            .to_vec(),
            _ => [
                &number.to_string(),
                &account,
                &name,
                &amount.to_string(),
                "低保金",
                &key,
                status,
                reason,
            ]
            .map(str::to_owned)
            .to_vec(),
        });
    }
    rows
}

fn return_file(id: &str) -> Vec<u8> {
    let rows = rows(id);
    let join = |sign: &str| -> Vec<u8> {
        let lines: Vec<String> = rows.iter().map(|row| row.join(sign)).collect();
        let text = lines.join("\r\n");
        encoding_rs::GB18030.encode(&text).0.into_owned()
    };
    match id {
        "icbc-return" => join("|"),
        "nxs-dhcc-return" => {
            let total = Fen::sum((1..=LINES).map(fen)).unwrap().grouped();
            let end = format!("\r\n合计│{LINES}││{total}││");
            let mut bytes = join("│");
            bytes.extend(encoding_rs::GB18030.encode(&end).0.iter());
            bytes
        }
        "generic-csv-return" => join(","),
        _ => {
            let mut workbook = rust_xlsxwriter::Workbook::new();
            let sheet = workbook.add_worksheet();
            for (row_at, row) in (0_u32..).zip(&rows) {
                for (column, text) in (0_u16..).zip(row) {
                    sheet.write_string(row_at, column, text).unwrap();
                }
            }
            workbook.save_to_buffer().unwrap()
        }
    }
}

#[divan::bench(
    args = [
        "icbc-batch-a1", "generic-csv", "generic-xlsx", "icbc-xls", "abc-cfrt03", "psbc",
        "ccb-text", "ccb-transfer", "nxs-dhcc", "cib-text", "mof-5201", "pain-001-09",
    ],
    sample_count = 8, sample_size = 1
)]
fn write(bencher: Bencher<'_, '_>, id: &str) {
    let (profile, head, lines) = (profile(id), head(), instructions(lines_of(id)));
    bencher
        .counter(ItemsCount::new(lines_of(id)))
        .bench_local(|| write_batch(&profile, &head, black_box(&lines)).unwrap());
}

#[divan::bench(
    args = [
        "icbc-batch-a1", "generic-csv", "generic-xlsx", "icbc-xls", "abc-cfrt03", "psbc",
        "nxs-dhcc", "mof-5201", "pain-001-09",
    ],
    sample_count = 8, sample_size = 1
)]
fn read_own_batch(bencher: Bencher<'_, '_>, id: &str) {
    let profile = profile(id);
    let bytes = write_batch(&profile, &head(), &instructions(lines_of(id)))
        .unwrap()
        .bytes;
    bencher
        .counter(ItemsCount::new(lines_of(id)))
        .bench_local(|| read_batch(&profile, black_box(&bytes)));
}

#[divan::bench(
    args = ["icbc-return", "generic-csv-return", "generic-xlsx-return", "nxs-dhcc-return"],
    sample_count = 8, sample_size = 1
)]
fn read_answers(bencher: Bencher<'_, '_>, id: &str) {
    let (profile, bytes) = (profile(id), return_file(id));
    let (file, findings) = read_return(&profile, &bytes);
    assert!(!is_blocked(&findings), "{:?}", findings.first());
    assert_eq!(u32::try_from(file.lines.len()), Ok(LINES));
    bencher
        .counter(ItemsCount::new(LINES))
        .bench_local(|| read_return(&profile, black_box(&bytes)));
}

#[divan::bench(sample_count = 8, sample_size = 1)]
fn read_movements(bencher: Bencher<'_, '_>) {
    let mut text = "账号,2600000000000000001\r\n期初余额,90000000.00\r\n期末余额,90000000.00\r\n\
         起止日期,2022-01-01 至 2022-01-31\r\n\
         日期,摘要,借方发生额,贷方发生额,余额,对方户名,对方账号,附言,流水号\r\n"
        .to_owned();
    let mut balance = Fen::new(9_000_000_000);
    for number in 1..=LINES {
        balance = balance.minus(fen(number)).unwrap();
        let (amount, name, account) = (fen(number), name(number), account(number));
        let key = 1_000_000 + number;
        writeln!(
            text,
            "2022-01-10,代发,{amount},,{balance},{name},{account},P{key}-1,L{number:08}\r"
        )
        .unwrap();
    }
    let bytes = encoding_rs::GB18030.encode(&text).0.into_owned();
    let profile = profile("generic-statement-csv");
    let (file, findings) = read_statement(&profile, &bytes);
    assert!(!is_blocked(&findings), "{:?}", findings.first());
    assert_eq!(u32::try_from(file.lines.len()), Ok(LINES));
    bencher
        .counter(ItemsCount::new(LINES))
        .bench_local(|| read_statement(&profile, black_box(&bytes)));
}

#[divan::bench(
    args = ["icbc-return", "generic-csv-return", "generic-xlsx-return"],
    sample_count = 8, sample_size = 1
)]
fn detect_layout(bencher: Bencher<'_, '_>, id: &str) {
    let (profiles, bytes) = (Profile::shipped(), return_file(id));
    bencher.bench_local(|| detect(&profiles, black_box(&bytes)).len());
}

#[divan::bench(args = ["账号不存在", "户名不符,原户名为[测试甲]", "", "处理成功"])]
fn normalise_reason(bencher: Bencher<'_, '_>, text: &str) {
    bencher.bench(|| reason::normalise(black_box(text)));
}
