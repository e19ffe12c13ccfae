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

fn chains(graph: &Graph, layers: &[Layer], quantized: &[Quantized], is_chosen: &dyn Fn(usize) -> bool) -> Vec<Chain> {
    let mut found: Vec<Chain> = Vec::new();
    let is_int8 = |i: usize| matches!(quantized[i], Quantized::Int8(_));
    for to in (0..layers.len()).filter(|i| is_chosen(*i)) {
        let follows = found.iter_mut().filter(|_| is_int8(to)).find_map(|chain| {
            let last = chain.layers.last().copied().filter(|last| is_int8(*last))?;
            let function = between(graph, &layers[last], &layers[to])?;
            Some((chain, function))
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

/// The graph with the chosen layers in eight bits.
pub(super) fn rewrite(
    graph: &Graph,
    layers: &[Layer],
    quantized: &[Quantized],
    seen: &[SeenLayer],
    is_chosen: &dyn Fn(usize) -> bool,
    registry: &Registry,
) -> Result<Graph> {
    let mut patch = Patch::new();
    for chain in chains(graph, layers, quantized, is_chosen) {
        let own = chain.layers.iter().flat_map(|i| &layers[*i].nodes);
        own.chain(chain.between.iter().flat_map(|b| &b.nodes)).for_each(|id| patch.remove(*id));
        let output = chain.layers.last().map_or(layers[chain.layers[0]].output, |last| layers[*last].output);
        insert(&mut patch, graph, layers, quantized, seen, &chain, output)?;
    }
    applied(graph, patch, registry)
}

/// The graph with each layer as it would become beside the exact one: for each layer the exact output and the other.
pub(super) fn beside(
    graph: &Graph,
    layers: &[Layer],
    quantized: &[Quantized],
    seen: &[SeenLayer],
    registry: &Registry,
) -> Result<Graph> {
    let mut patch = Patch::new();
    let mut outputs = Vec::new();
    for (i, layer) in layers.iter().enumerate() {
        let output = patch.add_value(graph, &format!("{}:quantized", layer.name), None);
        let chain = Chain { layers: vec![i], between: Vec::new() };
        insert(&mut patch, graph, layers, quantized, seen, &chain, output)?;
        outputs.extend([layer.output, output]);
    }
    let mut graph = applied(graph, patch, registry)?;
    graph.set_outputs(outputs.into_iter().enumerate().map(|(i, value)| (i.to_string(), value)).collect());
    Ok(graph)
}

fn applied(graph: &Graph, patch: Patch, registry: &Registry) -> Result<Graph> {
    let mut graph = graph.clone();
    graph.apply(patch, registry)?;
    graph.infer()?;
    Ok(graph)
}

fn insert(
    patch: &mut Patch,
    graph: &Graph,
    layers: &[Layer],
    quantized: &[Quantized],
    seen: &[SeenLayer],
    chain: &Chain,
    output: ValueId,
) -> Result<()> {
    let first = &layers[chain.layers[0]];
    let names: Vec<&str> = chain.layers.iter().map(|i| layers[*i].name.as_str()).collect();
    let name = names.join("+");
    let mut inputs = vec![Some(first.input)];
    let mut add = |patch: &mut Patch, layer: &Layer, what: &str, tensor: Tensor| {
        inputs.push(Some(patch.add_value(graph, &format!("{}:{what}", layer.name), Some(tensor))));
    };
    let addends = |layer: &Layer| Tensor::from_vec([layer.addends.len()], layer.addends.clone());
    let (mut factors, mut codes, mut zeros) = (Vec::new(), Vec::new(), Vec::new());
    let mut table: Option<(Coding, Vec<u8>)> = None;
    for (place, i) in chain.layers.iter().enumerate() {
        let (layer, own) = (&layers[*i], &quantized[*i]);
        let own = match own {
            Quantized::Int8(own) => own,
            Quantized::Codebooks(own) => {
                add(patch, layer, "codebooks", own.codebooks.clone());
                add(patch, layer, "tables", own.tables.clone());
                add(patch, layer, "addends", addends(layer)?);
                let (op, attributes) = ("CodebookProduct", Attributes::new());
                let node = NewNode { name: &name, domain: DOMAIN, op, version: 1, attributes };
                patch.insert(node, inputs, vec![Some(output)]);
                return Ok(());
            }
        };
        let numbers = table.take().map_or(own.coding, |(numbers, _)| numbers);
        factors.push(numbers.factor);
        codes.push(i64::from(numbers.zero));
        zeros.push(i64::from(own.coding.zero));
        add(patch, layer, "weights", own.weights.bytes.clone());
        add(patch, layer, "scales", own.scales()?);
        add(patch, layer, "addends", addends(layer)?);
        let next = chain.layers.get(place + 1).map(|next| &quantized[*next]);
        if let (Some(between), Some(Quantized::Int8(next))) = (chain.between.get(place), next) {
            let made = seen[*i].output.table(|v| between.of(graph, v), next.coding)?;
            add(patch, layer, "table", Tensor::from_vec([256], made.1.clone())?);
            table = Some(made);
        }
    }
    let (op, attributes) = match first.form {
        Form::Dense => {
            let attributes = Attributes::new()
                .with("factors", Attribute::Floats(factors))
                .with("codes", Attribute::Ints(codes))
                .with("zeros", Attribute::Ints(zeros));
            ("QuantizedLayers", attributes)
        }
        Form::Conv => {
            let mut attributes =
                Attributes::new().with("factor", Attribute::Float(factors[0])).with("zero", Attribute::Int(zeros[0]));
            let geometry = first.nodes.first().and_then(|id| graph.node(*id)).map(|node| &node.attributes);
            for (name, value) in geometry.into_iter().flat_map(Attributes::iter) {
                attributes.insert(name, value.clone());
            }
            ("QuantizedConv", attributes)
        }
    };
    patch.insert(NewNode { name: &name, domain: DOMAIN, op, version: 1, attributes }, inputs, vec![Some(output)]);
    Ok(())
}
