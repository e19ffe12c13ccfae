//! SQL over models from Rust: register a model, ask, read the answers, see the plan.
//!
//! Run it with `cargo run --all-features --example sql_from_rust`. The model is built here in a few lines; in its place
//! stands any file that Hologram compiles, or a `.holo` archive: `engine.register_model("iris", "iris.onnx")`.

use hologram::{
    Archive, Compiler, CompilerConfig, Model, ModelOptions, Result,
    ops::{DType, Dim, Tensor, Type, graph::Graph},
    sql::{Engine, EngineOptions},
};

/// A linear model of two features: `price = 3 rooms + 0.5 area`.
fn model() -> Result<Vec<u8>> {
    let mut graph = Graph::new("price");
    let features = graph.add_input("features", Type::tensor(DType::F32, [Dim::symbol("rows"), Dim::Known(2)]))?;
    let weights = graph.add_constant("weights", Tensor::from_slice([2, 1], &[3.0f32, 0.5])?)?;
    let product = graph.add_op("MatMul").input(features, 0, 0).input(weights, 0, 1).finish()?;
    let price = graph.output_of(product, 0)?;
    graph.add_output("price", price);
    let config = CompilerConfig { columns: vec!["rooms".into(), "area".into()], ..CompilerConfig::default() };
    Ok(Compiler::new(config).compile_graph(graph)?.to_bytes()?)
}

#[tokio::main]
async fn main() -> Result<()> {
    let engine = Engine::new(EngineOptions::default())?;
    let archive = Archive::from_buffer(model()?.into())?;
    engine.model_catalog().register_model("price", Model::open(archive, &ModelOptions::default())?)?;

    let flats = "CREATE TABLE flats AS \
        SELECT value AS id, 1 + value % 5 AS rooms, 20.0 + 7 * (value % 11) AS area FROM generate_series(1, 1000)";
    engine.sql(flats).await?.collect().await?;

    // A relation is bound by the names of its columns; the model scores the 200 rows that the filter keeps.
    let best = "SELECT id, rooms, area, predict('price', flats) AS price FROM flats WHERE rooms = 4 ORDER BY price DESC, id LIMIT 3";
    engine.sql(best).await?.show().await?;

    // Rows scored, runs and casts stand in the plan that ran.
    engine.sql(&format!("EXPLAIN ANALYZE {best}")).await?.show().await?;

    engine.sql("SELECT name, rows FROM hologram.models").await?.show().await?;
    Ok(())
}
