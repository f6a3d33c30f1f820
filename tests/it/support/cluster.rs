//! A throw-away PostgreSQL, started from the installed binaries.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The folder with `initdb` and `postgres`, the newest one first.
pub fn programs() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> =
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut packaged: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
    packaged.sort();
    folders.extend(packaged.into_iter().rev());
    folders.into_iter().find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

/// A server of its own in a folder of its own, gone when dropped.
pub struct Cluster {
    pub url: String,
    programs: PathBuf,
    port: u16,
    durable: bool,
    server: Child,
    folder: tempfile::TempDir,
}

impl Cluster {
    /// One that is as quick as can be, or `durable` as it comes.
    pub fn start(programs: &Path, durable: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if is_root() {
            // PostgreSQL refuses to run as root; its package brings a user.
            let given = Command::new("chown").arg("postgres").arg(folder.path()).status().unwrap();
            assert!(given.success(), "a user called postgres owns the folder");
        }
        let made = unprivileged(&programs.join("initdb"), true)
            .args(["--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"])
            .arg(format!("--pgdata={}", folder.path().join("data").display()))
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success(), "initdb makes a cluster");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = serve(programs, folder.path(), port, durable);
        let url = format!("postgres://postgres@127.0.0.1:{port}");
        Self { url, programs: programs.to_owned(), port, durable, server, folder }
    }

    /// Ends it without a checkpoint, as a crash would, and starts it again on the same port after a pause.
    pub fn crash(&mut self, pause: std::time::Duration) {
        self.end("-QUIT");
        std::thread::sleep(pause);
        self.server = serve(&self.programs, self.folder.path(), self.port, self.durable);
    }

    /// Ends the server by a signal, said again until it is heard: one that is only just starting may not hear it.
    fn end(&mut self, signal: &str) {
        for round in 0..600 {
            if round % 10 == 0 {
                let _ = Command::new("kill").args([signal, &self.server.id().to_string()]).status();
            }
            if self.server.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn serve(programs: &Path, folder: &Path, port: u16, durable: bool) -> Child {
    let mut command = unprivileged(&programs.join("postgres"), !durable);
    command.arg("-D").arg(folder.join("data"));
    let port = format!("port={port}");
    let mut settings = vec![
        port.as_str(),
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=400",
        "log_min_messages=fatal",
    ];
    if !durable {
        settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"]);
    }
    for setting in settings {
        command.args(["-c", setting]);
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // SIGINT disconnects clients and shuts down in order.
        self.end("-INT");
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// A command as the user postgres where we are root, ended with this process if `tied` and where the system can do that.
fn unprivileged(program: &Path, tied: bool) -> Command {
    if Command::new("setpriv").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err()
    {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    // The system ties a process to the thread that began it, which for one that is started again may end early.
    if tied {
        command.arg("--pdeathsig=KILL");
    }
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    }
    command.arg(program);
    command
}
