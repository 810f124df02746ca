//! XML without surprises: a tree of elements with the line and column of each, and its writer.
//!
//! No document type, no entities but the five of XML itself, no external references, no network.
//! Depth, elements and bytes are limited, and a file beyond a limit is refused where it crosses
//! it. What no reader has looked at is reported, not lost ([`Document::report_unread`]).

mod document;
mod writer;

pub(crate) use document::{Document, Element, Text, root_of};
pub(crate) use writer::Writer;
