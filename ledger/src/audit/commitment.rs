//! Commitments to personal values: provable when disclosed, unguessable otherwise, meaningless
//! once the salt is destroyed.
//!
//! An identity number is never hashed bare: all 36 million numbers of one district can be tried
//! in seconds.

use sha2::{Digest, Sha256};

use super::canonical::nfc;
use super::merkle::Hash;

/// The secret random bytes that are kept beside an encrypted value.
pub type Salt = [u8; 16];

/// `SHA-256(0x02 ‖ salt ‖ value in NFC as UTF-8)`.
pub fn commit(salt: &Salt, value: &str) -> Hash {
    let salted = Sha256::new().chain_update([0x02]).chain_update(salt);
    salted.chain_update(nfc(value).as_bytes()).finalize().into()
}

/// The salt of one column of a row: the first 16 bytes of
/// `SHA-256(0x03 ‖ salt of the row ‖ column as 2 bytes, big-endian)`.
///
/// Each column has its own, so that whoever is shown one value with its salt cannot try out the
/// others.
pub fn column_salt(row_salt: &Salt, column: u16) -> Salt {
    let hash: Hash = Sha256::new()
        .chain_update([0x03])
        .chain_update(row_salt)
        .chain_update(column.to_be_bytes())
        .finalize()
        .into();
    let mut salt = [0; 16];
    salt.copy_from_slice(&hash[..16]);
    salt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn salt_and_value_both_matter_and_spelling_does_not() {
        let commitment = commit(&[7; 16], "é");
        assert_eq!(commitment, commit(&[7; 16], "e\u{301}"));
        assert_ne!(commitment, commit(&[8; 16], "é"));
        assert_ne!(commitment, commit(&[7; 16], "e"));
        assert_ne!(column_salt(&[7; 16], 0), column_salt(&[7; 16], 1));
    }
}
