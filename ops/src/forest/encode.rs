//! The byte form of a forest: an archive section. Little-endian, versioned, deterministic, length-checked.
//!
//! ```text
//! "HFOR" | version u32 | n_features u32 | n_targets u32 | compare u8 | accumulate u8 | aggregate u8 | base order u8
//! | average divisor u32 | scale f64
//! | counts, u32 each: nodes, leaves, weights, linear, terms, category sets, trees
//! | base f64 * n_targets
//! | feature u32 * nodes | threshold f64 * nodes | mode u8 * nodes | set u32 * nodes | missing u8 * nodes
//! | true child u32 * nodes | false child u32 * nodes
//! | leaf (first weight, count, linear or u32::MAX) 3 * u32 * leaves | weight (target u32, f64) * weights
//! | linear (constant f64, first term u32, count u32) * linear | term (feature u32, f64) * terms
//! | set (cast u8, codes u32, u32 * codes) * sets
//! | tree (shape u8, root u32, first node, nodes, first leaf, leaves u32) * trees
//! ```

use super::{
    Aggregate, BaseOrder, CategoryCast, CategorySet, ChildRef, Forest, ForestError, ForestParts, Leaf, LeafWeight,
    LinearLeaf, LinearTerm, Missing, MissingValues, Mode, Nodes, Precision, Tree, TreeShape,
};

const MAGIC: [u8; 4] = *b"HFOR";
const VERSION: u32 = 1;

/// Tags are positions in these tables; append only.
const PRECISIONS: [Precision; 2] = [Precision::F32, Precision::F64];
const BASE_ORDERS: [BaseOrder; 2] = [BaseOrder::First, BaseOrder::Last];
const CASTS: [CategoryCast; 3] = [CategoryCast::Truncate, CategoryCast::TruncateNonNegative, CategoryCast::Whole];
const MISSING: [MissingValues; 3] = [MissingValues::None, MissingValues::Nan, MissingValues::ZeroOrNan];
const COMPARISONS: [Mode; 6] = [Mode::LessEq, Mode::Less, Mode::Greater, Mode::GreaterEq, Mode::Equal, Mode::NotEqual];
const MEMBER: u8 = COMPARISONS.len() as u8;
const NO_LINEAR: u32 = u32::MAX;

impl Forest {
    /// The forest as bytes; equal forests give equal bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer(Vec::new());
        self.write_header(&mut out);
        self.write_nodes(&mut out);
        self.write_leaves(&mut out);
        self.write_trees(&mut out);
        out.0
    }

    /// The forest that [`Forest::to_bytes`] wrote. Counts are checked against the bytes that are there before anything
    /// is allocated, and the result is validated.
    ///
    /// # Errors
    /// [`ForestError::Corrupt`] for anything that is not exactly one encoded forest of a known version;
    /// [`ForestError::Invalid`] when its columns contradict each other.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ForestError> {
        Self::new(read_forest(&mut Reader { bytes, offset: 0 })?)
    }

    fn write_header(&self, out: &mut Writer) {
        let (aggregate, divisor) = match self.aggregate {
            Aggregate::Sum => (0, 0),
            Aggregate::Average(divisor) => (1, divisor),
            Aggregate::Min => (2, 0),
            Aggregate::Max => (3, 0),
        };
        out.0.extend(MAGIC);
        out.u32(VERSION);
        out.u32(self.n_features);
        out.u32(self.n_targets);
        out.u8(tag(&PRECISIONS, self.compare));
        out.u8(tag(&PRECISIONS, self.accumulate));
        out.u8(aggregate);
        out.u8(tag(&BASE_ORDERS, self.base_order));
        out.u32(divisor);
        out.f64(self.scale);
        let counts = [
            self.nodes.len(),
            self.leaves.len(),
            self.weights.len(),
            self.linear.len(),
            self.terms.len(),
            self.category_sets.len(),
            self.trees.len(),
        ];
        counts.into_iter().for_each(|count| out.u32(count as u32));
        self.base.iter().for_each(|&base| out.f64(base));
    }

    fn write_nodes(&self, out: &mut Writer) {
        let nodes = &self.nodes;
        nodes.feature.iter().for_each(|&feature| out.u32(feature));
        nodes.threshold.iter().for_each(|&threshold| out.f64(threshold));
        nodes.mode.iter().for_each(|&mode| {
            out.u8(if matches!(mode, Mode::Member(_)) { MEMBER } else { tag(&COMPARISONS, mode) });
        });
        nodes.mode.iter().for_each(|&mode| out.u32(if let Mode::Member(set) = mode { set } else { 0 }));
        nodes.missing.iter().for_each(|m| out.u8(tag(&MISSING, m.values) | u8::from(m.to_true) << 7));
        nodes.true_child.iter().for_each(|child| out.u32(child.bits()));
        nodes.false_child.iter().for_each(|child| out.u32(child.bits()));
    }

    fn write_leaves(&self, out: &mut Writer) {
        for leaf in &self.leaves {
            out.u32(leaf.first_weight);
            out.u32(leaf.n_weights);
            out.u32(leaf.linear.unwrap_or(NO_LINEAR));
        }
        for weight in &self.weights {
            out.u32(weight.target);
            out.f64(weight.weight);
        }
        for linear in &self.linear {
            out.f64(linear.constant);
            out.u32(linear.first_term);
            out.u32(linear.n_terms);
        }
        for term in &self.terms {
            out.u32(term.feature);
            out.f64(term.coefficient);
        }
    }

    fn write_trees(&self, out: &mut Writer) {
        for set in &self.category_sets {
            out.u8(tag(&CASTS, set.cast));
            out.u32(set.codes.len() as u32);
            set.codes.iter().for_each(|&code| out.u32(code));
        }
        for tree in &self.trees {
            let (shape, root) = match tree.shape {
                TreeShape::Nodes { root } => (0, root),
                TreeShape::Oblivious => (1, ChildRef::IMPLIED),
            };
            out.u8(shape);
            out.u32(root.bits());
            out.u32(tree.first_node);
            out.u32(tree.n_nodes);
            out.u32(tree.first_leaf);
            out.u32(tree.n_leaves);
        }
    }
}

