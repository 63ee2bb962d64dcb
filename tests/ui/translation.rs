//! Every text of the user interface stands in every catalogue, with the same places for values; every code that
//! the view-models say has its sentence.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const LANGUAGES: [&str; 4] = ["fr", "de", "zh-Hans", "zh-Hant"];

/// What a text is looked up by: context, text, plural.
type Key = (String, String, String);

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn slint_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("ui/ can be read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            slint_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "slint") {
            found.push(path);
        }
    }
}

/// Reads a string literal that starts at `text`, which begins with a quote; the rest follows it.
fn literal(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.strip_prefix('"')?.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 2..])),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

/// All `@tr` of a source: optional context, text, optional plural.
fn texts(source: &str) -> Vec<Key> {
    let source: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut keys = Vec::new();
    let mut rest = source.as_str();
    while let Some(start) = rest.find("@tr(") {
        rest = &rest[start + 4..];
        let (mut text, mut after) = literal(rest.trim_start()).expect("@tr begins with a text");
        let mut context = String::new();
        if let Some(tail) = after.trim_start().strip_prefix("=>") {
            context = text;
            (text, after) = literal(tail.trim_start()).expect("a text follows the context");
        }
        let plural = (after.trim_start().strip_prefix('|'))
            .map(|tail| literal(tail.trim_start()).expect("a plural follows").0)
            .unwrap_or_default();
        keys.push((context, text, plural));
        rest = after;
    }
    keys
}

/// The entries of a catalogue.
fn catalogue(language: &str) -> BTreeMap<Key, Vec<String>> {
    let path = root().join(format!("assets/lang/{language}/LC_MESSAGES/crossroads-ui.po"));
    let source = std::fs::read_to_string(&path).expect("the catalogue can be read");
    let mut entries = BTreeMap::new();
    for block in source.split("\n\n") {
        let (mut key, mut words) = (Key::default(), Vec::new());
        for line in block.lines().filter(|line| !line.starts_with('#')) {
            let Some((field, value)) = line.split_once(' ') else { continue };
            let Some((value, _)) = literal(value) else { continue };
            match field {
                "msgctxt" => key.0 = value,
                "msgid" => key.1 = value,
                "msgid_plural" => key.2 = value,
                _ if field.starts_with("msgstr") => words.push(value),
                _ => {}
            }
        }
        entries.insert(key, words);
    }
    entries
}

/// The places for values in a text.
fn places(text: &str) -> BTreeSet<&str> {
    text.match_indices('{')
        .filter_map(|(at, _)| text[at..].find('}').map(|end| &text[at..=at + end]))
        .collect()
}

fn used_texts() -> BTreeMap<Key, PathBuf> {
    let mut files = Vec::new();
    slint_files(&root().join("ui"), &mut files);
    let mut used = BTreeMap::new();
    for file in files {
        let source = std::fs::read_to_string(&file).expect("a view can be read");
        for key in texts(&source) {
            used.insert(key, file.clone());
        }
    }
    assert!(used.len() > 250, "only {} texts were found; the reader of @tr is broken", used.len());
    used
}

#[test]
fn every_text_is_translated_into_every_language() {
    let used = used_texts();
    let mut faults = Vec::new();
    for language in LANGUAGES {
        let entries = catalogue(language);
        for (key, file) in &used {
            let Some(words) = entries.get(key) else {
                faults.push(format!("{language}: missing {:?} of {}", key.1, file.display()));
                continue;
            };
            if words.is_empty() || words.iter().any(String::is_empty) {
                faults.push(format!("{language}: empty {:?}", key.1));
            }
            // The singular may say "one" in words; the last form must name all values.
            let last = words.last().map_or("", String::as_str);
            let expected = if key.2.is_empty() { &key.1 } else { &key.2 };
            if places(last) != places(expected) {
                faults.push(format!("{language}: {expected:?} and {last:?} name different values"));
            }
        }
        for key in entries.keys().filter(|key| !key.1.is_empty()) {
            if !used.contains_key(key) {
                faults.push(format!("{language}: {:?} is used nowhere", key.1));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn chinese_catalogues_keep_to_their_script() {
    // Characters that only one of the two scripts writes this way.
    for (language, foreign) in
        [("zh-Hans", "購籃應顧貨單類條碼螢"), ("zh-Hant", "购篮应顾货单类条码荧")]
    {
        for (key, words) in catalogue(language) {
            for letter in words.concat().chars() {
                assert!(!foreign.contains(letter), "{language}: {letter} in {:?}", key.1);
            }
        }
    }
}

#[test]
fn the_reader_of_texts_reads() {
    let source = r#"
        // @tr("a comment")
        text: @tr("One {0}", a) + @tr("{n} line" | "{n} lines" % n) + @tr("till" => "Open \"it\"");
    "#;
    let key = |context: &str, text: &str, plural: &str| {
        (context.to_owned(), text.to_owned(), plural.to_owned())
    };
    let expected =
        [key("", "One {0}", ""), key("", "{n} line", "{n} lines"), key("till", "Open \"it\"", "")];
    assert_eq!(texts(source), expected);
}
