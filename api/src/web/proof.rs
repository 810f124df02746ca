//! Proof: one payment's way as a picture, the audit trail, its verification; and the people.

use axum::Router;
use ledger::disbursement::approval::ApprovalLevel;
use ledger::disbursement::role::Role;
use ledger::id::PaymentId;
use serde_json::{Value, json};

use super::page::{Block, Fact, Field, Form, Kind, Page, Picture, fact, field, link};
use super::picture::{Node, flow};
use super::posted::{Posted, invalid};
use super::reply::{self, Reply};
use super::runs::notice;
use super::seat::Seat;
use super::{badge, fen, proposals, tables, work};
use crate::app::job::Wanted;
use crate::app::proposal::{self, Change, Pending};
use crate::app::users::{self, NewUser};
use crate::app::{Error, audit, doctor, not_found, session, trace};
use crate::http::Server;

pub(super) fn router() -> Router<Server> {
    Router::new()
        .route("/trace", reply::get(ask))
        .route("/trace/payment/{payment}", reply::get(payment))
        .route("/trace/appropriation", reply::get(appropriation))
        .route(
            "/audit/verify",
            reply::get(verify).merge(reply::post(verify_later, verify)),
        )
        .route(
            "/people",
            reply::get(people).merge(reply::post(add, people)),
        )
        .route("/people/{user}", reply::get(person))
        .route("/people/{user}/{step}", reply::post(change, person))
}

async fn ask(seat: Seat) -> Result<Reply, Error> {
    if let Some(number) = seat.get("payment") {
        return Ok(Reply::Go(format!("/trace/payment/{number}")));
    }
    let payment = Form::ask(&seat, "/trace", seat.say("trace.show"))
        .saying(seat.say("trace.payment"), seat.say("trace.payment-lead"))
        .field(
            &seat,
            field("payment", seat.say("field.payment")).kind(Kind::Line("number")),
        );
    let letter = Form::ask(&seat, "/trace/appropriation", seat.say("trace.show"))
        .saying(seat.say("trace.letter"), seat.say("trace.letter-lead"))
        .field(&seat, field("document", seat.say("field.document")));
    let person = Form::ask(&seat, "/persons", seat.say("trace.show"))
        .saying(seat.say("persons.title"), "")
        .field(
            &seat,
            field("name", seat.say("persons.text")).hint(seat.say("persons.hint")),
        );
    let page = Page::new(seat.say("nav.trace"), seat.say("trace.lead"));
    Ok(page
        .form(Some(payment))
        .form(Some(letter.plain()))
        .form(Some(person.plain()))
        .into())
}

async fn payment(seat: Seat) -> Result<Reply, Error> {
    let text = seat.place("payment").to_owned();
    let id = text
        .parse()
        .map(PaymentId)
        .map_err(|_| not_found("明细 payment", &text))?;
    let report = trace::payment(seat.app(), seat.caller(), id).await?;
    let json = &report.json;
    let mut page = Page::new(
        seat.fill("trace.one", &[("payment", &text)]),
        seat.say("trace.one-lead"),
    )
    .under(seat.say("nav.trace"), "/trace")
    .with(Block::Facts(facts(&seat, json)))
    .with(Block::Picture(way(&seat, json)));
    let state = json["state"].as_str().unwrap_or_default();
    page.badge = badge::of(state, seat.language);
    let about = |one: &Pending, payment| one.payment == payment;
    page.blocks
        .extend(proposals::waiting(&seat, about, id.get()).await?);
    if matches!(state, "failed" | "refunded") {
        let ways = vec![link(seat.say("nav.repay"), "/repay")];
        page = page.with(Block::Links(ways));
    }
    tables::page(&seat, page, &report, &[])
}

