//! The rosters as files, as the county's offices hand them in.

use encoding_rs::GB18030;

use super::calibrate::Misfit;
use super::county::{PayeeKind, RosterRow};

/// The columns of a roster file, in order.
pub const COLUMNS: [&str; 17] = [
    "档案号",
    "乡镇",
    "村(社区)",
    "姓名",
    "身份证号",
    "与户主关系",
    "发放项目",
    "类别",
    "月人均收入",
    "核定金额",
    "核定依据",
    "收款人",
    "收款人证件号",
    "收款人类型",
    "开户行",
    "联行号",
    "账号",
];

/// How a roster file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8 without byte order mark.
    Utf8,
    /// GB 18030, as office programs in China still write by default.
    Gb18030,
}

/// The encoding in which a program's office writes: one of them still uses GB 18030.
pub fn encoding_of(program: &str) -> Encoding {
    if program == "urban-dibao" {
        Encoding::Gb18030
    } else {
        Encoding::Utf8
    }
}

/// A roster as CSV with a header row and CRLF line ends. Money is in yuan with two decimals.
///
/// # Errors
/// [`Misfit`] when a row cannot be written, which no row of the county is.
pub fn roster_csv(rows: &[RosterRow], encoding: Encoding) -> Result<Vec<u8>, Misfit> {
    let wrong = |error: csv::Error| Misfit::new("a roster file", &error.to_string());
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(wrong)?;
    for row in rows {
        let income = row.income.to_string();
        let amount = row
            .amount
            .map(|amount| amount.to_string())
            .unwrap_or_default();
        let kind = match row.payee_kind {
            PayeeKind::Person => "个人",
            PayeeKind::Institution => "机构",
        };
        let cells: [&str; 17] = [
            &row.file_no,
            &row.township,
            &row.village,
            &row.name,
            &row.identity_no,
            &row.relation,
            &row.component,
            &row.tag,
            &income,
            &amount,
            &row.basis,
            &row.payee_name,
            &row.payee_no,
            kind,
            &row.bank_name,
            &row.bank_no,
            &row.account_no,
        ];
        writer.write_record(cells).map_err(wrong)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| Misfit::new("a roster file", &error.to_string()))?;
    match encoding {
        Encoding::Utf8 => Ok(bytes),
        Encoding::Gb18030 => {
            let text = String::from_utf8(bytes)
                .map_err(|error| Misfit::new("a roster file", &error.to_string()))?;
            Ok(GB18030.encode(&text).0.into_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use ledger::money::Fen;

    use super::*;

    fn row() -> RosterRow {
        RosterRow {
            file_no: "CD00001".into(),
            township: "甲镇".into(),
            village: "一村".into(),
            name: "测甲乙".into(),
            identity_no: "610881190001010019".into(),
            relation: "户主".into(),
            component: "categorical".into(),
            tag: "severe".into(),
            income: Fen::new(4_000),
            amount: Some(Fen::new(18_500)),
            basis: "按天折算15日".into(),
            payee_name: "测甲乙".into(),
            payee_no: "610881190001010019".into(),
            payee_kind: PayeeKind::Person,
            bank_name: "演示农商银行第一支行".into(),
            bank_no: "402999900010".into(),
            account_no: "6299010000000000019".into(),
        }
    }

    #[test]
    fn both_encodings_say_the_same() {
        let utf8 = roster_csv(&[row()], Encoding::Utf8).unwrap();
        let gb = roster_csv(&[row()], Encoding::Gb18030).unwrap();
        let text = String::from_utf8(utf8).unwrap();
        assert_eq!(GB18030.decode(&gb).0, text);
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(lines[0], COLUMNS.join(","));
        assert_eq!(
            lines[1],
            "CD00001,甲镇,一村,测甲乙,610881190001010019,户主,categorical,severe,40.00,185.00,\
             按天折算15日,测甲乙,610881190001010019,个人,演示农商银行第一支行,402999900010,\
             6299010000000000019"
        );
    }
}
