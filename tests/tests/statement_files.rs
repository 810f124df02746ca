//! Statements as files: one after another in every format, looked at before they are taken in, and
//! taken back by two people.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::for_each_engine;
use acceptance::office::paper::{BatchFile, Movement, Outcome, movement, people, write_statement};
use acceptance::office::{Office, done, month, refused, told};
use api::app::appropriation::{self, NewReduction};
use api::app::proposal::Change;
use api::app::statement::{self, StatementInput};
use api::app::{Done, Error, exception, period, report};
use ledger::account::Chart;
use ledger::id::{ExceptionId, StatementId};
use ledger::money::Fen;
use ledger_store::exception::Page;
use serde_json::Value;

const ICBC: &str = "2600000000000000001";

/// Urban of January, 101 and 102 yuan; the first is paid, the second failed.
async fn sent(office: &Office) -> BatchFile {
    office.roster("urban", "2022-01", &people(2)).await;
    let batch = office.pay_month("urban", "2022-01").await;
    assert_eq!(batch.total.get(), 20_300);
    let of = |place| match place {
        0 => Outcome::Paid,
        _ => Outcome::Failed("户名不符"),
    };
    office.answer(&batch, of).await;
    batch
}

fn january() -> [Movement; 3] {
    [
        movement("2022-01-05", 150_000, "省示例1"),
        movement("2022-01-05", 300_000, "县示例1"),
        movement("2022-01-10", -20_300, "B000001"),
    ]
}

/// What MT940 and camt.053 write of a side and an amount.
fn side(fen: i64) -> (&'static str, Fen) {
    (if fen < 0 { "D" } else { "C" }, Fen::new(fen.abs()))
}

/// `2022-01-31` as `220131`.
fn short(date: &str) -> String {
    date.replace('-', "")[2..].to_owned()
}

/// The opening balance is dated by the day of the closing balance before it.
fn mt940((opened, closed): (&str, &str), opening: i64, seen: &[Movement]) -> Vec<u8> {
    let amount = |fen: i64| Fen::new(fen).to_string().replace('.', ",");
    let mut text = format!(
        ":20:S1\r\n:25:{ICBC}\r\n:28C:1/1\r\n:60F:C{}CNY{}\r\n",
        short(opened),
        amount(opening)
    );
    let mut balance = opening;
    for Movement { date, fen, remark } in seen {
        let (mark, day) = (side(*fen).0, short(date));
        text += &format!(
            ":61:{day}{}{mark}{}NTRFNONREF//B1\r\n:86:?00往来?20{remark}\r\n",
            &day[2..],
            amount(fen.abs())
        );
        balance += fen;
    }
    text += &format!(":62F:C{}CNY{}\r\n-}}", short(closed), amount(balance));
    text.into_bytes()
}

/// Without `FrToDt`, which is optional.
fn camt((opened, closed): (&str, &str), opening: i64, seen: &[Movement]) -> Vec<u8> {
    let balance = |code: &str, date: &str, fen: i64| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"CNY\">{}</Amt>\
             <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{date}</Dt></Dt></Bal>",
            Fen::new(fen)
        )
    };
    let closing = opening + seen.iter().map(|one| one.fen).sum::<i64>();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt>\
         <GrpHdr><MsgId>S1</MsgId><CreDtTm>{closed}T18:00:00</CreDtTm></GrpHdr><Stmt>\
         <Id>S1</Id><CreDtTm>{closed}T18:00:00</CreDtTm>\
         <Acct><Id><Othr><Id>{ICBC}</Id></Othr></Id><Ccy>CNY</Ccy></Acct>{}{}",
        balance("OPBD", opened, opening),
        balance("CLBD", closed, closing)
    );
    for Movement { date, fen, remark } in seen {
        let (mark, amount) = side(*fen);
        let mark = if mark == "D" { "DBIT" } else { "CRDT" };
        text += &format!(
            "<Ntry><Amt Ccy=\"CNY\">{amount}</Amt><CdtDbtInd>{mark}</CdtDbtInd><Sts><Cd>BOOK</Cd>\
             </Sts><BookgDt><Dt>{date}</Dt></BookgDt><AcctSvcrRef>B1</AcctSvcrRef><BkTxCd><Prtry>\
             <Cd>TRF</Cd></Prtry></BkTxCd><AddtlNtryInf>{remark}</AddtlNtryInf></Ntry>"
        );
    }
    text += "</Stmt></BkToCstmrStmt></Document>";
    text.into_bytes()
}

