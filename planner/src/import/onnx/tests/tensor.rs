//! Every form in which a tensor can be stored.

use super::*;
use crate::import::onnx::{
    OnnxElements, OnnxTensor, OnnxType, OnnxValue,
    proto::{SparseTensorProto, StringStringEntryProto},
};
use std::{fs, path::Path};

fn tensor(code: i32, dims: &[i64]) -> TensorProto {
    TensorProto { name: Some("w".into()), data_type: Some(code), dims: dims.to_vec(), ..TensorProto::default() }
}

fn raw(code: i32, dims: &[i64], bytes: &[u8]) -> TensorProto {
    TensorProto { raw_data: Some(bytes.to_vec().into()), ..tensor(code, dims) }
}

fn int32(code: i32, dims: &[i64], values: &[i32]) -> TensorProto {
    TensorProto { int32_data: values.to_vec(), ..tensor(code, dims) }
}

fn read(proto: &TensorProto) -> Result<OnnxTensor, OnnxError> {
    let ty = OnnxType::Tensor { data_type: 0, shape: None };
    match OnnxValue::parse("t.pb", proto.encode_to_vec().into(), &ty, &Limits::default())? {
        OnnxValue::Tensor(tensor) => Ok(tensor),
        other => panic!("{other:?}"),
    }
}

fn bytes(tensor: &OnnxTensor) -> Vec<u8> {
    match &tensor.data {
        OnnxElements::Bytes(bytes) => bytes.to_vec(),
        OnnxElements::Strings(_) => panic!("strings"),
    }
}

#[test]
fn every_form_gives_the_same_bytes() {
    let le = |v: &[f32]| v.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let le64 = |v: &[i64]| v.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let float_data = TensorProto { float_data: vec![1.5, -2.0], ..tensor(1, &[2]) };
    let complex = TensorProto { float_data: vec![1.0, 2.0], ..tensor(14, &[1]) };
    let int64 = TensorProto { int64_data: vec![-1, 1 << 40], ..tensor(7, &[2]) };
    let uint32 = TensorProto { uint64_data: vec![u64::from(u32::MAX)], ..tensor(12, &[]) };
    let uint64 = TensorProto { uint64_data: vec![u64::MAX], ..tensor(13, &[1]) };
    let double = TensorProto { double_data: vec![0.5], ..tensor(11, &[1]) };
    let complex128 = TensorProto { double_data: vec![0.5, 0.25], ..tensor(15, &[1]) };
    let cases: Vec<(&str, TensorProto, Vec<u8>)> = vec![
        ("raw float", raw(1, &[2], &le(&[1.5, -2.0])), le(&[1.5, -2.0])),
        ("float_data", float_data, le(&[1.5, -2.0])),
        ("complex", complex, le(&[1.0, 2.0])),
        ("int64", int64, le64(&[-1, 1 << 40])),
        ("uint32", uint32, vec![255; 4]),
        ("uint64", uint64, vec![255; 8]),
        ("double", double, 0.5f64.to_le_bytes().to_vec()),
        ("complex128", complex128, [0.5f64.to_le_bytes(), 0.25f64.to_le_bytes()].concat()),
        ("int32", int32(6, &[1], &[-2]), vec![254, 255, 255, 255]),
        ("int8", int32(3, &[2], &[-128, 127]), vec![128, 127]),
        ("uint8", int32(2, &[2], &[0, 255]), vec![0, 255]),
        ("int16", int32(5, &[1], &[-2]), vec![254, 255]),
        ("uint16", int32(4, &[1], &[65535]), vec![255, 255]),
        ("bool", int32(9, &[2], &[1, 0]), vec![1, 0]),
        ("float16 bits", int32(10, &[1], &[0x3c00]), vec![0, 0x3c]),
        ("bfloat16 bits", int32(16, &[1], &[0xff80]), vec![0x80, 0xff]),
        ("float8 bits", int32(17, &[1], &[0xfe]), vec![0xfe]),
        ("raw uint4, odd", raw(21, &[3], &[0x21, 0x0f]), vec![1, 2, 15]),
        ("raw int4", raw(22, &[3], &[0x8f, 0x07]), vec![255, 248, 7]),
        ("int4 entries", int32(22, &[3], &[0x8f, 0x07]), vec![255, 248, 7]),
        ("int4 entries, signed", int32(22, &[2], &[-113]), vec![255, 248]),
        ("float4 bits", raw(23, &[2], &[0xa5]), vec![5, 10]),
        ("raw uint2", raw(25, &[5], &[0b1110_0100, 0b01]), vec![0, 1, 2, 3, 1]),
        ("raw int2", raw(26, &[4], &[0b1110_0100]), vec![0, 1, 254, 255]),
        ("int2 entries", int32(26, &[4], &[0b1110_0100]), vec![0, 1, 254, 255]),
        // 1, 2, 3, 63: 000001 | 000010 << 6 | 000011 << 12 | 111111 << 18
        ("raw float6", raw(27, &[4], &[0x81, 0x30, 0xfc]), vec![1, 2, 3, 63]),
        ("float6 entries", int32(28, &[2], &[1, 63]), vec![1, 63]),
        ("nothing", tensor(1, &[0, 7]), vec![]),
        ("nothing, raw", raw(1, &[1 << 40, 1 << 40, 0], &[]), vec![]),
        ("scalar", raw(1, &[], &le(&[3.0])), le(&[3.0])),
    ];
    for (case, proto, expected) in cases {
        let tensor = read(&proto).unwrap_or_else(|e| panic!("{case}: {e}"));
        assert_eq!(bytes(&tensor), expected, "{case}");
        assert_eq!(tensor.dims.iter().map(|d| *d as i64).collect::<Vec<_>>(), proto.dims, "{case}");
    }
    let strings = TensorProto { string_data: vec!["a".into(), "".into()], ..tensor(8, &[2]) };
    assert_eq!(read(&strings).unwrap().data, OnnxElements::Strings(vec!["a".into(), "".into()]));
}

