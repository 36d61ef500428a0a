//! The system's TUN device as a [`PacketIo`].

use std::io;

use tun::AbstractDevice;

use crate::packet_io::{Delivery, PacketIo};
use crate::tun::{TunError, classify, outcome};

/// Kernel limit of an interface name, in bytes without the terminating zero.
const MAX_NAME: usize = 15;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_impossible_name_is_refused_before_the_kernel_sees_it() {
        for name in ["", "a/b", "a b", "..", "sixteen-letters-"] {
            assert!(matches!(TunDevice::create(Some(name)), Err(TunError::BadName { .. })), "{name}");
        }
    }
}
