//! Appropriations (指标): quota letters come in and are reduced, what is left is carried over or goes
//! back to the treasury.

use ledger_store::boxed;
use std::collections::BTreeMap;

use ledger::account::Chart;
use ledger::audit::entry::ObjectRef;
use ledger::calendar::{Date, Month, parse_date};
use ledger::disbursement::role::Action;
use ledger::fund::Level;
use ledger::id::{AppropriationId, BookId};
use ledger::journal::rules;
use ledger::money::Fen;
use ledger::problem::{Kind, Place, Problem};
use ledger_store::db::Tx;
use ledger_store::fund::{self, Appropriation};
use ledger_store::journal::{self, Posted, Poster, VoucherDraft};
use ledger_store::write::Write;
use ledger_store::year::{self, CarryOver, Reduction};
use ledger_store::{policy, recovery};
use serde_json::{Value, json};

use super::view::{Report, Table, words};
use super::{App, Caller, Done, Error, Order, not_found};

/// An appropriation to be entered.
#[derive(Clone, Debug)]
pub struct NewAppropriation {
    /// 文号.
    pub document: String,
    /// Who granted it.
    pub level: Level,
    /// Budget year.
    pub budget_year: i64,
    /// Code of the program that it pays for.
    pub program: String,
    /// Code of the account that it arrived in.
    pub bank_account: String,
    /// The amount.
    pub amount: Fen,
    /// When it arrived.
    pub received_on: Date,
    /// Lower is drawn first.
    pub priority: i64,
}

/// Enters one appropriation and books its arrival.
///
/// # Errors
/// `FieldInvalid` for a day of arrival that has not come: money is drawn once it is there;
/// `AmountInvalid`; `NotFound`; `AlreadyExists` for a document that the program has already.
#[boxed]
pub async fn add(
    app: &App,
    caller: &Caller,
    new: &NewAppropriation,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("appropriation.add", Action::EnterAppropriation)
        .key(key)
        .field("document", new.document.as_str())
        .field("level", new.level.code())
        .field("budget_year", new.budget_year)
        .field("program", new.program.as_str())
        .field("bank_account", new.bank_account.as_str())
        .field("amount_fen", new.amount.get())
        .field("received_on", new.received_on.to_string())
        .field("priority", new.priority);
    let today = app.clock.today();
    app.command(caller, order, async |write| {
        enter(write, caller, (new, today)).await
    })
    .await
}

/// Enters the appropriations of a CSV file: all of them or none.
///
/// Columns: 文号, 级次, 年度, 项目, 账户, 金额, 到账日期, 顺序.
#[boxed]
pub async fn import(
    app: &App,
    caller: &Caller,
    file_name: &str,
    bytes: &[u8],
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("appropriation.import", Action::EnterAppropriation)
        .key(key)
        .file(file_name, bytes);
    app.command(caller, order, async |write| {
        let today = app.clock.today();
        let rows = read_csv(file_name, bytes)?;
        ledger_store::batch::store_file(write, "appropriation", file_name, bytes).await?;
        let mut total = Fen::ZERO;
        for new in &rows {
            enter(write, caller, (new, today)).await?;
            total = total.plus(new.amount)?;
        }
        Ok(json!({ "appropriations": rows.len(), "total_fen": total.get() }))
    })
    .await
}

/// It is money, and it is there.
fn is_sound(new: &NewAppropriation, today: Date) -> Result<(), Error> {
    if new.received_on > today {
        let wanted = format!("不晚于今天 {today} 的到账日 a day of arrival up to today");
        let value = new.received_on.to_string();
        return Err(super::policy::invalid("received_on", &value, &wanted));
    }
    if new.amount <= Fen::ZERO {
        return Err(Problem::new(Kind::AmountInvalid)
            .with("value", new.amount)
            .into());
    }
    Ok(())
}

