//! Notices of payments that came back after they had been reported paid: the treasury's 2252, a
//! bank's list, camt.054. They make the payment due again, once; the statement brings the money.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::for_each_engine;
use acceptance::office::paper::{BatchFile, Line, Outcome, account, movement, people};
use acceptance::office::{Office, done, month, told};
use api::app::exception::{self, Page};
use api::app::returns::{self, ReturnInput, Said};
use api::app::{Error, report, trace};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::GBK;
use ledger::account::Chart;
use ledger::id::{ExceptionId, PaymentId};
use serde_json::{Value, json};

const CHARTS: [Chart; 3] = [Chart::RefundAwaited, Chart::Payable, Chart::Suspense];

fn gbk(text: &str) -> Vec<u8> {
    GBK.encode(text).0.into_owned()
}

/// 2252: amounts are below zero, each detail is a payment by its key.
fn treasury(batch: &str, lines: &[(&str, &Line)]) -> Vec<u8> {
    let detail = |(key, line): &(&str, &Line)| {
        let (account, name, amount) = (&line.account, &line.name, line.amount);
        format!(
            "<Detail><Id>{key}</Id><PayeeAcctNo>{account}</PayeeAcctNo>\
             <PayeeAcctName>{name}</PayeeAcctName><PayAmt>-{amount}</PayAmt>\
             <Remark>账户已销户</Remark></Detail>"
        )
    };
    let details: String = lines.iter().map(detail).collect();
    let sum: i64 = lines.iter().map(|(_, line)| line.amount.get()).sum();
    let sum = ledger::money::Fen::new(sum);
    let inner = gbk(&format!(
        "<?xml version=\"1.0\" encoding=\"GBK\"?><Voucher><Id>T1</Id><VouDate>20220115</VouDate>\
         <OriginalVoucherNo>{batch}</OriginalVoucherNo><PayAmt>-{sum}</PayAmt>\
         <Remark>退款</Remark><DetailList>{details}</DetailList></Voucher>"
    ));
    gbk(&format!(
        "<?xml version=\"1.0\" encoding=\"GBK\"?>\n<MOF><VoucherCount>1</VoucherCount>\
         <VoucherBody AdmDivCode=\"610881\" StYear=\"2022\" VtCode=\"2252\" VoucherNo=\"T1\">\
         <VoucherFlag>0</VoucherFlag><Return_Reason/><Attach/><Voucher>{}</Voucher>\
         </VoucherBody></MOF>",
        STANDARD.encode(inner)
    ))
}

/// NTAGDRFD: account, name and amount, without a key of ours.
fn merchants(lines: &[&Line]) -> Vec<u8> {
    let row = |line: &&Line| {
        let Line {
            account,
            name,
            amount,
            ..
        } = line;
        format!(
            "<NTAGDRFDZ1><BTHDTL>D1</BTHDTL><EACNBR>{account}</EACNBR><EACNAM>{name}</EACNAM>\
             <TRSAMT>{amount}</TRSAMT><TRSDAT>20220115</TRSDAT><STSCOD>S</STSCOD>\
             <ERRCOD>T01</ERRCOD><RTNTXT>退票:账户已销户</RTNTXT></NTAGDRFDZ1>"
        )
    };
    let rows: String = lines.iter().map(row).collect();
    gbk(&format!(
        "<?xml version=\"1.0\" encoding=\"GBK\"?>\n<CMBSDKPGK><INFO><FUNNAM>NTAGDRFD</FUNNAM>\
         <DATTYP>2</DATTYP><RETCOD>0</RETCOD><ERRMSG/></INFO>{rows}</CMBSDKPGK>"
    ))
}

/// camt.054: a credit for each payment that came back.
pub(crate) fn iso(lines: &[(&str, &Line)]) -> Vec<u8> {
    let entry = |(key, line): &(&str, &Line)| {
        let (account, name, amount) = (&line.account, &line.name, line.amount);
        format!(
            "<Ntry><Amt Ccy=\"CNY\">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>\
             <Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2022-01-15</Dt></BookgDt>\
             <NtryDtls><TxDtls><Refs><EndToEndId>{key}</EndToEndId></Refs>\
             <Amt Ccy=\"CNY\">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><RltdPties><Dbtr><Pty>\
             <Nm>{name}</Nm></Pty></Dbtr><DbtrAcct><Id><Othr><Id>{account}</Id></Othr></Id>\
             </DbtrAcct></RltdPties><RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf></TxDtls></NtryDtls>\
             </Ntry>"
        )
    };
    let entries: String = lines.iter().map(entry).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.054.001.08\">\
         <BkToCstmrDbtCdtNtfctn><GrpHdr><MsgId>S1</MsgId><CreDtTm>2022-01-15T08:00:00</CreDtTm>\
         </GrpHdr><Ntfctn><Id>S1</Id><CreDtTm>2022-01-15T08:00:00</CreDtTm><Acct><Id><Othr>\
         <Id>2600000000000000001</Id></Othr></Id><Ccy>CNY</Ccy></Acct>{entries}</Ntfctn>\
         </BkToCstmrDbtCdtNtfctn></Document>"
    )
    .into_bytes()
}

