//! Statements (对账单): what the bank says moved is matched to what the books expect; refunds come
//! home to the appropriations that they were drawn on.

use ledger_store::boxed;
use std::collections::{BTreeMap, HashMap};

use bank_adapters::{StatementFile, is_blocked, read_statement};
use ledger::calendar::{Date, Month};
use ledger::disbursement::role::Action;
use ledger::id::{
    AppropriationId, BatchId, ExceptionId, PaymentId, ProgramId, StatementId, UserId,
};
use ledger::journal::{Posting, rules};
use ledger::money::Fen;
use ledger::problem::{Kind, Problem};
use ledger_store::answer::{self, Outcome};
use ledger_store::batch;
use ledger_store::exception::{self, Exception, ExceptionState};
use ledger_store::journal::{Poster, VoucherDraft};
use ledger_store::policy::{self, BankAccount};
use ledger_store::statement::{
    self as store, AwaitedRefund, DebitOf, Statement, StatementLine, UnseenDebit,
};
use ledger_store::success;
use ledger_store::write::Write;
use reconciliation::answer::ExceptionKind;
use reconciliation::statement::{Expected, Movement, Nature, match_statement, unexplained_kind};
use serde_json::{Value, json};

use super::release::{attempt_key, profile, read_key, rejected};
use super::view::{Report, Table, words};
use super::{App, Caller, Done, Error, Order, not_found};

/// Imports a statement of one account.
///
/// # Errors
/// [`Kind::FileSeen`], [`Kind::FileRejected`], [`Kind::StatementBroken`] when opening, movements
/// and closing do not add up, [`Kind::StatementOverlap`] and [`Kind::StatementGap`] when it does
/// not follow the one before it.
#[boxed]
pub async fn import(
    app: &App,
    caller: &Caller,
    account: &str,
    file_name: &str,
    bytes: &[u8],
    layout: Option<&str>,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("statement.import", Action::ImportStatement)
        .key(key)
        .field("account", account)
        .file(file_name, bytes)
        .field("profile", layout);
    app.command(caller, order, async |write| {
        let book = write.book();
        let banks = policy::bank_accounts(write.tx(), book).await?;
        let bank = banks.into_iter().find(|bank| bank.code == account);
        let bank = bank.ok_or_else(|| not_found("账户 bank account", account))?;
        let layout = layout.unwrap_or(&bank.statement_profile);
        let (file, findings) = read_statement(profile(app, layout)?, bytes);
        if is_blocked(&findings) {
            return Err(rejected(findings));
        }
        let moved = judge(write, &bank, &file).await?;
        let stored = batch::store_file(write, "statement", file_name, bytes).await?;
        let on = super::period::open_date(write, file.to, app.clock.today()).await?;
        let statement = Statement {
            id: StatementId(write.allot("statement", 1).await?),
            file: stored.id,
            bank_account: bank.id,
            from: file.from.to_string(),
            to: file.to.to_string(),
            opening: file.opening,
            closing: file.closing,
            moved,
            lines: i64::try_from(file.lines.len()).unwrap_or(i64::MAX),
            content_hash: file.content_hash,
            entry: 0,
        };
        let mut taken = Taken::match_all(write, &bank, &file).await?;
        taken.store(write, caller, &bank, &statement, on).await
    })
    .await
}

