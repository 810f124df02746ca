//! Workbooks that go back to the officer: a roster with its faults marked, and the template.
//!
//! Every cell is text, so that no number of an account or a card loses digits when the workbook
//! is corrected and loaded again.

use std::collections::HashMap;

use anyhow::Context;
use bank_adapters::{Grid, GridSheet, Severity};
use rust_xlsxwriter::{
    Color, DataValidation, DocProperties, ExcelDateTime, Format, Formula, Note, Workbook, Worksheet,
};

use super::fault::{Fault, Marked};
use super::headings::Field;
use super::row::EXAMPLE;
use super::sheet::Terms;
use crate::app::Error;

/// The sheet that lists all faults.
pub(super) const LIST: &str = "错误清单";
/// The sheet of the template's choices.
pub(super) const CHOICES: &str = "选项";
/// The last row of a sheet, counted from 0.
const ROW_LAST: u32 = 1_048_575;
/// Rows of the template that offer choices.
const TEMPLATE_ROWS: u32 = 50_000;
/// Characters of one cell that are copied; no field is as long.
const COPIED_MAX: usize = 2_000;
/// The colours by which spreadsheet programs show bad and neutral cells.
const RED: u32 = 0x00FF_C7CE;
const YELLOW: u32 = 0x00FF_EB9C;

/// The marks of one sheet by row and column, counted from 0.
type Marks<'m> = HashMap<(u32, u16), Vec<&'m Marked>>;

/// A copy of the rows with the faulty cells coloured and a note on each, and a sheet that lists
/// the faults. Notes that do not block are yellow, faults red.
pub(super) fn marked(grid: &Grid<'_>, marks: &[Marked]) -> Result<Vec<u8>, Error> {
    let mut workbook = empty()?;
    for (place, sheet) in grid.sheets.iter().enumerate() {
        if sheet.name == LIST {
            continue;
        }
        let of_sheet = marks.iter().filter(|marked| marked.sheet == place);
        let mut cells: Marks<'_> = HashMap::new();
        for marked in of_sheet {
            let row = marked.finding.place.row.unwrap_or(1).saturating_sub(1);
            let row = u32::try_from(row).unwrap_or(ROW_LAST).min(ROW_LAST);
            let column = u16::try_from(marked.column.unwrap_or_default()).unwrap_or_default();
            cells.entry((row, column)).or_default().push(marked);
        }
        let name = if sheet.name.is_empty() {
            "花名册"
        } else {
            &sheet.name
        };
        let page = workbook.add_worksheet();
        page.set_name(name).context("workbook")?;
        copy(page, sheet, &cells).context("workbook")?;
    }
    let page = workbook.add_worksheet();
    page.set_name(LIST).context("workbook")?;
    list(page, marks).context("workbook")?;
    Ok(workbook.save_to_buffer().context("workbook")?)
}

/// A workbook that is the same whenever it is made.
fn empty() -> anyhow::Result<Workbook> {
    let mut workbook = Workbook::new();
    let created = ExcelDateTime::from_ymd(2000, 1, 1)?;
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&created));
    Ok(workbook)
}

fn copy(page: &mut Worksheet, sheet: &GridSheet<'_>, marks: &Marks<'_>) -> anyhow::Result<()> {
    let text = Format::new().set_num_format("@");
    let [red, yellow] = [RED, YELLOW].map(|rgb| text.clone().set_background_color(Color::RGB(rgb)));
    let spoiled = Fault::NumberSpoiled.code();
    for row in sheet.rows() {
        let Some(line) = row
            .line()
            .checked_sub(1)
            .and_then(|line| u32::try_from(line).ok())
        else {
            continue;
        };
        if line > ROW_LAST {
            break;
        }
        for column in 0..row.width() {
            let place = u16::try_from(column)?;
            let found = marks.get(&(line, place));
            let is_spoiled =
                found.is_some_and(|found| found.iter().any(|one| one.finding.code == spoiled));
            let copied: String = row.text(column).chars().take(COPIED_MAX).collect();
            // What a number has lost must not pass for a number again.
            let copied = if is_spoiled {
                format!("≈{copied}")
            } else {
                copied
            };
            if found.is_none() && !copied.is_empty() {
                page.write_string_with_format(line, place, copied, &text)?;
            } else if let Some(found) = found {
                let format = if blocks(found) { &red } else { &yellow };
                page.write_string_with_format(line, place, copied, format)?;
            }
        }
    }
    for ((line, place), found) in sorted(marks) {
        let filled = sheet_width(sheet, line) > usize::from(place);
        if !filled {
            let format = if blocks(found) { &red } else { &yellow };
            page.write_blank(line, place, format)?;
        }
        let words: Vec<String> = found
            .iter()
            .map(|one| format!("{} {}", one.finding.code, one.finding.zh))
            .collect();
        let note = Note::new(words.join("\n")).add_author_prefix(false);
        page.insert_note(line, place, &note.set_width(260))?;
    }
    Ok(())
}

