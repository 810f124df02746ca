//! A page and the blocks that it is built of.
//!
//! A handler gathers what a use case says and gives a [`Page`]: a title, one sentence that says
//! what it is for, and blocks from top to bottom. What a block looks like stands in
//! `templates/block/`, one file for each.

use askama::Template;
use axum::http::StatusCode;
use ledger::disbursement::role::Action;
use ledger::problem::Problem;

use super::badge::Badge;
use super::grid::Grid;
use super::posted::Upload;
use super::seat::{Refused, Seat};
use super::{assets, locale};

/// A page.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// What it is.
    pub title: String,
    /// What it is for, or whose turn it is.
    pub lead: String,
    /// The way to it.
    pub crumbs: Vec<Link>,
    /// Its state.
    pub badge: Option<Badge>,
    /// The status that it comes with, when it is another than 200.
    pub status: Option<StatusCode>,
    /// Whether it is asked for again by itself after a moment: it shows what goes on.
    pub goes_on: bool,
    /// Its parts from top to bottom.
    pub blocks: Vec<Block>,
}

/// A part of a page.
#[derive(Clone, Debug)]
pub enum Block {
    /// Something to know before all else.
    Notice(Notice),
    /// A heading over what follows.
    Heading(String),
    /// A sentence.
    Text(String),
    /// Names with their values.
    Facts(Vec<Fact>),
    /// A few large figures.
    Figures(Vec<Figure>),
    /// A table.
    Grid(Box<Grid>),
    /// A form.
    Form(Box<Form>),
    /// A form under a table whose rows are chosen; the table has a form of its own for its filter,
    /// and forms do not nest: its boxes name the form that they belong to.
    Choice(Box<(Form, Grid)>),
    /// Further acts, folded away.
    More(String, Vec<Form>),
    /// Where to go from here.
    Links(Vec<Link>),
    /// Work that waits.
    Tasks(Vec<Task>),
    /// The steps of a run.
    Strip(Vec<Step>),
    /// A picture, drawn by [`super::picture`].
    Picture(Picture),
}

/// A link.
#[derive(Clone, Debug)]
pub struct Link {
    /// Its text.
    pub text: String,
    /// Where it leads.
    pub to: String,
}

/// Something to know before all else.
#[derive(Clone, Debug)]
pub struct Notice {
    /// `done`, `wait` or `bad`.
    pub mood: &'static str,
    /// What.
    pub title: String,
    /// More of it, and what to do.
    pub lines: Vec<Link>,
}

/// A name with its value.
#[derive(Clone, Debug)]
pub struct Fact {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
    /// Where it leads.
    pub to: Option<String>,
}

/// A large figure.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What it counts.
    pub name: String,
    /// The figure.
    pub value: String,
    /// What it is compared with.
    pub note: String,
    /// Where its rows are.
    pub to: Option<String>,
}

/// Work that waits.
#[derive(Clone, Debug)]
pub struct Task {
    /// What is to be done.
    pub text: String,
    /// More of it.
    pub note: String,
    /// Where.
    pub to: String,
    /// How urgent.
    pub badge: Badge,
}

/// A step of a run's way.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Who did it.
    pub who: String,
    /// When.
    pub at: String,
    /// `done`, `now` or `later`.
    pub class: &'static str,
}

/// A drawing: its SVG text, and what it says for those who do not see it.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The drawing, escaped already.
    pub svg: String,
    /// The same in words.
    pub text: String,
}

/// How a form is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Asks: its fields go into the address.
    Get,
    /// Acts.
    Post,
    /// Acts, with a file.
    Upload,
}

/// A form.
#[derive(Clone, Debug)]
pub struct Form {
    /// Its name in the page, for boxes that stand elsewhere; empty for none.
    pub id: String,
    /// How it is sent.
    pub method: Method,
    /// Where it is sent.
    pub action: String,
    /// What it is for.
    pub title: String,
    /// What happens when the button is pressed.
    pub lead: String,
    /// Its fields.
    pub fields: Vec<Field>,
    /// Fields that nobody sees.
    pub hidden: Vec<(String, String)>,
    /// The text of its button.
    pub submit: String,
    /// The class of its button: `primary`, `plain` or `danger`.
    pub button: &'static str,
    /// A question that the script asks before it is sent; without the script the lead has said it.
    pub confirm: String,
    /// The word after fields that may be left empty.
    pub optional: &'static str,
}

