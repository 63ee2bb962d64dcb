//! A receipt from the screen to paper. The words are in the language of the receipt's screen; the labels that the
//! window translates are here only the few that a receipt needs, in the language of the terminal.

use crossroads::app::intent::Language;
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
