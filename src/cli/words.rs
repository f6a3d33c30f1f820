//! `words`: what a translator needs.

use std::path::Path;

use super::output::{say, talk};
use super::{Failure, Outcome};
use crate::words::{self, Words};

pub(super) fn export() -> Outcome {
    say(words::english_source().trim_end());
    Ok(())
}

/// Names what is wrong with the catalogues of a folder, which fails, and what they lack, which does not.
pub(super) fn check(folder: &Path) -> Outcome {
    let words = Words::load(Some(folder)).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(|fault| format!("  {fault}")).collect();
        Failure::new(Failure::FAILED, format!("the words need attention:\n{}", lines.join("\n")))
    })?;
    if words.languages().len() == 1 {
        talk(format_args!("{} holds no language but English.", folder.display()));
    }
    let all = words::english().count();
    for language in words.languages().iter().skip(1) {
        for key in language.missing() {
            say(format_args!("{}  {key}", language.tag()));
        }
        let missing = language.missing().len();
        talk(format_args!(
            "{}: {} of {all} messages; {missing} are said in English.",
            language.tag(),
            all - missing
        ));
    }
    Ok(())
}
