//! Sources: what they mean, and which are refused where.

use super::*;
use crate::KernelError;
use hologram_ops::DType::{Bool, F32, F64, I32, I64};

fn run<T: Element, R: Element>(text: &str, x: &[T], y: &[T]) -> Vec<R> {
    let kernel = kernel(&expression(T::DTYPE, R::DTYPE, text));
    let answer = kernel.evaluate(&[column(x), column(y)]).unwrap_or_else(|e| panic!("{text}: {e}"));
    answer.as_slice::<R>().unwrap().to_vec()
}

#[test]
fn floats_follow_ieee_and_python() {
    let cases: &[(&str, f64, f64, f64)] = &[
        ("x + y * 2.0", 1.0, 3.0, 7.0),
        ("(x + y) * 2.0", 1.0, 3.0, 8.0),
        ("x - y - 1.0", 1.0, 3.0, -3.0),
        ("-x ** 2.0", 3.0, 0.0, -9.0),
        ("2.0 ** x ** y", 3.0, 2.0, 512.0),
        ("x ** -1.0", 4.0, 0.0, 0.25),
        ("x // y", -7.0, 2.0, -4.0),
        ("x // y", 1.0, 0.1, 9.0),
        ("x // y", -1.0, f64::INFINITY, -1.0),
        ("x % y", -7.0, 2.0, 1.0),
        ("x % y", 7.0, -2.0, -1.0),
        ("x % y", 5.5, 2.0, 1.5),
        ("x / y", 1.0, 0.0, f64::INFINITY),
        ("x // y", -1.0, 0.0, f64::NEG_INFINITY),
        ("abs(x) + max(x, y, 1.0) + min(x, y)", -2.0, 0.5, 1.0),
        ("round(x) + 10.0 * round(y)", 2.5, 3.5, 42.0),
        ("floor(x) + ceil(y) + trunc(x)", -1.5, 1.5, -1.0),
        ("x if x > y else y", 1.0, 2.0, 2.0),
        ("1.0 if x < y < 3.0 else 0.0", 1.0, 2.0, 1.0),
        ("1.0 if x < y < 3.0 else 0.0", 1.0, 4.0, 0.0),
        ("1.0 if not x < y and True else 2.0", 3.0, 2.0, 1.0),
        ("f64(f32(x)) + .5e1 + 1_0. + pow(x, 2.0)", 2.0, 0.0, 21.0),
        ("sqrt(x) + exp(y) + log(1.0) + tanh(y) + sin(y) + cos(y) + erf(y) + expm1(y)", 9.0, 0.0, 5.0),
    ];
    for (text, x, y, expected) in cases {
        let got = run::<f64, f64>(text, &[*x], &[*y]);
        assert!(got[0] == *expected, "{text} of {x}, {y}: {} for {expected}", got[0]);
    }
    assert!(run::<f32, f32>("x % y", &[1.0], &[0.0])[0].is_nan());
    assert!(run::<f32, f32>("max(x, y)", &[1.0], &[f32::NAN])[0].is_nan());
    let payload = f32::from_bits(0xFFC0_1234);
    assert_eq!(run::<f32, f32>("x", &[payload], &[0.0])[0].to_bits(), f32::NAN.to_bits(), "NaN is canonical");
    assert_eq!(run::<f32, bool>("isnan(x) or x >= y", &[f32::NAN, 1.0, 0.0], &[1.0; 3]), [true, true, false]);
    assert_eq!(run::<f32, f32>("x * 0.1", &[3.0], &[0.0])[0].to_bits(), (3.0f32 * 0.1).to_bits(), "one rounding");
}

