//! The command line: each command calls one service function. Data goes to standard output, talk to standard
//! error.

mod actions;
mod admin;
mod demo;
mod import;
mod info;
mod operate;
mod output;
mod post;
mod serve;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use self::actions::{Events, Keys, Mail, Migrate, Outbox, Tenant, Words};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, Options, Problem};
use crate::db::{Db, OpenError};
use crate::error::{Error, ErrorCode};
use crate::telemetry;
use crate::telemetry::traces::Exporter;

const EXAMPLES: &str = "\
Examples:
  guestlist                                              serve on 127.0.0.1:8000 with SQLite in ./data
  guestlist demo                                         look around among invented people; nothing is kept
  guestlist create-superuser --email you@example.com     make the first administrator
  guestlist tenant create Acme --slug acme --owner ann@example.com
  guestlist invite bob@example.com --tenant acme --role admin
  guestlist invite --csv people.csv --tenant acme --dry-run
  guestlist check                                        list what production still needs

Every setting is a flag or a variable: `guestlist --help` lists them, `guestlist config --example` prints a .env file.";

#[derive(Debug, Parser)]
#[command(name = "guestlist", version, about = "Invite-only identity for multi-tenant products.", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API, and send mail; what happens without a command
    #[command(alias = "runserver")]
    Serve {
        /// Leave mail and other tasks to `guestlist worker`
        #[arg(long)]
        no_worker: bool,
    },
    /// Serve a throw-away database with people and invitations, to look around in
    Demo,
    /// Send mail and do other tasks, without serving
    Worker,
    /// Bring the database's schema up to date
    Migrate {
        #[command(subcommand)]
        action: Option<Migrate>,
    },
    /// Make an administrator of the platform
    #[command(alias = "createsuperuser")]
    CreateSuperuser {
        /// Address; asked for on a terminal
        #[arg(long)]
        email: Option<String>,
        /// Name that people see; the part before the @ by default
        #[arg(long)]
        name: Option<String>,
        /// Read the password from standard input
        #[arg(long, conflicts_with = "password_file")]
        password_stdin: bool,
        /// Read the password from a file
        #[arg(long)]
        password_file: Option<PathBuf>,
    },
    /// Record overdue invitations as expired; the worker does so every minute
    #[command(alias = "mark_expired_invitations")]
    MarkExpiredInvitations,
    /// Print the GraphQL schema
    #[command(alias = "spectacular")]
    Schema {
        /// Write it to a file
        #[arg(long, value_name = "FILE", conflicts_with = "check")]
        output: Option<PathBuf>,
        /// Say what changed since the schema in a file, and fail where that breaks its clients
        #[arg(long, value_name = "FILE")]
        check: Option<PathBuf>,
        /// Write the reference of operations and types, as Markdown, instead of the schema
        #[arg(long, conflicts_with = "check")]
        reference: bool,
    },
    /// List what is served
    #[command(alias = "show_urls")]
    Routes {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make and list tenants
    Tenant {
        #[command(subcommand)]
        action: Tenant,
    },
    /// Invite somebody into a tenant, or everybody in a file
    #[command(after_help = "\
A file has a line with names of columns first: email, and any of name, role, note, locale, metadata (a JSON object). \
Rows that stand already are left as they are, so that it is safe to run it again.")]
    Invite {
        /// Address to invite
        #[arg(required_unless_present = "csv", conflicts_with = "csv")]
        email: Option<String>,
        /// CSV file of people to invite; `-` for standard input
        #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "link_only"])]
        csv: Option<PathBuf>,
        /// Say what would become of each row of the file, and change nothing
        #[arg(long, requires = "csv")]
        dry_run: bool,
        /// Slug of the tenant
        #[arg(long)]
        tenant: String,
        /// Key of the role; of rows that name none
        #[arg(long, default_value = "member")]
        role: String,
        /// Name of the invitee
        #[arg(long)]
        name: Option<String>,
        /// Note to the invitee; of rows that have none
        #[arg(long)]
        note: Option<String>,
        /// Print a link instead of sending a mail
        #[arg(long)]
        link_only: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print or mail the link that makes the first administrator, good for 30 minutes
    SetupLink {
        /// Mail it to this address
        #[arg(long, value_name = "EMAIL")]
        mail: Option<String>,
        /// Print JSON
        #[arg(long, conflicts_with = "mail")]
        json: bool,
    },
    /// Print a one-time link that sets a new password, good for 15 minutes
    ResetLink {
        /// Address of the account
        email: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check settings, database and mail templates, and list every problem
    Check,
    /// Ask the service that listens on this host whether it is ready; fails when it is not
    Ready,
    /// Delete every row of the database
    Flush {
        /// Name of the database, to show that you mean it; asked for on a terminal in development
        #[arg(value_name = "DATABASE")]
        name: Option<String>,
    },
    /// Try the mail settings; look at mail and try it again
    Mail {
        #[command(subcommand)]
        action: Mail,
    },
    /// Translate pages and mails
    Words {
        #[command(subcommand)]
        action: Words,
    },
    /// Hold mail back, or let it leave again
    Outbox {
        #[command(subcommand)]
        action: Outbox,
    },
    /// Write a consistent copy of the SQLite database to a file, also while it is served
    Backup {
        /// File that does not exist yet
        file: PathBuf,
    },
    /// Put a new key in force that signs access tokens; nobody is signed out
    Keys {
        #[command(subcommand)]
        action: Keys,
    },
    /// Prove that the recorded events are whole and as they were written
    Events {
        #[command(subcommand)]
        action: Events,
    },
    /// Print completions for a shell; where they go is in the shell's manual
    Completions {
        /// Shell to complete in
        shell: clap_complete::Shell,
    },
    /// Write manual pages to a folder, one for each command
    Man {
        /// Folder that exists
        folder: PathBuf,
    },
    /// Print what this binary is and what it works with
    Info {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the settings in force, with secrets hidden
    Config {
        /// Print a .env file with every setting and its default instead
        #[arg(long)]
        example: bool,
    },
}

/// Why a command failed: what to say, and the exit code.
#[derive(Debug)]
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    const FAILED: u8 = 1;
    const USAGE: u8 = 2;
    const NOT_FOUND: u8 = 3;
    const UNAVAILABLE: u8 = 69;
    const CONFIG: u8 = 78;

    fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    fn config(problems: &[Problem]) -> Self {
        let lines: Vec<String> = problems.iter().map(|p| format!("  {} {}", p.setting, p.advice)).collect();
        Self::new(Self::CONFIG, format!("the settings need attention:\n{}", lines.join("\n")))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match error.code() {
            ErrorCode::NotFound => Self::NOT_FOUND,
            ErrorCode::BadUserInput | ErrorCode::WeakPassword => Self::USAGE,
            ErrorCode::Internal | ErrorCode::Overloaded => Self::UNAVAILABLE,
            _ => Self::FAILED,
        };
        let message = match &error {
            Error::Internal(cause) => cause.to_string(),
            other => other.to_string(),
        };
        Self::new(code, message)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let code = match error {
            OpenError::UnknownKind | OpenError::Misread => Self::CONFIG,
            _ => Self::UNAVAILABLE,
        };
        Self::new(code, error.to_string())
    }
}

/// Stack of a thread, in bytes, of which memory is taken as it is used: without optimisation a page that executes an operation goes
/// deep.
const STACK: usize = 8 << 20;

type Outcome = Result<(), Failure>;

/// Parses the command line, runs it and says how it went.
#[must_use]
pub fn main() -> ExitCode {
    let _ = dotenvy::dotenv();
    let cli = Cli::parse();
    // One TLS provider for mail and database; a second one in the process would make both refuse.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = match runtime.enable_all().thread_stack_size(STACK).build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Failure::new(Failure::FAILED, format!("cannot start: {error}"))),
    };
    let traces = match runtime.block_on(async { traces(&cli) }) {
        Ok(traces) => traces,
        Err(failure) => return fail(&failure),
    };
    telemetry::init(&cli.options.log, cli.options.log_format, traces.as_ref());
    let done = runtime.block_on(run(cli));
    if let Some(traces) = traces {
        traces.close();
    }
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure),
    }
}

