//! Matching a statement: tables of what is expected and what moved.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;

use ledger::calendar::parse_date;
use ledger::id::{AppropriationId, BatchId, PaymentId, VoucherId};
use ledger::money::Fen;
use proptest::prelude::*;
use reconciliation::answer::ExceptionKind;
use reconciliation::statement::{
    Expected, Movement, Nature, StatementMatching, match_statement, refund_without_original,
};

fn batch(number: i64, batch_no: &str, fen: i64) -> Expected {
    Expected::BatchDebit {
        batch: BatchId(number),
        batch_no: batch_no.to_owned(),
        sent_on: parse_date("2022-09-10").unwrap(),
        amount: Fen::new(fen),
    }
}

fn refund(key: &str, account: &str, fen: i64) -> Expected {
    Expected::Refund {
        payment: PaymentId(1),
        attempt: 1,
        key: key.to_owned(),
        account_no: account.to_owned(),
        payee_name: "测试甲".to_owned(),
        amount: Fen::new(fen),
    }
}

fn credit(document: &str, fen: i64) -> Expected {
    Expected::Credit {
        appropriation: AppropriationId(1),
        document: document.to_owned(),
        amount: Fen::new(fen),
    }
}

/// Movements, one a line: `fen|summary|account|remark`.
fn movements(table: &str) -> Vec<Movement> {
    let lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .zip(1..)
        .map(|(line, number)| {
            let cells: Vec<&str> = line.split('|').collect();
            Movement {
                line: number,
                date: parse_date("2022-09-15").unwrap(),
                amount: Fen::new(cells[0].parse().unwrap()),
                summary: cells[1].to_owned(),
                counterparty_name: "测试".to_owned(),
                counterparty_account: cells[2].to_owned(),
                remark: cells[3].to_owned(),
                bank_reference: "HQF0001".to_owned(),
                nature: Nature::default(),
            }
        })
        .collect()
}

/// `movement=expected`, `movement~late key`, `movement?`, `movement!expected` in this order.
fn show(matching: &StatementMatching) -> String {
    let matched = matching
        .matched
        .iter()
        .map(|(line, item)| format!("{line}={item}"));
    let late = matching
        .late_refunds
        .iter()
        .map(|(line, key)| format!("{line}~{key}"));
    let unexplained = matching.unexplained.iter().map(|line| format!("{line}?"));
    let differing = matching
        .differing
        .iter()
        .map(|(line, item)| format!("{line}!{item}"));
    matched
        .chain(late)
        .chain(unexplained)
        .chain(differing)
        .collect::<Vec<_>>()
        .join(" ")
}

fn check(expected: &[Expected], table: &str, wanted: &str) {
    assert_eq!(
        show(&match_statement(expected, &movements(table))),
        wanted,
        "{table}"
    );
}

#[test]
fn references_and_amounts_match() {
    let expected = [
        credit("神财社〔2022〕5号", 500_000),
        batch(1, "B2022-0001", 320_000),
        refund("P12-1", "6200000000000012", 74_000),
    ];
    check(
        &expected,
        "500000|拨款|0001|神财社[2022]5号 低保金
         -320000|代发B2022-0001|0002|
         74000|退汇||P12-1 账户不存在",
        "0=0 1=1 2=2",
    );
    // The sign belongs to the amount: a batch is a debit, a refund a credit, and the opposite is
    // another matter.
    check(&expected, "320000|代发 B2022-0001||", "0?");
    check(&expected, "-74000|退汇||P12-1", "0?");
    // Full-width letters and digits are the same reference.
    check(&expected, "-320000|代发Ｂ２０２２-０００１||", "0=1");
}