/// A field of a form.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it is called.
    pub label: String,
    /// How it is to be filled.
    pub hint: String,
    /// Its kind.
    pub kind: Kind,
    /// What is in it.
    pub value: String,
    /// What is wrong with it.
    pub fault: String,
    /// Whether it must be filled.
    pub required: bool,
}

/// The kinds of fields.
#[derive(Clone, Debug)]
pub enum Kind {
    /// One line, with its HTML type.
    Line(&'static str),
    /// A password, with its `autocomplete`.
    Password(&'static str),
    /// Several lines.
    Area,
    /// A file with the endings that it may have.
    File(&'static str),
    /// One of a list: value and text.
    Select(Vec<(String, String)>),
    /// A box to tick.
    Tick,
}

/// What stands around every page.
#[derive(Clone, Debug)]
pub struct Frame {
    /// `zh-CN` or `en`.
    pub lang: &'static str,
    /// The agency.
    pub agency: String,
    /// Who is signed in, and as what.
    pub user: String,
    /// Groups of links.
    pub nav: Vec<(&'static str, Vec<NavLink>)>,
    /// The token of the form that changes the language, and of the one that signs out.
    pub proofs: [String; 2],
    /// This address, to come back to.
    pub here: String,
    /// The other language: code and name.
    pub other: (&'static str, &'static str),
    language: ledger::problem::Language,
    /// Addresses of style sheet, script and sign.
    pub assets: [&'static str; 3],
}

/// A link of the navigation.
#[derive(Clone, Debug)]
pub struct NavLink {
    /// Its text.
    pub text: &'static str,
    /// Where it leads.
    pub to: &'static str,
    /// Whether this page is there.
    pub here: bool,
}

/// The whole page.
#[derive(Template)]
#[template(path = "page.html")]
pub struct Whole<'a> {
    /// What stands around it.
    pub f: &'a Frame,
    /// The page.
    pub page: &'a Page,
    /// What was refused.
    pub fault: Option<&'a Fault>,
}

/// A refusal as it is shown.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What is wrong.
    pub title: String,
    /// The code.
    pub code: String,
    /// Where it is.
    pub place: String,
    /// What to do next.
    pub next: String,
    /// The field that it is about, when the form is on the page.
    pub field: Option<String>,
}

impl Frame {
    /// A sentence.
    pub fn say(&self, key: &'static str) -> &'static str {
        locale::say(self.language, key)
    }

    /// The frame of a page for somebody who is signed in.
    pub fn of(seat: &Seat) -> Frame {
        let caller = seat.caller();
        let roles: Vec<String> = caller
            .user
            .roles
            .iter()
            .map(|role| super::word(role.name(), seat.language))
            .collect();
        Frame {
            agency: caller.book.name.clone(),
            user: format!("{}({})", caller.user.name, roles.join("、")),
            nav: nav(seat),
            proofs: [seat.proof("/language"), seat.proof("/logout")],
            here: seat.address(&[("done", None)]),
            ..Frame::alone(seat.language)
        }
    }

    /// The frame of a page for somebody who is not.
    pub fn alone(language: ledger::problem::Language) -> Frame {
        use ledger::problem::Language::{En, Zh};
        Frame {
            lang: if language == Zh { "zh-CN" } else { "en" },
            agency: String::new(),
            user: String::new(),
            nav: Vec::new(),
            proofs: [String::new(), String::new()],
            here: String::new(),
            other: if language == Zh {
                ("en", "English")
            } else {
                ("zh", "中文")
            },
            language: if language == Zh { Zh } else { En },
            assets: assets::addresses(),
        }
    }
}

/// The navigation: group, then sentence, address, and what somebody must be allowed to do there.
type Group = (
    &'static str,
    &'static [(&'static str, &'static str, Action)],
);

const NAV: &[Group] = &[
    (
        "nav.work",
        &[
            ("nav.today", "/", Action::ReadReports),
            ("nav.dashboard", "/dashboard", Action::ReadReports),
            ("nav.runs", "/runs", Action::ReadReports),
            ("nav.batches", "/batches", Action::ReadReports),
            ("nav.returns", "/returns", Action::ReadReports),
            ("nav.exceptions", "/exceptions", Action::ReadReports),
            ("nav.repay", "/repay", Action::ReadReports),
        ],
    ),
    (
        "nav.basis",
        &[
            ("nav.rosters", "/rosters", Action::ReadReports),
            ("nav.policy", "/policy", Action::ReadReports),
            ("nav.funds", "/funds", Action::ReadReports),
            ("nav.recoveries", "/recoveries", Action::ReadReports),
            ("nav.settings", "/settings", Action::ReadReports),
            ("nav.calendar", "/calendar", Action::ReadReports),
        ],
    ),
    (
        "nav.books",
        &[
            ("nav.ledger", "/ledger", Action::ReadReports),
            ("nav.statements", "/statements", Action::ReadReports),
            ("nav.periods", "/periods", Action::ReadReports),
            ("nav.reports", "/reports", Action::ReadReports),
        ],
    ),
    (
        "nav.proof",
        &[
            ("nav.trace", "/trace", Action::ReadReports),
            ("nav.audit", "/audit", Action::ReadAudit),
            ("nav.verify", "/audit/verify", Action::VerifyAudit),
            ("nav.evidence", "/audit/evidence", Action::ReadAudit),
            ("nav.jobs", "/jobs", Action::ReadReports),
        ],
    ),
    (
        "nav.house",
        &[("nav.people", "/people", Action::ManageUsers)],
    ),
];

fn nav(seat: &Seat) -> Vec<(&'static str, Vec<NavLink>)> {
    let all = NAV.iter().flat_map(|(_, links)| *links);
    // The books are reports by their address, and a place of their own for people.
    let path = match seat.path.strip_prefix("/reports/") {
        Some(name) if super::reports::is_book(name) => "/ledger",
        _ => seat.path.as_str(),
    };
    let within = |to: &str| path == to || to != "/" && path.starts_with(to);
    // The longest address that this page lies within is the place where it is.
    let here = all
        .map(|(_, to, _)| *to)
        .filter(|to| within(to))
        .max_by_key(|to| to.len());
    let group = |(name, links): &Group| {
        let mine = links.iter().filter(|(_, _, action)| seat.may(*action));
        let mine = mine.map(|(key, to, _)| NavLink {
            text: seat.say(key),
            to,
            here: here == Some(*to),
        });
        (seat.say(name), mine.collect::<Vec<_>>())
    };
    let mut groups: Vec<_> = NAV.iter().map(group).collect();
    groups.retain(|(_, links)| !links.is_empty());
    groups
}

impl Page {
    /// A page with its title and lead.
    pub fn new(title: impl Into<String>, lead: impl Into<String>) -> Page {
        Page {
            title: title.into(),
            lead: lead.into(),
            ..Page::default()
        }
    }

    /// Adds a step of the way to it.
    #[must_use]
    pub fn under(mut self, text: &str, to: &str) -> Page {
        self.crumbs.push(link(text, to));
        self
    }

    /// Adds a block.
    #[must_use]
    pub fn with(mut self, block: Block) -> Page {
        self.blocks.push(block);
        self
    }

    /// Adds a form when there is one to show.
    #[must_use]
    pub fn form(mut self, form: Option<Form>) -> Page {
        self.blocks
            .extend(form.map(|form| Block::Form(Box::new(form))));
        self
    }
}

/// A link.
pub fn link(text: impl Into<String>, to: impl Into<String>) -> Link {
    Link {
        text: text.into(),
        to: to.into(),
    }
}

/// A name with its value.
pub fn fact(name: impl Into<String>, value: impl Into<String>) -> Fact {
    Fact {
        name: name.into(),
        value: value.into(),
        to: None,
    }
}

/// A field of one line.
pub fn field(name: &'static str, label: impl Into<String>) -> Field {
    Field {
        name,
        label: label.into(),
        hint: String::new(),
        kind: Kind::Line("text"),
        value: String::new(),
        fault: String::new(),
        required: true,
    }
}

impl Field {
    /// Of another kind.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Field {
        self.kind = kind;
        self
    }

    /// Says how it is to be filled.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Field {
        self.hint = hint.into();
        self
    }

    /// With something in it.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Field {
        self.value = value.into();
        self
    }

    /// It may be left empty.
    #[must_use]
    pub fn optional(mut self) -> Field {
        self.required = false;
        self
    }
}

impl Form {
    /// A form that acts: it carries its token, and a key that makes two equal ones one command.
    pub fn act(seat: &Seat, action: impl Into<String>, submit: impl Into<String>) -> Form {
        let action = action.into();
        let hidden = vec![
            (super::posted::PROOF.to_owned(), seat.proof(&action)),
            (super::posted::KEY.to_owned(), seat.app().entropy.key()),
        ];
        Form {
            method: Method::Post,
            hidden,
            ..Form::ask(seat, action, submit)
        }
    }

