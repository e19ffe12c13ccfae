//! The `hologram` command, as its users start it: what it prints, where, and with which exit code.
#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot be set up must fail")]

use assert_cmd::Command;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(path)
}

/// What one start of the command gave.
struct Done {
    out: String,
    err: String,
    code: i32,
}

/// Starts the command in a folder, with nothing of the tests' own environment that it reads.
fn start(folder: &Path, environment: &[(&str, &str)], arguments: &[&str], stdin: &str) -> Done {
    let mut command = Command::cargo_bin("hologram").unwrap();
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HOLOGRAM_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).envs(environment.iter().copied()).args(arguments).write_stdin(stdin);
    let output = command.output().unwrap();
    Done {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap(),
    }
}

fn hologram(folder: &Path, arguments: &[&str]) -> Done {
    start(folder, &[], arguments, "")
}

/// The output of a start that must succeed and say nothing to stderr.
fn output(folder: &Path, arguments: &[&str]) -> String {
    let done = hologram(folder, arguments);
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{arguments:?}:\n{}", done.out);
    done.out
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}:\n{text}"))
}

/// A folder with the examples' models and rows under short names.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["digits_cnn.onnx", "wine_pipeline.onnx"] {
        fs::copy(example("models").join(name), folder.path().join(name)).unwrap();
    }
    for name in ["digits.parquet", "wine.parquet"] {
        fs::copy(example("data").join(name), folder.path().join(name)).unwrap();
    }
    folder
}

/// The lines of a CSV text as cells; the texts of these tests quote nothing.
fn cells(csv: &str) -> Vec<Vec<&str>> {
    csv.lines().map(|line| line.split(',').collect()).collect()
}