fn input(name: &str, bytes: &[u8]) -> ReturnInput {
    ReturnInput {
        file_name: name.to_owned(),
        bytes: bytes.to_vec(),
        batch: None,
        profile: None,
        said: Said::default(),
    }
}

/// Looks at a notice, imports it, and compares returned, repeated and differing lines.
async fn told_of(office: &Office, name: &str, bytes: &[u8], counts: [i64; 3]) {
    let (app, who) = (&office.app, office.who("cashier"));
    let before = office.balances(CHARTS).await;
    let seen = returns::preview(app, who, &input(name, bytes))
        .await
        .unwrap();
    assert_eq!(
        office.balances(CHARTS).await,
        before,
        "a preview books nothing"
    );
    let answer = done(returns::import(app, who, &input(name, bytes), None).await);
    let of = |answer: &Value| {
        ["returned", "repeated", "exceptions"].map(|name| answer[name].as_i64().unwrap())
    };
    assert_eq!(of(&answer), counts, "{name}");
    assert_eq!(of(&seen.json), counts, "{name}: preview");
    assert!(seen.json["notice"].is_null() && answer["notice"].is_i64());
    office.assert_invariants().await;
}

/// Five people of 101 to 105 yuan, all reported paid by a bank that takes the batch whole.
async fn paid(url: &str) -> (Office, BatchFile) {
    let office = Office::funded(url).await;
    office.roster("urban", "2022-01", &people(5)).await;
    let batch = office.pay_month("urban", "2022-01").await;
    office.answer(&batch, |_| Outcome::Paid).await;
    let seen = [
        movement("2022-01-05", 450_000, "省示例1 县示例1"),
        movement("2022-01-06", -51_500, "B000001"),
    ];
    office
        .statement("icbc", ("2022-01-01", "2022-01-14"), &seen)
        .await;
    (office, batch)
}

