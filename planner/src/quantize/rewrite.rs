//! Rewriting: layers of a graph become operators of eight bits, or products by codebooks.

use super::{
    codebooks::Codebooks,
    layers::{Between, Form, Layer, between},
    ranges::SeenLayer,
};
use crate::Result;
use hologram_ops::{
    Attribute, Attributes, Registry, Tensor,
    family::quantize::Coding,
    graph::{Graph, NewNode, Patch, ValueId},
};

/// The domain of our own operators.
const DOMAIN: &str = "ai.hologram";

/// Weights as signed bytes with a scale for each output channel.
#[derive(Debug)]
struct Weights {
    bytes: Tensor,
    scales: Vec<f32>,
}

/// A constant of a node: whose it is, what it is, and its value.
type Constant<'a> = (&'a Layer, &'static str, Tensor);

/// What a layer becomes.
#[derive(Debug)]
pub(super) enum Quantized {
    /// Sums of products of bytes.
    Int8(Int8),
    /// Sums of what tables have.
    Codebooks(Codebooks),
}

/// A layer with all that it needs in eight bits.
#[derive(Debug)]
pub(super) struct Int8 {
    weights: Weights,
    /// Of its input.
    coding: Coding,
}

impl Int8 {
    pub(super) fn new(layer: &Layer, seen: &SeenLayer) -> Result<Self> {
        let values = layer.weights.as_slice::<f32>()?;
        let channels = layer.addends.len().max(1);
        let channel_of = |i: usize| match layer.form {
            Form::Dense => i % channels,
            Form::Conv => i / (values.len() / channels).max(1),
        };
        let mut most = vec![0.0_f32; channels];
        for (i, w) in values.iter().enumerate() {
            most[channel_of(i)] = most[channel_of(i)].max(w.abs());
        }
        // A channel without weights, or with such that have no quotient, has the sums of zeros.
        let scales: Vec<f32> = most.iter().map(|most| most / 127.0).collect();
        let byte = |(i, w): (usize, &f32)| match scales[channel_of(i)] {
            scale if scale > 0.0 => (w / scale).round_ties_even().clamp(-127.0, 127.0) as i8,
            _ => 0,
        };
        let bytes = values.iter().enumerate().map(byte).collect();
        let weights = Weights { bytes: Tensor::from_vec(layer.weights.shape(), bytes)?, scales };
        Ok(Self { weights, coding: seen.input.coding()? })
    }

    /// Weights, scales and addends.
    fn constants<'a>(&self, layer: &'a Layer) -> Result<[Constant<'a>; 3]> {
        let weights = self.weights.bytes.clone();
        Ok([(layer, "weights", weights), (layer, "scales", self.scales()?), (layer, "addends", layer.addends()?)])
    }

    /// What a product of codes is worth, for each channel.
    fn scales(&self) -> Result<Tensor> {
        let factor = f64::from(self.coding.factor);
        let scale = |scale: &f32| (f64::from(*scale) / factor).min(f64::from(f32::MAX)) as f32;
        let scales: Vec<f32> = self.weights.scales.iter().map(scale).collect();
        Ok(Tensor::from_vec([scales.len()], scales)?)
    }
}

/// Layers that follow each other in eight bits, with what lies between them; one by codebooks stands alone.
struct Chain {
    layers: Vec<usize>,
    between: Vec<Between>,
}

/// A graph with its layers, and what each may become.
#[derive(Clone, Copy)]
pub(super) struct Candidates<'a> {
    pub(super) graph: &'a Graph,
    pub(super) layers: &'a [Layer],
    pub(super) quantized: &'a [Quantized],
    pub(super) seen: &'a [SeenLayer],
    pub(super) registry: &'a Registry,
}

