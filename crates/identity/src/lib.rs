//! Accounts, passwords, tokens and lockouts: rules over a store trait.
