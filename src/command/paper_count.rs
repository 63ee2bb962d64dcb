//! A counted list from the screen to paper: number, name and what was counted of each line, and where it was compared,
//! stock and difference. Long lists are printed part by part, since a printer takes so much paper at once and no more.

use crossroads::app::count_print::CountJob;
use crossroads::app::intent::Language;
use crossroads::app::screen::{CountRow, StockState};
use devices::{Printer, PrinterError, ReceiptDocument, ReceiptLine as Part};

/// Lines of the list in one part: with names that need two lines still less than a printer takes.
const PART_LINES: usize = 120;

/// The fixed words of a counted list.
struct Words {
    title: &'static str,
    part: &'static str,
    begun: &'static str,
    printed: &'static str,
    stock: &'static str,
    no_stock: &'static str,
    other_unit: &'static str,
    articles: &'static str,
    pieces: &'static str,
    not_booked: &'static str,
}

const fn words(language: Language) -> Words {
    match language {
        Language::English => Words {
            title: "Counted goods",
            part: "Part",
            begun: "Begun by",
            printed: "Printed by",
            stock: "Stock",
            no_stock: "Stock not known",
            other_unit: "Counted in another unit than the stock",
            articles: "Articles",
            pieces: "Pieces",
            not_booked: "The list stays on this device; stock at head office is not changed.",
        },
        Language::French => Words {
            title: "Marchandises comptées",
            part: "Partie",
            begun: "Commencé par",
            printed: "Imprimé par",
            stock: "Stock",
            no_stock: "Stock inconnu",
            other_unit: "Compté dans une autre unité que le stock",
            articles: "Articles",
            pieces: "Pièces",
            not_booked: "La liste reste sur cet appareil ; le stock au siège n’est pas modifié.",
        },
        Language::German => Words {
            title: "Gezählte Ware",
            part: "Teil",
            begun: "Begonnen von",
            printed: "Gedruckt von",
            stock: "Bestand",
            no_stock: "Bestand nicht bekannt",
            other_unit: "In anderer Einheit gezählt als der Bestand",
            articles: "Artikel",
            pieces: "Stück",
            not_booked: "Die Liste bleibt auf diesem Gerät; der Bestand in der Zentrale ändert sich nicht.",
        },
        Language::SimplifiedChinese => Words {
            title: "盘点清单",
            part: "部分",
            begun: "开始人",
            printed: "打印人",
            stock: "库存",
            no_stock: "库存未知",
            other_unit: "清点单位与库存单位不同",
            articles: "商品种类",
            pieces: "件数",
            not_booked: "清单仅保存在本设备上，总部库存不变。",
        },
        Language::TraditionalChinese => Words {
            title: "盤點清單",
            part: "部分",
            begun: "開始人",
            printed: "列印人",
            stock: "庫存",
            no_stock: "庫存未知",
            other_unit: "清點單位與庫存單位不同",
            articles: "商品種類",
            pieces: "件數",
            not_booked: "清單僅保存在本裝置上，總部庫存不變。",
        },
    }
}

/// Prints a counted list. What was printed of it before a printer fails is paper that says which part it is.
pub fn print(printer: &mut dyn Printer, job: &CountJob) -> Result<(), PrinterError> {
    let parts = job.lines.chunks(PART_LINES);
    let count = parts.len();
    for (at, lines) in parts.enumerate() {
        printer.print(&part(job, lines, (at + 1, count)))?;
    }
    Ok(())
}

fn part(job: &CountJob, lines: &[CountRow], (number, count): (usize, usize)) -> ReceiptDocument {
    let words = words(job.language);
    let mut parts = vec![Part::Title(job.store.clone()), Part::Centred(words.title.into())];
    if count > 1 {
        parts.push(Part::Centred(format!("{} {number} / {count}", words.part)));
    }
    parts.push(Part::Rule);
    parts.push(Part::Text(format!("{} {}, {}", words.begun, job.begun_by, job.begun_at)));
    parts.push(Part::Text(format!("{} {}, {}", words.printed, job.printed_by, job.terminal)));
    parts.push(Part::Text(job.printed_at.clone()));
    parts.push(Part::Rule);
    lines.iter().for_each(|line| row(&mut parts, line, &words));
    parts.push(Part::Rule);
    if number == count {
        let mut total = |left: &str, right: &str| {
            let (left, right) = (left.to_owned(), right.to_owned());
            parts.push(Part::Columns { left, right, is_bold: true });
        };
        total(words.articles, &job.articles);
        total(words.pieces, &job.pieces);
        parts.push(Part::Text(words.not_booked.into()));
    }
    ReceiptDocument { lines: parts }
}