/// As the statement in csv, cell by cell; it says when it begins.
fn workbook(days: (&str, &str), opening: i64, seen: &[Movement]) -> Vec<u8> {
    let text = String::from_utf8(write_statement(ICBC, days, opening, seen)).unwrap();
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (row, line) in (0..).zip(text.lines()) {
        for (column, cell) in (0..).zip(line.split(',')) {
            sheet.write_string(row, column, cell).unwrap();
        }
    }
    book.save_to_buffer().unwrap()
}

type Writer = fn((&str, &str), i64, &[Movement]) -> Vec<u8>;

async fn one_after_another(url: &str, profile: &str, write: Writer, next: &str) {
    let office = Office::funded(url).await;
    sent(&office).await;
    office.on("2022-02-28");
    let first = write(("2022-01-01", "2022-01-31"), 0, &january());
    let take = async |bytes: &[u8]| office.take_statement("icbc", bytes, Some(profile)).await;
    let answer = done(take(&first).await);
    assert_eq!(
        (&answer["matched"], &answer["exceptions"]),
        (&3.into(), &0.into())
    );
    assert_eq!(told(&take(&first).await), "BNK-0002");
    // Not when a movement is of a day that was stated already, nor when the balances differ.
    let early = [movement("2022-01-31", 10_200, "P2-1")];
    let days = ("2022-01-31", "2022-02-28");
    assert_eq!(told(&take(&write(days, 429_700, &early)).await), "BNK-0010");
    let home = [movement("2022-02-08", 10_200, "P2-1")];
    assert_eq!(told(&take(&write(days, 429_701, &home)).await), "BNK-0010");
    let second = write((next, "2022-02-28"), 429_700, &home);
    let answer = done(take(&second).await);
    assert_eq!(
        (&answer["refunds"], &answer["exceptions"]),
        (&1.into(), &0.into())
    );
    assert_eq!(answer["from"], "2022-02-01", "it begins the day after");
    assert_eq!(office.balances([Chart::RefundAwaited]).await, [0]);
    office.assert_invariants().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_statements_in_mt940_follow_each_other() {
    for_each_engine(async |url| one_after_another(url, "mt940", mt940, "2022-01-31").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_statements_in_camt_053_follow_each_other() {
    for_each_engine(async |url| one_after_another(url, "camt-053", camt, "2022-01-31").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_statements_as_workbooks_follow_each_other() {
    let layout = "generic-statement-xlsx";
    for_each_engine(async |url| one_after_another(url, layout, workbook, "2022-02-01").await).await;
}

#[tokio::test]
async fn a_movement_outside_the_period_is_refused_in_every_format() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.on("2022-02-28");
        let seen = [movement("2022-02-01", 150_000, "省示例1")];
        for (profile, write) in [("mt940", mt940 as Writer), ("camt-053", camt)] {
            let bytes = write(("2022-01-01", "2022-01-31"), 0, &seen);
            let refused = refused(office.take_statement("icbc", &bytes, Some(profile)).await);
            assert_eq!(refused.code(), "BNK-0013", "{profile}");
            assert!(refused.to_string().contains("2022-02-01"), "{refused}");
        }
    })
    .await;
}

async fn rows(office: &Office) -> i64 {
    let sql = "select (select count(*) from statement) + (select count(*) from stored_file)
        + (select count(*) from exception) + (select count(*) from audit_entry)";
    office.count(sql).await
}

#[tokio::test]
async fn a_preview_says_what_would_match_and_what_stays_open_and_writes_nothing() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        sent(&office).await;
        office.on("2022-01-31");
        let before = rows(&office).await;
        let seen = [
            movement("2022-01-05", 300_000, "县示例1"),
            movement("2022-01-10", -20_400, "B000001"),
        ];
        let input = StatementInput {
            account: "icbc".to_owned(),
            file_name: "s.csv".to_owned(),
            bytes: write_statement(ICBC, ("2022-01-01", "2022-01-31"), 0, &seen),
            profile: None,
        };
        let (app, who) = (&office.app, office.who("accountant"));
        let shown = statement::preview(app, who, &input).await.unwrap();
        let json = &shown.json;
        assert_eq!(json["closing_fen"], 279_600);
        assert_eq!(
            (&json["matched"], &json["exceptions"]),
            (&1.into(), &1.into())
        );
        assert_eq!(json["movements"][0]["matched_to"], "县示例1");
        assert_eq!(json["movements"][1]["kind"], "batch-debit-differs");
        let left: Vec<&Value> = json["awaited"].as_array().unwrap().iter().collect();
        let left: Vec<&str> = left
            .iter()
            .map(|one| one["what"].as_str().unwrap())
            .collect();
        assert_eq!(left, ["B000001", "P2-1", "省示例1"]);
        assert_eq!(
            (shown.tables[0].rows.len(), shown.tables[1].rows.len()),
            (2, 3)
        );
        assert_eq!(rows(&office).await, before);

        let imported = done(statement::import(app, who, &input, None).await);
        for name in [
            "from",
            "to",
            "opening_fen",
            "closing_fen",
            "matched",
            "exceptions",
        ] {
            assert_eq!(imported[name], json[name], "{name}");
        }
        let refused = statement::preview(app, who, &input).await;
        assert!(
            refused.is_err(),
            "what an import refuses, its preview refuses"
        );
    })
    .await;
}

