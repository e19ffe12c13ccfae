//! Rows that repeat are answered with the bits that a run gives, and computed once.

use super::{
    super::{BindOptions, Binding, MemoMode, MemoPool, RowSession},
    fields,
    models::{echo, linear, port, rows, session},
};
use crate::Session;
use arrow_array::{Array, ArrayRef, DictionaryArray, Float32Array, Int32Array, ListArray, StringArray, types::*};
use hologram_ops::{
    DType::{F32, I32, String as Text},
    control::Control,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A linear congruential generator (Knuth, MMIX).
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

type Columns = Vec<(&'static str, ArrayRef)>;
type Batches = fn(&mut Draw, usize) -> Columns;

const NUMBERS: [Option<f32>; 7] =
    [Some(0.0), Some(-0.0), Some(1.5), Some(f32::NAN), Some(f32::INFINITY), Some(1e-45), None];

fn numbers(draw: &mut Draw, n: usize) -> ArrayRef {
    Arc::new((0..n).map(|_| NUMBERS[draw.below(7)]).collect::<Float32Array>())
}

fn three_numbers(draw: &mut Draw, n: usize) -> Columns {
    ["a", "b", "c"].map(|name| (name, numbers(draw, n))).into()
}

fn text_and_number(draw: &mut Draw, n: usize) -> Columns {
    // Keys that would be equal if only their bytes stood side by side.
    let words = [Some("a"), Some("aa"), Some(""), Some("a\0"), None];
    let texts: StringArray = (0..n).map(|_| words[draw.below(5)]).collect();
    let texts: ArrayRef = match draw.below(2) {
        0 => Arc::new(texts),
        _ => Arc::new(texts.iter().collect::<DictionaryArray<Int32Type>>()),
    };
    vec![("t", texts), ("n", Arc::new((0..n).map(|_| draw.below(3) as i32).collect::<Int32Array>()))]
}

fn lists(draw: &mut Draw, n: usize) -> Columns {
    let longest = if draw.below(3) == 0 { 1 } else { 4 };
    let rows = (0..n).map(|_| {
        let length = draw.below(longest);
        (draw.below(9) > 0).then(|| (0..length).map(|_| Some([0.5, -0.0, 2.0][draw.below(3)])).collect::<Vec<_>>())
    });
    vec![("x", Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(rows)))]
}

/// Models of several kinds of inputs, with what to ask them.
fn cases() -> Vec<(Session, Batches)> {
    let doubled = session(&[port("x", F32, &[0, 0])], &[port("y", F32, &[0, 0])], rows(true, 0), |graph, ids| {
        let node = graph.add_op("Add").input(ids[0], 0, 0).input(ids[0], 0, 1).finish().unwrap();
        vec![graph.output_of(node, 0).unwrap()]
    });
    let texts = [port("t", Text, &[0]), port("n", I32, &[0])];
    vec![
        (linear(port("x", F32, &[0, 3]), port("y", F32, &[0, 1])), three_numbers),
        (linear(port("x", F32, &[0, 3]).missing(), port("y", F32, &[0, 1])), three_numbers),
        (echo(&texts, &texts, rows(true, 0)), text_and_number),
        (doubled, lists),
        (echo(&[port("n", I32, &[4])], &[port("m", I32, &[4])], rows(true, 4)), |draw, n| {
            vec![("n", Arc::new((0..n).map(|_| draw.below(5) as i32).collect::<Int32Array>()))]
        }),
    ]
}

fn bound(model: &Session, columns: &Columns) -> RowSession {
    let binding = Binding::positional(model.signature(), &fields(columns), &BindOptions::default()).unwrap();
    RowSession::new(model.clone(), binding).unwrap()
}

/// Asks with and without the memo; gives the number of rows that were computed.
fn ask(model: &Session, pool: &MemoPool, namespace: &str, columns: &Columns) -> usize {
    let plain = bound(model, columns);
    let with = plain.clone().with_memo(pool, namespace, MemoMode::On).unwrap();
    let arrays: Vec<ArrayRef> = columns.iter().map(|(_, array)| array.clone()).collect();
    let n = arrays[0].len();
    let (expected, plainly) = plain.run(&arrays, n, &Control::default()).unwrap();
    let (found, stats) = with.run(&arrays, n, &Control::default()).unwrap();
    found.to_data().validate_full().unwrap();
    assert_eq!(found.to_data(), expected.to_data(), "{columns:?}");
    assert_eq!((stats.rows, stats.null_rows, plainly.repeated), (n, plainly.null_rows, 0));
    n - stats.null_rows - stats.repeated
}

#[test]
fn repeated_rows_are_answered_as_computed_ones() {
    for (case, (model, batch)) in cases().into_iter().enumerate() {
        let pool = MemoPool::new(1 << 20, None);
        let mut computed = 0;
        for seed in 0..300 {
            let mut draw = Draw(seed);
            let n = [0, 1, 3, 50, 200][draw.below(5)];
            computed += ask(&model, &pool, "", &batch(&mut draw, n));
        }
        let stats = pool.stats();
        assert_eq!((stats[0].misses as usize, stats[0].entries), (computed, computed), "case {case}: each row once");
        assert!(computed < 400 && stats[0].hits > 5_000, "case {case}: {stats:?}");
        // What was asked before is there.
        let mut draw = Draw(0);
        let n = [0, 1, 3, 50, 200][draw.below(5)];
        assert_eq!(ask(&model, &pool, "", &batch(&mut draw, n)), 0, "case {case}");
        // Not for others.
        let mut draw = Draw(2);
        let n = 50 + draw.below(2);
        assert!(ask(&model, &pool, "other", &batch(&mut draw, n)) > 0, "case {case}");
        assert_eq!(pool.stats().len(), 2);
        pool.clear("other");
        assert_eq!(pool.stats().iter().map(|s| s.entries).collect::<Vec<_>>(), [computed, 0]);
    }
}

#[test]
fn threads_share_a_memo() {
    let (model, batch) = cases().swap_remove(0);
    let pool = MemoPool::new(1 << 20, None);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (model, pool) = (&model, &pool);
            scope.spawn(move || {
                for seed in 0..100 {
                    ask(model, pool, "", &batch(&mut Draw(seed * 4 + thread), 100));
                }
            });
        }
    });
    let stats = &pool.stats()[0];
    assert!(stats.entries < 216 + 1 && stats.hits + stats.misses > 20_000, "{stats:?}");
}

