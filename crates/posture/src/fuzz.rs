//! What the fuzz targets in `tests/fuzz` and the replay of the committed corpus both call: the decoders of one system
//! each, over the same bytes.
//!
//! Each takes any bytes and must return. What it asserts beyond that holds for every input.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use crate::decode::product::{Reported, merge};
use crate::decode::{
    clamd, cvd, date, dconf, definitions, dpkg, efi, eset, firewall_profiles, firewalld, kesl, lsblk,
    macos as programs, mdatp, mp_status, nft, os_release, processes, product, product_state, rpm,
    system_extensions, ufw, uninstall, units, updates, volume, windows_version, wsc, xprotect,
};
use crate::facts::{MAX_PRODUCTS, MAX_TEXT, Os};

/// clamd's replies and configuration, and the header of its databases.
pub fn clamav(data: &[u8]) {
    let _ = clamd::pong(data);
    if let Ok(clamd::Version::Told { engine, .. }) = clamd::version(data, &TimeZone::UTC) {
        fits(&engine);
    }
    if let Ok(header) = cvd::header(data) {
        let begin = data.get(..cvd::HEADER).unwrap_or(data);
        assert_eq!(cvd::header(begin), Ok(header), "a header lies within its 512 bytes");
    }
    let text = String::from_utf8_lossy(data);
    let config = clamd::config(&text);
    for path in config.socket.iter().chain(&config.databases) {
        assert!(path.starts_with('/'), "a path of the configuration is absolute");
    }
}

/// Files and programs of Linux.
pub fn linux(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(os) = os_release::os(&text, &text, &text) {
        os_fits(&os);
    }
    if let Ok(source) = lsblk::root_source(&text) {
        let _ = lsblk::system_disk(data, &source);
    }
    let _ = (lsblk::system_disk(data, "/dev/sda1"), nft::filtered(data), efi::secure_boot(data));
    let _ = (ufw::enabled(&text), firewalld::trusts_all(&text), units::is_active(&text, "ufw.service"));
    let _ =
        (dpkg::last_upgrade(&text, &TimeZone::UTC), rpm::last_upgrade(&text), rpm::last_dnf5_upgrade(&text));
    for version in [dpkg::version(&text, "clamav-daemon"), rpm::version(&text, "clamd")].iter().flatten() {
        fits(version);
    }
    for told in [mdatp::defender(data), eset::modules(&text), kesl::kaspersky(&text, &TimeZone::UTC)] {
        told.iter().for_each(product_fits);
    }
    let _ = (processes::accounts(&text), processes::listeners(&text, 3310));
    let _ = processes::administers_networks(&text);
    assert!(!processes::is_called(&text, "clamd") || text.trim_end() == "clamd", "a name is a name");
    let locked: BTreeSet<&str> = dconf::locks(&text).collect();
    let _ = dconf::screen_lock(&dconf::settings(&text), |path| locked.contains(path));
    for name in dconf::system_databases(&text) {
        assert!(!name.contains(['/', '.']), "a name of a database is no path");
    }
}

/// Files and programs of macOS.
pub fn macos(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(products) = system_extensions::products(&text) {
        assert!(products.len() <= MAX_PRODUCTS, "a list has an end");
        products.iter().for_each(product_fits);
    }
    if let Ok(os) = programs::os(&text, &text) {
        os_fits(&os);
    }
    let _ = (programs::firewall(&text), programs::disk(&text));
    let _ = (programs::system_integrity(&text), programs::gatekeeper(&text));
    let _ = (programs::secure_boot(&text), programs::screen_lock(data), updates::macos(&text));
    if let Ok(version) = xprotect::version(&text) {
        fits(&version);
    }
}

/// Interfaces and registry values of Windows; numbers are taken from the beginning, rows from the lines.
pub fn windows(data: &[u8]) {
    let number = data.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let state = product_state::product_state(number);
    let owner = product_state::product_state(number ^ 0x100);
    assert_eq!(state.real_time, owner.real_time, "the owner's bit is no state");
    let _ = volume::protection_status(number);
    let text = String::from_utf8_lossy(data);
    let signed = number.cast_signed();
    let name = text.clone().into_owned();
    let row = wsc::Row { name, state: signed, signatures: Some(signed), remedy: Some(String::new()) };
    product_fits(&wsc::product(&row));
    if let Some(firewall) = wsc::other_firewall(&row) {
        fits(&firewall.name);
    }
    let _ = (date::cim(&text), product::family(&text));
    product_fits(&product_state::product(&text, number));
    let _ = (updates::is_update(&text), updates::installed_on(&text));
    assert!(updates::hotfixes(text.split(','), 2).len() <= 2, "a list has an end");
    let _ = date::filetime(u64::from(number) << 32 | u64::from(number));
    let _ = (definitions::eset(&text), definitions::symantec_day(&text), definitions::kaspersky(number));
    fits(&definitions::trend_micro(number));
    if let Ok(version) = definitions::symantec(&text) {
        fits(&version);
    }
    if let Ok(defender) = mp_status::defender(mp_status::rows(&text)) {
        product_fits(&defender);
    }
    let values: Vec<(&str, &str)> = mp_status::rows(&text).collect();
    if let Ok(os) = windows_version::os(&values, &text) {
        os_fits(&os);
    }
    let _ = firewall_profiles::firewall(values.iter().map(|(name, _)| (*name, number)));
    let products = uninstall::products(values.iter().map(|(key, name)| (*key, *name, *name)));
    assert!(products.len() <= MAX_PRODUCTS, "a list has an end");
    assert_eq!(merge(products.clone()), products, "what is merged stays as it is");
    products.iter().for_each(product_fits);
}

fn fits(text: &str) {
    assert!(text.len() <= MAX_TEXT && !text.contains(char::is_control), "a text fits into a fact");
}

fn os_fits(os: &Os) {
    for text in [&os.product, &os.title, &os.version, &os.build, &os.arch].into_iter().chain(&os.edition) {
        fits(text);
    }
}

fn product_fits(product: &Reported) {
    fits(&product.name);
    let versions = [&product.version, &product.engine_version, &product.definitions_version];
    for text in versions.into_iter().flatten() {
        fits(text);
    }
}
