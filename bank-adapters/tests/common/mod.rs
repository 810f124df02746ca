//! Synthetic people and helpers of the tests. Not every test uses every helper.
#![allow(dead_code, reason = "each test binary uses a part")]

pub(crate) mod fuzz;

use bank_adapters::{BatchContext, BatchHead, Draw, Finding, Instruction, Profile};
use ledger::calendar::Date;
use ledger::money::Fen;

pub(crate) fn profile(id: &str) -> Profile {
    Profile::by_id(id).unwrap()
}

pub(crate) fn data(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

pub(crate) fn head() -> BatchHead {
    BatchHead {
        batch_no: "DIBAO-2022-01".to_owned(),
        date: Date::from_ymd_opt(2022, 1, 10).unwrap(),
        payer_account_no: "2600000000000000001".to_owned(),
        payer_name: "测试县民政局".to_owned(),
        payer_bank_name: "示例银行测试支行".to_owned(),
        context: context(),
    }
}

/// What the book knows of the batch: two appropriations pay it.
pub(crate) fn context() -> BatchContext {
    let draw = |document: &str, fen| Draw {
        document: document.to_owned(),
        function_code: String::new(),
        amount: Fen::new(fen),
    };
    BatchContext {
        payer_bank_no: "102100099996".to_owned(),
        region: "610881".to_owned(),
        function_code: "2081901".to_owned(),
        draws: vec![
            draw("演示财社〔2022〕1号", 10_000_000),
            draw("演示财社〔2022〕2号", 23_500),
        ],
    }
}

/// The three people of the golden files.
pub(crate) fn people(bank_no: &str) -> Vec<Instruction> {
    let bank = "测试县示例银行一支行";
    [
        (
            1,
            "P101-1",
            "6200000000000000011",
            "测试甲",
            bank,
            123_450,
            "低保金",
        ),
        (
            2,
            "P102-1",
            "6200000000000000029",
            "示例億乙",
            bank,
            50,
            "低保金",
        ),
        (
            3,
            "P103-2",
            "6200000000000000037",
            "测试丙",
            "",
            9_900_000,
            "低保金、取暖补贴",
        ),
    ]
    .into_iter()
    .map(
        |(sequence, key, account_no, payee_name, bank_name, fen, purpose)| Instruction {
            sequence,
            key: key.to_owned(),
            account_no: account_no.to_owned(),
            payee_name: payee_name.to_owned(),
            bank_name: bank_name.to_owned(),
            bank_no: bank_no.to_owned(),
            amount: Fen::new(fen),
            purpose: purpose.to_owned(),
        },
    )
    .collect()
}

/// Findings as `code row column`.
pub(crate) fn brief(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|finding| {
            let row = finding
                .place
                .row
                .map(|row| format!(" {row}"))
                .unwrap_or_default();
            let column = finding.place.column.as_ref();
            let column = column
                .map(|column| format!(" {column}"))
                .unwrap_or_default();
            let field = finding.place.field.as_ref();
            let field = field.map(|field| format!(" {field}")).unwrap_or_default();
            format!("{}{row}{column}{field}", finding.code)
        })
        .collect()
}

/// Text in GBK, as banks send it.
pub(crate) fn gbk(text: &str) -> Vec<u8> {
    let (bytes, _, lost) = encoding_rs::GBK.encode(text);
    assert!(!lost);
    bytes.into_owned()
}
