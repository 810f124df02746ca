//! Rosters: taken in with every fault marked, compared, and looked up by name or number.

use axum::Router;
use axum::http::StatusCode;
use ledger::calendar::{Month, parse_date};
use ledger::disbursement::role::Action;
use ledger::id::PartyId;
use ledger::problem::Kind as Refusal;
use serde_json::{Value, json};

use super::grid::Grid;
use super::kept;
use super::page::{Block, Form, Kind, Page, fact, field, link};
use super::posted::{Posted, Upload, invalid};
use super::reply::{self, Reply, facts};
use super::runs::{month_field, name_of, notice, program_field};
use super::seat::Seat;
use super::tables::{self, WORKBOOK};
use super::work;
use crate::app::job::Wanted;
use crate::app::roster::{self, Died, RosterFile};
use crate::app::view::Report;
use crate::app::{Error, not_found, personal, report};
use crate::http::Server;

/// Awards on a page.
const ROWS: i64 = 100;
/// Faults that the page lists; the marked workbook has all of them.
const FAULTS: usize = 500;

pub(super) fn router() -> Router<Server> {
    Router::new()
        .route("/rosters", reply::get(show))
        .route(
            "/rosters/import",
            reply::get(form).merge(reply::post(import, form)),
        )
        .route("/rosters/marked", reply::post(marked, form))
        .route("/rosters/template", reply::get(template))
        .route("/rosters/list", reply::get(list))
        .route("/rosters/diff", reply::get(diff))
        .route(
            "/rosters/deaths",
            reply::get(deaths).merge(reply::post(listed_deaths, deaths)),
        )
        .route("/persons", reply::get(search))
        .route("/persons/{person}/death", reply::post(death, card))
        .route("/persons/{person}", reply::get(card))
        .route("/persons/{person}/reveal", reply::post(reveal, card))
}

async fn show(seat: Seat) -> Result<Reply, Error> {
    let newest = report::newest_month(seat.app(), seat.caller()).await?;
    let month = |name, label| month_field(&seat, name, label).value(newest.to_string());
    let list = Form::ask(&seat, "/rosters/list", seat.say("rosters.show"))
        .saying(seat.say("rosters.list"), "")
        .field(&seat, program_field(&seat).await?)
        .field(&seat, month("month", "field.month"));
    let before = newest.previous().to_string();
    let diff = Form::ask(&seat, "/rosters/diff", seat.say("rosters.compare"))
        .saying(seat.say("rosters.diff"), "")
        .field(&seat, program_field(&seat).await?)
        .field(&seat, month("from", "field.from").value(before))
        .field(&seat, month("to", "field.to"));
    let template = Form::ask(&seat, "/rosters/template", seat.say("rosters.template-get"))
        .saying(
            seat.say("rosters.template"),
            seat.say("rosters.template-lead"),
        )
        .field(&seat, program_field(&seat).await?)
        .plain();
    let mut page = Page::new(seat.say("nav.rosters"), seat.say("rosters.lead"));
    page = page.with(Block::Form(Box::new(search_form(&seat))));
    let mut ways = vec![link(seat.say("deaths.title"), "/rosters/deaths")];
    if seat.may(Action::ImportRoster) {
        ways.insert(0, link(seat.say("rosters.import"), "/rosters/import"));
    }
    page = page.with(Block::Links(ways));
    Ok(page
        .form(Some(list.plain()))
        .form(Some(diff.plain()))
        .form(Some(template))
        .into())
}

fn search_form(seat: &Seat) -> Form {
    Form::ask(seat, "/persons", seat.say("persons.search"))
        .saying(seat.say("persons.title"), "")
        .field(
            seat,
            field("name", seat.say("persons.text"))
                .hint(seat.say("persons.hint"))
                .value(seat.get("name").unwrap_or_default()),
        )
        .field(
            seat,
            field("township", seat.say("payments.township"))
                .value(seat.get("township").unwrap_or_default())
                .optional(),
        )
}

async fn form(seat: Seat) -> Result<Reply, Error> {
    let form = import_form(&seat).await?;
    let page = Page::new(seat.say("rosters.import"), seat.say("rosters.import-lead"))
        .under(seat.say("nav.rosters"), "/rosters");
    Ok(page.form(Some(form)).into())
}

