//! The remote tier over S3, spoken with a server process of its own on this machine (moto, from `tests/python`).

#![cfg(feature = "s3")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use arrow_array::{Int64Array, RecordBatch, cast::AsArray, types::Int64Type};
use futures::StreamExt;
use hologram_store::{
    Coordinate, Durability, Error, Hint, Put, Store,
    tier::ld::{Ld, LdOptions},
};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

/// A server that ends with the test.
struct Server {
    process: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start() -> Self {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
        assert!(python.exists(), "{} is missing: run tests/python/setup.sh", python.display());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Command::new(python);
        server.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
        let process = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut server = Self { process, port };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(server.process.try_wait().unwrap().is_none(), "the server ended: is moto in .venv?");
            thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// Makes a bucket, by hand: an object store client does not.
    fn bucket(&self, name: &str) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = "Host: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n";
        stream.write_all(format!("PUT /{name} HTTP/1.1\r\n{head}\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    async fn tier(&self, url: &str) -> Result<Ld, Error> {
        let settings = [
            ("aws_endpoint", format!("http://127.0.0.1:{}", self.port)),
            ("aws_allow_http", "true".to_owned()),
            ("aws_region", "us-east-1".to_owned()),
            ("aws_access_key_id", "key".to_owned()),
            ("aws_secret_access_key", "secret".to_owned()),
        ];
        let options = LdOptions {
            deadline: Duration::from_secs(20),
            retries: 2,
            backoff: Duration::from_millis(5),
            checkpoint_every: 8,
            ..LdOptions::default()
        };
        Ld::connect(url, settings.map(|(key, value)| (key.to_owned(), value)), options).await
    }
}

fn at(number: u32) -> Coordinate {
    number.into()
}

fn records(value: i64) -> RecordBatch {
    RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(vec![value; 100])) as _)]).unwrap()
}

fn remote(expected: Option<Option<u64>>) -> Put {
    Put { durability: Durability::Remote, expected, ..Put::default() }
}

async fn get(store: &Store, number: u32) -> Option<i64> {
    let found = store.get(&at(number), Hint::Point).await.unwrap();
    found.map(|batch| batch.records().column(0).as_primitive::<Int64Type>().value(0))
}

#[test]
fn s3_is_a_remote_tier() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = Server::start();
    server.bucket("kept");
    runtime.block_on(async {
        let one = Arc::new(Store::builder().remote(server.tier("s3://kept/here").await.unwrap()).build());
        let two = Store::builder().remote(server.tier("s3://kept/here").await.unwrap()).build();
        // Compare-and-swap among processes.
        let version = one.put_durable(&at(1), records(1), remote(Some(None))).await.unwrap();
        let late = two.put_durable(&at(1), records(2), remote(Some(None))).await;
        assert!(matches!(late, Err(Error::Conflict(_))), "{late:?}");
        two.put_durable(&at(1), records(3), remote(Some(Some(version)))).await.unwrap();
        one.refresh().await.unwrap();
        assert_eq!(get(&one, 1).await, Some(3));
        // Many at once share changes of the log.
        let tasks: Vec<_> = (10..60)
            .map(|number| {
                let one = Arc::clone(&one);
                tokio::spawn(async move { one.put_durable(&at(number), records(number.into()), remote(None)).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        let stats = one.stats().remote.unwrap();
        assert!(stats.commits < 50, "{stats:?}");
        assert!(one.remove_durable(&at(10)).await.unwrap());
        assert_eq!(one.remote().unwrap().collect(Duration::ZERO).await.unwrap(), 0, "what is young stays");
        // Another process finds all of it.
        let three = Store::builder().remote(server.tier("s3://kept/here").await.unwrap()).build();
        let found: Vec<_> = three.stream(..).map(|(at, read)| (at, read.unwrap().records().num_rows())).collect().await;
        assert_eq!(found.len(), 50);
        assert_eq!((get(&three, 10).await, get(&three, 59).await), (None, Some(59)));
        assert_eq!(three.remote().unwrap().verify().await.unwrap(), []);
        // What is wrong is said.
        let nowhere = server.tier("s3://nowhere/here").await;
        assert!(matches!(&nowhere, Err(Error::Unavailable { .. })), "{nowhere:?}");
        drop(server);
        let lost = three.get(&at(20), Hint::Point).await;
        let Err(Error::Unavailable { what, .. }) = lost else { panic!("{lost:?}") };
        assert!(what.contains("kept"), "{what}");
        assert_eq!(get(&three, 59).await, Some(59), "what memory holds is still given");
    });
}
