//! The `hologram` command.
//!
//! Each command is a file of this folder with its arguments and one `run`. Answers go to stdout, everything else to
//! stderr; a failure is one line with a hint and an exit code for its kind (`failure.rs`). Nothing is started before a
//! command needs it: no threads, no query engine. Start at [`main`].

mod batches_in;
mod batches_out;
mod compile;
mod completions;
mod config;
mod console;
mod coverage;
mod demo;
mod exit_codes;
mod explain;
mod failure;
mod inspect;
mod model_file;
mod ops;
mod queries;
mod run;
mod sql;
mod statements;
mod store;
mod tensor_files;

use crate::settings::{Origins, SETTINGS, Settings};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand, ValueHint};
use failure::{Failure, Result};
use std::{io::Write, path::PathBuf, process::ExitCode};

const AFTER_HELP: &str = "\
Examples:
  hologram demo                                  three models, three questions, in a second
  hologram compile churn.onnx                    writes churn.holo
  hologram explain churn.holo                    what runs, step by step
  hologram run churn.holo --input customers.csv  the rows, with predictions beside them
  hologram sql \"SELECT id, predict('churn.holo', age, plan) FROM 'customers.parquet'\"

A MODEL is a .holo archive or any model file that `compile` reads: ONNX, LightGBM text, XGBoost JSON or UBJSON, \
CatBoost JSON. Settings come from hologram.toml, .env, HOLOGRAM_* variables and flags; see `hologram config --show`. \
Exit codes: `hologram exit-codes`.";

/// Query the outputs of models: compile a model once, then run it over rows and ask for its answers in SQL.
#[derive(Debug, Parser)]
#[command(name = "hologram", version, about, after_help = AFTER_HELP, arg_required_else_help = true, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Commands,
    #[command(flatten)]
    settings: SettingFlags,
}

#[derive(Debug, Subcommand)]
enum Commands {
    Compile(compile::Arguments),
    Inspect(inspect::Arguments),
    Explain(explain::Arguments),
    Run(run::Arguments),
    Sql(sql::Arguments),
    Demo(demo::Arguments),
    Ops(ops::Arguments),
    Store(store::Arguments),
    Config(config::Arguments),
    Completions(completions::Arguments),
    ExitCodes(exit_codes::Arguments),
}

/// A flag for each row of the table of settings, and one for the file.
#[derive(Debug, Default)]
struct SettingFlags {
    file: Option<PathBuf>,
    values: Vec<(&'static str, String)>,
}

const HEADING: &str = "Settings";

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("settings-file")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .value_hint(ValueHint::FilePath)
            .help("The settings file, in place of hologram.toml in the working folder")
            .help_heading(HEADING)
            .global(true);
        SETTINGS.iter().fold(command.arg(file), |command, setting| {
            command.arg(
                Arg::new(setting.env)
                    .long(setting.name)
                    .value_name(setting.form)
                    .help(format!("{} [{}, default: {}]", setting.about, setting.env, shown_default(setting.default)))
                    .help_heading(HEADING)
                    .hide_short_help(true)
                    .action(ArgAction::Set)
                    .global(true),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn shown_default(default: &str) -> &str {
    if default.is_empty() { "none" } else { default }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.file = matches.get_one::<PathBuf>("settings-file").cloned();
        self.values =
            SETTINGS.iter().filter_map(|s| Some((s.name, matches.get_one::<String>(s.env)?.clone()))).collect();
        Ok(())
    }
}

/// What every command is given.
#[derive(Debug)]
struct Context {
    settings: Settings,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Help goes to stdout and may meet a closed pipe; there is nothing else to do then.
            let _ = e.print();
            return ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(2));
        }
    };
    let result = start(&cli.settings).and_then(|context| dispatch(&context, cli.command));
    let _ = std::io::stdout().flush();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has read enough.
        Err(_) if console::reader_gone() => ExitCode::SUCCESS,
        Err(failure) => {
            console::note(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Reads the settings and starts the log.
fn start(flags: &SettingFlags) -> Result<Context> {
    let folder = std::env::current_dir().map_err(|e| Failure::from(e).at("the working folder"))?;
    let environment = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let settings =
        Settings::load(&Origins { folder, file: flags.file.clone(), environment, flags: flags.values.clone() })
            .map_err(|e| Failure::from(e).hint("`hologram config --help` lists every setting"))?;
    let filter = tracing_subscriber::EnvFilter::try_new(&settings.values().log)
        .map_err(|e| Failure::invalid(format!("setting 'log': {e}")))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(console::has_color(settings.values().color))
        .init();
    Ok(Context { settings })
}

fn dispatch(context: &Context, command: Commands) -> Result<()> {
    match command {
        Commands::Compile(arguments) => compile::run(context, &arguments),
        Commands::Inspect(arguments) => inspect::run(&arguments),
        Commands::Explain(arguments) => explain::run(context, &arguments),
        Commands::Run(arguments) => run::run(context, &arguments),
        Commands::Sql(arguments) => sql::run(context, &arguments),
        Commands::Demo(arguments) => demo::run(context, &arguments),
        Commands::Ops(arguments) => ops::run(&arguments),
        Commands::Store(arguments) => store::run(&arguments),
        Commands::Config(arguments) => config::run(context, &arguments),
        Commands::Completions(arguments) => completions::run(&arguments, &mut Cli::command()),
        Commands::ExitCodes(_) => exit_codes::run(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
