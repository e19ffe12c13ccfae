//! Cases recorded from onnxruntime, and what it does not say.

use super::testing::{check, read};

fn check_all(text: &str) {
    let cases = read(text);
    assert!(!cases.is_empty());
    let wrong: Vec<String> =
        cases.iter().filter_map(|c| check(c).err().map(|e| format!("{} ({}): {e:.600}", c.name, c.op))).collect();
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn recorded_cases() {
    check_all(include_str!("cases.txt"));
}

/// Cases of one's own making, in the same form.
#[test]
fn more_recorded_cases() {
    if let Ok(path) = std::env::var("HOLOGRAM_ML_CASES") {
        check_all(&std::fs::read_to_string(path).unwrap());
    }
}
