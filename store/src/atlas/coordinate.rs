//! Coordinates: a non-empty path of strata that is also one natural number.
//!
//! A path of one stratum is that stratum's number; the child `s` of `n` is `(n + 1) * S + s`. So every natural number is
//! exactly one coordinate. The byte form is six bytes a stratum; comparing bytes walks the tree in pre-order, and every
//! prefix of whole strata is an ancestor. In memory up to five strata live inline in 32 bytes, deeper paths on the heap.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    ops::Bound,
    str::FromStr,
};

use num_bigint::BigUint;

use super::{Class, STRATA, Stratum, stratum::STRATUM_BYTES};
use crate::{Error, Result};

/// Strata that a coordinate holds without an allocation.
pub const INLINE_STRATA: usize = 5;

const INLINE_BYTES: usize = INLINE_STRATA * STRATUM_BYTES;

/// The address of a batch or of one answer. Ordered by its bytes, which is pre-order over the tree of paths.
#[derive(Clone, PartialEq, Eq)]
pub struct Coordinate(Form);

/// One representation a path: inline up to five strata, heap beyond, so that equality is equality of forms.
#[derive(Clone, PartialEq, Eq)]
enum Form {
    /// The digits, zero-padded, and then the number of bytes in use: one 31-byte key that compares like the path.
    Inline([u8; INLINE_BYTES + 1]),
    Heap(Box<[u8]>),
}

const _: () = assert!(size_of::<Coordinate>() == 32);

impl Coordinate {
    /// The coordinate of one stratum.
    #[inline]
    pub fn root(stratum: Stratum) -> Self {
        Self(Form::inline(&stratum.to_bytes()))
    }

    /// The coordinate with this path.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty path.
    pub fn from_strata(path: impl IntoIterator<Item = Stratum>) -> Result<Self> {
        let mut bytes = Vec::new();
        path.into_iter().for_each(|stratum| bytes.extend_from_slice(&stratum.to_bytes()));
        if bytes.is_empty() {
            return Err(Error::Invalid("coordinate of an empty path: give one stratum or more".into()));
        }
        Ok(Self(Form::of(&bytes)))
    }

