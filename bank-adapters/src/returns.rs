//! Return files (回盘): what the bank says about each line of a batch.

use std::collections::HashMap;

use ledger::money::Fen;

use crate::codec;
use crate::encoding::plain;
use crate::finding::{Fault, Finding, Findings};
use crate::layout::{Layout, RowKind, Section, Stated};
use crate::profile::{Field, Profile, StatusWords, Use};
use crate::reason;
use crate::record::{AnswerLine, Instruction, Outcome, ReturnFile};
use crate::table::{Limits, RowView, Source, Table, shown};

/// Reads a return file. It reads on after a fault; the lines given are those without one.
/// That the file answers our batch is for the caller to find out.
pub fn read_return(profile: &Profile, bytes: &[u8]) -> (ReturnFile, Vec<Finding>) {
    let mut findings = Findings::default();
    let mut file = ReturnFile::empty();
    if profile.usage != Use::Return {
        findings.file(Fault::ProfileUse, &[("profile", &profile.id)]);
    } else if let Some(codec) = profile.codec {
        file = codec::read_return(profile, codec, bytes, &mut findings);
    } else {
        let source = Source::open(profile.kind, bytes, &mut findings);
        let table = source.table(profile, &Limits::WHOLE, &mut findings);
        let mut reader = Reader::new(profile, &table);
        for section in Layout::sections(profile, &table, &mut findings) {
            reader.section(&section, &mut file, &mut findings);
        }
        reader.finish(&mut file, &mut findings);
    }
    file.content_hash = ReturnFile::hash(file.batch_no.as_deref(), &file.lines);
    (file, findings.into_vec())
}

/// Compares an answer with the batch file that it answers, where the layout has the bank repeat
/// what was sent: treasury vouchers. No finding means that nothing was changed.
pub fn compare_answer(
    (sent_by, sent): (&Profile, &[u8]),
    (answered_by, answer): (&Profile, &[u8]),
) -> Vec<Finding> {
    match (sent_by.codec, answered_by.codec) {
        (Some(codec::Codec::MofVoucher), Some(codec::Codec::MofAnswer)) => {
            codec::compare_vouchers(sent_by, sent, answered_by, answer)
        }
        _ => Vec::new(),
    }
}

/// The work in hand of [`read_return`].
struct Reader<'a> {
    profile: &'a Profile,
    table: &'a Table<'a>,
    judge: Judge<'a, 'a>,
    rows: u64,
    /// What the sections state, as long as all of them do.
    count: Option<u64>,
    total: Option<Fen>,
}

impl<'a> Reader<'a> {
    fn new(profile: &'a Profile, table: &'a Table<'a>) -> Reader<'a> {
        Reader {
            profile,
            table,
            judge: Judge {
                words: &profile.status,
                outcome: None,
                last: None,
                known: HashMap::new(),
            },
            rows: 0,
            count: Some(0),
            total: Some(Fen::ZERO),
        }
    }

    /// Reads the rows of one form, which have control totals of their own.
    fn section(&mut self, section: &Section, file: &mut ReturnFile, findings: &mut Findings) {
        let (profile, layout) = (self.profile, &section.layout);
        let outcome = layout.shape(profile).outcome;
        self.judge.begin(outcome);
        if outcome == Some(Outcome::Pending) {
            findings.file(Fault::OutcomeAbsent, &[]);
        }
        let above = layout
            .above(Field::BatchNo)
            .map(|(text, _)| text.to_owned());
        file.batch_no = file.batch_no.take().or(above);
        let mut stated = Stated::default();
        let (mut rows, start): (u64, usize) = (0, file.lines.len());
        for row in section
            .rows
            .clone()
            .filter_map(|index| self.table.row(index))
        {
            match layout.classify(profile, &row) {
                RowKind::Totals => layout.totals(profile, &row, &mut stated, findings),
                RowKind::Strange => findings.row(Fault::RowStrange, row.line, &[]),
                RowKind::Head => {}
                RowKind::Detail => {
                    rows += 1;
                    let line = read_line(profile, layout, &row, &mut self.judge, findings);
                    file.lines.extend(line);
                }
            }
        }
        let lines = file.lines.get(start..).unwrap_or_default();
        let is_whole = u64::try_from(lines.len()) == Ok(rows);
        let sum = Fen::sum(lines.iter().map(|line| line.amount)).ok();
        stated.check(profile, rows, sum.filter(|_| is_whole), findings);
        self.rows += rows;
        let counts = self.count.zip(stated.count);
        self.count = counts.and_then(|(left, right)| left.checked_add(right));
        self.total = self
            .total
            .zip(stated.total)
            .and_then(|(left, right)| left.plus(right).ok());
    }

    fn finish(self, file: &mut ReturnFile, findings: &mut Findings) {
        if self.rows == 0 {
            findings.nothing_inside();
            return;
        }
        file.stated_count = self.count;
        file.stated_total = self.total;
    }
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
    let mut outcome = outcome(layout, row, judge, findings);
    if outcome == Outcome::Paid && !paid_in_full(profile, layout, row, findings) {
        outcome = Outcome::Pending;
    }
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
        sequence: None,
    })
    .filter(|_| sound)
}

