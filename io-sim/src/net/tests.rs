use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use madsim::time::sleep;

use super::*;
use crate::{
    fault::FaultKind,
    plan::Plan,
    sim::{Options, Run},
    wire::{BrokerId, ClientId, MetadataRequest, TopicName},
};

const CLIENT: Node = Node::Client(ClientId(1));
const BROKER: Node = Node::Broker(BrokerId(1));
const TIMEOUT: Duration = Duration::from_secs(5);

#[test]
fn a_request_gets_its_reply_in_milliseconds() {
    calm(|net| async move {
        let heard = echo(&net);
        let begun = net.sim().now_us();
        let reply = ask(&net, 7).await;
        assert_eq!(reply, Ok(Reply::Metadata(metadata())));
        assert_eq!(*heard.lock().expect("not poisoned"), [7]);
        assert!(net.sim().now_us() - begun < 20_000);
    });
}

#[test]
fn requests_of_one_caller_arrive_in_their_order() {
    calm(|net| async move {
        let heard = echo(&net);
        on_client(&net, |caller| async move {
            let asked: Vec<_> =
                (0..200).map(|it| caller.request(BROKER, number(it), TIMEOUT)).collect();
            assert!(join_all(asked).await.iter().all(Result::is_ok));
        })
        .await;
        assert!(heard.lock().expect("not poisoned").iter().copied().eq(0..200));
    });
}

#[test]
fn a_machine_where_nothing_listens_is_unreachable() {
    calm(|net| async move {
        let _broker = net.sim().machine(BROKER);
        assert_eq!(ask(&net, 1).await, Err(NetError::Unreachable));
    });
}

#[test]
fn a_machine_that_is_killed_breaks_its_connections_and_can_be_reached_again_once_it_is_back() {
    calm(|net| async move {
        let broker = net.sim().machine(BROKER);
        mute(&net);
        sleep(Duration::from_millis(10)).await;
        let (killed, ours) = (broker.clone(), net.clone());
        on_client(&net, move |caller| async move {
            let asked = caller.request(BROKER, number(1), TIMEOUT);
            sleep(Duration::from_millis(100)).await;
            killed.kill();
            assert_eq!(asked.await, Err(NetError::Disconnected));
            let down = caller.request(BROKER, number(2), TIMEOUT).await;
            assert_eq!(down, Err(NetError::Unreachable));
            killed.boot();
            echo(&ours);
            sleep(Duration::from_millis(10)).await;
            assert!(caller.request(BROKER, number(3), TIMEOUT).await.is_ok());
        })
        .await;
    });
}

#[test]
fn a_machine_that_is_paused_answers_when_it_goes_on() {
    calm(|net| async move {
        let broker = net.sim().machine(BROKER);
        echo(&net);
        assert!(ask(&net, 1).await.is_ok());
        broker.pause();
        let resumed = broker.clone();
        net.sim().post().spawn(async move {
            sleep(Duration::from_secs(3)).await;
            resumed.resume();
        });
        let begun = net.sim().now_us();
        assert!(ask(&net, 2).await.is_ok());
        assert!(net.sim().now_us() - begun > 2_900_000);
    });
}

#[test]
fn a_caller_that_is_killed_still_has_sent_what_it_has_sent() {
    calm(|net| async move {
        let heard = echo(&net);
        sleep(Duration::from_millis(10)).await;
        let client = net.sim().machine(CLIENT);
        let ours = net.clone();
        client.start(move || async move {
            let caller = ours.caller(CLIENT);
            let _ = caller.request(BROKER, number(1), TIMEOUT).await;
            let _late = caller.request(BROKER, number(2), TIMEOUT);
            ours.sim().machine(CLIENT).kill();
        });
        sleep(Duration::from_secs(1)).await;
        assert_eq!(*heard.lock().expect("not poisoned"), [1, 2]);
    });
}

