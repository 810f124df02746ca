//! Differences as a workbook: taken away with a version for each row, filled in, and brought back.
//!
//! A row that has changed since is stale: then nothing of the workbook is done, and every such row
//! is named, so that nobody decides about something that they have not seen.

use ledger_store::boxed;
use std::collections::HashSet;

use anyhow::Context;
use bank_adapters::{Finding, GridSheet, Severity, read_grid};
use ledger::disbursement::role::Action;
use ledger::id::ExceptionId;
use ledger::problem::{Kind, Place, Problem};
use ledger_store::exception::{self as store, Exception, ExceptionState};
use ledger_store::write::Write;
use reconciliation::resolution::Plan;
use rust_xlsxwriter::{Color, DocProperties, ExcelDateTime, Format, Workbook};
use serde_json::{Value, json};

use super::super::{App, Caller, Done, Error, Order};
use super::{Kept, Page, list, put_forward, settle_proposed};

/// The headings. Those of [`KEPT`] come back; the others are there to be read.
const HEADINGS: [&str; 13] = [
    "编号",
    "版本",
    "种类",
    "来源",
    "明细",
    "金额(元)",
    "情况",
    "状态",
    "负责人",
    "应办结日",
    "可用的处理",
    "处理",
    "说明",
];
/// The last column: filled with 是 by the second person.
const CONFIRM: &str = "确认";
/// What is read of a row.
const KEPT: [&str; 5] = ["编号", "版本", "处理", "说明", CONFIRM];
/// Rows that one workbook may bring back.
const ROWS_MAX: usize = 20_000;
/// The colour by which spreadsheet programs show bad cells.
const RED: u32 = 0x00FF_C7CE;

/// The open differences as a workbook, every cell text.
///
/// # Errors
/// When the caller may not read reports.
#[boxed]
pub async fn export(app: &App, caller: &Caller) -> Result<Vec<u8>, Error> {
    let report = list(app, caller, true, Page::ALL).await?;
    let rows = report.json["exceptions"].as_array().cloned();
    let rows: Vec<Vec<String>> = rows.unwrap_or_default().iter().map(row_of).collect();
    let mut all = vec![headings()];
    all.extend(rows);
    write(&all, &HashSet::new())
}

fn headings() -> Vec<String> {
    let all = HEADINGS.iter().chain([&CONFIRM]);
    all.map(|heading| (*heading).to_owned()).collect()
}

fn row_of(one: &Value) -> Vec<String> {
    let text = |name: &str| match &one[name] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let offered = one["offered"].as_array().map(|all| {
        let codes = all.iter().filter_map(Value::as_str);
        codes.collect::<Vec<_>>().join(" ")
    });
    let payment = match (one["payment"].as_i64(), one["attempt"].as_i64()) {
        (Some(payment @ 1..), Some(attempt)) => format!("P{payment}-{attempt}"),
        _ => String::new(),
    };
    let fen = ledger::money::Fen::new(one["amount_fen"].as_i64().unwrap_or_default());
    vec![
        text("exception"),
        text("version"),
        text("kind_name"),
        format!(
            "{} {} 行{}",
            text("source"),
            text("source_id"),
            text("line")
        ),
        payment,
        fen.to_string(),
        text("detail"),
        text("state"),
        text("owner"),
        text("due_on"),
        offered.unwrap_or_default(),
        text("resolution"),
        text("note"),
        String::new(),
    ]
}

/// Writes rows as text; those of `marked`, counted from 1, are coloured.
fn write(rows: &[Vec<String>], marked: &HashSet<u64>) -> Result<Vec<u8>, Error> {
    let mut workbook = Workbook::new();
    let created = ExcelDateTime::from_ymd(2000, 1, 1).context("workbook")?;
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&created));
    let text = Format::new().set_num_format("@");
    let red = text.clone().set_background_color(Color::RGB(RED));
    let page = workbook.add_worksheet();
    page.set_name("差异").context("workbook")?;
    for (line, row) in (0_u32..).zip(rows) {
        let format = match marked.contains(&(u64::from(line) + 1)) {
            true => &red,
            false => &text,
        };
        for (column, cell) in (0_u16..).zip(row) {
            page.write_string_with_format(line, column, cell, format)
                .context("workbook")?;
        }
    }
    Ok(workbook.save_to_buffer().context("workbook")?)
}

