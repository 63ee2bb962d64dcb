//! What the scan asks the store: is this number an article here?
//!
//! Asked from the scan thread, once for each text that is weighed: two descents of a tree that is in memory, on
//! a connection of the readers' pool. The answer never makes a code believed, it only asks for one line more of
//! a number that nobody sells (`docs/SCANNING.md`).

use domain::code::{Code, Meaning, Symbology};
use scan::Catalogue;
use std::sync::atomic::{AtomicBool, Ordering};
use store::Store;
use sync::protocol::feed::Feed;

/// The catalogue of this terminal.
pub struct StoreCatalogue {
    store: Store,
    /// Every article is here: only then is a number that is not found none of ours.
    is_whole: AtomicBool,
}

impl StoreCatalogue {
    /// Asks `store`.
    pub fn new(store: Store) -> Self {
        Self { store, is_whole: AtomicBool::new(false) }
    }

    fn is_whole(&self) -> bool {
        if !self.is_whole.load(Ordering::Relaxed) {
            let is_whole = self.store.sync_status().is_ok_and(|status| {
                let mut feeds = status.feeds.iter();
                feeds.any(|(feed, progress)| *feed == Feed::Catalogue && progress.cursor.is_some())
            });
            self.is_whole.store(is_whole, Ordering::Relaxed);
        }
        self.is_whole.load(Ordering::Relaxed)
    }
}

impl Catalogue for StoreCatalogue {
    fn knows(&self, symbology: Symbology, text: &str) -> Option<bool> {
        let code = Code::new(symbology, text);
        // Numbers of the retailer's own carry prices and weights, and coupons are no articles: of neither can
        // be said by a look-up that they are none.
        let gtin = match &code.meaning {
            Meaning::Gtin(gtin) => *gtin,
            Meaning::Gs1(elements) => elements.gtin()?,
            _ => return None,
        };
        match self.store.article_by_gtin(gtin) {
            Ok(Some(_)) => Some(true),
            Ok(None) => self.is_whole().then_some(false),
            // A store that does not answer must not make a scan harder.
            Err(_) => None,
        }
    }
}
