//! A refusal or an accident, for people and for programs.

use std::io::ErrorKind;

use bank_adapters::Finding;
use ledger::problem::{Language, Place, Problem};
use serde_json::{Map, Value, json};

use crate::app::Error;

/// The exit status of a refusal.
const REFUSED: u8 = 1;
/// The exit status of an accident (`EX_SOFTWARE` of BSD's sysexits).
const ACCIDENT: u8 = 70;
/// Findings of a file that people are shown; the rest is counted.
const FINDINGS_SHOWN: usize = 50;

/// The exit status.
pub(crate) fn status(error: &Error) -> u8 {
    match error {
        Error::Refused { .. } => REFUSED,
        Error::Internal(_) => ACCIDENT,
    }
}

/// Whether writing failed because the reader has gone away.
pub(crate) fn is_closed_pipe(error: &Error) -> bool {
    let Error::Internal(error) = error else {
        return false;
    };
    error.chain().any(|cause| {
        let cause = cause.downcast_ref::<std::io::Error>();
        cause.is_some_and(|cause| cause.kind() == ErrorKind::BrokenPipe)
    })
}

/// For people: code and sentence, where it is, what to do next, and what was found in the file.
pub(crate) fn text(error: &Error, language: Language) -> String {
    match error {
        Error::Refused { problem, findings } => refusal_text(problem, findings, language),
        Error::Internal(error) => accident_text(error, language),
    }
}

/// For programs: `code`, `title`, `detail`, `where`, `next`, the `values` that the sentence names,
/// and all `findings` of a file.
pub(crate) fn json(error: &Error, language: Language) -> Value {
    match error {
        Error::Refused { problem, findings } => refusal_json(problem, findings, language),
        Error::Internal(error) => json!({
            "code": "INTERNAL",
            "title": accident_title(language),
            "detail": causes(error).join(": "),
            "where": null,
            "next": accident_next(language),
        }),
    }
}

fn refusal_text(problem: &Problem, findings: &[Finding], language: Language) -> String {
    let (where_, next) = match language {
        Language::Zh => ("位置", "下一步"),
        Language::En => ("where", "next"),
    };
    let mut text = format!(
        "{} {}\n",
        problem.code(),
        printable(&problem.title(language))
    );
    if let Some(place) = place_text(&problem.place, language) {
        text += &format!("  {where_}: {place}\n");
    }
    text += &format!("  {next}: {}\n", printable(&problem.next(language)));
    if findings.is_empty() {
        return text;
    }
    let (count, shown) = (findings.len(), findings.len().min(FINDINGS_SHOWN));
    text += &match (language, count > shown) {
        (Language::Zh, false) => format!("共 {count} 处:\n"),
        (Language::Zh, true) => format!("共 {count} 处,以下为前 {shown} 处:\n"),
        (Language::En, false) => format!("{count} found:\n"),
        (Language::En, true) => format!("{count} found, the first {shown}:\n"),
    };
    for finding in findings.iter().take(FINDINGS_SHOWN) {
        text += &format!("  {}\n", finding_text(finding, language));
    }
    text
}

/// One finding on one line.
pub(crate) fn finding_text(finding: &Finding, language: Language) -> String {
    let sentence = sentence(finding, language);
    let place = place_text(&finding.place, language)
        .map(|place| place + "  ")
        .unwrap_or_default();
    format!("{} {place}{}", finding.code, printable(sentence))
}

/// A finding's sentence.
pub(crate) fn sentence(finding: &Finding, language: Language) -> &str {
    match language {
        Language::Zh => &finding.zh,
        Language::En => &finding.en,
    }
}

fn refusal_json(problem: &Problem, findings: &[Finding], language: Language) -> Value {
    let values: Map<String, Value> = problem
        .values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::String(value.clone())))
        .collect();
    let named: Vec<String> = problem
        .values
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let mut fields = Map::new();
    fields.insert("code".into(), problem.code().into());
    fields.insert("title".into(), problem.title(language).into());
    fields.insert("detail".into(), named.join("; ").into());
    fields.insert("where".into(), place_json(&problem.place));
    fields.insert("next".into(), problem.next(language).into());
    fields.insert("values".into(), values.into());
    if !findings.is_empty() {
        let all = findings
            .iter()
            .map(|finding| finding_json(finding, language))
            .collect();
        fields.insert("findings".into(), Value::Array(all));
    }
    Value::Object(fields)
}

/// A finding for programs.
pub(crate) fn finding_json(finding: &Finding, language: Language) -> Value {
    json!({
        "code": finding.code,
        "severity": format!("{:?}", finding.severity).to_ascii_lowercase(),
        "title": sentence(finding, language),
        "where": place_json(&finding.place),
    })
}

fn place_json(place: &Place) -> Value {
    if *place == Place::default() {
        return Value::Null;
    }
    json!({
        "file": place.file, "sheet": place.sheet, "row": place.row,
        "column": place.column, "field": place.field, "value": place.value,
    })
}

