//! The graph, drawn: where its boxes stand (`layout`, of `layers`), and how they look (`svg`).

mod layers;
mod layout;
mod svg;

pub(super) use svg::svg;
