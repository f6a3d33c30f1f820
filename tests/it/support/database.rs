//! A database for each test: a SQLite file in its folder, or one of its own on the PostgreSQL server that `tests/postgres.rs`
//! names.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock};

use sea_orm::{ConnectOptions, ConnectionTrait as _, Database};

/// URL of the server, without a database; nothing for SQLite.
pub fn server() -> Option<String> {
    std::env::var("GUESTLIST_TEST_BACKEND").ok()
}

/// What the thread that speaks to the server is asked to do: statements, and where to say that they are done.
type Order = (Vec<String>, Sender<()>);

static CLERK: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
static MADE: AtomicU32 = AtomicU32::new(0);

/// Runs statements on the server's own database, in a thread with a runtime of its own: tests with and without one
/// wait for it alike.
fn tell(statements: Vec<String>) {
    let clerk = CLERK.get_or_init(|| {
        let (orders, inbox) = channel::<Order>();
        let url = format!("{}/postgres", server().expect("a server"));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let mut options = ConnectOptions::new(url);
            options.max_connections(1).sqlx_logging(false);
            let db = runtime.block_on(Database::connect(options)).expect("the server answers");
            for (statements, done) in inbox {
                for statement in statements {
                    runtime.block_on(db.execute_unprepared(&statement)).expect(&statement);
                }
                let _ = done.send(());
            }
        });
        Mutex::new(orders)
    });
    let (done, wait) = channel();
    clerk.lock().unwrap().send((statements, done)).unwrap();
    wait.recv().expect("the statements were run");
}

fn fresh_name() -> String {
    format!("guestlist_test_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::SeqCst))
}

/// A migrated database; dropped with this value.
pub struct Fresh {
    pub url: String,
    name: String,
}

impl Fresh {
    /// One on the server; `None` where tests stand on SQLite.
    pub fn new() -> Option<Self> {
        let server = server()?;
        let name = fresh_name();
        tell(vec![format!("CREATE DATABASE {name} TEMPLATE guestlist_test_template")]);
        Some(Self { url: format!("{server}/{name}"), name })
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            tell(vec![format!("DROP DATABASE {} WITH (FORCE)", self.name)]);
        }
    }
}

/// The URL of an empty database for processes that run in a folder, the same one each time; `None` where they use the
/// SQLite file there.
pub fn of_folder(folder: &Path) -> Option<String> {
    static FOLDERS: OnceLock<Mutex<HashMap<PathBuf, String>>> = OnceLock::new();
    let server = server()?;
    let mut folders = FOLDERS.get_or_init(Mutex::default).lock().unwrap();
    let name = folders.entry(folder.to_owned()).or_insert_with(|| {
        let name = fresh_name();
        tell(vec![format!("CREATE DATABASE {name}")]);
        name
    });
    Some(format!("{server}/{name}"))
}

/// Ends the leases on mail in the database of a folder, so that no test waits for them; without effect on SQLite, where a
/// process that starts ends them.
pub fn end_leases(folder: &Path) {
    if let Some(url) = of_folder(folder) {
        end_leases_at(url);
    }
}

/// As [`end_leases`], in the database of a URL.
pub fn end_leases_at(url: String) {
    let run = async move {
        let db = Database::connect(url).await.unwrap();
        let statement =
            "UPDATE outbox SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL";
        db.execute_unprepared(statement).await.unwrap();
        db.close().await.unwrap();
    };
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || runtime().block_on(run)).join().unwrap();
}
