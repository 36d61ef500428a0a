//! The system calls on a TUN device's descriptor that have no safe form.
#![expect(
    unsafe_code,
    reason = "ioctl, and reading to memory that was not written before, have no safe form"
)]

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, FromRawFd, IntoRawFd, OwnedFd};

use bytes::BytesMut;
use rustix::ioctl::{IntegerSetter, Opcode, Updater, ioctl, opcode};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// `linux/if_tun.h`: attach to an interface, making it when there is none.
const TUNSETIFF: Opcode = opcode::write::<c_int>(b'T', 202);
/// `linux/if_tun.h`: what the reader of the device can do for the kernel.
const TUNSETOFFLOAD: Opcode = opcode::write::<u32>(b'T', 208);
/// `linux/sockios.h`: how many packets an interface holds.
const SIOCSIFTXQLEN: Opcode = 0x8943;

/// `struct ifreq` of `linux/if.h`: a name, and what the request is about, in the machine's byte order.
#[repr(C, align(8))]
struct InterfaceRequest {
    name: [u8; 16],
    value: [u8; 24],
}

impl InterfaceRequest {
    /// The name is cut off where the kernel's ends.
    fn new<const N: usize>(name: &str, value: [u8; N]) -> Self {
        let mut request = Self { name: [0; 16], value: [0; 24] };
        request.name.iter_mut().take(15).zip(name.bytes()).for_each(|(to, from)| *to = from);
        request.value.iter_mut().zip(value).for_each(|(to, from)| *to = from);
        request
    }
}

/// Makes the descriptor of `/dev/net/tun` a queue of an interface; returns the interface's name.
pub(super) fn attach(tun: impl AsFd, name: &str, flags: u16) -> io::Result<String> {
    let mut request = InterfaceRequest::new(name, flags.to_ne_bytes());
    // SAFETY: this request reads and writes one `struct ifreq`, which `InterfaceRequest` is at least as large as.
    unsafe { ioctl(tun, Updater::<TUNSETIFF, _>::new(&mut request)) }?;
    let end = request.name.iter().position(|byte| *byte == 0).unwrap_or(request.name.len());
    Ok(String::from_utf8_lossy(request.name.get(..end).unwrap_or_default()).into_owned())
}

/// Tells the kernel what may be left to do in packets that are read from the device (`TUN_F_…`).
pub(super) fn set_offload(tun: impl AsFd, features: u32) -> io::Result<()> {
    // SAFETY: this request takes a number and touches no memory.
    Ok(unsafe { ioctl(tun, IntegerSetter::<TUNSETOFFLOAD>::new_usize(features as usize)) }?)
}

/// Sets how many packets the interface holds; `socket` is any socket of its network.
pub(super) fn set_queue_length(socket: impl AsFd, name: &str, packets: c_int) -> io::Result<()> {
    let mut request = InterfaceRequest::new(name, packets.to_ne_bytes());
    // SAFETY: this request reads one `struct ifreq`, which `InterfaceRequest` is at least as large as.
    Ok(unsafe { ioctl(socket, Updater::<SIOCSIFTXQLEN, _>::new(&mut request)) }?)
}

/// The descriptor of a device that was made elsewhere.
pub(super) fn descriptor(device: impl IntoRawFd) -> OwnedFd {
    // SAFETY: `into_raw_fd` hands over an open descriptor that nobody else closes.
    unsafe { OwnedFd::from_raw_fd(device.into_raw_fd()) }
}

/// Lets the runtime say when the device has something to read.
pub(super) fn watch(tun: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open until it is dropped, and always the same descriptor.
    Ok(unsafe { AsyncFd::register_with_interest(tun, Interest::READABLE) }?)
}

/// Reads one packet to the end of `buffer`, as long as there is room.
pub(super) fn read(tun: impl AsFd, buffer: &mut BytesMut) -> io::Result<usize> {
    let (read, _) = rustix::io::read(tun, buffer.spare_capacity_mut())?;
    let read = read.len();
    // SAFETY: the bytes behind the old length, so many of them, have just been written, within the capacity.
    unsafe { buffer.set_len(buffer.len() + read) };
    Ok(read)
}
