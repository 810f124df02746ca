//! What may be wrong about a profile, for the user to know before relying on it.

use serde::Deserialize;

macro_rules! doubts {
    ($($name:ident $code:literal $zh:literal $en:literal;)*) => {
        /// Why a layout may not be the bank's of today.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
        pub enum Doubt { $(
            #[doc = concat!($en, ".")]
            #[serde(rename = $code)]
            $name,
        )* }

        impl Doubt {
            /// Every doubt.
            pub const ALL: &'static [Doubt] = &[$(Doubt::$name),*];

            /// The name in profiles and answers.
            pub fn code(self) -> &'static str {
                match self { $(Doubt::$name => $code,)* }
            }

            /// The warning in Chinese.
            pub fn zh(self) -> &'static str {
                match self { $(Doubt::$name => $zh,)* }
            }

            /// The warning in English.
            pub fn en(self) -> &'static str {
                match self { $(Doubt::$name => $en,)* }
            }
        }
    };
}

doubts! {
    Old "old"
        "版式取自 2011 年前后的程序,银行可能已改版:首次使用前请与网点提供的模板逐列核对"
        "the layout is known from a program of about 2011 and the bank may have changed it: compare it with the branch's template, column by column, before the first use";
    OneUser "one-user"
        "版式只见于一家单位的程序,没有银行文件为证:首次使用前请与网点核对"
        "the layout is known from the program of a single user and from no document of the bank: ask the branch before the first use";
    Regional "regional"
        "版式只见于一地的分行或法人银行,其他地方可能不同:首次使用前请与网点核对"
        "the layout is known from one region or one local bank and may differ elsewhere: ask the branch before the first use";
    Inferred "inferred"
        "部分内容(填充方向、字节上限、表头叫法等)为推定:先用一笔小额试发"
        "a part of it (sides of padding, byte limits, headings) is inferred: try it with one small payment first";
    NoKey "no-key"
        "文件没有我方键的位置:回盘只能按账号、户名、金额对应"
        "the file has no place for our key: answers are matched by account, name and amount";
    NoOutcome "no-outcome"
        "文件不载处理结果,只是受理回执:不能据以认定发放成功或失败"
        "the file tells no outcome and is only a receipt: nothing is known to be paid or failed from it";
    FailuresOnly "failures-only"
        "文件只列失败:未列出的一律视为成功,必须先确认该批已处理完毕"
        "the file lists failures only: what is not listed counts as paid, so make sure that the bank has finished the batch";
    SaveAs "save-as-xls"
        "银行要求 .xls:请在 Excel 或 WPS 中将本文件另存为“Excel 97-2003 工作簿”,不改动内容"
        "the bank asks for .xls: save this file as an Excel 97-2003 workbook without changing anything";
    Settings "settings"
        "须先写入银行给本单位的编号:写一个 extends 本格式的自有格式文件,在 [values] 中给出"
        "numbers that the bank gave to your agency must be filled in first: write an own profile that extends this one and gives them in [values]";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubts_are_told_in_both_languages() {
        for doubt in Doubt::ALL {
            assert!(!doubt.zh().is_empty() && doubt.en().is_ascii());
            let text = format!("doubts = [\"{}\"]", doubt.code());
            let table: std::collections::HashMap<String, Vec<Doubt>> =
                toml::from_str(&text).unwrap();
            assert_eq!(table["doubts"], [*doubt]);
        }
    }
}
