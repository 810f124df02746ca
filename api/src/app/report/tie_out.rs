//! The tie-out (三方核对) of a month: approved list = ledger = bank, for each batch.

use ledger_store::boxed;
use std::collections::BTreeMap;

use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::money::{Fen, MoneyError};
use ledger::problem::Language;
use ledger_store::tie_out::{self, Sum, TieOut, Unsettled};
use reconciliation::agreement::DETAILS_MAX;
use reconciliation::answer::ExceptionKind;
use serde_json::{Value, json};

use super::Names;
use crate::app::view::{Report, Table, Words, words};
use crate::app::{App, Caller, Error};

/// What can differ: code, Chinese and English name, what to do next in both.
type Kind = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const LIST_FILE: Kind = (
    "list-file",
    "名单与报盘文件不符",
    "list and bank file differ",
    "停止付款,运行 huimin audit verify",
    "stop paying, run huimin audit verify",
);
const LIST_LEDGER: Kind = (
    "list-ledger",
    "名单与账不符",
    "list and ledger differ",
    "停止付款,运行 huimin audit verify",
    "stop paying, run huimin audit verify",
);
const UNANSWERED: Kind = (
    "unanswered",
    "银行未回盘",
    "not answered by the bank",
    "导入回盘:huimin return import;没有回盘时催银行",
    "huimin return import; without a return, ask the bank",
);
const NO_STATEMENT: Kind = (
    "no-statement",
    "对账单未到",
    "no statement yet",
    "导入对账单:huimin statement import",
    "huimin statement import",
);
const NOT_DEBITED: Kind = (
    "not-debited",
    "对账单上没有扣款",
    "not debited on the statement",
    "向银行查询该批扣款",
    "ask the bank about the debit of the batch",
);
const DEBIT_DIFFERS: Kind = (
    "debit-differs",
    "扣款金额不符",
    "debited another amount",
    "向银行查询该批扣款",
    "ask the bank about the debit of the batch",
);
const REFUND_AWAITED: Kind = (
    "refund-awaited",
    "失败款未退回",
    "refund awaited from the bank",
    "导入以后的对账单;催银行退款",
    "import later statements; ask the bank for the refund",
);

/// What to do with a line that nobody has settled.
const SETTLE: (&str, &str) = (
    "两人处理:huimin exception resolve、confirm",
    "two people settle it: huimin exception resolve, confirm",
);

/// Two figures that ought to be equal.
struct Difference {
    kind: String,
    name: Words,
    row: String,
    wanted: Sum,
    found: Sum,
    next: Words,
}

impl Difference {
    fn new(kind: Kind, batch: &TieOut, wanted: Sum, found: Sum) -> Difference {
        Difference {
            kind: kind.0.to_owned(),
            name: words(kind.1, kind.2),
            row: batch.number.clone(),
            wanted,
            found,
            next: words(kind.3, kind.4),
        }
    }

    /// A line of a file of the bank: wanted is nothing.
    fn unsettled(line: &Unsettled, names: &Names) -> Difference {
        let kind = ExceptionKind::from_code(&line.kind);
        let name = |language| kind.map_or(line.kind.as_str(), |kind| kind.name(language));
        let bank = names.bank(line.bank_account);
        let place = format!("{} {}:{}", line.source, line.source_id, line.line);
        Difference {
            kind: line.kind.clone(),
            name: words(name(Language::Zh), name(Language::En)),
            row: match line.batch.as_str() {
                "" => format!("{bank} {place}"),
                batch => format!("{batch} {place}"),
            },
            wanted: Sum::default(),
            found: Sum {
                count: 1,
                amount: line.amount,
            },
            next: words(
                format!("异常 {} {}", line.exception, SETTLE.0),
                format!("exception {}: {}", line.exception, SETTLE.1),
            ),
        }
    }

    fn json(&self) -> Value {
        json!({
            "kind": self.kind,
            "name_zh": self.name.zh,
            "name_en": self.name.en,
            "row": self.row,
            "wanted": sum_json(self.wanted),
            "found": sum_json(self.found),
            "next_zh": self.next.zh,
            "next_en": self.next.en,
        })
    }

