//! Bank files without a database: which layout a file has, what is in it, what is wrong with it.

use std::path::{Path, PathBuf};

use bank_adapters::{
    Candidate, ColumnAbout, Doubt, Finding, Outcome as Answer, Profile, Severity, Use, candidates,
    check_file_name, is_blocked, read_batch, read_return, read_statement,
};
use clap::Subcommand;
use ledger::audit::hex;
use ledger::money::Fen;
use ledger::problem::{Kind, Language, Problem};
use serde_json::{Map, Value, json};

use super::args::positive;
use super::desk::Desk;
use super::outcome::Outcome;
use super::{failure, mask};
use crate::app::Error;
use crate::app::view::{Report, Table, words};

/// Commands on bank files.
#[derive(Debug, Subcommand)]
pub(crate) enum BankFileCommand {
    /// 列出银行格式,或详列一种 List the known layouts, or one in full with its columns
    Profiles {
        /// 格式 Layout
        id: Option<String>,
    },
    /// 查看文件:格式、脱敏明细、合计、问题 Which layout, its lines masked, totals, findings
    Inspect {
        /// 文件 File
        file: PathBuf,
        /// 银行格式或格式定义文件(.toml)Layout, or the .toml that defines one
        #[arg(long)]
        profile: Option<String>,
        /// 至多显示行数 Show at most this many lines
        #[arg(long, value_parser = positive, default_value = "50")]
        limit: i64,
    },
}

/// What was read from a file.
struct Inspected {
    facts: Map<String, Value>,
    count: usize,
    lines: Table,
    rows: Vec<Value>,
    findings: Vec<Finding>,
}

impl BankFileCommand {
    /// Does it.
    pub(crate) fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        match self {
            BankFileCommand::Profiles { id: None } => Ok(profiles(desk)?.into()),
            BankFileCommand::Profiles { id: Some(id) } => Ok(one_profile(id, desk)?.into()),
            BankFileCommand::Inspect {
                file,
                profile,
                limit,
            } => Ok(inspect(file, profile.as_deref(), *limit, desk)?.into()),
        }
    }
}

fn profiles(desk: &Desk) -> Result<Report, Error> {
    let mut table = Table::new(
        words("银行格式", "bank layouts"),
        &[
            ("格式", "layout", false),
            ("名称", "name", false),
            ("用途", "use", false),
            ("形式", "form", false),
            ("可信度", "confidence", false),
            ("注意", "warnings", false),
        ],
    );
    let mut list = Vec::new();
    for profile in desk.profiles()? {
        let (usage, usage_zh) = use_names(profile.usage);
        let doubts: Vec<&str> = profile.doubts.iter().map(|doubt| doubt.code()).collect();
        table.row([
            profile.id.clone(),
            name_of(&profile, desk.language()),
            desk.say(usage_zh, usage).to_owned(),
            profile.kind.code().to_owned(),
            profile.confidence.clone(),
            doubts.join(" "),
        ]);
        list.push(profile_json(&profile, desk.language()));
    }
    Ok(Report::new(json!({ "profiles": list }), vec![table]))
}

fn name_of(profile: &Profile, language: Language) -> String {
    match profile.name_en.as_str() {
        "" => profile.name.clone(),
        english => said(language, &profile.name, english).to_owned(),
    }
}

fn profile_json(profile: &Profile, language: Language) -> Value {
    let doubts: Vec<&str> = profile.doubts.iter().map(|doubt| doubt.code()).collect();
    json!({
        "id": profile.id, "name": profile.name, "name_en": profile.name_en,
        "use": use_names(profile.usage).0, "kind": profile.kind.code(),
        "encoding": profile.encoding.name(), "unit": profile.amount.unit.en(),
        "source": profile.source, "confidence": profile.confidence,
        "doubts": doubts, "warnings": warnings(profile, language),
        "lines_max": profile.lines_max, "file_name": profile.file_name,
        "answered_by": profile.answered_by, "totals": profile.totals_at(),
        "answer_days": (profile.usage == Use::Batch).then_some(profile.answer_days),
        "values_missing": profile.values_missing(),
    })
}

