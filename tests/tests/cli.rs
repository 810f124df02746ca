//! The command line keeps its contract: exit status, one JSON document, problems in two
//! languages, keys, roles, masks and columns that line up.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use acceptance::program::{Demo, Huimin, Output, files};
use serde_json::Value;

#[test]
fn exit_status_says_what_happened() {
    let directory = tempfile::tempdir().unwrap();
    let published = directory.path().join("published.toml");
    std::fs::write(&published, reconciliation::foot::SHENMU_2022).unwrap();
    let terminal = Huimin::at(directory.path());
    for (line, status) in [
        ("bank-file profiles", 0),
        ("--version", 0),
        ("doctor", 1),
        ("reconcile", 1),
        ("bank-file inspect missing.txt", 1),
        ("nonsense", 2),
        ("run show seven", 2),
        ("report annual", 2),
        ("report foot published.toml", 3),
        (
            "report foot published.toml --out missing/directory/report.csv",
            70,
        ),
    ] {
        let output = terminal.run(line);
        assert_eq!(output.status, status, "{line}: {output:?}");
        let wrong = status == 1 || status == 2 || status == 70;
        assert_eq!(output.stdout.is_empty(), wrong, "{line}: {output:?}");
        assert_eq!(output.stderr.is_empty(), !wrong, "{line}: {output:?}");
    }
    assert!(
        !directory.path().join("huimin.db").exists(),
        "no command left a database behind"
    );
}

#[test]
fn a_problem_is_one_document_on_standard_error_in_both_languages() {
    let demo = Demo::month_database();
    let maker = demo.huimin("maker");
    let cases = [
        ("run show 999", "CMD-0001", "找不到", "no such"),
        ("reconcile --book none", "CMD-0005", "没有账套", "no book"),
    ];
    for (line, code, chinese, english) in cases {
        for (terminal, word) in [(maker.clone(), chinese), (maker.english(), english)] {
            let problem = terminal.refused(line);
            assert_eq!(problem["code"], code, "{problem}");
            for field in ["code", "title", "detail", "where", "next"] {
                assert!(problem.get(field).is_some(), "{field} in {problem}");
            }
            assert!(
                problem["title"].as_str().unwrap().contains(word),
                "{problem}"
            );
            assert!(!problem["next"].as_str().unwrap().is_empty(), "{problem}");
            let text = terminal.run(line).expect_status(1);
            assert!(text.stderr.starts_with(code), "{text:?}");
            assert!(text.stderr.contains(word), "{text:?}");
            assert_eq!(text.stdout, "");
        }
    }
    let accident = "report monthly --month 2022-01 --out no/such/place/report.csv";
    let output = maker
        .run(&format!("{accident} --format json"))
        .expect_status(70);
    assert_eq!(output.problem()["code"], "INTERNAL");
}

#[test]
fn a_key_is_done_once_and_says_so() {
    let demo = Demo::month_database();
    let admin = demo.huimin("admin");
    let add =
        |line: &str| admin.run_with_new_password(&format!("{line} --format json"), "ten-letters");
    let line = "user add once --name 测试一 --roles maker --key k-1";
    let first = add(line).expect_status(0).json();
    assert_eq!(first["replay"], false, "{first}");
    assert!(first["audit"]["sequence"].is_i64(), "{first}");
    let again = add(line).expect_status(0).json();
    assert_eq!(again["replay"], true, "{again}");
    assert_eq!(again["audit"], Value::Null, "{again}");
    assert_eq!(again["user"], first["user"]);
    let text = admin
        .run_with_new_password(line, "ten-letters")
        .expect_status(0);
    assert!(text.stdout.starts_with("此操作键已办理过"), "{text:?}");
    let other = add("user add once --name 测试二 --roles maker --key k-1").expect_status(1);
    assert_eq!(other.problem()["code"], "CMD-0004");
    assert_eq!(
        other.problem()["values"]["field"],
        "name",
        "the differing field is named"
    );
    let users = admin.done("user list");
    let once = users["users"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|user| user["login"] == "once");
    assert_eq!(once.count(), 1);
}

