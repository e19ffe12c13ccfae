//! Between the messages and the types that code works with.

use super::proto::{
    AttributeData, Call, DimData, FloatsData, IntsData, NamedAttribute, Program, Slot, SlotKind, StringsData,
    TensorData, TensorsData, TypeData, attribute_data::Kind, dim_data,
};
use crate::{
    Attribute, Attributes, DType, Dim, Error, Registry, Result, Tensor, Type,
    graph::{Graph, NewNode, ValueId},
    tensor::element_count,
};
use arrow_buffer::Buffer;
use std::{collections::HashMap, sync::Arc};

impl Program {
    /// The program of a graph. Constants that some call or output reads become slots of kind `Constant`; with
    /// `inline_constants` their values go along, as nested programs need it.
    ///
    /// # Errors
    /// A cyclic graph, or a value that nothing gives.
    pub fn from_graph(graph: &Graph, inline_constants: bool) -> Result<Self> {
        let mut program = Self { name: graph.name.clone(), ..Self::default() };
        let mut numbers: HashMap<ValueId, u32> = HashMap::new();
        let mut slot_of = |program: &mut Self, id: ValueId| -> Result<u32> {
            if let Some(n) = numbers.get(&id) {
                return Ok(*n);
            }
            let value = graph.value(id);
            let kind = if value.constant.is_some() {
                SlotKind::Constant
            } else if graph.inputs().contains(&id) {
                SlotKind::Input
            } else if value.producer.is_some() {
                SlotKind::Intermediate
            } else {
                return Err(Error::Missing(format!("value '{}' has no producer", value.name)));
            };
            let constant =
                value.constant.as_ref().filter(|_| inline_constants).map(TensorData::try_from).transpose()?;
            let n = u32::try_from(program.slots.len()).map_err(|_| Error::Exhausted("slots of a program".into()))?;
            program.slots.push(Slot {
                name: value.name.clone(),
                kind: kind.into(),
                space: None,
                ty: Some((&value.fact.ty).into()),
                layout: String::new(),
                constant,
                maximum: Vec::new(),
            });
            numbers.insert(id, n);
            Ok(n)
        };
        for id in graph.inputs() {
            let n = slot_of(&mut program, *id)?;
            program.inputs.push(n);
        }
        for id in graph.order()? {
            let Some(node) = graph.node(id) else { continue };
            let mut read = Vec::with_capacity(node.inputs.len());
            for input in &node.inputs {
                read.push(match input {
                    Some(v) => slot_of(&mut program, *v)? + 1,
                    None => 0,
                });
            }
            let mut written = Vec::with_capacity(node.outputs.len());
            for output in &node.outputs {
                written.push(match output {
                    Some(v) => slot_of(&mut program, *v)? + 1,
                    None => 0,
                });
            }
            let attributes = node
                .attributes
                .iter()
                .map(|(name, a)| {
                    Ok(NamedAttribute { name: name.to_owned(), attribute: Some(AttributeData::try_from(a)?) })
                })
                .collect::<Result<_>>()?;
            program.calls.push(Call {
                node: node.name.clone(),
                domain: node.domain.clone(),
                op: node.op.clone(),
                version: node.version,
                attributes,
                inputs: read,
                outputs: written,
            });
        }
        for (name, id) in graph.outputs() {
            let n = slot_of(&mut program, *id)?;
            program.outputs.push(n);
            program.output_names.push(name.clone());
        }
        Ok(program)
    }