/// A doubt as a warning.
pub(super) fn doubt(doubt: Doubt, language: Language) -> &'static str {
    match language {
        Language::Zh => doubt.zh(),
        Language::En => doubt.en(),
    }
}

fn warnings(profile: &Profile, language: Language) -> Vec<&'static str> {
    let doubts = profile.doubts.iter();
    doubts.map(|known| doubt(*known, language)).collect()
}

/// One layout with all that it says.
fn one_profile(id: &str, desk: &Desk) -> Result<Report, Error> {
    let profile = named(id, &desk.profiles()?, desk)?;
    let mut json = profile_json(&profile, desk.language());
    let [paid, failed, pending] = profile.status_words();
    if profile.usage == Use::Return {
        json["status"] = json!({ "paid": paid, "failed": failed, "pending": pending });
        json["absent"] = profile
            .absent
            .map(|outcome| outcome_names(outcome).0)
            .into();
    }
    let mut facts = json.clone();
    if let Some(fields) = facts.as_object_mut() {
        fields.remove("doubts");
        fields.remove("status");
        for (name, words) in [("paid_words", paid), ("failed_words", failed)] {
            if profile.usage == Use::Return {
                fields.insert(name.into(), words.into());
            }
        }
    }
    let columns = profile.columns_about();
    json["columns"] = columns.iter().map(column_json).collect();
    let mut about = super::render::answer_table(&facts, desk.language());
    about.title = words("银行格式", "bank layout");
    Ok(Report::new(
        json,
        vec![about, column_table(&columns, desk.language())],
    ))
}

fn column_json(column: &ColumnAbout) -> Value {
    json!({
        "rows": column.shape, "place": column.place, "headings": column.headings,
        "field": column.field, "value": column.value, "set": column.set,
        "required": column.is_required, "bytes_max": column.bytes_max, "form": column.form,
    })
}

fn column_table(columns: &[ColumnAbout], language: Language) -> Table {
    let mut table = Table::new(
        words("列", "columns"),
        &[
            ("行式", "rows", false),
            ("位置", "place", true),
            ("表头", "headings", false),
            ("内容", "holds", false),
            ("必填", "required", false),
            ("字节上限", "bytes", true),
            ("写法", "form", false),
        ],
    );
    for column in columns {
        let holds = match (&column.value, &column.set) {
            (Some(value), _) => format!("“{value}”"),
            (None, Some(name)) => format!("[values] {name}"),
            (None, None) => column.field.to_owned(),
        };
        let required = if column.is_required {
            said(language, "是", "yes")
        } else {
            ""
        };
        let number = |number: Option<usize>| number.map(|n| n.to_string()).unwrap_or_default();
        table.row([
            column.shape.clone(),
            number(column.place),
            column.headings.join(" / "),
            holds,
            required.to_owned(),
            number(column.bytes_max),
            column.form.clone(),
        ]);
    }
    table
}

fn use_names(usage: Use) -> (&'static str, &'static str) {
    match usage {
        Use::Batch => ("batch", "代发"),
        Use::Return => ("return", "回盘"),
        Use::Statement => ("statement", "对账单"),
    }
}

fn inspect(file: &Path, wanted: Option<&str>, limit: i64, desk: &Desk) -> Result<Report, Error> {
    let (name, bytes) = desk.read(file)?;
    let known = desk.profiles()?;
    let wanted = wanted
        .map(|wanted| named(wanted, &known, desk))
        .transpose()?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    inspect_bytes((&name, &bytes), &known, wanted, limit, desk.language())
}

