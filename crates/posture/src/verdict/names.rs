//! What systems and products are called; the words that a view does not translate.

use praya_model::posture::{MAX_NAME, Name, is_plain};

use crate::facts::{Family, OsFamily};

/// `text` as a name: of plain characters, cut to its length, `?` where nothing is left.
pub(super) fn name(text: &str) -> Name {
    let clean: String = text.chars().filter(|c| is_plain(*c)).take(MAX_NAME).collect();
    let clean = if clean.trim().is_empty() { "?".to_owned() } else { clean };
    Name::try_from(clean).expect("it is neither empty nor too long, and all of it is plain")
}

/// [`name`], where there is a text.
pub(super) fn optional_name(text: &str) -> Option<Name> {
    (!text.trim().is_empty()).then(|| name(text))
}

pub(super) const fn platform(family: OsFamily) -> &'static str {
    match family {
        OsFamily::Windows => "Windows",
        OsFamily::Macos => "macOS",
        OsFamily::Linux => "Linux",
    }
}

/// A product's name as its maker writes it.
pub(super) fn product(product: &str) -> String {
    let known = match product {
        "windows" => "Windows",
        "windows-server" => "Windows Server",
        "macos" => "macOS",
        "rhel" => "Red Hat Enterprise Linux",
        "almalinux" => "AlmaLinux",
        "rocky" => "Rocky Linux",
        "opensuse-leap" => "openSUSE Leap",
        "linuxmint" => "Linux Mint",
        other => {
            let mut letters = other.chars();
            let first = letters.next().map(char::to_uppercase);
            return first.into_iter().flatten().chain(letters).collect();
        }
    };
    known.to_owned()
}

pub(super) const fn family(family: Family) -> &'static str {
    match family {
        Family::Avira => "Avira AntiVir",
        Family::Avast => "Avast",
        Family::Avg => "AVG",
        Family::Clamav => "ClamAV",
        Family::Eset => "ESET NOD32",
        Family::Kaspersky => "Kaspersky",
        Family::Mcafee => "McAfee / Trellix",
        Family::Sophos => "Sophos",
        Family::Symantec => "Symantec",
        Family::Trendmicro => "Trend Micro",
        Family::Qihoo360 => "360",
        Family::Defender => "Microsoft Defender",
        Family::Xprotect => "XProtect",
        Family::Other => "Other",
    }
}
