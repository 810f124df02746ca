//! Tokens, books and users.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use ledger::disbursement::role::Action;
use ledger::id::TokenId;
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::{Call, InBody, InPath, json_answer};
use super::fields;
use crate::app::proposal::{self, Change};
use crate::app::session::{self, Credentials};
use crate::app::token::{self, NewToken};
use crate::app::users::{self, NewUser};
use crate::app::view::Report;
use crate::app::{App, Caller, doctor};
use crate::cli::outcome;
use crate::http::{Server, problem};

pub(super) fn router() -> OpenApiRouter<Server> {
    OpenApiRouter::new()
        .routes(routes!(me))
        .routes(routes!(add_token, list_tokens))
        .routes(routes!(revoke_token))
        .routes(routes!(list_books))
        .routes(routes!(add_user, list_users))
        .routes(routes!(disable_user))
        .routes(routes!(enable_user))
        .routes(routes!(set_roles))
        .routes(routes!(set_level))
        .routes(routes!(set_password))
        .routes(routes!(list_sessions))
        .routes(routes!(end_session))
        .routes(routes!(drop_factor))
        .routes(routes!(check))
}

/// 我是谁 Who the token speaks for
#[utoipa::path(get, path = "/me", operation_id = "me", extensions(("x-may" = json!("signed-in"))))]
async fn me(call: Call) -> Response {
    call.read(async |_app, caller| {
        let roles: Vec<&str> = caller.user.roles.iter().map(|role| role.code()).collect();
        let me = json!({
            "user": caller.user.login, "name": caller.user.name, "roles": roles,
            "book": caller.book.code, "agency": caller.book.name, "session": caller.session,
        });
        Ok(Report::new(me, Vec::new()))
    })
    .await
}

/// A token that is wanted, and by whom.
#[derive(Debug, Deserialize, ToSchema)]
struct WantedToken {
    /// 账套 Code of the book; the only one when it is not given
    book: Option<String>,
    /// 用户名 Login
    user: String,
    /// 密码 Password
    #[schema(format = Password)]
    password: String,
    /// 动态口令 One-time code, where the user has a second factor
    #[schema(format = Password)]
    code: Option<String>,
    /// 名称 What the token is for
    name: String,
    /// 角色 At most these; all of the user's when none are named
    #[serde(default)]
    roles: Vec<String>,
    /// 小时数 For so many hours
    #[serde(default = "a_day")]
    hours: i64,
}

fn a_day() -> i64 {
    24
}

/// 取令牌,密钥只显示一次 Get a token for a password; its secret is shown once
#[utoipa::path(post, path = "/tokens", operation_id = "token.add", request_body = WantedToken,
    extensions(("x-may" = json!("password"))))]
async fn add_token(
    State(server): State<Server>,
    headers: HeaderMap,
    InBody(wanted): InBody<WantedToken>,
) -> Response {
    let made = server.work(async move |app: &App| {
        let roles = fields::roles("roles", &wanted.roles)?;
        let book = app.book(wanted.book.as_deref()).await?;
        let given = Credentials {
            login: &wanted.user,
            password: &wanted.password,
            code: wanted.code.as_deref(),
        };
        let (user, _) = session::identify(app, &book, given, "rest").await?;
        let caller = Caller::new(book, user, "rest");
        let new = NewToken {
            name: wanted.name.clone(),
            roles,
            hours: wanted.hours,
        };
        token::add(app, &caller, &new, None).await
    });
    match made.await {
        Ok(done) => json_answer(axum::http::StatusCode::OK, &outcome::done_json(&done)),
        Err(error) => problem::respond(&error, problem::language(&headers)),
    }
}

/// 列出令牌 List tokens: one's own, or all for an administrator
#[utoipa::path(get, path = "/tokens", operation_id = "token.list",
    extensions(("x-may" = json!("signed-in"))))]
async fn list_tokens(call: Call) -> Response {
    call.read(async |app, caller| token::list(app, caller).await)
        .await
}

/// 收回令牌 Take a token back
#[utoipa::path(delete, path = "/tokens/{token}", operation_id = "token.revoke",
    params(("token" = i64, Path, description = "编号 Number")),
    extensions(("x-may" = json!("manage-users"))))]
async fn revoke_token(call: Call, InPath(id): InPath<i64>) -> Response {
    call.change(async move |app, caller, key| token::revoke(app, caller, TokenId(id), key).await)
        .await
}

/// 列出账套 List books
#[utoipa::path(get, path = "/books", operation_id = "book.list",
    extensions(("x-may" = json!("signed-in"))))]
async fn list_books(call: Call) -> Response {
    call.read(async |app, _caller| users::list_books(app).await)
        .await
}

/// A user to be added.
#[derive(Debug, Deserialize, ToSchema)]
struct AddUser {
    /// 用户名 Login
    login: String,
    /// 姓名 Name
    name: String,
    /// 角色 Roles
    roles: Vec<String>,
    /// 初始密码 First password
    #[schema(format = Password)]
    password: String,
}

/// 增加用户 Add a user
#[utoipa::path(post, path = "/users", operation_id = "user.add", request_body = AddUser,
    extensions(("x-may" = json!("manage-users"))))]
