//! What the writers of messages share: each text is checked before it is written.

use ledger::money::Fen;

use crate::encoding::{Encoding, control, trim};
use crate::finding::{Fault, Findings};
use crate::profile::Profile;
use crate::record::{BatchHead, Instruction};
use crate::table::shown;

/// A batch being written.
pub(crate) struct Writing<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) head: &'a BatchHead,
    pub(crate) lines: &'a [Instruction],
    pub(crate) total: Fen,
    pub(crate) findings: &'a mut Findings,
}

/// How long a text may be.
#[derive(Clone, Copy)]
pub(crate) enum Room {
    /// Bytes in the encoding of the file.
    Bytes(usize),
    /// Characters, as ISO 20022 counts.
    Letters(usize),
}

impl<'a> Writing<'a> {
    /// A text of a line (0 for the head) that may be empty.
    pub(crate) fn text(&mut self, row: u64, name: &str, text: &'a str, room: Room) -> &'a str {
        let encoding = self.profile.encoding;
        if let Some(sign) = control(text) {
            let value = format!("U+{:04X}", u32::from(sign));
            self.findings
                .cell(Fault::ControlCharacter, row, name, &[("value", &value)]);
        }
        if trim(text).len() != text.len() {
            self.findings.cell(Fault::SpaceAround, row, name, &[]);
        }
        let mut encoded = Vec::new();
        if let Err(letter) = encoding.encode_into(text, &mut encoded) {
            let values = [
                ("encoding", encoding.name()),
                ("value", &*letter.to_string()),
            ];
            self.findings.cell(Fault::Unmappable, row, name, &values);
        }
        let (found, most) = match room {
            Room::Bytes(most) => (encoded.len(), most),
            Room::Letters(most) => (text.chars().count(), most),
        };
        if found > most {
            let (found, max) = (found.to_string(), most.to_string());
            let values = [("found", found.as_str()), ("max", max.as_str())];
            self.findings.cell(Fault::CellLong, row, name, &values);
        }
        text
    }

    /// A text that must not be empty.
    pub(crate) fn filled(&mut self, row: u64, name: &str, text: &'a str, room: Room) -> &'a str {
        if text.is_empty() {
            self.findings.cell(Fault::CellEmpty, row, name, &[]);
        }
        self.text(row, name, text, room)
    }

    /// A constant of the profile, or empty.
    pub(crate) fn code(&self, name: &str) -> &'a str {
        self.profile.codes.get(name).map_or("", String::as_str)
    }

    /// A constant of the profile, or what the book knows; one of them must be there.
    pub(crate) fn code_or(&mut self, name: &str, known: &'a str) -> &'a str {
        let code = match self.code(name) {
            "" => known,
            code => code,
        };
        if code.is_empty() {
            self.findings.cell(Fault::CodeMissing, 0, name, &[]);
        }
        code
    }

    /// An amount in the unit of the profile.
    pub(crate) fn amount(&self, amount: Fen) -> String {
        let mut text = String::new();
        self.profile.amount.write(amount, &mut text);
        text
    }

    /// The text in the encoding of the file. Each part was checked before.
    pub(crate) fn encode(&mut self, text: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let encoding = self.profile.encoding;
        match encoding.encode_into(text, &mut bytes) {
            Ok(()) => Some(bytes),
            Err(letter) => {
                if self.findings.is_empty() {
                    let letter = shown(&letter.to_string(), false);
                    let values = [("encoding", encoding.name()), ("value", &*letter)];
                    self.findings.file(Fault::Unmappable, &values);
                }
                None
            }
        }
    }

    /// The name by which the file declares its encoding.
    pub(crate) fn encoding(&self) -> &'static str {
        match self.profile.encoding {
            Encoding::Utf8 => "UTF-8",
            other => other.name(),
        }
    }
}
