//! The container against damage, against Arrow's own reader, and against its promises on alignment and determinism.

use std::{io::Cursor, panic};

use arrow_array::{Array, cast::AsArray, types::UInt64Type};
use arrow_buffer::Buffer;
use arrow_ipc::reader::FileReader;
use proptest::prelude::*;

use super::*;
use crate::{Coordinate, Error, Result};

type Written = Vec<(SectionSpec, Vec<u8>)>;

fn at(path: &[u64]) -> Coordinate {
    Coordinate::from_strata(path.iter().map(|&number| crate::Stratum::from_number(number).unwrap())).unwrap()
}

fn sample() -> Written {
    vec![
        (SectionSpec::new("plan", "plan"), b"steps".to_vec()),
        (SectionSpec::new("w", "weight").tensor("f32", [2, 3]).at(at(&[7])), (0..24).collect()),
        (SectionSpec::new("empty", "weight").tensor("i64", [0]).at(at(&[7, 1, 2, 3, 4, 5, 6])), vec![]),
        (SectionSpec::new("größe", "table").tensor("u8", [64]), vec![9; 64]),
    ]
}

fn write(sections: &Written, metadata: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Vec::new()).unwrap();
    sections.iter().for_each(|(spec, data)| writer.section(spec, data).unwrap());
    writer.finish(metadata).unwrap()
}

fn small() -> Vec<u8> {
    write(&sample(), &[("writer", "test"), ("target", "any")])
}

/// Everything that an archive answers, or the error that it gives.
fn read_all(file: Vec<u8>) -> Result<(Written, Vec<(String, String)>)> {
    let archive = Archive::from_buffer(Buffer::from(file))?;
    archive.verify_all()?;
    let sections = archive.sections().map(|info| {
        let section = archive.section(info.name())?;
        if let Some(at) = info.coordinate() {
            assert_eq!(archive.by_coordinate(at)?.name(), info.name());
        }
        Ok((section.info().spec.clone(), section.data().to_vec()))
    });
    Ok((sections.collect::<Result<_>>()?, archive.metadata().to_vec()))
}

#[test]
fn reads_what_was_written() {
    let (sections, metadata) = read_all(small()).unwrap();
    assert_eq!(sections, sample());
    let expected = [("hologram.format", "1"), ("target", "any"), ("writer", "test")];
    assert_eq!(metadata, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let (sections, metadata) = read_all(write(&vec![], &[])).unwrap();
    assert!(sections.is_empty() && metadata.len() == 1);
}

#[test]
fn same_calls_same_bytes() {
    assert_eq!(small(), small());
    assert_eq!(small(), write(&sample(), &[("target", "any"), ("writer", "test")]));
}

/// Arrow's own reader sees one row a section with the same values, and the data's own checksum.
#[test]
fn arrow_reads_it() {
    let reader = FileReader::try_new(Cursor::new(small()), None).unwrap();
    assert_eq!(*reader.schema(), message::schema());
    assert_eq!(reader.custom_metadata().get("writer").map(String::as_str), Some("test"));
    let batches: Vec<_> = reader.map(|batch| batch.unwrap()).collect();
    assert_eq!(batches.len(), sample().len() + 1);
    for (batch, (spec, data)) in batches.iter().zip(sample()) {
        assert_eq!(batch.num_rows(), 1);
        let text = |column: usize| batch.column(column).as_string::<i32>().value(0);
        assert_eq!((text(0), text(1), text(2)), (&*spec.name, &*spec.kind, &*spec.dtype));
        assert_eq!(batch.column(3).as_list::<i32>().value(0).as_primitive::<UInt64Type>().values(), &spec.shape);
        let coordinate = batch.column(4).as_binary::<i32>();
        let coordinate = (!coordinate.is_null(0)).then(|| Coordinate::from_bytes(coordinate.value(0)).unwrap());
        assert_eq!(coordinate, spec.coordinate);
        assert_eq!(batch.column(5).as_fixed_size_binary().value(0), Checksum::of(&[&data]).0);
        assert_eq!(batch.column(6).as_binary::<i64>().value(0), data);
    }
    assert_eq!(batches[sample().len()].column(0).as_string::<i32>().value(0), INDEX);
}

/// A reader that streams from the schema on meets the same batches and the end.
#[test]
fn arrow_streams_it() {
    let file = small();
    let stream = arrow_ipc::reader::StreamReader::try_new(Cursor::new(&file[8..]), None).unwrap();
    assert_eq!(stream.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), sample().len() + 1);
}

