//! Policy as data: programs, components, standards, reference amounts, paying accounts, funding
//! rules, days of publication and approval limits, from a TOML file, a workbook or a pack.
//!
//! Each becomes the same rows of text with their places (`draft`), is judged row by row (`check`)
//! and against the book (`plan`), and is stored whole or not at all. What exists already and is
//! the same is left alone, so a file can be extended and imported again; what exists and differs
//! is refused, because a rule is changed by a new date, never in place.

mod check;
mod conditions;
mod draft;
mod list;
mod packs;
mod plan;
mod preview;
mod sheet;
mod words;

use ledger::disbursement::role::Action;
use ledger::problem::{Kind, Place, Problem};
use ledger::program::packs::Pack;
use ledger_store::book::Book;
use ledger_store::boxed;
use ledger_store::write::Write;
use serde_json::{Value, json};

pub(super) use self::check::finding;
pub use self::list::{accounts, list_programs, list_standards};
pub use self::packs::{list_packs, pack, template};
use self::plan::Known;
pub use self::preview::preview;
use super::{App, Caller, Done, Error, Order};

/// A policy file to be imported.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name, for places and for the file that is kept.
    pub file_name: String,
    /// TOML in UTF-8, or a workbook.
    pub bytes: Vec<u8>,
    /// The paying account of the programs of the file that name none.
    pub bank_account: Option<String>,
}

impl Source {
    /// A file of the office.
    pub fn file(file_name: &str, bytes: Vec<u8>) -> Source {
        Source {
            file_name: file_name.to_owned(),
            bytes,
            bank_account: None,
        }
    }

    /// A pack.
    pub fn pack(pack: &Pack) -> Source {
        let name = format!("{}.toml", pack.name);
        Source::file(&name, pack.text.as_bytes().to_vec())
    }

    /// Sets the paying account of the programs that name none.
    #[must_use]
    pub fn paid_from(mut self, code: Option<&str>) -> Source {
        self.bank_account = code.map(str::to_owned);
        self
    }

    /// Its rows. What is wrong with the form of a workbook is added to the faults.
    fn draft(&self, faults: &mut check::Faults) -> Result<draft::Draft, Error> {
        if sheet::is_workbook(&self.bytes) {
            return Ok(sheet::of_workbook(&self.file_name, &self.bytes, faults));
        }
        let text = std::str::from_utf8(&self.bytes)
            .map_err(|_| self.unread("UTF-8 文本或 .xlsx UTF-8 text or .xlsx"))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Ok(draft::of_toml(&self.file_name, text)?)
    }

    fn unread(&self, wanted: &str) -> Error {
        Problem::new(Kind::FieldInvalid)
            .with("field", "文件 file")
            .with("value", &self.file_name)
            .with("wanted", wanted)
            .at(Place {
                file: Some(self.file_name.clone()),
                ..Place::default()
            })
            .into()
    }
}

/// Imports a policy file in TOML: all of it or nothing.
///
/// # Errors
/// As [`import_from`].
#[boxed]
pub async fn import(
    app: &App,
    caller: &Caller,
    file_name: &str,
    text: &str,
    key: Option<String>,
) -> Result<Done, Error> {
    let source = Source::file(file_name, text.as_bytes().to_vec());
    import_from(app, caller, &source, key).await
}

/// Imports policy: all of it or nothing.
///
/// # Errors
/// [`Kind::FieldInvalid`], [`Kind::AlreadyExists`], [`Kind::NotFound`] and
/// [`Kind::ProfileUnknown`] for a single fault, with its place; [`Kind::PolicyFaulty`] with all of
/// them for several.
#[boxed]
pub async fn import_from(
    app: &App,
    caller: &Caller,
    source: &Source,
    key: Option<String>,
) -> Result<Done, Error> {
    let mut order = Order::new("policy.import", Action::ManagePolicy)
        .key(key)
        .file(&source.file_name, &source.bytes);
    if let Some(code) = &source.bank_account {
        order = order.field("bank_account", code.as_str());
    }
    app.command(caller, order, async |write| add(app, write, source).await)
        .await
}

/// Judges a source against the book of the command and adds it.
pub(super) async fn add(app: &App, write: &mut Write, source: &Source) -> Result<Value, Error> {
    let book = write.book();
    let known = Known::read(write.tx(), book).await?;
    let added = judge(app, source, &known)?;
    ledger_store::batch::store_file(write, "policy", &source.file_name, &source.bytes).await?;
    plan::store(write, &added).await?;
    Ok(json!({
        "programs": added.programs.len(),
        "components": added.components.len(),
        "standards": added.standards.len(),
        "references": added.references.len(),
        "bank_accounts": added.bank_accounts.len(),
        "funding_rules": added.funding.len(),
        "funding_open": added.funding_open,
        "payment_days": added.payment_days.len(),
        "eligibility_rules": added.eligibility.len(),
        "publication_rules": added.publications.len(),
        "approval_limits": added.limits.len(),
    }))
}

/// Whether everything that a source says is in the book already.
pub(super) async fn is_known(app: &App, book: &Book, source: &Source) -> Result<bool, Error> {
    let mut tx = app.db.begin_read().await?;
    let known = Known::read(&mut tx, book.id).await?;
    tx.rollback().await?;
    Ok(judge(app, source, &known)?.is_empty())
}

/// What a source adds to the rules that are known.
fn judge(app: &App, source: &Source, known: &Known) -> Result<plan::Added, Error> {
    let mut faults = check::Faults::default();
    let draft = source.draft(&mut faults)?;
    let rules = check::check(&draft, &app.profiles, &mut faults);
    let account = source.bank_account.as_deref();
    let added = plan::plan(known, &rules, account, &mut faults);
    faults.refuse()?;
    Ok(added)
}

/// A field whose value is not what is wanted.
pub fn invalid(field: &str, value: &str, wanted: &str) -> Error {
    Problem::new(Kind::FieldInvalid)
        .with("field", field)
        .with("value", value)
        .with("wanted", wanted)
        .at(Place {
            field: Some(field.to_owned()),
            value: Some(value.to_owned()),
            ..Place::default()
        })
        .into()
}
