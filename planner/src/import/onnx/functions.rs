//! The functions of a model: which there are, and how a call binds them.

use super::{
    error::{OnnxError, Result},
    model::{OnnxAttr, canonical_domain, opsets},
    proto::{FunctionProto, NodeProto},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
};

/// What a call names: the same name may have several bodies, told apart by the overload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FunctionKey<'a> {
    domain: &'a str,
    name: &'a str,
    overload: &'a str,
}

impl fmt::Display for FunctionKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.domain, self.name)?;
        if self.overload.is_empty() { Ok(()) } else { write!(f, ":{}", self.overload) }
    }
}

impl<'a> FunctionKey<'a> {
    /// What this node would call.
    pub(super) fn of(node: &'a NodeProto) -> Self {
        Self {
            domain: canonical_domain(node.domain.as_deref().unwrap_or_default()),
            name: node.op_type.as_deref().unwrap_or_default(),
            overload: node.overload.as_deref().unwrap_or_default(),
        }
    }
}

/// A function with its own imports.
pub(super) struct Function<'a> {
    pub(super) key: FunctionKey<'a>,
    pub(super) proto: &'a FunctionProto,
    pub(super) opsets: BTreeMap<String, i64>,
}

/// The functions of one model.
pub(super) struct Functions<'a> {
    all: Vec<Function<'a>>,
    index: HashMap<FunctionKey<'a>, usize>,
}

impl<'a> Functions<'a> {
    /// Reads the table.
    ///
    /// # Errors
    /// [`OnnxError::Invalid`] for a function without a name, two of one name, or parameters of one name.
    pub(super) fn new(file: &str, protos: &'a [FunctionProto]) -> Result<Self> {
        let (mut all, mut index) = (Vec::with_capacity(protos.len()), HashMap::with_capacity(protos.len()));
        for proto in protos {
            let key = FunctionKey {
                domain: canonical_domain(proto.domain.as_deref().unwrap_or_default()),
                name: proto.name.as_deref().unwrap_or_default(),
                overload: proto.overload.as_deref().unwrap_or_default(),
            };
            let place = format!("function {key}");
            if key.name.is_empty() {
                return Err(OnnxError::invalid(file, place, "it has no name"));
            }
            for (kind, names) in [("input", &proto.input), ("output", &proto.output)] {
                let mut seen = HashSet::new();
                if let Some(name) = names.iter().find(|n| n.is_empty() || !seen.insert(n.as_str())) {
                    return Err(OnnxError::invalid(file, place, format!("{kind} '{name}' is empty or defined twice")));
                }
            }
            let opsets = opsets(file, &place, &proto.opset_import)?;
            if index.insert(key, all.len()).is_some() {
                return Err(OnnxError::invalid(file, place, "it is defined twice"));
            }
            all.push(Function { key, proto, opsets });
        }
        Ok(Self { all, index })
    }

    /// The function that a node calls, if it calls one.
    pub(super) fn called_by(&self, node: &NodeProto) -> Option<&Function<'a>> {
        if self.all.is_empty() {
            return None;
        }
        self.index.get(&FunctionKey::of(node)).and_then(|i| self.all.get(*i))
    }
}

/// What the body of a function sees during one call.
pub(super) struct Call {
    /// Precedes the names of the body's nodes and values.
    pub(super) prefix: String,
    /// Names of the body's values in the graph that the body is expanded into.
    pub(super) names: HashMap<String, String>,
    /// The function's attributes: those that the call gives, and the defaults of the others.
    pub(super) attributes: HashMap<String, OnnxAttr>,
    /// All attributes that the function has, also those that are not given and have no default.
    pub(super) declared: HashSet<String>,
}
