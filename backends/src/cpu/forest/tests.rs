//! Random forests against the sequential evaluation, bit for bit, on every instruction set.

use super::*;
use hologram_ops::forest::{
    CategoryCast, CategorySet, ForestParts, Leaf, LeafWeight, LinearLeaf, LinearTerm, Missing, MissingValues, Mode,
    SourceNode, Span, Tree, TreeShape,
};

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    /// Numbers that meet thresholds often, and the ones that comparisons trip over.
    fn number(&mut self, width: Precision) -> f64 {
        const ODD: [f64; 12] = [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            0.0,
            -0.0,
            1e-36,
            -1e-35,
            1e-310,
            f64::MIN_POSITIVE,
            f64::MAX,
            16_777_217.0,
            -0.5,
        ];
        let value = match self.below(5) {
            0 => ODD[self.below(12) as usize],
            1 => {
                let most = [6, 80][self.below(2) as usize];
                self.below(most) as f64
            }
            _ => self.below(40) as f64 / 7.0 - 2.0,
        };
        width.round(value)
    }
}

/// How leaves name targets where some of them are linear.
const LINEAR: u64 = 3;

fn forest(random: &mut Random) -> Forest {
    let width = |random: &mut Random| if random.below(2) == 0 { Precision::F32 } else { Precision::F64 };
    let features = 1 + random.below(6) as u32;
    let targets = [1, 1, 1, 2, 3][random.below(5) as usize];
    let mut parts = ForestParts::empty(features, targets);
    (parts.compare, parts.accumulate) = (width(random), width(random));
    let n_trees = random.below(8);
    parts.aggregate = match random.below(6) {
        0 => Aggregate::Average(1 + random.below(9) as u32),
        1 => Aggregate::Min,
        2 => Aggregate::Max,
        _ => Aggregate::Sum,
    };
    let base = |random: &mut Random| random.below(9) as f64 / 3.0 - 1.0;
    let is_rounded = random.below(4) > 0;
    let width = if is_rounded { parts.accumulate } else { Precision::F64 };
    parts.base = (0..targets).map(|_| width.round(base(random))).collect();
    if parts.aggregate == Aggregate::Sum && random.below(2) == 0 {
        parts.base_order = BaseOrder::First;
    } else if random.below(3) == 0 {
        parts.scale = parts.accumulate.round(0.3);
    }
    for most in [6, 80] {
        let casts = [CategoryCast::Truncate, CategoryCast::TruncateNonNegative, CategoryCast::Whole];
        let set = |cast| CategorySet::new(cast, (0..4).map(|_| random.below(most) as u32).collect());
        parts.category_sets.extend(casts.map(set));
    }
    let tests = [Tests::Ordered, Tests::Ordered, Tests::Categories, Tests::Any][random.below(4) as usize];
    // All targets in each leaf, one target a tree, or whatever comes, with targets named twice; or one a tree, and linear.
    let is_wide = parts.compare == Precision::F64 && parts.accumulate == Precision::F64;
    let naming = if is_wide && random.below(2) == 0 { LINEAR } else { random.below(3) };
    for tree in 0..n_trees {
        if tests == Tests::Any && random.below(5) == 0 {
            oblivious(random, &mut parts, naming, tree);
            continue;
        }
        let most = if random.below(12) == 0 { 700 } else { 40 };
        let mut left = random.below(most) as i64;
        let mut next = 0;
        let read = |_: i64, parts: &mut ForestParts| -> Result<SourceNode, hologram_ops::forest::ForestError> {
            if left == 0 || random.below(9) == 0 {
                return Ok(SourceNode::Leaf(leaf(random, parts, naming, tree)));
            }
            left -= 1;
            next += 2;
            let feature = random.below(features.into()) as u32;
            let (threshold, mode, missing) = test(random, parts.compare, tests, feature);
            Ok(SourceNode::Split { feature, threshold, mode, missing, yes: next - 1, no: next })
        };
        parts.push_tree(0, 10_000, read, |error| error).unwrap();
    }
    Forest::new(parts).unwrap()
}

