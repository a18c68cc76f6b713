//! The samples of a merchant's side in seven languages: the same files that are tested.

use clap::ValueEnum;

/// A language that there is a sample in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    Java,
    Php,
    Node,
    Python,
    Go,
    Ruby,
    Shell,
}

/// A sample.
pub(crate) struct Sample {
    pub(crate) language: Language,
    /// The language's name, with the version that it needs.
    pub(crate) title: &'static str,
    pub(crate) source: &'static str,
    /// The command that runs its file alone, before its arguments.
    pub(crate) command: &'static str,
    /// The command that runs it where its manual says.
    pub(crate) command_in_repository: &'static str,
}

/// All samples, in the order of their manual.
pub(crate) const SAMPLES: [Sample; 7] = [
    Sample {
        language: Language::Java,
        title: "Java 17",
        source: include_str!("../../samples/java/Authlink.java"),
        command: "java -cp gson.jar Authlink.java",
        command_in_repository: "java -cp gson.jar samples/java/Authlink.java",
    },
    Sample {
        language: Language::Php,
        title: "PHP 8",
        source: include_str!("../../samples/php/authlink.php"),
        command: "php authlink.php",
        command_in_repository: "php samples/php/authlink.php",
    },
    Sample {
        language: Language::Node,
        title: "Node 20",
        source: include_str!("../../samples/node/authlink.mjs"),
        command: "node authlink.mjs",
        command_in_repository: "node samples/node/authlink.mjs",
    },
    Sample {
        language: Language::Python,
        title: "Python 3.10",
        source: include_str!("../../samples/python/authlink.py"),
        command: "python3 authlink.py",
        command_in_repository: "python3 samples/python/authlink.py",
    },
    Sample {
        language: Language::Go,
        title: "Go 1.19",
        source: include_str!("../../samples/go/main.go"),
        command: "go run main.go",
        command_in_repository: "cd samples/go && go run .",
    },
    Sample {
        language: Language::Ruby,
        title: "Ruby 3",
        source: include_str!("../../samples/ruby/authlink.rb"),
        command: "ruby authlink.rb",
        command_in_repository: "ruby samples/ruby/authlink.rb",
    },
    Sample {
        language: Language::Shell,
        title: "shell",
        source: include_str!("../../samples/shell/authlink.sh"),
        command: "bash authlink.sh",
        command_in_repository: "samples/shell/authlink.sh",
    },
];

impl Language {
    /// Its sample.
    pub(crate) fn sample(self) -> &'static Sample {
        let sample = SAMPLES.iter().find(|sample| sample.language == self);
        sample.unwrap_or_else(|| unreachable!("a test asks for each"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_its_sample_as_the_manual_says() {
        let manual = include_str!("../../samples/README.md");
        assert_eq!(Language::value_variants().len(), SAMPLES.len());
        for language in Language::value_variants() {
            let sample = language.sample();
            let (title, command) = (sample.title, sample.command_in_repository);
            assert!(
                manual.contains(&format!("[{title}]")) && manual.contains(&format!("`{command}`")),
                "{title}"
            );
        }
    }
}
