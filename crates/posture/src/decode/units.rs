//! `systemctl show --property=Id,ActiveState UNIT…`: a block of lines for each unit.

/// Whether the unit is active.
pub fn is_active(output: &str, unit: &str) -> bool {
    output.split("\n\n").any(|block| {
        let has = |wanted: &str, value: &str| {
            block.lines().any(|line| line.split_once('=') == Some((wanted, value)))
        };
        has("Id", unit) && has("ActiveState", "active")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn active_is_of_its_own_unit() {
        let output = "Id=ufw.service\nActiveState=active\n\nId=firewalld.service\nActiveState=inactive\n";
        assert!(is_active(output, "ufw.service"));
        assert!(!is_active(output, "firewalld.service") && !is_active(output, "nftables.service"));
        assert!(!is_active("Failed to connect to bus", "ufw.service"));
        assert!(!is_active("Id=a.service\nActiveState=activating\n", "a.service"));
    }
}
