//! Bytes to text and back, never lossy.
//!
//! Reading tries strict UTF-8 first and then GB18030, because UTF-8 bytes read as GB18030 give
//! wrong characters without an error. Text is decoded before it is split: in GBK the second byte
//! of a character can be `|` (億 is 0x83 0x7C). Writing refuses what the encoding cannot hold.

use std::borrow::Cow;

use encoding_rs::{EncoderResult, GB18030, GBK};
use serde::Deserialize;

/// The encoding in which a file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Encoding {
    /// GBK (code page 936): 21,886 characters.
    #[serde(rename = "GBK")]
    Gbk,
    /// GB 18030: every Unicode character.
    #[default]
    #[serde(rename = "GB18030")]
    Gb18030,
    /// UTF-8 without byte order mark.
    #[serde(rename = "UTF-8")]
    Utf8,
}

impl Encoding {
    /// The name for messages.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Gbk => "GBK",
            Encoding::Gb18030 => "GB18030",
            Encoding::Utf8 => "UTF-8",
        }
    }

    /// Appends `text` to `out`, or gives the first character that the encoding cannot hold; then
    /// `out` is as before.
    pub(crate) fn encode_into(self, text: &str, out: &mut Vec<u8>) -> Result<(), char> {
        if self == Encoding::Utf8 || text.is_ascii() {
            out.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        let start = out.len();
        let mut encoder = if self == Encoding::Gbk { GBK } else { GB18030 }.new_encoder();
        // Room for the text and no more: the encoder looks over all the room that it is given.
        let room = text.len().saturating_mul(2).saturating_add(16);
        out.resize(start.saturating_add(room), 0);
        let space = out.get_mut(start..).unwrap_or_default();
        let (result, _, written) = encoder.encode_from_utf8_without_replacement(text, space, true);
        let (written, outcome) = match result {
            EncoderResult::InputEmpty => (written, Ok(())),
            EncoderResult::Unmappable(character) => (0, Err(character)),
            EncoderResult::OutputFull => (0, Err('\u{fffd}')),
        };
        out.truncate(start.saturating_add(written));
        outcome
    }

    /// The bytes of a text in this encoding; 0 for one that it cannot hold.
    pub(crate) fn length(self, text: &str) -> usize {
        if self == Encoding::Utf8 || text.is_ascii() {
            return text.len();
        }
        // ASCII, and Han of U+4E00 to U+9FA5 that GBK has in two bytes.
        let mut bytes = 0;
        for letter in text.chars() {
            bytes += match letter {
                '\0'..='\u{7f}' => 1,
                '\u{4e00}'..='\u{9fa5}' => 2,
                _ => {
                    let mut encoded = Vec::new();
                    let outcome = self.encode_into(text, &mut encoded);
                    return outcome.map_or(0, |()| encoded.len());
                }
            };
        }
        bytes
    }
}

/// Text, and the lines (from 1) that could not be decoded and were left out.
#[derive(Debug)]
pub(crate) struct Decoded<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) bad_lines: Vec<u64>,
}

/// Why bytes are no text at all.
pub(crate) fn not_text(bytes: &[u8]) -> Option<&'static str> {
    const SIGNS: [(&[u8], &str); 6] = [
        (b"PK\x03\x04", "xlsx/zip"),
        (b"\xd0\xcf\x11\xe0", "xls"),
        (b"%PDF", "PDF"),
        (b"\xff\xfe", "UTF-16"),
        (b"\xfe\xff", "UTF-16"),
        (b"\x1f\x8b", "gzip"),
    ];
    SIGNS
        .iter()
        .find(|(sign, _)| bytes.starts_with(sign))
        .map(|(_, name)| *name)
}

/// Decodes UTF-8 or GB18030.
pub(crate) fn decode(bytes: &[u8]) -> Decoded<'_> {
    let (body, marked) = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(body) => (body, true),
        None => (bytes, false),
    };
    let fault = match std::str::from_utf8(body) {
        Ok(text) => {
            return Decoded {
                text: Cow::Borrowed(text),
                bad_lines: Vec::new(),
            };
        }
        Err(fault) => fault,
    };
    if marked || is_faulty_utf8(body, &fault) {
        return by_line(body, |line| {
            std::str::from_utf8(line).ok().map(Cow::Borrowed)
        });
    }
    let gb18030 = |part| GB18030.decode_without_bom_handling_and_without_replacement(part);
    match gb18030(body) {
        Some(text) => Decoded {
            text,
            bad_lines: Vec::new(),
        },
        None => by_line(body, gb18030),
    }
}

/// UTF-8 with a fault further on is not GB18030: runs of valid three-byte characters do not come
/// about by chance.
fn is_faulty_utf8(body: &[u8], fault: &std::str::Utf8Error) -> bool {
    const CHARACTERS_BY_CHANCE_MAX: usize = 8;
    let valid = body.get(..fault.valid_up_to()).unwrap_or_default();
    let wide = valid.iter().filter(|byte| **byte >= 0xe0).count();
    wide > CHARACTERS_BY_CHANCE_MAX || (wide > 0 && fault.error_len().is_none())
}

/// No byte of a GB18030 or UTF-8 character is a line feed, so lines can be decoded one by one.
fn by_line<'a>(body: &'a [u8], decode: impl Fn(&'a [u8]) -> Option<Cow<'a, str>>) -> Decoded<'a> {
    let mut text = String::with_capacity(body.len());
    let mut bad_lines = Vec::new();
    for (number, line) in (1..).zip(body.split_inclusive(|byte| *byte == b'\n')) {
        match decode(line) {
            Some(line) => text.push_str(&line),
            None => {
                bad_lines.push(number);
                text.push('\n');
            }
        }
    }
    Decoded {
        text: Cow::Owned(text),
        bad_lines,
    }
}

