//! Files whose columns are found by headings: csv and workbooks.

pub(crate) mod archive;
pub(crate) mod csv;
pub(crate) mod grid;
mod ods;
pub(crate) mod workbook;
pub(crate) mod writer;
mod xls;
