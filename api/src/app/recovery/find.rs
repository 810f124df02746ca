//! Who was overpaid: due minus accrued below zero, month by month, and in which year it was booked.

use ledger_store::boxed;
use std::collections::{BTreeMap, HashMap, HashSet};

use ledger::calendar::Month;
use ledger::disbursement::due::{Line, difference};
use ledger::disbursement::recovery::by_year;
use ledger::disbursement::role::Action;
use ledger::id::{BookId, ComponentId, PartyId, ProgramId, RecoveryId};
use ledger::money::{Fen, MoneyError};
use ledger::problem::{Kind, Problem};
use ledger::roster::Award;
use ledger_store::db::Tx;
use ledger_store::overpaid::{self as booked, Booked, Unpaid};
use ledger_store::payment::Entitlements;
use ledger_store::recovery::{self as store, Cell, Recovery, RecoveryLine};
use ledger_store::write::Write;
use ledger_store::{payment, policy, roster};
use serde_json::{Value, json};

use crate::app::report::Names;
use crate::app::roster::{mask_account, mask_name};
use crate::app::run::{Home, by_household};
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error, not_found};

/// A subject, component and month of which more was accrued than is due.
pub(super) struct Overpaid {
    /// Where the household lives.
    pub(super) area: i64,
    /// The difference; its amount is below zero.
    pub(super) line: Line,
    /// What was accrued.
    accrued: Fen,
    /// The years whose expense it was, newest first, with how much of each.
    years: Vec<(i32, Fen)>,
    /// Whether it can be recovered now.
    pub(super) state: Found,
}

/// Whether an overpayment can be recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is paid out and nobody has proposed it yet.
    Recoverable,
    /// It is proposed.
    Proposed(RecoveryId),
    /// A payment of it has not reached anybody: what was not received is not owed back.
    Unpaid(Unpaid),
}

impl Found {
    /// Whether a recovery can be proposed of it.
    pub(super) fn is_recoverable(self) -> bool {
        self == Found::Recoverable
    }

    fn code(self) -> &'static str {
        match self {
            Found::Recoverable => "recoverable",
            Found::Proposed(_) => "proposed",
            Found::Unpaid(unpaid) if unpaid.approved => "not-paid",
            Found::Unpaid(_) => "not-approved",
        }
    }

    fn words(self) -> String {
        match self {
            Found::Recoverable => "可追缴 recoverable".to_owned(),
            Found::Proposed(id) => format!("已提出追缴 {id} proposed"),
            Found::Unpaid(unpaid) if unpaid.approved => {
                format!("明细 {} 未发放成功 not paid", unpaid.payment)
            }
            Found::Unpaid(unpaid) => format!("批次 {} 未审批 run not approved", unpaid.run),
        }
    }
}

impl Overpaid {
    /// How much too much; more than zero.
    pub(super) fn amount(&self) -> Result<Fen, MoneyError> {
        Fen::ZERO.minus(self.line.amount)
    }

    fn cell(&self) -> Cell {
        (self.line.subject, self.line.component, self.line.month)
    }
}

/// Everything that a program overpaid for these months, by month, household, subject and
/// component; of some households, or of all. Of all it reads one month at a time, so memory does
/// not grow with the months.
pub(super) async fn overpaid(
    tx: &mut Tx,
    book: BookId,
    program: ProgramId,
    (first, last): (Option<Month>, Option<Month>),
    households: Option<&[PartyId]>,
) -> Result<Vec<Overpaid>, Error> {
    let Some(accrued) = store::accrued_months(tx, book).await? else {
        return Ok(Vec::new());
    };
    let first = first.unwrap_or(accrued.0).max(accrued.0);
    let last = last.unwrap_or(accrued.1).min(accrued.1);
    let rules = policy::policy_of(tx, book, program).await?;
    let mut found = Vec::new();
    let mut take = |entitlements: Entitlements, first, last| {
        // Nobody was paid, so nothing can be too much.
        if entitlements.accrued.is_empty() {
            return Ok(());
        }
        for home in by_household(entitlements) {
            let lines = difference(&rules, &home.awards, &home.accrued, first, last, last)?;
            for line in lines.into_iter().filter(|line| line.amount < Fen::ZERO) {
                found.push(Overpaid {
                    area: home.area,
                    accrued: accrued_of(&home, &line)?,
                    line,
                    years: Vec::new(),
                    state: Found::Recoverable,
                });
            }
        }
        Ok::<(), Error>(())
    };
    match households {
        Some(households) if first <= last => {
            let (whose, months) = ((program, households), (first, last));
            let entitlements = booked::entitlements(tx, book, whose, months).await?;
            take(entitlements, first, last)?;
        }
        Some(_) => {}
        None => {
            for month in first.through(last) {
                let all = payment::entitlements(tx, book, program, month, month).await?;
                take(all, month, month)?;
            }
        }
    }
    if let Some(households) = households {
        found.retain(|over| households.contains(&over.line.household));
        found.sort_by_key(|over| over.line.month);
    }
    judge(tx, book, program, &mut found).await?;
    Ok(found)
}

