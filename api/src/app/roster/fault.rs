//! What can be wrong with a roster: the closed list, and how faults are collected.

use std::collections::HashMap;

use bank_adapters::{Finding, Severity};
use ledger::problem::Place;

/// Faults that are kept; the rest is counted. A file with more is wrong as a whole.
const KEPT_MAX: usize = 20_000;

macro_rules! faults {
    ($($name:ident $code:literal $severity:ident $zh:literal $en:literal;)*) => {
        /// The faults of rosters. Codes are never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Fault { $(
            #[doc = concat!($code, ": ", $en)]
            $name,
        )* }

        impl Fault {
            /// Every fault, in the order of its code.
            pub const ALL: &'static [Fault] = &[$(Fault::$name),*];

            /// The stable code.
            pub fn code(self) -> &'static str {
                match self { $(Fault::$name => $code,)* }
            }

            /// How grave it is.
            pub fn severity(self) -> Severity {
                match self { $(Fault::$name => Severity::$severity,)* }
            }

            /// What is wrong and what to do, in Chinese and English, with `{detail}`.
            pub fn sentences(self) -> (&'static str, &'static str) {
                match self { $(Fault::$name => ($zh, $en),)* }
            }
        }
    };
}

faults! {
    // The sheet.
    ColumnMissing "ROS-0101" Blocking "缺少此列。请补上表头“{detail}”,写法见模板" "this column is missing; add the heading “{detail}” as in the template";
    ColumnTwice "ROS-0102" Blocking "此列与“{detail}”含义相同。多余的请删去;是家庭成员的,表头请写成“成员1姓名”“成员1身份证号”" "this column means the same as “{detail}”; remove one, or call it 成员1姓名, 成员1身份证号 when it is a member of the household";
    RowsTooMany "ROS-0103" Blocking "行数超过上限 {detail},请分成几份" "more than {detail} rows; split the roster";
    ErrorCell "ROS-0104" Blocking "单元格是公式错误,请改成实际的值" "the cell is a formula error; write the value itself";
    TotalDiffers "ROS-0105" Blocking "合计与各行之和 {detail} 不符,请核对是否缺行" "the total differs from the sum of the rows, {detail}; look for missing rows";
    MoreFaults "ROS-0106" Blocking "另有 {detail} 处未列出,请先改正已列出的" "{detail} more are not listed; correct these first";
    SheetPassedOver "ROS-0107" Note "工作表“{detail}”没有表头行,未读取。若是名册,请补上表头" "the sheet “{detail}” has no header row and was not read; if it is a roster, add the headings";
    TotalOfColumn "ROS-0108" Note "合计只是本列之和,未含成员金额;全部金额为 {detail}" "the total is the sum of this column without the members' amounts; all amounts come to {detail}";
    ColumnUnread "ROS-0109" Note "此列没有读取:表头“{detail}”不在已知表头之内" "this column was not read: “{detail}” is no known heading";
    ColumnOfNobody "ROS-0110" Blocking "此列有身份证号,但表头“{detail}”未说明是谁,未读取。是家庭成员的,表头请写成“成员1身份证号”;不是的请删去此列" "this column has identity numbers, and its heading “{detail}” says not whose; call it 成员1身份证号 when they are members of the household, or remove it";

    // Household and area.
    FileNoEmpty "ROS-0111" Blocking "不能为空。请填档案号" "must not be empty: fill in the file number";
    TownshipEmpty "ROS-0112" Blocking "不能为空。请填乡镇" "must not be empty: fill in the township";
    NumbersDiffer "ROS-0113" Blocking "三号不一:档案、电脑、审批须用同一个号" "file, computer and approval must carry one number";
    HeadTwice "ROS-0114" Blocking "此户已有另一户主,请改“与户主关系”或档案号" "the household has another head; correct the relation or the file number";
    MonthDiffers "ROS-0115" Blocking "月份与导入月份 {detail} 不一致" "the month is not the one of the import, {detail}";
    FileNoTaken "ROS-0116" Blocking "此档案号已属另一户(户主 {detail}),两户无一人相同。请改用未用过的号,如在号前加项目字头" "the file number is another household's (head {detail}) and nobody is in both; use a number of its own, with a prefix for the program for example";

    // People.
    NameInvalid "ROS-0121" Blocking "姓名须为 1 至 70 个字,不含控制字符" "a name has 1 to 70 characters without control characters";
    NameLost "ROS-0122" Blocking "姓名含有 ?、*、□ 等,原字已丢失或被遮盖。请按身份证重新录入" "the name contains a placeholder; type it again from the card";
    NamePrivate "ROS-0123" Blocking "姓名含有自造字,银行无法识别。请改用国标汉字" "the name contains a private character; use the one of the national standard";
    IdentityEmpty "ROS-0131" Blocking "身份证号不能为空" "the identity number must not be empty";
    IdentityForm "ROS-0132" Blocking "身份证号须为 18 位(末位可为 X)或 15 位数字" "an identity number has 18 characters, the last perhaps X, or 15 digits";
    IdentityBirth "ROS-0133" Blocking "身份证号中的出生日期无效,或晚于发放月份" "the birth date in the identity number is none, or lies after the month";
    IdentityCheck "ROS-0001" Blocking "身份证号校验不符。请对照身份证核对每一位" "the identity number fails its check; compare every digit with the card";
    NumberSpoiled "ROS-0134" Blocking "号码被存成数字,Excel 只保留 15 位,可能已损坏。请把此列设为文本后重新录入" "the number is stored as a numeric cell and may be spoiled: Excel keeps 15 digits; format the column as text and type it again";
    SexDiffers "ROS-0135" Blocking "性别与身份证号不一致" "the sex is not that of the identity number";
    BirthDiffers "ROS-0136" Blocking "出生日期与身份证号不一致" "the birth date is not that of the identity number";
    NamesDiffer "ROS-0137" Blocking "同一身份证号有两个姓名,请核对" "one identity number with two names; find out which is right";
    MemberAmount "ROS-0138" Blocking "户主有核定金额时,每个成员也须各有核定金额" "when the head has an individual amount, each member needs one too";

    // What is granted.
    HouseholdAmount "ROS-0140" Blocking "此项目按户发放,金额只写在户主一行" "the component is paid to the household: its amount stands in the row of the head only";
    ComponentUnknown "ROS-0141" Blocking "没有此发放项目。可填:{detail}" "no such component; one of: {detail}";
    TagUnknown "ROS-0142" Blocking "此发放项目没有这个类别的标准。可填:{detail}" "the component has no standard for this tag; one of: {detail}";
    AmountUnread "ROS-0143" Blocking "不是以元为单位的金额" "not an amount in yuan";
    AmountNegative "ROS-0144" Blocking "金额不能为负" "the amount must not be negative";
    AmountDecimals "ROS-0145" Blocking "金额至多两位小数" "an amount has at most two decimals";
    AmountLarge "ROS-0146" Blocking "金额超过 100 万元,请核对单位" "the amount is above one million yuan; is it in yuan?";
    AmountMissing "ROS-0147" Blocking "此项目逐人核定,须填核定金额" "the component takes an individual amount; fill it in";
    BasisMissing "ROS-0148" Blocking "个别核定须写依据" "an individual amount needs its basis";
    ListedTwice "ROS-0149" Blocking "同一对象重复。请删去一行" "listed twice; remove one row";

    QuantityUnread "ROS-0139" Blocking "数量须为大于零的数,至多三位小数" "a quantity is a number above zero with at most three decimals";
    QuantityMissing "ROS-0150" Blocking "此项目按件计({detail}),须填数量" "the component is counted in pieces ({detail}); fill in the quantity";
    QuantityForeign "ROS-0158" Blocking "此项目不按件计,数量须为空" "the component is not counted in pieces; leave the quantity empty";
    DisabilityUnread "ROS-0159" Blocking "残疾等级填一级至四级,没有填“无”" "a disability grade is 一级 to 四级, or 无 for none";

    // Who is paid, and where.
    PayeeKindUnknown "ROS-0151" Blocking "收款人类型填“个人”或“机构”" "the payee is “个人” (person) or “机构” (institution)";
    PayeeHalf "ROS-0152" Blocking "收款人姓名与证件号须都填或都不填" "fill in both name and number of the payee, or neither";
    CreditCodeForm "ROS-0153" Blocking "统一社会信用代码须为 18 位" "a credit code has 18 characters";
    BankNoForm "ROS-0154" Blocking "联行号须为 12 位数字" "a bank number has 12 digits";
    AccountEmpty "ROS-0155" Blocking "账号不能为空" "the account number must not be empty";
    AccountForm "ROS-0156" Blocking "账号须为 1 至 42 位数字、字母或连字符,中间无空格" "an account number has 1 to 42 digits, letters or hyphens, no spaces";
    AccountsDiffer "ROS-0157" Blocking "同一收款人有两个账号。请统一" "one payee with two accounts; keep one";

    // Worth knowing.
    RegionUnknown "ROS-0181" Note "身份证号的地区码不在已知的省、县代码内,请核对" "the region of the identity number is no known province or county; compare it with the card";
    RegionRetired "ROS-0182" Note "身份证号的地区码在其出生前已停用" "the region of the identity number was retired before its holder was born";
    DotOther "ROS-0183" Note "姓名中的间隔号不是“·”(U+00B7),按原样保留,请与银行登记核对" "the dot in the name is not U+00B7; it is kept, compare it with the bank";
    CardCheck "ROS-0184" Note "银行卡号校验位不符,请核对" "the card number fails its check";
    BankNoCheck "ROS-0185" Note "联行号校验位不符,请核对" "the bank number fails its check digit";
    PartyRenamed "ROS-0187" Note "此证件号在账簿中的姓名是“{detail}”,自本月起按新姓名;请核对证件号" "the book has this number under the name “{detail}”; from this month on it has the new one: is the number right?";
    PartyMoved "ROS-0188" Note "账簿中的住址是“{detail}”,自本月起按新乡镇、村" "the book has the place “{detail}”; from this month on it has the new one";
    HeadChanged "ROS-0189" Note "此户在账簿中的户主是“{detail}”,自本月起按新户主" "the book has “{detail}” as the head of this household; from this month on it has the new one";
    CreditCodeCheck "ROS-0186" Note "统一社会信用代码校验位不符,请核对" "the credit code fails its check character";
}

