//! What changed policy would do, before it is imported: the calculation of runs, done once with the
//! rules as they are and once with the new ones in memory. Nothing is stored.

use ledger_store::boxed;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use ledger::calendar::{Date, Month};
use ledger::disbursement::due::{Accrued, Line, difference};
use ledger::disbursement::role::Action;
use ledger::fund::plan as draw;
use ledger::id::{ComponentId, PartyId, ProgramId};
use ledger::money::Fen;
use ledger::problem::Kind;
use ledger::program::{Component, Formula, Policy};
use ledger::roster::Award;
use ledger_store::db::Tx;
use ledger_store::policy::Program;
use ledger_store::{fund, payment, roster as parties, year};
use serde_json::{Value, json};

use super::plan::{Added, Known};
use super::{Source, judge};
use crate::app::roster::{mask_account, mask_name};
use crate::app::run::{Home, by_household};
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error};

/// What the change does to one component.
#[derive(Debug, Default)]
struct Effect {
    people: BTreeSet<PartyId>,
    households: BTreeSet<PartyId>,
    /// Due in the month of the preview to those who are touched, before and after.
    before: Fen,
    after: Fen,
    /// What the months that regular pay does not reach any more come to.
    back: BTreeMap<Month, Fen>,
}

/// What it does to one program.
#[derive(Debug)]
struct Touched<'a> {
    program: &'a Program,
    /// The first month that changes.
    first: Month,
    components: BTreeMap<ComponentId, Effect>,
    /// Back pay, and more in a month, of each person.
    who: BTreeMap<(PartyId, ComponentId), (Fen, Fen)>,
    /// What runs in arrears pay out: what some payees were paid too much is no money for others.
    more: Fen,
}

/// Says who would be touched by the rules of a source in a month (this one when none is given): how
/// many, how much more or less a month, from which fund, back to which month, and what the back pay
/// comes to.
///
/// # Errors
/// As [`super::import_from`], and what a calculation of a run would be refused for.
#[boxed]
pub async fn preview(
    app: &App,
    caller: &Caller,
    source: &Source,
    month: Option<Month>,
) -> Result<Report, Error> {
    let month = month.unwrap_or_else(|| Month::of(app.clock.today()));
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let report = previewed(app, &mut tx, caller, source, month).await;
    tx.rollback().await?;
    report
}

async fn previewed(
    app: &App,
    tx: &mut Tx,
    caller: &Caller,
    source: &Source,
    month: Month,
) -> Result<Report, Error> {
    let book = caller.book.id;
    let known = Known::read(tx, book).await?;
    let added = judge(app, source, &known)?;
    let rules = known.policies(tx, book, &added).await?;
    let mut all = Vec::new();
    for program in &known.programs {
        let Some(first) = first_change(&known, &added, program.id) else {
            continue;
        };
        // A change to come is shown as of the month in which it comes.
        let last = first.max(month);
        let found = payment::entitlements(tx, book, program.id, first, last).await?;
        let mut touched = Touched {
            program,
            first,
            components: BTreeMap::new(),
            who: BTreeMap::new(),
            more: Fen::ZERO,
        };
        for home in by_household(found) {
            touched.home(&rules, &home, last)?;
        }
        all.push(touched);
    }
    let mut report = report(&known, &all, month)?;
    add_funds(tx, (caller, app.clock.today()), &known, &all, &mut report).await?;
    add_who(tx, caller, &known, &all, &mut report).await?;
    Ok(report)
}

/// The first month in which an added standard, rule of eligibility or reference amount bears on a
/// program.
fn first_change(known: &Known, added: &Added, program: ProgramId) -> Option<Month> {
    let components: BTreeSet<ComponentId> = known
        .components
        .iter()
        .filter(|component| component.program == program)
        .map(|component| component.id)
        .collect();
    let standards = || {
        let all = known.standards.iter().chain(&added.standards);
        all.filter(|standard| components.contains(&standard.component))
    };
    let new = added.standards.iter();
    let new = new.filter(|standard| components.contains(&standard.component));
    let amounts = added.references.iter().filter(|(reference, _)| {
        standards().any(|standard| {
            matches!(&standard.formula, Formula::Rate { of, .. } if *of == reference.code)
        })
    });
    let conditions = added.eligibility.iter();
    let conditions = conditions.filter(|rule| components.contains(&rule.component));
    new.map(|standard| standard.from)
        .chain(conditions.map(|rule| rule.from))
        .chain(amounts.map(|(reference, _)| reference.from))
        .min()
}

type Key = (Month, PartyId, ComponentId);

