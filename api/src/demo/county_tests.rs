//! Goal: the rosters and `policy.toml` alone give every published figure, to the fen. Method: a
//! small calculator, apart from the product's, that reads the policy as plain TOML and adds up
//! what each row of each month's roster is due; and a walk through the year's payments.

use std::collections::{BTreeMap, BTreeSet};

use ledger::money::Rounding;
use rust_decimal::Decimal;

use super::*;
use crate::demo::plans::Outcome;

fn months() -> impl Iterator<Item = Month> {
    let month = |number| Month::new(YEAR, number).unwrap();
    month(1).through(month(12))
}

fn text<'a>(value: &'a toml::Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

fn list<'a>(value: &'a toml::Value, key: &str) -> &'a [toml::Value] {
    value[key].as_array().unwrap()
}

/// What one row is due in a month.
fn due(policy: &toml::Value, program: &str, row: &RosterRow, month: Month) -> Fen {
    let named = |value: &&toml::Value, code: &str| text(value, "code") == code;
    let program = list(policy, "program")
        .iter()
        .find(|value| named(value, program))
        .unwrap();
    let component = list(program, "component")
        .iter()
        .find(|value| named(value, &row.component))
        .unwrap();
    let in_season = match text(component, "months") {
        "once" => true,
        range => {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            (first.parse().unwrap()..=last.parse().unwrap()).contains(&month.number())
        }
    };
    if !in_season {
        return Fen::ZERO;
    }
    if let Some(amount) = row.amount {
        assert!(!row.basis.is_empty(), "{row:?}");
        return amount;
    }
    let in_force = |value: &&toml::Value| {
        text(value, "tag") == row.tag && text(value, "from").parse::<Month>().unwrap() <= month
    };
    let standard = list(component, "standard").iter().rfind(in_force).unwrap();
    let yuan = |text: &str| Fen::parse_yuan(text).unwrap();
    match text(standard, "formula") {
        "amount" => yuan(text(standard, "amount")),
        "amount-minus-income" => yuan(text(standard, "amount")).minus(row.income).unwrap(),
        "rate" => {
            let of = text(standard, "of");
            let base = list(policy, "reference")
                .iter()
                .find(|value| named(value, of))
                .unwrap();
            let rate: Decimal = text(standard, "rate").parse().unwrap();
            let rounding = Rounding::from_name(text(standard, "rounding")).unwrap();
            yuan(text(base, "amount")).at_rate(rate, rounding).unwrap()
        }
        other => panic!("{other}"),
    }
}

/// Every month's roster in force, with unchanged months filled in.
fn rosters(county: &County, program: &str) -> BTreeMap<Month, Vec<RosterRow>> {
    let mut last = Vec::new();
    let mut all = BTreeMap::new();
    for month in months() {
        if let Some(rows) = county.roster(program, month) {
            last = rows;
        }
        all.insert(month, last.clone());
    }
    all
}

#[test]
fn every_component_comes_to_the_published_figure_to_the_fen() {
    let county = shenmu().unwrap();
    let policy: toml::Value = POLICY.parse::<toml::Table>().unwrap().into();
    let published: &[(&str, &[(&str, &str)])] = &[
        (
            "urban-dibao",
            &[
                ("base", "3767.4548"),
                ("categorical", "430.7172"),
                ("one-off", "92.352"),
                ("price", "37.1862"),
                ("heating", "298.32"),
            ],
        ),
        (
            "rural-dibao",
            &[
                ("base", "5608.1357"),
                ("categorical", "1328.0616"),
                ("one-off", "156.0028"),
                ("price", "106.9637"),
                ("heating", "339.35"),
            ],
        ),
        (
            "rural-tekun",
            &[
                ("living", "867.2872"),
                ("care", "329.11215"),
                ("heating", "62.05"),
                ("funeral", "49.2198"),
                ("centralised-care", "114.4369"),
                ("pocket-money", "27.81"),
                ("price", "2.3182"),
                ("one-off", "5.181"),
            ],
        ),
        (
            "urban-tekun",
            &[
                ("living", "39.38"),
                ("care", "9.702"),
                ("heating", "3.96"),
                ("one-off", "0.99"),
                ("price", "0.282"),
            ],
        ),
        (
            "orphan",
            &[
                ("living", "255.5"),
                ("tuition", "37"),
                ("centralised-living", "36.96"),
            ],
        ),
        ("policy-laid-off", &[("living", "386.992")]),
        ("sixties-streamlined", &[("living", "18.2956")]),
        (
            "laid-off-and-streamlined-extras",
            &[("heating", "21.12"), ("extra-month", "28.144")],
        ),
        ("dibao-margin", &[("price", "15.3891")]),
    ];
    assert_eq!(
        published.iter().map(|(code, _)| *code).collect::<Vec<_>>(),
        county.programs()
    );
    for (program, components) in published {
        let mut year: BTreeMap<String, Fen> = BTreeMap::new();
        for (month, rows) in rosters(&county, program) {
            for row in rows {
                let amount = due(&policy, program, &row, month);
                assert!(amount >= Fen::ZERO, "{row:?}");
                let sum = year.entry(row.component).or_default();
                *sum = sum.plus(amount).unwrap();
            }
        }
        let got: BTreeMap<String, String> = year
            .iter()
            .map(|(code, sum)| (code.clone(), sum.wan()))
            .collect();
        let expected = components
            .iter()
            .map(|(code, sum)| ((*code).into(), (*sum).into()));
        assert_eq!(got, expected.collect(), "{program}");
    }
}

