//! The whole way of the money, in both directions: from the quota letter over run, batch and
//! answer to the person, and from the person back. Names and numbers are masked.

mod appropriation;
mod party;
mod payment;

pub use appropriation::appropriation;
pub use party::person;
pub use payment::payment;

use ledger::roster::account_number::AccountNumber;
use ledger::roster::identity::IdentityNumber;
use ledger::roster::name::PersonName;

/// The name of a person, household or institution with most of it hidden.
fn masked_name(name: &str) -> String {
    PersonName::parse(name).map_or_else(|_| "*".to_owned(), |name| name.masked())
}

/// An identity, file or account number with most of it hidden.
fn masked_number(number: &str) -> String {
    if let Ok(number) = IdentityNumber::parse(number) {
        return number.masked();
    }
    AccountNumber::parse(number).map_or_else(|_| "*".to_owned(), |number| number.masked())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_unmasked() {
        for (text, masked) in [
            ("610881190001019914", "6108**********9914"),
            ("6228481234567890128", "6228***********0128"),
            ("", "*"),
        ] {
            assert_eq!(masked_number(text), masked);
        }
        assert_eq!(masked_name("测试甲"), "测*甲");
    }
}
