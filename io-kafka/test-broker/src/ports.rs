//! Ports that stay free while nobody listens at them.

use std::{
    hash::{BuildHasher, RandomState},
    io,
    net::TcpListener,
    ops::Range,
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// Below those that Linux gives to connections and to listeners at port 0. One of these could be taken while a
/// process that is killed and started again is dead, and it would not start.
const PORTS: Range<u32> = 10_000..32_768;

/// Ports that nobody listens at, none of which is given to anybody else of this process.
///
/// # Errors
///
/// If there are not as many.
pub(crate) fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    let mut ports = [0; N];
    for port in &mut ports {
        *port = free_port()?;
    }
    Ok(ports)
}

/// One of them.
///
/// # Errors
///
/// If there is none.
pub fn free_port() -> io::Result<u16> {
    // Processes that run at the same time begin at different places.
    static NEXT: LazyLock<AtomicU32> = LazyLock::new(|| {
        let random = RandomState::new().hash_one("ports") % u64::from(count());
        AtomicU32::new(u32::try_from(random).unwrap_or_default())
    });
    let mut failure = None;
    for _ in PORTS {
        let number = PORTS.start + NEXT.fetch_add(1, Ordering::Relaxed) % count();
        let port = u16::try_from(number).unwrap_or_default();
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_) => return Ok(port),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

fn count() -> u32 {
    PORTS.end - PORTS.start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice_or_taken() {
        let first: [u16; 8] = free_ports().expect("ports");
        let taken = TcpListener::bind(("127.0.0.1", first[7] + 1));
        let second: [u16; 8] = free_ports().expect("ports");
        assert!(second.iter().all(|port| !first.contains(port)), "{first:?} {second:?}");
        assert!(taken.is_err() || !second.contains(&(first[7] + 1)), "{second:?}");
        assert!(first.iter().chain(&second).all(|port| PORTS.contains(&u32::from(*port))));
    }
}
