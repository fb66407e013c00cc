//! The body of an answer.

use std::convert::Infallible;
use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep};

use crate::Shared;

/// A body: whole, or a stream of events.
#[derive(Debug)]
pub struct Reply(Content);

#[derive(Debug)]
enum Content {
    Whole(Option<Bytes>),
    Watch(Stream),
}

/// The events of one watch. It is closed when this is dropped.
struct Stream {
    shared: Arc<Shared>,
    id: u64,
    timeout: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Reply {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self(Content::Whole(Some(bytes)))
    }

    pub(crate) fn watch(shared: Arc<Shared>, id: u64, timeout: Option<u64>) -> Self {
        let timeout = timeout.filter(|seconds| *seconds > 0).map(Duration::from_secs);
        Self(Content::Watch(Stream { shared, id, timeout, timer: None }))
    }

    /// What is there by now, without waiting: the whole body, or the next event; `None` where there is nothing (more).
    pub fn try_next(&mut self) -> Option<Bytes> {
        match &mut self.0 {
            Content::Whole(bytes) => bytes.take(),
            Content::Watch(stream) => stream.shared.lock().watches.get_mut(&stream.id)?.queue.pop_front(),
        }
    }

    /// Whether nothing will come any more.
    pub fn has_ended(&self) -> bool {
        match &self.0 {
            Content::Whole(bytes) => bytes.is_none(),
            Content::Watch(stream) => {
                stream.shared.lock().watches.get(&stream.id).is_none_or(|watch| watch.ended && watch.queue.is_empty())
            }
        }
    }
}

impl Stream {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Poll::Ready(next) = self.take(context) {
            return Poll::Ready(next);
        }
        if self.timer.is_none() && Handle::try_current().is_ok() {
            self.timer = self.timeout.take().map(|timeout| Box::pin(sleep(timeout)));
        }
        let Some(timer) = &mut self.timer else { return Poll::Pending };
        if timer.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.timer = None;
        self.shared.lock().time_out(self.id);
        self.take(context)
    }

    fn take(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.shared.lock();
        let Some(watch) = state.watches.get_mut(&self.id) else { return Poll::Ready(None) };
        match watch.queue.pop_front() {
            Some(line) => Poll::Ready(Some(line)),
            None if watch.ended => Poll::Ready(None),
            None => {
                watch.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.lock().watches.remove(&self.id);
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match &mut self.0 {
            Content::Whole(bytes) => Poll::Ready(bytes.take()),
            Content::Watch(stream) => stream.poll(context),
        };
        next.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Content::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Whole(Some(bytes)) => SizeHint::with_exact(bytes.len() as u64),
            _ => SizeHint::default(),
        }
    }
}
