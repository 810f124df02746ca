//! Money of recoveries: it comes in, is given up, or goes to the treasury.

use ledger::calendar::Date;
use ledger::disbursement::recovery::{RecoveryEvent, Standing, charged_again};
use ledger::disbursement::role::Action;
use ledger::id::{AppropriationId, BankAccountId, ExceptionId, PaymentId, RecoveryId};
use ledger::journal::{Posting, rules};
use ledger::money::Fen;
use ledger::problem::{Kind, Problem};
use ledger_store::boxed;
use ledger_store::exception::{self, Exception, ExceptionState};
use ledger_store::fund::{self, Appropriation};
use ledger_store::journal::{Poster, VoucherDraft};
use ledger_store::recovery::{self as store, Moved, Recovery};
use ledger_store::statement;
use ledger_store::write::Write;
use reconciliation::answer::ExceptionKind;
use serde_json::{Value, json};

use super::{
    advance, by_component, exceeded, expense_year, load, may, order, post, program, reasoned_step,
    standing_of, told,
};
use crate::app::{App, Caller, Done, Error, Order, not_found};

/// Money that came in: the credit of a statement that nobody could explain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What it pays back, one after the other.
    pub recoveries: Vec<RecoveryId>,
    /// The exception that the credit is.
    pub exception: ExceptionId,
    /// How much of the credit; all of it that is not explained yet when it is not given. The rest
    /// stays unexplained.
    pub amount: Option<Fen>,
    /// 文号 of the appropriation that this year's money goes home to; the one that the overpaid
    /// payment drew on when it is not given.
    pub appropriation: Option<String>,
}

/// The mark of a proposal to take a credit for recoveries; their numbers follow.
const MARK: &str = "recovery:";

/// What a proposed resolution of an exception says when it is to be taken for recoveries.
pub(crate) fn proposed_for(exception: &Exception) -> Option<String> {
    let is = exception.resolution.starts_with(MARK);
    is.then(|| format!("{} {}", exception.resolution, exception.note))
}

/// Takes a credit that nobody could explain for recoveries. As for every exception it takes two
/// people: the first to say so proposes it, and another who says the same books it and settles the
/// exception. One voucher clears the suspense and books the money: of this year's expense to its
/// appropriation, otherwise to be held for the treasury.
///
/// # Errors
/// [`Kind::RecoveryReceipt`], [`Kind::RecoveryDiffers`], [`Kind::TwoPeople`],
/// [`Kind::RecoveryExceeded`] when more came in than is owed, [`Kind::RecoveryCredit`] for more
/// than is left of the credit, [`Kind::RecoveryState`].
#[boxed]
pub async fn receive(
    app: &App,
    caller: &Caller,
    receipt: &Receipt,
    key: Option<String>,
) -> Result<Done, Error> {
    let mut ids = receipt.recoveries.clone();
    ids.sort_unstable();
    ids.dedup();
    let numbers: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let order = order(RecoveryEvent::Receive, key)
        .field("recoveries", numbers)
        .field("exception", receipt.exception.get())
        .field("appropriation", receipt.appropriation.as_deref())
        .field("amount_fen", receipt.amount.map(Fen::get));
    let on = app.clock.today();
    app.command(caller, order, async |write| {
        let book = write.book();
        let found = exception::exception(write.tx(), book, receipt.exception).await?;
        let mut credit = found.ok_or_else(|| not_found("差异 exception", receipt.exception))?;
        let bank = suspended(write, &credit).await?;
        let document = receipt.appropriation.as_deref();
        for recovery in store::recoveries_of(write.tx(), book, &ids).await? {
            may(&recovery, RecoveryEvent::Receive, caller)?;
        }
        let (amount, rest) = of_credit(write, &credit, receipt.amount).await?;
        let parts = Part::all(write, caller, &ids, amount, (bank, document), on).await?;
        let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let mut resolution = format!("{MARK}{}", texts.join(","));
        if rest > Fen::ZERO {
            resolution += &format!(" {amount}");
        }
        let note = document.unwrap_or_default();
        match credit.state {
            ExceptionState::Settled => Err(wrong_state(&credit)),
            ExceptionState::Open => {
                credit.resolution = resolution;
                note.clone_into(&mut credit.note);
                settle(write, caller, &mut credit, ExceptionState::Proposed).await?;
                Ok(answer(&credit, &parts, amount, None))
            }
            ExceptionState::Proposed => {
                if (credit.resolution.as_str(), credit.note.as_str()) != (&resolution, note) {
                    let proposed = format!("{} {}", credit.resolution, credit.note);
                    return Err(Problem::new(Kind::RecoveryDiffers)
                        .with("id", credit.id)
                        .with("proposed", proposed.trim())
                        .into());
                }
                if credit.user == caller.user.id {
                    return Err(Problem::new(Kind::TwoPeople)
                        .with("user", &caller.user.login)
                        .into());
                }
                let came_in = CameIn { bank, amount, rest };
                book_receipt(write, caller, &mut credit, came_in, parts, on).await
            }
        }
    })
    .await
}

