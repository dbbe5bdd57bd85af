//! How messages and rows become bytes.

use bytes::Bytes;
use postcard::ser_flavors::Size;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Change, Condition, DeviceCall, EntityBatch, EntityPatch, IdempotencyKey, Match, Message,
    PartRequest, SchemaChange, StatementEdit,
};
use crate::{
    limits::{
        APP_VERSION_BYTES_MAX, BATCH_PARTS_MAX, DEVICE_DATABASES_MAX, ENTITY_ID_BYTES_MAX,
        IDEMPOTENCY_KEY_BYTES_MAX, PRECONDITION_REVISIONS_MAX, RECORD_BYTES_MAX,
    },
    topic::Topic,
};

/// The format that this release writes. It reads every format up to this one.
pub const FORMAT_VERSION: u8 = 1;

/// Why a payload or a row could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It has no bytes, so not even a format version.
    #[error("it is empty, and has no format version")]
    Empty,
    /// It was written by a newer release.
    #[error(
        "it has format version {0}, and this release reads up to {FORMAT_VERSION}: \
         replace this node by a newer one"
    )]
    NewerVersion(u8),
    /// Its bytes make no message.
    #[error("its bytes make no message: {0}")]
    Malformed(Box<str>),
    /// It is a message of another topic.
    #[error("it is a message for {found}, and does not belong into {topic}")]
    WrongTopic {
        /// The topic that it was read from.
        topic: Topic,
        /// The topic that it belongs to.
        found: Topic,
    },
    /// It breaks a limit.
    #[error("it breaks a limit: {0}")]
    Limit(Box<str>),
}

impl Message {
    /// The payload of the message.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        encode_row(self)
    }

    /// Reads the payload of a record of `topic`.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or breaks a limit that every writer must keep. Only
    /// [`DecodeError::NewerVersion`] says nothing against the record.
    pub fn decode(topic: Topic, payload: &[u8]) -> Result<Self, DecodeError> {
        if payload.len() > RECORD_BYTES_MAX {
            return Err(limit(format!("{} bytes of {RECORD_BYTES_MAX}", payload.len())));
        }
        let message: Self = decode_row(payload)?;
        if message.topic() != topic {
            return Err(DecodeError::WrongTopic { topic, found: message.topic() });
        }
        message.check()?;
        Ok(message)
    }

    /// Checks what clients put into their requests. What services write they keep to themselves.
    fn check(&self) -> Result<(), DecodeError> {
        match self {
            Self::EntityPatch(patch) => check_patch(patch),
            Self::EntityBatch(batch) => check_batch(batch),
            Self::EntityUpdate(_)
            | Self::PartialResponse(_)
            | Self::CompleteResponse(_)
            | Self::SchemaUpdate(_)
            | Self::DeadLetter(_)
            | Self::Owner(_)
            | Self::DefinitionUpdate(_)
            | Self::LearningSwitch(_)
            | Self::MarkedUpdate(_)
            | Self::Lesson(_)
            | Self::WalkEnded(_)
            | Self::LearnedDefinition(_)
            | Self::Zone(_)
            | Self::ForDevice(_)
            | Self::DeviceNotification(_)
            | Self::DeviceUpdate(_)
            | Self::ForgetZone(_) => Ok(()),
            Self::DeviceCall(call) => check_device_call(call),
            Self::SchemaPatch(patch) => check_schema_change(&patch.change),
        }
    }
}

/// A value as a row of a table, or as a payload: its format version, then postcard.
#[must_use]
pub fn encode_row<T: Serialize>(value: &T) -> Bytes {
    const REASON: &str =
        "our messages have no type that postcard cannot write, and a Vec takes all";
    // Counting first costs less than a buffer that grows.
    let size = postcard::serialize_with_flavor(value, Size::default()).expect(REASON);
    let mut bytes = Vec::with_capacity(1 + size);
    bytes.push(FORMAT_VERSION);
    postcard::to_extend(value, bytes).expect(REASON).into()
}

/// Reads what [`encode_row`] wrote.
///
/// # Errors
///
/// If it is of a newer format, or makes no `T`.
pub fn decode_row<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (version, rest) = bytes.split_first().ok_or(DecodeError::Empty)?;
    if *version > FORMAT_VERSION {
        return Err(DecodeError::NewerVersion(*version));
    }
    if *version == 0 {
        return Err(DecodeError::Malformed("there is no format version 0".into()));
    }
    let (value, rest) = postcard::take_from_bytes(rest).map_err(malformed)?;
    if !rest.is_empty() {
        let text = format!("{} bytes are left over at its end", rest.len());
        return Err(DecodeError::Malformed(text.into()));
    }
    Ok(value)
}