/// Which layout a file has, or the one that is wanted; its lines masked, its totals, its findings.
///
/// # Errors
/// `FileUndetected` when no layout fits and none is wanted.
pub(crate) fn inspect_bytes(
    (name, bytes): (&str, &[u8]),
    known: &[Profile],
    wanted: Option<Profile>,
    limit: usize,
    language: Language,
) -> Result<Report, Error> {
    let fitting: Vec<Candidate<'_>> = candidates(known, bytes);
    let chosen = match wanted {
        Some(wanted) => wanted,
        None => fitting
            .first()
            .ok_or_else(|| Problem::new(Kind::FileUndetected))?
            .profile
            .clone(),
    };
    let inspected = match chosen.usage {
        Use::Batch => batch(&chosen, name, bytes, limit)?,
        Use::Return => answers(&chosen, bytes, limit)?,
        Use::Statement => movements(&chosen, bytes, limit)?,
    };
    let sha256 = hex::encode(&hex::document_hash(bytes));
    let ids: Vec<&str> = fitting.iter().map(|fit| fit.profile.id.as_str()).collect();
    let fits: Vec<Value> = fitting.iter().map(|fit| fit_json(fit, language)).collect();
    let head = json!({
        "file": name,
        "sha256": sha256,
        "profile": chosen.id,
        "profile_name": name_of(&chosen, language),
        "source": chosen.source,
        "layout_warnings": warnings(&chosen, language),
        "candidates": ids,
        "fits": fits,
    });
    Ok(lay_out(head, inspected, language))
}

fn fit_json(fit: &Candidate<'_>, language: Language) -> Value {
    let (zh, en) = fit.why();
    json!({
        "profile": fit.profile.id, "score": fit.score, "why": said(language, &zh, &en),
    })
}

fn said<'a>(language: Language, zh: &'a str, en: &'a str) -> &'a str {
    match language {
        Language::Zh => zh,
        Language::En => en,
    }
}

/// Why each layout may be that of the file, the best first.
fn fit_table(fits: &Value) -> Table {
    let mut table = Table::new(
        words("可能的格式", "possible layouts"),
        &[("格式", "layout", false), ("理由", "why", false)],
    );
    for fit in fits.as_array().into_iter().flatten() {
        let text = |name: &str| fit[name].as_str().unwrap_or_default().to_owned();
        table.row([text("profile"), text("why")]);
    }
    table
}

/// The layout with this name, or the one that a TOML file defines.
fn named(wanted: &str, known: &[Profile], desk: &Desk) -> Result<Profile, Error> {
    if wanted.ends_with(".toml") {
        let (origin, text) = desk.read_text(Path::new(wanted))?;
        return Profile::parse(&text, &origin).map_err(|findings| Error::Refused {
            problem: Box::new(Problem::new(Kind::FileRejected).with("count", findings.len())),
            findings,
        });
    }
    let found = known.iter().find(|profile| profile.id == wanted);
    Ok(found
        .cloned()
        .ok_or_else(|| Problem::new(Kind::ProfileUnknown).with("name", wanted))?)
}

