//! The Internet checksum (RFC 1071), fast enough to be done for every packet.

/// A ones' complement sum under way. Everything is added at an even offset of what is summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(
    /// Words as they lie in memory: their order does not matter before the end (RFC 1071 section 2 (B)).
    u64,
);

impl Sum {
    /// The sum of nothing.
    pub const ZERO: Self = Self(0);

    /// The sum of `bytes`; a last odd byte counts as if a zero followed.
    #[inline]
    pub fn of(bytes: &[u8]) -> Self {
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        let mut sum = if blocks.is_empty() { 0 } else { sum_blocks(blocks) };
        let (words, rest) = rest.as_chunks::<8>();
        for word in words {
            let word = u64::from_ne_bytes(*word);
            sum += (word & 0xffff_ffff) + (word >> 32);
        }
        let (halves, rest) = rest.as_chunks::<4>();
        for half in halves {
            sum += u64::from(u32::from_ne_bytes(*half));
        }
        let (quarters, rest) = rest.as_chunks::<2>();
        for quarter in quarters {
            sum += u64::from(u16::from_ne_bytes(*quarter));
        }
        if let [last] = rest {
            sum += u64::from(u16::from_ne_bytes([*last, 0]));
        }
        Self(sum)
    }

    /// Both sums together.
    #[must_use]
    #[inline]
    pub fn plus(self, other: Self) -> Self {
        let (sum, carry) = self.0.overflowing_add(other.0);
        // After a carry the sum is at most 2^64 - 2.
        Self(sum.wrapping_add(u64::from(carry)))
    }

    /// With a 16-bit field.
    #[must_use]
    pub fn plus_u16(self, value: u16) -> Self {
        self.plus(Self(u64::from(value.to_be())))
    }

    /// With a 32-bit field.
    #[must_use]
    pub fn plus_u32(self, value: u32) -> Self {
        self.plus(Self(u64::from(value.to_be())))
    }

    /// Without a 16-bit field that has been added before (RFC 1624 section 3).
    #[must_use]
    pub fn minus_u16(self, value: u16) -> Self {
        self.plus_u16(!value)
    }

    /// The sum in 16 bits: what a partial checksum field holds. Of anything but zeros it is never zero.
    pub fn fold(self) -> u16 {
        let mut sum = self.0;
        sum = (sum & 0xffff_ffff) + (sum >> 32);
        sum = (sum & 0xffff_ffff) + (sum >> 32);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        // Now it has 16 bits.
        u16::from_be(sum as u16)
    }

    /// The checksum over what was summed, the checksum field itself counted as zero.
    pub fn checksum(self) -> u16 {
        !self.fold()
    }

    /// The same for UDP, where zero means that there is none (RFC 768).
    pub fn udp_checksum(self) -> u16 {
        match self.checksum() {
            0 => 0xffff,
            checksum => checksum,
        }
    }

    /// Whether this is the sum of bytes that hold their own right checksum.
    pub fn is_whole(self) -> bool {
        self.fold() == 0xffff
    }
}

/// What is summed at a time: eight vectors of the least that every 64-bit machine has.
const BLOCK: usize = 128;

/// In independent lanes, which the compiler makes vectors of; at most 34 bits. A carry out of 64 bits would be lost;
/// so the upper halves of the words are summed for themselves besides, and the sum of the lower ones follows from
/// both.
#[inline(never)]
fn sum_blocks(blocks: &[[u8; BLOCK]]) -> u64 {
    const LANES: usize = BLOCK / 8;
    let mut sum = 0;
    // No sum of this many halves reaches 2^56, so that all of them together have room.
    for blocks in blocks.chunks(1 << 20) {
        let (mut all, mut upper) = ([0_u64; LANES], [0_u64; LANES]);
        for block in blocks {
            let (words, _) = block.as_chunks::<8>();
            for ((word, all), upper) in words.iter().zip(&mut all).zip(&mut upper) {
                let word = u64::from_ne_bytes(*word);
                *all = all.wrapping_add(word);
                *upper += word >> 32;
            }
        }
        for (all, upper) in all.into_iter().zip(upper) {
            sum += all.wrapping_sub(upper << 32) + upper;
        }
        sum = (sum & 0xffff_ffff) + (sum >> 32);
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 1071 section 4.1.
    fn naive(bytes: &[u8]) -> u16 {
        let mut sum = 0_u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or_default()]));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        u16::try_from(sum).unwrap()
    }

    proptest! {
        #[test]
        fn the_sum_is_that_of_the_words(bytes in prop::collection::vec(any::<u8>(), 0..700), start in 0_usize..9) {
            let bytes = bytes.get(start..).unwrap_or_default();
            prop_assert_eq!(Sum::of(bytes).fold(), naive(bytes));
            prop_assert_eq!(Sum::of(bytes).checksum(), !naive(bytes));
        }

        #[test]
        fn a_sum_may_be_made_in_parts(bytes in prop::collection::vec(any::<u8>(), 6..700), at in 0_usize..300) {
            let (left, right) = bytes.split_at((2 * at).min(bytes.len() & !1));
            prop_assert_eq!(Sum::of(left).plus(Sum::of(right)).fold(), naive(&bytes));
            let [a, b, c, d, e, f, ..] = bytes[..] else { panic!() };
            let fields = Sum::ZERO.plus_u16(u16::from_be_bytes([a, b])).plus_u32(u32::from_be_bytes([c, d, e, f]));
            prop_assert_eq!(fields.plus(Sum::of(&bytes[6..])).fold(), naive(&bytes));
        }

        #[test]
        fn what_is_taken_away_was_never_added(bytes in prop::collection::vec(any::<u8>(), 2..100), field: u16) {
            let sum = Sum::of(&bytes);
            let again = sum.plus_u16(field).minus_u16(field);
            prop_assert_eq!(again.fold() % 0xffff, sum.fold() % 0xffff);
        }
    }

    #[test]
    fn no_carry_is_lost() {
        for len in [0, 1, 2, 63, 64, 65, 1499, 65_535, 65_536, 200_000] {
            let bytes = vec![0xff; len];
            assert_eq!(Sum::of(&bytes).fold(), naive(&bytes), "{len}");
        }
        assert_eq!(Sum(u64::MAX).plus(Sum(u64::MAX)).plus_u16(1).fold(), 1);
    }

    #[test]
    fn the_example_of_the_rfc() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(Sum::of(&bytes).fold(), 0xddf2);
    }

    #[test]
    fn zero_says_in_udp_that_there_is_none() {
        assert_eq!(Sum::of(&[0xff, 0xff]).udp_checksum(), 0xffff);
        assert_eq!(Sum::of(&[0xff, 0xfe]).udp_checksum(), 1);
    }
}
