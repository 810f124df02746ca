//! What a workbook's zip container says and holds, checked before anything opens it.
//!
//! The sizes in the central directory are checked first, which refuses an honest bomb without
//! inflating a byte; then every entry is inflated once and counted, because the directory can
//! lie. Layout: PKWARE APPNOTE 6.3, sections 4.3.7, 4.3.12 and 4.3.16.

use std::io::Read;
use std::ops::Range;

use flate2::read::DeflateDecoder;
use memchr::memmem;

/// All entries together, inflated.
pub(crate) const INFLATED_MAX: u64 = 50 << 20;
/// Inflated bytes per packed byte. Sheets of equal rows reach about 60.
pub(crate) const RATIO_MAX: u64 = 200;
/// Below this size the ratio does not matter.
const RATIO_FREE: u64 = 64 << 10;
/// Parts of a workbook. Real ones have about twelve.
const ENTRIES_MAX: u16 = 1_000;

const END_LENGTH: usize = 22;

/// One entry of the central directory.
struct Entry {
    name: Vec<u8>,
    is_deflated: bool,
    packed: u64,
    inflated: u64,
    offset: usize,
}

/// Refuses what is no plain, small zip archive; the text says why.
pub(crate) fn check(bytes: &[u8]) -> Result<(), String> {
    check_within(bytes, INFLATED_MAX).map(drop)
}

/// The same for files that may inflate to `most` bytes. Says about how many rows its sheets have.
pub(crate) fn check_within(bytes: &[u8], most: u64) -> Result<usize, String> {
    let entries = directory(bytes)?;
    let mut total: u64 = 0;
    for entry in &entries {
        total = total.saturating_add(entry.inflated);
        if entry.name.ends_with(b"vbaProject.bin") {
            return Err("含宏 / has macros".to_owned());
        }
        if entry.inflated > RATIO_FREE && entry.inflated / RATIO_MAX > entry.packed {
            return Err(format!(
                "压缩比超过 {RATIO_MAX} / compression ratio above {RATIO_MAX}"
            ));
        }
    }
    if total > most {
        let mib = most >> 20;
        return Err(format!(
            "解压后超过 {mib} MB / inflates to more than {mib} MB"
        ));
    }
    let mut rows = 0;
    for entry in &entries {
        rows += check_entry(bytes, entry)?;
    }
    Ok(rows)
}

/// Bytes of an entry that are looked at together.
const WINDOW: usize = 64 << 10;
/// Bytes behind a place that may matter to it: the longest attribute that is read.
const AHEAD: usize = 256;

/// Inflates an entry piece by piece, so that a large sheet is never in memory, and checks it.
fn check_entry(bytes: &[u8], entry: &Entry) -> Result<usize, String> {
    let broken = || "压缩内容损坏 / a zip entry is broken".to_owned();
    let data = packed(bytes, entry)?;
    // The size was bounded before; the directory may lie, so what comes is bounded once more.
    let most = entry.inflated.saturating_add(1);
    let mut source: Box<dyn Read> = match entry.is_deflated {
        true => Box::new(DeflateDecoder::new(data).take(most)),
        false => Box::new(data.take(most)),
    };
    let mut window: Vec<u8> = Vec::with_capacity(2 * WINDOW);
    let (mut inflated, mut rows, mut first) = (0_u64, 0_usize, true);
    // One byte before the first place that is not checked yet.
    let mut from = 0;
    loop {
        let before = window.len();
        let limit = u64::try_from(WINDOW).unwrap_or(u64::MAX);
        let read = (&mut source).take(limit).read_to_end(&mut window);
        let read = read.map_err(|_| broken())?;
        inflated = inflated.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        if first && is_wide(&window) {
            return Err("部件不是 UTF-8 / a part is not UTF-8".to_owned());
        }
        first = false;
        let at_end = window.len() == before;
        let until = match at_end {
            true => window.len(),
            false => window.len().saturating_sub(AHEAD),
        };
        rows += check_window(&window, from..until, entry.inflated)?;
        if at_end {
            break;
        }
        let kept = until.saturating_sub(1);
        window.drain(..kept);
        from = until - kept;
    }
    if inflated != entry.inflated {
        return Err("解压大小与目录不符 / an entry is not of the size it states".to_owned());
    }
    Ok(rows)
}

/// The parts of an archive of our own, by name.
pub(crate) fn parts(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let entries = directory(bytes)?;
    let part = |entry: &Entry| {
        let name = String::from_utf8_lossy(&entry.name).into_owned();
        Ok((name, contents(bytes, entry)?))
    };
    entries.iter().map(part).collect()
}

