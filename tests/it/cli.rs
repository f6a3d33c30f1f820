//! The command line, as the binary of its own that operators run.

use std::process::Output;

use tempfile::TempDir;

use crate::support::process::{Serving, command, run, run_with_input, stderr, stdout};
use crate::support::{PASSWORD, database};

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn superuser(folder: &TempDir, email: &str, password: &str) -> Output {
    run_with_input(folder.path(), &["create-superuser", "--email", email, "--password-stdin"], password)
}

#[test]
fn help_begins_with_what_it_is_and_shows_examples_and_settings() {
    let folder = folder();
    let short = stdout(&run(folder.path(), &["-h"]));
    assert!(short.contains("Invite-only identity") && short.contains("Examples:"), "{short}");
    let long = stdout(&run(folder.path(), &["--help"]));
    for word in ["GUESTLIST_PUBLIC_URL", "GUESTLIST_DATABASE_URL", "[default: 7d]", "create-superuser"] {
        assert!(long.contains(word), "{word}");
    }
    assert!(!long.contains("runserver"), "aliases are hidden");
    assert_eq!(code(&run(folder.path(), &["--nonsense"])), 2);
    assert_eq!(code(&run(folder.path(), &["nonsense"])), 2);
}

#[test]
fn djangos_names_are_understood() {
    let folder = folder();
    for args in [
        &["createsuperuser", "--help"][..],
        &["mark_expired_invitations"],
        &["show_urls"],
        &["spectacular"],
        &["runserver", "--help"],
    ] {
        assert_eq!(code(&run(folder.path(), args)), 0, "{args:?}");
    }
}

#[test]
fn a_superuser_is_made_once_with_a_password_from_standard_input_or_a_file() {
    let folder = folder();
    let made = superuser(&folder, "root@platform.test", &format!("{PASSWORD}\n"));
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    assert!(stdout(&made).contains("root@platform.test administers this platform now"));
    for (email, password, says) in [
        ("ROOT@platform.test", PASSWORD, "has an account already"),
        ("nobody", PASSWORD, "not an e-mail address"),
        ("new@platform.test", "password", "harder to guess"),
        ("new@platform.test", "", "at least 8"),
    ] {
        let refused = superuser(&folder, email, password);
        assert_eq!(code(&refused), 2, "{email}");
        assert!(stderr(&refused).contains(says), "{}", stderr(&refused));
    }
    let file = folder.path().join("password");
    std::fs::write(&file, PASSWORD).unwrap();
    let args =
        ["create-superuser", "--email", "two@platform.test", "--password-file", file.to_str().unwrap()];
    assert_eq!(code(&run(folder.path(), &args)), 0);
    let asked = run(folder.path(), &["create-superuser", "--email", "three@platform.test"]);
    assert_eq!(code(&asked), 2);
    assert!(stderr(&asked).contains("--password-stdin"), "no terminal, no question: {}", stderr(&asked));
}

#[test]
fn tenants_are_made_listed_and_invited_into() {
    let folder = folder();
    let create =
        run(folder.path(), &["tenant", "create", "Acme Inc", "--slug", "acme", "--owner", "ann@x.test"]);
    assert_eq!(code(&create), 0, "{}", stderr(&create));
    let twice = run(folder.path(), &["tenant", "create", "Other", "--slug", "acme", "--owner", "ann@x.test"]);
    assert_eq!(code(&twice), 1);
    assert!(stderr(&twice).contains("Another tenant has this slug"));
    assert!(stdout(&run(folder.path(), &["tenant", "list"])).contains("Acme Inc"));
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&run(folder.path(), &["tenant", "list", "--json"]))).unwrap();
    assert_eq!(json[0]["slug"], "acme");

    let invited =
        run(folder.path(), &["invite", "bob@x.test", "--tenant", "acme", "--role", "admin", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&invited)).unwrap();
    assert_eq!(json["created"], true);
    let link = run(folder.path(), &["invite", "cleo@x.test", "--tenant", "acme", "--link-only"]);
    assert!(stdout(&link).starts_with("http://localhost:8000/accept#gl_inv_"));
    assert_eq!(code(&run(folder.path(), &["invite", "x@x.test", "--tenant", "nobody"])), 3);
    assert_eq!(code(&run(folder.path(), &["invite", "nobody", "--tenant", "acme"])), 2);
    assert_eq!(code(&run(folder.path(), &["invite", "x@x.test", "--tenant", "acme", "--role", "nobody"])), 2);
    assert!(stdout(&run(folder.path(), &["mark-expired-invitations"])).contains("0 invitations"));
}

