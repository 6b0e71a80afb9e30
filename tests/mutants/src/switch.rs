/// Which mutant is alive. Appended to `lib.rs` of the woven source: every mutant is in the binary, and asks here.
#[doc(hidden)]
pub mod mutants {
    use std::io::Write;
    use std::sync::atomic::{AtomicU32, AtomicU8, Ordering};

    const UNREAD: u32 = u32::MAX;
    const TRACING: u32 = u32::MAX - 1;
    const NONE: u32 = u32::MAX - 2;
    const MOST: usize = 16_384;

    static ALIVE: AtomicU32 = AtomicU32::new(UNREAD);
    static REACHED: [AtomicU8; MOST] = {
        #[allow(clippy::declare_interior_mutable_const)]
        const NOT_YET: AtomicU8 = AtomicU8::new(0);
        [NOT_YET; MOST]
    };

    /// Whether the mutant of this number is the one that MUTANT in the environment names.
    #[inline]
    pub fn alive(number: u32) -> bool {
        let alive = ALIVE.load(Ordering::Relaxed);
        if alive >= TRACING {
            return trace(number);
        }
        alive == number
    }

    /// MUTANT_TRACE names a file to which the number of each mutant that is met is added.
    #[cold]
    fn trace(number: u32) -> bool {
        let path = std::env::var_os("MUTANT_TRACE");
        if ALIVE.load(Ordering::Relaxed) == UNREAD {
            let named = std::env::var("MUTANT").ok();
            let named = named.map(|text| text.parse().expect("MUTANT is a number"));
            let without = if path.is_some() { TRACING } else { NONE };
            ALIVE.store(named.unwrap_or(without), Ordering::Relaxed);
            return alive(number);
        }
        if REACHED[number as usize].swap(1, Ordering::Relaxed) == 0 {
            let mut options = std::fs::OpenOptions::new();
            let file = options.append(true).create(true).open(path.expect("it is set"));
            writeln!(file.expect("the trace can be opened"), "{number}").expect("it is written");
        }
        false
    }
}