#[test]
fn memos_stay_within_their_budget_and_the_oldest_go_first() {
    let number = |first: i32, n: i32| -> Columns {
        vec![("n", Arc::new((first..first + n).collect::<Int32Array>()) as ArrayRef)]
    };
    let model = || echo(&[port("n", I32, &[0])], &[port("m", I32, &[0])], rows(true, 0));
    let (a, b) = (model(), model());
    let pool = MemoPool::new(64 << 10, None);
    let held = |namespace: &str| {
        let stats = pool.stats();
        stats.iter().filter(|s| s.namespace == namespace).map(|s| s.entries).sum::<usize>()
    };
    assert_eq!(ask(&a, &pool, "a", &number(0, 500)), 500);
    assert_eq!(ask(&b, &pool, "b", &number(0, 500)), 500);
    assert_eq!((held("a"), held("b")), (500, 500));
    // The memo that was asked last stays.
    assert_eq!(ask(&a, &pool, "a", &number(0, 500)), 0);
    for first in 1..3 {
        ask(&a, &pool, "a", &number(first * 500, 500));
    }
    assert_eq!(held("b"), 0);
    for first in 0..200 {
        ask(&a, &pool, "a", &number(first * 500, 500));
        let bytes: usize = pool.stats().iter().map(|s| s.bytes).sum();
        assert!(bytes <= 64 << 10, "{bytes}");
    }
    drop(a);
    assert_eq!(pool.stats().len(), 1, "a model that is gone takes its memo along");
}

fn list_of(rows: &[&[i32]]) -> ArrayRef {
    let rows = rows.iter().map(|row| Some(row.iter().map(|x| Some(*x)).collect::<Vec<_>>()));
    Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows))
}

#[test]
fn rows_of_other_shapes_are_other_rows() {
    // Whole batches of one shape, batches of several, and lists of one beside columns: what lies where differs.
    let (a, b) = (port("a", I32, &[0, 0]), port("b", I32, &[0, 0]));
    let model = echo(&[a.clone(), b.clone()], &[a, b], rows(true, 0));
    let pool = MemoPool::new(1 << 20, None);
    let batches: [Columns; 4] = [
        vec![("a", list_of(&[&[5, 2]])), ("b", list_of(&[&[1, 1]]))],
        vec![("a", list_of(&[&[2, 5], &[1]])), ("b", list_of(&[&[1, 1], &[]]))],
        vec![("a", list_of(&[&[2, 5, 2]])), ("b", list_of(&[&[1]]))],
        vec![("a", list_of(&[&[], &[2]])), ("b", list_of(&[&[2], &[]]))],
    ];
    assert_eq!(batches.iter().map(|batch| ask(&model, &pool, "", batch)).sum::<usize>(), 6);
    assert_eq!(batches.iter().map(|batch| ask(&model, &pool, "", batch)).sum::<usize>(), 0);

    let x = port("x", I32, &[0, 0]);
    let model = echo(std::slice::from_ref(&x), std::slice::from_ref(&x), rows(true, 0));
    let scalars = |values: &[i32]| -> Columns {
        let column = |x: &i32| -> ArrayRef { Arc::new(Int32Array::from(vec![*x])) };
        ["p", "q", "r", "s"].into_iter().zip(values.iter().map(column)).collect()
    };
    let batches = [scalars(&[2, 0, 7, 8]), vec![("x", list_of(&[&[7, 8]]))], vec![("x", list_of(&[&[2, 0, 7, 8]]))]];
    let computed: Vec<usize> = batches.iter().map(|batch| ask(&model, &pool, "", batch)).collect();
    assert_eq!(computed, [1, 1, 0], "four columns are a list of four");
}

