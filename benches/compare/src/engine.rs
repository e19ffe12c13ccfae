//! Hologram's side: a model file compiled, opened and run, with nothing in between.

use crate::{
    cases::{Case, Door},
    inputs::{Draw, Input},
    peer::Output,
};
use anyhow::{Context as _, Result, anyhow, bail};
use arrow_array::{
    Array as _, ArrayRef, DictionaryArray, FixedSizeListArray, Float32Array, Int8Array, Int64Array, PrimitiveArray,
    RecordBatch,
    cast::AsArray as _,
    types::{Float32Type, Int8Type, Int32Type, Int64Type},
};
use arrow_buffer::{Buffer, ScalarBuffer};
use arrow_schema::{DataType, Field, FieldRef};
use hologram_backends::{Description, OutputBuffer};
use hologram_ops::{DType, Tensor, Value, control::Control};
use hologram_planner::{CalibrationRows, Compiler, CompilerConfig, Mode, QuantizeOptions, TableOptions};
use hologram_resolver::{
    Model, ModelOptions, Session,
    rows::{BindOptions, Binding, MemoMode, MemoPool, RowSession},
};
use hologram_store::Archive;
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// What calibration rows are drawn from.
pub(crate) const CALIBRATION_SEED: u64 = 0xca11;

/// An open model and what a run needs.
pub(crate) struct Engine {
    session: Session,
    control: Control,
    /// Of each thread.
    outputs: Vec<Vec<OutputBuffer>>,
    /// Threads that a run of independent rows is spread over, where it takes long enough.
    threads: usize,
    /// Seconds of a run on one thread, its kernels chosen.
    run_seconds: f64,
    /// The row door, where the case goes through it.
    rows: Option<Rows>,
    /// Whether runs go into buffers that are used again; else each run allocates its outputs.
    into_buffers: bool,
    /// Seconds to compile the model file into an archive.
    pub(crate) compile_seconds: f64,
    /// Seconds to open the archive.
    pub(crate) open_seconds: f64,
    /// Bytes of the archive.
    pub(crate) archive_bytes: usize,
}

/// Both ways through the row door.
struct Rows {
    /// By tables and memos, as far as they pay.
    by_lookup: RowSession,
    /// Each row computed.
    computed: RowSession,
    /// Whether integers and texts are given as dictionaries.
    coded: bool,
    _pool: MemoPool,
}

/// The time since this was called first.
fn clock() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

impl Engine {
    /// Compiles and opens a case's model.
    ///
    /// # Errors
    /// What the compiler or the opening says.
    pub(crate) fn open(case: &Case, threads: u32) -> Result<Self> {
        let compile = |mode| -> Result<Vec<u8>> {
            let tables = TableOptions { mode, ..TableOptions::default() };
            let quantize = case.quantized.map(|rows| quantized(case, rows)).transpose()?;
            Ok(Compiler::new(CompilerConfig { tables, quantize, ..CompilerConfig::default() })
                .compile(&case.model)?
                .to_bytes()?)
        };
        let open = |bytes| -> Result<Session> {
            let archive = Archive::from_buffer(Buffer::from_vec(bytes))?;
            Ok(Model::open(archive, &ModelOptions::default())?.session(None)?)
        };
        let begin = Instant::now();
        let bytes = compile(case.door.mode())?;
        let compile_seconds = begin.elapsed().as_secs_f64();
        let archive_bytes = bytes.len();
        let begin = Instant::now();
        let session = open(bytes)?;
        let open_seconds = begin.elapsed().as_secs_f64();
        let rows = match case.door {
            Door::Values | Door::Tables => None,
            door => {
                let pool = MemoPool::new(64 << 20, Some(clock));
                let by_lookup = bound(&session, case)?.with_memo(&pool, "", MemoMode::Auto)?;
                let computed = bound(&open(compile(Mode::Exact)?)?, case)?;
                Some(Rows { by_lookup, computed, coded: matches!(door, Door::Dictionaries(_)), _pool: pool })
            }
        };
        let rows_are_free = session.signature().rows.independent && session.signature().rows.fixed.is_none();
        Ok(Self {
            threads: if rows_are_free { threads.max(1) as usize } else { 1 },
            run_seconds: 0.0,
            session,
            control: Control::default(),
            outputs: Vec::new(),
            rows,
            into_buffers: true,
            compile_seconds,
            open_seconds,
            archive_bytes,
        })
    }

