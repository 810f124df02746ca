//! The Merkle tree of RFC 6962 §2.1 (RFC 9162 §2.1.1) over SHA-256, grown one leaf at a time.

use sha2::block_api::compress256;

/// A SHA-256 hash: always 32 bytes.
pub type Hash = [u8; 32];

/// The previous hash of the first entry: no hash at all.
pub const NO_HASH: Hash = [0; 32];

/// The leaf hash `SHA-256(0x00 ‖ bytes)`.
pub fn leaf(bytes: &[u8]) -> Hash {
    let mut first = [0; 64];
    let (head, rest) = bytes.split_at(bytes.len().min(63));
    first[1..=head.len()].copy_from_slice(head);
    if head.len() < 63 {
        return sha256(&first[..=head.len()]);
    }
    let mut state = INITIAL;
    compress256(&mut state, &[first]);
    finish(state, 1, rest)
}

/// The hash of a node, `SHA-256(0x01 ‖ left ‖ right)`.
pub fn node(left: &Hash, right: &Hash) -> Hash {
    let mut blocks = [[0; 64]; 2];
    let bytes = blocks.as_flattened_mut();
    bytes[0] = 0x01;
    bytes[1..33].copy_from_slice(left);
    bytes[33..65].copy_from_slice(right);
    // The padding of 65 bytes, 520 bits.
    bytes[65] = 0x80;
    bytes[126..].copy_from_slice(&520_u16.to_be_bytes());
    let mut state = INITIAL;
    compress256(&mut state, &blocks);
    to_hash(state)
}

/// SHA-256 (FIPS 180-4) of a whole message in memory. Most messages here have one to three blocks,
/// for which the buffer of a streaming hasher costs a third of the time; a test holds both equal.
pub(super) fn sha256(message: &[u8]) -> Hash {
    finish(INITIAL, 0, message)
}

/// SHA-256 of the message in a buffer, which is padded in place for it and left as it was.
pub(super) fn sha256_of_buffer(message: &mut Vec<u8>) -> Hash {
    let length = message.len();
    let bits = length as u64 * 8;
    // The closing bit and the length of 8 bytes stand behind the message.
    message.push(0x80);
    message.resize((length + 9).next_multiple_of(64) - 8, 0);
    message.extend_from_slice(&bits.to_be_bytes());
    let mut state = INITIAL;
    compress256(&mut state, message.as_chunks().0);
    message.truncate(length);
    to_hash(state)
}

/// The state before the first block: section 5.3.3.
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Hashes the rest of a message, of which `before` blocks are in the state, and its padding.
fn finish(mut state: [u32; 8], before: u64, message: &[u8]) -> Hash {
    let (blocks, rest) = message.as_chunks::<64>();
    if !blocks.is_empty() {
        compress256(&mut state, blocks);
    }
    let mut last = [[0; 64]; 2];
    // The closing bit and the length of 8 bytes stand behind the message.
    let count = if rest.len() < 56 { 1 } else { 2 };
    let bytes = last.as_flattened_mut();
    bytes[..rest.len()].copy_from_slice(rest);
    bytes[rest.len()] = 0x80;
    let bits = (before * 64 + message.len() as u64) * 8;
    bytes[count * 64 - 8..count * 64].copy_from_slice(&bits.to_be_bytes());
    compress256(&mut state, &last[..count]);
    to_hash(state)
}

fn to_hash(state: [u32; 8]) -> Hash {
    let mut hash = [0; 32];
    for (bytes, word) in hash.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    hash
}

/// The root of the tree without leaves, `SHA-256("")`.
pub fn empty_root() -> Hash {
    sha256(b"")
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
        self.push_perfect(0, leaf);
    }

    /// Appends the root of a perfect subtree of 2^`height` leaves. The size so far must be a
    /// multiple of that many leaves, or the tree would not be that of RFC 6962.
    pub(super) fn push_perfect(&mut self, height: u32, root: Hash) {
        debug_assert!(self.size.is_multiple_of(1 << height));
        let mut hash = root;
        // Each bit that is carried over is a perfect subtree that becomes complete.
        for _ in 0..(self.size >> height).trailing_ones() {
            if let Some(left) = self.roots.pop() {
                hash = node(&left, &hash);
            }
        }
        self.roots.push(hash);
        self.size += 1 << height;
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

/// The perfect subtrees that a run of leaves fills in a tree in which some leaves stand before it:
/// what can be hashed of a part of a tree without the other parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    first: u64,
    end: u64,
    /// Height and root of each subtree, from left to right: at most two of each height.
    peaks: Vec<(u32, Hash)>,
}

impl Span {
    /// No leaves yet; `first` leaves stand before.
    pub(super) fn new(first: u64) -> Span {
        Span {
            first,
            end: first,
            peaks: Vec::new(),
        }
    }

    /// Appends a leaf hash.
    pub(super) fn push(&mut self, leaf: Hash) {
        self.end += 1;
        let (mut height, mut hash) = (0, leaf);
        // A node is complete here when it ends at the new leaf and its left child is in the run.
        while self.end.is_multiple_of(2 << height)
            && let Some((_, left)) = self.peaks.pop_if(|(other, _)| *other == height)
        {
            hash = node(&left, &hash);
            height += 1;
        }
        self.peaks.push((height, hash));
    }

    /// The number of leaves before.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The number of leaves.
    pub(super) fn size(&self) -> u64 {
        self.end - self.first
    }

    /// Height and root of each subtree, in the order in which a frontier takes them.
    pub(super) fn peaks(&self) -> &[(u32, Hash)] {
        &self.peaks
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

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

    proptest! {
        #[test]
        fn hashes_are_those_of_the_hasher(bytes: Vec<u8>, left: Hash, right: Hash) {
            // Around the lengths where the padding needs one block more, and others.
            for length in (0..bytes.len()).rev().take(70) {
                let part = &bytes[length..];
                prop_assert_eq!(sha256(part), Hash::from(Sha256::digest(part)));
                let mut buffer = part.to_vec();
                prop_assert_eq!(sha256_of_buffer(&mut buffer), sha256(part));
                prop_assert_eq!(&buffer, part);
                let prefixed = [&[0x00], part].concat();
                prop_assert_eq!(leaf(part), Hash::from(Sha256::digest(prefixed)));
            }
            let whole = [&[0x01], &left[..], &right[..]].concat();
            prop_assert_eq!(node(&left, &right), Hash::from(Sha256::digest(whole)));
        }

        #[test]
        fn spans_in_order_are_the_frontier(cuts in prop::collection::vec(0_u32..40, 0..12)) {
            let leaves = numbered(cuts.iter().sum());
            let mut joined = Frontier::new();
            let mut rest = leaves.as_slice();
            for cut in cuts {
                let (run, after) = rest.split_at(usize::try_from(cut).unwrap());
                rest = after;
                let mut span = Span::new(joined.size());
                run.iter().for_each(|leaf| span.push(*leaf));
                prop_assert_eq!(span.size(), u64::from(cut));
                prop_assert!(span.peaks().len() <= 12);
                for (height, root) in span.peaks() {
                    joined.push_perfect(*height, *root);
                }
            }
            let mut whole = Frontier::new();
            leaves.iter().for_each(|leaf| whole.push(*leaf));
            prop_assert_eq!(joined, whole);
        }
    }
}
