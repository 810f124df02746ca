//! Bytes of bank files to typed lines, and back.
//!
//! **What it does.** [`write_batch`] makes the file that goes to a bank (代发文件), [`read_batch`]
//! reads it again, [`read_return`] reads the bank's answer (回盘), [`read_statement`] its
//! statement (对账单), [`detect`] tells which layouts a file may have, and [`reason::normalise`]
//! maps the words of a refusal to one dictionary; [`read_grid`] reads the spreadsheets that people
//! keep themselves, whatever their layout. Readers give lines *and* findings, each with
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
//! No code is needed. A profile says:
//! - `id`, `name`, `source` (where the layout is known from, shown to the user), `confidence`
//!   (`S`, `S-`, `I`), `use` (`batch`, `return`, `statement`), `kind` (`delimited`, `csv`, `xlsx`),
//!   `encoding` for writing, `file_name` and `lines_max` for batches, `answered_by`, `fallback`.
//! - `[amount]`: `unit` (`fen`, `yuan`), the `suffix` and thousands (`grouped`) allowed in reading.
//! - `[text]`: `delimiter`, `closing_delimiter`, `comment`, `end_line`, `line_end`, `date_format`,
//!   literal `head_lines` and `detail_lines`, `skip_lines` (order) or `header_within` (header).
//! - `columns_by`: `order` (fixed places) or `header` (synonyms, any order), and the `[[column]]`s:
//!   `field` or constant `value`, `heads`, `required` (heading), `filled` (cell), `bytes_max`.
//! - `[totals]`: control totals at `head` or `tail`; their row is known by its constant.
//! - `[[preamble]]`: labelled values above the header row.
//! - `[status]`: words of paid and failed where the shared rule does not fit.
//! - `[key]`: where our key is echoed, and its pattern (`#` for digits).
//!
//! A user's own TOML text is read by [`Profile::parse`] in the same way, each fault with its line.

mod amount;
mod batch;
mod delimited;
mod detect;
mod encoding;
mod finding;
mod layout;
mod line;
mod profile;
pub mod reason;
mod record;
mod returns;
mod sheet;
mod statement;
mod table;

pub use batch::{read_batch, write_batch};
pub use detect::detect;
pub use finding::{Fault, Finding, Severity, is_blocked};
pub use profile::{AmountStyle, Encoding, Fallback, Kind, Profile, Unit, Use};
pub use record::{
    AnswerLine, BatchFile, BatchHead, Instruction, Outcome, ReturnFile, StatementFile,
    StatementLine,
};
pub use returns::read_return;
pub use sheet::grid::{Grid, GridRow, GridSheet, heading, read_grid};
pub use statement::read_statement;

/// Refuses a workbook that is no plain, small archive (encrypted, macros, a bomb); the text says
/// why.
///
/// # Errors
/// The reason in both languages.
pub fn check_workbook(bytes: &[u8]) -> Result<(), String> {
    sheet::archive::check(bytes)
}
