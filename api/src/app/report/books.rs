//! The books on paper: trial balance (科目余额表), ledger (明细账) and voucher (记账凭证).

use ledger_store::boxed;
use std::collections::BTreeMap;

use ledger::account::{AccountKey, Chart, Normal, Side};
use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::id::{AccountId, BookId, UserId};
use ledger::money::Fen;
use ledger_store::db::Tx;
use ledger_store::journal::{self, AccountMovement, Voucher, side_totals};
use ledger_store::report::{self, ChartVoucher};
use ledger_store::{book, verify};
use serde_json::{Value, json};

use super::{NOTHING, Names, amount_or_nothing, voucher_number};
use crate::app::exception::source_text;
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error, not_found};

/// 科目余额表: every account with its opening balance, debits, credits and closing balance. Balances
/// stand on the account's normal side; a minus sign means the other side.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
#[boxed]
pub async fn trial_balance(
    app: &App,
    caller: &Caller,
    first: Month,
    last: Month,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let names = Names::load(&mut tx, caller.book.id).await?;
    let accounts = journal::movements(&mut tx, caller.book.id, first, last).await?;
    tx.rollback().await?;
    let title = words(
        format!("科目余额表 {first} 至 {last}"),
        format!("trial balance {first} to {last}"),
    );
    let mut table = Table::new(
        title,
        &[
            ("科目", "account", false),
            ("名称", "name", false),
            ("辅助核算", "dimensions", false),
            ("方向", "side", false),
            ("期初余额", "opening", true),
            ("本期借方", "debit", true),
            ("本期贷方", "credit", true),
            ("期末余额", "closing", true),
        ],
    );
    let mut charts = Vec::new();
    for of_chart in accounts.chunk_by(|a, b| a.key.chart == b.key.chart) {
        for account in of_chart {
            table.row(balance_row(&names, account));
        }
        let total = ChartTotal::of(of_chart)?;
        // The line of the general ledger: of one account it would only say the same again.
        if of_chart.len() > 1 {
            table.row(total.row());
        }
        charts.push(total.json());
    }
    let mut sides = Vec::new();
    for (side, zh, en) in [
        (Side::Financial, "财务会计合计", "financial"),
        (Side::Budget, "预算会计合计", "budget"),
    ] {
        let (debit, credit) = side_totals(&accounts, side);
        let nothing = || NOTHING.to_owned();
        table.row([
            nothing(),
            format!("{zh} {en}"),
            nothing(),
            nothing(),
            nothing(),
            Fen::new(debit).grouped(),
            Fen::new(credit).grouped(),
            nothing(),
        ]);
        sides.push(json!({ "side": en, "debit_fen": debit, "credit_fen": credit }));
    }
    let json = json!({
        "first_month": first.to_string(),
        "last_month": last.to_string(),
        "accounts": accounts.iter().map(|row| balance_json(&names, row)).collect::<Value>(),
        "charts": charts,
        "totals": sides,
    });
    Ok(Report::new(json, vec![table]))
}

/// A line of the general ledger (总账): all accounts of a line of the chart together.
struct ChartTotal {
    chart: Chart,
    opening: Fen,
    debit: Fen,
    credit: Fen,
    closing: Fen,
}

impl ChartTotal {
    /// Of accounts of one line of the chart, of which there is at least one.
    fn of(accounts: &[AccountMovement]) -> Result<ChartTotal, Error> {
        let first = accounts.first();
        let first = first.ok_or_else(|| anyhow::anyhow!("a line of the chart without accounts"))?;
        let sum = |of: fn(&AccountMovement) -> Fen| Fen::sum(accounts.iter().map(of));
        Ok(ChartTotal {
            chart: first.key.chart,
            opening: sum(AccountMovement::opening)?,
            debit: sum(|account| Fen::new(account.debit))?,
            credit: sum(|account| Fen::new(account.credit))?,
            closing: sum(AccountMovement::closing)?,
        })
    }

    fn row(&self) -> [String; 8] {
        [
            self.chart.code().to_owned(),
            self.chart.name().to_owned(),
            "小计 subtotal".to_owned(),
            direction(self.chart).to_owned(),
            amount_or_nothing(self.opening),
            amount_or_nothing(self.debit),
            amount_or_nothing(self.credit),
            self.closing.grouped(),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "account": self.chart.code(),
            "name": self.chart.name(),
            "opening_fen": self.opening.get(),
            "debit_fen": self.debit.get(),
            "credit_fen": self.credit.get(),
            "closing_fen": self.closing.get(),
        })
    }
}

