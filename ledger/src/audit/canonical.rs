//! Canonical JSON: RFC 8785 restricted to what an audit entry needs, so that a document has
//! exactly one sequence of bytes.
//!
//! The restrictions: integers only, within ±(2^53 − 1); text and keys in NFC; at most
//! [`BYTES_MAX`] bytes; at most [`DEPTH_MAX`] nested lists and objects.

use std::borrow::Cow;
use std::collections::BTreeMap;

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// The longest document: 64 KiB − 1, the limit of an entry in the tlog-tiles format.
pub const BYTES_MAX: usize = 65_535;
/// The deepest nesting of lists and objects.
pub const DEPTH_MAX: usize = 16;
/// The largest integer, 2^53 − 1, which every JSON reader keeps exactly.
pub const INT_MAX: i64 = (1 << 53) - 1;

/// A JSON value without floats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer within ±(2^53 − 1). Money and ids are text.
    Int(i64),
    /// Text in NFC.
    Text(String),
    /// An ordered list.
    List(Vec<Json>),
    /// Keys in NFC with their values; written in the order of their UTF-16 code units.
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// A text value.
    pub fn text(text: impl Into<String>) -> Json {
        Json::Text(text.into())
    }

    /// An object of these members; a repeated key keeps the last value.
    pub fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
        Json::Object(
            members
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    }
}

/// Why a value has no canonical bytes, or bytes are not canonical.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// A text or key is not in Unicode Normalization Form C.
    #[error("text is not in NFC: {0:?}")]
    NotNfc(String),
    /// An integer outside ±(2^53 − 1).
    #[error("integer out of range: {0}")]
    OutOfRange(i64),
    /// More than [`BYTES_MAX`] bytes: the number of bytes.
    #[error("{0} bytes, more than 65535")]
    TooLong(usize),
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("nested deeper than 16 levels")]
    TooDeep,
    /// The same key twice in one object.
    #[error("duplicate key {0:?}")]
    DuplicateKey(String),
    /// No JSON of this restricted kind at this byte.
    #[error("not canonical JSON at byte {0}")]
    Syntax(usize),
    /// Readable, but not the bytes that [`canonical`] writes; the first byte that differs.
    #[error("not the canonical bytes, first difference at byte {0}")]
    NotCanonical(usize),
    /// A field of a document has a value that cannot be written, such as a time without a year.
    #[error("field {0} cannot be written")]
    Field(&'static str),
}

/// The text in NFC, as an entry demands it: for what people type, before it enters an entry.
pub fn nfc(text: &str) -> Cow<'_, str> {
    if has_nfc(text) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

/// Whether a text is in NFC. Nearly all text here is below U+0300 or Han of U+4000 to U+9FFF; these
/// are known by the first byte of a character, and none of them combines with another.
fn has_nfc(text: &str) -> bool {
    let ordinary = |byte| byte < 0xcc || matches!(byte, 0xe4..=0xe9);
    text.is_ascii() || text.bytes().all(ordinary) || is_nfc(text)
}

/// The one byte sequence of a value.
pub fn canonical(value: &Json) -> Result<Vec<u8>, CanonicalError> {
    let mut out = Vec::with_capacity(1024);
    write(value, DEPTH_MAX, &mut out)?;
    if out.len() > BYTES_MAX {
        Err(CanonicalError::TooLong(out.len()))
    } else {
        Ok(out)
    }
}

/// Reads canonical bytes and refuses all others: `canonical(parse(bytes)) == bytes`.
pub fn parse(bytes: &[u8]) -> Result<Json, CanonicalError> {
    if bytes.len() > BYTES_MAX {
        return Err(CanonicalError::TooLong(bytes.len()));
    }
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.value(DEPTH_MAX)?;
    if reader.at != bytes.len() {
        return Err(CanonicalError::Syntax(reader.at));
    }
    let again = canonical(&value)?;
    if again == bytes {
        return Ok(value);
    }
    let same = again.iter().zip(bytes).take_while(|(a, b)| a == b).count();
    Err(CanonicalError::NotCanonical(same))
}

fn write(value: &Json, depth: usize, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    match value {
        Json::Null => out.extend_from_slice(b"null"),
        Json::Bool(true) => out.extend_from_slice(b"true"),
        Json::Bool(false) => out.extend_from_slice(b"false"),
        Json::Int(number) => {
            if !(-INT_MAX..=INT_MAX).contains(number) {
                return Err(CanonicalError::OutOfRange(*number));
            }
            write_int(*number, out);
        }
        Json::Text(text) => write_text(text, out)?,
        Json::List(items) => {
            let depth = depth.checked_sub(1).ok_or(CanonicalError::TooDeep)?;
            out.push(b'[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                write(item, depth, out)?;
            }
            out.push(b']');
        }
        Json::Object(members) => {
            let depth = depth.checked_sub(1).ok_or(CanonicalError::TooDeep)?;
            // The map's order, that of UTF-8, differs from that of UTF-16 above U+FFFF only.
            if members
                .keys()
                .all(|key| key.bytes().all(|byte| byte < 0xf0))
            {
                return write_members(members.iter(), depth, out);
            }
            let mut sorted: Vec<(&String, &Json)> = members.iter().collect();
            sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            write_members(sorted.into_iter(), depth, out)?;
        }
    }
    Ok(())
}

