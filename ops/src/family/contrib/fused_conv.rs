//! [FusedConv](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.FusedConv): a
//! convolution, a residual and an activation.

use super::{
    activated::{Activated, activation},
    compose::{check, standard},
};
use crate::{Attribute, Attributes, Error, Node, Operator, Result, family::math::Clip};
use std::sync::Arc;

/// The parameters of an activation, in the order of `activation_params`.
const ACTIVATIONS: &[(&str, &[&str])] = &[
    ("Relu", &[]),
    ("Tanh", &[]),
    ("Sigmoid", &[]),
    ("LeakyRelu", &["alpha"]),
    ("HardSigmoid", &["alpha", "beta"]),
    ("Clip", &["min", "max"]),
];

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let conv = ["group", "pads", "strides", "dilations", "kernel_shape", "auto_pad"];
    check(node, &[&["activation", "activation_params"][..], &conv].concat(), 4, 1)?;
    let name = node.attributes.string_or("activation", String::new())?;
    let values = node.attributes.floats_or("activation_params", Vec::new())?;
    let names = ACTIVATIONS.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, names)| *names);
    if !name.is_empty() && values.len() != names.len() {
        let (given, wanted) = (values.len(), names.len());
        return Err(Error::invalid(format!("{given} 'activation_params' for '{name}', which takes {wanted}")));
    }
    let activation: Option<Arc<dyn Operator>> = match (name.as_str(), values.as_slice()) {
        ("Clip", [low, high]) => Some(Arc::new(Clip { fixed: Some((*low, *high)) })),
        _ => {
            let parameters = names.iter().zip(&values);
            let parameters = parameters.fold(Attributes::new(), |all, (k, v)| all.with(*k, Attribute::Float(*v)));
            let known: Vec<&str> = ACTIVATIONS.iter().map(|(name, _)| *name).collect();
            activation(node, &known, &parameters)?
        }
    };
    Ok(Arc::new(Activated { operator: standard(node, "Conv", node.attributes)?, inputs: 3, activation }))
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Tensor,
        family::nn::testing::{close, run_in, t},
    };

    #[test]
    fn bias_residual_and_activation_in_this_order() {
        let (x, w) = (t(&[1, 1, 2], &[1.0, 2.0]), t(&[1, 1, 1], &[3.0]));
        let go = |name: &str, parameters: &[f32], rest: &[Option<Tensor>]| {
            let attributes = [
                ("activation", Attribute::String(name.into())),
                ("activation_params", Attribute::Floats(parameters.to_vec())),
            ];
            let inputs = [&[Some(x.clone()), Some(w.clone())], rest].concat();
            run_in("com.microsoft", "FusedConv", 1, &attributes, &inputs, 1)
        };
        let (bias, z) = (Some(t(&[1], &[1.0])), Some(t(&[1, 1, 2], &[-8.0, -3.0])));
        close(&go("", &[], &[bias.clone()]).unwrap()[0], &[1, 1, 2], &[4.0, 7.0]);
        close(&go("Relu", &[], &[bias.clone(), z.clone()]).unwrap()[0], &[1, 1, 2], &[0.0, 4.0]);
        close(&go("LeakyRelu", &[0.5], &[None, z]).unwrap()[0], &[1, 1, 2], &[-2.5, 3.0]);
        close(&go("Clip", &[0.0, 5.0], &[]).unwrap()[0], &[1, 1, 2], &[3.0, 5.0]);
        assert!(go("Clip", &[0.0], &[]).is_err(), "one bound");
        assert!(go("Softmax", &[], &[]).is_err());
        assert!(go("Relu", &[], &[bias, Some(t(&[1, 1, 1], &[0.0]))]).is_err(), "a residual of another shape");
    }
}
