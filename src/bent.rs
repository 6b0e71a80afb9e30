//! Samples for tests, bent: every bit, two bits beside each other in a byte, byte and two bytes flipped, one at a
//! time, and every front and end cut off. The same on every machine.

/// What one flip does to a byte and to the next one.
pub(crate) fn flips() -> impl Iterator<Item = [u8; 2]> {
    let single = (0..8).map(|bit| [1 << bit, 0]);
    let double = (0..7).map(|bit| [3 << bit, 0]);
    let whole = [[0xff, 0], [0xff, 0xff]];
    single.chain(double).chain(whole)
}

/// All that can become of the sample.
pub(crate) fn bent(sample: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let flipped = (0..sample.len()).flat_map(move |at| {
        flips().map(move |bits| {
            let mut text = sample.to_vec();
            text[at] ^= bits[0];
            if let Some(next) = text.get_mut(at + 1) {
                *next ^= bits[1];
            }
            text
        })
    });
    let cut = (0..=sample.len()).flat_map(move |at| [sample[..at].to_vec(), sample[at..].to_vec()]);
    flipped.chain(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_bent_in_every_way_and_each_way_once() {
        let mut all: Vec<Vec<u8>> = bent(b"ab").collect();
        assert_eq!(all.len(), 2 * 17 + 2 * 3);
        assert!(all.contains(&b"`b".to_vec()) && all.contains(&b"b".to_vec()));
        all.sort();
        all.dedup();
        // Nothing and all of it come twice each, and so does the flip of the last byte with no next one.
        assert_eq!(all.len(), 2 * 17 + 2 * 3 - 3);
    }
}
