//! Published reports: what does not add up is found from the printed figures alone.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use ledger::money::Fen;
use ledger::problem::Kind;
use proptest::prelude::*;
use reconciliation::foot::{FaultKind, SHENMU_2022, foot, parse};

/// The faults of a report, one a line: `kind item printed sum gap unit`.
fn faults(toml: &str) -> Vec<String> {
    let report = parse(toml, "report.toml").unwrap();
    foot(&report)
        .into_iter()
        .map(|fault| {
            let kind = fault.kind.code();
            let (printed, sum, gap) = (fault.printed, fault.sum_of_parts, fault.gap);
            format!("{kind} {} {printed} {sum} {gap} {}", fault.item, fault.unit)
        })
        .collect()
}

#[test]
fn the_faults_of_the_shenmu_report_are_found_and_no_others() {
    assert_eq!(
        faults(SHENMU_2022),
        [
            "total rural-tekun 1407.2497 1449.91605 42.66635 万元",
            "total rural-tekun-persons 1495 1487 8 人",
            "total orphan 331.4474 329.46 1.9874 万元",
            "total applications-approved 151 150 1 人次",
            "rate acceptance-rate 83.66 76.65 7.01 %",
        ]
    );
}

#[test]
fn a_corrected_report_has_no_faults() {
    let corrected = SHENMU_2022
        .replace("\"1407.2497\"", "\"1449.91605\"")
        .replace("\"1495\"", "\"1487\"")
        .replace("\"331.4474\"", "\"329.46\"")
        .replace("\"151\"", "\"150\"")
        .replace("\"83.66%\"", "\"76.65%\"")
        .replace("\"70.23%\"", "\"69.77%\"");
    assert_eq!(faults(&corrected), Vec::<String>::new());
}

/// Every printed part of a whole and every total matters: change one, and the check says so.
#[test]
fn a_changed_figure_is_found() {
    for (from, to, fault) in [
        (
            "\"39.38\"",
            "\"39.381\"",
            "total urban-tekun 54.314 54.315 0.001 万元",
        ),
        (
            "\"85\"",
            "\"86\"",
            "total applications-by-kind 215 216 1 人次",
        ),
        ("\"84\"", "\"83\"", "total urban-dibao-exits 194 193 1 人"),
        // 其中 may be less than the whole, not more.
        (
            "\"298.32\"",
            "\"4298.32\"",
            "total urban-dibao 4626.0302 4858.5754 232.5452 万元",
        ),
        (
            "\"70.23%\"",
            "\"70.24%\"",
            "rate approval-rate 70.24 70.23 0.01 %",
        ),
        ("\"70.23%\"", "\"71%\"", "rate approval-rate 71 70 1 %"),
    ] {
        let changed = SHENMU_2022.replacen(from, to, 1);
        assert!(
            faults(&changed).contains(&fault.to_owned()),
            "{fault}: {:?}",
            faults(&changed)
        );
    }
}

/// What a report says is so many times another figure.
#[test]
fn a_multiple_is_held_against_its_rule() {
    const HEAD: &str = "agency = \"a\"\nyear = 2020\nunit = \"元\"\n\
        [[item]]\nid = \"dibao\"\nname = \"b\"\nprinted = \"433\"\n\
        [[item]]\nid = \"tekun\"\nname = \"c\"\n";
    for (rest, found) in [
        (
            "printed = \"562.90\"\ntimes = { item = \"dibao\", rate = \"1.3\" }",
            &[][..],
        ),
        (
            "printed = \"569\"\ntimes = { item = \"dibao\", rate = \"1.3\" }",
            &["times tekun 569 562.9 6.1 元"],
        ),
    ] {
        assert_eq!(faults(&format!("{HEAD}{rest}\n")), found, "{rest}");
    }
    for rest in [
        "printed = \"569\"\ntimes = { item = \"tekun\", rate = \"1.3\" }",
        "printed = \"569\"\ntimes = { item = \"dibao\", rate = \"a\" }",
        "parts = [{ name = \"d\", printed = \"1\" }]\ntimes = { item = \"dibao\", rate = \"1\" }",
    ] {
        let refused = parse(&format!("{HEAD}{rest}\n"), "report.toml").unwrap_err();
        assert_eq!(refused.kind, Kind::ReportInvalid, "{rest}");
    }
}

