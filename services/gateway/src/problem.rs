//! The kinds of problem that a client of the gateway can meet, in one table.
//!
//! Each has a section in `docs/problems.md`, which the gateway serves under the problem's `type`:
//! `/problems/{name}`, a reference that holds wherever the gateway is reached.

use axum::http::StatusCode;
use tidelog_core::ProblemKind;

/// A kind of problem: one of the core's, or one that only HTTP has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Of the core.
    Core(ProblemKind),
    /// There is nothing under this URL.
    UnknownRoute,
    /// What is under this URL does not have this method.
    MethodNotAllowed,
    /// The body is of a media type, or in an encoding, that is not taken here.
    UnsupportedMediaType,
    /// The body did not come in time.
    BodyTimeout,
    /// The header did not come in time.
    HeaderTimeout,
    /// The target and the header fields are too large together.
    HeaderTooLarge,
    /// An earlier request under the same idempotency key is still under way.
    RequestInFlight,
    /// The gateway has too much to do.
    Busy,
    /// The gateway has just been started, and does not know the databases yet.
    NotReady,
    /// The log cannot be reached.
    LogUnreachable,
    /// Tasks of this node do not do their work.
    TasksNotRunning,
    /// The cursor is not one of this list.
    InvalidCursor,
    /// The position is not one of this log.
    UnknownPosition,
    /// The token is not one of this zone's change feed.
    InvalidChangeToken,
    /// What comes after the token is kept no more.
    ChangeTokenExpired,
    /// The user has as many devices as can be.
    TooManyDevices,
}

/// What is told about a kind of problem.
pub(crate) struct Row {
    /// Its name in URLs and in the documentation.
    pub name: &'static str,
    /// The status of an answer with it.
    pub status: StatusCode,
    /// What it is in a few words.
    pub title: &'static str,
    /// Whether the same request can succeed if it is sent again, and be sent again without harm; of
    /// an unknown outcome it depends on the request.
    pub retryable: bool,
}

impl Kind {
    /// The kinds that only HTTP has.
    #[cfg(test)]
    const OWN: [Self; 16] = [
        Self::UnknownRoute,
        Self::MethodNotAllowed,
        Self::UnsupportedMediaType,
        Self::BodyTimeout,
        Self::HeaderTimeout,
        Self::HeaderTooLarge,
        Self::RequestInFlight,
        Self::Busy,
        Self::NotReady,
        Self::LogUnreachable,
        Self::TasksNotRunning,
        Self::InvalidCursor,
        Self::UnknownPosition,
        Self::InvalidChangeToken,
        Self::ChangeTokenExpired,
        Self::TooManyDevices,
    ];

    /// Every kind.
    #[cfg(test)]
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        ProblemKind::ALL.into_iter().map(Self::Core).chain(Self::OWN)
    }

    /// What is told about it.
    #[rustfmt::skip]
    pub(crate) fn row(self) -> Row {
        use StatusCode as S;
        let (name, status, title, retryable) = match self {
            Self::Core(kind) => {
                let (status, title, retryable) = core_row(kind);
                (kind.name(), status, title, retryable)
            }
            Self::UnknownRoute =>         ("unknown-route",          S::NOT_FOUND,                       "There is nothing under this URL",               false),
            Self::MethodNotAllowed =>     ("method-not-allowed",     S::METHOD_NOT_ALLOWED,              "The method is not allowed here",                false),
            Self::UnsupportedMediaType => ("unsupported-media-type", S::UNSUPPORTED_MEDIA_TYPE,          "The body is of a media type not taken here",    false),
            Self::BodyTimeout =>          ("body-timeout",           S::REQUEST_TIMEOUT,                 "The body did not come in time",                 true),
            Self::HeaderTimeout =>        ("header-timeout",         S::REQUEST_TIMEOUT,                 "The header did not come in time",               true),
            Self::HeaderTooLarge =>       ("header-too-large",       S::REQUEST_HEADER_FIELDS_TOO_LARGE, "The header is too large",                       false),
            Self::RequestInFlight =>      ("request-in-flight",      S::CONFLICT,                        "A request under this key is still under way",   true),
            Self::Busy =>                 ("busy",                   S::SERVICE_UNAVAILABLE,             "Too many requests are under way",               true),
            Self::NotReady =>             ("not-ready",              S::SERVICE_UNAVAILABLE,             "The gateway is not ready yet",                  true),
            Self::LogUnreachable =>       ("log-unreachable",        S::SERVICE_UNAVAILABLE,             "The log cannot be reached",                     true),
            Self::TasksNotRunning =>      ("tasks-not-running",      S::SERVICE_UNAVAILABLE,             "Some tasks of this node do not do their work",  true),
            Self::UnknownPosition =>      ("unknown-position",       S::BAD_REQUEST,                     "The position is not one of this log",           false),
            Self::InvalidCursor =>        ("invalid-cursor",         S::BAD_REQUEST,                     "The cursor is not one of this list",            false),
            Self::InvalidChangeToken =>   ("invalid-change-token",   S::BAD_REQUEST,                     "The token is not one of this zone's feed",      false),
            Self::ChangeTokenExpired =>   ("change-token-expired",   S::GONE,                            "Changes after the token are kept no more",      false),
            Self::TooManyDevices =>       ("too-many-devices",       S::CONFLICT,                        "The user has as many devices as can be",        false),
        };
        Row { name, status, title, retryable }
    }
}

