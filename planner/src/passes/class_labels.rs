//! Class labels: a classifier whose classes have texts gives their numbers, and the texts are picked by number after it.
//!
//! What computes has numbers only, for which there are kernels; a text is one view that is copied.

use hologram_ops::{
    Attribute, Attributes, Limits, Result, Tensor,
    graph::{Graph, NewNode, Patch},
    registry::NEWEST_OPSET,
};

/// The texts' attribute of every classifier.
const TEXTS: &str = "classlabels_strings";

/// Classifiers, and the attribute that has their labels as integers.
const CLASSIFIERS: &[(&str, &str)] = &[
    ("LinearClassifier", "classlabels_ints"),
    ("SVMClassifier", "classlabels_ints"),
    ("TreeEnsembleClassifier", "classlabels_int64s"),
];

pub(super) fn run(graph: &Graph, _: &Limits) -> Result<(Patch, String)> {
    let mut patch = Patch::new();
    let mut changed = 0;
    for id in graph.order()? {
        let Some(node) = graph.node(id).filter(|n| n.domain == "ai.onnx.ml") else { continue };
        let Some((_, numbers)) = CLASSIFIERS.iter().find(|(op, _)| *op == node.op) else { continue };
        let Some(Attribute::Strings(texts)) = node.attributes.get(TEXTS) else { continue };
        // With one label the number 1 may still be given, which then has the same text.
        if texts.len() < 2 {
            continue;
        }
        let mut attributes = Attributes::new();
        node.attributes.iter().filter(|(name, _)| *name != TEXTS).for_each(|(n, a)| attributes.insert(n, a.clone()));
        attributes.insert(*numbers, Attribute::Ints((0..).take(texts.len()).collect()));
        let mut outputs = node.outputs.clone();
        patch.remove(id);
        let label = outputs.first_mut().and_then(Option::as_mut).map(|label| {
            let number = patch.add_value(graph, &format!("{}:class", node.name), None);
            std::mem::replace(label, number)
        });
        let number = outputs.first().copied().flatten();
        let classifier =
            NewNode { name: &node.name, domain: &node.domain, op: &node.op, version: node.version, attributes };
        patch.insert(classifier, node.inputs.clone(), outputs);
        if let Some(label) = label {
            let texts = Tensor::from_string_iter([texts.len()], texts)?;
            let texts = patch.add_value(graph, &format!("{}:labels", node.name), Some(texts));
            let name = format!("{}:label", node.name);
            let pick =
                NewNode { name: &name, domain: "", op: "Gather", version: NEWEST_OPSET, attributes: Attributes::new() };
            patch.insert(pick, vec![Some(texts), number], vec![Some(label)]);
        }
        changed += 1;
    }
    Ok((patch, format!("{changed} classifiers give numbers, and their texts are picked")))
}

#[cfg(test)]
mod tests {
    use hologram_ops::{Attribute, DType, Limits, Registry, Tensor, Type, Value, graph::Graph};

    /// A linear classifier of two features and these labels, as a graph with its outputs.
    fn classifier(labels: &[&str], coefficients: &[f32]) -> Graph {
        let mut graph = Graph::new("t");
        let x = graph.add_input("x", Type::tensor(DType::F32, [4usize, 2])).unwrap();
        let node = graph
            .add_op("LinearClassifier")
            .domain("ai.onnx.ml", 1)
            .outputs(2)
            .input(x, 0, 0)
            .attribute("coefficients", Attribute::Floats(coefficients.into()))
            .attribute("classlabels_strings", Attribute::Strings(labels.iter().map(|l| (*l).to_owned()).collect()))
            .finish()
            .unwrap();
        for output in 0..2 {
            let value = graph.output_of(node, output).unwrap();
            graph.add_output(format!("y{output}"), value);
        }
        graph.infer().unwrap();
        graph
    }

    #[test]
    fn texts_are_picked_by_number() {
        let x = vec![1.0f32, 2.0, -1.0, 0.5, f32::NAN, 1.0, 0.0, 0.0];
        let given = [Value::Tensor(Tensor::from_vec([4, 2], x).unwrap())];
        for (labels, coefficients) in [
            (&["ruby", "a label that is no view's own bytes"][..], &[1.0f32, -1.0, -0.5, 0.25][..]),
            (&["a", "b", "a"], &[1.0, -1.0, -0.5, 0.25, 0.0, 0.5]),
        ] {
            let mut graph = classifier(labels, coefficients);
            let want = graph.evaluate(&given).unwrap();
            let (patch, note) = super::run(&graph, &Limits::default()).unwrap();
            assert_eq!(note, "1 classifiers give numbers, and their texts are picked");
            graph.apply(patch, &Registry::standard()).unwrap();
            graph.infer().unwrap();
            assert_eq!(graph.node_count(), 2);
            assert_eq!(graph.evaluate(&given).unwrap(), want);
            // There is nothing left to do.
            assert!(super::run(&graph, &Limits::default()).unwrap().0.is_empty());
        }
    }

    #[test]
    fn labels_that_nobody_reads_are_not_picked() {
        let mut graph = classifier(&["a", "b"], &[1.0, -1.0, -0.5, 0.25]);
        let scores = graph.outputs()[1].clone();
        graph.set_outputs(vec![scores]);
        let (patch, _) = super::run(&graph, &Limits::default()).unwrap();
        graph.apply(patch, &Registry::standard()).unwrap();
        graph.infer().unwrap();
        let node = graph.node(graph.order().unwrap()[0]).unwrap();
        assert_eq!(graph.value(node.outputs[0].unwrap()).fact.dtype(), Some(DType::I64));
    }
}
