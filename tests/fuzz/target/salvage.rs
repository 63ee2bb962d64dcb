//! Damaged databases: pages of any content behind the right key, and files and logs of any content at all.
//!
//! Pages are proven by their code before anything is read from them, so arbitrary bytes would hardly get further
//! than that. Here they are encrypted and signed as SQLCipher does it, and the reader sees them as proven.

use super::choice;
use aes::Aes256;
use aes::cipher::{Array, BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use salvage::{Format, Nothing, RawKey, Salt, Salvage, Storage, Value};
use sha2::{Sha256, Sha512};

const KEY: [u8; 32] = [5; 32];
const SALT: Salt = *b"sixteen salt byt";
const IV: [u8; 16] = [6; 16];
const PAGES_MAX: usize = 4;
/// SHA-256's code and the initialisation vector.
const USABLE: usize = 4096 - 48;
/// Rows that are looked at; a page has room for a thousand, and versions multiply them.
const ROWS_MAX: usize = 200_000;

fn code<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("any length will do");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

fn mac_key() -> Vec<u8> {
    let masked = SALT.map(|byte| byte ^ 0x3a);
    let first = code::<Hmac<Sha512>>(&KEY, &[&masked, &1u32.to_be_bytes()]);
    let second = code::<Hmac<Sha512>>(&KEY, &[&first]);
    first.iter().zip(&second).take(32).map(|(one, other)| one ^ other).collect()
}

/// Encrypts and signs a page.
fn seal(number: u32, mut page: Vec<u8>, mac_key: &[u8]) -> Vec<u8> {
    let start = if number == 1 { SALT.len() } else { 0 };
    let mut encryptor = cbc::Encryptor::<Aes256>::new(&Array::from(KEY), &Array::from(IV));
    let (blocks, _) = Array::slice_as_chunks_mut(&mut page[start..]);
    encryptor.encrypt_blocks(blocks);
    page[..start].copy_from_slice(&SALT[..start]);
    page.extend(IV);
    let signature = code::<Hmac<Sha256>>(mac_key, &[&page[start..], &number.to_le_bytes()]);
    page.extend(signature);
    page
}

/// A page of a segment: its first half stands at the start (header, pointers), the other at the end (cells).
fn page(segment: &[u8]) -> Vec<u8> {
    let segment = &segment[..segment.len().min(USABLE)];
    let (head, tail) = segment.split_at(segment.len() / 2);
    let mut page = vec![0; USABLE];
    page[..head.len()].copy_from_slice(head);
    page[USABLE - tail.len()..].copy_from_slice(tail);
    page
}

/// Segments of two bytes of length and so many of content; each is a page.
fn database(mut bytes: &[u8]) -> Vec<u8> {
    let mac_key = mac_key();
    let mut file = Vec::new();
    for number in 1..=PAGES_MAX {
        let [high, low, rest @ ..] = bytes else { break };
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        file.extend(seal(number as u32, page(&rest[..length]), &mac_key));
        bytes = &rest[length..];
    }
    file
}

/// The first byte chooses what the rest is: pages to be sealed, a log beside sealed pages, or (seldom, since then four
/// thousand salts are tried) a file and a log as they are.
pub fn run(bytes: &[u8]) {
    let Some((choice, rest)) = choice(bytes) else { return };
    let key = RawKey::new(KEY);
    match choice {
        1 => read(&Salvage::open(&key, &rest, &rest, None)),
        choice if choice % 2 == 0 => {
            let sealed = database(rest);
            let salvage = Salvage::open(&key, &sealed, &Nothing, None);
            assert_eq!(
                salvage.found().whole as usize,
                sealed.len() / 4096,
                "a sealed page is whole"
            );
            read(&salvage);
        }
        _ => {
            let sealed = database(rest);
            let _ = salvage::wal::examine(&sealed, &rest, &key, Some(&SALT), Format::KNOWN[0]);
            read(&Salvage::open(&key, &sealed, &rest, Some(SALT)));
        }
    }
}

fn read(salvage: &Salvage) {
    let mut rows = 0;
    let mut visit = |row: salvage::Row| {
        rows += 1;
        assert!(rows < ROWS_MAX, "rows without end");
        assert!(!row.origin.is_empty());
        for value in &row.values {
            let read = (value.as_text().is_some(), value.as_blob().is_some());
            assert!(*value != Value::Null || read == (false, false));
        }
    };
    for table in salvage.tables() {
        salvage.walk(&table.name, &mut visit);
    }
    for columns in 2..4 {
        salvage.scan(Storage::Rowid, columns, &mut visit);
        salvage.scan(Storage::Key, columns, &mut visit);
    }
}
