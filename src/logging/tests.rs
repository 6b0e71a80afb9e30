//! The log as the rest of the program sees it.
