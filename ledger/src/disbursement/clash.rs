//! The clash check (比对校验) of a run: what stands against paying it, from the ledger and from
//! lists of other offices.
//!
//! Source of the checks and their codes: the catalogue of findings of published audits that the
//! product follows; `ledger/docs/clash-check.md` lists them. An error blocks the run, a warning
//! asks for an explanation.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::account::coded;
use crate::calendar::{Date, Month};
use crate::id::{ComponentId, PartyId, PaymentId};
use crate::money::Fen;
use crate::program::eligibility::{Effect, EligibilityRule, Person, in_force};
use crate::roster::{IdentityNumber, PersonName};

coded! {
    /// One check.
    pub enum Check {
        /// Paid for a month after the person's death.
        Deceased "A01" "死亡后仍发放",
        /// The payee, or somebody of a household that is paid as a whole, has died.
        RelatedDeceased "A01H" "收款人或户内成员已死亡",
        /// One identity number under two files in one run.
        TwiceInRun "A04" "同批重复",
        /// The same component and month was accrued by another run.
        PaidElsewhere "A05" "同月重复领取",
        /// Draws a program that excludes this one in the same month.
        ExcludedProgram "A06" "互斥待遇同时享受",
        /// A member of a household that is paid as a whole draws an excluding program.
        ExcludedMember "A06H" "户内成员享受互斥待遇",
        /// Stands on another office's list of people of an excluding scheme.
        ExcludedList "A06L" "互斥待遇(外部名单)",
        /// One account for several payees.
        SharedAccount "A07" "一卡多人",
        /// The third account or a later one of a payee.
        ManyAccounts "A08" "一人多卡",
        /// The account is in somebody else's name.
        ForeignHolder "A09" "户名与收款人不符",
        /// The account was changed and changed back.
        ChangedBack "A10" "账号改回",
        /// The account was changed since the program last paid: who asked for it?
        AccountFresh "A10N" "账号新近变更",
        /// Stands on the list of public employees.
        Employed "A19" "财政供养人员",
        /// What the policy gives now is not what the run pays.
        Differs "A22" "与标准重算不符",
        /// Paid for a month in which the person was not on the roll.
        NotOnRoll "A23" "补发月份不在册",
        /// One name and birth date under two numbers in a village.
        TwoNumbers "A24" "同村同名同生日两个证号",
        /// A known number came with another name since the program last paid.
        Renamed "A24N" "姓名自上次发放后有变",
        /// The identity number fails its check.
        IdentityInvalid "A25" "身份证号校验不符",
        /// Age, sex or disability grade is not what the component is for.
        OutsideCategory "A25C" "年龄、性别或残疾等级不合类别",
        /// Age, sex or disability grade is not what the component is usually for.
        UnlikelyCategory "A25E" "年龄、性别或残疾等级与类别不常合",
        /// Stands on the list of village cadres and their relatives.
        CadreRelated "A30" "村(社区)干部或其近亲属",
    }
}

impl Check {
    /// Whether it blocks the run; the others take an explanation.
    pub fn blocks(self) -> bool {
        matches!(
            self,
            Check::Deceased
                | Check::TwiceInRun
                | Check::ExcludedProgram
                | Check::Differs
                | Check::NotOnRoll
                | Check::IdentityInvalid
                | Check::OutsideCategory
        )
    }

    /// The English name for screens and paper.
    pub fn english(self) -> &'static str {
        match self {
            Check::Deceased => "paid after death",
            Check::RelatedDeceased => "payee or member of the household has died",
            Check::TwiceInRun => "twice in the run",
            Check::PaidElsewhere => "same month paid by another run",
            Check::ExcludedProgram => "draws an excluding program",
            Check::ExcludedMember => "member of the household draws an excluding program",
            Check::ExcludedList => "on a list of an excluding scheme",
            Check::SharedAccount => "one account, several payees",
            Check::ManyAccounts => "one payee, many accounts",
            Check::ForeignHolder => "account in another name",
            Check::ChangedBack => "account changed and changed back",
            Check::AccountFresh => "account changed since the last payment",
            Check::Employed => "public employee",
            Check::Differs => "differs from what the policy gives",
            Check::NotOnRoll => "not on the roll in the month",
            Check::TwoNumbers => "one name and birth date, two numbers in a village",
            Check::Renamed => "name changed since the last payment",
            Check::IdentityInvalid => "identity number fails its check",
            Check::OutsideCategory => "not of the age, sex or disability that it is for",
            Check::UnlikelyCategory => "not of the age, sex or disability that is usual for it",
            Check::CadreRelated => "village cadre or a cadre's relative",
        }
    }
}

