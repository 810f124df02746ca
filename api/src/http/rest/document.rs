//! The OpenAPI document: what the handlers say of themselves, and what holds for all of them.
//!
//! A handler names its address, parameters, body and `x-may`: the action that it takes, or several
//! of which one is enough, or `signed-in`, `password`, `as-the-job`. From that follow here the
//! roles that may, the header of the key, `dry_run`, forms, pages, answers and problems.

use ledger::disbursement::role::{Action, Role, allowed};
use serde_json::{Map, Value, json};

/// What cannot be rehearsed: a token is asked for with a password and gives a secret, and a
/// session has ended or has not.
const NO_REHEARSAL: [&str; 2] = ["token.add", "session.end"];
/// The statuses of problems, and what they mean.
const PROBLEMS: [(u16, &str); 11] = [
    (
        400,
        "不能读的请求 A field, body or query that cannot be read",
    ),
    (401, "没有有效的令牌 No valid token"),
    (
        403,
        "没有角色,或须另一人办理 A role is missing, or another person is needed",
    ),
    (404, "找不到 Not found"),
    (
        409,
        "与现状不符,或键已用于另一内容 It does not fit the present state, or the key was used",
    ),
    (413, "内容太大 Too large"),
    (422, "文件或内容有错 The content has faults"),
    (423, "已结账 The month or year is closed"),
    (429, "请求太多 Too many requests"),
    (500, "程序内部错误 An internal error"),
    (503, "暂不能服务 Not ready"),
];

/// The document as it is served.
pub fn text() -> String {
    serde_json::to_string_pretty(&document()).unwrap_or_default() + "\n"
}

/// The document.
pub fn document() -> Value {
    let made = super::operations().into_openapi();
    let mut document = serde_json::to_value(made).unwrap_or_default();
    document["info"] = json!({
        "title": "惠民账 Huimin Ledger", "version": "1",
        "description": "社会救助资金发放、对账与审计的接口。规则见 api/docs/rest.md。\n\n\
            Social assistance paid, reconciled, proved. House rules: api/docs/rest.md.",
        "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
    });
    document["servers"] = json!([{ "url": "/" }]);
    document["security"] = json!([{ "token": [] }]);
    let components = &mut document["components"];
    components["securitySchemes"] = json!({ "token": { "type": "http", "scheme": "bearer",
        "description": "POST /api/v1/tokens, `huimin token add`" } });
    components["responses"] = problems();
    components["schemas"]["Problem"] = problem_schema();
    components["schemas"]["Done"] = done_schema();
    components["schemas"]["Document"] = json!({ "type": "object", "additionalProperties": true });
    let paths = document["paths"].as_object_mut();
    for (path, item) in paths.into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            complete(path, method, operation);
        }
    }
    document
}

/// Whether an operation changes something.
fn changes(method: &str, operation: &Value) -> bool {
    method != "get" && operation["x-reads"] != true
}

