//! Figures from a separate program, and when ours agree with them.

use crate::lab::estimate::Sample;
use espalier_topology::{Order, Topology};
use serde::{Deserialize, Serialize};

/// What a separate program measured; `reference.py` next to this file says how.
const REFERENCE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/rounds/reference.csv"));

/// Means with 1,024 nodes that others measured before: sequential and synchronous, as their digits
/// were given, and half a unit of the last digit.
const EARLIER: [(Topology, [(f64, f64); 2]); 5] = [
    (Topology::Complete, [(8.01, 0.005), (10.68, 0.005)]),
    (Topology::Torus, [(27.0, 0.05), (42.0, 0.05)]),
    (Topology::Ring, [(487.0, 0.5), (713.0, 0.5)]),
    (Topology::Star, [(2.0, 0.5), (2.0, 0.5)]),
    (Topology::Hypercube, [(10.1, 0.05), (14.1, 0.05)]),
];
/// The number of nodes that these figures are for.
const EARLIER_NODES: u32 = 1_024;
/// How often they were measured is not known. They are judged as means of this many runs.
const EARLIER_RUNS: f64 = 100.0;

/// By how many standard errors of the difference two means may differ.
const ERRORS: f64 = 3.0;

/// Where a reference figure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// `fixtures/rounds/reference.csv`.
    Reference,
    /// Measured before by others, who gave means without errors.
    Earlier,
}

/// Our mean compared with another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Comparison {
    /// Where the figure comes from.
    pub source: Source,
    /// Their mean.
    pub mean: f64,
    /// Its standard error. Unknown for `earlier`, where it is estimated as that of 100 runs with
    /// our variance.
    pub standard_error: f64,
    /// Our mean minus theirs.
    pub difference: f64,
    /// How great that may be: three standard errors of the difference, from the variance of both
    /// samples together, and for `earlier` half a unit of the last digit more.
    pub allowed: f64,
    /// Whether it is no greater.
    pub within: bool,
}

impl Comparison {
    /// `theirs`: mean, standard deviation and number of runs; `rounding`: how far their mean may be
    /// off because of its digits.
    fn new(source: Source, ours: &Sample, theirs: (f64, f64, f64), rounding: f64) -> Self {
        let (mean, deviation, runs) = theirs;
        let n = f64::from(ours.n);
        // The variance of both together, so that a few runs that happen to be alike, or one, are
        // not taken for certain.
        let own = ours.deviation().unwrap_or(0.0);
        let squares = (n - 1.0) * own * own + (runs - 1.0) * deviation * deviation;
        let variance = squares / (n + runs - 2.0);
        let allowed = ERRORS * (variance * (1.0 / n + 1.0 / runs)).sqrt() + rounding;
        let difference = ours.mean - mean;
        // Means of the same whole numbers may differ in their last bits.
        let within = difference.abs() <= allowed + 1e-9;
        let standard_error = deviation / runs.sqrt();
        Self { source, mean, standard_error, difference, allowed, within }
    }

    /// Ours compared with the earlier figure of this cell, if there is one.
    pub(super) fn with_earlier(
        topology: &Topology,
        nodes: u32,
        order: Order,
        ours: &Sample,
    ) -> Option<Self> {
        let (_, figures) = EARLIER.iter().find(|(t, _)| t == topology && nodes == EARLIER_NODES)?;
        let (mean, rounding) = figures[usize::from(order == Order::Synchronous)];
        let theirs = (mean, ours.deviation()?, EARLIER_RUNS);
        Some(Self::new(Source::Earlier, ours, theirs, rounding))
    }
}

/// A line of the reference.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Figure {
    topology: Topology,
    nodes: u32,
    order: Order,
    runs: u32,
    mean: f64,
    standard_error: f64,
}

/// Means measured by somebody else, with their standard errors.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reference(Vec<Figure>);

impl Reference {
    /// The figures that come with this crate.
    pub(super) fn shipped() -> Self {
        Self::parse(REFERENCE).expect("a test reads it")
    }

