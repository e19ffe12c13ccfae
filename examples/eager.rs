//! One operator at once, without a model: the bits are those of a compiled program.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use hologram::{
    ops::{Attribute, Attributes, Registry, Tensor, Value},
    resolver::eval,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::standard();
    let logits: Value = Tensor::from_vec([2, 3], vec![1.0f32, 2.0, 3.0, 0.0, 0.0, 0.0])?.into();

    // The operator set's version says which meaning of Softmax this is.
    let along_rows = Attributes::new().with("axis", Attribute::Int(1));
    let probabilities = eval(&registry, "Softmax", 13, along_rows, std::slice::from_ref(&logits))?;
    let probabilities = probabilities[0].as_tensor()?;
    println!("softmax: {:?}", probabilities.as_slice::<f32>()?);
    assert!(probabilities.as_slice::<f32>()?.chunks(3).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-6));

    // An operator with two outputs gives both.
    let k = Tensor::from_vec([1], vec![1i64])?;
    let top = eval(&registry, "TopK", 11, Attributes::new(), &[logits.clone(), k.into()])?;
    println!("best column of each row: {:?}", top[1].as_tensor()?.as_slice::<i64>()?);
    assert_eq!(top[1].as_tensor()?.as_slice::<i64>()?, [2, 0]);

    // What does not exist is an error that says so.
    let error = eval(&registry, "Sofmax", 13, Attributes::new(), &[logits]).err().map(|e| e.to_string());
    println!("{}", error.as_deref().unwrap_or_default());
    assert!(error.is_some_and(|e| e.contains("Softmax")));
    Ok(())
}