fn facts(seat: &Seat, json: &Value) -> Vec<Fact> {
    let text = |value: &Value| value.as_str().unwrap_or("—").to_owned();
    let to = |name, value: String, to: String| {
        let mut shown = fact(name, value);
        shown.to = Some(to);
        shown
    };
    let run = json["run"]["id"].to_string();
    let (payee, home) = (&json["payee"], &json["household"]);
    vec![
        fact(seat.say("field.amount"), fen(&json["amount_fen"])),
        fact(seat.say("field.month"), text(&json["month"])),
        to(seat.say("field.run"), run.clone(), format!("/runs/{run}")),
        to(
            seat.say("trace.payee"),
            text(&payee["name"]),
            format!("/persons/{}", payee["id"]),
        ),
        to(
            seat.say("trace.household"),
            text(&home["name"]),
            format!("/persons/{}", home["id"]),
        ),
        fact(
            seat.say("persons.place"),
            format!("{} {}", text(&home["township"]), text(&home["village"])),
        ),
        fact(seat.say("trace.head"), json["head"]["size"].to_string()),
    ]
}

/// Quota letters, run, then for each attempt its file and what the bank answered.
fn way(seat: &Seat, json: &Value) -> Picture {
    let text = |value: &Value| value.as_str().unwrap_or("—").to_owned();
    let attempts = json["attempts"].as_array().cloned().unwrap_or_default();
    let mut letters = Vec::new();
    for letter in attempts
        .iter()
        .filter_map(|one| one["appropriations"].as_array())
        .flatten()
    {
        let document = text(&letter["document"]);
        if letters.iter().any(|known: &Node| known.name == document) {
            continue;
        }
        let query = super::months(&[("document", &document)]);
        letters.push(Node {
            value: fen(&letter["amount_fen"]),
            note: super::word(&text(&letter["level"]), seat.language),
            to: format!("/trace/appropriation?{query}"),
            mood: "plain",
            name: document,
        });
    }
    let steps = json["run"]["steps"].as_array().cloned().unwrap_or_default();
    let approved = steps.iter().rev().find(|step| step["event"] == "approve");
    let run = Node {
        name: seat.fill("trace.run", &[("run", &json["run"]["id"].to_string())]),
        value: fen(&json["amount_fen"]),
        note: approved.map_or_else(String::new, |step| {
            format!(
                "{} {}",
                text(&step["user"]),
                super::runs::china(&text(&step["time"]))
            )
        }),
        to: format!("/runs/{}", json["run"]["id"]),
        mood: "plain",
    };
    let (mut files, mut answers) = (Vec::new(), Vec::new());
    for attempt in &attempts {
        let batch = text(&attempt["batch"]);
        files.push(Node {
            name: seat.fill(
                "trace.attempt",
                &[("attempt", &attempt["attempt"].to_string())],
            ),
            value: batch.clone(),
            note: text(&attempt["sent_on"]),
            to: format!("/batches/{batch}"),
            mood: "plain",
        });
        answers.push(answer(seat, attempt));
    }
    let mut arrows: Vec<[(usize, usize); 2]> = Vec::new();
    let first = usize::from(!letters.is_empty());
    arrows.extend((0..letters.len()).map(|row| [(0, row), (1, 0)]));
    arrows.extend((0..files.len()).map(|row| [(first, 0), (first + 1, row)]));
    arrows.extend((0..files.len()).map(|row| [(first + 1, row), (first + 2, row)]));
    let columns: Vec<Vec<Node>> = [letters, vec![run], files, answers]
        .into_iter()
        .filter(|column| !column.is_empty())
        .collect();
    flow(&columns, &arrows)
}

fn answer(seat: &Seat, attempt: &Value) -> Node {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let last = attempt["outcomes"].as_array().and_then(|all| all.last());
    let kind = last.map_or_else(|| "sent".to_owned(), |last| text(&last["kind"]));
    let mood = match kind.as_str() {
        "paid" => "done",
        "failed" | "refunded" => "bad",
        _ => "go",
    };
    Node {
        name: seat.say("trace.answer").to_owned(),
        value: badge::of(&kind, seat.language).map_or(kind, |badge| badge.word),
        note: last.map_or_else(String::new, |last| {
            format!("{} {}", text(&last["date"]), text(&last["reason_text"]))
        }),
        to: "/returns".to_owned(),
        mood,
    }
}

