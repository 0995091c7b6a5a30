//! A delta-state add-wins OR-Set without stored tombstones
