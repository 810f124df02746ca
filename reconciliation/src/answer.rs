//! Matching a bank's return (回盘) to what was sent.
//!
//! By our reference first; a line without one by account, name and amount inside the batch, and
//! only when there are exactly as many lines as sent items of that description. Every line ends in
//! exactly one list of [`Matching`]. One bad line never stops the others, and nothing is decided
//! by the order of the lines.

use std::borrow::Cow;
use std::collections::HashMap;

use ledger::id::PaymentId;
use ledger::money::Fen;
use ledger::problem::Language;

use crate::text::{account_key, account_tail, name_key};

/// What the bank said about one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// 成功: the money is with the payee.
    Paid,
    /// 失败: confirmed not paid.
    Failed,
    /// 处理中: neither; never to be read as failed.
    Pending,
}

impl Outcome {
    /// Whether the bank has made up its mind.
    pub fn is_terminal(self) -> bool {
        self != Outcome::Pending
    }

    /// The name shown to people.
    pub fn name(self, language: Language) -> &'static str {
        match (self, language) {
            (Outcome::Paid, Language::Zh) => "成功",
            (Outcome::Paid, Language::En) => "paid",
            (Outcome::Failed, Language::Zh) => "失败",
            (Outcome::Failed, Language::En) => "failed",
            (Outcome::Pending, Language::Zh) => "处理中",
            (Outcome::Pending, Language::En) => "pending",
        }
    }
}

/// One line of a batch as it was sent to the bank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The payment that this line tries to pay.
    pub payment: PaymentId,
    /// Which attempt of the payment, from 1.
    pub attempt: i64,
    /// Our reference, unique in the batch.
    pub key: String,
    /// The payee's account as sent.
    pub account_no: String,
    /// The payee's name as sent.
    pub payee_name: String,
    /// The amount as sent.
    pub amount: Fen,
    /// What an earlier return said: paid or failed. Pending counts as not answered.
    pub answered: Option<Outcome>,
}

/// One line of a return as an adapter read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Line or row of the file, counted from 1.
    pub line: u64,
    /// Our reference, when the layout carries it and the bank filled it.
    pub key: Option<String>,
    /// The payee's account as the bank printed it.
    pub account_no: String,
    /// The payee's name as the bank printed it.
    pub payee_name: String,
    /// The amount of the line.
    pub amount: Fen,
    /// What the bank says about it.
    pub outcome: Outcome,
}

macro_rules! exception_kinds {
    ($($(#[$doc:meta])* $name:ident $code:literal $zh:literal $en:literal;)*) => {
        /// What can be wrong with a line of a return or a movement of a statement. Nothing is
        /// posted for it until two people have resolved it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ExceptionKind { $($(#[$doc])* $name,)* }

        impl ExceptionKind {
            /// Every kind.
            pub const ALL: &'static [ExceptionKind] = &[$(ExceptionKind::$name),*];

            /// The stable code in columns and JSON.
            pub fn code(self) -> &'static str {
                match self { $(ExceptionKind::$name => $code,)* }
            }

            /// The name shown to people.
            pub fn name(self, language: Language) -> &'static str {
                match (self, language) { $(
                    (ExceptionKind::$name, Language::Zh) => $zh,
                    (ExceptionKind::$name, Language::En) => $en,
                )* }
            }

            /// The kind with this code.
            pub fn from_code(code: &str) -> Option<ExceptionKind> {
                ExceptionKind::ALL.iter().copied().find(|kind| kind.code() == code)
            }
        }
    };
}

