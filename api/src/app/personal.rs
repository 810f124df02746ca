//! People looked for, their history, and their numbers in full: for a reason, which is recorded.

use ledger::disbursement::role::Action;
use ledger::id::PartyId;
use ledger::money::Fen;
use ledger_store::boxed;
use ledger_store::personal::{self as store, Approved, PayeeAccount, Person, Version};
use ledger_store::roster as parties;
use serde_json::{Value, json};

use super::report::Names;
use super::roster::{mask_account, mask_name};
use super::view::{Report, Table, words};
use super::{App, Caller, Done, Error, Order, not_found, policy, trace};

/// As many are listed for a name.
const FOUND_MAX: i64 = 200;

/// Those whose name begins with this text, of one township when it is given, or whose number it is;
/// masked. The document says in `more` whether there are more than are listed.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
#[boxed]
pub async fn search(
    app: &App,
    caller: &Caller,
    text: &str,
    township: &str,
) -> Result<Report, Error> {
    let book = caller.book.id;
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let text = text.trim();
    let mut found = match text {
        "" => Vec::new(),
        text => store::named(&mut tx, book, (text, township.trim()), FOUND_MAX + 1).await?,
    };
    let limit = usize::try_from(FOUND_MAX).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    for party in parties::party_by_reference(&mut tx, book, text).await? {
        found.extend(store::one(&mut tx, book, party.id).await?);
    }
    tx.rollback().await?;
    let mut table = Table::new(
        words("查到的对象", "Found"),
        &[
            ("编号", "person", true),
            ("姓名", "name", false),
            ("证件号或档案号", "number", false),
            ("种类", "kind", false),
            ("乡镇", "township", false),
            ("村(社区)", "village", false),
        ],
    );
    let mut list = Vec::new();
    for person in &found {
        let (name, number) = (mask_name(&person.name), mask_account(&person.reference_no));
        table.row([
            person.id.to_string(),
            name.clone(),
            number.clone(),
            person.kind.clone(),
            person.township.clone(),
            person.village.clone(),
        ]);
        list.push(json!({
            "person": person.id.get(), "kind": person.kind, "name": name, "number": number,
            "township": person.township, "village": person.village,
        }));
    }
    Ok(Report::new(
        json!({ "found": list, "more": more }),
        vec![table],
    ))
}

/// What was paid to somebody or for them, what they owe back, what they were approved for, which
/// accounts they have had, and how their name and place changed; names and numbers masked.
///
/// # Errors
/// When there is nobody with this number; as [`trace::person`].
#[boxed]
pub async fn card(app: &App, caller: &Caller, id: PartyId) -> Result<Report, Error> {
    let book = caller.book.id;
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let person = store::one(&mut tx, book, id).await?;
    let awards = store::awards(&mut tx, book, id).await?;
    let accounts = store::accounts(&mut tx, book, id).await?;
    let versions = store::versions(&mut tx, book, id).await?;
    let names = Names::load(&mut tx, book).await?;
    tx.rollback().await?;
    let person = person.ok_or_else(|| not_found("对象 person", id))?;
    let mut report = trace::person(app, caller, &person.reference_no).await?;
    report.json["awards"] = awards.iter().map(|one| award_json(one, &names)).collect();
    report.json["accounts"] = accounts.iter().map(account_json).collect();
    report.json["versions"] = versions.iter().map(version_json).collect();
    let tables = [
        awards_table(&awards, &names),
        accounts_table(&accounts),
        versions_table(&versions),
    ];
    report.tables.extend(tables);
    Ok(report)
}

fn award_json(award: &Approved, names: &Names) -> Value {
    let component = names.components.get(&award.component);
    json!({
        "award": award.award, "component": component.map(|one| one.code.as_str()),
        "tag": award.tag, "amount_fen": award.amount.map(Fen::get), "from": award.from,
        "to": Some(&award.to).filter(|to| !to.is_empty()), "basis": award.basis,
        "entry": award.entry,
    })
}

fn account_json((account, entry): &(PayeeAccount, i64)) -> Value {
    json!({
        "holder": mask_name(&account.holder), "number": mask_account(&account.number),
        "bank": account.bank, "entry": entry,
    })
}

fn awards_table(awards: &[Approved], names: &Names) -> Table {
    let mut table = Table::new(
        words("核定经过", "Awards"),
        &[
            ("核定", "award", true),
            ("发放项目", "component", false),
            ("类别", "tag", false),
            ("个别核定金额(元)", "amount (yuan)", true),
            ("起", "from", false),
            ("止", "to", false),
            ("依据", "basis", false),
            ("审计条目", "entry", true),
        ],
    );
    for award in awards {
        let component = names.components.get(&award.component);
        table.row([
            award.award.to_string(),
            component.map_or_else(String::new, |one| one.name.clone()),
            award.tag.clone(),
            award.amount.map(Fen::grouped).unwrap_or_default(),
            award.from.clone(),
            award.to.clone(),
            award.basis.clone(),
            award.entry.to_string(),
        ]);
    }
    table
}

fn accounts_table(accounts: &[(PayeeAccount, i64)]) -> Table {
    let mut table = Table::new(
        words("收款账户经过", "Accounts"),
        &[
            ("户名", "holder", false),
            ("账号", "account", false),
            ("开户行", "bank", false),
            ("审计条目", "entry", true),
        ],
    );
    for (account, entry) in accounts {
        table.row([
            mask_name(&account.holder),
            mask_account(&account.number),
            account.bank.clone(),
            entry.to_string(),
        ]);
    }
    table
}

fn version_json(version: &Version) -> Value {
    json!({
        "from": version.from, "name": mask_name(&version.name), "township": version.township,
        "village": version.village, "entry": version.entry,
    })
}

fn versions_table(versions: &[Version]) -> Table {
    let mut table = Table::new(
        words("更名与迁居", "Names and places"),
        &[
            ("起", "from", false),
            ("姓名", "name", false),
            ("乡镇", "township", false),
            ("村(社区)", "village", false),
            ("审计条目", "entry", true),
        ],
    );
    for version in versions {
        table.row([
            version.from.clone(),
            mask_name(&version.name),
            version.township.clone(),
            version.village.clone(),
            version.entry.to_string(),
        ]);
    }
    table
}

/// A person and the account that is paid into, in full. The audit trail keeps who looked, at whom
/// and why; it does not keep what was seen.
///
/// # Errors
/// When no reason is given; when the caller may not see numbers in full: recorded too.
#[boxed]
pub async fn reveal(
    app: &App,
    caller: &Caller,
    id: PartyId,
    reason: &str,
    key: Option<String>,
) -> Result<(Person, Option<PayeeAccount>, Done), Error> {
    let order = Order::new("personal.reveal", Action::RevealPersonal)
        .key(key)
        .field("person", id.get())
        .because(reason.trim());
    let done = app
        .command(caller, order, async |write| {
            if reason.trim().is_empty() {
                return Err(policy::invalid("reason", "", "查看的原因 a reason"));
            }
            let book = write.book();
            let known = store::one(write.tx(), book, id).await?;
            known.ok_or_else(|| not_found("对象 person", id))?;
            Ok(json!({ "person": id.get() }) as Value)
        })
        .await?;
    let mut tx = app.read(caller, Action::RevealPersonal).await?;
    let person = store::one(&mut tx, caller.book.id, id).await?;
    let account = store::account(&mut tx, caller.book.id, id).await?;
    tx.rollback().await?;
    let person = person.ok_or_else(|| not_found("对象 person", id))?;
    Ok((person, account, done))
}