#[tokio::test]
async fn a_statement_shows_its_movements_with_what_each_was_matched_to() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        sent(&office).await;
        let seen = [
            &january()[..],
            &[
                movement("2022-01-11", 10_200, "退 P2-1"),
                movement("2022-01-12", -500, "转账手续费 6200000000000000123"),
            ],
        ];
        let answer = office
            .statement("icbc", ("2022-01-01", "2022-01-31"), &seen.concat())
            .await;
        let id = StatementId(answer["statement"].as_i64().unwrap());
        let (app, who) = (&office.app, office.who("auditor"));
        let page = Page { after: 0, limit: 4 };
        let shown = statement::show(app, who, id, page).await.unwrap().json;
        let next = shown["next"].as_i64().unwrap();
        let rest = Page {
            after: next,
            limit: 4,
        };
        let rest = statement::show(app, who, id, rest).await.unwrap().json;
        let all = |json: &Value| json["movements"].as_array().unwrap().clone();
        let lines = [all(&shown), all(&rest)].concat();
        let names: Vec<&Value> = lines.iter().map(|one| &one["matched"][0]["name"]).collect();
        assert_eq!(names[..4], ["省示例1", "县示例1", "B000001", "退款 P2-1"]);
        assert_eq!(lines[4]["kind"], "bank-fee");
        assert_eq!(
            (&lines[4]["exception"], &lines[4]["state"]),
            (&1.into(), &"open".into())
        );
        assert_eq!(lines[4]["remark"], "转账手续费 ***************0123");
        assert_eq!(rest["next"], Value::Null);
        let missing = statement::show(app, who, StatementId(99), Page::ALL).await;
        assert!(missing.is_err());
        // A fee is no part of a batch.
        let shown = exception::show(app, who, ExceptionId(1))
            .await
            .unwrap()
            .json;
        assert_eq!(shown["candidates"], Value::Array(Vec::new()));
    })
    .await;
}

async fn taken_back(office: &Office, id: i64) -> Result<Done, Error> {
    let change = Change::Unstate(StatementId(id), "银行重出".to_owned());
    office.agree("accountant", "maker", &change).await
}

