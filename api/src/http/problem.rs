//! Refusals and accidents over HTTP: RFC 9457 documents, and the status of each kind in one table.

use std::any::Any;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ledger::problem::{Kind, Language, Problem};
use serde_json::{Map, Value, json};

use crate::app::Error;
use crate::app::roster::mask_numbers;
use crate::cli::failure;

/// The media type of a problem (RFC 9457).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The status of a refusal: that of its kind, else that of its family.
pub fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::NotSignedIn
        | Kind::WrongPassword
        | Kind::TokenInvalid
        | Kind::FactorMissing
        | Kind::FactorWrong => StatusCode::UNAUTHORIZED,
        Kind::NotFound | Kind::BookUnknown | Kind::ProfileUnknown => StatusCode::NOT_FOUND,
        Kind::FieldInvalid => StatusCode::BAD_REQUEST,
        Kind::AlreadyExists | Kind::KeyReused | Kind::FileSeen | Kind::AwardOverlap => {
            StatusCode::CONFLICT
        }
        Kind::SignInLocked => StatusCode::TOO_MANY_REQUESTS,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::PasswordWeak | Kind::RoleConflict | Kind::AmountInvalid | Kind::Unbalanced => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Kind::PeriodClosed | Kind::YearClosed => StatusCode::LOCKED,
        Kind::DatabaseEmpty | Kind::DatabaseNewer | Kind::FontMissing | Kind::FontUnusable => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        other => match other.code().split('-').next() {
            Some("AUTH") => StatusCode::FORBIDDEN,
            Some("POL" | "ROS" | "BNK" | "RPT") => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::CONFLICT,
        },
    }
}

/// The language that is asked for: the better liked of Chinese and English, else Chinese.
pub fn language(headers: &HeaderMap) -> Language {
    let wanted = headers.get(header::ACCEPT_LANGUAGE);
    let wanted = wanted.and_then(|value| value.to_str().ok()).unwrap_or("");
    let mut best = (0, Language::Zh);
    for range in wanted.split(',') {
        let mut parts = range.split(';');
        let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let language = match tag.split('-').next() {
            Some("zh") => Language::Zh,
            Some("en") => Language::En,
            _ => continue,
        };
        let liked = parts.find_map(|part| part.trim().strip_prefix("q="));
        let liked = liked.map_or(1000, thousandths);
        if liked > best.0 {
            best = (liked, language);
        }
    }
    best.1
}

/// A quality value of RFC 9110, 12.4.2, in thousandths.
fn thousandths(text: &str) -> u32 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part: String = part.chars().chain("000".chars()).take(3).collect();
    let whole: u32 = whole.parse().unwrap_or(0);
    whole.min(1) * 1000 + part.parse::<u32>().unwrap_or(0)
}

/// What went wrong, for programs and for people: in the language asked for, and in both.
pub fn respond(error: &Error, language: Language) -> Response {
    let (status, mut document) = match error {
        Error::Refused { problem, .. } => {
            let document = failure::json(error, language);
            let mut fields = fields(document, problem);
            fields.insert("next".into(), problem.next_on_pages(language).into());
            (status(problem.kind), fields)
        }
        Error::Internal(accident) => {
            tracing::error!(cause = mask_numbers(&format!("{accident:#}")), "accident");
            (StatusCode::INTERNAL_SERVER_ERROR, accident_fields(language))
        }
    };
    document.insert("status".into(), status.as_u16().into());
    answer(status, &document)
}

/// The document of a refusal with its type and both languages.
fn fields(document: Value, problem: &Problem) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("type".into(), type_of(problem.code()).into());
    if let Value::Object(known) = document {
        fields.extend(known);
    }
    for (name, language) in [("zh", Language::Zh), ("en", Language::En)] {
        let both =
            json!({ "title": problem.title(language), "next": problem.next_on_pages(language) });
        fields.insert(name.into(), both);
    }
    fields
}

/// An accident: its causes stand in the log, under the id of the request.
fn accident_fields(language: Language) -> Map<String, Value> {
    let (zh, en) = (
        json!({ "title": "程序内部错误", "next": "用同一操作键重试;若再出现,请维护人员按请求号查看日志" }),
        json!({ "title": "an internal error", "next": "try again with the same key; if it persists, look the request id up in the log" }),
    );
    let told = match language {
        Language::Zh => &zh,
        Language::En => &en,
    };
    let document = json!({
        "type": type_of("INTERNAL"), "code": "INTERNAL", "title": told["title"], "detail": "",
        "where": null, "next": told["next"], "values": {}, "zh": zh, "en": en,
    });
    match document {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn type_of(code: &str) -> String {
    format!("urn:huimin:problem:{code}")
}

fn answer(status: StatusCode, document: &Map<String, Value>) -> Response {
    let text = Value::Object(document.clone()).to_string();
    let mut response = (status, text).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    if status == StatusCode::UNAUTHORIZED {
        let bearer = HeaderValue::from_static("Bearer realm=\"huimin\"");
        headers.insert(header::WWW_AUTHENTICATE, bearer);
    }
    response
}

/// An accident for a handler that panicked; the message went to the log already.
pub fn after_panic(_cause: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let error = Error::Internal(anyhow::anyhow!("a handler panicked"));
    respond(&error, Language::Zh)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_better_liked_one() {
        for (header, expected) in [
            ("", Language::Zh),
            ("en", Language::En),
            ("en-GB,en;q=0.9,zh;q=0.8", Language::En),
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Zh),
            ("fr, en;q=0.3, zh;q=0.7", Language::Zh),
            ("en;q=0", Language::Zh),
            ("de", Language::Zh),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, header.parse().unwrap());
            assert_eq!(language(&headers), expected, "{header}");
        }
    }

    #[test]
    fn every_refusal_has_a_status_that_the_rules_know() {
        let known = [400, 401, 403, 404, 409, 413, 422, 423, 429, 503];
        for kind in Kind::ALL {
            assert!(known.contains(&status(*kind).as_u16()), "{kind:?}");
        }
        assert_eq!(status(Kind::RoleMissing), StatusCode::FORBIDDEN);
        assert_eq!(status(Kind::RunState), StatusCode::CONFLICT);
        assert_eq!(status(Kind::RosterFaulty), StatusCode::UNPROCESSABLE_ENTITY);
    }

    #[test]
    fn a_problem_is_given_in_both_languages() {
        let error = Error::from(
            Problem::new(Kind::NotFound)
                .with("what", "批次 run")
                .with("name", 7),
        );
        let response = respond(&error, Language::En);
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
        let document = fields(
            failure::json(&error, Language::En),
            match &error {
                Error::Refused { problem, .. } => problem,
                Error::Internal(_) => unreachable!("it was refused"),
            },
        );
        assert_eq!(document["type"], "urn:huimin:problem:CMD-0001");
        assert_eq!(document["title"], "no such run: 7");
        let chinese = document["zh"]["title"].as_str();
        assert!(chinese.is_some_and(|title| title.starts_with("找不到批次")));
    }
}
