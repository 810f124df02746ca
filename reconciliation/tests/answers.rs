//! Matching a return: tables of lines and where each of them goes, and the laws that hold for all
//! returns.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;

use ledger::id::PaymentId;
use ledger::money::Fen;
use ledger::problem::Language;
use proptest::prelude::*;
use reconciliation::answer::{Answer, ExceptionKind, Matching, Outcome, Sent, match_return};

/// Sent items, one a line: `key account name fen [answered]`; `-` is an empty key.
fn sent(table: &str) -> Vec<Sent> {
    rows(table)
        .enumerate()
        .map(|(number, words)| Sent {
            payment: PaymentId(i64::try_from(number).unwrap() + 1),
            attempt: 1,
            key: words[0].trim_matches('-').to_owned(),
            account_no: words[1].to_owned(),
            payee_name: words[2].to_owned(),
            amount: Fen::new(words[3].parse().unwrap()),
            answered: words.get(4).map(|word| outcome(word)),
        })
        .collect()
}

/// Answers, one a line: `key account name fen outcome`; `-` is no key.
fn answers(table: &str) -> Vec<Answer> {
    rows(table)
        .zip(1..)
        .map(|(words, line)| Answer {
            line,
            key: (words[0] != "-").then(|| words[0].to_owned()),
            account_no: words[1].to_owned(),
            payee_name: words[2].to_owned(),
            amount: Fen::new(words[3].parse().unwrap()),
            outcome: outcome(words[4]),
        })
        .collect()
}

fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| line.split_whitespace().collect())
}

fn outcome(word: &str) -> Outcome {
    match word {
        "paid" => Outcome::Paid,
        "failed" => Outcome::Failed,
        "pending" => Outcome::Pending,
        other => panic!("no outcome {other}"),
    }
}

/// `line:place`, with the sent item where there is one, then `unanswered:…`.
fn places(matching: &Matching, answers: &[Answer]) -> String {
    let mut places: Vec<(u64, String)> = Vec::new();
    for (name, list) in [
        ("settled", &matching.settled),
        ("repeated", &matching.repeated),
        ("pending", &matching.pending),
    ] {
        for row in list {
            let (line, outcome) = (answers[row.answer].line, row.outcome.name(Language::En));
            let text = if name == "pending" {
                String::new()
            } else {
                format!("-{outcome}")
            };
            places.push((line, format!("{line}:{name}{text}@{}", row.sent)));
        }
    }
    for row in &matching.exceptions {
        let item = row.sent.map_or(String::new(), |item| format!("@{item}"));
        places.push((row.line, format!("{}:{}{item}", row.line, row.kind.code())));
    }
    places.sort();
    let open = matching
        .unanswered
        .iter()
        .map(|item| format!("open@{item}"));
    places
        .into_iter()
        .map(|place| place.1)
        .chain(open)
        .collect::<Vec<_>>()
        .join(" ")
}

fn check(sent_table: &str, answer_table: &str, expected: &str) {
    let (sent, answers) = (sent(sent_table), answers(answer_table));
    let matching = match_return(&sent, &answers, &|key| key.starts_with('X'));
    assert_eq!(
        places(&matching, &answers),
        expected,
        "\n{sent_table}\n{answer_table}"
    );
    for row in &matching.exceptions {
        assert!(!row.detail_zh.is_empty() && !row.detail_en.is_empty());
    }
}

const THREE: &str = "
    P1-1 6200000000000001 测试甲 74000
    P2-1 6200000000000002 测试乙 74000
    P3-1 6200000000000003 测试丙 37000";

#[test]
fn a_reference_matches_when_account_and_amount_agree() {
    check(
        THREE,
        "P3-1 6200000000000003 测试丙 37000 paid
         P1-1 6200000000000001 测试甲 74000 failed
         P2-1 6200000000000002 测试乙 74000 pending",
        "1:settled-paid@2 2:settled-failed@0 3:pending@1",
    );
    // A name that the bank writes differently does not undo reference, account and amount.
    check(
        THREE,
        "P1-1 6200000000000001 测试申 74000 paid",
        "1:settled-paid@0 open@1 open@2",
    );
}

#[test]
fn a_line_that_disagrees_is_an_exception_and_the_others_go_on() {
    check(
        THREE,
        "P1-1 6200000000000001 测试甲 74001 paid
         P2-1 6200000000000009 测试乙 74000 paid
         P3-1 6200000000000003 测试丙 37000 paid",
        "1:amount-differs@0 2:account-differs@1 3:settled-paid@2",
    );
    check(
        THREE,
        "P9-1 6200000000000001 测试甲 74000 paid
         X1-1 6200000000000002 测试乙 74000 paid
         P3-1 6200000000000003 测试丙 37000 paid",
        "1:unknown-payment 2:foreign-batch 3:settled-paid@2 open@0 open@1",
    );
}

