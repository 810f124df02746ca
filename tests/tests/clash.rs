//! The clash check of a run: what blocks it, what takes an explanation, and that both are kept.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::for_each_engine;
use acceptance::office::paper::{Person, account, people, person, roster};
use acceptance::office::{Office, WAY, done, month, refused};
use api::app::clash::{self, ListInput};
use api::app::run::{self, NewRun};
use ledger::disbursement::clash::ListKind;
use ledger::disbursement::workflow::RunEvent;
use ledger::fund::Level;
use ledger::id::RunId;
use ledger_store::run::RunKind;
use serde_json::Value;

fn list(kind: ListKind, name: &str, rows: &[(&Person, &str)]) -> ListInput {
    let mut text = "身份证号,姓名,日期\r\n".to_owned();
    for (person, since) in rows {
        text += &format!("{},{},{since}\r\n", person.identity, person.name);
    }
    ListInput {
        kind,
        name: name.to_owned(),
        file_name: "名单.csv".to_owned(),
        bytes: text.into_bytes(),
    }
}

async fn import(office: &Office, list: &ListInput) -> Value {
    done(clash::import_list(&office.app, office.who("maker"), list, None).await)
}

/// Codes of the checks that found something, and how often.
async fn found(office: &Office, run: RunId) -> Vec<(String, i64)> {
    let report = clash::findings(&office.app, office.who("maker"), run, 1_000).await;
    let document = report.unwrap().json;
    let checks = document["checks"].as_array().unwrap();
    let code = |check: &Value| check["code"].as_str().unwrap().to_owned();
    let count = |check: &Value| check["findings"].as_i64().unwrap();
    checks
        .iter()
        .map(|check| (code(check), count(check)))
        .collect()
}

/// A list, who stands on it since when, and the checks that find something.
type Case<'a> = (ListKind, &'a [(&'a Person, &'a str)], &'a [(&'a str, i64)]);

/// Who stands on which list since when, and what the check of January says of three people.
#[tokio::test(flavor = "multi_thread")]
async fn lists_of_other_offices_are_compared() {
    let (one, two) = (person(1), person(2));
    let cases: &[Case<'_>] = &[
        (ListKind::Deceased, &[(&one, "2021-12-31")], &[("A01", 1)]),
        (
            ListKind::Deceased,
            &[(&one, "2021-12-31"), (&two, "")],
            &[("A01", 2)],
        ),
        (ListKind::Deceased, &[(&one, "2022-01-31")], &[]),
        (
            ListKind::Employed,
            &[(&one, ""), (&two, "2022-02-01")],
            &[("A19", 1)],
        ),
        (ListKind::Excluded, &[(&two, "2020-01-01")], &[("A06L", 1)]),
        (ListKind::Excluded, &[(&person(9), "")], &[]),
        (
            ListKind::Cadre,
            &[(&two, ""), (&one, "2022-02-01")],
            &[("A30", 1)],
        ),
        // Who qualifies is no reason against paying them.
        (ListKind::Eligible, &[(&one, ""), (&two, "")], &[]),
    ];
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("urban", "2022-01", &people(3)).await;
        let run = office
            .create("urban", RunKind::Regular, "2022-01")
            .await
            .unwrap();
        for (kind, rows, expected) in cases {
            for kind in ListKind::ALL {
                // A newer list of the same kind and name takes the place of the case before.
                import(&office, &list(*kind, "示例名单", &[(&person(50), "")])).await;
            }
            import(&office, &list(*kind, "示例名单", rows)).await;
            done(office.act("maker", RunEvent::Check, run, None).await);
            let found = found(&office, run).await;
            let found: Vec<(&str, i64)> = found.iter().map(|(a, n)| (a.as_str(), *n)).collect();
            assert_eq!(&found, expected, "{kind:?} {}", rows.len());
        }
        office.assert_invariants().await;
    })
    .await;
}

