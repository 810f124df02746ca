//! One row of a roster: its cells become typed values, and each that does not is a fault.
//!
//! A row is a person; or a household with its members in columns of their own; or a household
//! whose members follow in rows that leave empty what the household has said.

use std::borrow::Cow;

use bank_adapters::GridRow;
use ledger::audit::canonical::nfc;
use ledger::calendar::Month;
use ledger::money::Fen;
use ledger::program::{Component, Quantity, Scope};
use ledger::roster::{AccountNumber, BankNo, CreditCode, IdentityNumber, Note, PersonName};
use ledger_store::roster::PartyKind;
use rust_decimal::Decimal;

use super::fault::{Fault, Faults};
use super::headings::{Field, Layout, Member};
use super::sheet::{Payee, Roster, RosterRow, RowPlace, Terms};
use super::{mask_account, mask_name};

/// What the example row of the template has for its file number: such a row is left out.
pub(super) const EXAMPLE: &str = "示例行(导入时忽略)";
/// The largest individual amount of one row: a million yuan.
const AMOUNT_MAX: Fen = Fen::new(100_000_000);
/// Digits that a spreadsheet program keeps of a number.
const DIGITS_KEPT: u32 = 15;
/// Characters of a value that a fault repeats.
const SHOWN_MAX: usize = 40;
/// The values of cells whose formula failed.
const ERRORS: [&str; 8] = [
    "#REF!",
    "#N/A",
    "#VALUE!",
    "#DIV/0!",
    "#NAME?",
    "#NUM!",
    "#NULL!",
    "#GETTING_DATA",
];
/// The relations of a head of household.
const HEADS: [&str; 2] = ["户主", "本人"];
/// What a member's row takes from the row of its household.
const INHERITED: [Field; 15] = [
    Field::FileNo,
    Field::ComputerNo,
    Field::ApprovalNo,
    Field::Township,
    Field::Village,
    Field::HeadName,
    Field::HeadIdentity,
    Field::Component,
    Field::Basis,
    Field::Payee,
    Field::PayeeNo,
    Field::PayeeKind,
    Field::Bank,
    Field::BankNo,
    Field::Account,
];

/// A row below the people.
pub(super) enum Footer {
    /// 合计, with the amount.
    Total(String),
    /// Signatures, notes, the example, a repeated header row.
    Other,
}

/// The amounts of a sheet so far.
#[derive(Clone, Copy, Default)]
pub(super) struct Sums {
    /// Those in the column of amounts.
    pub(super) column: Fen,
    /// With those of members in columns of their own.
    pub(super) all: Fen,
}

/// One cell as it is read.
struct Cell<'t> {
    text: Cow<'t, str>,
    is_number: bool,
    column: Option<usize>,
    /// It stands in the row of the household, which has its own faults.
    is_inherited: bool,
}

/// Reads the cells of a row.
pub(super) struct Cells<'t> {
    sheet: usize,
    row: GridRow<'t>,
    /// The row of the household that this one belongs to.
    head: Option<GridRow<'t>>,
    layout: &'t Layout,
    terms: &'t Terms,
    /// Something is wrong, here or in the row of the household.
    is_faulty: bool,
}

/// Where a person stands in a row.
struct Person {
    name: Box<str>,
    identity_no: Box<str>,
}

/// Whether a row says nothing of its household that the row above does not say as well.
fn agrees(cells: &Cells<'_>, head: GridRow<'_>) -> bool {
    let of_head = |field| {
        let column = cells.layout.column(field);
        column.map_or("", |column| head.text(column).trim())
    };
    [
        Field::HeadIdentity,
        Field::HeadName,
        Field::Township,
        Field::Village,
        Field::ComputerNo,
        Field::ApprovalNo,
    ]
    .into_iter()
    .all(|field| {
        let own = cells.own(field);
        own.is_empty() || own == of_head(field)
    })
}

