//! The sentences of the pages: one table per language, `api/locales/zh.toml` and `en.toml`.

use std::collections::HashMap;
use std::sync::LazyLock;

use ledger::problem::Language;

static ZH: LazyLock<HashMap<String, String>> =
    LazyLock::new(|| read(include_str!("../../locales/zh.toml")));
static EN: LazyLock<HashMap<String, String>> =
    LazyLock::new(|| read(include_str!("../../locales/en.toml")));

/// The sentence of a key; the key itself when there is none, which a test does not let happen.
pub fn say(language: Language, key: &'static str) -> &'static str {
    let table = match language {
        Language::Zh => &ZH,
        Language::En => &EN,
    };
    table.get(key).map_or(key, String::as_str)
}

/// A sentence with its `{names}` filled.
pub fn fill(language: Language, key: &'static str, values: &[(&str, &str)]) -> String {
    let sentence = say(language, key).to_owned();
    values.iter().fold(sentence, |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), value)
    })
}

/// `group.key` of a table of groups.
fn read(text: &str) -> HashMap<String, String> {
    let parsed: toml::Table = text.parse().unwrap_or_default();
    let mut sentences = HashMap::new();
    for (group, keys) in &parsed {
        for (key, sentence) in keys.as_table().into_iter().flatten() {
            if let Some(sentence) = sentence.as_str() {
                sentences.insert(format!("{group}.{key}"), sentence.to_owned());
            }
        }
    }
    sentences
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn keys(table: &HashMap<String, String>) -> BTreeSet<&str> {
        table.keys().map(String::as_str).collect()
    }

    /// The names in braces of a sentence.
    fn names(sentence: &str) -> BTreeSet<&str> {
        let parts = sentence.split('{').skip(1);
        parts.filter_map(|part| part.split('}').next()).collect()
    }

    #[test]
    fn both_languages_say_everything() {
        assert!(ZH.len() > 100);
        assert_eq!(keys(&ZH), keys(&EN));
        for (key, sentence) in ZH.iter() {
            assert_eq!(names(sentence), names(&EN[key]), "{key}");
        }
    }

    /// A file, a job and a refusal, which look like keys.
    const NO_KEYS: [&str; 4] = [
        "exceptions.xlsx",
        "audit.export",
        "form.send",
        "run.review.refused",
    ];

    /// Every `"group.key"` in the sources of the pages and their templates.
    fn used(directory: &Path, groups: &BTreeSet<&str>, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                used(&path, groups, found);
                continue;
            }
            // It names commands, which look like keys.
            if path.ends_with("vocabulary.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for quoted in text.split('"').skip(1) {
                let is_plain =
                    |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
                let Some((group, rest)) = quoted.split_once('.') else {
                    continue;
                };
                if NO_KEYS.contains(&quoted) {
                    continue;
                }
                if groups.contains(group) && !rest.is_empty() && rest.chars().all(is_plain) {
                    found.insert(quoted.to_owned());
                }
            }
        }
    }

    #[test]
    fn every_sentence_is_used_and_every_key_is_known() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let groups: BTreeSet<&str> = ZH.keys().filter_map(|key| key.split('.').next()).collect();
        let mut found = BTreeSet::new();
        used(&root.join("src/web"), &groups, &mut found);
        used(&root.join("templates"), &groups, &mut found);
        let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
        let unknown: Vec<_> = found.difference(&keys(&ZH)).copied().collect();
        let unused: Vec<_> = keys(&ZH).difference(&found).copied().collect::<Vec<_>>();
        assert!(unknown.is_empty(), "unknown: {unknown:?}");
        assert!(unused.is_empty(), "unused: {unused:?}");
    }
}
