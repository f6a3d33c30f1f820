//! Files that mirror the code. These tests compare and never write.

use std::path::Path;

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[test]
fn the_checked_in_schema_is_the_one_that_is_served() {
    assert!(
        file("schema.graphql") == guestlist::schema::sdl(),
        "write it anew with: cargo run -- schema --output schema.graphql"
    );
}

#[test]
fn everything_in_the_schema_is_described() {
    let sdl = guestlist::schema::sdl();
    let schema = apollo_compiler::Schema::parse_and_validate(&sdl, "schema.graphql").unwrap();
    let mut bare = Vec::new();
    for (name, ty) in &schema.types {
        use apollo_compiler::schema::ExtendedType as T;
        if ty.is_built_in() {
            continue;
        }
        if ty.description().is_none() {
            bare.push(name.to_string());
        }
        let mut check = |member: &str, described: bool| {
            if !described {
                bare.push(format!("{name}.{member}"));
            }
        };
        match ty {
            T::Object(object) => object.fields.iter().for_each(|(field, def)| {
                check(field, def.description.is_some());
                def.arguments
                    .iter()
                    .for_each(|a| check(&format!("{field}({})", a.name), a.description.is_some()));
            }),
            T::Interface(interface) => {
                interface.fields.iter().for_each(|(f, def)| check(f, def.description.is_some()))
            }
            T::Enum(values) => values.values.iter().for_each(|(v, def)| check(v, def.description.is_some())),
            T::InputObject(input) => {
                input.fields.iter().for_each(|(f, def)| check(f, def.description.is_some()))
            }
            T::Scalar(_) | T::Union(_) => {}
        }
    }
    assert!(bare.is_empty(), "{bare:?}");
}

#[test]
fn the_example_of_settings_is_the_one_that_the_code_knows() {
    assert!(
        file(".env.example") == guestlist::config::env_example(),
        "write it anew with: cargo run -- config --example > .env.example"
    );
}

#[test]
fn the_reference_is_the_one_of_the_schema() {
    let page = guestlist::reference::page(&guestlist::schema::sdl()).unwrap();
    assert!(
        file("docs/REFERENCE.md") == page,
        "write it anew with: cargo run -- schema --reference --output docs/REFERENCE.md"
    );
}

#[test]
fn the_guide_to_the_api_lists_every_error_code_and_every_kind_of_event() {
    use async_graphql::resolver_utils::EnumType as _;
    let guide = file("docs/API.md");
    for item in guestlist::error::ErrorCode::items() {
        assert!(guide.contains(&format!("| `{}` |", item.value.as_str())), "{}", item.value.as_str());
        assert_eq!(item.name, item.value.as_str());
    }
    for (_, kind) in guestlist::event::EventKind::ALL {
        assert!(guide.contains(&format!("| `{kind}` |")), "{kind}");
    }
}

#[test]
fn every_row_of_the_page_on_security_has_a_test_of_its_name() {
    let page = file("docs/SECURITY.md");
    let mut sources = String::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "tests".into()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    for row in 1..=64 {
        assert!(page.contains(&format!("`t{row}_`")), "T{row} is not on the page");
        let tests = [format!("fn t{row}_"), format!("_t{row}_")];
        assert!(tests.iter().any(|name| sources.contains(name)), "T{row} has no test");
    }
}

#[test]
fn every_route_that_is_listed_is_in_the_guide_for_operators() {
    let guide = file("docs/OPERATIONS.md");
    for (_, path, _) in guestlist::http::ROUTES {
        assert!(guide.contains(&format!("`{path}`")), "{path}");
    }
}
