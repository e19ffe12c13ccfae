//! Settings: one table says what there is, and values come from a file, `.env`, the environment and flags.
//!
//! Later origins win over earlier ones: the defaults of [`SETTINGS`], the file `hologram.toml` (or one that is named), `.env`
//! in the working folder, the environment, flags. Each value remembers where it came from. Start at [`Settings::load`].

use crate::{
    Error, ErrorKind, Result,
    rows::{Casts, Nulls},
};
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

/// The settings file that is read from the working folder when none is named.
pub const FILE: &str = "hologram.toml";

/// The file of environment variables in the working folder.
pub const DOT_ENV: &str = ".env";

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The name in the settings file, and of the flag.
    pub name: &'static str,
    /// The environment variable.
    pub env: &'static str,
    /// The value when nothing else gives one, as text.
    pub default: &'static str,
    /// How its values look, such as `BYTES`.
    pub form: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    set: fn(&mut Values, &str) -> Result<(), String>,
}

/// Every setting, in the order in which they are shown.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "log",
        env: "HOLOGRAM_LOG",
        default: "warn",
        form: "FILTER",
        about: "What is logged to stderr: error, warn, info, debug, trace, or target=level, separated by commas",
        set: |v, text| {
            tracing_subscriber::EnvFilter::try_new(text).map_err(|e| e.to_string())?;
            v.log = text.to_owned();
            Ok(())
        },
    },
    Setting {
        name: "threads",
        env: "HOLOGRAM_THREADS",
        default: "0",
        form: "COUNT",
        about: "Threads that queries run on; 0 takes every core",
        set: |v, text| number(text, 0, 4096).map(|n| v.threads = n),
    },
    Setting {
        name: "batch-rows",
        env: "HOLOGRAM_BATCH_ROWS",
        default: "8192",
        form: "ROWS",
        about: "Rows that are read and handed on at once",
        set: |v, text| number(text, 1, 1 << 24).map(|n| v.batch_rows = n),
    },
    Setting {
        name: "casts",
        env: "HOLOGRAM_CASTS",
        default: "lenient",
        form: "lenient|strict",
        about: "Casts of columns to a model's types: lenient allows rounding, strict only what keeps every value",
        set: |v, text| choice(text, &[("lenient", Casts::Lenient), ("strict", Casts::Strict)]).map(|c| v.casts = c),
    },
    Setting {
        name: "nulls",
        env: "HOLOGRAM_NULLS",
        default: "auto",
        form: "auto|missing|null|error",
        about: "What NULL in a model's column means: a missing value, a NULL answer, an error, or what the model says (auto)",
        set: |v, text| {
            let choices =
                [("auto", Nulls::Auto), ("missing", Nulls::Missing), ("null", Nulls::Null), ("error", Nulls::Error)];
            choice(text, &choices).map(|n| v.nulls = n)
        },
    },
    Setting {
        name: "memory-limit",
        env: "HOLOGRAM_MEMORY_LIMIT",
        default: "0",
        form: "BYTES",
        about: "Memory that queries and runs may take, such as 512MB or 2GiB; 0 sets no limit",
        set: |v, text| bytes(text).map(|n| v.memory_limit_bytes = (n > 0).then_some(n)),
    },
    Setting {
        name: "history-file",
        env: "HOLOGRAM_HISTORY_FILE",
        default: "",
        form: "FILE",
        about: "Where the SQL prompt keeps its history; without one, a file in the user's state folder",
        set: |v, text| {
            v.history_file = (!text.is_empty()).then(|| PathBuf::from(text));
            Ok(())
        },
    },
    Setting {
        name: "color",
        env: "HOLOGRAM_COLOR",
        default: "auto",
        form: "auto|always|never",
        about: "Colours in logs, errors and the prompt; auto uses them on a terminal unless NO_COLOR is set",
        set: |v, text| {
            choice(text, &[("auto", Color::Auto), ("always", Color::Always), ("never", Color::Never)])
                .map(|c| v.color = c)
        },
    },
];

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The values of all settings, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values {
    /// The log filter.
    pub log: String,
    /// Threads; 0 takes every core.
    pub threads: usize,
    /// Rows of a batch.
    pub batch_rows: usize,
    /// Which casts are allowed.
    pub casts: Casts,
    /// What NULL means.
    pub nulls: Nulls,
    /// The most memory in bytes, if there is a limit.
    pub memory_limit_bytes: Option<usize>,
    /// The history file, if one is named.
    pub history_file: Option<PathBuf>,
    /// When colours are used.
    pub color: Color,
}

/// Where a value came from, in rising precedence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The table of settings.
    Default,
    /// A settings file.
    File(PathBuf),
    /// `.env` in the working folder.
    DotEnv,
    /// An environment variable.
    Environment(&'static str),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::DotEnv => f.write_str(DOT_ENV),
            Self::Environment(name) => write!(f, "environment ({name})"),
            Self::Flag(name) => write!(f, "flag (--{name})"),
        }
    }
}

