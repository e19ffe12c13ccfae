//! After one run of a shape, further runs of that shape allocate nothing.

use hologram::{
    Archive, Compiler, CompilerConfig, Model, ModelOptions,
    ops::{DType, Tensor, Value, control::Control},
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    path::Path,
};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting what this thread asks for.
struct Counting;

// SAFETY: every call is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_warm_run_allocates_nothing() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/models");
    for (file, dtype, shape) in
        [("breast_cancer.lgbm.txt", DType::F64, vec![100, 30]), ("digits_cnn.onnx", DType::F32, vec![16, 1, 8, 8])]
    {
        let compiled = Compiler::new(CompilerConfig::default()).compile(models.join(file)).unwrap();
        let archive = Archive::from_buffer(compiled.to_bytes().unwrap().into()).unwrap();
        let entry = if file.ends_with(".txt") { Some("raw") } else { None };
        let session = Model::open(archive, &ModelOptions::default()).unwrap().session(entry).unwrap();
        let input = [Value::Tensor(Tensor::zeros(dtype, shape).unwrap())];
        let (mut outputs, control) = (Vec::new(), Control::default());
        session.run_into(&input, &mut outputs, &control).unwrap();
        let warm: Vec<Vec<u8>> = outputs.iter().map(|o| o.as_bytes().to_vec()).collect();
        let before = ALLOCATIONS.with(Cell::get);
        assert!(before > 0, "the allocator counts");
        for _ in 0..3 {
            session.run_into(&input, &mut outputs, &control).unwrap();
        }
        assert_eq!(ALLOCATIONS.with(Cell::get), before, "{file}: a warm run allocates");
        assert!(outputs.iter().zip(&warm).all(|(o, w)| o.as_bytes() == w), "{file}: and answers the same");
    }
}