    /// The case's inputs in the signature's order.
    ///
    /// # Errors
    /// An input that the case does not name, or of unknown rank where the case names none.
    pub(crate) fn inputs(&self, case: &Case) -> Result<Vec<Input>> {
        let ports = &self.session.signature().inputs;
        let of = |port: &hologram_resolver::Port| -> Result<Input> {
            if !case.inputs.is_empty() {
                let named = case.inputs.iter().find(|input| input.name == port.name);
                return named.cloned().with_context(|| format!("the case has no input '{}'", port.name));
            }
            let dims = port.shape().with_context(|| format!("input '{}' is {}: no rank", port.name, port.ty))?;
            // A free dimension is the batch.
            let shape = dims.iter().map(|d| d.known().unwrap_or(1)).collect();
            let dtype = port.dtype().unwrap_or(DType::F32);
            Ok(Input { name: port.name.clone(), dtype, shape, draw: Draw::Between(-1.0, 1.0) })
        };
        ports.iter().map(of).collect()
    }

    /// The first run, which fixes shapes and chooses kernels; gives its seconds.
    ///
    /// # Errors
    /// What the run says.
    pub(crate) fn warm(&mut self, inputs: &[Value]) -> Result<f64> {
        let begin = Instant::now();
        if self.session.run_into(inputs, &mut Vec::new(), &self.control).is_err() {
            // Strings and maps have no buffers; a run that fails for another reason fails here again.
            self.into_buffers = false;
            self.session.run_values(inputs.to_vec(), &self.control)?;
            return Ok(begin.elapsed().as_secs_f64());
        }
        let first = begin.elapsed().as_secs_f64();
        let begin = Instant::now();
        self.session.run_into(inputs, &mut Vec::new(), &self.control)?;
        self.run_seconds = begin.elapsed().as_secs_f64();
        Ok(first)
    }

    /// Nanoseconds of one run.
    ///
    /// # Errors
    /// What the run says.
    pub(crate) fn time(&mut self, inputs: &[Value]) -> Result<u64> {
        if let Some(rows) = &self.rows {
            return time(&rows.by_lookup, &columns(inputs, rows.coded)?, self.threads, &self.control);
        }
        let nanoseconds = |begin: Instant| u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if self.into_buffers {
            let worth = (self.run_seconds / THREAD_SECONDS_MIN) as usize;
            let parts = parts(inputs, self.threads.min(worth))?;
            self.outputs.resize_with(parts.len(), Vec::new);
            let (session, control) = (&self.session, &self.control);
            let run = |(part, outputs): (&Vec<Value>, &mut Vec<OutputBuffer>)| session.run_into(part, outputs, control);
            let begin = Instant::now();
            let mut each = parts.iter().zip(&mut self.outputs);
            let first = each.next().context("no inputs")?;
            std::thread::scope(|scope| -> Result<()> {
                let others: Vec<_> = each.map(|part| scope.spawn(move || run(part))).collect();
                run(first)?;
                for other in others {
                    other.join().map_err(|_| anyhow!("a thread ended"))??;
                }
                Ok(())
            })?;
            return Ok(nanoseconds(begin));
        }
        // The copies share their memory: they are handles.
        let inputs = inputs.to_vec();
        let begin = Instant::now();
        let outputs = self.session.run_values(inputs, &self.control)?;
        let taken = nanoseconds(begin);
        drop(outputs);
        Ok(taken)
    }

    /// Nanoseconds of one run that computes each row, where the other looks rows up.
    ///
    /// # Errors
    /// What the run says.
    pub(crate) fn time_computing(&self, inputs: &[Value]) -> Result<Option<u64>> {
        let time = |rows: &Rows| time(&rows.computed, &columns(inputs, rows.coded)?, self.threads, &self.control);
        self.rows.as_ref().map(time).transpose()
    }

    /// What was chosen for these inputs.
    ///
    /// # Errors
    /// As the first run.
    pub(crate) fn describe(&self, inputs: &[Value]) -> Result<Description> {
        Ok(self.session.describe(inputs)?)
    }

