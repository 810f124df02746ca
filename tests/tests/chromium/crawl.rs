//! Every page is reached by links and forms with scripts switched off, and none of them asks
//! anybody but the server for anything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use acceptance::TestDb;
use acceptance::browser::serving;
use acceptance::chromium::{Chromium, Site, Window};
use acceptance::office::paper::{Outcome, outcomes, people, person, write_return};
use acceptance::office::{Office, done};
use api::app::job::{self, Wanted};
use api::app::proposal::Change;
use api::app::publication::{self, NewRule};
use api::app::recovery::{self, NewRecovery, Whose};
use fantoccini::Locator;
use ledger::disbursement::publication::DayUnit;
use ledger::money::Fen;
use ledger_store::run::RunKind;
use serde_json::{Value, json};

/// What is typed where a form wants something: name of the field and value.
const TYPED: [(&str, &str); 6] = [
    ("name", "测试一"),
    ("payment", "1"),
    ("document", "县示例1"),
    ("number", "1"),
    ("from", "1"),
    ("year", "2022"),
];
/// Runs that are looked at: one of them is published, one is paid.
const OF_RUNS: usize = 2;

/// What the walk does not come to, though a link leads there (`pages::` opens it).
const UNREACHED: [&str; 1] = ["/people/{user}"];

/// Every address that the routers of the pages answer, as the sources name them.
fn routes() -> BTreeSet<String> {
    let mut routes = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/src/web");
    let mut folders = vec![folder];
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
fn route_of(routes: &BTreeSet<String>, address: &str) -> String {
    let path = address.split(['?', '#']).next().unwrap();
    let asked: Vec<&str> = path.split('/').collect();
    let fits = |route: &&String| {
        let parts: Vec<&str> = route.split('/').collect();
        parts.len() == asked.len()
            && parts
                .iter()
                .zip(&asked)
                .all(|(part, word)| part == word || part.starts_with('{'))
    };
    let found = routes
        .iter()
        .filter(fits)
        .min_by_key(|route| route.matches('{').count());
    found
        .unwrap_or_else(|| panic!("no page answers {address}"))
        .clone()
}

/// What is asked of a page: its route, and the names in the address with what chooses a file.
fn kind_of(routes: &BTreeSet<String>, address: &str) -> String {
    let query = address.split_once('?').map_or("", |(_, query)| query);
    let mut names: Vec<&str> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if name != "as" => name,
            _ => pair,
        })
        .collect();
    names.sort_unstable();
    let named = match route_of(routes, address).as_str() {
        // Each report is a page of its own.
        "/reports/{report}" => address.split('?').next().unwrap().to_owned(),
        route => route.to_owned(),
    };
    format!("{named}?{}", names.join("&"))
}

/// A walk through everything that somebody can reach.
struct Walk<'a> {
    window: &'a Window,
    routes: BTreeSet<String>,
    waiting: VecDeque<String>,
    kinds: BTreeMap<String, usize>,
    forms: BTreeSet<String>,
}

