//! The command line of the `control-plane` program.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::demo::Demo;
use crate::interrupt::Interrupt;
use crate::progress::say;
use crate::{child, supervisor};

/// A real Kubernetes control plane (etcd, kube-apiserver, kube-controller-manager) on loopback, for tests and for trying
/// things out.
///
/// The programs come from `KUBEBUILDER_ASSETS` where it is set; else they are built once from their Go modules.
#[derive(Debug, Parser)]
#[command(name = "control-plane")]
struct Arguments {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Finds or builds the programs and prints the path of each
    Obtain,
    /// Starts a plane, prints where it is as one line of JSON, and stays until standard input ends or Ctrl-C
    Up,
    /// Starts a plane and the operator against it, and shows a manifest become Ready
    Demo(Demo),
    /// Becomes a program that dies with its parent
    #[command(hide = true)]
    Child {
        /// The process id of the parent
        #[arg(long)]
        parent: i32,
        /// The program and its arguments
        #[arg(last = true, required = true)]
        program: Vec<OsString>,
    },
}

/// Runs the program with the arguments of this process.
pub fn run() -> ExitCode {
    let result: Result<(), Box<dyn Error>> = match Arguments::parse().command {
        Subcommands::Obtain => obtain(),
        Subcommands::Up => supervisor::up().map_err(Into::into),
        Subcommands::Demo(demo) => demo.run().map_err(Into::into),
        Subcommands::Child { parent, program } => {
            let error = child::become_program(parent, &program);
            let name = program.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            Err(format!("{name} cannot be run: {error}").into())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&chain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn obtain() -> Result<(), Box<dyn Error>> {
    let programs = supervisor::obtain(&Interrupt::on_signals()?)?;
    let mut output = io::stdout().lock();
    for path in [&programs.etcd, &programs.kube_apiserver, &programs.kube_controller_manager, &programs.kubectl] {
        writeln!(output, "{}", path.display())?;
    }
    Ok(())
}

/// An error with its causes, outermost first.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