fn balance_row(names: &Names, account: &AccountMovement) -> [String; 8] {
    let chart = account.key.chart;
    [
        chart.code().to_owned(),
        chart.name().to_owned(),
        names.dimensions(&account.key),
        direction(chart).to_owned(),
        amount_or_nothing(account.opening()),
        amount_or_nothing(Fen::new(account.debit)),
        amount_or_nothing(Fen::new(account.credit)),
        account.closing().grouped(),
    ]
}

fn balance_json(names: &Names, account: &AccountMovement) -> Value {
    json!({
        "account": account.key.chart.code(),
        "name": account.key.chart.name(),
        "dimensions": names.dimensions(&account.key),
        "opening_fen": account.opening().get(),
        "debit_fen": account.debit,
        "credit_fen": account.credit,
        "closing_fen": account.closing().get(),
    })
}

fn direction(chart: Chart) -> &'static str {
    match chart.normal() {
        Normal::Debit => "借",
        Normal::Credit => "贷",
    }
}

/// 明细账: the vouchers that moved a line of the chart, with the running balance.
///
/// # Errors
/// An unknown chart code; when the caller may not read reports; accidents of the store.
#[boxed]
pub async fn ledger(
    app: &App,
    caller: &Caller,
    account: &str,
    first: Month,
    last: Month,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let chart = Chart::from_code(account).ok_or_else(|| not_found("科目 account", account))?;
    let accounts = journal::movements(&mut tx, caller.book.id, first, last).await?;
    let moved = report::chart_vouchers(&mut tx, caller.book.id, (first, last), chart, None).await?;
    tx.rollback().await?;
    let of_chart = accounts.iter().filter(|row| row.key.chart == chart);
    let opening = Fen::sum(of_chart.map(AccountMovement::opening))?;
    let title = words(
        format!("明细账 {} {} {first} 至 {last}", chart.code(), chart.name()),
        format!("ledger of {} {first} to {last}", chart.code()),
    );
    let (rows, table) = running(title, chart.normal(), opening, &moved)?;
    let json = json!({
        "account": chart.code(),
        "name": chart.name(),
        "first_month": first.to_string(),
        "last_month": last.to_string(),
        "opening_fen": opening.get(),
        "rows": rows,
    });
    Ok(Report::new(json, vec![table]))
}

/// A ledger page: opening balance, vouchers with the running balance, totals.
pub(super) fn running(
    title: crate::app::view::Words,
    normal: Normal,
    opening: Fen,
    moved: &[ChartVoucher],
) -> Result<(Value, Table), Error> {
    let mut table = Table::new(
        title,
        &[
            ("日期", "date", false),
            ("凭证", "voucher", false),
            ("摘要", "summary", false),
            ("借方", "debit", true),
            ("贷方", "credit", true),
            ("余额", "balance", true),
        ],
    );
    let nothing = || NOTHING.to_owned();
    let opened = "期初余额 opening".to_owned();
    table.row([
        nothing(),
        nothing(),
        opened,
        nothing(),
        nothing(),
        opening.grouped(),
    ]);
    let mut balance = opening;
    let mut rows = Vec::with_capacity(moved.len());
    for voucher in moved {
        let net = voucher.debit.minus(voucher.credit)?;
        balance = match normal {
            Normal::Debit => balance.plus(net)?,
            Normal::Credit => balance.minus(net)?,
        };
        table.row([
            voucher.on.clone(),
            format!("{} {}", voucher.month, voucher_number(voucher.number)),
            voucher.summary.clone(),
            amount_or_nothing(voucher.debit),
            amount_or_nothing(voucher.credit),
            balance.grouped(),
        ]);
        rows.push(json!({
            "date": voucher.on,
            "month": voucher.month,
            "voucher": voucher.number,
            "summary": voucher.summary,
            "debit_fen": voucher.debit.get(),
            "credit_fen": voucher.credit.get(),
            "balance_fen": balance.get(),
        }));
    }
    let debit = Fen::sum(moved.iter().map(|voucher| voucher.debit))?;
    let credit = Fen::sum(moved.iter().map(|voucher| voucher.credit))?;
    let total = "合计 total".to_owned();
    let amounts = [debit.grouped(), credit.grouped(), balance.grouped()];
    table.row([nothing(), nothing(), total].into_iter().chain(amounts));
    Ok((Value::Array(rows), table))
}

