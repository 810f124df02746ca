//! The phases of a month, and what each came to.

use std::collections::BTreeMap;
use std::time::Duration;

/// A phase of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Rosters come in.
    Roster,
    /// Runs are made and calculated.
    Calculate,
    /// Runs are checked: accounts, layouts, clashes, funds.
    Check,
    /// Runs are submitted, reviewed and approved, and what is owed is posted.
    PostApproval,
    /// Runs are released: batch files go out.
    BatchFiles,
    /// Returns come in, are matched and posted.
    Returns,
    /// Statements come in; refunds come home.
    Statement,
    /// What failed is made, approved, sent and answered again.
    RePay,
    /// Runs and the month are closed.
    Close,
    /// The success rate is reported.
    SuccessRate,
    /// Every entry, row and balance is recomputed.
    Verify,
}

impl Phase {
    /// All, in the order in which they are shown.
    pub const ALL: [Phase; 11] = [
        Phase::Roster,
        Phase::Calculate,
        Phase::Check,
        Phase::PostApproval,
        Phase::BatchFiles,
        Phase::Returns,
        Phase::Statement,
        Phase::RePay,
        Phase::Close,
        Phase::SuccessRate,
        Phase::Verify,
    ];

    /// Its stable name, as scripts read it.
    pub fn code(self) -> &'static str {
        match self {
            Phase::Roster => "roster",
            Phase::Calculate => "calculate",
            Phase::Check => "check",
            Phase::PostApproval => "post-approval",
            Phase::BatchFiles => "batch-files",
            Phase::Returns => "returns",
            Phase::Statement => "statement",
            Phase::RePay => "re-pay",
            Phase::Close => "close",
            Phase::SuccessRate => "success-rate",
            Phase::Verify => "verify",
        }
    }

    /// Its name in Chinese.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Roster => "名册导入",
            Phase::Calculate => "核算",
            Phase::Check => "校验",
            Phase::PostApproval => "审批记账",
            Phase::BatchFiles => "代发文件",
            Phase::Returns => "回盘",
            Phase::Statement => "对账单",
            Phase::RePay => "失败重发",
            Phase::Close => "结账",
            Phase::SuccessRate => "成功率",
            Phase::Verify => "全部核验",
        }
    }
}

/// What a phase came to, over all programs, books and months.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The time of the use cases alone.
    pub time: Duration,
    /// The time that loading the same rows as they are took; none where nothing is stored.
    pub raw_load: Option<Duration>,
    /// Rows stored, by table.
    pub tables: BTreeMap<String, u64>,
    /// The largest resident set during the phase, in bytes; 0 where it is unknown.
    pub peak_memory_bytes: u64,
    /// By how much the database grew.
    pub bytes_stored: u64,
    /// Statements sent to the database.
    pub statements: u64,
    /// Commands and readings.
    pub steps: u64,
}

impl Figures {
    /// Rows stored, of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.values().sum()
    }

    /// Rows stored in a second; 0 when nothing is stored.
    pub fn rows_per_second(&self) -> u64 {
        per_second(self.rows(), self.time)
    }
}

/// So many in a second.
pub(super) fn per_second(count: u64, time: Duration) -> u64 {
    let micros = time.as_micros().max(1);
    u64::try_from(u128::from(count) * 1_000_000 / micros).unwrap_or(u64::MAX)
}

/// A duration as a multiple of another with two decimals, as text; `—` where there is none.
pub(super) fn ratio(time: Duration, raw: Option<Duration>) -> String {
    let Some(raw) = raw.filter(|raw| !raw.is_zero()) else {
        return "—".to_owned();
    };
    let hundredths = time.as_micros() * 100 / raw.as_micros().max(1);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// Seconds with three decimals, as text.
pub(super) fn seconds(time: Duration) -> String {
    format!("{}.{:03}", time.as_secs(), time.subsec_millis())
}

/// Whole mebibytes, rounded up.
pub(super) fn mebibytes(bytes: u64) -> String {
    bytes.div_ceil(1024 * 1024).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_whole_numbers() {
        let ms = Duration::from_millis;
        for (count, time, expected) in [(0, ms(0), 0), (500, ms(250), 2_000), (1, ms(3), 333)] {
            assert_eq!(per_second(count, time), expected);
        }
        for (time, raw, expected) in [
            (ms(300), Some(ms(100)), "3.00"),
            (ms(119), Some(ms(100)), "1.19"),
            (ms(5), Some(ms(0)), "—"),
            (ms(5), None, "—"),
        ] {
            assert_eq!(ratio(time, raw), expected);
        }
        assert_eq!(seconds(Duration::from_micros(12_345_678)), "12.345");
        assert_eq!(
            (mebibytes(0), mebibytes(1)),
            ("0".to_owned(), "1".to_owned())
        );
    }
}
