//! Languages of the operator's: who is spoken to in which, what is said where words are missing, and what is refused.

use std::path::Path;

use guestlist::words::{Key, Words};
use poem::http::header::CONTENT_LANGUAGE;
use serde_json::json;
use tempfile::TempDir;

use crate::support::browser::Browser;
use crate::support::process::{Serving, command, run, stderr, stdout};
use crate::support::{self, TestApp};

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn setting(folder: &Path) -> String {
    format!("--words-dir={}", folder.display())
}

/// What is wrong with a folder of catalogues.
fn faults(files: &[(&str, &str)]) -> Vec<String> {
    let folder = folder(files);
    Words::load(Some(folder.path())).unwrap_err().iter().map(ToString::to_string).collect()
}

const GERMAN: &str = "sign-in = Anmelden\nskip = Zum Inhalt\n";

#[tokio::test]
async fn a_page_is_in_the_language_that_the_browser_asks_for() {
    let portuguese = "sign-in = Entrar\n";
    let arabic = "sign-in = تسجيل الدخول\n";
    let folder = folder(&[
        ("de.ftl", GERMAN),
        ("pt-BR.ftl", portuguese),
        ("ar.ftl", arabic),
        ("README.md", "other files are left alone"),
    ]);
    let app = TestApp::with(&[&setting(folder.path())]).await;
    let mut browser = Browser::new(&app);
    for (languages, tag, says) in [
        ("", "en", "Sign in"),
        ("fr", "en", "Sign in"),
        ("*", "en", "Sign in"),
        (";;,q=,;q=x,de;q=zwei", "en", "Sign in"),
        ("de", "de", "Anmelden"),
        ("de-CH", "de", "Anmelden"),
        ("DE-ch, en;q=0.9", "de", "Anmelden"),
        ("fr-FR, de;q=0.5, en;q=0.8", "en", "Sign in"),
        ("en;q=0.2, de;q=0.7, pt;q=0.5", "de", "Anmelden"),
        ("de;q=0, pt;q=0.1", "pt-BR", "Entrar"),
        ("pt", "pt-BR", "Entrar"),
        ("en-GB", "en", "Sign in"),
        ("ar-EG", "ar", "تسجيل"),
    ] {
        browser.languages = languages;
        let page = browser.get("/login").await;
        assert!(page.text.contains(&format!("<h1>{says}")), "{languages}: {}", page.text);
        let direction = if tag == "ar" { " dir=\"rtl\"" } else { "" };
        assert!(
            page.text.contains(&format!("<html lang=\"{tag}\"{direction}>")),
            "{languages}: {}",
            page.text
        );
        assert_eq!(page.headers[CONTENT_LANGUAGE], tag, "{languages}");
    }
    browser.languages = "de";
    let page = browser.get("/login").await.text;
    assert!(page.contains("Zum Inhalt") && page.contains("E-mail address"), "English where it has no words");
    let refused = browser.post_from("https://evil.test", "/login", &[]).await;
    assert!(refused.text.contains("<html lang=\"de\">"), "{}", refused.text);
}

#[tokio::test]
async fn whoever_asks_for_no_language_that_is_here_is_spoken_to_in_that_of_the_service() {
    let folder = folder(&[("de.ftl", GERMAN)]);
    let app = TestApp::with(&[&setting(folder.path()), "--language=de-AT"]).await;
    let mut browser = Browser::new(&app);
    for (languages, tag) in [("", "de"), ("fr", "de"), ("en-US", "en")] {
        browser.languages = languages;
        assert_eq!(browser.get("/login").await.headers[CONTENT_LANGUAGE], tag, "{languages}");
    }
    let owner = app.owner().await;
    let row = owner.invited("ann@x.test").await;
    assert_eq!(row["locale"], "de", "an invitation that names no language is in that of the service");
    app.tick().await;
    app.mails().await;
}

#[tokio::test]
async fn an_english_message_is_said_in_the_operators_words() {
    let folder = folder(&[("en.ftl", "sign-in = Come in\n")]);
    let app = TestApp::with(&[&setting(folder.path())]).await;
    let page = Browser::new(&app).get("/login").await.text;
    assert!(page.contains("<h1>Come in</h1>") && page.contains("To the content"), "{page}");
    assert!(app.app.config.words.languages()[0].missing().is_empty(), "what it leaves out is ours");
}

