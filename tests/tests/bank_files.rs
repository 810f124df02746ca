//! Bank files at the command line: layouts and their columns, layouts of the user's own, what a
//! file is and what is wrong with it, and files that are too large to be read.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::{File, create_dir, write};
use std::io::Write;
use std::path::Path;

use acceptance::for_each_engine;
use acceptance::office::paper::{self, people};
use acceptance::office::{Office, WAY, done, month};
use acceptance::program::Huimin;
use api::app::{release, roster};
use bank_adapters::{Profile, read_batch};
use ledger::disbursement::workflow::RunEvent;
use ledger_store::run::RunKind;
use serde_json::json;

fn golden(name: &str) -> Vec<u8> {
    let path = "../bank-adapters/tests/data";
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path).join(name)).unwrap()
}

#[test]
fn layouts_are_listed_and_told_in_full() {
    let directory = tempfile::tempdir().unwrap();
    let terminal = Huimin::at(directory.path());
    let list = terminal.done("bank-file profiles");
    let list = list["profiles"].as_array().unwrap();
    assert!(list.len() >= 30);
    for profile in list {
        for field in [
            "id",
            "name",
            "name_en",
            "source",
            "confidence",
            "use",
            "kind",
        ] {
            let text = profile[field].as_str().unwrap();
            assert!(!text.is_empty(), "{field} of {profile}");
        }
        let (doubts, warnings) = (&profile["doubts"], &profile["warnings"]);
        let count = |list: &serde_json::Value| list.as_array().unwrap().len();
        assert_eq!(count(doubts), count(warnings), "{profile}");
    }
    let one = terminal.done("bank-file profiles abc-cfrt03");
    let columns = one["columns"].as_array().unwrap();
    let told: Vec<_> = columns
        .iter()
        .map(|c| {
            (
                c["headings"][0].as_str().unwrap(),
                c["field"].as_str().unwrap(),
                c["bytes_max"].as_i64(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("姓名", "payee-name", Some(60)),
            ("账号", "account-no", Some(30)),
            ("金额", "amount", Some(18)),
            ("备注", "key", Some(30)),
        ]
    );
    let dhcc = terminal.done("bank-file profiles nxs-dhcc");
    assert_eq!(dhcc["values_missing"][0], "unit-no");
    let text = terminal
        .english()
        .run("bank-file profiles ccb-return")
        .expect_status(0);
    for word in ["CCB answer", "about 2011", "订单号", "成功"] {
        assert!(text.stdout.contains(word), "{word} in {}", text.stdout);
    }
    assert_eq!(
        terminal.refused("bank-file profiles none")["code"],
        "BNK-0003"
    );
}

/// The directory is that beside the database, that of the variable, or that of the option.
#[test]
fn layouts_of_ones_own_are_read_and_faulty_ones_refused() {
    let directory = tempfile::tempdir().unwrap();
    let terminal = Huimin::at(directory.path());
    let own = "id = \"nxs-yushe\"\nextends = \"nxs-dhcc\"\n[values]\nunit-no = \"1046\"\n";
    create_dir(directory.path().join("profiles")).unwrap();
    create_dir(directory.path().join("other")).unwrap();
    write(directory.path().join("profiles/a.toml"), own).unwrap();
    write(
        directory.path().join("other/b.toml"),
        own.replace("yushe", "other"),
    )
    .unwrap();
    let is_known = |line: &str, id: &str| {
        let list = terminal.done(line);
        list["profiles"]
            .as_array()
            .unwrap()
            .iter()
            .any(|profile| profile["id"] == id)
    };
    assert!(is_known("bank-file profiles", "nxs-yushe"));
    assert!(is_known("bank-file profiles --profiles other", "nxs-other"));
    assert!(!is_known(
        "bank-file profiles --profiles other",
        "nxs-yushe"
    ));
    write(directory.path().join("b.txt"), golden("nxs-dhcc.txt")).unwrap();
    let read = terminal.done("bank-file inspect b.txt --profile nxs-yushe");
    assert_eq!(
        (&read["count"], &read["total_fen"]),
        (&3.into(), &10_023_500.into())
    );
    for (text, line, word) in [
        (
            "id = \"x\"\nextends = \"nxs-dhcc\"\nvalue = 1\n",
            3,
            "unknown field",
        ),
        (
            "id = \"dalian\"\nextends = \"nxs-dhcc\"\n",
            1,
            "comes with the program",
        ),
        ("id = \"x\"\nkind = \"delimited\"\n", 1, "missing field"),
    ] {
        write(directory.path().join("other/b.toml"), text).unwrap();
        for command in ["bank-file profiles", "bank-file inspect b.txt"] {
            let problem = terminal
                .english()
                .refused(&format!("{command} --profiles other"));
            assert_eq!(problem["code"], "BNK-0001");
            let fault = &problem["findings"][0];
            let place = (
                fault["where"]["file"].as_str(),
                fault["where"]["row"].as_i64(),
            );
            assert_eq!(place, (Some("b.toml"), Some(line)), "{problem}");
            assert!(fault.to_string().contains(word), "{problem}");
        }
    }
    assert_eq!(
        terminal.refused("bank-file profiles --profiles none")["code"],
        "CMD-0001"
    );
}

/// File, layout that is found, exit status, number of lines, total, first finding.
#[test]
fn a_file_says_what_it_is_and_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let terminal = Huimin::at(directory.path());
    let spoiled = {
        let text = encoding_rs::GBK
            .decode(&golden("boc-payoff.txt"))
            .0
            .into_owned();
        let text = text.replace("|CNY|100235.00|", "|CNY|1002.35|");
        encoding_rs::GBK.encode(&text).0.into_owned()
    };
    for (name, bytes, profile, status, count, code) in [
        ("a.txt", golden("abc-cfrt03.txt"), "abc-cfrt03", 0, 3, ""),
        (
            "b.txt",
            golden("nxs-dhcc-return.txt"),
            "nxs-dhcc-return",
            0,
            3,
            "",
        ),
        (
            "c.xls",
            golden("icbc-xls-return.xls"),
            "icbc-xls-return",
            3,
            3,
            "BNK-0153",
        ),
        ("d.txt", spoiled, "boc-payoff", 3, 3, "BNK-0131"),
    ] {
        write(directory.path().join(name), bytes).unwrap();
        let output = terminal.run(&format!("bank-file inspect {name} --format json"));
        let read = output.expect_status(status).json();
        assert_eq!(read["profile"], profile, "{read}");
        assert_eq!(read["count"], count, "{read}");
        assert!(
            read["fits"][0]["why"].as_str().unwrap().contains('列'),
            "{read}"
        );
        assert!(
            !read["layout_warnings"].as_array().unwrap().is_empty(),
            "{read}"
        );
        let found = read["findings"][0]["code"].as_str().unwrap_or_default();
        assert_eq!(found, code, "{read}");
        let shown = read["lines"].to_string();
        assert!(
            !shown.contains("6200000000000000011") && !shown.contains("测试甲"),
            "{shown}"
        );
    }
}

/// A gigabyte of nothing, in a process that may not have half of it.
#[test]
fn a_gigabyte_is_refused_unread() {
    let directory = tempfile::tempdir().unwrap();
    let mut file = File::create(directory.path().join("big.txt")).unwrap();
    file.write_all(b"\x00\xff|garbage|\n").unwrap();
    file.set_len(1 << 30).unwrap();
    let line = "ulimit -v 500000; exec \"$0\" bank-file inspect big.txt --format json";
    let output = std::process::Command::new("sh")
        .args(["-c", line, acceptance::program::binary().to_str().unwrap()])
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let problem: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert!(
        problem["detail"].as_str().unwrap().contains("64 MiB"),
        "{problem}"
    );
}

/// A bank that wants its own accounts and those of others in two files gets two, and whoever
/// releases is told what is doubtful about their layout.
#[tokio::test]
async fn payees_of_the_bank_itself_and_others_go_into_two_files() {
    for_each_engine(async |url| {
        let mut office = Office::funded(url).await;
        let mut psbc = Profile::by_id("psbc").unwrap();
        psbc.id = "icbc-batch-a1".to_owned();
        office.app.profiles.retain(|profile| profile.id != psbc.id);
        office.app.profiles.push(psbc.clone());
        // The accounts of the first three are at the bank itself.
        let roster = String::from_utf8(paper::roster(&people(5))).unwrap();
        let rows = roster.replacen("示例银行测试支行,,", "邮储银行测试支行,403100000004,", 3);
        let rows = rows.replace("示例银行测试支行,,", "示例银行测试支行,102100099996,");
        let maker = office.who("maker");
        let import = roster::import(
            &office.app,
            maker,
            "urban",
            month("2022-01"),
            "r.csv",
            rows.as_bytes(),
            false,
            None,
        );
        done(import.await);
        let run = office
            .create("urban", RunKind::Regular, "2022-01")
            .await
            .unwrap();
        office.walk(run, WAY.len() - 1).await;
        let released = done(
            office
                .act("cashier", RunEvent::Release, run, Some("k"))
                .await,
        );
        assert_eq!(released["layout_doubts"], json!(["old", "inferred"]));
        let again = done(
            office
                .act("cashier", RunEvent::Release, run, Some("k"))
                .await,
        );
        assert_eq!(again, released);
        let cashier = office.who("cashier");
        let listed = release::list_batches(&office.app, cashier)
            .await
            .unwrap()
            .json;
        let mut counts = Vec::new();
        for batch in listed["batches"].as_array().unwrap() {
            let number = batch["batch"].as_str().unwrap();
            let file = release::batch_file(&office.app, cashier, number)
                .await
                .unwrap();
            let (lines, findings) = read_batch(&psbc, &file.content);
            assert_eq!(findings, vec![]);
            counts.push((lines.len(), lines[0].bank_no.clone()));
        }
        counts.sort();
        assert_eq!(counts, [(2, "102100099996".to_owned()), (3, String::new())]);
        office.assert_invariants().await;
    })
    .await;
}
