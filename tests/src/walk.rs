//! A walk through every page that somebody can reach by links and forms, without a browser; and an
//! office in which everything has happened that has a page.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use api::app::job::{self, Wanted};
use api::app::proposal::Change;
use api::app::publication::{self, NewRule};
use api::app::recovery::{self, NewRecovery, Whose};
use api::http::Server;
use axum::http::header;
use ledger::disbursement::publication::DayUnit;
use ledger::money::Fen;
use ledger_store::run::RunKind;
use serde_json::json;

use crate::browser::{Answer, Browser, PASSWORD, encoded};
use crate::office::paper::{Outcome, movement, outcomes, people, person, write_return};
use crate::office::{Office, done};

/// What is typed where a form wants something: name of the field and value.
const TYPED: [(&str, &str); 7] = [
    ("name", "测试一"),
    ("payment", "1"),
    ("document", "县示例1"),
    ("number", "1"),
    ("from", "1"),
    ("year", "2022"),
    ("now", "1"),
];
/// Addresses that differ only in their values are looked at so often: of runs, one is published and
/// one is paid.
const OF_A_KIND: usize = 2;
/// The pages have an end.
const PAGES_MAX: usize = 2_000;

/// Every address that the routers of the pages answer, as the sources name them.
///
/// # Panics
/// When the sources cannot be read.
pub fn routes() -> BTreeSet<String> {
    let mut routes = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/src/web")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for part in text.split(".route(").skip(1) {
                let part = part.split("\n}").next().unwrap();
                let address = part.split('"').nth(1).unwrap_or_default();
                if address.starts_with('/') && part.contains("get(") {
                    routes.insert(address.to_owned());
                }
            }
        }
    }
    assert!(routes.len() > 40, "{routes:?}");
    routes
}

/// The route that answers an address: the one with the most words of its own.
///
/// # Panics
/// When none does.
pub fn route_of(routes: &BTreeSet<String>, address: &str) -> String {
    let path = address.split(['?', '#']).next().unwrap();
    let asked: Vec<&str> = path.split('/').collect();
    let fits = |route: &&String| {
        let parts: Vec<&str> = route.split('/').collect();
        let mut pairs = parts.iter().zip(&asked);
        parts.len() == asked.len()
            && pairs.all(|(part, word)| part == word || part.starts_with('{'))
    };
    let found = routes.iter().filter(fits);
    found
        .min_by_key(|route| route.matches('{').count())
        .unwrap_or_else(|| panic!("no page answers {address}"))
        .clone()
}

/// A page: its route, but each report is a page of its own.
pub fn page_of(routes: &BTreeSet<String>, address: &str) -> String {
    match route_of(routes, address).as_str() {
        "/reports/{report}" => address.split(['?', '#']).next().unwrap().to_owned(),
        route => route.to_owned(),
    }
}

/// What is asked of a page: itself, and the names in the address with what chooses a file.
fn kind_of(routes: &BTreeSet<String>, address: &str) -> String {
    let query = address.split_once('?').map_or("", |(_, query)| query);
    let name = |pair: &'_ str| match pair.split_once('=') {
        Some((name, _)) if name != "as" => name.to_owned(),
        _ => pair.to_owned(),
    };
    let mut names: Vec<String> = query.split('&').map(name).collect();
    names.sort_unstable();
    format!("{}?{}", page_of(routes, address), names.join("&"))
}

/// The value of an attribute of a tag, decoded.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag
        .split(&format!(" {name}=\""))
        .nth(1)?
        .split('"')
        .next()?;
    let pairs = [
        ("&#38;", "&"),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
    ];
    let decoded = |text: String, (code, plain): (&str, &str)| text.replace(code, plain);
    Some(pairs.into_iter().fold(value.to_owned(), decoded))
}

/// The addresses that the forms of a page ask, as they stand, with something typed where a value is
/// wanted and every box ticked. Filters of tables are left out: they show the same again.
fn asked_by_forms(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for form in text.split("<form ").skip(1) {
        let form = format!("<form {}", form.split("</form>").next().unwrap());
        let head = form.split('>').next().unwrap();
        let is_asking = attribute(head, "method").as_deref() == Some("get");
        let action = attribute(head, "action").unwrap_or_default();
        if !is_asking || !action.starts_with('/') {
            continue;
        }
        let mut pairs = Vec::new();
        for tag in form.split('<').skip(2) {
            let tag = tag.split('>').next().unwrap();
            let Some(name) = attribute(tag, "name") else {
                continue;
            };
            let value = match tag.split(' ').next().unwrap() {
                "select" => chosen(&form, &name),
                "input" => attribute(tag, "value").unwrap_or_default(),
                _ => continue,
            };
            let typed = TYPED.iter().find(|(known, _)| *known == name);
            let wanted = tag.ends_with(" required") || tag.contains(" required ");
            pairs.push(match (value.is_empty() && wanted, typed) {
                (true, Some((_, text))) => (name, (*text).to_owned()),
                _ => (name, value),
            });
        }
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        found.push(format!("{action}?{}", encoded(&pairs)));
    }
    found
}

