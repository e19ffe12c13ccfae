//! Runs: batches cut into chunks, answers put back in the order of the rows.

use super::{
    Binding,
    bind::{Bound, Source},
    columns::{Batch, Pick, check},
    keys::Keys,
    lookup::Lookup,
    memo::{
        Memo, MemoMode, MemoPool,
        judge::{Ask, Judge},
    },
};
use crate::{Error, ErrorKind, Result, Session, table::Table};
use arrow_array::{Array, ArrayRef, UInt64Array, new_empty_array, new_null_array};
use hologram_ops::{Tensor, Value, control::Control};
use std::sync::Arc;

/// Rows of one run at most.
const ROWS_MAX: usize = 8_192;
/// Rows of one run where dimensions besides the rows are open: what they will be is not known.
const OPEN_ROWS_MAX: usize = 64;
/// Bytes of the arena of one run at most.
const ARENA_BYTES_MAX: usize = 64 << 20;
/// Rows of the run that is measured to find the bytes of a row.
const PROBE_ROWS: usize = 8;

/// What a batch took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowStats {
    /// Rows of the batch.
    pub rows: usize,
    /// Rows answered with NULL because a column was NULL.
    pub null_rows: usize,
    /// Runs of the plan.
    pub runs: usize,
    /// Rows answered from the archive's table.
    pub looked_up: usize,
    /// Rows with a value outside of the archive's table, which were computed.
    pub missed: usize,
    /// Rows whose answers a table that is filled on demand does not have yet, which were computed.
    pub unfilled: usize,
    /// Rows answered as an equal row was, in this batch or before.
    pub repeated: usize,
}

/// A session with a binding: answers batches of columns. Cheap to clone; batches may run on many threads at once.
#[derive(Debug, Clone)]
pub struct RowSession {
    session: Session,
    binding: Binding,
    chunk: Chunk,
    lookup: Option<Arc<Lookup>>,
    memo: Option<Remember>,
}

/// What was computed before, and whether to ask it.
#[derive(Debug, Clone)]
struct Remember {
    memo: Arc<Memo>,
    judge: Arc<Judge>,
}

/// How a batch is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunk {
    /// Not at all: its rows touch each other.
    Whole,
    /// Into at most so many rows.
    AtMost(usize),
    /// Into exactly so many rows, the last ones repeated to fill a run.
    Exactly(usize),
}

