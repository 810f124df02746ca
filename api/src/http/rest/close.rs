//! Months and years of the books.

use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::{Call, InBody, InPath};
use super::fields;
use crate::app::{period, year as years};
use crate::http::Server;

pub(super) fn router() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(list_periods))
        .routes(routes!(close_period))
        .routes(routes!(list_years))
        .routes(routes!(close_year))
}

/// 列出期间 List periods
#[utoipa::path(get, path = "/periods", operation_id = "period.list",
    extensions(("x-may" = json!("read-reports"))))]
async fn list_periods(call: Call) -> Response {
    call.read(async |app, caller| period::list(app, caller).await)
        .await
}

/// A month, in the address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct AMonth {
    /// 月份 Month, YYYY-MM
    month: String,
}

/// 月结 Close a month
#[utoipa::path(post, path = "/periods/{month}/close", operation_id = "period.close",
    params(AMonth), extensions(("x-may" = json!("close-month"))))]
async fn close_period(call: Call, InPath(at): InPath<AMonth>) -> Response {
    call.change(async move |app, caller, key| {
        period::close(app, caller, fields::month("month", &at.month)?, key).await
    })
    .await
}

/// 列出已年结年度 List closed years
#[utoipa::path(get, path = "/years", operation_id = "year.list",
    extensions(("x-may" = json!("read-reports"))))]
async fn list_years(call: Call) -> Response {
    call.read(async |app, caller| years::list(app, caller).await)
        .await
}

/// A year, in the address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct AYear {
    /// 年度 Year
    year: i32,
}

/// What happens with what is left.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct Closing {
    /// 全部结余结转下年的文号 Document that carries everything that is left over
    carry_over: Option<String>,
}

/// 年结 Close a year, and its December with it
#[utoipa::path(post, path = "/years/{year}/close", operation_id = "year.close", params(AYear),
    request_body = Closing, extensions(("x-may" = json!("close-month"))))]
async fn close_year(
    call: Call,
    InPath(at): InPath<AYear>,
    InBody(body): InBody<Closing>,
) -> Response {
    call.change(async move |app, caller, key| {
        years::close(app, caller, at.year, body.carry_over.as_deref(), key).await
    })
    .await
}
