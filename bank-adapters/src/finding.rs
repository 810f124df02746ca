//! What is wrong with a file, each with its place: the closed list of faults.
//!
//! A reader goes on after a fault and gives all of them. Nothing may be posted from a file that
//! has a blocking one. Codes are never reused.

use ledger::problem::Place;

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing to do.
    Note,
    /// A person must look before the file is used.
    Warning,
    /// The file cannot be used.
    Blocking,
}

/// One thing found in a file or in what was to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable code, `BNK-0101` and on (and two that the list of refusals also has).
    pub code: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// Line and column, as far as known.
    pub place: Place,
    /// What is wrong and what to do, in Chinese.
    pub zh: String,
    /// The same in English.
    pub en: String,
}

impl Finding {
    pub(crate) fn new(fault: Fault, place: Place, values: &[(&str, &str)]) -> Finding {
        let fill = |sentence: &str| {
            values
                .iter()
                .fold(sentence.to_owned(), |text, (name, value)| {
                    text.replace(&format!("{{{name}}}"), value)
                })
        };
        let (zh, en) = fault.sentences();
        Finding {
            code: fault.code(),
            severity: fault.severity(),
            place,
            zh: fill(zh),
            en: fill(en),
        }
    }
}

/// True when nothing may be posted from the file.
pub fn is_blocked(findings: &[Finding]) -> bool {
    findings
        .iter()
        .any(|finding| finding.severity == Severity::Blocking)
}

macro_rules! faults {
    ($($name:ident $code:literal $severity:ident $zh:literal $en:literal;)*) => {
        /// The faults that this crate finds.
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

            /// The sentences in Chinese and English, with `{names}` for the values.
            pub fn sentences(self) -> (&'static str, &'static str) {
                match self { $(Fault::$name => ($zh, $en),)* }
            }
        }
    };
}

