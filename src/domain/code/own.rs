//! The codes that Crossroads itself prints: receipts, baskets, badges, enrolment.
//!
//! ```text
//! XR1:E:<central>|<one-time code>      enrolment: its proof is the one-time code, which central checks
//! XR1:R:<receipt number>               receipts of the first version, without a seal
//! XR2:R:<receipt number>:<seal>        receipt
//! XR2:K:<basket>:<seal>                basket, 32 hexadecimal digits in capitals
//! XR2:B:<staff number>:<seal>          badge
//! ```
//! The seal is a keyed hash over everything before its colon, 80 bits in base 32 (RFC 4648), made with
//! a key that central gives to the stores of one chain. All of it is in the alphanumeric set of QR
//! codes where the subject is. How a seal is made is not known here, see [`Seal`]: this file decides
//! what is sealed and what a seal is worth. A code of a version that is not known means nothing.

use std::fmt;

/// What an own code stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OwnKind {
    /// A purchase, by its receipt number.
    Receipt,
    /// A basket that was put aside, by its identity.
    Basket,
    /// A person of the staff, by the staff number.
    Badge,
}

impl OwnKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Receipt, Self::Basket, Self::Badge];

    const fn letter(self) -> &'static str {
        match self {
            Self::Receipt => "R",
            Self::Basket => "K",
            Self::Badge => "B",
        }
    }

    /// The kind in files and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Basket => "basket",
            Self::Badge => "badge",
        }
    }
}

/// Bytes of a seal: 80 bits, guessed only by asking a till a million million million times.
pub const SEAL_BYTES: usize = 10;

/// Makes seals. Implemented where keyed hashes are.
pub trait Seal {
    /// The first bytes of the keyed hash of `message` with `key`.
    fn seal(&self, key: &CodeKey, message: &[u8]) -> [u8; SEAL_BYTES];
}

/// The key of a chain's codes. Whoever has it can print receipts and badges.
#[derive(Clone, PartialEq, Eq)]
pub struct CodeKey(pub [u8; 32]);

impl CodeKey {
    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text.bytes().map(nibble).collect::<Option<_>>()?;
        let mut key = [0; 32];
        (digits.len() == 64).then(|| {
            for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
                *byte = pair[0] << 4 | pair[1];
            }
            Self(key)
        })
    }
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

impl fmt::Debug for CodeKey {
    /// Leaves the key out: logs are no place for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeKey(…)")
    }
}

/// What an own code's seal is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proof {
    /// Sealed with a key of this chain.
    Right,
    /// Sealed with another key, or changed.
    Wrong,
    /// Of the first version, which has no seal, or no key is known here to compare with.
    None,
}

/// One of our own codes, as read; nothing is proved until [`OwnCode::proof`] says so.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OwnCode {
    /// What it stands for.
    pub kind: OwnKind,
    /// Receipt number, basket, staff number.
    pub subject: String,
    /// What is sealed, and the seal.
    sealed: Option<(String, [u8; SEAL_BYTES])>,
}

/// The subject may not be longer, so that the code stays small.
const SUBJECT_MAX: usize = 64;
/// Keeps a seal from meaning anything else that is ever made with the key.
const PURPOSE: &str = "crossroads-code-v2\n";
const PREFIX: &str = "XR2:";
const PREFIX_FIRST: &str = "XR1:";
/// Base 32 of RFC 4648.
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn is_subject(text: &str) -> bool {
    !text.is_empty() && text.len() <= SUBJECT_MAX && !text.chars().any(char::is_control)
}

impl OwnCode {
    /// The text of a code; `None` if the subject is empty, too long, or holds control characters.
    pub fn text(kind: OwnKind, subject: &str, key: &CodeKey, seal: &dyn Seal) -> Option<String> {
        let body = format!("{PREFIX}{}:{subject}", kind.letter());
        let sealed = seal.seal(key, format!("{PURPOSE}{body}").as_bytes());
        is_subject(subject).then(|| format!("{body}:{}", to_base32(&sealed)))
    }

    /// Reads a code of any known version.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix(PREFIX_FIRST) {
            let subject = rest.strip_prefix("R:").filter(|number| !number.is_empty())?;
            return Some(Self {
                kind: OwnKind::Receipt,
                subject: subject.to_owned(),
                sealed: None,
            });
        }
        let (letter, rest) = text.strip_prefix(PREFIX)?.split_once(':')?;
        let kind = OwnKind::ALL.into_iter().find(|kind| kind.letter() == letter)?;
        let (subject, seal) = rest.rsplit_once(':').filter(|(subject, _)| is_subject(subject))?;
        let body = text.strip_suffix(seal)?.strip_suffix(':')?.to_owned();
        let sealed = Some((body, from_base32(seal)?));
        Some(Self { kind, subject: subject.to_owned(), sealed })
    }

    /// What its seal is worth, by the keys of this chain.
    pub fn proof(&self, keys: &[CodeKey], seal: &dyn Seal) -> Proof {
        let Some((body, found)) = self.sealed.as_ref().filter(|_| !keys.is_empty()) else {
            return Proof::None;
        };
        let message = format!("{PURPOSE}{body}");
        // All bits of all keys are compared: how long it takes says nothing of where they differ.
        let is_right = keys.iter().fold(false, |is_right, key| {
            let wanted = seal.seal(key, message.as_bytes());
            let differences = wanted.iter().zip(found).fold(0, |all, (a, b)| all | (a ^ b));
            is_right | (differences == 0)
        });
        if is_right { Proof::Right } else { Proof::Wrong }
    }
}