#[test]
fn every_command_has_help_with_examples() {
    let here = tempfile::tempdir().unwrap();
    let help = output(here.path(), &["--help"]);
    assert!(help.contains("Examples:") && help.contains("Exit codes"), "{help}");
    for command in ["compile", "inspect", "explain", "run", "sql", "demo", "ops", "config", "completions"] {
        assert!(help.contains(command), "{command} is not in:\n{help}");
        let own = output(here.path(), &[command, "--help"]);
        assert!(own.contains("Examples:") && own.contains(&format!("hologram {command}")), "{command}:\n{own}");
    }
    let version = output(here.path(), &["--version"]);
    assert_eq!(version, format!("hologram {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn failures_are_one_line_with_the_exit_code_of_their_kind() {
    let folder = folder();
    let damaged = {
        output(folder.path(), &["compile", "digits_cnn.onnx", "-o", "good.holo", "--report", "none"]);
        let mut bytes = fs::read(folder.path().join("good.holo")).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(folder.path().join("damaged.holo"), bytes).unwrap();
        "damaged.holo"
    };
    fs::write(folder.path().join("text.onnx"), "this is no model").unwrap();
    fs::write(folder.path().join("rows.csv"), "a,b\n1,2\n").unwrap();
    let cases: &[(&[&str], i32, &str)] = &[
        (
            &["compile", "digit_cnn.onnx"],
            3,
            "error[missing]: digit_cnn.onnx: no such file (hint: did you mean digits_cnn.onnx?)",
        ),
        (&["compile", "text.onnx"], 1, "error[invalid]: text.onnx"),
        (&["compile", "."], 1, "this is a folder"),
        (&["inspect", "digits_cnn.onnx"], 1, "compile it first: hologram compile digits_cnn.onnx"),
        (&["inspect", damaged, "--verify"], 5, "error[corrupt]: damaged.holo"),
        (&["explain", "good.holo", "--physical", "--entry", "other"], 3, "other"),
        (&["run", "good.holo", "--input", "rows.csv"], 3, "image"),
        (&["run", "good.holo", "--input", "digits.parquet", "--select", "labe"], 3, "did you mean 'label'?"),
        (&["run", "good.holo", "--input", "good.holo"], 1, "good.holo: its ending does not say"),
        (&["run", "good.holo", "--tensors", "."], 3, "input_0.pb: no such file"),
        (&["sql", "SELECT predict('nothing.holo', 1)"], 3, "nothing.holo"),
        (&["sql", "SELEC 1"], 1, "error[invalid]"),
        (&["sql", ""], 1, "there is no statement"),
        (&["config", "--show", "--threads", "many"], 1, "setting 'threads' from flag (--threads): 'many'"),
        (&["--config", "none.toml", "config"], 3, "none.toml"),
        (&["ops", "--missing", "good.holo"], 1, "an archive lacks no operator"),
    ];
    for (arguments, code, expected) in cases {
        let done = hologram(folder.path(), arguments);
        assert_eq!(done.code, *code, "{arguments:?}: {}", done.err);
        assert!(done.err.contains(expected), "{arguments:?}: {}", done.err);
        assert!(
            done.err.starts_with("error[") && done.err.trim_end().lines().count() == 1,
            "{arguments:?}: {}",
            done.err
        );
        assert_eq!(done.out, "", "{arguments:?}");
    }
    for usage in [&["compile"][..], &["nonsense"], &["run", "good.holo"], &["sql", "--format", "xml", "SELECT 1"]] {
        let done = hologram(folder.path(), usage);
        assert_eq!((done.code, done.out.as_str()), (2, ""), "{usage:?}");
    }
    let table = output(folder.path(), &["exit-codes"]);
    for kind in ["invalid", "missing", "unsupported", "corrupt", "exhausted", "internal"] {
        assert!(table.contains(kind), "{table}");
    }
}

#[test]
fn a_model_is_compiled_inspected_and_explained() {
    let folder = folder();
    let report = json(&output(folder.path(), &["compile", "digits_cnn.onnx", "--name", "digits", "--report", "json"]));
    assert_eq!((&report["archive"], &report["name"]), (&"digits_cnn.holo".into(), &"digits".into()));
    let entry = &report["entry_points"][0];
    assert_eq!((&entry["inputs"][0], &entry["rows"]["independent"]), (&"image".into(), &true.into()));
    assert!(report["passes"].as_array().unwrap().iter().any(|p| p["name"] == "dead-code"), "{report}");
    let file = folder.path().join("digits_cnn.holo");
    assert_eq!(report["bytes"], fs::metadata(&file).unwrap().len());
    // The same model gives the same bytes.
    output(folder.path(), &["compile", "digits_cnn.onnx", "--name", "digits", "-o", "again.holo"]);
    assert_eq!(fs::read(&file).unwrap(), fs::read(folder.path().join("again.holo")).unwrap());

    let inspected = json(&output(folder.path(), &["inspect", "digits_cnn.holo", "--json", "--verify"]));
    assert_eq!((&inspected["model"], &inspected["verified"]), (&"digits".into(), &true.into()));
    let sections = inspected["sections"].as_array().unwrap();
    let kinds: Vec<&str> = sections.iter().filter_map(|s| s["kind"].as_str()).collect();
    for kind in ["plan", "program", "constant"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    let constant = sections.iter().find(|s| s["kind"] == "constant").unwrap();
    let elements: u64 = constant["shape"].as_array().unwrap().iter().filter_map(Value::as_u64).product();
    assert_eq!((&constant["dtype"], constant["bytes"].as_u64()), (&"f32".into(), Some(elements * 4)), "{constant}");
    assert!(constant["coordinate"].is_string(), "{constant}");
    let names: Vec<&str> =
        inspected["entry_points"][0]["outputs"].as_array().unwrap().iter().filter_map(|p| p["name"].as_str()).collect();
    assert_eq!(names, ["probabilities", "label"]);
    let text = output(folder.path(), &["inspect", "digits_cnn.holo"]);
    assert!(text.contains("metadata") && text.contains("coordinate") && text.contains("takes  image"), "{text}");

    let plan = output(folder.path(), &["explain", "digits_cnn.holo"]);
    assert!(plan.contains("Resolve") && plan.contains("Compute") && plan.contains("rows independent"), "{plan}");
    let passes = output(folder.path(), &["explain", "digits_cnn.holo", "--passes"]);
    assert!(passes.contains("fold") && passes.contains("nodes before"), "{passes}");
    let arena = |rows: &str| -> u64 {
        let text = output(folder.path(), &["explain", "digits_cnn.onnx", "--physical", "--rows", rows]);
        assert!(text.contains("Conv") && text.contains(&format!("image f32[{rows}, 1, 8, 8]")), "{text}");
        let line = text.lines().find_map(|l| l.strip_prefix("arena ")).unwrap();
        line.split(' ').next().unwrap().replace(',', "").parse().unwrap()
    };
    assert!(arena("1000") > arena("100") && arena("100") > arena("1"), "{} and {}", arena("100"), arena("1"));
}

/// A LightGBM model of two features, of which one has categories.
const TREES: &str = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\n\
objective=regression\nfeature_names=size colour\nfeature_infos=[0:1] 0:1\ntree_sizes=1 1\n\n\
Tree=0\nnum_leaves=3\nnum_cat=1\nsplit_feature=0 1\nthreshold=0.5 0\ndecision_type=8 1\nleft_child=1 -1\nright_child=-3 -2\n\
leaf_value=1 2 4\ncat_boundaries=0 1\ncat_threshold=2\nis_linear=0\nshrinkage=1\n\n\
Tree=1\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nthreshold=2\ndecision_type=0\nleft_child=-1\nright_child=-2\n\
leaf_value=8 16\nis_linear=0\nshrinkage=1\n\n\n\
end of trees\n\nparameters:\n[categorical_feature: 1]\nend of parameters\n\npandas_categorical:[[\"red\", \"blue\"]]\n";

#[test]
fn a_finite_model_answers_from_a_table() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("trees.txt"), TREES).unwrap();
    fs::write(here.path().join("rows.csv"), "size,colour\n0.25,red\n0.75,blue\n3,blue\n0.5,green\n").unwrap();
    let compile = |more: &[&str]| {
        let plain = ["compile", "trees.txt", "--report", "json"];
        json(&output(here.path(), &[&plain, more].concat()))["entry_points"][0].clone()
    };
    // Two thresholds and NaN make four ranges; two categories and none of them are three values.
    let entry = compile(&[]);
    assert_eq!((&entry["table"]["entries"], &entry["table"]["checked"]), (&12.into(), &12.into()), "{entry}");
    let decision = "table: 12 entries, 96 bytes, 12 of them computed again and equal";
    assert_eq!(entry["decisions"], serde_json::json!([decision]));
    let explained = output(here.path(), &["explain", "trees.holo"]);
    for line in [decision, "size: 4 ranges", "colour: 3 values"] {
        assert!(explained.contains(line), "{explained}");
    }
    assert!(output(here.path(), &["inspect", "trees.holo"]).contains(decision));
    let query = "SELECT predict('trees.holo', size, colour) AS y FROM 'rows.csv'";
    let answers = output(here.path(), &["sql", "--format", "csv", query]);
    assert!(output(here.path(), &["sql", &format!("EXPLAIN {query}")]).contains("table=12 entries"));
    let analyzed = output(here.path(), &["sql", &format!("EXPLAIN ANALYZE {query}")]);
    assert!(analyzed.contains("looked_up=4") && analyzed.contains("missed=0"), "{analyzed}");

    let exact = compile(&["--mode", "exact"]);
    assert_eq!((&exact["table"], &exact["decisions"]), (&Value::Null, &serde_json::json!([])), "{exact}");
    assert_eq!(output(here.path(), &["sql", "--format", "csv", query]), answers);
    assert_eq!(cells(&answers).concat(), ["y", "10.0", "12.0", "20.0", "10.0"]);

    // Values that are declared take the place of the ranges; the others are computed.
    let entry = compile(&["--mode", "table", "--domain", "size=0.25,0.5"]);
    assert_eq!(entry["table"]["entries"], 6, "{entry}");
    assert_eq!(output(here.path(), &["sql", "--format", "csv", query]), answers);
    let analyzed = output(here.path(), &["sql", &format!("EXPLAIN ANALYZE {query}")]);
    assert!(analyzed.contains("looked_up=2") && analyzed.contains("missed=2"), "{analyzed}");

    // A table of values that occur has no say where the model shows its own.
    let entry = compile(&["--domains-of", "rows.csv"]);
    assert_eq!(entry["table"]["entries"], 12, "{entry}");
    let absent = hologram(here.path(), &["compile", "trees.txt", "--domains-of", "none.csv"]);
    assert!(absent.code == 3 && absent.err.contains("none.csv: no such file"), "{}", absent.err);

    // Answers that come when rows ask for them: as many rows as there are entries, and all are there.
    let entry = compile(&["--fill-on-demand"]);
    let decision = "table: 12 entries, filled on demand by 4096 up to 33554432 of about 96 bytes, 12 of them computed twice and equal";
    assert_eq!(entry["decisions"], serde_json::json!([decision]));
    assert_eq!(entry["table"]["on_demand"], true, "{entry}");
    let explained = output(here.path(), &["explain", "trees.holo"]);
    assert!(explained.contains("table of 12 entries, filled on demand: 0 of them"), "{explained}");
    assert_eq!(output(here.path(), &["sql", "--format", "csv", query]), answers);
    assert!(output(here.path(), &["sql", &format!("EXPLAIN {query}")]).contains("table=12 entries on demand, 0 there"));
    let thrice = query.replace("'rows.csv'", "(SELECT a.* FROM 'rows.csv' a, 'rows.csv' b)");
    let analyzed = output(here.path(), &["sql", &format!("EXPLAIN ANALYZE {query}; EXPLAIN ANALYZE {thrice}")]);
    let has = |counts: [&str; 2]| analyzed.contains(counts[0]) && analyzed.contains(counts[1]);
    assert!(has(["looked_up=0", "unfilled=4"]) && has(["looked_up=16", "unfilled=0"]), "{analyzed}");
    let wrong = hologram(here.path(), &["compile", "trees.txt", "--mode", "exact", "--fill-on-demand"]);
    assert!(wrong.err.contains("--fill-on-demand is for tables, and --mode exact makes none"), "{}", wrong.err);

    let small = hologram(here.path(), &["compile", "trees.txt", "--mode", "table", "--memory-budget", "95"]);
    assert_eq!((small.code, small.out.as_str()), (1, ""));
    assert!(small.err.contains("would take 96 bytes, and the budget has 95"), "{}", small.err);
    let wrong = hologram(here.path(), &["compile", "trees.txt", "--domain", "sise=1"]);
    assert!(wrong.err.contains("'sise', and the columns are size, colour"), "{}", wrong.err);
}

#[test]
fn a_model_is_quantized_by_rows_and_keeps_its_answers() {
    let folder = folder();
    let compile = |more: &[&str]| {
        let plain = ["compile", "digits_cnn.onnx", "--mode", "quantized", "--calibrate", "digits.parquet"];
        hologram(folder.path(), &[&plain[..], more].concat())
    };
    let done = compile(&["--report", "json"]);
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let quantized = json(&done.out)["entry_points"][0]["quantized"].clone();
    assert_eq!((&quantized["scheme"], &quantized["asked"]), (&"int8".into(), &0.99.into()), "{quantized}");
    assert!(quantized["agreement"].as_f64().unwrap() >= 0.99 && quantized["rows"] == 898, "{quantized}");
    let layer = &quantized["layers"][0];
    assert_eq!((&layer["name"], &layer["weights"], &layer["quantized"]), (&"dense".into(), &1280.into(), &true.into()));
    let explained = output(folder.path(), &["explain", "digits_cnn.holo"]);
    assert!(explained.contains("quantized: 1 of 1 layers in int8, agreement"), "{explained}");
    assert!(explained.contains("layer dense (Gemm 128 x 10): int8, error"), "{explained}");
    let query = "SELECT sum(CASE WHEN predict('digits_cnn.holo', image)['label'] = \
                 predict('digits_cnn.onnx', image)['label'] THEN 1 ELSE 0 END) AS same FROM 'digits.parquet'";
    let same: u32 = cells(&output(folder.path(), &["sql", "--format", "csv", query]))[1][0].parse().unwrap();
    assert!(same > 1_790, "{same} of 1,797");

    fs::write(folder.path().join("none.csv"), "image\n").unwrap();
    let plain = ["compile", "digits_cnn.onnx"];
    for (more, says) in [
        (&["--mode", "quantized"][..], "has no calibration data (hint: give rows"),
        (&["--mode", "quantized", "--calibrate", "none.parquet"], "none.parquet: no such file"),
        (&["--mode", "quantized", "--calibrate", "none.csv"], "no rows to calibrate with"),
        (&["--mode", "quantized", "--calibrate", "wine.parquet"], "calibration data"),
        (&["--mode", "quantized", "--calibrate", "digits.parquet", "--accuracy", "1.5"], "an accuracy of 1.5"),
        (&["--calibrate", "digits.parquet"], "--calibrate is for --mode quantized and --mode pq"),
        (&["--accuracy", "0.9"], "--accuracy is for --mode quantized and --mode pq"),
        (&["--mode", "pq", "--calibrate", "digits.parquet"], "allow it with --experimental"),
        (&["--mode", "pq", "--experimental"], "--mode pq has no calibration data"),
        (&["--mode", "pq", "--experimental", "--calibrate", "digits.parquet"], "that is wide enough"),
    ] {
        let done = hologram(folder.path(), &[&plain[..], more].concat());
        assert!(matches!(done.code, 1 | 3) && done.err.contains(says), "{more:?}: {}", done.err);
    }
}

#[test]
fn rows_are_scored_beside_their_columns_in_every_format() {
    let folder = folder();
    output(folder.path(), &["compile", "wine_pipeline.onnx", "--report", "none"]);
    let csv = output(
        folder.path(),
        &["run", "wine_pipeline.holo", "--input", "wine.parquet", "--select", "id,cultivar,split,label"],
    );
    let rows = cells(&csv);
    assert_eq!((rows.len(), rows[0].as_slice()), (179, &["id", "cultivar", "split", "label"][..]));
    let test: Vec<_> = rows.iter().filter(|r| r[2] == "test").collect();
    assert_eq!((test.len(), test.iter().filter(|r| r[1] == r[3]).count()), (45, 45));

    // Each format is read back and scored again, in batches of seven: the answers stay.
    for ending in ["csv", "parquet", "json", "arrow"] {
        let (given, scored) = (format!("given.{ending}"), format!("scored.{ending}"));
        output(folder.path(), &["sql", "SELECT * FROM 'wine.parquet'", "-o", &given]);
        let arguments = ["run", "wine_pipeline.onnx", "--input", &given, "--output", &scored, "--batch-rows", "7"];
        assert_eq!(output(folder.path(), &arguments), "", "{ending}");
        let names = ["run", "wine_pipeline.holo", "--input", &scored, "--select", "id,cultivar,split,label"];
        assert_eq!(output(folder.path(), &names), csv, "{ending}");
    }
    let all = output(folder.path(), &["run", "wine_pipeline.holo", "--input", "given.csv"]);
    let header = all.lines().next().unwrap();
    assert!(header.starts_with("id,") && header.ends_with(",label,probabilities"), "{header}");
    // A NULL in the last row: an answer of NULL, or an error that leaves the file before it as it was.
    let statement = "SELECT * REPLACE (CASE WHEN id = 177 THEN NULL ELSE ash END AS ash) FROM 'wine.parquet'";
    output(folder.path(), &["sql", statement, "-o", "null.parquet"]);
    let run = ["run", "wine_pipeline.holo", "--input", "null.parquet", "--batch-rows", "10"];
    let csv = output(folder.path(), &[&run[..], &["--select", "id,label"]].concat());
    assert_eq!(cells(&csv).iter().filter(|r| r[1].is_empty()).count(), 1, "{csv}");
    assert!(csv.ends_with("177,\n"), "{csv}");
    fs::write(folder.path().join("kept.csv"), "before").unwrap();
    let done = hologram(folder.path(), &[&run[..], &["--nulls", "error", "--output", "kept.csv"]].concat());
    assert_eq!(done.code, 1, "{}", done.err);
    assert!(done.err.contains("null.parquet, rows from 170 on") && done.err.contains("'ash'"), "{}", done.err);
    assert_eq!(fs::read_to_string(folder.path().join("kept.csv")).unwrap(), "before");
    let names = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|n| n.ends_with(".partial")).count(), 0);
}

#[test]
fn tensors_are_read_and_written_as_onnx_has_them() {
    let folder = folder();
    let tensors = folder.path().join("set");
    fs::create_dir(&tensors).unwrap();
    // TensorProto: dims (1), data_type (2), raw_data (9), written by hand.
    let mut bytes = vec![0x08, 1, 0x08, 1, 0x08, 8, 0x08, 8, 0x10, 1, 0x4a, 0x80, 0x02];
    bytes.extend((0..64).flat_map(|i| (i as f32 / 64.0).to_le_bytes()));
    fs::write(tensors.join("input_0.pb"), &bytes).unwrap();
    let printed = output(folder.path(), &["run", "digits_cnn.onnx", "--tensors", "set"]);
    assert!(printed.starts_with("probabilities: f32[1, 10] [") && printed.contains("\nlabel: i64[1] ["), "{printed}");
    output(folder.path(), &["run", "digits_cnn.onnx", "--tensors", "set", "--output", "answers"]);
    let label = fs::read(folder.path().join("answers/output_1.pb")).unwrap();
    let raw = label.windows(10).find_map(|w| (w[..2] == [0x4a, 8]).then(|| w[2..].to_vec())).unwrap();
    let answer = i64::from_le_bytes(raw.try_into().unwrap());
    assert!(printed.contains(&format!("label: i64[1] [{answer}]")), "{printed}");
}

#[test]
fn statements_are_answered_in_every_format() {
    let folder = folder();
    let statement = "SELECT count(*) AS n FROM (SELECT *, predict('wine_pipeline.onnx', t) AS p FROM 'wine.parquet' t) \
                     WHERE split = 'test' AND p['label'] = cultivar";
    let run = |format: &str| output(folder.path(), &["sql", statement, "--format", format]);
    assert_eq!(run("csv"), "n\n45\n");
    assert_eq!(run("json"), "{\"n\":45}\n");
    assert_eq!(run("table"), "+----+\n| n  |\n+----+\n| 45 |\n+----+\n");
    output(folder.path(), &["sql", statement, "-o", "n.parquet"]);
    assert_eq!(output(folder.path(), &["sql", "SELECT n + 1 AS m FROM 'n.parquet'", "--format", "csv"]), "m\n46\n");
    // An answer without rows has a header, and a SET has nothing to show.
    assert_eq!(output(folder.path(), &["sql", "SELECT 1 AS a WHERE false", "--format", "csv"]), "a\n");
    fs::write(folder.path().join("two.sql"), "-- a; comment\nSET hologram.nulls = 'error'; SELECT ';' AS a").unwrap();
    assert_eq!(output(folder.path(), &["sql", "-f", "two.sql", "--format", "csv"]), "a\n;\n");
    let piped = start(folder.path(), &[], &["sql", "--format", "csv"], "SELECT 1 AS a; SELECT 2 AS b;");
    assert_eq!((piped.code, piped.out.as_str(), piped.err.as_str()), (0, "a\n1\nb\n2\n", ""));
    let named = ["sql", "-m", "wine=wine_pipeline.onnx", "SELECT name FROM hologram.models", "--format", "csv"];
    assert!(output(folder.path(), &named).contains("wine"));
}

#[test]
fn a_reader_that_has_enough_ends_the_command_quietly() {
    use std::{
        io::Read,
        process::{Command, Stdio},
    };
    let here = tempfile::tempdir().unwrap();
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("hologram"))
        .args(["sql", "SELECT value FROM generate_series(1, 1000000)", "--format", "csv"])
        .current_dir(here.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut start = [0; 8];
    child.stdout.take().unwrap().read_exact(&mut start).unwrap();
    assert_eq!(&start, b"value\n1\n");
    let done = child.wait_with_output().unwrap();
    assert_eq!((done.status.code(), String::from_utf8(done.stderr).unwrap().as_str()), (Some(0), ""));
}

#[test]
fn settings_have_one_precedence() {
    let folder = tempfile::tempdir().unwrap();
    let value = |environment: &[(&str, &str)], arguments: &[&str]| {
        let done = start(folder.path(), environment, &[&["config", "--show", "--json"], arguments].concat(), "");
        assert_eq!(done.code, 0, "{}", done.err);
        let rows = json(&done.out);
        let row = rows.as_array().unwrap().iter().find(|r| r["name"] == "batch-rows").unwrap().clone();
        (row["value"].as_str().unwrap().to_owned(), row["origin"].as_str().unwrap().to_owned())
    };
    let of = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    assert_eq!(value(&[], &[]), of("8192", "default"));
    fs::write(folder.path().join("hologram.toml"), "batch-rows = 1\n").unwrap();
    assert_eq!(value(&[], &[]).0, "1");
    fs::write(folder.path().join("other.toml"), "batch_rows = 11\n").unwrap();
    assert_eq!(value(&[], &["--config", "other.toml"]), of("11", "other.toml"));
    fs::write(folder.path().join(".env"), "HOLOGRAM_BATCH_ROWS=2\n").unwrap();
    assert_eq!(value(&[], &[]), of("2", ".env"));
    let real = [("HOLOGRAM_BATCH_ROWS", "3")];
    assert_eq!(value(&real, &[]), of("3", "environment (HOLOGRAM_BATCH_ROWS)"));
    assert_eq!(value(&real, &["--batch-rows", "4"]), of("4", "flag (--batch-rows)"));
    fs::write(folder.path().join("hologram.toml"), "batch_row = 1\n").unwrap();
    let done = hologram(folder.path(), &["config"]);
    assert_eq!(done.code, 1);
    assert!(
        done.err.contains("hologram.toml: no setting is named 'batch-row'; the nearest is 'batch-rows'"),
        "{}",
        done.err
    );
}

#[test]
fn every_setting_is_in_the_example_of_an_environment() {
    let here = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".env.example")).unwrap();
    let rows = json(&output(here.path(), &["config", "--json"]));
    let mut names: Vec<&str> = rows.as_array().unwrap().iter().filter_map(|r| r["environment"].as_str()).collect();
    let mut shown: Vec<&str> = text
        .lines()
        .filter_map(|l| l.strip_prefix("# ")?.split_once('='))
        .map(|(n, _)| n)
        .filter(|n| !n.contains(' '))
        .collect();
    names.sort_unstable();
    shown.sort_unstable();
    assert_eq!(names, shown);
}