fn lay_out(head: Value, inspected: Inspected, language: Language) -> Report {
    let shown = inspected.rows.len();
    let blocked = is_blocked(&inspected.findings);
    let mut json = match head {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    json.extend(inspected.facts);
    let mut facts = Value::Object(json.clone());
    let fits = fit_table(&facts["fits"]);
    if let Some(fields) = facts.as_object_mut() {
        fields.remove("fits");
        fields.insert("count".into(), inspected.count.into());
        fields.insert("findings".into(), inspected.findings.len().into());
        fields.insert("usable".into(), (!blocked).into());
    }
    let findings: Vec<Value> = inspected
        .findings
        .iter()
        .map(|finding| failure::finding_json(finding, language))
        .collect();
    json.insert("count".into(), inspected.count.into());
    json.insert("shown".into(), shown.into());
    json.insert("usable".into(), (!blocked).into());
    json.insert("lines".into(), inspected.rows.into());
    json.insert("findings".into(), findings.into());
    let mut about = super::render::answer_table(&facts, language);
    about.title = words("文件", "file");
    let mut tables = vec![
        about,
        inspected.lines,
        finding_table(&inspected.findings, language),
    ];
    if fits.rows.len() > 1 {
        tables.insert(1, fits);
    }
    let found = inspected
        .findings
        .iter()
        .any(|finding| finding.severity > Severity::Note);
    Report {
        json: Value::Object(json),
        tables,
        found,
    }
}

fn finding_table(findings: &[Finding], language: Language) -> Table {
    let mut table = Table::new(
        words("问题", "findings"),
        &[
            ("代码", "code", false),
            ("程度", "severity", false),
            ("位置", "where", false),
            ("说明", "what", false),
        ],
    );
    for finding in findings {
        let severity = match finding.severity {
            Severity::Note => said(language, "提示", "note"),
            Severity::Warning => said(language, "警告", "warning"),
            Severity::Blocking => said(language, "错误", "blocking"),
        };
        let place = failure::place_text(&finding.place, language).unwrap_or_default();
        let sentence = failure::sentence(finding, language);
        table.row([
            finding.code.to_owned(),
            severity.to_owned(),
            place,
            sentence.to_owned(),
        ]);
    }
    table
}

/// The sum of the lines.
fn total(amounts: impl Iterator<Item = Fen>) -> Result<Fen, Error> {
    let mut sum = Fen::ZERO;
    for amount in amounts {
        sum = sum.plus(amount)?;
    }
    Ok(sum)
}

fn batch(
    profile: &Profile,
    file_name: &str,
    bytes: &[u8],
    limit: usize,
) -> Result<Inspected, Error> {
    let (instructions, mut findings) = read_batch(profile, bytes);
    let sum = total(instructions.iter().map(|line| line.amount))?;
    let count = u64::try_from(instructions.len()).unwrap_or(u64::MAX);
    findings.extend(check_file_name(profile, file_name, count, sum));
    let mut lines = Table::new(
        words("代发明细(脱敏)", "instructions, masked"),
        &[
            ("顺序号", "sequence", true),
            ("明细键", "key", false),
            ("收款账号", "account", false),
            ("收款户名", "payee", false),
            ("金额(元)", "yuan", true),
            ("用途", "purpose", false),
        ],
    );
    let mut rows = Vec::new();
    for line in instructions.iter().take(limit) {
        let (account, payee) = (
            mask::account(&line.account_no),
            mask::name(&line.payee_name),
        );
        let (key, purpose) = (mask::free(&line.key), mask::free(&line.purpose));
        rows.push(json!({
            "sequence": line.sequence, "key": key, "account": account, "payee": payee,
            "amount_fen": line.amount.get(), "purpose": purpose,
        }));
        let amount = line.amount.grouped();
        lines.row([
            line.sequence.to_string(),
            key,
            account,
            payee,
            amount,
            purpose,
        ]);
    }
    let facts = Map::from_iter([("total_fen".to_owned(), sum.get().into())]);
    Ok(Inspected {
        facts,
        count: instructions.len(),
        lines,
        rows,
        findings,
    })
}

fn answers(profile: &Profile, bytes: &[u8], limit: usize) -> Result<Inspected, Error> {
    let (file, findings) = read_return(profile, bytes);
    let mut lines = answer_table();
    let mut rows = Vec::new();
    for line in file.lines.iter().take(limit) {
        let (account, payee) = (
            mask::account(&line.account_no),
            mask::name(&line.payee_name),
        );
        let key = line.key.as_deref().map(mask::free);
        let (code, name) = outcome_names(line.outcome);
        let reason = mask::free(&line.reason_text);
        rows.push(json!({
            "line": line.line, "key": key, "account": account, "payee": payee,
            "amount_fen": line.amount.get(), "outcome": code, "reason": reason,
        }));
        let (key, amount) = (key.unwrap_or_default(), line.amount.grouped());
        let outcome = format!("{name} {code}");
        lines.row([
            line.line.to_string(),
            key,
            account,
            payee,
            amount,
            outcome,
            reason,
        ]);
    }
    let mut facts = Map::new();
    facts.insert(
        "batch".into(),
        file.batch_no.as_deref().map(mask::free).into(),
    );
    facts.insert("stated_count".into(), file.stated_count.into());
    facts.insert(
        "stated_total_fen".into(),
        file.stated_total.map(Fen::get).into(),
    );
    facts.insert(
        "total_fen".into(),
        total(file.lines.iter().map(|line| line.amount))?
            .get()
            .into(),
    );
    for outcome in [Answer::Paid, Answer::Failed, Answer::Pending] {
        let of = || file.lines.iter().filter(|line| line.outcome == outcome);
        let (code, _) = outcome_names(outcome);
        facts.insert(code.into(), of().count().into());
        facts.insert(
            format!("{code}_fen"),
            total(of().map(|line| line.amount))?.get().into(),
        );
    }
    Ok(Inspected {
        facts,
        count: file.lines.len(),
        lines,
        rows,
        findings,
    })
}

fn answer_table() -> Table {
    Table::new(
        words("回盘明细(脱敏)", "answers, masked"),
        &[
            ("行", "line", true),
            ("明细键", "key", false),
            ("收款账号", "account", false),
            ("收款户名", "payee", false),
            ("金额(元)", "yuan", true),
            ("结果", "outcome", false),
            ("原因", "reason", false),
        ],
    )
}

fn outcome_names(outcome: Answer) -> (&'static str, &'static str) {
    match outcome {
        Answer::Paid => ("paid", "成功"),
        Answer::Failed => ("failed", "失败"),
        Answer::Pending => ("pending", "待定"),
        Answer::Refunded => ("refunded", "退款"),
    }
}

fn movements(profile: &Profile, bytes: &[u8], limit: usize) -> Result<Inspected, Error> {
    let (file, findings) = read_statement(profile, bytes);
    let mut lines = Table::new(
        words("对账单明细(脱敏)", "movements, masked"),
        &[
            ("行", "line", true),
            ("日期", "date", false),
            ("金额(元)", "yuan", true),
            ("余额(元)", "balance", true),
            ("摘要", "summary", false),
            ("对方户名", "counterparty", false),
            ("对方账号", "account", false),
        ],
    );
    let mut rows = Vec::new();
    for line in file.lines.iter().take(limit) {
        let account = mask::account(&line.counterparty_account);
        let (name, summary) = (
            mask::name(&line.counterparty_name),
            mask::free(&line.summary),
        );
        rows.push(json!({
            "line": line.line, "date": line.date.to_string(), "amount_fen": line.amount.get(),
            "balance_fen": line.balance.map(Fen::get), "summary": summary,
            "counterparty": name, "account": account,
        }));
        let balance = line.balance.map_or_else(|| "—".to_owned(), Fen::grouped);
        let (date, amount) = (line.date.to_string(), line.amount.grouped());
        lines.row([
            line.line.to_string(),
            date,
            amount,
            balance,
            summary,
            name,
            account,
        ]);
    }
    let moved = total(file.lines.iter().map(|line| line.amount))?;
    let facts = json!({
        "account": mask::account(&file.account_no),
        "from": file.from.to_string(),
        "to": file.to.to_string(),
        "opening_fen": file.opening.get(),
        "moved_fen": moved.get(),
        "closing_fen": file.closing.get(),
        "difference_fen": file.closing.minus(file.opening)?.minus(moved)?.get(),
    });
    let facts = facts.as_object().cloned().unwrap_or_default();
    Ok(Inspected {
        facts,
        count: file.lines.len(),
        lines,
        rows,
        findings,
    })
}
