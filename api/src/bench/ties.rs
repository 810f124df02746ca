//! Totals that must tie, or the run does not count.

use serde_json::{Value, json};

/// Two figures that must be equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tie {
    /// What is compared.
    pub what: String,
    /// As the books have it.
    pub found: i64,
    /// As it must be.
    pub expected: i64,
}

/// Everything that was compared: how much of it, and what did not tie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ties {
    /// Comparisons made.
    pub compared: u64,
    /// Those that failed, in order.
    pub broken: Vec<Tie>,
}

impl Ties {
    /// Compares two figures.
    pub fn tie(&mut self, what: impl Into<String>, found: i64, expected: i64) {
        self.compared += 1;
        if found != expected {
            let what = what.into();
            self.broken.push(Tie {
                what,
                found,
                expected,
            });
        }
    }

    /// Compares fields of an answer with what they must be; a field that is missing does not tie.
    pub fn answer(&mut self, what: &str, answer: &Value, expected: &[(&str, i64)]) {
        for (field, expected) in expected {
            let found = field.split('.').fold(answer, |value, part| &value[part]);
            match found.as_i64() {
                Some(found) => self.tie(format!("{what}: {field}"), found, *expected),
                None => self.fail(format!("{what}: {field} is missing")),
            }
        }
    }

    /// Something that must be so is not.
    pub fn fail(&mut self, what: impl Into<String>) {
        self.tie(what, 0, 1);
    }

    /// Whether everything tied, and there was something to compare.
    pub fn hold(&self) -> bool {
        self.compared > 0 && self.broken.is_empty()
    }

    /// What did not tie, as JSON.
    pub(super) fn json(&self) -> Value {
        let tie =
            |tie: &Tie| json!({ "what": tie.what, "found": tie.found, "expected": tie.expected });
        self.broken.iter().map(tie).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_equal_figures_tie() {
        let answer = json!({ "paid": 97, "total": { "final": { "paid": 99 } }, "text": "7" });
        for (expected, broken) in [
            (vec![("paid", 97), ("total.final.paid", 99)], vec![]),
            (vec![("paid", 98)], vec![("月 1: paid", 97, 98)]),
            (
                vec![("missing", 0)],
                vec![("月 1: missing is missing", 0, 1)],
            ),
            (vec![("text", 7)], vec![("月 1: text is missing", 0, 1)]),
        ] {
            let mut ties = Ties::default();
            ties.answer("月 1", &answer, &expected);
            let found: Vec<_> = ties
                .broken
                .iter()
                .map(|tie| (tie.what.as_str(), tie.found, tie.expected))
                .collect();
            assert_eq!(found, broken);
            assert_eq!(ties.hold(), broken.is_empty());
        }
    }

    #[test]
    fn nothing_compared_proves_nothing() {
        assert!(!Ties::default().hold());
    }
}
