//! What goes to the bank and comes back: batch files, returns, re-pay, statements, agreement.

use axum::Router;
use bank_adapters::{Profile, Use};
use ledger::disbursement::role::Action;
use ledger::id::StatementId;
use ledger::money::Fen;
use ledger::problem::Language;
use serde_json::{Value, json};

use super::failed::{because_form, clear_form};
use super::page::{Block, Field, Form, Kind, Page, fact, field, link};
use super::posted::{Posted, invalid};
use super::reply::{self, Reply, facts};
use super::rosters::month_of;
use super::runs::{month_field, notice};
use super::seat::Seat;
use super::{count, fen, kept, months, proposals, tables, work};
use crate::app::job::Wanted;
use crate::app::proposal::Pending;
use crate::app::returns::{self, ReturnInput, Said};
use crate::app::statement::{self, StatementInput};
use crate::app::{Error, not_found, policy, reconcile, release, report, waiting};
use crate::http::Server;

/// Lines of a batch on a page.
const LINES: i64 = 100;
/// Movements of a preview on a page.
const PREVIEWED: usize = 200;
/// Failed payments on a page.
const FAILED: i64 = 100;

pub(super) fn router() -> Router<Server> {
    Router::new()
        .route("/batches", reply::get(batches))
        .route("/batches/{batch}", reply::get(batch))
        .route("/batches/{batch}/file", reply::get(batch_file))
        .route("/returns", reply::get(list))
        .route("/returns/preview", reply::post(preview, list))
        .route("/returns/import", reply::post(import, list))
        .route("/repay", reply::get(repay))
        .route(
            "/statements",
            reply::get(statements).merge(reply::post(state, statements)),
        )
        .route(
            "/statements/preview",
            reply::post(preview_statement, statements),
        )
        .route("/statements/{statement}", reply::get(statement_page))
        .route("/agreements", reply::get(agreements))
}

async fn batches(seat: Seat) -> Result<Reply, Error> {
    let report = release::list_batches(seat.app(), seat.caller()).await?;
    let page = Page::new(seat.say("nav.batches"), seat.say("batches.lead"));
    tables::page(&seat, page, &report, &[])
}

async fn batch(seat: Seat) -> Result<Reply, Error> {
    let number = seat.place("batch").to_owned();
    let rows = tables::rows(&seat, LINES);
    let report = release::show_batch_page(seat.app(), seat.caller(), &number, rows).await?;
    let json = &report.json;
    let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
    let mut page = Page::new(
        seat.fill("batches.one", &[("batch", &number)]),
        text("file"),
    )
    .under(seat.say("nav.batches"), "/batches")
    .with(Block::Facts(vec![
        fact(seat.say("field.run"), json["run"].to_string()),
        fact(seat.say("batches.layout"), text("profile")),
        fact(seat.say("batches.sent"), text("sent_on")),
        fact(seat.say("run.payments"), count(&json["payments"])),
        fact(seat.say("run.total"), fen(&json["total_fen"])),
        fact("SHA-256", text("sha256")),
    ]));
    let mut ways = vec![link(
        seat.say("batches.run"),
        format!("/runs/{}", json["run"]),
    )];
    if seat.may(Action::ReleaseRun) {
        ways.push(link(
            seat.say("batches.file"),
            format!("/batches/{number}/file"),
        ));
    }
    page = page.with(Block::Links(ways));
    tables::paged(&seat, page, &report)
}

async fn batch_file(seat: Seat) -> Result<Reply, Error> {
    let number = seat.place("batch").to_owned();
    let file = release::batch_file(seat.app(), seat.caller(), &number).await?;
    Ok(Reply::File(
        file.name,
        "application/octet-stream",
        file.content,
    ))
}