    /// The coordinate with this byte form.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the length is not a positive multiple of six or a digit is out of range.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (strata, rest) = bytes.as_chunks::<STRATUM_BYTES>();
        if strata.is_empty() || !rest.is_empty() {
            let length = bytes.len();
            return Err(Error::Invalid(format!(
                "coordinate of {length} bytes: give six for each stratum, one or more"
            )));
        }
        for &stratum in strata {
            Stratum::from_bytes(stratum)?;
        }
        Ok(Self(Form::of(bytes)))
    }

    /// The byte form: six bytes a stratum.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Inline(key) => &key[..usize::from(key[INLINE_BYTES])],
            Form::Heap(bytes) => bytes,
        }
    }

    /// The coordinate that is this natural number.
    pub fn from_biguint(number: &BigUint) -> Self {
        if let Ok(number) = u128::try_from(number) {
            return Self::from(number);
        }
        let mut path = Vec::new();
        let mut rest = number.clone();
        loop {
            path.push(remainder(&rest));
            rest /= STRATA;
            if rest == BigUint::ZERO {
                break;
            }
            rest -= 1_u32;
        }
        let bytes: Vec<u8> = path.iter().rev().flat_map(|stratum| stratum.to_bytes()).collect();
        Self(Form::of(&bytes))
    }

    /// The coordinate of content with a digest of 256 bits: below the first stratum of class 95, the digest's seven digits.
    /// Different digests have different coordinates.
    pub fn of_digest(digest: &[u8; 32]) -> Self {
        let mut digits = [Stratum::FIRST; 8];
        digits[0] = Stratum::CONTENT;
        let mut rest = BigUint::from_bytes_be(digest);
        for digit in digits[1..].iter_mut().rev() {
            *digit = remainder(&rest);
            rest /= STRATA;
        }
        let bytes: Vec<u8> = digits.iter().flat_map(|stratum| stratum.to_bytes()).collect();
        Self(Form::of(&bytes))
    }

    /// The natural number that this coordinate is.
    pub fn to_biguint(&self) -> BigUint {
        let mut strata = self.strata();
        let first = BigUint::from(strata.next().map_or(0, Stratum::number));
        strata.fold(first, |number, stratum| (number + 1_u32) * STRATA + stratum.number())
    }

    /// The natural number, where it fits 128 bits: always up to three strata, and the smallest four-strata paths.
    pub fn to_u128(&self) -> Option<u128> {
        let mut strata = self.strata();
        let first = u128::from(strata.next().map_or(0, Stratum::number));
        strata.try_fold(first, |number, stratum| {
            (number + 1).checked_mul(u128::from(STRATA))?.checked_add(u128::from(stratum.number()))
        })
    }

    /// The natural number, where it fits 64 bits: always for one stratum.
    pub fn to_u64(&self) -> Option<u64> {
        if self.depth() > 2 {
            return None;
        }
        u64::try_from(self.to_u128()?).ok()
    }

    /// The child at this stratum.
    #[must_use]
    #[inline]
    pub fn child(&self, stratum: Stratum) -> Self {
        let digits = stratum.to_bytes();
        if let Form::Inline(key) = &self.0 {
            let start = usize::from(key[INLINE_BYTES]);
            if start < INLINE_BYTES {
                // Written in place: reading back what was stored byte by byte would stall.
                let mut child = Self(Form::Inline(*key));
                if let Form::Inline(key) = &mut child.0 {
                    key[start..start + STRATUM_BYTES].copy_from_slice(&digits);
                    key[INLINE_BYTES] = (start + STRATUM_BYTES) as u8;
                }
                return child;
            }
        }
        Self(Form::Heap([self.as_bytes(), &digits].concat().into()))
    }

    /// The parent; `None` for a path of one stratum.
    pub fn parent(&self) -> Option<Self> {
        let bytes = self.as_bytes();
        (bytes.len() > STRATUM_BYTES).then(|| Self(Form::of(&bytes[..bytes.len() - STRATUM_BYTES])))
    }

    /// The number of strata, at least one.
    pub fn depth(&self) -> usize {
        self.as_bytes().len() / STRATUM_BYTES
    }

    /// The stratum at a depth counted from 0; `None` past the end.
    pub fn stratum(&self, depth: usize) -> Option<Stratum> {
        self.as_bytes().as_chunks().0.get(depth).map(|&digits| known(digits))
    }

    /// The last stratum of the path.
    #[inline]
    pub fn last(&self) -> Stratum {
        self.as_bytes().last_chunk().map_or(Stratum::FIRST, |&digits| known(digits))
    }

    /// The strata of the path, from the root.
    pub fn strata(&self) -> impl Iterator<Item = Stratum> + '_ {
        self.as_bytes().as_chunks().0.iter().map(|&digits| known(digits))
    }

    /// The class that this coordinate routes to: its number mod 96. Consecutive numbers visit every class in turn.
    ///
    /// The radix is a multiple of 96, so the last stratum alone decides.
    #[inline]
    pub fn routing_class(&self) -> Class {
        Class::reduce(self.last().number())
    }

    /// Whether `other` is this coordinate or lies below it.
    pub fn is_prefix_of(&self, other: &Self) -> bool {
        other.as_bytes().starts_with(self.as_bytes())
    }

    /// The bounds of this coordinate's subtree in byte order: itself, and then everything below it.
    pub fn range(&self) -> (Bound<Self>, Bound<Self>) {
        (Bound::Included(self.clone()), self.successor().map_or(Bound::Unbounded, Bound::Excluded))
    }

    /// The first coordinate in byte order that is past this one's subtree; `None` at the end of the space.
    fn successor(&self) -> Option<Self> {
        let mut at = self.clone();
        loop {
            let next = Stratum::from_number(at.last().number() + 1).ok();
            match (next, at.parent()) {
                (Some(next), Some(parent)) => return Some(parent.child(next)),
                (Some(next), None) => return Some(Self::root(next)),
                (None, parent) => at = parent?,
            }
        }
    }

    /// The six bytes of a path of one stratum, as one number.
    #[inline]
    pub(crate) fn as_root(&self) -> Option<u64> {
        match &self.0 {
            Form::Inline(key) if usize::from(key[INLINE_BYTES]) == STRATUM_BYTES => {
                let mut word = [0; 8];
                word[2..].copy_from_slice(&key[..STRATUM_BYTES]);
                Some(u64::from_be_bytes(word))
            }
            _ => None,
        }
    }

    /// The path of one stratum with these six bytes, which came from [`as_root`](Self::as_root).
    #[inline]
    pub(crate) fn of_root(bytes: u64) -> Self {
        Self(Form::inline(&bytes.to_be_bytes()[2..]))
    }

    /// The bytes that it has on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Inline(_) => 0,
            Form::Heap(bytes) => bytes.len(),
        }
    }

    /// The path with its first stratum replaced.
    pub(crate) fn with_root(&self, root: Stratum) -> Self {
        let mut moved = self.clone();
        let bytes = match &mut moved.0 {
            Form::Inline(key) => &mut key[..],
            Form::Heap(bytes) => &mut bytes[..],
        };
        bytes[..STRATUM_BYTES].copy_from_slice(&root.to_bytes());
        moved
    }
}