coded! {
    /// What a list of another office says of the people on it.
    pub enum ListKind {
        /// They have died; since when is the day of death.
        Deceased "deceased" "死亡人员",
        /// They are paid from public funds.
        Employed "employed" "财政供养人员",
        /// They draw a scheme that excludes the program.
        Excluded "excluded" "互斥待遇人员",
        /// They are village cadres, or near relatives of one.
        Cadre "cadre" "村(社区)干部及近亲属",
        /// Another office finds that they qualify: who of them draws nothing is missed.
        Eligible "eligible" "符合条件人员",
    }
}

/// One thing that was found. The detail names nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// By which check.
    pub check: Check,
    /// About whom; 0 when it is about no one person.
    pub subject: PartyId,
    /// In which payment; 0 when it is in none.
    pub payment: PaymentId,
    /// What exactly.
    pub detail: String,
}

/// A payee of the run with the account that the money goes to.
#[derive(Clone, Copy, Debug)]
pub struct PaidPayee<'a> {
    /// Which payment.
    pub payment: PaymentId,
    /// Who is paid.
    pub payee: PartyId,
    /// Whether that is a person.
    pub person: bool,
    /// That party's name.
    pub name: &'a str,
    /// The name that the bank has registered.
    pub holder_name: &'a str,
    /// The account number.
    pub account_no: &'a str,
}

/// A line of the run with the person it is for and the award that it follows.
#[derive(Clone, Copy, Debug)]
pub struct PaidLine<'a> {
    /// Of which payment.
    pub payment: PaymentId,
    /// For whom.
    pub subject: PartyId,
    /// Whether that is a person and not an institution or a whole household.
    pub person: bool,
    /// That person's name.
    pub name: &'a str,
    /// That person's identity number.
    pub reference_no: &'a str,
    /// Where the household lives.
    pub area: i64,
    /// Which component.
    pub component: ComponentId,
    /// For which month.
    pub month: Month,
    /// How much; negative when set against.
    pub amount: Fen,
    /// First and last month of the award; none where the run was calculated from the very awards
    /// that are in force.
    pub award: Option<(Month, Option<Month>)>,
}

/// A person whom the run does not pay for but who stands behind a payment.
#[derive(Clone, Debug)]
pub struct Related {
    /// That person.
    pub person: PartyId,
    /// That person's identity number.
    pub reference_no: String,
}

/// What is known about people from outside the run.
#[derive(Debug, Default)]
pub struct Known {
    /// Identity number, kind of list, and since when if that is known.
    pub listed: HashMap<String, Vec<(ListKind, Option<Date>)>>,
    /// Whom other runs have paid, by component and month of this run.
    pub elsewhere: HashSet<(PartyId, ComponentId, Month)>,
    /// Who draws an excluding program in a month.
    pub excluded: HashSet<(PartyId, Month)>,
    /// Components that are granted once: who grants one knows of a death (丧葬费).
    pub once: HashSet<ComponentId>,
    /// The audit entry with which the program last paid before the run; 0 when it never did.
    pub last_paid: i64,
    /// Who came with another name since then, and from which month on.
    pub renamed: HashMap<PartyId, Month>,
    /// By when the run is to be paid.
    pub pay_by: Option<Date>,
    /// Whom the components of this run are for, by the policy.
    pub categories: Categories,
}

/// Whom components are for: the rules of eligibility that judge and give no tag.
#[derive(Debug, Default)]
pub struct Categories {
    rules: HashMap<ComponentId, Vec<EligibilityRule>>,
    disability: HashMap<PartyId, Vec<(Month, i64)>>,
}

