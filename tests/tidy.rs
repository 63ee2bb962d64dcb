//! Rules of the house that neither the compiler nor clippy can check: which room may use which,
//! how files open, what may not be written, and that lists kept by hand agree with each other.
//!
//! Every test collects all breaches before it fails, and names file, line and what to do. It reads
//! only the checkout, and must never need a network, a display or the corpora.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use toml::Table;

/// The rooms: folder of the crate, and the folders of the crates that it may use.
/// `docs/ARCHITECTURE.md` draws the same arrows; a new crate gets a row here and an arrow there.
const ARROWS: &[(&str, &[&str])] = &[
    ("src/domain", &[]),
    ("src/scan", &["src/domain"]),
    ("src/devices", &["src/domain"]),
    ("src/view/generated", &[]),
    ("sync", &["src/domain"]),
    ("src/store/salvage", &[]),
    ("src/store", &["src/domain", "src/store/salvage", "sync"]),
    ("sync/central", &["src/domain", "sync"]),
    (".", &["src/domain", "src/scan", "src/devices", "src/store", "sync", "src/view/generated"]),
    // Tools of the tests; nothing that ships may use them.
    ("tests/dice", &[]),
    ("tests/fault", &["tests/dice"]),
    (
        "tests/fuzz",
        &[
            "src/domain",
            "src/scan",
            "src/store",
            "src/store/salvage",
            "sync",
            "sync/central",
            "tests/dice",
        ],
    ),
    ("tests/labels", &["src/domain", "src/scan", "tests/dice"]),
    ("tests/sim", &["src/domain", "src/store", "sync", "sync/central", "tests/fault"]),
];

/// What the tests of a room may use beyond its arrows: only those of the root cross all rooms.
const TEST_ARROWS: &[(&str, &str)] = &[
    (".", "sync/central"),
    (".", "tests/dice"),
    ("src/scan", "tests/dice"),
    ("src/store", "tests/fault"),
    ("src/store/salvage", "tests/fault"),
    ("sync/central", "tests/fault"),
];

/// Crates that belong to one concern, and the rooms that deal with it.
const KEPT_IN: &[(&str, &[&str])] = &[
    ("axum", &["sync/central"]),
    ("nokhwa", &["src/scan"]),
    ("reqwest", &["sync"]),
    ("rodio", &["."]),
    ("rusqlite", &["src/store", "sync/central", "tests/fault", "tests/sim"]),
    ("rxing", &["src/scan", "tests/labels"]),
    ("slint", &[".", "src/view/generated"]),
    ("tokio", &[".", "sync", "sync/central", "tests/fuzz", "tests/sim"]),
];

/// All that the pure rules may be made of; they do not even serialise (the protocol does, by hand).
const DOMAIN_MADE_OF: &[&str] = &["jiff", "thiserror", "unicode-normalization", "uuid"];

/// Inside the terminal's own package the rooms are modules: folder, and crates it may not name.
const MODULE_BANS: &[(&str, &[&str])] = &[
    ("src/app", &["slint", "crossroads_ui", "rusqlite", "reqwest", "nokhwa", "rxing", "axum"]),
    ("src/view", &["store", "sync", "rusqlite", "reqwest", "nokhwa", "rxing", "axum"]),
];

/// The only files that may ask the machine for time, randomness or ids (invariant 11): programs,
/// and the real implementations behind clock and id ports. Tests and benches may as well.
const RIMS: &[&str] = &[
    "src/command/rim.rs",
    "src/main.rs",
    "src/scan/clock.rs",
    "src/scan/examples/measure_grey.rs",
    "sync/central/cli/progress.rs",
    "sync/central/main.rs",
    "sync/central/rim.rs",
];

/// Layers of the window, lowest first; a file imports from its own layer or from below.
const UI_LAYERS: &[&str] = &["widgets", "dialogs", "views"];

/// What a widget may know besides its properties: tokens, pictures, and the kinds of things.
const WIDGET_MAY_IMPORT: &[&str] = &["theme.slint", "icons.slint", "types.slint"];

/// Prose in comments is as wide as in the documents. Code is held to 100 by rustfmt, which leaves
/// comments and texts as they are.
const PROSE_COLUMNS_MAX: usize = 120;