#[test]
fn coverage_counts_operators_of_the_standard() {
    let folder = folder();
    let coverage = json(&output(folder.path(), &["ops", "--coverage", "--json"]));
    for (table, of) in [("operator_sets", "operator_set"), ("types", "type")] {
        for row in coverage[table].as_array().unwrap() {
            let (have, all) = (row["operators"].as_u64().unwrap(), row["standard"].as_u64().unwrap());
            assert!(have <= all && row[of].is_string(), "{row}");
        }
    }
    let find = |table: &str, of: &str, name: &str| {
        let rows = coverage[table].as_array().unwrap();
        rows.iter().find(|r| r["domain"] == "ai.onnx" && r[of] == name).unwrap()["operators"].as_u64().unwrap()
    };
    assert!(find("operator_sets", "operator_set", "13") == 160 && find("types", "type", "f32") > 150, "{coverage}");
    let gradient = coverage["gaps"].as_array().unwrap().iter().find(|g| g["operator"] == "Gradient").unwrap();
    assert!(gradient["what"].as_str().unwrap().contains("ai.onnx.preview.training::Gradient"), "{gradient}");
    let text = output(folder.path(), &["ops", "--coverage"]);
    assert!(text.contains("by element type") && text.contains("beyond the standard"), "{text}");
    assert!(output(folder.path(), &["ops", "--missing", "digits_cnn.onnx"]).contains("every operator is there"));
    // A model whose operator nobody has: the name of one is overwritten in the file.
    let mut bytes = fs::read(folder.path().join("digits_cnn.onnx")).unwrap();
    let at = bytes.windows(4).position(|w| w == b"Relu").unwrap();
    bytes[at..at + 4].copy_from_slice(b"Relv");
    fs::write(folder.path().join("odd.onnx"), bytes).unwrap();
    let missing = json(&output(folder.path(), &["ops", "--missing", "odd.onnx", "--json"]));
    assert_eq!(missing[0]["operator"], "Relv", "{missing}");
    let done = hologram(folder.path(), &["compile", "odd.onnx"]);
    assert_eq!(done.code, 4, "{}", done.err);
    assert!(done.err.contains("Relv") && done.err.contains("hologram ops --missing odd.onnx"), "{}", done.err);
}

