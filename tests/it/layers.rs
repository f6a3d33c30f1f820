//! The rooms of the house: who may name whom (`docs/ARCHITECTURE.md`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const SLICES: [&str; 16] = [
    "post",
    "platform",
    "tenancy",
    "webhook",
    "roster",
    "audit",
    "tenant",
    "role",
    "user",
    "membership",
    "auth",
    "invitation",
    "password_reset",
    "onboarding",
    "event",
    "outbox",
];
/// What stands below every slice and knows none of those above it.
const BASE: [&str; 15] = [
    "actor",
    "clock",
    "db",
    "email",
    "error",
    "id",
    "keys",
    "limits",
    "page",
    "password",
    "permission",
    "standing",
    "text",
    "telemetry",
    "words",
];

fn sources() -> BTreeMap<String, String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    let rust = found.into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs"));
    rust.map(|path| {
        (path.strip_prefix(&root).unwrap().display().to_string(), std::fs::read_to_string(&path).unwrap())
    })
    .collect()
}

/// The code of a file, without its tests and comments.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn is_layer(file: &str, layer: &str) -> bool {
    let path = Path::new(file);
    path.file_stem().is_some_and(|stem| stem == layer)
        || path.parent().is_some_and(|p| p.file_name().is_some_and(|n| n == layer))
}

fn slice_of(file: &str) -> Option<&'static str> {
    SLICES.into_iter().find(|slice| file.starts_with(&format!("{slice}/")))
}

#[test]
fn rows_and_rules_know_neither_http_nor_graphql() {
    for (file, text) in sources() {
        if slice_of(&file).is_some() && (is_layer(&file, "model") || is_layer(&file, "service")) {
            let code = code(&text).replace("async_graphql::Enum", "");
            let code = code.replace("#[graphql(name", "");
            assert!(!code.contains("poem::") && !code.contains("async_graphql"), "{file}");
        }
    }
}

#[test]
fn resolvers_know_no_database() {
    for (file, text) in sources() {
        if is_layer(&file, "graphql") && (slice_of(&file).is_some() || file.starts_with("graphql/")) {
            assert!(!code(&text).contains("sea_orm"), "{file}");
        }
    }
}

#[test]
fn a_table_is_touched_by_its_own_slice_only() {
    for (file, text) in sources() {
        let own = slice_of(&file);
        for slice in SLICES.into_iter().filter(|slice| Some(*slice) != own) {
            assert!(!code(&text).contains(&format!("{slice}::model")), "{file} reaches into {slice}");
        }
        let queries = code(&text).contains("Entity::");
        assert!(!queries || is_layer(&file, "model"), "{file} queries outside of model.rs");
    }
}

#[test]
fn slices_import_downward_only() {
    // Each slice may name those before it; event and outbox stand below all.
    let order = [
        "event",
        "outbox",
        "tenant",
        "role",
        "user",
        "membership",
        "auth",
        "invitation",
        "password_reset",
        "onboarding",
        "audit",
        "webhook",
        "post",
        "roster",
        "tenancy",
        "platform",
    ];
    for (file, text) in sources() {
        let Some(own) = slice_of(&file) else { continue };
        // Resolvers join the graph across slices; rules and rows do not.
        if is_layer(&file, "graphql") {
            continue;
        }
        let rank = order.iter().position(|slice| *slice == own).unwrap();
        for above in &order[rank + 1..] {
            let named = code(&text).lines().any(|line| {
                line.contains(&format!("crate::{above}::"))
                    || (line.starts_with("use crate::{") && line.contains(above))
            });
            assert!(!named, "{file} names {above}, which stands above it");
        }
    }
}

#[test]
fn what_everything_stands_on_knows_no_slice() {
    for (file, text) in sources() {
        let base = BASE
            .into_iter()
            .any(|name| file == format!("{name}.rs") || file.starts_with(&format!("{name}/")));
        let shared = ["mail/", "graphql/", "event/", "outbox/"].iter().any(|folder| file.starts_with(folder));
        if !base && !shared {
            continue;
        }
        for slice in SLICES.into_iter().filter(|slice| !["event", "outbox"].contains(slice)) {
            assert!(!code(&text).contains(&format!("crate::{slice}::")), "{file} names {slice}");
        }
    }
}

#[test]
fn slices_have_their_four_files_and_every_file_tells_one_story() {
    for (file, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= 420, "{file} has {lines} lines: split it by operation");
        assert!(text.starts_with("//!"), "{file} says in its first line what belongs in it");
        if let Some(slice) = slice_of(&file) {
            let rest = file.strip_prefix(&format!("{slice}/")).unwrap();
            let known = ["mod.rs", "model.rs", "service.rs", "graphql.rs"].contains(&rest)
                || ["model/", "service/", "graphql/"].iter().any(|folder| rest.starts_with(folder));
            assert!(known, "{file}: a slice has mod, model, service and graphql");
        }
    }
}

#[test]
fn one_function_a_kind_makes_links_and_it_sees_no_request() {
    for (template, maker) in
        [("accept_url", "invitation/service/mail.rs"), ("reset_url", "password_reset/service/mail.rs")]
    {
        let makers: Vec<String> = sources()
            .into_iter()
            .filter(|(_, text)| code(text).contains(&format!("{template}.replace")))
            .map(|(file, _)| file)
            .collect();
        assert_eq!(makers, [maker]);
    }
}
