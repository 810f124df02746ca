//! A month is worked over the REST interface by the people of an office, on both engines; every
//! changing operation is done and leaves an entry in the audit trail.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use acceptance::for_each_engine;
use acceptance::office::Office;
use acceptance::office::paper::{
    self, Outcome, movement, outcomes, people, person, read_batch, write_return, write_statement,
};
use acceptance::rest::{Ask, Rest};
use api::http::rest::document;
use serde_json::{Value, json};

/// Changing operations that the month does not come to. The list may only shrink.
const NOT_WORKED: [&str; 5] = [
    // They take a year of their own; `recovery.rs` does them by the use cases.
    "recovery.hand-over",
    "recovery.receive",
    // They take a browser's session and a telephone.
    "factor.drop",
    "session.end",
    // It needs no token.
    "token.add",
];

/// The month, and what was done in it.
struct Month {
    rest: Rest,
    worked: BTreeSet<String>,
}

impl Month {
    /// Somebody changes something: done, and at its place in the trail.
    async fn does(&mut self, login: &str, line: &str, body: Value) -> Value {
        let ask = Ask::new(login, line);
        let ask = if body.is_null() { ask } else { ask.json(&body) };
        self.sent(line, ask).await
    }

    /// Somebody sends a file.
    async fn sends(&mut self, login: &str, line: &str, bytes: &[u8]) -> Value {
        self.sent(line, Ask::new(login, line).file(bytes)).await
    }

    async fn sent(&mut self, line: &str, ask: Ask) -> Value {
        let answer = self.rest.done(ask).await;
        assert!(
            answer["audit"]["sequence"].as_i64().unwrap() > 0,
            "{line}: {answer}"
        );
        self.worked.insert(id_of(line));
        answer
    }

    /// Checks a draft and explains what the check warns of.
    async fn checks(&mut self, run: i64) {
        self.does("maker", &format!("POST /runs/{run}/check"), Value::Null)
            .await;
        let found = self
            .rest
            .get("maker", &format!("/runs/{run}/findings"))
            .await
            .json();
        for check in found["checks"].as_array().unwrap() {
            let why = json!({ "check": check["code"], "reason": "示例:已核实" });
            self.does("maker", &format!("POST /runs/{run}/explain"), why)
                .await;
        }
    }

    async fn step(&mut self, login: &str, run: i64, step: &str, body: Value) -> Value {
        self.does(login, &format!("POST /runs/{run}/{step}"), body)
            .await
    }

    async fn create(&mut self, program: &str, kind: &str) -> i64 {
        let body = json!({ "program": program, "month": "2022-01", "kind": kind });
        self.does("maker", "POST /runs", body).await["run"]
            .as_i64()
            .unwrap()
    }

    /// The file of a run, and its number.
    async fn file(&self, run: i64) -> (String, Vec<u8>) {
        let all = self.rest.get("cashier", "/batches").await.json();
        let batches = all["batches"].as_array().unwrap();
        let batch = batches.iter().find(|batch| batch["run"] == run).unwrap();
        let number = batch["batch"].as_str().unwrap().to_owned();
        let reply = self
            .rest
            .get("cashier", &format!("/batches/{number}/file"))
            .await;
        assert!(
            reply
                .header("content-disposition")
                .starts_with("attachment; filename*=")
        );
        (number, reply.body)
    }
}

/// The operation of the document that a line asks for.
fn id_of(line: &str) -> String {
    let (method, path) = line.split_once(' ').unwrap();
    let path = path.split('?').next().unwrap();
    let asked: Vec<&str> = path.split('/').collect();
    let document = document::document();
    let mut found = Vec::new();
    for (known, item) in document["paths"].as_object().unwrap() {
        let parts: Vec<&str> = known.trim_start_matches("/api/v1").split('/').collect();
        let same = |(part, word): (&&str, &&str)| part == word || part.starts_with('{');
        if parts.len() == asked.len() && parts.iter().zip(&asked).all(same) {
            let literal = parts.iter().filter(|part| !part.starts_with('{')).count();
            if let Some(id) = item[method.to_lowercase()]["operationId"].as_str() {
                found.push((literal, id.to_owned()));
            }
        }
    }
    found
        .into_iter()
        .max()
        .unwrap_or_else(|| panic!("no operation: {line}"))
        .1
}

