//! The way of the money, and the audit trail.

use std::io::{BufWriter, ErrorKind, Write};
use std::time::Duration;

use axum::response::Response;
use ledger::audit::Head;
use ledger::id::PaymentId;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Sender, channel};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::{Call, Chunk, InBody, InPath, InQuery, invalid, stream};
use super::run::Part;
use crate::app::job::Wanted;
use crate::app::{App, audit, trace};
use crate::http::Server;

/// Bytes that are sent at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks that are made ahead of the one who takes them.
const CHUNKS_MAX: usize = 4;
/// So long is a slow taker waited for before asking again. The maker has a thread of its own.
const NAP: Duration = Duration::from_millis(2);

pub(super) fn router() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(payment))
        .routes(routes!(person))
        .routes(routes!(appropriation))
        .routes(routes!(log))
        .routes(routes!(entry))
        .routes(routes!(verify))
        .routes(routes!(export))
}

/// The number of a payment, in the address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Payment {
    /// 明细编号 Number of the payment
    payment: i64,
}

/// 从一笔发放追踪 From a payment
#[utoipa::path(get, path = "/trace/payments/{payment}", operation_id = "trace.payment",
    params(Payment), extensions(("x-may" = json!("read-reports"))))]
async fn payment(call: Call, InPath(at): InPath<Payment>) -> Response {
    call.read(async move |app, caller| trace::payment(app, caller, PaymentId(at.payment)).await)
        .await
}

/// A person or household.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Person {
    /// 对象编号(名册中的编号,不是身份证号)Reference number in the roster, no identity number
    reference: String,
}

/// 从一个对象追踪 From a person or household
#[utoipa::path(get, path = "/trace/persons", operation_id = "trace.person", params(Person),
    extensions(("x-may" = json!("read-reports"))))]
async fn person(call: Call, InQuery(query): InQuery<Person>) -> Response {
    call.read(async move |app, caller| trace::person(app, caller, &query.reference).await)
        .await
}

/// A quota letter.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Letter {
    /// 文号 Document number
    document: String,
}

/// 从一份指标文追踪 From a quota letter
#[utoipa::path(get, path = "/trace/appropriations", operation_id = "trace.appropriation",
    params(Letter), extensions(("x-may" = json!("read-reports"))))]
async fn appropriation(call: Call, InQuery(query): InQuery<Letter>) -> Response {
    call.read(async move |app, caller| trace::appropriation(app, caller, &query.document).await)
        .await
}

/// 查看审计条目 Entries of the audit trail
#[utoipa::path(get, path = "/audit/log", operation_id = "audit.log", params(Part),
    extensions(("x-may" = json!("read-audit")), ("x-pages" = json!(true))))]
async fn log(call: Call, InQuery(part): InQuery<Part>) -> Response {
    call.pages(part.page(), async |app, caller, page| {
        audit::log_page(app, caller, page).await
    })
    .await
}

/// The number of an entry, in the address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct At {
    /// 条目序号 Number of the entry
    entry: i64,
}

/// 一条审计条目的全部内容 One entry of the audit trail with all that it holds
#[utoipa::path(get, path = "/audit/log/{entry}", operation_id = "audit.entry", params(At),
    extensions(("x-may" = json!("read-audit"))))]
async fn entry(call: Call, InPath(at): InPath<At>) -> Response {
    call.read(async move |app, caller| audit::entry(app, caller, at.entry).await)
        .await
}

/// Heads of earlier days.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct Verifying {
    /// 以前记下的审计首部 Heads of earlier days, SIZE:ROOT
    #[serde(default)]
    heads: Vec<String>,
}

/// 验证审计轨迹 Recompute everything from the rows and verify it
#[utoipa::path(post, path = "/audit/verify", operation_id = "audit.verify",
    request_body = Verifying, extensions(("x-may" = json!("verify-audit")),
        ("x-reads" = json!(true)), ("x-job" = json!(true))))]
async fn verify(call: Call, InBody(body): InBody<Verifying>) -> Response {
    let heads: Result<Vec<Head>, _> = body.heads.iter().map(|head| head.parse()).collect();
    let Ok(heads) = heads else {
        return call.refuse(&invalid("heads", "SIZE:ROOT"));
    };
    if call.prefers_job {
        return call
            .job(Wanted::new("audit.verify", json!({ "heads": body.heads })))
            .await;
    }
    call.read(async move |app, caller| audit::verify(app, caller, &heads).await)
        .await
}

/// 导出全部审计条目 All entries and rows for independent recomputation, JSON lines
#[utoipa::path(get, path = "/audit/export", operation_id = "audit.export",
    extensions(("x-may" = json!("read-audit")), ("x-file" = json!(true)),
        ("x-job" = json!(true))))]
async fn export(call: Call) -> Response {
    if call.prefers_job {
        return call.job(Wanted::new("audit.export", json!({}))).await;
    }
    let (sender, mut receiver) = channel(CHUNKS_MAX);
    let (server, caller) = (call.server.clone(), call.caller.clone());
    let failed = sender.clone();
    tokio::spawn(async move {
        let work = server.work(async move |app: &App| {
            let mut out = BufWriter::with_capacity(CHUNK_BYTES, Wire(sender));
            audit::export(app, &caller, &mut out).await
        });
        if let Err(error) = work.await {
            // Nobody may be there any more.
            let _ = failed.send(Err(error)).await;
        }
    });
    match receiver.recv().await {
        Some(Ok(first)) => stream("application/x-ndjson", first, receiver),
        Some(Err(error)) => call.refuse(&error),
        None => call.refuse(&anyhow::anyhow!("nothing was exported").into()),
    }
}

/// Writes to the one who asked, and waits when they are slow.
struct Wire(Sender<Chunk>);

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut chunk = Ok(bytes.to_vec());
        loop {
            match self.0.try_send(chunk) {
                Ok(()) => return Ok(bytes.len()),
                Err(TrySendError::Closed(_)) => return Err(ErrorKind::BrokenPipe.into()),
                Err(TrySendError::Full(again)) => chunk = again,
            }
            std::thread::sleep(NAP);
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
