//! Puts all mutants of a file into its text, each behind a switch. The code of the program stays as it is; text is
//! only added to it:
//!
//! ```text
//! a < b    ->   (if alive(7) { a <= b } else if alive(8) { a > b } else { a < b })
//! ```
//!
//! What a function gives that says only `impl Iterator` has to stay of one type:
//!
//! ```text
//! fn f() -> impl Iterator<Item = u8> { g() }
//!     ->  { (g()).filter(|_| !(alive(9))).chain(if alive(9) { Some(1) } else { None }) }
//! ```
//!
//! What is inside of an alternative is not changed further, since one mutant lives at a time.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{LineColumn, Span};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::list::{offset, Genre, Mutant};

/// A text with mutants in it.
pub struct Woven {
    pub text: String,
    /// Where which mutant's own text is.
    alternatives: Vec<(usize, usize, u32)>,
    /// What the alternatives were put around.
    wraps: Vec<(usize, usize, Vec<u32>)>,
    /// Those that are in it.
    pub numbers: BTreeSet<u32>,
}

impl Woven {
    /// The mutant whose text this is; else those around whose original this is.
    pub fn at(&self, place: usize) -> Vec<u32> {
        let inside = |from: usize, to: usize| (from..to).contains(&place);
        let own = self
            .alternatives
            .iter()
            .find(|(from, to, _)| inside(*from, *to));
        if let Some((_, _, number)) = own {
            return vec![*number];
        }
        let around = self
            .wraps
            .iter()
            .filter(|(from, to, numbers)| inside(*from, *to) && !numbers.is_empty());
        let least = around.min_by_key(|(from, to, _)| to - from);
        least.map_or(Vec::new(), |(_, _, numbers)| numbers.clone())
    }
}

/// A piece of text that is added.
struct Piece {
    at: usize,
    /// What ends here comes before what begins here.
    begins: bool,
    text: String,
    /// The alternatives in it.
    own: Vec<(usize, usize, u32)>,
    /// The wrap it begins or ends, and its mutants.
    wrap: Option<(usize, Vec<u32>)>,
}

struct Weaver<'a> {
    source: &'a str,
    /// By genre and the place where they begin.
    mutants: BTreeMap<(u8, usize), Vec<&'a Mutant>>,
    pieces: Vec<Piece>,
    wraps: usize,
    /// Within a `const`, where nothing can be switched.
    constant: usize,
}

/// With these mutants, as far as they can be switched.
pub fn weave(source: &str, mutants: &[&Mutant]) -> Woven {
    let mut weaver = Weaver {
        source,
        mutants: BTreeMap::new(),
        pieces: Vec::new(),
        wraps: 0,
        constant: 0,
    };
    for mutant in mutants {
        let place = (mutant.genre as u8, mutant.from);
        weaver.mutants.entry(place).or_default().push(mutant);
    }
    weaver.visit_file(&syn::parse_file(source).expect("the source parses"));
    weaver.done()
}

impl<'a> Weaver<'a> {
    fn done(mut self) -> Woven {
        self.pieces.sort_by_key(|piece| (piece.at, piece.begins));
        let mut woven = Woven {
            text: String::new(),
            alternatives: Vec::new(),
            wraps: Vec::new(),
            numbers: BTreeSet::new(),
        };
        let mut open: BTreeMap<usize, usize> = BTreeMap::new();
        let mut at = 0;
        for piece in self.pieces {
            woven.text += &self.source[at..piece.at];
            at = piece.at;
            let start = woven.text.len();
            woven.text += &piece.text;
            for (from, to, number) in piece.own {
                woven.alternatives.push((start + from, start + to, number));
                woven.numbers.insert(number);
            }
            match piece.wrap {
                Some((wrap, _)) if piece.begins => {
                    open.insert(wrap, start);
                }
                Some((wrap, numbers)) => {
                    let end = woven.text.len();
                    woven.wraps.push((open[&wrap], end, numbers));
                }
                None => {}
            }
        }
        woven.text += &self.source[at..];
        woven
    }

    fn place(&self, at: LineColumn) -> usize {
        offset(self.source, at.line, at.column + 1)
    }

    fn range(&self, span: Span) -> (usize, usize) {
        (self.place(span.start()), self.place(span.end()))
    }