impl Categories {
    /// With rules in any order, and the disability grades of people, oldest first.
    pub fn new(
        rules: Vec<EligibilityRule>,
        disability: HashMap<PartyId, Vec<(Month, i64)>>,
    ) -> Categories {
        let mut of: HashMap<ComponentId, Vec<EligibilityRule>> = HashMap::new();
        for rule in rules {
            of.entry(rule.component).or_default().push(rule);
        }
        for rules in of.values_mut() {
            rules.sort_by_key(|rule| (rule.from, rule.rule_no));
        }
        Categories {
            rules: of,
            disability,
        }
    }

    /// What stands against somebody drawing a component in a month: where rules of a kind hold,
    /// one of them must fit. The number is one that passed its check.
    fn judge(&self, line: &PaidLine<'_>, number: &IdentityNumber) -> Vec<(Check, &str)> {
        let Some(rules) = self.rules.get(&line.component) else {
            return Vec::new();
        };
        let mut person = Person::of(number);
        if let Some(grades) = self.disability.get(&line.subject) {
            person.disability.clone_from(grades);
        }
        let rules = in_force(rules, line.month);
        let mut against = Vec::new();
        for (effect, check) in [
            (Effect::Require, Check::OutsideCategory),
            (Effect::Expect, Check::UnlikelyCategory),
        ] {
            let mut of = rules.iter().filter(|rule| rule.effect == effect).peekable();
            let document = of.peek().map(|rule| rule.document.as_str());
            let fits = of.any(|rule| rule.condition.fits(&person, line.month));
            against.extend(document.filter(|_| !fits).map(|document| (check, document)));
        }
        against
    }
}

/// A clash check at work: payees and lines go in, findings come out.
///
/// Numbers, names and accounts are kept as hashes, 16 bytes for each payee and person: two that
/// differ share one in a million runs of a million people, and then a warning is looked into.
#[derive(Debug)]
pub struct Clash {
    known: Known,
    numbers: HashMap<u64, PartyId>,
    births: HashMap<u64, PartyId>,
    accounts: HashMap<u64, PartyId>,
    told: HashSet<(Check, PartyId)>,
    /// Payees whose account is in another name, until a line of the payment has that name.
    foreign: BTreeMap<PaymentId, (PartyId, String)>,
    /// The person of the line before, and where: known already.
    last: Option<(PartyId, i64)>,
    /// Households that are paid as a whole, where [`Clash::knows_others`]: in which payments, for
    /// which months.
    households: HashMap<PartyId, Vec<(PaymentId, Month)>>,
    findings: Vec<Finding>,
}

impl Clash {
    /// A check that knows this.
    pub fn new(known: Known) -> Clash {
        Clash {
            known,
            numbers: HashMap::new(),
            births: HashMap::new(),
            accounts: HashMap::new(),
            told: HashSet::new(),
            foreign: BTreeMap::new(),
            last: None,
            households: HashMap::new(),
            findings: Vec::new(),
        }
    }

    /// Judges one payee; the lines of the payment come later.
    pub fn payee(&mut self, payee: &PaidPayee<'_>) {
        let (of, payment) = (payee.payee, payee.payment);
        let first = *(self.accounts)
            .entry(hash_of(&payee.account_no))
            .or_insert(of);
        if first != of {
            self.find(Check::SharedAccount, of, payment, String::new());
        }
        if payee.person {
            self.renamed(of, payment);
        }
        if !payee.person || payee.holder_name == payee.name {
            return;
        }
        let holder = match_key(payee.holder_name);
        if holder != match_key(payee.name) {
            self.foreign.insert(payment, (of, holder));
        }
    }

    /// The audit entry with which the program last paid before the run; 0 when it never did.
    pub fn last_paid(&self) -> i64 {
        self.known.last_paid
    }

    /// Judges the accounts that a payee had one after the other, the newest last, and the day on
    /// which the newest came, when that was after the program last paid. A new version may only be
    /// of the holder's name or the branch.
    pub fn accounts(
        &mut self,
        payee: PartyId,
        payment: PaymentId,
        accounts: &[String],
        changed: Option<Date>,
    ) {
        if let Some(changed) = changed {
            let days = self.known.pay_by.map(|day| (day - changed).num_days());
            let age = match days {
                Some(days) if days >= 0 => format!(",应发放日前 {days} 天"),
                Some(days) => format!(",应发放日后 {} 天", days.unsigned_abs()),
                None => String::new(),
            };
            self.find(
                Check::AccountFresh,
                payee,
                payment,
                format!("{changed} 变更{age}"),
            );
        }
        let [.., before_that, before, now] = accounts else {
            return;
        };
        if now == before {
            return;
        }
        if now == before_that {
            self.find(Check::ChangedBack, payee, payment, String::new());
        } else if before != before_that {
            let detail = format!("第 {} 个账号", accounts.len());
            self.find(Check::ManyAccounts, payee, payment, detail);
        }
    }