fn row(parts: &mut Vec<Part>, line: &CountRow, words: &Words) {
    let (left, right) = (line.name.clone(), line.quantity.clone());
    parts.push(Part::Columns { left, right, is_bold: false });
    let code = format!("  {}", line.code);
    let known = match line.state {
        StockState::Hidden => String::new(),
        StockState::Equal | StockState::Differs => {
            format!("{} {}  ({})", words.stock, line.stock, line.difference)
        }
        StockState::Unknown => words.no_stock.to_owned(),
        StockState::OtherUnit => words.other_unit.to_owned(),
    };
    if line.state == StockState::OtherUnit {
        // Too long to stand beside the number.
        parts.push(Part::Text(code));
        parts.push(Part::Text(format!("  {known}")));
    } else if !line.code.is_empty() || !known.is_empty() {
        parts.push(Part::Columns { left: code, right: known, is_bold: false });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LANGUAGES: [Language; 5] = [
        Language::English,
        Language::French,
        Language::German,
        Language::SimplifiedChinese,
        Language::TraditionalChinese,
    ];

    fn job(language: Language, states: &[StockState]) -> CountJob {
        let line = |(at, state): (usize, &StockState)| CountRow {
            name: format!("Gruyère {at}"),
            code: format!("95200000000{at:02}"),
            quantity: "7".into(),
            state: *state,
            stock: "9".into(),
            difference: "-2".into(),
            ..CountRow::default()
        };
        CountJob {
            store: "Bern".into(),
            terminal: "T01".into(),
            begun_by: "Anna Meier".into(),
            begun_at: "21 Nov 2026, 12:00".into(),
            printed_by: "Ben Keller".into(),
            printed_at: "21 Nov 2026, 13:00".into(),
            lines: states.iter().enumerate().map(line).collect(),
            articles: "12".into(),
            pieces: "48".into(),
            is_compared: states.iter().any(|state| *state != StockState::Hidden),
            language,
        }
    }

    /// What the printer that writes files wrote.
    fn printed(jobs: &[CountJob]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("simulated:{}", folder.path().display());
        let mut printer = devices::open(&name).unwrap().unwrap();
        for job in jobs {
            print(printer.as_mut(), job).unwrap();
        }
        let read = |number: usize| {
            let path = folder.path().join(format!("receipt-{number:06}.txt"));
            std::fs::read_to_string(path).ok()
        };
        (1..).map_while(read).collect()
    }

    #[test]
    fn a_list_says_whose_it_is_what_was_counted_and_that_nothing_is_booked() {
        use StockState::{Differs, Equal, Hidden, OtherUnit, Unknown};
        let blind = &printed(&[job(Language::English, &[Hidden, Hidden])])[0];
        for words in ["Bern", "Counted goods", "Anna Meier", "Ben Keller, T01", "9520000000001"] {
            assert!(blind.contains(words), "{words:?} is missing in\n{blind}");
        }
        assert!(!blind.contains("Stock ") && !blind.contains("Part"), "{blind}");
        for language in LANGUAGES {
            let paper = &printed(&[job(language, &[Differs, Equal, Unknown, OtherUnit])])[0];
            let words = words(language);
            let flat = paper.split_whitespace().collect::<Vec<_>>().join(" ");
            for fixed in [words.title, words.begun, words.articles, words.no_stock] {
                assert!(paper.contains(fixed), "{fixed:?} is missing in\n{paper}");
            }
            assert!(flat.contains(&format!("{} 9 (-2)", words.stock)), "{paper}");
            assert!(flat.replace(' ', "").contains(&words.not_booked.replace(' ', "")), "{paper}");
        }
    }

    #[test]
    fn a_long_list_comes_in_parts_and_every_line_once() {
        let states = vec![StockState::Unknown; 2 * PART_LINES + 1];
        let papers = printed(&[job(Language::English, &states)]);
        assert_eq!(papers.len(), 3);
        let lines = papers.iter().flat_map(|paper| paper.lines());
        assert_eq!(lines.filter(|line| line.starts_with("Gruyère")).count(), states.len());
        assert!(papers[0].contains("Part 1 / 3") && !papers[0].contains("Pieces"));
        assert!(papers[2].contains("Part 3 / 3") && papers[2].contains("Pieces"));
    }
}
