//! `Info.plist` of XProtect, macOS's own, which is always there (4B).

use super::{Malformed, said};

const WRONG: Malformed = Malformed("the Info.plist of XProtect");

/// The version of its definitions. The file's own time says when they came.
///
/// # Errors
/// When it is not an XML property list with a version.
pub fn version(plist: &str) -> Result<String, Malformed> {
    let (_, after) = plist.split_once("<key>CFBundleShortVersionString</key>").ok_or(WRONG)?;
    let value = after.trim_start().strip_prefix("<string>").ok_or(WRONG)?;
    let (version, _) = value.split_once("</string>").ok_or(WRONG)?;
    let plain = version.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
    said(version).filter(|_| plain).ok_or(WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version() {
        assert_eq!(version(&super::super::tests::fixture("xprotect/Info.plist")).as_deref(), Ok("5317"));
        for plist in [
            "",
            "bplist00",
            "<key>CFBundleShortVersionString</key><string>1<",
            "<key>CFBundleShortVersionString</key>",
        ] {
            assert!(version(plist).is_err(), "{plist}");
        }
    }
}