    /// A form that asks.
    pub fn ask(seat: &Seat, action: impl Into<String>, submit: impl Into<String>) -> Form {
        Form {
            id: String::new(),
            method: Method::Get,
            action: action.into(),
            title: String::new(),
            lead: String::new(),
            fields: Vec::new(),
            hidden: Vec::new(),
            submit: submit.into(),
            button: "primary",
            confirm: String::new(),
            optional: seat.say("form.optional"),
        }
    }

    /// With a title and what happens when its button is pressed.
    #[must_use]
    pub fn saying(mut self, title: impl Into<String>, lead: impl Into<String>) -> Form {
        self.title = title.into();
        self.lead = lead.into();
        self
    }

    /// Adds a field. A field of the form that was refused has what was typed, and its fault.
    #[must_use]
    pub fn field(mut self, seat: &Seat, mut field: Field) -> Form {
        if matches!(field.kind, Kind::File(_)) {
            self.method = Method::Upload;
        }
        let mut sent = None;
        if self.method == Method::Get {
            if let Some(value) = seat.get(field.name) {
                value.clone_into(&mut field.value);
            }
        } else if let Some(refused) = seat
            .refused
            .as_ref()
            .filter(|one| one.action == self.action)
        {
            if !matches!(field.kind, Kind::Password(_) | Kind::File(_)) {
                refused.posted.text(field.name).clone_into(&mut field.value);
            }
            if matches!(field.kind, Kind::File(_)) {
                sent = refused.posted.file(field.name).ok();
            }
            if field_of(&refused.problem) == Some(field.name) {
                field.fault = refused.problem.next_on_pages(seat.language);
            }
        }
        self.fields.push(field);
        match sent {
            Some(upload) => self.keeping(seat, upload),
            None => self,
        }
    }