fn complete(path: &str, method: &str, operation: &mut Value) {
    let id = operation["operationId"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let tag = path
        .trim_start_matches("/api/v1/")
        .split('/')
        .next()
        .unwrap_or_default();
    operation["tags"] = json!([tag]);
    let may = operation["x-may"].as_str().unwrap_or_default().to_owned();
    if let Some(roles) = roles(&may) {
        let codes: Vec<&str> = roles.iter().map(|role| role.code()).collect();
        let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
        operation["x-roles"] = json!(codes);
        operation["description"] = format!("{}({})", names.join("、"), codes.join(", ")).into();
    }
    if may == "password" {
        operation["security"] = json!([]);
    }
    let mut parameters = operation["parameters"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    parameters.extend(common_parameters(&id, method, operation));
    operation["parameters"] = parameters.into();
    operation["responses"] = responses(method, operation);
}

/// The roles of whom one is needed; none when it depends on more than roles.
pub fn roles(may: &str) -> Option<Vec<Role>> {
    match may {
        "password" | "as-the-job" => None,
        "signed-in" => Some(Role::ALL.to_vec()),
        actions => {
            let actions = actions.split(' ').filter_map(Action::from_code);
            let allowed: Vec<Role> = actions.flat_map(allowed).copied().collect();
            let all = Role::ALL.iter().copied();
            Some(all.filter(|role| allowed.contains(role)).collect())
        }
    }
}

fn common_parameters(id: &str, method: &str, operation: &Value) -> Vec<Value> {
    let parameter = |name: &str, place: &str, schema: Value, text: &str| json!({ "name": name, "in": place, "schema": schema, "description": text });
    let mut list = vec![parameter(
        "Accept-Language",
        "header",
        json!({ "type": "string" }),
        "zh 或 en zh or en",
    )];
    if changes(method, operation) {
        if operation["x-may"] != "password" {
            let text = "操作键:同键重复只办一次 The same key is done only once";
            list.push(parameter(
                "Idempotency-Key",
                "header",
                json!({ "type": "string" }),
                text,
            ));
        }
        if !NO_REHEARSAL.contains(&id) {
            let text = "只预演:答复照常,然后撤销 A rehearsal: answered, then undone";
            list.push(parameter(
                "dry_run",
                "query",
                json!({ "type": "boolean" }),
                text,
            ));
        }
    } else if operation["x-file"] != true && operation["x-events"] != true {
        let forms = json!({ "type": "string", "enum": ["json", "ndjson", "csv", "xlsx", "pdf"] });
        let text = match operation["x-pages"] == true {
            true => {
                "答复的形式;ndjson 与 csv 给出其后全部 Form; ndjson and csv give all that follows"
            }
            false => "答复的形式 Form of the answer",
        };
        list.push(parameter("format", "query", forms, text));
    }
    if operation["x-job"] == true {
        let text = "respond-async:作为任务办理,答 202 As a job: 202";
        list.push(parameter(
            "Prefer",
            "header",
            json!({ "type": "string" }),
            text,
        ));
    }
    list
}

fn responses(method: &str, operation: &Value) -> Value {
    let content = |kind: &str, schema: Value| json!({ kind: { "schema": schema } });
    let of = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let binary = json!({ "type": "string", "format": "binary" });
    let (text, content) = if operation["x-events"] == true {
        (
            "事件 Events",
            content("text/event-stream", json!({ "type": "string" })),
        )
    } else if operation["x-file"] == true {
        ("文件 The file", content("application/octet-stream", binary))
    } else if changes(method, operation) {
        ("已办 Done", content("application/json", of("Done")))
    } else {
        (
            "答复 The answer",
            content("application/json", of("Document")),
        )
    };
    let mut all = Map::new();
    all.insert(
        "200".into(),
        json!({ "description": text, "content": content }),
    );
    if operation["x-job"] == true {
        let job = json!({ "description": "任务已排队,地址在 Location Queued; see Location",
            "content": { "application/json": { "schema": of("Document") } } });
        all.insert("202".into(), job);
    }
    if method == "get" && operation["x-events"] != true {
        all.insert(
            "304".into(),
            json!({ "description": "没有变化 Not changed" }),
        );
    }
    for (status, _) in PROBLEMS {
        let place = json!({ "$ref": format!("#/components/responses/{status}") });
        all.insert(status.to_string(), place);
    }
    Value::Object(all)
}

fn problems() -> Value {
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    let one = |(status, text): &(u16, &str)| {
        let content = json!({ "application/problem+json": { "schema": schema } });
        (
            status.to_string(),
            json!({ "description": text, "content": content }),
        )
    };
    Value::Object(PROBLEMS.iter().map(one).collect())
}

fn problem_schema() -> Value {
    let text = || json!({ "type": "string" });
    let both = json!({ "type": "object",
        "properties": { "title": text(), "next": text() }, "required": ["title", "next"] });
    json!({
        "type": "object", "description": "RFC 9457",
        "required": ["type", "title", "status", "code", "next", "zh", "en"],
        "properties": {
            "type": text(), "title": text(), "status": { "type": "integer" }, "code": text(),
            "detail": text(), "next": text(), "where": { "type": ["object", "null"] },
            "values": { "type": "object" }, "zh": both, "en": both,
            "findings": { "type": "array", "items": { "type": "object" } },
        },
    })
}

fn done_schema() -> Value {
    json!({
        "type": "object", "additionalProperties": true, "required": ["replay", "audit"],
        "properties": {
            "replay": { "type": "boolean" }, "dry_run": { "type": "boolean" },
            "audit": { "type": ["object", "null"], "properties": {
                "sequence": { "type": "integer" }, "root": { "type": "string" } } },
        },
    })
}
