//! Bindings: which columns feed which input, decided once.

use super::{
    BindOptions, CastNote, Casts, Nulls,
    answer::Answer,
    cast::{Convert, carrier},
    names,
};
use crate::{Error, ErrorKind, Port, Result, Signature};
use arrow_schema::{DataType, Field, FieldRef};
use hologram_ops::{DType, Dim, fact::shape_text};
use std::sync::Arc;

/// Which columns feed which input of a model, what is cast, what NULL means, and the type of the answer.
///
/// Cheap to clone; made when a query is planned, used by every batch.
#[derive(Debug, Clone)]
pub struct Binding(pub(super) Arc<Bound>);

/// What a binding holds.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) signature: Signature,
    pub(super) columns: Vec<usize>,
    /// Name and type of each used column.
    pub(super) given: Vec<(String, DataType)>,
    pub(super) ports: Vec<BoundPort>,
    pub(super) answer: Answer,
    pub(super) rows_max: Option<usize>,
    casts: Vec<CastNote>,
    warnings: Vec<String>,
}

/// One input with what feeds it.
#[derive(Debug)]
pub(super) struct BoundPort {
    pub(super) name: String,
    pub(super) dtype: DType,
    /// The dimensions after the row axis.
    pub(super) dims: Vec<Dim>,
    pub(super) source: Source,
}

/// What feeds an input.
#[derive(Debug)]
pub(super) enum Source {
    /// One element a row from each.
    Scalars(Vec<BoundColumn>),
    /// All elements of a row from one.
    List(BoundColumn),
}

/// A column at work.
#[derive(Debug)]
pub(super) struct BoundColumn {
    /// Its index among the used columns; `None` where no answer depends on it, so that it is not one of them.
    pub(super) slot: Option<usize>,
    pub(super) name: String,
    pub(super) convert: Convert,
    pub(super) nulls: NullRule,
}

/// What NULL means in one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NullRule {
    Missing,
    Null,
    Error,
}

/// Columns chosen for one input, by their index among the given ones.
enum Choice {
    Scalars(Vec<usize>),
    List(usize),
}

impl Binding {
    /// Binds columns by position: inputs take them in order, as many as each needs.
    ///
    /// # Errors
    /// `Invalid` for too few, too many or unfit columns, and casts that the options refuse; `Unsupported` for inputs and
    /// outputs that rows cannot carry. Messages name the input and the column.
    pub fn positional(signature: &Signature, columns: &[FieldRef], options: &BindOptions) -> Result<Self> {
        let ports = row_ports(signature)?;
        let mut choices = Vec::with_capacity(ports.len());
        let mut next = 0;
        let arity = || Err(Error::invalid(arity_text(&ports, columns.len())));
        for (i, (port, dims)) in ports.iter().enumerate() {
            let Some(first) = columns.get(next) else { return arity() };
            let count = match dims {
                _ if is_list(first.data_type()) && !dims.is_empty() => None,
                [] => Some(1),
                [Dim::Known(f)] => Some(*f),
                [_] if i + 1 == ports.len() => Some(columns.len() - next),
                [_] => {
                    let message = format!(
                        "input '{}' takes {} and is not the last one: give it a list column, '{}' is {}",
                        port.name,
                        port.ty,
                        first.name(),
                        first.data_type()
                    );
                    return Err(Error::invalid(message));
                }
                _ => None,
            };
            match count {
                None => {
                    choices.push(Choice::List(next));
                    next += 1;
                }
                Some(n) if n <= columns.len() - next => {
                    choices.push(Choice::Scalars((next..next + n).collect()));
                    next += n;
                }
                Some(_) => return arity(),
            }
        }
        if next < columns.len() {
            return arity();
        }
        let warnings = permutation(&ports, &choices, columns).into_iter().collect();
        bind(signature, &ports, choices, columns, options, warnings)
    }

