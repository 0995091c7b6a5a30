//! Nodes in one process under virtual time: hundreds of seeded networks, judged as Maelstrom does.

#[path = "../../../tests/it/maelstrom/faults.rs"]
mod faults;
#[path = "../../../tests/it/maelstrom/judge.rs"]
mod judge;

mod economy;
mod hostile;
mod networks;
mod world;
