//! The samples of a merchant's side in seven languages, and those by Alibaba Cloud's SDKs: the same files that are
//! tested.

use clap::ValueEnum;

/// A language that there is a sample in, in the order of the samples' manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SampleLanguage {
    Java,
    Php,
    Node,
    Python,
    Go,
    Ruby,
    Shell,
}

pub(crate) struct Sample {
    /// The language's name, with the version that it needs.
    pub(crate) title: &'static str,
    pub(crate) source: &'static str,
    /// The command that runs its file alone, before its arguments.
    pub(crate) command: &'static str,
    /// The command that runs it where its manual says.
    pub(crate) command_in_repository: &'static str,
}

impl SampleLanguage {
    pub(crate) const fn sample(self) -> Sample {
        match self {
            Self::Java => Sample {
                title: "Java 17",
                source: include_str!("../../samples/java/Authlink.java"),
                command: "java -cp gson.jar Authlink.java",
                command_in_repository: "java -cp gson.jar samples/java/Authlink.java",
            },
            Self::Php => Sample {
                title: "PHP 8",
                source: include_str!("../../samples/php/authlink.php"),
                command: "php authlink.php",
                command_in_repository: "php samples/php/authlink.php",
            },
            Self::Node => Sample {
                title: "Node 20",
                source: include_str!("../../samples/node/authlink.mjs"),
                command: "node authlink.mjs",
                command_in_repository: "node samples/node/authlink.mjs",
            },
            Self::Python => Sample {
                title: "Python 3.10",
                source: include_str!("../../samples/python/authlink.py"),
                command: "python3 authlink.py",
                command_in_repository: "python3 samples/python/authlink.py",
            },
            Self::Go => Sample {
                title: "Go 1.19",
                source: include_str!("../../samples/go/main.go"),
                command: "go run main.go",
                command_in_repository: "cd samples/go && go run .",
            },
            Self::Ruby => Sample {
                title: "Ruby 3",
                source: include_str!("../../samples/ruby/authlink.rb"),
                command: "ruby authlink.rb",
                command_in_repository: "ruby samples/ruby/authlink.rb",
            },
            Self::Shell => Sample {
                title: "shell",
                source: include_str!("../../samples/shell/authlink.sh"),
                command: "bash authlink.sh",
                command_in_repository: "samples/shell/authlink.sh",
            },
        }
    }
}

/// A language that Alibaba Cloud has an SDK of GetAuthorizationUrl in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SdkLanguage {
    Java,
    Php,
    Node,
    Python,
    Go,
}

impl SdkLanguage {
    /// A program that makes one call by the SDK, and the command that runs its file alone, before its arguments.
    pub(crate) const fn program(self) -> (&'static str, &'static str) {
        match self {
            Self::Java => (
                include_str!("../../samples/get-authorization-url/GetAuthorizationUrl.java"),
                "java -cp 'sdk/*' GetAuthorizationUrl.java",
            ),
            Self::Php => (
                include_str!("../../samples/get-authorization-url/get_authorization_url.php"),
                "php get_authorization_url.php",
            ),
            Self::Node => (
                include_str!("../../samples/get-authorization-url/get_authorization_url.mjs"),
                "node get_authorization_url.mjs",
            ),
            Self::Python => (
                include_str!("../../samples/get-authorization-url/get_authorization_url.py"),
                "python3 get_authorization_url.py",
            ),
            Self::Go => (
                include_str!("../../samples/get-authorization-url/get_authorization_url.go"),
                "go run get_authorization_url.go",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sdk_has_its_program_as_the_manual_says() {
        let manual = include_str!("../../samples/README.md");
        for language in SdkLanguage::value_variants() {
            let (source, command) = language.program();
            assert!(
                source.contains("Asks authlink for a link by Alibaba Cloud's SDK. Needs"),
                "{language:?}"
            );
            assert!(manual.contains(&format!("`{command}`")), "{command}");
        }
    }

    #[test]
    fn every_language_has_its_sample_as_the_manual_says() {
        let manual = include_str!("../../samples/README.md");
        for language in SampleLanguage::value_variants() {
            let sample = language.sample();
            let (title, command) = (sample.title, sample.command_in_repository);
            assert!(
                manual.contains(&format!("[{title}]")) && manual.contains(&format!("`{command}`")),
                "{title}"
            );
        }
    }
}
