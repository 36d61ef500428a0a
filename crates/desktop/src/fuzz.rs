//! What the fuzz target and the replay of the committed corpus call.

use crate::invitation::Invitation;

/// Reads `data` as an invitation from a stranger.
///
/// # Panics
/// When one that is understood does not come back from its own link.
pub fn invitation(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(invitation) = Invitation::read(text) {
        assert_eq!(Invitation::read(&invitation.to_link()), Ok(invitation));
    }
}