pub(super) async fn list(seat: Seat) -> Result<Reply, Error> {
    let report = returns::list(seat.app(), seat.caller()).await?;
    let mut page = Page::new(seat.say("nav.returns"), seat.say("returns.lead"));
    let withdrawn = |one: &Pending, _| one.kind == "withdraw";
    page.blocks
        .extend(proposals::waiting(&seat, withdrawn, 0).await?);
    if seat.may(Action::ImportReturn) {
        let form = return_form(&seat, "/returns/preview", "returns.preview").await?;
        page = page.form(Some(
            form.saying(seat.say("returns.new"), seat.say("returns.new-lead")),
        ));
        let keys = [
            "returns.withdraw",
            "returns.withdraw-lead",
            "returns.number",
        ];
        let forms = vec![because_form(&seat, "/returns/withdraw", keys)];
        page = page.with(Block::More(seat.say("returns.withdraw").to_owned(), forms));
    }
    page = page.with(Block::Links(vec![link(
        seat.say("inspect.title"),
        "/bank-files",
    )]));
    tables::page(&seat, page, &report, &[])
}

async fn return_form(seat: &Seat, action: &str, button: &'static str) -> Result<Form, Error> {
    let report = release::list_batches(seat.app(), seat.caller()).await?;
    let mut choices = vec![(String::new(), seat.say("returns.from-file").to_owned())];
    for one in report.json["batches"]
        .as_array()
        .into_iter()
        .flatten()
        .rev()
        .take(60)
    {
        let number = one["batch"].as_str().unwrap_or_default();
        let text = format!(
            "{number} · {} · {}",
            one["sent_on"].as_str().unwrap_or_default(),
            fen(&one["total_fen"])
        );
        choices.push((number.to_owned(), text));
    }
    let batch = field("batch", seat.say("returns.batch"))
        .kind(Kind::Select(choices))
        .optional();
    let file =
        field("file", seat.say("returns.file")).kind(Kind::File(".txt,.csv,.xlsx,.xml,.ret,.bpt"));
    let count = field("count", seat.say("returns.count")).kind(Kind::Line("number"));
    let count = count.optional();
    let total = field("total", seat.say("returns.total")).optional();
    let finished = field("finished", seat.say("returns.finished")).kind(Kind::Tick);
    Ok(Form::act(seat, action, seat.say(button))
        .field(seat, file.hint(seat.say("returns.file-hint")))
        .field(seat, batch)
        .field(seat, profile_field(seat, Some(Use::Return)))
        .field(seat, count.hint(seat.say("returns.said-hint")))
        .field(seat, total)
        .field(seat, finished))
}

/// The bank layouts by name, those of a use or all, to choose from.
pub(super) fn profile_field(seat: &Seat, usage: Option<Use>) -> Field {
    let name = |profile: &Profile| match (seat.language, profile.name_en.as_str()) {
        (Language::Zh, _) | (Language::En, "") => profile.name.clone(),
        (Language::En, name) => name.to_owned(),
    };
    let mut choices = vec![(String::new(), seat.say("returns.of-account").to_owned())];
    choices.extend(
        seat.app()
            .profiles
            .iter()
            .filter(|one| usage.is_none_or(|usage| usage == one.usage))
            .map(|one| (one.id.clone(), name(one))),
    );
    field("profile", seat.say("returns.profile"))
        .kind(Kind::Select(choices))
        .optional()
}

fn input(posted: &Posted) -> Result<ReturnInput, Error> {
    let file = posted.file("file")?;
    Ok(ReturnInput {
        file_name: file.name.clone(),
        bytes: file.bytes.clone(),
        batch: posted.optional("batch"),
        profile: posted.optional("profile"),
        said: said(posted)?,
    })
}

/// What the officer read on the bank's page.
fn said(posted: &Posted) -> Result<Said, Error> {
    let count = posted.optional("count");
    let count = count
        .map(|_| posted.parse("count", "笔数 a number"))
        .transpose()?;
    let total = posted.optional("total").map(|total| {
        let wanted = "金额,如 1234.50 an amount such as 1234.50";
        Fen::parse_yuan(&total).map_err(|_| invalid("total", &total, wanted))
    });
    Ok(Said {
        count,
        total: total.transpose()?,
        is_finished: posted.optional("finished").is_some(),
    })
}

