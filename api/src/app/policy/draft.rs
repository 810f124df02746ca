//! A policy file as rows of text with their places, whatever it was read from.

use ledger::problem::{Kind, Place, Problem};
use serde::Deserialize;
use toml::Spanned;

/// A text and where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    /// Empty when nothing was given.
    pub(super) text: String,
    /// Where it stands, or where it is missing.
    pub(super) place: Place,
}

/// What the head of a pack says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PackHead {
    /// Title.
    pub(super) title: String,
    /// Where its figures come from.
    pub(super) source: String,
    /// The year, or years, of which the source speaks.
    pub(super) year: String,
}

/// 项目.
#[derive(Clone, Debug, Default)]
pub(super) struct ProgramRow {
    pub(super) code: Cell,
    pub(super) name: Cell,
    pub(super) function_code: Cell,
    pub(super) note: Cell,
}

/// 组成.
#[derive(Clone, Debug, Default)]
pub(super) struct ComponentRow {
    pub(super) program: Cell,
    pub(super) code: Cell,
    pub(super) name: Cell,
    pub(super) scope: Cell,
    pub(super) months: Cell,
    pub(super) unit: Cell,
    pub(super) economic_code: Cell,
}

/// 标准.
#[derive(Clone, Debug, Default)]
pub(super) struct StandardRow {
    pub(super) program: Cell,
    pub(super) component: Cell,
    pub(super) tag: Cell,
    pub(super) note: Cell,
    pub(super) from: Cell,
    pub(super) formula: Cell,
    pub(super) amount: Cell,
    pub(super) of: Cell,
    pub(super) rate: Cell,
    pub(super) rounding: Cell,
    pub(super) document: Cell,
}

/// 参照额.
#[derive(Clone, Debug, Default)]
pub(super) struct ReferenceRow {
    pub(super) code: Cell,
    pub(super) note: Cell,
    pub(super) from: Cell,
    pub(super) amount: Cell,
    pub(super) document: Cell,
}

/// 资金: one level's part; without a level, the appropriations are used in order.
#[derive(Clone, Debug, Default)]
pub(super) struct FundingRow {
    pub(super) program: Cell,
    pub(super) bank_account: Cell,
    pub(super) level: Cell,
    pub(super) parts: Cell,
}

/// 发放日.
#[derive(Clone, Debug, Default)]
pub(super) struct PaymentDayRow {
    pub(super) program: Cell,
    pub(super) from: Cell,
    pub(super) day: Cell,
    pub(super) document: Cell,
}

/// 资格条件.
#[derive(Clone, Debug, Default)]
pub(super) struct EligibilityRow {
    pub(super) program: Cell,
    pub(super) component: Cell,
    pub(super) from: Cell,
    pub(super) effect: Cell,
    pub(super) tag: Cell,
    pub(super) age_from: Cell,
    pub(super) age_to: Cell,
    pub(super) age_on: Cell,
    pub(super) sex: Cell,
    pub(super) disability: Cell,
    pub(super) document: Cell,
}

/// 公示.
#[derive(Clone, Debug, Default)]
pub(super) struct PublicationRow {
    pub(super) program: Cell,
    pub(super) days: Cell,
    pub(super) unit: Cell,
    pub(super) document: Cell,
}

/// 审批限额.
#[derive(Clone, Debug, Default)]
pub(super) struct LimitRow {
    pub(super) program: Cell,
    pub(super) level: Cell,
    pub(super) from: Cell,
    pub(super) payment: Cell,
    pub(super) run: Cell,
    pub(super) document: Cell,
}

/// A paying account; only a TOML file has these.
#[derive(Clone, Debug, Default)]
pub(super) struct BankAccountRow {
    pub(super) code: Cell,
    pub(super) bank_name: Cell,
    pub(super) bank_no: Cell,
    pub(super) account_no: Cell,
    pub(super) account_name: Cell,
    pub(super) debit: Cell,
    pub(super) batch_profile: Cell,
    pub(super) return_profile: Cell,
    pub(super) statement_profile: Cell,
}

