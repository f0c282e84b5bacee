//! The graph, drawn: where its boxes stand ([`layout`]), and how they look ([`svg`](self::svg)).

mod layers;
mod layout;
mod svg;

pub(super) use svg::svg;
