//! What a person at a terminal sees meanwhile.

use std::io::Write as _;

use ledger::problem::Language;

use super::phase::Phase;

/// Shows lines on standard error, or nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    language: Option<Language>,
}

impl Progress {
    /// In this language when it is to be shown.
    pub(super) fn new(show: bool, language: Language) -> Progress {
        let language = show.then_some(language);
        Progress { language }
    }

    /// A phase is worked on.
    pub(super) fn phase(self, phase: Phase, what: &str) {
        self.say(
            &format!("{} {what}", phase.name()),
            &format!("{} {what}", phase.code()),
        );
    }

    /// Something else is worked on.
    pub(super) fn say(self, zh: &str, en: &str) {
        let Some(language) = self.language else {
            return;
        };
        let line = match language {
            Language::Zh => zh,
            Language::En => en,
        };
        // Nobody looks any more: the work goes on.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}
