//! Files between two steps: what was looked at in a preview is taken in without being chosen again.
//!
//! They are kept in memory only: a preview changes nothing, and personal data that nobody has taken
//! in yet lies in no database. What is too old or too much is dropped, and everything with a
//! restart; the page then asks for the file again.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use ledger::audit::hex::{document_hash, encode};
use ledger::calendar::Moment;

use super::posted::Upload;
use crate::http::UPLOAD_BYTES_MAX;

/// So long is a file kept, in microseconds: a session that is idle ends by then.
const KEPT_MICROS: i64 = 30 * 60_000_000;
/// So many files are kept for one session.
const FILES_MAX: usize = 4;
/// So much is kept for all.
const BYTES_MAX: usize = 4 * UPLOAD_BYTES_MAX;

/// The files that are kept, the oldest first.
#[derive(Default)]
pub struct Shelf {
    files: Mutex<VecDeque<Kept>>,
}

struct Kept {
    owner: String,
    id: String,
    since: Moment,
    upload: Upload,
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Shelf").finish_non_exhaustive()
    }
}

impl Shelf {
    /// Keeps a file for the session of this owner; gives the name by which it is asked for.
    pub fn keep(&self, owner: &str, upload: &Upload, now: Moment) -> String {
        let id = encode(&document_hash(&upload.bytes));
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.retain(|kept| {
            let is_same = kept.owner == owner && kept.id == id;
            !is_same && now.0 - kept.since.0 < KEPT_MICROS
        });
        files.push_back(Kept {
            owner: owner.to_owned(),
            id: id.clone(),
            since: now,
            upload: upload.clone(),
        });
        let own = files.iter().filter(|kept| kept.owner == owner).count();
        if own > FILES_MAX
            && let Some(oldest) = files.iter().position(|kept| kept.owner == owner)
        {
            files.remove(oldest);
        }
        let bytes = |files: &VecDeque<Kept>| -> usize {
            files.iter().map(|kept| kept.upload.bytes.len()).sum()
        };
        while bytes(&files) > BYTES_MAX {
            files.pop_front();
        }
        id
    }

    /// A file of this owner, when it is still there.
    pub fn find(&self, owner: &str, id: &str, now: Moment) -> Option<Upload> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let mut files = files.iter();
        let kept = files.find(|kept| kept.owner == owner && kept.id == id)?;
        (now.0 - kept.since.0 < KEPT_MICROS).then(|| kept.upload.clone())
    }

    /// Drops everything of this owner, who has left.
    pub fn forget(&self, owner: &str) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.retain(|kept| kept.owner != owner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(name: &str, bytes: usize) -> Upload {
        Upload::new("file", name, vec![b'x'; bytes])
    }

    #[test]
    fn a_file_is_its_owners_until_it_is_old_or_too_much() {
        let shelf = Shelf::default();
        let (now, later) = (Moment(0), Moment(KEPT_MICROS));
        let id = shelf.keep("a", &upload("名册.xlsx", 3), now);
        assert_eq!(shelf.find("a", &id, now).unwrap().name, "名册.xlsx");
        assert!(shelf.find("b", &id, now).is_none(), "somebody else's");
        assert!(shelf.find("a", &id, later).is_none(), "too old");
        for bytes in 10..10 + FILES_MAX {
            shelf.keep("a", &upload("more", bytes), now);
        }
        assert!(shelf.find("a", &id, now).is_none(), "too many");
        let id = shelf.keep("b", &upload("left", 5), now);
        shelf.forget("b");
        assert!(shelf.find("b", &id, now).is_none(), "gone with its owner");
        let large: Vec<String> = ["c", "d", "e", "f", "g"]
            .iter()
            .map(|owner| shelf.keep(owner, &upload("large", UPLOAD_BYTES_MAX), now))
            .collect();
        assert!(shelf.find("c", &large[0], now).is_none(), "too much");
        assert!(shelf.find("g", &large[4], now).is_some());
    }
}
