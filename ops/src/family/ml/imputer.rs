//! [Imputer](https://onnx.ai/onnx/operators/onnx_aionnxml_Imputer.html): a chosen value replaced, column by column.

use super::table;
use crate::{
    DType, Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    numeric::{Element, Float},
};
use std::sync::Arc;

/// Elements equal to the replaced value (NaN equals NaN) become the imputed one: their column's where there is one a
/// column, else the first. Columns are counted along axis 1 (axis 0 of a vector). The type stays.
#[derive(Debug)]
pub struct Imputer {
    /// What floats are replaced with; empty for integers.
    pub floats: Vec<f32>,
    /// The float that is replaced.
    pub replaced_float: f32,
    /// What integers are replaced with; empty for floats.
    pub ints: Vec<i64>,
    /// The integer that is replaced.
    pub replaced_int: i64,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let imputer = Imputer {
        floats: a.floats_or("imputed_value_floats", Vec::new())?,
        replaced_float: a.float_or("replaced_value_float", 0.0)?,
        ints: a.ints_or("imputed_value_int64s", Vec::new())?,
        replaced_int: a.int_or("replaced_value_int64", 0)?,
    };
    if imputer.floats.is_empty() == imputer.ints.is_empty() {
        return Err(Error::invalid("exactly one of 'imputed_value_floats' and 'imputed_value_int64s' is expected"));
    }
    Ok(Arc::new(imputer))
}

impl Imputer {
    fn check(&self, dtype: DType) -> Result<DType> {
        let fits = match dtype {
            DType::F32 | DType::F64 => !self.floats.is_empty(),
            DType::I64 | DType::I32 => !self.ints.is_empty(),
            _ => false,
        };
        if fits {
            return Ok(dtype);
        }
        Err(Error::invalid(format!("input 0 is {dtype}, for which the attributes name no imputed values")))
    }
}

fn replace<T: Element>(x: &Tensor, is_replaced: impl Fn(T) -> bool, imputed: &[T]) -> Result<Value> {
    let columns = x.shape().get(1).or(x.shape().first()).copied().unwrap_or(1);
    let each = imputed.len() == columns;
    let values = x.as_slice::<T>()?.iter().enumerate();
    let out = values.map(|(i, v)| match (is_replaced(*v), each) {
        (false, _) => *v,
        (true, true) => imputed[i % columns],
        (true, false) => imputed[0],
    });
    Ok(Tensor::from_vec(x.shape(), out.collect())?.into())
}

fn replace_float<T: Float>(x: &Tensor, imputer: &Imputer) -> Result<Value> {
    let replaced = T::from_f32(imputer.replaced_float);
    let imputed: Vec<T> = imputer.floats.iter().map(|v| T::from_f32(*v)).collect();
    replace::<T>(x, |v| v == replaced || v.is_nan() && replaced.is_nan(), &imputed)
}

impl Operator for Imputer {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = self.check(inputs.dtype(0)?)?;
        Ok(vec![Fact::tensor(dtype, inputs.shape(0)?.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        Ok(vec![match self.check(x.dtype())? {
            DType::F64 => replace_float::<f64>(x, self)?,
            DType::F32 => replace_float::<f32>(x, self)?,
            DType::I64 => replace::<i64>(x, |v| v == self.replaced_int, &self.ints)?,
            _ => {
                let narrow = |v: i64| i32::try_from(v).map_err(|_| Error::invalid(format!("{v} is no i32")));
                let imputed = self.ints.iter().map(|v| narrow(*v)).collect::<Result<Vec<i32>>>()?;
                replace::<i32>(x, |v| i64::from(v) == self.replaced_int, &imputed)?
            }
        }])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        if self.floats.len().max(self.ints.len()) == 1 {
            return table::element_rows(rows, outputs.len());
        }
        table::table_rows(rows, inputs, outputs.len())
    }

    fn missing(&self) -> Missing {
        if self.replaced_float.is_nan() && !self.floats.is_empty() { Missing::Consumes } else { Missing::Rejects }
    }
}
