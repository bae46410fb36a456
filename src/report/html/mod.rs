//! The report as one HTML page that one would paste into a post-mortem.
//!
//! It is self-contained: no request to anywhere, works from a `file://` address, prints, and needs
//! no script. Curves are SVG drawn here; a small inline script only adds a crosshair and the values
//! under it. All text goes through askama's escaping; the only markup made in Rust is SVG geometry,
//! which consists of numbers.
//!
//! Every plot is stretched over the same time axis, so that positions are shares of the axis in
//! percent, and labels are HTML that keeps its size at any width.

mod backdrop;
mod chart;
mod data;
mod lanes;
mod page;
mod scale;
mod series;
mod tables;

#[cfg(test)]
mod tests;

pub use page::render;