#[test]
fn a_sent_item_is_matched_once() {
    // The same line again is the same answer.
    check(
        THREE,
        "P1-1 6200000000000001 测试甲 74000 paid
         P1-1 6200000000000001 测试甲 74000 paid",
        "1:settled-paid@0 2:repeated-paid@0 open@1 open@2",
    );
    // Another line for it is not.
    check(
        THREE,
        "P1-1 6200000000000001 测试甲 74000 paid
         P1-1 6200000000000001 测试申 74000 paid",
        "1:settled-paid@0 2:matched-twice@0 open@1 open@2",
    );
    // A return that contradicts itself decides nothing, in whichever order it does so.
    for (first, second, place) in [
        ("paid", "failed", "contradiction"),
        ("failed", "paid", "contradiction"),
        ("paid", "pending", "matched-twice"),
        ("pending", "failed", "matched-twice"),
    ] {
        check(
            THREE,
            &format!(
                "P1-1 6200000000000001 测试甲 74000 {first}
                 P1-1 6200000000000001 测试甲 74000 {second}"
            ),
            &format!("1:{place}@0 2:{place}@0 open@1 open@2"),
        );
    }
}

#[test]
fn an_earlier_answer_is_repeated_or_contradicted() {
    for (earlier, now, place) in [
        ("paid", "paid", "repeated-paid@0"),
        ("failed", "failed", "repeated-failed@0"),
        ("paid", "failed", "success-taken-back@0"),
        ("failed", "paid", "late-success@0"),
        ("paid", "pending", "repeated-pending@0"),
        ("pending", "pending", "pending@0"),
        ("pending", "failed", "settled-failed@0"),
    ] {
        check(
            &format!("P1-1 6200000000000001 测试甲 74000 {earlier}"),
            &format!("P1-1 6200000000000001 测试甲 74000 {now}"),
            &format!("1:{place}"),
        );
    }
    // An item that was answered earlier and is not in this return is not open.
    check(
        "P1-1 6200000000000001 测试甲 74000 paid
         P2-1 6200000000000002 测试乙 74000 pending",
        "",
        "open@1",
    );
}

#[test]
fn without_a_reference_account_name_and_amount_decide() {
    check(
        THREE,
        "- 6200000000000002 测试乙 74000 paid
         - 6200000000000003 测试丙 37001 paid
         - 6200000000000009 测试甲 74000 paid
         - 6200000000000009 测试丁 10000 paid",
        "1:settled-paid@1 2:amount-differs@2 3:account-differs@0 4:unknown-payment",
    );
    check(
        "- 6200000000000001 测试·甲 74000",
        "- 6200000000000001 测试•甲 74000 paid",
        "1:settled-paid@0",
    );
}

#[test]
fn two_honest_equal_rows_stay_two() {
    let two = "
        P1-1 6200000000000001 测试甲 74000
        P2-1 6200000000000001 测试甲 74000";
    let paid = "- 6200000000000001 测试甲 74000 paid\n";
    let failed = "- 6200000000000001 测试甲 74000 failed\n";
    check(
        two,
        &format!("{paid}{paid}"),
        "1:settled-paid@0 2:settled-paid@1",
    );
    check(
        two,
        &format!("{failed}{paid}"),
        "1:settled-failed@0 2:settled-paid@1",
    );
    check(two, paid, "1:ambiguous");
    check(two, &paid.repeat(3), "1:ambiguous 2:ambiguous 3:ambiguous");
    // One item and two equal lines: the second may be a second payment.
    let one = "P1-1 6200000000000001 测试甲 74000";
    check(one, &paid.repeat(2), "1:settled-paid@0 2:matched-twice@0");
    check(
        one,
        &format!("{paid}{failed}"),
        "1:contradiction@0 2:contradiction@0",
    );
    // A reference takes one of the two, and what is left is unique.
    let keyed = "P2-1 6200000000000001 测试甲 74000 failed\n";
    check(
        two,
        &format!("{paid}{keyed}"),
        "1:settled-paid@0 2:settled-failed@1",
    );
    check(
        one,
        &format!("{}{paid}", keyed.replace("P2", "P1")),
        "1:settled-failed@0 2:matched-twice@0",
    );
}