#[tokio::test]
async fn a_month_is_worked_over_the_interface() {
    for_each_engine(async |url| {
        Office::funded(url).await;
        let rest = Rest::of(url, "2022-01-05").await;
        let worked = BTreeSet::new();
        let mut month = Month { rest, worked };
        people_and_rules(&mut month).await;
        money(&mut month).await;
        let run = urban(&mut month).await;
        the_bank_answers(&mut month, run).await;
        rural(&mut month).await;
        overpaid(&mut month).await;
        close(&mut month).await;
        let verified = month
            .rest
            .send(Ask::new("auditor", "POST /audit/verify").json(&json!({})));
        let verified = verified.await.json();
        assert_eq!(verified["ok"], true, "{verified}");
        let mut left = BTreeSet::new();
        for (_, item) in document::document()["paths"].as_object().unwrap() {
            for (method, about) in item.as_object().unwrap() {
                let id = about["operationId"].as_str().unwrap();
                if method != "get" && about["x-reads"] != true && !month.worked.contains(id) {
                    left.insert(id.to_owned());
                }
            }
        }
        let known: BTreeSet<String> = NOT_WORKED.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(left, known, "not worked, and what is known not to be");
    })
    .await;
}

async fn confirm(month: &mut Month, proposal: i64) {
    let line = format!("POST /policy/proposals/{proposal}/confirm");
    month.does("reviewer", &line, Value::Null).await;
}

/// Users, a token, rules and lists.
async fn people_and_rules(month: &mut Month) {
    let novice = json!({ "login": "novice", "name": "示例新人", "roles": ["maker"],
        "password": "correct horse battery" });
    month.does("admin", "POST /users", novice).await;
    month
        .does(
            "admin",
            "PUT /users/approver2/level",
            json!({ "level": "city" }),
        )
        .await;
    confirm(month, 1).await;
    let password = json!({ "password": "another horse battery" });
    month
        .does("admin", "PUT /users/novice/password", password)
        .await;
    let wanted = json!({ "user": "novice", "password": "another horse battery", "name": "示例" });
    let made = month
        .rest
        .send(Ask::new("nobody", "POST /tokens").json(&wanted))
        .await;
    assert_eq!(made.status, 200, "{}", made.json());
    assert!(
        made.json()["token"]
            .as_str()
            .unwrap()
            .starts_with("hm_test_")
    );
    let revoke = format!("DELETE /tokens/{}", made.json()["id"]);
    month.does("admin", &revoke, Value::Null).await;
    month
        .does("admin", "POST /users/novice/disable", Value::Null)
        .await;
    month
        .does("admin", "POST /users/novice/enable", Value::Null)
        .await;
    let roles = json!({ "roles": ["reviewer", "manager"] });
    month.does("admin", "PUT /users/novice/roles", roles).await;
    rules(month).await;
}

