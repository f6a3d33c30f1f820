//! Settings that follow from what was typed and from what is on disk: words, the public URL, where mail goes, the secret.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::secret::{load_or_make, read, weak};
use super::{MailTarget, Options, Problem, Problems};
use crate::mail::smtp::SmtpUrl;
use crate::words::Words;

impl Options {
    /// The catalogues, and the language of whoever asks for none that is here.
    pub(super) fn words(&self, problems: &mut Problems) -> Option<Words> {
        let words = match Words::load(self.words_dir.as_deref()) {
            Ok(words) => words,
            Err(faults) => {
                faults.iter().for_each(|fault| problems.add("GUESTLIST_WORDS_DIR", &fault.to_string()));
                return None;
            }
        };
        let known: Vec<&str> = words.languages().iter().map(|language| language.tag()).collect();
        let advice = format!(
            "must be a language that there are words for: {}. Others go into GUESTLIST_WORDS_DIR.",
            known.join(", ")
        );
        let speaking = words.clone().speaking(&self.language);
        if speaking.is_none() {
            problems.add("GUESTLIST_LANGUAGE", &advice);
        }
        speaking
    }

    pub(super) fn public_url(&self, development: bool) -> Result<String, Problem> {
        let problem = |advice: &str| Problem { setting: "GUESTLIST_PUBLIC_URL", advice: advice.to_owned() };
        match &self.public_url {
            Some(url) if !matches!(url.scheme(), "http" | "https") || url.host().is_none() => {
                Err(problem("must begin with https:// or http:// and name a host."))
            }
            Some(url) => Ok(url.as_str().trim_end_matches('/').to_owned()),
            None if development => Ok(format!("http://localhost:{}", self.listen.port())),
            None => Err(problem(
                "set it to the URL that people reach the service at, such as https://id.example.com.",
            )),
        }
    }

    pub(super) fn mail(&self, development: bool) -> Result<MailTarget, Problem> {
        let problem = |advice: String| Problem { setting: "GUESTLIST_SMTP_URL", advice };
        let url = match (&self.smtp_url, &self.smtp_url_file) {
            (Some(url), _) if !url.expose_secret().is_empty() => url.clone(),
            (_, Some(path)) => read(path).map_err(problem)?,
            _ if development => return Ok(MailTarget::Captured(self.data_dir.join("mail"))),
            _ => {
                return Err(problem(
                    "set it to your mail server, such as smtp://user:password@mail.example.com:587."
                        .to_owned(),
                ));
            }
        };
        if let Some(folder) = url.expose_secret().strip_prefix("file://") {
            return Ok(MailTarget::Folder(PathBuf::from(folder)));
        }
        let smtp = SmtpUrl::parse(&url, self.smtp_ca_file.clone()).map_err(problem)?;
        Ok(MailTarget::Smtp(Box::new(smtp)))
    }

    pub(super) fn secret(&self, development: bool) -> Result<SecretString, Problem> {
        let problem = |advice: String| Problem { setting: "GUESTLIST_SECRET_KEY", advice };
        let secret = match (&self.secret_key, &self.secret_key_file) {
            (Some(secret), _) => secret.clone(),
            (None, Some(path)) => read(path).map_err(problem)?,
            (None, None) if development => load_or_make(&self.data_dir).map_err(problem)?,
            (None, None) => {
                return Err(problem(
                    "set it to at least 32 random bytes, for instance from: openssl rand -base64 32"
                        .to_owned(),
                ));
            }
        };
        if weak(&secret) {
            return Err(problem("is too short or too plain; use at least 32 random bytes, for instance from: openssl rand -base64 32".to_owned()));
        }
        Ok(secret)
    }
}
