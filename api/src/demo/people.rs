//! Visibly synthetic people, accounts and institutions, with check digits that are right.
//!
//! Surnames are words for "test", "sample" or "demo", given names are counting characters, and
//! everybody was born between 1900 and 1909.

use std::fmt::Write;

use super::calibrate::Misfit;

/// Words that stand for a surname: test, try, show, example, sample, act, model, simulate.
const SURNAMES: &str = "测试示例样演模拟";
/// Characters used for counting and directions, of which given names are made.
const GIVEN: &str = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥一二三四五六七八九十百千万零\
                     东西南北中上下左右前后春夏秋冬金木水火土日月星山";
/// How many characters these are, and how many names they give.
const SURNAME_COUNT: usize = 8;
const GIVEN_COUNT: usize = 60;
const NAMES: usize = SURNAME_COUNT * GIVEN_COUNT * GIVEN_COUNT;
/// The towns (镇) and streets (街道) carry the stems and branches as names.
const PLACES: &str = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉";
/// How many of the twenty places are towns; the rest are streets.
const TOWNS: usize = 14;

/// A bank at which recipients have accounts: name, and the 12-digit number of the branch.
pub(crate) struct Branch {
    pub(crate) name: &'static str,
    pub(crate) number: String,
    prefix: &'static str,
}

/// The branches of the demo. The bank codes 402, 102 and 403 are those of rural credit, ICBC and
/// the postal bank; the rest of the number is made up and has a valid check digit.
pub(crate) fn branches() -> Vec<Branch> {
    [
        ("演示农商银行第一支行", "40299990001", "629901"),
        ("演示农商银行第二支行", "40299990002", "629901"),
        ("演示工商银行支行", "10299990001", "629902"),
        ("演示邮储银行支行", "40399990001", "629903"),
    ]
    .into_iter()
    .map(|(name, number, prefix)| Branch {
        name,
        number: with_mod_11_10(number),
        prefix,
    })
    .collect()
}

/// Numbers people, accounts and institutions one after the other.
#[derive(Default)]
pub(crate) struct Registry {
    people: usize,
    accounts: usize,
    institutions: usize,
}

impl Registry {
    /// The next person's name and identity number.
    pub(crate) fn person(&mut self) -> Result<(String, String), Misfit> {
        let index = self.people;
        self.people += 1;
        if index >= NAMES {
            return Err(Misfit::new("names", "no more synthetic names"));
        }
        Ok((name(index), identity(index)?))
    }

    /// The next account number at a branch: 19 digits, the last by Luhn's rule.
    pub(crate) fn account(&mut self, branch: &Branch) -> String {
        self.accounts += 1;
        account(branch, self.accounts)
    }

    /// The next institution's unified social credit code (GB 32100), of a public institution (12).
    pub(crate) fn credit_code(&mut self) -> String {
        self.institutions += 1;
        let mut organisation = format!("9999{:04}", self.institutions);
        organisation.push(organisation_check(&organisation));
        let mut code = format!("12610881{organisation}");
        code.push(credit_check(&code));
        code
    }
}

/// The name of a town or street, by number from 0.
pub(crate) fn place(index: usize) -> String {
    let kind = if index < TOWNS { "镇" } else { "街道" };
    format!("{}{kind}", PLACES.chars().nth(index % 20).unwrap_or('甲'))
}

/// A rural town and one of its villages.
pub(crate) fn rural_place(draw: usize) -> (String, String) {
    let village = GIVEN.chars().nth(22 + draw / TOWNS % 10).unwrap_or('一');
    (place(draw % TOWNS), format!("{village}村"))
}

/// An urban street and one of its communities.
pub(crate) fn urban_place(draw: usize) -> (String, String) {
    let streets = 20 - TOWNS;
    let community = GIVEN.chars().nth(22 + draw / streets % 8).unwrap_or('一');
    (place(TOWNS + draw % streets), format!("{community}社区"))
}

/// The account of this number at a branch: 19 digits, the last by Luhn's rule.
pub(crate) fn account(branch: &Branch, order: usize) -> String {
    let mut number = format!("{}{order:012}", branch.prefix);
    number.push(luhn(&number));
    number
}

