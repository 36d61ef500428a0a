//! Names and identifiers as types of their own, so that none is taken for another.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "ts", derive(ts_rs::TS))]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps `text` as it is; where there is a rule for the text, its own constructor checks it.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// The name a person signs in with, already folded (see `praya_identity::account::fold_name`).
    AccountName
);
text_id!(
    /// The name of a group of people; resources are published to groups.
    GroupName
);
text_id!(
    /// A resource's stable identifier within one gateway.
    ResourceId
);
text_id!(
    /// A session's public identifier. It names a session in lists and logs and opens nothing; the cookie does that.
    SessionId
);
text_id!(
    /// The serial number printed on a token.
    TokenSerial
);
text_id!(
    /// A short code that a person reads to the help desk and that stands in the audit record of the same event.
    SupportCode
);
