//! `praya-gateway resource …`

use std::net::IpAddr;

use clap::{Subcommand, ValueEnum};
use praya_model::resource::{Endpoint, PortRange, Protocol, ResourceKind};
use praya_model::{GroupName, Resource, ResourceId};

use super::{Context, Table, format_endpoint, parse_endpoint, printable};
use crate::exit::{Code, Fatal, Result};
use crate::store::AuditEvent;

/// What is done to resources.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Publish a resource to a group.
    Add {
        /// Its identifier: 1 to 64 of a-z, 0-9, '-', '_' and '.'.
        id: String,
        /// The name people click; the identifier when not given.
        #[arg(long)]
        name: Option<String>,
        /// The group it is published to.
        #[arg(long)]
        group: String,
        /// How it is opened.
        #[arg(long, value_enum, default_value_t = Kind::Web)]
        kind: Kind,
        /// What is opened: a URL for `web`, else host, host:port or a share path.
        #[arg(long)]
        address: String,
        /// One line about it.
        #[arg(long, default_value = "")]
        description: String,
        /// What the gateway lets through for it, such as tcp:10.2.0.1:443; may be repeated. Taken from the address
        /// when that holds an IP address.
        #[arg(long = "endpoint", value_parser = parse_endpoint)]
        endpoints: Vec<Endpoint>,
    },
    /// Every resource.
    List,
    /// Change what is given; the rest stays.
    Update {
        /// Its identifier.
        id: String,
        /// The name people click.
        #[arg(long)]
        name: Option<String>,
        /// The group it is published to.
        #[arg(long)]
        group: Option<String>,
        /// How it is opened.
        #[arg(long, value_enum)]
        kind: Option<Kind>,
        /// What is opened.
        #[arg(long)]
        address: Option<String>,
        /// One line about it.
        #[arg(long)]
        description: Option<String>,
        /// In place of the present endpoints; may be repeated.
        #[arg(long = "endpoint", value_parser = parse_endpoint)]
        endpoints: Vec<Endpoint>,
    },
    /// Publish it no longer; packets to it stop at once.
    Remove {
        /// Its identifier.
        id: String,
    },
}

/// [`ResourceKind`] on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// In the browser.
    Web,
    /// With the remote-desktop program.
    Rdp,
    /// In a terminal.
    Ssh,
    /// In the file manager.
    FileShare,
    /// Not opened; the person copies the address.
    Other,
}

impl From<Kind> for ResourceKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Web => Self::Web,
            Kind::Rdp => Self::Rdp,
            Kind::Ssh => Self::Ssh,
            Kind::FileShare => Self::FileShare,
            Kind::Other => Self::Other,
        }
    }
}

pub(super) fn run(command: &Command, context: &mut Context<'_>) -> Result<()> {
    match command {
        Command::Add { id, name, group, kind, address, description, endpoints } => {
            check_id(id)?;
            if context.store.resources()?.iter().any(|resource| resource.id.as_str() == id) {
                return Err(Fatal::new(
                    Code::Failed,
                    format!("the resource \"{id}\" exists already; change it with `resource update {id}`"),
                ));
            }
            let resource = Resource {
                id: ResourceId::new(id.as_str()),
                name: name.clone().unwrap_or_else(|| id.clone()),
                description: description.clone(),
                group: GroupName::new(group.as_str()),
                kind: (*kind).into(),
                address: address.clone(),
                endpoints: endpoints.clone(),
            };
            put(context, resource, "added")
        }
        Command::List => list(context),
        Command::Update { id, name, group, kind, address, description, endpoints } => {
            let mut resource = find(context, id)?;
            if let Some(name) = name {
                resource.name.clone_from(name);
            }
            if let Some(group) = group {
                resource.group = GroupName::new(group.as_str());
            }
            if let Some(kind) = kind {
                resource.kind = (*kind).into();
            }
            if let Some(address) = address {
                resource.address.clone_from(address);
                if endpoints.is_empty() && implied(&resource).is_some() {
                    resource.endpoints.clear();
                }
            }
            if let Some(description) = description {
                resource.description.clone_from(description);
            }
            if !endpoints.is_empty() {
                resource.endpoints.clone_from(endpoints);
            }
            put(context, resource, "updated")
        }
        Command::Remove { id } => {
            let resource = find(context, id)?;
            context.store.delete_resource(&resource.id)?;
            changed(context, &resource, "removed")?;
            context
                .out
                .show(&serde_json::json!({ "id": resource.id, "removed": true }), || format!("{id}: removed"))
        }
    }
}