// ---- reading the checkout -----------------------------------------------------------------------

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files of the checkout as paths from its root, sorted; nothing hidden, nothing built.
fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("folders of the checkout are readable") {
            let path = entry.expect("entries of the checkout are readable").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or(".");
            if name.starts_with('.') || path == root().join("target") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let inside = path.strip_prefix(root()).expect("walked from the root");
                found.push(inside.to_path_buf());
            }
        }
    }
    found.sort();
    assert!(found.len() > 50, "the walk of the checkout found only {} files", found.len());
    found
}

fn files_ending(ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in files() {
        let name = path.to_str().expect("names of files are UTF-8").to_owned();
        if name.ends_with(ending) {
            let text = fs::read_to_string(root().join(&path));
            found.push((name, text.expect("text files are UTF-8")));
        }
    }
    assert!(!found.is_empty(), "no file ends in {ending}");
    found
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn manifest(folder: &str) -> Table {
    let path = format!("{folder}/Cargo.toml");
    read(&path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn report(breaches: &[String]) {
    assert!(breaches.is_empty(), "{} breaches:\n{}", breaches.len(), breaches.join("\n"));
}

// ---- arrows between crates ----------------------------------------------------------------------

/// The names under which a manifest depends on others: in shipped code, and in tests only.
fn dependencies(manifest: &Table) -> (BTreeSet<String>, BTreeSet<String>) {
    let names = |section: &str| {
        let table = manifest.get(section).and_then(|section| section.as_table());
        table.map(|table| table.keys().cloned().collect::<BTreeSet<_>>()).unwrap_or_default()
    };
    let mut shipped = names("dependencies");
    shipped.extend(names("build-dependencies"));
    assert!(!manifest.contains_key("target"), "this test does not read [target] tables yet");
    (shipped, names("dev-dependencies"))
}

/// Folder of each own crate by the name under which `[workspace.dependencies]` knows it.
fn own_crates() -> BTreeMap<String, String> {
    let root = manifest(".");
    let table = root["workspace"]["dependencies"].as_table().expect("a table of versions");
    let path = |value: &toml::Value| Some(value.get("path")?.as_str()?.to_owned());
    table.iter().filter_map(|(name, value)| Some((name.clone(), path(value)?))).collect()
}

#[test]
fn crates_follow_the_arrows() {
    let own = own_crates();
    let mut breaches = Vec::new();
    for (folder, allowed) in ARROWS {
        let (shipped, tests) = dependencies(&manifest(folder));
        for (name, used) in &own {
            let is_allowed = allowed.contains(&used.as_str());
            if shipped.contains(name) && !is_allowed {
                breaches.push(format!("{folder}/Cargo.toml: no arrow leads from here to {used}"));
            }
            let is_test_arrow = TEST_ARROWS.contains(&(folder, used.as_str()));
            if tests.contains(name) && !is_allowed && !is_test_arrow {
                breaches.push(format!("{folder}/Cargo.toml: even tests may not use {used} here"));
            }
        }
        for (name, rooms) in KEPT_IN {
            if shipped.contains(*name) && !rooms.contains(folder) {
                breaches.push(format!("{folder}/Cargo.toml: {name} is for {rooms:?} only"));
            }
        }
    }
    let (domain, _) = dependencies(&manifest("src/domain"));
    for name in domain.iter().filter(|name| !DOMAIN_MADE_OF.contains(&name.as_str())) {
        breaches.push(format!("src/domain/Cargo.toml: {name} is not for pure rules"));
    }
    report(&breaches);
}

#[test]
fn every_crate_has_a_row_and_takes_versions_from_the_workspace() {
    let mut breaches = Vec::new();
    let root = manifest(".");
    let members = root["workspace"]["members"].as_array().expect("a list of members");
    let members: BTreeSet<_> = members.iter().filter_map(|member| member.as_str()).collect();
    let rows: BTreeSet<_> = ARROWS.iter().map(|(folder, _)| *folder).collect();
    assert_eq!(members, rows, "members of the workspace, and the rows of ARROWS");
    for folder in members {
        let manifest = manifest(folder);
        for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
            let Some(table) = manifest.get(section).and_then(|table| table.as_table()) else {
                continue;
            };
            for (name, value) in table {
                if value.get("workspace").is_none() {
                    breaches.push(format!("{folder}/Cargo.toml: {name}: write workspace = true"));
                }
            }
        }
    }
    for (name, value) in root["workspace"]["dependencies"].as_table().expect("a table") {
        let version = value.as_str().or_else(|| value.get("version")?.as_str());
        if version == Some("*") {
            breaches.push(format!("Cargo.toml: {name}: name a version"));
        }
    }
    report(&breaches);
}

// ---- arrows between modules ---------------------------------------------------------------------

/// The code of a Rust file without comments and without what stands between double quotes.
/// Good for finding names; not a parser (raw strings with quotes in them are cut short).
fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['/', '"', '\'']) {
        code.push_str(&rest[..start]);
        rest = &rest[start..];
        if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if rest.starts_with("/*") {
            rest = rest.find("*/").map_or("", |end| &rest[end + 2..]);
        } else if rest.starts_with('"') {
            rest = after_string(&rest[1..]);
            code.push_str("\"\"");
        } else if rest.starts_with("'\"'") {
            rest = &rest[3..];
        } else if rest.starts_with("'\\") {
            rest = rest[2..].find('\'').map_or("", |end| &rest[end + 3..]);
        } else {
            code.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    code.push_str(rest);
    code
}

fn after_string(text: &str) -> &str {
    let mut is_escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '\\' if !is_escaped => is_escaped = true,
            '"' if !is_escaped => return &text[at + 1..],
            _ => is_escaped = false,
        }
    }
    ""
}