fn read_forest(input: &mut Reader<'_>) -> Result<ForestParts, ForestError> {
    if input.take::<4>()? != MAGIC {
        return Err(input.corrupt("no forest begins here"));
    }
    let version = input.u32()?;
    if version != VERSION {
        return Err(input.corrupt(format!("version {version}, this build reads {VERSION}")));
    }
    let (n_features, n_targets) = (input.u32()?, input.u32()?);
    let (compare, accumulate) = (input.tagged(&PRECISIONS)?, input.tagged(&PRECISIONS)?);
    let aggregate = input.u8()?;
    let base_order = input.tagged(&BASE_ORDERS)?;
    let divisor = input.u32()?;
    let aggregate = match (aggregate, divisor) {
        (0, 0) => Aggregate::Sum,
        (1, divisor) => Aggregate::Average(divisor),
        (2, 0) => Aggregate::Min,
        (3, 0) => Aggregate::Max,
        other => return Err(input.corrupt(format!("unknown aggregate and divisor {other:?}"))),
    };
    let scale = input.f64()?;
    let mut counts = [0_u32; 7];
    for count in &mut counts {
        *count = input.u32()?;
    }
    let [nodes, leaves, weights, linear, terms, sets, trees] = counts;
    let parts = ForestParts {
        n_features,
        n_targets,
        compare,
        accumulate,
        aggregate,
        base_order,
        scale,
        base: input.many(n_targets, 8, Reader::f64)?,
        nodes: read_nodes(input, nodes)?,
        leaves: input.many(leaves, 12, |input| {
            let (first_weight, n_weights, linear) = (input.u32()?, input.u32()?, input.u32()?);
            Ok(Leaf { first_weight, n_weights, linear: (linear != NO_LINEAR).then_some(linear) })
        })?,
        weights: input.many(weights, 12, |input| Ok(LeafWeight { target: input.u32()?, weight: input.f64()? }))?,
        linear: input.many(linear, 16, |input| {
            Ok(LinearLeaf { constant: input.f64()?, first_term: input.u32()?, n_terms: input.u32()? })
        })?,
        terms: input.many(terms, 12, |input| Ok(LinearTerm { feature: input.u32()?, coefficient: input.f64()? }))?,
        category_sets: input.many(sets, 5, |input| {
            let cast = input.tagged(&CASTS)?;
            let codes = input.u32()?;
            Ok(CategorySet { cast, codes: input.many(codes, 4, Reader::u32)? })
        })?,
        trees: input.many(trees, 21, read_tree)?,
    };
    if input.offset != input.bytes.len() {
        return Err(input.corrupt("bytes follow the forest"));
    }
    Ok(parts)
}

