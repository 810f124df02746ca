//! Programs, components, standards, reference amounts, payment days, rules of eligibility and the
//! agency's bank accounts.

use crate::boxed;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use ledger::calendar::Month;
use ledger::id::{
    AwardId, BankAccountId, BookId, ComponentId, PartyId, ProgramId, ProposalId, StandardId,
};
use ledger::money::{Fen, Rounding};
use ledger::program::eligibility::{AgeOn, Condition, Effect, EligibilityRule, Person, Sex};
use ledger::program::payment_day::PaymentDay;
use ledger::program::{
    Cadence, Component, Facts, Formula, Policy, Quantity, Reference, Scope, Standard,
};
use ledger::roster::IdentityNumber;

use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{Row, Tx, Value};
use crate::error::StoreError;
use crate::table;
use crate::write::Write;

sql! {
    PROGRAMS = "select program_id, code, name, function_code from program
        where book_id = $1 order by program_id";
    COMPONENTS = "select c.component_id, c.program_id, c.code, c.name, c.scope, c.cadence,
        coalesce(d.unit, '') from component c
        left join component_detail d on d.book_id = c.book_id and d.component_id = c.component_id
            and d.version = (select max(n.version) from component_detail n
                where n.book_id = c.book_id and n.component_id = c.component_id)
        where c.book_id = $1 order by c.component_id";
    DETAILS = "select component_id, version, unit, economic_code from component_detail d
        where book_id = $1 and version = (select max(version) from component_detail n
            where n.book_id = d.book_id and n.component_id = d.component_id)
        order by component_id";
    PAYMENT_DAYS = "select program_id, from_month, day, document from payment_day
        where book_id = $1 order by program_id, from_month";
    ELIGIBILITY = "select component_id, from_month, rule_no, effect, tag, age_from, age_to, age_on,
        sex, disability_from, disability_to, document from eligibility_rule
        where book_id = $1 order by component_id, from_month, rule_no";
    PEOPLE = "select a.subject_id, y.reference_no from award i
        cross join award a
        cross join party y
        where i.book_id = $1 and i.component_id = $2
        and a.book_id = i.book_id and a.award_id = i.award_id
        and y.book_id = a.book_id and y.party_id = a.subject_id and y.kind = 'person'";
    DISABILITIES = "select party_id, from_month, grade from person_disability
        where book_id = $1 order by party_id, from_month, version";
    QUANTITIES = "select award_id, quantity_milli from award_quantity where book_id = $1
        order by award_id";
    STANDARDS = "select standard_id, component_id, tag, from_month, formula, amount_fen, rate,
        reference, rounding, document from standard where book_id = $1 order by standard_id";
    REFERENCES = "select code, from_month, amount_fen, document from reference_amount
        where book_id = $1 order by code, from_month";
    BANK_ACCOUNTS = "select a.bank_account_id, a.code, a.bank_name, a.bank_no, a.account_no,
        a.account_name, a.debit_style, coalesce(l.batch_profile, a.batch_profile),
        coalesce(l.return_profile, a.return_profile),
        coalesce(l.statement_profile, a.statement_profile), coalesce(l.version, 0)
        from bank_account a
        left join account_layout l on l.book_id = a.book_id
            and l.bank_account_id = a.bank_account_id
            and l.version = (select max(m.version) from account_layout m
                where m.book_id = a.book_id and m.bank_account_id = a.bank_account_id)
        where a.book_id = $1 order by a.bank_account_id";
}

/// 救助项目.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its number.
    pub id: ProgramId,
    /// `urban-dibao`.
    pub code: String,
    /// 城市最低生活保障.
    pub name: String,
    /// 功能科目.
    pub function_code: String,
}

/// What leaves the agency's account when a batch is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebitStyle {
    /// The whole batch; failures come back as refunds.
    Whole,
    /// Only what succeeded.
    Succeeded,
}

/// The agency's account at a bank, with the layouts that the bank speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BankAccount {
    /// Its number.
    pub id: BankAccountId,
    /// Short code.
    pub code: String,
    /// 开户行.
    pub bank_name: String,
    /// 联行号.
    pub bank_no: String,
    /// The account number.
    pub account_no: String,
    /// The account's name.
    pub account_name: String,
    /// What leaves it when a batch is sent.
    pub debit_style: DebitStyle,
    /// Layout of batch files.
    pub batch_profile: String,
    /// Layout of returns.
    pub return_profile: String,
    /// Layout of statements.
    pub statement_profile: String,
    /// How often its layouts were changed.
    pub layouts: i64,
}

