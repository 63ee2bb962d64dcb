//! Finding a customer, and their purchases across all channels, offline as well.

use super::intent::{Intent, View};
use super::screen::{
    ChannelKind, CustomerRow, CustomerScreen, CustomersScreen, FavouriteRow, HistoryRow, Message,
    MonthBar,
};
use super::terminal::Terminal;
use domain::customer::{Customer, initials, masked_email, masked_phone};
use domain::id::CustomerId;
use domain::money::Money;
use domain::order::Channel;
use store::{HistoryOrder, HistorySummary, StoreError};
use sync::protocol::feed::Feed;

/// How many customers a search shows.
const CUSTOMERS_MAX: usize = 30;
/// How many orders one page of history holds.
const HISTORY_PAGE: usize = 20;

/// State of the customer views.
#[derive(Default)]
pub struct CustomerState {
    query: String,
    rows: Vec<Customer>,
    has_more_rows: bool,
    open: Option<OpenCustomer>,
}

struct OpenCustomer {
    customer: Customer,
    summary: HistorySummary,
    favourites: Vec<FavouriteRow>,
    history: Vec<HistoryOrder>,
    has_more: bool,
}

impl CustomerState {
    pub(super) const fn is_open(&self) -> bool {
        self.open.is_some()
    }
    /// Forgets whoever was looked at: the next person holding the terminal must not see them.
    pub(super) fn close(&mut self) {
        *self = Self::default();
    }
}

impl Terminal {
    pub(super) fn customer_intent(&mut self, intent: Intent) -> Result<(), StoreError> {
        match intent {
            Intent::CustomerQuery(query) => self.search_customers(&query),
            Intent::OpenCustomer(id) => self.open_customer(id),
            Intent::AttachCustomer(id) => self.attach(id),
            Intent::DetachCustomer => self.change_customer(None),
            Intent::HistoryMore => self.more_history(),
            _ => Ok(()),
        }
    }

    fn search_customers(&mut self, query: &str) -> Result<(), StoreError> {
        let mut rows = if query.trim().is_empty() {
            Vec::new()
        } else {
            self.parts.store.search_customers(query, CUSTOMERS_MAX + 1)?
        };
        self.customer.has_more_rows = rows.len() > CUSTOMERS_MAX;
        rows.truncate(CUSTOMERS_MAX);
        self.customer.rows = rows;
        self.customer.query = query.to_owned();
        Ok(())
    }

    fn open_customer(&mut self, id: CustomerId) -> Result<(), StoreError> {
        let store = &self.parts.store;
        let Some(customer) = store.customer(id)? else {
            self.say(Message::error("customer-gone", &[]));
            return Ok(());
        };
        let zone = self.config.as_ref().map_or("UTC", |config| config.time_zone.as_str());
        let summary = store.history_summary(id, self.central_now(), zone)?;
        let mut favourites = Vec::new();
        for favourite in &summary.favourites {
            let article = store.article(favourite.article)?;
            favourites.push(FavouriteRow {
                article_id: article
                    .as_ref()
                    .map(|article| article.id.to_string())
                    .unwrap_or_default(),
                name: favourite.name.clone(),
                times: favourite.times,
                last: self.formatter.date(favourite.last_at.0),
                price: article
                    .map(|a| self.formatter.unit_price(a.price.amount, a.price.unit))
                    .unwrap_or_default(),
            });
        }
        let mut history = store.history(id, 0, HISTORY_PAGE + 1)?;
        let has_more = history.len() > HISTORY_PAGE;
        history.truncate(HISTORY_PAGE);
        let open = OpenCustomer { customer, summary, favourites, history, has_more };
        self.customer.open = Some(open);
        self.go(View::Customer);
        Ok(())
    }

    fn more_history(&mut self) -> Result<(), StoreError> {
        if let Some(open) = &mut self.customer.open {
            let (id, offset) = (open.customer.id, open.history.len());
            let mut page = self.parts.store.history(id, offset, HISTORY_PAGE + 1)?;
            open.has_more = page.len() > HISTORY_PAGE;
            page.truncate(HISTORY_PAGE);
            open.history.append(&mut page);
        }
        Ok(())
    }

    fn attach(&mut self, id: CustomerId) -> Result<(), StoreError> {
        self.change_customer(Some(id))?;
        let name = self.sell.customer_name.clone();
        self.say(Message::success("customer-attached", &[&name]));
        if matches!(self.view, View::Customer | View::Customers) {
            self.home();
        }
        Ok(())
    }

