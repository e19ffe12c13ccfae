//! A forest for rows of which something is known: what none of them reaches is left out.

use super::{ChildRef, Forest, ForestParts, MissingValues, Mode, Nodes, Tree, TreeShape, ZERO_MAX};

/// Where a feature's values lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// No number is below.
    pub least: f64,
    /// No number is above.
    pub greatest: f64,
    /// Whether some values may be NaN.
    pub has_nan: bool,
}

impl Span {
    /// Every value there is.
    pub const ALL: Self = Self { least: f64::NEG_INFINITY, greatest: f64::INFINITY, has_nan: true };

    /// The numbers from one to another, both included.
    #[must_use]
    pub const fn of(least: f64, greatest: f64) -> Self {
        Self { least, greatest, has_nan: false }
    }

    /// What lies in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            least: self.least.max(other.least),
            greatest: self.greatest.min(other.greatest),
            has_nan: self.has_nan && other.has_nan,
        }
    }
}

impl Forest {
    /// The forest without the nodes and leaves that no row reaches whose features lie in these spans, one a feature (those
    /// that are not given are not known); `None` where every node stays. Rows in the spans get the same leaves, tree by tree,
    /// and so the same bits; what others get means nothing. Oblivious trees stay whole.
    #[must_use]
    pub fn narrowed(&self, spans: &[Span]) -> Option<Self> {
        let mut parts =
            ForestParts { nodes: Nodes::default(), leaves: Vec::new(), trees: Vec::new(), ..(**self).clone() };
        let mut places = vec![None; self.leaves.len()];
        for tree in &self.trees {
            let (first_node, first_leaf) = (parts.nodes.len() as u32, parts.leaves.len() as u32);
            let shape = match tree.shape {
                TreeShape::Oblivious => {
                    let nodes = tree.first_node..tree.first_node + tree.n_nodes;
                    nodes.for_each(|node| parts.nodes.push_of(&self.nodes, node as usize));
                    let leaves = tree.first_leaf as usize..(tree.first_leaf + tree.n_leaves) as usize;
                    parts.leaves.extend_from_slice(&self.leaves[leaves]);
                    TreeShape::Oblivious
                }
                TreeShape::Nodes { root } => {
                    TreeShape::Nodes { root: self.narrow_tree(root, spans, &mut parts, &mut places) }
                }
            };
            let (n_nodes, n_leaves) = (parts.nodes.len() as u32 - first_node, parts.leaves.len() as u32 - first_leaf);
            parts.trees.push(Tree { shape, first_node, n_nodes, first_leaf, n_leaves });
        }
        if parts.nodes.len() == self.nodes.len() {
            return None;
        }
        // A forest that was one stays one; if it did not, the whole one would do.
        Self::new(parts).ok()
    }

    /// Copies what rows reach from a root; gives the new root.
    fn narrow_tree(
        &self,
        root: ChildRef,
        spans: &[Span],
        parts: &mut ForestParts,
        places: &mut [Option<u32>],
    ) -> ChildRef {
        let mut put = |old: ChildRef, parts: &mut ForestParts, later: &mut Vec<(u32, u32)>| {
            let old = self.reached(old, spans);
            if old.is_leaf() {
                let place = places[old.index() as usize].get_or_insert_with(|| {
                    parts.leaves.push(self.leaves[old.index() as usize]);
                    parts.leaves.len() as u32 - 1
                });
                return ChildRef::leaf(*place);
            }
            let new = parts.nodes.len() as u32;
            parts.nodes.push_of(&self.nodes, old.index() as usize);
            later.push((old.index(), new));
            ChildRef::node(new)
        };
        let mut later = Vec::new();
        let root = put(root, parts, &mut later);
        while let Some((old, new)) = later.pop() {
            let yes = put(self.nodes.true_child[old as usize], parts, &mut later);
            let no = put(self.nodes.false_child[old as usize], parts, &mut later);
            parts.nodes.true_child[new as usize] = yes;
            parts.nodes.false_child[new as usize] = no;
        }
        root
    }

    /// The first node from a child on where rows part, or the leaf that all of them reach.
    fn reached(&self, mut child: ChildRef, spans: &[Span]) -> ChildRef {
        while !child.is_leaf() {
            let node = child.index() as usize;
            let Some(span) = spans.get(self.nodes.feature[node] as usize) else { break };
            child = match self.answers(node, span) {
                (true, false) => self.nodes.true_child[node],
                (false, true) => self.nodes.false_child[node],
                _ => break,
            };
        }
        child
    }

    /// Whether some value of a span goes to a node's true child, and whether some value goes to the other.
    fn answers(&self, node: usize, span: &Span) -> (bool, bool) {
        let (mode, threshold, missing) = (self.nodes.mode[node], self.nodes.threshold[node], self.nodes.missing[node]);
        let (mut yes, mut no) = (false, false);
        let mut note = |answer: bool| if answer { yes = true } else { no = true };
        if span.has_nan {
            note(if missing.values == MissingValues::None { mode_of_nan(mode) } else { missing.to_true });
        }
        // Rounding keeps the order, so that the ends of a span are the ends of what becomes of it.
        let (least, greatest) = (self.compare.round(span.least), self.compare.round(span.greatest));
        if least <= greatest {
            if missing.values == MissingValues::ZeroOrNan && least <= ZERO_MAX && greatest >= -ZERO_MAX {
                note(missing.to_true);
            }
            let t = threshold;
            let (has_yes, has_no) = match mode {
                Mode::Member(_) if least != greatest => (true, true),
                Mode::Member(set) => {
                    let is_in = self.category_sets[set as usize].contains(least);
                    (is_in, !is_in)
                }
                // It makes every comparison false.
                _ if t.is_nan() => (mode_of_nan(mode), !mode_of_nan(mode)),
                Mode::LessEq => (least <= t, greatest > t),
                Mode::Less => (least < t, greatest >= t),
                Mode::Greater => (greatest > t, least <= t),
                Mode::GreaterEq => (greatest >= t, least < t),
                Mode::Equal => (least <= t && t <= greatest, !(least == t && greatest == t)),
                Mode::NotEqual => (!(least == t && greatest == t), least <= t && t <= greatest),
            };
            if has_yes {
                note(true);
            }
            if has_no {
                note(false);
            }
        }
        (yes, no)
    }
}

/// What a test says of NaN where no rule takes it away.
fn mode_of_nan(mode: Mode) -> bool {
    mode == Mode::NotEqual
}

impl Nodes {
    /// Adds a copy of another forest's node.
    fn push_of(&mut self, other: &Self, node: usize) {
        self.feature.push(other.feature[node]);
        self.threshold.push(other.threshold[node]);
        self.mode.push(other.mode[node]);
        self.missing.push(other.missing[node]);
        self.true_child.push(other.true_child[node]);
        self.false_child.push(other.false_child[node]);
    }
}
