//! The `control-plane` program: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    control_plane::cli::run()
}