#[tokio::test(flavor = "multi_thread")]
async fn three_kinds_of_notices_make_payments_due_once_and_the_statement_brings_the_money() {
    for_each_engine(async |url| {
        let (office, batch) = paid(url).await;
        let line = |place: usize| &batch.lines[place];
        // The one credit of both letters waits in suspense; see `statements::`.
        assert_eq!(office.balances(CHARTS).await, [0, 0, 450_000]);
        let first = treasury("B000001", &[("P1-1", line(0)), ("P2-1", line(1))]);
        told_of(&office, "2252.xml", &first, [2, 0, 0]).await;
        assert_eq!(office.balances(CHARTS).await, [20_300, 20_300, 450_000]);
        // The same bytes under another name, the same content in other bytes.
        let again = office.import("other.xml", &first, None).await;
        assert_eq!(told(&again), "BNK-0002");
        let spaced = [first.as_slice(), b"\n".as_slice()].concat();
        let again = office.import("spaced.xml", &spaced, None).await;
        assert_eq!(told(&again), "BNK-0002");
        // A second notice of one that is known, by another layout; and one more.
        let second = iso(&[("P2-1", line(1)), ("P3-1", line(2))]);
        told_of(&office, "054.xml", &second, [1, 1, 0]).await;
        // Without a key: the only payment of that amount to that account.
        told_of(&office, "ntagdrfd.xml", &merchants(&[line(3)]), [1, 0, 0]).await;
        assert_eq!(office.balances(CHARTS).await, [41_000, 41_000, 450_000]);
        let rate = report::success_rate(
            &office.app,
            office.who("manager"),
            month("2022-01"),
            month("2022-01"),
        );
        let json = rate.await.unwrap().json.to_string();
        assert!(json.contains("\"paid\":1"), "{json}");
        // Money comes home: by its key, by account and amount, and one nobody told of.
        let home = [
            movement("2022-01-16", 10_100, "P1-1"),
            movement("2022-01-16", 10_200, "退票 P2-1"),
            movement("2022-01-16", 10_300, "P3-1"),
            movement("2022-01-17", 10_400, "P4-1"),
            movement("2022-01-17", 10_500, "P5-1"),
        ];
        let days = ("2022-01-15", "2022-01-20");
        let answer = office.statement("icbc", days, &home).await;
        assert_eq!(
            (answer["refunds"].as_i64(), answer["late_refunds"].as_i64()),
            (Some(5), Some(1))
        );
        assert_eq!(office.balances(CHARTS).await, [0, 51_500, 450_000]);
        // What the statement told first is known when the notice comes.
        told_of(&office, "late.xml", &iso(&[("P5-1", line(4))]), [0, 1, 0]).await;
        let shown = trace::payment(&office.app, office.who("auditor"), PaymentId(1)).await;
        let shown = shown.unwrap().json.to_string();
        assert!(shown.contains("notice"), "{shown}");
        // All are due again, and paid once more to accounts that exist.
        let mut corrected = people(5);
        for (place, person) in corrected.iter_mut().enumerate() {
            person.account = account(900 + place);
        }
        office.roster("urban", "2022-01", &corrected).await;
        let again = office.pay_again("urban", "2022-01").await;
        assert_eq!(again.lines.len(), 5);
        office.answer(&again, |_| Outcome::Paid).await;
        office.assert_invariants().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_of_an_unknown_payment_is_a_difference_and_its_money_stands_in_suspense() {
    for_each_engine(async |url| {
        let (office, batch) = paid(url).await;
        let line = |place: usize| batch.lines[place].clone();
        let other = Line {
            amount: ledger::money::Fen::new(10_001),
            ..line(1)
        };
        let nobody = Line {
            account: account(900),
            ..line(2)
        };
        let rows = [("P99-1", &line(0)), ("P2-1", &other)];
        told_of(&office, "iso.xml", &iso(&rows), [0, 0, 2]).await;
        told_of(&office, "cmb.xml", &merchants(&[&nobody]), [0, 0, 1]).await;
        // The number of the treasury's own voucher is no batch of ours; the detail's is our key.
        let own = treasury("610881-7", &[("P1-1", &line(0))]);
        told_of(&office, "2252.xml", &own, [1, 0, 0]).await;
        assert_eq!(office.balances(CHARTS).await, [10_100, 10_100, 450_000]);
        let (app, who) = (&office.app, office.who("auditor"));
        let open = exception::list(app, who, true, Page::ALL)
            .await
            .unwrap()
            .json;
        let of = |row: &Value| (row["kind"].clone(), row["source"].clone());
        let open = open["exceptions"].as_array().unwrap();
        let notices: Vec<_> = open
            .iter()
            .map(of)
            .filter(|row| row.1 == "notice")
            .collect();
        assert_eq!(notices, vec![(json!("refund-notice"), json!("notice")); 3]);
        let tied = report::tie_out(app, office.who("manager"), month("2022-01")).await;
        let named = tied.unwrap().json["differences"].to_string();
        assert_eq!(named.matches("\"refund-notice\"").count(), 3, "{named}");
        // Two people: what was meant is payment 3, at its own amount only; the others are nobody's.
        let settle = async |id: i64, how: &str| -> Result<_, Error> {
            let id = ExceptionId(id);
            exception::propose(app, office.who("maker"), id, how, "已核实", None).await?;
            exception::confirm(app, office.who("reviewer"), id, None).await
        };
        assert_eq!(told(&settle(4, "force-match:P2-1").await), "EXC-0002");
        assert_eq!(told(&settle(4, "force-match:P1-1").await), "EXC-0002");
        assert_eq!(told(&settle(4, "suspense").await), "EXC-0002");
        let settled = done(settle(4, "force-match:P3-1").await);
        assert_eq!(
            (&settled["effect"], &settled["amount_fen"]),
            (&json!("returned"), &json!(10_300))
        );
        office.assert_invariants().await;
        for id in [2, 3] {
            done(settle(id, "ignore").await);
        }
        assert_eq!(office.balances(CHARTS).await, [20_400, 20_400, 450_000]);
        let home = [
            movement("2022-01-16", 10_300, "P3-1"),
            movement("2022-01-16", 10_001, "退票 无名"),
        ];
        office
            .statement("icbc", ("2022-01-15", "2022-01-20"), &home)
            .await;
        assert_eq!(office.balances(CHARTS).await, [10_100, 20_400, 460_001]);
        office.assert_invariants().await;
    })
    .await;
}
