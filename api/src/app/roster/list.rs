//! Rosters as they stand in the books, and what changed between two months; names and numbers
//! masked.

use ledger_store::boxed;
use std::collections::BTreeMap;

use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::id::{BookId, ComponentId, PartyId, ProgramId};
use ledger::money::Fen;
use ledger_store::db::Tx;
use ledger_store::exception::Page;
use ledger_store::policy::{self, Program};
use ledger_store::roster::{self as store, Party};
use serde_json::json;

use super::{mask_account, mask_name};
use crate::app::view::{Report, Table, Words, words};
use crate::app::{App, Caller, Error, not_found};

/// People whose changes a trial import lists.
const WOULD_ROWS: i64 = 100;

/// The roster of a program in a month, masked.
///
/// # Errors
/// `NotFound` for an unknown program; when the caller may not read reports.
#[boxed]
pub async fn list(
    app: &App,
    caller: &Caller,
    program: &str,
    month: Month,
) -> Result<Report, Error> {
    list_page(app, caller, program, month, Page::ALL).await
}

/// A page of it, in the order of the awards; `next` of the document asks for the page after it.
///
/// # Errors
/// As [`list`].
#[boxed]
pub async fn list_page(
    app: &App,
    caller: &Caller,
    program: &str,
    month: Month,
    page: Page,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let programs = policy::programs(&mut tx, book).await?;
    let program = programs
        .iter()
        .find(|known| known.code == program)
        .ok_or_else(|| not_found("项目 program", program))?;
    let components = policy::components(&mut tx, book).await?;
    let rules = policy::policy_of(&mut tx, book, program.id).await?;
    let lines = store::roster_page(&mut tx, book, program.id, month, page).await?;
    tx.rollback().await?;
    let mut table = roster_table(program, month);
    let mut list = Vec::new();
    for line in &lines {
        let award = &line.row.award;
        let component = components.iter().find(|c| c.id == award.component);
        let (code, component) = component.map_or(("", ""), |one| (&one.code, &one.name));
        let due = rules.due(award, month)?;
        let tag = rules.tag_at(award, month)?.unwrap_or("—");
        let quantity = line.row.quantity.map(|quantity| quantity.to_string());
        let (name, number) = (mask_name(&line.name), mask_account(&line.number));
        table.row([
            award.subject.to_string(),
            line.township.clone(),
            name.clone(),
            number.clone(),
            component.to_owned(),
            tag.to_owned(),
            quantity.clone().unwrap_or_default(),
            due.grouped(),
            line.row.basis.clone(),
            mask_name(&line.payee),
        ]);
        list.push(json!({
            "award": award.id.get(),
            "subject": award.subject.get(),
            "name": name,
            "number": number,
            "component": code,
            "tag": tag,
            "quantity": quantity,
            "due_fen": due.get(),
            "individual": award.amount.is_some(),
            "basis": line.row.basis,
            "payee": award.payee.get(),
        }));
    }
    let is_full = i64::try_from(lines.len()).is_ok_and(|count| count >= page.limit);
    let next = lines.last().filter(|_| is_full);
    let next = next.map(|line| line.row.award.id.get());
    Ok(Report::new(
        json!({ "month": month.to_string(), "roster": list, "next": next }),
        vec![table],
    ))
}

fn roster_table(program: &Program, month: Month) -> Table {
    let title = words(
        format!("{} {month} 花名册", program.name),
        format!("Roster {month}"),
    );
    Table::new(
        title,
        &[
            ("编号", "person", true),
            ("乡镇", "township", false),
            ("对象", "subject", false),
            ("证件号", "number", false),
            ("发放项目", "component", false),
            ("类别", "tag", false),
            ("数量", "quantity", true),
            ("本月应发(元)", "due (yuan)", true),
            ("核定依据", "basis", false),
            ("收款人", "payee", false),
        ],
    )
}

/// What changed in a roster between two months: new, gone, raised, lowered, paid to another payee
/// or into another account, renamed or moved; with count and amounts of each kind. Beside the
/// amount, each change says what of account, name and place is another one, and these have counts
/// too. A month's account is the one that the rosters up to that month have brought.
///
/// The totals are of all changes; the list is a page of them by person, and `next` the person after
/// whom to ask for more.
#[boxed]
pub async fn diff(
    app: &App,
    caller: &Caller,
    program: &str,
    (from, to): (Month, Month),
    page: Page,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let programs = policy::programs(&mut tx, book).await?;
    let program = programs
        .iter()
        .find(|known| known.code == program)
        .ok_or_else(|| not_found("项目 program", program))?;
    let sides = sides(&mut tx, book, program.id, (from, to)).await?;
    let besides = besides(&mut tx, book, from, to).await?;
    let title = words(
        format!("{} {from} → {to} 变动", program.name),
        format!("Changes {from} → {to}"),
    );
    let report = changes(&mut tx, book, (title, &sides, &besides, to), page).await?;
    tx.rollback().await?;
    Ok(report)
}