    /// How far the answers are from the other engine's: the greatest difference of numbers, and how many integers and
    /// strings are not equal.
    ///
    /// # Errors
    /// Outputs that are not tensors of one shape on both sides.
    pub(crate) fn difference(&self, inputs: &[Value], theirs: &[Output]) -> Result<(f64, usize)> {
        let ports = &self.session.signature().outputs;
        let ours = match &self.rows {
            Some(rows) => answers(&rows.by_lookup, &columns(inputs, rows.coded)?, &self.control)?,
            None => self.session.run_values(inputs.to_vec(), &self.control)?,
        };
        let (mut greatest, mut unequal) = (0.0_f64, 0);
        for (port, value) in ports.iter().zip(&ours) {
            let tensor = value.as_tensor().with_context(|| format!("output '{}'", port.name))?;
            let their = theirs
                .iter()
                .find(|output| output.name == port.name)
                .with_context(|| format!("the peer gives no output '{}'", port.name))?;
            if tensor.shape() != their.shape {
                bail!("output '{}' is {:?}, the peer's is {:?}", port.name, tensor.shape(), their.shape);
            }
            let (difference, count) = apart(tensor, their).with_context(|| format!("output '{}'", port.name))?;
            // `max` would pass over a NaN.
            greatest = if difference > greatest || difference.is_nan() { difference } else { greatest };
            unequal += count;
        }
        Ok((greatest, unequal))
    }
}

/// Eight bits by rows that are drawn like those of the case.
fn quantized(case: &Case, rows: usize) -> Result<QuantizeOptions> {
    let mut calibration = CalibrationRows::new();
    let columns = case.inputs.iter().zip(CALIBRATION_SEED..).map(|(input, seed)| {
        let width = input.shape[1..].iter().product::<usize>();
        let drawn = Input { shape: vec![rows, width], ..input.clone() }.make(seed)?.0;
        let drawn = drawn.as_tensor()?;
        let values: ArrayRef = match drawn.dtype() {
            DType::I64 => Arc::new(Int64Array::from(drawn.as_slice::<i64>()?.to_vec())),
            _ => Arc::new(Float32Array::from(drawn.as_slice::<f32>()?.to_vec())),
        };
        let item = Arc::new(Field::new("item", values.data_type().clone(), false));
        let list = FixedSizeListArray::try_new(item, i32::try_from(width)?, values, None)?;
        Ok((input.name.clone(), Arc::new(list) as ArrayRef))
    });
    calibration.push(&RecordBatch::try_from_iter(columns.collect::<Result<Vec<_>>>()?)?)?;
    Ok(QuantizeOptions { calibration, ..QuantizeOptions::default() })
}

/// A session for the case's columns by position.
fn bound(session: &Session, case: &Case) -> Result<RowSession> {
    let coded = matches!(case.door, Door::Dictionaries(_));
    let fields = case.inputs.iter().flat_map(|input| {
        let ty = match input.dtype {
            DType::F32 => DataType::Float32,
            DType::I64 if coded => DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Int64)),
            DType::I64 => DataType::Int64,
            DType::String if coded => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            _ => DataType::Utf8View,
        };
        let count = input.shape.get(1).copied().unwrap_or(1);
        (0..count).map(move |i| Arc::new(Field::new(format!("{}_{i}", input.name), ty.clone(), true)) as FieldRef)
    });
    let fields: Vec<FieldRef> = fields.collect();
    let binding = Binding::positional(session.signature(), &fields, &BindOptions::default())?;
    Ok(RowSession::new(session.clone(), binding)?)
}