/// Floor division and remainder against a wide reference, over every pair of small and extreme numbers.
#[test]
fn integers_wrap_and_round_down() {
    let mut values: Vec<i32> = (-9..10).collect();
    values.extend([i32::MIN, i32::MIN + 1, i32::MAX]);
    let all = values.iter().flat_map(|x| values.iter().map(|y| (*x, *y)));
    let pairs: Vec<(i32, i32)> = all.filter(|p| p.1 != 0).collect();
    let (x, y): (Vec<i32>, Vec<i32>) = pairs.iter().copied().unzip();
    let (quotient, rest) = (run::<i32, i32>("x // y", &x, &y), run::<i32, i32>("x % y", &x, &y));
    let (sum, product) = (run::<i32, i32>("x + y", &x, &y), run::<i32, i32>("x * y", &x, &y));
    let ratio = run::<i32, f64>("x / y", &x, &y);
    for (i, (x, y)) in pairs.into_iter().enumerate() {
        let floor = (f64::from(x) / f64::from(y)).floor() as i64;
        assert_eq!(quotient[i], floor as i32, "{x} // {y}");
        assert_eq!(rest[i], (i64::from(x) - floor * i64::from(y)) as i32, "{x} % {y}");
        assert_eq!((sum[i], product[i]), (x.wrapping_add(y), x.wrapping_mul(y)), "{x}, {y}");
        assert_eq!(ratio[i], f64::from(x) / f64::from(y), "{x} / {y}");
    }
    assert_eq!(run::<i64, i64>("x ** 3 - -y", &[-5], &[1]), [-124]);
    assert_eq!(run::<i64, i64>("x // y + x % y", &[i64::MIN], &[-1]), [i64::MIN]);
    assert_eq!(run::<i32, i32>("-2147483648 + x * 0 + y * 0", &[0], &[0]), [i32::MIN]);
    assert_eq!(run::<f64, i32>("i32(x)", &[1e99, -1.9, f64::NAN], &[0.0; 3]), [i32::MAX, -1, 0]);
}

#[test]
fn a_division_by_zero_names_its_place_unless_it_is_not_reached() {
    let divided = kernel(&expression(I32, I32, "x // y"));
    let error = divided.evaluate(&[column(&[1, 1]), column(&[1, 0])]).unwrap_err().to_string();
    assert_eq!(error, "kernel 'f': element 1: integer division by zero (line 2, column 14)");
    assert_eq!(run::<i32, bool>("y != 0 and x // y > 1", &[4, 4], &[0, 2]), [false, true]);
    assert_eq!(run::<i32, i32>("0 if y == 0 else x % y", &[5, 5], &[0, 3]), [0, 2]);
    assert_eq!(run::<i32, bool>("x < y < 1 // x", &[0], &[-1]), [false], "nothing after the comparison that fails");
}

#[test]
fn statements_choose_paths() {
    let source = "
\"\"\"A module.\"\"\"

# A comment before.
def grade(score: i32, bonus: bool,
          scale: f32) -> f32:   # and one behind
    '''Grades
       a score.'''
    total: f32 = f32(score)
    if bonus:
        total += 5.0
    if total >= 90.0: return 1.0 * scale
    elif total >= 50.0:

        # Inside.
        rest = total - 50.0
        rest /= 40.0
    else:
        rest = 0.0
    return rest * (
        scale)
";
    let grade = kernel(source);
    assert_eq!((grade.name.as_str(), grade.doc.as_str(), grade.returns), ("grade", "Grades\na score.", F32));
    let params: Vec<(&str, DType)> = grade.params.iter().map(|p| (p.name.as_str(), p.dtype)).collect();
    assert_eq!(params, [("score", I32), ("bonus", Bool), ("scale", F32)]);
    let (score, bonus) = (column(&[95i32, 86, 70, 10]), column(&[false, true, false, true]));
    let got = grade.evaluate(&[score, bonus, Tensor::scalar(2.0f32)]).unwrap();
    assert_eq!(got.as_slice::<f32>().unwrap(), [2.0, 2.0, 1.0, 0.0]);
    assert_eq!(kernel(&source.replace('\n', "\r\n")).doc, "Grades\na score.");
}

