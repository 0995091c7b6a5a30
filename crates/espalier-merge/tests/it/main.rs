//! Merging files, from recipe to folder.

mod adapters;
mod common;
mod configs;
mod elsewhere;
mod folders;
mod hostile;
mod out_adapter;
mod vocabularies;
