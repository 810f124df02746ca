//! A browser without a script and without a screen: it keeps cookies, follows ways on, fills forms.

use std::sync::Arc;

use api::app::clock::{Clock, Entropy, moment_at};
use api::app::{App, users};
use api::http::{Server, router};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use ledger_store::db::Db;
use tower::ServiceExt;

use crate::office::{Office, day};

/// Pages are at most so large.
const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The password of everybody who signs in.
pub const PASSWORD: &str = "battery staple";

/// A server on the books of an office, at ten on 10 January 2022, where these people have a
/// password.
///
/// # Panics
/// When it cannot be set up.
pub async fn serving(office: &Office, url: &str, logins: &[&str]) -> Server {
    serving_on("2022-01-10", office, url, logins).await
}

/// The same on another day.
///
/// # Panics
/// When it cannot be set up.
pub async fn serving_on(on: &str, office: &Office, url: &str, logins: &[&str]) -> Server {
    let clock = Clock::fixed(moment_at(day(on), 10, 0));
    let app = App::new(Db::open(url).await.unwrap(), clock, Entropy::system());
    for login in logins {
        let caller = office.who(login);
        users::set_password(&app, caller, login, PASSWORD, None)
            .await
            .unwrap();
    }
    Server::new(Arc::new(app))
}

/// One person's browser.
#[derive(Clone, Debug)]
pub struct Browser {
    pages: Router,
    cookie: Option<String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status of the last answer.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its text.
    pub text: String,
    /// The address that it came from.
    pub address: String,
}

/// A field of a form: name and value.
pub type Field<'a> = (&'a str, &'a str);

impl Browser {
    /// A browser that has not been anywhere yet.
    pub fn new(server: &Server) -> Browser {
        Browser {
            pages: router(server),
            cookie: None,
        }
    }

    /// The cookie that it keeps, with its name; empty when it keeps none.
    pub fn cookie(&self) -> &str {
        self.cookie.as_deref().unwrap_or_default()
    }

    /// A request as it is, and its answer as it is.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn send(
        &mut self,
        method: Method,
        address: &str,
        headers: &[Field<'_>],
        body: Vec<u8>,
    ) -> Answer {
        let path = address.split('#').next().unwrap_or_default();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "books.test");
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).unwrap();
        let response = self.pages.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for set in parts.headers.get_all(header::SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap_or_default();
            let is_gone = pair.ends_with('=');
            self.cookie = (!is_gone).then(|| pair.to_owned());
        }
        let bytes = to_bytes(body, PAGE_BYTES_MAX).await.unwrap();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
            address: address.to_owned(),
        };
        answer.keeps_forms_apart();
        answer
    }

    async fn follow(&mut self, mut answer: Answer) -> Answer {
        for _ in 0..5 {
            let Some(to) = answer.headers.get(header::LOCATION) else {
                break;
            };
            let to = to.to_str().unwrap().to_owned();
            answer = self.send(Method::GET, &to, &[], Vec::new()).await;
        }
        answer
    }

    /// Goes somewhere.
    pub async fn get(&mut self, address: &str) -> Answer {
        let answer = self.send(Method::GET, address, &[], Vec::new()).await;
        self.follow(answer).await
    }

    /// Sends fields, and follows the way on.
    pub async fn post(&mut self, address: &str, fields: &[Field<'_>]) -> Answer {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", "same-origin"),
        ];
        let body = encoded(fields).into_bytes();
        let answer = self.send(Method::POST, address, &headers, body).await;
        self.follow(answer).await
    }

    /// Fills the form of a page that is sent to this address: its hidden fields and these.
    ///
    /// # Panics
    /// When the page has no such form.
    pub async fn fill(&mut self, page: &Answer, action: &str, fields: &[Field<'_>]) -> Answer {
        let hidden = page.hidden(action);
        let mut all: Vec<Field<'_>> = hidden
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        all.extend(fields);
        self.post(action, &all).await
    }

    /// The same with a file in the field `file`.
    ///
    /// # Panics
    /// When the page has no such form.
    pub async fn upload(
        &mut self,
        page: &Answer,
        action: &str,
        fields: &[Field<'_>],
        (name, bytes): (&str, &[u8]),
    ) -> Answer {
        let hidden = page.hidden(action);
        let mut all: Vec<Field<'_>> = hidden
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        all.extend(fields);
        let mut body = Vec::new();
        for (field, value) in all {
            let head =
                format!("--edge\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n");
            body.extend(head.bytes());
            body.extend(format!("{value}\r\n").bytes());
        }
        let head = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend(head.bytes());
        body.extend(bytes);
        body.extend(b"\r\n--edge--\r\n");
        let headers = [("content-type", "multipart/form-data; boundary=edge")];
        let answer = self.send(Method::POST, action, &headers, body).await;
        self.follow(answer).await
    }

    /// Signs somebody in.
    ///
    /// # Panics
    /// When there is no form to do it.
    pub async fn sign_in(&mut self, login: &str, password: &str, code: &str) -> Answer {
        let page = self.get("/login").await;
        let fields = [("login", login), ("password", password), ("code", code)];
        self.fill(&page, "/login", &fields).await
    }
}

impl Answer {
    /// Browsers drop a form that begins within another, and end the outer one with it: its fields
    /// are then sent by nothing.
    ///
    /// # Panics
    /// When the page has one.
    fn keeps_forms_apart(&self) {
        let mut is_open = false;
        for tag in self.text.split('<') {
            if tag.starts_with("form ") {
                assert!(!is_open, "{}: a form within a form", self.address);
                is_open = true;
            } else if tag.starts_with("/form>") {
                is_open = false;
            }
        }
    }

    /// The hidden fields of the form that is sent to this address.
    ///
    /// # Panics
    /// When there is none.
    pub fn hidden(&self, action: &str) -> Vec<(String, String)> {
        let start = self.text.find(&format!("action=\"{action}\""));
        let start = start.unwrap_or_else(|| panic!("no form to {action} on {}", self.address));
        let form = self.text[start..]
            .split("</form>")
            .next()
            .unwrap_or_default();
        let mut fields = Vec::new();
        for input in form.split("<input type=\"hidden\" name=\"").skip(1) {
            let (name, rest) = input.split_once("\" value=\"").unwrap();
            let value = rest.split('"').next().unwrap();
            fields.push((name.to_owned(), value.to_owned()));
        }
        fields
    }

    /// Whether a form of the page is sent to this address.
    pub fn offers(&self, action: &str) -> bool {
        self.text.contains(&format!("action=\"{action}\""))
    }

    /// The addresses of this server that the page leads to.
    pub fn links(&self) -> Vec<String> {
        let links = self.text.split("href=\"").skip(1);
        let links = links.filter_map(|rest| rest.split('"').next());
        let own = links.filter(|link| link.starts_with('/'));
        own.map(|link| link.replace("&amp;", "&").replace("&#38;", "&"))
            .collect()
    }
}

/// Fields as a form sends them.
pub fn encoded(fields: &[Field<'_>]) -> String {
    let part = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte.is_ascii_alphanumeric() {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            })
            .collect()
    };
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", part(name), part(value)))
        .collect();
    pairs.join("&")
}
