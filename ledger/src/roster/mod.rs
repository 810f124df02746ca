//! Who gets what: awards, and the typed values that untrusted text of rosters becomes.
//!
//! Identity numbers, account numbers and names are personal data: they have no `Display`, and
//! their `Debug` shows the masked form, so that they cannot slip into a log.

pub mod account_number;
pub mod bank_no;
pub mod credit_code;
pub mod identity;
pub mod name;

pub use account_number::AccountNumber;
pub use bank_no::BankNo;
pub use credit_code::CreditCode;
pub use identity::IdentityNumber;
pub use name::PersonName;

use crate::account::coded;
use crate::calendar::Month;
use crate::id::{AwardId, ComponentId, PartyId};
use crate::money::Fen;

/// An award (核定): what a party was approved for, from when to when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Award {
    /// Its id.
    pub id: AwardId,
    /// The person, or the household for components of households.
    pub subject: PartyId,
    /// The household of the subject.
    pub household: PartyId,
    /// Whose account receives the money: head of household, guardian or institution.
    pub payee: PartyId,
    /// For what.
    pub component: ComponentId,
    /// Chooses the standard (`severe`, `minor`, `care-semi`); empty for the ordinary one.
    pub tag: String,
    /// Income per head and month, for standards that top up (补差).
    pub income: Fen,
    /// Individually approved amount for each month that falls due; overrides the standard.
    pub amount: Option<Fen>,
    /// The first month.
    pub from: Month,
    /// The last month; none while it runs.
    pub to: Option<Month>,
}

impl Award {
    /// Whether the award runs in this month.
    pub fn covers(&self, month: Month) -> bool {
        self.from <= month && self.to.is_none_or(|to| month <= to)
    }
}

coded! {
    /// Something odd that a person may want to look at. Never blocks: the rule is younger than
    /// some of the numbers it is held against, or is not published at all.
    pub enum Note {
        /// The region of an identity number is no province, or no county of a prefecture whose
        /// counties are all known.
        RegionUnknown "region-unknown" "身份证号的地区码不在已知的省、县代码内",
        /// The county code of an identity number was retired before its holder was born.
        RegionRetired "region-retired" "身份证号的地区码在其出生前已停用",
        /// A card number with a known issuer prefix fails the Luhn check.
        CardCheckFails "card-check-fails" "银行卡号校验位不符",
        /// A bank number (联行号) fails its check digit.
        BankNoCheckFails "bank-no-check-fails" "联行号校验位不符",
        /// A credit code (统一社会信用代码) fails its check character.
        CreditCodeCheckFails "credit-code-check-fails" "统一社会信用代码校验位不符",
    }
}

/// The text with all but `front` first and `back` last characters as stars; all stars when less
/// than half would be hidden. At most 42 characters are shown of whatever was read.
fn mask(text: &str, front: usize, back: usize) -> String {
    let letters: Vec<char> = text.chars().take(MASKED_CHARS_MAX).collect();
    let hidden = letters.len().saturating_sub(front + back);
    let shown = if hidden >= front + back {
        (front, back)
    } else {
        (0, 0)
    };
    let star = |(position, letter): (usize, &char)| {
        let kept = position < shown.0 || position >= letters.len() - shown.1;
        if kept && is_printable(*letter) {
            *letter
        } else {
            '*'
        }
    };
    letters.iter().enumerate().map(star).collect()
}

/// Neither a control character nor one that is invisible or changes the reading order: zero-width
/// characters, marks of direction, byte-order mark.
fn is_printable(letter: char) -> bool {
    let invisible = matches!(
        letter,
        '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
    );
    !letter.is_control() && !invisible
}

/// The longest identifier that is accepted (treasury account numbers).
const MASKED_CHARS_MAX: usize = 42;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks() {
        for (text, expected) in [
            ("610881190001019914", "6108**********9914"),
            ("6228481234567890128", "6228***********0128"),
            ("1234567890123456", "1234********3456"),
            ("123456789012345", "***************"),
            ("", ""),
        ] {
            assert_eq!(mask(text, 4, 4), expected);
        }
    }
}