fn check_patch(patch: &EntityPatch) -> Result<(), DecodeError> {
    let part = patch.part;
    if part.number == 0 || part.number > part.of || part.of as usize > BATCH_PARTS_MAX {
        return Err(limit(format!("part {part} of at most {BATCH_PARTS_MAX}")));
    }
    check_key(patch.key.as_ref())?;
    patch.request.check()
}

impl PartRequest {
    /// Checks what a client put into one part against the limits.
    ///
    /// # Errors
    ///
    /// If it breaks one.
    pub fn check(&self) -> Result<(), DecodeError> {
        check_condition(&self.condition)?;
        check_change(&self.change)
    }
}

fn check_batch(batch: &EntityBatch) -> Result<(), DecodeError> {
    if batch.parts.len() > BATCH_PARTS_MAX {
        return Err(limit(format!("{} parts of at most {BATCH_PARTS_MAX}", batch.parts.len())));
    }
    check_key(batch.key.as_ref())
}

fn check_change(change: &Change) -> Result<(), DecodeError> {
    match change {
        Change::Create(document) | Change::Replace(document) | Change::Merge(document) => {
            document.check().map_err(|error| limit(error.to_string()))
        }
        Change::Read | Change::Patch(_) | Change::Operations(_) | Change::Delete => Ok(()),
    }
}

fn check_schema_change(change: &SchemaChange) -> Result<(), DecodeError> {
    match change {
        SchemaChange::Read | SchemaChange::Provision | SchemaChange::SwitchLearning { .. } => {
            Ok(())
        }
        SchemaChange::State { edit, condition, .. } => {
            check_condition(condition)?;
            match edit {
                StatementEdit::Replace(document) | StatementEdit::Merge(document) => {
                    document.check().map_err(|error| limit(error.to_string()))
                }
                StatementEdit::Patch(_) | StatementEdit::Remove => Ok(()),
            }
        }
    }
}

fn check_device_call(call: &DeviceCall) -> Result<(), DecodeError> {
    let DeviceCall::Connect(connect) = call else { return Ok(()) };
    let databases = connect.databases.len();
    if databases > DEVICE_DATABASES_MAX {
        return Err(limit(format!("{databases} databases of at most {DEVICE_DATABASES_MAX}")));
    }
    let bytes = connect.app_version.as_ref().map_or(0, |version| version.len());
    if bytes > APP_VERSION_BYTES_MAX {
        return Err(limit(format!(
            "an app's version of {bytes} bytes of at most {APP_VERSION_BYTES_MAX}"
        )));
    }
    Ok(())
}

fn check_condition(condition: &Condition) -> Result<(), DecodeError> {
    for wanted in [&condition.matches, &condition.none_match].into_iter().flatten() {
        match wanted {
            Match::Revisions(revisions) if revisions.len() > PRECONDITION_REVISIONS_MAX => {
                return Err(limit(format!(
                    "a precondition of {} revisions of at most {PRECONDITION_REVISIONS_MAX}",
                    revisions.len()
                )));
            }
            Match::Revisions(_) | Match::Any => {}
        }
    }
    Ok(())
}

fn check_key(key: Option<&IdempotencyKey>) -> Result<(), DecodeError> {
    let Some(key) = key else { return Ok(()) };
    if key.key.len() > IDEMPOTENCY_KEY_BYTES_MAX {
        return Err(limit(format!(
            "an idempotency key of {} bytes of at most {IDEMPOTENCY_KEY_BYTES_MAX}",
            key.key.len()
        )));
    }
    if key.scope.len() > SCOPE_BYTES_MAX {
        return Err(limit(format!(
            "an idempotency key's scope of {} bytes of at most {SCOPE_BYTES_MAX}",
            key.scope.len()
        )));
    }
    Ok(())
}

fn limit(text: String) -> DecodeError {
    DecodeError::Limit(text.into())
}

fn malformed(error: postcard::Error) -> DecodeError {
    DecodeError::Malformed(error.to_string().into())
}

/// Bytes of an idempotency key's scope: a method and an id. Each part of a batch carries it.
const SCOPE_BYTES_MAX: usize = ENTITY_ID_BYTES_MAX + 64;
