//! `espalier man`: one page for the command and one for each subcommand.

use crate::args::Cli;
use crate::{Failure, console};
use clap::builder::Resettable;
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use std::io::Write as _;
use std::path::Path;

pub(crate) fn run(out: Option<&Path>) -> Result<(), Failure> {
    // There is a command `help`, but no page about it.
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let Some(folder) = out else { return console::print_bytes(&page(&command)?) };
    let context = |e: std::io::Error| {
        Failure::environment(
            anyhow::Error::new(e).context(format!("cannot write to {}", folder.display())),
        )
    };
    std::fs::create_dir_all(folder).map_err(context)?;
    for command in std::iter::once(&command).chain(command.get_subcommands()) {
        let name = command.get_display_name().unwrap_or(command.get_name());
        let page = page(command)?;
        espalier::sim::write_file(&folder.join(format!("{name}.1")), &page).map_err(context)?;
    }
    Ok(())
}

/// A page. What stands after the flags is set as it is in the help, line by line.
fn page(command: &Command) -> Result<Vec<u8>, Failure> {
    let after = command.get_after_long_help().or(command.get_after_help()).map(ToString::to_string);
    let rest = command.clone().after_help(Resettable::Reset).after_long_help(Resettable::Reset);
    let mut page = Vec::new();
    Man::new(rest).render(&mut page)?;
    if let Some(after) = after {
        writeln!(page, ".SH EXAMPLES\n.nf")?;
        for line in after.lines().filter(|line| *line != "Examples:") {
            writeln!(page, "{}", roff(line))?;
        }
        writeln!(page, ".fi")?;
    }
    Ok(page)
}

/// A line of text that nothing in it changes.
fn roff(line: &str) -> String {
    let escaped = line.replace('\\', "\\(rs").replace('-', "\\-");
    // A dot or an apostrophe in front would be a command.
    if escaped.starts_with(['.', '\'']) { format!("\\&{escaped}") } else { escaped }
}
