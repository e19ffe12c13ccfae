//! [TreeEnsembleClassifier](https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleClassifier.html): classes from
//! trees.

use super::{
    ensemble::{self, Ensemble, numbers},
    node_columns, post, table,
};
use crate::{
    DType, Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    forest::{Aggregate, Forest, PostTransform, Precision},
};
use std::sync::Arc;

/// Labels `[N]` and scores `[N, classes]` in `f32`.
///
/// Leaf weights are added in the order of trees, then the base values. With three classes and more the first largest raw
/// score wins, among the classes that some leaf of the row or a base value names. Fewer are onnxruntime's special cases:
///
/// - Two labels whose weights all name one class (`binary`) have a lone score, which stands for the second class. The
///   second class wins above 0.5 when no weight is negative, else above 0; the columns become `[1 - s, s]` or `[-s, s]`,
///   and with LOGISTIC `[f(-s), f(s)]`.
/// - Two labels with weights of both classes: the label is the *number* 1 where the second score is above 0, else 0,
///   whatever the labels are (with texts the second or first label). A row that reaches no leaf of the second class has
///   a lone score, `[-s, s]` as above, or `[s, 0]` where one base value is given. Exporters use the form above.
/// - A score that no leaf of a row names is 0, without its base value.
#[derive(Debug)]
pub struct TreeEnsembleClassifier {
    /// The trees; base values are in their forest for three classes and more.
    pub ensemble: Ensemble,
    /// The base values, if any are given.
    pub base: Vec<f64>,
    /// The names of the classes.
    pub labels: table::Labels,
    /// Two labels, and all weights name one class.
    pub binary: bool,
    /// Whether no weight is negative.
    pub positive: bool,
    /// What happens to the scores.
    pub post: PostTransform,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let labels = table::Labels::parse(a, "classlabels_int64s", "classlabels_strings")?;
    let classes = u32::try_from(labels.len()).map_err(|_| Error::invalid("too many class labels"))?;
    let base = numbers(a, "base_values")?.map(|(v, _)| v).unwrap_or_default();
    let fits = base.len() <= 2 && classes == 2 || base.is_empty() || base.len() == labels.len();
    if !fits {
        return Err(Error::invalid(format!("{} base values for {classes} classes", base.len())));
    }
    let inside = if classes > 2 { base.clone() } else { Vec::new() };
    let ensemble = node_columns::read(a, "class", classes, inside, |_| Aggregate::Sum)?;
    let post = post::parse(a)?;
    let mut named = a.ints_or("class_ids", Vec::new())?;
    named.sort_unstable();
    named.dedup();
    let binary = classes == 2 && named.len() == 1;
    if binary && named[0] == 0 && base.len() < 2 && post == PostTransform::Probit {
        return Err(Error::unsupported("PROBIT of one score for two classes, whose second column has no meaning"));
    }
    let positive = ensemble.forest().weights.iter().all(|w| w.weight >= 0.0);
    Ok(Arc::new(TreeEnsembleClassifier { ensemble, base, labels, binary, positive, post }))
}

impl TreeEnsembleClassifier {
    /// The forest in the precision that the attributes declare.
    pub fn forest(&self) -> &Forest {
        self.ensemble.forest()
    }

    /// One row's label, where labels are numbers, and in place of its raw scores its columns. `width` is that of the scores,
    /// and `reached` says of each class whether some leaf of the row names it.
    pub fn finish_row(&self, width: Precision, reached: &[bool], scores: &mut Vec<f64>) -> Option<i64> {
        let table::Labels::Ints(labels) = &self.labels else { return None };
        match self.decide(scores, reached, |a, b| width.round(a + b)) {
            Class::Index(class) => labels.get(class).copied(),
            Class::Sign(yes) => Some(yes.into()),
        }
    }