#[test]
fn tensors_that_are_refused() {
    let both = TensorProto { float_data: vec![1.0], ..raw(1, &[1], &[0; 4]) };
    let wrong_field = TensorProto { int64_data: vec![1], ..tensor(1, &[1]) };
    let strings = TensorProto { string_data: vec!["a".into()], ..tensor(8, &[2]) };
    let wide = TensorProto { uint64_data: vec![1 << 32], ..tensor(12, &[1]) };
    let segment = TensorProto { segment: Some(Default::default()), ..tensor(1, &[0]) };
    let external = TensorProto { data_location: Some(1), ..tensor(1, &[1]) };
    let cases: Vec<(&str, TensorProto, &[&str])> = vec![
        ("short", raw(1, &[2, 3], &[0; 20]), &["t.pb", "'w'", "20 bytes", "float", "[2, 3]", "24"]),
        ("long", raw(7, &[1], &[0; 9]), &["9 bytes", "8"]),
        ("short packed", raw(22, &[5], &[0; 2]), &["2 bytes", "3"]),
        ("no elements", tensor(1, &[2]), &["'w'", "0 elements", "takes 2"]),
        ("negative", tensor(1, &[-1]), &["'w'", "negative"]),
        ("huge", tensor(1, &[1 << 40]), &["'w'", "limit"]),
        ("overflow", tensor(1, &[1 << 62, 1 << 62]), &["'w'", "limit"]),
        ("no type", raw(0, &[1], &[0; 4]), &["type is missing"]),
        ("unknown type", raw(29, &[1], &[0; 4]), &["element type 29"]),
        ("two fields", both, &["raw_data", "float_data"]),
        ("wrong field", wrong_field, &["float", "int64_data"]),
        ("raw strings", raw(8, &[1], b"abcd"), &["string", "raw_data"]),
        ("few strings", strings, &["1 strings", "takes 2"]),
        ("few entries", int32(6, &[3], &[1]), &["int32_data has 1", "3"]),
        ("few packed entries", int32(21, &[3], &[1]), &["int32_data has 1", "2"]),
        ("int8 range", int32(3, &[2], &[0, 128]), &["entry 1", "128", "int8"]),
        ("float16 range", int32(10, &[1], &[65536]), &["65536", "float16"]),
        ("uint32 range", wide, &["4294967296", "uint32"]),
        ("float6 range", int32(27, &[1], &[64]), &["64", "0 to 63"]),
        ("bool", raw(9, &[2], &[1, 2]), &["element 1", "boolean"]),
        ("bool entry", int32(9, &[1], &[2]), &["0 to 1"]),
        ("segment", segment, &["segments"]),
        ("external without folder", external, &["'w'", "location"]),
    ];
    for (case, proto, parts) in cases {
        assert_fails(case, read(&proto), parts);
    }
}