#[test]
fn shells_get_completions() {
    let here = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = output(here.path(), &["completions", shell]);
        assert!(script.contains("hologram") && script.contains("inspect") && script.contains("batch-rows"), "{shell}");
    }
}

/// The numbers of right answers and rows that a demo tells, model by model.
fn accuracies(text: &str) -> Vec<(u32, u32)> {
    let mut lines = text.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with("| rows") && line.contains("right_answers") {
            let cells: Vec<u32> = lines.nth(1).unwrap().split('|').filter_map(|c| c.trim().parse().ok()).collect();
            found.push((cells[1], cells[0]));
        }
    }
    found
}

#[test]
fn the_demo_answers_from_its_files() {
    let here = tempfile::tempdir().unwrap();
    let first = output(here.path(), &["demo", "--dir", "try"]);
    assert_eq!(accuracies(&first), [(133, 143), (45, 45), (442, 450)], "{first}");
    for expected in ["$ hologram compile", "$ hologram sql", "EXPLAIN", "predicted", "score", "All of it took"] {
        assert!(first.contains(expected), "{expected} is not in:\n{first}");
    }
    // Other rows: only half of the wines are left to be tested, under another name for one cultivar.
    let statement = "SELECT * REPLACE (CASE WHEN cultivar = 'barolo' THEN 'merlot' ELSE cultivar END AS cultivar) \
                     FROM 'try/wine.parquet' WHERE split = 'test'";
    output(here.path(), &["sql", statement, "-o", "half.parquet"]);
    fs::rename(here.path().join("half.parquet"), here.path().join("try/wine.parquet")).unwrap();
    // Another model: the digits' network has lost its first weights.
    let path = here.path().join("try/digits_cnn.onnx");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 1200].fill(0);
    fs::write(&path, bytes).unwrap();
    let second = output(here.path(), &["demo", "--dir", "try"]);
    let found = accuracies(&second);
    assert_eq!(found[0], (133, 143), "{second}");
    assert!(found[1].1 == 45 && found[1].0 < 45, "{second}");
    assert!(found[2].1 == 450 && found[2].0 != 442, "{second}");
    assert!(!output(here.path(), &["demo"]).contains(here.path().to_str().unwrap()), "a temporary folder is used");
}

