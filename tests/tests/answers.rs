//! What a bank's answer does not say, the officer types from the bank's page: how many lines it
//! has, what they come to, and that a batch is finished. A file that was cut off, or that is the
//! answer to another batch, is not taken for more than it is.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::for_each_engine;
use acceptance::office::paper::{BatchFile, Line, Outcome, csv_return, outcomes, people};
use acceptance::office::{Office, done, told};
use api::app::returns::{self, ReturnInput, Said};
use api::app::{Done, Error};
use encoding_rs::GB18030;
use ledger::money::Fen;
use serde_json::Value;

/// What somebody typed about these lines.
fn typed(lines: &[Line], is_finished: bool) -> Said {
    Said {
        count: Some(u64::try_from(lines.len()).unwrap()),
        total: Some(Fen::sum(lines.iter().map(|line| line.amount)).unwrap()),
        is_finished,
    }
}

/// A list of failures, which names neither the batch nor our keys.
fn failures(lines: &[Line]) -> String {
    lines
        .iter()
        .map(|line| {
            let (account, name, yuan) = (&line.account, &line.name, line.amount.yuan());
            format!("账户冻结|{}|{account}|{name}|{yuan}|\r\n", line.order)
        })
        .collect()
}

async fn import(
    office: &Office,
    batch: &BatchFile,
    (profile, text): (Option<&str>, &str),
    said: Said,
) -> Result<Done, Error> {
    let input = ReturnInput {
        file_name: "answer.txt".to_owned(),
        bytes: GB18030.encode(text).0.into_owned(),
        batch: Some(batch.number.clone()),
        profile: profile.map(str::to_owned),
        said,
    };
    let preview = returns::preview(&office.app, office.who("cashier"), &input).await;
    let done = returns::import(&office.app, office.who("cashier"), &input, None).await;
    assert_eq!(
        preview.is_err(),
        done.is_err(),
        "a preview refuses the same"
    );
    office.assert_invariants().await;
    done
}

fn counts(answer: &Value) -> [i64; 3] {
    ["paid", "failed", "unanswered"].map(|name| answer[name].as_i64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_banks_page_says_is_held_against_the_file() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("rural", "2022-01", &people(3)).await;
        let batch = office.pay_month("rural", "2022-01").await;
        let rows = outcomes(&batch, |_| Outcome::Paid);
        let two = csv_return(&batch.number, &rows[..2], None);
        let file = |text| (None, text);
        let said = |count, fen| Said {
            count: Some(count),
            total: Some(Fen::new(fen)),
            is_finished: false,
        };
        let right = typed(&batch.lines[..2], false);
        let total = right.total.unwrap().get();
        for (said, code) in [
            (said(3, total), "BNK-0006"),
            (said(2, total + 1), "BNK-0006"),
            (
                Said {
                    is_finished: true,
                    ..right
                },
                "CMD-0003",
            ),
        ] {
            let refused = import(&office, &batch, file(two.as_str()), said).await;
            assert_eq!(told(&refused), code, "{said:?}");
        }
        let answer = done(import(&office, &batch, file(two.as_str()), right).await);
        assert_eq!(counts(&answer), [2, 0, 1]);
        let last = csv_return(&batch.number, &rows[2..], None);
        let answer = done(import(&office, &batch, file(last.as_str()), Said::default()).await);
        assert_eq!(counts(&answer), [1, 0, 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_failures_answers_for_all_others_once_the_bank_has_finished() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("rural", "2022-01", &people(4)).await;
        let batch = office.pay_month("rural", "2022-01").await;
        let failed = &batch.lines[..1];
        let text = failures(failed);
        let file = (Some("dalian-failures"), text.as_str());
        for said in [
            Said::default(),
            Said {
                is_finished: true,
                ..Said::default()
            },
        ] {
            let refused = import(&office, &batch, file, said).await;
            assert_eq!(told(&refused), "BNK-0015", "{said:?}");
        }
        // The bank is still at work: the failure counts, and nothing else is known.
        let answer = done(import(&office, &batch, file, typed(failed, false)).await);
        assert_eq!(counts(&answer), [0, 1, 3]);
        let again = import(&office, &batch, file, typed(failed, false)).await;
        assert_eq!(told(&again), "BNK-0002");
        let answer = done(import(&office, &batch, file, typed(failed, true)).await);
        assert_eq!(counts(&answer), [3, 0, 0]);
        let again = import(&office, &batch, file, typed(failed, true)).await;
        assert_eq!(told(&again), "BNK-0002", "finished once");
        let count = "select count(*) from outcome";
        assert_eq!(office.count(count).await, 4);

        // Next month the same person fails again, and the file is the same to the byte.
        let batch = office.pay_month("rural", "2022-02").await;
        let other = import(&office, &batch, file, Said::default()).await;
        assert_eq!(told(&other), "BNK-0016");
        let answer = done(import(&office, &batch, file, typed(failed, true)).await);
        assert_eq!(counts(&answer), [3, 1, 0]);
    })
    .await;
}
