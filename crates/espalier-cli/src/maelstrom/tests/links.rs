//! When exchanges begin.

use crate::maelstrom::links::Links;
use espalier::identity::{Digest, Keypair, PeerId};
use std::collections::BTreeSet;

/// Keys in ascending order.
fn peers(count: u8) -> Vec<PeerId> {
    let keys: BTreeSet<_> = (0..count).map(|i| Keypair::from_seed([i; 32]).peer_id()).collect();
    keys.into_iter().collect()
}

fn root(of: u8) -> Digest {
    Digest::from_bytes([of; 32])
}

/// A link of the lesser key, or of the greater, and the other key.
fn pair(lesser: bool) -> (Links, PeerId) {
    let both = peers(2);
    let (own, other) = if lesser { (both[0], both[1]) } else { (both[1], both[0]) };
    (Links::new(own, both.into_iter()), other)
}

#[test]
fn news_go_out_at_once_and_then_once_per_tick() {
    let (mut links, peer) = pair(true);
    assert_eq!(links.due(Digest::ZERO), [], "nobody has anything");
    assert_eq!(links.due(root(1)), [peer]);
    assert_eq!(links.due(root(2)), [], "one is under way");
    assert!(links.hear(&peer, 1, Digest::ZERO));
    links.answered(&peer, 1, true, root(2));
    assert!(links.hear(&peer, 3, root(2)));
    links.answered(&peer, 3, false, root(2));
    assert_eq!(links.due(root(3)), [], "one per tick");
    links.tick();
    assert_eq!(links.due(root(2)), [], "it has that");
    assert_eq!(links.due(root(3)), [peer]);
}

#[test]
fn an_exchange_without_end_is_begun_anew() {
    let (mut links, peer) = pair(true);
    assert_eq!(links.due(root(1)), [peer]);
    let ticks = (1..20).find(|_| {
        links.tick();
        links.due(root(1)) == [peer]
    });
    assert_eq!(ticks, Some(5));
}

/// The last answer is lost, and the peer comes by itself to what it knows us to have had: it will
/// not ask, so we must.
#[test]
fn an_answer_that_nobody_confirms_is_doubted() {
    let (mut links, peer) = pair(true);
    assert!(links.hear(&peer, 0, root(1)));
    links.answered(&peer, 0, true, root(2));
    assert!(links.hear(&peer, 2, root(1)));
    links.answered(&peer, 2, true, root(3));
    let ticks = (0..20).find(|_| {
        let due = links.due(root(3)) == [peer];
        links.tick();
        due
    });
    assert_eq!(ticks, Some(5));
    assert!(links.hear(&peer, 1, root(3)), "it has the same");
    links.answered(&peer, 1, false, root(3));
    links.tick();
    assert_eq!(links.due(root(3)), []);
}

#[test]
fn of_two_that_begin_at_once_one_goes_on() {
    for lesser in [true, false] {
        let (mut links, peer) = pair(lesser);
        assert_eq!(links.due(root(1)), [peer]);
        assert_eq!(links.hear(&peer, 0, root(2)), !lesser);
    }
}

#[test]
fn a_node_asks_no_more_than_four_in_a_tick_and_all_in_turn() {
    let all = peers(14);
    let mut links = Links::new(all[0], all.iter().copied());
    let mut asked = BTreeSet::new();
    for tick in 0..40 {
        let due = links.due(root(1));
        assert!(due.len() <= 4, "{due:?}");
        asked.extend(due);
        if tick == 3 {
            assert_eq!(asked.len(), 13);
        }
        links.tick();
    }
}

#[test]
fn everybody_is_probed_in_turn_neighbour_or_not() {
    let all = peers(4);
    let mut links = Links::new(all[0], all.iter().copied());
    links.set_neighbours(&[all[1]].into());
    let probed: BTreeSet<_> = (0..30).filter_map(|_| links.tick()).collect();
    assert_eq!(probed, all[1..].iter().copied().collect());
    assert_eq!(Links::new(all[0], [all[0]].into_iter()).due(root(1)), [], "alone");
}
