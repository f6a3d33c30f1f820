//! Every setting as it was given: its value, where that is no secret, and whether somebody set it.

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, CommandFactory as _, FromArgMatches, ValueEnum as _};
use url::Url;

use super::Config;
use super::options::Shape;
use crate::db;

/// Secrets that are URLs: their host may be shown, what stands before and behind it may not.
const SECRET_URLS: [&str; 2] = ["GUESTLIST_DATABASE_URL", "GUESTLIST_SMTP_URL"];

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Name of the variable.
    pub name: String,
    /// What it is for.
    pub help: String,
    /// What it is unless set; `None` where that depends on others.
    pub default: Option<String>,
    /// What it is; of a secret nothing but the host of a URL.
    pub value: Option<String>,
    /// Whether it was set, by flag or variable.
    pub is_set: bool,
    /// Whether its value is a secret.
    pub is_secret: bool,
}

/// Every setting there is, in the order of the help.
#[derive(Clone, Debug, Default)]
pub struct Given(Vec<Setting>);

/// The settings as clap knows them, each with the name by which its value is found.
fn known() -> Vec<(clap::Id, Setting)> {
    let command = Shape::command();
    command
        .get_arguments()
        .filter_map(|arg| {
            let name = arg.get_env()?.to_string_lossy().into_owned();
            let default = arg.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
            let setting = Setting {
                name,
                help: arg.get_help().map(ToString::to_string).unwrap_or_default(),
                value: default.clone(),
                default,
                is_set: false,
                is_secret: arg.is_hide_env_values_set(),
            };
            Some((arg.get_id().clone(), setting))
        })
        .collect()
}

/// A URL without user, password and query.
fn without_secrets(text: &str) -> Option<String> {
    let mut url = Url::parse(text).ok().filter(Url::has_host)?;
    url.set_username("").and_then(|()| url.set_password(None)).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    Some(url.into())
}

impl Config {
    /// Every setting with what is in force, also where that follows from others. No value is a secret.
    #[must_use]
    pub fn settings(&self) -> Vec<Setting> {
        let mut settings = self.given.0.clone();
        for setting in &mut settings {
            let derived = match setting.name.as_str() {
                "GUESTLIST_LISTEN" => Some(self.listen.to_string()),
                "GUESTLIST_ENVIRONMENT" => {
                    self.environment.to_possible_value().map(|it| it.get_name().to_owned())
                }
                "GUESTLIST_DATABASE_URL" => Some(db::redact(&self.database_url)),
                "GUESTLIST_PUBLIC_URL" => Some(self.public_url.clone()),
                "GUESTLIST_ACCEPT_URL" => Some(self.accept_url.clone()),
                "GUESTLIST_RESET_URL" => Some(self.reset_url.clone()),
                "GUESTLIST_GRAPHIQL" => Some(self.graphiql.to_string()),
                "GUESTLIST_INTROSPECTION" => Some(self.introspection.to_string()),
                _ => continue,
            };
            setting.value = derived;
        }
        settings
    }
}

impl FromArgMatches for Given {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut settings = Vec::new();
        for (id, mut setting) in known() {
            let typed = matches.try_get_raw(id.as_str()).ok().flatten();
            let typed: Option<Vec<String>> =
                typed.map(|values| values.map(|value| value.to_string_lossy().into_owned()).collect());
            if let Some(values) = typed {
                let source = matches.value_source(id.as_str());
                setting.is_set = source.is_some_and(|source| source != ValueSource::DefaultValue);
                setting.value = Some(values.join(","));
            }
            if setting.is_secret {
                let shown = setting.value.filter(|_| SECRET_URLS.contains(&setting.name.as_str()));
                setting.value = shown.as_deref().and_then(without_secrets);
            }
            settings.push(setting);
        }
        Ok(Self(settings))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// It adds no argument of its own: it looks at those of the settings beside it.
impl Args for Given {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

/// The text of `.env.example`: every variable with its meaning, defaults commented out.
#[must_use]
pub fn env_example() -> String {
    let mut text = String::from(
        "# Every setting of Guestlist. Copy to .env and change what you need; all have defaults in development.\n",
    );
    for (_, setting) in known() {
        let Setting { name, help, default, .. } = setting;
        text.push_str(&format!("\n# {help}\n#{name}={}\n", default.unwrap_or_default()));
    }
    text
}
