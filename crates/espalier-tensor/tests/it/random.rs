//! Random elements: the same ones forever, in any pieces, with the moments they should have.

use espalier_identity::Digest;
use espalier_tensor::random::Stream;
use proptest::prelude::*;

fn stream() -> Stream {
    Stream::new(Digest::of_content(b"golden"))
}

#[test]
fn golden() {
    let stream = stream();
    let (mut words, mut floats, mut doubles, mut normals) =
        ([0; 4], [0.0; 4], [0.0; 4], [0.0_f32; 4]);
    stream.fill_u32(1000, &mut words);
    stream.fill_uniform_f32(1000, &mut floats);
    stream.fill_uniform_f64(1000, &mut doubles);
    stream.fill_normal(1000, &mut normals);
    let (floats, normals) = (floats.map(f32::to_bits), normals.map(f32::to_bits));
    assert_eq!((words, floats, doubles.map(f64::to_bits), normals), GOLDEN);
}

const GOLDEN: ([u32; 4], [u32; 4], [u64; 4], [u32; 4]) = (
    [1_882_882_047, 755_509_614, 4_237_564_139, 2_139_190_276],
    [1_054_897_406, 1_043_603_620, 1_065_128_984, 1_056_899_816],
    [
        4_606_174_173_301_452_062,
        4_602_966_577_231_886_346,
        4_602_077_315_403_593_354,
        4_603_664_370_854_923_975,
    ],
    [3_213_399_540, 3_209_507_581, 1_069_564_584, 3_219_310_419],
);

/// One block of ChaCha8 with a 64-bit counter and a 64-bit stream number, as its paper has it.
fn chacha8(key: &Digest, counter: u64, stream: u64) -> [u32; 16] {
    let mut start = [0_u32; 16];
    start[..4].copy_from_slice(&[0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]);
    for (word, bytes) in start[4..12].iter_mut().zip(key.as_bytes().as_chunks().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    for (word, value) in start[12..].iter_mut().zip([counter, counter >> 32, stream, stream >> 32])
    {
        *word = value as u32;
    }
    let mut s = start;
    let mut quarter = |a: usize, b: usize, c: usize, d: usize| {
        for (x, y, z, turn) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
            s[x] = s[x].wrapping_add(s[y]);
            s[z] = (s[z] ^ s[x]).rotate_left(turn);
        }
    };
    for _ in 0..4 {
        for i in 0..4 {
            quarter(i, i + 4, i + 8, i + 12);
        }
        for i in 0..4 {
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
        }
    }
    std::array::from_fn(|i| s[i].wrapping_add(start[i]))
}

#[test]
fn words_are_plain_chacha8() {
    let key = Digest::of_content(b"golden");
    let mut words = [0; 48];
    stream().fill_u32(1600, &mut words);
    for (number, block) in words.as_chunks::<16>().0.iter().enumerate() {
        assert_eq!(*block, chacha8(&key, 100 + number as u64, 0));
    }
    let mut value = [0.0];
    stream().fill_uniform_f64(8, &mut value);
    let block = chacha8(&key, 1, 1);
    let both = u64::from(block[0]) | u64::from(block[1]) << 32;
    assert_eq!(value[0], (both >> 11) as f64 / 9_007_199_254_740_992.0);
}

#[test]
fn moments() {
    let n = 1 << 18;
    let (mut uniform, mut normal) = (vec![0.0; n], vec![0.0; n]);
    stream().fill_uniform_f64(0, &mut uniform);
    stream().fill_normal(0, &mut normal);
    let mean = |f: &dyn Fn(usize) -> f64| (0..n).map(f).sum::<f64>() / n as f64;
    // Within five standard errors of the sample.
    assert!((mean(&|i| uniform[i]) - 0.5).abs() < 5.0 * 0.289 / 512.0);
    let z = |i: usize| f64::from(normal[i]);
    assert!(mean(&z).abs() < 5.0 / 512.0);
    assert!((mean(&|i| z(i) * z(i)) - 1.0).abs() < 5.0 * 1.42 / 512.0);
    assert!(mean(&|i| z(i) * z(i) * z(i)).abs() < 5.0 * 3.9 / 512.0);
    assert!((mean(&|i| z(i) * z(i) * z(i) * z(i)) - 3.0).abs() < 5.0 * 9.8 / 512.0);
    assert!(mean(&|i| z(i) * z(i ^ 1)).abs() < 5.0 / 512.0);
    assert!(uniform.iter().all(|u| (0.0..1.0).contains(u)));
}

#[test]
fn streams_of_other_keys_differ() {
    let other = Stream::new(Digest::of_content(b"other"));
    let (mut a, mut b) = ([0; 64], [0; 64]);
    stream().fill_u32(0, &mut a);
    other.fill_u32(0, &mut b);
    assert_eq!(a.iter().zip(&b).filter(|(x, y)| x == y).count(), 0);
}

proptest! {
    #[test]
    fn any_piece_is_the_same(start in 0_u64..5000, len in 0_usize..700) {
        let end = 6000;
        let (mut all, mut part) = (vec![0; end], vec![0; len]);
        stream().fill_u32(0, &mut all);
        stream().fill_u32(start, &mut part);
        prop_assert_eq!(&all[start as usize..][..len], &part[..]);
        prop_assert_eq!(stream().u32_at(start), all[start as usize]);

        let (mut all, mut part) = (vec![0.0; end], vec![0.0; len]);
        stream().fill_uniform_f32(0, &mut all);
        stream().fill_uniform_f32(start, &mut part);
        prop_assert_eq!(&all[start as usize..][..len], &part[..]);

        stream().fill_normal(0, &mut all);
        stream().fill_normal(start, &mut part);
        prop_assert_eq!(&all[start as usize..][..len], &part[..]);

        let (mut all, mut part) = (vec![0.0; end], vec![0.0; len]);
        stream().fill_uniform_f64(0, &mut all);
        stream().fill_uniform_f64(start, &mut part);
        prop_assert_eq!(&all[start as usize..][..len], &part[..]);
    }
}