/// The first page of what lies between two states of one month.
pub(super) async fn would_change(
    tx: &mut Tx,
    book: BookId,
    (before, after): (Sides, Sides),
    (besides, month): (&Besides, Month),
) -> Result<Report, Error> {
    let mut sides: BTreeMap<Line, [Side; 2]> = BTreeMap::new();
    for (place, side) in [before, after].into_iter().enumerate() {
        for (line, gets) in side {
            if let Some(of) = sides.entry(line).or_default().get_mut(place) {
                *of = gets;
            }
        }
    }
    let title = words("这份名册带来的变动", "What this roster changes");
    let first = Page {
        after: 0,
        limit: WOULD_ROWS,
    };
    let mut report = changes(tx, book, (title, &sides, besides, month), first).await?;
    // The totals say first what the rows then show.
    report.tables.reverse();
    Ok(report)
}

/// The changes between two sides with their totals, a page of them by person.
async fn changes(
    tx: &mut Tx,
    book: BookId,
    (title, sides, besides, to): (Words, &BTreeMap<Line, [Side; 2]>, &Besides, Month),
    page: Page,
) -> Result<Report, Error> {
    let components = policy::components(tx, book).await?;
    let mut totals: BTreeMap<&str, Total> = BTreeMap::new();
    let mut marks = Marks::default();
    let (mut shown, mut next) = (Vec::new(), None);
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    for ((subject, component), [before, after]) in sides {
        let (subject, component, before, after) = (*subject, *component, *before, *after);
        let beside = besides.of(subject, before, after);
        let Some((zh, code)) = change_of(before, after, beside) else {
            continue;
        };
        marks.add(beside);
        totals
            .entry(code)
            .or_default()
            .add(zh, before.due, after.due)?;
        if subject.get() <= page.after || next.is_some() {
            continue;
        }
        let change = Change {
            subject,
            component,
            what: (zh, code),
            before: before.due,
            after: after.due,
            beside,
        };
        // A person's changes stand together.
        match shown.last().map(|last: &Change| last.subject) {
            Some(last) if shown.len() >= limit && last != subject => next = Some(last),
            _ => shown.push(change),
        }
    }
    let subjects: Vec<PartyId> = shown.iter().map(|change| change.subject).collect();
    let parties = store::parties_of(tx, book, &subjects, Some(to)).await?;
    let mut table = diff_table(title);
    let mut list = Vec::new();
    for change in &shown {
        let component = components.iter().find(|c| c.id == change.component);
        let component = component.map_or(("", ""), |one| (&one.code, &one.name));
        let (code, name) = component;
        table.row(change.row(parties.get(&change.subject), name)?);
        list.push(change.json(code)?);
    }
    let (sums, sum_table) = totals_of(&totals)?;
    let next = next.map(PartyId::get);
    let (marks, mark_table) = (marks.json(), marks.table());
    let json = json!({ "changes": list, "totals": sums, "marks": marks, "next": next });
    Ok(Report::new(json, vec![table, sum_table, mark_table]))
}

/// A subject and what it gets something of.
pub(super) type Line = (PartyId, ComponentId);
/// What each gets.
pub(super) type Sides = BTreeMap<Line, Side>;

/// What each subject gets of each component in two months.
async fn sides(
    tx: &mut Tx,
    book: BookId,
    program: ProgramId,
    (from, to): (Month, Month),
) -> Result<BTreeMap<Line, [Side; 2]>, Error> {
    let mut sides: BTreeMap<Line, [Side; 2]> = BTreeMap::new();
    for (place, month) in [from, to].into_iter().enumerate() {
        for (line, gets) in side(tx, book, program, month).await? {
            if let Some(of) = sides.entry(line).or_default().get_mut(place) {
                *of = gets;
            }
        }
    }
    Ok(sides)
}

