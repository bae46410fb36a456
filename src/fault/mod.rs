//! The fault planes: what breaks, put in and taken out exactly.
//!
//! [`Planes`] binds every listener that a plan needs (links, the DNS server), holds one
//! [`Injector`] a fault, and takes faults in and out on request; *when* is the run's business.
//!
//! ```text
//!   visitors / services ──> link ──[ tcp toxics ]──[ http rules ]──> the real service
//!   resolvers ──────────> DNS server ──[ dns rules ]──> zones, or the system's resolver
//!   launched process <── ProcessControl (signals)
//!   anything else <── ExecControl (commands)
//! ```
//!
//! Two laws hold on every plane. A fault that is reported in force *is* in force; a removal is
//! verified by looking (a listener is dialled, a name is asked, a process is looked at) before it
//! is reported. And decisions are pure (`now`, what came) -> what happens, so that they are tested
//! without sockets or waiting; a thin shell of tasks carries them out.

mod board;
mod dns;
mod dose;
mod error;
mod exec;
mod http;
mod injector;
mod planes;
mod process;
mod tcp;
pub mod toxiproxy;

#[cfg(test)]
mod fixtures;

pub use dns::{NameFault, NameServer, can_resolve};
pub use error::{BindError, FaultError};
pub use exec::{ExecControl, ExecFailure, ExecJob};
pub use injector::{Injector, Removal};
pub use planes::Planes;
pub use process::{
    ProcessControl, ProcessFailure, ProcessHold, ProcessLimits, ProcessRoom, ProcessState,
};

#[cfg(fuzzing)]
pub(crate) use {
    dns::laws::packets_are_answered, http::rules_hold, toxiproxy::laws::requests_are_answered,
};
