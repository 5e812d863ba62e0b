//! A client that speaks HTTP/2 at once (RFC 9113 §3.3), and keeps what it writes. Nothing goes out or comes in but while it
//! waits for something, so that whoever holds it decides which frames leave together.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use actix_web::web::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Ping, PingPong, Reason, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::{Answer, Ask};

/// One connection of any number of streams.
pub(crate) struct Http2 {
    runtime: Runtime,
    requests: SendRequest<Bytes>,
    ping: PingPong,
    writes: Writes,
}

/// A request whose head is on its way.
pub(crate) struct Stream {
    answer: ResponseFuture,
    body: SendStream<Bytes>,
}

impl Http2 {
    pub(crate) fn to(address: SocketAddr) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let writes = Writes::default();
        let (requests, mut connection) = runtime.block_on(in_time(async {
            let stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            h2::client::handshake(Wire { stream, writes: writes.clone() }).await.unwrap()
        }));
        let ping = connection.ping_pong().unwrap();
        // what goes wrong is told by the streams
        runtime.spawn(async move { drop(connection.await) });
        Self { runtime, requests, ping, writes }
    }

    /// Sends a request's head; its body, whatever [`Ask::body`] says, is for [`Stream`] to send.
    pub(crate) fn open(&mut self, ask: &Ask) -> Stream {
        self.runtime.block_on(in_time(poll_fn(|context| self.requests.poll_ready(context)))).unwrap();
        let (answer, body) = self.requests.send_request(head(ask), false).unwrap();
        Stream { answer, body }
    }

    /// Waits until everything that was sent has arrived.
    pub(crate) fn settle(&mut self) {
        self.runtime.block_on(in_time(self.ping.ping(Ping::opaque()))).unwrap();
    }

    /// The answer to a request, of which the other side may refuse to hear the end (RFC 9113 §8.1).
    ///
    /// # Errors
    /// Whatever the other side did to the stream instead.
    pub(crate) fn try_answer(&self, stream: Stream) -> Result<Answer, h2::Error> {
        let Stream { answer, body: _sent } = stream;
        self.runtime.block_on(in_time(async {
            let (head, mut body) = answer.await?.into_parts();
            let mut whole = Vec::new();
            while let Some(chunk) = body.data().await {
                let chunk = match chunk {
                    Err(error) if error.is_remote() && error.reason() == Some(Reason::NO_ERROR) => break,
                    chunk => chunk?,
                };
                body.flow_control().release_capacity(chunk.len())?;
                whole.extend(chunk);
            }
            let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
            let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
            let answer = Answer { status: head.status.as_u16(), headers, body: whole };
            assert!(answer.header("content-length").is_none() || answer.is_whole(), "{answer:?}");
            Ok(answer)
        }))
    }

    #[track_caller]
    pub(crate) fn answer(&self, stream: Stream) -> Answer {
        self.try_answer(stream).expect("an answer")
    }

    /// The answer to a whole request on a stream of its own.
    #[track_caller]
    pub(crate) fn send(&mut self, ask: &Ask) -> Answer {
        let mut stream = self.open(ask);
        stream.finish(&ask.body);
        self.answer(stream)
    }

    /// Forgets what was written so far.
    pub(crate) fn forget_writes(&self) {
        self.writes.lock().unwrap().clear();
    }

    /// What each write to the socket held since then.
    pub(crate) fn writes(&self) -> Vec<Written> {
        self.writes.lock().unwrap().iter().map(|bytes| Written::of(bytes)).collect()
    }
}

impl Stream {
    /// More of the body.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.body.send_data(Bytes::copy_from_slice(bytes), false).unwrap();
    }

    /// The last of it.
    pub(crate) fn finish(&mut self, bytes: &[u8]) {
        self.body.send_data(Bytes::copy_from_slice(bytes), true).unwrap();
    }

    /// Goes away with RST_STREAM.
    pub(crate) fn reset(mut self) {
        self.body.send_reset(Reason::CANCEL);
    }
}

/// The request's target and fields; a `host` among them becomes the authority.
fn head(ask: &Ask) -> http::Request<()> {
    let mut authority = "as.example".to_owned();
    let mut request = http::Request::builder().method(ask.method.as_str());
    for (name, value) in &ask.headers {
        if name.eq_ignore_ascii_case("host") {
            authority = String::from_utf8(value.clone()).unwrap();
        } else {
            request = request.header(name, value.as_slice());
        }
    }
    request.uri(format!("http://{authority}{}", ask.target)).body(()).unwrap()
}

/// Ends a test that would wait for ever.
async fn in_time<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), what).await.expect("the other side does something")
}

/// The answers to one request on so many streams of a connection to each of these doors, and what each connection wrote
/// from when they were let go: all but the last byte of each has arrived by then, and the last of all leave at once.
pub(crate) fn streams_at_once(ask: &Ask, doors: &[SocketAddr], streams: usize) -> Vec<(Vec<Answer>, Vec<Written>)> {
    let (start, last) = ask.body.split_at(ask.body.len() - 1);
    let prepare = |door: &SocketAddr| {
        let mut connection = Http2::to(*door);
        let mut opened: Vec<Stream> = (0..streams).map(|_| connection.open(ask)).collect();
        opened.iter_mut().for_each(|stream| stream.send(start));
        connection.settle();
        connection.forget_writes();
        (connection, opened)
    };
    let prepared: Vec<_> = doors.iter().map(prepare).collect();
    let line = &Barrier::new(prepared.len());
    thread::scope(|scope| {
        let race = |(connection, mut opened): (Http2, Vec<Stream>)| {
            scope.spawn(move || {
                line.wait();
                opened.iter_mut().for_each(|stream| stream.finish(last));
                let answers = opened.into_iter().map(|stream| connection.answer(stream)).collect();
                (answers, connection.writes())
            })
        };
        let racers: Vec<_> = prepared.into_iter().map(race).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    })
}

/// One write to a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) bytes: usize,
    /// Streams whose last DATA frame was in it.
    pub(crate) ended: usize,
}

impl Written {
    /// Reads whole frames (RFC 9113 §4.1).
    fn of(write: &[u8]) -> Self {
        let (mut rest, mut ended) = (write, 0);
        while let [a, b, c, kind, flags, _, _, _, _, after @ ..] = rest {
            let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            rest = after.get(length..).expect("no frame is cut in two");
            ended += usize::from((*kind, flags & 1) == (0, 1));
        }
        assert!(rest.is_empty(), "no frame is cut in two");
        Self { bytes: write.len(), ended }
    }
}

type Writes = Arc<Mutex<Vec<Vec<u8>>>>;

/// A socket, and what was written to it, write by write.
struct Wire {
    stream: TcpStream,
    writes: Writes,
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, room)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.writes.lock().unwrap().push(bytes[..count].to_vec());
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