/// What sends traces, where a collector is named; for what serves, not for what an operator does by hand.
fn traces(cli: &Cli) -> Result<Option<Exporter>, Failure> {
    let serves = matches!(cli.command, None | Some(Command::Serve { .. } | Command::Worker));
    let Some(collector) = cli.options.otlp_endpoint.as_ref().filter(|_| serves) else { return Ok(None) };
    let refused = |error| Failure::new(Failure::CONFIG, format!("no traces can be sent: {error}"));
    Exporter::new(collector).map(Some).map_err(refused)
}

fn fail(failure: &Failure) -> ExitCode {
    output::talk(format_args!("guestlist: {}", failure.message));
    ExitCode::from(failure.code)
}

async fn run(cli: Cli) -> Outcome {
    let options = cli.options;
    match cli.command.unwrap_or(Command::Serve { no_worker: false }) {
        Command::Serve { no_worker } => serve::serve(options, !no_worker, &[]).await,
        Command::Demo => demo::demo(options).await,
        Command::Worker => serve::worker(&options).await,
        Command::Migrate { action } => operate::migrate(&options, action.unwrap_or(Migrate::Up)).await,
        Command::CreateSuperuser { email, name, password_stdin, password_file } => {
            let source = admin::PasswordSource::new(password_stdin, password_file);
            admin::create_superuser(&options, email, name, source).await
        }
        Command::MarkExpiredInvitations => operate::mark_expired(&options).await,
        Command::Schema { output, check, reference } => {
            operate::schema(output.as_deref(), check.as_deref(), reference)
        }
        Command::Routes { json } => operate::routes(json),
        Command::Tenant { action: Tenant::Create { name, slug, owner, json } } => {
            admin::create_tenant(&options, &name, &slug, &owner, json).await
        }
        Command::Tenant { action: Tenant::List { json } } => admin::list_tenants(&options, json).await,
        Command::Invite { csv: Some(file), tenant, role, note, dry_run, json, .. } => {
            import::invite(&options, &import::List { file, tenant, role, note, dry_run }, json).await
        }
        Command::Invite { email, tenant, role, name, note, link_only, json, .. } => {
            let email = email.unwrap_or_default();
            let wanted = admin::Wanted { email, tenant, role, name, note, link_only };
            admin::invite(&options, wanted, json).await
        }
        Command::SetupLink { mail, json } => admin::setup_link(&options, mail.as_deref(), json).await,
        Command::ResetLink { email, json } => admin::reset_link(&options, &email, json).await,
        Command::Check => operate::check(&options).await,
        Command::Ready => operate::ready(&options).await,
        Command::Flush { name } => operate::flush(&options, name).await,
        Command::Mail { action: Mail::Test { to } } => operate::mail_test(&options, &to).await,
        Command::Mail { action: Mail::Preview { folder, eml } } => {
            operate::mail_preview(&options, &folder, eml)
        }
        Command::Mail { action: Mail::List { state, json } } => post::list(&options, state, json).await,
        Command::Mail { action: Mail::Retry { ids, .. } } => post::retry(&options, &ids).await,
        Command::Words { action: Words::Export } => words::export(),
        Command::Words { action: Words::Check { folder } } => words::check(&folder),
        Command::Outbox { action: Outbox::Hold } => post::hold(&options).await,
        Command::Outbox { action: Outbox::Release { discard } } => post::release(&options, discard).await,
        Command::Keys { action: Keys::Rotate } => operate::rotate_keys(&options).await,
        Command::Events { action: Events::Verify { head, json } } => {
            operate::verify_events(&options, &head, json).await
        }
        Command::Backup { file } => operate::backup(&options, &file).await,
        Command::Completions { shell } => operate::completions(shell, &mut Cli::command()),
        Command::Man { folder } => operate::man(&folder, Cli::command()),
        Command::Info { json } => info::info(&options, json).await,
        Command::Config { example } => operate::config(&options, example),
    }
}

fn checked(options: &Options) -> Result<Config, Failure> {
    options.check().map_err(|problems| Failure::config(&problems))
}

/// The service over the configured database, its schema brought up to date.
async fn open(options: &Options) -> Result<App, Failure> {
    Ok(assemble(checked(options)?).await?.0)
}

/// As [`open`], saying how many migrations were applied.
async fn assemble(config: Config) -> Result<(App, usize), Failure> {
    let db = Db::open(&config.database_url).await?;
    let applied = db.migrate().await?;
    Ok((App::new(config, db, Clock::System).await?, applied))
}
