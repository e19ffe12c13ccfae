//! An operator of one's own: a row in the registry, then a graph, an archive and a run as with any other.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use hologram::{
    Archive, Compiler, CompilerConfig, Model, ModelOptions,
    ops::{
        Attribute, DType, Dim, Fact, Inputs, OpRow, Operator, Registry, Result, Rows, Tensor, Type, Value, fact::Facts,
        graph::Graph, rows,
    },
};
use std::sync::Arc;

/// `|x|` up to a bound: what it does is `evaluate`, everything else tells the compiler what it may assume.
#[derive(Debug)]
struct Bounded {
    most: f32,
}

impl Operator for Bounded {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        Ok(vec![Fact::tensor(DType::F32, inputs.shape(0)?.map(<[Dim]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let y = x.as_slice::<f32>()?.iter().map(|v| v.abs().min(self.most)).collect();
        Ok(vec![Tensor::from_vec(x.shape(), y)?.into()])
    }

    // Each row of the output needs that row of the input only, so rows may be answered alone.
    fn rows(&self, known: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::elementwise(known, inputs, outputs)
    }
}

const ROWS: &[OpRow] = &[OpRow {
    domain: "example",
    op: "Bounded",
    since: 1,
    parse: |node| Ok(Arc::new(Bounded { most: node.attributes.float_or("most", 1.0)? })),
}];

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let registry = Arc::new(Registry::standard().with(ROWS));
    let mut graph = Graph::new("bounded");
    let x = graph.add_input("x", Type::tensor(DType::F32, [Dim::Symbol("N".into()), Dim::Known(2)]))?;
    let bounded = graph.add_op("Bounded").domain("example", 1).registry(&registry);
    let bounded = bounded.attribute("most", Attribute::Float(2.0)).input(x, 0, 0).finish()?;
    let doubled = graph.add_op("Add").input(bounded, 0, 0).input(bounded, 0, 1).finish()?;
    let y = graph.output_of(doubled, 0)?;
    graph.add_output("y", y);

    // Compiling and opening need the registry that knows the operator.
    let config = CompilerConfig { registry: Arc::clone(&registry), ..CompilerConfig::default() };
    let bytes = Compiler::new(config).compile_graph(graph)?.to_bytes()?;
    let options = ModelOptions { registry, ..ModelOptions::default() };
    let model = Model::open(Archive::from_buffer(bytes.into())?, &options)?;
    let given: Value = Tensor::from_vec([2, 2], vec![-1.0f32, 5.0, 0.5, -3.0])?.into();
    let answers = model.session(None)?.run(&[("x", given)])?;
    println!("{} = {:?}", answers[0].0, answers[0].1.as_tensor()?.as_slice::<f32>()?);
    assert_eq!(answers[0].1.as_tensor()?.as_slice::<f32>()?, [2.0, 4.0, 1.0, 4.0]);

    // Without it, opening fails: unsupported is an error at load.
    assert!(Registry::standard().find("example", "Bounded", 1).is_err());
    Ok(())
}
