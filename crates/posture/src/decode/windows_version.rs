//! `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion`: which Windows it is. `ProductName` says Windows 10 also on
//! Windows 11, so the build decides.

use super::{Malformed, clip, said};
use crate::facts::{Os, OsFamily};

const WRONG: Malformed = Malformed("a version of Windows");

/// From the values of the key as `(name, value)`, numbers in decimal.
///
/// # Errors
/// Without a build number.
pub fn os(values: &[(&str, &str)], arch: &str) -> Result<Os, Malformed> {
    let value = |wanted: &str| {
        values.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.trim()).unwrap_or_default()
    };
    let build: u32 = [value("CurrentBuild"), value("CurrentBuildNumber")]
        .iter()
        .find_map(|build| build.parse().ok())
        .ok_or(WRONG)?;
    let server = value("InstallationType").starts_with("Server")
        || value("EditionID").starts_with("Server")
        || value("ProductName").contains("Server");
    let edition = edition(value("EditionID"));
    let (version, title) = if server {
        let release = server_release(build).unwrap_or(value("DisplayVersion"));
        (release.to_owned(), value("ProductName").to_owned())
    } else {
        client(build, &value, edition.as_deref())
    };
    Ok(Os {
        family: OsFamily::Windows,
        product: if server { "windows-server" } else { "windows" }.to_owned(),
        title: said(&title).unwrap_or_else(|| "Windows".to_owned()),
        version: clip(&version),
        build: match value("UBR").parse::<u32>() {
            Ok(revision) => format!("{build}.{revision}"),
            Err(_) => build.to_string(),
        },
        edition,
        server,
        arch: clip(arch),
    })
}

/// Release and title of a client's Windows.
fn client<'a>(build: u32, value: &impl Fn(&str) -> &'a str, edition: Option<&str>) -> (String, String) {
    let old = match build {
        ..6000 => Some("XP"),
        6000..7600 => Some("Vista"),
        7600..9200 => Some("7"),
        9200..9600 => Some("8"),
        9600..10240 => Some("8.1"),
        _ => None,
    };
    if let Some(old) = old {
        let pack = value("CSDVersion").strip_prefix("Service Pack ").map(|pack| format!(" SP{pack}"));
        return (format!("{old}{}", pack.unwrap_or_default()), value("ProductName").to_owned());
    }
    let number = if build < 22_000 { "10" } else { "11" };
    let release =
        match [value("DisplayVersion"), value("ReleaseId")].into_iter().find(|name| !name.is_empty()) {
            Some(release) => release,
            None if build == 10_240 => "1507",
            None => "",
        };
    let version = format!("{number} {release}").trim_end().to_owned();
    (version, format!("Windows {number} {}", edition.unwrap_or_default()))
}

fn server_release(build: u32) -> Option<&'static str> {
    Some(match build {
        3790 => "2003",
        6001..=6003 => "2008",
        7600 | 7601 => "2008 R2",
        9200 => "2012",
        9600 => "2012 R2",
        14_393 => "2016",
        17_763 => "2019",
        20_348 => "2022",
        26_100 => "2025",
        _ => return None,
    })
}

