//! Breaking a text into lines by width, as Chinese is set: between any two characters, but not
//! inside a word or figure, not before closing marks and not after opening ones.

use crate::{Font, Length};

/// Marks that may not begin a line.
const NOT_FIRST: &str = "\u{ff0c}\u{ff1a}\u{ff1b}\u{ff01}\u{ff1f}\u{ff09}\u{ff05}\u{ff0e}\
    。、》」』】〕〉”’·…%‰,.;:!?)]}〗";
/// Marks that may not end a line.
const NOT_LAST: &str = "\u{ff08}\u{ffe5}《「『【〔〈“‘([{¥〖";

/// The lines of a text that are at most this wide. A text without characters has one empty line.
pub(crate) fn lines(text: &str, font: &Font, size: Length, width: Length) -> Vec<String> {
    let mut found = Vec::new();
    for paragraph in text.split('\n') {
        broken(paragraph, &|c| font.advance(c, size), width, &mut found);
    }
    found
}

fn broken(text: &str, advance: &dyn Fn(char) -> Length, width: Length, found: &mut Vec<String>) {
    let letters: Vec<char> = text.chars().filter(|c| !c.is_control()).collect();
    let mut start = 0;
    loop {
        let end = line_end(&letters, start, advance, width);
        let line: String = letters.get(start..end).unwrap_or_default().iter().collect();
        found.push(line.trim_end().to_owned());
        start = end;
        while letters.get(start) == Some(&' ') {
            start += 1;
        }
        if start >= letters.len() {
            return;
        }
    }
}

/// Where the line that begins at `start` ends: after the last place at which it may be cut and
/// still fits, or after the last letter that fits when there is no such place.
fn line_end(
    letters: &[char],
    start: usize,
    advance: &dyn Fn(char) -> Length,
    width: Length,
) -> usize {
    let (mut used, mut allowed) = (0, start);
    for (index, letter) in letters.iter().enumerate().skip(start) {
        if index > start && may_break(letters, index) {
            allowed = index;
        }
        used += advance(*letter);
        if used > width && index > start && *letter != ' ' {
            return if allowed > start { allowed } else { index };
        }
    }
    letters.len()
}

/// Whether a line may be cut before the letter at `index`.
fn may_break(letters: &[char], index: usize) -> bool {
    let (Some(before), Some(after)) = (letters.get(index - 1), letters.get(index)) else {
        return false;
    };
    if NOT_FIRST.contains(*after) || NOT_LAST.contains(*before) {
        return false;
    }
    *before == ' ' || !(is_word(*before) && is_word(*after))
}

/// Letters and figures of words that stay together.
fn is_word(letter: char) -> bool {
    letter.is_ascii() && letter != ' ' && letter != '/'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_where_they_may_be() {
        // A Chinese character is two wide, a Latin one is one.
        let advance = |c: char| if c.is_ascii() { 1 } else { 2 };
        for (text, width, expected) in [
            ("", 4, vec![""]),
            ("城市低保", 8, vec!["城市低保"]),
            ("城市低保", 6, vec!["城市低", "保"]),
            ("城市,低保", 4, vec!["城", "市,", "低保"]),
            ("(城市)低", 4, vec!["(城", "市)", "低"]),
            ("城市\u{ff0c}低保", 4, vec!["城", "市\u{ff0c}", "低保"]),
            ("城\u{ff08}市\u{ff09}", 6, vec!["城", "\u{ff08}市\u{ff09}"]),
            ("合计1,234.50元", 8, vec!["合计", "1,234.50", "元"]),
            ("1234567890", 4, vec!["1234", "5678", "90"]),
            ("two words", 5, vec!["two", "words"]),
            ("县\u{7}市", 9, vec!["县市"]),
        ] {
            let mut found = Vec::new();
            broken(text, &advance, width, &mut found);
            assert_eq!(found, expected, "{text} {width}");
        }
    }
}