    /// Binds columns by name: the names of features where the model has them, else the names of inputs. A name that
    /// differs only in upper and lower case from one column is that column. Further columns are not used.
    ///
    /// # Errors
    /// `Missing` lists the names that are not there, each with the nearest that is; and as
    /// [`positional`](Self::positional).
    pub fn named(signature: &Signature, columns: &[FieldRef], options: &BindOptions) -> Result<Self> {
        let ports = row_ports(signature)?;
        let mut missing: Vec<&str> = Vec::new();
        let mut choices = Vec::with_capacity(ports.len());
        for (port, dims) in &ports {
            let whole = names::find(columns, &port.name);
            if let Some(i) = whole.filter(|i| !dims.is_empty() && is_list(columns[*i].data_type())) {
                choices.push(Choice::List(i));
                continue;
            }
            let features = features(port, dims);
            if !features.is_empty() {
                let found: Vec<Option<usize>> = features.iter().map(|n| names::find(columns, n)).collect();
                // A single feature may also be given under the name of its input.
                match (found.as_slice(), whole) {
                    ([None], Some(i)) => choices.push(Choice::Scalars(vec![i])),
                    _ => {
                        missing
                            .extend(features.iter().zip(&found).filter(|(_, f)| f.is_none()).map(|(n, _)| n.as_str()));
                        choices.push(Choice::Scalars(found.into_iter().flatten().collect()));
                    }
                }
                continue;
            }
            match (whole, dims) {
                (Some(i), [] | [Dim::Known(1)]) => choices.push(Choice::Scalars(vec![i])),
                (Some(i), [_, _, ..]) => choices.push(Choice::List(i)),
                (None, [] | [Dim::Known(1)] | [_, _, ..]) => {
                    missing.push(&port.name);
                    choices.push(Choice::Scalars(Vec::new()));
                }
                (_, [_]) => {
                    return Err(Error::new(
                        ErrorKind::Missing,
                        format!(
                            "input '{}' takes {} and the model names no features of it: give a list column '{}', or bind columns by position",
                            port.name, port.ty, port.name
                        ),
                    ));
                }
            }
        }
        if !missing.is_empty() {
            return Err(Error::new(ErrorKind::Missing, missing_text(&missing, columns)));
        }
        bind(signature, &ports, choices, columns, options, Vec::new())
    }

    /// Indices of the columns that are used, among those that were given, ascending. Those that no answer depends on are
    /// not among them, unless there is no other.
    pub fn columns(&self) -> &[usize] {
        &self.0.columns
    }

    /// The name and type of the answer: one array, nullable.
    pub fn output(&self) -> &FieldRef {
        self.0.answer.field()
    }

    /// The casts that are made.
    pub fn casts(&self) -> &[CastNote] {
        &self.0.casts
    }

    /// What looks wrong and may be meant.
    pub fn warnings(&self) -> &[String] {
        &self.0.warnings
    }
}

/// Whether a type is a list that a row of a tensor may lie in.
pub(super) fn is_list(ty: &DataType) -> bool {
    matches!(ty, DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(_, _))
}

/// The inputs with their dimensions after the row axis.
fn row_ports(signature: &Signature) -> Result<Vec<(&Port, &[Dim])>> {
    let unfit = |p: &Port| {
        Error::new(
            ErrorKind::Unsupported,
            format!("input '{}' is {}: rows cannot carry it, use the tensors of the model", p.name, p.ty),
        )
    };
    signature
        .inputs
        .iter()
        .map(|p| p.shape().and_then(|s| s.get(1..)).map(|d| (p, d)).ok_or_else(|| unfit(p)))
        .collect()
}

/// The names of an input's columns, when the model has one for each.
fn features<'a>(port: &'a Port, dims: &[Dim]) -> &'a [String] {
    let count = match dims {
        [] => Some(1),
        [d] => Some(d.known().unwrap_or(port.features.len())),
        _ => None,
    };
    if count == Some(port.features.len()) { &port.features } else { &[] }
}

/// The names that a caller may expect, flat: one for each column that is taken.
fn expected(ports: &[(&Port, &[Dim])]) -> Vec<String> {
    let mut names = Vec::new();
    for (port, dims) in ports {
        match (features(port, dims), dims) {
            ([], [Dim::Known(f)]) if *f > 1 => names.push(format!("{f} of '{}'", port.name)),
            ([], [] | [Dim::Known(1)]) => names.push(port.name.clone()),
            ([], _) => names.push(format!("'{}' {}", port.name, port.ty)),
            (features, _) => names.extend(features.iter().cloned()),
        }
    }
    names
}

fn arity_text(ports: &[(&Port, &[Dim])], given: usize) -> String {
    let (mut count, mut more) = (0usize, "");
    for (port, dims) in ports {
        count = count.saturating_add(match dims {
            [Dim::Known(f)] => *f,
            [_] if !features(port, dims).is_empty() => port.features.len(),
            [_] => {
                more = "at least ";
                1
            }
            _ => 1,
        });
    }
    let columns = if count == 1 { "column" } else { "columns" };
    let verb = if given == 1 { "is" } else { "are" };
    format!("the model takes {more}{count} {columns} ({}), {given} {verb} given", names::list(&expected(ports)))
}

