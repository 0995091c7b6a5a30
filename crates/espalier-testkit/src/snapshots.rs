//! Where snapshots are kept and how they are written.

use crate::golden::fixtures_dir;

/// Settings that keep snapshots in `fixtures/snapshots/<subdir>` at the top of the repository.
///
/// The file is named by the snapshot's name alone, so always give one:
///
/// ```no_run
/// espalier_testkit::snapshots::settings("wire").bind(|| {
///     insta::assert_snapshot!("empty_frame", "45 53 50 4c");
/// });
/// ```
#[must_use]
pub fn settings(subdir: &str) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(fixtures_dir().join("snapshots").join(subdir));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_point_into_the_top_level_folder() {
        let settings = settings("wire");
        let path = settings.snapshot_path();
        assert!(path.is_absolute());
        assert!(path.ends_with("fixtures/snapshots/wire"), "{}", path.display());
    }
}
