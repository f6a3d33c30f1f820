//! Tables of this slice, and the one read that every request makes.

pub mod principal;
pub mod session;
pub mod signing_key;
