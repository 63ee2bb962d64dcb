//! Customers: what is typed goes out letter by letter, who is found comes in as rows.

use super::model::sync_rows;
use super::{Fields, Send};
use crate::app::intent::Intent;
use crate::app::screen::{CustomerRow, CustomersScreen};
use crossroads_ui::{App, CustomerRowData, CustomersAdapter};
use slint::ComponentHandle;
use std::rc::Rc;

pub fn connect(app: &App, send: &Send, fields: &Rc<Fields>) {
    let customers = app.global::<CustomersAdapter>();
    let (search, fields) = (Send::clone(send), Rc::clone(fields));
    customers.on_search(move |text| {
        fields.customers.sent(&text);
        search(Intent::CustomerQuery(text.into()));
    });
    let open = Send::clone(send);
    customers.on_open(move |id| {
        if let Ok(id) = id.parse() {
            open(Intent::OpenCustomer(id));
        }
    });
    let back = Send::clone(send);
    customers.on_back(move || back(Intent::Back));
}

pub fn show(app: &App, screen: &CustomersScreen, fields: &Fields) {
    let customers = app.global::<CustomersAdapter>();
    let rows = screen.rows.iter().map(map_customer).collect();
    if let Some(model) = sync_rows(&customers.get_rows(), rows) {
        customers.set_rows(model);
    }
    customers.set_has_more(screen.has_more);
    if fields.customers.must_show(&screen.query) {
        customers.set_query(screen.query.as_str().into());
    }
}

fn map_customer(row: &CustomerRow) -> CustomerRowData {
    CustomerRowData {
        id: row.id.as_str().into(),
        name: row.name.as_str().into(),
        initials: initials(&row.name).into(),
        detail: row.detail.as_str().into(),
        card: row.card.as_str().into(),
    }
}

/// The letters in the circle: first letters of the first and the last word, or the last two characters of a
/// name written without spaces (a Chinese given name).
fn initials(name: &str) -> String {
    let mut words = name.split_whitespace();
    let first = words.next().unwrap_or_default();
    match words.next_back() {
        Some(last) => {
            first.chars().take(1).chain(last.chars().take(1)).flat_map(char::to_uppercase).collect()
        }
        None if first.is_ascii() => first.chars().take(2).flat_map(char::to_uppercase).collect(),
        None => {
            let skip = first.chars().count().saturating_sub(2);
            first.chars().skip(skip).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::initials;

    /// Reading guide: name | letters in the circle.
    #[test]
    fn letters_fit_the_name() {
        for (name, letters) in [
            ("Annemarie Zurbriggen", "AZ"),
            ("Jean-Luc de la Fontaine", "JF"),
            ("Cher", "CH"),
            ("émile zola", "ÉZ"),
            ("王小明", "小明"),
            ("", ""),
        ] {
            assert_eq!(initials(name), letters, "{name}");
        }
    }
}
