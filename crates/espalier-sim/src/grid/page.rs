//! The grid as one HTML page that opens without a network.

use super::Grid;

/// The whole page.
pub(super) fn page(grid: &Grid) -> String {
    grid.to_json()
}
