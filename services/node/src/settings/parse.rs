//! Reading single settings.

use std::net::{SocketAddr, ToSocketAddrs};

use serde::{Deserialize, Deserializer, de};
use tidelog_core::{ServiceName, limits::PARTITIONS_MAX};
use tidelog_gateway::{Origin, OriginError};

/// Reads an address to listen at.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let resolved = text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    resolved.ok_or_else(|| {
        "an address to listen at has a host and a port, as in 127.0.0.1:7070 or 0.0.0.0:7070"
            .to_owned()
    })
}

/// Reads `HOST:PORT`, of which nothing is looked up.
pub(crate) fn host_and_port(text: &str) -> Result<String, String> {
    let is_good = text.rsplit_once(':').is_some_and(|(host, port)| {
        let is_host = !host.is_empty() && host.bytes().all(is_of_host);
        is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    let words = || format!("{text:?} is no host with a port, as in broker-0:9092");
    if is_good { Ok(text.to_owned()) } else { Err(words()) }
}

/// Reads a list of brokers.
pub(crate) fn brokers(text: &str) -> Result<String, String> {
    let brokers: Result<Vec<_>, _> =
        text.split(',').map(|broker| host_and_port(broker.trim())).collect();
    Ok(brokers?.join(","))
}

/// Reads what names on a broker may be made of.
pub(crate) fn name(text: &str) -> Result<String, String> {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if text.len() <= NAME_BYTES_MAX && text.bytes().all(is_good) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is not made of at most {NAME_BYTES_MAX} of A-Z a-z 0-9 . _ -"))
}

/// Reads a list of services; `none` is an empty one.
pub(crate) fn services(text: &str) -> Result<Vec<ServiceName>, String> {
    if text.trim() == "none" {
        return Ok(Vec::new());
    }
    text.split(',').map(|name| service(name.trim())).collect()
}

fn service(name: &str) -> Result<ServiceName, String> {
    let of_name = |service: &ServiceName| service.name() == name;
    ServiceName::ALL.into_iter().find(of_name).ok_or_else(|| {
        let names = ServiceName::ALL.map(ServiceName::name).join(", ");
        format!("there is no service {name:?}; there are {names}, and `none`")
    })
}

/// Reads how many changes a feed keeps.
pub(crate) fn changes(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(is_changes).ok_or_else(changes_expected)
}

/// Reads a setting of librdkafka.
pub(crate) fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        Some(_) | None => {
            Err(format!("{text:?} is no KEY=VALUE, as in socket.keepalive.enable=true"))
        }
    }
}

/// Reads the number of copies of a partition.
pub(crate) fn replication(text: &str) -> Result<u16, String> {
    text.parse().ok().filter(is_replication).ok_or_else(replication_expected)
}

pub(crate) fn switch(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "it is `true` or `false`".to_owned())
}

pub(crate) fn partitions(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(is_partitions).ok_or_else(partitions_expected)
}

pub(crate) fn origin(text: &str) -> Result<String, String> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    let origin: Origin = text.parse().map_err(|error: OriginError| format!("{error}, or `*`"))?;
    Ok(origin.to_string())
}

/// Reads a text of the file as `parse` does.
pub(super) fn text<'de, T, D: Deserializer<'de>>(
    from: D,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, D::Error> {
    parse(&String::deserialize(from)?).map(Some).map_err(de::Error::custom)
}

/// Reads a list of the file, a text or an array, whose parts `parse` reads.
pub(super) fn list<'de, T, D: Deserializer<'de>>(
    from: D,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<Vec<T>>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let parsed: Result<_, _> = texts.iter().map(|text| parse(text)).collect();
    parsed.map(Some).map_err(de::Error::custom)
}

pub(super) mod of_file {
    //! How each setting is read from the file.

    use std::time::Duration;

    use super::{
        Deserialize, Deserializer, ServiceName, SocketAddr, changes_expected, de, is_changes,
        is_partitions, is_replication, list, partitions_expected, replication_expected, text,
    };
    use crate::settings::parse_duration;

    type Read<T, D> = Result<Option<T>, D>;

    pub(in crate::settings) fn address<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Read<SocketAddr, D::Error> {
        text(from, super::address)
    }

    pub(in crate::settings) fn host_and_port<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Read<String, D::Error> {
        text(from, super::host_and_port)
    }

    pub(in crate::settings) fn brokers<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Read<String, D::Error> {
        text(from, super::brokers)
    }

    pub(in crate::settings) fn name<'de, D: Deserializer<'de>>(from: D) -> Read<String, D::Error> {
        text(from, super::name)
    }

    pub(in crate::settings) fn duration<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Read<Duration, D::Error> {
        text(from, parse_duration)
    }

    pub(in crate::settings) fn services<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Read<Vec<ServiceName>, D::Error> {
        list(from, super::service)
    }

    pub(in crate::settings) fn origins<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Read<Vec<String>, D::Error> {
        list(from, super::origin)
    }

    pub(in crate::settings) fn keys_and_values<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Read<Vec<(String, String)>, D::Error> {
        list(from, super::key_and_value)
    }

    pub(in crate::settings) fn partitions<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Read<u32, D::Error> {
        number(from, is_partitions, partitions_expected)
    }

    pub(in crate::settings) fn replication<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Read<u16, D::Error> {
        number(from, is_replication, replication_expected)
    }

    pub(in crate::settings) fn changes<'de, D: Deserializer<'de>>(from: D) -> Read<u64, D::Error> {
        number(from, is_changes, changes_expected)
    }

    fn number<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        from: D,
        is_good: impl Fn(&T) -> bool,
        expected: impl Fn() -> String,
    ) -> Read<T, D::Error> {
        let number = T::deserialize(from)?;
        if is_good(&number) { Ok(Some(number)) } else { Err(de::Error::custom(expected())) }
    }
}

fn is_changes(count: &u64) -> bool {
    (1..=CHANGES_MAX).contains(count)
}

fn changes_expected() -> String {
    format!("a feed keeps 1 to {CHANGES_MAX} changes")
}

fn is_partitions(count: &u32) -> bool {
    (1..=PARTITIONS_MAX).contains(count)
}

fn partitions_expected() -> String {
    format!("there are 1 to {PARTITIONS_MAX} partitions")
}

fn is_replication(copies: &u16) -> bool {
    (1..=REPLICATION_MAX).contains(copies)
}

fn replication_expected() -> String {
    format!("there are 1 to {REPLICATION_MAX} copies of a partition")
}

fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-_[]:".contains(&byte)
}

/// Changes that a feed can be told to keep.
const CHANGES_MAX: u64 = 1_000_000_000;

/// Bytes of a prefix, or of a node's name. Topics, whose names are longer by less than 50, have room for 249.
const NAME_BYTES_MAX: usize = 100;

const REPLICATION_MAX: u16 = 100;