async fn appropriation(seat: Seat) -> Result<Reply, Error> {
    let document = seat.get("document").unwrap_or_default().to_owned();
    let report = trace::appropriation(seat.app(), seat.caller(), &document).await?;
    let page = Page::new(document, seat.say("trace.letter-lead"))
        .under(seat.say("nav.trace"), "/trace")
        .under(seat.say("nav.funds"), "/funds");
    tables::page(&seat, page, &report, &[])
}

/// Verifies the whole trail when it is asked to; it reads every row of the book.
async fn verify(seat: Seat) -> Result<Reply, Error> {
    let form = Form::ask(&seat, "/audit/verify", seat.say("audit.verify"))
        .saying("", seat.say("audit.verify-lead"))
        .field(
            &seat,
            field("now", seat.say("audit.all"))
                .kind(Kind::Tick)
                .value("1"),
        );
    let page = Page::new(seat.say("nav.verify"), seat.say("audit.verify-title"));
    let later = Form::act(&seat, "/audit/verify", seat.say("audit.verify-later"))
        .saying("", seat.say("audit.verify-later-lead"))
        .plain();
    let page = page.form(Some(form)).form(Some(later));
    if seat.get("now").is_none() {
        return Ok(page.into());
    }
    let kept = seat.clone();
    let report = seat
        .server
        .work(async move |app| audit::verify(app, kept.caller(), &[]).await)
        .await?;
    let (mood, words) = match report.found {
        true => ("bad", "audit.faulty"),
        false => ("done", "audit.sound"),
    };
    tables::page(
        &seat,
        page.with(notice(mood, seat.say(words))),
        &report,
        &[],
    )
}

/// The same as a job, which says how far it is and can be called off.
async fn verify_later(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let wanted = Wanted::new("audit.verify", json!({ "heads": [] }));
    work::later(&seat, wanted, posted.key()).await
}

async fn people(seat: Seat) -> Result<Reply, Error> {
    let report = users::list_users(seat.app(), seat.caller()).await?;
    let sessions = session::list(seat.app(), seat.caller()).await?;
    let health = doctor::doctor(seat.app()).await?;
    let mut all = report.clone();
    all.tables.extend(sessions.tables.clone());
    all.tables.extend(health.tables);
    let page = Page::new(seat.say("nav.people"), seat.say("people.lead"));
    let mut forms = vec![add_form(&seat)];
    forms.extend(super::me::end_form(&seat, &sessions.json));
    let form = Block::More(seat.say("people.add").to_owned(), forms);
    let page = match seat.refused.is_some() {
        true => page.form(Some(add_form(&seat))),
        false => page.with(form),
    };
    tables::page(&seat, page, &all, &[("login", "/people/")])
}

/// Two lists of roles, with those that somebody has.
fn role_fields(seat: &Seat, has: &Value) -> [Field; 2] {
    let roles = Role::ALL.iter().map(|role| {
        (
            role.code().to_owned(),
            super::word(role.name(), seat.language),
        )
    });
    let mut more: Vec<(String, String)> = vec![(String::new(), "—".to_owned())];
    more.extend(roles.clone());
    let now = |place: usize| has[place].as_str().unwrap_or_default().to_owned();
    let role = field("role", seat.say("people.role")).kind(Kind::Select(roles.collect()));
    let second = field("role2", seat.say("people.role-2")).kind(Kind::Select(more));
    [role.value(now(0)), second.value(now(1)).optional()]
}

fn add_form(seat: &Seat) -> Form {
    let [role, second] = role_fields(seat, &Value::Null);
    let password = field("password", seat.say("people.password"));
    Form::act(seat, "/people", seat.say("people.add"))
        .saying("", seat.say("people.add-lead"))
        .field(seat, field("login", seat.say("me.login")))
        .field(seat, field("name", seat.say("me.name")))
        .field(seat, role)
        .field(seat, second)
        .field(seat, password.kind(Kind::Password("new-password")))
}

/// The roles that the two lists say.
fn roles_of(posted: &Posted) -> Result<Vec<Role>, Error> {
    let mut roles = Vec::new();
    for name in ["role", "role2"] {
        let code = posted.text(name);
        if !code.is_empty() {
            roles.push(Role::from_code(code).ok_or_else(|| invalid(name, code, "maker"))?);
        }
    }
    roles.dedup();
    Ok(roles)
}

