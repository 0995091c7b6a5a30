//! Recipes from text to plan.
