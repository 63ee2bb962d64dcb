//! Folding text for search: "müsli", "musli" and "MUESLI" are one word, and Chinese is found by character.
//!
//! Index and query go through the same function, so whatever it does to one it does to the other. A word is
//! decomposed (Unicode NFKD), its marks are dropped, letters become lower case, and the German transliterations
//! ae, oe, ue are taken back to a, o, u. The last step also turns "blue" into "blu", on both sides; it keeps
//! prefixes: the folding of a prefix is a prefix of the folding.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Scripts that are written without spaces: each character is a word of its own.
const fn is_ideographic(c: char) -> bool {
    matches!(c,
        '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' | '\u{ac00}'..='\u{d7af}')
}

/// Letters that NFKD leaves whole but people type as two.
const fn spelled_out(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' | 'ẞ' => "ss",
        'æ' | 'Æ' => "a",
        'œ' | 'Œ' | 'ø' | 'Ø' => "o",
        'ð' | 'Ð' | 'đ' | 'Đ' => "d",
        'þ' | 'Þ' => "th",
        'ł' | 'Ł' => "l",
        'ı' => "i",
        _ => return None,
    })
}

/// A folded word and whether the next one follows without a space (Chinese), so that a query can ask for both
/// in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoldedWord {
    /// The folded letters.
    pub text: String,
    /// The character stood in a run of ideographs that goes on.
    pub joins_next: bool,
}

/// Splits and folds a text into search words.
pub fn fold(text: &str) -> Vec<FoldedWord> {
    let mut words = Vec::new();
    // Nothing composes, decomposes or joins across a space; and of plain ASCII, which most words of a catalogue are,
    // the tables of Unicode have nothing to say.
    for part in text.split(' ') {
        match part.is_ascii() {
            true => fold_ascii(part, &mut words),
            false => fold_unicode(part, &mut words),
        }
    }
    words
}

fn finish(word: &mut String, words: &mut Vec<FoldedWord>) {
    if !word.is_empty() {
        words.push(FoldedWord { text: std::mem::take(word), joins_next: false });
    }
}

fn fold_ascii(text: &str, words: &mut Vec<FoldedWord>) {
    let mut word = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\'' => {}
            _ if letter.is_ascii_alphanumeric() => {
                push_letter(&mut word, letter.to_ascii_lowercase());
            }
            _ => finish(&mut word, words),
        }
    }
    finish(&mut word, words);
}

fn fold_unicode(text: &str, words: &mut Vec<FoldedWord>) {
    let mut word = String::new();
    let mut previous_is_ideograph = false;
    // Ideographs are taken before decomposition, which would split Hangul into letters.
    for whole in text.nfkc() {
        if is_ideographic(whole) {
            finish(&mut word, words);
            if previous_is_ideograph && let Some(last) = words.last_mut() {
                last.joins_next = true;
            }
            words.push(FoldedWord { text: whole.to_string(), joins_next: false });
            previous_is_ideograph = true;
            continue;
        }
        previous_is_ideograph = false;
        for part in std::iter::once(whole).nfkd() {
            if let Some(letters) = spelled_out(part) {
                letters.chars().for_each(|letter| push_letter(&mut word, letter));
                continue;
            }
            if is_combining_mark(part) || matches!(part, '\'' | '’') {
                continue;
            }
            if part.is_alphanumeric() {
                part.to_lowercase().for_each(|letter| push_letter(&mut word, letter));
            } else {
                finish(&mut word, words);
            }
        }
    }
    finish(&mut word, words);
}

/// Appends a letter, taking the e of ae, oe and ue away.
fn push_letter(word: &mut String, letter: char) {
    let transliterated = letter == 'e' && matches!(word.chars().last(), Some('a' | 'o' | 'u'));
    if !transliterated {
        word.push(letter);
    }
}

/// The folded words joined by spaces: what is indexed.
pub fn fold_to_line(text: &str) -> String {
    let words: Vec<String> = fold(text).into_iter().map(|word| word.text).collect();
    words.join(" ")
}

/// The digits of a phone number without punctuation.
pub fn phone_digits(phone: &str) -> String {
    phone.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// One line, one case: text, what is indexed.
    #[test]
    fn folding() {
        for (text, folded) in [
            ("Müsli", "musli"),
            ("MUESLI", "musli"),
            ("musli", "musli"),
            ("Crème brûlée", "creme brulee"),
            ("Œufs Bio", "oufs bio"),
            ("oeufs", "oufs"),
            ("Weißbrot 500g", "weissbrot 500g"),
            ("L'Étoile", "letoile"),
            ("有机牛奶 1L", "有 机 牛 奶 1l"),
            ("ｆｕｌｌ", "full"),
            // A letter that is left whole, under a mark.
            ("Ǿrsted ǣ", "orsted a"),
            ("", ""),
        ] {
            assert_eq!(fold_to_line(text), folded, "{text}");
        }
    }

    #[test]
    fn ideographs_know_their_neighbours() {
        let joins: Vec<bool> = fold("牛奶 面包").iter().map(|word| word.joins_next).collect();
        assert_eq!(joins, [true, false, true, false]);
    }

    proptest! {
        #[test]
        fn a_prefix_folds_to_a_prefix(word in "[a-zäöüéß]{1,12}", cut in 0usize..12) {
            let prefix: String = word.chars().take(cut).collect();
            prop_assert!(fold_to_line(&word).starts_with(&fold_to_line(&prefix)));
        }
        #[test]
        fn plain_words_fold_as_all_others_do(
            text in "[ -~]{0,40}|[a-z öé'牛奶\u{301}\u{b4}\u{a0}]{0,24}",
        ) {
            let mut whole = Vec::new();
            fold_unicode(&text, &mut whole);
            prop_assert_eq!(fold(&text), whole);
        }
        #[test]
        fn hostile_text_never_panics_and_has_no_control(text in "\\PC{0,80}") {
            prop_assert!(!fold_to_line(&text).contains('"'));
        }
    }
}
