//! Faults that cargo-mutants does not plant: a statement, or a bound by `min` or `max`, is left out; the condition of an
//! `if`, or a question to each item of several, has always the same answer; `true` and `false` change places.

use std::collections::BTreeMap;

use proc_macro2::{LineColumn, Span};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::list::{offset, Genre, Mutant};

/// Methods that ask their closure about each item.
const ASKING: [&str; 8] = [
    "all",
    "any",
    "filter",
    "find",
    "position",
    "retain",
    "skip_while",
    "take_while",
];

/// All of these sources, by numbers from this one on.
pub fn find(sources: &BTreeMap<String, String>, first: usize) -> Vec<Mutant> {
    let mut found = Vec::new();
    for (file, source) in sources {
        let mut search = Search {
            file,
            source,
            first: first + found.len(),
            owner: Vec::new(),
            function: Vec::new(),
            without_value: Vec::new(),
            found: Vec::new(),
        };
        search.visit_file(&syn::parse_file(source).expect("the source parses"));
        found.extend(search.found);
    }
    found
}

struct Search<'a> {
    file: &'a str,
    source: &'a str,
    first: usize,
    /// The types around whose `impl` this is.
    owner: Vec<String>,
    /// The functions around.
    function: Vec<String>,
    /// Bindings that have no value until one is assigned: that cannot be left out.
    without_value: Vec<syn::Ident>,
    found: Vec<Mutant>,
}

impl Search<'_> {
    fn add(&mut self, genre: Genre, span: Span, replacement: &str, deed: &str) {
        self.add_between(genre, (span.start(), span.end()), replacement, deed);
    }

    fn add_between(
        &mut self,
        genre: Genre,
        (start, end): (LineColumn, LineColumn),
        replacement: &str,
        deed: &str,
    ) {
        let function = match self.function.last() {
            Some(function) => function,
            None => return,
        };
        let line = self.source.lines().nth(start.line - 1);
        self.found.push(Mutant {
            number: (self.first + self.found.len()) as u32,
            file: self.file.to_owned(),
            genre,
            from: offset(self.source, start.line, start.column + 1),
            to: offset(self.source, end.line, end.column + 1),
            replacement: replacement.to_owned(),
            return_type: String::new(),
            deed: format!("{deed} in {function}"),
            line: line.expect("a line").trim().to_owned(),
            line_number: start.line,
            column: start.column + 1,
        });
    }

    fn within(&mut self, name: &syn::Ident, inside: impl FnOnce(&mut Self)) {
        let function = match self.owner.last() {
            Some(owner) => format!("{owner}::{name}"),
            None => name.to_string(),
        };
        self.function.push(function);
        inside(self);
        self.function.pop();
    }

    fn is_first_value(&self, expression: &syn::Expr) -> bool {
        let left = match expression {
            syn::Expr::Assign(assign) => &*assign.left,
            _ => return false,
        };
        matches!(left, syn::Expr::Path(path) if self.without_value.iter().any(|name| path.path.is_ident(name)))
    }

    fn add_answers(&mut self, span: Span, what: &str) {
        for answer in ["true", "false"] {
            let deed = format!("{what} is always {answer}");
            self.add(Genre::Answer, span, answer, &deed);
        }
    }
}

/// Whether it is compiled for tests only.
fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && matches!(&attribute.meta, syn::Meta::List(list) if list.tokens.to_string().contains("test"))
    })
}

/// Whether the rest of the function does not need it: neither a value nor a way out of it.
fn can_be_left_out(expression: &syn::Expr) -> bool {
    match expression {
        syn::Expr::Assign(_)
        | syn::Expr::Call(_)
        | syn::Expr::ForLoop(_)
        | syn::Expr::MethodCall(_) => true,
        syn::Expr::Binary(binary) => matches!(
            binary.op,
            syn::BinOp::AddAssign(_)
                | syn::BinOp::SubAssign(_)
                | syn::BinOp::MulAssign(_)
                | syn::BinOp::DivAssign(_)
                | syn::BinOp::BitAndAssign(_)
                | syn::BinOp::BitOrAssign(_)
        ),
        syn::Expr::Try(inner) => can_be_left_out(&inner.expr),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Search<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if is_for_tests(&item.attrs) {
            return;
        }
        let name = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        self.owner.push(name.unwrap_or_else(|| "impl".to_owned()));
        visit::visit_item_impl(self, item);
        self.owner.pop();
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_for_tests(&item.attrs) && item.sig.constness.is_none() {
            self.within(&item.sig.ident, |search| visit::visit_item_fn(search, item));
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_for_tests(&item.attrs) && item.sig.constness.is_none() {
            self.within(&item.sig.ident, |search| {
                visit::visit_impl_item_fn(search, item)
            });
        }
    }

    // Nothing can be switched in a constant.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}

    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}

    fn visit_stmt(&mut self, statement: &'ast syn::Stmt) {
        if let syn::Stmt::Expr(expression, end) = statement {
            let is_whole = end.is_some() || matches!(expression, syn::Expr::ForLoop(_));
            if is_whole && can_be_left_out(expression) && !self.is_first_value(expression) {
                self.add(Genre::Statement, statement.span(), "", "leave out");
            }
        }
        visit::visit_stmt(self, statement);
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if let (syn::Pat::Ident(binding), None) = (&local.pat, &local.init) {
            self.without_value.push(binding.ident.clone());
        }
        visit::visit_local(self, local);
    }

    fn visit_expr(&mut self, expression: &'ast syn::Expr) {
        if let syn::Expr::Lit(syn::ExprLit {
            lit: syn::Lit::Bool(literal),
            ..
        }) = expression
        {
            let other = (!literal.value).to_string();
            let deed = format!("replace {} with {other}", literal.value);
            self.add(Genre::Answer, expression.span(), &other, &deed);
        }
        visit::visit_expr(self, expression);
    }

    fn visit_expr_if(&mut self, node: &'ast syn::ExprIf) {
        if !matches!(&*node.cond, syn::Expr::Let(_)) {
            self.add_answers(node.cond.span(), "the condition");
        }
        visit::visit_expr_if(self, node);
    }

    fn visit_expr_method_call(&mut self, node: &'ast syn::ExprMethodCall) {
        let method = node.method.to_string();
        match node.args.first() {
            Some(syn::Expr::Closure(closure)) if ASKING.contains(&method.as_str()) => {
                if !matches!(&*closure.body, syn::Expr::Block(_)) {
                    self.add_answers(closure.body.span(), &format!("what {method} asks"));
                }
            }
            Some(_) if ["min", "max"].contains(&method.as_str()) && node.args.len() == 1 => {
                let deed = format!("leave out {method}");
                self.add_between(
                    Genre::Bound,
                    (node.dot_token.span().start(), node.span().end()),
                    "",
                    &deed,
                );
            }
            _ => {}
        }
        visit::visit_expr_method_call(self, node);
    }
}
