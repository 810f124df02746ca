//! Any report as a page: its tables, its exports, and the form that asks for it.

use paper::Document;

use super::grid::{self, Grid, Links, asked};
use super::page::{Block, Page};
use super::reply::Reply;
use super::seat::Seat;
use crate::app::Error;
use crate::app::exception::Page as Rows;
use crate::app::view::Report;
use crate::cli::sheet;
use crate::print;

/// The media type of workbooks.
pub(super) const WORKBOOK: &str =
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// The tables of a report under what the page shows already; or, when the address asks for it, a
/// file with exactly what the tables are filtered to.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn page(
    seat: &Seat,
    mut page: Page,
    report: &Report,
    links: Links<'_>,
) -> Result<Reply, Error> {
    if let Some(reply) = export(seat, report, &page.title)? {
        return Ok(reply);
    }
    for (place, table) in report.tables.iter().enumerate() {
        let grid = Grid::of(seat, table, place, links);
        page.blocks.push(Block::Grid(Box::new(grid)));
    }
    Ok(page.into())
}

/// The field of the address that says where the page of a long list begins.
pub(super) const PLACE: &str = "place";

/// Where the page of a long list begins.
pub(super) fn place(seat: &Seat) -> i64 {
    let place = seat.get(PLACE).and_then(|text| text.parse().ok());
    place.unwrap_or(0)
}

/// The rows of a long list that the address asks for: so many, or all that there are as a file.
pub(super) fn rows(seat: &Seat, limit: i64) -> Rows {
    match seat.get("as") {
        Some(_) => Rows::ALL,
        None => Rows {
            after: place(seat),
            limit,
        },
    }
}

/// The table of a report that the store has looked through for what the address asks: its document
/// counts those that match, and names in `next` where the page after it begins.
pub(super) fn found(seat: &Seat, report: &Report, links: Links<'_>) -> Option<Grid> {
    let table = report.tables.last()?;
    let count = |name: &str| {
        let count = report.json[name].as_u64().unwrap_or(0);
        usize::try_from(count).unwrap_or(usize::MAX)
    };
    let mut grid = Grid::found(seat, table, links, (count("before"), count("matching")));
    grid.next = after(seat, report);
    grid.first = (place(seat) > 0).then(|| seat.address(&[(PLACE, None)]));
    Some(grid)
}

/// The address of the page after this one.
fn after(seat: &Seat, report: &Report) -> Option<String> {
    let next = report.json["next"].as_i64();
    next.map(|next| seat.address(&[(PLACE, Some(next.to_string()))]))
}

/// A page of a long list that the store has read by pages: its document names in `next` where the
/// one after it begins. Tables before it belong to the whole.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn paged(seat: &Seat, mut page: Page, report: &Report) -> Result<Reply, Error> {
    if let Some(reply) = export(seat, report, &page.title)? {
        return Ok(reply);
    }
    let (whole, list) = report
        .tables
        .split_at(report.tables.len().saturating_sub(1));
    for table in whole {
        let grid = Grid::of(seat, table, 0, &[]).plain();
        page.blocks.push(Block::Grid(Box::new(grid)));
    }
    for table in list {
        let mut grid = Grid::of(seat, table, 0, &[]).by_pages();
        grid.next = after(seat, report);
        grid.first = (place(seat) > 0).then(|| seat.address(&[(PLACE, None)]));
        page.blocks.push(Block::Grid(Box::new(grid)));
    }
    Ok(page.into())
}

/// The file that the address asks for, with the tables as they are filtered and sorted.
///
/// # Errors
/// When it cannot be written.
pub(super) fn export(seat: &Seat, report: &Report, name: &str) -> Result<Option<Reply>, Error> {
    let Some(kind) = seat.get("as") else {
        return Ok(None);
    };
    let language = seat.language;
    let is_found = report.json["matching"].is_i64();
    let tables = report.tables.iter().enumerate();
    let mut shown = Report {
        tables: tables
            .map(|(place, table)| match is_found {
                true => table.clone(),
                false => asked(seat, table, place),
            })
            .collect(),
        ..report.clone()
    };
    for table in &mut shown.tables {
        for row in &mut table.rows {
            for (column, cell) in table.columns.iter().zip(row) {
                // Nothing stays nothing: spreadsheets count cells.
                if !cell.is_empty() {
                    *cell = grid::shown(column, cell, language);
                }
            }
        }
    }
    let named = |ending: &str| format!("{name}.{ending}");
    Ok(Some(match kind {
        "csv" => {
            let bytes = sheet::csv_file(&shown.tables, language)?;
            Reply::File(named("csv"), "text/csv; charset=utf-8", bytes)
        }
        "pdf" => {
            let font = print::font(None)?;
            let agency = Some(seat.caller().book.name.as_str());
            let document = print::report(&shown, agency, language, &font);
            let bytes = document
                .pdf(&font)
                .map_err(|error| anyhow::anyhow!("PDF: {error}"))?;
            Reply::File(named("pdf"), "application/pdf", bytes)
        }
        _ => Reply::File(
            named("xlsx"),
            WORKBOOK,
            sheet::workbook(&shown.tables, language)?,
        ),
    }))
}

/// A form that offices sign, on paper.
///
/// # Errors
/// When the machine has no font that writes Chinese.
pub(super) fn paper(name: &str, document: &Document) -> Result<Reply, Error> {
    let font = print::font(None)?;
    let bytes = document
        .pdf(&font)
        .map_err(|error| anyhow::anyhow!("PDF: {error}"))?;
    Ok(Reply::File(format!("{name}.pdf"), "application/pdf", bytes))
}
