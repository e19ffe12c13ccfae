//! `hologram config`: the settings, their values, and where those came from.

use super::{
    Context, Result,
    console::{columns, say},
    shown_default,
};
use crate::settings::SETTINGS;

const AFTER_HELP: &str = "\
Settings come from, in rising precedence: hologram.toml in the working folder (or --config FILE), .env in the working \
folder, environment variables, flags. A settings file has one `name = value` a line:

  threads = 4
  memory-limit = \"2GiB\"

Examples:
  hologram config                              every setting with its default
  hologram config --show                       every value in force, and where it came from
  HOLOGRAM_THREADS=2 hologram config --show --json";

/// List the settings, or show the values in force and where they came from.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// Show each value in force, and where it came from.
    #[arg(long)]
    show: bool,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    if arguments.json {
        let list: Vec<serde_json::Value> = context
            .settings
            .rows()
            .map(|(s, value, origin)| {
                serde_json::json!({
                    "name": s.name, "value": value, "origin": origin.to_string(),
                    "default": s.default, "environment": s.env, "about": s.about,
                })
            })
            .collect();
        return say(format_args!("{:#}", serde_json::Value::Array(list)));
    }
    let mut rows: Vec<Vec<String>> = Vec::new();
    if arguments.show {
        rows.push(["setting", "value", "from"].map(str::to_owned).to_vec());
        for (setting, value, origin) in context.settings.rows() {
            rows.push(vec![setting.name.to_owned(), shown_default(value).to_owned(), origin.to_string()]);
        }
    } else {
        rows.push(["setting", "default", "environment", "meaning"].map(str::to_owned).to_vec());
        for s in SETTINGS {
            rows.push([s.name, shown_default(s.default), s.env, s.about].map(str::to_owned).to_vec());
        }
    }
    say(columns(&rows))
}
