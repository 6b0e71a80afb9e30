//! Chance, so that backends, and monitors on several directors, do not probe in step.
//!
//! It has no source of its own: the seed is given, and the same seed gives the same waits.

/// A sequence of numbers from a seed.
#[derive(Clone, Debug)]
pub struct Spread(u64);

impl Spread {
    /// A seed of zero spreads nothing.
    pub fn new(seed: u64) -> Spread {
        Spread(seed)
    }

    /// Evenly distributed between 0 and 1 (xorshift64); none where nothing is spread.
    pub(super) fn roll(&mut self) -> Option<f64> {
        if self.0 == 0 {
            return None;
        }
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Some((self.0 >> 11) as f64 / (1_u64 << 53) as f64)
    }
}