fn directory(bytes: &[u8]) -> Result<Vec<Entry>, String> {
    let broken = || "压缩目录损坏 / the zip directory is broken".to_owned();
    // No comment behind the end record, and nothing between it and the directory but a zip64
    // record that says the same: so no reader can find another directory than this one.
    let end_at = bytes.len().checked_sub(END_LENGTH).ok_or_else(broken)?;
    let end = bytes.get(end_at..).ok_or_else(broken)?;
    if !end.starts_with(b"PK\x05\x06") || read16(end, 20) != Some(0) {
        return Err(broken());
    }
    let count = read16(end, 10).ok_or_else(broken)?;
    let size = read32(end, 12).ok_or_else(broken)?;
    let start = read32(end, 16).ok_or_else(broken)?;
    let directory_end = start.checked_add(size).ok_or_else(broken)?;
    let gap = bytes.get(directory_end..end_at).ok_or_else(broken)?;
    let told = [usize::from(count), size, start];
    if count > ENTRIES_MAX || !(gap.is_empty() || is_same_in_zip64(gap, told, directory_end)) {
        return Err(broken());
    }
    let mut rest = bytes.get(start..directory_end).ok_or_else(broken)?;
    let mut entries = Vec::with_capacity(usize::from(count));
    while !rest.is_empty() {
        let (entry, length) = entry(rest)?;
        entries.push(entry);
        rest = rest.get(length..).ok_or_else(broken)?;
    }
    if entries.len() == usize::from(count) {
        Ok(entries)
    } else {
        Err(broken())
    }
}

fn entry(header: &[u8]) -> Result<(Entry, usize), String> {
    let broken = || "压缩目录损坏 / the zip directory is broken".to_owned();
    if !header.starts_with(b"PK\x01\x02") {
        return Err(broken());
    }
    let field16 = |at| read16(header, at).ok_or_else(broken);
    let field32 = |at| read32(header, at).ok_or_else(broken);
    if field16(8)? & 1 != 0 {
        return Err("已加密 / encrypted".to_owned());
    }
    let is_deflated = match field16(10)? {
        0 => false,
        8 => true,
        method => return Err(format!("压缩方法 {method} / compression method {method}")),
    };
    let name_length = usize::from(field16(28)?);
    let length = 46 + name_length + usize::from(field16(30)?) + usize::from(field16(32)?);
    let name = header
        .get(46..46 + name_length)
        .ok_or_else(broken)?
        .to_vec();
    let extra = header.get(46 + name_length..length).ok_or_else(broken)?;
    let mut sizes = [field32(24)?, field32(20)?, field32(42)?];
    widen(&mut sizes, extra).ok_or_else(broken)?;
    let [inflated, packed, offset] = sizes;
    let wide = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
    let (packed, inflated) = (wide(packed), wide(inflated));
    Ok((
        Entry {
            name,
            is_deflated,
            packed,
            inflated,
            offset,
        },
        length,
    ))
}

/// Programs that write while they count put the sizes into a zip64 field, also small ones.
fn widen(sizes: &mut [usize; 3], mut extra: &[u8]) -> Option<()> {
    const ELSEWHERE: usize = 0xffff_ffff;
    if !sizes.contains(&ELSEWHERE) {
        return Some(());
    }
    while read16(extra, 0)? != 1 {
        extra = extra.get(4 + usize::from(read16(extra, 2)?)..)?;
    }
    let elsewhere = sizes.iter_mut().filter(|size| **size == ELSEWHERE);
    for (place, size) in elsewhere.enumerate() {
        *size = read64(extra, 4 + 8 * place)?;
    }
    Some(())
}

/// True when the gap is one zip64 end record with its locator and repeats count, size and start.
fn is_same_in_zip64(gap: &[u8], told: [usize; 3], at: usize) -> bool {
    let locator = gap.len().checked_sub(20).and_then(|start| gap.get(start..));
    locator.is_some_and(|locator| {
        gap.starts_with(b"PK\x06\x06")
            && locator.starts_with(b"PK\x06\x07")
            && read64(gap, 4).and_then(|length| length.checked_add(32)) == Some(gap.len())
            && read64(locator, 8) == Some(at)
            && [32, 40, 48].map(|place| read64(gap, place)) == told.map(Some)
    })
}

