//! A statement matched against the books, and what is stored and booked of it.

use std::collections::{BTreeMap, HashMap};

use bank_adapters::StatementFile;
use ledger::calendar::{Date, Month};
use ledger::id::{
    AppropriationId, BatchId, ExceptionId, PaymentId, ProgramId, StatementId, UserId,
};
use ledger::journal::{Posting, rules};
use ledger::money::Fen;
use ledger_store::answer::{self, Outcome};
use ledger_store::batch;
use ledger_store::exception::{self, Exception, ExceptionState};
use ledger_store::journal::{Poster, VoucherDraft};
use ledger_store::policy::BankAccount;
use ledger_store::statement::{
    self as store, AwaitedRefund, DebitOf, Statement, StatementLine, UnseenDebit, UnseenTransfer,
};
use ledger_store::success;
use ledger_store::write::Write;
use reconciliation::answer::ReturnException;
use reconciliation::statement::{
    Expected, Movement, Nature, StatementMatching, match_statement, refund_without_original,
    unexplained_exception,
};

use crate::app::release::{attempt_key, read_key};
use crate::app::returns::without;
use crate::app::roster::{mask_name, mask_numbers};
use crate::app::{Caller, Error};

/// A statement matched against the books.
#[derive(Default)]
pub(super) struct Taken {
    /// Its movements, by their lines.
    pub(super) lines: Vec<StatementLine>,
    /// How people know what a line was matched to.
    pub(super) names: HashMap<i64, String>,
    /// Refunds that came home.
    pub(super) homes: Vec<Home>,
    /// Line, amount, what is wrong.
    pub(super) unexplained: Vec<(i64, Fen, ReturnException)>,
    /// What the books go on waiting for.
    pub(super) left: Vec<Left>,
}

/// What the books wait for: how people know it, its day, its amount as the bank would have it.
pub(super) type Left = (String, String, Fen);

/// A refund that came home: where it goes.
pub(super) struct Home {
    payment: PaymentId,
    attempt: i64,
    line_no: i64,
    amount: Fen,
    program: ProgramId,
    /// Expense of an earlier year is not taken back from this year's.
    sent_on: Date,
    draws: Vec<(AppropriationId, Fen)>,
    /// The step that the refund takes, when the money comes back after it was paid (退票).
    pub(super) late: Option<i64>,
}

/// What the books expect to see on a statement.
struct Awaited {
    debits: Vec<UnseenDebit>,
    transfers: Vec<UnseenTransfer>,
    refunds: Vec<AwaitedRefund>,
    credits: Vec<(AppropriationId, String, Fen)>,
}

impl Awaited {
    async fn load(write: &mut Write, bank: &BankAccount) -> Result<Awaited, Error> {
        let book = write.book();
        Ok(Awaited {
            debits: store::unseen_debits(write.tx(), book, bank.id).await?,
            transfers: store::unseen_transfers(write.tx(), book, bank.id).await?,
            refunds: store::awaited_refunds(write.tx(), book, bank.id).await?,
            credits: store::unseen_appropriations(write.tx(), book, bank.id).await?,
        })
    }

