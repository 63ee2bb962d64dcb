//! A warm reader takes no memory for a frame: what it needs it keeps from the frames before.
//!
//! Holds for what is ours. rxing's readers of other symbologies take memory for each line or patch,
//! and are left out here by asking for articles only.

#![allow(clippy::unwrap_used)]
#![allow(unsafe_code, reason = "an allocator that counts can be written in no other way")]

use domain::code::Symbology;
use scan::{Decoder, Frame, Options};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Of this thread only: the test runner has others.
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    // A thread that ends has no counter any more, and nothing that is counted.
    let _ = TAKEN.try_with(|taken| taken.set(taken.get() + 1));
}

// SAFETY: everything is left to the system's allocator; counting touches no memory of its own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// A fence before a wall: bars, edges and noise, and nothing to read.
fn fence() -> Frame {
    let (width, height) = (640, 480);
    let mut frame = Frame::filled(width, height, 0);
    let mut state = 12_345u32;
    for y in 0..height {
        for x in 0..width {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let is_slat = (150..500).contains(&x) && (100..380).contains(&y) && x / 4 % 3 != 1;
            let grey = if is_slat { 60 } else { 190 };
            frame.luma[y * width + x] = grey + (state >> 28) as u8;
        }
    }
    frame
}

#[test]
fn a_warm_reader_takes_no_memory_for_a_frame() {
    let articles = [Symbology::Ean13, Symbology::UpcA, Symbology::Ean8, Symbology::UpcE];
    let mut decoder = Decoder::new(Options::only(&articles));
    let frame = fence();
    let mut look = |number: u64| {
        let before = TAKEN.get();
        let reads = decoder.look(frame.view().unwrap(), 1 + 33 * number, &|| false);
        assert!(reads.is_empty(), "{reads:?}");
        TAKEN.get() - before
    };
    // All that is tried in turn comes twice: every strategy, every slant.
    let first: u64 = (0..240).map(&mut look).sum();
    assert!(first > 0, "the counter counts");
    let warm: Vec<u64> = (240..480).map(&mut look).collect();
    assert!(warm.iter().all(|taken| *taken == 0), "{warm:?}");
}