faults! {
    TotalsDiffer "BNK-0006" Blocking "控制总数不符:文件写明{what} {stated},明细合计 {found}。请银行重发,或核对批次" "the control totals differ: the file states {what} {stated}, its lines give {found}; ask the bank to send it again, or check the batch";
    Unmappable "BNK-0007" Blocking "{encoding} 写不出“{value}”。按银行登记的写法改正,或改用 GB18030" "{encoding} cannot hold “{value}”; use the spelling the bank has, or send GB18030";

    // The file as a whole.
    ProfileFaulty "BNK-0101" Blocking "银行格式定义有误:{detail}。请改正此行;已有的写法见 bank-file profiles" "the bank layout is faulty: {detail}; correct this line, and see `bank-file profiles` for layouts that are sound";
    ProfileUse "BNK-0102" Blocking "格式 {profile} 不用于此类文件" "layout {profile} is not for this kind of file";
    NotText "BNK-0103" Blocking "不是文本文件({found})。请取得 txt 或 csv 文件,或改选相应格式" "not a text file ({found}); get the txt or csv file, or choose another layout";
    NotWorkbook "BNK-0104" Blocking "不是 xlsx 工作簿({found})。请在 Excel 或 WPS 中另存为 xlsx(不含宏、不加密)" "not an xlsx workbook ({found}); save it as xlsx without macros or password";
    WorkbookHostile "BNK-0105" Blocking "工作簿不可信,未打开:{detail}" "the workbook is not safe and was not opened: {detail}";
    WorkbookBroken "BNK-0106" Blocking "工作簿无法读取:{detail}" "the workbook cannot be read: {detail}";
    TooLarge "BNK-0107" Blocking "文件超出上限:{detail}" "the file exceeds a limit: {detail}";
    NotDecodable "BNK-0108" Blocking "此行既不是 UTF-8 也不是 GB18030(或被截断)。请重新导出" "the line is neither UTF-8 nor GB18030, or it is cut; export it again";
    CharacterLost "BNK-0109" Blocking "含替换符“\u{fffd}”,原字已丢失。请从来源重新导出" "contains the replacement character, the original is lost; export it again from its source";
    OtherSheets "BNK-0110" Warning "工作簿有 {count} 张工作表,只读取了“{sheet}”" "the workbook has {count} sheets; only “{sheet}” was read";
    MoreFindings "BNK-0111" Blocking "另有 {count} 处未列出" "{count} more are not listed";
    NothingInside "BNK-0112" Blocking "文件没有明细" "the file has no lines";
    Misread "BNK-0113" Blocking "文字像是把 UTF-8 当成 GBK 读过再保存的(如“张三”成了“寮犱笁”)。请从来源重新导出" "the text looks like UTF-8 that was read as GBK and saved; export it again from its source";
    FileNameOther "BNK-0114" Note "文件名不合 {template},其中的笔数与金额无法核对" "the file name does not follow {template}; the totals in it cannot be checked";

    // Its structure.
    HeaderMissing "BNK-0121" Blocking "找不到表头,缺少列:{columns}" "no header row; missing columns: {columns}";
    HeaderTwice "BNK-0122" Blocking "列“{column}”与另一列含义相同,无法判断用哪一列" "column “{column}” means the same as another one";
    HeaderUnknown "BNK-0123" Note "列“{column}”未使用" "column “{column}” is not used";
    RowCut "BNK-0124" Blocking "此行只有 {found} 列,应有 {expected} 列,可能被截断" "the row has {found} columns instead of {expected}; it may be cut";
    RowLong "BNK-0125" Blocking "此行有 {found} 列,多于 {expected} 列" "the row has {found} columns, more than {expected}";
    RowStrange "BNK-0126" Blocking "认不出此行" "the row is of no declared kind";
    EndMissing "BNK-0127" Blocking "没有结束行“{end}”,文件可能不完整" "the closing line “{end}” is missing; the file may be incomplete";
    AfterEnd "BNK-0128" Blocking "结束行或合计行之后还有内容" "there is something after the closing or totals line";
    TotalsMissing "BNK-0129" Blocking "没有控制总数" "the control totals are missing";
    TotalsTwice "BNK-0130" Blocking "控制总数出现多次" "the control totals appear more than once";
    FactorHundred "BNK-0131" Blocking "合计恰好相差 100 倍:疑将元与分混用" "the totals differ by exactly 100: yuan and fen may have been mixed up";
    PreambleMissing "BNK-0132" Blocking "表头之前没有“{label}”" "“{label}” is missing above the header row";
    StartMissing "BNK-0133" Blocking "没有起始行“{start}”" "the first line “{start}” is missing";

    // One cell.
    CellEmpty "BNK-0141" Blocking "“{column}”不能为空" "“{column}” must not be empty";
    AmountUnread "BNK-0142" Blocking "金额无效:{value}。应为以{unit}为单位的数" "not an amount in {unit}: {value}";
    AmountNotPositive "BNK-0143" Blocking "金额须大于零:{value}" "the amount must be above zero: {value}";
    NumberSpoiled "BNK-0144" Blocking "“{column}”是数字单元格,Excel 只保留 15 位数字,号码可能已损坏。请设为文本格式后重新导出" "“{column}” is a numeric cell: Excel keeps 15 digits and may have spoiled it; format it as text and export again";
    AccountInvalid "BNK-0145" Blocking "账号含有数字、字母、“-”、“*”以外的字符,或被写成科学记数" "the account number has characters other than digits, letters, “-” and “*”";
    ControlCharacter "BNK-0146" Blocking "“{column}”含有控制字符 {value}" "“{column}” contains the control character {value}";
    NumberUnread "BNK-0147" Blocking "“{column}”不是正整数:{value}" "“{column}” is no whole number: {value}";
    DateUnread "BNK-0148" Blocking "日期无效:{value}" "not a date: {value}";
    CellLong "BNK-0149" Blocking "“{column}”超长:{found} 字节,上限 {max}" "“{column}” is too long: {found} bytes, at most {max}";
    KeyUnread "BNK-0150" Blocking "明细键不合规则 {pattern}:{value}" "the key does not follow {pattern}: {value}";
    KeysDiffer "BNK-0151" Blocking "同一行回显了两个不同的明细键:{value}" "the row echoes two different keys: {value}";
    StatusContradicts "BNK-0152" Warning "状态自相矛盾,按处理中对待:{value}" "the status contradicts itself and is taken as pending: {value}";
    StatusUnknown "BNK-0153" Warning "未知的状态词,按处理中对待:{value}" "unknown status words, taken as pending: {value}";
    CharacterCut "BNK-0154" Blocking "第 {place} 字节处把一个字符切成两半:列宽按字节计,可能整行错位" "a character is cut in half at byte {place}: widths are counted in bytes, and the line may have shifted";
    UnitMixed "BNK-0155" Blocking "此格式以{unit}为单位,却写成 {value}:疑将元与分混用,相差 100 倍" "amounts of this layout are in {unit}, but it says {value}: yuan and fen may have been mixed up, a factor of 100";
    AmountLarge "BNK-0156" Blocking "金额 {value} 超过此格式的上限 {max}" "the amount {value} is above what the layout takes, {max}";
    OccurrenceWrong "BNK-0157" Blocking "代理次数错误:应为 {expected},实为 {value}" "the account occurs for the {expected} time, not {value}";
    OutcomeAbsent "BNK-0158" Warning "此格式不载处理结果,全部按处理中对待" "the layout tells no outcome; all lines are taken as pending";
    FailureForeign "BNK-0159" Blocking "失败清单中的此行在批中找不到或不止一笔,不能据此推定其他各笔成功" "this failure is not in the batch, or fits several of its lines; nothing can be taken as paid because it is absent";

    // What was to be written.
    DelimiterInside "BNK-0161" Blocking "“{column}”含有分隔符“{value}”" "“{column}” contains the delimiter “{value}”";
    SpaceAround "BNK-0162" Blocking "“{column}”前后有空格" "“{column}” begins or ends with a space";
    FormulaLike "BNK-0163" Blocking "“{column}”以“{value}”开头,表格软件会当作公式" "“{column}” begins with “{value}” and would be taken as a formula";
    LinesMax "BNK-0164" Blocking "共 {found} 笔,此格式每个文件至多 {max} 笔。请分批" "{found} lines; this layout takes at most {max} per file; split the batch";
    KeyTwice "BNK-0165" Blocking "明细键重复:{value}" "the key appears twice: {value}";
    SequenceTwice "BNK-0166" Blocking "顺序号重复:{value}" "the sequence number appears twice: {value}";
    BatchNoInvalid "BNK-0167" Blocking "批次号只能由字母、数字、“-”、“_”组成:{value}" "a batch number consists of letters, digits, “-” and “_”: {value}";
    TotalTooLarge "BNK-0168" Blocking "合计超出范围" "the total is out of range";
    NotReadBack "BNK-0169" Blocking "写出的内容读回后不同" "what was written does not read back the same";
    ValueMissing "BNK-0170" Blocking "“{column}”({name})须由银行给定:写一个 extends = \"{profile}\" 的自有格式文件,在 [values] 中给出 {name}" "“{column}” ({name}) is given by the bank: write an own profile with extends = \"{profile}\" and give {name} in [values]";
    BanksMixed "BNK-0171" Blocking "本行 {own} 笔与他行 {other} 笔不能在同一文件,请分开成两批" "{own} payees of the bank itself and {other} of others cannot stand in one file; make two batches";
    BankUnknown "BNK-0172" Blocking "开户行与联行号都为空,无法判断是本行还是他行" "bank and bank number are both empty; whether the account is at the bank itself is unknown";

    // A statement.
    MovementUnclear "BNK-0181" Blocking "借方与贷方须恰有一个金额" "exactly one of debit and credit must have an amount";
    BalanceBroken "BNK-0182" Warning "余额不连续:上笔余额 {previous} 加本笔 {moved} 应为 {expected},实为 {found}" "the balance does not run on: {previous} and {moved} give {expected}, not {found}";
    DateOutside "BNK-0183" Blocking "日期 {value} 不在对账单起止日期之内" "{value} is outside the period of the statement";
    PeriodUnread "BNK-0184" Blocking "起止日期无效:{value}" "not a period: {value}";
    BalanceDerived "BNK-0185" Note "表头之前没有“{label}”,取自逐笔余额:{value}" "“{label}” is not stated and was taken from the running balances: {value}";
    AccountMixed "BNK-0186" Blocking "账号与前面不同:一份对账单只能是一个账户的" "the account is not that of the lines above; a statement is of one account";
    AccountUnstated "BNK-0187" Note "文件中没有账号,以导入时指明的账户为准" "the file names no account; the one that is named with the import is taken";
    PeriodDerived "BNK-0188" Note "文件中没有起止日期,取自首末两笔:{value}" "the file states no period; the days of its first and last line are taken: {value}";

    // A message in XML or tags.
    XmlBroken "BNK-0201" Blocking "XML 不完整或不合规:{detail}。请重新导出或请对方重发" "the XML is cut or not well-formed: {detail}; export it again or ask for it again";
    XmlHostile "BNK-0202" Blocking "XML 含有不受理的内容,未读取:{detail}" "the XML holds what is not taken and was not read: {detail}";
    EncodingDiffers "BNK-0203" Blocking "声明的编码是 {declared},内容却是 UTF-8。请对方改正后重发" "the declared encoding is {declared}, the content is UTF-8; ask for it to be put right";
    EncodingUnknown "BNK-0204" Blocking "不支持的编码 {value}。支持 UTF-8、GBK、GB18030" "encoding {value} is not supported; UTF-8, GBK and GB18030 are";
    ElementMissing "BNK-0205" Blocking "缺少“{column}”" "“{column}” is missing";
    ElementUnknown "BNK-0206" Note "“{column}”未使用(共 {count} 处)" "“{column}” is not used ({count} times)";
    MessageStrange "BNK-0207" Blocking "应为 {expected},实为 {found}。请改选相应格式" "this should be {expected} and is {found}; choose another layout";
    BankRefused "BNK-0208" Blocking "银行未受理:{detail}" "the bank did not take it: {detail}";
    NotCny "BNK-0209" Blocking "币种须为人民币,实为“{value}”" "the currency must be CNY, not “{value}”";
    EchoDiffers "BNK-0210" Blocking "“{column}”与发出的不一致:应为 {expected},实为 {found}" "“{column}” is not what was sent: {expected} expected, {found} found";
    IdTwice "BNK-0211" Blocking "“{column}”重复:{value}" "“{column}” appears twice: {value}";
    IdForeign "BNK-0212" Blocking "“{column}”不在原单中:{value}" "“{column}” is not in the original: {value}";
    RefundSign "BNK-0213" Blocking "退款金额须为负数:{value}" "the amount of a refund must be negative: {value}";
    StatementsMany "BNK-0214" Blocking "文件含多份互不相接的对账单。请逐份导出" "the file holds several statements that do not follow each other; export them one by one";
    NotBooked "BNK-0215" Note "未记账的条目,未读取:{value}" "an entry that is not booked was left out: {value}";
    NotRefund "BNK-0216" Note "不是退款的条目,未读取" "an entry that is no refund was left out";
    LineDiffers "BNK-0217" Blocking "回盘所指第 {value} 笔与批内不一致(账号、户名或金额)" "line {value} that the answer names is another one in the batch (account, name or amount)";
    CodeMissing "BNK-0218" Blocking "此格式须先确定“{column}”:在格式定义的 [codes] 中填写,或在账套中登记" "this layout needs “{column}”: give it in [codes] of the layout, or in the book";
    CodeUnread "BNK-0219" Blocking "“{column}”不合规:{value}" "“{column}” is not of its kind: {value}";
}

