//! The JSON form: it comes back as it was, follows its published description, and damage never panics.

use super::*;
use crate::{Domain, KernelError, SCHEMA_VERSION, SOURCES, stdlib};
use serde_json::{Value, json};

/// A source with every kind of node.
const ALL_NODES: &str = "
def f(x: f32, i: i64, b: bool) -> f32:
    'Everything.'
    y: f32 = -x ** 2.0 + +1e-7
    if not b and i // 2 % 3 >= 1 or False:
        y += abs(x) / 2.0 if 0 <= i < 10 else max(x, y, 0.1)
    elif b != True:
        return f32(i) - x * y
    return y
";

fn kernels() -> Vec<Kernel> {
    let mut all = stdlib().unwrap();
    all.push(kernel(ALL_NODES));
    all
}

#[test]
fn json_comes_back_as_it_was() {
    for kernel in kernels() {
        let text = kernel.to_json().unwrap();
        let back = Kernel::from_json(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(back, kernel, "{text}");
        assert_eq!(back.to_json().unwrap(), text);
        assert_eq!((back.domain(), &back.doc), (Domain::Elements, &kernel.doc));
    }
    let x = column(&[1.5f32, -2.0]);
    let inputs = [x, column(&[5i64, 12]), column(&[true, false])];
    let original = kernel(ALL_NODES);
    let back = Kernel::from_json(&original.to_json().unwrap()).unwrap();
    assert_eq!(back.evaluate(&inputs).unwrap(), original.evaluate(&inputs).unwrap());
}

/// What keeps a value from following a description; the keywords that `kernel.schema.json` uses, and no others.
fn fault(value: &Value, rule: &Value, root: &Value) -> Option<String> {
    let fail = |what: &str| Some(format!("{what}: {value}"));
    for (key, want) in rule.as_object().expect("a rule is an object") {
        let bad = match key.as_str() {
            "$schema" | "$id" | "title" | "description" | "$defs" => None,
            "$ref" => {
                let path = want.as_str().and_then(|r| r.strip_prefix('#')).expect("a local reference");
                fault(value, root.pointer(path).expect("a definition"), root)
            }
            "type" => {
                let holds = match want.as_str().expect("a type") {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_u64(),
                    "boolean" => value.is_boolean(),
                    other => panic!("type {other}"),
                };
                if holds { None } else { fail("type") }
            }
            "const" => {
                if value == want {
                    None
                } else {
                    fail("const")
                }
            }
            "enum" => {
                if want.as_array().unwrap().contains(value) {
                    None
                } else {
                    fail("enum")
                }
            }
            "pattern" => {
                let holds = value.as_str().is_some_and(crate::lexer::is_name);
                if holds { None } else { fail("pattern") }
            }
            "minimum" => {
                if value.as_u64() >= want.as_u64() {
                    None
                } else {
                    fail("minimum")
                }
            }
            "maximum" => {
                if value.as_u64() <= want.as_u64() {
                    None
                } else {
                    fail("maximum")
                }
            }
            "minItems" => {
                if value.as_array().map(Vec::len) >= Some(want.as_u64().unwrap() as usize) {
                    None
                } else {
                    fail("minItems")
                }
            }
            "maxItems" => {
                if value.as_array().map(Vec::len) <= Some(want.as_u64().unwrap() as usize) {
                    None
                } else {
                    fail("maxItems")
                }
            }
            "items" => value.as_array().into_iter().flatten().find_map(|v| fault(v, want, root)),
            "properties" => value.as_object().into_iter().flatten().find_map(|(k, v)| fault(v, want.get(k)?, root)),
            "required" => want
                .as_array()
                .unwrap()
                .iter()
                .find(|k| value.get(k.as_str().unwrap()).is_none())
                .and_then(|k| fail(&k.to_string())),
            "additionalProperties" => {
                let known = rule["properties"].as_object().unwrap();
                value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .find(|(k, _)| !known.contains_key(*k))
                    .and_then(|(k, _)| fail(k))
            }
            "oneOf" => {
                let faults: Vec<_> = want.as_array().unwrap().iter().map(|r| fault(value, r, root)).collect();
                if faults.iter().filter(|f| f.is_none()).count() == 1 { None } else { fail(&format!("{faults:?}")) }
            }
            other => panic!("keyword {other}"),
        };
        if bad.is_some() {
            return bad;
        }
    }
    None
}

#[test]
fn json_schema_describes_every_kernel() {
    let rules: Value = serde_json::from_str(include_str!("../../kernel.schema.json")).unwrap();
    assert_eq!(rules["properties"]["version"]["const"], json!(SCHEMA_VERSION));
    for kernel in kernels() {
        let value: Value = serde_json::from_str(&kernel.to_json().unwrap()).unwrap();
        assert_eq!(fault(&value, &rules, &rules), None, "{}", kernel.name);
        for (key, wrong) in
            [("version", json!(2)), ("returns", json!("f16")), ("name", json!("a b")), ("more", json!(0))]
        {
            let mut value = value.clone();
            value[key] = wrong;
            assert!(fault(&value, &rules, &rules).is_some(), "{key}");
            assert!(Kernel::from_json(&value.to_string()).is_err(), "{key}");
        }
    }
}

#[test]
fn json_is_held_to_the_rules_of_sources() {
    let good: Value = serde_json::from_str(&kernel(ALL_NODES).to_json().unwrap()).unwrap();
    let at = json!([1, 1]);
    let name = |name: &str| json!({"node": "name", "name": name, "at": at});
    let returned = |value: Value| json!([{"node": "return", "value": value, "at": at}]);
    let mut deep = name("x");
    for _ in 0..110 {
        deep = json!({"node": "unary", "op": "-", "operand": deep, "at": at});
    }
    let cases = [
        ("/body", returned(name("nobody")), "no value is named `nobody`"),
        ("/body", returned(name("i")), "the result is f32, the expression is i64"),
        ("/body", json!([]), "a path without `return`"),
        ("/body", returned(deep), "nested over"),
        ("/body", returned(json!({"node": "number", "text": "inf", "at": at})), "'inf' is no decimal number"),
        ("/body", returned(json!({"node": "compare", "ops": ["<"], "operands": [], "at": at})), "one operand more"),
        ("/body", returned(json!({"node": "logic", "op": "and", "operands": [], "at": at})), "two operands or more"),
        ("/body", returned(json!({"node": "call", "function": "abs", "arguments": [], "at": at})), "takes 1 arguments"),
        ("/body", json!([{"node": "if", "tests": [], "bodies": [], "otherwise": [], "at": at}]), "one body"),
        ("/body", json!([{"node": "loop", "at": at}]), "unknown variant `loop`"),
        ("/params/0/name", json!("if"), "'if' is no name"),
        ("/params/0/name", json!("x y"), "'x y' is no name"),
        ("/params/0/type", json!("f16"), "type 'f16'"),
        ("/name", json!("def"), "'def' is no name for a kernel"),
        ("/domain", json!("rows"), "unknown variant `rows`"),
        ("/version", json!(2), "version 2; this library reads version 1"),
        ("/version", json!("1"), "no `version`"),
    ];
    for (place, wrong, message) in cases {
        let mut value = good.clone();
        *value.pointer_mut(place).unwrap() = wrong;
        let error = Kernel::from_json(&value.to_string()).map(|_| ()).expect_err(message).to_string();
        assert!(error.contains(message), "{place}: {error}\nexpected: {message}");
    }
    let bomb = format!("{{\"version\":1,\"body\":{}", "[".repeat(100_000));
    assert!(matches!(Kernel::from_json(&bomb), Err(KernelError::Json(_))));
    assert!(matches!(Kernel::from_json(&" ".repeat(5 << 20)), Err(KernelError::Json(_))));
}

/// Damaged sources and JSON give an error or a kernel that runs; they never panic.
#[test]
fn damage_never_panics() {
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    let mut state = seed;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % below
    };
    let mut texts: Vec<String> = SOURCES.iter().map(|(_, text)| (*text).to_owned()).collect();
    texts.push(ALL_NODES.to_owned());
    let json: Vec<String> = kernels().iter().map(|k| k.to_json().unwrap()).collect();
    let alphabet = b" \n()+-*/%<>=:,.0123456789abfirx_#\"'\t\\{}[]";
    for (is_json, list) in [(false, &texts), (true, &json)] {
        for round in 0..3_000 {
            let mut bytes = list[random(list.len())].clone().into_bytes();
            for _ in 0..=random(3) {
                let at = random(bytes.len());
                match random(4) {
                    0 => bytes[at] ^= 1 << random(8),
                    1 => bytes[at] = alphabet[random(alphabet.len())],
                    2 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, alphabet[random(alphabet.len())]),
                }
            }
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let found = if is_json { Kernel::from_json(&text).map(|k| vec![k]) } else { parse("damaged.py", &text) };
            for kernel in found.unwrap_or_default() {
                let inputs: Vec<Tensor> = kernel.params.iter().map(|p| Tensor::zeros(p.dtype, [3]).unwrap()).collect();
                let answer = kernel.evaluate(&inputs);
                let right = answer.as_ref().map_or_else(
                    |e| e.to_string().contains("division by zero"),
                    |t| t.dtype() == kernel.returns && (kernel.params.is_empty() || t.shape() == [3]),
                );
                assert!(right, "seed {seed}, round {round}: {answer:?}\n{text}");
            }
        }
    }
}