#[tokio::test]
async fn the_mail_of_an_invitation_is_in_its_language() {
    let german = "invitation-subject = Einladung zu { $tenant }
invitation-invited = { $inviter } lädt dich als { $role } zu { $tenant } ein.
mail-from-tenant = { $tenant } über
    Guestlist
moment = am { $day }. { $month ->
    [march] März
   *[other] { $month }
} { $year } um { $time } Uhr
link-subject = Neues Passwort
";
    let folder = folder(&[("de.ftl", german)]);
    let app = TestApp::with(&[&setting(folder.path())]).await;
    let owner = app.owner().await;
    for (email, locale, subject, tag) in [
        ("ann@x.test", "de-CH", "Einladung zu ACME", "de"),
        ("bob@x.test", "fr", "You are invited to join ACME", "en"),
        ("cid@x.test", "en-GB", "You are invited to join ACME", "en"),
    ] {
        owner.invite(json!({ "email": email, "locale": locale })).await;
        app.tick().await;
        let mail = app.mail_to(email).await;
        assert_eq!(mail.subject, subject, "{locale}");
        assert!(mail.html.contains(&format!("<html lang=\"{tag}\">")), "{}", mail.html);
        assert!(mail.raw.contains(&format!("Content-Language: {tag}\r\n")), "{}", mail.raw);
        let german = tag == "de";
        assert_eq!(
            mail.text.contains("Olivia Owner lädt dich als Member zu ACME ein."),
            german,
            "{}",
            mail.text
        );
        assert_eq!(mail.html.contains("<strong>ACME</strong> ein."), german, "{}", mail.html);
        assert_eq!(mail.text.contains("am 9. März 2026 um 12:00 Uhr"), german, "{}", mail.text);
        assert!(mail.text.contains("nothing happens until you accept"), "English where it has no words");
    }
    let parsed = app.mail_to("ann@x.test").await;
    let parsed = mail_parser::MessageParser::new().parse(parsed.raw.as_bytes()).unwrap();
    let sender = parsed.from().unwrap().first().unwrap();
    assert_eq!(sender.name(), Some("ACME über Guestlist"), "a header is one line, whatever a catalogue says");
}

#[test]
fn a_template_of_ones_own_says_messages_and_is_tried_in_every_language() {
    let words = folder(&[("de.ftl", "invitation-see = Zur Einladung\n")]);
    let templates = folder(&[("invitation.txt", "{{ t(\"invitation-see\") }}: {{ link }} ({{ locale }})")]);
    let data = tempfile::tempdir().unwrap();
    let args = [setting(words.path()), format!("--mail-templates={}", templates.path().display())];
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let texts = |more: &str| {
        let config = support::options(&data, &[&args[..], &[more]].concat()).check().unwrap();
        guestlist::mail::Mailer::new(&config).map(|mailer| mailer.preview().unwrap()[0].text.clone())
    };
    assert!(texts("--language=de").unwrap().starts_with("Zur Einladung: https://"));
    assert!(texts("--language=en").unwrap().starts_with("See the invitation: https://"));
    for wrong in ["{{ t(\"no-such-message\") }}", "{{ t(\"invitation-join\") }}"] {
        std::fs::write(templates.path().join("invitation.txt"), wrong).unwrap();
        let error = format!("{:?}", texts("--language=en").unwrap_err());
        assert!(error.contains("invitation.txt") && error.contains("guestlist words export"), "{error}");
    }
}

