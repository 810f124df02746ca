//! Banks that take and send XML messages: treasury vouchers 5201 with 8207, and ISO 20022. The
//! bank of these tests reads and writes them as text and knows nothing of the product's codecs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::for_each_engine;
use acceptance::office::paper::{Person, account, people};
use acceptance::office::{Office, WAY, done};
use api::app::appropriation::{self, NewAppropriation};
use api::app::{Error, policy, release};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::GBK;
use ledger::fund::Level;
use ledger::money::Fen;
use ledger_store::run::RunKind;
use serde_json::Value;

/// Two programs more, each with an account at a bank that speaks XML.
const POLICY: &str = r#"
[[bank_account]]
code = "treasury"
bank_name = "示例国库代理银行测试支行"
bank_no = "102100099996"
account_no = "2600000000000000003"
account_name = "测试县民政局"
debit = "succeeded"
batch_profile = "mof-5201"
return_profile = "mof-5201-answer"
statement_profile = "generic-statement-csv"

[[bank_account]]
code = "iso"
bank_name = "示例城市银行测试支行"
bank_no = "102100099996"
account_no = "2600000000000000004"
account_name = "测试县民政局"
debit = "succeeded"
batch_profile = "pain-001-09"
return_profile = "pain-002"
statement_profile = "generic-statement-csv"

[[program]]
code = "orphan"
name = "孤儿基本生活费"
function_code = "2081001"
funding = { bank_account = "treasury" }

[[program.component]]
code = "living"
name = "基本生活费"
scope = "person"
months = "1-12"
standard = [{ from = "2022-01", formula = "individual", document = "示例〔2022〕1号" }]

[[program]]
code = "tekun"
name = "特困人员救助供养"
function_code = "2082101"
funding = { bank_account = "iso" }

[[program.component]]
code = "living"
name = "基本生活标准"
scope = "person"
months = "1-12"
standard = [{ from = "2022-01", formula = "individual", document = "示例〔2022〕1号" }]
"#;

const COUNTS: [&str; 6] = [
    "paid",
    "failed",
    "pending",
    "repeated",
    "exceptions",
    "unanswered",
];

/// 20 orphans get 2,210 yuan, of 1,500 of the province and 3,000 of the county.
#[tokio::test]
async fn treasury_vouchers_go_out_and_come_back_filled_in() {
    for_each_engine(async |url| {
        let office = office(url).await;
        grant(&office, ("省示例3", Level::Province), "orphan", 150_000).await;
        grant(&office, ("县示例3", Level::County), "orphan", 300_000).await;
        office.roster("orphan", "2022-01", &people(20)).await;
        let (number, sent) = send(&office, "orphan", RunKind::Regular).await;
        let sent = decoded(&sent);
        let [payment, details]: [String; 2] = vouchers(&sent).try_into().unwrap();
        for (name, expected) in [
            ("AdmDivCode", vec!["610881"]),
            ("VoucherNo", vec![&*number, "B000001-1", "B000001-2"]),
            ("FileNoName", vec!["省示例3", "县示例3"]),
            ("ExpFuncCode", vec!["2081001"; 3]),
            ("PayAmt", vec!["2210.00", "1500.00", "710.00"]),
        ] {
            assert_eq!(inside(&payment, name), expected, "{name}");
        }
        assert_eq!(inside(&details, "SumAmt"), ["2210.00"]);
        assert_eq!(inside(&details, "PayAmt").len(), 20);
        office.assert_invariants().await;

        office.on("2022-01-12");
        let answer = filled_in(&sent, &[(16, "户名不符"), (17, "账户已销户")]);
        let other = account(900);
        for (from, to) in [(&*account(1), &*other), ("测试一<", "测试某<")] {
            let changed = rewritten(&answer, |text| text.replacen(from, to, 1));
            let codes = findings(&office, &changed).await;
            assert_eq!(codes, ["BNK-0210"], "{from}");
        }
        assert_eq!(office.count("select count(*) from outcome").await, 0);
        assert_eq!(import(&office, &answer).await, [18, 2, 0, 0, 0, 0]);
        assert_eq!(findings(&office, &answer).await, [""; 0]);
        office.assert_invariants().await;

        let corrected = moved(people(20), &[16, 17]);
        office.roster("orphan", "2022-01", &corrected).await;
        let (_, again) = send(&office, "orphan", RunKind::RePay).await;
        let again = decoded(&again);
        let [payment, details]: [String; 2] = vouchers(&again).try_into().unwrap();
        assert_eq!(inside(&payment, "PayAmt")[0], "235.00");
        assert_eq!(inside(&details, "Id"), ["P17-2", "P18-2"]);
        let accounts = [account(916), account(917)];
        assert_eq!(inside(&details, "PayeeAcctNo"), accounts);
        let answer = filled_in(&again, &[]);
        assert_eq!(import(&office, &answer).await, [2, 0, 0, 0, 0, 0]);
        let left = [office.left("省示例3").await, office.left("县示例3").await];
        assert_eq!(left, [0, 229_000]);
        office.assert_invariants().await;
    })
    .await;
}

