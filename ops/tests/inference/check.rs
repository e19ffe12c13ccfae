//! What is true of inference for any operator and any inputs: it returns, and what it says holds of what is computed.

use super::bytes::Bytes;
use hologram_ops::{
    Attribute, Attributes, DType, Dim, Fact, Inputs, Operator, Rows, Tensor, Type, Value, fact::Facts, graph::Graph,
    registry::OpRow, tensor::element_count,
};

/// Outputs of more elements than this are inferred and not computed.
const ELEMENTS_MAX: usize = 1 << 14;

/// One operator with the values of its inputs.
pub(crate) struct Case {
    pub(crate) row: OpRow,
    pub(crate) operator: std::sync::Arc<dyn Operator>,
    pub(crate) inputs: Vec<Option<Value>>,
    /// The number of outputs that the node has.
    pub(crate) outputs: usize,
    /// Whether it ends: a loop without a bound is for whoever asks for it.
    pub(crate) ends: bool,
}

/// Whether evaluation ends soon: loops have few rounds, and none is inside another.
pub(crate) fn ends(op: &str, attributes: &Attributes, inputs: &[Option<Value>]) -> bool {
    let rounds = || inputs.first()?.as_ref()?.as_tensor().ok()?.item::<i64>().ok();
    let loops = |graph: &Graph| {
        let nodes: Vec<_> = graph.order().unwrap_or_default().into_iter().filter_map(|id| graph.node(id)).collect();
        nodes.iter().any(|n| n.op == "Loop" || !ends("", &n.attributes, &[]))
    };
    let inner = |attribute: &Attribute| matches!(attribute, Attribute::Graph(g) if loops(g));
    (op != "Loop" || rounds().is_some_and(|n| n < 20)) && !attributes.iter().any(|(_, a)| inner(a))
}

/// Infers from all that is known, from the types alone, and from less and less as the bytes say, computes, and compares.
///
/// Returns what was computed, if anything was.
///
/// # Errors
/// What disagrees, in words.
pub(crate) fn check(case: &Case, bytes: &mut Bytes<'_>) -> Result<Option<Vec<Value>>, String> {
    let known: Vec<Option<Fact>> = case.inputs.iter().map(|v| v.as_ref().map(known)).collect();
    let typed: Vec<Option<Fact>> = case.inputs.iter().map(|v| v.as_ref().map(|v| Fact::of(Type::of(v)))).collect();
    let weak: Vec<Option<Fact>> = known.iter().map(|f| f.as_ref().map(|f| weaker(f, bytes))).collect();
    let huge: Vec<Option<Fact>> = known.iter().map(|f| f.as_ref().map(|f| larger(f, bytes))).collect();
    infer(case, "with huge sizes", &huge)?;
    let inferred = [
        ("with all known", infer(case, "with all known", &known)?),
        ("with types known", infer(case, "with types known", &typed)?),
        ("with less known", infer(case, "with less known", &weak)?),
    ];
    let Some(strong) = &inferred[0].1 else { return Ok(None) };
    if !case.ends || !strong.iter().all(|f| is_small(&f.ty)) {
        return Ok(None);
    }
    let given: Vec<Option<&Value>> = case.inputs.iter().map(Option::as_ref).collect();
    let Ok(computed) = case.operator.evaluate(Inputs(&given)) else { return Ok(None) };
    for (how, facts) in &inferred {
        let Some(facts) = facts else { continue };
        if computed.len() < facts.len().min(case.outputs) {
            return Err(format!("{how}: {} outputs are inferred and {} computed", facts.len(), computed.len()));
        }
        for (i, (fact, value)) in facts.iter().zip(&computed).take(case.outputs).enumerate() {
            agree(fact, value)
                .map_err(|e| format!("{how}: output {i} is said to be {} and is {value:?}: {e}", text(fact)))?;
        }
    }
    Ok(Some(computed))
}

/// Everything there is to know.
fn known(value: &Value) -> Fact {
    match value {
        Value::Tensor(t) => Fact::constant(t.clone()),
        other => Fact::of(Type::of(other)),
    }
}

