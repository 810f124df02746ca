//! Hexadecimal text, lower case only, and the hash of a whole document.

use sha2::{Digest, Sha256};

use super::merkle::Hash;

/// Lower-case hexadecimal, two digits per byte.
pub fn encode(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
    text
}

/// The bytes of lower-case hexadecimal text; `None` for anything else, upper case included, so
/// that one hash has one spelling.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

/// A hash from its 64 lower-case digits.
pub fn decode_hash(text: &str) -> Option<Hash> {
    decode(text)?.try_into().ok()
}

/// A check word from its 16 lower-case digits, most significant first.
pub fn decode_word(text: &str) -> Option<u64> {
    Some(u64::from_be_bytes(decode(text)?.try_into().ok()?))
}

/// The plain SHA-256 of a file or document, as `sha256sum` prints it.
pub fn document_hash(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_only() {
        assert_eq!(encode(&[0, 0xab, 0xff]), "00abff");
        assert_eq!(decode("00abff"), Some(vec![0, 0xab, 0xff]));
        for bad in ["0", "0A", "0g", "0x00", "é", " 00"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
        assert_eq!(decode_hash(&"00".repeat(31)), None);
        assert_eq!(decode_hash(&"00".repeat(32)), Some([0; 32]));
        assert_eq!(decode_word("00000000000000ff"), Some(255));
    }
}