/// The name of the person of this number, from 0; names come again after [`NAMES`] people.
pub(crate) fn name(index: usize) -> String {
    let given = |index: usize| GIVEN.chars().nth(index % GIVEN_COUNT);
    let surname = SURNAMES.chars().nth(index % SURNAME_COUNT);
    let index = index / SURNAME_COUNT;
    [surname, given(index), given(index / GIVEN_COUNT)]
        .into_iter()
        .flatten()
        .collect()
}

/// The identity number (GB 11643) of the person of this number, from 0: region 610881, a birth date
/// of 1900 to 1909.
///
/// # Errors
/// [`Misfit`] beyond 3,356,640 people.
pub(crate) fn identity(index: usize) -> Result<String, Misfit> {
    let days = 28 * 12 * 10;
    let (day, order) = (index % days, index / days + 1);
    if order > 999 {
        return Err(Misfit::new("identity numbers", "no more sequence numbers"));
    }
    let (year, month, day) = (1900 + day / 336, day / 28 % 12 + 1, day % 28 + 1);
    let mut number = String::with_capacity(18);
    let _ = write!(number, "610881{year:04}{month:02}{day:02}{order:03}");
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = digits(&number)
        .zip(weights)
        .map(|(digit, weight)| digit * weight)
        .sum();
    number.push(pick("10X98765432", sum % 11));
    Ok(number)
}

fn digits(text: &str) -> impl DoubleEndedIterator<Item = u32> + '_ {
    text.chars().filter_map(|c| c.to_digit(10))
}

fn pick(alphabet: &str, index: u32) -> char {
    usize::try_from(index)
        .ok()
        .and_then(|index| alphabet.chars().nth(index))
        .unwrap_or('0')
}

fn luhn(body: &str) -> char {
    let sum: u32 = digits(body)
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit) {
            (0, digit) if digit > 4 => digit * 2 - 9,
            (0, digit) => digit * 2,
            (_, digit) => digit,
        })
        .sum();
    pick("0123456789", (10 - sum % 10) % 10)
}

/// The check digit of a branch number: ISO 7064 MOD 11,10.
fn with_mod_11_10(body: &str) -> String {
    let product = digits(body).fold(10, |product, digit| {
        let sum = (product + digit) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    format!("{body}{}", (11 - product) % 10)
}

/// The check character of an organisation code (GB 11714).
fn organisation_check(body: &str) -> char {
    let weights = [3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = digits(body)
        .zip(weights)
        .map(|(digit, weight)| digit * weight)
        .sum();
    pick("0X987654321", sum % 11)
}

/// The check character of a unified social credit code (GB 32100).
fn credit_check(body: &str) -> char {
    const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    let mut weight = 1;
    let mut sum = 0;
    for c in body.chars() {
        let value = ALPHABET.chars().position(|known| known == c).unwrap_or(0);
        sum += u32::try_from(value).unwrap_or(0) * weight;
        weight = weight * 3 % 31;
    }
    pick(ALPHABET, (31 - sum % 31) % 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_follow_their_standards() {
        for (body, full) in [
            ("622848123456789012", "6228481234567890128"),
            ("621798123456789012", "6217981234567890126"),
            ("621226123456789012", "6212261234567890128"),
        ] {
            assert_eq!(format!("{body}{}", luhn(body)), full);
        }
        for full in ["102100099996", "403100000004", "308584000013"] {
            assert_eq!(with_mod_11_10(&full[..11]), full);
        }
        for full in ["91110000600037341L", "91230184MA1BUFLT44"] {
            assert_eq!(
                format!("{}{}", &full[..17], credit_check(&full[..17])),
                full
            );
        }
        assert_eq!(
            format!("60003734{}", organisation_check("60003734")),
            "600037341"
        );
        assert_eq!(identity(990 * 3_360).unwrap(), "610881190001019914");
    }

    #[test]
    fn the_characters_are_counted() {
        assert_eq!(SURNAMES.chars().count(), SURNAME_COUNT);
        assert_eq!(GIVEN.chars().count(), GIVEN_COUNT);
    }

    #[test]
    fn twenty_eight_thousand_people_differ() {
        let mut registry = Registry::default();
        let mut names = std::collections::BTreeSet::new();
        let mut numbers = std::collections::BTreeSet::new();
        for _ in 0..28_000 {
            let (name, number) = registry.person().unwrap();
            assert!(names.insert(name));
            assert!(numbers.insert(number));
        }
    }
}