/// Whether code names `root` as the first part of a path: `root::x`, `use root;`, `use {root::x}`.
fn names_root(code: &str, root: &str) -> bool {
    // A name brought in from elsewhere (`use domain::store;`) hides the crate of that name.
    let is_hidden = code.split("use ").skip(1).any(|statement| {
        let statement = statement.split(';').next().unwrap_or("");
        let ending = format!("::{root}");
        statement.ends_with(&ending) || statement.contains(&format!("as {root}"))
    });
    code.match_indices(root).any(|(at, _)| {
        let before = code[..at].trim_end();
        let after = code[at + root.len()..].trim_start();
        let is_word = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let is_use = before.ends_with("use") && after.starts_with(';');
        let is_inner = before.ends_with("::") || before.ends_with('{') && in_braces_of_path(before);
        is_word && !is_inner && (is_use || after.starts_with("::") && !is_hidden)
    })
}

/// Whether the brace that `before` ends with belongs to a path, as in `use domain::{`.
fn in_braces_of_path(before: &str) -> bool {
    before.trim_end_matches('{').trim_end().ends_with("::")
}

#[test]
fn names_are_found_where_they_count() {
    for (code, is_named) in [
        ("use store::Store;", true),
        ("let a = store::open();", true),
        ("use store;", true),
        ("use {store::Store, domain::Money};", true),
        ("use domain::store::StoreConfig;", false),
        ("use domain::{store::StoreConfig};", false),
        ("use domain::store;\nfn a(b: store::StoreConfig) {}", false),
        ("let a = bookstore::open();", false),
        ("// store::Store\nlet a = \"store::Store\"; let b = '\"';", false),
        ("let a = \"\\\"\"; store::open();", true),
        ("let a = '\\''; store::open();", true),
        ("self.store.open()", false),
    ] {
        assert_eq!(names_root(&code_only(code), "store"), is_named, "{code}");
    }
}

#[test]
fn modules_follow_the_arrows() {
    let mut breaches = Vec::new();
    for (path, text) in files_ending(".rs") {
        let code = code_only(&text);
        for (folder, banned) in MODULE_BANS {
            let is_inside = path.starts_with(&format!("{folder}/"));
            if !is_inside || path.starts_with("src/view/generated/") {
                continue;
            }
            for name in banned.iter().filter(|name| names_root(&code, name)) {
                breaches.push(format!("{path}: {folder} may not use {name}"));
            }
        }
    }
    report(&breaches);
}

#[test]
fn the_machine_is_asked_only_at_the_rims() {
    let mut breaches = Vec::new();
    for (path, text) in files_ending(".rs") {
        let is_test = path.starts_with("tests/") || path.contains("/tests/");
        let is_rim = is_test || path.starts_with("benches/") || RIMS.contains(&path.as_str());
        // clippy.toml bans the clocks themselves; here its exceptions are counted.
        let shipped = text.split("#[cfg(test)]").next().unwrap_or("");
        if !is_rim && shipped.contains("clippy::disallowed_methods") {
            breaches.push(format!("{path}: not a rim; take time, randomness and ids as arguments"));
        }
    }
    for rim in RIMS.iter().filter(|rim| !root().join(rim).is_file()) {
        breaches.push(format!("tests/tidy.rs: the rim {rim} is gone; take it from the list"));
    }
    report(&breaches);
}

