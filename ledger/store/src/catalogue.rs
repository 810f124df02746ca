//! All SQL texts by name, so that a test can prepare each of them on both engines.

/// Declares the statements of a module as constants and lists them for [`all`].
macro_rules! sql {
    ($($name:ident = $text:expr;)+) => {
        $(const $name: &str = $text;)+

        /// The statements of this module, by name.
        pub(crate) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),+];
    };
}
pub(crate) use sql;

/// What holds of a party, `name` or `area_id`, by the newest version or by the newest up to a month
/// (and what else is said of it).
macro_rules! held {
    ($party:literal, $column:literal $(, $until:literal)?) => {
        concat!(
            "coalesce((select pv.", $column, " from party_version pv where pv.book_id = ", $party,
            ".book_id and pv.party_id = ", $party, ".party_id",
            $(" and pv.from_month <= ", $until,)?
            " order by pv.from_month desc, pv.version desc limit 1), ", $party, ".", $column, ")"
        )
    };
}
pub(crate) use held;

/// Module, name and text of every statement.
pub fn all() -> Vec<(&'static str, &'static str, &'static str)> {
    let modules: &[(&str, &[(&str, &str)])] = &[
        ("write", crate::write::STATEMENTS),
        ("book", crate::book::STATEMENTS),
        ("session", crate::session::STATEMENTS),
        ("token", crate::token::STATEMENTS),
        ("job", crate::job::STATEMENTS),
        ("policy", crate::policy::STATEMENTS),
        ("fund", crate::fund::STATEMENTS),
        ("roster", crate::roster::STATEMENTS),
        ("journal", crate::journal::STATEMENTS),
        ("run", crate::run::STATEMENTS),
        ("clash", crate::clash::STATEMENTS),
        ("approval", crate::approval::STATEMENTS),
        ("proposal", crate::proposal::STATEMENTS),
        ("publication", crate::publication::STATEMENTS),
        ("payment", crate::payment::STATEMENTS),
        ("personal", crate::personal::STATEMENTS),
        ("recovery", crate::recovery::STATEMENTS),
        ("overpaid", crate::overpaid::STATEMENTS),
        ("batch", crate::batch::STATEMENTS),
        ("answer", crate::answer::STATEMENTS),
        ("statement", crate::statement::STATEMENTS),
        ("exception", crate::exception::STATEMENTS),
        ("settlement", crate::settlement::STATEMENTS),
        ("reason", crate::reason::STATEMENTS),
        ("agreement", crate::agreement::STATEMENTS),
        ("report", crate::report::STATEMENTS),
        ("movement", crate::movement::STATEMENTS),
        ("notice", crate::notice::STATEMENTS),
        ("returned", crate::returned::STATEMENTS),
        ("tie_out", crate::tie_out::STATEMENTS),
        ("success", crate::success::STATEMENTS),
        ("fate", crate::fate::STATEMENTS),
        ("arrival", crate::arrival::STATEMENTS),
        ("trace", crate::trace::STATEMENTS),
        ("verify", crate::verify::STATEMENTS),
        ("year", crate::year::STATEMENTS),
        ("calendar", crate::calendar::STATEMENTS),
    ];
    let mut list: Vec<_> = modules
        .iter()
        .flat_map(|(module, statements)| {
            statements
                .iter()
                .map(move |(name, text)| (*module, *name, *text))
        })
        .collect();
    list.extend(
        crate::table::ALL
            .iter()
            .map(|t| ("table", t.spec.table, t.select)),
    );
    list
}
