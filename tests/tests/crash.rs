//! The program is killed without warning, started again, and finishes as if nothing had happened.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::time::{Duration, Instant};

use acceptance::TestDb;
use acceptance::program::{Demo, Huimin, files};
use api::app::clock::{Clock, Entropy};
use api::app::{App, audit, users};
use ledger_store::db::Db;

/// At most so many times is one demo killed before it may finish.
const KILLS_OF_ONE_RUN: u32 = 3;

#[test]
fn sqlite_survives_kills_at_random_moments() {
    kill_at_random_moments("sqlite", 12);
}

#[test]
fn postgresql_survives_kills_at_random_moments() {
    kill_at_random_moments("postgres", 8);
}

/// Lesson 6: what was acknowledged is there, however the process ended.
#[test]
fn what_was_acknowledged_is_there() {
    let demo = Demo::month_database();
    let admin = demo.huimin("admin");
    for number in 1..=3 {
        let line = format!("user add late-{number} --name 测试迟 --roles maker --format json");
        let added = admin.run_with_new_password(&line, "late-late-late");
        let added = added.expect_status(0).json();
        let listed = admin.done("user list");
        let users = listed["users"].as_array().unwrap();
        let login = format!("late-{number}");
        assert!(
            users.iter().any(|user| user["login"] == login.as_str()),
            "{listed}"
        );
        let head = demo.huimin("auditor").done("audit verify");
        assert_eq!(head["size"], added["audit"]["sequence"], "{added}");
        assert_eq!(head["root"], added["audit"]["root"], "{added}");
    }
}

/// Kills demos until `wanted` kills have hit, each followed by a look at what is left.
fn kill_at_random_moments(engine: &str, wanted: u32) {
    let undisturbed = Demo::month();
    let seed = RandomState::new().build_hasher().finish();
    println!("engine {engine}, seed {seed}");
    let mut random = Random(seed);
    let usual = usual_duration(engine);
    println!("an undisturbed demo takes {usual:?}");
    let (mut kills, mut runs) = (0, 0);
    while kills < wanted {
        runs += 1;
        assert!(runs <= 4 * wanted, "only {kills} kills in {runs} runs");
        let place = Place::new(engine);
        for kill in 0..KILLS_OF_ONE_RUN.min(wanted - kills) {
            // The first kills of all runs are spread over the whole duration.
            let moment = match kill {
                0 => usual * (kills * 100 + random.below(100)) / (wanted * 100),
                _ => usual * (2 + random.below(60)) / 100,
            };
            let Some(after) = place.kill_after(moment) else {
                break;
            };
            println!("run {runs}: killed after {after:?}");
            kills += 1;
            place.what_is_left_verifies();
        }
        let finished = place.huimin().done(&place.line());
        assert_eq!(finished, undisturbed.json, "seed {seed}, run {runs}");
        let (expected, found) = (files(undisturbed.path()), files(place.out.path()));
        assert_eq!(
            expected.keys().collect::<Vec<_>>(),
            found.keys().collect::<Vec<_>>(),
            "seed {seed}, run {runs}"
        );
        for (name, content) in &expected {
            assert!(found[name] == *content, "{name}, seed {seed}, run {runs}");
        }
    }
}

fn usual_duration(engine: &str) -> Duration {
    let place = Place::new(engine);
    let begin = Instant::now();
    place.huimin().done(&place.line());
    begin.elapsed()
}

/// Where one demo happens, possibly in several attempts.
struct Place {
    database: Option<TestDb>,
    out: tempfile::TempDir,
}

impl Place {
    fn new(engine: &str) -> Place {
        let database = (engine == "postgres").then(TestDb::postgres);
        let out = tempfile::tempdir().unwrap();
        Place { database, out }
    }

    fn url(&self) -> String {
        match &self.database {
            Some(database) => database.url().to_owned(),
            None => format!("sqlite://{}", self.file().display()),
        }
    }

    fn file(&self) -> std::path::PathBuf {
        self.out.path().join("huimin.db")
    }

    fn huimin(&self) -> Huimin {
        Huimin::at(self.out.path()).db(&self.url())
    }

    fn line(&self) -> String {
        format!("demo --through 2022-01 --out {}", self.out.path().display())
    }

    /// Starts the demo and kills it at this moment; none when it had ended by then.
    fn kill_after(&self, moment: Duration) -> Option<Duration> {
        let begin = Instant::now();
        let mut child = self.huimin().start(&self.line());
        std::thread::sleep(moment);
        let ended = child.try_wait().unwrap();
        // On Unix this is SIGKILL: nothing of the process runs after it.
        child.kill().unwrap();
        child.wait().unwrap();
        match ended {
            Some(status) => {
                assert!(status.success(), "it ended by itself: {status}");
                None
            }
            None => Some(begin.elapsed()),
        }
    }

    /// What the killed process left verifies, or there is nothing yet.
    fn what_is_left_verifies(&self) {
        match self.stage() {
            Stage::Nothing => {}
            Stage::NoAuditor(ok) => assert!(ok, "a book without users does not verify"),
            Stage::Auditor => {
                let verified = self.huimin().user("auditor").json("audit verify");
                assert_eq!(verified["ok"], true, "{verified}");
            }
        }
    }

    fn stage(&self) -> Stage {
        if self.database.is_none() && !Path::new(&self.file()).exists() {
            return Stage::Nothing;
        }
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let db = Db::open(&self.url()).await.unwrap();
            let app = App::new(db, Clock::System, Entropy::system());
            let stage = match app.book(Some("shenmu")).await {
                Err(_) => Stage::Nothing,
                Ok(book) => match users::act_as(&app, &book, "auditor", "test").await {
                    Ok(_) => Stage::Auditor,
                    Err(_) => {
                        let checked = audit::verification(&app, &book, &[]).await.unwrap();
                        Stage::NoAuditor(checked.faults.is_empty() && checked.entries > 0)
                    }
                },
            };
            app.db.close().await;
            stage
        })
    }
}

/// How far a killed demo had come.
enum Stage {
    Nothing,
    /// There is a book, and it verifies or not.
    NoAuditor(bool),
    Auditor,
}

/// SplitMix64: reproducible from its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let word = (x ^ (x >> 31)) >> 32;
        u32::try_from(word % u64::from(bound)).unwrap()
    }
}