#[test]
fn a_store_keeps_batches_in_an_object_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("rows.csv"), "id,score\n1,0.5\n2,0.25\n").unwrap();
    fs::create_dir(path.join("objects")).unwrap();
    let url = &format!("file://{}", path.join("objects").display());
    assert!(output(path, &["store", "put", url, "3.0.17.0", "rows.csv"]).contains("2 rows, version 1"));
    assert!(output(path, &["store", "put", url, "4.0.0.0", "rows.csv", "--expect", "0"]).contains("version 2"));
    let late = hologram(path, &["store", "put", url, "4.0.0.0", "rows.csv", "--expect", "1"]);
    assert!(late.code != 0 && late.err.contains("version 2 is there"), "{}", late.err);
    assert_eq!(output(path, &["store", "get", url, "3.0.17.0"]), "id,score\n1,0.5\n2,0.25\n");
    assert_eq!(json(&output(path, &["store", "scan", url, "--json"])).as_array().unwrap().len(), 2);
    let stats = json(&output(path, &["store", "stats", url, "--json"]));
    assert_eq!((stats["batches"].as_u64(), stats["objects"].as_u64()), (Some(2), Some(1)), "equal content once");
    output(path, &["store", "put", url, "5.0.0.0", "rows.csv", "--parquet"]);
    assert_eq!(output(path, &["store", "get", url, "5.0.0.0"]), "id,score\n1,0.5\n2,0.25\n");
    let objects = fs::read_dir(path.join("objects/objects")).unwrap().map(|e| e.unwrap().path());
    let (parquet, arrow): (Vec<_>, Vec<_>) = objects.partition(|p| p.extension().is_some_and(|e| e == "parquet"));
    assert_eq!((parquet.len(), arrow.len()), (1, 1));
    assert!(fs::read(&parquet[0]).unwrap().starts_with(b"PAR1"));
    output(path, &["store", "remove", url, "3.0.17.0"]);
    assert!(output(path, &["store", "compact", url]).contains("0 objects"));
    assert!(output(path, &["store", "verify", url]).contains("every batch"));
    let unknown = hologram(path, &["store", "stats", "gopher://hole"]);
    assert!(unknown.code != 0 && unknown.err.contains("gopher://hole"), "{}", unknown.err);
}

