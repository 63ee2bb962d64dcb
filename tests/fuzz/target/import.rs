//! Files that head office imports: CSV and JSON lines of articles and customers. Good records go in, broken ones are
//! told, and the same file once more changes nothing.

use super::choice;
use central::import::{Form, Mapping, Refused, What, run as import};
use central::in_process::{InProcess, Template};
use central::seed::{Plan, UNTIL_MS};
use central::task::Unwatched;
use central::{CentralError, Rim};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Columns and cells.
pub const WORDS: &[&str] = &[
    "gtin",
    "name",
    "price",
    "currency",
    "unit",
    "tax_group",
    "phone",
    "email",
    "card",
    "external_id",
    "9520000000011",
    "2.05",
    "2,05",
    "CHF",
    "kg",
    "\"",
    "\"\"",
    ";",
    ",",
    "\t",
    "\r\n",
    "\u{feff}",
    "{\"gtin\":",
];

struct StillRim(AtomicU64);
impl Rim for StillRim {
    fn now_ms(&self) -> i64 {
        1_800_000_000_000
    }
    fn monotonic_ms(&self) -> i64 {
        0
    }
    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), CentralError> {
        let number = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        bytes.iter_mut().zip(number.iter().cycle()).for_each(|(byte, part)| *byte = *part);
        Ok(())
    }
}

fn template() -> &'static Template {
    static TEMPLATE: OnceLock<Template> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let plan = Plan::new((5, 2, 3), 1, 7, UNTIL_MS);
        let rim = Arc::new(StillRim(AtomicU64::new(1)));
        Template::seeded(&plan, rim).expect("a seeded central")
    })
}

/// The first byte chooses what is imported and the form of the file.
pub fn run(bytes: &[u8]) {
    let Some((choice, file)) = choice(bytes) else { return };
    let what = if choice % 2 == 0 { What::Articles } else { What::Customers };
    let form = if choice / 2 % 2 == 0 { Form::Csv } else { Form::JsonLines };
    let rim = Arc::new(StillRim(AtomicU64::new(1 << 32)));
    let world = InProcess::from_template(template(), rim).expect("a copy");
    let mut mapping = Mapping::default();
    if choice & 4 != 0 {
        mapping.columns.insert("name".into(), "title".into());
        mapping.constants.insert("currency".into(), "CHF".into());
        mapping.constants.insert("tax_group".into(), "reduced".into());
    }
    let once = || {
        let mut told = 0;
        let mut tell = |refused: &Refused| {
            assert!(refused.line > 0 && !refused.reason.is_empty());
            told += 1;
        };
        let watch = &mut Unwatched;
        let imported = import(world.central(), what, (file, form), &mapping, watch, &mut tell);
        match imported {
            Ok(imported) => {
                assert_eq!(imported.refused, told);
                Some(imported)
            }
            // A file that lacks a column that the mapping names is refused as a whole.
            Err(CentralError::File { .. }) if choice & 4 != 0 => None,
            Err(error) => panic!("{error}"),
        }
    };
    let Some(first) = once() else { return };
    let again = once().expect("what was read once can be read again");
    assert_eq!((again.added, again.refused), (0, first.refused), "the same file is not the same");
}
