//! Every acceptance test, in one program: the product's code is compiled for tests once, not once
//! for each file. `cargo nextest run -p acceptance funding::` runs those of one file.
//!
//! To add a file: a line here.

mod answers;
mod approval;
mod bank_files;
mod bank_messages;
mod bank_reports;
mod bench;
mod bulk;
mod calendar;
mod chromium;
mod clash;
mod cli;
mod closed_loop;
mod concurrency;
mod crash;
mod dashboard;
mod demo;
mod differences;
mod driver;
mod eligibility;
mod exceptions;
mod funding;
mod histories;
mod lessons;
mod migrations;
mod months;
mod notices;
mod operation;
mod packs;
mod pages;
mod parties;
mod print;
mod publication;
mod queues;
mod reads;
mod recovery;
mod regressions;
mod rest;
mod rest_month;
mod rosters;
mod scale;
mod schema;
mod screens;
mod service;
mod sources;
mod statement_files;
mod statements;
mod tamper;
mod tidy;
