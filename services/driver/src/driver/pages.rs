//! Parts of feeds that many read at the same time: the first one asks, the others wait for its answer.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tidelog_core::{Position, ZoneId, query::FeedView};
use tokio::sync::OnceCell;

use crate::error::Error;

/// The parts that are being asked for, or still in somebody's hands.
#[derive(Debug, Default)]
pub(crate) struct Pages(Mutex<BTreeMap<Name, Weak<OnceCell<Arc<FeedView>>>>>);

/// Which part of which feed, and which record it is to hold at least.
type Name = (ZoneId, Option<u64>, Option<Position>);

impl Pages {
    /// Gives the part of that name, which `ask` asks for where nobody else does.
    pub(crate) async fn shared(
        &self,
        name: Name,
        ask: impl Future<Output = Result<FeedView, Error>>,
    ) -> Result<Arc<FeedView>, Error> {
        let cell = self.cell(name);
        let page = cell.get_or_try_init(|| async { ask.await.map(Arc::new) }).await?;
        Ok(page.clone())
    }

    fn cell(&self, name: Name) -> Arc<OnceCell<Arc<FeedView>>> {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = cells.get(&name).and_then(Weak::upgrade) {
            return cell;
        }
        if cells.len() >= NAMES_MAX {
            cells.retain(|_, cell| cell.strong_count() > 0);
        }
        let cell = Arc::new(OnceCell::new());
        cells.insert(name, Arc::downgrade(&cell));
        cell
    }
}

/// Names that are kept before those are dropped of which nobody has the part any more.
const NAMES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, ready},
        task::{Context, Poll, Waker},
    };

    use futures_util::FutureExt;

    use super::*;

    fn name() -> Name {
        ("shop/orders/eu".parse().expect("a zone"), Some(7), None)
    }

    fn view(last: u64) -> FeedView {
        FeedView { feed: 1, oldest: 1, last, changes: Vec::new() }
    }

    #[test]
    fn those_who_ask_for_the_same_at_the_same_time_ask_once() {
        let pages = Pages::default();
        let (tell, told) = tokio::sync::oneshot::channel();
        let first = async { told.await.map_err(|_| Error::Closed) };
        let mut first = Box::pin(pages.shared(name(), first));
        let mut second = Box::pin(pages.shared(name(), async { panic!("the first one asks") }));
        let mut context = Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert!(second.as_mut().poll(&mut context).is_pending());
        tell.send(view(9)).expect("somebody waits");
        for reader in
            [first.as_mut() as std::pin::Pin<&mut dyn Future<Output = _>>, second.as_mut()]
        {
            let Poll::Ready(Ok(page)) = reader.poll(&mut context) else { panic!("it was told") };
            assert_eq!(page.last, 9);
        }
        drop((first, second));
        let later = pages.shared(name(), ready(Ok(view(10)))).now_or_never();
        assert_eq!(later.map(|page| page.map(|page| page.last)), Some(Ok(10)));
    }

    #[test]
    fn one_who_goes_before_the_answer_keeps_nobody_from_asking() {
        let pages = Pages::default();
        let mut first = Box::pin(pages.shared(name(), pending()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(&mut context).is_pending());
        let second = Box::pin(pages.shared(name(), ready(Ok(view(9)))));
        drop(first);
        assert!(second.now_or_never().is_some_and(|page| page.is_ok()));
        let failed = pages.shared(name(), ready(Err(Error::Closed))).now_or_never();
        assert!(failed.is_some_and(|page| page.is_err()));
    }
}