/// Where an element of a message begins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spot {
    /// The part of the file, such as a voucher inside its envelope.
    pub(crate) part: Option<String>,
    /// Line, from 1; 0 when not known.
    pub(crate) line: u64,
    /// Character of the line, from 1; 0 when not known.
    pub(crate) column: u64,
    /// Name of the element.
    pub(crate) name: String,
}

/// Findings in the order of the file, with a bound: a hostile file cannot fill the memory.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    more: u64,
    sheet: Option<String>,
}

impl Findings {
    /// Findings listed in full; the rest is counted.
    const LISTED_MAX: usize = 10_000;

    pub(crate) fn sheet(&mut self, name: &str) {
        self.sheet = Some(name.to_owned());
    }

    /// A fault of the whole file.
    pub(crate) fn file(&mut self, fault: Fault, values: &[(&str, &str)]) {
        self.add(fault, Place::default(), values);
    }

    /// A fault of a row; 0 when it has none.
    pub(crate) fn row(&mut self, fault: Fault, row: u64, values: &[(&str, &str)]) {
        self.add(
            fault,
            Place {
                row: (row > 0).then_some(row),
                ..Place::default()
            },
            values,
        );
    }

    /// A fault of a cell; `{column}` in the sentences is filled.
    pub(crate) fn cell(&mut self, fault: Fault, row: u64, column: &str, values: &[(&str, &str)]) {
        let place = Place {
            row: (row > 0).then_some(row),
            column: Some(column.to_owned()),
            value: values
                .iter()
                .find(|(name, _)| *name == "value")
                .map(|v| v.1.to_owned()),
            ..Place::default()
        };
        let all: Vec<_> = values.iter().copied().chain([("column", column)]).collect();
        self.add(fault, place, &all);
    }

