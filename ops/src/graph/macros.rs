//! The macro that writes a graph as the function that it computes.

/// Builds a graph from the function that it computes; the value is a `Result<Graph>`.
///
/// A graph has a name, typed inputs (the type's name and the dimensions, each a number or the name of one that is open),
/// and a body of statements, each of which defines values that later ones read:
///
/// - `let y = Op(x, _, z);` is a node. `_` is an input that is not given, `let (a, b) = ...` takes several outputs, and
///   attributes stand in brackets after the name: `Softmax[axis = -1](x)`. Attributes are whatever
///   [`Attribute`](crate::Attribute) is made from.
/// - `let y = ["com.microsoft" 1] Gelu(x);` is a node of another domain, in that version of its operator set.
/// - `const w = tensor;` is a constant.
/// - `return y, z;` ends the body with the outputs, each named as its value.
///
/// Operators of the default domain are read under [`NEWEST_OPSET`](crate::registry::NEWEST_OPSET). Types are inferred.
///
/// ```
/// use hologram_ops::{Tensor, Value, graph};
/// let graph = graph! {
///     scores(x: F32["n", 2]) {
///         const w = Tensor::from_vec([2, 3], vec![1.0f32, 0.0, 0.0, 0.0, 1.0, 0.0])?;
///         let h = MatMul(x, w);
///         let y = Softmax[axis = -1](h);
///         let (best, at) = ArgMaxOf(y);
///         return y;
///     }
/// };
/// assert!(graph.unwrap_err().to_string().contains("ArgMaxOf"));
/// let graph = graph! {
///     double(x: F32["n"]) {
///         let y = Add(x, x);
///         return y;
///     }
/// }?;
/// let x = Value::Tensor(Tensor::from_vec([2], vec![1.0f32, 2.0])?);
/// assert_eq!(graph.evaluate(&[x])?, [Value::Tensor(Tensor::from_vec([2], vec![2.0f32, 4.0])?)]);
/// # Ok::<(), hologram_ops::Error>(())
/// ```
///
/// # Errors
/// Those of [`Graph::add_node`](crate::graph::Graph::add_node), [`Graph::infer`](crate::graph::Graph::infer) and of the
/// expressions of constants.
#[macro_export]
macro_rules! graph {
    (@node $g:ident $r:ident [$($out:ident)+] [$domain:expr, $version:expr] $op:ident
     [$($name:ident = $value:expr),*] ($($input:tt),*)) => {
        let attributes = $crate::Attributes::new()$(.with(stringify!($name), $crate::Attribute::from($value)))*;
        let first = [$(stringify!($out)),+][0];
        let node = $crate::graph::NewNode {
            name: first, domain: $domain, op: stringify!($op), version: $version, attributes,
        };
        let node = $g.add_node(&$r, node, vec![$($crate::graph!(@input $input)),*], &[$(stringify!($out)),+])?;
        let mut outputs = 0usize..;
        $(let $out = $g.output_of(node, outputs.next().unwrap_or_default())?;)+
    };
    (@input _) => { None };
    (@input $value:ident) => { Some($value) };
    (@body $g:ident $r:ident return $($out:ident),+ $(;)?) => { $($g.add_output(stringify!($out), $out);)+ };
    (@body $g:ident $r:ident const $name:ident = $tensor:expr; $($rest:tt)*) => {
        let $name = $g.add_constant(stringify!($name), $tensor)?;
        $crate::graph!(@body $g $r $($rest)*);
    };
    (@body $g:ident $r:ident let $out:ident = $($rest:tt)*) => {
        $crate::graph!(@body $g $r let ($out) = $($rest)*);
    };
    (@body $g:ident $r:ident let ($($out:ident),+) = [$domain:literal $version:literal]
     $op:ident $([$($name:ident = $value:expr),*])? ($($input:tt),*); $($rest:tt)*) => {
        $crate::graph!(@node $g $r [$($out)+] [$domain, $version] $op [$($($name = $value),*)?] ($($input),*));
        $crate::graph!(@body $g $r $($rest)*);
    };
    (@body $g:ident $r:ident let ($($out:ident),+) =
     $op:ident $([$($name:ident = $value:expr),*])? ($($input:tt),*); $($rest:tt)*) => {
        $crate::graph!(@node $g $r [$($out)+] ["", $crate::registry::NEWEST_OPSET] $op
            [$($($name = $value),*)?] ($($input),*));
        $crate::graph!(@body $g $r $($rest)*);
    };
    ($graph:ident ($($input:ident : $dtype:ident [$($dim:expr),*]),* $(,)?) { $($body:tt)+ }) => {
        (|| -> $crate::Result<$crate::graph::Graph> {
            let registry = $crate::Registry::standard();
            let mut graph = $crate::graph::Graph::new(stringify!($graph));
            $(
                let shape: Vec<$crate::Dim> = vec![$($crate::Dim::from($dim)),*];
                let $input = graph.add_input(stringify!($input), $crate::Type::tensor($crate::DType::$dtype, shape))?;
            )*
            $crate::graph!(@body graph registry $($body)+);
            graph.infer()?;
            Ok(graph)
        })()
    };
}

#[cfg(test)]
mod tests {
    use crate::{DType, Dim, Tensor, Type, Value};

    #[test]
    fn a_graph_is_written_as_its_function() {
        let graph = graph! {
            gate(x: F32["n", 2], flags: Bool[]) {
                const w = Tensor::from_vec([2, 2], vec![1.0f32, 2.0, 3.0, 4.0])?;
                const low = Tensor::scalar(-5.0f32);
                let h = MatMul(x, w);
                let cut = Clip(h, low, _);
                let (a, b) = Split[axis = 1, num_outputs = 2](cut);
                let g = ["com.microsoft" 1] QuickGelu[alpha = 1.0](a);
                let y = Where(flags, g, b);
                return y, b;
            }
        }
        .unwrap();
        assert_eq!((graph.name.as_str(), graph.node_count()), ("gate", 5));
        let names: Vec<&str> = graph.outputs().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["y", "b"]);
        let y = graph.value(graph.outputs()[0].1);
        assert_eq!(y.fact.ty, Type::tensor(DType::F32, [Dim::symbol("n"), Dim::Known(1)]));
        let x = Value::Tensor(Tensor::from_vec([1, 2], vec![1.0f32, -2.0]).unwrap());
        let got = graph.evaluate(&[x, Value::Tensor(Tensor::scalar(false))]).unwrap();
        let b = Value::Tensor(Tensor::from_vec([1, 1], vec![-5.0f32]).unwrap());
        assert_eq!(got, [b.clone(), b]);
    }

    #[test]
    fn errors_name_the_node() {
        let graph = graph! { wrong(x: F32[2], y: F32[3]) { let z = Add(x, y); return z; } };
        let error = graph.unwrap_err().to_string();
        assert!(error.contains("node 'z' (Add)"), "{error}");
    }
}