#[test]
fn whoever_waits_too_long_is_told_and_the_connection_is_given_up() {
    calm(|net| async move {
        mute(&net);
        sleep(Duration::from_millis(10)).await;
        on_client(&net, |caller| async move {
            let long = caller.request(BROKER, number(1), Duration::from_secs(60));
            let short = caller.request(BROKER, number(2), Duration::from_secs(1));
            assert_eq!(short.await, Err(NetError::TimedOut));
            assert_eq!(long.await, Err(NetError::Disconnected));
        })
        .await;
    });
}

#[test]
fn a_cut_keeps_what_is_sent_until_it_is_mended() {
    calm(|net| async move {
        let heard = echo(&net);
        assert!(ask(&net, 1).await.is_ok());
        for cut in [
            Cut::OneWay { from: CLIENT, to: BROKER },
            Cut::OneWay { from: BROKER, to: CLIENT },
            Cut::BothWays(CLIENT, BROKER),
            Cut::Isolated(BROKER),
        ] {
            let ours = net.clone();
            on_client(&net, move |caller| async move {
                assert!(caller.request(BROKER, number(2), TIMEOUT).await.is_ok());
                let cut = ours.cut(cut);
                let asked = caller.request(BROKER, number(3), TIMEOUT);
                sleep(Duration::from_millis(1_500)).await;
                let begun = ours.sim().now_us();
                ours.mend(cut);
                assert!(asked.await.is_ok());
                assert!(ours.sim().now_us() > begun);
            })
            .await;
        }
        assert_eq!(heard.lock().expect("not poisoned").len(), 9);
    });
}

#[test]
fn a_link_that_stays_cut_is_no_way_there() {
    calm(|net| async move {
        echo(&net);
        net.cut(Cut::Isolated(CLIENT));
        assert_eq!(ask(&net, 1).await, Err(NetError::Unreachable));
        net.mend_all();
        assert!(ask(&net, 2).await.is_ok());
    });
}

#[test]
fn every_fault_of_the_network_strikes_and_does_what_it_says() {
    for (kind, may_fail, may_repeat) in [
        (FaultKind::RequestLost, true, false),
        (FaultKind::ReplyLost, true, false),
        (FaultKind::RequestDelayed, false, false),
        (FaultKind::ReplyDelayed, false, false),
        (FaultKind::RequestDuplicated, false, true),
        (FaultKind::OriginalAfterRetry, true, false),
        (FaultKind::ConnectionReset, true, false),
    ] {
        let options = Options { plan: Plan::of(&[kind], 0.2), ..Options::calm(3) };
        let run = run(options, |net| async move {
            let heard = echo(&net);
            sleep(Duration::from_millis(10)).await;
            let answered = Arc::new(AtomicU64::new(0));
            let count = Arc::clone(&answered);
            on_client(&net, move |caller| async move {
                for turn in 0..100 {
                    let reply = caller.request(BROKER, number(turn), TIMEOUT).await;
                    count.fetch_add(u64::from(reply.is_ok()), Ordering::Relaxed);
                }
            })
            .await;
            sleep(Duration::from_secs(10)).await;
            let heard = heard.lock().expect("not poisoned").len();
            (answered.load(Ordering::Relaxed), heard)
        });
        let (answered, heard) = run.outcome.expect("no panic");
        let struck = run.report.struck[&kind];
        assert!(struck > 5, "{kind} struck {struck} times");
        assert_eq!(answered < 100, may_fail, "{kind}: {answered} answered");
        assert_eq!(heard > 100, may_repeat, "{kind}: {heard} heard");
        if kind != FaultKind::RequestLost {
            assert!(heard >= 100, "{kind}: {heard} heard");
        }
    }
}

