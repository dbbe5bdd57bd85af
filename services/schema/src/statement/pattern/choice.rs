//! Choices between things that match the same, round after round, as in `(a|a)*`.
//!
//! They are looked for in the pattern as it is written: what an automaton is made of has them merged
//! already, and it is not the automaton that would explode.

use regex_syntax::{
    Parser,
    ast::{Ast, RepetitionKind, RepetitionRange},
    hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind},
};

use super::is_open;

/// Whether an open repetition has a choice, and nothing else, of which two branches match the same: the
/// same thing, characters that both have, or the same text a number of times.
pub(super) fn repeats_choice(ast: &Ast, pattern: &str) -> bool {
    match ast {
        Ast::Empty(_)
        | Ast::Flags(_)
        | Ast::Literal(_)
        | Ast::Dot(_)
        | Ast::Assertion(_)
        | Ast::ClassUnicode(_)
        | Ast::ClassPerl(_)
        | Ast::ClassBracketed(_) => false,
        Ast::Repetition(repetition) => {
            let is_open = is_open_kind(&repetition.op.kind);
            (is_open && has_same_branches(branches(&repetition.ast), pattern))
                || repeats_choice(&repetition.ast, pattern)
        }
        Ast::Group(group) => repeats_choice(&group.ast, pattern),
        Ast::Alternation(choice) => choice.asts.iter().any(|ast| repeats_choice(ast, pattern)),
        Ast::Concat(parts) => parts.asts.iter().any(|ast| repeats_choice(ast, pattern)),
    }
}

fn is_open_kind(kind: &RepetitionKind) -> bool {
    match kind {
        RepetitionKind::ZeroOrOne | RepetitionKind::Range(RepetitionRange::Exactly(_)) => false,
        RepetitionKind::ZeroOrMore
        | RepetitionKind::OneOrMore
        | RepetitionKind::Range(RepetitionRange::AtLeast(_)) => true,
        RepetitionKind::Range(RepetitionRange::Bounded(min, max)) => is_open(*min, Some(*max)),
    }
}

/// What there is to choose from.
fn branches(ast: &Ast) -> &[Ast] {
    match ast {
        Ast::Group(group) => branches(&group.ast),
        Ast::Alternation(choice) => &choice.asts,
        Ast::Empty(_)
        | Ast::Flags(_)
        | Ast::Literal(_)
        | Ast::Dot(_)
        | Ast::Assertion(_)
        | Ast::ClassUnicode(_)
        | Ast::ClassPerl(_)
        | Ast::ClassBracketed(_)
        | Ast::Repetition(_)
        | Ast::Concat(_) => &[],
    }
}

fn has_same_branches(branches: &[Ast], pattern: &str) -> bool {
    let compile = |ast: &Ast| {
        let span = ast.span();
        Parser::new().parse(&pattern[span.start.offset..span.end.offset]).ok()
    };
    let branches: Vec<Hir> = branches.iter().filter_map(compile).collect();
    let later = |nth: usize| branches.get(nth + 1..).unwrap_or_default();
    (0..).zip(&branches).any(|(nth, one)| later(nth).iter().any(|other| are_same(one, other)))
}

fn are_same(one: &Hir, other: &Hir) -> bool {
    if one == other {
        return true;
    }
    if let (Some(mut one), Some(other)) = (characters(one), characters(other)) {
        one.intersect(&other);
        return !one.ranges().is_empty();
    }
    let (HirKind::Literal(one), HirKind::Literal(other)) = (one.kind(), other.kind()) else {
        return false;
    };
    is_repeated(&one.0, &other.0) || is_repeated(&other.0, &one.0)
}

/// The characters of which it matches one.
fn characters(hir: &Hir) -> Option<ClassUnicode> {
    if let HirKind::Class(Class::Unicode(class)) = hir.kind() {
        return Some(class.clone());
    }
    let HirKind::Literal(literal) = hir.kind() else { return None };
    let mut characters = std::str::from_utf8(&literal.0).ok()?.chars();
    let only = characters.next().filter(|_| characters.next().is_none())?;
    Some(ClassUnicode::new([ClassUnicodeRange::new(only, only)]))
}

/// Whether a text is another one, a number of times.
fn is_repeated(text: &[u8], of: &[u8]) -> bool {
    !of.is_empty()
        && text.len().is_multiple_of(of.len())
        && text.chunks(of.len()).all(|it| it == of)
}
