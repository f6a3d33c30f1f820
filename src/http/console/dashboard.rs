//! What stands in a tenant, in figures that lead to the lists behind them.

use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};
use serde_json::{Value, json};

use super::list::{SOON, tenant_of};
use super::{DASHBOARD, State, Visit, see};
use crate::http::captures_mail;
use crate::words::{Key, Language};

/// `GET /console`. Who speaks for no tenant chooses one first.
#[handler]
pub(super) async fn show(request: &Request, Data(state): Data<&State>) -> Response {
    let visit = match Visit::known(state, request).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let viewer = visit.viewer().await;
    let (Some(tenant), false) = (tenant_of(&visit), viewer["activeMembership"].is_null()) else {
        return see("/login/tenant");
    };
    let may = |right: &str| viewer["activeMembership"]["tenant"]["viewerCan"][right] == true;
    let variables = json!({
        "tenant": tenant, "soon": (state.app.clock.now() + SOON).to_rfc3339(),
        "invite": may("invite"), "resets": may("approveResets"), "events": may("viewEvents"),
    });
    let found = visit.run(DASHBOARD, variables).await;
    if let Some(problem) = found.problem {
        return visit.failed(found.status, &problem);
    }
    let data = found.data;
    let count = |value: &Value| value["totalCount"].as_u64();
    let figures: Vec<Value> = [
        ("pending", Key("figure-pending"), "/console/invitations"),
        ("expiring", Key("figure-expiring"), "/console/invitations?status=EXPIRING"),
        ("failed", Key("figure-failed"), "/console/invitations?status=FAILED"),
        ("resetRequests", Key("figure-resets"), "/console/resets?status=REQUESTED"),
    ]
    .into_iter()
    .filter_map(|(name, title, href)| {
        let count = count(&data[name])?;
        Some(json!({ "count": count, "title": visit.words.say(title), "href": href, "name": name }))
    })
    .chain(count(&data["tenant"]["members"]).map(|count| {
        let (title, roles) = (visit.words.say(Key("figure-members")), by_role(visit.words, count, &data["tenant"]));
        json!({ "count": count, "title": title, "href": "/console/members", "name": "members", "more": roles })
    }))
    .collect();
    let total = |name: &str| count(&data[name]).unwrap_or_default();
    // The first steps, until all of them are taken.
    let begun = json!({
        "invited": total("pending") + total("accepted") > 0,
        "accepted": total("accepted") > 0,
        "second": count(&data["tenant"]["members"]).unwrap_or_default() > 1,
    });
    let captured = captures_mail(&state.app.config);
    let shown = json!({ "figures": figures, "events": data["events"]["nodes"], "begun": begun, "captured": captured });
    visit.page("dashboard.html", StatusCode::OK, None, shown).await
}

/// How many of a tenant's members have each of the built-in roles, and a role of the tenant's own.
fn by_role(language: &Language, all: u64, tenant: &Value) -> String {
    let mut others = all;
    let mut words = Vec::new();
    let roles =
        [("owner", Key("count-owners")), ("admin", Key("count-admins")), ("member", Key("count-members"))];
    for (role, counted) in roles {
        let count = tenant[role]["totalCount"].as_u64().unwrap_or_default();
        others = others.saturating_sub(count);
        if count > 0 {
            words.push(language.text(counted, &[("n", count.into())]));
        }
    }
    if others > 0 {
        words.push(language.text(Key("count-others"), &[("n", others.into())]));
    }
    words.join(", ")
}