/// `EditionID` in the words of the product's own pages; one that is not known stays as it is.
fn edition(id: &str) -> Option<String> {
    let known = match id {
        "Core" | "CoreN" => "Home",
        "CoreSingleLanguage" => "Home Single Language",
        "CoreCountrySpecific" => "Home China",
        "Professional" | "ProfessionalN" => "Pro",
        "ProfessionalWorkstation" | "ProfessionalWorkstationN" => "Pro for Workstations",
        "ProfessionalEducation" | "ProfessionalEducationN" => "Pro Education",
        "EducationN" => "Education",
        "EnterpriseN" => "Enterprise",
        "EnterpriseS" | "EnterpriseSN" => "Enterprise LTSC",
        "IoTEnterprise" => "IoT Enterprise",
        "IoTEnterpriseS" => "IoT Enterprise LTSC",
        "ServerStandard" => "Standard",
        "ServerDatacenter" => "Datacenter",
        other => return said(other),
    };
    Some(known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[(&str, &str)]) -> (String, String, String, Option<String>, bool) {
        let os = os(values, "x86_64").unwrap();
        (os.title, os.version, os.build, os.edition, os.server)
    }

    #[test]
    fn a05_every_listed_windows_and_the_current_ones() {
        for (values, title, version, build, edition, server) in [
            (
                &[
                    ("ProductName", "Windows 10 Pro"),
                    ("CurrentBuild", "26100"),
                    ("UBR", "2033"),
                    ("DisplayVersion", "24H2"),
                    ("EditionID", "Professional"),
                    ("InstallationType", "Client"),
                ][..],
                "Windows 11 Pro",
                "11 24H2",
                "26100.2033",
                Some("Pro"),
                false,
            ),
            (
                &[
                    ("ProductName", "Windows 10 Enterprise LTSC 2021"),
                    ("CurrentBuild", "19044"),
                    ("UBR", "4529"),
                    ("ReleaseId", "2009"),
                    ("DisplayVersion", "21H2"),
                    ("EditionID", "EnterpriseS"),
                ],
                "Windows 10 Enterprise LTSC",
                "10 21H2",
                "19044.4529",
                Some("Enterprise LTSC"),
                false,
            ),
            (
                &[("CurrentBuild", "17763"), ("ReleaseId", "1809"), ("EditionID", "Enterprise")],
                "Windows 10 Enterprise",
                "10 1809",
                "17763",
                Some("Enterprise"),
                false,
            ),
            (
                &[("CurrentBuild", "10240"), ("EditionID", "Core")],
                "Windows 10 Home",
                "10 1507",
                "10240",
                Some("Home"),
                false,
            ),
            (
                &[
                    ("ProductName", "Windows 7 Professional"),
                    ("CurrentBuild", "7601"),
                    ("CSDVersion", "Service Pack 1"),
                    ("EditionID", "Professional"),
                ],
                "Windows 7 Professional",
                "7 SP1",
                "7601",
                Some("Pro"),
                false,
            ),
            (
                &[
                    ("ProductName", "Microsoft Windows XP"),
                    ("CurrentBuildNumber", "2600"),
                    ("CSDVersion", "Service Pack 3"),
                ],
                "Microsoft Windows XP",
                "XP SP3",
                "2600",
                None,
                false,
            ),
            (
                &[
                    ("ProductName", "Windows Vista (TM) Business"),
                    ("CurrentBuild", "6002"),
                    ("CSDVersion", "Service Pack 2"),
                ],
                "Windows Vista (TM) Business",
                "Vista SP2",
                "6002",
                None,
                false,
            ),
            (
                &[("ProductName", "Windows 8"), ("CurrentBuild", "9200")],
                "Windows 8",
                "8",
                "9200",
                None,
                false,
            ),
            (
                &[("ProductName", "Windows 8.1 Pro"), ("CurrentBuild", "9600")],
                "Windows 8.1 Pro",
                "8.1",
                "9600",
                None,
                false,
            ),
            (
                &[
                    ("ProductName", "Windows Server 2022 Standard"),
                    ("CurrentBuild", "20348"),
                    ("UBR", "2700"),
                    ("DisplayVersion", "21H2"),
                    ("EditionID", "ServerStandard"),
                    ("InstallationType", "Server Core"),
                ],
                "Windows Server 2022 Standard",
                "2022",
                "20348.2700",
                Some("Standard"),
                true,
            ),
            (
                &[("CurrentBuild", "25398"), ("DisplayVersion", "23H2"), ("InstallationType", "Server")],
                "Windows",
                "23H2",
                "25398",
                None,
                true,
            ),
        ] {
            let expected =
                (title.to_owned(), version.to_owned(), build.to_owned(), edition.map(str::to_owned), server);
            assert_eq!(read(values), expected);
        }
    }

    #[test]
    fn without_a_build_it_is_not_known() {
        assert_eq!(os(&[("CurrentBuild", "many"), ("ProductName", "Windows 11")], ""), Err(WRONG));
    }
}
