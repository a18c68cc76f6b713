//! Texts from outside, as a terminal may be given them: their control characters would move the cursor, or say what
//! is not so.

const REPLACED: &str = "\u{fffd}";

/// Within a line.
pub(crate) fn line(text: &str) -> String {
    text.replace(char::is_control, REPLACED)
}

/// Of several lines.
pub(crate) fn lines(text: &str) -> String {
    text.replace(|char: char| char.is_control() && char != '\n' && char != '\t', REPLACED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_comes_through() {
        assert_eq!(line("S1\u{1b}[2J\n\u{9b}x 流水号"), "S1\u{fffd}[2J\u{fffd}\u{fffd}x 流水号");
        assert_eq!(lines("{\n\t\"a\": 1\r\n}\u{7}"), "{\n\t\"a\": 1\u{fffd}\n}\u{fffd}");
    }
}