async fn import_form(seat: &Seat) -> Result<Form, Error> {
    let file = field("file", seat.say("rosters.file")).hint(seat.say("rosters.file-hint"));
    let ended = field("expect_ended", seat.say("rosters.expect-ended"))
        .kind(Kind::Line("number"))
        .hint(seat.say("rosters.expect-ended-hint"))
        .optional();
    let trial = field("trial", seat.say("rosters.trial"))
        .kind(Kind::Tick)
        .value("1")
        .optional();
    Ok(Form::act(seat, "/rosters/import", seat.say("rosters.send"))
        .field(seat, program_field(seat).await?)
        .field(seat, month_field(seat, "month", "field.month"))
        .field(seat, file.kind(Kind::File(".xlsx,.ods,.csv,.txt")))
        .field(seat, ended)
        .field(seat, trial))
}

/// Checks a roster and shows what it would change, or takes it in. A faulty one is shown with its
/// faults, and as a workbook to correct.
async fn import(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let month = posted.parse("month", seat.say("field.month-hint"))?;
    let upload = posted.file("file")?;
    let expect_ended = posted.parse_optional("expect_ended", "数 a number")?;
    let file = RosterFile {
        program: posted.text("program"),
        month,
        file_name: &upload.name,
        bytes: &upload.bytes,
        expect_ended,
    };
    let trial = posted.ticked("trial");
    let key = posted.key();
    if !trial && work::is_large(upload) {
        let request = json!({
            "program": file.program, "month": month.to_string(), "name": upload.name,
            "expect_ended": expect_ended,
        });
        let wanted = Wanted::new("roster.import", request).with(upload.bytes.clone());
        return work::later(&seat, wanted, key).await;
    }
    let (app, caller) = (seat.app(), seat.caller());
    if trial {
        return match roster::trial(app, caller, &file).await {
            Ok(would) => would_be(&seat, &posted, would).await,
            Err(error) => faulty(&seat, &posted, error).await,
        };
    }
    match roster::import_file(app, caller, &file, false, key).await {
        Ok(done) => Ok(Reply::Done(done, "/rosters".to_owned())),
        Err(error) => faulty(&seat, &posted, error).await,
    }
}

/// What a roster would change, and the form that takes it in.
async fn would_be(
    seat: &Seat,
    posted: &Posted,
    (answer, changes): (Value, Report),
) -> Result<Reply, Error> {
    let upload = posted.file("file")?;
    let title = seat.fill("rosters.would", &[("file", &upload.name)]);
    let mut page = Page::new(title, seat.say("rosters.would-lead"))
        .under(seat.say("nav.rosters"), "/rosters")
        .with(Block::Facts(facts(&answer, seat.language)));
    for (place, table) in changes.tables.iter().enumerate() {
        let grid = Grid::of(seat, table, place, &[]).plain();
        page = page.with(Block::Grid(Box::new(grid)));
    }
    if changes.json["next"].is_i64() {
        page = page.with(Block::Text(seat.say("rosters.would-more").to_owned()));
    }
    let form = import_form(seat).await?;
    let form = form.saying(seat.say("rosters.now"), seat.say("rosters.now-lead"));
    let mut form = kept(form, posted).keeping(seat, upload);
    // It is in earnest now.
    let trial = form.fields.iter_mut().find(|field| field.name == "trial");
    trial.into_iter().for_each(|field| field.value.clear());
    Ok(page.form(Some(form)).into())
}

/// A faulty roster with its faults, and as a workbook to correct; any other refusal as it is.
async fn faulty(seat: &Seat, posted: &Posted, error: Error) -> Result<Reply, Error> {
    let (problem, findings) = match error {
        Error::Refused { problem, findings } if problem.kind == Refusal::RosterFaulty => {
            (problem, findings)
        }
        error => return Err(error),
    };
    let title = problem.title(seat.language);
    let next = problem.next_on_pages(seat.language);
    let mut table = super::finding_table(&findings, seat.language);
    table.rows.truncate(FAULTS);
    let grid = Grid::of(seat, &table, 0, &[]).plain();
    let page = Page::new(seat.say("rosters.faulty"), seat.say("rosters.faulty-lead"))
        .under(seat.say("nav.rosters"), "/rosters")
        .with(notice("bad", format!("{} {title} {next}", problem.code())))
        .with(Block::Grid(Box::new(grid)))
        .form(Some(marked_form(seat, posted)?));
    let form = import_form(seat).await?;
    let form = form.saying(seat.say("rosters.again"), seat.say("rosters.again-lead"));
    let mut page = page.form(Some(kept(form.plain(), posted)));
    page.status = Some(StatusCode::UNPROCESSABLE_ENTITY);
    Ok(page.into())
}