/// What a return would do. Its file is kept for the step that takes it in.
async fn preview(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let input = input(&posted)?;
    let report = returns::preview(seat.app(), seat.caller(), &input).await?;
    let mut form = return_form(&seat, "/returns/import", "returns.import").await?;
    for field in form.fields.iter_mut().filter(|field| field.name != "file") {
        posted.text(field.name).clone_into(&mut field.value);
    }
    let form = form.saying(seat.say("returns.import"), seat.say("returns.import-lead"));
    let form = form.keeping(&seat, posted.file("file")?);
    let title = seat.fill("returns.would", &[("file", &input.file_name)]);
    let page = Page::new(title, seat.say("returns.would-lead"))
        .under(seat.say("nav.returns"), "/returns")
        .with(Block::Facts(facts(&report.json, seat.language)))
        .form(Some(form));
    let mut page = page;
    for (place, table) in report.tables.iter().enumerate() {
        let grid = super::grid::Grid::of(&seat, table, place, &[]).plain();
        page.blocks.insert(1 + place, Block::Grid(Box::new(grid)));
    }
    Ok(page.into())
}

async fn import(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let input = input(&posted)?;
    if work::is_large(posted.file("file")?) {
        let request = json!({
            "name": input.file_name, "batch": input.batch, "profile": input.profile,
            "count": input.said.count, "total_fen": input.said.total.map(Fen::get),
            "finished": input.said.is_finished,
        });
        let wanted = Wanted::new("return.import", request).with(input.bytes);
        return work::later(&seat, wanted, posted.key()).await;
    }
    let done = returns::import(seat.app(), seat.caller(), &input, posted.key()).await?;
    Ok(Reply::Done(done, "/returns".to_owned()))
}

/// Failed payments by what they wait for; one button makes the re-pay run of a program.
pub(super) async fn repay(seat: Seat) -> Result<Reply, Error> {
    let only = seat.get("program").map(str::to_owned);
    let rows = tables::rows(&seat, FAILED);
    let report = waiting::failed(seat.app(), seat.caller(), only.as_deref(), rows).await?;
    let mut page = Page::new(seat.say("nav.repay"), seat.say("repay.lead"));
    let of_payments = |one: &Pending, _| one.payment > 0 || one.kind == "clear";
    page.blocks
        .extend(proposals::waiting(&seat, of_payments, 0).await?);
    page = page.form(repay_form(&seat, &report.json["programs"]));
    if seat.may(Action::ClearPayment) {
        let forms = vec![clear_form(&seat)];
        page = page.with(Block::More(seat.say("repay.clear").to_owned(), forms));
    }
    if seat.may(Action::CancelPayment) {
        let keys = ["repay.cancel", "repay.cancel-lead", "field.payment"];
        let forms = vec![because_form(&seat, "/repay/cancel", keys)];
        page = page.with(Block::More(seat.say("repay.cancel").to_owned(), forms));
    }
    page = page
        .with(Block::Text(seat.say("repay.steps").to_owned()))
        .with(Block::Links(vec![
            link(seat.say("rosters.import"), "/rosters/import"),
            link(seat.say("nav.statements"), "/statements"),
            link(seat.say("nav.reasons"), "/reasons"),
        ]));
    tables::paged(&seat, page, &report)
}

