//! Progress on standard error: a bar on a terminal, a line now and then where nobody watches.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a step that goes on says so where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(15);

/// Writes one line to standard error. A closed standard error is no reason to fail.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "control-plane: {line}");
}

/// A step that takes a while.
#[derive(Debug)]
pub(crate) struct Step {
    title: String,
    total: Option<u64>,
    started: Instant,
    last_line: Instant,
    bar: Option<ProgressBar>,
}

impl Step {
    /// Begins a step of `total` parts, or of a number that is not known.
    pub(crate) fn begin(title: impl Into<String>, total: Option<u64>) -> Self {
        let title = title.into();
        let now = Instant::now();
        let bar = io::stderr().is_terminal().then(|| bar(&title, total));
        if bar.is_none() {
            say(&title);
        }
        Self { title, total, started: now, last_line: now, bar }
    }

    /// Shows how far it is: `done` parts, and a word on the current one.
    pub(crate) fn at(&mut self, done: u64, detail: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(done);
                bar.set_message(detail.to_owned());
            }
            None if self.last_line.elapsed() >= LINE_EVERY => {
                self.last_line = Instant::now();
                say(&line(&self.title, self.total, done, detail, self.started.elapsed()));
            }
            None => {}
        }
    }

    /// Says something that happened on the way.
    pub(crate) fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => say(text),
        }
    }

    /// Ends the step with what came of it.
    pub(crate) fn end(self, result: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        say(&format!("{}: {result} ({} s)", self.title, self.started.elapsed().as_secs()));
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(title: &str, total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), "{prefix} [{bar:20}] {pos}/{len} {wide_msg} ({elapsed})"),
        None => (ProgressBar::new_spinner(), "{prefix} {spinner} {elapsed} {wide_msg}"),
    };
    // A template that does not parse costs the looks, not the build.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_prefix(title.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn line(title: &str, total: Option<u64>, done: u64, detail: &str, elapsed: Duration) -> String {
    let far = match total {
        Some(total) => format!("{done} of {total}"),
        None => done.to_string(),
    };
    format!("{title}: {far} {detail} ({} s)", elapsed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is() {
        let known = line("kube-apiserver (2 of 4)", Some(900), 12, "packages compiled", Duration::from_secs(31));
        assert_eq!(known, "kube-apiserver (2 of 4): 12 of 900 packages compiled (31 s)");
        let unknown = line("modules", None, 3, "downloaded", Duration::from_millis(900));
        assert_eq!(unknown, "modules: 3 downloaded (0 s)");
    }
}
