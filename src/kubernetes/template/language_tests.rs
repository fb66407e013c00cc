//! What of minijinja is refused, and in which words.

use std::time::Instant;

use super::tests::{NAMES, QUICK, not_offered, refused, rendered, templates};
use super::*;

#[test]
fn a_variable_that_is_not_there_is_named_with_those_that_are() {
    let error = check(&templates("{\n{{ tokn | tojson }}}"), &["token", "tokenID"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "template key config.json: line 2: tokn is not a variable here; there are: token, tokenID"
    );
}

#[test]
fn a_variable_is_missed_wherever_it_stands() {
    for source in [
        "{{ tokn }}",
        "x{% if platformType == 'Never' %}{{ tokn }}{% endif %}",
        "x{% if token %}{% else %}{{ tokn }}{% endif %}",
        "x{% if tokn %}{% endif %}",
        "x{% if token %}{% elif tokn %}{% endif %}",
        "{{ token if token else tokn }}",
        "{{ token if tokn else token }}",
        "{{ token or tokn }}",
        "{{ token == tokn }}",
        "{{ 'a' ~ tokn }}",
        "{{ not tokn }}",
        "{{ (tokn) | tojson | b64encode }}",
    ] {
        assert!(matches!(refused(source), Fault::UnknownVariable { line: 1, name, .. } if name == "tokn"), "{source}");
    }
    for name in ["loop", "self", "range", "namespace", "debug", "dict", "caller", "super"] {
        assert!(matches!(refused(&format!("{{{{ {name} }}}}")), Fault::UnknownVariable { .. }), "{name}");
    }
}

#[test]
fn a_filter_that_is_not_there_is_named_wherever_it_stands() {
    let error = check(&templates("{{ token\n | b64encode }}\n{{ token | base64 }}"), &NAMES).unwrap_err();
    assert_eq!(
        error.to_string(),
        "template key config.json: line 3: base64 is not a filter here; there are: tojson, b64encode, urlencode"
    );
    for source in ["x{% if token == 'n' %}{{ token | upper }}{% endif %}", "{{ token if token else (token | attr) }}"] {
        assert!(matches!(refused(source), Fault::UnknownFilter { .. }), "{source}");
    }
    for name in ["attr", "safe", "default", "map", "join", "replace", "format", "indent", "pprint", "items", "list"] {
        assert!(matches!(refused(&format!("{{{{ token | {name} }}}}")), Fault::UnknownFilter { .. }), "{name}");
    }
}

#[test]
fn what_cannot_be_read_is_said_with_its_line() {
    for (source, at) in [
        ("a\nb {{ token", 2),
        ("{{ token }\n}", 1),
        ("a\n{% if token %}\n\nx", 2),
        ("\n{% endif %}", 2),
        ("{{ .token }}", 1),
        ("{{ token | }}", 1),
        ("\n\n{{ 'a }}", 3),
        ("{{ '\\u12' }}", 1),
        ("{{ }}", 1),
        ("{{ token token }}", 1),
        ("{% if %}x{% endif %}", 1),
        ("{{ $x }}", 1),
    ] {
        assert!(matches!(refused(source), Fault::Syntax { line, .. } if line == at), "{source}: {:?}", refused(source));
    }
}

#[test]
fn no_tag_but_if() {
    for tag in [
        "include 'x'",
        "import 'x' as y",
        "from 'x' import y",
        "extends 'x'",
        "block x",
        "macro x()",
        "call x()",
        "set x = token",
        "set x",
        "with x = token",
        "for x in token",
        "filter tojson",
        "autoescape 'html'",
        "do token()",
        "break",
        "endfor",
    ] {
        let word = tag.split(' ').next().unwrap();
        assert_eq!(not_offered(&format!("\n{{%- {tag} %}}")), (2, format!("{{% {word} %}}")));
    }
}

#[test]
fn no_way_into_a_value() {
    for (expression, word) in [
        ("token.__class__", "a dot"),
        ("token.upper()", "a call"),
        ("token()", "a call"),
        ("token[0]", "[…]"),
        ("token['a']", "[…]"),
        ("token[1:]", "[…]"),
        ("tokn[1:]", "[…]"),
        ("[token]", "a list"),
        ("(token, token)", "a list"),
        ("{'a': token} | tojson", "a map"),
        ("token * 9", "arithmetic"),
        ("token + token", "arithmetic"),
        ("9 ** 9", "arithmetic"),
        ("-1", "arithmetic"),
        ("token is defined", "is"),
        ("tokn is undefined", "is"),
        ("'a' in token", "in"),
        ("'a' not in token", "in"),
        ("token < 'a'", "an order"),
        ("none", "none"),
        ("token if token", "an if without else"),
        ("token | tojson(2)", "a filter with arguments"),
        ("token | tojson(indent=2)", "a filter with arguments"),
    ] {
        assert_eq!(not_offered(&format!("{{{{ {expression} }}}}")), (1, word.to_owned()), "{expression}");
    }
}

#[test]
fn what_would_loop_does_not_begin() {
    let begin = Instant::now();
    let loops = "{% for a in token %}".repeat(40) + "x" + &"{% endfor %}".repeat(40);
    assert_eq!(not_offered(&loops).1, "{% for %}");
    let doubled = "{% set a = [token] %}".to_owned() + &"{% set a = [a, a] %}".repeat(60) + "{{ a | tojson }}";
    assert_eq!(not_offered(&doubled).1, "{% set %}");
    assert_eq!(not_offered("{{ ([[token] * 9999] * 9999) | tojson }}").1, "arithmetic");
    assert_eq!(not_offered("{{ 'x' * 99999999 }}").1, "arithmetic");
    assert!(begin.elapsed() < QUICK, "{:?}", begin.elapsed());
}

/// Each of these aborts the process where the depth is not limited.
#[test]
fn no_template_exhausts_the_stack() {
    let deep = [
        format!("{{{{ {} }}}}", vec!["1"; 4000].join("~")),
        format!("{{{{ {}1 }}}}", "-".repeat(8000)),
        format!("{{{{ {}1 }}}}", "not ".repeat(2000)),
        format!("{{{{ {}1{} }}}}", "(".repeat(4000), ")".repeat(4000)),
        format!("{{{{ 1{} }}}}", "|tojson".repeat(1000)),
        format!("{{{{ 1{} }}}}", ".a".repeat(4000)),
        format!("{{{{ {} }}}}", vec!["1"; 1600].join(" or ")),
        format!("{{{{ {} }}}}", vec!["1"; 1000].join(" if 1 else ").chars().take(8000).collect::<String>()),
        "{%if 1%}".repeat(1000),
        format!("{{%if 1%}}{}{{%endif%}}", "{%elif 1%}".repeat(800)),
    ];
    for source in deep {
        assert!(source.len() < SOURCE);
        assert!(matches!(refused(&source), Fault::Complicated { line: 1, .. }), "{source}");
    }
}

/// The deepest that passes, on a quarter of the stack that a worker of the runtime has.
#[test]
fn what_is_deep_but_offered_needs_little_stack() {
    let most = language::MOST;
    let nested = |inside: &str| "{% if 1 %}".repeat(most / 2) + inside + &"{% endif %}".repeat(most / 2);
    let sources = [
        nested(&format!("{{{{ {} }}}}", vec!["'x'"; most / 2].join(" ~ "))),
        nested(&format!("{{{{ {} }}}}", vec!["'x'"; most / 2].join(" or "))),
        nested(&format!("{{{{ {}1 }}}}", "not ".repeat(most - 1))),
        nested(&format!("{{{{ {}1{} }}}}", "(".repeat(language::OPEN), ")".repeat(language::OPEN))),
        nested(&format!("{{{{ 1{} }}}}", "|urlencode".repeat(most / 2 - 1))),
        format!("{{% if '' %}}{}{{% else %}}a{{% endif %}}", "{% elif '' %}".repeat(most - 3)),
    ];
    let work = move || sources.iter().map(|source| rendered(source, &[]).map(drop)).collect::<Vec<_>>();
    let thread = std::thread::Builder::new().stack_size(512 * 1024).spawn(work).unwrap();
    assert_eq!(thread.join().unwrap(), [const { Ok(()) }; 6]);
}

#[test]
fn a_template_longer_than_the_api_allows() {
    assert!(rendered(&"é".repeat(SOURCE), &[]).is_ok());
    assert_eq!(refused(&"x".repeat(SOURCE + 1)), Fault::Long);
}

#[test]
fn long_names_are_cut() {
    let name = "x".repeat(SOURCE - 20);
    for source in [format!("{{{{ {name} }}}}"), format!("{{{{ token | {name} }}}}"), format!("{{% {name} %}}")] {
        assert!(refused(&source).to_string().len() < 500, "{}", refused(&source));
    }
}
