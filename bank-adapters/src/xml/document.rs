//! XML text as a tree of elements.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;

use encoding_rs::GB18030;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::encoding::{decode, not_text, trim};
use crate::finding::{Fault, Findings, Spot};
use crate::table::BYTES_MAX;

/// Elements inside each other at most: ISO 20022 has fifteen.
const DEPTH_MAX: usize = 32;
/// Elements of one file at most: 50,000 payments of 40.
const ELEMENTS_MAX: usize = 2_000_000;
/// Attributes of one element at most: each is compared with those before it.
const ATTRIBUTES_MAX: usize = 64;
/// Paths of unread elements that are reported one by one.
const UNREAD_MAX: usize = 50;

/// Decoded text of an XML file.
pub(crate) struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    /// Decodes by the declared encoding, or by what the bytes are where none is declared.
    pub(crate) fn decode(bytes: &'a [u8], findings: &mut Findings) -> Option<Text<'a>> {
        if let Some(found) = not_text(bytes) {
            findings.file(Fault::NotText, &[("found", found)]);
            return None;
        }
        if bytes.len() > BYTES_MAX {
            findings.file(Fault::TooLarge, &[("detail", "64 MiB")]);
            return None;
        }
        let bare = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let utf8 = std::str::from_utf8(bare);
        let declared = declared_encoding(bare).map(str::to_ascii_uppercase);
        let text = match (declared.as_deref(), utf8) {
            (None, _) => {
                let decoded = decode(bare);
                for line in &decoded.bad_lines {
                    findings.row(Fault::NotDecodable, *line, &[]);
                }
                decoded.bad_lines.is_empty().then_some(decoded.text)
            }
            (Some("UTF-8" | "UTF8" | "US-ASCII"), Ok(text)) => Some(Cow::Borrowed(text)),
            (Some("GBK" | "GB2312" | "GB18030"), Ok(text)) if is_plainly_utf8(text) => {
                let values = [("declared", declared.as_deref().unwrap_or_default())];
                findings.file(Fault::EncodingDiffers, &values);
                None
            }
            (Some("GBK" | "GB2312" | "GB18030"), _) => {
                GB18030.decode_without_bom_handling_and_without_replacement(bare)
            }
            (Some(other), Ok(_)) => {
                findings.file(Fault::EncodingUnknown, &[("value", other)]);
                None
            }
            (Some(_), Err(fault)) => {
                let before = bare.get(..fault.valid_up_to()).unwrap_or_default();
                let line = before.split(|byte| *byte == b'\n').count();
                findings.row(Fault::NotDecodable, number(line), &[]);
                None
            }
        };
        if text.is_none() && !findings.is_blocked() {
            findings.file(Fault::NotDecodable, &[]);
        }
        text.map(Text)
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Characters of more than two bytes that GBK text would not give by chance.
fn is_plainly_utf8(text: &str) -> bool {
    text.bytes().filter(|byte| *byte >= 0xe0).count() > 8
}

fn declared_encoding(bytes: &[u8]) -> Option<&str> {
    let head = bytes.get(..bytes.len().min(200))?;
    let end = head.windows(2).position(|pair| pair == b"?>")?;
    let declaration = std::str::from_utf8(head.get(..end)?).ok()?;
    let after = declaration
        .strip_prefix("<?xml")?
        .split_once("encoding")?
        .1
        .trim_start();
    let quoted = after.strip_prefix('=')?.trim_start();
    let quote = quoted
        .chars()
        .next()
        .filter(|sign| matches!(sign, '"' | '\''))?;
    quoted.get(1..)?.split(quote).next()
}

/// The local name of the first element and its namespace, from the first bytes of a text.
pub(crate) fn root_of(text: &str) -> Option<(&str, &str)> {
    let mut rest = text;
    let open = loop {
        let (_, after) = rest.split_once('<')?;
        match after.chars().next()? {
            '?' => rest = after.split_once("?>")?.1,
            '!' => rest = after.strip_prefix("!--")?.split_once("-->")?.1,
            _ => break after,
        }
    };
    let (tag, _) = open.split_once('>')?;
    let name = tag.split([' ', '\t', '\r', '\n', '/']).next()?;
    let namespace = tag
        .split_once("xmlns")
        .and_then(|(_, rest)| rest.split(['"', '\'']).nth(1));
    Some((local(name), namespace.unwrap_or_default()))
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

struct Node<'t> {
    name: &'t str,
    text: Cow<'t, str>,
    /// Byte of its `<`.
    start: u32,
    /// The first element that is not inside this one.
    end: u32,
    parent: u32,
    read: Cell<bool>,
}

/// The elements of a text, parents before children.
pub(crate) struct Document<'t> {
    nodes: Vec<Node<'t>>,
    attributes: Vec<(u32, &'t str, Cow<'t, str>)>,
    lines: Vec<usize>,
    text: &'t str,
    /// Name of the part, for a voucher inside an envelope.
    part: Option<String>,
    /// Start of the line, byte and characters of the last spot: files of one line are common.
    last: Cell<(usize, usize, usize)>,
}

impl<'t> Document<'t> {
    #[cfg(test)]
    fn parse(text: &'t str, findings: &mut Findings) -> Option<Document<'t>> {
        Document::parse_part(text, None, findings)
    }

    /// Reads a part of a file, which findings name.
    pub(crate) fn parse_part(
        text: &'t str,
        part: Option<String>,
        findings: &mut Findings,
    ) -> Option<Document<'t>> {
        let breaks = text
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'\n')
            .map(|(place, _)| place + 1);
        let mut document = Document {
            nodes: Vec::new(),
            attributes: Vec::new(),
            lines: std::iter::once(0).chain(breaks).collect(),
            text,
            part,
            last: Cell::new((0, 0, 0)),
        };
        match document.read() {
            Ok(()) => Some(document),
            Err((fault, at, detail)) => {
                let spot = document.spot(at, "");
                findings.spot(fault, &spot, &[("detail", &detail)]);
                None
            }
        }
    }

    fn read(&mut self) -> Result<(), (Fault, usize, String)> {
        let mut reader = Reader::from_str(self.text);
        let mut open: Vec<usize> = Vec::new();
        loop {
            let at = place(reader.buffer_position());
            let broken = |at: usize, detail: &str| (Fault::XmlBroken, at, detail.to_owned());
            let event = reader.read_event().map_err(|error| {
                let at = place(reader.error_position());
                broken(at, &error.to_string())
            })?;
            let end = place(reader.buffer_position());
            match event {
                Event::Start(tag) => {
                    let node = self.element(&tag, at, open.last().copied())?;
                    open.push(node);
                    if open.len() > DEPTH_MAX {
                        let detail = format!("> {DEPTH_MAX} 层 levels");
                        return Err((Fault::XmlHostile, at, detail));
                    }
                }
                Event::Empty(tag) => {
                    let node = self.element(&tag, at, open.last().copied())?;
                    self.close(node, end)?;
                }
                Event::End(_) => {
                    let node = open.pop().ok_or_else(|| broken(at, "</>"))?;
                    self.close(node, at)?;
                }
                Event::Text(_) => self.append(open.last(), self.slice(at, end), at)?,
                Event::CData(_) => {
                    let inner = self.slice(at + "<![CDATA[".len(), end.saturating_sub(3));
                    self.append(open.last(), inner, at)?;
                }
                Event::GeneralRef(name) => {
                    let letter = character(&name).ok_or_else(|| {
                        let detail = format!("&{};", &*name.xml10_content());
                        (Fault::XmlHostile, at, crate::table::shown(&detail, false))
                    })?;
                    let mut buffer = [0; 4];
                    let letter = letter.encode_utf8(&mut buffer).to_owned();
                    self.append_owned(open.last(), &letter, at)?;
                }
                Event::DocType(_) => return Err((Fault::XmlHostile, at, "DOCTYPE".to_owned())),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
                Event::Eof if !open.is_empty() => {
                    return Err(broken(at, "文件在此中断 cut here"));
                }
                Event::Eof if self.nodes.is_empty() => return Err(broken(at, "空 empty")),
                Event::Eof => return Ok(()),
            }
        }
    }

    fn slice(&self, from: usize, to: usize) -> &'t str {
        self.text.get(from..to).unwrap_or_default()
    }

    fn element(
        &mut self,
        tag: &BytesStart<'_>,
        at: usize,
        parent: Option<usize>,
    ) -> Result<usize, (Fault, usize, String)> {
        if parent.is_none() && !self.nodes.is_empty() {
            return Err((
                Fault::XmlBroken,
                at,
                "第二个根元素 a second root".to_owned(),
            ));
        }
        if self.nodes.len() >= ELEMENTS_MAX {
            let detail = format!("> {ELEMENTS_MAX} 个元素 elements");
            return Err((Fault::XmlHostile, at, detail));
        }
        let node = self.nodes.len();
        // The name is taken from the text itself, which outlives the tag.
        let name = self.slice(at + 1, at + 1 + tag.name().as_ref().len());
        for (count, attribute) in tag.attributes().enumerate() {
            if count >= ATTRIBUTES_MAX {
                let detail = format!("> {ATTRIBUTES_MAX} 个属性 attributes");
                return Err((Fault::XmlHostile, at, detail));
            }
            let attribute = attribute.map_err(|error| (Fault::XmlBroken, at, error.to_string()))?;
            let key = attribute.key.as_ref();
            let start = self.text.as_ptr().addr();
            let offset = key.as_ptr().addr().wrapping_sub(start);
            let key = self.slice(offset, offset.wrapping_add(key.len()));
            let value = quick_xml::escape::unescape(&attribute.value)
                .map_err(|error| (Fault::XmlHostile, at, error.to_string()))?
                .into_owned();
            self.attributes
                .push((narrow(node), local(key), Cow::Owned(value)));
        }
        self.nodes.push(Node {
            name: local(name),
            text: Cow::Borrowed(""),
            start: narrow(at),
            end: narrow(node + 1),
            parent: narrow(parent.unwrap_or(node)),
            read: Cell::new(false),
        });
        Ok(node)
    }

    fn close(&mut self, node: usize, at: usize) -> Result<(), (Fault, usize, String)> {
        let end = narrow(self.nodes.len());
        let Some(closed) = self.nodes.get_mut(node) else {
            return Ok(());
        };
        closed.end = end;
        let is_leaf = usize::try_from(end) == Ok(node + 1);
        if is_leaf {
            return Ok(());
        }
        if !trim(&closed.text).is_empty() {
            let detail = "元素之间有文字 text between elements".to_owned();
            return Err((Fault::XmlBroken, at, detail));
        }
        closed.text = Cow::Borrowed("");
        Ok(())
    }

    fn append(
        &mut self,
        node: Option<&usize>,
        text: &'t str,
        at: usize,
    ) -> Result<(), (Fault, usize, String)> {
        let empty = node
            .and_then(|node| self.nodes.get_mut(*node))
            .filter(|node| node.text.is_empty());
        match empty {
            Some(node) => node.text = Cow::Borrowed(text),
            None => self.append_owned(node, text, at)?,
        }
        Ok(())
    }

    fn append_owned(
        &mut self,
        node: Option<&usize>,
        text: &str,
        at: usize,
    ) -> Result<(), (Fault, usize, String)> {
        match node.and_then(|node| self.nodes.get_mut(*node)) {
            Some(node) => node.text.to_mut().push_str(text),
            None if trim(text).is_empty() => {}
            None => {
                return Err((
                    Fault::XmlBroken,
                    at,
                    "根元素之外有文字 text outside".to_owned(),
                ));
            }
        }
        Ok(())
    }

    /// The outermost element.
    pub(crate) fn root(&self) -> Element<'_> {
        let root = Element {
            document: self,
            index: 0,
        };
        root.mark();
        root
    }

    fn spot(&self, at: usize, name: &str) -> Spot {
        let line = self.lines.partition_point(|start| *start <= at).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or_default();
        let (from, counted) = match self.last.get() {
            (line, byte, characters) if line == start && byte <= at => (byte, characters),
            _ => (start, 0),
        };
        let between = self.text.get(from..at);
        let column = counted + between.map_or(0, |text| text.chars().count());
        self.last.set((start, at, column));
        Spot {
            part: self.part.clone(),
            line: number(line),
            column: number(column + 1),
            name: name.to_owned(),
        }
    }

    /// Reports each kind of element with a text that nobody has read: where it is first, and how
    /// often it is there.
    pub(crate) fn report_unread(&self, known: impl Fn(&str) -> bool, findings: &mut Findings) {
        let mut unread: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            if node.read.get() || trim(&node.text).is_empty() || known(node.name) {
                continue;
            }
            let known = unread.len() < UNREAD_MAX;
            let path = self.path(index);
            if known || unread.contains_key(&path) {
                unread.entry(path).or_insert((index, 0)).1 += 1;
            }
        }
        let mut unread: Vec<_> = unread.into_iter().collect();
        unread.sort_by_key(|(_, (first, _))| *first);
        for (path, (first, count)) in unread {
            let element = Element {
                document: self,
                index: first,
            };
            let mut spot = element.spot();
            spot.name = path;
            let count = count.to_string();
            findings.spot(Fault::ElementUnknown, &spot, &[("count", &count)]);
        }
    }

    /// The names from below the root.
    fn path(&self, index: usize) -> String {
        let mut names = Vec::new();
        let mut at = index;
        while let Some(node) = self.nodes.get(at) {
            let parent = usize::try_from(node.parent).unwrap_or_default();
            if parent == at {
                break;
            }
            names.push(node.name);
            at = parent;
        }
        names.reverse();
        names.join("/")
    }
}