#[test]
fn a_catalogue_that_is_wrong_is_refused_with_its_place_and_what_to_do() {
    for (file, text, says) in [
        ("de.ftl", "sign-in = Anmelden\n\nskip Zum Inhalt\n", "de.ftl:3: it cannot be read as Fluent"),
        ("de.ftl", "sign-in = { $n\n", "de.ftl:"),
        ("de.ftl", "# Hallo\nsing-in = Anmelden\n", "de.ftl:2: there is no message `sing-in`"),
        (
            "de.ftl",
            "sign-in = Hallo { $name }\n",
            "de.ftl:1: `sign-in` is said without $name; what it has: none.",
        ),
        (
            "de.ftl",
            "choose-welcome = { $name ->\n   *[other] Hallo { $nmae }\n}\n",
            "de.ftl:2: `choose-welcome` is said without $nmae; what it has: $name.",
        ),
        ("de.ftl", "sign-in = a\nskip = b\nsign-in = c\n", "de.ftl:3: `sign-in` is there twice"),
        ("de.ftl", "sign-in = a\n    .title = b\n", "de.ftl:2: `sign-in.title`: messages have no attributes"),
        ("de.ftl", "sign-in = { skip }\n", "de.ftl:1: { skip }: messages do not refer to each other"),
        ("de.ftl", "sign-in = { -name }\n", "de.ftl:1: there is no term -name in this file"),
        ("de.ftl", "-name = { -other }\n", "de.ftl:1: there is no term -other in this file"),
        ("de.ftl", "sign-in = { DATETIME(1) }\n", "de.ftl:1: there is no function DATETIME()"),
        ("deutsch!.ftl", "sign-in = a\n", "deutsch!.ftl: its name is no language tag; name it like de.ftl"),
        ("en.ftl", "sing-in = a\n", "en.ftl:1: there is no message `sing-in`"),
    ] {
        let found = faults(&[(file, text)]);
        assert!(found.len() == 1 && found[0].starts_with(says), "{text}: {found:?}");
    }
    let all =
        faults(&[("de.ftl", "a = b\nc = d\n"), ("fr.ftl", "e = f\n"), ("pt-br.ftl", ""), ("pt-BR.ftl", "")]);
    assert_eq!(all.len(), 4, "all of them at once: {all:?}");
    assert!(all[3].contains("another file is for pt-BR as well"), "{all:?}");
    let sound = folder(&[("de.ftl", "-name = Gästeliste\nsign-in = { -name }: { NUMBER(1) }\n")]);
    let words = Words::load(Some(sound.path())).unwrap();
    assert_eq!(words.languages()[1].say(Key("sign-in")), "Gästeliste: 1");
    let missing = sound.path().join("missing");
    assert!(Words::load(Some(&missing)).unwrap_err()[0].to_string().contains("cannot be read"));
}

#[test]
fn a_message_that_goes_round_in_circles_is_said_in_english() {
    let folder = folder(&[("de.ftl", "-a = { -b }\n-b = { -a }\nsign-in = { -a }\n")]);
    let words = Words::load(Some(folder.path())).unwrap();
    assert_eq!(words.languages()[1].say(Key("sign-in")), "Sign in");
}

#[test]
fn the_settings_name_every_fault_and_the_languages_there_are() {
    let wrong = folder(&[("de.ftl", "sing-in = a\n"), ("fr.ftl", "skip = { $n }\n")]);
    let data = tempfile::tempdir().unwrap();
    let problems = support::options(&data, &[&setting(wrong.path())]).check().unwrap_err();
    let said: Vec<_> = problems.iter().map(|problem| (problem.setting, problem.advice.as_str())).collect();
    assert!(said.len() == 2 && said.iter().all(|(setting, _)| *setting == "GUESTLIST_WORDS_DIR"), "{said:?}");
    let sound = folder(&[("de.ftl", GERMAN)]);
    for language in ["fr", "no language"] {
        let language = format!("--language={language}");
        let problems = support::options(&data, &[&setting(sound.path()), &language]).check().unwrap_err();
        assert_eq!(problems[0].setting, "GUESTLIST_LANGUAGE");
        assert!(problems[0].advice.contains("words for: en, de."), "{problems:?}");
    }
}

