//! `espalier key`.

use crate::args::{KeyArgs, KeyCommand};
use crate::console;
use crate::failure::Failure;
use espalier::store::KeyFile;

pub(crate) fn run(args: &KeyArgs, quiet: bool) -> Result<(), Failure> {
    let (public_key, file) = match &args.command {
        KeyCommand::New(file) => (KeyFile::create(&file.file)?, file),
        KeyCommand::Show(file) => (KeyFile::public_key(&file.file)?, file),
    };
    if file.json {
        let json = serde_json::json!({ "public_key": public_key });
        return console::print_json(&format!("{json}\n"));
    }
    if quiet {
        return Ok(());
    }
    console::print(&format!("{public_key}\n"))
}
