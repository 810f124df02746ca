//! Matching the movements of a bank statement (对账单) to what the books expect.
//!
//! First by a reference that the bank printed (our payment key, the batch number, the document
//! number) with an equal amount; then batches that the bank took together or in parts, when the
//! sum is exact; then a debit without a word by its amount, when only one thing can be meant; then
//! refunds by account and amount, when there are exactly as many movements as
//! awaited refunds. What is left is listed in the bank reconciliation statement until somebody has
//! explained it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ledger::calendar::Date;
use ledger::id::{AppropriationId, BatchId, PaymentId, VoucherId};
use ledger::money::Fen;

use crate::answer::{ExceptionKind, ReturnException};
use crate::text::{account_key, account_tail, search_text};

/// The shortest and the longest text that is taken for a payment key that nobody awaits.
const KEY_LENGTHS: std::ops::RangeInclusive<usize> = 3..=32;
/// A key of digits alone is at least this long: shorter ones are counts, months and years.
const DIGIT_KEY_LENGTH_MIN: usize = 6;

/// Something that the books expect to see on the statement. Amounts are positive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The bank takes the money of a batch.
    BatchDebit {
        /// The batch.
        batch: BatchId,
        /// Its number, as the bank was told it.
        batch_no: String,
        /// The day on which it was sent.
        sent_on: Date,
        /// What the bank is to take.
        amount: Fen,
    },
    /// The bank gives back the money of a failed payment.
    Refund {
        /// The payment.
        payment: PaymentId,
        /// Which attempt of it.
        attempt: i64,
        /// Our reference of the attempt.
        key: String,
        /// The payee's account.
        account_no: String,
        /// The payee's name.
        payee_name: String,
        /// What comes back.
        amount: Fen,
    },
    /// Money goes out by a voucher of its own: to the treasury, or because a payment was paid
    /// twice.
    Transfer {
        /// The voucher that booked it.
        voucher: VoucherId,
        /// The number of the letter, or our reference of the attempt; empty when the bank has
        /// nothing to name it by.
        reference: String,
        /// The day of the voucher.
        on: Date,
        /// What goes out.
        amount: Fen,
    },
    /// Money of an appropriation arrives.
    Credit {
        /// The appropriation.
        appropriation: AppropriationId,
        /// The number of its quota letter (文号).
        document: String,
        /// What arrives.
        amount: Fen,
    },
}

impl Expected {
    /// The text by which the bank would name it.
    pub fn reference(&self) -> &str {
        match self {
            Expected::BatchDebit { batch_no, .. } => batch_no,
            Expected::Refund { key, .. } => key,
            Expected::Credit { document, .. } => document,
            Expected::Transfer { reference, .. } => reference,
        }
    }

    /// The amount with the sign that it has on the statement: credits positive, debits negative.
    pub fn signed_amount(&self) -> Fen {
        match self {
            Expected::BatchDebit { amount, .. } | Expected::Transfer { amount, .. } => {
                Fen::new(-amount.get())
            }
            Expected::Refund { amount, .. } | Expected::Credit { amount, .. } => *amount,
        }
    }
}

/// What the bank says that a movement is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nature {
    /// Nothing special.
    #[default]
    Plain,
    /// 手续费: a debit for the bank's services.
    Fee,
    /// 利息: a credit on the balance.
    Interest,
}

/// One movement of a statement as an adapter read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Line or row of the file, counted from 1.
    pub line: u64,
    /// The day of the booking at the bank.
    pub date: Date,
    /// Positive: to our account; negative: from it.
    pub amount: Fen,
    /// 摘要.
    pub summary: String,
    /// 对方户名.
    pub counterparty_name: String,
    /// 对方账号.
    pub counterparty_account: String,
    /// 附言 or 备注.
    pub remark: String,
    /// The bank's own serial number.
    pub bank_reference: String,
    /// Fees and interest match only what they name.
    pub nature: Nature,
}

