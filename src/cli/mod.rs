//! The commands.

use clap::{Parser, Subcommand};

mod backend;
mod crds;
mod leader;
mod run;
mod stop;
mod values;

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
    /// Serves the embedded backend in the dialects of the platforms
    Backend(Box<backend::Backend>),
    /// Prints the custom resource definitions
    Crds(crds::Crds),
}

/// Runs the command of this process's arguments.
pub fn main() -> Result<(), Failure> {
    match Cli::parse().command {
        Command::Run(run) => run.main(),
        Command::Backend(backend) => backend.main(),
        Command::Crds(crds) => crds.main(),
    }
}

/// A failure and what lies beneath it, in one line. Many libraries' errors repeat their source: once is enough.
pub fn one_line(failure: &(dyn std::error::Error + 'static)) -> String {
    let mut line = String::new();
    for error in std::iter::successors(Some(failure), |error| error.source()) {
        let text = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            line = text;
        } else if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
    }
    line
}
