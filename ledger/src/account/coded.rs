//! One macro for the closed lists of the domain: each value has a code for columns and a Chinese
//! name for people.

/// Declares an enum whose values carry a stored code and a Chinese name, with `ALL`, `code`,
/// `name` and `from_code`.
macro_rules! coded {
    (
        $(#[$doc:meta])*
        pub enum $enum:ident {
            $($(#[$value_doc:meta])* $value:ident $code:literal $name:literal,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $enum { $($(#[$value_doc])* $value,)* }

        impl $enum {
            /// Every value, in the order of the declaration.
            pub const ALL: &'static [$enum] = &[$($enum::$value),*];

            /// The code in columns, files and commands. Never changes.
            pub fn code(self) -> &'static str {
                match self { $($enum::$value => $code,)* }
            }

            /// The Chinese name for screens and paper.
            pub fn name(self) -> &'static str {
                match self { $($enum::$value => $name,)* }
            }

            /// The value with this code.
            pub fn from_code(code: &str) -> Option<$enum> {
                match code { $($code => Some($enum::$value),)* _ => None }
            }
        }
    };
}

pub(crate) use coded;
