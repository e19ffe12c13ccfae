//! The standard kernels: sources that go along with the library.

use crate::{Kernel, KernelError, parse};

/// The sources by the path that they have under `kernels/`, a kernel a file, named as its file.
pub const SOURCES: &[(&str, &str)] = &[
    ("stdlib/activation/activation_gelu.py", include_str!("../stdlib/activation/activation_gelu.py")),
    ("stdlib/activation/activation_hard_sigmoid.py", include_str!("../stdlib/activation/activation_hard_sigmoid.py")),
    ("stdlib/activation/activation_leaky_relu.py", include_str!("../stdlib/activation/activation_leaky_relu.py")),
    ("stdlib/activation/activation_relu.py", include_str!("../stdlib/activation/activation_relu.py")),
    ("stdlib/activation/activation_sigmoid.py", include_str!("../stdlib/activation/activation_sigmoid.py")),
    ("stdlib/activation/activation_silu.py", include_str!("../stdlib/activation/activation_silu.py")),
    ("stdlib/loss/loss_huber.py", include_str!("../stdlib/loss/loss_huber.py")),
    ("stdlib/loss/loss_squared.py", include_str!("../stdlib/loss/loss_squared.py")),
    ("stdlib/vector/vector_abs.py", include_str!("../stdlib/vector/vector_abs.py")),
    ("stdlib/vector/vector_add.py", include_str!("../stdlib/vector/vector_add.py")),
    ("stdlib/vector/vector_clip.py", include_str!("../stdlib/vector/vector_clip.py")),
    ("stdlib/vector/vector_div.py", include_str!("../stdlib/vector/vector_div.py")),
    ("stdlib/vector/vector_lerp.py", include_str!("../stdlib/vector/vector_lerp.py")),
    ("stdlib/vector/vector_mul.py", include_str!("../stdlib/vector/vector_mul.py")),
    ("stdlib/vector/vector_sub.py", include_str!("../stdlib/vector/vector_sub.py")),
    ("stdlib/vector/vector_where.py", include_str!("../stdlib/vector/vector_where.py")),
];

/// The standard kernels, in the order of [`SOURCES`].
///
/// # Errors
/// [`KernelError::Source`] for a source that is wrong; the tests hold that there is none.
pub fn stdlib() -> Result<Vec<Kernel>, KernelError> {
    let mut kernels = Vec::with_capacity(SOURCES.len());
    for (path, text) in SOURCES {
        kernels.extend(parse(path, text)?);
    }
    Ok(kernels)
}
