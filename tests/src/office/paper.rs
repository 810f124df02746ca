//! What comes to the office on paper or by wire, written without the product's own writers: rosters
//! of synthetic people, returns and statements of a bank.

use encoding_rs::GB18030;
use ledger::money::Fen;

/// A person of a roster, in a household of their own, paid to their own account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// 档案号.
    pub file_no: String,
    /// 乡镇.
    pub township: String,
    /// The person's name.
    pub name: String,
    /// A valid identity number of nobody: born in 1900.
    pub identity: String,
    /// Who receives the money, and their identity number.
    pub payee: (String, String),
    /// The payee's account.
    pub account: String,
    /// The individually approved amount of a month.
    pub amount: Fen,
}

/// So many people. The amount of the n-th is 100 yuan and n yuan.
pub fn people(count: usize) -> Vec<Person> {
    (1..=count).map(person).collect()
}

/// The n-th person.
pub fn person(n: usize) -> Person {
    let name = format!("测试{}", digits(n));
    let identity = identity(n);
    Person {
        file_no: format!("D{n:06}"),
        township: ["东示例镇", "西示例镇", "南示例乡"][n % 3].to_owned(),
        payee: (name.clone(), identity.clone()),
        name,
        identity,
        account: account(n),
        amount: Fen::new(10_000 + 100 * i64::try_from(n).unwrap_or(0)),
    }
}

fn digits(n: usize) -> String {
    const DIGITS: [char; 10] = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];
    let digit = |c: char| c.to_digit(10).and_then(|digit| DIGITS.get(digit as usize));
    n.to_string().chars().filter_map(digit).collect()
}

/// GB 11643: 17 digits and a check character.
fn identity(n: usize) -> String {
    const WEIGHTS: [usize; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let (day, order) = (1 + n / 999, 1 + n % 999);
    let text = format!("6108811900{:02}{:02}{order:03}", 1 + day / 28, 1 + day % 28);
    let sum: usize = text
        .bytes()
        .zip(WEIGHTS)
        .map(|(c, weight)| usize::from(c - b'0') * weight)
        .sum();
    let check = ["1", "0", "X", "9", "8", "7", "6", "5", "4", "3", "2"][sum % 11];
    text + check
}

/// A card number of 19 digits that passes the Luhn check.
pub fn account(n: usize) -> String {
    let text = format!("621700{n:012}");
    let sum: u32 = text
        .chars()
        .rev()
        .zip(0..)
        .filter_map(|(c, place)| c.to_digit(10).map(|digit| (digit, place % 2 == 0)))
        .map(|(digit, twice)| {
            if twice {
                digit * 2 / 10 + digit * 2 % 10
            } else {
                digit
            }
        })
        .sum();
    format!("{text}{}", (10 - sum % 10) % 10)
}

/// The roster of these people, all for the component `living`.
pub fn roster(people: &[Person]) -> Vec<u8> {
    let mut text = api::app::roster::HEADINGS.join(",") + "\r\n";
    for p in people {
        let cells = [
            &p.file_no,
            &p.township,
            "示例村",
            &p.name,
            &p.identity,
            "户主",
            "living",
            "",
            "",
            &p.amount.to_string(),
            "示例核定",
            &p.payee.0,
            &p.payee.1,
            "个人",
            "示例银行测试支行",
            "",
            &p.account,
        ];
        text += &cells.join(",");
        text += "\r\n";
    }
    text.into_bytes()
}

/// The two layouts that the office's banks use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// ICBC batch text, 19 columns, amounts in fen.
    Icbc,
    /// Generic CSV.
    Csv,
}

/// One line of a batch file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// 顺序号.
    pub order: String,
    /// Our reference.
    pub key: String,
    /// The payee's account.
    pub account: String,
    /// The payee's name.
    pub name: String,
    /// The amount.
    pub amount: Fen,
}

/// A batch file as the bank reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchFile {
    /// The number of the batch.
    pub number: String,
    /// Its layout.
    pub layout: Layout,
    /// Its lines.
    pub lines: Vec<Line>,
    /// The control total that it states.
    pub total: Fen,
}

/// What the bank says about a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 成功.
    Paid,
    /// 失败, in the bank's words.
    Failed(&'static str),
    /// 处理中.
    Pending,
}

/// Reads a batch file and checks its control totals.
///
/// # Panics
/// When the file is not what its layout promises.
pub fn read_batch(number: &str, bytes: &[u8]) -> BatchFile {
    let text = GB18030.decode(bytes).0.into_owned();
    let layout = if text.starts_with('#') {
        Layout::Icbc
    } else {
        Layout::Csv
    };
    let (lines, count, total) = match layout {
        Layout::Icbc => read_icbc(&text),
        Layout::Csv => read_csv(&text),
    };
    assert_eq!(lines.len().to_string(), count, "stated count of {number}");
    let sum = lines.iter().map(|line| line.amount.get()).sum();
    assert_eq!(Fen::new(sum), total, "stated total of {number}");
    BatchFile {
        number: number.to_owned(),
        layout,
        lines,
        total,
    }
}

