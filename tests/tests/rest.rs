//! The REST interface: its document, who may do what, that every change is recorded, and what two
//! at once come to.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use acceptance::for_each_engine;
use acceptance::office::paper::{Outcome, outcomes, people, read_batch, write_return};
use acceptance::office::{Office, STAFF};
use acceptance::rest::{Ask, Rest};
use api::app::token::{self, NewToken};
use api::http::rest::document;
use ledger::disbursement::role::Role;
use ledger_store::run::RunKind;
use serde_json::{Value, json};

/// The document as it was last reviewed.
const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../api/docs/openapi.json");

#[test]
fn the_document_is_the_one_that_was_reviewed() {
    let now = document::text();
    let reviewed = std::fs::read_to_string(SNAPSHOT).unwrap_or_default();
    // The order of an operation's own extensions is no one's: values are compared, not texts.
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    if read(&now) != read(&reviewed) {
        std::fs::write(SNAPSHOT, &now).unwrap();
        panic!("the interface has changed: review the new api/docs/openapi.json and commit it");
    }
    let document = document::document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let ids: Vec<String> = operations().into_iter().map(|one| one.id).collect();
    let different: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(ids.len(), different.len(), "an id is used twice");
}

/// An operation of the document.
struct Operation {
    id: String,
    method: String,
    path: String,
    about: Value,
}

fn operations() -> Vec<Operation> {
    let document = document::document();
    let mut list = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, about) in item.as_object().unwrap() {
            list.push(Operation {
                id: about["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase(),
                path: path.trim_start_matches("/api/v1").to_owned(),
                about: about.clone(),
            });
        }
    }
    assert!(list.len() > 80, "{}", list.len());
    list
}

impl Operation {
    fn changes(&self) -> bool {
        self.method != "GET" && self.about["x-reads"] != true
    }

    /// A request that can be read: every parameter and field has a value of its kind.
    fn ask(&self, login: &str) -> Ask {
        let mut path = self.path.clone();
        let mut query = Vec::new();
        for parameter in self.about["parameters"].as_array().unwrap() {
            let name = parameter["name"].as_str().unwrap();
            let value = sample(name, &parameter["schema"]);
            match parameter["in"].as_str().unwrap() {
                "path" => path = path.replace(&format!("{{{name}}}"), &value),
                "query" if name == "dry_run" => query.push("dry_run=true".to_owned()),
                "query" if parameter["required"] == true || name == "shipped" => {
                    query.push(format!("{name}={value}"))
                }
                _ => {}
            }
        }
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        let ask = Ask::new(login, &format!("{} {path}", self.method));
        let content = &self.about["requestBody"]["content"];
        if let Some(schema) = content["application/json"]["schema"]["$ref"].as_str() {
            let name = schema.rsplit('/').next().unwrap();
            return ask.json(&body(&document::document()["components"]["schemas"][name]));
        }
        match content.is_object() {
            true => ask.file(b"# x\n"),
            false => ask,
        }
    }
}

fn sample(name: &str, schema: &Value) -> String {
    match name {
        "month" | "from" | "to" | "first" | "last" => "2022-01",
        "year" | "shipped" => "2022",
        "kind" => "employed",
        "program" => "urban",
        "account" => "icbc",
        "login" => "novice",
        "batch" => "B000001",
        "name" => "x.csv",
        "document" => "doc",
        _ if schema["type"] == "integer" => "1",
        _ => "x",
    }
    .to_owned()
}

fn body(schema: &Value) -> Value {
    let wanted = schema["required"].as_array().cloned().unwrap_or_default();
    let properties = schema["properties"].as_object().unwrap();
    let fields = properties
        .iter()
        .filter(|(name, _)| wanted.contains(&json!(name)));
    let value = |(name, field): (&String, &Value)| {
        let value = match (name.as_str(), field["type"].as_str()) {
            ("level", _) => json!("county"),
            ("received_on", _) => json!("2022-01-04"),
            ("roles", _) => json!(["maker"]),
            ("password", _) => json!("correct horse"),
            ("payments", _) => json!([1]),
            (_, Some("integer")) => json!(1),
            (_, Some("boolean")) => json!(false),
            (_, Some("array")) => json!([]),
            (name, _) => json!(sample(name, field)),
        };
        (name.clone(), value)
    };
    let mut document = Value::Object(fields.map(value).collect());
    if properties.contains_key("all") {
        document["all"] = json!(true);
    }
    if properties.contains_key("return") {
        document["statement"] = json!("mt940");
    }
    document
}

/// The first of the staff with this role.
fn somebody(role: Role) -> &'static str {
    STAFF.iter().find(|(_, known)| *known == role).unwrap().0
}