/// What the bank showed until the end of January: a refund of a failure, one after success, and
/// money of a stranger.
fn late_january() -> [Movement; 3] {
    [
        movement("2022-01-21", 10_200, "退 P2-1"),
        movement("2022-01-22", 10_100, "退 P1-1"),
        movement("2022-01-23", 777, "来款"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_take_the_newest_statement_back_and_it_may_come_again() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        sent(&office).await;
        office.on("2022-01-31");
        let first = write_statement(ICBC, ("2022-01-01", "2022-01-20"), 0, &january());
        done(office.take_statement("icbc", &first, None).await);
        let charts = [
            Chart::Bank,
            Chart::Payable,
            Chart::RefundAwaited,
            Chart::Suspense,
            Chart::BudgetExpense,
        ];
        let before = office.balances(charts).await;
        let days = ("2022-01-21", "2022-01-31");
        let second = write_statement(ICBC, days, 429_700, &late_january());
        let mut after = Vec::new();
        for round in [2, 3, 4] {
            let answer = done(office.take_statement("icbc", &second, None).await);
            assert_eq!(answer["statement"], round);
            let counts = ["refunds", "late_refunds", "exceptions"].map(|name| &answer[name]);
            assert_eq!(counts, [2, 1, 1]);
            office.assert_invariants().await;
            after.push(office.balances(charts).await);
            assert_eq!(
                told(&taken_back(&office, 1).await),
                "BNK-0014",
                "not the newest"
            );
            let alone = Change::Unstate(StatementId(round), "银行重出".to_owned());
            let alone = office.agree("maker", "maker", &alone).await;
            assert_eq!(told(&alone), "AUTH-0006");
            if round < 4 {
                done(taken_back(&office, round).await);
                assert_eq!(office.balances(charts).await, before);
                office.assert_invariants().await;
                office.assert_months(&["2022-01"]).await;
                assert_eq!(told(&taken_back(&office, round).await), "BNK-0014");
            }
        }
        assert!(after.iter().all(|one| one == &after[0]) && after[0] != before);
        let open = exception::list(&office.app, office.who("auditor"), true, Page::ALL).await;
        assert_eq!(
            open.unwrap().json["exceptions"].as_array().unwrap().len(),
            1
        );
        let list = statement::list(&office.app, office.who("auditor"))
            .await
            .unwrap()
            .json;
        let withdrawn = list["statements"].as_array().unwrap().iter();
        let withdrawn: Vec<&Value> = withdrawn.map(|one| &one["withdrawn"]).collect();
        assert_eq!(withdrawn, [false, true, true, false]);
        assert!(
            office
                .trail()
                .await
                .contains(&"statement.withdraw".to_owned())
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_on_which_something_is_built_is_not_taken_back() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        sent(&office).await;
        let seen = [&january()[..], &late_january()].concat();
        let answer = office
            .statement("icbc", ("2022-01-01", "2022-01-31"), &seen)
            .await;
        assert_eq!(answer["exceptions"], 1);
        let (app, maker) = (&office.app, office.who("maker"));
        let id = ExceptionId(1);
        done(exception::propose(app, maker, id, "suspense", "待查", None).await);
        done(exception::confirm(app, office.who("reviewer"), id, None).await);
        let refused_one = refused(taken_back(&office, 1).await);
        assert_eq!(refused_one.code(), "BNK-0014");
        assert!(
            refused_one.to_string().contains("已处理的差异"),
            "{refused_one}"
        );
    })
    .await;
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        sent(&office).await;
        let seen = [&january()[..], &late_january()[..1]].concat();
        office
            .statement("icbc", ("2022-01-01", "2022-01-31"), &seen)
            .await;
        let more = people(3);
        let mut fixed = more[..2].to_vec();
        fixed[1].account = more[2].account.clone();
        office.roster("urban", "2022-02", &fixed).await;
        office.pay_again("urban", "2022-01").await;
        let sent_again = refused(taken_back(&office, 1).await);
        assert!(sent_again.to_string().contains("重新发放"), "{sent_again}");
    })
    .await;
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        sent(&office).await;
        let seen = [&january()[..], &late_january()[..1]].concat();
        office
            .statement("icbc", ("2022-01-01", "2022-01-31"), &seen)
            .await;
        office.on("2022-01-31");
        let accountant = office.who("accountant");
        done(period::close(&office.app, accountant, month("2022-01"), None).await);
        let closed = refused(taken_back(&office, 1).await);
        assert!(closed.to_string().contains("2022-01 is closed"), "{closed}");
    })
    .await;
}

