//! A receipt, or the slip of a basket put aside, from the screen to paper. The words are in the language of the
//! receipt's screen; the labels that the window translates are here only the few that paper needs, in the language of
//! the terminal.

use crossroads::app::intent::Language;
use crossroads::app::park::SlipJob;
use crossroads::app::receipt::PrintJob;
use devices::{Printer, PrinterError, ReceiptDocument, ReceiptLine as Part};

/// The fixed words of a paper receipt.
struct Words {
    total: &'static str,
    cash: &'static str,
    change: &'static str,
    rounding: &'static str,
    delivery: &'static str,
    due_on_delivery: &'static str,
    served_by: &'static str,
    included: &'static str,
}

const fn words(language: Language) -> Words {
    match language {
        Language::English => Words {
            total: "Total",
            cash: "Cash",
            change: "Change",
            rounding: "Rounding",
            delivery: "Delivery",
            due_on_delivery: "To be paid on delivery",
            served_by: "Served by",
            included: "incl.",
        },
        Language::French => Words {
            total: "Total",
            cash: "Espèces",
            change: "Rendu",
            rounding: "Arrondi",
            delivery: "Livraison",
            due_on_delivery: "À payer à la livraison",
            served_by: "Servi par",
            included: "dont",
        },
        Language::German => Words {
            total: "Total",
            cash: "Bar",
            change: "Rückgeld",
            rounding: "Rundung",
            delivery: "Lieferung",
            due_on_delivery: "Zahlbar bei Lieferung",
            served_by: "Es bediente Sie",
            included: "inkl.",
        },
        Language::SimplifiedChinese => Words {
            total: "合计",
            cash: "现金",
            change: "找零",
            rounding: "舍入",
            delivery: "配送",
            due_on_delivery: "货到付款",
            served_by: "收银员",
            included: "含",
        },
        Language::TraditionalChinese => Words {
            total: "合計",
            cash: "現金",
            change: "找零",
            rounding: "捨入",
            delivery: "配送",
            due_on_delivery: "貨到付款",
            served_by: "收銀員",
            included: "含",
        },
    }
}

/// Prints a receipt and opens the drawer if cash was taken.
pub fn print(printer: &mut dyn Printer, job: &PrintJob) -> Result<(), PrinterError> {
    if job.opens_drawer {
        printer.open_drawer()?;
    }
    printer.print(&document(job))
}

/// The fixed words of a slip, besides those of a receipt.
struct SlipWords {
    put_aside: &'static str,
    lines: &'static str,
    scan_at: &'static str,
    no_receipt: &'static str,
}

const fn slip_words(language: Language) -> SlipWords {
    match language {
        Language::English => SlipWords {
            put_aside: "Basket put aside",
            lines: "Lines",
            scan_at: "Scan to go on at terminal",
            no_receipt: "Not a receipt: nothing is paid yet.",
        },
        Language::French => SlipWords {
            put_aside: "Panier en attente",
            lines: "Lignes",
            scan_at: "Scanner pour continuer au terminal",
            no_receipt: "Pas un ticket : rien n’est encore payé.",
        },
        Language::German => SlipWords {
            put_aside: "Geparkter Bon",
            lines: "Positionen",
            scan_at: "Zum Weitermachen scannen am Terminal",
            no_receipt: "Keine Quittung: Es ist noch nichts bezahlt.",
        },
        Language::SimplifiedChinese => SlipWords {
            put_aside: "已挂单",
            lines: "行数",
            scan_at: "扫码继续，终端",
            no_receipt: "非收据：尚未付款。",
        },
        Language::TraditionalChinese => SlipWords {
            put_aside: "已掛單",
            lines: "行數",
            scan_at: "掃碼繼續，終端機",
            no_receipt: "非收據：尚未付款。",
        },
    }
}

/// Prints the slip of a basket put aside.
pub fn print_slip(printer: &mut dyn Printer, job: &SlipJob) -> Result<(), PrinterError> {
    printer.print(&slip(job))
}

/// Short: who finds it must see what it is, and that it proves no payment.
fn slip(job: &SlipJob) -> ReceiptDocument {
    let (row, total, words) = (&job.row, words(job.language).total, slip_words(job.language));
    let columns = |left: &str, right: String, is_bold| {
        let left = left.to_owned();
        Part::Columns { left, right, is_bold }
    };
    let lines = vec![
        Part::Title(job.store.clone()),
        Part::Centred(words.put_aside.into()),
        Part::Rule,
        Part::Text(row.title.clone()),
        columns(words.lines, row.line_count.to_string(), false),
        columns(total, row.total.clone(), true),
        Part::Text(job.time.clone()),
        Part::Qr(row.code.clone()),
        Part::Centred(format!("{} {}", words.scan_at, job.terminal)),
        Part::Centred(words.no_receipt.into()),
    ];
    ReceiptDocument { lines }
}