#[test]
fn what_may_not_be_held_up_is_not() {
    let kinds = [
        FaultKind::RequestLost,
        FaultKind::ReplyLost,
        FaultKind::RequestDelayed,
        FaultKind::OriginalAfterRetry,
        FaultKind::ConnectionReset,
    ];
    let options = Options { plan: Plan::of(&kinds, 0.2), ..Options::calm(3) };
    let run = run(options, |net| async move {
        let asked = Arc::new(AtomicU64::new(0));
        let ours = Arc::clone(&asked);
        net.hold_up(move |from, to, time| {
            assert_eq!((from, to), (CLIENT, BROKER));
            assert!(time <= Duration::from_secs(3));
            ours.fetch_add(1, Ordering::Relaxed);
            false
        });
        echo(&net);
        on_client(&net, move |caller| async move {
            for turn in 0..100 {
                assert!(caller.request(BROKER, number(turn), TIMEOUT).await.is_ok());
            }
        })
        .await;
        asked.load(Ordering::Relaxed)
    });
    assert!(run.outcome.expect("no panic") > 50, "much would have struck");
    assert_eq!(run.report.struck.values().sum::<u64>(), 0);
}

#[test]
fn a_request_that_is_delayed_arrives_after_its_retry() {
    let plan = Plan::of(&[FaultKind::OriginalAfterRetry], 0.1);
    let run = run(Options { plan, ..Options::calm(3) }, |net| async move {
        let heard = echo(&net);
        sleep(Duration::from_millis(10)).await;
        on_client(&net, move |caller| async move {
            for turn in 0..100 {
                while caller.request(BROKER, number(turn), TIMEOUT).await.is_err() {}
            }
        })
        .await;
        sleep(Duration::from_secs(10)).await;
        heard.lock().expect("not poisoned").clone()
    });
    let heard = run.outcome.expect("no panic");
    assert!(heard.len() > 100);
    assert!(!heard.is_sorted(), "some came late");
}

fn calm<F: Future<Output = ()>>(test: impl FnOnce(Net) -> F + Send) {
    assert_eq!(run(Options::calm(1), test).outcome, Ok(()));
}

fn run<T: Send, F: Future<Output = T>>(
    options: Options,
    test: impl FnOnce(Net) -> F + Send,
) -> Run<T> {
    Sim::run(options, |sim| test(Net::new(&sim)))
}

/// A broker that answers everything, and what it has heard.
fn echo(net: &Net) -> Arc<Mutex<Vec<usize>>> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (ours, note) = (net.clone(), Arc::clone(&heard));
    net.sim().machine(BROKER).start(move || async move {
        let mut server = ours.serve(BROKER).await;
        loop {
            let Arrival { token, request, .. } = server.next().await;
            let Request::Metadata(MetadataRequest { topics }) = request else {
                panic!("{request:?}")
            };
            let topics = topics.expect("named topics");
            note.lock().expect("not poisoned").push(topics[0].as_str().parse().expect("a number"));
            server.reply(token, Reply::Metadata(metadata()));
        }
    });
    heard
}

/// A broker that never answers.
fn mute(net: &Net) {
    let ours = net.clone();
    net.sim().machine(BROKER).start(move || async move {
        let mut server = ours.serve(BROKER).await;
        loop {
            server.next().await;
        }
    });
}

/// Asks once, as a process of its own.
async fn ask(net: &Net, which: usize) -> Result<Reply, NetError> {
    let (sender, answered) = futures_channel::oneshot::channel();
    sleep(Duration::from_millis(5)).await;
    on_client(net, move |caller| async move {
        let _ = sender.send(caller.request(BROKER, number(which), TIMEOUT).await);
    })
    .await;
    answered.await.expect("an answer or an error")
}

async fn on_client<F: Future<Output = ()> + 'static>(
    net: &Net,
    client: impl FnOnce(Caller) -> F + Send + 'static,
) {
    let (done, is_done) = futures_channel::oneshot::channel();
    let ours = net.clone();
    net.sim().machine(CLIENT).start(move || async move {
        client(ours.caller(CLIENT)).await;
        let _ = done.send(());
    });
    is_done.await.expect("the client's own end");
}

fn number(number: usize) -> MetadataRequest {
    MetadataRequest { topics: Some(vec![TopicName::from(&*number.to_string())]) }
}

fn metadata() -> crate::wire::MetadataReply {
    crate::wire::MetadataReply { brokers: Vec::new(), topics: Vec::new() }
}
