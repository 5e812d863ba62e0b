use proptest::prelude::*;

use super::*;
use crate::random::SystemEntropy;

struct Place {
    tenant: Tenant,
    issuer: Issuer,
    kid: KeyId,
}

impl Place {
    fn new(tenant: &str, issuer: &str, kid: &str) -> Self {
        Self {
            tenant: Tenant::parse(tenant).unwrap(),
            issuer: Issuer::url(issuer).unwrap(),
            kid: KeyId::parse(kid).unwrap(),
        }
    }

    fn context(&self) -> SealContext<'_> {
        SealContext { tenant: &self.tenant, issuer: &self.issuer, kid: &self.kid }
    }
}

fn home() -> Place {
    Place::new("t", "https://as.example", "k1")
}

fn key(id: &str, byte: u8) -> SealingKey {
    SealingKey::new(id, [byte; 32]).unwrap()
}

fn keys() -> Sealing {
    Sealing::Keys(key("a", 1).into())
}

fn seal(sealing: &Sealing, plaintext: &[u8]) -> Vec<u8> {
    sealing.seal(plaintext, home().context(), &SystemEntropy::default()).unwrap()
}

#[test]
fn the_record_is_what_its_description_says() {
    let record = seal(&keys(), b"secret");
    assert_eq!(record[..3], [1, 1, b'a']);
    assert_eq!(record.len(), 3 + 12 + 6 + 16);
    assert!(!record.windows(6).any(|window| window == b"secret"));
    assert_ne!(record[3..15], seal(&keys(), b"secret")[3..15], "the nonce is fresh");
}

#[test]
fn a_record_opens_only_where_it_was_sealed_for() {
    let record = seal(&keys(), b"secret");
    assert_eq!(keys().open(&record, home().context()).unwrap().as_slice(), b"secret");
    for other in [
        Place::new("u", "https://as.example", "k1"),
        Place::new("t", "https://as.example/", "k1"),
        Place::new("t", "https://as.example", "k2"),
        Place::new("thttps", "https://as.example", "k1"),
        Place::new("t", "https://as.examplek", "1"),
    ] {
        assert_eq!(keys().open(&record, other.context()), Err(OpenError::Mismatch));
    }
}

#[test]
fn another_key_does_not_open_it_and_says_why() {
    let record = seal(&keys(), b"secret");
    let same_id = Sealing::Keys(key("a", 2).into());
    assert_eq!(same_id.open(&record, home().context()), Err(OpenError::Mismatch));
    let other_id = Sealing::Keys(key("b", 1).into());
    assert_eq!(other_id.open(&record, home().context()), Err(OpenError::UnknownSealingKey("a".into())));
}

#[test]
fn after_rotation_old_records_open_and_new_ones_use_the_first_key() {
    let old = seal(&keys(), b"secret");
    let rotated = Sealing::Keys(SealingKeys::new(key("b", 2)).and_older(key("a", 1)).unwrap());
    assert_eq!(rotated.open(&old, home().context()).unwrap().as_slice(), b"secret");
    assert!(keys().is_sealed_with_first(&old) && !rotated.is_sealed_with_first(&old));
    let new = seal(&rotated, b"secret");
    assert!(rotated.is_sealed_with_first(&new));
    assert_eq!(keys().open(&new, home().context()), Err(OpenError::UnknownSealingKey("b".into())));
}

#[test]
fn two_keys_of_one_id_are_refused() {
    let twice = SealingKeys::new(key("a", 1)).and_older(key("a", 2));
    assert_eq!(twice.unwrap_err().to_string(), "two sealing keys have the id `a`");
}

#[test]
fn records_in_clear_and_sealed_ones_are_never_taken_for_each_other() {
    let (clear, sealed) = (seal(&Sealing::Unsealed, b"secret"), seal(&keys(), b"secret"));
    assert_eq!(clear, b"\0secret");
    assert_eq!(Sealing::Unsealed.open(&clear, home().context()).unwrap().as_slice(), b"secret");
    assert_eq!(keys().open(&clear, home().context()), Err(OpenError::Unsealed));
    assert_eq!(Sealing::Unsealed.open(&sealed, home().context()), Err(OpenError::Sealed));
    assert!(Sealing::Unsealed.is_sealed_with_first(&clear) && !Sealing::Unsealed.is_sealed_with_first(&sealed));
    assert!(!keys().is_sealed_with_first(&clear));
}

#[test]
fn keys_are_written_as_id_and_base64() {
    let text = "2026-03:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    let parsed = SealingKey::parse(text).unwrap();
    assert_eq!((parsed.id(), *parsed.bytes), ("2026-03", [1; 32]));
    assert_eq!(*parsed.to_line(), format!("{text}\n"));
    assert!(SealingKey::parse(text.trim_end_matches('=')).is_ok());
    assert!(matches!(SealingKey::parse("AQEB"), Err(InvalidSealingKey::Form)));
    for id in ["", "a b", "a:b", "é", &"x".repeat(65)] {
        assert!(matches!(SealingKey::new(id, [1; 32]), Err(InvalidSealingKey::Id)), "{id}");
    }
    for bytes in ["", "AQEB", "not base64", &"A".repeat(42), &"A".repeat(44), &"A".repeat(400)] {
        assert!(matches!(SealingKey::from_base64("a", bytes), Err(InvalidSealingKey::Bytes)), "{bytes}");
    }
}

#[test]
fn a_missing_variable_is_named() {
    let text = SealingKey::from_env("OAUTH_CORE_TEST_NO_SUCH_VARIABLE").unwrap_err().to_string();
    assert!(text.contains("`OAUTH_CORE_TEST_NO_SUCH_VARIABLE`"), "{text}");
}

#[test]
fn the_key_is_never_printed() {
    assert_eq!(format!("{:?}", key("a", 1)), "SealingKey(\"a\", [redacted])");
}

proptest! {
    #[test]
    fn what_is_sealed_opens_and_no_altered_record_does(
        plaintext in prop::collection::vec(any::<u8>(), 0..100),
        position in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let record = seal(&keys(), &plaintext);
        let opened = keys().open(&record, home().context()).unwrap();
        prop_assert_eq!(opened.as_slice(), plaintext.as_slice());
        let mut altered = record.clone();
        altered[position.index(record.len())] ^= 1 << bit;
        prop_assert!(keys().open(&altered, home().context()).is_err());
        prop_assert!(keys().open(&record[..position.index(record.len())], home().context()).is_err());
    }

    #[test]
    fn arbitrary_records_never_panic_and_never_open(record in prop::collection::vec(any::<u8>(), 0..100)) {
        prop_assert!(keys().open(&record, home().context()).is_err());
    }
}