/// What the bank does not have yet, and what the books do not have, of debits.
async fn open(office: &Office) -> [Vec<i64>; 2] {
    let who = office.who("accountant");
    let sheet = report::bank_reconciliation(&office.app, who, "icbc", month("2022-01"));
    let json = sheet.await.unwrap().json;
    assert_eq!(json["difference_fen"], 0);
    ["booked_paid_not_at_bank", "bank_paid_not_booked"].map(|name| {
        let rows = json[name].as_array().unwrap().iter();
        rows.map(|row| row["amount_fen"].as_i64().unwrap())
            .collect()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_goes_back_to_the_treasury_is_known_on_the_statement() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let (app, accountant) = (&office.app, office.who("accountant"));
        office.on("2022-01-12");
        let back = async |document: &str, fen: i64| {
            let amount = Fen::new(fen);
            let given = appropriation::return_to_treasury(
                app, accountant, document, "urban", amount, None, None,
            );
            done(given.await);
        };
        back("省示例1", 10_000).await;
        back("县示例1", 20_000).await;
        back("县示例1", 30_000).await;
        let reduction = NewReduction {
            document: "县示例1".to_owned(),
            program: None,
            by: "县示例120号".to_owned(),
            amount: Fen::new(40_000),
            on: None,
        };
        done(appropriation::reduce(app, accountant, &reduction, None).await);
        let seen = [
            movement("2022-01-05", 150_000, "省示例1"),
            movement("2022-01-05", 300_000, "县示例1"),
            // Before anything went back: a stranger's, however equal.
            movement("2022-01-06", -10_000, "货款"),
            movement("2022-01-13", -20_000, "缴回国库 县示例1"),
            movement("2022-01-13", -30_000, "缴款"),
            movement("2022-01-14", -40_001, "县示例120号"),
        ];
        let answer = office
            .statement("icbc", ("2022-01-01", "2022-01-20"), &seen)
            .await;
        assert_eq!(
            (&answer["matched"], &answer["exceptions"]),
            (&4.into(), &2.into())
        );
        assert_eq!(
            open(&office).await,
            [vec![10_000, 40_000], vec![10_000, 40_001]]
        );
        let shown = exception::show(app, office.who("auditor"), ExceptionId(2)).await;
        let shown = shown.unwrap().json;
        let detail = shown["detail"].as_str().unwrap();
        assert!(
            detail.starts_with("县示例120号 应为 -400.00 元"),
            "{detail}"
        );
        let candidates = shown["candidates"].as_array().unwrap();
        let code = candidates
            .iter()
            .find(|one| one["amount_fen"] == -40_000)
            .unwrap();
        assert!(code["as"].as_str().unwrap().starts_with('V'), "{code}");
        // Two people may say that the debit of 100 yuan is that of the first return after all.
        let of = |fen: i64| {
            let found = candidates.iter().find(|one| one["amount_fen"] == -fen);
            found.unwrap()["as"].as_str().unwrap().to_owned()
        };
        let settle = async |id: i64, how: &str| {
            let id = ExceptionId(id);
            exception::propose(app, office.who("maker"), id, how, "已核实", None).await?;
            exception::confirm(app, office.who("reviewer"), id, None).await
        };
        let wrong = format!("force-match:{}", of(40_000));
        assert_eq!(told(&settle(1, &wrong).await), "EXC-0002");
        let right = format!("force-match:{}", of(10_000));
        assert_eq!(done(settle(1, &right).await)["effect"], "linked");
        assert_eq!(told(&settle(2, &right).await), "EXC-0002", "explained once");
        assert_eq!(open(&office).await, [vec![40_000], vec![40_001]]);
        office.assert_invariants().await;
    })
    .await;
}
