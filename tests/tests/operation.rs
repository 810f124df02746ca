//! Backups, restoring them with a proof, the side file, jobs, and a server that is killed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use acceptance::office::paper::{
    Outcome, outcomes, people, person, roster as roster_file, write_return,
};
use acceptance::office::{Office, day, done, refused};
use acceptance::program::Demo;
use acceptance::{TestDb, for_each_engine};
use api::app::backup::{self, Target};
use api::app::exception::Page;
use api::app::job::{self, Wanted};
use api::app::run::{self, NewRun};
use api::app::side::SideFile;
use api::app::{Error, doctor};
use ledger::audit::hex;
use ledger::calendar::Moment;
use ledger::disbursement::workflow::RunEvent;
use ledger::id::{JobId, RunId};
use ledger_store::job as store;
use ledger_store::run::RunKind;
use serde_json::{Value, json};
use tokio::sync::watch;

/// An office whose urban run waits for the cashier, with a side file in a directory.
async fn approved(url: &str, side: &Path) -> (Office, RunId) {
    let mut office = Office::funded(url).await;
    office.app.side = Some(SideFile::at(side.to_owned()));
    office.roster("urban", "2022-01", &people(5)).await;
    let run = office.create("urban", RunKind::Regular, "2022-01").await;
    let run = run.unwrap();
    office.walk(run, 4).await;
    (office, run)
}

/// Yesterday's backup is restored after a batch went to the bank: what it proves, what it lacks,
/// what is refused meanwhile, and how it comes out of that.
#[tokio::test]
async fn a_backup_that_is_behind_pays_nothing_again() {
    for_each_engine(async |url| {
        let directory = tempfile::tempdir().unwrap();
        let (side, file) = (
            directory.path().join("side"),
            directory.path().join("b.huimin"),
        );
        let (office, run) = approved(url, &side).await;
        let made = backup::backup(&office.app, url, &file).await.unwrap();
        assert_eq!(made["manifest"]["books"][0]["book"], "test", "{made}");
        assert!(
            backup::backup(&office.app, url, &file).await.is_err(),
            "no backup is replaced"
        );
        done(office.act("cashier", RunEvent::Release, run, None).await);
        let sent = office.files(run).await;

        let target = fresh(url, directory.path());
        let place = target.as_ref().map_or_else(
            || format!("sqlite://{}", directory.path().join("new.db").display()),
            |target| target.url().to_owned(),
        );
        let wanted = Target {
            url: place.clone(),
            side: Some(side.clone()),
            heads: Vec::new(),
        };
        let report = backup::restore(&file, &wanted).await.unwrap();
        assert!(report.found, "{}", report.json);
        assert_eq!(
            report.json["books"][0]["missing_batches"],
            json!(["B000001"])
        );
        assert_eq!(
            report.json["books"][0]["root"],
            made["manifest"]["books"][0]["root"]
        );
        assert!(
            backup::restore(&file, &wanted).await.is_err(),
            "nothing is overwritten"
        );

        let mut restored = Office::attach(&place, day("2022-01-04")).await;
        restored.app.side = Some(SideFile::at(side.clone()));
        let checked = doctor::doctor(&restored.app).await.unwrap();
        assert!(
            checked.json.to_string().contains("B000001"),
            "{}",
            checked.json
        );
        restored.roster("rural", "2022-01", &[person(101)]).await;
        let other = restored
            .create("rural", RunKind::Regular, "2022-01")
            .await
            .unwrap();
        restored.walk(other, 4).await;
        let problem = refused(
            restored
                .act("cashier", RunEvent::Release, other, None)
                .await,
        );
        assert_eq!(problem.code(), "OPS-0003");
        let again = NewRun {
            program: "urban".to_owned(),
            kind: RunKind::RePay,
            month: "2022-01".parse().unwrap(),
            first: None,
        };
        let maker = restored.who("maker");
        let problem = refused(run::create(&restored.app, maker, &again, None).await);
        assert_eq!(problem.code(), "OPS-0003");
        done(restored.act("cashier", RunEvent::Release, run, None).await);
        assert_eq!(restored.files(run).await, sent, "the very same file");
        done(
            restored
                .act("cashier", RunEvent::Release, other, None)
                .await,
        );
        restored.assert_invariants().await;
        restored.app.db.close().await;
    })
    .await;
}

/// An empty PostgreSQL database beside one; SQLite makes its own file.
fn fresh(url: &str, _directory: &Path) -> Option<TestDb> {
    url.starts_with("postgres").then(TestDb::postgres)
}

