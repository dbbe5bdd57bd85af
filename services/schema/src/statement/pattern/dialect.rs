//! What regular expressions here have that ECMA-262's, which JSON Schema means, do not.

use regex_syntax::ast::{
    AssertionKind, Ast, ClassSet, ClassSetItem, GroupKind, HexLiteralKind, Literal, LiteralKind,
};

/// What in a pattern other engines refuse, or read in another way.
pub(super) fn foreign(ast: &Ast) -> Option<&'static str> {
    match ast {
        Ast::Empty(_) | Ast::Dot(_) | Ast::ClassUnicode(_) | Ast::ClassPerl(_) => None,
        Ast::Flags(_) => Some(FLAGS),
        Ast::Literal(literal) => foreign_literal(literal),
        Ast::Assertion(assertion) => match assertion.kind {
            AssertionKind::StartLine
            | AssertionKind::EndLine
            | AssertionKind::WordBoundary
            | AssertionKind::NotWordBoundary => None,
            AssertionKind::StartText | AssertionKind::EndText => {
                Some("\\A and \\z are no part of them; take ^ and $")
            }
            AssertionKind::WordBoundaryStart
            | AssertionKind::WordBoundaryEnd
            | AssertionKind::WordBoundaryStartAngle
            | AssertionKind::WordBoundaryEndAngle
            | AssertionKind::WordBoundaryStartHalf
            | AssertionKind::WordBoundaryEndHalf => {
                Some("starts and ends of words are no part of them; take \\b")
            }
        },
        Ast::ClassBracketed(class) => foreign_set(&class.kind),
        Ast::Repetition(repetition) => foreign(&repetition.ast),
        Ast::Group(group) => match &group.kind {
            GroupKind::CaptureIndex(_) => None,
            GroupKind::CaptureName { starts_with_p, .. } => {
                starts_with_p.then_some("a name is given to a group by (?<name>…)")
            }
            GroupKind::NonCapturing(flags) => (!flags.items.is_empty()).then_some(FLAGS),
        }
        .or_else(|| foreign(&group.ast)),
        Ast::Alternation(choice) => choice.asts.iter().find_map(foreign),
        Ast::Concat(parts) => parts.asts.iter().find_map(foreign),
    }
}

fn foreign_literal(literal: &Literal) -> Option<&'static str> {
    match literal.kind {
        LiteralKind::HexBrace(HexLiteralKind::X | HexLiteralKind::UnicodeLong)
        | LiteralKind::HexFixed(HexLiteralKind::UnicodeLong) => {
            Some("a character is given by its number as \\u{1F600} or \\uABCD")
        }
        LiteralKind::Verbatim
        | LiteralKind::Meta
        | LiteralKind::Superfluous
        | LiteralKind::Octal
        | LiteralKind::HexFixed(HexLiteralKind::X | HexLiteralKind::UnicodeShort)
        | LiteralKind::HexBrace(HexLiteralKind::UnicodeShort)
        | LiteralKind::Special(_) => None,
    }
}

fn foreign_set(set: &ClassSet) -> Option<&'static str> {
    match set {
        ClassSet::BinaryOp(_) => Some("classes are not intersected or subtracted in them"),
        ClassSet::Item(item) => foreign_item(item),
    }
}

fn foreign_item(item: &ClassSetItem) -> Option<&'static str> {
    match item {
        ClassSetItem::Empty(_) | ClassSetItem::Unicode(_) | ClassSetItem::Perl(_) => None,
        ClassSetItem::Literal(literal) => foreign_literal(literal),
        ClassSetItem::Range(range) => {
            foreign_literal(&range.start).or_else(|| foreign_literal(&range.end))
        }
        ClassSetItem::Ascii(_) => Some("[:alpha:] and its like are no part of them"),
        ClassSetItem::Bracketed(_) => Some("a class has no class in it"),
        ClassSetItem::Union(union) => union.items.iter().find_map(foreign_item),
    }
}

const FLAGS: &str = "flags are no part of them; write both cases, as in [Aa]";
