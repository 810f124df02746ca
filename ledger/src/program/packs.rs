//! Policy packs: the rules of five published sources, as the text of policy files.
//!
//! To add a pack: a file in `ledger/packs`, a line in [`ALL`], a line in `ledger/docs/packs.md`.
//! The text is read where every policy file is read, so a pack can do nothing that a file of the
//! office could not.

/// One pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pack {
    /// What commands call it.
    pub name: &'static str,
    /// A policy file in TOML, with a `[pack]` table that names its source.
    pub text: &'static str,
}

macro_rules! packs {
    ($($name:literal),*) => {
        &[$(Pack {
            name: $name,
            text: include_str!(concat!("../../packs/", $name, ".toml")),
        }),*]
    };
}

/// The packs that are shipped, by name.
pub const ALL: &[Pack] = packs!["baotou", "chaoyang", "hezhou", "lueyang", "shenmu-2022"];

/// The pack with this name.
pub fn by_name(name: &str) -> Option<&'static Pack> {
    ALL.iter().find(|pack| pack.name == name)
}
