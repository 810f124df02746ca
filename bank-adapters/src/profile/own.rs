//! Profiles of somebody's own beside those that come with the program.

use serde::Deserialize;
use toml::Spanned;

use super::Profile;
use super::parse::Faults;
use crate::finding::Finding;

/// What is looked at again, for its line.
#[derive(Deserialize)]
struct Named {
    id: Spanned<String>,
    answered_by: Option<Spanned<String>>,
}

impl Profile {
    /// The shipped profiles and these ones, each by the name of its file and its text. None of
    /// them may take the id of another one: stored files are read by it.
    ///
    /// # Errors
    /// All faults of all files, each with file and line.
    pub fn with_own(own: &[(String, String)]) -> Result<Vec<Profile>, Vec<Finding>> {
        let mut known = Profile::shipped();
        let shipped = known.len();
        let mut faults = Vec::new();
        for (origin, text) in own {
            match Profile::parse(text, origin) {
                Ok(profile) => match taken(&known, shipped, &profile, origin, text) {
                    None => known.push(profile),
                    Some(fault) => faults.extend(fault),
                },
                Err(found) => faults.extend(found),
            }
        }
        for (origin, text) in own {
            faults.extend(unanswered(&known, origin, text));
        }
        if faults.is_empty() {
            Ok(known)
        } else {
            Err(faults)
        }
    }
}

fn taken(
    known: &[Profile],
    shipped: usize,
    profile: &Profile,
    origin: &str,
    text: &str,
) -> Option<Vec<Finding>> {
    let place = known.iter().position(|known| known.id == profile.id)?;
    let detail = if place < shipped {
        "id: this layout comes with the program; choose another id (extends = \"…\" takes it over)"
    } else {
        "id: another file of the directory has this layout; choose another id"
    };
    Some(Faults::one(text, origin, detail, |named: &Named| {
        named.id.span().start
    }))
}

/// A layout whose answer nobody can read.
fn unanswered(known: &[Profile], origin: &str, text: &str) -> Vec<Finding> {
    let Ok(named) = toml::from_str::<Named>(text) else {
        return Vec::new();
    };
    let is_known = |id: &str| known.iter().any(|profile| profile.id == id);
    match named.answered_by {
        Some(id) if !is_known(id.get_ref()) => {
            let detail = "answered_by: no such layout; see `bank-file profiles`";
            Faults::one(text, origin, detail, |_: &Named| id.span().start)
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: Files<'_>) -> Vec<String> {
        let own: Vec<_> = files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        match Profile::with_own(&own) {
            Ok(known) => vec![known.len().to_string()],
            Err(faults) => faults
                .iter()
                .map(|fault| {
                    let (file, row) = (fault.place.file.clone(), fault.place.row);
                    format!("{}:{} {}", file.unwrap(), row.unwrap(), fault.en)
                })
                .collect(),
        }
    }

    /// Names and texts of files.
    type Files<'a> = &'a [(&'a str, &'a str)];

    /// Files of a directory, and words that are said of the first fault.
    #[test]
    fn own_profiles_stand_beside_the_shipped_ones() {
        let count = Profile::shipped().len();
        let own = "id = \"a\"\nextends = \"nxs-dhcc\"\n[values]\nunit-no = \"1046\"\n";
        let words = "id = \"w\"\nextends = \"generic-csv-return\"\n[status]\npaid = [\"已入账\"]\n";
        let denied = "id = \"w\"\nextends = \"generic-csv-return\"\n[status]\npaid = [\"失败\"]\n";
        let of_batch = "id = \"w\"\nextends = \"generic-csv\"\n[status]\npaid = [\"已入账\"]\n";
        let cases: [(Files<'_>, &[&str]); 9] = [
            (&[("a.toml", own)], &[]),
            (&[("w.toml", words)], &[]),
            (&[("w.toml", denied)], &["w.toml:", "another outcome"]),
            (&[("w.toml", of_batch)], &["w.toml:", "only a return"]),
            (
                &[("a.toml", own), ("b.toml", own)],
                &["b.toml:1 ", "another file"],
            ),
            (
                &[("a.toml", "\nid = \"dalian\"\nextends = \"nxs-dhcc\"")],
                &["a.toml:2 ", "comes with"],
            ),
            (
                &[("a.toml", "id = \"a\"\nextends = \"b\"")],
                &["a.toml:2 ", "no such layout"],
            ),
            (
                &[(
                    "a.toml",
                    "id = \"a\"\nextends = \"nxs-dhcc\"\n[values]\nunit = \"1\"",
                )],
                &["a.toml:4 ", "unit-no"],
            ),
            (
                &[(
                    "a.toml",
                    "id = \"a\"\nextends = \"nxs-dhcc\"\nanswered_by = \"x\"",
                )],
                &["a.toml:3 ", "answered_by"],
            ),
        ];
        for (files, words) in cases {
            let found = check(files);
            if words.is_empty() {
                assert_eq!(found, [(count + 1).to_string()]);
            }
            for word in words {
                assert!(found[0].contains(word), "{found:?} {word}");
            }
        }
    }
}