async fn add_user(call: Call, InBody(body): InBody<AddUser>) -> Response {
    call.change(async move |app, caller, key| {
        let new = NewUser {
            login: body.login.clone(),
            name: body.name.clone(),
            roles: fields::roles("roles", &body.roles)?,
            password: body.password.clone(),
        };
        users::add_user(app, caller, &new, key).await
    })
    .await
}

/// 列出用户 List users
#[utoipa::path(get, path = "/users", operation_id = "user.list",
    extensions(("x-may" = json!("manage-users"))))]
async fn list_users(call: Call) -> Response {
    call.read(async |app, caller| users::list_users(app, caller).await)
        .await
}

/// The login of a user, in the address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Login {
    /// 用户名 Login
    login: String,
}

/// 停用用户 Disable a user
#[utoipa::path(post, path = "/users/{login}/disable", operation_id = "user.disable",
    params(Login), extensions(("x-may" = json!("manage-users"))))]
async fn disable_user(call: Call, InPath(at): InPath<Login>) -> Response {
    call.change(async move |app, caller, key| {
        users::disable_user(app, caller, &at.login, key).await
    })
    .await
}

/// 重新启用用户 Enable a user again
#[utoipa::path(post, path = "/users/{login}/enable", operation_id = "user.enable",
    params(Login), extensions(("x-may" = json!("manage-users"))))]
async fn enable_user(call: Call, InPath(at): InPath<Login>) -> Response {
    call.change(async move |app, caller, key| users::enable_user(app, caller, &at.login, key).await)
        .await
}

/// Roles.
#[derive(Debug, Deserialize, ToSchema)]
struct SetRoles {
    /// 角色 Roles: maker, reviewer, approver, cashier, accountant, auditor, manager, admin
    roles: Vec<String>,
}

/// 改变用户的角色 Give a user other roles
#[utoipa::path(put, path = "/users/{login}/roles", operation_id = "user.roles", params(Login),
    request_body = SetRoles, extensions(("x-may" = json!("manage-users"))))]
async fn set_roles(
    call: Call,
    InPath(at): InPath<Login>,
    InBody(body): InBody<SetRoles>,
) -> Response {
    call.change(async move |app, caller, key| {
        let roles = fields::roles("roles", &body.roles)?;
        users::set_roles(app, caller, &at.login, &roles, key).await
    })
    .await
}

/// A level.
#[derive(Debug, Deserialize, ToSchema)]
struct SetLevel {
    /// 级别 Level: township or county
    level: String,
}

/// 审批级别 Propose of which level a user approves; another person confirms the proposal
#[utoipa::path(put, path = "/users/{login}/level", operation_id = "user.level",
    params(Login), request_body = SetLevel, extensions(("x-may" = json!("manage-users"))))]
async fn set_level(
    call: Call,
    InPath(at): InPath<Login>,
    InBody(body): InBody<SetLevel>,
) -> Response {
    call.change(async move |app, caller, key| {
        let level = fields::approval_level(&body.level)?;
        let change = Change::Level(at.login.clone(), level);
        proposal::propose(app, caller, &change, key).await
    })
    .await
}

/// A password.
#[derive(Debug, Deserialize, ToSchema)]
struct SetPassword {
    /// 新密码 New password
    #[schema(format = Password)]
    password: String,
}

/// 设置密码 Set a password: one's own, or anybody's as an administrator
#[utoipa::path(put, path = "/users/{login}/password", operation_id = "user.password",
    params(Login), request_body = SetPassword, extensions(("x-may" = json!("manage-users"))))]
async fn set_password(
    call: Call,
    InPath(at): InPath<Login>,
    InBody(body): InBody<SetPassword>,
) -> Response {
    call.change(async move |app, caller, key| {
        users::set_password(app, caller, &at.login, &body.password, key).await
    })
    .await
}

/// 列出会话 Sessions of the pages: one's own, or all for an administrator
#[utoipa::path(get, path = "/sessions", operation_id = "session.list",
    extensions(("x-may" = json!("signed-in"))))]
async fn list_sessions(call: Call) -> Response {
    call.read(async |app, caller| session::list(app, caller).await)
        .await
}

/// 结束会话 End a session of the pages
#[utoipa::path(delete, path = "/sessions/{session}", operation_id = "session.end",
    params(("session" = i64, Path, description = "编号 Number")),
    extensions(("x-may" = json!("signed-in"))))]
async fn end_session(call: Call, InPath(number): InPath<i64>) -> Response {
    call.change(async move |app, caller, _key| session::end(app, caller, number).await)
        .await
}

/// 取消第二因素 Take a user's second factor away: a telephone was lost
#[utoipa::path(delete, path = "/users/{login}/factor", operation_id = "factor.drop",
    params(Login), extensions(("x-may" = json!("manage-users"))))]
async fn drop_factor(call: Call, InPath(at): InPath<Login>) -> Response {
    call.change(async move |app, caller, key| {
        session::drop_factor(app, caller, &at.login, key).await
    })
    .await
}

/// 自检 Self-check of the installation
#[utoipa::path(get, path = "/doctor", operation_id = "doctor",
    extensions(("x-may" = json!("operate"))))]
async fn check(call: Call) -> Response {
    call.read(async |app, caller| {
        let tx = app.read(caller, Action::Operate).await?;
        tx.rollback().await?;
        doctor::doctor(app).await
    })
    .await
}