/// What a list offers first, or has chosen.
fn chosen(form: &str, name: &str) -> String {
    let list = form.split("<select ").skip(1);
    let mut list = list.filter(|list| list.contains(&format!("name=\"{name}\"")));
    let list = list.next().unwrap_or_default();
    let list = list.split("</select>").next().unwrap();
    let options: Vec<&str> = list.split("<option").skip(1).collect();
    let is_chosen = |option: &&&str| option.split('>').next().unwrap().ends_with(" selected");
    let option = options.iter().find(is_chosen).or(options.first());
    let value = option.and_then(|option| attribute(option.split('>').next().unwrap(), "value"));
    value.unwrap_or_default()
}

/// Whether an answer is a page and no file.
pub fn is_page(answer: &Answer) -> bool {
    let kind = answer.headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.to_str().unwrap().starts_with("text/html"))
}

/// Everything that somebody reaches from the first page, by address.
///
/// # Panics
/// When an answer is no page and no file, or the pages have no end.
pub async fn walked(server: &Server, login: &str, language: &str) -> BTreeMap<String, Answer> {
    let mut browser = Browser::new(server);
    let page = browser.sign_in(login, PASSWORD, "").await;
    let speaks = [("language", language)];
    browser.fill(&page, "/language", &speaks).await;
    let routes = routes();
    let mut seen = BTreeMap::new();
    let (mut kinds, mut known) = (BTreeMap::<String, usize>::new(), BTreeSet::new());
    let mut waiting = VecDeque::from(["/".to_owned()]);
    while let Some(address) = waiting.pop_front() {
        let plain = address.split('#').next().unwrap().to_owned();
        // Sorting shows the same again.
        if plain.starts_with("/assets/") || plain.contains("sort") || !known.insert(plain.clone()) {
            continue;
        }
        let count = kinds.entry(kind_of(&routes, &plain)).or_default();
        *count += 1;
        if *count > OF_A_KIND {
            continue;
        }
        let answer = browser.get(&plain).await;
        assert_eq!(answer.status, 200, "{login} {plain}: {}", answer.text);
        if is_page(&answer) {
            waiting.extend(answer.links());
            waiting.extend(asked_by_forms(&answer.text));
        }
        assert!(seen.len() < PAGES_MAX, "the pages have no end");
        seen.insert(plain, answer);
    }
    seen
}

/// An office in which everything has happened that has a page.
///
/// # Panics
/// When something of it is refused.
pub async fn busy(url: &str) -> Office {
    let office = Office::funded(url).await;
    let rule = NewRule {
        program: "rural".to_owned(),
        days: 5,
        unit: DayUnit::Calendar,
        document: "示例〔2022〕4号".to_owned(),
    };
    done(
        office
            .agree("maker", "reviewer", &Change::Publication(rule))
            .await,
    );
    let many: Vec<_> = (101..=104).map(person).collect();
    office.roster("rural", "2022-01", &many).await;
    let rural = office
        .create("rural", RunKind::Regular, "2022-01")
        .await
        .unwrap();
    office.walk(rural, 2).await;
    let (app, maker) = (&office.app, office.who("maker"));
    done(publication::publish(app, maker, rural, None, None).await);
    office.roster("urban", "2022-01", &people(4)).await;
    let (_, files) = office.pay("urban", RunKind::Regular, "2022-01").await;
    let mut rows = outcomes(&files[0], |place| match place {
        0 => Outcome::Failed("系统忙"),
        _ => Outcome::Paid,
    });
    rows[1].0.key = "P99999999-1".to_owned();
    let answer = write_return(&files[0], &rows);
    done(office.import("return.txt", &answer, None).await);
    let seen = [movement("2022-01-04", 555, "不明来款")];
    let days = ("2022-01-01", "2022-01-04");
    office.statement("icbc", days, &seen).await;
    let mut less = people(4);
    less[2].amount = Fen::new(10_000);
    office.roster("urban", "2022-01", &less).await;
    let new = NewRecovery {
        program: "urban".to_owned(),
        whose: Whose::All,
        first: None,
        last: None,
        reason: "示例:金额有误".to_owned(),
    };
    done(recovery::open(app, maker, &new, None).await);
    let check = Wanted::new("run.check", json!({ "run": rural.get() }));
    done(job::add(app, maker, check, None).await);
    let export = Wanted::new("audit.export", json!({}));
    done(job::add(app, office.who("auditor"), export, None).await);
    let (_go_on, mut stop) = tokio::sync::watch::channel(false);
    while job::work_once(app, "crawl", &mut stop).await.unwrap() {}
    office
}
