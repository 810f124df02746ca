//! A measurement for programs and for people.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::mixed::Mixed;
use super::pages::PageFigure;
use super::phase::{Figures, Phase, mebibytes, per_second, ratio, seconds};
use super::posting::PostingFigures;
use super::reads::Reading;
use super::ties::Ties;
use crate::app::view::{Report, Table, words};

/// What a measurement came to.
#[derive(Clone, Debug)]
pub struct BenchReport {
    /// `sqlite` or `postgres`.
    pub engine: &'static str,
    /// Payments a month in each book.
    pub payments: usize,
    /// Books.
    pub books: usize,
    /// Months.
    pub months: usize,
    /// The phases, summed over months and programs. With several books they worked at the same
    /// moment and the time is that of all of them together.
    pub phases: Vec<(Phase, Figures)>,
    /// Posting alone.
    pub posting: PostingFigures,
    /// Readings, where they were asked for.
    pub reads: Vec<Reading>,
    /// Pages, where they were asked for.
    pub pages: Vec<PageFigure>,
    /// Mixed load, where it was asked for.
    pub mixed: Option<Mixed>,
    /// Bytes of the database when the months were done.
    pub bytes: u64,
    /// What was compared.
    pub ties: Ties,
    /// Where the files are, when they were kept.
    pub directory: Option<PathBuf>,
}

impl BenchReport {
    /// Whether all totals tie and the chain verifies. Without, no figure counts.
    pub fn verified(&self) -> bool {
        self.ties.hold()
    }

    /// The time of all phases.
    pub fn time(&self) -> Duration {
        self.phases.iter().map(|(_, figures)| figures.time).sum()
    }

    /// The time of raw load of everything that the phases stored, one book after the other; none
    /// when it was left out.
    pub fn raw_load(&self) -> Option<Duration> {
        let loads = self
            .phases
            .iter()
            .filter_map(|(_, figures)| figures.raw_load);
        loads.reduce(|sum, load| sum + load)
    }

    /// Rows stored by all phases.
    pub fn rows(&self) -> u64 {
        self.phases.iter().map(|(_, figures)| figures.rows()).sum()
    }

    /// Statements sent by all phases.
    pub fn statements(&self) -> u64 {
        self.phases
            .iter()
            .map(|(_, figures)| figures.statements)
            .sum()
    }

    /// The largest resident set of any phase.
    pub fn peak_memory_bytes(&self) -> u64 {
        let peaks = self
            .phases
            .iter()
            .map(|(_, figures)| figures.peak_memory_bytes);
        peaks.max().unwrap_or(0)
    }

    /// Bytes of the database for each payment, everything included.
    pub fn bytes_per_payment(&self) -> u64 {
        let payments = self.payments * self.books * self.months;
        u64::try_from(payments).map_or(0, |payments| self.bytes.checked_div(payments).unwrap_or(0))
    }

    /// For programs and people; exit status 3 and no figure when it does not count.
    pub fn report(&self) -> Report {
        if !self.verified() {
            return self.refusal();
        }
        let mut tables = vec![self.phase_table(), self.summary()];
        if !self.reads.is_empty() {
            tables.push(self.reads_table());
        }
        if !self.pages.is_empty() {
            tables.push(self.pages_table());
        }
        tables.extend(self.mixed.as_ref().map(mixed_table));
        Report::new(self.json(), tables)
    }

    fn refusal(&self) -> Report {
        let mut table = Table::new(
            words(
                "测算不成立:下列各项不符",
                "the run does not count: these do not tie",
            ),
            &[
                ("项目", "what", false),
                ("实际", "found", true),
                ("应为", "expected", true),
            ],
        );
        for tie in &self.ties.broken {
            let row = [
                tie.what.clone(),
                tie.found.to_string(),
                tie.expected.to_string(),
            ];
            table.row(row);
        }
        let json = json!({
            "engine": self.engine,
            "payments": self.payments,
            "books": self.books,
            "months": self.months,
            "verified": false,
            "failures": self.ties.json(),
        });
        Report {
            json,
            tables: vec![table],
            found: true,
        }
    }

