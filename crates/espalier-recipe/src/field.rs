//! Walking down a recipe's tree, with the path for messages.

use std::rc::Rc;

use espalier_blame::nearest;

use crate::{
    error::{RecipeError, RecipePlace, clip},
    yaml::{Content, Node},
};

/// A node and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Field<'a> {
    path: String,
    /// Its own line, or that of its key.
    line: usize,
    node: &'a Node,
}

/// The entries of a mapping that have a value.
#[derive(Debug)]
pub(crate) struct Entries<'a> {
    place: RecipePlace,
    entries: Vec<(&'a str, Field<'a>)>,
}

/// A key that model mergers' YAML has and recipes have not, and what to do instead.
pub(crate) type Unsupported = (&'static str, &'static str);

impl<'a> Field<'a> {
    pub(crate) fn root(node: &'a Node) -> Self {
        Self { path: String::new(), line: node.line, node }
    }

    pub(crate) fn place(&self) -> RecipePlace {
        RecipePlace { path: self.path.clone(), line: Some(self.line) }
    }

    /// Something else should be here.
    pub(crate) fn is_not(&self, wanted: &'static str) -> RecipeError {
        RecipeError::Kind { place: self.place(), wanted, found: self.node.kind() }
    }

    /// Something should be in it.
    pub(crate) fn is_empty(&self) -> RecipeError {
        let (wanted, found) = ("filled", "empty");
        RecipeError::Kind { place: self.place(), wanted, found }
    }

    /// Its value is none of those that may be here.
    pub(crate) fn wants(&self, value: &str, wanted: impl Into<String>) -> RecipeError {
        RecipeError::Value { place: self.place(), value: clip(value), wanted: wanted.into() }
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self.node.content, Content::List(_))
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.node.content, Content::Map(_))
    }

    /// A scalar's text.
    pub(crate) fn text(&self) -> Result<&'a str, RecipeError> {
        match &self.node.content {
            Content::Scalar(text, _) if !self.node.is_null() => Ok(text),
            _ => Err(self.is_not("a scalar")),
        }
    }

    /// The items of a list that must not be empty.
    pub(crate) fn items(&self) -> Result<Vec<Self>, RecipeError> {
        match &self.node.content {
            Content::List(list) if !list.is_empty() => {
                let item = |(index, node): (usize, &'a Rc<Node>)| Self {
                    path: format!("{}[{index}]", self.path),
                    line: node.line,
                    node,
                };
                Ok(list.iter().enumerate().map(item).collect())
            }
            Content::List(_) => Err(self.is_empty()),
            _ => Err(self.is_not("a list")),
        }
    }

    /// The entries of a mapping whose keys may be anything.
    pub(crate) fn any_entries(&self) -> Result<Vec<(&'a str, Self)>, RecipeError> {
        let Content::Map(map) = &self.node.content else {
            return Err(self.is_not("a mapping"));
        };
        let entry = |(key, line, node): &'a (String, usize, Rc<Node>)| {
            let dot = if self.path.is_empty() { "" } else { "." };
            let path = format!("{}{dot}{}", self.path, clip(key));
            (key.as_str(), Self { path, line: *line, node })
        };
        Ok(map.iter().map(entry).collect())
    }

    /// The entries of a mapping that has these keys and no other ones.
    pub(crate) fn entries(
        &self,
        known: &[&'static str],
        unsupported: &[Unsupported],
    ) -> Result<Entries<'a>, RecipeError> {
        let mut entries = self.any_entries()?;
        for (key, field) in &entries {
            let place = field.place();
            if let Some((_, reason)) = unsupported.iter().find(|(name, _)| name == key) {
                return Err(RecipeError::Unsupported { place, reason });
            }
            if !known.contains(key) {
                let suggestion = nearest(key, known.iter().copied());
                return Err(RecipeError::UnknownKey { place, suggestion, known: known.join(", ") });
            }
        }
        entries.retain(|(_, field)| !field.node.is_null());
        Ok(Entries { place: self.place(), entries })
    }
}

impl<'a> Entries<'a> {
    pub(crate) fn get(&self, key: &str) -> Option<&Field<'a>> {
        self.entries.iter().find(|(name, _)| *name == key).map(|(_, field)| field)
    }

    /// There has to be exactly one of these keys.
    pub(crate) fn one_of(&self, keys: &'static str) -> RecipeError {
        RecipeError::OneOf { place: self.place.clone(), keys }
    }

    pub(crate) fn need(&self, key: &'static str) -> Result<&Field<'a>, RecipeError> {
        let missing = || RecipeError::MissingKey { place: self.place.clone(), key };
        self.get(key).ok_or_else(missing)
    }
}