fn missing_text(missing: &[&str], columns: &[FieldRef]) -> String {
    let each: Vec<String> = missing
        .iter()
        .map(|name| match names::nearest(columns, name) {
            Some(near) => format!("'{name}' (nearest is '{near}')"),
            None => format!("'{name}'"),
        })
        .collect();
    let given: Vec<&str> = columns.iter().map(|c| c.name().as_str()).collect();
    format!("the model takes columns that are not given: {}; given are {}", names::list(&each), names::list(&given))
}

/// What to say when columns given by position have the model's own names in another order.
fn permutation(ports: &[(&Port, &[Dim])], choices: &[Choice], columns: &[FieldRef]) -> Option<String> {
    let mut wanted: Vec<String> = Vec::new();
    let mut given: Vec<String> = Vec::new();
    for ((port, dims), choice) in ports.iter().zip(choices) {
        let Choice::Scalars(chosen) = choice else { continue };
        let names = match features(port, dims) {
            [] if chosen.len() == 1 => std::slice::from_ref(&port.name),
            names if names.len() == chosen.len() => names,
            _ => continue,
        };
        wanted.extend(names.iter().map(|n| n.to_lowercase()));
        given.extend(chosen.iter().map(|i| columns[*i].name().to_lowercase()));
    }
    if wanted == given {
        return None;
    }
    let (mut a, mut b) = (wanted.clone(), given.clone());
    a.sort();
    b.sort();
    (a == b).then(|| {
        format!(
            "the columns are bound by position and have the model's names in another order: given {}; the model takes {}",
            names::list(&given),
            names::list(&wanted)
        )
    })
}

fn bind(
    signature: &Signature,
    ports: &[(&Port, &[Dim])],
    choices: Vec<Choice>,
    columns: &[FieldRef],
    options: &BindOptions,
    warnings: Vec<String>,
) -> Result<Binding> {
    let used = used_columns(ports, &choices);
    let mut casts: Vec<CastNote> = Vec::new();
    let mut bound = Vec::with_capacity(ports.len());
    for ((port, dims), choice) in ports.iter().zip(choices) {
        let dtype = port.dtype().ok_or_else(|| Error::invalid(format!("input '{}' is {}", port.name, port.ty)))?;
        let mut column = |index: usize, ty: &DataType, feature: Option<usize>| -> Result<BoundColumn> {
            let field = &columns[index];
            let place = |m: String| Error::invalid(format!("input '{}' {m} (column '{}')", port.name, field.name()));
            let categories = port.categories.iter().find(|(f, _)| Some(*f) == feature).map(|(_, c)| c.as_slice());
            let (convert, exact) = Convert::new(ty, dtype, categories).map_err(place)?;
            if options.casts == Casts::Strict && !exact {
                let message = format!(
                    "column '{}' is {ty} and input '{}' takes {dtype}: that cast may round and strict casts are asked for; cast the column",
                    field.name(),
                    port.name
                );
                return Err(Error::invalid(message));
            }
            let same = convert.is_coded() || carrier(dtype).as_ref() == Some(ty) || dtype == DType::String;
            let note = CastNote { column: field.name().clone(), from: ty.clone(), to: dtype, lossy: !exact };
            if !same && !casts.contains(&note) {
                casts.push(note);
            }
            let nulls = null_rule(options.nulls, port, dtype, convert.is_coded())?;
            let slot = match feature {
                Some(feature) if port.is_unread(feature) => None,
                _ => Some(used.partition_point(|u| *u < index)),
            };
            Ok(BoundColumn { slot, name: field.name().clone(), convert, nulls })
        };
        let source = match choice {
            Choice::Scalars(list) => {
                let scalar = |(k, i): (usize, &usize)| column(*i, columns[*i].data_type(), Some(k));
                Source::Scalars(list.iter().enumerate().map(scalar).collect::<Result<_>>()?)
            }
            Choice::List(i) => {
                let leaf = list_leaf(port, dims, &columns[i])?;
                Source::List(column(i, leaf, None)?)
            }
        };
        bound.push(BoundPort { name: port.name.clone(), dtype, dims: dims.to_vec(), source });
    }
    Ok(Binding(Arc::new(Bound {
        signature: signature.clone(),
        given: used.iter().map(|i| (columns[*i].name().clone(), columns[*i].data_type().clone())).collect(),
        columns: used,
        ports: bound,
        answer: Answer::new(&signature.outputs)?,
        rows_max: options.rows_max,
        casts,
        warnings,
    })))
}

