//! Accounts, passwords, tokens and lockouts: rules over a store trait.
//!
//! Time is an argument everywhere; nothing here reads a clock, opens a file or logs.
#![warn(missing_docs)]

pub mod account;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
pub mod limits;
pub mod lockout;
pub mod memory;
pub mod otp;
pub mod password;
pub mod people;
pub mod random;
pub mod sealed;
pub mod store;
pub mod token;
pub mod tokens;

pub use account::{Account, AccountState, fold_name};
pub use sealed::WrappingKey;
pub use store::{IdentityStore, StoreError};
pub use token::{OtpAlgorithm, Token, TokenKind, TokenState};