/// What the tests of a forest ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tests {
    /// Nothing but order.
    Ordered,
    /// Order, and of each second feature categories in one way, sets or whole numbers.
    Categories,
    /// Whatever there is.
    Any,
}

fn test(random: &mut Random, width: Precision, tests: Tests, feature: u32) -> (f64, Mode, Missing) {
    let modes =
        [Mode::LessEq, Mode::Less, Mode::Greater, Mode::GreaterEq, Mode::Equal, Mode::NotEqual, Mode::Member(0)];
    let mut threshold = random.number(width);
    let mode = match (tests, modes[random.below(if tests == Tests::Any { 7 } else { 4 }) as usize]) {
        (Tests::Any, Mode::Member(_)) => Mode::Member(random.below(6) as u32),
        (Tests::Categories, _) if feature % 2 == 1 => {
            let cast = feature / 2 % 3;
            threshold = random.below(70) as f64;
            match random.below(4) {
                0 if cast == 2 => Mode::Equal,
                1 if cast == 2 => Mode::NotEqual,
                n => Mode::Member(cast + 3 * (n as u32 % 2)),
            }
        }
        (_, mode) => mode,
    };
    let values = [MissingValues::None, MissingValues::Nan, MissingValues::ZeroOrNan];
    let values = values[random.below(if tests == Tests::Any { 3 } else { 2 }) as usize];
    (threshold, mode, Missing { values, to_true: random.below(2) == 0 })
}

fn leaf(random: &mut Random, parts: &mut ForestParts, naming: u64, tree: u64) -> Leaf {
    let first_weight = parts.weights.len() as u32;
    let targets = u64::from(parts.n_targets);
    let named: Vec<u64> = match naming {
        0 => (0..targets).collect(),
        1 | LINEAR => vec![tree % targets],
        _ => (0..random.below(4)).map(|_| random.below(targets)).collect(),
    };
    for target in &named {
        let weight =
            if random.below(20) == 0 { random.number(parts.accumulate) } else { random.below(99) as f64 / 7.0 - 5.0 };
        let weight = parts.accumulate.round(if random.below(9) == 0 { -0.0 } else { weight });
        parts.weights.push(LeafWeight { target: *target as u32, weight });
    }
    let is_linear = naming == LINEAR && random.below(2) == 0;
    let linear = is_linear.then(|| {
        let (first_term, n_terms) = (parts.terms.len() as u32, random.below(3) as u32);
        for _ in 0..n_terms {
            let (feature, coefficient) = (random.below(parts.n_features.into()) as u32, random.below(9) as f64 / 7.0);
            parts.terms.push(LinearTerm { feature, coefficient });
        }
        parts.linear.push(LinearLeaf { constant: random.below(9) as f64 / 3.0, first_term, n_terms });
        parts.linear.len() as u32 - 1
    });
    Leaf { first_weight, n_weights: named.len() as u32, linear }
}

fn oblivious(random: &mut Random, parts: &mut ForestParts, naming: u64, tree: u64) {
    let depth = random.below(6) as u32;
    let (first_node, first_leaf) = (parts.nodes.len() as u32, parts.leaves.len() as u32);
    for _ in 0..depth {
        let (threshold, mode, missing) = test(random, parts.compare, Tests::Any, 0);
        parts.push_split(random.below(parts.n_features.into()) as u32, threshold, mode, missing);
    }
    for _ in 0..1 << depth {
        let leaf = leaf(random, parts, naming, tree);
        parts.leaves.push(leaf);
    }
    let shape = TreeShape::Oblivious;
    parts.trees.push(Tree { shape, first_node, n_nodes: depth, first_leaf, n_leaves: 1 << depth });
}

