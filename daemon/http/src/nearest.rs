//! The known word that a misspelt one is nearest to.

/// Longer words are cut: nothing known is as long, and the cost grows with the length.
const LONGEST: usize = 64;

/// The one of `known` with the least edit distance to `word`, case ignored; the first of several.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().take(LONGEST).collect();
    known.into_iter().min_by_key(|candidate| distance(&word, &candidate.to_lowercase()))
}

/// Levenshtein's distance, by rows.
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_word() {
        let known = ["application", "after", "before", "limit"];
        for (slip, word) in [("aplication", "application"), ("Limit", "limit"), ("befor", "before"), ("aftr", "after")]
        {
            assert_eq!(nearest(slip, known), Some(word), "{slip}");
        }
        assert_eq!(nearest("x", []), None);
    }
}
