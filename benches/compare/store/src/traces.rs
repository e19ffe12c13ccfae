//! Traces of gets, made from a seed: what a cache of batches may see.

use crate::keys::{Random, Zipf};

/// One get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) key: u64,
    /// Whether it is part of a scan, as whoever scans knows.
    pub(crate) is_scan: bool,
}

/// A trace with its name.
pub(crate) struct Trace {
    pub(crate) name: &'static str,
    pub(crate) accesses: Vec<Access>,
}

/// Keys of a trace that are used again and again.
const KEYS: u64 = 100_000;

/// The exponent of every Zipf distribution here.
const EXPONENT: f64 = 0.99;

/// Where keys begin that are used once or in scans.
const COLD: u64 = 1 << 40;

const fn point(key: u64) -> Access {
    Access { key, is_scan: false }
}

/// Every trace, with so many gets.
pub(crate) fn all(length: usize) -> Vec<Trace> {
    let makers: [(&'static str, fn(usize) -> Vec<Access>); 5] =
        [("zipf", zipf), ("loop", cycle), ("scans", scans), ("oltp", oltp), ("shifting", shifting)];
    makers.into_iter().map(|(name, make)| Trace { name, accesses: make(length) }).collect()
}

/// Independent draws.
fn zipf(length: usize) -> Vec<Access> {
    let mut random = Random::new(1);
    let zipf = Zipf::new(KEYS, EXPONENT, &mut random);
    (0..length).map(|_| point(zipf.key(&mut random))).collect()
}

/// 12,000 keys in the same order over and over.
fn cycle(length: usize) -> Vec<Access> {
    (0..length as u64).map(|step| point(step % 12_000)).collect()
}

/// Draws with scans between them: three gets in ten belong to a scan of 5,000 neighbours somewhere among two millions.
fn scans(length: usize) -> Vec<Access> {
    const SCAN: u64 = 5_000;
    let mut random = Random::new(2);
    let zipf = Zipf::new(KEYS, EXPONENT, &mut random);
    let mut accesses = Vec::with_capacity(length);
    let mut scan = 0..0;
    while accesses.len() < length {
        if scan.is_empty() {
            let start = COLD + random.below(2_000_000 / SCAN) * SCAN;
            scan = start..start + SCAN;
        }
        if random.below(10) < 3 {
            accesses.extend(scan.next().map(|key| Access { key, is_scan: true }));
        } else {
            accesses.push(point(zipf.key(&mut random)));
        }
    }
    accesses
}

/// A database's pages: of ten gets four are of a page used not long ago, four are draws, one is of a page just made,
/// and one goes on in a range that somebody reads in order.
fn oltp(length: usize) -> Vec<Access> {
    let mut random = Random::new(3);
    let zipf = Zipf::new(KEYS, EXPONENT, &mut random);
    let (mut accesses, mut made, mut range): (Vec<Access>, u64, u64) = (Vec::with_capacity(length), COLD, KEYS / 2);
    while accesses.len() < length {
        let key = match random.below(10) {
            0..4 => {
                // Distances whose logarithm is uniform, up to 30,000 gets back.
                let back = libm::pow(30_000.0, random.unit()) as usize;
                match accesses.len().checked_sub(back).and_then(|index| accesses.get(index)) {
                    Some(access) => access.key,
                    None => zipf.key(&mut random),
                }
            }
            4..8 => zipf.key(&mut random),
            8 => {
                made += 1;
                made
            }
            _ => {
                range = if random.below(200) == 0 { random.below(KEYS) } else { (range + 1) % KEYS };
                range
            }
        };
        accesses.push(point(key));
    }
    accesses
}

/// Draws whose frequent keys are others after every eighth of the trace: a quarter of all ranks moves on.
fn shifting(length: usize) -> Vec<Access> {
    let mut random = Random::new(4);
    let zipf = Zipf::new(KEYS, EXPONENT, &mut random);
    let phase = (length / 8).max(1);
    (0..length)
        .map(|step| {
            let key = zipf.key(&mut random);
            let moves = (step / phase) as u64;
            // Which keys move is decided by the key, so that the others stay what they are.
            point(if key % 4 == moves % 4 || moves > 4 { key + (1 + moves) * KEYS } else { key })
        })
        .collect()
}

/// The hits of the best policy that there is, which knows the future: what is used again last leaves first, or is not
/// kept at all (Belady 1966).
pub(crate) fn optimum(trace: &[Access], capacity: usize) -> usize {
    use std::collections::{BinaryHeap, HashMap};
    let mut next = vec![usize::MAX; trace.len()];
    let mut seen: HashMap<u64, usize> = HashMap::new();
    for (index, access) in trace.iter().enumerate().rev() {
        next[index] = seen.insert(access.key, index).unwrap_or(usize::MAX);
    }
    let mut held: HashMap<u64, usize> = HashMap::new();
    let mut order: BinaryHeap<(usize, u64)> = BinaryHeap::new();
    let mut hits = 0;
    for (access, next) in trace.iter().zip(next) {
        hits += usize::from(held.insert(access.key, next).is_some());
        order.push((next, access.key));
        while held.len() > capacity {
            // Places in the order that a later use replaced are passed over.
            let Some((when, key)) = order.pop() else { break };
            if held.get(&key) == Some(&when) {
                held.remove(&key);
            }
        }
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_the_same_every_time() {
        for (first, second) in all(2_000).into_iter().zip(all(2_000)) {
            assert_eq!(first.accesses, second.accesses, "{}", first.name);
            assert_eq!(first.accesses.len(), 2_000);
        }
    }

    #[test]
    fn the_optimum_of_a_loop_is_known() {
        let trace: Vec<Access> = (0..1_000_u64).map(|step| point(step % 10)).collect();
        // Four of ten keys stay; the other six are missed each time.
        assert_eq!(optimum(&trace, 4), 4 * 99);
        assert_eq!(optimum(&trace, 10), 990);
    }
}
