//! No client can make the HTTP server unreachable for others, whatever it sends or does not send.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use atom_tests::{
    live_run::{RUN_ARGUMENTS, StatusClient, http_get, pipeline},
    program::{Process, TIMEOUT, Workdir, program},
};
use socket2::{Domain, Socket, Type};

/// The descriptors that a run has in these tests: the usual limit of a shell.
const DESCRIPTORS: u32 = 1024;
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const AUTHORIZATION: &str = "Authorization: Bearer 0123456789abcdef0123456789abcdef\r\n";

/// Starts a live run that may not raise its limit of descriptors.
fn start(dir: &Workdir, arguments: &[&str]) -> (Process, SocketAddr) {
    dir.write(
        "live.toml",
        pipeline(&[("door", "test://ball")], "live = true"),
    );
    dir.write("token", format!("{TOKEN}\n"));
    let atom = dir.command();
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -n {DESCRIPTORS}; exec \"$@\"")])
        .arg("sh")
        .arg(program())
        .args(RUN_ARGUMENTS)
        .args(arguments)
        .current_dir(dir.path(""))
        .envs(
            atom.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    let process = Process::start(command);
    let address = StatusClient::of(&process).address();
    (process, address)
}

/// Connects from one of the addresses of this machine, and sends the beginning of a request.
fn half_request(from: Ipv4Addr, to: SocketAddr) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect_timeout(&to.into(), Duration::from_secs(5))?;
    // The server may have closed it already for a later one.
    let _ = (&socket).write_all(b"GET / ");
    Ok(socket)
}

/// Asserts that a client with the token is served, again and again.
#[track_caller]
fn assert_served(address: SocketAddr) {
    for path in ["/healthz", "/metrics", "/healthz"] {
        let answer = http_get(address, path, AUTHORIZATION);
        assert_eq!(
            answer.unwrap_or_else(|e| panic!("{path}: {e}")).0,
            200,
            "{path}"
        );
    }
}

#[test]
fn half_requests_without_a_token_shut_nobody_out() {
    rlimit::increase_nofile_limit(8192).unwrap();
    let dir = Workdir::new();
    let (process, address) = start(&dir, &["--token-file", "token"]);
    let mut held = Vec::new();
    // From the address of the other clients, and from many addresses.
    let same = (0..600).map(|_| Ipv4Addr::LOCALHOST);
    let many = (0..600).map(|n| Ipv4Addr::new(127, 0, 1, n as u8 % 200 + 1));
    for (n, from) in same.chain(many).enumerate() {
        held.push(half_request(from, address).unwrap());
        if n % 100 == 99 {
            assert_served(address);
        }
    }
    assert_served(address);
    let (_, metrics) = http_get(address, "/metrics", AUTHORIZATION).unwrap();
    let open = atom_tests::live_run::metric_sum(&metrics, "process_open_fds", &[]);
    assert!(open < f64::from(DESCRIPTORS) / 2.0, "{open}");
    drop(held);
    let output = process.interrupt().ok();
    assert!(!output.stderr.contains("cannot accept"), "{output}");
}

/// Clients that hold a connection each without end, in different ways.
fn stubborn_clients(address: SocketAddr) -> Vec<TcpStream> {
    let send = |text: &[u8]| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_write_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        match stream.write_all(text) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            sent => sent.unwrap(),
        }
        stream
    };
    let head = format!("POST /api/v1/queries HTTP/1.1\r\nHost: a\r\n{AUTHORIZATION}");
    let unread = format!("GET /metrics HTTP/1.1\r\nHost: a\r\n{AUTHORIZATION}\r\n").repeat(5000);
    let idle = format!("GET /nothing HTTP/1.1\r\nHost: a\r\n{AUTHORIZATION}\r\n");
    vec![
        send(b""),
        send(b"GET / "),
        send(idle.as_bytes()),
        send(
            format!("{head}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{{")
                .as_bytes(),
        ),
        send(unread.as_bytes()),
    ]
}

#[test]
fn clients_that_send_or_take_nothing_are_disconnected() {
    let dir = Workdir::new();
    let (process, address) = start(&dir, &["--token-file", "token"]);
    let open_files = || {
        let (_, metrics) = http_get(address, "/metrics", AUTHORIZATION).unwrap();
        atom_tests::live_run::metric_sum(&metrics, "process_open_fds", &[])
    };
    // Threads start and open files until the first frames are out.
    let client = |page: &str| http_get(address, page, AUTHORIZATION).unwrap().1;
    wait_until("segments come", || {
        atom_tests::live_run::metric_sum(&client("/metrics"), "atom_segments_total", &[]) >= 2.0
    });
    let before = open_files();
    let mut clients = stubborn_clients(address);
    assert!(open_files() >= before + 5.0);
    wait_until("all are disconnected", || open_files() <= before);
    let mut slow_body = String::new();
    clients[3].read_to_string(&mut slow_body).unwrap();
    assert!(slow_body.starts_with("HTTP/1.1 408 "), "{slow_body}");
    assert!(
        slow_body.contains(r#"{"error":"the request took longer"#),
        "{slow_body}"
    );
    assert_served(address);
    process.interrupt().ok();
}

#[track_caller]
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < TIMEOUT, "not within {TIMEOUT:?}: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn headers_and_bodies_beyond_their_limits_are_refused() {
    let dir = Workdir::new();
    let (process, address) = start(&dir, &[]);
    let long = format!("X-Long: {}\r\n", "x".repeat(20_000));
    assert_eq!(http_get(address, "/healthz", &long).unwrap().0, 431);
    let many: String = (0..100).map(|n| format!("X-{n}: y\r\n")).collect();
    assert_eq!(http_get(address, "/healthz", &many).unwrap().0, 431);
    let body = "x".repeat(100_000);
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    // The server may answer and close before it was sent all of the body.
    let _ = write!(
        stream,
        "POST /api/v1/queries HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.starts_with("HTTP/1.0 413 ") && answer.contains("at most 65536 bytes"),
        "{answer}"
    );
    assert_eq!(http_get(address, "/healthz", "").unwrap().0, 200);
    process.interrupt().ok();
}

#[test]
fn a_token_that_can_be_guessed_is_refused_where_other_machines_can_ask() {
    let dir = Workdir::new();
    dir.write(
        "live.toml",
        pipeline(&[("door", "test://ball")], "live = true"),
    );
    for (token, words) in [
        (
            "x\n",
            ["1 character, expected at least 16", "openssl rand -hex 16"],
        ),
        ("\nsecond line\n", ["first line", "openssl rand -hex 16"]),
    ] {
        dir.write("token", token);
        let listen = [
            "run",
            "live.toml",
            "--listen",
            "0.0.0.0:0",
            "--token-file",
            "token",
        ];
        dir.atom(&listen).fails_with(&words);
    }
}
