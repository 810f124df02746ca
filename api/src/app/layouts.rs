//! Other bank layouts of a paying account (银行格式): banks revise their tools. Two people change
//! them; what was sent keeps the layout that it was sent in, and how the bank debits never changes.

use bank_adapters::{Profile, Use};
use ledger::id::ProposalId;
use ledger::problem::{Kind, Problem};
use ledger_store::policy;
use ledger_store::write::Write;

use super::policy::invalid;
use super::{Error, not_found};

/// The layouts that an account is to have; an empty one stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewLayouts {
    /// The code of the account.
    pub account: String,
    /// Of batch files (代发文件).
    pub batch: String,
    /// Of returns (回盘).
    pub returned: String,
    /// Of statements (对账单).
    pub statement: String,
}

/// Judges the layouts and, when a confirmed proposal is given, makes them hold.
///
/// # Errors
/// [`Kind::NotFound`] for the account, [`Kind::ProfileUnknown`], [`Kind::FieldInvalid`] for a
/// layout of another use, or when nothing would change.
pub(super) async fn change(
    write: &mut Write,
    profiles: &[Profile],
    new: &NewLayouts,
    proposal: Option<ProposalId>,
) -> Result<(), Error> {
    let book = write.book();
    let accounts = policy::bank_accounts(write.tx(), book).await?;
    let account = accounts.into_iter().find(|known| known.code == new.account);
    let now = account.ok_or_else(|| not_found("账户 bank account", &new.account))?;
    let mut account = now.clone();
    for (field, wanted, usage, layout) in [
        ("batch", &new.batch, Use::Batch, &mut account.batch_profile),
        (
            "return",
            &new.returned,
            Use::Return,
            &mut account.return_profile,
        ),
        (
            "statement",
            &new.statement,
            Use::Statement,
            &mut account.statement_profile,
        ),
    ] {
        if wanted.is_empty() {
            continue;
        }
        let found = profiles.iter().find(|known| known.id == *wanted);
        let found = found.ok_or_else(|| Problem::new(Kind::ProfileUnknown).with("name", wanted))?;
        if found.usage != usage {
            let of = "此用途的银行格式,见 bank-file profiles a layout of this use";
            return Err(invalid(field, wanted, of));
        }
        layout.clone_from(wanted);
    }
    if account == now {
        let wanted = "与现用格式不同的格式 a layout that is not in use already";
        return Err(invalid("layouts", &new.account, wanted));
    }
    match proposal {
        Some(proposal) => Ok(policy::add_layouts(write, &account, proposal).await?),
        None => Ok(()),
    }
}
