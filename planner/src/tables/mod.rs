//! Tables: every answer of a model whose rows are finite, worked out when it is compiled.
//!
//! Each element of a row needs a domain: from the model itself (`domains`), as the caller declares it ([`DomainSpec`]), or
//! the values that occur in a table ([`OccurringValues`]). Where the space that they span is small enough, the compiled
//! plan is run over all of it (`fill`), and the archive keeps the answers; or it keeps the axes alone, and rows fill the
//! blocks that they ask for. A row outside of the space is computed at run
//! time, so that a table never changes an answer. Whatever is decided is said in words, in the archive.

pub(crate) mod cost;
mod domains;
mod fill;
mod occurring;
mod spec;

pub(crate) use domains::forest_of;
pub use occurring::OccurringValues;
pub use spec::DomainSpec;

use crate::{CompiledModel, Observer, Result};
use domains::Found;
use hologram_ops::{Registry, Tensor};
use hologram_resolver::{
    Model, ModelOptions, Signature,
    table::{self, Axis, BLOCK, Domain, ENTRIES_MAX},
};
use hologram_store::Archive;
use std::sync::Arc;

/// Entries of a table that nobody asked for, at most.
const ENTRIES_UNASKED_MAX: u64 = 1 << 16;

/// What is worked out when a model is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// A table where the model shows by itself that its rows are few, at most 65,536, or where domains are declared and
    /// their table fits the budget.
    #[default]
    Auto,
    /// No table: each row is computed.
    Exact,
    /// A table of the default entry point, or an error that says what stands in its way.
    Table,
}

/// How tables are made.
#[derive(Debug, Clone)]
pub struct TableOptions {
    /// Whether there are any.
    pub mode: Mode,
    /// Bytes that the tables of a model may take together.
    pub memory_budget: u64,
    /// Whether answers are computed when rows ask for them, in memory, block by block, instead of now.
    pub on_demand: bool,
    /// Domains that the caller declares.
    pub domains: Vec<DomainSpec>,
    /// Values that occur in a table: the domains of elements that have none otherwise, by the names of its columns.
    pub occurring: OccurringValues,
    /// Who is told how far it is.
    pub observer: Observer<FillProgress>,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self {
            mode: Mode::Auto,
            memory_budget: 64 << 20,
            on_demand: false,
            domains: Vec::new(),
            occurring: OccurringValues::default(),
            observer: Observer::default(),
        }
    }
}

/// How far the filling of a table is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FillProgress {
    /// Entries that are there.
    pub done: u64,
    /// Entries in all.
    pub entries: u64,
    /// Bytes of their answers, as the first ones promise.
    pub bytes: u64,
    /// Seconds that are left, as those before them promise.
    pub seconds_left: f64,
}

/// A table.
#[derive(Debug)]
pub struct CompiledTable {
    /// Its axes, highest digit first.
    pub axes: Vec<Axis>,
    /// The values or bounds of each axis that has some.
    pub(crate) lists: Vec<Option<Tensor>>,
    /// Its answers.
    pub answers: TableAnswers,
    /// What it took.
    pub report: TableReport,
}

/// The answers of a table.
#[derive(Debug)]
pub enum TableAnswers {
    /// For each output its answers, one an entry.
    Filled(Vec<Tensor>),
    /// They are computed when rows ask for them.
    OnDemand {
        /// Bytes that they may take.
        bytes_max: u64,
    },
}

/// What a table took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TableReport {
    /// Entries.
    pub entries: u64,
    /// Bytes of the answers; of those that are computed on demand, what all of them would take, as some promise.
    pub bytes: u64,
    /// Seconds that the filling was thought to take, before it started; on demand and on one core, if all was asked for.
    pub seconds_estimated: f64,
    /// Seconds that it took.
    pub seconds: f64,
    /// Entries, drawn at random, that were computed again among other rows and found equal, bit for bit.
    pub checked: u64,
}