    fn json(&self) -> Value {
        let phases: Vec<Value> = self.phases.iter().map(phase_json).collect();
        let posting = json!({
            "transfers": self.posting.transfers,
            "seconds": json_seconds(self.posting.time),
            "raw_load_seconds": json_seconds(self.posting.raw_load),
        });
        json!({
            "engine": self.engine,
            "payments": self.payments,
            "books": self.books,
            "months": self.months,
            "verified": true,
            "comparisons": self.ties.compared,
            "phases": phases,
            "rows": self.rows(),
            "statements": self.statements(),
            "total_seconds": json_seconds(self.time()),
            "raw_load_total_seconds": self.raw_load().map(json_seconds),
            "posting": posting,
            "peak_memory_bytes": self.peak_memory_bytes(),
            "bytes_stored": self.bytes,
            "bytes_per_payment": self.bytes_per_payment(),
            "reads": self.reads.iter().map(reading_json).collect::<Value>(),
            "pages": self.pages.iter().map(page_json).collect::<Value>(),
            "mixed": self.mixed.as_ref().map(mixed_json),
            "directory": self.directory.as_ref().map(|path| path.display().to_string()),
        })
    }

    fn phase_table(&self) -> Table {
        let title = words(
            format!(
                "测算 {}:账套 {} × 月 {} × 笔 {}",
                self.engine, self.books, self.months, self.payments
            ),
            format!(
                "bench on {}: books {} × months {} × payments {}",
                self.engine, self.books, self.months, self.payments
            ),
        );
        let mut table = Table::new(
            title,
            &[
                ("阶段", "phase", false),
                ("行数", "rows", true),
                ("秒", "seconds", true),
                ("行/秒", "rows/s", true),
                ("原样载入秒", "raw load s", true),
                ("倍数", "ratio", true),
                ("内存峰值MB", "peak MB", true),
                ("入库MB", "stored MB", true),
                ("语句", "statements", true),
            ],
        );
        for (phase, figures) in &self.phases {
            table.row([
                format!("{} {}", phase.name(), phase.code()),
                figures.rows().to_string(),
                seconds(figures.time),
                figures.rows_per_second().to_string(),
                figures.raw_load.map_or_else(|| "—".to_owned(), seconds),
                ratio(figures.time, figures.raw_load),
                mebibytes(figures.peak_memory_bytes),
                mebibytes(figures.bytes_stored),
                figures.statements.to_string(),
            ]);
        }
        table.row([
            "合计 total".to_owned(),
            self.rows().to_string(),
            seconds(self.time()),
            per_second(self.rows(), self.time()).to_string(),
            self.raw_load().map_or_else(|| "—".to_owned(), seconds),
            ratio(self.time(), self.raw_load()),
            mebibytes(self.peak_memory_bytes()),
            mebibytes(self.bytes),
            self.statements().to_string(),
        ]);
        table
    }

    fn summary(&self) -> Table {
        let mut table = Table::new(
            words("其他", "beside these"),
            &[("项目", "what", false), ("结果", "result", true)],
        );
        let posting = self.posting;
        for (what, result) in [
            ("核对 comparisons", self.ties.compared.to_string()),
            (
                "每笔字节 bytes per payment",
                self.bytes_per_payment().to_string(),
            ),
            ("记账分录 transfers posted", posting.transfers.to_string()),
            ("记账秒 posting seconds", seconds(posting.time)),
            (
                "记账分录/秒 transfers/s",
                per_second(posting.transfers, posting.time).to_string(),
            ),
            ("原样载入秒 raw load seconds", seconds(posting.raw_load)),
            (
                "记账倍数 posting ratio",
                ratio(posting.time, Some(posting.raw_load)),
            ),
        ] {
            table.row([what.to_owned(), result]);
        }
        if self.books > 1 {
            let at_once = "各账套并行 books in parallel";
            let queued = "各账套排队写入 books queue for the one writer";
            let how = if self.engine == "sqlite" {
                queued
            } else {
                at_once
            };
            table.row(["多账套 books".to_owned(), how.to_owned()]);
        }
        if let Some(directory) = &self.directory {
            table.row(["目录 directory".to_owned(), directory.display().to_string()]);
        }
        table
    }

    fn pages_table(&self) -> Table {
        let mut table = Table::new(
            words("页面(11 次)", "pages (11 runs)"),
            &[
                ("页面", "page", false),
                ("首次毫秒", "first ms", true),
                ("中位毫秒", "median ms", true),
                ("最慢毫秒", "slowest ms", true),
                ("字节", "bytes", true),
            ],
        );
        for page in &self.pages {
            table.row([
                page.address.clone(),
                milliseconds(page.first),
                milliseconds(page.median),
                milliseconds(page.slowest),
                page.bytes.to_string(),
            ]);
        }
        table
    }

    fn reads_table(&self) -> Table {
        let mut table = Table::new(
            words("读取(31 次)", "readings (31 runs)"),
            &[
                ("读取", "reading", false),
                ("中位毫秒", "median ms", true),
                ("最慢毫秒", "slowest ms", true),
            ],
        );
        for reading in &self.reads {
            table.row([
                reading.name.to_owned(),
                milliseconds(reading.median),
                milliseconds(reading.slowest),
            ]);
        }
        table
    }
}