/// The gate: each operation of the document is asked for as each role. Who may is not told that a
/// role is missing; who may not is, and the refusal is in the trail.
#[tokio::test]
async fn every_operation_lets_in_who_may_and_nobody_else() {
    for_each_engine(async |url| {
        Office::funded(url).await;
        let rest = Rest::of(url, "2022-01-05").await;
        let (mut asked, mut wrong) = (0, Vec::new());
        for operation in operations() {
            let may = operation.about["x-may"].as_str().unwrap();
            let Some(roles) = document::roles(may) else {
                continue;
            };
            assert!(!roles.is_empty(), "{}: {may}", operation.id);
            for role in Role::ALL {
                let login = somebody(*role);
                let reply = rest.send(operation.ask(login)).await;
                let is_let_in = reply.code() != "AUTH-0004";
                let is_odd = [400, 401, 500, 503].contains(&reply.status);
                if is_odd || is_let_in != roles.contains(role) {
                    let body = String::from_utf8_lossy(&reply.body);
                    wrong.push(format!("{} {login}: {} {body}", operation.id, reply.status));
                }
                asked += 1;
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(asked > 600, "{asked}");
        let nobody = rest.send(Ask::new("nobody", "GET /runs")).await;
        assert_eq!((nobody.status, nobody.code().as_str()), (401, "AUTH-0001"));
        assert!(nobody.header("www-authenticate").starts_with("Bearer"));
        let log = rest
            .done(Ask::new("auditor", "GET /audit/log?limit=10000"))
            .await;
        let kinds: BTreeSet<&str> = log["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["kind"].as_str().unwrap())
            .collect();
        for operation in operations().iter().filter(|operation| operation.changes()) {
            let may = operation.about["x-may"].as_str().unwrap();
            if document::roles(may).is_none_or(|roles| roles.len() == Role::ALL.len()) {
                continue;
            }
            let kind = format!("{}.refused", operation.id);
            assert!(kinds.contains(kind.as_str()), "{kind} is not in {kinds:?}");
        }
    })
    .await;
}

/// A county with people on a roster and a run that only waits for the cashier.
async fn approved(url: &str, count: usize) -> (Office, i64) {
    let office = Office::funded(url).await;
    office.roster("urban", "2022-01", &people(count)).await;
    let run = office.create("urban", RunKind::Regular, "2022-01").await;
    let run = run.unwrap();
    office.walk(run, 4).await;
    (office, run.get())
}

/// Two officers at once: each of them is answered, and there is one effect.
#[tokio::test]
async fn what_two_do_at_once_is_done_once() {
    for_each_engine(async |url| {
        let (office, run) = approved(url, 20).await;
        let rest = Rest::of(url, "2022-01-05").await;
        let line = format!("POST /runs/{run}/release");
        let release = |login: &str| rest.send(Ask::new(login, &line).json(&json!({})));
        let (one, other) = tokio::join!(release("cashier"), release("cashier2"));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{} {}", one.json(), other.json());
        assert_eq!(
            office
                .count("select cast(count(*) as bigint) from batch")
                .await,
            1
        );

        let number = rest.get("cashier", "/batches").await.json()["batches"][0]["batch"].clone();
        let number = number.as_str().unwrap();
        let file = rest
            .get("cashier", &format!("/batches/{number}/file"))
            .await
            .body;
        let batch = read_batch(number, &file);
        let answer = write_return(&batch, &outcomes(&batch, |_| Outcome::Paid));
        let upload =
            |login: &str| rest.send(Ask::new(login, "POST /returns?name=r.txt").file(&answer));
        let (one, other) = tokio::join!(upload("cashier"), upload("accountant"));
        let mut told = [(one.status, one.code()), (other.status, other.code())];
        told.sort();
        let seen = (409, "BNK-0002".to_owned());
        assert_eq!(
            told,
            [(200, String::new()), seen],
            "{} {}",
            one.json(),
            other.json()
        );

        let body = json!({ "program": "urban", "month": "2022-02" });
        let ask = || rest.send(Ask::new("maker", "POST /runs").json(&body).key("k1"));
        let (one, other, third) = tokio::join!(ask(), ask(), ask());
        let replays: Vec<bool> = [&one, &other, &third]
            .iter()
            .map(|reply| {
                assert_eq!(reply.status, 200, "{}", reply.json());
                assert_eq!(reply.json()["run"], one.json()["run"]);
                reply.header("idempotency-replayed") == "true"
            })
            .collect();
        assert_eq!(
            replays.iter().filter(|replay| !**replay).count(),
            1,
            "{replays:?}"
        );
        let other = json!({ "program": "rural", "month": "2022-02" });
        let reused = rest
            .send(Ask::new("maker", "POST /runs").json(&other).key("k1"))
            .await;
        assert_eq!((reused.status, reused.code().as_str()), (409, "CMD-0004"));
        office.assert_invariants().await;
    })
    .await;
}

/// A rehearsal says what would be and leaves nothing but numbers as they were.
#[tokio::test]
async fn a_rehearsal_leaves_nothing() {
    for_each_engine(async |url| {
        let (office, run) = approved(url, 5).await;
        let rest = Rest::of(url, "2022-01-05").await;
        let before = office.trail().await;
        let line = format!("POST /runs/{run}/release?dry_run=true");
        let ask = || rest.done(Ask::new("cashier", &line).json(&json!({})).key("r"));
        let rehearsed = ask().await;
        assert_eq!(rehearsed["dry_run"], true, "{rehearsed}");
        assert_eq!(rehearsed["audit"], Value::Null);
        assert_eq!(ask().await, rehearsed, "a rehearsal can be repeated");
        assert_eq!(office.trail().await, before);
        assert_eq!(
            office
                .count("select cast(count(*) as bigint) from batch")
                .await,
            0
        );
        let real = format!("POST /runs/{run}/release");
        let released = rest
            .done(Ask::new("cashier", &real).json(&json!({})).key("r"))
            .await;
        assert_eq!(released["batches"], rehearsed["batches"], "{released}");
        office.assert_invariants().await;
    })
    .await;
}

/// Lists come in pages that follow each other, whole as lines or CSV, and unchanged not at all.
#[tokio::test]
async fn long_lists_have_pages_forms_and_tags() {
    for_each_engine(async |url| {
        let (_, run) = approved(url, 25).await;
        let rest = Rest::of(url, "2022-01-05").await;
        let mut path = format!("/runs/{run}/lines?limit=10");
        let mut seen: Vec<i64> = Vec::new();
        loop {
            let page = rest.get("manager", &path).await;
            assert_eq!(page.status, 200);
            let document = page.json();
            let lines = document["lines"].as_array().unwrap();
            seen.extend(lines.iter().map(|line| line["payment"].as_i64().unwrap()));
            let link = page.header("link").to_owned();
            let Some(next) = link.strip_prefix("</api/v1") else {
                break;
            };
            path = next.split('>').next().unwrap().to_owned();
        }
        assert_eq!(seen.len(), 25);
        assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
        let lines = rest
            .get("manager", &format!("/runs/{run}/lines?format=ndjson"))
            .await;
        assert_eq!(lines.header("content-type"), "application/x-ndjson");
        assert_eq!(String::from_utf8(lines.body).unwrap().lines().count(), 25);
        let rest_of_them = format!("/runs/{run}/lines?format=csv&after={}", seen[4]);
        let csv = rest.get("manager", &rest_of_them);
        assert_eq!(
            String::from_utf8(csv.await.body).unwrap().lines().count(),
            21
        );
        let xlsx = rest
            .get("manager", &format!("/runs/{run}/lines?format=xlsx"))
            .await;
        assert!(xlsx.body.starts_with(b"PK"));
        let first = rest.get("manager", "/runs").await;
        let again = Ask::new("manager", "GET /runs").header("if-none-match", first.header("etag"));
        let again = rest.send(again).await;
        assert_eq!((again.status, again.body.len()), (304, 0));
    })
    .await;
}

/// Each way of being refused has its status, its code and both languages.
#[tokio::test]
async fn refusals_say_what_to_do_in_both_languages() {
    let database = acceptance::TestDb::sqlite();
    let (_, run) = approved(database.url(), 3).await;
    let rest = Rest::of(database.url(), "2022-01-05").await;
    let runs = || Ask::new("maker", "POST /runs");
    let month = json!({ "program": "urban", "month": "2022-13" });
    let big = vec![b'x'; 2 * 1024 * 1024];
    let huge = Ask::new(
        "maker",
        "POST /rosters/import?program=urban&month=2022-01&name=a.csv",
    )
    .header("content-length", "99999999999");
    let step = |login: &str, step: &str| Ask::new(login, &format!("POST /runs/{run}/{step}"));
    for (ask, status, code) in [
        (runs().json(&month), 400, "CMD-0003"),
        (runs().json(&json!({ "program": 1 })), 400, "CMD-0003"),
        (
            runs().header("content-type", "application/json"),
            400,
            "CMD-0003",
        ),
        (runs().json(&json!({})).key("job/1"), 400, "CMD-0003"),
        (Ask::new("maker", "GET /runs/x"), 400, "CMD-0003"),
        (Ask::new("maker", "GET /runs?format=doc"), 400, "CMD-0003"),
        (Ask::new("nobody", "GET /runs"), 401, "AUTH-0001"),
        (
            Ask::new("nobody", "GET /runs").header("authorization", "Bearer hm_test_1_0"),
            401,
            "AUTH-0015",
        ),
        (
            step("manager", "release").json(&json!({})),
            403,
            "AUTH-0004",
        ),
        (Ask::new("maker", "GET /runs/99"), 404, "CMD-0001"),
        (Ask::new("maker", "GET /nothing"), 404, "CMD-0001"),
        (step("maker", "submit"), 409, "RUN-0001"),
        (
            runs().json(&Value::String(String::from_utf8(big).unwrap())),
            413,
            "CMD-0009",
        ),
        (huge, 413, "CMD-0009"),
        (
            Ask::new(
                "maker",
                "POST /rosters/import?program=urban&month=2022-01&name=a.csv",
            )
            .file(b"\xff\xfe\x00"),
            422,
            "",
        ),
    ] {
        let told = format!("{ask:?}").chars().take(200).collect::<String>();
        let reply = rest.send(ask.header("accept-language", "en")).await;
        let problem = reply.json();
        assert_eq!(reply.status, status, "{told}: {problem}");
        assert_eq!(
            reply.header("content-type"),
            "application/problem+json",
            "{told}"
        );
        assert_eq!(problem["status"], status);
        if !code.is_empty() {
            assert_eq!(problem["code"], code, "{told}: {problem}");
        }
        assert_eq!(problem["title"], problem["en"]["title"]);
        assert_ne!(problem["title"], problem["zh"]["title"]);
        assert!(!problem["next"].as_str().unwrap().is_empty());
        assert!(!reply.header("x-request-id").is_empty());
    }
}

/// A token has no more roles than its user, is its user in the rules of persons, and ends.
#[tokio::test]
async fn tokens_are_their_users_and_end() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let rest = Rest::of(url, "2022-01-05").await;
        let app = &rest.server.app;
        let new = |roles: Vec<Role>, hours| NewToken {
            name: "示例".to_owned(),
            roles,
            hours,
        };
        let maker = office.who("maker");
        let more = token::add(app, maker, &new(vec![Role::Cashier], 1), None).await;
        assert_eq!(acceptance::office::refused(more).code(), "AUTH-0004");
        let made = token::add(app, maker, &new(Vec::new(), 1), Some("t".to_owned()))
            .await
            .unwrap();
        let text = made.answer["token"].as_str().unwrap().to_owned();
        let again = token::add(app, maker, &new(Vec::new(), 1), Some("t".to_owned()))
            .await
            .unwrap();
        assert!(
            again.replay && again.answer["token"].is_null(),
            "a secret is shown once"
        );
        let stored =
            office.count("select cast(count(*) as bigint) from command where answer like '%hm_%'");
        assert_eq!(stored.await, 0, "and kept nowhere");
        assert_eq!(
            token::sign_in(app, &text).await.unwrap().user.login,
            "maker"
        );
        assert!(
            token::sign_in(app, &text.replace("hm_test_", "hm_text_"))
                .await
                .is_err()
        );
        let wrong = format!("{}0", &text[..text.len() - 1]);
        if wrong != text {
            assert!(token::sign_in(app, &wrong).await.is_err());
        }
        rest.on("2022-01-06");
        assert!(token::sign_in(app, &text).await.is_err(), "it has expired");
    })
    .await;
}

