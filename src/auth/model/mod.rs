//! Tables of this slice, the one read that every request makes, and the one as somebody signs in.

pub mod entrance;
pub mod principal;
pub mod session;
pub mod signing_key;