fn character(name: &BytesRef<'_>) -> Option<char> {
    if let Ok(Some(letter)) = name.resolve_char_ref() {
        return Some(letter);
    }
    match &*name.xml10_content() {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

fn place(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

/// Texts are below 64 MiB and elements are counted, so that nothing is cut.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn number(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// One element.
#[derive(Clone, Copy)]
pub(crate) struct Element<'d> {
    document: &'d Document<'d>,
    index: usize,
}

impl<'d> Element<'d> {
    fn node(self) -> Option<&'d Node<'d>> {
        self.document.nodes.get(self.index)
    }

    fn mark(self) {
        if let Some(node) = self.node() {
            node.read.set(true);
        }
    }

    /// Its local name.
    pub(crate) fn name(self) -> &'d str {
        self.node().map_or("", |node| node.name)
    }

    /// Its text, trimmed; empty when it has elements inside.
    pub(crate) fn text(self) -> &'d str {
        self.mark();
        self.node().map_or("", |node| trim(&node.text))
    }

    /// The value of an attribute; empty when it is not there.
    pub(crate) fn attribute(self, name: &str) -> &'d str {
        let list = &self.document.attributes;
        let at = narrow(self.index);
        let first = list.partition_point(|(node, ..)| *node < at);
        let own = list
            .get(first..)
            .into_iter()
            .flatten()
            .take_while(|(node, ..)| *node == at);
        own.into_iter()
            .find(|(_, key, _)| *key == name)
            .map_or("", |(.., value)| value)
    }

    /// The elements directly inside.
    pub(crate) fn children(self) -> impl Iterator<Item = Element<'d>> {
        let end = self
            .node()
            .map_or(0, |node| usize::try_from(node.end).unwrap_or_default());
        let document = self.document;
        let mut next = self.index + 1;
        std::iter::from_fn(move || {
            let node = document.nodes.get(next).filter(|_| next < end)?;
            let child = Element {
                document,
                index: next,
            };
            next = usize::try_from(node.end).unwrap_or(usize::MAX);
            Some(child)
        })
    }

    /// The elements directly inside that have this name.
    pub(crate) fn all(self, name: &str) -> impl Iterator<Item = Element<'d>> {
        self.children()
            .filter(move |child| child.name() == name)
            .inspect(|child| child.mark())
    }

    /// The first element at a path (`Cdtr/Nm`).
    pub(crate) fn at(self, path: &str) -> Option<Element<'d>> {
        let mut here = self;
        for name in path.split('/') {
            here = here.all(name).next()?;
        }
        Some(here)
    }

    /// The text at the first of these paths that is there and not empty.
    pub(crate) fn first(self, paths: &[&str]) -> &'d str {
        let texts = paths
            .iter()
            .filter_map(|path| self.at(path))
            .map(Element::text);
        texts
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or("")
    }

    /// All elements inside, at any depth, that have this name.
    pub(crate) fn deep(self, name: &str) -> impl Iterator<Item = Element<'d>> {
        let end = self
            .node()
            .map_or(0, |node| usize::try_from(node.end).unwrap_or_default());
        let document = self.document;
        (self.index + 1..end)
            .map(move |index| Element { document, index })
            .filter(move |element| element.name() == name)
            .inspect(|element| element.mark())
    }

    /// Where it begins.
    pub(crate) fn spot(self) -> Spot {
        let (start, name) = self.node().map_or((0, ""), |node| (node.start, node.name));
        self.document
            .spot(usize::try_from(start).unwrap_or_default(), name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(element: Element<'_>) -> String {
        let inside: Vec<String> = element.children().map(tree).collect();
        let spot = element.spot();
        format!(
            "{}@{}:{}[{}]({})",
            element.name(),
            spot.line,
            spot.column,
            element.text(),
            inside.join(" ")
        )
    }

    fn read(text: &str) -> String {
        let mut findings = Findings::default();
        match Document::parse(text, &mut findings) {
            Some(document) => tree(document.root()),
            None => {
                let finding = findings.into_vec().remove(0);
                let column = finding.place.column.unwrap_or_default();
                let line = finding.place.row.unwrap_or_default();
                format!("{} {line}:{column}", finding.code)
            }
        }
    }

    #[test]
    fn texts_are_trees_or_refused_at_a_place() {
        let deep = format!("{}x{}", "<a>".repeat(33), "</a>".repeat(33));
        for (text, expected) in [
            ("<a>x</a>", "a@1:1[x]()"),
            (
                "<?xml version=\"1.0\"?>\n<n:a xmlns:n=\"u\">\n 甲<!-- c --><b/></n:a>",
                "BNK-0201 3:17",
            ),
            (
                "<?xml version=\"1.0\"?>\n<n:a xmlns:n=\"u\">\n <b k=\"1\">甲 &amp; &#20057;</b><c/> </n:a>",
                "a@2:1[](b@3:2[甲 & 乙]() c@3:31[]())",
            ),
            ("<a><![CDATA[<x>&]]></a>", "a@1:1[<x>&]()"),
            ("<!DOCTYPE a><a/>", "BNK-0202 1:1"),
            ("<a>&x;</a>", "BNK-0202 1:4"),
            ("<a x='&y;'/>", "BNK-0202 1:1"),
            ("<a><b></a>", "BNK-0201 1:7"),
            ("<a>", "BNK-0201 1:4"),
            ("<a/><b/>", "BNK-0201 1:5"),
            ("<a/>x", "BNK-0201 1:5"),
            ("", "BNK-0201 1:1"),
            (&deep, "BNK-0202 1:97"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn the_declared_encoding_decides() {
        let gbk = encoding_rs::GBK
            .encode("<?xml version=\"1.0\" encoding=\"gbk\"?><a>億甲</a>")
            .0;
        for (bytes, expected) in [
            (gbk.as_ref(), Ok("億甲")),
            ("<a>甲</a>".as_bytes(), Ok("甲")),
            (
                "<?xml version='1.0' encoding='UTF-8'?><a>甲</a>".as_bytes(),
                Ok("甲"),
            ),
            (
                "<?xml version='1.0' encoding='GBK'?><a>测试县民政局测试甲乙</a>".as_bytes(),
                Err("BNK-0203"),
            ),
            (
                b"<?xml version='1.0' encoding='UTF-16'?><a/>",
                Err("BNK-0204"),
            ),
            (
                b"<?xml version='1.0' encoding='UTF-8'?>\n<a>\xff</a>",
                Err("BNK-0108"),
            ),
            (b"PK\x03\x04", Err("BNK-0103")),
        ] {
            let mut findings = Findings::default();
            let text = Text::decode(bytes, &mut findings);
            let document = text
                .as_ref()
                .and_then(|text| Document::parse(text.as_str(), &mut findings));
            let found = match &document {
                Some(document) => Ok(document.root().text()),
                None => Err(findings.into_vec().remove(0).code),
            };
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_root_is_found_without_reading_the_file() {
        for (text, root) in [
            (
                "<?xml version='1.0'?><!-- < --><d:Doc\n xmlns:d=\"urn:x\"><a>",
                Some(("Doc", "urn:x")),
            ),
            ("<MOF>", Some(("MOF", ""))),
            ("a,b", None),
        ] {
            assert_eq!(root_of(text), root, "{text}");
        }
    }
}