/// Households and persons on the roster of a month; funeral rows speak of the dead.
fn counts(rows: &[RosterRow]) -> (usize, usize) {
    let living = || rows.iter().filter(|row| row.component != "funeral");
    let households: BTreeSet<&str> = living().map(|row| row.file_no.as_str()).collect();
    let persons: BTreeSet<&str> = living().map(|row| row.identity_no.as_str()).collect();
    (households.len(), persons.len())
}

#[test]
fn the_year_ends_with_the_published_households_and_persons() {
    let county = shenmu().unwrap();
    for (program, expected) in [
        ("urban-dibao", (2_492, 4_081)),
        ("rural-dibao", (6_801, 11_869)),
        ("rural-tekun", (1_330, 1_487)),
        ("urban-tekun", (78, 79)),
        ("policy-laid-off", (382, 382)),
        ("sixties-streamlined", (34, 34)),
        ("laid-off-and-streamlined-extras", (416, 416)),
        ("dibao-margin", (1_013, 1_686)),
    ] {
        let all = rosters(&county, program);
        assert_eq!(counts(all.values().last().unwrap()), expected, "{program}");
    }
    let with = |program, components: &[&str]| {
        let mut rows = rosters(&county, program).pop_last().unwrap().1;
        rows.retain(|row| components.contains(&row.component.as_str()));
        counts(&rows)
    };
    assert_eq!(with("rural-tekun", &["living"]), (1_096, 1_241));
    assert_eq!(with("rural-tekun", &["pocket-money"]), (234, 246));
    assert_eq!(with("urban-tekun", &["living"]).1, 34);
    assert_eq!(with("urban-tekun", &["care"]).1, 45);
    assert_eq!(with("orphan", &["living"]).1, 185);
    assert_eq!(with("orphan", &["centralised-living"]).1, 22);
    let july = rosters(&county, "urban-dibao")
        .into_values()
        .nth(6)
        .unwrap();
    assert_eq!(counts(&july), (2_597, 4_550));
}

#[test]
fn entries_and_exits_are_the_published_ones() {
    let county = shenmu().unwrap();
    // (program, entered, left) in households and persons, and months with a movement.
    for (program, entered, left, adjustments) in [
        ("urban-dibao", (87, 161), (194, 632), 11),
        ("rural-dibao", (704, 1_456), (1_008, 2_253), 10),
        ("rural-tekun", (73, 82), (87, 99), 5),
        ("urban-tekun", (11, 11), (10, 11), 8),
    ] {
        let all: Vec<Vec<RosterRow>> = rosters(&county, program).into_values().collect();
        let set = |rows: &[RosterRow], key: fn(&RosterRow) -> &String| -> BTreeSet<String> {
            rows.iter()
                .filter(|row| row.component != "funeral")
                .map(key)
                .cloned()
                .collect()
        };
        let (mut households, mut persons) = ((0, 0), (0, 0));
        let mut moved = 0;
        for pair in all.windows(2) {
            let keys: [fn(&RosterRow) -> &String; 2] = [|row| &row.file_no, |row| &row.identity_no];
            for (key, count) in keys.into_iter().zip([&mut households, &mut persons]) {
                let (before, after) = (set(&pair[0], key), set(&pair[1], key));
                count.0 += after.difference(&before).count();
                count.1 += before.difference(&after).count();
            }
            let key = keys[0];
            moved += usize::from(set(&pair[0], key) != set(&pair[1], key));
        }
        assert_eq!((households.0, persons.0), entered, "{program}");
        assert_eq!((households.1, persons.1), left, "{program}");
        assert_eq!(moved, adjustments, "{program}");
    }
}

#[test]
fn a_person_has_one_row_for_a_component_and_one_payee() {
    let county = shenmu().unwrap();
    let mut owner: BTreeMap<String, String> = BTreeMap::new();
    for program in county.programs() {
        for (month, rows) in rosters(&county, program) {
            let mut seen = BTreeSet::new();
            for row in rows {
                assert!(
                    seen.insert((row.identity_no.clone(), row.component.clone())),
                    "{program} {month} {row:?}"
                );
                let holder = owner
                    .entry(row.account_no.clone())
                    .or_insert(row.payee_no.clone());
                assert_eq!(*holder, row.payee_no);
                assert_eq!(row.amount.is_some(), !row.basis.is_empty());
            }
        }
    }
}

