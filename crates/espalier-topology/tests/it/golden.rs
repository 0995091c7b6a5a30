//! The bits of every generator, pinned. A change here breaks every recorded run.

use crate::{fitting, network};

#[test]
fn edges_of_eight_nodes() {
    let mut wrong = Vec::new();
    for (text, expected) in EIGHT {
        let network = network(text, fitting(text, 8), 1);
        let found = network.edges().map(|(a, b)| format!("{a}-{b}")).collect::<Vec<_>>().join(" ");
        if found != expected {
            wrong.push(format!("    ({text:?}, {found:?}),"));
        }
    }
    assert!(wrong.is_empty(), "changed:\n{}", wrong.join("\n"));
}

#[test]
fn digests_of_two_hundred_fifty_six_nodes() {
    let mut wrong = Vec::new();
    for (text, expected) in LARGER {
        // FNV-1a over the numbers of the nodes in order.
        let mut digest = 0xcbf2_9ce4_8422_2325_u64;
        for (a, b) in network(text, 256, 7).edges() {
            for number in [a, b] {
                digest = (digest ^ number as u64).wrapping_mul(0x0100_0000_01b3);
            }
        }
        if digest != expected {
            wrong.push(format!("    ({text:?}, {digest:#018x}),"));
        }
    }
    assert!(wrong.is_empty(), "changed:\n{}", wrong.join("\n"));
}

#[test]
fn parts_of_twelve_nodes() {
    let part = espalier_topology::assign_parts(12, 3, 1);
    assert_eq!(format!("{part:?}"), PARTS);
}

const PARTS: &str = "[2, 1, 2, 0, 1, 1, 2, 0, 1, 0, 2, 0]";

const EIGHT: [(&str, &str); 11] = [
    ("random", "0-1 0-6 0-7 1-2 1-3 1-7 2-3 2-6 2-7 3-4 3-6 4-5 4-6 5-6 6-7"),
    ("ring", "0-1 0-7 1-2 2-3 3-4 4-5 5-6 6-7"),
    ("star", "0-1 0-2 0-3 0-4 0-5 0-6 0-7"),
    (
        "complete",
        "0-1 0-2 0-3 0-4 0-5 0-6 0-7 1-2 1-3 1-4 1-5 1-6 1-7 2-3 2-4 2-5 2-6 2-7 \
         3-4 3-5 3-6 3-7 4-5 4-6 4-7 5-6 5-7 6-7",
    ),
    ("line", "0-1 1-2 2-3 3-4 4-5 5-6 6-7"),
    ("torus", "0-1 0-2 0-3 0-6 1-2 1-4 1-7 2-5 2-8 3-4 3-5 3-6 4-5 4-7 5-8 6-7 6-8 7-8"),
    ("hypercube", "0-1 0-2 0-4 1-3 1-5 2-3 2-6 3-7 4-5 4-6 5-7 6-7"),
    ("regular:3", "0-1 0-4 0-7 1-3 1-4 2-5 2-6 2-7 3-6 3-7 4-5 5-6"),
    ("erdos-renyi:0.4", "0-2 0-4 0-6 0-7 1-3 1-5 2-3 2-7 3-4"),
    ("watts-strogatz:4:0.3", "0-2 0-3 0-5 0-6 0-7 1-5 1-6 1-7 2-3 2-4 2-5 3-7 4-5 4-6 5-7 6-7"),
    ("barabasi-albert:2", "0-1 0-2 0-3 0-5 2-3 2-4 2-5 3-4 3-6 5-6 5-7 6-7"),
];

const LARGER: [(&str, u64); 5] = [
    ("random", 0x0c67_7417_a48e_6796),
    ("regular:6", 0xf4a0_1da4_a464_9c75),
    ("erdos-renyi:0.05", 0xcdb5_aeca_7757_2c0a),
    ("watts-strogatz:6:0.2", 0x9d40_ff22_ec65_53ce),
    ("barabasi-albert:3", 0x69bc_74a5_3703_dd20),
];
