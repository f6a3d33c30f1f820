//! Settings as a stranger, a production site and a mistaken hand give them.

use clap::Parser as _;
use secrecy::ExposeSecret as _;

use super::options::Shape;
use super::*;

fn options(args: &[&str]) -> Options {
    let folder = tempfile::tempdir().unwrap().keep();
    let data = format!("--data-dir={}", folder.display());
    let all = ["guestlist", &data].into_iter().chain(args.iter().copied());
    Shape::parse_from(all).options
}

fn problems(args: &[&str]) -> Vec<&'static str> {
    options(args).check().err().unwrap_or_default().iter().map(|p| p.setting).collect()
}

const GOOD: &str = "--secret-key=kJ8sPq2vXw9zL4mN7bR1tY6uI3oA5dF0";

#[test]
fn nothing_configured_is_a_sound_development_set_up() {
    let config = options(&[]).check().unwrap();
    assert_eq!(config.environment, Environment::Development);
    assert_eq!(config.public_url, "http://localhost:8000");
    assert_eq!(config.accept_url, "http://localhost:8000/accept#{token}");
    assert!(matches!(config.mail, MailTarget::Captured(_)));
    assert!(config.introspection && config.graphiql);
}

#[test]
fn the_generated_secret_is_kept_and_private() {
    let options = options(&[]);
    let first = options.check().unwrap().secret_key.expose_secret().to_owned();
    assert_eq!(options.check().unwrap().secret_key.expose_secret(), first);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(options.data_dir.join("secret_key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn t57_production_refuses_missing_short_and_plain_secrets() {
    let all = problems(&["--listen=0.0.0.0:80"]);
    assert_eq!(all, ["GUESTLIST_SECRET_KEY", "GUESTLIST_PUBLIC_URL", "GUESTLIST_SMTP_URL"]);
    let rest =
        ["--listen=0.0.0.0:80", "--public-url=https://id.example.com", "--smtp-url=smtps://m.example.com"];
    for secret in [
        "--secret-key=",
        "--secret-key=secret",
        &format!("--secret-key={}", "x".repeat(31)),
        &format!("--secret-key={}", "x".repeat(64)),
    ] {
        assert_eq!(problems(&[&rest[..], &[secret]].concat()), ["GUESTLIST_SECRET_KEY"], "{secret}");
    }
    let config = options(&[&rest[..], &[GOOD]].concat()).check().unwrap();
    assert!(!config.introspection && !config.graphiql);
}

#[test]
fn t44_production_does_not_start_without_a_public_url() {
    let args = ["--listen=0.0.0.0:80", GOOD, "--smtp-url=smtps://m.example.com"];
    assert_eq!(problems(&args), ["GUESTLIST_PUBLIC_URL"]);
}

#[test]
fn development_stays_on_loopback() {
    assert_eq!(problems(&["--listen=0.0.0.0:80", "--environment=development"]), ["GUESTLIST_LISTEN"]);
}

#[test]
fn wrong_values_are_named_each() {
    let args = [
        "--mail-from=nobody",
        "--accept-url=https://x.example/",
        "--smtp-url=ftp://x",
        "--mail-retry-scale=0",
    ];
    let all = problems(&args);
    for setting in
        ["GUESTLIST_MAIL_FROM", "GUESTLIST_ACCEPT_URL", "GUESTLIST_SMTP_URL", "GUESTLIST_MAIL_RETRY_SCALE"]
    {
        assert!(all.contains(&setting), "{setting}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let database = "--database-url=postgres://me:hunter2@db.example.com/guests";
    let args = [GOOD, database, "--smtp-url=smtp://user:hunter2hunter2@mail.example.com"];
    let shown = format!("{:?} {:?}", options(&args), options(&args).check().unwrap());
    assert!(!shown.contains("kJ8sPq") && !shown.contains("hunter2"), "{shown}");
}
