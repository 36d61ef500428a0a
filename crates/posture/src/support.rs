//! Until when the makers of operating systems support them (4D): dated data that an administrator can renew.

use std::collections::BTreeMap;

use crate::day::Day;
use crate::facts::Os;
use crate::policy::{Complaints, Fields, MAX_POLICY, Node, Reader, Value};

/// The table that comes with this release.
pub const BUILT_IN: &str = include_str!("support.toml");

/// The most products, versions of one and editions of one.
const MAX_PRODUCTS: usize = 128;
const MAX_VERSIONS: usize = 256;
const MAX_EDITIONS: usize = 16;

/// Support dates by product and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupportTable {
    /// When somebody last looked the dates up.
    pub as_of: Day,
    products: BTreeMap<String, BTreeMap<String, Vec<Line>>>,
}

/// How long a system is supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Support {
    /// The last day; none where no end has been announced.
    pub ends: Option<Day>,
    /// The last day of long-term or paid support, where there is such.
    pub extended: Option<Day>,
}

/// The support of some editions; without editions, of those that are not named otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    editions: Vec<String>,
    support: Support,
}

impl SupportTable {
    /// The table that comes with this release.
    ///
    /// # Panics
    /// Never: a test reads it.
    pub fn built_in() -> Self {
        Self::from_toml(BUILT_IN).expect("the table that comes with this release is sound")
    }

    /// Reads a table in TOML.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_toml(text: &str) -> Result<Self, Complaints> {
        let mut reader = Reader::default();
        if text.len() > MAX_POLICY {
            reader.complain::<()>(None, "", format!("is longer than {MAX_POLICY} bytes"));
            return reader.finish(None);
        }
        let node = Node::from_toml(text)?;
        let table = table(&mut reader, &node);
        reader.finish(table)
    }

    /// How long `os` is supported; `None` where the table does not know it.
    pub fn of(&self, os: &Os) -> Option<Support> {
        let product = match os.product.as_str() {
            "windows" if os.server => "windows-server",
            product => product,
        };
        let versions = self.products.get(product)?;
        let lines = std::iter::successors(Some(os.version.as_str()), |version| shorter(version))
            .find_map(|version| versions.get(version))
            .or_else(|| versions.get("*"))?;
        let edition = os.edition.as_deref().unwrap_or_default().to_lowercase();
        let named = lines.iter().find(|line| line.editions.contains(&edition));
        named.or_else(|| lines.iter().find(|line| line.editions.is_empty())).map(|line| line.support)
    }
}

/// The version that `version` is a release of, such as 9 for 9.4, 3.20 for 3.20.1 and 7 for 7 SP1.
fn shorter(version: &str) -> Option<&str> {
    version.rfind(['.', ' ']).and_then(|end| version.get(..end))
}

fn table(reader: &mut Reader, node: &Node) -> Option<SupportTable> {
    let fields = reader.table(node, "", &["schema", "as_of", "systems"])?;
    reader.required(&fields, "schema", |reader, node, path| reader.number(node, path, 1..=1))?;
    let as_of = reader.required(&fields, "as_of", day);
    let products = reader.required(&fields, "systems", |reader, node, path| {
        let fields = reader.any_table(node, path)?;
        entries(reader, &fields, MAX_PRODUCTS, |reader, node, path| {
            let fields = reader.any_table(node, path)?;
            entries(reader, &fields, MAX_VERSIONS, version)
        })
    });
    Some(SupportTable { as_of: as_of?, products: products? })
}

fn entries<T>(
    reader: &mut Reader,
    fields: &Fields<'_>,
    most: usize,
    mut read: impl FnMut(&mut Reader, &Node, &str) -> Option<T>,
) -> Option<BTreeMap<String, T>> {
    if fields.entries().len() > most {
        return reader.refuse(fields, format!("must hold at most {most} entries"));
    }
    let mut map = BTreeMap::new();
    for entry in fields.entries() {
        let quoted = format!("{:?}", entry.name.chars().take(64).collect::<String>());
        if let Some(value) = read(reader, &entry.node, &fields.path(&quoted)) {
            map.insert(entry.name.clone(), value);
        }
    }
    Some(map)
}

fn version(reader: &mut Reader, node: &Node, path: &str) -> Option<Vec<Line>> {
    match &node.value {
        Value::List(_) => reader.list(node, path, MAX_EDITIONS, line),
        Value::Text(_) | Value::Table(_) | Value::Number(_) | Value::Truth(_) | Value::Other => {
            Some(vec![line(reader, node, path)?])
        }
    }
}

fn line(reader: &mut Reader, node: &Node, path: &str) -> Option<Line> {
    let Value::Table(_) = node.value else {
        let support = Support { ends: end(reader, node, path)?, extended: None };
        return Some(Line { editions: Vec::new(), support });
    };
    let fields = reader.table(node, path, &["ends", "extended", "editions"])?;
    let ends = reader.required(&fields, "ends", end);
    let extended = reader.optional(&fields, "extended", day);
    let editions = reader.optional(&fields, "editions", |reader, node, path| {
        reader.list(node, path, MAX_EDITIONS, |reader, node, path| {
            Some(reader.text(node, path)?.to_lowercase())
        })
    });
    Some(Line { editions: editions.unwrap_or_default(), support: Support { ends: ends?, extended } })
}

/// A day, or `"current"` where none has been announced.
fn end(reader: &mut Reader, node: &Node, path: &str) -> Option<Option<Day>> {
    if matches!(&node.value, Value::Text(text) if text == "current") {
        return Some(None);
    }
    let Value::Text(_) = node.value else {
        return reader.complain(node.at, path, "must be a day such as 2027-01-31, or \"current\"");
    };
    day(reader, node, path).map(Some)
}

fn day(reader: &mut Reader, node: &Node, path: &str) -> Option<Day> {
    reader.parsed(node, path, |text| text.parse::<Day>())
}

#[cfg(test)]
mod tests;