/// A program that pays each household for heat in January.
const HEATING: &str = r#"
[[program]]
code = "heat"
name = "示例取暖"
funding = { bank_account = "csv" }
[[program.component]]
code = "heating"
name = "取暖补贴"
scope = "household"
months = "1"
standard = [{ from = "2021-01", formula = "individual", document = "示例〔2021〕1号" }]
"#;

/// Who died when, and what the checks of both runs then find.
type Deaths<'a> = (usize, &'a str, [&'a [(&'a str, i64)]; 2]);

/// Money for a household as a whole, or to somebody who takes it for another: when one of its
/// people or the payee has died, somebody looks at it.
#[tokio::test(flavor = "multi_thread")]
async fn deaths_behind_a_payment_take_an_explanation() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let (app, maker) = (&office.app, office.who("maker"));
        done(api::app::policy::import(app, maker, "heat.toml", HEATING, None).await);
        office
            .grant("县示例9", Level::County, "heat", 1_000_000)
            .await;
        // The fourth is paid to the fifth, who is on no roll. The household of the first has heat.
        let mut four = people(4);
        four[3].payee = (person(5).name, person(5).identity);
        four[3].account = account(5);
        office.roster("urban", "2022-01", &four).await;
        let heat = String::from_utf8(roster(&people(1))).unwrap();
        let heat = heat.replace(",living,", ",heating,");
        let (at, bytes) = (month("2022-01"), heat.as_bytes());
        let roster = api::app::roster::import(app, maker, "heat", at, "h.csv", bytes, false, None);
        done(roster.await);
        let mut runs = Vec::new();
        for program in ["urban", "heat"] {
            let run = office.create(program, RunKind::Regular, "2022-01").await;
            runs.push(run.unwrap());
        }
        let cases: [Deaths<'_>; 4] = [
            (9, "2021-06-01", [&[], &[]]),
            (5, "2021-06-01", [&[("A01H", 1)], &[]]),
            (5, "2022-01-03", [&[], &[]]),
            // Paid for herself after her death, and her household is paid as a whole.
            (1, "2021-06-01", [&[("A01", 1)], &[("A01H", 1)]]),
        ];
        for (who, since, expected) in cases {
            let dead = list(ListKind::Deceased, "殡仪馆", &[(&person(who), since)]);
            import(&office, &dead).await;
            for (run, expected) in runs.iter().zip(expected) {
                done(office.act("maker", RunEvent::Check, *run, None).await);
                let found = found(&office, *run).await;
                let found: Vec<(&str, i64)> = found.iter().map(|(a, n)| (a.as_str(), *n)).collect();
                assert_eq!(found, expected, "{who} {since}");
            }
        }
        office.assert_invariants().await;
    })
    .await;
}

/// An error blocks until it is gone; a warning until somebody says why it may stand. A new check
/// asks anew.
#[tokio::test(flavor = "multi_thread")]
async fn errors_block_and_warnings_take_a_reason() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let mut three = people(3);
        three[1].account = account(1);
        office.roster("urban", "2022-01", &three).await;
        import(
            &office,
            &list(ListKind::Deceased, "殡仪馆", &[(&three[2], "2021-06-01")]),
        )
        .await;
        let run = office
            .create("urban", RunKind::Regular, "2022-01")
            .await
            .unwrap();
        let check = done(office.act("maker", RunEvent::Check, run, None).await);
        assert_eq!(
            (&check["errors"], &check["warnings"]),
            (&1.into(), &1.into())
        );
        let submit = async || office.act("maker", RunEvent::Submit, run, None).await;
        assert_eq!(refused(submit().await).code(), "RUN-0006");
        // Whoever has died leaves the roster, and the run is calculated again.
        office.roster("urban", "2022-01", &three[..2]).await;
        done(office.act("maker", RunEvent::Calculate, run, None).await);
        done(office.act("maker", RunEvent::Check, run, None).await);
        assert_eq!(found(&office, run).await, [("A07".to_owned(), 1)]);
        assert_eq!(refused(submit().await).code(), "RUN-0008");
        let explain = async |check: &str, reason: &str| {
            let (app, maker) = (&office.app, office.who("maker"));
            clash::explain(app, maker, run, check, reason, None).await
        };
        assert_eq!(refused(explain("A01", "无").await).code(), "RUN-0006");
        assert!(explain("A07", " ").await.is_err());
        done(explain("A07", "夫妻共用一户,已核实").await);
        done(office.act("maker", RunEvent::Check, run, None).await);
        assert_eq!(
            refused(submit().await).code(),
            "RUN-0008",
            "a new check asks anew"
        );
        done(explain("A07", "夫妻共用一户,已核实").await);
        done(submit().await);
        office.assert_invariants().await;
    })
    .await;
}

