//! Whether the gateway is about to stop: then who waits for news is answered at once, and streams end.

use tokio::sync::watch;

/// Knows whether the gateway is about to stop.
#[derive(Clone, Debug)]
pub(crate) struct Closing(Option<watch::Receiver<bool>>);

impl Closing {
    /// Of a gateway that nobody stops.
    pub(crate) fn never() -> Self {
        Self(None)
    }

    /// Of one that stops when the sender says so.
    pub(crate) fn when() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(Some(receiver)))
    }

    /// Waits for something; gives nothing where the gateway stops before.
    pub(crate) async fn or<T>(&self, awaited: impl Future<Output = T>) -> Option<T> {
        let Some(mut closing) = self.0.clone() else { return Some(awaited.await) };
        tokio::select! {
            biased;
            // Without a sender it has stopped.
            _ = closing.wait_for(|is_closing| *is_closing) => None,
            value = awaited => Some(value),
        }
    }
}