impl RowSession {
    /// A session that answers rows.
    ///
    /// # Errors
    /// `Unsupported` for a plan that takes a fixed number of rows above one which touch each other; `Invalid` for a
    /// binding of another signature.
    pub fn new(session: Session, binding: Binding) -> Result<Self> {
        let rows = &session.signature().rows;
        if *session.signature() != binding.0.signature {
            return Err(Error::invalid("the binding was made for another model"));
        }
        let chunk = match rows.fixed {
            Some(1) => Chunk::Exactly(1),
            Some(n) if rows.independent => Chunk::Exactly(n),
            Some(n) => {
                let message = format!(
                    "the model takes exactly {n} rows a run and they touch each other ({}): export it with a free row dimension",
                    rows.reason
                );
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
            None if rows.independent => {
                let most = binding.0.rows_max.unwrap_or(ROWS_MAX).clamp(1, ROWS_MAX);
                Chunk::AtMost(rows_of_arena(&session, &binding.0).min(most))
            }
            None => Chunk::Whole,
        };
        let lookup = match session.table() {
            Some(table) => Lookup::new(&binding.0, table)?.map(Arc::new),
            None => None,
        };
        Ok(Self { session, binding, chunk, lookup, memo: None })
    }

    /// The same, answering a row as an equal one before it where the pool has its answer in a namespace.
    ///
    /// # Errors
    /// `Unsupported`, with the reason, for a plan whose rows depend on each other or that draws random numbers.
    pub fn with_memo(mut self, pool: &MemoPool, namespace: &str, mode: MemoMode) -> Result<Self> {
        let rows = &self.session.signature().rows;
        if !rows.independent {
            let message = format!("rows depend on each other ({}): a row has no answer to remember", rows.reason);
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        if !self.session.is_pure() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "an operator draws random numbers: no answer is the last one",
            ));
        }
        self.memo = (mode != MemoMode::Off)
            .then(|| Remember { memo: pool.memo(namespace, &self.session), judge: Arc::new(Judge::new(mode)) });
        Ok(self)
    }

    /// The same by another session of the same signature.
    pub(super) fn with_session(&self, session: Session) -> Self {
        Self { session, ..self.clone() }
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The binding.
    pub fn binding(&self) -> &Binding {
        &self.binding
    }

    /// The table that rows are looked up in, where the plan has one and the binding leads into it.
    pub fn table(&self) -> Option<&Table> {
        self.lookup.as_ref().map(|lookup| lookup.table())
    }

    /// The way into that table.
    pub(super) fn lookup(&self) -> Option<&Arc<Lookup>> {
        self.lookup.as_ref()
    }

    /// The best number of rows to hand to [`run`](Self::run) at once. Plans whose rows touch each other want all rows.
    pub fn rows_best(&self) -> usize {
        match self.chunk {
            Chunk::Whole => usize::MAX,
            Chunk::AtMost(n) => n,
            Chunk::Exactly(n) => n.saturating_mul((1024 / n.max(1)).max(1)),
        }
    }

    /// Answers a batch: the arrays of [`Binding::columns`] in that order, all of `rows` rows.
    ///
    /// Arrays have the types that were bound, but for texts: those come in any layout, behind a dictionary or not.
    ///
    /// The answer has one entry a row, in the rows' order. An error of the run fails the batch.
    ///
    /// # Errors
    /// `Invalid` for arrays that do not fit the binding, values that do not cast, and NULLs that are errors; `Cancelled`;
    /// those of the run.
    pub fn run(&self, columns: &[ArrayRef], rows: usize, control: &Control) -> Result<(ArrayRef, RowStats)> {
        control.cancel.check()?;
        check(&self.binding.0, columns, rows)?;
        match &self.lookup {
            Some(lookup) => self.look_up(lookup, columns, rows, control),
            None => self.compute(columns, rows, control),
        }
    }

    /// Answers a batch from the archive's table, and computes the rows that have no entry in it.
    fn look_up(
        &self,
        lookup: &Lookup,
        columns: &[ArrayRef],
        rows: usize,
        control: &Control,
    ) -> Result<(ArrayRef, RowStats)> {
        // What does not convert is for a run to say, which names it.
        let Ok(entries) = lookup.entries(&self.binding.0, columns, rows) else {
            return self.compute(columns, rows, control);
        };
        let Some(whole) = lookup.entry_answers() else {
            return self.look_up_blocks(lookup, &entries, columns, control);
        };
        if entries.missed.is_empty() {
            let stats = RowStats { rows, looked_up: rows, ..RowStats::default() };
            return Ok((entries.answers(whole)?, stats));
        }
        let Some((computed, ran)) = self.compute_some(&entries.missed, columns, control)? else {
            return self.compute(columns, rows, control);
        };
        let missed = ran.rows - ran.null_rows;
        if missed > 0 {
            lookup.tell(self.session.model().name(), missed);
        }
        let stats = RowStats { rows, looked_up: rows - ran.rows, missed, ..ran };
        Ok((entries.answers_with(whole, computed)?, stats))
    }

    /// Answers some rows of a batch by [`compute`](Self::compute); `None` where that fails, so that all of it is to be
    /// computed: an error over a value names its row, which is that of the whole batch.
    pub(super) fn compute_some(
        &self,
        rows: &[usize],
        columns: &[ArrayRef],
        control: &Control,
    ) -> Result<Option<(ArrayRef, RowStats)>> {
        let places = UInt64Array::from_iter_values(rows.iter().map(|row| *row as u64));
        let pick = |column: &ArrayRef| arrow_select::take::take(column, &places, None);
        let picked: Vec<ArrayRef> = columns.iter().map(pick).collect::<Result<_, _>>()?;
        Ok(self.compute(&picked, places.len(), control).ok())
    }

    /// Answers a batch by running the plan, but for rows that repeat.
    pub(super) fn compute(&self, columns: &[ArrayRef], rows: usize, control: &Control) -> Result<(ArrayRef, RowStats)> {
        let bound = &*self.binding.0;
        let ty = bound.answer.field().data_type();
        let batch = Batch::new(bound, columns, rows)?;
        let mut stats = RowStats { rows, null_rows: rows - batch.rows, ..RowStats::default() };
        if batch.rows == 0 {
            let array = if rows == 0 { new_empty_array(ty) } else { new_null_array(ty, rows) };
            return Ok((array, stats));
        }
        let groups = batch.groups();
        if let Some(groups) = &groups
            && self.chunk == Chunk::Whole
            && groups.len() > 1
        {
            return Err(Error::invalid(format!(
                "rows of {} different shapes in one batch of a plan whose rows touch each other ({})",
                groups.len(),
                bound.signature.rows.reason
            )));
        }
        let mut run = |pick: &Pick<'_>| self.run_some(&batch, groups.as_deref(), pick, control, &mut stats.runs);
        let whole = match &self.memo {
            None => run(&Pick::Range(0..batch.rows))?,
            Some(remember) => {
                let (whole, repeated) = remember.answer(&batch, run)?;
                stats.repeated = repeated;
                whole
            }
        };
        Ok((in_order(whole, rows, batch.kept.as_deref())?, stats))
    }

    /// The answers of some rows of a batch, in the order in which they are picked.
    fn run_some(
        &self,
        batch: &Batch,
        groups: Option<&[Vec<usize>]>,
        pick: &Pick<'_>,
        control: &Control,
        runs: &mut usize,
    ) -> Result<ArrayRef> {
        let mut parts: Vec<ArrayRef> = Vec::new();
        let mut order = None;
        match (groups, pick) {
            (Some(groups), _) => {
                let mut wanted = vec![None; batch.rows];
                (0..).zip(pick.rows()).for_each(|(place, row)| wanted[row] = Some(place));
                let mut places = vec![0_u64; pick.len()];
                let mut next = 0;
                for group in groups {
                    let own: Vec<usize> = group.iter().copied().filter(|row| wanted[*row].is_some()).collect();
                    let size = self.chunk_rows(own.len())?;
                    for chunk in own.chunks(size) {
                        parts.push(self.run_rows(batch, chunk, size, control)?);
                    }
                    for place in own.iter().filter_map(|row| wanted[*row]) {
                        places[place] = next;
                        next += 1;
                    }
                }
                order = Some(UInt64Array::from(places)).filter(|_| groups.len() > 1);
            }
            (None, Pick::Range(range)) => {
                let size = self.chunk_rows(range.len())?;
                for start in range.clone().step_by(size) {
                    let end = range.end.min(start + size);
                    parts.push(match self.chunk {
                        Chunk::Exactly(_) if end - start < size => {
                            self.run_rows(batch, &(start..end).collect::<Vec<_>>(), size, control)?
                        }
                        _ => self.run_once(batch, &Pick::Range(start..end), control)?,
                    });
                }
            }
            (None, Pick::Rows(rows)) => {
                let size = self.chunk_rows(rows.len())?;
                for chunk in rows.chunks(size) {
                    parts.push(self.run_rows(batch, chunk, size, control)?);
                }
            }
        }
        *runs += parts.len();
        let whole = concat(&parts)?;
        match order {
            Some(order) => Ok(arrow_select::take::take(&whole, &order, None)?),
            None => Ok(whole),
        }
    }

    /// Runs some rows; a plan of a fixed number of rows gets the last one repeated.
    fn run_rows(&self, batch: &Batch, rows: &[usize], size: usize, control: &Control) -> Result<ArrayRef> {
        match (self.chunk, rows.last()) {
            (Chunk::Exactly(_), Some(last)) if rows.len() < size => {
                let mut filled = rows.to_vec();
                filled.resize(size, *last);
                Ok(self.run_once(batch, &Pick::Rows(&filled), control)?.slice(0, rows.len()))
            }
            _ => self.run_once(batch, &Pick::Rows(rows), control),
        }
    }

    fn run_once(&self, batch: &Batch, pick: &Pick<'_>, control: &Control) -> Result<ArrayRef> {
        control.cancel.check()?;
        let inputs = batch.inputs(pick)?.into_iter().map(Value::Tensor).collect();
        let outputs = self.session.run_unzipped(inputs, control)?;
        self.binding.0.answer.array(&outputs, pick.len())
    }

    /// Rows of one run of so many.
    pub(super) fn chunk_rows(&self, rows: usize) -> Result<usize> {
        match self.chunk {
            Chunk::AtMost(n) | Chunk::Exactly(n) => Ok(n.max(1)),
            Chunk::Whole => match self.binding.0.rows_max {
                Some(most) if rows > most => Err(Error::new(
                    ErrorKind::Exhausted,
                    format!("{rows} rows that touch each other must run at once, and at most {most} may"),
                )),
                _ => Ok(rows.max(1)),
            },
        }
    }
}

