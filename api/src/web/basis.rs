//! What is paid on: funds, policy, recoveries, and the closing of months and years.

use axum::Router;
use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::fund::Level;
use ledger::id::{ExceptionId, RecoveryId};
use ledger::money::Fen;
use reconciliation::agreement::AgreementId;

use super::banks::account_field;
use super::grid::Grid;
use super::kept;
use super::page::{Block, Form, Kind, Link, Notice, Page, field, link};
use super::posted::{Posted, invalid};
use super::reply::{self, Reply};
use super::runs::{month_field, notice, program_field};
use super::seat::Seat;
use super::tables::{self, WORKBOOK};
use crate::app::appropriation::{self, NewAppropriation};
use crate::app::policy::{self, Source};
use crate::app::recovery::{self, HandOver, NewPlan, NewRecovery, Receipt, Whose};
use crate::app::{Error, exception, not_found, period, reconcile, year};
use crate::http::Server;

pub(super) fn router() -> Router<Server> {
    Router::new()
        .route(
            "/funds",
            reply::get(funds).merge(reply::post(add_fund, funds)),
        )
        .route("/policy", reply::get(rules))
        .route("/policy/standards", reply::get(standards))
        .route("/policy/packs", reply::get(packs))
        .route("/policy/template", reply::get(template))
        .route("/policy/preview", reply::post(preview, rules))
        .route("/policy/import", reply::post(import, rules))
        .route(
            "/recoveries",
            reply::get(recoveries).merge(reply::post(open, recoveries)),
        )
        .route("/recoveries/confirm", reply::post(confirm_many, recoveries))
        .route("/recoveries/receive", reply::post(receive, recoveries))
        .route("/recoveries/hand-over", reply::post(hand_over, recoveries))
        .route("/recoveries/{recovery}", reply::get(recovery))
        .route(
            "/recoveries/{recovery}/{step}",
            reply::post(settle, recovery),
        )
        .route(
            "/periods",
            reply::get(periods).merge(reply::post(close, periods)),
        )
}

async fn funds(seat: Seat) -> Result<Reply, Error> {
    let report = appropriation::list(seat.app(), seat.caller()).await?;
    let year = Month::of(seat.app().clock.today()).year();
    let execution = format!("/reports/execution?year={year}");
    let mut ways = vec![link(seat.say("reports.execution"), execution)];
    if seat.may(Action::EnterAppropriation) || seat.may(Action::PostVoucher) {
        ways.push(link(seat.say("funds.move"), "/funds/move"));
    }
    let mut page =
        Page::new(seat.say("nav.funds"), seat.say("funds.lead")).with(Block::Links(ways));
    if seat.may(Action::EnterAppropriation) {
        let form = fund_form(&seat).await?;
        page = page.with(match seat.refused.is_some() {
            true => Block::Form(Box::new(form)),
            false => Block::More(seat.say("funds.add").to_owned(), vec![form]),
        });
    }
    tables::page(
        &seat,
        page,
        &report,
        &[("document", "/trace/appropriation?document=")],
    )
}

async fn fund_form(seat: &Seat) -> Result<Form, Error> {
    let levels = Level::ALL.iter().map(|level| {
        (
            level.code().to_owned(),
            super::word(level.name(), seat.language),
        )
    });
    let now = Month::of(seat.app().clock.today()).year().to_string();
    let line = |name, label, kind| field(name, seat.say(label)).kind(Kind::Line(kind));
    let level = field("level", seat.say("field.level")).kind(Kind::Select(levels.collect()));
    let amount = line("amount", "field.amount", "text").hint(seat.say("field.amount-hint"));
    Ok(Form::act(seat, "/funds", seat.say("funds.add"))
        .saying("", seat.say("funds.add-lead"))
        .field(seat, line("document", "field.document", "text"))
        .field(seat, level)
        .field(seat, line("year", "field.year", "number").value(now))
        .field(seat, program_field(seat).await?)
        .field(seat, account_field(seat).await?)
        .field(seat, amount)
        .field(seat, line("received", "funds.received", "date")))
}