exception_kinds! {
    /// The line matches nothing that was sent in this batch.
    UnknownPayment "unknown-payment" "批内没有此笔" "unknown payment";
    /// The line names a sent item with another amount.
    AmountDiffers "amount-differs" "金额不符" "amount differs";
    /// The line names a sent item with another account.
    AccountDiffers "account-differs" "账号不符" "account differs";
    /// More than one line for one sent item.
    MatchedTwice "matched-twice" "重复回盘" "matched twice";
    /// Paid and failed for the same attempt in one return.
    Contradiction "contradiction" "结果矛盾" "contradictory answers";
    /// It failed, the bank said, and says now that it was paid.
    LateSuccess "late-success" "失败后补报成功" "late success";
    /// It was paid, the bank said, and says now that it failed.
    SuccessTakenBack "success-taken-back" "成功后改报失败" "success taken back";
    /// The reference belongs to another batch.
    ForeignBatch "foreign-batch" "属于其他批次" "belongs to another batch";
    /// Several sent items fit, and not as many lines.
    Ambiguous "ambiguous" "无法唯一对应" "ambiguous";
    /// Money came back for a payment that nobody knows.
    RefundWithoutOriginal "refund-without-original" "退款找不到原付款" "refund without original";
    /// A credit on the statement that nothing explains.
    UnexplainedCredit "unexplained-credit" "不明收款" "unexplained credit";
    /// A debit on the statement that nothing explains.
    UnexplainedDebit "unexplained-debit" "不明付款" "unexplained debit";
    /// The bank took it for its services; no batch of ours.
    BankFee "bank-fee" "银行手续费" "bank fee";
    /// The bank paid it on the balance; it is the treasury's.
    Interest "interest" "账户利息" "interest";
    /// The bank or the treasury told of a returned payment that nobody knows.
    RefundNotice "refund-notice" "退款通知找不到原付款" "refund notice without original";
    /// The bank took another amount for a batch than was sent.
    BatchDebitDiffers "batch-debit-differs" "批次扣款金额不符" "batch debit differs";
    /// The bank took the money of a batch a second time.
    BatchDebitedAgain "batch-debited-again" "批次重复扣款" "batch debited again";
    /// The bank reported success after the payment had been sent again.
    PaidTwice "paid-twice" "重复发放" "paid twice";
}

/// One line or movement that a person must look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnException {
    /// What is wrong.
    pub kind: ExceptionKind,
    /// Line of the file.
    pub line: u64,
    /// Index of the sent item that it is about, when exactly one is.
    pub sent: Option<usize>,
    /// The amount of the line, as the file has it.
    pub amount: Fen,
    /// What was found, in Chinese; accounts by their last four digits.
    pub detail_zh: String,
    /// The same in English.
    pub detail_en: String,
}

/// One line matched to one sent item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Matched {
    /// Index into the sent items.
    pub sent: usize,
    /// Index into the answers.
    pub answer: usize,
    /// What the line says.
    pub outcome: Outcome,
}

/// Where every line of a return went. The first four lists are disjoint, and together they are the
/// whole return. Matches are sorted by sent item, exceptions by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// New terminal answers, at most one for each sent item: to be posted.
    pub settled: Vec<Matched>,
    /// Lines that say nothing new: the answer is known already, or an equal line stands in the
    /// same return, or it says pending where the answer is known. No effect.
    pub repeated: Vec<Matched>,
    /// Sent items that the bank is still working on.
    pub pending: Vec<Matched>,
    /// Lines for which nothing is posted.
    pub exceptions: Vec<ReturnException>,
    /// Sent items without an earlier answer that no line is about.
    pub unanswered: Vec<usize>,
}

/// Matches the lines of one return to the sent items of its batch.
///
/// `known_elsewhere` tells whether a reference belongs to another batch. A line with a reference
/// is never matched by account and name: it would be read against what the bank wrote.
pub fn match_return(
    sent: &[Sent],
    answers: &[Answer],
    known_elsewhere: &dyn Fn(&str) -> bool,
) -> Matching {
    let mut matcher = Matcher {
        sent,
        answers,
        concerned: vec![false; sent.len()],
        matching: Matching::default(),
    };
    // By line number, not by position: shuffled input gives the same matches.
    let mut order: Vec<usize> = (0..answers.len()).collect();
    order.sort_by_key(|index| (answers[*index].line, *index));
    let without_key = matcher.match_by_key(&order, known_elsewhere);
    if !without_key.is_empty() {
        matcher.match_by_description(&without_key);
    }
    matcher.finish()
}

/// The work in hand of one call of [`match_return`].
struct Matcher<'a> {
    sent: &'a [Sent],
    answers: &'a [Answer],
    /// Sent items that some line is about.
    concerned: Vec<bool>,
    matching: Matching,
}

