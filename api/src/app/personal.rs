//! People looked for, their history, and their numbers in full: for a reason, which is recorded.

use ledger::disbursement::role::Action;
use ledger::id::PartyId;
use ledger_store::boxed;
use ledger_store::personal::{self as store, PayeeAccount, Person};
use ledger_store::roster as parties;
use serde_json::{Value, json};

use super::roster::{mask_account, mask_name};
use super::view::{Report, Table, words};
use super::{App, Caller, Done, Error, Order, not_found, policy, trace};

/// As many are listed for a name.
const FOUND_MAX: i64 = 200;

/// Those whose name begins with this text, or whose number it is; masked.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
#[boxed]
pub async fn search(app: &App, caller: &Caller, text: &str) -> Result<Report, Error> {
    let book = caller.book.id;
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let text = text.trim();
    let mut found = match text {
        "" => Vec::new(),
        text => store::named(&mut tx, book, text, FOUND_MAX).await?,
    };
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
    Ok(Report::new(json!({ "found": list }), vec![table]))
}

/// What was paid to somebody or for them, and what they owe back.
///
/// # Errors
/// When there is nobody with this number; as [`trace::person`].
#[boxed]
pub async fn card(app: &App, caller: &Caller, id: PartyId) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let person = store::one(&mut tx, caller.book.id, id).await?;
    tx.rollback().await?;
    let person = person.ok_or_else(|| not_found("对象 person", id))?;
    trace::person(app, caller, &person.reference_no).await
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
