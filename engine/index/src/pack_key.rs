//! The key that the rows of a pack are stored under, NAME-VERSION-SETTINGS, and the id of the pack in it.

/// Returns name and version of a pack from the key of its rows, NAME-VERSION-SETTINGS.
///
/// Vectors of different ids cannot be compared; those of one id can, whatever the settings were.
pub fn pack_id(pack: &str) -> &str {
    pack.rsplit_once('-').map_or(pack, |(id, _settings)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_follow_the_last_dash() {
        assert_eq!(pack_id("mini-1.0-rc1-00ff00ff"), "mini-1.0-rc1");
        assert_eq!(pack_id("p"), "p");
    }
}