#[test]
fn shapes_are_alike_or_scalars() {
    let add = kernel(&expression(F32, F32, "x + y"));
    let square = Tensor::from_vec([2, 2], vec![1.0f32, 2.0, 3.0, 4.0]).unwrap();
    let got = add.evaluate(&[square.clone(), Tensor::scalar(1.0f32)]).unwrap();
    assert_eq!(got, Tensor::from_vec([2, 2], vec![2.0f32, 3.0, 4.0, 5.0]).unwrap());
    assert_eq!(add.evaluate(&[Tensor::scalar(1.0f32), Tensor::scalar(2.0f32)]).unwrap(), Tensor::scalar(3.0f32));
    assert!(add.evaluate(&[column::<f32>(&[]), column::<f32>(&[])]).unwrap().is_empty());
    for (inputs, message) in [
        (vec![square.clone()], "1 inputs are given, the kernel takes 2"),
        (vec![square.clone(), column(&[1.0f32; 4])], "input `y` has shape [4] and `x` [2, 2]"),
        (vec![square, column(&[1.0f64; 4])], "input `y` is f64 where f32 is expected"),
    ] {
        let error = add.evaluate(&inputs).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn what_is_outside_the_subset_is_refused_in_its_place() {
    let body = |text: &str| format!("def f(x: f32, i: i32, b: bool) -> f32:\n    {text}\n");
    let returned = |text: &str| body(&format!("return {text}"));
    let cases: Vec<(String, u32, u32, &str)> = vec![
        (returned("x @ x"), 2, 14, "matrix products"),
        (returned("x & x"), 2, 14, "bit operations"),
        (returned("x[0]"), 2, 13, "indexing"),
        (returned("foo(x)"), 2, 12, "no function is named `foo`; there are abs"),
        (returned("y"), 2, 12, "no value is named `y`; there are b, i, x"),
        (returned("exp"), 2, 12, "`exp` is a function: call it"),
        (returned("x + i"), 2, 16, "i32 meets f32"),
        (returned("x + 1"), 2, 16, "write 1.0"),
        (returned("max(x, 0)"), 2, 19, "write 0.0"),
        (returned("i"), 2, 12, "the result is f32, the expression is i32: convert it, as f32(...)"),
        (returned("i / 2"), 2, 14, "the result is f32, the expression is f64"),
        (returned("x if i else x"), 2, 17, "the condition is bool, the expression is i32: compare it"),
        (returned("x if b"), 2, 18, "without `else`"),
        (returned("b + b"), 2, 14, "arithmetic takes numbers"),
        (returned("-b"), 2, 13, "a sign takes numbers"),
        (returned("x if b < b else x"), 2, 17, "booleans have no order"),
        (returned("x if not x else x"), 2, 21, "the operand of `not` is bool"),
        (returned("x if x is x else x"), 2, 19, "comparisons are <"),
        (returned("x if x in x else x"), 2, 19, "comparisons are <"),
        (returned("sqrt(i)"), 2, 17, "`sqrt` takes f32 or f64, the argument is i32"),
        (returned("sqrt(x, x)"), 2, 12, "`sqrt` takes 1 arguments, 2 are given"),
        (returned("max(x)"), 2, 12, "`max` takes 2 or more arguments, 1 are given"),
        (returned("f32(i ** -1)"), 2, 21, "literal exponent"),
        (returned("f32(2 ** i)"), 2, 21, "literal exponent"),
        (returned("pow(x, y=x)"), 2, 20, "a named argument"),
        (returned("lambda: x"), 2, 12, "`lambda`"),
        (returned("\"x\""), 2, 12, "a string"),
        (returned("x, x"), 2, 13, "returns one value"),
        (returned("(x, x)"), 2, 14, "a tuple"),
        (returned("(x"), 3, 1, "inside parentheses"),
        (returned("x)"), 2, 13, "closes nothing"),
        (returned("None"), 2, 12, "`None` where a value is expected"),
        (returned("0x1F"), 2, 12, "no decimal number"),
        (returned("1__0.0"), 2, 12, "no decimal number"),
        (returned("01"), 2, 12, "no decimal number"),
        (returned("1e999"), 2, 12, "1e999 does not fit f32"),
        (returned("f32(9223372036854775808)"), 2, 16, "does not fit i64"),
        (returned("x \\\n  + x"), 2, 14, "between parentheses"),
        (body("return"), 2, 5, "`return` without a value"),
        (body("for i in x: return x"), 2, 5, "`for`: supported statements are"),
        (body("while b: return x"), 2, 5, "`while`: supported statements are"),
        (body("import math"), 2, 5, "`import`: supported statements are"),
        (body("pass"), 2, 5, "`pass`: supported statements are"),
        (body("print(x)"), 2, 5, "`print` is no statement"),
        (body("y = z = x"), 2, 11, "one name and one value"),
        (body("if b: return x"), 1, 1, "kernel `f` has a path without `return`"),
        (body("if b: y = x\n    return y"), 3, 12, "`y` has no value on some path"),
        (body("return x\n    return x"), 3, 5, "never reached"),
        (body("y = x\n    y = i\n    return x"), 3, 9, "`y` is f32, the expression is i32"),
        (body("y = x\n    y: f64 = 1.0\n    return x"), 3, 5, "`y` is f32 already"),
        (body("max = x\n    return x"), 2, 5, "`max` is a function of the language"),
        (body("y: f16 = x\n    return x"), 2, 8, "supported types are f32, f64, i32, i64 and bool"),
        (body("y = x\n      z = x\n    return x"), 3, 7, "an indentation: supported statements are"),
        (body("if b:\n        y = x\n      return x"), 4, 7, "match no block around"),
        (body("if b:\n    return x"), 3, 5, "an indented block is expected"),
        (body("\ty = x\n    return x"), 2, 5, "a tab"),
        ("def f(x) -> f32:\n    return x\n".into(), 1, 7, "write `x: f32`"),
        ("def f(x: f32):\n    return x\n".into(), 1, 14, "write `-> f32:`"),
        ("def f(x: f32 = 1.0) -> f32:\n    return x\n".into(), 1, 14, "a default value"),
        ("def f(x: f32, x: f32) -> f32:\n    return x\n".into(), 1, 1, "parameter `x` is there twice"),
        ("def f(*x: f32) -> f32:\n    return x\n".into(), 1, 7, "`*` where a parameter's name"),
        ("def f(x: f32) -> f32:\n    'only this'\n".into(), 3, 1, "a block without a statement"),
        ("x = 1\n".into(), 1, 1, "a module holds functions only"),
        ("@jit\ndef f(x: f32) -> f32:\n    return x\n".into(), 1, 1, "decorators"),
        ("class A:\n    pass\n".into(), 1, 1, "`class`: a module holds functions only"),
        ("def f(ä: f32) -> f32:\n    return ä\n".into(), 1, 7, "outside the subset"),
        ("'never closed".into(), 1, 1, "without its closing"),
        ("def f(x: f32) -> f32:\n    return x\ndef f(x: f32) -> f32:\n    return x\n".into(), 3, 1, "defined twice"),
    ];
    for (source, line, column, message) in cases {
        let error = parse("bad.py", &source).map(|_| ()).expect_err(&source);
        let KernelError::Source { file, line: l, column: c, message: m } = &error else {
            panic!("{error:?}\n{source}")
        };
        assert_eq!((file.as_str(), *l, *c), ("bad.py", line, column), "{error}\n{source}");
        assert!(m.contains(message), "{error}\nexpected: {message}\n{source}");
    }
}

/// Deep and long sources end in an error or a kernel, in bounded stack.
#[test]
fn nesting_is_bounded() {
    let wrap =
        |open: &str, close: &str, n: usize| expression(F64, F64, &format!("{}x{}", open.repeat(n), close.repeat(n)));
    for (open, close) in [("(", ")"), ("-", ""), ("abs(", ")"), ("x + (", ")"), ("x ** ", ""), ("x if True else ", "")]
    {
        assert!(parse("deep.py", &wrap(open, close, 20)).is_ok(), "{open}");
        let error = parse("deep.py", &wrap(open, close, 50_000)).unwrap_err().to_string();
        assert!(error.contains("nested over"), "{open}: {error}");
    }
    let sum = |n: usize| expression(I64, I64, &vec!["x"; n].join(" + "));
    assert!(parse("deep.py", &sum(60)).is_ok());
    assert!(parse("deep.py", &sum(100_000)).unwrap_err().to_string().contains("nested over"));
    let all = expression(Bool, Bool, &vec!["x"; 100_000].join(" and "));
    assert!(parse("wide.py", &all).is_ok(), "wide is not deep");
    let nested = |n: usize| {
        let ifs: String = (0..n).map(|i| format!("{}if x == y:\n", " ".repeat(i + 1))).collect();
        format!("def f(x: f64, y: f64) -> f64:\n{ifs}{}return y\n return x\n", " ".repeat(n + 1))
    };
    assert!(parse("deep.py", &nested(20)).is_ok());
    assert!(parse("deep.py", &nested(1_000)).unwrap_err().to_string().contains("nested over"));
    let huge = "#".repeat(crate::lexer::SOURCE_BYTES_MAX + 1);
    assert!(parse("huge.py", &huge).unwrap_err().to_string().contains("split the file"));
}