#[test]
fn forests_for_rows_in_spans_have_the_bits_of_the_whole_for_these() {
    let (mut dropped, mut kept, mut alone) = (0, 0, 0);
    for seed in 0..400 {
        let mut random = Random(seed);
        let forest = forest(&mut random);
        let features = forest.n_features as usize;
        let known = features - random.below(2) as usize;
        let mut spans = Vec::new();
        for _ in 0..known {
            let mut number = || match random.below(3) {
                0 => random.below(70) as f64,
                _ => random.number(Precision::F64),
            };
            let (a, b) = (number(), number());
            let (a, b) = if a <= b { (a, b) } else { (b, a) };
            let has_nan = random.below(2) == 0;
            spans.push(match random.below(5) {
                0 => Span::ALL,
                // A threshold of the forest as the one value, or as the end of many.
                1 if !forest.nodes.is_empty() => {
                    let threshold = forest.nodes.threshold[random.below(forest.nodes.len() as u64) as usize];
                    let threshold = if threshold.is_nan() { 0.0 } else { threshold };
                    Span { has_nan, ..Span::of(threshold, [threshold, f64::INFINITY][random.below(2) as usize]) }
                }
                2 if !a.is_nan() => Span { has_nan, ..Span::of(a, a) },
                _ if a.is_nan() || b.is_nan() => Span::ALL,
                _ => Span { has_nan, ..Span::of(a, b) },
            });
        }
        let Some(narrow) = forest.narrowed(&spans) else {
            kept += 1;
            continue;
        };
        assert!(narrow.nodes.len() < forest.nodes.len() && narrow.leaves.len() <= forest.leaves.len());
        dropped += forest.nodes.len() - narrow.nodes.len();
        alone += usize::from(narrow.nodes.is_empty());
        for _ in 0..50 {
            let value = |feature: usize, random: &mut Random| {
                let drawn = random.number(Precision::F64);
                let Some(span) = spans.get(feature) else { return drawn };
                match random.below(6) {
                    0 if span.has_nan => f64::NAN,
                    1 => span.least,
                    2 => span.greatest,
                    3 => span.least.next_up().min(span.greatest),
                    _ if drawn.is_nan() => span.least,
                    _ => drawn.clamp(span.least, span.greatest),
                }
            };
            let row: Vec<f64> = (0..features).map(|feature| value(feature, &mut random)).collect();
            let scores = |forest: &Forest| {
                let mut scores = vec![0.0; forest.n_targets as usize];
                forest.evaluate_row(&row, &mut scores).unwrap();
                scores.into_iter().map(bits).collect::<Vec<_>>()
            };
            assert_eq!(scores(&narrow), scores(&forest), "seed {seed}, {row:?} in {spans:?}");
        }
    }
    assert!(
        dropped > 1_000 && kept > 20 && alone > 5,
        "{dropped} nodes dropped, {kept} forests whole, {alone} without"
    );
}

/// Bits, with every NaN the same.
fn bits(score: f64) -> u64 {
    if score.is_nan() { f64::NAN.to_bits() } else { score.to_bits() }
}

/// The columns of a table that lies row by row.
fn apart<T: Copy>(cells: &[T], columns: usize) -> Vec<Vec<T>> {
    (0..columns).map(|column| cells.iter().skip(column).step_by(columns).copied().collect()).collect()
}

fn slices<T>(columns: &[Vec<T>]) -> Vec<&[T]> {
    columns.iter().map(Vec::as_slice).collect()
}