    /// A fault of an element; `{column}` in the sentences is its name.
    pub(crate) fn spot(&mut self, fault: Fault, spot: &Spot, values: &[(&str, &str)]) {
        let value = values.iter().find(|(name, _)| *name == "value");
        let place = Place {
            sheet: spot.part.clone(),
            row: (spot.line > 0).then_some(spot.line),
            column: (spot.column > 0).then(|| spot.column.to_string()),
            field: (!spot.name.is_empty()).then(|| spot.name.clone()),
            value: value.map(|(_, value)| (*value).to_owned()),
            ..Place::default()
        };
        let named = [("column", spot.name.as_str())];
        let all: Vec<_> = values.iter().copied().chain(named).collect();
        self.add(fault, place, &all);
    }

    fn add(&mut self, fault: Fault, mut place: Place, values: &[(&str, &str)]) {
        if self.list.len() >= Findings::LISTED_MAX {
            self.more = self.more.saturating_add(1);
            return;
        }
        if place.sheet.is_none() {
            place.sheet.clone_from(&self.sheet);
        }
        self.list.push(Finding::new(fault, place, values));
    }

    /// A file without lines, unless a graver finding says why.
    pub(crate) fn nothing_inside(&mut self) {
        if !self.is_blocked() {
            self.file(Fault::NothingInside, &[]);
        }
    }

