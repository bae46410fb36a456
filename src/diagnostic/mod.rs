//! What is wrong in a file that somebody wrote: where, what, and what would be right.

mod closest;
mod model;
mod position;
mod render;

pub use closest::closest;
pub use model::{Diagnostic, Diagnostics, Place, Severity, Source, Spanned};
pub use position::Position;
pub use render::RenderStyle;
