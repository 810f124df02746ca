//! What a form sends, and the two walls that keep foreign forms out: where the browser says that
//! the request comes from, and a token that only our page knows.

use std::str::FromStr;

use axum::RequestExt;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use ledger::disbursement::role::Action;
use ledger::problem::{Kind, Place, Problem};
use subtle::ConstantTimeEq;

use super::{reply, seat};
use crate::app::{Error, Order, session};
use crate::http::{Server, UPLOAD_BYTES_MAX};

/// The field that holds the token of the form.
pub const PROOF: &str = "proof";
/// The field that holds the key of the command.
pub const KEY: &str = "key";

/// The field that names a file which was sent with an earlier form.
pub const KEPT: &str = "kept";

/// A form as it was sent.
#[derive(Clone, Debug, Default)]
pub struct Posted {
    fields: Vec<(String, String)>,
    files: Vec<Upload>,
}

/// A file of a form.
#[derive(Clone)]
pub struct Upload {
    field: String,
    /// Its name, without directories.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Upload")
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl Upload {
    /// A file of this field.
    pub fn new(field: &str, name: &str, bytes: Vec<u8>) -> Upload {
        Upload {
            field: field.to_owned(),
            name: name.to_owned(),
            bytes,
        }
    }
}

impl Posted {
    /// A field, without blanks at its ends; empty when it is not there.
    pub fn text(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.trim())
    }

    /// A field as it was sent: a password keeps its blanks.
    pub fn secret(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// A field that may be left empty.
    pub fn optional(&self, name: &str) -> Option<String> {
        Some(self.text(name))
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    }

    /// Whether a box is ticked.
    pub fn ticked(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }

    /// The values of a field that may be there more than once.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let found = self.fields.iter().filter(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).collect()
    }

    /// The key of the command.
    pub fn key(&self) -> Option<String> {
        self.optional(KEY)
    }

    /// A field that is a number, month, date and so on.
    ///
    /// # Errors
    /// [`Kind::FieldInvalid`] at the field, with what is wanted.
    pub fn parse<T: FromStr>(&self, name: &str, wanted: &str) -> Result<T, Error> {
        let text = self.text(name);
        text.parse().map_err(|_| invalid(name, text, wanted))
    }

    /// The same for a field that may be left empty.
    ///
    /// # Errors
    /// As [`Posted::parse`].
    pub fn parse_optional<T: FromStr>(&self, name: &str, wanted: &str) -> Result<Option<T>, Error> {
        match self.text(name) {
            "" => Ok(None),
            _ => self.parse(name, wanted).map(Some),
        }
    }

    /// A file, chosen now or with an earlier form.
    ///
    /// # Errors
    /// [`Kind::FieldInvalid`] when none was chosen.
    pub fn file(&self, name: &str) -> Result<&Upload, Error> {
        let found = self.files.iter().find(|file| file.field == name);
        found.ok_or_else(|| invalid(name, "", "选一个文件 a file"))
    }
}

/// A field that cannot be used, and what is wanted.
pub fn invalid(name: &str, value: &str, wanted: &str) -> Error {
    Problem::new(Kind::FieldInvalid)
        .with("field", name)
        .with("value", value)
        .with("wanted", wanted)
        .at(Place {
            field: Some(name.to_owned()),
            value: Some(value.to_owned()),
            ..Place::default()
        })
        .into()
}

impl FromRequest<Server> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, server: &Server) -> Result<Posted, Response> {
        let token = seat::kept(request.headers()).unwrap_or_default();
        // The session's language; the browser's where there is none.
        let language = match session::resume(&server.app, &token).await {
            Ok(Some(live)) => seat::language_of(&live.session.language),
            _ => crate::http::problem::language(request.headers()),
        };
        let told = |error: Error| reply::bare_problem(&error, language);
        let path = request.uri().path().to_owned();
        if !is_own(request.headers()) {
            return Err(told(foreign(server, &token, &path).await));
        }
        let mut posted = read(request).await.map_err(told)?;
        let expected = seat::proof(&token, &path);
        let shown = posted.text(PROOF).as_bytes();
        if !bool::from(expected.as_bytes().ct_eq(shown)) {
            return Err(told(foreign(server, &token, &path).await));
        }
        if posted.files.is_empty() {
            let (owner, now) = (seat::owner(&token), server.app.clock.now());
            let kept = server.shelf.find(&owner, posted.text(KEPT), now);
            posted.files.extend(kept);
        }
        Ok(posted)
    }
}

