//! Publication of a run (公示): its list hangs out for some days, and the run waits until they are
//! over and every objection is settled.

mod list;
mod objection;

use ledger::calendar::Date;
use ledger::disbursement::publication::{DAYS_MAX, DayUnit, ObjectionState, days_left, last_day};
use ledger::disbursement::role::Action;
use ledger::disbursement::workflow::{Duty, RunState, may_act};
use ledger::id::{BookId, RunId};
use ledger::problem::{Kind, Problem};
use ledger_store::boxed;
use ledger_store::db::Tx;
use ledger_store::publication::{self as store, Objection, Publication, PublicationRule};
use ledger_store::run::{self as runs, Run, RunKind};
use ledger_store::write::Write;
use ledger_store::{batch, policy};
use serde_json::{Value, json};

pub use self::list::{Place, report};
pub use self::objection::{add, list, settle};
use super::view::{Report, Table, words};
use super::{App, Caller, Done, Error, Order, not_found, run};

/// For how many days the runs of a program are to be published.
#[derive(Clone, Debug)]
pub struct NewRule {
    /// Code of the program.
    pub program: String,
    /// How many days; 0 for not at all.
    pub days: i64,
    /// Which days are counted.
    pub unit: DayUnit,
    /// The number of its document.
    pub document: String,
}

/// Judges a rule and, when `store` is set, makes it the newest of its program.
///
/// # Errors
/// [`Kind::NotFound`], [`Kind::FieldInvalid`].
pub(super) async fn set_rule(write: &mut Write, new: &NewRule, store: bool) -> Result<(), Error> {
    let book = write.book();
    let programs = policy::programs(write.tx(), book).await?;
    let known = programs.iter().find(|known| known.code == new.program);
    let known = known.ok_or_else(|| not_found("项目 program", &new.program))?;
    if !(0..=DAYS_MAX).contains(&new.days) {
        let wanted = format!("0-{DAYS_MAX}");
        return Err(super::policy::invalid(
            "days",
            &new.days.to_string(),
            &wanted,
        ));
    }
    if new.document.trim().is_empty() {
        return Err(super::policy::invalid("document", "", "文号 a document"));
    }
    if !store {
        return Ok(());
    }
    let rules = store::rules(write.tx(), book).await?;
    let last = rules.iter().find(|rule| rule.program == known.id);
    let rule = PublicationRule {
        program: known.id,
        version: last.map_or(1, |last| last.version + 1),
        days: new.days,
        unit: new.unit,
        document: new.document.clone(),
    };
    Ok(store::add_rule(write, &rule).await?)
}

/// Publishes a submitted or reviewed run from a day on, today when none is given: the list is made
/// of exactly the payments of this calculation and kept as it is.
///
/// # Errors
/// [`Kind::RunState`], [`Kind::SamePerson`], [`Kind::PublicationNotDue`] when the program is not
/// published or the run is a re-pay run, [`Kind::AlreadyExists`] when this calculation hangs out
/// already, [`Kind::FieldInvalid`] for a day before today.
#[boxed]
pub async fn publish(
    app: &App,
    caller: &Caller,
    id: RunId,
    from: Option<Date>,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("run.publish", Action::MakeRun)
        .key(key)
        .field("run", id.get())
        .field("from", from.map(|from| from.to_string()));
    let today = app.clock.today();
    app.command(caller, order, async |write| {
        let run = run::load(write, id).await?;
        if !matches!(run.state, RunState::Submitted | RunState::Reviewed) {
            return Err(wrong_state(&run, "公示 be published"));
        }
        let book = write.book();
        let duties = runs::duties(write.tx(), book, id).await?;
        may_act(&duties, caller.user.id, Duty::Maker)
            .map_err(|problem| run::name_run(problem, caller, id))?;
        let rule = rule_of(write.tx(), book, &run).await?;
        let rule = rule.ok_or_else(|| Problem::new(Kind::PublicationNotDue).with("run", run.id))?;
        if published(write, &run).await?.is_some() {
            return Err(Problem::new(Kind::AlreadyExists)
                .with("what", "公示 publication")
                .with("name", format!("批次 run {id}"))
                .into());
        }
        let from = from.unwrap_or(today);
        let calendar = super::calendar::working_days(write.tx(), book).await?;
        let working = |day| calendar.is_working_day(day);
        let to = last_day(from, rule.days, rule.unit, working).filter(|_| from >= today);
        let to = to.ok_or_else(|| {
            let wanted = format!("不早于 not before {today}");
            super::policy::invalid("from", &from.to_string(), &wanted)
        })?;
        let unknown = match rule.unit {
            DayUnit::Working => calendar.unknown_years(from, to),
            DayUnit::Calendar => Vec::new(),
        };
        let new = keep(write, &run, (from, to)).await?;
        if !duties.contains(&(caller.user.id, Duty::Maker)) {
            runs::add_duty(write, id, caller.user.id, Duty::Maker).await?;
        }
        Ok(json!({
            "run": id.get(),
            "from": from.to_string(),
            "to": to.to_string(),
            "days": rule.days,
            "unit": rule.unit.code(),
            "years_without_notice": unknown,
            "payments": new.payments,
            "total_fen": new.total.get(),
            "revision": new.revision,
        }))
    })
    .await
}