/// Five get 515 yuan; a report says what holds for whatever it does not list.
#[tokio::test]
async fn transfers_of_iso_20022_are_answered_by_status_reports() {
    for_each_engine(async |url| {
        let office = office(url).await;
        grant(&office, ("县示例4", Level::County), "tekun", 100_000).await;
        office.roster("tekun", "2022-01", &people(5)).await;
        let (number, sent) = send(&office, "tekun", RunKind::Regular).await;
        let sent = String::from_utf8(sent).unwrap();
        let keys = ["P1-1", "P2-1", "P3-1", "P4-1", "P5-1"];
        for (name, expected) in [
            ("MsgId", vec![&*number]),
            ("CtrlSum", vec!["515.00"; 2]),
            ("NbOfTxs", vec!["5"; 2]),
            ("EndToEndId", keys.to_vec()),
        ] {
            assert_eq!(inside(&sent, name), expected, "{name}");
        }
        let debtor = sent.find("<DbtrAgt>").unwrap();
        assert_eq!(inside(&sent[debtor..], "MmbId")[0], "102100099996");
        office.assert_invariants().await;

        office.on("2022-01-12");
        let listed = [("P1-1", "ACSC", ""), ("P2-1", "RJCT", "账户已销户")];
        let (first, second) = (
            report(&number, "ACTC", &listed),
            report(&number, "ACSC", &listed),
        );
        assert_eq!(import(&office, &first).await, [1, 1, 3, 0, 0, 0]);
        office.assert_invariants().await;
        // The same two lines; of all others the bank now says that they are paid.
        assert_eq!(import(&office, &second).await, [3, 0, 0, 2, 0, 0]);
        office.assert_invariants().await;

        let corrected = moved(people(5), &[1]);
        office.roster("tekun", "2022-01", &corrected).await;
        let (number, again) = send(&office, "tekun", RunKind::RePay).await;
        let again = String::from_utf8(again).unwrap();
        assert_eq!(inside(&again, "EndToEndId"), ["P2-2"]);
        assert_eq!(inside(&again, "CtrlSum"), ["102.00"; 2]);
        assert!(again.contains(&account(901)));
        let answer = report(&number, "ACSC", &[("P2-2", "ACSC", "")]);
        assert_eq!(import(&office, &answer).await, [1, 0, 0, 0, 0, 0]);
        office.assert_invariants().await;
    })
    .await;
}

async fn office(url: &str) -> Office {
    let office = Office::open(url).await;
    let maker = office.who("maker");
    done(policy::import(&office.app, maker, "xml.toml", POLICY, None).await);
    office
}

async fn grant(office: &Office, (document, level): (&str, Level), program: &str, fen: i64) {
    let bank_account = if program == "orphan" {
        "treasury"
    } else {
        "iso"
    };
    let new = NewAppropriation {
        document: document.to_owned(),
        level,
        budget_year: 2022,
        program: program.to_owned(),
        bank_account: bank_account.to_owned(),
        amount: Fen::new(fen),
        received_on: office.app.clock.today(),
        priority: if level == Level::Province { 1 } else { 2 },
    };
    done(appropriation::add(&office.app, office.who("accountant"), &new, None).await);
}

/// January in one file: the number of its batch, and the file.
async fn send(office: &Office, program: &str, kind: RunKind) -> (String, Vec<u8>) {
    let run = office.create(program, kind, "2022-01").await.unwrap();
    office.walk(run, WAY.len()).await;
    let cashier = office.who("cashier");
    let all = release::list_batches(&office.app, cashier).await.unwrap();
    let all = all.json["batches"].as_array().unwrap();
    let own: Vec<&Value> = all.iter().filter(|one| one["run"] == run.get()).collect();
    assert_eq!(own.len(), 1);
    let number = own[0]["batch"].as_str().unwrap().to_owned();
    let file = release::batch_file(&office.app, cashier, &number).await;
    (number, file.unwrap().content)
}

async fn import(office: &Office, answer: &[u8]) -> [i64; 6] {
    let answer = done(office.import("answer.xml", answer, None).await);
    COUNTS.map(|name| answer[name].as_i64().unwrap())
}