    /// Debits, then transfers, refunds and credits.
    fn expected(&self) -> Vec<Expected> {
        let debits = self.debits.iter().map(batch_debit);
        let transfers = self.transfers.iter().map(|transfer| Expected::Transfer {
            voucher: transfer.voucher,
            reference: reference_of(transfer),
            on: transfer.on,
            amount: transfer.amount,
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
        let out = debits.chain(transfers);
        out.chain(refunds).chain(credits).collect()
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
        if let Some(transfer) = self.transfers.get(place) {
            return (("voucher", transfer.voucher.get(), 0), None);
        }
        let place = place - self.transfers.len();
        if let Some(refund) = self.refunds.get(place) {
            let of = (refund.payment.get(), refund.attempt);
            return (("refund", of.0, of.1), Some(refund));
        }
        let (id, ..) = &self.credits[place - self.refunds.len()];
        (("appropriation", id.get(), 0), None)
    }

    /// How people know the item at this place, and its day.
    fn name(&self, place: usize) -> (String, String) {
        if let Some(debit) = self.debits.get(place) {
            return (debit.batch_no.clone(), debit.sent_on.to_string());
        }
        let place = place - self.debits.len();
        if let Some(transfer) = self.transfers.get(place) {
            let name = format!("{} {}", transfer.number, transfer.summary);
            return (name, transfer.on.to_string());
        }
        let place = place - self.transfers.len();
        if let Some(refund) = self.refunds.get(place) {
            let key = attempt_key(refund.payment.get(), refund.attempt);
            return (key, refund.sent_on.to_string());
        }
        let (_, document, _) = &self.credits[place - self.refunds.len()];
        (document.clone(), String::new())
    }

    /// What is not among these places.
    fn left(&self, expected: &[Expected], matching: &StatementMatching) -> Vec<Left> {
        let mut open = vec![true; expected.len()];
        for (_, item) in &matching.matched {
            open[*item] = false;
        }
        let open = expected
            .iter()
            .enumerate()
            .filter(|(place, _)| open[*place]);
        open.map(|(place, item)| {
            let (name, on) = self.name(place);
            (name, on, item.signed_amount())
        })
        .collect()
    }
}

fn batch_debit(debit: &UnseenDebit) -> Expected {
    Expected::BatchDebit {
        batch: BatchId(0),
        batch_no: debit.batch_no.clone(),
        sent_on: debit.sent_on,
        amount: debit.amount,
    }
}

/// The text by which the bank would name it: the letter's number, or our reference of the attempt
/// that was paid twice.
fn reference_of(transfer: &UnseenTransfer) -> String {
    match transfer.attempt {
        Some((payment, attempt)) => attempt_key(payment.get(), attempt),
        None => transfer.document.clone(),
    }
}

/// What a line was matched to: kind, number, attempt.
type Match = (&'static str, i64, i64);

const NO_MATCH: Match = ("none", 0, 0);

/// The debits that a line is the sum of, and how much each is of it.
type Parts = Vec<(DebitOf, Fen)>;

/// What the movements were matched to, by their places.
type Found = HashMap<usize, (Match, Parts)>;

impl Taken {
    /// Matches the movements of a statement to what the books expect.
    pub(super) async fn match_all(
        write: &mut Write,
        bank: &BankAccount,
        file: &StatementFile,
    ) -> Result<Taken, Error> {
        let awaited = Awaited::load(write, bank).await?;
        let expected = awaited.expected();
        let movements: Vec<Movement> = file.lines.iter().map(movement).collect();
        let matching = match_statement(&expected, &movements);
        let mut taken = Taken {
            left: awaited.left(&expected, &matching),
            ..Taken::default()
        };
        let mut found = taken.matched(write, file, &awaited, &matching).await?;
        let mut told = told(write, bank, file, (&expected, &matching)).await?;
        for (place, key) in &matching.late_refunds {
            let line = &file.lines[*place];
            let Some(home) = late_refund(write, bank, key, line).await? else {
                if read_key(key).is_some() {
                    told.insert(*place, refund_without_original(&masked(line), key));
                }
                continue;
            };
            // A second credit for the same attempt is somebody else's money.
            let known =
                |other: &Home| (other.payment, other.attempt) == (home.payment, home.attempt);
            if !taken.homes.iter().any(known) {
                let refund = ("refund", home.payment.get(), home.attempt);
                found.insert(*place, (refund, Parts::new()));
                let name = attempt_key(home.payment.get(), home.attempt);
                taken.names.insert(home.line_no, name);
                taken.homes.push(home);
            }
        }
        taken.lines_of(file, found, told);
        Ok(taken)
    }

    /// What awaited items were matched to movements.
    async fn matched(
        &mut self,
        write: &mut Write,
        file: &StatementFile,
        awaited: &Awaited,
        matching: &StatementMatching,
    ) -> Result<Found, Error> {
        let mut wanted: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (movement, item) in &matching.matched {
            wanted.entry(*movement).or_default().push(*item);
        }
        let mut matched = Found::new();
        for (movement, items) in wanted {
            let line_no = file.lines[movement].line.cast_signed();
            let names: Vec<String> = items.iter().map(|item| awaited.name(*item).0).collect();
            self.names.insert(line_no, names.join("、"));
            let found = match items.as_slice() {
                [item] => {
                    let (found, refund) = awaited.at(*item);
                    if let Some(refund) = refund {
                        self.homes.push(home_of(write, refund, line_no).await?);
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
        Ok(matched)
    }

    fn lines_of(
        &mut self,
        file: &StatementFile,
        mut matched: Found,
        mut told: HashMap<usize, ReturnException>,
    ) {
        for (place, line) in file.lines.iter().enumerate() {
            let line_no = line.line.cast_signed();
            let found = matched.remove(&place);
            let ((match_kind, match_id, attempt), parts) =
                found.unwrap_or((NO_MATCH, Parts::new()));
            if match_kind == "none" {
                let wrong = told.remove(&place);
                let wrong = wrong.unwrap_or_else(|| unexplained_exception(&masked(line)));
                self.unexplained.push((line_no, line.amount, wrong));
            }
            self.lines.push(StatementLine {
                line_no,
                on: line.date,
                amount: line.amount,
                summary: impersonal(line, &line.summary),
                remark: impersonal(line, &line.remark),
                match_kind,
                match_id,
                attempt,
                parts,
            });
        }
        self.lines.sort_by_key(|line| line.line_no);
        self.homes.sort_by_key(|home| (home.payment, home.attempt));
    }

    /// Stores the statement, what its movements were matched to, and what is left unexplained; and
    /// books it.
    pub(super) async fn store(
        &self,
        write: &mut Write,
        caller: &Caller,
        bank: &BankAccount,
        statement: &Statement,
        on: Date,
    ) -> Result<(), Error> {
        store::add_statement(write, statement, &self.lines).await?;
        let late: Vec<Outcome> = self
            .homes
            .iter()
            .filter_map(|home| Some((home, home.late?)))
            .map(|(home, step)| Outcome {
                payment: home.payment,
                attempt: home.attempt,
                step,
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
        self.post(write, caller, bank, statement, on).await
    }

    fn exceptions(&self, id: StatementId) -> Vec<Exception> {
        self.unexplained
            .iter()
            .map(|(line_no, amount, wrong)| Exception {
                id: ExceptionId(0),
                kind: wrong.kind.code().to_owned(),
                source: "statement".to_owned(),
                source_id: id.get(),
                line_no: *line_no,
                payment: 0,
                attempt: 0,
                amount: *amount,
                detail: wrong.detail_zh.clone(),
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
        let credits = self.unexplained.iter().map(|one| one.1);
        for amount in credits.filter(|amount| *amount > Fen::ZERO) {
            rules::suspense_received(bank.id, amount, &mut postings);
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
        late: Some(paid.refund_step),
    }))
}

/// What is wrong with the movements that nothing explains, by their places.
async fn told(
    write: &mut Write,
    bank: &BankAccount,
    file: &StatementFile,
    (expected, matching): (&[Expected], &StatementMatching),
) -> Result<HashMap<usize, ReturnException>, Error> {
    let book = write.book();
    let batches: Vec<Expected> = match matching.unexplained.is_empty() {
        true => Vec::new(),
        false => {
            let all = store::batches_of(write.tx(), book, bank.id).await?;
            all.iter().map(batch_debit).collect()
        }
    };
    let movements: Vec<Movement> = file.lines.iter().map(masked).collect();
    let wrong = matching.exceptions(expected, &batches, &movements);
    Ok(matching.unexplained.iter().copied().zip(wrong).collect())
}

/// Words of a movement without the name and number of its counterparty.
fn impersonal(line: &bank_adapters::StatementLine, text: &str) -> String {
    let text = without(text, &line.counterparty_name);
    let text = without(&text, &line.counterparty_account);
    ledger::audit::canonical::nfc(&text).into_owned()
}

/// A movement as it is told to people: names and long numbers are hidden.
fn masked(line: &bank_adapters::StatementLine) -> Movement {
    let name = line.counterparty_name.trim();
    Movement {
        summary: mask_numbers(&impersonal(line, &line.summary)),
        remark: mask_numbers(&impersonal(line, &line.remark)),
        counterparty_name: match name {
            "" => String::new(),
            name => mask_name(name),
        },
        ..movement(line)
    }
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
