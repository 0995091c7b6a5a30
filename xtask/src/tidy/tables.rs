//! Tables in documents: Markdown shows what is not quite a table as a heap of words and bars.

use crate::workspace::File;

/// Tables in `README.md` and below `docs/` and `fixtures/` that are not shown as tables.
pub(super) fn tables(files: &[File]) -> Vec<String> {
    let documents = files.iter().filter(|file| file.is("md"));
    let mut violations = Vec::new();
    for file in documents {
        for (line, problem) in broken(file.text.as_deref().unwrap_or_default()) {
            violations.push(format!("{}:{line}: {problem}", file.path));
        }
    }
    violations
}

/// Lines, from 1, with what is wrong in each.
fn broken(text: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    let (mut in_code, mut before, mut columns) = (false, "", None);
    for (number, line) in (1..).zip(text.lines()) {
        if line.starts_with("```") {
            in_code = !in_code;
        }
        if in_code || !line.starts_with('|') {
            columns = None;
        } else if let Some((columns, begin)) = columns {
            if number == begin + 1 && !is_rule(line) {
                found.push((number, "a table has a line of dashes below its head"));
            }
            if cells(line) != columns {
                found.push((number, "the row has another number of cells than the head"));
            }
        } else {
            if !before.is_empty() {
                found.push((number, "a table begins after an empty line"));
            }
            columns = Some((cells(line), number));
        }
        before = line;
    }
    found
}

fn is_rule(line: &str) -> bool {
    line.contains("---") && line.chars().all(|c| "|-: ".contains(c))
}

/// How many bars part cells: those that are not escaped.
fn cells(line: &str) -> usize {
    line.matches('|').count() - line.matches("\\|").count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "Text.\n\n| a | b |\n|---|:-:|\n| `x\\|y` | 2 |\n\nMore.\n";

    fn lines(text: &str) -> Vec<usize> {
        broken(text).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn a_table_is_fine_and_bars_in_code_are_none() {
        assert!(broken(GOOD).is_empty());
        assert!(broken("```text\n| a\n| b | c\n```\n").is_empty());
    }

    #[test]
    fn what_is_no_table_is_found() {
        assert_eq!(lines(&GOOD.replace("Text.\n\n", "Text.\n")), [2]);
        assert_eq!(lines(&GOOD.replace("|---|:-:|\n", "")), [4]);
        assert_eq!(lines(&GOOD.replace("|---|:-:|", "|---|---|---|")), [4]);
        assert_eq!(lines(&GOOD.replace(" 2 |", " 2 | 3 |")), [5]);
    }
}
