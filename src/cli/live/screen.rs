//! A block of lines at the foot of a terminal, drawn over itself without flicker: each drawing is
//! one write, which erases only what it does not overwrite.

use std::{
    io::Write,
    sync::{Mutex, PoisonError},
};

/// The block that is drawn now. Whoever wants to say something says it through here, above the
/// block, from any thread.
#[derive(Debug, Default)]
pub(super) struct Screen(Mutex<Block>);

#[derive(Debug, Default)]
struct Block {
    text: String,
}

impl Screen {
    /// Draws the block anew.
    pub(super) fn show(&self, text: String) {
        self.with(|block| block.replace(text));
    }

    /// Prints a line above it, which stays.
    pub(super) fn say(&self, line: &str) {
        self.with(|block| block.below(line));
    }

    /// Takes the block away.
    pub(super) fn clear(&self) {
        self.with(|block| block.replace(String::new()));
    }

    fn with(&self, draw: impl FnOnce(&mut Block) -> String) {
        let mut block = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        emit(&draw(&mut block));
    }
}

/// Writes to stderr. Whether anybody still listens there is nothing to a run.
pub(super) fn emit(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

impl Block {
    fn replace(&mut self, text: String) -> String {
        let home = self.home();
        self.text = text;
        home + &self.drawn()
    }

    fn below(&self, line: &str) -> String {
        format!("{}{line}\x1b[K\n{}", self.home(), self.drawn())
    }

    /// From the end of the block, where the cursor rests, to its beginning.
    fn home(&self) -> String {
        match self.text.matches('\n').count() {
            0 => "\r".to_owned(),
            up => format!("\r\x1b[{up}A"),
        }
    }

    /// Each line erases what is left of the one under it; the last one all that follows.
    fn drawn(&self) -> String {
        format!("{}\x1b[J", self.text.replace('\n', "\x1b[K\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_drawn_over_the_one_before() {
        let mut block = Block::default();
        assert_eq!(block.replace("a\nb".into()), "\ra\x1b[K\nb\x1b[J");
        assert_eq!(
            block.replace("c\nd\ne".into()),
            "\r\x1b[1Ac\x1b[K\nd\x1b[K\ne\x1b[J"
        );
        assert_eq!(block.replace(String::new()), "\r\x1b[2A\x1b[J");
    }

    #[test]
    fn what_is_said_stands_above_the_block() {
        let mut block = Block::default();
        assert_eq!(block.below("hello"), "\rhello\x1b[K\n\x1b[J");
        block.replace("a\nb".into());
        assert_eq!(
            block.below("hello"),
            "\r\x1b[1Ahello\x1b[K\na\x1b[K\nb\x1b[J"
        );
    }
}
