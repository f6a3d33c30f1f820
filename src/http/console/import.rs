//! Inviting a list of people: what would become of each is shown first.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};
use serde_json::{Value, json};

use super::export::harmless;
use super::list::tenant_of;
use super::{INVITE_MANY, State, Visit};
use crate::words::{Key, Language};

/// `GET /console/import`.
#[handler]
pub(super) async fn show(request: &Request, Data(state): Data<&State>) -> Response {
    match Visit::known(state, request).await {
        Ok(visit) => visit.page("import.html", StatusCode::OK, None, json!({ "form": {} })).await,
        Err(response) => response,
    }
}

/// `POST /console/import`: looks at the list, or sends it.
#[handler]
pub(super) async fn import(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    let most = state.app.config.bulk_body_limit;
    let (visit, form) = match Visit::known_form_of(state, request, body, most).await {
        Ok(formed) => formed,
        Err(response) => return response,
    };
    let (list, sending) = (
        form.get("list").unwrap_or_default().to_owned(),
        form.get("step").is_some_and(|step| step == "send"),
    );
    let refused = async |problem: &str| {
        let shown = json!({ "form": { "list": list } });
        visit.page("import.html", StatusCode::UNPROCESSABLE_ENTITY, Some(problem), shown).await
    };
    let rows = match rows(visit.words, &list) {
        Ok(rows) if rows.is_empty() => return refused(&visit.words.say(Key("problem-list-empty"))).await,
        Ok(rows) => rows,
        Err(problem) => return refused(&problem).await,
    };
    let input = json!({ "tenantId": tenant_of(&visit), "rows": rows, "dryRun": !sending });
    let mut done = visit.run(INVITE_MANY, json!({ "input": input })).await;
    if let Some(problem) = &done.problem {
        return refused(problem).await;
    }
    let results = done.data["inviteMany"]["results"].take();
    let good = |row: &&Value| matches!(row["outcome"].as_str(), Some("WILL_INVITE" | "INVITED"));
    let good = results.as_array().map_or(0, |rows| rows.iter().filter(good).count());
    let file = outcomes(&results);
    let shown =
        json!({ "form": { "list": list }, "results": results, "good": good, "sent": sending, "file": file });
    visit.page("import.html", StatusCode::OK, None, shown).await
}

/// What became of each row, as a file that stands in the page itself (RFC 2397).
fn outcomes(results: &Value) -> Option<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["line", "email", "outcome", "message"]).ok()?;
    for row in results.as_array()? {
        let cell = |name: &str| harmless(row[name].as_str().unwrap_or_default());
        let line = (row["row"].as_u64().unwrap_or_default() + 1).to_string();
        writer.write_record([line, cell("email"), cell("outcome"), cell("message")]).ok()?;
    }
    Some(format!("data:text/csv;charset=utf-8;base64,{}", STANDARD.encode(writer.into_inner().ok()?)))
}

/// The rows of a list: address, name and role, with or without a first line that names them.
fn rows(words: &Language, list: &str) -> Result<Vec<Value>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(list.trim_start_matches('\u{feff}').as_bytes());
    let mut rows = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|error| {
            words.text(Key("problem-list-unreadable"), &[("error", error.to_string().into())])
        })?;
        let field = |at: usize| record.get(at).filter(|text| !text.is_empty());
        let titled = index == 0 && field(0).is_some_and(|first| first.eq_ignore_ascii_case("email"));
        let Some(email) = field(0).filter(|_| !titled) else { continue };
        if record.len() > 3 {
            return Err(words.text(Key("problem-list-columns"), &[("line", (index + 1).into())]));
        }
        rows.push(json!({ "email": email, "name": field(1), "roleKey": field(2).unwrap_or("member") }));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_with_and_without_titles() {
        let words = crate::words::Words::load(None).unwrap();
        let english = words.default_language();
        let ann = json!({ "email": "ann@x.test", "name": "Ann, the first", "roleKey": "admin" });
        let bob = json!({ "email": "bob@x.test", "name": null, "roleKey": "member" });
        for list in [
            "ann@x.test,\"Ann, the first\",admin\nbob@x.test",
            "\u{feff}Email,Name,Role\r\nann@x.test ,\"Ann, the first\", admin\r\n\r\nbob@x.test,,\r\n",
        ] {
            assert_eq!(rows(english, list).unwrap(), [ann.clone(), bob.clone()], "{list}");
        }
        assert!(rows(english, "a@x.test,b,c,d").is_err());
        assert_eq!(rows(english, "\n \n").unwrap(), [Value::Null; 0]);
    }
}
