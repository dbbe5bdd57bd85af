//! Which trace a record belongs to, as the callers of the system count traces (W3C Trace Context).

use std::{fmt, str::FromStr};

/// The trace that a record belongs to, and the span in it that caused the record.
///
/// It is for those who look at the system from outside. Nothing in it depends on one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext([u8; TRACE_BYTES]);

/// Bytes of a trace context: 16 name the trace, 8 the span, and one has flags.
pub const TRACE_BYTES: usize = 25;

impl TraceContext {
    /// The trace context of these bytes, which are what [`Self::to_bytes`] gave.
    #[must_use]
    pub fn from_bytes(bytes: [u8; TRACE_BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes, to be kept.
    #[must_use]
    pub fn to_bytes(self) -> [u8; TRACE_BYTES] {
        self.0
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, rest) = self.0.split_at(16);
        let (span, flags) = rest.split_at(8);
        f.write_str("00")?;
        for field in [trace, span, flags] {
            f.write_str("-")?;
            field.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TraceContext {
    type Err = TraceError;

    /// Reads the value of a `traceparent` header, of this version or a later one.
    fn from_str(text: &str) -> Result<Self, TraceError> {
        let (head, more) = text.split_at_checked(TEXT_BYTES).ok_or(TraceError)?;
        let mut fields = head.split('-');
        let mut field = |bytes: &mut [u8]| read_hex(fields.next()?, bytes);
        let (mut version, mut context) = ([0; 1], [0; TRACE_BYTES]);
        let (trace, rest) = context.split_at_mut(16);
        let (span, flags) = rest.split_at_mut(8);
        let read = field(&mut version).and(field(trace)).and(field(span)).and(field(flags));
        read.ok_or(TraceError)?;
        let is_named = trace.iter().any(|byte| *byte != 0) && span.iter().any(|byte| *byte != 0);
        let may_go_on = match version[0] {
            0 => more.is_empty(),
            0xff => false,
            // A later version may have more fields, which this one does not know.
            _ => more.is_empty() || more.starts_with('-'),
        };
        if version[0] > 0 {
            // Of its flags, only this one is known to mean the same.
            flags[0] &= SAMPLED;
        }
        if is_named && may_go_on { Ok(Self(context)) } else { Err(TraceError) }
    }
}

/// A text that is no trace context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a trace context is written version-trace-span-flags, as in \
     00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
)]
pub struct TraceError;

/// Reads lower-case hex digits, two for each byte.
fn read_hex(text: &str, bytes: &mut [u8]) -> Option<()> {
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = 16 * digit(&pair[0])? + digit(&pair[1])?;
    }
    Some(())
}

/// Bytes of a trace context as text.
const TEXT_BYTES: usize = 2 + 1 + 32 + 1 + 16 + 1 + 2;

/// The flag that says that the caller may have recorded its part of the trace.
const SAMPLED: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_trace_context_reads_back_as_printed_and_as_kept() {
        let trace: TraceContext = GOOD.parse().expect("a good one");
        assert_eq!(trace.to_string(), GOOD);
        assert_eq!(TraceContext::from_bytes(trace.to_bytes()), trace);
    }

    #[test]
    fn what_the_standard_calls_invalid_is_refused() {
        let bad = [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47é-00f067aa0ba902b7-01x",
        ];
        for text in bad {
            assert_eq!(text.parse::<TraceContext>(), Err(TraceError), "{text}");
        }
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-what-else";
        assert_eq!(later.parse::<TraceContext>().map(|it| it.to_string()), Ok(GOOD.to_owned()));
    }
}