/// The vouchers of a month in the order of their numbers.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
#[boxed]
pub async fn vouchers(app: &App, caller: &Caller, month: Month) -> Result<Report, Error> {
    let book = caller.book.id;
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let found = journal::vouchers(&mut tx, book, month, month).await?;
    let users = book::users(&mut tx, book).await?;
    tx.rollback().await?;
    let person = |id: UserId| {
        let user = users.iter().find(|user| user.id == id);
        user.map_or(NOTHING, |user| user.name.as_str())
    };
    let mut table = Table::new(
        words(format!("{month} 凭证"), format!("Vouchers of {month}")),
        &[
            ("凭证", "voucher", false),
            ("日期", "date", false),
            ("摘要", "summary", false),
            ("分录数", "transfers", true),
            ("金额(元)", "amount (yuan)", true),
            ("制单", "maker", false),
            ("审核", "checker", false),
            ("审计条目", "entry", true),
        ],
    );
    let mut list = Vec::new();
    for voucher in &found {
        let posted = &voucher.posted;
        let (maker, checker) = (person(voucher.maker), person(voucher.checker));
        table.row([
            format!("{} {}", posted.month, voucher_number(posted.number)),
            voucher.on_date.clone(),
            voucher.summary.clone(),
            posted.transfers.to_string(),
            posted.total.grouped(),
            maker.to_owned(),
            checker.to_owned(),
            voucher.entry.to_string(),
        ]);
        list.push(json!({
            "month": posted.month.to_string(), "number": posted.number,
            "date": voucher.on_date, "summary": voucher.summary, "source": voucher.source,
            "source_id": voucher.source_id, "transfers": posted.transfers,
            "total_fen": posted.total.get(), "maker": maker, "checker": checker,
            "entry": voucher.entry,
        }));
    }
    let document = json!({ "month": month.to_string(), "vouchers": list });
    Ok(Report::new(document, vec![table]))
}

/// One line of a printed voucher: the transfers between one debited and one credited account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoucherLine {
    /// Debited.
    pub debit: AccountKey,
    /// Credited.
    pub credit: AccountKey,
    /// The debited account in words.
    pub debit_name: String,
    /// The credited account in words.
    pub credit_name: String,
    /// How much.
    pub amount: Fen,
    /// How many transfers that were.
    pub transfers: i64,
}

/// 记账凭证: one voucher as it is printed.
#[derive(Clone, Debug)]
pub struct VoucherForm {
    /// 单位.
    pub agency: String,
    /// The voucher.
    pub voucher: Voucher,
    /// 制单.
    pub maker: String,
    /// 审核.
    pub checker: String,
    /// Its transfers, added up by account pair.
    pub lines: Vec<VoucherLine>,
    /// Size and root of the audit trail.
    head: (i64, ledger::audit::merkle::Hash),
}

/// The two sides of a voucher with their Chinese and English names.
pub(crate) const SIDES: [(Side, &str, &str); 2] = [
    (Side::Financial, "财务会计", "financial accounting"),
    (Side::Budget, "预算会计", "budget accounting"),
];

/// 记账凭证 as a report: see [`voucher_form`].
///
/// # Errors
/// As [`voucher_form`].
#[boxed]
pub async fn voucher(
    app: &App,
    caller: &Caller,
    month: Month,
    number: i64,
) -> Result<Report, Error> {
    voucher_form(app, caller, month, number).await?.report()
}

/// 记账凭证: one voucher as it is printed, its transfers added up by account, financial and budget
/// side apart, amounts also in capital figures, maker and checker by name, the audit entry and the
/// head in short form.
///
/// # Errors
/// When there is no such voucher; when the caller may not read reports; accidents of the store.
#[boxed]
pub async fn voucher_form(
    app: &App,
    caller: &Caller,
    month: Month,
    number: i64,
) -> Result<VoucherForm, Error> {
    let book = caller.book.id;
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let names = Names::load(&mut tx, book).await?;
    let found = journal::vouchers(&mut tx, book, month, month).await?;
    let found = found
        .into_iter()
        .find(|voucher| voucher.posted.number == number);
    let name = || format!("{month} {}", voucher_number(number));
    let voucher = found.ok_or_else(|| not_found("凭证 voucher", name()))?;
    let lines = lines_of(&mut tx, book, &names, &voucher).await?;
    let users = book::users(&mut tx, book).await?;
    let head = report::head(&mut tx, book).await?;
    tx.rollback().await?;
    let person = |id: UserId| {
        let user = users.iter().find(|user| user.id == id);
        user.map_or_else(|| NOTHING.to_owned(), |user| user.name.clone())
    };
    Ok(VoucherForm {
        agency: caller.book.name.clone(),
        maker: person(voucher.maker),
        checker: person(voucher.checker),
        voucher,
        lines,
        head,
    })
}

