//! Brokers and controllers: pure machines, and the task that feeds one.

use std::{
    any::Any,
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use futures_channel::mpsc;
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, LocalBoxFuture},
    stream::FuturesUnordered,
};

use super::Process;
use crate::{
    broker::{Broker, Controller},
    clock::Clock,
    fault::Draw,
    net::{Arrival, Caller, Net, Server},
    sim::lock,
    wire::{CallId, Image, Input, Instant, Node, Now, Output, Reply, Unreachable},
};

/// A machine of the protocol: a broker or the controller.
pub trait Engine: Any + Send {
    /// Takes an input.
    fn step(&mut self, now: Now, input: Input) -> Vec<Output>;

    /// The process has ended, and another one begins with what the disk has left. The first input
    /// after that is a tick.
    fn restart(&mut self, loss: Loss);

    /// The metadata as it stands, if this is who decides about it.
    fn image(&self) -> Option<Arc<Image>> {
        None
    }
}

impl Engine for Broker {
    fn step(&mut self, now: Now, input: Input) -> Vec<Output> {
        Self::step(self, now, input)
    }

    fn restart(&mut self, loss: Loss) {
        match loss {
            Loss::Memory => Self::restart(self),
            Loss::Power(draw) => {
                let mut replicas = 0..;
                self.lose_power(|_, unsynced| {
                    let nth = replicas.next().expect("numbers do not end");
                    let kept = draw.pick_nth("kept", nth, unsynced as u64 + 1);
                    usize::try_from(kept).expect("no more than there are")
                });
            }
        }
    }
}

impl Engine for Controller {
    fn step(&mut self, now: Now, input: Input) -> Vec<Output> {
        Self::step(self, now, input)
    }

    /// It stands for a quorum: what it has decided stays.
    fn restart(&mut self, _loss: Loss) {
        Self::restart(self);
    }

    fn image(&self) -> Option<Arc<Image>> {
        Some(Arc::clone(Self::image(self)))
    }
}

/// What the end of a process takes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Loss {
    /// Its memory: the page cache goes on.
    Memory,
    /// The power is lost: what has not reached the disk is kept, dropped or torn as it is drawn.
    Power(Draw),
}

/// An engine and the process that runs it. Clones are handles to the same one.
#[derive(Clone)]
pub struct Host {
    engine: Arc<Mutex<Box<dyn Engine>>>,
    inputs: Arc<Mutex<Option<mpsc::UnboundedSender<Input>>>>,
    process: Process,
}

/// How long an engine waits for the reply to a call.
const CALL_TIMEOUT: Duration = Duration::from_secs(6);

impl Host {
    /// An engine that is to run.
    #[must_use]
    pub fn new(net: &Net, node: Node, engine: impl Engine) -> Self {
        let engine: Arc<Mutex<Box<dyn Engine>>> = Arc::new(Mutex::new(Box::new(engine)));
        let inputs = Arc::new(Mutex::new(None));
        let (net, ours, theirs) = (net.clone(), Arc::clone(&engine), Arc::clone(&inputs));
        let sim = net.sim().clone();
        let main = move |_| -> LocalBoxFuture<'static, ()> {
            let (sender, inputs) = mpsc::unbounded();
            *lock(&theirs) = Some(sender);
            Task::run(net.clone(), node, Arc::clone(&ours), inputs).boxed_local()
        };
        Self { engine, inputs, process: Process::new(&sim, node, main) }
    }

    /// The process.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Kills the process, which comes back after some time. Says whether it ran.
    pub fn crash(&self, loss: Loss, down: Duration) -> bool {
        if !self.process.kill() {
            return false;
        }
        lock(&self.engine).restart(loss);
        self.process.start_after(down);
        true
    }

    /// Gives the engine an input of its own machine.
    pub fn input(&self, input: Input) {
        if let Some(inputs) = &*lock(&self.inputs) {
            // What a process that has ended does not take is of no use to the next one.
            let _ = inputs.unbounded_send(input);
        }
    }

    /// Looks at the engine.
    pub fn with<T>(&self, look: impl FnOnce(&dyn Engine) -> T) -> T {
        look(&**lock(&self.engine))
    }

    /// Looks at the engine, if it is one of that type.
    pub fn with_type<E: Engine, T>(&self, look: impl FnOnce(&E) -> T) -> Option<T> {
        self.with(|engine| (engine as &dyn Any).downcast_ref().map(look))
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("process", &self.process).finish_non_exhaustive()
    }
}

