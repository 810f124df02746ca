//! Return files (回盘): what the bank says about each line of a batch.

use std::collections::HashMap;

use ledger::money::Fen;

use crate::encoding::plain;
use crate::finding::{Fault, Finding, Findings};
use crate::layout::{Layout, RowKind, Stated};
use crate::profile::{Field, Profile, StatusWords, Use};
use crate::reason;
use crate::record::{AnswerLine, Outcome, ReturnFile};
use crate::table::{Limits, RowView, Source, Table, shown};

/// Reads a return file. It reads on after a fault; the lines given are those without one.
/// That the file answers our batch is for the caller to find out.
pub fn read_return(profile: &Profile, bytes: &[u8]) -> (ReturnFile, Vec<Finding>) {
    let mut findings = Findings::default();
    let mut file = ReturnFile {
        batch_no: None,
        lines: Vec::new(),
        stated_count: None,
        stated_total: None,
        content_hash: [0; 32],
    };
    if profile.usage == Use::Return {
        let source = Source::open(profile.kind, bytes, &mut findings);
        let table = source.table(profile, &Limits::WHOLE, &mut findings);
        if let Some(layout) = Layout::find(profile, &table, &mut findings) {
            read_lines(profile, &layout, &table, &mut file, &mut findings);
        }
    } else {
        findings.file(Fault::ProfileUse, &[("profile", &profile.id)]);
    }
    file.content_hash = ReturnFile::hash(file.batch_no.as_deref(), &file.lines);
    (file, findings.into_vec())
}

fn read_lines(
    profile: &Profile,
    layout: &Layout,
    table: &Table<'_>,
    file: &mut ReturnFile,
    findings: &mut Findings,
) {
    file.batch_no = layout
        .above(Field::BatchNo)
        .map(|(text, _)| text.to_owned());
    let mut stated = Stated::default();
    let mut rows: u64 = 0;
    let mut judge = Judge {
        words: &profile.status,
        last: None,
        known: HashMap::new(),
    };
    for row in table.rows_from(layout.first()) {
        match layout.classify(profile, &row) {
            RowKind::Totals => layout.totals(profile, &row, &mut stated, findings),
            RowKind::Strange => findings.row(Fault::RowStrange, row.line, &[]),
            RowKind::Detail => {
                rows += 1;
                file.lines
                    .extend(read_line(profile, layout, &row, &mut judge, findings));
            }
        }
    }
    if rows == 0 {
        findings.nothing_inside();
    }
    let is_whole = u64::try_from(file.lines.len()) == Ok(rows);
    let sum = Fen::sum(file.lines.iter().map(|line| line.amount))
        .ok()
        .filter(|_| is_whole);
    stated.check(profile, rows, sum, findings);
    file.stated_count = stated.count;
    file.stated_total = stated.total;
}

fn read_line<'t>(
    profile: &Profile,
    layout: &Layout,
    row: &RowView<'t>,
    judge: &mut Judge<'_, 't>,
    findings: &mut Findings,
) -> Option<AnswerLine> {
    if !layout.fits(profile, row, findings) {
        return None;
    }
    let sound = layout.check(row, findings);
    let amount = layout.positive(profile, row, findings);
    let account = layout.account(row, Field::AccountNo, findings);
    let key = echoed_key(profile, layout, row, findings);
    let status = layout.text(row, Field::Status);
    let reason = layout.text(row, Field::Reason);
    let outcome = outcome(layout, row, judge, findings);
    let says_why = !reason.is_empty() || outcome == Outcome::Paid;
    Some(AnswerLine {
        line: row.line,
        key,
        account_no: account?.to_owned(),
        payee_name: layout.text(row, Field::PayeeName).to_owned(),
        amount: amount?,
        outcome,
        reason_text: if says_why { reason } else { status }.to_owned(),
        bank_reference: layout.text(row, Field::BankReference).to_owned(),
    })
    .filter(|_| sound)
}