/// The columns of tensors `[rows]` and `[rows, k]`.
fn columns(inputs: &[Value], coded: bool) -> Result<Vec<ArrayRef>> {
    let mut all: Vec<ArrayRef> = Vec::new();
    for value in inputs {
        let tensor = value.as_tensor()?;
        let count = tensor.shape().get(1).copied().unwrap_or(1);
        for i in 0..count {
            all.push(match tensor.dtype() {
                DType::F32 => {
                    let values = tensor.as_slice::<f32>()?.iter().skip(i).step_by(count);
                    Arc::new(Float32Array::from_iter_values(values.copied()))
                }
                DType::I64 if coded => {
                    let values = tensor.as_slice::<i64>()?.iter().skip(i).step_by(count);
                    let keys = Int8Array::from_iter_values(values.map(|x| *x as i8));
                    static VALUES: OnceLock<ArrayRef> = OnceLock::new();
                    let values = VALUES.get_or_init(|| Arc::new(Int64Array::from_iter_values(0..100)));
                    Arc::new(DictionaryArray::<Int8Type>::try_new(keys, values.clone())?)
                }
                DType::I64 => {
                    let values = tensor.as_slice::<i64>()?.iter().skip(i).step_by(count);
                    Arc::new(Int64Array::from_iter_values(values.copied()))
                }
                DType::String if coded => {
                    let texts: DictionaryArray<Int32Type> = tensor.as_strings()?.iter().collect();
                    Arc::new(texts)
                }
                DType::String => Arc::new(tensor.as_strings()?.clone()),
                other => bail!("no column of {other} is made"),
            });
        }
    }
    Ok(all)
}

/// What a thread does at least: to start it takes some ten microseconds.
const THREAD_SECONDS_MIN: f64 = 200e-6;

/// The rows of inputs, spread over threads.
fn parts(inputs: &[Value], threads: usize) -> Result<Vec<Vec<Value>>> {
    let rows = inputs.first().and_then(|x| x.as_tensor().ok()?.shape().first().copied()).unwrap_or(0);
    let count = threads.min(rows).max(1);
    if count == 1 {
        return Ok(vec![inputs.to_vec()]);
    }
    let part = |value: &Value, start: usize, end: usize| -> Result<Value> {
        let tensor = value.as_tensor()?;
        if let Some(columns) = tensor.columns() {
            let columns = columns.iter().map(|column| cut(column, start, end)).collect::<Result<_>>()?;
            return Ok(Tensor::from_columns(columns)?.into());
        }
        Ok(cut(tensor, start, end)?.into())
    };
    let bounds = (0..count).map(|i| (i * rows / count, (i + 1) * rows / count));
    bounds.map(|(start, end)| inputs.iter().map(|value| part(value, start, end)).collect()).collect()
}

/// Some rows of a tensor in row-major order.
fn cut(tensor: &Tensor, start: usize, end: usize) -> Result<Tensor> {
    let mut shape = tensor.shape().to_vec();
    let of_row = shape[1..].iter().product::<usize>();
    shape[0] = end - start;
    Ok(tensor.part(start * of_row, (end - start) * of_row)?.reshape(shape)?)
}

/// The same table, its columns apart.
///
/// # Errors
/// What is no tensor of two dimensions of numbers.
pub(crate) fn table(value: &Value) -> Result<Value> {
    fn apart<T: hologram_ops::numeric::Element>(cells: &[T], columns: usize) -> Result<Value> {
        let column = |column| cells.iter().skip(column).step_by(columns).copied().collect::<Vec<T>>();
        let columns = (0..columns).map(column).map(|values| Tensor::from_vec([values.len()], values));
        Ok(Tensor::from_columns(columns.collect::<Result<_, _>>()?)?.into())
    }
    let tensor = value.as_tensor()?;
    match (tensor.dtype(), tensor.shape()) {
        (DType::F32, &[_, columns]) => apart::<f32>(tensor.as_slice()?, columns),
        (DType::F64, &[_, columns]) => apart::<f64>(tensor.as_slice()?, columns),
        _ => bail!("{tensor:?} is no table of numbers"),
    }
}

