//! Chaoyang: subsidies on top of dibao, each from its month on, and help in kind that is paid to a
//! supplier and stays in the household's record.

use acceptance::office::paper::movement;
use acceptance::{TestDb, for_each_engine};
use ledger::fund::Level;
use ledger_store::run::RunKind;
use serde_json::json;

use super::desk::{Desk, Row, csv, row, sent, xlsx};

/// Households and persons who had grain and oil; households who had electricity.
const HOUSEHOLDS: usize = 2_938;
const PERSONS: usize = 6_657;
const ELECTRIC: usize = 2_865;

/// Persons 1 to `persons` in households of the first `households` of them.
fn everybody(households: usize, persons: usize, component: &str) -> impl Iterator<Item = Row> {
    (1..=persons).map(move |n| {
        let one = row(n, component);
        if n > households {
            one.of((n - 1) % households + 1)
        } else {
            one
        }
    })
}

/// April with everybody whom the source counts: 6,657 × 15 and 2,865 × 3.69 yuan, to the fen.
#[tokio::test(flavor = "multi_thread")]
async fn grain_oil_and_electricity_begin_in_april() {
    let database = TestDb::sqlite();
    let desk = Desk::open(database.url(), "chaoyang", "2007-04-02").await;
    desk.letter("区示例1", Level::County, "urban-dibao", "50000")
        .await;
    desk.letter("中央示例1", Level::Central, "urban-dibao", "100000")
        .await;
    let mut rows: Vec<Row> = everybody(HOUSEHOLDS, PERSONS, "grain-oil").collect();
    rows.extend((1..=ELECTRIC).map(|n| row(n, "electricity")));
    let answer = desk
        .roster("urban-dibao", "2007-04", "四月.csv", &csv(&rows))
        .await;
    assert_eq!(answer["started"], PERSONS + ELECTRIC);
    // Paid out on the 28th.
    desk.office.on("2007-04-28");
    let april = desk.pay("urban-dibao", RunKind::Regular, "2007-04").await;
    assert_eq!(
        (april.payments(), april.fen()),
        (HOUSEHOLDS, 9_985_500 + 1_057_185)
    );
    let mut bank = vec![
        movement("2007-04-02", 5_000_000, "区示例1"),
        movement("2007-04-02", 10_000_000, "中央示例1"),
    ];
    bank.extend(sent("2007-04-28", &april));
    desk.close(("2007-04-01", "2007-04-30"), &bank).await;
    let summary = desk.summary("urban-dibao", "2007-04").await;
    assert_eq!(summary["households"]["this_month"], HOUSEHOLDS);
    assert_eq!(summary["persons"]["this_month"], PERSONS);
    assert_eq!(summary["paid_fen"], 11_042_685);
    // 足额发放率 100%.
    let rate = json!({ "paid": HOUSEHOLDS, "attempted": HOUSEHOLDS });
    assert_eq!(summary["success_rate"]["final"]["count"], rate);
    let grain = desk.component("urban-dibao", "grain-oil", 2007).await;
    assert_eq!(grain, [9_985_500, 2_938, 6_657]);
    let electricity = desk.component("urban-dibao", "electricity", 2007).await;
    assert_eq!(electricity, [1_057_185, 2_865, 2_865]);
}

/// November: 11 yuan more for 6,473 persons, 34 yuan for 124 of three categories.
#[tokio::test(flavor = "multi_thread")]
async fn the_raise_and_the_categories_begin_in_november() {
    let database = TestDb::sqlite();
    let desk = Desk::open(database.url(), "chaoyang", "2007-11-01").await;
    desk.letter("区示例2", Level::County, "urban-dibao", "80000")
        .await;
    let mut rows: Vec<Row> = everybody(2_800, 6_473, "raise").collect();
    let tags = ["elderly", "orphan", "veteran"];
    rows.extend((1..=124).map(|n| row(n, "categorical").tag(tags[n % 3])));
    desk.roster("urban-dibao", "2007-11", "十一月.csv", &csv(&rows))
        .await;
    let october = desk
        .office
        .create("urban-dibao", RunKind::Regular, "2007-10")
        .await;
    assert_eq!(october, None, "nothing before November");
    let november = desk
        .release("urban-dibao", RunKind::Regular, "2007-11")
        .await;
    assert_eq!(november.fen(), 7_120_300 + 421_600);
    let raise = desk.component("urban-dibao", "raise", 2007).await;
    let categorical = desk.component("urban-dibao", "categorical", 2007).await;
    assert_eq!([raise[0], raise[2]], [7_120_300, 6_473]);
    assert_eq!([categorical[0], categorical[2]], [421_600, 124]);
}