/// First-attempt and final results of a program's year.
#[derive(Debug, Default)]
struct Year {
    payments: (i64, Fen),
    first: (i64, Fen),
    paid: (i64, Fen),
    pending: i64,
    refunded: i64,
}

fn add(count: &mut (i64, Fen), amount: Fen) {
    *count = (count.0 + 1, count.1.plus(amount).unwrap());
}

/// Pays every payee once a month on the 10th; what fails is paid again to the account of the next
/// roster (in December, of the supplement) on a later day.
fn pay(county: &County, policy: &toml::Value, program: &str) -> Year {
    let all = rosters(county, program);
    let mut year = Year::default();
    for (month, rows) in &all {
        let mut payments: BTreeMap<&str, (Fen, &str)> = BTreeMap::new();
        for row in rows {
            let amount = due(policy, program, row, *month);
            let payment = payments
                .entry(&row.payee_no)
                .or_insert((Fen::ZERO, row.account_no.as_str()));
            payment.0 = payment.0.plus(amount).unwrap();
        }
        payments.retain(|_, (amount, _)| *amount > Fen::ZERO);
        let later = if month.number() == 12 {
            county.roster_supplement(program, *month)
        } else {
            all.get(&month.next()).cloned()
        };
        let accounts: BTreeMap<String, String> = later
            .into_iter()
            .flatten()
            .map(|row| (row.payee_no, row.account_no))
            .collect();
        for (payee, (amount, account)) in payments {
            add(&mut year.payments, amount);
            let plan = county.account_plan(account);
            let date = month.day(10).unwrap();
            let first = plan.outcome(date, 1);
            match &first {
                Outcome::Failed(_) => {}
                _ => add(&mut year.first, amount),
            }
            year.pending += i64::from(first == Outcome::PaidLater);
            year.refunded += i64::from(matches!(first, Outcome::Refunded(..)));
            let again = || {
                let account = accounts.get(payee).map_or(account, String::as_str);
                let date = if month.number() == 12 {
                    date
                } else {
                    month.next().day(10).unwrap()
                };
                county.account_plan(account).outcome(date, 2) == Outcome::Paid
            };
            if matches!(first, Outcome::Paid | Outcome::PaidLater) || again() {
                add(&mut year.paid, amount);
            }
        }
    }
    year
}

/// Hundredths of a percent, half up.
fn rate(part: i64, whole: i64) -> i64 {
    (part * 20_000 + whole) / (whole * 2)
}

#[test]
fn payments_end_at_the_published_success_rates() {
    let county = shenmu().unwrap();
    let policy: toml::Value = POLICY.parse::<toml::Table>().unwrap().into();
    for program in county.programs() {
        let year = pay(&county, &policy, program);
        let count = [year.first.0, year.paid.0].map(|part| rate(part, year.payments.0));
        let amount =
            [year.first.1, year.paid.1].map(|part| rate(part.get(), year.payments.1.get()));
        println!("{program}: first {count:?} by count and {amount:?} by amount; {year:?}");
        if *program == "rural-dibao" {
            assert_eq!(count[1], 9_800);
            assert!((9_795..=9_809).contains(&amount[1]), "{amount:?}");
            assert!((9_680..=9_720).contains(&count[0]), "{count:?}");
            assert_eq!(year.refunded, 12);
        } else {
            assert_eq!((count[1], amount[1]), (10_000, 10_000), "{program}");
            assert_eq!(year.paid, year.payments);
            assert!((9_850..=10_000).contains(&count[0]), "{program} {count:?}");
        }
        if *program == "urban-dibao" {
            assert!(count[0] < 9_930, "{count:?}");
            assert_eq!(year.refunded, 8);
        }
        assert!(
            year.payments.0 < 300 || year.first.0 < year.payments.0,
            "{program}"
        );
    }
}

#[test]
fn corrections_stand_in_the_roster_of_their_month() {
    let county = shenmu().unwrap();
    let mut found = 0;
    for program in county.programs() {
        for month in months() {
            let supplement = county.corrections_supplement(program, month);
            assert_eq!(
                supplement.is_empty(),
                county.roster_supplement(program, month).is_none()
            );
            let corrections = county.corrections(program, month);
            let rows = county.roster(program, month).unwrap_or_default();
            for correction in corrections {
                assert_ne!(correction.account_no, correction.old_account_no);
                assert_ne!(county.account_plan(&correction.old_account_no), Plan::Good);
                assert!(
                    rows.iter()
                        .any(|row| row.account_no == correction.account_no)
                );
                assert!(
                    rows.iter()
                        .all(|row| row.account_no != correction.old_account_no)
                );
                found += 1;
            }
            found += supplement.len();
        }
    }
    assert!(found > 700, "{found}");
}

#[test]
fn the_county_is_always_the_same() {
    let month = Month::new(YEAR, 6).unwrap();
    let rows = || shenmu().unwrap().roster("rural-dibao", month).unwrap();
    assert_eq!(rows(), rows());
    assert_eq!(shenmu().unwrap().plans(), shenmu().unwrap().plans());
}