    /// Reads a table as `fixtures/rounds/reference.py` writes it.
    pub(super) fn parse(text: &str) -> Result<Self, csv::Error> {
        csv::Reader::from_reader(text.as_bytes()).deserialize().collect::<Result<_, _>>().map(Self)
    }

    /// Ours compared with the figure of this cell, if there is one.
    pub(super) fn compare(
        &self,
        topology: &Topology,
        nodes: u32,
        order: Order,
        ours: &Sample,
    ) -> Option<Comparison> {
        let same = |f: &&Figure| f.topology == *topology && f.nodes == nodes && f.order == order;
        let figure = self.0.iter().find(same)?;
        let runs = f64::from(figure.runs);
        let theirs = (figure.mean, figure.standard_error * runs.sqrt(), runs);
        Some(Comparison::new(Source::Reference, ours, theirs, 0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: [Order; 2] = [Order::Sequential, Order::Synchronous];

    #[test]
    fn the_reference_has_every_cell_once() {
        let shipped = Reference::shipped();
        let cells = [8, 64, 1024].into_iter().flat_map(|n| {
            super::super::standard(n).into_iter().map(move |topology| (topology, n as u32))
        });
        let mut known = 0;
        for (topology, nodes) in cells {
            for order in ORDERS {
                let same =
                    |f: &&Figure| f.topology == topology && f.nodes == nodes && f.order == order;
                let found = shipped.0.iter().filter(same).count();
                // There is no torus of eight nodes.
                let expected = usize::from((&topology, nodes) != (&Topology::Torus, 8));
                assert_eq!(found, expected, "{topology} {nodes} {order}");
                known += found;
            }
        }
        assert_eq!(shipped.0.len(), known);
        assert!(shipped.0.iter().all(|figure| figure.runs >= 200));
        assert!(Reference::parse("topology,nodes,order\nring,many,sequential\n").is_err());
    }

    #[test]
    fn a_mean_three_errors_off_is_out() {
        let (n, mean) = (101, 5.0);
        let of = |n, error| Sample { n, mean, standard_error: error, min: 3.0, max: 7.0 };
        let with =
            |ours: &Sample, mean| Comparison::new(Source::Reference, ours, (mean, 3.0, 101.0), 0.0);
        // Standard deviations of 4 and 3, variance 12.5 of both together, twice over 101.
        let ours = of(n, Some(4.0 / 101.0_f64.sqrt()));
        let allowed = 3.0 * (25.0_f64 / 101.0).sqrt();
        assert!((with(&ours, 6.0).allowed - allowed).abs() < 1e-12);
        assert_eq!(with(&ours, 6.0).difference, -1.0);
        for sign in [-1.0, 1.0] {
            assert!(with(&ours, 5.0 + sign * (allowed - 0.01)).within);
            assert!(!with(&ours, 5.0 + sign * (allowed + 0.01)).within);
        }
        // One run says little.
        assert!(with(&of(1, None), 13.0).within && !with(&of(1, None), 15.0).within);
    }

    #[test]
    fn earlier_figures_are_judged_by_their_digits_and_a_hundred_runs() {
        let error = Some(0.02);
        let ours = Sample { n: 400, mean: 10.7, standard_error: error, min: 10.0, max: 12.0 };
        let with =
            |topology, nodes| Comparison::with_earlier(topology, nodes, Order::Synchronous, &ours);
        let found = with(&Topology::Complete, 1024).expect("known");
        // A standard deviation of 0.4.
        assert!((found.standard_error - 0.04).abs() < 1e-12 && found.within);
        let allowed = 3.0 * 0.002_f64.sqrt() + 0.005;
        assert!((found.allowed - allowed).abs() < 1e-12, "{found:?}");
        assert!(with(&Topology::Torus, 1024).is_some_and(|found| !found.within));
        assert_eq!((with(&Topology::Line, 1024), with(&Topology::Complete, 64)), (None, None));
    }
}