/// What each subject gets of each component in a month.
pub(super) async fn side(
    tx: &mut Tx,
    book: BookId,
    program: ProgramId,
    month: Month,
) -> Result<Sides, Error> {
    let rules = policy::policy_of(tx, book, program).await?;
    let mut side = BTreeMap::new();
    store::each_award(tx, book, program, month, |row| {
        let (due, payee) = (rules.due(&row.award, month)?, Some(row.award.payee));
        side.insert(
            (row.award.subject, row.award.component),
            Side { due, payee },
        );
        Ok::<(), Error>(())
    })
    .await?;
    Ok(side)
}

/// A change of what a subject gets of a component.
struct Change {
    subject: PartyId,
    component: ComponentId,
    /// In Chinese and as a code.
    what: (&'static str, &'static str),
    before: Fen,
    after: Fen,
    beside: Beside,
}

impl Change {
    fn row(&self, party: Option<&Party>, component: &str) -> Result<[String; 12], Error> {
        let [account, holder, renamed, moved] = self.beside.marks().map(|holds| match holds {
            true => "是".to_owned(),
            false => String::new(),
        });
        Ok([
            self.what.0.to_owned(),
            self.subject.to_string(),
            party.map_or_else(String::new, |party| party.township.clone()),
            party.map_or_else(String::new, |party| mask_name(&party.name)),
            component.to_owned(),
            self.before.grouped(),
            self.after.grouped(),
            self.after.minus(self.before)?.grouped(),
            account,
            holder,
            renamed,
            moved,
        ])
    }

    fn json(&self, component: &str) -> Result<serde_json::Value, Error> {
        Ok(json!({
            "change": self.what.1,
            "subject": self.subject.get(),
            "component": component,
            "before_fen": self.before.get(),
            "after_fen": self.after.get(),
            "difference_fen": self.after.minus(self.before)?.get(),
            "account_changed": self.beside.account,
            "holder_changed": self.beside.holder,
            "renamed": self.beside.renamed,
            "moved": self.beside.moved,
        }))
    }
}

/// What changed beside the amount.
#[derive(Clone, Copy, Default)]
struct Beside {
    /// 账号变更: the payee's account number.
    account: bool,
    /// 户名变更: the name that the bank has registered for it.
    holder: bool,
    /// 更名: the subject's name.
    renamed: bool,
    /// 迁居: where the subject lives.
    moved: bool,
}

impl Beside {
    /// In the order of [`Marks::NAMES`].
    fn marks(self) -> [bool; 4] {
        [self.account, self.holder, self.renamed, self.moved]
    }
}

/// Whose accounts, names and places changed between two states.
#[derive(Default)]
pub(super) struct Besides {
    pub(super) accounts: BTreeMap<PartyId, store::AccountChange>,
    /// Of each party, whether it was renamed and whether it moved.
    pub(super) parties: BTreeMap<PartyId, (bool, bool)>,
}

impl Besides {
    /// What changed of somebody who was on both rosters.
    fn of(&self, subject: PartyId, before: Side, after: Side) -> Beside {
        let (Some(_), Some(payee)) = (before.payee, after.payee) else {
            return Beside::default();
        };
        let account = self.accounts.get(&payee).copied().unwrap_or_default();
        let (renamed, moved) = self.parties.get(&subject).copied().unwrap_or_default();
        Beside {
            account: account.number,
            holder: account.holder,
            renamed,
            moved,
        }
    }
}

async fn besides(tx: &mut Tx, book: BookId, from: Month, to: Month) -> Result<Besides, Error> {
    let before = taken_until(tx, book, from).await?;
    let after = taken_until(tx, book, to).await?;
    let accounts = store::accounts_changed(tx, book, (before, after)).await?;
    let mut parties = BTreeMap::new();
    let changes = store::parties_changed(tx, book).await?;
    for of_party in changes.chunk_by(|a, b| a.party == b.party) {
        let mut between = of_party.iter();
        let mut between = between
            .by_ref()
            .filter(|one| from < one.from && one.from <= to);
        if let Some(first) = between.next() {
            let last = between.last().unwrap_or(first);
            let renamed = first.names[0] != last.names[1];
            parties.insert(first.party, (renamed, first.areas[0] != last.areas[1]));
        }
    }
    Ok(Besides { accounts, parties })
}

/// How many changes have each mark, whatever else changed.
#[derive(Default)]
struct Marks([i64; 4]);

impl Marks {
    const NAMES: [(&'static str, &'static str); 4] = [
        ("账号变更", "account_changed"),
        ("户名变更", "holder_changed"),
        ("更名", "renamed"),
        ("迁居", "moved"),
    ];