#[test]
fn batches_are_taken_together_or_in_parts_when_the_sum_is_exact() {
    let expected = [
        batch(1, "B2022-0001", 300),
        batch(2, "B2022-0002", 500),
        refund("P1-1", "0001", 100),
    ];
    // One debit for several batches, and several for one.
    check(&expected, "-800|代发B2022-0001,B2022-0002||", "0=0 0=1");
    check(
        &expected,
        "-200|代发B2022-0001||
         -100|代发B2022-0001||
         -500|B2022-0002||",
        "0=0 1=0 2=1",
    );
    // A sum that is not exact stays with a person.
    check(&expected, "-801|代发B2022-0001,B2022-0002||", "0? 0!0");
    check(
        &expected,
        "-200|代发B2022-0001||
         -101|代发B2022-0001||",
        "0? 1? 0!0 1!0",
    );
    // A refund is no part of a batch.
    check(&expected, "-400|B2022-0002 P1-1||", "0? 0!1");
    // Without a word: all that was sent on a day.
    check(&expected, "-800|代发||", "0=0 0=1");
    check(&expected, "-500|代发||", "0?");
    check(
        &expected,
        "-800|代发||
         -800|代发||",
        "0? 1?",
    );
    // A batch that is taken twice is not the other one of the same amount, nor is an unknown one.
    let equal = [batch(1, "B2022-0001", 300), batch(2, "B2022-0002", 300)];
    check(
        &equal,
        "-300|B2022-0001||
         -300|B2022-0001||",
        "0=0 1?",
    );
    check(&equal, "-600|B2022-0009||", "0?");
    // A batch that is taken once is not taken again with another.
    check(
        &expected,
        "-300|B2022-0001||
         -800|B2022-0001,B2022-0002||",
        "0=0 1? 1!1",
    );
}

#[test]
fn a_reference_is_a_word_of_its_own_and_the_longest_wins() {
    let expected = [refund("P1-1", "0001", 100), refund("P1-12", "0002", 100)];
    check(&expected, "100|退汇||P1-12", "0=1");
    check(&expected, "100|退汇||P1-1", "0=0");
    check(&expected, "100|退汇||XP1-1", "0~XP1-1");
    check(&expected, "100|退汇||(P1-1)退", "0=0");
    // Two items with this amount are named: a person decides.
    check(&expected, "100|退汇||P1-1 P1-12", "0? 0!0");
}

#[test]
fn another_amount_is_listed_with_the_item_that_it_names() {
    let expected = [batch(1, "B0001", 320_000), credit("神财社〔2022〕5号", 100)];
    let table = "-319000|代发B0001|0001|\n50|拨款||神财社〔2022〕5号\n-7|手续费|9999|\n7|利息||";
    check(&expected, table, "0? 1? 2? 3? 0!0 1!1");
    let moved = movements(table);
    let exceptions = match_statement(&expected, &moved).exceptions(&expected, &expected, &moved);
    let kinds: Vec<_> = exceptions.iter().map(|row| (row.line, row.kind)).collect();
    assert_eq!(
        kinds,
        [
            (1, ExceptionKind::BatchDebitDiffers),
            (2, ExceptionKind::UnexplainedCredit),
            (3, ExceptionKind::UnexplainedDebit),
            (4, ExceptionKind::UnexplainedCredit),
        ]
    );
    assert_eq!(
        exceptions[0].detail_zh,
        "批次 B0001 应扣 -3,200.00 元,2022-09-15 实际发生 -3,190.00 元,摘要“代发B0001”,\
         对方“测试”,尾号“0001”"
    );
}

#[test]
fn a_batch_that_is_taken_again_is_told_from_one_that_is_taken_otherwise() {
    let all = [batch(1, "B0001", 100), batch(2, "B0002", 200)];
    let kind = |open: &[Expected], table: &str| {
        let moved = movements(table);
        let matching = match_statement(open, &moved);
        let found = matching.exceptions(open, &all, &moved);
        found.iter().map(|row| row.kind).collect::<Vec<_>>()
    };
    let again = ExceptionKind::BatchDebitedAgain;
    assert_eq!(kind(&all[1..], "-100|代发 B0001||"), [again]);
    assert_eq!(kind(&all, "-100|B0001||\n-90|B0001||"), [again]);
    assert_eq!(
        kind(&all, "-90|B0001||"),
        [ExceptionKind::BatchDebitDiffers]
    );
    assert_eq!(
        kind(&[], "-300|B0001 B0002||"),
        [ExceptionKind::UnexplainedDebit]
    );
}