async fn add_fund(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let level = posted.text("level");
    let amount = posted.text("amount");
    let new = NewAppropriation {
        document: posted.text("document").to_owned(),
        level: Level::from_code(level).ok_or_else(|| invalid("level", level, "county"))?,
        budget_year: posted.parse("year", "2022")?,
        program: posted.text("program").to_owned(),
        bank_account: posted.text("account").to_owned(),
        amount: Fen::parse_yuan(amount)
            .map_err(|_| invalid("amount", amount, seat.say("field.amount-hint")))?,
        received_on: posted.parse("received", seat.say("field.date-hint"))?,
        priority: 0,
    };
    let done = appropriation::add(seat.app(), seat.caller(), &new, posted.key()).await?;
    Ok(Reply::Done(done, "/funds".to_owned()))
}

async fn rules(seat: Seat) -> Result<Reply, Error> {
    let report = policy::list_programs(seat.app(), seat.caller()).await?;
    let ways = vec![
        link(seat.say("policy.standards"), "/policy/standards"),
        link(seat.say("policy.packs"), "/policy/packs"),
        link(seat.say("policy.template"), "/policy/template"),
    ];
    let mut page =
        Page::new(seat.say("nav.policy"), seat.say("policy.lead")).with(Block::Links(ways));
    if seat.may(Action::ManagePolicy) {
        let form = Form::act(&seat, "/policy/preview", seat.say("policy.preview"))
            .saying(seat.say("policy.preview"), seat.say("policy.preview-lead"))
            .field(&seat, source_field(&seat))
            .field(&seat, month_field(&seat, "month", "field.month"));
        page = page.form(Some(form));
    }
    tables::page(&seat, page, &report, &[])
}

fn source_field(seat: &Seat) -> super::page::Field {
    let file = field("file", seat.say("policy.file")).kind(Kind::File(".xlsx,.toml"));
    file.hint(seat.say("policy.file-hint"))
}

async fn standards(seat: Seat) -> Result<Reply, Error> {
    let report = policy::list_standards(seat.app(), seat.caller()).await?;
    let page = Page::new(
        seat.say("policy.standards"),
        seat.say("policy.standards-lead"),
    )
    .under(seat.say("nav.policy"), "/policy");
    tables::page(&seat, page, &report, &[])
}

async fn template(seat: Seat) -> Result<Reply, Error> {
    let bytes = policy::template(None)?;
    Ok(Reply::File(
        format!("{}.xlsx", seat.say("nav.policy")),
        WORKBOOK,
        bytes,
    ))
}

/// The packs that are shipped, each to be looked at before it is taken in.
async fn packs(seat: Seat) -> Result<Reply, Error> {
    let report = policy::list_packs()?;
    let text = |one: &serde_json::Value, name: &str| one[name].as_str().unwrap_or("").to_owned();
    let packs = report.json["packs"].as_array().cloned().unwrap_or_default();
    let choices = packs
        .iter()
        .map(|one| (text(one, "pack"), text(one, "title")));
    let pack = field("pack", seat.say("policy.pack")).kind(Kind::Select(choices.collect()));
    let mut page = Page::new(seat.say("policy.packs"), seat.say("policy.packs-lead"))
        .under(seat.say("nav.policy"), "/policy");
    if seat.may(Action::ManagePolicy) {
        let form = Form::act(&seat, "/policy/preview", seat.say("policy.preview"))
            .saying(seat.say("policy.preview"), seat.say("policy.preview-lead"))
            .field(&seat, pack)
            .field(&seat, account_field(&seat).await?.optional())
            .field(&seat, month_field(&seat, "month", "field.month"));
        page = page.form(Some(form));
    }
    tables::page(&seat, page, &report, &[])
}

fn source(posted: &Posted) -> Result<Source, Error> {
    let account = posted.optional("account");
    let source = match posted.optional("pack") {
        Some(name) => Source::pack(policy::pack(&name)?),
        None => {
            let file = posted.file("file")?;
            Source::file(&file.name, file.bytes.clone())
        }
    };
    Ok(source.paid_from(account.as_deref()))
}