#[test]
fn random_forests_give_the_bits_of_the_reference() {
    let (mut ready, mut walked, mut linear, mut together, mut of_sets, mut begun) = (0, 0, 0, 0, 0, 0);
    let (mut at_once, mut sixteen) = (0, 0);
    for seed in 0..400 {
        let mut random = Random(seed);
        let forest = forest(&mut random);
        let columns = forest.n_features as usize + random.below(2) as usize;
        let rows = [1, 31, 32, 100, 129, 300, 512, 513, 560, 700][random.below(10) as usize];
        let wide: Vec<f64> = (0..rows * columns).map(|_| random.number(Precision::F64)).collect();
        let narrow: Vec<f32> = wide.iter().map(|value| *value as f32).collect();
        let (wide_columns, narrow_columns) = (apart(&wide, columns), apart(&narrow, columns));
        walked += usize::from(Walk::new(&forest).is_some());
        linear += usize::from(Walk::new(&forest).is_some() && !forest.linear.is_empty());
        together += usize::from(Few::new(&forest).is_some());
        of_sets += usize::from(Few::new(&forest).is_some_and(|few| few.has_sets()));
        let with = |isa: Option<Isa>, few, walk| {
            let blocks = isa.and_then(|isa| Blocks::new(&forest, isa, Otherwise::Few));
            let row_ns = f32::INFINITY;
            (isa, Scorer { forest: forest.clone(), blocks, sixteens: None, bins: None, few, tops: None, walk, row_ns })
        };
        let mut scorers = Vec::new();
        for (isa, words) in Isa::available().into_iter().flat_map(|isa| costs::SIZES.map(|words| (isa, words))) {
            let (isa, mut scorer) = with(Some(isa), Few::new(&forest), Walk::new(&forest));
            scorer.blocks.iter_mut().for_each(|blocks| blocks.costs = Costs::always(words));
            scorers.push((isa, scorer));
        }
        scorers.extend([with(Some(Isa::best()), None, None), with(None, None, Walk::new(&forest))]);
        scorers.push(with(None, Few::new(&forest), None));
        for isa in Isa::available() {
            let (_, mut scorer) = with(None, Few::new(&forest), None);
            scorer.tops = scorer.few.as_ref().and_then(|_| Tops::new(&forest, isa));
            begun += usize::from(scorer.tops.is_some());
            scorers.push((Some(isa), scorer));
            let (_, mut scorer) = with(None, None, None);
            scorer.bins = Closings::of(&forest).and_then(|closings| Bins::new(closings, isa));
            at_once += usize::from(scorer.bins.is_some());
            scorers.push((Some(isa), scorer));
            let (_, mut scorer) = with(None, None, None);
            scorer.sixteens = Closings::of(&forest).map(|closings| Sixteens::new(&forest, &closings, isa));
            sixteen += usize::from(scorer.sixteens.is_some());
            scorers.push((Some(isa), scorer));
        }
        for (isa, scorer) in scorers {
            ready += usize::from(scorer.blocks.is_some());
            let mut scratch = vec![seed; scorer.scratch_bytes() / 8];
            let scratch = bytemuck::cast_slice_mut(&mut scratch);
            for table in [
                Table::F32(Cells::Rows(&narrow, columns)),
                Table::F64(Cells::Rows(&wide, columns)),
                Table::F32(Cells::Columns(&slices(&narrow_columns))),
                Table::F64(Cells::Columns(&slices(&wide_columns))),
            ] {
                let mut seen = 0;
                scorer.scores(table, scratch, &mut |scored| {
                    scored.each(&mut Vec::new(), |row, found| {
                        let feature = |feature: u32| table.at(row, feature as usize);
                        let mut expected = vec![0.0; forest.n_targets as usize];
                        forest.evaluate_with(&feature, &mut expected).unwrap();
                        assert_eq!((row, found.len()), (seen, expected.len()), "seed {seed}");
                        let same = expected.iter().zip(&*found).all(|(e, f)| bits(*e) == bits(*f));
                        assert!(same, "seed {seed}, {isa:?}, row {row}: {found:?} where {expected:?} is expected");
                        seen += 1;
                    });
                });
                assert_eq!(seen, rows, "seed {seed}");
            }
        }
    }
    assert!(ready > 300 * costs::SIZES.len() * Isa::available().len(), "{ready} forests were ready for blocks");
    assert!(walked > 150 && linear > 10, "{walked} forests were ready for rows alone, {linear} with linear leaves");
    assert!(together > 40, "{together} forests were ready for a few rows together");
    assert!(begun > 30 * Isa::available().len(), "the upper levels of {begun} forests were ready");
    assert!(at_once > 30 * Isa::available().len(), "{at_once} forests were ready for a row at once");
    assert!(sixteen > 30 * Isa::available().len(), "{sixteen} forests were ready for sixteen rows together");
    assert!(of_sets > 15, "{of_sets} of them ask for membership");
}

