//! What is due, and how a run takes it through approval to the bank.
//!
//! [`due`] computes lines and payments; [`workflow`] holds the states of runs and payments as
//! tables; [`recovery`] those of what was overpaid; [`role`] says who may do what, [`approval`] up
//! to which amount; [`publication`] how long a list hangs out first.

pub mod approval;
pub mod clash;
pub mod due;
pub mod publication;
pub mod recovery;
pub mod role;
pub mod workflow;
