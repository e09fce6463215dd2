//! `bench-events ADDRESS`: an HTTP/1.1 upstream that answers everything with a stream of chat completion chunks.
//!
//! An event every two milliseconds, each written alone, as a model's tokens come. The time at which one was made is in its
//! `obfuscation`, which differs from event to event anyway: nanoseconds since 1970, in hexadecimal.

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::time::{Interval, MissedTickBehavior, interval};

const PACE: Duration = Duration::from_millis(2);
const EVENTS: usize = 100;
/// What the model says, over and over: words as tokens. A filter that masks has an address to mask.
const TEXT: &str = "The build failed because the signature of the parser changed last week. Two of the callers still pass \
    a plain string, so the first step is to update them and run the tests again. If that works, the change can be merged \
    and the release goes out on Thursday as planned. Questions go to ana@example.com before that. ";

struct Events {
    pace: Interval,
    words: std::iter::Cycle<std::str::SplitInclusive<'static, char>>,
    left: usize,
}

impl Events {
    fn new() -> Self {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { pace, words: TEXT.split_inclusive(' ').cycle(), left: EVENTS }
    }
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(left) = self.left.checked_sub(1) else { return Poll::Ready(None) };
        if self.pace.poll_tick(context).is_pending() {
            return Poll::Pending;
        }
        self.left = left;
        let text = if left == 0 {
            "data: [DONE]\n\n".to_owned()
        } else {
            event(self.words.next().unwrap_or_default())
        };
        Poll::Ready(Some(Ok(Frame::data(text.into()))))
    }
}

/// 283 bytes with a word of four letters and the space after it.
fn event(word: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    format!(
        "data: {{\"id\":\"chatcmpl-Cf3mXbW1hVtq9sZ0aKjR7u\",\"object\":\"chat.completion.chunk\",\
         \"created\":1763990000,\"model\":\"gpt-4o-mini\",\
         \"system_fingerprint\":\"fp_50cad350e4\",\"choices\":[{{\"index\":0,\
         \"delta\":{{\"content\":\"{word}\"}},\"logprobs\":null,\"finish_reason\":null}}],\"obfuscation\":\"{now:016x}\"}}\n\n"
    )
}

async fn answer(request: Request<Incoming>) -> Result<Response<Events>, Infallible> {
    // A body that breaks off breaks the connection too, which is the client's to notice.
    let _ = request.into_body().collect().await;
    let mut response = Response::new(Events::new());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(response)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: bench-events ADDRESS")?;
    let listener = TcpListener::bind(address).await?;
    loop {
        let (connection, _) = listener.accept().await?;
        connection.set_nodelay(true)?;
        // A connection that breaks is the client's to notice.
        tokio::spawn(
            http1::Builder::new().serve_connection(TokioIo::new(connection), service_fn(answer)),
        );
    }
}