/// The layer of a file below `ui/`: tokens and types 0, `UI_LAYERS` above, the window on top.
fn ui_layer(path: &Path) -> usize {
    let folder = path.parent().and_then(|folder| folder.file_name()).and_then(|name| name.to_str());
    match UI_LAYERS.iter().position(|layer| Some(*layer) == folder) {
        Some(layer) => layer + 1,
        None if path.ends_with("ui/app.slint") => UI_LAYERS.len() + 1,
        None => 0,
    }
}

#[test]
fn the_window_is_layered() {
    let mut breaches = Vec::new();
    for (path, text) in files_ending(".slint") {
        let layer = ui_layer(Path::new(&path));
        let from = text.split(" from \"").skip(1).filter_map(|rest| rest.split('"').next());
        for import in from.filter(|import| !import.starts_with("std-widgets")) {
            let target = Path::new(&path).parent().expect("inside ui/").join(import);
            let below = ui_layer(&target);
            if below > layer {
                breaches.push(format!("{path}: {import} is a layer above it"));
            }
            let file = target.file_name().and_then(|name| name.to_str()).unwrap_or("");
            if layer == 1 && below == 0 && !WIDGET_MAY_IMPORT.contains(&file) {
                breaches.push(format!("{path}: a widget takes properties, not {import}"));
            }
        }
    }
    report(&breaches);
}

// ---- how files are written ----------------------------------------------------------------------

#[test]
fn every_file_opens_with_what_it_is() {
    let mut breaches = Vec::new();
    for (ending, opening) in [(".rs", "//! "), (".slint", "//"), (".sql", "--")] {
        for (path, text) in files_ending(ending) {
            if !text.starts_with(opening) {
                breaches.push(format!("{path}: open with {opening} and say what the file is"));
            }
        }
    }
    report(&breaches);
}

#[test]
fn nothing_is_left_lying_about() {
    // Put together here, so that this file does not find itself.
    let banned = [
        concat!("FIX", "ME"),
        concat!("// XX", "X"), // the letters alone are ISO 4217's "no currency"
        concat!("TO", "DO"),
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("db", "g!("),
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/wo", "rk/"),
        concat!("/Us", "ers/"),
        concat!("/t", "mp/"),
    ];
    let mut breaches = Vec::new();
    for ending in [".rs", ".slint", ".sql", ".md", ".toml", ".po", "dev"] {
        for (path, text) in files_ending(ending) {
            for (index, line) in text.lines().enumerate() {
                let place = format!("{path}:{}", index + 1);
                for word in banned.iter().filter(|word| line.contains(**word)) {
                    breaches.push(format!("{place}: {word} has no place in what is committed"));
                }
                if line.ends_with([' ', '\t']) {
                    breaches.push(format!("{place}: blank at the end of the line"));
                }
                if line.contains('\t') {
                    breaches.push(format!("{place}: tab; indent with blanks"));
                }
            }
        }
    }
    report(&breaches);
}

#[test]
fn prose_fits_the_page() {
    let mut breaches = Vec::new();
    for (path, text) in files_ending(".rs") {
        let mut is_drawing = false;
        for (index, line) in text.lines().enumerate() {
            let trimmed = line.trim_start();
            let Some(prose) = trimmed.strip_prefix("//") else {
                is_drawing = false;
                continue;
            };
            let prose = prose.trim_start_matches(['/', '!']).trim_start();
            is_drawing ^= prose.starts_with("```");
            // A table or a drawing cannot be wrapped, nor can an address.
            let is_fixed = is_drawing || prose.starts_with('|') || prose.contains("://");
            let columns = line.chars().count();
            if columns > PROSE_COLUMNS_MAX && !is_fixed {
                let place = format!("{path}:{}", index + 1);
                breaches.push(format!("{place}: {columns} columns, {PROSE_COLUMNS_MAX} fit"));
            }
        }
    }
    report(&breaches);
}

