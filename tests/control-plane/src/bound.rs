//! Programs under test, bound to the life of the test process.

use std::io;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use crate::child;
use crate::owner::{ControlPlane, Error};

/// A command, and where the child goes.
type Request = (Command, Sender<io::Result<Child>>);

impl ControlPlane {
    /// Starts `program`, which dies with this process, even if that is killed by `SIGKILL`.
    ///
    /// `configure` adds arguments, environment and redirections. The child's process id is the program's own. It is in a
    /// process group of its own; otherwise it is an ordinary [`Child`], to be killed and waited for by the caller.
    pub fn spawn(&self, program: &Path, configure: impl FnOnce(&mut Command)) -> Result<Child, Error> {
        let failed = |source| Error::Program { program: program.to_owned(), source };
        let absolute = std::path::absolute(program).map_err(failed)?;
        let mut command = child::command_by(self.supervisor_program(), &absolute);
        configure(&mut command);
        spawn(command).map_err(failed)
    }
}

/// Starts a command on a thread that lives as long as the process: the kernel binds a child to the *thread* that started
/// it, and a test's own thread ends with the test.
fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Sender<Request>> = OnceLock::new();
    let gone = || io::Error::other("the thread that starts programs is gone");
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, receiver) = channel::<Request>();
        thread::spawn(move || {
            for (mut command, answer) in receiver {
                // Nobody waits any more: then the child is the caller's loss, and dies with the process.
                let _ = answer.send(command.spawn());
            }
        });
        sender
    });
    let (answer, child) = channel();
    spawner.send((command, answer)).map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}
