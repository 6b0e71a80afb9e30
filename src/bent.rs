//! Samples for tests, bent in one way at a time, the same ways on every machine:
//! - every bit, every pair of bits within a byte and within two neighbouring bytes, and every byte;
//! - every pair of bytes of a sample of up to `SHORT` bytes, and of a longer one those at most `WINDOW` apart;
//! - every front and end cut off.
//!
//! `make flips` asks for every pair of bits and of bytes, however far apart. They are as many as the square of a
//! sample's length, and mostly hit two words of a text, which its reader judges one by one; so `make check` does without.
//! It flips no bits of two bytes of a file either: to read one takes up to two milliseconds, and no single word of it
//! says that all is well.

use std::env;

/// Of the longest sample of which every pair of bytes is flipped.
const SHORT: usize = 48;
/// How far apart two bytes of a longer sample are that are flipped together.
const WINDOW: usize = 4;

/// Which pairs of a sample are flipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pairs {
    /// Bits of neighbours, and bytes at most `WINDOW` apart.
    Near,
    /// Bits of neighbours, and all bytes.
    Bytes,
    /// All bits, and all bytes.
    All,
}

impl Pairs {
    /// `All` if they are asked for, otherwise these.
    pub(crate) fn all_or(few: Pairs) -> Pairs {
        match env::var("POOLMON_FLIPS").as_deref() {
            Ok("all") => Pairs::All,
            Ok(other) => panic!("POOLMON_FLIPS={other}: must be all, or not be there"),
            Err(_) => few,
        }
    }
}

/// What is flipped: bits of the byte at a place, and of another one, which may be the same place without bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flip {
    at: usize,
    bits: u8,
    other: usize,
    other_bits: u8,
}

impl Flip {
    /// Where it hits, one place twice if there is only one.
    pub(crate) fn places(&self) -> [usize; 2] {
        [self.at, self.other]
    }

    /// Single bits of two bytes.
    fn is_across(&self) -> bool {
        self.other_bits.count_ones() == 1
    }

    /// What becomes of the byte at this place.
    pub(crate) fn apply(&self, place: usize, byte: u8) -> u8 {
        let bits = if place == self.at { self.bits } else { 0 };
        let others = if place == self.other {
            self.other_bits
        } else {
            0
        };
        byte ^ bits ^ others
    }
}

fn alone(at: usize, bits: u8) -> Flip {
    pair(at, bits, at, 0)
}

fn pair(at: usize, bits: u8, other: usize, other_bits: u8) -> Flip {
    Flip {
        at,
        bits,
        other,
        other_bits,
    }
}

/// Flips that begin with the byte at this place, of a sample that ends before `end`: all that are stated above.
pub(crate) fn flips(at: usize, end: usize, pairs: Pairs) -> impl Iterator<Item = Flip> {
    let reach = |distance| end.min(at + 1 + distance);
    let (end_of_bits, end_of_bytes) = match pairs {
        Pairs::Near => (reach(1), reach(WINDOW)),
        Pairs::Bytes => (reach(1), end),
        Pairs::All => (end, end),
    };
    let within = (1..=u8::MAX).filter(|bits| bits.count_ones() <= 2 || *bits == u8::MAX);
    let across = (at + 1..end_of_bits).flat_map(move |other| {
        (0..64).map(move |number| pair(at, 1 << (number / 8), other, 1 << (number % 8)))
    });
    let bytes = (at + 1..end_of_bytes).map(move |other| pair(at, u8::MAX, other, u8::MAX));
    within
        .map(move |bits| alone(at, bits))
        .chain(across)
        .chain(bytes)
}

/// A few of them, for what is bent in all ways elsewhere: every bit, the byte, and the byte with the next one.
pub(crate) fn few_flips(at: usize) -> impl Iterator<Item = Flip> {
    let bits = (0..8).map(|bit| 1 << bit);
    bits.chain([u8::MAX])
        .map(move |bits| alone(at, bits))
        .chain([pair(at, u8::MAX, at + 1, u8::MAX)])
}

/// All that can become of the sample.
pub(crate) fn bent(sample: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    bent_by(sample, pairs_of(sample), |_| true)
}

/// The same of a file.
pub(crate) fn bent_file(sample: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let pairs = pairs_of(sample);
    bent_by(sample, pairs, move |flip| {
        pairs == Pairs::All || !flip.is_across()
    })
}

fn pairs_of(sample: &[u8]) -> Pairs {
    Pairs::all_or(match sample.len() <= SHORT {
        true => Pairs::Bytes,
        false => Pairs::Near,
    })
}

fn bent_by<'a>(
    sample: &'a [u8],
    pairs: Pairs,
    which: impl Fn(&Flip) -> bool + 'a,
) -> impl Iterator<Item = Vec<u8>> + 'a {
    let all = (0..sample.len()).flat_map(move |at| flips(at, sample.len(), pairs));
    let flipped = all.filter(which).map(move |flip| {
        let bytes = sample.iter().enumerate();
        bytes
            .map(|(place, &byte)| flip.apply(place, byte))
            .collect()
    });
    let cut = (0..=sample.len()).flat_map(move |at| [sample[..at].to_vec(), sample[at..].to_vec()]);
    flipped.chain(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_bent_in_every_way_and_each_way_once() {
        let bent = |pairs| bent_by(b"NO!", pairs, |_| true);
        let mut all: Vec<Vec<u8>> = bent(Pairs::Bytes).collect();
        let (alone, across, bytes, cuts) = (3 * (8 + 28 + 1), 2 * 64, 3, 2 * 4);
        assert_eq!(all.len(), alone + across + bytes + cuts);
        // One bit of each of the two letters.
        assert!(all.contains(&b"OK!".to_vec()));
        assert!(all.contains(&b"O!".to_vec()) && all.contains(&[!b'N', b'O', !b'!'].to_vec()));
        let of_file = bent_by(b"NO!", Pairs::Bytes, |flip| !flip.is_across());
        assert_eq!(of_file.count(), all.len() - across);
        assert_eq!(bent(Pairs::All).count(), all.len() + 64);
        assert!(bent(Pairs::All).any(|text| text == b"OO "));
        all.sort();
        all.dedup();
        // Nothing and all of it come twice each.
        assert_eq!(all.len(), alone + across + bytes + cuts - 2);
    }

    #[test]
    fn two_bytes_of_a_long_sample_are_flipped_together_where_they_are_near() {
        let far = |pairs| flips(0, 99, pairs).filter(|flip| flip.other > 1).count();
        assert_eq!(far(Pairs::Near), WINDOW - 1);
        assert_eq!(far(Pairs::Bytes), 97);
        assert_eq!(far(Pairs::All), 97 * (64 + 1));
        assert_eq!(flips(98, 99, Pairs::All).count(), 8 + 28 + 1);
    }
}
