//! Files that are no model, cut short, hostile or damaged.

use super::*;

/// A field of any length that lies: key, claimed length, and then nothing.
fn claims(key: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![0x08, 9, key];
    prost::encoding::encode_varint(length, &mut bytes);
    bytes
}

#[test]
fn files_that_are_no_model_say_what_they_are() {
    let mut zip = b"PK\x03\x04".to_vec();
    zip.extend([7; 100]);
    let tensor = floats("t", &[2], &[1.0, 2.0]).encode_to_vec();
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("empty", vec![], &["m.onnx", "empty file"]),
        (
            "lfs",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n".to_vec(),
            &["Git LFS pointer", "git lfs pull"],
        ),
        ("zip", zip, &["zip archive"]),
        ("html", b"<!DOCTYPE html><html><body>404</body></html>".to_vec(), &["HTML page"]),
        ("json", b"{\"error\": \"not found\"}".to_vec(), &["JSON"]),
        ("text", "Größe: a text about models\n".as_bytes().to_vec(), &["text file"]),
        ("pickle", b"\x80\x02}q\x00.".to_vec(), &["pickle"]),
        ("safetensors", [&64u64.to_le_bytes()[..], b"{\"a\":{\"dtype\""].concat(), &["safetensors"]),
        ("ort", b"\x20\0\0\0ORTM\0\0".to_vec(), &["onnxruntime's own format"]),
        ("a tensor's file", tensor, &["ModelProto.producer_name", "wire type 0", "byte"]),
        ("zeros", vec![0; 64], &["byte 0", "field number"]),
        ("nothing but a version", vec![0x08, 9], &["no graph"]),
        ("2 GiB graph in 1 KB", [claims(0x3a, 1 << 31), vec![0; 1000]].concat(), &["byte 8", "2147483648", "1000"]),
        ("2^63 graph", claims(0x3a, 1 << 63), &["ModelProto.graph", "9223372036854775808", "0 are left"]),
        ("unknown field too long", claims(0x6a, 5000), &["field 13", "5000"]),
        ("endless integer", vec![0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], &["64 bits", "byte 1"]),
        ("a group", vec![0x08, 9, 0x6b], &["wire type 3"]),
        ("text that is none", vec![0x08, 9, 0x12, 2, 0xc3, 0x28], &["byte 4", "producer_name", "UTF-8"]),
    ];
    for (case, bytes, parts) in cases {
        assert_fails(case, parse_bytes(bytes), parts);
    }
}

#[test]
fn limits_hold_before_anything_is_decoded() {
    let mut deep = graph(vec![], &[], &[]);
    for _ in 0..40 {
        deep = graph(vec![with(node("If", &[], &[]), subgraph("then_branch", deep))], &[], &[]);
    }
    let many = model(graph((0..100).map(|i| node("Relu", &["x"], &[&format!("y{i}")])).collect(), &["x"], &[]));
    let few_nodes = Limits { nodes: 99, ..Limits::default() };
    let few_bytes = Limits { bytes: 6_000, ..Limits::default() };
    let few_elements = Limits { elements: 1, ..Limits::default() };
    // Each empty node takes two bytes in the file.
    let empty_nodes = ModelProto { graph: Some(graph(vec![NodeProto::default(); 2000], &[], &[])), ..small() };
    for (case, proto, limits, parts) in [
        ("nesting", &model(deep), Limits::default(), &["nesting", "limit of 64"]),
        ("nodes", &many, few_nodes, &["nodes", "limit of 99"]),
        ("decoded bytes", &empty_nodes, few_bytes, &["decoded bytes", "limit of 6000"]),
        ("elements", &small(), few_elements, &["'w'", "elements"]),
    ] {
        let result = OnnxModel::parse("m.onnx", proto.encode_to_vec().into(), None, &limits);
        assert!(matches!(result, Err(OnnxError::TooLarge { .. })), "{case}: {result:?}");
        assert_fails(case, result, parts);
    }
}

#[test]
fn every_cut_is_an_error_or_harmless() {
    let bytes = small().encode_to_vec();
    let whole = parse_bytes(bytes.clone()).unwrap();
    for end in 0..bytes.len() {
        if let Ok(model) = parse_bytes(bytes[..end].to_vec()) {
            assert_eq!(model, whole, "cut at {end}");
        }
    }
}

#[test]
fn flipped_bytes_never_panic() {
    let seed = 0x5eed_u64;
    let mut state = seed;
    let mut random = move || {
        // A linear congruential step; the high bits are the good ones.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let bytes = [small(), functions::doubled()].map(|m| m.encode_to_vec());
    let mut read = 0;
    for round in 0..2_000 {
        let mut damaged = bytes[round % 2].clone();
        for _ in 0..1 + random() % 4 {
            let at = random() % damaged.len();
            damaged[at] = random() as u8;
        }
        read += usize::from(parse_bytes(damaged).is_ok());
    }
    assert!(read > 0 && read < 2_000, "seed {seed}: {read} of 2000 damaged files were read");
}
