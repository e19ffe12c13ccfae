//! [FusedGemm](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.FusedGemm): a
//! scaled matrix product, an addend and an activation.

use super::{
    activated::{Activated, activation},
    compose::{check, standard},
};
use crate::{Attributes, Node, Operator, Result};
use std::sync::Arc;

const ACTIVATIONS: &[&str] = &[
    "Celu",
    "Elu",
    "HardSigmoid",
    "LeakyRelu",
    "Relu",
    "Selu",
    "Sigmoid",
    "Softplus",
    "Softsign",
    "Tanh",
    "ThresholdedRelu",
];

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let names = ["activation", "activation_alpha", "activation_beta", "activation_gamma"];
    check(node, &[&["alpha", "beta", "transA", "transB"][..], &names].concat(), 3, 1)?;
    let given = names.iter().filter_map(|name| Some((name.strip_prefix("activation_")?, node.attributes.get(name)?)));
    let parameters = given.fold(Attributes::new(), |all, (name, value)| all.with(name, value.clone()));
    Ok(Arc::new(Activated {
        operator: standard(node, "Gemm", node.attributes)?,
        inputs: 3,
        activation: activation(node, ACTIVATIONS, &parameters)?,
    }))
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute,
        family::nn::testing::{close, run_in, t},
    };

    #[test]
    fn the_activation_comes_after_the_addend() {
        let (a, b, c) = (t(&[1, 1], &[2.0]), t(&[1, 2], &[1.0, -3.0]), t(&[2], &[-1.0, 1.0]));
        let go = |attributes: &[(&str, Attribute)]| {
            let inputs = [&a, &b, &c].map(|t| Some(t.clone()));
            run_in("com.microsoft", "FusedGemm", 1, attributes, &inputs, 1)
        };
        let named = |name: &str| ("activation", Attribute::String(name.into()));
        close(&go(&[]).unwrap()[0], &[1, 2], &[1.0, -5.0]);
        close(&go(&[named("Relu")]).unwrap()[0], &[1, 2], &[1.0, 0.0]);
        let leaky = [named("LeakyRelu"), ("activation_alpha", Attribute::Float(0.5))];
        close(&go(&leaky).unwrap()[0], &[1, 2], &[1.0, -2.5]);
        assert!(go(&[named("Softmax")]).is_err(), "no function of one element");
        assert!(go(&[("activation_delta", Attribute::Float(1.0))]).is_err());
    }
}