#[test]
fn every_changed_byte_is_refused() {
    let file = small();
    let wrong: Vec<_> = (0..file.len())
        .flat_map(|position| [0x01, 0x80, 0xff].map(|change| (position, change)))
        .filter(|&(position, change)| {
            let mut damaged = file.clone();
            damaged[position] ^= change;
            !matches!(panic::catch_unwind(|| read_all(damaged)), Ok(Err(Error::Corrupt(_))))
        })
        .collect();
    assert_eq!(wrong, [], "(position, change) accepted, of another kind, or a panic");
}

#[test]
fn every_truncation_and_extension_is_refused() {
    let file = small();
    for length in 0..file.len() {
        assert!(matches!(read_all(file[..length].to_vec()), Err(Error::Corrupt(_))), "cut to {length}");
    }
    for extra in [&[0][..], b"ARROW1", &file] {
        assert!(matches!(read_all([&file, extra].concat()), Err(Error::Corrupt(_))), "{} more bytes", extra.len());
    }
}

/// Writes the frame and index checksums anew after a change, as a forger would: no answer may then panic.
fn reseal(file: &mut [u8]) {
    let closing = file.len() - CLOSING_BYTES;
    let Some(footer_length) = file[closing..].first_chunk().map(|&length| i32::from_le_bytes(length)) else { return };
    let Some(footer) = usize::try_from(footer_length).ok().and_then(|length| closing.checked_sub(length)) else {
        return;
    };
    let Some(start) = footer.checked_sub(seal::SEAL_BYTES) else { return };
    let number = |file: &[u8], field: usize| {
        let at = start + 8 * field;
        file[at..].first_chunk().map_or(0, |&number| u64::from_le_bytes(number) as usize)
    };
    let (head, index, length) = (number(file, 2), number(file, 3), number(file, 4));
    if let Some(block) = index.checked_add(length).and_then(|end| file.get(index..end)) {
        let checksum = Checksum::of(&[block]);
        file[start + 56..start + 72].copy_from_slice(&checksum.0);
    }
    if let (Some(head), Some(end)) = (file.get(..head), start.checked_sub(8)) {
        let checksum = Checksum::of(&[head, &file[end..start + 80], &file[footer..]]);
        file[start + 80..start + 96].copy_from_slice(&checksum.0);
    }
}

#[test]
fn resealing_alone_changes_nothing() {
    let mut file = small();
    reseal(&mut file);
    assert_eq!(file, small());
}

/// With the checksums made to hold again, every byte of index, seal and footer is handed to the parsers.
#[test]
fn forged_frames_do_not_panic() {
    let file = small();
    let index = Archive::from_buffer(Buffer::from(file.clone())).unwrap().sections().map(|info| info.block.end).max();
    let mut opened = 0;
    for position in (0..index.unwrap().min(640)).chain(index.unwrap()..file.len()) {
        for change in [0x01, 0x10, 0x7f, 0x80, 0xff] {
            let mut forged = file.clone();
            forged[position] ^= change;
            reseal(&mut forged);
            opened += usize::from(read_all(forged).is_ok());
        }
    }
    // Some changes only rename a section or a metadata key, so that some files open: the parsers were reached.
    assert!(opened > 0);
}