    /// The graph of a program. `constants` gives the value of each constant slot that has none inline.
    ///
    /// # Errors
    /// Slot numbers out of range, slots given twice or not at all, unknown operators.
    pub fn to_graph(&self, registry: &Registry, constants: &dyn Fn(&str) -> Result<Tensor>) -> Result<Graph> {
        let mut graph = Graph::new(self.name.clone());
        let mut values: Vec<Option<ValueId>> = vec![None; self.slots.len()];
        for n in &self.inputs {
            let slot = self.slot(*n)?;
            let ty = slot.ty.as_ref().map_or(Ok(Type::Unknown), Type::try_from)?;
            values[*n as usize] = Some(graph.add_input(&slot.name, ty)?);
        }
        for (value, slot) in values.iter_mut().zip(&self.slots) {
            if slot.kind() == SlotKind::Constant && value.is_none() {
                let tensor = match &slot.constant {
                    Some(data) => Tensor::try_from(data)?,
                    None => constants(&slot.name)?,
                };
                *value = Some(graph.add_constant(&slot.name, tensor)?);
            }
        }
        for call in &self.calls {
            let mut inputs = Vec::with_capacity(call.inputs.len());
            for n in &call.inputs {
                inputs.push(match n.checked_sub(1) {
                    None => None,
                    Some(n) => {
                        self.slot(n)?;
                        let filled = values[n as usize];
                        Some(filled.ok_or_else(|| {
                            Error::Missing(format!("slot {n} is read by '{}' before it is written", call.node))
                        })?)
                    }
                });
            }
            let mut names = Vec::with_capacity(call.outputs.len());
            for n in &call.outputs {
                names.push(match n.checked_sub(1) {
                    None => "",
                    Some(n) => self.slot(n)?.name.as_str(),
                });
            }
            let spec = NewNode {
                name: &call.node,
                domain: &call.domain,
                op: &call.op,
                version: call.version,
                attributes: call.parsed_attributes(registry)?,
            };
            let node = graph.add_node(registry, spec, inputs, &names)?;
            for (i, n) in call.outputs.iter().enumerate() {
                if let Some(n) = n.checked_sub(1) {
                    values[n as usize] = Some(graph.output_of(node, i)?);
                }
            }
        }
        for (n, name) in self.outputs.iter().zip(&self.output_names) {
            self.slot(*n)?;
            let value =
                values[*n as usize].ok_or_else(|| Error::Missing(format!("output '{name}' is never written")))?;
            graph.add_output(name, value);
        }
        Ok(graph)
    }

    /// The slot of this number.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is none.
    pub fn slot(&self, number: u32) -> Result<&Slot> {
        self.slots
            .get(number as usize)
            .ok_or_else(|| Error::invalid(format!("slot {number} of a program with {} slots", self.slots.len())))
    }
}

impl Call {
    /// The attributes as operators read them.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an attribute without content, and what its content says.
    pub fn parsed_attributes(&self, registry: &Registry) -> Result<Attributes> {
        let mut attributes = Attributes::new();
        for named in &self.attributes {
            let data = named.attribute.as_ref().and_then(|a| a.kind.as_ref());
            let kind =
                data.ok_or_else(|| Error::invalid(format!("attribute '{}' of '{}' is empty", named.name, self.node)))?;
            attributes.insert(&named.name, attribute_of(kind, registry)?);
        }
        Ok(attributes)
    }
}

fn attribute_of(kind: &Kind, registry: &Registry) -> Result<Attribute> {
    Ok(match kind {
        Kind::Float(v) => Attribute::Float(*v),
        Kind::Int(v) => Attribute::Int(*v),
        Kind::String(v) => Attribute::String(v.clone()),
        Kind::Tensor(v) => Attribute::Tensor(v.try_into()?),
        Kind::Graph(v) => Attribute::Graph(Arc::new(
            v.to_graph(registry, &|name| Err(Error::Missing(format!("constant '{name}' of a nested program"))))?,
        )),
        Kind::Floats(v) => Attribute::Floats(v.values.clone()),
        Kind::Ints(v) => Attribute::Ints(v.values.clone()),
        Kind::Strings(v) => Attribute::Strings(v.values.clone()),
        Kind::Tensors(v) => Attribute::Tensors(v.values.iter().map(Tensor::try_from).collect::<Result<_>>()?),
    })
}

impl TryFrom<&Attribute> for AttributeData {
    type Error = Error;
    fn try_from(attribute: &Attribute) -> Result<Self> {
        let kind = match attribute {
            Attribute::Float(v) => Kind::Float(*v),
            Attribute::Int(v) => Kind::Int(*v),
            Attribute::String(v) => Kind::String(v.clone()),
            Attribute::Tensor(v) => Kind::Tensor(v.try_into()?),
            Attribute::Graph(v) => Kind::Graph(Program::from_graph(v, true)?),
            Attribute::Floats(v) => Kind::Floats(FloatsData { values: v.clone() }),
            Attribute::Ints(v) => Kind::Ints(IntsData { values: v.clone() }),
            Attribute::Strings(v) => Kind::Strings(StringsData { values: v.clone() }),
            Attribute::Tensors(v) => {
                Kind::Tensors(TensorsData { values: v.iter().map(TensorData::try_from).collect::<Result<_>>()? })
            }
        };
        Ok(Self { kind: Some(kind) })
    }
}

