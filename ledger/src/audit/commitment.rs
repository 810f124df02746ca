//! Commitments to personal values: provable when disclosed, unguessable otherwise, meaningless
//! once the salt is destroyed.
//!
//! An identity number is never hashed bare: all 36 million numbers of one district can be tried
//! in seconds.

use super::canonical::nfc;
use super::merkle::{Hash, sha256};

/// The secret random bytes that are kept beside an encrypted value.
pub type Salt = [u8; 16];

/// `SHA-256(0x02 ‖ salt ‖ value in NFC as UTF-8)`.
pub fn commit(salt: &Salt, value: &str) -> Hash {
    let value = nfc(value);
    let length = 17 + value.len();
    let mut short = [0x02; 64];
    if let Some(text) = short.get_mut(17..length) {
        text.copy_from_slice(value.as_bytes());
        short[1..17].copy_from_slice(salt);
        return sha256(&short[..length]);
    }
    sha256(&[&[0x02], &salt[..], value.as_bytes()].concat())
}

/// The salt of one column of a row: the first 16 bytes of
/// `SHA-256(0x03 ‖ salt of the row ‖ column as 2 bytes, big-endian)`.
///
/// Each column has its own, so that whoever is shown one value with its salt cannot try out the
/// others.
pub fn column_salt(row_salt: &Salt, column: u16) -> Salt {
    let mut bytes = [0x03; 19];
    bytes[1..17].copy_from_slice(row_salt);
    bytes[17..].copy_from_slice(&column.to_be_bytes());
    let hash = sha256(&bytes);
    let mut salt = [0; 16];
    salt.copy_from_slice(&hash[..16]);
    salt
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn values_of_every_length_are_hashed_whole() {
        for length in 0..200 {
            let value = "x".repeat(length);
            let bytes = [&[0x02], &[7; 16][..], value.as_bytes()].concat();
            let expected: Hash = Sha256::digest(bytes).into();
            assert_eq!(commit(&[7; 16], &value), expected, "{length}");
        }
    }

    #[test]
    fn salt_and_value_both_matter_and_spelling_does_not() {
        let commitment = commit(&[7; 16], "é");
        assert_eq!(commitment, commit(&[7; 16], "e\u{301}"));
        assert_ne!(commitment, commit(&[8; 16], "é"));
        assert_ne!(commitment, commit(&[7; 16], "e"));
        assert_ne!(column_salt(&[7; 16], 0), column_salt(&[7; 16], 1));
    }
}
