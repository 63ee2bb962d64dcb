//! The envelope of a page: how SQLCipher 4 encrypts it and proves that it is whole.
//!
//! ```text
//! page N, 4096 bytes: | ciphertext, AES-256-CBC           | IV 16 | HMAC 32 or 64 | padding |
//! page 1 begins with the salt of the file, in clear; the rest is as above
//! HMAC over ciphertext, IV and N (four bytes, little-endian), with a key of its own:
//!     PBKDF2-HMAC-SHA512(raw key, salt xor 0x3a.., 2 rounds) -> 32 bytes
//! ```
//! The raw key encrypts as it is; only the key of the HMAC depends on the salt. So pages can be
//! decrypted even when the salt is lost with page 1, but nobody can say any more whether they are
//! whole.

use aes::Aes256;
use aes::cipher::{Array, BlockModeDecrypt, KeyIvInit};
use hmac::{Hmac, KeyInit};
use sha2::{Sha256, Sha512};

/// Bytes of a salt.
pub const SALT_BYTES: usize = 16;
/// The first bytes of a file: random, and not secret.
pub type Salt = [u8; SALT_BYTES];

const IV_BYTES: usize = 16;
const BLOCK_BYTES: usize = 16;
/// What the salt of the HMAC key differs by.
const MAC_SALT_MASK: u8 = 0x3a;

/// The 32 bytes that the database is encrypted with; does not print itself.
#[derive(Clone)]
pub struct RawKey([u8; 32]);

impl RawKey {
    /// Takes the bytes of a key.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}
impl std::fmt::Debug for RawKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RawKey(..)")
    }
}

/// What proves that a page is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mac {
    /// HMAC-SHA256: what this terminal uses.
    Sha256,
    /// HMAC-SHA512: what SQLCipher 4 uses when nothing is said.
    Sha512,
}

/// How the pages of a file are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Bytes of a page.
    pub page_bytes: usize,
    /// What proves a page.
    pub mac: Mac,
}

impl Format {
    /// The formats that are looked for, the likely one first.
    pub const KNOWN: [Self; 2] =
        [Self { page_bytes: 4096, mac: Mac::Sha256 }, Self { page_bytes: 4096, mac: Mac::Sha512 }];

    const fn mac_bytes(self) -> usize {
        match self.mac {
            Mac::Sha256 => 32,
            Mac::Sha512 => 64,
        }
    }

    /// Bytes at the end of each page that are not SQLite's.
    pub(crate) const fn reserve_bytes(self) -> usize {
        (IV_BYTES + self.mac_bytes()).next_multiple_of(BLOCK_BYTES)
    }

    /// Bytes at the start of each page that are SQLite's.
    pub(crate) const fn usable_bytes(self) -> usize {
        self.page_bytes - self.reserve_bytes()
    }
}

/// The keys of a file.
#[derive(Clone)]
pub(crate) struct Cipher {
    key: RawKey,
    /// `None`: the salt is lost, nothing can be proven.
    mac_key: Option<[u8; 32]>,
    pub format: Format,
}

impl Cipher {
    pub fn new(key: &RawKey, salt: Option<&Salt>, format: Format) -> Self {
        Self { key: key.clone(), mac_key: salt.map(|salt| mac_key(key, salt)), format }
    }

    /// Whether pages can be proven.
    pub fn has_proof(&self) -> bool {
        self.mac_key.is_some()
    }

    /// Whether `page` is page `number`, whole. False without a salt.
    pub fn proves(&self, number: u32, page: &[u8]) -> bool {
        let Some(key) = &self.mac_key else { return false };
        let format = self.format;
        let start = start_of(number);
        let signed_end = format.usable_bytes() + IV_BYTES;
        let (Some(signed), Some(code)) =
            (page.get(start..signed_end), page.get(signed_end..signed_end + format.mac_bytes()))
        else {
            return false;
        };
        let parts = [signed, &number.to_le_bytes()];
        match format.mac {
            Mac::Sha256 => mac::<Hmac<Sha256>>(key, &parts).as_slice() == code,
            Mac::Sha512 => mac::<Hmac<Sha512>>(key, &parts).as_slice() == code,
        }
    }

    /// Decrypts a page in place and cuts it to what is SQLite's; page 1 gets the first bytes back
    /// that the salt took. `None` if it is too short. Whether it is whole is another question.
    pub fn decrypt(&self, number: u32, mut page: Vec<u8>) -> Option<Vec<u8>> {
        let usable = self.format.usable_bytes();
        let iv: [u8; IV_BYTES] = page.get(usable..usable + IV_BYTES)?.try_into().ok()?;
        let start = start_of(number);
        let mut decryptor =
            cbc::Decryptor::<Aes256>::new(&Array::from(self.key.0), &Array::from(iv));
        let (blocks, _) = Array::slice_as_chunks_mut(page.get_mut(start..usable)?);
        decryptor.decrypt_blocks(blocks);
        page.truncate(usable);
        if start > 0 {
            page.get_mut(..start)?.copy_from_slice(b"SQLite format 3\0");
        }
        Some(page)
    }
}

/// Where the ciphertext of a page begins.
const fn start_of(number: u32) -> usize {
    if number == 1 { SALT_BYTES } else { 0 }
}

fn mac<M: hmac::Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> hmac::digest::Output<M> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("an HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes()
}

/// PBKDF2 with two rounds; 32 bytes are within its first block, so the block is written out.
fn mac_key(key: &RawKey, salt: &Salt) -> [u8; 32] {
    let masked = salt.map(|byte| byte ^ MAC_SALT_MASK);
    let first = mac::<Hmac<Sha512>>(&key.0, &[&masked, &1u32.to_be_bytes()]);
    let second = mac::<Hmac<Sha512>>(&key.0, &[&first]);
    std::array::from_fn(|position| first[position] ^ second[position])
}
