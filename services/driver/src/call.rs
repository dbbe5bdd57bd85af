//! A request under way, as its caller holds it.

use std::{fmt, sync::Arc};

use futures_util::future::{self, Either};
use tidelog_core::{RequestId, Timestamp};
use tokio::sync::oneshot::{self, error::TryRecvError};

use crate::{
    connection::Message,
    driver::Shared,
    error::Error,
    requests::{Awaits, Input, Reply, Request, Token, Told},
};

/// A request under way.
///
/// It is on its way from the moment that the driver gave the call, and is sent again under the same
/// name while somebody waits for its [`answer`](Self::answer). Dropping the call gives the outcome
/// up: the request may still be carried out or not, and nobody will know.
///
/// ```no_run
/// use std::time::Duration;
///
/// use tidelog_driver::{Driver, Error, With, core::message::Change};
///
/// # async fn example(driver: Driver) -> Result<(), Box<dyn std::error::Error>> {
/// let id = "shop/orders/eu/42".parse()?;
/// let mut call = driver.request(id, Change::Delete.into(), With::default());
/// println!("deleting as {}", call.id().await?);
/// let deadline = driver.now().plus(Duration::from_secs(1));
/// let answered = match call.answer(deadline).await {
///     // Nobody knows yet. Ask again: it is the same request, and is carried out at most once.
///     Err(Error::OutcomeUnknown { given_up: false, .. }) => {
///         call.answer(deadline.plus(Duration::from_secs(60))).await?
///     }
///     other => other?,
/// };
/// println!("{:?}", answered.answer.outcome);
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping a call gives its outcome up"]
pub struct Call<A> {
    shared: Arc<Shared>,
    token: Token,
    state: State,
    id: Option<RequestId>,
    convert: fn(Reply) -> Option<A>,
}

enum State {
    /// The answer comes here.
    Open(oneshot::Receiver<Told>),
    /// The answer has come, and was not handed out yet.
    Unread(Result<Reply, Error>),
    /// There is nothing more to come but this.
    Over(Error),
}

impl<A> Call<A> {
    /// Sends a request on its way.
    pub(crate) fn submit(
        shared: Arc<Shared>,
        request: Request,
        convert: fn(Reply) -> Option<A>,
    ) -> Self {
        let token = shared.next_token();
        let state = match request.check() {
            Err(problem) => State::Over(Error::problem(problem)),
            Ok(()) => {
                let (reply, answer) = oneshot::channel();
                match shared.tell(Input::Submit { token, request, reply }) {
                    Ok(()) => State::Open(answer),
                    Err(Gone) => State::Over(Error::Closed),
                }
            }
        };
        Self { shared, token, state, id: None, convert }
    }

    /// The request's id, as soon as the connection has named it. It can be known before the request
    /// is in the log, which is what [`appended`](Self::appended) waits for.
    ///
    /// # Errors
    ///
    /// If the request was refused before it had a name, as [`Error::Busy`] or [`Error::Closed`].
    pub async fn id(&mut self) -> Result<RequestId, Error> {
        if let Some(id) = &self.id {
            return Ok(id.clone());
        }
        if let State::Open(_) = &self.state {
            let (reply, named) = oneshot::channel();
            // Where nobody listens any more, the channel of the answer says what there is to say.
            let _ = self.shared.tell(Input::Name { token: self.token, reply });
            match named.await {
                Ok(Told::Named(id) | Told::Appended(id) | Told::Overdue(id)) => {
                    return Ok(self.id.insert(id).clone());
                }
                Ok(Told::Answer(answer)) => self.state = State::Unread(answer),
                Err(_) => self.look(),
            }
        }
        match &self.state {
            State::Unread(Ok(reply)) => Ok(reply.request().clone()),
            State::Unread(Err(Error::OutcomeUnknown { request, .. }))
            | State::Over(Error::OutcomeUnknown { request, .. }) => Ok(request.clone()),
            State::Unread(Err(error)) | State::Over(error) => Err(error.clone()),
            State::Open(_) => Err(Error::ConnectionLost),
        }
    }