/// Twelve households of 27 persons from March to December: what a month comes to, by its rules.
#[tokio::test(flavor = "multi_thread")]
async fn each_subsidy_keeps_its_months() {
    let database = TestDb::sqlite();
    let desk = Desk::open(database.url(), "chaoyang", "2007-03-01").await;
    desk.letter("区示例3", Level::County, "urban-dibao", "100000")
        .await;
    // The base amount is approved award by award: the source prints none.
    let base = || everybody(12, 27, "base").map(|row| row.amount("120"));
    desk.roster(
        "urban-dibao",
        "2007-03",
        "三月.xlsx",
        &xlsx("三月", &base().collect::<Vec<_>>()),
    )
    .await;
    let mut april: Vec<Row> = base().chain(everybody(12, 27, "grain-oil")).collect();
    april.extend((1..=12).map(|n| row(n, "electricity")));
    let mut november = april.clone();
    november.extend(everybody(12, 27, "raise"));
    november.extend((1..=3).map(|n| row(n, "categorical").tag("orphan")));
    let (base, spring, electricity) = (27 * 12_000, 27 * 1_500, 12 * 369);
    let winter = 27 * 1_100 + 3 * 3_400;
    for (at, day, roster, expected) in [
        ("2007-03", "2007-03-28", None, base),
        (
            "2007-04",
            "2007-04-28",
            Some(&april),
            base + spring + electricity,
        ),
        ("2007-10", "2007-10-28", None, base + spring + electricity),
        (
            "2007-11",
            "2007-11-28",
            Some(&november),
            base + spring + winter,
        ),
        ("2007-12", "2007-12-28", None, base + spring + winter),
    ] {
        desk.office.on(day);
        if let Some(rows) = roster {
            desk.roster("urban-dibao", at, "名册.xlsx", &xlsx(at, rows))
                .await;
        }
        let paid = desk.pay("urban-dibao", RunKind::Regular, at).await;
        assert_eq!((paid.payments(), paid.fen()), (12, expected), "{at}");
    }
    // May to September were not paid at the time: one run makes up for them.
    let summer = desk.pay("urban-dibao", RunKind::BackPay, "2007-12").await;
    assert_eq!(summer.fen(), 5 * (base + spring + electricity));
    let seven = desk.component("urban-dibao", "electricity", 2007).await;
    assert_eq!(seven, [7 * 12 * 369, 12, 12], "4-10 月");
    // A household over the line is stopped; what it had a month is what is saved.
    let stopped: Vec<Row> = november.into_iter().filter(|row| !row.is_of(12)).collect();
    let diff = desk
        .roster(
            "urban-dibao",
            "2008-01",
            "一月.xlsx",
            &xlsx("一月", &stopped),
        )
        .await;
    assert_eq!(diff["ended"], 2 * 3 + 1);
    desk.office.assert_invariants().await;
}

/// A supplier of heat, with a credit code of nobody.
const HEAT: (&str, &str, &str) = ("示例供热公司", "91000000000000001X", "26000000000000009001");
const MARKET: (&str, &str, &str) = ("示例阳光超市", "91000000000000005X", "26000000000000009005");
const COAL: (&str, &str, &str) = ("示例煤炭公司", "91000000000000002X", "26000000000000009002");

