//! What all methods have in common: threads and shapes change nothing, and errors name what is
//! wrong.

use std::{collections::BTreeMap, io};

use espalier_identity::Digest;
use espalier_resolve::methods::{Base, Job, MethodError, MethodInfo, Row, RowSource, Working};
use espalier_resolve::{find_method, methods};
use espalier_tensor::Dtype;
use rayon::ThreadPoolBuilder;

use super::{ALL_WORKING, Bytes, Case, awkward, bytes, collect, dtype, normal, sum_of};

/// A case of a method, with parameters that make it do something.
fn make(info: &'static MethodInfo, working: Working, n: usize) -> Case {
    let count = info.inputs.0.max(3).min(info.inputs.1);
    let base = normal(77, n, 1.0, dtype(working));
    let input =
        |seed: usize| sum_of(&base, &normal(seed as u64, n, 0.4, dtype(working)), dtype(working));
    let inputs: Vec<Vec<f64>> = (0..count).map(input).collect();
    let mut case = Case::new(info.name, working, &inputs);
    if matches!(info.base, Base::Required | Base::Optional) {
        case = case.base(&base);
    }
    for parameter in info.shared {
        let value = match parameter.name {
            "lambda" => "0.8",
            "t" | "select_topk" => "0.3",
            "epsilon" => "0.2",
            "rescale" if info.uses_randomness => "l1",
            "rescale" | "filter_wise" => "true",
            _ => continue,
        };
        case = case.shared(&[(parameter.name, value)]);
    }
    for parameter in info.per_input {
        let value = match parameter.name {
            "weight" | "scale" => 0.6,
            "density" => 0.3,
            _ => continue,
        };
        case = case.each(parameter.name, &vec![value; count]);
    }
    case
}

fn all() -> impl Iterator<Item = &'static MethodInfo> {
    methods()
}

#[test]
fn threads_change_nothing() {
    let pool = |threads| ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    let (one, two) = (pool(1), pool(2));
    for info in all() {
        for working in ALL_WORKING {
            let case = make(info, working, 330 * 300).shape(&[330, 300]);
            let bits = one.install(|| case.bytes()).expect("a merge");
            for _ in 0..3 {
                assert!(two.install(|| case.bytes()).expect("a merge") == bits, "{}", info.name);
            }
        }
    }
}

#[test]
fn methods_that_look_at_no_shape_split_as_they_like() {
    for name in [
        "weight-average",
        "task-arithmetic",
        "ties",
        "dare-ties",
        "sce",
        "consensus-ta",
        "negmerge",
    ] {
        let case = make(find_method(name).expect("a method"), Working::F32, 70_000);
        let flat = case.bytes().expect("a merge");
        for shape in [vec![70_000, 1], vec![1, 70_000], vec![7, 100, 100]] {
            assert!(case.clone().shape(&shape).bytes().expect("a merge") == flat, "{name}");
        }
    }
    // An element's result depends on its column alone: any part is merged as the whole is.
    for name in ["weight-average", "task-arithmetic", "nearswap", "consensus-ta", "negmerge", "ram"]
    {
        let case = make(find_method(name).expect("a method"), Working::F32, 70_000);
        let whole = case.merge().expect("a merge");
        for range in [0..1, 5..40_000, 32_767..32_769, 60_001..70_000] {
            let mut part = case.clone().shape(&[range.len() as u64]);
            part.inputs.iter_mut().for_each(|row| *row = row[range.clone()].to_vec());
            part.base = part.base.map(|row| row[range.clone()].to_vec());
            assert_eq!(part.merge().expect("a merge"), whole[range], "{name}");
        }
    }
}

#[test]
fn small_shapes_are_merged() {
    for info in all() {
        for working in ALL_WORKING {
            for shape in [
                vec![],
                vec![1],
                vec![0],
                vec![5, 1],
                vec![1, 5],
                vec![0, 3],
                vec![3, 0],
                vec![2, 1, 3],
            ] {
                let n = shape.iter().product::<u64>() as usize;
                let case = make(info, working, n).shape(&shape);
                match case.merge() {
                    Ok(merged) => assert_eq!(merged.len(), n, "{}", info.name),
                    // Cosines of one element can make a divisor zero.
                    Err(error) => assert!(
                        matches!(error, MethodError::NotFinite { .. }) && n > 0,
                        "{} {shape:?}: {error}",
                        info.name
                    ),
                }
            }
        }
    }
}

#[test]
fn one_input_is_enough_for_those_that_take_any_number() {
    for info in all().filter(|info| info.inputs.0 == 1) {
        let mut case = make(info, Working::F32, 100);
        case.inputs.truncate(1);
        case.per_input.truncate(1);
        assert_eq!(case.merge().expect("a merge").len(), 100, "{}", info.name);
    }
}

#[test]
fn numbers_of_inputs_and_bases_are_checked() {
    for info in all() {
        let case = make(info, Working::F32, 10);
        let refused = |case: Case| {
            let error = case.bytes().expect_err("not these inputs");
            assert!(matches!(error, MethodError::Inputs { .. }), "{}: {error}", info.name);
            assert_eq!(error.code(), "method-inputs");
        };
        if info.inputs.0 > 1 {
            let mut fewer = case.clone();
            fewer.inputs.truncate(1);
            fewer.per_input.truncate(1);
            refused(fewer);
        }
        if info.inputs.1 < 9 {
            let mut more = case.clone();
            more.inputs = vec![more.inputs[0].clone(); 9];
            more.per_input = vec![more.per_input[0].clone(); 9];
            refused(more);
        }
        if info.base == Base::Required {
            refused(Case { base: None, ..case });
        }
    }
}

