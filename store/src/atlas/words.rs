//! The identities H² = X² = Z² = I, HXH = Z and S² = Z as theorems: the one-qubit Clifford group, up to phase, as integers.
//!
//! Up to phase a one-qubit gate is a rotation of the Bloch sphere, and the Clifford gates are the 24 rotations of the cube:
//! signed permutation matrices of determinant 1. Source: Gottesman, "The Heisenberg representation of quantum computers",
//! arXiv:quant-ph/9807006. Nothing outside of the tests uses them: no query rewrites gates.

use std::collections::BTreeSet;

/// A rotation of the axes x, y and z.
type Matrix = [[i32; 3]; 3];

const I: Matrix = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
/// Half a turn about x.
const X: Matrix = [[1, 0, 0], [0, -1, 0], [0, 0, -1]];
/// Half a turn about z.
const Z: Matrix = [[-1, 0, 0], [0, -1, 0], [0, 0, 1]];
/// Exchanges x and z, and turns y round.
const H: Matrix = [[0, 0, 1], [0, -1, 0], [1, 0, 0]];
/// A quarter of a turn about z.
const S: Matrix = [[0, -1, 0], [1, 0, 0], [0, 0, 1]];

fn product(factors: &[Matrix]) -> Matrix {
    let two = |a: Matrix, b: Matrix| -> Matrix {
        std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
    };
    factors.iter().copied().fold(I, two)
}

fn determinant(m: &Matrix) -> i32 {
    let minor = |a: usize, b: usize| m[1][a] * m[2][b] - m[1][b] * m[2][a];
    m[0][0] * minor(1, 2) - m[0][1] * minor(0, 2) + m[0][2] * minor(0, 1)
}

/// Everything that words over these letters spell.
fn spelt(letters: &[Matrix]) -> BTreeSet<Matrix> {
    let mut found = BTreeSet::from([I]);
    let mut new = vec![I];
    while let Some(word) = new.pop() {
        new.extend(letters.iter().map(|letter| product(&[word, *letter])).filter(|longer| found.insert(*longer)));
    }
    found
}

#[test]
fn the_identities_hold() {
    for (word, meaning, name) in [
        (&[H, H][..], I, "H² = I"),
        (&[X, X], I, "X² = I"),
        (&[Z, Z], I, "Z² = I"),
        (&[H, X, H], Z, "HXH = Z"),
        (&[H, Z, H], X, "HZH = X"),
        (&[S, S], Z, "S² = Z"),
        (&[S, S, S, S], I, "S⁴ = I"),
        (&[H, S, H, S, H, S], I, "(HS)³ = I, up to phase"),
    ] {
        assert_eq!(product(word), meaning, "{name}");
    }
    assert_ne!(product(&[H, X]), product(&[X, H]), "the group is not commutative");
}

#[test]
fn h_and_s_spell_all_24_elements_and_nothing_else() {
    let group = spelt(&[H, S]);
    assert_eq!(group.len(), 24);
    for a in &group {
        assert_eq!(determinant(a), 1, "{a:?}");
        assert!(a.iter().all(|row| row.iter().filter(|x| **x != 0).count() == 1), "{a:?} permutes the axes");
        let transposed: Matrix = std::array::from_fn(|i| std::array::from_fn(|j| a[j][i]));
        assert_eq!(product(&[*a, transposed]), I, "the inverse of {a:?} is its transpose");
        assert!(group.iter().all(|b| group.contains(&product(&[*a, *b]))), "closed under {a:?}");
    }
    let paulis = spelt(&[X, Z]);
    assert_eq!(paulis.len(), 4);
    for a in &group {
        let inverse = group.iter().find(|b| product(&[*a, **b]) == I).copied().unwrap_or(I);
        assert!(paulis.iter().all(|p| paulis.contains(&product(&[*a, *p, inverse]))), "{a:?} keeps the Pauli group");
    }
}
