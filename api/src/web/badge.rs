//! States as people see them everywhere: a word, a shape and a colour.

use ledger::problem::Language;

/// How urgent a state is; gives shape and colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Somebody is to act.
    Wait,
    /// It is on its way.
    Go,
    /// It is done.
    Done,
    /// It went wrong.
    Bad,
    /// It counts no more.
    Off,
}

/// A state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Badge {
    /// Its word.
    pub word: String,
    /// Its mood.
    pub mood: Mood,
}

impl Mood {
    /// A shape that is told from the others without colour.
    pub fn shape(self) -> &'static str {
        match self {
            Mood::Wait => "○",
            Mood::Go => "◐",
            Mood::Done => "●",
            Mood::Bad => "▲",
            Mood::Off => "▢",
        }
    }

    /// The class in the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Mood::Wait => "wait",
            Mood::Go => "go",
            Mood::Done => "done",
            Mood::Bad => "bad",
            Mood::Off => "off",
        }
    }
}

/// Chinese word, code, mood. Runs, payments, exceptions, recoveries, objections, users, checks.
const STATES: &[(&str, &str, Mood)] = &[
    ("草稿", "draft", Mood::Wait),
    ("已校验", "checked", Mood::Wait),
    ("已提交", "submitted", Mood::Wait),
    ("已复核", "reviewed", Mood::Wait),
    ("已审批", "approved", Mood::Wait),
    ("已签发", "released", Mood::Go),
    ("已结清", "settled", Mood::Done),
    ("已关闭", "closed", Mood::Done),
    ("已作废", "discarded", Mood::Off),
    ("待发", "due", Mood::Wait),
    ("在途", "sent", Mood::Go),
    ("成功", "paid", Mood::Done),
    ("失败", "failed", Mood::Bad),
    ("待定", "pending", Mood::Go),
    ("退票", "refunded", Mood::Bad),
    ("已取消", "cancelled", Mood::Off),
    ("未审批", "not-approved", Mood::Wait),
    ("待送银行", "to-send", Mood::Wait),
    ("部分回盘", "partly-answered", Mood::Go),
    ("已回盘", "answered", Mood::Done),
    ("未处理", "open", Mood::Wait),
    ("待确认", "proposed", Mood::Wait),
    ("已处理", "settled", Mood::Done),
    ("启用", "active", Mood::Done),
    ("已停用", "disabled", Mood::Off),
    ("待处理", "received", Mood::Wait),
    ("成立", "upheld", Mood::Bad),
    ("不成立", "dismissed", Mood::Off),
    ("相符", "agrees", Mood::Done),
    ("不符", "differs", Mood::Bad),
    ("通过", "ok", Mood::Done),
    ("排队", "queued", Mood::Wait),
    ("进行中", "running", Mood::Go),
    ("正在停止", "stopping", Mood::Go),
    ("已完成", "done", Mood::Done),
    ("被拒绝", "refused", Mood::Bad),
    ("错误", "error", Mood::Bad),
    ("提醒", "warning", Mood::Wait),
];

/// The badge of a word or code; none when it is no state.
pub fn of(text: &str, language: Language) -> Option<Badge> {
    let text = text.trim();
    let found = STATES.iter().find(|(zh, en, _)| *zh == text || *en == text);
    found.map(|(zh, en, mood)| Badge {
        word: match language {
            Language::Zh => (*zh).to_owned(),
            Language::En => (*en).to_owned(),
        },
        mood: *mood,
    })
}

#[cfg(test)]
mod tests {
    use ledger::disbursement::workflow::{PaymentState, RunState};

    use super::*;

    #[test]
    fn every_state_of_runs_and_payments_has_a_badge() {
        let runs = RunState::ALL
            .iter()
            .map(|state| (state.code(), state.name()));
        let payments = PaymentState::ALL
            .iter()
            .map(|state| (state.code(), state.name()));
        for (code, name) in runs.chain(payments) {
            assert_eq!(of(name, Language::En).unwrap().word, code);
            assert!(of(code, Language::Zh).is_some(), "{code}");
        }
    }
}
