//! The scenario file: TOML, with errors that name the line and the key.

use super::setting::Settings;
use super::{
    MAX_RUNS, MAX_SEEDS, MAX_SIMULATIONS, Scenario, ScenarioError, ScenarioRun, wrong_name,
};
use crate::config::Config;
use crate::error::SimError;
use crate::task::nodes_of_folder;
use espalier_blame::{did_you_mean, nearest};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// The longest scenario file, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// What stands at the top of a file.
const TOP: [&str; 5] = ["title", "description", "seeds", "defaults", "run"];
/// The keys of a run other than settings.
const OF_RUN: [&str; 2] = ["name", "vary"];

type Key<'a> = Spanned<DeString<'a>>;
type Node<'a> = Spanned<DeValue<'a>>;

impl Scenario {
    /// Reads a scenario file. Relative paths in it begin at its folder.
    ///
    /// # Errors
    /// [`ScenarioError`]; nothing but the file, and whether paths in it exist, is looked at.
    pub fn open(path: &Path) -> Result<Self, ScenarioError> {
        let failed = |source| ScenarioError::Read { path: path.to_owned(), source };
        let text = espalier_file::read_text(path, MAX_FILE).map_err(failed)?;
        Self::parse(&text, path)
    }

    /// Reads the text of a scenario file that is, or would be, at `path`.
    ///
    /// # Errors
    /// As [`Scenario::open`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ScenarioError> {
        Reader { text, path, settings: Settings::new() }.scenario()
    }
}

/// Settings, and where in the file each stands.
#[derive(Clone, Default)]
struct Layer {
    values: Map<String, Value>,
    places: BTreeMap<String, usize>,
}

impl Layer {
    fn set(&mut self, key: &str, value: Value, at: usize) {
        self.values.insert(key.to_owned(), value);
        self.places.insert(key.to_owned(), at);
    }
}

/// A run, and where its settings stand.
struct Made {
    run: ScenarioRun,
    layer: Layer,
    /// Where its table begins.
    at: usize,
}

/// Settings that may have no effect in some runs, if they have one in others: a default for
/// all, or next to a setting that varies.
const HERE_OR_THERE: [&str; 4] = ["attack", "attest", "period", "spread"];

/// A setting with several values, each of which makes a run.
struct Axis {
    key: String,
    /// How it is called, the value, and where it stands.
    points: Vec<(String, Value, usize)>,
}

fn one<'t, 'i>(table: &'t DeTable<'i>, name: &str) -> Option<&'t Node<'i>> {
    table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, node)| node)
}

struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
    settings: Settings,
}