/// How many rows keep the arena of a run small.
fn rows_of_arena(session: &Session, bound: &Bound) -> usize {
    let open = bound.ports.iter().any(|p| {
        let scalars = matches!(p.source, Source::Scalars(_));
        !scalars && p.dims.iter().any(|d| d.known().is_none())
    });
    if open {
        return OPEN_ROWS_MAX;
    }
    let probe: Result<Vec<Value>> = bound
        .ports
        .iter()
        .map(|p| {
            let mut shape = vec![PROBE_ROWS];
            match &p.source {
                Source::Scalars(_) if p.dims.is_empty() => {}
                Source::Scalars(columns) => shape.push(columns.len()),
                Source::List(_) => shape.extend(p.dims.iter().filter_map(|d| d.known())),
            }
            Ok(Value::Tensor(Tensor::zeros(p.dtype, shape)?))
        })
        .collect();
    let Ok(probe) = probe else { return OPEN_ROWS_MAX };
    let given: usize = probe.iter().filter_map(|v| v.as_tensor().ok()).map(Tensor::byte_size).sum();
    // A plan that does not describe itself is taken to need a few times its input.
    let arena = session.describe(&probe).map_or(given.saturating_mul(4), |d| d.arena_bytes);
    let row_bytes = arena.max(given).div_ceil(PROBE_ROWS).max(1);
    (ARENA_BYTES_MAX / row_bytes).clamp(1, ROWS_MAX)
}