/// The form again, with what was chosen in it.
fn kept(mut form: Form, posted: &Posted) -> Form {
    for field in form.fields.iter_mut().filter(|field| field.name != "file") {
        posted.text(field.name).clone_into(&mut field.value);
    }
    form
}

fn marked_form(seat: &Seat, posted: &Posted) -> Result<Form, Error> {
    let form = Form::act(seat, "/rosters/marked", seat.say("rosters.marked"));
    Ok(form
        .saying(seat.say("rosters.marked"), seat.say("rosters.marked-lead"))
        .hide("program", posted.text("program"))
        .hide("month", posted.text("month"))
        .keeping(seat, posted.file("file")?))
}

async fn marked(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let month = posted.parse("month", seat.say("field.month-hint"))?;
    let Upload { name, bytes, .. } = posted.file("file")?;
    let program = posted.text("program");
    let found = roster::marked(seat.app(), seat.caller(), program, month, name, bytes).await?;
    Ok(match found {
        Some(bytes) => {
            let stem = name
                .rsplit_once('.')
                .map_or(name.as_str(), |(stem, _)| stem);
            Reply::File(format!("{stem}-标注.xlsx"), WORKBOOK, bytes)
        }
        None => {
            let page = Page::new(seat.say("rosters.marked"), "")
                .under(seat.say("nav.rosters"), "/rosters/import")
                .with(notice("done", seat.say("rosters.nothing-marked")));
            page.into()
        }
    })
}

async fn template(seat: Seat) -> Result<Reply, Error> {
    let program = seat.get("program").unwrap_or_default().to_owned();
    let bytes = roster::template_of(seat.app(), seat.caller(), &program).await?;
    let name = name_of(&seat, &program).await?;
    Ok(Reply::File(format!("花名册-{name}.xlsx"), WORKBOOK, bytes))
}

/// A month of the address.
///
/// # Errors
/// When there is none.
pub(super) fn month_of(seat: &Seat, name: &str) -> Result<Month, Error> {
    let text = seat.get(name).unwrap_or_default();
    text.parse()
        .map_err(|_| super::posted::invalid(name, text, seat.say("field.month-hint")))
}

async fn list(seat: Seat) -> Result<Reply, Error> {
    let program = seat.get("program").unwrap_or_default().to_owned();
    let month = month_of(&seat, "month")?;
    let rows = tables::rows(&seat, ROWS);
    let report = roster::list_page(seat.app(), seat.caller(), &program, month, rows).await?;
    let page = Page::new(seat.say("rosters.list"), seat.say("rosters.list-lead"))
        .under(seat.say("nav.rosters"), "/rosters");
    tables::paged(&seat, page, &report)
}

async fn diff(seat: Seat) -> Result<Reply, Error> {
    let program = seat.get("program").unwrap_or_default().to_owned();
    let (from, to) = (month_of(&seat, "from")?, month_of(&seat, "to")?);
    let (app, caller, rows) = (seat.app(), seat.caller(), tables::rows(&seat, ROWS));
    let make = roster::diff(app, caller, &program, (from, to), rows);
    let fields = ["program", "from", "to", "place", "as"];
    let mut report = kept::report(&seat, &fields, make).await?;
    // The totals say first what the rows then show.
    report.tables.reverse();
    let page = Page::new(seat.say("rosters.diff"), seat.say("rosters.diff-lead"))
        .under(seat.say("nav.rosters"), "/rosters");
    tables::paged(&seat, page, &report)
}

async fn search(seat: Seat) -> Result<Reply, Error> {
    let given = |name: &str| seat.get(name).unwrap_or_default().to_owned();
    let (text, township) = (given("name"), given("township"));
    let report = personal::search(seat.app(), seat.caller(), &text, &township).await?;
    let mut page = Page::new(seat.say("persons.title"), seat.say("persons.lead"))
        .under(seat.say("nav.rosters"), "/rosters")
        .form(Some(search_form(&seat)));
    if report.json["more"] == true {
        page = page.with(notice("wait", seat.say("persons.more")));
    }
    tables::page(&seat, page, &report, &[("person", "/persons/")])
}

fn person(seat: &Seat) -> Result<PartyId, Error> {
    let text = seat.place("person");
    text.parse()
        .map(PartyId)
        .map_err(|_| not_found("对象 person", text))
}