/// A backup with another byte is refused before it is used; one whose rows were changed before it
/// was packed is found by recomputing, and no database is handed over.
#[tokio::test]
async fn what_is_not_what_was_sealed_is_not_handed_over() {
    let (directory, database) = (tempfile::tempdir().unwrap(), TestDb::sqlite());
    let file = directory.path().join("b.huimin");
    let (office, _) = approved(database.url(), &directory.path().join("side")).await;
    backup::backup(&office.app, database.url(), &file)
        .await
        .unwrap();
    let bytes = std::fs::read(&file).unwrap();
    let target = Target {
        url: format!("sqlite://{}", directory.path().join("new.db").display()),
        side: None,
        heads: Vec::new(),
    };
    let mut broken = bytes.clone();
    *broken.last_mut().unwrap() ^= 1;
    std::fs::write(&file, &broken).unwrap();
    assert_eq!(problem(backup::restore(&file, &target).await), "OPS-0001");
    std::fs::write(&file, b"SQLite format 3\0").unwrap();
    assert_eq!(problem(backup::restore(&file, &target).await), "OPS-0001");
    // The same length, another name: 东示例镇 becomes 西示例镇 in the rows, and the sum is right.
    let lines: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[*at] == b'\n')
        .take(2)
        .collect();
    let (head, copy) = bytes.split_at(lines[1] + 1);
    let altered = replaced(copy, "东示例镇".as_bytes(), "西示例镇".as_bytes());
    assert_ne!(copy, altered);
    let manifest = std::str::from_utf8(&head[lines[0] + 1..]).unwrap();
    let mut manifest: Value = serde_json::from_str(manifest).unwrap();
    manifest["sha256"] = hex::encode(&hex::document_hash(&altered)).into();
    let mut forged = format!("HUIMIN-BACKUP 1\n{manifest}\n").into_bytes();
    forged.extend(altered);
    std::fs::write(&file, &forged).unwrap();
    assert_eq!(problem(backup::restore(&file, &target).await), "OPS-0002");
    let left = std::fs::read_dir(directory.path()).unwrap();
    let names: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        names
            .iter()
            .all(|name| !name.to_string_lossy().starts_with("new.db")),
        "{names:?}"
    );
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut text = bytes.to_vec();
    for at in 0..text.len().saturating_sub(from.len()) {
        if text[at..].starts_with(from) {
            text[at..at + to.len()].copy_from_slice(to);
        }
    }
    text
}

fn problem<T>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Refused { problem, .. }) => problem.code().to_owned(),
        Err(Error::Internal(error)) => panic!("failed: {error:?}"),
        Ok(_) => panic!("not refused"),
    }
}

/// A worker dies after its command was committed and before it said so: its successor finds the
/// answer, and there is one effect.
#[tokio::test]
async fn a_job_whose_worker_died_has_one_effect() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let (app, maker) = (&office.app, office.who("maker"));
        office.roster("urban", "2022-01", &people(5)).await;
        let id = office
            .create("urban", RunKind::Regular, "2022-01")
            .await
            .unwrap();
        let wanted = || Wanted::new("run.check", json!({ "run": id.get() }));
        let asked = done(job::add(app, maker, wanted(), Some("k".to_owned())).await);
        let again = job::add(app, maker, wanted(), Some("k".to_owned()))
            .await
            .unwrap();
        assert!(again.replay && again.answer == asked, "asked for once");
        let now = app.clock.now();
        let dead = store::Worker {
            book: office.book.id,
            name: "dead",
            now,
            until: Moment(now.0 + 1),
        };
        let claimed = store::claim(&app.db, dead).await.unwrap().unwrap();
        let before = done(run::check(app, maker, id, Some(claimed.key())).await);
        let (_keep, mut stop) = watch::channel(false);
        assert!(
            !job::work_once(app, "next", &mut stop).await.unwrap(),
            "its lease runs"
        );
        office.on("2022-01-05");
        assert!(job::work_once(app, "next", &mut stop).await.unwrap());
        let shown = job::show(app, maker, JobId(1)).await.unwrap().json;
        assert_eq!(shown["state"], "done", "{shown}");
        assert_eq!((&shown["answer"], &shown["begun"]), (&before, &json!(2)));
        let trail = office.trail().await;
        assert_eq!(
            trail
                .iter()
                .filter(|kind| kind.contains("run.check"))
                .count(),
            1,
            "{trail:?}"
        );
        let late = store::End {
            state: store::JobState::Failed,
            answer: "{}".to_owned(),
            output: None,
            rows: (0, 0),
        };
        assert!(
            !store::end(&app.db, dead, JobId(1), &late).await.unwrap(),
            "too late"
        );
    })
    .await;
}

