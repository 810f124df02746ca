//! The packs that are shipped.

use ledger::program::packs::{ALL, Pack, by_name};
use serde_json::json;

use super::draft;
use crate::app::view::{Report, Table, words};
use crate::app::{Error, not_found};

/// The pack with this name.
///
/// # Errors
/// [`ledger::problem::Kind::NotFound`].
pub fn pack(name: &str) -> Result<&'static Pack, Error> {
    by_name(name).ok_or_else(|| {
        let known: Vec<&str> = ALL.iter().map(|pack| pack.name).collect();
        not_found("政策包 pack", format!("{name}({})", known.join(", ")))
    })
}

/// The packs with their source, year and size.
///
/// # Errors
/// None that a shipped pack gives.
pub fn list_packs() -> Result<Report, Error> {
    let mut table = Table::new(
        words("政策包", "Policy packs"),
        &[
            ("政策包", "pack", false),
            ("名称", "title", false),
            ("年度", "year", false),
            ("来源", "source", false),
            ("项目", "programs", true),
            ("组成", "components", true),
            ("标准", "standards", true),
        ],
    );
    let mut list = Vec::new();
    for pack in ALL {
        let draft = draft::of_toml(pack.name, pack.text)?;
        let head = draft.head.unwrap_or_default();
        let counts = [
            draft.programs.len(),
            draft.components.len(),
            draft.standards.len(),
        ];
        let [programs, components, standards] = counts;
        let words = [pack.name, &head.title, &head.year, &head.source].map(str::to_owned);
        table.row(
            words
                .into_iter()
                .chain(counts.map(|count| count.to_string())),
        );
        list.push(json!({
            "pack": pack.name,
            "title": head.title,
            "year": head.year,
            "source": head.source,
            "programs": programs,
            "components": components,
            "standards": standards,
        }));
    }
    Ok(Report::new(json!({ "packs": list }), vec![table]))
}