impl DebitStyle {
    /// As stored.
    pub fn code(self) -> &'static str {
        match self {
            DebitStyle::Whole => "whole",
            DebitStyle::Succeeded => "succeeded",
        }
    }

    /// From its code.
    pub fn from_code(code: &str) -> Option<DebitStyle> {
        [DebitStyle::Whole, DebitStyle::Succeeded]
            .into_iter()
            .find(|style| style.code() == code)
    }
}

/// All programs of a book.
#[boxed]
pub async fn programs(tx: &mut Tx, book: BookId) -> Result<Vec<Program>, StoreError> {
    let rows = tx.query(PROGRAMS, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(Program {
                id: ProgramId(row.int(0)?),
                code: row.text(1)?,
                name: row.text(2)?,
                function_code: row.text(3)?,
            })
        })
        .collect()
}

/// All components of a book.
#[boxed]
pub async fn components(tx: &mut Tx, book: BookId) -> Result<Vec<Component>, StoreError> {
    tx.query(COMPONENTS, &[book.get().into()])
        .await?
        .iter()
        .map(component_of)
        .collect()
}

/// All standards of a book.
#[boxed]
pub async fn standards(tx: &mut Tx, book: BookId) -> Result<Vec<Standard>, StoreError> {
    tx.query(STANDARDS, &[book.get().into()])
        .await?
        .iter()
        .map(standard_of)
        .collect()
}

/// All reference amounts with their documents.
#[boxed]
pub async fn references(tx: &mut Tx, book: BookId) -> Result<Vec<(Reference, String)>, StoreError> {
    let rows = tx.query(REFERENCES, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| {
            let reference = Reference {
                code: row.text(0)?,
                from: month(row, 1)?,
                amount: Fen::new(row.int(2)?),
            };
            Ok((reference, row.text(3)?))
        })
        .collect()
}

/// What the book's rules say is due.
#[boxed]
pub async fn policy(tx: &mut Tx, book: BookId) -> Result<Policy, StoreError> {
    policy_with(tx, book, None).await
}

/// What the book's rules say is due of one program: people and pieces of others are not read.
#[boxed]
pub async fn policy_of(
    tx: &mut Tx,
    book: BookId,
    program: ProgramId,
) -> Result<Policy, StoreError> {
    policy_with(tx, book, Some(program)).await
}

async fn policy_with(
    tx: &mut Tx,
    book: BookId,
    program: Option<ProgramId>,
) -> Result<Policy, StoreError> {
    let references = references(tx, book)
        .await?
        .into_iter()
        .map(|(reference, _)| reference);
    let references = references.collect();
    let mut components = components(tx, book).await?;
    let rules = eligibility(tx, book).await?;
    let all = components.clone();
    components.retain(|component| program.is_none_or(|program| component.program == program));
    let facts = facts(tx, book, &components, &rules).await?;
    let policy = Policy::new(all, standards(tx, book).await?, references);
    Ok(policy.with_eligibility(rules, facts))
}

/// What rules ask about the people and awards of some components, and who has died: of people and
/// pieces nothing is read where no rule gives a tag and nothing is counted in pieces.
#[boxed]
pub async fn facts(
    tx: &mut Tx,
    book: BookId,
    components: &[Component],
    rules: &[EligibilityRule],
) -> Result<Facts, StoreError> {
    let mut facts = Facts::default();
    let tagged: HashSet<ComponentId> = (rules.iter())
        .filter(|rule| rule.effect == Effect::Tag)
        .map(|rule| rule.component)
        .collect();
    for component in components.iter().filter(|one| tagged.contains(&one.id)) {
        let args = [book.get().into(), component.id.get().into()];
        tx.stream(PEOPLE, &args, |row| {
            let id = PartyId(row.int(0)?);
            if let Entry::Vacant(unknown) = facts.people.entry(id) {
                let number = IdentityNumber::parse(row.text_ref(1)?)
                    .map_err(|_| StoreError::inconsistent("party", "reference_no"))?;
                unknown.insert(Person::of(&number));
            }
            Ok::<(), StoreError>(())
        })
        .await?;
    }
    if !facts.people.is_empty() {
        for (person, grades) in disabilities(tx, book).await? {
            if let Some(person) = facts.people.get_mut(&person) {
                person.disability = grades;
            }
        }
    }
    if components
        .iter()
        .any(|component| !component.unit.is_empty())
    {
        tx.stream(QUANTITIES, &[book.get().into()], |row| {
            let quantity = Quantity::from_milli(row.int(1)?)
                .ok_or_else(|| StoreError::inconsistent("award_quantity", "quantity_milli"))?;
            facts.quantities.insert(AwardId(row.int(0)?), quantity);
            Ok::<(), StoreError>(())
        })
        .await?;
    }
    for death in crate::roster::deaths(tx, book).await? {
        if let Some(on) = death.on {
            facts.deaths.insert(death.person, Month::of(on));
        }
    }
    Ok(facts)
}