#[test]
fn a_model_that_is_gone_leaves_its_room() {
    let pool = MemoPool::new(64 << 10, None);
    let columns: Columns = vec![("n", Arc::new((0..500).collect::<Int32Array>()))];
    for _ in 0..20 {
        let model = echo(&[port("n", I32, &[0])], &[port("m", I32, &[0])], rows(true, 0));
        ask(&model, &pool, "", &columns);
        assert_eq!(ask(&model, &pool, "", &columns), 0);
    }
}

#[test]
fn random_numbers_are_drawn_anew() {
    let x = port("x", F32, &[1]);
    let noise = session(std::slice::from_ref(&x), &[port("y", F32, &[1])], rows(true, 1), |graph, ids| {
        let node = graph.add_op("RandomUniformLike").input(ids[0], 0, 0).finish().unwrap();
        vec![graph.output_of(node, 0).unwrap()]
    });
    let columns: Columns = vec![("x", Arc::new(Float32Array::from(vec![1.0])))];
    let refused = bound(&noise, &columns).with_memo(&MemoPool::default(), "", MemoMode::On).unwrap_err();
    assert!(refused.to_string().contains("random numbers"), "{refused}");
}

#[test]
fn rows_that_depend_on_each_other_are_refused() {
    let model = echo(&[port("n", I32, &[0])], &[port("m", I32, &[0])], rows(false, 0));
    let columns: Columns = vec![("n", Arc::new(Int32Array::from(vec![1])))];
    let refused = bound(&model, &columns).with_memo(&MemoPool::default(), "", MemoMode::Auto).unwrap_err();
    let text = "rows depend on each other (as the test says): a row has no answer to remember";
    assert_eq!(refused.to_string(), text);
}

#[test]
fn what_is_off_leaves_no_memo() {
    let model = echo(&[port("n", I32, &[0])], &[port("m", I32, &[0])], rows(true, 0));
    let columns: Columns = vec![("n", Arc::new(Int32Array::from(vec![1])))];
    let pool = MemoPool::new(1 << 20, None);
    let off = bound(&model, &columns).with_memo(&pool, "", MemoMode::Off).unwrap();
    assert_eq!(off.run(&[columns[0].1.clone()], 1, &Control::default()).unwrap().1.repeated, 0);
    assert!(pool.stats().is_empty());
}

#[test]
fn what_cannot_be_measured_is_not_looked_up_by_itself() {
    let model = echo(&[port("n", I32, &[0])], &[port("m", I32, &[0])], rows(true, 0));
    let columns: Columns = vec![("n", Arc::new(Int32Array::from(vec![1; 10_000])))];
    let pool = MemoPool::new(1 << 20, None);
    let with = bound(&model, &columns).with_memo(&pool, "", MemoMode::Auto).unwrap();
    for _ in 0..3 {
        let (_, stats) = with.run(&[columns[0].1.clone()], 10_000, &Control::default()).unwrap();
        assert_eq!(stats.repeated, 0);
    }
    assert_eq!((pool.stats()[0].hits, pool.stats()[0].entries), (0, 0));
}

/// A clock by which a batch of 10,000 rows takes 20 ms, and looking 312 of them up 16 us.
fn scripted() -> Duration {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let calls = CALLS.fetch_add(1, Ordering::Relaxed);
    Duration::from_micros((0..calls).map(|call| if call == 0 || call % 4 == 2 { 20_000 } else { 16 }).sum())
}

#[test]
fn rows_are_sampled_until_they_are_known_to_repeat() {
    const ROWS: i32 = 10_000;
    let model = echo(&[port("n", I32, &[0])], &[port("m", I32, &[0])], rows(true, 0));
    let pool = MemoPool::new(1 << 20, Some(scripted));
    let columns: Columns = vec![("n", Arc::new(Int32Array::from(vec![0])))];
    let with = bound(&model, &columns).with_memo(&pool, "", MemoMode::Auto).unwrap();
    let ask = |numbers: Vec<i32>| {
        let given: ArrayRef = Arc::new(Int32Array::from(numbers));
        let (answers, stats) = with.run(&[given.clone()], given.len(), &Control::default()).unwrap();
        assert_eq!(answers.to_data(), given.to_data());
        stats.repeated
    };
    // The first batch tells what a row costs; then nothing repeats.
    for batch in 0..4 {
        assert_eq!(ask((batch * ROWS..(batch + 1) * ROWS).collect()), 0);
    }
    let sampled = pool.stats()[0].clone();
    assert_eq!((sampled.entries, sampled.hits, sampled.misses), (3 * 312, 0, 0));
    // Rows that repeat are noticed by a sample, and looked up from the next batch on.
    let repeating = || (0..ROWS).map(|i| -1 - i % 5).collect();
    assert_eq!(ask(repeating()), 0);
    assert_eq!(ask(repeating()), ROWS as usize);
    assert_eq!(pool.stats()[0].hits, ROWS as u64);
}
