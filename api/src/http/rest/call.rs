//! A request and its answer: who asks, under which key, whether it is a rehearsal, and in which
//! form the answer goes out.

use axum::body::{Body, Bytes};
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, OriginalUri, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use ledger::audit::hex;
use ledger::problem::{Kind, Language, Problem};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::sync::mpsc::{Receiver, Sender};

use crate::app::exception::Page;
use crate::app::view::Report;
use crate::app::{App, Caller, Done, Error, token};
use crate::cli::{outcome, sheet};
use crate::http::{Server, UPLOAD_BYTES_MAX, problem};

/// The header of the caller's key (draft-ietf-httpapi-idempotency-key-header).
pub const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that the answer is that of an earlier command with the same key.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Says that a check found something, as exit status 3 does on the command line.
pub const FOUND: HeaderName = HeaderName::from_static("huimin-found");
/// Pages that are read ahead of the one who takes them.
const CHUNKS_MAX: usize = 2;
/// Rows that are read at once for a stream.
const STREAM_PAGE: i64 = 5_000;
/// Characters of a key.
const KEY_MAX: usize = 200;

/// Who asks, and how.
#[derive(Debug)]
pub struct Call {
    pub(super) server: Server,
    pub(super) caller: Caller,
    pub(super) language: Language,
    pub(super) key: Option<String>,
    /// Whether the caller would rather have a job than wait (RFC 7240).
    pub(super) prefers_job: bool,
    form: Form,
    known: Option<String>,
    uri: Uri,
}

/// In which form a reading goes out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// One document.
    #[default]
    Json,
    /// One document a line: the list that the document holds.
    Ndjson,
    /// The tables.
    Csv,
    /// The tables as a workbook.
    Xlsx,
    /// The tables on paper.
    Pdf,
}

/// What may stand in the query of every address.
#[derive(Debug, Default, Deserialize)]
struct Common {
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    format: Form,
}

impl FromRequestParts<Server> for Call {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Call, Response> {
        let language = problem::language(&parts.headers);
        let made = Call::of(parts, server, language).await;
        made.map_err(|error| problem::respond(&error, language))
    }
}

impl Call {
    async fn of(parts: &Parts, server: &Server, language: Language) -> Result<Call, Error> {
        let shown = text(&parts.headers, header::AUTHORIZATION);
        let shown = shown.and_then(|value| value.strip_prefix("Bearer "));
        let shown = shown
            .ok_or_else(|| Problem::new(Kind::NotSignedIn))?
            .to_owned();
        let mut caller = server
            .work(async move |app: &App| token::sign_in(app, shown.trim()).await)
            .await?;
        let Query(common) = Query::<Common>::try_from_uri(&parts.uri)
            .map_err(|error| invalid("query", &error.to_string()))?;
        caller.rehearsal = common.dry_run;
        let prefers = text(&parts.headers, HeaderName::from_static("prefer"));
        let prefers = prefers.unwrap_or_default();
        Ok(Call {
            server: server.clone(),
            caller,
            language,
            key: key(&parts.headers)?,
            prefers_job: prefers
                .split(',')
                .any(|wish| wish.trim() == "respond-async"),
            form: common.format,
            known: text(&parts.headers, header::IF_NONE_MATCH).map(str::to_owned),
            uri: asked_for(parts),
        })
    }

    /// Does a command and answers with what it says, whether it was a replay or a rehearsal, and
    /// its place in the audit trail.
    pub(super) async fn change<F>(self, command: F) -> Response
    where
        F: AsyncFnOnce(&App, &Caller, Option<String>) -> Result<Done, Error> + Send + 'static,
    {
        let (caller, key) = (self.caller.clone(), self.key.clone());
        let done = self
            .server
            .work(async move |app: &App| command(app, &caller, key).await)
            .await;
        match done {
            Ok(done) => self.done(&done),
            Err(error) => self.refuse(&error),
        }
    }

    fn done(&self, done: &Done) -> Response {
        let mut document = outcome::done_json(done);
        if self.caller.rehearsal {
            document["dry_run"] = Value::Bool(true);
        }
        let mut response = json_answer(StatusCode::OK, &document);
        if done.replay {
            let yes = HeaderValue::from_static("true");
            response.headers_mut().insert(REPLAYED, yes);
        }
        response
    }