async fn add(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let new = NewUser {
        login: posted.text("login").to_owned(),
        name: posted.text("name").to_owned(),
        roles: roles_of(&posted)?,
        password: posted.secret("password").to_owned(),
    };
    if new.login.is_empty() {
        return Err(invalid("login", "", seat.say("me.login")));
    }
    let done = users::add_user(seat.app(), seat.caller(), &new, posted.key()).await?;
    Ok(Reply::Done(done, "/people".to_owned()))
}

async fn person(seat: Seat) -> Result<Reply, Error> {
    let login = seat.place("user").to_owned();
    let report = users::list_users(seat.app(), seat.caller()).await?;
    let all = report.json["users"].as_array().cloned().unwrap_or_default();
    let one = all.iter().find(|one| one["login"] == login.as_str());
    let one = one.ok_or_else(|| not_found("用户 user", &login))?;
    let text = |name: &str| one[name].as_str().unwrap_or("—").to_owned();
    let act = |step: &str, key: &'static str, lead: &'static str| {
        Form::act(&seat, format!("/people/{login}/{step}"), seat.say(key))
            .saying(seat.say(key), seat.say(lead))
            .plain()
    };
    let secret =
        field("password", seat.say("people.password")).kind(Kind::Password("new-password"));
    let mut page = Page::new(
        format!("{} {login}", text("name")),
        seat.say("people.one-lead"),
    )
    .under(seat.say("nav.people"), "/people")
    .with(Block::Facts(vec![
        fact(seat.say("me.login"), &login),
        fact(seat.say("me.name"), text("name")),
        fact(seat.say("people.level"), text("level")),
    ]));
    page.badge = badge::of(&text("state"), seat.language);
    let password = act(
        "password",
        "people.set-password",
        "people.set-password-lead",
    );
    page = page.form(Some(password.field(&seat, secret)));
    page = page.form(Some(act(
        "factor",
        "people.drop-factor",
        "people.drop-factor-lead",
    )));
    if one["roles"]
        .as_array()
        .is_some_and(|roles| roles.iter().any(|role| role == "approver"))
    {
        let levels = ApprovalLevel::ALL.iter().map(|level| {
            (
                level.code().to_owned(),
                super::word(level.name(), seat.language),
            )
        });
        let level = field("level", seat.say("people.level")).kind(Kind::Select(levels.collect()));
        let form = act("level", "people.set-level", "people.set-level-lead");
        page = page.form(Some(form.field(&seat, level.value(text("level")))));
    }
    if login != seat.caller().user.login {
        let mut form = act("roles", "people.set-roles", "people.set-roles-lead");
        for field in role_fields(&seat, &one["roles"]) {
            form = form.field(&seat, field);
        }
        page = page.form(Some(form));
    }
    let last = match text("state").as_str() {
        "disabled" => act("enable", "people.enable", "people.enable-lead"),
        _ => act("disable", "people.disable", "people.disable-lead")
            .asking(seat.say("people.disable-lead")),
    };
    Ok(page.form(Some(last)).into())
}

async fn change(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let login = seat.place("user").to_owned();
    let (app, caller, key) = (seat.app(), seat.caller(), posted.key());
    let done = match seat.place("step") {
        "password" => {
            users::set_password(app, caller, &login, posted.secret("password"), key).await?
        }
        "level" => {
            let code = posted.text("level");
            let level = ApprovalLevel::from_code(code);
            let level = level.ok_or_else(|| invalid("level", code, "county"))?;
            proposal::propose(app, caller, &Change::Level(login.clone(), level), key).await?
        }
        "factor" => session::drop_factor(app, caller, &login, key).await?,
        "disable" => users::disable_user(app, caller, &login, key).await?,
        "enable" => users::enable_user(app, caller, &login, key).await?,
        "roles" => users::set_roles(app, caller, &login, &roles_of(&posted)?, key).await?,
        other => return Err(not_found("步骤 step", other)),
    };
    Ok(Reply::Done(done, format!("/people/{login}")))
}