#[test]
fn sparse_tensors_become_dense() {
    let indices = |dims: &[i64], values: &[i64]| {
        let int64_data = values.to_vec();
        Some(Box::new(TensorProto { int64_data, ..tensor(7, dims) }))
    };
    let sparse = |dims: &[i64], indices| SparseTensorProto {
        values: Some(Box::new(raw(2, &[2], &[5, 6]))),
        indices,
        dims: dims.to_vec(),
    };
    let read = |proto: &SparseTensorProto| {
        let ty = OnnxType::SparseTensor { data_type: 2, shape: None };
        OnnxValue::parse("t.pb", proto.encode_to_vec().into(), &ty, &Limits::default())
    };
    for (case, proto) in [
        ("positions", sparse(&[2, 3], indices(&[2], &[1, 5]))),
        ("coordinates", sparse(&[2, 3], indices(&[2, 2], &[0, 1, 1, 2]))),
    ] {
        let OnnxValue::Tensor(tensor) = read(&proto).unwrap() else { panic!("{case}") };
        assert_eq!((tensor.dims.clone(), bytes(&tensor)), (vec![2, 3], vec![0, 5, 0, 0, 0, 6]), "{case}");
    }
    let cases: Vec<(&str, SparseTensorProto, &[&str])> = vec![
        ("outside", sparse(&[2, 3], indices(&[2], &[1, 6])), &["'w'", "[6]"]),
        ("outside in a dimension", sparse(&[2, 3], indices(&[2, 2], &[0, 1, 0, 3])), &["[0, 3]"]),
        ("order", sparse(&[2, 3], indices(&[2], &[5, 1])), &["ascending"]),
        ("twice", sparse(&[2, 3], indices(&[2], &[5, 5])), &["ascending"]),
        ("count", sparse(&[2, 3], indices(&[3], &[1, 2, 3])), &["[3]", "[2]"]),
        ("no indices", sparse(&[2, 3], None), &["indices are missing"]),
        ("huge", sparse(&[1 << 35], indices(&[2], &[1, 2])), &["dense form", "1073741824"]),
    ];
    for (case, proto, parts) in cases {
        assert_fails(case, read(&proto), parts);
    }
}

fn external(entries: &[(&str, &str)]) -> ModelProto {
    let mut proto = small();
    let weight = &mut proto.graph.as_mut().unwrap().initializer[0];
    weight.raw_data = None;
    weight.data_location = Some(1);
    weight.external_data = entries
        .iter()
        .map(|(k, v)| StringStringEntryProto { key: Some((*k).into()), value: Some((*v).into()) })
        .collect();
    proto
}

fn load(folder: &Path, entries: &[(&str, &str)]) -> Result<OnnxModel, OnnxError> {
    let path = folder.join("m.onnx");
    fs::write(&path, external(entries).encode_to_vec()).unwrap();
    OnnxModel::load(&path, &Limits::default())
}

#[test]
fn external_data_stays_in_the_folder() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("model");
    fs::create_dir_all(folder.join("sub")).unwrap();
    let data: Vec<u8> = (0..16).collect();
    fs::write(folder.join("w.bin"), &data).unwrap();
    fs::write(folder.join("sub/w.bin"), &data).unwrap();
    fs::write(root.path().join("secret"), &data).unwrap();
    // SHA-1 of the bytes 0 to 15, from Python's hashlib.
    const SHA1: &str = "56178b86a57fac22899a9964185c2cc96e7da589";
    for (case, entries, from) in [
        ("start", vec![("location", "w.bin")], 0),
        ("range", vec![("location", "./sub/w.bin"), ("offset", "8"), ("length", "8")], 8),
        ("checksum", vec![("location", "w.bin"), ("checksum", SHA1)], 0),
    ] {
        let model = load(&folder, &entries).unwrap_or_else(|e| panic!("{case}: {e}"));
        assert_eq!(bytes(&model.graph.initializers[0]), data[from..from + 8], "{case}");
    }
    let absolute = folder.join("w.bin").display().to_string();
    type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, &'a [&'a str]);
    let mut cases: Vec<Case> = vec![
        ("absolute", vec![("location", &absolute)], &["tensor 'w'", "refused"]),
        ("parent", vec![("location", "../secret")], &["'../secret' is refused"]),
        ("hidden parent", vec![("location", "sub/../../secret")], &["refused"]),
        ("empty", vec![("location", "")], &["refused"]),
        ("none", vec![("offset", "0")], &["'location' is missing"]),
        ("missing file", vec![("location", "v.bin")], &["v.bin"]),
        ("a folder", vec![("location", "sub")], &["no regular file"]),
        ("past the end", vec![("location", "w.bin"), ("offset", "9")], &["16 bytes", "8 bytes at offset 9"]),
        ("far past the end", vec![("location", "w.bin"), ("offset", "18446744073709551615")], &["16 bytes"]),
        ("wrong length", vec![("location", "w.bin"), ("length", "7")], &["'length' is 7", "8"]),
        ("no number", vec![("location", "w.bin"), ("offset", "-1")], &["'offset' is '-1'"]),
        ("checksum", vec![("location", "w.bin"), ("checksum", "00")], &["SHA-1", SHA1]),
    ];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(root.path().join("secret"), folder.join("link")).unwrap();
        cases.push(("link", vec![("location", "link")], &["symbolic link out of the model's folder"]));
    }
    for (case, entries, parts) in cases {
        assert_fails(case, load(&folder, &entries), parts);
    }
    let bytes = external(&[("location", "w.bin")]).encode_to_vec();
    assert_fails("no folder", parse_bytes(bytes), &["given as bytes"]);
}

#[test]
fn files_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    assert_fails("missing", OnnxModel::load(&folder.path().join("none"), &Limits::default()), &["none"]);
    assert_fails("folder", OnnxModel::load(folder.path(), &Limits::default()), &["folder"]);
}