/// Makes the re-pay run of one of the programs that have something to be paid again.
fn repay_form(seat: &Seat, programs: &Value) -> Option<Form> {
    let ready = programs.as_array().into_iter().flatten();
    let ready = ready.filter(|one| one["ready"].as_i64().unwrap_or(0) > 0);
    let choices: Vec<(String, String)> = ready
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
            let values = [
                ("program", text("name")),
                ("count", count(&one["ready"])),
                ("total", fen(&one["ready_fen"])),
                ("failed", count(&one["failed"])),
            ];
            let values: Vec<(&str, &str)> = values.iter().map(|(n, v)| (*n, v.as_str())).collect();
            (text("program"), seat.fill("repay.ready", &values))
        })
        .collect();
    let may = seat.may(Action::MakeRun) && !choices.is_empty();
    may.then(|| {
        let program = field("program", seat.say("field.program")).kind(Kind::Select(choices));
        let program = program.value(seat.get("program").unwrap_or_default());
        Form::act(seat, "/runs", seat.say("repay.create"))
            .saying(seat.say("repay.create"), seat.say("repay.create-lead"))
            .hide("kind", "re-pay")
            .field(seat, program)
            .field(seat, month_field(seat, "month", "field.month"))
    })
}

/// The agency's accounts, to choose from.
pub(super) async fn account_field(seat: &Seat) -> Result<Field, Error> {
    let accounts = policy::accounts(seat.app(), seat.caller()).await?;
    Ok(field("account", seat.say("field.account")).kind(Kind::Select(accounts)))
}

pub(super) async fn statements(seat: Seat) -> Result<Reply, Error> {
    let report = statement::list(seat.app(), seat.caller()).await?;
    let mut page = Page::new(seat.say("nav.statements"), seat.say("statements.lead"));
    let withdrawn = |one: &Pending, _| one.kind == "unstate";
    let waiting = proposals::waiting(&seat, withdrawn, 0).await?;
    page.blocks.extend(waiting);
    if seat.may(Action::ImportStatement) {
        let form = statement_form(&seat, "/statements/preview", "statements.preview").await?;
        page = page.form(Some(form.saying(
            seat.say("statements.import"),
            seat.say("statements.import-lead"),
        )));
        let keys = [
            "statements.withdraw",
            "statements.withdraw-lead",
            "statements.number",
        ];
        let forms = vec![because_form(&seat, "/statements/withdraw", keys)];
        page = page.with(Block::More(
            seat.say("statements.withdraw").to_owned(),
            forms,
        ));
    }
    let newest = report::newest_month(seat.app(), seat.caller()).await?;
    let newest = newest.to_string();
    let ways = vec![
        link(
            seat.say("statements.agreements"),
            format!("/agreements?{}", months(&[("month", &newest)])),
        ),
        link(
            seat.say("reports.bank-reconciliation"),
            "/reports/bank-reconciliation",
        ),
        link(seat.say("reports.bank-journal"), "/reports/bank-journal"),
        link(seat.say("inspect.title"), "/bank-files"),
    ];
    page = page.with(Block::Links(ways));
    tables::page(&seat, page, &report, &[("number", "/statements/")])
}

/// One statement: its balances, and a page of its movements with what each was matched to.
async fn statement_page(seat: Seat) -> Result<Reply, Error> {
    let text = seat.place("statement");
    let id = text.parse().map(StatementId);
    let id = id.map_err(|_| not_found("对账单 statement", text))?;
    let rows = tables::rows(&seat, LINES);
    let report = statement::show(seat.app(), seat.caller(), id, rows).await?;
    let json = &report.json;
    let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
    let number = id.to_string();
    let mut page = Page::new(
        seat.fill("statements.one", &[("statement", &number)]),
        seat.say("statements.one-lead"),
    )
    .under(seat.say("nav.statements"), "/statements")
    .with(Block::Facts(vec![
        fact(seat.say("field.account"), text("account")),
        fact(
            seat.say("statements.days"),
            format!("{} – {}", text("from"), text("to")),
        ),
        fact(seat.say("statements.opening"), fen(&json["opening_fen"])),
        fact(seat.say("statements.moved"), fen(&json["moved_fen"])),
        fact(seat.say("statements.closing"), fen(&json["closing_fen"])),
    ]));
    if json["withdrawn"] == true {
        page = page.with(notice("bad", seat.say("statements.withdrawn")));
    }
    tables::paged(&seat, page, &report)
}