/// The workbook with the rows of these findings coloured, and what is wrong with each beside it.
///
/// # Errors
/// When it cannot be written.
pub fn marked(bytes: &[u8], findings: &[Finding]) -> Result<Vec<u8>, Error> {
    let (grid, _) = read_grid(bytes);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for row in grid.sheets.first().into_iter().flat_map(GridSheet::rows) {
        let line = usize::try_from(row.line()).unwrap_or_default();
        rows.resize(line.saturating_sub(1).max(rows.len()), Vec::new());
        rows.push((0..row.width()).map(|at| row.text(at).to_owned()).collect());
    }
    let width = rows.iter().map(Vec::len).max().unwrap_or_default();
    let mut wrong = HashSet::new();
    for finding in findings {
        let Some(line) = finding.place.row else {
            continue;
        };
        wrong.insert(line);
        let place = usize::try_from(line).unwrap_or_default().saturating_sub(1);
        if let Some(row) = rows.get_mut(place) {
            row.resize(width.max(row.len()), String::new());
            row.push(format!("{} {}", finding.code, finding.zh));
        }
    }
    write(&rows, &wrong)
}

/// A decision of a row.
struct Decision {
    line: u64,
    exception: Exception,
    resolution: String,
    note: String,
    confirm: bool,
}

/// Takes decisions from a workbook: a row with something new under 处理 is proposed, one with 是
/// under 确认 is confirmed. All of it or nothing.
///
/// # Errors
/// [`Kind::ExceptionStale`] with every row that has changed since, is unknown, or cannot be read;
/// the refusal of the first row that cannot be done otherwise, at its place.
#[boxed]
pub async fn import(
    app: &App,
    caller: &Caller,
    file_name: &str,
    bytes: &[u8],
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("exception.import", Action::ResolveException)
        .key(key)
        .file(file_name, bytes);
    app.command(caller, order, async |write| {
        let on = super::super::period::open_date(write, app.clock.today(), app.clock.today());
        let on = on.await?;
        let (mut proposed, mut confirmed) = (Vec::new(), Vec::new());
        let mut kept = Kept::default();
        for decision in decisions(write, bytes).await? {
            let id = decision.exception.id.get();
            let place = Place {
                row: Some(decision.line),
                ..Place::default()
            };
            let (exception, said) = (decision.exception, (decision.resolution, decision.note));
            let said = (said.0.as_str(), said.1.as_str());
            let done = match decision.confirm {
                true => settle_proposed(write, caller, exception, on, &mut kept).await,
                false => put_forward(write, caller, exception, (said, on), &mut kept).await,
            };
            done.map_err(|error| at(error, place))?;
            match decision.confirm {
                true => confirmed.push(id),
                false => proposed.push(id),
            }
        }
        kept.store(write, caller, on).await?;
        proposed.sort_unstable();
        confirmed.sort_unstable();
        Ok(json!({ "proposed": proposed, "confirmed": confirmed }))
    })
    .await
}

/// A refusal at the place of its row.
fn at(error: Error, place: Place) -> Error {
    match error {
        Error::Refused { problem, findings } => Error::Refused {
            problem: Box::new(problem.at(place)),
            findings,
        },
        other => other,
    }
}

/// Faults of a row, with the code under which they are told.
fn finding(line: u64, zh: &str, en: &str) -> Finding {
    Finding {
        code: Kind::ExceptionStale.code(),
        severity: Severity::Blocking,
        place: Place {
            row: Some(line),
            ..Place::default()
        },
        zh: zh.to_owned(),
        en: en.to_owned(),
    }
}