fn document(job: &PrintJob) -> ReceiptDocument {
    let (receipt, words) = (&job.receipt, words(job.language));
    let columns = |left: String, right: String| Part::Columns { left, right, is_bold: false };
    let mut parts = vec![
        Part::Title(receipt.store.clone()),
        Part::Centred(receipt.store_address.clone()),
        Part::Rule,
        Part::Text(format!("{}  {}", receipt.number, receipt.time)),
        Part::Text(format!("{} {}", words.served_by, receipt.served_by)),
    ];
    if !receipt.customer.is_empty() {
        parts.push(Part::Text(receipt.customer.clone()));
    }
    parts.push(Part::Rule);
    for line in &receipt.lines {
        let name = if line.name.is_empty() { words.delivery } else { &line.name };
        parts.push(columns(name.to_owned(), line.total.clone()));
        if !line.detail.is_empty() {
            parts.push(Part::Text(format!("  {}", line.detail)));
        }
    }
    parts.push(Part::Rule);
    let (left, right) = (words.total.into(), receipt.total.clone());
    parts.push(Part::Columns { left, right, is_bold: true });
    let mut row = |label: &str, amount: &str| {
        if !amount.is_empty() {
            parts.push(columns(label.to_owned(), amount.to_owned()));
        }
    };
    row(words.rounding, &receipt.rounding);
    row(words.cash, &receipt.cash_given);
    row(words.change, &receipt.change);
    for tax in &receipt.taxes {
        let included = if tax.is_included { words.included } else { "+" };
        row(&format!("{included} {} ({})", tax.name, tax.base), &tax.amount);
    }
    if receipt.is_due_on_delivery {
        parts.push(Part::Rule);
        parts.push(Part::Text(words.due_on_delivery.into()));
        parts.push(Part::Text(receipt.slot.clone()));
        parts.extend(receipt.delivery.iter().cloned().map(Part::Text));
    }
    parts.push(Part::Qr(receipt.code_text.clone()));
    parts.push(Part::Centred(receipt.number.clone()));
    ReceiptDocument { lines: parts }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crossroads::app::screen::ParkedRow;
    use domain::id::BasketId;
    use uuid::Uuid;

    const LANGUAGES: [Language; 5] = [
        Language::English,
        Language::French,
        Language::German,
        Language::SimplifiedChinese,
        Language::TraditionalChinese,
    ];

    fn job(language: Language) -> SlipJob {
        let row = ParkedRow {
            title: "Gruyère".into(),
            line_count: 3,
            total: "CHF 9.60".into(),
            code: "XR2:K:0123456789ABCDEF0123456789ABCDEF:ABCDEFGHIJKLMNOP".into(),
            ..ParkedRow::default()
        };
        let (store, terminal, time) = ("Bern".into(), "T01".into(), "21 Nov 2026, 13:00".into());
        let basket = BasketId::from_uuid(Uuid::from_u128(7));
        SlipJob { basket, store, terminal, row, time, language }
    }

    /// What is on the paper, by the printer that writes files.
    #[test]
    fn a_slip_says_what_it_is_and_carries_the_code() {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("simulated:{}", folder.path().display());
        let mut printer = devices::open(&name).unwrap().unwrap();
        for language in LANGUAGES {
            print_slip(printer.as_mut(), &job(language)).unwrap();
        }
        let read = |number: usize| {
            let path = folder.path().join(format!("receipt-{number:06}.txt"));
            std::fs::read_to_string(path).unwrap()
        };
        let english = read(1);
        let lines: Vec<&str> = english.lines().map(str::trim).collect();
        let code = "[QR XR2:K:0123456789ABCDEF0123456789ABCDEF:ABCDEFGHIJKLMNOP]";
        for line in [
            "Bern",
            "Basket put aside",
            "Gruyère",
            "21 Nov 2026, 13:00",
            code,
            "Scan to go on at terminal T01",
            "Not a receipt: nothing is paid yet.",
        ] {
            assert!(lines.contains(&line), "{line:?} is missing in\n{english}");
        }
        assert!(lines.iter().any(|line| line.starts_with("Total") && line.ends_with("9.60")));
        assert!(lines.iter().any(|line| line.starts_with("Lines") && line.ends_with(" 3")));
        for (at, language) in LANGUAGES.into_iter().enumerate() {
            let (slip, words) = (read(at + 1), slip_words(language));
            for fixed in [words.put_aside, words.lines, words.scan_at, "T01", code] {
                assert!(slip.contains(fixed), "{fixed:?} is missing in\n{slip}");
            }
        }
        assert!(!folder.path().join("drawer.txt").exists(), "no money was taken");
    }
}
