//! A call and its answer as they are printed: as they went over the wire, as a command, as a program.

use serde_json::{Value, json};

use crate::caller::Caller;
use crate::merchant::CallAnswer;
use crate::printable::lines;
use crate::samples::SampleLanguage;

pub(super) fn print_request(url: &str, headers: &[(&str, &str)], body: &str) {
    println!("POST {url}");
    for (name, value) in headers {
        println!("{name}: {value}");
    }
    println!("\n{body}\n");
}

pub(super) fn print_answer(request: &Value, answer: &CallAnswer, as_json: bool) {
    if as_json {
        let answer = json!({"httpStatus": answer.http_status, "body": answer.body});
        println!("{:#}", json!({"request": request, "answer": answer}));
    } else {
        println!("HTTP {}\n{}", answer.http_status, lines(&answer.body));
    }
}

pub(super) fn print_sample(language: SampleLanguage, caller: &Caller, arguments: &[&str]) {
    let sample = language.sample();
    print_program(sample.source, sample.command, &caller.settings_of_samples(), arguments);
}

/// Prints a program; its settings and its command on standard error.
pub(super) fn print_program(source: &str, command: &str, settings: &[(&str, String)], arguments: &[&str]) {
    print!("{source}");
    for (name, value) in settings {
        eprintln!("export {name}={}", quoted(value));
    }
    let arguments: String = arguments.iter().map(|argument| format!(" {}", quoted(argument))).collect();
    eprintln!("{command}{arguments}");
}

/// The call as a command for a POSIX shell.
pub(super) fn curl(url: &str, headers: &[(&str, &str)], body: &str) -> String {
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!(" \\\n  -H {}", quoted(&format!("{name}: {value}"))))
        .collect();
    format!("curl -sS {}{headers} \\\n  --data-raw {}", quoted(url), quoted(body))
}

/// As one word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_for_a_shell_is_one_word() {
        for (text, word) in
            [("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("$(x)`y`\\", "'$(x)`y`\\'")]
        {
            assert_eq!(quoted(text), word);
        }
    }
}