#[test]
fn a_store_keeps_batches_in_a_folder() {
    let here = tempfile::tempdir().unwrap();
    let path = here.path();
    fs::write(path.join("rows.csv"), "id,score\n1,0.5\n2,0.25\n").unwrap();
    let missing = hologram(path, &["store", "get", "kept", "3.0.17.0"]);
    assert!(missing.code == 3 && missing.err.contains("no such folder"), "{} {}", missing.code, missing.err);
    assert!(output(path, &["store", "put", "kept", "3.0.17.0", "rows.csv"]).contains("2 rows, version 1"));
    output(path, &["store", "put", "kept", "3.0.17.0/0.0.0.5", "rows.csv"]);
    output(path, &["store", "put", "kept", "4.0.0.0", "rows.csv"]);
    let here = hologram(path, &["store", "put", "kept", "5.0.0.0", "rows.csv", "--parquet"]);
    assert!(here.code != 0 && here.err.contains("URL of an object store"), "{}", here.err);
    let late = hologram(path, &["store", "put", "kept", "4.0.0.0", "rows.csv", "--expect", "1"]);
    assert!(late.code != 0 && late.err.contains("version 3 is there"), "{}", late.err);
    assert_eq!(output(path, &["store", "get", "kept", "3.0.17.0"]), "id,score\n1,0.5\n2,0.25\n");
    let under = json(&output(path, &["store", "scan", "kept", "--under", "3.0.17.0", "--json"]));
    let found: Vec<&str> = under.as_array().unwrap().iter().map(|r| r["coordinate"].as_str().unwrap()).collect();
    assert_eq!(found, ["3.0.17.0", "3.0.17.0/0.0.0.5"]);
    output(path, &["store", "remove", "kept", "3.0.17.0"]);
    assert!(output(path, &["store", "compact", "kept"]).contains("bytes"));
    let stats = json(&output(path, &["store", "stats", "kept", "--json"]));
    assert_eq!((stats["batches"].as_u64(), stats["streams"].as_u64()), (Some(2), Some(1)), "equal content once");
    assert_eq!(stats["bytes"].as_u64(), stats["disk_bytes"].as_u64());
    assert!(output(path, &["store", "verify", "kept"]).contains("every batch"));
    // A byte of the batch that both coordinates share changes on the disk.
    let segment = fs::read_dir(path.join("kept")).unwrap().map(|e| e.unwrap().path());
    let segment = segment.filter(|p| p.extension().is_some_and(|e| e == "seg")).max().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(8).position(|w| w == 0.25f64.to_le_bytes()).unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let damaged = hologram(path, &["store", "verify", "kept"]);
    assert!(damaged.code != 0 && damaged.err.contains("2 batches are damaged"), "{}", damaged.err);
}
