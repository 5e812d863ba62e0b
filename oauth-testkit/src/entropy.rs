//! Randomness that repeats itself, and randomness that fails.

use std::sync::{Mutex, PoisonError};

use oauth_core::random::{Entropy, EntropyError};

/// Gives the same bytes for the same seed, in the order of the calls (SplitMix64). For tests only: whoever sees some
/// of the bytes knows the rest.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<u64>);

impl SeededEntropy {
    /// Starts the stream of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    /// A number below `end`, which is at least 1; near enough to evenly.
    pub(crate) fn below(&self, end: u64) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes).expect("a seeded stream does not fail");
        u64::from_le_bytes(bytes) % end
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in buffer.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = *state;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^= word >> 31;
            for (byte, random) in chunk.iter_mut().zip(word.to_le_bytes()) {
                *byte = random;
            }
        }
        Ok(())
    }
}

/// Always fails, as a broken random source does.
#[derive(Debug, Clone, Copy, Default)]
pub struct FailingEntropy;

impl Entropy for FailingEntropy {
    fn fill(&self, _buffer: &mut [u8]) -> Result<(), EntropyError> {
        Err(EntropyError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(seed: u64) -> [[u8; 20]; 2] {
        let entropy = SeededEntropy::new(seed);
        [(); 2].map(|()| {
            let mut bytes = [0; 20];
            entropy.fill(&mut bytes).unwrap();
            bytes
        })
    }

    #[test]
    fn one_seed_is_one_stream_and_no_two_parts_of_it_are_equal() {
        assert_eq!(stream(1), stream(1));
        assert_ne!(stream(1), stream(2));
        let [first, second] = stream(1);
        assert_ne!(first, second);
    }
}
