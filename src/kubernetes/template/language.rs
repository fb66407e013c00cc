//! The part of minijinja that templates are written in, decided before anything runs.
//!
//! Only what is listed passes. All values are texts, so nothing here can be undefined, fail, or make much out of little;
//! and the depth of a template is limited, because parser and compiler recurse once for every operator in a row.
//! None of this has a value at hand, so what it says is the manifest's.

use minijinja::machinery::ast::{BinOpKind, CompareOpKind, Expr, Stmt, UnaryOpKind};
use minijinja::machinery::{Span, Token, parse, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;

use super::{Fault, SOURCE};

/// The filters that there are.
pub(super) const FILTERS: [&str; 3] = ["tojson", "b64encode", "urlencode"];

/// Words and signs that one `{{ … }}` or `{% … %}` may have, and tags that a template may have.
pub(super) const MOST: usize = 64;

/// Parentheses that one `{{ … }}` may open: without optimisation each takes 20 KiB of the stack.
pub(super) const OPEN: usize = 8;

/// Tags that may be used. `raw` needs no place here: it is text already when tokens are made.
const TAGS: [&str; 4] = ["if", "elif", "else", "endif"];

/// Characters of the manifest's own words that a message repeats.
const SHOWN: usize = 100;

/// A file ends with a line's end: what the manifest says is what the key holds.
pub(super) fn syntax() -> SyntaxConfig {
    SyntaxConfig::builder().keep_trailing_newline(true).build().unwrap_or_default()
}

/// Whether a template is offered and can be rendered with variables of these names, whatever their values. Answers
/// whether it uses any of them.
pub(super) fn check(source: &str, names: &[&str]) -> Result<bool, Fault> {
    if source.chars().nth(SOURCE).is_some() {
        return Err(Fault::Long);
    }
    size(source)?;
    let root = parse(source, "", syntax()).map_err(|error| unreadable(&error))?;
    let mut walk = Walk { names, uses_variables: false };
    walk.statement(&root)?;
    Ok(walk.uses_variables)
}

/// Counts before the parser recurses, and names the tags that it would not know.
fn size(source: &str) -> Result<(), Fault> {
    let (mut words, mut open, mut tags, mut tag_begins) = (0, 0, 0, false);
    for token in tokenize(source, false, syntax()) {
        let (token, span) = token.map_err(|error| unreadable(&error))?;
        let line = line(span);
        match token {
            Token::VariableStart => (words, open) = (0, 0),
            Token::BlockStart => (words, open, tags) = (0, 0, tags + 1),
            Token::Ident(name) if tag_begins && !TAGS.contains(&name) => {
                return Err(Fault::NotOffered { line, what: format!("{{% {} %}}", shown(name)) });
            }
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => (words, open) = (words + 1, open + 1),
            Token::TemplateData(_) | Token::VariableEnd | Token::BlockEnd => {}
            _ => words += 1,
        }
        tag_begins = matches!(token, Token::BlockStart);
        let (most, what) = match () {
            () if words > MOST => (MOST, "words and signs in one {{ … }}"),
            () if open > OPEN => (OPEN, "parentheses in one {{ … }}"),
            () if tags > MOST => (MOST, "{% … %}"),
            () => continue,
        };
        return Err(Fault::Complicated { line, most, what });
    }
    Ok(())
}

struct Walk<'a> {
    names: &'a [&'a str],
    uses_variables: bool,
}

