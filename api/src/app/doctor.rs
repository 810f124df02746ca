//! The self-check: is this installation able to keep the promises of the books?

use ledger_store::boxed;
use ledger_store::dialect::Engine;
use ledger_store::{book, migrate, report as figures};
use serde_json::{Value, json};

use super::view::{Report, Table, Words, words};
use super::{App, Error};

/// One thing that was looked at.
struct Finding {
    what: Words,
    value: String,
    ok: bool,
    /// What to do when it is not well.
    advice: Words,
}

/// Looks at the version of the schema, how safely the engine writes, whether it refuses to alter
/// what is append-only, and the head of each book. Something wrong is exit status 3.
///
/// # Errors
/// Accidents of the store.
#[boxed]
pub async fn doctor(app: &App) -> Result<Report, Error> {
    let mut findings = Vec::new();
    let known = migrations::ALL.last().map_or(0, |last| last.version);
    let found = migrate::schema_version(&app.db).await?;
    findings.push(Finding {
        what: words("数据库版本", "schema version"),
        value: format!("{} / {known}", found.unwrap_or(0)),
        ok: found == Some(known),
        advice: words("运行 huimin init", "run huimin init"),
    });
    durability(app, &mut findings).await?;
    surroundings(app, &mut findings);
    if found.is_some() {
        guards(app, &mut findings).await?;
        heads(app, &mut findings).await?;
        side_file(app, &mut findings).await?;
        clock(app, &mut findings).await?;
    }
    Ok(report(app, &findings))
}

fn report(app: &App, findings: &[Finding]) -> Report {
    let engine = match app.db.engine() {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
    };
    let found = findings.iter().any(|finding| !finding.ok);
    let mut table = Table::new(
        words(format!("自检 {engine}"), format!("self-check {engine}")),
        &[
            ("项目", "item", false),
            ("现状", "state", false),
            ("结果", "result", false),
            ("怎么办", "what to do", false),
        ],
    );
    for finding in findings {
        let advice = match finding.ok {
            true => String::new(),
            false => format!("{} / {}", finding.advice.zh, finding.advice.en),
        };
        table.row([
            format!("{} / {}", finding.what.zh, finding.what.en),
            finding.value.clone(),
            if finding.ok {
                "正常 ok"
            } else {
                "有问题 not ok"
            }
            .to_owned(),
            advice,
        ]);
    }
    let json = json!({
        "ok": !found,
        "engine": engine,
        "findings": findings.iter().map(finding_json).collect::<Value>(),
    });
    Report {
        json,
        tables: vec![table],
        found,
    }
}

fn finding_json(finding: &Finding) -> Value {
    let advice = (!finding.ok).then(|| json!({ "zh": finding.advice.zh, "en": finding.advice.en }));
    json!({
        "what": { "zh": finding.what.zh, "en": finding.what.en },
        "value": finding.value,
        "ok": finding.ok,
        "advice": advice,
    })
}

/// What a setting must be for a commit to survive a loss of power; settings without a demand are
/// shown only.
fn safe(setting: &str, value: &str) -> bool {
    match setting {
        "foreign_keys" => value == "1",
        "journal_mode" => ["wal", "delete", "truncate", "persist", "memory"].contains(&value),
        // 2 is FULL, 3 EXTRA (https://www.sqlite.org/pragma.html#pragma_synchronous).
        "synchronous" => ["2", "3"].contains(&value),
        "fsync" | "full_page_writes" => value == "on",
        "synchronous_commit" => !["off", "local"].contains(&value),
        _ => true,
    }
}

async fn durability(app: &App, findings: &mut Vec<Finding>) -> Result<(), Error> {
    let mut tx = app.db.begin_read().await?;
    let settings = figures::durability(&mut tx).await?;
    tx.rollback().await?;
    for (setting, value) in settings {
        findings.push(Finding {
            what: words("引擎设置", setting.clone()),
            ok: safe(&setting, &value),
            value,
            advice: words(
                "断电可能丢失已确认的数据:改回安全的设置",
                "a loss of power may lose what was confirmed: set it back to the safe value",
            ),
        });
    }
    Ok(())
}

/// The font that paper needs, and the layouts of the banks.
fn surroundings(app: &App, findings: &mut Vec<Finding>) {
    let font = crate::print::font(None);
    findings.push(Finding {
        what: words("能印中文的字体", "a font that prints Chinese"),
        value: if font.is_ok() {
            "有 found"
        } else {
            "没有 none"
        }
        .to_owned(),
        ok: font.is_ok(),
        advice: words(
            "安装字体(Debian:apt-get install fonts-noto-cjk)",
            "install one (on Debian: apt-get install fonts-noto-cjk)",
        ),
    });
    findings.push(Finding {
        what: words("银行格式", "bank layouts"),
        value: app.profiles.len().to_string(),
        ok: !app.profiles.is_empty(),
        advice: words("重新安装本程序", "install the program again"),
    });
}