/// Where every movement went. `matched`, `late_refunds` and `unexplained` are disjoint, and
/// together they are the whole statement; each is sorted by movement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatementMatching {
    /// Movement and expected item. A movement with several items is their sum, and an item with
    /// several movements is theirs; never both.
    pub matched: Vec<(usize, usize)>,
    /// A credit that nothing awaits and whose text holds what may be a payment key: a refund after
    /// success (退票), if the caller knows a paid attempt of that key and amount; otherwise the
    /// movement is unexplained.
    pub late_refunds: Vec<(usize, String)>,
    /// Movements that nothing explains.
    pub unexplained: Vec<usize>,
    /// Of the unexplained: the movement names this expected item, but its amount is another.
    pub differing: Vec<(usize, usize)>,
}

/// Matches the movements of one statement to the items that are open in the books.
pub fn match_statement(expected: &[Expected], movements: &[Movement]) -> StatementMatching {
    let references = References::new(expected);
    // By line number, not by position: shuffled input gives the same matches.
    let mut order: Vec<usize> = (0..movements.len()).collect();
    order.sort_by_key(|index| (movements[*index].line, *index));

    let mut used = vec![false; expected.len()];
    let mut matching = StatementMatching::default();
    let mut open: Vec<usize> = Vec::new();
    let mut named: Vec<(usize, Vec<usize>)> = Vec::new();
    for index in order {
        let found = references.named_by(&movements[index]);
        match references.take(expected, &found, movements[index].amount, &mut used) {
            Named::Taken(item) => matching.matched.push((index, item)),
            Named::OtherAmount(items) => {
                named.push((index, items));
            }
            Named::Nothing if movements[index].nature == Nature::Plain => open.push(index),
            Named::Nothing => matching.unexplained.push(index),
        }
    }
    let mut debits = Debits {
        expected,
        movements,
        used: &mut used,
        matched: &mut matching.matched,
    };
    debits.several_in_one(&mut named);
    debits.one_in_parts(&mut named);
    debits.unnamed(&mut open, &references);
    let open = match_by_account(
        expected,
        movements,
        &references,
        open,
        &mut used,
        &mut matching,
    );
    for index in open {
        match unknown_key(&references, &movements[index]) {
            Some(key) => matching.late_refunds.push((index, key)),
            None => matching.unexplained.push(index),
        }
    }
    for (index, items) in named {
        matching.unexplained.push(index);
        // An item that another movement has settled is not the one that this movement means.
        let item = items.into_iter().find(|item| !used[*item]);
        matching.differing.extend(item.map(|item| (index, item)));
    }
    matching.matched.sort_unstable();
    matching.late_refunds.sort_unstable();
    matching.unexplained.sort_unstable();
    matching.differing.sort_unstable();
    matching
}

impl StatementMatching {
    /// The exceptions for the unexplained movements of this statement. `batches` are all batches
    /// of the account, also those that were taken before.
    pub fn exceptions(
        &self,
        expected: &[Expected],
        batches: &[Expected],
        movements: &[Movement],
    ) -> Vec<ReturnException> {
        let differing: HashMap<usize, usize> = self.differing.iter().copied().collect();
        let known = References::new(batches);
        let explain = |index: usize| {
            let movement = movements.get(index)?;
            let item = differing.get(&index).and_then(|item| expected.get(*item));
            // A batch that is named and is not open any more was taken before.
            let again = || {
                let named = known.named_by(movement);
                let [reference] = Vec::from_iter(named)[..] else {
                    return None;
                };
                let item = known.items.get(reference)?.first()?;
                batches.get(*item).filter(|_| movement.amount < Fen::ZERO)
            };
            Some(match item {
                Some(item) => differing_exception(movement, item),
                None => match again() {
                    Some(batch) => again_exception(movement, batch),
                    None => unexplained_exception(movement),
                },
            })
        };
        self.unexplained
            .iter()
            .filter_map(|index| explain(*index))
            .collect()
    }
}

