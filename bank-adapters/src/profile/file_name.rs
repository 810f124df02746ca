//! Control totals in the name of a file.

use ledger::money::Fen;

use super::Profile;
use crate::finding::{Fault, Finding, Findings};

/// What a name says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Says<'n> {
    count: Option<&'n str>,
    total: Option<&'n str>,
}

/// Compares the totals in the name of a batch file with those of its lines. Nothing is found where
/// the layout has none in the name.
pub fn check_file_name(profile: &Profile, name: &str, count: u64, total: Fen) -> Vec<Finding> {
    let mut findings = Findings::default();
    let template = profile.file_name.as_str();
    if !template.contains("{count}") && !template.contains("{total}") {
        return Vec::new();
    }
    let Some(says) = read(template, name, Says::default()) else {
        findings.file(Fault::FileNameOther, &[("template", template)]);
        return findings.into_vec();
    };
    let mut differ = |what: &str, stated: &str, found: &str| {
        let values = [("what", what), ("stated", stated), ("found", found)];
        findings.file(Fault::TotalsDiffer, &values);
    };
    if let Some(stated) = says.count.filter(|stated| stated.parse() != Ok(count)) {
        differ("文件名笔数 / count in the name", stated, &count.to_string());
    }
    if let Some(stated) = says
        .total
        .filter(|stated| profile.amount.read(stated) != Some(total))
    {
        differ("文件名金额 / total in the name", stated, &total.to_string());
    }
    findings.into_vec()
}

/// Follows the template through the name; each part may be as long as what follows allows.
fn read<'n>(template: &str, name: &'n str, says: Says<'n>) -> Option<Says<'n>> {
    let Some(rest) = template.strip_prefix('{') else {
        let Some(letter) = template.chars().next() else {
            return name.is_empty().then_some(says);
        };
        let name = name.strip_prefix(letter)?;
        return read(template.strip_prefix(letter)?, name, says);
    };
    let (part, rest) = rest.split_once('}')?;
    let fits = |letter: char| match part {
        "date" | "count" => letter.is_ascii_digit(),
        "total" => letter.is_ascii_digit() || letter == '.',
        _ => letter.is_alphanumeric() || letter == '-' || letter == '_',
    };
    let longest = name.find(|letter| !fits(letter)).unwrap_or(name.len());
    let ends = (1..=longest)
        .rev()
        .filter(|end| name.is_char_boundary(*end));
    ends.filter(|end| part != "date" || *end == 8)
        .find_map(|end| {
            let (text, behind) = name.split_at_checked(end)?;
            let mut says = says.clone();
            match part {
                "count" => says.count = Some(text),
                "total" => says.total = Some(text),
                _ => {}
            }
            read(rest, behind, says)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_in_names_are_compared() {
        let mut profile = Profile::by_id("ccb-text").unwrap();
        let total = Fen::new(10_023_500);
        for (template, name, codes) in [
            (
                "{batch_no}_{date}_{count}_{total}.txt",
                "B_1_20220110_3_100235.00.txt",
                vec![],
            ),
            (
                "{batch_no}_{date}_{count}_{total}.txt",
                "B_1_20220110_2_100235.00.txt",
                vec!["BNK-0006"],
            ),
            (
                "{batch_no}_{date}_{count}_{total}.txt",
                "B1_20220110_3_100.00.txt",
                vec!["BNK-0006"],
            ),
            ("{batch_no}-{count}.txt", "B1-3 (1).txt", vec!["BNK-0114"]),
            ("{batch_no}.txt", "whatever", vec![]),
        ] {
            template.clone_into(&mut profile.file_name);
            let found = check_file_name(&profile, name, 3, total);
            let found: Vec<_> = found.iter().map(|finding| finding.code).collect();
            assert_eq!(found, codes, "{name}");
        }
    }
}
