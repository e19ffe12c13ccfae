//! Each rule on a graph that it fits, and on its neighbours that it must leave alone.

use hologram_ops::{Registry, Tensor, graph, graph::Graph};

/// The operators that are left, in order.
fn left(graph: hologram_ops::Result<Graph>) -> Vec<String> {
    let mut graph = graph.unwrap();
    let (patch, _) = super::run(&graph, &hologram_ops::Limits::default()).unwrap();
    let (patch_dead, registry) = (super::super::dead_code::run, Registry::standard());
    graph.apply(patch, &registry).unwrap();
    graph.infer().unwrap();
    let (dead, _) = patch_dead(&graph, &hologram_ops::Limits::default()).unwrap();
    graph.apply(dead, &registry).unwrap();
    graph.order().unwrap().into_iter().map(|id| graph.node(id).unwrap().op.clone()).collect()
}

fn scalar(x: f32) -> Tensor {
    Tensor::scalar(x)
}

fn ints(x: &[i64]) -> Tensor {
    Tensor::from_slice([x.len()], x).unwrap()
}

#[test]
fn neutral_elements_go_where_no_bit_changes() {
    let one = graph! { g(x: F32["n", 2]) { const c = scalar(1.0); let a = Mul(x, c); let y = Div(a, c); return y; } };
    assert!(left(one).is_empty());
    let zero = graph! { g(x: F32[2]) { const c = scalar(0.0); let y = Add(x, c); return y; } };
    assert_eq!(left(zero), ["Add"], "-0.0 + 0.0 is 0.0");
    let minus_zero = graph! { g(x: F32[2]) { const c = scalar(-0.0); let y = Add(c, x); return y; } };
    assert!(left(minus_zero).is_empty());
    let sub = graph! { g(x: F32[2]) { const c = scalar(0.0); let y = Sub(x, c); return y; } };
    assert!(left(sub).is_empty());
    let other_side = graph! { g(x: F32[2]) { const c = scalar(0.0); let y = Sub(c, x); return y; } };
    assert_eq!(left(other_side), ["Sub"]);
    let whole = graph! { g(x: I64[2]) { const c = ints(&[0]); let y = Add(x, c); return y; } };
    assert!(left(whole).is_empty());
    let wider =
        graph! { g(x: F32[1]) { const c = Tensor::from_vec([3], vec![1.0f32; 3])?; let y = Mul(x, c); return y; } };
    assert_eq!(left(wider), ["Mul"], "the shape changes");
}

#[test]
fn pairs_that_undo_or_repeat_each_other() {
    let back = graph! { g(x: F32[2]) { let a = Neg(x); let b = Neg(a); let c = Neg(b); return c; } };
    assert_eq!(left(back), ["Neg"]);
    let again =
        graph! { g(x: F32[2]) { let a = Relu(x); let b = Relu(a); let c = Floor(b); let y = Round(c); return y; } };
    assert_eq!(left(again), ["Relu", "Floor"]);
    let cast = graph! { g(x: I32[2]) { let a = Cast[to = 11](x); let b = Cast[to = 6](a); return b; } };
    assert!(left(cast).is_empty(), "f64 holds every i32");
    let lossy = graph! { g(x: I32[2]) { let a = Cast[to = 1](x); let b = Cast[to = 6](a); return b; } };
    assert_eq!(left(lossy), ["Cast", "Cast"], "f32 does not");
    let same = graph! { g(x: F32[2], c: Bool[2]) { let a = Max(x, x); let y = Where(c, a, x); return y; } };
    assert!(left(same).is_empty());
}

#[test]
fn movers_that_move_nothing_and_two_that_are_one() {
    let there_and_back = graph! {
        g(x: F32["n", 3, 4]) {
            let a = Transpose[perm = [0, 2, 1]](x);
            let y = Transpose[perm = [0, 2, 1]](a);
            return y;
        }
    };
    assert!(left(there_and_back).is_empty());
    let three = graph! {
        g(x: F32[2, 3, 4]) {
            let a = Transpose[perm = [1, 2, 0]](x);
            let b = Transpose[perm = [1, 2, 0]](a);
            let c = Transpose[perm = [1, 0, 2]](b);
            return c;
        }
    };
    assert_eq!(left(three), ["Transpose"]);
    let shapes = graph! {
        g(x: F32["n", 12, 4]) {
            const flat = ints(&[0, -1]);
            const heads = ints(&[-1, 2, 24]);
            let a = Reshape(x, flat);
            let y = Reshape(a, heads);
            return y;
        }
    };
    assert_eq!(left(shapes), ["Reshape"]);
    let may_fail = graph! {
        g(x: F32["n"]) {
            const six = ints(&[2, 3]);
            const flat = ints(&[-1]);
            let a = Reshape(x, six);
            let y = Reshape(a, flat);
            return y;
        }
    };
    assert_eq!(left(may_fail), ["Reshape", "Reshape"], "five elements are an error and stay one");
    let padded = graph! {
        g(x: F32[2, 3]) {
            const pads = ints(&[0, 0, 0, 0]);
            const once = ints(&[1, 1]);
            const starts = ints(&[0]);
            const ends = ints(&[9]);
            let a = Pad(x, pads);
            let b = Tile(a, once);
            let c = Slice(b, starts, ends);
            let d = Concat[axis = 0](c);
            let y = Identity(d);
            return y;
        }
    };
    assert!(left(padded).is_empty());
}
