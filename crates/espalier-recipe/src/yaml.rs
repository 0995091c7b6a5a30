//! YAML text as a tree of nodes that know their lines.
//!
//! Bounded: [`MAX_TEXT`], [`MAX_DEPTH`] and [`MAX_NODES`] hold for what the text says after every
//! alias is replaced by what it stands for, although a node that several aliases name is stored
//! once. Keys are scalars, each once in its mapping. There is one document, and there are no tags.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use crate::error::RecipeError;

/// The largest number of bytes of a recipe, and of its scalars with aliases replaced.
pub const MAX_TEXT: usize = 1 << 20;
/// The greatest depth of nested lists and mappings.
pub const MAX_DEPTH: usize = 64;
/// The largest number of nodes, with aliases replaced.
pub const MAX_NODES: usize = 100_000;

/// The key by which older YAML puts one mapping into another.
const MERGE_KEY: &str = "<<";

/// A scalar, a list or a mapping.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) content: Content,
    size: Size,
}

#[derive(Debug)]
pub(crate) enum Content {
    /// Text; whether it stands without quotes.
    Scalar(String, bool),
    List(Vec<Rc<Node>>),
    /// Keys with their lines, in the order of the text.
    Map(Vec<(String, usize, Rc<Node>)>),
}

/// The size of a node with everything inside it.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    nodes: usize,
    text: usize,
    depth: usize,
}

impl Node {
    /// What it is, in words.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.content {
            Content::Scalar(..) if self.is_null() => "nothing",
            Content::Scalar(..) => "a scalar",
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
        }
    }

    /// Whether it stands for no value.
    pub(crate) fn is_null(&self) -> bool {
        let words = ["", "~", "null", "Null", "NULL"];
        matches!(&self.content, Content::Scalar(text, true) if words.contains(&text.as_str()))
    }
}

/// The one document of `text`.
pub(crate) fn parse(text: &str) -> Result<Rc<Node>, RecipeError> {
    if text.len() > MAX_TEXT {
        return Err(RecipeError::TooLarge { what: "bytes", limit: MAX_TEXT });
    }
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| problem(*error.marker(), error.info()))?;
        builder.take(event, span.start)?;
    }
    builder.document.ok_or_else(|| problem(Marker::new(0, 1, 0), "there is nothing in it"))
}

fn problem(at: Marker, problem: impl Into<String>) -> RecipeError {
    RecipeError::Yaml { line: at.line(), column: at.col() + 1, problem: problem.into() }
}