impl Walk<'_> {
    fn add(&mut self, address: &str) {
        let plain = address.split('#').next().unwrap();
        // Sorting shows the same again.
        if plain.is_empty() || plain.contains("sort") {
            return;
        }
        let seen = self.kinds.entry(kind_of(&self.routes, plain)).or_default();
        let enough = match plain.starts_with("/runs/") {
            true => OF_RUNS,
            false => 1,
        };
        if *seen < enough && !self.waiting.iter().any(|known| known == plain) {
            *seen += 1;
            self.waiting.push_back(plain.to_owned());
        }
    }

    async fn links(&mut self) {
        let script = "return Array.from(document.querySelectorAll('a[href]'),
            a => a.getAttribute('href'))";
        let links = self.window.script(script, Vec::new()).await;
        for link in links.as_array().unwrap().iter().filter_map(Value::as_str) {
            match link.starts_with('/') {
                true => self.add(link),
                false => assert!(link.starts_with(['#', '?']), "{link} leads elsewhere"),
            }
        }
    }

    /// The address that a form leads to; the same when it gives a file.
    async fn changed(&self, before: &str) -> String {
        let mut shown = self.window.address().await;
        for _ in 0..50 {
            if shown != before {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            shown = self.window.address().await;
        }
        shown
    }

    /// Asks what the forms of the page ask, as they stand or with something typed.
    async fn asks(&mut self, address: &str) {
        let forms = "main form[method=get]:not(.filter)";
        let count = self
            .window
            .client
            .find_all(Locator::Css(forms))
            .await
            .unwrap()
            .len();
        for place in 0..count {
            let form = self
                .window
                .client
                .find_all(Locator::Css(forms))
                .await
                .unwrap();
            let form = form.into_iter().nth(place).unwrap();
            let action = form.attr("action").await.unwrap().unwrap_or_default();
            let route = route_of(&self.routes, address);
            if !self.forms.insert(format!("{route} {action}")) {
                continue;
            }
            let fields = form
                .find_all(Locator::Css("input[required]"))
                .await
                .unwrap();
            for field in fields {
                let name = field.attr("name").await.unwrap().unwrap_or_default();
                let value = field.prop("value").await.unwrap().unwrap_or_default();
                let typed = TYPED.iter().find(|(known, _)| *known == name);
                if let (true, Some((_, text))) = (value.is_empty(), typed) {
                    field.send_keys(text).await.unwrap();
                }
            }
            let box_of = form.find_all(Locator::Css("input[type=checkbox]:not(:checked)"));
            for tick in box_of.await.unwrap() {
                tick.click().await.unwrap();
            }
            form.find(Locator::Css("p.buttons button"))
                .await
                .unwrap()
                .click()
                .await
                .unwrap();
            let shown = self.changed(address).await;
            if shown != address {
                self.links().await;
            }
            self.window.open(address).await;
        }
    }

    async fn walk(&mut self) {
        while let Some(address) = self.waiting.pop_front() {
            let before = self.window.address().await;
            self.window.open(&address).await;
            let shown = self.window.address().await;
            // A file leaves the page as it was.
            if shown != before || shown == address {
                self.links().await;
                self.asks(&shown).await;
            }
        }
    }
}

/// An office in which everything has happened that has a page.
async fn busy(url: &str) -> Office {
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
    done(
        office
            .import("return.txt", &write_return(&files[0], &rows), None)
            .await,
    );
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

/// What the browser asked for was the server's own, and was there.
fn judge(origin: &str, events: &[(String, Value)]) -> usize {
    let mut asked = 0;
    for (method, event) in events {
        let (url, status) = match method.as_str() {
            "Network.requestWillBeSent" => (&event["request"]["url"], None),
            _ => (
                &event["response"]["url"],
                event["response"]["status"].as_i64(),
            ),
        };
        let url = url.as_str().unwrap();
        // The page that a browser shows before it is sent anywhere is its own.
        if url.starts_with("chrome://") || url.starts_with("data:") {
            continue;
        }
        assert!(
            url.starts_with(&format!("{origin}/")),
            "asked elsewhere: {url}"
        );
        assert!(
            status.is_none_or(|status| status == 200),
            "{status:?}: {url}"
        );
        asked += usize::from(status.is_none());
    }
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_without_scripts_and_nothing_from_elsewhere() {
    let database = TestDb::sqlite();
    let url = database.url();
    let office = busy(url).await;
    let logins = ["cashier", "maker", "accountant", "auditor", "admin"];
    let server = serving(&office, url, &logins).await;
    let site = Site::open(&server);
    let chromium = Chromium::start();
    let window = chromium.window(&site).await;
    window.open("/login").await;
    window.switch_scripts_off().await;
    let mut reached = BTreeSet::new();
    let (mut asked, every) = (0, routes());
    for login in logins {
        window.sign_in(login).await;
        let off = window.script("return matchMedia('(scripting: none)').matches", Vec::new());
        assert_eq!(off.await, true, "scripts are off");
        let mut walk = Walk {
            window: &window,
            routes: every.clone(),
            waiting: VecDeque::from(["/".to_owned()]),
            kinds: BTreeMap::new(),
            forms: BTreeSet::new(),
        };
        walk.walk().await;
        window.open("/me").await;
        window.sign_out().await;
        let events = window.network().await;
        asked += judge(&site.origin, &events);
        // A file leaves the address as it was.
        let asked_for = events
            .iter()
            .filter(|(_, event)| event["request"]["method"] == "GET");
        let urls = asked_for.filter_map(|(_, event)| event["request"]["url"].as_str());
        for address in urls.filter_map(|url| url.strip_prefix(&site.origin)) {
            reached.insert(route_of(&every, address));
        }
    }
    assert!(asked > 200, "{asked} requests");
    let left: BTreeSet<&String> = every.difference(&reached).collect();
    let known = |route: &&&String| UNREACHED.contains(&route.as_str());
    let unknown: Vec<_> = left.iter().filter(|route| !known(route)).collect();
    assert!(
        unknown.is_empty(),
        "not reached by links and forms: {unknown:?}"
    );
}