async fn enter(
    write: &mut Write,
    caller: &Caller,
    (new, today): (&NewAppropriation, Date),
) -> Result<Value, Error> {
    is_sound(new, today)?;
    let book = write.book();
    let programs = policy::programs(write.tx(), book).await?;
    let program = programs.iter().find(|program| program.code == new.program);
    let program = program.ok_or_else(|| not_found("项目 program", &new.program))?;
    let accounts = policy::bank_accounts(write.tx(), book).await?;
    let account = accounts
        .iter()
        .find(|account| account.code == new.bank_account);
    let account = account.ok_or_else(|| not_found("账户 bank account", &new.bank_account))?;
    unknown_yet(write, &new.document, program.id).await?;
    let stored = Appropriation {
        id: AppropriationId(write.allot("appropriation", 1).await?),
        document: new.document.clone(),
        level: new.level,
        budget_year: new.budget_year,
        function_code: program.function_code.clone(),
        program: program.id,
        bank_account: account.id,
        amount: new.amount,
        received_on: new.received_on,
        priority: new.priority,
        entry: 0,
    };
    fund::add_appropriation(write, &stored).await?;
    let draft = VoucherDraft {
        on_date: new.received_on,
        summary: format!(
            "收到{}指标 {} {}",
            new.level.name(),
            new.document,
            program.name
        ),
        maker: caller.user.id,
        checker: None,
        source: "appropriation",
        source_id: stored.id.get(),
        reverses: None,
    };
    let mut postings = Vec::new();
    rules::appropriation_received(account.id, stored.id, new.amount, &mut postings);
    let mut poster = Poster::begin(write, draft).await?;
    poster.push_all(write, &postings).await?;
    let posted = poster.finish(write).await?;
    write.object(ObjectRef {
        kind: "appropriation".to_owned(),
        id: stored.id.to_string(),
        version: None,
        hash: None,
        count: None,
    });
    Ok(json!({
        "appropriation": stored.id.get(),
        "document": stored.document,
        "program": program.code,
        "amount_fen": stored.amount.get(),
        "voucher": posted.map(|posted| format!("{} 记-{:04}", posted.month, posted.number)),
    }))
}

/// Refuses a document that is entered for the program already.
async fn unknown_yet(
    write: &mut Write,
    document: &str,
    program: ledger::id::ProgramId,
) -> Result<(), Error> {
    let book = write.book();
    let known = fund::appropriations(write.tx(), book).await?;
    match known
        .iter()
        .any(|a| a.document == document && a.program == program)
    {
        false => Ok(()),
        true => Err(exists("指标文 appropriation", document)),
    }
}

/// Books that unspent money goes back to the treasury.
///
/// # Errors
/// When there is no such letter; [`Kind::Overdrawn`] when less is left.
#[boxed]
pub async fn return_to_treasury(
    app: &App,
    caller: &Caller,
    document: &str,
    program: &str,
    amount: Fen,
    on: Option<Date>,
    key: Option<String>,
) -> Result<Done, Error> {
    let day = on.unwrap_or_else(|| app.clock.today());
    let order = Order::new("appropriation.return", Action::PostVoucher)
        .key(key)
        .field("document", document)
        .field("program", program)
        .field("amount_fen", amount.get())
        .field("on", on.map(|on| on.to_string()));
    app.command(caller, order, async |write| {
        let wanted = letter(write, document, Some(program)).await?;
        let summary = format!("结余缴回财政 {document}");
        let from = ("treasury", wanted.id.get());
        let posted = give_back(write, caller, &wanted, (amount, day), from, summary).await?;
        Ok(json!({
            "appropriation": wanted.id.get(),
            "document": document,
            "amount_fen": amount.get(),
            "voucher": posted.map(|posted| format!("{} 记-{:04}", posted.month, posted.number)),
        }))
    })
    .await
}

/// A letter that takes unspent money of an appropriation back (追减).
#[derive(Clone, Debug)]
pub struct NewReduction {
    /// 文号 of the appropriation.
    pub document: String,
    /// Code of its program, needed when the letter grants money to several.
    pub program: Option<String>,
    /// 文号 of the letter that takes it back.
    pub by: String,
    /// How much.
    pub amount: Fen,
    /// On which day; today when not given.
    pub on: Option<Date>,
}