    /// Reads, and answers in the form that is asked for.
    pub(super) async fn read<F>(self, reading: F) -> Response
    where
        F: AsyncFnOnce(&App, &Caller) -> Result<Report, Error> + Send + 'static,
    {
        let caller = self.caller.clone();
        let (form, language) = (self.form, self.language);
        let laid_out = self.server.work(async move |app: &App| {
            let report = reading(app, &caller).await?;
            let bytes = lay_out(&report, form, language, &caller.book.name)?;
            Ok((report.found, report.json["next"].as_i64(), bytes))
        });
        match laid_out.await {
            Ok((found, next, bytes)) => {
                let mut response = self.unless_known(media_type(form), bytes);
                if found {
                    let yes = HeaderValue::from_static("true");
                    response.headers_mut().insert(FOUND, yes);
                }
                if let Some(link) = next.and_then(|next| self.link(next)) {
                    response.headers_mut().insert(header::LINK, link);
                }
                response
            }
            Err(error) => self.refuse(&error),
        }
    }

    /// Reads a long list: a page of it, or as lines or CSV all that follows, page by page, sent
    /// while it is read.
    pub(super) async fn pages<F>(self, page: Page, reading: F) -> Response
    where
        F: AsyncFn(&App, &Caller, Page) -> Result<Report, Error> + Send + 'static,
    {
        if !matches!(self.form, Form::Ndjson | Form::Csv) {
            return self
                .read(async move |app, caller| reading(app, caller, page).await)
                .await;
        }
        let (sender, mut receiver) = tokio::sync::mpsc::channel(CHUNKS_MAX);
        let (server, caller) = (self.server.clone(), self.caller.clone());
        let (form, language) = (self.form, self.language);
        tokio::spawn(async move {
            let work = server.work(async move |app: &App| {
                send_pages(
                    app,
                    &caller,
                    page.after,
                    &reading,
                    (form, language),
                    &sender,
                )
                .await
            });
            // What went wrong was sent to the one who asked, or nobody is there any more.
            let _ = work.await;
        });
        match receiver.recv().await {
            Some(Ok(first)) => stream(media_type(form), first, receiver),
            Some(Err(error)) => self.refuse(&error),
            None => self.refuse(&anyhow::anyhow!("nothing was read").into()),
        }
    }

    /// Reads a form: on paper as it is laid out there, else as its tables.
    pub(super) async fn paper<F>(self, reading: F) -> Response
    where
        F: AsyncFnOnce(&App, &Caller) -> Result<(Report, paper::Document), Error> + Send + 'static,
    {
        let caller = self.caller.clone();
        let (form, language) = (self.form, self.language);
        let laid_out = self.server.work(async move |app: &App| {
            let (report, document) = reading(app, &caller).await?;
            match form {
                Form::Pdf => Ok(document
                    .pdf(&crate::print::font(None)?)
                    .map_err(anyhow::Error::from)?),
                other => lay_out(&report, other, language, &caller.book.name),
            }
        });
        match laid_out.await {
            Ok(bytes) => self.unless_known(media_type(form), bytes),
            Err(error) => self.refuse(&error),
        }
    }

    /// Reads a file and gives it as it is.
    pub(super) async fn file<F>(self, reading: F) -> Response
    where
        F: AsyncFnOnce(&App, &Caller) -> Result<(String, Vec<u8>), Error> + Send + 'static,
    {
        let caller = self.caller.clone();
        let read = self
            .server
            .work(async move |app: &App| reading(app, &caller).await)
            .await;
        match read {
            Ok((name, bytes)) => {
                let mut response = self.unless_known("application/octet-stream", bytes);
                if let Ok(value) = HeaderValue::from_str(&attachment(&name)) {
                    response
                        .headers_mut()
                        .insert(header::CONTENT_DISPOSITION, value);
                }
                response
            }
            Err(error) => self.refuse(&error),
        }
    }

    /// The language of the one who asks.
    pub(super) fn language(&self) -> Language {
        self.language
    }

    /// The problem, in the language of the one who asks.
    pub(super) fn refuse(&self, error: &Error) -> Response {
        problem::respond(error, self.language)
    }

    /// The bytes with their tag, or 304 when the one who asks has them.
    fn unless_known(&self, media_type: &'static str, bytes: Vec<u8>) -> Response {
        let hash = hex::encode(&hex::document_hash(&bytes));
        let tag = format!("W/\"{}\"", &hash[..32]);
        let known = self.known.as_deref().unwrap_or_default();
        let is_known = known
            .split(',')
            .any(|one| one.trim() == tag || one.trim() == "*");
        let mut response = match is_known {
            true => StatusCode::NOT_MODIFIED.into_response(),
            false => ([(header::CONTENT_TYPE, media_type)], bytes).into_response(),
        };
        let headers = response.headers_mut();
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(header::ETAG, tag);
        }
        let keep = HeaderValue::from_static("private, no-cache");
        headers.insert(header::CACHE_CONTROL, keep);
        response
    }

    /// The address of the next page (RFC 8288): the same with `after` at its end.
    fn link(&self, next: i64) -> Option<HeaderValue> {
        let query = self.uri.query().unwrap_or_default();
        let kept = query
            .split('&')
            .filter(|part| !part.is_empty() && !part.starts_with("after="));
        let mut parts: Vec<String> = kept.map(str::to_owned).collect();
        parts.push(format!("after={next}"));
        let text = format!("<{}?{}>; rel=\"next\"", self.uri.path(), parts.join("&"));
        HeaderValue::from_str(&text).ok()
    }
}

