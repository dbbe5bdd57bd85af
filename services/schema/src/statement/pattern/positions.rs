//! A pattern as an automaton whose states are the characters in it (Glushkov 1961; Berry and Sethi 1986).
//!
//! It is made of the pattern as it is written. Engines that go back and try again take the same ways.

use std::collections::{BTreeMap, BTreeSet};

use regex_syntax::{
    Parser,
    ast::{Ast, Repetition, RepetitionKind, RepetitionRange},
    hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind},
};

use super::{ROUNDS_MAX, is_open};

/// The places of a pattern where a character stands, and which may follow upon which.
#[derive(Debug, Default)]
pub(super) struct Positions {
    /// What may stand at each.
    pub(super) characters: Vec<ClassUnicode>,
    /// Which follow, and in how many ways.
    pub(super) next: Vec<BTreeMap<usize, u32>>,
    /// How often one was said to follow upon another.
    joined: usize,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// There are too many places, or ways from one to another.
    TooMany,
    /// Something that may be empty is repeated so many times, as in `(a?){30}`.
    CountsWhatMayBeEmpty,
}

/// What a part of a pattern begins and ends with.
#[derive(Clone, Debug, Default)]
struct Part {
    first: BTreeSet<usize>,
    last: BTreeSet<usize>,
    is_nullable: bool,
}

impl Positions {
    /// The automaton of a pattern.
    pub(super) fn of(ast: &Ast, pattern: &str) -> Result<Self, Unfit> {
        let mut positions = Self::default();
        positions.part(ast, pattern)?;
        Ok(positions)
    }

    fn part(&mut self, ast: &Ast, pattern: &str) -> Result<Part, Unfit> {
        match ast {
            Ast::Empty(_) | Ast::Flags(_) | Ast::Assertion(_) => Ok(Part::nothing()),
            Ast::Literal(_)
            | Ast::Dot(_)
            | Ast::ClassUnicode(_)
            | Ast::ClassPerl(_)
            | Ast::ClassBracketed(_) => self.character(characters(ast, pattern)),
            Ast::Group(group) => self.part(&group.ast, pattern),
            Ast::Repetition(repetition) => self.repetition(repetition, pattern),
            Ast::Alternation(choice) => {
                let mut all = Part::default();
                for ast in &choice.asts {
                    let part = self.part(ast, pattern)?;
                    all.first.extend(part.first);
                    all.last.extend(part.last);
                    all.is_nullable |= part.is_nullable;
                }
                Ok(all)
            }
            Ast::Concat(parts) => {
                let mut all = Part::nothing();
                for ast in &parts.asts {
                    let part = self.part(ast, pattern)?;
                    all = self.one_after_the_other(all, part)?;
                }
                Ok(all)
            }
        }
    }

    fn character(&mut self, characters: ClassUnicode) -> Result<Part, Unfit> {
        let number = self.characters.len();
        if number == POSITIONS_MAX {
            return Err(Unfit::TooMany);
        }
        self.characters.push(characters);
        self.next.push(BTreeMap::new());
        Ok(Part { first: [number].into(), last: [number].into(), is_nullable: false })
    }

    fn one_after_the_other(&mut self, one: Part, other: Part) -> Result<Part, Unfit> {
        self.join(&one.last, &other.first)?;
        let mut first = one.first;
        if one.is_nullable {
            first.extend(&other.first);
        }
        let mut last = other.last;
        if other.is_nullable {
            last.extend(one.last);
        }
        Ok(Part { first, last, is_nullable: one.is_nullable && other.is_nullable })
    }

    fn join(&mut self, last: &BTreeSet<usize>, first: &BTreeSet<usize>) -> Result<(), Unfit> {
        self.joined += last.len() * first.len();
        if self.joined > JOINED_MAX {
            return Err(Unfit::TooMany);
        }
        for from in last {
            for to in first {
                *self.next[*from].entry(*to).or_default() += 1;
            }
        }
        Ok(())
    }

