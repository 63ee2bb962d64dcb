//! A receipt as finished words, and how it is set in columns.

/// Characters in a line of font A on 80 mm paper, with the margin that most printers keep.
pub const COLUMNS: usize = 42;

/// Lines that are printed at most: two metres of paper.
pub(crate) const LINES_MAX: usize = 600;
/// Bytes of a QR code: what is still easily read on thermal paper.
pub(crate) const QR_BYTES_MAX: usize = 700;

/// One piece of a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptLine {
    /// Large, in the middle: the shop's name.
    Title(String),
    /// In the middle.
    Centred(String),
    /// From the left.
    Text(String),
    /// A name on the left and an amount on the right.
    Columns {
        /// Shortened where both do not fit.
        left: String,
        /// Never shortened.
        right: String,
        /// For the total.
        is_bold: bool,
    },
    /// A line across.
    Rule,
    /// An empty line.
    Blank,
    /// A QR code with this text.
    Qr(String),
}

/// A receipt, ready to be set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceiptDocument {
    /// From top to bottom.
    pub lines: Vec<ReceiptLine>,
}

/// How a line of characters is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Bold,
    Title,
    Centred,
}

/// Puts `left` and `right` on one line of `columns` characters.
pub(crate) fn columns(left: &str, right: &str, columns: usize) -> String {
    let room = columns.saturating_sub(right.chars().count() + 1);
    let left: String = left.chars().take(room).collect();
    let gap = columns.saturating_sub(left.chars().count() + right.chars().count());
    format!("{left}{}{right}", " ".repeat(gap.max(1)))
}

/// Breaks `text` into lines of at most `columns` characters, between words where it can.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let mut rest: Vec<char> = word.chars().collect();
        loop {
            let gap = usize::from(used > 0);
            if used + gap + rest.len() <= columns {
                let line = lines.last_mut().expect("there is always a last line");
                line.extend(std::iter::repeat_n(' ', gap).chain(rest.iter().copied()));
                used += gap + rest.len();
                break;
            }
            if used > 0 {
                lines.push(String::new());
                used = 0;
                continue;
            }
            let tail = rest.split_off(columns);
            lines.last_mut().expect("there is always a last line").extend(rest);
            lines.push(String::new());
            rest = tail;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_stand_on_the_right_whatever_the_name() {
        assert_eq!(columns("Müsli", "4,90", 12), "Müsli   4,90");
        assert_eq!(columns("A very long name", "4,90", 12), "A very  4,90");
        assert_eq!(columns("x", "1234567890123", 12), " 1234567890123");
    }

    #[test]
    fn words_are_kept_whole_where_they_fit() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("a abcdefgh b", 4), ["a", "abcd", "efgh", "b"]);
        assert_eq!(wrapped("", 4), [""]);
    }
}