/// The file adds up, is of this account, is new, and follows the statement before it.
async fn judge(write: &mut Write, bank: &BankAccount, file: &StatementFile) -> Result<Fen, Error> {
    if file.account_no != bank.account_no {
        let found = super::roster::mask_account(&file.account_no);
        return Err(super::policy::invalid("账号 account", &found, &bank.code));
    }
    let moved = Fen::sum(file.lines.iter().map(|line| line.amount))?;
    if file.opening.plus(moved)? != file.closing {
        return Err(Problem::new(Kind::StatementBroken)
            .with("opening", file.opening.grouped())
            .with("moved", moved.grouped())
            .with("closing", file.closing.grouped())
            .into());
    }
    let book = write.book();
    let all = store::statements(write.tx(), book).await?;
    let of_account = all.iter().filter(|earlier| earlier.bank_account == bank.id);
    let mut last: Option<&Statement> = None;
    for earlier in of_account {
        if earlier.content_hash == file.content_hash {
            return Err(Problem::new(Kind::FileSeen)
                .with("time", &earlier.to)
                .with("id", earlier.id)
                .into());
        }
        if last.is_none_or(|last| earlier.to > last.to) {
            last = Some(earlier);
        }
    }
    match last {
        Some(last) if last.to >= file.from.to_string() => Err(Problem::new(Kind::StatementOverlap)
            .with("from", file.from)
            .with("to", &last.to)
            .into()),
        Some(last) if last.closing != file.opening => Err(Problem::new(Kind::StatementGap)
            .with("opening", file.opening.grouped())
            .with("previous", last.closing.grouped())
            .into()),
        _ => Ok(moved),
    }
}

/// A refund that came home: where it goes.
struct Home {
    payment: PaymentId,
    attempt: i64,
    line_no: i64,
    amount: Fen,
    program: ProgramId,
    /// Expense of an earlier year is not taken back from this year's.
    sent_on: Date,
    draws: Vec<(AppropriationId, Fen)>,
    /// The step of the answer that it was paid, when the money comes back after that (退票).
    late: Option<i64>,
}

/// A statement matched against the books.
#[derive(Default)]
struct Taken {
    lines: Vec<StatementLine>,
    homes: Vec<Home>,
    unexplained: Vec<(i64, Fen, ExceptionKind)>,
    /// What is known of movements that nothing explains, by their place.
    kinds: HashMap<usize, ExceptionKind>,
}

/// What the books expect to see on a statement.
struct Awaited {
    debits: Vec<UnseenDebit>,
    refunds: Vec<AwaitedRefund>,
    credits: Vec<(AppropriationId, String, Fen)>,
}

impl Awaited {
    async fn load(write: &mut Write, bank: &BankAccount) -> Result<Awaited, Error> {
        let book = write.book();
        Ok(Awaited {
            debits: store::unseen_debits(write.tx(), book, bank.id).await?,
            refunds: store::awaited_refunds(write.tx(), book, bank.id).await?,
            credits: store::unseen_appropriations(write.tx(), book, bank.id).await?,
        })
    }

    /// Debits, then refunds, then credits.
    fn expected(&self) -> Vec<Expected> {
        let debits = self.debits.iter().map(|debit| Expected::BatchDebit {
            batch: BatchId(0),
            batch_no: debit.batch_no.clone(),
            sent_on: debit.sent_on,
            amount: debit.amount,
        });
        let refunds = self.refunds.iter().map(|refund| Expected::Refund {
            payment: refund.payment,
            attempt: refund.attempt,
            key: attempt_key(refund.payment.get(), refund.attempt),
            account_no: refund.account_no.clone(),
            payee_name: refund.holder_name.clone(),
            amount: refund.amount,
        });
        let credits = self
            .credits
            .iter()
            .map(|(id, document, amount)| Expected::Credit {
                appropriation: *id,
                document: document.clone(),
                amount: *amount,
            });
        debits.chain(refunds).chain(credits).collect()
    }

    /// The debits at these places of [`Awaited::expected`], as parts of one movement.
    fn parts(&self, places: &[usize]) -> Result<Parts, Error> {
        let debits = places.iter().filter_map(|place| self.debits.get(*place));
        let mut debits: Vec<&UnseenDebit> = debits.collect();
        debits.sort_by_key(|debit| debit.id.stored());
        let part = |debit: &UnseenDebit| Ok((debit.id, Fen::ZERO.minus(debit.amount)?));
        debits.into_iter().map(part).collect()
    }

    /// What the item at this place of [`Awaited::expected`] is stored as, and the refund itself.
    fn at(&self, place: usize) -> (Match, Option<&AwaitedRefund>) {
        if let Some(debit) = self.debits.get(place) {
            let (kind, id) = debit.id.stored();
            return ((kind, id, 0), None);
        }
        let place = place - self.debits.len();
        if let Some(refund) = self.refunds.get(place) {
            return (
                ("refund", refund.payment.get(), refund.attempt),
                Some(refund),
            );
        }
        let (id, ..) = &self.credits[place - self.refunds.len()];
        (("appropriation", id.get(), 0), None)
    }
}

