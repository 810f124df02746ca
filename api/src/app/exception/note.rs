//! What is noted of a difference: who looks after it, comments, and evidence by name and hash.

use ledger::audit::hex::{document_hash, encode};
use ledger::disbursement::role::Action;
use ledger::id::{ExceptionId, UserId};
use ledger_store::boxed;
use ledger_store::exception::{self as store, ExceptionState, Note, NoteKind};
use ledger_store::write::Write;
use serde_json::{Value, json};

use super::super::{App, Caller, Done, Error, Order, not_found};
use super::{load, wrong_state};

/// Gives a difference to somebody to look after.
///
/// # Errors
/// [`ledger::problem::Kind::NotFound`] for no such user, `ExceptionState` when it is settled.
#[boxed]
pub async fn assign(
    app: &App,
    caller: &Caller,
    id: ExceptionId,
    login: &str,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("exception.assign", Action::ResolveException)
        .key(key)
        .field("exception", id.get())
        .field("owner", login);
    app.command(caller, order, async |write| {
        let book = write.book();
        let users = ledger_store::book::users(write.tx(), book).await?;
        let owner = users.iter().find(|user| user.login == login && user.active);
        let owner = owner.ok_or_else(|| not_found("用户 user", login))?.id;
        let note = Note {
            owner,
            ..Note::new(NoteKind::Owner, app.clock.today(), caller.user.id)
        };
        add(write, id, note).await
    })
    .await
}

/// Adds a comment.
///
/// # Errors
/// [`ledger::problem::Kind::FieldInvalid`] for no words.
#[boxed]
pub async fn comment(
    app: &App,
    caller: &Caller,
    id: ExceptionId,
    text: &str,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("exception.comment", Action::ResolveException)
        .key(key)
        .field("exception", id.get())
        .field("text", text);
    app.command(caller, order, async |write| {
        if text.trim().is_empty() {
            return Err(super::super::policy::invalid("text", "", "内容 words"));
        }
        let note = Note {
            text: text.to_owned(),
            ..Note::new(NoteKind::Comment, app.clock.today(), caller.user.id)
        };
        add(write, id, note).await
    })
    .await
}

/// A document that proves something. It stays where it is; its name and hash are kept.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Its name.
    pub file_name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it proves.
    pub text: String,
}

/// Adds evidence by the name and SHA-256 of a document.
///
/// # Errors
/// [`ledger::problem::Kind::FieldInvalid`] for an empty document.
#[boxed]
pub async fn evidence(
    app: &App,
    caller: &Caller,
    id: ExceptionId,
    document: &Evidence,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("exception.evidence", Action::ResolveException)
        .key(key)
        .field("exception", id.get())
        .file(&document.file_name, &document.bytes)
        .field("text", document.text.as_str());
    app.command(caller, order, async |write| {
        if document.bytes.is_empty() {
            let wanted = "有内容的文件 a document that is not empty";
            return Err(super::super::policy::invalid("file", "", wanted));
        }
        let note = Note {
            text: document.text.clone(),
            file_name: document.file_name.clone(),
            sha256: encode(&document_hash(&document.bytes)),
            ..Note::new(NoteKind::Evidence, app.clock.today(), caller.user.id)
        };
        add(write, id, note).await
    })
    .await
}

async fn add(write: &mut Write, id: ExceptionId, mut note: Note) -> Result<Value, Error> {
    let exception = load(write, id).await?;
    if exception.state == ExceptionState::Settled && note.kind == NoteKind::Owner {
        return Err(wrong_state(&exception, "assign"));
    }
    store::add_note(write, id, &mut note).await?;
    Ok(json!({
        "exception": id.get(),
        "n": note.n,
        "kind": note.kind.code(),
        "owner": Some(note.owner.get()).filter(|owner| *owner != UserId(0).get()),
        "sha256": Some(note.sha256).filter(|hash| !hash.is_empty()),
    }))
}