/// Refuses a form that is not ours; it is recorded for the one in whose name it came.
async fn foreign(server: &Server, token: &str, path: &str) -> Error {
    let problem = Problem::new(Kind::RequestForeign);
    let live = match session::resume(&server.app, token).await {
        Ok(live) => live,
        Err(error) => return error,
    };
    if let Some(live) = live {
        let order = Order::new("form.send", Action::ReadReports).field("page", path);
        let recorded = server.app.record_refusal(&live.caller, &order, &problem);
        if let Err(error) = recorded.await {
            return error;
        }
    }
    problem.into()
}

/// Whether the browser says that the request comes from a page of this server, or does not say.
/// Browsers that know neither header are held back by the token alone.
fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let host = text(header::HOST.as_str()).unwrap_or_default();
    match text(header::ORIGIN.as_str()) {
        None => true,
        Some(origin) => origin
            .split_once("://")
            .is_some_and(|(_, place)| place == host),
    }
}

async fn read(request: Request) -> Result<Posted, Error> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let unreadable = || invalid("form", "", "表单 a form");
    if !kind.starts_with("multipart/form-data") {
        let body: String = request.extract().await.map_err(|_| unreadable())?;
        return Ok(Posted {
            fields: seat::decoded(&body),
            files: Vec::new(),
        });
    }
    let parts: Multipart = request.extract().await.map_err(|_| unreadable())?;
    read_parts(parts).await
}

async fn read_parts(mut parts: Multipart) -> Result<Posted, Error> {
    let mebibytes = UPLOAD_BYTES_MAX / 1024 / 1024;
    let wanted =
        format!("完整的文件,不大于 {mebibytes} MiB a whole file of at most {mebibytes} MiB");
    let broken = |_| invalid("file", "", &wanted);
    let mut posted = Posted::default();
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        let field = part.name().unwrap_or_default().to_owned();
        let name = part.file_name().map(plain_name);
        let bytes = part.bytes().await.map_err(broken)?.to_vec();
        match name {
            // A browser sends a part without a name for a file that was not chosen.
            Some(name) if name.is_empty() => {}
            Some(name) => posted.files.push(Upload { field, name, bytes }),
            None => {
                let text = String::from_utf8(bytes).map_err(|_| invalid(&field, "", "UTF-8"))?;
                posted.fields.push((field, text));
            }
        }
    }
    Ok(posted)
}

/// A file name without directories and without what could mislead a reader, at most 120 characters.
fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let odd =
        |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
    last.chars().filter(|c| !odd(*c)).take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_form_comes_from() {
        let cases: [(&[(&str, &str)], bool); 7] = [
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("host", "a"),
                    ("origin", "http://a"),
                ],
                false,
            ),
            (&[("host", "a:1"), ("origin", "http://a:1")], true),
            (&[("host", "a:1"), ("origin", "null")], false),
            (&[("host", "a:1")], true),
        ];
        for (given, expected) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in given {
                let name: header::HeaderName = name.parse().unwrap();
                headers.insert(name, value.parse().unwrap());
            }
            assert_eq!(is_own(&headers), expected, "{given:?}");
        }
    }

    #[test]
    fn file_names_are_plain() {
        for (given, expected) in [
            ("..\\..\\名册.xlsx", "名册.xlsx"),
            ("/etc/passwd", "passwd"),
            ("a\u{202e}xslx.exe", "axslx.exe"),
        ] {
            assert_eq!(plain_name(given), expected);
        }
    }
}