/// A reference amount, an exclusion, the calendar, rules that two people agree on, and a list.
async fn rules(month: &mut Month) {
    let wage = "[[reference]]\ncode = \"wage\"\nfrom = \"2022-01\"\namount = \"1950\"\n\
                document = \"示例〔2022〕2号\"\n";
    month
        .sends(
            "maker",
            "POST /policy/import?name=more.toml",
            wage.as_bytes(),
        )
        .await;
    let exclusion = json!({ "program": "urban", "other": "rural", "document": "示例〔2022〕3号" });
    month
        .does("maker", "POST /policy/exclusions", exclusion)
        .await;
    month
        .does("maker", "POST /calendar/import?shipped=2022", Value::Null)
        .await;
    let rule = json!({ "program": "rural", "days": 5, "document": "示例〔2022〕4号" });
    month.does("maker", "PUT /policy/publication", rule).await;
    confirm(month, 2).await;
    let limit = json!({ "program": "rural", "level": "township", "from": "2022-01",
        "payment_fen": 200_000, "document": "示例〔2022〕5号" });
    month.does("maker", "PUT /policy/limits", limit).await;
    confirm(month, 3).await;
    let other = json!({ "program": "rural", "level": "county", "from": "2023-01",
        "payment_fen": 100, "document": "示例〔2022〕6号" });
    month.does("maker", "PUT /policy/limits", other).await;
    let reason = json!({ "reason": "示例:文号有误" });
    month
        .does("reviewer", "POST /policy/proposals/4/reject", reason)
        .await;
    let list = format!("身份证号,姓名\r\n{},示例\r\n", person(1).identity);
    let line = "POST /check-lists?kind=employed&list=finance&name=a.csv";
    month.sends("maker", line, list.as_bytes()).await;
}

/// Quota letters that come, shrink, go back and stay for another year.
async fn money(month: &mut Month) {
    let letter = |document: &str| {
        json!({ "document": document, "level": "county", "year": 2022,
        "program": "rural", "account": "csv", "amount_fen": 500_000,
        "received_on": "2022-01-05" })
    };
    month
        .does("accountant", "POST /appropriations", letter("示例甲"))
        .await;
    let table = "文号,级次,年度,项目,账户,金额,到账日期,顺序\r\n\
                 示例乙,县级,2022,rural,csv,100.00,2022-01-05,9\r\n";
    month
        .sends(
            "accountant",
            "POST /appropriations/import?name=a.csv",
            table.as_bytes(),
        )
        .await;
    let less = json!({ "document": "示例甲", "by": "示例丙", "amount_fen": 100 });
    month
        .does("accountant", "POST /appropriations/reduce", less)
        .await;
    let back = json!({ "document": "示例甲", "program": "rural", "amount_fen": 100 });
    month
        .does("accountant", "POST /appropriations/return", back)
        .await;
    let over = json!({ "document": "示例乙", "to": 2023, "by": "示例丁" });
    month
        .does("accountant", "POST /appropriations/carry-over", over)
        .await;
}

/// A run that is sent back and taken back before it is released.
async fn urban(month: &mut Month) -> i64 {
    let roster = paper::roster(&people(20));
    let line = "POST /rosters/import?program=urban&month=2022-01&name=u.csv";
    month.sends("maker", line, &roster).await;
    let run = month.create("urban", "regular").await;
    month.step("maker", run, "calculate", Value::Null).await;
    let why = || json!({ "reason": "示例:重核" });
    for end in ["reject", "revoke", "release"] {
        month.checks(run).await;
        month.step("maker", run, "submit", Value::Null).await;
        if end == "reject" {
            month.step("reviewer", run, "reject", why()).await;
            continue;
        }
        month.step("reviewer", run, "review", Value::Null).await;
        month.step("approver", run, "approve", Value::Null).await;
        if end == "revoke" {
            month.step("approver", run, "revoke", why()).await;
        }
    }
    month.step("cashier", run, "release", json!({})).await;
    run
}

/// Most are paid, one fails, one line is nobody's; the failed one is tried again.
async fn the_bank_answers(month: &mut Month, run: i64) {
    let (number, bytes) = month.file(run).await;
    let batch = read_batch(&number, &bytes);
    let mut rows = outcomes(&batch, |place| match place {
        0 => Outcome::Failed("账号户名不符"),
        _ => Outcome::Paid,
    });
    rows[2].0.key = "P99999999-1".to_owned();
    let answer = write_return(&batch, &rows);
    let shown = month
        .rest
        .send(Ask::new("cashier", "POST /returns/preview?name=r.txt").file(&answer));
    assert_eq!(shown.await.status, 200);
    month
        .sends("cashier", "POST /returns?name=r.txt", &answer)
        .await;
    let seen = [
        movement("2022-01-05", 150_000, "省示例1"),
        movement("2022-01-05", 300_000, "县示例1"),
        movement("2022-01-06", -batch.total.get(), number.clone()),
    ];
    let days = ("2022-01-01", "2022-01-31");
    let statement = write_statement("2600000000000000001", days, 0, &seen);
    stated(month, &statement).await;
    let (payment, _) = batch.lines[0].key[1..].split_once('-').unwrap();
    looked_into(month, payment).await;
    let proposal = json!({ "resolution": "ignore", "note": "示例" });
    month
        .does("accountant", "POST /exceptions/1/propose", proposal)
        .await;
    month
        .does("reviewer", "POST /exceptions/1/confirm", Value::Null)
        .await;
}