/// A tree of one feature that asks each of so many thresholds, whose leaves add different numbers.
fn comb(thresholds: usize, width: Precision) -> Forest {
    let mut parts = ForestParts::empty(1, 1);
    (parts.compare, parts.accumulate) = (width, width);
    let read = |number: i64, parts: &mut ForestParts| -> Result<SourceNode, hologram_ops::forest::ForestError> {
        let (place, is_leaf) = (number / 2, number % 2 == 1);
        if is_leaf || place as usize == thresholds {
            let first_weight = parts.weights.len() as u32;
            parts.weights.push(LeafWeight { target: 0, weight: f64::from(first_weight) + 0.5 });
            return Ok(SourceNode::Leaf(Leaf { first_weight, n_weights: 1, linear: None }));
        }
        let modes = [Mode::LessEq, Mode::Less, Mode::Greater, Mode::GreaterEq];
        let mode = modes[place as usize % 4];
        let missing = match place % 3 {
            0 => Missing::NONE,
            n => Missing { values: MissingValues::Nan, to_true: n == 1 },
        };
        // The leaf is where the feature is at most the threshold, so that a row finds its place.
        let (mut yes, mut no) = (2 * place + 1, 2 * place + 2);
        if matches!(mode, Mode::Greater | Mode::GreaterEq) {
            (yes, no) = (no, yes);
        }
        Ok(SourceNode::Split { feature: 0, threshold: place as f64 / 4.0, mode, missing, yes, no })
    };
    parts.push_tree(0, 10_000, read, |error| error).unwrap();
    Forest::new(parts).unwrap()
}

#[test]
fn any_number_of_thresholds_is_told_apart() {
    for thresholds in [1, 14, 15, 16, 31, 32, 63, 64, 100, 127, 128, 254, 255, 256, 510, 511, 700] {
        for width in [Precision::F32, Precision::F64] {
            let forest = comb(thresholds, width);
            // Between and on all thresholds, beyond both ends, and what has no place.
            let mut rows: Vec<f64> = (-3..2 * thresholds as i64 + 3).map(|place| place as f64 / 8.0).collect();
            rows.extend([f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0]);
            let expected: Vec<f64> = rows
                .iter()
                .map(|x| {
                    let mut score = [0.0];
                    forest.evaluate_row(&[*x], &mut score).unwrap();
                    score[0]
                })
                .collect();
            for (isa, words) in Isa::available().into_iter().flat_map(|isa| costs::SIZES.map(|words| (isa, words))) {
                let mut blocks = Blocks::new(&forest, isa, Otherwise::Few).unwrap();
                blocks.costs = Costs::always(words);
                let scorer = Scorer {
                    forest: forest.clone(),
                    blocks: Some(blocks),
                    sixteens: None,
                    bins: None,
                    few: None,
                    tops: None,
                    walk: None,
                    row_ns: f32::INFINITY,
                };
                let mut scratch = vec![0_u64; scorer.scratch_bytes() / 8];
                let mut found = Vec::new();
                let table = Table::F64(Cells::Rows(&rows, 1));
                scorer.scores(table, bytemuck::cast_slice_mut(&mut scratch), &mut |scored| {
                    found.extend_from_slice(scored.target(0));
                });
                assert_eq!(found, expected, "{thresholds} thresholds, {width:?}, {isa:?}, {words} words");
            }
        }
    }
}