/// What settings are read from.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    /// The working folder, where `hologram.toml` and `.env` are looked for.
    pub folder: PathBuf,
    /// A settings file that is named, and then must be there.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// Flags by the setting's name.
    pub flags: Vec<(&'static str, String)>,
}

/// The settings of one start of the command.
#[derive(Debug, Clone)]
pub struct Settings {
    values: Values,
    texts: Vec<(String, Origin)>,
}

impl Settings {
    /// Reads every origin.
    ///
    /// # Errors
    /// `Missing` for a named file that is not there; `Invalid` for a file that is no TOML, for a key that is no setting
    /// (naming key, file and the nearest name), and for a value that a setting does not take (naming where it stands).
    pub fn load(origins: &Origins) -> Result<Self> {
        let defaults = SETTINGS.iter().map(|s| (s.default.to_owned(), Origin::Default)).collect();
        let mut settings = Self { values: Values::default(), texts: defaults };
        for setting in SETTINGS {
            settings.apply(setting.name, setting.default, Origin::Default)?;
        }
        settings.apply_file(origins)?;
        settings.apply_dot_env(&origins.folder.join(DOT_ENV))?;
        for setting in SETTINGS {
            if let Some(text) = origins.environment.get(setting.env) {
                settings.apply(setting.name, text, Origin::Environment(setting.env))?;
            }
        }
        for (name, text) in &origins.flags {
            settings.apply(name, text, Origin::Flag(name))?;
        }
        Ok(settings)
    }

    /// The values.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// Every setting with its value as text and where that came from.
    pub fn rows(&self) -> impl Iterator<Item = (&'static Setting, &str, &Origin)> {
        SETTINGS.iter().zip(&self.texts).map(|(setting, (text, origin))| (setting, text.as_str(), origin))
    }

    fn apply(&mut self, name: &str, text: &str, origin: Origin) -> Result<()> {
        let Some(index) = SETTINGS.iter().position(|s| s.name == name) else {
            let near = nearest(name, SETTINGS.iter().map(|s| s.name));
            let near = near.map(|n| format!("; the nearest is '{n}'")).unwrap_or_default();
            return Err(Error::invalid(format!("{origin}: no setting is named '{name}'{near}")));
        };
        (SETTINGS[index].set)(&mut self.values, text)
            .map_err(|why| Error::invalid(format!("setting '{name}' from {origin}: {why}")))?;
        self.texts[index] = (text.to_owned(), origin);
        Ok(())
    }

    fn apply_file(&mut self, origins: &Origins) -> Result<()> {
        let path = origins.file.clone().unwrap_or_else(|| origins.folder.join(FILE));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && origins.file.is_none() => return Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::new(ErrorKind::Missing, format!("{}: no such settings file", path.display())));
            }
            Err(e) => return Err(Error::from(e).at(path.display())),
        };
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
            let line = e.span().map(|s| text[..s.start.min(text.len())].matches('\n').count() + 1);
            let place = line.map(|n| format!(" line {n}:")).unwrap_or_default();
            Error::invalid(format!("{}:{place} {}", path.display(), e.message().lines().next().unwrap_or("no TOML")))
        })?;
        for (key, value) in &table {
            let text = match value {
                toml::Value::String(s) => s.clone(),
                toml::Value::Integer(n) => n.to_string(),
                toml::Value::Boolean(b) => b.to_string(),
                toml::Value::Float(x) => x.to_string(),
                _ => String::new(),
            };
            // In TOML both ways of writing a name are common.
            let name = key.replace('_', "-");
            if value.is_table() || value.is_array() {
                let known = SETTINGS.iter().any(|s| s.name == name);
                let what = if known { "takes one value, not a list or table" } else { "is no setting" };
                return Err(Error::invalid(format!("{}: '{key}' {what}", path.display())));
            }
            self.apply(&name, &text, Origin::File(path.clone()))?;
        }
        Ok(())
    }

    fn apply_dot_env(&mut self, path: &Path) -> Result<()> {
        let entries = match dotenvy::from_path_iter(path) {
            Ok(entries) => entries,
            Err(dotenvy::Error::Io(e)) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(Error::invalid(format!("{}: {e}", path.display()))),
        };
        for entry in entries {
            let (key, text) = entry.map_err(|e| Error::invalid(format!("{}: {e}", path.display())))?;
            // Other programs keep their variables in the same file.
            if let Some(setting) = SETTINGS.iter().find(|s| s.env == key) {
                self.apply(setting.name, &text, Origin::DotEnv)?;
            }
        }
        Ok(())
    }
}

/// The name nearest to a misspelt one, if one is near.
pub(crate) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = 2.max(wanted.chars().count() / 3);
    names
        .into_iter()
        .map(|name| (distance(wanted, name), name))
        .filter(|(score, _)| *score <= most)
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (diagonal + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}