fn blocks(found: &[&Marked]) -> bool {
    found
        .iter()
        .any(|one| one.finding.severity == Severity::Blocking)
}

fn sorted<'a, 'm>(marks: &'a Marks<'m>) -> Vec<((u32, u16), &'a Vec<&'m Marked>)> {
    let mut all: Vec<_> = marks.iter().map(|(place, found)| (*place, found)).collect();
    all.sort_by_key(|(place, _)| *place);
    all
}

/// Cells of the row at a line, counted from 0.
fn sheet_width(sheet: &GridSheet<'_>, line: u32) -> usize {
    sheet
        .row_at(u64::from(line) + 1)
        .map_or(0, |row| row.width())
}

/// All faults, one a row, values masked.
fn list(page: &mut Worksheet, marks: &[Marked]) -> anyhow::Result<()> {
    let bold = Format::new().set_bold();
    let heads = [
        ("序号", 6),
        ("工作表", 14),
        ("行", 8),
        ("列", 16),
        ("值", 24),
        ("代码", 12),
        ("轻重", 8),
        ("说明与改法", 70),
        ("what to do", 70),
    ];
    for (column, (head, width)) in (0..).zip(heads) {
        page.write_string_with_format(0, column, head, &bold)?;
        page.set_column_width(column, width)?;
    }
    for (number, marked) in (1..).zip(marks) {
        let finding = &marked.finding;
        let place = &finding.place;
        let is_blocking = finding.severity == Severity::Blocking;
        let cells = [
            number.to_string(),
            place.sheet.clone().unwrap_or_default(),
            place.row.map_or_else(String::new, |row| row.to_string()),
            place.column.clone().unwrap_or_default(),
            place.value.clone().unwrap_or_default(),
            finding.code.to_owned(),
            if is_blocking { "错误" } else { "提示" }.to_owned(),
            finding.zh.clone(),
            finding.en.clone(),
        ];
        for (column, cell) in (0..).zip(cells) {
            page.write_string(number, column, cell)?;
        }
    }
    page.set_freeze_panes(1, 0)?;
    Ok(())
}

/// The columns of the template, with what stands on each heading's note and in the example row.
const COLUMNS: [(Field, &str, &str); 19] = [
    (Field::FileNo, "必填。档案、电脑、审批用同一个号", EXAMPLE),
    (Field::Township, "必填", "示例镇"),
    (Field::Village, "", "示例村"),
    (Field::Name, "必填。与身份证一致,间隔号用“·”", "示例甲"),
    (
        Field::Identity,
        "必填。18 位或 15 位,按文本填写",
        "610881190001019914",
    ),
    (
        Field::Relation,
        "户主、配偶、子女等。成员可接在户主行之下,档案号、收款人、账号留空",
        "户主",
    ),
    (
        Field::Component,
        "必填(只有一个项目时可不填)。填代码或名称",
        "",
    ),
    (Field::Tag, "按标准的类别填写,没有则留空", ""),
    (Field::Income, "元,至多两位小数。补差项目须填", "0.00"),
    (Field::Amount, "元,至多两位小数。不填则按标准计算", ""),
    (Field::Basis, "填了核定金额就须写依据", ""),
    (Field::Payee, "不填则发给户主或本人", ""),
    (Field::PayeeNo, "身份证号,机构填统一社会信用代码", ""),
    (Field::PayeeKind, "个人或机构,不填为个人", "个人"),
    (Field::Bank, "", "示例银行测试支行"),
    (Field::BankNo, "12 位,可不填", ""),
    (
        Field::Account,
        "必填。按文本填写,中间无空格",
        "6228481234567890128",
    ),
    (Field::Quantity, "按件计的项目填写,至多三位小数", ""),
    (
        Field::Disability,
        "一级至四级,没有填“无”;不填则沿用原有登记",
        "",
    ),
];