impl From<ProblemKind> for Kind {
    fn from(kind: ProblemKind) -> Self {
        Self::Core(kind)
    }
}

#[rustfmt::skip]
fn core_row(kind: ProblemKind) -> (StatusCode, &'static str, bool) {
    use {ProblemKind as P, StatusCode as S};
    match kind {
        P::BadRequest =>         (S::BAD_REQUEST,          "The request is not well-formed",               false),
        P::UnknownDatabase =>    (S::NOT_FOUND,            "The database has not been provisioned",        false),
        P::NotFound =>           (S::NOT_FOUND,            "There is no such thing",                       false),
        P::PreconditionFailed => (S::PRECONDITION_FAILED,  "A precondition does not hold",                 false),
        P::TestFailed =>         (S::CONFLICT,             "A test of the patch failed",                   false),
        P::PathMissing =>        (S::CONFLICT,             "A path of the patch leads nowhere",            false),
        P::WrongType =>          (S::UNPROCESSABLE_ENTITY, "An operation met a value of the wrong type",   false),
        P::NumberNotKept =>      (S::UNPROCESSABLE_ENTITY, "A number cannot be kept without loss",         false),
        P::TooLarge =>           (S::PAYLOAD_TOO_LARGE,    "Too large",                                    false),
        P::TooDeep =>            (S::UNPROCESSABLE_ENTITY, "The document would be nested too deep",        false),
        P::TooMuchWork =>        (S::UNPROCESSABLE_ENTITY, "The patch is too much work",                   false),
        P::KeyReused =>          (S::UNPROCESSABLE_ENTITY, "The idempotency key was used otherwise",       false),
        P::Stale =>              (S::CONFLICT,             "The request was given up before",              false),
        P::Expired =>            (S::CONFLICT,             "The request was first sent too long ago",      false),
        P::TooFarAhead =>        (S::SERVICE_UNAVAILABLE,  "Too many requests are without an outcome",     true),
        P::AnotherDatabase =>    (S::BAD_REQUEST,          "The part is about another database",           false),
        P::OutcomeUnknown =>     (S::GATEWAY_TIMEOUT,      "What became of the request is not known",      false),
        P::Unavailable =>        (S::SERVICE_UNAVAILABLE,  "The system cannot take the request now",       true),
        P::InvalidSchema =>      (S::UNPROCESSABLE_ENTITY, "The schema is not one that is taken",          false),
        P::LearningOff =>        (S::CONFLICT,             "Learning is off",                              false),
    }
}

/// The text of `docs/problems.md`.
const PAGES: &str = include_str!("../../../docs/problems.md");

/// The section of `docs/problems.md` about a kind of problem, if there is one of that name.
pub(crate) fn page(name: &str) -> Option<&'static str> {
    let is_heading = |line: &str| line.strip_prefix("## ").is_some_and(|rest| rest.trim() == name);
    let mut at = 0;
    let begin = PAGES.split_inclusive('\n').find_map(|line| {
        let begin = at;
        at += line.len();
        is_heading(line).then_some(begin)
    })?;
    let section = &PAGES[begin..];
    Some(section[3..].find("\n## ").map_or(section, |end| &section[..end + 4]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_has_a_section_that_gives_its_status() {
        for kind in Kind::all() {
            let row = kind.row();
            let page = page(row.name).unwrap_or_else(|| panic!("no section for {}", row.name));
            let retryable = match kind {
                Kind::Core(ProblemKind::OutcomeUnknown) => "retryable only if it is harmless",
                _ if row.retryable => "retryable",
                _ => "not retryable",
            };
            let facts = format!("**{}**, {retryable}.", row.status.as_u16());
            assert!(page.contains(&facts), "the section of {} lacks {facts:?}", row.name);
        }
    }

    #[test]
    fn every_section_is_about_a_kind() {
        let kinds: BTreeSet<_> = Kind::all().map(|kind| kind.row().name).collect();
        let sections: BTreeSet<_> =
            PAGES.lines().filter_map(|line| line.strip_prefix("## ")).map(str::trim).collect();
        assert_eq!(kinds, sections);
    }

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = Kind::all().map(|kind| kind.row().name).collect();
        assert_eq!(names.len(), Kind::all().count());
    }

    #[test]
    fn a_section_ends_before_the_next() {
        let page = page("not-found").expect("a section");
        assert_eq!(page.matches("## ").count(), 1);
        assert!(self::page("no-such-problem").is_none());
    }
}