/// What is taken of a credit, and what stays unexplained of it.
struct CameIn {
    bank: BankAccountId,
    amount: Fen,
    rest: Fen,
}

/// How much of a credit is to be taken, and what is left of it then.
async fn of_credit(
    write: &mut Write,
    credit: &Exception,
    wanted: Option<Fen>,
) -> Result<(Fen, Fen), Error> {
    let book = write.book();
    let taken = store::taken(write.tx(), book, Some(credit.id)).await?;
    let left = (credit.amount).minus(taken.get(&credit.id).copied().unwrap_or_default())?;
    let amount = wanted.unwrap_or(left);
    if amount <= Fen::ZERO || amount > left {
        return Err(Problem::new(Kind::RecoveryCredit)
            .with("id", credit.id)
            .with("left", left.grouped())
            .with("amount", amount.grouped())
            .into());
    }
    Ok((amount, left.minus(amount)?))
}

/// What a credit pays of one recovery.
struct Part {
    recovery: Recovery,
    amount: Fen,
    standing: Standing,
    home: Option<AppropriationId>,
}

impl Part {
    /// Lays money over recoveries, one after the other; all of it has to be owed.
    async fn all(
        write: &mut Write,
        caller: &Caller,
        ids: &[RecoveryId],
        came_in: Fen,
        (bank, document): (BankAccountId, Option<&str>),
        on: Date,
    ) -> Result<Vec<Part>, Error> {
        let mut rest = came_in;
        let mut parts = Vec::with_capacity(ids.len());
        for id in ids {
            let recovery = load(write, *id).await?;
            may(&recovery, RecoveryEvent::Receive, caller)?;
            let amount = rest.min(recovery.left);
            if amount == Fen::ZERO {
                return Err(exceeded(&recovery, Fen::ZERO));
            }
            rest = rest.minus(amount)?;
            let standing = standing_of(write, &recovery, on).await?;
            let home = match standing {
                Standing::Same => Some(home(write, &recovery, bank, document).await?),
                Standing::Closed | Standing::Earlier => None,
            };
            parts.push(Part {
                recovery,
                amount,
                standing,
                home,
            });
        }
        match parts.last() {
            Some(last) if rest > Fen::ZERO => Err(exceeded(&last.recovery, came_in)),
            Some(_) => Ok(parts),
            None => Err(not_found("追缴 recovery", "")),
        }
    }

    fn post(&self, bank: BankAccountId, out: &mut Vec<Posting>) {
        let (program, payment) = (self.recovery.program, PaymentId(self.recovery.id.get()));
        // Of an earlier year the appropriation is not looked at.
        let home = self.home.unwrap_or(AppropriationId(0));
        let year = expense_year(self.standing);
        rules::overpayment_received(program, bank, home, year, payment, self.amount, out);
        if self.standing == Standing::Closed {
            rules::recovered_of_closed_year(program, payment, self.amount, out);
        }
    }
}

/// The bank account of a credit that stands in suspense.
async fn suspended(write: &mut Write, credit: &Exception) -> Result<BankAccountId, Error> {
    let kinds = [
        ExceptionKind::UnexplainedCredit.code(),
        ExceptionKind::RefundWithoutOriginal.code(),
    ];
    let book = write.book();
    let all = statement::statements(write.tx(), book).await?;
    let source = all.iter().find(|statement| {
        credit.source == "statement"
            && kinds.contains(&credit.kind.as_str())
            && credit.amount > Fen::ZERO
            && statement.id.get() == credit.source_id
    });
    let source = source.ok_or_else(|| Problem::new(Kind::RecoveryReceipt).with("id", credit.id))?;
    Ok(source.bank_account)
}

/// The appropriation that money of this year goes home to: of the program, and at the account that
/// the money came in at.
async fn home(
    write: &mut Write,
    recovery: &Recovery,
    bank: BankAccountId,
    document: Option<&str>,
) -> Result<AppropriationId, Error> {
    let book = write.book();
    let all = fund::appropriations(write.tx(), book).await?;
    let drawn_on = match document {
        None => store::drawn_on(write.tx(), book, recovery.id).await?,
        Some(_) => None,
    };
    let wanted = |lot: &&Appropriation| match document {
        Some(document) => lot.document == document,
        None => drawn_on == Some(lot.id),
    };
    let fits = |lot: &&Appropriation| lot.program == recovery.program && lot.bank_account == bank;
    let found = all.iter().filter(wanted).find(fits);
    let found = found.ok_or_else(|| not_found("指标 appropriation", document.unwrap_or("—")))?;
    Ok(found.id)
}

