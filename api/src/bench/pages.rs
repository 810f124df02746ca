//! How long each page takes, and how large it is, on a book as large as it has become.
//!
//! A request goes the whole way of a browser's, without the network: session, use case, page.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use ledger::account::Chart;
use ledger::calendar::Month;
use ledger::problem::Language;
use tower::ServiceExt;

use super::city::ACCOUNT;
use super::office::Office;
use crate::app::session::{self, Credentials};
use crate::app::{Error, policy, users};
use crate::demo::year::password_of;
use crate::http::{Server, router};
use crate::web::seat::COOKIE;

/// Warm answers of each page; their median counts.
const RUNS: usize = 11;
/// No page is so large.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageFigure {
    /// Its address.
    pub address: String,
    /// The first answer: nothing of it was looked at before.
    pub first: Duration,
    /// The median of 11 warm answers.
    pub median: Duration,
    /// The slowest of them.
    pub slowest: Duration,
    /// Its size, not compressed.
    pub bytes: usize,
}

/// The addresses of a book whose last month is `last` and whose largest program is `program`.
fn addresses(program: &str, last: Month) -> Vec<String> {
    let month = format!("month={last}");
    let months = format!("from={last}&to={last}");
    let year = last.year();
    let plain = [
        "/",
        "/dashboard",
        "/runs",
        "/runs/1",
        "/runs/1/lines",
        "/runs/1/lines?from=50000",
        "/runs/1/findings",
        "/runs/1/triplicate",
        "/batches",
        "/batches/B000001",
        "/batches/B000001?place=50000",
        "/returns",
        "/exceptions",
        "/repay",
        "/rosters",
        "/policy",
        "/policy/standards",
        "/policy/packs",
        "/settings",
        "/calendar",
        "/funds",
        "/recoveries",
        "/ledger",
        "/statements",
        "/periods",
        "/reports",
        "/trace",
        "/trace/payment/1",
        "/audit",
        "/audit/evidence",
        "/jobs",
        "/persons/1",
        "/rosters/deaths",
        "/reasons",
        "/people",
    ];
    let mut list: Vec<String> = plain.map(str::to_owned).to_vec();
    list.extend([
        format!("/rosters/list?program={program}&{month}"),
        format!("/rosters/list?program={program}&{month}&place=50000"),
        format!(
            "/rosters/diff?program={program}&from={}&to={last}",
            last.previous()
        ),
        format!("/payments?{months}&state=failed"),
        format!("/payments?{months}&state=failed&attempt=first"),
        format!("/payments?{months}&state=pending"),
        format!("/payments?{months}&state=paid"),
        format!("/agreements?{month}"),
        format!("/reports/success?{months}"),
        format!("/reports/success-rate?{months}"),
        format!("/reports/monthly?{month}"),
        format!("/reports/annual?year={year}"),
        format!("/reports/execution?year={year}"),
        format!("/reports/tie-out?{month}"),
        format!("/reports/trial-balance?{months}"),
        format!("/reports/voucher?{month}&number=1"),
        format!("/reports/ledger?{months}&code={}", Chart::Bank.code()),
        format!("/reports/ledger?{months}&code={}", Chart::Payable.code()),
        format!("/reports/bank-journal?{month}&account={ACCOUNT}"),
        format!("/reports/bank-reconciliation?{month}&account={ACCOUNT}"),
    ]);
    list
}

/// Who looks at a page: somebody whose work it is, and who is offered most there.
fn whose(address: &str) -> &'static str {
    let is = |part: &str| address.starts_with(part);
    match address {
        _ if is("/audit") || is("/jobs") => "auditor",
        _ if is("/people") => "admin",
        _ if is("/dashboard") || is("/payments") || is("/reports") => "manager",
        _ => "maker",
    }
}

/// Signs somebody in; gives the token of the session.
async fn signed_in(office: &Office, login: &str) -> Result<String, Error> {
    // A password that an administrator gave opens nothing but the page that changes it.
    let password = format!("bench {}", password_of(login));
    users::set_password(&office.app, office.who(login)?, login, &password, None).await?;
    let given = Credentials {
        login,
        password: &password,
        code: None,
    };
    let asks = (Language::Zh, "bench");
    session::begin(&office.app, &office.book, given, asks).await
}

/// Measures every page.
pub(super) async fn measure(office: &Office, last: Month) -> Result<Vec<PageFigure>, Error> {
    let programs = policy::list_programs(&office.app, office.who("manager")?).await?;
    let program = programs.json["programs"][0]["id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let mut tokens = BTreeMap::new();
    for login in ["maker", "manager", "auditor", "admin"] {
        tokens.insert(login, signed_in(office, login).await?);
    }
    let pages = router(&Server::new(office.app.clone()));
    let mut figures = Vec::new();
    for address in addresses(&program, last) {
        let (mut times, mut bytes) = (Vec::with_capacity(RUNS), 0);
        let token = tokens.get(whose(&address)).cloned().unwrap_or_default();
        for _ in 0..=RUNS {
            let request =
                Request::get(&address).header(header::COOKIE, format!("{COOKIE}={token}"));
            let request = request.body(Body::empty()).map_err(anyhow::Error::from)?;
            let started = Instant::now();
            let Ok(response) = pages.clone().oneshot(request).await;
            let status = response.status();
            let body = to_bytes(response.into_body(), BYTES_MAX).await;
            times.push(started.elapsed());
            bytes = body.map_err(anyhow::Error::from)?.len();
            if status != StatusCode::OK {
                return Err(anyhow::anyhow!("{address}: {status}").into());
            }
        }
        let first = times.remove(0);
        times.sort_unstable();
        figures.push(PageFigure {
            address,
            first,
            median: times.get(RUNS / 2).copied().unwrap_or_default(),
            slowest: times.last().copied().unwrap_or_default(),
            bytes,
        });
    }
    Ok(figures)
}