impl Reader<'_> {
    /// An error at a byte of the text.
    fn wrong(&self, at: usize, problem: impl Into<String>) -> ScenarioError {
        let before = self.text.as_bytes().iter().take(at);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        ScenarioError::Wrong { path: self.path.to_owned(), line, problem: problem.into() }
    }

    fn scenario(&self) -> Result<Scenario, ScenarioError> {
        let root = DeTable::parse(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            self.wrong(at, error.message().replace('\n', ", "))
        })?;
        let root = root.get_ref();
        if let Some(key) = root.keys().find(|key| !TOP.contains(&&**key.get_ref())) {
            let hint = did_you_mean(nearest(key.get_ref(), TOP));
            let problem = format!("`{}` does not belong here{hint}", key.get_ref());
            let runs = "; the top level has title, description, seeds, [defaults] and [[run]]";
            return Err(self.wrong(key.span().start, problem + runs));
        }
        let text = |name| one(root, name).map(|node| self.text_of(name, node)).transpose();
        let title = text("title")?.unwrap_or_default().trim().to_owned();
        if title.is_empty() {
            return Err(self.wrong(0, "`title` is missing; say in one line what this shows"));
        }
        let description = text("description")?.unwrap_or_default().trim().to_owned();
        let seeds = self.seeds(root)?;
        let runs = self.runs(root, seeds.len())?;
        let scenario = Scenario { title, description, seeds, runs };
        scenario.check()?;
        Ok(scenario)
    }

    fn text_of(&self, name: &str, node: &Node<'_>) -> Result<String, ScenarioError> {
        let text = node.get_ref().as_str().map(str::to_owned);
        text.ok_or_else(|| {
            let found = node.get_ref().type_str();
            self.wrong(node.span().start, format!("`{name}` must be text in quotes, not {found}"))
        })
    }

    fn table_of<'t, 'i>(
        &self,
        name: &str,
        node: &'t Node<'i>,
    ) -> Result<&'t DeTable<'i>, ScenarioError> {
        node.get_ref().as_table().ok_or_else(|| {
            self.wrong(node.span().start, format!("`{name}` must be a table, written as [{name}]"))
        })
    }

    fn seeds(&self, root: &DeTable<'_>) -> Result<Vec<u64>, ScenarioError> {
        let right = format!(
            "`seeds` is how many seeds there are, 1 to {MAX_SEEDS}, or a list of different whole \
             numbers from 0"
        );
        let Some(node) = one(root, "seeds") else {
            return Err(self.wrong(0, format!("`seeds` is missing, as in `seeds = 20`; {right}")));
        };
        let wrong = || self.wrong(node.span().start, right.clone());
        let number = |value: &DeValue<'_>| {
            let integer = value.as_integer()?;
            u64::from_str_radix(integer.as_str(), integer.radix()).ok()
        };
        if let Some(items) = node.get_ref().as_array() {
            let seeds: Option<Vec<u64>> = items.iter().map(|item| number(item.get_ref())).collect();
            let seeds = seeds.filter(|seeds| (1..=MAX_SEEDS).contains(&seeds.len()));
            let seeds = seeds.ok_or_else(wrong)?;
            let mut sorted = seeds.clone();
            sorted.sort_unstable();
            sorted.dedup();
            return if sorted.len() == seeds.len() { Ok(seeds) } else { Err(wrong()) };
        }
        let count = number(node.get_ref()).filter(|count| (1..=MAX_SEEDS as u64).contains(count));
        Ok((1..=count.ok_or_else(wrong)?).collect())
    }

    fn runs(&self, root: &DeTable<'_>, seeds: usize) -> Result<Vec<ScenarioRun>, ScenarioError> {
        let mut defaults = Layer::default();
        if let Some(node) = one(root, "defaults") {
            let table = self.table_of("defaults", node)?;
            table.iter().try_for_each(|(key, value)| self.set(&mut defaults, key, value, &[]))?;
        }
        let right = "needs at least one run, written as [[run]] with a name and settings";
        let Some(node) = one(root, "run") else { return Err(self.wrong(0, right)) };
        let Some(tables) = node.get_ref().as_array().filter(|tables| !tables.is_empty()) else {
            return Err(self.wrong(node.span().start, right));
        };
        let mut runs: Vec<Made> = Vec::new();
        for node in tables.iter() {
            let table = self.table_of("run", node)?;
            let at = node.span().start;
            for made in self.runs_of(table, at, &defaults)? {
                let name = &made.run.name;
                if runs.iter().any(|other| other.run.name == *name) {
                    return Err(self.wrong(at, format!("two runs have the name `{name}`")));
                }
                runs.push(made);
            }
            if runs.len() > MAX_RUNS || runs.len() * seeds > MAX_SIMULATIONS {
                let problem = format!(
                    "too much to run: at most {MAX_RUNS} runs, and {MAX_SIMULATIONS} runs times \
                     seeds"
                );
                return Err(self.wrong(at, problem));
            }
        }
        self.effects(&runs)?;
        Ok(runs.into_iter().map(|made| made.run).collect())
    }

    /// The runs of one table: one, or one for each choice of values under `vary`.
    fn runs_of(
        &self,
        table: &DeTable<'_>,
        at: usize,
        defaults: &Layer,
    ) -> Result<Vec<Made>, ScenarioError> {
        let Some(node) = one(table, "name") else {
            return Err(self.wrong(at, "a run needs a `name`"));
        };
        let name = self.text_of("name", node)?;
        if let Some(problem) = wrong_name(&name) {
            return Err(self.wrong(node.span().start, format!("`name` {problem}")));
        }
        let mut layer = defaults.clone();
        let settings = table.iter().filter(|(key, _)| !OF_RUN.contains(&&**key.get_ref()));
        for (key, value) in settings {
            self.set(&mut layer, key, value, &OF_RUN)?;
        }
        let mut open = vec![(name, layer)];
        for axis in self.axes(table)? {
            if open.len() * axis.points.len() > MAX_RUNS {
                return Err(self.wrong(at, format!("`vary` makes more than {MAX_RUNS} runs")));
            }
            if let Some((key, _)) = table.get_key_value(axis.key.as_str()) {
                let problem = format!("`{}` is set twice: here and under `vary`", axis.key);
                return Err(self.wrong(key.span().start, problem));
            }
            let point = |(name, layer): &(String, Layer), (label, value, at): &(String, _, _)| {
                let mut layer = layer.clone();
                layer.set(&axis.key, Value::clone(value), *at);
                (format!("{name}, {} {label}", axis.key), layer)
            };
            let all = open.iter();
            open = all.flat_map(|one| axis.points.iter().map(move |p| point(one, p))).collect();
        }
        let run = |(name, layer): (String, Layer)| {
            if let Some(problem) = wrong_name(&name) {
                return Err(self.wrong(at, format!("the name `{name}` {problem}")));
            }
            let config = self.config(&layer, at)?;
            Ok(Made { run: ScenarioRun { name, config }, layer, at })
        };
        open.into_iter().map(run).collect()
    }

    /// The settings under `vary`, in the order of the file.
    fn axes(&self, table: &DeTable<'_>) -> Result<Vec<Axis>, ScenarioError> {
        let Some(node) = one(table, "vary") else { return Ok(Vec::new()) };
        let Some(vary) = node.get_ref().as_table() else {
            let right = "`vary` must be a table of settings, each with a list of values";
            return Err(self.wrong(node.span().start, right));
        };
        let mut entries: Vec<_> = vary.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let axis = |(key, list): (&Key<'_>, &Node<'_>)| {
            let points = list.get_ref().as_array().filter(|points| !points.is_empty());
            let Some(points) = points else {
                let right = format!("`{}` needs a list of values here", key.get_ref());
                return Err(self.wrong(list.span().start, right));
            };
            let point = |value: &Node<'_>| {
                let mut layer = Layer::default();
                self.set(&mut layer, key, value, &[])?;
                let set = layer.values.remove(&**key.get_ref()).unwrap_or_default();
                Ok((self.label(value), set, value.span().start))
            };
            let points = points.iter().map(point).collect::<Result<_, _>>()?;
            Ok(Axis { key: key.get_ref().clone().into_owned(), points })
        };
        entries.into_iter().map(axis).collect()
    }

    /// A value as the file writes it, without quotes.
    fn label(&self, value: &Node<'_>) -> String {
        let text = self.text.get(value.span()).unwrap_or_default();
        let kept = text.chars().filter(|c| !matches!(c, '"' | '\'' | '[' | ']' | '{' | '}'));
        kept.collect::<String>().trim().to_owned()
    }

    /// Adds a setting to a layer. `others` are keys that may appear next to it.
    fn set(
        &self,
        layer: &mut Layer,
        key: &Key<'_>,
        value: &Node<'_>,
        others: &[&str],
    ) -> Result<(), ScenarioError> {
        let name = &**key.get_ref();
        if let Some(problem) = self.settings.why_not(name, others) {
            return Err(self.wrong(key.span().start, problem));
        }
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let read = self.settings.read(name, value.get_ref(), folder);
        let read =
            read.map_err(|problem| self.wrong(value.span().start, format!("`{name}`: {problem}")))?;
        layer.set(name, read, key.span().start);
        Ok(())
    }

    /// The configuration of a run whose table begins at `at`.
    fn config(&self, layer: &Layer, at: usize) -> Result<Config, ScenarioError> {
        let mut values = self.settings.defaults.clone();
        values.extend(layer.values.clone());
        let config = serde_json::from_value::<Config>(Value::Object(values));
        let mut config = config.map_err(|error| self.wrong(at, error.to_string()))?;
        let place = |error| self.place(&error, layer, at);
        if let (Some(nodes), false) =
            (nodes_of_folder(&config.model).map_err(place)?, layer.values.contains_key("nodes"))
        {
            config.nodes = nodes;
        }
        config.check().map_err(place)?;
        Ok(config)
    }

    /// Refuses settings that have no effect in any run that has them.
    fn effects(&self, all: &[Made]) -> Result<(), ScenarioError> {
        let mut carried = BTreeMap::<usize, usize>::new();
        let mut without = BTreeMap::<usize, (usize, ScenarioError)>::new();
        for Made { run, layer, at } in all {
            layer.places.values().for_each(|place| *carried.entry(*place).or_default() += 1);
            let mut seen = BTreeSet::new();
            for error in run.config.without_effect() {
                let wrong = self.place(&error, layer, *at);
                let SimError::Field { field, .. } = error else { return Err(wrong) };
                let place = layer.places.get(field);
                let Some(place) = place.filter(|_| HERE_OR_THERE.contains(&field)) else {
                    return Err(wrong);
                };
                if seen.insert(*place) {
                    without.entry(*place).or_insert((0, wrong)).0 += 1;
                }
            }
        }
        let mut nowhere = without.into_iter();
        let nowhere = nowhere.find(|(place, (count, _))| carried.get(place) == Some(count));
        nowhere.map_or(Ok(()), |(_, (_, wrong))| Err(wrong))
    }

    /// What a check of the configuration found, at the key of the field.
    fn place(&self, error: &SimError, layer: &Layer, at: usize) -> ScenarioError {
        let SimError::Field { field, problem } = error else {
            return self.wrong(at, error.to_string());
        };
        let at = layer.places.get(*field).copied().unwrap_or(at);
        self.wrong(at, format!("`{field}`: {problem}"))
    }
}