    /// One row's class and, in place of its raw scores, its columns. `add` is the addition of the scores' width.
    fn decide(&self, scores: &mut Vec<f64>, reached: &[bool], add: impl Fn(f64, f64) -> f64) -> Class {
        let classes = scores.len();
        if classes > 2 {
            // Classes that no leaf named and no base value lifts take no part.
            let taking = |c: &usize| reached[*c] || !self.base.is_empty();
            let best = |best: usize, c: usize| if scores[c] > scores[best] { c } else { best };
            let class = (0..classes).filter(taking).reduce(best).unwrap_or(0);
            post::finish(&self.post, scores, post::Second::None);
            return Class::Index(class);
        }
        let mut named = [false; 2];
        named.iter_mut().zip(reached).for_each(|(named, reached)| *named = *reached);
        let reached = &mut named[..classes];
        match (self.base.as_slice(), classes) {
            ([base], 1) => (scores[0], reached[0]) = (add(scores[0], *base), true),
            ([base], _) if reached[0] => scores[0] = add(scores[0], *base),
            ([_, second], 2) if reached[1] => {
                scores[1] = add(*second, scores[0]);
                scores[0] = -scores[1];
            }
            ([first, _], 2) => (scores[0], reached[0]) = (add(scores[0], *first), true),
            _ => {}
        }
        if classes == 2 && self.base.len() < 2 && !reached[1] {
            scores.truncate(1);
        }
        let score = match (scores.get(1), reached.get(1)) {
            (Some(second), Some(true)) => *second,
            _ if reached[0] => scores[0],
            _ => 0.0,
        };
        scores.iter_mut().zip(&*reached).filter(|(_, r)| !**r).for_each(|(s, _)| *s = 0.0);
        let (class, second) = match (self.binary, self.positive) {
            (true, true) => (Class::Index(usize::from(score > 0.5)), post::Second::Complement),
            (true, false) => (Class::Index(usize::from(score > 0.0)), post::Second::Opposite),
            (false, _) => {
                let opposite = classes == 2 && self.base.is_empty();
                let second = if opposite { post::Second::Opposite } else { post::Second::None };
                (Class::Sign(score > 0.0), second)
            }
        };
        post::finish(&self.post, scores, second);
        scores.resize(classes, 0.0);
        class
    }
}

/// A row's class.
#[derive(Debug, Clone, Copy)]
enum Class {
    /// The class with this index.
    Index(usize),
    /// Yes or no, where the labels have no say.
    Sign(bool),
}

impl Operator for TreeEnsembleClassifier {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let (_, rows) = self.ensemble.infer(inputs)?;
        Ok(vec![Fact::shaped(self.labels.dtype(), [rows.clone()]), ensemble::fact(DType::F32, rows, self.labels.len())])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let width = self.ensemble.forest_for(x.dtype())?.accumulate;
        let (mut classes, mut out) = (Vec::new(), Vec::new());
        let rows = self.ensemble.scores(x, |raw, reached| {
            let mut scores = raw.to_vec();
            classes.push(self.decide(&mut scores, reached, |a, b| width.round(a + b)));
            out.extend(scores.iter().map(|s| *s as f32));
        })?;
        let indices: Vec<usize> = classes
            .iter()
            .map(|c| match c {
                Class::Index(i) => *i,
                Class::Sign(yes) => usize::from(*yes),
            })
            .collect();
        let labels = match &self.labels {
            table::Labels::Ints(_) if classes.iter().any(|c| matches!(c, Class::Sign(_))) => {
                Tensor::from_vec([rows], indices.iter().map(|i| *i as i64).collect())?
            }
            table::Labels::Strings(names) => {
                // One text stands for yes and for no.
                let last = names.len() - 1;
                self.labels.pick(&indices.iter().map(|i| (*i).min(last)).collect::<Vec<_>>())?
            }
            table::Labels::Ints(_) => self.labels.pick(&indices)?,
        };
        Ok(vec![labels.into(), Tensor::from_vec([rows, self.labels.len()], out)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        table::table_rows(rows, inputs, outputs.len())
    }

    fn missing(&self) -> Missing {
        ensemble::MISSING
    }
}
