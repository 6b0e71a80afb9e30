//! What can go wrong with a pool, as far as the engine and the log need to know it.
//!
//! Values and words only. Each kind of pool has its own faults and words, and makes this of them.

use serde::{Deserialize, Serialize};

use std::fmt;

/// Why a pool was not read, or what kept a command from its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolError {
    /// Which pool, as `Access` says it.
    pub pool: String,
    /// Tells whether a command may have been carried out: `leaves_doubt`.
    pub stage: Stage,
    /// Tells whether another connection would help.
    pub loss: Loss,
    /// In the words of this kind of pool.
    pub cause: String,
    /// What an operator has to check, as a question.
    pub advice: String,
}

/// Where in a connection's life it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Until something can be asked over it.
    Connection,
    /// Asking for the lists, or taking them in.
    Reading,
    /// Writing a command.
    Command,
    /// Waiting for the answer to a command.
    Reply,
}

/// What the engine has to know of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// The way to the pool leads elsewhere since the connection was opened, or nowhere.
    Moved,
    /// The other side ended the connection.
    Closed,
    /// Such as a lack of descriptors: another connection would be no better.
    Local,
    /// Such as a time-out, a refused connection, or an answer that is none.
    Other,
}

impl PoolError {
    /// Whether a command may have been carried out all the same. If not, the pool has certainly not seen it.
    pub fn leaves_doubt(&self) -> bool {
        match self.stage {
            Stage::Command | Stage::Reply => true,
            Stage::Connection | Stage::Reading => false,
        }
    }

    /// Whether the connection was closed where an answer to a command was due.
    pub fn is_close_for_reply(&self) -> bool {
        (self.stage, self.loss) == (Stage::Reply, Loss::Closed)
    }
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pool, self.cause)
    }
}

impl std::error::Error for PoolError {}
