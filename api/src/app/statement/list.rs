//! What statements say, and what their movements were matched to.

use ledger::disbursement::role::Action;
use ledger::id::StatementId;
use ledger::money::Fen;
use ledger::problem::Language;
use ledger_store::boxed;
use ledger_store::exception::{ExceptionState, Page};
use ledger_store::policy;
use ledger_store::statement::{self as store, StatementLine, StoredLine, StoredMatch};
use reconciliation::answer::ExceptionKind;
use serde_json::{Value, json};

use super::Read;
use crate::app::report::Names;
use crate::app::roster::mask_numbers;
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error, not_found};

/// As many things that the books go on waiting for are listed: a person reads them.
const LEFT_MAX: usize = 100;

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
            ("状态", "state", false),
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
            if s.withdrawn { "已撤回" } else { "" }.to_owned(),
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
            "withdrawn": s.withdrawn,
            "entry": s.entry,
        }));
    }
    Ok(Report::new(json!({ "statements": list }), vec![table]))
}

/// One statement: its balances, and a page of its movements with what each was matched to or the
/// difference that it became. `next` of the document asks for the page after it.
///
/// # Errors
/// [`ledger::problem::Kind::NotFound`]; when the caller may not read reports.
#[boxed]
pub async fn show(
    app: &App,
    caller: &Caller,
    id: StatementId,
    page: Page,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let all = store::statements(&mut tx, book).await?;
    let found = all.into_iter().find(|one| one.id == id);
    let found = found.ok_or_else(|| not_found("对账单 statement", id))?;
    let wanted = (page.after, page.limit.saturating_add(1));
    let mut lines = store::lines(&mut tx, book, id, wanted).await?;
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let more = lines.len() > limit;
    lines.truncate(limit);
    let names = Names::load(&mut tx, book).await?;
    tx.rollback().await?;
    let next = lines.last().filter(|_| more).map(|line| line.line_no);
    let mut table = movements(format!("对账单 {id}"), format!("Statement {id}"));
    let mut list = Vec::new();
    for line in &lines {
        let matched: Vec<String> = line
            .matches
            .iter()
            .map(|one| name_of(one, &names))
            .collect();
        let (difference, state) = difference_of(line);
        table.row([
            line.line_no.to_string(),
            line.on.clone(),
            line.amount.grouped(),
            mask_numbers(&line.summary),
            mask_numbers(&line.remark),
            match matched.is_empty() {
                true => difference,
                false => matched.join("、"),
            },
            state,
        ]);
        list.push(json!({
            "line": line.line_no,
            "on": line.on,
            "amount_fen": line.amount.get(),
            "summary": mask_numbers(&line.summary),
            "remark": mask_numbers(&line.remark),
            "matched": line.matches.iter().zip(&matched).map(match_json).collect::<Value>(),
            "exception": line.difference.as_ref().map(|(id, ..)| id.get()),
            "kind": line.difference.as_ref().map(|(_, kind, _)| kind),
            "state": line.difference.as_ref().map(|(.., state)| state),
        }));
    }
    let bank = names.banks.get(&found.bank_account);
    let json = json!({
        "statement": id.get(),
        "account": bank.map(|bank| bank.code.clone()),
        "from": found.from,
        "to": found.to,
        "opening_fen": found.opening.get(),
        "moved_fen": found.moved.get(),
        "closing_fen": found.closing.get(),
        "lines": found.lines,
        "withdrawn": found.withdrawn,
        "movements": list,
        "next": next,
    });
    Ok(Report::new(json, vec![table]))
}

/// The columns of movements.
fn movements(zh: String, en: String) -> Table {
    Table::new(
        words(zh, en),
        &[
            ("行", "line", true),
            ("日期", "date", false),
            ("金额(元)", "amount (yuan)", true),
            ("摘要", "summary", false),
            ("附言", "remark", false),
            ("对应", "matched to", false),
            ("状态", "state", false),
        ],
    )
}

