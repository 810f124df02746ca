//! The four agreements (四相符): vouchers, books, bank and reports agree, or the rows that differ
//! are named.
//!
//! Without a month everything is compared as it stands now: control accounts with all payments,
//! attempts, refunds and exceptions, balances with all transfers, the reports with the books. That
//! reads every row of the book.
//!
//! With a month, as when it is closed, the work grows with the month and not with the history:
//!
//! * 账证: its vouchers with their transfers, its movements with the stored ones, its numbers
//!   without gaps, reversing vouchers with their originals.
//! * 账账: what moved on each control account with the rows of the events that its vouchers come
//!   from: payments approved or taken back, attempts sent, answers, refunds home, credits
//!   unexplained, recoveries. Movement for movement is enough: a month is closed after all before
//!   it, each of which was compared like this and takes no voucher any more, so their sums are the
//!   balances. Two things could slip through, and are compared as of now: an event without a
//!   voucher, and a total that is not the sum of its months. Financial with budget books, and debit
//!   with credit, to the month's end.
//! * 账实: the books with the newest statement, as of the month's end.
//! * 账表: 5001 with the lines of the runs approved or taken back in the month; published lists with
//!   what was approved; the success rate, which is kept added up, with the control totals of all
//!   batches and with the books as of now.
//!
//! A closed month whose rows are altered afterwards is found by `audit verify` and by the
//! agreements without a month.

mod desk;
mod events;
mod recovered;
mod settled;

use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::problem::Language;
use ledger_store::boxed;
use reconciliation::agreement::{Agreement, AgreementId, Difference};
use serde_json::{Value, json};

use super::view::{Report, Table, Words, words};
use super::{App, Caller, Error};
use desk::Desk;

/// The four agreements of a month, or of everything as of now.
///
/// # Errors
/// When the caller may not read reports; when a sum is out of range; accidents of the store.
#[boxed]
pub async fn agreements(
    app: &App,
    caller: &Caller,
    month: Option<Month>,
) -> Result<Vec<Agreement>, Error> {
    let tx = app.read(caller, Action::ReadReports).await?;
    let mut desk = Desk::open(tx, caller.book.id, month).await?;
    let agreed = vec![
        desk.vouchers_books().await?,
        desk.books_books().await?,
        desk.books_bank().await?,
        desk.books_reports().await?,
    ];
    desk.close().await?;
    Ok(agreed)
}

/// The four agreements as a report; something found is exit status 3.
///
/// # Errors
/// As [`agreements`].
#[boxed]
pub async fn reconcile(app: &App, caller: &Caller, month: Option<Month>) -> Result<Report, Error> {
    let agreed = agreements(app, caller, month).await?;
    let json = json!({
        "month": month.map(|month| month.to_string()),
        "agreements": agreed.iter().map(agreement_json).collect::<Value>(),
    });
    let found = agreed.iter().any(|agreement| !agreement.ok());
    Ok(Report {
        json,
        tables: tables(month, &agreed),
        found,
    })
}

/// An agreement as JSON: both figures, how many rows differ, and which.
pub fn agreement_json(agreement: &Agreement) -> Value {
    let detail = |row: &Difference| {
        json!({
            "what_zh": row.what_zh,
            "what_en": row.what_en,
            "row": row.row,
            "left_fen": row.left.get(),
            "right_fen": row.right.get(),
        })
    };
    let compared = compared(agreement.id);
    json!({
        "id": agreement.id.code(),
        "name": agreement.id.name(Language::Zh),
        "ok": agreement.ok(),
        "left_fen": agreement.left.get(),
        "right_fen": agreement.right.get(),
        "differing_rows": agreement.differing_rows,
        "compared": { "zh": compared.zh, "en": compared.en },
        "details": agreement.details.iter().map(detail).collect::<Value>(),
    })
}

/// What an agreement compares, and as of when.
fn compared(id: AgreementId) -> Words {
    match id {
        AgreementId::VouchersBooks => words(
            "所问月份(不问则全部):凭证合计=分录合计,余额=分录之和;凭证号连续;冲销=原凭证",
            "of the month, or all: vouchers = transfers, balances = sums; numbers without gaps; \
             reversals = originals",
        ),
        AgreementId::BooksBooks => words(
            "总账与明细(应付、在途、待退回、待查、应追缴):所问月份为当月发生额,不问则为当前余额;业务均有凭证;\
             财务与预算、借与贷截至所问月末",
            "control accounts and sub-ledgers: movements of the month, or balances as of now; no \
             event without a voucher; financial and budget, debit and credit to the end of the month",
        ),
        AgreementId::BooksBank => words(
            "月末账面余额与不晚于月末的最近对账单,经余额调节表",
            "balance at the end of the month and the newest statement by then, both adjusted",
        ),
        AgreementId::BooksReports => words(
            "报表各发放项目=5001 各明细(所问月份,不问则全部);当前数:发放成功率的基数=已签发,\
             成功金额=已付,公示名单=已审批",
            "components of the report = 5001, of the month or all; as of now: base of the success \
             rate = released, its paid amount = expense less payable; published = approved",
        ),
    }
}

fn both(words: &Words) -> String {
    format!("{} / {}", words.zh, words.en)
}

fn tables(month: Option<Month>, agreed: &[Agreement]) -> Vec<Table> {
    let at = |now: &str| month.map_or_else(|| now.to_owned(), |month| month.to_string());
    let mut summary = Table::new(
        words(
            format!("四相符 {}", at("当前")),
            format!("four agreements {}", at("now")),
        ),
        &[
            ("核对", "agreement", false),
            ("结果", "result", false),
            ("左方(元)", "left, yuan", true),
            ("右方(元)", "right, yuan", true),
            ("不符行数", "differing rows", true),
            ("比较内容", "compared", false),
        ],
    );
    let mut details = Table::new(
        words("不符的行", "rows that differ"),
        &[
            ("核对", "agreement", false),
            ("内容", "what", false),
            ("行", "row", false),
            ("左方(元)", "left, yuan", true),
            ("右方(元)", "right, yuan", true),
        ],
    );
    for agreement in agreed {
        let name = agreement.id.name(Language::Zh);
        summary.row([
            format!("{name} {}", agreement.id.name(Language::En)),
            if agreement.ok() {
                "相符 ok"
            } else {
                "不符 differs"
            }
            .to_owned(),
            agreement.left.grouped(),
            agreement.right.grouped(),
            agreement.differing_rows.to_string(),
            both(&compared(agreement.id)),
        ]);
        for row in &agreement.details {
            let what = format!("{} / {}", row.what_zh, row.what_en);
            let amounts = [row.left.grouped(), row.right.grouped()];
            details.row(
                [name.to_owned(), what, row.row.clone()]
                    .into_iter()
                    .chain(amounts),
            );
        }
    }
    if details.rows.is_empty() {
        vec![summary]
    } else {
        vec![summary, details]
    }
}