impl TryFrom<&Tensor> for TensorData {
    type Error = Error;
    fn try_from(tensor: &Tensor) -> Result<Self> {
        let (data, strings) = match tensor.dtype() {
            DType::String => {
                (Vec::new(), tensor.as_strings()?.iter().map(|s| s.unwrap_or_default().to_owned()).collect())
            }
            _ => (tensor.buffer()?.as_slice().to_vec(), Vec::new()),
        };
        Ok(Self {
            dtype: tensor.dtype().code(),
            shape: tensor.shape().iter().map(|d| *d as u64).collect(),
            data,
            strings,
        })
    }
}

impl TryFrom<&TensorData> for Tensor {
    type Error = Error;
    fn try_from(data: &TensorData) -> Result<Self> {
        let dtype = DType::from_code(data.dtype)?;
        let shape = sizes(&data.shape)?;
        element_count(&shape)?;
        if dtype == DType::String {
            return Self::from_string_iter(shape, &data.strings);
        }
        Self::from_buffer(dtype, shape, Buffer::from_slice_ref(&data.data))
    }
}

fn sizes(shape: &[u64]) -> Result<Vec<usize>> {
    shape.iter().map(|d| usize::try_from(*d).map_err(|_| Error::Exhausted(format!("dimension {d}")))).collect()
}

impl From<&Type> for TypeData {
    fn from(ty: &Type) -> Self {
        let named = |kind: &str| Self { kind: kind.to_owned(), ..Self::default() };
        match ty {
            Type::Unknown => Self::default(),
            Type::Tensor { dtype, shape } => Self {
                dtype: dtype.code(),
                ranked: shape.is_some(),
                shape: shape.iter().flatten().map(DimData::from).collect(),
                ..named("tensor")
            },
            Type::Sequence(inner) => Self { inner: Some(Box::new((&**inner).into())), ..named("sequence") },
            Type::Optional(inner) => Self { inner: Some(Box::new((&**inner).into())), ..named("optional") },
            Type::Map { key, value } => Self { dtype: key.code(), value_dtype: value.code(), ..named("map") },
        }
    }
}

impl TryFrom<&TypeData> for Type {
    type Error = Error;
    fn try_from(data: &TypeData) -> Result<Self> {
        let inner = || data.inner.as_deref().map_or(Ok(Self::Unknown), Self::try_from).map(Box::new);
        Ok(match data.kind.as_str() {
            "" => Self::Unknown,
            "tensor" => Self::Tensor {
                dtype: DType::from_code(data.dtype)?,
                shape: if data.ranked {
                    Some(data.shape.iter().map(Dim::try_from).collect::<Result<_>>()?)
                } else {
                    None
                },
            },
            "sequence" => Self::Sequence(inner()?),
            "optional" => Self::Optional(inner()?),
            "map" => Self::Map { key: DType::from_code(data.dtype)?, value: DType::from_code(data.value_dtype)? },
            other => return Err(Error::invalid(format!("a value type named '{other}'"))),
        })
    }
}

impl From<&Dim> for DimData {
    fn from(dim: &Dim) -> Self {
        Self {
            kind: match dim {
                Dim::Known(n) => Some(dim_data::Kind::Known(*n as u64)),
                Dim::Symbol(s) => Some(dim_data::Kind::Symbol(s.to_string())),
                Dim::Unknown => None,
            },
        }
    }
}

impl TryFrom<&DimData> for Dim {
    type Error = Error;
    fn try_from(data: &DimData) -> Result<Self> {
        Ok(match &data.kind {
            None => Self::Unknown,
            Some(dim_data::Kind::Symbol(s)) => Self::symbol(s),
            Some(dim_data::Kind::Known(n)) => {
                Self::Known(usize::try_from(*n).map_err(|_| Error::Exhausted(format!("dimension {n}")))?)
            }
        })
    }
}