impl Touched<'_> {
    /// Adds what changes for one household up to the month `last`, in which money is regular.
    fn home(
        &mut self,
        (before, after): &(Policy, Policy),
        home: &Home,
        last: Month,
    ) -> Result<(), Error> {
        let (known, paid) = with_standards(before, home, self.first, last);
        let old = difference(before, &known, &paid, self.first, last, last)?;
        let new = difference(after, &home.awards, &home.accrued, self.first, last, last)?;
        let mut accrued: HashMap<Key, Fen> = HashMap::new();
        for row in &home.accrued {
            let sum = accrued
                .entry((row.month, row.subject, row.component))
                .or_default();
            *sum = sum.plus(row.amount)?;
        }
        let mut cells: BTreeMap<Key, (Fen, Fen, &Line)> = BTreeMap::new();
        for line in &old {
            cells.insert(key(line), (line.amount, Fen::ZERO, line));
        }
        for line in &new {
            let cell = (Fen::ZERO, Fen::ZERO, line);
            cells.entry(key(line)).or_insert(cell).1 = line.amount;
        }
        // As a run does it: a payee's cuts are set against the same payee's raises, never more.
        let mut by_payee: BTreeMap<PartyId, Fen> = BTreeMap::new();
        for (key, (old, new, line)) in cells {
            if old != new {
                let paid = accrued.get(&key).copied();
                let back = self.cell(key, line.household, (old, new), paid, last)?;
                let sum = by_payee.entry(line.payee).or_default();
                *sum = sum.plus(back)?;
            }
        }
        let paid_out = by_payee.into_values().filter(|sum| *sum > Fen::ZERO);
        self.more = self.more.plus(Fen::sum(paid_out)?)?;
        Ok(())
    }

    /// Adds one cell and gives its back pay.
    fn cell(
        &mut self,
        (month, subject, component): Key,
        household: PartyId,
        (old, new): (Fen, Fen),
        paid: Option<Fen>,
        last: Month,
    ) -> Result<Fen, Error> {
        let change = new.minus(old)?;
        let effect = self.components.entry(component).or_default();
        effect.people.insert(subject);
        effect.households.insert(household);
        let who = self.who.entry((subject, component)).or_default();
        if month == last {
            let paid = paid.unwrap_or_default();
            effect.before = effect.before.plus(old)?.plus(paid)?;
            effect.after = effect.after.plus(new)?.plus(paid)?;
            who.1 = who.1.plus(change)?;
        }
        if month >= last && paid.is_none() {
            return Ok(Fen::ZERO);
        }
        let sum = effect.back.entry(month).or_default();
        *sum = sum.plus(change)?;
        who.0 = who.0.plus(change)?;
        Ok(change)
    }
}

fn key(line: &Line) -> Key {
    (line.month, line.subject, line.component)
}

/// The awards for which the old rules have a standard, with what was paid for them: an award that
/// waits for its first standard was due nothing.
fn with_standards(
    rules: &Policy,
    home: &Home,
    first: Month,
    last: Month,
) -> (Vec<Award>, Vec<Accrued>) {
    let ruled = |award: &&Award| {
        first
            .through(last)
            .all(|month| rules.due(award, month).is_ok())
    };
    let awards: Vec<Award> = home.awards.iter().filter(ruled).cloned().collect();
    let paid = home.accrued.iter().filter(|row| {
        let mut awards = awards.iter();
        awards.any(|award| (award.subject, award.component) == (row.subject, row.component))
    });
    let paid = paid.copied().collect();
    (awards, paid)
}

fn named(components: &[Component], id: ComponentId) -> (&str, &str) {
    let found = components.iter().find(|component| component.id == id);
    found.map_or(("", ""), |one| (one.code.as_str(), one.name.as_str()))
}

