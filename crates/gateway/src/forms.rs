//! The sign-in conversation for AnyConnect-compatible clients: the same steps as in the API, as XML pages.
//!
//! [`page`] turns a step into a page and a page's answer into an answer, and is pure. [`handlers`] carries them over
//! HTTP: the ticket travels in the cookie `webvpncontext`, and the path that an answer is posted to says which page
//! it answers.

mod handlers;
mod html;
pub mod page;

pub use handlers::router;
