//! Appropriations (指标): quota letters come in, what is left goes back to the treasury.

use ledger::account::Chart;
use ledger::audit::entry::ObjectRef;
use ledger::calendar::{Date, parse_date};
use ledger::disbursement::role::Action;
use ledger::fund::Level;
use ledger::id::AppropriationId;
use ledger::journal::rules;
use ledger::money::Fen;
use ledger::problem::{Kind, Place, Problem};
use ledger_store::fund::{self, Appropriation};
use ledger_store::journal::{self, Poster, VoucherDraft};
use ledger_store::policy;
use ledger_store::write::Write;
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
    app.command(caller, order, async |write| enter(write, caller, new).await)
        .await
}

/// Enters the appropriations of a CSV file: all of them or none.
///
/// Columns: 文号, 级次, 年度, 项目, 账户, 金额, 到账日期, 顺序.
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
        let rows = read_csv(file_name, bytes)?;
        ledger_store::batch::store_file(write, "appropriation", file_name, bytes).await?;
        let mut total = Fen::ZERO;
        for new in &rows {
            enter(write, caller, new).await?;
            total = total.plus(new.amount)?;
        }
        Ok(json!({ "appropriations": rows.len(), "total_fen": total.get() }))
    })
    .await
}

async fn enter(write: &mut Write, caller: &Caller, new: &NewAppropriation) -> Result<Value, Error> {
    if new.amount <= Fen::ZERO {
        return Err(Problem::new(Kind::AmountInvalid)
            .with("value", new.amount)
            .into());
    }
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
        true => Err(Problem::new(Kind::AlreadyExists)
            .with("what", "指标文 appropriation")
            .with("name", document)
            .into()),
    }
}

/// Books that unspent money goes back to the treasury.
pub async fn return_to_treasury(
    app: &App,
    caller: &Caller,
    document: &str,
    program: &str,
    amount: Fen,
    on: Option<Date>,
    key: Option<String>,
) -> Result<Done, Error> {
    let on = on.unwrap_or_else(|| app.clock.today());
    let order = Order::new("appropriation.return", Action::PostVoucher)
        .key(key)
        .field("document", document)
        .field("program", program)
        .field("amount_fen", amount.get())
        .field("on", on.to_string());
    app.command(caller, order, async |write| {
        let book = write.book();
        let programs = policy::programs(write.tx(), book).await?;
        let all = fund::appropriations(write.tx(), book).await?;
        let wanted = all.iter().find(|a| {
            a.document == document
                && programs
                    .iter()
                    .any(|p| p.id == a.program && p.code == program)
        });
        let wanted = wanted.ok_or_else(|| not_found("指标 appropriation", document))?;
        let draft = VoucherDraft {
            on_date: on,
            summary: format!("结余缴回财政 {document}"),
            maker: caller.user.id,
            checker: None,
            source: "treasury",
            source_id: wanted.id.get(),
            reverses: None,
        };
        let mut postings = Vec::new();
        rules::returned_to_treasury(wanted.bank_account, wanted.id, amount, &mut postings);
        let mut poster = Poster::begin(write, draft).await?;
        poster.push_all(write, &postings).await?;
        let posted = poster.finish(write).await?;
        Ok(json!({
            "appropriation": wanted.id.get(),
            "document": document,
            "amount_fen": amount.get(),
            "voucher": posted.map(|posted| format!("{} 记-{:04}", posted.month, posted.number)),
        }))
    })
    .await
}

/// The appropriations with what is left of them.
pub async fn list(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let all = fund::appropriations(&mut tx, caller.book.id).await?;
    let programs = policy::programs(&mut tx, caller.book.id).await?;
    let balances = journal::balances(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let mut table = Table::new(
        words("指标", "Appropriations"),
        &[
            ("文号", "document", false),
            ("级次", "level", false),
            ("年度", "year", false),
            ("项目", "program", false),
            ("到账日期", "received", false),
            ("金额(元)", "amount (yuan)", true),
            ("结余(元)", "left (yuan)", true),
        ],
    );
    let mut list = Vec::new();
    for a in &all {
        let left = balances
            .iter()
            .filter(|b| b.key.chart == Chart::Bank && b.key.appropriation == Some(a.id))
            .map(|b| b.closing().get())
            .sum();
        let program = programs.iter().find(|program| program.id == a.program);
        let program = program.map_or("", |program| program.code.as_str());
        table.row([
            a.document.clone(),
            a.level.name().to_owned(),
            a.budget_year.to_string(),
            program.to_owned(),
            a.received_on.to_string(),
            a.amount.grouped(),
            Fen::new(left).grouped(),
        ]);
        list.push(json!({
            "id": a.id.get(),
            "document": a.document,
            "level": a.level.code(),
            "budget_year": a.budget_year,
            "program": program,
            "received_on": a.received_on.to_string(),
            "amount_fen": a.amount.get(),
            "left_fen": left,
        }));
    }
    Ok(Report::new(json!({ "appropriations": list }), vec![table]))
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
