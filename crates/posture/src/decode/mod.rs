//! What files, programs and interfaces of a system say, understood: one file per format, nothing else but bytes in
//! and values out.
//!
//! A decoder never panics and never reads a clock. What it does not understand is [`Malformed`], which becomes
//! [`Unavailable::Malformed`](crate::facts::Unavailable::Malformed); it is never taken for good news.

pub mod clamd;
pub mod cvd;
pub mod date;
pub mod dconf;
pub mod definitions;
pub mod dpkg;
pub mod efi;
pub mod eset;
pub mod firewall_profiles;
pub mod firewalld;
pub mod kesl;
pub mod lsblk;
pub mod macos;
pub mod mdatp;
pub mod mp_status;
pub mod nft;
pub mod os_release;
pub mod processes;
pub mod product;
pub mod product_state;
pub mod rpm;
pub mod system_extensions;
pub mod ufw;
pub mod uninstall;
pub mod units;
pub mod updates;
pub mod volume;
pub mod windows_version;
pub mod wsc;
pub mod xprotect;

#[cfg(test)]
pub(crate) mod tests;

use crate::facts::MAX_TEXT;

/// What was read has no form that is known; it says which form was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not {0}")]
pub struct Malformed(pub &'static str);

/// `text` as a fact may hold it: trimmed, without control characters, at most [`MAX_TEXT`] bytes.
pub fn clip(text: &str) -> String {
    let plain: String = text.chars().filter(|letter| !letter.is_control()).collect();
    let plain = plain.trim();
    let end = (0..=plain.len().min(MAX_TEXT)).rev().find(|&end| plain.is_char_boundary(end));
    plain.get(..end.unwrap_or(0)).unwrap_or_default().trim_end().to_owned()
}

/// [`clip`], where an empty text says nothing.
pub fn said(text: &str) -> Option<String> {
    Some(clip(text)).filter(|text| !text.is_empty())
}