/// The address as it was asked for, before a router took its beginning away.
fn asked_for(parts: &Parts) -> Uri {
    let original = parts.extensions.get::<OriginalUri>();
    original.map_or_else(|| parts.uri.clone(), |OriginalUri(uri)| uri.clone())
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The caller's key, quoted or not. Keys of jobs are the program's own.
fn key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let Some(value) = headers.get(KEY) else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default().trim_matches('"');
    if key.is_empty() || key.len() > KEY_MAX || key.starts_with("job/") {
        return Err(Problem::new(Kind::FieldInvalid)
            .with("field", "Idempotency-Key")
            .with("value", key)
            .with("wanted", "1-200 ASCII, not job/…")
            .into());
    }
    Ok(Some(key.to_owned()))
}

/// `FieldInvalid` for what cannot be read.
pub(super) fn invalid(field: &str, detail: &str) -> Error {
    Problem::new(Kind::FieldInvalid)
        .with("field", field)
        .with("value", detail)
        .with("wanted", "/api/docs")
        .into()
}

/// An answer of one JSON document.
pub(super) fn json_answer(status: StatusCode, document: &Value) -> Response {
    let kind = HeaderValue::from_static("application/json");
    let mut response = (status, document.to_string()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn media_type(form: Form) -> &'static str {
    match form {
        Form::Json => "application/json",
        Form::Ndjson => "application/x-ndjson",
        Form::Csv => "text/csv; charset=utf-8",
        Form::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        Form::Pdf => "application/pdf",
    }
}

pub(super) fn lay_out(
    report: &Report,
    form: Form,
    language: Language,
    agency: &str,
) -> Result<Vec<u8>, Error> {
    match form {
        Form::Json => Ok(report.json.to_string().into_bytes()),
        Form::Ndjson => Ok(lines(&report.json)),
        Form::Csv => sheet::csv_file(&report.tables, language),
        Form::Xlsx => sheet::workbook(&report.tables, language),
        Form::Pdf => {
            let font = crate::print::font(None)?;
            let document = crate::print::report(report, Some(agency), language, &font);
            Ok(document.pdf(&font).map_err(anyhow::Error::from)?)
        }
    }
}

/// The items of the longest list that the document holds, one a line; the document when it holds
/// none.
pub(super) fn lines(document: &Value) -> Vec<u8> {
    let lists = document.as_object().into_iter().flat_map(Map::values);
    let longest = lists
        .filter_map(Value::as_array)
        .max_by_key(|list| list.len());
    let one = [document.clone()];
    let items = longest.map_or(&one[..], |list| list);
    items
        .iter()
        .flat_map(|item| (item.to_string() + "\n").into_bytes())
        .collect()
}

/// A name for a file that is taken along (RFC 6266, RFC 8187): without any path.
fn attachment(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let encoded: String = name
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect();
    format!("attachment; filename*=UTF-8''{encoded}")
}

/// Words of the address.
#[derive(Debug)]
pub struct InPath<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Server> for InPath<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Response> {
        let language = problem::language(&parts.headers);
        let read = Path::<T>::from_request_parts(parts, server).await;
        read.map(|Path(words)| InPath(words))
            .map_err(|error| problem::respond(&invalid("path", &error.body_text()), language))
    }
}

/// Words of the query.
#[derive(Debug)]
pub struct InQuery<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Server> for InQuery<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _server: &Server) -> Result<Self, Response> {
        let language = problem::language(&parts.headers);
        let read = Query::<T>::try_from_uri(&parts.uri);
        read.map(|Query(words)| InQuery(words))
            .map_err(|error| problem::respond(&invalid("query", &error.body_text()), language))
    }
}

/// A JSON document.
#[derive(Debug)]
pub struct InBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Server> for InBody<T> {
    type Rejection = Response;