/// Enters a letter that takes unspent money back, and books that it goes.
///
/// # Errors
/// When there is no such appropriation, [`Kind::AlreadyExists`] when the letter was entered for it,
/// [`Kind::Overdrawn`] when less is left.
#[boxed]
pub async fn reduce(
    app: &App,
    caller: &Caller,
    new: &NewReduction,
    key: Option<String>,
) -> Result<Done, Error> {
    let on = new.on.unwrap_or_else(|| app.clock.today());
    let order = Order::new("appropriation.reduce", Action::PostVoucher)
        .key(key)
        .field("document", new.document.as_str())
        .field("program", new.program.as_deref())
        .field("by", new.by.as_str())
        .field("amount_fen", new.amount.get())
        .field("on", new.on.map(|on| on.to_string()));
    app.command(caller, order, async |write| {
        let by = new.by.trim();
        if by.is_empty() {
            return Err(super::policy::invalid(
                "by",
                "",
                "追减文号 a document number",
            ));
        }
        if new.amount <= Fen::ZERO {
            return Err(Problem::new(Kind::AmountInvalid)
                .with("value", new.amount)
                .into());
        }
        let wanted = letter(write, &new.document, new.program.as_deref()).await?;
        let book = write.book();
        let known = year::reductions(write.tx(), book).await?;
        let mut known = known.iter();
        if known.any(|row| row.appropriation == wanted.id && row.document == by) {
            return Err(exists("追减文 reduction", by));
        }
        let reduction = Reduction {
            id: write.allot("reduction", 1).await?,
            appropriation: wanted.id,
            document: by.to_owned(),
            amount: new.amount,
            on,
            entry: 0,
        };
        year::add_reduction(write, &reduction).await?;
        let summary = format!("追减{}指标 {} {by}", wanted.level.name(), wanted.document);
        let (what, from) = ((new.amount, on), ("reduction", reduction.id));
        let posted = give_back(write, caller, &wanted, what, from, summary).await?;
        Ok(json!({
            "appropriation": wanted.id.get(),
            "document": wanted.document,
            "by": by,
            "amount_fen": new.amount.get(),
            "voucher": posted.map(|posted| format!("{} 记-{:04}", posted.month, posted.number)),
        }))
    })
    .await
}