#[test]
fn equal_rows_keep_the_answers_that_are_known() {
    let two = "
        P1-1 6200000000000001 测试甲 74000 failed
        P2-1 6200000000000001 测试甲 74000 pending";
    let lines = "
        - 6200000000000001 测试甲 74000 paid
        - 6200000000000001 测试甲 74000 failed";
    check(two, lines, "1:settled-paid@1 2:repeated-failed@0");
}

#[test]
fn a_reference_that_was_given_twice_decides_nothing() {
    check(
        "P1-1 6200000000000001 测试甲 74000
         P1-1 6200000000000002 测试乙 37000",
        "P1-1 6200000000000002 测试乙 37000 paid",
        "1:ambiguous open@0 open@1",
    );
}

#[test]
fn details_show_amounts_and_only_the_tail_of_an_account() {
    let sent = sent("P1-1 6200000000000001 测试甲 7400000");
    for (line, zh, en) in [
        (
            "P1-1 6200000000000001 测试甲 7400001 paid",
            "应为 74,000.00 元,回盘为 74,000.01 元",
            "sent 74,000.00 yuan, the return says 74,000.01",
        ),
        (
            "P1-1 6200000000009999 测试甲 7400000 paid",
            "应为尾号 0001,回盘为尾号 9999,74,000.00 元",
            "sent to account ending 0001, returned for 9999, 74,000.00 yuan",
        ),
    ] {
        let matching = match_return(&sent, &answers(line), &|_| false);
        let row = &matching.exceptions[0];
        assert_eq!((row.detail_zh.as_str(), row.detail_en.as_str()), (zh, en));
    }
}

#[test]
fn kinds_have_distinct_codes_and_names_in_both_languages() {
    let codes: BTreeSet<_> = ExceptionKind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(codes.len(), ExceptionKind::ALL.len());
    for kind in ExceptionKind::ALL {
        assert_eq!(ExceptionKind::from_code(kind.code()), Some(*kind));
        assert_ne!(kind.name(Language::Zh), kind.name(Language::En));
    }
    assert_eq!(ExceptionKind::from_code("other"), None);
}

/// A batch of `count` payments to distinct payees, and its return with all of them paid.
fn large(count: usize, keyed: bool) -> (Vec<Sent>, Vec<Answer>) {
    let sent: Vec<Sent> = (0..count)
        .map(|number| Sent {
            payment: PaymentId(i64::try_from(number).unwrap()),
            attempt: 1,
            key: format!("P{number}-1"),
            account_no: format!("62{number:014}"),
            payee_name: format!("测试{}", number % 97),
            amount: Fen::new(10_000 + i64::try_from(number % 13).unwrap()),
            answered: None,
        })
        .collect();
    let answers = sent
        .iter()
        .zip(1..)
        .map(|(row, line)| Answer {
            line,
            key: keyed.then(|| row.key.clone()),
            account_no: row.account_no.clone(),
            payee_name: row.payee_name.clone(),
            amount: row.amount,
            outcome: Outcome::Paid,
        })
        .collect();
    (sent, answers)
}

/// Elsewhere, one unknown id stalled a whole statement, and amounts were read and never compared.
#[test]
fn one_bad_row_in_ten_thousand_stops_nothing() {
    for keyed in [true, false] {
        for spoil in [
            |line: &mut Answer| line.amount = Fen::new(1),
            |line: &mut Answer| {
                line.key = line.key.is_some().then(|| "Z9-9".to_owned());
                line.account_no = "0".to_owned();
                line.payee_name = "无此人".to_owned();
            },
        ] {
            let (sent, mut answers) = large(10_000, keyed);
            spoil(&mut answers[4_711]);
            let matching = match_return(&sent, &answers, &|_| false);
            assert_eq!(
                (matching.settled.len(), matching.exceptions.len()),
                (9_999, 1)
            );
            assert_eq!(matching.exceptions[0].line, 4_712);
        }
    }
}

/// A quadratic search would take minutes here; the bound is wide because machines are shared.
#[test]
fn a_hundred_thousand_lines_are_matched_in_linear_time() {
    for keyed in [true, false] {
        let (sent, answers) = large(100_000, keyed);
        let start = std::time::Instant::now();
        let matching = match_return(&sent, &answers, &|_| false);
        assert_eq!(matching.settled.len(), 100_000);
        assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    }
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop::sample::select(vec![Outcome::Paid, Outcome::Failed, Outcome::Pending])
}