    fn cells(&self) -> [String; 7] {
        [
            self.row.clone(),
            format!("{} {}", self.name.zh, self.name.en),
            self.wanted.count.to_string(),
            self.wanted.amount.grouped(),
            self.found.count.to_string(),
            self.found.amount.grouped(),
            format!("{} / {}", self.next.zh, self.next.en),
        ]
    }
}

fn sum_json(sum: Sum) -> Value {
    json!({ "count": sum.count, "fen": sum.amount.get() })
}

/// What differs in a batch, in the order in which it is worked off.
fn differences(batch: &TieOut) -> Result<Vec<Difference>, MoneyError> {
    let answered = plus(batch.paid, batch.failed)?;
    let debit = Sum {
        count: 1,
        amount: match batch.whole {
            true => batch.list.amount,
            false => batch.paid.amount,
        },
    };
    // A bank that takes only what it paid takes it once for each answer.
    let debited = Sum {
        count: debit.count,
        ..batch.debit
    };
    let mut found = Vec::new();
    let mut compare = |kind, wanted: Sum, other: Sum| {
        if wanted != other {
            found.push(Difference::new(kind, batch, wanted, other));
        }
    };
    compare(LIST_FILE, batch.list, batch.file);
    compare(LIST_LEDGER, batch.list, batch.ledger);
    compare(UNANSWERED, batch.list, answered);
    match (batch.debit.count, batch.seen) {
        (0, _) if debit.amount == Fen::ZERO => {}
        (0, false) => compare(NO_STATEMENT, debit, batch.debit),
        (0, true) => compare(NOT_DEBITED, debit, batch.debit),
        _ => compare(DEBIT_DIFFERS, debit, debited),
    }
    compare(REFUND_AWAITED, Sum::default(), batch.awaited);
    Ok(found)
}

fn plus(one: Sum, other: Sum) -> Result<Sum, MoneyError> {
    Ok(Sum {
        count: one.count + other.count,
        amount: one.amount.plus(other.amount)?,
    })
}

fn minus(one: Sum, other: Sum) -> Result<Sum, MoneyError> {
    Ok(Sum {
        count: one.count - other.count,
        amount: one.amount.minus(other.amount)?,
    })
}

/// The witnesses of one batch, or of several together.
#[derive(Clone, Copy, Default)]
struct Figures {
    list: Sum,
    ledger: Sum,
    paid: Sum,
    failed: Sum,
    pending: Sum,
    debit: Sum,
}

impl Figures {
    fn of(batch: &TieOut) -> Result<Figures, MoneyError> {
        let answered = plus(batch.paid, batch.failed)?;
        Ok(Figures {
            list: batch.list,
            ledger: batch.ledger,
            paid: batch.paid,
            failed: batch.failed,
            pending: minus(batch.list, answered)?,
            debit: batch.debit,
        })
    }

    fn plus(self, other: Figures) -> Result<Figures, MoneyError> {
        Ok(Figures {
            list: plus(self.list, other.list)?,
            ledger: plus(self.ledger, other.ledger)?,
            paid: plus(self.paid, other.paid)?,
            failed: plus(self.failed, other.failed)?,
            pending: plus(self.pending, other.pending)?,
            debit: plus(self.debit, other.debit)?,
        })
    }

    fn all(self) -> [Sum; 6] {
        [
            self.list,
            self.ledger,
            self.paid,
            self.failed,
            self.pending,
            self.debit,
        ]
    }

    fn json(self) -> Value {
        json!({
            "list": sum_json(self.list),
            "ledger": sum_json(self.ledger),
            "paid": sum_json(self.paid),
            "failed": sum_json(self.failed),
            "pending": sum_json(self.pending),
            "debit": sum_json(self.debit),
        })
    }

    fn cells(self) -> impl Iterator<Item = String> {
        let cells = |sum: Sum| [sum.count.to_string(), sum.amount.grouped()];
        self.all().into_iter().flat_map(cells)
    }
}

