//! How hard a password is to guess, before it is chosen.

use chrono::TimeDelta;
use secrecy::SecretString;

use crate::actor::Actor;
use crate::app::App;
use crate::error::{Error, Result};
use crate::limits::{self, Limit};
use crate::password::Strength;

/// Most words that a password is held against.
const WORDS_MAX: usize = 10;
/// Longest of them in bytes, as addresses are.
const WORD_MAX: usize = 254;

/// Rates a password as choosing it would. Nothing is kept of it; what is counted is the network that asks.
///
/// # Errors
/// `BAD_USER_INPUT` at `context` for too much of it; `RATE_LIMITED`.
pub async fn rate_password(
    app: &App,
    actor: &Actor,
    password: &SecretString,
    context: &[String],
) -> Result<Strength> {
    if context.len() > WORDS_MAX || context.iter().any(|word| word.len() > WORD_MAX) {
        let said = format!("Give at most {WORDS_MAX} words of at most {WORD_MAX} bytes.");
        return Err(Error::bad_input("context", said));
    }
    let ratings = Limit::new("ratings", app.config.limits.ratings_per_ip, TimeDelta::minutes(5));
    limits::reserve(app, app.db.writer(), ratings, &actor.origin.network()).await?;
    let words: Vec<&str> = context.iter().map(String::as_str).collect();
    Ok(app.hasher.rate(password, &words))
}