/// A domain for each element of a row, with the list that it is made of.
struct Space {
    axes: Vec<Axis>,
    lists: Vec<Option<Tensor>>,
    entries: u64,
    /// Rows of one run that fills it.
    rows_of_run: u64,
}

/// Fills the tables of a model that is compiled, where there are to be some, and notes what was decided.
pub(crate) fn add(model: &mut CompiledModel, registry: &Arc<Registry>, options: &TableOptions) -> Result<()> {
    if options.mode == Mode::Exact {
        check_used(model, &options.domains)?;
        return Ok(());
    }
    let occurring = options.occurring.domains();
    let mut spaces = Vec::with_capacity(model.entries.len());
    for entry in 0..model.entries.len() {
        spaces.push(space(model, entry, options, &occurring)?);
    }
    check_used(model, &options.domains)?;
    if spaces.iter().all(Result::is_err) {
        return note(model, spaces.into_iter().map(Result::err).collect(), options);
    }
    let archive = Archive::from_buffer(model.to_bytes()?.into())?;
    let opened = Model::open(archive, &ModelOptions { registry: registry.clone(), ..ModelOptions::default() })?;
    let mut budget = options.memory_budget;
    let mut reasons = Vec::with_capacity(spaces.len());
    let mut spaces_left = spaces.iter().filter(|space| space.is_ok()).count().max(1) as u64;
    for (entry, space) in model.entries.iter_mut().zip(spaces) {
        let filled = match space {
            Ok(space) => {
                let session = opened.session(Some(&entry.name))?;
                match options.on_demand {
                    false => fill::fill(&session, space, budget, &options.observer)?,
                    // Which of them rows will ask for is not known.
                    true => fill::promise(&session, space, budget / spaces_left)?,
                }
            }
            Err(reason) => Err(reason),
        };
        match filled {
            Ok(table) => {
                let TableReport { entries, bytes, checked, .. } = table.report;
                entry.decisions.push(match table.answers {
                    TableAnswers::Filled(_) => {
                        budget -= bytes;
                        format!("table: {entries} entries, {bytes} bytes, {checked} of them computed again and equal")
                    }
                    TableAnswers::OnDemand { bytes_max } => {
                        budget -= bytes_max;
                        spaces_left -= 1;
                        format!(
                            "table: {entries} entries, filled on demand by {BLOCK} up to {bytes_max} of about {bytes} bytes, {checked} of them computed twice and equal"
                        )
                    }
                });
                entry.table = Some(table);
                reasons.push(None);
            }
            Err(reason) => reasons.push(Some(reason)),
        }
    }
    note(model, reasons, options)
}

/// Notes why there is no table; an error where one was asked for.
fn note(model: &mut CompiledModel, reasons: Vec<Option<String>>, options: &TableOptions) -> Result<()> {
    if let (Mode::Table, Some(Some(reason))) = (options.mode, reasons.first()) {
        return Err(hologram_ops::Error::invalid(format!("no table can be made: {reason}")).into());
    }
    for (entry, reason) in model.entries.iter_mut().zip(reasons) {
        entry.decisions.extend(reason.map(|reason| format!("no table: {reason}")));
    }
    Ok(())
}

