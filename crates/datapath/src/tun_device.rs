//! The system's TUN device as a [`PacketIo`].

use std::io;
use std::path::Path;

use praya_model::FailureCode;
use tun::AbstractDevice;

use crate::packet_io::{Delivery, PacketIo};

/// Kernel limit of an interface name, in bytes without the terminating zero.
const MAX_NAME: usize = 15;

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

/// A TUN device. It vanishes with its last owner, and its addresses and routes with it.
///
/// It comes without addresses, down, and with the kernel's default MTU; `praya-netcfg` sets these.
pub struct TunDevice {
    device: tun::AsyncDevice,
    name: String,
}

impl TunDevice {
    /// Makes a device called `name`; a `%d` in it becomes the first free number, and `None` means `praya%d`.
    /// Needs a tokio runtime.
    ///
    /// # Errors
    /// See [`TunError`].
    pub fn create(name: Option<&str>) -> Result<Self, TunError> {
        let wanted = name.unwrap_or("praya%d");
        let usable = !wanted.is_empty()
            && wanted.len() <= MAX_NAME
            && wanted != "."
            && wanted != ".."
            && wanted.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b':'));
        if !usable {
            return Err(TunError::BadName { name: wanted.to_owned() });
        }
        let mut configuration = tun::configure();
        configuration.tun_name(wanted);
        let device = tun::create_as_async(&configuration).map_err(|error| classify(error.into(), wanted))?;
        let name = device.tun_name().map_err(|error| TunError::Io(error.into()))?;
        Ok(Self { device, name })
    }

    /// The interface's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Hands one packet to the kernel without waiting; a packet that it does not take now is dropped.
    ///
    /// # Errors
    /// The device is gone.
    pub fn try_send(&self, packet: &[u8]) -> io::Result<Delivery> {
        // The device itself, which does not wait, and not the asynchronous wrapper around it.
        outcome(tun::Device::send(&self.device, packet))
    }
}

impl std::fmt::Debug for TunDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TunDevice").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PacketIo for TunDevice {
    async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.device.recv(buffer).await
    }

    async fn send(&self, packet: &[u8]) -> io::Result<Delivery> {
        outcome(self.device.send(packet).await)
    }
}

/// What concerns one packet only (malformed, interface down, no memory now) is no reason to give the tunnel up.
fn outcome(sent: io::Result<usize>) -> io::Result<Delivery> {
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

fn classify(error: io::Error, name: &str) -> TunError {
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
        || error.kind() == io::ErrorKind::InvalidInput && Path::new("/sys/class/net").join(name).exists();
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
            assert!(matches!(TunDevice::create(Some(name)), Err(TunError::BadName { .. })), "{name}");
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
