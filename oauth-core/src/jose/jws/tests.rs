use proptest::prelude::*;

use super::*;
use crate::keys::fixtures;

// RFC 7515 App. A.2.
const RS256_KEY: &str = r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#;
const RS256_JWS: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
// RFC 7515 App. A.3.
const ES256_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const ES256_JWS: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
// RFC 8037 App. A.2 and A.4.
const EDDSA_KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const EDDSA_JWS: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
// Made with `openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest`.
const PS256_JWS: &str = include_str!("../../../tests/fixtures/ps256-by-openssl.jws");
// RFC 7515 App. A.1 and A.5.
const HS256_JWS: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const NONE_JWS: &str = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";

const JOE: &[u8] = b"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";

fn public(jwk: &str) -> PublicKey {
    PublicKey::parse_jwk(jwk).unwrap()
}

fn sign(alg: Alg, payload: &[u8]) -> String {
    let header = encode_header(alg, &KeyId::parse("k1").unwrap(), Some("at+jwt"));
    fixtures::key(alg).sign_compact(signing_input(&header, payload)).unwrap()
}

/// A JWS with any header and no lawful signature.
fn with_header(header: &str) -> String {
    format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(header))
}

fn parse_error(text: &str) -> InvalidJws {
    CompactJws::parse(text).unwrap_err()
}

fn verifies(text: &str, key: &PublicKey) -> bool {
    CompactJws::parse(text).and_then(|jws| jws.verify(key).map(drop)).is_ok()
}

#[test]
fn the_examples_of_the_rfcs_verify() {
    for (text, key, payload) in [
        (RS256_JWS, public(RS256_KEY), JOE),
        (ES256_JWS, public(ES256_KEY), JOE),
        (EDDSA_JWS, public(EDDSA_KEY), b"Example of Ed25519 signing".as_slice()),
    ] {
        assert_eq!(CompactJws::parse(text).unwrap().verify(&key), Ok(payload));
    }
}