/// Account, name and amount: what identifies a line that carries no reference.
type Description<'a> = (Cow<'a, str>, Cow<'a, str>, Fen);

impl<'a> Matcher<'a> {
    /// Places every line that carries a reference; returns the others in order.
    fn match_by_key(
        &mut self,
        order: &[usize],
        known_elsewhere: &dyn Fn(&str) -> bool,
    ) -> Vec<usize> {
        let mut by_key = Keys::new(self.sent);
        let mut claims: Vec<(usize, u64, usize)> = Vec::with_capacity(order.len());
        let mut without_key = Vec::new();
        for &index in order {
            let line = &self.answers[index];
            let key = line.key.as_deref().map_or("", str::trim);
            if key.is_empty() {
                without_key.push(index);
                continue;
            }
            match by_key.find(key) {
                Some(Some(item)) => match disagreement(&self.sent[item], line) {
                    Some(kind) => self.refuse(kind, index, Some(item)),
                    None => claims.push((item, line.line, index)),
                },
                Some(None) => self.refuse(ExceptionKind::Ambiguous, index, None),
                None if known_elsewhere(key) => {
                    self.refuse(ExceptionKind::ForeignBatch, index, None);
                }
                None => self.refuse(ExceptionKind::UnknownPayment, index, None),
            }
        }
        claims.sort_unstable();
        let mut lines = Vec::new();
        for group in claims.chunk_by(|left, right| left.0 == right.0) {
            lines.clear();
            lines.extend(group.iter().map(|claim| claim.2));
            self.settle(group[0].0, &lines);
        }
        without_key
    }

    /// Places every line that carries no reference.
    fn match_by_description(&mut self, lines: &[usize]) {
        let sent = self.sent;
        let answers = self.answers;
        let described = |row: &'a Sent| describe(&row.account_no, &row.payee_name, row.amount);
        let candidates = Groups::of(sent.iter().map(described));
        let groups = Groups::of(lines.iter().map(|&index| {
            let line = &answers[index];
            describe(&line.account_no, &line.payee_name, line.amount)
        }));
        // Items that a reference has claimed are not open to descriptions. The groups share no
        // item, so that the order in which they are placed does not matter.
        let claimed = self.concerned.clone();
        let mut near = None;
        let (mut items, mut group) = (Vec::new(), Vec::new());
        for (key, first) in &groups.first {
            group.clear();
            group.extend(groups.members(*first).map(|place| lines[place]));
            if let Some(first) = candidates.first.get(key) {
                items.clear();
                items.extend(candidates.members(*first));
                self.place_group(&items, &claimed, &group);
            } else {
                let near = near.get_or_insert_with(|| Near::of(sent.iter().map(described)));
                let (kind, item) = near.miss(key);
                group
                    .iter()
                    .for_each(|&index| self.refuse(kind, index, item));
            }
        }
    }

    /// Places the lines of one description, given all sent items of that description.
    fn place_group(&mut self, items: &[usize], claimed: &[bool], lines: &[usize]) {
        let open: Vec<usize> = items
            .iter()
            .copied()
            .filter(|item| !claimed[*item])
            .collect();
        match (open.as_slice(), lines) {
            ([], _) => {
                let item = only(items);
                for &index in lines {
                    self.refuse(ExceptionKind::MatchedTwice, index, item);
                }
            }
            (open, lines) if open.len() == lines.len() => self.pair(open, lines),
            ([item], lines) => self.settle(*item, lines),
            _ => {
                for &index in lines {
                    self.refuse(ExceptionKind::Ambiguous, index, None);
                }
                // The lines are about some of these: none of them is simply unanswered.
                open.iter().for_each(|item| self.concerned[*item] = true);
            }
        }
    }

