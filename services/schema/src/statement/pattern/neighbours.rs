//! Repetitions one after the other of the same characters: there are polynomially many ways to share a text
//! among them, and the degree is their number.

use regex_syntax::{ast::Ast, hir::ClassUnicode};

use super::positions::{characters, is_open_repetition, rounds};

/// Whether more repetitions than are allowed share characters with the one before, and nothing stands between
/// that they do not match themselves.
pub(super) fn are_too_many(ast: &Ast, pattern: &str) -> bool {
    let mut chain = Chain::default();
    chain.go_on(ast, pattern);
    chain.longest > NEIGHBOURS_MAX
}

/// Repetitions that share characters, from left to right.
#[derive(Debug, Default)]
struct Chain {
    /// What all of them match.
    common: Option<ClassUnicode>,
    length: usize,
    longest: usize,
}

impl Chain {
    fn go_on(&mut self, ast: &Ast, pattern: &str) {
        match ast {
            Ast::Concat(parts) => parts.asts.iter().for_each(|part| self.go_on(part, pattern)),
            Ast::Group(group) => self.go_on(&group.ast, pattern),
            Ast::Repetition(repetition) if is_open_repetition(repetition) => {
                self.repeats(all_characters(&repetition.ast, pattern));
            }
            // Which of the branches is taken is not known: each is looked at by itself.
            Ast::Alternation(choice) => {
                for branch in &choice.asts {
                    let mut chain = Self::default();
                    chain.go_on(branch, pattern);
                    self.longest = self.longest.max(chain.longest);
                }
                self.passes(ast, pattern);
            }
            Ast::Repetition(_)
            | Ast::Literal(_)
            | Ast::Dot(_)
            | Ast::ClassUnicode(_)
            | Ast::ClassPerl(_)
            | Ast::ClassBracketed(_) => self.passes(ast, pattern),
            Ast::Empty(_) | Ast::Flags(_) | Ast::Assertion(_) => {}
        }
    }

    fn repeats(&mut self, characters: ClassUnicode) {
        let shared = self.common.take().map(|mut common| {
            common.intersect(&characters);
            common
        });
        match shared.filter(|shared| !shared.ranges().is_empty()) {
            Some(shared) => {
                self.common = Some(shared);
                self.length += 1;
            }
            None => {
                self.common = Some(characters);
                self.length = 1;
            }
        }
        self.longest = self.longest.max(self.length);
    }

    /// Goes past something that ends the chain, unless it may be empty or is matched by all of them.
    fn passes(&mut self, ast: &Ast, pattern: &str) {
        let Some(common) = &self.common else { return };
        let mut shared = all_characters(ast, pattern);
        shared.intersect(common);
        if !may_be_empty(ast) && shared.ranges().is_empty() {
            self.common = None;
        }
    }
}

/// All characters that something matches, one or the other.
fn all_characters(ast: &Ast, pattern: &str) -> ClassUnicode {
    let mut all = ClassUnicode::empty();
    match ast {
        Ast::Empty(_) | Ast::Flags(_) | Ast::Assertion(_) => {}
        Ast::Literal(_)
        | Ast::Dot(_)
        | Ast::ClassUnicode(_)
        | Ast::ClassPerl(_)
        | Ast::ClassBracketed(_) => all = characters(ast, pattern),
        Ast::Group(group) => all = all_characters(&group.ast, pattern),
        Ast::Repetition(repetition) => all = all_characters(&repetition.ast, pattern),
        Ast::Alternation(choice) => {
            choice.asts.iter().for_each(|ast| all.union(&all_characters(ast, pattern)));
        }
        Ast::Concat(parts) => {
            parts.asts.iter().for_each(|ast| all.union(&all_characters(ast, pattern)));
        }
    }
    all
}

fn may_be_empty(ast: &Ast) -> bool {
    match ast {
        Ast::Empty(_) | Ast::Flags(_) | Ast::Assertion(_) => true,
        Ast::Literal(_)
        | Ast::Dot(_)
        | Ast::ClassUnicode(_)
        | Ast::ClassPerl(_)
        | Ast::ClassBracketed(_) => false,
        Ast::Group(group) => may_be_empty(&group.ast),
        Ast::Repetition(repetition) => {
            rounds(&repetition.op.kind).0 == 0 || may_be_empty(&repetition.ast)
        }
        Ast::Alternation(choice) => choice.asts.iter().any(may_be_empty),
        Ast::Concat(parts) => parts.asts.iter().all(may_be_empty),
    }
}

/// How many may follow one another: a text of a thousand characters is then shared in a thousand million ways
/// at most, and in practice far fewer.
const NEIGHBOURS_MAX: usize = 3;