#[test]
fn links_lead_to_the_ledger() {
    let report = parse(SHENMU_2022, "report.toml").unwrap();
    let links: Vec<String> = report
        .ledger_links()
        .into_iter()
        .map(|link| {
            let component = link.component.as_deref().unwrap_or("*");
            let derived = if link.derived { " derived" } else { "" };
            let beside = if link.beside { " beside" } else { "" };
            format!(
                "{} {component} {}{derived}{beside}",
                link.program,
                link.published.get()
            )
        })
        .collect();
    assert_eq!(
        links,
        [
            "urban-dibao * 4626030200",
            "urban-dibao base 3767454800 derived",
            "urban-dibao categorical 430717200",
            "urban-dibao one-off 92352000",
            "urban-dibao price 37186200",
            "urban-dibao heating 298320000",
            "rural-dibao * 7538513800",
            "rural-dibao base 5608135700 derived",
            "rural-dibao categorical 1328061600",
            "rural-dibao one-off 156002800",
            "rural-dibao price 106963700",
            "rural-dibao heating 339350000",
            "rural-tekun * 1407249700",
            "rural-tekun living 867287200",
            "rural-tekun care 329112150",
            "rural-tekun heating 62050000",
            "rural-tekun funeral 49219800",
            "rural-tekun centralised-care 114436900",
            "rural-tekun pocket-money 27810000",
            "rural-tekun price 2318200 beside",
            "rural-tekun one-off 5181000 beside",
            "urban-tekun * 54314000",
            "urban-tekun living 39380000",
            "urban-tekun care 9702000",
            "urban-tekun heating 3960000",
            "urban-tekun one-off 990000",
            "urban-tekun price 282000",
            "orphan * 331447400",
            "orphan living 255500000",
            "orphan tuition 37000000",
            "orphan centralised-living 36960000",
            "policy-laid-off * 386992000",
            "policy-laid-off living 386992000",
            "sixties-streamlined * 18295600",
            "sixties-streamlined living 18295600",
            "laid-off-and-streamlined-extras * 49264000 derived",
            "laid-off-and-streamlined-extras heating 21120000",
            "laid-off-and-streamlined-extras extra-month 28144000",
            "dibao-margin * 15389100",
            "dibao-margin price 15389100",
        ]
    );
}

#[test]
fn published_success_rates_are_read() {
    let report = parse(SHENMU_2022, "report.toml").unwrap();
    let rate = |id| {
        report
            .item(id)
            .unwrap()
            .success_rate
            .map(|rate| rate.to_string())
    };
    assert_eq!(rate("urban-dibao").as_deref(), Some("100"));
    assert_eq!(rate("rural-dibao").as_deref(), Some("98"));
    assert_eq!(rate("orphan"), None);
}

/// A small sound report; each row of the table below replaces one piece of it.
const SMALL: &str = r#"agency = "测试"
year = 2022
unit = "万元"

[[item]]
id = "a"
name = "甲"
program = "urban-dibao"
printed = "3.5"
parts = [
  { name = "乙", printed = "1.5", component = "base" },
  { name = "丙", printed = "2" },
]

[[item]]
id = "n"
name = "人数"
unit = "人"
printed = "4"

[[rate]]
id = "r"
name = "率"
printed = "100%"
numerator = ["n"]
denominator = ["n"]
"#;

