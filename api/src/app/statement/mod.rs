//! Statements (对账单): what the bank says moved is matched to what the books expect; refunds come
//! home to the appropriations that they were drawn on.

mod judge;
mod list;
mod taken;
mod withdraw;

use bank_adapters::{is_blocked, read_statement};
use ledger::calendar::Date;
use ledger::disbursement::role::Action;
use ledger::id::StatementId;
use ledger::money::Fen;
use ledger_store::batch;
use ledger_store::boxed;
use ledger_store::policy::{self, BankAccount};
use ledger_store::statement::Statement;
use ledger_store::write::Write;

pub use list::{list, show};
pub(super) use withdraw::Withdraw;

use super::release::{profile, rejected};
use super::view::Report;
use super::{App, Caller, Done, Error, Order, not_found};
use judge::judge;
use taken::Taken;

/// A statement as it came.
#[derive(Clone, Debug, Default)]
pub struct StatementInput {
    /// Code of the account.
    pub account: String,
    /// Its name.
    pub file_name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its layout, when it is not that of the account.
    pub profile: Option<String>,
}

/// Imports a statement of one account.
///
/// # Errors
/// [`ledger::problem::Kind`]: `FileSeen`, `FileRejected`, `StatementFuture` when it ends after
/// today, `StatementOutside` when a movement is not within its days, `StatementBroken` when
/// opening, movements and closing do not add up, `StatementOverlap` and `StatementGap` when it does
/// not follow the one before it.
#[boxed]
pub async fn import(
    app: &App,
    caller: &Caller,
    input: &StatementInput,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("statement.import", Action::ImportStatement)
        .key(key)
        .field("account", input.account.as_str())
        .file(&input.file_name, &input.bytes)
        .field("profile", input.profile.as_deref());
    app.command(caller, order, async |write| {
        let read = Read::of(app, write, input).await?;
        let (name, bytes) = (&input.file_name, &input.bytes);
        let stored = batch::store_file(write, "statement", name, bytes).await?;
        let on = super::period::open_date(write, read.to, app.clock.today()).await?;
        let statement = Statement {
            id: StatementId(write.allot("statement", 1).await?),
            file: stored.id,
            bank_account: read.bank.id,
            from: read.from.to_string(),
            to: read.to.to_string(),
            opening: read.opening,
            closing: read.closing,
            moved: read.moved,
            lines: i64::try_from(read.taken.lines.len()).unwrap_or(i64::MAX),
            content_hash: read.content_hash,
            entry: 0,
            withdrawn: false,
        };
        read.taken
            .store(write, caller, &read.bank, &statement, on)
            .await?;
        Ok(read.summary(Some(statement.id)))
    })
    .await
}

/// What an import would do, without doing it: balances, what each movement is matched to, and what
/// the books go on waiting for.
///
/// # Errors
/// As [`import`].
#[boxed]
pub async fn preview(app: &App, caller: &Caller, input: &StatementInput) -> Result<Report, Error> {
    app.read(caller, Action::ImportStatement)
        .await?
        .rollback()
        .await?;
    let mut write = ledger_store::write::Write::begin(&app.db, caller.book.id).await?;
    let read = Read::of(app, &mut write, input).await;
    write.rollback().await?;
    Ok(list::preview(&read?))
}

/// A statement that was read, judged and matched.
struct Read {
    bank: BankAccount,
    from: Date,
    to: Date,
    opening: Fen,
    closing: Fen,
    moved: Fen,
    content_hash: [u8; 32],
    taken: Taken,
}

impl Read {
    async fn of(app: &App, write: &mut Write, input: &StatementInput) -> Result<Read, Error> {
        let book = write.book();
        let banks = policy::bank_accounts(write.tx(), book).await?;
        let bank = banks.into_iter().find(|bank| bank.code == input.account);
        let bank = bank.ok_or_else(|| not_found("账户 bank account", &input.account))?;
        let layout = input.profile.as_deref().unwrap_or(&bank.statement_profile);
        let (file, findings) = read_statement(profile(app, layout)?, &input.bytes);
        if is_blocked(&findings) {
            return Err(rejected(findings));
        }
        let (from, moved) = judge(write, &bank, &file, app.clock.today()).await?;
        Ok(Read {
            from,
            to: file.to,
            opening: file.opening,
            closing: file.closing,
            moved,
            content_hash: file.content_hash,
            taken: Taken::match_all(write, &bank, &file).await?,
            bank,
        })
    }
}