#[test]
fn production_refuses_to_start_half_configured_and_check_lists_everything() {
    let folder = folder();
    for args in [&["check"][..], &["serve"], &["worker"]] {
        let output = command(folder.path(), args)
            .env("GUESTLIST_ENVIRONMENT", "production")
            .env("GUESTLIST_LISTEN", "127.0.0.1:0")
            .output()
            .unwrap();
        assert_eq!(code(&output), 78, "{args:?}");
        for setting in
            ["GUESTLIST_SECRET_KEY", "GUESTLIST_PUBLIC_URL", "GUESTLIST_SMTP_URL", "GUESTLIST_ARGON2_M"]
        {
            assert!(stderr(&output).contains(setting), "{setting}: {}", stderr(&output));
        }
    }
    let fine = run(folder.path(), &["check"]);
    assert_eq!(code(&fine), 0);
    assert!(stdout(&fine).contains("The settings are sound"));
}

#[test]
fn schema_routes_migrations_and_settings_are_printed() {
    let folder = folder();
    assert_eq!(stdout(&run(folder.path(), &["schema"])).trim_end(), guestlist::schema::sdl().trim_end());
    let file = folder.path().join("out.graphql");
    let path = file.to_str().unwrap();
    assert_eq!(code(&run(folder.path(), &["schema", "--output", path])), 0);
    assert_eq!(code(&run(folder.path(), &["schema", "--check", path])), 0);
    std::fs::write(&file, "type Query { x: Int }").unwrap();
    assert_eq!(code(&run(folder.path(), &["schema", "--check", path])), 1);
    assert!(stdout(&run(folder.path(), &["routes"])).contains("/.well-known/jwks.json"));
    assert!(stdout(&run(folder.path(), &["migrate", "status"])).contains("pending  m0001_user"));
    assert!(stdout(&run(folder.path(), &["migrate"])).contains("23 migrations applied"));
    assert_eq!(stdout(&run(folder.path(), &["migrate", "status"])), "");
    let config = command(folder.path(), &["config"])
        .env("GUESTLIST_SECRET_KEY", "kJ8sPq2vXw9zL4mN7bR1tY6uI3oA5dF0")
        .env("GUESTLIST_SMTP_URL", "smtp://me:hunter2@mail.example.com")
        .env("GUESTLIST_DATABASE_URL", "postgres://me:hunter2@db.example.com/guests")
        .output()
        .unwrap();
    let shown = stdout(&config);
    assert!(
        shown.contains("mail.example.com") && !shown.contains("hunter2") && !shown.contains("kJ8s"),
        "{shown}"
    );
}

#[test]
fn completions_are_printed_for_every_shell() {
    let folder = folder();
    for (shell, says) in
        [("bash", "complete -F"), ("zsh", "#compdef guestlist"), ("fish", "complete -c guestlist")]
    {
        let printed = run(folder.path(), &["completions", shell]);
        assert!(stdout(&printed).contains(says) && stdout(&printed).contains("create-superuser"), "{shell}");
    }
}

