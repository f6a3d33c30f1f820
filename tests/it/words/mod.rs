//! The words of pages and mails: catalogues, languages, and that none was forgotten.

mod languages;
mod page;
mod pseudo;
mod sources;
mod tour;
