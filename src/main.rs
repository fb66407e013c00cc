//! The `org-operator` program.

use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    match org_operator::cli::main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // There is nobody left to tell where stderr is closed.
            let _ = writeln!(std::io::stderr(), "org-operator: {}", org_operator::cli::one_line(failure.as_ref()));
            ExitCode::FAILURE
        }
    }
}
