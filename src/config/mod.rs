//! From what the operator wrote to what the program understands: `settings` is the one type all
//! others read, `credentials` reads the file of user name and password, `roster` says who is probed as
//! whom.

pub mod credentials;
pub mod roster;
pub mod settings;
