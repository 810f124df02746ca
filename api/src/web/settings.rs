//! Rules of the house: publication, approval limits, exclusions and check lists; and what becomes
//! of money that is not paid out.

use axum::Router;
use bank_adapters::Use;
use ledger::disbursement::approval::ApprovalLevel;
use ledger::disbursement::clash::ListKind;
use ledger::disbursement::publication::DayUnit;
use ledger::disbursement::role::Action;
use ledger::money::Fen;
use ledger::problem::Language;

use super::banks::account_field;
use super::page::{Block, Field, Form, Kind, Page, field};
use super::posted::{Posted, invalid};
use super::reply::{self, Reply};
use super::runs::{month_field, program_field};
use super::seat::Seat;
use super::{proposals, tables};
use crate::app::appropriation::{self, NewCarryOver, NewReduction};
use crate::app::approval::NewLimit;
use crate::app::clash::{self, ListInput};
use crate::app::layouts::NewLayouts;
use crate::app::proposal::{self, Change, Pending};
use crate::app::publication::NewRule;
use crate::app::{Error, not_found};
use crate::http::Server;

pub(super) fn router() -> Router<Server> {
    Router::new()
        .route("/settings", reply::get(show))
        .route("/settings/{what}", reply::post(set, show))
        .route("/funds/move", reply::get(moves))
        .route("/funds/move/{what}", reply::post(shift, moves))
}

async fn show(seat: Seat) -> Result<Reply, Error> {
    let proposals = proposal::list(seat.app(), seat.caller()).await?;
    let mut report = clash::lists(seat.app(), seat.caller()).await?;
    report.tables.extend(proposals.tables);
    let mut page = Page::new(seat.say("nav.settings"), seat.say("settings.lead"));
    let rules = |one: &Pending, _| {
        ["publication", "limit", "level", "layouts"].contains(&one.kind.as_str())
    };
    page.blocks
        .extend(proposals::waiting(&seat, rules, 0).await?);
    let mut forms = Vec::new();
    if seat.may(Action::ManagePolicy) {
        forms.extend([rule_form(&seat).await?, limit_form(&seat).await?]);
        forms.push(exclude_form(&seat).await?);
        forms.push(layouts_form(&seat).await?);
    }
    if seat.may(Action::ImportRoster) {
        forms.push(list_form(&seat));
    }
    if !forms.is_empty() {
        page = match seat.refused.as_ref() {
            // The form that was refused stands open.
            Some(refused) => {
                let action = refused.action.clone();
                let open = forms.into_iter().find(|form| form.action == action);
                page.form(open)
            }
            None => page.with(Block::More(seat.say("settings.change").to_owned(), forms)),
        };
    }
    tables::page(&seat, page, &report, &[])
}

fn line(seat: &Seat, name: &'static str, label: &'static str) -> Field {
    field(name, seat.say(label))
}

fn act(seat: &Seat, action: &str, key: &'static str, lead: &'static str) -> Form {
    Form::act(seat, action, seat.say(key))
        .saying(seat.say(key), seat.say(lead))
        .plain()
}

fn level_field(seat: &Seat) -> Field {
    let levels = ApprovalLevel::ALL.iter().map(|level| {
        (
            level.code().to_owned(),
            super::word(level.name(), seat.language),
        )
    });
    line(seat, "level", "people.level").kind(Kind::Select(levels.collect()))
}

async fn rule_form(seat: &Seat) -> Result<Form, Error> {
    let days = line(seat, "days", "settings.days").kind(Kind::Line("number"));
    Ok(act(
        seat,
        "/settings/rule",
        "settings.rule",
        "settings.rule-lead",
    )
    .field(seat, program_field(seat).await?)
    .field(seat, days)
    .field(seat, line(seat, "document", "field.document")))
}

async fn limit_form(seat: &Seat) -> Result<Form, Error> {
    Ok(act(
        seat,
        "/settings/limit",
        "settings.limit",
        "settings.limit-lead",
    )
    .field(seat, program_field(seat).await?)
    .field(seat, level_field(seat))
    .field(seat, month_field(seat, "month", "field.from"))
    .field(seat, line(seat, "payment", "settings.payment-limit"))
    .field(seat, line(seat, "run", "settings.run-limit").optional())
    .field(seat, line(seat, "document", "field.document")))
}

