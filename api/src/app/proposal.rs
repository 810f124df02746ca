//! What takes two people: how long runs are published, what a level may approve, of which level
//! somebody approves, what a bank's words mean, that a return is withdrawn, that a payment is
//! cancelled or may be tried again as it is, in which layouts an account's bank speaks. One person
//! proposes, another confirms, and only then it holds.

use ledger::calendar::Date;
use ledger::disbursement::approval::ApprovalLevel;
use ledger::disbursement::publication::DayUnit;
use ledger::disbursement::role::{Action, may};
use ledger::id::{PaymentId, ProposalId, ReturnId, StatementId, UserId};
use ledger::money::Fen;
use ledger::problem::{Kind, Problem};
use ledger_store::boxed;
use ledger_store::proposal::{self as store, Decision, Proposal};
use ledger_store::write::Write;
use serde_json::{Value, json};

use super::approval::{self, NewLimit};
use super::cancel::Cancel;
use super::clear;
use super::layouts::{self, NewLayouts};
use super::publication::{self, NewRule};
use super::reason;
use super::statement::Withdraw as WithdrawStatement;
use super::view::{Report, Table, words};
use super::withdraw::Withdraw;
use super::{App, Caller, Done, Error, Order, not_found};

/// A change of a rule.
#[derive(Clone, Debug)]
pub enum Change {
    /// For how many days the runs of a program are published.
    Publication(NewRule),
    /// What a level may approve of a program.
    Limit(NewLimit),
    /// Of which level a user approves: login and level.
    Level(String, ApprovalLevel),
    /// What a bank's words mean: words and code of a reason.
    Reason(String, String),
    /// A return is withdrawn: its number, and why.
    Withdraw(ReturnId, String),
    /// A statement is withdrawn: its number, and why.
    Unstate(StatementId, String),
    /// A payment is cancelled for good: its number, and why.
    Cancel(PaymentId, String),
    /// Payments may be tried again with the same accounts: their numbers, and why.
    Clear(Vec<PaymentId>, String),
    /// A paying account has other bank layouts from now on.
    Layouts(NewLayouts),
}

impl Change {
    /// What is asked, for a person to read: its kind, and the rule.
    fn words(&self) -> (&'static str, String) {
        match self {
            Change::Publication(rule) => {
                let NewRule {
                    program,
                    days,
                    unit,
                    document,
                } = rule;
                (
                    "公示 publication",
                    format!("{program} {days} {} {document}", unit.name()),
                )
            }
            Change::Limit(limit) => {
                let run = limit
                    .run
                    .map_or_else(String::new, |run| format!(" 每批 a run {}", run.grouped()));
                let (program, level) = (&limit.program, limit.level.name());
                let (from, payment) = (limit.from, limit.payment.grouped());
                let rule = format!("{program} {level} {from} 每笔 a payment {payment}{run}");
                ("审批限额 limit", format!("{rule} {}", limit.document))
            }
            Change::Level(login, level) => ("审批级次 level", format!("{login} {}", level.name())),
            Change::Reason(words, reason) => ("失败原因 reason", format!("{words} → {reason}")),
            Change::Withdraw(id, why) => ("撤回回盘 withdraw", format!("{id} {why}")),
            Change::Unstate(id, why) => ("撤回对账单 statement", format!("{id} {why}")),
            Change::Cancel(id, why) => ("取消发放 cancel", format!("{id} {why}")),
            Change::Clear(ids, why) => {
                let ids: Vec<String> = ids.iter().map(PaymentId::to_string).collect();
                ("准予补发 clear", format!("{} {why}", ids.join(" ")))
            }
            Change::Layouts(new) => {
                let named = [
                    ("代发 batch", &new.batch),
                    ("回盘 return", &new.returned),
                    ("对账单 statement", &new.statement),
                ];
                let named = named.iter().filter(|(_, layout)| !layout.is_empty());
                let named: Vec<String> = named.map(|(of, id)| format!("{of} {id}")).collect();
                (
                    "账户格式 layouts",
                    format!("{} {}", new.account, named.join(" ")),
                )
            }
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Change::Publication(_) => "publication",
            Change::Limit(_) => "limit",
            Change::Level(..) => "level",
            Change::Reason(..) => "reason",
            Change::Withdraw(..) => "withdraw",
            Change::Unstate(..) => "unstate",
            Change::Cancel(..) => "cancel",
            Change::Clear(..) => "clear",
            Change::Layouts(_) => "layouts",
        }
    }

