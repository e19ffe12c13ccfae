//! Turns: every contestant has one in each round, and the one that begins changes.

use anyhow::Result;

/// Who is measured, and how: a turn gives one number.
pub(crate) struct Contestant<'a> {
    pub(crate) name: String,
    turn: Box<dyn FnMut() -> Result<f64> + 'a>,
}

impl<'a> Contestant<'a> {
    pub(crate) fn new(name: impl Into<String>, turn: impl FnMut() -> Result<f64> + 'a) -> Self {
        Self { name: name.into(), turn: Box::new(turn) }
    }
}

/// One contestant's numbers, a round each.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) samples: Vec<f64>,
}

/// Runs the rounds.
///
/// # Errors
/// What a turn says.
pub(crate) fn run(rounds: u32, contestants: Vec<Contestant<'_>>, alone: Option<&str>) -> Result<Vec<Line>> {
    let mut contestants = contestants;
    if let Some(alone) = alone {
        contestants.retain(|contestant| contestant.name == alone);
    }
    let mut lines: Vec<Line> =
        contestants.iter().map(|contestant| Line { name: contestant.name.clone(), samples: Vec::new() }).collect();
    let count = contestants.len().max(1);
    for round in 0..rounds as usize {
        for turn in 0..contestants.len() {
            let index = (turn + round) % count;
            lines[index].samples.push((contestants[index].turn)()?);
        }
    }
    Ok(lines)
}

/// The middle of some numbers; not a number where there are none.
pub(crate) fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    match (sorted.len() / 2, sorted.len() % 2) {
        (_, _) if sorted.is_empty() => f64::NAN,
        (middle, 0) => f64::midpoint(sorted[middle - 1], sorted[middle]),
        (middle, _) => sorted[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_turn_a_round() {
        let order = std::cell::RefCell::new(String::new());
        let contestant = |name: &'static str| {
            let order = &order;
            Contestant::new(name, move || {
                order.borrow_mut().push_str(name);
                Ok(1.0)
            })
        };
        let lines = run(3, vec![contestant("a"), contestant("b")], None).unwrap();
        assert_eq!(*order.borrow(), "abbaab");
        assert_eq!(lines[1].samples, [1.0; 3]);
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0, 2.0, 3.0])), (2.0, 2.5));
    }
}