    /// Whether a fault was found.
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.list.iter().any(|finding| finding.code == fault.code())
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Those behind the first so many.
    pub(crate) fn since(&self, first: usize) -> &[Finding] {
        self.list.get(first..).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn is_blocked(&self) -> bool {
        self.more > 0 || is_blocked(&self.list)
    }

    pub(crate) fn into_vec(mut self) -> Vec<Finding> {
        if self.more > 0 {
            let count = self.more.to_string();
            let place = Place::default();
            self.list.push(Finding::new(
                Fault::MoreFindings,
                place,
                &[("count", &count)],
            ));
        }
        self.list
    }
}

/// An identifier with all but its last four characters hidden, for messages.
pub(crate) fn masked(text: &str) -> String {
    let count = text.chars().count();
    let shown = if count > 8 { 4 } else { 0 };
    "*".repeat(count - shown) + &text.chars().skip(count - shown).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_sentences_name_the_same_values() {
        let names = |text: &str| -> std::collections::BTreeSet<String> {
            text.split('{')
                .skip(1)
                .filter_map(|part| part.split_once('}'))
                .map(|(name, _)| name.to_owned())
                .collect()
        };
        let codes: std::collections::BTreeSet<_> = Fault::ALL.iter().map(|f| f.code()).collect();
        assert_eq!(codes.len(), Fault::ALL.len());
        for fault in Fault::ALL {
            let (zh, en) = fault.sentences();
            assert!(!zh.is_empty() && !en.is_empty());
            assert!(
                names(en).is_subset(&(&names(zh) | &names(en))),
                "{}",
                fault.code()
            );
        }
    }

    #[test]
    fn masks_keep_at_most_four_characters() {
        for (text, shown) in [
            ("6222000000000001234", "***************1234"),
            ("12345678", "********"),
        ] {
            assert_eq!(masked(text), shown);
        }
    }
}
