//! CoDel (RFC 8289) for one flow: whether the packet that goes next has to carry the news that its flow is too fast.

use std::time::{Duration, Instant};

/// With no more than this left behind it, a packet never waited because of its own flow: one ordinary packet, bytes.
const MTU: usize = 1514;

/// The state of RFC 8289, section 5.3.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Codel {
    /// When packets will have waited for too long for a whole interval.
    first_above: Option<Instant>,
    dropping: bool,
    drop_next: Option<Instant>,
    count: u32,
    last_count: u32,
}

impl Codel {
    /// Whether the packet that has left the queue after `waited`, with `left` bytes behind it, is to be dropped or
    /// marked. To be asked about every packet in its order.
    pub(super) fn judge(
        &mut self,
        now: Instant,
        waited: Duration,
        left: usize,
        target: Duration,
        interval: Duration,
    ) -> bool {
        let late = self.is_late(now, waited, left, target, interval);
        if self.dropping {
            self.dropping = late;
            let Some(due) = self.drop_next.filter(|due| late && now >= *due) else { return false };
            self.count = self.count.saturating_add(1);
            self.drop_next = Some(due + spacing(interval, self.count));
            return true;
        }
        if !late {
            return false;
        }
        self.dropping = true;
        // Resumes where it left off when that was not long ago.
        let recent = self.drop_next.is_some_and(|next| now.saturating_duration_since(next) < interval * 16);
        let delta = self.count.saturating_sub(self.last_count);
        self.count = if recent && delta > 1 { delta } else { 1 };
        self.last_count = self.count;
        self.drop_next = Some(now + spacing(interval, self.count));
        true
    }

    fn is_late(
        &mut self,
        now: Instant,
        waited: Duration,
        left: usize,
        target: Duration,
        interval: Duration,
    ) -> bool {
        if waited < target || left <= MTU {
            self.first_above = None;
            return false;
        }
        now >= *self.first_above.get_or_insert(now + interval)
    }
}

/// The control law: the more there were, the closer they come.
fn spacing(interval: Duration, count: u32) -> Duration {
    interval.div_f64(f64::from(count.max(1)).sqrt())
}
