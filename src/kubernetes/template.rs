//! Further keys of a Secret, rendered from the manifest's templates.
//!
//! Whoever may write a Token may write templates, and one process renders those of all namespaces. So minijinja's
//! language is cut down to what values of text need: under the full one, 400 bytes that double a list 24 times took 25 s
//! and 660 MB (without optimisation) in spite of fuel, and 8 KiB of `a~a~a…` overflowed the stack. What is left has
//! neither loops nor lists nor assignments, cannot be undefined, and is known to render before there are values.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::{Enumerator, Object, Value};
use minijinja::{Environment, ErrorKind, UndefinedBehavior, filters};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::secret::Values;

mod language;
#[cfg(test)]
mod language_tests;
#[cfg(test)]
mod tests;

/// What a template may use, by the names of the API (`token`, `tokenID`, `platformURL` and so on). A variable that does
/// not apply is left out, so that using it is an error; one that is empty for now (`expiresAt` of a token that does not
/// expire) is the empty text, which an `if` takes for false.
pub type Variables = BTreeMap<&'static str, SecretString>;

/// Characters that a template may have: the API's own limit, which an older definition may not have set.
const SOURCE: usize = 8192;

/// Bytes that a rendered key may have. A Secret holds 1 MiB, and there are at most 16 templates.
const RESULT: usize = 64 * 1024;

/// What rendering one key may cost. One fuel is one step, or 64 bytes read or made: this is 1 MiB, sixteen times the
/// longest result. It ends what grows by itself: each `tojson` of a `tojson` doubles the backslashes.
const FUEL: u64 = 16 * 1024;

/// Stands for every variable while there are no values.
const STAND_IN: &str = "stand-in";

/// A template that cannot be rendered. It names what the manifest says, never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("template key {key}: {fault}")]
pub struct TemplateError {
    /// The key of the map `template`.
    pub key: String,
    /// What is wrong with its template.
    pub fault: Fault,
}

/// What is wrong with a template. Lines count from 1; names and details are the manifest's own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Longer than the API allows.
    #[error("it is longer than {SOURCE} characters: shorten it")]
    Long,
    /// An expression or the number of tags is beyond what any Secret needs.
    #[error("line {line}: it is too complicated: at most {most} {what}")]
    Complicated {
        /// Where.
        line: usize,
        /// How much there may be.
        most: usize,
        /// What there is too much of.
        what: &'static str,
    },
    /// Not minijinja.
    #[error("line {line}: it cannot be read: {detail}")]
    Syntax {
        /// Where.
        line: usize,
        /// What the parser says. It sees the template alone, so there is nothing else that it could say.
        detail: String,
    },
    /// A variable that is not there.
    #[error("line {line}: {name} is not a variable here; there are: {names}")]
    UnknownVariable {
        /// Where.
        line: usize,
        /// As the template has it.
        name: String,
        /// Those that there are.
        names: String,
    },
    /// A filter that is not there.
    #[error("line {line}: {name} is not a filter here; there are: {names}", names = language::FILTERS.join(", "))]
    UnknownFilter {
        /// Where.
        line: usize,
        /// As the template has it.
        name: String,
    },
    /// Part of minijinja, but not offered.
    #[error(
        "line {line}: {what} cannot be used here; there are variables, filters without arguments, texts in quotes, ~, \
         ==, !=, and, or, not, `a if b else c`, {{% if %}}, {{% elif %}}, {{% else %}}, {{% endif %}} and {{% raw %}}"
    )]
    NotOffered {
        /// Where.
        line: usize,
        /// What is used.
        what: String,
    },
    /// Nothing but white space comes of it.
    #[error("it renders to nothing: take the key out, or see that something is left")]
    Empty,
    /// More comes of it than a key may have.
    #[error("it renders to more than {} KiB", RESULT / 1024)]
    Large,
    /// It costs too much.
    #[error("rendering it takes too much work: apply fewer filters")]
    Costly,
    /// Anything else. The engine's own words may hold values, so they are not repeated.
    #[error("it cannot be rendered{}", .line.map(|line| format!(": line {line}")).unwrap_or_default())]
    Failed {
        /// Where, if it is known.
        line: Option<usize>,
    },
}

