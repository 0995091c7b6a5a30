use espalier_identity::Digest;
use espalier_resolve::*;
use espalier_tensor::*;
use std::time::Instant;
fn t(name: &str, n: usize, mut f: impl FnMut() -> u64) {
    f();
    let mut best = f64::MAX;
    for _ in 0..5 {
        let s = Instant::now();
        std::hint::black_box(f());
        best = best.min(s.elapsed().as_secs_f64());
    }
    println!("{name}: {:.3} ms  {:.3} ns/el", best * 1e3, best * 1e9 / n as f64);
}
fn main() {
    let threads = std::env::args().nth(1).map_or(1, |s| s.parse().unwrap());
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().unwrap();
    let n = 1 << 22;
    let mk = |k: u64, n: usize| {
        let s = random::Stream::new(Digest::of_content(&k.to_le_bytes()));
        let mut v = vec![0f32; n];
        s.fill_uniform_f32(0, &mut v);
        for i in 0..n {
            let a = v[i];
            v[i] = (a - 0.5) * (a - 0.3) * (a + 0.1) * 0.02
                + if k == 0 { 0. } else { ((i * 2654435761) % 1000) as f32 * 1e-3 };
        }
        v
    };
    let base = Model::from_f32(&[("a", &[n as u64], &mk(0, n))]).unwrap();
    let ms: Vec<Model> =
        (1..9).map(|k| Model::from_f32(&[("a", &[n as u64], &mk(k, n))]).unwrap()).collect();
    let src = ms[0].content(0).to_vec();
    let mut dst = vec![0u8; src.len()];
    t("copy 16MiB warm", n, || {
        dst.copy_from_slice(&src);
        dst[5] as u64
    });
    t("copy 16MiB cold dst (alloc)", n, || src.clone()[5] as u64);
    let mut dsts: Vec<Vec<u8>> = (0..9).map(|_| vec![0u8; src.len()]).collect();
    t("copy 9x", n, || {
        for d in dsts.iter_mut() {
            d.copy_from_slice(&src)
        }
        dsts[3][5] as u64
    });
    for cnt in [2usize, 8] {
        let inputs: Vec<Input> = ms[..cnt]
            .iter()
            .enumerate()
            .map(|(i, m)| Input { id: m.root(), weight: 1.0 + i as f64 * 0.1, model: m })
            .collect();
        for (name, p) in [
            ("weight-average", vec![]),
            ("task-arithmetic", vec![]),
            ("slerp", vec![]),
            ("ties", vec![("density", "0.2")]),
            ("ties", vec![("density", "0.5")]),
            ("dare-linear", vec![("density", "0.5")]),
            ("median", vec![]),
            ("trimmed-mean", vec![]),
            ("weight-average", vec![("accumulate", "f64")]),
        ] {
            let s = Strategy::new(
                name,
                &p.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect(),
            )
            .unwrap();
            t(&format!("{cnt} {s} prepare"), n, || {
                s.prepare(&inputs, Some(&base), Digest::ZERO, &SelectionCache::new())
                    .unwrap()
                    .tensors() as u64
            });
            let plan =
                s.prepare(&inputs, Some(&base), Digest::ZERO, &SelectionCache::new()).unwrap();
            t(&format!("{cnt} {s} run"), n, || plan.run_tensor(0)[5] as u64);
        }
    }
    let s = Strategy::new("weight-average", &Default::default()).unwrap();
    let inputs: Vec<Input> =
        ms.iter().map(|m| Input { id: m.root(), weight: 1.0, model: m }).collect();
    let plan = s.prepare(&inputs, None, Digest::ZERO, &SelectionCache::new()).unwrap();
    t("stream wa 8", n, || {
        let mut x = 0u64;
        plan.stream_tensor(0, |b| {
            x += b[7] as u64;
            Ok::<(), ()>(())
        })
        .unwrap();
        x
    });
    t("hash wa 8", n, || {
        let _ = plan.hash();
        0
    });
    let d = 1_000_000;
    let ms: Vec<Model> =
        (1..21).map(|k| Model::from_f32(&[("a", &[d as u64], &mk(k, d))]).unwrap()).collect();
    let inputs: Vec<Input> =
        ms.iter().map(|m| Input { id: m.root(), weight: 1.0, model: m }).collect();
    for name in ["median", "trimmed-mean", "weight-average"] {
        let s = Strategy::new(name, &Default::default()).unwrap();
        let plan = s.prepare(&inputs, None, Digest::ZERO, &SelectionCache::new()).unwrap();
        t(&format!("20x1e6 {name}"), d, || plan.run_tensor(0)[5] as u64);
    }
}