/// The disability grades of a book's people with the months from which they hold, oldest first.
#[boxed]
pub async fn disabilities(
    tx: &mut Tx,
    book: BookId,
) -> Result<HashMap<PartyId, Vec<(Month, i64)>>, StoreError> {
    let mut found: HashMap<PartyId, Vec<(Month, i64)>> = HashMap::new();
    tx.stream(DISABILITIES, &[book.get().into()], |row| {
        let grade = (month(row, 1)?, row.int(2)?);
        found.entry(PartyId(row.int(0)?)).or_default().push(grade);
        Ok::<(), StoreError>(())
    })
    .await?;
    Ok(found)
}

/// What a component says beyond its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComponentDetail {
    /// Version, from 1.
    pub version: i64,
    /// 计量单位 of help in kind; empty for money.
    pub unit: String,
    /// 经济科目; empty when nothing is said of it.
    pub economic_code: String,
}

/// What components say beyond their names.
#[boxed]
pub async fn details(
    tx: &mut Tx,
    book: BookId,
) -> Result<BTreeMap<ComponentId, ComponentDetail>, StoreError> {
    let rows = tx.query(DETAILS, &[book.get().into()]).await?;
    let detail = |row: &Row| {
        let detail = ComponentDetail {
            version: row.int(1)?,
            unit: row.text(2)?,
            economic_code: row.text(3)?,
        };
        Ok((ComponentId(row.int(0)?), detail))
    };
    rows.iter().map(detail).collect()
}

/// Stores a version of what a component says beyond its name.
#[boxed]
pub async fn add_detail(
    write: &mut Write,
    component: ComponentId,
    detail: &ComponentDetail,
) -> Result<(), Failure> {
    let row: [Value; 5] = [
        write.book().get().into(),
        component.get().into(),
        detail.version.into(),
        detail.unit.as_str().into(),
        detail.economic_code.as_str().into(),
    ];
    Ok(write.insert_one(&table::COMPONENT_DETAIL, row).await?)
}

/// By which day of the month each program pays, and from when; see
/// [`ledger::program::payment_day::pay_by`].
#[boxed]
pub async fn payment_days(tx: &mut Tx, book: BookId) -> Result<Vec<PaymentDay>, StoreError> {
    let rows = tx.query(PAYMENT_DAYS, &[book.get().into()]).await?;
    let day = |row: &Row| {
        let day = u32::try_from(row.int(2)?);
        Ok(PaymentDay {
            program: ProgramId(row.int(0)?),
            from: month(row, 1)?,
            day: day.map_err(|_| StoreError::inconsistent("payment_day", "day"))?,
            document: row.text(3)?,
        })
    };
    rows.iter().map(day).collect()
}

/// Stores a payment day.
#[boxed]
pub async fn add_payment_day(write: &mut Write, day: &PaymentDay) -> Result<(), Failure> {
    let row: [Value; 5] = [
        write.book().get().into(),
        day.program.get().into(),
        day.from.to_string().into(),
        i64::from(day.day).into(),
        day.document.as_str().into(),
    ];
    Ok(write.insert_one(&table::PAYMENT_DAY, row).await?)
}

/// All rules of eligibility, by component, month and place.
#[boxed]
pub async fn eligibility(tx: &mut Tx, book: BookId) -> Result<Vec<EligibilityRule>, StoreError> {
    tx.query(ELIGIBILITY, &[book.get().into()])
        .await?
        .iter()
        .map(eligibility_of)
        .collect()
}