#[test]
fn overflow_names_the_first_element() {
    for (working, large) in [(Working::F16, 60000.0), (Working::Bf16, 3e38), (Working::F32, 3e38)] {
        let mut row = normal(1, 70_000, 1.0, dtype(working));
        row[50_000..].fill(large);
        let case = Case::new("task-arithmetic", working, &[row.clone(), row]);
        let case = case.base(&vec![0.0; 70_000]).each("weight", &[1.0, 1.0]);
        let error = case.merge().expect_err("too large");
        let MethodError::NotFinite { element, dtype: named, ref tensor } = error else {
            panic!("{error}");
        };
        assert_eq!((element, named, tensor.as_str()), (50_000, dtype(working), "w"));
        assert_eq!(error.code(), "method-not-finite");
    }
}

#[test]
fn overflow_in_the_type_of_the_result_is_refused_too() {
    for (out, large) in [
        (Dtype::F8E4M3, 465.0),
        (Dtype::F8E5M2, 61440.0),
        (Dtype::F16, 65520.0),
        (Dtype::Bf16, 3.4e38),
        (Dtype::F32, 1e39),
    ] {
        let mut case = Case::new("passthrough", Working::F64, &[vec![1.0, 2.0, large, -large]]);
        case.out = out;
        let error = case.merge().expect_err("too large");
        assert!(matches!(error, MethodError::NotFinite { element: 2, .. }), "{error}");
    }
    let mut case = Case::new("passthrough", Working::F64, &[vec![65519.0, 1.0 / 3.0]]);
    case.out = Dtype::F16;
    case.expect(&[65504.0, 1.0 / 3.0]);
}

#[test]
fn eight_bits_are_read_and_written_too() {
    for stored in [Dtype::F8E4M3, Dtype::F8E5M2] {
        let inputs = [1, 2].map(|seed| normal(seed, 1000, 1.0, stored));
        let mut case = Case::new("weight-average", Working::F32, &inputs);
        case = case.each("weight", &[1.0, 1.0]);
        (case.stored, case.out) = (stored, stored);
        let mean = |(x, y): (&f64, &f64)| (x + y) / 2.0;
        case.expect(&inputs[0].iter().zip(&inputs[1]).map(mean).collect::<Vec<_>>());
    }
}

/// Fails from some byte on.
struct Broken(Bytes, u64);

impl RowSource for Broken {
    fn read(&self, start: u64, out: &mut [u8]) -> io::Result<()> {
        if start + out.len() as u64 > self.1 {
            return Err(io::Error::other("a bad block"));
        }
        self.0.read(start, out)
    }
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let n = 70_000;
    for info in all() {
        let case = make(info, Working::F32, n);
        let shared = info.check_shared(&case.shared).expect("valid parameters");
        let checked = |given| info.check_input(given).expect("valid parameters");
        let parameters: Vec<BTreeMap<String, String>> =
            case.per_input.iter().map(checked).collect();
        let sources: Vec<Broken> = (case.inputs.iter())
            .map(|row| Broken(Bytes(bytes(Dtype::F32, row)), 4 * n as u64 - 1))
            .collect();
        let base = case.base.as_ref().map(|row| Bytes(bytes(Dtype::F32, row)));
        let row = |(source, parameters)| Row { source, dtype: Dtype::F32, parameters };
        let job = Job {
            method: info,
            shared: &shared,
            name: "broken",
            shape: &[n as u64],
            inputs: (sources.iter().map(|source| source as &dyn RowSource).zip(&parameters))
                .map(row)
                .collect(),
            base: base.as_ref().map(|source| row((source, &parameters[0]))),
            working: Working::F32,
            out: Dtype::F32,
            seed: Digest::of_content(b"seed"),
        };
        let error = collect(&job).expect_err("unreadable");
        let MethodError::Read { ref tensor, input, ref source } = error else {
            panic!("{}: {error}", info.name);
        };
        assert_eq!((tensor.as_str(), source.to_string().as_str()), ("broken", "a bad block"));
        assert!(input < case.inputs.len(), "{}: the base can be read", info.name);
        assert_eq!(error.code(), "method-read");
    }
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let row = Bytes(bytes(Dtype::F32, &awkward(1, 10, Dtype::F32)));
    let info = find_method("passthrough").expect("a method");
    let parameters = info.check_input(&BTreeMap::new()).expect("valid parameters");
    let job = Job {
        method: info,
        shared: &BTreeMap::new(),
        name: "w",
        shape: &[10],
        inputs: vec![Row { source: &row, dtype: Dtype::F32, parameters: &parameters }],
        base: None,
        working: Working::F32,
        out: Dtype::F32,
        seed: Digest::of_content(b"seed"),
    };
    let error = job.run(&|_, _| Err(io::Error::other("full"))).expect_err("unwritable");
    assert!(matches!(error, MethodError::Write { .. }), "{error}");
}
