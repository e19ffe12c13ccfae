//! Picking elements by index, whatever their type: every operator that only moves elements is written over these.

use crate::{
    DType, Error, Limits, Result, Tensor,
    tensor::{check_elements, element_count},
};
use arrow_array::{Array, StringViewArray, builder::StringViewBuilder};
use arrow_buffer::{ArrowNativeType, Buffer};
use arrow_data::{ByteView, MAX_INLINE_VIEW_LEN};

/// Texts of up to so many bytes are shared by their copies, however few there are.
const SHARED_BYTES_MAX: usize = 1 << 16;

/// A tensor made of runs of `run` consecutive elements; each run is (which source, index of its first element).
///
/// # Errors
/// [`Error::Invalid`] when the sources differ in type, a run leaves its source, or the runs do not fill the shape;
/// [`Error::Exhausted`] when the shape is too large.
pub(crate) fn copy_runs(
    sources: &[&Tensor],
    shape: impl Into<Vec<usize>>,
    run: usize,
    mut runs: impl Iterator<Item = (usize, usize)>,
) -> Result<Tensor> {
    copy(sources, shape.into(), run, &mut runs)
}

/// The source and first element of each run. One type for all iterators: bodies here are compiled once a width.
type Runs<'a> = &'a mut dyn Iterator<Item = (usize, usize)>;

fn copy(sources: &[&Tensor], shape: Vec<usize>, run: usize, runs: Runs<'_>) -> Result<Tensor> {
    let count = check_elements(&shape, Limits::default().elements)?;
    let dtype = sources.first().map(|t| t.dtype()).ok_or_else(|| Error::invalid("nothing to copy from"))?;
    if let Some(other) = sources.iter().find(|t| t.dtype() != dtype) {
        return Err(Error::invalid(format!("a {} tensor where {dtype} is expected", other.dtype())));
    }
    if count == 0 {
        return Tensor::zeros(dtype, shape);
    }
    match dtype {
        DType::String => copy_strings(sources, shape, run, runs),
        _ => match dtype.size() {
            1 => copy_fixed::<u8>(sources, dtype, shape, run, runs),
            2 => copy_fixed::<u16>(sources, dtype, shape, run, runs),
            4 => copy_fixed::<u32>(sources, dtype, shape, run, runs),
            _ => copy_fixed::<u64>(sources, dtype, shape, run, runs),
        },
    }
}

/// A tensor of these elements of `source`, by flat index.
///
/// # Errors
/// Those of [`copy_runs`].
pub(crate) fn select(
    source: &Tensor,
    shape: impl Into<Vec<usize>>,
    indices: impl Iterator<Item = usize>,
) -> Result<Tensor> {
    copy_runs(&[source], shape, 1, indices.map(|i| (0, i)))
}

/// A tensor that repeats the only element of `source`.
///
/// # Errors
/// Those of [`copy_runs`].
pub(crate) fn fill(source: &Tensor, shape: impl Into<Vec<usize>>) -> Result<Tensor> {
    let shape = shape.into();
    let count = element_count(&shape)?;
    select(source, shape, std::iter::repeat_n(0, count))
}

fn copy_fixed<T: ArrowNativeType>(
    sources: &[&Tensor],
    dtype: DType,
    shape: Vec<usize>,
    run: usize,
    runs: Runs<'_>,
) -> Result<Tensor> {
    let slices: Vec<&[T]> = sources.iter().map(|t| Ok(t.buffer()?.typed_data::<T>())).collect::<Result<_>>()?;
    let count = element_count(&shape)?;
    let mut out: Vec<T> = Vec::new();
    out.try_reserve_exact(count).map_err(|e| Error::Exhausted(format!("a {dtype} tensor of shape {shape:?}: {e}")))?;
    for (source, start) in runs {
        let piece = slices.get(source).and_then(|s| s.get(start..start.checked_add(run)?));
        let piece = piece.ok_or_else(|| Error::invalid(format!("element {start} is outside of the tensor")))?;
        out.extend_from_slice(piece);
    }
    Tensor::from_buffer(dtype, shape, Buffer::from_vec(out))
}