async fn preview(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let month = posted.parse_optional("month", seat.say("field.month-hint"))?;
    let report = policy::preview(seat.app(), seat.caller(), &source(&posted)?, month).await?;
    let form = Form::act(&seat, "/policy/import", seat.say("policy.import"))
        .saying(seat.say("policy.import"), seat.say("policy.import-lead"))
        .hide("account", posted.text("account"));
    let form = match posted.optional("pack") {
        Some(pack) => form.hide("pack", pack),
        None => form
            .field(&seat, source_field(&seat))
            .keeping(&seat, posted.file("file")?),
    };
    let mut page = Page::new(seat.say("policy.would"), seat.say("policy.would-lead"))
        .under(seat.say("nav.policy"), "/policy");
    for (place, table) in report.tables.iter().enumerate() {
        let grid = Grid::of(&seat, table, place, &[]).plain();
        page = page.with(Block::Grid(Box::new(grid)));
    }
    Ok(page.form(Some(form)).into())
}

async fn import(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let source = source(&posted)?;
    let done = policy::import_from(seat.app(), seat.caller(), &source, posted.key()).await?;
    Ok(Reply::Done(done, "/policy".to_owned()))
}

async fn recoveries(seat: Seat) -> Result<Reply, Error> {
    let report = recovery::list(seat.app(), seat.caller()).await?;
    let ways = vec![link(seat.say("reports.recovery"), "/reports/recovery")];
    let mut page =
        Page::new(seat.say("nav.recoveries"), seat.say("recoveries.lead")).with(Block::Links(ways));
    if seat.may(Action::MakeRecovery) {
        let form = Form::act(&seat, "/recoveries", seat.say("recoveries.open"))
            .saying("", seat.say("recoveries.open-lead"))
            .field(&seat, program_field(&seat).await?)
            .field(
                &seat,
                field("file_no", seat.say("recoveries.file-no")).optional(),
            )
            .field(
                &seat,
                field("reason", seat.say("field.reason")).kind(Kind::Area),
            );
        page = offered(&seat, page, "recoveries.open", form);
    }
    if seat.may(Action::ResolveException) {
        page = offered(&seat, page, "recoveries.receive", receive_form(&seat));
    }
    if seat.may(Action::PostVoucher) {
        let form = hand_over_form(&seat).await?;
        page = offered(&seat, page, "recoveries.hand-over", form);
    }
    if seat.may(Action::ConfirmRecovery) {
        let form = Form::act(&seat, "/recoveries/confirm", seat.say("recoveries.confirm"))
            .saying("", seat.say("recoveries.confirm-lead"))
            .field(&seat, field("recoveries", seat.say("recoveries.numbers")));
        page = offered(&seat, page, "recoveries.confirm-many", form);
    }
    tables::page(&seat, page, &report, &[("number", "/recoveries/")])
}

async fn confirm_many(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let ids = numbers(&seat, &posted)?;
    let done = recovery::confirm_many(seat.app(), seat.caller(), &ids, posted.key()).await?;
    Ok(Reply::Done(done, "/recoveries".to_owned()))
}

/// A form folded away; open when it was refused.
fn offered(seat: &Seat, page: Page, title: &'static str, form: Form) -> Page {
    let refused = seat.refused.as_ref();
    page.with(match refused.is_some_and(|one| one.action == form.action) {
        true => Block::Form(Box::new(form)),
        false => Block::More(seat.say(title).to_owned(), vec![form]),
    })
}

fn receive_form(seat: &Seat) -> Form {
    let number = |name, label| field(name, seat.say(label));
    let exception = number("exception", "recoveries.exception").kind(Kind::Line("number"));
    let amount = number("amount", "field.amount").optional();
    let letter = number("appropriation", "recoveries.letter").optional();
    Form::act(seat, "/recoveries/receive", seat.say("recoveries.receive"))
        .saying("", seat.say("recoveries.receive-lead"))
        .field(
            seat,
            number("recoveries", "recoveries.numbers").hint(seat.say("recoveries.numbers-hint")),
        )
        .field(seat, exception)
        .field(seat, amount.hint(seat.say("recoveries.amount-hint")))
        .field(seat, letter.hint(seat.say("recoveries.letter-hint")))
        .plain()
}