/// Our key as the bank echoed it. Two different ones are a fault: we would not know which.
fn echoed_key(
    profile: &Profile,
    layout: &Layout,
    row: &RowView<'_>,
    findings: &mut Findings,
) -> Option<String> {
    let fields = profile.key.fields.iter();
    let mut found = fields.filter_map(|field| {
        profile
            .key
            .find(layout.text(row, *field))
            .map(|key| (*field, key))
    });
    let (_, first) = found.next()?;
    if let Some((field, other)) = found.find(|(_, key)| *key != first) {
        let value = format!("{first} / {other}");
        findings.cell(
            Fault::KeysDiffer,
            row.line,
            layout.label(field),
            &[("value", &value)],
        );
        return None;
    }
    Some(first.to_owned())
}

/// The outcome of a row. Whatever is doubtful is pending: only a confirmed failure may be
/// re-paid, and only a confirmed success counts as paid.
fn outcome<'t>(
    layout: &Layout,
    row: &RowView<'t>,
    judge: &mut Judge<'_, 't>,
    findings: &mut Findings,
) -> Outcome {
    let status = layout.text(row, Field::Status);
    let reason = layout.text(row, Field::Reason);
    let fault = match judge.verdict(status, reason) {
        Verdict::Paid => return Outcome::Paid,
        Verdict::Failed => return Outcome::Failed,
        Verdict::Pending => return Outcome::Pending,
        Verdict::Contradiction => Fault::StatusContradicts,
        Verdict::Unknown => Fault::StatusUnknown,
    };
    let value = shown(&format!("{status} / {reason}"), false);
    let label = layout.label(Field::Status);
    findings.cell(fault, row.line, label, &[("value", &value)]);
    Outcome::Pending
}

/// Decides by status and reason. The same few texts stand in all rows of a file and are judged
/// once; most rows say what the row before said.
struct Judge<'p, 't> {
    words: &'p StatusWords,
    last: Option<((&'t str, &'t str), Verdict)>,
    known: HashMap<(&'t str, &'t str), Verdict>,
}

impl<'t> Judge<'_, 't> {
    fn verdict(&mut self, status: &'t str, reason: &'t str) -> Verdict {
        let says = (status, reason);
        if let Some((_, verdict)) = self.last.filter(|(last, _)| *last == says) {
            return verdict;
        }
        let words = self.words;
        let verdict = *self
            .known
            .entry(says)
            .or_insert_with(|| match words.read(status) {
                Verdict::Paid if words.denies(reason) || reason::normalise(reason).is_some() => {
                    Verdict::Contradiction
                }
                verdict => verdict,
            });
        self.last = Some((says, verdict));
        verdict
    }
}

/// What status words mean by the rule of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Paid,
    Failed,
    Pending,
    Contradiction,
    Unknown,
}

impl StatusWords {
    fn read(&self, text: &str) -> Verdict {
        let text = plain(text);
        let says = |words: &[String]| self.says(words, &text);
        if says(&self.doubtful) {
            return Verdict::Contradiction;
        }
        match (says(&self.paid), says(&self.failed)) {
            (true, true) => Verdict::Contradiction,
            (true, false) => Verdict::Paid,
            (false, true) => Verdict::Failed,
            (false, false) if says(&self.pending) => Verdict::Pending,
            (false, false) => Verdict::Unknown,
        }
    }

    /// True when a reason text speaks against success.
    fn denies(&self, text: &str) -> bool {
        let text = plain(text);
        !self.exact && (self.says(&self.doubtful, &text) || self.says(&self.failed, &text))
    }

    fn says(&self, words: &[String], text: &str) -> bool {
        words.iter().any(|word| {
            if self.exact {
                text == word
            } else {
                text.contains(word.as_str())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_words_have_three_outcomes() {
        let words = StatusWords::default();
        for (text, verdict) in [
            ("处理成功", Verdict::Paid),
            ("全部成功", Verdict::Paid),
            ("交易失败", Verdict::Failed),
            ("指令被拒绝授权", Verdict::Failed),
            ("已退票", Verdict::Failed),
            ("账号错误", Verdict::Failed),
            ("等待授权", Verdict::Pending),
            ("处 理 中", Verdict::Pending),
            ("处理不成功", Verdict::Contradiction),
            ("退票成功", Verdict::Contradiction),
            ("部分成功", Verdict::Contradiction),
            ("X9", Verdict::Unknown),
            ("", Verdict::Unknown),
        ] {
            assert_eq!(words.read(text), verdict, "{text}");
        }
    }
}