fn copy_strings(sources: &[&Tensor], shape: Vec<usize>, run: usize, runs: Runs<'_>) -> Result<Tensor> {
    let arrays = sources.iter().map(|t| t.as_strings()).collect::<Result<Vec<_>>>()?;
    let outside = |start: usize| Error::invalid(format!("element {start} is outside of the tensor"));
    let count = element_count(&shape)?;
    let held: usize = arrays.iter().flat_map(|a| a.data_buffers()).map(Buffer::len).sum();
    // Bytes that few of the copies need are not kept for them.
    if held > SHARED_BYTES_MAX.max(count.saturating_mul(std::mem::size_of::<u128>())) {
        let mut out = StringViewBuilder::new();
        for (source, start) in runs {
            let array = arrays.get(source).filter(|a| start.checked_add(run).is_some_and(|end| end <= a.len()));
            let array = array.ok_or_else(|| outside(start))?;
            (start..start + run).for_each(|i| out.append_value(array.value(i)));
        }
        return Tensor::from_strings(shape, out.finish());
    }
    // Views move, the bytes that they point to stay where they are.
    let mut buffers: Vec<Buffer> = Vec::new();
    let mut firsts: Vec<u32> = Vec::with_capacity(arrays.len());
    for array in &arrays {
        firsts.push(u32::try_from(buffers.len()).map_err(|_| Error::Exhausted("buffers of texts".into()))?);
        buffers.extend(array.data_buffers().iter().cloned());
    }
    let full = |e| Error::Exhausted(format!("a string tensor of shape {shape:?}: {e}"));
    let texts: usize = arrays.iter().map(|array| array.len()).sum();
    // Of texts that are copied more than once the codes are copied.
    if texts.saturating_mul(2) <= count && u32::try_from(texts).is_ok() {
        let mut codes: Vec<u32> = Vec::new();
        codes.try_reserve_exact(count).map_err(full)?;
        let mut places = vec![0..0; arrays.len()];
        let mut views = Vec::with_capacity(texts);
        for ((array, first), places) in arrays.iter().zip(&firsts).zip(&mut places) {
            *places = views.len()..views.len() + array.len();
            views.extend(array.views().iter().map(|view| moved(*view, *first)));
        }
        for (source, start) in runs {
            let places = places.get(source).filter(|p| start.checked_add(run).is_some_and(|end| end <= p.len()));
            let first = places.ok_or_else(|| outside(start))?.start + start;
            codes.extend((first..first + run).map(|code| code as u32));
        }
        // SAFETY: each view is one of an array that was checked, and finds that array's buffers behind those before it.
        let texts = unsafe { StringViewArray::new_unchecked(views.into(), buffers, None) };
        return Tensor::from_codes(shape, codes.into(), texts);
    }
    let mut out: Vec<u128> = Vec::new();
    out.try_reserve_exact(count).map_err(full)?;
    for (source, start) in runs {
        let piece = arrays.get(source).and_then(|a| a.views().get(start..start.checked_add(run)?));
        let piece = piece.ok_or_else(|| outside(start))?;
        out.extend(piece.iter().map(|view| moved(*view, firsts[source])));
    }
    // SAFETY: as above.
    let strings = unsafe { StringViewArray::new_unchecked(out.into(), buffers, None) };
    Tensor::from_strings(shape, strings)
}

/// A view whose array's buffers lie behind so many others.
fn moved(view: u128, first: u32) -> u128 {
    if view as u32 <= MAX_INLINE_VIEW_LEN {
        return view;
    }
    let view = ByteView::from(view);
    ByteView { buffer_index: view.buffer_index + first, ..view }.as_u128()
}

/// Row-major strides of a shape.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut out = vec![1usize; shape.len()];
    for i in (1..shape.len()).rev() {
        out[i - 1] = out[i].saturating_mul(shape[i]);
    }
    out
}

