//! What a node says once it is ready: how to make a first write.

use std::{
    io::{self, Write},
    net::SocketAddr,
};

/// Prints that the node is ready, and commands that can be pasted as they stand.
pub(crate) fn print(address: SocketAddr, data: &str) {
    let url = format!("http://{}", reachable(address));
    let text = format!(
        r#"
A first write, a change and a read:

  curl -w '\n' -X PUT '{url}/v1/databases/shop'
  curl -w '\n' -X PUT '{url}/v1/entities/shop/orders/eu/42' -H 'content-type: application/json' -d '{{"item":"tea","count":1}}'
  curl -w '\n' -X PATCH '{url}/v1/entities/shop/orders/eu/42' -H 'content-type: application/vnd.tidelog.operations+json' -d '[{{"op":"increment","path":"/count","by":1}}]'
  curl -w '\n' '{url}/v1/entities/shop/orders/eu/42'

The data is in {data}. Tidelog is ready at {url}
"#
    );
    // Nobody may be there to read it; the node serves all the same.
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The address as somebody on this machine reaches it.
fn reachable(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    let loopback = match address {
        SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(loopback, address.port())
}
