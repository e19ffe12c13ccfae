//! Transforms of signals and windows.

mod dft;
mod fourier;
mod mel_weight_matrix;
mod stft;
mod window;

pub use dft::Dft;
pub use mel_weight_matrix::MelWeightMatrix;
pub use stft::Stft;
pub use window::Window;

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[
    OpRow { domain: "", op: "BlackmanWindow", since: 17, parse: window::parse_blackman },
    OpRow { domain: "", op: "DFT", since: 17, parse: dft::parse },
    OpRow { domain: "", op: "DFT", since: 20, parse: dft::parse },
    OpRow { domain: "", op: "HammingWindow", since: 17, parse: window::parse_hamming },
    OpRow { domain: "", op: "HannWindow", since: 17, parse: window::parse_hann },
    OpRow { domain: "", op: "MelWeightMatrix", since: 17, parse: mel_weight_matrix::parse },
    OpRow { domain: "", op: "STFT", since: 17, parse: stft::parse },
];