/// A list or mapping whose end has not come yet.
#[derive(Debug)]
struct Open {
    at: Marker,
    anchor: usize,
    size: Size,
    content: Content,
    /// In a mapping, the key whose value comes next.
    key: Option<(String, usize)>,
    /// In a mapping, its keys so far.
    keys: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Builder {
    open: Vec<Open>,
    anchors: BTreeMap<usize, Rc<Node>>,
    document: Option<Rc<Node>>,
    /// What has been taken so far.
    total: Size,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, at: Marker) -> Result<(), RecipeError> {
        match event {
            Event::DocumentStart(_) if self.document.is_some() => {
                Err(problem(at, "a second document begins here"))
            }
            Event::Scalar(text, style, anchor, tag) => {
                without_tag(tag.as_deref(), at)?;
                let size = Size { nodes: 1, text: text.len(), depth: 0 };
                let plain = style == ScalarStyle::Plain;
                let content = Content::Scalar(text.into_owned(), plain);
                self.count(size)?;
                self.close(Node { line: at.line(), content, size }, anchor, at)
            }
            Event::SequenceStart(anchor, tag) => {
                without_tag(tag.as_deref(), at)?;
                self.begin(Content::List(Vec::new()), anchor, at)
            }
            Event::MappingStart(anchor, tag) => {
                without_tag(tag.as_deref(), at)?;
                self.begin(Content::Map(Vec::new()), anchor, at)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { at, anchor, size, content, .. }) => {
                    self.close(Node { line: at.line(), content, size }, anchor, at)
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                let node = node.ok_or_else(|| problem(at, "an alias stands within its anchor"))?;
                self.count(node.size)?;
                self.place(node, at)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    /// Counts what comes next, or refuses it.
    fn count(&mut self, size: Size) -> Result<(), RecipeError> {
        self.total.nodes += size.nodes;
        self.total.text += size.text;
        let too_large = |what, limit| Err(RecipeError::TooLarge { what, limit });
        if self.total.nodes > MAX_NODES {
            return too_large("nodes", MAX_NODES);
        }
        if self.total.text > MAX_TEXT {
            return too_large("bytes", MAX_TEXT);
        }
        if self.open.len() + size.depth > MAX_DEPTH {
            return too_large("levels of nesting", MAX_DEPTH);
        }
        Ok(())
    }

    fn begin(&mut self, content: Content, anchor: usize, at: Marker) -> Result<(), RecipeError> {
        let size = Size { nodes: 1, text: 0, depth: 1 };
        self.count(size)?;
        self.open.push(Open { at, anchor, size, content, key: None, keys: BTreeSet::new() });
        Ok(())
    }

    /// A node is complete; other places may name it from now on.
    fn close(&mut self, node: Node, anchor: usize, at: Marker) -> Result<(), RecipeError> {
        let node = Rc::new(node);
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.place(node, at)
    }

    /// Puts a node where it stands.
    fn place(&mut self, node: Rc<Node>, at: Marker) -> Result<(), RecipeError> {
        let Some(open) = self.open.last_mut() else {
            self.document = Some(node);
            return Ok(());
        };
        open.size.nodes += node.size.nodes;
        open.size.text += node.size.text;
        open.size.depth = open.size.depth.max(node.size.depth + 1);
        match &mut open.content {
            Content::List(list) => list.push(node),
            Content::Map(map) => match open.key.take() {
                Some((key, line)) => map.push((key, line, node)),
                None => {
                    let Content::Scalar(key, _) = &node.content else {
                        return Err(problem(at, format!("a key is {}", node.kind())));
                    };
                    if !open.keys.insert(key.clone()) {
                        let key = crate::error::clip(key);
                        return Err(problem(at, format!("the key `{key}` stands here again")));
                    }
                    if key == MERGE_KEY {
                        return Err(problem(at, "merge keys are not supported; write the entries"));
                    }
                    open.key = Some((key.clone(), at.line()));
                }
            },
            Content::Scalar(..) => {}
        }
        Ok(())
    }
}

fn without_tag(tag: Option<&Tag>, at: Marker) -> Result<(), RecipeError> {
    match tag {
        Some(_) => Err(problem(at, "there are no tags in recipes")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The tree in one line.
    fn flat(node: &Node) -> String {
        match &node.content {
            Content::Scalar(text, true) => text.clone(),
            Content::Scalar(text, false) => format!("{text:?}"),
            Content::List(list) => {
                format!("[{}]", list.iter().map(|n| flat(n)).collect::<Vec<_>>().join(","))
            }
            Content::Map(map) => {
                let pairs = map.iter().map(|(key, _, node)| format!("{key}:{}", flat(node)));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
            }
        }
    }

    fn error(text: &str) -> String {
        parse(text).expect_err(text).to_string()
    }

    #[test]
    fn trees_know_their_lines() {
        let node = parse("a: 1\nb:\n  - x\n  - 'y'\n  - {c: [~]}\n").expect("valid");
        assert_eq!(flat(&node), r#"{a:1,b:[x,"y",{c:[~]}]}"#);
        let Content::Map(map) = &node.content else { panic!("a mapping") };
        let Content::List(list) = &map[1].2.content else { panic!("a list") };
        assert_eq!(list.iter().map(|node| node.line).collect::<Vec<_>>(), [3, 4, 5]);
    }

    #[test]
    fn aliases_stand_for_their_anchors() {
        let node = parse("a: &x [1, &y 2]\nb: *x\nc: *y\n").expect("valid");
        assert_eq!(flat(&node), "{a:[1,2],b:[1,2],c:2}");
        assert_eq!(node.size.nodes, 1 + 3 + 3 + 3 + 1);
    }

    #[test]
    fn what_is_refused_is_named_with_its_place() {
        for (text, wanted) in [
            ("", "line 1, column 1: there is nothing in it"),
            ("a: 1\na: 2\n", "line 2, column 1: the key `a` stands here again"),
            ("a: !x 1\n", "line 1, column 4: there are no tags in recipes"),
            ("a: 1\n---\nb: 1\n", "line 2, column 1: a second document begins here"),
            ("a: &x [*x]\n", "line 1, column 8: an alias stands within its anchor"),
            (
                "a: {<<: {b: 1}}\n",
                "line 1, column 5: merge keys are not supported; write the entries",
            ),
            ("[a]: 1\n", "line 1, column 1: a key is a list"),
        ] {
            assert_eq!(error(text), wanted, "{text}");
        }
        assert!(error("a: [1\n").starts_with("line 2, column 1: "));
    }

    #[test]
    fn trees_are_bounded() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&deep(MAX_DEPTH)).is_ok());
        assert_eq!(
            error(&deep(MAX_DEPTH + 1)),
            "the recipe has more than 64 levels of nesting, aliases replaced"
        );
        // Each line is nine of the one before.
        let mut laughs = "a0: &a0 [x]\n".to_owned();
        for i in 1..12 {
            let before = vec![format!("*a{}", i - 1); 9].join(",");
            laughs += &format!("a{i}: &a{i} [{before}]\n");
        }
        assert_eq!(error(&laughs), "the recipe has more than 100000 nodes, aliases replaced");
        let nested = format!("a: &a {}\nb: {}*a{}\n", deep(40), "[".repeat(40), "]".repeat(40));
        assert!(error(&nested).contains("levels of nesting"));
        let long = format!("a: &a {}\nb: [*a, *a, *a]\n", "x".repeat(MAX_TEXT / 3));
        assert_eq!(error(&long), "the recipe has more than 1048576 bytes, aliases replaced");
        assert!(error(&" ".repeat(MAX_TEXT + 1)).contains("more than 1048576 bytes"));
        for hostile in ["[", "{", "- ", "? ", "&a ", "[a: ", "\"", ": ", "!a ", "'", "*", "#"] {
            let _ = parse(&hostile.repeat(MAX_TEXT / hostile.len()));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_tree_or_an_error(
            text in "[-\\[\\]{}:,?&*!|>'\"%#a0 \n\t\r]{0,80}|\\PC{0,60}",
        ) {
            let _ = parse(&text);
        }
    }
}
