//! The frame of a model: versions, imports, metadata, and the plain structures that reading gives.

use super::{
    convert,
    error::{OnnxError, Result},
    order,
    proto::{ModelProto, OperatorSetIdProto},
    repairs::{RepairKind, Repairs},
    schema,
    tensor::OnnxTensor,
    types::{OnnxType, OnnxValueInfo},
    wire,
};
use hologram_ops::{Limits, registry::NEWEST_OPSET};
use prost::{Message, bytes::Bytes};
use std::{collections::BTreeMap, fs::File, io::Read, ops::RangeInclusive, path::Path};

/// A model, checked and in plain form: functions are expanded, nodes are in order, tensors are in one layout.
#[derive(Debug, Clone, PartialEq)]
pub struct OnnxModel {
    /// The file, as errors name it.
    pub file: String,
    /// The version of the format.
    pub ir_version: i64,
    /// The program that wrote the model, with its version; empty when it does not say.
    pub producer: String,
    /// The imported operator sets by domain; the standard domain is the empty string.
    pub opsets: BTreeMap<String, i64>,
    /// The graph.
    pub graph: OnnxGraph,
    /// The model's own notes.
    pub metadata: BTreeMap<String, String>,
    /// What was mended while reading.
    pub repairs: Repairs,
}

/// A graph in plain form.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OnnxGraph {
    /// The name.
    pub name: String,
    /// The nodes; each comes after those whose outputs it reads.
    pub nodes: Vec<OnnxNode>,
    /// The constants.
    pub initializers: Vec<OnnxTensor>,
    /// The true inputs: those without an initialiser.
    pub inputs: Vec<OnnxValueInfo>,
    /// The outputs.
    pub outputs: Vec<OnnxValueInfo>,
    /// What is declared of other values.
    pub value_info: Vec<OnnxValueInfo>,
    /// Values of graphs around this one that it or its subgraphs read, in the order of first use.
    pub captures: Vec<String>,
}

/// A node in plain form.
#[derive(Debug, Clone, PartialEq)]
pub struct OnnxNode {
    /// A name that no other node of the graph has.
    pub name: String,
    /// The domain; empty for the standard one.
    pub domain: String,
    /// The operator.
    pub op_type: String,
    /// The operator set version that the operator is read under: the model's, or that of the function it came from.
    pub opset: i64,
    /// The values that it reads; an empty name is an input that is not given.
    pub inputs: Vec<String>,
    /// The values that it gives; an empty name is an output that nobody reads.
    pub outputs: Vec<String>,
    /// The attributes in the order of the file; names are distinct.
    pub attributes: Vec<(String, OnnxAttr)>,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum OnnxAttr {
    /// A number.
    Float(f32),
    /// An integer.
    Int(i64),
    /// Text, UTF-8 by the specification but not checked here.
    String(Bytes),
    /// A tensor.
    Tensor(OnnxTensor),
    /// A subgraph.
    Graph(Box<OnnxGraph>),
    /// A type.
    Type(OnnxType),
    /// A sparse tensor, in its dense form.
    Sparse(OnnxTensor),
    /// Numbers.
    Floats(Vec<f32>),
    /// Integers.
    Ints(Vec<i64>),
    /// Texts.
    Strings(Vec<Bytes>),
    /// Tensors.
    Tensors(Vec<OnnxTensor>),
    /// Subgraphs.
    Graphs(Vec<OnnxGraph>),
    /// Types.
    Types(Vec<OnnxType>),
    /// Sparse tensors, in their dense form.
    Sparses(Vec<OnnxTensor>),
}

/// The versions of the format that are read.
pub const IR_VERSIONS: RangeInclusive<i64> = 1..=14;

/// The first version of the format in which models import operator sets.
const FIRST_IMPORTS: i64 = 3;

/// The versions of the standard domain that are read.
pub const OPSET_VERSIONS: RangeInclusive<i64> = 1..=NEWEST_OPSET as i64;

/// The versions of `ai.onnx.ml` that are read.
pub const ML_OPSET_VERSIONS: RangeInclusive<i64> = 1..=5;

/// The versions of `ai.onnx.preview` and `ai.onnx.preview.training` that are read.
pub const PREVIEW_OPSET_VERSIONS: RangeInclusive<i64> = 1..=1;

impl OnnxModel {
    /// Reads a model and the external data beside it.
    ///
    /// # Errors
    /// [`OnnxError`]: every case names the file and the place in it.
    pub fn load(path: &Path, limits: &Limits) -> Result<Self> {
        let bytes = read_file(path, limits)?;
        // A bare file name has the empty path as its parent.
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        Self::parse(&path.display().to_string(), bytes, Some(folder), limits)
    }