    /// Pairs equal items with as many equal lines: first the answers that are known already, then
    /// the rest in the order of the batch and of the file.
    fn pair(&mut self, items: &[usize], lines: &[usize]) {
        let mut rest: Vec<usize> = Vec::with_capacity(items.len());
        let mut taken = vec![false; lines.len()];
        let mut cursor = [0_usize; 2];
        for &item in items {
            let side = match self.sent[item].answered {
                Some(Outcome::Paid) => 0,
                Some(Outcome::Failed) => 1,
                Some(Outcome::Pending) | None => {
                    rest.push(item);
                    continue;
                }
            };
            let wanted = [Outcome::Paid, Outcome::Failed][side];
            let from = cursor[side];
            let found = (from..lines.len())
                .find(|position| self.answers[lines[*position]].outcome == wanted);
            cursor[side] = found.map_or(lines.len(), |position| position + 1);
            match found {
                Some(position) => {
                    taken[position] = true;
                    self.settle(item, &[lines[position]]);
                }
                None => rest.push(item),
            }
        }
        rest.sort_unstable();
        let free = lines
            .iter()
            .zip(&taken)
            .filter(|(_, taken)| !**taken)
            .map(|(line, _)| *line);
        for (item, line) in rest.into_iter().zip(free) {
            self.settle(item, &[line]);
        }
    }

    /// Places the lines, by ascending line number, that all agree with one sent item.
    fn settle(&mut self, item: usize, lines: &[usize]) {
        let Some((&first, others)) = lines.split_first() else {
            return;
        };
        let outcome = self.answers[first].outcome;
        if others
            .iter()
            .any(|other| self.answers[*other].outcome != outcome)
        {
            // The return disagrees with itself. Which line is right is not for us to choose.
            let says = |wanted| {
                lines
                    .iter()
                    .any(|line| self.answers[*line].outcome == wanted)
            };
            let kind = if says(Outcome::Paid) && says(Outcome::Failed) {
                ExceptionKind::Contradiction
            } else {
                ExceptionKind::MatchedTwice
            };
            lines
                .iter()
                .for_each(|line| self.refuse(kind, *line, Some(item)));
            return;
        }
        let known = self.sent[item].answered.filter(|known| known.is_terminal());
        if known.is_some_and(|known| outcome.is_terminal() && known != outcome) {
            let kind = match outcome {
                Outcome::Paid => ExceptionKind::LateSuccess,
                _ => ExceptionKind::SuccessTakenBack,
            };
            lines
                .iter()
                .for_each(|line| self.refuse(kind, *line, Some(item)));
            return;
        }
        self.concerned[item] = true;
        let matched = Matched {
            sent: item,
            answer: first,
            outcome,
        };
        match (known, outcome) {
            (Some(_), _) => self.matching.repeated.push(matched),
            (None, Outcome::Pending) => self.matching.pending.push(matched),
            (None, Outcome::Paid | Outcome::Failed) => self.matching.settled.push(matched),
        }
        for &other in others {
            if says_the_same(&self.answers[first], &self.answers[other]) {
                self.matching.repeated.push(Matched {
                    sent: item,
                    answer: other,
                    outcome,
                });
            } else {
                self.refuse(ExceptionKind::MatchedTwice, other, Some(item));
            }
        }
    }

    /// Puts a line among the exceptions.
    fn refuse(&mut self, kind: ExceptionKind, index: usize, item: Option<usize>) {
        let line = &self.answers[index];
        let sent = item.map(|item| {
            self.concerned[item] = true;
            &self.sent[item]
        });
        let (detail_zh, detail_en) = explain(kind, line, sent);
        let (line, amount) = (line.line, line.amount);
        self.matching.exceptions.push(ReturnException {
            kind,
            line,
            sent: item,
            amount,
            detail_zh,
            detail_en,
        });
    }

    fn finish(mut self) -> Matching {
        let waits = |item: &Sent| !item.answered.is_some_and(Outcome::is_terminal);
        self.matching.unanswered = (0..self.sent.len())
            .filter(|item| !self.concerned[*item] && waits(&self.sent[*item]))
            .collect();
        self.matching.settled.sort_unstable();
        let answers = self.answers;
        let by_line = |row: &Matched| (row.sent, answers[row.answer].line, row.answer);
        self.matching.repeated.sort_unstable_by_key(by_line);
        self.matching.pending.sort_unstable();
        self.matching
            .exceptions
            .sort_by_key(|row| (row.line, row.kind, row.sent));
        self.matching
    }
}

