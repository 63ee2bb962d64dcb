//! Our table of identifiers against the dictionary of GS1, fact by fact.

use super::*;
use std::collections::BTreeSet;

/// The facts of one identifier in words that both sides can be brought to.
fn facts_of(entry: &Entry, ai: Ai) -> String {
    let mut words = vec![ai.to_string()];
    words.push(format!("{}{}", entry.is_predefined_length, entry.is_attribute));
    for part in &entry.components {
        let letter = match part.charset {
            Charset::Numeric => "N",
            Charset::Set82 => "X",
            Charset::Set39 => "Y",
            Charset::Set64 => "Z",
        };
        let dots = if part.is_fixed() { "" } else { ".." };
        let format = format!("{letter}{dots}{}", part.length_max);
        let format = if part.is_optional { format!("[{format}]") } else { format };
        let lints: String = part.lints.iter().map(|lint| format!(",{}", lint.name())).collect();
        words.push(format + &lints);
    }
    let attributes = words.len();
    let group = |group: &Vec<Pattern>| joined(group, "+");
    let needs: Vec<String> = entry.needs.iter().map(group).collect();
    if !needs.is_empty() {
        words.push(format!("req={}", needs.join(",")));
    }
    if !entry.excludes.is_empty() {
        words.push(format!("ex={}", joined(&entry.excludes, ",")));
    }
    match &entry.key {
        Some(sequences) if sequences.is_empty() => words.push("dlpkey".into()),
        Some(sequences) => {
            let sequence = |sequence: &Vec<Ai>| joined(sequence, ",");
            let sequences: Vec<String> = sequences.iter().map(sequence).collect();
            words.push(format!("dlpkey={}", sequences.join("|")));
        }
        None => {}
    }
    words[attributes..].sort();
    format!("{} # {}", words.join(" "), entry.title)
}

fn joined<T: ToString>(items: &[T], between: &str) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

/// The same of one line of the dictionary, for each identifier of a range.
fn facts_of_line(line: &str) -> Vec<String> {
    let (body, title) = line.split_once('#').unwrap_or((line, ""));
    let mut words: Vec<&str> = body.split_whitespace().collect();
    let range = words.remove(0);
    let is_flags = |word: &&&str| !word.starts_with(['N', 'X', 'Y', 'Z', '[']);
    let flags = words.first().filter(is_flags).copied().unwrap_or_default().to_owned();
    if !flags.is_empty() {
        words.remove(0);
    }
    let is_attribute = |word: &&str| word.contains('=') || *word == "dlpkey";
    let attributes = words.iter().position(is_attribute).unwrap_or(words.len());
    words[attributes..].sort_unstable();
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let (from, to): (u16, u16) = (first.parse().unwrap(), last.parse().unwrap());
    let width = first.len();
    let facts = |number: u16| {
        let marks = format!("{}{}", flags.contains('*'), flags.contains('?'));
        format!("{number:0width$} {marks} {} # {}", words.join(" "), title.trim())
    };
    (from..=to).map(facts).collect()
}

#[test]
fn the_table_says_what_the_dictionary_says() {
    let Some(dictionary) = corpus("gs1/gs1-syntax-dictionary.txt") else { return };
    let lines = dictionary.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let theirs: BTreeSet<String> = lines.flat_map(facts_of_line).collect();
    let facts = |entry: &'static Entry| entry.ais().map(|ai| facts_of(entry, ai));
    let ours: BTreeSet<String> = table().iter().flat_map(facts).collect();
    let only_theirs: Vec<&String> = theirs.difference(&ours).collect();
    let only_ours: Vec<&String> = ours.difference(&theirs).collect();
    assert!(only_theirs.is_empty(), "not in our table: {only_theirs:#?}");
    assert!(only_ours.is_empty(), "only in our table: {only_ours:#?}");
    assert!(theirs.len() > 500, "the dictionary was read: {} identifiers", theirs.len());
}

/// What must hold of the table whether or not the dictionary is at hand.
#[test]
fn the_table_is_sound() {
    let ais: Vec<Ai> = table().iter().flat_map(Entry::ais).collect();
    for ai in &ais {
        let name = ai.to_string();
        assert_eq!(Ai::parse(&name), Some(*ai));
        let others = ais.iter().filter(|other| *other != ai);
        let is_beginning = |other: &Ai| other.to_string().starts_with(&name);
        assert!(!others.clone().any(is_beginning), "{name} begins another identifier");
    }
    for entry in table() {
        let (last, before) = entry.components.split_last().unwrap();
        assert!(before.iter().all(Component::is_fixed), "{}", entry.title);
        assert!(!entry.is_predefined_length || last.is_fixed(), "{}", entry.title);
        for qualifier in entry.key.iter().flatten().flatten() {
            assert!(qualifier.entry().is_some(), "{qualifier}");
        }
    }
    assert_eq!(Ai::GTIN.entry().unwrap().title, "GTIN");
    assert_eq!(Ai::parse("14").unwrap().entry().map(|entry| entry.title), None);
    assert_eq!(Ai::parse("3103").unwrap().entry().unwrap().title, "NET WEIGHT (kg)");
    for text in ["", "1", "12345", "1a", "é"] {
        assert_eq!(Ai::parse(text), None, "{text}");
    }
}