    /// With a file that was sent already: it need not be chosen again.
    #[must_use]
    pub fn keeping(mut self, seat: &Seat, upload: &Upload) -> Form {
        let name = [("file", upload.name.as_str())];
        for field in &mut self.fields {
            if matches!(field.kind, Kind::File(_)) {
                field.required = false;
                field.hint = seat.fill("form.kept", &name);
            }
        }
        self.hide(super::posted::KEPT, seat.keep(upload))
    }

    /// Adds a field that nobody sees.
    #[must_use]
    pub fn hide(mut self, name: &str, value: impl Into<String>) -> Form {
        self.hidden.push((name.to_owned(), value.into()));
        self
    }

    /// A form whose button is not the first thing to press.
    #[must_use]
    pub fn plain(mut self) -> Form {
        self.button = "plain";
        self
    }

    /// A form that moves money or takes something back: what it does is asked once more.
    #[must_use]
    pub fn asking(mut self, question: impl Into<String>) -> Form {
        self.confirm = question.into();
        self
    }
}

/// The field that a refusal is about.
pub fn field_of(problem: &Problem) -> Option<&str> {
    let named = problem.values.iter().find(|(name, _)| *name == "field");
    problem
        .place
        .field
        .as_deref()
        .or(named.map(|(_, value)| value.as_str()))
}

impl Fault {
    /// A refusal as it is shown; the field is named when the form is on the page.
    pub fn of(seat: &Seat, refused: &Refused) -> Fault {
        let problem = &refused.problem;
        Fault {
            title: problem.title(seat.language),
            code: problem.code().to_owned(),
            place: crate::cli::failure::place_text(&problem.place, seat.language)
                .unwrap_or_default(),
            next: problem.next_on_pages(seat.language),
            field: field_of(problem).map(str::to_owned),
        }
    }
}
