//! Policy as a workbook: nine sheets with Chinese headings, the same rows as the TOML file has.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::Context;
use calamine::{DataRef, Reader, Xlsx};
use ledger::disbursement::approval::ApprovalLevel;
use ledger::disbursement::publication::DayUnit;
use ledger::problem::{Kind, Place, Problem};
use ledger::program::Cadence;
use ledger::program::eligibility::{AgeOn, Effect, Sex};
use rust_xlsxwriter::{DataValidation, DocProperties, ExcelDateTime, Format, Workbook, Worksheet};

use super::check::Faults;
use super::draft::{
    Cell, ComponentRow, Draft, EligibilityRow, FundingRow, LimitRow, PaymentDayRow, ProgramRow,
    PublicationRow, ReferenceRow, StandardRow,
};
use super::words;
use crate::app::Error;

const PROGRAMS: (&str, [&str; 4]) = ("项目", ["项目代码", "项目名称", "功能科目", "说明"]);
const COMPONENTS: (&str, [&str; 7]) = (
    "组成",
    [
        "项目代码",
        "组成代码",
        "组成名称",
        "发放对象",
        "发放月份",
        "计量单位",
        "经济科目",
    ],
);
const STANDARDS: (&str, [&str; 11]) = (
    "标准",
    [
        "项目代码",
        "组成代码",
        "类别",
        "类别说明",
        "起始月份",
        "计算方式",
        "标准(元)",
        "参照额代码",
        "比例",
        "取整方式",
        "文号",
    ],
);
const REFERENCES: (&str, [&str; 5]) = (
    "参照额",
    ["参照额代码", "参照额名称", "起始月份", "金额(元)", "文号"],
);
const FUNDINGS: (&str, [&str; 4]) = ("资金", ["项目代码", "支付账户", "级次", "份额"]);
const PAYMENT_DAYS: (&str, [&str; 4]) = ("发放日", ["项目代码", "起始月份", "发放日", "文号"]);
const ELIGIBILITY: (&str, [&str; 11]) = (
    "资格条件",
    [
        "项目代码",
        "组成代码",
        "起始月份",
        "作用",
        "类别",
        "年龄起",
        "年龄止",
        "年龄计算日",
        "性别",
        "残疾等级",
        "文号",
    ],
);
const PUBLICATIONS: (&str, [&str; 4]) = ("公示", ["项目代码", "公示天数", "天数单位", "文号"]);
/// Columns that came later: a workbook made before them is read without.
const OPTIONAL: [&str; 3] = ["计量单位", "经济科目", "天数单位"];
const LIMITS: (&str, [&str; 6]) = (
    "审批限额",
    [
        "项目代码",
        "审批级别",
        "起始月份",
        "单笔限额(元)",
        "批次限额(元)",
        "文号",
    ],
);
/// A sheet for people, which is not read.
const NOTES: &str = "填写说明";

/// Rows and columns that a sheet may reach, and bytes of all its cells.
const ROWS_MAX: u32 = 20_000;
const COLUMNS_MAX: u32 = 64;
const BYTES_MAX: usize = 8 << 20;
/// Rows of the template that offer the closed lists.
const OFFERED_ROWS: u32 = 1_000;

/// The cells of a sheet by row and column, from 0.
type Grid = BTreeMap<u32, BTreeMap<u32, String>>;

/// Whether the bytes begin as a workbook does.
pub(super) fn is_workbook(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// Reads a workbook. Faults of its form are added; the rows that could be read are given.
pub(super) fn of_workbook(file: &str, bytes: &[u8], faults: &mut Faults) -> Draft {
    let hostile = bank_adapters::check_workbook(bytes).err();
    let read = || read_sheets(bytes).map_err(|error| format!("{error:#}"));
    // The reader of workbooks can overflow on broken references; that is a broken workbook.
    let read = hostile.map_or_else(
        || catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("工作簿损坏 broken".into())),
        Err,
    );
    let sheets = match read {
        Ok(sheets) => sheets,
        Err(detail) => {
            faults.add(
                Problem::new(Kind::FieldInvalid)
                    .with("field", "工作簿 workbook")
                    .with("value", detail)
                    .with(
                        "wanted",
                        "没有加密和宏的 .xlsx an .xlsx without password and macros",
                    )
                    .at(Place {
                        file: Some(file.to_owned()),
                        ..Place::default()
                    }),
            );
            return Draft::default();
        }
    };
    let mut reader = Sheets {
        file,
        sheets,
        faults,
    };
    reader.draft()
}

