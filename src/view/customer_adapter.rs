//! One customer: the page of the notebook.

use super::Send;
use super::model::sync_rows;
use super::shell_adapter::small;
use crate::app::intent::Intent;
use crate::app::screen::{
    ChannelKind as Channel, CustomerScreen, FavouriteRow, HistoryRow, MonthBar,
};
use crossroads_ui::{App, BarData, ChannelKind, CustomerAdapter, FavouriteData, HistoryData};
use slint::ComponentHandle;

/// Favourites on the page: more would push the history out of sight.
const FAVOURITES_MAX: usize = 3;

pub fn connect(app: &App, send: &Send) {
    let customer = app.global::<CustomerAdapter>();
    let attach = Send::clone(send);
    customer.on_attach(move |id| {
        if let Ok(id) = id.parse() {
            attach(Intent::AttachCustomer(id));
        }
    });
    let detach = Send::clone(send);
    customer.on_detach(move || detach(Intent::DetachCustomer));
    let again = Send::clone(send);
    customer.on_buy_again(move |id| {
        if let Ok(id) = id.parse() {
            again(Intent::AddArticle(id));
        }
    });
    let more = Send::clone(send);
    customer.on_more(move || more(Intent::HistoryMore));
    let back = Send::clone(send);
    customer.on_back(move || back(Intent::Back));
}

pub fn show(app: &App, screen: &CustomerScreen) {
    let customer = app.global::<CustomerAdapter>();
    customer.set_id(screen.id.as_str().into());
    customer.set_name(screen.name.as_str().into());
    customer.set_initials(screen.initials.as_str().into());
    customer.set_since(screen.since.as_str().into());
    customer.set_last_visit(screen.last_visit.as_str().into());
    customer.set_phone(screen.phone.as_str().into());
    customer.set_email(screen.email.as_str().into());
    customer.set_card(screen.card.as_str().into());
    customer.set_city(screen.city.as_str().into());
    customer.set_order_count(small(screen.order_count));
    customer.set_spent_year(screen.spent_year.as_str().into());
    customer.set_has_more(screen.has_more);
    customer.set_is_attached(screen.is_attached);
    customer.set_as_of(screen.as_of.as_str().into());
    let favourites = screen.favourites.iter().take(FAVOURITES_MAX).map(map_favourite).collect();
    if let Some(model) = sync_rows(&customer.get_favourites(), favourites) {
        customer.set_favourites(model);
    }
    if let Some(model) =
        sync_rows(&customer.get_months(), screen.months.iter().map(map_month).collect())
    {
        customer.set_months(model);
    }
    let history = screen.history.iter().map(map_history).collect();
    if let Some(model) = sync_rows(&customer.get_history(), history) {
        customer.set_history(model);
    }
}

fn map_favourite(row: &FavouriteRow) -> FavouriteData {
    FavouriteData {
        article_id: row.article_id.as_str().into(),
        name: row.name.as_str().into(),
        times: small(row.times),
        last: row.last.as_str().into(),
        price: row.price.as_str().into(),
    }
}

fn map_month(bar: &MonthBar) -> BarData {
    BarData {
        label: bar.label.as_str().into(),
        permille: small(bar.permille.min(1_000)),
        amount: bar.amount.as_str().into(),
    }
}

fn map_history(row: &HistoryRow) -> HistoryData {
    HistoryData {
        channel: match row.channel {
            Channel::Store => ChannelKind::Store,
            Channel::Web => ChannelKind::Web,
            Channel::Phone => ChannelKind::Phone,
        },
        date: row.date.as_str().into(),
        is_first_of_order: row.is_first_of_order,
        place: row.place.as_str().into(),
        number: row.number.as_str().into(),
        order_total: row.order_total.as_str().into(),
        name: row.name.as_str().into(),
        article_id: row.article_id.as_str().into(),
        quantity: row.quantity.as_str().into(),
        price: row.price.as_str().into(),
        is_unsent: row.is_unsent,
    }
}