#[test]
fn a_set_is_asked_once_whatever_threshold_its_nodes_hold() {
    let mut parts = ForestParts::empty(1, 1);
    parts.category_sets.push(CategorySet::new(CategoryCast::Whole, (0..9).collect()));
    let read = |number: i64, parts: &mut ForestParts| -> Result<SourceNode, hologram_ops::forest::ForestError> {
        if number % 2 == 1 || number == 20 {
            let first_weight = parts.weights.len() as u32;
            parts.weights.push(LeafWeight { target: 0, weight: 1.0 });
            return Ok(SourceNode::Leaf(Leaf { first_weight, n_weights: 1, linear: None }));
        }
        let (threshold, mode, missing) = (number as f64, Mode::Member(0), Missing::NONE);
        Ok(SourceNode::Split { feature: 0, threshold, mode, missing, yes: number + 1, no: number + 2 })
    };
    parts.push_tree(0, 10_000, read, |error| error).unwrap();
    let blocks = Blocks::new(&Forest::new(parts).unwrap(), Isa::best(), Otherwise::Alone).unwrap();
    assert_eq!((blocks.tests.len(), blocks.tests.n_others()), (1, 10));
}

#[test]
fn leaves_that_name_targets_here_and_there_take_no_memory() {
    let mut parts = ForestParts::empty(1, 3_000);
    let mut next = 0;
    let read = |number: i64, parts: &mut ForestParts| -> Result<SourceNode, hologram_ops::forest::ForestError> {
        if number < 3_000 && number % 2 == 0 {
            next += 2;
            let (threshold, mode, missing) = (number as f64, Mode::Less, Missing::NONE);
            return Ok(SourceNode::Split { feature: 0, threshold, mode, missing, yes: next - 1, no: next });
        }
        let first_weight = parts.weights.len() as u32;
        parts.weights.push(LeafWeight { target: first_weight, weight: 1.0 });
        Ok(SourceNode::Leaf(Leaf { first_weight, n_weights: 1, linear: None }))
    };
    parts.push_tree(0, 10_000, read, |error| error).unwrap();
    assert!(Blocks::new(&Forest::new(parts).unwrap(), Isa::best(), Otherwise::Few).is_none());
}

/// A forest of one tree of one split, of which the caller says the rest.
fn stump(change: impl FnOnce(&mut ForestParts)) -> Forest {
    let mut parts = ForestParts::empty(1, 2);
    let mut leaf = 0;
    let read = |number: i64, parts: &mut ForestParts| -> Result<SourceNode, hologram_ops::forest::ForestError> {
        if number == 0 {
            let (threshold, mode, missing) = (0.0, Mode::Less, Missing::NONE);
            return Ok(SourceNode::Split { feature: 0, threshold, mode, missing, yes: 1, no: 2 });
        }
        parts.weights.extend([0, 1].map(|target| LeafWeight { target, weight: f64::from(leaf + target) }));
        leaf += 2;
        Ok(SourceNode::Leaf(Leaf { first_weight: leaf - 2, n_weights: 2, linear: None }))
    };
    parts.push_tree(0, 10, read, |error| error).unwrap();
    change(&mut parts);
    Forest::new(parts).unwrap()
}

#[test]
fn what_blocks_cannot_say_is_left_to_the_reference() {
    type Change = fn(&mut ForestParts);
    let is_taken = |change: Change| Blocks::new(&stump(change), Isa::best(), Otherwise::Few).is_some();
    assert!(is_taken(|_| {}));
    assert!(is_taken(|parts| parts.aggregate = Aggregate::Min));
    let cases: [(&str, Change); 4] = [
        ("a leaf of two nodes", |parts| {
            parts.nodes.false_child[0] = parts.nodes.true_child[0];
            parts.leaves.truncate(1);
            parts.weights.truncate(2);
            parts.trees[0].n_leaves = 1;
        }),
        ("the smaller of two weights of one leaf", |parts| {
            parts.aggregate = Aggregate::Min;
            parts.weights.iter_mut().for_each(|weight| weight.target = 0);
        }),
        ("leaves that share weights", |parts| parts.leaves[1] = Leaf { first_weight: 0, n_weights: 4, linear: None }),
        ("a base between two numbers of the sums", |parts| {
            (parts.accumulate, parts.base_order) = (Precision::F32, BaseOrder::First);
            parts.base = vec![1.0 + f64::EPSILON; 2];
        }),
    ];
    for (name, change) in cases {
        assert!(!is_taken(change), "{name}");
    }
}