fn report(known: &Known, all: &[Touched<'_>], month: Month) -> Result<Report, Error> {
    let mut table = Table::new(
        words(
            format!("政策变动预览({month})"),
            format!("Change of policy, {month}"),
        ),
        &[
            ("项目", "program", false),
            ("发放项目", "component", false),
            ("名称", "name", false),
            ("人数", "people", true),
            ("户数", "households", true),
            ("原月发", "a month before", true),
            ("新月发", "a month after", true),
            ("每月增减", "change a month", true),
            ("追溯至", "back to", false),
            ("补发", "back pay", true),
        ],
    );
    let mut list: Vec<Value> = Vec::new();
    for touched in all {
        for (id, effect) in &touched.components {
            let (code, name) = named(&known.components, *id);
            let back = Fen::sum(effect.back.values().copied())?;
            let change = effect.after.minus(effect.before)?;
            let first = effect.back.keys().next().copied().unwrap_or(touched.first);
            table.row([
                touched.program.code.clone(),
                code.to_owned(),
                name.to_owned(),
                effect.people.len().to_string(),
                effect.households.len().to_string(),
                effect.before.grouped(),
                effect.after.grouped(),
                change.grouped(),
                first.to_string(),
                back.grouped(),
            ]);
            let months = effect.back.iter();
            let months = months.map(
                |(month, amount)| json!({ "month": month.to_string(), "amount_fen": amount.get() }),
            );
            list.push(json!({
                "program": touched.program.code,
                "component": code,
                "people": effect.people.len(),
                "households": effect.households.len(),
                "before_fen": effect.before.get(),
                "after_fen": effect.after.get(),
                "change_fen": change.get(),
                "back_to": first.to_string(),
                "back_pay_fen": back.get(),
                "months": months.collect::<Vec<_>>(),
            }));
        }
    }
    let json = json!({ "month": month.to_string(), "effects": list });
    Ok(Report::new(json, vec![table]))
}

/// From which appropriations the back pay of each program would be drawn today, or what is missing.
async fn add_funds(
    tx: &mut Tx,
    (caller, on): (&Caller, Date),
    known: &Known,
    all: &[Touched<'_>],
    report: &mut Report,
) -> Result<(), Error> {
    let book = caller.book.id;
    let letters = fund::appropriations(tx, book).await?;
    let mut table = Table::new(
        words("补发资金来源", "Funds of the back pay"),
        &[
            ("项目", "program", false),
            ("账户", "account", false),
            ("级次", "level", false),
            ("指标文号", "document", false),
            ("金额", "amount", true),
        ],
    );
    let mut list: Vec<Value> = Vec::new();
    let mut add = |row: [String; 5], amount: Fen, missing: bool| {
        list.push(json!({
            "program": row[0], "bank_account": row[1], "level": row[2], "document": row[3],
            "amount_fen": amount.get(), "missing": missing,
        }));
        table.row(row);
    };
    for touched in all {
        let back = touched.more;
        let code = touched.program.code.clone();
        let mut rules = known.funding.iter();
        let rule = rules.find(|rule| rule.program == touched.program.id);
        let Some(rule) = rule.filter(|_| back > Fen::ZERO) else {
            continue;
        };
        let account = (known.bank_accounts.iter()).find(|one| one.id == rule.bank_account);
        let account = account.map_or_else(String::new, |account| account.code.clone());
        let of = i64::from(Month::of(on).year());
        let lots = year::lots(tx, book, (rule.program, rule.bank_account), (of, on)).await?;
        match draw(&rule.funding, &lots, back) {
            Ok(drawn) => {
                for (id, amount) in drawn.totals() {
                    let letter = letters.iter().find(|letter| letter.id == *id);
                    let level = letter.map_or("", |letter| letter.level.name()).to_owned();
                    let document = letter.map_or_else(String::new, |one| one.document.clone());
                    let row = [code.clone(), account.clone(), level, document];
                    let [a, b, c, d] = row;
                    add([a, b, c, d, amount.grouped()], *amount, false);
                }
            }
            Err(problem) if problem.kind == Kind::FundsMissing => {
                let missing = problem.values.iter().find(|(name, _)| *name == "missing");
                let amount = missing.map_or("0", |(_, value)| value.as_str());
                let amount = Fen::parse_yuan(amount).unwrap_or(back);
                let row = [
                    code,
                    account,
                    String::new(),
                    "缺口 missing".to_owned(),
                    amount.grouped(),
                ];
                add(row, amount, true);
            }
            Err(problem) => return Err(problem.into()),
        }
    }
    report.json["funds"] = list.into();
    report.tables.push(table);
    Ok(())
}

/// Everybody who is touched, masked.
async fn add_who(
    tx: &mut Tx,
    caller: &Caller,
    known: &Known,
    all: &[Touched<'_>],
    report: &mut Report,
) -> Result<(), Error> {
    let parties = parties::parties(tx, caller.book.id).await?;
    let parties: HashMap<PartyId, _> = parties.iter().map(|party| (party.id, party)).collect();
    let mut table = Table::new(
        words("涉及人员", "Who is touched"),
        &[
            ("项目", "program", false),
            ("乡镇", "township", false),
            ("姓名", "name", false),
            ("证件或档案号", "number", false),
            ("发放项目", "component", false),
            ("每月增减", "change a month", true),
            ("补发", "back pay", true),
        ],
    );
    let mut list: Vec<Value> = Vec::new();
    for touched in all {
        for ((subject, component), (back, change)) in &touched.who {
            let party = parties.get(subject);
            let township = party.map_or("", |party| party.township.as_str());
            let name = party.map_or_else(String::new, |party| mask_name(&party.name));
            let number = party.map_or_else(String::new, |party| mask_account(&party.reference_no));
            let (code, _) = named(&known.components, *component);
            list.push(json!({
                "program": touched.program.code, "township": township, "name": name,
                "number": number, "component": code,
                "change_fen": change.get(), "back_pay_fen": back.get(),
            }));
            table.row([
                touched.program.code.clone(),
                township.to_owned(),
                name,
                number,
                code.to_owned(),
                change.grouped(),
                back.grouped(),
            ]);
        }
    }
    report.json["who"] = list.into();
    report.tables.push(table);
    Ok(())
}