    /// Judges one line.
    pub fn line(&mut self, line: &PaidLine<'_>) {
        if let Some((_, holder)) = self.foreign.get(&line.payment)
            && *holder == match_key(line.name)
        {
            self.foreign.remove(&line.payment);
        }
        if line.amount > Fen::ZERO {
            self.month(line);
            if line.person {
                self.category(line);
            } else if self.knows_others() {
                let paid = self.households.entry(line.subject).or_default();
                paid.push((line.payment, line.month));
            }
        }
        let at = Some((line.subject, line.area));
        if line.person && self.last != at {
            self.renamed(line.subject, line.payment);
            self.identity(line);
            self.last = at;
        }
    }

    /// Whether anybody stands on a list or draws an excluding program: then those who stand behind
    /// payments matter.
    pub fn knows_others(&self) -> bool {
        !self.known.listed.is_empty() || !self.known.excluded.is_empty()
    }

    /// Whether the run pays households as a whole.
    pub fn has_households(&self) -> bool {
        !self.households.is_empty()
    }

    /// Judges somebody who is on the roll of some program in a household, from a month to a last
    /// one; all lines come first.
    pub fn member(
        &mut self,
        household: PartyId,
        member: &Related,
        (from, to): (Month, Option<Month>),
    ) {
        let paid = self.households.get(&household).cloned().unwrap_or_default();
        for (payment, month) in paid {
            if from <= month && to.is_none_or(|to| month <= to) {
                self.related(payment, month, member);
                self.member_listed(payment, month, member);
                if self.known.excluded.contains(&(member.person, month)) {
                    let detail = format!("户内成员;{month} 同时享受互斥待遇");
                    self.find(Check::ExcludedMember, member.person, payment, detail);
                }
            }
        }
    }

    /// Judges who receives a payment that reaches to this month; all lines come first.
    pub fn related(&mut self, payment: PaymentId, month: Month, related: &Related) {
        let person = related.person;
        // Who is paid for after death is an error already.
        if self.told.contains(&(Check::Deceased, person)) {
            return;
        }
        let listed = self.known.listed.get(&related.reference_no);
        let death = listed.and_then(|rows| {
            let dead = |row: &&(ListKind, Option<Date>)| row.0 == ListKind::Deceased;
            let mut dead = rows.iter().filter(dead).map(|(_, since)| *since);
            dead.find(|since| since.is_none_or(|day| Month::of(day) < month))
        });
        if let Some(since) = death {
            let since = since.map_or_else(String::new, |day| format!("{day} 起;"));
            let detail = format!("{since}发放 {month}");
            self.find(Check::RelatedDeceased, person, payment, detail);
        }
    }

    /// Judges a member of a household that is paid as a whole by the lists of the living.
    fn member_listed(&mut self, payment: PaymentId, month: Month, member: &Related) {
        let listed = self.known.listed.get(&member.reference_no).cloned();
        for (kind, since) in listed.unwrap_or_default() {
            let check = match kind {
                ListKind::Deceased | ListKind::Eligible => continue,
                ListKind::Employed => Check::Employed,
                ListKind::Excluded => Check::ExcludedList,
                ListKind::Cadre => Check::CadreRelated,
            };
            if since.is_none_or(|day| Month::of(day) <= month) {
                let since = since.map_or_else(String::new, |day| format!("{day} 起;"));
                let detail = format!("户内成员;{since}发放 {month}");
                self.find(check, member.person, payment, detail);
            }
        }
    }

    /// What the policy gives a household now beyond what is accrued: a run that is up to date
    /// leaves nothing.
    pub fn differs(&mut self, household: PartyId, amount: Fen) {
        let detail = format!("重算差 {} 元", amount.grouped());
        self.find(Check::Differs, household, PaymentId(0), detail);
    }

