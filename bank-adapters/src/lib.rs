//! Bytes of bank files to typed lines, and back.
//!
//! **What it does.** [`write_batch`] makes the file that goes to a bank (代发文件), [`read_batch`]
//! reads it again, [`read_return`] reads the bank's answer (回盘), [`read_statement`] its
//! statement (对账单), [`detect`] tells which layouts a file may have, and [`reason::normalise`]
//! maps the words of a refusal to one dictionary; [`paid_by_absence`] completes an answer that
//! lists failures only; [`read_grid`] reads the spreadsheets that people keep themselves, whatever
//! their layout. Readers give lines *and* findings, each with
//! its line and column; they read on after a fault and drop nothing silently. A file with a
//! blocking finding ([`is_blocked`]) must not be posted from.
//!
//! **What it does not.** No input or output, no database, no clock, no randomness. It does not
//! know which batch a return answers, whether a file was seen before (it gives the content hash
//! to ask by), or whether a statement follows the last one: that is the caller's. It repairs
//! nothing: what does not fit a layout is refused, not altered.
//!
//! **Rules that hold for every layout.**
//! - Text is UTF-8 (strictly) or GB18030, never replaced, decoded before it is split.
//! - An amount passes through no float. The one place where a float is seen is a numeric cell of
//!   a workbook, which is printed in its shortest decimal form and then read as text.
//! - A numeric cell for an account number is a fault: Excel keeps 15 digits.
//! - Every written file is read back and compared before it is given out.
//! - Unknown is not failed: status words that are not listed are pending, with a warning.
//! - Everything has a limit: 200,000 rows, 64 columns, 64 MiB of text, 50 MiB inflated, ratio 200.
//!
//! **How to add a layout.** Write a TOML file in `profiles/` (copy the nearest one), add its name
//! to the list in `profile/mod.rs`, and put a golden file with planted faults into `tests/data`.
//! No code is needed. `docs/profiles.md` says what a profile can say, with a worked example. A
//! user's own TOML text is read by [`Profile::parse`] in the same way, each fault with its line.
//!
//! A layout that is a message (`kind = "xml"` or `"tagged"`) has no columns: it names its `codec`,
//! and gives the bank's constants in `[codes]` by the name of their element, and purpose codes by
//! function code in `[purpose_codes]`. A message that no codec knows is a new file in `codec/`.

mod amount;
mod batch;
mod codec;
mod delimited;
mod detect;
mod encoding;
mod finding;
mod fixed;
mod layout;
mod line;
mod profile;
pub mod reason;
mod record;
mod returns;
mod sheet;
mod statement;
mod table;
mod xml;

pub use batch::{read_batch, write_batch};
pub use detect::{Candidate, candidates, detect};
pub use finding::{Fault, Finding, Severity, is_blocked};
pub use profile::check_file_name;
pub use profile::{
    ANSWER_DAYS_DEFAULT, AmountStyle, ColumnAbout, Doubt, Encoding, Fallback, Kind, Profile, Unit,
    Use,
};
pub use record::{
    AnswerLine, BatchContext, BatchFile, BatchHead, Draw, Instruction, Nature, Outcome, ReturnFile,
    StatementFile, StatementLine, Unlisted,
};
pub use returns::{compare_answer, paid_by_absence, read_return};
pub use sheet::grid::{Grid, GridRow, GridSheet, KeptRow, RowTaker, each_row, heading, read_grid};
pub use statement::read_statement;

/// Refuses a workbook that is no plain, small archive (encrypted, macros, a bomb); the text says
/// why.
///
/// # Errors
/// The reason in both languages.
pub fn check_workbook(bytes: &[u8]) -> Result<(), String> {
    sheet::archive::check(bytes)
}
