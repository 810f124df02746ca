//! The bench does a whole month on both engines, its totals tie, and its document has the shape
//! that scripts read. Nothing here asserts how long anything takes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::fresh_databases;
use acceptance::program::Huimin;
use serde_json::Value;

const PHASES: [&str; 11] = [
    "roster",
    "calculate",
    "check",
    "post-approval",
    "batch-files",
    "returns",
    "statement",
    "re-pay",
    "close",
    "success-rate",
    "verify",
];

fn phase<'a>(bench: &'a Value, name: &str) -> &'a Value {
    let phases = bench["phases"].as_array().unwrap();
    phases.iter().find(|phase| phase["name"] == name).unwrap()
}

fn rows(bench: &Value, phase_name: &str, table: &str) -> u64 {
    let rows = &phase(bench, phase_name)["tables"][table];
    rows.as_u64().unwrap_or(0)
}

#[tokio::test]
async fn a_month_of_400_payments_is_worked_and_measured() {
    let directory = tempfile::tempdir().unwrap();
    for database in fresh_databases().await {
        let terminal = Huimin::at(directory.path()).db(database.url());
        let bench = terminal.done("bench --payments 400");
        let (engine, _) = database.url().split_once(':').unwrap();
        assert_eq!(bench["engine"], engine);
        assert_eq!(
            (&bench["payments"], &bench["books"]),
            (&400.into(), &1.into())
        );
        assert_eq!(bench["verified"], true);
        let phases = bench["phases"].as_array().unwrap();
        let names: Vec<&str> = phases.iter().map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(names, PHASES);
        for phase in phases {
            let stores = phase["name"] != "success-rate" && phase["name"] != "verify";
            assert_eq!(phase["rows"].as_u64().unwrap() > 0, stores, "{phase}");
            assert_eq!(phase["raw_load_seconds"].is_f64(), stores, "{phase}");
            assert!(phase["seconds"].is_f64(), "{phase}");
        }
        for field in ["total_seconds", "raw_load_total_seconds"] {
            assert!(bench[field].is_f64(), "{field}");
        }
        assert_eq!(bench["posting"]["transfers"], 600);
        assert!(bench["posting"]["raw_load_seconds"].is_f64());
        assert!(bench["bytes_per_payment"].as_u64().unwrap() > 0);
        // 500 lines: every fourth household has a second one. Each payment is answered once, and
        // those that failed once more.
        assert_eq!(rows(&bench, "roster", "award"), 500);
        assert_eq!(rows(&bench, "calculate", "payment"), 400);
        assert_eq!(rows(&bench, "batch-files", "attempt"), 400);
        let again = rows(&bench, "re-pay", "attempt");
        assert!((7..=9).contains(&again), "{again} of 400 failed");
        assert_eq!(rows(&bench, "returns", "outcome"), 400);
        assert_eq!(rows(&bench, "re-pay", "outcome"), again);
        let used = terminal.refused("bench --payments 400");
        assert_eq!(used["code"], "CMD-0008");
    }
}

#[tokio::test]
async fn books_at_once_month_after_month_under_mixed_load() {
    let directory = tempfile::tempdir().unwrap();
    for database in fresh_databases().await {
        let terminal = Huimin::at(directory.path()).db(database.url());
        let line = "bench --payments 120 --books 2 --months 2 --reads --mixed 1";
        let bench = terminal.done(line);
        assert_eq!(bench["verified"], true);
        assert_eq!(rows(&bench, "calculate", "payment"), 120 * 2 * 2);
        assert_eq!(rows(&bench, "roster", "award"), 150 * 2);
        assert_eq!(bench["reads"].as_array().unwrap().len(), 5);
        assert_eq!(bench["mixed"]["errors"], 0);
        for field in ["run_commands", "returns", "readings"] {
            assert!(bench["mixed"][field].as_u64().unwrap() > 0, "{field}");
        }
    }
}

#[test]
fn a_named_directory_keeps_the_books_and_another_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let terminal = Huimin::at(directory.path());
    let bench = terminal.done("bench --payments 40 --dir kept --no-raw-load");
    assert_eq!(bench["raw_load_total_seconds"], Value::Null);
    let place = directory.path().join(bench["directory"].as_str().unwrap());
    let database = format!("sqlite://{}", place.join("huimin.db").display());
    let auditor = terminal.db(&database).user("auditor");
    assert_eq!(auditor.done("audit verify")["ok"], true);
    let names: Vec<String> = std::fs::read_dir(&place)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert!(
        names.iter().all(|name| name.starts_with("huimin.db")),
        "{names:?}"
    );
    let text = terminal
        .english()
        .run("bench --payments 40")
        .expect_status(0);
    assert!(
        text.stdout
            .starts_with("bench on sqlite: books 1 × months 1 × payments 40")
    );
    assert_eq!(text.stderr, "", "no progress where nobody looks");
}
