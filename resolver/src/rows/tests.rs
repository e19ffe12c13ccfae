//! Tests of the row door.