/// Makes the list of a run and keeps it.
async fn keep(write: &mut Write, run: &Run, days: (Date, Date)) -> Result<Publication, Error> {
    let book = write.book();
    let listed = store::listed(write.tx(), book, run).await?;
    let list = list::List::of(listed)?;
    if (list.payments(), list.total()?) != (run.payments, run.total) {
        return Err(Problem::new(Kind::RunChanged).with("run", run.id).into());
    }
    let name = format!("publication-{}-{}.csv", run.id, run.revision);
    let file = batch::store_file(write, "publication", &name, &list.bytes()?).await?;
    let new = Publication {
        run: run.id,
        revision: run.revision,
        from: days.0,
        to: days.1,
        payments: run.payments,
        total: run.total,
        fingerprint: run.fingerprint,
        file: file.id,
        entry: 0,
    };
    store::add_publication(write, &new).await?;
    Ok(new)
}

/// Refuses to go on with a run that has not hung out for its days, or to which an objection stands.
///
/// # Errors
/// [`Kind::PublicationMissing`], [`Kind::ObjectionUpheld`], [`Kind::ObjectionOpen`],
/// [`Kind::PublicationRunning`], in this order.
pub(super) async fn passable(write: &mut Write, run: &Run, today: Date) -> Result<(), Error> {
    let book = write.book();
    if rule_of(write.tx(), book, run).await?.is_none() {
        return Ok(());
    }
    let Some(published) = published(write, run).await? else {
        return Err(Problem::new(Kind::PublicationMissing)
            .with("run", run.id)
            .into());
    };
    let objections = store::objections(write.tx(), book).await?;
    for (state, kind) in [
        (ObjectionState::Upheld, Kind::ObjectionUpheld),
        (ObjectionState::Received, Kind::ObjectionOpen),
    ] {
        let standing: Vec<String> = against(&objections, run)
            .filter(|objection| objection.state == state)
            .map(|objection| objection.id.to_string())
            .collect();
        if !standing.is_empty() {
            return Err(Problem::new(kind)
                .with("run", run.id)
                .with("objections", standing.join("、"))
                .into());
        }
    }
    match days_left(published.to, today) {
        0 => Ok(()),
        days => Err(Problem::new(Kind::PublicationRunning)
            .with("run", run.id)
            .with("to", published.to)
            .with("days", days)
            .into()),
    }
}

/// The rule by which a run is published; none when it is not. What a re-pay run pays was published
/// with the run that owes it.
async fn rule_of(tx: &mut Tx, book: BookId, run: &Run) -> Result<Option<PublicationRule>, Error> {
    match run.kind {
        RunKind::RePay => Ok(None),
        _ => Ok(store::binding(tx, book, run).await?),
    }
}