/// A finding with the cell it is marked in.
#[derive(Clone, Debug)]
pub(super) struct Marked {
    /// What it is, for people and programs.
    pub(super) finding: Finding,
    /// The sheet, by its place in the file.
    pub(super) sheet: usize,
    /// The column, counted from 0.
    pub(super) column: Option<usize>,
}

impl Marked {
    fn row(&self) -> u64 {
        self.finding.place.row.unwrap_or_default()
    }
}

/// Collects every fault of a file. One cell has one fault: the first.
#[derive(Debug)]
pub(super) struct Faults<'a> {
    file: &'a str,
    /// The sheet that is being read.
    pub(super) sheet: (usize, String),
    /// Its headings by column.
    pub(super) headings: Vec<String>,
    list: Vec<Marked>,
    /// Whether what was found of a cell blocks.
    marked: HashMap<(usize, u64, usize), bool>,
    more: usize,
    blocking: usize,
}

impl<'a> Faults<'a> {
    pub(super) fn new(file: &'a str) -> Faults<'a> {
        Faults {
            file,
            sheet: (0, String::new()),
            headings: Vec::new(),
            list: Vec::new(),
            marked: HashMap::new(),
            more: 0,
            blocking: 0,
        }
    }

    /// Faults so far that block.
    pub(super) fn blocking(&self) -> usize {
        self.blocking
    }

    /// Whether a cell of the sheet in hand has a fault that blocks.
    pub(super) fn is_marked(&self, row: u64, column: usize) -> bool {
        self.marked.get(&(self.sheet.0, row, column)) == Some(&true)
    }

    /// Adds a fault of a cell; `value` is masked already when it identifies a person.
    pub(super) fn cell(
        &mut self,
        fault: Fault,
        row: u64,
        column: usize,
        value: &str,
        detail: &str,
    ) {
        let heading = self.headings.get(column).cloned();
        let heading = heading.filter(|heading| !heading.is_empty());
        let heading = heading.unwrap_or_else(|| (column + 1).to_string());
        self.add(fault, row, Some(column), Some(heading), value, detail);
    }

    /// Adds a fault of a column that is not there, or of a row.
    pub(super) fn row(&mut self, fault: Fault, row: u64, heading: Option<&str>, detail: &str) {
        self.add(fault, row, None, heading.map(str::to_owned), "", detail);
    }

    fn add(
        &mut self,
        fault: Fault,
        row: u64,
        column: Option<usize>,
        heading: Option<String>,
        value: &str,
        detail: &str,
    ) {
        let (zh, en) = fault.sentences();
        let name = Some(self.sheet.1.clone()).filter(|name| !name.is_empty());
        let finding = Finding {
            code: fault.code(),
            severity: fault.severity(),
            place: Place {
                file: Some(self.file.to_owned()),
                sheet: name,
                row: Some(row),
                column: heading,
                value: (!value.is_empty()).then(|| value.to_owned()),
                ..Place::default()
            },
            zh: zh.replace("{detail}", detail),
            en: en.replace("{detail}", detail),
        };
        self.take(Marked {
            finding,
            sheet: self.sheet.0,
            column,
        });
    }

    /// Adds what the reader of the file has found.
    pub(super) fn take(&mut self, marked: Marked) {
        let blocks = marked.finding.severity == Severity::Blocking;
        if let Some(column) = marked.column {
            let cell = (marked.sheet, marked.row(), column);
            // One fault for a cell; but a note never stands for what blocks.
            match self.marked.get(&cell) {
                Some(before) if *before || !blocks => return,
                _ => self.marked.insert(cell, blocks),
            };
        }
        self.blocking += usize::from(blocks);
        // Notes leave room: whatever there is too much of, what blocks is in the list.
        if self.list.len() < if blocks { 2 * KEPT_MAX } else { KEPT_MAX } {
            self.list.push(marked);
        } else {
            self.more += 1;
        }
    }

    /// All faults in the order of the file.
    pub(super) fn into_list(mut self) -> Vec<Marked> {
        if self.more > 0 {
            let (count, last) = (self.more.to_string(), u64::MAX >> 1);
            let mut told = Faults::new(self.file);
            told.sheet = self.sheet.clone();
            told.row(Fault::MoreFaults, last, None, &count);
            self.list.extend(told.list.into_iter().map(|mut marked| {
                marked.finding.place.row = None;
                marked.finding.severity = Severity::Note;
                marked
            }));
        }
        self.list.sort_by_key(|marked| {
            let row = marked.finding.place.row.unwrap_or(u64::MAX);
            (marked.sheet, row, marked.column)
        });
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_sentences_are_told_in_both_languages() {
        let codes: std::collections::HashSet<_> =
            Fault::ALL.iter().map(|fault| fault.code()).collect();
        assert_eq!(codes.len(), Fault::ALL.len());
        for fault in Fault::ALL {
            let (zh, en) = fault.sentences();
            assert!(!zh.is_empty() && !en.is_empty());
            assert_eq!(
                zh.contains("{detail}"),
                en.contains("{detail}"),
                "{fault:?}"
            );
        }
    }
}