/// Indices of the columns that answers depend on, ascending.
fn used_columns(ports: &[(&Port, &[Dim])], choices: &[Choice]) -> Vec<usize> {
    let mut used = Vec::new();
    let mut any = None;
    for ((port, _), choice) in ports.iter().zip(choices) {
        match choice {
            Choice::List(i) => used.push(*i),
            Choice::Scalars(list) => {
                any = any.or(list.first().copied());
                let read = list.iter().enumerate().filter(|(feature, _)| !port.is_unread(*feature));
                used.extend(read.map(|(_, i)| *i));
            }
        }
    }
    if used.is_empty() {
        // A batch without columns would not say how many rows it has.
        used.extend(any);
    }
    used.sort_unstable();
    used.dedup();
    used
}

fn null_rule(nulls: Nulls, port: &Port, dtype: DType, coded: bool) -> Result<NullRule> {
    match nulls {
        Nulls::Auto if dtype.is_float() && (port.missing || coded) => Ok(NullRule::Missing),
        Nulls::Auto | Nulls::Null => Ok(NullRule::Null),
        Nulls::Error => Ok(NullRule::Error),
        Nulls::Missing if dtype.is_float() => Ok(NullRule::Missing),
        Nulls::Missing => {
            let message =
                format!("input '{}' takes {dtype}, which has no missing value: NULL cannot be 'missing'", port.name);
            Err(Error::invalid(message))
        }
    }
}

/// The element type of a list column, whose nesting must fit an input's dimensions.
fn list_leaf<'a>(port: &Port, dims: &[Dim], field: &'a Field) -> Result<&'a DataType> {
    let unfit = || {
        Error::invalid(format!(
            "input '{}' takes {} and column '{}' is {}",
            port.name,
            port.ty,
            field.name(),
            field.data_type()
        ))
    };
    let mut levels: Vec<Dim> = Vec::new();
    let mut ty = field.data_type();
    loop {
        ty = match ty {
            DataType::FixedSizeList(item, n) => {
                levels.push(Dim::Known(usize::try_from(*n).map_err(|_| unfit())?));
                item.data_type()
            }
            DataType::List(item) | DataType::LargeList(item) => {
                levels.push(Dim::Unknown);
                item.data_type()
            }
            _ => break,
        };
    }
    if let Some(shape) = extension_shape(field)? {
        levels = shape.into_iter().map(Dim::Known).collect();
    }
    let fits = match hologram_ops::fact::known_shape(&levels) {
        Some(shape) => fit(&shape, dims).is_some(),
        None => {
            levels.len() == dims.len() && levels.iter().zip(dims).all(|(a, b)| a.unify(b).is_ok()) || levels.len() == 1
        }
    };
    if levels.is_empty() || !fits { Err(unfit()) } else { Ok(ty) }
}

/// A row's shape under an input's dimensions: as it is, or a flat list cut into them.
pub(super) fn fit(shape: &[usize], dims: &[Dim]) -> Option<Vec<usize>> {
    if shape.len() == dims.len() {
        return shape.iter().zip(dims).all(|(n, d)| d.known().is_none_or(|k| k == *n)).then(|| shape.to_vec());
    }
    let [total] = shape else { return None };
    let known = dims.iter().filter_map(Dim::known).try_fold(1usize, usize::checked_mul)?;
    let open = dims.iter().filter(|d| d.known().is_none()).count();
    let rest = match open {
        0 if known == *total => 1,
        1 if known > 0 && total % known == 0 => total / known,
        _ => return None,
    };
    Some(dims.iter().map(|d| d.known().unwrap_or(rest)).collect())
}

/// The shape that `arrow.fixed_shape_tensor` gives a column (Arrow's canonical extension types).
fn extension_shape(field: &Field) -> Result<Option<Vec<usize>>> {
    if field.metadata().get("ARROW:extension:name").is_none_or(|n| n != "arrow.fixed_shape_tensor") {
        return Ok(None);
    }
    let text = field.metadata().get("ARROW:extension:metadata").map_or("", String::as_str);
    if let Some(order) = numbers_after(text, "\"permutation\"")
        && order.iter().enumerate().any(|(i, n)| i != *n)
    {
        let message =
            format!("column '{}': a fixed-shape tensor with permuted axes; store it in row-major order", field.name());
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    Ok(numbers_after(text, "\"shape\""))
}

/// The numbers of the JSON array behind a key.
fn numbers_after(json: &str, key: &str) -> Option<Vec<usize>> {
    let (_, rest) = json.split_once(key)?;
    let list = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('[')?.split(']').next()?;
    list.split(',').map(|n| n.trim().parse().ok()).collect()
}

/// A port's type for messages about a row of it.
pub(super) fn port_text(port: &BoundPort) -> String {
    format!("{} rows of {}", port.dtype, shape_text(&port.dims))
}