/// What every answer has around it; the page of the document asks nobody else for anything.
#[tokio::test]
async fn every_answer_is_numbered_and_guarded() {
    let database = acceptance::TestDb::sqlite();
    Office::open(database.url()).await;
    let rest = Rest::of(database.url(), "2022-01-05").await;
    let ask = Ask::anywhere("/healthz").header("x-request-id", "evil");
    let well = rest.send(ask).await;
    assert_eq!((well.status, &well.json()["ok"]), (200, &json!(true)));
    assert!(!["", "evil"].contains(&well.header("x-request-id")));
    assert_eq!(well.header("x-content-type-options"), "nosniff");
    assert!(
        well.header("content-security-policy")
            .starts_with("default-src 'none'")
    );
    assert_eq!(
        rest.send(Ask::anywhere("/metrics")).await.status,
        404,
        "no figures are kept"
    );
    let page = rest.send(Ask::anywhere("/api/docs/")).await;
    let text = String::from_utf8(page.body.clone()).unwrap();
    assert_eq!(page.status, 200);
    assert!(
        !text.contains("src=\"http") && !text.contains("href=\"http"),
        "{text}"
    );
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'self'")
    );
    let document = rest.send(Ask::anywhere("/api/v1/openapi.json")).await;
    assert_eq!(document.json(), document::document());
}
