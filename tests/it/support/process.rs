//! The real binary, as processes of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::database;

/// Path of the binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_guestlist");

/// The binary with nothing inherited from the environment but what it needs to start.
pub fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("GUESTLIST_ARGON2_M", "8")
        .env("GUESTLIST_ARGON2_T", "1");
    if let Some(url) = database::of_folder(folder) {
        command.env("GUESTLIST_DATABASE_URL", url);
    }
    command
}

/// Runs a command to its end.
pub fn run(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).stdin(Stdio::null()).output().unwrap()
}

/// Runs a command with text on its standard input.
pub fn run_with_input(folder: &Path, args: &[&str], text: &str) -> Output {
    feed(command(folder, args), text)
}

/// Runs a command that is put together already with text on its standard input.
pub fn feed(mut command: Command, text: &str) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A serving process, ended when dropped.
pub struct Serving {
    child: Child,
    pub url: String,
    pub banner: String,
}

impl Serving {
    /// Starts the binary on a port of the system's choice and waits until it says where it listens.
    pub fn start(folder: &Path, env: &[(&str, &str)]) -> Self {
        let mut command = command(folder, &["serve"]);
        command.envs(env.iter().copied());
        if !env.iter().any(|(name, _)| *name == "GUESTLIST_LISTEN") {
            command.env("GUESTLIST_LISTEN", "127.0.0.1:0");
        }
        Self::run(command)
    }

    /// Starts it by another program that is given the binary as its last argument.
    pub fn start_by(plain: Command, mut wrapper: Command, env: &[(String, String)]) -> Self {
        wrapper.arg(BINARY).env_clear().env("PATH", std::env::var("PATH").unwrap());
        for (name, value) in plain.get_envs() {
            if let Some(value) = value {
                wrapper.env(name, value);
            }
        }
        wrapper.current_dir(plain.get_current_dir().unwrap()).env("GUESTLIST_LISTEN", "127.0.0.1:0");
        wrapper.envs(env.iter().map(|(name, value)| (name, value)));
        Self::run(wrapper)
    }

    fn run(mut command: Command) -> Self {
        command.env("GUESTLIST_LOG", "off").stderr(Stdio::inherit());
        Self::spawn(command)
    }

    /// Starts the binary with everything it has to say written to a file.
    pub fn start_logging(folder: &Path, log: std::fs::File) -> Self {
        let mut command = command(folder, &["serve"]);
        command.env("GUESTLIST_LISTEN", "127.0.0.1:0").env("GUESTLIST_LOG", "trace").stderr(log);
        Self::spawn(command)
    }

    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut banner = String::new();
        let mut url = String::new();
        // The line about mail is the last one that is always there.
        while !banner.contains("\n  mail ") {
            let line = lines.next().expect("the server ended before it served").unwrap();
            if let Some(rest) = line.trim().strip_prefix("graphql ") {
                url = rest.trim().split("/graphql").next().unwrap().to_owned();
            }
            banner.push_str(&line);
            banner.push('\n');
        }
        // What else it prints must have somewhere to go.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url: url.replace("localhost", "127.0.0.1"), banner }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without warning (SIGKILL).
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop (SIGTERM) and returns its exit code.
    pub fn stop(mut self) -> Option<i32> {
        let killed = Command::new("kill").arg(self.pid().to_string()).status().unwrap();
        assert!(killed.success());
        self.child.wait().unwrap().code()
    }

    /// Sends an operation.
    pub async fn ask(
        &self,
        token: Option<&str>,
        query: &str,
        variables: Value,
    ) -> Result<Value, reqwest::Error> {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?;
        ask(&client, &self.url, token, query, variables).await
    }
}

/// Sends an operation with a client that is used again.
pub async fn ask(
    client: &reqwest::Client,
    url: &str,
    token: Option<&str>,
    query: &str,
    variables: Value,
) -> Result<Value, reqwest::Error> {
    let mut request =
        client.post(format!("{url}/graphql")).json(&json!({ "query": query, "variables": variables }));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.send().await?.json().await
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