    fn take(&mut self, genre: Genre, at: usize) -> Vec<&'a Mutant> {
        if self.constant > 0 {
            return Vec::new();
        }
        self.mutants.remove(&(genre as u8, at)).unwrap_or_default()
    }

    /// Puts these alternatives around a text; `before` and `after` stay outside.
    fn wrap(
        &mut self,
        (from, to): (usize, usize),
        alternatives: &[(u32, String)],
        (before, after): (&str, &str),
        inside: impl FnOnce(&mut Self),
    ) {
        if alternatives.is_empty() {
            return inside(self);
        }
        let wrap = self.wraps;
        self.wraps += 1;
        let mut text = format!("{before}(");
        let mut own = Vec::new();
        for (number, alternative) in alternatives {
            text += &format!("if crate::mutants::alive({number}) {{ ");
            own.push((text.len(), text.len() + alternative.len(), *number));
            text += &format!("{alternative} }} else ");
        }
        text += "{ ";
        let numbers: Vec<u32> = alternatives.iter().map(|(number, _)| *number).collect();
        self.pieces.push(Piece {
            at: from,
            begins: true,
            text,
            own,
            wrap: Some((wrap, numbers.clone())),
        });
        inside(self);
        self.pieces.push(Piece {
            at: to,
            begins: false,
            text: format!(" }}){after}"),
            own: Vec::new(),
            wrap: Some((wrap, numbers)),
        });
    }

    /// Errors in this range that are in none of its alternatives are by one of these mutants.
    fn blame(
        &mut self,
        (from, to): (usize, usize),
        numbers: Vec<u32>,
        inside: impl FnOnce(&mut Self),
    ) {
        let wrap = self.wraps;
        self.wraps += 1;
        let piece = |at, begins| Piece {
            at,
            begins,
            text: String::new(),
            own: Vec::new(),
            wrap: Some((wrap, numbers.clone())),
        };
        self.pieces.push(piece(from, true));
        inside(self);
        self.pieces.push(piece(to, false));
    }

    /// Those alone that end there, too.
    fn take_between(&mut self, genre: Genre, (from, to): (usize, usize)) -> Vec<&'a Mutant> {
        let (taken, left): (Vec<_>, Vec<_>) = self
            .take(genre, from)
            .into_iter()
            .partition(|mutant| mutant.to == to);
        if !left.is_empty() {
            self.mutants.insert((genre as u8, from), left);
        }
        taken
    }

    /// The numbers of the mutants of this genre that begin there.
    fn peek(&self, genre: Genre, span: Span) -> Vec<u32> {
        let at = self.mutants.get(&(genre as u8, self.place(span.start())));
        at.map_or(Vec::new(), |mutants| {
            mutants.iter().map(|mutant| mutant.number).collect()
        })
    }

    fn visit_body(&mut self, is_const: bool, block: &syn::Block, inside: impl FnOnce(&mut Self)) {
        self.constant += usize::from(is_const);
        let mut of_iterator = Vec::new();
        if let Some(first) = block.stmts.first() {
            let at = self.place(first.span().start());
            for mutant in self.take(Genre::Body, at) {
                if let Some(items) = items_of(mutant) {
                    of_iterator.push((mutant.number, items));
                    continue;
                }
                let before = format!("if crate::mutants::alive({}) {{ return ", mutant.number);
                let end = before.len() + mutant.replacement.len();
                self.pieces.push(Piece {
                    at,
                    begins: true,
                    own: vec![(before.len(), end, mutant.number)],
                    text: format!("{before}{}; }} ", mutant.replacement),
                    wrap: None,
                });
            }
        }
        match block.stmts.last() {
            Some(syn::Stmt::Expr(given, None)) if !of_iterator.is_empty() && !returns(block) => {
                self.wrap_iterator(self.range(given.span()), &of_iterator, inside);
            }
            _ => inside(self),
        }
        self.constant -= usize::from(is_const);
    }

    /// What the function gives is left out while one of the mutants lives, and the mutant's own item comes instead.
    fn wrap_iterator(
        &mut self,
        (from, to): (usize, usize),
        mutants: &[(u32, Items)],
        inside: impl FnOnce(&mut Self),
    ) {
        let wrap = self.wraps;
        self.wraps += 1;
        let numbers: Vec<u32> = mutants.iter().map(|(number, _)| *number).collect();
        let alive: Vec<String> = numbers
            .iter()
            .map(|number| format!("crate::mutants::alive({number})"))
            .collect();
        let mut text = format!(").filter(|_| !({}))", alive.join(" || "));
        let mut own = Vec::new();
        for (number, items) in mutants {
            // Without a text of its own it is in what leaves the others out.
            let start = text.len();
            if let Items::One(item) = items {
                text += &format!(
                    ".chain(if crate::mutants::alive({number}) {{ Some({item}) }} else {{ None }})"
                );
            }
            own.push((start, text.len(), *number));
        }
        self.pieces.push(Piece {
            at: from,
            begins: true,
            text: "(".to_owned(),
            own: Vec::new(),
            wrap: Some((wrap, numbers.clone())),
        });
        inside(self);
        self.pieces.push(Piece {
            at: to,
            begins: false,
            text,
            own,
            wrap: Some((wrap, numbers)),
        });
    }
}

