//! Hostile files are refused early, and no bytes make a reader panic.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::io::Write;
use std::sync::LazyLock;

use bank_adapters::{RowTaker, each_row, is_blocked, read_grid, read_return};
use common::fuzz::{ENTRIES, Kept};
use common::{brief, data, profile};
use flate2::{Compression, write::DeflateEncoder};
use proptest::prelude::*;

/// One part of a zip archive: name, contents, and the size that the directory states.
struct Part<'a>(&'a str, &'a [u8], Option<u32>);

/// A zip archive, deflated, without checksums that anyone of us looks at.
fn zip(parts: &[Part<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for Part(name, contents, stated) in parts {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(contents).unwrap();
        let packed = encoder.finish().unwrap();
        let offset = u32::try_from(bytes.len()).unwrap();
        let size = |length: usize| u32::try_from(length).unwrap();
        let mut crc = flate2::Crc::new();
        crc.update(contents);
        let mut common = vec![20, 0, 0, 0, 8, 0, 0, 0, 33, 0];
        common.extend(crc.sum().to_le_bytes());
        common.extend(size(packed.len()).to_le_bytes());
        common.extend(stated.unwrap_or(size(contents.len())).to_le_bytes());
        common.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        common.extend([0, 0]);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&common);
        bytes.extend(name.as_bytes());
        bytes.extend(packed);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = u32::try_from(bytes.len()).unwrap();
    let count = u16::try_from(parts.len()).unwrap().to_le_bytes();
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend(count);
    bytes.extend(count);
    bytes.extend(u32::try_from(directory.len()).unwrap().to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

/// The same archive with its sizes in zip64 fields, as programs write that count while writing.
fn in_zip64(bytes: &[u8]) -> Vec<u8> {
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let end = bytes.len() - 22;
    let start = usize::try_from(number(end + 16)).unwrap();
    let mut wide = bytes[..start].to_vec();
    let mut at = start;
    while at < end {
        let name = usize::from(bytes[at + 28]);
        wide.extend(&bytes[at..at + 20]);
        wide.extend([0xff; 8]);
        wide.extend([bytes[at + 28], 0, 20, 0]);
        wide.extend(&bytes[at + 32..at + 46 + name]);
        wide.extend([1, 0, 16, 0]);
        wide.extend(u64::from(number(at + 24)).to_le_bytes());
        wide.extend(u64::from(number(at + 20)).to_le_bytes());
        at += 46 + name;
    }
    let record = wide.len();
    let size = u64::try_from(record - start).unwrap();
    let count = u64::from(bytes[end + 10]);
    wide.extend(b"PK\x06\x06");
    wide.extend(44_u64.to_le_bytes());
    wide.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for value in [count, count, size, u64::try_from(start).unwrap()] {
        wide.extend(value.to_le_bytes());
    }
    wide.extend(b"PK\x06\x07\0\0\0\0");
    wide.extend(u64::try_from(record).unwrap().to_le_bytes());
    wide.extend(1_u32.to_le_bytes());
    wide.extend(&bytes[end..end + 12]);
    wide.extend(u32::try_from(size).unwrap().to_le_bytes());
    wide.extend(&bytes[end + 16..]);
    wide
}

const TYPES: &str = r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#;
const RELS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const BOOK: &str = r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="甲" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
const BOOK_RELS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>"#;

fn book(rows: &str, more: &[Part<'_>]) -> Vec<u8> {
    let sheet = format!(
        r#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>"#
    );
    let mut parts = vec![
        Part("[Content_Types].xml", TYPES.as_bytes(), None),
        Part("_rels/.rels", RELS.as_bytes(), None),
        Part("xl/workbook.xml", BOOK.as_bytes(), None),
        Part("xl/_rels/workbook.xml.rels", BOOK_RELS.as_bytes(), None),
        Part("xl/worksheets/sheet1.xml", sheet.as_bytes(), None),
    ];
    parts.extend(
        more.iter()
            .map(|Part(name, contents, stated)| Part(name, contents, *stated)),
    );
    zip(&parts)
}

fn cell(at: &str, text: &str) -> String {
    format!(r#"<c r="{at}" t="inlineStr"><is><t>{text}</t></is></c>"#)
}

fn codes(bytes: &[u8]) -> Vec<String> {
    let (_, findings) = read_return(&profile("generic-xlsx-return"), bytes);
    assert!(is_blocked(&findings));
    brief(&findings)
}

/// The test's own workbooks are sound: a header alone is read, and only lines are missing.
#[test]
fn a_plain_workbook_is_opened() {
    let heads = [
        ("A1", "账号"),
        ("B1", "户名"),
        ("C1", "金额"),
        ("D1", "结果"),
    ];
    let row: String = heads.iter().map(|(at, head)| cell(at, head)).collect();
    let plain = book(&format!("<row r=\"1\">{row}</row>"), &[]);
    assert_eq!(codes(&plain), ["BNK-0112"]);
    assert_eq!(codes(&in_zip64(&plain)), ["BNK-0112"]);
}

/// A bomb that says its size in the zip64 field is seen too.
#[test]
fn zip64_hides_nothing() {
    let zeros = vec![b' '; 20 << 20];
    let bomb = in_zip64(&book("", &[Part("xl/a.xml", &zeros, None)]));
    assert_eq!(codes(&bomb), ["BNK-0105"]);
    let mut other = in_zip64(&book("", &[]));
    let at = other.windows(4).position(|w| w == b"PK\x06\x06").unwrap();
    other[at + 48] ^= 1;
    assert_eq!(codes(&other), ["BNK-0105"]);
}

/// Two cells far apart once made a reader ask for 549,755,813,888 bytes and abort.
#[test]
fn cells_far_apart_are_refused() {
    let far = |at: &str, row: &str| {
        let first = cell("A1", "x");
        let last = cell(at, "x");
        book(
            &format!(r#"<row r="1">{first}</row><row r="{row}">{last}</row>"#),
            &[],
        )
    };
    assert!(codes(&far("XFD1048576", "1048576")).contains(&"BNK-0107 1048576".to_owned()));
    assert!(codes(&far("A200001", "200001")).contains(&"BNK-0107 200001".to_owned()));
    assert!(codes(&far("BM2", "2")).contains(&"BNK-0107 2".to_owned()));
}

#[test]
fn bombs_are_refused_before_they_are_opened() {
    let zeros = vec![b' '; 20 << 20];
    let three = [
        Part("xl/a.xml", &zeros, None),
        Part("xl/b.xml", &zeros, None),
        Part("xl/c.xml", &zeros, None),
    ];
    // An honest bomb by its ratio; a liar by what it really inflates to.
    assert_eq!(codes(&book("", &three)), ["BNK-0105"]);
    assert_eq!(
        codes(&book("", &[Part("xl/a.xml", &zeros, Some(1_000))])),
        ["BNK-0105"]
    );
    // Noise that packs badly, but is more than 50 MB.
    let noise: Vec<u8> = (0_u32..1 << 20)
        .flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let names: Vec<String> = (0..14).map(|number| format!("xl/{number}.bin")).collect();
    let parts: Vec<Part<'_>> = names.iter().map(|name| Part(name, &noise, None)).collect();
    assert_eq!(codes(&book("", &parts)), ["BNK-0105"]);
}

/// The reader of workbooks multiplies references without a check: where overflow is not checked,
/// `A4294967297` would be `A1`.
#[test]
fn references_that_would_wrap_are_refused() {
    for at in ["A4294967297", "AAAAAAAAAA1", "A99999999999999"] {
        let row = format!("<row r=\"1\">{}</row>", cell(at, "x"));
        assert_eq!(codes(&book(&row, &[])), ["BNK-0105"], "{at}");
        let spaced = row.replace("<c r=", "<c r =");
        assert!(is_blocked(
            &read_return(&profile("generic-xlsx-return"), &book(&spaced, &[])).1
        ));
    }
}

/// Rows that are handed out one after the other are those that are read at once, whatever the
/// file is, and what was found of a row comes before it.
#[test]
fn rows_are_handed_out_as_they_are_read() {
    let many: String = (0..3_000).map(|n| format!("甲{n},{n},\r\n")).collect();
    let odd = many.replacen("甲700,", "甲\u{1}700,", 1);
    let row = |n: usize| {
        let first = cell(&format!("A{n}"), &format!("甲{n}"));
        format!(r#"<row r="{n}">{first}<c r="C{n}"><v>{n}</v></c></row>"#)
    };
    let rows: String = (1..=2_500).map(row).collect();
    let old = std::fs::read("tests/data/roster.xls").unwrap();
    let files: [(&str, Vec<u8>, usize); 5] = [
        ("bare", many.clone().into_bytes(), 3_000),
        ("quoted", format!("\"a\",b\n{many}").into_bytes(), 3_001),
        ("odd", odd.into_bytes(), 3_000),
        ("xlsx", book(&rows, &[]), 2_500),
        ("xls", old, 4),
    ];
    for (what, bytes, count) in files {
        let (grid, findings) = read_grid(&bytes);
        let mut at_once = Kept::default();
        for sheet in &grid.sheets {
            at_once.lines.push(format!("sheet {}", sheet.name));
            sheet.rows().for_each(|row| at_once.row(row));
        }
        let mut handed = Kept::default();
        assert_eq!(each_row(&bytes, &mut handed), findings, "{what}");
        let is_found = |line: &&String| line.starts_with("found");
        let told: Vec<String> = handed.lines.iter().filter(is_found).cloned().collect();
        assert_eq!(told.len(), findings.len(), "{what}");
        assert_eq!(told.len(), usize::from(what == "odd"), "{what}: {told:?}");
        for told in &told {
            let place = handed.lines.iter().position(|line| line == told);
            let row = handed
                .lines
                .iter()
                .position(|line| line.starts_with("701 "));
            assert!(
                place < row && told.ends_with(" 701"),
                "{told} comes too late"
            );
        }
        handed.lines.retain(|line| !is_found(&line));
        assert_eq!(handed.lines, at_once.lines, "{what}");
        assert_eq!(handed.lines.len(), count + grid.sheets.len(), "{what}");
        assert!(handed.expected >= count, "{what}: {}", handed.expected);
    }
}

/// A reference that the reader of workbooks would wrap around, and an impossible number of strings,
/// are seen wherever they stand, also across the pieces in which a part is looked at.
#[test]
fn what_is_hostile_is_found_across_the_pieces_of_a_part() {
    // Text that does not pack well.
    let mut seed = 1_u64;
    let noise: String = (0..70_000)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'a' + u8::try_from(seed >> 60).unwrap())
        })
        .collect();
    for (bad, good) in [
        (r#"<c r="AAAA10485761"/>"#, r#"<c r="XFD1048576"/>"#),
        (
            r#"<sst uniqueCount="99999999">"#,
            r#"<sst uniqueCount="9">"#,
        ),
    ] {
        for length in (65_200..65_310).chain(65_500..65_580) {
            let filler = &noise[..length];
            let refused = |inside: &str| {
                let part = format!("<w>{filler}{inside}<end/></w>");
                let more = [Part("docProps/a.xml", part.as_bytes(), None)];
                let row = format!(r#"<row r="1">{}</row>"#, cell("A1", "甲"));
                brief(&read_grid(&book(&row, &more)).1)
            };
            assert!(!refused(bad).is_empty(), "{bad} {length}");
            assert_eq!(refused(good), [""; 0], "{good} {length}");
        }
    }
}

/// The reader of workbooks reserves memory for as many strings as the file says it has.
#[test]
fn an_impossible_number_of_strings_is_refused() {
    let strings =
        r#"<sst xmlns="x" count="1" uniqueCount="9223372036854775807"><si><t>a</t></si></sst>"#;
    let parts = [Part("xl/sharedStrings.xml", strings.as_bytes(), None)];
    assert_eq!(codes(&book("", &parts)), ["BNK-0105"]);
}

/// A million cells can share one long string.
#[test]
fn long_and_shared_strings_are_refused() {
    let long = "长".repeat(1_000);
    let row = format!("<row r=\"1\">{}</row>", cell("A1", &long));
    assert!(codes(&book(&row, &[])).contains(&"BNK-0107 1".to_owned()));
}

#[test]
fn entities_macros_and_broken_archives_are_refused() {
    let xml = r#"<!DOCTYPE a [<!ENTITY x "y">]><row r="1"><c r="A1" t="inlineStr"><is><t>&x;</t></is></c></row>"#;
    assert!(is_blocked(
        &read_return(&profile("generic-xlsx-return"), &book(xml, &[])).1
    ));
    assert_eq!(
        codes(&book("", &[Part("xl/vbaProject.bin", b"x", None)])),
        ["BNK-0105"]
    );
    let sound = data("generic-xlsx.xlsx");
    for cut in [4, 30, sound.len() / 2, sound.len() - 1] {
        assert_eq!(codes(&sound[..cut]), ["BNK-0105"], "{cut}");
    }
    let with_tail = [&sound[..], b"PK"].concat();
    assert_eq!(codes(&with_tail), ["BNK-0105"]);
}

/// Ten thousand faults are listed and the rest is counted.
#[test]
fn findings_are_bounded() {
    let text = "账号,户名,金额,结果\n".to_owned() + &",,,\u{1}\n".repeat(12_000);
    let (_, findings) = read_return(&profile("generic-csv-return"), text.as_bytes());
    assert_eq!(findings.len(), 10_001);
    assert_eq!(findings[10_000].code, "BNK-0111");
}

/// Bombs, depth and width are refused where they begin, whatever the message.
#[test]
fn xml_bombs_are_refused_early() {
    let laughs = "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><MOF>&b;</MOF>".to_owned();
    let outside = "<!DOCTYPE l SYSTEM \"file:///etc/passwd\"><MOF/>".to_owned();
    let entity = "<MOF>&xxe;</MOF>".to_owned();
    let deep = "<MOF>".repeat(1_000_000);
    let wide = format!("<MOF>{}", "<a/>".repeat(2_100_000));
    let names: String = (0..100_000).map(|n| format!(" a{n}=''")).collect();
    let attributes = format!("<MOF{names}/>");
    for (text, code) in [
        (laughs, "BNK-0202"),
        (outside, "BNK-0202"),
        (entity, "BNK-0202"),
        (deep, "BNK-0202"),
        (wide, "BNK-0202"),
        (attributes, "BNK-0202"),
    ] {
        let (file, findings) = read_return(&profile("mof-5201-answer"), text.as_bytes());
        assert!(file.lines.is_empty());
        let found: Vec<_> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(found, [code], "{}", &text[..20]);
    }
    let large = vec![b' '; 65 << 20];
    let (_, findings) = read_return(&profile("pain-002"), &large);
    assert_eq!(findings[0].code, "BNK-0107");
}

fn read_all(bytes: &[u8]) {
    for (_, entry) in ENTRIES {
        entry(bytes);
    }
}

/// The sound files, of every layout that has one.
fn golden() -> &'static [Vec<u8>] {
    static GOLDEN: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let folder = format!("{}/tests/data", env!("CARGO_MANIFEST_DIR"));
        let entries = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let messages = std::fs::read_dir(format!("{folder}/messages")).unwrap();
        let messages = messages.map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries
            .chain(messages)
            .filter(|path| path.is_file())
            .collect();
        files.sort();
        assert!(files.len() > 25);
        files
            .iter()
            .map(|file| std::fs::read(file).unwrap())
            .collect()
    });
    &GOLDEN
}

/// Every file that once broke a reader; each is kept.
#[test]
fn crashers_stay_harmless() {
    let folder = format!("{}/tests/data/crashers", env!("CARGO_MANIFEST_DIR"));
    for entry in std::fs::read_dir(folder).unwrap() {
        read_all(&std::fs::read(entry.unwrap().path()).unwrap());
    }
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(160))]

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read_all(&bytes);
    }

    /// Workbooks whose parts have bytes changed, in an archive that is sound.
    #[test]
    fn no_change_of_a_part_makes_a_reader_panic(
        which in 0..5_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), "[ -~]{0,3}"), 1..6),
    ) {
        let heads = [("A1", "账号"), ("B1", "户名"), ("C1", "金额"), ("D1", "结果")];
        let row: String = heads.iter().map(|(at, head)| cell(at, head)).collect();
        let sheet = format!(
            "<worksheet><dimension ref=\"A1:D2\"/><sheetData><row r=\"1\">{row}</row><row r=\"2\">\
             <c r=\"A2\" t=\"s\"><v>0</v></c><c r=\"B2\" s=\"0\"><v>44562.5</v></c>\
             <c r=\"C2\"><f>1+1</f><v>2</v></c></row></sheetData></worksheet>"
        );
        let strings = "<sst count=\"1\" uniqueCount=\"1\"><si><t>62000000</t></si></sst>";
        let mut parts = [
            ("_rels/.rels", RELS.to_owned()),
            ("xl/workbook.xml", BOOK.to_owned()),
            ("xl/_rels/workbook.xml.rels", BOOK_RELS.to_owned()),
            ("xl/worksheets/sheet1.xml", sheet),
            ("xl/sharedStrings.xml", strings.to_owned()),
        ];
        for (at, word) in changes {
            let text = &mut parts[which].1;
            let mut at = at.index(text.len().max(1));
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            let next = text[at..].chars().next().map_or(0, char::len_utf8);
            text.replace_range(at..at + next, &word);
        }
        let parts: Vec<_> =
            parts.iter().map(|(name, text)| Part(name, text.as_bytes(), None)).collect();
        read_all(&zip(&parts));
    }

    /// Sound files with bytes changed, removed and repeated.
    #[test]
    fn no_change_makes_a_reader_panic(
        which in 0..golden().len(),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..12),
    ) {
        let mut bytes = golden()[which].clone();
        for (at, byte, kind) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => { bytes.remove(at); }
                _ => bytes.truncate(at),
            }
        }
        read_all(&bytes);
    }
}