/// Whether a text is of our own kind, but of a version or kind that is not known here.
pub fn is_unknown_own(text: &str) -> bool {
    let rest = text.strip_prefix("XR");
    let version = rest.and_then(|rest| rest.split_once(':')).map(|(version, _)| version);
    let is_number = |digits: &str| {
        matches!(digits.len(), 1..=3) && digits.bytes().all(|digit| digit.is_ascii_digit())
    };
    version.is_some_and(is_number)
}

fn to_base32(bytes: &[u8; SEAL_BYTES]) -> String {
    let five =
        |chunk: &[u8]| chunk.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let letters = bytes.chunks_exact(5).flat_map(|chunk| {
        let number = five(chunk);
        (0..8).rev().map(move |place| LETTERS[(number >> (5 * place) & 31) as usize])
    });
    letters.map(char::from).collect()
}

fn from_base32(text: &str) -> Option<[u8; SEAL_BYTES]> {
    let places: Vec<u64> = text
        .bytes()
        .map(|letter| LETTERS.iter().position(|known| *known == letter).map(|at| at as u64))
        .collect::<Option<_>>()?;
    let mut bytes = [0; SEAL_BYTES];
    if places.len() != SEAL_BYTES / 5 * 8 {
        return None;
    }
    for (chunk, places) in bytes.chunks_exact_mut(5).zip(places.chunks_exact(8)) {
        let number = places.iter().fold(0, |number, place| number << 5 | place);
        chunk.copy_from_slice(&number.to_be_bytes()[3..]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// A seal for tests: it depends on every bit of key and message, and proves nothing.
    struct Mixer;
    impl Seal for Mixer {
        fn seal(&self, key: &CodeKey, message: &[u8]) -> [u8; SEAL_BYTES] {
            let mut state = 0xcbf2_9ce4_8422_2325u128;
            for byte in key.0.iter().chain(message) {
                state = (state ^ u128::from(*byte)).wrapping_mul(0x0100_0000_01b3_0000_0000_013b);
            }
            state = (state ^ (state >> 64)).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            state.to_be_bytes()[..SEAL_BYTES].try_into().unwrap()
        }
    }

    #[test]
    fn codes_that_are_none_are_not_read() {
        for text in [
            "XR2:R:S1-T1-0-1",
            "XR2:R::ABCDEFGHIJKLMNOP",
            "XR2:Q:1:ABCDEFGHIJKLMNOP",
            "XR2:R:1:ABCDEFGHIJKLMNO",
            "XR2:R:1:ABCDEFGHIJKLMNO1",
            "XR2:R:1:abcdefghijklmnop",
            "XR3:R:1:ABCDEFGHIJKLMNOP",
            "XR1:B:101",
            "XR1:R:",
            "xr2:R:1:ABCDEFGHIJKLMNOP",
            "",
        ] {
            assert_eq!(OwnCode::parse(text), None, "{text}");
        }
        assert!(is_unknown_own("XR3:R:1:A") && is_unknown_own("XR12:x"));
        assert!(!is_unknown_own("XRAY:1") && !is_unknown_own("XR:1") && !is_unknown_own("XR2"));
    }

    #[test]
    fn keys_are_read_and_never_shown() {
        let text = "00ff".repeat(16);
        let key = CodeKey::parse(&text).unwrap();
        assert_eq!(key, CodeKey::parse(&text.to_uppercase()).unwrap());
        assert_eq!(format!("{key:?}"), "CodeKey(…)");
        assert_eq!(CodeKey::parse(&text[1..]), None);
        assert_eq!(CodeKey::parse(&format!("{}xy", &text[2..])), None);
    }

    #[test]
    fn the_first_version_has_no_seal() {
        let code = OwnCode::parse("XR1:R:S001-T01-0-000007").unwrap();
        assert_eq!((code.kind, code.subject.as_str()), (OwnKind::Receipt, "S001-T01-0-000007"));
        assert_eq!(code.proof(&[CodeKey([1; 32])], &Mixer), Proof::None);
    }

    proptest! {
        /// What is written is read, and proved by its key, an older key among newer ones, and no other.
        #[test]
        fn what_is_sealed_is_proved(
            kind in prop::sample::select(OwnKind::ALL.to_vec()),
            subject in "[ -~]{1,64}", key: [u8; 32], other: [u8; 32],
        ) {
            prop_assume!(key != other);
            let (key, other) = (CodeKey(key), CodeKey(other));
            let text = OwnCode::text(kind, &subject, &key, &Mixer).unwrap();
            let code = OwnCode::parse(&text).unwrap();
            prop_assert_eq!((code.kind, &code.subject), (kind, &subject));
            prop_assert_eq!(code.proof(std::slice::from_ref(&key), &Mixer), Proof::Right);
            prop_assert_eq!(code.proof(&[other.clone(), key], &Mixer), Proof::Right);
            prop_assert_eq!(code.proof(&[other], &Mixer), Proof::Wrong);
            prop_assert_eq!(code.proof(&[], &Mixer), Proof::None);
        }

        /// One character changed is no longer proved.
        #[test]
        fn what_is_changed_is_not_proved(
            subject in "[A-Z0-9-]{1,30}", at in 4usize..48, letter in "[A-Z2-7]",
        ) {
            let key = CodeKey([7; 32]);
            let text = OwnCode::text(OwnKind::Badge, &subject, &key, &Mixer).unwrap();
            prop_assume!(at < text.len() && text[at..=at] != letter);
            let mut changed = text;
            changed.replace_range(at..=at, &letter);
            if let Some(code) = OwnCode::parse(&changed) {
                prop_assert_eq!(code.proof(&[key], &Mixer), Proof::Wrong);
            }
        }

        #[test]
        fn any_text_is_safe(text in "(XR[0-9]:)?\\PC{0,80}") {
            let _ = (OwnCode::parse(&text), is_unknown_own(&text), CodeKey::parse(&text));
        }
    }
}