async fn book_receipt(
    write: &mut Write,
    caller: &Caller,
    credit: &mut Exception,
    came_in: CameIn,
    mut parts: Vec<Part>,
    on: Date,
) -> Result<Value, Error> {
    let CameIn { bank, amount, rest } = came_in;
    let mut postings = Vec::new();
    for part in &parts {
        part.post(bank, &mut postings);
    }
    rules::suspense_cleared(bank, amount, &mut postings);
    let Some(first) = parts.first() else {
        return Err(not_found("追缴 recovery", ""));
    };
    let summary = format!("收回追缴款 差异{}", credit.id);
    let maker = credit.user;
    let posted = post(
        write,
        (maker, caller),
        &first.recovery,
        on,
        summary,
        &postings,
    )
    .await?;
    for part in &mut parts {
        let moved = Moved {
            amount: part.amount,
            standing: Some(part.standing),
            bank_account: Some(bank),
            appropriation: part.home,
            exception: Some(credit.id),
            run: None,
            voucher: posted.as_ref().map(|posted| posted.id),
        };
        let owed = &mut part.recovery;
        advance(write, caller, owed, RecoveryEvent::Receive, on, &moved, "").await?;
    }
    let state = match rest > Fen::ZERO {
        true => ExceptionState::Open,
        false => ExceptionState::Settled,
    };
    settle(write, caller, credit, state).await?;
    let voucher = posted.map(|posted| format!("{} 记-{:04}", posted.month, posted.number));
    let mut told = answer(credit, &parts, amount, voucher);
    told["left_fen"] = rest.get().into();
    Ok(told)
}

/// Takes an exception one step further, by the caller.
async fn settle(
    write: &mut Write,
    caller: &Caller,
    credit: &mut Exception,
    state: ExceptionState,
) -> Result<(), Error> {
    credit.state = state;
    credit.events += 1;
    credit.user = caller.user.id;
    let event = match state {
        ExceptionState::Settled => "confirm",
        ExceptionState::Proposed => "propose",
        // Part of the credit is explained; the rest is not.
        ExceptionState::Open => "part",
    };
    Ok(exception::add_event(write, credit, event).await?)
}

fn wrong_state(credit: &Exception) -> Error {
    Problem::new(Kind::ExceptionState)
        .with("id", credit.id)
        .with("state", credit.state.name())
        .with("event", RecoveryEvent::Receive.name())
        .into()
}

fn answer(credit: &Exception, parts: &[Part], amount: Fen, voucher: Option<String>) -> Value {
    let part = |part: &Part| {
        json!({
            "recovery": part.recovery.id.get(),
            "state": part.recovery.state.code(),
            "amount_fen": part.amount.get(),
            "left_fen": part.recovery.left.get(),
            "appropriation": part.home.map(AppropriationId::get),
        })
    };
    json!({
        "exception": credit.id.get(),
        "state": credit.state.code(),
        "amount_fen": amount.get(),
        "recoveries": parts.iter().map(part).collect::<Value>(),
        "voucher": voucher,
    })
}

/// Proposes that what is left of a recovery be given up; another person confirms it.
///
/// # Errors
/// [`Kind::RecoveryState`] when it is not open.
#[boxed]
pub async fn write_off(
    app: &App,
    caller: &Caller,
    id: RecoveryId,
    reason: &str,
    key: Option<String>,
) -> Result<Done, Error> {
    let said = (RecoveryEvent::ProposeWriteOff, reason);
    reasoned_step(app, caller, id, said, key).await
}

/// Gives up what is left of a recovery, as another person proposed. What was taken from this
/// year's expense is charged to it again, from a closed year's to its adjustment; what would have
/// been the treasury's is not due to it any more.
///
/// # Errors
/// [`Kind::TwoPeople`] for the one who proposed it, [`Kind::RecoveryState`].
#[boxed]
pub async fn confirm_write_off(
    app: &App,
    caller: &Caller,
    id: RecoveryId,
    key: Option<String>,
) -> Result<Done, Error> {
    let event = RecoveryEvent::ConfirmWriteOff;
    let order = order(event, key).field("recovery", id.get());
    let on = app.clock.today();
    app.command(caller, order, async |write| {
        let mut recovery = load(write, id).await?;
        may(&recovery, event, caller)?;
        let book = write.book();
        let lines = store::lines(write.tx(), book, id).await?;
        let parts = charged_again(recovery.left, &by_component(&lines)?)?;
        let standing = standing_of(write, &recovery, on).await?;
        let mut postings = Vec::new();
        let (program, payment) = (recovery.program, PaymentId(id.get()));
        rules::overpayment_written_off(program, standing, &parts, payment, &mut postings);
        let maker = recovery.user;
        let summary = format!("核销追缴款 追缴{id}");
        let posted = post(write, (maker, caller), &recovery, on, summary, &postings).await?;
        let moved = Moved {
            amount: recovery.left,
            standing: Some(standing),
            voucher: posted.as_ref().map(|posted| posted.id),
            ..Moved::default()
        };
        advance(write, caller, &mut recovery, event, on, &moved, "").await?;
        if standing == Standing::Same {
            store::add_write_off(write, &recovery, &parts).await?;
        }
        Ok(told(&recovery, posted.as_ref()))
    })
    .await
}

