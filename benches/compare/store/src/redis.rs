//! A redis-server that this run starts and stops, spoken to over the loopback in its own protocol.
//!
//! It appends every write to a file and syncs before it answers, which is as durable as the others; gets do not notice.

use crate::{
    arguments::root,
    logs::{Ends, Log, Value, end, timed},
};
use anyhow::{Context as _, Result, bail, ensure};
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// Writes that are sent before their answers are read, when a store is filled.
const PIPELINE: usize = 64;

/// How long a server may take to answer for the first time: 5 seconds in steps of 50 ms.
const TRIES: u32 = 100;

/// The server.
pub(crate) struct Redis {
    server: Child,
    port: u16,
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

impl Redis {
    /// Starts a server in a folder.
    ///
    /// # Errors
    /// Where there is none, or it does not answer.
    pub(crate) fn start(folder: &Path, program: Option<&Path>) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let own = root().join(".venv/bin/redis-server");
        let found = if own.is_file() { own } else { PathBuf::from("redis-server") };
        let program = program.map_or(found, Path::to_path_buf);
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let server = Command::new(&program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"])
            .args(["--appendfsync", "always", "--auto-aof-rewrite-percentage", "0", "--dir"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{}: install one as README.md says, or name it by --redis", program.display()))?;
        let redis = Self { server, port };
        for _ in 0..TRIES {
            if redis.connect().and_then(|mut connection| connection.ask(&[b"PING"]).map(drop)).is_ok() {
                return Ok(redis);
            }
            thread::sleep(Duration::from_millis(50));
        }
        bail!("{}: it does not answer", program.display())
    }

    fn connect(&self) -> Result<Connection> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_nodelay(true)?;
        Ok(Connection { reader: BufReader::with_capacity(1 << 16, stream), answer: Vec::new() })
    }
}

/// One client.
struct Connection {
    reader: BufReader<TcpStream>,
    answer: Vec<u8>,
}

impl Connection {
    fn send(&mut self, words: &[&[u8]]) -> Result<()> {
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        Ok(self.reader.get_mut().write_all(&bytes)?)
    }

    /// The next answer: a line, or bytes of a known length.
    fn receive(&mut self) -> Result<&[u8]> {
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        let line = line.trim_end();
        ensure!(line.starts_with(['+', ':', '$']), "Redis says '{line}'");
        self.answer.clear();
        if let Some(length) = line.strip_prefix('$') {
            let length: usize = length.parse().context("a key that is not there")?;
            self.answer.resize(length + 2, 0);
            self.reader.read_exact(&mut self.answer)?;
            self.answer.truncate(length);
        }
        Ok(&self.answer)
    }

    fn ask(&mut self, words: &[&[u8]]) -> Result<&[u8]> {
        self.send(words)?;
        self.receive()
    }
}

impl Log for Redis {
    fn gets(&self, keys: &[u64], ends: Ends, times: &mut Vec<u64>) -> Result<()> {
        let mut connection = self.connect()?;
        keys.iter().try_for_each(|key| timed(times, || end(connection.ask(&[b"GET", &key.to_be_bytes()])?, ends)))
    }

    fn fill(&self, keys: &[u64], value: &Value) -> Result<()> {
        let mut connection = self.connect()?;
        for keys in keys.chunks(PIPELINE) {
            for key in keys {
                connection.send(&[b"SET", &key.to_be_bytes(), &value.stream])?;
            }
            for _ in keys {
                connection.receive()?;
            }
        }
        Ok(())
    }

    fn puts(&self, keys: &[u64], value: &Value, times: &mut Vec<u64>) -> Result<()> {
        let mut connection = self.connect()?;
        keys.iter().try_for_each(|key| {
            timed(times, || {
                connection.ask(&[b"SET", &key.to_be_bytes(), &value.stream])?;
                Ok(())
            })
        })
    }
}
