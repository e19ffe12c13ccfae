//! Domains as a caller declares them: `column=value,value,...`.

use super::domains::Found;
use hologram_ops::{DType, Error, Result, Tensor, numeric::Element};
use hologram_resolver::Port;
use std::str::FromStr;

/// Values that a declared range may have, at most.
const RANGE_MAX: i128 = 1 << 24;

/// The values of a column, declared: `plan=basic,plus,pro`, `age=0..120`, `flag=true,false`, `x=1.5,2.5,NaN`.
///
/// The column is a feature's name, an input's name where a row of it is one element, or `input[3]`. Of a column of integers
/// or floats, `a..b` is all whole numbers from a to b, both included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainSpec {
    /// The column.
    pub column: String,
    /// The values as text.
    pub values: Vec<String>,
}

impl FromStr for DomainSpec {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (column, values) = text.split_once('=').ok_or("write COLUMN=VALUE,VALUE,...")?;
        if column.is_empty() || values.is_empty() {
            return Err("write COLUMN=VALUE,VALUE,...".into());
        }
        Ok(Self { column: column.to_owned(), values: values.split(',').map(str::to_owned).collect() })
    }
}

/// What a caller calls an element.
pub(super) fn element_name(port: &Port, feature: usize) -> String {
    match (port.features.get(feature), port.shape()) {
        (Some(name), _) => name.clone(),
        (None, Some([_, hologram_ops::Dim::Known(n)])) if *n > 1 => format!("{}[{feature}]", port.name),
        _ => port.name.clone(),
    }
}

impl DomainSpec {
    /// Whether it names an element.
    pub(super) fn names(&self, port: &Port, feature: usize) -> bool {
        self.column == element_name(port, feature) || self.column == format!("{}[{feature}]", port.name)
    }

    /// The values in the element's type.
    pub(super) fn values(&self, dtype: Option<DType>) -> Result<Found> {
        let dtype = dtype.ok_or_else(|| Error::invalid("it is no tensor"))?;
        let wrong = |text: &str| no_value(text, dtype);
        if dtype == DType::String {
            return Ok(Found::Values(Tensor::from_string_iter([self.values.len()], &self.values)?));
        }
        if dtype == DType::Bool {
            let parsed = self.values.iter().map(|v| v.trim().parse::<bool>().map_err(|_| wrong(v)));
            return Ok(Found::Values(Tensor::from_vec([self.values.len()], parsed.collect::<Result<Vec<_>>>()?)?));
        }
        // Whole numbers stay whole, so that those of 64 bits keep all their digits.
        let (mut whole, mut real) = (Vec::new(), Vec::new());
        for text in &self.values {
            let text = text.trim();
            let range = text.split_once("..").map(|(a, b)| (a.parse::<i128>(), b.parse::<i128>()));
            match (range, text.parse::<i128>(), text.parse::<f64>()) {
                (Some((Ok(first), Ok(last))), _, _)
                    if first <= last && last.checked_sub(first).is_some_and(|n| n < RANGE_MAX) =>
                {
                    whole.extend(first..=last);
                    real.extend((first..=last).map(|x| x as f64));
                }
                (Some(_), _, _) => return Err(Error::invalid(format!("'{text}' is no range of at most {RANGE_MAX}"))),
                (None, Ok(x), _) => {
                    whole.push(x);
                    real.push(x as f64);
                }
                (None, Err(_), Ok(x)) if dtype.is_float() => real.push(x),
                _ => return Err(wrong(text)),
            }
        }
        let list = match dtype {
            DType::F32 => Tensor::from_vec([real.len()], real.iter().map(|x| *x as f32).collect())?,
            DType::F64 => Tensor::from_vec([real.len()], real)?,
            DType::I8 => integers::<i8>(&whole, dtype)?,
            DType::I16 => integers::<i16>(&whole, dtype)?,
            DType::I32 => integers::<i32>(&whole, dtype)?,
            DType::I64 => integers::<i64>(&whole, dtype)?,
            DType::U8 => integers::<u8>(&whole, dtype)?,
            DType::U16 => integers::<u16>(&whole, dtype)?,
            DType::U32 => integers::<u32>(&whole, dtype)?,
            DType::U64 => integers::<u64>(&whole, dtype)?,
            other => return Err(Error::Unsupported(format!("domains of {other}"))),
        };
        Ok(Found::Values(list))
    }
}

fn no_value(text: &str, dtype: DType) -> Error {
    Error::invalid(format!("'{text}' is no value of {dtype}"))
}

/// Whole numbers in the element's type.
fn integers<T: Element + TryFrom<i128>>(whole: &[i128], dtype: DType) -> Result<Tensor> {
    let one = |x: &i128| T::try_from(*x).map_err(|_| no_value(&x.to_string(), dtype));
    Tensor::from_vec([whole.len()], whole.iter().map(one).collect::<Result<Vec<T>>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str, dtype: DType) -> Result<Tensor> {
        match text.parse::<DomainSpec>().unwrap().values(Some(dtype))? {
            Found::Values(list) => Ok(list),
            _ => panic!("values are declared"),
        }
    }

    #[test]
    fn values_are_of_the_elements_type() {
        let words = values("plan=a,b c,1..2", DType::String).unwrap();
        assert_eq!(words, Tensor::from_string_iter([3], ["a", "b c", "1..2"]).unwrap());
        assert_eq!(values("x=true,false", DType::Bool).unwrap(), Tensor::from_vec([2], vec![true, false]).unwrap());
        assert_eq!(values("x=-1..1,7", DType::I8).unwrap(), Tensor::from_vec([4], vec![-1_i8, 0, 1, 7]).unwrap());
        let wide = i64::MAX - 1;
        assert_eq!(values(&format!("x={wide}"), DType::I64).unwrap(), Tensor::from_vec([1], vec![wide]).unwrap());
        let floats = values("x=1..2,0.5,NaN", DType::F32).unwrap();
        assert_eq!(floats.as_slice::<f32>().unwrap()[..3], [1.0, 2.0, 0.5]);
        assert!(floats.as_slice::<f32>().unwrap()[3].is_nan());
    }

    #[test]
    fn what_is_no_value_is_named() {
        for (text, dtype) in [("x=300", DType::U8), ("x=1.5", DType::I32), ("x=yes", DType::Bool), ("x=a", DType::F64)]
        {
            let wrong = values(text, dtype).unwrap_err().to_string();
            assert!(wrong.contains(&text[2..]) && wrong.contains(dtype.name()), "{wrong}");
        }
        assert!(values("x=5..1", DType::I32).is_err() && values("x=0..99999999999", DType::I64).is_err());
        assert!("x".parse::<DomainSpec>().is_err() && "=1".parse::<DomainSpec>().is_err());
    }
}