/// A statement is looked at, imported, shown, and proposed to be withdrawn.
async fn stated(month: &mut Month, bytes: &[u8]) {
    let line = "POST /statements/preview?account=icbc&name=s.csv";
    let early = month
        .rest
        .send(Ask::new("accountant", line).file(bytes))
        .await;
    assert_eq!(early.code(), "BNK-0012");
    month.rest.on("2022-01-31");
    let shown = month
        .rest
        .send(Ask::new("accountant", line).file(bytes))
        .await;
    assert_eq!(shown.status, 200);
    assert_eq!(shown.json()["matched"], 3);
    let line = "POST /statements?account=icbc&name=s.csv";
    month.sends("accountant", line, bytes).await;
    let shown = month.rest.get("auditor", "/statements/1").await.json();
    assert_eq!(shown["movements"][2]["matched"][0]["kind"], "batch");
    let why = json!({ "reason": "示例" });
    month
        .does("accountant", "POST /statements/1/withdraw", why)
        .await;
    month.rest.on("2022-01-04");
}

/// What is noted of a difference, and what is proposed about its words, its payment and its return.
async fn looked_into(month: &mut Month, failed: &str) {
    let owner = json!({ "owner": "accountant" });
    let line = "POST /exceptions/1/assign";
    month.does("accountant", line, owner).await;
    let text = json!({ "text": "已电话核实" });
    let line = "POST /exceptions/1/comment";
    month.does("accountant", line, text).await;
    let line = "POST /exceptions/1/evidence?name=a.txt&text=x";
    month.sends("accountant", line, b"evidence").await;
    let book = month.rest.get("accountant", "/exceptions/workbook").await;
    let line = "POST /exceptions/workbook?name=a.xlsx";
    month.sends("accountant", line, &book.body).await;
    let lesson = json!({ "words": "示例原话", "reason": "other" });
    month.does("maker", "POST /reasons", lesson).await;
    let why = || json!({ "reason": "示例" });
    let line = format!("POST /payments/{failed}/cancel");
    month.does("maker", &line, why()).await;
    let cleared = json!({ "payments": [failed.parse::<i64>().unwrap()], "reason": "示例" });
    month.does("maker", "POST /payments/clear", cleared).await;
    let layouts = json!({ "account": "icbc", "statement": "mt940" });
    month.does("maker", "PUT /policy/layouts", layouts).await;
    let line = "POST /returns/1/withdraw";
    month.does("cashier", line, why()).await;
}

/// A run that is published and objected to; another that is discarded.
async fn rural(month: &mut Month) {
    let roster = paper::roster(&(101..=104).map(person).collect::<Vec<_>>());
    let line = "POST /rosters/import?program=rural&month=2022-01&name=r.csv";
    month.sends("maker", line, &roster).await;
    let run = month.create("rural", "regular").await;
    month
        .step("maker", run, "discard", json!({ "reason": "示例:重做" }))
        .await;
    let run = month.create("rural", "regular").await;
    month.checks(run).await;
    month.step("maker", run, "submit", Value::Null).await;
    month.step("maker", run, "publish", json!({})).await;
    let objection = json!({ "run": run, "detail": "示例异议" });
    month.does("maker", "POST /objections", objection).await;
    let settled = json!({ "upheld": false, "note": "已核实" });
    month
        .does("reviewer", "POST /objections/1/settle", settled)
        .await;
    month.rest.on("2022-01-20");
    month.step("reviewer", run, "review", Value::Null).await;
    month.step("approver", run, "approve", Value::Null).await;
    month.step("cashier", run, "release", json!({})).await;
    let (number, bytes) = month.file(run).await;
    let batch = read_batch(&number, &bytes);
    let answer = write_return(&batch, &outcomes(&batch, |_| Outcome::Paid));
    month
        .sends("cashier", "POST /returns?name=rural.csv", &answer)
        .await;
    month.step("accountant", run, "close", Value::Null).await;
}

