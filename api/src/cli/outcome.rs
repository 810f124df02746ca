//! What a command came to, and how it is printed.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use paper::Document;
use serde_json::{Map, Value, json};

use super::args::{FileKind, Format, Global};
use super::desk::Desk;
use super::{desk, failure, render, sheet};
use crate::app::view::Report;
use crate::app::{Done, Error};
use ledger::audit::hex;
use ledger::problem::Language;

/// The exit status of a check that found something.
const FOUND: u8 = 3;

/// What a command came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A change.
    Done(Done),
    /// Facts that are neither a change of the books nor a report: a file was written.
    Answer(Value),
    /// A reading.
    Report(Report),
    /// A reading that goes to a file.
    ReportFile(Report, PathBuf),
    /// A reading with a form of its own, which goes to a PDF.
    Form(Report, Box<Document>, PathBuf),
    /// Everything is on standard output already.
    Written,
}

impl From<Done> for Outcome {
    fn from(done: Done) -> Outcome {
        Outcome::Done(done)
    }
}

impl From<Report> for Outcome {
    fn from(report: Report) -> Outcome {
        Outcome::Report(report)
    }
}

impl Outcome {
    /// A report that goes to a file when one is named.
    pub(crate) fn report(report: Report, out: Option<&PathBuf>) -> Outcome {
        match out {
            Some(path) => Outcome::ReportFile(report, path.clone()),
            None => Outcome::Report(report),
        }
    }

    /// A report that goes to paper in a form of its own.
    pub(crate) fn form(report: Report, document: Document, path: &Path) -> Outcome {
        Outcome::Form(report, Box::new(document), path.to_owned())
    }

    fn found(&self) -> bool {
        match self {
            Outcome::Report(report)
            | Outcome::ReportFile(report, _)
            | Outcome::Form(report, ..) => report.found,
            Outcome::Done(_) | Outcome::Answer(_) | Outcome::Written => false,
        }
    }
}

/// Prints the answer on standard output, or the failure on standard error, and gives the exit
/// status. A reader that has gone away (`| head`) is no failure.
pub(crate) fn print(result: &Result<Outcome, Error>, desk: &Desk) -> u8 {
    let global = desk.global();
    let error = match result {
        Ok(outcome) => match lay_out(outcome, desk).and_then(|text| write_out(&text)) {
            Ok(()) => return status(result),
            Err(error) => error,
        },
        Err(error) if failure::is_closed_pipe(error) => return 0,
        Err(error) => return print_failure(error, global),
    };
    if failure::is_closed_pipe(&error) {
        return status(result);
    }
    print_failure(&error, global)
}

fn print_failure(error: &Error, global: &Global) -> u8 {
    let language = global.language();
    let text = match global.format {
        Format::Json => failure::json(error, language).to_string() + "\n",
        Format::Text | Format::Csv => failure::text(error, language),
    };
    // When standard error is closed too, the exit status still tells.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    failure::status(error)
}

fn status(result: &Result<Outcome, Error>) -> u8 {
    match result {
        Ok(outcome) if outcome.found() => FOUND,
        Ok(_) => 0,
        Err(error) => failure::status(error),
    }
}

fn write_out(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(anyhow::Error::from)?;
    Ok(())
}

fn lay_out(outcome: &Outcome, desk: &Desk) -> Result<String, Error> {
    let language = desk.language();
    match (outcome, desk.global().format) {
        (Outcome::Written, _) => Ok(String::new()),
        (Outcome::Done(done), Format::Json) => pretty(&done_json(done)),
        (Outcome::Done(done), Format::Csv) => sheet::csv(
            &[render::answer_table(&done_json(done), language)],
            language,
        ),
        (Outcome::Done(done), Format::Text) => Ok(done_text(done, language)),
        (Outcome::Answer(answer), format) => answer_text(answer, format, language),
        (Outcome::Report(report), Format::Json) => pretty(&report.json),
        (Outcome::Report(report), Format::Csv) => sheet::csv(&report.tables, language),
        (Outcome::Report(report), Format::Text) => Ok(render::tables(&report.tables, language)),
        (Outcome::ReportFile(report, path), format) => {
            answer_text(&save(report, path, desk)?, format, language)
        }
        (Outcome::Form(report, document, path), format) => {
            let bytes = document.pdf(&desk.font()?).context("PDF")?;
            answer_text(&put(report, path, &bytes)?, format, language)
        }
    }
}

fn answer_text(answer: &Value, format: Format, language: Language) -> Result<String, Error> {
    match format {
        Format::Json => pretty(answer),
        Format::Csv => sheet::csv(&[render::answer_table(answer, language)], language),
        Format::Text => Ok(render::answer(answer, language)),
    }
}

