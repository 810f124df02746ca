//! The packs that are shipped.

use ledger::program::packs::{ALL, Pack, by_name};
use serde_json::json;

use super::{draft, sheet};
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

/// A workbook to fill in: empty, or with the rules of a pack.
///
/// # Errors
/// Accidents of the writer.
pub fn template(pack: Option<&Pack>) -> Result<Vec<u8>, Error> {
    let draft = match pack {
        Some(pack) => draft::of_toml(pack.name, pack.text)?,
        None => draft::Draft::default(),
    };
    sheet::workbook(&draft)
}

#[cfg(test)]
mod tests {
    use super::super::check::{Faults, check};
    use super::*;

    /// Everything a file says, without the places where it says it.
    fn said(draft: &draft::Draft) -> String {
        let mut faults = Faults::default();
        let rules = check(draft, &[], &mut faults);
        faults.refuse().unwrap();
        let programs: Vec<_> = rules.programs.iter().map(|at| &at.rule).collect();
        let components: Vec<_> = rules.components.iter().map(|at| &at.rule).collect();
        let standards: Vec<_> = rules.standards.iter().map(|at| &at.rule).collect();
        let references: Vec<_> = rules.references.iter().map(|at| &at.rule).collect();
        let fundings: Vec<_> = rules.fundings.iter().map(|at| &at.rule).collect();
        format!("{programs:#?}{components:#?}{standards:#?}{references:#?}{fundings:#?}")
    }

    #[test]
    fn a_workbook_says_what_the_pack_says() {
        for pack in ALL {
            let bytes = template(Some(pack)).unwrap();
            assert_eq!(bytes, template(Some(pack)).unwrap(), "the same bytes");
            let mut faults = Faults::default();
            let read = sheet::of_workbook("pack.xlsx", &bytes, &mut faults);
            faults.refuse().unwrap();
            let written = draft::of_toml(pack.name, pack.text).unwrap();
            assert_eq!(said(&read), said(&written), "{}", pack.name);
        }
    }

    #[test]
    fn an_empty_template_has_nothing_to_import() {
        let mut faults = Faults::default();
        let read = sheet::of_workbook("empty.xlsx", &template(None).unwrap(), &mut faults);
        faults.refuse().unwrap();
        assert!(read.programs.is_empty() && read.standards.is_empty());
    }
}
