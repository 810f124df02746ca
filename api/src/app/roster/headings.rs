//! The headings of rosters: what a column may be called, and where the header row is.

use bank_adapters::{GridRow, heading};

use super::fault::{Fault, Faults};

/// Rows among which the header row is looked for: titles and notes stand above it.
pub(super) const HEADER_WITHIN: usize = 30;
/// Known headings that make a row the header row.
const KNOWN_MIN: usize = 3;
/// Members of one household row at most.
const MEMBERS_MAX: usize = 20;
/// How the columns of a member begin, the longer before the shorter.
const MEMBERS: [&str; 17] = [
    "成员", "配偶", "丈夫", "妻子", "父亲", "母亲", "子女", "儿子", "女儿", "长子", "次子", "三子",
    "长女", "次女", "三女", "孙子", "孙女",
];
/// What a heading above others ends with.
const ABOVE: [&str; 3] = ["信息", "情况", "资料"];
/// Columns that say nothing of the people.
const ASIDE: [&str; 2] = ["序号", "备注"];

macro_rules! fields {
    ($($name:ident $heading:literal [$($synonym:literal)*];)*) => {
        /// A column of a roster.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Field { $(
            #[doc = $heading]
            $name,
        )* }

        impl Field {
            /// Every field.
            pub const ALL: &'static [Field] = &[$(Field::$name),*];

            /// The heading of the template.
            pub fn heading(self) -> &'static str {
                match self { $(Field::$name => $heading,)* }
            }

            /// What else the column is called.
            pub fn synonyms(self) -> &'static [&'static str] {
                match self { $(Field::$name => &[$($synonym),*],)* }
            }
        }
    };
}

fields! {
    FileNo "档案号" ["档案编号" "户编号" "户号" "家庭编号" "低保证号" "低保证编号" "救助证号" "救助证编号" "供养证号" "证号"];
    Township "乡镇" ["乡镇(街道)" "乡(镇)" "镇街" "乡镇街道" "街道(乡镇)" "镇(街道)" "街道" "所属乡镇" "乡镇名称"];
    Village "村(社区)" ["村(居)" "村居" "村(居)委会" "村委会" "社区" "行政村" "村" "村(社区)名称" "村名"];
    Name "姓名" ["享受人姓名" "享受人" "保障对象" "保障对象姓名" "救助对象" "救助对象姓名" "对象姓名" "儿童姓名" "残疾人姓名"];
    Identity "身份证号" ["身份证号码" "身份证" "公民身份号码" "公民身份证号码" "证件号码" "证件号" "享受人身份证号" "享受人身份证号码" "享受人身份证"];
    Relation "与户主关系" ["关系" "家庭关系" "与申请人关系" "与户主的关系"];
    Component "发放项目" ["补贴项目" "资金类别" "发放项目代码" "补助项目" "救助项目"];
    Tag "类别" ["人员类别" "保障类别" "享受类别" "对象类别" "救助类别" "保障类型"];
    Income "月人均收入" ["人均月收入" "人均收入" "家庭月人均收入" "月人均可支配收入"];
    Amount "核定金额" ["补贴金额" "补助金额" "发放金额" "月发放金额" "应发金额" "金额" "保障金额" "月保障金" "月补助金额" "救助金额"];
    Basis "核定依据" ["依据" "文号" "审批依据" "核定文号"];
    Payee "收款人" ["收款人姓名" "领款人" "户名" "账户名" "账户名称" "开户名" "收款户名"];
    PayeeNo "收款人证件号" ["收款人身份证号" "收款人身份证号码" "收款人证件号码" "收款人身份证" "统一社会信用代码"];
    PayeeKind "收款人类型" ["收款人类别" "收款类型"];
    Bank "开户行" ["开户银行" "银行名称" "开户行名称" "代发银行" "开户网点"];
    BankNo "联行号" ["行号" "大额行号" "开户行行号" "支付行号"];
    Account "账号" ["银行账号" "银行账户" "银行卡号" "卡号" "帐号" "银行帐号" "收款账号" "一卡通账号" "一卡通卡号" "社保卡账号" "惠农一卡通账号" "发放账号"];
    HeadName "户主姓名" ["户主"];
    HeadIdentity "户主身份证号" ["户主身份证号码" "户主身份证" "户主证件号" "户主证件号码"];
    ComputerNo "电脑号" ["系统编号" "系统号" "电脑编号"];
    ApprovalNo "审批号" ["审批编号" "批准号" "审批表编号"];
    Month "月份" ["所属月份" "发放月份" "所属期" "补贴期号" "发放期"];
    Sex "性别" [];
    Birth "出生日期" ["出生年月日"];
    Quantity "数量" ["件数" "份数" "发放数量" "核定数量"];
    Disability "残疾等级" ["残疾级别" "残疾证等级" "残疾程度"];
}

