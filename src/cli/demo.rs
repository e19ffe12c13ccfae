//! `hologram demo`: three models and three questions, from files that travel inside the command.

use super::{
    Context, Failure, Result,
    batches_out::Format,
    compile,
    console::{duration_text, say},
    queries::Queries,
    sql,
};
use std::{
    path::{Path, PathBuf},
    time::Instant,
};

const AFTER_HELP: &str = "\
The models are trained on three quarters of their rows; the column `split` marks the others as `test`, and accuracies \
are counted on those.

Examples:
  hologram demo             in a temporary folder, which is removed at the end
  hologram demo --dir try   keeps all in try/, and uses files that are there already";

/// Compile three small models and ask three questions of them.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// The folder for models, rows and archives; files that are there already are used as they are.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

/// The files that travel inside the command.
const FILES: &[(&str, &[u8])] = &[
    ("breast_cancer.lgbm.txt", include_bytes!("../../examples/models/breast_cancer.lgbm.txt")),
    ("breast_cancer.parquet", include_bytes!("../../examples/data/breast_cancer.parquet")),
    ("wine_pipeline.onnx", include_bytes!("../../examples/models/wine_pipeline.onnx")),
    ("wine.parquet", include_bytes!("../../examples/data/wine.parquet")),
    ("digits_cnn.onnx", include_bytes!("../../examples/models/digits_cnn.onnx")),
    ("digits.parquet", include_bytes!("../../examples/data/digits.parquet")),
];

/// One model with the question asked of it.
struct Scene {
    title: &'static str,
    model: &'static str,
    archive: &'static str,
    question: &'static str,
    /// Counts the rows not trained on, and those of them that are answered right.
    accuracy: &'static str,
}

/// `{dir}` stands for the folder.
const SCENES: &[Scene] = &[
    Scene {
        title: "80 boosted trees: a score beside the columns, a filter on the score, and the least certain first",
        model: "breast_cancer.lgbm.txt",
        archive: "breast_cancer.holo",
        question: "\
SELECT id, mean_radius, diagnosis, round(score, 4) AS score
FROM (SELECT *, predict('{dir}/breast_cancer.holo', t) AS score FROM '{dir}/breast_cancer.parquet' t)
WHERE split = 'test' AND score > 0.5
ORDER BY score LIMIT 5",
        accuracy: "\
SELECT count(*) AS rows, count(*) FILTER (WHERE (score > 0.5) = (diagnosis = 'malignant')) AS right_answers
FROM (SELECT *, predict('{dir}/breast_cancer.holo', t) AS score FROM '{dir}/breast_cancer.parquet' t)
WHERE split = 'test'",
    },
    Scene {
        title: "a pipeline of words and numbers: GROUP BY what it predicts",
        model: "wine_pipeline.onnx",
        archive: "wine.holo",
        question: "\
SELECT answer['label'] AS predicted, count(*) AS wines, round(avg(alcohol), 2) AS avg_alcohol
FROM (SELECT *, predict('{dir}/wine.holo', t) AS answer FROM '{dir}/wine.parquet' t)
WHERE split = 'test'
GROUP BY predicted ORDER BY predicted",
        accuracy: "\
SELECT count(*) AS rows, count(*) FILTER (WHERE answer['label'] = cultivar) AS right_answers
FROM (SELECT *, predict('{dir}/wine.holo', t) AS answer FROM '{dir}/wine.parquet' t)
WHERE split = 'test'",
    },
    Scene {
        title: "a convolutional network over images that are lists of 64 numbers",
        model: "digits_cnn.onnx",
        archive: "digits.holo",
        question: "\
SELECT digit, count(*) AS images, count(*) FILTER (WHERE seen = digit) AS seen_right
FROM (SELECT *, predict('{dir}/digits.holo', image)['label'] AS seen FROM '{dir}/digits.parquet')
WHERE split = 'test'
GROUP BY digit ORDER BY digit",
        accuracy: "\
SELECT count(*) AS rows, count(*) FILTER (WHERE seen = digit) AS right_answers
FROM (SELECT *, predict('{dir}/digits.holo', image)['label'] AS seen FROM '{dir}/digits.parquet')
WHERE split = 'test'",
    },
];

/// A folder that is removed when it is no longer needed.
struct Folder {
    path: PathBuf,
    is_temporary: bool,
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_temporary {
            // What cannot be removed stays in the system's folder for temporary files.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    let start = Instant::now();
    let folder = folder(arguments.dir.as_deref())?;
    let dir = folder.path.display().to_string();
    for (name, bytes) in FILES {
        let path = folder.path.join(name);
        if !path.exists() {
            std::fs::write(&path, bytes).map_err(|e| Failure::from(e).at(path.display()))?;
        }
    }
    say(format_args!("Models and rows are in {dir}"))?;
    let queries = Queries::start(context)?;
    for (number, scene) in (1..).zip(SCENES) {
        say(format_args!("\n{number}. {}", scene.title))?;
        let (model, archive) = (folder.path.join(scene.model), folder.path.join(scene.archive));
        say(format_args!("\n$ hologram compile {} -o {}", model.display(), archive.display()))?;
        compile::run(context, &compile::Arguments::new(model, archive))?;
        ask(&queries, &scene.question.replace("{dir}", &dir))?;
        ask(&queries, &scene.accuracy.replace("{dir}", &dir))?;
    }
    say("\nWhat runs for the last question:")?;
    let question = SCENES.last().map_or(String::new(), |s| s.question.replace("{dir}", &dir));
    ask(&queries, &format!("EXPLAIN {question}"))?;
    say(format_args!("\nAll of it took {}.", duration_text(start.elapsed())))
}

/// Shows a query as a user would type it, its answer, and how long that took.
fn ask(queries: &Queries, query: &str) -> Result<()> {
    say(format_args!("\n$ hologram sql \"{query}\""))?;
    let start = Instant::now();
    sql::answer(queries, query, Format::Table, Some(None))?;
    say(format_args!("({})", duration_text(start.elapsed())))
}

/// The given folder, made where it is not there; or a new one that is removed at the end.
fn folder(given: Option<&Path>) -> Result<Folder> {
    if let Some(path) = given {
        std::fs::create_dir_all(path).map_err(|e| Failure::from(e).at(path.display()))?;
        return Ok(Folder { path: path.to_owned(), is_temporary: false });
    }
    // A folder that is there already is someone else's, so one is looked for that is not.
    let mut tried = None;
    for attempt in 0..100u32 {
        let path = std::env::temp_dir().join(format!("hologram-demo-{}-{attempt}", std::process::id()));
        match std::fs::create_dir(&path) {
            Ok(()) => return Ok(Folder { path, is_temporary: true }),
            Err(e) => tried = Some(Failure::from(e).at(path.display())),
        }
    }
    Err(tried.unwrap_or_else(|| Failure::invalid("no temporary folder")).hint("give one with --dir"))
}
