//! Tensors that drivers fetch.

use crate::driver::{Weather, World};
use espalier_node::{NodeConfig, NodeInput, NodeTensors};

fn pulled() -> NodeConfig {
    NodeConfig { tensors: NodeTensors::Pulled, ..NodeConfig::default() }
}

/// Runs until all nodes agree and each can compute the merged model, which takes all tensors.
fn settles(world: &mut World) -> bool {
    world.weather = Weather::default();
    (0..60).any(|_| {
        world.tick();
        world.agree() && world.machines.iter().all(|m| m.node.state().resolve().is_ok())
    })
}

#[test]
fn drivers_whose_fetches_fail_end_with_all_tensors() {
    for seed in 0..40 {
        let mut world = World::new(2 + seed as u8 % 3, pulled(), seed);
        world.weather = Weather { loss: 10, double: 10, late: 20, slow: 30, failing: 70 };
        for round in 0..10 {
            world.contribute(round % world.machines.len());
            world.tick();
        }
        assert!(settles(&mut world), "seed {seed}");
        assert!(world.pushed == 0 && world.pulled > 0, "seed {seed}");
    }
}

/// The weather stays as it is, so that nothing but repetition gets the tensors there.
#[test]
fn what_cannot_be_fetched_is_fetched_again_until_it_can() {
    for seed in 0..20 {
        let mut world = World::new(2, pulled(), seed);
        world.weather.failing = 80;
        world.contribute(0);
        world.contribute(1);
        let done = (0..400).any(|_| {
            world.tick();
            world.agree() && world.machines[0].node.state().op_count() == 2
        });
        assert!(done, "seed {seed}");
    }
}

#[test]
fn a_fetch_does_not_wait_for_the_disk() {
    let mut world = World::new(2, pulled(), 1);
    world.contribute(0);
    let frames = world.machines[0].node.replica().announcements(0, 4096);
    // The disk of the second never says that its own operation is durable.
    world.machines[1].is_stuck = true;
    world.contribute(1);
    let from = world.id(0);
    frames.into_iter().for_each(|frame| world.handle(1, NodeInput::Frame { from, frame }));
    (0..10).for_each(|_| world.tick());
    let counts = world.machines.iter().map(|machine| machine.node.state().op_count());
    assert_eq!((world.pulled, counts.collect()), (1, vec![1, 2]), "nothing else has left");
}

#[test]
fn peers_send_tensors_unless_drivers_fetch_them() {
    let mut world = World::new(2, NodeConfig::default(), 1);
    world.machines.iter_mut().for_each(|m| m.node.replica_mut().set_inline_limit(0));
    world.contribute(0);
    (0..4).for_each(|_| world.tick());
    assert!(world.agree() && world.pushed == 1 && world.pulled == 0);
}