/// Whether the amount that the bank says it has paid is the one that was to be paid. Where it is
/// not, a person must find out what came of the rest.
fn paid_in_full(
    profile: &Profile,
    layout: &Layout,
    row: &RowView<'_>,
    findings: &mut Findings,
) -> bool {
    let text = layout.text(row, Field::PaidAmount);
    let paid = layout.amount(profile, row, Field::PaidAmount, findings);
    if text.is_empty() || paid == profile.amount.read(layout.text(row, Field::Amount)) {
        return true;
    }
    let value = format!("{} / {}", layout.text(row, Field::Amount), text);
    let label = layout.label(Field::PaidAmount);
    findings.cell(
        Fault::StatusContradicts,
        row.line,
        label,
        &[("value", &value)],
    );
    false
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
    /// What all rows say, where no column does.
    outcome: Option<Outcome>,
    last: Option<((&'t str, &'t str), Verdict)>,
    known: HashMap<(&'t str, &'t str), Verdict>,
}

impl<'t> Judge<'_, 't> {
    /// Begins with the rows of another form.
    fn begin(&mut self, outcome: Option<Outcome>) {
        if self.outcome != outcome {
            self.outcome = outcome;
            self.last = None;
            self.known.clear();
        }
    }
    fn verdict(&mut self, status: &'t str, reason: &'t str) -> Verdict {
        let says = (status, reason);
        if let Some((_, verdict)) = self.last.filter(|(last, _)| *last == says) {
            return verdict;
        }
        let (words, outcome) = (self.words, self.outcome);
        let verdict = *self.known.entry(says).or_insert_with(|| {
            let verdict = match outcome {
                Some(outcome) => words.confirm(outcome, status),
                None => words.read(status),
            };
            match verdict {
                Verdict::Paid if words.denies(reason) || reason::normalise(reason).is_some() => {
                    Verdict::Contradiction
                }
                verdict => verdict,
            }
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
        let is_paid = match self.paid_exact {
            true => self.paid.iter().any(|word| *word == text),
            false => says(&self.paid),
        };
        match (is_paid, says(&self.failed)) {
            (true, true) => Verdict::Contradiction,
            (true, false) => Verdict::Paid,
            (false, true) => Verdict::Failed,
            (false, false) if says(&self.pending) => Verdict::Pending,
            (false, false) => Verdict::Unknown,
        }
    }

    /// What a row of a list says, all of which has one outcome: the list of failures says it in
    /// its title, and its cells say why.
    fn confirm(&self, outcome: Outcome, text: &str) -> Verdict {
        match (outcome, self.read(text)) {
            (Outcome::Pending | Outcome::Refunded, _) => Verdict::Pending,
            (Outcome::Failed, Verdict::Paid) => Verdict::Contradiction,
            (Outcome::Failed, _) => Verdict::Failed,
            (Outcome::Paid, Verdict::Paid) => Verdict::Paid,
            (Outcome::Paid, Verdict::Unknown) if reason::normalise(text).is_none() => Verdict::Paid,
            (Outcome::Paid, Verdict::Pending) => Verdict::Pending,
            (Outcome::Paid, _) => Verdict::Contradiction,
        }
    }

    /// True when a cell holds words that a status of this kind has, or none at all.
    pub(crate) fn knows(&self, text: &str) -> bool {
        self.read(text) != Verdict::Unknown
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

/// Completes an answer that lists failures only ([`Profile::absent`]): each line of the batch that
/// it does not name was paid. A failure that fits no line of the batch, or several of them, makes
/// all the others doubtful and is a blocking finding.
///
/// The bank must have finished the batch; no file says so, and the caller asks.
pub fn paid_by_absence(sent: &[Instruction], file: &ReturnFile) -> (ReturnFile, Vec<Finding>) {
    let mut findings = Findings::default();
    let mut by_description: HashMap<(&str, &str, Fen), Vec<usize>> = HashMap::new();
    let mut by_key: HashMap<&str, usize> = HashMap::new();
    for (index, line) in sent.iter().enumerate() {
        let description = (
            line.account_no.as_str(),
            line.payee_name.as_str(),
            line.amount,
        );
        by_description.entry(description).or_default().push(index);
        by_key.insert(&line.key, index);
    }
    let mut named = vec![false; sent.len()];
    for line in &file.lines {
        let description = (
            line.account_no.as_str(),
            line.payee_name.as_str(),
            line.amount,
        );
        let known = line.key.as_deref().map(|key| by_key.get(key).copied());
        let found = known.unwrap_or_else(|| match by_description.get(&description)?.as_slice() {
            [one] => Some(*one),
            _ => None,
        });
        let is_same = |index: &usize| {
            sent.get(*index).is_some_and(|sent| {
                sent.account_no == line.account_no && sent.amount == line.amount
            })
        };
        match found.filter(is_same).and_then(|index| named.get_mut(index)) {
            Some(named) if !*named => *named = true,
            _ => findings.row(Fault::FailureForeign, line.line, &[]),
        }
    }
    let mut whole = file.clone();
    let absent = sent.iter().zip(named).filter(|(_, named)| !named);
    let last = file.lines.iter().map(|line| line.line).max().unwrap_or(0);
    let absent = (last + 1..).zip(absent);
    whole
        .lines
        .extend(absent.map(|(number, (line, _))| AnswerLine {
            line: number,
            key: Some(line.key.clone()),
            account_no: line.account_no.clone(),
            payee_name: line.payee_name.clone(),
            amount: line.amount,
            outcome: Outcome::Paid,
            reason_text: String::new(),
            bank_reference: String::new(),
            sequence: None,
        }));
    // The list alone may have been taken in before the bank had finished.
    whole.content_hash = ReturnFile::hash(whole.batch_no.as_deref(), &whole.lines);
    (whole, findings.into_vec())
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
