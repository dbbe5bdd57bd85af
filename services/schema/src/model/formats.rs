//! Formats of strings, as JSON Schema names them.
//!
//! They are recognised strictly: what is taken here, every validator of the format takes.

use serde::{Deserialize, Serialize};

/// A format that strings can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// RFC 9562, with hyphens.
    Uuid,
    /// RFC 3339.
    DateTime,
    /// RFC 3339's full date.
    Date,
    /// RFC 5321's mailbox, in its usual form.
    Email,
    /// RFC 3986, with an authority or one of a few schemes that have none.
    Uri,
}

impl Format {
    /// Every format. No string has two of them.
    const ALL: [Self; 5] = [Self::Uuid, Self::DateTime, Self::Date, Self::Email, Self::Uri];

    /// JSON Schema's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::DateTime => "date-time",
            Self::Date => "date",
            Self::Email => "email",
            Self::Uri => "uri",
        }
    }

    fn has(self, text: &str) -> bool {
        match self {
            Self::Uuid => is_uuid(text.as_bytes()),
            Self::DateTime => is_date_time(text.as_bytes()),
            Self::Date => is_date(text.as_bytes()),
            Self::Email => is_email(text),
            Self::Uri => is_uri(text),
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The formats that every string has which was seen. Joining is intersection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Formats(u8);

impl Default for Formats {
    /// Where no string was seen, nothing is ruled out.
    fn default() -> Self {
        Self(Format::ALL.into_iter().fold(0, |bits, format| bits | format.bit()))
    }
}

impl Formats {
    pub(crate) fn include(&mut self, text: &str) {
        for format in Format::ALL {
            if self.0 & format.bit() != 0 && !format.has(text) {
                self.0 &= !format.bit();
            }
        }
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.0 &= other.0;
    }

    /// The format that all strings have, if they have one.
    pub(crate) fn common(self) -> Option<Format> {
        Format::ALL.into_iter().find(|format| self.0 == format.bit())
    }
}

fn is_uuid(text: &[u8]) -> bool {
    const HYPHENS: [usize; 4] = [8, 13, 18, 23];
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match HYPHENS.contains(&at) {
            true => *byte == b'-',
            false => byte.is_ascii_hexdigit(),
        })
}

fn is_date(text: &[u8]) -> bool {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return false };
    let Some(year) = number(&[*y1, *y2, *y3, *y4]) else { return false };
    let Some(month) = number(&[*m1, *m2]) else { return false };
    let Some(day) = number(&[*d1, *d2]) else { return false };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// Leap seconds are left out: whether there was one, nobody can tell without a table.
fn is_date_time(text: &[u8]) -> bool {
    let Some((date, time)) = text.split_at_checked(10) else { return false };
    let [b'T' | b't', h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = time else { return false };
    let is_below = |digits: [u8; 2], limit| number(&digits).is_some_and(|value| value < limit);
    if !is_date(date)
        || !is_below([*h1, *h2], 24)
        || !is_below([*m1, *m2], 60)
        || !is_below([*s1, *s2], 60)
    {
        return false;
    }
    let offset = match rest.strip_prefix(b".") {
        None => rest,
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 || digits > FRACTION_DIGITS_MAX {
                return false;
            }
            &fraction[digits..]
        }
    };
    match offset {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => is_below([*h1, *h2], 24) && is_below([*m1, *m2], 60),
        _ => false,
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + u32::from(byte - b'0'))
    })
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte);
    local.len() <= 64
        && text.len() <= 254
        && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom))
        && domain.contains('.')
        && is_host(domain)
}

/// Names as RFC 1123 has them, the last one not a number.
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
            // Those that begin like an internationalised name would have to be decoded.
            && label.get(2..4) != Some("--")
    };
    let last = host.rsplit('.').next().unwrap_or(host);
    host.len() <= 253
        && host.split('.').all(is_label)
        && last.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_scheme {
        return false;
    }
    let path = match rest.strip_prefix("//") {
        Some(rest) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
            if !is_host(host) || port.len() > 5 || !port.bytes().all(|byte| byte.is_ascii_digit()) {
                return false;
            }
            path
        }
        None if matches!(scheme, "mailto" | "tel" | "urn" | "data") && !rest.is_empty() => rest,
        None => return false,
    };
    is_path(path)
}

/// A path with query and fragment: characters that need no escape, and whole escapes.
fn is_path(text: &str) -> bool {
    let mut bytes = text.bytes();
    let mut fragments = 0;
    while let Some(byte) = bytes.next() {
        let is_good = match byte {
            b'%' => {
                let is_hex = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
                is_hex(bytes.next()) && is_hex(bytes.next())
            }
            b'#' => {
                fragments += 1;
                fragments == 1
            }
            _ => byte.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=".contains(&byte),
        };
        if !is_good {
            return false;
        }
    }
    true
}

/// What the readers of date-times that were tried keep of a second.
const FRACTION_DIGITS_MAX: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_recognised_strictly() {
        let cases = [
            (Some(Format::Uuid), "0190f3a1-7c5e-7abc-8def-0123456789AB"),
            (None, "1-1-1-1-1"),
            (Some(Format::DateTime), "2026-11-25T09:07:01Z"),
            (Some(Format::DateTime), "2024-02-29T23:59:59.123+05:30"),
            (None, "2026-11-25T09:07Z"),
            (None, "2026-11-25 09:07:01Z"),
            (None, "2026-11-25T24:00:00Z"),
            (Some(Format::Date), "2024-02-29"),
            (None, "2023-02-29"),
            (None, "2026-13-01"),
            (Some(Format::Email), "a.b+c@example.org"),
            (None, "a..b@example.org"),
            (None, "a@localhost"),
            (Some(Format::Uri), "https://example.org:8080/a%20b?c=d#e"),
            (Some(Format::Uri), "urn:isbn:0451450523"),
            (None, "https://example.org/a b"),
            (None, "Note: this is a title"),
            (None, ""),
        ];
        for (expected, text) in cases {
            let mut formats = Formats::default();
            formats.include(text);
            assert_eq!(formats.common(), expected, "{text}");
        }
    }
}