fn read_sheets(bytes: &[u8]) -> anyhow::Result<BTreeMap<String, Grid>> {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes))?;
    let mut sheets = BTreeMap::new();
    let mut bytes_total = 0_usize;
    for name in workbook.sheet_names() {
        let mut grid = Grid::new();
        let mut cells = workbook.worksheet_cells_reader(&name)?;
        while let Some(cell) = cells.next_cell()? {
            let (row, column) = cell.get_position();
            let text = text_of(cell.get_value());
            if text.is_empty() {
                continue;
            }
            bytes_total = bytes_total.saturating_add(text.len());
            anyhow::ensure!(
                row < ROWS_MAX && column < COLUMNS_MAX && bytes_total < BYTES_MAX,
                "太大 too large: {name} {}",
                row.saturating_add(1)
            );
            grid.entry(row).or_default().insert(column, text);
        }
        sheets.insert(name, grid);
    }
    Ok(sheets)
}

/// The text of a cell; a number in the shortest form, a date as its month.
fn text_of(value: &DataRef<'_>) -> String {
    match value {
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.trim().to_owned()
        }
        DataRef::SharedString(text) => text.trim().to_owned(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(flag) => flag.to_string(),
        DataRef::DateTime(date) => {
            let (year, month, ..) = date.to_ymd_hms_milli();
            format!("{year:04}-{month:02}")
        }
        DataRef::Error(error) => error.to_string(),
        DataRef::Empty => String::new(),
    }
}

/// A workbook that is being read.
struct Sheets<'a> {
    file: &'a str,
    sheets: BTreeMap<String, Grid>,
    faults: &'a mut Faults,
}

impl Sheets<'_> {
    fn draft(&mut self) -> Draft {
        let known = [
            PROGRAMS.0,
            COMPONENTS.0,
            STANDARDS.0,
            REFERENCES.0,
            FUNDINGS.0,
            PAYMENT_DAYS.0,
            ELIGIBILITY.0,
            PUBLICATIONS.0,
            LIMITS.0,
        ];
        let names: Vec<String> = self.sheets.keys().cloned().collect();
        for name in names.iter().filter(|name| name.as_str() != NOTES) {
            if !known.contains(&name.as_str()) {
                let cell = Cell {
                    text: name.clone(),
                    place: self.place(name, 0, "工作表 sheet"),
                };
                self.faults.invalid(&cell, &known.join("、"));
            }
        }
        if !names.iter().any(|name| known.contains(&name.as_str())) {
            let place = self.place("", 0, "");
            self.faults
                .missing("工作表 sheet", &known.join("、"), &place);
        }
        let programs = self.rows(PROGRAMS).into_iter();
        let components = self.rows(COMPONENTS).into_iter();
        let standards = self.rows(STANDARDS).into_iter();
        let references = self.rows(REFERENCES).into_iter();
        let fundings = self.rows(FUNDINGS).into_iter();
        let payment_days = self.rows(PAYMENT_DAYS).into_iter();
        let eligibility = self.rows(ELIGIBILITY).into_iter();
        let publications = self.rows(PUBLICATIONS).into_iter();
        let limits = self.rows(LIMITS).into_iter();
        Draft {
            programs: programs.map(program).collect(),
            components: components.map(component).collect(),
            standards: standards.map(standard).collect(),
            references: references.map(reference).collect(),
            fundings: fundings.map(funding).collect(),
            payment_days: payment_days.map(payment_day).collect(),
            eligibility: eligibility.map(condition).collect(),
            publications: publications.map(publication).collect(),
            limits: limits.map(limit).collect(),
            ..Draft::default()
        }
    }

    fn place(&self, sheet: &str, row: u32, column: &str) -> Place {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Place {
            file: Some(self.file.to_owned()),
            sheet: given(sheet),
            row: (row > 0).then_some(u64::from(row)),
            column: given(column),
            ..Place::default()
        }
    }

    /// The rows under the headings, which may stand in any order; a sheet that is not there has
    /// none.
    fn rows<const N: usize>(&mut self, (sheet, headings): (&str, [&str; N])) -> Vec<[Cell; N]> {
        let mut grid = self.sheets.remove(sheet).unwrap_or_default();
        let Some((head, found)) = grid.pop_first() else {
            return Vec::new();
        };
        let line = head.saturating_add(1);
        for text in found.values() {
            if !headings.contains(&text.as_str()) {
                let place = self.place(sheet, line, text);
                let text = text.clone();
                self.faults
                    .invalid(&Cell { text, place }, &headings.join("、"));
            }
        }
        let columns = headings.map(|heading| {
            let at = found.iter().find(|(_, text)| text.as_str() == heading);
            at.map(|(column, _)| *column)
        });
        for (heading, column) in headings.iter().zip(columns) {
            if column.is_none() && !OPTIONAL.contains(heading) {
                let place = self.place(sheet, line, heading);
                self.faults.missing("列 column", heading, &place);
            }
        }
        let whole = |(heading, column): (&&str, Option<u32>)| {
            column.is_some() || OPTIONAL.contains(heading)
        };
        if !headings.iter().zip(columns).all(whole) {
            return Vec::new();
        }
        let mut rows = Vec::with_capacity(grid.len());
        for (row, cells) in grid {
            let mut places = headings.iter().zip(columns);
            rows.push(std::array::from_fn(|_| {
                let Some((heading, column)) = places.next() else {
                    return Cell::default();
                };
                let text = column.and_then(|column| cells.get(&column));
                let text = text.cloned().unwrap_or_default();
                let mut place = self.place(sheet, row.saturating_add(1), heading);
                place.value = (!text.is_empty()).then(|| text.clone());
                Cell { text, place }
            }));
        }
        rows
    }
}