    /// Waits until the request is known to be in the log for good, or has its answer, until
    /// `deadline`. From then on it will be carried out, whatever becomes of this process; until then
    /// it may get lost with it.
    ///
    /// It is sent again while it is waited for, as in [`answer`](Self::answer), which can be asked
    /// for before and after.
    ///
    /// # Errors
    ///
    /// [`Error::OutcomeUnknown`] if it is not known whether it is in the log; unless it was given
    /// up, this can be called again. Every other error is final, and given again if asked for again:
    /// where it [is definite](Error::is_definite), the request is not in the log, and never will be.
    pub async fn appended(&mut self, deadline: Timestamp) -> Result<RequestId, Error> {
        self.wait(Awaits::Append, deadline).await?;
        match &self.state {
            State::Unread(Ok(reply)) => Ok(reply.request().clone()),
            State::Open(_) => self.id.clone().ok_or(Error::ConnectionLost),
            State::Over(Error::AlreadyAnswered) => self.id.clone().ok_or(Error::AlreadyAnswered),
            State::Unread(Err(error)) | State::Over(error) => Err(error.clone()),
        }
    }

    /// Waits for the answer until `deadline`.
    ///
    /// While somebody waits, the request is sent again under its name, with growing pauses, for at
    /// most [`DRIVER_RESENDS_FOR`](tidelog_core::limits::DRIVER_RESENDS_FOR) after it was first
    /// sent.
    ///
    /// # Errors
    ///
    /// [`Error::OutcomeUnknown`] if no answer has come; unless it was given up, this can be called
    /// again: it asks again as the same request. Every other error is final, and given again if
    /// asked for again.
    pub async fn answer(&mut self, deadline: Timestamp) -> Result<A, Error> {
        self.wait(Awaits::Answer, deadline).await?;
        match std::mem::replace(&mut self.state, State::Over(Error::AlreadyAnswered)) {
            State::Unread(Ok(reply)) => {
                self.id = Some(reply.request().clone());
                (self.convert)(reply).ok_or(Error::AlreadyAnswered)
            }
            State::Unread(Err(error)) | State::Over(error) => {
                self.state = State::Over(error.clone());
                Err(error)
            }
            State::Open(_) => Err(Error::ConnectionLost),
        }
    }

    /// Lets go of the call without giving the request up: it is sent again until its answer has
    /// come, or for at most [`DRIVER_RESENDS_FOR`](tidelog_core::limits::DRIVER_RESENDS_FOR).
    pub fn detach(mut self) {
        if let State::Open(_) = self.state {
            let _ = self.shared.tell(Input::Detach(self.token));
            self.state = State::Over(Error::AlreadyAnswered);
        }
    }

    /// Waits for what is awaited, or for the answer. What has come is in the state, or, if that is
    /// as it was, the request is in the log.
    async fn wait(&mut self, awaits: Awaits, deadline: Timestamp) -> Result<(), Error> {
        self.look();
        let State::Open(answer) = &mut self.state else { return Ok(()) };
        let (reply, alarm) = oneshot::channel();
        // Where nobody listens any more, the channel of the answer says what there is to say.
        let _ = self.shared.tell(Input::Wait { token: self.token, awaits, deadline, reply });
        let told = match future::select(&mut *answer, alarm).await {
            Either::Left((told, _)) => told,
            // Without an alarm there is an answer, or the connection is gone.
            Either::Right((Err(_), answer)) => answer.await,
            Either::Right((told, _)) => told,
        };
        match told {
            Ok(Told::Answer(answer)) => self.state = State::Unread(answer),
            Ok(Told::Appended(request)) => self.id = Some(request),
            Ok(Told::Named(request) | Told::Overdue(request)) => {
                self.id = Some(request.clone());
                return Err(Error::OutcomeUnknown { request, given_up: false });
            }
            Err(_) => self.state = State::Over(Error::ConnectionLost),
        }
        Ok(())
    }

    /// Takes the answer if it has come already.
    fn look(&mut self) {
        if let State::Open(answer) = &mut self.state {
            match answer.try_recv() {
                Ok(Told::Answer(answer)) => self.state = State::Unread(answer),
                Ok(Told::Named(_) | Told::Appended(_) | Told::Overdue(_))
                | Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Closed) => self.state = State::Over(Error::ConnectionLost),
            }
        }
    }
}

impl<A> Drop for Call<A> {
    fn drop(&mut self) {
        if let State::Open(_) = self.state {
            // Where nobody listens any more, there is nothing to give up.
            let _ = self.shared.tell(Input::Abandon(self.token));
        }
    }
}

impl<A> fmt::Debug for Call<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("token", &self.token)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The connection has ended.
pub(crate) struct Gone;

impl Shared {
    /// Tells the connection something about a request.
    fn tell(&self, input: Input<oneshot::Sender<Told>>) -> Result<(), Gone> {
        self.send(Message::Request(input))
    }
}