/// Several recoveries by their numbers, with whatever stands between them.
fn numbers(seat: &Seat, posted: &Posted) -> Result<Vec<RecoveryId>, Error> {
    let text = posted.text("recoveries");
    let numbers = text.split(|c: char| !c.is_ascii_digit());
    let numbers = numbers.filter(|number| !number.is_empty());
    let ids: Result<Vec<RecoveryId>, _> = numbers
        .map(|number| number.parse().map(RecoveryId))
        .collect();
    ids.map_err(|_| invalid("recoveries", text, seat.say("recoveries.numbers-hint")))
}

/// An amount in yuan that may be left empty.
fn sum_of(seat: &Seat, posted: &Posted, name: &str) -> Result<Option<Fen>, Error> {
    let sum = |text: String| {
        let wanted = seat.say("field.amount-hint");
        Fen::parse_yuan(&text).map_err(|_| invalid(name, &text, wanted))
    };
    posted.optional(name).map(sum).transpose()
}

async fn receive(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let receipt = Receipt {
        recoveries: numbers(&seat, &posted)?,
        exception: ExceptionId(posted.parse("exception", "编号 a number")?),
        amount: sum_of(&seat, &posted, "amount")?,
        appropriation: posted.optional("appropriation"),
    };
    let done = recovery::receive(seat.app(), seat.caller(), &receipt, posted.key()).await?;
    Ok(Reply::Done(done, "/recoveries".to_owned()))
}

async fn hand_over_form(seat: &Seat) -> Result<Form, Error> {
    let letter = field("appropriation", seat.say("recoveries.letter")).optional();
    let on = field("on", seat.say("run.on"))
        .kind(Kind::Line("date"))
        .hint(seat.say("run.on-hint"))
        .optional();
    Ok(Form::act(
        seat,
        "/recoveries/hand-over",
        seat.say("recoveries.hand-over"),
    )
    .saying("", seat.say("recoveries.hand-over-lead"))
    .field(seat, program_field(seat).await?)
    .field(
        seat,
        field("amount", seat.say("field.amount")).hint(seat.say("field.amount-hint")),
    )
    .field(seat, account_field(seat).await?)
    .field(seat, letter.hint(seat.say("recoveries.kept-hint")))
    .field(seat, on)
    .asking(seat.say("recoveries.hand-over-lead"))
    .plain())
}

async fn hand_over(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let amount = posted.text("amount");
    let wanted = HandOver {
        program: posted.text("program").to_owned(),
        amount: Fen::parse_yuan(amount)
            .map_err(|_| invalid("amount", amount, seat.say("field.amount-hint")))?,
        account: posted.optional("account"),
        appropriation: posted.optional("appropriation"),
        on: posted.parse_optional("on", seat.say("field.date-hint"))?,
    };
    let done = recovery::hand_over(seat.app(), seat.caller(), &wanted, posted.key()).await?;
    Ok(Reply::Done(done, "/recoveries".to_owned()))
}

async fn open(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let new = NewRecovery {
        program: posted.text("program").to_owned(),
        whose: posted.optional("file_no").map_or(Whose::All, Whose::FileNo),
        first: None,
        last: None,
        reason: posted.text("reason").to_owned(),
    };
    let done = recovery::open(seat.app(), seat.caller(), &new, posted.key()).await?;
    Ok(Reply::Done(done, "/recoveries".to_owned()))
}

fn recovery_number(seat: &Seat) -> Result<RecoveryId, Error> {
    let text = seat.place("recovery");
    text.parse()
        .map(RecoveryId)
        .map_err(|_| not_found("追缴 recovery", text))
}