#[test]
fn refusals_of_people_are_recorded() {
    let demo = Demo::month_database();
    let auditor = demo.huimin("auditor");
    let before = auditor.done("audit verify")["size"].as_i64().unwrap();
    let stranger = demo.huimin("maker").user_with("maker", "not the password");
    assert_eq!(stranger.refused("run list")["code"], "AUTH-0002");
    let nobody = demo.huimin("maker").user_with("nobody", "not the password");
    assert_eq!(
        nobody.refused("run list")["code"],
        "AUTH-0002",
        "nor whether the name exists"
    );
    let line = "run create --program urban-tekun --month 2022-02";
    assert_eq!(auditor.refused(line)["code"], "AUTH-0004");
    assert_eq!(
        demo.huimin("admin")
            .refused("report monthly --month 2022-01")["code"],
        "AUTH-0004"
    );
    let log = auditor.done(&format!("audit log --from {}", before + 1));
    let recorded: Vec<(&str, &str)> = log["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            (
                entry["user"].as_str().unwrap(),
                entry["kind"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        recorded,
        [
            ("maker", "sign-in.refused"),
            // What was typed for a name that nobody has may be a password.
            ("unknown", "sign-in.refused"),
            ("auditor", "run.create.refused"),
            ("admin", "read.refused"),
        ]
    );
    assert_eq!(auditor.done("audit verify")["ok"], true);
}

#[test]
fn one_person_one_step() {
    let demo = Demo::month_database();
    let maker = demo.huimin("maker");
    let created = maker.done("run create --program urban-tekun --month 2022-02");
    let run = created["run"].as_i64().unwrap();
    for step in ["check", "submit"] {
        maker.done(&format!("run {step} {run}"));
    }
    for (login, step) in [
        ("maker", "review"),
        ("maker", "approve"),
        ("maker", "release"),
        ("admin", "review"),
        ("auditor", "review"),
    ] {
        let problem = demo.huimin(login).refused(&format!("run {step} {run}"));
        assert_eq!(problem["code"], "AUTH-0004", "{login} {step}: {problem}");
    }
    demo.huimin("reviewer").done(&format!("run review {run}"));
    let twice = demo
        .huimin("reviewer")
        .refused(&format!("run review {run}"));
    assert_eq!(twice["code"], "RUN-0001", "{twice}");
    let early = demo
        .huimin("cashier")
        .refused(&format!("run release {run}"));
    assert_eq!(early["code"], "RUN-0001", "{early}");
}

#[test]
fn a_faulty_roster_names_every_fault_and_changes_nothing() {
    let demo = Demo::month();
    let (maker, auditor) = (demo.huimin("maker"), demo.huimin("auditor"));
    let good =
        std::fs::read_to_string(demo.path().join("rosters/2022-01-urban-tekun.csv")).unwrap();
    let heading: Vec<&str> = good.lines().next().unwrap().split(',').collect();
    let column = |name: &str| heading.iter().position(|found| *found == name).unwrap();
    let mut rows: Vec<Vec<String>> = good
        .lines()
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect();
    let faults = [
        (1, "身份证号", "610881190001010000"),
        (2, "发放项目", "no-such-component"),
        (3, "月人均收入", "一百"),
        (4, "档案号", ""),
    ];
    for (row, name, value) in faults {
        rows[row][column(name)] = value.to_owned();
    }
    let text: Vec<String> = rows.iter().map(|row| row.join(",")).collect();
    std::fs::write(demo.path().join("faulty.csv"), text.join("\r\n")).unwrap();
    let before = auditor.done("audit verify");
    let listed = maker.done("roster list --program urban-tekun --month 2022-02");
    for dry_run in ["--dry-run", ""] {
        let line =
            format!("roster import faulty.csv --program urban-tekun --month 2022-02 {dry_run}");
        let problem = maker.refused(&line);
        assert_eq!(problem["code"], "ROS-0002", "{problem}");
        let found: Vec<(u64, &str)> = problem["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| {
                let place = &fault["where"];
                (
                    place["row"].as_u64().unwrap(),
                    place["column"].as_str().unwrap(),
                )
            })
            .collect();
        for (row, name, _) in faults {
            let wanted = (u64::try_from(row).unwrap() + 1, name);
            assert!(found.contains(&wanted), "{wanted:?} in {found:?}");
        }
        no_long_numbers(&problem.to_string(), &line);
        let text = maker.run(&line).expect_status(1).stderr;
        assert!(text.contains("行 2,列 身份证号"), "{text}");
    }
    let after = auditor.done("audit verify");
    assert_eq!(after["ok"], true);
    assert_eq!(after["rows"], before["rows"], "no row was stored");
    assert_eq!(
        maker.done("roster list --program urban-tekun --month 2022-02"),
        listed
    );
}