/// Checks templates before there are values: what is wrong with a manifest is to be said before anything is made. The
/// variables that there will be are `names`.
///
/// What depends on the values cannot be known yet: a template that uses variables may still render to nothing, or to
/// too much. Everything else that [`render`] would say is said here, for branches that may never run too.
pub fn check(templates: &BTreeMap<String, String>, names: &[&'static str]) -> Result<(), TemplateError> {
    let scope = Arc::new(Scope(names.iter().map(|name| (*name, SecretString::from(STAND_IN))).collect()));
    each(templates, |source| {
        let uses_variables = language::check(source, names)?;
        match evaluate(source, &scope) {
            // `{% if platformType == "Tyk" %}` is false of every stand-in.
            Err(Fault::Empty) if uses_variables => Ok(()),
            result => result.map(drop),
        }
    })
    .map(drop)
}

/// Renders all templates: the values by the key that each becomes in the Secret.
pub fn render(templates: &BTreeMap<String, String>, variables: &Variables) -> Result<Values, TemplateError> {
    let names: Vec<&str> = variables.keys().copied().collect();
    let scope = Arc::new(Scope(variables.clone()));
    each(templates, |source| {
        language::check(source, &names)?;
        evaluate(source, &scope)
    })
}

fn each<T>(
    templates: &BTreeMap<String, String>,
    work: impl Fn(&str) -> Result<T, Fault>,
) -> Result<BTreeMap<String, T>, TemplateError> {
    templates
        .iter()
        .map(|(key, source)| match work(source) {
            Ok(done) => Ok((key.clone(), done)),
            Err(fault) => Err(TemplateError { key: key.clone(), fault }),
        })
        .collect()
}

/// The variables, wiped when they are dropped.
///
/// What cannot be wiped: minijinja copies a variable where a template uses it, what a filter or `~` makes of it, and the
/// text that it encodes, into memory of its own, and frees that as it is. So a variable is handed over only when it is
/// used, rather than all of them at the start.
#[derive(Debug)]
struct Scope(Variables);

impl Object for Scope {
    fn get_value(self: &Arc<Self>, name: &Value) -> Option<Value> {
        self.0.get(name.as_str()?).map(|value| Value::from(value.expose_secret()))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}

/// Takes what is rendered, up to a limit, and is wiped when it is dropped. It never grows, because growing would leave a
/// copy behind.
struct Sink {
    text: Zeroizing<Vec<u8>>,
    full: bool,
}

impl io::Write for Sink {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        if self.text.len() + part.len() > RESULT {
            self.full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.text.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn evaluate(source: &str, scope: &Arc<Scope>) -> Result<SecretString, Fault> {
    let environment = environment();
    let template = environment.template_from_str(source).map_err(|error| Fault::Failed { line: error.line() })?;
    let mut result = Sink { text: Zeroizing::new(Vec::with_capacity(RESULT)), full: false };
    if let Err(error) = template.render_captured_to(Value::from_dyn_object(Arc::clone(scope)), &mut result) {
        return Err(match error.kind() {
            _ if result.full => Fault::Large,
            ErrorKind::OutOfFuel => Fault::Costly,
            _ => Fault::Failed { line: error.line() },
        });
    }
    match std::str::from_utf8(&result.text) {
        Ok(text) if text.trim().is_empty() => Err(Fault::Empty),
        Ok(text) => Ok(SecretString::from(text)),
        Err(_) => Err(Fault::Failed { line: None }),
    }
}

/// Empty but for our filters: none of minijinja's own filters, tests and functions (`range`, `namespace`, `debug`), no
/// loader, and nothing is escaped because of a key's name (`config.json`, `page.html`).
fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_syntax(language::syntax());
    environment.add_filter("tojson", filters::tojson);
    environment.add_filter("b64encode", |value: &Value| STANDARD.encode(Zeroizing::new(value.to_string()).as_bytes()));
    // minijinja leaves `/` as it is, which ends the password in `postgres://user:password@host`.
    environment.add_filter("urlencode", |value: &Value| {
        filters::urlencode(value).map(|text| Zeroizing::new(text).replace('/', "%2F"))
    });
    environment
}
