//! Passwords come from the environment or from the terminal, never from an argument: arguments are
//! seen by everybody on the machine.

use std::io::IsTerminal;

use ledger::problem::{Kind, Problem};

use super::desk::Desk;

/// The password of the one who acts.
const CALLER: &str = "HUIMIN_PASSWORD";
/// The code of the second factor of the one who acts.
const CODE: &str = "HUIMIN_CODE";
/// The password that a user is given.
const NEW: &str = "HUIMIN_NEW_PASSWORD";

/// The password of the one who acts; none when it is neither in the environment nor typed.
pub(crate) fn of_caller(prompt: &str) -> Option<String> {
    from_environment(CALLER).or_else(|| ask(prompt))
}

/// The code of the second factor of the one who acts.
pub(crate) fn code_of_caller() -> Option<String> {
    from_environment(CODE)
}

/// The password that a user is to have, from `HUIMIN_NEW_PASSWORD` or typed twice. The first user
/// of a book is its own caller, so `HUIMIN_PASSWORD` will do.
///
/// # Errors
/// `FieldInvalid` when none was given, or when the second typing differs from the first.
pub(crate) fn for_user(login: &str, first: bool, desk: &Desk) -> Result<String, Problem> {
    let given = from_environment(NEW);
    if let Some(password) = given.or_else(|| first.then(|| from_environment(CALLER)).flatten()) {
        return Ok(password);
    }
    let invalid = |value: &str| {
        Problem::new(Kind::FieldInvalid)
            .with("field", desk.say("新密码", "new password"))
            .with("value", value)
            .with(
                "wanted",
                desk.say(
                    "在终端输入,或设 HUIMIN_NEW_PASSWORD",
                    "it on a terminal or in HUIMIN_NEW_PASSWORD",
                ),
            )
    };
    let prompt = format!("{} {login}: ", desk.say("新密码", "New password of"));
    let again = format!("{} {login}: ", desk.say("再输一次", "Again for"));
    let password = ask(&prompt).ok_or_else(|| invalid(desk.say("没有给出", "none given")))?;
    if ask(&again).as_deref() == Some(password.as_str()) {
        return Ok(password);
    }
    Err(invalid(desk.say("两次输入不同", "the two entries differ")))
}

/// Reads a variable by the same way as every other setting: clap's. There is no argument beside it
/// because the words given to it are none.
fn from_environment(name: &'static str) -> Option<String> {
    let value = clap::Arg::new("value")
        .long("value")
        .env(name)
        .hide_env_values(true);
    let words: [&str; 0] = [];
    let read = clap::Command::new("environment")
        .no_binary_name(true)
        .arg(value);
    let read = read.try_get_matches_from(words).ok()?;
    read.get_one::<String>("value")
        .filter(|text| !text.is_empty())
        .cloned()
}

fn ask(prompt: &str) -> Option<String> {
    if !std::io::stdin().is_terminal() {
        return None;
    }
    rpassword::prompt_password(prompt)
        .ok()
        .filter(|text| !text.is_empty())
}
