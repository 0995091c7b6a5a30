//! Public types of the library crates, and what their errors say of themselves, from the source.

use crate::workspace::File;
use std::collections::BTreeMap;
use syn::{Attribute, Expr, ImplItem, Item, Lit, Meta, Pat, Stmt, Visibility};

/// Crates below `crates/` that are no libraries for others.
const NO_LIBRARIES: &[&str] = &["espalier-cli", "espalier-testkit"];

/// A public type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicType {
    pub(crate) krate: String,
    pub(crate) path: String,
    pub(crate) name: String,
    /// The first paragraph of its documentation.
    pub(crate) doc: String,
    /// Names and documentation of its variants, if it is an enum.
    pub(crate) variants: Option<Vec<(String, String)>>,
    pub(crate) non_exhaustive: bool,
    pub(crate) is_error: bool,
    /// What its method `blame` answers.
    pub(crate) blame: Option<Answers>,
    /// What its method `code` answers.
    pub(crate) code: Option<Answers>,
}

/// What a method answers, by variant; `_` stands for all that are not named.
pub(crate) type Answers = BTreeMap<String, Answer>;

/// What it answers of one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A word: a text, or the name of a variant of another enum.
    Word(String),
    /// Whatever an error inside says.
    Inner,
    /// Something that the source does not tell.
    Unclear,
}

/// The answer for a variant, or for a type that has none.
pub(crate) fn answer<'a>(answers: &'a Answers, variant: &str) -> Option<&'a Answer> {
    answers.get(variant).or_else(|| answers.get("_"))
}

/// The public types of all library crates, by crate and name. Files that do not parse are left to
/// the compiler.
pub(crate) fn public_types(files: &[File]) -> Vec<PublicType> {
    let mut types = Vec::new();
    for file in files.iter().filter(|file| file.is("rs")) {
        let Some((krate, below)) =
            file.path.strip_prefix("crates/").and_then(|path| path.split_once('/'))
        else {
            continue;
        };
        if NO_LIBRARIES.contains(&krate) || !below.starts_with("src/") {
            continue;
        }
        let text = file.text.as_deref().unwrap_or_default();
        if let Ok(parsed) = syn::parse_file(text) {
            let mut found = Vec::new();
            collect(&parsed.items, &mut found);
            let place = |found: PublicType| PublicType {
                krate: krate.to_owned(),
                path: file.path.clone(),
                ..found
            };
            types.extend(found.into_iter().map(place));
        }
    }
    types.sort_by(|a, b| (&a.krate, &a.name).cmp(&(&b.krate, &b.name)));
    types
}

/// Public types of a module; methods stand in the file of their type.
fn collect(items: &[Item], types: &mut Vec<PublicType>) {
    for item in items {
        match item {
            Item::Mod(module) if !is_test(&module.attrs) => {
                collect(module.content.as_ref().map_or(&[], |(_, items)| items), types);
            }
            Item::Enum(found) => {
                let variants = found.variants.iter();
                let variants = variants.map(|v| (v.ident.to_string(), doc(&v.attrs))).collect();
                types.extend(public(&found.vis, &found.ident, &found.attrs, Some(variants)));
            }
            Item::Struct(found) => {
                types.extend(public(&found.vis, &found.ident, &found.attrs, None));
            }
            Item::Union(found) => {
                types.extend(public(&found.vis, &found.ident, &found.attrs, None));
            }
            Item::Trait(found) => {
                types.extend(public(&found.vis, &found.ident, &found.attrs, None));
            }
            Item::Type(found) => {
                types.extend(public(&found.vis, &found.ident, &found.attrs, None));
            }
            _ => {}
        }
    }
    for item in items {
        let Item::Impl(found) = item else { continue };
        let syn::Type::Path(of) = &*found.self_ty else { continue };
        let Some(name) = of.path.segments.last().map(|last| last.ident.to_string()) else {
            continue;
        };
        let Some(of) = types.iter_mut().find(|found| found.name == name) else { continue };
        if let Some((_, of_what, _)) = &found.trait_ {
            of.is_error |= of_what.segments.last().is_some_and(|last| last.ident == "Error");
            continue;
        }
        for item in &found.items {
            let ImplItem::Fn(method) = item else { continue };
            match method.sig.ident.to_string().as_str() {
                "blame" => of.blame = Some(answers(&method.block.stmts)),
                "code" => of.code = Some(answers(&method.block.stmts)),
                _ => {}
            }
        }
    }
}

fn public(
    visibility: &Visibility,
    name: &syn::Ident,
    attributes: &[Attribute],
    variants: Option<Vec<(String, String)>>,
) -> Option<PublicType> {
    let derives_error = attributes.iter().filter(|a| a.path().is_ident("derive")).any(|derive| {
        let mut found = false;
        // What is derived is a list of paths, or it does not compile.
        let _ = derive.parse_nested_meta(|meta| {
            found |= meta.path.segments.last().is_some_and(|last| last.ident == "Error");
            Ok(())
        });
        found
    });
    matches!(visibility, Visibility::Public(_)).then(|| PublicType {
        krate: String::new(),
        path: String::new(),
        name: name.to_string(),
        doc: doc(attributes),
        variants,
        non_exhaustive: attributes.iter().any(|a| a.path().is_ident("non_exhaustive")),
        is_error: derives_error,
        blame: None,
        code: None,
    })
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string().contains("test"),
        _ => false,
    })
}

/// The first paragraph of documentation, in one line.
fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What a method answers that is one expression, or one `match` of `self`.
fn answers(body: &[Stmt]) -> Answers {
    let [Stmt::Expr(expression, None)] = body else {
        return [("_".to_owned(), Answer::Unclear)].into();
    };
    let Expr::Match(arms) = expression else {
        return [("_".to_owned(), word(expression))].into();
    };
    let mut answers = Answers::new();
    for arm in &arms.arms {
        let said = if arm.guard.is_some() { Answer::Unclear } else { word(&arm.body) };
        for variant in variants(&arm.pat) {
            let known = answers.entry(variant).or_insert_with(|| said.clone());
            if *known != said {
                *known = Answer::Unclear;
            }
        }
    }
    answers
}

/// The variants that a pattern names.
fn variants(pattern: &Pat) -> Vec<String> {
    let last = |path: &syn::Path| {
        path.segments.last().map(|last| last.ident.to_string()).into_iter().collect()
    };
    match pattern {
        Pat::Or(either) => either.cases.iter().flat_map(variants).collect(),
        Pat::Path(unit) => last(&unit.path),
        Pat::TupleStruct(tuple) => last(&tuple.path),
        Pat::Struct(fields) => last(&fields.path),
        _ => vec!["_".to_owned()],
    }
}

fn word(expression: &Expr) -> Answer {
    match expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Answer::Word(text.value()),
            _ => Answer::Unclear,
        },
        Expr::Path(path) => match path.path.segments.last() {
            Some(last) => Answer::Word(last.ident.to_string()),
            None => Answer::Unclear,
        },
        Expr::Block(block) => match block.block.stmts.as_slice() {
            [Stmt::Expr(alone, None)] => word(alone),
            _ => Answer::Unclear,
        },
        Expr::MethodCall(call) if call.method == "blame" || call.method == "code" => Answer::Inner,
        _ => Answer::Unclear,
    }
}
