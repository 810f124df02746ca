//! The demo.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use ledger::calendar::Month;
use serde_json::{Value, json};

use super::args::Format;
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::Error;
use crate::app::view::{Table, words};
use crate::demo::{self, DemoOptions};

/// What the demo can be told.
#[derive(Debug, Args)]
pub(crate) struct DemoCommand {
    /// 输出目录 Directory for its files
    #[arg(long, value_name = "DIR", default_value = "huimin-demo")]
    out: PathBuf,
    /// 做到哪个月 Last month to be worked [默认 default: 全年 the whole year]
    #[arg(long, value_name = "MONTH")]
    through: Option<Month>,
    /// 做完后打开网页 Then serve the pages on its books
    #[arg(long)]
    serve: bool,
    /// 网页监听地址 Address of the pages
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:8680",
        requires = "serve"
    )]
    listen: SocketAddr,
}

/// Runs the demo. Without `--db` it works in a SQLite file of its own in the directory.
pub(crate) async fn run(command: &DemoCommand, desk: &Desk) -> Result<Outcome, Error> {
    let options = DemoOptions {
        out: command.out.clone(),
        db: desk.global().db.clone(),
        through: command.through,
        language: desk.language(),
        progress: desk.global().format == Format::Text,
    };
    if command.serve {
        return serve(command, &options, desk).await;
    }
    let summary = demo::run(&options).await?;
    Ok(Outcome::Report(summary.report()))
}

/// Opens the pages on the demo's books, and says who may sign in and with which password.
async fn serve(
    command: &DemoCommand,
    options: &DemoOptions,
    desk: &Desk,
) -> Result<Outcome, Error> {
    let (summary, app, guests) = demo::open(options).await?;
    let mut report = summary.report();
    let mut table = Table::new(
        words(
            "登录网页的用户和一次性密码",
            "Users of the pages, one-time passwords",
        ),
        &[
            ("用户名", "login", false),
            ("密码", "password", false),
            ("姓名", "name", false),
            ("角色", "role", false),
        ],
    );
    let mut list = Vec::new();
    for guest in guests {
        list.push(json!({
            "login": guest.login, "password": guest.password, "name": guest.name,
            "roles": [guest.role.code()],
        }));
        let role = desk.say(guest.role.name(), guest.role.code()).to_owned();
        let (login, name) = (guest.login.to_owned(), guest.name.to_owned());
        table.row([login, guest.password, name, role]);
    }
    report.json["users"] = Value::Array(list);
    report.tables.push(table);
    super::outcome::print(&Ok(report.into()), desk);
    super::serve::pages(app, command.listen, desk).await
}
