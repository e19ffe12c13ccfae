//! What the fuzz targets share. Cases, changes and checks are those of the ordinary tests, taken from their folders.

#[path = "../../ops/tests/inference/bytes.rs"]
mod bytes;
#[path = "../../ops/tests/inference/check.rs"]
mod check;
#[path = "../../ops/tests/inference/draw.rs"]
mod draw;
#[path = "../../ops/tests/inference/guard.rs"]
#[expect(dead_code, reason = "libFuzzer has a watch of its own")]
mod guard;
mod keep;
#[path = "../../planner/tests/hostile_models/mutate.rs"]
mod mutate;
mod nodes;
pub mod proto;
#[path = "../../planner/tests/pairs/table.rs"]
#[expect(dead_code, reason = "the test of pairs uses the rest")]
mod table;
#[path = "../../planner/tests/hostile_models/through.rs"]
mod through;

/// Every target refuses what no small input may ask for.
#[global_allocator]
static HEAP: guard::Bounded = guard::Bounded;

/// Runs a target on one input.
///
/// A failure ends the process, as libFuzzer expects. With `HOLOGRAM_FUZZ_KEEP=FOLDER` it is written to the folder instead,
/// once for each place and operator, and fuzzing goes on: for finding many bugs in one run.
///
/// # Panics
/// With what is wrong.
pub fn run(data: &[u8], target: fn(&[u8]) -> Result<(), String>) {
    match std::env::var_os("HOLOGRAM_FUZZ_KEEP") {
        None => {
            if let Err(why) = target(data) {
                panic!("{why}");
            }
        }
        Some(folder) => keep::run(data, target, folder.as_ref()),
    }
}

/// Reads, compiles, writes and opens.
///
/// # Errors
/// What must not be.
pub fn import_onnx(data: &[u8]) -> Result<(), String> {
    through::through(data).map(drop)
}

/// Checks one operator after another.
///
/// # Errors
/// What disagrees, with the case in words.
pub fn infer_shapes(data: &[u8]) -> Result<(), String> {
    nodes::check(data)
}
