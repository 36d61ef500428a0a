//! The system's TUN device: on Linux with segmentation offload and several queues, elsewhere packet by packet.

#[cfg(not(target_os = "linux"))]
mod generic;
#[cfg(target_os = "linux")]
mod linux;
mod port;

use std::io;
use std::num::NonZeroUsize;

use praya_model::FailureCode;

#[cfg(not(target_os = "linux"))]
use generic as system;
#[cfg(target_os = "linux")]
use linux as system;
pub use port::TunPort;
pub use system::TunQueue;

use crate::io::Delivery;

/// Kernel limit of an interface name, in bytes without the terminating zero.
const MAX_NAME: usize = 15;
/// Packets that are read from a queue at once, before others get their turn.
const MAX_PACKETS: usize = 128;
/// The same in bytes. What is read should still be in the processor's cache when it is sent.
const MAX_BYTES: usize = 256 * 1024;

/// Why a TUN device cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TunError {
    /// The kernel offers none.
    #[error("/dev/net/tun is missing: load the kernel module `tun`, or give the container the device")]
    NoDriver,
    /// The process may not.
    #[error("no permission to make a TUN device: run as root, or with CAP_NET_ADMIN")]
    NotPermitted,
    /// Another interface, or another process, has the name.
    #[error("the interface name `{name}` is in use")]
    NameInUse {
        /// The name.
        name: String,
    },
    /// The name cannot be an interface's.
    #[error("`{name}` is not a usable interface name (1 to 15 characters, no `/`, no space)")]
    BadName {
        /// The name.
        name: String,
    },
    /// Anything else.
    #[error("cannot make a TUN device: {0}")]
    Io(#[from] io::Error),
}

impl From<TunError> for FailureCode {
    fn from(error: TunError) -> Self {
        Self::NoTunDevice { detail: error.to_string() }
    }
}

/// What is asked of a device.
#[derive(Clone, Copy, Debug)]
pub struct TunOptions<'a> {
    /// The interface's name; a `%d` in it becomes the first free number, and `None` means `praya%d`.
    pub name: Option<&'a str>,
    /// Queues, each of which one task reads. Only Linux gives more than one.
    pub queues: NonZeroUsize,
    /// Whether the kernel may hand over super-packets, and unfinished checksums, if it can.
    pub offload: bool,
}

impl Default for TunOptions<'_> {
    /// One queue with offload.
    fn default() -> Self {
        Self { name: None, queues: NonZeroUsize::MIN, offload: true }
    }
}

/// Makes TUN devices.
#[derive(Debug)]
pub struct TunDevice;

impl TunDevice {
    /// Makes a device and returns its queues, at least one. It vanishes with the last of them, and its addresses
    /// and routes with it. Needs a tokio runtime.
    ///
    /// It comes without addresses, down, and with the kernel's default MTU; `praya-netcfg` sets these.
    ///
    /// # Errors
    /// See [`TunError`].
    pub fn create(options: TunOptions<'_>) -> Result<Vec<TunQueue>, TunError> {
        let name = options.name.unwrap_or("praya%d");
        let usable = !name.is_empty()
            && name.len() <= MAX_NAME
            && name != "."
            && name != ".."
            && name.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b':'));
        if !usable {
            return Err(TunError::BadName { name: name.to_owned() });
        }
        TunQueue::create(name, options).map_err(|error| classify(error, name))
    }
}

/// What concerns one packet only (malformed, interface down, no memory now) is no reason to give the tunnel up.
pub(crate) fn outcome(sent: io::Result<usize>) -> io::Result<Delivery> {
    /// `EIO`: the interface is down.
    const EIO: i32 = 5;
    /// `ENOBUFS`.
    const ENOBUFS: i32 = 105;
    match sent {
        Ok(_) => Ok(Delivery::Delivered),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory
            ) || matches!(error.raw_os_error(), Some(EIO | ENOBUFS)) =>
        {
            Ok(Delivery::Dropped)
        }
        Err(error) => Err(error),
    }
}

pub(crate) fn classify(error: io::Error, name: &str) -> TunError {
    /// `ENXIO` and `ENODEV`: the device node is there, the driver is not.
    const NO_DRIVER: [i32; 2] = [6, 19];
    if error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error().is_some_and(|code| NO_DRIVER.contains(&code))
    {
        return TunError::NoDriver;
    }
    if error.kind() == io::ErrorKind::PermissionDenied {
        return TunError::NotPermitted;
    }
    // The kernel says EBUSY for a TUN of another process and EINVAL for an interface of another kind.
    let taken = error.kind() == io::ErrorKind::ResourceBusy
        || error.kind() == io::ErrorKind::InvalidInput && system::is_interface(name);
    if taken { TunError::NameInUse { name: name.to_owned() } } else { TunError::Io(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_s_errors_say_what_to_do() {
        let of = |code| classify(io::Error::from_raw_os_error(code), "nosuch0");
        assert!(matches!(of(2), TunError::NoDriver));
        assert!(matches!(of(19), TunError::NoDriver));
        assert!(matches!(of(1), TunError::NotPermitted));
        assert!(matches!(of(13), TunError::NotPermitted));
        assert!(matches!(of(16), TunError::NameInUse { .. }));
        assert!(matches!(of(22), TunError::Io(_)));
        assert!(matches!(classify(io::Error::from_raw_os_error(22), "lo"), TunError::NameInUse { .. }));
        let FailureCode::NoTunDevice { detail } = FailureCode::from(TunError::NoDriver) else { panic!() };
        assert!(detail.contains("/dev/net/tun"));
    }

    #[tokio::test]
    async fn an_impossible_name_is_refused_before_the_kernel_sees_it() {
        for name in ["", "a/b", "a b", "..", "sixteen-letters-"] {
            let options = TunOptions { name: Some(name), ..TunOptions::default() };
            assert!(matches!(TunDevice::create(options), Err(TunError::BadName { .. })), "{name}");
        }
    }

    #[test]
    fn one_bad_packet_does_not_end_a_tunnel() {
        for code in [5, 11, 12, 22, 105] {
            assert_eq!(outcome(Err(io::Error::from_raw_os_error(code))).unwrap(), Delivery::Dropped);
        }
        assert!(outcome(Err(io::Error::from_raw_os_error(77))).is_err());
    }
}