/// What changed after the calculation is seen by the check: a run never pays by an old roster.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_out_of_date_is_blocked() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("urban", "2022-01", &people(2)).await;
        let run = office
            .create("urban", RunKind::Regular, "2022-01")
            .await
            .unwrap();
        office.roster("urban", "2022-01", &people(3)).await;
        done(office.act("maker", RunEvent::Check, run, None).await);
        assert_eq!(found(&office, run).await, [("A22".to_owned(), 1)]);
        done(office.act("maker", RunEvent::Calculate, run, None).await);
        done(office.act("maker", RunEvent::Check, run, None).await);
        assert_eq!(found(&office, run).await, []);
        // And what comes in after the check is seen before the run leaves the maker's hands.
        let died = list(ListKind::Deceased, "殡仪馆", &[(&person(1), "2021-06-01")]);
        import(&office, &died).await;
        let submit = office.act("maker", RunEvent::Submit, run, None).await;
        assert_eq!(refused(submit).code(), "RUN-0003");
        let nobody = list(ListKind::Deceased, "殡仪馆", &[(&person(50), "")]);
        import(&office, &nobody).await;
        done(office.act("maker", RunEvent::Submit, run, None).await);
    })
    .await;
}

/// Two programs that exclude each other: who has been paid one for a month is not paid the other.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_draws_two_programs_that_exclude_each_other() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let exclude = clash::exclude(
            &office.app,
            office.who("maker"),
            ["rural", "urban"],
            "示例〔2022〕2号",
            None,
        );
        done(exclude.await);
        office.roster("urban", "2022-01", &people(3)).await;
        office.pay("urban", RunKind::Regular, "2022-01").await;
        let mut both = people(5).split_off(2);
        both[0].file_no = "N000001".to_owned();
        office.roster("rural", "2022-01", &both).await;
        let new = NewRun {
            program: "rural".to_owned(),
            kind: RunKind::Regular,
            month: month("2022-01"),
            first: None,
        };
        let run = done(run::create(&office.app, office.who("maker"), &new, None).await);
        let run = RunId(run["run"].as_i64().unwrap());
        done(office.act("maker", RunEvent::Check, run, None).await);
        let found = found(&office, run).await;
        assert!(found.contains(&("A06".to_owned(), 1)), "{found:?}");
        assert_eq!(WAY[1].1, RunEvent::Submit);
        let submit = office.act("maker", RunEvent::Submit, run, None).await;
        assert_eq!(refused(submit).code(), "RUN-0006");
        office.assert_invariants().await;
    })
    .await;
}

/// A faulty list changes nothing and every fault is named.
#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_list_is_refused_whole() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let good = person(1);
        let mut list = list(ListKind::Deceased, "殡仪馆", &[(&good, "2021-06-01")]);
        list.bytes
            .extend("610881190001010013,测试,2021-06-01\r\n".as_bytes());
        list.bytes
            .extend(format!("{},测试,六月\r\n", good.identity).bytes());
        let import = clash::import_list(&office.app, office.who("maker"), &list, None).await;
        let Err(api::app::Error::Refused { problem, findings }) = import else {
            panic!("the list was taken");
        };
        let places: Vec<_> = findings
            .iter()
            .map(|fault| {
                (
                    fault.place.row.unwrap(),
                    fault.place.column.clone().unwrap(),
                )
            })
            .collect();
        assert_eq!(problem.code(), "BNK-0001");
        assert_eq!(places, [(3, "身份证号".to_owned()), (4, "日期".to_owned())]);
        assert_eq!(office.count("select count(*) from listed_person").await, 0);
    })
    .await;
}

