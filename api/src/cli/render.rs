//! Answers and tables as text that aligns, also with Chinese characters.

use comfy_table::{CellAlignment, LineStyle, TableStyle};
use ledger::money::Fen;
use ledger::problem::Language;
use serde_json::{Map, Value};

use super::failure::printable;
use super::labels;
use crate::app::view::{Table, words};

/// What stands for nothing.
const NOTHING: &str = "—";

/// Tables one under the other, each with its title.
pub(crate) fn tables(tables: &[Table], language: Language) -> String {
    let texts: Vec<String> = tables.iter().map(|shown| table(shown, language)).collect();
    texts.join("\n")
}

fn table(shown: &Table, language: Language) -> String {
    let mut text = String::new();
    let title = shown.title.get(language);
    if !title.is_empty() {
        text = format!("{}\n", printable(title));
    }
    if shown.columns.is_empty() {
        return text;
    }
    let mut grid = comfy_table::Table::new();
    // ASCII: a terminal may draw the lines of other sets one or two columns wide.
    let line = LineStyle::none().fill('-').junction('-');
    grid.load_style(TableStyle::new().header_separator(line));
    grid.set_header(
        shown
            .columns
            .iter()
            .map(|column| printable(column.head.get(language))),
    );
    for row in &shown.rows {
        grid.add_row(row.iter().map(|cell| printable(cell)));
    }
    for (index, column) in shown.columns.iter().enumerate() {
        if let Some(place) = grid.column_mut(index) {
            place.set_padding((0, 1));
            if column.right {
                place.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    for line in grid.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if shown.rows.is_empty() {
        text.push_str(match language {
            Language::Zh => "(无)\n",
            Language::En => "(none)\n",
        });
    }
    text
}

/// An answer as lines `name: value`.
pub(crate) fn answer(answer: &Value, language: Language) -> String {
    pairs(answer, language)
        .iter()
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect()
}

/// An answer as a table of two columns.
pub(crate) fn answer_table(answer: &Value, language: Language) -> Table {
    let mut table = Table::new(
        words("", ""),
        &[("项目", "field", false), ("内容", "value", false)],
    );
    for (name, value) in pairs(answer, language) {
        table.row([name.trim_start().to_owned(), value]);
    }
    table
}

/// Names and values in the order of the answer. Lists of objects follow their count, indented.
fn pairs(answer: &Value, language: Language) -> Vec<(String, String)> {
    let Value::Object(fields) = answer else {
        return match answer {
            Value::Null => Vec::new(),
            other => vec![(labels::label("answer", language), one("", other, language))],
        };
    };
    let mut list = Vec::new();
    for (field, value) in fields {
        let name = labels::label(field, language);
        match value {
            Value::Array(items) if items.iter().any(Value::is_object) => {
                list.push((name, items.len().to_string()));
                let items = items.iter().enumerate();
                list.extend(
                    items.map(|(index, item)| {
                        (format!("  {}", index + 1), one(field, item, language))
                    }),
                );
            }
            _ => list.push((name, one(field, value, language))),
        }
    }
    list
}

/// A value on one line.
fn one(field: &str, value: &Value, language: Language) -> String {
    match (value, language) {
        (Value::Null, _) => NOTHING.to_owned(),
        (Value::Bool(true), Language::Zh) => "是".to_owned(),
        (Value::Bool(false), Language::Zh) => "否".to_owned(),
        (Value::Bool(true), Language::En) => "yes".to_owned(),
        (Value::Bool(false), Language::En) => "no".to_owned(),
        (Value::Number(number), _) => match number.as_i64().filter(|_| labels::is_money(field)) {
            Some(fen) => Fen::new(fen).grouped(),
            None => number.to_string(),
        },
        (Value::String(text), _) => printable(labels::value(field, text, language)),
        (Value::Array(items), _) if items.is_empty() => NOTHING.to_owned(),
        (Value::Array(items), _) => {
            let between = if language == Language::Zh {
                "、"
            } else {
                ", "
            };
            let texts: Vec<String> = items
                .iter()
                .map(|item| one(field, item, language))
                .collect();
            texts.join(between)
        }
        (Value::Object(fields), _) => object(field, fields, language),
    }
}

/// An object on one line; a rate as paid of attempted.
fn object(field: &str, fields: &Map<String, Value>, language: Language) -> String {
    if let (2, Some(paid), Some(attempted)) =
        (fields.len(), fields.get("paid"), fields.get("attempted"))
    {
        return format!(
            "{} / {}",
            one(field, paid, language),
            one(field, attempted, language)
        );
    }
    let texts: Vec<String> = fields
        .iter()
        .map(|(name, value)| {
            format!(
                "{} {}",
                labels::label(name, language),
                one(name, value, language)
            )
        })
        .collect();
    texts.join(if language == Language::Zh { "," } else { ", " })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(
            words("按项目", "by program"),
            &[
                ("项目", "program", false),
                ("笔数", "count", true),
                ("金额(元)", "yuan", true),
            ],
        );
        table.row(["城市低保".into(), "1,234".into(), "46,260,302.00".into()]);
        table.row(["rural-tekun".into(), "5".into(), "-0.50".into()]);
        table
    }

    #[test]
    fn tables_align_with_chinese_characters() {
        assert_eq!(
            tables(&[sample()], Language::Zh),
            "按项目\n\
             项目          笔数       金额(元)\n\
             ----------------------------------\n\
             城市低保     1,234  46,260,302.00\n\
             rural-tekun      5          -0.50\n"
        );
    }

    #[test]
    fn an_empty_table_says_so() {
        let mut empty = sample();
        empty.rows.clear();
        let text = tables(&[empty.clone(), empty], Language::En);
        assert_eq!(text.matches("(none)\n").count(), 2, "{text}");
        assert!(text.contains("(none)\n\nby program"), "{text}");
    }

    #[test]
    fn cells_do_not_break_the_table() {
        let mut odd = sample();
        odd.rows = vec![vec!["示例\n甲".into(), "\u{1b}[2J".into(), "1.00".into()]];
        let text = tables(&[odd], Language::Zh);
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn answers_are_lines() {
        let given = json!({
            "run": 7, "state": "released", "total_fen": 4_626_030_200_i64, "replay": false,
            "files": ["a.txt", "b.txt"], "note": null,
            "batches": [{ "number": "B1", "total_fen": 100 }, { "number": "B2", "total_fen": 200 }],
            "rate": { "paid": 98, "attempted": 100 },
            "amount_fen": { "paid": 9800, "attempted": 10000 },
        });
        assert_eq!(
            answer(&given, Language::Zh),
            "批次: 7\n状态: 已签发\n合计(元): 46,260,302.00\n重放: 否\n文件: a.txt、b.txt\n说明: —\n\
             代发批: 2\n  1: 编号 B1,合计(元) 1.00\n  2: 编号 B2,合计(元) 2.00\n\
             rate: 98 / 100\n金额(元): 98.00 / 100.00\n"
        );
        assert_eq!(answer(&Value::Null, Language::Zh), "");
        assert_eq!(answer_table(&given, Language::En).rows.len(), 11);
    }
}