fn program([code, name, function_code, note]: [Cell; 4]) -> ProgramRow {
    ProgramRow {
        code,
        name,
        function_code,
        note,
    }
}

fn component(cells: [Cell; 7]) -> ComponentRow {
    let [program, code, name, scope, months, unit, economic_code] = cells;
    ComponentRow {
        program,
        code,
        name,
        scope,
        months,
        unit,
        economic_code,
    }
}

fn standard(cells: [Cell; 11]) -> StandardRow {
    let [program, component, tag, note, from, formula, rest @ ..] = cells;
    let [amount, of, rate, rounding, document] = rest;
    StandardRow {
        program,
        component,
        tag,
        note,
        from,
        formula,
        amount,
        of,
        rate,
        rounding,
        document,
    }
}

fn reference([code, note, from, amount, document]: [Cell; 5]) -> ReferenceRow {
    ReferenceRow {
        code,
        note,
        from,
        amount,
        document,
    }
}

fn funding([program, bank_account, level, parts]: [Cell; 4]) -> FundingRow {
    FundingRow {
        program,
        bank_account,
        level,
        parts,
    }
}

fn payment_day([program, from, day, document]: [Cell; 4]) -> PaymentDayRow {
    PaymentDayRow {
        program,
        from,
        day,
        document,
    }
}

fn condition(cells: [Cell; 11]) -> EligibilityRow {
    let [program, component, from, effect, tag, rest @ ..] = cells;
    let [age_from, age_to, age_on, sex, disability, document] = rest;
    EligibilityRow {
        program,
        component,
        from,
        effect,
        tag,
        age_from,
        age_to,
        age_on,
        sex,
        disability,
        document,
    }
}

fn publication([program, days, unit, document]: [Cell; 4]) -> PublicationRow {
    PublicationRow {
        program,
        days,
        unit,
        document,
    }
}

fn limit([program, level, from, payment, run, document]: [Cell; 6]) -> LimitRow {
    LimitRow {
        program,
        level,
        from,
        payment,
        run,
        document,
    }
}

/// A workbook of these rows, or an empty one. The same rows give the same bytes.
///
/// # Errors
/// Accidents of the writer.
pub(super) fn workbook(draft: &Draft) -> Result<Vec<u8>, Error> {
    Ok(written(draft).context("workbook")?)
}