/// The tensor whose index along each axis is looked up: output index `i` along axis `a` reads `maps[a][i]`, or `filler`'s
/// only element where that is `None`.
///
/// # Errors
/// Those of [`copy_runs`]; [`Error::Invalid`] when a filler is needed and not given.
pub(crate) fn remap(source: &Tensor, maps: &[Vec<Option<usize>>], filler: Option<&Tensor>) -> Result<Tensor> {
    let shape: Vec<usize> = maps.iter().map(Vec::len).collect();
    let steps = strides(source.shape());
    let mut sources = vec![source];
    sources.extend(filler);
    let count = check_elements(&shape, Limits::default().elements)?;
    // Trailing axes that are read as they are move in one run.
    let mut run = 1;
    let mut whole = maps.len();
    while whole > 0 && maps[whole - 1].len() == source.shape()[whole - 1] && is_identity(&maps[whole - 1]) {
        whole -= 1;
        run *= maps[whole].len();
    }
    if filler.is_some() {
        (run, whole) = (1, maps.len());
    }
    let runs = count.checked_div(run).unwrap_or(0);
    let mut index = vec![0usize; whole];
    copy_runs(
        &sources,
        shape,
        run,
        (0..runs).map(|_| {
            let at = (0..whole).try_fold(0usize, |at, a| Some(at + maps[a][index[a]]? * steps[a]));
            for a in (0..whole).rev() {
                index[a] += 1;
                if index[a] < maps[a].len() {
                    break;
                }
                index[a] = 0;
            }
            at.map_or((1, 0), |at| (0, at))
        }),
    )
}

fn is_identity(map: &[Option<usize>]) -> bool {
    map.iter().enumerate().all(|(i, m)| *m == Some(i))
}

/// The map of [`remap`] that leaves an axis alone.
pub(crate) fn identity_map(extent: usize) -> Vec<Option<usize>> {
    (0..extent).map(Some).collect()
}

/// The product of the extents before, at and after an axis.
pub(crate) fn around(shape: &[usize], axis: usize) -> (usize, usize, usize) {
    let product = |s: &[usize]| s.iter().product();
    (product(&shape[..axis]), shape[axis], product(&shape[axis + 1..]))
}

/// An index in `-extent..extent` as ONNX counts, from the end when negative.
///
/// # Errors
/// [`Error::Invalid`] when it is out of range.
pub(crate) fn wrap_index(index: i64, extent: usize) -> Result<usize> {
    let n = i64::try_from(extent).unwrap_or(i64::MAX);
    let at = if index < 0 { index + n } else { index };
    usize::try_from(at)
        .ok()
        .filter(|i| *i < extent)
        .ok_or_else(|| Error::invalid(format!("index {index} is out of range for extent {extent}")))
}

/// The integers that an input lists: a vector, or one number.
///
/// # Errors
/// [`Error::Invalid`] when there are more dimensions, or the elements are no integers.
pub(crate) fn list(tensor: &Tensor) -> Result<Vec<i64>> {
    match tensor.rank() {
        0 | 1 => tensor.to_i64_vec(),
        rank => Err(Error::invalid(format!("rank {rank} where a list is expected"))),
    }
}

/// A size that an input gives.
///
/// # Errors
/// [`Error::Invalid`] when it is negative.
pub(crate) fn size_of(n: i64) -> Result<usize> {
    usize::try_from(n).map_err(|_| Error::invalid(format!("a size of {n}; sizes are not negative")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_runs_of_every_width_and_strings() {
        let a = Tensor::from_vec([2, 3], vec![1i64, 2, 3, 4, 5, 6]).unwrap();
        let b = Tensor::from_vec([1], vec![9i64]).unwrap();
        let maps = [vec![Some(1), None], identity_map(3)];
        let got = remap(&a, &maps, Some(&b)).unwrap();
        assert_eq!(got, Tensor::from_vec([2, 3], vec![4i64, 5, 6, 9, 9, 9]).unwrap());
        let got = remap(&a, &[vec![Some(1), Some(0), Some(1)], identity_map(3)], None).unwrap();
        assert_eq!(got, Tensor::from_vec([3, 3], vec![4i64, 5, 6, 1, 2, 3, 4, 5, 6]).unwrap());
        assert!(remap(&a, &maps, None).is_err());
        let s = Tensor::from_string_iter([3], ["a", "a string longer than twelve bytes", ""]).unwrap();
        let got = select(&s, [2], [1, 0].into_iter()).unwrap();
        assert_eq!(got, Tensor::from_string_iter([2], ["a string longer than twelve bytes", "a"]).unwrap());
        assert!(select(&s, [1], [3].into_iter()).is_err());
        assert!(select(&s, [2], [0].into_iter()).is_err());
        let flags = Tensor::from_vec([2], vec![true, false]).unwrap();
        assert_eq!(select(&flags, [1], [0].into_iter()).unwrap(), Tensor::from_vec([1], vec![true]).unwrap());
        assert!(fill(&b, [usize::MAX, 2]).is_err());
        assert!(fill(&b, [1 << 20, 1 << 20]).is_err());
    }
}