/// Where it is; none when nothing is known.
pub(crate) fn place_text(place: &Place, language: Language) -> Option<String> {
    let row = place.row.map(|row| row.to_string());
    let parts = [
        ("文件", "file", &place.file),
        ("工作表", "sheet", &place.sheet),
        ("行", "row", &row),
        ("列", "column", &place.column),
        ("字段", "field", &place.field),
        ("值", "value", &place.value),
    ];
    let known: Vec<String> = parts
        .iter()
        .filter_map(|(zh, en, part)| {
            let name = if language == Language::Zh { zh } else { en };
            part.as_ref()
                .map(|part| format!("{name} {}", printable(part)))
        })
        .collect();
    let between = if language == Language::Zh { "," } else { ", " };
    (!known.is_empty()).then(|| known.join(between))
}

fn accident_text(error: &anyhow::Error, language: Language) -> String {
    let (cause, next) = match language {
        Language::Zh => ("原因", "下一步"),
        Language::En => ("cause", "next"),
    };
    let mut text = format!("{}\n", accident_title(language));
    for part in causes(error) {
        text += &format!("  {cause}: {}\n", printable(&part));
    }
    text + &format!("  {next}: {}\n", accident_next(language))
}

fn accident_title(language: Language) -> &'static str {
    match language {
        Language::Zh => "程序内部错误",
        Language::En => "an internal error",
    }
}

fn accident_next(language: Language) -> &'static str {
    match language {
        Language::Zh => "用同一操作键重试;若再出现,运行 huimin doctor,并把以上内容交给维护人员",
        Language::En => {
            "try again with the same key; if it persists run `huimin doctor` and report the above"
        }
    }
}

/// What happened and why, outermost first; a cause that its effect repeats is left out.
fn causes(error: &anyhow::Error) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if list.last().is_none_or(|last| !last.contains(&cause)) {
            list.push(cause);
        }
    }
    list
}

/// Text from outside without what could steer a terminal or turn the reading order.
pub(crate) fn printable(text: &str) -> String {
    // Marks, embeddings, overrides and isolates of the bidirectional algorithm (UAX #9).
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}');
    let isolates = |c| matches!(c, '\u{2066}'..='\u{2069}');
    let steers = |c: char| c.is_control() || turns(c) || isolates(c);
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c if steers(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use bank_adapters::Severity;
    use ledger::problem::Kind;

    use super::*;

    fn refused(findings: usize) -> Error {
        let place = Place {
            file: Some("名册.xlsx".into()),
            row: Some(7),
            column: Some("身份证号".into()),
            value: Some("6108**********9914".into()),
            ..Place::default()
        };
        let finding = Finding {
            code: "BNK-0141",
            severity: Severity::Blocking,
            place: Place {
                row: Some(3),
                ..Place::default()
            },
            zh: "“户名”不能为空".into(),
            en: "“户名” must not be empty".into(),
        };
        let problem = Problem::new(Kind::RosterFaulty)
            .with("count", findings)
            .at(place);
        Error::Refused {
            problem: Box::new(problem),
            findings: vec![finding; findings],
        }
    }

    #[test]
    fn a_refusal_says_what_where_and_what_next() {
        assert_eq!(
            text(&refused(1), Language::Zh),
            "ROS-0002 名册有 1 处错误,未导入任何一行\n  \
             位置: 文件 名册.xlsx,行 7,列 身份证号,值 6108**********9914\n  \
             下一步: 按标注逐处改正后重新导入\n\
             共 1 处:\n  BNK-0141 行 3  “户名”不能为空\n"
        );
        let english = text(&refused(51), Language::En);
        assert!(english.contains("51 found, the first 50:\n"), "{english}");
        assert_eq!(
            english
                .lines()
                .filter(|line| line.contains("BNK-0141"))
                .count(),
            50
        );
    }

    #[test]
    fn a_refusal_for_programs_has_all_findings() {
        let found = json(&refused(51), Language::En);
        assert_eq!(found["code"], "ROS-0002");
        assert_eq!(found["where"]["row"], 7);
        assert_eq!(found["where"]["sheet"], Value::Null);
        assert_eq!(found["values"]["count"], "51");
        assert_eq!(found["findings"].as_array().map(Vec::len), Some(51));
        let plain = json(&Problem::new(Kind::NotSignedIn).into(), Language::Zh);
        assert_eq!(plain["where"], Value::Null);
        assert_eq!(plain["next"], "用 --as 指明用户并输入密码");
    }

    #[test]
    fn an_accident_gives_its_causes() {
        let error = anyhow::anyhow!("the disk is full").context("cannot write a.xlsx");
        let found = text(&Error::Internal(error), Language::En);
        assert!(
            found.contains("cause: cannot write a.xlsx\n  cause: the disk is full\n"),
            "{found}"
        );
    }

    #[test]
    fn a_reader_that_left_is_no_accident() {
        let gone = std::io::Error::from(ErrorKind::BrokenPipe);
        let gone = anyhow::Error::from(gone).context("cannot write");
        assert!(is_closed_pipe(&Error::Internal(gone)));
        assert!(!is_closed_pipe(&Error::Internal(anyhow::anyhow!(
            "the disk is full"
        ))));
        assert!(!is_closed_pipe(&Problem::new(Kind::NotSignedIn).into()));
    }

    #[test]
    fn text_from_outside_does_not_steer_the_terminal() {
        for (text, expected) in [
            ("示例\u{1b}[31m甲", "示例\u{fffd}[31m甲"),
            ("a\nb\tc", "a b c"),
            ("x\u{202e}y", "x\u{fffd}y"),
            ("示例甲", "示例甲"),
        ] {
            assert_eq!(printable(text), expected);
        }
    }
}
