//! From what the operator wrote to what the program understands: `settings` is the one type all
//! others read, `credentials` reads the file of user name and password.

pub mod credentials;
pub mod settings;
