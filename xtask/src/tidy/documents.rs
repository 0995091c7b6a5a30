//! Links between documents, and the code map.

use crate::workspace::{File, Member};
use std::collections::{BTreeMap, BTreeSet};

const CODE_MAP: &str = "docs/ARCHITECTURE.md";

const GLOSSARY: &str = "docs/GLOSSARY.md";

/// Relative links in documents of the top level and below `docs/` whose file or heading does not
/// exist.
pub(super) fn links(files: &[File]) -> Vec<String> {
    let paths = with_folders(files);
    let documents: BTreeMap<&str, &str> = files
        .iter()
        .filter(|file| file.is("md"))
        .filter_map(|file| Some((file.path.as_str(), file.text.as_deref()?)))
        .collect();
    let mut violations = Vec::new();
    for (&path, &text) in &documents {
        if path.contains('/') && !path.starts_with("docs/") {
            continue;
        }
        for (line, link) in links_in(text) {
            if let Some(problem) = broken(path, &link, &paths, &documents) {
                violations.push(format!("{path}:{line}: {link}: {problem}"));
            }
        }
    }
    violations
}

/// Terms of the glossary that do not come after the one before them, whatever their case.
pub(super) fn glossary(files: &[File]) -> Vec<String> {
    let text = files.iter().find(|file| file.path == GLOSSARY).and_then(|file| file.text.as_ref());
    let rows = text.map_or("", String::as_str).lines().enumerate();
    let terms = rows.filter_map(|(line, row)| {
        let (term, _) = row.strip_prefix("| ")?.split_once(" |")?;
        Some((line + 1, term.to_lowercase()))
    });
    // The first row is the head of the table.
    let terms: Vec<_> = terms.skip(1).collect();
    let wrong = terms.windows(2).filter(|pair| pair[0].1 >= pair[1].1);
    let said = |pair: &[(usize, String)]| {
        format!("{GLOSSARY}:{}: `{}` comes after `{}`", pair[1].0, pair[1].1, pair[0].1)
    };
    wrong.map(said).collect()
}

/// All files and the folders they are in.
fn with_folders(files: &[File]) -> BTreeSet<&str> {
    let mut paths = BTreeSet::from([""]);
    for file in files {
        paths.insert(&file.path);
        paths.extend(file.path.match_indices('/').map(|(end, _)| &file.path[..end]));
    }
    paths
}

/// What is wrong with `link`, found in the document at `from`.
fn broken(
    from: &str,
    link: &str,
    paths: &BTreeSet<&str>,
    documents: &BTreeMap<&str, &str>,
) -> Option<String> {
    let elsewhere =
        link.contains("://") || link.starts_with("mailto:") || link.starts_with("data:");
    if elsewhere || link.is_empty() {
        return None;
    }
    let (path, anchor) = link.split_once('#').map_or((link, None), |(p, a)| (p, Some(a)));
    let target = if path.is_empty() { Some(from.to_owned()) } else { join(from, path) };
    let Some(target) = target else { return Some("leaves the repository".to_owned()) };
    if !paths.contains(target.as_str()) {
        return Some(format!("there is no {target}"));
    }
    // Anchors into sources are line numbers and the like; only documents have headings.
    let (anchor, text) = (anchor?, documents.get(target.as_str())?);
    (!anchors(text).contains(anchor)).then(|| format!("{target} has no heading #{anchor}"))
}

/// `link` as seen from the document `from`, without `.` and `..`; absent if it climbs too far.
fn join(from: &str, link: &str) -> Option<String> {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let start = if link.starts_with('/') { "" } else { folder };
    let mut parts = Vec::new();
    for part in start.split('/').chain(link.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Lines outside fenced code, numbered from one, with code spans blanked out.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    let mut fence: Option<&str> = None;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let trimmed = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) => return Some((index + 1, without_code(line))),
            _ => {}
        }
        None
    })
}

fn without_code(line: &str) -> String {
    let parts = line.split('`').enumerate();
    parts.map(|(index, part)| if index % 2 == 0 { part } else { "" }).collect()
}

/// Targets of inline links, images, reference definitions and HTML attributes, with their lines.
fn links_in(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let mut push = |target: &str| {
            let target = target.split_whitespace().next().unwrap_or_default();
            found.push((number, target.trim_matches(['<', '>']).to_owned()));
        };
        for (start, mark) in line.match_indices("](") {
            push(up_to_closing(&line[start + mark.len()..]));
        }
        for mark in ["src=\"", "href=\""] {
            for (start, _) in line.match_indices(mark) {
                push(line[start + mark.len()..].split('"').next().unwrap_or_default());
            }
        }
        if let Some((name, target)) = line.trim_start().split_once("]: ")
            && name.starts_with('[')
            && !name.starts_with("[^")
        {
            push(target);
        }
    }
    found
}

/// The text up to the parenthesis that closes one already open.
fn up_to_closing(text: &str) -> &str {
    let mut depth = 1;
    for (index, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..index];
        }
    }
    text
}

/// The anchors of a document as GitHub makes them from headings, and explicit ones.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let outside: BTreeSet<usize> = prose(text).map(|(number, _)| number).collect();
    for (index, line) in text.lines().enumerate() {
        if !outside.contains(&(index + 1)) {
            continue;
        }
        for mark in ["id=\"", "name=\""] {
            let explicit = line.split_once(mark).and_then(|(_, rest)| rest.split('"').next());
            anchors.extend(explicit.map(str::to_owned));
        }
        let title = line.trim_start_matches('#');
        let level = line.len() - title.len();
        if (1..=6).contains(&level) && title.starts_with(' ') {
            let slug = slug(title.trim());
            let count = seen.entry(slug.clone()).or_default();
            anchors.insert(if *count == 0 { slug } else { format!("{slug}-{count}") });
            *count += 1;
        }
    }
    anchors
}