    /// Everything found, in the order of the checks and then of the payments.
    pub fn finish(mut self) -> Vec<Finding> {
        for (payment, (payee, _)) in std::mem::take(&mut self.foreign) {
            self.find(Check::ForeignHolder, payee, payment, String::new());
        }
        let mut findings = self.findings;
        findings.sort_by_key(|found| (found.check, found.payment, found.subject));
        findings
    }

    fn month(&mut self, line: &PaidLine<'_>) {
        let (subject, month) = (line.subject, line.month);
        let on_roll =
            |(from, to): (Month, Option<Month>)| from <= month && to.is_none_or(|to| month <= to);
        if !line.award.is_none_or(on_roll) {
            let detail = format!("{month} 不在册");
            self.find(Check::NotOnRoll, subject, line.payment, detail);
        }
        let key = (subject, line.component, month);
        if self.known.elsewhere.contains(&key) {
            let detail = format!("{month} 另有批次发放");
            self.find(Check::PaidElsewhere, subject, line.payment, detail);
        }
        if self.known.excluded.contains(&(subject, month)) {
            let detail = format!("{month} 同时享受互斥待遇");
            self.find(Check::ExcludedProgram, subject, line.payment, detail);
        }
        let listed = self.known.listed.get(line.reference_no).cloned();
        for (kind, since) in listed.unwrap_or_default() {
            self.listed(line, kind, since);
        }
    }

    fn category(&mut self, line: &PaidLine<'_>) {
        // A number that fails its check is an error of its own.
        let Ok(number) = IdentityNumber::parse(line.reference_no) else {
            return;
        };
        let against = self.known.categories.judge(line, &number).into_iter();
        let against: Vec<_> = against
            .map(|(check, document)| (check, format!("{};发放 {}", document, line.month)))
            .collect();
        for (check, detail) in against {
            self.find(check, line.subject, line.payment, detail);
        }
    }

    fn listed(&mut self, line: &PaidLine<'_>, kind: ListKind, since: Option<Date>) {
        let began = since.map(Month::of);
        // The month of the death itself is still due.
        let check = match (kind, began) {
            (ListKind::Deceased, Some(death)) if line.month <= death => return,
            (ListKind::Deceased, _) if self.known.once.contains(&line.component) => {
                Check::RelatedDeceased
            }
            (ListKind::Deceased, _) => Check::Deceased,
            (_, Some(began)) if line.month < began => return,
            (ListKind::Employed, _) => Check::Employed,
            (ListKind::Excluded, _) => Check::ExcludedList,
            (ListKind::Cadre, _) => Check::CadreRelated,
            (ListKind::Eligible, _) => return,
        };
        let since = since.map_or_else(String::new, |day| format!("{day} 起;"));
        let detail = format!("{since}发放 {}", line.month);
        self.find(check, line.subject, line.payment, detail);
    }

    fn renamed(&mut self, party: PartyId, payment: PaymentId) {
        if let Some(from) = self.known.renamed.get(&party) {
            let detail = format!("{from} 起更名");
            self.find(Check::Renamed, party, payment, detail);
        }
    }

    fn identity(&mut self, line: &PaidLine<'_>) {
        let (subject, payment) = (line.subject, line.payment);
        let Ok(number) = IdentityNumber::parse(line.reference_no) else {
            return self.find(Check::IdentityInvalid, subject, payment, String::new());
        };
        let number_hash = hash_of(&number.as_str());
        let first = *self.numbers.entry(number_hash).or_insert(subject);
        if first != subject {
            return self.find(Check::TwiceInRun, subject, payment, String::new());
        }
        let person = hash_of(&(line.area, match_key(line.name), number.birth()));
        let known = *self.births.entry(person).or_insert(subject);
        if known != subject {
            self.find(Check::TwoNumbers, subject, payment, String::new());
        }
    }

    /// Once for each check and subject.
    fn find(&mut self, check: Check, subject: PartyId, payment: PaymentId, detail: String) {
        if self.told.insert((check, subject)) {
            self.findings.push(Finding {
                check,
                subject,
                payment,
                detail,
            });
        }
    }
}

fn match_key(name: &str) -> String {
    PersonName::key_of(name)
}

/// The same for the same value, on every machine.
fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
