//! Appropriations and how programs are funded.

use crate::boxed;
use ledger::account::Chart;
use ledger::calendar::{Date, Month};
use ledger::fund::{Funding, Level, Lot};
use ledger::id::{AppropriationId, BankAccountId, BookId, ProgramId};
use ledger::money::Fen;

use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{Row, Tx, Value};
use crate::error::StoreError;
use crate::table;
use crate::write::Write;

sql! {
    APPROPRIATIONS = "select appropriation_id, document, level, budget_year, function_code,
        program_id, bank_account_id, amount_fen, received_on, priority, entry from appropriation
        where book_id = $1 order by priority, appropriation_id";
    FUNDING_RULES = "select program_id, version, bank_account_id, mode, shares from funding_rule r
        where book_id = $1 and version = (select max(version) from funding_rule n
            where n.book_id = r.book_id and n.program_id = r.program_id)
        order by program_id";
    MONTHS_OF = "select m.month, m.debit_fen - m.credit_fen from account k
        join account_month m on m.book_id = k.book_id and m.account_id = k.account_id
        where k.book_id = $1 and k.code = $2 and k.bank_account_id = $3
        and k.appropriation_id = $4 and k.program_id = 0 and k.component_id = 0
        order by m.month";
    LOTS = "select a.appropriation_id, a.level,
        cast(coalesce(t.debit_fen - t.credit_fen, 0) as bigint) from appropriation a
        left join account k on k.book_id = a.book_id and k.code = $4
            and k.bank_account_id = a.bank_account_id and k.appropriation_id = a.appropriation_id
            and k.program_id = 0 and k.component_id = 0
        left join account_total t on t.book_id = k.book_id and t.account_id = k.account_id
        where a.book_id = $1 and a.program_id = $2 and a.bank_account_id = $3
        order by a.priority, a.appropriation_id";
}

/// 指标: one quota letter for one program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appropriation {
    /// Its number.
    pub id: AppropriationId,
    /// 文号.
    pub document: String,
    /// Who granted it.
    pub level: Level,
    /// Budget year.
    pub budget_year: i64,
    /// 功能科目.
    pub function_code: String,
    /// The program that it pays for.
    pub program: ProgramId,
    /// The account that it arrived in.
    pub bank_account: BankAccountId,
    /// The amount.
    pub amount: Fen,
    /// When it arrived.
    pub received_on: Date,
    /// Lower is drawn first.
    pub priority: i64,
    /// Its audit entry; 0 before it is stored.
    pub entry: i64,
}

/// How a program is paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FundingRule {
    /// The program.
    pub program: ProgramId,
    /// Version of the rule.
    pub version: i64,
    /// The paying account.
    pub bank_account: BankAccountId,
    /// In order, or by the shares of each level.
    pub funding: Funding,
}

/// All appropriations in funding order.
#[boxed]
pub async fn appropriations(tx: &mut Tx, book: BookId) -> Result<Vec<Appropriation>, StoreError> {
    tx.query(APPROPRIATIONS, &[book.get().into()])
        .await?
        .iter()
        .map(appropriation_of)
        .collect()
}

/// Stores an appropriation.
#[boxed]
pub async fn add_appropriation(write: &mut Write, a: &Appropriation) -> Result<(), Failure> {
    let row: [Value; 11] = [
        write.book().get().into(),
        a.id.get().into(),
        a.document.as_str().into(),
        a.level.code().into(),
        a.budget_year.into(),
        a.function_code.as_str().into(),
        a.program.get().into(),
        a.bank_account.get().into(),
        a.amount.get().into(),
        a.received_on.to_string().into(),
        a.priority.into(),
    ];
    Ok(write.insert_one(&table::APPROPRIATION, row).await?)
}

/// The funding rules in force.
#[boxed]
pub async fn funding_rules(tx: &mut Tx, book: BookId) -> Result<Vec<FundingRule>, StoreError> {
    tx.query(FUNDING_RULES, &[book.get().into()])
        .await?
        .iter()
        .map(rule_of)
        .collect()
}