    /// Reads a model from bytes; `file` names them in errors, `folder` is where external data may lie.
    ///
    /// # Errors
    /// [`OnnxError`]: every case names the file and the place in it.
    pub fn parse(file: &str, bytes: Bytes, folder: Option<&Path>, limits: &Limits) -> Result<Self> {
        let not_onnx = || {
            wire::other_format(&bytes)
                .map(|found| OnnxError::NotOnnx { file: file.to_owned(), found: found.to_owned() })
        };
        match wire::scan(file, &bytes, &schema::MODEL, limits) {
            Err(e @ (OnnxError::Invalid { .. } | OnnxError::Truncated { .. })) => return Err(not_onnx().unwrap_or(e)),
            other => other?,
        }
        let proto = ModelProto::decode(bytes.clone()).map_err(|e| OnnxError::invalid(file, "model", e.to_string()))?;
        if proto.graph.is_none() {
            let e = OnnxError::invalid(file, "model", "it has no graph: the file is cut short or no ONNX model");
            return Err(not_onnx().unwrap_or(e));
        }
        let ir_version = ir_version(file, &proto)?;
        let mut repairs = Repairs::default();
        let mut opsets = opsets(file, "model", &proto.opset_import)?;
        if opsets.is_empty() && ir_version < FIRST_IMPORTS {
            opsets.insert(String::new(), 1);
            repairs.add(RepairKind::OpsetAssumed, "", "ai.onnx");
        } else if opsets.is_empty() {
            return Err(OnnxError::invalid(
                file,
                "model",
                "it imports no operator set: the file is cut short or damaged",
            ));
        }
        let mut graph = convert::convert(file, &proto, &opsets, folder, limits, &mut repairs)?;
        order::arrange(file, &mut graph, &mut repairs)?;
        let text = |s: &Option<String>| s.clone().unwrap_or_default();
        let producer = format!("{} {}", text(&proto.producer_name), text(&proto.producer_version)).trim().to_owned();
        let metadata = proto.metadata_props.iter().map(|e| (text(&e.key), text(&e.value))).collect();
        Ok(Self { file: file.to_owned(), ir_version, producer, opsets, graph, metadata, repairs })
    }
}

/// The whole file, if it is a regular one within the limits.
///
/// # Errors
/// [`OnnxError::Io`], [`OnnxError::TooLarge`].
pub(super) fn read_file(path: &Path, limits: &Limits) -> Result<Bytes> {
    let io = |source| OnnxError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    let name = path.display().to_string();
    if !metadata.is_file() {
        return Err(OnnxError::NotOnnx {
            file: name,
            found: "a folder or device: name the .onnx file in it".to_owned(),
        });
    }
    if metadata.len() > limits.bytes {
        return Err(OnnxError::too_large(&name, "bytes of the file", metadata.len(), limits.bytes));
    }
    let mut bytes = Vec::new();
    let size = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    if bytes.try_reserve_exact(size).is_err() {
        return Err(OnnxError::invalid(&name, "file", format!("{size} bytes do not fit into memory")));
    }
    file.take(limits.bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes.into())
}

fn ir_version(file: &str, proto: &ModelProto) -> Result<i64> {
    let (low, high) = (IR_VERSIONS.start(), IR_VERSIONS.end());
    match proto.ir_version {
        Some(version) if IR_VERSIONS.contains(&version) => Ok(version),
        Some(version) => Err(OnnxError::unsupported(
            file,
            "model",
            format!("IR version {version}; versions {low} to {high} are supported"),
        )),
        None => Err(OnnxError::invalid(file, "model", "it has no IR version: the file is damaged or no ONNX model")),
    }
}

/// The domain under the one name that it has here: empty for the standard one.
pub(super) fn canonical_domain(domain: &str) -> &str {
    if domain == "ai.onnx" { "" } else { domain }
}

/// The domain's name as people write it.
pub(super) fn domain_name(domain: &str) -> &str {
    if domain.is_empty() { "ai.onnx" } else { domain }
}

/// The imports of a model or function.
pub(super) fn opsets(file: &str, place: &str, imports: &[OperatorSetIdProto]) -> Result<BTreeMap<String, i64>> {
    let mut opsets = BTreeMap::new();
    for import in imports {
        let domain = canonical_domain(import.domain.as_deref().unwrap_or_default());
        let version = import.version.unwrap_or(0);
        let name = domain_name(domain);
        let range = match domain {
            "" => OPSET_VERSIONS,
            "ai.onnx.ml" => ML_OPSET_VERSIONS,
            "ai.onnx.preview" | "ai.onnx.preview.training" => PREVIEW_OPSET_VERSIONS,
            _ => 1..=i64::MAX,
        };
        if !range.contains(&version) {
            let (low, high) = (range.start(), range.end());
            let message = if *high == i64::MAX {
                format!("version {version} of operator set {name} is none; versions start at 1")
            } else {
                format!("version {version} of operator set {name}; versions {low} to {high} are supported")
            };
            return Err(OnnxError::unsupported(file, place, message));
        }
        if let Some(other) = opsets.insert(domain.to_owned(), version).filter(|v| *v != version) {
            let message = format!("operator set {name} is imported twice, as version {other} and as {version}");
            return Err(OnnxError::invalid(file, place, message));
        }
    }
    Ok(opsets)
}