/// The stratum of digits that were checked when the coordinate was made.
fn known([class, page, byte, high, middle, low]: [u8; STRATUM_BYTES]) -> Stratum {
    let cell = u64::from(class) * u64::from(super::CELLS) + u64::from(page) * u64::from(super::BYTES) + u64::from(byte);
    let lane = u32::from_be_bytes([0, high, middle, low]);
    Stratum::known(cell * u64::from(super::LANES) + u64::from(lane))
}

/// The last digit of a number in radix S.
fn remainder(number: &BigUint) -> Stratum {
    Stratum::known(u64::try_from(number % STRATA).unwrap_or(0))
}

impl Form {
    /// The one form of these checked digits.
    fn of(bytes: &[u8]) -> Self {
        if bytes.len() <= INLINE_BYTES { Self::inline(bytes) } else { Self::Heap(bytes.into()) }
    }

    /// The inline form of at most 30 digits.
    #[inline]
    fn inline(bytes: &[u8]) -> Self {
        let mut key = [0; INLINE_BYTES + 1];
        key[..bytes.len()].copy_from_slice(bytes);
        key[INLINE_BYTES] = bytes.len() as u8;
        Self::Inline(key)
    }
}

/// An inline key as two big-endian words. They overlap in one byte, which changes neither order nor equality.
fn words(key: &[u8; INLINE_BYTES + 1]) -> (u128, u128) {
    let mut words = [[0; 16]; 2];
    words[0].copy_from_slice(&key[..16]);
    words[1].copy_from_slice(&key[INLINE_BYTES - 15..]);
    (u128::from_be_bytes(words[0]), u128::from_be_bytes(words[1]))
}

impl Ord for Coordinate {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Form::Inline(left), Form::Inline(right)) => words(left).cmp(&words(right)),
            _ => self.as_bytes().cmp(other.as_bytes()),
        }
    }
}

impl PartialOrd for Coordinate {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Coordinate {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Form::Inline(key) => {
                let (high, low) = words(key);
                state.write_u128(high);
                state.write_u128(low);
            }
            Form::Heap(bytes) => bytes.hash(state),
        }
    }
}

impl From<u32> for Coordinate {
    #[inline]
    fn from(number: u32) -> Self {
        Self::root(Stratum::known(number.into()))
    }
}

impl From<u64> for Coordinate {
    #[inline]
    fn from(number: u64) -> Self {
        match Stratum::from_number(number) {
            Ok(stratum) => Self::root(stratum),
            Err(_) => Self::from_wide(number.into()),
        }
    }
}

impl From<u128> for Coordinate {
    #[inline]
    fn from(number: u128) -> Self {
        match u64::try_from(number) {
            Ok(number) => Self::from(number),
            Err(_) => Self::from_wide(number),
        }
    }
}

impl Coordinate {
    /// The coordinate of any number of 128 bits, by division in 128 bits.
    fn from_wide(number: u128) -> Self {
        let radix = u128::from(STRATA);
        // 2^128 is below S^4 + S^3 + S^2 + S, so a path of four strata holds any number of 128 bits.
        let mut bytes = [0; INLINE_BYTES];
        let mut start = INLINE_BYTES;
        let mut rest = number;
        loop {
            start -= STRATUM_BYTES;
            let stratum = Stratum::known((rest % radix) as u64);
            bytes[start..start + STRATUM_BYTES].copy_from_slice(&stratum.to_bytes());
            match (rest / radix).checked_sub(1) {
                Some(parent) => rest = parent,
                None => break,
            }
        }
        Self(Form::inline(&bytes[start..]))
    }
}

impl From<Stratum> for Coordinate {
    fn from(stratum: Stratum) -> Self {
        Self::root(stratum)
    }
}

impl fmt::Display for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, stratum) in self.strata().enumerate() {
            let separator = if depth == 0 { "" } else { "/" };
            write!(f, "{separator}{stratum}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Coordinate({self})")
    }
}

impl FromStr for Coordinate {
    type Err = Error;

    /// Reads strata separated by `/`, each as class.page.byte.lane.
    fn from_str(text: &str) -> Result<Self> {
        let path: Vec<Stratum> = text.split('/').map(str::parse).collect::<Result<_>>()?;
        Self::from_strata(path)
    }
}
