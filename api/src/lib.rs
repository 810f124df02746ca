//! Huimin Ledger's use cases and their skins.
//!
//! [`app`] holds the use cases: authorise, load, let the domain judge, save, record. They are the
//! only callers of the store. [`cli`], [`http`] and [`web`] are thin skins over them, [`demo`] a
//! year of work done through them, [`bench`] a month of any size with its figures; [`print`] puts
//! reports on paper.

pub mod app;
pub mod bench;
pub mod cli;
pub mod demo;
pub mod http;
pub mod print;
pub mod web;
