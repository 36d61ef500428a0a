//! Segmentation offload in user space: what the kernel joins is split, what arrives split is joined.

mod run;

pub use run::Run;
