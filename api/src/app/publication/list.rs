//! The published list: made once of the payments of a run, kept as a file, read back for every
//! report, so that it is the same each time.

use anyhow::{Context, anyhow, ensure};
use ledger::disbursement::role::Action;
use ledger::id::RunId;
use ledger::money::{Fen, MoneyError};
use ledger::problem::{Kind, Problem};
use ledger_store::boxed;
use ledger_store::publication::{self as store, Listed, Publication};
use ledger_store::{batch, policy, run};
use serde_json::{Value, json};

use crate::app::roster::{mask_name, mask_numbers};
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error, not_found};

/// The columns of the file.
const HEADINGS: [&str; 6] = ["明细", "乡镇", "村(社区)", "姓名", "人数", "金额(元)"];

/// A line of the list: names are masked already, numbers of people and accounts never stand in it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    /// The number of the payment: an objection names it.
    payment: i64,
    township: String,
    village: String,
    name: String,
    /// 0 when it is not known.
    people: i64,
    amount: Fen,
}

/// A list by township and village.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct List {
    lines: Vec<Line>,
}

impl List {
    /// Of these payments, by township, village and payment.
    pub(super) fn of(mut listed: Vec<Listed>) -> Result<List, Error> {
        listed.sort_by(|a, b| {
            let place = a
                .township
                .cmp(&b.township)
                .then_with(|| a.village.cmp(&b.village));
            place.then(a.payment.cmp(&b.payment))
        });
        let line = |of: Listed| Line {
            payment: of.payment.get(),
            name: match of.institution {
                true => mask_numbers(&of.name),
                false => mask_numbers(&mask_name(&of.name)),
            },
            township: mask_numbers(&of.township),
            village: mask_numbers(&of.village),
            people: of.people,
            amount: of.amount,
        };
        Ok(List {
            lines: listed.into_iter().map(line).collect(),
        })
    }

    /// How many payments.
    pub(super) fn payments(&self) -> i64 {
        i64::try_from(self.lines.len()).unwrap_or(i64::MAX)
    }

    /// Their sum.
    pub(super) fn total(&self) -> Result<Fen, MoneyError> {
        Fen::sum(self.lines.iter().map(|line| line.amount))
    }

    /// The file: CSV in UTF-8. The same list gives the same bytes.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(HEADINGS).context("CSV")?;
        for line in &self.lines {
            let number = line.payment.to_string();
            let (people, amount) = (line.people.to_string(), line.amount.to_string());
            let [township, village, name] = [&line.township, &line.village, &line.name];
            let cells = [&number, township, village, name, &people, &amount];
            writer.write_record(cells).context("CSV")?;
        }
        let bytes = writer.into_inner().map_err(|error| anyhow!("{error}"))?;
        Ok(bytes)
    }

    /// Reads the file of a publication; an accident when it is not what was published.
    fn read(bytes: &[u8], published: &Publication) -> anyhow::Result<List> {
        let mut lines = Vec::new();
        for record in csv::Reader::from_reader(bytes).records() {
            let record = record?;
            let cell = |column: usize| record.get(column).unwrap_or_default().to_owned();
            lines.push(Line {
                payment: cell(0).parse()?,
                township: cell(1),
                village: cell(2),
                name: cell(3),
                people: cell(4).parse()?,
                amount: Fen::parse_yuan(&cell(5))?,
            });
        }
        let list = List { lines };
        let stated = (published.payments, published.total);
        ensure!(
            (list.payments(), list.total()?) == stated,
            "the list of run {} is not what was published",
            published.run
        );
        Ok(list)
    }
}

/// Which part of a published list: that of a township, of a village, or all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// 乡镇.
    pub township: Option<String>,
    /// 村(社区).
    pub village: Option<String>,
}

impl Place {
    fn holds(&self, line: &Line) -> bool {
        let is = |wanted: &Option<String>, own: &str| wanted.as_ref().is_none_or(|one| one == own);
        is(&self.township, &line.township) && is(&self.village, &line.village)
    }
}

