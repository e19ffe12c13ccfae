//! What inference says holds of what is computed, for every operator, with inputs that fit and inputs that do not.
//!
//! A run draws the same cases every time; `HOLOGRAM_SEED` draws others, `HOLOGRAM_CASES` as many as it says, and a failure
//! prints the seed that starts with the failing case. The fuzzer draws from the same code, see docs/spec/ci.mdx.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints its counts"
)]

#[path = "inference/bytes.rs"]
mod bytes;
#[path = "inference/check.rs"]
mod check;
#[path = "inference/draw.rs"]
mod draw;
#[path = "inference/guard.rs"]
mod guard;
#[expect(dead_code, reason = "the test of pairs uses the rest")]
#[path = "../../planner/tests/pairs/table.rs"]
mod table;

use bytes::Bytes;
use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Duration,
};

#[global_allocator]
static HEAP: guard::Bounded = guard::Bounded;

/// Cases of a run that is not told how many.
const CASES: u64 = 20_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn inference_returns_and_holds() {
    let seed = number("HOLOGRAM_SEED").unwrap_or(1);
    let wanted = number("HOLOGRAM_CASES").unwrap_or(CASES);
    println!("HOLOGRAM_SEED={seed}");
    guard::now(seed);
    guard::watch(Duration::from_secs(60));
    let (mut cases, mut parsed) = (0u64, 0);
    // The first failure of each operator.
    let mut failures: BTreeMap<&'static str, String> = BTreeMap::new();
    while cases < wanted {
        let own = seed.wrapping_add(cases);
        guard::now(own);
        let mut draw = table::Draw::new(own);
        let data: Vec<u8> = (0..48).flat_map(|_| draw.bits().to_le_bytes()).collect();
        cases += 1;
        let mut bytes = Bytes::new(&data);
        let run = || draw::draw(&mut bytes).map(|case| (check::check(&case, &mut bytes), case));
        let failure = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)) {
            Ok(None) => continue,
            Ok(Some((Ok(_), _))) => {
                parsed += 1;
                continue;
            }
            Ok(Some((Err(why), case))) => (why, Some(case)),
            Err(_) => ("it panicked".to_owned(), draw::draw(&mut Bytes::new(&data))),
        };
        let (why, case) = failure;
        let text =
            format!("HOLOGRAM_SEED={own}: {why}\n  {}", case.as_ref().map(ToString::to_string).unwrap_or_default());
        if let Entry::Vacant(first) = failures.entry(case.map_or("", |c| c.row.op)) {
            println!("{text}");
            first.insert(text);
        }
    }
    println!("{cases} cases, {parsed} with attributes that an operator takes");
    let failures: Vec<String> = failures.into_values().collect();
    assert!(failures.is_empty(), "{} operators:\n{}", failures.len(), failures.join("\n"));
    assert!(parsed > cases / 8, "only {parsed} of {cases} cases say anything");
}
