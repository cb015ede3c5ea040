//! Inputs that the fuzzer begins with.
//!
//! Extents of zero stand with the data that match them: a product that overflows behind a zero is reached by no
//! input whose length is wrong.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use wengert::data::{Npy, Npz};
use wengert::nn::StateDict;
use wengert::prelude::*;

use crate::files::small_model;
use crate::scratch::directory;

pub fn safetensors() -> Vec<Vec<u8>> {
    let file = |header: &str, data: &[u8]| {
        [
            &(header.len() as u64).to_le_bytes()[..],
            header.as_bytes(),
            data,
        ]
        .concat()
    };
    let one = |kind: &str, shape: &str, bytes: usize| {
        let header =
            format!(r#"{{"x":{{"dtype":"{kind}","shape":{shape},"data_offsets":[0,{bytes}]}}}}"#);
        file(&header, &vec![0; bytes])
    };
    vec![
        StateDict::of(&small_model()).to_bytes(),
        one("F32", "[2,3]", 24),
        one("F64", "[]", 8),
        one("F16", "[0,9223372036854775808]", 0),
        one("BF16", "[4294967296,0,4294967296]", 0),
        one("BOOL", "[3]", 3),
        one("F8_E4M3", "[2,2]", 4),
        file("{}", &[]),
        u64::MAX.to_le_bytes().to_vec(),
    ]
}

/// Bytes that choose edits: all small numbers, and a run of each.
pub fn edits() -> Vec<Vec<u8>> {
    let runs = (0_u8..24).map(|byte| vec![byte; 40]);
    let counts = (0_u8..16).map(|start| {
        (0_u8..40)
            .map(|i| start.wrapping_add(i.wrapping_mul(7)))
            .collect()
    });
    runs.chain(counts).collect()
}

pub fn npy() -> Vec<Vec<u8>> {
    let file = |descr: &str, order: &str, shape: &str, data: &[u8]| {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
    };
    let mut seeds = vec![Npy::from(Tensor::<f64>::ones([2, 3])).to_bytes()];
    for (descr, bytes) in [
        ("<f4", 4),
        (">f8", 8),
        ("<f2", 2),
        ("|u1", 1),
        ("|b1", 1),
        ("<i8", 8),
        ("<U2", 8),
        ("|O", 8),
    ] {
        seeds.push(file(descr, "False", "(2, 1)", &vec![0; 2 * bytes]));
        seeds.push(file(descr, "True", "()", &vec![1; bytes]));
        seeds.push(file(descr, "False", "(0, 9223372036854775808)", &[]));
        seeds.push(file(descr, "True", "(4294967296, 4294967296, 0)", &[]));
        seeds.push(file(descr, "False", "(4294967296, 4294967296, 4)", &[]));
    }
    seeds
}

pub fn npz() -> Vec<Vec<u8>> {
    let mut arrays = Npz::new();
    arrays.insert("x", Npy::from(Tensor::<f64>::ones([2, 3])));
    arrays.insert("empty", Npy::from(Tensor::<f64>::zeros([0, 3])));
    let path = directory().join("seed.npz");
    arrays
        .save(&path)
        .expect("the scratch directory can be written");
    vec![std::fs::read(path).expect("a file"), b"PK\x05\x06".to_vec()]
}

pub fn idx() -> Vec<Vec<u8>> {
    let file = |code: u8, extents: &[u32], bytes: usize| {
        let mut file = vec![0, 0, code, extents.len() as u8];
        file.extend(extents.iter().flat_map(|extent| extent.to_be_bytes()));
        file.extend(vec![1; bytes]);
        file
    };
    let mut seeds = vec![
        file(8, &[2, 3, 2], 12),
        file(8, &[0, u32::MAX, u32::MAX, u32::MAX], 0),
        file(8, &[u32::MAX, u32::MAX, u32::MAX, 0], 0),
        file(0x0D, &[2], 8),
        file(0x0E, &[65536, 65536, 65536, 65536], 0),
        file(0x0B, &[], 2),
    ];
    seeds.push(gzip(&seeds[0]));
    seeds
}

pub fn cifar() -> Vec<Vec<u8>> {
    vec![
        Vec::new(),
        vec![1; 3073],
        vec![1; 3074],
        vec![0xFF; 3073],
        vec![1; 3072],
    ]
}

/// Images of MNIST, plain and compressed, with three labels, and of CIFAR-100.
pub fn opened() -> Vec<Vec<u8>> {
    let idx = [
        &[0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1],
        &[9; 6][..],
    ]
    .concat();
    vec![
        [&[0, 3], &idx[..]].concat(),
        [&[0, 3], &gzip(&idx)[..]].concat(),
        [&[0, 0, 0, 0, 8, 3], &[0; 12][..]].concat(),
        [&[1, 0], &vec![5; 2 * 3074][..]].concat(),
    ]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

/// A grey image of 2 × 2 pixels as PNG, and the beginning of a JPEG file.
pub fn image() -> Vec<Vec<u8>> {
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x02\x08\0\0\0\0W\xddR\xf8\
                \0\0\0\x0eIDATx\xdac`d`d`b\0\0\0\x11\0\x06\x0c\x1d\xb2\xc7\0\0\0\0IEND\xaeB`\x82";
    let jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xd9";
    vec![
        png.to_vec(),
        jpeg.to_vec(),
        b"GIF89a".to_vec(),
        b"BM".to_vec(),
    ]
}

pub fn geometry() -> Vec<Vec<u8>> {
    [
        "mb64_ic3id1ih28iw28_oc32_kd1kh5kw5_sd1sh1sw1_pd0ph2+1pw2_dd1dh1dw1_g1",
        "ic1iw1oc1kw1",
        "mb0_ic0_ih0iw0_oc0_kh1kw1",
        "ic1ih1iw1oc1kh2kw2ph524288pw524288dh1048576dw1048576",
        "ic1000000000iw1oc1000000000kw1g1000000000",
        "ic16ih4iw4oc16kh3kw3ph4096pw4096dh8192dw8192",
        "ic1iw9223372036854775807oc1kw1",
        "mb18446744073709551616ic1iw1oc1kw1",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}

pub fn configuration() -> Vec<Vec<u8>> {
    [
        "dataset = 'digits'\nepochs = 3\nbatch = 32\nlr = 0.01\nvalidate = true\nmodel = 'cnn'\n",
        "data = true\ndataset = 'digits'\n",
        "dataset = '--epochs=3'\n",
        "augment = 'shift=2,flip'\nfreeze = '*.bias'\nschedule = 'one-cycle'\noptimizer = 'sgd'\n",
        "seed = 9223372036854775807\nlabel-smoothing = 0.1\nclip = 1e308\nema = 0.999\n",
        "lr = nan\n",
        "[dataset]\nname = [1, 2]\n",
        "model = 'model.toml'\nwarmup = -0.0\nthreads = 1024\n",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}

pub fn layers() -> Vec<Vec<u8>> {
    [
        "[[layer]]\ntype = 'conv2d'\nfilters = 4\nkernel = 3\npadding = 1\n[[layer]]\ntype = 'relu'\n\
         [[layer]]\ntype = 'max-pool'\nkernel = 2\n[[layer]]\ntype = 'flatten'\n[[layer]]\ntype = 'linear'\n",
        "[[layer]]\ntype = 'conv2d'\nfilters = 4\nkernel = 9\n",
        "[[layer]]\ntype = 'conv2d'\nfilters = 4\nkernel = 3\nstride = 0\n",
        "[[layer]]\ntype = 'group-norm'\ngroups = 2\n",
        "[[layer]]\ntype = 'dropout'\np = 1.5\n",
        "[[layer]]\nname = '0.1'\ntype = 'identity'\n",
        "layer = 1\n",
        "[[layer]]\ntype = 'flatten'\n[[layer]]\ntype = 'layer-norm'\n[[layer]]\ntype = 'prelu'\n",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}

/// Bytes for targets that draw a case.
pub fn drawn() -> Vec<Vec<u8>> {
    let runs = (0_u8..16).map(|byte| vec![byte * 17; 64]);
    let mut state = 1_u64;
    let mut byte = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let random: Vec<Vec<u8>> = (0..200)
        .map(|_| (0..96).map(|_| byte()).collect())
        .collect();
    runs.chain(random).collect()
}
