//! Advisory locks: what is not one row, but must be done by one at a time.

/// The number that stands for a lock: FNV-1a over the parts, each closed by a byte that no text holds. All nodes must
/// agree on it, whatever built them. Two locks that share a number only wait for each other without need.
pub(crate) fn key_of(parts: &[&str]) -> i64 {
    let bytes = ["oauth-store-postgres"].iter().chain(parts).flat_map(|part| part.bytes().chain([0xff]));
    bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
        .cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_do_not_run_into_each_other_and_the_numbers_never_change() {
        assert_ne!(key_of(&["a", "bc"]), key_of(&["ab", "c"]));
        assert_ne!(key_of(&["a", ""]), key_of(&["a"]));
        assert_eq!(key_of(&[]), 3_076_245_498_271_042_093);
    }
}
