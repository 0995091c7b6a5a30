//! Whom a node asks, and when.

use crate::driver::{Weather, World};
use espalier_node::{NodeConfig, NodeEvent, NodeInput, NodeSchedule};
use std::time::Duration;

#[test]
fn news_reach_everybody_and_then_it_is_quiet() {
    let mut world = World::new(6, NodeConfig::default(), 1);
    (0..5).for_each(|_| world.tick());
    world.contribute(2);
    (0..3).for_each(|_| world.tick());
    assert!(world.agree());
    let before = world.frames;
    for _ in 0..9 {
        world.tick();
    }
    // What is left are probes: a root, and that it is the same.
    assert!(world.frames - before <= 6 * 2, "{} frames", world.frames - before);
}

#[test]
fn everybody_ends_equal_whatever_the_weather() {
    for seed in 0..40 {
        let mut world = World::new(5, NodeConfig::default(), seed);
        world.weather = Weather { loss: 20, double: 20, late: 30, slow: 30, failing: 0 };
        for round in 0..10 {
            world.contribute(round % 5);
            world.tick();
        }
        world.weather = Weather::default();
        assert!(
            (0..40).any(|_| {
                world.tick();
                world.agree()
            }),
            "seed {seed}"
        );
    }
}

#[test]
fn a_silent_peer_is_asked_less_and_less_and_at_once_when_it_is_back() {
    let mut world = World::new(2, NodeConfig::default(), 3);
    world.tick();
    world.weather.loss = 100;
    world.contribute(0);
    let mut asked = Vec::new();
    for tick in 0..400 {
        let before = world.frames;
        world.tick();
        if world.frames > before {
            asked.push(tick);
        }
    }
    assert!(asked.len() < 60, "{} times in 400 ticks", asked.len());
    let silent = world.events.iter().filter_map(|(at, event)| match event {
        NodeEvent::Silent { failures, until, .. } if *at == 0 => Some((*failures, *until)),
        _ => None,
    });
    let silent: Vec<_> = silent.collect();
    assert!(silent.len() >= 3 && silent.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0));
    world.weather.loss = 0;
    let peer = world.id(1);
    world.handle(0, NodeInput::PeerDown(peer));
    world.handle(0, NodeInput::PeerUp(peer));
    world.tick();
    world.tick();
    assert!(world.agree());
}

#[test]
fn a_node_that_is_commanded_begins_nothing_by_itself() {
    let config = NodeConfig { schedule: NodeSchedule::Commanded, ..NodeConfig::default() };
    let mut world = World::new(2, config, 4);
    world.contribute(0);
    (0..20).for_each(|_| world.tick());
    assert_eq!(world.frames, 0);
    let peer = world.id(1);
    world.handle(0, NodeInput::Command(espalier_node::Command::Exchange(peer)));
    world.tick();
    assert!(world.agree());
}

#[test]
fn ticks_come_no_faster_than_they_are() {
    let mut world = World::new(2, NodeConfig::default(), 5);
    world.now += Duration::from_secs(1);
    world.contribute(0);
    let before = world.frames;
    for _ in 0..50 {
        world.handle(0, NodeInput::Tick);
    }
    assert_eq!(world.frames, before);
}