    /// A customer card on any view: the basket is theirs; on the search view their page opens.
    pub(super) fn card_scanned(&mut self, id: CustomerId) -> Result<(), StoreError> {
        if self.view == View::Customers {
            return self.open_customer(id);
        }
        self.attach(id)?;
        // Another customer means other addresses.
        if self.view == View::Delivery {
            return self.delivery_intent(Intent::Deliver);
        }
        Ok(())
    }

    pub(super) fn customers_screen(&self) -> CustomersScreen {
        CustomersScreen {
            query: self.customer.query.clone(),
            rows: self.customer.rows.iter().map(customer_row).collect(),
            has_more: self.customer.has_more_rows,
        }
    }

    pub(super) fn customer_screen(&self) -> CustomerScreen {
        let Some(open) = self.customer.open.as_ref().filter(|_| self.view == View::Customer) else {
            return CustomerScreen::default();
        };
        let customer = &open.customer;
        let first = |list: &[String], mask: fn(&str) -> String| {
            list.first().map(|text| mask(text)).unwrap_or_default()
        };
        let spent: Vec<String> =
            open.summary.spent_year.iter().map(|money| self.formatter.money(*money)).collect();
        let attached = self.sell.basket.as_ref().and_then(|basket| basket.customer);
        let history_feed = self.sync_status.feeds.iter().find(|(feed, _)| *feed == Feed::History);
        let as_of = history_feed.and_then(|(_, progress)| progress.moved_at);
        CustomerScreen {
            id: customer.id.to_string(),
            name: customer.name.clone(),
            initials: initials(&customer.name),
            since: self.formatter.date(customer.since.0),
            last_visit: open
                .summary
                .last_at
                .map(|at| self.formatter.date(at.0))
                .unwrap_or_default(),
            phone: first(&customer.phones, masked_phone),
            email: first(&customer.emails, masked_email),
            card: customer.cards.first().cloned().unwrap_or_default(),
            city: customer.addresses.first().map(|a| a.city.clone()).unwrap_or_default(),
            order_count: open.summary.order_count,
            spent_year: spent.join(" + "),
            favourites: open.favourites.clone(),
            months: self.month_bars(&open.summary.months),
            history: open.history.iter().flat_map(|order| self.history_rows(order)).collect(),
            has_more: open.has_more,
            is_attached: attached == Some(customer.id),
            as_of: as_of.map(|at| self.formatter.date_time(self.shown_ms(at))).unwrap_or_default(),
        }
    }

    fn month_bars(&self, months: &[(i16, i8, Money)]) -> Vec<MonthBar> {
        let highest = months.iter().map(|(.., money)| money.minor()).max().unwrap_or(0).max(1);
        // Twelve names do not fit under twelve narrow bars: every third, counted from the newest.
        let is_labelled = |position: usize| (months.len() - 1 - position).is_multiple_of(3);
        let bar = |(position, (year, month, money)): (usize, &(i16, i8, Money))| MonthBar {
            label: if is_labelled(position) {
                self.formatter.month(*year, *month)
            } else {
                String::new()
            },
            permille: u32::try_from(money.minor().max(0) * 1000 / highest).unwrap_or(0),
            amount: self.formatter.money(*money),
        };
        months.iter().enumerate().map(bar).collect()
    }

    fn history_rows(&self, entry: &HistoryOrder) -> Vec<HistoryRow> {
        let order = &entry.order;
        let channel = match order.channel {
            Channel::Store => ChannelKind::Store,
            Channel::Web => ChannelKind::Web,
            Channel::Phone => ChannelKind::Phone,
        };
        let row = |(position, line): (usize, &domain::customer::PastLine)| HistoryRow {
            channel,
            date: self.formatter.date(order.at.0),
            is_first_of_order: position == 0,
            place: order.place.clone(),
            number: order.number.clone(),
            order_total: self.formatter.money(order.total),
            name: line.name.clone(),
            article_id: line.article.map(|id| id.to_string()).unwrap_or_default(),
            quantity: self.formatter.quantity(line.quantity),
            price: self.formatter.money(line.total),
            is_unsent: entry.is_unsent,
        };
        order.lines.iter().enumerate().map(row).collect()
    }
}

fn customer_row(customer: &Customer) -> CustomerRow {
    let city = customer.addresses.first().map(|address| address.city.clone());
    let phone = customer.phones.first().map(|phone| masked_phone(phone));
    let email = customer.emails.first().map(|email| masked_email(email));
    let detail: Vec<String> = [city, phone, email].into_iter().flatten().collect();
    CustomerRow {
        id: customer.id.to_string(),
        name: customer.name.clone(),
        detail: detail.join(" · "),
        card: customer.cards.first().cloned().unwrap_or_default(),
    }
}