/// The exception for a late refund whose key the books do not know.
pub fn refund_without_original(movement: &Movement, key: &str) -> ReturnException {
    let (amount, date) = (movement.amount.grouped(), movement.date);
    let zh = format!("{date} 收到 {amount} 元,注明 {key},账上没有这笔付款");
    let en = format!("{amount} yuan on {date} names {key}: no such payment");
    exception(ExceptionKind::RefundWithoutOriginal, movement, (zh, en))
}

/// The exception for a movement that nothing explains.
pub fn unexplained_exception(movement: &Movement) -> ReturnException {
    let (amount, date) = (movement.amount.grouped(), movement.date);
    let zh = format!("{date} 发生 {amount} 元");
    let en = format!("{amount} yuan on {date}");
    exception(unexplained_kind(movement), movement, (zh, en))
}

/// The movement names this item, whose amount is another.
fn differing_exception(movement: &Movement, item: &Expected) -> ReturnException {
    let (amount, date) = (movement.amount.grouped(), movement.date);
    let wanted = item.signed_amount().grouped();
    if let Expected::BatchDebit { batch_no, .. } = item {
        let zh = format!("批次 {batch_no} 应扣 {wanted} 元,{date} 实际发生 {amount} 元");
        let en = format!("batch {batch_no}: expected {wanted} yuan, {amount} on {date}");
        return exception(ExceptionKind::BatchDebitDiffers, movement, (zh, en));
    }
    let reference = item.reference();
    let zh = format!("{reference} 应为 {wanted} 元,{date} 实际发生 {amount} 元");
    let en = format!("{reference}: expected {wanted} yuan, {amount} on {date}");
    exception(unexplained_kind(movement), movement, (zh, en))
}

/// The debit names a batch that was taken before.
fn again_exception(movement: &Movement, batch: &Expected) -> ReturnException {
    let (amount, date) = (movement.amount.grouped(), movement.date);
    let (number, wanted) = (batch.reference(), batch.signed_amount().grouped());
    let zh = format!("批次 {number} 已扣 {wanted} 元,{date} 又发生 {amount} 元");
    let en = format!("batch {number} was taken ({wanted} yuan), and {amount} on {date} again");
    exception(ExceptionKind::BatchDebitedAgain, movement, (zh, en))
}

/// What was found, with the movement as the bank worded it.
fn exception(
    kind: ExceptionKind,
    movement: &Movement,
    (mut zh, mut en): (String, String),
) -> ReturnException {
    let mut say = |zh_word: &str, en_word: &str, text: &str| {
        if !text.is_empty() {
            zh.push_str(&format!(",{zh_word}“{text}”"));
            en.push_str(&format!(", {en_word} “{text}”"));
        }
    };
    say("摘要", "summary", &movement.summary);
    say("附言", "remark", &movement.remark);
    say("对方", "counterparty", &movement.counterparty_name);
    let tail = account_tail(&movement.counterparty_account);
    say("尾号", "account ending", &tail);
    ReturnException {
        kind,
        line: movement.line,
        sent: None,
        amount: movement.amount,
        detail_zh: zh,
        detail_en: en,
    }
}

/// The kind of a movement that nothing explains.
pub fn unexplained_kind(movement: &Movement) -> ExceptionKind {
    match (movement.nature, movement.amount < Fen::ZERO) {
        (Nature::Fee, true) => ExceptionKind::BankFee,
        (Nature::Interest, false) => ExceptionKind::Interest,
        (_, true) => ExceptionKind::UnexplainedDebit,
        (_, false) => ExceptionKind::UnexplainedCredit,
    }
}

/// What the references in a movement's text lead to.
enum Named {
    /// This item, with an equal amount; it is now used.
    Taken(usize),
    /// These items are open, the first of each reference, but their amounts are others.
    OtherAmount(Vec<usize>),
    /// No expected item is named, or only such as are used up.
    Nothing,
}