fn page_json(page: &PageFigure) -> Value {
    json!({
        "address": page.address,
        "first_seconds": json_seconds(page.first),
        "median_seconds": json_seconds(page.median),
        "slowest_seconds": json_seconds(page.slowest),
        "bytes": page.bytes,
    })
}

fn phase_json((phase, figures): &(Phase, Figures)) -> Value {
    json!({
        "name": phase.code(),
        "rows": figures.rows(),
        "seconds": json_seconds(figures.time),
        "raw_load_seconds": figures.raw_load.map(json_seconds),
        "rows_per_second": figures.rows_per_second(),
        "peak_memory_bytes": figures.peak_memory_bytes,
        "bytes_stored": figures.bytes_stored,
        "statements": figures.statements,
        "steps": figures.steps,
        "tables": figures.tables,
    })
}

fn reading_json(reading: &Reading) -> Value {
    json!({
        "name": reading.name,
        "median_seconds": json_seconds(reading.median),
        "slowest_seconds": json_seconds(reading.slowest),
    })
}

fn mixed_json(mixed: &Mixed) -> Value {
    let [start, middle, end] = mixed.memory;
    json!({
        "seconds": json_seconds(mixed.time),
        "run_commands": mixed.run_commands,
        "returns": mixed.returns,
        "readings": mixed.readings,
        "errors": mixed.errors.len(),
        "memory_bytes": { "start": start, "middle": middle, "end": end },
    })
}

fn mixed_table(mixed: &Mixed) -> Table {
    let mut table = Table::new(
        words("混合负载", "mixed load"),
        &[("项目", "what", false), ("结果", "result", true)],
    );
    let [start, middle, end] = mixed.memory.map(mebibytes);
    for (what, result) in [
        ("秒 seconds", seconds(mixed.time)),
        ("批次步骤 steps of runs", mixed.run_commands.to_string()),
        ("回盘 returns", mixed.returns.to_string()),
        ("读取 readings", mixed.readings.to_string()),
        ("出错 errors", mixed.errors.len().to_string()),
        ("开始内存MB memory MB at start", start),
        ("中间内存MB in the middle", middle),
        ("结束内存MB at the end", end),
    ] {
        table.row([what.to_owned(), result]);
    }
    table
}

/// Seconds as the contract writes them: the only floats anywhere, and nothing is reckoned with
/// them.
fn json_seconds(time: Duration) -> Value {
    json!(time.as_secs_f64())
}

/// Milliseconds with one decimal.
fn milliseconds(time: Duration) -> String {
    let tenths = time.as_micros() / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> BenchReport {
        let figures = Figures {
            time: Duration::from_millis(1_500),
            raw_load: Some(Duration::from_millis(500)),
            tables: [("party".to_owned(), 600), ("award".to_owned(), 400)].into(),
            peak_memory_bytes: 3 << 20,
            bytes_stored: 5 << 20,
            statements: 12,
            steps: 1,
        };
        let mut ties = Ties::default();
        ties.tie("payments", 100, 100);
        BenchReport {
            engine: "sqlite",
            payments: 100,
            books: 2,
            months: 3,
            phases: vec![
                (Phase::Roster, figures),
                (Phase::Verify, Figures::default()),
            ],
            posting: PostingFigures::default(),
            reads: Vec::new(),
            pages: Vec::new(),
            mixed: None,
            bytes: 600_000,
            ties,
            directory: None,
        }
    }

    #[test]
    fn the_document_has_the_contracts_shape() {
        let json = report().report().json;
        assert_eq!(json["verified"], true);
        assert_eq!(json["bytes_per_payment"], 1_000);
        assert_eq!(json["peak_memory_bytes"], 3 << 20);
        assert_eq!(json["phases"][0]["name"], "roster");
        assert_eq!(json["phases"][0]["rows"], 1_000);
        assert_eq!(json["phases"][0]["raw_load_seconds"], 0.5);
        assert_eq!(json["phases"][1]["raw_load_seconds"], Value::Null);
        assert_eq!(json["raw_load_total_seconds"], 0.5);
        assert_eq!(json["total_seconds"], 1.5);
    }

    #[test]
    fn what_does_not_tie_prints_no_figure() {
        let mut report = report();
        report.ties.tie("payments of the bank", 99, 100);
        let printed = report.report();
        assert!(printed.found && !report.verified());
        let fields: Vec<&String> = printed.json.as_object().unwrap().keys().collect();
        let expected = [
            "engine", "payments", "books", "months", "verified", "failures",
        ];
        assert_eq!(fields, expected);
        assert_eq!(printed.json["failures"][0]["what"], "payments of the bank");
    }
}