/// Three were paid too much: one recovery is turned down, one given up, one withheld.
async fn overpaid(month: &mut Month) {
    let mut people: Vec<_> = (101..=104).map(person).collect();
    for one in &mut people[..3] {
        one.amount = ledger::money::Fen::new(10_000);
    }
    let line = "POST /rosters/import?program=rural&month=2022-01&name=r2.csv";
    month.sends("maker", line, &paper::roster(&people)).await;
    let wanted = json!({ "program": "rural", "all": true, "reason": "示例:金额有误" });
    let opened = month.does("maker", "POST /recoveries", wanted).await;
    let made = opened["recoveries"].as_array().unwrap().iter();
    let ids: Vec<i64> = made.map(|row| row["recovery"].as_i64().unwrap()).collect();
    let [one, two, three] = ids[..] else {
        panic!("three are overpaid: {opened}");
    };
    let why = || json!({ "reason": "示例" });
    month
        .does("reviewer", &format!("POST /recoveries/{one}/reject"), why())
        .await;
    let confirm = format!("POST /recoveries/{two}/confirm");
    month.does("reviewer", &confirm, Value::Null).await;
    let others = json!({ "recoveries": [three] });
    month
        .does("reviewer", "POST /recoveries/confirm", others)
        .await;
    let dead = person(104);
    let list = format!(
        "身份证号,姓名,日期\r\n{},{},2021-12-30\r\n",
        dead.identity, dead.name
    );
    let line = "POST /check-lists?kind=deceased&list=home&name=d.csv";
    month.sends("maker", line, list.as_bytes()).await;
    let listed = json!({ "list": "home", "document": "示例" });
    let answer = month.does("maker", "POST /deaths/list", listed).await;
    assert_eq!(answer["recorded"], 1);
    let deaths = month.rest.get("auditor", "/deaths").await.json();
    // It was somebody else.
    let person = deaths["deaths"][0]["person"].clone();
    let wrong = json!({ "person": person, "document": "示例" });
    let answer = month.does("maker", "POST /deaths", wrong).await;
    assert_eq!(answer["recorded"], 1);
    month
        .does("maker", &format!("POST /recoveries/{two}/write-off"), why())
        .await;
    let confirm = format!("POST /recoveries/{two}/confirm-write-off");
    month.does("reviewer", &confirm, Value::Null).await;
    let plan = json!({ "set_off_fen": 100 });
    month
        .does("maker", &format!("POST /recoveries/{three}/plan"), plan)
        .await;
}

/// A job is called off, the month is closed, and the year with everything carried over.
async fn close(month: &mut Month) {
    let ask = Ask::new("auditor", "POST /audit/verify").json(&json!({}));
    let asked = month.rest.send(ask.header("prefer", "respond-async")).await;
    assert_eq!(asked.status, 202, "{}", asked.json());
    let place = asked
        .header("location")
        .trim_start_matches("/api/v1")
        .to_owned();
    month
        .does("auditor", &format!("POST {place}/cancel"), Value::Null)
        .await;
    let job = month.rest.get("auditor", &place).await.json();
    assert_eq!(job["state"], "cancelled", "{job}");
    month.rest.on("2022-01-31");
    month
        .does("accountant", "POST /periods/2022-01/close", Value::Null)
        .await;
    month.rest.on("2022-12-31");
    let closing = json!({ "carry_over": "示例〔2023〕1号" });
    month
        .does("accountant", "POST /years/2022/close", closing)
        .await;
}
