//! The commands.

use clap::{Parser, Subcommand};

mod crds;
mod run;

/// A command that failed: the line that says what was wrong and what to do.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Organisations, users and tokens from YAML.
#[derive(Debug, Parser)]
#[command(
    name = "org-operator",
    version,
    about = "Organisations, users and tokens on multi-tenant platforms, from YAML"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the operator against the cluster of the current kubeconfig, or the one it is in
    Run(Box<run::Run>),
    /// Prints the custom resource definitions
    Crds(crds::Crds),
}

/// Runs the command of this process's arguments.
pub fn main() -> Result<(), Failure> {
    match Cli::parse().command {
        Command::Run(run) => run.main(),
        Command::Crds(crds) => crds.main(),
    }
}

/// A failure and what lies beneath it, in one line.
pub fn one_line(failure: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(failure), |error| error.source());
    let texts: Vec<String> =
        chain.map(|error| error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    texts.join(": ")
}
