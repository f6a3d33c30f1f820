//! What templates say messages with: `t("key", name=value)`, and what makes values of it stand out.

use fluent_bundle::{FluentArgs, FluentValue};
use minijinja::value::Kwargs;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, Value};

use super::Language;
use super::language::{Given, escape};

/// Lets the templates of an environment speak a language: `t(key, …)` is a message, escaped where the template is HTML; `strong`,
/// `code` and `anchor` make values of it stand out.
pub fn install(env: &mut Environment<'_>, language: &Language) {
    let speaker = language.clone();
    env.add_function("t", move |state: &State, key: &str, values: Kwargs| say(&speaker, state, key, &values));
    env.add_function("strong", |value: Value| wrap("<strong>", &value, "</strong>"));
    env.add_function("code", |value: Value| wrap("<code>", &value, "</code>"));
    env.add_function("anchor", |href: &str, value: Value| {
        wrap(&format!("<a href=\"{}\">", escape(href)), &value, "</a>")
    });
}

/// A value between tags, escaped unless it is HTML already.
fn wrap(before: &str, value: &Value, after: &str) -> Value {
    let text = value.to_string();
    let inner = if value.is_safe() { text.as_str().into() } else { escape(&text) };
    Value::from_safe_string(format!("{before}{inner}{after}"))
}

fn say(language: &Language, state: &State, key: &str, values: &Kwargs) -> Result<Value, Error> {
    let mut given: Vec<(&str, Value)> = Vec::new();
    for name in values.args() {
        given.push((name, values.get(name)?));
    }
    let unsaid = || {
        let said =
            format!("there is no message `{key}` with these values; `guestlist words export` lists all");
        Error::new(ErrorKind::InvalidOperation, said)
    };
    let number = |value: &Value| value.is_number().then(|| f64::try_from(value.clone()).ok()).flatten();
    let texts: Vec<String> = given
        .iter()
        .map(|(_, value)| if value.is_none() { String::new() } else { value.to_string() })
        .collect();
    if !matches!(state.auto_escape(), AutoEscape::Html) {
        let mut args = FluentArgs::with_capacity(given.len());
        for ((name, value), text) in given.iter().zip(&texts) {
            args.set(
                *name,
                match number(value) {
                    Some(number) => FluentValue::from(number),
                    None => FluentValue::from(text.as_str()),
                },
            );
        }
        return language.message(key, &args).map(Value::from).ok_or_else(unsaid);
    }
    let values: Vec<(&str, Given<'_>)> = given
        .iter()
        .zip(&texts)
        .map(|((name, value), text)| {
            let given = match number(value) {
                Some(number) => Given::Number(number),
                None if value.is_safe() => Given::Html(text),
                None => Given::Text(text),
            };
            (*name, given)
        })
        .collect();
    language.html(key, &values).map(Value::from_safe_string).ok_or_else(unsaid)
}