    fn add(&mut self, beside: Beside) {
        for (count, holds) in self.0.iter_mut().zip(beside.marks()) {
            *count += i64::from(holds);
        }
    }

    fn json(&self) -> serde_json::Value {
        let counts = Marks::NAMES.iter().zip(self.0);
        counts
            .map(|((_, code), count)| ((*code).to_owned(), count.into()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    fn table(&self) -> Table {
        let title = words(
            "其中(不论金额是否变动)",
            "Of these, whatever the amount did",
        );
        let columns = [("变动", "change", false), ("条数", "count", true)];
        let mut table = Table::new(title, &columns);
        for ((name, _), count) in Marks::NAMES.iter().zip(self.0) {
            table.row([(*name).to_owned(), count.to_string()]);
        }
        table
    }
}

/// The audit entry of the newest roster, of whatever program, that stands as of a month up to this
/// one; 0 before the first.
async fn taken_until(tx: &mut Tx, book: BookId, until: Month) -> Result<i64, Error> {
    let mut newest = 0;
    for (entry, request) in store::rosters_taken(tx, book).await? {
        let request: serde_json::Value =
            serde_json::from_str(&request).map_err(anyhow::Error::from)?;
        let month: Option<Month> = request["month"].as_str().and_then(|text| text.parse().ok());
        if month.is_some_and(|month| month <= until) {
            newest = entry;
        }
    }
    Ok(newest)
}

/// What one subject gets of one component in a month, and who receives it.
#[derive(Clone, Copy, Default)]
pub(super) struct Side {
    due: Fen,
    payee: Option<PartyId>,
}

/// The changes of one kind together.
#[derive(Default)]
struct Total {
    zh: &'static str,
    count: i64,
    before: Fen,
    after: Fen,
}

impl Total {
    fn add(&mut self, zh: &'static str, before: Fen, after: Fen) -> Result<(), Error> {
        self.zh = zh;
        self.count += 1;
        self.before = self.before.plus(before)?;
        self.after = self.after.plus(after)?;
        Ok(())
    }
}

/// The kind of a change in Chinese and as a code; none when nothing changed.
fn change_of(before: Side, after: Side, beside: Beside) -> Option<(&'static str, &'static str)> {
    Some(match (before.due, after.due) {
        (a, b) if a == b => match (before.payee, after.payee) {
            (Some(a), Some(b)) if a != b => ("收款人变更", "payee-changed"),
            _ if beside.account => ("账号变更", "account-changed"),
            _ if beside.holder => ("户名变更", "holder-changed"),
            _ if beside.renamed => ("更名", "renamed"),
            _ if beside.moved => ("迁居", "moved"),
            _ => return None,
        },
        (Fen::ZERO, _) => ("新增", "new"),
        (_, Fen::ZERO) => ("退出", "gone"),
        (a, b) if b > a => ("提高", "raised"),
        _ => ("降低", "lowered"),
    })
}

/// Count and amounts of each kind of change.
fn totals_of(totals: &BTreeMap<&str, Total>) -> Result<(Vec<serde_json::Value>, Table), Error> {
    let mut table = Table::new(
        words("变动合计", "Totals of changes"),
        &[
            ("变动", "change", false),
            ("条数", "count", true),
            ("上期(元)", "before (yuan)", true),
            ("本期(元)", "after (yuan)", true),
            ("差额(元)", "difference (yuan)", true),
        ],
    );
    let mut list = Vec::new();
    for (code, total) in totals {
        let difference = total.after.minus(total.before)?;
        table.row([
            total.zh.to_owned(),
            total.count.to_string(),
            total.before.grouped(),
            total.after.grouped(),
            difference.grouped(),
        ]);
        list.push(json!({
            "change": code,
            "count": total.count,
            "before_fen": total.before.get(),
            "after_fen": total.after.get(),
            "difference_fen": difference.get(),
        }));
    }
    Ok((list, table))
}

fn diff_table(title: Words) -> Table {
    Table::new(
        title,
        &[
            ("变动", "change", false),
            ("编号", "person", true),
            ("乡镇", "township", false),
            ("对象", "subject", false),
            ("发放项目", "component", false),
            ("上期(元)", "before (yuan)", true),
            ("本期(元)", "after (yuan)", true),
            ("差额(元)", "difference (yuan)", true),
            ("账号变更", "account changed", false),
            ("户名变更", "holder changed", false),
            ("更名", "renamed", false),
            ("迁居", "moved", false),
        ],
    )
}