impl VoucherForm {
    /// The lines of one side.
    pub fn side(&self, side: Side) -> Vec<&VoucherLine> {
        let of_side = |line: &&VoucherLine| line.debit.chart.side() == side;
        self.lines.iter().filter(of_side).collect()
    }

    /// As a report: JSON and tables.
    ///
    /// # Errors
    /// When a sum is out of range.
    pub fn report(&self) -> Result<Report, Error> {
        let mut tables = vec![self.head_table()];
        for (side, zh, en) in SIDES {
            let of_side = self.side(side);
            if !of_side.is_empty() {
                tables.push(side_table((zh, en), &of_side)?);
            }
        }
        let (voucher, (size, root)) = (&self.voucher, &self.head);
        let json = json!({
            "month": voucher.posted.month.to_string(),
            "number": voucher.posted.number,
            "date": voucher.on_date,
            "summary": voucher.summary,
            "maker": self.maker,
            "checker": self.checker,
            "source": voucher.source,
            "source_id": voucher.source_id,
            "transfers": voucher.posted.transfers,
            "total_fen": voucher.posted.total.get(),
            "lines": self.lines.iter().map(line_json).collect::<Value>(),
            "root": ledger::audit::hex::encode(&voucher.posted.root),
            "entry": voucher.entry,
            "head": { "size": size, "root": ledger::audit::hex::encode(root) },
        });
        Ok(Report::new(json, tables))
    }

    fn head_table(&self) -> Table {
        let voucher = &self.voucher;
        let number = voucher_number(voucher.posted.number);
        let title = words(
            format!("记账凭证 {} {number}", voucher.posted.month),
            format!("voucher {} {number}", voucher.posted.month),
        );
        let heads = [("栏目", "field", false), ("内容", "value", false)];
        let mut table = Table::new(title, &heads);
        for (field, value) in [
            ("单位 agency", self.agency.clone()),
            ("日期 date", voucher.on_date.clone()),
            ("摘要 summary", voucher.summary.clone()),
            (
                "来源 source",
                source_text(&voucher.source, voucher.source_id),
            ),
            ("分录数 transfers", voucher.posted.transfers.to_string()),
            ("制单 maker", self.maker.clone()),
            ("审核 checker", self.checker.clone()),
            ("审计记录 audit entry", voucher.entry.to_string()),
            ("分录根 root", verify::short_root(&voucher.posted.root)),
        ] {
            table.row([field.to_owned(), value]);
        }
        table
    }
}

async fn lines_of(
    tx: &mut Tx,
    book: BookId,
    names: &Names,
    voucher: &Voucher,
) -> Result<Vec<VoucherLine>, Error> {
    let accounts = journal::balances(tx, book).await?;
    let keys: BTreeMap<AccountId, AccountKey> = accounts
        .into_iter()
        .map(|account| (account.id, account.key))
        .collect();
    let posted = &voucher.posted;
    let pairs = report::voucher_pairs(tx, book, posted.transfer_first, posted.transfers).await?;
    let line = |(debit, credit, amount, transfers)| {
        let (debit, credit) = (*keys.get(&debit)?, *keys.get(&credit)?);
        Some(VoucherLine {
            debit,
            credit,
            debit_name: names.account(&debit),
            credit_name: names.account(&credit),
            amount,
            transfers,
        })
    };
    Ok(pairs.into_iter().filter_map(line).collect())
}

fn line_json(line: &VoucherLine) -> Value {
    json!({
        "debit": line.debit_name,
        "credit": line.credit_name,
        "amount_fen": line.amount.get(),
        "transfers": line.transfers,
    })
}

fn side_table((zh, en): (&str, &str), lines: &[&VoucherLine]) -> Result<Table, Error> {
    let total = Fen::sum(lines.iter().map(|line| line.amount))?;
    let mut table = Table::new(
        words(zh, en),
        &[
            ("借方科目", "debit", false),
            ("贷方科目", "credit", false),
            ("金额(元)", "yuan", true),
            ("笔数", "transfers", true),
        ],
    );
    for line in lines {
        let accounts = [line.debit_name.clone(), line.credit_name.clone()];
        let figures = [line.amount.grouped(), line.transfers.to_string()];
        table.row(accounts.into_iter().chain(figures));
    }
    let count = lines.iter().map(|line| line.transfers).sum::<i64>();
    table.row([
        "合计 total".to_owned(),
        total.capital(),
        total.grouped(),
        count.to_string(),
    ]);
    Ok(table)
}
