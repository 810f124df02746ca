//! Who was overpaid: due minus accrued below zero, month by month.

use ledger_store::boxed;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use ledger::calendar::Month;
use ledger::disbursement::due::{Line, difference};
use ledger::disbursement::role::Action;
use ledger::id::{BookId, PartyId, ProgramId, RecoveryId};
use ledger::money::{Fen, MoneyError};
use ledger::problem::{Kind, Problem};
use ledger_store::db::Tx;
use ledger_store::recovery::{self as store, Cell, RecoveryLine, Unpaid};
use ledger_store::write::Write;
use ledger_store::{payment, policy, trace};
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
/// component. It reads one month at a time, so memory does not grow with the months.
pub(super) async fn overpaid(
    tx: &mut Tx,
    book: BookId,
    program: ProgramId,
    (first, last): (Option<Month>, Option<Month>),
) -> Result<Vec<Overpaid>, Error> {
    let Some(accrued) = store::accrued_months(tx, book).await? else {
        return Ok(Vec::new());
    };
    let (first, last) = (first.unwrap_or(accrued.0), last.unwrap_or(accrued.1));
    let rules = policy::policy_of(tx, book, program).await?;
    let proposed = store::proposed(tx, book, program).await?;
    let mut found = Vec::new();
    for month in first.max(accrued.0).through(last.min(accrued.1)) {
        let entitlements = payment::entitlements(tx, book, program, month, month).await?;
        if entitlements.accrued.is_empty() {
            // Nobody was paid, so nothing can be too much.
            continue;
        }
        for home in by_household(entitlements) {
            let lines = difference(&rules, &home.awards, &home.accrued, month, month, month)?;
            for line in lines.into_iter().filter(|line| line.amount < Fen::ZERO) {
                found.push(Overpaid {
                    area: home.area,
                    accrued: accrued_of(&home, &line)?,
                    line,
                    state: Found::Recoverable,
                });
            }
        }
    }
    for over in &mut found {
        if let Some(id) = proposed.get(&over.cell()) {
            over.state = Found::Proposed(*id);
        } else if let Some(unpaid) = store::unpaid(tx, book, over.cell()).await? {
            over.state = Found::Unpaid(unpaid);
        }
    }
    Ok(found)
}

fn accrued_of(home: &Home, line: &Line) -> Result<Fen, MoneyError> {
    let same = home.accrued.iter().filter(|row| {
        (row.subject, row.component, row.month) == (line.subject, line.component, line.month)
    });
    Fen::sum(same.map(|row| row.amount))
}

/// By household, payee and year: what one recovery is of.
pub(super) fn grouped(found: Vec<Overpaid>) -> BTreeMap<(PartyId, PartyId, i32), Vec<Overpaid>> {
    let mut groups = BTreeMap::<_, Vec<Overpaid>>::new();
    for over in found {
        let line = &over.line;
        let group = (line.household, line.payee, line.month.year());
        groups.entry(group).or_default().push(over);
    }
    groups
}

/// Judges each line of a proposal again, and gives it with the number that it will have among the
/// accruals of its subject, component and month.
///
/// # Errors
/// [`Kind::RecoveryChanged`] when one of them is not overpaid by exactly this any more, or is not
/// paid out.
pub(super) async fn still_owed(
    write: &mut Write,
    id: RecoveryId,
    lines: &[RecoveryLine],
) -> Result<Vec<(RecoveryLine, i64)>, Error> {
    let book = write.book();
    let rules = policy::policy(write.tx(), book).await?;
    let mut numbered = Vec::with_capacity(lines.len());
    let mut known = HashMap::new();
    for line in lines {
        let (component, subject, month) = (line.component, line.subject, line.month);
        let cell = (subject, component, month);
        let awards = match known.entry((component, subject)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                new.insert(store::awards(write.tx(), book, component, subject).await?)
            }
        };
        let accrued = store::accrued(write.tx(), book, cell).await?;
        let unpaid = store::unpaid(write.tx(), book, cell).await?;
        let now = difference(&rules, awards, &[accrued], month, month, month)?;
        let owed = Fen::ZERO.minus(line.amount)?;
        match now.as_slice() {
            [same] if same.amount == owed && unpaid.is_none() => {
                numbered.push((line.clone(), same.n));
            }
            _ => {
                return Err(Problem::new(Kind::RecoveryChanged)
                    .with("recovery", id)
                    .into());
            }
        }
    }
    Ok(numbered)
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
    let found = overpaid(&mut tx, book, known.id, (first, last)).await?;
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
        let party = trace::party(&mut tx, book, over.line.household).await?;
        let party = party.map(|(party, _)| party);
        let of = |text: fn(&ledger_store::roster::Party) -> String| {
            party.as_ref().map_or_else(String::new, text)
        };
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