/// The publication of a run's present calculation.
async fn published(write: &mut Write, run: &Run) -> Result<Option<Publication>, Error> {
    let book = write.book();
    let all = store::publications(write.tx(), book, run.id).await?;
    Ok(all.into_iter().find(|one| one.revision == run.revision))
}

/// The objections to a run's present calculation, and those to an earlier one that nobody has
/// settled: a new calculation answers what was upheld, and nothing else.
fn against<'a>(objections: &'a [Objection], run: &Run) -> impl Iterator<Item = &'a Objection> {
    let (id, revision) = (run.id, run.revision);
    let mine = move |objection: &&Objection| {
        let now = objection.revision == revision;
        objection.run == id && (now || objection.state == ObjectionState::Received)
    };
    objections.iter().filter(mine)
}

fn wrong_state(run: &Run, event: &str) -> Error {
    Problem::new(Kind::RunState)
        .with("run", run.id)
        .with("state", run.state.name())
        .with("event", event)
        .into()
}

/// Where the publication of a run stands: its days, what is left of them, and its objections.
///
/// # Errors
/// [`Kind::NotFound`].
#[boxed]
pub async fn show(app: &App, caller: &Caller, id: RunId) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let run = runs::run(&mut tx, book, id).await?;
    let run = run.ok_or_else(|| not_found("批次 run", id))?;
    let rule = rule_of(&mut tx, book, &run).await?;
    let all = store::publications(&mut tx, book, id).await?;
    let objections = store::objections(&mut tx, book).await?;
    let users = ledger_store::book::users(&mut tx, book).await?;
    tx.rollback().await?;
    let now = all.iter().find(|one| one.revision == run.revision);
    let left = now.map(|one| days_left(one.to, app.clock.today()));
    let mine: Vec<Objection> = against(&objections, &run).cloned().collect();
    let standing = |objection: &&Objection| objection.state != ObjectionState::Dismissed;
    let standing = mine.iter().filter(standing).count();
    let ready = rule.is_none() || left == Some(0) && standing == 0;
    let mut head = Table::new(
        words(
            format!("批次 {id} 公示"),
            format!("Publication of run {id}"),
        ),
        &[
            ("公示天数", "days", true),
            ("自", "from", false),
            ("至", "to", false),
            ("剩余天数", "days left", true),
            ("笔数", "payments", true),
            ("金额(元)", "amount (yuan)", true),
            ("异议", "objections", true),
            ("可继续", "may go on", false),
        ],
    );
    let none = || "—".to_owned();
    head.row([
        (rule.as_ref()).map_or_else(
            || "不公示".to_owned(),
            |rule| format!("{} {}", rule.days, rule.unit.name()),
        ),
        now.map_or_else(none, |one| one.from.to_string()),
        now.map_or_else(none, |one| one.to.to_string()),
        left.map_or_else(none, |left| left.to_string()),
        now.map_or_else(none, |one| one.payments.to_string()),
        now.map_or_else(none, |one| one.total.grouped()),
        format!("{standing}/{}", mine.len()),
        if ready { "是" } else { "否" }.to_owned(),
    ]);
    let (table, rows) = objection::table(&mine, &users);
    let document = json!({
        "run": id.get(),
        "revision": run.revision,
        "days": rule.as_ref().map(|rule| rule.days),
        "unit": rule.as_ref().map(|rule| rule.unit.code()),
        "document": rule.as_ref().map(|rule| rule.document.as_str()),
        "from": now.map(|one| one.from.to_string()),
        "to": now.map(|one| one.to.to_string()),
        "days_left": left,
        "payments": now.map(|one| one.payments),
        "total_fen": now.map(|one| one.total.get()),
        "voided": all.iter().filter(|one| one.revision != run.revision).count(),
        "objections": Value::Array(rows),
        "ready": ready,
    });
    Ok(Report::new(document, vec![head, table]))
}
