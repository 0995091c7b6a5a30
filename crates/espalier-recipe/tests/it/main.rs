//! Recipes from text to plan.

mod flags;
mod hostile;
mod models;
mod plans;
mod refusals;