fn put(context: &mut Context<'_>, mut resource: Resource, code: &str) -> Result<()> {
    let wrong = |what: &str| Err(Fatal::new(Code::Failed, what.to_owned()));
    if !context.store.groups()?.iter().any(|group| group.name == resource.group) {
        return wrong(&format!(
            "there is no group \"{group}\"; make it with `praya-gateway group add {group}`",
            group = resource.group
        ));
    }
    for (what, text, most) in [
        ("name", &resource.name, 200),
        ("description", &resource.description, 500),
        ("address", &resource.address, 500),
    ] {
        if text.chars().count() > most || printable(text) != *text {
            return wrong(&format!("the {what} must be one line of at most {most} characters"));
        }
    }
    if resource.name.trim().is_empty() || resource.address.trim().is_empty() {
        return wrong("a resource needs a name and an address");
    }
    let is_url = ["http://", "https://"].iter().any(|scheme| resource.address.starts_with(scheme));
    if resource.kind == ResourceKind::Web && !is_url {
        return wrong("the address of a web resource is a URL that begins with http:// or https://");
    }
    if resource.endpoints.is_empty() {
        let Some(endpoint) = implied(&resource) else {
            return wrong(
                "the address holds no IP address, so say what to let through: --endpoint tcp:10.2.0.1:443",
            );
        };
        resource.endpoints.push(endpoint);
    }
    context.store.put_resource(&resource)?;
    changed(context, &resource, code)?;
    context.out.show(&resource, || table(std::slice::from_ref(&resource)))
}

/// The endpoint that the address itself names, when it holds an IP address.
fn implied(resource: &Resource) -> Option<Endpoint> {
    let (rest, default) = match resource.kind {
        ResourceKind::Web => match resource.address.strip_prefix("https://") {
            Some(rest) => (rest, 443),
            None => (resource.address.strip_prefix("http://")?, 80),
        },
        ResourceKind::Rdp => (resource.address.as_str(), 3389),
        ResourceKind::Ssh => (resource.address.as_str(), 22),
        ResourceKind::FileShare => {
            (resource.address.trim_start_matches("smb:").trim_start_matches(['/', '\\']), 445)
        }
        ResourceKind::Other => return None,
    };
    let authority = rest.split(['/', '\\', '?', '#']).next()?;
    let authority = authority.rsplit('@').next()?;
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, rest.strip_prefix(':'))
        }
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(default), |port| port.parse().ok())?;
    let address: IpAddr = host.parse().ok()?;
    Some(Endpoint { protocol: Protocol::Tcp, net: address.into(), ports: PortRange::one(port) })
}

fn list(context: &mut Context<'_>) -> Result<()> {
    let resources = context.store.resources()?;
    context.out.show(&resources, || table(&resources))
}

fn table(resources: &[Resource]) -> String {
    let mut table = Table::new(["ID", "GROUP", "NAME", "KIND", "ADDRESS", "LETS THROUGH"]);
    for resource in resources {
        let kind = match resource.kind {
            ResourceKind::Web => "web",
            ResourceKind::Rdp => "rdp",
            ResourceKind::Ssh => "ssh",
            ResourceKind::FileShare => "file-share",
            ResourceKind::Other => "other",
        };
        let endpoints: Vec<String> = resource.endpoints.iter().map(format_endpoint).collect();
        table.row([
            resource.id.to_string(),
            resource.group.to_string(),
            resource.name.clone(),
            kind.into(),
            resource.address.clone(),
            endpoints.join(" "),
        ]);
    }
    table.render("no resources; publish one with `praya-gateway resource add`")
}

fn find(context: &Context<'_>, id: &str) -> Result<Resource> {
    let found = context.store.resources()?.into_iter().find(|resource| resource.id.as_str() == id);
    found.ok_or_else(|| {
        Fatal::new(
            Code::Failed,
            format!("there is no resource \"{}\"; `praya-gateway resource list` shows them", printable(id)),
        )
    })
}

fn check_id(id: &str) -> Result<()> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    if (1..=64).contains(&id.len()) && id.bytes().all(plain) {
        return Ok(());
    }
    Err(Fatal::new(Code::Failed, "a resource's identifier has 1 to 64 of a-z, 0-9, '-', '_' and '.'"))
}

fn changed(context: &Context<'_>, resource: &Resource, code: &str) -> Result<()> {
    context.audit(AuditEvent::ResourceChanged, code, |record| {
        record.detail = serde_json::json!({ "resource": resource.id, "group": resource.group });
    })
}