/// Does the database know of everything that went to a bank?
async fn side_file(app: &App, findings: &mut Vec<Finding>) -> Result<(), Error> {
    let Some(side) = &app.side else {
        findings.push(Finding {
            what: words("已签发批次的旁存文件", "side file of released batches"),
            value: "没有 none".to_owned(),
            ok: false,
            advice: words(
                "用 --side-file 或 HUIMIN_SIDE_FILE 指明,放在另一块盘上",
                "name one with --side-file or HUIMIN_SIDE_FILE, on another disk",
            ),
        });
        return Ok(());
    };
    let mut tx = app.db.begin_read().await?;
    for book in book::books(&mut tx).await? {
        let missing = super::side::missing(app, &mut tx, &book).await?;
        let numbers: Vec<&str> = missing.iter().map(|one| one.batch.as_str()).collect();
        findings.push(Finding {
            what: words(
                format!("账套 {} 与旁存文件 {}", book.code, side.path().display()),
                format!("book {} and its side file", book.code),
            ),
            value: match numbers.is_empty() {
                true => "一致 agree".to_owned(),
                false => format!("缺 missing {}", numbers.join(", ")),
            },
            ok: numbers.is_empty(),
            advice: words(
                "数据库比发出的文件旧:恢复更新的备份,或按原次序重做到签发",
                "the database is older than what was sent: restore a newer backup, \
                or do the same again up to the release",
            ),
        });
    }
    Ok(tx.rollback().await?)
}

/// Is the clock behind what was recorded last?
async fn clock(app: &App, findings: &mut Vec<Finding>) -> Result<(), Error> {
    let now = app.clock.now();
    let mut tx = app.db.begin_read().await?;
    for book in book::books(&mut tx).await? {
        let (size, _) = figures::head(&mut tx, book.id).await?;
        let last = ledger_store::trace::entries(&mut tx, book.id, size, 1).await?;
        let Some((_, bytes)) = last.first() else {
            continue;
        };
        let Ok(entry) = ledger::audit::entry::Entry::from_bytes(bytes) else {
            continue;
        };
        findings.push(Finding {
            what: words(
                format!("时钟与账套 {} 的最后一条记录", book.code),
                format!("the clock and the last entry of book {}", book.code),
            ),
            value: format!("{now} / {}", entry.time),
            ok: now >= entry.time,
            advice: words(
                "机器的时钟慢了:校时(timedatectl)",
                "the clock of the machine is behind: set it (timedatectl)",
            ),
        });
    }
    Ok(tx.rollback().await?)
}

/// Do the triggers exist, and does the database really refuse?
async fn guards(app: &App, findings: &mut Vec<Finding>) -> Result<(), Error> {
    let mut tx = app.db.begin_read().await?;
    let unguarded = figures::unguarded_tables(&mut tx).await?;
    let books = book::books(&mut tx).await?;
    tx.rollback().await?;
    findings.push(Finding {
        what: words("只增不改的触发器", "append-only triggers"),
        value: match unguarded.is_empty() {
            true => "齐全 all there".to_owned(),
            false => unguarded.join(", "),
        },
        ok: unguarded.is_empty(),
        advice: words(
            "这些表的保护被拿掉了:查明是谁,并核对审计轨迹",
            "the protection of these tables was taken off: find out by whom, and verify the trail",
        ),
    });
    for book in books {
        let mut tx = app.db.begin_write().await?;
        let refused = figures::refuses_to_alter(&mut tx, book.id).await;
        tx.rollback().await?;
        let refused = refused?;
        findings.push(Finding {
            what: words(
                format!("账套 {} 拒绝改动审计记录", book.code),
                format!("book {} refuses to alter audit entries", book.code),
            ),
            value: if refused {
                "拒绝 refused"
            } else {
                "未拒绝 allowed"
            }
            .to_owned(),
            ok: refused,
            advice: words(
                "恢复触发器并核对审计轨迹",
                "restore the triggers and verify the trail",
            ),
        });
    }
    Ok(())
}

async fn heads(app: &App, findings: &mut Vec<Finding>) -> Result<(), Error> {
    let mut tx = app.db.begin_read().await?;
    for book in book::books(&mut tx).await? {
        let head = figures::head(&mut tx, book.id).await.ok();
        findings.push(Finding {
            what: words(
                format!("账套 {} 的链头", book.code),
                format!("head of book {}", book.code),
            ),
            value: head.as_ref().map_or_else(
                || "没有 none".to_owned(),
                |(size, root)| format!("{size}:{}", ledger_store::verify::short_root(root)),
            ),
            ok: head.is_some_and(|(size, _)| size > 0),
            advice: words(
                "从备份恢复,并用外存的链头核对",
                "restore a backup and verify it \
                against a head kept elsewhere",
            ),
        });
    }
    Ok(tx.rollback().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_settings_are_told() {
        for (setting, value, ok) in [
            ("synchronous", "2", true),
            ("synchronous", "1", false),
            ("journal_mode", "wal", true),
            ("journal_mode", "off", false),
            ("fsync", "off", false),
            ("synchronous_commit", "on", true),
            ("version", "3", true),
        ] {
            assert_eq!(safe(setting, value), ok, "{setting} {value}");
        }
    }
}