#[test]
fn manual_pages_are_written_and_info_says_what_there_is_without_making_it() {
    let folder = folder();
    assert_eq!(code(&run(folder.path(), &["man", "."])), 0);
    for page in ["guestlist.1", "guestlist-serve.1", "guestlist-mail-list.1"] {
        let text = std::fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(text.contains(".SH NAME") && text.contains("guestlist"), "{page}");
    }
    let info = || -> serde_json::Value {
        serde_json::from_str(&stdout(&run(folder.path(), &["info", "--json"]))).unwrap()
    };
    let postgres = database::of_folder(folder.path()).is_some();
    let before = info();
    assert_eq!(before["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(before["databaseServer"].is_null(), !postgres, "{before}");
    assert!(!folder.path().join("data/guestlist.db").exists());
    assert_eq!(code(&run(folder.path(), &["migrate"])), 0);
    let after = info();
    assert_eq!(after["pendingMigrations"], 0, "{after}");
    let server = if postgres { "PostgreSQL" } else { "SQLite" };
    assert!(after["databaseServer"].as_str().unwrap().starts_with(server));
    assert!(stdout(&run(folder.path(), &["info"])).contains("captured, not sent"));
}

#[tokio::test]
async fn a_demo_has_everything_to_look_at_and_leaves_nothing_behind() {
    let folder = folder();
    let mut demo = command(folder.path(), &["demo"]);
    demo.env("GUESTLIST_LISTEN", "127.0.0.1:0").env("TMPDIR", folder.path()).env("GUESTLIST_LOG", "off");
    let server = Serving::spawn(demo);
    let login =
        "mutation { login(input: { email: \"olivia@acme.example\", password: \"seven quiet lanterns\" })
        { tokens { accessToken } viewer { invitations { id } } userErrors { message } } }";
    let answer = server.ask(None, login, serde_json::json!({})).await.unwrap();
    let signed = &answer["data"]["login"];
    assert_eq!(signed["viewer"]["invitations"].as_array().unwrap().len(), 1, "{answer}");
    let token = signed["tokens"]["accessToken"].as_str();
    let query = "{ invitations(first: 50) { nodes { status } } resetRequests(first: 9) { totalCount } }";
    let seen = server.ask(token, query, serde_json::json!({})).await.unwrap()["data"].clone();
    let rows = seen["invitations"]["nodes"].as_array().unwrap();
    for status in ["PENDING", "ACCEPTED", "EXPIRED", "CANCELLED", "DECLINED"] {
        assert!(rows.iter().any(|row| row["status"] == status), "{status}: {seen}");
    }
    assert_eq!(seen["resetRequests"]["totalCount"], 2, "{seen}");
    let listen = format!("--listen={}", server.url.trim_start_matches("http://"));
    assert_eq!(stdout(&run(folder.path(), &["ready", &listen])), "ready\n");
    assert_eq!(server.stop(), Some(0));
    assert_eq!(code(&run(folder.path(), &["ready", &listen])), 69);
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
    let open = run(folder.path(), &["demo", "--listen=0.0.0.0:0"]);
    assert_eq!(code(&open), 2, "{}", stderr(&open));
}

#[test]
fn mail_test_shows_the_servers_answer_or_says_where_to_look() {
    let folder = folder();
    let server = crate::support::smtp_server::SmtpServer::start();
    let with = |url: String| {
        command(folder.path(), &["mail", "test", "--to", "ann@x.test"])
            .env("GUESTLIST_SMTP_URL", url)
            .output()
            .unwrap()
    };
    let sent = with(format!("smtp://{}", server.address));
    assert_eq!((code(&sent), stdout(&sent).trim()), (0, "Taken: 250 OK"));
    assert_eq!(server.taken()[0].to, ["ann@x.test"]);
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = away.local_addr().unwrap();
    drop(away);
    let failed = with(format!("smtp://{address}"));
    assert_eq!(code(&failed), 69);
    assert!(stderr(&failed).contains("GUESTLIST_SMTP_URL"), "{}", stderr(&failed));
}

#[test]
fn reset_link_prints_a_link_for_an_account_and_nothing_for_anybody_else() {
    let folder = folder();
    superuser(&folder, "root@platform.test", PASSWORD);
    let printed = run(folder.path(), &["reset-link", "root@platform.test"]);
    assert_eq!(code(&printed), 0, "{}", stderr(&printed));
    assert!(stdout(&printed).starts_with("http://localhost:8000/reset#gl_rst_"), "{}", stdout(&printed));
    let printed = run(folder.path(), &["reset-link", "root@platform.test", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&printed)).unwrap();
    assert!(json["link"].as_str().unwrap().contains("#gl_rst_") && json["expiresAt"].is_string());
    assert_eq!(code(&run(folder.path(), &["reset-link", "nobody@platform.test"])), 3);
    assert_eq!(code(&run(folder.path(), &["reset-link", "nobody"])), 2);
}

#[test]
fn setup_link_prints_or_mails_the_way_to_the_first_administrator_until_there_is_one() {
    let folder = folder();
    let printed = run(folder.path(), &["setup-link"]);
    assert_eq!(code(&printed), 0, "{}", stderr(&printed));
    assert!(stdout(&printed).starts_with("http://localhost:8000/setup#gl_set_"), "{}", stdout(&printed));
    let printed = run(folder.path(), &["setup-link", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&printed)).unwrap();
    assert!(json["link"].as_str().unwrap().contains("#gl_set_") && json["expiresAt"].is_string());
    let mails = folder.path().join("mails");
    let target = format!("file://{}", mails.display());
    let mailed = run(folder.path(), &["setup-link", "--mail", "ann@x.test", "--smtp-url", &target]);
    assert_eq!(code(&mailed), 0, "{}", stderr(&mailed));
    let files: Vec<_> = std::fs::read_dir(mails).unwrap().map(|file| file.unwrap().path()).collect();
    let mail = std::fs::read_to_string(&files[0]).unwrap();
    assert!(files.len() == 1 && mail.contains("To: ann@x.test") && mail.contains("gl_set_"), "{mail}");
    assert_eq!(code(&run(folder.path(), &["setup-link", "--mail", "nobody"])), 2);
    superuser(&folder, "root@platform.test", PASSWORD);
    let late = run(folder.path(), &["setup-link"]);
    assert_eq!((code(&late), stdout(&late).as_str()), (1, ""));
    assert!(stderr(&late).contains("create-superuser"), "{}", stderr(&late));
}

/// What is about the file that SQLite keeps data in.
mod sqlite_only {
    use super::*;

    #[test]
    fn flush_wants_the_databases_name() {
        let folder = folder();
        superuser(&folder, "root@platform.test", PASSWORD);
        for args in [&["flush"][..], &["flush", "other.db"]] {
            let refused = run(folder.path(), args);
            assert_eq!(code(&refused), 2);
            assert!(stderr(&refused).contains("guestlist flush guestlist.db"), "{}", stderr(&refused));
        }
        assert_eq!(code(&run(folder.path(), &["flush", "guestlist.db"])), 0);
        assert_eq!(code(&superuser(&folder, "root@platform.test", PASSWORD)), 0, "nobody is left");
    }

    #[test]
    fn what_stands_in_the_way_of_starting_is_a_sentence() {
        let folder = folder();
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let output = command(folder.path(), &["serve"]).env("GUESTLIST_LISTEN", &address).output().unwrap();
        assert_eq!(code(&output), 69);
        assert!(stderr(&output).contains("cannot listen on") && stderr(&output).contains("GUESTLIST_LISTEN"));

        let file = folder.path().join("file");
        std::fs::write(&file, "not a folder").unwrap();
        let output = command(folder.path(), &["migrate"]).env("GUESTLIST_DATA_DIR", &file).output().unwrap();
        assert_eq!(code(&output), 69);
        assert!(
            stderr(&output).contains("cannot write to") && stderr(&output).contains("GUESTLIST_DATA_DIR"),
            "{}",
            stderr(&output)
        );

        let url = format!("sqlite://{}", file.display());
        let output =
            command(folder.path(), &["migrate"]).env("GUESTLIST_DATABASE_URL", url).output().unwrap();
        assert_eq!(code(&output), 69);
        assert!(stderr(&output).contains("cannot be used"), "{}", stderr(&output));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "not a folder", "and it is left as it was");

        let output = command(folder.path(), &["migrate"])
            .env("GUESTLIST_DATABASE_URL", "mysql://x/y")
            .output()
            .unwrap();
        assert_eq!(code(&output), 78);
    }

    #[test]
    fn the_first_run_says_where_everything_is_and_r18_a_second_server_is_refused() {
        let folder = folder();
        let server = Serving::start(folder.path(), &[]);
        for words in [
            "development (loopback only)",
            "created, 23 migrations applied",
            "/schema.graphql",
            "/graphiql",
            "/dev/mail",
        ] {
            assert!(server.banner.contains(words), "{words}: {}", server.banner);
        }
        let second =
            command(folder.path(), &["serve"]).env("GUESTLIST_LISTEN", "127.0.0.1:0").output().unwrap();
        assert_eq!(code(&second), 69);
        assert!(stderr(&second).contains("another guestlist process uses"), "{}", stderr(&second));
        assert_eq!(
            code(&superuser(&folder, "root@platform.test", PASSWORD)),
            0,
            "commands work beside a server"
        );
        assert_eq!(
            code(&run(folder.path(), &["flush", "guestlist.db"])),
            69,
            "but for deleting everything under it"
        );
        server.kill();
        assert!(Serving::start(folder.path(), &[]).banner.contains("up to date"));
    }
}