async fn recovery(seat: Seat) -> Result<Reply, Error> {
    let id = recovery_number(&seat)?;
    let report = recovery::show(seat.app(), seat.caller(), id).await?;
    let title = seat.fill("recoveries.one", &[("number", &id.to_string())]);
    let mut page = Page::new(title, "").under(seat.say("nav.recoveries"), "/recoveries");
    let state = report.json["state"].as_str().unwrap_or_default().to_owned();
    page.badge = super::badge::of(&state, seat.language);
    let form = |step: &str, key: &'static str, reason: bool| {
        let form = Form::act(&seat, format!("/recoveries/{id}/{step}"), seat.say(key))
            .saying(seat.say(key), "");
        match reason {
            true => form
                .field(
                    &seat,
                    field("reason", seat.say("field.reason")).kind(Kind::Area),
                )
                .plain(),
            false => form,
        }
    };
    let confirms = seat.may(Action::ConfirmRecovery);
    let own = report.json["last_by"] == seat.caller().user.id.get();
    let waits = matches!(state.as_str(), "proposed" | "write-off-proposed");
    if waits && confirms && own {
        page = page.with(notice("info", seat.say("proposals.own")));
    }
    match state.as_str() {
        "proposed" if confirms => {
            let confirm = (!own).then(|| form("confirm", "recoveries.confirm", false));
            page = page.form(confirm);
            page = page.form(Some(form("reject", "recoveries.reject", true)));
        }
        "open" if seat.may(Action::MakeRecovery) => {
            page = page.form(Some(plan_form(&seat, id)));
            page = page.form(Some(form("write-off", "recoveries.write-off", true)));
        }
        "write-off-proposed" if confirms => {
            let step = "confirm-write-off";
            let confirm = (!own).then(|| form(step, "recoveries.write-off-confirm", false));
            page = page.form(confirm);
            page = page.form(Some(form("reject", "recoveries.write-off-reject", true)));
        }
        _ => {}
    }
    tables::page(&seat, page, &report, &[])
}

/// Paid back in one sum in a month, or withheld from payments, or both.
fn plan_form(seat: &Seat, id: RecoveryId) -> Form {
    let line = |name, label| field(name, seat.say(label)).optional();
    let form = Form::act(
        seat,
        format!("/recoveries/{id}/plan"),
        seat.say("recoveries.plan"),
    )
    .saying(
        seat.say("recoveries.plan"),
        seat.say("recoveries.plan-lead"),
    )
    .field(seat, month_field(seat, "month", "recoveries.month"))
    .field(seat, line("cash", "recoveries.cash"))
    .field(seat, line("set_off", "recoveries.set-off"));
    form.plain()
}

fn plan_of(seat: &Seat, posted: &Posted) -> Result<NewPlan, Error> {
    let sum = |name: &str| match posted.text(name) {
        "" => Ok(None),
        text => Fen::parse_yuan(text)
            .map(Some)
            .map_err(|_| invalid(name, text, seat.say("field.amount-hint"))),
    };
    let month: Month = posted.parse("month", seat.say("field.month-hint"))?;
    Ok(NewPlan {
        instalments: sum("cash")?.map(|cash| (month, cash)).into_iter().collect(),
        set_off: sum("set_off")?,
        leave: None,
        from: Some(month),
    })
}

async fn settle(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let id = recovery_number(&seat)?;
    let (app, caller, key) = (seat.app(), seat.caller(), posted.key());
    let reason = posted.text("reason");
    let done = match seat.place("step") {
        "confirm" => recovery::confirm(app, caller, id, key).await,
        "plan" => recovery::plan(app, caller, id, &plan_of(&seat, &posted)?, key).await,
        "reject" => recovery::reject(app, caller, id, reason, key).await,
        "write-off" => recovery::write_off(app, caller, id, reason, key).await,
        "confirm-write-off" => recovery::confirm_write_off(app, caller, id, key).await,
        other => return Err(not_found("步骤 step", other)),
    };
    Ok(Reply::Done(done?, format!("/recoveries/{id}")))
}