/// Recovered money that goes to the treasury.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandOver {
    /// Code of the program.
    pub program: String,
    /// How much.
    pub amount: Fen,
    /// Code of the account that the money came in at; the paying account of the program when it
    /// is not given.
    pub account: Option<String>,
    /// 文号 of the appropriation that kept the money because payments withheld it; none for money
    /// that came in as cash.
    pub appropriation: Option<String>,
    /// When it was paid over; today when it is not given.
    pub on: Option<Date>,
}

/// Hands recovered money of earlier years to the treasury.
///
/// # Errors
/// [`Kind::RecoveryHeld`] for more than is held, [`Kind::NotFound`], [`Kind::PeriodClosed`].
#[boxed]
pub async fn hand_over(
    app: &App,
    caller: &Caller,
    over: &HandOver,
    key: Option<String>,
) -> Result<Done, Error> {
    let on = over.on.unwrap_or_else(|| app.clock.today());
    let order = Order::new("recovery.hand-over", Action::PostVoucher)
        .key(key)
        .field("program", over.program.as_str())
        .field("amount_fen", over.amount.get())
        .field("account", over.account.as_deref())
        .field("appropriation", over.appropriation.as_deref())
        .field("on", over.on.map(|on| on.to_string()));
    app.command(caller, order, async |write| {
        let book = write.book();
        let program = program(write, &over.program).await?;
        let (bank, lot) = place(write, over, program).await?;
        let at = lot.is_none().then_some(bank);
        let held = store::held(write.tx(), book, program, at).await?;
        if over.amount <= Fen::ZERO || over.amount > held {
            return Err(Problem::new(Kind::RecoveryHeld)
                .with("held", held.grouped())
                .with("amount", over.amount.grouped())
                .into());
        }
        let id = write.allot("hand_over", 1).await?;
        let draft = VoucherDraft {
            on_date: on,
            summary: format!("上缴追缴款 {}", over.program),
            maker: caller.user.id,
            checker: None,
            source: "hand-over",
            source_id: id,
            reverses: None,
        };
        let mut postings = Vec::new();
        rules::handed_to_treasury(program, bank, lot, over.amount, &mut postings);
        let mut poster = Poster::begin(write, draft).await?;
        poster.push_all(write, &postings).await?;
        let posted = poster.finish(write).await?;
        let posted = posted.ok_or_else(|| not_found("凭证 voucher", id))?;
        let held = held.minus(over.amount)?;
        let row = store::HandOver {
            id,
            program,
            bank_account: bank,
            appropriation: lot,
            amount: over.amount,
            held,
            on,
            user: caller.user.id,
            voucher: posted.id,
        };
        store::add_hand_over(write, &row).await?;
        Ok(json!({
            "program": over.program,
            "amount_fen": over.amount.get(),
            "left_fen": held.get(),
            "voucher": format!("{} 记-{:04}", posted.month, posted.number),
        }))
    })
    .await
}

/// From which account, and from which appropriation, money is handed over.
async fn place(
    write: &mut Write,
    over: &HandOver,
    program: ledger::id::ProgramId,
) -> Result<(BankAccountId, Option<AppropriationId>), Error> {
    let book = write.book();
    if let Some(document) = &over.appropriation {
        let all = fund::appropriations(write.tx(), book).await?;
        let lot = all
            .iter()
            .find(|lot| lot.document == *document && lot.program == program);
        let lot = lot.ok_or_else(|| not_found("指标 appropriation", document))?;
        return Ok((lot.bank_account, Some(lot.id)));
    }
    if let Some(code) = &over.account {
        let banks = ledger_store::policy::bank_accounts(write.tx(), book).await?;
        let bank = banks.iter().find(|bank| bank.code == *code);
        let bank = bank.ok_or_else(|| not_found("账户 bank account", code))?;
        return Ok((bank.id, None));
    }
    let funding = fund::funding_rules(write.tx(), book).await?;
    let rule = funding.iter().find(|rule| rule.program == program);
    let rule = rule.ok_or_else(|| not_found("资金安排 funding rule", program))?;
    Ok((rule.bank_account, None))
}