/// The packed bytes of an entry.
fn packed<'a>(bytes: &'a [u8], entry: &Entry) -> Result<&'a [u8], String> {
    let broken = || "压缩内容损坏 / a zip entry is broken".to_owned();
    let local = bytes.get(entry.offset..).ok_or_else(broken)?;
    if !local.starts_with(b"PK\x03\x04") {
        return Err(broken());
    }
    let name = usize::from(read16(local, 26).ok_or_else(broken)?);
    let extra = usize::from(read16(local, 28).ok_or_else(broken)?);
    let packed = usize::try_from(entry.packed).map_err(|_| broken())?;
    let data = local.get(30 + name + extra..).ok_or_else(broken)?;
    data.get(..packed).ok_or_else(broken)
}

/// Inflates one entry and compares with what the directory says.
fn contents(bytes: &[u8], entry: &Entry) -> Result<Vec<u8>, String> {
    let broken = || "压缩内容损坏 / a zip entry is broken".to_owned();
    let data = packed(bytes, entry)?;
    let most = entry.inflated.saturating_add(1);
    let room = usize::try_from(most.min(INFLATED_MAX)).unwrap_or_default();
    let mut contents = Vec::with_capacity(room);
    let read = match entry.is_deflated {
        true => DeflateDecoder::new(data)
            .take(most)
            .read_to_end(&mut contents),
        false => data.take(most).read_to_end(&mut contents),
    };
    read.map_err(|_| broken())?;
    if u64::try_from(contents.len()).ok() != Some(entry.inflated) {
        return Err("解压大小与目录不符 / an entry is not of the size it states".to_owned());
    }
    Ok(contents)
}

/// Whether a part begins as UTF-16 does.
fn is_wide(start: &[u8]) -> bool {
    let begins = |with: &[u8]| start.starts_with(with);
    begins(b"\xff\xfe") || begins(b"\xfe\xff") || begins(b"<\0") || begins(b"\0<")
}

/// Checks what begins at the places of a range and counts the rows among it.
///
/// A workbook states how many strings it has and its reader reserves memory for them: the
/// number must be possible, and the text must be one in which we can see it.
fn check_window(window: &[u8], places: Range<usize>, size: u64) -> Result<usize, String> {
    const NAME: &[u8] = b"uniqueCount";
    let matches = |needle: &'static [u8]| {
        let from = window.get(places.start..).unwrap_or_default();
        let until = places.end - places.start;
        let found = memmem::find_iter(from, needle).map(move |at| (at, places.start));
        found
            .take_while(move |(at, _)| *at < until)
            .map(|(at, start)| at + start)
    };
    for at in matches(NAME) {
        let rest = window.get(at + NAME.len()..).unwrap_or_default();
        let rest = rest.get(..AHEAD - NAME.len()).unwrap_or(rest);
        let begin = rest
            .iter()
            .position(|byte| byte.is_ascii_digit() || *byte == b'>');
        let digits = begin
            .and_then(|begin| rest.get(begin..))
            .unwrap_or_default();
        let length = digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let stated = digits.iter().take(length).fold(0_u64, |sum, byte| {
            sum.saturating_mul(10)
                .saturating_add(u64::from(byte - b'0'))
        });
        // A number that goes on beyond what is looked at is none.
        if stated > size || begin.is_none() || length == digits.len() {
            return Err("字符串数目不可能 / an impossible number of strings".to_owned());
        }
    }
    for at in matches(b"r=") {
        check_reference(window, at)?;
    }
    Ok(matches(b"<row ").count())
}

/// The last cell of any sheet is `XFD1048576`. A longer reference would wrap around in the reader
/// and its cell would appear somewhere else.
fn check_reference(window: &[u8], at: usize) -> Result<(), String> {
    const REFERENCE_MAX: usize = 10;
    let before = at.checked_sub(1).and_then(|at| window.get(at));
    let is_attribute = before.is_some_and(u8::is_ascii_whitespace);
    let Some((quote, value)) = window.get(at + 2..).and_then(<[u8]>::split_first) else {
        return Ok(());
    };
    let length = value
        .iter()
        .take(REFERENCE_MAX + 1)
        .take_while(|byte| *byte != quote)
        .count();
    if is_attribute && matches!(quote, b'"' | b'\'') && length > REFERENCE_MAX {
        return Err("单元格引用无效 / an invalid cell reference".to_owned());
    }
    Ok(())
}

fn read16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

fn read32(bytes: &[u8], at: usize) -> Option<usize> {
    let value = u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?);
    usize::try_from(value).ok()
}

fn read64(bytes: &[u8], at: usize) -> Option<usize> {
    let value = u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?);
    usize::try_from(value).ok()
}
