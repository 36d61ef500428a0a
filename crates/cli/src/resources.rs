//! `praya resources` and `praya open`: what is published to the person, and getting there.

use std::process::Stdio;

use praya_ipc::{Client, Request, Response};
use praya_model::resource::ResourceKind;
use praya_model::{FailureCode, Resource};
use praya_texts::printable;
use tokio::process::Command;

use crate::exit::Exit;
use crate::format::{padded, widest};
use crate::out::{Out, Tone};
use crate::{Ended, text};

/// Every kind, so that the columns of two lists stand alike.
const KINDS: [ResourceKind; 5] =
    [ResourceKind::Web, ResourceKind::Rdp, ResourceKind::Ssh, ResourceKind::FileShare, ResourceKind::Other];
/// Starts the person's browser (xdg-utils).
const BROWSER: &str = "xdg-open";

/// Lists the resources, grouped.
pub(crate) async fn list(client: &Client, out: Out) -> Result<(), Ended> {
    let resources = fetch(client).await?;
    Ok(out.either(&resources, |resources| table(resources, out))?)
}

/// Opens the resource that the person named.
pub(crate) async fn open(client: &Client, name: &str, out: Out) -> Result<(), Ended> {
    let resources = fetch(client).await?;
    let resource =
        find(&resources, name).ok_or_else(|| FailureCode::NoSuchResource { name: name.to_owned() })?;
    if resource.kind != ResourceKind::Web {
        return Ok(out.either(resource, |resource| text::use_address(resource.kind, &resource.address))?);
    }
    if !is_web_address(&resource.address) {
        return Err(FailureCode::BadResource { name: resource.name.clone() }.into());
    }
    // One argument, no shell; a checked scheme, so that it cannot be taken for an option.
    let browser = Command::new(BROWSER)
        .arg(&resource.address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await;
    let opened = browser.is_ok_and(|status| status.success());
    out.either(resource, |resource| {
        if opened {
            text::say_with("cli-opened", &[("name", (&resource.name).into())])
        } else {
            text::say_with("cli-open-yourself", &[("address", (&resource.address).into())])
        }
    })?;
    if opened { Ok(()) } else { Err(Ended::Silent(Exit::Failed)) }
}

async fn fetch(client: &Client) -> Result<Vec<Resource>, Ended> {
    let answer = client.request(Request::Resources).await?;
    let Response::Resources { resources } = answer else { return Err(Ended::unexpected()) };
    Ok(resources)
}

/// The resource of that name or identifier; upper and lower case do not matter where only one fits.
fn find<'a>(resources: &'a [Resource], name: &str) -> Option<&'a Resource> {
    let exact = resources.iter().find(|resource| resource.name == name || resource.id.as_str() == name);
    exact.or_else(|| {
        let folded = name.to_lowercase();
        let mut fitting = resources.iter().filter(|resource| resource.name.to_lowercase() == folded);
        fitting.next().filter(|_| fitting.next().is_none())
    })
}

/// Only these schemes go to a browser, whatever a gateway publishes.
fn is_web_address(address: &str) -> bool {
    let scheme = address.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https"))
        && !address.chars().any(|c| c.is_control() || c.is_whitespace())
}

fn table(resources: &[Resource], out: Out) -> String {
    if resources.is_empty() {
        return text::say("cli-no-resources");
    }
    let width = widest(resources.iter().map(|resource| printable(&resource.name)));
    let kind_width = widest(KINDS.map(text::kind));
    let mut lines = Vec::new();
    let mut group = None;
    for resource in resources {
        if group != Some(&resource.group) {
            if group.is_some() {
                lines.push(String::new());
            }
            lines.push(out.paint(Tone::Heading, &printable(resource.group.as_str())));
            group = Some(&resource.group);
        }
        let name = padded(&printable(&resource.name), width);
        let kind = padded(&text::kind(resource.kind), kind_width);
        let address = printable(&resource.address);
        lines.push(format!("  {name}  {kind}  {address}").trim_end().to_owned());
        if !resource.description.is_empty() {
            lines.push(format!("  {:<width$}  {}", "", printable(&resource.description)));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use praya_model::{GroupName, ResourceId};

    use super::*;

    fn resource(id: &str, name: &str, group: &str, address: &str) -> Resource {
        Resource {
            id: ResourceId::new(id),
            name: name.into(),
            description: String::new(),
            group: GroupName::new(group),
            kind: ResourceKind::Web,
            address: address.into(),
            endpoints: vec![],
        }
    }

    #[test]
    fn a24_resources_stand_under_their_groups() {
        let list = [
            resource("1", "Wiki", "staff", "https://wiki.lab/"),
            resource("2", "Pay", "staff", "https://pay.lab/"),
            resource("3", "Boards", "it", "http://boards.lab/"),
        ];
        assert_eq!(
            table(&list, Out::new(true)),
            "staff\n  Wiki    web             https://wiki.lab/\n  Pay     web             https://pay.lab/\n\n\
             it\n  Boards  web             http://boards.lab/"
        );
    }

    #[test]
    fn a_name_is_found_exactly_first_and_by_folding_only_when_it_is_clear() {
        let list =
            [resource("1", "Wiki", "a", ""), resource("2", "wiki", "a", ""), resource("3", "Pay", "a", "")];
        let id = |name| find(&list, name).map(|found| found.id.as_str().to_owned());
        assert_eq!(id("wiki").as_deref(), Some("2"));
        assert_eq!(id("WIKI"), None);
        assert_eq!(id("pay").as_deref(), Some("3"));
        assert_eq!(id("3").as_deref(), Some("3"));
    }

    #[test]
    fn only_web_addresses_reach_a_browser() {
        for good in ["http://a/", "https://wiki.lab/page?x=1", "HTTPS://a"] {
            assert!(is_web_address(good), "{good}");
        }
        for bad in [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "--help",
            "wiki.lab",
            "ssh://x",
            "http://a b",
            "http://a\n",
        ] {
            assert!(!is_web_address(bad), "{bad}");
        }
    }
}
