//! Which record numbers were already seen (RFC 6347 section 4.1.2.6).

/// How far back a late record is told from a repeated one.
const WINDOW: u64 = 64;

/// The highest number opened so far, and which of the 64 up to it.
#[derive(Default)]
pub(crate) struct ReplayWindow {
    /// One more than the highest number, so that 0 stands for none.
    next: u64,
    /// Bit n: the number `next - 1 - n` was opened.
    seen: u64,
}

impl ReplayWindow {
    /// Whether a record of this number may be opened. Asked before the record is authenticated, and changes nothing.
    pub(crate) fn is_new(&self, number: u64) -> bool {
        match self.next.checked_sub(number) {
            None | Some(0) => true,
            Some(age) if age <= WINDOW => self.seen & (1 << (age - 1)) == 0,
            Some(_) => false,
        }
    }

    /// Notes a number whose record was authentic.
    pub(crate) fn note(&mut self, number: u64) {
        if number >= self.next {
            let forward = number - self.next + 1;
            self.seen = (if forward < WINDOW { self.seen << forward } else { 0 }) | 1;
            self.next = number + 1;
        } else if let age @ 1..=WINDOW = self.next - number {
            self.seen |= 1 << (age - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_window_is_sixty_four_records_wide() {
        let mut window = ReplayWindow::default();
        window.note(100);
        assert!(!window.is_new(100));
        assert!(window.is_new(37) && !window.is_new(36));
        window.note(37);
        assert!(!window.is_new(37));
        window.note(164);
        assert!(!window.is_new(100) && window.is_new(101) && !window.is_new(164) && window.is_new(165));
    }

    proptest! {
        #[test]
        fn no_number_is_accepted_twice(numbers in prop::collection::vec(0u64..200, 0..400)) {
            let mut window = ReplayWindow::default();
            let mut accepted = std::collections::BTreeSet::new();
            for number in numbers {
                let highest = accepted.last().copied().unwrap_or(0);
                if window.is_new(number) {
                    window.note(number);
                    prop_assert!(accepted.insert(number), "{number} twice");
                } else {
                    prop_assert!(accepted.contains(&number) || number + WINDOW <= highest, "{number} refused");
                }
            }
        }
    }
}