fn slug(title: &str) -> String {
    let mut title = title.to_owned();
    // A link in a heading counts with its text only.
    while let Some(start) = title.find("](") {
        let end = start + 2 + up_to_closing(&title[start + 2..]).len();
        title.replace_range(start..(end + 1).min(title.len()), "");
    }
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Crates that the code map lacks, and crates in its tables that do not exist.
pub(super) fn code_map(files: &[File], members: &[Member]) -> Vec<String> {
    let Some(map) = files.iter().find(|file| file.path == CODE_MAP) else { return Vec::new() };
    let text = map.text.as_deref().unwrap_or_default();
    let members: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let named: BTreeSet<&str> = text.lines().flat_map(crates_in).collect();
    let rows = text.lines().filter(|line| line.trim_start().starts_with('|'));
    let listed: BTreeSet<&str> = rows.flat_map(crates_in).collect();
    let ours = |name: &&&str| name.starts_with("espalier");
    let missing = members.difference(&named).map(|name| format!("{CODE_MAP} lacks {name}"));
    let unknown = listed.difference(&members).filter(ours);
    missing
        .chain(unknown.map(|name| format!("{CODE_MAP} lists {name}, which is not a crate")))
        .collect()
}

/// Code spans of a line, without the folder of a crate.
fn crates_in(line: &str) -> impl Iterator<Item = &str> {
    let spans = line.split('`').skip(1).step_by(2);
    spans.map(|span| span.trim_start_matches("crates/").trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(texts: &[(&str, &str)]) -> Vec<File> {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: Some((*text).to_owned()),
        };
        texts.iter().map(file).collect()
    }

    fn check(text: &str) -> Vec<String> {
        links(&files(&[
            ("docs/A.md", text),
            ("docs/B.md", "# The `one` idea\n\n## Again\n\n## Again\n\n```\n# not me\n```\n"),
            ("crates/x/src/lib.rs", "//! X."),
            ("README.md", "# Top\n"),
        ]))
    }

    #[test]
    fn the_glossary_is_sorted_whatever_the_case() {
        let check = |rows: &str| {
            let text = format!("# Glossary\n\n| Term | Meaning |\n|---|---|\n{rows}");
            glossary(&files(&[("docs/GLOSSARY.md", &text)]))
        };
        assert!(check("| arena | x |\n| Byzantine | x |\n| cell | x |\n").is_empty());
        let wrong = ["docs/GLOSSARY.md:6: `arena` comes after `cell`"];
        assert_eq!(check("| cell | x |\n| arena | x |\n"), wrong);
        assert_eq!(check("| cell | x |\n| cell | y |\n").len(), 1, "a term twice");
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        for fine in [
            "[b](B.md)",
            "[b](./B.md#the-one-idea)",
            "[b](B.md#again) and [c](B.md#again-1)",
            "[`x`](../crates/x/src/lib.rs) and [folder](../crates/x)",
            "[x](../crates/x/src/lib.rs#L10)",
            "[top](../README.md \"title\")",
            "[out](https://example.org/none#x) and <mailto:a@example.org>",
            "# Here\n[here](#here)",
            "<a id=\"spot\"></a>\n[spot](#spot)",
            "```\n[in code](none.md)\n```",
            "`[in code](none.md)`",
            "[ref]: B.md",
        ] {
            assert_eq!(check(fine), Vec::<String>::new(), "{fine}");
        }
    }

    #[test]
    fn links_that_lead_nowhere_are_violations() {
        for broken in [
            "[b](C.md)",
            "[b](B.md#other)",
            "[b](B.md#not-me)",
            "[b](B.md#again-2)",
            "[here](#here)",
            "[b](../../elsewhere.md)",
            "![chart](chart.svg)",
            "<img src=\"chart.svg\">",
            "[ref]: C.md",
            "fine\n\n[`b`](C.md)",
        ] {
            assert_eq!(check(broken).len(), 1, "{broken}");
        }
    }

    #[test]
    fn a_violation_names_file_and_line() {
        let found = check("one\ntwo [b](C.md)\n");
        assert!(found[0].starts_with("docs/A.md:2: C.md"), "{found:?}");
    }

    fn members(names: &[&str]) -> Vec<Member> {
        let member = |name: &&str| Member { name: (*name).to_owned(), ..Member::default() };
        names.iter().map(member).collect()
    }

    #[test]
    fn the_code_map_has_to_match_the_workspace() {
        let map =
            "| 0 | `espalier-lattice` | Join |\n| 5 | `espalier` | facade |\n\n* `crates/x/`\n";
        let files = files(&[(CODE_MAP, map)]);
        assert!(code_map(&files, &members(&["espalier", "espalier-lattice", "x"])).is_empty());

        let missing = code_map(&files, &members(&["espalier", "espalier-lattice", "espalier-sim"]));
        assert_eq!(missing, ["docs/ARCHITECTURE.md lacks espalier-sim"]);
        let unknown = code_map(&files, &members(&["espalier"]));
        assert_eq!(unknown, ["docs/ARCHITECTURE.md lists espalier-lattice, which is not a crate"]);
    }

    #[test]
    fn without_a_code_map_there_is_nothing_to_match() {
        assert!(code_map(&[], &members(&["espalier"])).is_empty());
    }
}
