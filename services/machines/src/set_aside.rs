//! Records that a service cannot take.

use tidelog_core::{Effects, Message, ServiceName, Source};

/// Sets a record aside that could be decoded, and that the service cannot take all the same.
pub(crate) fn set_aside(
    service: ServiceName,
    source: Source,
    message: &Message,
    reason: impl ToString,
    effects: &mut Effects,
) {
    effects.dead_letter(service, source, reason, message.key().as_bytes(), &message.encode());
}

/// Sets a message aside that belongs to no input of the service.
pub(crate) fn set_aside_as_foreign(
    service: ServiceName,
    source: Source,
    message: &Message,
    effects: &mut Effects,
) {
    let reason = format!("{service} does not read messages for {}", message.topic());
    set_aside(service, source, message, reason, effects);
}

/// The text, cut between characters where it is longer than `bytes_max`.
pub(crate) fn cut(text: &str, bytes_max: usize) -> Box<str> {
    text[..text.floor_char_boundary(bytes_max)].into()
}