    fn repetition(&mut self, repetition: &Repetition, pattern: &str) -> Result<Part, Unfit> {
        let (least, most) = rounds(&repetition.op.kind);
        let is_written_out = match most {
            None => false,
            Some(most) if most <= ROUNDS_MAX => true,
            // As long as it is always the same, ten rounds show what a hundred would.
            Some(most) => least == most && is_plain(&repetition.ast),
        };
        if !is_written_out {
            let mut part = self.part(&repetition.ast, pattern)?;
            if most.is_some() && part.is_nullable {
                return Err(Unfit::CountsWhatMayBeEmpty);
            }
            self.join(&part.last, &part.first)?;
            part.is_nullable |= least == 0;
            return Ok(part);
        }
        let most = most.unwrap_or(ROUNDS_MAX).min(ROUNDS_MAX);
        let mut all = Part::nothing();
        // Where it ends that is repeated as often as it must be, and not as often as it may be.
        let mut ends: BTreeSet<usize> = BTreeSet::new();
        for round in 1..=most {
            if round > least {
                ends.extend(&all.last);
            }
            let part = self.part(&repetition.ast, pattern)?;
            all = self.one_after_the_other(all, part)?;
        }
        all.last.extend(ends);
        all.is_nullable |= least == 0;
        Ok(all)
    }
}

impl Part {
    fn nothing() -> Self {
        Self { is_nullable: true, ..Self::default() }
    }
}

/// How often something is repeated, at least and at most.
pub(super) fn rounds(kind: &RepetitionKind) -> (u32, Option<u32>) {
    match kind {
        RepetitionKind::ZeroOrOne => (0, Some(1)),
        RepetitionKind::ZeroOrMore => (0, None),
        RepetitionKind::OneOrMore => (1, None),
        RepetitionKind::Range(RepetitionRange::Exactly(rounds)) => (*rounds, Some(*rounds)),
        RepetitionKind::Range(RepetitionRange::AtLeast(least)) => (*least, None),
        RepetitionKind::Range(RepetitionRange::Bounded(least, most)) => (*least, Some(*most)),
    }
}

/// Whether something has neither choices nor parts whose number is not fixed.
fn is_plain(ast: &Ast) -> bool {
    match ast {
        Ast::Empty(_)
        | Ast::Flags(_)
        | Ast::Literal(_)
        | Ast::Dot(_)
        | Ast::Assertion(_)
        | Ast::ClassUnicode(_)
        | Ast::ClassPerl(_)
        | Ast::ClassBracketed(_) => true,
        Ast::Alternation(_) => false,
        Ast::Group(group) => is_plain(&group.ast),
        Ast::Concat(parts) => parts.asts.iter().all(is_plain),
        Ast::Repetition(repetition) => {
            let (least, most) = rounds(&repetition.op.kind);
            most == Some(least) && is_plain(&repetition.ast)
        }
    }
}

/// Whether a repetition has many rounds, and how many is not fixed.
pub(super) fn is_open_repetition(repetition: &Repetition) -> bool {
    let (least, most) = rounds(&repetition.op.kind);
    is_open(least, most)
}

/// The characters of which a leaf matches one. Without flags a leaf means the same wherever it stands.
pub(super) fn characters(leaf: &Ast, pattern: &str) -> ClassUnicode {
    let span = leaf.span();
    let parsed = Parser::new().parse(&pattern[span.start.offset..span.end.offset]);
    let whole = || ClassUnicode::new([ClassUnicodeRange::new('\0', char::MAX)]);
    let Ok(hir) = parsed else { return whole() };
    match hir.into_kind() {
        HirKind::Class(Class::Unicode(class)) => class,
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0).map(str::chars) {
            Ok(characters) => {
                ClassUnicode::new(characters.map(|it| ClassUnicodeRange::new(it, it)))
            }
            Err(_) => whole(),
        },
        // A class of no character.
        HirKind::Empty
        | HirKind::Class(Class::Bytes(_))
        | HirKind::Look(_)
        | HirKind::Repetition(_)
        | HirKind::Capture(_)
        | HirKind::Concat(_)
        | HirKind::Alternation(_) => ClassUnicode::empty(),
    }
}

/// How many places of characters a pattern may have, small repetitions written out.
const POSITIONS_MAX: usize = 512;

/// How many ways there may be from one place to another, all together: some milliseconds.
const JOINED_MAX: usize = 400_000;