fn written(draft: &Draft) -> anyhow::Result<Vec<u8>> {
    let mut book = Workbook::new();
    let created = ExcelDateTime::from_ymd(2000, 1, 1)?;
    book.set_properties(&DocProperties::new().set_creation_datetime(&created));
    let programs = draft.programs.iter();
    let rows = programs.map(|row| [&row.code, &row.name, &row.function_code, &row.note].map(text));
    fill(book.add_worksheet(), PROGRAMS, rows.collect())?;
    let rows = draft.components.iter().map(component_texts).collect();
    let sheet = fill(book.add_worksheet(), COMPONENTS, rows)?;
    offer(sheet, 3, &["按人", "按户"])?;
    let rows = draft.standards.iter().map(standard_texts).collect();
    let sheet = fill(book.add_worksheet(), STANDARDS, rows)?;
    offer(sheet, 5, &words::FORMULAS.map(|(_, name)| name))?;
    offer(sheet, 9, &words::ROUNDINGS.map(|(_, name)| name))?;
    let references = draft.references.iter();
    let rows = references
        .map(|row| [&row.code, &row.note, &row.from, &row.amount, &row.document].map(text));
    fill(book.add_worksheet(), REFERENCES, rows.collect())?;
    let rows = draft.fundings.iter().map(|row| {
        let level = words::level(&row.level.text).map_or("", |level| level.name());
        let [program, account, parts] = [&row.program, &row.bank_account, &row.parts].map(text);
        [program, account, level.to_owned(), parts]
    });
    let sheet = fill(book.add_worksheet(), FUNDINGS, rows.collect())?;
    offer(sheet, 2, &["中央", "省级", "市级", "县级", "捐赠"])?;
    let rows = draft.payment_days.iter();
    let rows = rows.map(|row| [&row.program, &row.from, &row.day, &row.document].map(text));
    fill(book.add_worksheet(), PAYMENT_DAYS, rows.collect())?;
    let rows = draft.eligibility.iter().map(condition_texts).collect();
    let sheet = fill(book.add_worksheet(), ELIGIBILITY, rows)?;
    offer(sheet, 3, &named(Effect::ALL, Effect::name))?;
    offer(sheet, 7, &named(AgeOn::ALL, AgeOn::name))?;
    offer(sheet, 8, &named(Sex::ALL, Sex::name))?;
    let rows = draft.publications.iter();
    let rows = rows.map(|row| {
        let unit = named_as(&row.unit.text, DayUnit::from_code, DayUnit::name);
        let [program, days, document] = [&row.program, &row.days, &row.document].map(text);
        [program, days, unit, document]
    });
    let sheet = fill(book.add_worksheet(), PUBLICATIONS, rows.collect())?;
    offer(sheet, 2, &named(DayUnit::ALL, DayUnit::name))?;
    let rows = draft.limits.iter().map(limit_texts).collect();
    let sheet = fill(book.add_worksheet(), LIMITS, rows)?;
    offer(sheet, 1, &named(ApprovalLevel::ALL, ApprovalLevel::name))?;
    let sheet = book.add_worksheet();
    sheet.set_name(NOTES)?;
    sheet.set_column_width(0, 100)?;
    for (row, line) in (0..).zip(EXPLAINED) {
        sheet.write_string(row, 0, *line)?;
    }
    Ok(book.save_to_buffer()?)
}

const EXPLAINED: &[&str] = &[
    "第一行是表头,列可换序,不可改名。本表只作说明,不导入。",
    "起始月份写 2023-01;同一类别的新标准写新的起始月份,旧标准保留。",
    "发放月份写 1-12、11、4-10、1,11 或 一次。",
    "计算方式:定额、补差填标准;按比例填参照额代码、比例、取整方式;逐人核定都不填。",
    "比例写 1.3 或 15%。每条标准和参照额都要有文号。",
    "计量单位:按件计的实物填写(吨、本),其标准即单价;经济科目印在三联单上。",
    "发放日:每月几日前发放到人;没有则为 10 日。",
    "资格条件:作用为“定档”时按年龄、残疾等级给出类别;“必须符合”“应当符合”用于校验。",
    "残疾等级写 1-2;年龄按周岁,起止都含。同一组成同一起始月份的条件是一组。",
    "公示:天数自首日起连首尾计;0 为不公示;单位不填为日历日。审批限额:批次限额留空为只限单笔。",
    "资金:一行一级,份额为正整数;级次和份额留空为按指标顺序使用;支付账户可留空,导入时再指定。",
];

