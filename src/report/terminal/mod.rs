//! The report as text for a terminal or a log: verdict, gates, a timeline in characters, recovery,
//! totals, doubts. It is readable without colour, and fits the width that it is given.

mod ink;
mod page;
mod tables;
mod timeline;

#[cfg(test)]
mod tests;

pub use page::render;