/// Stores a rule of eligibility.
#[boxed]
pub async fn add_eligibility(write: &mut Write, rule: &EligibilityRule) -> Result<(), Failure> {
    let condition = &rule.condition;
    let (from, to) = condition.disability.unzip();
    let row: [Value; 13] = [
        write.book().get().into(),
        rule.component.get().into(),
        rule.from.to_string().into(),
        rule.rule_no.into(),
        rule.effect.code().into(),
        rule.tag.as_str().into(),
        condition.age_from.map(i64::from).into(),
        condition.age_to.map(i64::from).into(),
        condition.age_on.code().into(),
        condition.sex.map_or("", Sex::code).into(),
        from.into(),
        to.into(),
        rule.document.as_str().into(),
    ];
    Ok(write.insert_one(&table::ELIGIBILITY_RULE, row).await?)
}

fn eligibility_of(row: &Row) -> Result<EligibilityRule, StoreError> {
    let bad = |column| StoreError::inconsistent("eligibility_rule", column);
    let age = |column: usize, name| -> Result<Option<i32>, StoreError> {
        let age = row.opt_int(column)?.map(i32::try_from);
        age.transpose().map_err(|_| bad(name))
    };
    let sex = row.text(8)?;
    let sex = (!sex.is_empty()).then(|| Sex::from_code(&sex).ok_or_else(|| bad("sex")));
    Ok(EligibilityRule {
        component: ComponentId(row.int(0)?),
        from: month(row, 1)?,
        rule_no: row.int(2)?,
        effect: Effect::from_code(&row.text(3)?).ok_or_else(|| bad("effect"))?,
        tag: row.text(4)?,
        condition: Condition {
            age_from: age(5, "age_from")?,
            age_to: age(6, "age_to")?,
            age_on: AgeOn::from_code(&row.text(7)?).ok_or_else(|| bad("age_on"))?,
            sex: sex.transpose()?,
            disability: row.opt_int(9)?.zip(row.opt_int(10)?),
        },
        document: row.text(11)?,
    })
}

/// The agency's accounts.
#[boxed]
pub async fn bank_accounts(tx: &mut Tx, book: BookId) -> Result<Vec<BankAccount>, StoreError> {
    tx.query(BANK_ACCOUNTS, &[book.get().into()])
        .await?
        .iter()
        .map(bank_account_of)
        .collect()
}

/// Stores a program.
#[boxed]
pub async fn add_program(write: &mut Write, program: &Program) -> Result<(), Failure> {
    let row: [Value; 5] = [
        write.book().get().into(),
        program.id.get().into(),
        program.code.as_str().into(),
        program.name.as_str().into(),
        program.function_code.as_str().into(),
    ];
    Ok(write.insert_one(&table::PROGRAM, row).await?)
}

/// Stores a component.
#[boxed]
pub async fn add_component(write: &mut Write, component: &Component) -> Result<(), Failure> {
    let row: [Value; 7] = [
        write.book().get().into(),
        component.id.get().into(),
        component.program.get().into(),
        component.code.as_str().into(),
        component.name.as_str().into(),
        component.scope.code().into(),
        component.cadence.to_string().into(),
    ];
    Ok(write.insert_one(&table::COMPONENT, row).await?)
}

/// Stores a standard.
#[boxed]
pub async fn add_standard(write: &mut Write, standard: &Standard) -> Result<(), Failure> {
    let (formula, amount, rate, reference, rounding) = match &standard.formula {
        Formula::Amount(amount) => ("amount", Some(*amount), None, None, None),
        Formula::AmountMinusIncome(amount) => {
            ("amount-minus-income", Some(*amount), None, None, None)
        }
        Formula::Rate { of, rate, rounding } => (
            "rate",
            None,
            Some(rate.to_string()),
            Some(of.clone()),
            Some(rounding.name()),
        ),
        Formula::Individual => ("individual", None, None, None, None),
    };
    let row: [Value; 11] = [
        write.book().get().into(),
        standard.id.get().into(),
        standard.component.get().into(),
        standard.tag.as_str().into(),
        standard.from.to_string().into(),
        formula.into(),
        amount.map(Fen::get).into(),
        rate.into(),
        reference.into(),
        rounding.map(str::to_owned).into(),
        standard.document.as_str().into(),
    ];
    Ok(write.insert_one(&table::STANDARD, row).await?)
}