/// A fact that says less: of its value, its sizes, its rank or its type. Equal sizes get equal names.
fn weaker(fact: &Fact, bytes: &mut Bytes<'_>) -> Fact {
    let mut fact = fact.clone();
    let how = bytes.below(8);
    let name = |n: usize| Dim::symbol(&format!("n{n}"));
    if how > 0 {
        fact.value = None;
        fact.dims = match fact.dims {
            Some(dims) if bytes.one_in(2) => {
                let weak = |d: Dim, bytes: &mut Bytes<'_>| match (d, bytes.below(3)) {
                    // A 0 among sizes has a meaning of its own to some operators; a name stands for a size.
                    (Dim::Known(n), 1) if n > 0 => name(n),
                    (_, 2) => Dim::Unknown,
                    (d, _) => d,
                };
                Some(dims.into_iter().map(|d| weak(d, bytes)).collect())
            }
            _ => None,
        };
    }
    if let (3.., Type::Tensor { shape: Some(shape), .. }) = (how, &mut fact.ty) {
        for dim in shape {
            match (dim.known(), bytes.below(4)) {
                (Some(n), 1) => *dim = name(n),
                (_, 2) => *dim = Dim::Unknown,
                _ => {}
            }
        }
    }
    match (how, &mut fact.ty) {
        (6, Type::Tensor { shape, .. }) => {
            *shape = None;
            fact.dims = None;
        }
        (7, ty) if bytes.one_in(4) => {
            *ty = Type::Unknown;
            fact.dims = None;
        }
        _ => {}
    }
    fact
}

/// A fact of the same rank with sizes that no memory holds.
fn larger(fact: &Fact, bytes: &mut Bytes<'_>) -> Fact {
    let mut fact = fact.clone();
    fact.value = None;
    let sizes = [usize::MAX, usize::MAX - 1, 1 << 63, 1 << 62, 1 << 40, 1 << 32, 1 << 31, 1, 0];
    let mut changed = false;
    if let Type::Tensor { shape: Some(shape), .. } = &mut fact.ty {
        for dim in shape {
            if bytes.one_in(2) {
                *dim = Dim::Known(bytes.pick(&sizes));
                changed = true;
            }
        }
    }
    match &mut fact.dims {
        Some(dims) if !changed => {
            let most = if fact.ty == Type::tensor(DType::I64, [dims.len()]) { i64::MAX as usize } else { 1 << 30 };
            for dim in dims {
                if bytes.one_in(2) {
                    *dim = Dim::Known(bytes.pick(&sizes).min(most));
                }
            }
        }
        dims => *dims = None,
    }
    fact
}

/// Infers, and checks what holds of any facts: as many as there are outputs, none that contradicts itself.
fn infer(case: &Case, how: &str, inputs: &[Option<Fact>]) -> Result<Option<Vec<Fact>>, String> {
    let facts: Vec<Option<&Fact>> = inputs.iter().map(Option::as_ref).collect();
    let Ok(found) = case.operator.infer(Facts(&facts)) else { return Ok(None) };
    for (i, fact) in found.iter().enumerate() {
        consistent(fact).map_err(|e| format!("{how}: output {i} is said to be {}: {e}", text(fact)))?;
    }
    let first = facts.iter().position(Option::is_some).unwrap_or(0);
    for kind in [Rows::Axis(0), Rows::Axis(1), Rows::Mixed, Rows::Extent] {
        // An axis of rows has a size that is not known.
        let of = |i: usize, chosen: bool| match kind {
            _ if !chosen => Rows::Free,
            Rows::Axis(a) => match facts[i].and_then(|f| f.shape()).and_then(|s| s.get(a)) {
                Some(dim) if dim.known().is_none() => kind,
                _ => Rows::Free,
            },
            other => other,
        };
        for all in [false, true] {
            let rows: Vec<Rows> = (0..facts.len()).map(|i| of(i, all || i == first)).collect();
            let given = case.operator.rows(&rows, Facts(&facts), &found);
            if given.len() < found.len().min(case.outputs) {
                return Err(format!("{how}: {} outputs are inferred, rows are given of {}", found.len(), given.len()));
            }
        }
    }
    Ok(Some(found))
}

/// Whether a value of this type takes little memory, as far as the type tells.
fn is_small(ty: &Type) -> bool {
    match ty {
        Type::Tensor { shape: Some(shape), .. } => {
            let least: Vec<usize> = shape.iter().map(|d| d.known().unwrap_or(1)).collect();
            element_count(&least).is_ok_and(|n| n <= ELEMENTS_MAX)
        }
        _ => true,
    }
}