/// The references of the expected items, ready to be found in free text.
struct References<'a> {
    items: HashMap<Cow<'a, str>, Vec<usize>>,
    /// The lengths that occur, in bytes, longest first. A text is read once for each: there are
    /// only a few, so that the search stays linear in the text.
    lengths: Vec<usize>,
    /// The shapes of the keys of awaited refunds, to know a payment key when one is printed.
    key_shapes: HashSet<String>,
}

impl<'a> References<'a> {
    fn new(expected: &'a [Expected]) -> References<'a> {
        let mut items: HashMap<Cow<'a, str>, Vec<usize>> = HashMap::new();
        let mut lengths = BTreeSet::new();
        let mut key_shapes = HashSet::new();
        for (item, row) in expected.iter().enumerate() {
            let reference = search_text(row.reference().trim());
            if reference.is_empty() {
                continue;
            }
            lengths.insert(reference.len());
            if matches!(row, Expected::Refund { .. }) {
                key_shapes.insert(shape(&reference));
            }
            items.entry(reference).or_default().push(item);
        }
        References {
            items,
            lengths: lengths.into_iter().rev().collect(),
            key_shapes,
        }
    }

    /// The distinct references in summary and remark, the longest where several overlap.
    fn named_by(&self, movement: &Movement) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        for text in [&movement.summary, &movement.remark] {
            let text = search_text(text);
            let mut from = 0;
            while from < text.len() {
                match self.at(&text, from) {
                    Some(reference) => {
                        found.insert(reference);
                        from += reference.len();
                    }
                    None => from += text[from..].chars().next().map_or(1, char::len_utf8),
                }
            }
        }
        found
    }

    /// The longest reference that stands at this place of the text as a word of its own.
    fn at(&self, text: &str, from: usize) -> Option<&str> {
        let word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        if word(text[..from].chars().next_back()) && word(text[from..].chars().next()) {
            return None;
        }
        self.lengths.iter().find_map(|length| {
            let end = from.checked_add(*length)?;
            let (reference, _) = self.items.get_key_value(text.get(from..end)?)?;
            let cut = word(reference.chars().next_back()) && word(text[end..].chars().next());
            (!cut).then_some(reference.as_ref())
        })
    }

    /// Takes the one open item that is named and has this amount.
    fn take(
        &self,
        expected: &[Expected],
        found: &BTreeSet<&str>,
        amount: Fen,
        used: &mut [bool],
    ) -> Named {
        let mut equal = Vec::new();
        let mut other = Vec::new();
        for reference in found {
            let items = self.items.get(*reference).map_or(&[][..], Vec::as_slice);
            let open = || items.iter().copied().filter(|item| !used[*item]);
            // Items of one reference and amount are equal in every way: the first of them serves.
            equal.extend(open().find(|item| expected[*item].signed_amount() == amount));
            // What goes out is never what is to come in.
            let out = |item: &usize| expected[*item].signed_amount() < Fen::ZERO;
            other.extend(open().find(|item| out(item) == (amount < Fen::ZERO)));
        }
        match (equal.as_slice(), other.is_empty()) {
            ([item], _) => {
                used[*item] = true;
                Named::Taken(*item)
            }
            // Two different items with this amount are named: a person decides.
            (_, false) => Named::OtherAmount(other),
            (_, true) => Named::Nothing,
        }
    }
}

/// Batches that the bank took otherwise than one by one. Only exact sums match, and only where
/// there is no choice: which of several sums is meant is for a person to say.
struct Debits<'a> {
    expected: &'a [Expected],
    movements: &'a [Movement],
    used: &'a mut [bool],
    matched: &'a mut Vec<(usize, usize)>,
}