fn number(text: &str, low: usize, high: usize) -> Result<usize, String> {
    let found = text.trim().replace('_', "").parse::<usize>().ok().filter(|n| (low..=high).contains(n));
    found.ok_or_else(|| format!("'{text}' is no whole number from {low} to {high}"))
}

fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    let found = choices.iter().find(|(name, _)| *name == text.trim().to_ascii_lowercase());
    found.map(|(_, value)| *value).ok_or_else(|| format!("'{text}' is none of {}", names.join(", ")))
}

/// Units of bytes, the longest names first.
const UNITS: &[(&str, usize)] = &[
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("k", 1 << 10),
    ("m", 1 << 20),
    ("g", 1 << 30),
    ("b", 1),
    ("", 1),
];

/// A number of bytes with an optional unit.
pub(crate) fn bytes(text: &str) -> Result<usize, String> {
    let lower = text.trim().to_ascii_lowercase().replace('_', "");
    let found = UNITS.iter().find_map(|(unit, factor)| {
        let digits = lower.strip_suffix(unit)?.trim_end();
        digits.parse::<usize>().ok()?.checked_mul(*factor)
    });
    found.ok_or_else(|| format!("'{text}' is no number of bytes; write one such as 1073741824, 512MB or 2GiB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_defaults_are_values() {
        let settings = Settings::load(&Origins::default());
        assert!(settings.is_ok() || Path::new(FILE).exists(), "{settings:?}");
        let names: std::collections::BTreeSet<&str> = SETTINGS.iter().flat_map(|s| [s.name, s.env]).collect();
        assert_eq!(names.len(), SETTINGS.len() * 2);
        for setting in SETTINGS {
            assert_eq!(setting.env, format!("HOLOGRAM_{}", setting.name.replace('-', "_").to_uppercase()));
        }
    }

    #[test]
    fn bytes_have_units() {
        let cases = [
            ("0", Ok(0)),
            ("512", Ok(512)),
            ("1 KiB", Ok(1024)),
            ("2gib", Ok(2 << 30)),
            ("3MB", Ok(3_000_000)),
            ("1_000b", Ok(1000)),
            ("4k", Ok(4096)),
            ("", Err(())),
            ("-1", Err(())),
            ("1.5GB", Err(())),
            ("99999999999999999999", Err(())),
            ("18446744073709551615k", Err(())),
        ];
        for (text, expected) in cases {
            assert_eq!(bytes(text).map_err(drop), expected, "{text}");
        }
    }

    #[test]
    fn later_origins_win_and_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let load = |environment: &[(&str, &str)], flags: &[(&'static str, &str)]| {
            Settings::load(&Origins {
                folder: folder.path().to_owned(),
                file: None,
                environment: environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
                flags: flags.iter().map(|(k, v)| (*k, (*v).to_owned())).collect(),
            })
            .unwrap()
        };
        let rows = |s: &Settings| s.values().batch_rows;
        assert_eq!(rows(&load(&[], &[])), 8192);
        std::fs::write(folder.path().join(FILE), "batch_rows = 1\nthreads = 3\n").unwrap();
        assert_eq!(rows(&load(&[], &[])), 1);
        std::fs::write(folder.path().join(DOT_ENV), "OTHER=1\nHOLOGRAM_BATCH_ROWS=2\n").unwrap();
        assert_eq!(rows(&load(&[], &[])), 2);
        assert_eq!(rows(&load(&[("HOLOGRAM_BATCH_ROWS", "3")], &[])), 3);
        let all = load(&[("HOLOGRAM_BATCH_ROWS", "3")], &[("batch-rows", "4")]);
        assert_eq!((rows(&all), all.values().threads), (4, 3));
        let origin = |name: &str| all.rows().find(|(s, ..)| s.name == name).map(|(.., o)| o.to_string());
        assert_eq!(origin("batch-rows").as_deref(), Some("flag (--batch-rows)"));
        assert!(origin("threads").unwrap().ends_with(FILE));
        assert_eq!(origin("casts").as_deref(), Some("default"));
    }

    #[test]
    fn mistakes_name_key_file_and_nearest_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        let cases = [
            ("treads = 2", "'treads'; the nearest is 'threads'"),
            ("zzzzzzzz = 2", "no setting is named 'zzzzzzzz'"),
            ("threads = \"many\"", "setting 'threads'"),
            ("threads = [1]", "takes one value"),
            ("[sql]\nthreads = 1", "'sql' is no setting"),
            ("threads = ", "line 1"),
        ];
        for (text, expected) in cases {
            std::fs::write(&file, text).unwrap();
            let origins = Origins { file: Some(file.clone()), ..Origins::default() };
            let error = Settings::load(&origins).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.message().contains("mine.toml") && error.message().contains(expected), "{text}: {error}");
            assert!(!error.message().contains('\n'), "{error}");
        }
        let missing = Origins { file: Some(folder.path().join("none.toml")), ..Origins::default() };
        assert_eq!(Settings::load(&missing).unwrap_err().kind(), ErrorKind::Missing);
    }
}