fn text(cell: &Cell) -> String {
    cell.text.clone()
}

/// The Chinese names of a closed list.
fn named<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|one| name(*one)).collect()
}

/// The Chinese name of a code; what is no code stays as it is.
fn named_as<T>(
    text: &str,
    from_code: fn(&str) -> Option<T>,
    name: fn(T) -> &'static str,
) -> String {
    from_code(text).map_or_else(|| text.to_owned(), |one| name(one).to_owned())
}

fn condition_texts(row: &EligibilityRow) -> [String; 11] {
    [
        row.program.text.clone(),
        row.component.text.clone(),
        row.from.text.clone(),
        named_as(&row.effect.text, Effect::from_code, Effect::name),
        row.tag.text.clone(),
        row.age_from.text.clone(),
        row.age_to.text.clone(),
        named_as(&row.age_on.text, AgeOn::from_code, AgeOn::name),
        named_as(&row.sex.text, Sex::from_code, Sex::name),
        row.disability.text.clone(),
        row.document.text.clone(),
    ]
}

fn component_texts(row: &ComponentRow) -> [String; 7] {
    let scope = words::scope(&row.scope.text).map_or("", |scope| scope.name());
    let months = match words::months(&row.months.text) {
        Some(Cadence::Once) => words::ONCE.to_owned(),
        _ => row.months.text.clone(),
    };
    let [program, code, name] = [&row.program, &row.code, &row.name].map(text);
    let [unit, economic_code] = [&row.unit, &row.economic_code].map(text);
    [
        program,
        code,
        name,
        scope.to_owned(),
        months,
        unit,
        economic_code,
    ]
}

fn limit_texts(row: &LimitRow) -> [String; 6] {
    let level = words::approval_level(&row.level.text).map_or("", |level| level.name());
    let cells = [
        &row.program,
        &row.level,
        &row.from,
        &row.payment,
        &row.run,
        &row.document,
    ];
    let mut texts = cells.map(text);
    level.clone_into(&mut texts[1]);
    texts
}

fn standard_texts(row: &StandardRow) -> [String; 11] {
    let formula = words::FORMULAS
        .iter()
        .find(|(code, _)| Some(*code) == words::formula(&row.formula.text));
    let rounding = words::ROUNDINGS
        .iter()
        .find(|(rounding, _)| Some(*rounding) == words::rounding(&row.rounding.text));
    let mut texts = [
        &row.program,
        &row.component,
        &row.tag,
        &row.note,
        &row.from,
        &row.formula,
        &row.amount,
        &row.of,
        &row.rate,
        &row.rounding,
        &row.document,
    ]
    .map(text);
    let names = [
        (5, formula.map(|(_, name)| *name)),
        (9, rounding.map(|(_, name)| *name)),
    ];
    for (place, name) in names {
        if let (Some(text), Some(name)) = (texts.get_mut(place), name) {
            name.clone_into(text);
        }
    }
    texts
}

fn fill<'a, const N: usize>(
    sheet: &'a mut Worksheet,
    (name, headings): (&str, [&str; N]),
    rows: Vec<[String; N]>,
) -> anyhow::Result<&'a mut Worksheet> {
    let bold = Format::new().set_bold();
    sheet.set_name(name)?;
    for (column, heading) in (0..).zip(headings) {
        sheet.write_string_with_format(0, column, heading, &bold)?;
        sheet.set_column_width(column, 18)?;
    }
    for (line, row) in (1..).zip(rows) {
        for (column, text) in (0..).zip(row) {
            if !text.is_empty() {
                sheet.write_string(line, column, text)?;
            }
        }
    }
    sheet.set_freeze_panes(1, 0)?;
    Ok(sheet)
}

fn offer(sheet: &mut Worksheet, column: u16, list: &[&str]) -> anyhow::Result<()> {
    let list = DataValidation::new().allow_list_strings(list)?;
    sheet.add_data_validation(1, column, OFFERED_ROWS, column, &list)?;
    Ok(())
}
