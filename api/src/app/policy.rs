//! Policy as data: programs, components, standards, reference amounts, paying accounts and funding
//! rules, imported from one TOML file.
//!
//! What exists already and is the same is left alone, so a file can be extended and imported
//! again; what exists and differs is refused, because a rule is changed by a new date, never in
//! place.

use std::collections::BTreeSet;

use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::fund::{Funding, Level};
use ledger::id::{BankAccountId, ComponentId, ProgramId, StandardId};
use ledger::money::{Fen, Rounding};
use ledger::problem::{Kind, Place, Problem};
use ledger::program::{Cadence, Component, Formula, Reference, Scope, Standard};
use ledger_store::fund::{self, FundingRule};
use ledger_store::policy::{self, BankAccount, DebitStyle, Program};
use ledger_store::write::Write;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};

use super::view::{Report, Table, words};
use super::{App, Caller, Done, Error, Order};

/// The file, as written by people.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    #[serde(default)]
    reference: Vec<ReferenceText>,
    #[serde(default)]
    bank_account: Vec<BankAccountText>,
    #[serde(default)]
    program: Vec<ProgramText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReferenceText {
    code: String,
    #[expect(dead_code, reason = "a remark for the reader of the file")]
    name: Option<String>,
    from: String,
    amount: String,
    document: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BankAccountText {
    code: String,
    bank_name: String,
    #[serde(default)]
    bank_no: String,
    account_no: String,
    account_name: String,
    debit: String,
    batch_profile: String,
    return_profile: String,
    statement_profile: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProgramText {
    code: String,
    name: String,
    #[serde(default)]
    function_code: String,
    #[serde(default)]
    #[expect(dead_code, reason = "a remark for the reader of the file")]
    cadence: Option<String>,
    funding: Option<FundingText>,
    #[serde(default)]
    component: Vec<ComponentText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FundingText {
    bank_account: String,
    #[serde(default)]
    shares: Vec<ShareText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShareText {
    level: String,
    parts: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ComponentText {
    code: String,
    name: String,
    scope: String,
    months: String,
    #[serde(default)]
    standard: Vec<StandardText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StandardText {
    #[serde(default)]
    tag: String,
    #[expect(dead_code, reason = "a remark for the reader of the file")]
    name: Option<String>,
    from: String,
    formula: String,
    amount: Option<String>,
    of: Option<String>,
    rate: Option<String>,
    rounding: Option<String>,
    document: String,
}

/// Imports a policy file: all of it or nothing.
///
/// # Errors
/// [`Kind::FieldInvalid`] and [`Kind::AlreadyExists`], with the place in the file.
pub async fn import(
    app: &App,
    caller: &Caller,
    file_name: &str,
    text: &str,
    key: Option<String>,
) -> Result<Done, Error> {
    let file = parse(file_name, text);
    let order = Order::new("policy.import", Action::ManagePolicy)
        .key(key)
        .file(file_name, text.as_bytes());
    app.command(caller, order, async |write| {
        let file = file?;
        ledger_store::batch::store_file(write, "policy", file_name, text.as_bytes()).await?;
        let mut added = Added::default();
        add_references(write, &file, &mut added).await?;
        add_bank_accounts(app, write, &file, &mut added).await?;
        add_programs(write, &file, &mut added).await?;
        Ok(json!({
            "programs": added.programs,
            "components": added.components,
            "standards": added.standards,
            "references": added.references,
            "bank_accounts": added.bank_accounts,
            "funding_rules": added.funding_rules,
        }))
    })
    .await
}

#[derive(Debug, Default)]
struct Added {
    programs: u64,
    components: u64,
    standards: u64,
    references: u64,
    bank_accounts: u64,
    funding_rules: u64,
}

fn parse(file_name: &str, text: &str) -> Result<PolicyFile, Problem> {
    toml::from_str(text).map_err(|error| {
        let before = error
            .span()
            .map_or("", |span| text.get(..span.start).unwrap_or(""));
        let row = u64::try_from(before.matches('\n').count()).unwrap_or(0) + 1;
        Problem::new(Kind::FieldInvalid)
            .with("field", "TOML")
            .with("value", error.message())
            .with("wanted", "policy file")
            .at(Place {
                file: Some(file_name.to_owned()),
                row: Some(row),
                ..Place::default()
            })
    })
}

async fn add_references(
    write: &mut Write,
    file: &PolicyFile,
    added: &mut Added,
) -> Result<(), Error> {
    let book = write.book();
    let known = policy::references(write.tx(), book).await?;
    let mut new = Vec::new();
    for text in &file.reference {
        let reference = Reference {
            code: text.code.clone(),
            from: month("reference.from", &text.from)?,
            amount: yuan("reference.amount", &text.amount)?,
        };
        let same = |(other, _): &&(Reference, String)| {
            other.code == reference.code && other.from == reference.from
        };
        match known.iter().find(same) {
            Some((other, _)) if other.amount == reference.amount => {}
            Some(_) => return Err(exists("reference", &text.code)),
            None => new.push((reference, text.document.clone())),
        }
    }
    new.sort_by(|(a, _), (b, _)| (&a.code, a.from).cmp(&(&b.code, b.from)));
    for (reference, document) in &new {
        policy::add_reference(write, reference, document).await?;
        added.references += 1;
    }
    Ok(())
}

async fn add_bank_accounts(
    app: &App,
    write: &mut Write,
    file: &PolicyFile,
    added: &mut Added,
) -> Result<(), Error> {
    let book = write.book();
    let known = policy::bank_accounts(write.tx(), book).await?;
    for text in &file.bank_account {
        for profile in [
            &text.batch_profile,
            &text.return_profile,
            &text.statement_profile,
        ] {
            if !app.profiles.iter().any(|known| &known.id == profile) {
                return Err(Problem::new(Kind::ProfileUnknown)
                    .with("name", profile)
                    .into());
            }
        }
        let existing = known.iter().find(|account| account.code == text.code);
        let id = match existing {
            Some(account) => account.id,
            None => BankAccountId(write.allot("bank_account", 1).await?),
        };
        let account = BankAccount {
            id,
            code: text.code.clone(),
            bank_name: text.bank_name.clone(),
            bank_no: text.bank_no.clone(),
            account_no: text.account_no.clone(),
            account_name: text.account_name.clone(),
            debit_style: DebitStyle::from_code(&text.debit)
                .ok_or_else(|| invalid("bank_account.debit", &text.debit, "whole, succeeded"))?,
            batch_profile: text.batch_profile.clone(),
            return_profile: text.return_profile.clone(),
            statement_profile: text.statement_profile.clone(),
        };
        match existing {
            Some(same) if *same == account => {}
            Some(_) => return Err(exists("bank_account", &text.code)),
            None => {
                policy::add_bank_account(write, &account).await?;
                added.bank_accounts += 1;
            }
        }
    }
    Ok(())
}

async fn add_programs(
    write: &mut Write,
    file: &PolicyFile,
    added: &mut Added,
) -> Result<(), Error> {
    let book = write.book();
    let known = policy::programs(write.tx(), book).await?;
    let mut codes = BTreeSet::new();
    for text in &file.program {
        if !codes.insert(&text.code) {
            return Err(exists("program", &text.code));
        }
        let existing = known.iter().find(|program| program.code == text.code);
        let id = match existing {
            Some(program) if program.name == text.name => program.id,
            Some(_) => return Err(exists("program", &text.code)),
            None => {
                let program = Program {
                    id: ProgramId(write.allot("program", 1).await?),
                    code: text.code.clone(),
                    name: text.name.clone(),
                    function_code: text.function_code.clone(),
                };
                policy::add_program(write, &program).await?;
                added.programs += 1;
                program.id
            }
        };
        add_components(write, id, text, added).await?;
        if let Some(funding) = &text.funding {
            add_funding(write, id, funding, added).await?;
        }
    }
    Ok(())
}

async fn add_components(
    write: &mut Write,
    program: ProgramId,
    file: &ProgramText,
    added: &mut Added,
) -> Result<(), Error> {
    let book = write.book();
    let known = policy::components(write.tx(), book).await?;
    for text in &file.component {
        let mut component = Component {
            id: ComponentId(0),
            program,
            code: text.code.clone(),
            name: text.name.clone(),
            scope: Scope::from_code(&text.scope)
                .ok_or_else(|| invalid("scope", &text.scope, "person, household"))?,
            cadence: Cadence::parse(&text.months)?,
        };
        let same = |other: &&Component| other.program == program && other.code == text.code;
        match known.iter().find(same) {
            Some(other) => {
                component.id = other.id;
                if *other != component {
                    return Err(exists("component", &text.code));
                }
            }
            None => {
                component.id = ComponentId(write.allot("component", 1).await?);
                policy::add_component(write, &component).await?;
                added.components += 1;
            }
        }
        add_standards(write, component.id, text, added).await?;
    }
    Ok(())
}

async fn add_standards(
    write: &mut Write,
    component: ComponentId,
    file: &ComponentText,
    added: &mut Added,
) -> Result<(), Error> {
    let book = write.book();
    let known = policy::standards(write.tx(), book).await?;
    for text in &file.standard {
        let mut standard = Standard {
            id: StandardId(0),
            component,
            tag: text.tag.clone(),
            from: month("standard.from", &text.from)?,
            formula: formula(text)?,
            document: text.document.clone(),
        };
        let same = |other: &&Standard| {
            other.component == component && other.tag == standard.tag && other.from == standard.from
        };
        if let Some(other) = known.iter().find(same) {
            standard.id = other.id;
            if *other != standard {
                return Err(exists("standard", &format!("{} {}", file.code, text.tag)));
            }
            continue;
        }
        standard.id = StandardId(write.allot("standard", 1).await?);
        policy::add_standard(write, &standard).await?;
        added.standards += 1;
    }
    Ok(())
}

async fn add_funding(
    write: &mut Write,
    program: ProgramId,
    text: &FundingText,
    added: &mut Added,
) -> Result<(), Error> {
    let book = write.book();
    let accounts = policy::bank_accounts(write.tx(), book).await?;
    let account = accounts
        .iter()
        .find(|account| account.code == text.bank_account)
        .ok_or_else(|| super::not_found("账户 bank account", &text.bank_account))?;
    let share = |share: &ShareText| {
        let level = Level::from_code(&share.level)
            .ok_or_else(|| invalid("level", &share.level, "central, province, city, county"))?;
        if share.parts <= 0 {
            return Err(invalid("parts", &share.parts.to_string(), "> 0"));
        }
        Ok((level, share.parts))
    };
    let funding = if text.shares.is_empty() {
        Funding::InOrder
    } else {
        Funding::ByShares(
            text.shares
                .iter()
                .map(share)
                .collect::<Result<_, Error>>()?,
        )
    };
    let rules = fund::funding_rules(write.tx(), book).await?;
    let last = rules.iter().find(|rule| rule.program == program);
    let rule = FundingRule {
        program,
        version: last.map_or(1, |rule| rule.version + 1),
        bank_account: account.id,
        funding,
    };
    let same = last
        .is_some_and(|last| last.bank_account == rule.bank_account && last.funding == rule.funding);
    if !same {
        fund::add_funding_rule(write, &rule).await?;
        added.funding_rules += 1;
    }
    Ok(())
}

fn formula(text: &StandardText) -> Result<Formula, Error> {
    let amount = || {
        let amount = text.amount.as_deref().unwrap_or("");
        yuan("standard.amount", amount)
    };
    Ok(match text.formula.as_str() {
        "amount" => Formula::Amount(amount()?),
        "amount-minus-income" => Formula::AmountMinusIncome(amount()?),
        "individual" => Formula::Individual,
        "rate" => {
            let rate = text.rate.as_deref().unwrap_or("");
            let rounding = text.rounding.as_deref().unwrap_or("");
            Formula::Rate {
                of: text
                    .of
                    .clone()
                    .ok_or_else(|| invalid("standard.of", "", "reference code"))?,
                rate: rate
                    .parse::<Decimal>()
                    .map_err(|_| invalid("standard.rate", rate, "0.15"))?,
                rounding: Rounding::from_name(rounding)
                    .ok_or_else(|| invalid("standard.rounding", rounding, "half-up-yuan, …"))?,
            }
        }
        other => {
            let wanted = "amount, amount-minus-income, rate, individual";
            return Err(invalid("standard.formula", other, wanted));
        }
    })
}

fn month(field: &str, text: &str) -> Result<Month, Error> {
    text.parse().map_err(|_| invalid(field, text, "YYYY-MM"))
}

fn yuan(field: &str, text: &str) -> Result<Fen, Error> {
    Fen::parse_yuan(text).map_err(|_| invalid(field, text, "1234.50"))
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

fn exists(what: &str, name: &str) -> Error {
    Problem::new(Kind::AlreadyExists)
        .with("what", what)
        .with("name", name)
        .into()
}

/// The programs with their components.
pub async fn list_programs(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let programs = policy::programs(&mut tx, caller.book.id).await?;
    let components = policy::components(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let mut table = Table::new(
        words("救助项目", "Programs"),
        &[
            ("项目", "program", false),
            ("名称", "name", false),
            ("功能科目", "function code", false),
            ("发放项目", "component", false),
            ("名称", "name", false),
            ("按", "per", false),
            ("月份", "months", false),
        ],
    );
    let mut list = Vec::new();
    for program in &programs {
        let mut of_program = Vec::new();
        for component in components.iter().filter(|c| c.program == program.id) {
            table.row([
                program.code.clone(),
                program.name.clone(),
                program.function_code.clone(),
                component.code.clone(),
                component.name.clone(),
                component.scope.name().to_owned(),
                component.cadence.to_string(),
            ]);
            of_program.push(json!({
                "id": component.code,
                "name": component.name,
                "scope": component.scope.code(),
                "months": component.cadence.to_string(),
            }));
        }
        list.push(json!({
            "id": program.code,
            "name": program.name,
            "function_code": program.function_code,
            "components": of_program,
        }));
    }
    Ok(Report::new(json!({ "programs": list }), vec![table]))
}

/// The standards with their documents.
pub async fn list_standards(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let programs = policy::programs(&mut tx, caller.book.id).await?;
    let components = policy::components(&mut tx, caller.book.id).await?;
    let standards = policy::standards(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let mut table = Table::new(
        words("保障标准", "Standards"),
        &[
            ("项目", "program", false),
            ("发放项目", "component", false),
            ("类别", "tag", false),
            ("起始月", "from", false),
            ("算法", "formula", false),
            ("标准", "standard", true),
            ("文号", "document", false),
        ],
    );
    let mut list: Vec<Value> = Vec::new();
    for standard in &standards {
        let Some(component) = components.iter().find(|c| c.id == standard.component) else {
            continue;
        };
        let program = programs
            .iter()
            .find(|program| program.id == component.program);
        let program = program.map_or("", |program| program.code.as_str());
        let shown = match &standard.formula {
            Formula::Amount(amount) | Formula::AmountMinusIncome(amount) => amount.grouped(),
            Formula::Rate { of, rate, rounding } => format!("{of} × {rate} ({})", rounding.name()),
            Formula::Individual => "—".to_owned(),
        };
        table.row([
            program.to_owned(),
            component.code.clone(),
            standard.tag.clone(),
            standard.from.to_string(),
            standard.formula.name().to_owned(),
            shown.clone(),
            standard.document.clone(),
        ]);
        list.push(json!({
            "program": program,
            "component": component.code,
            "tag": standard.tag,
            "from": standard.from.to_string(),
            "formula": standard.formula.code(),
            "standard": shown,
            "document": standard.document,
        }));
    }
    Ok(Report::new(json!({ "standards": list }), vec![table]))
}