#[test]
fn data_is_aligned_and_in_place() {
    for shift in [0, 1, 8, 63] {
        let file = small();
        let buffer = Buffer::from([vec![0; shift], file].concat()).slice(shift);
        let archive = Archive::from_buffer(buffer).unwrap();
        let map = archive.section("plan").unwrap().data().data_ptr();
        for info in archive.sections() {
            let section = archive.section(info.name()).unwrap();
            assert_eq!(section.data().as_ptr().addr() % ALIGNMENT, 0, "{} shifted by {shift}", info.name());
            assert_eq!(section.data().data_ptr(), map, "{} is not copied", info.name());
        }
    }
}

#[test]
fn sections_outlive_the_archive() {
    let section = Archive::from_buffer(Buffer::from(small())).unwrap().section("w").unwrap();
    assert_eq!(section.data().as_slice(), (0..24).collect::<Vec<u8>>());
    assert_eq!(format!("{section:?}"), r#"Section("w" weight f32[2, 3], 24 bytes)"#);
}

#[test]
fn opens_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.holo");
    std::fs::write(&path, small()).unwrap();
    let archive = Archive::open(&path).unwrap();
    let name = path.display();
    assert_eq!(format!("{archive:?}"), format!("Archive({name}, 4 sections, {} bytes)", small().len()));
    let start = |info: &SectionInfo| {
        let data = archive.section(info.name()).unwrap().into_data();
        assert_eq!(data.as_ptr().addr() % ALIGNMENT, 0, "{}", info.name());
        data.as_ptr().addr() - info.file_range().start
    };
    let map = archive.info("plan").map(start).unwrap();
    assert!(archive.sections().all(|info| start(info) == map), "all lie in one map at their places in the file");
    let error = |result: Result<Archive>| result.unwrap_err().to_string();
    assert!(error(Archive::open(folder.path().join("none.holo"))).contains("none.holo"));
    for (file, bytes) in [("empty", &[][..]), ("short", b"ARROW1"), ("other", b"PK\x03\x04, and no Arrow at all")] {
        let path = folder.path().join(file);
        std::fs::write(&path, bytes).unwrap();
        let error = Archive::open(&path).unwrap_err();
        assert!(matches!(error, Error::Corrupt(_)) && error.to_string().contains(file), "{error}");
    }
}

#[test]
fn damage_to_one_section_leaves_the_others() {
    let mut file = small();
    let (data, metadata) = {
        let archive = Archive::from_buffer(Buffer::from(file.clone())).unwrap();
        let info = archive.info("w").unwrap();
        (info.file_range().start, info.block.start)
    };
    for position in [data, metadata] {
        file[position] ^= 1;
        let archive = Archive::from_buffer(Buffer::from(file.clone())).unwrap();
        assert!(archive.section("plan").is_ok());
        for _ in 0..2 {
            let error = archive.section("w").unwrap_err();
            assert!(matches!(error, Error::Corrupt(_)) && error.to_string().contains("\"w\""), "{error}");
            assert!(archive.by_coordinate(&at(&[7])).is_err());
        }
        assert!(archive.verify_all().is_err());
        file[position] ^= 1;
    }
    let archive = Archive::from_buffer(Buffer::from(file)).unwrap();
    assert!(matches!(archive.section("absent"), Err(Error::Missing(_))));
    assert!(matches!(archive.by_coordinate(&at(&[8])), Err(Error::Missing(_))));
}