/// The columns of a table: what a row is, then those of [`Figures::cells`].
const COLUMNS: [(&str, &str, bool); 15] = [
    ("批号", "batch", false),
    ("日期", "day", false),
    ("项目", "program", false),
    ("名单笔数", "listed", true),
    ("名单金额", "list (yuan)", true),
    ("账上笔数", "booked", true),
    ("账上金额", "ledger (yuan)", true),
    ("成功笔数", "paid", true),
    ("成功金额", "paid (yuan)", true),
    ("失败笔数", "failed", true),
    ("失败金额", "failed (yuan)", true),
    ("未回笔数", "pending", true),
    ("未回金额", "pending (yuan)", true),
    ("扣款笔数", "debits", true),
    ("扣款金额", "debit (yuan)", true),
];

/// 三方核对: each batch sent in a month as the approved list, the books and the bank have it; the
/// same by program and day; and each difference with what to do next. It found something when
/// anything differs.
///
/// # Errors
/// When the caller may not read reports; when a sum is out of range; accidents of the store.
#[boxed]
pub async fn tie_out(app: &App, caller: &Caller, month: Month) -> Result<Report, Error> {
    let book = caller.book.id;
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let names = Names::load(&mut tx, book).await?;
    let batches = tie_out::batches(&mut tx, book, month).await?;
    let most = i64::try_from(DETAILS_MAX).unwrap_or(i64::MAX);
    let lines = tie_out::unsettled(&mut tx, book, month, most).await?;
    tx.rollback().await?;

    let mut found = Vec::new();
    let mut each = Table::new(
        words(format!("三方核对 {month}"), format!("tie-out of {month}")),
        &COLUMNS,
    );
    let mut of_batches = Vec::new();
    let mut days: BTreeMap<(String, String), Figures> = BTreeMap::new();
    for batch in &batches {
        let figures = Figures::of(batch)?;
        found.extend(differences(batch)?);
        let program = names.program_code(batch.program);
        let name = names.program(batch.program);
        let head = [batch.number.clone(), batch.sent_on.clone(), name];
        each.row(head.into_iter().chain(figures.cells()));
        let mut json = figures.json();
        json["batch"] = json!(batch.number);
        json["sent_on"] = json!(batch.sent_on);
        json["program"] = json!(program);
        json["awaited"] = sum_json(batch.awaited);
        of_batches.push(json);
        let day = days.entry((program, batch.sent_on.clone())).or_default();
        *day = day.plus(figures)?;
    }
    found.extend(lines.iter().map(|line| Difference::unsettled(line, &names)));
    let (of_days, by_day) = by_day(month, &days)?;
    let json = json!({
        "month": month.to_string(),
        "batches": of_batches,
        "days": of_days,
        "differences": found.iter().map(Difference::json).collect::<Vec<_>>(),
    });
    Ok(Report {
        json,
        tables: vec![each, by_day, what_differs(month, &found)],
        found: !found.is_empty(),
    })
}

/// By program and day, with the sum of all.
fn by_day(
    month: Month,
    days: &BTreeMap<(String, String), Figures>,
) -> Result<(Vec<Value>, Table), Error> {
    let title = words(
        format!("三方核对:按项目和日期 {month}"),
        format!("tie-out by program and day, {month}"),
    );
    let mut table = Table::new(
        title,
        &[&COLUMNS[2..3], &COLUMNS[1..2], &COLUMNS[3..]].concat(),
    );
    let mut all = Figures::default();
    let mut list = Vec::new();
    for ((program, day), figures) in days {
        all = all.plus(*figures)?;
        let head = [program.clone(), day.clone()];
        table.row(head.into_iter().chain(figures.cells()));
        let mut json = figures.json();
        json["program"] = json!(program);
        json["day"] = json!(day);
        list.push(json);
    }
    let head = ["合计".to_owned(), month.to_string()];
    table.row(head.into_iter().chain(all.cells()));
    Ok((list, table))
}

fn what_differs(month: Month, found: &[Difference]) -> Table {
    let title = words(
        format!("差异 {month}:{} 项", found.len()),
        format!("differences of {month}: {}", found.len()),
    );
    let columns = [
        ("批号或行", "row", false),
        ("差异", "kind", false),
        ("应有笔数", "wanted", true),
        ("应有金额", "wanted (yuan)", true),
        ("实有笔数", "found", true),
        ("实有金额", "found (yuan)", true),
        ("怎么办", "next", false),
    ];
    let mut table = Table::new(title, &columns);
    for difference in found {
        table.row(difference.cells());
    }
    table
}