impl Remember {
    /// The answers of a batch's rows, and how many of them repeat an earlier row.
    fn answer(&self, batch: &Batch, mut run: impl FnMut(&Pick<'_>) -> Result<ArrayRef>) -> Result<(ArrayRef, usize)> {
        let mut timed = |pick: &Pick<'_>| {
            let start = self.memo.now();
            let answers = run(pick)?;
            self.memo.note_cost(start, pick.len(), batch.rows);
            Ok::<_, Error>(answers)
        };
        let all = Pick::Range(0..batch.rows);
        let asked = match self.judge.ask(&self.memo, batch.rows) {
            Ask::Nothing => return Ok((timed(&all)?, 0)),
            Ask::Sample(rows) => rows,
            Ask::All => batch.rows,
        };
        // A sample is computed with the others: a run of its own would cost more than all that is learned.
        let computed = if asked < batch.rows { Some(timed(&all)?) } else { None };
        let start = self.memo.now();
        let keys = Keys::new(batch, &(0..asked))?;
        let found = self.memo.find(&keys, asked);
        self.memo.note_price(start, asked);
        self.judge.note(&self.memo, asked, found.repeats());
        if let Some(computed) = computed {
            let new = UInt64Array::from_iter_values(found.new.iter().map(|row| *row as u64));
            self.memo.keep(&keys, &found, &arrow_select::take::take(&computed, &new, None)?)?;
            return Ok((computed, 0));
        }
        self.memo.count(&found);
        if found.new.is_empty() {
            return Ok((found.answers(None)?, found.repeats()));
        }
        let computed = timed(&Pick::Rows(&found.new))?;
        self.memo.keep(&keys, &found, &computed)?;
        Ok((found.answers(Some(&computed))?, found.repeats()))
    }
}

/// Arrays end to end.
pub(super) fn concat(parts: &[ArrayRef]) -> Result<ArrayRef> {
    match parts {
        [one] => Ok(one.clone()),
        many => Ok(arrow_select::concat::concat(&many.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?),
    }
}

/// The answers in the order of the batch's rows, NULL where a row was not run.
fn in_order(array: ArrayRef, rows: usize, kept: Option<&[usize]>) -> Result<ArrayRef> {
    let Some(kept) = kept else { return Ok(array) };
    let mut places: Vec<Option<u64>> = vec![None; rows];
    (0..).zip(kept).for_each(|(place, row)| places[*row] = Some(place));
    Ok(arrow_select::take::take(&array, &UInt64Array::from(places), None)?)
}
