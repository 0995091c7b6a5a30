//! `espalier serve`: it says where, serves, refuses what it should, and leaves nothing behind.

use crate::Place;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server, and the address that it printed.
fn serve(place: &Place, arguments: &[&str]) -> (Child, String) {
    let mut command = place.command(&[&["serve", "--port", "0"], arguments].concat());
    let mut child = command.env("TMPDIR", place.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("Open http://").expect("an address");
    let address = address.trim_end_matches('/').to_owned();
    (child, address)
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[cfg(unix)]
#[test]
fn it_serves_until_it_is_told_to_end_and_leaves_nothing_behind() {
    for signal in ["-INT", "-TERM"] {
        let place = Place::new();
        let (mut child, address) = serve(&place, &[]);
        assert!(get(&address, "/").starts_with("HTTP/1.1 200"));
        assert!(get(&address, "/api/v1/info").contains("\"version\""));
        assert_eq!(place.files(".").len(), 1, "a folder for uploads");
        let end = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(end.success());
        assert!(child.wait().unwrap().success());
        assert_eq!(place.files("."), [""; 0], "{signal}");
    }
}

#[test]
fn a_port_that_is_taken_and_an_open_door_are_refused() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let problem = place.fails(3, &["serve", "--port", &port]);
    assert!(problem.contains("--port") && problem.contains("another program listens"), "{problem}");
    let problem = place.fails(2, &["serve", "--port", "0", "--listen", "0.0.0.0"]);
    assert!(problem.contains("--listen") && problem.contains("--token"), "{problem}");
    let problem = place.fails(2, &["serve", "--port", "0", "--token", "short"]);
    assert!(problem.contains("--token: a token must be 16 or more"), "{problem}");
    for port in ["70000", "-1", "x"] {
        place.fails(2, &["serve", "--port", port]);
    }
}

/// With a token the address that is printed lets its reader in, and no other does.
#[test]
fn the_token_is_in_the_address_that_is_printed() {
    let place = Place::new();
    let (mut child, shown) = serve(&place, &["--token", "0123456789abcdef"]);
    let (address, query) = shown.split_once('/').unwrap();
    let entered = get(address, &format!("/{query}"));
    let refused = get(address, "/");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(entered.starts_with("HTTP/1.1 303") && entered.contains("HttpOnly"), "{entered}");
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
}

#[cfg(unix)]
#[test]
fn quietly_it_says_nothing() {
    let place = Place::new();
    let mut command = place.command(&["serve", "--port", "0", "--quiet"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It serves by then; if not, it ends all the same.
    std::thread::sleep(Duration::from_millis(500));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.stdout.is_empty() && output.stderr.is_empty());
}