/// The domains of an entry point, or why there is no table of it.
fn space(
    model: &CompiledModel,
    entry: usize,
    options: &TableOptions,
    occurring: &[DomainSpec],
) -> Result<Result<Space, String>> {
    let entry = &model.entries[entry];
    if !entry.rows.independent {
        return Ok(Err(format!("rows depend on each other ({})", entry.rows.reason)));
    }
    if entry.rows.fixed > 0 {
        return Ok(Err(format!("a run takes exactly {} rows", entry.rows.fixed)));
    }
    if entry.graph.order()?.into_iter().filter_map(|id| entry.graph.node(id)).any(|node| !node.operator.is_pure()) {
        return Ok(Err("an operator of it draws random numbers".into()));
    }
    let signature = Signature::try_from(&entry.point())?;
    let elements = match table::elements(&signature) {
        Ok(elements) => elements,
        Err(e) => return Ok(Err(e.to_string())),
    };
    if elements.is_empty() {
        return Ok(Err("a row has no elements".into()));
    }
    let own = domains::of_graph(&entry.graph);
    let (mut all, mut unknown) = (Vec::with_capacity(elements.len()), Vec::new());
    for (input, feature) in elements {
        let port = &signature.inputs[input];
        let name = spec::element_name(port, feature);
        let declared = options.domains.iter().find(|spec| spec.names(port, feature));
        let found = match declared {
            Some(spec) => Some(spec.values(port.dtype()).map_err(|e| e.at(format!("domain of '{name}'")))?),
            // Whatever its value is, the answers are the same.
            None if port.is_unread(feature) => Some(Found::Any),
            None => domains::of_element(port, feature, own.get(&(input, feature))).or_else(|| {
                // What does not fit the element's type is no domain of it, and asking for the table tells why.
                occurring.iter().find(|spec| spec.names(port, feature))?.values(port.dtype()).ok()
            }),
        };
        match found {
            Some(found) => all.push((input, feature, found)),
            None => unknown.push(name),
        }
    }
    if !unknown.is_empty() {
        let more = if unknown.len() > 3 { format!(" and {} more", unknown.len() - 3) } else { String::new() };
        unknown.truncate(3);
        let names = unknown.join(", ");
        return Ok(Err(format!(
            "the values of {names}{more} are not known; --domain NAME=VALUES declares them, --domains-of FILE takes those that occur"
        )));
    }
    let count = all.iter().try_fold(1_u64, |n, (_, _, found)| n.checked_mul(found.cardinality() as u64));
    let Some(entries) = count.filter(|n| *n < ENTRIES_MAX) else {
        let digits: f64 = all.iter().map(|(_, _, found)| (found.cardinality() as f64).log10()).sum();
        return Ok(Err(format!("it would have about 10^{digits:.1} entries, and fewer than {ENTRIES_MAX} fit")));
    };
    let elements = cost::elements_of_row(&entry.graph);
    let is_asked =
        options.mode == Mode::Table || options.on_demand || !options.domains.is_empty() || !occurring.is_empty();
    let cost = elements.and_then(|elements| elements.checked_mul(entries));
    if !is_asked && (entries > ENTRIES_UNASKED_MAX || cost.is_none_or(|cost| cost > cost::ELEMENTS_UNASKED_MAX)) {
        return Ok(Err(format!("its {entries} entries are made when --mode table asks for them")));
    }
    let (mut axes, mut lists) = (Vec::with_capacity(all.len()), Vec::with_capacity(all.len()));
    for (input, feature, found) in all {
        let (domain, list) = match found {
            Found::Values(list) => (Domain::values(list.clone())?, Some(list)),
            Found::Bounds(list) => (Domain::bounds(&list)?, Some(list)),
            Found::Any => (Domain::Any, None),
        };
        axes.push(Axis { input, feature, domain });
        lists.push(list);
    }
    Ok(Ok(Space { axes, lists, entries, rows_of_run: cost::rows_of_run(elements) }))
}

/// Each declared domain must name something.
fn check_used(model: &CompiledModel, domains: &[DomainSpec]) -> Result<()> {
    for spec in domains {
        let mut names = Vec::new();
        for entry in &model.entries {
            let signature = Signature::try_from(&entry.point())?;
            let Ok(elements) = table::elements(&signature) else { continue };
            for (input, feature) in elements {
                let port = &signature.inputs[input];
                if spec.names(port, feature) {
                    names.clear();
                    names.push(None);
                    break;
                }
                names.push(Some(spec::element_name(port, feature)));
            }
            if names == [None] {
                break;
            }
        }
        if names != [None] {
            names.dedup();
            let known: Vec<String> = names.into_iter().flatten().take(20).collect();
            let message =
                format!("a domain is declared for '{}', and the columns are {}", spec.column, known.join(", "));
            return Err(hologram_ops::Error::invalid(message).into());
        }
    }
    Ok(())
}
