//! Processes under measurement: started on one core, watched through `/proc`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The core of the server; the other one is the load generator's.
const SERVER_CORE: &str = "0";
/// Password of everybody.
pub const PASSWORD: &str = "correct horse battery staple";

/// A server under measurement, ended when dropped.
pub struct Server {
    child: Child,
    pub url: String,
    /// From starting the process to its first word about where it listens.
    pub took: Duration,
}

impl Server {
    /// Starts a program on the core of servers and waits for a line that names its address.
    pub fn start(mut command: Command) -> Self {
        let begun = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let at = line.find("http://")?;
            line.contains("graphql")
                .then(|| line[at..].split("/graphql").next().unwrap_or_default().to_owned())
        });
        let url = address.expect("the server says where it listens").replace("localhost", "127.0.0.1");
        let took = begun.elapsed();
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url, took }
    }

    /// Guestlist in a folder, on a database, with settings beside the defaults.
    pub fn guestlist(folder: &Path, database: Option<&str>, settings: &[(&str, &str)]) -> Self {
        Self::serving(folder, database, settings, &["serve"])
    }

    /// As [`Server::guestlist`], with mail left to a worker of its own.
    pub fn without_worker(folder: &Path, database: Option<&str>, settings: &[(&str, &str)]) -> Self {
        Self::serving(folder, database, settings, &["serve", "--no-worker"])
    }

    fn serving(folder: &Path, database: Option<&str>, settings: &[(&str, &str)], args: &[&str]) -> Self {
        let mut command = guestlist(folder, database);
        command.args(args).env("GUESTLIST_LISTEN", "127.0.0.1:0").envs(settings.iter().copied());
        Self::start(command)
    }

    /// This very program as the ceiling, with narrow tables of its own in a database.
    pub fn ceiling(database: &str) -> Self {
        Self::by_hand("--ceiling", database)
    }

    /// As [`Server::ceiling`], on the tables of the service, which does not run.
    pub fn ceiling_on_own(database: &str) -> Self {
        Self::by_hand("--ceiling-own", database)
    }

    fn by_hand(flag: &str, database: &str) -> Self {
        let mut command = on_core(SERVER_CORE, &std::env::current_exe().expect("a path"));
        command.args([flag, database]);
        Self::start(command)
    }

    /// Seconds of processor time so far.
    pub fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
        // Fields 14 and 15 of the line, in ticks of a hundredth of a second (proc_pid_stat(5)).
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Resident size in MiB.
    pub fn resident(&self) -> f64 {
        self.status("VmRSS:")
    }

    /// Resident size in MiB without what is mapped from files, such as SQLite's database.
    pub fn own_memory(&self) -> f64 {
        self.status("RssAnon:")
    }

    fn status(&self, name: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap_or_default() / 1024.0
    }

    /// Sends an operation and returns its data; anything refused ends the run.
    pub async fn ask(&self, token: Option<&str>, query: &str, variables: Value) -> Value {
        let mut request = reqwest::Client::new()
            .post(format!("{}/graphql", self.url))
            .json(&json!({ "query": query, "variables": variables }));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
        assert!(answer.get("errors").is_none(), "{query}: {answer}");
        answer["data"].clone()
    }

    /// Signs in and returns access and refresh token.
    pub async fn sign_in(&self, email: &str) -> (String, String) {
        let query = "mutation L($i: LoginInput!) { login(input: $i) { tokens { accessToken refreshToken } userErrors { code } } }";
        let data = self.ask(None, query, json!({ "i": { "email": email, "password": PASSWORD } })).await;
        let token = |name: &str| data["login"]["tokens"][name].as_str().expect("tokens").to_owned();
        (token("accessToken"), token("refreshToken"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// A program bound to a core.
pub fn on_core(core: &str, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(program);
    command
}

fn guestlist(folder: &Path, database: Option<&str>) -> Command {
    let mut command = on_core(SERVER_CORE, Path::new(env!("CARGO_BIN_EXE_guestlist")));
    command.current_dir(folder).env("GUESTLIST_LOG", "error");
    if let Some(url) = database {
        command.env("GUESTLIST_DATABASE_URL", url);
    }
    command
}

/// Makes the administrator of a new database.
pub fn administrator(folder: &Path, database: Option<&str>) {
    let mut command = guestlist(folder, database);
    command.args(["create-superuser", "--email=root@bench.test", "--name=Root", "--password-stdin"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
    child.stdin.take().expect("a pipe").write_all(PASSWORD.as_bytes()).expect("it is read");
    assert!(child.wait().expect("it ends").success());
}
