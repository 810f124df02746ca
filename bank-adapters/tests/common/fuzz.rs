//! The entries of every reader, for the tests of hostile files and for a fuzzer
//! (`examples/fuzz.rs`).

use std::sync::LazyLock;

use bank_adapters::{
    Finding, GridRow, Profile, RowTaker, candidates, each_row, is_blocked, paid_by_absence,
    read_batch, read_grid, read_return, read_statement, reason,
};

/// Keeps what it is handed.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) lines: Vec<String>,
    pub(crate) expected: usize,
}

impl RowTaker for Kept {
    fn expect(&mut self, rows: usize) {
        self.expected += rows;
    }

    fn sheet(&mut self, name: &str) {
        self.lines.push(format!("sheet {name}"));
    }

    fn found(&mut self, finding: &Finding) {
        let row = finding.place.row.unwrap_or_default();
        self.lines.push(format!("found {} {row}", finding.code));
    }

    fn row(&mut self, row: GridRow<'_>) {
        let kept = row.keep();
        let row = kept.row();
        let cells: Vec<_> = (0..row.width())
            .map(|column| format!("{}{}", row.text(column), row.is_number(column)))
            .collect();
        self.lines
            .push(format!("{} {}", row.line(), cells.join("|")));
    }
}

/// What a fuzzer drives.
pub(crate) type Entry = fn(&[u8]);

/// One entry for each reader. Each takes any bytes, and may do anything but panic, hang or fill the
/// memory; a fuzzer and the tests below drive the same functions.
pub(crate) const ENTRIES: [(&str, Entry); 7] = [
    ("batch", fuzz_batch),
    ("return", fuzz_return),
    ("statement", fuzz_statement),
    ("grid", fuzz_grid),
    ("detect", fuzz_detect),
    ("reason", fuzz_reason),
    ("profile", fuzz_profile),
];

fn fuzz_batch(bytes: &[u8]) {
    for profile in shipped() {
        let _ = read_batch(profile, bytes);
    }
}

fn fuzz_return(bytes: &[u8]) {
    for profile in shipped() {
        let (file, _) = read_return(profile, bytes);
        let _ = paid_by_absence(&[], &file);
    }
}

fn fuzz_statement(bytes: &[u8]) {
    for profile in shipped() {
        let _ = read_statement(profile, bytes);
    }
}

fn fuzz_grid(bytes: &[u8]) {
    let (_, findings) = read_grid(bytes);
    let handed = each_row(bytes, &mut Kept::default());
    assert_eq!(is_blocked(&handed), is_blocked(&findings));
}

fn fuzz_detect(bytes: &[u8]) {
    let _ = candidates(shipped(), bytes);
}

fn fuzz_reason(bytes: &[u8]) {
    let _ = reason::normalise(&String::from_utf8_lossy(bytes));
}

fn fuzz_profile(bytes: &[u8]) {
    let _ = Profile::parse(&String::from_utf8_lossy(bytes), "fuzz");
}

pub(crate) fn shipped() -> &'static [Profile] {
    static SHIPPED: LazyLock<Vec<Profile>> = LazyLock::new(Profile::shipped);
    &SHIPPED
}