/// Sent items by a part of their description, to say why a line fits none of them.
#[derive(Default)]
struct Near<'a> {
    /// By account and name: the amount is another.
    other_amount: HashMap<(Cow<'a, str>, Cow<'a, str>), Option<usize>>,
    /// By name and amount: the account is another.
    other_account: HashMap<(Cow<'a, str>, Fen), Option<usize>>,
}

impl<'a> Near<'a> {
    fn of(described: impl Iterator<Item = Description<'a>>) -> Near<'a> {
        let mut near = Near::default();
        for (item, key) in described.enumerate() {
            near.add(&key, item);
        }
        near
    }

    fn add(&mut self, (account, name, amount): &Description<'a>, item: usize) {
        self.other_amount
            .entry((account.clone(), name.clone()))
            .and_modify(|known| *known = None)
            .or_insert(Some(item));
        self.other_account
            .entry((name.clone(), *amount))
            .and_modify(|known| *known = None)
            .or_insert(Some(item));
    }

    /// The exception for a line of this description, and the item when exactly one comes close.
    fn miss(&self, key: &Description<'a>) -> (ExceptionKind, Option<usize>) {
        let (account, name, amount) = key;
        if let Some(item) = self.other_amount.get(&(account.clone(), name.clone())) {
            return (ExceptionKind::AmountDiffers, *item);
        }
        match self.other_account.get(&(name.clone(), *amount)) {
            // A name and an amount alone are shared by many: only a single one is worth naming.
            Some(Some(item)) => (ExceptionKind::AccountDiffers, Some(*item)),
            Some(None) | None => (ExceptionKind::UnknownPayment, None),
        }
    }
}

/// Places by description: the first one of each, and for each place the next one of the same.
struct Groups<'a> {
    first: HashMap<Description<'a>, usize>,
    next: Vec<Option<usize>>,
}

impl<'a> Groups<'a> {
    fn of(described: impl DoubleEndedIterator<Item = Description<'a>> + ExactSizeIterator) -> Self {
        let count = described.len();
        let mut groups = Groups {
            first: HashMap::with_capacity(count),
            next: vec![None; count],
        };
        // From the back, so that the members come out in ascending order.
        for (place, key) in (0..count).rev().zip(described.rev()) {
            groups.next[place] = groups.first.insert(key, place);
        }
        groups
    }

    fn members(&self, first: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(first), |place| self.next[*place])
    }
}

/// Sent items by reference.
struct Keys<'a> {
    sent: &'a [Sent],
    /// Whether each reference is longer than the one before, or as long and greater: no reference
    /// is there twice.
    is_ascending: bool,
    /// The item after the one found last: a bank answers in the order of the batch.
    expected: usize,
    /// `None` where a reference was given twice. Filled when the order of the lines is another.
    index: Option<HashMap<&'a str, Option<usize>>>,
}