#[test]
fn bank_files_are_inspected_without_a_database() {
    let demo = Demo::month();
    let terminal = Huimin::at(demo.path());
    let profiles = terminal.done("bank-file profiles");
    let shipped = profiles["profiles"].as_array().unwrap();
    assert!(shipped.len() >= 5, "{profiles}");
    let mut seen = 0;
    for (name, _) in files(demo.path()) {
        let kind = name.split('/').next().unwrap_or_default().to_owned();
        if !["batches", "returns", "statements"].contains(&kind.as_str()) {
            continue;
        }
        seen += 1;
        let line = format!("bank-file inspect {name}");
        let output = terminal.run(&format!("{line} --format json"));
        assert!([0, 3].contains(&output.status), "{line}: {output:?}");
        let found = output.json();
        assert_eq!(found["usable"], true, "{line}: {found}");
        let chosen = found["profile"].as_str().unwrap();
        let profile = shipped
            .iter()
            .find(|profile| profile["id"] == chosen)
            .unwrap();
        assert!(
            kind.starts_with(profile["use"].as_str().unwrap().trim_end_matches("ch")),
            "{line}"
        );
        assert!(found["count"].as_i64().unwrap() > 0, "{line}: {found}");
        let amount = if kind == "statements" {
            "closing_fen"
        } else {
            "total_fen"
        };
        assert!(found[amount].as_i64().unwrap() > 0, "{line}: {found}");
        let text = terminal.run(&line);
        assert!(text.stdout.contains('*'), "{line}: {}", text.stdout);
        // The bank's own name for a file is the user's to see: it was typed.
        let file = name.rsplit('/').next().unwrap_or_default();
        for output in [&output, &text] {
            no_long_numbers(&output.stdout.replace(file, "FILE"), &line);
        }
    }
    assert!(seen >= 20, "{seen} files of banks");
}

/// What the finished month can be asked, by whom.
const QUESTIONS: &[(&str, &str)] = &[
    ("manager", "appropriation list"),
    ("manager", "program list"),
    ("manager", "standard list"),
    ("maker", "roster list --program rural-tekun --month 2022-01"),
    (
        "maker",
        "roster diff --program rural-tekun --from 2022-01 --to 2022-02",
    ),
    ("manager", "run list"),
    ("manager", "run show 1"),
    ("manager", "run lines 1 --limit 200"),
    ("manager", "batch list"),
    ("manager", "return list"),
    ("manager", "statement list"),
    ("manager", "exception list"),
    ("manager", "period list"),
    ("manager", "reconcile"),
    ("manager", "report success-rate --from 2022-01"),
    ("manager", "report monthly --month 2022-01"),
    ("manager", "report trial-balance --from 2022-01"),
    ("manager", "report bank-journal icbc --month 2022-01"),
    ("manager", "report bank-reconciliation rcb --month 2022-01"),
    ("manager", "report voucher 1 --month 2022-01"),
    ("manager", "trace payment 1"),
    ("auditor", "audit log --limit 300"),
    ("auditor", "audit verify"),
    ("admin", "user list"),
    ("admin", "book list"),
    ("admin", "doctor"),
];

#[test]
fn answers_are_one_document_masked_and_in_columns() {
    let demo = Demo::month_database();
    for (login, line) in QUESTIONS {
        let terminal = demo.huimin(login);
        let json = terminal
            .run(&format!("{line} --format json"))
            .expect_status(0);
        assert!(json.json().is_object(), "{line}");
        let text = terminal.run(line).expect_status(0);
        let english = terminal.english().run(line).expect_status(0);
        let csv = terminal
            .run(&format!("{line} --format csv"))
            .expect_status(0);
        for output in [&json, &text, &english, &csv] {
            assert_eq!(output.stderr, "", "{line}");
            no_long_numbers(&output.stdout, line);
        }
        columns_line_up(&text, line);
        columns_line_up(&english, line);
    }
    let batches = demo.huimin("cashier").done("batch list");
    let number = batches["batches"][0]["batch"].as_str().unwrap().to_owned();
    let shown = demo
        .huimin("cashier")
        .run(&format!("batch show {number}"))
        .expect_status(0);
    no_long_numbers(&shown.stdout, "batch show");
    columns_line_up(&shown, "batch show");
}