/// The codes of what is wrong with an answer that is refused.
async fn findings(office: &Office, answer: &[u8]) -> Vec<&'static str> {
    match office.import("answer.xml", answer, None).await {
        Err(Error::Refused { findings, .. }) => findings.iter().map(|one| one.code).collect(),
        Err(Error::Internal(error)) => panic!("failed: {error:?}"),
        Ok(done) => panic!("not refused: {}", done.answer),
    }
}

/// At these places the people get other accounts.
fn moved(mut people: Vec<Person>, places: &[usize]) -> Vec<Person> {
    for place in places {
        people[*place].account = account(900 + place);
    }
    people
}

/// The texts of all elements of a name that have only text.
fn inside<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = text.split(&*open).skip(1);
    parts
        .map(|part| part.split_once(&*close).unwrap().0)
        .collect()
}

fn decoded(bytes: &[u8]) -> String {
    GBK.decode(bytes).0.into_owned()
}

/// The vouchers in an envelope.
fn vouchers(envelope: &str) -> Vec<String> {
    let vouchers = inside(envelope, "Voucher").into_iter();
    vouchers
        .map(|text| decoded(&STANDARD.decode(text).unwrap()))
        .collect()
}

/// An envelope whose vouchers are changed.
fn rewritten(envelope: &[u8], change: impl Fn(&str) -> String) -> Vec<u8> {
    let mut text = decoded(envelope);
    for inner in inside(&text.clone(), "Voucher") {
        let voucher = decoded(&STANDARD.decode(inner).unwrap());
        let changed = STANDARD.encode(GBK.encode(&change(&voucher)).0);
        text = text.replace(inner, &changed);
    }
    GBK.encode(&text).0.into_owned()
}

/// The very vouchers that came, filled in: all is paid but these places.
fn filled_in(sent: &str, failed: &[(usize, &str)]) -> Vec<u8> {
    let yuan = |text: &str| Fen::parse_yuan(text).unwrap();
    let why = |place: usize| failed.iter().find(|one| one.0 == place).map(|one| one.1);
    let fill = |text: &str, name: &str, value: &str| {
        let filled = format!("<{name}>{value}</{name}>");
        text.replacen(&format!("<{name}/>"), &filled, 1)
    };
    let payees = vouchers(sent).remove(1);
    let amounts = inside(&payees, "PayAmt");
    let paid = amounts.iter().enumerate();
    let paid = paid.filter(|(place, _)| why(*place).is_none());
    let paid = Fen::sum(paid.map(|(_, text)| yuan(text)))
        .unwrap()
        .to_string();
    let answered = sent.replace("<VoucherFlag>0<", "<VoucherFlag>1<");
    rewritten(&GBK.encode(&answered).0, |voucher| {
        let (head, list) = voucher.split_once("<DetailList>").unwrap();
        let mut text = head.to_owned();
        for (name, value) in [
            ("XPayDate", "20220112"),
            ("XAgentBusinessNo", "A1"),
            ("XPayAmt", &*paid),
            ("XSumAmt", &*paid),
        ] {
            text = fill(&text, name, value);
        }
        text += "<DetailList>";
        if !head.contains("<SumAmt>") {
            return text + list;
        }
        for (place, detail) in list.split("<Detail>").skip(1).enumerate() {
            let detail = fill(detail, "XPayDate", "20220112");
            let detail = fill(&detail, "XAgentBusinessNo", &format!("A{place}"));
            let detail = match why(place) {
                Some(why) => fill(&fill(&detail, "XPayAmt", "0.00"), "XAddWord", why),
                None => fill(&detail, "XPayAmt", inside(&detail, "PayAmt")[0]),
            };
            text += "<Detail>";
            text += &detail;
        }
        text
    })
}

/// A pain.002 that lists these transfers, and the state of its group.
fn report(number: &str, group: &str, listed: &[(&str, &str, &str)]) -> Vec<u8> {
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.002.001.03\"><CstmrPmtStsRpt>\n\
         <GrpHdr><MsgId>R1</MsgId><CreDtTm>2022-01-12T10:00:00</CreDtTm></GrpHdr>\n\
         <OrgnlGrpInfAndSts><OrgnlMsgId>{number}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09\
         </OrgnlMsgNmId><GrpSts>{group}</GrpSts></OrgnlGrpInfAndSts>\n\
         <OrgnlPmtInfAndSts><OrgnlPmtInfId>{number}</OrgnlPmtInfId>\n"
    );
    for (key, status, why) in listed {
        let why = match *why {
            "" => String::new(),
            why => {
                format!("<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>{why}</AddtlInf></StsRsnInf>")
            }
        };
        text += &format!(
            "<TxInfAndSts><OrgnlEndToEndId>{key}</OrgnlEndToEndId><TxSts>{status}</TxSts>{why}\
             </TxInfAndSts>\n"
        );
    }
    text += "</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>\n";
    text.into_bytes()
}
