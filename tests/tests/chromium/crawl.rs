//! Every page is reached by links and forms without scripts, opens in Chromium with scripts
//! switched off, and asks nobody but the server for anything.
//!
//! The walk itself goes by plain HTTP, which runs no script, and follows what several people are
//! offered; the browser then opens one page of each route.

use std::collections::{BTreeMap, BTreeSet};

use acceptance::TestDb;
use acceptance::browser::serving;
use acceptance::chromium::{Chromium, Site};
use acceptance::walk::{busy, is_page, page_of, route_of, routes, walked};
use serde_json::Value;

/// What loads, sends or leads somewhere.
const LEADING: [&str; 5] = ["src", "href", "action", "formaction", "data"];

/// Nothing on a page names another place than this server.
fn stays(address: &str, text: &str) {
    for name in LEADING {
        for to in text.split(&format!(" {name}=\"")).skip(1) {
            let to = to.split('"').next().unwrap();
            let is_own = to.starts_with(['#', '?']) || to.starts_with('/') && !to.starts_with("//");
            assert!(is_own, "{address} leads to {to}");
        }
    }
    let inline = text.split("<script").skip(1);
    for script in inline {
        assert!(script.starts_with(" src=\"/assets/"), "{address}: {script}");
    }
}

/// What the browser asked for was the server's own, and was there: how much it was.
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
    let every = routes();
    // The browser itself begins at the one, and loads the others with every page.
    let begin = ["/login", "/assets/{name}"].map(str::to_owned);
    let mut reached: BTreeSet<String> = BTreeSet::from(begin);
    let mut to_open: BTreeMap<String, (&str, String)> = BTreeMap::new();
    for login in logins {
        for (address, answer) in walked(&server, login, "zh").await {
            reached.extend([&address, &answer.address].map(|at| route_of(&every, at)));
            let page = page_of(&every, &answer.address);
            to_open.entry(page).or_insert((login, address.clone()));
            if is_page(&answer) {
                stays(&address, &answer.text);
            }
        }
    }
    let left: BTreeSet<&String> = every.difference(&reached).collect();
    assert!(left.is_empty(), "not reached by links and forms: {left:?}");

    let site = Site::open(&server);
    let chromium = Chromium::start();
    let window = chromium.window(&site).await;
    window.open("/login").await;
    window.switch_scripts_off().await;
    let mut opened = BTreeSet::new();
    for login in logins {
        window.sign_in(login).await;
        let off = window.script("return matchMedia('(scripting: none)').matches", Vec::new());
        assert_eq!(off.await, true, "scripts are off");
        for (page, (_, address)) in to_open.iter().filter(|(_, (whose, _))| *whose == login) {
            window.open(address).await;
            opened.insert(page.clone());
        }
        window.open("/me").await;
        window.sign_out().await;
    }
    let asked = judge(&site.origin, &window.network().await);
    let pages: BTreeSet<String> = to_open.into_keys().collect();
    assert_eq!(opened, pages);
    assert!(asked > pages.len(), "{asked} requests for {}", pages.len());
    window.close().await;
}
