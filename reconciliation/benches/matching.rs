//! How fast a return of 100,000 lines is matched to what was sent.
//!
//! `cargo bench -p reconciliation`

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use ledger::id::PaymentId;
use ledger::money::Fen;
use reconciliation::answer::{Answer, Outcome, Sent, match_return};

const LINES: i64 = 100_000;

fn main() {
    divan::main();
}

fn sent() -> Vec<Sent> {
    (1..=LINES)
        .map(|number| Sent {
            payment: PaymentId(1_000_000 + number),
            attempt: 1,
            key: format!("P{}-1", 1_000_000 + number),
            account_no: format!("62000000{number:011}"),
            payee_name: ["测试甲", "测试乙", "示例·丙"][usize::try_from(number % 3).unwrap()]
                .to_owned(),
            amount: Fen::new(29_000 + number % 97 * 150),
            answered: None,
        })
        .collect()
}

fn answers(sent: &[Sent], has_keys: bool) -> Vec<Answer> {
    (4_u64..)
        .zip(sent)
        .map(|(line, sent)| Answer {
            line,
            key: has_keys.then(|| sent.key.clone()),
            account_no: sent.account_no.clone(),
            payee_name: sent.payee_name.clone(),
            amount: sent.amount,
            outcome: match line % 100 {
                0 | 1 => Outcome::Failed,
                2 => Outcome::Pending,
                _ => Outcome::Paid,
            },
        })
        .collect()
}

/// Another order in which every line is still there.
fn shuffle(answers: Vec<Answer>) -> Vec<Answer> {
    let mut keyed: Vec<(usize, Answer)> = (0..)
        .map(|place: usize| place * 7_919 % 100_003)
        .zip(answers)
        .collect();
    keyed.sort_by_key(|(place, _)| *place);
    let lines = (4_u64..).zip(keyed);
    lines
        .map(|(line, (_, answer))| Answer { line, ..answer })
        .collect()
}

fn run(bencher: Bencher<'_, '_>, sent: &[Sent], answers: &[Answer]) {
    let matching = match_return(sent, answers, &|_| false);
    assert_eq!(matching.exceptions, []);
    bencher
        .counter(ItemsCount::new(sent.len()))
        .bench_local(|| match_return(black_box(sent), black_box(answers), &|_| false));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn by_reference_in_order(bencher: Bencher<'_, '_>) {
    let sent = sent();
    run(bencher, &sent, &answers(&sent, true));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn by_reference_in_another_order(bencher: Bencher<'_, '_>) {
    let sent = sent();
    run(bencher, &sent, &shuffle(answers(&sent, true)));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn by_account_name_and_amount(bencher: Bencher<'_, '_>) {
    let sent = sent();
    run(bencher, &sent, &answers(&sent, false));
}

/// What the bank says for a line that is not in the batch is explained; many such lines are slow.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn nothing_fits(bencher: Bencher<'_, '_>) {
    let sent = sent();
    let others: Vec<Answer> = answers(&sent, true)
        .into_iter()
        .map(|answer| Answer {
            key: answer.key.map(|key| format!("{key}9")),
            ..answer
        })
        .collect();
    bencher
        .counter(ItemsCount::new(others.len()))
        .bench_local(|| match_return(black_box(&sent), black_box(&others), &|_| false));
}
