//! Count: the counted list, its tools, and the picture that stands still.

use super::Send;
use super::model::sync_rows;
use super::shell_adapter::small;
use crate::app::count_picture::{CountPicture, PackMark, PackState};
use crate::app::intent::{CountAsk, Intent};
use crate::app::screen::{CountRow, CountScreen, StockState};
use crossroads_ui::{App, CountAdapter, CountLineData, PackKind, PackMarkData, StockKind};
use slint::{ComponentHandle, Model};

pub fn connect(app: &App, send: &Send) {
    let count = app.global::<CountAdapter>();
    count.on_position_of(|lines, id| {
        lines.iter().position(|line| line.id == id).map_or(-1, |at| i32::try_from(at).unwrap_or(-1))
    });
    macro_rules! on {
        ($callback:ident, $ask:expr) => {{
            let send = Send::clone(send);
            count.$callback(move || send(Intent::Count($ask)));
        }};
        // The identity in a row is one that a screen brought, so what cannot be read is no row of ours.
        ($callback:ident, id, number, $ask:expr) => {{
            let send = Send::clone(send);
            count.$callback(move |id, number| {
                if let Ok(id) = id.parse() {
                    send(Intent::Count($ask(id, i64::from(number))));
                }
            });
        }};
    }
    on!(on_set_quantity, id, number, CountAsk::Set);
    on!(on_step_quantity, id, number, CountAsk::Step);
    on!(on_undo, CountAsk::Undo);
    on!(on_print, CountAsk::Print);
    on!(on_empty, CountAsk::Empty);
    on!(on_take_picture, CountAsk::TakePicture);
    on!(on_drop_picture, CountAsk::DropPicture);
    on!(on_one_by_one, CountAsk::OneByOne);
    let (removed, compared, paged, back) =
        (Send::clone(send), Send::clone(send), Send::clone(send), Send::clone(send));
    count.on_remove_line(move |id| {
        if let Ok(id) = id.parse() {
            removed(Intent::Count(CountAsk::Remove(id)));
        }
    });
    count.on_compare(move |is_on| compared(Intent::Count(CountAsk::Compare(is_on))));
    count.on_show_page(move |page| {
        paged(Intent::Count(CountAsk::Page(usize::try_from(page).unwrap_or(0))));
    });
    count.on_back(move || back(Intent::Back));
}

pub fn show(app: &App, screen: &CountScreen) {
    let count = app.global::<CountAdapter>();
    let lines = screen.lines.iter().map(map_line).collect();
    if let Some(model) = sync_rows(&count.get_lines(), lines) {
        count.set_lines(model);
    }
    count.set_page(small(screen.page));
    count.set_page_count(small(screen.page_count));
    count.set_article_count(small(screen.article_count));
    count.set_piece_count(small(screen.piece_count));
    count.set_begun_by(screen.begun_by.as_str().into());
    count.set_begun_at(screen.begun_at.as_str().into());
    count.set_is_of_other(screen.is_of_other);
    count.set_can_undo(screen.can_undo);
    count.set_is_comparing(screen.is_comparing);
    count.set_differs(small(screen.differs));
    count.set_unknown(small(screen.unknown));
    count.set_can_take_picture(screen.can_take_picture);
    count.set_is_looking(screen.is_looking);
    count.set_is_all_in_view(screen.is_all_in_view);
    count.set_is_printing(screen.is_printing);
    let nothing = CountPicture::default();
    let picture = screen.picture.as_ref().unwrap_or(&nothing);
    if let Some(model) = sync_rows(&count.get_marks(), picture.marks.iter().map(map_mark).collect())
    {
        count.set_marks(model);
    }
    count.set_counted(small(picture.counted));
    count.set_counted_before(small(picture.before));
    count.set_packs_unknown(small(picture.unknown));
    count.set_packs_expired(small(picture.expired));
    count.set_packs_other(small(picture.other));
    count.set_has_picture(screen.picture.is_some());
}

fn map_line(row: &CountRow) -> CountLineData {
    CountLineData {
        id: row.id.as_str().into(),
        name: row.name.as_str().into(),
        code: row.code.as_str().into(),
        quantity: row.quantity.as_str().into(),
        quantity_value: i32::try_from(row.quantity_value).unwrap_or(i32::MAX),
        is_countable: row.is_countable,
        state: match row.state {
            StockState::Hidden => StockKind::Hidden,
            StockState::Equal => StockKind::Equal,
            StockState::Differs => StockKind::Differs,
            StockState::Unknown => StockKind::Unknown,
            StockState::OtherUnit => StockKind::OtherUnit,
        },
        stock: row.stock.as_str().into(),
        difference: row.difference.as_str().into(),
        is_fresh: row.is_fresh,
    }
}

fn map_mark(mark: &PackMark) -> PackMarkData {
    let [a, b, c, d] = mark.corners;
    PackMarkData {
        state: match mark.state {
            PackState::Counted => PackKind::Counted,
            PackState::Unknown => PackKind::Unknown,
            PackState::Expired => PackKind::Expired,
            PackState::Other => PackKind::Other,
        },
        ax: a.0,
        ay: a.1,
        bx: b.0,
        by: b.1,
        cx: c.0,
        cy: c.1,
        dx: d.0,
        dy: d.1,
    }
}