impl Candidates<'_> {
    /// The graph with the chosen layers quantized.
    pub(super) fn rewritten(&self, is_chosen: &dyn Fn(usize) -> bool) -> Result<Graph> {
        let mut patch = Patch::new();
        for chain in self.chains(is_chosen) {
            let own = chain.layers.iter().flat_map(|i| &self.layers[*i].nodes);
            own.chain(chain.between.iter().flat_map(|b| &b.nodes)).for_each(|id| patch.remove(*id));
            let output = chain.layers.last().map_or(self.layers[chain.layers[0]].output, |i| self.layers[*i].output);
            self.insert(&mut patch, &chain, output)?;
        }
        self.applied(patch)
    }

    /// The graph with each layer as it would become beside the exact one: for each layer the exact output and the other.
    pub(super) fn beside(&self) -> Result<Graph> {
        let mut patch = Patch::new();
        let mut outputs = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            let output = patch.add_value(self.graph, &format!("{}:quantized", layer.name), None);
            self.insert(&mut patch, &Chain { layers: vec![i], between: Vec::new() }, output)?;
            outputs.extend([layer.output, output]);
        }
        let mut graph = self.applied(patch)?;
        graph.set_outputs(outputs.into_iter().enumerate().map(|(i, value)| (i.to_string(), value)).collect());
        Ok(graph)
    }

    fn applied(&self, patch: Patch) -> Result<Graph> {
        let mut graph = self.graph.clone();
        graph.apply(patch, self.registry)?;
        graph.infer()?;
        Ok(graph)
    }

    fn chains(&self, is_chosen: &dyn Fn(usize) -> bool) -> Vec<Chain> {
        let mut found: Vec<Chain> = Vec::new();
        let is_int8 = |i: usize| matches!(self.quantized[i], Quantized::Int8(_));
        for to in (0..self.layers.len()).filter(|i| is_chosen(*i)) {
            let follows = found.iter_mut().filter(|_| is_int8(to)).find_map(|chain| {
                let last = chain.layers.last().copied().filter(|last| is_int8(*last))?;
                Some((chain, between(self.graph, &self.layers[last], &self.layers[to])?))
            });
            match follows {
                Some((chain, function)) => {
                    chain.layers.push(to);
                    chain.between.push(function);
                }
                None => found.push(Chain { layers: vec![to], between: Vec::new() }),
            }
        }
        found
    }

    /// Adds the node that stands for a chain and gives its output.
    fn insert(&self, patch: &mut Patch, chain: &Chain, output: ValueId) -> Result<()> {
        let first = &self.layers[chain.layers[0]];
        let mut constants = Vec::new();
        let (op, attributes) = match (&self.quantized[chain.layers[0]], first.form) {
            (Quantized::Codebooks(own), _) => {
                constants.push((first, "codebooks", own.codebooks.clone()));
                constants.push((first, "tables", own.tables.clone()));
                constants.push((first, "addends", first.addends()?));
                ("CodebookProduct", Attributes::new())
            }
            (Quantized::Int8(own), Form::Conv) => {
                constants.extend(own.constants(first)?);
                ("QuantizedConv", self.convolution(first, own.coding))
            }
            (Quantized::Int8(_), Form::Dense) => ("QuantizedLayers", self.dense(chain, &mut constants)?),
        };
        let mut inputs = vec![Some(first.input)];
        for (layer, what, tensor) in constants {
            inputs.push(Some(patch.add_value(self.graph, &format!("{}:{what}", layer.name), Some(tensor))));
        }
        let names: Vec<&str> = chain.layers.iter().map(|i| self.layers[*i].name.as_str()).collect();
        let name = names.join("+");
        patch.insert(NewNode { name: &name, domain: DOMAIN, op, version: 1, attributes }, inputs, vec![Some(output)]);
        Ok(())
    }

    /// The attributes of a convolution: its geometry, and how its input becomes codes.
    fn convolution(&self, layer: &Layer, coding: Coding) -> Attributes {
        let mut attributes = Attributes::new()
            .with("factor", Attribute::Float(coding.factor))
            .with("zero", Attribute::Int(i64::from(coding.zero)));
        let geometry = layer.nodes.first().and_then(|id| self.graph.node(*id)).map(|node| &node.attributes);
        for (name, value) in geometry.into_iter().flat_map(Attributes::iter) {
            attributes.insert(name, value.clone());
        }
        attributes
    }

    /// The attributes and constants of dense layers in a row.
    fn dense<'b>(&'b self, chain: &Chain, constants: &mut Vec<Constant<'b>>) -> Result<Attributes> {
        let (mut factors, mut codes, mut zeros) = (Vec::new(), Vec::new(), Vec::new());
        // How the sums of the layer before are coded, behind the first layer.
        let mut sums: Option<Coding> = None;
        for (place, i) in chain.layers.iter().enumerate() {
            let (layer, Quantized::Int8(own)) = (&self.layers[*i], &self.quantized[*i]) else { continue };
            let numbers = sums.take().unwrap_or(own.coding);
            factors.push(numbers.factor);
            codes.push(i64::from(numbers.zero));
            zeros.push(i64::from(own.coding.zero));
            constants.extend(own.constants(layer)?);
            let next = chain.layers.get(place + 1).map(|next| &self.quantized[*next]);
            if let (Some(between), Some(Quantized::Int8(next))) = (chain.between.get(place), next) {
                let (coding, table) = self.seen[*i].output.table(|v| between.of(self.graph, v), next.coding)?;
                constants.push((layer, "table", Tensor::from_vec([256], table)?));
                sums = Some(coding);
            }
        }
        Ok(Attributes::new()
            .with("factors", Attribute::Floats(factors))
            .with("codes", Attribute::Ints(codes))
            .with("zeros", Attribute::Ints(zeros)))
    }
}