async fn layouts_form(seat: &Seat) -> Result<Form, Error> {
    let (action, lead) = ("/settings/layouts", "settings.layouts-lead");
    let layout = |name, label, usage| {
        let known = seat
            .app()
            .profiles
            .iter()
            .filter(move |one| one.usage == usage);
        let known = known.map(|one| {
            let named = match seat.language {
                Language::En if !one.name_en.is_empty() => &one.name_en,
                _ => &one.name,
            };
            (one.id.clone(), format!("{named} {}", one.id))
        });
        let mut choices = vec![(String::new(), seat.say("settings.layout-stays").to_owned())];
        choices.extend(known);
        line(seat, name, label)
            .kind(Kind::Select(choices))
            .optional()
    };
    Ok(act(seat, action, "settings.layouts", lead)
        .field(seat, account_field(seat).await?)
        .field(seat, layout("batch", "settings.layout-batch", Use::Batch))
        .field(
            seat,
            layout("return", "settings.layout-return", Use::Return),
        )
        .field(
            seat,
            layout("statement", "settings.layout-statement", Use::Statement),
        ))
}

async fn exclude_form(seat: &Seat) -> Result<Form, Error> {
    let mut other = program_field(seat).await?;
    (other.name, other.label) = ("other", seat.say("settings.other").to_owned());
    Ok(act(
        seat,
        "/settings/exclude",
        "settings.exclude",
        "settings.exclude-lead",
    )
    .field(seat, program_field(seat).await?)
    .field(seat, other)
    .field(seat, line(seat, "document", "field.document")))
}

fn list_form(seat: &Seat) -> Form {
    let kinds = ListKind::ALL.iter().map(|kind| {
        (
            kind.code().to_owned(),
            super::word(kind.name(), seat.language),
        )
    });
    let file = line(seat, "file", "settings.file").kind(Kind::File(".xlsx,.csv,.txt"));
    act(
        seat,
        "/settings/list",
        "settings.list",
        "settings.list-lead",
    )
    .field(
        seat,
        line(seat, "kind", "field.kind").kind(Kind::Select(kinds.collect())),
    )
    .field(seat, line(seat, "name", "settings.list-name"))
    .field(seat, file)
}

fn amount(seat: &Seat, posted: &Posted, name: &str) -> Result<Fen, Error> {
    let text = posted.text(name);
    Fen::parse_yuan(text).map_err(|_| invalid(name, text, seat.say("field.amount-hint")))
}

fn some_amount(seat: &Seat, posted: &Posted, name: &str) -> Result<Option<Fen>, Error> {
    match posted.text(name) {
        "" => Ok(None),
        _ => amount(seat, posted, name).map(Some),
    }
}

async fn set(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let (app, caller, key) = (seat.app(), seat.caller(), posted.key());
    let (program, document) = (posted.text("program"), posted.text("document"));
    let done = match seat.place("what") {
        "rule" => {
            let days = posted.parse("days", "天数 a number of days")?;
            let rule = NewRule {
                program: program.to_owned(),
                days,
                unit: DayUnit::Calendar,
                document: document.to_owned(),
            };
            proposal::propose(app, caller, &Change::Publication(rule), key).await
        }
        "limit" => {
            let level = posted.text("level");
            let new = NewLimit {
                program: program.to_owned(),
                level: ApprovalLevel::from_code(level)
                    .ok_or_else(|| invalid("level", level, "county"))?,
                from: posted.parse("month", seat.say("field.month-hint"))?,
                payment: amount(&seat, &posted, "payment")?,
                run: some_amount(&seat, &posted, "run")?,
                document: document.to_owned(),
            };
            proposal::propose(app, caller, &Change::Limit(new), key).await
        }
        "layouts" => {
            let new = NewLayouts {
                account: posted.text("account").to_owned(),
                batch: posted.text("batch").to_owned(),
                returned: posted.text("return").to_owned(),
                statement: posted.text("statement").to_owned(),
            };
            proposal::propose(app, caller, &Change::Layouts(new), key).await
        }
        "exclude" => {
            let both = [program, posted.text("other")];
            clash::exclude(app, caller, both, document, key).await
        }
        "list" => {
            let (kind, file) = (posted.text("kind"), posted.file("file")?);
            let input = ListInput {
                kind: ListKind::from_code(kind).ok_or_else(|| invalid("kind", kind, "deceased"))?,
                name: posted.text("name").to_owned(),
                file_name: file.name.clone(),
                bytes: file.bytes.clone(),
            };
            clash::import_list(app, caller, &input, key).await
        }
        other => return Err(not_found("规定 rule", other)),
    };
    Ok(Reply::Done(done?, "/settings".to_owned()))
}

