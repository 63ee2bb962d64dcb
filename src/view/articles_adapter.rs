//! Articles: what is typed goes out letter by letter, what is found comes in as rows.

use super::model::sync_rows;
use super::{Fields, Send};
use crate::app::intent::Intent;
use crate::app::screen::{ArticleRow, ArticlesScreen};
use crossroads_ui::{App, ArticleData, ArticlesAdapter};
use slint::ComponentHandle;
use std::rc::Rc;

pub fn connect(app: &App, send: &Send, fields: &Rc<Fields>) {
    let articles = app.global::<ArticlesAdapter>();
    let (search, fields) = (Send::clone(send), Rc::clone(fields));
    articles.on_search(move |text| {
        fields.articles.sent(&text);
        search(Intent::ArticleQuery(text.into()));
    });
    let add = Send::clone(send);
    articles.on_add(move |id| {
        if let Ok(id) = id.parse() {
            add(Intent::AddArticle(id));
        }
    });
    let back = Send::clone(send);
    articles.on_back(move || back(Intent::Back));
}

pub fn show(app: &App, screen: &ArticlesScreen, fields: &Fields) {
    let articles = app.global::<ArticlesAdapter>();
    if let Some(model) =
        sync_rows(&articles.get_rows(), screen.rows.iter().map(map_article).collect())
    {
        articles.set_rows(model);
    }
    articles.set_has_more(screen.has_more);
    if fields.articles.must_show(&screen.query) {
        articles.set_query(screen.query.as_str().into());
    }
}

fn map_article(row: &ArticleRow) -> ArticleData {
    ArticleData {
        id: row.id.as_str().into(),
        name: row.name.as_str().into(),
        detail: row.detail.as_str().into(),
        price: row.price.as_str().into(),
        // Oversold stock is none to a person; unknown stock is not shown at all.
        stock: row.stock.map_or(-1, |count| i32::try_from(count.max(0)).unwrap_or(i32::MAX)),
    }
}
