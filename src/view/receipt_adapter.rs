//! The receipt on the screen, with its code drawn one pixel a module.

use super::Send;
use super::model::sync_rows;
use super::sell_adapter::map_taxes;
use crate::app::intent::Intent;
use crate::app::screen::{ReceiptLine, ReceiptScreen};
use crossroads_ui::{App, ReceiptAdapter, ReceiptLineData};
use slint::{ComponentHandle, Image, Rgb8Pixel, SharedPixelBuffer, SharedString};

/// Light modules around a QR code, without which readers do not find it (ISO/IEC 18004, section 6.3.8).
const QUIET_ZONE: usize = 4;

pub fn connect(app: &App, send: &Send) {
    let receipt = app.global::<ReceiptAdapter>();
    let print = Send::clone(send);
    receipt.on_print(move || print(Intent::PrintReceipt));
    let new_sale = Send::clone(send);
    receipt.on_new_sale(move || new_sale(Intent::NewSale));
}

pub fn show(app: &App, screen: &ReceiptScreen) {
    let receipt = app.global::<ReceiptAdapter>();
    receipt.set_number(screen.number.as_str().into());
    receipt.set_store(screen.store.as_str().into());
    receipt.set_store_address(screen.store_address.as_str().into());
    receipt.set_time(screen.time.as_str().into());
    receipt.set_served_by(screen.served_by.as_str().into());
    receipt.set_customer(screen.customer.as_str().into());
    receipt.set_total(screen.total.as_str().into());
    receipt.set_cash_given(screen.cash_given.as_str().into());
    receipt.set_rounding(screen.rounding.as_str().into());
    receipt.set_change(screen.change.as_str().into());
    receipt.set_is_due_on_delivery(screen.is_due_on_delivery);
    receipt.set_slot(screen.slot.as_str().into());
    receipt.set_is_printed(screen.is_printed);
    if receipt.get_code_text() != screen.code_text.as_str() {
        receipt.set_code_text(screen.code_text.as_str().into());
        receipt.set_code(draw_code(&screen.code_rows));
    }
    if let Some(model) =
        sync_rows(&receipt.get_lines(), screen.lines.iter().map(map_line).collect())
    {
        receipt.set_lines(model);
    }
    if let Some(model) = sync_rows(&receipt.get_taxes(), map_taxes(&screen.taxes)) {
        receipt.set_taxes(model);
    }
    let delivery = screen.delivery.iter().map(SharedString::from).collect();
    if let Some(model) = sync_rows(&receipt.get_delivery(), delivery) {
        receipt.set_delivery(model);
    }
}

fn map_line(line: &ReceiptLine) -> ReceiptLineData {
    ReceiptLineData {
        name: line.name.as_str().into(),
        detail: line.detail.as_str().into(),
        total: line.total.as_str().into(),
    }
}

/// Dark modules are `#`; no rows give no picture.
pub(super) fn draw_code(rows: &[String]) -> Image {
    if rows.is_empty() {
        return Image::default();
    }
    let side = rows.len() + 2 * QUIET_ZONE;
    let mut buffer = SharedPixelBuffer::<Rgb8Pixel>::new(side as u32, side as u32);
    let pixels = buffer.make_mut_slice();
    pixels.fill(Rgb8Pixel { r: 255, g: 255, b: 255 });
    for (y, row) in rows.iter().enumerate() {
        for (x, _) in row.bytes().enumerate().filter(|&(x, byte)| byte == b'#' && x < rows.len()) {
            pixels[(y + QUIET_ZONE) * side + x + QUIET_ZONE] = Rgb8Pixel { r: 0, g: 0, b: 0 };
        }
    }
    Image::from_rgb8(buffer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_code_has_its_quiet_zone() {
        let rows = ["##".to_owned(), "# ".to_owned()];
        let pixels = draw_code(&rows).to_rgb8().unwrap();
        assert_eq!((pixels.width(), pixels.height()), (10, 10));
        let dark = |x: usize, y: usize| pixels.as_slice()[y * 10 + x].r == 0;
        assert!(dark(4, 4) && dark(5, 4) && dark(4, 5) && !dark(5, 5));
        assert!(!(0..10).any(|at| dark(at, 3) || dark(3, at) || dark(at, 6) || dark(6, at)));
    }
}