/// Writes a report in the form that the ending of the name asks for.
fn save(report: &Report, path: &Path, desk: &Desk) -> Result<Value, Error> {
    let language = desk.language();
    let bytes = match FileKind::of(path) {
        Some(FileKind::Csv) => sheet::csv_file(&report.tables, language)?,
        Some(FileKind::Json) => pretty(&report.json)?.into_bytes(),
        Some(FileKind::Pdf) => {
            let font = desk.font()?;
            let document = crate::print::report(report, desk.agency(), language, &font);
            document.pdf(&font).context("PDF")?
        }
        Some(FileKind::Workbook) | None => sheet::workbook(&report.tables, language)?,
    };
    put(report, path, &bytes)
}

fn put(report: &Report, path: &Path, bytes: &[u8]) -> Result<Value, Error> {
    std::fs::write(path, bytes).map_err(|error| desk::unwritten(path, error))?;
    let rows: usize = report.tables.iter().map(|table| table.rows.len()).sum();
    Ok(json!({
        "file": path.display().to_string(),
        "bytes": bytes.len(),
        "tables": report.tables.len(),
        "rows": rows,
        "found": report.found,
    }))
}

fn pretty(value: &Value) -> Result<String, Error> {
    let text = serde_json::to_string_pretty(value).context("cannot write JSON")?;
    Ok(text + "\n")
}

/// The answer with whether it is a replay, and its place in the audit trail.
pub(crate) fn done_json(done: &Done) -> Value {
    let mut fields = match &done.answer {
        Value::Object(fields) => fields.clone(),
        Value::Null => Map::new(),
        other => Map::from_iter([("answer".to_owned(), other.clone())]),
    };
    fields.insert("replay".to_owned(), Value::Bool(done.replay));
    let audit = done.receipt.as_ref().map_or(
        Value::Null,
        |receipt| json!({ "sequence": receipt.sequence, "root": hex::encode(&receipt.root) }),
    );
    fields.insert("audit".to_owned(), audit);
    Value::Object(fields)
}

fn done_text(done: &Done, language: Language) -> String {
    let mut text = String::new();
    if done.replay {
        text.push_str(match language {
            Language::Zh => "此操作键已办理过,以下是当时的答复\n",
            Language::En => "this key was done before; this is the answer of that time\n",
        });
    }
    text.push_str(&render::answer(&done.answer, language));
    if let Some(receipt) = &done.receipt {
        text.push_str(&match language {
            Language::Zh => format!("已记入审计 第 {} 条\n", receipt.sequence),
            Language::En => format!("recorded as audit entry {}\n", receipt.sequence),
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use ledger::problem::{Kind, Problem};
    use ledger_store::write::Receipt;

    use super::*;

    #[test]
    fn exit_status() {
        let report = |found| {
            let mut report = Report::new(Value::Null, Vec::new());
            report.found = found;
            report
        };
        let done = Done {
            answer: json!({}),
            replay: false,
            receipt: None,
        };
        let cases: Vec<(Result<Outcome, Error>, u8)> = vec![
            (Ok(done.into()), 0),
            (Ok(Outcome::Written), 0),
            (Ok(report(false).into()), 0),
            (Ok(report(true).into()), 3),
            (Ok(Outcome::ReportFile(report(true), "r.csv".into())), 3),
            (Err(Problem::new(Kind::NotSignedIn).into()), 1),
            (Err(anyhow::anyhow!("the disk is full").into()), 70),
        ];
        for (result, expected) in cases {
            assert_eq!(status(&result), expected, "{result:?}");
        }
    }

    #[test]
    fn a_change_says_where_it_is_recorded() {
        let receipt = Receipt {
            sequence: 42,
            root: [0xab; 32],
        };
        let answer = json!({ "run": 7, "state": "checked", "total_fen": 123_450 });
        let done = Done {
            answer,
            replay: false,
            receipt: Some(receipt),
        };
        assert_eq!(
            done_text(&done, Language::Zh),
            "批次: 7\n状态: 已校验\n合计(元): 1,234.50\n已记入审计 第 42 条\n"
        );
        assert_eq!(
            done_text(&done, Language::En),
            "run: 7\nstate: checked\ntotal (yuan): 1,234.50\nrecorded as audit entry 42\n"
        );
        assert_eq!(
            done_json(&done),
            json!({
                "run": 7, "state": "checked", "total_fen": 123_450, "replay": false,
                "audit": { "sequence": 42, "root": "ab".repeat(32) },
            })
        );
        let replay = Done {
            receipt: None,
            replay: true,
            ..done
        };
        assert!(done_text(&replay, Language::Zh).starts_with("此操作键已办理过"));
        assert_eq!(done_json(&replay)["audit"], Value::Null);
    }
}
