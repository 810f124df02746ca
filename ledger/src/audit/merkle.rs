//! The Merkle tree of RFC 6962 §2.1 (RFC 9162 §2.1.1) over SHA-256, grown one leaf at a time.

use sha2::{Digest, Sha256};

/// A SHA-256 hash: always 32 bytes.
pub type Hash = [u8; 32];

/// The previous hash of the first entry: no hash at all.
pub const NO_HASH: Hash = [0; 32];

/// The leaf hash `SHA-256(0x00 ‖ bytes)`.
pub fn leaf(bytes: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0x00])
        .chain_update(bytes)
        .finalize()
        .into()
}

/// The hash of a node, `SHA-256(0x01 ‖ left ‖ right)`.
pub fn node(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [0x01; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    Sha256::digest(bytes).into()
}

/// The root of the tree without leaves, `SHA-256("")`.
pub fn empty_root() -> Hash {
    Sha256::digest(b"").into()
}

/// The root over these leaf hashes.
pub fn root_of(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    for hash in leaves {
        frontier.push(*hash);
    }
    frontier.root()
}

/// Stored hashes do not fit the stored size: not 32 bytes for each bit that is set in the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frontier of {size} leaves does not have {bytes} bytes")]
pub struct FrontierError {
    /// The number of leaves.
    pub size: u64,
    /// The number of bytes given.
    pub bytes: usize,
}

/// The right edge of a growing tree: the roots of the perfect subtrees that its leaves fill, the
/// largest first. One hash for each bit that is set in the size, so at most 64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    roots: Vec<Hash>,
}

impl Frontier {
    /// The tree without leaves.
    pub fn new() -> Frontier {
        Frontier::default()
    }

    /// Appends a leaf hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Each bit that the new leaf carries over is a perfect subtree that becomes complete.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                hash = node(&left, &hash);
            }
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The Merkle tree hash over all leaves so far.
    pub fn root(&self) -> Hash {
        let mut from_right = self.roots.iter().rev();
        let Some(last) = from_right.next() else {
            return empty_root();
        };
        from_right.fold(*last, |right, left| node(left, &right))
    }

    /// The hashes one after the other, the largest subtree first; goes with [`Frontier::size`].
    pub fn to_bytes(&self) -> Vec<u8> {
        self.roots.concat()
    }

    /// The frontier of `size` leaves from its hashes.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Result<Frontier, FrontierError> {
        let (roots, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() || u32::try_from(roots.len()) != Ok(size.count_ones()) {
            return Err(FrontierError {
                size,
                bytes: bytes.len(),
            });
        }
        Ok(Frontier {
            size,
            roots: roots.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::hex;

    /// The recursive definition of RFC 6962 §2.1, written down a second time.
    fn definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [one] => *one,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node(&definition(&leaves[..split]), &definition(&leaves[split..]))
            }
        }
    }

    fn numbered(count: u32) -> Vec<Hash> {
        (0..count)
            .map(|number| leaf(&number.to_be_bytes()))
            .collect()
    }

    /// The inputs and roots of the reference tests of Certificate Transparency (RFC 6962).
    #[test]
    fn roots_of_the_reference_tests() {
        let inputs = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut leaves = Vec::new();
        assert_eq!(hex::encode(&root_of(&leaves)), roots[0]);
        for (input, root) in inputs.iter().zip(&roots[1..]) {
            leaves.push(leaf(&hex::decode(input).unwrap()));
            assert_eq!(
                hex::encode(&root_of(&leaves)),
                *root,
                "{} leaves",
                leaves.len()
            );
        }
    }

    #[test]
    fn the_frontier_is_the_definition_and_survives_storage() {
        let leaves = numbered(300);
        let mut frontier = Frontier::new();
        for size in 0..=leaves.len() {
            assert_eq!(frontier.size(), size as u64);
            assert_eq!(
                frontier.root(),
                definition(&leaves[..size]),
                "{size} leaves"
            );
            assert_eq!(frontier.root(), root_of(&leaves[..size]));
            let stored = frontier.to_bytes();
            assert_eq!(
                Frontier::from_bytes(frontier.size(), &stored).unwrap(),
                frontier
            );
            assert!(Frontier::from_bytes(frontier.size(), &[&stored[..], &[0]].concat()).is_err());
            assert!(
                Frontier::from_bytes(frontier.size(), &[&stored[..], &[0; 32]].concat()).is_err()
            );
            if let Some(next) = leaves.get(size) {
                frontier.push(*next);
            }
        }
    }

    #[test]
    fn order_and_number_of_leaves_matter() {
        let leaves = numbered(7);
        let mut swapped = leaves.clone();
        swapped.swap(2, 5);
        assert_ne!(root_of(&leaves), root_of(&swapped));
        assert_ne!(root_of(&leaves), root_of(&leaves[..6]));
        // A node can never be passed off as a leaf.
        assert_ne!(
            leaf(&[leaves[0], leaves[1]].concat()),
            node(&leaves[0], &leaves[1])
        );
    }
}