/// 736 households do not pay for heat: the supplier is paid, each household keeps its record. 45
/// without heating and (100 for the source's 1,749) without a claim to the waiver get coal.
#[tokio::test(flavor = "multi_thread")]
async fn help_in_kind_is_paid_to_the_supplier_and_stays_in_the_households_record() {
    for_each_engine(async |url| {
        let desk = Desk::open(url, "chaoyang", "2007-10-08").await;
        desk.letter("市示例1", Level::City, "heating", "500000")
            .await;
        // The source leaves the amounts out: 480.50 and 300 stand for them.
        let waived = (1..=736).map(|n| row(n, "fee-waiver").amount("480.50").paid_to(HEAT));
        let coal = |n, tag| row(n, "coal").tag(tag).amount("300").paid_to(COAL);
        let without = (737..=781).map(|n| coal(n, "no-heating"));
        let unfit = (782..=881).map(|n| coal(n, "no-waiver"));
        let rows: Vec<Row> = waived.chain(without).chain(unfit).collect();
        desk.roster("heating", "2007-10", "采暖.csv", &csv(&rows))
            .await;
        let paid = desk.pay("heating", RunKind::Regular, "2007-10").await;
        let names: Vec<&str> = paid.files[0]
            .lines
            .iter()
            .map(|line| line.name.as_str())
            .collect();
        assert_eq!((paid.payments(), names.len()), (2, 2), "{names:?}");
        assert!(
            names.contains(&HEAT.0) && names.contains(&COAL.0),
            "{names:?}"
        );
        assert_eq!(paid.fen(), 736 * 48_050 + 145 * 30_000);
        let waiver = desk.component("heating", "fee-waiver", 2007).await;
        assert_eq!([waiver[0], waiver[2]], [736 * 48_050, 736]);
        let coal = desk.component("heating", "coal", 2007).await;
        assert_eq!([coal[0], coal[2]], [145 * 30_000, 145]);
        // The household's record has its part, the supplier's the whole.
        for (reference, own) in [
            ("D000001", 48_050),
            ("D000737", 30_000),
            (HEAT.1, 35_364_800),
        ] {
            let record = desk.record(reference).await;
            let payments = record["parties"][0]["payments"].as_array().unwrap().clone();
            assert_eq!(payments.len(), 1, "{reference}");
            assert_eq!(payments[0]["own_fen"], json!(own), "{reference}");
            assert_eq!(payments[0]["state"], "paid", "{reference}");
        }
        desk.office.assert_invariants().await;
    })
    .await;
}

/// 1,000 books for hardship and 3,000 for discounts, one for each of 4,000 households: the market
/// is paid for what they are worth, once.
#[tokio::test(flavor = "multi_thread")]
async fn vouchers_are_paid_to_the_market() {
    let database = TestDb::sqlite();
    let desk = Desk::open(database.url(), "chaoyang", "2007-05-08").await;
    desk.letter("市示例2", Level::City, "sunshine-market", "600000")
        .await;
    // The source leaves the amounts out: 200 and 100 stand for them.
    let book = |n, tag, yuan| row(n, "voucher").tag(tag).amount(yuan).paid_to(MARKET);
    let special = (1..=1_000).map(|n| book(n, "special", "200"));
    let discount = (1_001..=4_000).map(|n| book(n, "discount", "100"));
    let rows: Vec<Row> = special.chain(discount).collect();
    desk.roster("sunshine-market", "2007-05", "购物证.csv", &csv(&rows))
        .await;
    let paid = desk
        .pay("sunshine-market", RunKind::Regular, "2007-05")
        .await;
    assert_eq!(
        (paid.payments(), paid.fen()),
        (1, 1_000 * 20_000 + 3_000 * 10_000)
    );
    let books = desk.component("sunshine-market", "voucher", 2007).await;
    assert_eq!([books[0], books[2]], [50_000_000, 4_000]);
    let june = desk
        .office
        .create("sunshine-market", RunKind::Regular, "2007-06");
    assert_eq!(june.await, None, "a book is given once");
}