/// Stores reference amounts, in order of code and month.
#[boxed]
pub async fn add_reference(
    write: &mut Write,
    reference: &Reference,
    document: &str,
) -> Result<(), Failure> {
    let row: [Value; 5] = [
        write.book().get().into(),
        reference.code.as_str().into(),
        reference.from.to_string().into(),
        reference.amount.get().into(),
        document.into(),
    ];
    Ok(write.insert_one(&table::REFERENCE_AMOUNT, row).await?)
}

/// Stores a bank account.
#[boxed]
pub async fn add_bank_account(write: &mut Write, account: &BankAccount) -> Result<(), Failure> {
    let row: [Value; 11] = [
        write.book().get().into(),
        account.id.get().into(),
        account.code.as_str().into(),
        account.bank_name.as_str().into(),
        account.bank_no.as_str().into(),
        account.account_no.as_str().into(),
        account.account_name.as_str().into(),
        account.debit_style.code().into(),
        account.batch_profile.as_str().into(),
        account.return_profile.as_str().into(),
        account.statement_profile.as_str().into(),
    ];
    Ok(write.insert_one(&table::BANK_ACCOUNT, row).await?)
}

/// Keeps other layouts of an account, which two people agreed on: what is sent and read from now
/// on.
///
/// # Errors
/// [`ledger::problem::Kind::AlreadyExists`] when somebody else changed them meanwhile.
#[boxed]
pub async fn add_layouts(
    write: &mut Write,
    account: &BankAccount,
    proposal: ProposalId,
) -> Result<(), Failure> {
    let row: [Value; 7] = [
        write.book().get().into(),
        account.id.get().into(),
        (account.layouts + 1).into(),
        account.batch_profile.as_str().into(),
        account.return_profile.as_str().into(),
        account.statement_profile.as_str().into(),
        proposal.get().into(),
    ];
    Ok(write.insert_one(&table::ACCOUNT_LAYOUT, row).await?)
}

/// Reads a column that holds a month.
pub(crate) fn month(row: &Row, column: usize) -> Result<Month, StoreError> {
    row.text(column)?
        .parse()
        .map_err(|_| StoreError::inconsistent("month", "value"))
}

fn component_of(row: &Row) -> Result<Component, StoreError> {
    let bad = |column| StoreError::inconsistent("component", column);
    Ok(Component {
        id: ComponentId(row.int(0)?),
        program: ProgramId(row.int(1)?),
        code: row.text(2)?,
        name: row.text(3)?,
        scope: Scope::from_code(&row.text(4)?).ok_or_else(|| bad("scope"))?,
        cadence: Cadence::parse(&row.text(5)?).map_err(|_| bad("cadence"))?,
        unit: row.text(6)?,
    })
}

fn standard_of(row: &Row) -> Result<Standard, StoreError> {
    let bad = |column| StoreError::inconsistent("standard", column);
    let amount = || -> Result<Fen, StoreError> {
        Ok(Fen::new(row.opt_int(5)?.ok_or_else(|| bad("amount_fen"))?))
    };
    let formula = match row.text(4)?.as_str() {
        "amount" => Formula::Amount(amount()?),
        "amount-minus-income" => Formula::AmountMinusIncome(amount()?),
        "rate" => Formula::Rate {
            of: row.opt_text(7)?.ok_or_else(|| bad("reference"))?,
            rate: row
                .opt_text(6)?
                .and_then(|rate| rate.parse().ok())
                .ok_or_else(|| bad("rate"))?,
            rounding: row
                .opt_text(8)?
                .and_then(|name| Rounding::from_name(&name))
                .ok_or_else(|| bad("rounding"))?,
        },
        "individual" => Formula::Individual,
        _ => return Err(bad("formula")),
    };
    Ok(Standard {
        id: StandardId(row.int(0)?),
        component: ComponentId(row.int(1)?),
        tag: row.text(2)?,
        from: month(row, 3)?,
        formula,
        document: row.text(9)?,
    })
}

fn bank_account_of(row: &Row) -> Result<BankAccount, StoreError> {
    Ok(BankAccount {
        id: BankAccountId(row.int(0)?),
        code: row.text(1)?,
        bank_name: row.text(2)?,
        bank_no: row.text(3)?,
        account_no: row.text(4)?,
        account_name: row.text(5)?,
        debit_style: DebitStyle::from_code(&row.text(6)?)
            .ok_or_else(|| StoreError::inconsistent("bank_account", "debit_style"))?,
        batch_profile: row.text(7)?,
        return_profile: row.text(8)?,
        statement_profile: row.text(9)?,
        layouts: row.int(10)?,
    })
}