impl<'a> Keys<'a> {
    fn new(sent: &'a [Sent]) -> Keys<'a> {
        let rank = |row: &'a Sent| (row.key.trim().len(), row.key.trim());
        Keys {
            sent,
            is_ascending: sent.is_sorted_by(|left, right| rank(left) < rank(right)),
            expected: 0,
            index: None,
        }
    }

    /// The item with this reference, which is not empty; `Some(None)` when there are several.
    fn find(&mut self, key: &str) -> Option<Option<usize>> {
        if self.is_ascending {
            // A line that the bank left out moves the rest by one.
            for item in self.expected..self.expected + 2 {
                if self.sent.get(item).is_some_and(|row| row.key.trim() == key) {
                    self.expected = item + 1;
                    return Some(Some(item));
                }
            }
        }
        let index = self.index.get_or_insert_with(|| index_keys(self.sent));
        let found = index.get(key).copied();
        if let Some(Some(item)) = found {
            self.expected = item + 1;
        }
        found
    }
}

/// Sent items by reference; `None` where a reference was given twice.
fn index_keys(sent: &[Sent]) -> HashMap<&str, Option<usize>> {
    let mut by_key = HashMap::with_capacity(sent.len());
    for (item, row) in sent.iter().enumerate() {
        let key = row.key.trim();
        if !key.is_empty() {
            by_key
                .entry(key)
                .and_modify(|known| *known = None)
                .or_insert(Some(item));
        }
    }
    by_key
}

/// What contradicts the reference of a line: the amount first, then the account.
fn disagreement(sent: &Sent, line: &Answer) -> Option<ExceptionKind> {
    if sent.amount != line.amount {
        Some(ExceptionKind::AmountDiffers)
    } else if sent.account_no != line.account_no
        && account_key(&sent.account_no) != account_key(&line.account_no)
    {
        Some(ExceptionKind::AccountDiffers)
    } else {
        None
    }
}

/// Whether a second line is the same answer once more. Without a reference it is not: an equal row
/// may be a second payment.
fn says_the_same(first: &Answer, other: &Answer) -> bool {
    let has_key = other
        .key
        .as_deref()
        .is_some_and(|key| !key.trim().is_empty());
    let Answer {
        line: _,
        key,
        account_no,
        payee_name,
        amount,
        outcome,
    } = other;
    has_key
        && *key == first.key
        && *account_no == first.account_no
        && *payee_name == first.payee_name
        && *amount == first.amount
        && *outcome == first.outcome
}

fn describe<'a>(account: &'a str, name: &'a str, amount: Fen) -> Description<'a> {
    (account_key(account), name_key(name), amount)
}

fn only(items: &[usize]) -> Option<usize> {
    if let [item] = items {
        Some(*item)
    } else {
        None
    }
}

/// The sentences of an exception, in Chinese and English.
fn explain(kind: ExceptionKind, line: &Answer, sent: Option<&Sent>) -> (String, String) {
    use ExceptionKind::{
        AccountDiffers, Ambiguous, AmountDiffers, Contradiction, ForeignBatch, LateSuccess,
        MatchedTwice, SuccessTakenBack,
    };
    let found = line.amount.grouped();
    let tail = account_tail(&line.account_no);
    let key = line.key.as_deref().map_or("", str::trim);
    let reference = if key.is_empty() { "—" } else { key };
    let (says_zh, says_en) = (
        line.outcome.name(Language::Zh),
        line.outcome.name(Language::En),
    );
    match (kind, sent) {
        (AmountDiffers, Some(sent)) => {
            let wanted = sent.amount.grouped();
            (
                format!("应为 {wanted} 元,回盘为 {found} 元"),
                format!("sent {wanted} yuan, the return says {found}"),
            )
        }
        (AmountDiffers, None) => (
            format!("尾号 {tail} 没有 {found} 元的发放"),
            format!("account ending {tail} has no payment of {found} yuan"),
        ),
        (AccountDiffers, Some(sent)) => {
            let wanted = account_tail(&sent.account_no);
            (
                format!("应为尾号 {wanted},回盘为尾号 {tail},{found} 元"),
                format!("sent to account ending {wanted}, returned for {tail}, {found} yuan"),
            )
        }
        (
            LateSuccess | SuccessTakenBack,
            Some(Sent {
                answered: Some(known),
                ..
            }),
        ) if known.is_terminal() => (
            format!("此前已回“{}”,现为“{says_zh}”", known.name(Language::Zh)),
            format!(
                "answered {} before, {says_en} now",
                known.name(Language::En)
            ),
        ),
        (Contradiction | MatchedTwice, _) => (
            format!("同一笔有不止一行回盘,本行为“{says_zh}”,{found} 元"),
            format!("more than one line for one payment; this one says {says_en}, {found} yuan"),
        ),
        (ForeignBatch, _) => (
            format!("参考号 {reference} 属于其他批次"),
            format!("reference {reference} belongs to another batch"),
        ),
        (Ambiguous, _) => (
            format!("尾号 {tail}、{found} 元的发放与回盘笔数不等,不能确定对应哪一笔"),
            format!("account ending {tail}, {found} yuan: several payments fit this line"),
        ),
        _ => (
            format!("批内没有:参考号 {reference},尾号 {tail},{found} 元"),
            format!("not in the batch: reference {reference}, account {tail}, {found} yuan"),
        ),
    }
}
