//! A hub for tests: it answers on a free port of the loopback interface with prepared replies, and remembers the requests.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use super::hub_settings::HubSettings;

/// A prepared reply.
#[derive(Clone, Debug)]
pub(in crate::packs) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Bytes after which the connection ends.
    cut_at: usize,
    /// True if a range that is asked for is given.
    ranged: bool,
}

impl Reply {
    /// A reply without content.
    pub(in crate::packs) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            cut_at: usize::MAX,
            ranged: false,
        }
    }

    /// The content of a file, or the range of it that is asked for.
    pub(in crate::packs) fn file(content: &[u8]) -> Self {
        Self {
            body: content.to_owned(),
            ranged: true,
            ..Self::status(200)
        }
    }

    /// Adds a header.
    pub(in crate::packs) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// Ends the connection after some bytes of the content.
    pub(in crate::packs) fn cut_at(mut self, bytes: usize) -> Self {
        self.cut_at = bytes;
        self
    }

    fn write(mut self, stream: &mut TcpStream, request: &Request) -> std::io::Result<()> {
        let from = request.range_start().filter(|_| self.ranged);
        if let Some(from) = from {
            let size = self.body.len();
            self.status = if from < size { 206 } else { 416 };
            self.body.drain(..from.min(size));
            if self.status == 206 {
                self = self.with("Content-Range", format!("bytes {from}-{}/{size}", size - 1));
            }
        }
        let mut head = format!("HTTP/1.1 {} Reply\r\nConnection: close\r\n", self.status);
        head += &format!("Content-Length: {}\r\n", self.body.len());
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{head}\r\n").as_bytes())?;
        stream.write_all(&self.body[..self.cut_at.min(self.body.len())])
    }
}

/// A request that the hub received.
#[derive(Clone, Debug)]
pub(in crate::packs) struct Request {
    /// The path, with a query if there is one.
    pub(in crate::packs) path: String,
    headers: Vec<String>,
}

impl Request {
    fn read(stream: &TcpStream) -> Self {
        let lines = BufReader::new(stream).lines().map(Result::unwrap);
        let mut lines = lines.take_while(|line| !line.is_empty());
        let first = lines.next().unwrap();
        Self {
            path: first.split(' ').nth(1).unwrap().to_owned(),
            headers: lines.collect(),
        }
    }

    /// Returns a header's value; `name` is in lower case.
    pub(in crate::packs) fn header(&self, name: &str) -> Option<&str> {
        let mut pairs = self.headers.iter().filter_map(|line| line.split_once(": "));
        let found = pairs.find(|(found, _)| found.to_lowercase() == name);
        found.map(|(_, value)| value)
    }

    fn range_start(&self) -> Option<usize> {
        let range = self.header("range")?.strip_prefix("bytes=")?;
        range.trim_end_matches('-').parse().ok()
    }
}

/// A running hub. Its thread ends after the last reply, or with the tests.
pub(in crate::packs) struct LoopbackHub {
    /// Its URL.
    pub(in crate::packs) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl LoopbackHub {
    /// Starts a hub that gives one reply after another.
    pub(in crate::packs) fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let (seen, replies) = (Arc::clone(&requests), Vec::from_iter(replies));
        thread::spawn(move || {
            for (reply, stream) in replies.into_iter().zip(listener.incoming()) {
                let mut stream = stream.unwrap();
                let limit = Some(Duration::from_secs(10));
                stream.set_read_timeout(limit).unwrap();
                let request = Request::read(&stream);
                seen.lock().unwrap().push(request.clone());
                // A client may leave before the end.
                let _ = reply.write(&mut stream, &request);
            }
        });
        Self { url, requests }
    }

    /// Returns the requests so far.
    pub(in crate::packs) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Returns settings that name this hub and a token, and never wait.
    pub(in crate::packs) fn settings(&self) -> HubSettings {
        HubSettings {
            endpoint: self.url.clone(),
            token: Some("hf_secret".to_owned()),
            offline: false,
            wait: |_| {},
        }
    }
}