/// Nanoseconds of one run through the row door.
fn time(session: &RowSession, columns: &[ArrayRef], threads: usize, control: &Control) -> Result<u64> {
    let rows = columns.first().map_or(0, |column| column.len());
    // Batches of the size that the row door asks for, as a query gives them.
    let size = session.rows_best().min(rows).max(1);
    let batches: Vec<Vec<ArrayRef>> = (0..rows)
        .step_by(size)
        .map(|start| columns.iter().map(|column| column.slice(start, size.min(rows - start))).collect())
        .collect();
    let next = AtomicUsize::new(0);
    let run = || -> Result<()> {
        while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (answers, _) = session.run(batch, batch.first().map_or(0, |column| column.len()), control)?;
            std::hint::black_box(answers);
        }
        Ok(())
    };
    let begin = Instant::now();
    std::thread::scope(|scope| -> Result<()> {
        let others: Vec<_> = (1..threads.min(batches.len())).map(|_| scope.spawn(run)).collect();
        run()?;
        others.into_iter().try_for_each(|other| other.join().map_err(|_| anyhow!("a thread ended"))?)
    })?;
    Ok(u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

/// The answers of the row door as tensors.
fn answers(session: &RowSession, columns: &[ArrayRef], control: &Control) -> Result<Vec<Value>> {
    let rows = columns.first().map_or(0, |column| column.len());
    let (answers, _) = session.run(columns, rows, control)?;
    let arrays = match answers.as_struct_opt() {
        Some(list) => list.columns().to_vec(),
        None => vec![answers],
    };
    arrays.iter().zip(&session.session().signature().outputs).map(|(array, port)| tensor(array, port, rows)).collect()
}

/// An answer as the tensor that the model gives.
fn tensor(array: &ArrayRef, port: &hologram_resolver::Port, rows: usize) -> Result<Value> {
    let dims = port.shape().unwrap_or_default().iter().skip(1);
    let shape: Vec<usize> = std::iter::once(rows).chain(dims.filter_map(|d| d.known())).collect();
    let f32s = |array: &PrimitiveArray<Float32Type>| array.values().clone();
    Ok(match array.data_type() {
        DataType::Float32 => of_f32(shape, &f32s(array.as_primitive()))?,
        DataType::FixedSizeList(_, _) => of_f32(shape, &f32s(array.as_fixed_size_list().values().as_primitive()))?,
        DataType::Struct(_) => {
            // A column for each class, side by side in the tensor.
            let columns: Vec<ScalarBuffer<f32>> =
                array.as_struct().columns().iter().map(|column| f32s(column.as_primitive())).collect();
            let cells: Vec<f32> = (0..rows).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
            Tensor::from_vec([rows, columns.len()], cells)?.into()
        }
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            let keys = dictionary.normalized_keys();
            let words = dictionary.values().as_string::<i32>();
            Tensor::from_string_iter(shape, keys.iter().map(|key| words.value(*key)).collect::<Vec<_>>())?.into()
        }
        DataType::Int64 => Tensor::from_vec(shape, array.as_primitive::<Int64Type>().values().to_vec())?.into(),
        other => bail!("answers of {other} are not compared"),
    })
}

fn of_f32(shape: Vec<usize>, values: &[f32]) -> Result<Value> {
    Ok(Tensor::from_vec(shape, values.to_vec())?.into())
}

/// As [`Engine::difference`], of one output.
fn apart(ours: &Tensor, theirs: &Output) -> Result<(f64, usize)> {
    let count = |equal: &mut dyn Iterator<Item = bool>| equal.filter(|equal| !equal).count();
    Ok(match ours.dtype() {
        DType::F32 => {
            let ours = ours.as_slice::<f32>()?;
            let mut greatest = 0.0_f64;
            for (our, their) in ours.iter().zip(&theirs.values) {
                // The other side's numbers are f32 too; reading them as decimals may miss the last bit of an f64.
                let their = their.as_f64().unwrap_or(f64::NAN) as f32;
                let difference = (f64::from(*our) - f64::from(their)).abs();
                if difference > greatest || difference.is_nan() {
                    greatest = difference;
                }
            }
            (greatest, 0)
        }
        DType::F64 => {
            let pairs = ours.as_slice::<f64>()?.iter().zip(&theirs.values);
            let apart = pairs.map(|(our, their)| (our - their.as_f64().unwrap_or(f64::NAN)).abs());
            (apart.fold(0.0, |greatest, d| if d > greatest || d.is_nan() { d } else { greatest }), 0)
        }
        DType::I64 => {
            let ours = ours.as_slice::<i64>()?;
            (0.0, count(&mut ours.iter().zip(&theirs.values).map(|(our, their)| their.as_i64() == Some(*our))))
        }
        DType::String => {
            let ours = ours.as_strings()?;
            (0.0, count(&mut ours.iter().zip(&theirs.values).map(|(our, their)| their.as_str() == our)))
        }
        other => bail!("{other} outputs are not compared"),
    })
}