/// All rows of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) head: Option<PackHead>,
    pub(super) programs: Vec<ProgramRow>,
    pub(super) components: Vec<ComponentRow>,
    pub(super) standards: Vec<StandardRow>,
    pub(super) references: Vec<ReferenceRow>,
    pub(super) fundings: Vec<FundingRow>,
    pub(super) payment_days: Vec<PaymentDayRow>,
    pub(super) eligibility: Vec<EligibilityRow>,
    pub(super) publications: Vec<PublicationRow>,
    pub(super) limits: Vec<LimitRow>,
    pub(super) bank_accounts: Vec<BankAccountRow>,
}

type Text = Spanned<String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    pack: Option<PackHead>,
    #[serde(default)]
    reference: Vec<ReferenceText>,
    #[serde(default)]
    bank_account: Vec<BankAccountText>,
    #[serde(default)]
    program: Vec<ProgramText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReferenceText {
    code: Text,
    name: Option<Text>,
    from: Text,
    amount: Text,
    document: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BankAccountText {
    code: Text,
    bank_name: Text,
    bank_no: Option<Text>,
    account_no: Text,
    account_name: Text,
    debit: Text,
    batch_profile: Text,
    return_profile: Text,
    statement_profile: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProgramText {
    code: Text,
    name: Text,
    function_code: Option<Text>,
    cadence: Option<Text>,
    funding: Option<FundingText>,
    publication: Option<PublicationText>,
    #[serde(default)]
    payment_day: Vec<PaymentDayText>,
    #[serde(default)]
    approval_limit: Vec<LimitText>,
    #[serde(default)]
    component: Vec<ComponentText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FundingText {
    bank_account: Option<Text>,
    #[serde(default)]
    shares: Vec<ShareText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PaymentDayText {
    from: Text,
    day: Spanned<i64>,
    document: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EligibilityText {
    from: Text,
    effect: Text,
    tag: Option<Text>,
    age_from: Option<Spanned<i64>>,
    age_to: Option<Spanned<i64>>,
    age_on: Option<Text>,
    sex: Option<Text>,
    disability: Option<Text>,
    document: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublicationText {
    days: Spanned<i64>,
    unit: Option<Text>,
    document: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitText {
    level: Text,
    from: Text,
    payment: Text,
    run: Option<Text>,
    document: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShareText {
    level: Text,
    parts: Spanned<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ComponentText {
    code: Text,
    name: Text,
    scope: Text,
    months: Text,
    unit: Option<Text>,
    economic_code: Option<Text>,
    #[serde(default)]
    eligibility: Vec<EligibilityText>,
    #[serde(default)]
    standard: Vec<StandardText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StandardText {
    tag: Option<Text>,
    name: Option<Text>,
    from: Text,
    formula: Text,
    amount: Option<Text>,
    of: Option<Text>,
    rate: Option<Text>,
    rounding: Option<Text>,
    document: Text,
}

/// Reads a TOML file. What is no TOML of this shape is refused at its first fault, because nothing
/// behind it can be trusted; values are judged later, all of them.
///
/// # Errors
/// [`Kind::FieldInvalid`] with the line.
pub(super) fn of_toml(file_name: &str, text: &str) -> Result<Draft, Problem> {
    let places = Places {
        file: file_name,
        text,
    };
    let file: FileText = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        Problem::new(Kind::FieldInvalid)
            .with("field", "TOML")
            .with("value", error.message())
            .with("wanted", "policy file")
            .at(Place {
                file: Some(file_name.to_owned()),
                row: Some(places.row(at)),
                ..Place::default()
            })
    })?;
    let mut draft = Draft {
        head: file.pack,
        ..Draft::default()
    };
    for text in &file.reference {
        let cell = |field, value| places.cell(field, Some(value), &text.code);
        draft.references.push(ReferenceRow {
            code: cell("reference.code", &text.code),
            note: places.cell("reference.name", text.name.as_ref(), &text.code),
            from: cell("reference.from", &text.from),
            amount: cell("reference.amount", &text.amount),
            document: cell("reference.document", &text.document),
        });
    }
    for text in &file.bank_account {
        draft.bank_accounts.push(places.bank_account(text));
    }
    for text in &file.program {
        places.program(text, &mut draft);
    }
    Ok(draft)
}

/// Where in a text something stands.
struct Places<'a> {
    file: &'a str,
    text: &'a str,
}

impl Places<'_> {
    /// The line of a byte, from 1.
    fn row(&self, at: usize) -> u64 {
        let before = self.text.get(..at).unwrap_or("");
        u64::try_from(before.matches('\n').count()).unwrap_or(0) + 1
    }

    /// A value, or its absence at the place of what it belongs to.
    fn cell(&self, field: &str, value: Option<&Text>, owner: &Text) -> Cell {
        let text = value.map_or("", |value| value.get_ref().as_str());
        self.at(field, text.to_owned(), value.unwrap_or(owner).span().start)
    }

    fn at(&self, field: &str, text: String, at: usize) -> Cell {
        let place = Place {
            file: Some(self.file.to_owned()),
            row: Some(self.row(at)),
            field: Some(field.to_owned()),
            value: (!text.is_empty()).then(|| text.clone()),
            ..Place::default()
        };
        Cell { text, place }
    }

    fn bank_account(&self, text: &BankAccountText) -> BankAccountRow {
        let cell = |field, value| self.cell(field, Some(value), &text.code);
        BankAccountRow {
            code: cell("bank_account.code", &text.code),
            bank_name: cell("bank_account.bank_name", &text.bank_name),
            bank_no: self.cell("bank_account.bank_no", text.bank_no.as_ref(), &text.code),
            account_no: cell("bank_account.account_no", &text.account_no),
            account_name: cell("bank_account.account_name", &text.account_name),
            debit: cell("bank_account.debit", &text.debit),
            batch_profile: cell("bank_account.batch_profile", &text.batch_profile),
            return_profile: cell("bank_account.return_profile", &text.return_profile),
            statement_profile: cell("bank_account.statement_profile", &text.statement_profile),
        }
    }

    fn program(&self, text: &ProgramText, draft: &mut Draft) {
        let code = self.cell("program.code", Some(&text.code), &text.code);
        draft.programs.push(ProgramRow {
            code: code.clone(),
            name: self.cell("program.name", Some(&text.name), &text.code),
            function_code: self.cell(
                "program.function_code",
                text.function_code.as_ref(),
                &text.code,
            ),
            note: self.cell("program.cadence", text.cadence.as_ref(), &text.code),
        });
        for component in &text.component {
            let cell = |field, value| self.cell(field, Some(value), &component.code);
            draft.components.push(ComponentRow {
                program: code.clone(),
                code: cell("component.code", &component.code),
                name: cell("component.name", &component.name),
                scope: cell("scope", &component.scope),
                months: cell("cadence", &component.months),
                unit: self.cell("component.unit", component.unit.as_ref(), &component.code),
                economic_code: self.cell(
                    "component.economic_code",
                    component.economic_code.as_ref(),
                    &component.code,
                ),
            });
            for rule in &component.eligibility {
                let row = self.eligibility(&code, component, rule);
                draft.eligibility.push(row);
            }
            for standard in &component.standard {
                let row = self.standard(&code, component, standard);
                draft.standards.push(row);
            }
        }
        if let Some(funding) = &text.funding {
            self.funding(&code, &text.code, funding, draft);
        }
        if let Some(publication) = &text.publication {
            let days = publication.days.get_ref().to_string();
            draft.publications.push(PublicationRow {
                program: code.clone(),
                days: self.at("publication.days", days, publication.days.span().start),
                unit: self.cell("publication.unit", publication.unit.as_ref(), &text.code),
                document: self.cell(
                    "publication.document",
                    Some(&publication.document),
                    &text.code,
                ),
            });
        }
        for day in &text.payment_day {
            let cell = |field, value| self.cell(field, Some(value), &day.from);
            let number = day.day.get_ref().to_string();
            draft.payment_days.push(PaymentDayRow {
                program: code.clone(),
                from: cell("payment_day.from", &day.from),
                day: self.at("payment_day.day", number, day.day.span().start),
                document: cell("payment_day.document", &day.document),
            });
        }
        for limit in &text.approval_limit {
            draft.limits.push(self.limit(&code, limit));
        }
    }

    fn eligibility(
        &self,
        code: &Cell,
        owner: &ComponentText,
        text: &EligibilityText,
    ) -> EligibilityRow {
        let cell = |field, value| self.cell(field, Some(value), &text.from);
        let maybe = |field, value: &Option<Text>| self.cell(field, value.as_ref(), &text.from);
        let number = |field, value: &Option<Spanned<i64>>| match value {
            Some(value) => self.at(field, value.get_ref().to_string(), value.span().start),
            None => self.cell(field, None, &text.from),
        };
        EligibilityRow {
            program: code.clone(),
            component: self.cell("component.code", Some(&owner.code), &owner.code),
            from: cell("eligibility.from", &text.from),
            effect: cell("eligibility.effect", &text.effect),
            tag: maybe("eligibility.tag", &text.tag),
            age_from: number("eligibility.age_from", &text.age_from),
            age_to: number("eligibility.age_to", &text.age_to),
            age_on: maybe("eligibility.age_on", &text.age_on),
            sex: maybe("eligibility.sex", &text.sex),
            disability: maybe("eligibility.disability", &text.disability),
            document: cell("eligibility.document", &text.document),
        }
    }

    fn limit(&self, code: &Cell, text: &LimitText) -> LimitRow {
        let cell = |field, value| self.cell(field, Some(value), &text.from);
        LimitRow {
            program: code.clone(),
            level: cell("approval_limit.level", &text.level),
            from: cell("approval_limit.from", &text.from),
            payment: cell("approval_limit.payment", &text.payment),
            run: self.cell("approval_limit.run", text.run.as_ref(), &text.from),
            document: cell("approval_limit.document", &text.document),
        }
    }

    fn standard(&self, code: &Cell, owner: &ComponentText, text: &StandardText) -> StandardRow {
        let cell = |field, value| self.cell(field, Some(value), &text.from);
        let maybe = |field, value: &Option<Text>| self.cell(field, value.as_ref(), &text.from);
        StandardRow {
            program: code.clone(),
            component: self.cell("component.code", Some(&owner.code), &owner.code),
            tag: maybe("standard.tag", &text.tag),
            note: maybe("standard.name", &text.name),
            from: cell("standard.from", &text.from),
            formula: cell("standard.formula", &text.formula),
            amount: maybe("standard.amount", &text.amount),
            of: maybe("standard.of", &text.of),
            rate: maybe("standard.rate", &text.rate),
            rounding: maybe("standard.rounding", &text.rounding),
            document: cell("standard.document", &text.document),
        }
    }

    fn funding(&self, code: &Cell, owner: &Text, text: &FundingText, draft: &mut Draft) {
        let row = FundingRow {
            program: code.clone(),
            bank_account: self.cell("funding.bank_account", text.bank_account.as_ref(), owner),
            ..FundingRow::default()
        };
        if text.shares.is_empty() {
            draft.fundings.push(row);
            return;
        }
        for share in &text.shares {
            let parts = share.parts.get_ref().to_string();
            draft.fundings.push(FundingRow {
                level: self.cell("level", Some(&share.level), owner),
                parts: self.at("parts", parts, share.parts.span().start),
                ..row.clone()
            });
        }
    }
}