    fn order(&self) -> Order {
        match self {
            Change::Publication(_) => Order::new("policy.publish", Action::ManagePolicy),
            Change::Limit(_) => Order::new("policy.limit", Action::ManagePolicy),
            Change::Level(..) => Order::new("user.level", Action::ManageUsers),
            Change::Reason(..) => Order::new("reason.teach", Action::ManagePolicy),
            Change::Withdraw(..) => Order::new("return.withdraw", Action::ImportReturn),
            Change::Unstate(..) => Order::new("statement.withdraw", Action::ImportStatement),
            Change::Cancel(..) => Order::new("payment.cancel", Action::CancelPayment),
            Change::Clear(..) => Order::new("payment.clear", Action::ClearPayment),
            Change::Layouts(_) => Order::new("policy.layouts", Action::ManagePolicy),
        }
    }

    /// What is asked, as it is stored and answered.
    fn content(&self) -> Value {
        match self {
            Change::Publication(rule) => json!({
                "program": rule.program,
                "days": rule.days,
                "unit": rule.unit.code(),
                "document": rule.document,
            }),
            Change::Limit(limit) => json!({
                "program": limit.program,
                "level": limit.level.code(),
                "from": limit.from.to_string(),
                "payment_limit_fen": limit.payment.get(),
                "run_limit_fen": limit.run.map(Fen::get),
                "document": limit.document,
            }),
            Change::Level(login, level) => json!({ "user": login, "level": level.code() }),
            Change::Reason(words, reason) => json!({ "words": words, "reason": reason }),
            Change::Withdraw(id, reason) => json!({ "return": id.get(), "reason": reason }),
            Change::Unstate(id, reason) => json!({ "statement": id.get(), "reason": reason }),
            Change::Cancel(id, reason) => json!({ "payment": id.get(), "reason": reason }),
            Change::Clear(ids, reason) => {
                let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
                json!({ "payments": ids, "reason": reason })
            }
            Change::Layouts(new) => json!({
                "account": new.account,
                "batch": new.batch,
                "return": new.returned,
                "statement": new.statement,
            }),
        }
    }

    fn of(proposal: &Proposal) -> Option<Change> {
        let content: Value = serde_json::from_str(&proposal.content).ok()?;
        let text = |field: &str| content.get(field)?.as_str().map(str::to_owned);
        let number = |field: &str| content.get(field)?.as_i64();
        let level = || ApprovalLevel::from_code(&text("level")?);
        Some(match proposal.kind.as_str() {
            "publication" => Change::Publication(NewRule {
                program: text("program")?,
                days: number("days")?,
                unit: DayUnit::from_code(&text("unit")?)?,
                document: text("document")?,
            }),
            "limit" => Change::Limit(NewLimit {
                program: text("program")?,
                level: level()?,
                from: text("from")?.parse().ok()?,
                payment: Fen::new(number("payment_limit_fen")?),
                run: number("run_limit_fen").map(Fen::new),
                document: text("document")?,
            }),
            "level" => Change::Level(text("user")?, level()?),
            "reason" => Change::Reason(text("words")?, text("reason")?),
            "withdraw" => Change::Withdraw(ReturnId(number("return")?), text("reason")?),
            "unstate" => Change::Unstate(StatementId(number("statement")?), text("reason")?),
            "cancel" => Change::Cancel(PaymentId(number("payment")?), text("reason")?),
            "clear" => {
                let ids = content.get("payments")?.as_array()?.iter();
                let ids = ids.map(|id| id.as_i64().map(PaymentId));
                Change::Clear(ids.collect::<Option<_>>()?, text("reason")?)
            }
            "layouts" => Change::Layouts(NewLayouts {
                account: text("account")?,
                batch: text("batch")?,
                returned: text("return")?,
                statement: text("statement")?,
            }),
            _ => return None,
        })
    }

    /// Who may confirm or turn it down.
    fn action(kind: &str) -> Action {
        match kind {
            "withdraw" => Action::ImportReturn,
            "unstate" => Action::ImportStatement,
            "cancel" => Action::CancelPayment,
            "clear" => Action::ClearPayment,
            _ => Action::ManagePolicy,
        }
    }

