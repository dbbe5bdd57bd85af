//! What madsim does alone: messages there and back over one connection of two machines, and nothing else.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use madsim::{
    Config,
    net::Endpoint,
    runtime::{Handle, Runtime},
};

/// How many messages go there, and as many back.
const ROUNDS: u64 = 300_000;

/// Sends messages to and fro. Says how many there were.
pub(super) fn messages() -> u64 {
    // A thread of its own, as every run has.
    let run = std::thread::spawn(|| {
        let mut config = Config::default();
        config.net.send_latency = Duration::from_micros(1)..Duration::from_micros(2);
        Runtime::with_seed_and_config(1, config).block_on(to_and_fro());
    });
    run.join().expect("nothing of it panics");
    2 * ROUNDS
}

async fn to_and_fro() {
    const REASON: &str = "nothing goes wrong in this network";
    let handle = Handle::current();
    let machine = |last| {
        let ip = IpAddr::V4(Ipv4Addr::new(10, 0, 0, last));
        (handle.create_node().ip(ip).build(), SocketAddr::new(ip, 1))
    };
    let (server, at) = machine(1);
    let (client, _) = machine(2);
    server.spawn(async move {
        let endpoint = Endpoint::bind(at).await.expect(REASON);
        let (sender, mut receiver, _) = endpoint.accept1().await.expect(REASON);
        while let Ok(message) = receiver.recv().await {
            if sender.send(message).await.is_err() {
                return;
            }
        }
    });
    let asks = client.spawn(async move {
        let endpoint = Endpoint::bind("0.0.0.0:0").await.expect(REASON);
        let (sender, mut receiver) = endpoint.connect1(at).await.expect(REASON);
        for number in 0..ROUNDS {
            sender.send(Box::new(number)).await.expect(REASON);
            let _ = receiver.recv().await.expect(REASON);
        }
    });
    asks.await.expect(REASON);
}