async fn statement_form(seat: &Seat, action: &str, button: &'static str) -> Result<Form, Error> {
    let file = field("file", seat.say("statements.file"));
    Ok(Form::act(seat, action, seat.say(button))
        .field(seat, account_field(seat).await?)
        .field(seat, file.kind(Kind::File(".csv,.txt,.xlsx,.xml")))
        .field(seat, profile_field(seat, Some(Use::Statement))))
}

fn statement_input(posted: &Posted) -> Result<StatementInput, Error> {
    let file = posted.file("file")?;
    Ok(StatementInput {
        account: posted.text("account").to_owned(),
        file_name: file.name.clone(),
        bytes: file.bytes.clone(),
        profile: posted.optional("profile"),
    })
}

/// What a statement would match and leave open. Its file is kept for the step that takes it in.
async fn preview_statement(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let input = statement_input(&posted)?;
    let report = statement::preview(seat.app(), seat.caller(), &input).await?;
    let mut form = statement_form(&seat, "/statements", "statements.import").await?;
    for field in form.fields.iter_mut().filter(|field| field.name != "file") {
        posted.text(field.name).clone_into(&mut field.value);
    }
    let form = form.saying(
        seat.say("statements.import"),
        seat.say("statements.sure-lead"),
    );
    let form = form.keeping(&seat, posted.file("file")?);
    let json = &report.json;
    let title = seat.fill("statements.would", &[("file", &input.file_name)]);
    let mut page = Page::new(title, seat.say("statements.would-lead"))
        .under(seat.say("nav.statements"), "/statements")
        .with(Block::Facts(vec![
            fact(seat.say("statements.opening"), fen(&json["opening_fen"])),
            fact(seat.say("statements.moved"), fen(&json["moved_fen"])),
            fact(seat.say("statements.closing"), fen(&json["closing_fen"])),
            fact(seat.say("statements.matched"), json["matched"].to_string()),
            fact(seat.say("nav.exceptions"), json["exceptions"].to_string()),
        ]))
        .form(Some(form));
    for (place, table) in report.tables.iter().enumerate() {
        let mut table = table.clone();
        table.rows.truncate(PREVIEWED);
        let grid = super::grid::Grid::of(&seat, &table, place, &[]).plain();
        page.blocks.push(Block::Grid(Box::new(grid)));
    }
    Ok(page.into())
}

async fn state(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let input = statement_input(&posted)?;
    if work::is_large(posted.file("file")?) {
        let request = json!({
            "name": input.file_name, "account": input.account, "profile": input.profile,
        });
        let wanted = Wanted::new("statement.import", request).with(input.bytes);
        return work::later(&seat, wanted, posted.key()).await;
    }
    let done = statement::import(seat.app(), seat.caller(), &input, posted.key());
    Ok(Reply::Done(done.await?, "/statements".to_owned()))
}

/// The four agreements of a month, or of everything.
async fn agreements(seat: Seat) -> Result<Reply, Error> {
    let month = match seat.get("month") {
        Some(_) => Some(month_of(&seat, "month")?),
        None => None,
    };
    let make = reconcile::reconcile(seat.app(), seat.caller(), month);
    let report = kept::report(&seat, &["month"], make).await?;
    let form = Form::ask(&seat, "/agreements", seat.say("reports.show"))
        .field(&seat, month_field(&seat, "month", "field.month"));
    let (mood, words) = match report.found {
        true => ("bad", "agreements.differ"),
        false => ("done", "agreements.agree"),
    };
    let page = Page::new(
        seat.say("statements.agreements"),
        seat.say("agreements.lead"),
    )
    .form(Some(form))
    .with(notice(mood, seat.say(words)));
    tables::page(&seat, page, &report, &[])
}
