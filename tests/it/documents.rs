//! Which documents are executed: limits, codes, introspection.

use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp, json_post};

#[tokio::test]
async fn syntax_validation_operation_and_variables_have_codes_of_their_own() {
    let app = TestApp::new().await;
    for (body, code) in [
        (json!({ "query": "{ me " }), "GRAPHQL_PARSE_FAILED"),
        (json!({ "query": "" }), "GRAPHQL_PARSE_FAILED"),
        (json!({ "query": "{ nothing }" }), "GRAPHQL_VALIDATION_FAILED"),
        (json!({ "query": "{ me { id } me: __typename }" }), "GRAPHQL_VALIDATION_FAILED"),
        (json!({ "query": "query A { me { id } } query B { me { id } }" }), "OPERATION_RESOLUTION_FAILURE"),
        (json!({ "query": "query A { me { id } }", "operationName": "B" }), "OPERATION_RESOLUTION_FAILURE"),
        (json!({ "query": "query A($t: String!) { invitation(token: $t) { email } }" }), "BAD_USER_INPUT"),
        (
            json!({ "query": "query A($t: String!) { invitation(token: $t) { email } }", "variables": { "t": 7 } }),
            "BAD_USER_INPUT",
        ),
    ] {
        let reply = json_post(&app, &body.to_string()).await.json();
        assert_eq!(reply["errors"][0]["extensions"]["code"], code, "{body}: {reply}");
        assert!(reply.get("data").is_none());
    }
    let named = json!({ "query": "query A { me { id } } query B { __typename }", "operationName": "B" });
    assert_eq!(
        json_post(&app, &named.to_string()).await.json(),
        json!({ "data": { "__typename": "Query" } })
    );
}

#[tokio::test]
async fn t5_one_document_holds_one_mutation_with_a_secret() {
    let app = TestApp::new().await;
    app.owner().await;
    let before = app.app.hasher.verifications();
    let login = |n: usize| {
        format!(
            "a{n}: login(input: {{ email: \"owner@acme.test\", password: \"guess {n}\" }}) {{ userErrors {{ code }} }}"
        )
    };
    let aliased: Vec<String> = (0..9).map(login).collect();
    let fragments = format!(
        "mutation {{ ...F ...G }} fragment F on Mutation {{ {} }} fragment G on Mutation {{ {} }}",
        login(1),
        login(2)
    );
    let mixed = format!(
        "mutation {{ {} refresh(input: {{ refreshToken: \"x\" }}) {{ userErrors {{ code }} }} }}",
        login(1)
    );
    let aliases_200: Vec<String> = (0..200).map(login).collect();
    for query in [
        format!("mutation {{ {} }}", aliased.join(" ")),
        fragments,
        mixed,
        format!("mutation {{ {} }}", aliases_200.join(" ")),
    ] {
        let reply = json_post(&app, &json!({ "query": query }).to_string()).await.json();
        let code = reply["errors"][0]["extensions"]["code"].as_str().unwrap();
        assert!(["QUERY_TOO_COMPLEX", "GRAPHQL_PARSE_FAILED"].contains(&code), "{reply}");
    }
    assert_eq!(app.app.hasher.verifications(), before, "nothing was tried");
}

#[tokio::test]
async fn t53_documents_that_cost_too_much_are_refused() {
    let app = TestApp::with(&["--body-limit=2000000"]).await;
    let deep = {
        let mut query = "id".to_owned();
        for _ in 0..11 {
            query = format!("tenant {{ roles {{ {query} }} }}")
                .replace("roles { tenant", "roles { id } slug ...on Tenant { id } tenant");
        }
        format!("{{ me {{ memberships {{ {query} }} }} }}")
    };
    let nested = "{ me { memberships { tenant { roles { id } } user { id } } invitations { tenant { roles { id } } role { id } } } }";
    let wide = format!("{{ me {{ {} }} }}", "id name ".repeat(300));
    let aliases: String = (0..40).map(|n| format!("a{n}: name ")).collect();
    let roots: String = (0..11).map(|n| format!("a{n}: __typename ")).collect();
    let directives = format!("{{ me {{ id {} }} }}", "@include(if: true) ".repeat(6));
    let mut bomb = "query { ...F0 } ".to_owned();
    for n in 0..24 {
        bomb.push_str(&format!("fragment F{n} on Query {{ ...F{0} ...F{0} }} ", n + 1));
    }
    bomb.push_str("fragment F24 on Query { me { id } }");
    let mut spread = "query { me { ...F0 } } ".to_owned();
    for n in 0..7 {
        spread.push_str(&format!("fragment F{n} on Viewer {{ {} }} ", format!("...F{} ", n + 1).repeat(10)));
    }
    spread.push_str("fragment F7 on Viewer { id }");
    let cycle = "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }".to_owned();
    let tokens = format!("{{ me {{ {} }} }}", "id ".repeat(5_000));
    let recursion = format!("{{ me {} {} }}", "{ a ".repeat(500), "}".repeat(500));
    for (what, query) in [
        ("deep", deep),
        ("wide", wide),
        ("aliases", format!("{{ me {{ {aliases} }} }}")),
        ("roots", format!("{{ me {{ id }} {roots} }}")),
        ("typenames", format!("{{ {roots} }}")),
        (
            "schemas",
            format!(
                "{{ {} }}",
                (0..12).map(|n| format!("a{n}: __schema {{ types {{ name }} }} ")).collect::<String>()
            ),
        ),
        ("directives", directives),
        ("bomb", bomb),
        ("spread", spread),
        ("cycle", cycle),
        ("tokens", tokens),
        ("recursion", recursion),
    ] {
        let reply = json_post(&app, &json!({ "query": query }).to_string()).await.json();
        assert!(reply.get("data").is_none(), "{what}: {reply}");
        assert!(reply["errors"].as_array().unwrap().len() <= 5, "{what}");
    }
    let reply = json_post(&app, &json!({ "query": nested }).to_string()).await.json();
    assert_eq!(reply, json!({ "data": { "me": null } }), "what screens need passes");
    let strict = TestApp::with(&["--max-depth=3"]).await;
    let reply = json_post(&strict, &json!({ "query": nested }).to_string()).await.json();
    assert_eq!(reply["errors"][0]["extensions"]["code"], "QUERY_TOO_COMPLEX");
}