impl Debits<'_> {
    /// One debit that names several batches and is their sum.
    fn several_in_one(&mut self, named: &mut Vec<(usize, Vec<usize>)>) {
        named.retain(|(index, items)| {
            let open = items.len() > 1 && items.iter().all(|item| self.is_open_batch(*item));
            if !open || self.sum(items) != Some(self.movements[*index].amount) {
                return true;
            }
            self.take(&[*index], items);
            false
        });
    }

    /// Several debits that name one batch and come to its amount.
    fn one_in_parts(&mut self, named: &mut Vec<(usize, Vec<usize>)>) {
        let mut parts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, items) in named.iter() {
            if let [item] = items.as_slice()
                && self.is_open_batch(*item)
            {
                parts.entry(*item).or_default().push(*index);
            }
        }
        for (item, indexes) in parts {
            let amounts = indexes.iter().map(|index| self.movements[*index].amount);
            let sum = Fen::sum(amounts).ok();
            if indexes.len() > 1 && sum == Some(self.expected[item].signed_amount()) {
                self.take(&indexes, &[item]);
                named.retain(|(index, _)| !indexes.contains(index));
            }
        }
    }

    /// A debit that names nothing and is all that was sent on one day and is still open, or one
    /// transfer, when no other debit and nothing else that is awaited has that sum.
    fn unnamed(&mut self, open: &mut Vec<usize>, references: &References<'_>) {
        let mut debits: HashMap<Fen, Vec<usize>> = HashMap::new();
        for index in open.iter().copied() {
            let movement = &self.movements[index];
            let names = !references.named_by(movement).is_empty();
            if !names && tokens(references, movement).next().is_none() {
                debits.entry(movement.amount).or_default().push(index);
            }
        }
        let awaited = self.by_sum();
        for (sum, indexes) in debits {
            let awaited = awaited.get(&sum).map(Vec::as_slice);
            let ([index], Some([(day, items)])) = (indexes.as_slice(), awaited) else {
                continue;
            };
            if *day <= self.movements[*index].date {
                self.take(&[*index], items);
                open.retain(|other| other != index);
            }
        }
    }

    /// What one debit may take, by its amount: all batches of a day together, or one transfer.
    fn by_sum(&self) -> HashMap<Fen, Vec<(Date, Vec<usize>)>> {
        let mut days: BTreeMap<Date, Vec<usize>> = BTreeMap::new();
        let mut groups: Vec<(Date, Vec<usize>)> = Vec::new();
        for (item, expected) in self.expected.iter().enumerate() {
            match expected {
                _ if self.used[item] => {}
                Expected::BatchDebit { sent_on, .. } => {
                    days.entry(*sent_on).or_default().push(item)
                }
                Expected::Transfer { on, .. } => groups.push((*on, vec![item])),
                Expected::Refund { .. } | Expected::Credit { .. } => {}
            }
        }
        groups.extend(days);
        let mut sums: HashMap<Fen, Vec<(Date, Vec<usize>)>> = HashMap::new();
        for (day, items) in groups {
            if let Some(sum) = self.sum(&items) {
                sums.entry(sum).or_default().push((day, items));
            }
        }
        sums
    }

    fn is_open_batch(&self, item: usize) -> bool {
        !self.used[item] && matches!(self.expected[item], Expected::BatchDebit { .. })
    }

    fn sum(&self, items: &[usize]) -> Option<Fen> {
        Fen::sum(
            items
                .iter()
                .map(|item| self.expected[*item].signed_amount()),
        )
        .ok()
    }

    fn take(&mut self, movements: &[usize], items: &[usize]) {
        for item in items {
            self.used[*item] = true;
            let pairs = movements.iter().map(|movement| (*movement, *item));
            self.matched.extend(pairs);
        }
    }
}

/// Awaited refunds of one account and amount, and the movements that may be these refunds.
#[derive(Default)]
struct Equal {
    items: Vec<usize>,
    movements: Vec<usize>,
}