/// What becomes of a letter's money that is not paid out.
async fn moves(seat: Seat) -> Result<Reply, Error> {
    let page = Page::new(seat.say("funds.move"), seat.say("funds.move-lead"))
        .under(seat.say("nav.funds"), "/funds");
    let document = || {
        line(&seat, "document", "field.document").value(seat.get("document").unwrap_or_default())
    };
    let sum = || line(&seat, "amount", "field.amount").hint(seat.say("field.amount-hint"));
    let on = || {
        line(&seat, "on", "run.on")
            .kind(Kind::Line("date"))
            .hint(seat.say("run.on-hint"))
    };
    let by = || line(&seat, "by", "funds.by");
    let mut program = program_field(&seat).await?;
    program.required = false;
    let year = line(&seat, "to", "funds.to-year").kind(Kind::Line("number"));
    let mut forms = Vec::new();
    if seat.may(Action::PostVoucher) {
        let back = act(
            &seat,
            "/funds/move/return",
            "funds.return",
            "funds.return-lead",
        )
        .field(&seat, document())
        .field(&seat, program_field(&seat).await?)
        .field(&seat, sum())
        .field(&seat, on().optional());
        let less = act(
            &seat,
            "/funds/move/reduce",
            "funds.reduce",
            "funds.reduce-lead",
        )
        .field(&seat, document())
        .field(&seat, by())
        .field(&seat, sum())
        .field(&seat, on().optional());
        forms.extend([back, less].map(|form| form.asking(seat.say("funds.move-ask"))));
    }
    if seat.may(Action::EnterAppropriation) {
        let over = act(
            &seat,
            "/funds/move/carry",
            "funds.carry",
            "funds.carry-lead",
        )
        .field(&seat, document())
        .field(&seat, program)
        .field(&seat, year)
        .field(&seat, sum().optional())
        .field(&seat, by());
        forms.push(over);
    }
    let page = forms
        .into_iter()
        .fold(page, |page, form| page.form(Some(form)));
    Ok(page.into())
}

async fn shift(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let (app, caller, key) = (seat.app(), seat.caller(), posted.key());
    let document = posted.text("document").to_owned();
    let on = posted.parse_optional("on", seat.say("field.date-hint"))?;
    let done = match seat.place("what") {
        "return" => {
            let sum = amount(&seat, &posted, "amount")?;
            let program = posted.text("program");
            appropriation::return_to_treasury(app, caller, &document, program, sum, on, key).await
        }
        "reduce" => {
            let new = NewReduction {
                document,
                program: None,
                by: posted.text("by").to_owned(),
                amount: amount(&seat, &posted, "amount")?,
                on,
            };
            appropriation::reduce(app, caller, &new, key).await
        }
        "carry" => {
            let new = NewCarryOver {
                document,
                program: posted.optional("program"),
                to: posted.parse("to", "2023")?,
                amount: some_amount(&seat, &posted, "amount")?,
                by: posted.text("by").to_owned(),
            };
            appropriation::carry_over(app, caller, &new, key).await
        }
        other => return Err(not_found("步骤 step", other)),
    };
    Ok(Reply::Done(done?, "/funds".to_owned()))
}