fn write_members<'a>(
    members: impl Iterator<Item = (&'a String, &'a Json)>,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), CanonicalError> {
    out.push(b'{');
    for (position, (key, item)) in members.enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write_text(key, out)?;
        out.push(b':');
        write(item, depth, out)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_int(number: i64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        // One digit always fits.
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

fn write_text(text: &str, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    if !has_nfc(text) {
        return Err(CanonicalError::NotNfc(text.to_owned()));
    }
    out.push(b'"');
    if text.bytes().all(is_plain) {
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return Ok(());
    }
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x09 => out.extend_from_slice(b"\\t"),
            0x0a => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x0d => out.extend_from_slice(b"\\r"),
            0x00..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
    Ok(())
}

/// Whether a byte stands for itself inside quotes.
fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte != b'"' && byte != b'\\'
}

/// Reads without white space and without any escape that [`write_text`] does not write.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Json, CanonicalError> {
        match self.peek() {
            Some(b'n') => self.word(b"null", Json::Null),
            Some(b't') => self.word(b"true", Json::Bool(true)),
            Some(b'f') => self.word(b"false", Json::Bool(false)),
            Some(b'"') => Ok(Json::Text(self.text()?)),
            Some(b'[') => self.list(depth),
            Some(b'{') => self.object(depth),
            Some(b'-' | b'0'..=b'9') => self.int(),
            _ => Err(self.wrong()),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json, CanonicalError> {
        let depth = depth.checked_sub(1).ok_or(CanonicalError::TooDeep)?;
        self.take(b'[')?;
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::List(items));
        }
        loop {
            items.push(self.value(depth)?);
            if self.ends(b']')? {
                return Ok(Json::List(items));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, CanonicalError> {
        let depth = depth.checked_sub(1).ok_or(CanonicalError::TooDeep)?;
        self.take(b'{')?;
        let mut members = BTreeMap::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Json::Object(members));
        }
        loop {
            let key = self.text()?;
            self.take(b':')?;
            if members.contains_key(&key) {
                return Err(CanonicalError::DuplicateKey(key));
            }
            let value = self.value(depth)?;
            members.insert(key, value);
            if self.ends(b'}')? {
                return Ok(Json::Object(members));
            }
        }
    }

    fn int(&mut self) -> Result<Json, CanonicalError> {
        let from = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        let digits = std::str::from_utf8(&self.bytes[from..self.at]);
        let number = digits.ok().and_then(|digits| digits.parse().ok());
        number.map(Json::Int).ok_or(CanonicalError::Syntax(from))
    }

    fn text(&mut self) -> Result<String, CanonicalError> {
        self.take(b'"')?;
        let from = self.at;
        let rest = &self.bytes[from..];
        let plain = rest.iter().position(|byte| !is_plain(*byte));
        let mut raw = rest[..plain.unwrap_or(rest.len())].to_vec();
        self.at += raw.len();
        loop {
            let byte = self.peek().ok_or_else(|| self.wrong())?;
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => raw.push(self.escape()?),
                0x00..0x20 => return Err(CanonicalError::Syntax(self.at - 1)),
                _ => raw.push(byte),
            }
        }
        String::from_utf8(raw).map_err(|_| CanonicalError::Syntax(from))
    }

    /// The byte behind a backslash that has been read.
    fn escape(&mut self) -> Result<u8, CanonicalError> {
        let byte = self.peek().ok_or_else(|| self.wrong())?;
        self.at += 1;
        match byte {
            b'"' | b'\\' => Ok(byte),
            b'b' => Ok(0x08),
            b't' => Ok(0x09),
            b'n' => Ok(0x0a),
            b'f' => Ok(0x0c),
            b'r' => Ok(0x0d),
            b'u' => {
                let digits = self
                    .bytes
                    .get(self.at..self.at + 4)
                    .ok_or_else(|| self.wrong())?;
                let control = std::str::from_utf8(digits)
                    .ok()
                    .and_then(|digits| u8::from_str_radix(digits, 16).ok())
                    .filter(|control| *control < 0x20)
                    .ok_or_else(|| self.wrong())?;
                self.at += 4;
                Ok(control)
            }
            _ => Err(CanonicalError::Syntax(self.at - 1)),
        }
    }

    /// Reads a comma (`false`) or the end of a list or object (`true`).
    fn ends(&mut self, end: u8) -> Result<bool, CanonicalError> {
        let byte = self.peek();
        if byte != Some(b',') && byte != Some(end) {
            return Err(self.wrong());
        }
        self.at += 1;
        Ok(byte == Some(end))
    }

    fn word(&mut self, word: &[u8], value: Json) -> Result<Json, CanonicalError> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(self.wrong());
        }
        self.at += word.len();
        Ok(value)
    }

    fn take(&mut self, byte: u8) -> Result<(), CanonicalError> {
        if self.peek() != Some(byte) {
            return Err(self.wrong());
        }
        self.at += 1;
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn wrong(&self) -> CanonicalError {
        CanonicalError::Syntax(self.at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_one_spelling_is_read() {
        for good in [
            "null",
            "true",
            "[]",
            "{}",
            "0",
            "-1",
            "9007199254740991",
            "\"低保\"",
            r#"{"a":1,"b":[null,"\u0001\t\"\\"]}"#,
            // U+1F600 is the surrogate pair D83D DE00 and so stands before U+FB01.
            "{\"\u{1F600}\":1,\"\u{FB01}\":2}",
        ] {
            let value = parse(good.as_bytes()).unwrap_or_else(|error| panic!("{good}: {error}"));
            assert_eq!(canonical(&value).unwrap(), good.as_bytes(), "{good}");
        }
        for bad in [
            "",
            " 1",
            "1 ",
            "01",
            "-0",
            "1.0",
            "1e3",
            "+1",
            "-",
            "[1, 2]",
            "[1,]",
            "[",
            "{",
            r#"{"b":1,"a":2}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a"}"#,
            r#""\u0041""#,
            r#""\/""#,
            r#""\u000a""#,
            r#""\u001F""#,
            r#""\ud83d\ude00""#,
            "\"\u{1}\"",
            "\"e\u{301}\"",
            "\"open",
            r#""\"#,
            r#""\u00"#,
            r#""\u+001""#,
            "nul",
            "9007199254740992",
            "-9007199254740992",
            "99999999999999999999",
            "{\"\u{FB01}\":2,\"\u{1F600}\":1}",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(parse(b"\"\xff\"").is_err());
    }

    #[test]
    fn no_character_of_the_quick_check_is_out_of_nfc() {
        for letter in ('\0'..='\u{2ff}').chain('\u{4000}'..='\u{9fff}') {
            let text = format!("{letter}\u{301}");
            assert!(is_nfc(letter.encode_utf8(&mut [0; 4])), "{letter}");
            assert_eq!(has_nfc(&text), is_nfc(&text), "{letter}");
        }
    }

    #[test]
    fn limits_hold_both_ways() {
        let nest = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(parse(nest(DEPTH_MAX).as_bytes()).is_ok());
        assert_eq!(
            parse(nest(DEPTH_MAX + 1).as_bytes()),
            Err(CanonicalError::TooDeep)
        );
        let deep = (0..=DEPTH_MAX).fold(Json::Null, |inner, _| Json::List(vec![inner]));
        assert_eq!(canonical(&deep), Err(CanonicalError::TooDeep));

        let longest = Json::text("x".repeat(BYTES_MAX - 2));
        assert_eq!(parse(&canonical(&longest).unwrap()).unwrap(), longest);
        let longer = Json::text("x".repeat(BYTES_MAX - 1));
        assert_eq!(
            canonical(&longer),
            Err(CanonicalError::TooLong(BYTES_MAX + 1))
        );
    }

    fn json() -> impl Strategy<Value = Json> {
        let text = any::<String>().prop_map(|text| nfc(&text).into_owned());
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::Bool),
            (-INT_MAX..=INT_MAX).prop_map(Json::Int),
            text.clone().prop_map(Json::Text),
        ];
        leaf.prop_recursive(4, 32, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Json::List),
                prop::collection::btree_map(text.clone(), inner, 0..6).prop_map(Json::Object),
            ]
        })
    }

    proptest! {
        #[test]
        fn quick_answers_are_the_true_ones(text: String, number in -INT_MAX..=INT_MAX) {
            prop_assert_eq!(has_nfc(&text), is_nfc(&text));
            let written = canonical(&Json::Int(number)).unwrap();
            prop_assert_eq!(String::from_utf8(written).unwrap(), number.to_string());
        }

        #[test]
        fn what_is_written_reads_back(value in json()) {
            let bytes = canonical(&value).unwrap();
            prop_assert_eq!(parse(&bytes).unwrap(), value);
        }

        #[test]
        fn reading_never_panics_and_accepts_only_its_own_bytes(bytes: Vec<u8>) {
            if let Ok(value) = parse(&bytes) {
                prop_assert_eq!(canonical(&value).unwrap(), bytes);
            }
        }

        #[test]
        fn a_changed_byte_is_another_value_or_refused(
            value in json(), at: prop::sample::Index, byte: u8,
        ) {
            let mut bytes = canonical(&value).unwrap();
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != byte);
            bytes[at] = byte;
            prop_assert_ne!(parse(&bytes).ok(), Some(value));
        }
    }
}