/// Whom a component is for, and what the check of January 2022 says of a woman and a man who were
/// born on 2 January 1900: 121 years old on the first day of the month, 122 on the last.
#[tokio::test(flavor = "multi_thread")]
async fn ages_sexes_and_disabilities_are_held_against_categories() {
    let cases: [(&str, &[(&str, i64)]); 7] = [
        ("effect = \"require\", age_from = 80", &[]),
        ("effect = \"require\", age_to = 17", &[("A25C", 2)]),
        ("effect = \"require\", age_from = 122", &[("A25C", 2)]),
        (
            "effect = \"require\", age_from = 122, age_on = \"last-day\"",
            &[],
        ),
        ("effect = \"expect\", sex = \"female\"", &[("A25E", 1)]),
        ("effect = \"require\", disability = \"1-2\"", &[("A25C", 2)]),
        // One of several must fit.
        (
            "effect = \"require\", age_to = 15, document = \"d\" }, \
             { from = \"2021-01\", effect = \"require\", age_from = 60",
            &[],
        ),
    ];
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let (app, maker) = (&office.app, office.who("maker"));
        for (n, (rule, expected)) in cases.iter().enumerate() {
            let text = HEATING
                .replace("code = \"heat\"", &format!("code = \"kind-{n}\""))
                .replace("示例取暖", &format!("示例项目{n}"))
                .replace("scope = \"household\"\nmonths = \"1\"", "scope = \"person\"\nmonths = \"1-12\"")
                .replace(
                    "standard = [",
                    &format!(
                        "eligibility = [{{ from = \"2021-01\", {rule}, document = \"示例〔2021〕2号\" }}]\n\
                         standard = ["
                    ),
                );
            done(api::app::policy::import(app, maker, "kind.toml", &text, None).await);
            let program = format!("kind-{n}");
            office.grant(&format!("县示例{}", 20 + n), Level::County, &program, 1_000_000).await;
            let two = String::from_utf8(roster(&people(2))).unwrap();
            let two = two.replace(",living,", ",heating,");
            let (at, bytes) = (month("2022-01"), two.as_bytes());
            let import = api::app::roster::import(
                app, maker, &program, at, "k.csv", bytes, false, None,
            );
            done(import.await);
            let run = office.create(&program, RunKind::Regular, "2022-01").await.unwrap();
            done(office.act("maker", RunEvent::Check, run, None).await);
            let found = found(&office, run).await;
            let found: Vec<(&str, i64)> = found.iter().map(|(a, n)| (a.as_str(), *n)).collect();
            // Money of another program for the same people is no clash.
            assert_eq!(&found, expected, "{rule}");
        }
        office.assert_invariants().await;
    })
    .await;
}

