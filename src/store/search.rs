//! From what a person types to what FTS5 is asked, and from a text to what FTS5 keeps: one folding for both.
//!
//! Chinese is written without spaces: each character is a word, and so is each pair of neighbours. A run of three
//! is asked for as two pairs. This finds what stands together without keeping positions of every word.

use domain::text::fold;

/// Characters of a query that are read; nobody types more on purpose.
const QUERY_CHARS_MAX: usize = 200;
/// Words of a query that are asked for; more would not narrow it further.
const WORDS_MAX: usize = 10;
/// Words of a text that are indexed.
const INDEXED_WORDS_MAX: usize = 100;
/// Letters of a word that are indexed and asked for.
const WORD_CHARS_MAX: usize = 40;

fn clipped(mut word: String) -> String {
    if let Some((end, _)) = word.char_indices().nth(WORD_CHARS_MAX) {
        word.truncate(end);
    }
    word
}

/// What is indexed of some texts: each word once, apart by spaces; within runs of ideographs also each pair.
pub(crate) fn index_line<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut words: Vec<String> = Vec::new();
    for text in texts {
        let folded = fold(text);
        let pairs: Vec<String> = folded
            .windows(2)
            .filter(|pair| pair[0].joins_next)
            .map(|pair| format!("{}{}", pair[0].text, pair[1].text))
            .collect();
        for word in folded.into_iter().map(|word| clipped(word.text)).chain(pairs) {
            // A name has few words: looking through them is quicker than a set. What is longer is no name.
            if words.len() < INDEXED_WORDS_MAX && !words.contains(&word) {
                words.push(word);
            }
        }
    }
    words.join(" ")
}

/// The first part of a query, as much as is read of it.
pub(crate) fn clip_query(query: &str) -> &str {
    let end = query.char_indices().nth(QUERY_CHARS_MAX).map_or(query.len(), |(at, _)| at);
    &query[..end]
}

/// What one word of a query asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Term {
    /// This word.
    Whole(String),
    /// A word that begins so.
    Beginning(String),
}

impl Term {
    fn word(&self) -> &str {
        match self {
            Self::Whole(word) | Self::Beginning(word) => word,
        }
    }
}

/// The words of a query; each must begin a word of the text.
pub(crate) fn terms(query: &str) -> Vec<Term> {
    let words = fold(clip_query(query));
    let mut terms: Vec<Term> = Vec::new();
    for (position, word) in words.iter().enumerate() {
        let follows = position > 0 && words[position - 1].joins_next;
        let term = match words.get(position + 1) {
            Some(next) if word.joins_next => Term::Whole(format!("{}{}", word.text, next.text)),
            // The last of a run is inside the pair before it.
            _ if follows => continue,
            _ => Term::Beginning(clipped(word.text.clone())),
        };
        if !terms.contains(&term) {
            terms.push(term);
        }
    }
    // The longest words narrow most; keeping them bounds the work of a pasted page.
    if terms.len() > WORDS_MAX {
        terms.sort_by_key(|term| std::cmp::Reverse(term.word().len()));
        terms.truncate(WORDS_MAX);
    }
    terms
}

/// A word as FTS5 takes it literally. It has no quotes to begin with: folding leaves letters and digits.
fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('"', ""))
}

/// The expression of a term.
pub(crate) fn expression(term: &Term) -> String {
    match term {
        Term::Whole(word) => quoted(word),
        Term::Beginning(word) => format!("{}*", quoted(word)),
    }
}

/// The expression for any of some whole words.
pub(crate) fn any_of(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("({})", words.join(" OR "))
}

/// The expression for `MATCH` of a whole query; `None` if it has no words.
pub(crate) fn match_expression(query: &str) -> Option<String> {
    let parts: Vec<String> = terms(query).iter().map(expression).collect();
    (!parts.is_empty()).then(|| parts.join(" AND "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// One line, one case: text, what is indexed.
    #[test]
    fn indexing() {
        for (text, line) in [
            ("Bio Müsli Bio", "bio musli"),
            ("有机牛奶 1L", "有 机 牛 奶 1l 有机 机牛 牛奶"),
            ("牛奶 面包", "牛 奶 面 包 牛奶 面包"),
            ("", ""),
        ] {
            assert_eq!(index_line([text]), line, "{text}");
        }
        assert_eq!(index_line(["Milch", "Bio Milch"]), "milch bio");
    }

    /// One line, one case: query, expression.
    #[test]
    fn asking() {
        for (query, expression) in [
            ("Mues", Some("\"mus\"*")),
            ("bio mil", Some("\"bio\"* AND \"mil\"*")),
            ("奶", Some("\"奶\"*")),
            ("牛奶", Some("\"牛奶\"")),
            ("机牛奶", Some("\"机牛\" AND \"牛奶\"")),
            ("牛奶 1l", Some("\"牛奶\" AND \"1l\"*")),
            ("a a a", Some("\"a\"*")),
            ("\" OR *", Some("\"or\"*")),
            ("  ", None),
            ("\0", None),
        ] {
            assert_eq!(match_expression(query).as_deref(), expression, "{query}");
        }
    }

    proptest! {
        #[test]
        fn an_expression_is_only_quoted_words(query in "\\PC{0,300}") {
            if let Some(expression) = match_expression(&query) {
                for term in expression.split(" AND ") {
                    let word = term.trim_end_matches('*');
                    prop_assert!(word.len() > 2 && word.starts_with('"') && word.ends_with('"'));
                    // FTS5 gives no meaning to anything beyond ASCII.
                    let inside = &word[1..word.len() - 1];
                    prop_assert!(inside.chars().all(|c| c.is_alphanumeric() || !c.is_ascii()));
                }
            }
        }
    }
}