/// What a function gives instead of its own items.
enum Items {
    None,
    One(String),
}

/// Of a mutant that replaces what is known only as `impl Iterator`.
fn items_of(mutant: &Mutant) -> Option<Items> {
    if !mutant.return_type.contains("impl Iterator<") {
        return None;
    }
    if mutant.replacement == "::std::iter::empty()" {
        return Some(Items::None);
    }
    let item = mutant.replacement.strip_prefix("::std::iter::once(")?;
    Some(Items::One(item.strip_suffix(')')?.to_owned()))
}

/// Whether the mutant can be switched although its function names no type.
pub fn can_be_switched(mutant: &Mutant) -> bool {
    mutant.genre != Genre::Body || items_of(mutant).is_some()
}

/// Whether what the block gives is not only its last expression.
fn returns(block: &syn::Block) -> bool {
    struct Search(bool);
    impl<'ast> Visit<'ast> for Search {
        fn visit_expr_return(&mut self, _: &'ast syn::ExprReturn) {
            self.0 = true;
        }

        fn visit_expr_closure(&mut self, _: &'ast syn::ExprClosure) {}
    }
    let mut search = Search(false);
    search.visit_block(block);
    search.0
}

/// Without this, `a < b as u8 < c` would end the weaving.
fn parses(number: u32, text: String) -> Option<(u32, String)> {
    syn::parse_str::<syn::Expr>(&text)
        .ok()
        .map(|_| (number, text))
}

impl<'ast> Visit<'ast> for Weaver<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let is_const = item.sig.constness.is_some();
        self.visit_body(is_const, &item.block, |weaver| {
            visit::visit_item_fn(weaver, item)
        });
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        let is_const = item.sig.constness.is_some();
        self.visit_body(is_const, &item.block, |weaver| {
            visit::visit_impl_item_fn(weaver, item)
        });
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.visit_body(false, block, |weaver| {
                visit::visit_trait_item_fn(weaver, item)
            });
        }
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.constant += 1;
        visit::visit_item_const(self, item);
        self.constant -= 1;
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.constant += 1;
        visit::visit_impl_item_const(self, item);
        self.constant -= 1;
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.constant += 1;
        visit::visit_item_static(self, item);
        self.constant -= 1;
    }

    fn visit_stmt(&mut self, statement: &'ast syn::Stmt) {
        let (from, to) = self.range(statement.span());
        let mutants = self.take_between(Genre::Statement, (from, to));
        let mutant = match mutants.first() {
            Some(mutant) => mutant,
            None => return visit::visit_stmt(self, statement),
        };
        let wrap = self.wraps;
        self.wraps += 1;
        let text = format!("if !crate::mutants::alive({}) {{ ", mutant.number);
        self.pieces.push(Piece {
            at: from,
            begins: true,
            own: vec![(0, text.len(), mutant.number)],
            text,
            wrap: Some((wrap, vec![mutant.number])),
        });
        visit::visit_stmt(self, statement);
        self.pieces.push(Piece {
            at: to,
            begins: false,
            text: " }".to_owned(),
            own: Vec::new(),
            wrap: Some((wrap, vec![mutant.number])),
        });
    }

    fn visit_expr(&mut self, expression: &'ast syn::Expr) {
        let range = self.range(expression.span());
        let mutants = self.take_between(Genre::Answer, range);
        let alternatives: Vec<_> = mutants
            .iter()
            .map(|mutant| (mutant.number, mutant.replacement.clone()))
            .collect();
        self.wrap(range, &alternatives, ("", ""), |weaver| {
            visit::visit_expr(weaver, expression)
        });
    }

    fn visit_expr_method_call(&mut self, node: &'ast syn::ExprMethodCall) {
        let range = self.range(node.span());
        let receiver = self.range(node.receiver.span());
        let place = self.place(node.dot_token.span().start());
        let mutants = self.take(Genre::Bound, place);
        let alternatives: Vec<_> = mutants
            .iter()
            .map(|mutant| {
                let receiver = &self.source[receiver.0..receiver.1];
                (mutant.number, receiver.to_owned())
            })
            .collect();
        self.wrap(range, &alternatives, ("", ""), |weaver| {
            visit::visit_expr_method_call(weaver, node)
        });
    }

    fn visit_expr_binary(&mut self, node: &'ast syn::ExprBinary) {
        let (from, to) = self.range(node.span());
        let (left, right) = (self.range(node.left.span()), self.range(node.right.span()));
        let mutants = self.take(Genre::BinaryOperator, self.place(node.op.span().start()));
        let alternatives = mutants.iter().filter_map(|mutant| {
            let (left, right) = (&self.source[left.0..left.1], &self.source[right.0..right.1]);
            parses(
                mutant.number,
                format!("{left} {} {right}", mutant.replacement),
            )
        });
        let alternatives: Vec<_> = alternatives.collect();
        self.wrap((from, to), &alternatives, ("", ""), |weaver| {
            visit::visit_expr_binary(weaver, node);
        });
    }

    fn visit_expr_unary(&mut self, node: &'ast syn::ExprUnary) {
        let range = self.range(node.span());
        let operand = self.range(node.expr.span());
        let mutants = self.take(Genre::UnaryOperator, range.0);
        let alternatives = mutants.iter().filter_map(|mutant| {
            parses(mutant.number, self.source[operand.0..operand.1].to_owned())
        });
        let alternatives: Vec<_> = alternatives.collect();
        self.wrap(range, &alternatives, ("", ""), |weaver| {
            visit::visit_expr_unary(weaver, node)
        });
    }

    fn visit_expr_match(&mut self, node: &'ast syn::ExprMatch) {
        let arms = node
            .arms
            .iter()
            .flat_map(|arm| self.peek(Genre::Arm, arm.span()))
            .collect();
        let range = self.range(node.span());
        self.blame(range, arms, |weaver| visit::visit_expr_match(weaver, node));
    }

    fn visit_arm(&mut self, node: &'ast syn::Arm) {
        let start = self.place(node.span().start());
        let left_out = self.take(Genre::Arm, start);
        let condition: Vec<String> = left_out
            .iter()
            .map(|mutant| format!("!crate::mutants::alive({})", mutant.number))
            .collect();
        let condition = condition.join(" && ");
        let numbers: Vec<u32> = left_out.iter().map(|mutant| mutant.number).collect();
        self.visit_pat(&node.pat);
        match &node.guard {
            Some((_, guard)) => {
                let range = self.range(guard.span());
                let bent = self.take(Genre::Guard, range.0);
                let mut alternatives: Vec<_> = bent
                    .iter()
                    .map(|mutant| (mutant.number, mutant.replacement.clone()))
                    .collect();
                alternatives.extend(numbers.iter().map(|number| (*number, "false".to_owned())));
                self.wrap(range, &alternatives, ("", ""), |weaver| {
                    weaver.visit_expr(guard)
                });
            }
            None if !numbers.is_empty() => {
                let text = format!("if {condition} ");
                let at = self.place(node.fat_arrow_token.span().start());
                let number = numbers[0];
                self.pieces.push(Piece {
                    at,
                    begins: true,
                    own: vec![(0, text.len(), number)],
                    text,
                    wrap: None,
                });
            }
            None => {}
        }
        self.visit_expr(&node.body);
    }

    fn visit_expr_struct(&mut self, node: &'ast syn::ExprStruct) {
        let fields = node
            .fields
            .iter()
            .flat_map(|field| self.peek(Genre::Field, field.span()));
        let fields = fields.collect();
        let range = self.range(node.span());
        self.blame(range, fields, |weaver| weaver.visit_fields(node));
    }
}

impl Weaver<'_> {
    fn visit_fields(&mut self, node: &syn::ExprStruct) {
        for field in &node.fields {
            let whole = self.range(field.span());
            let value = self.range(field.expr.span());
            let mutants = self.take(Genre::Field, whole.0);
            let rest = node.rest.as_ref().map(|rest| self.range(rest.span()));
            let alternatives = mutants.iter().filter_map(|mutant| {
                let name = match &field.member {
                    syn::Member::Named(name) => name.to_string(),
                    syn::Member::Unnamed(_) => return None,
                };
                let (from, to) = rest?;
                parses(
                    mutant.number,
                    format!("({}).{name}", &self.source[from..to]),
                )
            });
            let alternatives: Vec<_> = alternatives.collect();
            let name = match field.colon_token {
                Some(_) => String::new(),
                None => format!("{}: ", &self.source[whole.0..whole.1]),
            };
            let name = if alternatives.is_empty() {
                String::new()
            } else {
                name
            };
            self.wrap(value, &alternatives, (&name, ""), |weaver| {
                weaver.visit_expr(&field.expr)
            });
        }
        if let Some(rest) = &node.rest {
            self.visit_expr(rest);
        }
    }
}
