//! Hologram