impl<'t> Cells<'t> {
    pub(super) fn new(
        sheet: usize,
        row: GridRow<'t>,
        head: Option<GridRow<'t>>,
        layout: &'t Layout,
        terms: &'t Terms,
    ) -> Cells<'t> {
        let mut cells = Cells {
            sheet,
            row,
            head: None,
            layout,
            terms,
            is_faulty: false,
        };
        let own = |field| cells.own(field);
        let relation = own(Field::Relation);
        let silent = [Field::FileNo, Field::Account, Field::Payee, Field::PayeeNo];
        let follows = !relation.is_empty()
            && !HEADS.contains(&relation)
            && silent.into_iter().all(|field| own(field).is_empty())
            && head.is_some_and(|head| agrees(&cells, head));
        cells.head = head.filter(|_| follows);
        cells
    }

    /// Whether the row belongs to the household of a row above.
    pub(super) fn follows(&self) -> bool {
        self.head.is_some()
    }

    /// What kind of row it is when it has nobody.
    pub(super) fn footer(&self) -> Option<Footer> {
        const TOTALS: [&str; 3] = ["合计", "总计", "总合计"];
        const OTHERS: [&str; 10] = [
            "小计",
            "本页",
            "制表",
            "填表",
            "审核",
            "审批",
            "经办",
            "负责人",
            "备注",
            "说明",
        ];
        if self.own(Field::FileNo) == EXAMPLE {
            return Some(Footer::Other);
        }
        let heading = |field| {
            let column = self.layout.column(field)?;
            let heading = self.layout.headings.get(column)?;
            Some(self.row.text(column) == heading)
        };
        if heading(Field::Name) == Some(true) && heading(Field::Identity) == Some(true) {
            return Some(Footer::Other);
        }
        let people = [Field::Identity, Field::Account];
        if people.into_iter().any(|field| !self.own(field).is_empty()) {
            return None;
        }
        let first = (0..self.row.width()).map(|column| self.row.text(column));
        let first: String = first
            .filter(|text| !text.is_empty())
            .take(1)
            .flat_map(str::chars)
            .filter(|c| !c.is_whitespace())
            .collect();
        if TOTALS.iter().any(|word| first.starts_with(word)) {
            return Some(Footer::Total(self.own(Field::Amount).to_owned()));
        }
        let is_other = OTHERS.iter().any(|word| first.starts_with(word));
        is_other.then_some(Footer::Other)
    }

    /// Holds the total of the sheet against the sum of its rows. It may be that of its own column,
    /// as a spreadsheet adds it up, while members have their amounts in others: that is said.
    pub(super) fn total(&mut self, text: &str, sums: Sums, faults: &mut Faults<'_>) {
        if text.is_empty() {
            return;
        }
        let cell = self.cell(Field::Amount, faults);
        if let Some(total) = cell.and_then(|cell| self.amount(&cell, faults))
            && total != sums.all
            && let Some(column) = self.layout.column(Field::Amount)
        {
            let fault = match total == sums.column {
                true => Fault::TotalOfColumn,
                false => Fault::TotalDiffers,
            };
            let line = self.row.line();
            faults.cell(fault, line, column, text, &sums.all.grouped());
        }
    }

    /// Reads the people of the row, to be laid aside with the roster.
    pub(super) fn read(&mut self, roster: &mut Roster, faults: &mut Faults<'_>) {
        let file_no = self.file_no(faults);
        let township = self.filled(Field::Township, Fault::TownshipEmpty, faults);
        let village = self.cell_text(Field::Village, faults);
        self.month(faults);
        let person = self.person(faults);
        let relation = self.cell_text(Field::Relation, faults);
        let is_head = relation == "户主";
        let component = self.component(faults);
        let tag = self.cell_text(Field::Tag, faults);
        let income = self.income(faults);
        let (amount, basis) = self.approved(faults);
        let quantity = self.quantity(component, amount.is_some(), faults);
        let disability = self.own_disability(faults);
        let payee = self.payee(&person, faults);
        let head_name = self.head_name(faults);
        let bank = self.cell_text(Field::Bank, faults);
        let bank_no = self.bank_no(faults);
        let account_no = self.account(faults);
        // What is paid to the household stands in the row of its head; a member's row only says who
        // belongs to it.
        let is_household = component.is_some_and(|one| one.scope == Scope::Household);
        let is_member = is_household && self.follows() && self.own(Field::Component).is_empty();
        if is_member && amount.is_some() {
            self.fault(Fault::HouseholdAmount, Field::Amount, "", faults);
        } else if let (Some(component), None, false) = (component, &amount, is_member) {
            self.standard(component, &tag, Field::Tag, faults);
        }
        let members = self.members(component, amount.is_some(), faults);
        let Some(component) = component.filter(|_| !self.is_faulty) else {
            return;
        };
        let (area, bank) = (
            roster.areas.place(&township, &village),
            roster.banks.place(&bank, &bank_no),
        );
        let basis = roster.words.place(&basis, "");
        let head = Found {
            person,
            tag,
            amount: amount.flatten(),
            disability,
            column: self.layout.column(Field::Name),
        };
        for (number, found) in std::iter::once(head).chain(members).enumerate() {
            let own = payee.kind == PartyKind::Person
                && (&payee.number, &payee.name) == (&found.person.identity_no, &found.person.name);
            roster.read.push(RosterRow {
                place: self.place_of(found.column),
                is_head: is_head && number == 0,
                is_member: is_member || is_household && number > 0,
                file_no: file_no.clone(),
                area,
                name: found.person.name,
                identity_no: found.person.identity_no,
                head_name: head_name.clone(),
                component: component.id,
                scope: component.scope,
                tag: roster.words.place(&found.tag, ""),
                income: income.unwrap_or(Fen::ZERO),
                amount: found.amount,
                quantity: quantity.filter(|_| number == 0 || !is_household),
                disability: found.disability,
                basis,
                payee: (!own).then(|| Box::new(payee.clone())),
                bank,
                account_no: account_no.clone(),
            });
        }
    }

    fn income(&mut self, faults: &mut Faults<'_>) -> Option<Fen> {
        let cell = self.cell(Field::Income, faults);
        cell.and_then(|cell| self.amount(&cell, faults))
    }

    /// The grade of the person of the row.
    fn own_disability(&mut self, faults: &mut Faults<'_>) -> Option<i64> {
        let cell = self.cell(Field::Disability, faults);
        cell.and_then(|cell| self.disability(&cell, faults))
    }

    /// The approved amount, none inside where it cannot be read, and the basis that it needs.
    fn approved(&mut self, faults: &mut Faults<'_>) -> (Option<Option<Fen>>, String) {
        let amount = self.cell(Field::Amount, faults);
        let amount = amount
            .filter(|cell| !cell.text.is_empty())
            .map(|cell| self.amount(&cell, faults));
        let basis = self.cell_text(Field::Basis, faults);
        if amount.is_some() && basis.is_empty() && !faults_in(self, Field::Basis, faults) {
            self.fault(Fault::BasisMissing, Field::Basis, "", faults);
        }
        (amount, basis.into_owned())
    }

    /// Where a person's name stands.
    fn place_of(&self, column: Option<usize>) -> RowPlace {
        let column = column.and_then(|column| u8::try_from(column).ok());
        RowPlace {
            sheet: u8::try_from(self.sheet).unwrap_or(u8::MAX),
            row: u32::try_from(self.row.line()).unwrap_or(u32::MAX),
            name: column.unwrap_or_default(),
        }
    }

    /// The text of a cell of this row.
    fn own(&self, field: Field) -> &'t str {
        let column = self.layout.column(field);
        column.map_or("", |column| self.row.text(column))
    }

    /// A cell, from the row of the household where this one is silent; none when it is no value.
    fn cell(&mut self, field: Field, faults: &mut Faults<'_>) -> Option<Cell<'t>> {
        let column = self.layout.column(field);
        if let Some(head) = self.head
            && self.own(field).is_empty()
            && INHERITED.contains(&field)
        {
            let text = column.map_or("", |column| head.text(column));
            return Some(Cell {
                text: nfc(text),
                is_number: column.is_some_and(|column| head.is_number(column)),
                column,
                is_inherited: true,
            });
        }
        self.cell_at(column, faults)
    }

    fn cell_at(&mut self, column: Option<usize>, faults: &mut Faults<'_>) -> Option<Cell<'t>> {
        let text = column.map_or("", |column| self.row.text(column));
        if let Some(column) = column {
            if faults.is_marked(self.row.line(), column) {
                self.is_faulty = true;
                return None;
            }
            if text.starts_with('#') && ERRORS.contains(&text) {
                self.is_faulty = true;
                faults.cell(Fault::ErrorCell, self.row.line(), column, text, "");
                return None;
            }
        }
        Some(Cell {
            text: nfc(text),
            is_number: column.is_some_and(|column| self.row.is_number(column)),
            column,
            is_inherited: false,
        })
    }

    fn cell_text(&mut self, field: Field, faults: &mut Faults<'_>) -> Cow<'t, str> {
        self.cell(field, faults)
            .map_or(Cow::Borrowed(""), |cell| cell.text)
    }

    /// Adds a fault of a cell.
    fn wrong(&mut self, fault: Fault, cell: &Cell<'_>, value: &str, faults: &mut Faults<'_>) {
        let is_blocking = fault.severity() == bank_adapters::Severity::Blocking;
        self.is_faulty |= is_blocking;
        if cell.is_inherited {
            return;
        }
        let line = self.row.line();
        match cell.column {
            Some(column) => faults.cell(fault, line, column, value, ""),
            None if is_blocking => faults.row(fault, line, None, ""),
            None => {}
        }
    }

    /// Adds a fault of a field of this row.
    fn fault(&mut self, fault: Fault, field: Field, detail: &str, faults: &mut Faults<'_>) {
        self.is_faulty = true;
        let (line, text) = (self.row.line(), shown(self.own(field)));
        match self.layout.column(field) {
            Some(column) => faults.cell(fault, line, column, &text, detail),
            None => faults.row(fault, line, Some(field.heading()), detail),
        }
    }

    /// The text of a cell that must be filled.
    fn filled(&mut self, field: Field, fault: Fault, faults: &mut Faults<'_>) -> Cow<'t, str> {
        match self.cell(field, faults) {
            Some(cell) if cell.text.is_empty() => {
                // The missing column is a fault already.
                match cell.column {
                    Some(_) => self.wrong(fault, &cell, "", faults),
                    None => self.is_faulty = true,
                }
                Cow::Borrowed("")
            }
            Some(cell) => cell.text,
            None => Cow::Borrowed(""),
        }
    }

    /// 三号合一: file, computer and approval carry one number.
    fn file_no(&mut self, faults: &mut Faults<'_>) -> Box<str> {
        let mut number: Cow<'_, str> = Cow::Borrowed("");
        let mut first = None;
        for field in [Field::FileNo, Field::ComputerNo, Field::ApprovalNo] {
            if self.layout.column(field).is_none() {
                continue;
            }
            let Some(cell) = self.cell(field, faults) else {
                continue;
            };
            first = first.or(Some(field));
            let is_spoiled = cell.text.len() > 15 || cell.text.contains('.');
            if cell.is_number && is_spoiled {
                self.wrong(
                    Fault::NumberSpoiled,
                    &cell,
                    &mask_account(&cell.text),
                    faults,
                );
            } else if cell.text.is_empty() {
                if first == Some(field) {
                    self.wrong(Fault::FileNoEmpty, &cell, "", faults);
                }
            } else if number.is_empty() {
                number = cell.text;
            } else if number != cell.text {
                self.wrong(Fault::NumbersDiffer, &cell, &shown(&cell.text), faults);
            }
        }
        self.is_faulty |= first.is_none();
        Box::from(&*number)
    }

    fn month(&mut self, faults: &mut Faults<'_>) {
        let Some(cell) = self.cell(Field::Month, faults) else {
            return;
        };
        if !cell.text.is_empty() && month_of(&cell.text) != Some(self.terms.month) {
            let month = self.terms.month.to_string();
            self.fault(Fault::MonthDiffers, Field::Month, &month, faults);
        }
    }

    /// The person of the row, held against sex and birth date where these are given.
    fn person(&mut self, faults: &mut Faults<'_>) -> Person {
        let name = self.cell(Field::Name, faults);
        let name = name
            .map(|cell| self.name(&cell, faults))
            .unwrap_or_default();
        let identity = self.cell(Field::Identity, faults);
        let identity = identity.and_then(|cell| self.identity(&cell, faults));
        if let Some(identity) = &identity {
            let sex = self.cell_text(Field::Sex, faults);
            let male = match &*sex {
                "男" => Some(true),
                "女" => Some(false),
                _ => None,
            };
            if male.is_some_and(|male| male != identity.is_male()) {
                self.fault(Fault::SexDiffers, Field::Sex, "", faults);
            }
            let birth = self.cell_text(Field::Birth, faults);
            let digits: String = numbers(&birth).iter().map(|n| format!("{n:02}")).collect();
            let told = identity.birth().format("%Y%m%d").to_string();
            if !birth.is_empty() && digits != told {
                self.fault(Fault::BirthDiffers, Field::Birth, "", faults);
            }
        }
        Person {
            name,
            identity_no: identity.map_or_else(Box::default, |number| Box::from(number.as_str())),
        }
    }

    fn name(&mut self, cell: &Cell<'_>, faults: &mut Faults<'_>) -> Box<str> {
        let text = &cell.text;
        let masked = || mask_name(text);
        let Ok(name) = PersonName::parse(text) else {
            self.wrong(Fault::NameInvalid, cell, "", faults);
            return Box::default();
        };
        if text.contains(['?', '？', '*', '＊', '□', '■', '\u{fffd}']) {
            self.wrong(Fault::NameLost, cell, &masked(), faults);
        } else if text.chars().any(is_private) {
            self.wrong(Fault::NamePrivate, cell, "", faults);
        } else if text.contains(['•', '．', '.', '。', '・', '‧', '･']) {
            self.wrong(Fault::DotOther, cell, &masked(), faults);
        }
        Box::from(name.as_str())
    }

    fn identity(&mut self, cell: &Cell<'_>, faults: &mut Faults<'_>) -> Option<IdentityNumber> {
        let masked = mask_account(&cell.text);
        if cell.is_number {
            self.wrong(Fault::NumberSpoiled, cell, &masked, faults);
            return None;
        }
        let Ok(number) = IdentityNumber::parse(&cell.text) else {
            self.wrong(identity_fault(&cell.text), cell, &masked, faults);
            return None;
        };
        if number.birth() > self.terms.month.last_day() {
            self.wrong(Fault::IdentityBirth, cell, &masked, faults);
            return None;
        }
        for note in number.notes() {
            match note {
                Note::RegionUnknown => self.wrong(Fault::RegionUnknown, cell, &masked, faults),
                Note::RegionRetired => self.wrong(Fault::RegionRetired, cell, &masked, faults),
                _ => {}
            }
        }
        Some(number)
    }

    fn component(&mut self, faults: &mut Faults<'_>) -> Option<&'t Component> {
        let cell = self.cell(Field::Component, faults)?;
        let component = self.terms.component(&cell.text);
        if component.is_none() {
            self.is_faulty = true;
            if cell.column.is_some() && !cell.is_inherited {
                let codes = self.terms.components.iter().map(|one| one.code.as_str());
                let codes: Vec<&str> = codes.collect();
                let codes = codes.join("、");
                self.fault(Fault::ComponentUnknown, Field::Component, &codes, faults);
            }
        }
        component
    }

    /// Without an amount of its own, an award needs a standard.
    fn standard(
        &mut self,
        component: &Component,
        tag: &str,
        field: Field,
        faults: &mut Faults<'_>,
    ) {
        match self.terms.is_individual(component.id, tag) {
            Some(false) => {}
            Some(true)
                if self
                    .layout
                    .column(Field::Amount)
                    .is_some_and(|column| faults.is_marked(self.row.line(), column)) => {}
            Some(true) => self.fault(Fault::AmountMissing, Field::Amount, "", faults),
            None => {
                let tags = self.terms.tags(Some(component.id));
                let tags: Vec<&str> = tags.into_iter().collect();
                self.fault(Fault::TagUnknown, field, &tags.join("、"), faults);
            }
        }
    }

    /// The pieces of help in kind; they may be left out where the row has an amount of its own.
    fn quantity(
        &mut self,
        component: Option<&Component>,
        has_amount: bool,
        faults: &mut Faults<'_>,
    ) -> Option<Quantity> {
        let cell = self.cell(Field::Quantity, faults)?;
        let unit = component?.unit.as_str();
        match (unit, &*cell.text) {
            ("", "") => None,
            ("", _) => {
                self.wrong(Fault::QuantityForeign, &cell, &shown(&cell.text), faults);
                None
            }
            (unit, "") => {
                let follows = self.follows();
                if !has_amount && !follows {
                    self.fault(Fault::QuantityMissing, Field::Quantity, unit, faults);
                }
                None
            }
            (_, text) => {
                let quantity = match cell.is_number {
                    true => Quantity::parse(&kept_digits(text)),
                    false => Quantity::parse(text),
                };
                if quantity.is_none() {
                    self.wrong(Fault::QuantityUnread, &cell, &shown(text), faults);
                }
                quantity
            }
        }
    }

    /// 残疾等级: 1 to 4, 0 for none; `None` when nothing is said.
    fn disability(&mut self, cell: &Cell<'_>, faults: &mut Faults<'_>) -> Option<i64> {
        let grade = match cell.text.trim() {
            "" => return None,
            "无" | "0" => Some(0),
            "一级" | "1" | "1级" | "壹级" => Some(1),
            "二级" | "2" | "2级" | "贰级" => Some(2),
            "三级" | "3" | "3级" | "叁级" => Some(3),
            "四级" | "4" | "4级" | "肆级" => Some(4),
            _ => None,
        };
        if grade.is_none() {
            self.wrong(Fault::DisabilityUnread, cell, &shown(&cell.text), faults);
        }
        grade
    }

    fn amount(&mut self, cell: &Cell<'_>, faults: &mut Faults<'_>) -> Option<Fen> {
        if cell.text.is_empty() {
            return None;
        }
        let text = match cell.is_number {
            true => kept_digits(&cell.text),
            false => cell.text.to_string(),
        };
        let fault = match Fen::parse_yuan(&text) {
            Ok(amount) if amount > AMOUNT_MAX => Fault::AmountLarge,
            Ok(amount) if amount >= Fen::ZERO => return Some(amount),
            Ok(_) => Fault::AmountNegative,
            Err(_) => match text.replace(',', "").parse::<Decimal>() {
                Ok(number) if number.is_sign_negative() => Fault::AmountNegative,
                Ok(number) if number.normalize().scale() > 2 => Fault::AmountDecimals,
                _ => Fault::AmountUnread,
            },
        };
        self.wrong(fault, cell, &shown(&cell.text), faults);
        None
    }

    /// Who is paid: named in the row, or the head of household, or the person of the row.
    fn payee(&mut self, person: &Person, faults: &mut Faults<'_>) -> Payee {
        let kind = self.payee_kind(faults);
        let name = self.cell(Field::Payee, faults);
        let number = self.cell(Field::PayeeNo, faults);
        let own = Payee {
            kind: PartyKind::Person,
            name: person.name.clone(),
            number: person.identity_no.clone(),
        };
        let (Some(name), Some(number)) = (name, number) else {
            return own;
        };
        match (name.text.is_empty(), number.text.is_empty()) {
            (true, true) if kind == PartyKind::Person => self.head_of(own, faults),
            (true, _) => {
                self.wrong(Fault::PayeeHalf, &name, "", faults);
                own
            }
            (false, true) => {
                self.wrong(Fault::PayeeHalf, &number, "", faults);
                own
            }
            (false, false) => {
                let name = self.name(&name, faults);
                let number = match kind {
                    PartyKind::Institution => self.credit_code(&number, faults),
                    _ => {
                        let number = self.identity(&number, faults);
                        number.map_or_else(Box::default, |number| Box::from(number.as_str()))
                    }
                };
                Payee { kind, name, number }
            }
        }
    }

    /// 户主姓名; empty where nothing is said of it.
    fn head_name(&mut self, faults: &mut Faults<'_>) -> Box<str> {
        match self.cell(Field::HeadName, faults) {
            Some(cell) if !cell.text.is_empty() => self.name(&cell, faults),
            _ => Box::default(),
        }
    }

    /// The head of household, where the row or the one of its household names one.
    fn head_of(&mut self, own: Payee, faults: &mut Faults<'_>) -> Payee {
        let fields = if self.follows() && self.layout.column(Field::HeadName).is_none() {
            [Field::Name, Field::Identity]
        } else {
            [Field::HeadName, Field::HeadIdentity]
        };
        let columns = fields.map(|field| self.layout.column(field));
        let own_columns = [Field::Name, Field::Identity].map(|field| self.layout.column(field));
        if !self.follows() && (columns == own_columns || columns.contains(&None)) {
            return own;
        }
        let row = self.head.unwrap_or(self.row);
        let [name, number] = columns.map(|column| Cell {
            text: nfc(column.map_or("", |column| row.text(column))),
            is_number: column.is_some_and(|column| row.is_number(column)),
            column,
            is_inherited: self.head.is_some(),
        });
        if name.text.is_empty() && number.text.is_empty() {
            return own;
        }
        let name = self.name(&name, faults);
        let number = self.identity(&number, faults);
        Payee {
            kind: PartyKind::Person,
            name,
            number: number.map_or_else(Box::default, |number| Box::from(number.as_str())),
        }
    }

    fn payee_kind(&mut self, faults: &mut Faults<'_>) -> PartyKind {
        let Some(cell) = self.cell(Field::PayeeKind, faults) else {
            return PartyKind::Person;
        };
        match &*cell.text {
            "机构" | "institution" => PartyKind::Institution,
            "个人" | "person" | "" => PartyKind::Person,
            other => {
                self.wrong(Fault::PayeeKindUnknown, &cell, &shown(other), faults);
                PartyKind::Person
            }
        }
    }

    fn credit_code(&mut self, cell: &Cell<'_>, faults: &mut Faults<'_>) -> Box<str> {
        let Ok(code) = CreditCode::parse(&cell.text) else {
            self.wrong(Fault::CreditCodeForm, cell, &shown(&cell.text), faults);
            return Box::default();
        };
        if code.note().is_some() {
            self.wrong(Fault::CreditCodeCheck, cell, &shown(&cell.text), faults);
        }
        Box::from(code.as_str())
    }

    fn bank_no(&mut self, faults: &mut Faults<'_>) -> Cow<'t, str> {
        let Some(cell) = self.cell(Field::BankNo, faults) else {
            return Cow::Borrowed("");
        };
        if cell.text.is_empty() {
            return cell.text;
        }
        match BankNo::parse(&cell.text) {
            Ok(number) if number.note().is_some() => {
                self.wrong(Fault::BankNoCheck, &cell, &shown(&cell.text), faults);
            }
            Ok(_) => {}
            Err(_) => self.wrong(Fault::BankNoForm, &cell, &shown(&cell.text), faults),
        }
        cell.text
    }

    fn account(&mut self, faults: &mut Faults<'_>) -> Box<str> {
        let Some(cell) = self.cell(Field::Account, faults) else {
            return Box::default();
        };
        let masked = mask_account(&cell.text);
        if cell.column.is_none() {
            self.is_faulty = true;
        } else if cell.text.is_empty() {
            self.wrong(Fault::AccountEmpty, &cell, "", faults);
        } else if cell.is_number {
            self.wrong(Fault::NumberSpoiled, &cell, &masked, faults);
        } else if let Ok(number) = AccountNumber::parse(&cell.text) {
            if number.luhn_note().is_some() {
                self.wrong(Fault::CardCheck, &cell, &masked, faults);
            }
            return Box::from(number.as_str());
        } else {
            self.wrong(Fault::AccountForm, &cell, &masked, faults);
        }
        Box::default()
    }

    /// The members that stand in columns of their own.
    fn members(
        &mut self,
        component: Option<&Component>,
        is_individual: bool,
        faults: &mut Faults<'_>,
    ) -> Vec<Found<'t>> {
        let mut found = Vec::new();
        for member in &self.layout.members {
            let is_there = [
                member.name,
                member.identity,
                member.amount,
                member.disability,
            ];
            let mut texts = is_there
                .into_iter()
                .flatten()
                .map(|column| self.row.text(column));
            if texts.all(str::is_empty) {
                continue;
            }
            found.extend(self.member(member, component, is_individual, faults));
        }
        found
    }

    fn member(
        &mut self,
        member: &Member,
        component: Option<&Component>,
        is_individual: bool,
        faults: &mut Faults<'_>,
    ) -> Option<Found<'t>> {
        let name = self.cell_at(member.name, faults);
        let name = name.map(|cell| self.name(&cell, faults));
        let identity = self.cell_at(member.identity, faults);
        let identity = identity.and_then(|cell| self.identity(&cell, faults));
        let tag = self.cell_at(member.tag, faults)?.text;
        let disability = self.cell_at(member.disability, faults)?;
        let disability = self.disability(&disability, faults);
        let cell = self.cell_at(member.amount, faults)?;
        let is_empty = cell.text.is_empty();
        let amount = self.amount(&cell, faults);
        let is_household = component.is_some_and(|one| one.scope == Scope::Household);
        if is_household && !is_empty {
            self.wrong(Fault::HouseholdAmount, &cell, "", faults);
        } else if is_empty && is_individual && !is_household {
            let place = Cell {
                column: cell.column.or(member.name),
                ..cell
            };
            self.wrong(Fault::MemberAmount, &place, "", faults);
        } else if let (true, Some(component)) = (is_empty, component)
            && component.scope == Scope::Person
        {
            match self.terms.is_individual(component.id, &tag) {
                Some(false) => {}
                Some(true) => {
                    let place = Cell {
                        column: cell.column.or(member.name),
                        ..cell
                    };
                    self.wrong(Fault::AmountMissing, &place, "", faults);
                }
                None => {
                    let place = Cell {
                        column: member.tag.or(member.name),
                        ..cell
                    };
                    self.wrong(Fault::TagUnknown, &place, &shown(&tag), faults);
                }
            }
        }
        Some(Found {
            person: Person {
                name: name?,
                identity_no: Box::from(identity?.as_str()),
            },
            tag,
            amount,
            disability,
            column: member.name,
        })
    }
}

/// A person of a row with what is theirs alone.
struct Found<'t> {
    person: Person,
    tag: Cow<'t, str>,
    amount: Option<Fen>,
    disability: Option<i64>,
    column: Option<usize>,
}

/// Whether the cell of a field has a fault already.
fn faults_in(cells: &Cells<'_>, field: Field, faults: &Faults<'_>) -> bool {
    let column = cells.layout.column(field);
    column.is_some_and(|column| faults.is_marked(cells.row.line(), column))
}

/// What is wrong with an identity number that is none.
fn identity_fault(text: &str) -> Fault {
    let bytes = text.as_bytes();
    let (body, last) = match bytes {
        [] => return Fault::IdentityEmpty,
        [body @ .., last] if body.len() == 17 => (body, Some(*last)),
        body if body.len() == 15 => (body, None),
        _ => return Fault::IdentityForm,
    };
    let is_last = last.is_none_or(|last| last.is_ascii_digit() || b"xX".contains(&last));
    if !is_last || !body.iter().all(u8::is_ascii_digit) {
        return Fault::IdentityForm;
    }
    let born = match last {
        Some(_) => text.get(6..14).map(str::to_owned),
        None => text.get(6..12).map(|short| format!("19{short}")),
    };
    let born = born.unwrap_or_default();
    let part = |from: usize, to: usize| born.get(from..to).unwrap_or_default();
    let date = format!("{}-{}-{}", part(0, 4), part(4, 6), part(6, 8));
    match ledger::calendar::parse_date(&date) {
        Ok(date) if (1880..=2199).contains(&chrono::Datelike::year(&date)) => Fault::IdentityCheck,
        _ => Fault::IdentityBirth,
    }
}

/// A number as a spreadsheet program shows it: with the 15 digits that it keeps, so that what its
/// arithmetic leaves behind them (562.9000000000001) is no third decimal.
fn kept_digits(text: &str) -> String {
    let number = text.parse::<Decimal>().ok();
    let kept = number.and_then(|number| number.round_sf(DIGITS_KEPT));
    kept.map_or_else(|| text.to_owned(), |kept| kept.normalize().to_string())
}

/// Reads `2022-01`, `2022年1月`, `202201`, `2022.1` and dates in the month.
fn month_of(text: &str) -> Option<Month> {
    let (year, month) = match numbers(text).as_slice() {
        [year, month] | [year, month, _] => (*year, *month),
        [both] => (both / 100, both % 100),
        _ => return None,
    };
    Month::new(i32::try_from(year).ok()?, month).ok()
}

/// The whole numbers in a text.
fn numbers(text: &str) -> Vec<u32> {
    let parts = text.split(|c: char| !c.is_ascii_digit());
    parts.filter_map(|part| part.parse().ok()).collect()
}

/// Whether a character is one that only one machine knows.
fn is_private(letter: char) -> bool {
    matches!(letter, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
}

/// The beginning of a value; a number in the wrong column may still be somebody's.
fn shown(text: &str) -> String {
    let begin: String = text.chars().take(SHOWN_MAX).collect();
    super::mask_numbers(&begin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_faults() {
        for (text, fault) in [
            ("", Fault::IdentityEmpty),
            ("6108811900010199", Fault::IdentityForm),
            ("61088119000101991A", Fault::IdentityForm),
            ("61088l190001019914", Fault::IdentityForm),
            ("610881190013019914", Fault::IdentityBirth),
            ("610881000230991", Fault::IdentityBirth),
            ("610881190001019915", Fault::IdentityCheck),
        ] {
            assert_eq!(identity_fault(text), fault, "{text}");
        }
    }

    #[test]
    fn months_and_digits() {
        for (text, month) in [
            ("2022-01", Some("2022-01")),
            ("2022年1月", Some("2022-01")),
            ("202201", Some("2022-01")),
            ("2022.1", Some("2022-01")),
            ("2022-01-31", Some("2022-01")),
            ("2022-13", None),
            ("一月", None),
        ] {
            let found = month_of(text).map(|month| month.to_string());
            assert_eq!(found.as_deref(), month, "{text}");
        }
        for (text, kept) in [
            ("562.9000000000001", "562.9"),
            ("0.30000000000000004", "0.3"),
            ("100.125", "100.125"),
            ("433", "433"),
        ] {
            assert_eq!(kept_digits(text), kept);
        }
    }
}