/// What a movement was matched to, for people.
fn name_of(one: &StoredMatch, names: &Names) -> String {
    match one.kind.as_str() {
        "batch" | "voucher" => one.name.clone(),
        "return" => format!("回盘 {}", one.id),
        "refund" => format!("退款 P{}-{}", one.id, one.attempt),
        "appropriation" => names.appropriation(ledger::id::AppropriationId(one.id)),
        other => other.to_owned(),
    }
}

fn match_json((one, name): (&StoredMatch, &String)) -> Value {
    json!({
        "kind": one.kind,
        "id": one.id,
        "attempt": one.attempt,
        "amount_fen": one.amount.get(),
        "name": name,
    })
}

/// The difference that a movement became, and where it stands.
fn difference_of(line: &StoredLine) -> (String, String) {
    let Some((id, kind, state)) = &line.difference else {
        return (String::new(), String::new());
    };
    let name = ExceptionKind::from_code(kind).map_or(kind.as_str(), |one| one.name(Language::Zh));
    let state = ExceptionState::from_code(state).map_or("", ExceptionState::name);
    (format!("差异 {id} {name}"), state.to_owned())
}

impl Read {
    /// What an import did, or would do.
    pub(super) fn summary(&self, id: Option<StatementId>) -> Value {
        let taken = &self.taken;
        let late = taken.homes.iter().filter(|home| home.late.is_some());
        json!({
            "statement": id.map(StatementId::get),
            "account": self.bank.code,
            "from": self.from.to_string(),
            "to": self.to.to_string(),
            "opening_fen": self.opening.get(),
            "closing_fen": self.closing.get(),
            "lines": taken.lines.len(),
            "matched": taken.lines.len() - taken.unexplained.len(),
            "refunds": taken.homes.len(),
            "late_refunds": late.count(),
            "exceptions": taken.unexplained.len(),
        })
    }
}

/// What an import would do: each movement, and what the books go on waiting for.
pub(super) fn preview(read: &Read) -> Report {
    let taken = &read.taken;
    let account = &read.bank.code;
    let mut table = movements(
        format!("对账单预览 {account} {} 至 {}", read.from, read.to),
        format!(
            "Preview of a statement of {account}, {} to {}",
            read.from, read.to
        ),
    );
    let mut list = Vec::new();
    for line in &taken.lines {
        let name = taken.names.get(&line.line_no);
        let mut unexplained = taken.unexplained.iter();
        let wrong = unexplained
            .find(|one| one.0 == line.line_no)
            .map(|one| &one.2);
        let state = wrong.map(|wrong| wrong.kind.name(Language::Zh));
        table.row([
            line.line_no.to_string(),
            line.on.to_string(),
            line.amount.grouped(),
            mask_numbers(&line.summary),
            mask_numbers(&line.remark),
            name.cloned().unwrap_or_default(),
            state.unwrap_or_default().to_owned(),
        ]);
        list.push(movement_json(
            line,
            name,
            wrong.map(|wrong| wrong.kind.code()),
        ));
    }
    let mut awaited = Table::new(
        words(
            "导入后账上仍待银行的款项",
            "What the books go on waiting for",
        ),
        &[
            ("项目", "what", false),
            ("日期", "date", false),
            ("金额(元)", "amount (yuan)", true),
        ],
    );
    for (name, on, amount) in taken.left.iter().take(LEFT_MAX) {
        awaited.row([name.clone(), on.clone(), amount.grouped()]);
    }
    let left =
        taken.left.iter().take(LEFT_MAX).map(
            |(name, on, amount)| json!({ "what": name, "on": on, "amount_fen": amount.get() }),
        );
    let mut json = read.summary(None);
    json["moved_fen"] = read.moved.get().into();
    json["movements"] = Value::Array(list);
    json["awaited"] = left.collect();
    json["awaited_count"] = taken.left.len().into();
    Report::new(json, vec![table, awaited])
}

fn movement_json(line: &StatementLine, name: Option<&String>, wrong: Option<&str>) -> Value {
    json!({
        "line": line.line_no,
        "on": line.on.to_string(),
        "amount_fen": line.amount.get(),
        "summary": mask_numbers(&line.summary),
        "remark": mask_numbers(&line.remark),
        "match": line.match_kind,
        "matched_to": name,
        "kind": wrong,
    })
}
