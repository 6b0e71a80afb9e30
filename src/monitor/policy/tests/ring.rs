//! Nothing is sent into a ring that is not synced.

use super::*;

#[test]
fn nothing_is_sent_unless_the_ring_is_synced() {
    for (sync, reason) in [
        (Sync::Unsynced, Reason::RingUnsynced),
        (Sync::Silent, Reason::Silent),
    ] {
        let mut bench = Bench::new(2);
        bench.fails_while_passes(0, 1);
        bench.backends.on_sync(sync);
        bench.check_held(0, &reason, None);
        bench.backends.on_sync(Sync::Synced);
        bench.take_down(0, 1);
        bench.backends.on_sync(sync);
        bench.check_held(0, &reason, None);
    }
}