/// What feeds an engine in one life of its process.
struct Task {
    net: Net,
    name: Box<str>,
    clock: Clock,
    engine: Arc<Mutex<Box<dyn Engine>>>,
    server: Server,
    caller: Caller,
    calls: FuturesUnordered<LocalBoxFuture<'static, (CallId, Result<Reply, Unreachable>)>>,
    inputs: mpsc::UnboundedReceiver<Input>,
    timer: Timer,
}

/// When the engine wants to be woken. madsim cannot take a timer back: one for an earlier time stays.
#[derive(Default)]
struct Timer {
    wanted: Option<Instant>,
    armed: Option<(Instant, BoxFuture<'static, ()>)>,
}

impl Task {
    async fn run(
        net: Net,
        node: Node,
        engine: Arc<Mutex<Box<dyn Engine>>>,
        inputs: mpsc::UnboundedReceiver<Input>,
    ) {
        let mut task = Self {
            name: node.to_string().into(),
            clock: net.sim().machine(node).clock().clone(),
            engine,
            server: net.serve(node).await,
            caller: net.caller(node),
            calls: FuturesUnordered::new(),
            inputs,
            timer: Timer::default(),
            net,
        };
        task.step(Input::Tick);
        loop {
            let input = poll_fn(|context| task.poll(context)).await;
            task.step(input);
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Input> {
        if let Poll::Ready(Some((id, reply))) = self.calls.poll_next_unpin(context) {
            return Poll::Ready(Input::Reply { id, reply });
        }
        if let Poll::Ready(arrival) = self.server.poll_next(context) {
            let Arrival { from, token, request } = arrival;
            return Poll::Ready(Input::Request { from, token, request });
        }
        if let Poll::Ready(Some(input)) = self.inputs.poll_next_unpin(context) {
            return Poll::Ready(input);
        }
        self.timer.poll(&self.clock, context).map(|()| Input::Tick)
    }

    fn step(&mut self, input: Input) {
        let now = self.clock.now();
        self.net.sim().event(&self.name, what(&input), &input);
        let outputs = lock(&self.engine).step(now, input);
        if !outputs.is_empty() {
            self.net.sim().event(&self.name, "outputs", &outputs);
        }
        for output in outputs {
            match output {
                Output::Reply { token, reply } => self.server.reply(token, reply),
                Output::Call { id, to, request } => {
                    let asked = self.caller.request(to, request, CALL_TIMEOUT);
                    let call = asked.map(move |reply| (id, reply.map_err(|_| Unreachable)));
                    self.calls.push(call.boxed_local());
                }
                Output::WakeAt(at) => self.timer.wanted = Some(at),
            }
        }
    }
}

impl Timer {
    fn poll(&mut self, clock: &Clock, context: &mut Context<'_>) -> Poll<()> {
        let Some(wanted) = self.wanted else { return Poll::Pending };
        loop {
            match &mut self.armed {
                Some((at, timer)) if *at <= wanted => {
                    if Pin::new(timer).poll(context).is_pending() {
                        return Poll::Pending;
                    }
                    self.armed = None;
                    if clock.instant() >= wanted {
                        self.wanted = None;
                        return Poll::Ready(());
                    }
                }
                Some(_) | None => self.armed = Some((wanted, clock.sleep_until(wanted).boxed())),
            }
        }
    }
}

fn what(input: &Input) -> &'static str {
    match input {
        Input::Request { request, .. } => request.name(),
        Input::Reply { reply: Ok(reply), .. } => reply.name(),
        Input::Reply { reply: Err(Unreachable), .. } => "unreachable",
        Input::Tick => "tick",
        Input::Maintain { .. } => "maintain",
    }
}
