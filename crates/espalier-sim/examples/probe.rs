//! Runs the default simulation and prints what came of it.
use espalier_sim::*;
use std::ops::ControlFlow;
fn main() {
    let mut config = Config::default();
    let mut args = std::env::args().skip(1);
    if let Some(n) = args.next() { config.nodes = n.parse().unwrap(); }
    if let Some(m) = args.next() { config.model = m.parse().unwrap(); }
    if let Some(m) = args.next() { config.byzantine = m.parse().unwrap(); }
    if let Some(m) = args.next() { config.attack = vec![m.parse().unwrap()]; }
    if let Some(m) = args.next() { config.spread = m.parse().unwrap(); }
    let t = std::time::Instant::now();
    let r = simulate(&config, &mut |_| ControlFlow::Continue(())).unwrap();
    println!("{:?}", t.elapsed());
    println!("{:#?}", r.summary);
    println!("alone {:?} base {:?}", r.model.alone_accuracy, r.model.base_accuracy);
    for x in &r.rounds { println!("{} l2 {:?} distinct {} acc {:?} iso {:?} sent {}", x.round, x.mean_pairwise_l2, x.distinct_states, x.task_accuracy.first(), x.isolated, x.sent_bytes); if x.distinct_states<=1 {break;} }
    println!("{:?}", r.rounds.last().unwrap().trust.iter().map(|t| t.overall).collect::<Vec<_>>());
}