    /// Judges it against the book and, when it is `confirmed`, makes it hold; otherwise the caller
    /// takes back what it did.
    async fn apply(&self, app: &App, write: &mut Write, by: &By) -> Result<(), Error> {
        let store = by.proposal.is_some();
        let proposal = by.proposal.unwrap_or(ProposalId(0));
        let (maker, checker, on) = (by.maker, by.checker, by.on);
        match self {
            Change::Publication(rule) => publication::set_rule(write, rule, store).await,
            Change::Limit(limit) => approval::set_limit(write, limit, store).await,
            Change::Level(login, level) => approval::set_level(write, login, *level, store).await,
            Change::Reason(words, code) => {
                reason::teach(write, words, code, by.proposal).await?;
                Ok(())
            }
            Change::Withdraw(id, reason) => {
                let withdraw = Withdraw {
                    id: *id,
                    maker,
                    checker,
                    proposal,
                    reason,
                    on,
                };
                withdraw.book(write).await
            }
            Change::Unstate(id, reason) => {
                let withdraw = WithdrawStatement {
                    id: *id,
                    maker,
                    checker,
                    proposal,
                    reason,
                    on,
                };
                withdraw.book(write).await
            }
            Change::Cancel(payment, reason) => {
                let cancel = Cancel {
                    payment: *payment,
                    maker,
                    checker,
                    proposal: by.proposal,
                    exception: None,
                    reason,
                    on,
                };
                cancel.book(write).await.map(drop)
            }
            Change::Clear(payments, reason) => {
                clear::clear(write, payments, reason, (by.proposal, checker)).await
            }
            Change::Layouts(new) => layouts::change(write, &app.profiles, new, by.proposal).await,
        }
    }
}

/// Who makes a change hold, and when; without a proposal it is tried only.
struct By {
    proposal: Option<ProposalId>,
    maker: UserId,
    checker: UserId,
    on: Date,
}

/// Proposes a change; it holds once another person confirms it.
///
/// # Errors
/// [`Kind::NotFound`], [`Kind::FieldInvalid`], [`Kind::AmountInvalid`], [`Kind::AlreadyExists`] for
/// a second limit of the same program, level and month.
#[boxed]
pub async fn propose(
    app: &App,
    caller: &Caller,
    change: &Change,
    key: Option<String>,
) -> Result<Done, Error> {
    let content = change.content();
    let mut order = change.order().key(key);
    for (name, value) in content.as_object().into_iter().flatten() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        order = order.field(name, value);
    }
    app.command(caller, order, async |write| {
        let by = By {
            proposal: None,
            maker: caller.user.id,
            checker: caller.user.id,
            on: super::period::open_date(write, app.clock.today(), app.clock.today()).await?,
        };
        let before = write.mark().await?;
        change.apply(app, write, &by).await?;
        write.rollback_to(before).await?;
        let text = content.to_string();
        let id = store::add_proposal(write, change.kind(), &text, caller.user.id).await?;
        let mut answer = content.clone();
        answer["proposal"] = id.get().into();
        answer["state"] = "proposed".into();
        Ok(answer)
    })
    .await
}

/// Confirms a proposal of another person: from now on it holds.
///
/// # Errors
/// [`Kind::NotFound`], [`Kind::ProposalDecided`], [`Kind::TwoPeople`], and what [`propose`] would
/// be refused for by now.
#[boxed]
pub async fn confirm(
    app: &App,
    caller: &Caller,
    id: ProposalId,
    key: Option<String>,
) -> Result<Done, Error> {
    let action = action_for(app, caller, id).await?;
    let order = Order::new("policy.confirm", action)
        .key(key)
        .field("proposal", id.get());
    app.command(caller, order, async |write| {
        let (proposal, change) = open(write, id).await?;
        if proposal.user == caller.user.id {
            return Err(Problem::new(Kind::TwoPeople)
                .with("user", &caller.user.login)
                .into());
        }
        let by = By {
            proposal: Some(id),
            maker: proposal.user,
            checker: caller.user.id,
            on: super::period::open_date(write, app.clock.today(), app.clock.today()).await?,
        };
        change.apply(app, write, &by).await?;
        store::add_decision(write, id, Decision::Confirmed, caller.user.id, "").await?;
        Ok(answer(id, &change, Decision::Confirmed))
    })
    .await
}

/// Turns a proposal down, with a reason; the one who proposed it may do so too.
///
/// # Errors
/// [`Kind::NotFound`], [`Kind::ProposalDecided`], [`Kind::FieldInvalid`] without a reason.
#[boxed]
pub async fn reject(
    app: &App,
    caller: &Caller,
    id: ProposalId,
    reason: &str,
    key: Option<String>,
) -> Result<Done, Error> {
    let action = action_for(app, caller, id).await?;
    let order = Order::new("policy.reject", action)
        .key(key)
        .field("proposal", id.get())
        .field("reason", reason);
    app.command(caller, order, async |write| {
        let (_, change) = open(write, id).await?;
        if reason.trim().is_empty() {
            return Err(super::policy::invalid("reason", "", "原因 a reason"));
        }
        store::add_decision(write, id, Decision::Rejected, caller.user.id, reason).await?;
        Ok(answer(id, &change, Decision::Rejected))
    })
    .await
}