#[test]
fn a_pss_signature_by_openssl_verifies() {
    let jws = CompactJws::parse(PS256_JWS).unwrap();
    assert_eq!(jws.verify(fixtures::key(Alg::PS256).public()), Ok(br#"{"iss":"joe"}"#.as_slice()));
}

#[test]
fn macs_and_none_are_refused() {
    assert_eq!(parse_error(HS256_JWS), InvalidJws::Algorithm);
    assert_eq!(parse_error(NONE_JWS), InvalidJws::Parts);
    for name in ["none", "None", "NONE", "nOnE", "HS256", "HS512", "rs256", "RS512", "ES384", "Ed25519", "", " RS256"] {
        assert_eq!(parse_error(&with_header(&format!(r#"{{"alg":"{name}"}}"#))), InvalidJws::Algorithm, "{name}");
    }
    assert_eq!(parse_error(&with_header("{}")), InvalidJws::Algorithm);
}

#[test]
fn headers_that_ask_for_more_than_a_signature_are_refused() {
    for more in [r#""crit":["exp"],"exp":1"#, r#""crit":[]"#, r#""b64":false"#, r#""b64":true"#, r#""zip":"DEF""#] {
        let text = with_header(&format!(r#"{{"alg":"RS256",{more}}}"#));
        assert_eq!(parse_error(&text), InvalidJws::Extension, "{more}");
    }
}

#[test]
fn headers_are_strict_json() {
    for (header, why) in [
        (r#"{"alg":"RS256","alg":"RS256"}"#, InvalidJson::Repeated),
        (r#"{"alg":"RS256","kid":"a","kid":"b"}"#, InvalidJson::Repeated),
        (r#"{"alg":"RS256","kid":1}"#, InvalidJson::Type),
        (r#"{"alg":"RS256","kid":null}"#, InvalidJson::Type),
        (r#"{"alg":"RS256","typ":["at+jwt"]}"#, InvalidJson::Type),
        (r#"{"alg":["RS256"]}"#, InvalidJson::Type),
        (r#"{"alg":"RS256"}{}"#, InvalidJson::Syntax),
        ("\u{feff}{\"alg\":\"RS256\"}", InvalidJson::Syntax),
        ("[]", InvalidJson::Shape),
    ] {
        assert_eq!(parse_error(&with_header(header)), InvalidJws::Header(why), "{header}");
    }
    let not_utf8 = format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(b"{\"alg\":\"RS256\",\"x\":\"\xff\"}"));
    assert_eq!(parse_error(&not_utf8), InvalidJws::Header(InvalidJson::NotUtf8));
    let many = format!(r#"{{"alg":"RS256","x":[{}0]}}"#, "0,".repeat(100));
    assert_eq!(parse_error(&with_header(&many)), InvalidJws::Header(InvalidJson::Shape));
}

#[test]
fn a_key_in_the_header_is_not_believed() {
    let attacker = fixtures::key(Alg::ES256);
    let jwk = attacker.public().to_jwk_json(&KeyId::parse("k1").unwrap());
    let header = format!(r#"{{"alg":"ES256","kid":"../k1' or 1=1","jwk":{jwk},"jku":"https://a","x5u":"https://a"}}"#);
    let text = attacker.sign_compact(signing_input(&URL_SAFE_NO_PAD.encode(header), b"{}")).unwrap();
    let jws = CompactJws::parse(&text).unwrap();
    assert_eq!(jws.kid(), Some("../k1' or 1=1"));
    assert_eq!(jws.verify(&public(ES256_KEY)), Err(InvalidJws::Signature));
    assert!(jws.verify(attacker.public()).is_ok());
}

#[test]
fn the_key_decides_the_algorithm() {
    for alg in Alg::ALL {
        let text = sign(alg, b"{}");
        for other in Alg::ALL.into_iter().filter(|other| *other != alg) {
            let key = fixtures::key(other);
            assert_eq!(CompactJws::parse(&text).unwrap().verify(key.public()), Err(InvalidJws::KeyMismatch));
        }
    }
}

#[test]
fn the_parts_are_three_and_canonical() {
    for text in ["", ".", "..", "...", "a", "a.b", "a.b.c.d", "a.b.c.d.e", ".b.c", "a..c", "a.b."] {
        assert_eq!(parse_error(text), InvalidJws::Parts, "{text}");
    }
    let text = EDDSA_JWS;
    for broken in [
        format!("{text}="),
        format!("{text}=="),
        format!("{text} "),
        format!("{text}\n"),
        format!(" {text}"),
        text.replacen('.', "=.", 1),
        text.replace("RXhh", "RX\nhh"),
        text.replace('_', "/"),
        text.replace("KAg", "KAh"),
    ] {
        assert_eq!(parse_error(&broken), InvalidJws::Base64, "{broken}");
    }
}

#[test]
fn what_is_too_long_is_refused_before_it_is_read() {
    assert_eq!(parse_error(&".".repeat(1_000_000)), InvalidJws::TooLong);
    assert_eq!(parse_error(&format!("{}.e30.AAAA", "A".repeat(1 << 20))), InvalidJws::TooLong);
    assert_eq!(parse_error(&".".repeat(MAX_LEN)), InvalidJws::Parts);
    let padding = "x".repeat(MAX_LEN);
    assert_eq!(parse_error(&with_header(&format!(r#"{{"alg":"RS256","x":"{padding}"}}"#))), InvalidJws::TooLong);
    let text = sign(Alg::EdDSA, &vec![b' '; 12_000]);
    assert!(text.len() < MAX_LEN && verifies(&text, fixtures::key(Alg::EdDSA).public()));
    assert_eq!(
        parse_error(&format!("{}.e30.{}", URL_SAFE_NO_PAD.encode("{}"), "A".repeat(684))),
        InvalidJws::Signature
    );
}

#[test]
fn the_header_has_one_spelling() {
    let kid = KeyId::parse("2026-03-16").unwrap();
    let header = |typ| URL_SAFE_NO_PAD.decode(encode_header(Alg::RS256, &kid, typ)).unwrap();
    assert_eq!(header(None), br#"{"alg":"RS256","kid":"2026-03-16"}"#);
    assert_eq!(header(Some("at+jwt")), br#"{"alg":"RS256","kid":"2026-03-16","typ":"at+jwt"}"#);
    assert_eq!(header(Some("a\"b")), br#"{"alg":"RS256","kid":"2026-03-16","typ":"a\"b"}"#);
}

#[test]
fn signing_never_grows_the_text() {
    for alg in Alg::ALL {
        let input = signing_input("abc", b"{}");
        let room = (input.capacity(), input.as_ptr());
        let text = fixtures::key(alg).sign_compact(input).unwrap();
        assert_eq!((text.capacity(), text.as_ptr()), room);
    }
}

/// The text with one bit of one byte flipped, when that is still UTF-8.
fn flipped(text: &str, position: usize, bit: u8) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    let position = position % bytes.len();
    bytes[position] ^= 1 << bit;
    String::from_utf8(bytes).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_one_key_signs_it_verifies_and_no_altered_text_does(
        payload in prop::collection::vec(any::<u8>(), 1..80),
        position in any::<prop::sample::Index>(),
        bit in 0u8..7,
        cut in any::<prop::sample::Index>(),
    ) {
        for alg in Alg::ALL {
            let text = sign(alg, &payload);
            let key = fixtures::key(alg);
            let jws = CompactJws::parse(&text).unwrap();
            prop_assert_eq!(jws.verify(key.public()), Ok(payload.as_slice()));
            prop_assert_eq!((jws.alg(), jws.kid(), jws.typ()), (alg, Some("k1"), Some("at+jwt")));

            let position = position.index(text.len());
            if let Some(altered) = flipped(&text, position, bit) {
                prop_assert!(!verifies(&altered, key.public()), "bit {} of byte {}", bit, position);
            }
            prop_assert!(!verifies(&text[..cut.index(text.len())], key.public()));
        }
    }
}

#[test]
fn no_single_altered_character_verifies() {
    let key = public(EDDSA_KEY);
    for position in 0..EDDSA_JWS.len() {
        for bit in 0..7 {
            let altered = flipped(EDDSA_JWS, position, bit).unwrap();
            assert!(!verifies(&altered, &key), "bit {bit} of byte {position}");
        }
        for inserted in ['=', ' ', '\n', '.', 'A', '\u{0}', 'é'] {
            let mut altered = EDDSA_JWS.to_owned();
            altered.insert(position, inserted);
            assert!(!verifies(&altered, &key), "{inserted:?} at {position}");
        }
        let mut altered = EDDSA_JWS.to_owned();
        altered.remove(position);
        assert!(!verifies(&altered, &key), "without byte {position}");
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics_and_never_verifies(text in "\\PC{0,60}|[A-Za-z0-9_.=-]{0,200}") {
        prop_assert!(!verifies(&text, &public(EDDSA_KEY)));
    }

    #[test]
    fn arbitrary_headers_never_panic_and_never_verify(header in prop::collection::vec(any::<u8>(), 0..100)) {
        let text = format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(header));
        prop_assert!(!verifies(&text, &public(EDDSA_KEY)));
    }
}