/// Stores a version of a funding rule.
#[boxed]
pub async fn add_funding_rule(write: &mut Write, rule: &FundingRule) -> Result<(), Failure> {
    let (mode, shares) = match &rule.funding {
        Funding::InOrder => ("in-order", String::new()),
        Funding::ByShares(shares) => {
            let parts: Vec<String> = shares
                .iter()
                .map(|(level, parts)| format!("{}={parts}", level.code()))
                .collect();
            ("by-shares", parts.join(","))
        }
    };
    let row: [Value; 6] = [
        write.book().get().into(),
        rule.program.get().into(),
        rule.version.into(),
        rule.bank_account.get().into(),
        mode.into(),
        shares.into(),
    ];
    Ok(write.insert_one(&table::FUNDING_RULE, row).await?)
}

/// What each appropriation of a program still holds, in funding order.
#[boxed]
pub async fn lots(
    tx: &mut Tx,
    book: BookId,
    program: ProgramId,
    bank_account: BankAccountId,
) -> Result<Vec<Lot>, StoreError> {
    let code = Chart::Bank.code();
    let args = [
        book.get().into(),
        program.get().into(),
        bank_account.get().into(),
        code.into(),
    ];
    let rows = tx.query(LOTS, &args).await?;
    rows.iter()
        .map(|row| {
            Ok(Lot {
                appropriation: AppropriationId(row.int(0)?),
                level: level(row, 1)?,
                available: Fen::new(row.int(2)?),
            })
        })
        .collect()
}

/// The least that an appropriation held at the end of a month or of any later one.
#[boxed]
pub async fn least_since(
    tx: &mut Tx,
    book: BookId,
    letter: &Appropriation,
    since: Month,
) -> Result<Fen, StoreError> {
    let args = [
        book.get().into(),
        Chart::Bank.code().into(),
        letter.bank_account.get().into(),
        letter.id.get().into(),
    ];
    let (mut held, mut least) = (0_i64, None);
    for row in tx.query(MONTHS_OF, &args).await? {
        let month = crate::policy::month(&row, 0)?;
        if month > since {
            least = Some(least.map_or(held, |least: i64| least.min(held)));
        }
        let moved = held.checked_add(row.int(1)?);
        held = moved.ok_or_else(|| StoreError::inconsistent("account_month", "debit_fen"))?;
    }
    Ok(Fen::new(least.map_or(held, |least| least.min(held))))
}

fn level(row: &Row, column: usize) -> Result<Level, StoreError> {
    Level::from_code(&row.text(column)?)
        .ok_or_else(|| StoreError::inconsistent("appropriation", "level"))
}

fn appropriation_of(row: &Row) -> Result<Appropriation, StoreError> {
    Ok(Appropriation {
        id: AppropriationId(row.int(0)?),
        document: row.text(1)?,
        level: level(row, 2)?,
        budget_year: row.int(3)?,
        function_code: row.text(4)?,
        program: ProgramId(row.int(5)?),
        bank_account: BankAccountId(row.int(6)?),
        amount: Fen::new(row.int(7)?),
        received_on: ledger::calendar::parse_date(&row.text(8)?)
            .map_err(|_| StoreError::inconsistent("appropriation", "received_on"))?,
        priority: row.int(9)?,
        entry: row.int(10)?,
    })
}

fn rule_of(row: &Row) -> Result<FundingRule, StoreError> {
    let bad = || StoreError::inconsistent("funding_rule", "shares");
    let share = |part: &str| {
        let (level, parts) = part.split_once('=')?;
        Some((Level::from_code(level)?, parts.parse().ok()?))
    };
    let funding = match row.text(3)?.as_str() {
        "in-order" => Funding::InOrder,
        _ => Funding::ByShares(
            row.text(4)?
                .split(',')
                .map(share)
                .collect::<Option<_>>()
                .ok_or_else(bad)?,
        ),
    };
    Ok(FundingRule {
        program: ProgramId(row.int(0)?),
        version: row.int(1)?,
        bank_account: BankAccountId(row.int(2)?),
        funding,
    })
}
