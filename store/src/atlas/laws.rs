//! The laws of the atlas as property tests. A failure prints the smallest case that breaks the law.

use std::{
    cmp::Ordering,
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    ops::{Bound, RangeBounds},
};

use num_bigint::BigUint;
use proptest::{collection::vec, prelude::*};

use super::*;

/// Strata with the edges of each digit drawn often.
fn stratum() -> impl Strategy<Value = Stratum> {
    let lanes = u64::from(LANES);
    prop_oneof![
        Just(0),
        Just(1),
        Just(lanes - 1),
        Just(lanes),
        Just(STRATA - 1),
        Just(STRATA - 2),
        0..1000_u64,
        0..STRATA,
        0..STRATA,
    ]
    .prop_map(|number| Stratum::from_number(number).unwrap())
}

fn path() -> impl Strategy<Value = Vec<Stratum>> {
    vec(stratum(), 1..9)
}

fn coordinate() -> impl Strategy<Value = Coordinate> {
    path().prop_map(|path| Coordinate::from_strata(path).unwrap())
}

fn number() -> impl Strategy<Value = BigUint> {
    vec(any::<u32>(), 0..=128).prop_map(BigUint::new)
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn expanded_count() {
    assert_eq!(STRATA, 773_094_113_280);
    assert_eq!(STRATA, 96 * 48 * 256 * 655_360);
    assert_eq!(STRATA % u64::from(CLASSES), 0, "the last stratum alone decides the routing class");
}

/// Every cell of one class with the first and last lane: digits, bytes, text and number agree, and come in order.
#[test]
fn decode_encode_on_one_class() {
    let class = Class::new(17).unwrap();
    let mut before = None;
    for page in 0..PAGES {
        for byte in 0..=u8::MAX {
            for lane in [0, 1, LANES - 1] {
                let cell = Cell::new(class, Page::new(page).unwrap(), Byte(byte));
                let at = Coordinate::root(Stratum::new(cell, lane).unwrap());
                assert_eq!(at.as_bytes()[..3], [17, page, byte]);
                assert_eq!(Coordinate::from_bytes(at.as_bytes()).unwrap(), at);
                assert_eq!(Coordinate::from_biguint(&at.to_biguint()), at);
                assert_eq!(Coordinate::from(at.to_u64().unwrap()), at);
                assert_eq!(at.to_string(), format!("17.{page}.{byte}.{lane}"));
                assert_eq!(at.to_string().parse::<Coordinate>().unwrap(), at);
                assert!(before.is_none_or(|before| before < at), "{at}");
                before = Some(at);
            }
        }
    }
}

/// Numbers around each change of depth come out as the shortest paths, in numeric order.
#[test]
fn depth_changes_where_the_number_says() {
    let mut first = BigUint::ZERO;
    for depth in 1..=8 {
        let at = Coordinate::from_biguint(&first);
        assert_eq!(at.depth(), depth);
        assert!(at.strata().all(|stratum| stratum == Stratum::FIRST), "{at}");
        if depth > 1 {
            let before = Coordinate::from_biguint(&(&first - 1_u32));
            assert_eq!(before.depth(), depth - 1);
            assert!(before.strata().all(|stratum| stratum == Stratum::LAST), "{before}");
        }
        first = (first + 1_u32) * STRATA;
    }
    assert_eq!(Coordinate::from(u128::MAX).depth(), 4);
    assert_eq!(Coordinate::from(u128::MAX).to_u128(), Some(u128::MAX));
    assert_eq!(Coordinate::from_biguint(&(BigUint::from(u128::MAX) + 1_u32)).to_u128(), None);
}

#[test]
fn malformed_forms_are_refused() {
    for bytes in [&[][..], &[0; 5], &[0; 7], &[96, 0, 0, 0, 0, 0], &[0, 48, 0, 0, 0, 0], &[0, 0, 0, 10, 0, 0]] {
        assert!(Coordinate::from_bytes(bytes).is_err(), "{bytes:?}");
    }
    for text in
        ["", "/", "1.2.3", "1.2.3.4.5", "96.0.0.0", "0.48.0.0", "0.0.256.0", "0.0.0.655360", "0.0.0.0/", "a.0.0.0"]
    {
        assert!(text.parse::<Coordinate>().is_err(), "{text:?}");
    }
    assert!(Coordinate::from_strata([]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn digests_have_coordinates_of_their_own(one: [u8; 32], other: [u8; 32]) {
        let at = Coordinate::of_digest(&one);
        prop_assert!(Coordinate::root(Stratum::CONTENT).is_prefix_of(&at) && at.depth() == 8);
        prop_assert_eq!(at.strata().next().map(|stratum| stratum.cell().class().id()), Some(95));
        let digits = at.strata().skip(1).fold(BigUint::ZERO, |number, stratum| number * STRATA + stratum.number());
        prop_assert_eq!(digits, BigUint::from_bytes_be(&one));
        prop_assert_eq!(at == Coordinate::of_digest(&other), one == other);
    }

    #[test]
    fn expanded_bijection(number in 0..STRATA) {
        let stratum = Stratum::from_number(number).unwrap();
        prop_assert_eq!(Stratum::new(stratum.cell(), stratum.lane()).unwrap(), stratum);
        prop_assert_eq!(Stratum::from_bytes(stratum.to_bytes()).unwrap(), stratum);
        prop_assert_eq!(Coordinate::from(number).to_u64(), Some(number));
    }

    #[test]
    fn biguint_roundtrip(number in number()) {
        prop_assert_eq!(Coordinate::from_biguint(&number).to_biguint(), number);
    }

    #[test]
    fn machine_words_agree_with_biguint(number in any::<u128>(), shift in 0..128_u32) {
        let number = number >> shift;
        let at = Coordinate::from(number);
        prop_assert_eq!(&at, &Coordinate::from_biguint(&number.into()));
        prop_assert_eq!(at.to_u128(), Some(number));
        prop_assert_eq!(at.to_u64(), u64::try_from(number).ok());
    }

    #[test]
    fn factor_roundtrip(path in path()) {
        let at = Coordinate::from_strata(path.iter().copied()).unwrap();
        prop_assert_eq!(at.strata().collect::<Vec<_>>(), &path[..]);
        prop_assert_eq!(at.depth(), path.len());
        prop_assert_eq!(at.stratum(path.len() - 1), Some(at.last()));
        prop_assert_eq!(at.stratum(path.len()), None);
    }

    #[test]
    fn decode_encode(at in coordinate()) {
        prop_assert_eq!(&Coordinate::from_biguint(&at.to_biguint()), &at);
        prop_assert_eq!(&Coordinate::from_bytes(at.as_bytes()).unwrap(), &at);
        prop_assert_eq!(&at.to_string().parse::<Coordinate>().unwrap(), &at);
        prop_assert_eq!(at.to_u128().map(BigUint::from), Some(at.to_biguint()).filter(|number| number.bits() <= 128));
    }

    #[test]
    fn order_is_byte_order_and_preorder(left in path(), right in path(), shared in 0..9_usize) {
        // Share a prefix, so that the order is decided at every depth.
        let right: Vec<_> = left.iter().copied().take(shared).chain(right).collect();
        let (a, b) = (Coordinate::from_strata(left.clone()).unwrap(), Coordinate::from_strata(right.clone()).unwrap());
        prop_assert_eq!(a.cmp(&b), left.cmp(&right));
        prop_assert_eq!(a.cmp(&b), a.as_bytes().cmp(b.as_bytes()));
        prop_assert_eq!(a == b, left == right);
        prop_assert_eq!(a.cmp(&b) == Ordering::Equal, a == b);
        if a == b {
            prop_assert_eq!(hash(&a), hash(&b));
        }
        if left.len() == right.len() {
            prop_assert_eq!(a.to_biguint().cmp(&b.to_biguint()), a.cmp(&b));
        }
    }

    #[test]
    fn parent_inverts_child(at in coordinate(), stratum in stratum()) {
        let child = at.child(stratum);
        prop_assert_eq!(child.to_biguint(), (at.to_biguint() + 1_u32) * STRATA + stratum.number());
        prop_assert_eq!(child.parent(), Some(at.clone()));
        prop_assert_eq!(child.last(), stratum);
        prop_assert_eq!(hash(&child), hash(&Coordinate::from_bytes(child.as_bytes()).unwrap()));
        prop_assert!(at < child);
        prop_assert_eq!(Coordinate::root(stratum).parent(), None);
    }

    #[test]
    fn prefix_is_subtree(at in coordinate(), below in vec(stratum(), 0..4), other in coordinate()) {
        let inside = below.into_iter().fold(at.clone(), |at, stratum| at.child(stratum));
        let range = at.range();
        prop_assert!(at.is_prefix_of(&inside) && range.contains(&inside));
        prop_assert_eq!(at.is_prefix_of(&other), range.contains(&other));
        if let Bound::Excluded(past) = range.1 {
            prop_assert!(!at.is_prefix_of(&past) && inside < past);
        } else {
            prop_assert!(at.strata().all(|stratum| stratum == Stratum::LAST));
        }
    }

    #[test]
    fn routing_class_is_the_number_mod_96(at in coordinate()) {
        prop_assert_eq!(u64::from(at.routing_class().id()), ClassRing::project(&at.to_biguint()).number());
    }

    #[test]
    fn root_is_replaced_alone(at in coordinate(), stratum in stratum()) {
        let moved = at.with_root(stratum);
        prop_assert_eq!(moved.strata().skip(1).collect::<Vec<_>>(), at.strata().skip(1).collect::<Vec<_>>());
        prop_assert_eq!(moved.stratum(0), Some(stratum));
        prop_assert_eq!(&moved, &Coordinate::from_bytes(moved.as_bytes()).unwrap());
    }

    #[test]
    fn space_roundtrip(axes in vec((1..=u64::MAX, any::<u64>()), 1..7), small in any::<bool>()) {
        let axes: Vec<_> = axes.into_iter().map(|(size, code)| {
            let size = if small { size % 9 + 1 } else { size };
            (size, code % size)
        }).collect();
        let space = Space::new(axes.iter().enumerate().map(|(index, axis)| (index.to_string(), axis.0))).unwrap();
        let codes: Vec<_> = axes.iter().map(|axis| axis.1).collect();
        let at = space.encode(&codes).unwrap();
        prop_assert_eq!(&space.decode(&at).unwrap(), &codes);
        let number = axes.iter().fold(BigUint::ZERO, |number, (size, code)| number * *size + *code);
        prop_assert_eq!(at.to_biguint(), number);
        if space.cardinality_u64().is_some() {
            prop_assert_eq!(Some(space.encode_u64(&codes).unwrap()), at.to_u64());
        }
        prop_assert!(space.decode(&Coordinate::from_biguint(&(space.cardinality() + codes[0]))).is_err());
    }

    #[test]
    fn torus_laws(a in any::<u64>(), b in any::<u64>(), c in any::<u64>(), k in any::<u64>()) {
        // Any pair of residues, also those that no single number projects to.
        let point = |n: u64| Torus::new(Page::new((n >> 8) as u8 % PAGES).unwrap(), Byte(n as u8));
        let (a, b, c) = (point(a), point(b), point(c));
        prop_assert_eq!((a + b) + c, a + (b + c));
        prop_assert_eq!(a + b, b + a);
        prop_assert_eq!((a * b) * c, a * (b * c));
        prop_assert_eq!(a * b, b * a);
        prop_assert_eq!(a * (b + c), a * b + a * c);
        prop_assert_eq!(a + Torus::zero(), a);
        prop_assert_eq!(a * Torus::one(), a);
        prop_assert_eq!(a + a.scale(u64::from(BYTES) * u64::from(PAGES) - 1), Torus::zero());
        prop_assert_eq!((a + b).scale(k), a.scale(k) + b.scale(k));
        prop_assert_eq!(a.scale(k), a * Torus::from_number(k));
        prop_assert!(a.page().number() < 48 && a.byte().number() < 256);
    }

    #[test]
    fn generators_are_homomorphic(a in number(), b in number(), k in any::<u64>()) {
        fn holds<const M: u64>(a: &BigUint, b: &BigUint, k: u64) {
            let project = Residue::<M>::project;
            assert_eq!(project(a).number(), u64::try_from(a % M).unwrap());
            assert_eq!(project(&(a + b)), project(a) + project(b));
            assert_eq!(project(&(a * b)), project(a) * project(b));
            assert_eq!(project(&(a * k)), project(a).scale(k));
        }
        holds::<{ CELLS as u64 }>(&a, &b, k);
        holds::<{ CLASSES as u64 }>(&a, &b, k);
        holds::<{ PAGES as u64 }>(&a, &b, k);
        holds::<{ BYTES as u64 }>(&a, &b, k);
        let project = Torus::project;
        prop_assert_eq!(project(&(&a + &b)), project(&a) + project(&b));
        prop_assert_eq!(project(&(&a * &b)), project(&a) * project(&b));
        prop_assert_eq!(project(&(&a * k)), project(&a).scale(k));
    }
}