/// Help for a household as a whole: its roster names the members, and each of them is held against
/// the lists of the living.
#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_household_are_held_against_every_list() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let (app, maker) = (&office.app, office.who("maker"));
        done(api::app::policy::import(app, maker, "heat.toml", HEATING, None).await);
        office
            .grant("县示例9", Level::County, "heat", 1_000_000)
            .await;
        let (head, spouse) = (person(1), person(2));
        let text = format!(
            "档案号,乡镇,姓名,身份证号,与户主关系,账号,发放项目,核定金额,核定依据\n\
             H1,东示例镇,{},{},户主,{},取暖补贴,300,示例\n\
             ,,{},{},配偶,,,,\n",
            head.name, head.identity, head.account, spouse.name, spouse.identity,
        );
        let (at, bytes) = (month("2022-01"), text.as_bytes());
        let roster = api::app::roster::import(app, maker, "heat", at, "h.csv", bytes, false, None);
        done(roster.await);
        let run = office.create("heat", RunKind::Regular, "2022-01").await;
        let run = run.unwrap();
        for (kind, since, expected) in [
            (ListKind::Employed, "2022-02-01", &[][..]),
            (ListKind::Employed, "2021-06-01", &[("A19", 1)]),
            (ListKind::Excluded, "", &[("A06L", 1), ("A19", 1)]),
        ] {
            import(&office, &list(kind, "示例名单", &[(&spouse, since)])).await;
            done(office.act("maker", RunEvent::Check, run, None).await);
            let found = found(&office, run).await;
            let found: Vec<(&str, i64)> = found.iter().map(|(a, n)| (a.as_str(), *n)).collect();
            assert_eq!(found, expected, "{kind:?} {since}");
        }
        office.assert_invariants().await;
    })
    .await;
}

/// A funeral fee is granted once, to somebody who has died: it takes an explanation. The same
/// person's monthly amount blocks.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_granted_once_after_a_death_takes_an_explanation() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let (app, maker) = (&office.app, office.who("maker"));
        let rules = HEATING.replace(
            "scope = \"household\"\nmonths = \"1\"",
            "scope = \"person\"\nmonths = \"once\"",
        );
        done(api::app::policy::import(app, maker, "fee.toml", &rules, None).await);
        office
            .grant("县示例9", Level::County, "heat", 1_000_000)
            .await;
        office.roster("urban", "2022-01", &people(2)).await;
        let fee = String::from_utf8(roster(&people(1))).unwrap();
        let fee = fee.replace(",living,", ",heating,");
        let (at, bytes) = (month("2022-01"), fee.as_bytes());
        let import = api::app::roster::import(app, maker, "heat", at, "f.csv", bytes, false, None);
        done(import.await);
        let dead = person(1);
        import_dead(&office, &dead).await;
        for (program, expected, errors) in [("urban", ("A01", 1), 1), ("heat", ("A01H", 1), 0)] {
            let run = office.create(program, RunKind::Regular, "2022-01").await;
            let run = run.unwrap();
            let checked = done(office.act("maker", RunEvent::Check, run, None).await);
            assert_eq!(checked["errors"], errors, "{program}");
            let found = found(&office, run).await;
            assert_eq!(found, [(expected.0.to_owned(), expected.1)], "{program}");
        }
        office.assert_invariants().await;
    })
    .await;
}

async fn import_dead(office: &Office, dead: &Person) {
    import(
        office,
        &list(ListKind::Deceased, "殡仪馆", &[(dead, "2021-12-20")]),
    )
    .await;
}

/// Heat is paid to the household as a whole, and a member draws a program that excludes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_draws_an_excluding_program_takes_an_explanation() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let (app, maker) = (&office.app, office.who("maker"));
        done(api::app::policy::import(app, maker, "heat.toml", HEATING, None).await);
        office
            .grant("县示例9", Level::County, "heat", 1_000_000)
            .await;
        let (head, spouse) = (person(1), person(2));
        let text = format!(
            "档案号,乡镇,姓名,身份证号,与户主关系,账号,发放项目,核定金额,核定依据\n\
             H1,东示例镇,{},{},户主,{},取暖补贴,300,示例\n\
             ,,{},{},配偶,,,,\n",
            head.name, head.identity, head.account, spouse.name, spouse.identity,
        );
        let (at, bytes) = (month("2022-01"), text.as_bytes());
        let roster = api::app::roster::import(app, maker, "heat", at, "h.csv", bytes, false, None);
        done(roster.await);
        // The spouse alone draws the other program.
        office.roster("rural", "2022-01", &[spouse]).await;
        office.pay_month("rural", "2022-01").await;
        let run = office.create("heat", RunKind::Regular, "2022-01").await;
        let run = run.unwrap();
        done(office.act("maker", RunEvent::Check, run, None).await);
        assert_eq!(
            found(&office, run).await,
            [],
            "nothing excludes anything yet"
        );
        let document = "示例〔2022〕3号";
        let exclude = clash::exclude(app, maker, ["heat", "rural"], document, None);
        done(exclude.await);
        let checked = done(office.act("maker", RunEvent::Check, run, None).await);
        assert_eq!(
            (&checked["errors"], &checked["warnings"]),
            (&0.into(), &1.into())
        );
        assert_eq!(found(&office, run).await, [("A06H".to_owned(), 1)]);
        office.assert_invariants().await;
    })
    .await;
}