#[test]
fn every_sql_file_is_used() {
    let sources = files_ending(".rs");
    let mut breaches = Vec::new();
    for (path, _) in files_ending(".sql") {
        let name = path.rsplit('/').next().unwrap_or(&path);
        if !sources.iter().any(|(_, text)| text.contains(name)) {
            breaches.push(format!("{path}: no Rust file reads it"));
        }
    }
    report(&breaches);
}

// ---- documents and lists kept by hand -----------------------------------------------------------

#[test]
fn links_in_documents_lead_somewhere() {
    let mut breaches = Vec::new();
    for (path, text) in files_ending(".md") {
        let folder = Path::new(&path).parent().expect("a file is in a folder");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = target.split(['#', ' ']).next().unwrap_or("");
            let is_elsewhere = target.contains("://") || target.starts_with("mailto:");
            if !target.is_empty() && !is_elsewhere && !root().join(folder).join(target).exists() {
                breaches.push(format!("{path}: there is no {target}"));
            }
        }
        let quoted = text.split('`').skip(1).step_by(2);
        for name in quoted.filter(|name| name.starts_with("docs/") && name.ends_with(".md")) {
            if !root().join(name).exists() {
                breaches.push(format!("{path}: there is no {name}"));
            }
        }
    }
    report(&breaches);
}

#[test]
fn decisions_are_numbered_and_listed() {
    let index = read("docs/adr/README.md");
    let mut numbers = BTreeSet::new();
    for (path, text) in files_ending(".md") {
        let Some(name) = path.strip_prefix("docs/adr/").filter(|name| *name != "README.md") else {
            continue;
        };
        let number = name.split('-').next().unwrap_or("").to_owned();
        assert!(index.contains(name), "docs/adr/README.md: list {name}");
        assert!(text.starts_with("# "), "{path}: open with a title");
        assert!(numbers.insert(number), "{path}: its number is taken");
    }
    assert!(!numbers.is_empty(), "docs/adr holds no decision");
}

#[test]
fn versions_agree() {
    let root = manifest(".");
    let package = &root["workspace"]["package"];
    let version = package["version"].as_str().expect("a version");
    let changes = read("CHANGELOG.md");
    assert!(changes.contains(&format!("\n## {version}")), "CHANGELOG.md has no {version}");

    let toolchain: Table = read("rust-toolchain.toml").parse().expect("valid TOML");
    let channel = toolchain["toolchain"]["channel"].as_str().expect("a channel");
    let rust = package["rust-version"].as_str().expect("a Rust version");
    assert!(channel.starts_with(rust), "rust-toolchain.toml and Cargo.toml name other versions");
    let line = format!("readonly RUST_MIN=\"{channel}\"");
    assert!(read("dev").contains(&line), "dev: RUST_MIN is not {channel}");
}

#[test]
fn licence_files_stand_beside_what_they_cover() {
    for (folder, _) in ARROWS {
        let manifest = manifest(folder);
        let licence = manifest["package"]["license"].as_str().expect("a licence");
        let files: &[&str] = match licence {
            "GPL-3.0-only" => &["LICENSE"],
            "MIT OR Apache-2.0" => &["LICENSE-MIT", "LICENSE-APACHE"],
            other => panic!("{folder}/Cargo.toml: the licence {other} is new here"),
        };
        let place = if licence == "GPL-3.0-only" { "." } else { folder };
        for file in files {
            assert!(root().join(place).join(file).is_file(), "{folder}: {file} is missing");
        }
    }
}

#[test]
fn both_ways_to_build_for_arm_name_the_same_libraries() {
    let dev = read("dev");
    let list = dev.split("readonly ARM_PACKAGES=(").nth(1).and_then(|rest| rest.split(')').next());
    let list = list.expect("dev lists ARM_PACKAGES");
    let suffix = "-dev:arm64";
    let libraries = list.split_whitespace().filter(|name| name.ends_with(suffix));
    let mut cross = libraries.filter(|name| !name.contains("rust")).peekable();
    assert!(cross.peek().is_some(), "dev: ARM_PACKAGES names no library");
    let configuration = read("cross.toml");
    for name in cross {
        let name = name.trim_end_matches(":arm64");
        let found = configuration.matches(&format!("{name}:$CROSS_DEB_ARCH")).count();
        assert_eq!(found, 2, "cross.toml: {name} is not there for both targets");
    }
}