#[test]
fn a_stored_batch_file_comes_out_byte_for_byte() {
    let demo = Demo::month();
    let cashier = demo.huimin("cashier");
    let batches = cashier.done("batch list");
    for batch in batches["batches"].as_array().unwrap() {
        let (number, name) = (
            batch["batch"].as_str().unwrap(),
            batch["file"].as_str().unwrap(),
        );
        let out = demo.path().join("again");
        std::fs::create_dir_all(&out).unwrap();
        cashier.done(&format!("batch file {number} --out again"));
        let read = |folder: &str| std::fs::read(demo.path().join(folder).join(name)).unwrap();
        assert_eq!(read("again"), read("batches"), "{name}");
    }
}

#[test]
fn the_trail_is_recomputed_by_an_independent_program() {
    let demo = Demo::month_database();
    let auditor = demo.huimin("auditor");
    let verified = auditor.done("audit verify");
    let export = auditor.run("audit export").expect_status(0);
    let file = demo.path().join("export.jsonl");
    std::fs::write(&file, &export.stdout).unwrap();
    let (size, root) = (&verified["size"], verified["root"].as_str().unwrap());
    let head = format!("{size}:{root}");
    let said = python(&[file.to_str().unwrap(), "--head", &head]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stdout.contains(&head), "{said:?}");
    assert!(
        said.stdout.contains(&format!("{} rows", verified["rows"])),
        "{said:?}"
    );
    let cut: Vec<&str> = export.stdout.lines().collect();
    std::fs::write(&file, cut[..cut.len() - 1].join("\n")).unwrap();
    assert_eq!(
        python(&[file.to_str().unwrap()]).status,
        1,
        "an export without its end"
    );
    let written = auditor.done("audit export --out again.jsonl");
    assert_eq!(written["bytes"], export.stdout.len());
    let again = std::fs::read_to_string(demo.path().join("again.jsonl")).unwrap();
    assert!(again == export.stdout);
}

#[test]
fn the_independent_program_agrees_with_the_golden_vectors() {
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/data/audit-vectors.json");
    let said = python(&["--vectors", vectors]);
    assert_eq!(said.status, 0, "{said:?}");
}

fn python(args: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("audit_recompute.py");
    let output = std::process::Command::new("python3")
        .arg(script)
        .args(args)
        .output();
    let output = output.unwrap();
    Output {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// No identity or account number is shown in full: no word of 15 digits or more, nor one that ends
/// in the check letter X. Hashes have other letters.
fn no_long_numbers(text: &str, what: &str) {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    for word in words.filter(|word| word.len() >= 15) {
        let digits = word.trim_end_matches(['x', 'X']);
        let number = digits.len() + 1 >= word.len() && digits.bytes().all(|b| b.is_ascii_digit());
        assert!(!number, "{what} shows {word}");
    }
}

/// In each table the rule under the headings is as wide as the widest row, and what stands in
/// right-aligned last columns ends there.
fn columns_line_up(output: &Output, what: &str) {
    let lines: Vec<&str> = output.stdout.lines().collect();
    let rules = lines.iter().enumerate().filter(|(_, line)| is_rule(line));
    let mut tables = 0;
    for (place, rule) in rules {
        tables += 1;
        let body = lines[place + 1..]
            .iter()
            .take_while(|line| !line.is_empty());
        let rows = std::iter::once(&lines[place - 1]).chain(body);
        let widest = rows.map(|row| width(row)).max().unwrap_or_default();
        let slack = width(rule).abs_diff(widest);
        assert!(
            slack <= 2,
            "{what}: rule {} rows {widest}\n{}",
            width(rule),
            output.stdout
        );
    }
    assert!(tables > 0, "{what}: no table\n{}", output.stdout);
}

fn is_rule(line: &str) -> bool {
    line.len() > 3 && line.chars().all(|c| c == '-' || c == ' ')
}

/// Terminal columns: Chinese characters and full-width signs take two.
fn width(text: &str) -> usize {
    let wide = |c: char| {
        matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{303e}' | '\u{3041}'..='\u{a4cf}'
            | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}'
            | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{20000}'..='\u{3fffd}')
    };
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}
