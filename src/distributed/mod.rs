//! Training by several processes: what they send each other, and the order in which gradients are added.
//!
//! A [`Transport`] carries messages between processes; the [`Simulator`] has one whose processes are threads. A
//! [`Communicator`] runs a transport on a thread of its own, and a
//! [`Trainer`](crate::train::Trainer::communicator) uses it. The processes add the gradients of
//! [shards](crate::train::TrainOptions::shards) along a fixed tree, so the number of processes changes no bit.

mod communicator;
mod cost;
mod number_type;
mod reduce;
mod simulator;
mod transport;
mod tree;

pub use communicator::{Algorithm, Communicator, CommunicatorOptions, Traffic};
pub use cost::{Bucket, Network};
pub use number_type::NumberType;
pub use simulator::{SimulatedTransport, Simulator};
pub use transport::{Incoming, Outgoing, Transport};

pub(crate) use communicator::Running;
pub(crate) use reduce::{ReducePlan, shards_of};
pub(crate) use tree::{PartialSums, nodes_within};