/// Says of each overpayment in which years it was booked and whether it can be recovered.
async fn judge(
    tx: &mut Tx,
    book: BookId,
    program: ProgramId,
    found: &mut [Overpaid],
) -> Result<(), Error> {
    if found.is_empty() {
        return Ok(());
    }
    let proposed = store::proposed(tx, book, program).await?;
    let cells: Vec<Cell> = found.iter().map(Overpaid::cell).collect();
    let known = booked::booked(tx, book, &cells).await?;
    for (over, known) in found.iter_mut().zip(known) {
        over.years = by_year(&known.years, over.amount()?)?;
        if let Some(id) = proposed.get(&over.cell()) {
            over.state = Found::Proposed(*id);
        } else if let Some(unpaid) = known.unpaid {
            over.state = Found::Unpaid(unpaid);
        }
    }
    Ok(())
}

fn accrued_of(home: &Home, line: &Line) -> Result<Fen, MoneyError> {
    let same = home.accrued.iter().filter(|row| {
        (row.subject, row.component, row.month) == (line.subject, line.component, line.month)
    });
    Fen::sum(same.map(|row| row.amount))
}

/// What one recovery is of: household, payee, year of the months, and year of the expense.
pub(super) type Group = (PartyId, PartyId, i32, i32);

/// Overpayments by what one recovery is of, each with how much of it is of that year.
pub(super) fn grouped(found: &[Overpaid]) -> BTreeMap<Group, Vec<(&Overpaid, Fen)>> {
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for over in found {
        let line = &over.line;
        for (year, amount) in &over.years {
            let group = (line.household, line.payee, line.month.year(), *year);
            groups.entry(group).or_default().push((over, *amount));
        }
    }
    groups
}

/// Judges each line of these proposals again, and gives it with the number that it will have among
/// the accruals of its subject, component and month.
///
/// # Errors
/// [`Kind::RecoveryChanged`] when one of them is not overpaid by exactly this any more, is of
/// another year, or is not paid out.
pub(super) async fn still_owed<'a>(
    write: &mut Write,
    owed: &[Recovery],
    lines: &'a BTreeMap<RecoveryId, Vec<RecoveryLine>>,
) -> Result<Vec<(RecoveryId, &'a RecoveryLine, i64)>, Error> {
    let book = write.book();
    let rules = policy::policy(write.tx(), book).await?;
    let awards = awards_of(write.tx(), book, lines).await?;
    let all = || {
        lines
            .iter()
            .flat_map(|(id, lines)| lines.iter().map(move |line| (*id, line)))
    };
    let cells: Vec<Cell> = all().map(|(_, line)| cell_of(line)).collect();
    let known = booked::booked(write.tx(), book, &cells).await?;
    let years: HashMap<RecoveryId, i32> = owed.iter().map(|one| (one.id, one.year)).collect();
    let mut numbered = Vec::with_capacity(cells.len());
    // Of one cell two years may be confirmed at once.
    let mut before = HashMap::<Cell, i64>::new();
    for ((id, line), known) in all().zip(&known) {
        let awards = awards.get(&(line.subject, line.component));
        let awards = awards.map_or(&[][..], Vec::as_slice);
        let (month, accrued) = (line.month, std::slice::from_ref(&known.accrued));
        let now = difference(&rules, awards, accrued, month, month, month)?;
        let n = match now.as_slice() {
            [same] if is_owed(known, same, years.get(&id), line.amount)? => same.n,
            _ => {
                let changed = Problem::new(Kind::RecoveryChanged);
                return Err(changed.with("recovery", id).into());
            }
        };
        let earlier = before.entry(cell_of(line)).or_default();
        numbered.push((id, line, n + *earlier));
        *earlier += 1;
    }
    Ok(numbered)
}

fn cell_of(line: &RecoveryLine) -> Cell {
    (line.subject, line.component, line.month)
}

/// Whether so much of this year is too much now, and paid out.
fn is_owed(
    known: &Booked,
    now: &Line,
    year: Option<&i32>,
    amount: Fen,
) -> Result<bool, MoneyError> {
    let over = Fen::ZERO.minus(now.amount)?;
    let parts = by_year(&known.years, over)?;
    let of_year = |part: &(i32, Fen)| Some(&part.0) == year && part.1 == amount;
    Ok(known.unpaid.is_none() && parts.iter().any(of_year))
}