    async fn from_request(request: Request, server: &Server) -> Result<Self, Response> {
        let language = problem::language(request.headers());
        match axum::Json::<T>::from_request(request, server).await {
            Ok(axum::Json(document)) => Ok(InBody(document)),
            Err(JsonRejection::BytesRejection(error)) => Err(unread(&error, language)),
            Err(error) => {
                let said = invalid("body", &error.body_text());
                Err(problem::respond(&said, language))
            }
        }
    }
}

/// A file: the body as it is, its name in the query.
#[derive(Debug)]
pub struct Upload(pub Vec<u8>);

impl FromRequest<Server> for Upload {
    type Rejection = Response;

    async fn from_request(request: Request, server: &Server) -> Result<Self, Response> {
        let language = problem::language(request.headers());
        let announced = request.headers().get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|value| value.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: usize| length > UPLOAD_BYTES_MAX) {
            return Err(problem::respond(&too_large(), language));
        }
        match Bytes::from_request(request, server).await {
            Ok(bytes) => Ok(Upload(bytes.into())),
            Err(error) => Err(unread(&error, language)),
        }
    }
}

fn too_large() -> Error {
    let mebibytes = UPLOAD_BYTES_MAX / 1024 / 1024;
    Problem::new(Kind::TooLarge)
        .with("limit", format!("{mebibytes} MiB"))
        .into()
}

fn unread(error: &BytesRejection, language: Language) -> Response {
    let error = match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => invalid("body", &error.body_text()),
    };
    problem::respond(&error, language)
}

/// What a maker sends: bytes, or why there are no more.
pub(super) type Chunk = Result<Vec<u8>, Error>;

/// Reads all pages from one on and sends each.
async fn send_pages<F>(
    app: &App,
    caller: &Caller,
    after: i64,
    reading: &F,
    (form, language): (Form, Language),
    sender: &Sender<Chunk>,
) -> Result<(), Error>
where
    F: AsyncFn(&App, &Caller, Page) -> Result<Report, Error>,
{
    let (mut after, mut is_first) = (after, true);
    loop {
        let page = Page {
            after,
            limit: STREAM_PAGE,
        };
        let report = reading(app, caller, page).await;
        let next = report
            .as_ref()
            .ok()
            .and_then(|report| report.json["next"].as_i64());
        let chunk = report.and_then(|report| match form {
            Form::Csv => csv_part(&report, language, is_first),
            _ => Ok(lines(&report.json)),
        });
        let is_last = chunk.is_err() || next.is_none();
        if sender.send(chunk).await.is_err() || is_last {
            return Ok(());
        }
        after = next.unwrap_or(i64::MAX);
        is_first = false;
    }
}

/// The longest table of a page, with its head on the first.
fn csv_part(report: &Report, language: Language, is_first: bool) -> Result<Vec<u8>, Error> {
    let longest = report.tables.iter().max_by_key(|table| table.rows.len());
    let Some(table) = longest else {
        return Ok(Vec::new());
    };
    let text = sheet::csv_file(std::slice::from_ref(table), language)?;
    let head = text
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    Ok(text[if is_first { 0 } else { head }..].to_vec())
}

/// A body that goes out while it is made. When its maker fails, the connection breaks: nobody
/// takes half a list for a whole one.
pub(super) fn stream(media_type: &'static str, first: Vec<u8>, rest: Receiver<Chunk>) -> Response {
    let rest = futures_util::stream::unfold(rest, async |mut rest| {
        let chunk = rest.recv().await?;
        Some((
            chunk.map_err(|error| std::io::Error::other(error.to_string())),
            rest,
        ))
    });
    let first = futures_util::stream::iter([Ok(first)]);
    let body = Body::from_stream(futures_util::StreamExt::chain(first, rest));
    ([(header::CONTENT_TYPE, media_type)], body).into_response()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_of_files_stay_names() {
        for (name, expected) in [
            ("b.txt", "b.txt"),
            ("../../etc/passwd", "passwd"),
            ("a\\b.txt", "b.txt"),
            ("代发.txt", "%E4%BB%A3%E5%8F%91.txt"),
            ("a\r\nx: y", "a%0D%0Ax%3A%20y"),
        ] {
            let expected = format!("attachment; filename*=UTF-8''{expected}");
            assert_eq!(attachment(name), expected, "{name}");
        }
    }

    #[test]
    fn a_line_for_each_item_of_the_list() {
        let document = json!({ "head": 1, "few": [1], "list": [{ "a": 1 }, { "a": 2 }] });
        assert_eq!(lines(&document), b"{\"a\":1}\n{\"a\":2}\n");
        assert_eq!(lines(&json!({ "a": 1 })), b"{\"a\":1}\n");
    }
}