/// The columns of one member in a household row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: Option<usize>,
    pub(super) identity: Option<usize>,
    pub(super) tag: Option<usize>,
    pub(super) amount: Option<usize>,
    pub(super) disability: Option<usize>,
}

/// Where the columns of a sheet stand.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// Row of the headings, counted from 1.
    pub(super) line: u64,
    /// Rows of the sheet up to and with the header row.
    pub(super) rows: usize,
    /// The headings as they are written, by column.
    pub(super) headings: Vec<String>,
    columns: Vec<Option<usize>>,
    twice: Vec<(usize, Field)>,
    /// The members of a household row.
    pub(super) members: Vec<Member>,
    /// Of each member, what its columns begin with and its number.
    slots: Vec<(&'static str, usize)>,
    /// Which columns are read, or say nothing of the people.
    read: Vec<bool>,
}

impl Layout {
    /// The column of a field.
    pub(super) fn column(&self, field: Field) -> Option<usize> {
        self.columns.get(field as usize).copied().flatten()
    }

    /// Whether a column is read, or says nothing of the people.
    pub(super) fn is_read(&self, column: usize) -> bool {
        self.read.get(column).copied().unwrap_or_default()
    }

    /// The columns under these headings.
    fn of(headings: Vec<String>, line: u64, rows: usize) -> Layout {
        let mut layout = Layout {
            line,
            rows,
            columns: vec![None; Field::ALL.len()],
            twice: Vec::new(),
            members: Vec::new(),
            slots: Vec::new(),
            read: vec![false; headings.len()],
            headings,
        };
        for column in 0..layout.headings.len() {
            let text = layout.headings.get(column).map(|text| simple(text));
            let text = text.unwrap_or_default();
            let is_read = layout.member(&text, column) || layout.field(&text, column);
            if let Some(place) = layout.read.get_mut(column) {
                *place = is_read || ASIDE.contains(&text.as_str());
            }
        }
        layout.people_again();
        layout
    }

    /// A column of the person of the row, or one that means the same as another.
    fn field(&mut self, text: &str, column: usize) -> bool {
        let Some(field) = field_of(text) else {
            return false;
        };
        match self.columns.get_mut(field as usize) {
            Some(place @ None) => *place = Some(column),
            _ => self.twice.push((column, field)),
        }
        true
    }

    /// Columns such as 成员2姓名, 成员姓名2, 配偶姓名; true when it is one. Those without a number
    /// belong to the first member, and to the next one each time they come again.
    fn member(&mut self, text: &str, column: usize) -> bool {
        let Some((who, number, what)) = member_of(text) else {
            return false;
        };
        if let Some(number) = number {
            return (1..=MEMBERS_MAX).contains(&number) && self.slot((who, number), what, column);
        }
        (1..=MEMBERS_MAX).any(|number| self.slot((who, number), what, column))
    }

