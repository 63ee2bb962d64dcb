//! Rows of a list, changed in place.
//!
//! A [`Screen`](crate::app::screen::Screen) brings every list as a whole after each intent. Handing Slint a new
//! model each time would throw away scroll position, focus and running animations, so the rows that are still
//! the same stay where they are and only the difference between the lists is applied.

use slint::{Model, ModelRc, VecModel};

/// Makes the rows of `model` equal to `rows` by touching as few as possible, and returns the model to set when
/// the one in place cannot be changed (the preview data of the `.slint` file, before the first screen).
///
/// Lists here grow at the top (basket), at the end (history) or change in one row, so the common head and tail
/// are kept, and what lies between is overwritten, inserted or removed.
pub fn sync_rows<T>(model: &ModelRc<T>, rows: Vec<T>) -> Option<ModelRc<T>>
where
    T: Clone + PartialEq + 'static,
{
    let Some(held) = model.as_any().downcast_ref::<VecModel<T>>() else {
        return Some(ModelRc::new(VecModel::from(rows)));
    };
    let same = |position: usize, row: &T| held.row_data(position).is_some_and(|old| old == *row);
    let (old, new) = (held.row_count(), rows.len());
    let head = (0..old.min(new)).take_while(|&at| same(at, &rows[at])).count();
    let tail = (0..old.min(new) - head)
        .take_while(|&back| same(old - 1 - back, &rows[new - 1 - back]))
        .count();
    let (gone, come) = (old - head - tail, new - head - tail);
    for (offset, row) in rows.into_iter().skip(head).take(come).enumerate() {
        if offset < gone {
            held.set_row_data(head + offset, row);
        } else {
            held.insert(head + offset, row);
        }
    }
    for _ in come..gone {
        held.remove(head + come);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    /// Reading guide: rows before | rows after.
    #[test]
    fn any_list_becomes_any_other() {
        let lists: [&[i32]; 9] = [
            &[],
            &[1],
            &[1, 2, 3],
            &[0, 1, 2, 3],
            &[1, 2, 3, 4],
            &[1, 9, 3],
            &[1, 3],
            &[3, 2, 1],
            &[1, 1, 1, 1, 1],
        ];
        for before in lists {
            for after in lists {
                let model = ModelRc::new(VecModel::from(before.to_vec()));
                assert!(sync_rows(&model, after.to_vec()).is_none());
                assert_eq!(model.iter().collect::<Vec<_>>(), after, "from {before:?}");
            }
        }
    }

    #[test]
    fn a_new_first_row_touches_no_other() {
        struct Counter(Cell<u32>);
        #[derive(Clone)]
        struct Row(i32, Rc<Counter>);
        impl PartialEq for Row {
            fn eq(&self, other: &Self) -> bool {
                self.1.0.set(self.1.0.get() + 1);
                self.0 == other.0
            }
        }
        let counter = Rc::new(Counter(Cell::new(0)));
        let row = |value| Row(value, Rc::clone(&counter));
        let model = ModelRc::new(VecModel::from(vec![row(2), row(1)]));
        assert!(sync_rows(&model, vec![row(3), row(2), row(1)]).is_none());
        assert_eq!(model.iter().map(|row| row.0).collect::<Vec<_>>(), [3, 2, 1]);
        assert_eq!(counter.0.get(), 3, "one difference at the head, two equal rows at the tail");
    }
}
