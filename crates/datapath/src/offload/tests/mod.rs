//! Splitting against a slow reference, joining against splitting, and the headers of both.

mod build;
mod check;
mod coalesce;
mod flows;
mod split;
mod virtio;