/// A fact agrees with itself.
fn consistent(fact: &Fact) -> Result<(), String> {
    if let Some(dims) = &fact.dims {
        match fact.shape() {
            Some([]) if dims.len() == 1 => {}
            Some([n]) if n.known().is_none_or(|n| n == dims.len()) => {}
            other => return Err(format!("{} elements are known of shape {other:?}", dims.len())),
        }
        if !fact.dtype().is_some_and(DType::is_integer) {
            return Err("elements are known as sizes, and it holds no integers".to_owned());
        }
    }
    match &fact.value {
        Some(value) => agree(fact, &Value::Tensor(value.clone())),
        None => Ok(()),
    }
}

/// The value is what the fact says.
fn agree(fact: &Fact, value: &Value) -> Result<(), String> {
    agree_in_type(&fact.ty, value)?;
    let tensor = match value {
        Value::Tensor(tensor) => tensor,
        _ if fact.value.is_none() && fact.dims.is_none() => return Ok(()),
        _ => return Err("the elements of a container are said to be known".to_owned()),
    };
    if fact.value.as_ref().is_some_and(|said| said != tensor) {
        return Err("its elements are others".to_owned());
    }
    if let Some(dims) = &fact.dims {
        let found = tensor.to_i64_vec().map_err(|e| e.to_string())?;
        let equal = |(dim, n): (&Dim, &i64)| is_size(dim, usize::try_from(*n).ok());
        if dims.len() != found.len() || !dims.iter().zip(&found).all(equal) {
            return Err(format!("its elements are {found:?}"));
        }
    }
    Ok(())
}

fn agree_in_type(ty: &Type, value: &Value) -> Result<(), String> {
    match (ty, value) {
        (Type::Unknown, _) => Ok(()),
        (Type::Tensor { dtype, shape }, Value::Tensor(t)) => {
            sound(t)?;
            if *dtype != t.dtype() {
                return Err(format!("its type is {}", t.dtype()));
            }
            let Some(shape) = shape else { return Ok(()) };
            let equal = shape.len() == t.rank() && shape.iter().zip(t.shape()).all(|(d, n)| is_size(d, Some(*n)));
            if equal { Ok(()) } else { Err(format!("its shape is {:?}", t.shape())) }
        }
        (Type::Sequence(of), Value::Sequence(values)) => values.iter().try_for_each(|v| agree_in_type(of, v)),
        (Type::Optional(of), Value::Optional(value)) => value.as_deref().map_or(Ok(()), |v| agree_in_type(of, v)),
        (Type::Map { key, value }, Value::Map { keys, values }) if (*key, *value) == (keys.dtype(), values.dtype()) => {
            Ok(())
        }
        _ => Err(format!("it is a {}", value.kind())),
    }
}

/// The elements are as many as the shape says.
fn sound(tensor: &Tensor) -> Result<(), String> {
    match element_count(tensor.shape()) {
        Ok(n) if n == tensor.len() => Ok(()),
        _ => Err(format!("it has {} elements", tensor.len())),
    }
}

/// Names that the inputs' sizes were given tell the size; of others nothing is known.
fn is_size(dim: &Dim, size: Option<usize>) -> bool {
    match dim {
        Dim::Known(n) => size == Some(*n),
        Dim::Symbol(name) => match name.strip_prefix('n').and_then(|n| n.parse::<usize>().ok()) {
            Some(n) => size == Some(n),
            None => true,
        },
        Dim::Unknown => true,
    }
}

fn text(fact: &Fact) -> String {
    let dims = fact.dims.as_ref().map(|d| format!(" of elements {}", hologram_ops::fact::shape_text(d)));
    let value = fact.value.as_ref().map(|v| format!(" of value {v:?}"));
    format!("{}{}{}", fact.ty, dims.unwrap_or_default(), value.unwrap_or_default())
}

/// The case in words, for whoever has to repeat it.
impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let domain = if self.row.domain.is_empty() { "ai.onnx" } else { self.row.domain };
        write!(f, "{domain}::{} from {}, {} outputs, {:?}", self.row.op, self.row.since, self.outputs, self.operator)?;
        for (i, input) in self.inputs.iter().enumerate() {
            write!(f, "\n  input {i}: {input:?}")?;
        }
        Ok(())
    }
}