/// The decisions of a workbook; refused when a row is stale or cannot be read.
async fn decisions(write: &mut Write, bytes: &[u8]) -> Result<Vec<Decision>, Error> {
    let (grid, mut findings) = read_grid(bytes);
    let (mut decisions, mut seen) = (Vec::new(), HashSet::new());
    let Some((sheet, head, columns)) = grid.sheets.iter().find_map(with_headings) else {
        let (zh, en) = (
            "没有差异表的表头",
            "the headings of a sheet of exceptions are missing",
        );
        findings.push(finding(1, zh, en));
        return Err(stale(findings));
    };
    for row in sheet.rows().filter(|row| row.line() > head) {
        let line = row.line();
        let [id, version, resolution, note, confirm] = columns.map(|at| row.text(at).trim());
        if id.is_empty() {
            continue;
        }
        let number = |text: &str| text.parse::<i64>().ok();
        let (Some(id), Some(version)) = (number(id), number(version)) else {
            findings.push(finding(
                line,
                "编号或版本不是数",
                "number or version is no number",
            ));
            continue;
        };
        let (book, id) = (write.book(), ExceptionId(id));
        let Some(exception) = store::exception(write.tx(), book, id).await? else {
            findings.push(finding(line, "没有此差异", "there is no such exception"));
            continue;
        };
        if !seen.insert(id) || seen.len() > ROWS_MAX {
            findings.push(finding(
                line,
                "此差异已在前面列出",
                "it stands above already",
            ));
            continue;
        }
        let confirm = matches!(confirm, "是" | "确认" | "yes");
        let said = (exception.resolution.as_str(), exception.note.as_str());
        let changed = (resolution, note) != said;
        if !confirm && !changed {
            continue;
        }
        if exception.events != version || exception.state == ExceptionState::Settled {
            let zh = "导出以后已有人办理,请重新导出";
            let en = "somebody has acted on it since it was exported; export it again";
            findings.push(finding(line, zh, en));
            continue;
        }
        if confirm && changed {
            let zh = "确认时不能改动处理和说明";
            let en = "resolution and note cannot be changed while confirming";
            findings.push(finding(line, zh, en));
            continue;
        }
        decisions.push(Decision {
            line,
            exception,
            resolution: resolution.to_owned(),
            note: note.to_owned(),
            confirm,
        });
    }
    in_order(decisions, findings)
}

/// The decisions in the order of their payments, in which rows of one command are written; refused
/// with what was found.
fn in_order(mut decisions: Vec<Decision>, findings: Vec<Finding>) -> Result<Vec<Decision>, Error> {
    if bank_adapters::is_blocked(&findings) {
        return Err(stale(findings));
    }
    decisions.sort_by_key(|one| (target(one), one.exception.id));
    Ok(decisions)
}

/// The payment and attempt that a decision is about; zeros for none.
fn target(decision: &Decision) -> (i64, i64) {
    let plan: Option<Plan> = decision.resolution.parse().ok();
    let named = plan.and_then(|plan| plan.payment);
    let about = (decision.exception.payment, decision.exception.attempt);
    named.map_or(about, |(payment, attempt)| (payment, attempt.unwrap_or(0)))
}

/// The row of the headings in a sheet, and where the columns that are read stand.
fn with_headings<'g>(sheet: &'g GridSheet<'g>) -> Option<(&'g GridSheet<'g>, u64, [usize; 5])> {
    sheet.rows().take(10).find_map(|row| {
        let place = |heading: &str| (0..row.width()).find(|at| row.text(*at).trim() == heading);
        let mut columns = [0; 5];
        for (column, heading) in columns.iter_mut().zip(KEPT) {
            *column = place(heading)?;
        }
        Some((sheet, row.line(), columns))
    })
}

fn stale(findings: Vec<Finding>) -> Error {
    let place = findings.first().map(|finding| finding.place.clone());
    let problem = Problem::new(Kind::ExceptionStale)
        .with("count", findings.len())
        .at(place.unwrap_or_default());
    Error::Refused {
        problem: Box::new(problem),
        findings,
    }
}