#[test]
fn money_that_goes_back_is_matched_by_its_letter_or_by_its_amount() {
    let back = |reference: &str, fen: i64| Expected::Transfer {
        voucher: VoucherId(1),
        reference: reference.to_owned(),
        on: parse_date("2022-09-12").unwrap(),
        amount: Fen::new(fen),
    };
    let letter = "神财社〔2022〕120号";
    check(
        &[back(letter, 100)],
        "-100|缴回国库||神财社(2022)120号",
        "0=0",
    );
    check(&[back(letter, 100)], "-100|缴回国库||", "0=0");
    check(&[back(letter, 100)], "-100|缴回||\n-100|缴回||", "0? 1?");
    check(&[back(letter, 100), back("", 100)], "-100|缴回||", "0?");
    check(
        &[back("", 100), batch(1, "B0001", 100)],
        "-100|支出||",
        "0?",
    );
    check(
        &[back(letter, 100)],
        "-90|缴回||神财社〔2022〕120号",
        "0? 0!0",
    );
    // The letter that brings money is not the one that takes it.
    check(
        &[credit(letter, 500), back(letter, 100)],
        "-90|缴回||神财社〔2022〕120号",
        "0? 0!1",
    );
    let later = Expected::Transfer {
        voucher: VoucherId(1),
        reference: String::new(),
        on: parse_date("2022-09-16").unwrap(),
        amount: Fen::new(100),
    };
    check(&[later], "-100|支出||", "0?");
}

#[test]
fn an_item_is_matched_once() {
    let expected = [batch(1, "B0001", 100)];
    check(&expected, "-100|代发B0001||\n-100|代发B0001||", "0=0 1?");
    // Money of one document in two equal instalments stays two.
    let twice = [
        credit("神财社〔2022〕5号", 100),
        credit("神财社〔2022〕5号", 100),
    ];
    check(
        &twice,
        "100|神财社〔2022〕5号||\n100|神财社〔2022〕5号||",
        "0=0 1=1",
    );
}

#[test]
fn refunds_without_a_reference_match_by_account_and_amount() {
    let expected = [
        refund("P1-1", "6200000000000001", 100),
        refund("P2-1", "6200000000000002", 100),
        refund("P3-1", "6200000000000003", 100),
        refund("P4-1", "6200000000000003", 100),
    ];
    check(&expected, "100|退汇|6200 0000 0000 0002|", "0=1");
    check(&expected, "101|退汇|6200000000000002|", "0?");
    // Two await the same: two movements bring both home, one alone decides nothing.
    check(&expected, "100|退汇|6200000000000003|", "0?");
    check(
        &expected,
        "100|退|6200000000000003|\n100|退|6200000000000003|",
        "0=2 1=3",
    );
    // A reference comes first, and what is left is unique.
    check(
        &expected,
        "100|退|6200000000000003|\n100|退||P3-1",
        "0=3 1=2",
    );
    check(&[refund("P1-1", "", 100)], "100|退汇||", "0?");
}

#[test]
fn a_credit_that_names_an_unawaited_payment_is_a_late_refund() {
    let expected = [refund("P12-1", "6200000000000012", 74_000)];
    // Same payee, same amount, another month: not the refund that is awaited.
    check(&expected, "74000|退票|6200000000000012|P7-1", "0~P7-1");
    for (table, wanted) in [
        ("74000|退票||原付款 P7-1", "0~P7-1"),
        ("74000|退票20220915||2022-09-15 P7-1 2022年", "0~P7-1"),
        ("74000|退票|6200000000000012|6200000000000012", "0?"),
        ("74000|退票||HQF0001", "0?"),
        ("74000|退票||00012345", "0~00012345"),
        ("-74000|退票||P7-1", "0?"),
        ("74000|利息||", "0?"),
    ] {
        check(&[], table, wanted);
    }
    let moved = movements("74000|退票||P7-1");
    let exception = refund_without_original(&moved[0], "P7-1");
    assert_eq!(exception.kind, ExceptionKind::RefundWithoutOriginal);
    assert_eq!(
        exception.detail_zh,
        "2022-09-15 收到 740.00 元,注明 P7-1,账上没有这笔付款,摘要“退票”,附言“P7-1”,\
         对方“测试”"
    );
}