async fn periods(seat: Seat) -> Result<Reply, Error> {
    let mut report = period::list(seat.app(), seat.caller()).await?;
    let years = year::list(seat.app(), seat.caller()).await?;
    report.tables.extend(years.tables);
    let mut page = Page::new(seat.say("nav.periods"), seat.say("periods.lead"));
    if seat.may(Action::CloseMonth) {
        let closed = report.json["periods"].as_array().and_then(|all| all.last());
        let last: Option<Month> = closed.and_then(|one| one["month"].as_str()?.parse().ok());
        let before = Month::of(seat.app().clock.today()).previous();
        let before = last.map_or(before, Month::next);
        page = page.with(stands(&seat, before).await?);
        let month = Form::act(&seat, "/periods", seat.say("periods.close"))
            .saying(seat.say("periods.close"), seat.say("periods.close-lead"))
            .field(
                &seat,
                month_field(&seat, "month", "field.month").value(before.to_string()),
            )
            .asking(seat.say("periods.close-lead"));
        let carry = field("carry_over", seat.say("periods.carry-over")).optional();
        let year = Form::act(&seat, "/periods", seat.say("periods.close-year"))
            .saying(
                seat.say("periods.close-year"),
                seat.say("periods.close-year-lead"),
            )
            .field(
                &seat,
                field("year", seat.say("field.year")).kind(Kind::Line("number")),
            )
            .field(&seat, carry.hint(seat.say("periods.carry-over-hint")))
            .asking(seat.say("periods.close-year-lead"))
            .plain();
        let year = Block::More(seat.say("periods.close-year").to_owned(), vec![year]);
        page = page.form(Some(month)).with(year);
    }
    tables::page(&seat, page, &report, &[])
}

/// How the month to be closed next stands: its four agreements, and the differences that are open.
async fn stands(seat: &Seat, month: Month) -> Result<Block, Error> {
    let text = month.to_string();
    // It reads the whole month; as long as the books stay the same it is read once.
    let make = reconcile::reconcile(seat.app(), seat.caller(), Some(month));
    let agreed = kept::report(seat, &[], make).await?;
    let [open, proposed, own] = exception::counts(seat.app(), seat.caller()).await?;
    let to = format!("/agreements?{}", super::months(&[("month", &text)]));
    let all = agreed.json["agreements"].as_array().into_iter().flatten();
    let mut lines: Vec<Link> = all
        .map(|one| {
            let id = one["id"].as_str().and_then(AgreementId::from_code);
            let key = match one["ok"] == true {
                true => "periods.agrees",
                false => "periods.differs",
            };
            let values = [
                (
                    "name",
                    id.map_or("", |id| id.name(seat.language)).to_owned(),
                ),
                ("left", super::fen(&one["left_fen"])),
                ("right", super::fen(&one["right_fen"])),
            ];
            let values: Vec<(&str, &str)> = values.iter().map(|(n, v)| (*n, v.as_str())).collect();
            link(seat.fill(key, &values), to.as_str())
        })
        .collect();
    let waiting = super::grouped(open + proposed + own);
    let waiting = seat.fill("periods.exceptions", &[("count", &waiting)]);
    lines.push(link(waiting, "/exceptions"));
    let ready = !agreed.found;
    let key = if ready {
        "periods.ready"
    } else {
        "periods.blocked"
    };
    Ok(Block::Notice(Notice {
        mood: if ready { "done" } else { "bad" },
        title: seat.fill(key, &[("month", &text)]),
        lines,
    }))
}

async fn close(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let (app, caller, key) = (seat.app(), seat.caller(), posted.key());
    let done = match posted.text("year") {
        "" => {
            let month = posted.parse("month", seat.say("field.month-hint"))?;
            period::close(app, caller, month, key).await?
        }
        _ => {
            let carry = posted.optional("carry_over");
            year::close(
                app,
                caller,
                posted.parse("year", "2022")?,
                carry.as_deref(),
                key,
            )
            .await?
        }
    };
    Ok(Reply::Done(done, "/periods".to_owned()))
}