#[test]
fn a_file_that_is_not_valid_is_refused_with_its_line() {
    assert_eq!(faults(SMALL), Vec::<String>::new());
    for (from, to, line, detail) in [
        ("year = 2022", "year = ", 2, ""),
        (
            "year = 2022",
            "year = 2022\ncolour = 1",
            3,
            "unknown field `colour`",
        ),
        (
            "\"3.5\"",
            "3.5",
            9,
            "invalid type: floating point `3.5`, expected a string",
        ),
        ("\"3.5\"", "\"3,5\"", 9, "not a plain decimal figure"),
        ("\"3.5\"", "\"-3.5\"", 9, "not a plain decimal figure"),
        ("\"1.5\"", "\"1.\"", 11, "not a plain decimal figure"),
        ("\"1.5\"", "\"1e3\"", 11, "not a plain decimal figure"),
        ("\"1.5\"", "\"1.5000001\"", 11, "not a plain decimal figure"),
        (
            "\"2\"",
            "\"1234567890123\"",
            12,
            "not a plain decimal figure",
        ),
        ("id = \"n\"", "id = \"a\"", 16, "a stands twice"),
        ("id = \"r\"", "id = \"n\"", 22, "n stands twice"),
        ("\"100%\"", "\"100\"", 24, "not a percentage such as 98.00%"),
        ("[\"n\"]", "[\"m\"]", 25, "no item m with a printed figure"),
        (
            "denominator = [\"n\"]",
            "denominator = [\"n\", \"-n\"]",
            22,
            "not above zero",
        ),
        (
            "printed = \"4\"",
            "",
            16,
            "neither a printed figure nor parts",
        ),
    ] {
        let problem = parse(&SMALL.replacen(from, to, 1), "report.toml").unwrap_err();
        assert_eq!(problem.kind, Kind::ReportInvalid);
        assert_eq!(problem.place.file.as_deref(), Some("report.toml"));
        assert_eq!(problem.place.row, Some(line), "{from} -> {to}: {problem}");
        assert!(
            problem.to_string().contains(detail),
            "{from} -> {to}: {problem}"
        );
    }
}

#[test]
fn a_figure_of_payments_is_whole_fen() {
    let yuan = SMALL
        .replace("unit = \"万元\"", "unit = \"元\"")
        .replace("\"1.5\"", "\"1.555\"");
    let problem = parse(&yuan, "report.toml").unwrap_err();
    assert_eq!(problem.place.row, Some(11));
    let persons = SMALL.replacen("unit = \"万元\"", "unit = \"人\"", 1);
    assert_eq!(
        parse(&persons, "report.toml").unwrap_err().place.row,
        Some(9)
    );
}

#[test]
fn an_enormous_file_is_refused() {
    let padded = format!("{SMALL}#{}", " ".repeat(2 << 20));
    assert_eq!(
        parse(&padded, "report.toml").unwrap_err().kind,
        Kind::ReportInvalid
    );
}

proptest! {
    /// A total that is the sum of its parts is never a fault; one that is off by `gap` always is,
    /// with exactly this gap.
    #[test]
    fn the_gap_is_exact(
        parts in prop::collection::vec(0..1_000_000_000_i64, 1..20),
        gap in -1_000_i64..1_000,
    ) {
        let sum: i64 = parts.iter().sum();
        prop_assume!(sum + gap >= 0);
        let wan = |fen: i64| Fen::new(fen).wan();
        let rows: Vec<String> = parts
            .iter()
            .map(|part| format!("{{ name = \"甲\", printed = \"{}\" }}", wan(*part)))
            .collect();
        let toml = format!(
            "agency = \"测试\"\nyear = 2022\nunit = \"万元\"\n[[item]]\nid = \"a\"\nname = \"甲\"\n\
             program = \"p\"\nprinted = \"{}\"\nparts = [{}]\n",
            wan(sum + gap),
            rows.join(", "),
        );
        let found = foot(&parse(&toml, "report.toml").unwrap());
        if gap == 0 {
            prop_assert!(found.is_empty());
        } else {
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!(found[0].kind, FaultKind::Total);
            prop_assert_eq!(found[0].gap.normalize().to_string(), wan(gap.abs()));
        }
    }

    /// No text makes the reader do anything but refuse.
    #[test]
    fn any_text_is_read_or_refused(text in "[a-z\\[\\]= \"'.{}\n0-9万]{0,200}") {
        let _ = parse(&text, "report.toml");
        let _ = parse(&format!("{SMALL}{text}"), "report.toml").map(|report| foot(&report));
    }
}