/// Few accounts, names and amounts, so that equal rows, near misses and collisions are common.
fn any_sent() -> impl Strategy<Value = Vec<Sent>> {
    let row = (0..3_u8, 0..2_u8, 1..3_i64, prop::option::of(any_outcome()));
    prop::collection::vec(row, 0..12).prop_map(|rows| {
        let number =
            |(number, (account, name, amount, answered)): (usize, (u8, u8, i64, _))| Sent {
                payment: PaymentId(i64::try_from(number).unwrap()),
                attempt: 1,
                key: format!("P{number}-1"),
                account_no: format!("620000{account}"),
                payee_name: format!("测试{name}"),
                amount: Fen::new(amount),
                answered,
            };
        rows.into_iter().enumerate().map(number).collect()
    })
}

fn any_answers() -> impl Strategy<Value = Vec<Answer>> {
    let key = prop::option::weighted(
        0.6,
        prop_oneof![
            4 => (0..14_usize).prop_map(|number| format!("P{number}-1")),
            1 => Just("X1-1".to_owned()),
        ],
    );
    let row = (key, 0..3_u8, 0..2_u8, 1..3_i64, any_outcome());
    prop::collection::vec(row, 0..24).prop_map(|rows| {
        let number = |((key, account, name, amount, outcome), line)| Answer {
            line,
            key,
            account_no: format!("620000{account}"),
            payee_name: format!("测试{name}"),
            amount: Fen::new(amount),
            outcome,
        };
        rows.into_iter().zip(1..).map(number).collect()
    })
}

proptest! {
    /// Settled, repeated, pending and exceptions are disjoint and together they are the return.
    #[test]
    fn every_line_ends_in_exactly_one_place(sent in any_sent(), answers in any_answers()) {
        let matching = match_return(&sent, &answers, &|key| key.starts_with('X'));
        let matched = [&matching.settled, &matching.repeated, &matching.pending];
        let matched = matched.into_iter().flatten().map(|row| answers[row.answer].line);
        let mut lines: Vec<u64> =
            matched.chain(matching.exceptions.iter().map(|row| row.line)).collect();
        lines.sort_unstable();
        let all: Vec<u64> = answers.iter().map(|line| line.line).collect();
        prop_assert_eq!(lines, all);
        let amount = |rows: &mut dyn Iterator<Item = Fen>| rows.map(Fen::get).sum::<i64>();
        prop_assert_eq!(
            amount(&mut matching.exceptions.iter().map(|row| row.amount))
                + amount(&mut [&matching.settled, &matching.repeated, &matching.pending]
                    .into_iter().flatten().map(|row| answers[row.answer].amount)),
            amount(&mut answers.iter().map(|line| line.amount))
        );
    }

    /// What is posted is new, agrees with what was sent, and is posted once.
    #[test]
    fn nothing_is_posted_twice_or_in_doubt(sent in any_sent(), answers in any_answers()) {
        let matching = match_return(&sent, &answers, &|key| key.starts_with('X'));
        let mut seen = BTreeSet::new();
        for row in matching.settled.iter().chain(&matching.pending) {
            let (item, line) = (&sent[row.sent], &answers[row.answer]);
            prop_assert!(seen.insert(row.sent), "item {} twice", row.sent);
            prop_assert!(!item.answered.is_some_and(Outcome::is_terminal));
            prop_assert_eq!((item.amount, &item.account_no), (line.amount, &line.account_no));
            prop_assert_eq!(row.outcome, line.outcome);
            if let Some(key) = &line.key {
                prop_assert_eq!(key, &item.key);
            }
        }
        prop_assert!(matching.settled.iter().all(|row| row.outcome.is_terminal()));
        prop_assert!(matching.pending.iter().all(|row| row.outcome == Outcome::Pending));
        prop_assert!(matching.unanswered.iter().all(|item| seen.insert(*item)));
    }

    /// Shuffled lines give the same outcomes.
    #[test]
    fn order_does_not_matter(
        sent in any_sent(),
        (answers, shuffled) in any_answers()
            .prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
    ) {
        let known = |key: &str| key.starts_with('X');
        let straight = match_return(&sent, &answers, &known);
        let other = match_return(&sent, &shuffled, &known);
        prop_assert_eq!(places(&straight, &answers), places(&other, &shuffled));
        prop_assert_eq!(straight.exceptions, other.exceptions);
    }

    /// The same return a second time changes nothing that was settled.
    #[test]
    fn a_return_loaded_again_settles_nothing(sent in any_sent(), answers in any_answers()) {
        let known = |key: &str| key.starts_with('X');
        let first = match_return(&sent, &answers, &known);
        let mut after = sent.clone();
        for row in &first.settled {
            after[row.sent].answered = Some(row.outcome);
        }
        let second = match_return(&after, &answers, &known);
        prop_assert!(second.settled.is_empty(), "{:?}", second.settled);
    }
}
