//! What Linux tells about a TCP connection, which no crate reads for us.
#![expect(unsafe_code, reason = "`TCP_INFO` has no safe form")]

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use super::LineState;

/// `struct tcp_info` of `linux/tcp.h` up to the last field that is of interest: bytes in it, and where the fields are.
const LENGTH: usize = 168;
/// Bits: `tcpi_delivery_rate_app_limited` is the first.
const RATE_IS_OURS: usize = 7;
const ROUND_TRIP: usize = 68;
const RETRANSMITS: usize = 100;
const LEAST_ROUND_TRIP: usize = 148;
const RATE: usize = 160;

/// Reads `TCP_INFO`.
pub(super) fn read(tcp: impl AsFd) -> io::Result<LineState> {
    let mut info = [0; LENGTH];
    let mut length = LENGTH as libc::socklen_t;
    // SAFETY: the descriptor is borrowed for the call, and the kernel writes at most `length` bytes to `info`, which is
    // that long.
    let outcome = unsafe {
        libc::getsockopt(
            tcp.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if outcome == 0 { Ok(decode(&info)) } else { Err(io::Error::last_os_error()) }
}

/// Older kernels leave out what they do not know: zeroes.
fn decode(info: &[u8; LENGTH]) -> LineState {
    // Never measured is the greatest number, and only here.
    let least = u32::from_ne_bytes(field(info, LEAST_ROUND_TRIP));
    let least = if least == u32::MAX { 0 } else { least };
    let first_bit = if cfg!(target_endian = "big") { 0x80 } else { 0x01 };
    LineState {
        retransmits: u32::from_ne_bytes(field(info, RETRANSMITS)).into(),
        round_trip: Duration::from_micros(u32::from_ne_bytes(field(info, ROUND_TRIP)).into()),
        least_round_trip: Duration::from_micros(least.into()),
        rate: u64::from_ne_bytes(field(info, RATE)),
        rate_is_ours: info[RATE_IS_OURS] & first_bit != 0,
    }
}

fn field<const N: usize>(info: &[u8; LENGTH], at: usize) -> [u8; N] {
    info.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_that_was_never_measured_is_none() {
        let mut info = [0; LENGTH];
        let mut told = |least: u32| {
            info[LEAST_ROUND_TRIP..][..4].copy_from_slice(&least.to_ne_bytes());
            decode(&info).least_round_trip
        };
        assert_eq!(told(u32::MAX), Duration::ZERO);
        assert_eq!(told(50_000), Duration::from_millis(50));
    }
}