/// Without white space, full-width or not, and byte order marks at both ends.
pub(crate) fn trim(text: &str) -> &str {
    if let ([first, ..], [.., lead, _, last] | [.., lead, last]) =
        (text.as_bytes(), text.as_bytes())
        && is_ordinary(*first)
        && (last.is_ascii_graphic() || (*last >= 0x80 && is_han(*lead)))
    {
        return text;
    }
    text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

/// Whether a byte begins a character of Han (U+4000 to U+9FFF). Such a character has three bytes
/// and is no space, no control character and no variant of another.
fn is_han(byte: u8) -> bool {
    matches!(byte, 0xe4..=0xe9)
}

/// Whether a byte is a visible character of ASCII or begins one of Han.
fn is_ordinary(byte: u8) -> bool {
    byte.is_ascii_graphic() || is_han(byte)
}

/// The first character that has no place in a field: control characters and the marks that turn
/// the direction of writing.
pub(crate) fn control(text: &str) -> Option<char> {
    // They are below U+0020, or begin with one of three bytes. No way out in between, so that many
    // bytes are looked at together.
    let suspicious = text.bytes().fold(0, |found, byte| {
        found
            | u8::from(byte < 0x20)
            | u8::from(byte == 0x7f)
            | u8::from(byte == 0xc2)
            | u8::from(byte == 0xe2)
    });
    if suspicious == 0 {
        return None;
    }
    let turning = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .find(|c| c.is_control() || turning(*c) || matches!(c, '\u{2028}' | '\u{2029}'))
}

/// Full-width ASCII as ASCII, without white space: how headings and status words are compared.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if text
        .bytes()
        .all(|byte| is_ordinary(byte) || matches!(byte, 0x80..0xc0))
    {
        return Cow::Borrowed(text);
    }
    text.chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| match u32::from(c) {
            code @ 0xff01..=0xff5e => char::from_u32(code - 0xfee0).unwrap_or(c),
            _ => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_it_is_given_and_names_bad_lines() {
        let gbk = |text: &str| GBK.encode(text).0.into_owned();
        let cut = &"序号,账号,户名\n一,二,测试甲".as_bytes()[..36];
        for (bytes, text, bad) in [
            (gbk("户名,億|"), "户名,億|", vec![]),
            ("户名,測試".as_bytes().to_vec(), "户名,測試", vec![]),
            ("\u{feff}户名".as_bytes().to_vec(), "户名", vec![]),
            (
                [gbk("甲\n"), vec![0xff, 0xff, b'\n'], gbk("乙")].concat(),
                "甲\n\n乙",
                vec![2],
            ),
            (cut.to_vec(), "序号,账号,户名\n\n", vec![2]),
        ] {
            let decoded = decode(&bytes);
            assert_eq!((&*decoded.text, decoded.bad_lines), (text, bad));
        }
    }

    #[test]
    fn refuses_what_the_encoding_cannot_hold() {
        let mut out = b"x".to_vec();
        assert_eq!(Encoding::Gbk.encode_into("示例𬭎", &mut out), Err('𬭎'));
        assert_eq!(out, b"x");
        assert_eq!(Encoding::Gb18030.encode_into("𬭎", &mut out), Ok(()));
        assert_eq!(out.len(), 5);
        assert_eq!(Encoding::Gbk.encode_into("億", &mut out), Ok(()));
        assert_eq!(out[5..], [0x83, 0x7c]);
    }

    #[test]
    fn lengths_are_those_of_the_bytes() {
        for text in [
            "",
            "P1-1",
            "测试甲",
            "示例·甲",
            "示例𬭎",
            "\u{9fa6}",
            "\u{3400}a",
            "é",
        ] {
            for encoding in [Encoding::Gbk, Encoding::Gb18030, Encoding::Utf8] {
                let mut bytes = Vec::new();
                let outcome = encoding.encode_into(text, &mut bytes);
                let expected = outcome.map_or(0, |()| bytes.len());
                assert_eq!(encoding.length(text), expected, "{text}");
            }
        }
    }

    proptest! {
        /// The quick answers are those of the rule, also for characters that look like others in
        /// their bytes.
        #[test]
        fn quick_answers_are_the_true_ones(
            text in "[\u{0}-\u{ff}\u{2000}-\u{2070}\u{3000}-\u{3003}测试\u{4000}\u{9fff}\u{feff}\u{ff01}]{0,5}",
        ) {
            let is_space = |c: char| c.is_whitespace() || c == '\u{feff}';
            prop_assert_eq!(trim(&text), text.trim_matches(is_space));
            let slow: String = text.chars().filter(|c| !c.is_whitespace())
                .map(|c| if c == '\u{ff01}' { '!' } else { c })
                .collect();
            prop_assert_eq!(plain(&text), slow);
            let sign = text.chars().find(|c| {
                c.is_control()
                    || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            });
            prop_assert_eq!(control(&text), sign);
        }
    }

    #[test]
    fn trims_and_flattens() {
        assert_eq!(trim("\u{3000} 测试甲\u{a0}\t"), "测试甲");
        assert_eq!(plain("金额（元）　"), "金额(元)");
        assert_eq!(control("甲\u{202e}乙"), Some('\u{202e}'));
        assert_eq!(control("甲 乙|"), None);
    }
}