async fn card(seat: Seat) -> Result<Reply, Error> {
    let id = person(&seat)?;
    let report = personal::card(seat.app(), seat.caller(), id).await?;
    let mut page = Page::new(
        seat.fill("persons.card", &[("number", &id.to_string())]),
        seat.say("persons.card-lead"),
    )
    .under(seat.say("nav.rosters"), "/rosters");
    if seat.may(Action::RevealPersonal) {
        let form = Form::act(
            &seat,
            format!("/persons/{id}/reveal"),
            seat.say("persons.reveal"),
        )
        .saying("", seat.say("persons.reveal-lead"))
        .field(&seat, field("reason", seat.say("field.reason")));
        page = page.with(Block::More(
            seat.say("persons.reveal").to_owned(),
            vec![form.plain()],
        ));
    }
    if seat.may(Action::ImportRoster) {
        let form = Form::act(
            &seat,
            format!("/persons/{id}/death"),
            seat.say("deaths.record"),
        )
        .saying("", seat.say("deaths.one-lead"))
        .field(
            &seat,
            field("on", seat.say("deaths.on"))
                .kind(Kind::Line("date"))
                .optional(),
        )
        .field(&seat, field("document", seat.say("field.document")));
        page = page.with(Block::More(
            seat.say("deaths.record").to_owned(),
            vec![form.plain()],
        ));
    }
    tables::page(&seat, page, &report, &[])
}

/// The deaths that the book knows; a list of another office records many at once.
async fn deaths(seat: Seat) -> Result<Reply, Error> {
    let report = roster::deaths(seat.app(), seat.caller()).await?;
    let mut page = Page::new(seat.say("deaths.title"), seat.say("deaths.lead"))
        .under(seat.say("nav.rosters"), "/rosters");
    if seat.may(Action::ImportRoster) {
        let form = Form::act(&seat, "/rosters/deaths", seat.say("deaths.record"))
            .saying(seat.say("deaths.listed"), seat.say("deaths.listed-lead"))
            .field(&seat, field("list", seat.say("settings.list-name")))
            .field(&seat, field("document", seat.say("field.document")));
        page = page.form(Some(form));
    }
    tables::page(&seat, page, &report, &[("person", "/persons/")])
}

async fn listed_deaths(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let died = Died::Listed(posted.text("list").to_owned());
    let (app, caller, key) = (seat.app(), seat.caller(), posted.key());
    let done = roster::deceased(app, caller, &died, posted.text("document"), key).await?;
    Ok(Reply::Done(done, "/rosters/deaths".to_owned()))
}

/// Records the death of a person, or takes the record back when no day is given.
async fn death(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let id = person(&seat)?;
    let on = match posted.text("on") {
        "" => None,
        text => Some(parse_date(text).map_err(|_| invalid("on", text, "YYYY-MM-DD"))?),
    };
    let (app, caller, key) = (seat.app(), seat.caller(), posted.key());
    let died = Died::Person(id, on);
    let done = roster::deceased(app, caller, &died, posted.text("document"), key).await?;
    Ok(Reply::Done(done, format!("/persons/{id}")))
}

/// Shown once, on a page that no browser keeps.
async fn reveal(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let id = person(&seat)?;
    let reason = posted.text("reason");
    let (person, account, done) =
        personal::reveal(seat.app(), seat.caller(), id, reason, posted.key()).await?;
    let mut shown = vec![
        fact(seat.say("persons.name"), person.name),
        fact(seat.say("persons.number"), person.reference_no),
        fact(
            seat.say("persons.place"),
            format!("{} {}", person.township, person.village),
        ),
    ];
    if let Some(account) = account {
        shown.push(fact(seat.say("persons.holder"), account.holder));
        shown.push(fact(seat.say("persons.account"), account.number));
        shown.push(fact(seat.say("persons.bank"), account.bank));
    }
    let entry = done.receipt.map(|receipt| receipt.sequence.to_string());
    let told = match entry {
        Some(entry) => seat.fill("done.recorded", &[("entry", &entry)]),
        None => seat.say("persons.recorded").to_owned(),
    };
    let page = Page::new(
        seat.fill("persons.card", &[("number", &id.to_string())]),
        "",
    )
    .under(seat.say("nav.rosters"), "/rosters")
    .with(notice("wait", told))
    .with(Block::Facts(shown))
    .with(Block::Links(vec![link(
        seat.say("persons.back"),
        format!("/persons/{id}"),
    )]));
    Ok(page.into())
}
