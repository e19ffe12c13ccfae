//! Failures written down, one of each, while fuzzing goes on.

use std::{
    collections::BTreeSet,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::{Mutex, Once},
};

/// Where the last panic was.
static PLACE: Mutex<String> = Mutex::new(String::new());
static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

pub(crate) fn run(data: &[u8], target: fn(&[u8]) -> Result<(), String>, folder: &Path) {
    static HOOK: Once = Once::new();
    // In place of libFuzzer's, which ends the process.
    HOOK.call_once(|| {
        panic::set_hook(Box::new(|info| {
            if let Ok(mut place) = PLACE.lock() {
                *place = info.to_string();
            }
        }));
    });
    let why = match panic::catch_unwind(AssertUnwindSafe(|| target(data))) {
        Ok(Ok(())) => return,
        Ok(Err(why)) => why,
        Err(_) => PLACE.lock().map(|place| place.clone()).unwrap_or_default(),
    };
    // The operator and how it was asked, or the place of the panic; numbers differ from one input to the next.
    let words: Vec<&str> = why.split_whitespace().collect();
    let operator = words.iter().find(|w| w.contains("::") && !w.contains(':') || w.starts_with("ai.onnx::"));
    let key: String = match words.first() {
        Some(&"thread") => words.iter().take(6).copied().filter(|w| w.contains(".rs:")).collect(),
        _ => format!("{} {}", operator.unwrap_or(&""), words.iter().take(3).copied().collect::<Vec<_>>().join(" ")),
    };
    let key: String = if key.trim().is_empty() { why.chars().take(80).collect() } else { key };
    if !SEEN.lock().is_ok_and(|mut seen| seen.insert(key.clone())) {
        return;
    }
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    let name: String = key.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).take(80).collect();
    let path = folder.join(format!("{name}-{:08x}", hasher.finish() as u32));
    println!("kept {}: {}", path.display(), why.lines().take(2).collect::<Vec<_>>().join(" | "));
    if let Err(error) = fs::create_dir_all(folder).and_then(|()| fs::write(&path, data)) {
        println!("{}: {error}", path.display());
    }
}