/// What a job is refused for stands in it; what it makes can be fetched; what is over is not
/// called off; who could not have asked does not see it.
#[tokio::test]
async fn jobs_say_what_they_came_to() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let (app, maker, auditor) = (&office.app, office.who("maker"), office.who("auditor"));
        let wanted = Wanted::new("run.release", json!({ "run": 1 }));
        assert_eq!(
            refused(job::add(app, maker, wanted, None).await).code(),
            "AUTH-0004"
        );
        let gone = Wanted::new("run.check", json!({ "run": 99 }));
        done(job::add(app, maker, gone, None).await);
        done(job::add(app, auditor, Wanted::new("audit.export", json!({})), None).await);
        let (_keep, mut stop) = watch::channel(false);
        while job::work_once(app, "w", &mut stop).await.unwrap() {}
        let list = job::list(app, office.who("manager"), Page::FIRST)
            .await
            .unwrap()
            .json;
        let states: Vec<&str> = list["jobs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|job| job["state"].as_str().unwrap())
            .collect();
        assert_eq!(states, ["done", "refused"], "{list}");
        let first = job::show(app, maker, JobId(1)).await.unwrap().json;
        assert_eq!(first["answer"]["code"], "CMD-0001", "{first}");
        assert_all_done(&list["jobs"][0]);
        let (_, export) = job::file(app, auditor, JobId(2)).await.unwrap();
        assert!(
            String::from_utf8(export)
                .unwrap()
                .lines()
                .last()
                .unwrap()
                .contains("\"head\"")
        );
        assert_eq!(problem(job::file(app, maker, JobId(2)).await), "AUTH-0004");
        assert_eq!(
            refused(job::cancel(app, auditor, JobId(2), None).await).code(),
            "JOB-0001"
        );
    })
    .await;
}

/// A job has counted all that it said was ahead.
fn assert_all_done(job: &Value) {
    assert_eq!(job["state"], "done", "{job}");
    assert!(job["rows"]["of"].as_i64() > Some(0), "{job}");
    assert_eq!(job["rows"]["done"], job["rows"]["of"], "{job}");
}

/// Every kind of job says how far it is, and has the effect of the command itself: a month of a
/// large office is worked by jobs alone.
#[tokio::test]
async fn a_month_by_jobs_alone() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let app = &office.app;
        let work = async |login: &str, wanted: Wanted| {
            let asked = done(job::add(app, office.who(login), wanted, None).await);
            let (_keep, mut stop) = watch::channel(false);
            while job::work_once(app, "w", &mut stop).await.unwrap() {}
            let id = JobId(asked["job"].as_i64().unwrap());
            let shown = job::show(app, office.who(login), id).await.unwrap().json;
            assert_all_done(&shown);
            shown
        };
        let roster = json!({ "program": "urban", "month": "2022-01", "name": "r.csv" });
        let wanted = Wanted::new("roster.import", roster).with(roster_file(&people(6)));
        work("maker", wanted).await;
        let run = office.create("urban", RunKind::Regular, "2022-01").await;
        let run = run.unwrap();
        let about = || json!({ "run": run.get() });
        work("maker", Wanted::new("run.calculate", about())).await;
        work("maker", Wanted::new("run.check", about())).await;
        for (login, event) in [
            ("maker", RunEvent::Submit),
            ("reviewer", RunEvent::Review),
            ("approver", RunEvent::Approve),
        ] {
            done(office.act(login, event, run, None).await);
        }
        work("cashier", Wanted::new("run.release", about())).await;
        let files = office.files(run).await;
        let answer = write_return(&files[0], &outcomes(&files[0], |_| Outcome::Paid));
        let named = json!({ "name": "return.txt", "batch": null, "profile": null });
        let answered = work(
            "accountant",
            Wanted::new("return.import", named).with(answer),
        )
        .await;
        assert_eq!(answered["answer"]["paid"], 6, "{answered}");
        let verified = work(
            "auditor",
            Wanted::new("audit.verify", json!({ "heads": [] })),
        )
        .await;
        assert_eq!(verified["answer"]["ok"], true, "{verified}");
        let rows = verified["rows"]["done"].clone();
        assert_eq!(verified["answer"]["rows"], rows, "{verified}");
        office.assert_invariants().await;
    })
    .await;
}

/// A server is killed right after it has acknowledged a command: the command is there.
#[test]
fn what_a_killed_server_acknowledged_is_there() {
    let demo = Demo::month_database();
    let admin = demo.huimin("admin");
    let token = admin.done("token add 示例")["token"]
        .as_str()
        .unwrap()
        .to_owned();
    for number in 1..=3 {
        let (mut server, address) = admin.serve();
        let login = format!("late-{number}");
        let user = json!({ "login": login, "name": "测试迟", "roles": ["maker"],
            "password": "late-late-late-9" });
        let (status, added) = post(address, "/api/v1/users", &token, &user);
        server.kill().unwrap();
        server.wait().unwrap();
        assert_eq!(status, 200, "{added}");
        let listed = admin.done("user list");
        let users = listed["users"].as_array().unwrap();
        assert!(
            users.iter().any(|user| user["login"] == login.as_str()),
            "{listed}"
        );
        let head = demo.huimin("auditor").done("audit verify");
        assert!(
            head["size"].as_i64() >= added["audit"]["sequence"].as_i64(),
            "{added}"
        );
        assert_eq!(head["ok"], true);
    }
}

/// Sends a document over a connection of its own.
fn post(address: SocketAddr, path: &str, token: &str, document: &Value) -> (u16, Value) {
    let body = document.to_string();
    let mut connection = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         authorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}
