//! Long work: how it stands, events while it goes on, its file, calling it off.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use ledger::id::JobId;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::{Call, InPath, InQuery, REPLAYED, json_answer};
use super::run::Part;
use crate::app::job::{self, Wanted};
use crate::app::{App, Caller, Error};
use crate::http::Server;

/// A job that goes on is looked at this often.
const LOOK: Duration = Duration::from_millis(500);

pub(super) fn router() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(events))
        .routes(routes!(file))
        .routes(routes!(cancel))
}

impl Call {
    /// Asks for a job and says where it is: 202.
    pub(super) async fn job(self, wanted: Wanted) -> Response {
        let (caller, key) = (self.caller.clone(), self.key.clone());
        let asked = self
            .server
            .work(async move |app: &App| job::add(app, &caller, wanted, key).await);
        let done = match asked.await {
            Ok(done) => done,
            Err(error) => return self.refuse(&error),
        };
        let place = format!("/api/v1/jobs/{}", done.answer["job"]);
        let mut answer = done.answer.clone();
        answer["replay"] = done.replay.into();
        answer["link"] = place.as_str().into();
        let mut response = json_answer(StatusCode::ACCEPTED, &answer);
        let headers = response.headers_mut();
        if let Ok(place) = HeaderValue::from_str(&place) {
            headers.insert(header::LOCATION, place);
        }
        if done.replay {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

/// The number of a job, in the address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Job {
    /// 任务编号 Number of the job
    job: i64,
}

/// 列出任务 List jobs, newest first
#[utoipa::path(get, path = "/jobs", operation_id = "job.list", params(Part),
    extensions(("x-may" = json!("read-reports verify-audit"))))]
async fn list(call: Call, InQuery(part): InQuery<Part>) -> Response {
    let page = part.page();
    call.read(async move |app, caller| job::list(app, caller, page).await)
        .await
}

/// 查看任务 How a job stands
#[utoipa::path(get, path = "/jobs/{job}", operation_id = "job.show", params(Job),
    extensions(("x-may" = json!("as-the-job"))))]
async fn show(call: Call, InPath(at): InPath<Job>) -> Response {
    call.read(async move |app, caller| job::show(app, caller, JobId(at.job)).await)
        .await
}

/// 任务进度 Server-sent events until the job is over
#[utoipa::path(get, path = "/jobs/{job}/events", operation_id = "job.events", params(Job),
    extensions(("x-may" = json!("as-the-job")), ("x-events" = json!(true))))]
async fn events(call: Call, InPath(at): InPath<Job>) -> Response {
    let (server, caller, id) = (call.server.clone(), call.caller.clone(), JobId(at.job));
    let first = match look(&server, &caller, id).await {
        Ok(first) => first,
        Err(error) => return call.refuse(&error),
    };
    let begin = (server, caller, Some(first), Value::Null);
    let told = futures_util::stream::unfold(begin, move |begun| next_event(id, begun));
    Sse::new(told)
        .keep_alive(KeepAlive::default())
        .into_response()
}

/// Who looks, what was seen and not told yet, and what was told last.
type Told = (Server, Caller, Option<Value>, Value);

/// The next event: at once when something is new, else when it comes; none after the end.
async fn next_event(
    id: JobId,
    (server, caller, next, told): Told,
) -> Option<(Result<Event, Infallible>, Told)> {
    let mut now = next?;
    while now == told {
        tokio::time::sleep(LOOK).await;
        now = look(&server, &caller, id).await.ok()?;
    }
    let is_over = now["over"] == true;
    let name = if is_over { "end" } else { "progress" };
    let event = Event::default().event(name).data(now.to_string());
    let next = (!is_over).then(|| now.clone());
    Some((Ok(event), (server, caller, next, now)))
}

async fn look(server: &Server, caller: &Caller, id: JobId) -> Result<Value, Error> {
    let caller = caller.clone();
    let look = server.work(async move |app: &App| job::show(app, &caller, id).await);
    Ok(look.await?.json)
}

/// 任务的文件 The file that a job made
#[utoipa::path(get, path = "/jobs/{job}/file", operation_id = "job.file", params(Job),
    extensions(("x-may" = json!("as-the-job")), ("x-file" = json!(true))))]
async fn file(call: Call, InPath(at): InPath<Job>) -> Response {
    call.file(async move |app, caller| job::file(app, caller, JobId(at.job)).await)
        .await
}

/// 取消任务 Call a job off while that is safe
#[utoipa::path(post, path = "/jobs/{job}/cancel", operation_id = "job.cancel", params(Job),
    extensions(("x-may" = json!("as-the-job"))))]
async fn cancel(call: Call, InPath(at): InPath<Job>) -> Response {
    call.change(async move |app, caller, key| job::cancel(app, caller, JobId(at.job), key).await)
        .await
}