/// Matches credits to awaited refunds by account and amount; returns the movements that are left.
fn match_by_account(
    expected: &[Expected],
    movements: &[Movement],
    references: &References<'_>,
    open: Vec<usize>,
    used: &mut [bool],
    matching: &mut StatementMatching,
) -> Vec<usize> {
    let mut refunds: HashMap<(Cow<'_, str>, Fen), Equal> = HashMap::new();
    for (item, row) in expected.iter().enumerate().filter(|(item, _)| !used[*item]) {
        if let Expected::Refund {
            account_no, amount, ..
        } = row
        {
            let key = (account_key(account_no), *amount);
            refunds.entry(key).or_default().items.push(item);
        }
    }
    let mut left = Vec::new();
    for index in open {
        let movement = &movements[index];
        let key = (account_key(&movement.counterparty_account), movement.amount);
        // A movement that names another payment is about that one, also when account and amount
        // are those of this month's payment: they are the same every month.
        let names_another = tokens(references, movement).any(|(_, shaped)| shaped);
        match refunds.get_mut(&key) {
            Some(group) if !key.0.is_empty() && !names_another => group.movements.push(index),
            _ => left.push(index),
        }
    }
    for Equal { items, movements } in refunds.into_values() {
        if items.len() == movements.len() {
            items.iter().for_each(|item| used[*item] = true);
            matching.matched.extend(movements.into_iter().zip(items));
        } else {
            left.extend(movements);
        }
    }
    left
}

/// What in the text of a credit may be the key of a payment that nobody awaits: a word of the
/// shape of our keys, else a word of letters and digits.
fn unknown_key(references: &References<'_>, movement: &Movement) -> Option<String> {
    if movement.amount <= Fen::ZERO {
        return None;
    }
    let all: Vec<(String, bool)> = tokens(references, movement).collect();
    let shaped = all.iter().find(|(_, shaped)| *shaped);
    let mixed = || {
        all.iter()
            .find(|(text, _)| !text.bytes().all(|b| b.is_ascii_digit()))
    };
    shaped
        .or_else(mixed)
        .or(all.first())
        .map(|(text, _)| text.clone())
}

/// The words of summary and remark that may be payment keys, and whether each has the shape of an
/// awaited one. Dates, the counterparty's account and the bank's serial number are none.
fn tokens<'m>(
    references: &'m References<'_>,
    movement: &'m Movement,
) -> impl Iterator<Item = (String, bool)> + 'm {
    let account = account_key(&movement.counterparty_account);
    [&movement.summary, &movement.remark]
        .into_iter()
        .flat_map(move |text| {
            let text = search_text(text);
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            let mut found = Vec::new();
            for word in words.map(|word| word.trim_matches('-')) {
                let shaped = references.key_shapes.contains(&shape(word));
                let own = word == account
                    || word == movement.bank_reference
                    || references.items.contains_key(word);
                if !own && (shaped || may_be_key(word)) {
                    found.push((word.to_owned(), shaped));
                }
            }
            found
        })
}

fn may_be_key(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    if !KEY_LENGTHS.contains(&word.len()) || digits == 0 || is_date(word) {
        return false;
    }
    digits < word.len() || digits >= DIGIT_KEY_LENGTH_MIN
}

/// Whether a word is a date: 20220915 or 2022-09-15.
fn is_date(word: &str) -> bool {
    let dashed = match word.len() {
        8 => word.get(..4).zip(word.get(4..6)).zip(word.get(6..)),
        _ => return ledger::calendar::parse_date(word).is_ok(),
    };
    dashed.is_some_and(|((year, month), day)| {
        ledger::calendar::parse_date(&format!("{year}-{month}-{day}")).is_ok()
    })
}

/// The shape of a key: runs of letters and of digits, with what stands between them. Keys of
/// digits alone keep their length, or every number would look like one.
fn shape(word: &str) -> String {
    if word.bytes().all(|b| b.is_ascii_digit()) {
        return "9".repeat(word.len());
    }
    let mut shape = String::with_capacity(8);
    for c in word.chars() {
        let class = match c {
            '0'..='9' => '9',
            'a'..='z' | 'A'..='Z' => 'A',
            other => other,
        };
        if !(shape.ends_with(class) && matches!(class, '9' | 'A')) {
            shape.push(class);
        }
    }
    shape
}
