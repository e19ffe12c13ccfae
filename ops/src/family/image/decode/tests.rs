//! Each format against the pixels that Pillow reads from the same file (tests/python/image_fixtures.py), and damaged.

use super::*;

/// Encoded files, their names and their pixels.
macro_rules! files {
    ($($name:literal)+) => {&[$((
        $name,
        include_bytes!(concat!("testdata/", $name)),
        include_bytes!(concat!("testdata/", $name, ".rgb")),
    )),+]};
}

const FILES: &[(&str, &[u8], &[u8])] = files![
    "444.jpg" "422.jpg" "420.jpg" "444-progressive.jpg" "422-progressive.jpg" "420-progressive.jpg" "restart.jpg"
    "narrow.jpg" "gray.jpg" "cmyk.jpg" "rgb.jpg"
    "rgb.png" "rgba.png" "palette.png" "bits.png"
    "rgb.bmp" "palette.bmp" "bits.bmp"
    "rgb.ppm" "gray.pgm" "bits.pbm"
    "rgb.tif" "lzw.tif" "palette.tif" "cmyk.tif" "fax.tif" "turned.tif"
    "lossy.webp" "lossless.webp"
    "reversible.jp2" "stream.j2k"
];

fn small() -> Limits {
    Limits { pixels: 1 << 13, ..Limits::default() }
}

fn file(name: &str) -> &'static [u8] {
    FILES.iter().find(|f| f.0 == name).unwrap().1
}

fn said(bytes: &[u8]) -> String {
    decode(bytes, &small()).unwrap_err().to_string()
}

#[test]
fn pixels_are_those_of_pillow() {
    for (name, bytes, expected) in FILES {
        let image = decode(bytes, &small()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(image.width * image.height * 3, expected.len(), "{name}");
        assert!(image.into_rgb() == *expected, "{name}");
    }
}

#[test]
fn a_cut_file_is_an_error_or_whole() {
    for (name, bytes, expected) in FILES {
        for length in 0..bytes.len() {
            if let Ok(image) = decode(&bytes[..length], &small()) {
                assert!(image.into_rgb() == *expected, "{name} cut to {length} bytes");
            }
        }
    }
}

#[test]
fn a_damaged_file_is_an_error_or_pixels() {
    for (name, bytes, _) in FILES {
        let mut copy = bytes.to_vec();
        for i in 0..bytes.len() {
            for change in [0x01, 0x80, 0xff] {
                copy[i] ^= change;
                if let Ok(image) = decode(&copy, &small()) {
                    let size = (image.width, image.height, image.channels);
                    assert_eq!(image.pixels.len(), size.0 * size.1 * size.2, "{name}, byte {i} changed by {change}");
                }
                copy[i] = bytes[i];
            }
        }
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let jpeg = file("420.jpg");
    assert_eq!(
        said(&jpeg[..jpeg.len() - 2]),
        format!("JPEG: the stream ends after {} bytes without its end marker", jpeg.len() - 2)
    );
    assert!(said(&jpeg[..jpeg.len() - 9]).contains("the stream ends inside the data of a scan"));
    assert!(said(b"P6 2 2 255\n123").contains("takes 12 bytes at least, 3 are there"));
    assert!(said(&file("rgb.bmp")[..200]).contains("are missing, the file has 200"));
    assert!(said(b"P5 70000 70000 255\n").contains("8192 pixels are the most"));
    assert!(said(b"P5 0 1 255\n").contains("no pixels"));
}

#[test]
fn what_is_not_read_is_named() {
    let with = |marker: u8, precision: u8| {
        let mut copy = file("420.jpg").to_vec();
        let at = copy.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
        copy[at + 1] = marker;
        copy[at + 4] = precision;
        said(&copy)
    };
    for (marker, precision, what) in [
        (0xc3, 8, "lossless"),
        (0xc5, 8, "hierarchical"),
        (0xc9, 8, "arithmetic"),
        (0xca, 8, "arithmetic"),
        (0xc1, 12, "12 bits a sample"),
    ] {
        let said = with(marker, precision);
        assert!(said.starts_with("unsupported: JPEG") && said.contains(what), "{said}");
    }
}

#[test]
fn few_bytes_make_no_large_image() {
    let admitted = Limits { pixels: u64::MAX, ..Limits::default() };
    let mut jpeg = file("gray.jpg").to_vec();
    let at = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    jpeg[at + 5..at + 9].fill(0xff);
    assert!(decode(&jpeg, &admitted).unwrap_err().to_string().contains("65535 x 65535 takes"));
    let mut bmp = file("palette.bmp").to_vec();
    (bmp[20], bmp[24]) = (1, 1); // 65536 more columns and rows
    assert!(matches!(decode(&bmp, &admitted), Err(Error::Exhausted(_))));
}

#[test]
fn text_maps_take_comments_and_scale_halves_to_even() {
    let pixels = |b: &[u8]| decode(b, &small()).unwrap().into_gray();
    assert_eq!(pixels(b"P2 #w\n3 # and h\n1 10\n0 1 3"), [0, 26, 76]); // 25.5 and 76.5
    assert_eq!(pixels(b"P1 4 1\n0 1\n10"), [255, 0, 0, 255]);
    assert_eq!(pixels(b"P5 2 1 65535\n\x80\x00\xff\xff"), [128, 255]);
    assert!(said(b"P2 1 1 10 11").contains("a sample of 11, the largest is 10"));
}

#[test]
fn run_lengths_cross_no_row_and_must_fill_the_bitmap() {
    let bitmap = |bits: u8, runs: &[u8]| {
        let mut file = b"BM\0\0\0\0\0\0\0\0".to_vec();
        let head = [62, 40, 3, 2, 1 | u32::from(bits) << 16, if bits == 8 { 1 } else { 2 }, 0, 0, 0, 2, 0];
        file.extend(head.iter().flat_map(|v: &u32| v.to_le_bytes()));
        file.extend([0, 0, 0, 0, 9, 9, 9, 0]);
        file.extend(runs);
        decode(&file, &small()).map(Image::into_gray)
    };
    // Rows come from the bottom up: a run that is too long, a row that ends early, a jump, named pixels.
    assert_eq!(bitmap(8, &[9, 1, 0, 0, 1, 1, 0, 0, 0, 1]), Ok(vec![9, 0, 0, 9, 9, 9]));
    assert_eq!(bitmap(8, &[0, 2, 1, 1, 2, 1, 0, 1]), Ok(vec![0, 9, 9, 0, 0, 0]));
    assert_eq!(bitmap(8, &[0, 3, 1, 0, 1, 0, 3, 0]), Ok(vec![0, 0, 0, 9, 0, 9]));
    assert_eq!(bitmap(4, &[3, 0x10, 0, 0, 0, 3, 0x01, 0x10]), Ok(vec![0, 9, 9, 9, 0, 9]));
    assert!(bitmap(8, &[3, 1, 0, 1]).is_err() && bitmap(8, &[3, 1]).is_err() && bitmap(8, &[6, 2]).is_err());
}
