//! A kernel as an operator: what puts it into graphs, programs and archives.

use crate::Kernel;
use hologram_ops::{
    DType, Dim, Error, Fact, Inputs, Node, OpRow, Operator, Result, Rows, Tensor, Value, fact::Facts, rows,
};
use std::sync::Arc;

/// The domain of kernels in graphs.
pub const DOMAIN: &str = "hologram.kernels";

/// The operator `Kernel` of [`DOMAIN`]: its attribute `schema` is a kernel's JSON form, its inputs are the parameters.
///
/// ```
/// use hologram_ops::{Attribute, DType, Registry, Type, graph::Graph};
/// let registry = Registry::standard().with(hologram_kernels::OPERATORS);
/// let kernels = hologram_kernels::stdlib()?;
/// let mut graph = Graph::new("relu");
/// let x = graph.add_input("x", Type::tensor(DType::F32, [2usize]))?;
/// let schema = kernels.iter().find(|k| k.name == "activation_relu").unwrap().to_json()?;
/// let node = graph.add_op("Kernel").domain(hologram_kernels::DOMAIN, 1).registry(&registry);
/// node.attribute("schema", Attribute::String(schema)).input(x, 0, 0).finish()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const OPERATORS: &[OpRow] = &[OpRow { domain: DOMAIN, op: "Kernel", since: 1, parse }];

fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let schema = node.attributes.required("schema", |a, name| a.string(name))?;
    let kernel = Kernel::from_json(&schema)?;
    if node.inputs != kernel.params.len() {
        let (name, takes) = (&kernel.name, kernel.params.len());
        return Err(Error::invalid(format!("kernel '{name}' takes {takes} inputs, {} are given", node.inputs)));
    }
    Ok(Arc::new(KernelOperator { kernel }))
}

/// An operator that runs one kernel over its inputs' elements.
#[derive(Debug)]
pub struct KernelOperator {
    /// The kernel.
    pub kernel: Kernel,
}

impl Operator for KernelOperator {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let mut shape: Option<Vec<Dim>> = Some(Vec::new());
        for (i, param) in self.kernel.params.iter().enumerate() {
            let place = |e: Error| e.at(format!("kernel '{}', parameter `{}`", self.kernel.name, param.name));
            inputs.dtype_where(i, param.dtype.name(), |t: DType| t == param.dtype).map_err(place)?;
            shape = match (shape, inputs.shape(i).map_err(place)?) {
                (Some(known), Some([])) => Some(known),
                (Some(known), Some(given)) if known.is_empty() => Some(given.to_vec()),
                (Some(known), Some(given)) if known.len() == given.len() => {
                    let dims = known.iter().zip(given).map(|(a, b)| a.unify(b)).collect::<Result<Vec<Dim>>>();
                    Some(dims.map_err(place)?)
                }
                (Some(known), Some(given)) => {
                    let message = format!("{} dimensions where the inputs before have {}", given.len(), known.len());
                    return Err(place(Error::invalid(message)));
                }
                _ => None,
            };
        }
        Ok(vec![Fact::tensor(self.kernel.returns, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let tensors = (0..inputs.len()).map(|i| inputs.tensor(i).cloned()).collect::<Result<Vec<Tensor>>>()?;
        Ok(vec![self.kernel.evaluate(&tensors)?.into()])
    }

    fn rows(&self, known: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::elementwise(known, inputs, outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hologram_ops::{Attribute, Attributes, Registry, Type};

    const SOURCE: &str = "def f(x: f32, by: f32) -> f32:\n    return x * by\n";

    fn operator(schema: &str, inputs: usize) -> Result<Arc<dyn Operator>> {
        let attributes = Attributes::new().with("schema", Attribute::String(schema.to_owned()));
        let node =
            Node { domain: DOMAIN, op: "Kernel", version: 1, since: 1, attributes: &attributes, inputs, outputs: 1 };
        Registry::empty().with(OPERATORS).parse(&node).map(|(_, operator)| operator)
    }

    #[test]
    fn inference_and_evaluation_agree() {
        let schema = crate::parse("f.py", SOURCE).unwrap()[0].to_json().unwrap();
        let f = operator(&schema, 2).unwrap();
        let fact = |dims: &[usize]| Fact::of(Type::tensor(DType::F32, dims.iter().copied()));
        for (a, b) in [(vec![2, 3], vec![2, 3]), (vec![2, 3], vec![]), (vec![], vec![2, 3]), (vec![], vec![])] {
            let facts = [fact(&a), fact(&b)];
            let inferred = f.infer(Facts(&[Some(&facts[0]), Some(&facts[1])])).unwrap();
            let values = [&a, &b].map(|s| Value::from(Tensor::zeros(DType::F32, s.clone()).unwrap()));
            let got = f.evaluate(Inputs(&[Some(&values[0]), Some(&values[1])])).unwrap();
            assert_eq!(Some(got[0].as_tensor().unwrap().shape().to_vec()), inferred[0].known_shape(), "{a:?} {b:?}");
        }
        for (a, b) in [(vec![2, 3], vec![3]), (vec![2, 3], vec![1, 3])] {
            let facts = [fact(&a), fact(&b)];
            let error = f.infer(Facts(&[Some(&facts[0]), Some(&facts[1])])).unwrap_err().to_string();
            assert!(error.contains("kernel 'f', parameter `by`"), "{error}");
            let values = [&a, &b].map(|s| Value::from(Tensor::zeros(DType::F32, s.clone()).unwrap()));
            assert!(f.evaluate(Inputs(&[Some(&values[0]), Some(&values[1])])).is_err(), "{a:?} {b:?}");
        }
    }

    #[test]
    fn what_is_no_kernel_is_refused_at_load() {
        let schema = crate::parse("f.py", SOURCE).unwrap()[0].to_json().unwrap();
        assert!(operator(&schema, 1).unwrap_err().to_string().contains("takes 2 inputs, 1 are given"));
        assert!(operator("{}", 2).is_err());
        let newer = schema.replace("\"version\": 1", "\"version\": 9");
        assert!(matches!(operator(&newer, 2), Err(Error::Unsupported(_))));
    }
}