fn read_nodes(input: &mut Reader<'_>, n: u32) -> Result<Nodes, ForestError> {
    let feature = input.many(n, 4, Reader::u32)?;
    let threshold = input.many(n, 8, Reader::f64)?;
    let tags = input.many(n, 1, Reader::u8)?;
    let sets = input.many(n, 4, Reader::u32)?;
    let mut mode = Vec::with_capacity(tags.len());
    for (&tag, &set) in tags.iter().zip(&sets) {
        let comparison = COMPARISONS.get(usize::from(tag)).copied();
        match comparison.or((tag == MEMBER).then_some(Mode::Member(set))) {
            Some(Mode::Member(set)) => mode.push(Mode::Member(set)),
            Some(plain) if set == 0 => mode.push(plain),
            _ => return Err(input.corrupt(format!("unknown node mode {tag} with set {set}"))),
        }
    }
    let missing = input.many(n, 1, |input| {
        let byte = input.u8()?;
        let values = MISSING.get(usize::from(byte & 0x7f)).copied();
        let values = values.ok_or_else(|| input.corrupt(format!("unknown missing rule {byte}")))?;
        Ok(Missing { values, to_true: byte & 0x80 != 0 })
    })?;
    let true_child = input.many(n, 4, |input| Ok(ChildRef::from_bits(input.u32()?)))?;
    let false_child = input.many(n, 4, |input| Ok(ChildRef::from_bits(input.u32()?)))?;
    Ok(Nodes { feature, threshold, mode, missing, true_child, false_child })
}

fn read_tree(input: &mut Reader<'_>) -> Result<Tree, ForestError> {
    let shape = input.u8()?;
    let root = ChildRef::from_bits(input.u32()?);
    let shape = match shape {
        0 => TreeShape::Nodes { root },
        1 if root == ChildRef::IMPLIED => TreeShape::Oblivious,
        other => return Err(input.corrupt(format!("unknown tree shape {other}"))),
    };
    Ok(Tree {
        shape,
        first_node: input.u32()?,
        n_nodes: input.u32()?,
        first_leaf: input.u32()?,
        n_leaves: input.u32()?,
    })
}

fn tag<T: PartialEq>(table: &[T], value: T) -> u8 {
    table.iter().position(|entry| *entry == value).unwrap_or(table.len()) as u8
}

struct Writer(Vec<u8>);

impl Writer {
    fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    fn u32(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }

    fn f64(&mut self, value: f64) {
        self.0.extend(value.to_bits().to_le_bytes());
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl Reader<'_> {
    fn corrupt(&self, reason: impl Into<String>) -> ForestError {
        ForestError::Corrupt { offset: self.offset, reason: reason.into() }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], ForestError> {
        let Some(taken) = self.bytes[self.offset..].first_chunk::<N>() else {
            return Err(self.corrupt(format!("{N} more bytes expected")));
        };
        self.offset += N;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, ForestError> {
        Ok(u8::from_le_bytes(self.take()?))
    }

    fn u32(&mut self) -> Result<u32, ForestError> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn f64(&mut self) -> Result<f64, ForestError> {
        Ok(f64::from_bits(u64::from_le_bytes(self.take()?)))
    }

    fn tagged<T: Copy>(&mut self, table: &[T]) -> Result<T, ForestError> {
        let tag = self.u8()?;
        table.get(usize::from(tag)).copied().ok_or_else(|| self.corrupt(format!("unknown tag {tag}")))
    }

    /// `count` items of at least `size_bytes` each; refused before allocation when the bytes cannot hold them.
    fn many<T>(
        &mut self,
        count: u32,
        size_bytes: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, ForestError>,
    ) -> Result<Vec<T>, ForestError> {
        let left = self.bytes.len() - self.offset;
        if count as usize > left / size_bytes {
            return Err(self.corrupt(format!("{count} items of {size_bytes} bytes announced, {left} bytes left")));
        }
        let mut items = Vec::with_capacity(count as usize);
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }
}