/// The awards of everybody who is overpaid, by subject and component.
async fn awards_of(
    tx: &mut Tx,
    book: BookId,
    lines: &BTreeMap<RecoveryId, Vec<RecoveryLine>>,
) -> Result<HashMap<(PartyId, ComponentId), Vec<Award>>, Error> {
    let lines = || lines.values().flatten();
    let subjects: HashSet<PartyId> = lines().map(|line| line.subject).collect();
    let mut components: Vec<ComponentId> = lines().map(|line| line.component).collect();
    components.sort_unstable();
    components.dedup();
    let wanted = |subject, _| subjects.contains(&subject);
    let mut found = HashMap::<_, Vec<Award>>::new();
    for (award, _) in booked::awards(tx, book, &components, wanted).await? {
        let of = found.entry((award.subject, award.component)).or_default();
        of.push(award);
    }
    Ok(found)
}

/// Who was overpaid: by household, person, component and month, with what is due and what was
/// accrued, why, and whether it can be recovered now.
///
/// # Errors
/// [`Kind::NotFound`] for an unknown program; refusals of the policy; accidents of the store.
#[boxed]
pub async fn find(
    app: &App,
    caller: &Caller,
    program: &str,
    first: Option<Month>,
    last: Option<Month>,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let names = Names::load(&mut tx, book).await?;
    let known = names.programs.values().find(|known| known.code == program);
    let known = known.ok_or_else(|| not_found("项目 program", program))?;
    let found = overpaid(&mut tx, book, known.id, (first, last), None).await?;
    let mut households: Vec<PartyId> = found.iter().map(|over| over.line.household).collect();
    households.sort_unstable();
    households.dedup();
    let parties = roster::parties_of(&mut tx, book, &households, None).await?;
    let mut table = Table::new(
        words(
            format!("{} 多发清单", known.name),
            format!("overpaid by {}", known.code),
        ),
        &[
            ("户", "household", true),
            ("乡镇", "township", false),
            ("村(社区)", "village", false),
            ("户主", "name", false),
            ("档案号", "file number", false),
            ("对象", "subject", true),
            ("发放项目", "component", false),
            ("月份", "month", false),
            ("应发(元)", "due", true),
            ("已计(元)", "accrued", true),
            ("多发(元)", "overpaid", true),
            ("原因", "why", false),
            ("可否追缴", "state", false),
        ],
    );
    let mut list = Vec::new();
    for over in &found {
        let party = parties.get(&over.line.household);
        let of = |text: fn(&roster::Party) -> String| party.map_or_else(String::new, text);
        let row = FoundRow {
            township: of(|party| party.township.clone()),
            village: of(|party| party.village.clone()),
            name: of(|party| mask_name(&party.name)),
            file_no: of(|party| mask_account(&party.reference_no)),
        };
        table.row(row.cells(&names, over)?);
        list.push(row.json(&names, over)?);
    }
    tx.rollback().await?;
    let total = found.iter().map(|over| over.line.amount);
    let document = json!({
        "program": program,
        "overpaid": list,
        "total_fen": Fen::ZERO.minus(Fen::sum(total)?)?.get(),
    });
    Ok(Report::new(document, vec![table]))
}

/// What a row says of the household, masked.
struct FoundRow {
    township: String,
    village: String,
    name: String,
    file_no: String,
}

impl FoundRow {
    fn cells(&self, names: &Names, over: &Overpaid) -> Result<[String; 13], Error> {
        let line = &over.line;
        Ok([
            line.household.to_string(),
            self.township.clone(),
            self.village.clone(),
            self.name.clone(),
            self.file_no.clone(),
            line.subject.to_string(),
            names.component(line.component),
            line.month.to_string(),
            over.accrued.plus(line.amount)?.grouped(),
            over.accrued.grouped(),
            over.amount()?.grouped(),
            line.reason.name().to_owned(),
            over.state.words(),
        ])
    }

    fn json(&self, names: &Names, over: &Overpaid) -> Result<Value, Error> {
        let line = &over.line;
        Ok(json!({
            "household": line.household.get(),
            "township": self.township,
            "village": self.village,
            "name": self.name,
            "file_no": self.file_no,
            "payee": line.payee.get(),
            "subject": line.subject.get(),
            "component": names.component_code(line.component),
            "month": line.month.to_string(),
            "due_fen": over.accrued.plus(line.amount)?.get(),
            "accrued_fen": over.accrued.get(),
            "overpaid_fen": over.amount()?.get(),
            "reason": line.reason.code(),
            "state": over.state.code(),
        }))
    }
}