fn read_icbc(text: &str) -> (Vec<Line>, String, Fen) {
    let fen = |text: &str| Fen::new(text.parse().unwrap_or(-1));
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("RMB"))
        .map(|line| line.split('|').collect())
        .collect();
    let lines = rows.iter().filter(|row| row[2] == "2").map(|row| Line {
        order: row[3].to_owned(),
        key: row[15].to_owned(),
        account: row[11].to_owned(),
        name: row[12].to_owned(),
        amount: fen(row[13]),
    });
    (lines.collect(), rows[0][4].to_owned(), fen(rows[0][3]))
}

fn read_csv(text: &str) -> (Vec<Line>, String, Fen) {
    let yuan = |text: &str| Fen::parse_yuan(text).unwrap_or(Fen::new(-1));
    let mut rows: Vec<Vec<&str>> = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect())
        .collect();
    let last = rows.pop().unwrap_or_default();
    let lines = rows.iter().map(|row| Line {
        order: row[0].to_owned(),
        key: row[7].to_owned(),
        account: row[1].to_owned(),
        name: row[2].to_owned(),
        amount: yuan(row[5]),
    });
    (lines.collect(), last[2].to_owned(), yuan(last[5]))
}

/// What the bank says about each line, in the order of the file.
pub fn outcomes(batch: &BatchFile, of: impl Fn(usize) -> Outcome) -> Vec<(Line, Outcome)> {
    batch.lines.iter().cloned().zip((0..).map(of)).collect()
}

/// The return with these lines, with control totals where the layout has them.
pub fn write_return(batch: &BatchFile, rows: &[(Line, Outcome)]) -> Vec<u8> {
    let text = match batch.layout {
        Layout::Icbc => icbc_return(&batch.number, rows),
        Layout::Csv => {
            let total = rows.iter().map(|(line, _)| line.amount.get()).sum();
            csv_return(&batch.number, rows, Some((rows.len(), Fen::new(total))))
        }
    };
    GB18030.encode(&text).0.into_owned()
}

/// The text of a generic CSV return; it names no batch when `number` is empty.
pub fn csv_return(number: &str, rows: &[(Line, Outcome)], totals: Option<(usize, Fen)>) -> String {
    let mut text = String::new();
    if !number.is_empty() {
        text += &format!("批次号,{number}\r\n");
    }
    text += "序号,收款账号,户名,金额,备注,结果,失败原因\r\n";
    for (line, outcome) in rows {
        let (status, reason) = match outcome {
            Outcome::Paid => ("成功", ""),
            Outcome::Failed(reason) => ("失败", *reason),
            Outcome::Pending => ("处理中", ""),
        };
        let Line {
            order,
            key,
            account,
            name,
            amount,
        } = line;
        text += &format!("{order},{account},{name},{amount},{key},{status},{reason}\r\n");
    }
    if let Some((count, total)) = totals {
        text += &format!("合计,,{count},{total},,,\r\n");
    }
    text
}

fn icbc_return(number: &str, rows: &[(Line, Outcome)]) -> String {
    let mut text = format!(
        "[BatchPayDetail]\r\n查询时间: 20220112 10:00:00\r\n批次号: {number}\r\n\
         序号|币种|付款账号|付款单位名称|收款账号|收款单位名称|金额|用途|网上银行状态|银行反馈信息\r\n"
    );
    for (line, outcome) in rows {
        let (status, message) = match outcome {
            Outcome::Paid => ("处理成功", "全部成功"),
            Outcome::Failed(reason) => ("处理失败", *reason),
            Outcome::Pending => ("处理中", "等待银行答复"),
        };
        let Line {
            order,
            key,
            account,
            name,
            amount,
        } = line;
        text += &format!(
            "{number}-{order}|人民币|2600000000000000001|测试县民政局|{account}|{name}|\
             {amount}元|低保金 {key}|{status}|{message}\r\n"
        );
    }
    text
}

/// One movement of a statement: positive to the office, negative from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// `2022-01-10`.
    pub date: &'static str,
    /// The amount with its sign, in fen.
    pub fen: i64,
    /// 摘要 and 备注 in one: where the bank names what it is.
    pub remark: String,
}

/// A movement.
pub fn movement(date: &'static str, fen: i64, remark: impl Into<String>) -> Movement {
    Movement {
        date,
        fen,
        remark: remark.into(),
    }
}

/// A generic CSV statement; opening in fen, closing computed.
pub fn write_statement(
    account_no: &str,
    (from, to): (&str, &str),
    opening: i64,
    movements: &[Movement],
) -> Vec<u8> {
    let closing = opening + movements.iter().map(|movement| movement.fen).sum::<i64>();
    let (opening, closing) = (Fen::new(opening), Fen::new(closing));
    let mut text = format!(
        "账号,{account_no}\r\n期初余额,{opening}\r\n期末余额,{closing}\r\n起止日期,{from}至{to}\r\n\
         日期,摘要,借方发生额,贷方发生额,对方户名,对方账号,备注\r\n"
    );
    for Movement { date, fen, remark } in movements {
        let amount = Fen::new(fen.abs());
        let (debit, credit) = match *fen < 0 {
            true => (amount.to_string(), String::new()),
            false => (String::new(), amount.to_string()),
        };
        text += &format!("{date},往来,{debit},{credit},,,{remark}\r\n");
    }
    text.into_bytes()
}
