//! Names in messages: short lists, and the nearest of the names that are given.

use arrow_schema::FieldRef;

/// Names listed at most.
const LISTED_MAX: usize = 6;

/// At most six names, and dots for the others.
pub(super) fn list<S: AsRef<str>>(names: &[S]) -> String {
    let mut text = names.iter().take(LISTED_MAX).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    if names.len() > LISTED_MAX {
        text.push_str(", ...");
    }
    text
}

/// The index of the column of this name: exactly, else the only one that differs in upper and lower case.
pub(super) fn find(columns: &[FieldRef], name: &str) -> Option<usize> {
    if let Some(i) = columns.iter().position(|c| c.name() == name) {
        return Some(i);
    }
    let mut alike = (0..columns.len()).filter(|i| columns[*i].name().eq_ignore_ascii_case(name));
    alike.next().filter(|_| alike.next().is_none())
}

/// The given name nearest to one that is missing, when it is near enough to be meant.
pub(super) fn nearest<'a>(columns: &'a [FieldRef], name: &str) -> Option<&'a str> {
    let wanted = plain(name);
    let reach = (wanted.len() / 3).max(1);
    let near = columns.iter().map(|c| (distance(&wanted, &plain(c.name())), c.name().as_str()));
    near.filter(|(d, _)| *d <= reach && *d < wanted.len()).min_by_key(|(d, _)| *d).map(|(_, n)| n)
}

/// Letters and digits in lower case: names that differ only in how words are joined are the same.
fn plain(name: &str) -> Vec<char> {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(64).collect()
}

/// Levenshtein's edit distance.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replace = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