#[tokio::test]
async fn t54_introspection_and_the_explorer_follow_their_switches() {
    let schema = json!({ "query": "{ __schema { queryType { name } } }" }).to_string();
    let open = TestApp::new().await;
    assert_eq!(json_post(&open, &schema).await.json()["data"]["__schema"]["queryType"]["name"], "Query");
    assert_eq!(open.stranger().get("/graphiql").await.status, 200);

    let closed = TestApp::with(&["--introspection=false", "--graphiql=false"]).await;
    let reply = json_post(&closed, &schema).await.json();
    assert_eq!(reply["errors"][0]["extensions"]["code"], "FORBIDDEN");
    assert_eq!(closed.stranger().get("/graphiql").await.status, 404);
    let owner = closed.owner().await;
    let seen = owner.ask("{ __schema { queryType { name } } }", json!({})).await;
    assert_eq!(seen["data"]["__schema"]["queryType"]["name"], "Query", "who is signed in may look");
    let typo = json_post(&closed, r#"{"query":"{ mee { id } }"}"#).await;
    assert!(!typo.text.to_lowercase().contains("did you mean"), "{}", typo.text);
}

#[tokio::test]
async fn enumerations_and_ids_are_read_as_the_specification_says() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let order = "query Q($o: InvitationOrder) { invitations(orderBy: $o) { totalCount } }";
    let lower = owner.ask(order, json!({ "o": { "field": "email" } })).await;
    assert_eq!(lower["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    let skip = owner.ask("query Q($no: Boolean = true) { me { name @skip(if: $no) id } }", json!({})).await;
    assert!(skip["data"]["me"].get("name").is_none(), "defaults of variables count in directives");
    let mut who = app.stranger();
    who.login("owner@acme.test", PASSWORD).await.unwrap();
    let typed = who
        .ask(
            "query Q($by: TenantBy!) { tenant(by: $by) { id } }",
            json!({ "by": { "id": "x", "slug": "y" } }),
        )
        .await;
    assert_eq!(typed["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "one of them, not both");
    assert_ne!(typed["errors"][0]["message"], Value::Null);
}

#[tokio::test]
async fn tools_that_read_the_schema_pass_the_limits() {
    let app = TestApp::new().await;
    let wrapped = (0..8).fold("name kind".to_owned(), |inner, _| format!("name kind ofType {{ {inner} }}"));
    let query = format!(
        "query {{ __schema {{ queryType {{ name }} mutationType {{ name }} subscriptionType {{ name }}
            types {{ kind name description specifiedByURL isOneOf
                fields(includeDeprecated: true) {{ name description args {{ ...Input }} type {{ ...Ref }} isDeprecated deprecationReason }}
                inputFields {{ ...Input }} interfaces {{ ...Ref }} possibleTypes {{ ...Ref }}
                enumValues(includeDeprecated: true) {{ name description isDeprecated deprecationReason }} }}
            directives {{ name description isRepeatable locations args {{ ...Input }} }} }} }}
        fragment Input on __InputValue {{ name description type {{ ...Ref }} defaultValue }}
        fragment Ref on __Type {{ {wrapped} }}"
    );
    let reply = json_post(&app, &json!({ "query": query }).to_string()).await.json();
    assert!(reply.get("errors").is_none(), "{}", reply["errors"]);
    let types = reply["data"]["__schema"]["types"].as_array().unwrap();
    let invite = types.iter().find(|t| t["name"] == "InviteInput").unwrap();
    let role = invite["inputFields"].as_array().unwrap().iter().find(|f| f["name"] == "roleKey").unwrap();
    assert_eq!(role["defaultValue"], "\"member\"");
}