    /// Puts a column where a member has none yet.
    fn slot(&mut self, who: (&'static str, usize), what: Field, column: usize) -> bool {
        let found = self.slots.iter().position(|known| *known == who);
        let place = found.unwrap_or(self.slots.len());
        if place >= MEMBERS_MAX {
            return false;
        }
        if found.is_none() {
            self.slots.push(who);
            self.members.push(Member::default());
        }
        let Some(member) = self.members.get_mut(place) else {
            return false;
        };
        let place = match what {
            Field::Name => &mut member.name,
            Field::Identity => &mut member.identity,
            Field::Tag => &mut member.tag,
            Field::Amount => &mut member.amount,
            Field::Disability => &mut member.disability,
            // The relation of a member, sex and birth date are not used.
            Field::Relation | Field::Sex | Field::Birth => return true,
            _ => return false,
        };
        let is_free = place.is_none();
        place.get_or_insert(column);
        is_free
    }

    /// 姓名 and 身份证号 that come again, each as often as the other, are members; what stands
    /// behind such a name is theirs.
    fn people_again(&mut self) {
        let again = |field| {
            let of = self.twice.iter().filter(move |(_, twice)| *twice == field);
            of.map(|(column, _)| *column).collect::<Vec<_>>()
        };
        let (names, numbers) = (again(Field::Name), again(Field::Identity));
        if names.is_empty() || names.len() != numbers.len() || names.len() > MEMBERS_MAX {
            return;
        }
        for (column, field) in std::mem::take(&mut self.twice) {
            // A number may stand before its name.
            let before = match field {
                Field::Identity => numbers.iter().filter(|number| **number <= column).count(),
                _ => names.iter().filter(|name| **name <= column).count(),
            };
            let is_taken = before > 0 && self.slot(("姓名", before), field, column);
            if !is_taken {
                self.twice.push((column, field));
            }
        }
    }

    fn known(&self) -> usize {
        self.columns.iter().flatten().count()
    }

    /// Columns that are understood, those of members too.
    fn understood(&self) -> usize {
        let of = |member: &Member| {
            let columns = [member.name, member.identity, member.tag, member.amount];
            columns.iter().flatten().count()
        };
        self.known() + self.members.iter().map(of).sum::<usize>()
    }

    fn is_header(&self) -> bool {
        let has = |field| self.column(field).is_some();
        self.known() >= KNOWN_MIN
            && (has(Field::Name) || has(Field::HeadName) || has(Field::Identity))
    }

    /// Faults of the headings themselves; a component may be left out where there is only one.
    pub(super) fn check(&self, one_component: bool, faults: &mut Faults<'_>) {
        for (column, field) in &self.twice {
            let first = self
                .column(*field)
                .and_then(|first| self.headings.get(first));
            let detail = first.map_or("", String::as_str).to_owned();
            faults.cell(Fault::ColumnTwice, self.line, *column, "", &detail);
        }
        for field in missing(|field| self.column(field).is_some(), one_component) {
            let heading = field.heading();
            faults.row(Fault::ColumnMissing, self.line, Some(heading), heading);
        }
    }

    /// In household rows the person of the row is the head.
    fn headed(mut self) -> Layout {
        for (own, head) in [
            (Field::Name, Field::HeadName),
            (Field::Identity, Field::HeadIdentity),
        ] {
            let column = self.column(head);
            if let Some(place @ None) = self.columns.get_mut(own as usize) {
                *place = column;
            }
        }
        self
    }
}

/// Fields that must be there and are not.
fn missing(has: impl Fn(Field) -> bool, one_component: bool) -> Vec<Field> {
    let numbered = has(Field::FileNo) || has(Field::ComputerNo) || has(Field::ApprovalNo);
    let mut missing = Vec::new();
    for (field, there) in [
        (Field::FileNo, numbered),
        (Field::Township, has(Field::Township)),
        (Field::Name, has(Field::Name)),
        (Field::Identity, has(Field::Identity)),
        (Field::Component, has(Field::Component) || one_component),
        (Field::Account, has(Field::Account)),
    ] {
        if !there {
            missing.push(field);
        }
    }
    missing
}

/// Finds the header row of a sheet: among the first rows, the one with most known headings, alone
/// or together with the row above it, when headings stand in two rows.
pub(super) fn find<'r>(rows: impl Iterator<Item = GridRow<'r>>) -> Option<Layout> {
    let mut best: Option<Layout> = None;
    let mut above: Option<Vec<String>> = None;
    for (place, row) in rows.take(HEADER_WITHIN).enumerate() {
        let texts = (0..row.width()).map(|column| row.text(column).to_owned());
        let texts: Vec<String> = texts.collect();
        let joined = above.as_ref().map(|above| joined(above, &texts));
        let alone = Layout::of(texts.clone(), row.line(), place + 1);
        let joined = joined.map(|texts| Layout::of(texts, row.line(), place + 1));
        above = Some(texts);
        for layout in std::iter::once(alone).chain(joined) {
            let understood = layout.understood();
            if layout.is_header()
                && best
                    .as_ref()
                    .is_none_or(|best| understood > best.understood())
            {
                best = Some(layout);
            }
        }
    }
    best.map(Layout::headed)
}

