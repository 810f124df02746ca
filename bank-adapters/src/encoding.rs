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
    /// GB 2312: the 7,445 characters of it, in the bytes that they have in GBK.
    #[serde(rename = "GB2312")]
    Gb2312,
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
            Encoding::Gb2312 => "GB2312",
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
        let table = if self == Encoding::Gb18030 {
            GB18030
        } else {
            GBK
        };
        let mut encoder = table.new_encoder();
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
        if self == Encoding::Gb2312 && outcome.is_ok() {
            let lacking = beyond_gb2312(text, out.get(start..).unwrap_or_default());
            if let Some(character) = lacking {
                out.truncate(start);
                return Err(character);
            }
        }
        outcome
    }

    /// The bytes of a character in this encoding. In GBK a character that it lacks counts the four
    /// bytes of GB 18030.
    pub(crate) fn width(self, letter: char) -> usize {
        match letter {
            _ if self == Encoding::Utf8 => letter.len_utf8(),
            '\0'..='\u{7f}' => 1,
            '\u{4e00}'..='\u{9fa5}' => 2,
            _ if self == Encoding::Gb2312 => Encoding::Gbk.width(letter),
            _ => {
                let mut utf8 = [0; 4];
                let mut encoded = Vec::with_capacity(4);
                let text = letter.encode_utf8(&mut utf8);
                match self.encode_into(text, &mut encoded) {
                    Ok(()) => encoded.len(),
                    Err(_) => 4,
                }
            }
        }
    }

    /// The bytes of a text in this encoding; 0 for one that it cannot hold.
    pub(crate) fn length(self, text: &str) -> usize {
        if self == Encoding::Gb2312 {
            let mut encoded = Vec::new();
            return self
                .encode_into(text, &mut encoded)
                .map_or(0, |()| encoded.len());
        }
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

/// The first character of a text whose bytes in GBK are none of GB 2312: both of its bytes are from
/// 0xA1 on, and the first one ends at 0xF7.
fn beyond_gb2312(text: &str, bytes: &[u8]) -> Option<char> {
    let mut rest = bytes.iter();
    text.chars().find(|letter| {
        let Some(lead) = rest.next() else { return true };
        if letter.is_ascii() {
            return false;
        }
        let trail = rest.next().copied().unwrap_or_default();
        !matches!(lead, 0xa1..=0xf7) || trail < 0xa1
    })
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

/// Whether a text was UTF-8 that somebody read as GBK and saved: “寮犱笁” for “张三”. GBK has such
/// characters, so nothing but what they were tells it.
pub(crate) fn is_misread(text: &str) -> bool {
    const RUNS_MAX: usize = 400;
    let is_wide = |c: char| !c.is_ascii();
    let runs = text
        .split(|c: char| !is_wide(c))
        .filter(|run| run.chars().nth(1).is_some());
    let (mut all, mut misread) = (0, 0);
    for run in runs.take(RUNS_MAX) {
        all += 1;
        misread += usize::from(was_utf8(run));
    }
    misread * 2 > all
}

/// Whether the bytes of a run in GBK are Han in UTF-8, but for the sign behind it, which the last
/// byte of an odd number of characters takes with it.
fn was_utf8(run: &str) -> bool {
    let (bytes, _, lost) = GBK.encode(run);
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(fault) if fault.valid_up_to() + 2 >= bytes.len() => {
            let valid = bytes.get(..fault.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let is_han = |c: char| matches!(c, '\u{3000}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}');
    let (han, others) = (
        text.chars().filter(|c| is_han(*c)),
        text.chars().filter(|c| !is_han(*c)),
    );
    !lost && han.count() > 0 && others.count() <= 1
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
        assert_eq!(Encoding::Gb2312.encode_into("示例億", &mut out), Err('億'));
        assert_eq!(Encoding::Gb2312.length("示例億"), 0);
        assert_eq!(Encoding::Gb2312.length("示例a·"), 7);
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

    #[test]
    fn utf8_that_was_read_as_gbk_is_known() {
        let misread = |text: &str| GBK.decode(text.as_bytes()).0.into_owned();
        for (text, is_known) in [
            (misread("序号,账号,户名,金额\n1,62,测试,1.00"), true),
            (misread("张三|李四"), true),
            ("序号,账号,户名,金额\n1,62,测试甲,1.00".to_owned(), false),
            ("张三|李四|欧阳测试".to_owned(), false),
            ("锟斤拷".to_owned(), false),
            (String::new(), false),
            ("plain".to_owned(), false),
        ] {
            assert_eq!(is_misread(&text), is_known, "{text}");
        }
    }

    #[test]
    fn widths_are_those_of_the_bytes() {
        for letter in ['a', '测', '億', '·', '𬭎', '\u{3400}', 'é'] {
            let text = letter.to_string();
            for encoding in [Encoding::Gbk, Encoding::Gb18030, Encoding::Utf8] {
                let mut bytes = Vec::new();
                let expected = encoding
                    .encode_into(&text, &mut bytes)
                    .map_or(4, |()| bytes.len());
                assert_eq!(encoding.width(letter), expected, "{letter}");
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
