//! The watches of one world's operators on a real server, and what they have shown.

use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::stream::unfold;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::sync::mpsc::unbounded_channel;

use super::mirror::{Written, version};

/// The open ones.
#[derive(Debug, Default)]
pub(crate) struct Watches(Mutex<Vec<Weak<Watch>>>);

/// One, of a plural in a namespace.
#[derive(Debug)]
pub(crate) struct Watch {
    of: (String, String),
    shown: Mutex<Shown>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Shown {
    version: u64,
    gone: HashSet<String>,
    ended: bool,
}

impl Watches {
    /// Another one was opened, that begins after that version.
    pub(crate) fn opened(&self, of: (String, String), version: u64) -> Arc<Watch> {
        let shown = Mutex::new(Shown { version, ..Shown::default() });
        let watch = Arc::new(Watch { of, shown, changed: Condvar::new() });
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|watch| watch.strong_count() > 0);
        all.push(Arc::downgrade(&watch));
        watch
    }

    /// Waits until those that should have shown a write.
    pub(crate) fn wait(&self, of: &(String, String), written: &Written, within: Duration) {
        let all: Vec<_> =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect();
        for watch in all.iter().filter(|watch| watch.of == *of) {
            let until = Instant::now() + within;
            let mut shown = watch.shown();
            while !(shown.ended
                || shown.gone.contains(&written.uid)
                || !written.goes && shown.version >= written.version)
            {
                let Some(left) = until.checked_duration_since(Instant::now()) else { break };
                (shown, _) = watch.changed.wait_timeout(shown, left).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

impl Watch {
    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, line: &[u8]) {
        let Ok(event) = serde_json::from_slice::<Value>(line) else { return };
        let mut shown = self.shown();
        shown.version = shown.version.max(version(&event["object"]));
        if event["type"] == "DELETED" {
            shown.gone.insert(event["object"]["metadata"]["uid"].as_str().unwrap_or_default().to_owned());
        }
        self.changed.notify_all();
    }

    /// A body that passes on what comes, event by event.
    pub(crate) fn pump(self: Arc<Self>, mut body: kube::client::Body) -> Body {
        let (sender, lines) = unbounded_channel();
        tokio::spawn(async move {
            let mut buffer = BytesMut::new();
            loop {
                tokio::select! {
                    () = sender.closed() => break,
                    frame = body.frame() => {
                        let Some(Ok(frame)) = frame else { break };
                        let Ok(data) = frame.into_data() else { continue };
                        buffer.extend_from_slice(&data);
                        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                            let line = buffer.split_to(end + 1).freeze();
                            // Nobody may be listening any more.
                            let _ = sender.send(line.clone());
                            self.show(&line);
                        }
                    }
                }
            }
            self.shown().ended = true;
            self.changed.notify_all();
        });
        let next =
            unfold(lines, async |mut lines| lines.recv().await.map(|line| (Ok::<Bytes, std::io::Error>(line), lines)));
        Body::from_stream(next)
    }
}