#[test]
fn a_hundred_thousand_movements_are_matched_in_linear_time() {
    let keys = 0..100_000_i64;
    let expected: Vec<Expected> = keys
        .clone()
        .map(|number| {
            refund(
                &format!("P{number}-1"),
                &format!("62{number:014}"),
                number + 1,
            )
        })
        .collect();
    let table: Vec<String> = keys
        .map(|number| match number % 2 {
            0 => format!("{}|退汇||原付款 P{number}-1 账户不存在", number + 1),
            _ => format!("{}|退汇|62{number:014}|", number + 1),
        })
        .collect();
    let moved = movements(&table.join("\n"));
    let start = std::time::Instant::now();
    let matching = match_statement(&expected, &moved);
    assert_eq!(matching.matched.len(), 100_000);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

fn any_expected() -> impl Strategy<Value = Vec<Expected>> {
    let row =
        (0..3_u8, 0..4_u8, 0..3_u8, 1..3_i64).prop_map(|(kind, key, account, fen)| match kind {
            0 => batch(1, &format!("B{key}"), fen),
            1 => credit(&format!("神财社〔2022〕{key}号"), fen),
            _ => refund(&format!("P{key}-1"), &format!("620000{account}"), fen),
        });
    prop::collection::vec(row, 0..10)
}

fn any_movements() -> impl Strategy<Value = Vec<Movement>> {
    let text = prop_oneof![
        Just(String::new()),
        (0..4_u8).prop_map(|key| format!("代发B{key}")),
        (0..4_u8).prop_map(|key| format!("神财社[2022]{key}号")),
        (0..9_u8).prop_map(|key| format!("退汇P{key}-1")),
    ];
    let row = (text.clone(), text, 0..3_u8, -2..3_i64);
    prop::collection::vec(row, 0..16).prop_map(|rows| {
        let table: Vec<String> = rows
            .into_iter()
            .map(|(summary, remark, account, fen)| {
                format!("{fen}|{summary}|620000{account}|{remark}")
            })
            .collect();
        movements(&table.join("\n"))
    })
}

proptest! {
    /// Every movement ends in one place, no item is used twice, and matched amounts are equal.
    #[test]
    fn every_movement_ends_in_exactly_one_place(
        expected in any_expected(), moved in any_movements(),
    ) {
        let matching = match_statement(&expected, &moved);
        let of_movement: BTreeSet<usize> = matching.matched.iter().map(|pair| pair.0).collect();
        let mut places: Vec<usize> = of_movement.iter().copied().collect();
        places.extend(matching.late_refunds.iter().map(|pair| pair.0));
        places.extend(&matching.unexplained);
        places.sort_unstable();
        prop_assert_eq!(places, (0..moved.len()).collect::<Vec<_>>());
        let used: BTreeSet<usize> = matching.matched.iter().map(|pair| pair.1).collect();
        for (line, item) in &matching.matched {
            let items = matching.matched.iter().filter(|pair| pair.0 == *line);
            let lines = matching.matched.iter().filter(|pair| pair.1 == *item);
            let (items, lines): (Vec<_>, Vec<_>) = (items.collect(), lines.collect());
            prop_assert!(items.len() == 1 || lines.len() == 1);
            let wanted = items.iter().map(|pair| expected[pair.1].signed_amount());
            let came = lines.iter().map(|pair| moved[pair.0].amount);
            prop_assert_eq!(Fen::sum(came).unwrap(), Fen::sum(wanted).unwrap());
        }
        for (line, item) in &matching.differing {
            prop_assert!(matching.unexplained.contains(line) && !used.contains(item));
        }
    }

    /// Shuffled movements give the same matches.
    #[test]
    fn order_does_not_matter(
        expected in any_expected(),
        (moved, shuffled) in any_movements()
            .prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
    ) {
        let by_line = |moved: &[Movement]| {
            let matching = match_statement(&expected, moved);
            let lines: BTreeSet<(u64, usize)> =
                matching.matched.iter().map(|(index, item)| (moved[*index].line, *item)).collect();
            let late: BTreeSet<(u64, String)> = matching
                .late_refunds
                .into_iter()
                .map(|(index, key)| (moved[index].line, key))
                .collect();
            (lines, late)
        };
        prop_assert_eq!(by_line(&moved), by_line(&shuffled));
    }
}