/// An account that was changed since the program last paid takes an explanation, once: whoever
/// asked for the change may not be the payee.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_was_changed_since_the_last_payment_is_looked_at() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("urban", "2022-01", &people(3)).await;
        // Put right before anybody was paid: nothing to look at.
        let mut three = people(3);
        three[2].account = account(33);
        office.roster("urban", "2022-01", &three).await;
        office.on("2022-01-08");
        let run = office
            .create("urban", RunKind::Regular, "2022-01")
            .await
            .unwrap();
        done(office.act("maker", RunEvent::Check, run, None).await);
        assert_eq!(found(&office, run).await, []);
        for (login, event) in &WAY[1..] {
            done(office.act(login, *event, run, None).await);
        }
        office.on("2022-02-05");
        three[0].account = account(31);
        office.roster("urban", "2022-02", &three).await;
        for (at, expected) in [("2022-02", 1), ("2022-03", 0)] {
            office.on(&format!("{at}-08"));
            let run = office.create("urban", RunKind::Regular, at).await.unwrap();
            done(office.act("maker", RunEvent::Check, run, None).await);
            let fresh: Vec<_> = found(&office, run).await;
            let wanted = [("A10N".to_owned(), 1)];
            assert_eq!(fresh, wanted[..expected], "{at}");
            if expected == 1 {
                let open = office.act("maker", RunEvent::Submit, run, None).await;
                assert_eq!(refused(open).code(), "RUN-0008");
                let report = clash::findings(&office.app, office.who("maker"), run, 10).await;
                let detail = report.unwrap().json["findings"][0]["detail"].clone();
                assert_eq!(detail, "2022-02-05 变更,应发放日前 5 天");
                let (app, maker) = (&office.app, office.who("maker"));
                done(clash::explain(app, maker, run, "A10N", "本人到窗口更正", None).await);
            }
            for (login, event) in &WAY[1..] {
                done(office.act(login, *event, run, None).await);
            }
        }
        office.assert_invariants().await;
    })
    .await;
}

/// Who qualifies by another office's list and is on no roll in the month is named, masked.
#[tokio::test(flavor = "multi_thread")]
async fn who_qualifies_and_draws_nothing_is_reported() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("urban", "2022-02", &people(3)).await;
        let rows = [(&person(1), "2021-06-01"), (&person(7), "2021-07-01")];
        import(&office, &list(ListKind::Eligible, "防返贫监测", &rows)).await;
        import(
            &office,
            &list(ListKind::Eligible, "旧名单", &[(&person(8), "")]),
        )
        .await;
        import(
            &office,
            &list(ListKind::Eligible, "旧名单", &[(&person(2), "")]),
        )
        .await;
        let missed = async |at| {
            let auditor = office.who("auditor");
            let report = api::app::report::missed(&office.app, auditor, month(at)).await;
            let rows = report.unwrap().json;
            let of = |row: &Value| row["since"].as_str().unwrap().to_owned();
            let rows = rows["missed"].as_array().unwrap().clone();
            let text = rows.iter().map(ToString::to_string).collect::<String>();
            assert!(!text.contains(&person(7).identity), "masked");
            rows.iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(missed("2022-02").await, ["2021-07-01"]);
        // In January nobody was on the roll.
        assert_eq!(missed("2022-01").await, ["", "2021-06-01", "2021-07-01"]);
        office.assert_invariants().await;
    })
    .await;
}