/// What a line was matched to: kind, number, attempt.
type Match = (&'static str, i64, i64);

const NO_MATCH: Match = ("none", 0, 0);

/// The debits that a line is the sum of, and how much each is of it.
type Parts = Vec<(DebitOf, Fen)>;

impl Taken {
    async fn match_all(
        write: &mut Write,
        bank: &BankAccount,
        file: &StatementFile,
    ) -> Result<Taken, Error> {
        let awaited = Awaited::load(write, bank).await?;
        let movements: Vec<Movement> = file.lines.iter().map(movement).collect();
        let matching = match_statement(&awaited.expected(), &movements);
        let mut taken = Taken::default();
        let mut wanted: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (movement, item) in &matching.matched {
            wanted.entry(*movement).or_default().push(*item);
        }
        let mut matched: HashMap<usize, (Match, Parts)> = HashMap::new();
        for (movement, items) in wanted {
            let found = match items.as_slice() {
                [item] => {
                    let (found, refund) = awaited.at(*item);
                    if let Some(refund) = refund {
                        let line_no = file.lines[movement].line.cast_signed();
                        taken.homes.push(home_of(write, refund, line_no).await?);
                    }
                    (found, Parts::new())
                }
                several => {
                    let parts = awaited.parts(several)?;
                    let count = i64::try_from(parts.len()).unwrap_or(i64::MAX);
                    (("several", count, 0), parts)
                }
            };
            matched.insert(movement, found);
        }
        for (movement, key) in &matching.late_refunds {
            let line = &file.lines[*movement];
            let Some(home) = late_refund(write, bank, key, line).await? else {
                if read_key(key).is_some() {
                    let kind = ExceptionKind::RefundWithoutOriginal;
                    taken.kinds.insert(*movement, kind);
                }
                continue;
            };
            // A second credit for the same attempt is somebody else's money.
            let known =
                |other: &Home| (other.payment, other.attempt) == (home.payment, home.attempt);
            if !taken.homes.iter().any(known) {
                let found = ("refund", home.payment.get(), home.attempt);
                matched.insert(*movement, (found, Parts::new()));
                taken.homes.push(home);
            }
        }
        taken.lines_of(file, matched, &movements);
        Ok(taken)
    }

    fn lines_of(
        &mut self,
        file: &StatementFile,
        mut matched: HashMap<usize, (Match, Parts)>,
        movements: &[Movement],
    ) {
        for (place, line) in file.lines.iter().enumerate() {
            let line_no = line.line.cast_signed();
            let found = matched.remove(&place);
            let ((match_kind, match_id, attempt), parts) =
                found.unwrap_or((NO_MATCH, Parts::new()));
            if match_kind == "none" {
                let known = self.kinds.get(&place).copied();
                let kind = known.unwrap_or_else(|| unexplained_kind(&movements[place]));
                self.unexplained.push((line_no, line.amount, kind));
            }
            let nfc = |text: &str| {
                let text = super::returns::without(text, &line.counterparty_name);
                let text = super::returns::without(&text, &line.counterparty_account);
                ledger::audit::canonical::nfc(&text).into_owned()
            };
            self.lines.push(StatementLine {
                line_no,
                on: line.date,
                amount: line.amount,
                summary: nfc(&line.summary),
                remark: nfc(&line.remark),
                match_kind,
                match_id,
                attempt,
                parts,
            });
        }
        self.lines.sort_by_key(|line| line.line_no);
        self.homes.sort_by_key(|home| (home.payment, home.attempt));
    }

    async fn store(
        &mut self,
        write: &mut Write,
        caller: &Caller,
        bank: &BankAccount,
        statement: &Statement,
        on: Date,
    ) -> Result<Value, Error> {
        store::add_statement(write, statement, &self.lines).await?;
        let late: Vec<Outcome> = self
            .homes
            .iter()
            .filter_map(|home| Some((home, home.late?)))
            .map(|(home, paid)| Outcome {
                payment: home.payment,
                attempt: home.attempt,
                step: paid + 1,
                kind: "refunded",
                reason: "returned".to_owned(),
                reason_text: "退汇".to_owned(),
                bank_reference: String::new(),
                line_no: home.line_no,
            })
            .collect();
        answer::add_outcomes(write, statement.id.get(), &late).await?;
        if !late.is_empty() {
            success::add_refunds(write, statement.id).await?;
        }
        let receipts: Vec<_> = self
            .homes
            .iter()
            .map(|home| (home.payment, home.attempt, home.line_no, home.amount))
            .collect();
        store::add_receipts(write, statement.id, &receipts).await?;
        let mut exceptions = self.exceptions(statement.id);
        exception::open(write, &mut exceptions, caller.user.id, on).await?;
        self.post(write, caller, bank, statement, on).await?;
        let matched = self.lines.len() - self.unexplained.len();
        Ok(json!({
            "statement": statement.id.get(),
            "account": bank.code,
            "from": statement.from,
            "to": statement.to,
            "opening_fen": statement.opening.get(),
            "closing_fen": statement.closing.get(),
            "lines": self.lines.len(),
            "matched": matched,
            "refunds": self.homes.len(),
            "late_refunds": late.len(),
            "exceptions": self.unexplained.len(),
        }))
    }

    fn exceptions(&self, id: StatementId) -> Vec<Exception> {
        self.unexplained
            .iter()
            .map(|(line_no, amount, kind)| Exception {
                id: ExceptionId(0),
                kind: kind.code().to_owned(),
                source: "statement".to_owned(),
                source_id: id.get(),
                line_no: *line_no,
                payment: 0,
                attempt: 0,
                amount: *amount,
                detail: kind.name(ledger::problem::Language::Zh).to_owned(),
                events: 1,
                state: ExceptionState::Open,
                user: UserId(0),
                resolution: String::new(),
                note: String::new(),
            })
            .collect()
    }

    async fn post(
        &self,
        write: &mut Write,
        caller: &Caller,
        bank: &BankAccount,
        statement: &Statement,
        on: Date,
    ) -> Result<(), Error> {
        let draft = VoucherDraft {
            on_date: on,
            summary: format!(
                "对账单 {} {} 至 {}",
                bank.code, statement.from, statement.to
            ),
            maker: caller.user.id,
            checker: None,
            source: "statement",
            source_id: statement.id.get(),
            reverses: None,
        };
        let mut postings: Vec<Posting> = Vec::new();
        for home in &self.homes {
            for (lot, amount) in &home.draws {
                let (program, payment, attempt) = (home.program, home.payment, home.attempt);
                if home.late.is_some() {
                    let refunded = rules::refunded_after_success;
                    refunded(
                        program,
                        bank.id,
                        *lot,
                        payment,
                        attempt,
                        *amount,
                        &mut postings,
                    );
                }
                let out = &mut postings;
                if Month::of(home.sent_on).year() < Month::of(on).year() {
                    let back = rules::refund_home_earlier_year;
                    back(bank.id, *lot, payment, attempt, *amount, out);
                } else {
                    let back = rules::refund_home;
                    back(program, bank.id, *lot, payment, attempt, *amount, out);
                }
            }
        }
        for (_, amount, _) in self
            .unexplained
            .iter()
            .filter(|(_, amount, _)| *amount > Fen::ZERO)
        {
            rules::suspense_received(bank.id, *amount, &mut postings);
        }
        let mut poster = Poster::begin(write, draft).await?;
        poster.push_all(write, &postings).await?;
        poster.finish(write).await?;
        Ok(())
    }
}

/// Where an awaited refund goes.
async fn home_of(write: &mut Write, refund: &AwaitedRefund, line_no: i64) -> Result<Home, Error> {
    let (book, payment, attempt) = (write.book(), refund.payment, refund.attempt);
    let draws = match refund.appropriation {
        Some(lot) => vec![(lot, refund.amount)],
        None => batch::parts_of(write.tx(), book, payment, attempt).await?,
    };
    Ok(Home {
        payment,
        attempt,
        line_no,
        amount: refund.amount,
        program: refund.program,
        sent_on: refund.sent_on,
        draws,
        late: None,
    })
}

/// A credit that names an attempt which was reported paid: the money came back (退票).
async fn late_refund(
    write: &mut Write,
    bank: &BankAccount,
    key: &str,
    line: &bank_adapters::StatementLine,
) -> Result<Option<Home>, Error> {
    let Some((payment, attempt)) = read_key(key) else {
        return Ok(None);
    };
    let (book, payment) = (write.book(), PaymentId(payment));
    let paid = store::paid_attempt(write.tx(), book, payment, attempt).await?;
    let Some(paid) = paid.filter(|paid| paid.bank_account == bank.id && paid.amount == line.amount)
    else {
        return Ok(None);
    };
    let draws = match paid.appropriation {
        Some(lot) => vec![(lot, paid.amount)],
        None => batch::parts_of(write.tx(), book, payment, attempt).await?,
    };
    Ok(Some(Home {
        payment,
        attempt,
        line_no: line.line.cast_signed(),
        amount: paid.amount,
        program: paid.program,
        sent_on: paid.sent_on,
        draws,
        late: Some(paid.step),
    }))
}

fn movement(line: &bank_adapters::StatementLine) -> Movement {
    Movement {
        line: line.line,
        date: line.date,
        amount: line.amount,
        summary: line.summary.clone(),
        counterparty_name: line.counterparty_name.clone(),
        counterparty_account: line.counterparty_account.clone(),
        remark: line.remark.clone(),
        bank_reference: line.bank_reference.clone(),
        nature: match line.nature {
            bank_adapters::Nature::Plain => Nature::Plain,
            bank_adapters::Nature::Fee => Nature::Fee,
            bank_adapters::Nature::Interest => Nature::Interest,
        },
    }
}

/// All statements.
#[boxed]
pub async fn list(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let statements = store::statements(&mut tx, caller.book.id).await?;
    let banks = policy::bank_accounts(&mut tx, caller.book.id).await?;
    let kinds = [ExceptionKind::BankFee, ExceptionKind::Interest].map(ExceptionKind::code);
    let sums = store::sums_of_kinds(&mut tx, caller.book.id, kinds).await?;
    tx.rollback().await?;
    let mut table = Table::new(
        words("对账单", "Statements"),
        &[
            ("编号", "number", true),
            ("账户", "account", false),
            ("起", "from", false),
            ("止", "to", false),
            ("期初(元)", "opening (yuan)", true),
            ("期末(元)", "closing (yuan)", true),
            ("笔数", "lines", true),
            ("手续费(元)", "fees (yuan)", true),
            ("利息(元)", "interest (yuan)", true),
        ],
    );
    let mut list = Vec::new();
    for s in &statements {
        let of = |kind: ExceptionKind| {
            let mut found = sums.iter();
            let found = found.find(|(id, code, _)| *id == s.id && code == kind.code());
            found.map_or(Fen::ZERO, |(.., sum)| *sum)
        };
        let (fees, interest) = (of(ExceptionKind::BankFee), of(ExceptionKind::Interest));
        let bank = banks.iter().find(|bank| bank.id == s.bank_account);
        let name = bank.map_or("", |bank| bank.bank_name.as_str());
        let bank = bank.map_or("", |bank| bank.code.as_str());
        table.row([
            s.id.to_string(),
            name.to_owned(),
            s.from.clone(),
            s.to.clone(),
            s.opening.grouped(),
            s.closing.grouped(),
            s.lines.to_string(),
            fees.grouped(),
            interest.grouped(),
        ]);
        list.push(json!({
            "statement": s.id.get(),
            "account": bank,
            "from": s.from,
            "to": s.to,
            "opening_fen": s.opening.get(),
            "closing_fen": s.closing.get(),
            "lines": s.lines,
            "fees_fen": fees.get(),
            "interest_fen": interest.get(),
            "entry": s.entry,
        }));
    }
    Ok(Report::new(json!({ "statements": list }), vec![table]))
}
