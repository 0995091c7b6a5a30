//! `espalier man`: one page for the command and one for each subcommand.

use crate::args::Cli;
use crate::console;
use crate::failure::Failure;
use clap::builder::Resettable;
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use espalier::file::{WriteError, make_folder, write_all};
use std::io::Write as _;
use std::path::Path;

pub(crate) fn run(out: Option<&Path>) -> Result<(), Failure> {
    // There is a command `help`, but no page about it.
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let Some(folder) = out else { return console::print_bytes(&page(&command)?) };
    let failed = |error: WriteError| Failure::from(error).within("--out");
    make_folder(folder).map_err(failed)?;
    let mut pages = Vec::new();
    let mut commands = vec![&command];
    while let Some(command) = commands.pop() {
        let name = command.get_display_name().unwrap_or(command.get_name());
        pages.push((folder.join(format!("{name}.1")), page(command)?));
        commands.extend(command.get_subcommands());
    }
    write_all(pages, true).map_err(failed)
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
