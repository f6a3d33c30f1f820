//! Commands that have commands of their own.

use std::path::PathBuf;

use clap::Subcommand;

/// What `migrate` does.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum Migrate {
    /// Apply what is pending (the default)
    Up,
    /// List what is pending
    Status,
}

/// What `tenant` does.
#[derive(Debug, Subcommand)]
pub(super) enum Tenant {
    /// Make a tenant and invite its owner
    Create {
        /// Name that people see
        name: String,
        /// Short name for URLs
        #[arg(long)]
        slug: String,
        /// Address of the owner
        #[arg(long)]
        owner: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List tenants
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// What `mail` does.
#[derive(Debug, Subcommand)]
pub(super) enum Mail {
    /// Send a mail that proves the settings work
    Test {
        /// Where to
        #[arg(long)]
        to: String,
    },
    /// Write a sample of each mail to a folder, to be looked at in a browser or a mail program
    Preview {
        /// Folder for the files
        folder: PathBuf,
        /// Write whole messages (.eml) as well
        #[arg(long)]
        eml: bool,
    },
    /// List mail that waits or failed, latest first
    List {
        /// Only mail in this state
        #[arg(long, value_enum)]
        state: Option<MailState>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Try mail again that failed or waits
    Retry {
        /// Identifiers, as `guestlist mail list` prints them
        #[arg(required_unless_present = "all")]
        ids: Vec<String>,
        /// All of it
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
}

/// States of a mail, as they are typed.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum MailState {
    /// Waits for its first attempt
    Queued,
    /// Waits for another attempt
    Retrying,
    /// Taken by the mail server
    Sent,
    /// Given up
    Failed,
    /// Not sent, since its reason was gone
    Suppressed,
}

/// What `keys` does.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum Keys {
    /// Make a new key; the one before it verifies until its tokens have ended
    Rotate,
}

/// What `events` does.
#[derive(Debug, Subcommand)]
pub(super) enum Events {
    /// Look for events that were changed, put in or taken out
    Verify {
        /// A head that was logged earlier, as CHAIN:POSITION:SEAL; the chain must still hold it
        #[arg(long, value_name = "HEAD")]
        head: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// What `words` does.
#[derive(Debug, Subcommand)]
pub(super) enum Words {
    /// Print the English catalogue, to be copied to a file such as `de.ftl` and translated
    Export,
    /// Check the catalogues of a folder, and name the messages that each language lacks
    Check {
        /// Folder, as in `GUESTLIST_WORDS_DIR`
        folder: PathBuf,
    },
}

/// What `outbox` does.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum Outbox {
    /// Send no mail until it is released, in every process
    Hold,
    /// Let mail leave again
    Release {
        /// Suppress what waits instead of sending it
        #[arg(long)]
        discard: bool,
    },
}