/// What deciding a proposal takes.
async fn action_for(app: &App, caller: &Caller, id: ProposalId) -> Result<Action, Error> {
    let mut tx = app.db.begin_read().await?;
    let all = store::proposals(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let kind = all.iter().find(|proposal| proposal.id == id);
    Ok(kind.map_or(Action::ManagePolicy, |one| Change::action(&one.kind)))
}

fn answer(id: ProposalId, change: &Change, decision: Decision) -> Value {
    let mut answer = change.content();
    answer["proposal"] = id.get().into();
    answer["state"] = decision.code().into();
    answer
}

/// A proposal that nobody has decided yet.
async fn open(write: &mut Write, id: ProposalId) -> Result<(Proposal, Change), Error> {
    let book = write.book();
    let all = store::proposals(write.tx(), book).await?;
    let found = all.into_iter().find(|proposal| proposal.id == id);
    let found = found.ok_or_else(|| not_found("提议 proposal", id))?;
    if let Some((decision, ..)) = &found.decision {
        return Err(Problem::new(Kind::ProposalDecided)
            .with("proposal", id)
            .with("decision", decision.name())
            .into());
    }
    let change = Change::of(&found).ok_or_else(|| not_found("提议 proposal", id))?;
    Ok((found, change))
}

/// A proposal that waits for a second person.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Its number.
    pub id: ProposalId,
    /// Code of its kind.
    pub kind: String,
    /// What kind of change it is, in both languages.
    pub what: &'static str,
    /// What is asked.
    pub content: String,
    /// The payment that it is about; 0 for none.
    pub payment: i64,
    /// Who proposed it.
    pub by: String,
    /// Whether that is the caller.
    pub own: bool,
    /// Whether the caller's roles may decide it.
    pub may: bool,
}

/// The proposals that wait for a second person.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
#[boxed]
pub async fn pending(app: &App, caller: &Caller) -> Result<Vec<Pending>, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let mut all = store::proposals(&mut tx, book).await?;
    let users = ledger_store::book::users(&mut tx, book).await?;
    tx.rollback().await?;
    all.retain(|one| one.decision.is_none());
    let pending = all.into_iter().map(|one| {
        let by = users.iter().find(|user| user.id == one.user);
        let (what, content) =
            Change::of(&one).map_or(("", one.content.clone()), |change| change.words());
        let asked: Value = serde_json::from_str(&one.content).unwrap_or_default();
        Pending {
            id: one.id,
            what,
            content,
            payment: asked["payment"].as_i64().unwrap_or(0),
            by: by.map_or_else(String::new, |user| user.name.clone()),
            own: one.user == caller.user.id,
            may: may(&caller.user.roles, Change::action(&one.kind)),
            kind: one.kind,
        }
    });
    Ok(pending.collect())
}

/// All proposals with what became of them.
#[boxed]
pub async fn list(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let all = store::proposals(&mut tx, book).await?;
    let users = ledger_store::book::users(&mut tx, book).await?;
    tx.rollback().await?;
    let named = |id| {
        users
            .iter()
            .find(|user| user.id == id)
            .map_or("", |user| &user.name)
    };
    let mut table = Table::new(
        words("须两人办理的事项", "What takes two people"),
        &[
            ("提议", "proposal", true),
            ("种类", "kind", false),
            ("内容", "content", false),
            ("提出人", "proposed by", false),
            ("状态", "state", false),
            ("办理人", "decided by", false),
            ("原因", "reason", false),
        ],
    );
    let mut rows = Vec::new();
    for proposal in &all {
        let (state, by, note) = match &proposal.decision {
            None => ("待确认", "", ""),
            Some((decision, by, note)) => (decision.name(), named(*by), note.as_str()),
        };
        let (kind, rule) =
            Change::of(proposal).map_or(("", proposal.content.clone()), |change| change.words());
        table.row([
            proposal.id.to_string(),
            kind.to_owned(),
            rule,
            named(proposal.user).to_owned(),
            state.to_owned(),
            by.to_owned(),
            note.to_owned(),
        ]);
        let decision = proposal.decision.as_ref();
        rows.push(json!({
            "proposal": proposal.id.get(),
            "kind": proposal.kind,
            "content": serde_json::from_str::<Value>(&proposal.content).unwrap_or_default(),
            "by": named(proposal.user),
            "state": decision.map_or("proposed", |(decision, ..)| decision.code()),
            "decided_by": by,
            "reason": note,
            "entry": proposal.entry,
        }));
    }
    Ok(Report::new(json!({ "proposals": rows }), vec![table]))
}
