use std::error::Error as _;
use std::time::{Duration, Instant};

use super::*;

/// In every variable of the tests that look for values in messages.
const CANARY: &str = "c4n4ry";

/// Whatever a template of these tests may cost at most; far more than any does, because machines are slow.
pub(super) const QUICK: Duration = Duration::from_secs(5);

pub(super) const NAMES: [&str; 7] =
    ["expiresAt", "organizationName", "password", "platformType", "privateKey", "token", "tokenID"];

pub(super) fn templates(source: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("config.json".to_owned(), source.to_owned())])
}

fn variables(pairs: &[(&'static str, &str)]) -> Variables {
    pairs.iter().map(|(name, value)| (*name, SecretString::from(*value))).collect()
}

pub(super) fn rendered(source: &str, pairs: &[(&'static str, &str)]) -> Result<String, Fault> {
    let values = render(&templates(source), &variables(pairs)).map_err(|error| error.fault)?;
    Ok(values["config.json"].expose_secret().to_owned())
}

/// What both ways in say of a template, which is the same where they say anything.
pub(super) fn refused(source: &str) -> Fault {
    let checked = check(&templates(source), &NAMES).unwrap_err();
    let canaries: Vec<(&'static str, &str)> = NAMES.iter().map(|name| (*name, CANARY)).collect();
    assert_eq!(rendered(source, &canaries).map(drop).unwrap_err(), checked.fault, "{source}");
    checked.fault
}

pub(super) fn not_offered(source: &str) -> (usize, String) {
    match refused(source) {
        Fault::NotOffered { line, what } => (line, what),
        other => panic!("{source}: {other}"),
    }
}

#[test]
fn a_json_file() {
    let token = "a\"b\\c\n<'&>é\u{1}";
    let text =
        rendered(r#"{"token": {{ token | tojson }}, "id": "{{ tokenID }}"}"#, &[("token", token), ("tokenID", "7")]);
    let json: serde_json::Value = serde_json::from_str(&text.unwrap()).unwrap();
    assert_eq!(json, serde_json::json!({"token": token, "id": "7"}));
}

#[test]
fn a_dotenv_file_keeps_its_lines() {
    let source = "USER_ID={{ tokenID }}\n{% if expiresAt %}EXPIRES={{ expiresAt }}\n{% endif %}TOKEN={{ token }}\n";
    let with = rendered(source, &[("tokenID", "7"), ("token", "t"), ("expiresAt", "2030")]);
    assert_eq!(with.unwrap(), "USER_ID=7\nEXPIRES=2030\nTOKEN=t\n");
    let without = rendered(source, &[("tokenID", "7"), ("token", "t"), ("expiresAt", "")]);
    assert_eq!(without.unwrap(), "USER_ID=7\nTOKEN=t\n");
}

#[test]
fn a_header_for_basic_authentication() {
    let text = rendered("Basic {{ (tokenID ~ ':' ~ token) | b64encode }}", &[("tokenID", "é"), ("token", "a?b")]);
    assert_eq!(text.unwrap(), "Basic w6k6YT9i");
}

#[test]
fn a_password_within_a_url() {
    let text = rendered("postgres://u:{{ password | urlencode }}@db/x", &[("password", "a/b?c#d@e:f g%é+~-._")]);
    assert_eq!(text.unwrap(), "postgres://u:a%2Fb%3Fc%23d%40e%3Af%20g%25%C3%A9%2B%7E-._@db/x");
}

#[test]
fn a_key_of_many_lines() {
    let pem = "-----BEGIN K-----\nabc\n-----END K-----\n";
    assert_eq!(rendered("{{ privateKey }}", &[("privateKey", pem)]).unwrap(), pem);
    let text = rendered("key: {{ privateKey | tojson }}\n", &[("privateKey", pem)]).unwrap();
    assert_eq!(text, "key: \"-----BEGIN K-----\\nabc\\n-----END K-----\\n\"\n");
}

#[test]
fn a_choice() {
    let source = "{% if platformType == 'Tyk' %}A{% elif platformType != 'X' and not tokenID %}B{% else %}C{% endif %}\
                  {{ token if tokenID else 'none' }}";
    for (platform, id, expected) in [("Tyk", "", "Anone"), ("Y", "", "Bnone"), ("X", "", "Cnone"), ("Y", "1", "Ct")] {
        let text = rendered(source, &[("platformType", platform), ("tokenID", id), ("token", "t")]);
        assert_eq!(text.unwrap(), expected, "{platform} {id}");
    }
}

#[test]
fn braces_that_are_meant_as_such() {
    let text = rendered("{% raw %}{{ x }}{% endraw %}{{ '{{' }}{# token #}{{ 7 }}{{ true }}", &[]);
    assert_eq!(text.unwrap(), "{{ x }}{{7True");
}

#[test]
fn nothing_is_escaped_because_of_a_key_or_a_value() {
    let value = "<&'\">{{ token }}{% if %}";
    for key in ["config.json", "config.yaml", "page.html", "a"] {
        let templates = BTreeMap::from([(key.to_owned(), "{{ token }}".to_owned())]);
        let values = render(&templates, &variables(&[("token", value)])).unwrap();
        assert_eq!(values[key].expose_secret(), value, "{key}");
    }
}

#[test]
fn every_template_becomes_a_key() {
    let templates =
        BTreeMap::from([("a", "1{{ token }}"), ("b", "2{{ token }}")].map(|(k, v)| (k.to_owned(), v.to_owned())));
    check(&templates, &["token"]).unwrap();
    let values = render(&templates, &variables(&[("token", "t")])).unwrap();
    let pairs: Vec<_> = values.iter().map(|(key, value)| (key.as_str(), value.expose_secret())).collect();
    assert_eq!(pairs, [("a", "1t"), ("b", "2t")]);
    assert!(!format!("{values:?}").contains("1t"));
}

#[test]
fn nothing_is_an_error() {
    for source in ["{# token #}", "{{ '' }}", " \n\t", "", "{% if false %}a{% endif %}"] {
        assert_eq!(refused(source), Fault::Empty, "{source}");
    }
    assert_eq!(rendered("{{ token }}\n", &[("token", "")]), Err(Fault::Empty));
    // Whether it is nothing depends on the values: known only when they are.
    let source = "{% if platformType == 'Tyk' %}a{% endif %}";
    check(&templates(source), &NAMES).unwrap();
    assert_eq!(rendered(source, &[("platformType", "Tyk")]).unwrap(), "a");
    assert_eq!(rendered(source, &[("platformType", "X")]), Err(Fault::Empty));
}

#[test]
fn a_result_is_at_most_as_large_as_a_key_may_be() {
    let most = "x".repeat(RESULT);
    assert_eq!(rendered("{{ token }}", &[("token", &most)]).unwrap(), most);
    assert_eq!(rendered("{{ token }}y", &[("token", &most)]), Err(Fault::Large));
    assert_eq!(rendered(&"{{ token }}".repeat(20), &[("token", &most[..RESULT / 16])]), Err(Fault::Large));
    // Every character becomes three, or four of three.
    assert_eq!(rendered("{{ token | urlencode }}", &[("token", &"/".repeat(RESULT / 2))]), Err(Fault::Large));
    assert_eq!(rendered("{{ token | b64encode }}", &[("token", &most)]), Err(Fault::Large));
}

#[test]
fn the_longest_template_of_many_variables_does_not_run_out_of_fuel() {
    let source = "{{ token | b64encode }}\n".repeat(SOURCE / 24);
    let text = rendered(&source, &[("token", &"x".repeat(100))]).unwrap();
    assert!(text.len() > RESULT / 2 - 20_000, "{}", text.len());
}

#[test]
fn what_grows_by_itself_ends_quickly() {
    let begin = Instant::now();
    assert_eq!(refused(&format!("{{{{ '\"'{} }}}}", " | tojson".repeat(30))), Fault::Costly);
    assert_eq!(refused(&format!("{{{{ '{}'{} }}}}", "x".repeat(1000), " | b64encode".repeat(30))), Fault::Costly);
    assert!(begin.elapsed() < QUICK, "{:?}", begin.elapsed());
}

/// Every error that rendering can end with, its parts and its chain.
#[test]
fn no_error_holds_a_value() {
    let long = CANARY.repeat(RESULT / CANARY.len() / 2);
    let mut broken: Vec<String> = [
        "",
        "{{",
        "{{ token",
        "{{ tokn }}",
        "{{ token | nope }}",
        "{{ token.x }}",
        "{{ token.x.y }}",
        "{{ token() }}",
        "{{ token.x() }}",
        "{{ token + 1 }}",
        "{{ token / 1 }}",
        "{{ -token }}",
        "{{ token | tojson(9, 9) }}",
        "{% include token %}",
        "{% extends token %}",
        "{% import token as x %}",
        "{% for a, b in token %}{% endfor %}",
        "{% set x.y = token %}",
        "{{ [token][9] }}",
        "{{ token[token] }}",
        "{{ {}[token] }}",
        "{% if token is nope %}{% endif %}",
        "{{ '\\x' }}{{ token }}",
        "{% autoescape token %}{% endautoescape %}",
        "{% if token == 'x' %}a{% endif %}",
        "{{ token }}{{ token }}{{ token }}",
    ]
    .map(str::to_owned)
    .into();
    broken.push(format!("{{{{ token{} }}}}", " | b64encode".repeat(31)));
    broken.push("{{ token | tojson }}".repeat(50));
    broken.push("{{ token ~ token ~ token | urlencode | tojson }}{{ token }}{{ tokn }}".to_owned());
    for source in broken {
        for value in [CANARY, &long] {
            let pairs: Vec<(&'static str, &str)> = NAMES.iter().map(|name| (*name, value)).collect();
            let Err(error) = render(&templates(&source), &variables(&pairs)) else {
                assert_ne!(value.len(), long.len(), "{source}");
                continue;
            };
            let text = format!("{error} {error:?} {error:#?} {}", error.fault);
            assert!(!text.contains(CANARY), "{source}: {text}");
            assert!(!text.contains(&STANDARD.encode(CANARY)[..6]), "{source}: {text}");
            assert!(error.source().is_none() && error.fault.source().is_none());
        }
    }
}

/// Of what the language lets through nothing fails in the engine; should that change, its words are not repeated.
#[test]
fn the_engines_own_words_are_not_repeated() {
    let scope = Arc::new(Scope(variables(&[("token", CANARY)])));
    for source in [
        "{{ token + 1 }}",
        "{{ token / 2 }}",
        "{{ token.x }}",
        "{{ tokn }}",
        "{{ token() }}",
        "{{ token.x() }}",
        "{{ token | nope }}",
        "{{ token | int }}",
        "{% autoescape token %}{% endautoescape %}",
        "{% for a, b in [token] %}{% endfor %}",
        "{% include token %}",
        "{{ token[tokn] }}",
        "{{ {'a': 1}[token].b }}",
        "{{ token | tojson(token) }}",
        "{{ token | tojson(nope=token) }}",
        "{{ token is nope }}",
        "{{ x(**token) }}",
        "{% set a.b = token %}",
    ] {
        let fault = evaluate(source, &scope).unwrap_err();
        assert!(matches!(fault, Fault::Failed { line: Some(1) }), "{source}: {fault:?}");
    }
    assert_eq!(Fault::Failed { line: Some(3) }.to_string(), "it cannot be rendered: line 3");
}

#[test]
fn the_variables_cannot_be_printed() {
    assert!(!format!("{:?}", Scope(variables(&[("token", CANARY)]))).contains(CANARY));
}