impl Walk<'_> {
    fn statement(&mut self, statement: &Stmt<'_>) -> Result<(), Fault> {
        match statement {
            Stmt::Template(template) => self.body(&template.children),
            Stmt::EmitRaw(_) => Ok(()),
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::IfCond(condition) => {
                self.expression(&condition.expr)?;
                self.body(&condition.true_body)?;
                self.body(&condition.false_body)
            }
            Stmt::ForLoop(other) => refuse(other.span(), "{% for %}"),
            Stmt::WithBlock(other) => refuse(other.span(), "{% with %}"),
            Stmt::Set(other) => refuse(other.span(), "{% set %}"),
            Stmt::SetBlock(other) => refuse(other.span(), "{% set %}"),
            Stmt::AutoEscape(other) => refuse(other.span(), "{% autoescape %}"),
            Stmt::FilterBlock(other) => refuse(other.span(), "{% filter %}"),
            Stmt::Do(other) => refuse(other.span(), "{% do %}"),
        }
    }

    fn body(&mut self, statements: &[Stmt<'_>]) -> Result<(), Fault> {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    fn expression(&mut self, expression: &Expr<'_>) -> Result<(), Fault> {
        let span = expression.span();
        match expression {
            Expr::Var(variable) if self.names.contains(&variable.id) => {
                self.uses_variables = true;
                Ok(())
            }
            Expr::Var(variable) => {
                Err(Fault::UnknownVariable { line: line(span), name: shown(variable.id), names: self.names.join(", ") })
            }
            Expr::Const(constant) => match constant.value.kind() {
                ValueKind::String | ValueKind::Number | ValueKind::Bool => Ok(()),
                _ => refuse(span, "none"),
            },
            Expr::UnaryOp(operation) => match operation.op {
                UnaryOpKind::Not => self.expression(&operation.expr),
                UnaryOpKind::Neg => refuse(span, "arithmetic"),
            },
            Expr::BinOp(operation) => {
                match operation.op {
                    BinOpKind::Concat | BinOpKind::Eq | BinOpKind::Ne | BinOpKind::ScAnd | BinOpKind::ScOr => {}
                    BinOpKind::Lt | BinOpKind::Lte | BinOpKind::Gt | BinOpKind::Gte => return refuse(span, "an order"),
                    BinOpKind::In => return refuse(span, "in"),
                    _ => return refuse(span, "arithmetic"),
                }
                self.expression(&operation.left)?;
                self.expression(&operation.right)
            }
            Expr::Compare(comparison) => {
                self.expression(&comparison.expr)?;
                comparison.ops.iter().try_for_each(|operand| match operand.op {
                    CompareOpKind::Eq | CompareOpKind::Ne => self.expression(&operand.expr),
                    CompareOpKind::In | CompareOpKind::NotIn => refuse(span, "in"),
                    _ => refuse(span, "an order"),
                })
            }
            Expr::IfExpr(choice) => {
                self.expression(&choice.test_expr)?;
                self.expression(&choice.true_expr)?;
                match &choice.false_expr {
                    Some(expression) => self.expression(expression),
                    // It would be undefined, which prints as nothing and encodes as null.
                    None => refuse(span, "an if without else"),
                }
            }
            Expr::Filter(filter) => {
                if !FILTERS.contains(&filter.name) {
                    return Err(Fault::UnknownFilter { line: line(span), name: shown(filter.name) });
                }
                if !filter.args.is_empty() {
                    return refuse(span, "a filter with arguments");
                }
                filter.expr.as_ref().map_or(Ok(()), |expression| self.expression(expression))
            }
            Expr::Slice(_) | Expr::GetItem(_) => refuse(span, "[…]"),
            Expr::GetAttr(_) => refuse(span, "a dot"),
            Expr::Test(_) => refuse(span, "is"),
            Expr::Call(_) => refuse(span, "a call"),
            Expr::List(_) | Expr::Tuple(_) => refuse(span, "a list"),
            Expr::Map(_) => refuse(span, "a map"),
        }
    }
}

fn refuse(span: Span, what: &str) -> Result<(), Fault> {
    Err(Fault::NotOffered { line: line(span), what: what.to_owned() })
}

fn unreadable(error: &minijinja::Error) -> Fault {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), shown);
    Fault::Syntax { line: error.line().unwrap_or(1), detail }
}

fn line(span: Span) -> usize {
    usize::from(span.start_line)
}

/// A message is for people: a name of thousands of characters is cut.
fn shown(name: &str) -> String {
    match name.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}
