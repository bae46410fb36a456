//! What is kept of a run: a versioned, append-only file of JSON lines, flushed each second and
//! readable when it was cut off at any byte.

mod format;
mod read;
mod write;

pub use format::{CutOff, FILE_NAME, FORMAT_VERSION, Header, Host, Line, Record};
pub use read::{ReadError, read, read_from};
pub use write::Writer;

#[cfg(test)]
mod tests;
