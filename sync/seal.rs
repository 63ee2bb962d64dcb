//! Seals of the codes that Crossroads prints: the first bits of HMAC-SHA256 (RFC 2104, RFC 4231).
//!
//! What is sealed and what a seal is worth is decided in [`domain::code::OwnCode`]; here is only the
//! keyed hash, because the domain holds no cryptography.

use domain::code::{CodeKey, SEAL_BYTES, Seal};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// HMAC-SHA256, cut to [`SEAL_BYTES`].
#[derive(Clone, Copy, Debug, Default)]
pub struct HmacSeal;

impl Seal for HmacSeal {
    fn seal(&self, key: &CodeKey, message: &[u8]) -> [u8; SEAL_BYTES] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&key.0).expect("an HMAC takes keys of any length");
        mac.update(message);
        let whole = mac.finalize().into_bytes();
        let mut seal = [0; SEAL_BYTES];
        seal.copy_from_slice(&whole[..SEAL_BYTES]);
        seal
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use domain::code::{Code, Meaning, OwnCode, OwnKind, Proof, Symbology};
    use proptest::prelude::*;

    /// Computed with Python's `hmac` over the same bytes.
    #[test]
    fn a_seal_is_what_another_program_computes() {
        let key = CodeKey(std::array::from_fn(|at| at as u8));
        let text = OwnCode::text(OwnKind::Badge, "101", &key, &HmacSeal).unwrap();
        assert_eq!(text, "XR2:B:101:NUCBNNSXZLWV44HE");
    }

    proptest! {
        /// What we print we read, and only its own key proves it.
        #[test]
        fn own_codes_round_trip(
            kind in prop::sample::select(OwnKind::ALL.to_vec()),
            subject in "[A-Za-z0-9 :|-]{1,64}", key: [u8; 32], other: [u8; 32],
        ) {
            prop_assume!(key != other);
            let (key, other) = (CodeKey(key), CodeKey(other));
            let text = OwnCode::text(kind, &subject, &key, &HmacSeal).unwrap();
            for symbology in [Symbology::QrCode, Symbology::Unspecified, Symbology::Typed] {
                let Meaning::Own(own) = Code::new(symbology, text.as_str()).meaning else {
                    return Err(TestCaseError::fail(text));
                };
                prop_assert_eq!((own.kind, &own.subject), (kind, &subject));
                prop_assert_eq!(own.proof(std::slice::from_ref(&key), &HmacSeal), Proof::Right);
                prop_assert_eq!(own.proof(std::slice::from_ref(&other), &HmacSeal), Proof::Wrong);
            }
        }
    }
}
