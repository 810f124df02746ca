//! Setting up: the database, books, users, the self-check.

use clap::Subcommand;
use ledger::disbursement::approval::ApprovalLevel;
use ledger::disbursement::role::Role;

use super::args::{Key, approval_level, role};
use super::desk::Desk;
use super::outcome::Outcome;
use super::password;
use crate::app::proposal::{self, Change};
use crate::app::users::{self, NewUser};
use crate::app::{App, Caller, Error, doctor, policy};

/// Makes the schema.
pub(crate) async fn init(desk: &Desk) -> Result<Outcome, Error> {
    let app = desk.open(true).await?;
    desk.work();
    users::init(&app).await.map(Outcome::Answer)
}

/// Looks whether everything is in order.
pub(crate) async fn doctor(desk: &Desk) -> Result<Outcome, Error> {
    let app = desk.open(false).await?;
    desk.work();
    Ok(doctor::doctor(&app).await?.into())
}

/// Commands on books.
#[derive(Debug, Subcommand)]
pub(crate) enum BookCommand {
    /// 建立账套 Add a book
    Add {
        /// 代码 Code that commands use
        code: String,
        /// 单位名称 Name of the agency
        #[arg(long)]
        name: String,
        /// 行政区划代码 Region code (GB/T 2260), six digits
        #[arg(long)]
        region: String,
        /// 政策包,见 policy packs Policy pack, see `policy packs`
        #[arg(long, value_name = "NAME")]
        pack: Option<String>,
        #[command(flatten)]
        key: Key,
    },
    /// 列出账套 List books
    List,
}

impl BookCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        let app = desk.open(false).await?;
        match self {
            BookCommand::Add {
                code,
                name,
                region,
                pack,
                key,
            } => {
                let pack = pack.as_deref().map(policy::pack).transpose()?;
                let new = [code, name, region].map(String::as_str);
                let done = users::add_book_with(&app, new, pack, key.get());
                Ok(done.await?.into())
            }
            BookCommand::List => Ok(users::list_books(&app).await?.into()),
        }
    }
}

/// Commands on users.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// 增加用户,密码取自 HUIMIN_NEW_PASSWORD 或在终端输入 Add a user; password from there or asked
    Add {
        /// 用户名 Login
        login: String,
        /// 姓名 Name of the person
        #[arg(long)]
        name: String,
        /// 角色,以逗号分隔 Roles, separated by commas
        #[arg(long, required = true, value_delimiter = ',', value_parser = role())]
        roles: Vec<Role>,
        #[command(flatten)]
        key: Key,
    },
    /// 列出用户 List users
    List,
    /// 停用用户 Disable a user
    Disable {
        /// 用户名 Login
        login: String,
        #[command(flatten)]
        key: Key,
    },
    /// 重新启用用户 Enable a user again
    Enable {
        /// 用户名 Login
        login: String,
        #[command(flatten)]
        key: Key,
    },
    /// 改变角色 Give a user other roles
    Roles {
        /// 用户名 Login
        login: String,
        /// 角色,以逗号分隔 Roles, separated by commas
        #[arg(long, required = true, value_delimiter = ',', value_parser = role())]
        roles: Vec<Role>,
        #[command(flatten)]
        key: Key,
    },
    /// 审批级别 Say of which level a user approves
    Level {
        /// 用户名 Login
        login: String,
        /// 级别 Level
        #[arg(long, value_parser = approval_level())]
        level: ApprovalLevel,
        #[command(flatten)]
        key: Key,
    },
    /// 设置密码,取自 HUIMIN_NEW_PASSWORD 或在终端输入 Set a password; taken from there or asked
    Password {
        /// 用户名 Login
        login: String,
        #[command(flatten)]
        key: Key,
    },
}

impl UserCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        match self {
            UserCommand::Add {
                login,
                name,
                roles,
                key,
            } => {
                let (app, caller, first) = enter_or_bootstrap(desk).await?;
                let user = NewUser {
                    login: login.clone(),
                    name: name.clone(),
                    roles: roles.clone(),
                    password: password::for_user(login, first, desk)?,
                };
                Ok(users::add_user(&app, &caller, &user, key.get())
                    .await?
                    .into())
            }
            UserCommand::List => {
                let (app, caller) = desk.enter().await?;
                Ok(users::list_users(&app, &caller).await?.into())
            }
            UserCommand::Disable { login, key } => {
                let (app, caller) = desk.enter().await?;
                Ok(users::disable_user(&app, &caller, login, key.get())
                    .await?
                    .into())
            }
            UserCommand::Enable { login, key } => {
                let (app, caller) = desk.enter().await?;
                let done = users::enable_user(&app, &caller, login, key.get());
                Ok(done.await?.into())
            }
            UserCommand::Roles { login, roles, key } => {
                let (app, caller) = desk.enter().await?;
                let done = users::set_roles(&app, &caller, login, roles, key.get());
                Ok(done.await?.into())
            }
            UserCommand::Level { login, level, key } => {
                let (app, caller) = desk.enter().await?;
                let change = Change::Level(login.clone(), *level);
                let proposed = proposal::propose(&app, &caller, &change, key.get());
                Ok(proposed.await?.into())
            }
            UserCommand::Password { login, key } => {
                let (app, book) = desk.open_book().await?;
                let caller = desk.sign_in(&app, book).await?;
                let password = password::for_user(login, false, desk)?;
                Ok(
                    users::set_password(&app, &caller, login, &password, key.get())
                        .await?
                        .into(),
                )
            }
        }
    }
}

/// Signs in, or stands for the program itself while the book has no users. Says which.
async fn enter_or_bootstrap(desk: &Desk) -> Result<(App, Caller, bool), Error> {
    let (app, book) = desk.open_book().await?;
    if users::has_users(&app, &book).await? {
        let caller = desk.sign_in(&app, book).await?;
        return Ok((app, caller, false));
    }
    let caller = app.bootstrap(book);
    Ok((app, caller, true))
}