#[tokio::test]
async fn t58_neither_a_catalogue_nor_a_name_brings_markup_into_a_page() {
    let german = "sign-in = <script>alert(1)</script>
skip = { \"<img src=x onerror=alert(1)>\" } &amp;
show = \" onclick=\"alert(1)
-term = <b>
email = { -term }
choose-tenant = '\"><script>
accept-invited = <i>{ $inviter } { $tenant }</i> { $email } { $role }
";
    let folder = folder(&[("de.ftl", german)]);
    let app = TestApp::with(&[&setting(folder.path())]).await;
    let owner = app.owner().await;
    let mut browser = Browser::signed_in(&app, "owner@acme.test").await;
    let name = "<script>\u{fdd0}\u{fdd1}</script>";
    let renamed = browser.post("/account/name", &[("name", name)]).await;
    assert_eq!(renamed.status, 303, "{}", renamed.text);
    let tenant = [("name", "<b>ACME"), ("slug", "acme"), ("policy", "APPROVAL")];
    let renamed = browser.post("/console/settings", &tenant).await;
    assert_eq!(renamed.status, 303, "{}", renamed.text);
    let token = owner.invite(json!({ "email": "ann@x.test" })).await;
    assert_eq!(token["userErrors"], json!([]), "{token}");
    app.tick().await;
    let token = app.mail_to("ann@x.test").await.token.unwrap();
    browser.languages = "de";
    let mut stranger = Browser::new(&app);
    stranger.languages = "de";
    let pages = [
        stranger.get("/login").await.text,
        stranger.post("/accept", &[("token", &token)]).await.text,
        browser.get("/console").await.text,
        browser.get("/account").await.text,
        browser.get("/login/tenant").await.text,
    ];
    for page in pages {
        let own = page.replace("<script type=\"module\" src=\"/assets/console.js\"></script>", "");
        for markup in ["<script", "<img src=x", " onclick=\"", "<i>", "<b>"] {
            assert!(!own.contains(markup), "{markup}: {page}");
        }
        assert!(page.contains("&lt;img src=x onerror=alert(1)&gt; &amp;amp;"), "{page}");
    }
    let seen = stranger.post("/accept", &[("token", &token)]).await.text;
    assert!(
        seen.contains("&lt;i&gt;<strong>") && seen.contains("</strong>&lt;/i&gt;"),
        "emphasis is ours: {seen}"
    );
}

#[test]
fn a_translator_copies_the_english_catalogue_and_is_told_what_is_missing() {
    let data = tempfile::tempdir().unwrap();
    let exported = run(data.path(), &["words", "export"]);
    assert!(exported.status.success());
    let text = stdout(&exported);
    let words = folder(&[("nl.ftl", &text), ("de.ftl", GERMAN)]);
    let place = words.path().to_str().unwrap();
    let checked = run(data.path(), &["words", "check", place]);
    assert!(checked.status.success(), "{}", stderr(&checked));
    let (missing, talk) = (stdout(&checked), stderr(&checked));
    let all = guestlist::words::english().count();
    assert_eq!(missing.lines().count(), all - 2, "{missing}");
    assert!(missing.contains("de  choose-welcome\n") && !missing.contains("nl  "), "{missing}");
    assert!(talk.contains(&format!("nl: {all} of {all} messages; 0 are said in English.")), "{talk}");
    let mut checking = command(data.path(), &["check"]);
    let checked = checking.env("GUESTLIST_WORDS_DIR", place).output().unwrap();
    assert!(stdout(&checked).contains(&format!("words     en, de ({} messages in English), nl", all - 2)));

    std::fs::write(words.path().join("fr.ftl"), "sing-in = a\n").unwrap();
    let wrong = run(data.path(), &["words", "check", place]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(stderr(&wrong).contains("fr.ftl:1: there is no message `sing-in`"), "{}", stderr(&wrong));
    for name in ["check", "serve"] {
        let mut starting = command(data.path(), &[name]);
        let refused = starting
            .env("GUESTLIST_WORDS_DIR", place)
            .env("GUESTLIST_LISTEN", "127.0.0.1:0")
            .output()
            .unwrap();
        assert_eq!(refused.status.code(), Some(78));
        assert!(stderr(&refused).contains("GUESTLIST_WORDS_DIR fr.ftl:1"), "{}", stderr(&refused));
    }
}

#[test]
fn a_start_says_once_how_many_messages_are_missing() {
    let words = folder(&[("de.ftl", GERMAN), ("fr.ftl", "sign-in = Entrer\n")]);
    let data = tempfile::tempdir().unwrap();
    let log = data.path().join("log");
    let mut starting = command(data.path(), &["serve"]);
    starting.env("GUESTLIST_WORDS_DIR", words.path()).env("GUESTLIST_LISTEN", "127.0.0.1:0");
    starting.stderr(std::fs::File::create(&log).unwrap());
    assert_eq!(Serving::spawn(starting).stop(), Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    let all = guestlist::words::english().count();
    assert_eq!(log.matches("messages are said in English").count(), 1, "{log}");
    assert!(log.contains(&format!("de {}, fr {}", all - 2, all - 1)), "{log}");
}
