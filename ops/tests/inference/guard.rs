//! What finds a huge allocation and an endless loop, however they come about: an allocator that refuses, and a watch.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    io::Write,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The most bytes that one allocation may take.
const BYTES_MAX: usize = 256 << 20;

static CASE: AtomicU64 = AtomicU64::new(0);

/// Says which case runs, for the messages.
pub(crate) fn now(case: u64) {
    CASE.store(case, Ordering::Relaxed);
}

/// Ends the process when a case takes longer than this.
pub(crate) fn watch(longest: Duration) {
    std::thread::spawn(move || {
        loop {
            let case = CASE.load(Ordering::Relaxed);
            std::thread::sleep(longest);
            if CASE.load(Ordering::Relaxed) == case {
                say(&format!("a case takes longer than {longest:?}: HOLOGRAM_SEED={case}"));
                std::process::abort();
            }
        }
    });
}

/// Past the test's captured output: the process ends at once.
fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

/// The system's allocator, up to a bound for one allocation.
pub(crate) struct Bounded;

fn refused(bytes: usize) -> bool {
    let refused = bytes > BYTES_MAX;
    if refused {
        say(&format!("{bytes} bytes are asked for at once: HOLOGRAM_SEED={}", CASE.load(Ordering::Relaxed)));
    }
    refused
}

// SAFETY: every call is handed to the system's allocator unchanged, or answered with null, which means refused.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if refused(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if refused(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if refused(size) {
            return std::ptr::null_mut();
        }
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}