/// Headings in two rows: what stands above reaches over the columns to its right until something
/// else does, and goes before what stands below where that makes a heading.
fn joined(above: &[String], below: &[String]) -> Vec<String> {
    let mut group = "";
    let texts = (0..above.len().max(below.len())).map(|column| {
        let text = |row: &'_ [String]| row.get(column).cloned().unwrap_or_default();
        let (upper, lower) = (text(above), text(below));
        if let Some(upper) = above.get(column).filter(|upper| !upper.trim().is_empty()) {
            group = upper;
        }
        if lower.trim().is_empty() {
            group = "";
            return upper;
        }
        let plain = simple(group);
        let plain = ABOVE
            .iter()
            .find_map(|end| plain.strip_suffix(end))
            .unwrap_or(&plain);
        let whole = format!("{plain}{lower}");
        let is_known = field_of(&simple(&whole)).is_some() || member_of(&simple(&whole)).is_some();
        if is_known { whole } else { lower }
    });
    texts.collect()
}

/// What the columns of a member begin with, its number, and what of it stands there; none for a
/// heading of nobody's.
fn member_of(text: &str) -> Option<(&'static str, Option<usize>, Field)> {
    let text = text.strip_prefix("家庭").unwrap_or(text);
    let (who, rest) = MEMBERS
        .iter()
        .find_map(|who| Some((*who, text.strip_prefix(who)?)))?;
    let what = rest.trim_matches(|c: char| c.is_ascii_digit());
    let number = rest.replace(what, "").parse().ok();
    Some((who, number, field_of(what)?))
}

/// Every heading that must be there is missing: no sheet has a header row.
pub(super) fn none_found(one_component: bool, faults: &mut Faults<'_>) {
    for field in missing(|_| false, one_component) {
        faults.row(
            Fault::ColumnMissing,
            1,
            Some(field.heading()),
            field.heading(),
        );
    }
}

/// A heading without what people add to it: units in brackets, a star for what must be filled in.
fn simple(text: &str) -> String {
    let plain = heading(text);
    let mut plain = plain.trim_matches('*');
    for end in ["(元)", "(元/月)", "(元/人)", "(必填)", "(选填)"] {
        plain = plain.strip_suffix(end).unwrap_or(plain);
    }
    plain.trim_matches('*').to_owned()
}

fn field_of(text: &str) -> Option<Field> {
    let is_named =
        |field: &&Field| simple(field.heading()) == text || field.synonyms().contains(&text);
    Field::ALL.iter().find(is_named).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_of_one_field() {
        let mut seen = std::collections::HashSet::new();
        for field in Field::ALL {
            for name in [field.heading()].iter().chain(field.synonyms()) {
                assert!(seen.insert(*name), "{name}");
                assert_eq!(field_of(&simple(name)), Some(*field), "{name}");
            }
        }
    }

    #[test]
    fn header_rows() {
        for (text, line, members) in [
            ("姓名,身份证号码,银行卡号\n", Some(1), 0),
            (
                "某县低保花名册\n\n单位:民政局,,2022年1月\n姓　名,身份证号码,卡号\n",
                Some(4),
                0,
            ),
            (
                "户主姓名,户主身份证号,账号,成员1姓名,成员1身份证号,家庭成员2姓名\n",
                Some(1),
                2,
            ),
            (
                "档案号,姓名,身份证号,成员姓名1,成员身份证号1,成员姓名2,成员身份证号2\n",
                Some(1),
                2,
            ),
            (
                "档案号,姓名,身份证号,家庭成员姓名,家庭成员身份证,配偶姓名,配偶身份证号\n",
                Some(1),
                2,
            ),
            (
                "档案号,姓名,身份证号,姓名,身份证号,姓名,身份证号\n",
                Some(1),
                2,
            ),
            // As often one as the other, or it is a column that stands there twice.
            ("档案号,姓名,身份证号,姓名,账号\n", Some(1), 0),
            (
                "档案号,户主信息,,家庭成员,,家庭成员,,账号\n\
                 ,姓名,身份证号,姓名,身份证号,姓名,身份证号,\n",
                Some(2),
                2,
            ),
            ("*姓名,核定金额（元）,帐号\n甲,1,2\n", Some(1), 0),
            ("甲,乙,丙\n", None, 0),
            ("姓名,备注\n", None, 0),
        ] {
            let (grid, _) = bank_adapters::read_grid(text.as_bytes());
            let found = find(grid.sheets[0].rows());
            assert_eq!(found.as_ref().map(|layout| layout.line), line, "{text}");
            assert_eq!(
                found.map_or(0, |layout| layout.members.len()),
                members,
                "{text}"
            );
        }
    }
}
