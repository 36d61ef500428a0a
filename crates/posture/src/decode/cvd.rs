//! The header of ClamAV's databases, `.cvd` and `.cld`: 512 bytes of text, so that their age can be read without clamd.

use praya_model::Timestamp;

use super::{Malformed, date};

/// The header's length in bytes.
pub const HEADER: usize = 512;

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Header {
    /// When it was made.
    pub at: Timestamp,
    /// The database's version.
    pub version: u32,
}

/// Reads the header that `file` begins with: `ClamAV-VDB:07 Oct 2026 06-24 +0000:27500:…`.
///
/// # Errors
/// When it does not begin so.
pub fn header(file: &[u8]) -> Result<Header, Malformed> {
    let wrong = Malformed("a database of ClamAV");
    let header = file.get(..HEADER).unwrap_or(file);
    let text = header.strip_prefix(b"ClamAV-VDB:").ok_or(wrong)?;
    let mut fields = text.split(|&byte| byte == b':').map(std::str::from_utf8);
    let mut field = || fields.next().and_then(Result::ok).ok_or(wrong);
    Ok(Header { at: date::clamav(field()?)?, version: field()?.parse().map_err(|_| wrong)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_and_version() {
        let mut file =
            b"ClamAV-VDB:07 Oct 2026 06-24 +0000:27500:2067890:90:d41d8cd98f00b204e9800998ecf8427e:c2ln:raynman:1791354240"
                .to_vec();
        file.resize(HEADER, b' ');
        file.extend([0x1f, 0x8b]);
        let expected = Header { at: Timestamp::from_secs(1_791_354_240), version: 27_500 };
        assert_eq!(header(&file), Ok(expected));
    }

    #[test]
    fn other_files_are_no_databases() {
        for file in [
            &b""[..],
            b"ClamAV-VDB:",
            b"ClamAV-VDB:07 Oct 2026 06-24 +0000",
            b"ClamAV-VDB:soon:1:",
            b"\x1f\x8b",
        ] {
            assert!(header(file).is_err(), "{file:?}");
        }
    }
}
