//! How time and memory grow with the number of nodes: runs the released command, writes a table and
//! a plot.
//!
//! Every run is `espalier simulate` until all nodes hold everything, on a complete graph, and its
//! time is that of the whole command. Beside them are drawn the times that as many exchanges would
//! take at the rates measured for two other simulators.

use crate::workspace::Places;
use anyhow::{Context as _, Result, ensure};
use plotters::prelude::*;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where the table and the plot go, in `docs/`.
const TABLE: &str = "growth.csv";
const PLOT: &str = "growth.svg";

/// How the sets travel, and for how many nodes each is tried.
const RUNS: [(&str, &[u32]); 2] = [
    ("frames", &[16, 32, 64, 128, 256, 512]),
    ("counted", &[100, 316, 1_000, 3_162, 10_000, 31_623, 100_000]),
];
/// Exchanges a second of others, measured by running them: both move scalars and no sets.
const OTHERS: [(&str, f64); 2] = [("gossipy", 3e3), ("PeerSim", 1e6)];

/// How often the memory of a run is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// One run.
struct Point {
    wire: &'static str,
    nodes: u32,
    seconds: f64,
    exchanges: u64,
    /// In KiB; 0 where the system does not tell.
    peak: u64,
}

pub(crate) fn run(places: &Places) -> Result<()> {
    let mut points = Vec::new();
    for (wire, sizes) in RUNS {
        for nodes in sizes {
            let point = measure(places, wire, *nodes)?;
            let Point { seconds, exchanges, peak, .. } = point;
            let memory = peak / 1024;
            print!("{wire:<8} {nodes:>7} nodes {seconds:>9.2} s ");
            println!("{exchanges:>9} exchanges {memory:>6} MiB");
            points.push(point);
        }
    }
    let docs = places.root.join("docs");
    let table = docs.join(TABLE);
    std::fs::write(&table, csv(&points)).with_context(|| table.display().to_string())?;
    plot(&points, &docs.join(PLOT))
}

fn measure(places: &Places, wire: &'static str, nodes: u32) -> Result<Point> {
    let out = places.target.join("growth");
    let mut command = Command::new(places.espalier());
    command.args(["simulate", "--topology", "complete", "--model", "synthetic:2", "--no-attest"]);
    command.args(["--metrics", "off", "--rounds", "100", "--until-converged", "--force"]);
    command.args(["--require-convergence", "--quiet", "--wire", wire]);
    command.args(["--nodes", &nodes.to_string()]).arg("--out").arg(&out);
    let begin = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn().context("espalier")?;
    let peak = watch(&mut child)?;
    let seconds = begin.elapsed().as_secs_f64();
    ensure!(child.wait()?.success(), "the run of {nodes} nodes failed");
    let report = std::fs::read_to_string(out.join("report.json")).context("its report")?;
    let exchanges = report.split("\"exchanges\":").nth(1).context("a report without exchanges")?;
    let digits: String = exchanges.trim_start().chars().take_while(char::is_ascii_digit).collect();
    Ok(Point { wire, nodes, seconds, exchanges: digits.parse().context("exchanges")?, peak })
}

/// Waits for a process; the most memory it was seen with, in KiB.
fn watch(child: &mut Child) -> Result<u64> {
    let (status, mut peak) = (format!("/proc/{}/status", child.id()), 0);
    while child.try_wait()?.is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = peak.max(now.unwrap_or(0));
        std::thread::sleep(LOOK);
    }
    Ok(peak)
}

fn csv(points: &[Point]) -> String {
    let mut text = String::from("wire,nodes,seconds,exchanges,peak_mib\n");
    for Point { wire, nodes, seconds, exchanges, peak } in points {
        let _ = writeln!(text, "{wire},{nodes},{seconds:.2},{exchanges},{}", peak / 1024);
    }
    text
}

fn plot(points: &[Point], path: &Path) -> Result<()> {
    let nodes = |point: &Point| f64::from(point.nodes);
    let root = SVGBackend::new(path, (760, 460)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(60)
        .build_cartesian_2d((10.0..150_000.0).log_scale(), (0.001..2_000.0).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("nodes")
        .y_desc("seconds until all hold everything")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .draw()?;
    let colours = [RGBColor(0, 114, 178), RGBColor(213, 94, 0)];
    for ((wire, _), colour) in RUNS.iter().zip(colours) {
        let line: Vec<_> =
            points.iter().filter(|p| p.wire == *wire).map(|p| (nodes(p), p.seconds)).collect();
        chart.draw_series(line.iter().map(|at| Circle::new(*at, 3, colour.filled())))?;
        let series = chart.draw_series(LineSeries::new(line, colour.stroke_width(2)))?;
        let key = move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2));
        series.label(format!("Espalier, {wire}: exact sets")).legend(key);
    }
    let counted: Vec<_> = points.iter().filter(|point| point.wire == "counted").collect();
    for ((name, rate), colour) in
        OTHERS.iter().zip([RGBColor(120, 120, 120), RGBColor(0, 158, 115)])
    {
        let line = counted.iter().map(|point| (nodes(point), point.exchanges as f64 / rate));
        let series = chart.draw_series(DashedLineSeries::new(line, 6, 4, colour.into()))?;
        let key = move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour);
        let label = format!("as many exchanges at {name}'s {rate:.0} a second: scalars");
        series.label(label).legend(key);
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()?;
    Ok(())
}