/// Books that unspent money leaves, on a day; of money that an earlier year received, from the
/// surplus of that year.
async fn give_back(
    write: &mut Write,
    caller: &Caller,
    letter: &Appropriation,
    (amount, on): (Fen, Date),
    (source, source_id): (&'static str, i64),
    summary: String,
) -> Result<Option<Posted>, Error> {
    let draft = VoucherDraft {
        on_date: on,
        summary,
        maker: caller.user.id,
        checker: None,
        source,
        source_id,
        reverses: None,
    };
    left_since(write, letter, (amount, on)).await?;
    let mut postings = Vec::new();
    let (at, out) = (letter.bank_account, &mut postings);
    match Month::of(letter.received_on).year() < Month::of(on).year() {
        true => rules::returned_to_treasury_earlier_year(at, letter.id, amount, out),
        false => rules::returned_to_treasury(at, letter.id, amount, out),
    }
    let mut poster = Poster::begin(write, draft).await?;
    poster.push_all(write, &postings).await?;
    Ok(poster.finish(write).await?)
}

/// Refuses to take more from an appropriation than it held at the end of the month of a day, or of
/// any month after it: its balances of the past would be below zero, and its year could not be
/// closed.
async fn left_since(
    write: &mut Write,
    letter: &Appropriation,
    (amount, on): (Fen, Date),
) -> Result<(), Error> {
    let book = write.book();
    let least = fund::least_since(write.tx(), book, letter, Month::of(on)).await?;
    if amount <= least {
        return Ok(());
    }
    let account = format!("1002 {} {on}", letter.document);
    Err(Problem::new(Kind::Overdrawn)
        .with("account", account)
        .into())
}

/// The appropriation of a letter; the program may be left out when the letter grants one only.
async fn letter(
    write: &mut Write,
    document: &str,
    program: Option<&str>,
) -> Result<Appropriation, Error> {
    let book = write.book();
    let programs = policy::programs(write.tx(), book).await?;
    let of = |letter: &Appropriation| {
        let own = programs.iter().find(|own| own.id == letter.program);
        program.is_none_or(|code| own.is_some_and(|own| own.code == code))
    };
    let mut all = fund::appropriations(write.tx(), book).await?;
    all.retain(|letter| letter.document == document && of(letter));
    match all.len() {
        0 => Err(not_found("指标 appropriation", document)),
        1 => Ok(all.remove(0)),
        _ => Err(super::policy::invalid(
            "program",
            "",
            "此文号的项目之一 one of the programs of this letter",
        )),
    }
}

fn exists(what: &str, name: &str) -> Error {
    Problem::new(Kind::AlreadyExists)
        .with("what", what)
        .with("name", name)
        .into()
}

/// What is carried over to a later budget year.
#[derive(Clone, Debug)]
pub struct NewCarryOver {
    /// 文号 of the appropriation.
    pub document: String,
    /// Code of its program, needed when the letter grants money to several.
    pub program: Option<String>,
    /// The budget year that it serves too.
    pub to: i64,
    /// How much: all that is left when it is not given.
    pub amount: Option<Fen>,
    /// 文号 of the letter that allows it.
    pub by: String,
}

/// Carries money over to the next budget year (结转). It stays where it is: nothing is posted. A
/// newer decision takes the place of the one before, until the year is closed; after that, what
/// came home since may be carried over, all of it.
///
/// # Errors
/// When there is no such appropriation; [`Kind::CarryOverInvalid`] for a year that is not the one
/// after its own (or after one that it was carried over to), or more than is left.
#[boxed]
pub async fn carry_over(
    app: &App,
    caller: &Caller,
    new: &NewCarryOver,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("appropriation.carry-over", Action::EnterAppropriation)
        .key(key)
        .field("document", new.document.as_str())
        .field("program", new.program.as_deref())
        .field("to", new.to)
        .field("amount_fen", new.amount.map(Fen::get))
        .field("by", new.by.as_str());
    app.command(caller, order, async |write| {
        let wanted = letter(write, &new.document, new.program.as_deref()).await?;
        let refuse = |reason: &str| -> Error {
            Problem::new(Kind::CarryOverInvalid)
                .with("document", &new.document)
                .with("year", new.to)
                .with("reason", reason)
                .into()
        };
        if new.by.trim().is_empty() {
            return Err(refuse("没有文号 no document"));
        }
        let book = write.book();
        let known = year::carry_overs(write.tx(), book).await?;
        let closed = year::years(write.tx(), book).await?;
        let last = closed.last().map(|closed| closed.year);
        // It may sleep over closed years after money came home, never over an open one.
        let own = known.iter().filter(|row| row.appropriation == wanted.id);
        let newest = own.map(|row| row.to_year).filter(|year| *year < new.to);
        let from = newest.fold(wanted.budget_year, i64::max);
        let from = from.max(last.unwrap_or(from));
        if new.to != from.saturating_add(1) {
            return Err(refuse("只能结转到下一年度 only to the next year"));
        }
        let left = left(write, &wanted).await?;
        let amount = new.amount.unwrap_or(left);
        if amount < Fen::ZERO || amount > left {
            let reason = format!("结余只有 only left: {}", left.grouped());
            return Err(refuse(&reason));
        }
        if last.is_some_and(|last| last >= new.to - 1) && amount != left {
            let reason = format!(
                "年结后须全额结转 after the year close all of: {}",
                left.grouped()
            );
            return Err(refuse(&reason));
        }
        let row = carried(&known, wanted.id, new.to, amount, new.by.trim());
        year::add_carry_over(write, &row).await?;
        Ok(json!({
            "appropriation": wanted.id.get(),
            "document": wanted.document,
            "year": new.to,
            "amount_fen": amount.get(),
            "by": row.document,
        }))
    })
    .await
}

/// The next version of what is carried over.
pub(super) fn carried(
    known: &[CarryOver],
    appropriation: AppropriationId,
    to_year: i64,
    amount: Fen,
    document: &str,
) -> CarryOver {
    let before = year::in_force(known, appropriation, to_year, i64::MAX);
    CarryOver {
        appropriation,
        to_year,
        version: before.map_or(1, |row| row.version.saturating_add(1)),
        amount,
        document: document.to_owned(),
        entry: 0,
    }
}

/// What is at the bank of an appropriation now.
async fn left(write: &mut Write, letter: &Appropriation) -> Result<Fen, Error> {
    let book = write.book();
    let lots = fund::lots(write.tx(), book, letter.program, letter.bank_account).await?;
    let lot = lots.iter().find(|lot| lot.appropriation == letter.id);
    Ok(lot.map_or(Fen::ZERO, |lot| lot.available))
}

/// The appropriations: granted, taken back, drawn and not home again, returned, carried over, left.
///
/// # Errors
/// When the caller may not read reports; when a sum is out of range.
#[boxed]
pub async fn list(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let all = fund::appropriations(&mut tx, book).await?;
    let programs = policy::programs(&mut tx, book).await?;
    let lives = Life::all(&mut tx, book).await?;
    tx.rollback().await?;
    let mut table = Table::new(
        words("指标", "Appropriations"),
        &[
            ("文号", "document", false),
            ("级次", "level", false),
            ("年度", "year", false),
            ("项目", "program", false),
            ("到账日期", "received", false),
            ("下达(元)", "granted (yuan)", true),
            ("追减(元)", "reduced (yuan)", true),
            ("支用(元)", "drawn (yuan)", true),
            ("交回(元)", "returned (yuan)", true),
            ("结转(元)", "carried over (yuan)", true),
            ("结余(元)", "left (yuan)", true),
        ],
    );
    let mut list = Vec::new();
    for a in &all {
        let life = lives.get(&a.id).cloned().unwrap_or_default();
        let program = programs.iter().find(|program| program.id == a.program);
        let (program, name) = program.map_or(("", ""), |one| (&one.code, &one.name));
        let amounts = [a.amount, life.reduced, life.drawn, life.returned];
        let carried = match &life.carried {
            Some((year, amount)) => format!("{} → {year}", amount.grouped()),
            None => String::new(),
        };
        let head = [
            a.document.clone(),
            a.level.name().to_owned(),
            a.budget_year.to_string(),
            name.to_owned(),
            a.received_on.to_string(),
        ];
        let amounts = amounts.map(Fen::grouped).into_iter();
        let tail = [carried, life.left.grouped()];
        table.row(head.into_iter().chain(amounts).chain(tail));
        list.push(json!({
            "id": a.id.get(),
            "document": a.document,
            "level": a.level.code(),
            "budget_year": a.budget_year,
            "program": program,
            "received_on": a.received_on.to_string(),
            "amount_fen": a.amount.get(),
            "reduced_fen": life.reduced.get(),
            "drawn_fen": life.drawn.get(),
            "returned_fen": life.returned.get(),
            "carried_to": life.carried.map(|(year, _)| year),
            "carried_fen": life.carried.map_or(0, |(_, amount)| amount.get()),
            "left_fen": life.left.get(),
        }));
    }
    Ok(Report::new(json!({ "appropriations": list }), vec![table]))
}

/// What became of an appropriation from its first day on: granted = reduced + drawn + returned +
/// left.
#[derive(Clone, Debug, Default)]
pub(super) struct Life {
    /// Taken back by letters.
    pub(super) reduced: Fen,
    /// Sent out and not home again.
    pub(super) drawn: Fen,
    /// Returned to the treasury.
    pub(super) returned: Fen,
    /// The last year that it was carried over to, and how much.
    pub(super) carried: Option<(i64, Fen)>,
    /// At the bank.
    pub(super) left: Fen,
}

impl Life {
    /// Of every appropriation of a book.
    pub(super) async fn all(
        tx: &mut Tx,
        book: BookId,
    ) -> Result<BTreeMap<AppropriationId, Life>, Error> {
        let mut lives = BTreeMap::<AppropriationId, Life>::new();
        let mut balances = journal::balances(tx, book).await?;
        let closing = year::closing_entries(tx, book).await?;
        year::before_closing(&mut balances, &closing, None);
        for account in &balances {
            let Some(id) = account.key.appropriation else {
                continue;
            };
            let life = lives.entry(id).or_default();
            match account.key.chart {
                Chart::Bank => life.left = life.left.plus(account.closing())?,
                Chart::BudgetExpense => life.drawn = life.drawn.plus(account.closing())?,
                Chart::OpeningAdjustment => life.drawn = life.drawn.minus(account.closing())?,
                _ => {}
            }
        }
        for row in year::reductions(tx, book).await? {
            let life = lives.entry(row.appropriation).or_default();
            life.reduced = life.reduced.plus(row.amount)?;
        }
        let (first, last) = super::report::always();
        for row in year::funded(tx, book, first, last).await? {
            if row.source == "treasury" {
                let life = lives.entry(AppropriationId(row.source_id)).or_default();
                life.returned = life.returned.minus(row.amount)?;
            }
        }
        for (id, amount) in recovery::handed_over_by_appropriation(tx, book, first, last).await? {
            let life = lives.entry(id).or_default();
            life.returned = life.returned.plus(amount)?;
        }
        let carried = year::carry_overs(tx, book).await?;
        for row in &carried {
            let now = year::in_force(&carried, row.appropriation, row.to_year, i64::MAX);
            let amount = now.map_or(Fen::ZERO, |now| now.amount);
            let life = lives.entry(row.appropriation).or_default();
            if amount > Fen::ZERO && life.carried.is_none_or(|(year, _)| year <= row.to_year) {
                life.carried = Some((row.to_year, amount));
            }
        }
        Ok(lives)
    }
}

fn read_csv(file_name: &str, bytes: &[u8]) -> Result<Vec<NewAppropriation>, Error> {
    let text = super::roster::decode(file_name, bytes)?;
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for (row, record) in (2_u64..).zip(reader.records()) {
        let place = |column: &str, value: &str| Place {
            file: Some(file_name.to_owned()),
            row: Some(row),
            column: Some(column.to_owned()),
            value: Some(value.to_owned()),
            ..Place::default()
        };
        let bad = |column: &'static str, value: &str, wanted: &'static str| {
            Problem::new(Kind::FieldInvalid)
                .with("field", column)
                .with("value", value)
                .with("wanted", wanted)
                .at(place(column, value))
        };
        let record = record.map_err(|_| bad("行", "", "8 列"))?;
        let cell = |column: usize| record.get(column).unwrap_or("").trim();
        let level = Level::ALL
            .iter()
            .copied()
            .find(|level| {
                let short = level.name().trim_end_matches('级');
                [level.code(), level.name(), short].contains(&cell(1))
            })
            .ok_or_else(|| bad("级次", cell(1), "中央、省、市、县、捐赠"))?;
        rows.push(NewAppropriation {
            document: cell(0).to_owned(),
            level,
            budget_year: cell(2).parse().map_err(|_| bad("年度", cell(2), "2022"))?,
            program: cell(3).to_owned(),
            bank_account: cell(4).to_owned(),
            amount: Fen::parse_yuan(cell(5)).map_err(|_| bad("金额", cell(5), "1234.50"))?,
            received_on: parse_date(cell(6)).map_err(|_| bad("到账日期", cell(6), "YYYY-MM-DD"))?,
            priority: cell(7).parse().map_err(|_| bad("顺序", cell(7), "1"))?,
        });
    }
    Ok(rows)
}