#[test]
fn writer_refuses_what_no_reader_could_tell_apart() {
    let mut writer = ArchiveWriter::new(Vec::new()).unwrap();
    writer.section(&SectionSpec::new("a", "weight").at(at(&[1])), b"").unwrap();
    for (spec, message) in [
        (SectionSpec::new("a", "other"), "twice"),
        (SectionSpec::new("", "other"), "empty"),
        (SectionSpec::new(INDEX, "other"), "container's own"),
        (SectionSpec::new("b", "weight").at(at(&[1])), "that of section \"a\""),
        (SectionSpec::new("b", "weight").at(at(&[655_360])), "not relative"),
        (SectionSpec::new("b".repeat(65_536), "weight"), "the limit is 65535"),
        (SectionSpec::new("b", "weight").tensor("f32", vec![1; 65_536]), "the limit is 65535"),
    ] {
        let error = writer.section(&spec, b"").unwrap_err();
        assert!(matches!(error, Error::Invalid(_)) && error.to_string().contains(message), "{message}: {error}");
    }
    assert!(writer.finish(&[("k", "1"), ("k", "2")]).is_err());
    assert!(ArchiveWriter::new(Vec::new()).unwrap().finish(&[(FORMAT_KEY, "9")]).is_err());
}

/// A sink that takes so many bytes and then is full.
struct Full(usize);

impl std::io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn full_disk_is_an_error_at_every_byte() {
    let length = small().len();
    for room in 0..=length {
        let written = ArchiveWriter::new(Full(room)).and_then(|mut writer| {
            sample().iter().try_for_each(|(spec, data)| writer.section(spec, data))?;
            writer.finish(&[("writer", "test"), ("target", "any")])
        });
        assert_eq!(written.is_ok(), room == length, "{room} bytes of room");
    }
}

#[test]
fn mounted_under_an_ordinal() {
    let archive = Archive::from_buffer(Buffer::from(small())).unwrap();
    let (one, other) = (Mounted::new(archive.clone(), 5).unwrap(), Mounted::new(archive.clone(), 6).unwrap());
    for relative in [at(&[7]), at(&[7, 1, 2, 3, 4, 5, 6])] {
        let absolute = one.absolute(&relative).unwrap();
        assert_eq!(one.relative(&absolute), Some(relative.clone()));
        assert_eq!(other.relative(&absolute), None);
        assert_eq!(one.section_at(&absolute).unwrap().coordinate(), Some(&relative));
        assert!(matches!(other.section_at(&absolute), Err(Error::Missing(_))));
    }
    assert_eq!(one.absolute(&at(&[7])).unwrap().to_string(), "0.0.5.7");
    assert!(one.absolute(&at(&[655_360])).is_err());
    assert!(Mounted::new(archive, 1_179_648).is_err());
}

/// The page that specifies the format names every field in its order, with its size.
#[test]
fn the_specification_names_every_field() {
    let page = include_str!("../../../docs/spec/holo.mdx");
    let mut rest = page;
    let index = INDEX_FIELDS.map(|(name, size)| (name, size.map_or("…".into(), |size| size.to_string())));
    let seal = SEAL_FIELDS.map(|(name, size)| (name, size.to_string()));
    for (name, size) in index.into_iter().chain(seal) {
        let row = format!("| `{name}` | {size} |");
        let (_, after) = rest.split_once(&row).unwrap_or_else(|| panic!("no row {row:?} in its place"));
        rest = after;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_sections_come_back(
        parts in proptest::collection::vec(
            (".{0,9}", "[a-z]{0,9}", proptest::collection::vec(any::<u64>(), 0..5), proptest::collection::vec(any::<u8>(), 0..300)),
            0..12,
        ),
        absent in any::<u16>(),
    ) {
        let sections: Written = parts.into_iter().enumerate().map(|(number, (name, kind, shape, data))| {
            let spec = SectionSpec::new(format!("{number}{name}"), kind).tensor("u8", shape);
            let relative = at(&[number as u64, data.len() as u64]);
            (if absent >> number & 1 == 0 { spec.at(relative) } else { spec }, data)
        }).collect();
        prop_assert_eq!(read_all(write(&sections, &[])).unwrap().0, sections);
    }

    #[test]
    fn noise_is_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..4_000)) {
        bytes.splice(0..bytes.len().min(8), OPENING.iter().copied());
        bytes.extend_from_slice(MAGIC);
        prop_assert!(read_all(bytes).is_err());
    }
}
