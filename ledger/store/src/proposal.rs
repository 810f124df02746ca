//! Changes of rules that one person proposes and another confirms.

use crate::boxed;
use ledger::id::{BookId, ProposalId, UserId};

use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{Row, Tx, Value};
use crate::error::StoreError;
use crate::table;
use crate::write::Write;

sql! {
    PROPOSALS = "select p.proposal_id, p.kind, p.content, p.user_id, p.entry,
        coalesce(d.decision, ''), coalesce(d.user_id, 0), coalesce(d.note, '')
        from rule_proposal p
        left join rule_decision d on d.book_id = p.book_id and d.proposal_id = p.proposal_id
        where p.book_id = $1 order by p.proposal_id";
}

/// A proposed change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Its number.
    pub id: ProposalId,
    /// What it changes: `publication`, `limit` or `level`.
    pub kind: String,
    /// What was asked, as JSON text.
    pub content: String,
    /// Who proposed it.
    pub user: UserId,
    /// Its audit entry; 0 before it is stored.
    pub entry: i64,
    /// What became of it, by whom, and why; none while it is open.
    pub decision: Option<(Decision, UserId, String)>,
}

/// What became of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It holds.
    Confirmed,
    /// It does not.
    Rejected,
}

impl Decision {
    /// As stored.
    pub fn code(self) -> &'static str {
        match self {
            Decision::Confirmed => "confirmed",
            Decision::Rejected => "rejected",
        }
    }

    /// The Chinese name.
    pub fn name(self) -> &'static str {
        match self {
            Decision::Confirmed => "确认",
            Decision::Rejected => "驳回",
        }
    }

    fn from_code(code: &str) -> Option<Decision> {
        [Decision::Confirmed, Decision::Rejected]
            .into_iter()
            .find(|decision| decision.code() == code)
    }
}

/// All proposals, the oldest first.
#[boxed]
pub async fn proposals(tx: &mut Tx, book: BookId) -> Result<Vec<Proposal>, StoreError> {
    let rows = tx.query(PROPOSALS, &[book.get().into()]).await?;
    let proposal = |row: &Row| {
        let decision = Decision::from_code(&row.text(5)?);
        Ok(Proposal {
            id: ProposalId(row.int(0)?),
            kind: row.text(1)?,
            content: row.text(2)?,
            user: UserId(row.int(3)?),
            entry: row.int(4)?,
            decision: match decision {
                Some(decision) => Some((decision, UserId(row.int(6)?), row.text(7)?)),
                None => None,
            },
        })
    };
    rows.iter().map(proposal).collect()
}

/// Stores a proposal and gives its number.
#[boxed]
pub async fn add_proposal(
    write: &mut Write,
    kind: &str,
    content: &str,
    user: UserId,
) -> Result<ProposalId, Failure> {
    let id = write.allot("rule_proposal", 1).await?;
    let row: [Value; 5] = [
        write.book().get().into(),
        id.into(),
        kind.into(),
        content.into(),
        user.get().into(),
    ];
    write.insert_one(&table::RULE_PROPOSAL, row).await?;
    Ok(ProposalId(id))
}

/// Stores what became of a proposal; the database refuses a second decision, and a confirmation by
/// the one who proposed.
///
/// # Errors
/// [`ledger::problem::Kind::TwoPeople`], [`ledger::problem::Kind::ProposalDecided`].
#[boxed]
pub async fn add_decision(
    write: &mut Write,
    id: ProposalId,
    decision: Decision,
    user: UserId,
    note: &str,
) -> Result<(), Failure> {
    let row: [Value; 5] = [
        write.book().get().into(),
        id.get().into(),
        decision.code().into(),
        user.get().into(),
        note.into(),
    ];
    Ok(write.insert_one(&table::RULE_DECISION, row).await?)
}