/// The published list of a run's present calculation, by township and village, names masked. The
/// whole adds up to the run; a part is what hangs out in one place.
///
/// # Errors
/// [`Kind::NotFound`], also of a place without a line; [`Kind::PublicationMissing`].
#[boxed]
pub async fn report(app: &App, caller: &Caller, id: RunId, place: &Place) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let run = run::run(&mut tx, book, id).await?;
    let run = run.ok_or_else(|| not_found("批次 run", id))?;
    let all = store::publications(&mut tx, book, id).await?;
    let published = all.into_iter().find(|one| one.revision == run.revision);
    let missing = || Problem::new(Kind::PublicationMissing).with("run", id);
    let published = published.ok_or_else(missing)?;
    let file = batch::file(&mut tx, book, published.file).await?;
    let programs = policy::programs(&mut tx, book).await?;
    tx.rollback().await?;
    let file = file.ok_or_else(|| not_found("文件 file", published.file))?;
    let mut list = List::read(&file.content, &published)?;
    list.lines.retain(|line| place.holds(line));
    if list.lines.is_empty() && *place != Place::default() {
        let asked = [&place.township, &place.village].map(|part| part.clone().unwrap_or_default());
        return Err(not_found(
            "乡镇或村 township or village",
            asked.join(" ").trim(),
        ));
    }
    let program = programs.iter().find(|program| program.id == run.program);
    let (code, name) = program.map_or(("", ""), |one| (one.code.as_str(), one.name.as_str()));
    let days = (published.from, published.to);
    let mut table = Table::new(
        words(
            format!("{name} {} 公示名单 {} 至 {}", run.month, days.0, days.1),
            format!("{code} {} published {} to {}", run.month, days.0, days.1),
        ),
        &[
            ("序号", "no.", true),
            ("明细", "payment", true),
            ("乡镇", "township", false),
            ("村(社区)", "village", false),
            ("姓名", "name", false),
            ("人数", "people", true),
            ("金额(元)", "amount (yuan)", true),
        ],
    );
    let townships = fill(&mut table, &list)?;
    let document = json!({
        "run": id.get(),
        "program": code,
        "month": run.month.to_string(),
        "from": days.0.to_string(),
        "to": days.1.to_string(),
        "payments": list.payments(),
        "total_fen": list.total()?.get(),
        "sha256": ledger::audit::hex::encode(&file.sha256),
        "townships": townships,
        "list": list.lines.iter().map(line_json).collect::<Value>(),
    });
    Ok(Report::new(document, vec![table]))
}

/// The lines with subtotals of each village and township and the grand total; gives the subtotals.
fn fill(table: &mut Table, list: &List) -> Result<Vec<Value>, Error> {
    let mut townships = Vec::new();
    let mut number = 0;
    for township in list.lines.chunk_by(|a, b| a.township == b.township) {
        let mut villages = Vec::new();
        for village in township.chunk_by(|a, b| a.village == b.village) {
            for line in village {
                number += 1;
                table.row([
                    number.to_string(),
                    line.payment.to_string(),
                    line.township.clone(),
                    line.village.clone(),
                    line.name.clone(),
                    if line.people > 0 {
                        line.people.to_string()
                    } else {
                        String::new()
                    },
                    line.amount.grouped(),
                ]);
            }
            let (count, amount) = sum(village)?;
            let at = village.first();
            let [of, name] = at.map_or(["", ""], |line| [&line.township, &line.village]);
            table.row(sum_row([of, name], "小计", count, amount));
            villages.push(json!({
                "village": name, "payments": count, "amount_fen": amount.get()
            }));
        }
        let (count, amount) = sum(township)?;
        let name = township.first().map_or("", |line| line.township.as_str());
        table.row(sum_row([name, ""], "小计", count, amount));
        townships.push(json!({
            "township": name, "payments": count, "amount_fen": amount.get(), "villages": villages
        }));
    }
    table.row(sum_row(["", ""], "合计", list.payments(), list.total()?));
    Ok(townships)
}

fn sum(lines: &[Line]) -> Result<(i64, Fen), MoneyError> {
    let count = i64::try_from(lines.len()).unwrap_or(i64::MAX);
    Ok((count, Fen::sum(lines.iter().map(|line| line.amount))?))
}

fn sum_row([township, village]: [&str; 2], what: &str, count: i64, amount: Fen) -> [String; 7] {
    [
        String::new(),
        String::new(),
        township.to_owned(),
        village.to_owned(),
        format!("{what} {count} 笔"),
        String::new(),
        amount.grouped(),
    ]
}

fn line_json(line: &Line) -> Value {
    json!({
        "payment": line.payment,
        "township": line.township,
        "village": line.village,
        "name": line.name,
        "people": (line.people > 0).then_some(line.people),
        "amount_fen": line.amount.get(),
    })
}
