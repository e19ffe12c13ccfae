//! The settings `hologram.*`: how columns are cast, what NULL means, how many rows a run takes, what is remembered.

use crate::Error;
use datafusion::{
    common::{
        config::{ConfigExtension, ConfigField, Visit},
        extensions_options,
    },
    config::ConfigOptions,
    error::Result,
};
use hologram_resolver::rows::{BindOptions, Casts, MemoMode, Nulls};
use std::fmt;

/// Which casts from a column's type to a model's are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CastPolicy {
    /// Every cast between numbers; one that may round is noted. `lenient`
    #[default]
    Lenient,
    /// Only casts that keep every value. `strict`
    Strict,
}

/// What NULL means to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NullPolicy {
    /// A missing value where the model understands them, else the row's answer is NULL. `auto`
    #[default]
    Auto,
    /// A missing value everywhere. `missing`
    Missing,
    /// The row's answer is NULL. `null`
    Null,
    /// An error that names the column and the row. `error`
    Error,
}

/// Whether rows are answered as equal ones before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MemoPolicy {
    /// Where that pays, as measured. `auto`
    #[default]
    Auto,
    /// Always; a model whose rows depend on each other is an error. `on`
    On,
    /// Never. `off`
    Off,
}

const MEMO: &[(&str, MemoPolicy)] = &[("auto", MemoPolicy::Auto), ("on", MemoPolicy::On), ("off", MemoPolicy::Off)];

const CASTS: &[(&str, CastPolicy)] = &[("lenient", CastPolicy::Lenient), ("strict", CastPolicy::Strict)];

const NULLS: &[(&str, NullPolicy)] = &[
    ("auto", NullPolicy::Auto),
    ("missing", NullPolicy::Missing),
    ("null", NullPolicy::Null),
    ("error", NullPolicy::Error),
];

/// The value of a setting's word.
fn parse<T: Copy>(setting: &str, words: &[(&str, T)], text: &str) -> Result<T> {
    let found = words.iter().find(|(word, _)| text.eq_ignore_ascii_case(word)).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let list: Vec<String> = words.iter().map(|(word, _)| format!("'{word}'")).collect();
        Error::invalid(format!("{setting} is '{text}'; it is one of {}", list.join(", "))).into()
    })
}

/// The word of a setting's value.
fn word<T: PartialEq>(words: &[(&'static str, T)], value: &T) -> &'static str {
    words.iter().find(|(_, v)| v == value).map_or("", |(word, _)| word)
}

impl fmt::Display for CastPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(CASTS, self))
    }
}

impl fmt::Display for NullPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(NULLS, self))
    }
}

impl fmt::Display for MemoPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(MEMO, self))
    }
}

impl ConfigField for MemoPolicy {
    fn visit<V: Visit>(&self, v: &mut V, key: &str, description: &'static str) {
        v.some(key, self, description);
    }

    fn set(&mut self, _: &str, value: &str) -> Result<()> {
        // Settings of DataFusion are switched by true and false.
        *self = match value.to_ascii_lowercase().as_str() {
            "true" => Self::On,
            "false" => Self::Off,
            _ => parse("hologram.memo", MEMO, value)?,
        };
        Ok(())
    }
}

impl ConfigField for CastPolicy {
    fn visit<V: Visit>(&self, v: &mut V, key: &str, description: &'static str) {
        v.some(key, self, description);
    }

    fn set(&mut self, _: &str, value: &str) -> Result<()> {
        *self = parse("hologram.casts", CASTS, value)?;
        Ok(())
    }
}

impl ConfigField for NullPolicy {
    fn visit<V: Visit>(&self, v: &mut V, key: &str, description: &'static str) {
        v.some(key, self, description);
    }

    fn set(&mut self, _: &str, value: &str) -> Result<()> {
        *self = parse("hologram.nulls", NULLS, value)?;
        Ok(())
    }
}

extensions_options! {
    /// The settings `hologram.*` of a session.
    pub struct HologramOptions {
        /// Which casts are allowed: 'lenient' or 'strict'
        pub casts: CastPolicy, default = CastPolicy::Lenient
        /// What NULL means: 'auto', 'missing', 'null' or 'error'
        pub nulls: NullPolicy, default = NullPolicy::Auto
        /// The most rows of one run of a model; 0 chooses by the plan's memory
        pub batch_rows: usize, default = 0
        /// Whether rows are answered as equal ones before them: 'auto' (where that pays), 'on' or 'off'
        pub memo: MemoPolicy, default = MemoPolicy::Auto
        /// Whose answers those are: rows of one namespace are never answered from another
        pub memo_namespace: String, default = String::new()
    }
}

impl ConfigExtension for HologramOptions {
    const PREFIX: &'static str = "hologram";
}

impl HologramOptions {
    /// The settings of a session; the defaults where none are registered.
    pub fn of(options: &ConfigOptions) -> Self {
        options.extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// The same as a mode of the row door.
    pub(crate) fn memo(&self) -> MemoMode {
        match self.memo {
            MemoPolicy::Auto => MemoMode::Auto,
            MemoPolicy::On => MemoMode::On,
            MemoPolicy::Off => MemoMode::Off,
        }
    }

    /// The same as options of the row door.
    pub(crate) fn bind(&self) -> BindOptions {
        BindOptions {
            nulls: match self.nulls {
                NullPolicy::Auto => Nulls::Auto,
                NullPolicy::Missing => Nulls::Missing,
                NullPolicy::Null => Nulls::Null,
                NullPolicy::Error => Nulls::Error,
            },
            casts: match self.casts {
                CastPolicy::Lenient => Casts::Lenient,
                CastPolicy::Strict => Casts::Strict,
            },
            rows_max: (self.batch_rows > 0).then_some(self.batch_rows),
        }
    }
}
