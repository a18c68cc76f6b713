//! The options that say where a command works.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use crate::operate::{Place, Stack};

#[derive(Args, Clone, Default)]
#[command(group(ArgGroup::new("deployment").args(["stack", "table"])))]
pub(super) struct PlaceArgs {
    /// A deployment, by its stack's name, instead of the folder; credentials come from where the AWS CLI finds them
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
    /// A table by its name, such as the one before a restore, instead of a stack's
    #[arg(long, value_name = "NAME", conflicts_with = "stack")]
    table: Option<String>,
    /// The region, instead of AWS_REGION or the profile's
    #[arg(long, requires = "deployment")]
    region: Option<String>,
    /// The AWS profile, instead of AWS_PROFILE
    #[arg(long, requires = "deployment")]
    profile: Option<String>,
}

impl PlaceArgs {
    pub(super) fn place(self, folder: PathBuf) -> Place {
        let stack = |name| Stack { name, region: self.region, profile: self.profile, folder: folder.clone() };
        match (self.stack, self.table) {
            (Some(name), _) => Place::Stack(stack(name)),
            (None, Some(name)) => Place::Table(stack(name)),
            (None, None) => Place::Folder(folder),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        place: PlaceArgs,
    }

    #[test]
    fn a_region_or_a_profile_is_one_of_a_deployment() {
        let named = |words: &[&str]| {
            let words = ["authlink"].iter().chain(words);
            let program = Program::try_parse_from(words).ok()?;
            Some(program.place.place(PathBuf::from("here")).name())
        };
        assert_eq!(named(&[]).as_deref(), Some("here"));
        assert_eq!(named(&["--region", "eu-west-1"]), None);
        assert_eq!(named(&["--profile", "ops"]), None);
        assert_eq!(named(&["--stack", "a", "--table", "b"]), None);
        let stack = named(&["--stack", "a", "--region", "eu-west-1", "--profile", "ops"]);
        assert_eq!(stack.as_deref(), Some("stack a in eu-west-1 of the profile ops"));
        assert_eq!(
            named(&["--table", "b", "--region", "eu-west-1"]).as_deref(),
            Some("table b in eu-west-1")
        );
    }
}
