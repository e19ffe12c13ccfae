//! `hologram sql`: one statement, a script, or a prompt.

use super::{
    Context, Failure, Result,
    batches_out::{Format, Writer},
    console::{self, counted, duration_text, note, say},
    model_file,
    queries::Queries,
    statements,
};
use crate::ErrorKind;
use rustyline::error::ReadlineError;
use std::{
    io::{IsTerminal, Read},
    path::{Path, PathBuf},
    time::Instant,
};

const AFTER_HELP: &str = "\
predict('MODEL', column, ...) scores columns in the order of the model's inputs; predict('MODEL', t) takes the columns of \
the relation t by name. MODEL is a file, or a name given with --model. Files are relations: FROM 'rows.parquet' t.

Examples:
  hologram sql \"SELECT id, predict('churn.holo', t) FROM 'customers.parquet' t WHERE country = 'NO'\"
  hologram sql \"EXPLAIN ANALYZE SELECT avg(predict('churn.holo', age, plan)) FROM 'customers.csv'\"
  hologram sql --model churn=churn.onnx -f report.sql --format json
  hologram sql \"SELECT * FROM predict('churn.holo', 'customers.parquet')\" -o scored.parquet
  hologram sql                       a prompt with history; statements end with a semicolon";

const PROMPT_HELP: &str = "\
Statements end with a semicolon and may span lines. Try:
  SHOW TABLES;
  SELECT * FROM hologram.models;
  SELECT predict('model.holo', t) FROM 'rows.parquet' t LIMIT 5;
  EXPLAIN SELECT ...;
quit, exit or Ctrl-D ends the prompt; Ctrl-C drops what was typed or cancels a query.";

/// Answer SQL over files and models.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// The statement, or several with semicolons between them; without one and without --file there is a prompt.
    #[arg(conflicts_with = "file")]
    statement: Option<String>,
    /// A file of statements; `-` is stdin.
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// A model under a name, for predict('NAME', ...); may be repeated.
    #[arg(short, long, value_name = "NAME=MODEL", value_parser = named_model)]
    model: Vec<(String, PathBuf)>,
    /// How rows are written; the ending of --output says it without this, and stdout gets tables.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// A file for the rows of the last statement; stdout without this.
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
}

fn named_model(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) =
        text.split_once('=').filter(|(n, p)| !n.is_empty() && !p.is_empty()).ok_or("write NAME=MODEL")?;
    Ok((name.to_owned(), path.into()))
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    let script = match (&arguments.statement, &arguments.file) {
        (Some(statement), _) => Some(statement.clone()),
        (None, Some(path)) if path.as_os_str() != "-" => {
            model_file::check_exists(path)?;
            Some(std::fs::read_to_string(path).map_err(|e| Failure::from(e).at(path.display()))?)
        }
        (None, None) if std::io::stdin().is_terminal() => None,
        _ => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(|e| Failure::from(e).at("stdin"))?;
            Some(text)
        }
    };
    let format = Format::choose(arguments.format, arguments.output.as_deref(), Format::Table)?;
    let queries = Queries::start(context)?;
    for (name, path) in &arguments.model {
        model_file::check_exists(path)?;
        queries.engine().register_model(name, path)?;
    }
    let Some(script) = script else { return prompt(context, &queries, format) };
    let (mut statements, last) = statements::split(&script);
    if !statements::is_blank(&last) {
        statements.push(last);
    }
    let Some((last, before)) = statements.split_last() else {
        return Err(Failure::invalid("there is no statement").hint("hologram sql \"SELECT 1\""));
    };
    for statement in before {
        // A file holds one statement's rows; the others then run for what they change.
        let output = arguments.output.is_none().then_some(None);
        answer(&queries, statement, format, output)?;
    }
    answer(&queries, last, format, Some(arguments.output.as_deref()))
}

/// Runs a statement; `output` is where its rows go (`Some(None)` is stdout), or `None` to drop them.
pub(super) fn answer(queries: &Queries, statement: &str, format: Format, output: Option<Option<&Path>>) -> Result<()> {
    let start = Instant::now();
    let mut answer = queries.stream(statement).map_err(with_hint)?;
    let schema = answer.schema();
    // Statements such as SET have no columns; there is nothing to draw then.
    let mut writer = match output {
        Some(path) if !schema.fields().is_empty() => Some(Writer::open(path, format, schema)?),
        _ => None,
    };
    let mut rows = 0;
    while let Some(batch) = answer.next().map_err(with_hint)? {
        rows += batch.num_rows();
        if let Some(writer) = &mut writer {
            writer.write(&batch)?;
        }
    }
    if let Some(writer) = writer {
        writer.finish()?;
    }
    if console::is_watched() {
        note(format_args!("{} in {}", counted(rows, "row"), duration_text(start.elapsed())));
    }
    Ok(())
}

fn with_hint(failure: Failure) -> Failure {
    match failure.kind() {
        ErrorKind::Exhausted => failure.hint("raise --memory-limit"),
        _ => failure,
    }
}

/// Asks for statements until there are no more.
fn prompt(context: &Context, queries: &Queries, format: Format) -> Result<()> {
    let failed = |e: ReadlineError| Failure::new(ErrorKind::Unavailable, format!("the terminal: {e}"));
    let mut editor = rustyline::DefaultEditor::new().map_err(failed)?;
    let history = history_file(context);
    if let Some(path) = &history {
        // The first prompt finds no history, and one that cannot be read is only a comfort less.
        let _ = editor.load_history(path);
    }
    note(format_args!("hologram {}; help shows how, quit ends", env!("CARGO_PKG_VERSION")));
    let mut typed = String::new();
    loop {
        match editor.readline(if typed.is_empty() { "hologram> " } else { "      ... " }) {
            Ok(line) => {
                let word = line.trim().trim_end_matches(';').to_ascii_lowercase();
                match word.as_str() {
                    "quit" | "exit" | "\\q" if typed.is_empty() => break,
                    "help" | "\\?" if typed.is_empty() => {
                        say(PROMPT_HELP)?;
                        continue;
                    }
                    "" if typed.is_empty() => continue,
                    _ => {}
                }
                typed.push_str(&line);
                typed.push('\n');
                let (statements, rest) = statements::split(&typed);
                for statement in &statements {
                    let _ = editor.add_history_entry(format!("{statement};"));
                    if let Err(failure) = answer(queries, statement, format, Some(None)) {
                        note(failure);
                    }
                }
                typed = if statements::is_blank(&rest) { String::new() } else { rest };
            }
            Err(ReadlineError::Interrupted) => typed.clear(),
            Err(ReadlineError::Eof) => break,
            Err(e) => return Err(failed(e)),
        }
    }
    if let Some(path) = &history {
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        if let Err(e) = folder.map_err(ReadlineError::from).and_then(|()| editor.save_history(path)) {
            tracing::warn!("{}: the history is not kept: {e}", path.display());
        }
    }
    Ok(())
}

/// Where the history is kept; nowhere for a user without a home.
fn history_file(context: &Context) -> Option<PathBuf> {
    if let Some(path) = &context.settings.values().history_file {
        return Some(path.clone());
    }
    let folder = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let state = folder("XDG_STATE_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".local").join("state")))
        .or_else(|| folder("LOCALAPPDATA"))?;
    Some(state.join("hologram").join("history"))
}
