//! What is wrong with a file of policy or of dates: each complaint names the line, the field and what is allowed.

use std::fmt;

/// The most complaints about one file; more would not be read.
const MAX_COMPLAINTS: usize = 20;

/// Why a file was refused: everything that is wrong with it, in its order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", list(.0))]
pub struct Complaints(Vec<Complaint>);

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Where; JSON does not tell.
    pub at: Option<Place>,
    /// The field with those that hold it, such as `requirements[antivirus].antivirus.families`; empty for the whole.
    pub field: String,
    /// What is wrong and what is allowed.
    pub problem: String,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
}

impl Complaints {
    /// All of them; at least one.
    pub fn all(&self) -> &[Complaint] {
        &self.0
    }

    /// Just that one.
    pub fn one(complaint: Complaint) -> Self {
        Self(vec![complaint])
    }

    /// `Ok` where there is nothing to complain about.
    pub(crate) fn none_of(mut complaints: Vec<Complaint>) -> Result<(), Self> {
        if complaints.is_empty() {
            return Ok(());
        }
        complaints.sort_by_key(|complaint| complaint.at.map(|place| place.line));
        complaints.truncate(MAX_COMPLAINTS);
        Err(Self(complaints))
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Place { line, .. }) = self.at {
            write!(f, "line {line}")?;
        }
        if self.at.is_some() && !self.field.is_empty() {
            f.write_str(", ")?;
        }
        f.write_str(&self.field)?;
        if self.at.is_some() || !self.field.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.problem)
    }
}

fn list(complaints: &[Complaint]) -> String {
    complaints.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
