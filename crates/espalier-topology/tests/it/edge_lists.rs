//! Edge lists as a hostile file would hold them.

use std::io::{Cursor, Read, repeat};

use espalier_topology::{
    EdgeListProblem, MAX_FILE_BYTES, Topology, TopologyError, parse_edge_list, read_edge_list,
};
use proptest::prelude::*;

#[test]
fn faults_have_their_line() {
    let cases = [
        ("0 1\n1", 2, "1 word where"),
        ("0 1 2", 1, "3 words where"),
        ("# x\n\n0 x", 3, "\"x\" is not a node number"),
        ("0 -1", 1, "digits only"),
        ("0 +1", 1, "digits only"),
        ("0 1.5", 1, "digits only"),
        ("0 99999999999999999999999999", 1, "digits only"),
        ("0 18446744073709551615", 1, "0 to 3"),
        ("0 4294967297", 1, "0 to 3"),
        ("0 4", 1, "node 4 does not exist; 4 nodes are numbered 0 to 3"),
        ("0 1\n2 2", 2, "connected to itself"),
        ("0 1\n2 3\n1 0", 3, "already on line 1"),
        ("0 1\n0 1\n0 1\n", 2, "already on line 1"),
        ("0 1\n0,,2", 2, "a comma without a value"),
        ("0,1,", 1, "a comma without a value"),
        ("0;1", 1, "1 word where"),
    ];
    for (text, line, expected) in cases {
        let error = parse_edge_list(text, 4).unwrap_err();
        assert_eq!(error.line, line, "{text:?}: {error}");
        assert!(error.to_string().contains(expected), "{text:?}: {error}");
    }
    let long = format!("0 {}", "x".repeat(1 << 20));
    assert!(parse_edge_list(&long, 4).unwrap_err().to_string().len() < 200);
}

#[test]
fn a_list_without_edges_says_so() {
    for text in ["", "\n", "# 0 1\n"] {
        let error = parse_edge_list(text, 4).unwrap_err().to_string();
        assert_eq!(error, "edge list: no edges; give each edge a line, as in \"0 1\"");
    }
}

#[test]
fn readers_are_bounded_and_must_be_text() {
    let endless = repeat(b'#').take(MAX_FILE_BYTES * 4);
    match read_edge_list(endless, 4) {
        Err(TopologyError::EdgeList(error)) => {
            assert_eq!(error.problem, EdgeListProblem::TooLarge { limit: MAX_FILE_BYTES });
        }
        other => panic!("{other:?}"),
    }
    match read_edge_list(Cursor::new(b"0 1\n\xff 2\n"), 4) {
        Err(TopologyError::EdgeList(error)) => {
            assert_eq!((error.line, error.problem), (2, EdgeListProblem::NotText));
        }
        other => panic!("{other:?}"),
    }
    for text in ["0 1\r\n\t2 1 # x\r\n", "0,1\n2 , 1", "\u{feff}0\t1\n1, 2\n"] {
        assert_eq!(read_edge_list(Cursor::new(text), 4).unwrap(), [(0, 1), (1, 2)], "{text:?}");
    }
    let wide: Vec<u8> = "0 1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let error = read_edge_list(Cursor::new(wide), 4).unwrap_err().to_string();
    assert!(error.ends_with("edge list: UTF-16 text; save it as UTF-8"), "{error}");
}

#[test]
fn files() {
    let path = std::env::temp_dir().join(format!("espalier-edges-{}.txt", std::process::id()));
    std::fs::write(&path, "0 1\n1 2\n").unwrap();
    let topology: Topology = format!("file:{}", path.display()).parse().unwrap();
    assert_eq!(topology.build(3, 1).unwrap().edge_count(), 2);
    let error = topology.build(4, 1).unwrap_err().to_string();
    assert!(error.contains("no path from node 0 to node 3"), "{error}");
    assert!(topology.build(2, 1).unwrap_err().to_string().contains("line 2"));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(topology.build(3, 1), Err(TopologyError::Open { .. })));
    assert!(Topology::File(std::env::temp_dir().display().to_string()).build(3, 1).is_err());
}

proptest! {
    #[test]
    fn any_text_parses_or_fails(text in "[0-9 #\n\tx-]{0,60}", nodes in 0_usize..20) {
        if let Ok(edges) = parse_edge_list(&text, nodes) {
            prop_assert!(edges.is_sorted());
            prop_assert!(edges.iter().all(|(a, b)| a < b && (*b as usize) < nodes));
        }
    }
}