/// The template of a program: headings with notes, choices, text cells, and an example row that
/// an import leaves out.
pub(super) fn template(name: &str, terms: &Terms) -> Result<Vec<u8>, Error> {
    let mut workbook = empty()?;
    let page = workbook.add_worksheet();
    page.set_name("花名册").context("workbook")?;
    headings(page, terms).context("workbook")?;
    let choices = choices(terms);
    for (place, (field, words)) in choices.iter().enumerate() {
        choose(page, *field, place, words.len()).context("workbook")?;
    }
    let page = workbook.add_worksheet();
    page.set_name(CHOICES).context("workbook")?;
    page.write_string(0, 0, format!("{name}:可填的内容"))
        .context("workbook")?;
    for (place, (field, words)) in (0..).zip(&choices) {
        page.write_string(1, place, field.heading())
            .context("workbook")?;
        for (line, word) in (2..).zip(words) {
            page.write_string(line, place, word).context("workbook")?;
        }
    }
    Ok(workbook.save_to_buffer().context("workbook")?)
}

fn headings(page: &mut Worksheet, terms: &Terms) -> anyhow::Result<()> {
    let text = Format::new().set_num_format("@");
    let bold = Format::new()
        .set_bold()
        .set_background_color(Color::RGB(0x00DD_EBF7));
    let grey = text.clone().set_font_color(Color::RGB(0x0080_8080));
    for (place, (field, note, example)) in (0..).zip(COLUMNS) {
        page.set_column_format(place, &text)?;
        page.set_column_width(place, 18)?;
        page.write_string_with_format(0, place, field.heading(), &bold)?;
        if !note.is_empty() {
            let note = Note::new(note).add_author_prefix(false);
            page.insert_note(0, place, &note)?;
        }
        let example = match field {
            Field::Component => terms.components.first().map_or("", |first| &first.code),
            _ => example,
        };
        page.write_string_with_format(1, place, example, &grey)?;
    }
    page.set_freeze_panes(1, 0)?;
    Ok(())
}

fn choices(terms: &Terms) -> Vec<(Field, Vec<String>)> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let relations = [
        "户主", "配偶", "子", "女", "父", "母", "孙子", "孙女", "祖父", "祖母", "兄弟", "姐妹",
        "其他",
    ];
    let tags: Vec<&str> = terms.tags(None).into_iter().collect();
    let codes: Vec<&str> = terms
        .components
        .iter()
        .map(|one| one.code.as_str())
        .collect();
    let all = vec![
        (Field::Relation, words(&relations)),
        (Field::Component, words(&codes)),
        (Field::Tag, words(&tags)),
        (Field::PayeeKind, words(&["个人", "机构"])),
        (
            Field::Disability,
            words(&["一级", "二级", "三级", "四级", "无"]),
        ),
    ];
    all.into_iter()
        .filter(|(_, words): &(Field, Vec<String>)| !words.is_empty())
        .collect()
}

/// A column takes what a column of the choices lists.
fn choose(page: &mut Worksheet, field: Field, place: usize, count: usize) -> anyhow::Result<()> {
    let found = COLUMNS.iter().position(|(known, ..)| *known == field);
    let Some(column) = found.and_then(|column| u16::try_from(column).ok()) else {
        return Ok(());
    };
    let letter = char::from(b'A'.saturating_add(u8::try_from(place)?));
    let list = Formula::new(format!("={CHOICES}!${letter}$3:${letter}${}", count + 2));
    let rule = DataValidation::new()
        .allow_list_formula(list)
        .set_error_title("请从列表中选择")?
        .set_error_message("此列只能填“选项”页中列出的内容")?;
    page.add_data_validation(1, column, TEMPLATE_ROWS, column, &rule)?;
    Ok(())
}
